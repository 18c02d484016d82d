package client

import (
	"io"
	"io/fs"
	"sync/atomic"

	"rump/netbsd"
)

// A File is an open file in the server, with the methods of Go's own.
type File struct {
	c    *Client
	fd   int
	name string
	shut atomic.Bool
}

var (
	_ io.ReadWriteSeeker = (*File)(nil)
	_ io.ReaderAt        = (*File)(nil)
	_ io.WriterAt        = (*File)(nil)
	_ io.Closer          = (*File)(nil)
)

// OpenFile opens a path; flags are netbsd.O_RDONLY and so on.
func (c *Client) OpenFile(path string, flags int, mode uint32) (*File, error) {
	fd, err := c.Open(path, flags, mode)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return &File{c: c, fd: fd, name: path}, nil
}

// NewFile makes a File of a descriptor.
func (c *Client) NewFile(fd int, name string) *File { return &File{c: c, fd: fd, name: name} }

// FD is the descriptor.
func (f *File) FD() int { return f.fd }

// Name is the path that it was opened by.
func (f *File) Name() string { return f.name }

func (f *File) fail(op string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: f.name, Err: err}
}

// Read reads the next bytes; io.EOF at the end.
func (f *File) Read(b []byte) (int, error) {
	n, err := f.c.Read(f.fd, b)
	if n == 0 && err == nil && len(b) > 0 {
		return 0, io.EOF
	}
	return n, f.fail("read", err)
}

// Write writes all of b.
func (f *File) Write(b []byte) (n int, err error) {
	for {
		m, err := f.c.Write(f.fd, b[n:])
		n += m
		switch {
		case err != nil:
			return n, f.fail("write", err)
		case n == len(b):
			return n, nil
		case m == 0:
			return n, f.fail("write", io.ErrShortWrite)
		}
	}
}

// ReadAt fills b; io.EOF if the file ends before.
func (f *File) ReadAt(b []byte, off int64) (n int, err error) {
	for n < len(b) {
		m, err := f.c.Pread(f.fd, b[n:], off+int64(n))
		n += m
		if err != nil {
			return n, f.fail("read", err)
		}
		if m == 0 {
			return n, io.EOF
		}
	}
	return n, nil
}

// WriteAt writes all of b.
func (f *File) WriteAt(b []byte, off int64) (n int, err error) {
	for {
		m, err := f.c.Pwrite(f.fd, b[n:], off+int64(n))
		n += m
		switch {
		case err != nil:
			return n, f.fail("write", err)
		case n == len(b):
			return n, nil
		case m == 0:
			return n, f.fail("write", io.ErrShortWrite)
		}
	}
}

// Seek sets the offset.
func (f *File) Seek(off int64, whence int) (int64, error) {
	n, err := f.c.Seek(f.fd, off, whence)
	return n, f.fail("seek", err)
}

// Stat describes the file.
func (f *File) Stat() (netbsd.Stat, error) {
	st, err := f.c.Fstat(f.fd)
	return st, f.fail("stat", err)
}

// Truncate changes the size.
func (f *File) Truncate(size int64) error { return f.fail("truncate", f.c.Ftruncate(f.fd, size)) }

// Sync makes what was written durable.
func (f *File) Sync() error { return f.fail("sync", f.c.Fsync(f.fd)) }

// Close closes the file, once.
func (f *File) Close() error {
	if f.shut.Swap(true) {
		return f.fail("close", fs.ErrClosed)
	}
	return f.fail("close", f.c.CloseFD(f.fd))
}
