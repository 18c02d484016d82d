package mkfs

import (
	"fmt"
	"math"

	"rump/ffs/ondisk"
)

// A fit is a superblock that a plan fits, and what has been said on the way to it.
type fit struct {
	s     *ondisk.Super
	notes []string // "density reduced" and the like
	bytes int64    // of the image
}

// A fitter looks for the size of the image.
type fitter struct {
	p *plan
	m *MakefsOptions
	o *Options

	shown   int64 // inodes as the historic tool counts them
	inodes  int64 // that there have to be: those, and one that it forgets
	reserve int64 // fragments that have to stay free
}

func newFitter(p *plan, m *MakefsOptions, o *Options) *fitter {
	shown := p.list.Files + 1
	shown += m.FreeFiles.of(shown)
	return &fitter{
		p: p, m: m, o: o,
		shown: shown, inodes: shown + 1,
		reserve: ceilDiv(m.FreeBlocks.of(p.blocks*int64(p.s.BSize)), int64(p.s.FSize)),
	}
}

// find is the smallest size that is allowed and large enough. Each try that is too small says how much it lacks.
func (f *fitter) find() (fit, error) {
	unit := int64(f.p.s.BSize)
	isExact := f.isExact()
	size := f.m.MaxSize / unit * unit
	if !isExact {
		if f.m.RoundTo > 0 {
			unit = roundUp(f.m.RoundTo, unit)
		}
		size = roundUp(max(f.m.MinSize, f.leastBytes()), unit)
	}
	for range 1000 {
		if f.m.MaxSize > 0 && size > f.m.MaxSize {
			return fit{}, f.tooLarge(size)
		}
		got, lack, err := f.try(size)
		if err != nil {
			return fit{}, err
		}
		if lack == 0 {
			got.bytes = size
			if isExact {
				got.bytes = f.m.MaxSize
			}
			return got, nil
		}
		size = roundUp(size+lack, unit)
	}
	return fit{}, errorf(exitMakefs, "`%s': no size found that holds %d blocks and %d inodes", f.m.Name, f.p.blocks, f.inodes)
}

func (f *fitter) isExact() bool { return f.m.MaxSize > 0 && f.m.MinSize == f.m.MaxSize }

func (f *fitter) tooLarge(size int64) error {
	return errorf(exitMakefs, "`%s' size of %d is larger than the maxsize of %d.", f.m.Name, size, f.m.MaxSize)
}

// leastBytes is a size below which there is no use in trying.
func (f *fitter) leastBytes() int64 {
	s := f.p.s
	inodes := ceilDiv(f.inodes, int64(s.Inopb)) * int64(s.BSize)
	return s.FragOffset(s.IblkNo) + f.p.blocks*int64(s.BSize) + inodes
}

// try makes a superblock of so many bytes. lack is by how many bytes it is too small, 0 if it is not.
func (f *fitter) try(size int64) (got fit, lack int64, err error) {
	s := f.p.s.Clone()
	s.Size = ondisk.Frag(size >> s.FShift)
	if s.Version == 1 && s.Size >= maxUFS1Frags {
		return got, 0, errorf(exitTooMany, "Too many fragments (%#x) for a FFSv1 filesystem", int64(s.Size))
	}
	got.s = s
	density := f.m.Density
	if density == 0 || size/density < f.inodes {
		density = size/f.shown + 1
	}
	if density < int64(s.FSize) {
		// More inodes than fragments is more than the historic way can give.
		o := *f.o
		o.Inodes = f.inodes
		o.cutGroups(s)
		if lack := f.inodes - int64(s.MaxIno()); lack > 0 {
			return got, ceilDiv(lack, int64(s.Inopb)) * int64(s.BSize), nil
		}
		return f.finish(got)
	}
	for ; ; density = max(density-density/16-1, 1) {
		notes, short := classicGroups(s, density, int64(f.m.MaxBlocksPerGroup))
		if short > 0 {
			return got, short << s.FShift, nil
		}
		got.notes = notes
		if int64(s.MaxIno()) >= f.inodes {
			break
		}
		if density == 1 || density < int64(s.FSize) {
			// Not one more inode can be had at this size.
			return got, ceilDiv(f.inodes-int64(s.MaxIno()), int64(s.Inopb)) * int64(s.BSize), nil
		}
		s.Size = ondisk.Frag(size >> s.FShift)
	}
	return f.finish(got)
}

