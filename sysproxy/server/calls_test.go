package server_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rump/netbsd"
	"rump/sysproxy/client"
)

// A tester makes calls by number.
type tester struct {
	*client.Client
	t *testing.T
}

// ok makes a call that must succeed and returns its first result.
func (c *tester) ok(number int, args ...client.Arg) int64 {
	c.t.Helper()
	r, err := c.Syscall(number, args...)
	if err != nil {
		known, _ := netbsd.CallOf(number)
		c.t.Fatalf("%s: %v", known.Name, err)
	}
	return r[0]
}

// fails makes a call that must fail.
func (c *tester) fails(want netbsd.Errno, number int, args ...client.Arg) {
	c.t.Helper()
	if _, err := c.Syscall(number, args...); !errors.Is(err, want) {
		known, _ := netbsd.CallOf(number)
		c.t.Errorf("%s: %v, want %v", known.Name, err, want)
	}
}

// stat is lstat of a path that must exist.
func (c *tester) stat(path string) netbsd.Stat {
	c.t.Helper()
	st, err := c.Lstat(path)
	if err != nil {
		c.t.Fatalf("%s: %v", path, err)
	}
	return st
}

// newTester is a client whose current directory is a file system on a disk.
func newTester(t *testing.T) *tester {
	t.Helper()
	r := newRig(t)
	img := filepath.Join(t.TempDir(), "img")
	newfs(t, img, 8<<20)
	r.addDisk("/dk", img)
	c := &tester{r.dial(), t}
	must(t, c.Mkdir("/mnt", 0o755))
	must(t, c.Mount("ffs", "/mnt", 0, "/dk"))
	must(t, c.Chdir("/mnt"))
	return c
}

var (
	str  = client.Str
	num  = client.Int[int]
	long = client.Long[int]
	null = client.Null
)

// TestFiles reads and writes with every call that does.
func TestFiles(t *testing.T) {
	c := newTester(t)
	fd := num(int(c.ok(netbsd.SYS_OPENAT, num(client.CWD), str("f"), num(netbsd.O_RDWR|netbsd.O_CREAT), num(0o640))))
	if n := c.ok(netbsd.SYS_WRITE, fd, client.In([]byte("0123456789")), long(10)); n != 10 {
		t.Errorf("write: %d", n)
	}
	if n := c.ok(netbsd.SYS_PWRITE, fd, client.In([]byte("ab")), long(2), num(0), long(4)); n != 2 {
		t.Errorf("pwrite: %d", n)
	}
	b := make([]byte, 4)
	if n := c.ok(netbsd.SYS_PREAD, fd, client.Out(b), long(4), num(0), long(3)); n != 4 || string(b) != "3ab6" {
		t.Errorf("pread: %d %q", n, b)
	}
	if off := c.ok(netbsd.SYS_LSEEK, fd, num(0), long(2), num(netbsd.SEEK_SET)); off != 2 {
		t.Errorf("lseek: %d", off)
	}
	one, two := make([]byte, 3), make([]byte, 100)
	vec := func(arg func([]byte, ...client.Inner) client.Arg, pieces ...[]byte) client.Arg {
		v := make([]byte, 16*len(pieces))
		var inner []client.Inner
		for i, p := range pieces {
			netbsd.Iovec{Len: uint64(len(p))}.Encode(v[16*i:])
			inner = append(inner, client.Inner{Off: 16 * i, To: arg(p)})
		}
		return client.In(v, inner...)
	}
	if n := c.ok(netbsd.SYS_READV, fd, vec(client.Out, one, two), num(2)); n != 8 || string(one) != "23a" || string(two[:5]) != "b6789" {
		t.Errorf("readv: %d %q %q", n, one, two[:5])
	}
	if n := c.ok(netbsd.SYS_WRITEV, fd, vec(client.In, []byte("xy"), nil, []byte("z")), num(3)); n != 3 {
		t.Errorf("writev: %d", n)
	}
	if n := c.ok(netbsd.SYS_PWRITEV, fd, vec(client.In, []byte("P"), []byte("Q")), num(2), num(0), long(0)); n != 2 {
		t.Errorf("pwritev: %d", n)
	}
	if n := c.ok(netbsd.SYS_PREADV, fd, vec(client.Out, one, two), num(2), num(0), long(0)); n != 13 || string(one)+string(two[:10]) != "PQ23ab6789xyz" {
		t.Errorf("preadv: %d %q %q", n, one, two[:10])
	}
	for _, n := range []int{0, -1, 1025} {
		c.fails(netbsd.EINVAL, netbsd.SYS_READV, fd, null(), num(n))
	}
	c.fails(netbsd.EFAULT, netbsd.SYS_READ, fd, null(), long(10))
	c.fails(netbsd.EFAULT, netbsd.SYS_WRITE, fd, null(), long(10))
	c.fails(netbsd.EINVAL, netbsd.SYS_READ, fd, null(), long(-1))
	c.fails(netbsd.EBADF, netbsd.SYS_READ, num(99), null(), long(0))
	c.fails(netbsd.EINVAL, netbsd.SYS_LSEEK, fd, num(0), long(0), num(7))
	c.ok(netbsd.SYS_FTRUNCATE, fd, num(0), long(5))
	if st := c.stat("f"); st.Size != 5 || st.Mode != netbsd.S_IFREG|0o640 {
		t.Errorf("after ftruncate: %+v", st)
	}
	c.ok(netbsd.SYS_TRUNCATE, str("f"), num(0), long(7))
	c.ok(netbsd.SYS_FSYNC, fd)
	c.ok(netbsd.SYS_FDATASYNC, fd)
	c.ok(netbsd.SYS_FSYNC_RANGE, fd, num(0), long(0), long(0))
	c.ok(netbsd.SYS_SYNC)
	if no := c.ok(netbsd.SYS_POSIX_FALLOCATE, fd, num(0), long(0), long(100000)); no != 0 || c.stat("f").Size != 100000 {
		t.Errorf("posix_fallocate: %d, size %d", no, c.stat("f").Size)
	}
	if no := c.ok(netbsd.SYS_POSIX_FALLOCATE, num(99), num(0), long(0), long(1)); netbsd.Errno(no) != netbsd.EBADF {
		t.Errorf("posix_fallocate of nothing: %d, want EBADF as the result", no)
	}
	before := c.stat("f").Blocks
	c.ok(netbsd.SYS_FDISCARD, fd, num(0), long(0), long(65536))
	if now := c.stat("f").Blocks; now >= before {
		t.Errorf("fdiscard: %d blocks, %d before", now, before)
	}
	if no := c.ok(netbsd.SYS___POSIX_FADVISE50, fd, num(0), long(0), long(0), num(0)); no != 0 {
		t.Errorf("posix_fadvise: %d", no)
	}
	c.fails(netbsd.EISDIR, netbsd.SYS_READ, num(int(c.ok(netbsd.SYS_OPEN, str("."), num(0), num(0)))), client.Out(b), long(4))
	c.fails(netbsd.EFTYPE, netbsd.SYS_OPEN, str(symlink(c, "f")), num(netbsd.O_NOFOLLOW), num(0))
}

