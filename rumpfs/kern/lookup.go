package kern

import (
	"context"
	"strings"
	"syscall"

	"rump/rumpfs/vfs"
)

const (
	nameMax    = 255  // bytes of a component
	pathMax    = 4095 // bytes of a path, what a symbolic link adds included: the host's limit, above BSD's 1023
	symlinkMax = 32   // symbolic links followed in one walk
)

// checkName refuses what cannot be the name of a component: ENOENT for "", ENAMETOOLONG, EINVAL for a NUL or a slash.
func checkName(name string) error {
	switch {
	case name == "":
		return syscall.ENOENT
	case len(name) > nameMax:
		return syscall.ENAMETOOLONG
	case strings.IndexByte(name, '/') >= 0 || strings.IndexByte(name, 0) >= 0:
		return syscall.EINVAL
	}
	return nil
}

func isDot(name string) bool { return name == "." || name == ".." }

// Lookup finds one name in a directory, "." and ".." included, and crosses mount points both ways. ENOENT, ENOTDIR,
// ENAMETOOLONG, EINVAL for a name that is none, EACCES without search permission.
func (d *Door) Lookup(ctx context.Context, cred *vfs.Cred, dir *Vnode, name string) (*Vnode, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if !dir.IsDir() {
		return nil, syscall.ENOTDIR
	}
	v, err := dir.keyed(ctx, name)
	switch {
	case v != nil || err != nil:
	case name == ".." && dir == dir.m.root:
		v, err = d.above(ctx, cred, dir)
	default:
		v, err = dir.lookup(ctx, cred, name)
	}
	if err != nil {
		return nil, err
	}
	v.m.trim()
	return d.k.cross(v), nil
}

// keyed finds what a path from the root of a mount stands for as a whole; nil if that is nothing.
func (v *Vnode) keyed(ctx context.Context, path string) (*Vnode, error) {
	if v.m.keys == nil || v != v.m.root {
		return nil, nil
	}
	ino, ok := v.m.keys.Key(path)
	if !ok {
		return nil, nil
	}
	return v.m.getByNumber(ctx, ino)
}

// lookup finds a name, which is not ".." in the root of a mount, in a directory.
func (v *Vnode) lookup(ctx context.Context, cred *vfs.Cred, name string) (*Vnode, error) {
	if err := v.rlock(); err != nil {
		return nil, err
	}
	defer v.mu.RUnlock()
	if err := v.searchLocked(ctx, cred); err != nil {
		return nil, err
	}
	if name == "." {
		v.Ref()
		return v, nil
	}
	return v.childLocked(ctx, name)
}

// childLocked finds a name, not ".", without asking for permission; mu is held, shared or not.
func (v *Vnode) childLocked(ctx context.Context, name string) (*Vnode, error) {
	if v.unlinked.Load() {
		return nil, syscall.ENOENT
	}
	ino, err := v.dir.Lookup(ctx, name)
	if err != nil {
		return nil, err
	}
	if ino == v.ino && name != ".." {
		return nil, &vfs.CorruptError{What: "entry of a directory that names itself, inode", Where: int64(ino)}
	}
	return v.m.get(ctx, ino)
}

// searchLocked asks for the permission to look names up; mu is held, shared or not.
func (v *Vnode) searchLocked(ctx context.Context, cred *vfs.Cred) error {
	if cred.Superuser() {
		return nil
	}
	a, err := v.node.Attr(ctx)
	if err != nil {
		return err
	}
	return permit(cred, &a, MayExec)
}

// above is ".." of the root of a mount.
func (d *Door) above(ctx context.Context, cred *vfs.Cred, root *Vnode) (*Vnode, error) {
	self, err := root.lookup(ctx, cred, ".")
	if err != nil {
		return nil, err
	}
	defer self.Unref()
	at, err := d.k.uncross(root)
	if err != nil {
		return nil, err
	}
	if at == at.m.root { // the kernel's own
		return at, nil
	}
	defer at.Unref()
	return at.lookup(ctx, vfs.Root, "..")
}

// Get returns the vnode of a number, for a handle or an entry that ReadDir told. ESTALE if there is no such file, or the
// mount is gone. What is mounted on it is not entered. Compare Generation before trusting an old number.
func (d *Door) Get(ctx context.Context, m *Mount, ino vfs.Ino) (*Vnode, error) {
	root, err := m.Root()
	if err != nil {
		return nil, err
	}
	defer root.Unref()
	if ino == 0 {
		return nil, syscall.ESTALE
	}
	v, err := m.getByNumber(ctx, ino)
	if err != nil {
		return nil, err
	}
	m.trim()
	return v, nil
}

// getByNumber is get for a number that no lock keeps: creation waits meanwhile, for it might be giving out this very one.
func (m *Mount) getByNumber(ctx context.Context, ino vfs.Ino) (*Vnode, error) {
	for {
		v, wait := m.find(ino)
		switch {
		case v != nil:
			return v, nil
		case wait != nil:
			select {
			case <-wait:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		default:
			if v, err := m.loadByNumber(ctx, ino); v != nil || err != nil {
				return v, err
			}
		}
	}
}

// loadByNumber returns nothing if the vnode has turned up meanwhile.
func (m *Mount) loadByNumber(ctx context.Context, ino vfs.Ino) (*Vnode, error) {
	m.numberMu.Lock()
	defer m.numberMu.Unlock()
	if m.gone() {
		return nil, syscall.ESTALE
	}
	v, mine := m.reserve(ino)
	if !mine {
		return nil, nil
	}
	return m.load(ctx, v)
}
