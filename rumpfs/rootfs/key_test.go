package rootfs_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"syscall"
	"testing"

	"rump/rumpfs/kern"
	"rump/rumpfs/rootfs"
	"rump/rumpfs/vfs"
)

// window is a Backing in memory.
type window struct {
	mu sync.Mutex
	b  []byte
}

func (w *window) ReadAt(p []byte, off int64) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := copy(p, w.b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (w *window) WriteAt(p []byte, off int64) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return copy(w.b[off:], p), nil
}

func (w *window) Size() int64 { return int64(len(w.b)) }
func (w *window) Sync() error { return nil }

// boot starts a kernel on fs and returns a door and the root, given back at the end.
func boot(t *testing.T, fs *rootfs.FS) (*kern.Door, *kern.Vnode) {
	t.Helper()
	k, err := kern.Boot(kern.Options{Root: fs})
	if err != nil {
		t.Fatal(err)
	}
	root := k.Root()
	t.Cleanup(func() {
		root.Unref()
		if n := k.Referenced(); n != 0 {
			t.Errorf("%d vnodes are still referred to", n)
		}
		if err := k.Halt(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return k.NewDoor("test", nil), root
}

// TestKeys finds keys by whole paths and by nothing else.
func TestKeys(t *testing.T) {
	ctx := context.Background()
	fs := rootfs.New(rootfs.Options{})
	disk := vfs.CreateAttr{Kind: vfs.KindBlock, Mode: 0o755, Rdev: vfs.Dev{Major: 197}}
	for path, want := range map[string]error{
		"/dk": nil, "/dev/dk0": nil, "//a/b//c": nil, "dk": syscall.EINVAL, "/": syscall.EINVAL, "": syscall.EINVAL,
	} {
		if err := fs.AddKey(rootfs.Key{Path: path, Attr: disk, Size: 4096}); !errors.Is(err, want) {
			t.Errorf("key %q: %v, want %v", path, err, want)
		}
	}
	if err := fs.AddKey(rootfs.Key{Path: "///dk", Attr: disk}); err != syscall.EEXIST {
		t.Errorf("the key once more: %v, want EEXIST", err)
	}
	door, root := boot(t, fs)
	dev, err := door.Create(ctx, vfs.Root, root, "dev", vfs.CreateAttr{Kind: vfs.KindDir, Mode: 0o755})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Unref()
	hidden, err := door.Create(ctx, vfs.Root, dev, "dk0", vfs.CreateAttr{Kind: vfs.KindRegular, Mode: 0o644})
	if err != nil {
		t.Fatal(err)
	}
	defer hidden.Unref()
	for _, c := range []struct {
		start *kern.Vnode
		path  string
		kind  vfs.Kind
		want  error
	}{
		{root, "/dk", vfs.KindBlock, nil},
		{root, "dk", vfs.KindBlock, nil},
		{dev, "///dk", vfs.KindBlock, nil},
		{dev, "../dk", vfs.KindBlock, nil},
		{root, "/dev/dk0", vfs.KindBlock, nil}, // hides the file
		{root, "/dev//dk0", vfs.KindRegular, nil},
		{dev, "dk0", vfs.KindRegular, nil},
		{root, "/a/b//c", vfs.KindBlock, nil},
		{root, "/a/b/c", 0, syscall.ENOENT},
		{root, "/a", 0, syscall.ENOENT},
		{root, "/dk/", 0, syscall.ENOTDIR},
		{root, "/dk/x", 0, syscall.ENOTDIR},
		{dev, "dk", 0, syscall.ENOENT},
	} {
		v, err := door.Walk(ctx, vfs.Root, c.start, c.path, true)
		if !errors.Is(err, c.want) {
			t.Errorf("walk %q: %v, want %v", c.path, err, c.want)
		}
		if err != nil {
			continue
		}
		if v.Kind() != c.kind {
			t.Errorf("walk %q: kind %d, want %d", c.path, v.Kind(), c.kind)
		}
		if a, err := door.Attr(ctx, v); c.kind == vfs.KindBlock && (a.Size != 4096 || err != nil) {
			t.Errorf("walk %q: size %d, %v, want 4096", c.path, a.Size, err)
		}
		v.Unref()
	}
	_ = door.ReadDir(ctx, vfs.Root, root, 0, func(e vfs.DirEntry) bool {
		if name := string(e.Name); name != "." && name != ".." && name != "dev" {
			t.Errorf("the root directory shows %q", name)
		}
		return true
	})
}

// TestKeyFile reads and writes a window of a host's file, up to its end and not beyond.
func TestKeyFile(t *testing.T) {
	ctx := context.Background()
	fs := rootfs.New(rootfs.Options{})
	w := &window{b: []byte("0123456789")}
	if err := fs.AddKey(rootfs.Key{Path: "/file", Attr: vfs.CreateAttr{Kind: vfs.KindRegular, Mode: 0o644}, Data: w}); err != nil {
		t.Fatal(err)
	}
	door, root := boot(t, fs)
	v, err := door.Walk(ctx, vfs.Root, root, "/file", true)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Unref()
	b := make([]byte, 8)
	if n, err := door.Read(ctx, v, b, 6); n != 4 || err != nil || string(b[:n]) != "6789" {
		t.Errorf("read at 6: %q, %v", b[:n], err)
	}
	if n, err := door.Read(ctx, v, b, 10); n != 0 || err != nil {
		t.Errorf("read at the end: %d, %v", n, err)
	}
	if n, err := door.Write(ctx, vfs.Root, v, []byte("abcd"), 8); n != 2 || err != syscall.ENOSPC {
		t.Errorf("write over the end: %d, %v, want 2, ENOSPC", n, err)
	}
	if n, err := door.Write(ctx, vfs.Root, v, []byte("abcd"), 1<<40); n != 0 || err != syscall.ENOSPC {
		t.Errorf("write far behind the end: %d, %v, want 0, ENOSPC", n, err)
	}
	if string(w.b) != "01234567ab" {
		t.Errorf("the window is %q", w.b)
	}
	for size, want := range map[int64]error{0: nil, 10: nil, 5: syscall.EOPNOTSUPP, 11: syscall.EOPNOTSUPP} {
		if err := door.Truncate(ctx, vfs.Root, v, size); !errors.Is(err, want) {
			t.Errorf("size %d: %v, want %v", size, err, want)
		}
	}
	if a, err := door.Attr(ctx, v); a.Size != 10 || err != nil {
		t.Errorf("size is %d, %v, want 10", a.Size, err)
	}
}

// TestClassic looks at a tree as NetBSD's own root file system would show it.
func TestClassic(t *testing.T) {
	ctx := context.Background()
	door, root := boot(t, rootfs.New(rootfs.Options{Classic: true}))
	for _, name := range []string{"dev", "tmp"} {
		v, err := door.Create(ctx, vfs.Root, root, name, vfs.CreateAttr{Kind: vfs.KindDir, Mode: 0o755})
		if err != nil {
			t.Fatal(err)
		}
		v.Unref()
	}
	a, err := door.Attr(ctx, root)
	if err != nil || a.Nlink != 2 || a.Size != 512 || a.Blocks != 1 || a.BlockSize != 512 {
		t.Errorf("the root is %+v, %v", a, err)
	}
	st, err := door.Statfs(ctx, root)
	if err != nil || st.Blocks != 2 || st.BlocksFree != 0 || st.FragSize != 512 || st.Files != 0 {
		t.Errorf("the space is %+v, %v", st, err)
	}
	if err := door.Rmdir(ctx, vfs.Root, root, "dev"); err != nil {
		t.Errorf("rmdir: %v", err)
	}
}
