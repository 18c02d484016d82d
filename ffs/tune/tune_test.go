package tune_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rump/ffs/fsck"
	"rump/ffs/mkfs"
	"rump/ffs/ondisk"
	"rump/ffs/tune"
	"rump/internal/endian"
	"rump/rumpfs/blockdev"
	"rump/tests/golden"
)

func ptr[T any](v T) *T { return &v }

// find reads the superblock of a volume.
func find(tb testing.TB, dev blockdev.Device) *ondisk.Super {
	tb.Helper()
	s, _, err := ondisk.FindSuper(dev, dev.Size())
	if err != nil {
		tb.Fatal(err)
	}
	_, s.Apple = ondisk.ReadAppleLabel(dev, dev.Size())
	return s
}

// newfs makes an empty volume.
func newfs(tb testing.TB, o mkfs.Options) *blockdev.Memory {
	tb.Helper()
	dev := blockdev.NewMemory(8 << 20)
	o.Now = time.Unix(1e9, 0)
	if _, err := mkfs.Newfs(context.Background(), dev, o); err != nil {
		tb.Fatal(err)
	}
	return dev
}

// kinds are one volume of each kind of superblock.
func kinds(tb testing.TB) map[string]*blockdev.Memory {
	tb.Helper()
	return map[string]*blockdev.Memory{
		"ufs0-le":  newfs(tb, mkfs.Options{Version: 1, Old: true}),
		"ufs1-be":  newfs(tb, mkfs.Options{Version: 1, Order: endian.Big}),
		"ufs2-le":  newfs(tb, mkfs.Options{Version: 2}),
		"ufs2-be":  newfs(tb, mkfs.Options{Version: 2, Order: endian.Big}),
		"ufs2ea":   newfs(tb, mkfs.Options{Version: 2, ExtAttr: true}),
		"apple-be": newfs(tb, mkfs.Options{Version: 1, AppleName: "Vol", Order: endian.Big}),
	}
}

// TestChange changes what all kinds of volume have, and finds it again: in the primary alone, or in all copies. Nothing else changes.
func TestChange(t *testing.T) {
	set := tune.Settings{MaxBPG: ptr[int32](77), MinFree: ptr[int32](8), Optim: ptr[int32](ondisk.OptimSpace), Label: ptr("some name")}
	want := []string{
		"maximum blocks per file in a cylinder group changes from %d to 77",
		"minimum percentage of free space changes from 5% to 8%",
		"optimization preference changes from time to space",
		"should optimize for time with minfree >= 5%",
		`volume label changes from "" to "some name"`,
	}
	for name, dev := range kinds(t) {
		for _, backups := range []bool{false, true} {
			work := dev.Snapshot()
			s := find(t, work)
			want := slices.Clone(want)
			want[0] = fmt.Sprintf(want[0], s.MaxBPG)
			r, err := tune.Change(s, set)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if !slices.Equal(r.Warnings, want) || len(r.Notes) != 0 {
				t.Errorf("%s: got %q, want %q", name, r.Warnings, want)
			}
			if err := tune.Write(work, s, backups); err != nil {
				t.Fatal(err)
			}
			got := find(t, work)
			if got.MaxBPG != 77 || got.MinFree != 8 || got.Optim != ondisk.OptimSpace || got.VolName != "some name" {
				t.Errorf("%s: read back %d, %d%%, %d, %q", name, got.MaxBPG, got.MinFree, got.Optim, got.VolName)
			}
			for cg := range int(s.Ncg) {
				b, err := ondisk.ReadBackup(work, work.Size(), s.FragOffset(s.CgSuper(cg)))
				if err != nil {
					t.Fatal(err)
				}
				if (b.MaxBPG == 77) != backups || (b.VolName == "some name") != backups {
					t.Errorf("%s, backups %v: copy %d has %d, %q", name, backups, cg, b.MaxBPG, b.VolName)
				}
			}
			onlySuperblocks(t, dev, work, s)
			clean(t, work)
		}
	}
}

