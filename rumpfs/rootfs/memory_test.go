package rootfs_test

import (
	"context"
	"fmt"
	"runtime"
	"syscall"
	"testing"

	"rump/rumpfs/rootfs"
	"rump/rumpfs/vfs"
)

var ctx = context.Background()

// root returns the root directory of an FS.
func root(t testing.TB, fs *rootfs.FS) vfs.Dir {
	t.Helper()
	n, err := fs.Node(ctx, fs.Root())
	if err != nil {
		t.Fatal(err)
	}
	return n.(vfs.Dir)
}

func node(t testing.TB, dir vfs.Dir, name string, kind vfs.Kind) vfs.Node {
	t.Helper()
	n, err := dir.Create(ctx, vfs.Root, name, vfs.CreateAttr{Kind: kind, Target: "target"})
	if err != nil {
		t.Fatalf("create %s: %v", name, err)
	}
	return n
}

// TestMemoryComesBack makes and removes things of all kinds more often than there is room for, in every way.
func TestMemoryComesBack(t *testing.T) {
	fs := rootfs.New(rootfs.Options{MaxBytes: 100_000})
	dir := root(t, fs)
	for i := range 2000 {
		for _, kind := range []vfs.Kind{vfs.KindRegular, vfs.KindDir, vfs.KindSymlink, vfs.KindFifo} {
			a, b := node(t, dir, "a", kind), node(t, dir, "b", kind)
			x := a.(vfs.Xattrer)
			for _, size := range []int{10, 1000, 20} {
				if err := x.SetXattr(ctx, vfs.Root, vfs.XattrUser, "x", make([]byte, size), 0); err != nil {
					t.Fatalf("round %d: attribute: %v", i, err)
				}
			}
			if i%2 == 0 {
				if err := x.RemoveXattr(ctx, vfs.XattrUser, "x"); err != nil {
					t.Fatal(err)
				}
			}
			if f, ok := a.(vfs.File); ok {
				if _, err := f.WriteAt(ctx, vfs.Root, make([]byte, 10_000), int64(i)<<30); err != nil {
					t.Fatalf("round %d: write: %v", i, err)
				}
				if i%3 == 0 {
					f.SetAttr(ctx, vfs.Root, vfs.SetAttr{Mask: vfs.SetSize, Size: 5})
				}
			}
			if kind != vfs.KindDir {
				if err := dir.Link(ctx, vfs.Root, "c", a); err != nil {
					t.Fatalf("round %d: link: %v", i, err)
				}
				if err := dir.Remove(ctx, "c", a); err != nil {
					t.Fatal(err)
				}
			}
			if err := dir.Rename(ctx, vfs.Root, vfs.Rename{OldName: "a", Node: a, NewDir: dir, NewName: "b", Replaced: b}); err != nil {
				t.Fatalf("round %d: rename: %v", i, err)
			}
			if err := dir.Rename(ctx, vfs.Root, vfs.Rename{OldName: "b", Node: a, NewDir: dir, NewName: "d"}); err != nil {
				t.Fatalf("round %d: rename: %v", i, err)
			}
			if err := dir.Remove(ctx, "d", a); err != nil {
				t.Fatal(err)
			}
			for _, n := range []vfs.Node{a, b} {
				if err := n.Reclaim(ctx); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	st, err := fs.Statfs(ctx)
	if err != nil || st.Files != 1 || st.BlocksFree < st.Blocks-1 {
		t.Errorf("after all is gone: %+v, %v, want one file and nearly all blocks", st, err)
	}
}

// TestPlacesOfRemovedNames: a directory in which names come and go does not grow.
func TestPlacesOfRemovedNames(t *testing.T) {
	fs := rootfs.New(rootfs.Options{})
	dir := root(t, fs)
	stay := node(t, dir, "stay", vfs.KindRegular)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 50_000 {
		from, to := fmt.Sprint("n", i), fmt.Sprint("n", i+1)
		if i == 0 {
			node(t, dir, from, vfs.KindFifo)
		}
		ino, err := dir.Lookup(ctx, from)
		if err != nil {
			t.Fatal(err)
		}
		n, err := fs.Node(ctx, ino)
		if err != nil {
			t.Fatal(err)
		}
		if err := dir.Rename(ctx, vfs.Root, vfs.Rename{OldName: from, Node: n, NewDir: dir, NewName: to}); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("50,000 renames cost %d bytes", grown)
	}
	runtime.KeepAlive(stay)
}

// TestHugeFile: a byte far out costs a page, and so does Allocate that cannot be had.
func TestHugeFile(t *testing.T) {
	fs := rootfs.New(rootfs.Options{MaxBytes: 1 << 20})
	f := node(t, root(t, fs), "f", vfs.KindRegular).(vfs.File)
	free := func() int64 {
		st, _ := fs.Statfs(ctx)
		return st.BlocksAvail
	}
	before := free()
	if _, err := f.WriteAt(ctx, vfs.Root, []byte{1}, 1<<40); err != nil {
		t.Fatal(err)
	}
	if took := before - free(); took > 2 {
		t.Errorf("one byte at 1 TiB took %d pages", took)
	}
	if a, _ := f.Attr(ctx); a.Blocks != 8 || a.Size != 1<<40+1 {
		t.Errorf("size %d, %d blocks, want %d, 8", a.Size, a.Blocks, int64(1<<40+1))
	}
	for _, length := range []int64{1 << 21, 1 << 40, 1 << 59} {
		if err := f.(vfs.Allocator).Allocate(ctx, vfs.Root, 0, length, true); err != syscall.ENOSPC {
			t.Errorf("allocation of %d bytes: got %v, want ENOSPC", length, err)
		}
	}
	e, err := f.(vfs.Mapper).Map(ctx, 0, 1<<50)
	if err != nil || !e.Hole || e.Length != 1<<40 {
		t.Errorf("map: got %+v, %v, want a hole of 1 TiB", e, err)
	}
}

// TestDirectoryLinkMax: 32765 directories fit into one, for each has a link to it.
func TestDirectoryLinkMax(t *testing.T) {
	fs := rootfs.New(rootfs.Options{})
	top := node(t, root(t, fs), "top", vfs.KindDir).(vfs.Dir)
	var some vfs.Node
	for i := range 32765 {
		some = node(t, top, fmt.Sprint(i), vfs.KindDir)
	}
	if _, err := top.Create(ctx, vfs.Root, "more", vfs.CreateAttr{Kind: vfs.KindDir}); err != syscall.EMLINK {
		t.Errorf("one directory too many: got %v, want EMLINK", err)
	}
	other := node(t, root(t, fs), "other", vfs.KindDir)
	r := vfs.Rename{OldName: "other", Node: other, NewDir: top, NewName: "more"}
	if err := root(t, fs).Rename(ctx, vfs.Root, r); err != syscall.EMLINK {
		t.Errorf("rename of one directory too many: got %v, want EMLINK", err)
	}
	r.NewName, r.Replaced = "32764", some
	if err := root(t, fs).Rename(ctx, vfs.Root, r); err != nil {
		t.Errorf("rename over a directory: %v", err)
	}
	if a, _ := top.Attr(ctx); a.Nlink != 32767 {
		t.Errorf("links: got %d, want 32767", a.Nlink)
	}
	node(t, top, "a file", vfs.KindRegular)
}
