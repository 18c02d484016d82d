package kern

import (
	"context"
	"math"
	"syscall"

	"rump/rumpfs/vfs"
)

// fileOf answers what reading or writing a node does that is no regular file: EISDIR for a directory, ENXIO for a device
// without a driver, EOPNOTSUPP for a fifo or a socket, EINVAL for the rest.
func fileOf(v *Vnode) error {
	switch v.kind {
	case vfs.KindRegular:
		return nil
	case vfs.KindDir:
		return syscall.EISDIR
	case vfs.KindChar, vfs.KindBlock:
		return syscall.ENXIO
	case vfs.KindFifo, vfs.KindSocket:
		return syscall.EOPNOTSUPP
	}
	return syscall.EINVAL
}

// Read reads a regular file that was opened for reading: a short count only at its end, and no error there. EINVAL for a
// negative offset; see fileOf for other kinds.
func (d *Door) Read(ctx context.Context, v *Vnode, p []byte, off int64) (int, error) {
	if err := fileOf(v); err != nil {
		return 0, err
	}
	if off < 0 {
		return 0, syscall.EINVAL
	}
	if err := v.rlock(); err != nil {
		return 0, err
	}
	defer v.mu.RUnlock()
	return v.file.ReadAt(ctx, p, off)
}

// Write writes a regular file that was opened for writing: the mode is not asked again, but set-id bits go if the caller is not
// the superuser. EROFS; EINVAL for a negative offset; EPERM for an immutable file, or anywhere but at the end of an
// append-only one; EFBIG; ENOSPC with the count of bytes that are in the file.
func (d *Door) Write(ctx context.Context, cred *vfs.Cred, v *Vnode, p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, syscall.EINVAL
	}
	n, _, err := d.write(ctx, cred, v, p, off)
	return n, err
}

// Append is Write at the end of the file, wherever it is then; at is where the bytes went.
func (d *Door) Append(ctx context.Context, cred *vfs.Cred, v *Vnode, p []byte) (n int, at int64, err error) {
	return d.write(ctx, cred, v, p, -1)
}

// write writes at off, or at the end if that is negative.
func (d *Door) write(ctx context.Context, cred *vfs.Cred, v *Vnode, p []byte, off int64) (n int, at int64, err error) {
	if err := fileOf(v); err != nil {
		return 0, 0, err
	}
	n, at, err = v.write(ctx, cred, p, off)
	if n > 0 {
		d.attrChanged(v, true)
	}
	return n, at, err
}

func (v *Vnode) write(ctx context.Context, cred *vfs.Cred, p []byte, off int64) (n int, at int64, err error) {
	if err := v.lock(); err != nil {
		return 0, 0, err
	}
	defer v.mu.Unlock()
	a, err := v.mayStoreLocked(ctx)
	if err != nil {
		return 0, 0, err
	}
	if off < 0 {
		off = a.Size
	}
	switch {
	case a.Flags&flagsAppend != 0 && off != a.Size:
		return 0, 0, syscall.EPERM
	case len(p) == 0:
		return 0, off, nil
	case off > math.MaxInt64-int64(len(p)):
		return 0, 0, syscall.EFBIG
	}
	n, err = v.file.WriteAt(ctx, cred, p, off)
	if n > 0 {
		v.dropSetIDLocked(ctx, cred, a.Mode)
	}
	return n, off, err
}

// mayStoreLocked asks whether the bytes of a regular file can be changed by anybody, and returns its attributes; mu is held
// exclusively.
func (v *Vnode) mayStoreLocked(ctx context.Context) (vfs.Attr, error) {
	if v.m.ReadOnly() {
		return vfs.Attr{}, syscall.EROFS
	}
	a, err := v.node.Attr(ctx)
	if err == nil && a.Flags&flagsImmutable != 0 {
		err = syscall.EPERM
	}
	return a, err
}

// dropSetIDLocked takes set-id bits from a file that someone without privileges wrote to; mu is held exclusively.
func (v *Vnode) dropSetIDLocked(ctx context.Context, cred *vfs.Cred, mode uint32) {
	safe := withoutSetID(mode)
	if cred.Superuser() || safe == mode {
		return
	}
	set := vfs.SetAttr{Mask: vfs.SetMode, Mode: safe}
	if err := v.node.SetAttr(context.WithoutCancel(ctx), vfs.Root, set); err != nil {
		v.m.k.log.Error("clear set-id bits", "dev", v.m.from, "ino", uint64(v.ino), "err", err)
	}
}

// Readlink returns the target of a symbolic link; EINVAL for what is none.
func (d *Door) Readlink(ctx context.Context, v *Vnode) (string, error) {
	if v.kind != vfs.KindSymlink {
		return "", syscall.EINVAL
	}
	if err := v.rlock(); err != nil {
		return "", err
	}
	defer v.mu.RUnlock()
	return v.symlink.Readlink(ctx)
}

// ReadDir calls fn for each entry of a directory from the cookie on, as vfs.Dir says; fn must not call the kernel. A removed
// directory has no entries. EACCES; ENOTDIR; EINVAL for a cookie that is none.
func (d *Door) ReadDir(ctx context.Context, cred *vfs.Cred, dir *Vnode, at vfs.Cookie, fn func(vfs.DirEntry) bool) error {
	if !dir.IsDir() {
		return syscall.ENOTDIR
	}
	if at < 0 {
		return syscall.EINVAL
	}
	if err := dir.rlock(); err != nil {
		return err
	}
	defer dir.mu.RUnlock()
	if !cred.Superuser() {
		a, err := dir.node.Attr(ctx)
		if err != nil {
			return err
		}
		if err := permit(cred, &a, MayRead); err != nil {
			return err
		}
	}
	if dir.unlinked.Load() {
		return nil
	}
	return dir.dir.ReadDir(ctx, at, fn)
}

// Sync returns once the data and the attributes of v are durable, for a directory its entries too.
func (d *Door) Sync(ctx context.Context, v *Vnode, dataOnly bool) error {
	if err := v.rlock(); err != nil {
		return err
	}
	defer v.mu.RUnlock()
	if v.m.ReadOnly() {
		return nil
	}
	return v.node.Sync(ctx, dataOnly)
}
