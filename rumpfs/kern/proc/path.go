package proc

import (
	"context"
	"errors"
	"math"
	"strings"
	"syscall"

	"rump/rumpfs/kern"
	"rump/rumpfs/vfs"
)

const (
	// CWD stands for the current directory in At.
	CWD = math.MinInt32

	pathMax    = 1023 // bytes of a path that a program gives
	symlinkMax = 32
)

const errExist = syscall.EEXIST

// ErrSymlink is what opening a symbolic link without following it comes to. It unwraps to ELOOP, which is what the host says then.
var ErrSymlink error = symlinkError{}

type symlinkError struct{}

func (symlinkError) Error() string { return "symbolic link" }
func (symlinkError) Unwrap() error { return syscall.ELOOP }

// An At is a path, and the descriptor of the directory that it starts in if it begins without a slash.
type At struct {
	FD   int
	Path string
}

// start returns a reference to the directory that relative paths start in. EBADF; ENOTDIR.
func (p *Process) start(fd int) (*kern.Vnode, error) {
	if fd == CWD {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.cwd == nil {
			return nil, syscall.ESRCH
		}
		p.cwd.Ref()
		return p.cwd, nil
	}
	var dir *kern.Vnode
	err := p.with(fd, func(o *Open) error {
		v := VnodeOf(o.file)
		if v == nil || !v.IsDir() {
			return syscall.ENOTDIR
		}
		v.Ref()
		dir = v
		return nil
	})
	return dir, err
}

// from returns a reference to where a path starts.
func (p *Process) from(at At) (*kern.Vnode, error) {
	switch {
	case at.Path == "":
		return nil, syscall.ENOENT
	case len(at.Path) > pathMax:
		return nil, syscall.ENAMETOOLONG
	case strings.IndexByte(at.Path, 0) >= 0:
		return nil, syscall.EINVAL
	case at.Path[0] == '/':
		return p.start(CWD)
	}
	return p.start(at.FD)
}

// walk finds what a path stands for; follow says whether a symbolic link at its end is followed.
func (p *Process) walk(ctx context.Context, at At, follow bool) (*kern.Vnode, error) {
	start, err := p.from(at)
	if err != nil {
		return nil, err
	}
	defer start.Unref()
	return p.sys.door.Walk(ctx, p.Cred(), start, at.Path, follow)
}

// onPath calls fn on what a path stands for.
func (p *Process) onPath(ctx context.Context, at At, follow bool, fn func(*kern.Vnode) error) error {
	v, err := p.walk(ctx, at, follow)
	if err != nil {
		return err
	}
	defer v.Unref()
	return fn(v)
}

// parent calls fn on the directory and the last component of a path that is to be made or unmade. keyed is the answer if the
// path is a key, which is in no directory.
func (p *Process) parent(ctx context.Context, at At, keyed error, fn func(kern.Parent) error) error {
	start, err := p.from(at)
	if err != nil {
		return err
	}
	defer start.Unref()
	if p.isKey(start, at.Path) {
		return keyed
	}
	par, err := p.sys.door.WalkParent(ctx, p.Cred(), start, at.Path)
	if err != nil {
		return err
	}
	defer par.Dir.Unref()
	return fn(par)
}

// isKey reports whether a path is a key of the root file system.
func (p *Process) isKey(start *kern.Vnode, path string) bool {
	m := p.sys.root.Mount()
	keys, ok := m.FS().(vfs.KeyFS)
	if !ok || path[0] != '/' && start != p.sys.root {
		return false
	}
	_, ok = keys.Key(strings.TrimLeft(path, "/"))
	return ok
}

// OpenAt opens a path and returns the lowest free descriptor. mode is for a file that is made. Besides the errors of a walk:
// EEXIST if it was to be new; EISDIR for writing a directory; ErrSymlink; ENXIO for a device without a driver, or a fifo
// without a reader; EOPNOTSUPP for a socket; EWOULDBLOCK if it is to be locked without waiting; EMFILE.
func (p *Process) OpenAt(ctx context.Context, at At, flags Flags, mode uint32) (int, error) {
	if flags&(Read|Write) == 0 || flags&(SharedLock|ExclusiveLock) == SharedLock|ExclusiveLock {
		return 0, syscall.EINVAL
	}
	v, made, err := p.find(ctx, at, flags, mode)
	if err != nil {
		return 0, err
	}
	f, err := p.openVnode(ctx, v, flags, made)
	if err != nil {
		v.Unref()
		return 0, err
	}
	o := p.newOpen(f, flags)
	if flags&(SharedLock|ExclusiveLock) != 0 {
		if err := p.flock(ctx, o, flags&ExclusiveLock != 0, flags&NonBlock == 0); err != nil {
			o.Release()
			return 0, err
		}
	}
	fd, err := p.table.add(o, 0, flags&CloseOnExec != 0)
	if err != nil {
		o.Release()
	}
	return fd, err
}

