package blockdev

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// FileOptions says how OpenFile opens. The zero value opens an existing file for reading and writing, locked.
type FileOptions struct {
	ReadOnly bool
	NoLock   bool // neither take nor heed the lock

	// SectorSize in bytes; 0 is the logical sector of a block device, 512 for a file.
	SectorSize int

	// The rest is for writers of regular files; a block device has the size it has.
	Create   bool  // make a missing file, empty, mode 0644 less the umask
	Truncate bool  // empty an existing file, once it is locked
	MinSize  int64 // extend a shorter file by a hole up to this many bytes
}

// A File is a Device that is a regular file or a block device of the host, seen through the host's page cache.
type File struct {
	geometry
	f        *os.File
	path     string
	readOnly bool
}

var (
	_ Device    = (*File)(nil)
	_ HostFile  = (*File)(nil)
	_ Discarder = (*File)(nil)
)

// OpenFile opens a regular file or a block device of the host; the device is a *File. The size is that of the file
// rounded down to whole sectors. Unless NoLock is set, any number of readers or one writer have it: an InUseError
// otherwise. A writer of a block device that the host has mounted gets EBUSY.
func OpenFile(path string, o FileOptions) (Device, error) {
	if o.SectorSize != 0 {
		if err := checkSectorSize(o.SectorSize); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	f, isBlock, err := openHost(path, o)
	if err != nil {
		return nil, err
	}
	d := &File{f: f, path: path, readOnly: o.ReadOnly}
	if err := d.prepare(o, isBlock); err != nil {
		f.Close()
		return nil, err
	}
	return d, nil
}

// openHost opens path if it is something that can be a disk; anything else might block or have side effects.
func openHost(path string, o FileOptions) (f *os.File, isBlock bool, err error) {
	flags := os.O_RDWR
	if o.ReadOnly {
		flags = os.O_RDONLY
	}
	info, err := os.Stat(path)
	switch {
	case err == nil:
		if isBlock, err = kindOf(path, info); err != nil {
			return nil, false, err
		}
	case errors.Is(err, fs.ErrNotExist) && o.Create && !o.ReadOnly:
		flags |= os.O_CREATE
	default:
		return nil, false, err
	}
	if isBlock && !o.ReadOnly && !o.NoLock {
		flags |= os.O_EXCL // on a block device: not while the host has it mounted
	}
	f, err = os.OpenFile(path, flags, 0o644)
	if err != nil {
		return nil, false, err
	}
	if info, err = f.Stat(); err == nil {
		isBlock, err = kindOf(path, info)
	}
	if err != nil {
		f.Close()
		return nil, false, err
	}
	return f, isBlock, nil
}

// kindOf tells block devices from regular files and refuses the rest.
func kindOf(path string, info fs.FileInfo) (isBlock bool, err error) {
	m := info.Mode()
	switch {
	case m.IsRegular():
		return false, nil
	case m.IsDir():
		return false, fmt.Errorf("%s: %w", path, syscall.EISDIR)
	case m&fs.ModeDevice != 0 && m&fs.ModeCharDevice == 0:
		return true, nil
	}
	return false, fmt.Errorf("%s: neither a file nor a block device: %w", path, syscall.ENOTBLK)
}

// prepare locks the open file, gives it the asked length, and takes its measures.
func (d *File) prepare(o FileOptions, isBlock bool) error {
	if !o.NoLock {
		if err := lock(d.f, d.path, !o.ReadOnly, isBlock); err != nil {
			return err
		}
	}
	d.sector = o.SectorSize
	if d.sector == 0 {
		d.sector = DefaultSectorSize
		if isBlock {
			d.sector = logicalSector(d.f)
		}
	}
	if !isBlock && !o.ReadOnly && o.Truncate {
		if err := d.f.Truncate(0); err != nil {
			return err
		}
	}
	size, err := d.f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if !isBlock && !o.ReadOnly && size < o.MinSize {
		if err := d.f.Truncate(o.MinSize); err != nil {
			return err
		}
		size = o.MinSize
	}
	d.size = size &^ int64(d.sector-1)
	return nil
}

// ReadAt implements Device.
func (d *File) ReadAt(p []byte, off int64) (int, error) {
	if err := d.check(off, len(p)); err != nil {
		return 0, err
	}
	n, err := d.f.ReadAt(p, off)
	if err == io.EOF {
		err = fmt.Errorf("%s: shrank below %d bytes while open: %w", d.path, off+int64(len(p)), syscall.EIO)
	}
	return n, err
}

// WriteAt implements Device.
func (d *File) WriteAt(p []byte, off int64) (int, error) {
	if d.readOnly {
		return 0, syscall.EROFS
	}
	if err := d.check(off, len(p)); err != nil {
		return 0, err
	}
	return d.f.WriteAt(p, off)
}

// ReadOnly implements Device.
func (d *File) ReadOnly() bool { return d.readOnly }

// Flush implements Device.
func (d *File) Flush() error {
	return d.control("fdatasync", syscall.Fdatasync)
}

// Discard implements Discarder by a hole in the file. EOPNOTSUPP, with nothing changed, where the host has no holes.
func (d *File) Discard(off, length int64) error {
	if d.readOnly {
		return syscall.EROFS
	}
	if err := d.check64(off, length); err != nil {
		return err
	}
	if length == 0 {
		return nil
	}
	return d.control("fallocate", func(fd int) error { return punch(fd, off, length) })
}

// control runs a system call on the descriptor, which cannot be closed meanwhile.
func (d *File) control(op string, call func(fd int) error) error {
	c, err := d.f.SyscallConn()
	if err != nil {
		return err
	}
	var callErr error
	err = c.Control(func(fd uintptr) {
		for {
			callErr = call(int(fd))
			if callErr != syscall.EINTR {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	if callErr != nil {
		return &fs.PathError{Op: op, Path: d.path, Err: callErr}
	}
	return nil
}

// HostFile implements HostFile.
func (d *File) HostFile() (fd uintptr, offset int64, ok bool) { return d.f.Fd(), 0, true }

// Path is the name that the file was opened by.
func (d *File) Path() string { return d.path }

// Close implements Device and gives up the lock.
func (d *File) Close() error { return d.f.Close() }
