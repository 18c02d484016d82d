package kerntest

import (
	"io"
	"io/fs"
	"syscall"
	"time"

	"rump/rumpfs/kern"
	"rump/rumpfs/vfs"
)

// FS is what lies below a directory as an io/fs file system, for testing/fstest and whoever takes one. Symbolic links are
// followed by Open and Stat. It borrows root.
func FS(d *kern.Door, root *kern.Vnode) fs.FS { return &ioFS{d, root} }

type ioFS struct {
	d    *kern.Door
	root *kern.Vnode
}

var (
	_ fs.StatFS     = (*ioFS)(nil)
	_ fs.ReadLinkFS = (*ioFS)(nil)
)

// walk follows a path that io/fs allows.
func (f *ioFS) walk(op, name string, follow bool) (*kern.Vnode, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	v, err := f.d.Walk(ctx, vfs.Root, f.root, name, follow)
	if err != nil {
		return nil, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return v, nil
}

// Open opens anything for reading.
func (f *ioFS) Open(name string) (fs.File, error) {
	v, err := f.walk("open", name, true)
	if err != nil {
		return nil, err
	}
	return &ioFile{d: f.d, v: v, name: name}, nil
}

// Stat follows a symbolic link.
func (f *ioFS) Stat(name string) (fs.FileInfo, error) { return f.stat(name, true) }

// Lstat does not.
func (f *ioFS) Lstat(name string) (fs.FileInfo, error) { return f.stat(name, false) }

func (f *ioFS) stat(name string, follow bool) (fs.FileInfo, error) {
	v, err := f.walk("stat", name, follow)
	if err != nil {
		return nil, err
	}
	defer v.Unref()
	a, err := f.d.Attr(ctx, v)
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	return info{base(name), a}, nil
}

// ReadLink returns the target of a symbolic link.
func (f *ioFS) ReadLink(name string) (string, error) {
	v, err := f.walk("readlink", name, false)
	if err != nil {
		return "", err
	}
	defer v.Unref()
	target, err := f.d.Readlink(ctx, v)
	if err != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: err}
	}
	return target, nil
}

func base(name string) string {
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '/' {
			return name[i+1:]
		}
	}
	return name
}

// An ioFile is an open file or directory.
type ioFile struct {
	d    *kern.Door
	v    *kern.Vnode // nil once closed
	name string
	off  int64
	at   vfs.Cookie
}

var (
	_ fs.ReadDirFile = (*ioFile)(nil)
	_ io.ReaderAt    = (*ioFile)(nil)
	_ io.Seeker      = (*ioFile)(nil)
)

func (f *ioFile) fail(op string, err error) error {
	return &fs.PathError{Op: op, Path: f.name, Err: err}
}

func (f *ioFile) Stat() (fs.FileInfo, error) {
	if f.v == nil {
		return nil, f.fail("stat", fs.ErrClosed)
	}
	a, err := f.d.Attr(ctx, f.v)
	if err != nil {
		return nil, f.fail("stat", err)
	}
	return info{base(f.name), a}, nil
}

func (f *ioFile) Read(p []byte) (int, error) {
	n, err := f.read(p, f.off)
	f.off += int64(n)
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

func (f *ioFile) ReadAt(p []byte, off int64) (int, error) { return f.read(p, off) }

// read answers io.EOF with less than was asked for.
func (f *ioFile) read(p []byte, off int64) (int, error) {
	if f.v == nil {
		return 0, f.fail("read", fs.ErrClosed)
	}
	n, err := f.d.Read(ctx, f.v, p, off)
	switch {
	case err != nil:
		return n, f.fail("read", err)
	case n < len(p):
		return n, io.EOF
	}
	return n, nil
}

func (f *ioFile) Seek(off int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		off += f.off
	case io.SeekEnd:
		fi, err := f.Stat()
		if err != nil {
			return 0, err
		}
		off += fi.Size()
	}
	if off < 0 {
		return 0, f.fail("seek", syscall.EINVAL)
	}
	f.off = off
	return off, nil
}

func (f *ioFile) Close() error {
	if f.v == nil {
		return f.fail("close", fs.ErrClosed)
	}
	f.v.Unref()
	f.v = nil
	return nil
}

// ReadDir returns entries with their attributes as they are now.
func (f *ioFile) ReadDir(n int) ([]fs.DirEntry, error) {
	if f.v == nil {
		return nil, f.fail("readdir", fs.ErrClosed)
	}
	var names []string
	next := f.at
	err := f.d.ReadDir(ctx, vfs.Root, f.v, f.at, func(e vfs.DirEntry) bool {
		name := string(e.Name)
		if dot := name == "." || name == ".."; !dot {
			if n > 0 && len(names) == n {
				return false
			}
			names = append(names, name)
		}
		next = e.Next
		return true
	})
	if err != nil {
		return nil, f.fail("readdir", err)
	}
	f.at = next
	var entries []fs.DirEntry
	for _, name := range names {
		v, err := f.d.Lookup(ctx, vfs.Root, f.v, name)
		if err == syscall.ENOENT {
			continue // removed meanwhile
		}
		if err != nil {
			return entries, f.fail("readdir", err)
		}
		a, err := f.d.Attr(ctx, v)
		v.Unref()
		if err != nil {
			return entries, f.fail("readdir", err)
		}
		entries = append(entries, fs.FileInfoToDirEntry(info{name, a}))
	}
	if n > 0 && len(names) == 0 {
		return nil, io.EOF
	}
	return entries, nil
}

// An info shows attributes as io/fs wants them.
type info struct {
	name string
	a    vfs.Attr
}

func (i info) Name() string { return i.name }
func (i info) Size() int64  { return i.a.Size }
func (i info) IsDir() bool  { return i.a.Kind == vfs.KindDir }
func (i info) Sys() any     { return i.a }

func (i info) ModTime() time.Time { return time.Unix(i.a.Mtime.Sec, int64(i.a.Mtime.Nsec)) }

var ioModes = map[vfs.Kind]fs.FileMode{
	vfs.KindDir: fs.ModeDir, vfs.KindSymlink: fs.ModeSymlink, vfs.KindFifo: fs.ModeNamedPipe, vfs.KindSocket: fs.ModeSocket,
	vfs.KindBlock: fs.ModeDevice, vfs.KindChar: fs.ModeDevice | fs.ModeCharDevice,
}

func (i info) Mode() fs.FileMode {
	mode := fs.FileMode(i.a.Mode&0o777) | ioModes[i.a.Kind]
	for bit, m := range map[uint32]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if i.a.Mode&bit != 0 {
			mode |= m
		}
	}
	return mode
}
