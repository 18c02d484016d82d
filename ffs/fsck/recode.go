package fsck

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"

	"rump/ffs/ondisk"
	"rump/internal/endian"
	"rump/rumpfs/blockdev"
)

// A volume changes its byte order, or the format of its inodes and directories, structure by structure in the order of their addresses. A structure does
// not tell which form it has, so that how far the work has come must be known exactly even after a crash: what changes is first written, in batches,
// to free space (two slots that take turns), then to its place. The superblock has no magic meanwhile, so that nobody mounts the volume, and behind it
// stands where the slots are:
//
//	control record, slots empty -> no magic -> { slot -> places } ... -> last slot, with the new superblock -> its place -> no control record
//
// with a flush at each arrow. A run that finds a control record and no magic does the newest slot's writes again and goes on from there.

// ErrConversion says that a conversion of the volume was interrupted: it can be finished by Repair, and nothing else can be done with it.
var ErrConversion = errors.New("a conversion of this file system was interrupted; run fsck without -n to finish it")

// recodeKind is what changes.
type recodeKind uint32

const (
	recodeOrder  recodeKind = 1 // the byte order
	recodeInodes recodeKind = 2 // inodes and directories of 4.2BSD to those of 4.4BSD
)

// Sizes and offsets of the control record and of a slot's header, little-endian both.
const (
	controlAt    = 4096 // behind the superblock, in the area that it leaves free
	controlSize  = 512
	controlMagic = 0x63306572706d7572
	slotMagic    = 0x6c30746f6c736372
	slotHeader   = 4096
	offRecMagic  = 0
	offRecCRC    = 8
	offCtlKind   = 16
	offCtlMagic  = 20 // of the superblock
	offCtlSize   = 24 // of a slot
	offCtlSlots  = 32
	offSlotSeq   = 16
	offSlotPos   = 24
	offSlotFinal = 32
	offSlotCount = 36
	offSlotEntry = 40
	slotEntry    = 12 // bytes: offset, length
	maxEntries   = (slotHeader - offSlotEntry) / slotEntry
)

var recodeCRC = crc32.MakeTable(crc32.Castagnoli)

// recoder is one conversion.
type recoder struct {
	c        *checker
	kind     recodeKind
	from, to *ondisk.Super
	loc      int64 // of the superblock
	slots    [2]int64
	slotSize int64
	seq      uint64
	pos      int64 // byte offset: what lies before has the new form
	final    bool  // nothing is left to do

	batch []patch
	size  int64
}

// patch is bytes for a place.
type patch struct {
	off int64
	b   []byte
}

// view is the superblock by which a structure at byte offset off is to be read.
func (c *checker) view(off int64) *ondisk.Super {
	if r := c.recoding; r != nil && off < r.pos {
		return r.to
	}
	return c.s
}

// convert does the conversions that change inodes and directories. What is not sound is not converted.
func (c *checker) convert() {
	if c.o.Level >= levelInodes && c.s.OldInodes() {
		c.recode(recodeInodes, "TO NEW INODE FORMAT")
	}
	if c.o.Order != nil && *c.o.Order != c.s.Order {
		what := "TO LITTLE ENDIAN"
		if c.o.Order.IsBig() {
			what = "TO BIG ENDIAN"
		}
		c.recode(recodeOrder, what)
	}
}

func (c *checker) recode(kind recodeKind, what string) {
	if c.stopped() {
		return
	}
	if why := c.recodeHazard(kind); why != "" {
		c.say("CANNOT CONVERT %s: %s\n", what, why)
		c.leave()
		return
	}
	if !c.wantLevel("CONVERT", what) {
		return
	}
	r := &recoder{c: c, kind: kind, from: c.s, loc: c.s.Location}
	if !r.prepare() {
		c.say("CANNOT CONVERT: NO SPACE TO WORK IN\n")
		c.leave()
		return
	}
	if c.stop == nil {
		r.start()
		r.run()
	}
	if c.stop == nil {
		c.adoptSuper(r.to)
	}
}

// recodeHazard says why a volume cannot be converted.
func (c *checker) recodeHazard(kind recodeKind) string {
	switch {
	case c.mode == No:
		return ""
	case c.report.Unresolved || c.report.Rerun:
		return "REPAIR IT FIRST"
	case kind == recodeOrder && c.s.HasSnapshots():
		return "SNAPSHOTS KEEP THE OLD FORM, REMOVE THEM FIRST"
	case kind == recodeOrder && c.s.Old.PostblFormat == ondisk.PostblFormat42 && c.s.OldLayout:
		return "CONVERT THE CYLINDER GROUPS FIRST"
	case c.super.alt:
		return "REPAIR THE SUPERBLOCK FIRST"
	}
	return ""
}

