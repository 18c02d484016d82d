package kern

import (
	"context"
	"syscall"

	"rump/rumpfs/vfs"
)

// Want is a set of accesses, as access(2) numbers them.
type Want uint32

// The accesses.
const (
	MayExec  Want = 1 // search, for a directory
	MayWrite Want = 2
	MayRead  Want = 4
)

const (
	modeSetUID = 0o4000
	modeSetGID = 0o2000
	modeSticky = 0o1000
	modeExec   = 0o111

	flagsImmutable = vfs.FlagImmutable | vfs.FlagSysImmutable
	flagsAppend    = vfs.FlagAppend | vfs.FlagSysAppend
	flagsNoUnlink  = vfs.FlagNoUnlink | vfs.FlagSysNoUnlink
)

// permit decides by the mode bits alone: EACCES, or nil. The superuser may do everything but execute a file that nobody
// may execute.
func permit(cred *vfs.Cred, a *vfs.Attr, want Want) error {
	if cred.Superuser() {
		if want&MayExec != 0 && a.Kind != vfs.KindDir && a.Mode&modeExec == 0 {
			return syscall.EACCES
		}
		return nil
	}
	bits := a.Mode
	switch {
	case cred.UID == a.UID:
		bits >>= 6
	case cred.InGroup(a.GID):
		bits >>= 3
	}
	if uint32(want)&^bits&7 != 0 {
		return syscall.EACCES
	}
	return nil
}

// Access asks whether v may be opened for want: EROFS and EPERM (an immutable file) for writing what cannot be written by
// anybody, EACCES by the mode, nil if it may.
func (d *Door) Access(ctx context.Context, cred *vfs.Cred, v *Vnode, want Want) error {
	if want&^(MayRead|MayWrite|MayExec) != 0 {
		return syscall.EINVAL
	}
	if err := v.rlock(); err != nil {
		return err
	}
	defer v.mu.RUnlock()
	a, err := v.node.Attr(ctx)
	if err != nil {
		return err
	}
	if want&MayWrite != 0 && storesHere(v.kind) {
		if v.m.ReadOnly() {
			return syscall.EROFS
		}
		if a.Flags&flagsImmutable != 0 {
			return syscall.EPERM
		}
	}
	return permit(cred, &a, want)
}

// storesHere reports whether writing a node of that kind changes its file system.
func storesHere(k vfs.Kind) bool {
	return k == vfs.KindRegular || k == vfs.KindDir || k == vfs.KindSymlink
}

// changeLocked asks whether entries of the directory may be added (and, with remove, taken away); mu is held exclusively.
// It returns the attributes.
func (v *Vnode) changeLocked(ctx context.Context, cred *vfs.Cred, remove bool) (vfs.Attr, error) {
	if v.m.ReadOnly() {
		return vfs.Attr{}, syscall.EROFS
	}
	a, err := v.node.Attr(ctx)
	if err != nil {
		return a, err
	}
	bad := uint32(flagsImmutable)
	if remove {
		bad |= flagsAppend
	}
	if a.Flags&bad != 0 {
		return a, syscall.EPERM
	}
	return a, permit(cred, &a, MayWrite|MayExec)
}

// mayUnname asks whether victim's name may be taken from dir: EPERM by its flags, or by a sticky directory that neither
// the directory's nor the victim's owner is asking about.
func mayUnname(cred *vfs.Cred, dir, victim *vfs.Attr) error {
	switch {
	case victim.Flags&(flagsImmutable|flagsAppend|flagsNoUnlink) != 0:
		return syscall.EPERM
	case dir.Mode&modeSticky != 0 && !cred.Superuser() && cred.UID != dir.UID && cred.UID != victim.UID:
		return syscall.EPERM
	}
	return nil
}

// withoutSetID is the mode after someone without privileges wrote to a regular file or gave it away: set-user-ID is cleared,
// and set-group-ID if anybody may execute the file (else it is no such bit, says POSIX, and stays).
func withoutSetID(mode uint32) uint32 {
	mode &^= modeSetUID
	if mode&modeExec != 0 {
		mode &^= modeSetGID
	}
	return mode
}
