package bridge_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
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

// A mounted is a kernel on a tree in memory, its bridge, and a second door to it.
type mounted struct {
	testing.TB
	dir    string
	kernel *kern.Kernel
	bridge *bridge.Bridge
	door   *kern.Door
}

var ctx = context.Background()

// needMount skips the test where nothing can be mounted.
func needMount(t testing.TB) {
	t.Helper()
	err := bridge.CanMount()
	if err == nil {
		return
	}
	if os.Getenv("RUMP_TEST_REQUIRE") == "1" {
		t.Fatalf("cannot mount: %v", err)
	}
	t.Skipf("cannot mount, neither as root nor by fusermount3 (Debian package fuse3): %v", err)
}

// boot starts a kernel that the test's end halts.
func boot(t testing.TB, o rootfs.Options) *kern.Kernel {
	t.Helper()
	o.Mode = 0o755
	k, err := kern.Boot(kern.Options{Root: rootfs.New(o), Log: logTo(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Halt(ctx); err != nil {
			t.Errorf("halt: %v", err)
		}
	})
	return k
}

// logTo is a logger that writes what is wrong into the test's log.
func logTo(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

type testWriter struct{ testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// mount makes a kernel and mounts it until the test ends.
func mount(t testing.TB, o bridge.Options) *mounted {
	t.Helper()
	return mountKernel(t, boot(t, rootfs.Options{}), o)
}

func mountKernel(t testing.TB, k *kern.Kernel, o bridge.Options) *mounted {
	t.Helper()
	needMount(t)
	if o.Log == nil {
		o.Log = logTo(t)
	}
	dir := t.TempDir()
	b, err := bridge.Mount(ctx, k, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		select {
		case <-b.Done(): // unmounted by the test, or detached and left
			return
		default:
		}
		if err := b.Unmount(); err != nil { // perhaps a failed test left a file open
			t.Errorf("unmount: %v", err)
			_ = b.Detach()
		}
	})
	m := &mounted{TB: t, dir: dir, kernel: k, bridge: b, door: k.NewDoor("test", nil)}
	m.forbidPoll()
	return m
}

// forbidPoll lets the kernel learn that there is no polling here. The Go run time polls each file that it opens, without
// letting other goroutines run meanwhile; and it is goroutines of this very process that answer.
func (m *mounted) forbidPoll() {
	path := m.path(".poll")
	fd, err := syscall.Open(path, syscall.O_CREAT|syscall.O_RDWR, 0o600)
	if errors.Is(err, syscall.EROFS) {
		if fd, err = syscall.Open(m.path("f"), syscall.O_RDONLY, 0); err == nil {
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
			m.ok(syscall.Close(fd))
		}
		return
	}
	m.ok(err)
	_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	m.ok(syscall.Close(fd))
	before := m.freeFiles()
	m.ok(syscall.Unlink(path))
	m.eventually("the inode comes back", func() bool { return m.freeFiles() > before })
}

// freeFiles is how many inodes the root has left.
func (m *mounted) freeFiles() uint64 {
	m.Helper()
	root := m.door.Root()
	defer root.Unref()
	st, err := m.door.Statfs(ctx, root)
	m.ok(err)
	return st.FilesFree
}

func (m *mounted) path(name string) string { return filepath.Join(m.dir, name) }

func (m *mounted) ok(err error) {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
}

// refused fails the test if err is not the errno.
func (m *mounted) refused(err error, want syscall.Errno, what string) {
	m.Helper()
	if !errors.Is(err, want) {
		m.Errorf("%s: got %v, want %v", what, err, want)
	}
}

// write makes a file through the host.
func (m *mounted) write(name, data string) {
	m.Helper()
	m.ok(os.WriteFile(m.path(name), []byte(data), 0o644))
}

// holds fails the test if a file read through the host is not data.
func (m *mounted) holds(name, want string) {
	m.Helper()
	got, err := os.ReadFile(m.path(name))
	if err != nil {
		m.Errorf("read %s: %v", name, err)
	} else if string(got) != want {
		m.Errorf("%s: got %q, want %q", name, abridged(string(got)), abridged(want))
	}
}

func abridged(s string) string {
	if len(s) > 80 {
		return s[:80] + "..."
	}
	return s
}

func (m *mounted) stat(name string) syscall.Stat_t {
	m.Helper()
	var st syscall.Stat_t
	if err := syscall.Lstat(m.path(name), &st); err != nil {
		m.Fatalf("stat %s: %v", name, err)
	}
	return st
}

// walk finds a vnode through the second door.
func (m *mounted) walk(path string) *kern.Vnode {
	m.Helper()
	root := m.door.Root()
	defer root.Unref()
	v, err := m.door.Walk(ctx, vfs.Root, root, "/"+path, false)
	if err != nil {
		m.Fatalf("walk %s: %v", path, err)
	}
	m.Cleanup(v.Unref)
	return v
}

// mkdirInside makes a directory through the second door.
func (m *mounted) mkdirInside(path string) {
	m.Helper()
	root := m.door.Root()
	defer root.Unref()
	p, err := m.door.WalkParent(ctx, vfs.Root, root, path)
	m.ok(err)
	defer p.Dir.Unref()
	v, err := m.door.Create(ctx, vfs.Root, p.Dir, p.Name, vfs.CreateAttr{Kind: vfs.KindDir, Mode: 0o755})
	m.ok(err)
	v.Unref()
}

// inside reads a file through the second door.
func (m *mounted) inside(path string) string {
	m.Helper()
	v := m.walk(path)
	a, err := m.door.Attr(ctx, v)
	m.ok(err)
	p := make([]byte, a.Size)
	n, err := m.door.Read(ctx, v, p, 0)
	m.ok(err)
	return string(p[:n])
}

// eventually waits for a claim to come true: notifications take a moment.
func (m *mounted) eventually(what string, claim func() bool) {
	m.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if claim() {
			return
		}
	}
	m.Errorf("%s: not within 5 s", what)
}
