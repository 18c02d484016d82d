package kern

import (
	"context"
	"syscall"

	"rump/rumpfs/vfs"
)

// Remove takes away the name of what is no directory; its storage is freed with its last name and reference. ENOENT; EISDIR;
// EROFS; EACCES; EPERM by file flags or a sticky directory.
func (d *Door) Remove(ctx context.Context, cred *vfs.Cred, dir *Vnode, name string) error {
	if err := checkOld(dir, name); err != nil {
		return err
	}
	if isDot(name) {
		return syscall.EISDIR
	}
	return d.remove(ctx, cred, dir, name, false)
}

// Rmdir removes an empty directory. ENOENT; ENOTDIR; ENOTEMPTY; EBUSY if something is mounted on it; EINVAL for ".",
// ENOTEMPTY for ".."; EROFS; EACCES; EPERM by file flags or a sticky directory.
func (d *Door) Rmdir(ctx context.Context, cred *vfs.Cred, dir *Vnode, name string) error {
	if err := checkOld(dir, name); err != nil {
		return err
	}
	switch name {
	case ".":
		return syscall.EINVAL
	case "..":
		return syscall.ENOTEMPTY
	}
	return d.remove(ctx, cred, dir, name, true)
}

// checkOld checks a name that is to be taken from dir.
func checkOld(dir *Vnode, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	if !dir.IsDir() {
		return syscall.ENOTDIR
	}
	return nil
}

func (d *Door) remove(ctx context.Context, cred *vfs.Cred, dir *Vnode, name string, isDir bool) error {
	victim, err := dir.removeTree(ctx, cred, name, isDir)
	if victim == nil {
		return err
	}
	defer victim.Unref()
	if err != nil {
		return err
	}
	d.attrChanged(victim, false)
	d.entryChanged(dir, name)
	return nil
}

// removeTree is remove under renameMu if it is for a directory: that locks two.
func (v *Vnode) removeTree(ctx context.Context, cred *vfs.Cred, name string, isDir bool) (*Vnode, error) {
	if isDir {
		v.m.renameMu.Lock()
		defer v.m.renameMu.Unlock()
	}
	return v.remove(ctx, cred, name, isDir)
}

// remove takes away one name and returns a reference to what it stood for, if it got that far. For a directory, renameMu is
// held.
func (v *Vnode) remove(ctx context.Context, cred *vfs.Cred, name string, isDir bool) (victim *Vnode, err error) {
	if err := v.lock(); err != nil {
		return nil, err
	}
	defer v.mu.Unlock()
	if err := v.searchLocked(ctx, cred); err != nil {
		return nil, err
	}
	if victim, err = v.childLocked(ctx, name); err != nil {
		return nil, err
	}
	switch {
	case isDir && !victim.IsDir():
		return victim, syscall.ENOTDIR
	case !isDir && victim.IsDir():
		return victim, syscall.EISDIR
	case victim == v.m.root:
		return victim, syscall.EBUSY
	}
	da, err := v.changeLocked(ctx, cred, true)
	if err != nil {
		return victim, err
	}
	if err := victim.lock(); err != nil {
		return victim, err
	}
	defer victim.mu.Unlock()
	if victim.covered.Load() != nil {
		return victim, syscall.EBUSY
	}
	va, err := victim.node.Attr(ctx)
	if err != nil {
		return victim, err
	}
	if err := mayUnname(cred, &da, &va); err != nil {
		return victim, err
	}
	if err := v.dir.Remove(ctx, name, victim.node); err != nil {
		return victim, err
	}
	victim.noteLinksLocked(ctx)
	return victim, nil
}
