package fsck_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"rump/ffs/fsck"
	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
	"rump/tests/golden"
)

// TestKilledRepair kills a repair after each of its writes and begins it again: what the second finds must lead to the tree that an undisturbed
// repair makes, and an image must never be marked clean before the end.
func TestKilledRepair(t *testing.T) {
	names := []string{"unclean-default-2", "unclean-async-3", "unclean-async-4", "unclean-async-6", "unclean-async-ufs1-2", "unclean-default-be"}
	if testing.Short() {
		names = names[:1]
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			killAll(t, golden.Load(t, name), 1, true)
		})
	}
}

// TestKilledRepairOfDamage does the same with random damage.
func TestKilledRepairOfDamage(t *testing.T) {
	for _, name := range []string{"tree-ufs1-le-4096-512", "quota2-ufs2", "one-cg"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			img := golden.Load(t, name)
			s, _, err := ondisk.FindSuper(img, img.Size())
			if err != nil {
				t.Fatal(err)
			}
			sectors := metadata(t, img, s)
			for seed := range max(2, damageRounds(t)/6) {
				dev := damaged(t, img, sectors, rand.New(rand.NewPCG(seed, 8)))
				killAll(t, dev, 12, false)
			}
		})
	}
}

// killAll repairs img, and again from every step-th state in between. Names that a repair gives back from what is left of a directory are lost when it
// is killed; names is false where there are such.
func killAll(t *testing.T, img *blockdev.Memory, step int, names bool) {
	t.Helper()
	o := fsck.Options{Mode: fsck.Yes, Force: true}
	rec := blockdev.NewRecorder(img.Snapshot())
	if _, _, err := repair(t, rec, o); err != nil {
		t.Fatal(err)
	}
	want := kept(tree(t, rec), names)
	onto := img.Snapshot()
	for n, err := range rec.Prefixes(onto) {
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 || n%step != 0 || n == rec.Len() {
			continue
		}
		s, _, err := ondisk.FindSuper(onto, onto.Size())
		if err != nil {
			t.Fatalf("killed after %d of %d: %v", n, rec.Len(), err)
		}
		dev := onto.Snapshot()
		if clean := s.Clean&ondisk.CleanIs != 0; clean && n < rec.Len()-2 {
			t.Errorf("killed after %d of %d: marked clean", n, rec.Len())
		}
		out, r, err := repair(t, dev, o)
		if err != nil || r.Unresolved || r.Rerun {
			t.Fatalf("killed after %d of %d: %v\n%s", n, rec.Len(), err, tail(out))
		}
		mustBeClean(t, dev)
		if diff := difference(kept(tree(t, dev), names), want); diff != "" {
			t.Fatalf("killed after %d of %d (%v): %s\n%s", n, rec.Len(), rec.Events()[n-1], diff, tail(out))
		}
	}
}

// kept is what must survive of a tree, as lines: every file with its content, by its name or, in lost+found, by its inode.
func kept(es []golden.Entry, names bool) (lines []string) {
	for _, e := range es {
		path := e.Path
		if !names {
			path = fmt.Sprintf("lost %d", e.Ino)
		} else if strings.HasPrefix(path, "/lost+found") {
			path = fmt.Sprintf("lost %d", e.Ino)
		}
		if e.Path == "/lost+found" || e.Type == 'd' && !names {
			continue // its size and place depend on how much came into it
		}
		lines = append(lines, fmt.Sprintf("%s %c %o %d %d %s %s", path, e.Type, e.Mode, e.UID, e.Size, e.Target, e.Sum))
	}
	slices.Sort(lines)
	return lines
}

// difference is the first line that only one side has. Of files with a block in common a repair clears all; one that is killed in between may have
// cleared some, and then keeps the last.
func difference(got, want []string) string {
	for _, l := range want {
		if !slices.Contains(got, l) {
			return "lost: " + l
		}
	}
	for _, l := range got {
		if !slices.Contains(want, l) && !strings.HasPrefix(l, "lost ") {
			return "new: " + l
		}
	}
	return ""
}
