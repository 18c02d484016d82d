package bridge

import (
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"rump/rumpfs/kern"
	"rump/rumpfs/vfs"
)

// fill translates attributes.
func (b *Bridge) fill(out *fuse.Attr, v *kern.Vnode, a *vfs.Attr) {
	*out = fuse.Attr{
		Ino:       b.nodes.ino(v.Mount().Index(), v.Ino()),
		Size:      uint64(a.Size),
		Blocks:    uint64(a.Blocks),
		Atime:     uint64(a.Atime.Sec),
		Mtime:     uint64(a.Mtime.Sec),
		Ctime:     uint64(a.Ctime.Sec),
		Atimensec: uint32(a.Atime.Nsec),
		Mtimensec: uint32(a.Mtime.Nsec),
		Ctimensec: uint32(a.Ctime.Nsec),
		Mode:      hostMode(a),
		Nlink:     a.Nlink,
		Owner:     fuse.Owner{Uid: b.users.show(a.UID), Gid: b.groups.show(a.GID)},
		Rdev:      hostDev(a.Rdev),
		Blksize:   uint32(a.BlockSize),
	}
}

// hostMode is the mode with the type bits. The host has no whiteouts: they look like character devices 0:0, which it uses
// for that itself.
func hostMode(a *vfs.Attr) uint32 {
	k := a.Kind
	if k == vfs.KindWhiteout {
		k = vfs.KindChar
	}
	return uint32(k)<<12 | a.Mode&0o7777
}

// hostDev packs a device number for the wire: 12 bits of major, 20 of minor, as the host's kernel has them.
func hostDev(d vfs.Dev) uint32 {
	return d.Minor&0xff | d.Major&0xfff<<8 | d.Minor&0xfff00<<12
}

// rumpDev unpacks one.
func rumpDev(n uint32) vfs.Dev {
	return vfs.Dev{Major: n >> 8 & 0xfff, Minor: n&0xff | n>>12&0xfff00}
}

// split is a time-out as the wire has it.
func split(d time.Duration) (sec uint64, nsec uint32) {
	return uint64(d / time.Second), uint32(d % time.Second)
}

// getattr answers GETATTR.
func (c *call) getattr() error {
	v, err := c.node()
	if err != nil {
		return err
	}
	return c.replyAttr(v)
}

func (c *call) replyAttr(v *kern.Vnode) error {
	a, err := c.b.door.Attr(c, v)
	if err != nil {
		return err
	}
	out := reply[fuse.AttrOut](c)
	out.AttrValid, out.AttrValidNsec = split(c.b.options.AttrTimeout)
	c.b.fill(&out.Attr, v, &a)
	return nil
}

// statx answers STATX, which the kernel sends when someone asks for the time of birth.
func (c *call) statx() error {
	v, err := c.node()
	if err != nil {
		return err
	}
	a, err := c.b.door.Attr(c, v)
	if err != nil {
		return err
	}
	out := reply[fuse.StatxOut](c)
	out.AttrValid, out.AttrValidNsec = split(c.b.options.AttrTimeout)
	time := func(t vfs.Time) fuse.SxTime { return fuse.SxTime{Sec: uint64(t.Sec), Nsec: uint32(t.Nsec)} }
	mask := uint32(statxBasic)
	if a.Btime != (vfs.Time{}) {
		mask |= statxBtime
	}
	out.Statx = fuse.Statx{
		Mask:           mask,
		Blksize:        uint32(a.BlockSize),
		Attributes:     statxAttributes(a.Flags),
		AttributesMask: statxImmutable | statxAppend | statxNoDump,
		Nlink:          a.Nlink,
		Uid:            c.b.users.show(a.UID),
		Gid:            c.b.groups.show(a.GID),
		Mode:           uint16(hostMode(&a)),
		Ino:            c.b.nodes.ino(v.Mount().Index(), v.Ino()),
		Size:           uint64(a.Size),
		Blocks:         uint64(a.Blocks),
		Atime:          time(a.Atime),
		Btime:          time(a.Btime),
		Ctime:          time(a.Ctime),
		Mtime:          time(a.Mtime),
		RdevMajor:      a.Rdev.Major,
		RdevMinor:      a.Rdev.Minor,
	}
	return nil
}

