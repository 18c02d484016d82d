package alloc

import (
	"syscall"

	"rump/ffs/ondisk"
)

// Block allocates one whole block and returns its first fragment. The search begins at pref, if that is not 0, else in group home.
// Without reserve the last fs_minfree percent of the volume are not touched.
func (a *Allocator) Block(home int, pref ondisk.Frag, reserve bool) (ondisk.Frag, error) {
	at, _, err := a.Run(home, pref, 1, reserve)
	return at, err
}

// Run allocates up to want whole blocks that follow each other: as many as are free from pref on, if that block is free, else a run of
// want, or the longest there is, in the nearest group that has free blocks. got is at least 1 if err is nil.
func (a *Allocator) Run(home int, pref ondisk.Frag, want int, reserve bool) (at ondisk.Frag, got int, err error) {
	room, err := a.room(reserve)
	if err != nil {
		return 0, 0, err
	}
	want = int(max(1, min(int64(want), room>>a.s.FragShift)))
	home, pref = a.homeOf(home, pref)
	err = syscall.ENOSPC
	for sp := newSpread(home, len(a.groups)); ; pref = 0 {
		cg, ok := sp.next()
		if !ok {
			return 0, 0, err
		}
		if st := &a.groups[cg]; st.broken.Load() || st.sum.blocks.Load() <= 0 {
			err = a.worse(err, cg)
			continue
		}
		at, got, e := a.runIn(cg, pref, want)
		if e == nil {
			return at, got, nil
		}
		err = worst(err, e)
	}
}

// worse is what a search reports that failed with err and did not look into group cg: a broken group is the more telling reason.
func (a *Allocator) worse(err error, cg int) error {
	if st := &a.groups[cg]; st.broken.Load() {
		return worst(err, st.err)
	}
	return err
}

// worst is the first error that is more than lack of space.
func worst(err, next error) error {
	if err == syscall.ENOSPC {
		return next
	}
	return err
}

// RunIn is Run, in group cg only and wherever there is the longest run, with the reserve.
func (a *Allocator) RunIn(cg, want int) (at ondisk.Frag, got int, err error) {
	if _, err := a.room(true); err != nil {
		return 0, 0, err
	}
	if st := &a.groups[cg]; st.broken.Load() || st.sum.blocks.Load() <= 0 {
		return 0, 0, syscall.ENOSPC
	}
	return a.runIn(cg, 0, want)
}

// runIn is Run in group cg.
func (a *Allocator) runIn(cg int, pref ondisk.Frag, want int) (ondisk.Frag, int, error) {
	g, err := a.open(cg)
	if err != nil {
		return 0, 0, err
	}
	blk, got := g.findRun(pref, want)
	if got == 0 {
		defer g.release()
		if g.Summary().FreeBlocks > 0 {
			return 0, 0, a.breakGroupLocked(cg, corrupt(cg, "no free block in the map, counted", int64(g.Summary().FreeBlocks), 28))
		}
		return 0, 0, syscall.ENOSPC
	}
	var change ondisk.Summary
	for i := range got {
		c, _ := g.TakeBlock(blk + i) // it is free: findRun has looked
		change = change.Plus(c)
	}
	g.commit(change)
	return a.s.CgBase(cg) + ondisk.Frag(blk)<<a.s.FragShift, got, nil
}

// findRun looks for want free blocks from pref on, or else for the best run in the group, and says how many it found.
func (g *group) findRun(pref ondisk.Frag, want int) (blk, got int) {
	s, l := g.a.s, &g.a.lanes
	from := g.Rotor()
	if pref != 0 {
		from = s.FragInCg(pref)
		blk = from >> s.FragShift
		for got < want && blk+got < g.Blocks() && g.BlockFree(blk+got) {
			got++
		}
		if got > 0 {
			return blk, got
		}
	}
	m, n, win := g.FreeMap(), g.Frags(), &g.st.win[l.frag]
	at := -1
	if want = min(want, g.longestRun()); want > 1 {
		at, got = l.longest(m, n, from, want, *win)
	} else if at = l.search(m, n, from&^int(s.Frag-1), int(s.Frag), win); at >= 0 {
		got = 1
	}
	if got > 0 {
		g.SetRotor(at)
	}
	return at >> s.FragShift, got
}

// longestRun is how many free blocks follow each other at most, by the cluster summary.
func (g *group) longestRun() int {
	top := int(g.a.s.ContigSum)
	if !g.HasClusters() || g.ClusterSum(top) > 0 {
		return g.Blocks()
	}
	for k := top - 1; k > 1; k-- {
		if g.ClusterSum(k) > 0 {
			return k
		}
	}
	return 1
}

// Frags allocates n fragments inside one block, 0 < n < Frag. They come from a block that is partly used if one has enough, else from a new
// one, whose rest becomes free fragments.
func (a *Allocator) Frags(home int, pref ondisk.Frag, n int, reserve bool) (ondisk.Frag, error) {
	if n <= 0 || n >= int(a.s.Frag) {
		return 0, syscall.EINVAL
	}
	return a.frags(home, pref, n, reserve, false)
}

