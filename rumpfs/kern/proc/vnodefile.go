package proc

import (
	"context"
	"syscall"

	"rump/rumpfs/kern"
	"rump/rumpfs/kern/dev"
	"rump/rumpfs/vfs"
)

// A vnodeFile is an open vnode: a regular file, or a directory.
type vnodeFile struct {
	sys *System
	v   *kern.Vnode // a reference
}

var _ Positioned = (*vnodeFile)(nil)

// VnodeOf is the vnode that a file stands for, borrowed; nil if it stands for none.
func VnodeOf(f File) *kern.Vnode {
	switch f := f.(type) {
	case *vnodeFile:
		return f.v
	case *deviceFile:
		return f.v
	case *fifoEnd:
		return f.v
	}
	return nil
}

func (f *vnodeFile) Stat(ctx context.Context) (Stat, error) { return f.sys.stat(ctx, f.v) }

func (f *vnodeFile) Size(ctx context.Context) (int64, error) {
	a, err := f.sys.door.Attr(ctx, f.v)
	return a.Size, err
}

func (f *vnodeFile) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	return f.sys.door.Read(ctx, f.v, p, off)
}

func (f *vnodeFile) WriteAt(ctx context.Context, cred *vfs.Cred, p []byte, off int64) (int, error) {
	return f.sys.door.Write(ctx, cred, f.v, p, off)
}

func (f *vnodeFile) Append(ctx context.Context, cred *vfs.Cred, p []byte) (n int, at int64, err error) {
	return f.sys.door.Append(ctx, cred, f.v, p)
}

// Sync makes what was written durable.
func (f *vnodeFile) Sync(ctx context.Context, dataOnly bool) error {
	return f.sys.door.Sync(ctx, f.v, dataOnly)
}

func (f *vnodeFile) Poll(want Events) Events { return want & (PollRead | PollWrite) }
func (f *vnodeFile) Queue() *Queue           { return nil }

func (f *vnodeFile) Close(context.Context) error {
	f.v.Unref()
	return nil
}

// stat describes a vnode.
func (s *System) stat(ctx context.Context, v *kern.Vnode) (Stat, error) {
	a, err := s.door.Attr(ctx, v)
	return Stat{a, v.Mount()}, err
}

// A deviceFile is an open device node.
type deviceFile struct {
	vnodeFile
	unit dev.Device
}

var _ Positioned = (*deviceFile)(nil)

// DeviceOf is the device that a file stands for; nil if it stands for none.
func DeviceOf(f File) dev.Device {
	if d, ok := f.(*deviceFile); ok {
		return d.unit
	}
	return nil
}

func (f *deviceFile) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	return f.unit.Read(ctx, p, off)
}

func (f *deviceFile) WriteAt(ctx context.Context, _ *vfs.Cred, p []byte, off int64) (int, error) {
	return f.unit.Write(ctx, p, off)
}

// Append is a write at the start: a device has no end.
func (f *deviceFile) Append(ctx context.Context, _ *vfs.Cred, p []byte) (n int, at int64, err error) {
	n, err = f.unit.Write(ctx, p, 0)
	return n, 0, err
}

// Size is 0, as that of any device.
func (f *deviceFile) Size(context.Context) (int64, error) { return 0, nil }

func (f *deviceFile) Sync(context.Context, bool) error {
	if s, ok := f.unit.(interface{ Sync() error }); ok {
		return s.Sync()
	}
	return nil
}

func (f *deviceFile) Close(ctx context.Context) error {
	err := f.unit.Close()
	f.v.Unref()
	return err
}

// syncFile makes what was written durable; EINVAL for what cannot be.
func syncFile(ctx context.Context, f File, dataOnly bool) error {
	if s, ok := f.(interface {
		Sync(ctx context.Context, dataOnly bool) error
	}); ok {
		return s.Sync(ctx, dataOnly)
	}
	return syscall.EINVAL
}
