package bcache

import "math/bits"

// maxSectors is the most sectors in a block: 64 KiB of 512 bytes.
const maxSectors = 128

// sectors is a set of sectors of one block.
type sectors [maxSectors / 64]uint64

// sectorRange is the set of lo to hi-1.
func sectorRange(lo, hi int) sectors {
	if hi <= 64 { // the usual block has no more
		return sectors{below(hi) &^ below(lo), 0}
	}
	return sectors{below(hi) &^ below(lo), below(hi-64) &^ below(lo-64)}
}

// below has the bits under n, which may be out of range.
func below(n int) uint64 {
	if n <= 0 {
		return 0
	}
	return ^uint64(0) >> max(64-n, 0)
}

func (s sectors) isEmpty() bool               { return s[0]|s[1] == 0 }
func (s sectors) has(o sectors) bool          { return o[0]&^s[0]|o[1]&^s[1] == 0 }
func (s sectors) and(o sectors) sectors       { return sectors{s[0] & o[0], s[1] & o[1]} }
func (s sectors) with(o sectors) sectors      { return sectors{s[0] | o[0], s[1] | o[1]} }
func (s sectors) without(o sectors) sectors   { return sectors{s[0] &^ o[0], s[1] &^ o[1]} }
func (s sectors) count() int                  { return bits.OnesCount64(s[0]) + bits.OnesCount64(s[1]) }
func (s sectors) overlaps(o sectors) bool     { return s[0]&o[0]|s[1]&o[1] != 0 }
func (s sectors) first(from int) (sec int)    { return s.scan(from, 0) }
func (s sectors) firstNot(from int) (sec int) { return s.scan(from, ^uint64(0)) }

// scan finds the first sector at or after from whose bit, flipped by flip, is set; maxSectors if none.
func (s sectors) scan(from int, flip uint64) int {
	for w := from / 64; w < len(s); w++ {
		v := s[w] ^ flip
		if w == from/64 {
			v &^= below(from % 64)
		}
		if v != 0 {
			return w*64 + bits.TrailingZeros64(v)
		}
	}
	return maxSectors
}

// run is the first run of neighbouring sectors at or after from: [lo, hi), ok false if there is none.
func (s sectors) run(from int) (lo, hi int, ok bool) {
	lo = s.first(from)
	if lo == maxSectors {
		return 0, 0, false
	}
	return lo, s.firstNot(lo), true
}
