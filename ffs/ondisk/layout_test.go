package ondisk_test

import (
	"testing"

	"rump/ffs/ondisk"
)

// TestGenuineGeometry checks addresses against what the genuine newfs printed.
func TestGenuineGeometry(t *testing.T) {
	img := golden(t, "tree-ufs1-be-4096-512", ondisk.LocUFS2+ondisk.SuperArea)
	s := find(t, img)
	for c, want := range []ondisk.Frag{32, 4128, 8224, 12320} {
		if got := s.CgSuper(c); got != want {
			t.Errorf("copy in group %d at %d, want %d", c, got, want)
		}
	}
	const ino = 676 // fifth inode of group 1: 672 a group, 32 a block
	if got := s.InoToCg(ino); got != 1 {
		t.Errorf("inode %d in group %d", ino, got)
	}
	if got, want := s.InoToFrag(ino), ondisk.Frag(4096+56); got != want {
		t.Errorf("inode %d in block %d, want %d", ino, got, want)
	}
	if got, want := s.InoInBlock(ino), 4*128; got != want {
		t.Errorf("inode %d at byte %d, want %d", ino, got, want)
	}
	if got, want := s.InoInCg(ino), 4; got != want {
		t.Errorf("inode %d is number %d of its group, want %d", ino, got, want)
	}
	if got, want := s.InoToFrag(672*3+33), ondisk.Frag(3*4096+56+8); got != want {
		t.Errorf("block %d, want %d", got, want)
	}
	if s.MaxIno() != 4*672 || s.ValidIno(1) || !s.ValidIno(2) || !s.ValidIno(4*672-1) || s.ValidIno(4*672) {
		t.Errorf("inodes up to %d", s.MaxIno())
	}
	if s.FragToCg(4095) != 0 || s.FragToCg(4096) != 1 || s.FragInCg(4099) != 3 {
		t.Error("FragToCg or FragInCg")
	}
	if s.FragOffset(3) != 1536 || s.OffsetFrag(1537) != 3 || s.FragsOf(1536) != 3 {
		t.Error("fragments to bytes and back")
	}
}

func TestValidFrags(t *testing.T) {
	s := build(t, flavours[4], 4096, 512, 2)
	for _, c := range []struct {
		f    ondisk.Frag
		n    int
		want bool
	}{
		{0, 1, false}, {-8, 8, false}, {1, 1, true}, {1, 7, true}, {1, 8, false}, {8, 8, true}, {15, 1, true}, {15, 2, false},
		{s.Size - 1, 1, true}, {s.Size, 1, false}, {s.Size - 1, 2, false}, {1 << 62, 8, false},
	} {
		if got := s.ValidFrags(c.f, c.n); got != c.want {
			t.Errorf("%d+%d: %v, want %v", c.f, c.n, got, c.want)
		}
	}
}

func TestBlockSizeOf(t *testing.T) {
	s := build(t, flavours[2], 8192, 1024, 2)
	for _, c := range []struct {
		size int64
		lbn  ondisk.Block
		want int
	}{
		{0, 0, 0}, {1, 0, 1024}, {1024, 0, 1024}, {1025, 0, 2048}, {8191, 0, 8192}, {8192, 0, 8192}, {8192, 1, 0},
		{8193, 1, 1024}, {12 * 8192, 11, 8192}, {11*8192 + 1, 11, 1024}, {12*8192 + 1, 12, 8192}, {1 << 40, 3, 8192},
		{1 << 40, 1 << 20, 8192}, {5, 4, 0},
	} {
		if got := s.BlockSizeOf(c.size, c.lbn); got != c.want {
			t.Errorf("size %d, block %d: got %d, want %d", c.size, c.lbn, got, c.want)
		}
	}
	if s.RoundFrags(1) != 1024 || s.RoundFrags(1024) != 1024 || s.RoundBlocks(8193) != 16384 {
		t.Error("rounding")
	}
	if s.BlockOf(8191) != 0 || s.BlockOf(8192) != 1 || s.InBlock(8195) != 3 || s.BlockOffset(3) != 3*8192 {
		t.Error("bytes to blocks")
	}
}

