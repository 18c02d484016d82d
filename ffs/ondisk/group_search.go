package ondisk

import (
	"encoding/binary"
	"math/bits"
)

func ones(b byte) int32        { return int32(bits.OnesCount8(b)) }
func trailingZeros(b byte) int { return bits.TrailingZeros8(b) }

// word is the 64 bits of map m that begin with bit 64*w; bits behind the map's end are 0.
func word(m []byte, w int) uint64 {
	if at := 8 * w; at+8 <= len(m) {
		return binary.LittleEndian.Uint64(m[at:])
	}
	return tailWord(m, w)
}

func tailWord(m []byte, w int) uint64 {
	var tail [8]byte
	copy(tail[:], m[8*w:])
	return binary.LittleEndian.Uint64(tail[:])
}

// A sieve leaves of a word of a map the bits that are looked for. It leaves none of the word that it calls barren, so that long
// stretches of that are passed over quickly: the map of 32,000 fragments takes 0.7 instead of 3 microseconds.
type sieve struct {
	fold   func(uint64) uint64
	barren uint64
}

// findBit is the first bit from bit from on, below limit, that s leaves of m.
func findBit(m []byte, from, limit int, s sieve) (int, bool) {
	if from >= limit {
		return 0, false
	}
	v := s.fold(word(m, from>>6)) & (^uint64(0) << (from & 63))
	for w := from >> 6; ; {
		if v != 0 {
			i := w<<6 + bits.TrailingZeros64(v)
			return i, i < limit
		}
		raw := s.barren
		for w++; w<<6 < limit; w++ {
			if raw = word(m, w); raw != s.barren {
				break
			}
		}
		if w<<6 >= limit {
			return 0, false
		}
		v = s.fold(raw)
	}
}

// findWrapping is findBit from hint to limit, then from the beginning to hint.
func findWrapping(m []byte, hint, limit int, s sieve) (int, bool) {
	if hint < 0 || hint >= limit {
		hint = 0
	}
	if i, ok := findBit(m, hint, limit, s); ok {
		return i, true
	}
	return findBit(m, 0, hint, s)
}

// freeInodes leaves the bits of inodes that are not in use.
var freeInodes = sieve{fold: func(w uint64) uint64 { return ^w }, barren: ^uint64(0)}

// freeBlocks leaves, by FragShift, of each block that is free as a whole its first bit; busyBlocks of each other block.
var freeBlocks = [4]sieve{
	{fold: func(w uint64) uint64 { return w }},
	{fold: func(w uint64) uint64 { return w & (w >> 1) & 0x5555555555555555 }},
	{fold: func(w uint64) uint64 { w &= w >> 1; return w & (w >> 2) & 0x1111111111111111 }},
	{fold: func(w uint64) uint64 { w &= w >> 1; w &= w >> 2; return w & (w >> 4) & 0x0101010101010101 }},
}

var busyBlocks = [4]sieve{
	{barren: ^uint64(0), fold: func(w uint64) uint64 { return ^freeBlocks[0].fold(w) }},
	{barren: ^uint64(0), fold: func(w uint64) uint64 { return ^freeBlocks[1].fold(w) & 0x5555555555555555 }},
	{barren: ^uint64(0), fold: func(w uint64) uint64 { return ^freeBlocks[2].fold(w) & 0x1111111111111111 }},
	{barren: ^uint64(0), fold: func(w uint64) uint64 { return ^freeBlocks[3].fold(w) & 0x0101010101010101 }},
}

// FindInode is the first free inode from hint on, wrapping at the end of the group.
func (g *Group) FindInode(hint int) (i int, ok bool) {
	return findWrapping(g.iused, hint, int(g.s.Ipg), freeInodes)
}

// FindBlock is the first block from hint on that is free as a whole, wrapping at the end of the group.
func (g *Group) FindBlock(hint int) (blk int, ok bool) {
	if hint < 0 || hint >= g.blocks {
		hint = 0
	}
	f, ok := findWrapping(g.free, hint<<g.s.FragShift, g.blocks<<g.s.FragShift, freeBlocks[g.s.FragShift])
	return f >> g.s.FragShift, ok
}

// BestFrags is where n fragments, fewer than a block, fit most tightly: the first run from fragment hint on, wrapping, of the
// smallest length that is enough and that FragSum says exists inside a partly used block. ok is false if no such run exists, or if
// FragSum and the map disagree.
func (g *Group) BestFrags(hint, n int) (f int, ok bool) {
	for size := n; size < int(g.s.Frag); size++ {
		if g.FragSum(size) > 0 {
			return g.FindFrags(hint, size)
		}
	}
	return 0, false
}

// FindFrags is the first run of exactly n free fragments inside a partly used block, from the block of fragment hint on,
// wrapping.
func (g *Group) FindFrags(hint, n int) (f int, ok bool) {
	if hint < 0 || hint >= g.frags {
		hint = 0
	}
	start := hint >> 3
	end := (g.frags + 7) >> 3
	for i, at := 0, start; i < end; i, at = i+1, at+1 {
		if at == end {
			at = 0
		}
		if g.free[at] == 0 || g.free[at] == 0xff && g.frags-at<<3 >= 8 {
			continue
		}
		if off, ok := g.runInByte(at, n); ok {
			return at<<3 + off, true
		}
	}
	return 0, false
}

// runInByte looks for a run of exactly n in the blocks whose bits are byte at of the free map.
func (g *Group) runInByte(at, n int) (off int, ok bool) {
	frag := int(g.s.Frag)
	for off := 0; off < 8 && at<<3+off < g.frags; off += frag {
		p := g.free[at] >> off & g.fullBlock()
		if left := g.frags - (at<<3 + off); left < frag {
			p &= 1<<left - 1
		}
		if p == g.fullBlock() {
			continue
		}
		for pos := 0; p != 0; {
			skip := trailingZeros(p)
			p >>= skip
			pos += skip
			run := trailingZeros(^p)
			if run == n {
				return off + pos, true
			}
			p >>= run
			pos += run
		}
	}
	return 0, false
}

// FindCluster is the first run of n free blocks from block hint on, then from the beginning; a run does not wrap.
func (g *Group) FindCluster(hint, n int) (blk int, ok bool) {
	if hint < 0 || hint >= g.blocks {
		hint = 0
	}
	if n <= 0 || n > g.blocks {
		return 0, false
	}
	if g.clusters != nil && !g.mayHaveRun(n) {
		return 0, false
	}
	if blk, ok := g.clusterIn(hint, g.blocks, n); ok {
		return blk, true
	}
	return g.clusterIn(0, min(g.blocks, hint+n-1), n)
}

// mayHaveRun asks the cluster summary.
func (g *Group) mayHaveRun(n int) bool {
	for k := min(n, int(g.s.ContigSum)); k <= int(g.s.ContigSum); k++ {
		if g.ClusterSum(k) > 0 {
			return true
		}
	}
	return false
}

// clusterIn looks for a run of n free blocks that lies inside from..limit. It jumps from run to run in the free map,
// which is the truth; the cluster map only follows it.
func (g *Group) clusterIn(from, limit, n int) (int, bool) {
	shift := g.s.FragShift
	for from+n <= limit {
		f, ok := findBit(g.free, from<<shift, limit<<shift, freeBlocks[shift])
		if !ok {
			return 0, false
		}
		start := f >> shift
		end := limit
		if f, ok := findBit(g.free, start<<shift, limit<<shift, busyBlocks[shift]); ok {
			end = f >> shift
		}
		if end-start >= n {
			return start, true
		}
		from = end
	}
	return 0, false
}
