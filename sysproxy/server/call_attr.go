package server

import (
	"syscall"

	"rump/netbsd"
	"rump/rumpfs/kern"
	"rump/rumpfs/kern/proc"
	"rump/rumpfs/vfs"
)

// devOf is the number that stands for a mounted file system: that of its device, or one made of its type and when it came.
func (c *call) devOf(m *kern.Mount) uint64 {
	if m == nil {
		return 0
	}
	if d, ok := c.proc.System().DeviceOf(m); ok {
		return netbsd.MakeDev(d.Major, d.Minor)
	}
	return netbsd.MakeDev(netbsd.TypeHash(m.FS().Type())&0xff, m.Index())
}

func timespec(t vfs.Time) netbsd.Timespec {
	return netbsd.Timespec{Sec: t.Sec, Nsec: int64(t.Nsec)}
}

// statOf is a Stat as programs have it.
func (c *call) statOf(st *proc.Stat) *netbsd.Stat {
	n := &netbsd.Stat{
		Dev: c.devOf(st.Mount), Mode: uint32(st.Kind)<<12 | st.Mode, Ino: uint64(st.Ino), Nlink: st.Nlink, UID: st.UID, GID: st.GID,
		Rdev: netbsd.NoDev, Atim: timespec(st.Atime), Mtim: timespec(st.Mtime), Ctim: timespec(st.Ctime), Birthtim: timespec(st.Btime),
		Size: st.Size, Blocks: st.Blocks, BlockSize: st.BlockSize, Flags: st.Flags, Gen: st.Gen,
	}
	switch {
	case st.Kind == vfs.KindChar || st.Kind == vfs.KindBlock:
		n.Rdev = netbsd.MakeDev(st.Rdev.Major, st.Rdev.Minor)
	case st.Mount == nil:
		n.Rdev = 0
	}
	return n
}

// stat writes a Stat to the client.
func (c *call) stat(to uint64, st proc.Stat, err error) error {
	if err != nil {
		return err
	}
	return c.store(to, c.statOf(&st), netbsd.StatSize)
}

// statOld writes one as programs before 6.0 have it.
func (c *call) statOld(to uint64, st proc.Stat, err error) error {
	if err != nil {
		return err
	}
	return c.store(to, (*netbsd.Stat30)(c.statOf(&st)), netbsd.Stat30Size)
}

// lookup is stat(2) of the path of argument 0.
func (c *call) lookup(follow bool) (st proc.Stat, err error) {
	a, err := c.here(0)
	if err != nil {
		return st, err
	}
	return c.proc.Stat(c, a, follow)
}

func sysStat(c *call) error {
	st, err := c.lookup(true)
	return c.stat(c.ptr(1), st, err)
}

func sysLstat(c *call) error {
	st, err := c.lookup(false)
	return c.stat(c.ptr(1), st, err)
}

func sysFstat(c *call) error {
	st, err := c.proc.Fstat(c, c.int(0))
	return c.stat(c.ptr(1), st, err)
}

func sysStatOld(c *call) error {
	st, err := c.lookup(true)
	return c.statOld(c.ptr(1), st, err)
}

func sysLstatOld(c *call) error {
	st, err := c.lookup(false)
	return c.statOld(c.ptr(1), st, err)
}

func sysFstatOld(c *call) error {
	st, err := c.proc.Fstat(c, c.int(0))
	return c.statOld(c.ptr(1), st, err)
}

// follows reports whether the flags of a call say that a symbolic link at the end is followed.
func follows(flag uint32) bool { return flag&netbsd.AT_SYMLINK_NOFOLLOW == 0 }

func sysFstatat(c *call) error {
	return on(c.atPath(0, 1))(func(a proc.At) error {
		st, err := c.proc.Stat(c, a, follows(c.uint(3)))
		return c.stat(c.ptr(2), st, err)
	})
}

// mode, owner and flags are changes of attributes by one call each.

func mode(m uint32) vfs.SetAttr {
	return vfs.SetAttr{Mask: vfs.SetMode, Mode: m & 0o7777}
}

func owner(uid, gid uint32) (s vfs.SetAttr) {
	if uid != proc.Unchanged {
		s.Mask |= vfs.SetUID
		s.UID = uid
	}
	if gid != proc.Unchanged {
		s.Mask |= vfs.SetGID
		s.GID = gid
	}
	return s
}

func flags(f uint64) vfs.SetAttr { return vfs.SetAttr{Mask: vfs.SetFlags, Flags: uint32(f)} }

func (c *call) setPath(follow bool, s vfs.SetAttr) error {
	return on(c.here(0))(func(a proc.At) error { return c.proc.SetAttr(c, a, follow, s) })
}

func (c *call) setFD(s vfs.SetAttr) error { return c.proc.FsetAttr(c, c.int(0), s) }

func (c *call) setAt(flag uint32, s vfs.SetAttr) error {
	return on(c.atPath(0, 1))(func(a proc.At) error { return c.proc.SetAttr(c, a, follows(flag), s) })
}

func sysChmod(c *call) error    { return c.setPath(true, mode(c.uint(1))) }
func sysLchmod(c *call) error   { return c.setPath(false, mode(c.uint(1))) }
func sysFchmod(c *call) error   { return c.setFD(mode(c.uint(1))) }
func sysFchmodat(c *call) error { return c.setAt(c.uint(3), mode(c.uint(2))) }

