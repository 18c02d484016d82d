package alloc_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"syscall"
	"testing"

	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
)

// damage changes a group on the device.
func damage(t *testing.T, s *ondisk.Super, dev blockdev.Device, c int, change func(g *ondisk.Group, b []byte)) {
	t.Helper()
	b := readGroup(t, s, dev, c)
	g, err := s.GroupIn(c, b)
	if err != nil {
		t.Fatal(err)
	}
	change(&g, b)
	if _, err := dev.WriteAt(b, s.FragOffset(s.CgHeader(c))); err != nil {
		t.Fatal(err)
	}
}

// put32 makes a change of one word of a group.
func put32(off int, v uint32) func(*ondisk.Group, []byte) {
	return func(g *ondisk.Group, b []byte) {
		b[off], b[off+1], b[off+2], b[off+3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
	}
}

func TestBrokenGroupIsNotUsed(t *testing.T) {
	geo := byName(t, "frag4")
	for _, c := range []struct {
		name, says string
		change     func(*ondisk.Group, []byte)
	}{
		{"zeroed", "magic", func(_ *ondisk.Group, b []byte) { clear(b) }},
		{"random", "magic", func(_ *ondisk.Group, b []byte) { copy(b, bytes.Repeat([]byte{0xee}, len(b))) }},
		{"magic", "magic", put32(4, 0x12345678)},
		{"other group", "own number", put32(12, 3)},
		{"length", "number of fragments", put32(20, 1<<31)},
		{"free map outside", "offset of the free map", put32(96, 0x7ffffff0)},
		{"inode map inside the header", "offset of the inode map", put32(92, 0)},
		{"clusters outside", "offset of the cluster map", put32(108, 0xffffffff)},
		{"negative count", "free blocks", put32(28, 0x80000000)},
		{"more blocks counted", "free blocks in the map", func(g *ondisk.Group, _ []byte) {
			c := g.Summary()
			c.FreeBlocks++
			g.SetSummary(c)
		}},
		{"fewer inodes counted", "free inodes in the map", func(g *ondisk.Group, _ []byte) {
			c := g.Summary()
			c.FreeInodes--
			g.SetSummary(c)
		}},
		{"a fragment lost", "in the map", func(g *ondisk.Group, _ []byte) { g.SetFragFree(g.Frags()-1, false) }},
		{"inode block free", "file system's own", func(g *ondisk.Group, _ []byte) {
			if _, ok := g.FreeBlock(int(g.Frags()) / 8); !ok {
				g.FreeBlock(int(geo.super(t).IblkNo) / 4)
			}
		}},
		{"uninitialised inode used", "never initialised", func(g *ondisk.Group, _ []byte) {
			g.TakeInode(int(geo.ipg)-1, false)
		}},
		{"initialised count", "initialised inodes", func(g *ondisk.Group, _ []byte) { g.SetInitedInodes(33) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, dev := geo.make(t)
			damage(t, s, dev, 1, c.change)
			var log bytes.Buffer
			o := testOptions(1)
			o.Log = slog.New(slog.NewTextHandler(&log, nil))
			v := mount(t, s, dev, o)

			parent := ondisk.Ino(s.Ipg) + 3
			at, err := v.Block(1, 0, true)
			if err != nil || s.FragToCg(at) == 1 {
				t.Fatalf("block at %d, %v; want one of another group", at, err)
			}
			if at, err = v.Frags(1, s.CgData(1), 2, true); err != nil || s.FragToCg(at) == 1 {
				t.Fatalf("fragments at %d, %v; want some of another group", at, err)
			}
			ino, err := v.Inode(parent, false)
			if err != nil || s.InoToCg(ino) == 1 {
				t.Fatalf("inode %d, %v; want one of another group", ino, err)
			}
			var bad *ondisk.CorruptError
			for what, err := range map[string]error{
				"free":         v.Free(s.CgData(1), 4),
				"free inode":   v.FreeInode(parent, false),
				"broken group": errors.Join(v.Broken()...),
			} {
				if !errors.As(err, &bad) || !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "cylinder group 1") {
					t.Errorf("%s: %v, want a CorruptError of group 1 that says %q", what, err, c.says)
				}
			}
			if n := strings.Count(log.String(), "level=ERROR"); n != 1 || !strings.Contains(log.String(), c.says) {
				t.Errorf("logged %d times, want once:\n%s", n, log.String())
			}
			for err = nil; err == nil; {
				_, err = v.Block(0, 0, true)
			}
			if !errors.As(err, &bad) {
				t.Errorf("when all else is full: %v, want the reason why group 1 is not used", err)
			}
			if err := v.MarkInUse(); err != nil {
				t.Fatal(err)
			}
			if err := v.MarkClean(); err != nil {
				t.Fatal(err)
			}
			if now, _, err := ondisk.FindSuper(dev, dev.Size()); err != nil || now.Clean&ondisk.CleanIs != 0 {
				t.Errorf("the volume with a broken group was marked clean (%v)", err)
			}
		})
	}
}

