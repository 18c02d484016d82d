package fsck_test

import (
	"context"
	"fmt"
	"testing"

	"rump/ffs"
	"rump/ffs/fsck"
	"rump/ffs/mkfs"
	"rump/rumpfs/blockdev"
	"rump/rumpfs/vfs"
)

// populated is a new volume with n files of a few bytes in directories of per files.
func populated(tb testing.TB, o mkfs.Options, size int64, n, per int) *blockdev.Memory {
	tb.Helper()
	ctx := context.Background()
	dev := blockdev.NewMemory(size)
	if _, err := mkfs.Newfs(ctx, dev, o); err != nil {
		tb.Fatal(err)
	}
	fs, err := ffs.Mount(ctx, dev, ffs.Options{Async: true})
	if err != nil {
		tb.Fatal(err)
	}
	node, err := fs.Node(ctx, fs.Root())
	if err != nil {
		tb.Fatal(err)
	}
	dir := node.(vfs.Dir)
	for i := range n {
		if i%per == 0 {
			d, err := node.(vfs.Dir).Create(ctx, vfs.Root, fmt.Sprintf("dir%06d", i/per), vfs.CreateAttr{Kind: vfs.KindDir, Mode: 0o755})
			if err != nil {
				tb.Fatal(err)
			}
			dir = d.(vfs.Dir)
		}
		f, err := dir.Create(ctx, vfs.Root, fmt.Sprintf("a-file-%06d", i), vfs.CreateAttr{Kind: vfs.KindRegular, Mode: 0o644})
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := f.(vfs.File).WriteAt(ctx, vfs.Root, []byte("some bytes"), 0); err != nil {
			tb.Fatal(err)
		}
	}
	if err := fs.Unmount(ctx); err != nil {
		tb.Fatal(err)
	}
	return dev
}

// BenchmarkCheck checks a volume with 100,000 files.
func BenchmarkCheck(b *testing.B) {
	for _, per := range []int{100, 100_000} {
		b.Run(fmt.Sprintf("%d in a directory", per), func(b *testing.B) {
			dev := populated(b, mkfs.Options{Version: 2, BlockSize: 8192, FragSize: 1024, Density: 4096}, 1<<30, 100_000, per)
			for b.Loop() {
				r, err := fsck.Check(context.Background(), dev, fsck.Options{Force: true})
				if err != nil || !r.Clean() {
					b.Fatal(err, r.Problems)
				}
			}
		})
	}
}

// BenchmarkCheckHuge checks an empty volume of 2 TiB.
func BenchmarkCheckHuge(b *testing.B) {
	dev := blockdev.NewMemory(2 << 40)
	if _, err := mkfs.Newfs(context.Background(), dev, mkfs.Options{Version: 2}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if r, err := fsck.Check(context.Background(), dev, fsck.Options{Force: true}); err != nil || !r.Clean() {
			b.Fatal(err, r.Problems)
		}
	}
}