// Of statx(2).
const (
	statxBasic     = 0x7ff
	statxBtime     = 0x800
	statxImmutable = 0x10
	statxAppend    = 0x20
	statxNoDump    = 0x40
)

func statxAttributes(flags uint32) (attributes uint64) {
	if flags&(vfs.FlagImmutable|vfs.FlagSysImmutable) != 0 {
		attributes |= statxImmutable
	}
	if flags&(vfs.FlagAppend|vfs.FlagSysAppend) != 0 {
		attributes |= statxAppend
	}
	if flags&vfs.FlagNoDump != 0 {
		attributes |= statxNoDump
	}
	return attributes
}

// setattr answers SETATTR: chmod, chown, truncate, utimensat, and what the kernel's write-back cache knows better.
func (c *call) setattr() error {
	v, err := c.node()
	if err != nil {
		return err
	}
	in, _, err := view[fuse.SetAttrIn](c.in)
	if err != nil {
		return err
	}
	set := c.b.setOf(in)
	if in.Valid&fuse.FATTR_SIZE != 0 && int64(in.Size) < 0 {
		return syscall.EINVAL
	}
	if set.Mask != 0 {
		if err := c.safely(in, v, &set); err != nil {
			return err
		}
		if err := c.b.door.SetAttr(c, vfs.Root, v, set); err != nil {
			return err
		}
	}
	return c.replyAttr(v)
}

// setOf translates the change. A change time is the file system's own business and left out.
func (b *Bridge) setOf(in *fuse.SetAttrIn) vfs.SetAttr {
	set := vfs.SetAttr{
		Mode:  in.Mode & 0o7777,
		UID:   in.Uid,
		GID:   in.Gid,
		Size:  int64(in.Size),
		Atime: vfs.Time{Sec: int64(in.Atime), Nsec: int32(in.Atimensec)},
		Mtime: vfs.Time{Sec: int64(in.Mtime), Nsec: int32(in.Mtimensec)},
	}
	for _, bit := range [...]struct {
		wire uint32
		mask vfs.SetMask
	}{
		{fuse.FATTR_MODE, vfs.SetMode},
		{fuse.FATTR_UID, vfs.SetUID},
		{fuse.FATTR_GID, vfs.SetGID},
		{fuse.FATTR_SIZE, vfs.SetSize},
		{fuse.FATTR_ATIME, vfs.SetAtime},
		{fuse.FATTR_MTIME, vfs.SetMtime},
	} {
		if in.Valid&bit.wire != 0 {
			set.Mask |= bit.mask
		}
	}
	if in.Valid&fuse.FATTR_ATIME_NOW != 0 {
		set.Atime = b.door.Now()
	}
	if in.Valid&fuse.FATTR_MTIME_NOW != 0 {
		set.Mtime = b.door.Now()
	}
	return set
}

// safely takes set-id bits away with the change where the host's kernel leaves that to us (HANDLE_KILLPRIV_V2): when a
// file is given away, and when someone without privileges truncates it.
func (c *call) safely(in *fuse.SetAttrIn, v *kern.Vnode, set *vfs.SetAttr) error {
	given := set.Mask&(vfs.SetUID|vfs.SetGID) != 0
	if v.IsDir() || set.Has(vfs.SetMode) || !given && in.Valid&fuse.FATTR_KILL_SUIDGID == 0 {
		return nil
	}
	a, err := c.b.door.Attr(c, v)
	if err != nil {
		return err
	}
	safe := a.Mode &^ modeSetUID
	if a.Mode&modeGroupExec != 0 {
		safe &^= modeSetGID
	}
	if safe != a.Mode {
		set.Mask |= vfs.SetMode
		set.Mode = safe
	}
	return nil
}

const (
	modeSetUID    = 0o4000
	modeSetGID    = 0o2000
	modeGroupExec = 0o010
)
