package kern_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"rump/rumpfs/kern"
	"rump/rumpfs/vfs"
)

// A damaged file system has directories whose entries, ".." among them, say whatever a test wants. Its other nodes
// are fifos, above number 1000 without names.
type damaged struct {
	dirs  map[vfs.Ino]map[string]vfs.Ino
	kinds map[vfs.Ino]vfs.Kind // of the rest; a fifo if it is not here
	gone  map[vfs.Ino]int      // how often a node was reclaimed that has no name
}

func (f *damaged) Type() string                               { return "damaged" }
func (f *damaged) Root() vfs.Ino                              { return 2 }
func (f *damaged) Statfs(context.Context) (vfs.Statfs, error) { return vfs.Statfs{}, nil }
func (f *damaged) Sync(context.Context, bool) error           { return nil }
func (f *damaged) ReadOnly() bool                             { return false }
func (f *damaged) Unmount(context.Context) error              { return nil }
func (f *damaged) Node(_ context.Context, ino vfs.Ino) (vfs.Node, error) {
	if entries, ok := f.dirs[ino]; ok {
		return &damagedDir{ino: ino, entries: entries}, nil
	}
	return damagedNode{fs: f, ino: ino}, nil
}

type damagedNode struct {
	vfs.ReadOnlyNode
	fs  *damaged
	ino vfs.Ino
}

func (n damagedNode) Ino() vfs.Ino { return n.ino }

func (n damagedNode) Attr(context.Context) (vfs.Attr, error) {
	kind := n.fs.kinds[n.ino]
	if kind == vfs.KindNone {
		kind = vfs.KindFifo
	}
	a := vfs.Attr{Ino: n.ino, Kind: kind, Mode: 0o777, Nlink: 1}
	if n.ino > 1000 {
		a.Nlink = 0
	}
	return a, nil
}

func (n damagedNode) Reclaim(context.Context) error {
	if n.ino > 1000 {
		n.fs.gone[n.ino]++
	}
	return nil
}

type damagedDir struct {
	vfs.ReadOnlyDir
	ino     vfs.Ino
	entries map[string]vfs.Ino
}

func (d *damagedDir) Ino() vfs.Ino { return d.ino }

func (d *damagedDir) Attr(ctx context.Context) (vfs.Attr, error) {
	return vfs.Attr{Ino: d.ino, Kind: vfs.KindDir, Mode: 0o777, Nlink: 2}, nil
}

func (d *damagedDir) Lookup(_ context.Context, name string) (vfs.Ino, error) {
	ino, ok := d.entries[name]
	if !ok {
		return 0, syscall.ENOENT
	}
	return ino, nil
}

func (d *damagedDir) ReadDir(_ context.Context, at vfs.Cookie, fn func(vfs.DirEntry) bool) error {
	for i, name := range slices.Sorted(maps.Keys(d.entries)) {
		if int(at) <= i && !fn(vfs.DirEntry{Name: []byte(name), Ino: d.entries[name], Next: vfs.Cookie(i + 1)}) {
			break
		}
	}
	return nil
}

// bootDamaged boots a kernel on a damaged file system.
func bootDamaged(t *testing.T, fs *damaged) (*kern.Door, *kern.Vnode) {
	t.Helper()
	k, err := kern.Boot(kern.Options{Root: fs})
	if err != nil {
		t.Fatal(err)
	}
	root := k.Root()
	t.Cleanup(func() {
		root.Unref()
		if err := k.Halt(ctx); err != nil {
			t.Error(err)
		}
	})
	return k.NewDoor("test", nil), root
}

