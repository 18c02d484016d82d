package vfstest

import (
	"fmt"
	"slices"
	"syscall"

	"rump/rumpfs/vfs"
)

// testHoles writes every other block of a file, last first, and looks at what is between.
func testHoles(s *suite) {
	for _, b := range slices.Compact(slices.Sorted(slices.Values(append([]int{4096}, s.Features.Blocks...)))) {
		if b > 1<<20 {
			continue
		}
		p := fmt.Sprint(b)
		s.file(p)
		f := s.open(p)
		const blocks = 16
		want := make([]byte, blocks*b+1)
		for i := blocks; i >= 0; i -= 3 {
			piece := pattern(uint64(i), min(b, len(want)-i*b))
			s.writeAt(f, piece, int64(i*b))
			copy(want[i*b:], piece)
		}
		s.same(p, s.contentOf(f), want)
		s.seeks(f, want)
		s.ok(f.Close(), "close")
		s.twice(func() { s.holds(p, want) })
		f = s.open(p) // fill the first hole, a byte in the second
		for i, at := range []int{2 * b, 5*b + b/2} {
			piece := pattern(uint64(100+i), 1+i*(b-1))
			s.writeAt(f, piece, int64(at))
			copy(want[at:], piece)
		}
		s.ok(f.Close(), "close")
		s.twice(func() { s.holds(p, want) })
	}
	if !s.Features.Holes {
		return
	}
	s.file("sparse")
	f := s.open("sparse")
	defer f.Close()
	s.writeAt(f, []byte("x"), 64<<20)
	a, err := f.Stat()
	s.ok(err, "stat")
	if a.Blocks > 8<<20/512 {
		s.Errorf("one byte behind 64 MiB of hole takes %d KiB", a.Blocks/2)
	}
	if at, err := f.SeekData(0); err != nil || at > 64<<20 || at < 63<<20 {
		s.Errorf("first data behind 64 MiB of hole: got %d, %v", at, err)
	}
	if at, err := f.SeekHole(0); err != nil || at != 0 {
		s.Errorf("first hole: got %d, %v, want 0", at, err)
	}
	s.ok(f.Truncate(32<<20), "truncate")
	_, err = f.SeekData(0)
	s.refused(err, "first data of a hole", syscall.ENXIO)
}

// seeks walks over data and holes: together they are the file, and what is not zero lies in data.
func (s *suite) seeks(f File, want []byte) {
	s.Helper()
	for at := int64(0); at < int64(len(want)); {
		data, err := f.SeekData(at)
		if vfs.ErrnoOf(err) == syscall.ENXIO {
			data = int64(len(want))
		} else if err != nil {
			s.Fatalf("first data from %d on: %v", at, err)
		}
		if data < at {
			s.Fatalf("first data from %d on: got %d", at, data)
		}
		for i := at; i < data; i++ {
			if want[i] != 0 {
				s.Fatalf("byte %d is data, but no data was found from %d to %d", i, at, data)
			}
		}
		if at = data; at == int64(len(want)) {
			break
		}
		hole, err := f.SeekHole(at)
		if err != nil || hole <= at || hole > int64(len(want)) {
			s.Fatalf("first hole from the data at %d on: got %d, %v", at, hole, err)
		}
		at = hole
	}
	for _, off := range []int64{int64(len(want)), int64(len(want)) + 1} {
		_, err := f.SeekData(off)
		s.refused(err, fmt.Sprintf("first data from %d on", off), syscall.ENXIO)
		_, err = f.SeekHole(off)
		s.refused(err, fmt.Sprintf("first hole from %d on", off), syscall.ENXIO)
	}
}

// testFar goes to the largest size that the file system has, and beyond.
func testFar(s *suite) {
	far := s.Features.FileMax
	if far == 0 || !s.Features.Holes {
		s.Skip("no largest size that can be reached")
	}
	s.file("f")
	f := s.open("f")
	s.writeAt(f, []byte("end"), far-3)
	s.writeAt(f, []byte("middle"), far/2)
	check := func(f File) {
		for _, c := range []struct {
			at   int64
			want string
		}{{far - 3, "end"}, {far / 2, "middle"}, {0, "\x00\x00"}, {far/2 - 2, "\x00\x00m"}} {
			buf := dirty(len(c.want))
			if n, err := f.ReadAt(buf, c.at); err != nil || string(buf[:n]) != c.want {
				s.Errorf("bytes at %d: got %q, %v, want %q", c.at, buf[:n], err, c.want)
			}
		}
		if a, err := f.Stat(); err != nil || a.Size != far {
			s.Errorf("size: got %d, %v, want %d", a.Size, err, far)
		}
	}
	check(f)
	if n, err := f.WriteAt([]byte("x"), far); n != 0 || vfs.ErrnoOf(err) != syscall.EFBIG {
		s.Errorf("write at the largest size: got %d, %v, want EFBIG", n, err)
	}
	if n, err := f.WriteAt([]byte("12345678"), far-4); n != 4 && n != 0 || n == 0 && vfs.ErrnoOf(err) != syscall.EFBIG {
		s.Errorf("write over the largest size: got %d, %v, want 4 or EFBIG", n, err)
	}
	s.writeAt(f, []byte("end"), far-3)
	s.refused(f.Truncate(far+1), "truncate beyond the largest size", syscall.EFBIG, syscall.EINVAL)
	s.ok(f.Close(), "close")
	s.twice(func() {
		f := s.open("f")
		defer f.Close()
		check(f)
	})
	f = s.open("f")
	s.ok(f.Truncate(10), "truncate to 10")
	s.ok(f.Truncate(far), "truncate to the largest size")
	s.ok(f.Truncate(1), "truncate to 1")
	s.ok(f.Close(), "close")
	s.twice(func() { s.holds("f", []byte{0}) })
}

