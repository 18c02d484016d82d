package client

import "rump/netbsd"

// Mount mounts what lies on a device: a file-system type, a directory, flags netbsd.MNT_RDONLY and so on, the device's path.
func (c *Client) Mount(typ, dir string, flags uint32, from string) error {
	args := In(make([]byte, netbsd.UFSArgsSize), Inner{0, Str(from)})
	return c.do(netbsd.SYS___MOUNT50, Str(typ), Str(dir), Int(flags), args, Long(netbsd.UFSArgsSize))
}

// MountTmpfs mounts a file system in memory.
func (c *Client) MountTmpfs(dir string, flags uint32, a netbsd.TmpfsArgs) error {
	a.Version = netbsd.TmpfsArgsVersion
	return c.do(netbsd.SYS___MOUNT50, Str("tmpfs"), Str(dir), Int(flags), Encoded(&a, netbsd.TmpfsArgsSize), Long(netbsd.TmpfsArgsSize))
}

// MountRaw mounts with arguments of any type, which may have pointers in them.
func (c *Client) MountRaw(typ, dir string, flags uint32, args Arg, size int) error {
	return c.do(netbsd.SYS___MOUNT50, Str(typ), Str(dir), Int(flags), args, Long(size))
}

// Unmount takes a file system away; flags netbsd.MNT_FORCE.
func (c *Client) Unmount(dir string, flags uint32) error {
	return c.do(netbsd.SYS_UNMOUNT, Str(dir), Int(flags))
}

// Statvfs describes the file system that a path lies in.
func (c *Client) Statvfs(path string) (st netbsd.Statvfs, err error) {
	b := make([]byte, netbsd.StatvfsSize)
	if err = c.do(netbsd.SYS_STATVFS1, Str(path), Out(b), Int(netbsd.ST_WAIT)); err == nil {
		st.Decode(b)
	}
	return st, err
}

// Mounts describes all file systems.
func (c *Client) Mounts() ([]netbsd.Statvfs, error) {
	for {
		n, err := c.call(netbsd.SYS_GETVFSSTAT, Null(), Int(0), Int(netbsd.ST_NOWAIT))
		if err != nil || n < 0 || n > 1<<12 {
			return nil, err
		}
		b := make([]byte, (n+1)*netbsd.StatvfsSize)
		got, err := c.call(netbsd.SYS_GETVFSSTAT, Out(b), Long(len(b)), Int(netbsd.ST_NOWAIT))
		if err != nil {
			return nil, err
		}
		if got > n {
			continue // one more has come
		}
		list := make([]netbsd.Statvfs, max(0, got))
		for i := range list {
			list[i].Decode(b[i*netbsd.StatvfsSize:])
		}
		return list, nil
	}
}

// Modules describes the parts of the kernel.
func (c *Client) Modules() ([]netbsd.Modstat, error) {
	for size := 8 << 10; ; {
		b := make([]byte, size)
		v := make([]byte, netbsd.IovecSize)
		netbsd.Iovec{Len: uint64(size)}.Encode(v)
		if err := c.do(netbsd.SYS_MODCTL, Int(netbsd.MODCTL_STAT), Out(v, Inner{0, Out(b)})); err != nil {
			return nil, err
		}
		var got netbsd.Iovec
		got.Decode(v)
		if got.Len > 1<<20 {
			return nil, netbsd.EIO
		}
		if int(got.Len) > size {
			size = int(got.Len)
			continue
		}
		list := make([]netbsd.Modstat, got.Len/netbsd.ModstatSize)
		for i := range list {
			list[i].Decode(b[i*netbsd.ModstatSize:])
		}
		return list, nil
	}
}

// Reboot ends the kernel: netbsd.RB_AUTOBOOT, or RB_NOSYNC, RB_HALT, RB_DUMP. It returns once everything is written.
func (c *Client) Reboot(howto uint32) error {
	return c.do(netbsd.SYS_REBOOT, Int(howto), Null())
}

// Getpid is the number of the process, and that of its parent.
func (c *Client) Getpid() (pid, parent int, err error) {
	r, err := c.Syscall(netbsd.SYS_GETPID_WITH_PPID)
	return int(r[0]), int(r[1]), err
}

// Getuid is the real and the effective user.
func (c *Client) Getuid() (real, effective uint32, err error) {
	r, err := c.Syscall(netbsd.SYS_GETUID_WITH_EUID)
	return uint32(r[0]), uint32(r[1]), err
}

// Setuid makes the process another user's.
func (c *Client) Setuid(uid uint32) error { return c.do(netbsd.SYS_SETUID, Int(uid)) }

// Gettimeofday is the kernel's time.
func (c *Client) Gettimeofday() (t netbsd.Timeval, err error) {
	b := make([]byte, netbsd.TimevalSize)
	if err = c.do(netbsd.SYS___GETTIMEOFDAY50, Out(b), Null()); err == nil {
		t.Decode(b)
	}
	return t, err
}
