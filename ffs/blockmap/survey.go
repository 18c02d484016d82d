package blockmap

import (
	"context"
	"fmt"
	"math"

	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
)

// Shape says how many cells a picture has room for.
type Shape struct {
	Panels int // at most so many panels, each of one cylinder group or of several that follow each other
	Cells  int // at most so many cells in all panels; there is at least one in each
}

// A Cell counts its fragments by kind. What is counted as Bad is counted under its first owner, too.
type Cell [NumKinds]uint32

// A Map is what a volume is used for.
type Map struct {
	Name  string
	Super *ondisk.Super

	Groups int   // groups of a panel; the last may have fewer
	Unit   int64 // fragments of a cell; the last of a panel may have fewer
	Panels [][]Cell

	Total    [NumKinds]int64 // fragments
	Files    int64           // inodes in use
	Dirs     int64           // directories among them
	Faults   []string        // the first things that are wrong, in words
	NumFault int64
}

// maxFaults is how many faults are told in words.
const maxFaults = 20

// Survey looks at the volume on dev. progress, if it is not nil, is called with the groups that are done. What is damaged is in the Map; an error means that
// there is no superblock (*ondisk.NotFoundError), that the device failed, or that the context was cancelled.
func Survey(ctx context.Context, dev blockdev.Device, sh Shape, progress func(done, total int)) (*Map, error) {
	s, _, err := ondisk.FindSuper(dev, dev.Size())
	if err != nil {
		return nil, err
	}
	_, s.Apple = ondisk.ReadAppleLabel(dev, dev.Size())
	if progress == nil {
		progress = func(int, int) {}
	}
	v := &surveyor{ctx: ctx, dev: dev, s: s, m: newMap(s, sh), claims: make([][]byte, s.Ncg), bufs: map[int][]byte{}}
	if err := s.CheckDevice(dev.Size()); err != nil {
		v.fault("%v", err)
	}
	for cg := range int(s.Ncg) {
		progress(cg, 2*int(s.Ncg))
		if err := v.group(cg); err != nil {
			return nil, err
		}
	}
	for cg := range int(s.Ncg) {
		progress(int(s.Ncg)+cg, 2*int(s.Ncg))
		if err := v.compare(cg); err != nil {
			return nil, err
		}
	}
	return v.m, nil
}

// newMap divides the volume into panels and cells.
func newMap(s *ondisk.Super, sh Shape) *Map {
	panels := int64(max(1, sh.Panels))
	ncg := int64(s.Ncg)
	m := &Map{Super: s, Groups: int((ncg + panels - 1) / panels), Unit: 1}
	panels = (ncg + int64(m.Groups) - 1) / int64(m.Groups)
	each := int64(s.Fpg) * int64(m.Groups)
	for ; m.Unit < each && panels*((each+m.Unit-1)/m.Unit) > int64(sh.Cells); m.Unit *= 2 {
	}
	for p := range panels {
		size := min(each, int64(s.Size)-p*each)
		m.Panels = append(m.Panels, make([]Cell, (size+m.Unit-1)/m.Unit))
	}
	return m
}

// count counts n fragments at f, all in the volume.
func (m *Map) count(f ondisk.Frag, n int64, k Kind) {
	m.Total[k] += n
	each := int64(m.Super.Fpg) * int64(m.Groups)
	for n > 0 {
		p, at := int64(f)/each, int64(f)%each
		c := at / m.Unit
		here := min(n, m.Unit-at%m.Unit, each-at)
		m.Panels[p][c][k] += uint32(here)
		f += ondisk.Frag(here)
		n -= here
	}
}

// A surveyor is one run.
type surveyor struct {
	ctx    context.Context
	dev    blockdev.Device
	s      *ondisk.Super
	m      *Map
	claims [][]byte       // of each group, a bit for each fragment that is claimed; nil: none
	bufs   map[int][]byte // a block for each level of indirect blocks
	broken map[int]bool   // groups whose maps cannot be used
}

// fault notes that something is wrong.
func (v *surveyor) fault(format string, a ...any) {
	v.m.NumFault++
	if len(v.m.Faults) < maxFaults {
		v.m.Faults = append(v.m.Faults, fmt.Sprintf(format, a...))
	}
}

// read fills b from byte offset off on, which need not be a whole sector. What lies behind the end of the device, or cannot be read, is zeros and a fault.
func (v *surveyor) read(off int64, b []byte) bool {
	sector := int64(v.dev.SectorSize())
	lo, hi := off&^(sector-1), (off+int64(len(b))+sector-1)&^(sector-1)
	buf := b
	if lo != off || hi != off+int64(len(b)) {
		buf = make([]byte, hi-lo)
	}
	if _, err := v.dev.ReadAt(buf, lo); err != nil {
		clear(b)
		v.fault("byte %d: %v", off, err)
		return false
	}
	copy(b, buf[off-lo:])
	return true
}

