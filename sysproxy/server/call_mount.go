package server

import (
	"syscall"

	"rump/netbsd"
	"rump/rumpfs/kern/proc"
)

const fsNameMax = 32 // bytes of a file-system type's name, its NUL included

// mountFlags are the flags of mount(2) as proc has them.
var mountFlags = [...]struct {
	bit  uint32
	flag proc.MountFlags
}{
	{netbsd.MNT_RDONLY, proc.MountReadOnly},
	{netbsd.MNT_NOEXEC, proc.MountNoExec},
	{netbsd.MNT_NOSUID, proc.MountNoSUID},
	{netbsd.MNT_NODEV, proc.MountNoDev},
	{netbsd.MNT_ASYNC, proc.MountAsync},
	{netbsd.MNT_NOATIME, proc.MountNoAtime},
	{netbsd.MNT_FORCE, proc.MountForce},
	{netbsd.MNT_LOG, proc.MountLog},
	{netbsd.MNT_SYNCHRONOUS, proc.MountSynchronous},
}

// mount asks for the directory, the type and the arguments, which depend on the type.
func sysMount(c *call) error {
	dir, err := c.path(1)
	if err != nil {
		return err
	}
	typ, err := c.str(c.ptr(0), fsNameMax)
	if err != nil {
		return err
	}
	if typ == "ufs" {
		typ = "ffs"
	}
	flags := c.uint(2)
	switch {
	case flags&netbsd.MNT_GETARGS != 0:
		return c.mountArgs(typ, dir)
	case flags&(netbsd.MNT_UPDATE|netbsd.MNT_RELOAD) != 0:
		return syscall.EOPNOTSUPP
	}
	var a proc.MountArgs
	for _, x := range mountFlags {
		if flags&x.bit != 0 {
			a.Flags |= x.flag
		}
	}
	if err := c.readMountArgs(typ, &a); err != nil {
		return err
	}
	return c.proc.Mount(c, typ, at(dir), a)
}

// readMountArgs reads what arguments 3 and 4 mean.
func (c *call) readMountArgs(typ string, a *proc.MountArgs) error {
	data, n := c.ptr(3), c.ulong(4)
	if typ == "tmpfs" {
		if n < netbsd.TmpfsArgsSize {
			return syscall.EINVAL
		}
		var t netbsd.TmpfsArgs
		if err := c.get(data, &t, netbsd.TmpfsArgsSize); err != nil {
			return err
		}
		if t.Version != netbsd.TmpfsArgsVersion || t.SizeMax < 0 {
			return syscall.EINVAL
		}
		a.From = "tmpfs"
		a.MaxBytes, a.MaxNodes = t.SizeMax, int64(min(t.NodesMax, 1<<62))
		a.UID, a.GID, a.Mode = t.RootUID, t.RootGID, t.RootMode&0o7777
		return nil
	}
	if n < netbsd.UFSArgsSize {
		return syscall.EINVAL
	}
	b, err := c.load(data, netbsd.UFSArgsSize)
	if err != nil {
		return err
	}
	a.From, err = c.str(le.Uint64(b), netbsd.MAXPATHLEN)
	return err
}

// mountArgs gives back the arguments of a mount, as far as they are no addresses.
func (c *call) mountArgs(typ, dir string) error {
	a, err := c.proc.MountArgs(c, typ, at(dir))
	if err != nil {
		return err
	}
	b := make([]byte, netbsd.UFSArgsSize)
	if typ == "tmpfs" {
		b = make([]byte, netbsd.TmpfsArgsSize)
		t := netbsd.TmpfsArgs{
			Version: netbsd.TmpfsArgsVersion, NodesMax: uint64(a.MaxNodes), SizeMax: a.MaxBytes, RootUID: a.UID, RootGID: a.GID, RootMode: a.Mode,
		}
		t.Encode(b)
	}
	if c.ulong(4) < uint64(len(b)) {
		return syscall.EINVAL
	}
	c.ret[0] = int64(len(b))
	return c.copyout(c.ptr(3), b)
}

func sysUnmount(c *call) error {
	return on(c.here(0))(func(a proc.At) error { return c.proc.Unmount(c, a, c.uint(1)&netbsd.MNT_FORCE != 0) })
}

func sysSync(c *call) error { return c.proc.Sync(c) }

// statvfsOf is a Volume as programs have it.
func (c *call) statvfsOf(v *proc.Volume) *netbsd.Statvfs {
	frag := uint64(v.FragSize)
	reserved := uint64(max(0, int64(v.BlocksFree)-v.BlocksAvail))
	s := &netbsd.Statvfs{
		Bsize: uint64(v.BlockSize), Frsize: frag, Iosize: uint64(v.BlockSize), Blocks: v.Blocks, Bfree: v.BlocksFree,
		Bavail: uint64(max(0, v.BlocksAvail)), Bresvd: reserved, Files: v.Files, Ffree: v.FilesFree, Favail: v.FilesFree,
		NameMax: uint64(v.NameMax), FSType: v.Type, MntOn: v.On, MntFrom: v.MountInfo.From, Fsid: c.devOf(v.Mount),
	}
	s.Fsidx = [2]int32{int32(s.Fsid), int32(netbsd.TypeHash(v.Type))}
	for _, x := range mountFlags {
		if v.Flags&x.flag != 0 {
			s.Flag |= uint64(x.bit)
		}
	}
	s.Flag &^= netbsd.MNT_FORCE
	for bit, on := range map[uint64]bool{netbsd.MNT_RDONLY: v.Options.ReadOnly, netbsd.MNT_LOCAL: v.Local, netbsd.MNT_ROOTFS: v.IsRoot} {
		if on {
			s.Flag |= bit
		}
	}
	return s
}

func (c *call) statvfs(to uint64, v proc.Volume, err error) error {
	if err != nil {
		return err
	}
	return c.store(to, c.statvfsOf(&v), netbsd.StatvfsSize)
}

func sysStatvfs(c *call) error {
	return on(c.here(0))(func(a proc.At) error {
		v, err := c.proc.Statvfs(c, a)
		return c.statvfs(c.ptr(1), v, err)
	})
}

func sysFstatvfs(c *call) error {
	v, err := c.proc.Fstatvfs(c, c.int(0))
	return c.statvfs(c.ptr(1), v, err)
}

// getvfsstat describes as many file systems as there is room for; without a place to put it, it counts them.
func sysGetvfsstat(c *call) error {
	if c.ptr(0) == 0 {
		c.ret[0] = int64(c.proc.VolumeCount())
		return nil
	}
	list, err := c.proc.Volumes(c)
	if err != nil {
		return err
	}
	room := c.ulong(1) / netbsd.StatvfsSize
	for i := range list {
		if uint64(i) == room {
			break
		}
		if err := c.statvfs(c.ptr(0)+uint64(i)*netbsd.StatvfsSize, list[i], nil); err != nil {
			return err
		}
		c.ret[0]++
	}
	return nil
}
