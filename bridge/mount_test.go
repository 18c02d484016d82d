package bridge_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rump/bridge"
	"rump/rumpfs/kern"
	"rump/rumpfs/rootfs"
	"rump/rumpfs/vfs"
)

// newTree is a file system that holds one empty file.
func newTree(t testing.TB, name string) vfs.FS {
	t.Helper()
	fs := rootfs.New(rootfs.Options{})
	root, err := fs.Node(ctx, fs.Root())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := root.(vfs.Dir).Create(ctx, vfs.Root, name, vfs.CreateAttr{Kind: vfs.KindRegular, Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	return fs
}

// TestBadPlaces: where nothing can be mounted one is told why, and what to do.
func TestBadPlaces(t *testing.T) {
	needMount(t)
	k := boot(t, rootfs.Options{})
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		dir, say string
		errno    syscall.Errno
	}{
		{file, "not a directory", syscall.ENOTDIR},
		{file + ".none", "mkdir " + file + ".none", syscall.ENOENT},
	} {
		b, err := bridge.Mount(ctx, k, c.dir, bridge.Options{})
		if err == nil {
			_ = b.Unmount()
		}
		if !errors.Is(err, c.errno) || !strings.Contains(err.Error(), c.dir) || !strings.Contains(err.Error(), c.say) {
			t.Errorf("mount on %s: got %v, want %v saying %q", c.dir, err, c.errno, c.say)
		}
	}
}

// TestStale: a mount whose server has died is recognised, and the command that clears it is told.
func TestStale(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to leave a mount behind")
	}
	needMount(t)
	dir := t.TempDir()
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	err = unix.Mount("dead", dir, "fuse.dead", 0, "fd="+itoa(fd)+",rootmode=40000,user_id=0,group_id=0")
	if closed := unix.Close(fd); err != nil || closed != nil {
		t.Fatal(err, closed)
	}
	_, err = bridge.Mount(ctx, boot(t, rootfs.Options{}), dir, bridge.Options{})
	if want := "umount " + dir; !errors.Is(err, syscall.ENOTCONN) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want ENOTCONN saying %q", err, want)
	}
	if err := bridge.UnmountDir(dir); err != nil {
		t.Errorf("clearing it: %v", err)
	}
}

func itoa(n int) string { return strconv.Itoa(n) }

// TestBusy: while a program uses the mount it stays, and the program is named; then it goes, and the kernel has nothing
// left that is referred to.
func TestBusy(t *testing.T) {
	m := mount(t, bridge.Options{})
	m.write("f", "x")
	fd, err := syscall.Open(m.path("f"), syscall.O_RDONLY, 0)
	m.ok(err)
	err = m.bridge.Unmount()
	var busy *bridge.BusyError
	if !errors.As(err, &busy) || !errors.Is(err, syscall.EBUSY) {
		t.Errorf("unmount while in use: got %v, want a BusyError", err)
	} else if len(busy.Users) != 1 || !strings.Contains(busy.Users[0], itoa(os.Getpid())) {
		t.Errorf("users: got %q, want this process, %d", busy.Users, os.Getpid())
	}
	m.holds("f", "x")
	m.ok(syscall.Close(fd))
	m.ok(m.bridge.Unmount())
	m.ok(m.bridge.Unmount()) // again
	if entries, err := os.ReadDir(m.dir); err != nil || len(entries) != 0 {
		t.Errorf("what is under the mount: %v, %v", entries, err)
	}
}

// TestDetach: a mount that is taken away under a program serves what the program has open, until it closes it.
func TestDetach(t *testing.T) {
	m := mount(t, bridge.Options{})
	m.write("f", "x")
	fd, err := syscall.Open(m.path("f"), syscall.O_RDWR, 0)
	m.ok(err)
	m.ok(m.bridge.Detach())
	if _, err := os.Stat(m.path("f")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
	_, err = syscall.Write(fd, []byte("later"))
	m.ok(err)
	select {
	case <-m.bridge.Done():
		t.Error("the bridge ended while a file was open")
	default:
	}
	m.ok(syscall.Close(fd))
	select {
	case <-m.bridge.Done():
	case <-time.After(5 * time.Second):
		t.Fatal("the bridge did not end with the last file")
	}
	if got := m.inside("f"); got != "later" {
		t.Errorf("in the file: %q", got)
	}
}

// TestSubtree: a part of the name space can be shown alone, and nothing leads out of it.
func TestSubtree(t *testing.T) {
	k := boot(t, rootfs.Options{})
	door := k.NewDoor("test", nil)
	root := k.Root()
	defer root.Unref()
	sub, err := door.Create(ctx, vfs.Root, root, "sub", vfs.CreateAttr{Kind: vfs.KindDir, Mode: 0o755})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Unref()
	m := mountKernel(t, k, bridge.Options{Root: sub})
	m.write("f", "x")
	if got := m.inside("sub/f"); got != "x" {
		t.Errorf("inside: %q", got)
	}
	for _, e := range list(t, m.dir) {
		if e.name == ".." && e.ino != uint64(sub.Ino()) {
			t.Errorf("above the shown directory is %d", e.ino)
		}
	}
	if st := m.stat(""); st.Ino != uint64(sub.Ino()) {
		t.Errorf("the root's number: got %d, want %d", st.Ino, sub.Ino())
	}
}

// TestReferences: when the host has forgotten a file system, or the bridge is gone, it can be unmounted.
func TestReferences(t *testing.T) {
	m := mount(t, bridge.Options{})
	m.ok(os.Mkdir(m.path("d"), 0o755))
	mnt, err := m.kernel.MountPath(ctx, "/d", newTree(t, "f"), kern.MountOptions{})
	m.ok(err)
	m.eventually("the mounted tree shows", func() bool { return len(sorted(m.path("d"))) == 1 })
	for _, name := range []string{"a", "b", "c"} {
		m.write("d/"+name, name)
		m.ok(os.Link(m.path("d/"+name), m.path("d/"+name+"2")))
		m.ok(os.Rename(m.path("d/"+name), m.path("d/"+name+"3")))
		sorted(m.path("d"))
		m.stat("d/" + name + "2")
	}
	m.ok(m.bridge.Unmount())
	m.ok(m.kernel.Unmount(ctx, mnt, false))
}

// TestCancelled: a mount that is given up in time leaves nothing behind.
func TestCancelled(t *testing.T) {
	needMount(t)
	gone, cancel := context.WithCancel(ctx)
	cancel()
	dir := t.TempDir()
	b, err := bridge.Mount(gone, boot(t, rootfs.Options{}), dir, bridge.Options{})
	if err == nil { // it was faster
		err = b.Unmount()
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
	var st, up syscall.Stat_t
	if err := errors.Join(syscall.Stat(dir, &st), syscall.Stat(filepath.Dir(dir), &up)); err != nil || st.Dev != up.Dev {
		t.Errorf("something is mounted still: %v", err)
	}
}
