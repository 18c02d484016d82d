package alloc

import (
	"syscall"

	"rump/ffs/ondisk"
)

// Free takes back n fragments from at on: a part of one block, or any number of whole blocks. If one of them is free already, or
// is part of the file system's own structures, the error is an *ondisk.CorruptError and nothing is changed.
func (a *Allocator) Free(at ondisk.Frag, n int) error {
	if a.readOnly {
		return syscall.EROFS
	}
	s := a.s
	frag, count := ondisk.Frag(s.Frag), ondisk.Frag(n)
	isPart := n > 0 && s.ValidFrags(at, n)
	isBlocks := n > 0 && at > 0 && at%frag == 0 && count%frag == 0 && at < s.Size && count <= s.Size-at
	if !isPart && !isBlocks {
		a.suspect.Store(true)
		return &ondisk.CorruptError{What: "freed fragments make no block, from", Value: int64(at), Where: s.FragOffset(at)}
	}
	if first, last := s.FragToCg(at), s.FragToCg(at+count-1); first == last {
		return a.freeIn(first, at, n, true)
	}
	// The run goes on in the next group, whose first blocks hold data.
	for _, change := range []bool{false, true} {
		if err := a.eachGroup(at, n, func(cg int, at ondisk.Frag, n int) error { return a.freeIn(cg, at, n, change) }); err != nil {
			return err
		}
	}
	return nil
}

// eachGroup calls fn for the part of n fragments at at that lies in each group.
func (a *Allocator) eachGroup(at ondisk.Frag, n int, fn func(cg int, at ondisk.Frag, n int) error) error {
	s, end := a.s, at+ondisk.Frag(n)
	for cg := s.FragToCg(at); at < end; cg++ {
		to := min(end, s.CgBase(cg+1))
		if err := fn(cg, at, int(to-at)); err != nil {
			return err
		}
		at = to
	}
	return nil
}

// Retake undoes a Free: nobody was given any of the n fragments at at since.
func (a *Allocator) Retake(at ondisk.Frag, n int) error {
	return a.eachGroup(at, n, func(cg int, at ondisk.Frag, n int) error {
		g, err := a.open(cg)
		if err != nil {
			return err
		}
		f, frag := a.s.FragInCg(at), int(a.s.Frag)
		var change ondisk.Summary
		for n > 0 {
			step, ok := min(n, frag), false
			var c ondisk.Summary
			if step == frag && f%frag == 0 {
				c, ok = g.TakeBlock(f / frag)
			} else {
				c, ok = g.TakeFrags(f, step)
				g.note(f)
			}
			if !ok {
				err = g.refuse("taken again, but not free: fragment", f)
				break
			}
			change = change.Plus(c)
			f, n = f+step, n-step
		}
		g.commit(change)
		return err
	})
}

// freeIn frees n fragments that lie in group cg, or only looks whether that is possible.
func (a *Allocator) freeIn(cg int, at ondisk.Frag, n int, change bool) error {
	g, err := a.open(cg)
	if err != nil {
		return err
	}
	f := a.s.FragInCg(at)
	if a.reserved(cg, at, ondisk.Frag(n)) {
		defer g.release()
		return g.refuse("freed, but the file system's own: fragment", f)
	}
	if a.lanes.anyFree(g.FreeMap(), f, f+n) {
		defer g.release()
		for !g.FragFree(f) {
			f++
		}
		return g.refuse("freed, but free already: fragment", f)
	}
	if !change {
		g.release()
		return nil
	}
	g.commit(g.freeFrags(f, n))
	return nil
}

// freeFrags frees n fragments in use from f on and returns the change of the summary.
func (g *group) freeFrags(f, n int) (change ondisk.Summary) {
	frag := int(g.a.s.Frag)
	if n < frag {
		change, _ = g.FreeFrags(f, n)
		g.note(f)
		return change
	}
	for i := f; i < f+n; i += frag {
		c, _ := g.FreeBlock(i / frag)
		change = change.Plus(c)
	}
	win := &g.st.win[frag]
	win.widen(f >> 6)
	win.widen((f + n - frag) >> 6)
	return change
}
