package kern_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"rump/rumpfs/kern"
	"rump/rumpfs/kern/kerntest"
	"rump/rumpfs/rootfs"
	"rump/rumpfs/vfs"
)

// A counting file system counts what the kernel loads and reclaims.
type counting struct {
	vfs.FS
	loads atomic.Int64
	watch vfs.Ino       // another count is about this one alone
	again atomic.Int64  // loads of it
	gate  chan struct{} // if not nil, Node waits until it is closed
	err   error         // what Node answers, if not nil
}

func (f *counting) Node(ctx context.Context, ino vfs.Ino) (vfs.Node, error) {
	f.loads.Add(1)
	if ino == f.watch {
		f.again.Add(1)
	}
	if f.gate != nil {
		<-f.gate
	}
	if f.err != nil {
		return nil, f.err
	}
	return f.FS.Node(ctx, ino)
}

// bootOn starts a watched kernel on a file system and halts it at the end.
func bootOn(t testing.TB, fs vfs.FS, maxVnodes int) (*kern.Kernel, *kern.Door, *kern.Vnode) {
	t.Helper()
	k, err := kern.Boot(kern.Options{Root: kerntest.Watch(t, fs), MaxVnodes: maxVnodes})
	if err != nil {
		t.Fatal(err)
	}
	d, root := k.NewDoor("test", nil), k.Root()
	t.Cleanup(func() {
		root.Unref()
		if n := k.Referenced(); n != 0 && !t.Failed() {
			t.Errorf("%d vnodes are referred to at the end", n)
		}
		if err := k.Halt(ctx); err != nil {
			t.Errorf("halt: %v", err)
		}
	})
	return k, d, root
}

// TestVnodesComeAndGo: what is not referred to stays loaded, but not more than was asked for.
func TestVnodesComeAndGo(t *testing.T) {
	fs := &counting{FS: rootfs.New(rootfs.Options{})}
	const most, files = 100, 1000
	_, d, root := bootOn(t, fs, most)
	lookup := func(i int) {
		v, err := d.Lookup(ctx, vfs.Root, root, fmt.Sprint(i))
		if err != nil {
			t.Fatal(err)
		}
		v.Unref()
	}
	for i := range files {
		v, err := d.Create(ctx, vfs.Root, root, fmt.Sprint(i), vfs.CreateAttr{Kind: vfs.KindRegular})
		if err != nil {
			t.Fatal(err)
		}
		v.Unref()
	}
	if n := root.Mount().Vnodes(); n > most+1 {
		t.Errorf("vnodes after making %d files: got %d, want %d at most", files, n, most)
	}
	for range 20 {
		lookup(1)
	}
	before := fs.loads.Load()
	for range 100 {
		lookup(1)
	}
	if got := fs.loads.Load() - before; got != 0 {
		t.Errorf("loads of a file in use: got %d, want 0", got)
	}
	one, err := d.Lookup(ctx, vfs.Root, root, "1")
	if err != nil {
		t.Fatal(err)
	}
	fs.watch = one.Ino()
	one.Unref()
	for i := range files { // 1 is used all the time, so it stays
		lookup(i)
		lookup(1)
	}
	if got := fs.again.Load(); got != 0 {
		t.Errorf("loads of a file that was used all the time: got %d, want 0", got)
	}
	if n := root.Mount().Vnodes(); n > most+1 {
		t.Errorf("vnodes after looking up %d files: got %d, want %d at most", files, n, most)
	}
	// Referred to, they stay, however many.
	var held []*kern.Vnode
	for i := range files {
		v, err := d.Lookup(ctx, vfs.Root, root, fmt.Sprint(i))
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, v)
	}
	for i, v := range held {
		if _, err := d.Attr(ctx, v); err != nil {
			t.Errorf("attributes of file %d: %v", i, err)
		}
		v.Unref()
	}
	for i := range 50 {
		lookup(i)
	}
}

