package proc

import (
	"context"
	"syscall"

	"rump/rumpfs/kern"
	"rump/rumpfs/vfs"
)

// Stat describes what a path stands for.
func (p *Process) Stat(ctx context.Context, at At, follow bool) (st Stat, err error) {
	v, err := p.walk(ctx, at, follow)
	if err != nil {
		return st, err
	}
	defer v.Unref()
	return p.sys.stat(ctx, v)
}

// Fstat describes what a descriptor leads to.
func (p *Process) Fstat(ctx context.Context, fd int) (st Stat, err error) {
	o, err := p.table.get(fd)
	if err != nil {
		return st, err
	}
	defer o.Release()
	return o.file.Stat(ctx)
}

// Access asks whether a path can be reached and used as wanted (0: only reached), by the real user, or by who the process acts
// as if effective is set.
func (p *Process) Access(ctx context.Context, at At, want kern.Want, effective bool) error {
	cred := p.Cred()
	if !effective {
		cred = p.realCred()
	}
	start, err := p.from(at)
	if err != nil {
		return err
	}
	defer start.Unref()
	v, err := p.sys.door.Walk(ctx, cred, start, at.Path, true)
	if err != nil {
		return err
	}
	defer v.Unref()
	if want == 0 {
		return nil
	}
	return p.sys.door.Access(ctx, cred, v, want)
}

// SetAttr changes attributes of what a path stands for; see kern.Door.
func (p *Process) SetAttr(ctx context.Context, at At, follow bool, set vfs.SetAttr) error {
	return p.onPath(ctx, at, follow, func(v *kern.Vnode) error {
		return p.sys.door.SetAttr(ctx, p.Cred(), v, set)
	})
}

// FsetAttr changes attributes of what a descriptor leads to; EINVAL if that is in no file system.
func (p *Process) FsetAttr(ctx context.Context, fd int, set vfs.SetAttr) error {
	return p.vnode(fd, func(_ *Open, v *kern.Vnode) error {
		return p.sys.door.SetAttr(ctx, p.Cred(), v, set)
	})
}

// A TimeSetting is one time of a file to set.
type TimeSetting struct {
	Time vfs.Time
	Now  bool // to now instead
	Omit bool // leave it as it is
}

// SetTimes sets access and modification time of what a path stands for. Both to now is allowed to whoever may write.
func (p *Process) SetTimes(ctx context.Context, at At, follow bool, atime, mtime TimeSetting) error {
	return p.onPath(ctx, at, follow, func(v *kern.Vnode) error { return p.setTimes(ctx, v, atime, mtime) })
}

// FsetTimes sets those of what a descriptor leads to.
func (p *Process) FsetTimes(ctx context.Context, fd int, atime, mtime TimeSetting) error {
	return p.vnode(fd, func(_ *Open, v *kern.Vnode) error { return p.setTimes(ctx, v, atime, mtime) })
}

func (p *Process) setTimes(ctx context.Context, v *kern.Vnode, atime, mtime TimeSetting) error {
	d := p.sys.door
	if atime.Now && mtime.Now {
		return d.Touch(ctx, p.Cred(), v, vfs.SetAtime|vfs.SetMtime)
	}
	var set vfs.SetAttr
	add := func(t TimeSetting, bit vfs.SetMask, to *vfs.Time) {
		if t.Omit {
			return
		}
		set.Mask |= bit
		if *to = t.Time; t.Now {
			*to = d.Now()
		}
	}
	add(atime, vfs.SetAtime, &set.Atime)
	add(mtime, vfs.SetMtime, &set.Mtime)
	if set.Has(vfs.SetMtime) {
		a, err := d.Attr(ctx, v)
		if err != nil {
			return err
		}
		if a.Btime != (vfs.Time{}) && before(set.Mtime, a.Btime) { // a file is no younger than its content
			set.Mask |= vfs.SetBtime
			set.Btime = set.Mtime
		}
	}
	return d.SetAttr(ctx, p.Cred(), v, set)
}

func before(a, b vfs.Time) bool { return a.Sec < b.Sec || a.Sec == b.Sec && a.Nsec < b.Nsec }

// Truncate changes the size of a regular file.
func (p *Process) Truncate(ctx context.Context, at At, size int64) error {
	return p.onPath(ctx, at, true, func(v *kern.Vnode) error {
		if v.IsDir() {
			return syscall.EISDIR
		}
		return p.sys.door.SetAttr(ctx, p.Cred(), v, vfs.SetAttr{Mask: vfs.SetSize, Size: size})
	})
}

// ReadDir calls fn for the entries of an open directory from its offset on, and moves that on behind the last one that fn took.
// fn must not make system calls. ENOTDIR; EBADF.
func (p *Process) ReadDir(ctx context.Context, fd int, fn func(vfs.DirEntry) bool) error {
	return p.vnode(fd, func(o *Open, v *kern.Vnode) error {
		switch {
		case !o.has(Read):
			return syscall.EBADF
		case !v.IsDir():
			return syscall.ENOTDIR
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		at := vfs.Cookie(o.off)
		err := p.sys.door.ReadDir(ctx, vfs.Root, v, at, func(e vfs.DirEntry) bool {
			ok := fn(e)
			if ok {
				at = e.Next
			}
			return ok
		})
		o.off = int64(at)
		return err
	})
}

// An XattrOf says which extended attribute of what is meant: of a path, or of a descriptor if the path is empty.
type XattrOf struct {
	At     At
	Follow bool
	FD     int
	Space  vfs.XattrSpace
	Name   string
}

func (p *Process) onXattr(ctx context.Context, x XattrOf, fn func(*kern.Vnode) error) error {
	if x.At.Path == "" {
		return p.vnode(x.FD, func(_ *Open, v *kern.Vnode) error { return fn(v) })
	}
	return p.onPath(ctx, x.At, x.Follow, fn)
}

// GetXattr returns the value of an extended attribute.
func (p *Process) GetXattr(ctx context.Context, x XattrOf) (value []byte, err error) {
	err = p.onXattr(ctx, x, func(v *kern.Vnode) error {
		value, err = p.sys.door.GetXattr(ctx, p.Cred(), v, x.Space, x.Name)
		return err
	})
	return value, err
}

// ListXattr returns the names in a space.
func (p *Process) ListXattr(ctx context.Context, x XattrOf) (names []string, err error) {
	err = p.onXattr(ctx, x, func(v *kern.Vnode) error {
		names, err = p.sys.door.ListXattr(ctx, p.Cred(), v, x.Space)
		return err
	})
	return names, err
}

// SetXattr gives an extended attribute a value.
func (p *Process) SetXattr(ctx context.Context, x XattrOf, value []byte, mode vfs.XattrMode) error {
	return p.onXattr(ctx, x, func(v *kern.Vnode) error {
		return p.sys.door.SetXattr(ctx, p.Cred(), v, x.Space, x.Name, value, mode)
	})
}

// RemoveXattr takes an extended attribute away.
func (p *Process) RemoveXattr(ctx context.Context, x XattrOf) error {
	return p.onXattr(ctx, x, func(v *kern.Vnode) error {
		return p.sys.door.RemoveXattr(ctx, p.Cred(), v, x.Space, x.Name)
	})
}
