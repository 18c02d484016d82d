package bridge_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rump/bridge"
	"rump/rumpfs/kern"
	"rump/rumpfs/vfs"
)

// Time-outs of an hour: only notifications help.
var forever = bridge.Options{EntryTimeout: 3600e9, AttrTimeout: 3600e9}

// TestOtherDoor: what another door changes shows on the host, although that has cached what was there.
func TestOtherDoor(t *testing.T) {
	m := mount(t, forever)
	root := m.door.Root()
	defer root.Unref()
	m.write("f", "old")
	m.write("gone", "")
	m.write("moved", "moved")
	m.ok(os.Mkdir(m.path("d"), 0o755))
	m.holds("f", "old")
	for _, name := range []string{"new", "target"} {
		if _, err := os.Stat(m.path(name)); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("%s is there: %v", name, err)
		}
	}
	v := m.walk("f")
	_, err := m.door.Write(ctx, vfs.Root, v, []byte("new and longer"), 0)
	m.ok(err)
	m.eventually("written data shows", func() bool {
		got, err := os.ReadFile(m.path("f"))
		return err == nil && string(got) == "new and longer"
	})
	m.ok(m.door.SetAttr(ctx, vfs.Root, v, vfs.SetAttr{Mask: vfs.SetMode, Mode: 0o4711}))
	m.eventually("a new mode shows", func() bool { return m.stat("f").Mode == 0o104711 })
	m.ok(m.door.Truncate(ctx, vfs.Root, v, 3))
	m.eventually("a new size shows", func() bool { return m.stat("f").Size == 3 })

	n, err := m.door.Create(ctx, vfs.Root, root, "new", vfs.CreateAttr{Kind: vfs.KindRegular, Mode: 0o600})
	m.ok(err)
	n.Unref()
	m.eventually("a new name shows", func() bool { _, err := os.Stat(m.path("new")); return err == nil })
	m.ok(m.door.Remove(ctx, vfs.Root, root, "gone"))
	m.eventually("a removed name is gone", func() bool { _, err := os.Stat(m.path("gone")); return errors.Is(err, os.ErrNotExist) })
	d := m.walk("d")
	m.ok(m.door.Rename(ctx, vfs.Root, root, "moved", d, "target", 0))
	m.eventually("a moved name shows", func() bool {
		_, err := os.Stat(m.path("moved"))
		got, err2 := os.ReadFile(m.path("d/target"))
		return errors.Is(err, os.ErrNotExist) && err2 == nil && string(got) == "moved"
	})
	m.eventually("the listing is right", func() bool { return fmt.Sprint(sorted(m.path(""))) == "[d f new]" })
}

// TestListedBefore: a listing that the host has cached is read again when another door adds or removes a name that the host
// has never looked up.
func TestListedBefore(t *testing.T) {
	m := mount(t, forever)
	root := m.door.Root()
	defer root.Unref()
	for range 3 {
		for range 3 { // the host caches a listing the second time
			if got := sorted(m.dir); len(got) != 0 {
				t.Fatalf("before: %v", got)
			}
		}
		v, err := m.door.Create(ctx, vfs.Root, root, "unseen", vfs.CreateAttr{Kind: vfs.KindRegular})
		m.ok(err)
		v.Unref()
		m.eventually("a new name is listed", func() bool { return fmt.Sprint(sorted(m.dir)) == "[unseen]" })
		m.ok(m.door.Remove(ctx, vfs.Root, root, "unseen"))
		m.eventually("a removed name is not", func() bool { return len(sorted(m.dir)) == 0 })
	}
}

func sorted(dir string) (names []string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestMappedElsewhere: a mapping shows what another door writes.
func TestMappedElsewhere(t *testing.T) {
	m := mount(t, forever)
	m.write("f", string(make([]byte, 8192)))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.run("watch", 5000)
	}()
	m.eventually("the file is mapped", func() bool { return syscall.Access(m.path("ready"), 0) == nil })
	_, err := m.door.Write(ctx, vfs.Root, m.walk("f"), []byte{42}, 5000)
	m.ok(err)
	<-ended
}

