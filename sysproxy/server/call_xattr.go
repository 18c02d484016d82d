package server

import (
	"strings"
	"syscall"

	"rump/netbsd"
	"rump/rumpfs/kern/proc"
	"rump/rumpfs/vfs"
)

const (
	xattrNameMax  = 256     // bytes of a name, its NUL included
	xattrValueMax = 1 << 16 // bytes
)

// The spaces of extattr(9), and what stands before names in the calls that know but one.
const (
	spaceUser   = 1
	spaceSystem = 2
	prefixUser  = "user."
	prefixSys   = "system."
)

// Flags of setxattr(2).
const (
	xattrCreate  = 1
	xattrReplace = 2
)

// The calls come in threes: of a path, of a path whose last symbolic link is not followed, of a descriptor.

func isFD(number int) bool {
	switch number {
	case netbsd.SYS_EXTATTR_SET_FD, netbsd.SYS_EXTATTR_GET_FD, netbsd.SYS_EXTATTR_LIST_FD, netbsd.SYS_EXTATTR_DELETE_FD,
		netbsd.SYS_FSETXATTR, netbsd.SYS_FGETXATTR, netbsd.SYS_FLISTXATTR, netbsd.SYS_FREMOVEXATTR:
		return true
	}
	return false
}

func isLink(number int) bool {
	switch number {
	case netbsd.SYS_EXTATTR_SET_LINK, netbsd.SYS_EXTATTR_GET_LINK, netbsd.SYS_EXTATTR_LIST_LINK, netbsd.SYS_EXTATTR_DELETE_LINK,
		netbsd.SYS_LSETXATTR, netbsd.SYS_LGETXATTR, netbsd.SYS_LLISTXATTR, netbsd.SYS_LREMOVEXATTR:
		return true
	}
	return false
}

// xattrOf is what argument 0 means.
func (c *call) xattrOf() (x proc.XattrOf, err error) {
	if isFD(c.number) {
		return proc.XattrOf{FD: c.int(0)}, nil
	}
	a, err := c.here(0)
	if err == nil && a.Path == "" {
		err = syscall.ENOENT
	}
	return proc.XattrOf{At: a, Follow: !isLink(c.number)}, err
}

// extattr is what arguments 0 and 1, and 2 if it is a name, mean in the calls of extattr(2).
func (c *call) extattr(named bool) (x proc.XattrOf, err error) {
	if x, err = c.xattrOf(); err != nil {
		return x, err
	}
	switch c.int(1) {
	case spaceUser:
		x.Space = vfs.XattrUser
	case spaceSystem:
		x.Space = vfs.XattrSystem
	default:
		return x, syscall.EINVAL
	}
	if named {
		x.Name, err = c.str(c.ptr(2), xattrNameMax)
	}
	return x, err
}

// xattr is what argument 0 and the name of argument 1 mean in the calls of xattr(2).
func (c *call) xattr() (x proc.XattrOf, err error) {
	if x, err = c.xattrOf(); err != nil {
		return x, err
	}
	name, err := c.str(c.ptr(1), xattrNameMax)
	if err != nil {
		return x, err
	}
	if rest, ok := strings.CutPrefix(name, prefixUser); ok {
		x.Space, x.Name = vfs.XattrUser, rest
		return x, nil
	}
	if rest, ok := strings.CutPrefix(name, prefixSys); ok {
		x.Space, x.Name = vfs.XattrSystem, rest
		return x, nil
	}
	return x, syscall.EOPNOTSUPP
}

// give writes b where there is room for n bytes, as much as fits; without a place to put it, it only tells how long it is.
func (c *call) give(b []byte, addr, n uint64) error {
	c.ret[0] = int64(len(b))
	if addr == 0 {
		return nil
	}
	b = b[:min(uint64(len(b)), n)]
	c.ret[0] = int64(len(b))
	return c.copyout(addr, b)
}

// take reads a value to be set.
func (c *call) take(addr, n uint64) ([]byte, error) {
	if n > xattrValueMax {
		return nil, syscall.E2BIG
	}
	b := make([]byte, n)
	return b, c.copyin(addr, b)
}

func sysExtattrSet(c *call) error {
	x, err := c.extattr(true)
	if err != nil {
		return err
	}
	v, err := c.take(c.ptr(3), c.ulong(4))
	if err != nil {
		return err
	}
	c.ret[0] = int64(len(v))
	return c.proc.SetXattr(c, x, v, vfs.XattrEither)
}

func sysExtattrGet(c *call) error {
	x, err := c.extattr(true)
	if err != nil {
		return err
	}
	v, err := c.proc.GetXattr(c, x)
	if err != nil {
		return err
	}
	return c.give(v, c.ptr(3), c.ulong(4))
}

func sysExtattrDelete(c *call) error {
	x, err := c.extattr(true)
	if err != nil {
		return err
	}
	return c.proc.RemoveXattr(c, x)
}

// extattr_list gives each name behind a byte with its length.
func sysExtattrList(c *call) error {
	x, err := c.extattr(false)
	if err != nil {
		return err
	}
	names, err := c.proc.ListXattr(c, x)
	if err != nil {
		return err
	}
	var b []byte
	for _, n := range names {
		b = append(append(b, byte(len(n))), n...)
	}
	return c.give(b, c.ptr(2), c.ulong(3))
}

func sysSetxattr(c *call) error {
	x, err := c.xattr()
	if err != nil {
		return err
	}
	mode := vfs.XattrEither
	switch c.int(4) {
	case 0:
	case xattrCreate:
		mode = vfs.XattrCreate
	case xattrReplace:
		mode = vfs.XattrReplace
	default:
		return syscall.EINVAL
	}
	v, err := c.take(c.ptr(2), c.ulong(3))
	if err != nil {
		return err
	}
	return c.proc.SetXattr(c, x, v, mode)
}

// getxattr is ERANGE where a value does not fit.
func sysGetxattr(c *call) error {
	x, err := c.xattr()
	if err != nil {
		return err
	}
	v, err := c.proc.GetXattr(c, x)
	if err != nil {
		return err
	}
	return c.giveWhole(v, c.ptr(2), c.ulong(3))
}

// giveWhole is give for calls that give all or nothing: no room asks for the length.
func (c *call) giveWhole(b []byte, addr, n uint64) error {
	if n == 0 {
		addr = 0
	} else if uint64(len(b)) > n {
		return syscall.ERANGE
	}
	return c.give(b, addr, n)
}

// listxattr gives the names of both spaces, each with a NUL behind it. The superuser's space is passed over where it cannot be
// read.
func sysListxattr(c *call) error {
	x, err := c.xattrOf()
	if err != nil {
		return err
	}
	var b []byte
	for _, space := range []struct {
		space  vfs.XattrSpace
		prefix string
	}{{vfs.XattrUser, prefixUser}, {vfs.XattrSystem, prefixSys}} {
		x.Space = space.space
		names, err := c.proc.ListXattr(c, x)
		if err != nil {
			if space.space == vfs.XattrSystem {
				break
			}
			return err
		}
		for _, n := range names {
			b = append(append(append(b, space.prefix...), n...), 0)
		}
	}
	return c.giveWhole(b, c.ptr(1), c.ulong(2))
}

func sysRemovexattr(c *call) error {
	x, err := c.xattr()
	if err != nil {
		return err
	}
	return c.proc.RemoveXattr(c, x)
}
