package proc_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"syscall"
	"testing"
	"time"

	"rump/rumpfs/kern"
	"rump/rumpfs/kern/proc"
	"rump/rumpfs/vfs"
)

// TestPipe moves bytes, waits, and notices its ends.
func TestPipe(t *testing.T) {
	p := newRig(t).process()
	r, w, err := p.Pipe(0)
	must(t, err)
	got := make(chan string)
	go func() {
		b := make([]byte, 10)
		n, err := p.Read(ctx, r, b)
		if err != nil {
			t.Error(err)
		}
		got <- string(b[:n])
	}()
	time.Sleep(5 * time.Millisecond)
	_, err = p.Write(ctx, w, []byte("hello"))
	must(t, err)
	if s := <-got; s != "hello" {
		t.Errorf("read %q", s)
	}
	big := bytes.Repeat([]byte("0123456789"), 10000)
	go func() {
		if n, err := p.Write(ctx, w, big); n != len(big) || err != nil {
			t.Errorf("wrote %d, %v", n, err)
		}
		if err := p.Close(w); err != nil {
			t.Error(err)
		}
	}()
	var all []byte
	for b := make([]byte, 777); ; {
		n, err := p.Read(ctx, r, b)
		must(t, err)
		if n == 0 {
			break
		}
		all = append(all, b[:n]...)
	}
	if !bytes.Equal(all, big) {
		t.Errorf("read %d bytes, want %d", len(all), len(big))
	}
	if _, err := p.Write(ctx, r, big); err != syscall.EBADF {
		t.Errorf("writing to the end for reading: %v, want EBADF", err)
	}
}

// TestPipeNoWait asks a pipe that must not make anybody wait.
func TestPipeNoWait(t *testing.T) {
	p := newRig(t).process()
	r, w, err := p.Pipe(proc.NonBlock)
	must(t, err)
	b := make([]byte, 1000)
	if _, err := p.Read(ctx, r, b); err != syscall.EAGAIN {
		t.Errorf("an empty pipe: %v, want EAGAIN", err)
	}
	total := 0
	for {
		n, err := p.Write(ctx, w, b)
		total += n
		if err != nil {
			if err != syscall.EAGAIN || total != 16384 {
				t.Errorf("full after %d bytes: %v", total, err)
			}
			break
		}
	}
	if n, err := p.Read(ctx, r, b[:100]); n != 100 || err != nil {
		t.Errorf("read %d, %v", n, err)
	}
	if _, err := p.Write(ctx, w, b[:200]); err != syscall.EAGAIN {
		t.Errorf("a small piece that does not fit whole: %v, want EAGAIN", err)
	}
	if n, err := p.Write(ctx, w, b[:1000]); n != 100 || err != nil {
		t.Errorf("a large piece fits in part: %d, %v, want 100", n, err)
	}
	must(t, p.Close(r))
	if _, err := p.Write(ctx, w, b); err != syscall.EPIPE {
		t.Errorf("without a reader: %v, want EPIPE", err)
	}
}

