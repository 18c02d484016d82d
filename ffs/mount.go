package ffs

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"syscall"
	"time"

	"rump/ffs/alloc"
	"rump/ffs/journal"
	"rump/ffs/ondisk"
	"rump/rumpfs/bcache"
	"rump/rumpfs/blockdev"
	"rump/rumpfs/vfs"
)

// Options says how to mount. The zero value is an ordinary read-write mount.
type Options struct {
	ReadOnly   bool
	Async      bool   // no ordered writes: fast, and a crash may cost the file system
	NoAtime    bool   // reading leaves access times alone
	Force      bool   // read-write although the volume is not clean
	Budget     int64  // bytes of metadata buffers; 0: the cache's default
	MountPoint string // recorded in the superblock (fs_fsmnt)
	From       string // what Statfs calls the disk
	Now        func() time.Time
	Rand       func() uint32
	Log        *slog.Logger

	// Journal makes every operation a part of a transaction of the volume's journal, which is made if there is none: a volume that is killed needs no
	// check, only a mount. Async means nothing then.
	Journal        bool
	CommitInterval time.Duration // after which a change is in the journal; 0: 5 seconds; < 0: not before it has to be
}

// A MountError says why a volume cannot be mounted at all. It unwraps to the cause.
type MountError struct {
	What string
	Err  error
}

func (e *MountError) Error() string { return e.What + ": " + e.Err.Error() }

// Unwrap is the cause.
func (e *MountError) Unwrap() error { return e.Err }

// Mount opens the file system on dev, which belongs to the FS from then on if no error is returned. A mount that fails or is
// read-only writes nothing. What is not safe to write is mounted read-only, with the reason in Degraded.
func Mount(ctx context.Context, dev blockdev.Device, o Options) (*FS, error) {
	o.defaults()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	v, _, err := openVolume(ctx, dev, dev.Size())
	if err != nil {
		return nil, err
	}
	if err := v.s.CheckDevice(dev.Size()); err != nil {
		return nil, err
	}
	if int64(v.s.FSize)%int64(dev.SectorSize()) != 0 {
		return nil, fmt.Errorf("superblock: fragments of %d bytes on a disk with sectors of %d: %w", v.s.FSize, dev.SectorSize(), errGeometry)
	}
	shown := dev
	if v.log != nil {
		if shown, err = v.log.View(dev); err != nil {
			shown, v.log, v.fail = dev, nil, err
		}
	}
	fs := newFS(v.s, o)
	if err := fs.use(shown, nil); err != nil {
		return nil, err
	}
	fs.decideMode(&v, dev.ReadOnly())
	if err := fs.checkRoot(ctx); err != nil {
		return nil, &MountError{"root directory", err}
	}
	if fs.readOnly {
		return fs, nil
	}
	if err := fs.goWriting(ctx, dev, v.log); err != nil {
		return nil, err
	}
	return fs, nil
}

// use makes dev the disk of a mount, with a log if w is not nil. What was in use before has come to its end.
func (fs *FS) use(dev blockdev.Device, w *journal.Writer) error {
	fs.dev, fs.sector, fs.tx, fs.alloc, fs.quota = dev, int64(dev.SectorSize()), nil, nil, nil
	o := bcache.Options{BlockSize: int(fs.s.BSize), Budget: fs.o.Budget, Async: fs.o.Async, Held: w != nil, Log: fs.o.Log}
	below := dev
	if w != nil {
		below = w.Disk()
	}
	var err error
	if fs.cache, err = bcache.New(below, o); err == nil && w != nil {
		fs.tx = newTransactor(fs, w)
	}
	fs.begun.Store(false)
	return err
}

// goWriting replays the journal, if there is one to replay, and brings up what changes need.
func (fs *FS) goWriting(ctx context.Context, dev blockdev.Device, log *journal.Log) error {
	if log != nil {
		if err := fs.replay(ctx, dev, log); err != nil || fs.readOnly {
			return err
		}
	}
	if err := fs.use(dev, nil); err != nil {
		return err
	}
	if err := fs.startWriting(); err != nil || fs.readOnly {
		return err
	}
	return fs.openJournal()
}