// adoptSuper goes on with the converted volume.
func (c *checker) adoptSuper(s *ondisk.Super) {
	s.Total = c.s.Total
	c.s, c.report.Super = s, s
	c.super.primary = s.Clone()
	c.inodes.bl = nil
}

// prepare makes the new superblock and finds room for the slots.
func (r *recoder) prepare() bool {
	r.to = r.target()
	if r.to == nil {
		return false
	}
	c := r.c
	for blocks := max(2, c.o.slotSize()>>c.s.BShift); blocks >= 2; blocks /= 2 {
		a := c.findRun(0, blocks)
		if a == 0 {
			continue
		}
		b := c.findRun(a+ondisk.Frag(blocks)<<c.s.FragShift, blocks)
		if b == 0 {
			continue
		}
		r.slots = [2]int64{c.s.FragOffset(a), c.s.FragOffset(b)}
		r.slotSize = int64(blocks) << c.s.BShift
		return true
	}
	return false
}

// findRun is the first run of free blocks from fragment from on; 0 if there is none.
func (c *checker) findRun(from ondisk.Frag, blocks int) ondisk.Frag {
	frag := ondisk.Frag(c.s.Frag)
	n := 0
	for f := from; f+frag <= c.s.Size; f += frag {
		if n++; f == 0 || !c.isFree(f, int(frag)) {
			n = 0
		}
		if n == blocks {
			return f - ondisk.Frag(blocks-1)*frag
		}
	}
	return 0
}

// target is the superblock of the converted volume, nil if it makes no sense.
func (r *recoder) target() *ondisk.Super {
	to := r.from.Clone()
	if r.kind == recodeInodes {
		n, b := uint64(to.Nindir), uint64(to.BSize)
		to.InodeFmt, to.MaxSymlink = ondisk.InodeFmt44, 60
		to.MaxFileSize = b*(ondisk.NDirect+n+n*n+n*n*n) - 1
		to.QBMask, to.QFMask = int64(to.BSize)-1, int64(to.FSize)-1
		return to
	}
	to.Order = r.from.Order.Other()
	if j := r.from.Journal(r.from.Order); j.Version != ondisk.JournalVersion1 {
		to.SetJournal(to.Order, ondisk.Journal{Loc: j.Loc}) // FreeBSD's counters have this place
	}
	area := make([]byte, ondisk.SuperArea)
	to.EncodeBackup(area[:to.SBSize], to.Location)
	turnWords(area, to.OldLayout, to.Old.PostblFormat == ondisk.PostblFormat42)
	s, err := ondisk.DecodeBackup(area, to.Location)
	if err != nil {
		return nil
	}
	s.Apple, s.Location = r.from.Apple, r.from.Location
	return s
}

// turnWords turns round what a superblock has in no field: numbers for older kernels.
func turnWords(b []byte, oldLayout, tables42 bool) {
	for _, off := range []int{0, 4, 32, 36, 40, 108, 112, 152, 192, 196, 200, 204, 724} {
		if oldLayout && off >= 32 && off != 108 && off != 112 && off != 724 {
			continue // those are fields of the old layout
		}
		slices.Reverse(b[off : off+4])
	}
	slices.Reverse(b[712:720]) // fs_swuid
	if oldLayout {
		end := 860 + 2*128 // rotational tables of 16 bits
		if tables42 {
			end = 1316
		}
		for off := 860; off < end; off += 2 {
			slices.Reverse(b[off : off+2])
		}
	}
}

// start writes the control record and takes the magic away.
func (r *recoder) start() {
	c, s := r.c, r.from
	c.begin()
	c.putSuper(s) // with what other conversions have changed, for a run that goes on from here
	for _, at := range r.slots {
		c.put(make([]byte, slotHeader), at)
	}
	area := make([]byte, s.SBSize)
	s.EncodeBackup(area, s.Location)
	ctl := make([]byte, controlSize)
	le := binary.LittleEndian
	le.PutUint64(ctl[offRecMagic:], controlMagic)
	le.PutUint32(ctl[offCtlKind:], uint32(r.kind))
	copy(ctl[offCtlMagic:], area[ondisk.SuperSize-4:ondisk.SuperSize])
	le.PutUint64(ctl[offCtlSize:], uint64(r.slotSize))
	for i, at := range r.slots {
		le.PutUint64(ctl[offCtlSlots+8*i:], uint64(at))
	}
	seal(ctl)
	c.patch(ctl, s.Location+controlAt)
	c.flush()
	none := make([]byte, 4)
	s.Order.PutUint32(none, ondisk.MagicUnfinished)
	c.patch(none, s.Location+ondisk.SuperSize-4)
	c.flush()
}

