package server

import (
	"syscall"

	"rump/netbsd"
	"rump/rumpfs/kern"
	"rump/rumpfs/kern/proc"
	"rump/rumpfs/vfs"
)

// at is a path from the current directory.
func at(path string) proc.At { return proc.At{FD: proc.CWD, Path: path} }

// atPath is the path of argument i, from the directory that argument dir is a descriptor of.
func (c *call) atPath(dir, i int) (proc.At, error) {
	path, err := c.path(i)
	fd := c.int(dir)
	if fd == netbsd.AT_FDCWD {
		fd = proc.CWD
	}
	return proc.At{FD: fd, Path: path}, err
}

// here is the path of argument i, from the current directory.
func (c *call) here(i int) (proc.At, error) {
	path, err := c.path(i)
	return at(path), err
}

// on calls fn with a path if there is one.
func on(a proc.At, err error) func(fn func(proc.At) error) error {
	return func(fn func(proc.At) error) error {
		if err != nil {
			return err
		}
		return fn(a)
	}
}

func (c *call) open(a proc.At, flags, mode uint32) error {
	return c.result(c.proc.OpenAt(c, a, openFlags(flags), mode))
}

func sysOpen(c *call) error {
	return on(c.here(0))(func(a proc.At) error { return c.open(a, c.uint(1), c.uint(2)) })
}

func sysOpenat(c *call) error {
	return on(c.atPath(0, 1))(func(a proc.At) error { return c.open(a, c.uint(2), c.uint(3)) })
}

func sysMkdir(c *call) error {
	return on(c.here(0))(func(a proc.At) error { return c.proc.Mkdir(c, a, c.uint(1)) })
}

func sysMkdirat(c *call) error {
	return on(c.atPath(0, 1))(func(a proc.At) error { return c.proc.Mkdir(c, a, c.uint(2)) })
}

func sysMkfifo(c *call) error {
	return on(c.here(0))(func(a proc.At) error { return c.proc.Mkfifo(c, a, c.uint(1)) })
}

func sysMkfifoat(c *call) error {
	return on(c.atPath(0, 1))(func(a proc.At) error { return c.proc.Mkfifo(c, a, c.uint(2)) })
}

func (c *call) mknod(a proc.At, mode uint32, d uint64) error {
	kind := vfs.Kind(mode & netbsd.S_IFMT >> 12)
	return c.proc.Mknod(c, a, kind, mode&^netbsd.S_IFMT, vfs.Dev{Major: netbsd.Major(d), Minor: netbsd.Minor(d)})
}

func sysMknod(c *call) error {
	return on(c.here(0))(func(a proc.At) error { return c.mknod(a, c.uint(1), c.ulong(2)) })
}

func sysMknodOld(c *call) error {
	return on(c.here(0))(func(a proc.At) error { return c.mknod(a, c.uint(1), uint64(c.uint(2))) })
}

func sysMknodat(c *call) error {
	return on(c.atPath(0, 1))(func(a proc.At) error { return c.mknod(a, c.uint(2), c.ulong(4)) })
}

func sysRmdir(c *call) error {
	return on(c.here(0))(func(a proc.At) error { return c.proc.Rmdir(c, a) })
}

func sysUnlink(c *call) error {
	return on(c.here(0))(func(a proc.At) error { return c.proc.Unlink(c, a) })
}

func sysUnlinkat(c *call) error {
	return on(c.atPath(0, 1))(func(a proc.At) error {
		if c.uint(2)&netbsd.AT_REMOVEDIR != 0 {
			return c.proc.Rmdir(c, a)
		}
		return c.proc.Unlink(c, a)
	})
}

// two calls fn with two paths, of which the second is not asked for if there is no first.
func two(first, second func() (proc.At, error), fn func(a, b proc.At) error) error {
	a, err := first()
	if err != nil {
		return err
	}
	b, err := second()
	if err != nil {
		return err
	}
	return fn(a, b)
}

// arg and argAt are paths to be asked for.
func (c *call) arg(i int) func() (proc.At, error) {
	return func() (proc.At, error) { return c.here(i) }
}

func (c *call) argAt(dir, i int) func() (proc.At, error) {
	return func() (proc.At, error) { return c.atPath(dir, i) }
}

func sysLink(c *call) error {
	return two(c.arg(0), c.arg(1), func(a, b proc.At) error { return c.proc.Link(c, a, b, true) })
}