// symlink makes a symbolic link and returns its name.
func symlink(c *tester, target string) string {
	c.t.Helper()
	name := "link-to-" + target
	c.ok(netbsd.SYS_SYMLINK, str(target), str(name))
	return name
}

// TestNamesAt makes and unmakes names from an open directory.
func TestNamesAt(t *testing.T) {
	c := newTester(t)
	must(t, c.Mkdir("d", 0o755))
	dir := num(int(c.ok(netbsd.SYS_OPEN, str("d"), num(netbsd.O_DIRECTORY), num(0))))
	c.ok(netbsd.SYS_MKDIRAT, dir, str("sub"), num(0o700))
	c.ok(netbsd.SYS_MKFIFOAT, dir, str("fifo"), num(0o600))
	c.ok(netbsd.SYS_MKNODAT, dir, str("null"), num(netbsd.S_IFCHR|0o666), num(0), client.Long(netbsd.MakeDev(2, 2)))
	c.ok(netbsd.SYS___MKNOD50, str("d/wide"), num(netbsd.S_IFBLK|0o666), client.Long(netbsd.MakeDev(300, 70000)))
	c.ok(netbsd.SYS_MKNOD, str("d/old"), num(netbsd.S_IFCHR|0o666), num(0x1234))
	c.ok(netbsd.SYS_SYMLINKAT, str("target"), dir, str("link"))
	c.ok(netbsd.SYS_LINKAT, dir, str("link"), dir, str("link2"), num(0))
	b := make([]byte, 100)
	if n := c.ok(netbsd.SYS_READLINKAT, dir, str("link2"), client.Out(b), long(4)); string(b[:n]) != "targ" {
		t.Errorf("readlinkat with room for four: %q", b[:n])
	}
	if st := c.stat("d/link"); st.Nlink != 2 || st.Mode&netbsd.S_IFMT != netbsd.S_IFLNK {
		t.Errorf("a link to a link: %+v", st)
	}
	for path, want := range map[string]uint64{"d/null": netbsd.MakeDev(2, 2), "d/wide": netbsd.MakeDev(300, 70000), "d/old": 0x1234, "d/sub": netbsd.NoDev} {
		if st := c.stat(path); st.Rdev != want {
			t.Errorf("%s is device %#x, want %#x", path, st.Rdev, want)
		}
	}
	st := make([]byte, netbsd.StatSize)
	c.ok(netbsd.SYS_FSTATAT, dir, str("link"), client.Out(st), num(netbsd.AT_SYMLINK_NOFOLLOW))
	c.fails(netbsd.ENOENT, netbsd.SYS_FSTATAT, dir, str("link"), client.Out(st), num(0))
	c.ok(netbsd.SYS_RENAMEAT, dir, str("sub"), num(client.CWD), str("moved"))
	c.ok(netbsd.SYS_UNLINKAT, dir, str("fifo"), num(0))
	c.fails(netbsd.EPERM, netbsd.SYS_UNLINKAT, num(client.CWD), str("moved"), num(0))
	c.ok(netbsd.SYS_UNLINKAT, num(client.CWD), str("moved"), num(netbsd.AT_REMOVEDIR))
	c.ok(netbsd.SYS_FACCESSAT, dir, str("null"), num(4), num(netbsd.AT_EACCESS))
	c.ok(netbsd.SYS_FCHMODAT, dir, str("null"), num(0o640), num(0))
	c.ok(netbsd.SYS_FCHOWNAT, dir, str("link"), num(5), num(6), num(netbsd.AT_SYMLINK_NOFOLLOW))
	if st := c.stat("d/link"); st.UID != 5 || st.GID != 6 {
		t.Errorf("owner of the link: %d %d", st.UID, st.GID)
	}
	must(t, c.Fchdir(3))
	if cwd, err := c.Getcwd(); cwd != "/mnt/d" || err != nil {
		t.Errorf("directory %q, %v", cwd, err)
	}
	c.fails(netbsd.ERANGE, netbsd.SYS___GETCWD, client.Out(b), long(6))
	c.fails(netbsd.ENAMETOOLONG, netbsd.SYS_CHDIR, client.In(bytes.Repeat([]byte{'x'}, 2000)))
	list, err := c.ReadDir(".")
	var names []string
	for _, e := range list {
		names = append(names, e.Name)
	}
	slices.Sort(names)
	if got := strings.Join(names, " "); got != ". .. link link2 null old wide" || err != nil {
		t.Errorf("entries %q, %v", got, err)
	}
	c.fails(netbsd.EINVAL, netbsd.SYS___GETDENTS30, dir, client.Out(b), long(8)) // not room for one
}

