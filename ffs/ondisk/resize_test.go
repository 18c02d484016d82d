package ondisk_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"rump/ffs/ondisk"
)

// groupOf reads the block of a group.
func groupOf(tb testing.TB, name string, cg int) (*ondisk.Super, []byte) {
	tb.Helper()
	img := golden(tb, name, 0)
	s := find(tb, img)
	return s, img[s.FragOffset(s.CgHeader(cg)):][:s.BSize]
}

// TestRecount counts genuine groups anew and changes nothing of them, however wrong the counts were before.
func TestRecount(t *testing.T) {
	for _, name := range []string{"tree-ufs0-be-8192-1024", "tree-ufs1-le-4096-512", "tree-ufs2-be-16384-2048", "frag-ufs1", "short-last-cg", "appleufs-be", "tree-ufs1-le-4096-4096"} {
		for cg := range 4 {
			s, b := groupOf(t, name, cg)
			want := bytes.Clone(b)
			g, err := s.GroupIn(cg, b)
			if err != nil {
				t.Fatal(err)
			}
			sum := g.Summary()
			wrong := sum
			wrong.FreeBlocks, wrong.FreeFrags = 1, 2
			g.SetSummary(wrong)
			for n := 1; n < int(s.Frag); n++ {
				g.SetFragSum(n, 99)
			}
			for n := 1; n <= int(s.ContigSum); n++ {
				g.SetClusterSum(n, 77)
			}
			if got := g.Recount(); got != sum {
				t.Errorf("%s, group %d: got %+v, want %+v", name, cg, got, sum)
			}
			if i := diffAt(b, want); i >= 0 {
				t.Errorf("%s, group %d: byte %d: got %#x, want %#x", name, cg, i, b[i], want[i])
			}
		}
	}
}

// TestFitGroup makes the last group of a volume shorter, then as long as it was: only what was cut off is lost.
func TestFitGroup(t *testing.T) {
	for _, name := range []string{"tree-ufs0-be-8192-1024", "tree-ufs2-be-16384-2048", "short-last-cg"} {
		s, b := groupOf(t, name, 3)
		before, err := s.GroupIn(3, b)
		if err != nil {
			t.Fatal(err)
		}
		was, free := before.Frags(), before.Summary()
		before.SetRotor(was - 1)
		cut := s.Clone()
		cut.Size -= ondisk.Frag(5*s.Frag + 1)
		g, err := cut.FitGroup(3, b)
		if err != nil {
			t.Fatal(err)
		}
		sum := g.Recount()
		if g.Frags() != was-int(5*s.Frag)-1 || g.Rotor() != 0 || g.Blocks() != g.Frags()/int(s.Frag) {
			t.Errorf("%s: %d fragments of %d, rotor %d", name, g.Frags(), was, g.Rotor())
		}
		for f := g.Frags(); f < 8*len(g.FreeMap()); f++ {
			if g.FragFree(f) {
				t.Fatalf("%s: fragment %d behind the end is free", name, f)
			}
		}
		lost := int64(free.FreeBlocks-sum.FreeBlocks)*int64(s.Frag) + int64(free.FreeFrags-sum.FreeFrags)
		if lost < 0 || lost > int64(5*s.Frag+1) {
			t.Errorf("%s: %d fragments less are free", name, lost)
		}
		if _, err := s.GroupIn(3, b); err == nil {
			t.Errorf("%s: the shorter group is taken for the longer", name)
		}
		if g, err = s.FitGroup(3, b); err != nil || g.Frags() != was {
			t.Errorf("%s: back: %v, %d fragments", name, err, g.Frags())
		}
		if again := g.Recount(); again != sum {
			t.Errorf("%s: %+v free without anything freed, was %+v", name, again, sum)
		}
	}
	s, b := groupOf(t, "short-last-cg", 3)
	clear(b[:8])
	if _, err := s.FitGroup(3, b); err == nil {
		t.Error("a block of anything is taken for a group")
	}
	if _, err := s.FitGroup(3, b[:100]); err == nil {
		t.Error("100 bytes are taken for a group")
	}
}

// TestResizing writes the superblock of a volume that is being resized: nobody but DecodeResizing takes it.
func TestResizing(t *testing.T) {
	for _, name := range []string{"tree-ufs0-be-8192-1024", "tree-ufs1-le-4096-512", "tree-ufs2-be-16384-2048", "quota2-ufs2"} {
		s, _ := groupOf(t, name, 0)
		want := make([]byte, s.SBSize)
		s.Encode(want)
		area := make([]byte, ondisk.SuperArea)
		s.EncodeResizing(area, 4711, true)
		_, err := ondisk.DecodeSuper(area, s.Location)
		var why *ondisk.SuperError
		if !errors.As(err, &why) || why.Reason != ondisk.Resizing || !strings.Contains(err.Error(), "run it again") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := ondisk.DecodeBackup(area, s.Location); !errors.As(err, &why) || why.Reason != ondisk.Resizing {
			t.Errorf("%s as a copy: %v", name, err)
		}
		got, size, err := ondisk.DecodeResizing(area, s.Location)
		if err != nil || size != 4711 {
			t.Fatalf("%s: %d, %v", name, size, err)
		}
		b := make([]byte, s.SBSize)
		got.Encode(b)
		if i := diffAt(b, want); i >= 0 {
			t.Errorf("%s: byte %d: got %#x, want %#x", name, i, b[i], want[i])
		}
		s.EncodeResizing(area, 4711, false)
		if _, err := ondisk.DecodeSuper(area, s.Location); err != nil {
			t.Errorf("%s: not marked: %v", name, err)
		}
		if _, _, err := ondisk.DecodeResizing(area, s.Location); err == nil {
			t.Errorf("%s: taken for marked", name)
		}
	}
	if _, _, err := ondisk.DecodeResizing(make([]byte, 100), 0); err == nil {
		t.Error("100 bytes are taken")
	}
}

// TestRefreshOldForms finds the 32-bit sizes beside the wide ones.
func TestRefreshOldForms(t *testing.T) {
	s, _ := groupOf(t, "tree-ufs1-be-8192-1024", 0)
	s.Size, s.Total.FreeBlocks = 9999, 77
	s.RefreshOldForms()
	b := make([]byte, s.SBSize)
	s.Encode(b)
	if size, free := s.Order.Uint32(b[36:]), s.Order.Uint32(b[196:]); size != 9999 || free != 77 {
		t.Errorf("got %d fragments, %d free blocks", size, free)
	}
}
