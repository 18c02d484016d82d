// Package rootfs is the root file system of a rump process: a tree in memory, bounded, gone with the process.
//
// It has every kind of node, holes, extended attributes of the user's name space and file flags. Inode numbers are not used
// again. What vnode locks do not cover is in FS (the table of inodes, what is used of the memory) and behind inode.atimeMu.
package rootfs

import (
	"context"
	"sync"
	"syscall"
	"time"

	"rump/rumpfs/vfs"
)

// The defaults and limits.
const (
	DefaultMaxBytes  = 256 << 20
	DefaultMaxInodes = 1 << 20

	linkMax = 32767
	rootIno = 2 // as everywhere in BSD

	inodeCost = 256 // bytes charged for an inode
	entryCost = 64  // and for a directory entry, without its name
)

// Options of New.
type Options struct {
	MaxBytes  int64            // memory for data, names and inodes; default DefaultMaxBytes
	MaxInodes int64            // default DefaultMaxInodes
	Mode      uint32           // of the root directory; default 0755
	Now       func() time.Time // default time.Now
	NoAtime   bool             // reading leaves access times alone
	Classic   bool             // tells sizes, links and space as NetBSD's rumpfs does: see classic.go
	Type      string           // what the type is called; default "rumpfs"
	UID, GID  uint32           // of the root directory
}

// FS is a tree in memory.
type FS struct {
	// immutable
	maxBytes, maxInodes int64
	now                 func() time.Time
	noAtime, classic    bool
	typ                 string

	mu     sync.RWMutex // guards what follows
	inodes map[vfs.Ino]vfs.Node
	keys   map[string]vfs.Ino // see key.go
	last   vfs.Ino
	used   int64 // bytes charged
}

var _ vfs.FS = (*FS)(nil)

// New makes an empty tree.
func New(o Options) *FS {
	f := &FS{
		maxBytes:  o.MaxBytes,
		maxInodes: o.MaxInodes,
		now:       o.Now,
		noAtime:   o.NoAtime,
		classic:   o.Classic,
		typ:       o.Type,
		inodes:    make(map[vfs.Ino]vfs.Node),
		last:      rootIno - 1,
	}
	if f.maxBytes <= 0 {
		f.maxBytes = DefaultMaxBytes
	}
	if f.maxInodes <= 0 {
		f.maxInodes = DefaultMaxInodes
	}
	if f.now == nil {
		f.now = time.Now
	}
	if f.typ == "" {
		f.typ = "rumpfs"
	}
	if o.Mode == 0 {
		o.Mode = 0o755
	}
	root := &dir{inode: f.newInode(vfs.CreateAttr{Kind: vfs.KindDir, Mode: o.Mode, UID: o.UID, GID: o.GID})}
	root.parent, root.nlink = root, 2
	root.init()
	if err := f.enter(root, &root.inode, 0); err != nil {
		panic("rootfs: no room for the root directory")
	}
	return f
}

// Type is what Options.Type says.
func (f *FS) Type() string { return f.typ }

// Root is the number of the root directory.
func (f *FS) Root() vfs.Ino { return rootIno }

// Node finds an inode; ESTALE if there is none of that number.
func (f *FS) Node(_ context.Context, ino vfs.Ino) (vfs.Node, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	n := f.inodes[ino]
	if n == nil {
		return nil, syscall.ESTALE
	}
	return n, nil
}

// Statfs counts pages.
func (f *FS) Statfs(context.Context) (vfs.Statfs, error) {
	if f.classic {
		return classicStatfs, nil
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	free := max(0, f.maxBytes-f.used) / pageSize
	files := int64(len(f.inodes))
	return vfs.Statfs{
		BlockSize:   pageSize,
		FragSize:    pageSize,
		Blocks:      uint64(f.maxBytes / pageSize),
		BlocksFree:  uint64(free),
		BlocksAvail: free,
		Files:       uint64(files),
		FilesFree:   uint64(max(0, f.maxInodes-files)),
		NameMax:     255,
		From:        f.typ,
	}, nil
}

// Sync has nothing to do.
func (f *FS) Sync(context.Context, bool) error { return nil }

// ReadOnly is false.
func (f *FS) ReadOnly() bool { return false }

// Unmount forgets everything.
func (f *FS) Unmount(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.inodes = nil
	return nil
}

// Generation is always 1: numbers are not used again.
func (f *FS) Generation(vfs.Node) uint32 { return generation }

var _ vfs.HandleFS = (*FS)(nil)

// charge takes bytes of the memory, ENOSPC if there are not that many. A negative number gives back.
func (f *FS) charge(bytes int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.chargeLocked(bytes)
}

// chargeLocked is charge with mu held exclusively.
func (f *FS) chargeLocked(bytes int64) error {
	if bytes > 0 && f.used > f.maxBytes-bytes {
		return syscall.ENOSPC
	}
	f.used += bytes
	return nil
}

// release gives bytes back.
func (f *FS) release(bytes int64) {
	if f.charge(-bytes) != nil {
		panic("rootfs: giving back failed")
	}
}

// enter gives a new inode its number and puts it into the table, charging for it and for extra bytes.
func (f *FS) enter(n vfs.Node, i *inode, extra int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.enterLocked(n, i, extra)
}

// enterLocked is enter with mu held exclusively.
func (f *FS) enterLocked(n vfs.Node, i *inode, extra int64) error {
	if int64(len(f.inodes)) >= f.maxInodes {
		return syscall.ENOSPC
	}
	if err := f.chargeLocked(inodeCost + extra); err != nil {
		return err
	}
	f.last++
	i.ino = f.last
	f.inodes[i.ino] = n
	return nil
}

// forget takes an inode out of the table.
func (f *FS) forget(ino vfs.Ino) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.inodes, ino)
	f.used -= inodeCost
}

// time is now.
func (f *FS) time() vfs.Time {
	t := f.now()
	return vfs.Time{Sec: t.Unix(), Nsec: int32(t.Nanosecond())}
}
