package vfstest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"rump/rumpfs/vfs"
)

// HostTree is a directory of the host as a Tree: to hold a mount of ours against the suite, and the suite against a file
// system of the host's.
func HostTree(dir string) Tree { return hostTree(dir) }

type hostTree string

// abs keeps ".." and trailing dots as they are, which filepath.Join would not.
func (t hostTree) abs(path string) string { return string(t) + "/" + path }

var kindBits = map[vfs.Kind]uint32{
	vfs.KindRegular: syscall.S_IFREG,
	vfs.KindDir:     syscall.S_IFDIR,
	vfs.KindFifo:    syscall.S_IFIFO,
	vfs.KindSocket:  syscall.S_IFSOCK,
	vfs.KindChar:    syscall.S_IFCHR,
	vfs.KindBlock:   syscall.S_IFBLK,
}

func (t hostTree) Make(path string, a vfs.CreateAttr) error {
	abs := t.abs(path)
	switch a.Kind {
	case vfs.KindSymlink:
		return syscall.Symlink(a.Target, abs)
	case vfs.KindDir:
		if err := syscall.Mkdir(abs, a.Mode); err != nil {
			return err
		}
	default:
		bits, ok := kindBits[a.Kind]
		if !ok {
			return syscall.EINVAL
		}
		if err := syscall.Mknod(abs, bits|a.Mode, int(packDev(a.Rdev))); err != nil {
			return err
		}
	}
	return syscall.Chmod(abs, a.Mode) // the umask
}

// packDev and unpackDev are the host's way of putting two numbers into one.
func packDev(d vfs.Dev) uint64 {
	major, minor := uint64(d.Major), uint64(d.Minor)
	return minor&0xff | (major&0xfff)<<8 | (minor&^0xff)<<12 | (major&^0xfff)<<32
}

func unpackDev(d uint64) vfs.Dev {
	return vfs.Dev{
		Major: uint32(d>>8&0xfff | d>>32&^0xfff),
		Minor: uint32(d&0xff | d>>12&^0xff),
	}
}

func (t hostTree) Link(oldPath, newPath string) error {
	return syscall.Link(t.abs(oldPath), t.abs(newPath))
}

func (t hostTree) Remove(path string) error { return syscall.Unlink(t.abs(path)) }

func (t hostTree) Rmdir(path string) error { return syscall.Rmdir(t.abs(path)) }

func (t hostTree) Rename(oldPath, newPath string) error {
	return syscall.Rename(t.abs(oldPath), t.abs(newPath))
}

func (t hostTree) Stat(path string) (vfs.Attr, error) {
	var st syscall.Stat_t
	if err := syscall.Lstat(t.abs(path), &st); err != nil {
		return vfs.Attr{}, err
	}
	return hostAttr(&st), nil
}

func hostAttr(st *syscall.Stat_t) vfs.Attr {
	at := func(ts syscall.Timespec) vfs.Time { return vfs.Time{Sec: ts.Sec, Nsec: int32(ts.Nsec)} }
	a := vfs.Attr{
		Ino: vfs.Ino(st.Ino), Kind: vfs.Kind(st.Mode >> 12), Mode: st.Mode & 0o7777, Nlink: uint32(st.Nlink),
		UID: st.Uid, GID: st.Gid, Size: st.Size, Blocks: st.Blocks, BlockSize: int32(st.Blksize),
		Atime: at(st.Atim), Mtime: at(st.Mtim), Ctime: at(st.Ctim),
	}
	if a.Kind == vfs.KindChar || a.Kind == vfs.KindBlock {
		a.Rdev = unpackDev(st.Rdev)
	}
	return a
}