// seal stores the checksum of a record.
func seal(b []byte) {
	clear(b[offRecCRC : offRecCRC+4])
	binary.LittleEndian.PutUint32(b[offRecCRC:], crc32.Checksum(b, recodeCRC))
}

// sealed reports whether b is a record of this kind, whole.
func sealed(b []byte, magic uint64) bool {
	want := binary.LittleEndian.Uint32(b[offRecCRC:])
	b = slices.Clone(b)
	clear(b[offRecCRC : offRecCRC+4])
	return binary.LittleEndian.Uint64(b[offRecMagic:]) == magic && crc32.Checksum(b, recodeCRC) == want
}

// run converts everything from pos on, and the superblock last.
func (r *recoder) run() {
	c := r.c
	c.recoding = r
	defer func() { c.recoding = nil }()
	if !r.final {
		for _, group := range r.collect() {
			for _, it := range group {
				if it.off < r.pos {
					continue
				}
				if c.stopped() {
					return
				}
				r.change(it)
			}
		}
		r.commit(c.dev.Size(), false)
		area := make([]byte, r.to.SBSize)
		r.to.Clean = ondisk.CleanDirty
		r.to.EncodeBackup(area, r.to.Location)
		// The control record may lie in the sectors of the superblock: it stays until the next step.
		r.add(patch{r.to.Location, area[:min(len(area), controlAt)]})
		r.commit(c.dev.Size(), true)
	}
	c.patch(make([]byte, controlSize), r.loc+controlAt)
	c.flush()
	if d, ok := c.dev.(blockdev.Discarder); ok && c.stop == nil {
		for _, at := range r.slots {
			_ = d.Discard(at, r.slotSize) // only to save room
		}
	}
}

// change converts one structure.
func (r *recoder) change(it item) {
	c := r.c
	bl := &block{off: it.off, b: make([]byte, it.size)}
	c.readAt(bl.b, it.off)
	bl.was = slices.Clone(bl.b)
	r.convert(it, bl.b)
	sector := c.dev.SectorSize()
	var todo []patch
	n := int64(0)
	for i := 0; i < len(bl.b); i += sector {
		if end := min(i+sector, len(bl.b)); !slices.Equal(bl.b[i:end], bl.was[i:end]) {
			if k := len(todo) - 1; k >= 0 && todo[k].off+int64(len(todo[k].b)) == it.off+int64(i) {
				todo[k].b = bl.b[todo[k].off-it.off : end]
			} else {
				todo = append(todo, patch{it.off + int64(i), bl.b[i:end]})
			}
			n += int64(end - i)
		}
	}
	if len(r.batch)+len(todo) > maxEntries || r.size+n > r.slotSize-slotHeader {
		r.commit(it.off, false)
	}
	for _, p := range todo {
		r.add(p)
	}
}

func (r *recoder) add(p patch) {
	r.batch = append(r.batch, p)
	r.size += int64(len(p.b))
}

// commit writes the batch, after which all before byte offset pos has the new form.
func (r *recoder) commit(pos int64, final bool) {
	c := r.c
	if len(r.batch) > 0 && c.stop == nil {
		r.seq++
		h := make([]byte, slotHeader, slotHeader+r.size)
		le := binary.LittleEndian
		le.PutUint64(h[offRecMagic:], slotMagic)
		le.PutUint64(h[offSlotSeq:], r.seq)
		le.PutUint64(h[offSlotPos:], uint64(pos))
		if final {
			h[offSlotFinal] = 1
		}
		le.PutUint32(h[offSlotCount:], uint32(len(r.batch)))
		for i, p := range r.batch {
			le.PutUint64(h[offSlotEntry+slotEntry*i:], uint64(p.off))
			le.PutUint32(h[offSlotEntry+slotEntry*i+8:], uint32(len(p.b)))
			h = append(h, p.b...)
		}
		seal(h)
		c.put(padded(h, c.dev.SectorSize()), r.slots[r.seq&1])
		c.flush()
		r.apply()
	}
	r.batch, r.size, r.pos = nil, 0, pos
	c.inodes.bl = nil
}

