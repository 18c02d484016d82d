package bridge

import (
	"math"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"rump/rumpfs/kern"
	"rump/rumpfs/vfs"
)

// Files are not opened here: OPEN and OPENDIR answer ENOSYS, upon which the kernel stops sending them, and RELEASE and FLUSH
// with them. What is open is alive because the kernel has not forgotten it. Measured on one core: open, read and close
// 28 k/s with OPEN, 55 k/s without. Only when advisory locks are forwarded must files be opened and closed, for
// closing is what ends a lock.

// openFlags: what is cached stays good until the kernel is told otherwise.
const openFlags = fuse.FOPEN_KEEP_CACHE | fuse.FOPEN_CACHE_DIR

func (c *call) open(without uint64) error {
	if c.b.can(without) {
		return syscall.ENOSYS
	}
	out := reply[fuse.OpenOut](c)
	out.OpenFlags = openFlags
	return nil
}

func (c *call) read() error {
	in, _, err := view[fuse.ReadIn](c.in)
	if err != nil {
		return err
	}
	v, err := c.node()
	if err != nil {
		return err
	}
	if err := c.splice(v, in); err != errSplit {
		return err
	}
	c.n, err = c.b.door.Read(c, v, c.body(int(min(in.Size, maxTransfer))), int64(in.Offset))
	return err
}

// write answers WRITE. A write that appends goes to the end of the file as it is now: the kernel may not yet know what
// another door has added. Then its idea of the file is wrong, and it is told so.
func (c *call) write() error {
	in, n, err := view[fuse.WriteIn](c.in)
	if err != nil {
		return err
	}
	v, err := c.node()
	if err != nil {
		return err
	}
	data := c.in[n:]
	if int(in.Size) > len(data) {
		return syscall.EIO
	}
	data = data[:in.Size]
	done, off := 0, int64(in.Offset)
	if in.Flags&syscall.O_APPEND != 0 && in.WriteFlags&fuse.WRITE_CACHE == 0 {
		done, off, err = c.b.door.Append(c, c.writer(in), v, data)
	} else {
		done, err = c.b.door.Write(c, c.writer(in), v, data, off)
	}
	if err != nil && done == 0 {
		return err
	}
	if off != int64(in.Offset) {
		c.b.notes.attr(c.header().NodeId, attrNote{data: true})
	}
	out := reply[fuse.WriteOut](c)
	out.Size = uint32(done)
	return nil
}

// writer is who writes: for rump's root there is the reserve, and set-id bits stay; the host says when they must go.
func (c *call) writer(in *fuse.WriteIn) *vfs.Cred {
	if in.WriteFlags&fuse.WRITE_KILL_SUIDGID == 0 && !c.b.options.AsCaller {
		return vfs.Root
	}
	uid := in.Uid
	if uid == 0 && in.WriteFlags&fuse.WRITE_KILL_SUIDGID != 0 {
		uid = math.MaxUint32 // root without the privilege
	}
	return &vfs.Cred{UID: uid, GID: in.Gid}
}

func (c *call) fsync() error {
	in, _, err := view[fuse.FsyncIn](c.in)
	if err != nil {
		return err
	}
	v, err := c.node()
	if err != nil {
		return err
	}
	return c.b.door.Sync(c, v, in.FsyncFlags&fsyncDataOnly != 0)
}

const fsyncDataOnly = 1

// syncfs answers SYNCFS: everything in the name space.
func (c *call) syncfs() error { return c.b.kernel.Sync(c, true) }

// lseek answers LSEEK, about data and holes. With WriteBack what is a hole here may be data there: then the kernel is to
// take everything for data.
func (c *call) lseek() error {
	if c.b.can(fuse.CAP_WRITEBACK_CACHE) {
		return syscall.ENOSYS
	}
	in, _, err := view[fuse.LseekIn](c.in)
	if err != nil {
		return err
	}
	v, err := c.node()
	if err != nil {
		return err
	}
	var seek func(*kern.Vnode, int64) (int64, error)
	switch in.Whence {
	case seekData:
		seek = func(v *kern.Vnode, off int64) (int64, error) { return c.b.door.SeekData(c, v, off) }
	case seekHole:
		seek = func(v *kern.Vnode, off int64) (int64, error) { return c.b.door.SeekHole(c, v, off) }
	default:
		return syscall.EINVAL
	}
	off, err := seek(v, int64(in.Offset))
	if err != nil {
		return err
	}
	out := reply[fuse.LseekOut](c)
	out.Offset = uint64(off)
	return nil
}

// Of lseek(2).
const (
	seekData = 3
	seekHole = 4
)

// Of fallocate(2).
const (
	fallocKeepSize = 1
	fallocPunch    = 2
	fallocZero     = 16
)

func (c *call) fallocate() error {
	in, _, err := view[fuse.FallocateIn](c.in)
	if err != nil {
		return err
	}
	v, err := c.node()
	if err != nil {
		return err
	}
	off, length := int64(in.Offset), int64(in.Length)
	switch in.Mode {
	case 0, fallocKeepSize:
		return c.b.door.Allocate(c, vfs.Root, v, off, length, in.Mode == fallocKeepSize)
	case fallocPunch | fallocKeepSize:
		return c.b.door.Punch(c, vfs.Root, v, off, length)
	case fallocZero | fallocKeepSize:
		if err := c.b.door.Punch(c, vfs.Root, v, off, length); err != nil {
			return err
		}
		return c.b.door.Allocate(c, vfs.Root, v, off, length, true)
	case fallocZero:
		if err := c.b.door.Punch(c, vfs.Root, v, off, length); err != nil {
			return err
		}
		return c.b.door.Allocate(c, vfs.Root, v, off, length, false)
	}
	return syscall.EOPNOTSUPP
}

func (c *call) statfs() error {
	v, err := c.node()
	if err != nil {
		return err
	}
	st, err := c.b.door.Statfs(c, v)
	if err != nil {
		return err
	}
	out := reply[fuse.StatfsOut](c)
	*out = fuse.StatfsOut{
		Blocks:  st.Blocks,
		Bfree:   st.BlocksFree,
		Bavail:  uint64(max(st.BlocksAvail, 0)),
		Files:   st.Files,
		Ffree:   st.FilesFree,
		Bsize:   st.BlockSize,
		NameLen: st.NameMax,
		Frsize:  st.FragSize,
	}
	return nil
}

// access answers ACCESS by the rules for rump's root: everything but executing what nobody may execute, and writing what
// cannot be written.
func (c *call) access() error {
	in, _, err := view[fuse.AccessIn](c.in)
	if err != nil {
		return err
	}
	v, err := c.node()
	if err != nil {
		return err
	}
	return c.b.door.Access(c, vfs.Root, v, kern.Want(in.Mask&7))
}
