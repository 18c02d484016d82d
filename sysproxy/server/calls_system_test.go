package server_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"rump/netbsd"
	"rump/sysproxy/client"
)

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
