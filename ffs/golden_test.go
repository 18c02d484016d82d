package ffs_test

import (
	"context"
	"strings"
	"testing"

	"rump/ffs"
	"rump/rumpfs/blockdev"
	"rump/rumpfs/vfs"
	"rump/tests/golden"
)

// mount mounts dev until the end of the test.
func mount(tb testing.TB, dev blockdev.Device, o ffs.Options) *ffs.FS {
	tb.Helper()
	fs, err := ffs.Mount(context.Background(), dev, o)
	if err != nil {
		tb.Fatalf("mount: %v", err)
	}
	tb.Cleanup(func() {
		if err := fs.Unmount(context.Background()); err != nil {
			tb.Errorf("unmount: %v", err)
		}
	})
	return fs
}

// Every clean image answers its manifest, and reading it writes nothing.
func TestGoldenImagesAnswerTheirManifests(t *testing.T) {
	patterns := []string{"tree-*", "full-*", "frag-*", "inodes-*", "one-cg", "many-cg-*", "short-*", "quota2-*", "snapshot-*", "tuned-*", "appleufs-*", "wapbl-clean-*", "wapbl-ufs1-clean", "*.after", "*.fscked"}
	for _, name := range golden.Names(t, patterns...) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && !strings.Contains(name, "8192-1024") {
				t.Skip("only one block size")
			}
			rec := blockdev.NewRecorder(golden.Load(t, name))
			fs := mount(t, rec, ffs.Options{ReadOnly: true})
			golden.Check(t, fs, golden.LoadManifest(t, name))
			if n := rec.Len(); n != 0 {
				t.Errorf("%d writes to a read-only mount", n)
			}
		})
	}
}

var _ vfs.FS = (*ffs.FS)(nil)
