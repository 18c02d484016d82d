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

// TestMountCalls mounts, asks about mounts, and unmounts.
func TestMountCalls(t *testing.T) {
	c := newTester(t)
	must(t, c.Chdir("/"))
	fd := num(int(c.ok(netbsd.SYS_OPEN, str("/mnt"), num(0), num(0))))
	a, err := c.Statvfs("/mnt")
	must(t, err)
	b := make([]byte, netbsd.StatvfsSize)
	c.ok(netbsd.SYS_FSTATVFS1, fd, client.Out(b), num(1))
	var again netbsd.Statvfs
	again.Decode(b)
	if a != again || a.FSType != "ffs" || a.MntOn != "/mnt" || a.MntFrom != "/dk" || a.Flag != netbsd.MNT_LOCAL || a.Fsid != netbsd.MakeDev(197, 0) {
		t.Errorf("the mount is %+v and %+v", a, again)
	}
	if n := c.ok(netbsd.SYS_GETVFSSTAT, client.Out(b), long(len(b)), num(2)); n != 1 {
		t.Errorf("getvfsstat with room for one: %d", n)
	}
	args := make([]byte, netbsd.UFSArgsSize)
	if n := c.ok(netbsd.SYS___MOUNT50, str("ffs"), str("/mnt"), num(netbsd.MNT_GETARGS), client.Out(args), long(len(args))); n != netbsd.UFSArgsSize {
		t.Errorf("getargs: %d", n)
	}
	c.fails(netbsd.EOPNOTSUPP, netbsd.SYS___MOUNT50, str("ffs"), str("/mnt"), num(netbsd.MNT_UPDATE), client.Out(args), long(len(args)))
	c.fails(netbsd.ENODEV, netbsd.SYS___MOUNT50, str("nosuch"), str("/mnt"), num(0), client.In(make([]byte, 8), client.Inner{To: str("/dk")}), long(8))
	c.fails(netbsd.EINVAL, netbsd.SYS___MOUNT50, str("ffs"), str("/mnt"), num(0), client.In(make([]byte, 4)), long(4))
	c.fails(netbsd.ENAMETOOLONG, netbsd.SYS___MOUNT50, str(strings.Repeat("x", 40)), str("/mnt"), num(0), null(), long(0))
	must(t, c.Mkdir("/m", 0o755))
	must(t, c.MountTmpfs("/m", netbsd.MNT_NODEV, netbsd.TmpfsArgs{SizeMax: 1 << 20, NodesMax: 100, RootUID: 5, RootGID: 6, RootMode: 0o701}))
	if st := c.stat("/m"); st.Mode != netbsd.S_IFDIR|0o701 || st.UID != 5 || st.GID != 6 {
		t.Errorf("the root of a tmpfs is %+v", st)
	}
	targs := make([]byte, netbsd.TmpfsArgsSize)
	c.ok(netbsd.SYS___MOUNT50, str("tmpfs"), str("/m"), num(netbsd.MNT_GETARGS), client.Out(targs), long(len(targs)))
	var got netbsd.TmpfsArgs
	if got.Decode(targs); got.SizeMax != 1<<20 || got.NodesMax != 100 || got.RootMode != 0o701 {
		t.Errorf("its arguments are %+v", got)
	}
	list, err := c.Mounts()
	if err != nil || len(list) != 3 || list[2].MntFrom != "tmpfs" || list[2].Flag != netbsd.MNT_LOCAL|netbsd.MNT_NODEV {
		t.Errorf("mounts are %+v, %v", list, err)
	}
	f, err := c.OpenFile("/m/big", netbsd.O_RDWR|netbsd.O_CREAT, 0o644)
	must(t, err)
	if _, err := f.Write(make([]byte, 4<<20)); !errors.Is(err, netbsd.ENOSPC) {
		t.Errorf("too much for a tmpfs: %v, want ENOSPC", err)
	}
	if err := c.Unmount("/m", 0); !errors.Is(err, netbsd.EBUSY) {
		t.Errorf("unmount of what is used: %v, want EBUSY", err)
	}
	must(t, c.Unmount("/m", netbsd.MNT_FORCE))
	if err := c.Unmount("/m", 0); !errors.Is(err, netbsd.EINVAL) {
		t.Errorf("unmount of what is not mounted: %v, want EINVAL", err)
	}
	c.ok(netbsd.SYS_CLOSE, fd)
	must(t, c.Unmount("/mnt", 0))
}

