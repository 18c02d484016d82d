package resize_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"rump/ffs"
	"rump/ffs/fsck"
	"rump/ffs/ondisk"
	"rump/ffs/resize"
	"rump/rumpfs/blockdev"
	"rump/rumpfs/vfs"
	"rump/tests/golden"
)

var ctx = context.Background()

// options are those of all tests: a fixed time, generations from a counter.
func options(size int64) resize.Options {
	n := uint32(0)
	return resize.Options{Size: size, Now: func() time.Time { return time.Unix(2e9, 0) }, Rand: func() uint32 { n++; return n }}
}

// larger copies a disk onto one of size bytes.
func larger(tb testing.TB, dev blockdev.Device, size int64) *blockdev.Memory {
	tb.Helper()
	m := blockdev.NewMemory(size)
	b := make([]byte, 64<<10)
	for off := int64(0); off < dev.Size(); off += int64(len(b)) {
		p := b[:min(int64(len(b)), dev.Size()-off)]
		if _, err := dev.ReadAt(p, off); err != nil {
			tb.Fatal(err)
		}
		if _, err := m.WriteAt(p, off); err != nil { // zeros take no room
			tb.Fatal(err)
		}
	}
	return m
}

// super reads the superblock.
func super(tb testing.TB, dev blockdev.Device) *ondisk.Super {
	tb.Helper()
	s, _, err := ondisk.FindSuper(dev, dev.Size())
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// front is what a file system of s has of a disk: nothing behind its end.
func front(tb testing.TB, dev blockdev.Device, s *ondisk.Super) blockdev.Device {
	tb.Helper()
	size := min(dev.Size(), (s.FragOffset(s.Size)+511)&^511)
	sec, err := blockdev.NewSection(dev, 0, size)
	if err != nil {
		tb.Fatal(err)
	}
	return sec
}

// check runs the checker over a volume that must be without fault and marked clean.
func check(tb testing.TB, dev blockdev.Device) {
	tb.Helper()
	if s := super(tb, dev); s.Clean != ondisk.CleanIs {
		tb.Errorf("not marked clean: %#x", s.Clean)
	}
	var out bytes.Buffer
	r, err := fsck.Check(ctx, dev, fsck.Options{Force: true, Out: &out})
	if err != nil {
		tb.Fatalf("check: %v", err)
	}
	if !r.Clean() {
		tb.Fatalf("the checker finds\n%.3000s", out.String())
	}
}

// tree reads the whole tree of a volume.
func tree(tb testing.TB, dev blockdev.Device) ([]golden.Entry, *ffs.FS) {
	tb.Helper()
	fs, err := ffs.Mount(ctx, dev, ffs.Options{ReadOnly: true})
	if err != nil {
		tb.Fatalf("mount: %v", err)
	}
	tb.Cleanup(func() { _ = fs.Unmount(ctx) })
	entries, err := golden.Read(ctx, fs)
	if err != nil {
		tb.Fatalf("read the tree: %v", err)
	}
	return entries, fs
}

// sameTree compares a volume with a tree; numbers of inodes may differ, but names of one file must be names of one file still.
func sameTree(tb testing.TB, dev blockdev.Device, want []golden.Entry, ranges []golden.Range) {
	tb.Helper()
	got, fs := tree(tb, dev)
	golden.Report(tb, golden.Diff(got, want, "ino", "atime"))
	now := map[string]golden.Entry{}
	for _, e := range got {
		now[e.Path] = e
	}
	first := map[any]string{}
	for _, e := range want {
		if e.Type == 'w' {
			continue
		}
		if other, ok := first[e.Ino]; !ok {
			first[e.Ino] = e.Path
		} else if now[other].Ino != now[e.Path].Ino {
			tb.Errorf("%q and %q were one file, now inodes %d and %d", other, e.Path, now[other].Ino, now[e.Path].Ino)
		}
	}
	golden.CheckRanges(tb, fs, &golden.Manifest{Entries: got, Ranges: ranges})
}

// must resizes and checks all that can be.
func must(tb testing.TB, dev blockdev.Device, size int64) *resize.Report {
	tb.Helper()
	r, err := resize.Resize(ctx, dev, options(size))
	if err != nil {
		tb.Fatalf("to %d: %v", size, err)
	}
	s := super(tb, dev)
	if got := s.FragOffset(s.Size); got > size {
		tb.Errorf("to %d: the file system has %d", size, got)
	}
	if s.Size != r.New.Size || s.Total != r.New.Total {
		tb.Errorf("the report says %d, %+v; the disk %d, %+v", r.New.Size, r.New.Total, s.Size, s.Total)
	}
	check(tb, front(tb, dev, s))
	for cg := range int(s.Ncg) {
		b, err := ondisk.ReadBackup(dev, dev.Size(), s.FragOffset(s.CgSuper(cg)))
		if err != nil || b.Size != s.Size || b.Ncg != s.Ncg || b.CSSize != s.CSSize || b.Clean != s.Clean {
			tb.Errorf("copy %d of the superblock: %v, %+v", cg, err, b)
		}
	}
	return r
}

// smallest is the least size to which a plan works, in bytes; found by halving, to within a block.
func smallest(tb testing.TB, dev blockdev.Device) int64 {
	tb.Helper()
	s := super(tb, dev)
	lo, hi := int64(1), int64(s.Size)/int64(s.Frag) // lo fails, hi works, in blocks
	for hi-lo > 1 {
		mid := (lo + hi) / 2
		_, err := resize.Plan(ctx, dev, options(mid*int64(s.BSize)))
		if err == nil {
			hi = mid
		} else {
			lo = mid
		}
	}
	return hi * int64(s.BSize)
}

func mib(n int64) string { return fmt.Sprintf("%.1fM", float64(n)/(1<<20)) }

var now = time.Unix(1e9, 0)

// fill mounts a volume and makes n small files in its root directory, so that group 0 has something behind its summary area.
func fill(tb testing.TB, dev blockdev.Device, n int) {
	tb.Helper()
	fs, err := ffs.Mount(ctx, dev, ffs.Options{Now: func() time.Time { return now }})
	if err != nil {
		tb.Fatal(err)
	}
	root, err := fs.Node(ctx, fs.Root())
	if err != nil {
		tb.Fatal(err)
	}
	for i := range n {
		makeFile(tb, root.(vfs.Dir), fmt.Sprintf("file%04d", i), 700+37*i%9000)
	}
	if err := root.Reclaim(ctx); err != nil {
		tb.Fatal(err)
	}
	if err := fs.Unmount(ctx); err != nil {
		tb.Fatal(err)
	}
}

// makeFile makes a file of size bytes that are all different from those of other files.
func makeFile(tb testing.TB, d vfs.Dir, name string, size int) {
	tb.Helper()
	n, err := d.Create(ctx, vfs.Root, name, vfs.CreateAttr{Kind: vfs.KindRegular, Mode: 0o644})
	if err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	b := bytes.Repeat([]byte(name+"\n"), size/(len(name)+1)+1)[:size]
	if k, err := n.(vfs.File).WriteAt(ctx, vfs.Root, b, 0); err != nil || k != size {
		tb.Fatalf("%s: %d of %d bytes, %v", name, k, size, err)
	}
	if err := n.Reclaim(ctx); err != nil {
		tb.Fatal(err)
	}
}
