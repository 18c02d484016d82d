package fsck_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"rump/ffs/fsck"
	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
	"rump/tests/golden"
)

// journaled are the golden images that were killed with something in their journal.
func journaled(tb testing.TB) []string {
	tb.Helper()
	var names []string
	for _, n := range golden.Names(tb, "wapbl-*kill*") {
		if !strings.HasSuffix(n, ".after") {
			names = append(names, n)
		}
	}
	return names
}

// sameText compares with what the genuine tool printed.
func sameText(t *testing.T, got, want string, swapped bool) {
	t.Helper()
	if swapped {
		got, want = unordered(got), unordered(want)
	}
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", diffAt(got, want), want)
	}
}

// Without leave to write the check sees what is in the journal, and prints what the genuine fsck_ffs -fn does.
func TestJournalIsSeen(t *testing.T) {
	for _, name := range journaled(t) {
		t.Run(name, func(t *testing.T) {
			rec := blockdev.NewRecorder(golden.Load(t, name))
			var out bytes.Buffer
			report, err := fsck.Check(context.Background(), rec, fsck.Options{Name: "/rdk", Out: &out, Force: true, Zone: time.UTC})
			if err != nil {
				t.Fatal(err)
			}
			sameText(t, out.String(), golden.Text(t, name+".fsck-n.txt"), report.Super.Order.IsBig())
			if n := rec.Len(); n != 0 {
				t.Errorf("%d writes", n)
			}
		})
	}
}

// A repair replays the journal first and ends with a clean volume that has the same tree as the genuine one.
func TestJournalIsReplayed(t *testing.T) {
	for _, name := range journaled(t) {
		t.Run(name, func(t *testing.T) {
			disk := golden.Load(t, name)
			var out bytes.Buffer
			report, err := fsck.Repair(context.Background(), disk, fsck.Options{Name: "/rdk", Out: &out, Force: true, Zone: time.UTC, Mode: fsck.Yes})
			if err != nil {
				t.Fatal(err)
			}
			sameText(t, out.String(), golden.Text(t, name+".fsck-y.txt"), report.Super.Order.IsBig())
			s, _, err := ondisk.FindSuper(disk, disk.Size())
			if err != nil {
				t.Fatal(err)
			}
			if s.HasWAPBL() || s.Clean != ondisk.CleanIs {
				t.Errorf("journal in use %v, fs_clean %d", s.HasWAPBL(), s.Clean)
			}
			golden.Report(t, golden.Diff(tree(t, disk), golden.LoadManifest(t, name+".fscked").Entries, "atime", "ctime"))
			mustBeClean(t, disk)
		})
	}
}

// Preening leaves the journal to the mount, unless a check is asked for.
func TestJournalIsLeftByPreen(t *testing.T) {
	disk := golden.Load(t, "wapbl-kill-hdr")
	rec := blockdev.NewRecorder(disk)
	var out bytes.Buffer
	r, err := fsck.Repair(context.Background(), rec, fsck.Options{Name: "/rdk", Out: &out, Mode: fsck.Preen})
	if err != nil || r.Checked || rec.Len() != 0 {
		t.Errorf("checked %v, %d writes, %v", r.Checked, rec.Len(), err)
	}
	if got, want := out.String(), "/rdk: file system is journaled; not checking\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if r, err = fsck.Repair(context.Background(), rec, fsck.Options{Mode: fsck.Preen, Force: true}); err != nil || !r.Checked || !r.Modified {
		t.Errorf("by force: checked %v, modified %v, %v", r.Checked, r.Modified, err)
	}
	if s, _, err := ondisk.FindSuper(disk, disk.Size()); err != nil || s.HasWAPBL() || s.Clean != ondisk.CleanIs {
		t.Errorf("by force: %v, journal in use %v, fs_clean %d", err, s.HasWAPBL(), s.Clean)
	}
}

// A journal that cannot be read is given up if the user says so; no other answer writes anything.
func TestJournalUnreadable(t *testing.T) {
	for _, mode := range []fsck.Mode{fsck.No, fsck.Yes, fsck.Preen, fsck.Ask} {
		disk := golden.Load(t, "wapbl-kill-hdr")
		s, _, err := ondisk.FindSuper(disk, disk.Size())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := disk.WriteAt(make([]byte, 1024), int64(s.Journal(s.Order).Loc[0])*512); err != nil { // both headers
			t.Fatal(err)
		}
		rec := blockdev.NewRecorder(disk)
		var out bytes.Buffer
		r, err := fsck.Repair(context.Background(), rec, fsck.Options{Out: &out, Force: true, Mode: mode, In: strings.NewReader("n\n")})
		if !strings.Contains(out.String(), "UNABLE TO READ JOURNAL FOR REPLAY") {
			t.Errorf("mode %v: printed %q", mode, out.String())
		}
		switch mode {
		case fsck.Yes:
			s, _, serr := ondisk.FindSuper(disk, disk.Size())
			if err != nil || serr != nil || s.HasWAPBL() || s.Journal(s.Order).Flags != ondisk.JournalClear {
				t.Errorf("yes: %v, %v, %+v", err, serr, s.Journal(s.Order))
			}
		case fsck.No:
			if err != nil || r.Clean() || rec.Len() != 0 {
				t.Errorf("no: %v, %d problems, %d writes", err, len(r.Problems), rec.Len())
			}
		default:
			if err == nil || rec.Len() != 0 {
				t.Errorf("mode %v: %v, %d writes", mode, err, rec.Len())
			}
		}
	}
}
