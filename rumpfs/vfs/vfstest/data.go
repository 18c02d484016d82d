package vfstest

import (
	"fmt"
	"slices"
	"syscall"

	"rump/rumpfs/vfs"
)

// testData writes files of all interesting sizes and reads them back in one go and in pieces.
func testData(s *suite) {
	s.dir("d")
	for i, n := range s.sizes() {
		s.write(fmt.Sprintf("d/%d", n), pattern(uint64(i), n))
	}
	s.twice(func() {
		for i, n := range s.sizes() {
			p := fmt.Sprintf("d/%d", n)
			want := pattern(uint64(i), n)
			s.holds(p, want)
			if got := s.stat(p).Size; got != int64(n) {
				s.Errorf("size of %s: got %d, want %d", p, got, n)
			}
			s.readPieces(p, want)
		}
	})
	// Written over in the middle, around every border.
	last := s.sizes()[len(s.sizes())-1]
	want := pattern(99, last)
	s.write("over", want)
	f := s.open("over")
	for i, n := range s.sizes() {
		piece := pattern(uint64(1000+i), 3)
		at := min(max(0, n-1), last-len(piece))
		s.writeAt(f, piece, int64(at))
		copy(want[at:], piece)
		s.same(fmt.Sprintf("3 bytes written over at %d", at), s.contentOf(f), want)
	}
	s.ok(f.Sync(false), "sync")
	s.ok(f.Sync(true), "data sync")
	s.ok(f.Close(), "close")
	s.twice(func() { s.holds("over", want) })
}

// readPieces reads a file at all borders, into buffers that end before, at and after the end.
func (s *suite) readPieces(p string, want []byte) {
	s.Helper()
	f := s.open(p)
	defer f.Close()
	for _, off := range s.sizes() {
		for _, n := range []int{0, 1, 100, len(want)} {
			buf := dirty(n)
			got, err := f.ReadAt(buf, int64(off))
			s.ok(err, "read of %d bytes at %d of %s", n, off, p)
			rest := want[min(off, len(want)):]
			if wantN := min(n, len(rest)); got != wantN {
				s.Errorf("read of %d bytes at %d of %s: got %d, want %d", n, off, p, got, wantN)
			} else {
				s.same(fmt.Sprintf("%s at %d", p, off), buf[:got], rest[:got])
			}
		}
	}
}

func testAppend(s *suite) {
	s.file("f")
	f := s.open("f")
	var want []byte
	for i, n := range s.sizes() {
		piece := pattern(uint64(i), n)
		got, err := f.Append(piece)
		if err != nil || got != n {
			s.Fatalf("append of %d bytes: got %d, %v", n, got, err)
		}
		want = append(want, piece...)
		if len(want) > 1<<20 {
			break
		}
	}
	s.same("after appending", s.contentOf(f), want)
	s.ok(f.Truncate(5), "truncate to 5")
	if _, err := f.Append([]byte("after")); err != nil {
		s.Fatalf("append after truncate: %v", err)
	}
	s.ok(f.Close(), "close")
	s.twice(func() { s.holds("f", append(want[:5:5], "after"...)) })
	// Byte by byte over a border.
	s.file("g")
	g := s.open("g")
	for i := range 1500 {
		if n, err := g.Append([]byte{byte(i)}); n != 1 || err != nil {
			s.Fatalf("append of byte %d: got %d, %v", i, n, err)
		}
	}
	s.ok(g.Close(), "close")
	s.twice(func() {
		got := s.content("g")
		for i, b := range got {
			if b != byte(i) {
				s.Fatalf("byte %d is %d, want %d", i, b, byte(i))
			}
		}
		if len(got) != 1500 {
			s.Errorf("size: got %d, want 1500", len(got))
		}
	})
}

