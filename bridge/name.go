package bridge

import (
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"rump/rumpfs/kern"
	"rump/rumpfs/vfs"
)

// node is the vnode that the request is about, borrowed.
func (c *call) node() (*kern.Vnode, error) {
	return c.b.nodes.find(c.header().NodeId)
}

// enter answers with a vnode that the kernel is to know from now on, and takes over the reference.
func (c *call) enter(v *kern.Vnode) error {
	out := reply[fuse.EntryOut](c)
	return c.fillEntry(out, v)
}

func (c *call) fillEntry(out *fuse.EntryOut, v *kern.Vnode) error {
	a, err := c.b.door.Attr(c, v)
	if err != nil {
		v.Unref()
		return err
	}
	c.b.fill(&out.Attr, v, &a)
	out.Generation = uint64(v.Generation())
	out.EntryValid, out.EntryValidNsec = split(c.b.options.EntryTimeout)
	out.AttrValid, out.AttrValidNsec = split(c.b.options.AttrTimeout)
	out.NodeId = c.b.nodes.tell(v)
	return nil
}

// lookup answers LOOKUP. That a name is absent is something to remember too. "." and ".." come from those who open files by
// handle; then the kernel may ask about a node that it has forgotten.
func (c *call) lookup() error {
	name, _, err := name(c.in[inHeaderSize:])
	if err != nil {
		return err
	}
	if name == "." {
		return c.revive()
	}
	dir, err := c.node()
	if err != nil {
		return err
	}
	if name == ".." && dir == c.b.nodes.root {
		return syscall.ESTALE // what lies above is not the host's business
	}
	v, err := c.b.door.Lookup(c, vfs.Root, dir, name)
	if err == syscall.ENOENT && c.b.options.EntryTimeout > 0 {
		out := reply[fuse.EntryOut](c)
		out.EntryValid, out.EntryValidNsec = split(c.b.options.EntryTimeout)
		return nil
	}
	if err != nil {
		return err
	}
	return c.enter(v)
}

// revive answers LOOKUP of "." in what may be a node of old.
func (c *call) revive() error {
	v, err := c.b.nodes.revive(c, c.b.door, c.header().NodeId)
	if err != nil {
		return err
	}
	return c.enter(v)
}

// create makes a node and answers with it.
func (c *call) create(name string, a vfs.CreateAttr) error {
	v, err := c.make(name, a)
	if err != nil {
		return err
	}
	return c.enter(v)
}

// make makes a node as a host's file system would: it belongs to the caller, and to the caller's group unless the
// directory passes on its own.
func (c *call) make(name string, a vfs.CreateAttr) (*kern.Vnode, error) {
	dir, err := c.node()
	if err != nil {
		return nil, err
	}
	h := c.header()
	a.Mode &= 0o7777
	a.UID, a.GID = h.Uid, h.Gid
	return c.b.door.CreateOwned(c, dir, name, a)
}

// mknod answers MKNOD, which is also how regular files are made.
func (c *call) mknod() error {
	in, n, err := view[fuse.MknodIn](c.in)
	if err != nil {
		return err
	}
	name, _, err := name(c.in[n:])
	if err != nil {
		return err
	}
	return c.create(name, vfs.CreateAttr{Kind: kindOf(in.Mode), Mode: in.Mode, Rdev: rumpDev(in.Rdev)})
}

// createOpen answers CREATE, which comes only where files are opened: making a file and opening it in one. Another door may
// have made it meanwhile; then it is opened, unless it had to be new.
func (c *call) createOpen() error {
	if c.b.can(fuse.CAP_NO_OPEN_SUPPORT) {
		return syscall.ENOSYS // MKNOD makes it, and opening needs no request
	}
	in, n, err := view[fuse.CreateIn](c.in)
	if err != nil {
		return err
	}
	name, _, err := name(c.in[n:])
	if err != nil {
		return err
	}
	flags := in.Flags
	v, err := c.make(name, vfs.CreateAttr{Kind: vfs.KindRegular, Mode: in.Mode})
	if err == syscall.EEXIST && flags&syscall.O_EXCL == 0 {
		v, err = c.reopen(name, flags)
	}
	if err != nil {
		return err
	}
	out := reply[fuse.CreateOut](c)
	out.OpenFlags = openFlags
	return c.fillEntry(&out.EntryOut, v)
}

