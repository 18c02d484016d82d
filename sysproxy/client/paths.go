package client

import "rump/netbsd"

// Mkdir makes a directory.
func (c *Client) Mkdir(path string, mode uint32) error {
	return c.do(netbsd.SYS_MKDIR, Str(path), Int(mode))
}

// Rmdir removes an empty directory.
func (c *Client) Rmdir(path string) error { return c.do(netbsd.SYS_RMDIR, Str(path)) }

// Unlink takes a name away.
func (c *Client) Unlink(path string) error { return c.do(netbsd.SYS_UNLINK, Str(path)) }

// Mknod makes a node; the mode has its type, netbsd.S_IFCHR and so on, dev is from netbsd.MakeDev.
func (c *Client) Mknod(path string, mode uint32, dev uint64) error {
	return c.do(netbsd.SYS___MKNOD50, Str(path), Int(mode), Long(dev))
}

// Mkfifo makes a named pipe.
func (c *Client) Mkfifo(path string, mode uint32) error {
	return c.do(netbsd.SYS_MKFIFO, Str(path), Int(mode))
}

// Link gives a file one more name, following a symbolic link at the end of its old one.
func (c *Client) Link(from, to string) error { return c.do(netbsd.SYS_LINK, Str(from), Str(to)) }

// LinkAt is Link; with follow unset it is the symbolic link itself that gets the name.
func (c *Client) LinkAt(from, to string, follow bool) error {
	flag := 0
	if follow {
		flag = netbsd.AT_SYMLINK_FOLLOW
	}
	return c.do(netbsd.SYS_LINKAT, Int(CWD), Str(from), Int(CWD), Str(to), Int(flag))
}

// Symlink makes a symbolic link to target.
func (c *Client) Symlink(target, path string) error {
	return c.do(netbsd.SYS_SYMLINK, Str(target), Str(path))
}

// Readlink returns the target of a symbolic link.
func (c *Client) Readlink(path string) (string, error) {
	b := make([]byte, netbsd.MAXPATHLEN)
	n, err := c.call(netbsd.SYS_READLINK, Str(path), Out(b), Long(len(b)))
	return string(b[:c.count(n, b)]), err
}

// Rename moves a name.
func (c *Client) Rename(from, to string) error { return c.do(netbsd.SYS_RENAME, Str(from), Str(to)) }

// stat calls fn with memory for a Stat.
func stat(fn func(Arg) error) (st netbsd.Stat, err error) {
	b := make([]byte, netbsd.StatSize)
	if err = fn(Out(b)); err == nil {
		st.Decode(b)
	}
	return st, err
}

// Stat describes what a path stands for.
func (c *Client) Stat(path string) (netbsd.Stat, error) {
	return stat(func(a Arg) error { return c.do(netbsd.SYS___STAT50, Str(path), a) })
}

// Lstat does not follow a symbolic link at the end.
func (c *Client) Lstat(path string) (netbsd.Stat, error) {
	return stat(func(a Arg) error { return c.do(netbsd.SYS___LSTAT50, Str(path), a) })
}

// Fstat describes what a descriptor leads to.
func (c *Client) Fstat(fd int) (netbsd.Stat, error) {
	return stat(func(a Arg) error { return c.do(netbsd.SYS___FSTAT50, Int(fd), a) })
}

// Access asks whether a path may be used by the real user: 4 read, 2 write, 1 execute, 0 only reached.
func (c *Client) Access(path string, want int) error {
	return c.do(netbsd.SYS_ACCESS, Str(path), Int(want))
}

// nofollow is the flag of the calls that follow symbolic links or do not.
func nofollow(follow bool) Arg {
	if follow {
		return Int(0)
	}
	return Int(netbsd.AT_SYMLINK_NOFOLLOW)
}

// Chmod changes permissions.
func (c *Client) Chmod(path string, mode uint32, follow bool) error {
	if follow {
		return c.do(netbsd.SYS_CHMOD, Str(path), Int(mode))
	}
	return c.do(netbsd.SYS_LCHMOD, Str(path), Int(mode))
}

