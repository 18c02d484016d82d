package vfstest

import (
	"fmt"
	"syscall"

	"rump/rumpfs/vfs"
)

// What a name can stand for in the table of renames.
var renameThings = []string{"absent", "file", "empty", "full", "symlink", "fifo", "link"}

// place makes a thing at p; "link" is another name of the file at other.
func (s *suite) place(thing, p, other string) {
	s.Helper()
	switch thing {
	case "file":
		s.write(p, []byte(p))
	case "empty":
		s.dir(p)
	case "full":
		s.dir(p, p+"/sub")
		s.write(p+"/sub/f", []byte(p))
	case "symlink":
		s.mk(vfs.KindSymlink, p)
	case "fifo":
		s.mk(vfs.KindFifo, p)
	case "link":
		s.ok(s.Link(other, p), "link %s %s", other, p)
	}
}

// renameWants says what renaming one thing over another answers.
func renameWants(from, to string) []syscall.Errno {
	isDir := func(thing string) bool { return thing == "empty" || thing == "full" }
	switch {
	case from == "absent":
		return []syscall.Errno{syscall.ENOENT}
	case to == "absent":
		return []syscall.Errno{0}
	case isDir(from) && !isDir(to):
		return []syscall.Errno{syscall.ENOTDIR}
	case !isDir(from) && isDir(to):
		return []syscall.Errno{syscall.EISDIR}
	case to == "full":
		return []syscall.Errno{syscall.ENOTEMPTY, syscall.EEXIST}
	}
	return []syscall.Errno{0}
}

// testRename renames everything over everything, inside one directory and between two.
func testRename(s *suite) {
	type pair struct{ from, to, old, new string }
	var all []pair
	for _, dirs := range [][2]string{{"a", "a"}, {"a", "b"}} {
		top := dirs[0] + dirs[1]
		s.dir(top, top+"/a", top+"/b")
		for _, from := range renameThings[:len(renameThings)-1] {
			for _, to := range renameThings {
				if to == "link" && from != "file" {
					continue
				}
				c := pair{from, to, fmt.Sprintf("%s/%s/%s-%s.old", top, dirs[0], from, to), fmt.Sprintf("%s/%s/%s-%s.new", top, dirs[1], from, to)}
				s.place(from, c.old, "")
				s.place(to, c.new, c.old)
				all = append(all, c)
			}
		}
	}
	inos := make(map[string]vfs.Ino)
	for _, c := range all {
		for _, p := range []string{c.old, c.new} {
			if a, err := s.Stat(p); err == nil {
				inos[p] = a.Ino
			}
		}
		s.refused(s.Rename(c.old, c.new), "rename "+c.old+" "+c.new, renameWants(c.from, c.to)...)
	}
	s.twice(func() {
		for _, c := range all {
			s.afterRename(c.from, c.to, c.old, c.new, inos)
		}
		for _, top := range []string{"aa", "ab"} {
			s.checkTree(top)
		}
	})
}

// afterRename checks that a name moved, or that everything is as it was.
func (s *suite) afterRename(from, to, old, new string, inos map[string]vfs.Ino) {
	s.Helper()
	moved := renameWants(from, to)[0] == 0 && to != "link"
	if !moved {
		for thing, p := range map[string]string{from: old, to: new} {
			if thing == "link" {
				s.links(p, 2)
			}
			if thing == "absent" {
				s.absent(p)
			} else if got := s.stat(p).Ino; got != inos[p] {
				s.Errorf("after a rename that moves nothing: %s is inode %d, want %d", p, got, inos[p])
			}
		}
		return
	}
	s.absent(old)
	if got := s.stat(new).Ino; got != inos[old] {
		s.Errorf("%s is inode %d, want %d", new, got, inos[old])
	}
	switch from {
	case "file":
		s.holds(new, []byte(old))
	case "full":
		s.holds(new+"/sub/f", []byte(old))
	}
}