func testAllocate(s *suite) {
	if !s.Features.Allocate {
		s.Skip("space cannot be reserved")
	}
	s.write("f", []byte("data"))
	f := s.open("f")
	err := f.Allocate(0, 100_000, true)
	if s.Features.Within {
		s.refused(err, "allocate behind the end and keep the size", syscall.EOPNOTSUPP)
		s.same("not allocated", s.contentOf(f), []byte("data"))
		s.ok(f.Truncate(100_000), "truncate")
		s.ok(f.Allocate(0, 100_000, true), "allocate inside the file")
		a, err := f.Stat()
		s.ok(err, "stat")
		if a.Size != 100_000 || a.Blocks < 100_000/512 {
			s.Errorf("after allocating: size %d, %d blocks, want 100000, 195 or more", a.Size, a.Blocks)
		}
		s.ok(f.Truncate(4), "truncate")
		s.ok(f.Allocate(0, 100_000, false), "allocate")
		s.ok(f.Truncate(4), "truncate")
	} else {
		s.ok(err, "allocate and keep the size")
	}
	a, err := f.Stat()
	s.ok(err, "stat")
	if !s.Features.Within && (a.Size != 4 || a.Blocks < 100_000/512) {
		s.Errorf("after allocating with the size kept: size %d, %d blocks, want 4, 195 or more", a.Size, a.Blocks)
	}
	s.ok(f.Allocate(50_000, 50_001, false), "allocate")
	want := append([]byte("data"), make([]byte, 100_001-4)...)
	s.same("allocated", s.contentOf(f), want)
	s.writeAt(f, []byte("x"), 99_999)
	want[99_999] = 'x'
	s.ok(f.Allocate(0, 100_000, false), "allocate what is there")
	s.ok(f.Close(), "close")
	s.twice(func() { s.holds("f", want) })
	f = s.open("f")
	defer f.Close()
	if !s.Features.Within {
		s.ok(f.Allocate(0, 300_000, true), "allocate behind the end")
	}
	s.ok(f.Truncate(0), "truncate")
	if a, err = f.Stat(); err != nil || a.Blocks > 64 { // attributes may stay
		s.Errorf("an empty file takes %d blocks, %v", a.Blocks, err)
	}
	s.refused(f.Allocate(-1, 10, false), "allocate at -1", syscall.EINVAL)
	s.refused(f.Allocate(0, 0, false), "allocate nothing", syscall.EINVAL)
	s.refused(f.Allocate(1<<62, 1<<62, false), "allocate too far", syscall.EFBIG)
}

func testPunch(s *suite) {
	if !s.Features.Punch {
		s.Skip("holes cannot be punched")
	}
	for i, size := range s.sizes() {
		if size > 256<<10 || size < 10 {
			continue
		}
		for j, at := range []int{0, 1, size / 3, size - 5} {
			for _, n := range []int{1, 5, size / 2, size, 2 * size} {
				p := fmt.Sprintf("f%d", j)
				want := pattern(uint64(i), size)
				s.write(p, want)
				f := s.open(p)
				s.ok(f.Punch(int64(at), int64(n)), "punch %d at %d of %d", n, at, size)
				clear(want[at:min(size, at+n)])
				s.same(fmt.Sprintf("%d punched at %d of %d", n, at, size), s.contentOf(f), want)
				s.seeks(f, want)
				s.ok(f.Close(), "close")
				s.ok(s.Remove(p), "remove")
			}
		}
	}
	want := pattern(1, 1<<20)
	s.write("big", want)
	before := s.stat("big").Blocks
	f := s.open("big")
	s.ok(f.Punch(100_000, 800_000), "punch")
	s.ok(f.Close(), "close")
	clear(want[100_000:900_000])
	s.twice(func() {
		s.holds("big", want)
		if after := s.stat("big").Blocks; after > before/2 {
			s.Errorf("with most of it punched the file takes %d blocks, had %d", after, before)
		}
	})
}
