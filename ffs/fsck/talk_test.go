package fsck_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"rump/ffs/fsck"
	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
	"rump/tests/golden"
)

// A person answers questions when they are put.
type person struct {
	bytes.Buffer // all that was printed
	answer       func(question string) string
	read         int // how much of it has been read
}

// Read answers what was printed since the last answer.
func (p *person) Read(b []byte) (int, error) {
	question := p.String()[p.read:]
	p.read = p.Len()
	return copy(b, p.answer(question)), nil
}

func (p *person) repair(dev blockdev.Device) (*fsck.Report, error) {
	return fsck.Repair(context.Background(), dev, fsck.Options{Name: "/rdk", Mode: fsck.Ask, Force: true, Zone: time.UTC, Out: &p.Buffer, In: p})
}

// With yes to everything the text is that of -y but for the answers, with no to everything nothing is written.
func TestAnswers(t *testing.T) {
	for _, name := range []string{"unclean-async-3", "unclean-default-ufs1"} {
		dev := golden.Load(t, name)
		p := &person{answer: func(string) string { return "yes please\n" }}
		r, err := p.repair(dev)
		if err != nil || r.Unresolved {
			t.Errorf("%s: %v, %v", name, r.Unresolved, err)
		}
		want := strings.ReplaceAll(golden.Text(t, name+".fsck-y.txt"), "? yes\n\n", "? [yn] \n")
		if got := p.String(); got != want {
			t.Errorf("%s: got:\n%s\nwant:\n%s", name, diffAt(got, want), want)
		}
		mustBeClean(t, dev)

		rec := blockdev.NewRecorder(golden.Load(t, name))
		p = &person{answer: func(string) string { return "no\n" }}
		if r, err := p.repair(rec); err != nil || !r.Unresolved || r.Modified || rec.Len() != 0 {
			t.Errorf("%s: unresolved %v, modified %v, %d writes, %v", name, r.Unresolved, r.Modified, rec.Len(), err)
		}
		want = strings.ReplaceAll(strings.ReplaceAll(golden.Text(t, name+".fsck-n.txt"), "? no\n\n", "? [yn] \n"), " (NO WRITE)", "")
		if got := p.String(); got != want {
			t.Errorf("%s: got:\n%s\nwant:\n%s", name, diffAt(got, want), want)
		}
	}
}

// Anything but y and n is asked again, and the end of input is no.
func TestOddAnswers(t *testing.T) {
	var out bytes.Buffer
	rec := blockdev.NewRecorder(golden.Load(t, "unclean-async-1"))
	o := fsck.Options{Name: "/rdk", Mode: fsck.Ask, Zone: time.UTC, Out: &out, In: strings.NewReader("\nmaybe\n y\nYes\n")}
	r, err := fsck.Repair(context.Background(), rec, o)
	if err != nil || !r.Unresolved || !r.Modified {
		t.Errorf("%v: unresolved %v, modified %v", err, r.Unresolved, r.Modified)
	}
	if want := "\nREMOVE? [yn] REMOVE? [yn] REMOVE? [yn] REMOVE? [yn] \n"; !strings.Contains(out.String(), want) {
		t.Errorf("got %s\nwant %q", out.String(), want)
	}
}

// A name from the disk does not reach the terminal as it is.
func TestControlCharacters(t *testing.T) {
	e := edit(t, "tree-ufs1-le-4096-512")
	e.entry(ondisk.RootIno, "sizes", func(u ondisk.DirBlock, x ondisk.Entry) {
		copy(x.Name, "\x1b[2J\x07")
		u.SetType(x.Off, ondisk.TypeFIFO)
	})
	out, _, err := repair(t, e.dev, fsck.Options{Mode: fsck.No, Force: true})
	if err != nil || !strings.Contains(out, `DIR=/\033[2J\007`) || strings.ContainsAny(out, "\x1b\x07") {
		t.Errorf("%v\n%q", err, out)
	}
}

