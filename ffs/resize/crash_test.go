package resize_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"

	"rump/ffs/fsck"
	"rump/ffs/mkfs"
	"rump/ffs/ondisk"
	"rump/ffs/resize"
	"rump/rumpfs/blockdev"
	"rump/tests/golden"
)

// A change is a volume and the size it gets.
type change struct {
	name string
	dev  *blockdev.Memory
	size int64
	tree []golden.Entry
}

// changes are resizes of every kind: with blocks, with inodes, with the log, in the way of the summary area.
func changes(tb testing.TB) []change {
	tb.Helper()
	var list []change
	for _, c := range []struct {
		image string
		part  float64 // of its size
	}{
		{"tree-ufs2-le-4096-512", 0.3}, {"tree-ufs1-be-8192-1024", 0.6}, {"tree-ufs0-le-4096-512", 0.3}, {"appleufs-be", 0.4},
		{"quota2-ufs2", 0.4}, {"wapbl-clean-infile", 0.2}, {"short-last-cg", 2.5}, {"tree-ufs0-be-8192-1024", 1.7},
	} {
		dev := golden.Load(tb, c.image)
		size := int64(float64(dev.Size())*c.part) &^ 511
		if c.part > 1 {
			dev = larger(tb, dev, size)
		}
		list = append(list, change{fmt.Sprintf("%s to %.1f", c.image, c.part), dev, size, golden.LoadManifest(tb, c.image).Entries})
	}
	return append(list, summaryInTheWay(tb))
}

// summaryInTheWay is a volume of fewer groups than a fragment holds the summaries of, with a file right behind them, that is to grow.
func summaryInTheWay(tb testing.TB) change {
	tb.Helper()
	dev := blockdev.NewMemory(400 << 20)
	o := mkfs.Options{Version: 2, BlockSize: 4096, FragSize: 512, Size: 250 << 20, Now: now}
	if _, err := mkfs.Newfs(ctx, dev, o); err != nil {
		tb.Fatal(err)
	}
	fill(tb, dev, 300)
	tree, _ := tree(tb, dev)
	return change{"summary in the way", dev, dev.Size(), tree}
}

// TestKilled stops a resize after some 35 of its writes, evenly spread. What is left must be repaired by the checker without loss of anything but
// the new size, or be finished by another resize.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("replays a resize many times")
	}
	for _, c := range changes(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rec := blockdev.NewRecorder(c.dev.Snapshot())
			if _, err := resize.Resize(ctx, rec, options(c.size)); err != nil {
				t.Fatal(err)
			}
			step := max(1, rec.Len()/35)
			if testing.Short() {
				step = max(1, rec.Len()/12)
			}
			var met outcomes
			onto := c.dev.Snapshot()
			for n, err := range rec.Prefixes(onto) {
				if err != nil {
					t.Fatal(err)
				}
				if n%step == 0 || n == rec.Len() {
					met.recover(t, fmt.Sprintf("after write %d of %d", n, rec.Len()), onto.Snapshot(), c)
				}
			}
			t.Logf("%d events: %v", rec.Len(), met)
		})
	}
}

// TestPowerCut lets each write since the last flush reach the disk, or not, or in part, by chance.
func TestPowerCut(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 2
	}
	for _, c := range changes(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rec := blockdev.NewRecorder(c.dev.Snapshot())
			if _, err := resize.Resize(ctx, rec, options(c.size)); err != nil {
				t.Fatal(err)
			}
			events, epochs := rec.Events(), rec.Epochs()
			var met outcomes
			for round := range rounds {
				rng := rand.New(rand.NewPCG(uint64(round), 3))
				onto := c.dev.Snapshot()
				open := epochs[rng.IntN(len(epochs))]
				for i, e := range events[:open.Hi] {
					if i < open.Lo {
						if err := e.Apply(onto); err != nil {
							t.Fatal(err)
						}
						continue
					}
					for _, part := range e.Tear(512) {
						if rng.IntN(2) == 0 {
							if err := part.Apply(onto); err != nil {
								t.Fatal(err)
							}
						}
					}
				}
				met.recover(t, fmt.Sprintf("round %d, in events %d to %d", round, open.Lo, open.Hi), onto, c)
			}
			t.Logf("%v", met)
		})
	}
}

// outcomes counts what was met.
type outcomes struct{ clean, repaired, resumed, lost int }

// recover does what a user would after a crash, and then wants a sound volume with the whole tree.
func (o *outcomes) recover(t *testing.T, when string, dev *blockdev.Memory, c change) {
	t.Helper()
	s, _, err := ondisk.FindSuper(dev, dev.Size())
	var found *ondisk.SuperError
	switch {
	case errors.As(err, &found) && found.Reason == ondisk.Resizing:
		o.resume(t, when, dev, c)
	case err != nil:
		o.lost++ // between the sectors of a superblock
		repair(t, when, dev, c)
	case s.Clean != ondisk.CleanIs:
		o.repaired++
		if _, err := resize.Resize(ctx, dev, options(0)); !errors.Is(err, resize.ErrRefused) || !strings.Contains(err.Error(), "run fsck") {
			t.Errorf("%s: a resize of what is not clean: %v", when, err)
		}
		repair(t, when, dev, c)
	default:
		o.clean++
	}
	wholeTree(t, when, dev, c)
}

