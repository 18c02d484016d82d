package kern

import (
	"context"
	"math"
	"syscall"

	"rump/rumpfs/vfs"
)

// MapShared tells where on the device the longest run of at most limit bytes from off lies (see Mount.Host), and keeps it
// there while fn runs: the vnode is locked shared, so fn must not call the kernel. The length is 0 at the end of the
// file. EOPNOTSUPP if the file system cannot tell; EINVAL.
func (d *Door) MapShared(ctx context.Context, v *Vnode, off, limit int64, fn func(vfs.Extent) error) error {
	if err := fileOf(v); err != nil {
		return err
	}
	switch {
	case off < 0 || limit < 0:
		return syscall.EINVAL
	case v.mapper == nil:
		return syscall.EOPNOTSUPP
	}
	if err := v.rlock(); err != nil {
		return err
	}
	defer v.mu.RUnlock()
	e, err := v.mapper.Map(ctx, off, limit)
	if err != nil {
		return err
	}
	return fn(e)
}

// SeekData returns the first offset from off on that is not in a hole; ENXIO if there is none before the end of the
// file. A file system that cannot tell has no holes.
func (d *Door) SeekData(ctx context.Context, v *Vnode, off int64) (int64, error) {
	return v.seek(ctx, off, false)
}

// SeekHole returns the first offset from off on that is in a hole, the end of the file being one; ENXIO beyond it.
func (d *Door) SeekHole(ctx context.Context, v *Vnode, off int64) (int64, error) {
	return v.seek(ctx, off, true)
}

func (v *Vnode) seek(ctx context.Context, off int64, hole bool) (int64, error) {
	if err := fileOf(v); err != nil {
		return 0, err
	}
	if err := v.rlock(); err != nil {
		return 0, err
	}
	defer v.mu.RUnlock()
	a, err := v.node.Attr(ctx)
	if err != nil {
		return 0, err
	}
	if off < 0 || off >= a.Size {
		return 0, syscall.ENXIO
	}
	for off < a.Size {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		e := vfs.Extent{Length: a.Size - off}
		if v.mapper != nil {
			if e, err = v.mapper.Map(ctx, off, a.Size-off); err != nil {
				return 0, err
			}
		}
		if e.Hole == hole {
			return off, nil
		}
		if e.Length <= 0 {
			break
		}
		off += e.Length
	}
	if hole {
		return a.Size, nil
	}
	return 0, syscall.ENXIO
}

// Allocate makes sure that bytes off to off+length have storage; the file grows unless keepSize. EOPNOTSUPP if the file
// system cannot; EINVAL for a negative offset or no length; EFBIG; ENOSPC; EROFS; EPERM by file flags.
func (d *Door) Allocate(ctx context.Context, cred *vfs.Cred, v *Vnode, off, length int64, keepSize bool) error {
	return d.reshape(ctx, cred, v, off, length, func(a *vfs.Attr) error {
		if a.Flags&flagsAppend != 0 && off < a.Size {
			return syscall.EPERM
		}
		return v.allocator.Allocate(ctx, cred, off, length, keepSize)
	})
}

// Punch makes bytes off to off+length a hole as far as blocks allow, and zeros; the size stays. Errors as Allocate.
func (d *Door) Punch(ctx context.Context, cred *vfs.Cred, v *Vnode, off, length int64) error {
	return d.reshape(ctx, cred, v, off, length, func(a *vfs.Attr) error {
		if a.Flags&flagsAppend != 0 {
			return syscall.EPERM
		}
		return v.allocator.Punch(ctx, off, length)
	})
}

// reshape runs fn on a file that may be changed, locked exclusively.
func (d *Door) reshape(ctx context.Context, cred *vfs.Cred, v *Vnode, off, length int64, fn func(*vfs.Attr) error) error {
	if err := fileOf(v); err != nil {
		return err
	}
	switch {
	case off < 0 || length <= 0:
		return syscall.EINVAL
	case off > math.MaxInt64-length:
		return syscall.EFBIG
	case v.allocator == nil:
		return syscall.EOPNOTSUPP
	}
	err := func() error {
		if err := v.lock(); err != nil {
			return err
		}
		defer v.mu.Unlock()
		a, err := v.mayStoreLocked(ctx)
		if err != nil {
			return err
		}
		if err := fn(&a); err != nil {
			return err
		}
		v.dropSetIDLocked(ctx, cred, a.Mode)
		return nil
	}()
	if err == nil {
		d.attrChanged(v, true)
	}
	return err
}
