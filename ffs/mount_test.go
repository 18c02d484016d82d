package ffs_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"rump/ffs"
	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
	"rump/rumpfs/vfs"
	"rump/tests/golden"
)

// super is the superblock as it is on the disk.
func super(tb testing.TB, dev blockdev.Device) *ondisk.Super {
	tb.Helper()
	s, _, err := ondisk.FindSuper(dev, dev.Size())
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// What is not safe to write is mounted read-only, says why, answers EROFS, and stays as it is.
func TestUnsafeVolumesAreMountedReadOnly(t *testing.T) {
	for pattern, want := range map[string]string{
		"unclean-*":  "not clean",
		"snapshot-*": "has snapshots",
	} {
		for _, name := range golden.Names(t, pattern) {
			if strings.HasSuffix(name, ".after") || strings.HasSuffix(name, ".fscked") {
				continue
			}
			t.Run(name, func(t *testing.T) {
				rec := blockdev.NewRecorder(golden.Load(t, name))
				fs := mount(t, rec, ffs.Options{})
				if !fs.ReadOnly() || !strings.Contains(fs.Degraded(), want) {
					t.Errorf("read-only %v, because %q; want %q", fs.ReadOnly(), fs.Degraded(), want)
				}
				if len(fs.Warnings()) == 0 {
					t.Error("no warning")
				}
				root, err := fs.Node(ctx, fs.Root())
				if err != nil {
					t.Fatal(err)
				}
				if _, err := root.(vfs.Dir).Create(ctx, vfs.Root, "new", vfs.CreateAttr{Kind: vfs.KindRegular}); err != syscall.EROFS {
					t.Errorf("create: got %v, want EROFS", err)
				}
				if err := root.SetAttr(ctx, vfs.Root, vfs.SetAttr{Mask: vfs.SetMode}); err != syscall.EROFS {
					t.Errorf("set mode: got %v, want EROFS", err)
				}
				if err := root.Reclaim(ctx); err != nil {
					t.Error(err)
				}
				if err := fs.Sync(ctx, true); err != nil {
					t.Error(err)
				}
				if n := rec.Len(); n != 0 {
					t.Errorf("%d writes", n)
				}
			})
		}
	}
}

// TestMountHazards has a volume that is safe but for one thing.
func TestMountHazards(t *testing.T) {
	f := flavours()[2]
	for _, c := range []struct {
		name   string
		change func(s *ondisk.Super)
		want   string
	}{
		{"unknown flag", func(s *ondisk.Super) { s.Flags |= 0x4000 }, "unknown flags 0x4000"},
		{"needs fsck", func(s *ondisk.Super) { s.Flags |= ondisk.FlagNeedsFsck }, "fsck"},
		{"suj", func(s *ondisk.Super) { s.Flags |= ondisk.FlagSUJ; s.Clean = 0 }, "journaled soft updates"},
		{"suj clean", func(s *ondisk.Super) { s.Flags |= ondisk.FlagSUJ }, ""},
		{"gjournal", func(s *ondisk.Super) { s.Flags |= ondisk.FlagGJournal; s.Clean = 0 }, "gjournal"},
		{"soft updates", func(s *ondisk.Super) { s.Flags |= ondisk.FlagSoftUpdate }, ""},
		{"quota magic", func(s *ondisk.Super) { s.Flags |= ondisk.FlagQuota2; s.QuotaMagic = 1 }, "quota magic"},
		{"quota file", func(s *ondisk.Super) {
			s.Flags |= ondisk.FlagQuota2
			s.QuotaMagic, s.QuotaFlags, s.QuotaFile[0] = ondisk.Quota2Magic, 1, 17
		}, "quota"},
		{"dirty", func(s *ondisk.Super) { s.Clean = 4 }, "not clean (fs_clean=0x4)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dev := f.format(t, 2<<20)
			s := super(t, dev)
			c.change(s)
			area := make([]byte, s.SBSize)
			s.Encode(area)
			if _, err := dev.WriteAt(area, s.Location); err != nil {
				t.Fatal(err)
			}
			if info, err := ffs.Probe(dev, dev.Size()); c.name != "quota file" && (err != nil || (info.Hazard != "") != (c.want != "")) {
				t.Errorf("probe: hazard %q, %v", info.Hazard, err)
			}
			rec := blockdev.NewRecorder(dev)
			fs := mount(t, rec, ffs.Options{})
			if fs.ReadOnly() != (c.want != "") || !strings.Contains(fs.Degraded(), c.want) {
				t.Errorf("read-only %v, because %q; want %q", fs.ReadOnly(), fs.Degraded(), c.want)
			}
			if n := rec.Len(); fs.ReadOnly() && n != 0 {
				t.Errorf("%d writes to a read-only mount", n)
			}
		})
	}
}

