package rootfs

import (
	"context"
	"syscall"

	"rump/rumpfs/vfs"
)

// maxFileSize keeps offsets far from where arithmetic ends.
const maxFileSize = 1 << 60

// A file is a regular file.
type file struct {
	inode
	size  int64
	pages pages
}

var (
	_ vfs.File      = (*file)(nil)
	_ vfs.Mapper    = (*file)(nil)
	_ vfs.Allocator = (*file)(nil)
)

// Attr returns the attributes.
func (f *file) Attr(context.Context) (vfs.Attr, error) {
	return f.attr(f.size, f.pages.count*pageSize), nil
}

// SetAttr changes attributes, the size among them; EFBIG.
func (f *file) SetAttr(ctx context.Context, cred *vfs.Cred, set vfs.SetAttr) error {
	size := set.Mask & vfs.SetSize
	if size != 0 && set.Size > maxFileSize {
		return syscall.EFBIG
	}
	set.Mask &^= vfs.SetSize
	if err := f.inode.SetAttr(ctx, cred, set); err != nil {
		return err
	}
	if size != 0 {
		f.resize(set.Size)
		if mtime := f.mtime; set.Has(vfs.SetMtime) {
			f.modified()
			f.mtime = mtime
		} else {
			f.modified()
		}
	}
	return nil
}

// resize cuts the file or adds a hole. Invariant: pages hold zeros beyond the size.
func (f *file) resize(size int64) {
	if size < f.size {
		before := f.pages.cost()
		f.pages.zero(size, f.size)
		f.pages.drop(size, maxFileSize+pageSize)
		f.fs.release(before - f.pages.cost())
	}
	f.size = size
}

// ReadAt reads; holes are zeros.
func (f *file) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	if off >= f.size || len(p) == 0 {
		return 0, nil
	}
	p = p[:min(int64(len(p)), f.size-off)]
	for n := 0; n < len(p); {
		at := off + int64(n)
		in := int(at % pageSize)
		part := p[n:min(len(p), n+pageSize-in)]
		if pg := f.pages.page(at); pg != nil {
			copy(part, pg[in:])
		} else {
			clear(part)
		}
		n += len(part)
	}
	f.accessed()
	return len(p), nil
}

// WriteAt writes page by page; ENOSPC, EFBIG.
func (f *file) WriteAt(_ context.Context, _ *vfs.Cred, p []byte, off int64) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	for n < len(p) {
		at := off + int64(n)
		if at >= maxFileSize {
			err = syscall.EFBIG
			break
		}
		if err = f.fs.charge(f.pages.missing(at)); err != nil {
			break
		}
		n += copy(f.pages.fill(at)[at%pageSize:], p[n:])
	}
	if n > 0 {
		f.size = max(f.size, off+int64(n))
		f.modified()
	}
	return n, err
}

// Map tells holes from data; the data is nowhere on a device.
func (f *file) Map(_ context.Context, off, limit int64) (vfs.Extent, error) {
	if off >= f.size || limit <= 0 {
		return vfs.Extent{Off: off}, nil
	}
	end := off + min(limit, f.size-off)
	next, hole := f.pages.run(off, end)
	return vfs.Extent{Off: off, Length: next - off, Hole: hole}, nil
}

// Allocate fills holes with pages of zeros; ENOSPC, and then it changes nothing.
func (f *file) Allocate(_ context.Context, _ *vfs.Cred, off, length int64, keepSize bool) error {
	end := off + length
	if end > maxFileSize {
		return syscall.EFBIG
	}
	cost, spans := int64(0), int64(-1)
	for at := off - off%pageSize; at < end; at += pageSize {
		need := f.pages.missing(at)
		if need > pageSize && at/groupSpan == spans {
			need = pageSize // its group is paid for
		}
		if need > pageSize {
			spans = at / groupSpan
		}
		if cost += need; cost > f.fs.maxBytes {
			return syscall.ENOSPC
		}
	}
	if err := f.fs.charge(cost); err != nil {
		return err
	}
	for at := off - off%pageSize; at < end; at += pageSize {
		f.pages.fill(at)
	}
	if !keepSize && end > f.size {
		f.size = end
		f.modified()
	} else {
		f.changed()
	}
	return nil
}

// Punch frees pages and clears their edges.
func (f *file) Punch(_ context.Context, off, length int64) error {
	before := f.pages.cost()
	f.pages.zero(off, off+length)
	f.fs.release(before - f.pages.cost())
	f.modified()
	return nil
}

// Reclaim frees the file if no name is left.
func (f *file) Reclaim(context.Context) error {
	if f.reclaim(f.pages.cost()) {
		f.pages = pages{}
	}
	return nil
}