// frags is Frags; with fresh they are to come from a new block.
func (a *Allocator) frags(home int, pref ondisk.Frag, n int, reserve, fresh bool) (ondisk.Frag, error) {
	if _, err := a.room(reserve); err != nil {
		return 0, err
	}
	home, pref = a.homeOf(home, pref)
	var err error = syscall.ENOSPC
	for sp := newSpread(home, len(a.groups)); ; pref = 0 {
		cg, ok := sp.next()
		if !ok {
			return 0, err
		}
		st := &a.groups[cg]
		if st.broken.Load() || st.sum.blocks.Load() <= 0 && (fresh || int(st.sum.frags.Load()) < n) {
			err = a.worse(err, cg)
			continue
		}
		at, e := a.fragsIn(cg, pref, n, fresh)
		if e == nil {
			return at, nil
		}
		err = worst(err, e)
	}
}

// fragsIn is frags in group cg.
func (a *Allocator) fragsIn(cg int, pref ondisk.Frag, n int, fresh bool) (ondisk.Frag, error) {
	g, err := a.open(cg)
	if err != nil {
		return 0, err
	}
	f, err := g.findFrags(pref, n, fresh)
	if err != nil {
		if err != syscall.ENOSPC {
			a.breakGroupLocked(cg, err)
		}
		g.release()
		return 0, err
	}
	change, _ := g.TakeFrags(f, n) // they are free: findFrags has looked
	g.note(f)
	g.commit(change)
	return a.s.CgBase(cg) + ondisk.Frag(f), nil
}

// findFrags looks for n fragments in the smallest run that holds them, unless they are to be fresh, or else for a free block.
func (g *group) findFrags(pref ondisk.Frag, n int, fresh bool) (int, error) {
	s, l := g.a.s, &g.a.lanes
	from, blockFrom := g.FragRotor(), g.Rotor()
	if pref != 0 {
		from = s.FragInCg(pref)
		blockFrom = from
	}
	for k := n; k < int(s.Frag) && !fresh; k++ {
		if g.FragSum(k) <= 0 {
			continue
		}
		f := l.search(g.FreeMap(), g.Frags(), from, k, &g.st.win[k])
		if f < 0 {
			return 0, corrupt(g.cg, "no run of free fragments in the map, counted", int64(g.FragSum(k)), int64(52+4*k))
		}
		g.SetFragRotor(f)
		return f, nil
	}
	if g.Summary().FreeBlocks <= 0 {
		return 0, syscall.ENOSPC
	}
	f := l.search(g.FreeMap(), g.Frags(), blockFrom&^int(s.Frag-1), int(s.Frag), &g.st.win[s.Frag])
	if f < 0 {
		return 0, corrupt(g.cg, "no free block in the map, counted", int64(g.Summary().FreeBlocks), 28)
	}
	g.SetRotor(f)
	return f, nil
}

// Extend makes the run of have fragments at at, all in one block, want long, if what follows it there is free. If not it reports false and changes
// nothing: the run has to move, see Move.
func (a *Allocator) Extend(at ondisk.Frag, have, want int, reserve bool) (bool, error) {
	s := a.s
	if have <= 0 || want < have || !s.ValidFrags(at, have) {
		return false, syscall.EINVAL
	}
	if want == have {
		return true, nil
	}
	if _, err := a.room(reserve); err != nil {
		return false, err
	}
	cg, more := s.FragToCg(at), want-have
	if int(at&ondisk.Frag(s.Frag-1))+want > int(s.Frag) || int(a.groups[cg].sum.frags.Load()) < more {
		return false, nil
	}
	g, err := a.open(cg)
	if err != nil {
		return false, err
	}
	f := s.FragInCg(at)
	if a.lanes.anyFree(g.FreeMap(), f, f+have) {
		defer g.release()
		return false, g.refuse("free, but to be made longer: fragment", f)
	}
	change, ok := g.TakeFrags(f+have, more)
	if !ok {
		g.release()
		return false, nil
	}
	g.note(f)
	g.commit(change)
	return true, nil
}

// Move allocates a new place for a run of fragments that has to grow to n, 0 < n <= Frag, elsewhere. Optimising for time it takes the beginning of a
// new block, so that the run can grow again; optimising for space, the tightest place. Which of the two, is
// decided anew by how fragmented the free space is.
func (a *Allocator) Move(home int, pref ondisk.Frag, n int, reserve bool) (ondisk.Frag, error) {
	if n == int(a.s.Frag) {
		return a.Block(home, pref, reserve)
	}
	if n <= 0 || n > int(a.s.Frag) {
		return 0, syscall.EINVAL
	}
	if a.optim() == ondisk.OptimTime {
		if at, err := a.frags(home, pref, n, reserve, true); err != syscall.ENOSPC {
			return at, err
		}
	}
	return a.Frags(home, pref, n, reserve)
}

// optim is what growing fragments optimise for, after the switch that is due.
func (a *Allocator) optim() int32 {
	a.superMu.Lock()
	defer a.superMu.Unlock()
	s, frags, m := a.s, a.total.frags.Load(), a.minFree()
	switch {
	case s.Optim == ondisk.OptimSpace && m >= 5 && frags <= percent(int64(s.DSize), m)/2:
		s.Optim = ondisk.OptimTime
		a.log.Info("optimization changed from space to time")
	case s.Optim != ondisk.OptimSpace && frags >= percent(int64(s.DSize), m-2):
		s.Optim = ondisk.OptimSpace
		a.log.Info("optimization changed from time to space")
	}
	return s.Optim
}

// refuse is the error for a request about fragment f of the group that contradicts its map.
func (g *group) refuse(what string, f int) error {
	g.a.suspect.Store(true)
	return corrupt(g.cg, what, int64(g.a.s.CgBase(g.cg))+int64(f), int64(f>>3))
}