// TestReclaimAtOnce: the storage of a file goes with its last name and reference, not later.
func TestReclaimAtOnce(t *testing.T) {
	_, d, root := bootOn(t, rootfs.New(rootfs.Options{}), 1000)
	free := func() uint64 {
		st, err := d.Statfs(ctx, root)
		if err != nil {
			t.Fatal(err)
		}
		return st.BlocksFree
	}
	before := free()
	for _, how := range []string{"remove", "rename", "rmdir"} {
		kind := vfs.KindRegular
		if how == "rmdir" {
			kind = vfs.KindDir
		}
		v, err := d.Create(ctx, vfs.Root, root, "x", vfs.CreateAttr{Kind: kind})
		if err != nil {
			t.Fatal(err)
		}
		switch how {
		case "remove":
			d.Write(ctx, vfs.Root, v, make([]byte, 100_000), 0)
			err = d.Remove(ctx, vfs.Root, root, "x")
		case "rename":
			d.Write(ctx, vfs.Root, v, make([]byte, 100_000), 0)
			w, e := d.Create(ctx, vfs.Root, root, "y", vfs.CreateAttr{Kind: kind})
			if e != nil {
				t.Fatal(e)
			}
			w.Unref()
			err = d.Rename(ctx, vfs.Root, root, "y", root, "x", 0)
		case "rmdir":
			err = d.Rmdir(ctx, vfs.Root, root, "x")
		}
		if err != nil {
			t.Fatalf("%s: %v", how, err)
		}
		if how != "rmdir" && free() >= before {
			t.Errorf("%s: storage of an open file is free", how)
		}
		a, err := d.Attr(ctx, v)
		if err != nil || a.Nlink != 0 {
			t.Errorf("%s: links of what is open: got %d, %v, want 0", how, a.Nlink, err)
		}
		ino := v.Ino()
		v.Unref()
		if got := free(); got < before-1 {
			t.Errorf("%s: free blocks after the last reference: got %d, want %d", how, got, before)
		}
		if _, err := d.Get(ctx, root.Mount(), ino); err != syscall.ESTALE {
			t.Errorf("%s: get by number: got %v, want ESTALE", how, err)
		}
		d.Remove(ctx, vfs.Root, root, "x") // what was renamed
	}
}

// TestRemovedDirectory: nothing can be found or made in it, and it is empty.
func TestRemovedDirectory(t *testing.T) {
	w := newWorld(t)
	dir := w.owned(vfs.Root, w.open, "dir", vfs.KindDir, 0o777)
	f := w.owned(vfs.Root, w.open, "f", vfs.KindRegular, 0o666)
	w.answers("rmdir", w.d.Rmdir(ctx, vfs.Root, w.open, "dir"), nil)
	w.answers("create", w.create(vfs.Root, dir, "x", vfs.KindRegular), syscall.ENOENT)
	w.answers("mkdir", w.create(vfs.Root, dir, "x", vfs.KindDir), syscall.ENOENT)
	w.answers("link", w.d.Link(ctx, vfs.Root, dir, "x", f), syscall.ENOENT)
	w.answers("rename into", w.d.Rename(ctx, vfs.Root, w.open, "f", dir, "f", 0), syscall.ENOENT)
	w.answers("lookup", w.lookup(vfs.Root, dir, "x"), syscall.ENOENT)
	w.answers("lookup of ..", w.lookup(vfs.Root, dir, ".."), syscall.ENOENT)
	w.answers("lookup of .", w.lookup(vfs.Root, dir, "."), nil)
	n := 0
	w.answers("readdir", w.d.ReadDir(ctx, vfs.Root, dir, 0, func(vfs.DirEntry) bool { n++; return true }), nil)
	if n != 0 {
		t.Errorf("entries: got %d, want 0", n)
	}
	w.answers("remove", w.d.Remove(ctx, vfs.Root, w.open, "f"), nil)
	w.answers("link of what has no name", w.d.Link(ctx, vfs.Root, w.open, "g", f), syscall.ENOENT)
}