// SetAttr makes one change after the other. Times of symbolic links, file flags and creation times have no call in the
// standard library: EOPNOTSUPP.
func (t hostTree) SetAttr(path string, set vfs.SetAttr) error {
	abs := t.abs(path)
	if set.Mask&(vfs.SetFlags|vfs.SetBtime) != 0 {
		return syscall.EOPNOTSUPP
	}
	if set.Has(vfs.SetSize) {
		if err := syscall.Truncate(abs, set.Size); err != nil {
			return err
		}
	}
	if set.Mask&(vfs.SetUID|vfs.SetGID) != 0 {
		uid, gid := -1, -1
		if set.Has(vfs.SetUID) {
			uid = int(set.UID)
		}
		if set.Has(vfs.SetGID) {
			gid = int(set.GID)
		}
		if err := syscall.Lchown(abs, uid, gid); err != nil {
			return err
		}
	}
	if set.Has(vfs.SetMode) {
		if err := syscall.Chmod(abs, set.Mode); err != nil {
			return err
		}
	}
	if set.Mask&(vfs.SetAtime|vfs.SetMtime) != 0 {
		return t.setTimes(abs, &set)
	}
	return nil
}

func (t hostTree) setTimes(abs string, set *vfs.SetAttr) error {
	if st, err := os.Lstat(abs); err != nil || st.Mode()&os.ModeSymlink != 0 {
		return errors.Join(err, syscall.EOPNOTSUPP)
	}
	const omit = 1<<30 - 2 // UTIME_OMIT
	ts := []syscall.Timespec{{Nsec: omit}, {Nsec: omit}}
	if set.Has(vfs.SetAtime) {
		ts[0] = syscall.Timespec{Sec: set.Atime.Sec, Nsec: int64(set.Atime.Nsec)}
	}
	if set.Has(vfs.SetMtime) {
		ts[1] = syscall.Timespec{Sec: set.Mtime.Sec, Nsec: int64(set.Mtime.Nsec)}
	}
	return syscall.UtimesNano(abs, ts)
}

