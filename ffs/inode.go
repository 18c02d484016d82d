package ffs

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"syscall"

	"rump/ffs/ondisk"
	"rump/rumpfs/vfs"
)

// The seconds that a UFS1 inode holds.
const (
	minSec1 = math.MinInt32
	maxSec1 = math.MaxInt32
)

// An inode is what all live nodes have in common. The kernel's vnode lock guards it, but for the access time.
type inode struct {
	// Immutable.
	fs        *FS
	ino       ondisk.Ino
	uncounted bool // what it takes is no user's: a file of quotas or of the journal

	di ondisk.Inode

	mu    sync.Mutex // guards di.Atime and stale in calls that share the vnode lock
	stale bool       // di is newer than what the inode's buffer has

	txn atomic.Uint64 // the transaction that changed it last, with a journal
}

func (in *inode) base() *inode { return in }

// Node loads an inode.
func (fs *FS) Node(ctx context.Context, ino vfs.Ino) (vfs.Node, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	in, err := fs.load(ondisk.Ino(ino))
	if err != nil {
		return nil, err
	}
	return in.node()
}

// load reads an inode that exists.
func (fs *FS) load(ino ondisk.Ino) (*inode, error) {
	if !fs.s.ValidIno(ino) {
		return nil, syscall.ESTALE
	}
	if ok, err := fs.wasWritten(ino); err != nil || !ok {
		if err == nil {
			err = syscall.ESTALE
		}
		return nil, err
	}
	in := &inode{fs: fs, ino: ino}
	in.txn.Store(fs.tx.number()) // what was changed in an earlier life may not be durable
	b, err := fs.cache.Get(fs.s.FragOffset(fs.s.InoToFrag(ino)), int(fs.s.BSize))
	if err != nil {
		return nil, err
	}
	defer b.Release()
	raw := b.Bytes()[fs.s.InoInBlock(ino):][:fs.s.InodeSize()]
	ondisk.DecodeInode(fs.s, raw, &in.di)
	switch {
	case in.di.Mode == 0, in.di.Nlink <= 0 && !fs.readOnly:
		return nil, syscall.ESTALE
	case !fs.s.InodeHashOK(raw):
		return nil, in.corrupt("check hash wrong")
	case in.di.Size < 0 || in.di.Size > fs.s.MaxSize() && in.di.Flags&ondisk.FileSnapshot == 0:
		return nil, in.corrupt(fmt.Sprintf("size %d", in.di.Size))
	}
	return in, nil
}

// wasWritten reports whether the place of a UFS2 inode was ever initialised; before that it may hold anything.
func (fs *FS) wasWritten(ino ondisk.Ino) (bool, error) {
	if fs.s.Version == 1 {
		return true, nil
	}
	cg, i := fs.s.InoToCg(ino), int32(fs.s.InoInCg(ino))
	if i < fs.inited[cg].Load() {
		return true, nil
	}
	b, err := fs.cache.Get(fs.s.FragOffset(fs.s.CgHeader(cg)), int(fs.s.BSize))
	if err != nil {
		return false, err
	}
	defer b.Release()
	g, err := fs.s.GroupIn(cg, b.Bytes())
	if err != nil {
		return false, err
	}
	n := int32(g.InitedInodes())
	fs.inited[cg].Store(n) // it only grows
	return i < n, nil
}

// node gives an inode its kind's methods.
func (in *inode) node() (vfs.Node, error) {
	switch in.di.Mode & ondisk.ModeType {
	case ondisk.ModeRegular:
		return &file{in}, nil
	case ondisk.ModeDir:
		if in.di.Size > ondisk.MaxDirSize {
			return nil, in.corrupt(fmt.Sprintf("directory size %d", in.di.Size))
		}
		d := &dir{inode: in}
		d.partial.Store(in.fs.o.Now().UnixNano()) // somebody may have a cookie from its last life
		return d, nil
	case ondisk.ModeSymlink:
		if in.di.Size > int64(in.fs.s.BSize) {
			return nil, in.corrupt(fmt.Sprintf("symbolic link size %d", in.di.Size))
		}
		return &symlink{inode: in}, nil
	case ondisk.ModeFIFO, ondisk.ModeChar, ondisk.ModeBlock, ondisk.ModeSocket:
		return &special{in}, nil
	}
	return nil, in.corrupt(fmt.Sprintf("mode %#o", in.di.Mode))
}

// A special is a device, fifo or socket.
type special struct{ *inode }

var _ vfs.Node = (*special)(nil)

// corrupt is an error about this inode.
func (in *inode) corrupt(what string) error {
	return &vfs.CorruptError{What: "inode: " + what + ", inode", Where: int64(in.ino)}
}

