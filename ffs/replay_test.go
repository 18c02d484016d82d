package ffs_test

import (
	"strings"
	"testing"

	"rump/ffs"
	"rump/ffs/fsck"
	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
	"rump/tests/golden"
)

// killedWithLog are the golden images that were killed with something in their journal.
func killedWithLog(tb testing.TB) []string {
	tb.Helper()
	var names []string
	for _, n := range golden.Names(tb, "wapbl-*kill*") {
		if !strings.HasSuffix(n, ".after") {
			names = append(names, n)
		}
	}
	return names
}

// checkAfter compares a volume with what the genuine kernel made of it by mounting and unmounting it.
func checkAfter(tb testing.TB, disk blockdev.Device, name string) {
	tb.Helper()
	fs, err := ffs.Mount(ctx, disk, ffs.Options{ReadOnly: true})
	if err != nil {
		tb.Fatal(err)
	}
	golden.Check(tb, fs, golden.LoadManifest(tb, name+".after"))
	if err := fs.Unmount(ctx); err != nil {
		tb.Error(err)
	}
}

// A mount replays the journal and ends the files that had no name: the tree is the one that the genuine kernel makes, and the volume is clean.
func TestReplay(t *testing.T) {
	for _, name := range killedWithLog(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			disk := golden.Load(t, name)
			if info, err := ffs.Probe(disk, disk.Size()); err != nil || !info.Journal || info.Hazard != "" {
				t.Errorf("probe: journal %v, hazard %q, %v", info.Journal, info.Hazard, err)
			}
			v := open(t, disk, ffs.Options{})
			if s := super(t, disk); s.HasWAPBL() || s.Clean != ondisk.CleanIs {
				t.Errorf("after the mount: journal in use %v, fs_clean %d", s.HasWAPBL(), s.Clean)
			}
			v.close()
			checkAfter(t, disk, name)
			check(t, disk)
		})
	}
}

// A read-only mount shows what replay would make, and writes nothing.
func TestReplayReadOnly(t *testing.T) {
	for _, name := range killedWithLog(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := blockdev.NewRecorder(golden.Load(t, name))
			fs := mount(t, rec, ffs.Options{ReadOnly: true})
			got, err := golden.Read(ctx, fs)
			if err != nil {
				t.Fatal(err)
			}
			golden.Report(t, golden.Diff(got, golden.LoadManifest(t, name+".after").Entries, "atime"))
			if n := rec.Len(); n != 0 {
				t.Errorf("%d writes to a read-only mount", n)
			}
		})
	}
}

// A mount that is killed while it replays, at any write, is finished by the next.
func TestReplayKilled(t *testing.T) {
	for _, name := range killedWithLog(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			disk := golden.Load(t, name)
			rec := blockdev.NewRecorder(disk.Snapshot())
			open(t, rec, ffs.Options{}).close()
			events := rec.Events()
			for n, e := range events {
				if err := e.Apply(disk); err != nil {
					t.Fatal(err)
				}
				if e.Op != blockdev.OpWrite || testing.Short() && n%5 != 0 {
					continue
				}
				killed := disk.Snapshot()
				if !super(t, killed).HasWAPBL() && super(t, killed).Clean != ondisk.CleanIs {
					if _, err := fsck.Repair(ctx, killed, fsck.Options{Mode: fsck.Preen}); err != nil {
						t.Fatal(err)
					}
				}
				open(t, killed, ffs.Options{}).close()
				check(t, killed)
				checkAfter(t, killed, name)
				if t.Failed() {
					t.Fatalf("killed after event %d of %d, %v", n+1, len(events), e)
				}
			}
			t.Logf("%d states", len(events))
		})
	}
}