func TestPathTo(t *testing.T) {
	for _, f := range flavours[2:] {
		for _, bsize := range []int32{4096, 65536} {
			s := build(t, f, bsize, bsize/8, 2)
			n := ondisk.Block(s.Nindir)
			starts := []ondisk.Block{12, 12 + n, 12 + n + n*n, 12 + n + n*n + n*n*n}
			for level, first := range starts[:3] {
				if got := s.FirstIndirect(level + 1); got != first {
					t.Errorf("%v: level %d starts at %d, want %d", f, level+1, got, first)
				}
				for _, d := range []ondisk.Block{0, 1, n - 1, n, n*n - 1, n * n, n*n*n - 1} {
					if lbn := first + d; lbn < starts[level+1] {
						checkPath(t, s, lbn, level+1, d)
					}
				}
			}
			checkPath(t, s, 0, 0, 0)
			checkPath(t, s, 11, 0, 11)
			for _, lbn := range []ondisk.Block{-1, starts[3], 1 << 62} {
				if p, ok := s.PathTo(lbn); ok {
					t.Errorf("%v: block %d has a path %v", f, lbn, p)
				}
			}
		}
	}
}

// checkPath wants the d-th block of a level to have a path that leads back to d.
func checkPath(t *testing.T, s *ondisk.Super, lbn ondisk.Block, level int, d ondisk.Block) {
	t.Helper()
	p, ok := s.PathTo(lbn)
	if !ok || p.Level != level {
		t.Errorf("block %d: path %v, %v, want level %d", lbn, p, ok, level)
		return
	}
	if level == 0 {
		if p.Index[0] != int(d) {
			t.Errorf("block %d: pointer %d", lbn, p.Index[0])
		}
		return
	}
	var back ondisk.Block
	for i := 1; i <= level; i++ {
		if p.Index[i] < 0 || p.Index[i] >= int(s.Nindir) {
			t.Errorf("block %d: path %v", lbn, p)
		}
		back += ondisk.Block(p.Index[i]) * s.IndirectSpan(level-i+1)
	}
	if back != d || p.Index[0] != level-1 {
		t.Errorf("block %d: path %v leads to number %d of its level, want %d", lbn, p, back, d)
	}
}

func TestMaxSize(t *testing.T) {
	for _, f := range flavours {
		s := build(t, f, 4096, 512, 2)
		n := int64(s.Nindir)
		want := 12*4096 - 1 + 4096*(n+n*n+n*n*n)
		if f.old {
			want = 1 << 39
		}
		if got := s.MaxSize(); got != want {
			t.Errorf("%v: %d, want %d", f, got, want)
		}
		s.MaxFileSize = ^uint64(0)
		if got := s.MaxSize(); got != want {
			t.Errorf("%v: stored size too large: %d, want %d", f, got, want)
		}
	}
	s := build(t, flavours[2], 65536, 8192, 2)
	if got, want := s.MaxSize(), int64(65536)<<31-1; got != want {
		t.Errorf("ufs1, 64K blocks: %d, want %d", got, want)
	}
}

func TestSummary(t *testing.T) {
	for _, f := range flavours {
		b := make([]byte, ondisk.SummarySize)
		c := ondisk.Summary{Dirs: 1, FreeBlocks: 2, FreeInodes: -3, FreeFrags: 4}
		c.Encode(f.order, b)
		if got := ondisk.DecodeSummary(f.order, b); got != c || byteOrder(f.order).Uint32(b[4:]) != 2 {
			t.Errorf("%v: %+v, want %+v", f, got, c)
		}
		var total ondisk.Totals
		total.Add(c)
		total.Add(c.Plus(c))
		if want := (ondisk.Totals{Dirs: 3, FreeBlocks: 6, FreeInodes: -9, FreeFrags: 12}); total != want {
			t.Errorf("total %+v, want %+v", total, want)
		}
	}
}
