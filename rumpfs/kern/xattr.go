package kern

import (
	"context"
	"strings"
	"syscall"

	"rump/rumpfs/vfs"
)

const xattrMax = 65536 // bytes of a value, as on the host

// GetXattr returns the value of an extended attribute. ENODATA; EOPNOTSUPP; ERANGE for a name that is empty or too long; EACCES
// in the user's name space without read permission; EPERM in the system's for anyone but the superuser.
func (d *Door) GetXattr(ctx context.Context, cred *vfs.Cred, v *Vnode, space vfs.XattrSpace, name string) ([]byte, error) {
	if err := checkXattr(v, cred, space, name); err != nil {
		return nil, err
	}
	if err := v.rlock(); err != nil {
		return nil, err
	}
	defer v.mu.RUnlock()
	if err := v.xattrAccessLocked(ctx, cred, MayRead); err != nil {
		return nil, err
	}
	return v.xattrs.GetXattr(ctx, space, name)
}

// ListXattr returns the names in one space. Errors as GetXattr.
func (d *Door) ListXattr(ctx context.Context, cred *vfs.Cred, v *Vnode, space vfs.XattrSpace) ([]string, error) {
	if err := checkXattr(v, cred, space, "x"); err != nil {
		return nil, err
	}
	if err := v.rlock(); err != nil {
		return nil, err
	}
	defer v.mu.RUnlock()
	if err := v.xattrAccessLocked(ctx, cred, MayRead); err != nil {
		return nil, err
	}
	return v.xattrs.ListXattr(ctx, space)
}

// SetXattr gives an extended attribute a value. Besides the errors of GetXattr: EEXIST and ENODATA by the mode, E2BIG above
// 65536 bytes, ENOSPC, EROFS, EPERM by file flags, EACCES without write permission.
func (d *Door) SetXattr(ctx context.Context, cred *vfs.Cred, v *Vnode, space vfs.XattrSpace, name string, value []byte, mode vfs.XattrMode) error {
	switch {
	case len(value) > xattrMax:
		return syscall.E2BIG
	case mode > vfs.XattrReplace:
		return syscall.EINVAL
	}
	return d.changeXattr(ctx, cred, v, space, name, func() error {
		return v.xattrs.SetXattr(ctx, cred, space, name, value, mode)
	})
}

// RemoveXattr takes an extended attribute away. Errors as SetXattr.
func (d *Door) RemoveXattr(ctx context.Context, cred *vfs.Cred, v *Vnode, space vfs.XattrSpace, name string) error {
	return d.changeXattr(ctx, cred, v, space, name, func() error {
		return v.xattrs.RemoveXattr(ctx, space, name)
	})
}

// changeXattr runs fn on a node whose attributes may be changed, locked exclusively.
func (d *Door) changeXattr(ctx context.Context, cred *vfs.Cred, v *Vnode, space vfs.XattrSpace, name string, fn func() error) error {
	if err := checkXattr(v, cred, space, name); err != nil {
		return err
	}
	err := func() error {
		if err := v.lock(); err != nil {
			return err
		}
		defer v.mu.Unlock()
		if v.m.ReadOnly() {
			return syscall.EROFS
		}
		if err := v.xattrAccessLocked(ctx, cred, MayWrite); err != nil {
			return err
		}
		return fn()
	}()
	if err == nil {
		d.attrChanged(v, false)
	}
	return err
}

// checkXattr refuses what can be refused without looking at the attributes.
func checkXattr(v *Vnode, cred *vfs.Cred, space vfs.XattrSpace, name string) error {
	switch {
	case space != vfs.XattrUser && space != vfs.XattrSystem, v.xattrs == nil:
		return syscall.EOPNOTSUPP
	case name == "" || len(name) > nameMax:
		return syscall.ERANGE
	case strings.IndexByte(name, 0) >= 0:
		return syscall.EINVAL
	case space == vfs.XattrSystem && !cred.Superuser():
		return syscall.EPERM
	}
	return nil
}

// xattrAccessLocked asks for permission; mu is held, exclusively to write.
func (v *Vnode) xattrAccessLocked(ctx context.Context, cred *vfs.Cred, want Want) error {
	a, err := v.node.Attr(ctx)
	if err != nil {
		return err
	}
	if want == MayWrite && a.Flags&(flagsImmutable|flagsAppend) != 0 {
		return syscall.EPERM
	}
	return permit(cred, &a, want)
}