// watchMapping is a client that maps a file and waits until a byte of it is 42.
func watchMapping(dir string, at int) error {
	fd, err := syscall.Open(dir+"/f", syscall.O_RDONLY, 0)
	if err != nil {
		return err
	}
	p, err := syscall.Mmap(fd, 0, 8192, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return err
	}
	if p[at] != 0 {
		return errors.New("the file does not begin as zeros")
	}
	if err := os.WriteFile(dir+"/ready", nil, 0o644); err != nil {
		return err
	}
	for range 5000 {
		if p[at] == 42 {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return errors.New("the mapping does not show it")
}

// TestFlood: more changes than can be told one by one are told all the same.
func TestFlood(t *testing.T) {
	m := mount(t, forever)
	root := m.door.Root()
	defer root.Unref()
	m.write("f", "old")
	m.holds("f", "old")
	if _, err := os.Stat(m.path("late")); err == nil {
		t.Fatal("late is there")
	}
	v := m.walk("f")
	_, err := m.door.Write(ctx, vfs.Root, v, []byte("new"), 0)
	m.ok(err)
	late, err := m.door.Create(ctx, vfs.Root, root, "late", vfs.CreateAttr{Kind: vfs.KindRegular})
	m.ok(err)
	late.Unref()
	for i := range 100_000 {
		name := fmt.Sprintf("n%d", i)
		n, err := m.door.Create(ctx, vfs.Root, root, name, vfs.CreateAttr{Kind: vfs.KindRegular})
		m.ok(err)
		n.Unref()
		m.ok(m.door.Remove(ctx, vfs.Root, root, name))
	}
	m.eventually("the change before the flood shows", func() bool {
		got, err := os.ReadFile(m.path("f"))
		_, err2 := os.Stat(m.path("late"))
		return err == nil && err2 == nil && string(got) == "new"
	})
}

// TestMountUnder: a file system that is mounted where the host has looked already shows, and so does what it covered once
// it is unmounted.
func TestMountUnder(t *testing.T) {
	m := mount(t, forever)
	m.ok(os.Mkdir(m.path("d"), 0o755))
	m.write("d/below", "")
	if got := sorted(m.path("d")); fmt.Sprint(got) != "[below]" {
		t.Fatalf("before: %v", got)
	}
	second := newTree(t, "over")
	mnt, err := m.kernel.MountPath(ctx, "/d", second, kern.MountOptions{})
	m.ok(err)
	m.eventually("the mounted tree shows", func() bool { return fmt.Sprint(sorted(m.path("d"))) == "[over]" })
	m.eventually("it can be unmounted", func() bool { return m.kernel.Unmount(ctx, mnt, false) == nil })
	m.eventually("the covered tree shows", func() bool { return fmt.Sprint(sorted(m.path("d"))) == "[below]" })
}

// TestLocks: advisory locks of the host's programs and of other doors see each other if so asked.
func TestLocks(t *testing.T) {
	o := forever
	o.Locks = true
	m := mount(t, o)
	m.write("f", "0123456789")
	v := m.walk("f")
	fd, err := syscall.Open(m.path("f"), syscall.O_RDWR, 0)
	m.ok(err)
	lock := func(cmd int, typ int16, start, length int64) (syscall.Flock_t, error) {
		l := syscall.Flock_t{Type: typ, Start: start, Len: length}
		return l, syscall.FcntlFlock(uintptr(fd), cmd, &l)
	}
	mine := kern.Lock{Owner: 1, PID: 77, Exclusive: true, Start: 2, End: 4}
	m.ok(m.door.SetLock(ctx, v, mine, false))
	_, err = lock(syscall.F_SETLK, syscall.F_WRLCK, 4, 10)
	m.refused(err, syscall.EAGAIN, "a lock over the door's")
	found, err := lock(syscall.F_GETLK, syscall.F_RDLCK, 0, 0)
	m.ok(err)
	if found.Type != syscall.F_WRLCK || found.Start != 2 || found.Len != 3 {
		t.Errorf("what is in the way: got type %d, %d bytes from %d", found.Type, found.Len, found.Start)
	}
	_, err = lock(syscall.F_SETLK, syscall.F_WRLCK, 5, 10)
	m.ok(err)
	theirs := kern.Lock{Owner: 1, Exclusive: true, Start: 6, End: 6}
	m.refused(m.door.SetLock(ctx, v, theirs, false), syscall.EAGAIN, "a door's lock over the host's")

	// The host waits until the door gives way.
	got := make(chan error, 1)
	go func() {
		_, err := lock(syscall.F_SETLKW, syscall.F_WRLCK, 0, 5)
		got <- err
	}()
	m.holds("f", "0123456789") // others are served meanwhile
	select {
	case err := <-got:
		t.Errorf("a lock was not waited for: %v", err)
	default:
	}
	m.ok(m.door.Unlock(v, 1, 0, kern.LockEnd))
	m.ok(<-got)

	// Closing the file ends the locks.
	m.ok(syscall.Close(fd))
	m.eventually("locks end with the descriptor", func() bool { return m.door.SetLock(ctx, v, theirs, false) == nil })
	m.ok(m.door.Unlock(v, 1, 0, kern.LockEnd))

	fd, err = syscall.Open(m.path("f"), syscall.O_RDWR, 0)
	m.ok(err)
	m.ok(m.door.Flock(ctx, v, 9, false, false))
	m.refused(syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB), syscall.EAGAIN, "flock over the door's")
	m.ok(syscall.Flock(fd, syscall.LOCK_SH|syscall.LOCK_NB))
	m.refused(m.door.Flock(ctx, v, 9, true, false), syscall.EAGAIN, "the door's flock over the host's")
	m.ok(syscall.Close(fd))
	m.eventually("a flock ends with the file", func() bool { return m.door.Flock(ctx, v, 9, true, false) == nil })
}

// TestHandles: a handle of the host leads to its file after everything has been forgotten, and to nothing once the file
// is gone, whoever has its number then.
func TestHandles(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to open by handle")
	}
	m := mount(t, bridge.Options{})
	m.ok(os.MkdirAll(m.path("d/e"), 0o755))
	m.write("d/e/f", "data")
	h, _, err := unix.NameToHandleAt(unix.AT_FDCWD, m.path("d/e/f"), 0)
	m.ok(err)
	top, err := syscall.Open(m.dir, syscall.O_RDONLY, 0)
	m.ok(err)
	defer syscall.Close(top)
	if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("2"), 0); err != nil {
		t.Skipf("caches cannot be dropped: %v", err)
	}
	fd, err := unix.OpenByHandleAt(top, h, syscall.O_RDONLY)
	m.ok(err)
	got := make([]byte, 10)
	n, err := syscall.Read(fd, got)
	m.ok(err)
	if string(got[:n]) != "data" {
		t.Errorf("through the handle: %q", got[:n])
	}
	m.ok(syscall.Close(fd))
	m.ok(os.Remove(m.path("d/e/f")))
	m.eventually("the handle is stale", func() bool {
		fd, err := unix.OpenByHandleAt(top, h, syscall.O_RDONLY)
		if err == nil {
			syscall.Close(fd)
		}
		return errors.Is(err, syscall.ESTALE)
	})
}

// TestInterrupt: a program that waits for a lock can be killed, and what it asked for is forgotten.
func TestInterrupt(t *testing.T) {
	flock, err := exec.LookPath("flock")
	if err != nil {
		t.Skip("needs flock (Debian package util-linux)")
	}
	o := forever
	o.Locks = true
	m := mount(t, o)
	m.write("f", "x")
	v := m.walk("f")
	m.ok(m.door.Flock(ctx, v, 1, true, false))
	cmd := exec.Command(flock, m.path("f"), "true")
	m.ok(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	m.ok(cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("it cannot be killed")
	}
	m.ok(m.door.Funlock(v, 1))
	m.eventually("nobody holds the lock", func() bool { return m.door.Flock(ctx, v, 2, true, false) == nil })
}