// TestLoadOnce: many who ask for the same node wait for one load of it; and one who gives up waiting.
func TestLoadOnce(t *testing.T) {
	fs := &counting{FS: rootfs.New(rootfs.Options{})}
	k, d, root := bootOn(t, fs, 1)
	sub, err := d.Create(ctx, vfs.Root, root, "sub", vfs.CreateAttr{Kind: vfs.KindDir})
	if err != nil {
		t.Fatal(err)
	}
	ino := sub.Ino()
	sub.Unref()
	for i := range 200 { // push it out
		v, err := d.Create(ctx, vfs.Root, root, fmt.Sprint(i), vfs.CreateAttr{Kind: vfs.KindRegular})
		if err != nil {
			t.Fatal(err)
		}
		v.Unref()
	}
	fs.gate = make(chan struct{})
	before := fs.loads.Load()
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			v, err := d.Lookup(ctx, vfs.Root, root, "sub")
			if err != nil {
				t.Errorf("lookup: %v", err)
				return
			}
			if v.Ino() != ino {
				t.Errorf("lookup: inode %d, want %d", v.Ino(), ino)
			}
			v.Unref()
		})
	}
	for fs.loads.Load() == before {
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := d.Get(cancelled, k.Mounts()[0].Mount, ino); err != context.Canceled {
		t.Errorf("get with a cancelled context: got %v", err)
	}
	close(fs.gate)
	wg.Wait()
	if got := fs.loads.Load() - before; got != 1 {
		t.Errorf("loads: got %d, want 1", got)
	}
}

// TestLoadError: a node that cannot be loaded is asked for again the next time.
func TestLoadError(t *testing.T) {
	fs := &counting{FS: rootfs.New(rootfs.Options{})}
	_, d, root := bootOn(t, fs, 100)
	fs.err = syscall.EIO
	if _, err := d.Get(ctx, root.Mount(), 77); err != syscall.EIO {
		t.Errorf("get: got %v, want EIO", err)
	}
	fs.err = nil
	for _, ino := range []vfs.Ino{0, 77, 1 << 63} {
		if _, err := d.Get(ctx, root.Mount(), ino); err != syscall.ESTALE {
			t.Errorf("get of inode %d: got %v, want ESTALE", ino, err)
		}
	}
	v, err := d.Get(ctx, root.Mount(), root.Ino())
	if err != nil || v != root {
		t.Errorf("get of the root: got %v, %v", v, err)
	}
	v.Unref()
}

// A reusing file system gives each number out again as soon as it is free, as FFS does.
type reusing struct {
	vfs.FS
	mu   sync.Mutex
	real map[vfs.Ino]vfs.Ino // our number -> the one in FS
	ours map[vfs.Ino]vfs.Ino
	free []vfs.Ino
	last vfs.Ino
}

func newReusing() *reusing {
	return &reusing{FS: rootfs.New(rootfs.Options{}), real: map[vfs.Ino]vfs.Ino{2: 2}, ours: map[vfs.Ino]vfs.Ino{2: 2}, last: 2}
}

// give returns our number of a node of FS.
func (f *reusing) give(real vfs.Ino) vfs.Ino {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n, ok := f.ours[real]; ok {
		return n
	}
	var n vfs.Ino
	if len(f.free) > 0 {
		n, f.free = f.free[0], f.free[1:]
	} else {
		f.last++
		n = f.last
	}
	f.real[n], f.ours[real] = real, n
	return n
}

func (f *reusing) Node(ctx context.Context, ino vfs.Ino) (vfs.Node, error) {
	f.mu.Lock()
	real, ok := f.real[ino]
	f.mu.Unlock()
	if !ok {
		return nil, syscall.ESTALE
	}
	n, err := f.FS.Node(ctx, real)
	if err != nil {
		return nil, err
	}
	return f.wrap(n), nil
}

func (f *reusing) wrap(n vfs.Node) vfs.Node {
	w := reusedNode{n, f, f.give(n.Ino())}
	switch n := n.(type) {
	case vfs.Dir:
		return &reusedDir{w, n}
	case vfs.File:
		return &reusedFile{w, n}
	}
	panic("reusing: neither a file nor a directory")
}

type reusedNode struct {
	vfs.Node
	fs  *reusing
	ino vfs.Ino
}

func (n reusedNode) Ino() vfs.Ino { return n.ino }

func (n reusedNode) Reclaim(ctx context.Context) error {
	a, err := n.Node.Attr(ctx)
	if err != nil {
		return err
	}
	if a.Nlink == 0 {
		n.fs.mu.Lock()
		delete(n.fs.real, n.ino)
		delete(n.fs.ours, n.Node.Ino())
		n.fs.free = append(n.fs.free, n.ino)
		n.fs.mu.Unlock()
	}
	return n.Node.Reclaim(ctx)
}

