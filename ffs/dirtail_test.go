package ffs_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"rump/ffs"
	"rump/ffs/mkfs"
	"rump/rumpfs/blockdev"
	"rump/rumpfs/vfs"
)

// complaints fails a test for each line that is logged.
type complaints struct {
	slog.Handler
	t *testing.T
}

func (c complaints) Enabled(context.Context, slog.Level) bool { return true }

func (c complaints) Handle(_ context.Context, r slog.Record) error {
	c.t.Errorf("logged: %s", r.Message)
	return nil
}

// TestDirectoryTail lists a directory at every size up to several fragments: what its last fragment holds behind its end is nobody's business.
func TestDirectoryTail(t *testing.T) {
	ctx := context.Background()
	dev := blockdev.NewMemory(16 << 20)
	if _, err := mkfs.Newfs(ctx, dev, mkfs.Options{Version: 2, BlockSize: 16384, FragSize: 2048}); err != nil {
		t.Fatal(err)
	}
	fs, err := ffs.Mount(ctx, dev, ffs.Options{Log: slog.New(complaints{slog.DiscardHandler, t})})
	if err != nil {
		t.Fatal(err)
	}
	n, err := fs.Node(ctx, fs.Root())
	if err != nil {
		t.Fatal(err)
	}
	root := n.(vfs.Dir)
	for i := range 1200 {
		file, err := root.Create(ctx, vfs.Root, fmt.Sprintf("file%05d", i), vfs.CreateAttr{Kind: vfs.KindFifo, Mode: 0o644})
		if err != nil {
			t.Fatal(err)
		}
		if err := file.Reclaim(ctx); err != nil {
			t.Fatal(err)
		}
		seen := 0
		if err := root.ReadDir(ctx, 0, func(vfs.DirEntry) bool { seen++; return true }); err != nil {
			t.Fatal(err)
		}
		if seen != i+3 {
			t.Fatalf("%d entries listed, want %d", seen, i+3)
		}
	}
	if err := root.Reclaim(ctx); err != nil {
		t.Fatal(err)
	}
	if err := fs.Unmount(ctx); err != nil {
		t.Fatal(err)
	}
}
