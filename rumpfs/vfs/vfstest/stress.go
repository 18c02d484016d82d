package vfstest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"testing"

	"rump/rumpfs/vfs"
)

// testStress runs models in directories of their own at the same time, while others fight over one directory. It is most
// useful with -race.
func testStress(s *suite) {
	workers, nops := 4, 400
	if testing.Short() {
		workers, nops = 2, 100
	}
	s.dir("fight", "fight/x", "fight/y", "fight/x/z")
	var wg sync.WaitGroup
	players := make([]*player, workers)
	for w := range workers {
		wg.Go(func() {
			pl, done, err := playAll(s.Tree, s.Features, fmt.Sprintf("own-%d", w), drawOps(uint64(100+w), nops, s.Features))
			if err != nil {
				s.Errorf("worker %d, seed %d, step %d: %v", w, 100+w, done, err)
				return
			}
			players[w] = pl
		})
		wg.Go(func() { s.fight(uint64(w), nops) })
	}
	wg.Wait()
	if s.Failed() {
		return
	}
	for w, pl := range players {
		for slot := range pl.files {
			s.ok(pl.letGo(slot), "worker %d, open file %d", w, slot)
		}
	}
	s.twice(func() {
		for w, pl := range players {
			pl.tree = s.Tree
			if err := pl.compare(); err != nil {
				s.Errorf("worker %d: %v", w, err)
			}
		}
		s.checkTree("fight")
	})
}

// fightErrors are what may come of doing things to a tree that others change.
var fightErrors = []syscall.Errno{
	0, syscall.ENOENT, syscall.EEXIST, syscall.ENOTDIR, syscall.EISDIR, syscall.ENOTEMPTY, syscall.EINVAL, syscall.EPERM, syscall.ELOOP, syscall.ENODATA, syscall.ENXIO,
}

// fight does random things in a directory that others use too. Only the kind of error can be checked.
func (s *suite) fight(seed uint64, nops int) {
	r := rand.New(rand.NewPCG(seed, 1))
	names := []string{"x", "y", "z", "f", "g"}
	path := func() string {
		p := "fight"
		for range 1 + r.IntN(3) {
			p += "/" + names[r.IntN(len(names))]
		}
		return p
	}
	for i := range nops {
		p, q := path(), path()
		var err error
		what := r.IntN(12)
		switch what {
		case 0:
			err = s.Make(p, vfs.CreateAttr{Kind: vfs.KindRegular, Mode: 0o644})
		case 1:
			err = s.Make(p, vfs.CreateAttr{Kind: vfs.KindDir, Mode: 0o755})
		case 2:
			err = s.Make(p, vfs.CreateAttr{Kind: vfs.KindSymlink, Target: "x"})
		case 3:
			err = s.Link(p, q)
		case 4:
			err = s.Remove(p)
		case 5:
			err = s.Rmdir(p)
		case 6, 7:
			err = s.Rename(p, q)
		case 8:
			_, err = s.Stat(p)
		case 9:
			err = s.ReadDir(p, 0, func(vfs.DirEntry) bool { return true })
		case 10:
			err = s.SetAttr(p, vfs.SetAttr{Mask: vfs.SetMode, Mode: 0o755})
		case 11:
			err = s.scribble(p, r)
		}
		if no := vfs.ErrnoOf(err); !slices.Contains(fightErrors, no) {
			s.Errorf("fight %d, step %d, operation %d on %s %s: %v", seed, i, what, p, q, err)
			return
		}
	}
}

// scribble writes to a file and reads it.
func (s *suite) scribble(p string, r *rand.Rand) error {
	a, err := s.Stat(p)
	if err != nil || a.Kind != vfs.KindRegular {
		return err
	}
	f, err := s.Open(p, true)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteAt(pattern(r.Uint64(), r.IntN(20_000)), int64(r.IntN(50_000))); err != nil {
		return err
	}
	if _, err := f.ReadAt(make([]byte, 10_000), int64(r.IntN(50_000))); err != nil {
		return err
	}
	if _, err := f.SeekData(0); err != nil {
		return err
	}
	return f.Truncate(int64(r.IntN(30_000)))
}
