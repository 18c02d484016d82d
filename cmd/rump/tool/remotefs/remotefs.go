// Package remotefs is the name space of a rump server as the file tools see it: each method is one or a few remote system
// calls.
package remotefs

import (
	"context"
	"errors"
	"io"
	"syscall"

	"rump/cmd/rump/tool"
	"rump/netbsd"
	"rump/rumpfs/vfs"
	"rump/sysproxy/client"
)

// FS is what a process in a server sees. Contexts are looked at between calls only.
type FS struct{ c *client.Client }

var _ tool.FS = (*FS)(nil)

// New makes one; the client stays the caller's.
func New(c *client.Client) *FS { return &FS{c} }

// statOf translates what the server says.
func statOf(s *netbsd.Stat) tool.Stat {
	at := func(t netbsd.Timespec) vfs.Time { return vfs.Time{Sec: t.Sec, Nsec: int32(t.Nsec)} }
	a := vfs.Attr{
		Ino: vfs.Ino(s.Ino), Gen: s.Gen, Kind: vfs.Kind(s.Mode >> 12 & 15), Mode: s.Mode & 0o7777, Nlink: s.Nlink, UID: s.UID, GID: s.GID,
		Size: s.Size, Blocks: s.Blocks, BlockSize: s.BlockSize,
		Atime: at(s.Atim), Mtime: at(s.Mtim), Ctime: at(s.Ctim), Btime: at(s.Birthtim), Flags: s.Flags,
	}
	if a.Kind == vfs.KindChar || a.Kind == vfs.KindBlock {
		a.Rdev = vfs.Dev{Major: netbsd.Major(s.Rdev), Minor: netbsd.Minor(s.Rdev)}
	}
	return tool.Stat{Attr: a, Dev: s.Dev}
}

// Stat implements tool.FS.
func (f *FS) Stat(ctx context.Context, path string, follow bool) (tool.Stat, error) {
	if err := ctx.Err(); err != nil {
		return tool.Stat{}, err
	}
	call := f.c.Lstat
	if follow {
		call = f.c.Stat
	}
	s, err := call(path)
	return statOf(&s), err
}

// ReadDir implements tool.FS.
func (f *FS) ReadDir(ctx context.Context, path string) ([]tool.Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	list, err := f.c.ReadDir(path)
	entries := make([]tool.Entry, 0, len(list))
	for _, d := range list {
		if d.Fileno != 0 {
			entries = append(entries, tool.Entry{Name: d.Name, Kind: vfs.Kind(d.Type)})
		}
	}
	return entries, err
}

// Readlink implements tool.FS.
func (f *FS) Readlink(_ context.Context, path string) (string, error) { return f.c.Readlink(path) }

// Make implements tool.FS.
func (f *FS) Make(_ context.Context, path string, a vfs.CreateAttr) error {
	switch a.Kind {
	case vfs.KindDir:
		return f.c.Mkdir(path, a.Mode)
	case vfs.KindSymlink:
		return f.c.Symlink(a.Target, path)
	case vfs.KindFifo:
		return f.c.Mkfifo(path, a.Mode)
	case vfs.KindSocket:
		return netbsd.EOPNOTSUPP // there is no call that makes one
	}
	dev := netbsd.MakeDev(a.Rdev.Major, a.Rdev.Minor)
	if netbsd.Major(dev) != a.Rdev.Major || netbsd.Minor(dev) != a.Rdev.Minor {
		return netbsd.EOVERFLOW
	}
	return f.c.Mknod(path, uint32(a.Kind)<<12|a.Mode, dev)
}

// Link implements tool.FS.
func (f *FS) Link(_ context.Context, old, path string) error { return f.c.LinkAt(old, path, false) }

// Remove implements tool.FS.
func (f *FS) Remove(_ context.Context, path string) error { return f.c.Unlink(path) }

// Rmdir implements tool.FS.
func (f *FS) Rmdir(_ context.Context, path string) error { return f.c.Rmdir(path) }

// Rename implements tool.FS.
func (f *FS) Rename(_ context.Context, old, path string) error { return f.c.Rename(old, path) }