// reopen finds a file that was to be made, and empties it if so asked.
func (c *call) reopen(name string, flags uint32) (*kern.Vnode, error) {
	dir, err := c.node()
	if err != nil {
		return nil, err
	}
	v, err := c.b.door.Lookup(c, vfs.Root, dir, name)
	if err == nil && flags&syscall.O_TRUNC != 0 {
		if err = c.b.door.Truncate(c, vfs.Root, v, 0); err != nil {
			v.Unref()
		}
	}
	return v, err
}

// kindOf is the kind that a host's mode says.
func kindOf(mode uint32) vfs.Kind {
	if k := vfs.Kind(mode >> 12 & 15); k != 0 {
		return k
	}
	return vfs.KindRegular
}

func (c *call) mkdir() error {
	in, n, err := view[fuse.MkdirIn](c.in)
	if err != nil {
		return err
	}
	name, _, err := name(c.in[n:])
	if err != nil {
		return err
	}
	return c.create(name, vfs.CreateAttr{Kind: vfs.KindDir, Mode: in.Mode})
}

func (c *call) symlink() error {
	link, rest, err := name(c.in[inHeaderSize:])
	if err != nil {
		return err
	}
	target, _, err := name(rest)
	if err != nil {
		return err
	}
	return c.create(link, vfs.CreateAttr{Kind: vfs.KindSymlink, Mode: 0o777, Target: target})
}

func (c *call) link() error {
	in, n, err := view[fuse.LinkIn](c.in)
	if err != nil {
		return err
	}
	name, _, err := name(c.in[n:])
	if err != nil {
		return err
	}
	dir, err := c.node()
	if err != nil {
		return err
	}
	target, err := c.b.nodes.find(in.Oldnodeid)
	if err != nil {
		return err
	}
	if err := c.b.door.Link(c, vfs.Root, dir, name, target); err != nil {
		return err
	}
	target.Ref()
	return c.enter(target)
}

func (c *call) unlink() error {
	dir, name, err := c.entry()
	if err != nil {
		return err
	}
	return c.b.door.Remove(c, vfs.Root, dir, name)
}

func (c *call) rmdir() error {
	dir, name, err := c.entry()
	if err != nil {
		return err
	}
	return c.b.door.Rmdir(c, vfs.Root, dir, name)
}

// entry is a directory and the name that makes up the rest of the request.
func (c *call) entry() (*kern.Vnode, string, error) {
	name, _, err := name(c.in[inHeaderSize:])
	if err != nil {
		return nil, "", err
	}
	dir, err := c.node()
	return dir, name, err
}

// Of renameat2(2).
const renameNoReplace = 1

func (c *call) rename(two bool) error {
	n, to, flags := inHeaderSize+8, uint64(0), uint32(0)
	if two {
		in, size, err := view[fuse.RenameIn](c.in)
		if err != nil {
			return err
		}
		n, to, flags = size, in.Newdir, in.Flags
	} else {
		in, _, err := view[fuse.LinkIn](c.in) // one number, like RENAME
		if err != nil {
			return err
		}
		to = in.Oldnodeid
	}
	var how kern.RenameFlags
	switch flags {
	case 0:
	case renameNoReplace:
		how = kern.RenameNoReplace
	default:
		return syscall.EINVAL // an exchange, or a whiteout left behind
	}
	oldName, rest, err := name(c.in[n:])
	if err != nil {
		return err
	}
	newName, _, err := name(rest)
	if err != nil {
		return err
	}
	odir, err := c.node()
	if err != nil {
		return err
	}
	ndir, err := c.b.nodes.find(to)
	if err != nil {
		return err
	}
	return c.b.door.Rename(c, vfs.Root, odir, oldName, ndir, newName, how)
}

func (c *call) readlink() error {
	v, err := c.node()
	if err != nil {
		return err
	}
	target, err := c.b.door.Readlink(c, v)
	if err != nil {
		return err
	}
	c.n = copy(c.body(len(target)), target)
	return nil
}