const bestSlot = 1 << 20

// slotSize is how many bytes a slot should have.
func (o *Options) slotSize() int {
	if o.slot == 0 {
		return bestSlot
	}
	return o.slot
}

// apply writes the batch to its places.
func (r *recoder) apply() {
	for _, p := range r.batch {
		r.c.patch(p.b, p.off)
	}
	r.c.flush()
}

func padded(b []byte, sector int) []byte {
	return append(b, make([]byte, -len(b)&(sector-1))...)
}

// unfinished finds the conversion that an earlier run did not bring to its end; nil if there is none.
func (c *checker) unfinished() *recoder {
	for _, loc := range ondisk.Locations() {
		area := make([]byte, ondisk.SuperArea)
		if _, err := c.dev.ReadAt(area, loc); err != nil {
			continue
		}
		ctl, magic := area[controlAt:controlAt+controlSize], area[ondisk.SuperSize-4:ondisk.SuperSize]
		if !sealed(ctl, controlMagic) || endian.Little.Uint32(magic) != ondisk.MagicUnfinished && endian.Big.Uint32(magic) != ondisk.MagicUnfinished {
			continue
		}
		le := binary.LittleEndian
		r := &recoder{c: c, loc: loc, kind: recodeKind(le.Uint32(ctl[offCtlKind:])), slotSize: int64(le.Uint64(ctl[offCtlSize:]))}
		for i := range r.slots {
			r.slots[i] = int64(le.Uint64(ctl[offCtlSlots+8*i:]))
		}
		if r.slotSize >= 2*slotHeader && r.slotSize <= 1<<24 && (r.kind == recodeOrder || r.kind == recodeInodes) {
			return r
		}
	}
	return nil
}

// resume finishes a conversion that was interrupted, and reports whether that was wanted.
func (c *checker) resume(r *recoder) bool {
	c.record(Damage, 0, ErrConversion.Error())
	if c.mode == No {
		c.stop = ErrConversion
		return false
	}
	if c.mode == Preen {
		c.say("FINISHING INTERRUPTED CONVERSION\n")
	} else if !c.ask("FINISH INTERRUPTED CONVERSION") {
		c.stop = ErrConversion
		return false
	}
	c.super.began = true
	r.redo()
	if !r.final && !r.restore() {
		c.stop = ErrConversion
		return false
	}
	c.s = r.from
	r.run()
	c.s = nil
	c.o.Force = true
	return c.stop == nil
}

// restore takes the old superblock from its place, where only the magic is missing.
func (r *recoder) restore() bool {
	area := make([]byte, ondisk.SuperArea)
	r.c.readAt(area, r.loc)
	copy(area[ondisk.SuperSize-4:], area[controlAt+offCtlMagic:][:4])
	var err error
	if r.from, err = ondisk.DecodeSuper(area, r.loc); err != nil {
		return false
	}
	_, r.from.Apple = ondisk.ReadAppleLabel(r.c.dev, r.c.dev.Size())
	r.to = r.target()
	return r.to != nil
}

// redo does the writes of the newest slot again.
func (r *recoder) redo() {
	c := r.c
	for _, at := range r.slots {
		b := make([]byte, r.slotSize)
		if _, err := c.dev.ReadAt(b, at); err != nil {
			continue
		}
		batch, n, ok := slotBatch(b)
		le := binary.LittleEndian
		if !ok || !sealed(b[:n], slotMagic) || le.Uint64(b[offSlotSeq:]) <= r.seq {
			continue
		}
		r.seq, r.pos, r.batch = le.Uint64(b[offSlotSeq:]), int64(le.Uint64(b[offSlotPos:])), batch
		r.final = b[offSlotFinal] != 0
	}
	r.apply()
	r.batch = nil
}

// slotBatch is the writes that a slot lists, and how long it is.
func slotBatch(b []byte) (batch []patch, size int, ok bool) {
	le := binary.LittleEndian
	count, at := int(le.Uint32(b[offSlotCount:])), slotHeader
	if count > maxEntries {
		return nil, 0, false
	}
	for i := range count {
		e := b[offSlotEntry+slotEntry*i:]
		off, n := int64(le.Uint64(e)), int(le.Uint32(e[8:]))
		if off < 0 || n > len(b)-at {
			return nil, 0, false
		}
		batch = append(batch, patch{off, b[at : at+n]})
		at += n
	}
	return batch, at, true
}
