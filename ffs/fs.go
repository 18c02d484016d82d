package ffs

import (
	"context"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"

	"rump/ffs/alloc"
	"rump/ffs/ondisk"
	"rump/rumpfs/bcache"
	"rump/rumpfs/blockdev"
	"rump/rumpfs/vfs"
)

const errGeometry = syscall.EINVAL

// An FS is a mounted Fast File System.
type FS struct {
	// Immutable after Mount.
	dev      blockdev.Device
	s        *ondisk.Super // geometry; what changes of it belongs to alloc
	cache    *bcache.Cache
	alloc    *alloc.Allocator // nil if readOnly
	o        Options
	log      *slog.Logger
	sector   int64
	readOnly bool
	degraded string
	warnings []string
	xattrs   bool // any inode may get extended attributes

	tx     *transactor            // nil: writes are ordered, or not even that
	broken atomic.Pointer[string] // why nothing can be changed any more

	beginMu sync.Mutex
	begun   atomic.Bool // something was changed; set under beginMu

	inited []atomic.Int32 // by cylinder group: inodes below this index are known to have been written (UFS2)
	quota  *quota
	hashes dirHashes
	bounce sync.Pool // of *[]byte, bounceSize long
}

var (
	_ vfs.FS       = (*FS)(nil)
	_ vfs.HandleFS = (*FS)(nil)
)

func newFS(s *ondisk.Super, o Options) *FS {
	fs := &FS{
		s: s, o: o, log: o.Log, readOnly: o.ReadOnly,
		xattrs: volumeHasXattrs(s), inited: make([]atomic.Int32, s.Ncg),
	}
	fs.hashes = dirHashes{seed: maphash.MakeSeed(), budget: hashShare * fs.budget(), size: map[*dir]int64{}}
	fs.bounce.New = func() any { b := make([]byte, bounceSize); return &b }
	return fs
}

// budget is the memory for buffers, bytes.
func (fs *FS) budget() int64 {
	if fs.o.Budget == 0 {
		return bcache.DefaultBudget
	}
	return fs.o.Budget
}

// Type is "ffs".
func (fs *FS) Type() string { return "ffs" }

// Root is inode 2.
func (fs *FS) Root() vfs.Ino { return vfs.Ino(ondisk.RootIno) }

// ReadOnly reports that nothing can be changed.
func (fs *FS) ReadOnly() bool { return fs.readOnly || fs.broken.Load() != nil }

// Degraded says why the mount is read-only although read-write was asked for; "" if it is not. A mount becomes read-only when its disk fails
// so that the order of writes cannot be kept.
func (fs *FS) Degraded() string {
	if why := fs.broken.Load(); why != nil {
		return *why
	}
	return fs.degraded
}

// turnReadOnly refuses all changes from now on. The first reason is told to the log.
func (fs *FS) turnReadOnly(why string, err error) {
	if fs.broken.CompareAndSwap(nil, &why) {
		fs.log.Error("read-only from now on: "+why, "dev", fs.o.From, "err", err)
	}
}

// Warnings is what a person should know about the mount, a line each.
func (fs *FS) Warnings() []string { return fs.warnings }

// Super describes the volume. What changes of it (totals, times, clean flag) is stale.
func (fs *FS) Super() *ondisk.Super { return fs.s }

// Generation is the inode's generation number.
func (fs *FS) Generation(n vfs.Node) uint32 {
	if n, ok := n.(interface{ base() *inode }); ok {
		return n.base().di.Gen
	}
	return 0
}

// Statfs counts space in fragments.
func (fs *FS) Statfs(ctx context.Context) (vfs.Statfs, error) {
	s := fs.s
	t := fs.totals()
	free := t.FreeBlocks*int64(s.Frag) + t.FreeFrags
	reserve := int64(s.DSize) * int64(s.MinFree) / 100
	return vfs.Statfs{
		BlockSize:   uint32(s.BSize),
		FragSize:    uint32(s.FSize),
		Blocks:      uint64(max(0, s.DSize)),
		BlocksFree:  uint64(max(0, free)),
		BlocksAvail: free - reserve,
		Files:       uint64(s.MaxIno() - ondisk.RootIno),
		FilesFree:   uint64(max(0, t.FreeInodes)),
		NameMax:     ondisk.MaxNameLen,
		FSID:        [2]uint32{uint32(s.ID[0]), uint32(s.ID[1])},
		From:        fs.o.From,
		ReadOnly:    fs.readOnly,
	}, nil
}

// totals is what is free now.
func (fs *FS) totals() ondisk.Totals {
	if fs.alloc == nil {
		return fs.s.Total
	}
	t := fs.alloc.Totals()
	t.FreeFrags += fs.tx.pendingFrags()
	return t
}

// Sync writes everything that is dirty, access times of live nodes excepted: those are written with the node.
func (fs *FS) Sync(ctx context.Context, wait bool) error {
	if !fs.begun.Load() {
		return nil
	}
	if fs.tx != nil {
		return fs.tx.commitAll()
	}
	if err := fs.writeBack(); err != nil {
		return err
	}
	if wait {
		return fs.dev.Flush()
	}
	return nil
}

// flush makes durable what the disk, or the journal's transaction, was given.
func (fs *FS) flush() error {
	if fs.tx != nil {
		return fs.tx.commitAll()
	}
	return fs.dev.Flush()
}

// durably makes what is in the cache, and all that was written before, durable, or with a journal what is to become of it.
func (fs *FS) durably() error {
	if fs.tx == nil {
		if err := fs.writeBack(); err != nil {
			return err
		}
	}
	return fs.flush()
}

// writeBack hands everything dirty to the disk.
func (fs *FS) writeBack() error {
	err := fs.quota.write()
	if serr := fs.alloc.Sync(); err == nil {
		err = serr
	}
	if ferr := fs.cache.Flush(); err == nil {
		err = ferr
	}
	return err
}

// Unmount writes everything and, if all of it is durable and the volume was clean before, marks it clean.
func (fs *FS) Unmount(ctx context.Context) error {
	var err error
	if fs.begun.Load() {
		err = fs.finish()
	}
	if fs.tx != nil {
		fs.tx.close()
	}
	if cerr := fs.cache.Close(); err == nil {
		err = cerr
	}
	if cerr := fs.dev.Close(); err == nil {
		err = cerr
	}
	return err
}

// finish brings everything to its place and marks the volume clean, if it was. A journal is out of use then, and empty.
func (fs *FS) finish() error {
	if err := fs.durably(); err != nil {
		return err
	}
	if fs.tx != nil && fs.tx.hasOrphans() {
		return fs.tx.w.Checkpoint() // the next mount ends them
	}
	if fs.s.HasWAPBL() && fs.tx == nil {
		if err := fs.alloc.SetJournal(false); err != nil {
			return err
		}
	}
	if err := fs.alloc.MarkClean(); err != nil {
		return err
	}
	if fs.tx == nil {
		return fs.dev.Flush()
	}
	if err := fs.tx.w.Checkpoint(); err != nil {
		return err
	}
	if err := fs.alloc.SetJournal(false); err != nil {
		return err
	}
	return fs.tx.w.Checkpoint()
}

// now is the time as an inode of this volume can hold it: UFS1 ends in 2038, and stays there.
func (fs *FS) now() ondisk.Time {
	t := fs.o.Now()
	now := ondisk.Time{Sec: t.Unix(), Nsec: int32(t.Nanosecond())}
	if fs.s.Version == 1 {
		now.Sec = min(max(now.Sec, minSec1), maxSec1)
	}
	return now
}