// TestBadDisk mounts what holds no file system.
func TestBadDisk(t *testing.T) {
	r := newRig(t)
	r.disk("/dk", 4<<20)
	c := r.dial()
	must(t, c.Mkdir("/mnt", 0o755))
	if err := c.Mount("ffs", "/mnt", 0, "/dk"); !errors.Is(err, netbsd.EINVAL) {
		t.Errorf("mount: %v, want EINVAL: incorrect super block", err)
	}
	if !strings.Contains(r.console.String(), "/dk: ") {
		t.Errorf("the console says %q, want why", r.console.String())
	}
	if fd, err := c.Open("/dk", netbsd.O_RDWR, 0); err != nil {
		t.Errorf("the disk is free again: %v", err)
	} else {
		must(t, c.CloseFD(fd))
	}
}

// TestIoctls asks disks, terminals, pipes and files.
func TestIoctls(t *testing.T) {
	r := newRig(t)
	r.disk("/dk", 4<<20)
	c := &tester{r.dial(), t}
	disk, err := c.Open("/dk", netbsd.O_RDONLY, 0)
	must(t, err)
	file, err := c.Open("/tmp/f", netbsd.O_RDWR|netbsd.O_CREAT, 0o644)
	must(t, err)
	_, err = c.Write(file, make([]byte, 100))
	must(t, err)
	_, err = c.Seek(file, 60, 0)
	must(t, err)
	null, err := c.Open("/dev/null", netbsd.O_RDWR, 0)
	must(t, err)
	rd, wr, err := c.Pipe()
	must(t, err)
	_, err = c.Write(wr, make([]byte, 33))
	must(t, err)
	for _, x := range []struct {
		fd   int
		com  netbsd.Ioctl
		want uint64 // the first bytes of the answer
		err  error
	}{
		{disk, netbsd.DIOCGMEDIASIZE, 4 << 20, nil},
		{disk, netbsd.DIOCGSECTORSIZE, 512, nil},
		{disk, netbsd.DIOCCACHESYNC, 0, nil},
		{disk, netbsd.DIOCGWEDGEINFO, 0, netbsd.ENOTTY},
		{disk, netbsd.TIOCGETA, 0, netbsd.ENOTTY},
		{1, netbsd.TIOCGETA, 0, nil},
		{1, netbsd.TIOCGWINSZ, 0, netbsd.ENOTTY},
		{file, netbsd.FIONREAD, 40, nil},
		{rd, netbsd.FIONREAD, 33, nil},
		{file, netbsd.TIOCGETA, 0, netbsd.ENOTTY},
		{null, netbsd.TIOCGETA, 0, netbsd.ENODEV},
		{null, netbsd.DIOCGDINFO, 0, netbsd.ENODEV},
		{99, netbsd.FIONREAD, 0, netbsd.EBADF},
	} {
		b := make([]byte, max(8, x.com.Size()))
		err := c.Ioctl(x.fd, x.com, b)
		if !errors.Is(err, x.err) || err == nil && le.Uint64(b) != x.want {
			t.Errorf("ioctl %#x of %d: %v, %d, want %v, %d", uint32(x.com), x.fd, err, le.Uint64(b), x.err, x.want)
		}
	}
	on := le.AppendUint32(nil, 1)
	must(t, c.Ioctl(rd, netbsd.FIONBIO, on))
	_, err = c.Read(rd, make([]byte, 33))
	must(t, err)
	if _, err := c.Read(rd, make([]byte, 1)); !errors.Is(err, netbsd.EAGAIN) {
		t.Errorf("after FIONBIO: %v, want EAGAIN", err)
	}
	if fl, err := c.Fcntl(rd, netbsd.F_GETFL, 0); fl != netbsd.O_NONBLOCK || err != nil {
		t.Errorf("its flags: %#x, %v", fl, err)
	}
	must(t, c.Ioctl(rd, netbsd.FIOCLEX, nil))
	if on, err := c.Fcntl(rd, netbsd.F_GETFD, 0); on != netbsd.FD_CLOEXEC || err != nil {
		t.Errorf("after FIOCLEX: %d, %v", on, err)
	}
	l, err := c.Disklabel(disk)
	if err != nil || l.TypeName != "rumpd" || l.PackName != "fictitious" || l.SecPerUnit != 4<<20 || len(l.Partitions) != 1 || l.Partitions[0].Size != 8192 {
		t.Errorf("label %+v, %v", l, err)
	}
	c.fails(netbsd.EFAULT, netbsd.SYS_IOCTL, num(disk), client.Long(uint64(netbsd.DIOCGDINFO)), client.Null())
}

