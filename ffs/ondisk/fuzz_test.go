package ondisk_test

import (
	"bytes"
	"math"
	"testing"

	"rump/ffs/ondisk"
	"rump/internal/endian"
)

// exercise calls what calculates with a superblock; nothing may panic or leave the volume.
func exercise(t *testing.T, s *ondisk.Super) {
	t.Helper()
	for _, c := range []int{0, int(s.Ncg) / 2, int(s.Ncg) - 1} {
		if base := s.CgBase(c); base < 0 || base >= s.Size {
			t.Fatalf("group %d at %d of %d", c, base, s.Size)
		}
		for _, at := range []ondisk.Frag{s.CgSuper(c), s.CgHeader(c), s.CgInodes(c)} {
			if at <= 0 || at+ondisk.Frag(s.Frag) > s.Size || at%ondisk.Frag(s.Frag) != 0 {
				t.Fatalf("group %d: block at %d of %d", c, at, s.Size)
			}
		}
		if n := s.CgFrags(c); n <= 0 || n > s.Fpg {
			t.Fatalf("group %d has %d fragments", c, n)
		}
	}
	if last := s.FragOffset(s.Size); last <= 0 {
		t.Fatalf("size in bytes %d", last)
	}
	for _, ino := range []ondisk.Ino{0, 2, s.MaxIno() / 2, s.MaxIno() - 1} {
		at := s.InoToFrag(ino)
		if at <= 0 || at+ondisk.Frag(s.Frag) > s.Size || s.InoInBlock(ino)+s.InodeSize() > int(s.BSize) || s.InoToCg(ino) >= int(s.Ncg) {
			t.Fatalf("inode %d of %d at %d", ino, s.MaxIno(), at)
		}
	}
	for _, lbn := range []ondisk.Block{0, 12, 1 << 20, 1 << 40, math.MaxInt64} {
		p, _ := s.PathTo(lbn)
		for _, i := range p.Index[1:] {
			if i < 0 || i >= int(s.Nindir) {
				t.Fatalf("block %d: path %v", lbn, p)
			}
		}
	}
	if s.MaxSize() <= 0 {
		t.Fatalf("size limit %d", s.MaxSize())
	}
	_, _, _, _ = s.HasWAPBL(), s.HasQuota2(), s.WriteHazard(), s.HashOK()
	b := make([]byte, ondisk.SuperArea)
	s.Encode(b)
	if _, err := ondisk.DecodeSuper(b, s.Location); err != nil {
		t.Fatalf("encoded again: %v", err)
	}
}

// patch changes b as edits say: two bytes of offset, four bytes of content, and so on.
func patch(b, edits []byte) {
	for ; len(edits) >= 6; edits = edits[6:] {
		at := int(edits[0])<<8 | int(edits[1])
		copy(b[at%len(b):], edits[2:6])
	}
}

func FuzzSuper(f *testing.F) {
	var bases [][]byte
	for _, fl := range flavours {
		bases = append(bases, encoded(build(f, fl, 4096, 512, 3)), encoded(build(f, fl, 65536, 65536, 2)))
	}
	for _, name := range []string{"appleufs-be", "quota2-ufs1-be", "wapbl-kill-be"} {
		img := golden(f, name, ondisk.LocUFS2+ondisk.SuperArea)
		bases = append(bases, img[find(f, img).Location:][:ondisk.SuperArea])
	}
	for i := range bases {
		f.Add(uint8(i), []byte{0, 44, 0, 0, 0, 9})     // fs_ncg
		f.Add(uint8(i), []byte{4, 60, 0, 0, 1, 0})     // fs_size
		f.Add(uint8(i), []byte{0, 188, 0, 1, 0, 0})    // fs_fpg
		f.Add(uint8(i), []byte{5, 36, 0xff, 0, 0, 16}) // fs_contigsumsize
	}
	f.Fuzz(func(t *testing.T, kind uint8, edits []byte) {
		b := bytes.Clone(bases[int(kind)%len(bases)])
		patch(b, edits)
		for _, loc := range ondisk.Locations() {
			if s, err := ondisk.DecodeSuper(b, loc); err == nil {
				exercise(t, s)
			}
		}
		if s, err := ondisk.DecodeBackup(b, 1<<20); err == nil {
			exercise(t, s)
		}
		if _, _, err := ondisk.FindSuper(bytes.NewReader(edits), int64(len(edits))); err == nil || err.Error() == "" {
			t.Fatalf("%d bytes: %v", len(edits), err)
		}
	})
}

