package fsck

import (
	"math"

	"rump/ffs/ondisk"
)

// Offsets in a quota2 file (struct quota2_header) and in its entries (struct quota2_entry).
const (
	offQuotaMagic   = 0   // q2h_magic_number
	offQuotaType    = 4   // q2h_type
	offQuotaShift   = 5   // q2h_hash_shift
	offQuotaBuckets = 6   // q2h_hash_size
	offQuotaDefault = 8   // q2h_defentry
	offQuotaFree    = 104 // q2h_free
	offQuotaHash    = 112 // q2h_entries

	offEntryHard   = 0  // q2v_hardlimit, of blocks and, 40 on, of files
	offEntrySoft   = 8  // q2v_softlimit
	offEntryBlocks = 16 // q2e_val[QL_BLOCK].q2v_cur
	offEntryGrace  = 32 // q2v_grace
	offEntryFiles  = 56 // q2e_val[QL_FILE].q2v_cur
	quotaValSize   = 40
	offEntryNext   = 80 // q2e_next
	offEntryID     = 88 // q2e_uid
	quotaEntrySize = 96

	quotaGrace    = 7 * 24 * 3600 // seconds, of a new file
	maxQuotaSize  = 64 << 20      // bytes: more than half a million owners
	maxQuotaShift = 15
)

// A quotaFile is a quota2 file in memory. Entries are named by their offset in the file, as the file itself does.
type quotaFile struct {
	c      *checker
	kind   int
	ino    ondisk.Ino
	blocks []*block
}

// openQuota reads the quota file of a kind; nil if there is none or it makes no sense.
func (c *checker) openQuota(kind int) *quotaFile {
	ino := c.s.QuotaFile[kind]
	if !c.s.ValidIno(ino) || c.stateOf(ino) != file {
		return nil
	}
	d := c.inode(ino)
	if !d.IsRegular() || d.Size == 0 || d.Size > maxQuotaSize || c.s.InBlock(d.Size) != 0 || d.Flags&ondisk.FileSnapshot != 0 {
		return nil
	}
	q := &quotaFile{c: c, kind: kind, ino: ino}
	c.walkBlocks(d, c.runsOf(ino), func(f ondisk.Frag, n int, p place) step {
		if p.level == 0 && p.lbn == ondisk.Block(len(q.blocks)) {
			q.blocks = append(q.blocks, c.block(f, n))
		}
		return goOn
	})
	if int64(len(q.blocks))<<c.s.BShift != d.Size {
		return nil
	}
	h, o := q.blocks[0].b, c.s.Order
	shift := c.quotaShift()
	if o.Uint32(h[offQuotaMagic:]) != ondisk.Quota2Magic || int(h[offQuotaType]) != kind || int(h[offQuotaShift]) != shift ||
		int(o.Uint16(h[offQuotaBuckets:])) != 1<<shift {
		return nil
	}
	return q
}

// quotaShift is log2 of the lists of a quota file: as many as leave room for an entry.
func (c *checker) quotaShift() int {
	shift := 8
	for shift < maxQuotaShift && 8<<(shift+1)+offQuotaHash <= int(c.s.BSize) {
		shift++
	}
	return shift
}

func (q *quotaFile) first() int64 { return offQuotaHash + 8<<q.c.quotaShift() }

// slots calls fn for each place of an entry.
func (q *quotaFile) slots(fn func(off int64)) {
	bsize := int64(q.c.s.BSize)
	for i := range q.blocks {
		from := int64(0)
		if i == 0 {
			from = q.first()
		}
		for ; from+quotaEntrySize <= bsize; from += quotaEntrySize {
			fn(int64(i)*bsize + from)
		}
	}
}

// isSlot reports whether an entry can be at off.
func (q *quotaFile) isSlot(off uint64) bool {
	bsize := uint64(q.c.s.BSize)
	if off >= uint64(len(q.blocks))*bsize {
		return false
	}
	in, from := off%bsize, uint64(0)
	if off < bsize {
		from = uint64(q.first())
	}
	return in >= from && (in-from)%quotaEntrySize == 0 && in+quotaEntrySize <= bsize
}

