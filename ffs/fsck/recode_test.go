package fsck_test

import (
	"errors"
	"strings"
	"testing"

	"rump/ffs/fsck"
	"rump/ffs/ondisk"
	"rump/internal/endian"
	"rump/rumpfs/blockdev"
	"rump/tests/golden"
)

// Every volume can be turned round and back, and answers the same tree.
func TestByteOrder(t *testing.T) {
	for _, name := range golden.Names(t, "tree-*", "quota2-*", "appleufs-*", "many-cg-ufs1", "short-last-cg", "unclean-default-2") {
		few := strings.Contains(name, "8192-1024") || strings.Contains(name, "65536") || !strings.HasPrefix(name, "tree-")
		if !few && damageRounds(t) < 100 || testing.Short() && !strings.Contains(name, "ufs1-le-8192-1024") || strings.Contains(name, ".") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dev := golden.Load(t, name)
			order := superOf(t, dev).Order
			if name == "unclean-default-2" {
				if _, _, err := repair(t, dev.Snapshot(), fsck.Options{Mode: fsck.Yes}); err != nil {
					t.Fatal(err)
				}
			}
			var before []golden.Entry
			for _, to := range []endian.Order{order.Other(), order} {
				out, r, err := repair(t, dev, fsck.Options{Mode: fsck.Yes, Order: &to})
				if err != nil || r.Unresolved || !r.Modified {
					t.Fatalf("to %v: %v\n%s", to, err, out)
				}
				if got := superOf(t, dev).Order; got != to {
					t.Errorf("order %v, want %v", got, to)
				}
				mustBeClean(t, dev)
				after := tree(t, dev)
				if before != nil {
					golden.Report(t, golden.Diff(after, before, "atime"))
				} else if name != "unclean-default-2" {
					golden.Report(t, golden.Diff(after, golden.LoadManifest(t, name).Entries, "atime"))
				}
				before = after
			}
		})
	}
}

// Nothing is converted where it could not be brought to its end.
func TestByteOrderRefused(t *testing.T) {
	for name, want := range map[string]string{
		"full-root-ufs2": "NO SPACE TO WORK IN",
		"snapshot-ufs2":  "SNAPSHOTS",
	} {
		dev := golden.Load(t, name)
		rec := blockdev.NewRecorder(dev)
		order := endian.Big
		out, r, err := repair(t, rec, fsck.Options{Mode: fsck.Yes, Order: &order})
		if err != nil || !r.Unresolved || !strings.Contains(out, want) {
			t.Errorf("%s: %v, %q not in:\n%s", name, err, want, out)
		}
		if superOf(t, dev).Order.IsBig() {
			t.Errorf("%s: converted all the same", name)
		}
	}
}

// The old formats come to the present one, level by level and all at once.
func TestLevels(t *testing.T) {
	for _, name := range golden.Names(t, "tree-ufs0-*") {
		for _, levels := range [][]int{{1, 2, 3, 4}, {4}} {
			dev := golden.Load(t, name)
			before := tree(t, dev)
			for _, level := range levels {
				if out, r, err := repair(t, dev, fsck.Options{Mode: fsck.Yes, Level: level}); err != nil || r.Unresolved {
					t.Fatalf("%s to level %d: %v\n%s", name, level, err, out)
				}
				mustBeClean(t, dev)
			}
			s := superOf(t, dev)
			if s.OldLayout || s.OldInodes() || s.DirEntryOld() || s.MaxSymlink != 60 {
				t.Errorf("%s: old layout %v, old inodes %v, old entries %v", name, s.OldLayout, s.OldInodes(), s.DirEntryOld())
			}
			after := tree(t, dev)
			golden.Report(t, golden.Diff(after, before, "atime", "blocks"))
			for _, e := range after {
				if e.Type == 'l' && e.Size < 60 && e.Blocks != 0 {
					t.Errorf("%s: %s: %d blocks, want the target in the inode", name, e.Path, e.Blocks)
				}
			}
		}
	}
}