// TestPoll waits for pipes.
func TestPoll(t *testing.T) {
	p := newRig(t).process()
	r, w, err := p.Pipe(0)
	must(t, err)
	ask := func(timeout time.Duration, fds ...proc.PollFD) []proc.Events {
		t.Helper()
		n, err := p.Poll(ctx, fds, timeout)
		must(t, err)
		var got []proc.Events
		for _, f := range fds {
			if got = append(got, f.Got); f.Got != 0 {
				n--
			}
		}
		if n != 0 {
			t.Errorf("poll counts %d too many", n)
		}
		return got
	}
	same := func(got []proc.Events, want ...proc.Events) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("events %v, want %v", got, want)
		}
	}
	rd, wr := proc.PollFD{FD: r, Want: proc.PollRead}, proc.PollFD{FD: w, Want: proc.PollWrite}
	same(ask(0, rd, wr), 0, proc.PollWrite)
	same(ask(5*time.Millisecond, rd), 0)
	same(ask(0, proc.PollFD{FD: 99, Want: proc.PollRead}, proc.PollFD{FD: -1, Want: proc.PollRead}), proc.PollInvalid, 0)
	go func() {
		time.Sleep(5 * time.Millisecond)
		_, _ = p.Write(ctx, w, []byte("x"))
	}()
	same(ask(proc.Forever, rd), proc.PollRead)
	_, err = p.Write(ctx, w, make([]byte, 16383))
	must(t, err)
	same(ask(0, rd, wr), proc.PollRead, 0)
	must(t, p.Close(r))
	same(ask(proc.Forever, wr), proc.PollHangup)
	f, err := p.OpenAt(ctx, at("/tmp/f"), proc.Read|proc.Write|proc.Create, 0o644)
	must(t, err)
	same(ask(proc.Forever, proc.PollFD{FD: f, Want: proc.PollRead | proc.PollWrite}), proc.PollRead|proc.PollWrite)
	short, cancel := context.WithTimeout(ctx, 5*time.Millisecond)
	defer cancel()
	r2, _, err := p.Pipe(0)
	must(t, err)
	if _, err := p.Poll(short, []proc.PollFD{{FD: r2, Want: proc.PollRead}}, proc.Forever); err != syscall.EINTR {
		t.Errorf("a poll that is ended: %v, want EINTR", err)
	}
}

// TestFifo opens the ends of a named pipe in every order.
func TestFifo(t *testing.T) {
	r := newRig(t)
	p := r.process()
	must(t, p.Mkfifo(ctx, at("/tmp/p"), 0o644))
	open := func(flags proc.Flags) (int, error) { return p.OpenAt(ctx, at("/tmp/p"), flags, 0) }
	if _, err := open(proc.Write | proc.NonBlock); err != syscall.ENXIO {
		t.Errorf("writing without a reader: %v, want ENXIO", err)
	}
	for _, first := range []proc.Flags{proc.Read, proc.Write} {
		opened := make(chan int)
		go func() {
			fd, err := open(first)
			if err != nil {
				t.Error(err)
			}
			opened <- fd
		}()
		select {
		case <-opened:
			t.Fatal("an end opens alone")
		case <-time.After(5 * time.Millisecond):
		}
		second := proc.Read | proc.Write ^ first
		other, err := open(second &^ first)
		must(t, err)
		fd := <-opened
		rd, wr := fd, other
		if first == proc.Write {
			rd, wr = other, fd
		}
		_, err = p.Write(ctx, wr, []byte("through"))
		must(t, err)
		b := make([]byte, 10)
		if n, err := p.Read(ctx, rd, b); string(b[:n]) != "through" || err != nil {
			t.Errorf("read %q, %v", b[:n], err)
		}
		must(t, p.Close(wr))
		if n, err := p.Read(ctx, rd, b); n != 0 || err != nil {
			t.Errorf("without a writer: %d, %v, want 0", n, err)
		}
		must(t, p.Close(rd))
	}
	fd, err := open(proc.Read | proc.NonBlock)
	must(t, err)
	if n, err := p.Read(ctx, fd, make([]byte, 1)); n != 0 || err != nil {
		t.Errorf("nobody writes: %d, %v", n, err)
	}
	both, err := open(proc.Read | proc.Write)
	must(t, err)
	if _, err := p.Read(ctx, fd, make([]byte, 1)); err != syscall.EAGAIN {
		t.Errorf("a writer that says nothing: %v, want EAGAIN", err)
	}
	must(t, p.Close(both))
	ended, cancel := context.WithCancel(ctx)
	go func() { time.Sleep(5 * time.Millisecond); cancel() }()
	must(t, p.Close(fd))
	if _, err := p.OpenAt(ended, at("/tmp/p"), proc.Read, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("an open that is ended: %v", err)
	}
}

