package kerntest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"rump/rumpfs/vfs"
)

// Watch wraps a file system and reports to t whenever the kernel breaks its side of the contract in vfs: a call without the
// lock that it needs, a node asked for twice, used after its Reclaim, or left at Unmount, a change of what is read-only.
func Watch(t testing.TB, fs vfs.FS) vfs.FS {
	return &watchedFS{FS: fs, t: t, alive: make(map[vfs.Ino]*watched)}
}

type watchedFS struct {
	vfs.FS
	t    testing.TB
	down atomic.Bool

	mu    sync.Mutex
	alive map[vfs.Ino]*watched
}

// Node also checks that the kernel has no such node yet.
func (f *watchedFS) Node(ctx context.Context, ino vfs.Ino) (vfs.Node, error) {
	f.up("Node")
	f.mu.Lock()
	if f.alive[ino] != nil {
		f.t.Errorf("watch: inode %d asked for while it is alive", ino)
	}
	f.mu.Unlock()
	n, err := f.FS.Node(ctx, ino)
	if err != nil {
		return nil, err
	}
	return f.wrap(n), nil
}

func (f *watchedFS) Statfs(ctx context.Context) (vfs.Statfs, error) {
	f.up("Statfs")
	return f.FS.Statfs(ctx)
}

func (f *watchedFS) Sync(ctx context.Context, wait bool) error {
	f.up("Sync")
	return f.FS.Sync(ctx, wait)
}

// Unmount also checks that every node was reclaimed.
func (f *watchedFS) Unmount(ctx context.Context) error {
	f.up("Unmount")
	f.down.Store(true)
	f.mu.Lock()
	defer f.mu.Unlock()
	for ino := range f.alive {
		f.t.Errorf("watch: inode %d alive at unmount", ino)
	}
	return f.FS.Unmount(ctx)
}

func (f *watchedFS) up(call string) {
	if f.down.Load() {
		f.t.Errorf("watch: %s after unmount", call)
	}
}

// wrap gives a node the wrapper of its kind.
func (f *watchedFS) wrap(n vfs.Node) vfs.Node {
	w := &watched{Node: n, fs: f, ino: n.Ino()}
	f.mu.Lock()
	if f.alive[w.ino] != nil {
		f.t.Errorf("watch: two nodes of inode %d", w.ino)
	}
	f.alive[w.ino] = w
	f.mu.Unlock()
	switch n := n.(type) {
	case vfs.Dir:
		return &watchedDir{w, n}
	case vfs.Symlink:
		return &watchedLink{w, n}
	case vfs.File:
		return &watchedFile{w, n}
	}
	return w
}

// A watched counts who is inside a node.
type watched struct {
	vfs.Node
	fs    *watchedFS
	ino   vfs.Ino
	users atomic.Int64 // shared calls under way; -1 during an exclusive one
	dead  atomic.Bool
}

// shared notes the beginning of a shared call, and with the function returned its end.
func (w *watched) shared(call string) func() {
	if w.dead.Load() {
		w.fs.t.Errorf("watch: %s of inode %d after its end", call, w.ino)
	}
	if w.users.Add(1) <= 0 {
		w.fs.t.Errorf("watch: %s of inode %d during an exclusive call", call, w.ino)
	}
	return func() { w.users.Add(-1) }
}

// exclusive notes the beginning of an exclusive call, and with the function returned its end.
func (w *watched) exclusive(call string) func() {
	if w.dead.Load() {
		w.fs.t.Errorf("watch: %s of inode %d after its end", call, w.ino)
	}
	if w.fs.FS.ReadOnly() && call != "Reclaim" {
		w.fs.t.Errorf("watch: %s of inode %d on a read-only file system", call, w.ino)
	}
	if !w.users.CompareAndSwap(0, -1<<32) {
		w.fs.t.Errorf("watch: %s of inode %d during another call", call, w.ino)
		return func() {}
	}
	return func() {
		if !w.users.CompareAndSwap(-1<<32, 0) {
			w.fs.t.Errorf("watch: another call during %s of inode %d", call, w.ino)
		}
	}
}

func (w *watched) Attr(ctx context.Context) (vfs.Attr, error) {
	defer w.shared("Attr")()
	return w.Node.Attr(ctx)
}

func (w *watched) SetAttr(ctx context.Context, cred *vfs.Cred, set vfs.SetAttr) error {
	defer w.exclusive("SetAttr")()
	return w.Node.SetAttr(ctx, cred, set)
}

func (w *watched) Sync(ctx context.Context, dataOnly bool) error {
	defer w.shared("Sync")()
	return w.Node.Sync(ctx, dataOnly)
}

func (w *watched) Reclaim(ctx context.Context) error {
	defer w.exclusive("Reclaim")()
	w.dead.Store(true)
	w.fs.mu.Lock()
	delete(w.fs.alive, w.ino)
	w.fs.mu.Unlock()
	return w.Node.Reclaim(ctx)
}

