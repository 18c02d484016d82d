package alloc

import (
	"math/rand/v2"
	"testing"
)

// naiveLane is the bits of block b of a map of n fragments.
func naiveLane(m []byte, n, frag, b int) (v byte) {
	for i := range frag {
		if f := b*frag + i; f < n && m[f/8]>>(f%8)&1 != 0 {
			v |= 1 << i
		}
	}
	return v
}

// naivePlaces are the places of k free fragments: whole blocks, or maximal runs inside a block.
func naivePlaces(m []byte, n, frag, k int) (at []int) {
	for b := 0; b*frag < n; b++ {
		v := naiveLane(m, n, frag, b)
		if k == frag {
			if v == byte(1<<frag-1) {
				at = append(at, b*frag)
			}
			continue
		}
		for i := 0; i < frag; i++ {
			j := i
			for j < frag && v>>j&1 != 0 {
				j++
			}
			if j-i == k && j-i < frag {
				at = append(at, b*frag+i)
			}
			i = max(i, j)
		}
	}
	return at
}

// randomMap is a map with stretches of all densities, and garbage behind its end.
func randomMap(r *rand.Rand, n int) []byte {
	m := make([]byte, (n+7)/8+3)
	for i := 0; i < len(m); {
		kind := r.IntN(4)
		for j := r.IntN(40); j >= 0 && i < len(m); j-- {
			switch kind {
			case 0:
				m[i] = 0xff
			case 1:
				m[i] = byte(r.Uint32())
			case 2:
				m[i] = byte(r.Uint32() & r.Uint32() & r.Uint32())
			}
			i++
		}
	}
	return m
}

func TestSearchAgreesWithNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, frag := range []int{1, 2, 4, 8} {
		l := newLanes(frag)
		for range 200 {
			n := 1 + r.IntN(3000)
			m := randomMap(r, n)
			words := (n + 63) / 64
			for k := 1; k <= frag; k++ {
				places := naivePlaces(m, n, frag, k)
				win := window{0, int32(words - 1)}
				for range 5 {
					from := r.IntN(n)
					want := -1
					for _, p := range places {
						if p >= from {
							want = p
							break
						}
					}
					if want < 0 && len(places) > 0 {
						want = places[0]
					}
					got := l.search(m, n, from, k, &win)
					if got != want {
						t.Fatalf("frag %d, %d fragments: search(from %d, k %d) = %d, want %d", frag, n, from, k, got, want)
					}
					for _, p := range places {
						if int32(p>>6) < win.lo || int32(p>>6) > win.hi {
							t.Fatalf("frag %d, k %d: place %d left out of window %v", frag, k, p, win)
						}
					}
				}
			}
		}
	}
}

func TestLongestAgreesWithNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, frag := range []int{1, 2, 4, 8} {
		l := newLanes(frag)
		for range 300 {
			n := frag * (1 + r.IntN(600))
			m := randomMap(r, n)
			full := byte(1<<frag - 1)
			var most int
			for b, run := 0, 0; b*frag < n; b++ {
				if naiveLane(m, n, frag, b) == full {
					run++
				} else {
					run = 0
				}
				most = max(most, run)
			}
			for _, want := range []int{1, 2, 1 + r.IntN(30), 100000} {
				from := r.IntN(n)
				at, length := l.longest(m, n, from, want, window{0, int32((n+63)/64 - 1)})
				if length != min(want, most) {
					t.Fatalf("frag %d, %d fragments: longest(%d) = %d blocks, want %d", frag, n, want, length, min(want, most))
				}
				for i := range length {
					if at%frag != 0 || naiveLane(m, n, frag, at/frag+i) != full {
						t.Fatalf("frag %d: longest(%d) = block at %d, %d long, but block %d of it is not free", frag, want, at, length, i)
					}
				}
			}
		}
	}
}

func TestLanes(t *testing.T) {
	for _, frag := range []int{1, 2, 4, 8} {
		l := newLanes(frag)
		m := make([]byte, 16)
		for f := 0; f < 128; f += frag {
			v := byte(f*37+5) & l.full
			l.setLane(m, f+frag-1, v)
			if got := l.lane(m, 128, f); got != v {
				t.Errorf("frag %d: lane at %d = %#x, want %#x", frag, f, got, v)
			}
		}
		for i := range m {
			m[i] = 0xff
		}
		for n := 1; n <= 128; n++ {
			for f := range n {
				if got, want := l.lane(m, n, f), naiveLane(m, n, frag, f/frag); got != want {
					t.Errorf("frag %d, %d fragments: lane at %d = %#x, want %#x", frag, n, f, got, want)
				}
			}
		}
	}
}
