package kern_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"rump/rumpfs/kern"
	"rump/rumpfs/kern/kerntest"
	"rump/rumpfs/rootfs"
	"rump/rumpfs/vfs"
)

// TestIOFS runs the standard library's suite, over a mount point too.
func TestIOFS(t *testing.T) {
	w := newWorld(t)
	sub := w.owned(vfs.Root, w.open, "sub", vfs.KindDir, 0o755)
	expected := []string{"open", "open/sub"}
	for i := range 15 {
		name := fmt.Sprintf("file-%d%s", i, strings.Repeat("x", i))
		f := w.owned(vfs.Root, sub, name, vfs.KindRegular, 0o644)
		if _, err := w.d.Write(ctx, vfs.Root, f, []byte(strings.Repeat("data", i*30)), 0); err != nil {
			t.Fatal(err)
		}
		expected = append(expected, "open/sub/"+name)
	}
	w.symlink("sub", "open/link")
	w.owned(vfs.Root, w.open, "mnt", vfs.KindDir, 0o755)
	if _, err := w.k.MountPath(ctx, "/open/mnt", rootfs.New(rootfs.Options{}), kern.MountOptions{}); err != nil {
		t.Fatal(err)
	}
	mnt := w.walk("/open/mnt")
	w.owned(vfs.Root, mnt, "inside", vfs.KindRegular, 0o4711)
	mnt.Unref()
	expected = append(expected, "open/mnt/inside")

	tree := kerntest.FS(w.d, w.root)
	if err := fstest.TestFS(tree, expected...); err != nil {
		t.Error(err)
	}
	_, err := tree.Open("open/none")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open of nothing: got %v, want fs.ErrNotExist", err)
	}
	if fi, err := fs.Stat(tree, "open/mnt/inside"); err != nil || fi.Mode() != 0o711|fs.ModeSetuid {
		t.Errorf("stat: got %v, %v", fi, err)
	}
}