// TestFcntl does every command.
func TestFcntl(t *testing.T) {
	c := newTester(t)
	fd, err := c.Open("f", netbsd.O_RDWR|netbsd.O_CREAT|netbsd.O_APPEND, 0o644)
	must(t, err)
	for _, x := range []struct {
		cmd, arg, want int
		err            error
	}{
		{netbsd.F_GETFL, 0, netbsd.O_RDWR | netbsd.O_APPEND, nil},
		{netbsd.F_SETFL, netbsd.O_NONBLOCK, 0, nil},
		{netbsd.F_GETFL, 0, netbsd.O_RDWR | netbsd.O_NONBLOCK, nil},
		{netbsd.F_DUPFD, 20, 20, nil},
		{netbsd.F_DUPFD_CLOEXEC, 20, 21, nil},
		{netbsd.F_MAXFD, 0, 21, nil},
		{netbsd.F_GETNOSIGPIPE, 0, 0, nil},
		{netbsd.F_DUPFD, -1, 0, netbsd.EINVAL},
		{99, 0, 0, netbsd.EINVAL},
	} {
		got, err := c.Fcntl(fd, x.cmd, x.arg)
		if !errors.Is(err, x.err) || err == nil && got != x.want {
			t.Errorf("fcntl %d %d: %#x, %v, want %#x, %v", x.cmd, x.arg, got, err, x.want, x.err)
		}
	}
	if on, _ := c.Fcntl(21, netbsd.F_GETFD, 0); on != netbsd.FD_CLOEXEC {
		t.Errorf("a copy with CLOEXEC: %d", on)
	}
	_, err = c.Fcntl(fd, netbsd.F_SETFD, netbsd.FD_CLOEXEC)
	must(t, err)
	_, err = c.Fcntl(20, netbsd.F_CLOSEM, 0)
	must(t, err)
	c.fails(netbsd.EBADF, netbsd.SYS_CLOSE, num(20))
	if to := c.ok(netbsd.SYS_DUP3, num(fd), num(30), num(netbsd.O_CLOEXEC)); to != 30 {
		t.Errorf("dup3: %d", to)
	}
	c.fails(netbsd.EINVAL, netbsd.SYS_DUP3, num(fd), num(30), num(netbsd.O_APPEND))
	ends := make([]byte, 8)
	c.ok(netbsd.SYS_PIPE2, client.Out(ends), num(netbsd.O_NONBLOCK|netbsd.O_CLOEXEC))
	if _, err := c.Read(int(le.Uint32(ends)), make([]byte, 1)); !errors.Is(err, netbsd.EAGAIN) {
		t.Errorf("a pipe that does not wait: %v", err)
	}
}

