package client

import (
	"rump/netbsd"
)

// CWD as a directory's descriptor stands for the current directory.
const CWD = netbsd.AT_FDCWD

// Open opens a path; flags are netbsd.O_RDONLY and so on, mode is for a file that is made.
func (c *Client) Open(path string, flags int, mode uint32) (fd int, err error) {
	n, err := c.call(netbsd.SYS_OPEN, Str(path), Int(flags), Int(mode))
	return int(n), err
}

// OpenAt is Open from an open directory.
func (c *Client) OpenAt(dir int, path string, flags int, mode uint32) (fd int, err error) {
	n, err := c.call(netbsd.SYS_OPENAT, Int(dir), Str(path), Int(flags), Int(mode))
	return int(n), err
}

// CloseFD closes a descriptor.
func (c *Client) CloseFD(fd int) error { return c.do(netbsd.SYS_CLOSE, Int(fd)) }

// Read reads the next bytes; 0 at the end.
func (c *Client) Read(fd int, b []byte) (int, error) {
	n, err := c.call(netbsd.SYS_READ, Int(fd), Out(b), Long(len(b)))
	return c.count(n, b), err
}

// Write writes the next bytes.
func (c *Client) Write(fd int, b []byte) (int, error) {
	n, err := c.call(netbsd.SYS_WRITE, Int(fd), In(b), Long(len(b)))
	return c.count(n, b), err
}

// Pread reads at off.
func (c *Client) Pread(fd int, b []byte, off int64) (int, error) {
	n, err := c.call(netbsd.SYS_PREAD, Int(fd), Out(b), Long(len(b)), Int(0), Long(off))
	return c.count(n, b), err
}

// Pwrite writes at off.
func (c *Client) Pwrite(fd int, b []byte, off int64) (int, error) {
	n, err := c.call(netbsd.SYS_PWRITE, Int(fd), In(b), Long(len(b)), Int(0), Long(off))
	return c.count(n, b), err
}

// count does not believe a server that has moved more than there was.
func (c *Client) count(n int64, b []byte) int { return int(max(0, min(n, int64(len(b))))) }

// vectors is an array of pieces of memory.
func vectors(pieces [][]byte, arg func([]byte, ...Inner) Arg) Arg {
	b := make([]byte, len(pieces)*netbsd.IovecSize)
	inner := make([]Inner, len(pieces))
	for i, p := range pieces {
		netbsd.Iovec{Len: uint64(len(p))}.Encode(b[i*netbsd.IovecSize:])
		inner[i] = Inner{i * netbsd.IovecSize, arg(p)}
	}
	return In(b, inner...)
}

// Readv reads into several pieces.
func (c *Client) Readv(fd int, pieces ...[]byte) (int, error) {
	n, err := c.call(netbsd.SYS_READV, Int(fd), vectors(pieces, Out), Int(len(pieces)))
	return int(max(0, n)), err
}

// Writev writes several pieces.
func (c *Client) Writev(fd int, pieces ...[]byte) (int, error) {
	n, err := c.call(netbsd.SYS_WRITEV, Int(fd), vectors(pieces, In), Int(len(pieces)))
	return int(max(0, n)), err
}

// Seek sets the offset; whence is netbsd.SEEK_SET and so on, which are those of io.
func (c *Client) Seek(fd int, off int64, whence int) (int64, error) {
	return c.call(netbsd.SYS_LSEEK, Int(fd), Int(0), Long(off), Int(whence))
}

// Ftruncate changes the size of an open file, Truncate that of a path's.
func (c *Client) Ftruncate(fd int, size int64) error {
	return c.do(netbsd.SYS_FTRUNCATE, Int(fd), Int(0), Long(size))
}

// Truncate changes the size of a file.
func (c *Client) Truncate(path string, size int64) error {
	return c.do(netbsd.SYS_TRUNCATE, Str(path), Int(0), Long(size))
}

// Fsync makes what was written durable.
func (c *Client) Fsync(fd int) error { return c.do(netbsd.SYS_FSYNC, Int(fd)) }

