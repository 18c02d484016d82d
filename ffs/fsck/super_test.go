package fsck_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"rump/ffs/fsck"
	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
	"rump/tests/golden"
)

// someImages are one image of each kind, for what must work on all.
var someImages = []string{
	"tree-ufs1-le-4096-512", "tree-ufs1-be-65536-8192", "tree-ufs2-le-16384-2048", "tree-ufs2-be-65536-8192", "tree-ufs0-le-8192-1024",
	"tree-ufs0-be-8192-1024", "quota2-ufs2", "one-cg", "appleufs-le",
}

func superOf(tb testing.TB, dev blockdev.Device) *ondisk.Super {
	tb.Helper()
	s, _, err := ondisk.FindSuper(dev, dev.Size())
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// wipe zeroes n bytes at off.
func wipe(tb testing.TB, dev blockdev.Device, off, n int64) {
	tb.Helper()
	if _, err := dev.WriteAt(make([]byte, n), off); err != nil {
		tb.Fatal(err)
	}
}

// Without a primary superblock a check ends, and a repair goes by a copy and puts the primary back.
func TestLostSuperblock(t *testing.T) {
	if testing.Short() {
		t.Skip("long under the race detector, which has nothing to find in one goroutine")
	}
	for _, name := range someImages {
		for _, far := range []bool{false, true} {
			dev := golden.Load(t, name)
			before, s := tree(t, dev), superOf(t, dev)
			wipe(t, dev, s.Location, ondisk.SuperArea)
			if far && s.Ncg > 1 { // nor the first copy
				wipe(t, dev, s.FragOffset(s.CgSuper(0)), ondisk.SuperArea)
			}
			var lost *ondisk.NotFoundError
			if _, _, err := repair(t, dev, fsck.Options{Mode: fsck.No}); !errors.As(err, &lost) {
				t.Errorf("%s: a check says %v, want that there is no superblock", name, err)
			}
			if _, _, err := repair(t, dev, fsck.Options{Mode: fsck.Preen}); !errors.Is(err, fsck.ErrManual) {
				t.Errorf("%s: preen says %v", name, err)
			}
			out, _, err := repair(t, dev, fsck.Options{Mode: fsck.Yes})
			if err != nil || !strings.Contains(out, "USING ALTERNATE SUPERBLOCK AT ") || !strings.Contains(out, "UPDATE STANDARD SUPERBLOCK? yes") {
				t.Errorf("%s: %v\n%s", name, err, out)
				continue
			}
			mustBeClean(t, dev)
			golden.Report(t, golden.Diff(tree(t, dev), before, "atime"))
		}
	}
}

// The copy to go by can be named.
func TestBackupOption(t *testing.T) {
	dev := golden.Load(t, "tree-ufs1-le-8192-1024")
	before, s := tree(t, dev), superOf(t, dev)
	wipe(t, dev, s.Location, ondisk.SuperArea)
	at := s.FragOffset(s.CgSuper(2))
	if _, _, err := repair(t, dev, fsck.Options{Mode: fsck.Yes, Backup: at + 512}); err == nil {
		t.Error("no superblock there, but no error")
	}
	out, _, err := repair(t, dev, fsck.Options{Mode: fsck.Yes, Backup: at})
	if err != nil || !strings.Contains(out, "UPDATE STANDARD SUPERBLOCK? yes") {
		t.Fatalf("%v\n%s", err, out)
	}
	mustBeClean(t, dev)
	golden.Report(t, golden.Diff(tree(t, dev), before, "atime"))
}

// A primary whose geometry is wrong is outvoted by its copies: a repair by it would destroy everything.
func TestWrongGeometryIsOutvoted(t *testing.T) {
	for name, spoil := range map[string]func(s *ondisk.Super){
		"summary area":      func(s *ondisk.Super) { s.CSAddr += ondisk.Frag(s.Frag) },
		"inodes of a group": func(s *ondisk.Super) { s.Ipg -= s.Inopb },
		"cluster summary":   func(s *ondisk.Super) { s.ContigSum-- },
	} {
		dev := golden.Load(t, "tree-ufs2-le-8192-1024")
		before, s := tree(t, dev), superOf(t, dev)
		spoil(s)
		area := make([]byte, ondisk.SuperArea)
		s.Encode(area)
		if _, err := dev.WriteAt(area, s.Location); err != nil {
			t.Fatal(err)
		}
		if superOf(t, dev).CSAddr != s.CSAddr {
			t.Fatalf("%s: the spoilt superblock is not taken", name)
		}
		out, _, err := repair(t, dev, fsck.Options{Mode: fsck.Yes, Force: true})
		if err != nil || !strings.Contains(out, "VALUES IN SUPER BLOCK DISAGREE") {
			t.Errorf("%s: %v\n%s", name, err, out)
			continue
		}
		mustBeClean(t, dev)
		golden.Report(t, golden.Diff(tree(t, dev), before, "atime"))
	}
}

// Fields that a mount depends on are put right, in preen mode too where that is safe.
func TestSuperblockFields(t *testing.T) {
	for _, c := range []struct {
		name  string
		mode  fsck.Mode
		want  string
		spoil func(s *ondisk.Super)
	}{
		{"unknown flags", fsck.Yes, "UNKNOWN FLAGS=0x00001000 IN SUPERBLOCK", func(s *ondisk.Super) { s.Flags |= 0x1000 }},
		{"optimisation", fsck.Yes, "UNDEFINED OPTIMIZATION IN SUPERBLOCK", func(s *ondisk.Super) { s.Optim = 7 }},
		{"minfree", fsck.Yes, "IMPOSSIBLE MINFREE=101 IN SUPERBLOCK", func(s *ondisk.Super) { s.MinFree = 101 }},
		{"maxfilesize", fsck.Preen, "INCORRECT MAXFILESIZE=4096 IN SUPERBLOCK (FIXED)", func(s *ondisk.Super) { s.MaxFileSize = 4096 }},
		{"maxsymlinklen", fsck.Preen, "INCORRECT MAXSYMLINKLEN=5 IN SUPERBLOCK (FIXED)", func(s *ondisk.Super) { s.MaxSymlink = 5 }},
		{"qbmask", fsck.Preen, "INCORRECT QBMASK=0x1 IN SUPERBLOCK (FIXED)", func(s *ondisk.Super) { s.QBMask = 1 }},
		{"qfmask", fsck.Preen, "INCORRECT QFMASK=0x1 IN SUPERBLOCK (FIXED)", func(s *ondisk.Super) { s.QFMask = 1 }},
		{"interleave", fsck.Preen, "IMPOSSIBLE INTERLEAVE=0 IN SUPERBLOCK (FIXED)", func(s *ondisk.Super) { s.Old.Interleave = 0 }},
		{"npsect", fsck.Preen, "IMPOSSIBLE NPSECT=1 IN SUPERBLOCK (FIXED)", func(s *ondisk.Super) { s.Old.NPSect = 1 }},
		{"quota magic", fsck.Yes, "INVALID QUOTA MAGIC NUMBER 0x00000001 IN SUPERBLOCK", func(s *ondisk.Super) { s.Flags |= ondisk.FlagQuota2; s.QuotaMagic = 1 }},
		{"needs fsck", fsck.Preen, "MARKING", func(s *ondisk.Super) { s.Flags |= ondisk.FlagNeedsFsck; s.Clean = 0 }},
		{"totals", fsck.Preen, "FREE BLK COUNT(S) WRONG IN SUPERBLK (SALVAGED)", func(s *ondisk.Super) { s.Total.FreeBlocks++ }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dev := golden.Load(t, "tree-ufs1-be-8192-1024")
			before, s := tree(t, dev), superOf(t, dev)
			c.spoil(s)
			area := make([]byte, ondisk.SuperArea)
			s.Encode(area)
			if _, err := dev.WriteAt(area, s.Location); err != nil {
				t.Fatal(err)
			}
			out, r, err := repair(t, dev, fsck.Options{Mode: c.mode, Force: true})
			if err != nil || !strings.Contains(out, c.want) || r.Unresolved {
				t.Fatalf("want %q, got %v\n%s", c.want, err, out)
			}
			mustBeClean(t, dev)
			if s := superOf(t, dev); s.WriteHazard() != "" {
				t.Errorf("still not fit for writing: %s", s.WriteHazard())
			}
			golden.Report(t, golden.Diff(tree(t, dev), before, "atime"))
		})
	}
}