// finish completes a superblock whose groups are settled, and says what it lacks.
func (f *fitter) finish(got fit) (fit, int64, error) {
	if err := f.o.finishSuper(got.s); err != nil {
		return got, 0, err
	}
	if err := got.s.Check(); err != nil {
		return got, 0, fmt.Errorf("geometry of %d fragments: %w", got.s.Size, err)
	}
	return got, f.lack(got.s), nil
}

// lack is how many bytes are missing for data, the reserve of root and what is to stay free.
func (f *fitter) lack(s *ondisk.Super) int64 {
	m := newGroupMap(s)
	missing := (f.p.blocks - m.capacity()) * int64(s.Frag)
	free := -missing + f.p.free
	if !f.isExact() {
		free -= int64(s.DSize) * int64(s.MinFree) / 100
	}
	missing = max(missing, f.reserve-free, 0)
	return missing << s.FShift
}

// classicGroups divides the file system into groups the way makefs always has: enough inodes for a density in bytes, then
// groups as large as their headers allow, then smaller ones if the last could not hold its own structures. short is
// how many fragments are missing to the least possible size.
func classicGroups(s *ondisk.Super, density, maxPerGroup int64) (notes []string, short int64) {
	g := classic{s: s, size: int64(s.Size), inopb: int64(s.Inopb), frag: int64(s.Frag)}
	asked := density
	for {
		g.perInode = max(density/int64(s.FSize), 1)
		least := min(g.perInode*g.inopb, g.size)
		g.ipg = g.inopb
		for range 2 {
			g.fpg = roundUp(max(least, g.structures()), g.frag)
			g.ipg = g.inodesFor(g.fpg)
		}
		if g.headerSize() < int64(s.BSize) || g.perInode == 1 {
			break
		}
		// One fragment less, or at once as many as cannot help: with so large groups the map alone fills the block.
		enough := min(8*int64(s.BSize), g.size)/g.inopb + 1
		density -= max(1, g.perInode-enough) * int64(s.FSize)
	}
	if density != asked {
		notes = append(notes, fmt.Sprintf("density reduced from %d to %d", asked, density))
	}
	if maxPerGroup <= 0 || maxPerGroup >= g.size {
		maxPerGroup = g.size - 1
	}
	g.grow(maxPerGroup)
	before := g.fpg
	if short := g.evenOut(); short > 0 {
		return nil, short
	}
	if g.fpg != before {
		notes = append(notes, fmt.Sprintf("Reduced frags per cylinder group from %d to %d to enlarge last cyl group", before, g.fpg))
	}
	s.Fpg, s.Ipg = int32(g.fpg), int32(g.ipg)
	s.Ncg = int32(ceilDiv(g.size, g.fpg))
	s.DblkNo = s.IblkNo + ondisk.Frag(g.ipg/g.inopb*g.frag)
	return notes, 0
}

// classic is the state of classicGroups; everything but perInode is in fragments or a count.
type classic struct {
	s           *ondisk.Super
	size        int64
	inopb, frag int64
	perInode    int64 // fragments for each inode
	fpg, ipg    int64
}

// structures is what a group needs for itself.
func (g *classic) structures() int64 {
	return int64(g.s.IblkNo) + g.ipg/g.inopb*g.frag
}

func (g *classic) inodesFor(fpg int64) int64 { return roundUp(ceilDiv(fpg, g.perInode), g.inopb) }

func (g *classic) headerSize() int64 { return cgSize(g.s, g.ipg, g.fpg) }

// grow makes groups larger, block by block, as long as their headers fit a block.
func (g *classic) grow(limit int64) {
	for ; g.fpg < limit; g.fpg += g.frag {
		g.ipg = g.inodesFor(g.fpg)
		if g.size/g.fpg < 1 {
			return
		}
		switch n := g.headerSize(); {
		case n == int64(g.s.BSize):
			return
		case n > int64(g.s.BSize):
			g.fpg -= g.frag
			g.ipg = g.inodesFor(g.fpg)
			return
		}
	}
}

// evenOut makes groups smaller until the last has room for its structures. It returns what is missing to any size at all.
func (g *classic) evenOut() (short int64) {
	for {
		least := g.structures()
		if g.size < least {
			return least - g.size
		}
		if last := g.size % g.fpg; last == 0 || last >= least {
			return 0
		}
		if g.fpg-g.frag < least || ceilDiv(g.size, g.fpg-g.frag) > math.MaxInt32 {
			return least - g.size%g.fpg // no way to divide it: a little more will do
		}
		g.fpg -= g.frag
		g.ipg = g.inodesFor(g.fpg)
	}
}
