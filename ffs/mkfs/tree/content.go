package tree

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// A Content is where the bytes of a file are; it stays valid when the Reader goes on.
type Content struct {
	layer int
	off   int64  // in an archive
	dir   string // of the tree
	name  string
	path  string // on the host, in place of dir and name
	data  []Extent
	size  int64
}

// ContentOf is where the bytes of regular file e in directory dir are.
func (d *Dir) ContentOf(e *Entry) *Content {
	c := &Content{layer: e.Where.Layer, off: e.Where.Off, path: e.Where.Path, dir: d.Path, size: e.Size}
	if c.path == "" {
		c.name = string(e.Name)
	}
	if e.Sparse && e.Where.Off != 0 {
		c.data = append([]Extent(nil), e.Data...)
	}
	return c
}

// Path is the file for messages.
func (c *Content) Path() string {
	if c.path != "" {
		return c.path
	}
	return joinPath(c.dir, c.name)
}

// An Opener opens contents, fastest when those of one directory come together. It is for one goroutine.
type Opener struct {
	l     *List
	layer int
	dir   *hostDir
}

// Opener makes one. Close it.
func (l *List) Opener() *Opener { return &Opener{l: l} }

// Close closes what an Opener keeps open.
func (o *Opener) Close() {
	if o.dir != nil {
		o.dir.close()
		o.dir = nil
	}
}

// A File is an open content.
type File struct {
	fd    int // -1 for none
	from  io.ReaderAt
	c     *Content
	shown string
}

// Open opens a content.
func (o *Opener) Open(c *Content) (File, error) {
	f := File{fd: -1, c: c, shown: c.Path()}
	if c.layer < 0 {
		return f, nil
	}
	y := &o.l.layers[c.layer]
	if y.archive != nil {
		f.from = y.archive
		f.shown = fmt.Sprintf("%s in %s", f.shown, y.name)
		return f, nil
	}
	const flags = syscall.O_RDONLY | syscall.O_NOFOLLOW | syscall.O_NONBLOCK | syscall.O_CLOEXEC | syscall.O_NOATIME
	at, name := -1, c.path
	if c.path == "" {
		if err := o.enter(c.layer, c.dir); err != nil {
			return f, err
		}
		at, name = o.dir.fd, c.name
		f.shown = o.dir.full(name)
	}
	fd, err := openAt(at, name, flags)
	if err == syscall.EPERM {
		fd, err = openAt(at, name, flags&^syscall.O_NOATIME) // not the owner
	}
	if err != nil {
		return f, &fs.PathError{Op: "open", Path: f.shown, Err: err}
	}
	f.fd = fd
	return f, nil
}

// enter opens the directory that the next files are in.
func (o *Opener) enter(layer int, dir string) error {
	if o.dir != nil && o.layer == layer && o.dir.path == dir {
		return nil
	}
	o.Close()
	d, err := openHostDir(o.l.layers[layer].root, dir)
	if err != nil {
		return err
	}
	o.layer, o.dir = layer, d
	return nil
}

// Name is the file for messages.
func (f *File) Name() string { return f.shown }

// Host gives the descriptor and where in it byte 0 is, for copies inside the host; ok is false if the bytes do not lie
// there as they are. The descriptor is valid until Close.
func (f *File) Host() (fd int, ok bool) { return f.fd, f.fd >= 0 }

// ReadAt reads as much as there is: fewer bytes than asked for, without an error, at the end of a file that has become
// shorter than it was when the list was made.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	switch {
	case f.fd >= 0:
		n, err := readFD(f.fd, p, off)
		if err != nil {
			return n, &fs.PathError{Op: "read", Path: f.shown, Err: err}
		}
		return n, nil
	case f.from == nil:
		clear(p)
		return len(p), nil
	case f.c.data == nil:
		return readAll(f.from, p, f.c.off+off, f.shown)
	}
	return f.readSparse(p, off)
}

func readFD(fd int, p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		k, err := syscall.Pread(fd, p[n:], off+int64(n))
		if err == syscall.EINTR {
			continue
		}
		if err != nil || k == 0 {
			return n, err
		}
		n += k
	}
	return n, nil
}

func readAll(r io.ReaderAt, p []byte, off int64, shown string) (int, error) {
	n, err := r.ReadAt(p, off)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", shown, err)
	}
	return n, err
}

// readSparse reads from a file whose data lies together in an archive.
func (f *File) readSparse(p []byte, off int64) (int, error) {
	clear(p)
	at := f.c.off
	for _, x := range f.c.data {
		lo, hi := max(x.Off, off), min(x.Off+x.Len, off+int64(len(p)))
		if lo < hi {
			n, err := readAll(f.from, p[lo-off:hi-off], at+lo-x.Off, f.shown)
			if err != nil || int64(n) < hi-lo {
				return int(lo-off) + n, err
			}
		}
		at += x.Len
	}
	return len(p), nil
}

// Close closes the file.
func (f *File) Close() {
	if f.fd >= 0 {
		syscall.Close(f.fd)
		f.fd = -1
	}
}

// openArchive makes an archive something that can be read anywhere.
func openArchive(a Archive, tmp string) (layer, error) {
	y := layer{name: a.Name}
	if r, ok := a.Reader.(io.ReaderAt); ok && seekable(a.Reader) {
		y.archive = r
		return y, nil
	}
	f, err := tempFile(tmp)
	if err != nil {
		return y, err
	}
	y.archive, y.close = f, func() { f.Close() }
	if _, err := io.Copy(f, a.Reader); err != nil {
		f.Close()
		return y, fmt.Errorf("%s: %w", a.Name, err)
	}
	return y, nil
}

// seekable reports whether a file is one and not a pipe.
func seekable(r io.Reader) bool {
	f, ok := r.(*os.File)
	if !ok {
		return true
	}
	info, err := f.Stat()
	return err == nil && info.Mode().IsRegular()
}