// find returns a reference to what is to be opened, made if need be.
func (p *Process) find(ctx context.Context, at At, flags Flags, mode uint32) (v *kern.Vnode, made bool, err error) {
	if flags&(Create|Exclusive) != Create|Exclusive {
		v, err = p.walk(ctx, at, flags&NoFollow == 0)
		if err == nil && v.Kind() == vfs.KindSymlink {
			v.Unref()
			return nil, false, ErrSymlink
		}
		if flags&Create == 0 || !errors.Is(err, syscall.ENOENT) {
			return v, false, err
		}
	}
	for range symlinkMax {
		v, made, at, err = p.create(ctx, at, flags, mode)
		if v != nil || err != nil {
			return v, made, err
		}
	}
	return nil, false, syscall.ELOOP
}

// create makes a regular file, or finds what somebody else has just made there. If it finds a symbolic link that leads nowhere,
// it returns where that leads.
func (p *Process) create(ctx context.Context, at At, flags Flags, mode uint32) (v *kern.Vnode, made bool, next At, err error) {
	err = p.parent(ctx, at, syscall.EEXIST, func(par kern.Parent) error {
		if par.Slash {
			return syscall.EISDIR
		}
		var err error
		v, err = p.sys.door.Create(ctx, p.Cred(), par.Dir, par.Name, vfs.CreateAttr{Kind: vfs.KindRegular, Mode: p.masked(mode &^ 0o1000)})
		made = err == nil
		if !errors.Is(err, syscall.EEXIST) || flags&Exclusive != 0 {
			return err
		}
		if v, err = p.sys.door.Lookup(ctx, p.Cred(), par.Dir, par.Name); err != nil || v.Kind() != vfs.KindSymlink {
			return err
		}
		link := v
		defer link.Unref()
		v = nil
		if flags&NoFollow != 0 {
			return ErrSymlink
		}
		next, err = p.beyond(ctx, par.Dir, link)
		return err
	})
	return v, made, next, err
}

// beyond is where a symbolic link in dir leads, as an absolute path.
func (p *Process) beyond(ctx context.Context, dir, link *kern.Vnode) (At, error) {
	target, err := p.sys.door.Readlink(ctx, link)
	switch {
	case err != nil:
		return At{}, err
	case target == "":
		return At{}, syscall.ENOENT
	case target[0] != '/':
		path, err := p.sys.door.Path(ctx, vfs.Root, dir)
		if err != nil {
			return At{}, err
		}
		target = path + "/" + target
	}
	return At{CWD, target}, nil
}

// openVnode makes a file of a vnode, whose reference it takes over unless it fails.
func (p *Process) openVnode(ctx context.Context, v *kern.Vnode, flags Flags, made bool) (File, error) {
	switch {
	case v.Kind() == vfs.KindSocket:
		return nil, syscall.EOPNOTSUPP
	case v.IsDir() && flags&Write != 0:
		return nil, syscall.EISDIR
	case !v.IsDir() && flags&Directory != 0:
		return nil, syscall.ENOTDIR
	}
	if !made {
		if err := p.sys.door.Access(ctx, p.Cred(), v, wanted(flags)); err != nil {
			return nil, err
		}
	}
	switch v.Kind() {
	case vfs.KindChar, vfs.KindBlock:
		return p.sys.openDevice(ctx, v, flags)
	case vfs.KindFifo:
		if !p.sys.hasFifo {
			return nil, syscall.EOPNOTSUPP
		}
		return p.sys.openFifo(ctx, v, flags)
	case vfs.KindRegular:
		if flags&Truncate != 0 && !made {
			if flags&Write == 0 {
				return nil, syscall.EINVAL
			}
			if err := p.sys.door.Truncate(ctx, p.Cred(), v, 0); err != nil {
				return nil, err
			}
		}
	}
	return &vnodeFile{p.sys, v}, nil
}

// wanted is the access that flags ask for.
func wanted(flags Flags) (w kern.Want) {
	if flags&Read != 0 {
		w |= kern.MayRead
	}
	if flags&(Write|Truncate) != 0 {
		w |= kern.MayWrite
	}
	return w
}

// openDevice opens what a device node stands for. A disk that is mounted cannot be opened as a block device, and only read as
// a raw one is what people do at their own risk.
func (s *System) openDevice(ctx context.Context, v *kern.Vnode, flags Flags) (File, error) {
	if v.Mount().Options().NoDev {
		return nil, syscall.ENXIO
	}
	a, err := s.door.Attr(ctx, v)
	if err != nil {
		return nil, err
	}
	if a.Kind == vfs.KindBlock && s.deviceBusy(a.Rdev) {
		return nil, syscall.EBUSY
	}
	d, err := s.devices.Open(ctx, a.Kind, a.Rdev, flags&Write != 0)
	if err != nil {
		return nil, err
	}
	return &deviceFile{vnodeFile{s, v}, d}, nil
}
