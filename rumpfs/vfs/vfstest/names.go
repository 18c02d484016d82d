package vfstest

import (
	"fmt"
	"strings"
	"syscall"

	"rump/rumpfs/vfs"
)

// testRoot: an empty file system has a root with the entries that the suite did not make, if any.
func testRoot(s *suite) {
	s.twice(func() {
		a := s.stat(".")
		if a.Kind != vfs.KindDir || a.Nlink < 2 {
			s.Errorf("root: kind %d with %d links, want a directory with 2 or more", a.Kind, a.Nlink)
		}
		if up := s.stat("./."); up.Ino != a.Ino {
			s.Errorf("root: \"./.\" is inode %d, want %d", up.Ino, a.Ino)
		}
		s.list(".")
	})
	s.refused(s.Rmdir("."), "rmdir .", syscall.EINVAL, syscall.EBUSY)
}

var allKinds = []vfs.Kind{
	vfs.KindRegular, vfs.KindDir, vfs.KindSymlink, vfs.KindFifo, vfs.KindSocket, vfs.KindChar, vfs.KindBlock,
}

// kinds are those that the tree can make.
func (s *suite) kinds() []vfs.Kind {
	if s.Features.Devices {
		return allKinds
	}
	return allKinds[:5]
}

func testKinds(s *suite) {
	s.dir("d")
	for _, k := range s.kinds() {
		a := vfs.CreateAttr{Kind: k, Mode: 0o640, Target: "t"}
		if k == vfs.KindChar || k == vfs.KindBlock {
			a.Rdev = vfs.Dev{Major: 21, Minor: 70000 + uint32(k)}
		}
		s.ok(s.Make(fmt.Sprintf("d/%d", k), a), "make kind %d", k)
	}
	s.twice(func() {
		entries := s.list("d")
		for _, k := range s.kinds() {
			name := fmt.Sprint(uint8(k))
			a := s.stat("d/" + name)
			if a.Kind != k {
				s.Errorf("kind of d/%s: got %d, want %d", name, a.Kind, k)
			}
			if k != vfs.KindSymlink && a.Mode != 0o640 {
				s.Errorf("mode of kind %d: got %o, want 640", k, a.Mode)
			}
			links := uint32(1)
			if k == vfs.KindDir {
				links = 2
			}
			if a.Nlink != links {
				s.Errorf("links of kind %d: got %d, want %d", k, a.Nlink, links)
			}
			if want := (vfs.Dev{Major: 21, Minor: 70000 + uint32(k)}); (k == vfs.KindChar || k == vfs.KindBlock) && a.Rdev != want {
				s.Errorf("device of kind %d: got %v, want %v", k, a.Rdev, want)
			}
			if k == vfs.KindRegular && a.Size != 0 {
				s.Errorf("size of a new file: got %d, want 0", a.Size)
			}
			e := entries[name]
			if e.Kind != k && e.Kind != vfs.KindNone || e.Ino != a.Ino {
				s.Errorf("entry of d/%s: kind %d, inode %d, want %d, %d", name, e.Kind, e.Ino, k, a.Ino)
			}
		}
	})
}

func testCreateErrors(s *suite) {
	s.dir("d")
	s.file("f")
	s.ok(s.Make("l", vfs.CreateAttr{Kind: vfs.KindSymlink, Target: "nowhere"}), "symlink l")
	for _, k := range s.kinds() {
		a := vfs.CreateAttr{Kind: k, Mode: 0o644, Target: "t"}
		for _, c := range []struct {
			path string
			want syscall.Errno
		}{
			{"d", syscall.EEXIST},
			{"f", syscall.EEXIST},
			{"l", syscall.EEXIST},
			{".", syscall.EEXIST},
			{"d/..", syscall.EEXIST},
			{"none/x", syscall.ENOENT},
			{"l/x", syscall.ENOENT},
			{"f/x", syscall.ENOTDIR},
			{"d/" + strings.Repeat("n", 256), syscall.ENAMETOOLONG},
		} {
			s.refused(s.Make(c.path, a), fmt.Sprintf("make kind %d at %.20s", k, c.path), c.want)
		}
	}
	s.twice(func() {
		s.names("d")
		s.absent("none")
		s.absent("nowhere")
	})
}

func testNames(s *suite) {
	names := []string{
		"...", ". ", " ", "-", "a b", "new\nline", "tab\t", "\x01", "\x7f", "\x80\xff", "*", "\\", "\"", "ÄÖÜ", "日本語",
		"case", "Case", "CASE", "con", "trailing.", "trailing ", "~", "#x#", "a:b",
	}
	for n := 1; n <= 255; n++ {
		names = append(names, strings.Repeat(string(rune('a'+n%26)), n))
	}
	names = append(names, strings.Repeat("x", 254)+"1", strings.Repeat("x", 254)+"2", strings.Repeat("\xe4", 255))
	s.dir("d")
	for i, name := range names {
		s.ok(s.Make("d/"+name, vfs.CreateAttr{Kind: vfs.KindRegular, Mode: uint32(i) & 0o777}), "make %q", name)
	}
	s.twice(func() {
		s.names("d", names...)
		for i, name := range names {
			if got := s.stat("d/" + name).Mode; got != uint32(i)&0o777 {
				s.Errorf("%q stands for the file with mode %o, want %o", name, got, i&0o777)
			}
		}
	})
	long := "d/" + strings.Repeat("x", 256)
	_, err := s.Stat(long)
	s.refused(err, "stat of 256 bytes", syscall.ENAMETOOLONG)
	s.refused(s.Remove(long), "remove of 256 bytes", syscall.ENAMETOOLONG)
	s.refused(s.Rmdir(long), "rmdir of 256 bytes", syscall.ENAMETOOLONG)
	s.refused(s.Link("d/a b", long), "link to 256 bytes", syscall.ENAMETOOLONG)
	s.refused(s.Rename("d/a b", long), "rename to 256 bytes", syscall.ENAMETOOLONG)
	s.refused(s.Rename(long, "d/x"), "rename from 256 bytes", syscall.ENAMETOOLONG)
	for _, name := range names {
		s.ok(s.Remove("d/"+name), "remove %q", name)
	}
	s.names("d")
	s.ok(s.Rmdir("d"), "rmdir d")
}