func (w *watched) xattrs() vfs.Xattrer {
	x, ok := w.Node.(vfs.Xattrer)
	if !ok {
		w.fs.t.Errorf("watch: inode %d has no attributes", w.ino)
	}
	return x
}

func (w *watched) GetXattr(ctx context.Context, space vfs.XattrSpace, name string) ([]byte, error) {
	defer w.shared("GetXattr")()
	return w.xattrs().GetXattr(ctx, space, name)
}

func (w *watched) ListXattr(ctx context.Context, space vfs.XattrSpace) ([]string, error) {
	defer w.shared("ListXattr")()
	return w.xattrs().ListXattr(ctx, space)
}

func (w *watched) SetXattr(ctx context.Context, cred *vfs.Cred, space vfs.XattrSpace, name string, value []byte, mode vfs.XattrMode) error {
	defer w.exclusive("SetXattr")()
	return w.xattrs().SetXattr(ctx, cred, space, name, value, mode)
}

func (w *watched) RemoveXattr(ctx context.Context, space vfs.XattrSpace, name string) error {
	defer w.exclusive("RemoveXattr")()
	return w.xattrs().RemoveXattr(ctx, space, name)
}

// unwrap returns the wrapper's own part and the file system's node.
func unwrap(n vfs.Node) (*watched, vfs.Node) {
	switch n := n.(type) {
	case *watchedDir:
		return n.watched, n.d
	case *watchedLink:
		return n.watched, n.l
	case *watchedFile:
		return n.watched, n.f
	case *watched:
		return n, n.Node
	}
	panic(fmt.Sprintf("watch: a node of type %T", n))
}

type watchedLink struct {
	*watched
	l vfs.Symlink
}

func (w *watchedLink) Readlink(ctx context.Context) (string, error) {
	defer w.shared("Readlink")()
	return w.l.Readlink(ctx)
}

type watchedFile struct {
	*watched
	f vfs.File
}

func (w *watchedFile) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	defer w.shared("ReadAt")()
	return w.f.ReadAt(ctx, p, off)
}

func (w *watchedFile) WriteAt(ctx context.Context, cred *vfs.Cred, p []byte, off int64) (int, error) {
	defer w.exclusive("WriteAt")()
	return w.f.WriteAt(ctx, cred, p, off)
}

func (w *watchedFile) Map(ctx context.Context, off, limit int64) (vfs.Extent, error) {
	defer w.shared("Map")()
	if m, ok := w.f.(vfs.Mapper); ok {
		return m.Map(ctx, off, limit)
	}
	return vfs.Extent{Off: off, Length: limit}, nil
}

func (w *watchedFile) Allocate(ctx context.Context, cred *vfs.Cred, off, length int64, keepSize bool) error {
	defer w.exclusive("Allocate")()
	return w.f.(vfs.Allocator).Allocate(ctx, cred, off, length, keepSize)
}

func (w *watchedFile) Punch(ctx context.Context, off, length int64) error {
	defer w.exclusive("Punch")()
	return w.f.(vfs.Allocator).Punch(ctx, off, length)
}

type watchedDir struct {
	*watched
	d vfs.Dir
}

func (w *watchedDir) Lookup(ctx context.Context, name string) (vfs.Ino, error) {
	defer w.shared("Lookup")()
	return w.d.Lookup(ctx, name)
}

func (w *watchedDir) ReadDir(ctx context.Context, at vfs.Cookie, fn func(vfs.DirEntry) bool) error {
	defer w.shared("ReadDir")()
	return w.d.ReadDir(ctx, at, fn)
}

func (w *watchedDir) Create(ctx context.Context, cred *vfs.Cred, name string, a vfs.CreateAttr) (vfs.Node, error) {
	defer w.exclusive("Create")()
	n, err := w.d.Create(ctx, cred, name, a)
	if err != nil {
		return nil, err
	}
	return w.fs.wrap(n), nil
}

func (w *watchedDir) Link(ctx context.Context, cred *vfs.Cred, name string, target vfs.Node) error {
	defer w.exclusive("Link")()
	tw, t := unwrap(target)
	defer tw.exclusive("Link to")()
	return w.d.Link(ctx, cred, name, t)
}

func (w *watchedDir) Remove(ctx context.Context, name string, victim vfs.Node) error {
	defer w.exclusive("Remove")()
	vw, v := unwrap(victim)
	defer vw.exclusive("Remove of")()
	return w.d.Remove(ctx, name, v)
}

func (w *watchedDir) Rename(ctx context.Context, cred *vfs.Cred, r vfs.Rename) error {
	defer w.exclusive("Rename from")()
	if to := r.NewDir.(*watchedDir); to != w {
		defer to.exclusive("Rename to")()
		r.NewDir = to.d
	} else {
		r.NewDir = w.d
	}
	nw, n := unwrap(r.Node)
	defer nw.exclusive("Rename of")()
	r.Node = n
	if r.Replaced != nil {
		ow, o := unwrap(r.Replaced)
		defer ow.exclusive("Rename over")()
		r.Replaced = o
	}
	return w.d.Rename(ctx, cred, r)
}
