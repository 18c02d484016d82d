package proc

import (
	"context"
	"math"
	"syscall"

	"rump/rumpfs/kern"
)

// A Range is a range of bytes to lock, as fcntl(2) takes it: Length 0 is up to the end, a negative one is before Start.
type Range struct {
	Start, Length int64
	From          Whence
}

// bounds are the first and the last byte. EINVAL; EOVERFLOW.
func (o *Open) bounds(ctx context.Context, r Range) (start, end int64, err error) {
	start = r.Start
	base := int64(0)
	switch r.From {
	case SeekStart:
	case SeekCurrent:
		o.mu.Lock()
		base = o.off
		o.mu.Unlock()
	case SeekEnd:
		if base, err = o.pos.Size(ctx); err != nil {
			return 0, 0, err
		}
	default:
		return 0, 0, syscall.EINVAL
	}
	switch {
	case start > 0 && base > math.MaxInt64-start:
		return 0, 0, syscall.EOVERFLOW
	case r.Length > 0 && base+start > math.MaxInt64-(r.Length-1):
		return 0, 0, syscall.EOVERFLOW
	}
	start += base
	switch {
	case r.Length > 0:
		end = start + r.Length - 1
	case r.Length < 0:
		start, end = start+r.Length, start-1
	default:
		end = kern.LockEnd
	}
	if start < 0 {
		return 0, 0, syscall.EINVAL
	}
	return start, end, nil
}

// lockable calls fn on the vnode and the bounds of a range; EINVAL for what has none.
func (p *Process) lockable(ctx context.Context, fd int, r Range, fn func(o *Open, v *kern.Vnode, start, end int64) error) error {
	return p.vnode(fd, func(o *Open, v *kern.Vnode) error {
		if o.vnode == nil {
			return syscall.EINVAL
		}
		start, end, err := o.bounds(ctx, r)
		if err != nil {
			return err
		}
		return fn(o, v, start, end)
	})
}

// SetLock locks a range of a file for the process. EAGAIN if somebody else has it, unless it waits; EDEADLK; EBADF for a
// file that was not opened so; ENOLCK.
func (p *Process) SetLock(ctx context.Context, fd int, r Range, exclusive, wait bool) error {
	return p.lockable(ctx, fd, r, func(o *Open, v *kern.Vnode, start, end int64) error {
		if exclusive && !o.has(Write) || !exclusive && !o.has(Read) {
			return syscall.EBADF
		}
		p.noteLocks(v)
		l := kern.Lock{Owner: uint64(p.pid), PID: p.pid, Exclusive: exclusive, Start: start, End: end}
		if wait {
			Waiting(ctx)
		}
		return p.sys.door.SetLock(ctx, v, l, wait)
	})
}

// Unlock gives a range back.
func (p *Process) Unlock(ctx context.Context, fd int, r Range) error {
	return p.lockable(ctx, fd, r, func(_ *Open, v *kern.Vnode, start, end int64) error {
		return p.sys.door.Unlock(v, uint64(p.pid), start, end)
	})
}

// TestLock returns a lock of somebody else that would keep a range from being locked, if there is one.
func (p *Process) TestLock(ctx context.Context, fd int, r Range, exclusive bool) (found kern.Lock, ok bool, err error) {
	err = p.lockable(ctx, fd, r, func(_ *Open, v *kern.Vnode, start, end int64) error {
		l := kern.Lock{Owner: uint64(p.pid), Exclusive: exclusive, Start: start, End: end}
		found, ok, err = p.sys.door.TestLock(v, l)
		return err
	})
	return found, ok, err
}

// noteLocks remembers that the process may have locks on a vnode.
func (p *Process) noteLocks(v *kern.Vnode) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.locked == nil {
		p.locked = make(map[*kern.Vnode]struct{})
	}
	if _, ok := p.locked[v]; !ok {
		v.Ref()
		p.locked[v] = struct{}{}
	}
}

// dropLocks gives back all that the process has locked of a vnode: closing any descriptor of the file does that.
func (p *Process) dropLocks(v *kern.Vnode) {
	p.mu.Lock()
	_, ok := p.locked[v]
	delete(p.locked, v)
	p.mu.Unlock()
	if ok {
		_ = p.sys.door.Unlock(v, uint64(p.pid), 0, kern.LockEnd) // ESTALE: there are none any more
		v.Unref()
	}
}

// Flock locks a whole file for all who share this open of it. EAGAIN unless it waits; EOPNOTSUPP for what has no vnode.
func (p *Process) Flock(ctx context.Context, fd int, exclusive, wait bool) error {
	return p.with(fd, func(o *Open) error { return p.flock(ctx, o, exclusive, wait) })
}

func (p *Process) flock(ctx context.Context, o *Open, exclusive, wait bool) error {
	if o.vnode == nil {
		return syscall.EOPNOTSUPP
	}
	o.flocked.Store(true)
	if wait {
		Waiting(ctx)
	}
	return p.sys.door.Flock(ctx, o.vnode.v, o.id, exclusive, wait)
}

// Funlock gives it back.
func (p *Process) Funlock(fd int) error {
	return p.with(fd, func(o *Open) error {
		if o.vnode == nil {
			return syscall.EOPNOTSUPP
		}
		return p.sys.door.Funlock(o.vnode.v, o.id)
	})
}