// SetAttr implements tool.FS.
func (f *FS) SetAttr(_ context.Context, path string, follow bool, set vfs.SetAttr) error {
	if set.Has(vfs.SetSize) {
		if err := f.c.Truncate(path, set.Size); err != nil {
			return err
		}
	}
	if set.Mask&(vfs.SetUID|vfs.SetGID) != 0 {
		uid, gid := client.Unchanged, client.Unchanged
		if set.Has(vfs.SetUID) {
			uid = set.UID
		}
		if set.Has(vfs.SetGID) {
			gid = set.GID
		}
		if err := f.c.Chown(path, uid, gid, follow); err != nil {
			return err
		}
	}
	if set.Has(vfs.SetMode) {
		if err := f.c.Chmod(path, set.Mode, follow); err != nil {
			return err
		}
	}
	if set.Mask&(vfs.SetAtime|vfs.SetMtime) != 0 {
		omit := netbsd.Timespec{Nsec: netbsd.UTIME_OMIT}
		atime, mtime := omit, omit
		if set.Has(vfs.SetAtime) {
			atime = netbsd.Timespec{Sec: set.Atime.Sec, Nsec: int64(set.Atime.Nsec)}
		}
		if set.Has(vfs.SetMtime) {
			mtime = netbsd.Timespec{Sec: set.Mtime.Sec, Nsec: int64(set.Mtime.Nsec)}
		}
		if err := f.c.Utimens(path, atime, mtime, follow); err != nil {
			return err
		}
	}
	if set.Has(vfs.SetFlags) {
		return f.c.Chflags(path, set.Flags, follow)
	}
	return nil
}

// Mounts implements tool.FS.
func (f *FS) Mounts(_ context.Context, path string) ([]tool.Mount, error) {
	var list []netbsd.Statvfs
	var err error
	if path == "" {
		list, err = f.c.Mounts()
	} else {
		list = make([]netbsd.Statvfs, 1)
		list[0], err = f.c.Statvfs(path)
	}
	if err != nil {
		return nil, err
	}
	mounts := make([]tool.Mount, len(list))
	for i, s := range list {
		mounts[i] = tool.Mount{
			Type: s.FSType, From: s.MntFrom, On: s.MntOn, ReadOnly: s.Flag&netbsd.MNT_RDONLY != 0, Local: s.Flag&netbsd.MNT_LOCAL != 0,
			BlockSize: int64(s.Bsize), FragSize: int64(s.Frsize), Blocks: s.Blocks, Free: s.Bfree, Avail: int64(s.Bavail),
			Files: s.Files, Ifree: s.Ffree, FSID: [2]uint32{uint32(s.Fsidx[0]), uint32(s.Fsidx[1])}, NameMax: uint32(s.NameMax),
		}
		if s.Bfree < s.Bresvd { // the reserve is being used
			mounts[i].Avail = int64(s.Bfree - s.Bresvd)
		}
	}
	return mounts, nil
}

// A file is an open file in the server.
type file struct {
	fs   *FS
	f    *client.File
	path string
}

// Open implements tool.FS.
func (f *FS) Open(ctx context.Context, path string, flag tool.OpenFlag, mode uint32) (tool.File, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	bits := 0
	for _, b := range []struct {
		flag tool.OpenFlag
		bits int
	}{
		{tool.Append, netbsd.O_APPEND}, {tool.Create, netbsd.O_CREAT}, {tool.Exclusive, netbsd.O_EXCL},
		{tool.Truncate, netbsd.O_TRUNC}, {tool.NoFollow, netbsd.O_NOFOLLOW},
	} {
		if flag&b.flag != 0 {
			bits |= b.bits
		}
	}
	switch {
	case flag&(tool.Write|tool.Append) == 0:
	case flag&tool.Read != 0:
		bits |= netbsd.O_RDWR
	default:
		bits |= netbsd.O_WRONLY
	}
	fd, err := f.c.Open(path, bits, mode)
	switch {
	case err == nil:
		return &file{f, f.c.NewFile(fd, path), path}, nil
	case flag&tool.NoFollow != 0 && errors.Is(err, netbsd.EFTYPE): // NetBSD's word for it
		return nil, syscall.ELOOP
	}
	return nil, err
}

func (o *file) Stat(context.Context) (tool.Stat, error) {
	s, err := o.f.Stat()
	return statOf(&s), err
}

func (o *file) Read(_ context.Context, p []byte) (int, error)  { return o.f.Read(p) }
func (o *file) Write(_ context.Context, p []byte) (int, error) { return o.f.Write(p) }

// Seek asks for holes in vain: the calls have no such notion.
func (o *file) Seek(_ context.Context, off int64, whence int) (int64, error) {
	if whence > io.SeekEnd {
		return 0, syscall.EINVAL
	}
	return o.f.Seek(off, whence)
}

func (o *file) SetAttr(ctx context.Context, set vfs.SetAttr) error {
	if set.Has(vfs.SetSize) {
		if err := o.f.Truncate(set.Size); err != nil {
			return err
		}
		set.Mask &^= vfs.SetSize
	}
	return o.fs.SetAttr(ctx, o.path, true, set)
}

func (o *file) Close() error { return o.f.Close() }
