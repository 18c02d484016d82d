package kern_test

import (
	"slices"
	"sync"
	"syscall"
	"testing"

	"rump/rumpfs/kern"
	"rump/rumpfs/vfs"
)

// TestRenameRace moves directories into each other from all sides: nothing may hang, no ring may come into being, none may
// be lost.
func TestRenameRace(t *testing.T) {
	w := newWorld(t)
	names := []string{"a", "b", "c", "d"}
	var dirs []*kern.Vnode
	for _, name := range names {
		dirs = append(dirs, w.owned(vfs.Root, w.open, name, vfs.KindDir, 0o777))
	}
	rounds := 3000
	if testing.Short() {
		rounds = 500
	}
	allowed := []error{nil, syscall.ENOENT, syscall.EINVAL, syscall.ENOTEMPTY, syscall.EEXIST}
	finish(t, func() {
		var wg sync.WaitGroup
		for i := range names {
			for _, away := range []bool{false, true} {
				wg.Go(func() {
					for n := range rounds {
						from, to := dirs[(i+1+n%3)%4], dirs[i]
						if n%4 == 0 {
							from = w.open
						}
						if away {
							to = w.open
						}
						name := names[(i+n)%4]
						if err := w.d.Rename(ctx, vfs.Root, from, name, to, name, 0); !slices.Contains(allowed, err) {
							t.Errorf("rename of %s: %v", name, err)
						}
						if n%5 == 0 {
							w.d.Rmdir(ctx, vfs.Root, from, "none")
							w.create(vfs.Root, to, "sub", vfs.KindDir)
							w.d.Rmdir(ctx, vfs.Root, to, "sub")
						}
					}
				})
			}
		}
		wg.Wait()
	})
	for i, name := range names {
		path, err := w.d.Path(ctx, vfs.Root, dirs[i])
		if err != nil {
			t.Errorf("path of %s: %v", name, err)
			continue
		}
		v := w.walk(path)
		if v != dirs[i] {
			t.Errorf("%s is not at %s", name, path)
		}
		v.Unref()
	}
}
