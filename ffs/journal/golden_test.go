package journal_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"rump/ffs/journal"
	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
	"rump/tests/golden"
)

var ctx = context.Background()

// killed are the images of volumes that were killed with something in their log.
func killed(tb testing.TB) []string {
	tb.Helper()
	var names []string
	for _, n := range golden.Names(tb, "wapbl-*kill*") {
		if !strings.HasSuffix(n, ".after") {
			names = append(names, n)
		}
	}
	return names
}

// read reads the log of a volume.
func read(tb testing.TB, d blockdev.Device) *journal.Log {
	tb.Helper()
	s, _, err := ondisk.FindSuper(d, d.Size())
	if err != nil {
		tb.Fatal(err)
	}
	l, err := journal.Read(ctx, d, d.Size(), s)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// A replayed disk is what the view showed, replaying again changes nothing, and a log that was reset has nothing left but inodes.
func TestReplay(t *testing.T) {
	for _, name := range killed(t) {
		t.Run(name, func(t *testing.T) {
			disk := golden.Load(t, name)
			l := read(t, disk)
			view, err := l.View(disk.Snapshot())
			if err != nil {
				t.Fatal(err)
			}
			if l.IsEmpty() {
				t.Error("nothing in the log")
			}
			if err := l.Replay(ctx, disk); err != nil {
				t.Fatal(err)
			}
			once := disk.Bytes()
			shown := make([]byte, len(once))
			if _, err := view.ReadAt(shown, 0); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(once, shown) {
				t.Error("the view differs from what replay makes")
			}
			again := read(t, disk)
			if err := again.Replay(ctx, disk); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(once, disk.Bytes()) {
				t.Error("replaying again changes the disk")
			}
			if err := again.Reset(disk, time.Unix(1e9, 0)); err != nil {
				t.Fatal(err)
			}
			rest := read(t, disk)
			if got, want := len(rest.Inodes), len(l.Inodes); got != want {
				t.Errorf("%d inodes after reset, want %d", got, want)
			}
			rec := blockdev.NewRecorder(disk)
			if err := rest.Replay(ctx, rec); err != nil {
				t.Fatal(err)
			}
			for _, e := range rec.Events() {
				if e.Op == blockdev.OpWrite {
					t.Errorf("a log that was reset still replays: %v", e)
				}
			}
		})
	}
}