func sysChown(c *call) error    { return c.setPath(true, owner(c.uint(1), c.uint(2))) }
func sysLchown(c *call) error   { return c.setPath(false, owner(c.uint(1), c.uint(2))) }
func sysFchown(c *call) error   { return c.setFD(owner(c.uint(1), c.uint(2))) }
func sysFchownat(c *call) error { return c.setAt(c.uint(4), owner(c.uint(2), c.uint(3))) }

func sysChflags(c *call) error  { return c.setPath(true, flags(c.ulong(1))) }
func sysLchflags(c *call) error { return c.setPath(false, flags(c.ulong(1))) }
func sysFchflags(c *call) error { return c.setFD(flags(c.ulong(1))) }

// times are two times to set, from memory in one of three layouts; NULL is now.
func (c *call) times(addr uint64, each int, decode func(b []byte) (proc.TimeSetting, error)) (t [2]proc.TimeSetting, err error) {
	if addr == 0 {
		return [2]proc.TimeSetting{{Now: true}, {Now: true}}, nil
	}
	b, err := c.load(addr, 2*each)
	if err != nil {
		return t, err
	}
	for i := range t {
		if t[i], err = decode(b[i*each:]); err != nil {
			return t, err
		}
	}
	return t, nil
}

// fromTimeval and its kin read one time.

func fromTimeval(b []byte) (proc.TimeSetting, error) {
	var tv netbsd.Timeval
	tv.Decode(b)
	return setting(tv.Sec, int64(tv.Usec), 1000)
}

func fromTimeval50(b []byte) (proc.TimeSetting, error) {
	return setting(int64(int32(le.Uint32(b))), int64(int64(le.Uint64(b[8:]))), 1000)
}

func fromTimespec(b []byte) (proc.TimeSetting, error) {
	var ts netbsd.Timespec
	ts.Decode(b)
	switch ts.Nsec {
	case netbsd.UTIME_NOW:
		return proc.TimeSetting{Now: true}, nil
	case netbsd.UTIME_OMIT:
		return proc.TimeSetting{Omit: true}, nil
	}
	return setting(ts.Sec, ts.Nsec, 1)
}

// setting makes a time of seconds and parts of one; EINVAL for parts that are none.
func setting(sec, part, nsec int64) (proc.TimeSetting, error) {
	if part < 0 || part >= 1e9/nsec {
		return proc.TimeSetting{}, syscall.EINVAL
	}
	return proc.TimeSetting{Time: vfs.Time{Sec: sec, Nsec: int32(part * nsec)}}, nil
}

const timevalSize50 = 16

// utimes sets times of the path of argument 0.
func (c *call) utimes(follow bool, t func() ([2]proc.TimeSetting, error)) error {
	return on(c.here(0))(func(a proc.At) error {
		times, err := t()
		if err != nil {
			return err
		}
		return c.proc.SetTimes(c, a, follow, times[0], times[1])
	})
}

func (c *call) futimes(t [2]proc.TimeSetting, err error) error {
	if err != nil {
		return err
	}
	return c.proc.FsetTimes(c, c.int(0), t[0], t[1])
}

func (c *call) timevals() ([2]proc.TimeSetting, error) {
	return c.times(c.ptr(1), netbsd.TimevalSize, fromTimeval)
}

func (c *call) timevals50() ([2]proc.TimeSetting, error) {
	return c.times(c.ptr(1), timevalSize50, fromTimeval50)
}

func sysUtimes(c *call) error     { return c.utimes(true, c.timevals) }
func sysLutimes(c *call) error    { return c.utimes(false, c.timevals) }
func sysFutimes(c *call) error    { return c.futimes(c.timevals()) }
func sysUtimesOld(c *call) error  { return c.utimes(true, c.timevals50) }
func sysLutimesOld(c *call) error { return c.utimes(false, c.timevals50) }
func sysFutimesOld(c *call) error { return c.futimes(c.timevals50()) }

func sysUtimensat(c *call) error {
	return on(c.atPath(0, 1))(func(a proc.At) error {
		t, err := c.times(c.ptr(2), netbsd.TimespecSize, fromTimespec)
		if err != nil {
			return err
		}
		return c.proc.SetTimes(c, a, follows(c.uint(3)), t[0], t[1])
	})
}

func sysFutimens(c *call) error {
	return c.futimes(c.times(c.ptr(1), netbsd.TimespecSize, fromTimespec))
}

const (
	direntsMost = 64 << 10 // bytes of entries that one call gives
)

// getdents gives as many whole entries as there is room for; 0 at the end.
func sysGetdents(c *call) error {
	room := int(min(c.ulong(2), direntsMost))
	if room < 1 {
		return syscall.EINVAL
	}
	var b []byte
	full := false
	err := c.proc.ReadDir(c, c.int(0), func(e vfs.DirEntry) bool {
		if full = len(b)+netbsd.DirentSize(len(e.Name)) > room; full {
			return false
		}
		b = netbsd.AppendDirent(b, uint64(e.Ino), uint8(e.Kind), e.Name)
		return true
	})
	if err == nil && full && len(b) == 0 {
		err = syscall.EINVAL // not even one
	}
	if err != nil {
		return err
	}
	c.ret[0] = int64(len(b))
	return c.copyout(c.ptr(1), b)
}
