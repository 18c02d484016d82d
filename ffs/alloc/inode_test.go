package alloc_test

import (
	"bytes"
	"testing"

	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
)

func TestFilesStayNearTheirDirectory(t *testing.T) {
	v := mountNew(t, "frag8big")
	parent := ondisk.Ino(2*v.s.Ipg + 5)
	for i := range 20 {
		ino, err := v.Inode(parent, false)
		if err != nil || v.s.InoToCg(ino) != 2 {
			t.Fatalf("file %d: inode %d, %v; want one of group 2", i, ino, err)
		}
		if i == 0 && ino != parent {
			t.Errorf("first file: inode %d, want the directory's neighbourhood, %d", ino, parent)
		}
	}
}

func TestDirectoriesSpread(t *testing.T) {
	v := mountNew(t, "manygroups")
	count := map[int]int{}
	for range 4 * v.s.Ncg {
		ino, err := v.Inode(ondisk.RootIno, true)
		if err != nil {
			t.Fatal(err)
		}
		count[v.s.InoToCg(ino)]++
	}
	// The first and the last group have fewer blocks than the average and get none.
	for cg := 1; cg < int(v.s.Ncg)-1; cg++ {
		if n := count[cg]; n < 2 || n > 6 {
			t.Errorf("group %d got %d of %d directories of the root, want about 4", cg, n, 4*v.s.Ncg)
		}
	}
	if got := v.Totals().Dirs; got != int64(1+4*v.s.Ncg) {
		t.Errorf("%d directories counted, want %d", got, 1+4*v.s.Ncg)
	}
	v.check()
}

func TestSubdirectoriesStayNear(t *testing.T) {
	v := mountNew(t, "manygroups")
	parent := ondisk.Ino(9 * v.s.Ipg)
	ino, err := v.Inode(parent, true)
	if err != nil || v.s.InoToCg(ino) != 9 {
		t.Fatalf("first subdirectory: inode %d, %v; want one in group 9", ino, err)
	}
	far := 0
	for range 40 {
		if ino, err = v.Inode(parent, true); err != nil {
			t.Fatal(err)
		}
		far = max(far, v.s.InoToCg(ino)-9)
	}
	if far == 0 || far > 60 {
		t.Errorf("40 subdirectories went up to %d groups away, want some but not far", far)
	}
}

// On UFS2 a group's inodes are initialised as they are needed: the block first, then the count.
func TestInodesAreInitialised(t *testing.T) {
	geo := byName(t, "frag8big")
	geo.ipg = 256
	s, mem := geo.make(t)
	writeGarbage(t, s, mem)
	dev := blockdev.NewRecorder(mem)
	v := mount(t, s, dev, testOptions(5))
	for range int(s.Ipg) - 3 {
		ino, err := v.Inode(ondisk.RootIno, false)
		if err != nil {
			t.Fatal(err)
		}
		if s.InoToCg(ino) != 0 {
			t.Fatalf("inode %d, want one in group 0", ino)
		}
		// Nothing was flushed: what counts is what reached the device by itself.
		g, err := s.GroupIn(0, readGroup(t, s, mem, 0))
		if err != nil {
			t.Fatal(err)
		}
		if s.InoInCg(ino) >= g.InitedInodes() {
			t.Fatalf("inode %d is in use, the group on disk counts %d as initialised", ino, g.InitedInodes())
		}
		checkInodeBlocks(t, s, mem, g.InitedInodes())
	}
	v.check()
	if got := v.Totals().FreeInodes; got != int64(s.MaxIno())-int64(s.Ipg) {
		t.Errorf("%d inodes free, want those of the other groups", got)
	}
	checkOrder(t, s, dev, geo)
}

// checkInodeBlocks proves that the first n inodes of group 0 are free or the root, and have generations.
func checkInodeBlocks(t *testing.T, s *ondisk.Super, dev blockdev.Device, n int) {
	t.Helper()
	b := make([]byte, s.BSize)
	for i := 2 * int(s.Inopb); i < n; i += int(s.Inopb) {
		if _, err := dev.ReadAt(b, s.FragOffset(s.InoToFrag(ondisk.Ino(i)))); err != nil {
			t.Fatal(err)
		}
		for k := range int(s.Inopb) {
			var in ondisk.Inode
			ondisk.DecodeInode(s, b[k*s.InodeSize():], &in)
			if in.Gen == 0 || in.Gen > 1<<31 {
				t.Fatalf("inode %d: generation %d", i+k, in.Gen)
			}
			if in.Mode != 0 || in.Size != 0 || in.Nlink != 0 {
				t.Fatalf("inode %d is not empty: mode %o, size %d", i+k, in.Mode, in.Size)
			}
		}
	}
}

// checkOrder replays every prefix of the writes and proves that no group ever counted an inode block that held garbage.
func checkOrder(t *testing.T, s *ondisk.Super, rec *blockdev.Recorder, geo geometry) {
	t.Helper()
	_, empty := geo.make(t)
	writeGarbage(t, s, empty)
	header := s.FragOffset(s.CgHeader(0))
	written := 0
	for i, e := range rec.Events() {
		if err := e.Apply(empty); err != nil {
			t.Fatal(err)
		}
		if e.Op != blockdev.OpWrite || e.Off > header || e.Off+e.Length <= header {
			continue
		}
		g, err := s.GroupIn(0, readGroup(t, s, empty, 0))
		if err != nil {
			t.Fatalf("after event %d: %v", i, err)
		}
		checkInodeBlocks(t, s, empty, g.InitedInodes())
		written++
	}
	if want := int(s.Ipg/s.Inopb) - 2; written < want {
		t.Fatalf("the group was written %d times, want one for each of %d blocks of inodes", written, want)
	}
}

// writeGarbage fills the blocks of group 0 that are to hold inodes one day.
func writeGarbage(t *testing.T, s *ondisk.Super, dev blockdev.Device) {
	t.Helper()
	garbage := bytes.Repeat([]byte{0xa5}, int(s.BSize))
	for f := s.InoToFrag(ondisk.Ino(2 * s.Inopb)); f < s.CgData(0); f += ondisk.Frag(s.Frag) {
		if _, err := dev.WriteAt(garbage, s.FragOffset(f)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestInodeRotorComesBack(t *testing.T) {
	v := mountNew(t, "frag8")
	var got []ondisk.Ino
	for range 10 {
		ino, err := v.Inode(ondisk.RootIno, false)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, ino)
	}
	if err := v.FreeInode(got[3], false); err != nil {
		t.Fatal(err)
	}
	if ino, err := v.Inode(ondisk.RootIno, false); err != nil || ino != got[3] {
		t.Errorf("inode %d, %v; want %d, the first free one", ino, err, got[3])
	}
}