// TestMount mounts, and does not mount.
func TestMount(t *testing.T) {
	r := newRig(t)
	p, user := r.process(), r.user(5)
	must(t, p.Mkdir(ctx, at("/tmp/m"), 0o755))
	must(t, p.Mkdir(ctx, at("/tmp/n"), 0o755))
	file(t, p, "/tmp/f", "x")
	for _, c := range []struct {
		who       *proc.Process
		typ, path string
		from      string
		want      error
	}{
		{user, "mem", "/tmp/m", "", syscall.EPERM},
		{p, "none", "/tmp/m", "", syscall.ENODEV},
		{p, "mem", "/tmp/none", "", syscall.ENOENT},
		{p, "mem", "/tmp/f", "", syscall.ENOTDIR},
		{p, "disk", "/tmp/m", "/none", syscall.ENOENT},
		{p, "disk", "/tmp/m", "/tmp/f", syscall.ENOTBLK},
		{p, "disk", "/tmp/m", "/dev/null", syscall.ENOTBLK},
		{p, "disk", "/tmp/m", "/dk", nil},
		{p, "disk", "/tmp/n", "/dk", syscall.EBUSY},
		{p, "mem", "/tmp/n", "", nil},
	} {
		err := c.who.Mount(ctx, c.typ, at(c.path), proc.MountArgs{From: c.from})
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("mount %s %s on %s: %v, want %v", c.typ, c.from, c.path, err, c.want)
		}
	}
	if _, err := p.OpenAt(ctx, at("/dk"), proc.Read, 0); err != syscall.EBUSY {
		t.Errorf("opening a disk that is mounted: %v, want EBUSY", err)
	}
	vols, err := p.Volumes(ctx)
	must(t, err)
	if len(vols) != 3 || vols[1].On != "/tmp/m" || !vols[1].OnDevice || vols[1].Device != (vfs.Dev{Major: 7}) || vols[2].Type != "mem" || !vols[0].IsRoot {
		t.Errorf("volumes are %+v", vols)
	}
	if a, err := p.MountArgs(ctx, "disk", at("/tmp/m")); a.From != "/dk" || err != nil {
		t.Errorf("arguments %+v, %v", a, err)
	}
	if _, err := p.MountArgs(ctx, "mem", at("/tmp/m")); err != syscall.EINVAL {
		t.Errorf("arguments of another type: %v, want EINVAL", err)
	}
	file(t, p, "/tmp/m/f", "on it")
	fd, err := p.OpenAt(ctx, at("/tmp/m/f"), proc.Read, 0)
	must(t, err)
	for path, want := range map[string]error{"/tmp/m": syscall.EBUSY, "/tmp/m/f": syscall.EINVAL, "/tmp": syscall.EINVAL, "/": syscall.EINVAL, "/none": syscall.ENOENT} {
		if err := p.Unmount(ctx, at(path), false); !errors.Is(err, want) {
			t.Errorf("unmount %s: %v, want %v", path, err, want)
		}
	}
	if err := user.Unmount(ctx, at("/tmp/n"), false); err != syscall.EPERM {
		t.Errorf("unmount by anybody: %v, want EPERM", err)
	}
	must(t, p.Unmount(ctx, at("/tmp/m"), true))
	if _, err := p.Read(ctx, fd, make([]byte, 1)); err != syscall.ESTALE {
		t.Errorf("reading what was unmounted: %v, want ESTALE", err)
	}
	must(t, p.Close(fd))
	must(t, p.Unmount(ctx, at("/tmp/n"), false))
	must(t, p.Mount(ctx, "disk", at("/tmp/m"), proc.MountArgs{From: "/dk", Flags: proc.MountReadOnly}))
	if err := p.Mkdir(ctx, at("/tmp/m/x"), 0o755); err != syscall.EROFS {
		t.Errorf("mkdir on a read-only mount: %v, want EROFS", err)
	}
	must(t, p.Unmount(ctx, at("/tmp/m"), false))
}