// TestSelect waits by sets of bits.
func TestSelect(t *testing.T) {
	c := newTester(t)
	rd, wr, err := c.Pipe()
	must(t, err)
	set := func(fds ...int) []byte {
		b := make([]byte, 8)
		for _, fd := range fds {
			b[fd/8] |= 1 << (fd % 8)
		}
		return b
	}
	in, out := set(rd), set(wr)
	zero := client.In(make([]byte, 16))
	if n := c.ok(netbsd.SYS___SELECT50, num(40), client.Out(in), client.Out(out), null(), zero); n != 1 || !bytes.Equal(in, set()) || !bytes.Equal(out, set(wr)) {
		t.Errorf("select: %d, %x, %x", n, in, out)
	}
	_, err = c.Write(wr, []byte("x"))
	must(t, err)
	in = set(rd)
	if n := c.ok(netbsd.SYS___PSELECT50, num(40), client.Out(in), null(), null(), null(), null()); n != 1 || !bytes.Equal(in, set(rd)) {
		t.Errorf("pselect: %d, %x", n, in)
	}
	c.fails(netbsd.EBADF, netbsd.SYS___SELECT50, num(40), client.Out(set(39)), null(), null(), zero)
	c.fails(netbsd.EINVAL, netbsd.SYS___SELECT50, num(-1), null(), null(), null(), zero)
	fds := []netbsd.Pollfd{{FD: int32(rd), Events: netbsd.POLLIN | netbsd.POLLRDNORM}, {FD: -1, Events: netbsd.POLLIN}, {FD: 77, Events: netbsd.POLLIN}}
	if n, err := c.Poll(fds, 0); n != 2 || err != nil || fds[0].Revents != netbsd.POLLIN|netbsd.POLLRDNORM || fds[1].Revents != 0 || fds[2].Revents != netbsd.POLLNVAL {
		t.Errorf("poll: %d, %v, %+v", n, err, fds)
	}
	begin := time.Now()
	ts := netbsd.Timespec{Nsec: 20e6}
	if n := c.ok(netbsd.SYS___POLLTS50, null(), num(0), client.Encoded(ts, 16), null()); n != 0 || time.Since(begin) < 20*time.Millisecond {
		t.Errorf("pollts: %d after %v", n, time.Since(begin))
	}
	c.ok(netbsd.SYS___NANOSLEEP50, client.Encoded(ts, 16), null())
	c.fails(netbsd.EINVAL, netbsd.SYS___NANOSLEEP50, client.Encoded(netbsd.Timespec{Nsec: 1e9}, 16), null())
	if no := c.ok(netbsd.SYS_CLOCK_NANOSLEEP, num(0), num(netbsd.TIMER_ABSTIME), client.Encoded(netbsd.Timespec{Sec: 1}, 16), null()); no != 0 {
		t.Errorf("until a time that has passed: %d", no)
	}
}

// TestClocks reads them.
func TestClocks(t *testing.T) {
	c := newTester(t)
	tv, err := c.Gettimeofday()
	if err != nil || time.Since(time.Unix(tv.Sec, 0)).Abs() > time.Minute {
		t.Errorf("it is %v, %v", tv, err)
	}
	b := make([]byte, 16)
	for id, want := range map[int]error{0: nil, 3: nil, 2: nil, 9: netbsd.EINVAL} {
		if _, err := c.Syscall(netbsd.SYS___CLOCK_GETTIME50, num(id), client.Out(b)); !errors.Is(err, want) {
			t.Errorf("clock %d: %v, want %v", id, err, want)
		}
	}
	c.ok(netbsd.SYS___CLOCK_GETRES50, num(0), client.Out(b))
	if le.Uint64(b[8:]) != 10e6 {
		t.Errorf("resolution %d ns", le.Uint64(b[8:]))
	}
}