type reusedFile struct {
	reusedNode
	vfs.File
}

func (n *reusedFile) Ino() vfs.Ino                               { return n.reusedNode.Ino() }
func (n *reusedFile) Attr(ctx context.Context) (vfs.Attr, error) { return n.File.Attr(ctx) }
func (n *reusedFile) Reclaim(ctx context.Context) error          { return n.reusedNode.Reclaim(ctx) }
func (n *reusedFile) Sync(ctx context.Context, d bool) error     { return n.File.Sync(ctx, d) }
func (n *reusedFile) SetAttr(ctx context.Context, c *vfs.Cred, s vfs.SetAttr) error {
	return n.File.SetAttr(ctx, c, s)
}

type reusedDir struct {
	reusedNode
	vfs.Dir
}

func (n *reusedDir) Ino() vfs.Ino                               { return n.reusedNode.Ino() }
func (n *reusedDir) Attr(ctx context.Context) (vfs.Attr, error) { return n.Dir.Attr(ctx) }
func (n *reusedDir) Reclaim(ctx context.Context) error          { return n.reusedNode.Reclaim(ctx) }
func (n *reusedDir) Sync(ctx context.Context, d bool) error     { return n.Dir.Sync(ctx, d) }
func (n *reusedDir) SetAttr(ctx context.Context, c *vfs.Cred, s vfs.SetAttr) error {
	return n.Dir.SetAttr(ctx, c, s)
}

func (n *reusedDir) Lookup(ctx context.Context, name string) (vfs.Ino, error) {
	ino, err := n.Dir.Lookup(ctx, name)
	if err != nil {
		return 0, err
	}
	return n.fs.give(ino), nil
}

func (n *reusedDir) Create(ctx context.Context, cred *vfs.Cred, name string, a vfs.CreateAttr) (vfs.Node, error) {
	made, err := n.Dir.Create(ctx, cred, name, a)
	if err != nil {
		return nil, err
	}
	return n.fs.wrap(made), nil
}

func (n *reusedDir) Remove(ctx context.Context, name string, victim vfs.Node) error {
	return n.Dir.Remove(ctx, name, victim.(*reusedFile).File)
}

// TestNumbersUsedAgain makes and removes files whose numbers come back at once, while others ask for all numbers: no two
// nodes of one number may live at a time (the watching file system says), and no call may hang.
func TestNumbersUsedAgain(t *testing.T) {
	_, d, root := bootOn(t, newReusing(), 8)
	rounds := 3000
	if testing.Short() {
		rounds = 500
	}
	var makers, askers sync.WaitGroup
	done := make(chan struct{})
	for w := range 3 {
		makers.Go(func() {
			for i := range rounds {
				name := fmt.Sprintf("%d-%d", w, i%5)
				v, err := d.Create(ctx, vfs.Root, root, name, vfs.CreateAttr{Kind: vfs.KindRegular})
				if err != nil {
					t.Errorf("create: %v", err)
					return
				}
				v.Unref()
				if err := d.Remove(ctx, vfs.Root, root, name); err != nil {
					t.Errorf("remove: %v", err)
					return
				}
			}
		})
		askers.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 1))
			for {
				select {
				case <-done:
					return
				default:
				}
				v, err := d.Get(ctx, root.Mount(), vfs.Ino(3+r.IntN(10)))
				if err == nil {
					v.Unref()
				} else if err != syscall.ESTALE {
					t.Errorf("get: %v", err)
					return
				}
			}
		})
	}
	makers.Wait()
	close(done)
	askers.Wait()
}

func TestUnrefTwice(t *testing.T) {
	_, d, root := boot(t)
	v, err := d.Create(ctx, vfs.Root, root, "f", vfs.CreateAttr{Kind: vfs.KindRegular})
	if err != nil {
		t.Fatal(err)
	}
	v.Unref()
	defer func() {
		if recover() == nil {
			t.Error("a reference was given back twice without a panic")
		}
		v.Ref()
	}()
	v.Unref()
}
