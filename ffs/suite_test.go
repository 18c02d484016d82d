package ffs_test

import (
	"math"
	"testing"

	"rump/ffs"
	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
	"rump/rumpfs/kern/kerntest"
	"rump/rumpfs/vfs"
	"rump/rumpfs/vfs/vfstest"
)

// lasting keeps a device open when its file system goes, for the next mount.
type lasting struct{ blockdev.Device }

func (lasting) Close() error { return nil }

// suiteVolume is an empty volume of a flavour.
func (f flavour) suiteVolume(t testing.TB, size int64) kerntest.Volume {
	t.Helper()
	dev := f.format(t, size)
	return kerntest.Volume{
		Mount: func(readOnly bool) (vfs.FS, error) {
			return ffs.Mount(ctx, lasting{dev}, ffs.Options{ReadOnly: readOnly, Journal: f.journal})
		},
		Features: f.features(t, dev),
		Full:     func(t testing.TB) kerntest.Volume { return f.suiteVolume(t, 2<<20) },
		Check: func(t testing.TB) {
			if !t.Failed() {
				check(t, dev)
			}
		},
	}
}

func (f flavour) features(t testing.TB, dev blockdev.Device) vfstest.Features {
	t.Helper()
	s, _, err := ondisk.FindSuper(dev, dev.Size())
	if err != nil {
		t.Fatal(err)
	}
	feat := vfstest.Features{
		TimeMin: math.MinInt32, TimeMax: math.MaxInt32, TimeStep: 1,
		Flags: vfs.FlagNoDump | vfs.FlagImmutable | vfs.FlagAppend | vfs.FlagOpaque | vfs.FlagArchived | vfs.FlagSysImmutable | vfs.FlagSysAppend,
		Holes: true, Allocate: true, Within: true, Punch: true,
		FileMax: s.MaxSize(),
		Blocks:  []int{int(s.FSize), int(s.BSize), 12 * int(s.BSize)},
	}
	if far := (12 + int(s.Nindir)) * int(s.BSize); far < 3<<20 {
		feat.Blocks = append(feat.Blocks, far)
	}
	if s.OldInodes() {
		feat.OwnerMax = math.MaxUint16
	}
	if s.Version == 2 {
		feat.TimeMin, feat.TimeMax, feat.Btime = math.MinInt64/2, math.MaxInt64/2, true
	}
	if s.EAMagic {
		feat.XattrMax = 2 * int(s.BSize)
	}
	if f.name == "ufs1-le" && !testing.Short() {
		feat.LinkMax = ondisk.MaxLinks
	}
	return feat
}

// The suite that every file system passes, on every kind of volume, with the checker after each unmount.
func TestSuite(t *testing.T) {
	all := flavours()
	for _, f := range []flavour{all[1], all[2], all[9]} {
		f.name, f.journal = f.name+"-journal", true
		all = append(all, f)
	}
	for _, f := range all {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && f.name != "ufs2-le" && f.name != "ufs1-be-journal" {
				t.Skip("only one flavour")
			}
			kerntest.Run(t, func(t testing.TB) kerntest.Volume { return f.suiteVolume(t, 48<<20) })
		})
	}
}
