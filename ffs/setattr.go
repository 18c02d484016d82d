package ffs

import (
	"context"
	"math"
	"syscall"

	"rump/ffs/ondisk"
	"rump/rumpfs/vfs"
)

// flagsInternal are the file flags that only the file system itself may change.
const flagsInternal = ondisk.FileSnapshot | ondisk.FileLog | ondisk.FileSnapInvalid

// SetAttr changes attributes. A time outside what the format holds is EINVAL: UFS1 has 32-bit seconds. A time of birth is kept by UFS2 only,
// UFS1 answers EOPNOTSUPP.
func (in *inode) SetAttr(ctx context.Context, cred *vfs.Cred, set vfs.SetAttr) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := in.fs.startOp(); err != nil {
		return err
	}
	defer in.fs.endOp()
	if err := in.checkAttr(&set); err != nil {
		return err
	}
	now := in.fs.now()
	if set.Has(vfs.SetSize) {
		if err := in.resize(cred, set.Size); err != nil {
			return err
		}
		in.di.Mtime = now
	}
	in.apply(&set)
	in.di.Ctime = now
	return in.store(false)
}

// checkAttr says whether the inode can hold what is to be set.
func (in *inode) checkAttr(set *vfs.SetAttr) error {
	fs := in.fs
	if set.Has(vfs.SetSize) {
		if !in.di.IsRegular() || set.Size < 0 {
			return syscall.EINVAL
		}
		if err := in.writable(set.Size, 0); err != nil {
			return err
		}
	}
	if set.Has(vfs.SetUID) && !fs.ownerFits(set.UID) || set.Has(vfs.SetGID) && !fs.ownerFits(set.GID) {
		return syscall.EINVAL
	}
	if set.Has(vfs.SetAtime) && !fs.timeFits(set.Atime) || set.Has(vfs.SetMtime) && !fs.timeFits(set.Mtime) {
		return syscall.EINVAL
	}
	if set.Has(vfs.SetBtime) {
		if fs.s.Version == 1 {
			return syscall.EOPNOTSUPP
		}
		if !fs.timeFits(set.Btime) {
			return syscall.EINVAL
		}
	}
	if set.Has(vfs.SetFlags) && (set.Flags^in.di.Flags)&flagsInternal != 0 {
		return syscall.EOPNOTSUPP
	}
	return nil
}

// ownerFits reports whether a user or group id fits: the old inode format has 16 bits.
func (fs *FS) ownerFits(id uint32) bool { return !fs.s.OldInodes() || id <= math.MaxUint16 }

func (fs *FS) timeFits(t vfs.Time) bool {
	if t.Nsec < 0 || t.Nsec >= 1e9 {
		return false
	}
	return fs.s.Version == 2 || t.Sec >= minSec1 && t.Sec <= maxSec1
}

// apply changes the attributes, but for the size, in memory.
func (in *inode) apply(set *vfs.SetAttr) {
	di := &in.di
	if set.Has(vfs.SetMode) {
		di.Mode = di.Mode&ondisk.ModeType | uint16(set.Mode)&^ondisk.ModeType
	}
	if set.Has(vfs.SetUID) || set.Has(vfs.SetGID) {
		in.fs.quota.charge(di, -di.Blocks, -1)
		if set.Has(vfs.SetUID) {
			di.UID = set.UID
		}
		if set.Has(vfs.SetGID) {
			di.GID = set.GID
		}
		in.fs.quota.charge(di, di.Blocks, 1)
	}
	if set.Has(vfs.SetAtime) {
		di.Atime = ondisk.Time(set.Atime)
	}
	if set.Has(vfs.SetMtime) {
		di.Mtime = ondisk.Time(set.Mtime)
	}
	if set.Has(vfs.SetBtime) {
		di.Birth = ondisk.Time(set.Btime)
	}
	if set.Has(vfs.SetFlags) {
		di.Flags = set.Flags
	}
}
