package rootfs

import (
	"context"
	"maps"
	"slices"
	"sync"
	"syscall"

	"rump/rumpfs/vfs"
)

const generation = 1

// settableFlags are those that chflags may give a node.
const settableFlags = vfs.FlagNoDump | vfs.FlagImmutable | vfs.FlagAppend | vfs.FlagOpaque | vfs.FlagNoUnlink |
	vfs.FlagArchived | vfs.FlagSysImmutable | vfs.FlagSysAppend | vfs.FlagSysNoUnlink

// An inode is what all kinds have, and all of a device, a fifo or a socket. The vnode's lock guards it, but for atime.
type inode struct {
	// immutable
	fs   *FS
	ino  vfs.Ino
	kind vfs.Kind
	rdev vfs.Dev

	mode, uid, gid, flags uint32
	nlink                 uint32
	mtime, ctime, btime   vfs.Time
	xattrs                map[string][]byte

	atimeMu sync.RWMutex
	atime   vfs.Time
}

var _ vfs.Xattrer = (*inode)(nil)

// newInode makes an inode without a number, with one name.
func (f *FS) newInode(a vfs.CreateAttr) inode {
	now := f.time()
	return inode{
		fs: f, kind: a.Kind, rdev: a.Rdev, btime: now,
		mode: a.Mode, uid: a.UID, gid: a.GID, nlink: 1,
		mtime: now, ctime: now, atime: now,
	}
}

// Ino is the number.
func (i *inode) Ino() vfs.Ino { return i.ino }

// Attr returns the attributes of a node without content.
func (i *inode) Attr(context.Context) (vfs.Attr, error) { return i.attr(0, 0), nil }

// attr returns the attributes with a size and bytes of memory.
func (i *inode) attr(size, bytes int64) vfs.Attr {
	i.atimeMu.RLock()
	atime := i.atime
	i.atimeMu.RUnlock()
	a := vfs.Attr{
		Ino: i.ino, Gen: generation, Kind: i.kind, Mode: i.mode, Nlink: i.nlink, UID: i.uid, GID: i.gid,
		Rdev: i.rdev, Size: size, Blocks: (bytes + 511) / 512, BlockSize: pageSize,
		Atime: atime, Mtime: i.mtime, Ctime: i.ctime, Btime: i.btime, Flags: i.flags,
	}
	if i.fs.classic {
		makeClassic(&a)
	}
	return a
}

// accessed notes that the content was read, unless that was noted within the second and nothing has changed since.
func (i *inode) accessed() {
	if i.fs.noAtime {
		return
	}
	now := i.fs.time()
	i.atimeMu.RLock()
	stale := i.atime.Sec != now.Sec || !later(i.atime, i.mtime)
	i.atimeMu.RUnlock()
	if stale {
		i.atimeMu.Lock()
		i.atime = now
		i.atimeMu.Unlock()
	}
}

func later(a, b vfs.Time) bool { return a.Sec > b.Sec || a.Sec == b.Sec && a.Nsec > b.Nsec }

// changed sets the change time.
func (i *inode) changed() { i.ctime = i.fs.time() }

// modified sets the modification time too.
func (i *inode) modified() {
	i.ctime = i.fs.time()
	i.mtime = i.ctime
}

// SetAttr changes what all kinds have.
func (i *inode) SetAttr(_ context.Context, _ *vfs.Cred, set vfs.SetAttr) error {
	switch {
	case set.Has(vfs.SetFlags) && set.Flags&^settableFlags != 0:
		return syscall.EOPNOTSUPP
	case set.Has(vfs.SetSize):
		return syscall.EINVAL
	}
	i.setAttr(set)
	return nil
}

func (i *inode) setAttr(set vfs.SetAttr) {
	if set.Has(vfs.SetMode) {
		i.mode = set.Mode
	}
	if set.Has(vfs.SetUID) {
		i.uid = set.UID
	}
	if set.Has(vfs.SetGID) {
		i.gid = set.GID
	}
	if set.Has(vfs.SetFlags) {
		i.flags = set.Flags
	}
	if set.Has(vfs.SetAtime) {
		i.atimeMu.Lock()
		i.atime = set.Atime
		i.atimeMu.Unlock()
	}
	if set.Has(vfs.SetMtime) {
		i.mtime = set.Mtime
	}
	if set.Has(vfs.SetBtime) {
		i.btime = set.Btime
	}
	i.changed()
}

// Sync has nothing to do.
func (i *inode) Sync(context.Context, bool) error { return nil }

// Reclaim frees the inode if no name is left.
func (i *inode) Reclaim(context.Context) error {
	i.reclaim(0)
	return nil
}

// reclaim frees the inode and so many bytes of content if no name is left.
func (i *inode) reclaim(content int64) bool {
	if i.nlink > 0 {
		return false
	}
	for name, value := range i.xattrs {
		content += xattrCost(name, value)
	}
	i.fs.release(content)
	i.fs.forget(i.ino)
	return true
}

// GetXattr returns a copy of a value.
func (i *inode) GetXattr(_ context.Context, space vfs.XattrSpace, name string) ([]byte, error) {
	if space != vfs.XattrUser {
		return nil, syscall.EOPNOTSUPP
	}
	value, ok := i.xattrs[name]
	if !ok {
		return nil, syscall.ENODATA
	}
	return slices.Clone(value), nil
}

// ListXattr returns the names in order.
func (i *inode) ListXattr(_ context.Context, space vfs.XattrSpace) ([]string, error) {
	if space != vfs.XattrUser {
		return nil, syscall.EOPNOTSUPP
	}
	return slices.Sorted(maps.Keys(i.xattrs)), nil
}

// SetXattr keeps a copy of a value.
func (i *inode) SetXattr(_ context.Context, _ *vfs.Cred, space vfs.XattrSpace, name string, value []byte, mode vfs.XattrMode) error {
	if space != vfs.XattrUser {
		return syscall.EOPNOTSUPP
	}
	old, exists := i.xattrs[name]
	switch {
	case exists && mode == vfs.XattrCreate:
		return syscall.EEXIST
	case !exists && mode == vfs.XattrReplace:
		return syscall.ENODATA
	}
	cost := xattrCost(name, value)
	if exists {
		cost -= xattrCost(name, old)
	}
	if err := i.fs.charge(cost); err != nil {
		return err
	}
	if i.xattrs == nil {
		i.xattrs = make(map[string][]byte)
	}
	i.xattrs[name] = append([]byte{}, value...)
	i.changed()
	return nil
}

// RemoveXattr forgets a value.
func (i *inode) RemoveXattr(_ context.Context, space vfs.XattrSpace, name string) error {
	if space != vfs.XattrUser {
		return syscall.EOPNOTSUPP
	}
	value, ok := i.xattrs[name]
	if !ok {
		return syscall.ENODATA
	}
	i.fs.release(xattrCost(name, value))
	delete(i.xattrs, name)
	i.changed()
	return nil
}

func xattrCost(name string, value []byte) int64 { return int64(entryCost + len(name) + len(value)) }

// A symlink is an inode with a target.
type symlink struct {
	inode
	target string // immutable
}

var _ vfs.Symlink = (*symlink)(nil)

// Attr returns the attributes; the size is the target's length.
func (s *symlink) Attr(context.Context) (vfs.Attr, error) {
	return s.attr(int64(len(s.target)), 0), nil
}

// Readlink returns the target.
func (s *symlink) Readlink(context.Context) (string, error) {
	s.accessed()
	return s.target, nil
}

// Reclaim frees the link if no name is left.
func (s *symlink) Reclaim(context.Context) error {
	s.reclaim(int64(len(s.target)))
	return nil
}
