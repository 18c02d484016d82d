package doorfs

import (
	"context"
	"io"
	"math"
	"syscall"

	"rump/cmd/rump/tool"
	"rump/rumpfs/kern"
	"rump/rumpfs/vfs"
)

// A file is an open vnode.
type file struct {
	fs     *FS
	v      *kern.Vnode // a reference; nil once closed
	append bool
	off    int64
}

var _ tool.File = (*file)(nil)

// Open implements tool.FS.
func (f *FS) Open(ctx context.Context, path string, flag tool.OpenFlag, mode uint32) (tool.File, error) {
	v, err := f.open(ctx, path, flag, mode)
	if err != nil {
		return nil, err
	}
	o := &file{fs: f, v: v, append: flag&tool.Append != 0}
	if err := o.ready(ctx, flag); err != nil {
		v.Unref()
		return nil, err
	}
	return o, nil
}

// ready asks whether the vnode can be used so, and empties it if it is to be.
func (o *file) ready(ctx context.Context, flag tool.OpenFlag) error {
	want := kern.MayRead
	if flag&(tool.Write|tool.Append) != 0 {
		want |= kern.MayWrite
	}
	switch {
	case o.v.Kind() == vfs.KindSymlink:
		return syscall.ELOOP
	case o.v.IsDir() && want&kern.MayWrite == 0:
		return nil // to be asked about
	}
	if _, err := o.fs.d.Read(ctx, o.v, nil, 0); err != nil {
		return err // of the wrong kind
	}
	if err := o.fs.d.Access(ctx, vfs.Root, o.v, want); err != nil {
		return err
	}
	if flag&tool.Truncate != 0 {
		return o.fs.d.Truncate(ctx, vfs.Root, o.v, 0)
	}
	return nil
}

// open finds or makes what is to be opened.
func (f *FS) open(ctx context.Context, path string, flag tool.OpenFlag, mode uint32) (*kern.Vnode, error) {
	follow := flag&tool.NoFollow == 0
	if flag&tool.Create == 0 {
		return f.walk(ctx, path, follow)
	}
	for range 8 { // somebody else may make and remove it meanwhile
		v, err := f.create(ctx, path, mode)
		if err != syscall.EEXIST || flag&tool.Exclusive != 0 {
			return v, err
		}
		if v, err = f.walk(ctx, path, follow); err != syscall.ENOENT {
			return v, err
		}
		st, err := f.Stat(ctx, path, false)
		if err != nil || st.Kind != vfs.KindSymlink {
			continue
		}
		target, err := f.Readlink(ctx, path) // one that leads to a file to be made
		if err != nil {
			return nil, err
		}
		path = beside(path, target)
	}
	return nil, syscall.ELOOP
}

// beside is where a symbolic link at path leads.
func beside(path, target string) string {
	if target != "" && target[0] == '/' {
		return target
	}
	names, _, _, _ := split(path)
	dir := ""
	for _, n := range names {
		dir += n + "/"
	}
	return dir + target
}

func (f *FS) create(ctx context.Context, path string, mode uint32) (v *kern.Vnode, err error) {
	err = f.in(ctx, path, false, func(dir *kern.Vnode, name string) error {
		v, err = f.d.Create(ctx, vfs.Root, dir, name, vfs.CreateAttr{Kind: vfs.KindRegular, Mode: mode &^ mask})
		return err
	})
	return v, err
}

func (o *file) Stat(ctx context.Context) (tool.Stat, error) { return o.fs.stat(ctx, o.v) }

func (o *file) Read(ctx context.Context, p []byte) (int, error) {
	n, err := o.fs.d.Read(ctx, o.v, p, o.off)
	o.off += int64(n)
	if n == 0 && err == nil && len(p) > 0 {
		err = io.EOF
	}
	return n, err
}

func (o *file) Write(ctx context.Context, p []byte) (n int, err error) {
	if o.append {
		at := int64(0)
		n, at, err = o.fs.d.Append(ctx, vfs.Root, o.v, p)
		o.off = at + int64(n)
		return n, err
	}
	n, err = o.fs.d.Write(ctx, vfs.Root, o.v, p, o.off)
	o.off += int64(n)
	return n, err
}

func (o *file) Seek(ctx context.Context, off int64, whence int) (int64, error) {
	var err error
	from := int64(0)
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		from = o.off
	case io.SeekEnd:
		st, err := o.Stat(ctx)
		if err != nil {
			return 0, err
		}
		from = st.Size
	case tool.SeekData:
		off, err = o.fs.d.SeekData(ctx, o.v, off)
	case tool.SeekHole:
		off, err = o.fs.d.SeekHole(ctx, o.v, off)
	default:
		err = syscall.EINVAL
	}
	switch {
	case err != nil:
		return 0, err
	case off > 0 && from > math.MaxInt64-off || from+off < 0:
		return 0, syscall.EINVAL
	}
	o.off = from + off
	return o.off, nil
}

func (o *file) SetAttr(ctx context.Context, set vfs.SetAttr) error {
	return o.fs.d.SetAttr(ctx, vfs.Root, o.v, set)
}

func (o *file) Close() error {
	if o.v == nil {
		return syscall.EBADF
	}
	o.v.Unref()
	o.v = nil
	return nil
}
