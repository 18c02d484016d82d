package bridge

import (
	"strings"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"rump/rumpfs/vfs"
)

// Names of extended attributes. The host's "user.X" is X in the user's name space; "system.X" is X in the system's. Of the
// host's other name spaces, "trusted." and "security.", the system's keeps whole names, so that they come back as they
// went in. Access control lists are not the file system's: "system.posix_acl_access" and its like do not exist.
const (
	userPrefix   = "user."
	systemPrefix = "system."
	aclPrefix    = "system.posix_acl_"
)

var wholePrefixes = [...]string{"trusted.", "security."}

// spaceOf splits a name of the host.
func spaceOf(name string) (vfs.XattrSpace, string, error) {
	if rest, ok := strings.CutPrefix(name, userPrefix); ok {
		return vfs.XattrUser, rest, nil
	}
	if strings.HasPrefix(name, aclPrefix) {
		return 0, "", syscall.EOPNOTSUPP
	}
	if rest, ok := strings.CutPrefix(name, systemPrefix); ok {
		return vfs.XattrSystem, rest, nil
	}
	for _, p := range wholePrefixes {
		if strings.HasPrefix(name, p) {
			return vfs.XattrSystem, name, nil
		}
	}
	return 0, "", syscall.EOPNOTSUPP
}

// hostXattr is the name that the host shows.
func hostXattr(space vfs.XattrSpace, name string) string {
	if space == vfs.XattrUser {
		return userPrefix + name
	}
	for _, p := range wholePrefixes {
		if strings.HasPrefix(name, p) {
			return name
		}
	}
	return systemPrefix + name
}

// xattr prepares a request about one attribute, whose name begins at n.
func (c *call) xattr(n int) (space vfs.XattrSpace, attr string, rest []byte, err error) {
	if c.b.noXattr {
		return 0, "", nil, syscall.ENOSYS
	}
	host, rest, err := name(c.in[n:])
	if err != nil {
		return 0, "", nil, err
	}
	space, attr, err = spaceOf(host)
	if err == nil && space == vfs.XattrSystem && c.b.options.AsCaller && c.header().Uid != 0 && !strings.HasPrefix(attr, "security.") {
		err = syscall.EPERM
	}
	return space, attr, rest, err
}

func (c *call) getxattr() error {
	in, n, err := view[fuse.GetXAttrIn](c.in)
	if err != nil {
		return err
	}
	space, attr, _, err := c.xattr(n)
	if err != nil {
		return err
	}
	v, err := c.node()
	if err != nil {
		return err
	}
	value, err := c.b.door.GetXattr(c, vfs.Root, v, space, attr)
	if err != nil {
		return err
	}
	return c.replyXattr(in.Size, value)
}

func (c *call) listxattr() error {
	if c.b.noXattr {
		return syscall.ENOSYS
	}
	in, _, err := view[fuse.GetXAttrIn](c.in)
	if err != nil {
		return err
	}
	v, err := c.node()
	if err != nil {
		return err
	}
	c.tmp = c.tmp[:0]
	for _, space := range [...]vfs.XattrSpace{vfs.XattrUser, vfs.XattrSystem} {
		if space == vfs.XattrSystem && c.b.options.AsCaller && c.header().Uid != 0 {
			continue
		}
		names, err := c.b.door.ListXattr(c, vfs.Root, v, space)
		if err != nil && err != syscall.EOPNOTSUPP {
			return err
		}
		for _, name := range names {
			c.tmp = append(append(c.tmp, hostXattr(space, name)...), 0)
		}
	}
	return c.replyXattr(in.Size, c.tmp)
}

// replyXattr answers with a value, or with its length if size is 0.
func (c *call) replyXattr(size uint32, value []byte) error {
	if size == 0 {
		out := reply[fuse.GetXAttrOut](c)
		out.Size = uint32(len(value))
		return nil
	}
	if len(value) > int(size) {
		return syscall.ERANGE
	}
	c.n = copy(c.body(len(value)), value)
	return nil
}

// setXattrIn is SETXATTR in the short form that the kernel sends unless SETXATTR_EXT was agreed upon.
type setXattrIn struct {
	fuse.InHeader
	Size  uint32
	Flags uint32 // of setxattr(2)
}

func (c *call) setxattr() error {
	in, n, err := view[setXattrIn](c.in)
	if err != nil {
		return err
	}
	space, attr, value, err := c.xattr(n)
	if err != nil {
		return err
	}
	if int(in.Size) > len(value) {
		return syscall.EIO
	}
	v, err := c.node()
	if err != nil {
		return err
	}
	var mode vfs.XattrMode
	switch in.Flags {
	case 0:
	case 1:
		mode = vfs.XattrCreate
	case 2:
		mode = vfs.XattrReplace
	default:
		return syscall.EINVAL
	}
	return c.b.door.SetXattr(c, vfs.Root, v, space, attr, append([]byte(nil), value[:in.Size]...), mode)
}

func (c *call) removexattr() error {
	space, attr, _, err := c.xattr(inHeaderSize)
	if err != nil {
		return err
	}
	v, err := c.node()
	if err != nil {
		return err
	}
	return c.b.door.RemoveXattr(c, vfs.Root, v, space, attr)
}
