package kern_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"rump/rumpfs/kern"
	"rump/rumpfs/vfs"
)

func (w *world) symlink(target, path string) {
	w.Helper()
	p, err := w.d.WalkParent(ctx, vfs.Root, w.root, path)
	if err != nil {
		w.Fatalf("symlink %s: %v", path, err)
	}
	defer p.Dir.Unref()
	v, err := w.d.Create(ctx, vfs.Root, p.Dir, p.Name, vfs.CreateAttr{Kind: vfs.KindSymlink, Target: target})
	if err != nil {
		w.Fatalf("symlink %s: %v", path, err)
	}
	v.Unref()
}

func TestWalk(t *testing.T) {
	w := newWorld(t)
	dir := w.owned(vfs.Root, w.open, "dir", vfs.KindDir, 0o755)
	file := w.owned(vfs.Root, dir, "file", vfs.KindRegular, 0o644)
	for path, target := range map[string]string{
		"to-dir": "open/dir", "absolute": "/open/dir", "to-file": "to-dir/file", "slash": "open/dir/", "file-slash": "to-file/",
		"dangling": "none", "self": "self", "open/up": "../open/./dir//file", "root": "/", "dots": "open/../open/dir/..",
	} {
		w.symlink(target, path)
	}
	link, err := w.d.Lookup(ctx, vfs.Root, w.root, "to-dir")
	w.answers("lookup of a link", err, nil)
	for _, c := range []struct {
		path   string
		follow bool
		want   any // a vnode, or an error
	}{
		{"/", true, w.root}, {"//", true, w.root}, {".", true, w.root}, {"..", true, w.root}, {"/../..", true, w.root},
		{"open/dir", true, dir}, {"/open//dir///", true, dir}, {"open/dir/.", true, dir}, {"open/dir/../dir", true, dir},
		{"to-dir", true, dir}, {"to-dir", false, link}, {"to-dir/", false, dir}, {"to-dir/.", false, dir},
		{"absolute/file", true, file}, {"to-file", true, file}, {"open/up", true, file}, {"root/open/dir", true, dir},
		{"slash", true, dir}, {"slash/", false, dir}, {"dots/dir/file", true, file},
		{"to-dir/../dir", true, dir}, // .. is that of the target
		{"", true, syscall.ENOENT}, {"none", true, syscall.ENOENT}, {"none/x", true, syscall.ENOENT},
		{"open/dir/file/", true, syscall.ENOTDIR}, {"open/dir/file/.", true, syscall.ENOTDIR}, {"open/dir/file/..", true, syscall.ENOTDIR},
		{"to-file/", true, syscall.ENOTDIR}, {"file-slash", true, syscall.ENOTDIR},
		{"dangling", true, syscall.ENOENT}, {"dangling/", false, syscall.ENOENT},
		{"self", true, syscall.ELOOP}, {"self/x", false, syscall.ELOOP},
		{strings.Repeat("x", 256), true, syscall.ENAMETOOLONG}, {strings.Repeat("./", 2048), true, syscall.ENAMETOOLONG},
		{"open\x00", true, syscall.EINVAL},
	} {
		v, err := w.d.Walk(ctx, vfs.Root, w.root, c.path, c.follow)
		if err == nil {
			v.Unref()
		}
		var got any = v
		if err != nil {
			got = err
		}
		if got != c.want {
			t.Errorf("walk %.30q, follow %v: got %v, want %v", c.path, c.follow, got, c.want)
		}
	}
	link.Unref()
	if n := w.k.Referenced(); n != 4 { // the root, open, dir, file
		t.Errorf("vnodes referred to: got %d, want 4", n)
	}
}

// TestLinkCount: 32 symbolic links are followed, one more is a loop.
func TestLinkCount(t *testing.T) {
	w := newWorld(t)
	w.symlink("open", "link1")
	for i := 2; i <= 33; i++ {
		w.symlink(fmt.Sprintf("link%d", i-1), fmt.Sprintf("link%d", i))
	}
	v, err := w.d.Walk(ctx, vfs.Root, w.root, "link32", true)
	w.answers("32 links", err, nil)
	if err == nil {
		v.Unref()
	}
	_, err = w.d.Walk(ctx, vfs.Root, w.root, "link33", true)
	w.answers("33 links", err, syscall.ELOOP)
	// In a row, not in one another.
	w.symlink(".", "here")
	_, err = w.d.Walk(ctx, vfs.Root, w.root, strings.Repeat("here/", 33), true)
	w.answers("33 links in a row", err, syscall.ELOOP)
	// Targets that make the path longer and longer.
	w.symlink("grow/"+strings.Repeat("./", 500), "grow")
	_, err = w.d.Walk(ctx, vfs.Root, w.root, "grow", true)
	w.answers("a path that grows", err, syscall.ENAMETOOLONG)
}

func TestWalkParent(t *testing.T) {
	w := newWorld(t)
	dir := w.owned(vfs.Root, w.open, "dir", vfs.KindDir, 0o755)
	w.owned(vfs.Root, w.open, "file", vfs.KindRegular, 0o644)
	w.symlink("open", "link")
	for _, c := range []struct {
		path  string
		dir   any
		name  string
		slash bool
	}{
		{"new", w.root, "new", false}, {"/new", w.root, "new", false}, {"open/dir/new", dir, "new", false},
		{"open/dir/new//", dir, "new", true}, {"link/dir", w.open, "dir", false}, {"link", w.root, "link", false},
		{"open/dir/..", dir, "..", false}, {"open/.", w.open, ".", false}, {"/", w.root, ".", true},
		{"open/file/new", syscall.ENOTDIR, "", false}, {"none/new", syscall.ENOENT, "", false}, {"", syscall.ENOENT, "", false},
	} {
		p, err := w.d.WalkParent(ctx, vfs.Root, w.root, c.path)
		var got any = p.Dir
		if err != nil {
			got = err
		} else {
			p.Dir.Unref()
		}
		if got != c.dir || p.Name != c.name || p.Slash != c.slash {
			t.Errorf("parent of %q: got %v, %q, %v, want %v, %q, %v", c.path, got, p.Name, p.Slash, c.dir, c.name, c.slash)
		}
	}
}

func TestPath(t *testing.T) {
	w := newWorld(t)
	a := w.owned(vfs.Root, w.open, "a", vfs.KindDir, 0o755)
	w.mount(a)
	in := w.walk("/open/a")
	b := w.owned(vfs.Root, in, "b", vfs.KindDir, 0o755)
	for path, v := range map[string]*kern.Vnode{"/": w.root, "/open": w.open, "/open/a": in, "/open/a/b": b} {
		got, err := w.d.Path(ctx, vfs.Root, v)
		if err != nil || got != path {
			t.Errorf("path: got %q, %v, want %q", got, err, path)
		}
	}
	w.answers("rmdir", w.d.Rmdir(ctx, vfs.Root, in, "b"), nil)
	in.Unref()
	_, err := w.d.Path(ctx, vfs.Root, b)
	w.answers("path of a removed directory", err, syscall.ENOENT)
	w.set(w.open, vfs.SetAttr{Mask: vfs.SetMode, Mode: 0o711})
	_, err = w.d.Path(ctx, user, a)
	w.answers("path through an unreadable directory", err, syscall.EACCES)
}