// resume finishes a resize that was stopped while inodes moved. A checker must keep its hands off, or come to the same end.
func (o *outcomes) resume(t *testing.T, when string, dev *blockdev.Memory, c change) {
	t.Helper()
	hands := blockdev.NewRecorder(dev.Snapshot())
	_, err := fsck.Repair(ctx, hands, fsck.Options{Mode: fsck.Yes, Force: true})
	switch {
	case err == nil:
		wholeTree(t, when+", then the checker", hands, c)
	case hands.Len() != 0 || !strings.Contains(err.Error(), "resize_ffs was interrupted"):
		t.Fatalf("%s: the checker wrote %d times: %v", when, hands.Len(), err)
	}
	r, rerr := resize.Resize(ctx, dev, options(0))
	switch {
	case rerr == nil && r.Resumed:
		o.resumed++
		if got := super(t, dev); got.FragOffset(got.Size) > c.size {
			t.Errorf("%s: finished with %d bytes, want %d", when, got.FragOffset(got.Size), c.size)
		}
	case errors.Is(rerr, resize.ErrRefused) && strings.Contains(rerr.Error(), "run fsck") && err == nil:
		o.lost++
		repair(t, when, dev, c)
	default:
		t.Fatalf("%s: finishing: %v, %+v", when, rerr, r)
	}
}

// repair runs the checker, which must not find that anything of a user is lost.
func repair(t *testing.T, when string, dev blockdev.Device, c change) {
	t.Helper()
	r, err := fsck.Repair(ctx, dev, fsck.Options{Mode: fsck.Yes})
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	for _, p := range r.Problems {
		switch {
		case p.Phase == 0:
		case strings.Contains(p.Text, "BAD MAGIC NUMBER"): // a group of another size than the superblock says
		case p.Kind == fsck.LostFile && strings.HasPrefix(c.name, "wapbl"): // the log, which is nobody's file while it moves
		case p.Kind == fsck.Damage, p.Kind == fsck.LostFile, p.Kind == fsck.LowLink:
			t.Fatalf("%s: the checker found %v: %s", when, p.Kind, p.Text)
		}
	}
}

// wholeTree wants a sound volume, and the tree of c on it.
func wholeTree(t *testing.T, when string, dev blockdev.Device, c change) {
	t.Helper()
	if t.Failed() {
		return
	}
	defer func() {
		if t.Failed() {
			t.Fatalf("%s: the volume is not sound, or the tree has changed", when)
		}
	}()
	check(t, front(t, dev, super(t, dev)))
	all, _ := tree(t, dev)
	if k := slices.IndexFunc(all, func(e golden.Entry) bool { return e.Path == "/lost+found" }); k >= 0 {
		all = slices.DeleteFunc(all, func(e golden.Entry) bool { return strings.HasPrefix(e.Path, "/lost+found") })
		all[0] = c.tree[0] // the root directory
	}
	golden.Report(t, golden.Diff(all, c.tree, "ino", "atime"))
}

// TestFailingDisk gives some 40 writes of a resize an error: the error comes out, and the volume can be brought back.
func TestFailingDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("resizes many times")
	}
	c := changes(t)[0]
	rec := blockdev.NewRecorder(c.dev.Snapshot())
	if _, err := resize.Resize(ctx, rec, options(c.size)); err != nil {
		t.Fatal(err)
	}
	step := rec.Len()/40 + 1
	var met outcomes
	for n := 1; n <= rec.Len(); n += step {
		dev := c.dev.Snapshot()
		bad := blockdev.NewFaulty(dev, blockdev.Plan{Fail: blockdev.FailNth(blockdev.OpWrite, n, 1, syscall.EIO)})
		_, err := resize.Resize(ctx, bad, options(c.size))
		if bad.Count(blockdev.OpWrite) < n {
			break // fewer writes than events
		}
		if !errors.Is(err, syscall.EIO) {
			t.Fatalf("write %d fails: %v", n, err)
		}
		met.recover(t, fmt.Sprintf("write %d failed", n), dev, c)
	}
	for n := 1; n < 200; n += 17 {
		dev := c.dev.Snapshot()
		bad := blockdev.NewFaulty(dev, blockdev.Plan{Fail: blockdev.FailNth(blockdev.OpRead, n, 1, syscall.EIO)})
		if _, err := resize.Resize(ctx, bad, options(c.size)); err == nil {
			t.Errorf("read %d fails, and nobody says so", n)
		}
		met.recover(t, fmt.Sprintf("read %d failed", n), dev, c)
	}
	t.Logf("%v", met)
}