func (t hostTree) Readlink(path string) (string, error) {
	buf := make([]byte, 4096)
	n, err := syscall.Readlink(t.abs(path), buf)
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

// ReadDir reads the kernel's directory entries, for their cookies.
func (t hostTree) ReadDir(path string, at vfs.Cookie, fn func(vfs.DirEntry) bool) error {
	fd, err := syscall.Open(t.abs(path), syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	if _, err := syscall.Seek(fd, int64(at), 0); err != nil {
		return err
	}
	buf := make([]byte, 32<<10)
	for {
		n, err := syscall.ReadDirent(fd, buf)
		if err != nil || n == 0 {
			return err
		}
		for b := buf[:n]; len(b) > 19; {
			size := binary.NativeEndian.Uint16(b[16:])
			name, _, _ := bytes.Cut(b[19:size], []byte{0})
			e := vfs.DirEntry{
				Name: name,
				Ino:  vfs.Ino(binary.NativeEndian.Uint64(b)),
				Kind: vfs.Kind(b[18]),
				Next: vfs.Cookie(binary.NativeEndian.Uint64(b[8:])),
			}
			if !fn(e) {
				return nil
			}
			b = b[size:]
		}
	}
}

const xattrPrefix = "user."

func (t hostTree) GetXattr(path, name string) ([]byte, error) {
	buf := make([]byte, 64<<10)
	n, err := syscall.Getxattr(t.abs(path), xattrPrefix+name, buf)
	if err != nil {
		return nil, err
	}
	return buf[:n], nil
}

func (t hostTree) ListXattr(path string) ([]string, error) {
	buf := make([]byte, 64<<10)
	n, err := syscall.Listxattr(t.abs(path), buf)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, s := range strings.Split(string(buf[:n]), "\x00") {
		if name, ok := strings.CutPrefix(s, xattrPrefix); ok {
			names = append(names, name)
		}
	}
	return names, nil
}

func (t hostTree) SetXattr(path, name string, value []byte, mode vfs.XattrMode) error {
	return syscall.Setxattr(t.abs(path), xattrPrefix+name, value, int(mode))
}

func (t hostTree) RemoveXattr(path, name string) error {
	return syscall.Removexattr(t.abs(path), xattrPrefix+name)
}

func (t hostTree) Statfs() (vfs.Statfs, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(string(t), &st); err != nil {
		return vfs.Statfs{}, err
	}
	return vfs.Statfs{
		BlockSize: uint32(st.Bsize), FragSize: uint32(st.Frsize), Blocks: st.Blocks, BlocksFree: st.Bfree,
		BlocksAvail: int64(st.Bavail), Files: st.Files - st.Ffree, FilesFree: st.Ffree, NameMax: uint32(st.Namelen),
	}, nil
}

// Sync syncs the directory itself; a sync of everything would be about other people's disks too.
func (t hostTree) Sync() error {
	f, err := os.Open(filepath.Clean(string(t)))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (t hostTree) Open(path string, write bool) (File, error) {
	const flags = syscall.O_CLOEXEC | syscall.O_NOFOLLOW
	if !write {
		fd, err := syscall.Open(t.abs(path), syscall.O_RDONLY|flags, 0)
		if err != nil {
			return nil, err
		}
		return &hostFile{fd, -1}, nil
	}
	fd, err := syscall.Open(t.abs(path), syscall.O_RDWR|flags, 0)
	if err != nil {
		return nil, err
	}
	end, err := syscall.Open(t.abs(path), syscall.O_WRONLY|syscall.O_APPEND|flags, 0)
	if err != nil {
		return nil, errors.Join(err, syscall.Close(fd))
	}
	return &hostFile{fd, end}, nil
}

// A hostFile is an open file of the host.
type hostFile struct {
	fd  int
	end int // the same opened for appending; -1 if only for reading
}

func (f *hostFile) ReadAt(p []byte, off int64) (int, error) {
	total := 0
	for total < len(p) {
		n, err := syscall.Pread(f.fd, p[total:], off+int64(total))
		if err != nil {
			return total, err
		}
		if n == 0 {
			break
		}
		total += n
	}
	return total, nil
}

func (f *hostFile) WriteAt(p []byte, off int64) (int, error) {
	total := 0
	for total < len(p) {
		n, err := syscall.Pwrite(f.fd, p[total:], off+int64(total))
		if err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}

func (f *hostFile) Append(p []byte) (int, error) {
	n, err := syscall.Write(f.end, p)
	return max(n, 0), err
}

func (f *hostFile) Truncate(size int64) error { return syscall.Ftruncate(f.fd, size) }

func (f *hostFile) Stat() (vfs.Attr, error) {
	var st syscall.Stat_t
	if err := syscall.Fstat(f.fd, &st); err != nil {
		return vfs.Attr{}, err
	}
	return hostAttr(&st), nil
}

func (f *hostFile) SeekData(off int64) (int64, error) { return syscall.Seek(f.fd, off, 3) }

func (f *hostFile) SeekHole(off int64) (int64, error) { return syscall.Seek(f.fd, off, 4) }

// The modes of fallocate(2).
const (
	fallocKeepSize = 1
	fallocPunch    = 2
)

func (f *hostFile) Allocate(off, length int64, keepSize bool) error {
	mode := uint32(0)
	if keepSize {
		mode = fallocKeepSize
	}
	return syscall.Fallocate(f.fd, mode, off, length)
}

func (f *hostFile) Punch(off, length int64) error {
	return syscall.Fallocate(f.fd, fallocPunch|fallocKeepSize, off, length)
}

func (f *hostFile) Sync(dataOnly bool) error {
	if dataOnly {
		return syscall.Fdatasync(f.fd)
	}
	return syscall.Fsync(f.fd)
}

func (f *hostFile) Close() error {
	err := syscall.Close(f.fd)
	if f.end >= 0 {
		err = errors.Join(err, syscall.Close(f.end))
	}
	return err
}
