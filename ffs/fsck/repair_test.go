package fsck_test

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"rump/ffs"
	"rump/ffs/fsck"
	"rump/rumpfs/blockdev"
	"rump/tests/golden"
)

// repair runs one repair and returns what it printed.
func repair(tb testing.TB, dev blockdev.Device, o fsck.Options) (string, *fsck.Report, error) {
	tb.Helper()
	var out bytes.Buffer
	o.Name, o.Zone = "/rdk", time.UTC
	o.Out = &out
	r, err := fsck.Repair(context.Background(), dev, o)
	return out.String(), r, err
}

// mustBeClean checks that nothing is left to repair.
func mustBeClean(tb testing.TB, dev blockdev.Device) {
	tb.Helper()
	var out bytes.Buffer
	r, err := fsck.Check(context.Background(), dev, fsck.Options{Force: true, Out: &out})
	if err != nil {
		tb.Fatalf("second check: %v", err)
	}
	if !r.Clean() || r.Super.Clean != 1 {
		tb.Errorf("second check finds (fs_clean=%d):\n%s", r.Super.Clean, out.String())
	}
}

// tree reads the whole volume by way of the mounted file system.
func tree(tb testing.TB, dev blockdev.Device) []golden.Entry {
	tb.Helper()
	fs, err := ffs.Mount(context.Background(), dev, ffs.Options{ReadOnly: true})
	if err != nil {
		tb.Fatalf("mount: %v", err)
	}
	defer fs.Unmount(context.Background())
	got, err := golden.Read(context.Background(), fs)
	if err != nil {
		tb.Fatalf("walk: %v", err)
	}
	return got
}

// twice are the images that the genuine tool needs two runs for: it counts what clear directories refer to.
var twice = map[string]bool{"unclean-async-4": true, "unclean-async-5": true}

func unclean(tb testing.TB) []string {
	tb.Helper()
	var names []string
	for _, name := range golden.Names(tb, "unclean-*") {
		if !strings.Contains(name, ".") {
			names = append(names, name)
		}
	}
	return names
}

// TestGoldenRepair repairs every unclean image and holds text and tree against the genuine fsck_ffs -fy.
func TestGoldenRepair(t *testing.T) {
	for _, name := range unclean(t) {
		t.Run(name, func(t *testing.T) {
			dev := golden.Load(t, name)
			got, r, err := repair(t, dev, fsck.Options{Mode: fsck.Yes, Force: true})
			if err != nil {
				t.Fatal(err)
			}
			if r.Unresolved || r.Rerun || !r.Modified {
				t.Errorf("report: Unresolved %v, Rerun %v, Modified %v", r.Unresolved, r.Rerun, r.Modified)
			}
			want := golden.Text(t, name+".fsck-y.txt")
			tree2 := ".fscked"
			if twice[name] {
				tree2 = ".fscked2"
				got, want = linkless(got), linkless(want)
			}
			if r.Super.Order.IsBig() {
				got, want = unordered(got), unordered(want)
			}
			if got != want {
				t.Errorf("got:\n%s\nwant:\n%s", diffAt(got, want), want)
			}
			mustBeClean(t, dev)
			m := golden.LoadManifest(t, name+tree2)
			golden.Report(t, golden.Diff(withoutLost(tree(t, dev)), withoutLost(m.Entries), "atime", "ctime"))
			golden.Report(t, golden.Diff(onlyLost(tree(t, dev)), onlyLost(m.Entries), "atime", "ctime", "mtime", "btime"))
		})
	}
}

func withoutLost(es []golden.Entry) (kept []golden.Entry) {
	for _, e := range es {
		if !strings.HasPrefix(e.Path, "/lost+found") {
			kept = append(kept, e)
		}
	}
	return kept
}

func onlyLost(es []golden.Entry) (kept []golden.Entry) {
	for _, e := range es {
		if strings.HasPrefix(e.Path, "/lost+found") {
			kept = append(kept, e)
		}
	}
	return kept
}

// linkless leaves messages about link counts out, and what follows from them.
func linkless(text string) string {
	return regexp.MustCompile(`(?:LINK COUNT|UNREF FILE  I=)[^?]*\? yes\n\n`).ReplaceAllString(text, "")
}

// TestGoldenPreen does as TestGoldenRepair for fsck_ffs -fp.
func TestGoldenPreen(t *testing.T) {
	for _, name := range unclean(t) {
		t.Run(name, func(t *testing.T) {
			dev := golden.Load(t, name)
			got, r, err := repair(t, dev, fsck.Options{Mode: fsck.Preen, Force: true})
			status, want, _ := strings.Cut(golden.Text(t, name+".fsck-p.txt"), "\n")
			code, _ := strconv.Atoi(strings.TrimPrefix(status, "exit status "))
			if (code == 8) != errors.Is(err, fsck.ErrManual) || code == 0 && err != nil {
				t.Fatalf("got error %v, want status %d", err, code)
			}
			if r.Super.Order.IsBig() {
				times := regexp.MustCompile(`MTIME=.{17}`)
				got, want = times.ReplaceAllString(got, ""), times.ReplaceAllString(want, "")
			}
			if got != want && !(r.Super.Order.IsBig() && code == 8) { // it ends at the first directory, which is another one
				t.Errorf("got:\n%s\nwant:\n%s", diffAt(got, want), want)
			}
			if code == 0 {
				mustBeClean(t, dev)
			}
		})
	}
}