// TestAttributes changes mode, owner, flags and times by every call that does.
func TestAttributes(t *testing.T) {
	c := newTester(t)
	fd := num(int(c.ok(netbsd.SYS_OPEN, str("f"), num(netbsd.O_RDWR|netbsd.O_CREAT), num(0o600))))
	link := str(symlink(c, "f"))
	mode := func(path string, want uint32) {
		t.Helper()
		if st := c.stat(path); st.Mode&0o7777 != want {
			t.Errorf("mode of %s is %o, want %o", path, st.Mode&0o7777, want)
		}
	}
	c.ok(netbsd.SYS_CHMOD, link, num(0o611))
	mode("f", 0o611)
	c.ok(netbsd.SYS_FCHMOD, fd, num(0o4622))
	mode("f", 0o4622)
	c.ok(netbsd.SYS_LCHMOD, link, num(0o633))
	mode("link-to-f", 0o633)
	owner := func(path string, uid, gid uint32) {
		t.Helper()
		if st := c.stat(path); st.UID != uid || st.GID != gid {
			t.Errorf("owner of %s is %d %d, want %d %d", path, st.UID, st.GID, uid, gid)
		}
	}
	c.ok(netbsd.SYS_CHOWN, link, num(1), num(2))
	owner("f", 1, 2)
	c.ok(netbsd.SYS_FCHOWN, fd, num(-1), num(3))
	owner("f", 1, 3)
	c.ok(netbsd.SYS_LCHOWN, link, num(4), num(-1))
	owner("link-to-f", 4, 0)
	c.ok(netbsd.SYS___POSIX_CHOWN, str("f"), num(7), num(8))
	c.ok(netbsd.SYS___POSIX_FCHOWN, fd, num(9), num(-1))
	owner("f", 9, 8)
	c.ok(netbsd.SYS___POSIX_LCHOWN, link, num(10), num(11))
	owner("link-to-f", 10, 11)
	c.ok(netbsd.SYS_CHFLAGS, str("f"), long(netbsd.UF_NODUMP))
	c.ok(netbsd.SYS_FCHFLAGS, fd, long(netbsd.UF_NODUMP|netbsd.SF_ARCHIVED))
	if st := c.stat("f"); st.Flags != netbsd.UF_NODUMP|netbsd.SF_ARCHIVED {
		t.Errorf("flags are %#x", st.Flags)
	}
	c.ok(netbsd.SYS_LCHFLAGS, link, long(0))

	timevals := func(asec, ausec, msec, musec uint64) client.Arg {
		var b []byte
		for _, v := range []uint64{asec, ausec, msec, musec} {
			b = le.AppendUint64(b, v)
		}
		return client.In(b)
	}
	times := func(path string, atime, mtime netbsd.Timespec) {
		t.Helper()
		if st := c.stat(path); st.Atim != atime || st.Mtim != mtime {
			t.Errorf("times of %s are %v %v, want %v %v", path, st.Atim, st.Mtim, atime, mtime)
		}
	}
	c.ok(netbsd.SYS___UTIMES50, link, timevals(1, 2, 3, 4))
	times("f", netbsd.Timespec{Sec: 1, Nsec: 2000}, netbsd.Timespec{Sec: 3, Nsec: 4000})
	c.ok(netbsd.SYS___FUTIMES50, fd, timevals(5, 6, 7, 8))
	times("f", netbsd.Timespec{Sec: 5, Nsec: 6000}, netbsd.Timespec{Sec: 7, Nsec: 8000})
	c.ok(netbsd.SYS___LUTIMES50, link, timevals(9, 10, 11, 12))
	times("link-to-f", netbsd.Timespec{Sec: 9, Nsec: 10000}, netbsd.Timespec{Sec: 11, Nsec: 12000})
	c.ok(netbsd.SYS_UTIMES, str("f"), timevals(13, 14, 15, 16))
	times("f", netbsd.Timespec{Sec: 13, Nsec: 14000}, netbsd.Timespec{Sec: 15, Nsec: 16000})
	c.ok(netbsd.SYS_FUTIMENS, fd, timevals(17, 18, 0, netbsd.UTIME_OMIT))
	times("f", netbsd.Timespec{Sec: 17, Nsec: 18}, netbsd.Timespec{Sec: 15, Nsec: 16000})
	c.ok(netbsd.SYS_UTIMENSAT, num(client.CWD), link, timevals(19, 20, 21, 22), num(netbsd.AT_SYMLINK_NOFOLLOW))
	times("link-to-f", netbsd.Timespec{Sec: 19, Nsec: 20}, netbsd.Timespec{Sec: 21, Nsec: 22})
	c.ok(netbsd.SYS___UTIMES50, str("f"), null())
	if st := c.stat("f"); time.Since(time.Unix(st.Mtim.Sec, 0)).Abs() > time.Hour {
		t.Errorf("now is %v", st.Mtim)
	}
	for _, bad := range [][4]uint64{{0, 1e6, 0, 0}, {0, 0, 0, 1 << 31}, {0, ^uint64(0) >> 33, 0, 0}} {
		c.fails(netbsd.EINVAL, netbsd.SYS___UTIMES50, str("f"), timevals(bad[0], bad[1], bad[2], bad[3]))
	}
	c.fails(netbsd.EINVAL, netbsd.SYS_FUTIMENS, fd, timevals(0, 1e9, 0, 0))

	old := make([]byte, netbsd.Stat30Size)
	st := c.stat("f")
	want := make([]byte, netbsd.Stat30Size)
	(*netbsd.Stat30)(&st).Encode(want)
	for _, number := range []int{netbsd.SYS___STAT30, netbsd.SYS___LSTAT30} {
		c.ok(number, str("f"), client.Out(old))
		if !bytes.Equal(old, want) {
			t.Errorf("call %d tells %x, want %x", number, old, want)
		}
	}
	clear(old)
	c.ok(netbsd.SYS___FSTAT30, fd, client.Out(old))
	if !bytes.Equal(old, want) {
		t.Errorf("fstat30 tells %x, want %x", old, want)
	}
	if n := c.ok(netbsd.SYS_PATHCONF, str("f"), num(netbsd.PC_NAME_MAX)); n != 255 {
		t.Errorf("NAME_MAX is %d", n)
	}
	if n := c.ok(netbsd.SYS_FPATHCONF, fd, num(netbsd.PC_PATH_MAX)); n != 1024 {
		t.Errorf("PATH_MAX is %d", n)
	}
	c.fails(netbsd.EINVAL, netbsd.SYS_FPATHCONF, fd, num(77))
}

