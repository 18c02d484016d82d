package alloc

import (
	"encoding/binary"
	"math/bits"
)

// lanes finds free space in a group's free map, 64 fragments at a time. A map is cut into lanes of frag bits, one for each
// block, lowest bit first; a set bit is a free fragment. Words and lanes are read through [lanes.word], so that fragments beyond
// the group's end are never seen, whatever stands there.
type lanes struct {
	frag  uint      // bits of a lane: 1, 2, 4 or 8
	full  byte      // a lane with every bit set
	low   uint64    // the lowest bit of each lane
	fits  [9]uint64 // fits[k]: places at which k bits stay inside the lane
	atEnd [9]uint64 // atEnd[k]: places at which k bits end with the lane
}

func newLanes(frag int) lanes {
	l := lanes{frag: uint(frag), full: byte(1<<frag - 1)}
	for p := range 64 {
		in := p % frag
		if in == 0 {
			l.low |= 1 << p
		}
		for k := 1; k <= frag-in; k++ {
			l.fits[k] |= 1 << p
		}
		l.atEnd[frag-in] |= 1 << p
	}
	return l
}

// word is fragments 64w to 64w+63 of a map that describes n of them.
func (l *lanes) word(m []byte, n, w int) uint64 {
	if 64*w+64 <= n {
		return binary.LittleEndian.Uint64(m[8*w:])
	}
	var v uint64
	for i, b := range m[8*w : (n+7)/8] {
		v |= uint64(b) << (8 * i)
	}
	return v & (1<<uint(n-64*w) - 1)
}

// lane is the bits of the block that fragment f belongs to, in a map that describes n of them.
func (l *lanes) lane(m []byte, n, f int) byte {
	start := f &^ int(l.frag-1)
	v := m[start>>3] >> (start & 7) & l.full
	if left := n - start; left < int(l.frag) {
		v &= 1<<left - 1
	}
	return v
}

// setLane stores v as the bits of the block that fragment f belongs to.
func (l *lanes) setLane(m []byte, f int, v byte) {
	start := f &^ int(l.frag-1)
	b := &m[start>>3]
	*b = *b&^(l.full<<(start&7)) | v<<(start&7)
}

// blocks marks the lowest bit of each lane of v that is full.
func (l *lanes) blocks(v uint64) uint64 {
	for s := l.frag >> 1; s > 0; s >>= 1 {
		v &= v >> s
	}
	return v & l.low
}

// runs marks where in v maximal runs of exactly k < frag bits inside a lane begin.
func (l *lanes) runs(v uint64, k int) uint64 {
	start := v &^ (v << 1 &^ l.low)
	end := ^(v >> k) | l.atEnd[k]
	r := start & end & l.fits[k]
	for j := 1; j < k && r != 0; j++ {
		r &= v >> j
	}
	return r
}

// find marks where in v k free fragments are: whole blocks if k is frag, else maximal runs.
func (l *lanes) find(v uint64, k int) uint64 {
	if k == int(l.frag) {
		return l.blocks(v)
	}
	return l.runs(v, k)
}

// count is how many whole blocks are free in a map of n fragments, and how many fragments outside of them.
func (l *lanes) count(m []byte, n int) (blocks, frags int) {
	for w := 0; 64*w < n; w++ {
		v := l.word(m, n, w)
		b := bits.OnesCount64(l.blocks(v))
		blocks += b
		frags += bits.OnesCount64(v) - b*int(l.frag)
	}
	return blocks, frags
}

// anyFree reports whether one of the fragments from to to-1 is free.
func (l *lanes) anyFree(m []byte, from, to int) bool {
	for f := from; f < to; {
		k := min(64-f&63, to-f)
		if v := l.word(m, to, f>>6) >> (f & 63); v != 0 {
			return true
		}
		f += k
	}
	return false
}

// firstRun is the first run of set bits in v, which is not 0: how many clear bits come before it, and its length.
func firstRun(v byte) (skip, k int) {
	skip = bits.TrailingZeros8(v)
	return skip, bits.TrailingZeros8(^(v >> skip))
}

// A window bounds the words of a map that may hold a run of one length. Invariant: no such run begins outside
// of it. Searches narrow it, freed space widens it.
type window struct{ lo, hi int32 }

func (w *window) widen(word int) {
	w.lo, w.hi = min(w.lo, int32(word)), max(w.hi, int32(word))
}

// search returns the first place at or after from, going round, at which find marks k in a map of n fragments; -1 if
// there is none.
func (l *lanes) search(m []byte, n, from, k int, win *window) int {
	if v := l.span(m, n, k, max(from, 64*int(win.lo)), int(win.hi)); v >= 0 {
		if from <= 64*int(win.lo) {
			win.lo = int32(v >> 6)
		}
		return v
	}
	last := min(from>>6, int(win.hi))
	win.hi = int32(last)
	v := l.span(m, n, k, 64*int(win.lo), last)
	if v >= 0 {
		win.lo = int32(v >> 6)
	} else {
		win.lo, win.hi = int32((n+63)>>6), -1
	}
	return v
}

// span is search without going round: from place from to the end of word last.
func (l *lanes) span(m []byte, n, k, from, last int) int {
	mask := ^uint64(0) << (from & 63)
	for w := from >> 6; w <= last; w++ {
		v := l.word(m, n, w)
		if v == 0 {
			mask = ^uint64(0)
			continue
		}
		if r := l.find(v, k) & mask; r != 0 {
			return w<<6 + bits.TrailingZeros64(r)
		}
		mask = ^uint64(0)
	}
	return -1
}

// longest returns a run of want whole blocks that begins at or after from, or else before it, or else the longest run there is:
// where it begins and its length in blocks. The window is that of whole blocks.
func (l *lanes) longest(m []byte, n, from, want int, win window) (at, length int) {
	from = max(from&^63, 64*int(win.lo))
	at, length = l.longestIn(m, n, want, from>>6, int(win.hi))
	if length < want {
		// All over again: a run may lie across from.
		if a, k := l.longestIn(m, n, want, int(win.lo), int(win.hi)); k > length {
			return a, k
		}
	}
	return at, length
}

// longestIn is longest for the words first to last.
func (l *lanes) longestIn(m []byte, n, want, first, last int) (best, bestLen int) {
	at, length := 0, 0 // the run that goes on
	for w := first; w <= last; w++ {
		free := l.blocks(l.word(m, n, w))
		used := l.low &^ free
		for p := 0; p < 64; {
			if gap := bits.TrailingZeros64(free >> p); gap > 0 {
				if length > bestLen {
					best, bestLen = at, length
				}
				length = 0
				p += gap
				continue
			}
			k := min(bits.TrailingZeros64(used>>p), 64-p)
			if length == 0 {
				at = w<<6 + p
			}
			length += k / int(l.frag)
			if length >= want {
				return at, want
			}
			p += k
		}
	}
	if length > bestLen {
		best, bestLen = at, length
	}
	return best, bestLen
}