// With the answer no a field stays as it is, though the check goes by the right one.
func TestDeclinedFieldStays(t *testing.T) {
	dev := golden.Load(t, "unclean-default-1")
	s := superOf(t, dev)
	s.MaxFileSize = 4096
	area := make([]byte, ondisk.SuperArea)
	s.Encode(area)
	if _, err := dev.WriteAt(area, s.Location); err != nil {
		t.Fatal(err)
	}
	out, r, err := repair(t, dev, fsck.Options{Mode: fsck.Ask, In: strings.NewReader("n\n" + strings.Repeat("y\n", 100))})
	if err != nil || !r.Unresolved || !r.Modified || strings.Contains(out, "UNKNOWN FILE TYPE") {
		t.Errorf("%v\n%s", err, out)
	}
	if s := superOf(t, dev); s.MaxFileSize != 4096 || s.Clean&ondisk.CleanIs != 0 {
		t.Errorf("got maximum %d, clean %d; want 4096 and not clean", s.MaxFileSize, s.Clean)
	}
	if r, err := fsck.Check(context.Background(), dev, fsck.Options{}); err != nil || len(r.Problems) != 1 {
		t.Errorf("got %v, %v; want that problem only", r.Problems, err)
	}
}

// An image that was cut short is not taken for one whose superblock is wrong, and nothing is written.
func TestShortImage(t *testing.T) {
	img := golden.Load(t, "tree-ufs1-le-4096-512")
	dev, err := blockdev.NewSection(img, 0, 4<<20)
	if err != nil {
		t.Fatal(err)
	}
	rec := blockdev.NewRecorder(dev)
	out, _, err := repair(t, rec, fsck.Options{Mode: fsck.Yes})
	if err == nil || !strings.Contains(err.Error(), "more than the volume has") || rec.Len() != 0 {
		t.Errorf("%v, %d writes\n%s", err, rec.Len(), out)
	}
}

// A superblock by which a group's maps would not fit is as good as lost, also where the first copy is.
func TestGroupsThatDoNotFit(t *testing.T) {
	const name = "tree-ufs1-be-8192-1024"
	dev := golden.Load(t, name)
	s := superOf(t, dev)
	wipe(t, dev, s.FragOffset(s.CgSuper(0)), ondisk.SuperArea)
	s.Old.CPG = 0x30000001
	area := make([]byte, ondisk.SuperArea)
	s.Encode(area)
	if _, err := dev.WriteAt(area, s.Location); err != nil {
		t.Fatal(err)
	}
	if _, err := fsck.Check(context.Background(), dev, fsck.Options{}); err == nil {
		t.Error("a check goes by it")
	}
	out, r, err := repair(t, dev, fsck.Options{Mode: fsck.Yes})
	if err != nil || r.Unresolved || !strings.Contains(out, "USING ALTERNATE SUPERBLOCK AT ") {
		t.Fatalf("%v\n%s", err, out)
	}
	mustBeClean(t, dev)
	golden.Report(t, golden.Diff(tree(t, dev), golden.LoadManifest(t, name).Entries, "atime"))
}
