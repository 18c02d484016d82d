package proc

import (
	"context"
	"math"
	"syscall"

	"rump/rumpfs/kern"
)

// Open returns a new reference to what a descriptor leads to; give it back with Release. EBADF.
func (p *Process) Open(fd int) (*Open, error) { return p.table.get(fd) }

// Install gives a new file a descriptor, the lowest free one. It takes f over, also if it fails: EMFILE.
func (p *Process) Install(f File, flags Flags) (int, error) {
	o := p.newOpen(f, flags)
	fd, err := p.table.add(o, 0, flags&CloseOnExec != 0)
	if err != nil {
		o.Release()
	}
	return fd, err
}

// Close frees a descriptor, and ends the file with its last one; EBADF. Locks that the process has on the file are gone.
func (p *Process) Close(fd int) error {
	o, err := p.table.take(fd)
	if err != nil {
		return err
	}
	p.closed(o)
	return nil
}

// closed gives back a descriptor's reference.
func (p *Process) closed(o *Open) {
	if o.vnode != nil {
		p.dropLocks(o.vnode.v)
	}
	o.Release()
}

// CloseFrom frees all descriptors from fd on; EBADF for a negative one.
func (p *Process) CloseFrom(fd int) error {
	if fd < 0 {
		return syscall.EBADF
	}
	for _, o := range p.table.takeIf(func(n int, _ descriptor) bool { return n >= fd }) {
		p.closed(o)
	}
	return nil
}

// LastDescriptor is the highest descriptor in use, -1 if there is none.
func (p *Process) LastDescriptor() int { return p.table.last() }

// Descriptors is how many are in use.
func (p *Process) Descriptors() int { return p.table.count() }

// Dup makes the lowest free descriptor from least on lead where fd leads. EBADF; EINVAL for a number out of range; EMFILE.
func (p *Process) Dup(fd, least int, closeOnExec bool) (int, error) {
	o, err := p.table.get(fd)
	if err != nil {
		return 0, err
	}
	if least < 0 || least >= hardFiles {
		o.Release()
		return 0, syscall.EINVAL
	}
	n, err := p.table.add(o, least, closeOnExec)
	if err != nil {
		o.Release()
	}
	return n, err
}

// Dup2 makes to lead where from leads, whatever it led to before; nothing changes if they are the same. EBADF.
func (p *Process) Dup2(from, to int, closeOnExec bool) error {
	o, err := p.table.get(from)
	if err != nil {
		return err
	}
	if from == to {
		o.Release()
		return nil
	}
	old, err := p.table.set(to, o, closeOnExec)
	if err != nil {
		o.Release()
		return err
	}
	if old != nil {
		p.closed(old)
	}
	return nil
}

// CloseOnExec reports whether a descriptor is closed when the process becomes another program; EBADF.
func (p *Process) CloseOnExec(fd int) (bool, error) { return p.table.closeOnExec(fd) }

// SetCloseOnExec changes that.
func (p *Process) SetCloseOnExec(fd int, on bool) error { return p.table.setCloseOnExec(fd, on) }

// SetFlags changes Append, NonBlock and Synchronous of an open file; EBADF.
func (p *Process) SetFlags(fd int, f Flags) error {
	return p.with(fd, func(o *Open) error {
		o.setFlags(f)
		return nil
	})
}

// with calls fn on what a descriptor leads to.
func (p *Process) with(fd int, fn func(*Open) error) error {
	o, err := p.table.get(fd)
	if err != nil {
		return err
	}
	defer o.Release()
	return fn(o)
}

// vnode calls fn on the vnode that a descriptor leads to; EINVAL if it leads to none.
func (p *Process) vnode(fd int, fn func(*Open, *kern.Vnode) error) error {
	return p.with(fd, func(o *Open) error {
		v := VnodeOf(o.file)
		if v == nil {
			return syscall.EINVAL
		}
		return fn(o, v)
	})
}

// Read reads the next bytes: short at the end, or where a stream has no more for now. EBADF.
func (p *Process) Read(ctx context.Context, fd int, b []byte) (n int, err error) {
	err = p.with(fd, func(o *Open) error {
		n, err = o.read(ctx, b)
		return err
	})
	return n, err
}