// onlySuperblocks fails if anything else than superblocks, and the label of Apple UFS, differs.
func onlySuperblocks(tb testing.TB, was, is blockdev.Device, s *ondisk.Super) {
	tb.Helper()
	ours := map[int64]bool{}
	mark := func(at int64) {
		for off := at; off < at+int64(s.SBSize); off += 512 {
			ours[off] = true
		}
	}
	mark(s.Location)
	for cg := range int(s.Ncg) {
		mark(s.FragOffset(s.CgSuper(cg)))
	}
	if s.Apple {
		ours[ondisk.AppleLabelOffset], ours[ondisk.AppleLabelOffset+512] = true, true
	}
	a, b := make([]byte, 512), make([]byte, 512)
	for off := int64(0); off < was.Size(); off += 512 {
		if _, err := was.ReadAt(a, off); err != nil {
			tb.Fatal(err)
		}
		if _, err := is.ReadAt(b, off); err != nil {
			tb.Fatal(err)
		}
		if !bytes.Equal(a, b) && !ours[off] {
			tb.Fatalf("sector at %d has changed", off)
		}
	}
}

// clean runs the checker.
func clean(tb testing.TB, dev blockdev.Device) {
	tb.Helper()
	var out bytes.Buffer
	r, err := fsck.Check(context.Background(), dev, fsck.Options{Force: true, Out: &out})
	if err != nil {
		tb.Fatal(err)
	}
	if !r.Clean() {
		tb.Fatalf("the checker finds\n%s", out.String())
	}
}

// TestAppleLabel renames a volume of Apple where that system looks.
func TestAppleLabel(t *testing.T) {
	dev := golden.Load(t, "appleufs-be")
	s := find(t, dev)
	if _, err := tune.Change(s, tune.Settings{Label: ptr("a:b")}); err == nil {
		t.Error("a label with a colon is taken")
	}
	if _, err := tune.Change(s, tune.Settings{Label: ptr("New Name")}); err != nil {
		t.Fatal(err)
	}
	if err := tune.Write(dev, s, true); err != nil {
		t.Fatal(err)
	}
	if l, ok := ondisk.ReadAppleLabel(dev, dev.Size()); !ok || l.Name != "New Name" {
		t.Errorf("label %q, %v", l.Name, ok)
	}
	clean(t, dev)
}

// TestRefused gives each setting that cannot be, with the exit status of the historic tool.
func TestRefused(t *testing.T) {
	all := kinds(t)
	for _, c := range []struct {
		kind string
		set  tune.Settings
		code int
		want string
	}{
		{"ufs2-le", tune.Settings{MinFree: ptr[int32](100)}, 1, "minimum percentage of free space 100 is greater than 99"},
		{"ufs2-le", tune.Settings{MinFree: ptr[int32](-1)}, 1, "minimum percentage of free space -1 is less than 0"},
		{"ufs2-le", tune.Settings{MaxBPG: ptr[int32](0)}, 1, "maximum blocks per file in a cylinder group 0 is less than 1"},
		{"ufs2-le", tune.Settings{AvgFileSize: ptr[int32](0)}, 1, "average file size 0 is less than 1"},
		{"ufs2-le", tune.Settings{AvgFPDir: ptr[int32](0)}, 1, "expected number of files per directory 0 is less than 1"},
		{"ufs2-le", tune.Settings{Optim: ptr[int32](3)}, 10, "bad optimization preference (options are `space' or `time')"},
		{"ufs2-le", tune.Settings{SectorSize: ptr[int64](1000)}, 12, "sector size 1000 is not a power of two"},
		{"ufs2-le", tune.Settings{LogSize: ptr[int64](1 << 31)}, 1, "journal log file size 2147483648 is not between 0 and 2147483647"},
		{"ufs2-le", tune.Settings{Label: ptr(strings.Repeat("x", 32))}, 1, `volume label "` + strings.Repeat("x", 32) + `" is longer than 31 bytes`},
		{"ufs0-le", tune.Settings{AvgFPDir: ptr[int32](9)}, 1, "the superblock of 4.3BSD has no place for the average file size; fsck -c 4 converts it"},
		{"ufs0-le", tune.Settings{LogSize: ptr[int64](1 << 20)}, 1, "the superblock of 4.3BSD has no place for the journal log file size; fsck -c 4 converts it"},
		{"apple-be", tune.Settings{UserQuota: ptr(true)}, 1, "the superblock of 4.3BSD has no place for the quotas; fsck -c 4 converts it"},
	} {
		_, err := tune.Change(find(t, all[c.kind]), c.set)
		var e *tune.Error
		if !errors.As(err, &e) || e.Code != c.code || e.Msg != c.want {
			t.Errorf("%s: got %v, want %d, %q", c.kind, err, c.code, c.want)
		}
	}
}