// The clean flag says that the volume is in use, and is set again only if it was before.
func TestCleanFlag(t *testing.T) {
	dev := flavours()[0].format(t, 2<<20)
	rec := blockdev.NewRecorder(dev)
	v := open(t, lasting{rec}, ffs.Options{MountPoint: "/mnt/x", NoAtime: true})
	v.close()
	if rec.Len() != 0 {
		t.Errorf("%d writes and flushes by a mount that changed nothing", rec.Len())
	}
	v = open(t, lasting{dev}, ffs.Options{MountPoint: "/mnt/x"})
	v.must(v.write("/f", []byte("x"), 0))
	if s := super(t, dev); s.Clean != ondisk.CleanWas || s.MountPoint != "/mnt/x" {
		t.Errorf("changed: clean %d, mount point %q; want %d", s.Clean, s.MountPoint, ondisk.CleanWas)
	}
	killed := dev.Snapshot()
	v.close()
	if s := super(t, dev); s.Clean != ondisk.CleanIs {
		t.Errorf("unmounted: clean %d, want %d", s.Clean, ondisk.CleanIs)
	}
	check(t, dev)

	v = open(t, lasting{killed}, ffs.Options{Force: true})
	if len(v.fs.Warnings()) == 0 {
		t.Error("forced: no warning")
	}
	v.must(v.write("/f", []byte("x"), 0))
	v.close()
	if s := super(t, killed); s.Clean&ondisk.CleanIs != 0 {
		t.Errorf("forced and unmounted: clean %d", s.Clean)
	}
}

// A disk that is read-only makes a read-only mount.
func TestReadOnlyDisk(t *testing.T) {
	fs := mount(t, blockdev.NewReadOnly(flavours()[0].format(t, 2<<20)), ffs.Options{})
	if !fs.ReadOnly() || fs.Degraded() != "the disk is read-only" {
		t.Errorf("read-only %v, because %q", fs.ReadOnly(), fs.Degraded())
	}
}

// What cannot be mounted is refused with a reason and not written to.
func TestMountFails(t *testing.T) {
	f := flavours()[2]
	blank := func(t *testing.T) blockdev.Device { return blockdev.NewMemory(1 << 20) }
	for _, c := range []struct {
		name string
		dev  func(t *testing.T) blockdev.Device
		want string
	}{
		{"nothing", blank, "no FFS superblock"},
		{"too short", func(t *testing.T) blockdev.Device {
			d, err := blockdev.NewSection(f.format(t, 2<<20), 0, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			return d
		}, "more than the volume has"},
		{"root inode gone", func(t *testing.T) blockdev.Device {
			dev := f.format(t, 2<<20)
			s := super(t, dev)
			return zeroed(t, dev, s.FragOffset(s.CgInodes(0)), int(s.BSize))
		}, "root directory"},
		{"root block gone", func(t *testing.T) blockdev.Device {
			dev := f.format(t, 2<<20)
			var di ondisk.Inode
			s := super(t, dev)
			b := make([]byte, s.BSize)
			if _, err := dev.ReadAt(b, s.FragOffset(s.CgInodes(0))); err != nil {
				t.Fatal(err)
			}
			ondisk.DecodeInode(s, b[s.InoInBlock(ondisk.RootIno):], &di)
			return zeroed(t, dev, s.FragOffset(di.DB[0]), 512)
		}, "root directory"},
		{"root not readable", func(t *testing.T) blockdev.Device {
			dev := f.format(t, 2<<20)
			s := super(t, dev)
			at := s.FragOffset(s.CgInodes(0))
			return blockdev.NewFaulty(dev, blockdev.Plan{Fail: blockdev.FailRange(blockdev.OpRead, at, at+int64(s.BSize), syscall.EIO)})
		}, "root directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec := blockdev.NewRecorder(c.dev(t))
			_, err := ffs.Mount(ctx, rec, ffs.Options{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if n := rec.Len(); n != 0 {
				t.Errorf("%d writes", n)
			}
		})
	}
}

func zeroed(t *testing.T, dev blockdev.Device, at int64, n int) blockdev.Device {
	t.Helper()
	if _, err := dev.WriteAt(make([]byte, n), at); err != nil {
		t.Fatal(err)
	}
	return dev
}

// Sectors larger than fragments cannot be written one by one.
func TestLargeSectors(t *testing.T) {
	small := flavours()[0].format(t, 2<<20)
	big, err := blockdev.NewMemorySectors(small.Size(), 4096)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := big.WriteAt(small.Bytes(), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := ffs.Mount(ctx, big, ffs.Options{}); !errors.Is(err, syscall.EINVAL) || !strings.Contains(err.Error(), "sectors of 4096") {
		t.Errorf("got %v, want EINVAL about sectors of 4096", err)
	}
}

// A full image can be changed, its other files still answer the manifest, and it can be emptied; the checker is content all the time.
func TestGoldenImagesCanBeChanged(t *testing.T) {
	patterns := []string{"tree-*-8192-1024", "tree-*-65536-8192", "tree-ufs1-le-4096-4096", "tree-ufs0-le-4096-512", "quota2-*", "appleufs-*", "frag-*", "full-root-*", "wapbl-clean-infile"}
	for _, name := range golden.Names(t, patterns...) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && name != "tree-ufs2-be-8192-1024" {
				t.Skip("only one image")
			}
			dev := golden.Load(t, name)
			m := golden.LoadManifest(t, name)
			v := open(t, lasting{dev}, ffs.Options{NoAtime: true})
			v.mayLackSpace(v.mkdir("/zz"))
			v.mayLackSpace(v.write("/zz/f", make([]byte, 300000), 0))
			if _, err := v.walk("/mut/wh"); err != syscall.ENOENT {
				t.Errorf("whiteout: got %v, want ENOENT", err)
			}
			v.mayLackSpace(v.write("/mut/wh", []byte("no whiteout"), 0))
			v.close()
			check(t, dev)

			v = open(t, lasting{dev}, ffs.Options{NoAtime: true})
			if p, err := v.read("/mut/wh"); err == nil && string(p) != "no whiteout" {
				t.Errorf("file in place of a whiteout holds %q", p)
			}
			v.forget()
			got, err := golden.Read(ctx, v.fs)
			v.must(err)
			golden.Report(t, golden.Diff(without(without(got, "/zz"), "/mut/wh"), without(m.Entries, "/mut/wh"), "atime", "mtime", "ctime", "nlink"))
			for i := len(got) - 1; i > 0; i-- { // the deepest first
				if got[i].Type != 'w' {
					v.must(v.remove(got[i].Path))
				}
			}
			v.close()
			check(t, dev)
		})
	}
}