// store puts the inode into its buffer; ordered, it is on the disk when store returns.
func (in *inode) store(ordered bool) error {
	fs := in.fs
	if err := fs.begin(); err != nil { // an access time may be the first change
		return err
	}
	b, err := fs.cache.Get(fs.s.FragOffset(fs.s.InoToFrag(in.ino)), int(fs.s.BSize))
	if err != nil {
		return err
	}
	defer b.Release()
	lo := fs.s.InoInBlock(in.ino)
	hi := lo + fs.s.InodeSize()
	ondisk.EncodeInode(fs.s, &in.di, b.Bytes()[lo:hi])
	in.stale = false
	in.txn.Store(fs.tx.number())
	if ordered {
		return b.Write(lo, hi)
	}
	b.Dirty(uint64(in.ino), lo, hi)
	return nil
}

// suspect notes that something on the disk is not as it should be, which costs space: the volume does not become clean.
func (in *inode) suspect(what string, err error) {
	in.fs.alloc.Suspect()
	in.fs.log.Error(what+"; run fsck", "ino", in.ino, "err", err)
}

// storeLate is store for a change that nothing on the disk waits for: what fails is tried again when the node is synced or reclaimed.
func (in *inode) storeLate() {
	if err := in.store(false); err != nil {
		in.stale = true
		in.fs.log.Warn("inode not stored yet", "ino", in.ino, "err", err)
	}
}

// Ino is the inode number.
func (in *inode) Ino() vfs.Ino { return vfs.Ino(in.ino) }

// Attr answers from memory.
func (in *inode) Attr(ctx context.Context) (vfs.Attr, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	di := &in.di
	return vfs.Attr{
		Ino:       vfs.Ino(in.ino),
		Gen:       di.Gen,
		Kind:      kindOf(di.Mode),
		Mode:      uint32(di.Mode &^ ondisk.ModeType),
		Nlink:     uint32(max(0, di.Nlink)),
		UID:       di.UID,
		GID:       di.GID,
		Rdev:      devOf(di.Rdev),
		Size:      di.Size,
		Blocks:    di.Blocks,
		BlockSize: in.fs.s.BSize,
		Atime:     vfs.Time(di.Atime),
		Mtime:     vfs.Time(di.Mtime),
		Ctime:     vfs.Time(di.Ctime),
		Btime:     vfs.Time(di.Birth),
		Flags:     di.Flags,
	}, nil
}

func kindOf(mode uint16) vfs.Kind { return vfs.Kind(mode >> 12) }

// devOf unpacks a device number as NetBSD packs it.
func devOf(d uint64) vfs.Dev {
	return vfs.Dev{Major: uint32(d>>8) & 0xfff, Minor: uint32(d>>12)&0xfff00 | uint32(d)&0xff}
}

// packDev is the inverse of devOf; ok is false if the number does not fit.
func packDev(d vfs.Dev) (v uint64, ok bool) {
	return uint64(d.Major)<<8 | uint64(d.Minor&0xfff00)<<12 | uint64(d.Minor&0xff), d.Major <= 0xfff && d.Minor <= 0xfffff
}

// accessed notes that the node was read.
func (in *inode) accessed() {
	if in.fs.readOnly || in.fs.o.NoAtime {
		return
	}
	now := in.fs.now()
	in.mu.Lock()
	defer in.mu.Unlock()
	in.di.Atime, in.stale = now, true
}

// Sync makes the node durable: what its buffers hold, and the disk's own cache. Data is on the disk already.
func (in *inode) Sync(ctx context.Context, dataOnly bool) error {
	fs := in.fs
	if fs.readOnly {
		return nil
	}
	if !dataOnly {
		if err := in.storeStale(); err != nil {
			return err
		}
	}
	if fs.tx != nil {
		return in.syncJournal()
	}
	if fs.o.Async {
		// Nothing was ordered, so what this node depends on may be anywhere.
		return fs.Sync(ctx, true)
	}
	if err := fs.cache.FlushOwner(uint64(in.ino)); err != nil {
		return err
	}
	return fs.dev.Flush()
}

// storeStale puts a newer access time into the buffer.
func (in *inode) storeStale() error {
	if !in.isStale() {
		return nil
	}
	if err := in.fs.startOp(); err != nil {
		return err
	}
	defer in.fs.endOp()
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.stale {
		return nil
	}
	return in.store(false)
}

// Reclaim ends the inode's life in memory, and on the disk if it has no name any more.
func (in *inode) Reclaim(ctx context.Context) error {
	switch {
	case in.fs.ReadOnly():
		return nil
	case in.di.Nlink > 0:
		return in.storeStale()
	}
	if err := in.fs.startOp(); err != nil {
		return err
	}
	defer in.fs.endOp()
	return in.destroy()
}

func (in *inode) isStale() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.stale
}
