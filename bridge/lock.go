package bridge

import (
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"rump/rumpfs/kern"
)

// Advisory locks. By default the host keeps them among its own programs and none of these requests comes; with
// Options.Locks they are the rump kernel's, so that the programs of all doors see each other's.

func (c *call) lockIn() (*fuse.LkIn, *kern.Vnode, kern.Lock, error) {
	in, _, err := view[fuse.LkIn](c.in)
	if err != nil {
		return nil, nil, kern.Lock{}, err
	}
	v, err := c.node()
	return in, v, kern.Lock{
		Owner:     in.Owner,
		PID:       int32(in.Lk.Pid),
		Exclusive: in.Lk.Typ == syscall.F_WRLCK,
		Start:     int64(in.Lk.Start),
		End:       int64(min(in.Lk.End, kern.LockEnd)),
	}, err
}

func (c *call) getlk() error {
	_, v, l, err := c.lockIn()
	if err != nil {
		return err
	}
	found, ok, err := c.b.door.TestLock(v, l)
	if err != nil {
		return err
	}
	out := reply[fuse.LkOut](c)
	out.Lk.Typ = syscall.F_UNLCK
	if ok {
		out.Lk = fuse.FileLock{Start: uint64(found.Start), End: uint64(found.End), Typ: syscall.F_RDLCK, Pid: uint32(found.PID)}
		if found.Exclusive {
			out.Lk.Typ = syscall.F_WRLCK
		}
	}
	return nil
}

// setlk answers SETLK, and SETLKW in a goroutine of its own: that may wait as long as others like.
func (c *call) setlk(wait bool) error {
	in, v, l, err := c.lockIn()
	if err != nil {
		return err
	}
	flock := in.LkFlags&fuse.LK_FLOCK != 0
	if in.Lk.Typ == syscall.F_UNLCK {
		if flock {
			return c.b.door.Funlock(v, l.Owner)
		}
		return c.b.door.Unlock(v, l.Owner, l.Start, l.End)
	}
	set := func(c *call) error {
		if flock {
			return c.b.door.Flock(c, v, l.Owner, l.Exclusive, wait)
		}
		return c.b.door.SetLock(c, v, l, wait)
	}
	if wait {
		return c.b.crew.detach(c, set)
	}
	return set(c)
}

// flush answers FLUSH, which comes when a descriptor is closed: the end of its owner's record locks.
func (c *call) flush() error {
	if !c.b.options.Locks {
		return syscall.ENOSYS // nothing is kept back
	}
	in, _, err := view[fuse.FlushIn](c.in)
	if err != nil {
		return err
	}
	v, err := c.node()
	if err != nil {
		return err
	}
	return c.b.door.Unlock(v, in.LockOwner, 0, kern.LockEnd)
}

// release answers RELEASE: the last descriptor of an open file is gone, and with it its flock.
func (c *call) release() error {
	in, _, err := view[fuse.ReleaseIn](c.in)
	if err != nil || in.ReleaseFlags&fuse.FUSE_RELEASE_FLOCK_UNLOCK == 0 {
		return err
	}
	v, err := c.node()
	if err != nil {
		return err
	}
	return c.b.door.Funlock(v, in.LockOwner)
}
