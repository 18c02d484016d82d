package bridge

import (
	"encoding/binary"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"rump/rumpfs/kern"
	"rump/rumpfs/vfs"
)

// The ioctls behind lsattr(1) and chattr(1) read and write BSD file flags, as far as the host has names for them. The kernel
// also asks by the second pair, whose structure holds flags of its own numbering.
const (
	iocGetFlags  = 0x80086601 // FS_IOC_GETFLAGS: an int, whatever its number says
	iocSetFlags  = 0x40086602 // FS_IOC_SETFLAGS
	iocGetXattrs = 0x801c581f // FS_IOC_FSGETXATTR: struct fsxattr
	iocSetXattrs = 0x401c5820 // FS_IOC_FSSETXATTR

	fsxattrSize = 28
)

// A flagName is one flag under its three names. Of two BSD flags the host's stands for either; it sets the system's, since
// the host lets only its root set it.
type flagName struct {
	bsd   uint32 // all that it shows
	set   uint32 // what it sets
	flag  uint32 // FS_*_FL
	xflag uint32 // FS_XFLAG_*
}

var flagNames = [...]flagName{
	{vfs.FlagImmutable | vfs.FlagSysImmutable, vfs.FlagSysImmutable, 0x10, 0x8},
	{vfs.FlagAppend | vfs.FlagSysAppend, vfs.FlagSysAppend, 0x20, 0x10},
	{vfs.FlagNoDump, vfs.FlagNoDump, 0x40, 0x80},
}

// hostFlags translates BSD flags.
func hostFlags(bsd uint32) (flags, xflags uint32) {
	for _, n := range flagNames {
		if bsd&n.bsd != 0 {
			flags |= n.flag
			xflags |= n.xflag
		}
	}
	return flags, xflags
}

// bsdFlags is what old becomes when the host's flags are made those; EOPNOTSUPP for one that has no counterpart. pick
// returns which of its names is meant.
func bsdFlags(old, want uint32, pick func(flagName) uint32) (uint32, error) {
	for _, n := range flagNames {
		f := pick(n)
		switch {
		case want&f == 0:
			old &^= n.bsd
		case old&n.bsd == 0:
			old |= n.set
		}
		want &^= f
	}
	if want != 0 {
		return 0, syscall.EOPNOTSUPP
	}
	return old, nil
}

func (c *call) ioctl() error {
	in, n, err := view[fuse.IoctlIn](c.in)
	if err != nil {
		return err
	}
	v, err := c.node()
	if err != nil {
		return err
	}
	data := c.in[n:]
	switch in.Cmd {
	case iocGetFlags, iocGetXattrs:
		a, err := c.b.door.Attr(c, v)
		if err != nil {
			return err
		}
		flags, xflags := hostFlags(a.Flags)
		if in.Cmd == iocGetFlags {
			return c.replyIoctl(in, 4, flags)
		}
		return c.replyIoctl(in, fsxattrSize, xflags)
	case iocSetFlags, iocSetXattrs:
		if len(data) < 4 || in.InSize < 4 {
			return syscall.EINVAL
		}
		pick := func(n flagName) uint32 { return n.flag }
		if in.Cmd == iocSetXattrs {
			pick = func(n flagName) uint32 { return n.xflag }
		}
		if err := c.setFlags(v, binary.NativeEndian.Uint32(data), pick); err != nil {
			return err
		}
		return c.replyIoctl(in, 0, 0)
	}
	return syscall.ENOTTY
}

func (c *call) setFlags(v *kern.Vnode, want uint32, pick func(flagName) uint32) error {
	a, err := c.b.door.Attr(c, v)
	if err != nil {
		return err
	}
	flags, err := bsdFlags(a.Flags, want, pick)
	if err != nil || flags == a.Flags {
		return err
	}
	return c.b.door.SetAttr(c, vfs.Root, v, vfs.SetAttr{Mask: vfs.SetFlags, Flags: flags})
}

// replyIoctl answers with size bytes, the first word given and the others zero.
func (c *call) replyIoctl(in *fuse.IoctlIn, size int, word uint32) error {
	size = min(size, int(in.OutSize))
	reply[fuse.IoctlOut](c)
	head := c.n
	data := c.body(head + size)[head:]
	clear(data)
	if size >= 4 {
		binary.NativeEndian.PutUint32(data, word)
	}
	c.n = head + size
	return nil
}