// What follows from a sound map is renewed without asking.
func TestSumsAreRenewed(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*ondisk.Group, []byte)
	}{
		{"runs of fragments", func(g *ondisk.Group, _ []byte) { g.SetFragSum(2, 5) }},
		{"cluster map", func(g *ondisk.Group, _ []byte) { clear(g.ClusterMap()) }},
		{"cluster summary", func(g *ondisk.Group, _ []byte) { g.SetClusterSum(3, -7) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, dev := byName(t, "frag4").make(t)
			damage(t, s, dev, 1, c.change)
			v := mount(t, s, dev, testOptions(1))
			if at, err := v.Block(1, 0, true); err != nil || s.FragToCg(at) != 1 {
				t.Fatalf("block at %d, %v; want one of group 1", at, err)
			}
			v.check()
		})
	}
}

// Counts that ran ahead of the summary area, as after a crash, are taken from the groups.
func TestSummaryBehind(t *testing.T) {
	for _, clean := range []uint8{ondisk.CleanIs, ondisk.CleanDirty} {
		s, dev := byName(t, "frag8").make(t)
		right := s.Total
		area := make([]byte, s.CSSize)
		ondisk.Summary{Dirs: 9, FreeBlocks: 1, FreeInodes: 2, FreeFrags: 3}.Encode(s.Order, area)
		ondisk.Summary{Dirs: -1, FreeBlocks: 1 << 30}.Encode(s.Order, area[16:])
		if _, err := dev.WriteAt(area, s.FragOffset(s.CSAddr)); err != nil {
			t.Fatal(err)
		}
		s.Clean = clean
		v := mount(t, s, dev, testOptions(1))
		if got := v.Totals(); got != right {
			t.Errorf("clean %d: totals %+v, want %+v", clean, got, right)
		}
		v.check()
	}
}

// A disk that fails is not a broken group: the next try may work.
func TestFailingDisk(t *testing.T) {
	s, mem := byName(t, "frag8").make(t)
	at := s.FragOffset(s.CgHeader(1))
	dev := blockdev.NewFaulty(mem, blockdev.Plan{Fail: blockdev.FailRange(blockdev.OpRead, at, at+512, syscall.ENXIO)})
	v := mount(t, s, dev, testOptions(1))
	if at, err := v.Block(1, 0, true); err != nil || s.FragToCg(at) == 1 {
		t.Fatalf("block at %d, %v; want one of a group that can be read", at, err)
	}
	if err := v.Free(s.CgData(1), 8); !errors.Is(err, syscall.ENXIO) {
		t.Errorf("free in the group that cannot be read: %v, want the disk's error", err)
	}
	if b := v.Broken(); b != nil {
		t.Errorf("broken groups %v, want none", b)
	}
	dev.Set(blockdev.Plan{})
	if at, err := v.Block(1, 0, true); err != nil || s.FragToCg(at) != 1 {
		t.Errorf("block at %d, %v; want one of group 1 now", at, err)
	}
	v.check()
}

// Random bytes anywhere in a group give an error or are harmless: never a panic, and never a fragment given twice.
func TestRandomDamage(t *testing.T) {
	for seed := range uint64(300) {
		geo := geometries[seed%uint64(len(geometries))]
		s, dev := geo.make(t)
		r := testOptions(seed + 99).Rand
		for c := range int(s.Ncg) {
			damage(t, s, dev, c, func(_ *ondisk.Group, b []byte) {
				for range r() % 4 {
					b[r()%uint32(s.CgSize)] = byte(r())
				}
				if r()%4 == 0 {
					b[r()%168] ^= 1 << (r() % 8)
				}
			})
		}
		v := mount(t, s, dev, testOptions(seed))
		seen := map[ondisk.Frag]bool{}
		for i := range 200 {
			at, n, err := v.Run(i, 0, 3, true)
			if err != nil {
				break
			}
			for f := at; f < at+ondisk.Frag(n)*ondisk.Frag(s.Frag); f++ {
				if seen[f] || isStructure(s, f) {
					t.Fatalf("seed %d: fragment %d was given twice, or is the file system's", seed, f)
				}
				seen[f] = true
			}
			if i%3 == 0 {
				v.Free(at, n*int(s.Frag))
				for f := at; f < at+ondisk.Frag(n)*ondisk.Frag(s.Frag); f++ {
					delete(seen, f)
				}
			}
			v.Inode(ondisk.RootIno, i%2 == 0)
		}
	}
}
