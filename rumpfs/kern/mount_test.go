package kern_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"rump/rumpfs/kern"
	"rump/rumpfs/kern/kerntest"
	"rump/rumpfs/rootfs"
	"rump/rumpfs/vfs"
)

// mount puts an empty tree over a directory.
func (w *world) mount(at *kern.Vnode) *kern.Mount {
	w.Helper()
	m, err := w.k.Mount(ctx, at, rootfs.New(rootfs.Options{}), kern.MountOptions{})
	if err != nil {
		w.Fatalf("mount: %v", err)
	}
	return m
}

// walk follows a path as the superuser.
func (w *world) walk(path string) *kern.Vnode {
	w.Helper()
	v, err := w.d.Walk(ctx, vfs.Root, w.root, path, true)
	if err != nil {
		w.Fatalf("walk %s: %v", path, err)
	}
	return v
}

// mountOf is the mount that a path leads to.
func (w *world) mountOf(path string) *kern.Mount {
	w.Helper()
	v := w.walk(path)
	defer v.Unref()
	return v.Mount()
}

func TestMountCrossing(t *testing.T) {
	w := newWorld(t)
	a := w.owned(vfs.Root, w.open, "a", vfs.KindDir, 0o755)
	w.owned(vfs.Root, a, "hidden", vfs.KindRegular, 0o644)
	m := w.mount(a)
	if got := w.k.Mounts()[1]; got.On != "/open/a" || got.Mount != m || got.Type != "rumpfs" || got.Index != m.Index() {
		t.Errorf("mount information: got %+v", got)
	}
	if w.mountOf("/open/a") != m || w.mountOf("/open/a/.") != m {
		t.Error("a walk does not enter the mount")
	}
	if w.mountOf("/open/a/..") == m {
		t.Error("a walk does not leave the mount by ..")
	}
	up := w.walk("/open/a/..")
	if up != w.open {
		t.Error(".. of the mount's root is not the directory above it")
	}
	up.Unref()
	in := w.walk("/open/a")
	w.answers("what lies below a mount", w.lookup(vfs.Root, in, "hidden"), syscall.ENOENT)

	// A second one over the first, and one inside.
	on := w.mount(in)
	in.Unref()
	if w.mountOf("/open/a") != on {
		t.Error("a walk does not enter the mount on the mount")
	}
	up = w.walk("/open/a/..")
	if up != w.open {
		t.Error(".. does not leave two mounts at once")
	}
	up.Unref()
	w.answers("unmount of what is mounted on", w.k.Unmount(ctx, m, false), syscall.EBUSY)
	w.answers("unmount", w.k.Unmount(ctx, on, false), nil)
	w.answers("unmount again", w.k.Unmount(ctx, on, false), syscall.EINVAL)
	w.answers("unmount", w.k.Unmount(ctx, m, false), nil)
	v := w.walk("/open/a/hidden")
	v.Unref()
	if n := len(w.k.Mounts()); n != 1 {
		t.Errorf("mounts at the end: got %d, want 1", n)
	}
}

