package blockmap_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"rump/ffs/blockmap"
	"rump/ffs/mkfs"
	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
	"rump/tests/golden"
)

var ctx = context.Background()

// survey looks at a volume.
func survey(tb testing.TB, dev blockdev.Device, sh blockmap.Shape) *blockmap.Map {
	tb.Helper()
	m, err := blockmap.Survey(ctx, dev, sh, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// sums adds up the cells, and checks that none has more than its share.
func sums(tb testing.TB, m *blockmap.Map) (total [blockmap.NumKinds]int64) {
	tb.Helper()
	for p, cells := range m.Panels {
		for c, cell := range cells {
			all := int64(0)
			for k, n := range cell {
				total[k] += int64(n)
				if blockmap.Kind(k) != blockmap.Bad {
					all += int64(n)
				}
			}
			if c < len(cells)-1 && all != m.Unit || all > m.Unit {
				tb.Errorf("panel %d, cell %d: %d fragments of %d", p, c, all, m.Unit)
			}
		}
	}
	return total
}

// TestGolden counts every fragment of the genuine volumes once: what is free and used are what the superblock and the checker say.
func TestGolden(t *testing.T) {
	for _, name := range golden.Names(t, "tree-*", "full-*", "frag-*", "one-cg", "short-*", "quota2-*", "tuned-*", "appleufs-*", "wapbl-clean-*", "snapshot-*", "many-cg-ufs2") {
		if strings.Contains(name, ".") {
			continue
		}
		m := survey(t, golden.Load(t, name), blockmap.Shape{Panels: 16, Cells: 4096})
		s := m.Super
		total := sums(t, m)
		if total != m.Total {
			t.Errorf("%s: cells have %v, totals are %v", name, total, m.Total)
		}
		all := int64(0)
		for _, n := range total {
			all += n
		}
		free := s.Total.FreeBlocks*int64(s.Frag) + s.Total.FreeFrags
		if all != int64(s.Size) || m.Total[blockmap.Free] != free || m.Total[blockmap.Bad]+m.Total[blockmap.Lost] != 0 || m.NumFault != 0 {
			t.Errorf("%s: %d fragments of %d, %d free of %d, faults %q", name, all, s.Size, m.Total[blockmap.Free], free, m.Faults)
		}
		if files := int64(s.MaxIno()) - 2 - s.Total.FreeInodes; m.Files != files || m.Dirs != s.Total.Dirs {
			t.Errorf("%s: %d files and %d directories, want %d and %d", name, m.Files, m.Dirs, files, s.Total.Dirs)
		}
		_, isQuota := strings.CutPrefix(name, "quota2")
		_, isLog := strings.CutPrefix(name, "wapbl-clean-infile")
		_, isSnap := strings.CutPrefix(name, "snapshot")
		for k, want := range map[blockmap.Kind]bool{
			blockmap.Quota: isQuota, blockmap.Journal: isLog, blockmap.Snapshot: isSnap, blockmap.Dir: true, blockmap.File: true, blockmap.Super: true,
			blockmap.Tail: m.Super.Frag > 1 && !strings.HasPrefix(name, "none"),
		} {
			if got := m.Total[k] > 0; got != want {
				t.Errorf("%s: %d fragments of %v", name, m.Total[k], k)
			}
		}
	}
}

// TestShape asks for pictures of all sizes.
func TestShape(t *testing.T) {
	dev := golden.Load(t, "many-cg-ufs2")
	want := survey(t, dev, blockmap.Shape{Panels: 1000, Cells: 1 << 20}).Total
	for _, sh := range []blockmap.Shape{{}, {1, 1}, {1, 50}, {3, 7}, {13, 13}, {12, 1000}, {100, 100000}, {100, 1 << 30}} {
		m := survey(t, dev, sh)
		cells := 0
		for _, p := range m.Panels {
			cells += len(p)
		}
		if len(m.Panels) > max(1, sh.Panels) || cells > max(sh.Cells, len(m.Panels)) || m.Total != want || sums(t, m) != want {
			t.Errorf("%+v: %d panels, %d cells of %d fragments", sh, len(m.Panels), cells, m.Unit)
		}
	}
}

// TestWrong makes one thing wrong and sees it.
func TestWrong(t *testing.T) {
	for _, c := range []struct {
		what string
		do   func(tb testing.TB, dev blockdev.Device, s *ondisk.Super)
		kind blockmap.Kind
		want string
	}{
		{"a block of two files", func(tb testing.TB, dev blockdev.Device, s *ondisk.Super) {
			inode(tb, dev, s, 2, func(in *ondisk.Inode) { in.DB[1] = in.DB[0]; in.Size += int64(s.BSize) })
		}, blockmap.Bad, "inode 2: block"},
		{"a pointer into the inodes", func(tb testing.TB, dev blockdev.Device, s *ondisk.Super) {
			inode(tb, dev, s, 2, func(in *ondisk.Inode) { in.IB[0] = s.CgInodes(1) })
		}, blockmap.Bad, "is where the file system keeps its structures"},
		{"a pointer to itself", func(tb testing.TB, dev blockdev.Device, s *ondisk.Super) {
			inode(tb, dev, s, 2, func(in *ondisk.Inode) { in.IB[2] = in.DB[0] &^ ondisk.Frag(s.Frag-1) })
		}, blockmap.Bad, "inode 2: block"},
		{"a pointer far away", func(tb testing.TB, dev blockdev.Device, s *ondisk.Super) {
			inode(tb, dev, s, 2, func(in *ondisk.Inode) { in.IB[1] = s.Size + 8 })
		}, blockmap.Free, "outside of the volume"},
		{"no inodes", func(tb testing.TB, dev blockdev.Device, s *ondisk.Super) {
			inode(tb, dev, s, 2, func(in *ondisk.Inode) { in.Mode = 0 })
		}, blockmap.Lost, "nobody has them"},
		{"used marked free", func(tb testing.TB, dev blockdev.Device, s *ondisk.Super) {
			group(tb, dev, s, 0, func(g *ondisk.Group) { clearMap(g.FreeMap(), 0xff) })
		}, blockmap.Bad, "marked free"},
		{"a lost header", func(tb testing.TB, dev blockdev.Device, s *ondisk.Super) {
			if _, err := dev.WriteAt(make([]byte, 512), s.FragOffset(s.CgHeader(2))); err != nil {
				tb.Fatal(err)
			}
		}, blockmap.Lost, "cylinder group 2: magic number"},
	} {
		dev := golden.Load(t, "tree-ufs2-be-8192-1024")
		s := survey(t, dev, blockmap.Shape{}).Super
		c.do(t, dev, s)
		m := survey(t, dev, blockmap.Shape{Panels: 4, Cells: 1000})
		if m.Total[c.kind] == 0 || m.NumFault == 0 || !strings.Contains(strings.Join(m.Faults, "\n"), c.want) {
			t.Errorf("%s: %d fragments of %v, %q", c.what, m.Total[c.kind], c.kind, m.Faults)
		}
	}
}

func clearMap(m []byte, v byte) {
	for i := range m {
		m[i] = v
	}
}

func inode(tb testing.TB, dev blockdev.Device, s *ondisk.Super, ino ondisk.Ino, fn func(in *ondisk.Inode)) {
	tb.Helper()
	b := make([]byte, s.BSize)
	at := s.FragOffset(s.InoToFrag(ino))
	if _, err := dev.ReadAt(b, at); err != nil {
		tb.Fatal(err)
	}
	var in ondisk.Inode
	ondisk.DecodeInode(s, b[s.InoInBlock(ino):], &in)
	fn(&in)
	ondisk.EncodeInode(s, &in, b[s.InoInBlock(ino):])
	if _, err := dev.WriteAt(b, at); err != nil {
		tb.Fatal(err)
	}
}

func group(tb testing.TB, dev blockdev.Device, s *ondisk.Super, cg int, fn func(g *ondisk.Group)) {
	tb.Helper()
	b := make([]byte, s.CgSize)
	at := s.FragOffset(s.CgHeader(cg))
	if _, err := dev.ReadAt(b, at); err != nil {
		tb.Fatal(err)
	}
	g, err := s.GroupIn(cg, b)
	if err != nil {
		tb.Fatal(err)
	}
	fn(&g)
	if _, err := dev.WriteAt(b, at); err != nil {
		tb.Fatal(err)
	}
}

// TestCorrupt surveys and draws volumes with bytes changed at random: no panic, no endless chain.
func TestCorrupt(t *testing.T) {
	rounds := 60
	if testing.Short() {
		rounds = 6
	}
	for _, name := range []string{"tree-ufs0-be-8192-1024", "tree-ufs2-le-4096-512", "snapshot-ufs2"} {
		img := golden.Load(t, name)
		s := survey(t, img, blockmap.Shape{}).Super
		for round := range rounds {
			rng := rand.New(rand.NewPCG(uint64(round), 5))
			dev := img.Snapshot()
			for range 20 {
				scratch(t, dev, s, rng)
			}
			m := survey(t, dev, blockmap.Shape{Panels: 4, Cells: 2000})
			sums(t, m)
		}
	}
}

// scratch changes some bytes of a group header, of inodes, or of data.
func scratch(tb testing.TB, dev blockdev.Device, s *ondisk.Super, rng *rand.Rand) {
	tb.Helper()
	cg := rng.IntN(int(s.Ncg))
	at := s.FragOffset(s.CgHeader(cg)) + int64(rng.IntN(int(s.CgSize)))
	switch rng.IntN(3) {
	case 0:
		at = s.FragOffset(s.CgInodes(cg)) + int64(rng.IntN(64*s.InodeSize()))
	case 1:
		at = s.FragOffset(s.CgData(cg)) + rng.Int64N(200<<10)
	}
	sector := make([]byte, 512)
	off := at &^ 511
	if _, err := dev.ReadAt(sector, off); err != nil {
		tb.Fatal(err)
	}
	for range 4 {
		sector[(int(at-off)+rng.IntN(8))%512] = byte(rng.Uint32())
	}
	if _, err := dev.WriteAt(sector, off); err != nil {
		tb.Fatal(err)
	}
}

// TestHuge surveys a volume of 2 TiB: in seconds, and with little memory.
func TestHuge(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a volume of 2 TiB")
	}
	dev := blockdev.NewMemory(2 << 40)
	if _, err := mkfs.Newfs(ctx, dev, mkfs.Options{Version: 2, BlockSize: 32768, FragSize: 4096, Density: 1 << 20, Now: time.Unix(1, 0)}); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	m := survey(t, dev, blockmap.Shape{Panels: 512, Cells: 1 << 16})
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 16<<20 {
		t.Errorf("%d bytes for the map", grown)
	}
	if m.NumFault != 0 || m.Total[blockmap.Free] < 2<<40>>12*9/10 {
		t.Errorf("%d faults, %d free", m.NumFault, m.Total[blockmap.Free])
	}
}

// TestErrors stops when asked to, and without a superblock.
func TestErrors(t *testing.T) {
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := blockmap.Survey(stopped, golden.Load(t, "one-cg"), blockmap.Shape{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := blockmap.Survey(ctx, blockdev.NewMemory(1<<20), blockmap.Shape{}, nil); err == nil {
		t.Error("a map of nothing")
	}
	small, err := blockdev.NewSection(golden.Load(t, "tree-ufs2-le-8192-1024"), 0, 4<<20)
	if err != nil {
		t.Fatal(err)
	}
	if m := survey(t, small, blockmap.Shape{Panels: 4, Cells: 100}); m.NumFault == 0 {
		t.Error("the end of the volume is missing, and that is no fault")
	}
}