// testTruncate cuts and grows files from every interesting size to every other.
func testTruncate(s *suite) {
	sizes := slices.DeleteFunc(s.sizes(), func(n int) bool { return n > 128<<10 })
	want := make(map[string][]byte)
	s.dir("d")
	for i, from := range sizes {
		for j, to := range sizes {
			p := fmt.Sprintf("d/%d-%d", from, to)
			data := pattern(uint64(i), from)
			s.write(p, data)
			if (i+j)%2 == 0 {
				s.ok(s.SetAttr(p, vfs.SetAttr{Mask: vfs.SetSize, Size: int64(to)}), "truncate %s", p)
			} else {
				f := s.open(p)
				s.ok(f.Truncate(int64(to)), "truncate the open %s", p)
				s.ok(f.Close(), "close")
			}
			cut := append(data[:min(from, to):from], make([]byte, max(0, to-from))...)[:to]
			s.holds(p, cut)
			// What was cut off must not come back.
			back := min(max(from, to)+1, to+600)
			s.ok(s.SetAttr(p, vfs.SetAttr{Mask: vfs.SetSize, Size: int64(back)}), "grow %s", p)
			cut = append(cut, make([]byte, back-to)...)
			s.holds(p, cut)
			if (i+j)%7 == 0 {
				want[p] = cut
			} else {
				s.ok(s.Remove(p), "remove %s", p)
			}
		}
	}
	s.twice(func() {
		for p, data := range want {
			s.holds(p, data)
		}
	})
	s.dir("dir")
	s.refused(s.SetAttr("dir", vfs.SetAttr{Mask: vfs.SetSize}), "truncate of a directory", syscall.EISDIR)
	s.refused(s.SetAttr("none", vfs.SetAttr{Mask: vfs.SetSize}), "truncate of nothing", syscall.ENOENT)
	s.file("f")
	s.refused(s.SetAttr("f", vfs.SetAttr{Mask: vfs.SetSize, Size: -1}), "truncate to -1", syscall.EINVAL)
}

func testFileErrors(s *suite) {
	s.dir("d")
	s.write("f", []byte("data"))
	for path, want := range map[string]syscall.Errno{
		"d": syscall.EISDIR, "none": syscall.ENOENT, "f/x": syscall.ENOTDIR,
	} {
		f, err := s.Open(path, true)
		if err == nil {
			f.Close()
		}
		s.refused(err, "open "+path, want)
	}
	f := s.open("f")
	_, err := f.ReadAt(make([]byte, 1), -1)
	s.refused(err, "read at -1", syscall.EINVAL)
	_, err = f.WriteAt([]byte("x"), -1)
	s.refused(err, "write at -1", syscall.EINVAL)
	if n, err := f.WriteAt(nil, 100); n != 0 || err != nil {
		s.Errorf("write of nothing: got %d, %v", n, err)
	}
	s.ok(f.Close(), "close")
	s.twice(func() { s.holds("f", []byte("data")) })
}

// testUnlinked: a file lives without a name while it is open, and its space comes back afterwards.
func testUnlinked(s *suite) {
	before, err := s.Statfs()
	s.ok(err, "statfs")
	s.dir("d")
	want := pattern(7, 100_000)
	s.write("d/f", want)
	s.ok(s.Link("d/f", "d/g"), "link")
	f := s.open("d/f")
	s.ok(s.Remove("d/f"), "remove d/f")
	s.ok(s.Remove("d/g"), "remove d/g")
	s.file("d/f") // another file of that name
	s.ok(s.Rename("d/f", "d/g"), "rename")
	s.ok(s.Remove("d/g"), "remove the other file")
	s.ok(s.Rmdir("d"), "rmdir")

	s.same("without a name", s.contentOf(f), want)
	a, err := f.Stat()
	s.ok(err, "stat")
	if a.Nlink != 0 || a.Size != int64(len(want)) {
		s.Errorf("without a name: %d links, %d bytes, want 0, %d", a.Nlink, a.Size, len(want))
	}
	piece := pattern(8, 50_000)
	s.writeAt(f, piece, 90_000)
	want = append(want[:90_000], piece...)
	s.same("written without a name", s.contentOf(f), want)
	s.ok(f.Truncate(1000), "truncate")
	s.same("cut without a name", s.contentOf(f), want[:1000])
	s.ok(f.Close(), "close")

	s.dir("d") // replaced by a rename while open
	s.write("d/old", want)
	s.write("d/new", []byte("new"))
	f = s.open("d/old")
	s.ok(s.Rename("d/new", "d/old"), "rename over the open file")
	s.same("replaced while open", s.contentOf(f), want)
	s.holds("d/old", []byte("new"))
	s.ok(f.Close(), "close")
	s.ok(s.Remove("d/old"), "remove")
	s.ok(s.Rmdir("d"), "rmdir")
	s.ok(s.Sync(), "sync")
	after, err := s.Statfs()
	s.ok(err, "statfs")
	if s.Full != nil && (after.BlocksFree != before.BlocksFree || after.FilesFree != before.FilesFree) {
		s.Errorf("free after all is gone: %d blocks, %d files, want %d, %d", after.BlocksFree, after.FilesFree, before.BlocksFree, before.FilesFree)
	}
}