// groupAt reads the header of a group; ok is false if it cannot be used.
func (v *surveyor) groupAt(cg int) (g ondisk.Group, ok bool) {
	b := make([]byte, v.s.CgSize)
	if v.broken[cg] || !v.read(v.s.FragOffset(v.s.CgHeader(cg)), b) {
		return g, false
	}
	g, err := v.s.GroupIn(cg, b)
	if err != nil {
		v.fault("%v", err)
	}
	return g, err == nil
}

// group counts the structures of a group, and all that its inodes lead to.
func (v *surveyor) group(cg int) error {
	if err := v.ctx.Err(); err != nil {
		return err
	}
	s := v.s
	if cg == 0 {
		v.frontOfGroup0()
	}
	v.m.count(s.CgSuper(cg), int64(s.CblkNo-s.SblkNo), Super)
	v.m.count(s.CgHeader(cg), int64(s.IblkNo-s.CblkNo), Header)
	g, ok := v.groupAt(cg)
	if !ok {
		if v.broken == nil {
			v.broken = map[int]bool{}
		}
		v.broken[cg] = true
		v.m.count(s.CgInodes(cg), int64(s.DblkNo-s.IblkNo), InodesFree)
		return nil
	}
	v.inodeArea(&g)
	return v.inodes(&g)
}

// frontOfGroup0 counts what lies in front of the first copy of the superblock, and the summary area.
func (v *surveyor) frontOfGroup0() {
	s := v.s
	primary := s.OffsetFrag(s.Location)
	area := min(s.SblkNo-primary, ondisk.Frag((ondisk.SuperArea+int64(s.FSize)-1)>>s.FShift))
	v.m.count(0, int64(primary), Boot)
	v.m.count(primary, int64(area), Super)
	v.m.count(primary+area, int64(s.SblkNo-primary-area), Boot)
	cs := s.RoundFrags(int64(s.CSSize)) >> s.FShift
	v.m.count(s.CSAddr, cs, Summary)
}

// inodeArea counts the fragments of inodes of a group.
func (v *surveyor) inodeArea(g *ondisk.Group) {
	s := v.s
	per := int(s.FSize) / s.InodeSize()
	at := s.CgInodes(g.Index())
	frags := int64(s.Ipg) * int64(s.InodeSize()) >> s.FShift
	for f := range frags {
		kind := InodesFree
		for i := range per {
			if k := int(f)*per + i; k < int(s.Ipg) && g.InodeUsed(k) {
				kind = InodesUsed
				break
			}
		}
		v.m.count(at+ondisk.Frag(f), 1, kind)
	}
	v.m.count(at+ondisk.Frag(frags), int64(s.DblkNo-s.IblkNo)-frags, InodesFree)
}

// compare holds the map of free fragments of a group against what is claimed.
func (v *surveyor) compare(cg int) error {
	if err := v.ctx.Err(); err != nil {
		return err
	}
	base := v.s.CgBase(cg)
	claims := v.claims[cg]
	var free []byte
	g, ok := v.groupAt(cg)
	if ok {
		free = g.FreeMap()
	}
	for _, seg := range v.segments(cg) {
		lo, hi := int(seg.lo-base), int(seg.hi-base)
		if seg.fixed {
			if n := onesIn(free, lo, hi); n > 0 {
				v.m.count(seg.lo, int64(n), Bad)
				v.fault("group %d: %d fragments of its structures are marked free", cg, n)
			}
			continue
		}
		for lo < hi {
			isFree, claimed := bit(free, lo), bit(claims, lo)
			end := min(hi, runOf(free, lo, isFree), runOf(claims, lo, claimed))
			v.verdict(base+ondisk.Frag(lo), int64(end-lo), isFree, claimed, ok)
			lo = end
		}
	}
	return nil
}

// verdict counts n fragments at f that are all marked free or not, and claimed or not; ok says that the marks can be believed.
func (v *surveyor) verdict(f ondisk.Frag, n int64, free, claimed, ok bool) {
	last := int64(f) + n - 1
	switch {
	case free && claimed:
		v.m.count(f, n, Bad)
		v.fault("fragments %d to %d are in use and marked free", f, last)
	case free:
		v.m.count(f, n, Free)
	case !claimed:
		v.m.count(f, n, Lost)
		if ok {
			v.fault("fragments %d to %d are marked in use, and nobody has them", f, last)
		}
	}
}

// bit is bit i of a map; one that does not exist is all zeros.
func bit(m []byte, i int) bool { return m != nil && m[i>>3]>>(i&7)&1 != 0 }

// runOf is where the run of bits like that at i, which is v, ends; of a map that does not exist, far away.
func runOf(m []byte, i int, v bool) int {
	if m == nil {
		return math.MaxInt
	}
	full := byte(0)
	if v {
		full = 0xff
	}
	for i < 8*len(m) && bit(m, i) == v {
		if i&7 == 0 && m[i>>3] == full {
			i += 8
		} else {
			i++
		}
	}
	return i
}

// onesIn counts the bits lo to hi-1 of a map.
func onesIn(m []byte, lo, hi int) (n int) {
	for i := lo; m != nil && i < hi; i++ {
		if bit(m, i) {
			n++
		}
	}
	return n
}
