package alloc_test

import (
	"errors"
	"sync"
	"syscall"
	"testing"

	"rump/ffs/ondisk"
)

// byName is one of geometries.
func byName(t testing.TB, name string) geometry {
	t.Helper()
	for _, g := range geometries {
		if g.name == name {
			return g
		}
	}
	t.Fatalf("no geometry %q", name)
	return geometry{}
}

func mountNew(t testing.TB, name string) *volume {
	t.Helper()
	s, dev := byName(t, name).make(t)
	return mount(t, s, dev, testOptions(1))
}

func TestExhaustion(t *testing.T) {
	for _, geo := range geometries {
		t.Run(geo.name, func(t *testing.T) {
			s, dev := geo.make(t)
			v := mount(t, s, dev, testOptions(1))
			free, available := v.Space()
			reserved := int64(s.DSize) * int64(s.MinFree) / 100
			if free-available != reserved || reserved == 0 {
				t.Fatalf("%d free, %d available: reserve is %d, want %d", free, available, free-available, reserved)
			}
			var err error
			taken := int64(0)
			for err == nil {
				var got int
				if _, got, err = v.Run(0, 0, 3, false); err == nil {
					taken += int64(got) * int64(s.Frag)
				}
			}
			// A request is granted as long as anything is left outside the reserve, as NetBSD does.
			if err != syscall.ENOSPC || taken < available-int64(s.Frag) || taken >= available+int64(s.Frag) {
				t.Fatalf("without reserve %d of %d fragments, then %v", taken, available, err)
			}
			if n := int(s.Frag); n > 1 {
				if _, err := v.Frags(0, 0, 1, false); err != syscall.ENOSPC {
					t.Errorf("a fragment of the reserve: %v, want ENOSPC", err)
				}
			}
			for err = nil; err == nil; {
				_, err = v.Block(1, 0, true)
			}
			for n := int(s.Frag) - 1; n > 0; n-- {
				for err = nil; err == nil; {
					_, err = v.Frags(0, 0, n, true)
				}
			}
			if free, available := v.Space(); err != syscall.ENOSPC || free != 0 || available != -reserved {
				t.Fatalf("full: %d free, %d available, %v", free, available, err)
			}
			for err = nil; err == nil; {
				_, err = v.Inode(ondisk.RootIno, false)
			}
			if left := v.Totals().FreeInodes; err != syscall.ENOSPC || left != 0 {
				t.Fatalf("%d inodes left, %v", left, err)
			}
			v.check()
			if b := v.Broken(); b != nil {
				t.Fatalf("broken groups: %v", b)
			}
		})
	}
}

func TestPreferenceIsTakenIfFree(t *testing.T) {
	v := mountNew(t, "frag8")
	frag := ondisk.Frag(v.s.Frag)
	if at, err := v.Block(2, 0, true); err != nil || v.s.FragToCg(at) != 2 {
		t.Fatalf("block at %d, %v; want one in group 2", at, err)
	}
	first, err := v.Block(0, v.s.CgData(2), true)
	if err != nil || first != v.s.CgData(2) {
		t.Fatalf("block at %d, %v; want %d", first, err, v.s.CgData(2))
	}
	for i := range ondisk.Frag(5) {
		if at, err := v.Block(0, first+frag*(i+1), true); err != nil || at != first+frag*(i+1) {
			t.Fatalf("block at %d, %v; want %d, right behind the last one", at, err, first+frag*(i+1))
		}
	}
	at, n, err := v.Run(0, first+6*frag, 10, true)
	if err != nil || at != first+6*frag || n != 10 {
		t.Fatalf("run of %d at %d, %v; want 10 at %d", n, at, err, first+6*frag)
	}
	if at, n, err = v.Run(0, first, 4, true); err != nil || at != first+16*frag || n != 4 {
		t.Fatalf("run of %d at %d, %v; want 4 at %d, the first free place behind a full one", n, at, err, first+16*frag)
	}
	if at, err = v.Block(0, v.s.Size+100, true); err != nil || v.s.FragToCg(at) != 0 {
		t.Fatalf("block at %d, %v; want one in group 0 when the preference lies outside", at, err)
	}
}