// at is the bytes of the file from off to the end of the block there.
func (q *quotaFile) at(off int64) []byte {
	return q.blocks[off>>q.c.s.BShift].b[off&(int64(q.c.s.BSize)-1):]
}

func (q *quotaFile) save(off int64) { q.c.save(q.blocks[off>>q.c.s.BShift]) }

func (q *quotaFile) id(off int64) uint32 { return q.c.s.Order.Uint32(q.at(off)[offEntryID:]) }

func (q *quotaFile) use(off int64) quotaUse {
	e, o := q.at(off), q.c.s.Order
	return quotaUse{int64(o.Uint64(e[offEntryBlocks:])), int64(o.Uint64(e[offEntryFiles:]))}
}

func (q *quotaFile) setUse(off int64, u quotaUse) {
	e, o := q.at(off), q.c.s.Order
	o.PutUint64(e[offEntryBlocks:], uint64(u.blocks))
	o.PutUint64(e[offEntryFiles:], uint64(u.files))
}

// bucket is where the list begins that an owner's entry is in.
func (q *quotaFile) bucket(id uint32) int64 {
	return offQuotaHash + 8*int64(id&(1<<q.c.quotaShift()-1))
}

// list visits the entries of the list that begins at head, which end where one is no entry; visit says whether to go on. It reports whether the list
// came to an end.
func (q *quotaFile) list(head int64, visit func(off int64) bool) bool {
	o := q.c.s.Order
	for next := o.Uint64(q.at(head)); next != 0; {
		if !q.isSlot(next) || !visit(int64(next)) {
			return false
		}
		next = o.Uint64(q.at(int64(next))[offEntryNext:])
	}
	return true
}

// each visits every entry in use, of lists that checkLists found sound.
func (q *quotaFile) each(visit func(off int64)) {
	for i := range int64(1) << q.c.quotaShift() {
		q.list(offQuotaHash+8*i, func(off int64) bool { visit(off); return true })
	}
}

// checkLists sees that every entry is in one list, and in the right one. It reports false if they are not and stay so.
func (q *quotaFile) checkLists() bool {
	c := q.c
	used := map[int64]bool{} // by offset: is somebody's
	free := map[int64]bool{}
	owners := map[uint32]bool{}
	dup, wrong := false, -1
	for i := range int64(1) << c.quotaShift() {
		head := offQuotaHash + 8*i
		dup = !q.list(head, func(off int64) bool {
			id := q.id(off)
			if used[off] || owners[id] {
				return false
			}
			used[off], owners[id] = true, true
			if q.bucket(id) != head && wrong < 0 {
				wrong = int(i)
			}
			return true
		}) || dup
	}
	dup = !q.list(offQuotaFree, func(off int64) bool {
		ok := !used[off] && !free[off]
		free[off] = true
		return ok
	}) || dup
	missing := false
	q.slots(func(off int64) { missing = missing || !used[off] && !free[off] })
	if dup {
		c.warn(Damage, q.ino, "DUPLICATE QUOTA ENTRY")
		if !c.fix("FIX", "FIXED") {
			return false
		}
	}
	if wrong >= 0 {
		c.warn(Damage, q.ino, "QUOTA ENTRY IN WRONG HASH LIST %d", wrong)
		if !c.fix("FIX", "FIXED") {
			return false
		}
	}
	if missing && !dup {
		c.warn(Damage, q.ino, "QUOTA ENTRY NOT IN LIST")
		if !c.fix("FIX", "FIXED") {
			return false
		}
	}
	if dup || wrong >= 0 || missing {
		q.relink(used)
	}
	return c.stop == nil
}

// relink builds all lists anew: what is used in that of its owner, the rest in the list of what is free.
func (q *quotaFile) relink(used map[int64]bool) {
	o := q.c.s.Order
	clear(q.at(0)[offQuotaFree:q.first()])
	q.slots(func(off int64) {
		head := int64(offQuotaFree)
		if used[off] {
			head = q.bucket(q.id(off))
		}
		o.PutUint64(q.at(off)[offEntryNext:], o.Uint64(q.at(head)))
		o.PutUint64(q.at(head), uint64(off))
	})
	for i := len(q.blocks) - 1; i >= 0; i-- {
		q.c.save(q.blocks[i])
	}
}