// Quiet prints all of it or nothing.
func TestQuiet(t *testing.T) {
	for name, silent := range map[string]bool{"tree-ufs1-le-4096-512": true, "unclean-async-1": false} {
		out, _, err := repair(t, golden.Load(t, name), fsck.Options{Mode: fsck.Yes, Force: true, Quiet: true})
		if err != nil || (out == "") != silent || !silent && !strings.HasPrefix(out, "** /rdk\n** Last Mounted on /mnt\n** Phase 1") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// Users have names if the caller knows them.
func TestOwner(t *testing.T) {
	out, _, err := repair(t, golden.Load(t, "unclean-async-1"), fsck.Options{Owner: func(uid uint32) string {
		return map[uint32]string{0: "toor"}[uid]
	}})
	if err != nil || !strings.Contains(out, "UNALLOCATED  I=512  OWNER=toor MODE=0\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

// Sectors that cannot be read are told and stand as zeros; they are not written, and the volume is not marked clean.
func TestUnreadableSectors(t *testing.T) {
	e := edit(t, "tree-ufs2-le-8192-1024")
	at := e.s.FragOffset(e.s.InoToFrag(e.ino("/sizes/blk1frag1")))
	at += int64(e.s.InoInBlock(e.ino("/sizes/blk1frag1"))) &^ 511
	bad := func(d blockdev.Device) *blockdev.Faulty {
		return blockdev.NewFaulty(d, blockdev.Plan{Fail: blockdev.FailRange(blockdev.OpRead, at, at+512, syscall.EIO)})
	}
	for _, mode := range []fsck.Mode{fsck.No, fsck.Yes, fsck.Preen} {
		dev := e.dev.Snapshot()
		rec := blockdev.NewRecorder(bad(dev))
		out, r, err := repair(t, rec, fsck.Options{Mode: mode, Force: true})
		if mode == fsck.Preen {
			if !errors.Is(err, fsck.ErrManual) {
				t.Errorf("preen: %v", err)
			}
			continue
		}
		if err != nil || !r.Unresolved || !strings.Contains(out, "CANNOT READ: BLK ") || !strings.Contains(out, "THE FOLLOWING DISK SECTORS COULD NOT BE READ: ") {
			t.Errorf("mode %d: %v\n%s", mode, err, out)
		}
		for _, ev := range rec.Events() {
			if ev.Op == blockdev.OpWrite && ev.Off <= at && at < ev.Off+ev.Length {
				t.Errorf("mode %d: the sector at %d was written", mode, at)
			}
		}
		if s := superOf(t, dev); mode == fsck.Yes && s.Clean&ondisk.CleanIs != 0 {
			t.Error("marked clean")
		}
	}
}

// A disk of which nothing can be read any more is given up soon.
func TestDyingDisk(t *testing.T) {
	dev := golden.Load(t, "tree-ufs2-le-8192-1024")
	faulty := blockdev.NewFaulty(dev, blockdev.Plan{Fail: blockdev.FailRange(blockdev.OpRead, 200<<10, dev.Size(), syscall.EIO)})
	if _, _, err := repair(t, faulty, fsck.Options{Mode: fsck.Yes, Force: true}); !errors.Is(err, syscall.EIO) {
		t.Errorf("got %v, want EIO", err)
	}
}

// A write that fails leaves the volume marked not clean, and the next run brings it in order.
func TestWriteErrors(t *testing.T) {
	img := golden.Load(t, "unclean-async-3")
	rec := blockdev.NewRecorder(img.Snapshot())
	if _, _, err := repair(t, rec, fsck.Options{Mode: fsck.Yes}); err != nil {
		t.Fatal(err)
	}
	for n := 1; n < rec.Len(); n += 3 {
		dev := img.Snapshot()
		faulty := blockdev.NewFaulty(dev, blockdev.Plan{Fail: blockdev.FailNth(blockdev.OpWrite, n, 2, syscall.EIO)})
		out, r, err := repair(t, faulty, fsck.Options{Mode: fsck.Yes})
		if faulty.Count(blockdev.OpWrite) < n {
			break
		}
		if err == nil && !r.Unresolved || !strings.Contains(out, "CANNOT WRITE: BLK ") {
			t.Fatalf("write %d fails: %v\n%s", n, err, tail(out))
		}
		if superOf(t, dev).Clean&ondisk.CleanIs != 0 {
			t.Errorf("write %d fails: marked clean", n)
		}
		if _, r, err := repair(t, dev, fsck.Options{Mode: fsck.Yes}); err != nil || r.Unresolved {
			t.Fatalf("after write %d failed: %v", n, err)
		}
		mustBeClean(t, dev)
	}
}

// A device that cannot be written is checked only; preen refuses.
func TestReadOnlyDevice(t *testing.T) {
	dev := blockdev.NewReadOnly(golden.Load(t, "unclean-async-1"))
	out, r, err := repair(t, dev, fsck.Options{Mode: fsck.Yes})
	if err != nil || !r.Unresolved || out != golden.Text(t, "unclean-async-1.fsck-n.txt") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, _, err := repair(t, dev, fsck.Options{Mode: fsck.Preen}); !errors.Is(err, fsck.ErrManual) || out != "NO WRITE ACCESS\n" {
		t.Errorf("preen: %v %q", err, out)
	}
}

// A cancelled run ends between two writes, and has not marked the volume clean.
func TestCancel(t *testing.T) {
	dev := golden.Load(t, "unclean-async-3")
	ctx, cancel := context.WithCancel(context.Background())
	p := &person{}
	n := 0
	p.answer = func(string) string {
		if n++; n == 10 {
			cancel()
		}
		return "y\n"
	}
	r, err := fsck.Repair(ctx, dev, fsck.Options{Mode: fsck.Ask, Out: &p.Buffer, In: p})
	if !errors.Is(err, context.Canceled) || !r.Modified || superOf(t, dev).Clean&ondisk.CleanIs != 0 {
		t.Errorf("%v, modified %v", err, r.Modified)
	}
	if _, _, err := repair(t, dev, fsck.Options{Mode: fsck.Yes}); err != nil {
		t.Fatal(err)
	}
	mustBeClean(t, dev)
}

// Preen leaves nothing of a volume with soft updates in lost+found: what has no name there was removed.
func TestPreenSoftUpdates(t *testing.T) {
	dev := golden.Load(t, "unclean-default-ufs1")
	s := superOf(t, dev)
	s.Flags |= ondisk.FlagSoftUpdate
	area := make([]byte, ondisk.SuperArea)
	s.Encode(area)
	if _, err := dev.WriteAt(area, s.Location); err != nil {
		t.Fatal(err)
	}
	out, _, err := repair(t, dev, fsck.Options{Mode: fsck.Preen})
	if err != nil || strings.Contains(out, "RECONNECTED") || !strings.Contains(out, "(CLEARED)") {
		t.Errorf("%v\n%s", err, out)
	}
	mustBeClean(t, dev)
}

// Large sectors are read and written whole.
func TestLargeSectors(t *testing.T) {
	img := golden.Load(t, "tree-ufs2-be-32768-4096")
	dev, err := blockdev.NewMemorySectors(img.Size(), 4096)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dev.WriteAt(img.Bytes(), 0); err != nil {
		t.Fatal(err)
	}
	e := &editor{t, dev, superOf(t, dev), golden.LoadManifest(t, "tree-ufs2-be-32768-4096").Entries}
	e.inode(e.ino("/sizes/blk1frag1"), func(d *ondisk.Inode) { d.Nlink = 5; d.Blocks = 1 })
	e.entry(e.ino("/sizes"), "..", func(u ondisk.DirBlock, x ondisk.Entry) { u.SetIno(x.Off, 0) })
	e.repair([]string{"MISSING '..'", "LINK COUNT", "INCORRECT BLOCK COUNT"})
	e.same("ctime")

	small := golden.Load(t, "tree-ufs2-le-4096-512")
	if dev, err = blockdev.NewMemorySectors(small.Size(), 4096); err != nil {
		t.Fatal(err)
	}
	if _, err := dev.WriteAt(small.Bytes(), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := fsck.Check(context.Background(), dev, fsck.Options{}); err == nil || !strings.Contains(err.Error(), "fragments of 512 bytes on a disk with sectors of 4096") {
		t.Errorf("fragments smaller than sectors: %v", err)
	}
}
