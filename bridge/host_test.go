package bridge_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"rump/bridge"
	"rump/rumpfs/kern"
	"rump/rumpfs/rootfs"
	"rump/rumpfs/vfs"
)

// TestMmap: a shared writable mapping is coherent with read and write, and outlives its descriptor.
func TestMmap(t *testing.T) {
	m := mount(t, bridge.Options{})
	m.run("mmap", 1)
	m.ok(m.bridge.Unmount())
	in := m.inside("f")
	if len(in) != mapSize || in[:11] != "after close" || in[4090:4097] != "written" || in[mapSize-6:] != "mapped" {
		t.Errorf("in the file: size %d, %q, %q, %q", len(in), in[:11], in[4090:4097], in[mapSize-6:])
	}
}

const mapSize = 5*4096 + 100

// mapFile is a client that changes a file by mapping and by writing.
func mapFile(dir string, _ int) error {
	if err := os.WriteFile(dir+"/f", bytes.Repeat([]byte("a"), mapSize), 0o644); err != nil {
		return err
	}
	fd, err := syscall.Open(dir+"/f", syscall.O_RDWR, 0)
	if err != nil {
		return err
	}
	p, err := syscall.Mmap(fd, 0, mapSize, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return err
	}
	if _, err = syscall.Pwrite(fd, []byte("written"), 4090); err != nil {
		return err
	}
	if got := string(p[4090:4097]); got != "written" {
		return fmt.Errorf("the mapping does not show what was written: %q", got)
	}
	copy(p[mapSize-6:], "mapped")
	got := make([]byte, 6)
	if _, err = syscall.Pread(fd, got, mapSize-6); err != nil || string(got) != "mapped" {
		return fmt.Errorf("reading does not show what was stored: %q, %v", got, err)
	}
	if err := syscall.Close(fd); err != nil {
		return err
	}
	copy(p, "after close")
	return syscall.Munmap(p)
}

// TestAppendMeets: a program of the host appends where another door has made the file longer, although the host has not
// looked since.
func TestAppendMeets(t *testing.T) {
	m := mount(t, bridge.Options{})
	m.write("f", "host ")
	fd, err := syscall.Open(m.path("f"), syscall.O_WRONLY|syscall.O_APPEND, 0)
	m.ok(err)
	defer syscall.Close(fd)
	v := m.walk("f")
	want := "host "
	for i := range 20 {
		door, host := fmt.Sprintf("<door %d>", i), fmt.Sprintf("<host %d>", i)
		_, _, err := m.door.Append(ctx, vfs.Root, v, []byte(door))
		m.ok(err)
		_, err = syscall.Write(fd, []byte(host))
		m.ok(err)
		want += door + host
	}
	if got := m.inside("f"); got != want {
		t.Errorf("the file holds\n%q, want\n%q", got, want)
	}
	m.eventually("the host sees all of it", func() bool {
		got, err := os.ReadFile(m.path("f"))
		return err == nil && string(got) == want
	})
}

// TestOwners: what a program makes belongs to its user and group, or to the group of a set-group-ID directory; modes are under
// its umask.
func TestOwners(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to be others")
	}
	m := mount(t, bridge.Options{AllowOther: true})
	m.ok(os.Chmod(m.dir, 0o777))
	m.ok(os.Mkdir(m.path("bsd"), 0o777))
	m.ok(os.Chown(m.path("bsd"), 7, 77))
	m.ok(os.Chmod(m.path("bsd"), 0o777|os.ModeSetgid))
	m.ok(os.Chmod(parent(m.dir), 0o755))
	as(t, 1234, 5678, `umask 027; touch f; mkdir d; mkfifo p; ln -s f l; echo x >g; touch bsd/f; mkdir bsd/d; mkdir bsd/d/d; touch bsd/d/d/f`, m.dir)
	for name, want := range map[string]string{
		"f": "1234:5678 100640", "d": "1234:5678 40750", "p": "1234:5678 10640", "l": "1234:5678 120777",
		"g": "1234:5678 100640", "bsd/f": "1234:77 100640", "bsd/d": "1234:77 42750", "bsd/d/d/f": "1234:77 100640",
	} {
		st := m.stat(name)
		if got := fmt.Sprintf("%d:%d %o", st.Uid, st.Gid, st.Mode); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

// TestPopulate: an ordinary user gives files away, sets ids and dates, and reads what has no permissions; the mount is
// nosuid and nodev for all that.
func TestPopulate(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to be others")
	}
	m := mount(t, bridge.Options{AllowOther: true})
	m.ok(os.Chmod(parent(m.dir), 0o755))
	as(t, 1000, 1000, `set -e
		echo data >f; chown 0:0 f; chown 1234:5678 f; chmod 4755 f; touch -d 2001-02-03T04:05:06.7Z f
		echo none >zero; chmod 0 zero; chown 55:66 zero; test "$(cat zero)" = none
		mkdir dir; chmod 0 dir; echo x >dir/x; cp -a dir/x own; tar cf - f zero | tar xpf - -C dir
		! ./f 2>/dev/null || false`, m.dir)
	st := m.stat("f")
	if got := fmt.Sprintf("%d:%d %o %d.%d", st.Uid, st.Gid, st.Mode, st.Mtim.Sec, st.Mtim.Nsec); got != "1234:5678 104755 981173106.700000000" {
		t.Errorf("f: got %s", got)
	}
	var fs unix.Statfs_t
	m.ok(unix.Statfs(m.dir, &fs))
	if want := int64(unix.ST_NOSUID | unix.ST_NODEV); fs.Flags&want != want {
		t.Errorf("mount flags: got %#x, want nosuid and nodev", fs.Flags)
	}
}

