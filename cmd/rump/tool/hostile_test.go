package tool_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"rump/cmd/rump/tool"
	"rump/rumpfs/vfs"
)

// A damaged name space answers differently about some paths: with one list after the other for a directory, one kind of file
// after the other for a name.
type damaged struct {
	tool.FS
	lists map[string][]tool.Entry
	links map[string]string // a path that is what another one is
	turns map[string][]string
}

func (d *damaged) ReadDir(ctx context.Context, path string) ([]tool.Entry, error) {
	if list, ok := d.lists[path]; ok {
		return list, nil
	}
	return d.FS.ReadDir(ctx, d.real(path))
}

// real is the path that stands for another.
func (d *damaged) real(path string) string {
	for from, to := range d.links {
		if path == from || strings.HasPrefix(path, from+"/") {
			return d.real(to + path[len(from):])
		}
	}
	return path
}

func (d *damaged) Stat(ctx context.Context, path string, follow bool) (tool.Stat, error) {
	if turns := d.turns[path]; len(turns) > 0 {
		d.turns[path] = turns[1:]
		d.links[path] = turns[0]
	}
	return d.FS.Stat(ctx, d.real(path), follow)
}

func (d *damaged) Readlink(ctx context.Context, path string) (string, error) {
	return d.FS.Readlink(ctx, d.real(path))
}

func (d *damaged) Open(ctx context.Context, path string, flag tool.OpenFlag, mode uint32) (tool.File, error) {
	return d.FS.Open(ctx, d.real(path), flag, mode)
}

// TestDirectoryLoop walks directories that lie in themselves: every tool comes to an end and says so.
func TestDirectoryLoop(t *testing.T) {
	fs := newFFS(t)
	mkdir(t, fs, "a")
	mkdir(t, fs, "a/b")
	loop := &damaged{FS: fs, links: map[string]string{"a/b/c": "a"}, lists: map[string][]tool.Entry{"a/b": {{Name: "c"}}}}
	loop.lists["./a/b"], loop.links["./a/b/c"] = loop.lists["a/b"], "a"
	t.Chdir(t.TempDir())
	get := &tool.Get{}
	get.Recurse, get.Paths = true, []string{"a", "out"}
	for _, r := range []runner{
		&tool.Ls{Recurse: true, Paths: []string{"a"}}, &tool.Find{Words: []string{"a"}}, &tool.Du{Paths: []string{"a"}}, get,
		&tool.Cp{Archive: true, Paths: []string{"a", "copy"}}, &tool.Tar{Create: true, Paths: []string{"a"}},
		&tool.Diff{First: "a", Second: "copy"},
	} {
		a := run(t, loop, r, "")
		if a.err == nil || !strings.Contains(a.errs, "directory causes a cycle") && !strings.Contains(a.out, "only on") {
			t.Errorf("%T: %+v", r, a)
		}
	}
}

// TestSymlinkLoop follows symbolic links that lead back up.
func TestSymlinkLoop(t *testing.T) {
	fs := newFFS(t)
	mkdir(t, fs, "a")
	node(t, fs, "a/up", vfs.CreateAttr{Kind: vfs.KindSymlink, Mode: 0o777, Target: ".."})
	node(t, fs, "a/self", vfs.CreateAttr{Kind: vfs.KindSymlink, Mode: 0o777, Target: "self"})
	a := run(t, fs, &tool.Find{Words: []string{"-sL", "."}}, "")
	if a.out != ".\n./a\n./a/self\n" || a.errs != "t: ./a/up: directory causes a cycle\n" {
		t.Errorf("find -L: %+v", a)
	}
	du := &tool.Du{}
	du.Links.All = true
	if a := run(t, fs, du, ""); a.err == nil {
		t.Errorf("du -L: %+v", a)
	}
}

