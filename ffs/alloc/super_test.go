package alloc_test

import (
	"errors"
	"syscall"
	"testing"

	"rump/ffs/alloc"
	"rump/ffs/ondisk"
	"rump/rumpfs/bcache"
	"rump/rumpfs/blockdev"
)

// superOf reads the superblock on the device.
func superOf(t *testing.T, dev blockdev.Device) *ondisk.Super {
	t.Helper()
	s, _, err := ondisk.FindSuper(dev, dev.Size())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCleanFlag(t *testing.T) {
	for _, c := range []struct {
		name                 string
		geo                  string
		before, inUse, after uint8
	}{
		{"clean", "frag8", 1, 2, 1},
		{"mounted by someone before", "frag8", 2, 4, 4},
		{"dirty", "frag8", 0, 0, 0},
		{"forgotten", "frag8", 0x80, 0, 0},
		{"old layout", "oldlayout", 1, 2, 1},
		{"FreeBSD, clean", "freebsd", 1, 0, 1},
		{"FreeBSD, dirty", "freebsd", 0, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, mem := byName(t, c.geo).make(t)
			s.Clean, s.PendingBlocks, s.PendingInodes = c.before, 7, 8
			dev := blockdev.NewRecorder(mem)
			o := testOptions(1)
			o.Flush = dev.Flush
			v := mount(t, s, dev, o)
			for range 2 {
				mtime := s.MTime
				if err := v.MarkInUse(); err != nil {
					t.Fatal(err)
				}
				now := superOf(t, mem)
				if now.Clean != c.inUse || now.PendingBlocks != 0 || now.PendingInodes != 0 || now.Time != 1e9 {
					t.Errorf("in use: clean %d, want %d; pending %d, %d; time %d", now.Clean, c.inUse, now.PendingBlocks, now.PendingInodes, now.Time)
				}
				if (now.MTime != mtime) != (c.geo == "freebsd") {
					t.Errorf("in use: time of the mount went from %d to %d", mtime, now.MTime)
				}
				if last := dev.Events()[dev.Len()-1]; last.Op != blockdev.OpFlush {
					t.Errorf("in use: last was %v, want a flush", last)
				}
				at, err := v.Block(1, 0, true)
				if err != nil {
					t.Fatal(err)
				}
				if err := v.MarkClean(); err != nil {
					t.Fatal(err)
				}
				if now = superOf(t, mem); now.Clean != c.after || now.Total != v.Totals() || !now.HashOK() {
					t.Errorf("unmounted: clean %d, want %d; totals %+v, want %+v; hash right: %v", now.Clean, c.after, now.Total, v.Totals(), now.HashOK())
				}
				checkCleanLast(t, s, dev.Events())
				if err := v.Free(at, int(s.Frag)); err != nil {
					t.Fatal(err)
				}
				if c.before != 1 {
					break // the mark would move on
				}
				if err := v.MarkClean(); err != nil {
					t.Fatal(err)
				}
				v.check()
			}
		})
	}
}

// checkCleanLast proves that the last events are: a flush, the superblock alone, a flush.
func checkCleanLast(t *testing.T, s *ondisk.Super, events []blockdev.Event) {
	t.Helper()
	i := len(events) - 1
	if events[i].Op != blockdev.OpFlush {
		t.Errorf("unmounted: last was %v, want a flush", events[i])
	}
	for i--; i >= 0 && events[i].Op == blockdev.OpWrite; i-- {
		if e := events[i]; e.Off < s.Location || e.Off >= s.Location+int64(s.SBSize) {
			t.Errorf("unmounted: in the last epoch was %v, want the superblock alone", e)
		}
	}
	if i < 0 || events[i].Op != blockdev.OpFlush {
		t.Errorf("unmounted: no flush before the superblock")
	}
}

func TestSyncWritesOnlyChanges(t *testing.T) {
	s, mem := byName(t, "frag8").make(t)
	dev := blockdev.NewRecorder(mem)
	v := mount(t, s, dev, testOptions(1))
	v.flush()
	if n := dev.Len(); n != 0 {
		t.Errorf("nothing was changed, but %d events came to the disk", n)
	}
	if _, err := v.Block(0, 0, true); err != nil {
		t.Fatal(err)
	}
	v.flush()
	n := dev.Len()
	if n == 0 {
		t.Fatal("a block was allocated, but nothing was written")
	}
	v.flush()
	if dev.Len() != n {
		t.Errorf("written again: %v", dev.Events()[n:])
	}
}

// A superblock that could not be written is written by the next Sync.
func TestSyncTriesAgain(t *testing.T) {
	s, mem := byName(t, "frag8").make(t)
	dev := blockdev.NewFaulty(mem, blockdev.Plan{})
	v := mount(t, s, dev, testOptions(1))
	if _, err := v.Block(0, 0, true); err != nil {
		t.Fatal(err)
	}
	dev.Set(blockdev.Plan{Fail: blockdev.FailRange(blockdev.OpRead, s.Location, s.Location+512, syscall.EIO)})
	if err := v.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatalf("sync with a failing disk: %v, want EIO", err)
	}
	dev.Set(blockdev.Plan{})
	v.check()
}

func TestSuspectVolumeStaysDirty(t *testing.T) {
	s, dev := byName(t, "frag8").make(t)
	v := mount(t, s, dev, testOptions(1))
	if err := v.MarkInUse(); err != nil {
		t.Fatal(err)
	}
	v.Suspect()
	if err := v.MarkClean(); err != nil {
		t.Fatal(err)
	}
	if now := superOf(t, dev); now.Clean != ondisk.CleanDirty {
		t.Errorf("clean is %d, want 0", now.Clean)
	}
}

func TestOverlapsAreRefused(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(s *ondisk.Super)
	}{
		{"summary area on the inodes of group 1", func(s *ondisk.Super) { s.CSAddr = s.CgInodes(1) }},
		{"summary area across the end of group 1", func(s *ondisk.Super) { s.CSAddr = s.CgBase(2) - 1; s.CSSize = 2 * s.FSize }},
		{"superblock in the data", func(s *ondisk.Super) { s.Location = s.FragOffset(s.CgData(0)) }},
	} {
		s, dev := byName(t, "frag8").make(t)
		c.change(s)
		cache, err := bcache.New(dev, bcache.Options{BlockSize: int(s.BSize)})
		if err != nil {
			t.Fatal(err)
		}
		var bad *ondisk.CorruptError
		if _, err := alloc.New(s, cache, alloc.Options{}); !errors.As(err, &bad) {
			t.Errorf("%s: %v, want a CorruptError", c.what, err)
		}
	}
}