// TestWho asks and changes who the process is.
func TestWho(t *testing.T) {
	c := newTester(t)
	pair := func(number int) [2]int64 {
		t.Helper()
		r, err := c.Syscall(number)
		must(t, err)
		return r
	}
	pid := pair(netbsd.SYS_GETPID_WITH_PPID)
	if pid[0] <= 1 || pid[1] != 1 || c.ok(netbsd.SYS_GETPPID) != 1 || c.ok(netbsd.SYS_GETPGRP) != pid[0] || c.ok(netbsd.SYS_GETPGID, num(0)) != pid[0] || c.ok(netbsd.SYS_SETSID) != pid[0] {
		t.Errorf("process %v", pid)
	}
	c.fails(netbsd.ESRCH, netbsd.SYS_GETPGID, num(1))
	c.ok(netbsd.SYS_SETPGID, num(0), num(0))
	groups := make([]byte, 12)
	c.ok(netbsd.SYS_SETGROUPS, num(3), client.In([]byte{1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0}))
	if n := c.ok(netbsd.SYS_GETGROUPS, num(3), client.Out(groups)); n != 3 || groups[8] != 3 {
		t.Errorf("groups: %d %x", n, groups)
	}
	c.fails(netbsd.EINVAL, netbsd.SYS_GETGROUPS, num(1), client.Out(groups))
	c.ok(netbsd.SYS___SETLOGIN, str("someone"))
	name := make([]byte, 20)
	c.ok(netbsd.SYS___GETLOGIN, client.Out(name), long(20))
	if string(name[:8]) != "someone\x00" {
		t.Errorf("login %q", name)
	}
	c.fails(netbsd.ERANGE, netbsd.SYS___GETLOGIN, client.Out(name), long(3))
	l := make([]byte, 16)
	c.ok(netbsd.SYS_GETRLIMIT, num(netbsd.RLIMIT_NOFILE), client.Out(l))
	if le.Uint64(l) != 128 {
		t.Errorf("limit %d", le.Uint64(l))
	}
	le.PutUint64(l, 5)
	c.ok(netbsd.SYS_SETRLIMIT, num(netbsd.RLIMIT_NOFILE), client.In(l))
	c.ok(netbsd.SYS_SETREGID, num(20), num(21))
	if g := pair(netbsd.SYS_GETGID_WITH_EGID); g != [2]int64{20, 21} || c.ok(netbsd.SYS_GETEGID) != 21 {
		t.Errorf("groups %v", g)
	}
	c.ok(netbsd.SYS_SETEGID, num(20))
	c.ok(netbsd.SYS_SETGID, num(22))
	c.ok(netbsd.SYS_SETREUID, num(10), num(11))
	if u := pair(netbsd.SYS_GETUID_WITH_EUID); u != [2]int64{10, 11} || c.ok(netbsd.SYS_GETEUID) != 11 {
		t.Errorf("users %v", u)
	}
	c.ok(netbsd.SYS_SETEUID, num(10))
	c.fails(netbsd.EPERM, netbsd.SYS_SETUID, num(0))
	c.fails(netbsd.EPERM, netbsd.SYS_REBOOT, num(0), null())
	if _, err := c.Sysctl(client.Mib{netbsd.CTL_KERN, netbsd.KERN_HOSTNAME}, 0, []byte("x\x00")); !errors.Is(err, netbsd.EPERM) {
		t.Errorf("setting the hostname by anybody: %v, want EPERM", err)
	}
}

