package vfstest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"syscall"
	"testing"

	"rump/rumpfs/vfs"
)

// Run runs the whole suite, each test on a mount of its own, which open makes and t.Cleanup ends.
func Run(t *testing.T, open func(t testing.TB) Mount) {
	for _, c := range []struct {
		name string
		run  func(*suite)
	}{
		{"root", testRoot},
		{"kinds", testKinds},
		{"create-errors", testCreateErrors},
		{"names", testNames},
		{"remove", testRemove},
		{"rmdir", testRmdir},
		{"dir-links", testDirLinks},
		{"hard-links", testHardLinks},
		{"link-max", testLinkMax},
		{"symlinks", testSymlinks},
		{"rename", testRename},
		{"rename-tree", testRenameTree},
		{"rename-errors", testRenameErrors},
		{"readdir", testReadDir},
		{"readdir-remove", testReadDirRemove},
		{"readdir-add", testReadDirAdd},
		{"deep", testDeep},
		{"data", testData},
		{"append", testAppend},
		{"truncate", testTruncate},
		{"holes", testHoles},
		{"far", testFar},
		{"file-errors", testFileErrors},
		{"unlinked", testUnlinked},
		{"allocate", testAllocate},
		{"punch", testPunch},
		{"modes", testModes},
		{"owners", testOwners},
		{"times", testTimes},
		{"time-updates", testTimeUpdates},
		{"change-time", testChangeTime},
		{"flags", testFlags},
		{"xattr", testXattr},
		{"statfs", testStatfs},
		{"full-data", testFullData},
		{"full-inodes", testFullInodes},
		{"read-only", testReadOnly},
		{"model", testModel},
		{"stress", testStress},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := open(t)
			c.run(&suite{TB: t, Mount: m, Tree: m.Tree})
		})
	}
}

// A suite is one test at work on one mount. Tree is the tree as it is mounted now.
type suite struct {
	testing.TB
	Mount
	Tree
}

// ok fails the test at once if there is an error.
func (s *suite) ok(err error, format string, args ...any) {
	s.Helper()
	if err != nil {
		s.Fatalf("%s: %v", fmt.Sprintf(format, args...), err)
	}
}

// refused reports an error that is none of those wanted; 0 stands for success.
func (s *suite) refused(err error, what string, want ...syscall.Errno) {
	s.Helper()
	if got := vfs.ErrnoOf(err); !slices.Contains(want, got) {
		s.Errorf("%s: got %v, want %v", what, errnoText(got), errnoTexts(want))
	}
}

func errnoText(no syscall.Errno) string {
	if no == 0 {
		return "success"
	}
	return fmt.Sprintf("%q", no.Error())
}

func errnoTexts(nos []syscall.Errno) string {
	texts := make([]string, len(nos))
	for i, no := range nos {
		texts[i] = errnoText(no)
	}
	return fmt.Sprint(texts)
}

// twice runs a check now and, if the volume outlives its mount, after a remount.
func (s *suite) twice(check func()) {
	s.Helper()
	check()
	if s.Failed() {
		return
	}
	s.remount()
	check()
	if s.Failed() {
		s.Log("(after a remount)")
	}
}

// remount changes to a new tree on the same volume, if there can be one.
func (s *suite) remount() {
	s.Helper()
	if s.Remount != nil {
		s.Tree = s.Remount(s.TB)
	}
}

// mk makes a node with mode 0755, or a file of some bytes.
func (s *suite) mk(kind vfs.Kind, paths ...string) {
	s.Helper()
	for _, p := range paths {
		a := vfs.CreateAttr{Kind: kind, Mode: 0o755}
		if kind == vfs.KindSymlink {
			a.Target = "target of " + path.Base(p)
		}
		s.ok(s.Make(p, a), "make %s", p)
	}
}

func (s *suite) dir(paths ...string)  { s.Helper(); s.mk(vfs.KindDir, paths...) }
func (s *suite) file(paths ...string) { s.Helper(); s.mk(vfs.KindRegular, paths...) }