// answersLike is answers for errors that may be joined.
func (w *world) answersLike(what string, got, want error) {
	w.Helper()
	if !errors.Is(got, want) {
		w.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestMountErrors(t *testing.T) {
	w := newWorld(t)
	f := w.owned(vfs.Root, w.open, "f", vfs.KindRegular, 0o644)
	tree := func() vfs.FS { return rootfs.New(rootfs.Options{}) }
	_, err := w.k.Mount(ctx, f, tree(), kern.MountOptions{})
	w.answers("mount on a file", err, syscall.ENOTDIR)
	_, err = w.k.MountPath(ctx, "/open/none", tree(), kern.MountOptions{})
	w.answers("mount on nothing", err, syscall.ENOENT)

	d := w.owned(vfs.Root, w.open, "d", vfs.KindDir, 0o755)
	w.answers("rmdir", w.d.Rmdir(ctx, vfs.Root, w.open, "d"), nil)
	_, err = w.k.Mount(ctx, d, tree(), kern.MountOptions{Path: "/gone"})
	w.answers("mount on a removed directory", err, syscall.ENOENT)

	e := w.owned(vfs.Root, w.open, "e", vfs.KindDir, 0o755)
	m := w.mount(e)
	_, err = w.k.Mount(ctx, e, tree(), kern.MountOptions{Path: "/open/e"})
	w.answers("mount below a mount", err, syscall.EBUSY)
	w.answers("unmount of the root", w.k.Unmount(ctx, w.root.Mount(), true), syscall.EBUSY)

	// A directory that is mounted on stays where it is.
	w.owned(vfs.Root, w.open, "x", vfs.KindDir, 0o755)
	w.answers("rmdir of a mount point", w.d.Rmdir(ctx, vfs.Root, w.open, "e"), syscall.EBUSY)
	w.answers("rename of a mount point", w.d.Rename(ctx, vfs.Root, w.open, "e", w.open, "y", 0), syscall.EBUSY)
	w.answers("rename over a mount point", w.d.Rename(ctx, vfs.Root, w.open, "x", w.open, "e", 0), syscall.EBUSY)
	w.answers("link into another mount", func() error {
		root, err := m.Root()
		if err != nil {
			return err
		}
		defer root.Unref()
		return w.d.Link(ctx, vfs.Root, root, "f", f)
	}(), syscall.EXDEV)
	w.answers("rename into another mount", func() error {
		root, err := m.Root()
		if err != nil {
			return err
		}
		defer root.Unref()
		return w.d.Rename(ctx, vfs.Root, w.open, "f", root, "f", 0)
	}(), syscall.EXDEV)
	w.answers("unmount", w.k.Unmount(ctx, m, false), nil)
}

// TestForcedUnmount: references die, whatever is mounted below goes first, who waits for a lock is sent away.
func TestForcedUnmount(t *testing.T) {
	w := newWorld(t)
	var order []string
	name := func(name string, at *kern.Vnode) *kern.Mount {
		m, err := w.k.Mount(ctx, at, &ended{FS: rootfs.New(rootfs.Options{}), end: func() { order = append(order, name) }}, kern.MountOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	top := name("top", w.open)
	inTop := w.walk("/open")
	sub := w.owned(vfs.Root, inTop, "sub", vfs.KindDir, 0o755)
	name("below", sub)
	inBelow := w.walk("/open/sub")
	f := w.owned(vfs.Root, inBelow, "f", vfs.KindRegular, 0o644)
	if err := w.d.SetLock(ctx, f, kern.Lock{Owner: 1, Exclusive: true, End: kern.LockEnd}, false); err != nil {
		t.Fatal(err)
	}
	waited := make(chan error)
	go func() {
		waited <- w.d.SetLock(ctx, f, kern.Lock{Owner: 2, Exclusive: true, End: kern.LockEnd}, true)
	}()

	w.answers("unmount of what is in use", w.k.Unmount(ctx, top, false), syscall.EBUSY)
	w.answersLike("forced unmount", w.k.Unmount(ctx, top, true), nil)
	if want := []string{"below", "top"}; !slices.Equal(order, want) {
		t.Errorf("order of unmounts: got %v, want %v", order, want)
	}
	w.answers("waiting for a lock", <-waited, syscall.ESTALE)
	for _, v := range []*kern.Vnode{f, inBelow, inTop, sub} {
		_, err := w.d.Attr(ctx, v)
		w.answers("attributes of the dead", err, syscall.ESTALE)
	}
	_, err := w.d.Read(ctx, f, make([]byte, 1), 0)
	w.answers("read", err, syscall.ESTALE)
	_, err = w.d.Write(ctx, vfs.Root, f, make([]byte, 1), 0)
	w.answers("write", err, syscall.ESTALE)
	w.answers("lookup", w.lookup(vfs.Root, inTop, "sub"), syscall.ESTALE)
	w.answers("lookup of ..", w.lookup(vfs.Root, inTop, ".."), syscall.ESTALE)
	w.answers("create", w.create(vfs.Root, inTop, "new", vfs.KindRegular), syscall.ESTALE)
	_, err = w.d.Get(ctx, top, 2)
	w.answers("get by number", err, syscall.ESTALE)
	w.answers("create below", w.create(vfs.Root, w.open, "new", vfs.KindRegular), nil)
	inTop.Unref()
	inBelow.Unref()
}

// An ended file system tells of its end.
type ended struct {
	vfs.FS
	end func()
	err error
}

func (f *ended) Unmount(ctx context.Context) error {
	f.end()
	return errors.Join(f.err, f.FS.Unmount(ctx))
}

func TestHalt(t *testing.T) {
	var order []string
	tree := func(name string, err error) vfs.FS {
		return &ended{rootfs.New(rootfs.Options{}), func() { order = append(order, name) }, err}
	}
	k, err := kern.Boot(kern.Options{Root: tree("root", nil), Hostname: "host"})
	if err != nil {
		t.Fatal(err)
	}
	d := k.NewDoor("test", nil)
	root := k.Root()
	at := create(t, d, root, "a", vfs.KindDir)
	if _, err := k.Mount(ctx, at, tree("a", syscall.EIO), kern.MountOptions{}); err != nil {
		t.Fatal(err)
	}
	in, err := d.Walk(ctx, vfs.Root, root, "a", true)
	if err != nil {
		t.Fatal(err)
	}
	b := create(t, d, in, "b", vfs.KindDir)
	if _, err := k.Mount(ctx, b, tree("a/b", nil), kern.MountOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := k.Halt(ctx); !errors.Is(err, syscall.EIO) {
		t.Errorf("halt: got %v, want the file system's EIO", err)
	}
	if want := []string{"a/b", "a", "root"}; !slices.Equal(order, want) {
		t.Errorf("order of unmounts: got %v, want %v", order, want)
	}
	if err := k.Halt(ctx); err != nil {
		t.Errorf("second halt: %v", err)
	}
	if _, err := d.Attr(ctx, root); err != syscall.ESTALE {
		t.Errorf("attributes after the halt: got %v, want ESTALE", err)
	}
	if err := k.Sync(ctx, true); err != nil {
		t.Errorf("sync after the halt: %v", err)
	}
	if _, err := k.Mount(ctx, root, rootfs.New(rootfs.Options{}), kern.MountOptions{Path: "/"}); err != syscall.ESTALE {
		t.Errorf("mount after the halt: got %v, want ESTALE", err)
	}
	in.Unref()
	root.Unref()
}

func TestBootWithoutRoot(t *testing.T) {
	if _, err := kern.Boot(kern.Options{}); err != syscall.EINVAL {
		t.Errorf("got %v, want EINVAL", err)
	}
}

// A slow file system takes its time for Sync.
type slow struct {
	vfs.FS
	began, gate chan struct{}
	done        atomic.Bool
	early       atomic.Bool // it was unmounted meanwhile
}

func (f *slow) Sync(ctx context.Context, wait bool) error {
	close(f.began)
	<-f.gate
	f.done.Store(true)
	return f.FS.Sync(ctx, wait)
}

func (f *slow) Unmount(ctx context.Context) error {
	f.early.Store(!f.done.Load())
	return f.FS.Unmount(ctx)
}

// TestUnmountWaitsForSync: not even by force is a file system unmounted while it is being synced.
func TestUnmountWaitsForSync(t *testing.T) {
	w := newWorld(t)
	fs := &slow{FS: rootfs.New(rootfs.Options{}), began: make(chan struct{}), gate: make(chan struct{})}
	m, err := w.k.Mount(ctx, w.open, fs, kern.MountOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := w.k.Sync(ctx, true); err != nil {
			t.Errorf("sync: %v", err)
		}
	})
	<-fs.began
	wg.Go(func() {
		if err := w.k.Unmount(ctx, m, true); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	for len(w.k.Mounts()) > 1 { // until the unmount is under way
		time.Sleep(time.Millisecond)
	}
	time.Sleep(20 * time.Millisecond)
	close(fs.gate)
	wg.Wait()
	if fs.early.Load() {
		t.Error("the file system was unmounted during its Sync")
	}
}

// TestMountRace mounts, walks, asks by number, and unmounts at the same time. The mounts watch how they are called.
func TestMountRace(t *testing.T) {
	w := newWorld(t)
	at := w.owned(vfs.Root, w.open, "at", vfs.KindDir, 0o755)
	rounds := 300
	if testing.Short() {
		rounds = 50
	}
	var current atomic.Pointer[kern.Mount]
	current.Store(w.root.Mount())
	busy := []func() error{
		func() error {
			v, err := w.d.Walk(ctx, vfs.Root, w.root, "open/at/../at/./x", true)
			if err == nil {
				v.Unref()
			}
			return err
		},
		func() error {
			v, err := w.d.Get(ctx, current.Load(), vfs.Ino(3+rand.IntN(8)))
			if err == nil {
				v.Unref()
			}
			return err
		},
		func() error { return w.k.Sync(ctx, false) },
		func() error {
			w.k.Mounts()
			return nil
		},
	}
	var wg sync.WaitGroup
	done := make(chan struct{})
	for _, do := range busy {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := do(); err != nil && err != syscall.ENOENT && err != syscall.ESTALE {
					t.Errorf("while mounts come and go: %v", err)
					return
				}
			}
		})
	}
	for i := range rounds {
		m, err := w.k.Mount(ctx, at, kerntest.Watch(t, rootfs.New(rootfs.Options{})), kern.MountOptions{})
		if err != nil {
			t.Fatalf("mount: %v", err)
		}
		current.Store(m)
		root, err := m.Root()
		if err != nil {
			t.Fatalf("root of a mount: %v", err)
		}
		for _, name := range []string{"x", "y", "z"} {
			w.create(vfs.Root, root, name, vfs.KindRegular)
		}
		root.Unref()
		for w.k.Unmount(ctx, m, i%3 > 0) == syscall.EBUSY {
		}
	}
	close(done)
	wg.Wait()
}