// add makes an entry for an owner that has none, with the limits that are the default.
func (q *quotaFile) add(id uint32, u quotaUse) bool {
	o := q.c.s.Order
	off := int64(o.Uint64(q.at(offQuotaFree)))
	if off == 0 {
		if off = q.expand(); off == 0 {
			return false
		}
	}
	e, head := q.at(off), q.bucket(id)
	o.PutUint64(q.at(offQuotaFree), o.Uint64(e[offEntryNext:]))
	copy(e[:quotaEntrySize], q.at(offQuotaDefault))
	q.setUse(off, u)
	o.PutUint64(e[offEntryNext:], o.Uint64(q.at(head)))
	o.PutUint32(e[offEntryID:], id)
	o.PutUint64(q.at(head), uint64(off))
	q.save(off)
	q.save(0)
	return true
}

// expand adds a block of free entries to the file and returns the first of the list; 0 if there is no space.
func (q *quotaFile) expand() int64 {
	c := q.c
	if int64(len(q.blocks)+1)<<c.s.BShift > maxQuotaSize {
		return 0
	}
	b := make([]byte, c.s.BSize)
	base := int64(len(q.blocks)) << c.s.BShift
	last := int64(0)
	for in := int64(0); in+quotaEntrySize <= int64(c.s.BSize); in += quotaEntrySize {
		c.s.Order.PutUint64(b[in+offEntryNext:], uint64(last))
		last = base + in
	}
	if !c.growByBlock(q.ino, ondisk.Block(len(q.blocks)), b) {
		return 0
	}
	c.s.Order.PutUint64(q.at(offQuotaFree), uint64(last))
	q.save(0)
	grown := c.openQuota(q.kind)
	if grown == nil {
		return 0
	}
	q.blocks = grown.blocks
	return last
}

// createQuota makes an empty quota file.
func (c *checker) createQuota(kind int) bool {
	s := c.s
	ino := c.takeInode()
	if ino == 0 {
		return false
	}
	f := c.takeFrags(int(s.Frag))
	if f == 0 {
		return false
	}
	q := &quotaFile{c: c, kind: kind, ino: ino, blocks: []*block{{s.FragOffset(f), make([]byte, s.BSize), make([]byte, s.BSize)}}}
	h := q.blocks[0].b
	s.Order.PutUint32(h[offQuotaMagic:], ondisk.Quota2Magic)
	h[offQuotaType], h[offQuotaShift] = byte(kind), byte(c.quotaShift())
	s.Order.PutUint16(h[offQuotaBuckets:], uint16(1<<c.quotaShift()))
	for _, v := range []int{0, quotaValSize} {
		val := h[offQuotaDefault+v:]
		s.Order.PutUint64(val[offEntryHard:], math.MaxUint64)
		s.Order.PutUint64(val[offEntrySoft:], math.MaxUint64)
		s.Order.PutUint64(val[offEntryGrace:], quotaGrace)
	}
	last := int64(0)
	q.slots(func(off int64) {
		s.Order.PutUint64(q.at(off)[offEntryNext:], uint64(last))
		last = off
	})
	s.Order.PutUint64(h[offQuotaFree:], uint64(last))
	c.put(h, s.FragOffset(f))
	now := ondisk.Time{Sec: c.o.Now().Unix()}
	d := &ondisk.Inode{
		Mode: ondisk.ModeRegular, Nlink: 1, Gen: c.inode(ino).Gen + 1, Size: int64(s.BSize), Blocks: int64(s.BSize) / ondisk.SectorSize,
		Atime: now, Mtime: now, Ctime: now, Birth: now,
	}
	d.DB[0] = f
	c.putInode(ino, d)
	c.setState(ino, file)
	c.setType(ino, ondisk.TypeRegular)
	c.report.Files++
	s.QuotaFile[kind] = ino
	c.super.changed = true
	return true
}