func (o *Options) defaults() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Uint32
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// decideMode makes the mount read-only if it must be, and says why if that was not asked for.
func (fs *FS) decideMode(v *volume, deviceReadOnly bool) {
	if v.fail != nil && (fs.readOnly || fs.o.Force) {
		fs.warnings = append(fs.warnings, fmt.Sprintf("its journal (WAPBL) cannot be replayed and is ignored: %v", v.fail))
	}
	if fs.readOnly {
		return
	}
	why := v.hazard(fs.o.Force)
	if why == "" && deviceReadOnly {
		why = "the disk is read-only"
	}
	if why != "" {
		fs.degrade(why)
		return
	}
	if v.fail != nil {
		fs.s.Flags &^= ondisk.FlagWAPBL
	}
	if fs.o.Force && !isClean(fs.s) {
		fs.warnings = append(fs.warnings, fmt.Sprintf("not clean (fs_clean=%#x), mounted read-write by force; run fsck", fs.s.Clean))
	}
}

// degrade makes a mount read-only that was to be read-write.
func (fs *FS) degrade(why string) {
	fs.readOnly, fs.degraded = true, why
	fs.warnings = append(fs.warnings, "mounted read-only: "+why)
}

// WriteHazard says why a volume must not be mounted read-write, with what to do about it, or "" if it may be. Force allows a volume that is
// merely not clean. That it has a journal to replay is no hazard: a mount does that. Whether it can be replayed, Probe says.
func WriteHazard(s *ondisk.Super, force bool) string {
	switch why := s.WriteHazard(); {
	case why != "":
		return why
	case !s.HashOK():
		return "the superblock's check hash is wrong; run fsck"
	case !isClean(s) && !force:
		return fmt.Sprintf("not clean (fs_clean=%#x); run fsck", s.Clean)
	}
	return ""
}

// isClean reports whether the volume is as good as one that was unmounted: one with a journal in use is, once that is replayed.
func isClean(s *ondisk.Super) bool {
	return s.Clean&ondisk.CleanIs != 0 || s.HasWAPBL() && s.Clean&ondisk.CleanWas != 0
}

// checkRoot reads the root directory's first block: a mount that cannot do that is of no use.
func (fs *FS) checkRoot(ctx context.Context) error {
	n, err := fs.Node(ctx, vfs.Ino(ondisk.RootIno))
	if err != nil {
		return err
	}
	d, ok := n.(*dir)
	if !ok {
		return &vfs.CorruptError{What: "root inode: not a directory, inode", Where: int64(ondisk.RootIno)}
	}
	if ino, err := d.Lookup(ctx, "."); err != nil || ino != vfs.Ino(ondisk.RootIno) {
		return &vfs.CorruptError{What: fmt.Sprintf("root directory: no \".\" (%v), inode", err), Where: int64(ondisk.RootIno)}
	}
	return nil
}

// startWriting brings up what changes need. It writes nothing.
func (fs *FS) startWriting() error {
	a, err := alloc.New(fs.s, fs.cache, alloc.Options{Now: fs.o.Now, Rand: fs.o.Rand, Flush: fs.flush, Log: fs.o.Log})
	if err != nil {
		return err
	}
	fs.alloc = a
	if fs.quota, err = fs.openQuota(); err != nil {
		fs.alloc, fs.quota = nil, nil
		fs.degrade(fmt.Sprintf("quotas: %v", err))
		return nil
	}
	return nil
}

// startOp begins an operation, which ends with endOp: with a journal, what it changes becomes durable together.
func (fs *FS) startOp() error {
	if err := fs.begin(); err != nil {
		return err
	}
	return fs.tx.enter()
}

func (fs *FS) endOp() { fs.tx.leave() }

// begin comes before every change: the first one marks the volume in use, so that a mount that changes nothing writes nothing. EROFS on a
// read-only mount. The caller holds no buffer.
func (fs *FS) begin() error {
	if fs.ReadOnly() {
		return syscall.EROFS
	}
	if fs.begun.Load() {
		return nil
	}
	fs.beginMu.Lock()
	defer fs.beginMu.Unlock()
	if fs.begun.Load() {
		return nil
	}
	if fs.tx != nil {
		if err := fs.tx.start(); err != nil {
			return err
		}
	}
	if fs.o.MountPoint != "" {
		fs.s.MountPoint = fs.o.MountPoint
	}
	if err := fs.alloc.MarkInUse(); err != nil {
		return err
	}
	fs.begun.Store(true)
	return nil
}