// Unchanged leaves an owner or a group as it is.
const Unchanged = ^uint32(0)

// Chown changes owner and group.
func (c *Client) Chown(path string, uid, gid uint32, follow bool) error {
	if follow {
		return c.do(netbsd.SYS_CHOWN, Str(path), Int(uid), Int(gid))
	}
	return c.do(netbsd.SYS_LCHOWN, Str(path), Int(uid), Int(gid))
}

// Chflags changes file flags.
func (c *Client) Chflags(path string, flags uint32, follow bool) error {
	if follow {
		return c.do(netbsd.SYS_CHFLAGS, Str(path), Long(uint64(flags)))
	}
	return c.do(netbsd.SYS_LCHFLAGS, Str(path), Long(uint64(flags)))
}

// Utimens sets access and modification time; nanoseconds may be netbsd.UTIME_NOW or UTIME_OMIT.
func (c *Client) Utimens(path string, atime, mtime netbsd.Timespec, follow bool) error {
	b := make([]byte, 2*netbsd.TimespecSize)
	atime.Encode(b)
	mtime.Encode(b[netbsd.TimespecSize:])
	return c.do(netbsd.SYS_UTIMENSAT, Int(CWD), Str(path), In(b), nofollow(follow))
}

// Chdir makes a directory the current one.
func (c *Client) Chdir(path string) error { return c.do(netbsd.SYS_CHDIR, Str(path)) }

// Fchdir makes an open directory the current one.
func (c *Client) Fchdir(fd int) error { return c.do(netbsd.SYS_FCHDIR, Int(fd)) }

// Getcwd is the path of the current directory.
func (c *Client) Getcwd() (string, error) {
	b := make([]byte, netbsd.MAXPATHLEN)
	n, err := c.call(netbsd.SYS___GETCWD, Out(b), Long(len(b)))
	return string(b[:max(0, c.count(n, b)-1)]), err
}

// Umask sets the mode bits that new files do not get, and returns those before.
func (c *Client) Umask(mask uint32) (uint32, error) {
	n, err := c.call(netbsd.SYS_UMASK, Int(mask))
	return uint32(n), err
}

// The spaces of extended attributes.
const (
	XattrUser   = 1
	XattrSystem = 2
)

// GetXattr returns the value of an extended attribute.
func (c *Client) GetXattr(path string, space int, name string) ([]byte, error) {
	n, err := c.call(netbsd.SYS_EXTATTR_GET_LINK, Str(path), Int(space), Str(name), Null(), Int(0))
	if err != nil || n < 0 || n > 1<<20 {
		return nil, err
	}
	b := make([]byte, n)
	n, err = c.call(netbsd.SYS_EXTATTR_GET_LINK, Str(path), Int(space), Str(name), Out(b), Long(len(b)))
	return b[:c.count(n, b)], err
}

// SetXattr gives an extended attribute a value.
func (c *Client) SetXattr(path string, space int, name string, value []byte) error {
	return c.do(netbsd.SYS_EXTATTR_SET_LINK, Str(path), Int(space), Str(name), In(value), Long(len(value)))
}

// RemoveXattr takes an extended attribute away.
func (c *Client) RemoveXattr(path string, space int, name string) error {
	return c.do(netbsd.SYS_EXTATTR_DELETE_LINK, Str(path), Int(space), Str(name))
}

// ListXattr returns the names of extended attributes.
func (c *Client) ListXattr(path string, space int) ([]string, error) {
	n, err := c.call(netbsd.SYS_EXTATTR_LIST_LINK, Str(path), Int(space), Null(), Int(0))
	if err != nil || n <= 0 || n > 1<<20 {
		return nil, err
	}
	b := make([]byte, n)
	if n, err = c.call(netbsd.SYS_EXTATTR_LIST_LINK, Str(path), Int(space), Out(b), Long(len(b))); err != nil {
		return nil, err
	}
	var names []string
	for b = b[:c.count(n, b)]; len(b) > 0; {
		l := int(b[0])
		if l >= len(b) {
			break
		}
		names = append(names, string(b[1:1+l]))
		b = b[1+l:]
	}
	return names, nil
}
