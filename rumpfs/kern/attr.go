package kern

import (
	"context"
	"syscall"

	"rump/rumpfs/vfs"
)

// Attr returns the attributes of v.
func (d *Door) Attr(ctx context.Context, v *Vnode) (vfs.Attr, error) {
	if err := v.rlock(); err != nil {
		return vfs.Attr{}, err
	}
	defer v.mu.RUnlock()
	return v.node.Attr(ctx)
}

// Statfs describes the file system of v.
func (d *Door) Statfs(ctx context.Context, v *Vnode) (vfs.Statfs, error) {
	if err := v.rlock(); err != nil {
		return vfs.Statfs{}, err
	}
	defer v.mu.RUnlock()
	st, err := v.m.fs.Statfs(ctx)
	if err != nil {
		return st, err
	}
	st.ReadOnly = v.m.ReadOnly()
	if st.FSID == [2]uint32{} {
		st.FSID[0] = v.m.index
	}
	return st, nil
}

// SetAttr changes attributes, all of those in the mask or none. EROFS; EPERM for who may not or a file that is immutable or
// append-only; EACCES for a size without write permission; EINVAL for values that mean nothing; EISDIR for the size of a
// directory.
//
// Who is not the superuser loses what would be unsafe: set-id bits of a file that is given away, set-group-ID of a file
// whose group is not the caller's.
func (d *Door) SetAttr(ctx context.Context, cred *vfs.Cred, v *Vnode, set vfs.SetAttr) error {
	return d.setAttr(ctx, cred, v, set, false)
}

// Truncate is SetAttr of the size through a descriptor that was opened for writing: the mode is not asked again.
func (d *Door) Truncate(ctx context.Context, cred *vfs.Cred, v *Vnode, size int64) error {
	return d.setAttr(ctx, cred, v, vfs.SetAttr{Mask: vfs.SetSize, Size: size}, true)
}

// Touch sets access time, modification time or both to now, which whoever may write may do besides the owner.
func (d *Door) Touch(ctx context.Context, cred *vfs.Cred, v *Vnode, which vfs.SetMask) error {
	if which&^(vfs.SetAtime|vfs.SetMtime) != 0 {
		return syscall.EINVAL
	}
	now := d.Now()
	err := d.setAttr(ctx, cred, v, vfs.SetAttr{Mask: which, Atime: now, Mtime: now}, false)
	if err != syscall.EPERM {
		return err
	}
	if err := d.Access(ctx, cred, v, MayWrite); err != nil {
		return err
	}
	return d.setAttr(ctx, vfs.Root, v, vfs.SetAttr{Mask: which, Atime: now, Mtime: now}, false)
}

func (d *Door) setAttr(ctx context.Context, cred *vfs.Cred, v *Vnode, set vfs.SetAttr, opened bool) error {
	if err := checkSet(v.kind, &set); err != nil || set.Mask == 0 {
		return err
	}
	if err := v.setAttr(ctx, cred, set, opened); err != nil {
		return err
	}
	d.attrChanged(v, set.Has(vfs.SetSize))
	return nil
}

func (v *Vnode) setAttr(ctx context.Context, cred *vfs.Cred, set vfs.SetAttr, opened bool) error {
	if err := v.lock(); err != nil {
		return err
	}
	defer v.mu.Unlock()
	if v.m.ReadOnly() {
		return syscall.EROFS
	}
	a, err := v.node.Attr(ctx)
	if err != nil {
		return err
	}
	if err := maySet(cred, &a, &set, opened); err != nil {
		return err
	}
	adjustMode(cred, &a, &set)
	return v.node.SetAttr(ctx, cred, set)
}

// checkSet refuses values that mean nothing.
func checkSet(kind vfs.Kind, set *vfs.SetAttr) error {
	badTime := func(m vfs.SetMask, t vfs.Time) bool { return set.Has(m) && (t.Nsec < 0 || t.Nsec > 999_999_999) }
	switch {
	case set.Has(vfs.SetSize) && kind == vfs.KindDir:
		return syscall.EISDIR
	case set.Has(vfs.SetSize) && (kind != vfs.KindRegular || set.Size < 0),
		set.Has(vfs.SetMode) && set.Mode&^0o7777 != 0,
		badTime(vfs.SetAtime, set.Atime), badTime(vfs.SetMtime, set.Mtime), badTime(vfs.SetBtime, set.Btime):
		return syscall.EINVAL
	}
	return nil
}

// maySet asks whether cred may make the change. opened: the size is changed through a descriptor.
func maySet(cred *vfs.Cred, a *vfs.Attr, set *vfs.SetAttr, opened bool) error {
	frozen := a.Flags & (flagsImmutable | flagsAppend)
	owner := cred.Superuser() || cred.UID == a.UID
	if set.Has(vfs.SetFlags) {
		if err := maySetFlags(cred, a, set.Flags); err != nil {
			return err
		}
		frozen &= set.Flags // whoever may thaw a file may change it in the same call
	}
	rest := set.Mask &^ vfs.SetFlags
	if rest != 0 && frozen != 0 {
		return syscall.EPERM
	}
	if rest&^vfs.SetSize != 0 && !owner {
		return syscall.EPERM
	}
	if !cred.Superuser() {
		if set.Has(vfs.SetUID) && set.UID != a.UID || set.Has(vfs.SetGID) && set.GID != a.GID && !cred.InGroup(set.GID) {
			return syscall.EPERM
		}
	}
	if set.Has(vfs.SetSize) && !opened {
		return permit(cred, a, MayWrite)
	}
	return nil
}

// maySetFlags asks whether cred may give a file these flags. The high ones are the superuser's, and nobody makes or
// unmakes a snapshot this way.
func maySetFlags(cred *vfs.Cred, a *vfs.Attr, flags uint32) error {
	changed := a.Flags ^ flags
	switch {
	case changed&vfs.FlagSnapshot != 0:
		return syscall.EPERM
	case cred.Superuser():
		return nil
	case cred.UID != a.UID || changed&vfs.FlagsSystem != 0 || a.Flags&(vfs.FlagSysImmutable|vfs.FlagSysAppend) != 0:
		return syscall.EPERM
	}
	return nil
}

// adjustMode takes away the set-id bits that cred may not have.
func adjustMode(cred *vfs.Cred, a *vfs.Attr, set *vfs.SetAttr) {
	if cred.Superuser() {
		return
	}
	gid := a.GID
	if set.Has(vfs.SetGID) {
		gid = set.GID
	}
	switch {
	case set.Has(vfs.SetMode):
		if !cred.InGroup(gid) {
			set.Mode &^= modeSetGID
		}
	case set.Mask&(vfs.SetUID|vfs.SetGID|vfs.SetSize) != 0 && a.Kind == vfs.KindRegular:
		if mode := withoutSetID(a.Mode); mode != a.Mode {
			set.Mask |= vfs.SetMode
			set.Mode = mode
		}
	}
}