func FuzzGroup(f *testing.F) {
	var supers []*ondisk.Super
	var bases [][]byte
	for _, fl := range flavours {
		for _, frag := range []int32{1, 2, 8} {
			s := build(f, fl, 8192, 8192/frag, 2)
			block := make([]byte, s.BSize)
			g, err := s.InitGroup(1, block)
			if err != nil {
				f.Fatal(err)
			}
			for blk := 3; blk < g.Blocks(); blk += 4 {
				g.FreeBlock(blk)
			}
			g.FreeFrags(0, 1)
			g.FreeInode(5, false)
			f.Add(uint8(len(supers)), []byte{0, 92, 0, 0, 0, 168})
			f.Add(uint8(len(supers)), []byte{0, 96, 1, 0, 0, 0})
			supers, bases = append(supers, s), append(bases, block)
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, edits []byte) {
		i := int(kind) % len(supers)
		s, block := supers[i], bytes.Clone(bases[i])
		patch(block, edits)
		for c := range 2 {
			if g, err := s.GroupIn(c, block); err == nil {
				exerciseGroup(t, s, &g)
			}
		}
	})
}

// exerciseGroup searches and allocates; what was found must be there to be taken.
func exerciseGroup(t *testing.T, s *ondisk.Super, g *ondisk.Group) {
	t.Helper()
	_ = g.CheckCounts()
	if i, ok := g.FindInode(g.InodeRotor()); ok {
		if _, ok := g.TakeInode(i, true); !ok {
			t.Fatalf("inode %d was found and cannot be taken", i)
		}
	}
	if blk, ok := g.FindBlock(g.Rotor() / int(s.Frag)); ok {
		if _, ok := g.TakeBlock(blk); !ok {
			t.Fatalf("block %d was found and cannot be taken", blk)
		}
		g.FreeBlock(blk)
	}
	for n := 1; n < int(s.Frag); n++ {
		if at, ok := g.BestFrags(g.FragRotor(), n); ok {
			if _, ok := g.TakeFrags(at, n); !ok {
				t.Fatalf("fragments %d+%d were found and cannot be taken", at, n)
			}
		}
	}
	if blk, ok := g.FindCluster(5, 3); ok && !(g.BlockFree(blk) && g.BlockFree(blk+1) && g.BlockFree(blk+2)) {
		t.Fatalf("three blocks at %d are not free", blk)
	}
	g.FreeFrags(g.Frags()-1, 1)
	g.ClearOldTables()
	g.CountOldTables(g.Blocks() - 1)
	g.SetTime(5)
	g.UpdateHash()
}

func FuzzDirBlock(f *testing.F) {
	var supers []*ondisk.Super
	for _, kind := range []string{"ufs0-le", "ufs0-be", "ufs1-le", "ufs1-be", "apple"} {
		s := dirKinds(f)[kind]
		b := make([]byte, s.DirBlockSize())
		d := s.DirBlockIn(b)
		d.InitDots(2, 2)
		d.Insert(5, ondisk.TypeRegular, []byte("name"))
		f.Add(uint8(len(supers)), b, []byte("another"))
		supers = append(supers, s)
	}
	f.Fuzz(func(t *testing.T, kind uint8, b, name []byte) {
		s := supers[int(kind)%len(supers)]
		block := make([]byte, s.DirBlockSize())
		copy(block, b)
		d := s.DirBlockIn(block)
		for off := 0; off < d.Len(); {
			e, fault := d.At(off)
			if fault != "" {
				if d.Error(e, fault).Error() == "" {
					t.Fatal("an error without words")
				}
				break
			}
			off += e.Len
		}
		_, _, sound := d.Room()
		d.Find(name)
		d.IsEmpty(2, 2)
		if off, ok := d.Insert(9, ondisk.TypeRegular, name); ok {
			if e, fault := d.At(off); !sound || e.Ino != 9 || fault != "" && bytes.IndexByte(name, 0) < 0 {
				t.Fatalf("inserted %q: %+v %s", name, e, fault)
			}
			d.Remove(off)
		}
		d.Compact()
		if _, _, ok := d.Room(); sound && !ok && bytes.IndexByte(name, 0) < 0 {
			t.Fatal("a sound block got a fault")
		}
	})
}

func FuzzExtAttr(f *testing.F) {
	f.Add(ondisk.AppendExtAttr(endian.Little, nil, 1, []byte("name"), []byte("content")), false)
	f.Add(ondisk.AppendExtAttr(endian.Big, nil, 2, []byte("n"), nil), true)
	f.Fuzz(func(t *testing.T, area []byte, big bool) {
		o := endian.Little
		if big {
			o = endian.Big
		}
		for off := 0; off < len(area); {
			a, err := ondisk.ExtAttrAt(o, area, off)
			if err != nil {
				break
			}
			again := ondisk.AppendExtAttr(o, nil, a.Namespace, a.Name, a.Content)
			b, err := ondisk.ExtAttrAt(o, again, 0)
			if err != nil || !bytes.Equal(a.Name, b.Name) || !bytes.Equal(a.Content, b.Content) {
				t.Fatalf("record at %d encodes to %v, %v", off, b, err)
			}
			off += a.Len
		}
	})
}
