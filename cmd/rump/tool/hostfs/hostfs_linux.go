// Package hostfs is the host's files as the file tools see them.
package hostfs

import (
	"context"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"rump/cmd/rump/tool"
	"rump/rumpfs/vfs"
)

// longest is how long a path may be that is given to the host as it is: its limit is 4096 with the end.
const longest = 4095

// FS is the host's name space, with the current directory of this process. The zero value is ready; Close it.
type FS struct {
	mu   sync.Mutex
	dir  string // the directory of the last path that was too long, guarded by mu
	file *os.File
}

var _ tool.FS = (*FS)(nil)

// Close gives back what the FS holds.
func (h *FS) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.forgetLocked()
}

func (h *FS) forgetLocked() {
	if h.file != nil {
		h.file.Close()
	}
	h.dir, h.file = "", nil
}

// at runs fn on a path that the host takes: the path itself, or if that is too long one by way of its directory's descriptor.
func (h *FS) at(path string, fn func(path string) error) error {
	if len(path) <= longest {
		return bare(fn(path))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	cut := strings.LastIndexByte(strings.TrimRight(path, "/"), '/')
	dir, name := path[:max(0, cut)], path[cut+1:]
	if dir != h.dir {
		h.forgetLocked()
		f, err := openLong(dir)
		if err != nil {
			return bare(err)
		}
		h.dir, h.file = dir, f
	}
	return bare(fn("/proc/self/fd/" + strconv.Itoa(int(h.file.Fd())) + "/" + name))
}

// openLong opens a directory in steps.
func openLong(dir string) (*os.File, error) {
	var at *os.File
	for dir != "" {
		step := dir
		if len(step) > longest/2 {
			cut := strings.LastIndexByte(step[:longest/2], '/')
			if cut <= 0 {
				return nil, syscall.ENAMETOOLONG
			}
			step = step[:cut]
		}
		dir = strings.TrimLeft(dir[len(step):], "/")
		if at != nil {
			step = "/proc/self/fd/" + strconv.Itoa(int(at.Fd())) + "/" + step
		}
		next, err := os.OpenFile(step, os.O_RDONLY|syscall.O_DIRECTORY, 0)
		if at != nil {
			at.Close()
		}
		if err != nil {
			return nil, err
		}
		at = next
	}
	return at, nil
}

// bare takes the path off an error: who asks knows it.
func bare(err error) error {
	switch e := err.(type) {
	case *fs.PathError:
		return e.Err
	case *os.LinkError:
		return e.Err
	case *os.SyscallError:
		return e.Err
	}
	return err
}

// again repeats a call while a signal interrupts it.
func again(call func() error) error {
	for {
		if err := call(); err != syscall.EINTR {
			return err
		}
	}
}

// Stat implements tool.FS.
func (h *FS) Stat(_ context.Context, path string, follow bool) (st tool.Stat, err error) {
	err = h.at(path, func(path string) error {
		var s syscall.Stat_t
		err := again(func() error {
			if follow {
				return syscall.Stat(path, &s)
			}
			return syscall.Lstat(path, &s)
		})
		st = statOf(&s)
		return err
	})
	return st, err
}

// statOf translates what the host says.
func statOf(s *syscall.Stat_t) tool.Stat {
	dev := uint64(s.Rdev)
	a := vfs.Attr{
		Ino: vfs.Ino(s.Ino), Kind: vfs.Kind(s.Mode >> 12 & 15), Mode: s.Mode & 0o7777, Nlink: uint32(s.Nlink), UID: s.Uid, GID: s.Gid,
		Size: s.Size, Blocks: s.Blocks, BlockSize: int32(s.Blksize),
		Atime: vfs.Time{Sec: s.Atim.Sec, Nsec: int32(s.Atim.Nsec)},
		Mtime: vfs.Time{Sec: s.Mtim.Sec, Nsec: int32(s.Mtim.Nsec)},
		Ctime: vfs.Time{Sec: s.Ctim.Sec, Nsec: int32(s.Ctim.Nsec)},
	}
	if a.Kind == vfs.KindChar || a.Kind == vfs.KindBlock {
		a.Rdev = vfs.Dev{Major: uint32(dev>>8&0xfff | dev>>32&^uint64(0xfff)), Minor: uint32(dev&0xff | dev>>12&0xffffff00)}
	}
	return tool.Stat{Attr: a, Dev: uint64(s.Dev)}
}

// ReadDir implements tool.FS. There are no "." and "..".
func (h *FS) ReadDir(_ context.Context, path string) (entries []tool.Entry, err error) {
	err = h.at(path, func(path string) error {
		d, err := os.Open(path)
		if err != nil {
			return err
		}
		defer d.Close()
		list, err := d.ReadDir(-1)
		for _, e := range list {
			entries = append(entries, tool.Entry{Name: e.Name()})
		}
		return err
	})
	return entries, err
}

// Readlink implements tool.FS.
func (h *FS) Readlink(_ context.Context, path string) (target string, err error) {
	err = h.at(path, func(path string) error {
		target, err = os.Readlink(path)
		return err
	})
	return target, err
}

// Make implements tool.FS.
func (h *FS) Make(_ context.Context, path string, a vfs.CreateAttr) error {
	return h.at(path, func(path string) error {
		switch a.Kind {
		case vfs.KindDir:
			return again(func() error { return syscall.Mkdir(path, a.Mode) })
		case vfs.KindSymlink:
			return again(func() error { return syscall.Symlink(a.Target, path) })
		}
		d := a.Rdev
		if d.Major > 0xfff || d.Minor > 0xfffff {
			return syscall.EOVERFLOW
		}
		dev := int(d.Minor&0xff | d.Major<<8 | d.Minor&^0xff<<12)
		return again(func() error { return syscall.Mknod(path, uint32(a.Kind)<<12|a.Mode, dev) })
	})
}

// Link implements tool.FS.
func (h *FS) Link(_ context.Context, old, path string) error {
	return h.two(old, path, syscall.Link)
}

// Rename implements tool.FS.
func (h *FS) Rename(_ context.Context, old, path string) error {
	return h.two(old, path, syscall.Rename)
}

// two does what takes two paths.
func (h *FS) two(a, b string, fn func(a, b string) error) error {
	if len(a) <= longest {
		return h.at(b, func(b string) error { return again(func() error { return fn(a, b) }) })
	}
	var other FS
	defer other.Close()
	return h.at(a, func(a string) error {
		return other.at(b, func(b string) error { return again(func() error { return fn(a, b) }) })
	})
}

// Remove implements tool.FS.
func (h *FS) Remove(_ context.Context, path string) error {
	return h.at(path, func(path string) error { return again(func() error { return syscall.Unlink(path) }) })
}

// Rmdir implements tool.FS.
func (h *FS) Rmdir(_ context.Context, path string) error {
	return h.at(path, func(path string) error { return again(func() error { return syscall.Rmdir(path) }) })
}

// SetAttr implements tool.FS. There are no file flags here, nor a mode of a symbolic link.
func (h *FS) SetAttr(_ context.Context, path string, follow bool, set vfs.SetAttr) error {
	return h.at(path, func(path string) error {
		var s syscall.Stat_t
		if err := syscall.Lstat(path, &s); err != nil {
			return err
		}
		if s.Mode&syscall.S_IFMT != syscall.S_IFLNK || follow {
			return setAttr(path, set)
		}
		return setLink(path, set)
	})
}

// setAttr changes attributes of what path leads to.
func setAttr(path string, set vfs.SetAttr) error {
	if set.Has(vfs.SetSize) {
		if err := os.Truncate(path, set.Size); err != nil {
			return err
		}
	}
	if set.Mask&(vfs.SetUID|vfs.SetGID) != 0 {
		uid, gid := owner(set)
		if err := again(func() error { return syscall.Chown(path, uid, gid) }); err != nil {
			return err
		}
	}
	if set.Has(vfs.SetMode) {
		if err := again(func() error { return syscall.Chmod(path, set.Mode) }); err != nil {
			return err
		}
	}
	if set.Mask&(vfs.SetAtime|vfs.SetMtime) != 0 {
		if err := again(func() error { return syscall.UtimesNano(path, times(set)) }); err != nil {
			return err
		}
	}
	return unknown(set)
}

// setLink changes those of a symbolic link itself.
func setLink(path string, set vfs.SetAttr) error {
	if set.Mask&(vfs.SetUID|vfs.SetGID) != 0 {
		uid, gid := owner(set)
		if err := again(func() error { return syscall.Lchown(path, uid, gid) }); err != nil {
			return err
		}
	}
	if set.Mask&(vfs.SetAtime|vfs.SetMtime) != 0 {
		const oPath = 0x200000
		fd, err := syscall.Open(path, oPath|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer syscall.Close(fd)
		if err := syscall.UtimesNano("/proc/self/fd/"+strconv.Itoa(fd), times(set)); err != nil {
			return err
		}
	}
	if set.Has(vfs.SetSize) {
		return syscall.EINVAL
	}
	return unknown(set)
}

// unknown refuses what the host has not.
func unknown(set vfs.SetAttr) error {
	if set.Has(vfs.SetFlags) && set.Flags != 0 || set.Has(vfs.SetBtime) {
		return syscall.EOPNOTSUPP
	}
	return nil
}

// owner is what is to be set, with -1 for what is to stay.
func owner(set vfs.SetAttr) (uid, gid int) {
	uid, gid = -1, -1
	if set.Has(vfs.SetUID) {
		uid = int(set.UID)
	}
	if set.Has(vfs.SetGID) {
		gid = int(set.GID)
	}
	return uid, gid
}

// times is what is to be set, with the host's number for what is to stay.
func times(set vfs.SetAttr) []syscall.Timespec {
	const omit = 1<<30 - 2 // UTIME_OMIT
	ts := []syscall.Timespec{{Nsec: omit}, {Nsec: omit}}
	if set.Has(vfs.SetAtime) {
		ts[0] = syscall.Timespec{Sec: set.Atime.Sec, Nsec: int64(set.Atime.Nsec)}
	}
	if set.Has(vfs.SetMtime) {
		ts[1] = syscall.Timespec{Sec: set.Mtime.Sec, Nsec: int64(set.Mtime.Nsec)}
	}
	return ts
}

// Mounts implements tool.FS: nobody asks for the host's.
func (h *FS) Mounts(context.Context, string) ([]tool.Mount, error) { return nil, syscall.EOPNOTSUPP }

// A file is an open file of the host.
type file struct{ f *os.File }

// Open implements tool.FS.
func (h *FS) Open(_ context.Context, path string, flag tool.OpenFlag, mode uint32) (f tool.File, err error) {
	bits := 0
	for _, b := range []struct {
		flag tool.OpenFlag
		bits int
	}{
		{tool.Append, os.O_APPEND}, {tool.Create, os.O_CREATE}, {tool.Exclusive, os.O_EXCL}, {tool.Truncate, os.O_TRUNC}, {tool.NoFollow, syscall.O_NOFOLLOW},
	} {
		if flag&b.flag != 0 {
			bits |= b.bits
		}
	}
	switch {
	case flag&(tool.Write|tool.Append) == 0:
	case flag&tool.Read != 0:
		bits |= os.O_RDWR
	default:
		bits |= os.O_WRONLY
	}
	err = h.at(path, func(path string) error {
		o, err := os.OpenFile(path, bits, fs.FileMode(mode&0o777))
		if err == nil {
			f = &file{o}
		}
		return err
	})
	return f, err
}

func (o *file) Stat(context.Context) (tool.Stat, error) {
	fi, err := o.f.Stat()
	if err != nil {
		return tool.Stat{}, bare(err)
	}
	return statOf(fi.Sys().(*syscall.Stat_t)), nil
}

func (o *file) Read(_ context.Context, p []byte) (int, error) {
	n, err := o.f.Read(p)
	if err == io.EOF {
		return n, io.EOF
	}
	return n, bare(err)
}

func (o *file) Write(_ context.Context, p []byte) (int, error) {
	n, err := o.f.Write(p)
	return n, bare(err)
}

func (o *file) Seek(_ context.Context, off int64, whence int) (int64, error) {
	off, err := o.f.Seek(off, whence) // SEEK_DATA and SEEK_HOLE have the same numbers
	return off, bare(err)
}

func (o *file) SetAttr(_ context.Context, set vfs.SetAttr) error {
	if set.Has(vfs.SetSize) {
		if err := o.f.Truncate(set.Size); err != nil {
			return bare(err)
		}
	}
	if set.Mask&(vfs.SetUID|vfs.SetGID) != 0 {
		uid, gid := owner(set)
		if err := o.f.Chown(uid, gid); err != nil {
			return bare(err)
		}
	}
	fd := int(o.f.Fd())
	if set.Has(vfs.SetMode) {
		if err := again(func() error { return syscall.Fchmod(fd, set.Mode) }); err != nil {
			return err
		}
	}
	set.Mask &^= vfs.SetSize | vfs.SetUID | vfs.SetGID | vfs.SetMode
	if set.Mask == 0 {
		return nil
	}
	return setAttr("/proc/self/fd/"+strconv.Itoa(fd), set)
}

func (o *file) Close() error { return bare(o.f.Close()) }