// write makes a file if it is not there and gives it content from its start on.
func (s *suite) write(p string, data []byte) {
	s.Helper()
	if _, err := s.Stat(p); err != nil {
		s.file(p)
	}
	f := s.open(p)
	s.writeAt(f, data, 0)
	s.ok(f.Close(), "close %s", p)
}

// open opens a file for writing.
func (s *suite) open(p string) File {
	s.Helper()
	f, err := s.Open(p, true)
	s.ok(err, "open %s", p)
	return f
}

func (s *suite) writeAt(f File, data []byte, off int64) {
	s.Helper()
	if n, err := f.WriteAt(data, off); err != nil || n != len(data) {
		s.Fatalf("write of %d bytes at %d: got %d, %v", len(data), off, n, err)
	}
}

// content reads a whole file, one byte more than it should have.
func (s *suite) content(p string) []byte {
	s.Helper()
	f, err := s.Open(p, false)
	s.ok(err, "open %s", p)
	defer f.Close()
	return s.contentOf(f)
}

func (s *suite) contentOf(f File) []byte {
	s.Helper()
	a, err := f.Stat()
	s.ok(err, "stat of an open file")
	buf := dirty(int(a.Size) + 1)
	n, err := f.ReadAt(buf, 0)
	s.ok(err, "read of %d bytes at 0", len(buf))
	return buf[:n]
}

// holds checks a file's content.
func (s *suite) holds(p string, want []byte) {
	s.Helper()
	s.same(p, s.content(p), want)
}

// same reports where two contents differ.
func (s *suite) same(what string, got, want []byte) {
	s.Helper()
	if bytes.Equal(got, want) {
		return
	}
	if len(got) != len(want) {
		s.Errorf("%s: got %d bytes, want %d", what, len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			s.Errorf("%s: byte %d is %#x, want %#x", what, i, got[i], want[i])
			return
		}
	}
}

// stat returns the attributes of what must be there.
func (s *suite) stat(p string) vfs.Attr {
	s.Helper()
	a, err := s.Stat(p)
	s.ok(err, "stat %s", p)
	return a
}

// absent checks that there is no such name.
func (s *suite) absent(p string) {
	s.Helper()
	_, err := s.Stat(p)
	s.refused(err, "stat "+p, syscall.ENOENT)
}

// list returns all entries of a directory but "." and "..", read in one go.
func (s *suite) list(p string) map[string]vfs.DirEntry {
	s.Helper()
	all := make(map[string]vfs.DirEntry)
	err := s.ReadDir(p, 0, func(e vfs.DirEntry) bool {
		name := string(e.Name)
		if _, twice := all[name]; twice {
			s.Errorf("readdir %s: %q twice", p, name)
		}
		e.Name = nil
		all[name] = e
		return true
	})
	s.ok(err, "readdir %s", p)
	for _, dot := range []string{".", ".."} {
		if _, ok := all[dot]; !ok {
			s.Errorf("readdir %s: no %q", p, dot)
		}
		delete(all, dot)
	}
	return all
}

// names checks which names a directory has.
func (s *suite) names(p string, want ...string) {
	s.Helper()
	var got []string
	for name := range s.list(p) {
		got = append(got, name)
	}
	slices.Sort(got)
	want = slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		s.Errorf("readdir %s: got %q, want %q", p, got, want)
	}
}

// pattern is n bytes that look different at every offset and for every seed.
func pattern(seed uint64, n int) []byte {
	p := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), 1}).Read(p)
	return p
}

// dirty is a buffer to read into, which holds anything but zeros: holes must not be left to luck.
func dirty(n int) []byte { return bytes.Repeat([]byte{0xa5}, n) }

// sizes are the offsets around which something happens: none, one, and each of Features.Blocks and small multiples of it,
// and one less and more.
func (s *suite) sizes() []int {
	all := []int{0, 1, 511, 512, 513}
	for _, b := range s.Features.Blocks {
		all = append(all, b-1, b, b+1, 2*b-1, 2*b, 2*b+1)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