// TestSysctl reads with little room, and names that are none.
func TestSysctl(t *testing.T) {
	c := newTester(t)
	host := client.Mib{netbsd.CTL_KERN, netbsd.KERN_HOSTNAME}
	if b, err := c.Sysctl(host, 4, nil); !errors.Is(err, netbsd.ENOMEM) || string(b) != "rump" {
		t.Errorf("with room for four: %q, %v", b, err)
	}
	if n, err := c.SysctlSize(host); n != len("rump-00042.test")+1 || err != nil {
		t.Errorf("size %d, %v", n, err)
	}
	_, err := c.Sysctl(host, 0, []byte(strings.Repeat("x", 256)))
	if !errors.Is(err, netbsd.EINVAL) {
		t.Errorf("a name that is too long: %v, want EINVAL", err)
	}
	if old, err := c.Sysctl(host, 256, []byte("other")); string(old) != "rump-00042.test\x00" || err != nil {
		t.Errorf("setting it: %q, %v", old, err)
	}
	if b, _ := c.SysctlGet(host); string(b) != "other\x00" {
		t.Errorf("it is %q", b)
	}
	for _, x := range []struct {
		mib  client.Mib
		want error
	}{
		{client.Mib{1}, netbsd.EISDIR}, {client.Mib{99}, netbsd.ENOENT}, {client.Mib{1, 1, 1}, netbsd.ENOTDIR}, {client.Mib{1, -3}, netbsd.EOPNOTSUPP},
		{make(client.Mib, 13), netbsd.EINVAL}, {client.Mib{}, netbsd.EINVAL},
	} {
		if _, err := c.SysctlGet(x.mib); !errors.Is(err, x.want) {
			t.Errorf("%v: %v, want %v", x.mib, err, x.want)
		}
	}
	if b, err := c.Sysctl(client.Mib{netbsd.CTL_KERN, netbsd.KERN_ARND}, 100, nil); len(b) != 100 || err != nil || bytes.Equal(b, make([]byte, 100)) {
		t.Errorf("random bytes: %x, %v", b, err)
	}
	if b, err := c.SysctlGet(client.Mib{netbsd.CTL_HW, netbsd.HW_NCPU}); le.Uint32(b) != 2 || err != nil {
		t.Errorf("cpus: %x, %v", b, err)
	}
	if _, err := c.Sysctl(client.Mib{netbsd.CTL_KERN, 1037}, 0, []byte{1}); !errors.Is(err, netbsd.EINVAL) {
		t.Errorf("a number of one byte: %v, want EINVAL", err)
	}
}

// TestModules lists them, with little room too.
func TestModules(t *testing.T) {
	c := newTester(t)
	list, err := c.Modules()
	must(t, err)
	if i := slices.IndexFunc(list, func(m netbsd.Modstat) bool { return m.Name == "ffs" }); i < 0 || list[i].Class != netbsd.ModuleVFS {
		t.Errorf("modules %+v", list)
	}
	b, v := make([]byte, 10), make([]byte, 16)
	netbsd.Iovec{Len: 10}.Encode(v)
	c.ok(netbsd.SYS_MODCTL, num(netbsd.MODCTL_STAT), client.Out(v, client.Inner{To: client.Out(b)}))
	if n := le.Uint64(v[8:]); n != uint64(len(list)*netbsd.ModstatSize) {
		t.Errorf("with little room: %d bytes", n)
	}
	c.fails(netbsd.EPERM, netbsd.SYS_MODCTL, num(netbsd.MODCTL_LOAD), null())
	c.fails(netbsd.EINVAL, netbsd.SYS_MODCTL, num(99), null())
}

// TestBare has a kernel without file systems: calls on them do not exist, the others do.
func TestBare(t *testing.T) {
	c := &tester{newRig(t, "rump").dial(), t}
	c.fails(netbsd.ENOSYS, netbsd.SYS_OPEN, str("/"), num(0), num(0))
	c.fails(netbsd.ENOSYS, netbsd.SYS___STAT50, str("/"), null())
	c.fails(netbsd.ENOSYS, netbsd.SYS_GETVFSSTAT, null(), long(0), num(0))
	rd, wr, err := c.Pipe()
	must(t, err)
	_, err = c.Write(wr, []byte("x"))
	must(t, err)
	if n, err := c.Read(rd, make([]byte, 10)); n != 1 || err != nil {
		t.Errorf("a pipe: %d, %v", n, err)
	}
	if _, _, err := c.SysctlFind("kern.hostname"); err != nil {
		t.Error(err)
	}
}
