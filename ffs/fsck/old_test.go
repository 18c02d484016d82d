package fsck_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"rump/ffs/fsck"
	"rump/ffs/mkfs"
	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
	"rump/tests/golden"
)

// ancient is a genuine image of old format whose groups are those of 4.2BSD.
func ancient(tb testing.TB, name string) *blockdev.Memory {
	tb.Helper()
	e := edit(tb, name)
	s := e.s
	groups := make([]ondisk.Group, s.Ncg)
	for cg := range groups {
		b := make([]byte, s.BSize)
		if _, err := e.dev.ReadAt(b, s.FragOffset(s.CgHeader(cg))); err != nil {
			tb.Fatal(err)
		}
		var err error
		if groups[cg], err = s.GroupIn(cg, b); err != nil {
			tb.Fatal(err)
		}
	}
	old := s.Clone()
	old.Old.PostblFormat, old.CgSize, old.ContigSum = ondisk.PostblFormat42, s.BSize, -1
	area := make([]byte, ondisk.SuperArea)
	old.Encode(area)
	if _, err := e.dev.WriteAt(area, s.Location); err != nil {
		tb.Fatal(err)
	}
	for cg, g := range groups {
		old.EncodeBackup(area, s.FragOffset(s.CgSuper(cg)))
		if _, err := e.dev.WriteAt(area[:old.SBSize], s.FragOffset(s.CgSuper(cg))); err != nil {
			tb.Fatal(err)
		}
		e.at(s.CgHeader(cg), int(s.BSize), func(b []byte) {
			clear(b[4:8])
			clear(b[84:])
			copy(b[724:980], g.InodeMap())
			s.Order.PutUint32(b[980:], 0x00090255)
			copy(b[984:], g.FreeMap())
			x, err := old.GroupIn(cg, b)
			if err != nil || !x.Ancient() {
				tb.Fatalf("group %d: %v", cg, err)
			}
			for blk := range x.Blocks() {
				if x.BlockFree(blk) {
					x.CountOldTables(blk)
				}
			}
		})
	}
	return e.dev
}

// Groups of 4.2BSD are checked, mended and converted.
func TestAncientGroups(t *testing.T) {
	for _, name := range []string{"tree-ufs0-le-4096-512", "tree-ufs0-be-8192-1024"} {
		dev := ancient(t, name)
		before := golden.LoadManifest(t, name).Entries
		mustBeClean(t, dev)

		hurt := dev.Snapshot()
		sectors := metadata(t, hurt, superOf(t, hurt))
		for seed := range uint64(3) {
			repairAll(t, name, damaged(t, hurt, sectors, rand.New(rand.NewPCG(seed, 11))))
		}

		for _, level := range []int{1, 4} {
			dev := dev.Snapshot()
			out, r, err := repair(t, dev, fsck.Options{Mode: fsck.Yes, Level: level})
			if err != nil || r.Unresolved || !strings.Contains(out, "CONVERT TO NEW CYLINDER GROUP FORMAT? yes") {
				t.Fatalf("%s: %v\n%s", name, err, out)
			}
			mustBeClean(t, dev)
			s := superOf(t, dev)
			b := make([]byte, s.BSize)
			if _, err := dev.ReadAt(b, s.FragOffset(s.CgHeader(1))); err != nil {
				t.Fatal(err)
			}
			if g, err := s.GroupIn(1, b); err != nil || g.Ancient() {
				t.Errorf("%s: level %d: still a group of 4.2BSD (%v)", name, level, err)
			}
			golden.Report(t, golden.Diff(tree(t, dev), before, "atime", "blocks"))
		}
	}
}

// A volume that is said to be Apple's gets the label that it lacks.
func TestAppleLabel(t *testing.T) {
	dev := golden.Load(t, "appleufs-be")
	wipe(t, dev, ondisk.AppleLabelOffset, ondisk.AppleLabelSize)
	out, r, err := repair(t, dev, fsck.Options{Mode: fsck.Yes, Force: true, Apple: true})
	if err != nil || r.Unresolved || !strings.Contains(out, "MISSING APPLEUFS VOLUME LABEL\n\nFIX? yes") {
		t.Fatalf("%v\n%s", err, out)
	}
	l, ok := ondisk.ReadAppleLabel(dev, dev.Size())
	if !ok || l.Name != "untitled" {
		t.Errorf("label %v, %+v", ok, l)
	}
	mustBeClean(t, dev)
	golden.Report(t, golden.Diff(tree(t, dev), golden.LoadManifest(t, "appleufs-be").Entries, "atime"))
}

// An empty volume of 2 TiB needs little memory.
func TestHugeVolume(t *testing.T) {
	if testing.Short() {
		t.Skip("long under the race detector, which has nothing to find in one goroutine")
	}
	dev := blockdev.NewMemory(2 << 40)
	if _, err := mkfs.Newfs(context.Background(), dev, mkfs.Options{Version: 2}); err != nil {
		t.Fatal(err)
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before, peak := m.HeapAlloc, m.HeapAlloc
	r, err := fsck.Check(context.Background(), dev, fsck.Options{Force: true, Progress: func(done, _ int) {
		if done%256 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
	}})
	if err != nil || !r.Clean() {
		t.Fatal(err, r.Problems)
	}
	if grown := (peak - before) >> 20; grown > 64 {
		t.Errorf("%d MiB, want at most 64", grown)
	}
}