// TestUnchanged says so, and what does not fit is told again.
func TestUnchanged(t *testing.T) {
	s := find(t, newfs(t, mkfs.Options{Version: 2}))
	set := tune.Settings{MinFree: ptr[int32](5), Optim: ptr[int32](ondisk.OptimTime), SectorSize: ptr[int64](0), AvgFileSize: ptr[int32](16384), AvgFPDir: ptr[int32](64), Label: ptr("")}
	r, err := tune.Change(s, set)
	want := []string{
		"minimum percentage of free space remains unchanged at 5%", "optimization preference remains unchanged as time",
		"sector size remains unchanged as 512", "average file size remains unchanged at 16384",
		"expected number of files per directory remains unchanged at 64", `volume label remains unchanged as ""`,
	}
	if err != nil || !slices.Equal(r.Warnings, want) {
		t.Errorf("got %q, %v, want %q", r.Warnings, err, want)
	}
	r, _ = tune.Change(s, tune.Settings{MinFree: ptr[int32](4)})
	if want := []string{"minimum percentage of free space changes from 5% to 4%", "should optimize for space with minfree < 5%"}; !slices.Equal(r.Warnings, want) {
		t.Errorf("got %q, want %q", r.Warnings, want)
	}
	for size, want := range map[int64]string{
		256: "sector size must be at least 512", 8192: "sector size 8192 cannot be larger than fragment size 512",
	} {
		if r, err := tune.Change(s, tune.Settings{SectorSize: ptr(size)}); err != nil || !slices.Equal(r.Warnings, []string{want}) {
			t.Errorf("got %q, %v, want %q", r.Warnings, err, want)
		}
	}
	big := find(t, newfs(t, mkfs.Options{Version: 2, BlockSize: 32768}))
	if _, err := tune.Change(big, tune.Settings{SectorSize: ptr[int64](2048)}); err != nil || big.FsbToDb != 1 {
		t.Errorf("fsbtodb %d, %v, want 1", big.FsbToDb, err)
	}
}

// TestLog asks for a log, for none, and for another size of one that exists.
func TestLog(t *testing.T) {
	for _, order := range []endian.Order{endian.Little, endian.Big} {
		dev := newfs(t, mkfs.Options{Version: 2, Order: order})
		s := find(t, dev)
		r, err := tune.Change(s, tune.Settings{LogSize: ptr[int64](1 << 20)})
		if err != nil || !slices.Equal(r.Warnings, []string{"log file size set to 1048576"}) {
			t.Fatalf("got %q, %v", r.Warnings, err)
		}
		if err := tune.Write(dev, s, false); err != nil {
			t.Fatal(err)
		}
		s = find(t, dev)
		j, got, ok := s.FindJournal()
		if want := (ondisk.Journal{Location: ondisk.JournalInFile, Flags: ondisk.JournalCreate, Loc: [4]uint64{0, 1 << 20, 0, 0}}); !ok || j != want || got != order {
			t.Errorf("read back %+v in order %v, want %+v in %v", j, got, want, order)
		}
		clean(t, dev)
	}
	s := find(t, golden.Load(t, "wapbl-clean-infile"))
	if _, err := tune.Change(s, tune.Settings{LogSize: ptr[int64](2 << 20)}); err == nil || err.Error() != "Can't change existing log size from 1048576 to 2097152" {
		t.Errorf("got %v", err)
	}
	if r, err := tune.Change(s, tune.Settings{LogSize: ptr[int64](1 << 20)}); err != nil || r.Warnings[0] != "log file size remains unchanged at 1048576" {
		t.Errorf("got %q, %v", r.Warnings, err)
	}
	r, err := tune.Change(s, tune.Settings{LogSize: ptr[int64](0)})
	j, _, _ := s.FindJournal()
	if err != nil || r.Warnings[0] != "log file size cleared from 1048576" || j.Flags != ondisk.JournalClear || j.Loc[3] != 3 {
		t.Errorf("got %q, %v, %+v", r.Warnings, err, j)
	}
	s = find(t, golden.Load(t, "wapbl-clean-endpart"))
	if _, err := tune.Change(s, tune.Settings{LogSize: ptr[int64](1 << 20)}); err == nil || err.Error() != "Can't change size of non-in-filesystem log" {
		t.Errorf("got %v", err)
	}
}