// TestNoDev mounts without devices.
func TestNoDev(t *testing.T) {
	p := newRig(t).process()
	must(t, p.Mkdir(ctx, at("/tmp/m"), 0o755))
	must(t, p.Mount(ctx, "mem", at("/tmp/m"), proc.MountArgs{Flags: proc.MountNoDev}))
	must(t, p.Mknod(ctx, at("/tmp/m/null"), vfs.KindChar, 0o666, vfs.Dev{Major: 2, Minor: 2}))
	if _, err := p.OpenAt(ctx, at("/tmp/m/null"), proc.Read, 0); err != syscall.ENXIO {
		t.Errorf("a device there: %v, want ENXIO", err)
	}
	must(t, p.Unmount(ctx, at("/tmp/m"), false))
}

// TestLocks locks ranges for processes, and whole files for opens.
func TestLocks(t *testing.T) {
	r := newRig(t)
	a, b := r.process(), r.process()
	file(t, a, "/tmp/f", "0123456789")
	open := func(p *proc.Process, flags proc.Flags) int {
		t.Helper()
		fd, err := p.OpenAt(ctx, at("/tmp/f"), flags, 0)
		must(t, err)
		return fd
	}
	fa, fb := open(a, proc.Read|proc.Write), open(b, proc.Read|proc.Write)
	must(t, a.SetLock(ctx, fa, proc.Range{Start: 2, Length: 3}, true, false))
	for _, c := range []struct {
		r    proc.Range
		want error
	}{
		{proc.Range{Start: 0, Length: 2}, nil},
		{proc.Range{Start: 5}, nil},
		{proc.Range{Start: 0, Length: 3}, syscall.EAGAIN},
		{proc.Range{Start: 4, Length: 1}, syscall.EAGAIN},
		{proc.Range{Start: 5, Length: -1}, syscall.EAGAIN},
		{proc.Range{Start: 0, Length: -2, From: proc.SeekEnd}, nil},
		{proc.Range{Start: -20, From: proc.SeekEnd}, syscall.EINVAL},
		{proc.Range{Start: 0, Length: 1, From: 9}, syscall.EINVAL},
		{proc.Range{Start: 1<<63 - 1, Length: 10}, syscall.EOVERFLOW},
	} {
		if err := b.SetLock(ctx, fb, c.r, false, false); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v, want %v", c.r, err, c.want)
		}
	}
	found, ok, err := b.TestLock(ctx, fb, proc.Range{}, false)
	if err != nil || !ok || found.Start != 2 || found.End != 4 || found.PID != a.PID() || !found.Exclusive {
		t.Errorf("found %+v %v, %v", found, ok, err)
	}
	if err := b.SetLock(ctx, open(b, proc.Read), proc.Range{Start: 20, Length: 1}, true, false); err != syscall.EBADF {
		t.Errorf("an exclusive lock through a descriptor for reading: %v, want EBADF", err)
	}
	must(t, a.Close(open(a, proc.Read))) // closing any descriptor of the file gives all locks back
	if err := b.SetLock(ctx, fb, proc.Range{Start: 2, Length: 1}, true, false); err != nil {
		t.Errorf("after a close: %v", err)
	}
	must(t, b.Unlock(ctx, fb, proc.Range{}))
	if _, ok, err := a.TestLock(ctx, fa, proc.Range{}, true); ok || err != nil {
		t.Errorf("a lock is left: %v, %v", ok, err)
	}

	must(t, a.Flock(ctx, fa, true, false))
	if err := b.Flock(ctx, fb, false, false); err != syscall.EAGAIN {
		t.Errorf("flock: %v, want EAGAIN", err)
	}
	if _, err := b.OpenAt(ctx, at("/tmp/f"), proc.Read|proc.SharedLock|proc.NonBlock, 0); err != syscall.EAGAIN {
		t.Errorf("open with a lock: %v, want EAGAIN", err)
	}
	copied, err := a.Dup(fa, 0, false)
	must(t, err)
	must(t, a.Close(fa))
	if err := b.Flock(ctx, fb, false, false); err != syscall.EAGAIN {
		t.Errorf("flock while a copy is open: %v, want EAGAIN", err)
	}
	got := make(chan error)
	go func() { got <- b.Flock(ctx, fb, true, true) }()
	time.Sleep(5 * time.Millisecond)
	must(t, a.Close(copied))
	must(t, <-got)
	must(t, b.Funlock(fb))
	rd, _, err := a.Pipe(0)
	must(t, err)
	if err := a.Flock(ctx, rd, true, false); err != syscall.EOPNOTSUPP {
		t.Errorf("flock of a pipe: %v, want EOPNOTSUPP", err)
	}
}