// TestRings: directories that lie in each other, or in themselves, cost an error, never a hang.
func TestRings(t *testing.T) {
	fs := &damaged{dirs: map[vfs.Ino]map[string]vfs.Ino{
		2: {".": 2, "..": 2, "self": 2, "a": 3, "loose": 6, "f": 9},
		3: {".": 3, "..": 4, "b": 4, "root": 2, "f": 9},  // its .. is its child
		4: {".": 4, "..": 3, "a": 3, "self": 4, "g": 10}, // and names its parent
		6: {".": 6, "..": 9, "f": 9},                     // .. is no directory
		7: {".": 7, "..": 8}, 8: {".": 8, "..": 77}, 77: {".": 77, "..": 78}, 78: {".": 78, "..": 8},
	}}
	d, root := bootDamaged(t, fs)
	get := func(path string) *kern.Vnode {
		t.Helper()
		v, err := d.Walk(ctx, vfs.Root, root, path, true)
		if err != nil {
			t.Fatalf("walk %s: %v", path, err)
		}
		t.Cleanup(v.Unref)
		return v
	}
	a, b, loose := get("a"), get("a/b"), get("loose")
	far, err := d.Get(ctx, root.Mount(), 7)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(far.Unref)
	isCorrupt := func(what string, err error) {
		t.Helper()
		var c *vfs.CorruptError
		if !errors.As(err, &c) || !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: got %v, want a corrupt structure", what, err)
		}
	}
	finish(t, func() {
		_, err := d.Lookup(ctx, vfs.Root, root, "self")
		isCorrupt("lookup of a directory in itself", err)
		isCorrupt("rmdir of a directory in itself", d.Rmdir(ctx, vfs.Root, root, "self"))
		isCorrupt("rename of a directory in itself", d.Rename(ctx, vfs.Root, b, "self", root, "x", 0))
		isCorrupt("rename into a ring", d.Rename(ctx, vfs.Root, root, "loose", b, "x", 0))
		isCorrupt("rename into a longer ring", d.Rename(ctx, vfs.Root, root, "loose", far, "x", 0))
		isCorrupt("rename below what is no directory", d.Rename(ctx, vfs.Root, root, "a", loose, "x", 0))
		if err := d.Rename(ctx, vfs.Root, b, "a", b, "x", 0); err == nil {
			t.Error("rename of a parent in its child succeeded")
		}
		if err := d.Rename(ctx, vfs.Root, a, "root", root, "x", 0); vfs.ErrnoOf(err) != syscall.EINVAL {
			t.Errorf("rename of the root: got %v, want EINVAL", err)
		}
		if err := d.Rmdir(ctx, vfs.Root, a, "root"); err != syscall.EBUSY {
			t.Errorf("rmdir of the root: got %v, want EBUSY", err)
		}
		if err := d.Rename(ctx, vfs.Root, root, "loose", a, "root", 0); err == nil {
			t.Error("rename over the root succeeded")
		}
		_, err = d.Path(ctx, vfs.Root, b)
		if err == nil {
			t.Error("a directory in a ring has a path")
		}
	})
	// Two go round the ring against each other.
	finish(t, func() {
		var wg sync.WaitGroup
		for _, c := range []struct {
			dir  *kern.Vnode
			name string
		}{{a, "b"}, {b, "a"}, {a, "root"}, {root, "a"}} {
			wg.Go(func() {
				for range 3000 {
					d.Rmdir(ctx, vfs.Root, c.dir, c.name)
					d.Rename(ctx, vfs.Root, c.dir, c.name, root, "x", 0)
					if v, err := d.Lookup(ctx, vfs.Root, c.dir, c.name); err == nil {
						v.Unref()
					}
				}
			})
		}
		wg.Wait()
	})
}

// finish fails the test if fn hangs.
func finish(t *testing.T, fn func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn()
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		panic("a damaged file system made the kernel hang")
	}
}

// TestWrongKind: a node that is not what its attributes say.
func TestWrongKind(t *testing.T) {
	fs := &damaged{
		dirs:  map[vfs.Ino]map[string]vfs.Ino{2: {".": 2, "..": 2, "file": 5, "dir": 6, "link": 7}},
		kinds: map[vfs.Ino]vfs.Kind{5: vfs.KindRegular, 6: vfs.KindDir, 7: vfs.KindSymlink},
	}
	d, root := bootDamaged(t, fs)
	for _, name := range []string{"file", "dir", "link"} {
		if _, err := d.Lookup(ctx, vfs.Root, root, name); !errors.Is(err, syscall.EIO) {
			t.Errorf("lookup of %s, which is none: got %v, want EIO", name, err)
		}
	}
	if _, err := kern.Boot(kern.Options{Root: &damaged{}}); !errors.Is(err, syscall.EIO) {
		t.Errorf("boot on a root that is no directory: got %v, want EIO", err)
	}
}

// TestOrphan: a node that has no name when it is loaded goes with its last reference.
func TestOrphan(t *testing.T) {
	fs := &damaged{dirs: map[vfs.Ino]map[string]vfs.Ino{2: {".": 2, "..": 2}}, gone: map[vfs.Ino]int{}}
	d, root := bootDamaged(t, fs)
	v, err := d.Get(ctx, root.Mount(), 1001)
	if err != nil {
		t.Fatal(err)
	}
	if fs.gone[1001] != 0 {
		t.Error("the orphan went while it was referred to")
	}
	v.Unref()
	if got := fs.gone[1001]; got != 1 {
		t.Errorf("reclaims of the orphan after its last reference: got %d, want 1", got)
	}
}