func sysLinkat(c *call) error {
	follow := c.uint(4)&netbsd.AT_SYMLINK_FOLLOW != 0
	return two(c.argAt(0, 1), c.argAt(2, 3), func(a, b proc.At) error { return c.proc.Link(c, a, b, follow) })
}

func sysSymlink(c *call) error {
	return two(c.arg(0), c.arg(1), func(target, b proc.At) error { return c.proc.Symlink(c, target.Path, b) })
}

func sysSymlinkat(c *call) error {
	return two(c.arg(0), c.argAt(1, 2), func(target, b proc.At) error { return c.proc.Symlink(c, target.Path, b) })
}

func sysRename(c *call) error {
	return two(c.arg(0), c.arg(1), func(a, b proc.At) error { return c.proc.Rename(c, a, b, false) })
}

func sysPosixRename(c *call) error {
	return two(c.arg(0), c.arg(1), func(a, b proc.At) error { return c.proc.Rename(c, a, b, true) })
}

func sysRenameat(c *call) error {
	return two(c.argAt(0, 1), c.argAt(2, 3), func(a, b proc.At) error { return c.proc.Rename(c, a, b, true) })
}

// readlink gives as much of a target as there is room for.
func (c *call) readlink(a proc.At, to, room uint64) error {
	target, err := c.proc.Readlink(c, a)
	if err != nil {
		return err
	}
	n := int(min(uint64(len(target)), room))
	c.ret[0] = int64(n)
	return c.copyout(to, []byte(target[:n]))
}

func sysReadlink(c *call) error {
	return on(c.here(0))(func(a proc.At) error { return c.readlink(a, c.ptr(1), c.ulong(2)) })
}

func sysReadlinkat(c *call) error {
	return on(c.atPath(0, 1))(func(a proc.At) error { return c.readlink(a, c.ptr(2), c.ulong(3)) })
}

func sysChdir(c *call) error {
	return on(c.here(0))(func(a proc.At) error { return c.proc.Chdir(c, a.Path) })
}

func sysFchdir(c *call) error { return c.proc.Fchdir(c, c.int(0)) }

// getcwd's result is the length, with the NUL; ERANGE if that does not fit.
func sysGetcwd(c *call) error {
	room := c.ulong(1)
	if room < 2 {
		return syscall.ERANGE
	}
	path, err := c.proc.Getcwd(c)
	if err != nil {
		return err
	}
	if uint64(len(path)+1) > room {
		return syscall.ERANGE
	}
	c.ret[0] = int64(len(path) + 1)
	return c.copyout(c.ptr(0), append([]byte(path), 0))
}

func (c *call) access(a proc.At, want int, effective bool) error {
	if want&^7 != 0 {
		return syscall.EINVAL
	}
	return c.proc.Access(c, a, kern.Want(want), effective)
}

func sysAccess(c *call) error {
	return on(c.here(0))(func(a proc.At) error { return c.access(a, c.int(1), false) })
}

func sysFaccessat(c *call) error {
	return on(c.atPath(0, 1))(func(a proc.At) error { return c.access(a, c.int(2), c.uint(3)&netbsd.AT_EACCESS != 0) })
}

// pathconf tells a limit.
func (c *call) pathconf(name int) error {
	values := map[int]int64{
		netbsd.PC_LINK_MAX: netbsd.LINK_MAX, netbsd.PC_MAX_CANON: 255, netbsd.PC_MAX_INPUT: 255, netbsd.PC_NAME_MAX: 255,
		netbsd.PC_PATH_MAX: netbsd.MAXPATHLEN, netbsd.PC_PIPE_BUF: netbsd.PIPE_BUF, netbsd.PC_CHOWN_RESTRICTED: 1,
		netbsd.PC_NO_TRUNC: 1, netbsd.PC_VDISABLE: 0xff, netbsd.PC_SYNC_IO: 1, netbsd.PC_FILESIZEBITS: 64,
		netbsd.PC_SYMLINK_MAX: 1024, netbsd.PC_2_SYMLINKS: 1,
	}
	v, ok := values[name]
	if !ok {
		return syscall.EINVAL
	}
	c.ret[0] = v
	return nil
}

func sysPathconf(c *call) error {
	return on(c.here(0))(func(a proc.At) error {
		if _, err := c.proc.Stat(c, a, true); err != nil {
			return err
		}
		return c.pathconf(c.int(1))
	})
}

func sysFpathconf(c *call) error {
	return c.opened(func(*proc.Open) error { return c.pathconf(c.int(1)) })
}
