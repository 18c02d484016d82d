package vfstest

import (
	"bytes"
	"fmt"
	"syscall"

	"rump/rumpfs/vfs"
)

func testStatfs(s *suite) {
	st, err := s.Statfs()
	s.ok(err, "statfs")
	if st.FragSize == 0 || st.BlockSize < st.FragSize || st.Blocks == 0 || st.BlocksFree > st.Blocks || st.NameMax != 255 {
		s.Errorf("statfs makes no sense: %+v", st)
	}
	if s.Full == nil {
		s.Skip("others use the same space")
	}
	s.write("f", pattern(1, 1<<20))
	s.ok(s.Sync(), "sync")
	with, err := s.Statfs()
	s.ok(err, "statfs")
	if took := int64(st.BlocksFree-with.BlocksFree) * int64(st.FragSize); took < 1<<20 || took > 2<<20 {
		s.Errorf("1 MiB took %d bytes", took)
	}
	if with.FilesFree != st.FilesFree-1 {
		s.Errorf("free inodes: got %d, want %d", with.FilesFree, st.FilesFree-1)
	}
	s.ok(s.Remove("f"), "remove")
	s.twice(func() {
		s.ok(s.Sync(), "sync")
		after, err := s.Statfs()
		s.ok(err, "statfs")
		if after.BlocksFree != st.BlocksFree || after.FilesFree != st.FilesFree {
			s.Errorf("free after removal: %d blocks, %d inodes, want %d, %d", after.BlocksFree, after.FilesFree, st.BlocksFree, st.FilesFree)
		}
	})
}

// full changes to a tree with little space.
func (s *suite) full() {
	s.Helper()
	if s.Full == nil {
		s.Skip("no tree with little space")
	}
	s.Tree, s.Remount = s.Full(s.TB), nil
}

// testFullData fills the space with data.
func testFullData(s *suite) {
	s.full()
	s.dir("d")
	s.write("d/keep", []byte("kept"))
	s.file("f")
	f := s.open("f")
	defer f.Close()
	var want []byte
	piece := pattern(1, 10_000)
	for {
		n, err := f.Append(piece)
		want = append(want, piece[:n]...)
		if err != nil {
			s.refused(err, "append to the full tree", syscall.ENOSPC)
			break
		}
		if n == 0 || len(want) > 64<<20 {
			s.Fatalf("the tree took %d bytes, and the next write %d", len(want), n)
		}
	}
	for range 100 { // the last bytes
		if n, err := f.Append([]byte{1}); n == 1 && err == nil {
			want = append(want, 1)
		} else {
			s.refused(err, "append of one byte to the full tree", syscall.ENOSPC)
			break
		}
	}
	s.same("what fitted", s.contentOf(f), want)
	copy(want, "over")
	s.writeAt(f, []byte("over"), 0) // what is there can be written over
	s.refused(func() error { _, err := f.WriteAt(piece, int64(len(want))+1<<20); return err }(), "write behind a hole", syscall.ENOSPC)
	s.same("after failing writes", s.contentOf(f)[:len(want)], want)

	// Small things fit until they do not, and what failed has left nothing.
	made := 0
	for ; made < 100_000; made++ {
		p := fmt.Sprintf("d/%d", made)
		if err := s.Make(p, vfs.CreateAttr{Kind: vfs.KindSymlink, Target: string(bytes.Repeat([]byte("t"), 900))}); err != nil {
			s.refused(err, "symlink in the full tree", syscall.ENOSPC)
			s.absent(p)
			break
		}
	}
	if got := len(s.list("d")); got != made+1 {
		s.Errorf("entries in d: got %d, want %d", got, made+1)
	}
	for i := range made {
		s.ok(s.Remove(fmt.Sprintf("d/%d", i)), "remove of a symlink")
	}
	s.holds("d/keep", []byte("kept"))
	s.ok(f.Truncate(100), "truncate")
	s.same("after truncating", s.contentOf(f), want[:100])
	s.write("d/again", pattern(2, 500_000))
	s.holds("d/again", pattern(2, 500_000))
}