// TestIDs changes ids as root and as somebody else.
func TestIDs(t *testing.T) {
	r := newRig(t)
	root := r.process()
	must(t, root.SetRealEffectiveUID(10, 20))
	if ruid, euid := root.UID(); ruid != 10 || euid != 20 {
		t.Errorf("ids %d %d, want 10 20", ruid, euid)
	}
	must(t, root.SetEffectiveUID(10))
	must(t, root.SetEffectiveUID(20)) // the saved one
	if err := root.SetEffectiveUID(0); err != syscall.EPERM {
		t.Errorf("back to root: %v, want EPERM", err)
	}
	p := r.user(5)
	for what, err := range map[string]error{
		"setuid": p.SetUID(6), "seteuid": p.SetEffectiveUID(6), "setreuid": p.SetRealEffectiveUID(6, proc.Unchanged),
		"setgid": p.SetGID(6), "setegid": p.SetEffectiveGID(6), "setregid": p.SetRealEffectiveGID(proc.Unchanged, 6),
		"setgroups": p.SetGroups([]uint32{6}), "setlogin": p.SetLogin("x"),
		"raise": p.SetLimit(proc.LimitFiles, proc.Limit{Soft: 1, Hard: 1 << 40}),
	} {
		if err != syscall.EPERM {
			t.Errorf("%s by anybody: %v, want EPERM", what, err)
		}
	}
	must(t, p.SetUID(5))
	must(t, p.SetRealEffectiveUID(proc.Unchanged, proc.Unchanged))
	q := r.process()
	must(t, q.SetGroups([]uint32{3, 4}))
	if err := q.SetGroups(make([]uint32, 17)); err != syscall.EINVAL {
		t.Errorf("17 groups: %v, want EINVAL", err)
	}
	if got := q.Groups(); !slices.Equal(got, []uint32{3, 4}) {
		t.Errorf("groups %v", got)
	}
}

// TestWho acts as who the process is, and asks as who it really is.
func TestWho(t *testing.T) {
	r := newRig(t)
	root := r.process()
	file(t, root, "/tmp/secret", "x")
	must(t, root.SetAttr(ctx, at("/tmp/secret"), true, vfs.SetAttr{Mask: vfs.SetMode, Mode: 0o600}))
	p := r.user(5)
	if _, err := p.OpenAt(ctx, at("/tmp/secret"), proc.Read, 0); err != syscall.EACCES {
		t.Errorf("open by anybody: %v, want EACCES", err)
	}
	if err := p.Access(ctx, at("/tmp/secret"), 0, false); err != nil {
		t.Errorf("it can be reached: %v", err)
	}
	setuid := r.process()
	must(t, setuid.SetRealEffectiveUID(5, 0))
	if err := setuid.Access(ctx, at("/tmp/secret"), kern.MayRead, false); err != syscall.EACCES {
		t.Errorf("access by the real user: %v, want EACCES", err)
	}
	if err := setuid.Access(ctx, at("/tmp/secret"), kern.MayRead, true); err != nil {
		t.Errorf("access by the effective user: %v", err)
	}
	file(t, p, "/tmp/mine", "x")
	if st, err := p.Stat(ctx, at("/tmp/mine"), true); st.UID != 5 || err != nil {
		t.Errorf("its owner is %d, %v", st.UID, err)
	}
	if err := p.Unlink(ctx, at("/tmp/secret")); err != syscall.EPERM {
		t.Errorf("another's file in a sticky directory: %v, want EPERM", err)
	}
}