// TestAsCaller: then the host checks as for any file system of its own.
func TestAsCaller(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to be others")
	}
	m := mount(t, bridge.Options{AllowOther: true, AsCaller: true})
	m.ok(os.Chmod(parent(m.dir), 0o755))
	m.write("f", "root's")
	m.ok(os.Chmod(m.path("f"), 0o640))
	m.ok(os.Chown(m.path("f"), 0, 44))
	m.ok(os.Mkdir(m.path("tmp"), 0o777))
	m.ok(os.Chmod(m.path("tmp"), 0o777|os.ModeSticky))
	m.write("tmp/other", "")
	as(t, 1000, 1000, `set -e
		! cat f 2>/dev/null; ! touch g 2>/dev/null; ! chmod 666 f 2>/dev/null; ! rm -f tmp/other 2>/dev/null
		echo mine >tmp/mine; ! chown 5 tmp/mine 2>/dev/null; mv tmp/mine tmp/still; rm tmp/still`, m.dir)
	as(t, 1000, 44, `cat f >/dev/null`, m.dir)
}

func parent(dir string) string { return dir[:strings.LastIndexByte(dir, '/')] }

// as runs a shell script as some user in a directory. The shell goes there itself: before a new process runs its program this
// one is suspended, and could not answer.
func as(t *testing.T, uid, gid uint32, script, dir string) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", `cd "$0" && `+"\n"+script, dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("as %d:%d: %v\n%s", uid, gid, err, out)
	}
}

// TestRefusals: what is not there is refused with the number that programs know.
func TestRefusals(t *testing.T) {
	m := mount(t, bridge.Options{})
	m.write("a", "a")
	m.write("b", "b")
	rename := func(flags uint) error {
		return unix.Renameat2(unix.AT_FDCWD, m.path("a"), unix.AT_FDCWD, m.path("b"), flags)
	}
	m.refused(rename(unix.RENAME_NOREPLACE), syscall.EEXIST, "rename without replacing")
	m.refused(rename(unix.RENAME_EXCHANGE), syscall.EINVAL, "exchange")
	m.refused(rename(unix.RENAME_WHITEOUT), syscall.EINVAL, "rename leaving a whiteout")
	m.ok(unix.Renameat2(unix.AT_FDCWD, m.path("a"), unix.AT_FDCWD, m.path("c"), unix.RENAME_NOREPLACE))
	_, err := syscall.Open(m.dir, unix.O_TMPFILE|syscall.O_RDWR, 0o600)
	m.refused(err, syscall.EOPNOTSUPP, "a file without a name")
	m.refused(unix.Setxattr(m.path("b"), "system.posix_acl_access", []byte{2, 0, 0, 0}, 0), syscall.EOPNOTSUPP, "an access control list")
	_, err = syscall.Open(m.path("b")+"/x", syscall.O_RDONLY, 0)
	m.refused(err, syscall.ENOTDIR, "open below a file")
	m.refused(syscall.Mkdir(m.path(strings.Repeat("n", 256)), 0o755), syscall.ENAMETOOLONG, "a name of 256 bytes")
	m.refused(syscall.Access(m.path("b"), 1), syscall.EACCES, "executing what nobody may execute")
	m.holds("c", "a")
	m.holds("b", "b")
}

// TestSync: descriptors of files and directories can be synced, and so can all.
func TestSync(t *testing.T) {
	m := mount(t, bridge.Options{})
	m.write("f", "x")
	for _, name := range []string{"f", ""} {
		fd, err := syscall.Open(m.path(name), syscall.O_RDONLY, 0)
		m.ok(err)
		if err := errors.Join(syscall.Fsync(fd), syscall.Fdatasync(fd), unix.Syncfs(fd)); err != nil {
			t.Errorf("sync of %q: %v", name, err)
		}
		m.ok(syscall.Close(fd))
	}
}