// Sync writes all file systems.
func (c *Client) Sync() error { return c.do(netbsd.SYS_SYNC) }

// Dup gives what fd leads to another descriptor, Dup2 that one.
func (c *Client) Dup(fd int) (int, error) {
	n, err := c.call(netbsd.SYS_DUP, Int(fd))
	return int(n), err
}

// Dup2 makes to lead where from leads.
func (c *Client) Dup2(from, to int) error { return c.do(netbsd.SYS_DUP2, Int(from), Int(to)) }

// Fcntl does one of its commands that take a number.
func (c *Client) Fcntl(fd, cmd, arg int) (int, error) {
	n, err := c.call(netbsd.SYS_FCNTL, Int(fd), Int(cmd), Int(arg))
	return int(n), err
}

// FcntlLock sets, gives back, or asks for a lock: netbsd.F_SETLK, F_SETLKW, F_GETLK, which changes l.
func (c *Client) FcntlLock(fd, cmd int, l *netbsd.Flock) error {
	b := make([]byte, netbsd.FlockSize)
	l.Encode(b)
	err := c.do(netbsd.SYS_FCNTL, Int(fd), Int(cmd), Out(b))
	l.Decode(b)
	return err
}

// Flock locks a whole file: netbsd.LOCK_SH, LOCK_EX, LOCK_UN, with LOCK_NB.
func (c *Client) Flock(fd, how int) error { return c.do(netbsd.SYS_FLOCK, Int(fd), Int(how)) }

// Ioctl does a command with an argument in b, which is of the size that the command says.
func (c *Client) Ioctl(fd int, com netbsd.Ioctl, b []byte) error {
	if len(b) < com.Size() {
		return netbsd.EINVAL
	}
	return c.do(netbsd.SYS_IOCTL, Int(fd), Long(uint64(com)), Out(b))
}

// Disklabel is the label of an open disk, as its driver has it.
func (c *Client) Disklabel(fd int) (l netbsd.Disklabel, err error) {
	b := make([]byte, netbsd.DisklabelSize)
	if err = c.Ioctl(fd, netbsd.DIOCGDINFO, b); err == nil {
		l.Decode(b)
	}
	return l, err
}

// Pipe makes a pipe.
func (c *Client) Pipe() (r, w int, err error) {
	ret, err := c.Syscall(netbsd.SYS_PIPE)
	return int(ret[0]), int(ret[1]), err
}

// Poll waits for milliseconds, or for ever if they are negative, and fills in what it got.
func (c *Client) Poll(fds []netbsd.Pollfd, milliseconds int) (int, error) {
	b := make([]byte, len(fds)*netbsd.PollfdSize)
	for i, f := range fds {
		f.Encode(b[i*netbsd.PollfdSize:])
	}
	n, err := c.call(netbsd.SYS_POLL, Out(b), Int(len(fds)), Int(milliseconds))
	for i := range fds {
		fds[i].Decode(b[i*netbsd.PollfdSize:])
	}
	return int(n), err
}

// ReadDir returns all entries of a directory.
func (c *Client) ReadDir(path string) ([]netbsd.Dirent, error) {
	fd, err := c.Open(path, netbsd.O_RDONLY|netbsd.O_DIRECTORY|netbsd.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer c.CloseFD(fd)
	var list []netbsd.Dirent
	b := make([]byte, 16<<10)
	for {
		n, err := c.Getdents(fd, b)
		if n == 0 || err != nil {
			return list, err
		}
		for rest := b[:n]; len(rest) > 0; {
			var d netbsd.Dirent
			if d, rest, err = netbsd.NextDirent(rest); err != nil {
				return list, err
			}
			list = append(list, d)
		}
	}
}

// Getdents reads whole entries of an open directory; 0 at the end.
func (c *Client) Getdents(fd int, b []byte) (int, error) {
	n, err := c.call(netbsd.SYS___GETDENTS30, Int(fd), Out(b), Long(len(b)))
	return c.count(n, b), err
}
