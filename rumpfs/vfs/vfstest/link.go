package vfstest

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"rump/rumpfs/vfs"
)

func testHardLinks(s *suite) {
	s.dir("d", "e")
	s.write("d/a", []byte("one"))
	for i, k := range s.kinds() {
		if k == vfs.KindDir {
			continue
		}
		name := fmt.Sprintf("d/%d", i)
		s.mk(k, name)
		s.ok(s.Link(name, name+"link"), "link of kind %d", k)
		if got, want := s.stat(name+"link"), s.stat(name); got.Ino != want.Ino || got.Kind != k || got.Nlink != 2 {
			s.Errorf("link of kind %d: inode %d kind %d links %d, want inode %d links 2", k, got.Ino, got.Kind, got.Nlink, want.Ino)
		}
	}
	s.ok(s.Link("d/a", "d/b"), "link d/a d/b")
	s.ok(s.Link("d/b", "e/c"), "link d/b e/c")
	s.twice(func() {
		for _, p := range []string{"d/a", "d/b", "e/c"} {
			s.links(p, 3)
			s.holds(p, []byte("one"))
			if got, want := s.stat(p).Ino, s.stat("d/a").Ino; got != want {
				s.Errorf("%s is inode %d, want %d", p, got, want)
			}
		}
	})
	s.write("e/c", []byte("two"))
	s.holds("d/a", []byte("two"))
	s.ok(s.Remove("d/a"), "remove d/a")
	s.twice(func() {
		s.absent("d/a")
		s.links("d/b", 2)
		s.holds("e/c", []byte("two"))
	})
	s.refused(s.Link("d", "x"), "link of a directory", syscall.EPERM)
	s.refused(s.Link("d/b", "e/c"), "link over a name of the same file", syscall.EEXIST)
	s.refused(s.Link("d/b", "e"), "link over a directory", syscall.EEXIST)
	s.refused(s.Link("d/none", "x"), "link of nothing", syscall.ENOENT)
	s.refused(s.Link("d/b", "none/x"), "link into nothing", syscall.ENOENT)
	s.refused(s.Link("d/b", "d/b/x"), "link into a file", syscall.ENOTDIR)
	s.absent("x")
	s.ok(s.Remove("d/b"), "remove d/b")
	s.ok(s.Remove("e/c"), "remove e/c")
	s.names("e")
}

func testLinkMax(s *suite) {
	limit := s.Features.LinkMax
	if limit == 0 {
		s.Skip("no limit on links that can be reached")
	}
	if testing.Short() {
		s.Skip("slow")
	}
	s.file("f")
	s.dir("d")
	for i := 1; i < limit; i++ {
		s.ok(s.Link("f", fmt.Sprintf("d/%d", i)), "link %d", i+1)
	}
	s.refused(s.Link("f", "d/more"), "one link too many", syscall.EMLINK)
	s.links("f", uint32(limit))
	s.ok(s.Remove("d/1"), "remove d/1")
	s.ok(s.Link("f", "d/more"), "link in place of a removed one")
}

func testSymlinks(s *suite) {
	most := s.Features.SymlinkMax
	target := func(n int) string {
		var b strings.Builder
		for b.Len() < n {
			fmt.Fprintf(&b, "%d/../\x80 ", b.Len())
		}
		return b.String()[:n]
	}
	var lengths []int
	for n := 1; n <= most; n++ {
		if most <= 1023 || n <= 300 || n%100 < 2 || n >= most-1 {
			lengths = append(lengths, n)
		}
	}
	s.dir("d")
	for _, n := range lengths {
		s.ok(s.Make(fmt.Sprintf("d/%d", n), vfs.CreateAttr{Kind: vfs.KindSymlink, Target: target(n)}), "symlink of %d bytes", n)
	}
	s.twice(func() {
		for _, n := range lengths {
			p := fmt.Sprintf("d/%d", n)
			got, err := s.Readlink(p)
			s.ok(err, "readlink %s", p)
			if got != target(n) {
				s.Errorf("target of %d bytes: got %d bytes %.40q", n, len(got), got)
			}
			if size := s.stat(p).Size; size != int64(n) {
				s.Errorf("size of a symbolic link of %d bytes: got %d", n, size)
			}
		}
	})
	s.refused(s.Make("x", vfs.CreateAttr{Kind: vfs.KindSymlink, Target: target(most + 1)}),
		fmt.Sprintf("symlink of %d bytes", most+1), syscall.ENAMETOOLONG)
	s.refused(s.Make("x", vfs.CreateAttr{Kind: vfs.KindSymlink}), "symlink to nothing", syscall.ENOENT)
	s.absent("x")

	s.file("f")
	for _, p := range []string{"f", "d"} {
		_, err := s.Readlink(p)
		s.refused(err, "readlink "+p, syscall.EINVAL)
	}
	_, err := s.Readlink("none")
	s.refused(err, "readlink of nothing", syscall.ENOENT)

	// In the middle of a path they are followed, relative to where they are.
	s.ok(s.Make("to-d", vfs.CreateAttr{Kind: vfs.KindSymlink, Target: "d"}), "symlink to-d")
	s.ok(s.Make("d/up", vfs.CreateAttr{Kind: vfs.KindSymlink, Target: ".././d/.."}), "symlink d/up")
	s.write("to-d/up/g", []byte("through"))
	s.holds("g", []byte("through"))
	s.ok(s.Make("ring1", vfs.CreateAttr{Kind: vfs.KindSymlink, Target: "ring2"}), "symlink ring1")
	s.ok(s.Make("ring2", vfs.CreateAttr{Kind: vfs.KindSymlink, Target: "ring1"}), "symlink ring2")
	_, err = s.Stat("ring1/x")
	s.refused(err, "stat through a ring of links", syscall.ELOOP)
	s.ok(s.Make("to-f", vfs.CreateAttr{Kind: vfs.KindSymlink, Target: "f"}), "symlink to-f")
	_, err = s.Stat("to-f/x")
	s.refused(err, "stat through a link to a file", syscall.ENOTDIR)
	for _, n := range lengths {
		s.ok(s.Remove(fmt.Sprintf("d/%d", n)), "remove the symlink of %d bytes", n)
	}
	s.names("d", "up")
}
