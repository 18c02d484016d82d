package vfstest

import (
	"fmt"
	"slices"
	"strings"
	"syscall"

	"rump/rumpfs/vfs"
)

func testXattr(s *suite) {
	most := s.Features.XattrMax
	if most == 0 {
		s.Skip("no extended attributes")
	}
	s.dir("d")
	s.write("f", []byte("data"))
	for _, p := range []string{"f", "d"} {
		s.xattrModes(p)
		s.xattrSizes(p, most)
		s.xattrNames(p)
	}
	s.twice(func() { s.holds("f", []byte("data")) })
	_, err := s.GetXattr("none", "x")
	s.refused(err, "get of an attribute of nothing", syscall.ENOENT)
	s.refused(s.SetXattr("f", "big", make([]byte, 65537), vfs.XattrEither), "set of 65537 bytes", syscall.E2BIG)
	s.ok(s.Link("f", "g"), "link")
	s.ok(s.SetXattr("f", "x", []byte("1"), vfs.XattrEither), "set")
	s.ok(s.Remove("f"), "remove")
	s.hasXattr("g", "x", []byte("1"))
	s.ok(s.Remove("g"), "remove")
}

// hasXattr checks a value.
func (s *suite) hasXattr(p, name string, want []byte) {
	s.Helper()
	got, err := s.GetXattr(p, name)
	s.ok(err, "get attribute %.30q of %s", name, p)
	s.same(fmt.Sprintf("attribute %.30q of %s", name, p), got, want)
}

func (s *suite) xattrModes(p string) {
	s.Helper()
	_, err := s.GetXattr(p, "a")
	s.refused(err, "get of no attribute", syscall.ENODATA)
	s.refused(s.RemoveXattr(p, "a"), "removal of no attribute", syscall.ENODATA)
	s.refused(s.SetXattr(p, "a", nil, vfs.XattrReplace), "replacement of no attribute", syscall.ENODATA)
	s.ok(s.SetXattr(p, "a", []byte("one"), vfs.XattrCreate), "create")
	s.refused(s.SetXattr(p, "a", []byte("two"), vfs.XattrCreate), "creation of what is there", syscall.EEXIST)
	s.hasXattr(p, "a", []byte("one"))
	s.ok(s.SetXattr(p, "a", []byte("three"), vfs.XattrReplace), "replace")
	s.twice(func() { s.hasXattr(p, "a", []byte("three")) })
	s.ok(s.SetXattr(p, "a", nil, vfs.XattrEither), "set to nothing")
	s.twice(func() { s.hasXattr(p, "a", nil) })
	s.ok(s.RemoveXattr(p, "a"), "remove")
	_, err = s.GetXattr(p, "a")
	s.refused(err, "get of a removed attribute", syscall.ENODATA)
}

// xattrSizes grows and shrinks one attribute between two others.
func (s *suite) xattrSizes(p string, most int) {
	s.Helper()
	s.ok(s.SetXattr(p, "before", []byte("b"), vfs.XattrEither), "set before")
	s.ok(s.SetXattr(p, "x", nil, vfs.XattrEither), "set x")
	s.ok(s.SetXattr(p, "z.after", []byte("aa"), vfs.XattrEither), "set after")
	sizes := []int{1, 2, 3, 7, 8, 9, 100, 255, 256, 257, 511, 1000, 2000, 4096, 10000, most - 100}
	sizes = append(sizes, 5, 300, 0)
	for i, n := range sizes {
		if n < 0 || n > most-100 {
			continue
		}
		want := pattern(uint64(i), n)
		s.ok(s.SetXattr(p, "x", want, vfs.XattrEither), "set %d bytes", n)
		s.hasXattr(p, "x", want)
		s.hasXattr(p, "before", []byte("b"))
		s.hasXattr(p, "z.after", []byte("aa"))
		if i%5 == 0 {
			s.remount()
			s.hasXattr(p, "x", want)
			s.hasXattr(p, "z.after", []byte("aa"))
		}
	}
	for _, name := range []string{"before", "x", "z.after"} {
		s.ok(s.RemoveXattr(p, name), "remove %s", name)
	}
}

func (s *suite) xattrNames(p string) {
	s.Helper()
	want := []string{"A", "a", "a.b.c", "with space", "\xff\xfe", "ümlaut", strings.Repeat("n", 200)}
	for _, name := range want {
		s.ok(s.SetXattr(p, name, []byte(name), vfs.XattrCreate), "set %.30q", name)
	}
	check := func() {
		s.Helper()
		got, err := s.ListXattr(p)
		s.ok(err, "list")
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			s.Errorf("attributes of %s: got %.30q, want %.30q", p, got, want)
		}
		for _, name := range want {
			s.hasXattr(p, name, []byte(name))
		}
	}
	s.twice(check)
	for len(want) > 0 {
		s.ok(s.RemoveXattr(p, want[0]), "remove %.30q", want[0])
		want = want[1:]
		check()
	}
	s.twice(check)
	s.refused(s.SetXattr(p, strings.Repeat("n", 256), nil, vfs.XattrEither), "set with a name of 256 bytes", syscall.ERANGE)
	s.refused(s.SetXattr(p, "", nil, vfs.XattrEither), "set without a name", syscall.ERANGE, syscall.EINVAL)
}
