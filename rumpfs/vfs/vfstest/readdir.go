package vfstest

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"rump/rumpfs/vfs"
)

// manyNames are n names of all lengths, so that entries have all sizes.
func manyNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%d-%s", i, strings.Repeat("n", i*7%200))
	}
	return names
}

// bigDir is how many entries a big directory has.
func bigDir() int {
	if testing.Short() {
		return 300
	}
	return 1200
}

// readFrom collects at most n entries from a cookie on, and where to go on.
func (s *suite) readFrom(p string, at vfs.Cookie, n int) (names []string, next vfs.Cookie) {
	s.Helper()
	next = at
	err := s.ReadDir(p, at, func(e vfs.DirEntry) bool {
		if len(names) == n {
			return false
		}
		names = append(names, string(e.Name))
		next = e.Next
		return true
	})
	s.ok(err, "readdir %s at %d", p, at)
	return names, next
}

// testReadDir reads a directory in pieces of all sizes, and again from each place in it.
func testReadDir(s *suite) {
	names := manyNames(bigDir())
	s.dir("d")
	for i, name := range names {
		if i%10 == 0 {
			s.dir("d/" + name)
		} else {
			s.file("d/" + name)
		}
	}
	s.twice(func() {
		s.names("d", names...)
		whole, _ := s.readFrom("d", 0, len(names)+10)
		if len(whole) < 2 || whole[0] != "." || whole[1] != ".." {
			s.Logf("\".\" and \"..\" are not the first entries: %q", whole[:2])
		}
		for _, piece := range []int{5, 7, 100} {
			var got []string
			for at := vfs.Cookie(0); ; {
				some, next := s.readFrom("d", at, piece)
				if len(some) == 0 {
					break
				}
				if at = next; len(got) > len(whole) {
					s.Fatalf("readdir in pieces of %d does not end", piece)
				}
				got = append(got, some...)
			}
			if !slices.Equal(got, whole) {
				s.Errorf("readdir in pieces of %d: got %d entries, want the same %d as in one go", piece, len(got), len(whole))
			}
		}
		for i, at := 0, vfs.Cookie(0); i < len(whole); { // to places further and further apart, one entry at a time at first
			rest, _ := s.readFrom("d", at, len(whole)+1)
			if !slices.Equal(rest, whole[i:]) {
				s.Fatalf("readdir from entry %d on: got %d entries, want %d", i, len(rest), len(whole)-i)
			}
			var some []string
			some, at = s.readFrom("d", at, 1+i/20)
			i += len(some)
		}
	})
	err := s.ReadDir("d/"+names[1], 0, func(vfs.DirEntry) bool { return true })
	s.refused(err, "readdir of a file", syscall.ENOTDIR)
	err = s.ReadDir("none", 0, func(vfs.DirEntry) bool { return true })
	s.refused(err, "readdir of nothing", syscall.ENOENT)
}

// testReadDirRemove empties a directory while it is read, as rm -r does.
func testReadDirRemove(s *suite) {
	for _, piece := range []int{1, 7, 64} {
		names := manyNames(min(bigDir(), 250*piece))
		s.dir("d")
		for _, name := range names {
			s.file("d/" + name)
		}
		seen := make(map[string]bool)
		for at := vfs.Cookie(0); ; {
			some, next := s.readFrom("d", at, piece)
			if len(some) == 0 {
				break
			}
			at = next
			for _, name := range some {
				if seen[name] {
					s.Errorf("removing in pieces of %d: %q seen twice", piece, name)
				}
				seen[name] = true
				if name != "." && name != ".." {
					s.ok(s.Remove("d/"+name), "remove d/%s", name)
				}
			}
		}
		if len(seen) != len(names)+2 {
			s.Errorf("removing in pieces of %d: saw %d entries, want %d", piece, len(seen), len(names)+2)
		}
		s.ok(s.Rmdir("d"), "rmdir after removing all")
	}
}

// testReadDirAdd changes a directory while it is read: what is there all the time is seen exactly once.
func testReadDirAdd(s *suite) {
	s.dir("d")
	stay, leave := make(map[string]int), make(map[string]bool)
	for i, name := range manyNames(bigDir()) {
		s.file("d/" + name)
		if i%3 == 0 {
			leave[name] = true
		} else {
			stay[name] = 0
		}
	}
	round := 0
	for at := vfs.Cookie(0); ; round++ {
		some, next := s.readFrom("d", at, 5)
		if len(some) == 0 {
			break
		}
		if at = next; round > 4*bigDir() {
			s.Fatal("readdir does not end while entries are added")
		}
		for _, name := range some {
			if _, ok := stay[name]; ok {
				stay[name]++
			}
		}
		for name := range leave { // one goes, one comes, one gets another name
			s.ok(s.Remove("d/"+name), "remove d/%s", name)
			delete(leave, name)
			break
		}
		if round%2 == 0 && round < bigDir() {
			added := fmt.Sprintf("d/added-%d", round)
			s.file(added)
			s.ok(s.Rename(added, added+strings.Repeat("x", round%90)), "rename %s", added)
		}
	}
	for name, n := range stay {
		if n != 1 {
			s.Errorf("%q was there all the time and was seen %d times", name, n)
		}
	}
	s.twice(func() {
		for name := range stay {
			s.stat("d/" + name)
		}
	})
}