// TestBadNames lists names that no path can have.
func TestBadNames(t *testing.T) {
	fs := newFFS(t)
	put(t, fs, "good", "x")
	bad := &damaged{FS: fs, lists: map[string][]tool.Entry{".": {{Name: "."}, {Name: ".."}, {Name: "../../etc/passwd"}, {Name: ""}, {Name: "a\x00b"}, {Name: "good"}}}}
	t.Chdir(t.TempDir())
	get := &tool.Get{}
	get.Recurse, get.Paths = true, []string{".", "out"}
	for _, c := range []struct {
		r    runner
		want string
	}{
		{&tool.Ls{All: true}, ".\n..\ngood\n"}, {&tool.Find{}, ".\n./good\n"}, {get, ""},
	} {
		a := run(t, bad, c.r, "")
		if a.out != c.want || a.err != tool.Status(1) || strings.Count(a.errs, "holds a name that no path can have") != 3 {
			t.Errorf("%T: %+v", c.r, a)
		}
	}
	if list, err := os.ReadDir("out"); err != nil || len(list) != 1 {
		t.Errorf("out holds %v, %v", list, err)
	}
}

// TestPlanted copies from an image that has a name twice: a symbolic link that leads out of the place to copy to, and then something
// to be put where it leads.
func TestPlanted(t *testing.T) {
	fs := newFFS(t)
	base := t.TempDir()
	t.Chdir(base)
	victim := base + "/victim"
	reset := func() {
		for _, err := range []error{os.RemoveAll("victim"), os.RemoveAll("out"), os.Mkdir("victim", 0o755), os.WriteFile("victim/file", []byte("safe"), 0o644)} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	mkdir(t, fs, "tree")
	node(t, fs, "todir", vfs.CreateAttr{Kind: vfs.KindSymlink, Mode: 0o777, Target: victim})
	node(t, fs, "tofile", vfs.CreateAttr{Kind: vfs.KindSymlink, Mode: 0o777, Target: victim + "/file"})
	mkdir(t, fs, "dir")
	put(t, fs, "dir/file", "harm")
	put(t, fs, "file", "harm")
	for _, first := range []string{"todir", "tofile"} {
		for _, second := range []string{"dir", "file"} {
			reset()
			get := &tool.Get{}
			get.Recurse, get.Paths = true, []string{"tree", "out"}
			twice := &damaged{FS: fs, links: map[string]string{}, lists: map[string][]tool.Entry{"tree": {{Name: "x"}, {Name: "x"}}}, turns: map[string][]string{"tree/x": {first, second}}}
			run(t, twice, get, "")
			if b, err := os.ReadFile("victim/file"); err != nil || string(b) != "safe" {
				t.Errorf("%s, then %s: the file outside is %q, %v", first, second, b, err)
			}

			reset()
			if err := os.Mkdir("out", 0o755); err != nil {
				t.Fatal(err)
			}
			mkdir(t, fs, "m")
			if err := fs.Link(ctx, first, "m/"+second); err != nil {
				t.Fatal(err)
			}
			get.Paths = []string{"m/" + second, second, "out"}
			run(t, fs, get, "")
			if b, err := os.ReadFile("victim/file"); err != nil || string(b) != "safe" {
				t.Errorf("%s, then %s, by the command line: the file outside is %q, %v", first, second, b, err)
			}
			must(t, fs, &tool.Rm{Recurse: true, Paths: []string{"m"}})
		}
	}
	// A link that the user has put there is the user's.
	reset()
	if err := os.Symlink("victim", "mine"); err != nil {
		t.Fatal(err)
	}
	get := &tool.Get{}
	get.Recurse, get.Paths = true, []string{"dir/file", "mine"}
	must(t, fs, get)
	if b, _ := os.ReadFile("victim/file"); string(b) != "harm" {
		t.Errorf("through a link of the user's own: %q", b)
	}
}

// TestFull fills the image: the copy ends with one message, and what was there stays.
func TestFull(t *testing.T) {
	fs := newFFS(t)
	put(t, fs, "old", "old")
	t.Chdir(t.TempDir())
	if err := os.Mkdir("tree", 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 12 {
		if err := os.WriteFile("tree/"+string(rune('a'+i)), make([]byte, 1<<20), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p := &tool.Put{}
	p.Recurse, p.Paths = true, []string{"tree", "/"}
	a := run(t, fs, p, "")
	if a.err != tool.Status(1) || strings.Count(a.errs, "No space left on device") != 1 || strings.Count(a.errs, "\n") != 1 {
		t.Errorf("%+v", a)
	}
	if got := must(t, fs, &tool.Cat{Paths: []string{"old"}}); got != "old" {
		t.Errorf("old is %q", got)
	}
}
