package mkfs

import (
	"fmt"

	"rump/ffs/mkfs/tree"
	"rump/ffs/ondisk"
)

// A shape is the space that a file takes.
type shape struct {
	size   int64
	data   int64      // whole blocks
	tail   int        // fragments of a last block that is not whole, 0 for none
	ind    int64      // indirect blocks
	holes  bool       // only runs have data
	runs   []blockRun // ascending, apart
	extLen int        // bytes of extended attributes
	ext    [2]int     // fragments of each block of them
}

// A blockRun is some logical blocks in a row.
type blockRun struct{ first, n int64 }

// A place is where the parts of a file are.
type place struct {
	ext  [2]spot
	ind  spot
	data spot
	tail spot
}

// denseShape is the shape of size bytes without holes.
func denseShape(s *ondisk.Super, size int64) shape {
	sh := shape{size: size, data: size >> s.BShift}
	if rest := s.InBlock(size); rest > 0 {
		lbn := ondisk.Block(sh.data)
		if frags := s.FragsOf(int64(s.BlockSizeOf(size, lbn))); frags < int(s.Frag) {
			sh.tail = frags
		} else {
			sh.data++
		}
	}
	sh.ind = countIndirect(s, []blockRun{{0, sh.data}})
	return sh
}

// shapeOf is the shape of a file of any kind but a directory.
func shapeOf(s *ondisk.Super, e *tree.Entry, withXattrs bool) (shape, error) {
	var sh shape
	switch {
	case e.IsRegular():
		if e.Size > s.MaxSize() {
			return sh, fmt.Errorf("%d bytes, more than the %d that a file can have", e.Size, s.MaxSize())
		}
		if e.Sparse {
			sh = sparseShape(s, e)
		} else {
			sh = denseShape(s, e.Size)
		}
	case e.IsSymlink() && len(e.Target) >= s.ShortLinkLimit():
		sh = denseShape(s, int64(len(e.Target)))
	case e.IsSymlink():
		sh.size = int64(len(e.Target))
	}
	if withXattrs {
		return sh, sh.addXattrs(s, e)
	}
	return sh, nil
}

// sparseShape leaves out the blocks that are holes as a whole.
func sparseShape(s *ondisk.Super, e *tree.Entry) shape {
	sh := shape{size: e.Size, holes: true}
	dense := denseShape(s, e.Size)
	last := dense.data // the block of the tail, if there is one
	for _, x := range e.Data {
		first, end := x.Off>>s.BShift, ((x.Off+x.Len-1)>>s.BShift)+1
		if dense.tail > 0 && end > last {
			sh.tail = dense.tail
			end = last
		}
		if n := len(sh.runs); n > 0 {
			first = max(first, sh.runs[n-1].first+sh.runs[n-1].n)
			if first < end && first == sh.runs[n-1].first+sh.runs[n-1].n {
				sh.runs[n-1].n += end - first
				sh.data += end - first
				continue
			}
		}
		if first < end {
			sh.runs = append(sh.runs, blockRun{first, end - first})
			sh.data += end - first
		}
	}
	sh.ind = countIndirect(s, sh.runs)
	return sh
}

// countIndirect is how many indirect blocks lead to the runs.
func countIndirect(s *ondisk.Super, runs []blockRun) int64 {
	total := int64(0)
	for level := 1; level <= ondisk.NIndirect; level++ {
		total += countIndirectIn(s, runs, level)
	}
	return total
}

// countIndirectIn counts those that the inode's pointer of a level leads to.
func countIndirectIn(s *ondisk.Super, runs []blockRun, level int) int64 {
	total := int64(0)
	lo := int64(s.FirstIndirect(level))
	hi := lo + int64(s.IndirectSpan(level))*int64(s.Nindir)
	for l := 1; l <= level; l++ { // blocks whose pointers lead to blocks of level l-1
		span := int64(s.IndirectSpan(l)) * int64(s.Nindir)
		last := int64(-1)
		for _, r := range runs {
			a, b := max(r.first, lo), min(r.first+r.n, hi)
			if a >= b {
				continue
			}
			from, to := (a-lo)/span, (b-1-lo)/span
			if from == last {
				from++
			}
			total += to - from + 1
			last = to
		}
	}
	return total
}

// addXattrs makes room for the extended attributes.
func (sh *shape) addXattrs(s *ondisk.Super, e *tree.Entry) error {
	for _, x := range e.Xattrs {
		if len(x.Name) == 0 || len(x.Name) > 255 {
			return fmt.Errorf("extended attribute with a name of %d bytes", len(x.Name))
		}
		sh.extLen += ondisk.ExtAttrSize(len(x.Name), len(x.Value))
	}
	if limit := ondisk.NExtBlocks * int(s.BSize); sh.extLen > limit {
		return fmt.Errorf("%d bytes of extended attributes, more than the %d that fit", sh.extLen, limit)
	}
	for i := range sh.ext {
		rest := min(max(sh.extLen-i*int(s.BSize), 0), int(s.BSize))
		sh.ext[i] = s.FragsOf(s.RoundFrags(int64(rest)))
	}
	return nil
}

// sectors is the space as an inode counts it.
func (sh *shape) sectors(s *ondisk.Super) int64 {
	frags := (sh.data+sh.ind)*int64(s.Frag) + int64(sh.tail+sh.ext[0]+sh.ext[1])
	return frags << s.FShift / ondisk.SectorSize
}

// put finds the places of a shape's parts. They ascend, chunk by chunk, in the order of the fields of place.
func (p *packer) put(sh *shape) place {
	var at place
	for i, n := range sh.ext {
		if n > 0 {
			at.ext[i] = p.frags(n)
		}
	}
	if sh.ind > 0 {
		at.ind = p.blocks(sh.ind)
	}
	if sh.data > 0 {
		at.data = p.blocks(sh.data)
	}
	if sh.tail > 0 {
		at.tail = p.piece(sh.tail)
	}
	return at
}

// frags hands out n fragments, at most a block.
func (p *packer) frags(n int) spot {
	if int64(n) == p.frag {
		return p.blocks(1)
	}
	return p.piece(n)
}

// tailBlock is the logical block of the tail.
func (sh *shape) tailBlock(s *ondisk.Super) int64 { return sh.size >> s.BShift }
