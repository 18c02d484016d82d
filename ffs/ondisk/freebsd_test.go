package ondisk_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"rump/ffs/ondisk"
)

// TestFreeBSDImages wants every check hash of images that FreeBSD made to be right, before and after we encode what we read.
func TestFreeBSDImages(t *testing.T) {
	dir := os.Getenv("RUMP_TEST_FREEBSD")
	if dir == "" {
		t.Skip("set RUMP_TEST_FREEBSD to a directory with *.img of UFS2 file systems made by FreeBSD")
	}
	paths, _ := filepath.Glob(filepath.Join(dir, "*.img"))
	if len(paths) == 0 {
		t.Fatalf("no *.img in %s", dir)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			img, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			s := find(t, img)
			if !s.HasCheckHash(ondisk.HashSuper | ondisk.HashGroup | ondisk.HashInode) {
				t.Fatalf("flags %#x, check hashes %#x", s.Flags, s.CheckHashes)
			}
			if !s.HashOK() || s.HasQuota2() || s.HasWAPBL() || s.WriteHazard() != "" {
				t.Errorf("hash %v, quota %v, log %v, hazard %q", s.HashOK(), s.HasQuota2(), s.HasWAPBL(), s.WriteHazard())
			}
			checkFreeBSDSuper(t, img, s)
			for c := range int(s.Ncg) {
				checkFreeBSDGroup(t, img, s, c)
			}
		})
	}
}

func checkFreeBSDSuper(t *testing.T, img []byte, s *ondisk.Super) {
	t.Helper()
	got, want := make([]byte, s.SBSize), img[s.Location:][:s.SBSize]
	s.Encode(got)
	if i := diffAt(got, want); i >= 0 {
		t.Errorf("superblock byte %d: got %#x, want %#x", i, got[i], want[i])
	}
	loc := s.FragOffset(s.CgSuper(1))
	b, err := ondisk.DecodeBackup(img[loc:], loc)
	if err != nil {
		t.Fatal(err)
	}
	if !b.HashOK() || b.Location != s.Location {
		t.Errorf("copy: hash %v, primary at %d", b.HashOK(), b.Location)
	}
	b.EncodeBackup(got, loc)
	if i := diffAt(got, img[loc:][:s.SBSize]); i >= 0 {
		t.Errorf("copy byte %d: got %#x, want %#x", i, got[i], img[loc+int64(i)])
	}
}

func checkFreeBSDGroup(t *testing.T, img []byte, s *ondisk.Super, c int) {
	t.Helper()
	block := bytes.Clone(img[s.FragOffset(s.CgHeader(c)):][:s.BSize])
	g, err := s.GroupIn(c, block)
	if err != nil {
		t.Fatal(err)
	}
	if !g.HashOK() {
		t.Errorf("group %d: wrong hash", c)
	}
	g.SetRotor(g.Rotor() ^ 8)
	if g.HashOK() {
		t.Errorf("group %d: hash is right after a change", c)
	}
	g.UpdateHash()
	if !g.HashOK() {
		t.Errorf("group %d: wrong hash after UpdateHash", c)
	}
	for i := range g.InitedInodes() {
		ino := ondisk.Ino(c)*ondisk.Ino(s.Ipg) + ondisk.Ino(i)
		raw := img[s.FragOffset(s.InoToFrag(ino))+int64(s.InoInBlock(ino)):][:s.InodeSize()]
		if !s.InodeHashOK(raw) {
			t.Errorf("inode %d: wrong hash", ino)
		}
		var in ondisk.Inode
		ondisk.DecodeInode(s, raw, &in)
		back := bytes.Clone(raw)
		clear(back[244:248])
		if in.Mode == 0 {
			continue
		}
		ondisk.EncodeInode(s, &in, back)
		if i := diffAt(back, raw); i >= 0 {
			t.Errorf("inode %d byte %d: got %#x, want %#x", ino, i, back[i], raw[i])
		}
		if in.ExtSize > 0 {
			checkExtAttrs(t, img, s, ino, &in)
		}
	}
}

func checkExtAttrs(t *testing.T, img []byte, s *ondisk.Super, ino ondisk.Ino, in *ondisk.Inode) {
	t.Helper()
	var area []byte
	for i, f := range in.ExtB {
		area = append(area, img[s.FragOffset(f):][:s.BlockSizeOf(int64(in.ExtSize), ondisk.Block(i))]...)
	}
	area = area[:in.ExtSize]
	var again []byte
	n := 0
	for off := 0; off < len(area); n++ {
		a, err := ondisk.ExtAttrAt(s.Order, area, off)
		if err != nil {
			t.Fatalf("inode %d: %v", ino, err)
		}
		off += a.Len
		again = ondisk.AppendExtAttr(s.Order, again, a.Namespace, a.Name, a.Content)
	}
	if i := diffAt(again, area); i >= 0 {
		t.Errorf("inode %d: %d attributes encode differently at byte %d", ino, n, i)
	}
	if n == 0 {
		t.Errorf("inode %d: no attributes in %d bytes", ino, len(area))
	}
}