// testFullInodes fills the tree with empty files, or directories.
func testFullInodes(s *suite) {
	s.full()
	s.dir("d", "d/sub")
	s.file("f")
	made := 0
	for ; ; made++ {
		kind := vfs.KindRegular
		if made%8 == 0 {
			kind = vfs.KindDir
		}
		p := fmt.Sprintf("d/%d", made)
		if err := s.Make(p, vfs.CreateAttr{Kind: kind, Mode: 0o755}); err != nil {
			s.refused(err, "make in the full tree", syscall.ENOSPC)
			s.absent(p)
			break
		}
		if made > 200_000 {
			s.Skip("no end of inodes")
		}
	}
	if got := len(s.list("d")); got != made+1 {
		s.Errorf("entries: got %d, want %d", got, made+1)
	}
	s.checkTree("d")
	s.ok(s.Rename("d/1", "d/2"), "rename over another")
	s.ok(s.Rmdir("d/0"), "rmdir")
	s.file("d/new")
	for name, e := range s.list("d") {
		if e.Kind == vfs.KindDir {
			s.ok(s.Rmdir("d/"+name), "rmdir d/%s", name)
		} else {
			s.ok(s.Remove("d/"+name), "remove d/%s", name)
		}
	}
	s.ok(s.Rmdir("d"), "rmdir d")
	s.dir("d")
	s.checkTree("d")
}

// testReadOnly tries every change of a tree that is mounted read-only.
func testReadOnly(s *suite) {
	if s.ReadOnly == nil {
		s.Skip("no read-only mount")
	}
	s.dir("d", "d/e")
	s.write("d/f", []byte("data"))
	if s.Features.XattrMax > 0 {
		s.ok(s.SetXattr("d/f", "x", []byte("value"), vfs.XattrEither), "set attribute")
	}
	s.mk(vfs.KindSymlink, "d/l")
	s.Tree = s.ReadOnly(s.TB)

	for _, k := range s.kinds() {
		s.refused(s.Make("d/new", vfs.CreateAttr{Kind: k, Target: "t"}), fmt.Sprintf("make kind %d", k), syscall.EROFS)
		s.refused(s.Make("d/f", vfs.CreateAttr{Kind: k, Target: "t"}), "make what is there", syscall.EEXIST)
	}
	s.refused(s.Link("d/f", "d/g"), "link", syscall.EROFS)
	s.refused(s.Remove("d/f"), "remove", syscall.EROFS)
	s.refused(s.Rmdir("d/e"), "rmdir", syscall.EROFS)
	s.refused(s.Rename("d/f", "d/g"), "rename", syscall.EROFS)
	s.refused(s.Rename("d/f", "d/l"), "rename over", syscall.EROFS)
	for name, set := range map[string]vfs.SetAttr{
		"mode":  {Mask: vfs.SetMode, Mode: 0o600},
		"owner": {Mask: vfs.SetUID, UID: 1},
		"size":  {Mask: vfs.SetSize, Size: 1},
		"times": {Mask: vfs.SetMtime, Mtime: old},
	} {
		s.refused(s.SetAttr("d/f", set), "set "+name, syscall.EROFS)
	}
	if s.Features.XattrMax > 0 {
		s.refused(s.SetXattr("d/f", "x", nil, vfs.XattrEither), "set attribute", syscall.EROFS)
		s.refused(s.RemoveXattr("d/f", "x"), "remove attribute", syscall.EROFS)
		s.hasXattr("d/f", "x", []byte("value"))
	}
	f, err := s.Open("d/f", true)
	if err == nil {
		f.Close()
	}
	s.refused(err, "open for writing", syscall.EROFS)
	s.names("d", "e", "f", "l")
	s.holds("d/f", []byte("data"))
	if a := s.stat("d/f"); a.Size != 4 || a.Mode != 0o755 {
		s.Errorf("d/f: got size %d, mode %o, want 4, 755", a.Size, a.Mode)
	}
	if target, err := s.Readlink("d/l"); err != nil || target != "target of l" {
		s.Errorf("readlink: got %q, %v", target, err)
	}
	s.ok(s.Sync(), "sync")
	st, err := s.Statfs()
	s.ok(err, "statfs")
	if st.Blocks == 0 {
		s.Error("statfs: no blocks")
	}
}
