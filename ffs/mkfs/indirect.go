package mkfs

import (
	"sort"

	"rump/ffs/ondisk"
)

// dataRuns are the runs of logical blocks that have whole blocks.
func (sh *shape) dataRuns() []blockRun {
	if sh.holes {
		return sh.runs
	}
	return []blockRun{{0, sh.data}}
}

// rank is how many data blocks lie before logical block lbn; ok is false in a hole and behind the last.
func (sh *shape) rank(lbn int64) (i int64, ok bool) {
	if !sh.holes {
		return lbn, lbn < sh.data
	}
	for _, r := range sh.runs {
		if lbn < r.first {
			return i, false
		}
		if lbn < r.first+r.n {
			return i + lbn - r.first, true
		}
		i += r.n
	}
	return i, false
}

// has reports whether any of the logical blocks from lo to hi-1 has data.
func (sh *shape) has(lo, hi int64) bool {
	if !sh.holes {
		return lo < sh.data
	}
	i := sort.Search(len(sh.runs), func(i int) bool { return sh.runs[i].first+sh.runs[i].n > lo })
	return i < len(sh.runs) && sh.runs[i].first < hi
}

// A tracer finds and writes the indirect blocks of a file: they lie together in front of its data, each in front of those
// it points to.
type tracer struct {
	s  *ondisk.Super
	m  *groupMap
	sh *shape
	at place

	out  *chunker // nil to find the roots only
	next int64    // indirect blocks placed so far

	// Where the walk over the data is: run and block in it, and data blocks before.
	run, inRun, before int64
}

// dataBlock is the address of the i-th data block.
func (t *tracer) dataBlock(i int64) ondisk.Frag {
	return t.m.address(t.at.data + spot(i*t.m.frag))
}

// take gives an indirect block its place.
func (t *tracer) take() spot {
	at := t.at.ind + spot(t.next*t.m.frag)
	t.next++
	return at
}

// roots sets the pointers of the inode.
func (t *tracer) roots(in *ondisk.Inode) {
	before := int64(0)
	for level := 1; level <= ondisk.NIndirect; level++ {
		lo, hi := t.span(level)
		if !t.sh.has(lo, hi) {
			continue
		}
		in.IB[level-1] = t.m.address(t.at.ind + spot(before*t.m.frag))
		before += countIndirectIn(t.s, t.sh.dataRuns(), level)
	}
}

// span is the logical blocks that are reached through one of the inode's indirect pointers.
func (t *tracer) span(level int) (lo, hi int64) {
	lo = int64(t.s.FirstIndirect(level))
	return lo, lo + int64(t.s.IndirectSpan(level))*int64(t.s.Nindir)
}

// write writes all indirect blocks.
func (t *tracer) write() error {
	t.skipTo(ondisk.NDirect)
	for level := 1; level <= ondisk.NIndirect; level++ {
		lo, hi := t.span(level)
		if t.sh.has(lo, hi) {
			if err := t.block(t.take(), level, lo); err != nil {
				return err
			}
		}
	}
	return nil
}

// skipTo moves the walk to the first data block at or behind lbn.
func (t *tracer) skipTo(lbn int64) {
	runs := t.sh.dataRuns()
	for t.run < int64(len(runs)) {
		r := runs[t.run]
		if r.first+r.n > lbn {
			if d := lbn - r.first - t.inRun; d > 0 {
				t.inRun += d
				t.before += d
			}
			return
		}
		t.before += r.n - t.inRun
		t.run++
		t.inRun = 0
	}
}

// block writes the indirect block at a spot, which reaches the logical blocks from lo on, and those it points to.
func (t *tracer) block(at spot, level int, lo int64) error {
	b := make([]byte, t.s.BSize)
	ind := t.s.IndirectIn(b)
	step := int64(t.s.IndirectSpan(level))
	hi := lo + step*int64(t.s.Nindir)
	if level == 1 {
		t.pointers(ind, lo, hi)
		return t.out.known(at, b)
	}
	type child struct {
		at spot
		lo int64
	}
	var children []child
	for i := range int64(t.s.Nindir) {
		from := lo + i*step
		if !t.sh.has(from, from+step) {
			if !t.sh.has(from, hi) {
				break
			}
			continue
		}
		// The place of each is known before it is written: a whole subtree lies between it and the next.
		c := child{t.at.ind + spot(t.next*t.m.frag), from}
		ind.Set(int(i), t.m.address(c.at))
		t.next += t.subtree(level-1, from)
		children = append(children, c)
	}
	if err := t.out.known(at, b); err != nil {
		return err
	}
	after := t.next
	for _, c := range children {
		t.next = int64(c.at-t.at.ind)/t.m.frag + 1
		if err := t.block(c.at, level-1, c.lo); err != nil {
			return err
		}
	}
	t.next = after
	return nil
}

// subtree is how many indirect blocks there are at and below one that reaches the blocks from lo on.
func (t *tracer) subtree(level int, lo int64) int64 {
	total := int64(1)
	if level == 1 {
		return total
	}
	step := int64(t.s.IndirectSpan(level))
	for i := range int64(t.s.Nindir) {
		from := lo + i*step
		if t.sh.has(from, from+step) {
			total += t.subtree(level-1, from)
		} else if !t.sh.has(from, lo+step*int64(t.s.Nindir)) {
			break
		}
	}
	return total
}

// pointers fills an indirect block of the lowest level, for logical blocks lo to hi-1.
func (t *tracer) pointers(ind ondisk.Indirect, lo, hi int64) {
	runs := t.sh.dataRuns()
	t.skipTo(lo)
	for t.run < int64(len(runs)) {
		r := runs[t.run]
		lbn := r.first + t.inRun
		if lbn >= hi {
			return
		}
		n := min(r.n-t.inRun, hi-lbn)
		for k := int64(0); k < n; {
			frag, row := t.m.locate(int64(t.at.data)/t.m.frag+t.before+k, n-k)
			for j := range row {
				ind.Set(int(lbn+k+j-lo), frag+ondisk.Frag(j*t.m.frag))
			}
			k += row
		}
		t.before += n
		if t.inRun += n; t.inRun == r.n {
			t.run++
			t.inRun = 0
		}
	}
}