// checkTree compares the link counts below a directory with the names that there are, and each ".." with what it should be.
func (s *suite) checkTree(top string) {
	s.Helper()
	names := make(map[vfs.Ino]uint32)
	counts := make(map[vfs.Ino]uint32)
	var walk func(p string)
	walk = func(p string) {
		subs := uint32(0)
		dir := s.stat(p)
		for name := range s.list(p) {
			child := p + "/" + name
			a := s.stat(child)
			if a.Kind != vfs.KindDir {
				names[a.Ino]++
				counts[a.Ino] = a.Nlink
				continue
			}
			subs++
			if up := s.stat(child + "/.."); up.Ino != dir.Ino {
				s.Errorf("%s/.. is inode %d, want %d", child, up.Ino, dir.Ino)
			}
			walk(child)
		}
		if dir.Nlink != subs+2 {
			s.Errorf("links of %s: got %d, want %d", p, dir.Nlink, subs+2)
		}
	}
	walk(top)
	for ino, n := range names {
		if counts[ino] != n {
			s.Errorf("links of inode %d: got %d, want %d", ino, counts[ino], n)
		}
	}
}

// testRenameTree moves directories up and down.
func testRenameTree(s *suite) {
	s.dir("a", "a/b", "a/b/c", "a/b/c/d", "x")
	s.write("a/b/c/d/f", []byte("f"))
	for _, c := range [][2]string{{"a", "a/b"}, {"a", "a/b/c/d/new"}, {"a/b", "a/b/c"}, {"a/b", "a/b/new"}} {
		s.refused(s.Rename(c[0], c[1]), "rename "+c[0]+" "+c[1], syscall.EINVAL)
	}
	for _, c := range [][2]string{{"a/b/c/d", "a"}, {"a/b/c/d", "a/b"}, {"a/b/c/d", "a/b/c"}} {
		s.refused(s.Rename(c[0], c[1]), "rename "+c[0]+" "+c[1], syscall.ENOTEMPTY, syscall.EEXIST)
	}
	for _, p := range []string{"a", "a/b", "a/b/c/d/f"} {
		s.ok(s.Rename(p, p), "rename %s to itself", p)
	}
	s.twice(func() { s.checkTree("a") })

	s.ok(s.Rename("a/b/c", "x/c"), "rename a/b/c x/c")
	s.ok(s.Rename("a", "x/c/d/a"), "rename a x/c/d/a")
	s.twice(func() {
		s.absent("a")
		s.holds("x/c/d/f", []byte("f"))
		s.links("x/c/d/a/b", 2)
		s.checkTree("x")
	})
	s.ok(s.Rename("x/c/d/a/b", "b"), "rename x/c/d/a/b b")
	s.ok(s.Rename("x", "b/x"), "rename x b/x")
	s.twice(func() {
		s.absent("x")
		s.holds("b/x/c/d/f", []byte("f"))
		s.checkTree("b")
	})
	s.ok(s.Rename("b/x/c/d/f", "f"), "rename a file to the root")
	s.holds("f", []byte("f"))
	s.refused(s.Rename("f", "f/g"), "rename of a file into itself", syscall.ENOTDIR)
}

func testRenameErrors(s *suite) {
	s.dir("d", "d/sub")
	s.file("f")
	dot := []syscall.Errno{syscall.EINVAL, syscall.EBUSY, syscall.ENOTEMPTY, syscall.EEXIST}
	for _, c := range []struct {
		from, to string
		want     []syscall.Errno
	}{
		{"none", "x", []syscall.Errno{syscall.ENOENT}},
		{"none", "f", []syscall.Errno{syscall.ENOENT}},
		{"none/x", "x", []syscall.Errno{syscall.ENOENT}},
		{"f", "none/x", []syscall.Errno{syscall.ENOENT}},
		{"f/x", "x", []syscall.Errno{syscall.ENOTDIR}},
		{"d", "f/x", []syscall.Errno{syscall.ENOTDIR}},
		{"d/.", "x", dot},
		{"d/..", "x", dot},
		{"d/sub/..", "x", dot},
		{"f", "d/.", append(dot, syscall.EISDIR)},
		{"d/sub", "d/.", dot},
		{"d/sub", "d/..", dot},
	} {
		s.refused(s.Rename(c.from, c.to), "rename "+c.from+" "+c.to, c.want...)
	}
	s.twice(func() {
		s.absent("x")
		s.names("d", "sub")
		s.checkTree("d")
	})
}