// Write writes the next bytes, or at the end if the file was opened so. A short count comes with an error, but for a
// stream.
func (p *Process) Write(ctx context.Context, fd int, b []byte) (n int, err error) {
	err = p.with(fd, func(o *Open) error {
		n, err = o.write(ctx, b)
		return err
	})
	return n, err
}

// Pread reads at off; ESPIPE for a stream.
func (p *Process) Pread(ctx context.Context, fd int, b []byte, off int64) (n int, err error) {
	err = p.with(fd, func(o *Open) error {
		n, err = o.readAt(ctx, b, off)
		return err
	})
	return n, err
}

// Pwrite writes at off, also to a file that was opened to be appended to; ESPIPE for a stream.
func (p *Process) Pwrite(ctx context.Context, fd int, b []byte, off int64) (n int, err error) {
	err = p.with(fd, func(o *Open) error {
		n, err = o.writeAt(ctx, b, off)
		return err
	})
	return n, err
}

// Read, Write and so on of an Open are for who moves bytes in pieces and holds on to it meanwhile.

// Read is Process.Read.
func (o *Open) Read(ctx context.Context, b []byte) (int, error) { return o.read(ctx, b) }

// Write is Process.Write.
func (o *Open) Write(ctx context.Context, b []byte) (int, error) { return o.write(ctx, b) }

// Pread is Process.Pread.
func (o *Open) Pread(ctx context.Context, b []byte, off int64) (int, error) {
	return o.readAt(ctx, b, off)
}

// Pwrite is Process.Pwrite.
func (o *Open) Pwrite(ctx context.Context, b []byte, off int64) (int, error) {
	return o.writeAt(ctx, b, off)
}

// Whence is where an offset counts from.
type Whence uint8

// The places.
const (
	SeekStart Whence = iota
	SeekCurrent
	SeekEnd
)

// Seek sets the offset and returns it; of a directory it is the cookie to read on from. ESPIPE for a stream; EINVAL for a
// negative result.
func (p *Process) Seek(ctx context.Context, fd int, off int64, from Whence) (int64, error) {
	err := p.with(fd, func(o *Open) (err error) {
		if o.pos == nil {
			return syscall.ESPIPE
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		base := int64(0)
		switch from {
		case SeekStart:
		case SeekCurrent:
			base = o.off
		case SeekEnd:
			if base, err = o.pos.Size(ctx); err != nil {
				return err
			}
		default:
			return syscall.EINVAL
		}
		switch {
		case off > 0 && base > math.MaxInt64-off:
			return syscall.EOVERFLOW
		case base+off < 0:
			return syscall.EINVAL
		}
		off += base
		o.off = off
		return nil
	})
	return off, err
}

// Fsync makes what was written to a file durable; EINVAL for what cannot be. EBADF.
func (p *Process) Fsync(ctx context.Context, fd int, dataOnly bool) error {
	return p.with(fd, func(o *Open) error { return syncFile(ctx, o.file, dataOnly) })
}

// Ftruncate changes the size of a regular file that was opened for writing; EINVAL otherwise.
func (p *Process) Ftruncate(ctx context.Context, fd int, size int64) error {
	return p.vnode(fd, func(o *Open, v *kern.Vnode) error {
		if !o.has(Write) {
			return syscall.EINVAL
		}
		if DeviceOf(o.file) != nil {
			return nil // a disk has the size it has; newfs asks
		}
		return p.sys.door.Truncate(ctx, p.Cred(), v, size)
	})
}

// Fallocate makes sure that a range of a regular file has storage; EBADF if it was not opened for writing.
func (p *Process) Fallocate(ctx context.Context, fd int, off, length int64) error {
	return p.vnode(fd, func(o *Open, v *kern.Vnode) error {
		if !o.has(Write) {
			return syscall.EBADF
		}
		return p.sys.door.Allocate(ctx, p.Cred(), v, off, length, false)
	})
}

// Fdiscard makes a range of a regular file a hole; EBADF if it was not opened for writing.
func (p *Process) Fdiscard(ctx context.Context, fd int, off, length int64) error {
	return p.vnode(fd, func(o *Open, v *kern.Vnode) error {
		if !o.has(Write) {
			return syscall.EBADF
		}
		return p.sys.door.Punch(ctx, p.Cred(), v, off, length)
	})
}