func (v *volume) mayLackSpace(err error) {
	v.tb.Helper()
	if err != nil && !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.ENOENT) {
		v.tb.Fatal(err)
	}
}

// without leaves out the root and what lies under top.
func without(all []golden.Entry, top string) (out []golden.Entry) {
	for _, e := range all {
		if e.Path != "/" && !strings.HasPrefix(e.Path, top) {
			out = append(out, e)
		}
	}
	return out
}

// Images made by FreeBSD keep their check hashes, and extended attributes can be changed.
func TestFreeBSDImages(t *testing.T) {
	dir := os.Getenv("RUMP_TEST_FREEBSD")
	if dir == "" {
		t.Skip("set RUMP_TEST_FREEBSD to a directory with *.img of UFS2 file systems made by FreeBSD")
	}
	paths, _ := filepath.Glob(filepath.Join(dir, "*.img"))
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		dev := blockdev.NewMemoryFrom(b)
		v := open(t, lasting{dev}, ffs.Options{})
		if s := super(t, dev); s.Clean != 0 {
			t.Errorf("in use: clean %d, want 0", s.Clean)
		}
		before, err := golden.Read(ctx, v.fs)
		v.must(err)
		v.must(v.mkdir("/new"))
		v.must(v.write("/new/f", make([]byte, 500_000), 100_000))
		n, err := v.walk("/new/f")
		v.must(err)
		x := n.(vfs.Xattrer)
		v.must(x.SetXattr(ctx, vfs.Root, vfs.XattrUser, "name", []byte("value"), vfs.XattrEither))
		v.must(x.SetXattr(ctx, vfs.Root, vfs.XattrSystem, "name", make([]byte, 40_000), vfs.XattrEither))
		v.must(x.RemoveXattr(ctx, vfs.XattrUser, "name"))
		v.close()
		check(t, dev)
		v = open(t, lasting{dev}, ffs.Options{})
		after, err := golden.Read(ctx, v.fs)
		v.must(err)
		golden.Report(t, golden.Diff(without(after, "/new"), without(before, "/new"), "atime"))
		v.must(v.remove("/new/f"))
		v.must(v.remove("/new"))
		v.close()
		check(t, dev)
	}
}