// Level 3 gives a volume of today the old superblock, level 4 takes it back; cluster maps come and go.
func TestLayoutAndClusters(t *testing.T) {
	dev := golden.Load(t, "tree-ufs1-le-8192-1024")
	before := tree(t, dev)
	run := func(level int) *ondisk.Super {
		t.Helper()
		if out, r, err := repair(t, dev, fsck.Options{Mode: fsck.Yes, Level: level}); err != nil || r.Unresolved {
			t.Fatalf("level %d: %v\n%s", level, err, out)
		}
		mustBeClean(t, dev)
		golden.Report(t, golden.Diff(tree(t, dev), before, "atime"))
		return superOf(t, dev)
	}
	tune := func(maxContig int32) {
		s := superOf(t, dev)
		s.MaxContig = maxContig
		area := make([]byte, ondisk.SuperArea)
		s.Encode(area)
		if _, err := dev.WriteAt(area, s.Location); err != nil {
			t.Fatal(err)
		}
	}
	if s := run(3); !s.OldLayout {
		t.Error("level 3: still the new layout")
	}
	if s := run(4); s.OldLayout {
		t.Error("level 4: still the old layout")
	}
	tune(1)
	if s := run(4); s.ContigSum > 0 {
		t.Errorf("cluster maps for %d blocks, want none", s.ContigSum)
	}
	tune(13)
	if s := run(4); s.ContigSum != 13 {
		t.Errorf("cluster maps for %d blocks, want 13", s.ContigSum)
	}
}

// The magic of extended attributes can be turned on and off.
func TestExtAttrMagic(t *testing.T) {
	dev := golden.Load(t, "tree-ufs2-be-8192-1024")
	for _, on := range []bool{true, false} {
		if out, r, err := repair(t, dev, fsck.Options{Mode: fsck.Yes, ExtAttr: &on}); err != nil || r.Unresolved {
			t.Fatalf("%v\n%s", err, out)
		}
		mustBeClean(t, dev)
		s := superOf(t, dev)
		b, err := ondisk.ReadBackup(dev, dev.Size(), s.FragOffset(s.CgSuper(1)))
		if err != nil || s.EAMagic != on || b.EAMagic != on {
			t.Errorf("extended attributes %v, in the copies %v (%v), want %v", s.EAMagic, b.EAMagic, err, on)
		}
	}
}

// A conversion that is killed after any write, also in the middle of one, is brought to its end by the next run; until then nobody takes the volume
// for one.
func TestKilledConversion(t *testing.T) {
	big, little := endian.Big, endian.Little
	for _, c := range []struct {
		name string
		o    fsck.Options
	}{
		{"quota2-ufs1-be", fsck.Options{Order: &little}},
		{"appleufs-le", fsck.Options{Order: &big}},
		{"one-cg", fsck.Options{Order: &big}},
		{"tree-ufs0-le-4096-512", fsck.Options{Level: 4}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			img := golden.Load(t, c.name)
			before := tree(t, img)
			rec := blockdev.NewRecorder(img.Snapshot())
			o := c.o.SmallSlots()
			o.Mode, o.Force = fsck.Yes, true
			if out, r, err := repair(t, rec, o); err != nil || r.Unresolved {
				t.Fatalf("%v\n%s", err, out)
			}
			onto := img.Snapshot()
			step := max(1, rec.Len()/30)
			if strings.HasPrefix(c.name, "tree-") { // large
				step = max(1, rec.Len()/8)
			}
			unfinished := 0
			for n, err := range rec.Prefixes(onto) {
				if err != nil {
					t.Fatal(err)
				}
				if n%step != 0 || n == rec.Len() {
					continue
				}
				dev := onto.Snapshot()
				if torn := rec.Events()[n].Tear(512); len(torn) > 1 {
					for _, e := range torn[:len(torn)/2] {
						if err := e.Apply(dev); err != nil {
							t.Fatal(err)
						}
					}
				}
				if _, _, err := repair(t, dev, fsck.Options{Mode: fsck.No, Force: true}); errors.Is(err, fsck.ErrConversion) {
					unfinished++
				} else if err != nil {
					t.Fatalf("killed after %d of %d: a check says %v", n, rec.Len(), err)
				}
				out, r, err := repair(t, dev, fsck.Options{Mode: fsck.Yes, Force: true})
				if err != nil || r.Unresolved {
					t.Fatalf("killed after %d of %d (%v): %v\n%s", n, rec.Len(), rec.Events()[n], err, out)
				}
				mustBeClean(t, dev)
				golden.Report(t, golden.Diff(tree(t, dev), before, "atime", "blocks"))
				if t.Failed() {
					t.Fatalf("killed after %d of %d (%v)", n, rec.Len(), rec.Events()[n])
				}
			}
			if unfinished < 4 {
				t.Errorf("only %d states in the middle of a conversion", unfinished)
			}
		})
	}
}
