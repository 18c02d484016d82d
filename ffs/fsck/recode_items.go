package fsck

import (
	"cmp"
	"math"
	"slices"

	"rump/ffs/ondisk"
)

// itemKind is a kind of structure.
type itemKind uint8

const (
	itemBackup itemKind = iota
	itemGroup
	itemInodes
	itemSummary
	itemIndirect
	itemDir
	itemExtAttr
	itemQuota
)

// item is a structure to be converted.
type item struct {
	off  int64
	size int32
	kind itemKind
	n    int32   // group, first inode of the block in its group, or block of the file
	at   []int32 // where in an area of extended attributes the lengths are
}

// collect lists all structures by group, ascending. Of those before pos only what leads to others matters.
func (r *recoder) collect() [][]item {
	c, s := r.c, r.from
	groups := make([][]item, s.Ncg)
	add := func(f ondisk.Frag, it item) {
		it.off = s.FragOffset(f)
		cg := s.FragToCg(f)
		groups[cg] = append(groups[cg], it)
	}
	if r.kind == recodeOrder {
		add(s.CSAddr, item{size: int32(c.summaryFrags()) << s.FShift, kind: itemSummary})
	}
	for cg := range int(s.Ncg) {
		add(s.CgSuper(cg), item{size: s.SBSize, kind: itemBackup})
		if r.kind == recodeOrder {
			add(s.CgHeader(cg), item{size: s.BSize, kind: itemGroup, n: int32(cg)})
		}
		r.collectInodes(cg, add)
	}
	for _, g := range groups {
		slices.SortFunc(g, func(a, b item) int { return cmp.Compare(a.off, b.off) })
	}
	return groups
}

// collectInodes lists the inode blocks of a group and what their inodes lead to.
func (r *recoder) collectInodes(cg int, add func(ondisk.Frag, item)) {
	c, s := r.c, r.from
	n := int(s.Ipg)
	if s.Version == 2 {
		f := s.CgHeader(cg)
		n, _ = c.view(s.FragOffset(f)).InitedInodesIn(c.read(f, int(s.Frag)))
		if c.groups != nil {
			n = c.groups[cg].inits
		}
	}
	var d ondisk.Inode
	for first := 0; first < n && !c.stopped(); first += int(s.Inopb) {
		f := s.CgInodes(cg) + ondisk.Frag(first/int(s.Inopb))<<s.FragShift
		b := c.read(f, int(s.Frag))
		if isZero(b) {
			continue
		}
		add(f, item{size: s.BSize, kind: itemInodes, n: int32(first)})
		v := c.view(s.FragOffset(f))
		for i := range int(s.Inopb) {
			ondisk.DecodeInode(v, b[i*s.InodeSize():], &d)
			if d.Mode != 0 {
				r.collectFile(ondisk.Ino(cg)*ondisk.Ino(s.Ipg)+ondisk.Ino(first+i), &d, add)
			}
		}
	}
}

// collectFile lists what an inode leads to: indirect blocks, directory blocks, extended attributes, quotas.
func (r *recoder) collectFile(ino ondisk.Ino, d *ondisk.Inode, add func(ondisk.Frag, item)) {
	c, s := r.c, r.from
	quota := s.HasQuota2() && (ino == s.QuotaFile[0] || ino == s.QuotaFile[1])
	var ext []item
	var frags []ondisk.Frag
	c.walkBlocks(d, math.MaxInt64, func(f ondisk.Frag, n int, p place) step {
		size := int32(n) << s.FShift
		switch {
		case c.outOfRange(f, n):
			return skip
		case p.lbn < 0:
			ext, frags = append(ext, item{off: s.FragOffset(f), size: size, kind: itemExtAttr}), append(frags, f)
		case p.level > 0:
			if r.kind == recodeOrder {
				add(f, item{size: size, kind: itemIndirect})
			}
		case d.IsDir():
			add(f, item{size: size, kind: itemDir})
		case quota && r.kind == recodeOrder:
			add(f, item{size: size, kind: itemQuota, n: int32(p.lbn)})
		}
		return goOn
	})
	if r.kind == recodeOrder {
		r.findLengths(d, ext)
		for i, it := range ext {
			add(frags[i], it)
		}
	}
}

// findLengths finds where in an area of extended attributes, which may lie in two blocks, the lengths of the records are.
func (r *recoder) findLengths(d *ondisk.Inode, area []item) {
	c := r.c
	bsize := int64(r.from.BSize)
	blocks := make([][]byte, len(area))
	for i, it := range area {
		blocks[i] = make([]byte, it.size)
		c.readAt(blocks[i], it.off)
	}
	for off := int64(0); off+8 <= int64(d.ExtSize); {
		i, in := int(off/bsize), off%bsize
		if i >= len(blocks) || in+4 > int64(len(blocks[i])) {
			return
		}
		n := int64(c.view(area[i].off).Order.Uint32(blocks[i][in:]))
		area[i].at = append(area[i].at, int32(in))
		if n < 8 || n%8 != 0 {
			return
		}
		off += n
	}
}

