package journal

import (
	"cmp"
	"fmt"
	"slices"
	"syscall"
)

const (
	chunkShift = 16 // pieces are looked for by chunks of 64 KiB
	chunkSize  = 1 << chunkShift

	// maxPieces bounds the memory for what a log holds: about 40 bytes each. NetBSD's log of 64 MiB has at most 130,000.
	maxPieces = 1 << 20
)

// A piece is a range of bytes of the volume, inside one chunk, whose newest content is elsewhere.
type piece struct {
	lo, hi int64
	at     int64 // byte offset of the copy on the volume
}

// pieces are those of a log; none overlap.
type pieces struct {
	chunks map[int64][]piece // by chunk, in no order
	n      int
}

// cut takes bytes lo to hi out.
func (p *pieces) cut(lo, hi int64) {
	for c := lo >> chunkShift; c <= (hi-1)>>chunkShift; c++ {
		list, ok := p.chunks[c]
		if !ok {
			continue
		}
		p.n -= len(list)
		if list = without(list, lo, hi); len(list) == 0 {
			delete(p.chunks, c)
		} else {
			p.chunks[c] = list
		}
		p.n += len(list)
	}
}

// without is a list of pieces without the bytes lo to hi.
func without(list []piece, lo, hi int64) []piece {
	for i := 0; i < len(list); i++ {
		x := list[i]
		if x.hi <= lo || x.lo >= hi {
			continue
		}
		left, right := piece{x.lo, min(x.hi, lo), x.at}, piece{max(x.lo, hi), x.hi, x.at + max(x.lo, hi) - x.lo}
		switch {
		case left.lo < left.hi && right.lo < right.hi:
			list[i] = left
			list = append(list, right)
		case left.lo < left.hi:
			list[i] = left
		case right.lo < right.hi:
			list[i] = right
		default:
			list[i] = list[len(list)-1]
			list = list[:len(list)-1]
			i--
		}
	}
	return list
}

// put says that the newest content of bytes lo to hi lies at at.
func (p *pieces) put(lo, hi, at int64) error {
	p.cut(lo, hi)
	for lo < hi {
		end := min(hi, (lo|(chunkSize-1))+1)
		if p.n == maxPieces {
			return fmt.Errorf("journal: more than %d pieces: %w", maxPieces, syscall.EFBIG)
		}
		p.chunks[lo>>chunkShift] = append(p.chunks[lo>>chunkShift], piece{lo, end, at})
		p.n++
		at += end - lo
		lo = end
	}
	return nil
}

// sorted are all pieces by their place on the volume.
func (p *pieces) sorted() []piece {
	all := make([]piece, 0, p.n)
	for _, list := range p.chunks {
		all = append(all, list...)
	}
	slices.SortFunc(all, byPlace)
	return all
}

func byPlace(a, b piece) int { return cmp.Compare(a.lo, b.lo) }

// drop takes out what is left of x where nothing newer took its place.
func (p *pieces) drop(x piece) {
	c := x.lo >> chunkShift
	list := p.chunks[c]
	p.n -= len(list)
	list = slices.DeleteFunc(list, func(y piece) bool { return y.lo >= x.lo && y.hi <= x.hi && y.at-y.lo == x.at-x.lo })
	p.n += len(list)
	if p.chunks[c] = list; len(list) == 0 {
		delete(p.chunks, c)
	}
}

// overlapping calls fn for the parts of pieces that lie between lo and hi, in no order, until fn fails.
func (p *pieces) overlapping(lo, hi int64, fn func(piece) error) error {
	for c := lo >> chunkShift; c <= (hi-1)>>chunkShift; c++ {
		for _, x := range p.chunks[c] {
			if from, to := max(x.lo, lo), min(x.hi, hi); from < to {
				if err := fn(piece{from, to, x.at + from - x.lo}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