func TestFragsFitTightly(t *testing.T) {
	v := mountNew(t, "frag8")
	take := func(n int) ondisk.Frag {
		t.Helper()
		at, err := v.Frags(1, 0, n, true)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	a := take(5) // leaves 3
	b := take(6) // leaves 2
	if at := take(2); at != b+6 {
		t.Errorf("2 fragments at %d, want %d, where exactly 2 were left", at, b+6)
	}
	if at := take(2); at != a+5 {
		t.Errorf("2 more at %d, want %d, in the 3 that were left", at, a+5)
	}
	if at := take(7); at&7 != 0 || at>>3 == a>>3 || at>>3 == b>>3 {
		t.Errorf("7 fragments at %d, want a new block", at)
	}
	v.check()
}

func TestMoveFollowsOptimisation(t *testing.T) {
	v := mountNew(t, "frag8")
	if _, err := v.Frags(0, 0, 2, true); err != nil {
		t.Fatal(err)
	}
	at, err := v.Move(0, 0, 3, true)
	if err != nil || at&7 != 0 {
		t.Fatalf("optimising for time, moved to %d, %v; want a new block", at, err)
	}
	if ok, err := v.Extend(at, 3, 8, true); !ok || err != nil {
		t.Errorf("extend in the new block: %v, %v", ok, err)
	}
	// Many small pieces: now space is what matters.
	for range 60 {
		if at, err = v.Block(0, 0, true); err != nil {
			t.Fatal(err)
		}
		if err := v.Free(at+1, 7); err != nil {
			t.Fatal(err)
		}
	}
	before := v.Totals().FreeBlocks
	if _, err = v.Move(0, 0, 7, true); err != nil || v.s.Optim != ondisk.OptimSpace || v.Totals().FreeBlocks != before {
		t.Errorf("with %d loose fragments: optimisation %d, %d free blocks, want %d; %v",
			v.Totals().FreeFrags, v.s.Optim, v.Totals().FreeBlocks, before, err)
	}
	v.check()
}

func TestBlocksSpreadWhenHomeIsFull(t *testing.T) {
	v := mountNew(t, "manygroups")
	seen := map[int]bool{}
	for {
		at, err := v.Block(3, 0, true)
		if err == syscall.ENOSPC {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		seen[v.s.FragToCg(at)] = true
	}
	if len(seen) != int(v.s.Ncg) {
		t.Errorf("blocks came from %d groups, want all %d", len(seen), v.s.Ncg)
	}
}

func TestFreeRefusesNonsense(t *testing.T) {
	v := mountNew(t, "frag4")
	block, err := v.Block(0, 0, true)
	if err != nil {
		t.Fatal(err)
	}
	s := v.s
	before := v.Totals()
	for _, c := range []struct {
		what string
		at   ondisk.Frag
		n    int
	}{
		{"nothing", block, 0},
		{"a negative number", block, -4},
		{"the boot block", 0, 4},
		{"across blocks", block + 2, 4},
		{"unaligned blocks", block + 1, 8},
		{"beyond the end", s.Size, 4},
		{"across the end", s.Size &^ 3, 8},
		{"far beyond the end", 1 << 60, 4},
		{"a negative place", -4, 4},
		{"an endless run", block, 1 << 40},
		{"an inode block", s.CgInodes(1), 4},
		{"a group", s.CgHeader(2), 4},
		{"the summary area", s.CSAddr, 1},
		{"used and free together", block, 8},
		{"a free block", s.CgData(3) + 8, 4},
	} {
		var bad *ondisk.CorruptError
		if err := v.Free(c.at, c.n); !errors.As(err, &bad) {
			t.Errorf("free %s: %v, want a CorruptError", c.what, err)
		}
		if got := v.Totals(); got != before {
			t.Fatalf("free %s: totals went from %+v to %+v", c.what, before, got)
		}
	}
	for _, ino := range []ondisk.Ino{0, 1, 2, s.MaxIno(), 1 << 40} {
		if err := v.FreeInode(ino, false); err == nil {
			t.Errorf("inode %d was freed", ino)
		}
	}
	if ok, _ := v.Extend(block+1, 1, 4, true); ok {
		t.Error("a run was extended out of its block")
	}
	if _, err := v.Frags(3, 0, 1, true); err != nil {
		t.Fatal(err)
	}
	var bad *ondisk.CorruptError
	if _, err := v.Extend(s.CgData(3)+8, 1, 2, true); !errors.As(err, &bad) {
		t.Errorf("extending a run that is free: %v, want a CorruptError", err)
	}
	v.check()
}

// A run of blocks may go on behind the boundary of two groups, since the first blocks of a group hold data.
func TestFreeAcrossGroups(t *testing.T) {
	v := mountNew(t, "frag8big")
	s := v.s
	edge := s.CgBase(2)
	at, n, err := v.Run(0, edge-16, 2, true)
	if err != nil || at != edge-16 || n != 2 {
		t.Fatalf("run of %d at %d, %v", n, at, err)
	}
	if at, n, err = v.Run(0, edge, 2, true); err != nil || at != edge || n != 2 {
		t.Fatalf("run of %d at %d, %v", n, at, err)
	}
	before := v.Totals()
	if err := v.Free(edge-16, 40); err == nil || v.Totals() != before {
		t.Fatalf("free with a free block at the end: %v, totals %+v, want %+v", err, v.Totals(), before)
	}
	if err := v.Free(edge-16, 32); err != nil || v.Totals().FreeBlocks != before.FreeBlocks+4 {
		t.Fatalf("free: %v, totals %+v", err, v.Totals())
	}
	v.check()
}

func TestReadOnlyRefuses(t *testing.T) {
	s, dev := byName(t, "frag8").make(t)
	o := testOptions(1)
	o.ReadOnly = true
	v := mount(t, s, dev, o)
	if got := v.Totals(); got != s.Total {
		t.Errorf("totals %+v, want %+v", got, s.Total)
	}
	_, e1 := v.Block(0, 0, true)
	_, e2 := v.Frags(0, 0, 1, true)
	_, e3 := v.Extend(s.CgData(1), 1, 2, true)
	_, e4 := v.Inode(ondisk.RootIno, true)
	for i, err := range []error{e1, e2, e3, e4, v.Free(s.CgData(1), 8), v.FreeInode(5, false), v.MarkInUse()} {
		if err != syscall.EROFS {
			t.Errorf("call %d: %v, want EROFS", i, err)
		}
	}
	if err := v.MarkClean(); err != nil {
		t.Error(err)
	}
}

// TestConcurrent runs models of one volume side by side, each with its own part of what was handed out.
func TestConcurrent(t *testing.T) {
	for _, name := range []string{"frag8", "frag4", "manygroups", "freebsd"} {
		t.Run(name, func(t *testing.T) {
			v := mountNew(t, name)
			var mu sync.Mutex
			used := map[ondisk.Frag]bool{}
			inodes := map[ondisk.Ino]bool{}
			var wg sync.WaitGroup
			for w := range 4 {
				wg.Go(func() { worker(v, w, &mu, used, inodes) })
			}
			wg.Wait()
			v.check()
			free := int64(v.s.MaxIno()) - 3 - int64(len(inodes))
			if got := v.Totals().FreeInodes; got != free {
				t.Errorf("%d inodes free, want %d", got, free)
			}
		})
	}
}

// worker takes and frees; what it has is in used and inodes, where no other may have it too.
func worker(v *volume, w int, mu *sync.Mutex, used map[ondisk.Frag]bool, inodes map[ondisk.Ino]bool) {
	var mine []run
	var files []ondisk.Ino
	frag := int(v.s.Frag)
	note := func(r run, taken bool) {
		mu.Lock()
		defer mu.Unlock()
		for f := r.at; f < r.at+ondisk.Frag(r.n); f++ {
			if used[f] == taken {
				v.t.Errorf("fragment %d was given to two", f)
			}
			used[f] = taken
		}
	}
	for i := range 1500 {
		switch (i*7 + w) % 6 {
		case 0, 1:
			if at, n, err := v.Run(w, 0, 1+i%5, true); err == nil {
				mine = append(mine, run{at, n * frag})
				note(mine[len(mine)-1], true)
			}
		case 2:
			if at, err := v.Frags(w, 0, 1+i%(frag-1), true); err == nil {
				mine = append(mine, run{at, 1 + i%(frag-1)})
				note(mine[len(mine)-1], true)
			}
		case 3:
			if ino, err := v.Inode(ondisk.RootIno, i%2 == 0); err == nil {
				files = append(files, ino)
				mu.Lock()
				if inodes[ino] {
					v.t.Errorf("inode %d was given to two", ino)
				}
				inodes[ino] = true
				mu.Unlock()
			}
		default:
			if len(mine) > 20 {
				k := i % len(mine)
				note(mine[k], false)
				if err := v.Free(mine[k].at, mine[k].n); err != nil {
					v.t.Error(err)
				}
				mine[k] = mine[len(mine)-1]
				mine = mine[:len(mine)-1]
			}
			if len(files) > 10 {
				mu.Lock()
				delete(inodes, files[0])
				mu.Unlock()
				if err := v.FreeInode(files[0], false); err != nil {
					v.t.Error(err)
				}
				files = files[1:]
			}
			if i%100 == 0 {
				v.Space()
				if err := v.Sync(); err != nil {
					v.t.Error(err)
				}
			}
		}
	}
}

// Retake undoes Free, also across groups, and nothing is handed out twice afterwards. What is not free is refused.
func TestRetake(t *testing.T) {
	for _, geo := range geometries {
		t.Run(geo.name, func(t *testing.T) {
			v := mountNew(t, geo.name)
			type run struct {
				at ondisk.Frag
				n  int
			}
			var runs []run
			for i := range 6 {
				at, got, err := v.Run(i%int(v.s.Ncg), 0, 1+3*i, true)
				if err != nil {
					t.Fatal(err)
				}
				runs = append(runs, run{at, got << v.s.FragShift})
			}
			for n := 1; n < int(v.s.Frag); n++ {
				at, err := v.Frags(0, 0, n, true)
				if err != nil {
					t.Fatal(err)
				}
				runs = append(runs, run{at, n})
			}
			used := v.Totals()
			for range 2 {
				for _, r := range runs {
					if err := v.Free(r.at, r.n); err != nil {
						t.Fatal(err)
					}
				}
				v.check()
				for _, r := range runs {
					if err := v.Retake(r.at, r.n); err != nil {
						t.Fatal(err)
					}
				}
				v.check()
				if got := v.Totals(); got != used {
					t.Errorf("totals %+v, want %+v", got, used)
				}
			}
			if err := v.Retake(runs[0].at, runs[0].n); err == nil {
				t.Error("taken again while it was in use")
			}
		})
	}
}