// TestQuota turns quotas on and off.
func TestQuota(t *testing.T) {
	dev := newfs(t, mkfs.Options{Version: 2})
	s := find(t, dev)
	r, err := tune.Change(s, tune.Settings{UserQuota: ptr(false)})
	if err != nil || len(r.Notes) != 0 || s.Flags != 0 {
		t.Errorf("nothing to turn off: %q, %v, flags %#x", r.Notes, err, s.Flags)
	}
	r, err = tune.Change(s, tune.Settings{UserQuota: ptr(true), GroupQuota: ptr(true)})
	if err != nil || !slices.Equal(r.Notes, []string{"enabling user quotas", "enabling group quotas"}) || s.QuotaFlags != 3 || !s.HasQuota2() {
		t.Errorf("got %q, %v, %#x", r.Notes, err, s.QuotaFlags)
	}
	r, err = tune.Change(s, tune.Settings{GroupQuota: ptr(false), UserQuota: ptr(true)})
	if err != nil || !slices.Equal(r.Notes, []string{"disabling group quotas"}) || s.QuotaFlags != 1 {
		t.Errorf("got %q, %v, %#x", r.Notes, err, s.QuotaFlags)
	}
}

// TestShow prints all settings.
func TestShow(t *testing.T) {
	for name, want := range map[string]string{
		"tuned-maxbpg": `tunefs: current settings of X
	maximum contiguous block count 4
	maximum blocks per file in a cylinder group 20
	minimum percentage of free space 5%
	optimization preference: time
	average file size: 4096
	expected number of files per directory: 16
	quotas disabled
tunefs: no changes made
`,
		"quota2-ufs2": `tunefs: current settings of X
	maximum contiguous block count 8
	maximum blocks per file in a cylinder group 1024
	minimum percentage of free space 5%
	optimization preference: time
	average file size: 16384
	expected number of files per directory: 64
	quotas user, group enabled
tunefs: no changes made
`,
		"wapbl-clean-endpart": `tunefs: current settings of X
	maximum contiguous block count 8
	maximum blocks per file in a cylinder group 1024
	minimum percentage of free space 5%
	optimization preference: time
	average file size: 16384
	expected number of files per directory: 64
	journal log file location: end of partition
	journal log file size: 4.0MB (4194304 bytes)
	journal log flags:
	quotas disabled
tunefs: no changes made
`,
	} {
		var out bytes.Buffer
		if err := tune.Show(&out, "X", find(t, golden.Load(t, name))); err != nil || out.String() != want {
			t.Errorf("%s: %v, got\n%swant\n%s", name, err, out.String(), want)
		}
	}
}

// TestRefusal looks at every genuine volume: those that were killed are refused, the others are not.
func TestRefusal(t *testing.T) {
	for _, name := range golden.Names(t, "tree-*", "unclean-*", "wapbl-*", "quota2-*", "snapshot-*") {
		why := tune.Refusal(find(t, golden.Load(t, name)))
		want := (strings.HasPrefix(name, "unclean-") || strings.Contains(name, "kill")) && !strings.Contains(name, ".") // ".after" a repair
		if (why != "") != want {
			t.Errorf("%s: %q", name, why)
		}
	}
}

// TestFailedWrite gives the disk's error.
func TestFailedWrite(t *testing.T) {
	dev := blockdev.NewReadOnly(newfs(t, mkfs.Options{Version: 2}))
	if err := tune.Write(dev, find(t, dev), true); err == nil || !strings.Contains(err.Error(), "write of 1536 bytes at 65536") {
		t.Errorf("got %v", err)
	}
}