// TestTimes sets times, and leaves some as they are.
func TestTimes(t *testing.T) {
	p := newRig(t).process()
	file(t, p, "/tmp/f", "x")
	before, err := p.Stat(ctx, at("/tmp/f"), true)
	must(t, err)
	old := vfs.Time{Sec: 1000, Nsec: 5}
	must(t, p.SetTimes(ctx, at("/tmp/f"), true, proc.TimeSetting{Omit: true}, proc.TimeSetting{Time: old}))
	st, err := p.Stat(ctx, at("/tmp/f"), true)
	must(t, err)
	if st.Mtime != old || st.Atime != before.Atime || st.Btime != old {
		t.Errorf("mtime %v, atime %v, birth %v; want %v, %v, %v", st.Mtime, st.Atime, st.Btime, old, before.Atime, old)
	}
	must(t, p.SetTimes(ctx, at("/tmp/f"), true, proc.TimeSetting{Now: true}, proc.TimeSetting{Now: true}))
	if st, _ = p.Stat(ctx, at("/tmp/f"), true); st.Mtime.Sec < before.Mtime.Sec || st.Btime != old {
		t.Errorf("now is %v, birth %v", st.Mtime, st.Btime)
	}
}

// TestConsole is what every process has at first.
func TestConsole(t *testing.T) {
	r := newRig(t)
	p := r.process()
	if n, err := p.Write(ctx, 1, []byte("a word\n")); n != 7 || err != nil {
		t.Errorf("write: %d, %v", n, err)
	}
	if _, err := p.Read(ctx, 0, make([]byte, 1)); err != syscall.EBADF {
		t.Errorf("read: %v, want EBADF", err)
	}
	if got := string(r.sys.Console().Kept()); got != "a word\n" {
		t.Errorf("the console keeps %q", got)
	}
	if st, err := p.Fstat(ctx, 2); err != nil || st.Kind != vfs.KindChar || st.Mode != 0o600 || st.Mount != nil {
		t.Errorf("it is %+v, %v", st, err)
	}
	for range 3000 {
		_, _ = p.Write(ctx, 1, []byte("one more line\n"))
	}
	if n := len(r.sys.Console().Kept()); n != proc.ConsoleKept {
		t.Errorf("%d bytes are kept, want %d", n, proc.ConsoleKept)
	}
}

// TestNumbers gives processes numbers that are free, and parents.
func TestNumbers(t *testing.T) {
	r := newRig(t)
	a := r.process()
	b, err := a.Fork()
	must(t, err)
	defer b.Exit()
	if b.Parent() != a.PID() || a.Parent() != 1 || r.sys.Init().Parent() != 0 {
		t.Errorf("parents %d, %d, %d", b.Parent(), a.Parent(), r.sys.Init().Parent())
	}
	a.Exit()
	if b.Parent() != 1 {
		t.Errorf("an orphan's parent is %d, want 1", b.Parent())
	}
	if _, err := a.Fork(); err != syscall.ESRCH {
		t.Errorf("a fork of what has ended: %v, want ESRCH", err)
	}
	seen := map[int32]bool{1: true, b.PID(): true}
	for range 40000 { // more than there are numbers
		p, err := r.sys.NewProcess("x")
		must(t, err)
		if p.PID() <= 1 || p.PID() == b.PID() {
			t.Fatalf("number %d is in use", p.PID())
		}
		seen[p.PID()] = true
		p.Exit()
	}
	if len(seen) < 29000 {
		t.Errorf("only %d numbers are used", len(seen))
	}
}
