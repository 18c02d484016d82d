package server

import (
	"syscall"

	"rump/netbsd"
	"rump/rumpfs/kern/dev"
	"rump/rumpfs/kern/proc"
)

// openFlags are the flags of open(2) as proc has them. Those without an effect here are left out.
func openFlags(f uint32) (p proc.Flags) {
	switch f & netbsd.O_ACCMODE {
	case netbsd.O_RDONLY:
		p = proc.Read
	case netbsd.O_WRONLY:
		p = proc.Write
	case netbsd.O_RDWR:
		p = proc.Read | proc.Write
	}
	for _, x := range flagPairs {
		if f&x.bit != 0 {
			p |= x.flag
		}
	}
	return p
}

// flagPairs are the flags that stand for one each.
var flagPairs = [...]struct {
	bit  uint32
	flag proc.Flags
}{
	{netbsd.O_NONBLOCK, proc.NonBlock},
	{netbsd.O_APPEND, proc.Append},
	{netbsd.O_SHLOCK, proc.SharedLock},
	{netbsd.O_EXLOCK, proc.ExclusiveLock},
	{netbsd.O_SYNC | netbsd.O_DSYNC, proc.Synchronous},
	{netbsd.O_NOFOLLOW, proc.NoFollow},
	{netbsd.O_CREAT, proc.Create},
	{netbsd.O_TRUNC, proc.Truncate},
	{netbsd.O_EXCL, proc.Exclusive},
	{netbsd.O_DIRECTORY, proc.Directory},
	{netbsd.O_CLOEXEC, proc.CloseOnExec},
}

// statusFlags are what F_GETFL tells.
func statusFlags(p proc.Flags) (f uint32) {
	switch p & (proc.Read | proc.Write) {
	case proc.Read | proc.Write:
		f = netbsd.O_RDWR
	case proc.Write:
		f = netbsd.O_WRONLY
	}
	for _, x := range []struct {
		flag proc.Flags
		bit  uint32
	}{{proc.NonBlock, netbsd.O_NONBLOCK}, {proc.Append, netbsd.O_APPEND}, {proc.Synchronous, netbsd.O_SYNC}} {
		if p&x.flag != 0 {
			f |= x.bit
		}
	}
	return f
}

func sysFcntl(c *call) error {
	fd, arg := c.int(0), c.int(2)
	switch c.int(1) {
	case netbsd.F_DUPFD:
		return c.result(c.proc.Dup(fd, arg, false))
	case netbsd.F_DUPFD_CLOEXEC:
		return c.result(c.proc.Dup(fd, arg, true))
	case netbsd.F_GETFD:
		on, err := c.proc.CloseOnExec(fd)
		if on {
			c.ret[0] = netbsd.FD_CLOEXEC
		}
		return err
	case netbsd.F_SETFD:
		return c.proc.SetCloseOnExec(fd, arg&netbsd.FD_CLOEXEC != 0)
	case netbsd.F_GETFL:
		return c.opened(func(o *proc.Open) error {
			c.ret[0] = int64(statusFlags(o.Flags()))
			return nil
		})
	case netbsd.F_SETFL:
		return c.proc.SetFlags(fd, openFlags(uint32(arg)))
	case netbsd.F_GETLK, netbsd.F_SETLK, netbsd.F_SETLKW:
		return c.fcntlLock(fd, c.int(1))
	case netbsd.F_CLOSEM:
		return c.proc.CloseFrom(fd)
	case netbsd.F_MAXFD:
		c.ret[0] = int64(c.proc.LastDescriptor())
		return nil
	case netbsd.F_GETNOSIGPIPE, netbsd.F_SETNOSIGPIPE, netbsd.F_GETOWN, netbsd.F_SETOWN:
		return c.opened(func(*proc.Open) error { return nil }) // no signals are sent
	}
	return syscall.EINVAL
}

// fcntlLock sets, gives back, or asks for a lock on a range.
func (c *call) fcntlLock(fd, cmd int) error {
	var f netbsd.Flock
	if err := c.get(c.ptr(2), &f, netbsd.FlockSize); err != nil {
		return err
	}
	if f.Whence < 0 || f.Whence > netbsd.SEEK_END {
		return syscall.EINVAL
	}
	r := proc.Range{Start: f.Start, Length: f.Len, From: proc.Whence(f.Whence)}
	exclusive := f.Type == netbsd.F_WRLCK
	switch {
	case f.Type == netbsd.F_UNLCK && cmd != netbsd.F_GETLK:
		return c.proc.Unlock(c, fd, r)
	case f.Type != netbsd.F_RDLCK && f.Type != netbsd.F_WRLCK && cmd != netbsd.F_GETLK:
		return syscall.EINVAL
	case cmd != netbsd.F_GETLK:
		return c.proc.SetLock(c, fd, r, exclusive, cmd == netbsd.F_SETLKW)
	}
	found, ok, err := c.proc.TestLock(c, fd, r, exclusive)
	if err != nil {
		return err
	}
	f.Type = netbsd.F_UNLCK
	if ok {
		f = netbsd.Flock{Start: found.Start, Len: found.End - found.Start + 1, PID: found.PID, Type: netbsd.F_RDLCK}
		if found.Exclusive {
			f.Type = netbsd.F_WRLCK
		}
		if f.Len <= 0 {
			f.Len = 0 // up to the end
		}
	}
	return c.store(c.ptr(2), &f, netbsd.FlockSize)
}