func testRemove(s *suite) {
	s.dir("d", "d/sub")
	for _, k := range s.kinds() {
		if k == vfs.KindDir {
			continue
		}
		s.mk(k, "d/x")
		s.ok(s.Remove("d/x"), "remove kind %d", k)
		s.absent("d/x")
	}
	s.file("f", "d/kept")
	s.refused(s.Remove("d/none"), "remove of nothing", syscall.ENOENT)
	s.refused(s.Remove("none/x"), "remove in nothing", syscall.ENOENT)
	s.refused(s.Remove("f/x"), "remove in a file", syscall.ENOTDIR)
	s.refused(s.Remove("d/sub"), "remove of a directory", syscall.EISDIR, syscall.EPERM)
	s.refused(s.Remove("d/."), "remove of .", syscall.EISDIR, syscall.EPERM, syscall.EINVAL)
	s.refused(s.Remove("d/.."), "remove of ..", syscall.EISDIR, syscall.EPERM, syscall.EINVAL, syscall.ENOTEMPTY)
	s.twice(func() { s.names("d", "sub", "kept") })
}

func testRmdir(s *suite) {
	s.dir("d", "d/empty", "d/full", "d/full/x")
	s.file("d/f")
	s.ok(s.Make("d/l", vfs.CreateAttr{Kind: vfs.KindSymlink, Target: "empty"}), "symlink d/l")
	s.refused(s.Rmdir("d/none"), "rmdir of nothing", syscall.ENOENT)
	s.refused(s.Rmdir("d/f"), "rmdir of a file", syscall.ENOTDIR)
	s.refused(s.Rmdir("d/l"), "rmdir of a symbolic link", syscall.ENOTDIR)
	s.refused(s.Rmdir("d/f/x"), "rmdir in a file", syscall.ENOTDIR)
	s.refused(s.Rmdir("d/full"), "rmdir of a full directory", syscall.ENOTEMPTY, syscall.EEXIST)
	s.refused(s.Rmdir("d/empty/."), "rmdir of .", syscall.EINVAL)
	s.refused(s.Rmdir("d/empty/.."), "rmdir of ..", syscall.ENOTEMPTY, syscall.EINVAL)
	s.ok(s.Rmdir("d/empty"), "rmdir of an empty directory")
	s.absent("d/empty")
	s.refused(s.Make("d/empty/x", vfs.CreateAttr{Kind: vfs.KindRegular}), "make in a removed directory", syscall.ENOENT)
	s.ok(s.Rmdir("d/full/x"), "rmdir of the last entry")
	s.ok(s.Rmdir("d/full"), "rmdir of what was full")
	s.dir("d/empty") // the name is free again
	s.twice(func() { s.names("d", "f", "l", "empty") })
}

// links checks a link count.
func (s *suite) links(p string, want uint32) {
	s.Helper()
	if got := s.stat(p).Nlink; got != want {
		s.Errorf("links of %s: got %d, want %d", p, got, want)
	}
}

// testDirLinks: a directory has a link for its name, its "." and each directory in it.
func testDirLinks(s *suite) {
	s.dir("d", "d/a", "d/b", "d/a/c", "other")
	s.file("d/f")
	s.twice(func() {
		s.links("d", 4)
		s.links("d/a", 3)
		s.links("d/a/c", 2)
		for _, p := range []string{"d/a/..", "d/b/../.", "d/a/c/../.."} {
			if got, want := s.stat(p).Ino, s.stat("d").Ino; got != want {
				s.Errorf("%s is inode %d, want %d", p, got, want)
			}
		}
	})
	s.ok(s.Rmdir("d/b"), "rmdir d/b")
	s.ok(s.Rename("d/a/c", "other/c"), "rename d/a/c other/c")
	s.twice(func() {
		s.links("d", 3)
		s.links("d/a", 2)
		s.links("other", 3)
		if got, want := s.stat("other/c/..").Ino, s.stat("other").Ino; got != want {
			s.Errorf("other/c/.. is inode %d, want %d", got, want)
		}
	})
}

func testDeep(s *suite) {
	const depth = 200
	p := "d"
	s.dir(p)
	for i := range depth {
		p += fmt.Sprintf("/%d", i)
		s.dir(p)
	}
	s.write(p+"/f", []byte("deep"))
	s.twice(func() { s.holds(p+"/f", []byte("deep")) })
	up := p + strings.Repeat("/..", depth)
	if got, want := s.stat(up).Ino, s.stat("d").Ino; got != want {
		s.Errorf("%d directories up from the deepest is inode %d, want %d", depth, got, want)
	}
	s.ok(s.Remove(p+"/f"), "remove the deep file")
	for range depth + 1 {
		s.ok(s.Rmdir(p), "rmdir %.20s...", p)
		p = p[:max(0, strings.LastIndexByte(p, '/'))]
	}
	s.absent("d")
}