// TestXattrs keeps attributes by both sets of calls.
func TestXattrs(t *testing.T) {
	r := newRig(t)
	c := &tester{r.dial(), t}
	must(t, c.Chdir("/tmp"))
	fd := num(int(c.ok(netbsd.SYS_OPEN, str("f"), num(netbsd.O_RDWR|netbsd.O_CREAT), num(0o644))))
	const user = client.XattrUser
	value := func(s string) client.Arg { return client.In([]byte(s)) }
	if n := c.ok(netbsd.SYS_EXTATTR_SET_FILE, str("f"), num(user), str("one"), value("first"), long(5)); n != 5 {
		t.Errorf("extattr_set_file: %d", n)
	}
	c.ok(netbsd.SYS_EXTATTR_SET_FD, fd, num(user), str("two"), value("second"), long(6))
	c.ok(netbsd.SYS_EXTATTR_SET_LINK, str("f"), num(user), str("three"), value(""), long(0))
	b := make([]byte, 100)
	if n := c.ok(netbsd.SYS_EXTATTR_GET_FILE, str("f"), num(user), str("two"), client.Out(b), long(100)); string(b[:n]) != "second" {
		t.Errorf("extattr_get_file: %q", b[:n])
	}
	if n := c.ok(netbsd.SYS_EXTATTR_GET_FD, fd, num(user), str("one"), client.Out(b), long(3)); string(b[:n]) != "fir" {
		t.Errorf("extattr_get_fd with room for three: %q", b[:n])
	}
	if n := c.ok(netbsd.SYS_EXTATTR_GET_LINK, str("f"), num(user), str("two"), null(), long(0)); n != 6 {
		t.Errorf("extattr_get_link without room: %d", n)
	}
	if n := c.ok(netbsd.SYS_EXTATTR_LIST_FD, fd, num(user), client.Out(b), long(100)); string(b[:n]) != "\x03one\x05three\x03two" {
		t.Errorf("extattr_list_fd: %q", b[:n])
	}
	if n := c.ok(netbsd.SYS_EXTATTR_LIST_FILE, str("f"), num(user), null(), long(0)); n != 14 {
		t.Errorf("extattr_list_file without room: %d", n)
	}
	c.ok(netbsd.SYS_EXTATTR_DELETE_FILE, str("f"), num(user), str("three"))
	c.fails(netbsd.ENOATTR, netbsd.SYS_EXTATTR_DELETE_FD, fd, num(user), str("three"))
	c.fails(netbsd.EINVAL, netbsd.SYS_EXTATTR_GET_FILE, str("f"), num(9), str("one"), null(), long(0))
	c.fails(netbsd.E2BIG, netbsd.SYS_EXTATTR_SET_FILE, str("f"), num(user), str("x"), null(), long(1<<40))

	c.ok(netbsd.SYS_SETXATTR, str("f"), str("user.four"), value("4th"), long(3), num(1))
	c.fails(netbsd.EEXIST, netbsd.SYS_FSETXATTR, fd, str("user.four"), value("4th"), long(3), num(1))
	c.fails(netbsd.ENOATTR, netbsd.SYS_LSETXATTR, str("f"), str("user.five"), value("5th"), long(3), num(2))
	if n := c.ok(netbsd.SYS_GETXATTR, str("f"), str("user.four"), client.Out(b), long(100)); string(b[:n]) != "4th" {
		t.Errorf("getxattr: %q", b[:n])
	}
	c.fails(netbsd.ERANGE, netbsd.SYS_FGETXATTR, fd, str("user.four"), client.Out(b), long(2))
	if n := c.ok(netbsd.SYS_LGETXATTR, str("f"), str("user.four"), null(), long(0)); n != 3 {
		t.Errorf("lgetxattr without room: %d", n)
	}
	if n := c.ok(netbsd.SYS_LISTXATTR, str("f"), client.Out(b), long(100)); string(b[:n]) != "user.four\x00user.one\x00user.two\x00" {
		t.Errorf("listxattr: %q", b[:n])
	}
	c.ok(netbsd.SYS_REMOVEXATTR, str("f"), str("user.four"))
	c.fails(netbsd.ENOATTR, netbsd.SYS_FREMOVEXATTR, fd, str("user.four"))
	c.fails(netbsd.EOPNOTSUPP, netbsd.SYS_GETXATTR, str("f"), str("trusted.x"), null(), long(0))
}
