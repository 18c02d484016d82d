package proc

import (
	"context"
	"errors"
	"syscall"

	"rump/rumpfs/kern"
	"rump/rumpfs/vfs"
)

// Mkdir makes a directory.
func (p *Process) Mkdir(ctx context.Context, at At, mode uint32) error {
	return p.mknod(ctx, at, vfs.CreateAttr{Kind: vfs.KindDir, Mode: p.masked(mode &^ 0o7000)})
}

// Mkfifo makes a named pipe.
func (p *Process) Mkfifo(ctx context.Context, at At, mode uint32) error {
	return p.mknod(ctx, at, vfs.CreateAttr{Kind: vfs.KindFifo, Mode: p.masked(mode)})
}

// Mknod makes a node of any kind but directory and symbolic link; EINVAL for those.
func (p *Process) Mknod(ctx context.Context, at At, kind vfs.Kind, mode uint32, d vfs.Dev) error {
	switch kind {
	case vfs.KindChar, vfs.KindBlock, vfs.KindFifo, vfs.KindRegular, vfs.KindSocket:
	default:
		return syscall.EINVAL
	}
	return p.mknod(ctx, at, vfs.CreateAttr{Kind: kind, Mode: p.masked(mode), Rdev: d})
}

// Symlink makes a symbolic link to target.
func (p *Process) Symlink(ctx context.Context, target string, at At) error {
	return p.mknod(ctx, at, vfs.CreateAttr{Kind: vfs.KindSymlink, Mode: p.masked(0o777), Target: target})
}

func (p *Process) mknod(ctx context.Context, at At, a vfs.CreateAttr) error {
	return p.parent(ctx, at, syscall.EEXIST, func(par kern.Parent) error {
		if par.Slash && a.Kind != vfs.KindDir {
			return syscall.ENOENT
		}
		v, err := p.sys.door.Create(ctx, p.Cred(), par.Dir, par.Name, a)
		if err == nil {
			v.Unref()
		}
		return err
	})
}

// Link gives a file one more name. A symbolic link at the end of the first path is followed if so asked.
func (p *Process) Link(ctx context.Context, from, to At, follow bool) error {
	return p.onPath(ctx, from, follow, func(v *kern.Vnode) error {
		return p.parent(ctx, to, syscall.EEXIST, func(par kern.Parent) error {
			if par.Slash {
				return syscall.ENOENT
			}
			return p.sys.door.Link(ctx, p.Cred(), par.Dir, par.Name, v)
		})
	})
}

// Readlink returns the target of a symbolic link; EINVAL for what is none.
func (p *Process) Readlink(ctx context.Context, at At) (target string, err error) {
	err = p.onPath(ctx, at, false, func(v *kern.Vnode) error {
		target, err = p.sys.door.Readlink(ctx, v)
		return err
	})
	return target, err
}

// Unlink takes a name away; EPERM for a directory's, EOPNOTSUPP for a key.
func (p *Process) Unlink(ctx context.Context, at At) error {
	return p.parent(ctx, at, syscall.EOPNOTSUPP, func(par kern.Parent) error {
		if par.Slash {
			return syscall.ENOTDIR
		}
		err := p.sys.door.Remove(ctx, p.Cred(), par.Dir, par.Name)
		if errors.Is(err, syscall.EISDIR) {
			return syscall.EPERM
		}
		return err
	})
}

// Rmdir removes an empty directory.
func (p *Process) Rmdir(ctx context.Context, at At) error {
	return p.parent(ctx, at, syscall.ENOTDIR, func(par kern.Parent) error {
		return p.sys.door.Rmdir(ctx, p.Cred(), par.Dir, par.Name)
	})
}

// Rename moves a name. If both names are of one file already, the old one goes away, as it always did in BSD, or nothing
// happens, as POSIX wants.
func (p *Process) Rename(ctx context.Context, from, to At, posix bool) error {
	return p.parent(ctx, from, syscall.EOPNOTSUPP, func(o kern.Parent) error {
		return p.parent(ctx, to, syscall.EOPNOTSUPP, func(n kern.Parent) error {
			return p.rename(ctx, o, n, posix)
		})
	})
}

func (p *Process) rename(ctx context.Context, o, n kern.Parent, posix bool) error {
	d, cred := p.sys.door, p.Cred()
	v, err := d.Lookup(ctx, cred, o.Dir, o.Name)
	if err != nil {
		return err
	}
	defer v.Unref()
	if (o.Slash || n.Slash) && !v.IsDir() {
		return syscall.ENOTDIR
	}
	if !posix && !v.IsDir() && (o.Dir != n.Dir || o.Name != n.Name) {
		if there, err := d.Lookup(ctx, cred, n.Dir, n.Name); err == nil {
			there.Unref()
			if there == v {
				return d.Remove(ctx, cred, o.Dir, o.Name)
			}
		}
	}
	return d.Rename(ctx, cred, o.Dir, o.Name, n.Dir, n.Name, 0)
}
