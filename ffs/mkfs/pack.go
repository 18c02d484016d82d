package mkfs

import "rump/ffs/ondisk"

// A spot is an address in data space: the fragments that files can have, counted from 0 without the file system's own
// structures between. See groupMap for the way from there to the disk.
type spot int64

// A packer hands out data space from its beginning to its end: whole blocks in a row, and pieces of blocks for what is
// less. The rest of a block that was opened for a piece is kept as long as the packer is in the same chunk.
//
// Two packers that are asked for the same pieces in the same order give the same answers; so planning, inodes and contents each
// have their own, and nobody has to remember where a file is.
type packer struct {
	frag  int64 // fragments of a block
	chunk int64 // blocks of a chunk
	start int64 // block where the chunks are counted from
	next  int64 // the first block that nobody has

	open []openBlock
	free [ondisk.MaxFrags][]int      // indexes into open, by free fragments
	rest func(block int64, used int) // a block that stays partly free, in ascending order; may be nil
}

// An openBlock has free fragments behind its used ones.
type openBlock struct {
	block int64
	used  int
}

// blocks hands out n whole blocks in a row.
func (p *packer) blocks(n int64) spot {
	at := p.next
	p.next += n
	p.passed(at)
	return spot(at * p.frag)
}

// piece hands out n fragments of one block, fewer than a block has.
func (p *packer) piece(n int) spot {
	for k := n; k < int(p.frag); k++ {
		if top := len(p.free[k]) - 1; top >= 0 {
			i := p.free[k][top]
			p.free[k] = p.free[k][:top]
			b := &p.open[i]
			at := spot(b.block*p.frag) + spot(b.used)
			if b.used += n; k > n {
				p.free[k-n] = append(p.free[k-n], i)
			}
			return at
		}
	}
	at := p.next
	p.next++
	p.open = append(p.open, openBlock{at, n})
	p.free[int(p.frag)-n] = append(p.free[int(p.frag)-n], len(p.open)-1)
	p.passed(at)
	return spot(at * p.frag)
}

// passed closes the chunk that block at is in when next has left it.
func (p *packer) passed(at int64) {
	if (at-p.start)/p.chunk != (p.next-p.start)/p.chunk {
		p.close()
	}
}

// close gives up what is left of open blocks.
func (p *packer) close() {
	for _, b := range p.open {
		if b.used < int(p.frag) && p.rest != nil {
			p.rest(b.block, b.used)
		}
	}
	p.open = p.open[:0]
	for i := range p.free {
		p.free[i] = p.free[i][:0]
	}
}

// align closes the chunk and returns the first block behind.
func (p *packer) align() int64 {
	p.close()
	return p.next
}