func sysFlock(c *call) error {
	how := c.int(1)
	wait := how&netbsd.LOCK_NB == 0
	switch how &^ netbsd.LOCK_NB {
	case netbsd.LOCK_SH:
		return c.proc.Flock(c, c.int(0), false, wait)
	case netbsd.LOCK_EX:
		return c.proc.Flock(c, c.int(0), true, wait)
	case netbsd.LOCK_UN:
		return c.proc.Funlock(c.int(0))
	}
	return syscall.EINVAL
}

// sysIoctl does what any open file answers, and asks its kind for the rest.
func sysIoctl(c *call) error {
	fd, com := c.int(0), netbsd.Ioctl(c.uint(1))
	switch com {
	case netbsd.FIOCLEX, netbsd.FIONCLEX:
		return c.proc.SetCloseOnExec(fd, com == netbsd.FIOCLEX)
	}
	return c.opened(func(o *proc.Open) error {
		b := make([]byte, com.Size())
		if com.In() {
			if err := c.copyin(c.ptr(2), b); err != nil {
				return err
			}
		}
		if err := c.ioctl(o, com, b); err != nil {
			return err
		}
		if com.Out() {
			return c.copyout(c.ptr(2), b)
		}
		return nil
	})
}

// ioctl answers in b, which holds the argument.
func (c *call) ioctl(o *proc.Open, com netbsd.Ioctl, b []byte) error {
	switch com {
	case netbsd.FIONBIO:
		f := o.Flags() &^ proc.NonBlock
		if le.Uint32(b) != 0 {
			f |= proc.NonBlock
		}
		return c.proc.SetFlags(c.int(0), f)
	case netbsd.FIOASYNC:
		return nil
	case netbsd.FIONREAD:
		return c.readable(o, b)
	}
	if _, ok := o.File().(interface{ Terminal() }); ok {
		if com == netbsd.TIOCGETA { // whoever asks wants to know whether it is a terminal, and how is all zeros
			return nil
		}
		return syscall.ENOTTY
	}
	d := proc.DeviceOf(o.File())
	switch d := d.(type) {
	case nil:
		return syscall.ENOTTY
	case dev.Disk:
		return diskIoctl(d, com, b)
	case dev.Refuser:
		return d.Refusal()
	}
	return syscall.ENOTTY
}

// readable tells how many bytes can be read at once.
func (c *call) readable(o *proc.Open, b []byte) error {
	n := int64(0)
	switch f := o.File().(type) {
	case interface{ Buffered() int }:
		n = int64(f.Buffered())
	case proc.Positioned:
		if proc.DeviceOf(o.File()) != nil {
			return syscall.ENOTTY
		}
		size, err := f.Size(c)
		if err != nil {
			return err
		}
		off, err := c.proc.Seek(c, c.int(0), 0, proc.SeekCurrent)
		if err != nil {
			return err
		}
		n = max(0, size-off)
	default:
		return syscall.ENOTTY
	}
	le.PutUint32(b, uint32(min(n, 1<<31-1)))
	return nil
}

// diskIoctl tells of a disk.
func diskIoctl(d dev.Disk, com netbsd.Ioctl, b []byte) error {
	disk := d.Block()
	switch com {
	case netbsd.DIOCGDINFO, netbsd.DIOCGDEFLABEL:
		labelOf(d).Encode(b)
	case netbsd.DIOCGMEDIASIZE:
		le.PutUint64(b, uint64(disk.Size()))
	case netbsd.DIOCGSECTORSIZE:
		le.PutUint32(b, uint32(disk.SectorSize()))
	case netbsd.DIOCCACHESYNC:
		return disk.Flush()
	default:
		return syscall.ENOTTY
	}
	return nil
}

// labelOf is the label that a disk's driver has of it, with a geometry of one track.
func labelOf(d dev.Disk) *netbsd.Disklabel {
	disk, l := d.Block(), d.Label()
	sector := int64(disk.SectorSize())
	sectors := uint32(disk.Size() / sector)
	n := &netbsd.Disklabel{
		Type: l.Type, TypeName: l.TypeName, PackName: l.PackName, SecSize: uint32(sector), NSectors: sectors, NTracks: 1, NCylinders: 1,
		SecPerCyl: sectors, SecPerUnit: sectors, RPM: 11, Interleave: 1,
	}
	if l.Fictitious {
		n.SecPerUnit = uint32(disk.Size()) // in bytes, as the genuine driver has it
	}
	for _, p := range l.Partitions {
		n.Partitions = append(n.Partitions, netbsd.Partition{
			Size: uint32(p.Size), Offset: uint32(p.Offset), FSize: p.FSize, FSType: p.FSType, Frag: p.Frag, CPG: p.CPG,
		})
	}
	return n
}
