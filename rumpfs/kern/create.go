package kern

import (
	"context"
	"errors"
	"strings"
	"syscall"

	"rump/rumpfs/vfs"
)

const symlinkTargetMax = 1023 // bytes

// Create makes a new node of any kind but whiteout. Its owner is the caller, its group the directory's. EEXIST; EROFS; EACCES;
// EPERM for a device by anyone but the superuser, or in an immutable directory; EINVAL for a kind that is none; for a
// symbolic link ENOENT if the target is empty, ENAMETOOLONG if it is longer than 1023 bytes; ENOENT in a removed
// directory.
func (d *Door) Create(ctx context.Context, cred *vfs.Cred, dir *Vnode, name string, a vfs.CreateAttr) (*Vnode, error) {
	return d.create(ctx, cred, dir, name, a, func(a *vfs.CreateAttr, da *vfs.Attr) {
		a.UID, a.GID = cred.UID, da.GID
		if !cred.Superuser() && !cred.InGroup(a.GID) {
			a.Mode &^= modeSetGID
		}
	})
}

// CreateOwned is Create by the superuser for somebody else, the way hosts do it: the new node belongs to the owner and the
// group of a, but in a set-group-ID directory to that one's group; a directory made there is set-group-ID too.
func (d *Door) CreateOwned(ctx context.Context, dir *Vnode, name string, a vfs.CreateAttr) (*Vnode, error) {
	return d.create(ctx, vfs.Root, dir, name, a, func(a *vfs.CreateAttr, da *vfs.Attr) {
		if da.Mode&modeSetGID == 0 {
			return
		}
		a.GID = da.GID
		if a.Kind == vfs.KindDir {
			a.Mode |= modeSetGID
		}
	})
}

// create makes a new node; own decides whose it is, by the attributes of the directory.
func (d *Door) create(ctx context.Context, cred *vfs.Cred, dir *Vnode, name string, a vfs.CreateAttr, own func(a *vfs.CreateAttr, da *vfs.Attr)) (*Vnode, error) {
	if err := checkNew(dir, name); err != nil {
		return nil, err
	}
	if err := checkCreate(&a); err != nil {
		return nil, err
	}
	v, err := dir.create(ctx, cred, name, a, own)
	if err != nil {
		return nil, err
	}
	dir.m.trim()
	d.entryChanged(dir, name)
	return v, nil
}

// checkNew checks a name that is to be made in dir.
func checkNew(dir *Vnode, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	switch {
	case !dir.IsDir():
		return syscall.ENOTDIR
	case isDot(name):
		return syscall.EEXIST
	}
	return nil
}

// checkCreate refuses what cannot be made.
func checkCreate(a *vfs.CreateAttr) error {
	if a.Mode&^0o7777 != 0 {
		return syscall.EINVAL
	}
	switch a.Kind {
	case vfs.KindRegular, vfs.KindDir, vfs.KindFifo, vfs.KindSocket, vfs.KindChar, vfs.KindBlock:
		return nil
	case vfs.KindSymlink:
		switch {
		case a.Target == "":
			return syscall.ENOENT
		case len(a.Target) > symlinkTargetMax:
			return syscall.ENAMETOOLONG
		case strings.IndexByte(a.Target, 0) >= 0:
			return syscall.EINVAL
		}
		return nil
	}
	return syscall.EINVAL
}

// absentLocked asks whether a name can be added to the directory: EEXIST if it is there. It returns the directory's
// attributes. mu is held exclusively.
func (v *Vnode) absentLocked(ctx context.Context, cred *vfs.Cred, name string) (vfs.Attr, error) {
	if v.unlinked.Load() {
		return vfs.Attr{}, syscall.ENOENT
	}
	if err := v.searchLocked(ctx, cred); err != nil {
		return vfs.Attr{}, err
	}
	switch _, err := v.dir.Lookup(ctx, name); {
	case err == nil:
		return vfs.Attr{}, syscall.EEXIST
	case !errors.Is(err, syscall.ENOENT):
		return vfs.Attr{}, err
	}
	return v.changeLocked(ctx, cred, false)
}

func (v *Vnode) create(ctx context.Context, cred *vfs.Cred, name string, a vfs.CreateAttr, own func(a *vfs.CreateAttr, da *vfs.Attr)) (*Vnode, error) {
	if err := v.lock(); err != nil {
		return nil, err
	}
	defer v.mu.Unlock()
	da, err := v.absentLocked(ctx, cred, name)
	if err != nil {
		return nil, err
	}
	if (a.Kind == vfs.KindChar || a.Kind == vfs.KindBlock) && !cred.Superuser() {
		return nil, syscall.EPERM
	}
	own(&a, &da)
	v.m.numberMu.RLock()
	defer v.m.numberMu.RUnlock()
	n, err := v.dir.Create(ctx, cred, name, a)
	if err != nil {
		return nil, err
	}
	return v.m.adopt(ctx, n)
}

// Link gives target one more name. EXDEV if it is of another mount; EPERM for a directory, or a file that is immutable or
// append-only; EEXIST; ENOENT if its last name is gone; EMLINK; EROFS; EACCES.
func (d *Door) Link(ctx context.Context, cred *vfs.Cred, dir *Vnode, name string, target *Vnode) error {
	if err := checkNew(dir, name); err != nil {
		return err
	}
	switch {
	case target.IsDir():
		return syscall.EPERM
	case dir.m != target.m:
		return syscall.EXDEV
	}
	if err := dir.link(ctx, cred, name, target); err != nil {
		return err
	}
	d.attrChanged(target, false)
	d.entryChanged(dir, name)
	return nil
}

func (v *Vnode) link(ctx context.Context, cred *vfs.Cred, name string, target *Vnode) error {
	if err := v.lock(); err != nil {
		return err
	}
	defer v.mu.Unlock()
	if err := target.lock(); err != nil {
		return err
	}
	defer target.mu.Unlock()
	if _, err := v.absentLocked(ctx, cred, name); err != nil {
		return err
	}
	if target.unlinked.Load() {
		return syscall.ENOENT
	}
	ta, err := target.node.Attr(ctx)
	if err != nil {
		return err
	}
	if ta.Flags&(flagsImmutable|flagsAppend) != 0 {
		return syscall.EPERM
	}
	return v.dir.Link(ctx, cred, name, target.node)
}
