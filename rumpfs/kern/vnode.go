package kern

import (
	"context"
	"sync"
	"sync/atomic"
	"syscall"

	"rump/rumpfs/vfs"
)

// A Vnode is the kernel's side of one live node of a mount: its lock, its references, and what it can do.
type Vnode struct {
	// immutable once live
	m         *Mount
	ino       vfs.Ino
	kind      vfs.Kind
	gen       uint32
	node      vfs.Node
	file      vfs.File // nil if it is of another kind, and so on
	dir       vfs.Dir
	symlink   vfs.Symlink
	mapper    vfs.Mapper
	allocator vfs.Allocator
	xattrs    vfs.Xattrer

	mu   sync.RWMutex // the vnode's lock, as vfs speaks of it
	dead bool         // guarded by mu: the node was reclaimed

	// atomic
	refs     atomic.Int64
	used     atomic.Bool           // since the clock hand last passed
	unlinked atomic.Bool           // no name is left; set with mu held
	covered  atomic.Pointer[Mount] // what is mounted here; set with nsMu held
	locks    atomic.Pointer[lockTable]

	// guarded by the mutex of its cache shard
	state state
	slot  int           // its place in the shard's ring
	wait  chan struct{} // closed at the end of loading and of dying
}

// The life of a vnode: loading -> live -> dying -> gone, or loading -> gone if its node cannot be loaded.
type state uint8

const (
	loading state = iota // in the cache; its node is being read
	live
	dying // still in the cache; its node is being reclaimed
	gone
)

// Ref adds a reference. The caller has one already.
func (v *Vnode) Ref() { v.refs.Add(1) }

// Unref gives a reference back. With the last one of a node that has no name left, its storage is freed.
func (v *Vnode) Unref() {
	switch n := v.refs.Add(-1); {
	case n < 0:
		panic("kern: vnode reference given back twice")
	case n == 0 && v.unlinked.Load():
		v.m.retire(v)
	}
}

// Mount is the mounted file system that v belongs to.
func (v *Vnode) Mount() *Mount { return v.m }

// Ino is the number of v in its file system.
func (v *Vnode) Ino() vfs.Ino { return v.ino }

// Kind is what v is.
func (v *Vnode) Kind() vfs.Kind { return v.kind }

// Generation tells v from earlier nodes of the same number.
func (v *Vnode) Generation() uint32 { return v.gen }

// IsDir reports whether v is a directory.
func (v *Vnode) IsDir() bool { return v.kind == vfs.KindDir }

// attach gives v its node and learns what it is. The attributes are those of the node now.
func (v *Vnode) attach(ctx context.Context, n vfs.Node) error {
	a, err := n.Attr(ctx)
	if err != nil {
		return err
	}
	v.node, v.kind, v.gen = n, a.Kind, a.Gen
	if h, ok := v.m.fs.(vfs.HandleFS); ok {
		v.gen = h.Generation(n)
	}
	ok := true
	switch a.Kind {
	case vfs.KindRegular:
		v.file, ok = n.(vfs.File)
		v.mapper, _ = n.(vfs.Mapper)
		v.allocator, _ = n.(vfs.Allocator)
	case vfs.KindDir:
		v.dir, ok = n.(vfs.Dir)
	case vfs.KindSymlink:
		v.symlink, ok = n.(vfs.Symlink)
	}
	if !ok {
		return &vfs.CorruptError{What: "kind of inode", Where: int64(v.ino)}
	}
	v.xattrs, _ = n.(vfs.Xattrer)
	v.unlinked.Store(a.Nlink == 0)
	return nil
}

// noteLinksLocked learns whether v has any name left; mu is held exclusively.
func (v *Vnode) noteLinksLocked(ctx context.Context) {
	if a, err := v.node.Attr(ctx); err == nil && a.Nlink == 0 {
		v.unlinked.Store(true)
	}
}

// rlock takes the lock shared, for a node that is alive; ESTALE without the lock if it is not.
func (v *Vnode) rlock() error {
	v.mu.RLock()
	if v.dead {
		v.mu.RUnlock()
		return syscall.ESTALE
	}
	return nil
}

// lock takes the lock exclusively, for a node that is alive; ESTALE without the lock if it is not.
func (v *Vnode) lock() error {
	v.mu.Lock()
	if v.dead {
		v.mu.Unlock()
		return syscall.ESTALE
	}
	return nil
}