// TestSetIDGoes: writing by someone without privileges, truncating and giving away take set-id bits off.
func TestSetIDGoes(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to be others")
	}
	m := mount(t, bridge.Options{AllowOther: true})
	m.ok(os.Chmod(parent(m.dir), 0o755))
	for _, c := range []struct{ how, script string }{
		{"write", "echo more >>f"}, {"truncate", "truncate -s 1 f"}, {"give away", "chown 5 f"}, {"open to truncate", ": >f"},
	} {
		m.write("f", "data")
		m.ok(os.Chmod(m.path("f"), 0o777|os.ModeSetuid|os.ModeSetgid))
		as(t, 1000, 1000, c.script, m.dir)
		if got := m.stat("f").Mode; got != 0o100777 {
			t.Errorf("after %s: mode %o, want 100777", c.how, got)
		}
		m.ok(os.Remove(m.path("f")))
	}
	for _, kind := range []uint32{syscall.S_IFIFO, syscall.S_IFSOCK, syscall.S_IFCHR} { // not of regular files alone
		m.ok(syscall.Mknod(m.path("f"), kind|0o777, 0))
		m.ok(os.Chmod(m.path("f"), 0o777|os.ModeSetuid))
		as(t, 1000, 1000, "chown 5 f", m.dir)
		if got := m.stat("f").Mode; got != kind|0o777 {
			t.Errorf("a file of type %o given away: mode %o, want 777", kind, got)
		}
		m.ok(os.Remove(m.path("f")))
	}
}

// TestFlags: lsattr and chattr see BSD file flags, and those that they have no name for survive.
func TestFlags(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to make files immutable")
	}
	m := mount(t, bridge.Options{})
	m.write("f", "x")
	v := m.walk("f")
	m.ok(m.door.SetAttr(ctx, vfs.Root, v, vfs.SetAttr{Mask: vfs.SetFlags, Flags: vfs.FlagArchived | vfs.FlagNoDump}))
	fd, err := syscall.Open(m.path("f"), syscall.O_RDONLY, 0)
	m.ok(err)
	defer syscall.Close(fd)
	const immutable, noDump = 0x10, 0x40
	flags, err := unix.IoctlGetUint32(fd, unix.FS_IOC_GETFLAGS)
	m.ok(err)
	if flags != noDump {
		t.Errorf("flags: got %#x, want %#x", flags, noDump)
	}
	m.ok(unix.IoctlSetPointerInt(fd, unix.FS_IOC_SETFLAGS, immutable))
	a, err := m.door.Attr(ctx, v)
	m.ok(err)
	if want := vfs.FlagArchived | vfs.FlagSysImmutable; a.Flags != want {
		t.Errorf("BSD flags: got %#x, want %#x", a.Flags, want)
	}
	m.refused(os.WriteFile(m.path("f"), nil, 0), syscall.EPERM, "writing an immutable file")
	m.refused(syscall.Unlink(m.path("f")), syscall.EPERM, "removing an immutable file")
	m.refused(unix.IoctlSetPointerInt(fd, unix.FS_IOC_SETFLAGS, 0x4), syscall.EOPNOTSUPP, "a flag without a counterpart")
	m.ok(unix.IoctlSetPointerInt(fd, unix.FS_IOC_SETFLAGS, 0))
	m.ok(syscall.Unlink(m.path("f")))
	_, err = unix.IoctlGetUint32(fd, unix.BLKGETSIZE64)
	m.refused(err, syscall.ENOTTY, "an ioctl of disks")
}

// TestXattrNames: the host's name spaces and the two of the file system.
func TestXattrNames(t *testing.T) {
	m := mount(t, bridge.Options{})
	m.write("f", "x")
	m.ok(unix.Setxattr(m.path("f"), "user.one", []byte("1"), 0))
	m.ok(unix.Setxattr(m.path("f"), "user.empty", nil, 0))
	got := make([]byte, 10)
	n, err := unix.Getxattr(m.path("f"), "user.one", got)
	m.ok(err)
	if string(got[:n]) != "1" {
		t.Errorf("user.one: got %q", got[:n])
	}
	if n, err := unix.Getxattr(m.path("f"), "user.one", nil); n != 1 || err != nil {
		t.Errorf("length of user.one: got %d, %v", n, err)
	}
	_, err = unix.Getxattr(m.path("f"), "user.none", got)
	m.refused(err, syscall.ENODATA, "an attribute that is not there")
	_, err = unix.Getxattr(m.path("f"), "odd", got)
	m.refused(err, syscall.EOPNOTSUPP, "a name without a name space")
	m.refused(unix.Setxattr(m.path("f"), "user.one", nil, unix.XATTR_CREATE), syscall.EEXIST, "create what is there")
	m.refused(unix.Setxattr(m.path("f"), "user.none", nil, unix.XATTR_REPLACE), syscall.ENODATA, "replace what is not there")
	list := make([]byte, 100)
	n, err = unix.Listxattr(m.path("f"), list)
	m.ok(err)
	for _, want := range []string{"user.one\x00", "user.empty\x00"} {
		if !bytes.Contains(list[:n], []byte(want)) {
			t.Errorf("list: got %q, want %q in it", list[:n], want)
		}
	}
	_, err = unix.Listxattr(m.path("f"), list[:3])
	m.refused(err, syscall.ERANGE, "a list that does not fit")
	m.ok(unix.Removexattr(m.path("f"), "user.one"))
	m.refused(unix.Removexattr(m.path("f"), "user.one"), syscall.ENODATA, "remove what is not there")
}