// convert gives b, a structure in the old form, the new one.
func (r *recoder) convert(it item, b []byte) {
	from, to := r.from.Order, r.to.Order
	switch it.kind {
	case itemBackup:
		r.to.EncodeBackup(b, it.off)
	case itemGroup:
		r.convertGroup(int(it.n), b)
	case itemInodes:
		for size := r.from.InodeSize(); len(b) >= size; b = b[size:] {
			r.convertInode(b[:size])
		}
	case itemSummary:
		for i := 0; i+ondisk.SummarySize <= len(b); i += ondisk.SummarySize {
			ondisk.DecodeSummary(from, b[i:]).Encode(to, b[i:])
		}
	case itemIndirect:
		old, new := r.from.IndirectIn(b), r.to.IndirectIn(b)
		for i := range old.Len() {
			new.Set(i, old.Get(i))
		}
	case itemDir:
		for unit := r.from.DirBlockSize(); len(b) >= unit; b = b[unit:] {
			r.convertUnit(b[:unit])
		}
	case itemExtAttr:
		for _, at := range it.at {
			slices.Reverse(b[at : at+4])
		}
	case itemQuota:
		r.convertQuota(int(it.n), b)
	}
}

// convertInode converts one inode. Short symbolic links come into their inode where the new format has them there.
func (r *recoder) convertInode(b []byte) {
	if isZero(b) {
		return
	}
	var d ondisk.Inode
	ondisk.DecodeInode(r.from, b, &d)
	if d.IsSymlink() && !r.from.IsShortLink(&d) && d.Size >= 0 && d.Size < int64(r.to.ShortLinkLimit()) && !r.c.outOfRange(d.DB[0], 1) {
		target := r.c.read(d.DB[0], 1)
		clear(d.Inline[:])
		copy(d.Inline[:d.Size], target)
		if r.c.groups != nil {
			n := r.from.FragsOf(int64(r.from.BlockSizeOf(d.Size, 0)))
			r.c.release(d.DB[0], n)
		}
		d.Blocks = 0
		d.DB, d.IB = [ondisk.NDirect]ondisk.Frag{}, [ondisk.NIndirect]ondisk.Frag{}
	}
	ondisk.EncodeInode(r.to, &d, b)
}

// convertUnit converts one directory block.
func (r *recoder) convertUnit(b []byte) {
	fresh := slices.Clone(b)
	old, new := r.from.DirBlockIn(b), r.to.DirBlockIn(fresh)
	for off := 0; off < old.Len(); {
		e, fault := old.At(off)
		if fault != "" && (e.Ino != 0 || e.Len == 0) {
			return // no sound directory has such
		}
		t := e.Type
		if r.kind == recodeInodes && e.Ino != 0 {
			t = r.typeOf(e.Ino)
		}
		if fault != "" {
			e.Name = nil
		}
		new.Put(off, e.Len, e.Ino, t, e.Name)
		off += e.Len
	}
	copy(b, fresh)
}

// typeOf is the type of an inode for its entries.
func (r *recoder) typeOf(ino ondisk.Ino) ondisk.DirType {
	if !r.from.ValidIno(ino) {
		return ondisk.TypeUnknown
	}
	if r.c.groups != nil {
		return r.c.typeOf(ino)
	}
	v := r.c.view(r.from.FragOffset(r.from.InoToFrag(ino)))
	var d ondisk.Inode
	ondisk.DecodeInode(v, r.c.inodeBytes(ino), &d)
	return ondisk.TypeOf(d.Mode)
}

// convertGroup converts a cylinder group. One that is not sound is left alone: phase 5 builds it anew.
func (r *recoder) convertGroup(cg int, b []byte) {
	g, err := r.from.GroupIn(cg, b)
	if err != nil {
		return
	}
	fresh := make([]byte, len(b))
	f, err := r.to.InitGroup(cg, fresh)
	if err != nil {
		return
	}
	f.ClearOldTables()
	f.SetSummary(g.Summary())
	f.SetTime(g.Time())
	f.SetRotor(g.Rotor())
	f.SetFragRotor(g.FragRotor())
	f.SetInodeRotor(g.InodeRotor())
	f.SetInitedInodes(g.InitedInodes())
	f.SetCylinders(g.Cylinders())
	for n := 1; n < int(r.to.Frag); n++ {
		f.SetFragSum(n, g.FragSum(n))
	}
	copyMaps(r.to, &f, &g)
	for blk := range f.Blocks() {
		if f.BlockFree(blk) {
			f.CountOldTables(blk)
		}
	}
	f.UpdateHash()
	copy(b[:r.to.CgSize], fresh)
}

// convertQuota converts block n of a quota file.
func (r *recoder) convertQuota(n int, b []byte) {
	turn := func(off, size int) { slices.Reverse(b[off : off+size]) }
	entry := func(at int) {
		for off := 0; off < offEntryID; off += 8 {
			turn(at+off, 8)
		}
		turn(at+offEntryID, 4)
	}
	first := 0
	if n == 0 {
		shift := min(int(b[offQuotaShift]), maxQuotaShift)
		first = offQuotaHash + 8<<shift
		if first > len(b) {
			return
		}
		turn(offQuotaMagic, 4)
		turn(offQuotaBuckets, 2)
		entry(offQuotaDefault)
		for off := offQuotaFree; off < first; off += 8 {
			turn(off, 8)
		}
	}
	for ; first+quotaEntrySize <= len(b); first += quotaEntrySize {
		entry(first)
	}
}
