package ffs

import (
	"context"
	"syscall"

	"rump/ffs/ondisk"
	"rump/rumpfs/vfs"
)

// A file is a regular file.
type file struct{ *inode }

var (
	_ vfs.File      = (*file)(nil)
	_ vfs.Mapper    = (*file)(nil)
	_ vfs.Allocator = (*file)(nil)
	_ vfs.Xattrer   = (*file)(nil)
)

// ReadAt reads from the disk, one transfer for each piece that lies together.
func (f *file) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	switch err := ctx.Err(); {
	case err != nil:
		return 0, err
	case off < 0:
		return 0, syscall.EINVAL
	case f.di.Flags&ondisk.FileSnapshot != 0:
		return 0, syscall.EPERM
	}
	n, err := f.read(p, off)
	if err == nil && n > 0 {
		f.accessed()
	}
	return n, err
}

// read reads what there is of p at off; bytes of p behind that may be overwritten.
func (in *inode) read(p []byte, off int64) (int, error) {
	if off >= in.di.Size {
		return 0, nil
	}
	n := int(min(int64(len(p)), in.di.Size-off))
	for done := 0; done < n; {
		e, err := in.extent(off+int64(done), int64(n-done))
		if err != nil {
			return done, err
		}
		end := done + int(e.Length)
		if e.Hole {
			clear(p[done:end])
		} else if err := in.fs.readData(p[done:end], len(p)-end, e.Dev); err != nil {
			return done, err
		}
		done = end
	}
	return n, nil
}