// TestNoXattr: then there are none, and files can be written all the same.
func TestNoXattr(t *testing.T) {
	m := mount(t, bridge.Options{NoXattr: true})
	m.write("f", "x")
	m.refused(unix.Setxattr(m.path("f"), "user.x", []byte("1"), 0), syscall.EOPNOTSUPP, "set an attribute")
	_, err := unix.Getxattr(m.path("f"), "user.x", nil)
	m.refused(err, syscall.EOPNOTSUPP, "get an attribute")
	if n, err := unix.Listxattr(m.path("f"), nil); n > 0 {
		t.Errorf("list: got %d bytes, %v", n, err)
	}
	m.holds("f", "x")
}

// TestUnlinkedSpace: a removed file keeps its space while it is open, and gives it back at once when it is closed.
func TestUnlinkedSpace(t *testing.T) {
	m := mountKernel(t, boot(t, rootfs.Options{MaxBytes: 8 << 20}), bridge.Options{})
	free := func() uint64 {
		var st syscall.Statfs_t
		m.ok(syscall.Statfs(m.dir, &st))
		return st.Bfree * uint64(st.Frsize)
	}
	before := free()
	for i := range 10 {
		m.write("f", strings.Repeat("x", 5<<20)) // only fits if the last one is gone
		fd, err := syscall.Open(m.path("f"), syscall.O_RDWR, 0)
		m.ok(err)
		m.ok(syscall.Unlink(m.path("f")))
		got := make([]byte, 3)
		if _, err = syscall.Pread(fd, got, 4<<20); err != nil || string(got) != "xxx" {
			t.Errorf("reading the removed file: %q, %v", got, err)
		}
		if now := free(); now > before-5<<20 {
			t.Errorf("round %d: the space of an open file is free: %d of %d", i, now, before)
		}
		names, err := os.ReadDir(m.dir)
		m.ok(err)
		if len(names) != 0 {
			t.Errorf("names left behind: %v", names)
		}
		m.ok(syscall.Close(fd))
		if now := free(); i == 9 && now != before {
			t.Errorf("after closing: %d bytes free, want %d", now, before)
		}
	}
}

// TestNumbers: d_ino is st_ino, never 0, and no two files of different mounts share one.
func TestNumbers(t *testing.T) {
	m := mount(t, bridge.Options{})
	for _, dir := range []string{"one", "two", "two/deep"} {
		m.mkdirInside(dir)
		mnt, err := m.kernel.MountPath(ctx, "/"+dir, rootfs.New(rootfs.Options{}), kern.MountOptions{})
		m.ok(err)
		m.Cleanup(func() { _ = m.kernel.Unmount(ctx, mnt, true) })
	}
	seen := map[uint64]string{}
	for _, dir := range []string{"", "one", "two", "two/deep"} {
		m.ok(syscall.Mknod(m.path(dir+"/made"), syscall.S_IFREG|0o600, 0))
		m.write(dir+"/f", dir)
		for _, e := range list(t, m.path(dir)) {
			if dir == "" && e.name == ".." {
				continue // the host's
			}
			st := m.stat(dir + "/" + e.name)
			if e.ino != st.Ino || e.ino == 0 {
				t.Errorf("%s/%s: d_ino %d, st_ino %d", dir, e.name, e.ino, st.Ino)
			}
			if e.name == "." || e.name == ".." {
				continue
			}
			if old, ok := seen[st.Ino]; ok {
				t.Errorf("%s/%s and %s have number %d", dir, e.name, old, st.Ino)
			}
			seen[st.Ino] = dir + "/" + e.name
		}
	}
	m.holds("two/deep/f", "two/deep")
	if st := m.stat("f"); st.Ino != uint64(m.walk("f").Ino()) {
		t.Errorf("a file in the root: number %d on the host, %d inside", st.Ino, m.walk("f").Ino())
	}
}
