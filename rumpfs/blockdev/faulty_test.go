package blockdev_test

import (
	"bytes"
	"errors"
	"syscall"
	"testing"

	"rump/rumpfs/blockdev"
)

// TestCutEverywhere cuts the power at each write of a workload, and within it; the disk must be the workload's prefix.
func TestCutEverywhere(t *testing.T) {
	const writes, sectors = 6, 3
	for _, silent := range []bool{false, true} {
		for after := range writes + 1 {
			for torn := range sectors + 2 {
				m := blockdev.NewMemory(writes * sectors * 512)
				f := blockdev.NewFaulty(m, blockdev.Plan{Cut: &blockdev.Cut{After: after, Torn: torn, Silent: silent}})
				for i := range writes {
					_, err := f.WriteAt(sectorsOf(byte(i+1), sectors), int64(i*sectors*512))
					if cut := i >= after; !silent && errors.Is(err, syscall.EIO) != cut || silent && err != nil {
						t.Fatalf("write %d with a cut after %d, silent %t: got %v", i, after, silent, err)
					}
				}
				if got, want := f.IsCut(), after < writes; got != want {
					t.Errorf("cut after %d of %d: got %t, want %t", after, writes, got, want)
				}
				want := make([]byte, m.Size())
				for i := range writes * sectors {
					if i < after*sectors+min(torn, sectors) {
						copy(want[i*512:], sectorsOf(byte(i/sectors+1), 1))
					}
				}
				if !bytes.Equal(m.Bytes(), want) {
					t.Errorf("cut after %d writes and %d sectors, silent %t: the disk is not that prefix", after, torn, silent)
				}
				checkAfterCut(t, f, silent && after < writes, after < writes)
			}
		}
	}
}

// checkAfterCut: a machine that knows of the cut gets nothing done, and one that does not sees its own writes.
func checkAfterCut(t *testing.T, f *blockdev.Faulty, silent, cut bool) {
	t.Helper()
	p := make([]byte, f.Size())
	_, err := f.ReadAt(p, 0)
	flush := f.Flush()
	discard := f.Discard(512, 512)
	if cut && !silent {
		if !errors.Is(err, syscall.EIO) || !errors.Is(flush, syscall.EIO) || !errors.Is(discard, syscall.EIO) {
			t.Errorf("after a cut: got %v, %v, %v from read, flush, discard, want EIO", err, flush, discard)
		}
		return
	}
	if err != nil || flush != nil || discard != nil {
		t.Errorf("with power, or none the wiser: got %v, %v, %v from read, flush, discard, want nil", err, flush, discard)
	}
	for i := range len(p) / 512 {
		if want := byte(i/3 + 1); p[i*512] != want {
			t.Fatalf("sector %d: got %d, want what was written, %d", i, p[i*512], want)
		}
	}
	if _, err := f.ReadAt(p, 0); err != nil || p[512] != 0 || p[1024] != 1 {
		t.Errorf("after a discard of sector 1: got %d, %d, %v, want 0, 1, nil", p[512], p[1024], err)
	}
}

// TestSilentDiscardStaysOff: a discard after a silent cut does not reach the disk either.
func TestSilentDiscardStaysOff(t *testing.T) {
	m := blockdev.NewMemoryFrom(sectorsOf(7, 4))
	f := blockdev.NewFaulty(m, blockdev.Plan{Cut: &blockdev.Cut{Silent: true}})
	mustWriteAt(t, f, sectorsOf(1, 1), 0)
	if err := f.Discard(0, 1024); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(m.Bytes(), sectorsOf(7, 4)) {
		t.Error("the disk has changed after the cut")
	}
	p := make([]byte, 2048)
	if _, err := f.ReadAt(p, 0); err != nil || !bytes.Equal(p, append(make([]byte, 1024), sectorsOf(7, 2)...)) {
		t.Errorf("read: got %d, %d, %v, want 0, 7, nil", p[0], p[1024], err)
	}
	f.Set(blockdev.Plan{}) // the power is back, the memory gone
	if _, err := f.ReadAt(p, 0); err != nil || p[0] != 7 {
		t.Errorf("read after the power came back: got %d, %v, want 7, nil", p[0], err)
	}
}

func TestFailNth(t *testing.T) {
	f := blockdev.NewFaulty(blockdev.NewMemory(8192), blockdev.Plan{Fail: blockdev.FailNth(blockdev.OpWrite, 2, 2, syscall.ENOSPC)})
	for i := 1; i <= 5; i++ {
		if _, err := f.ReadAt(make([]byte, 512), 0); err != nil {
			t.Errorf("read %d: %v", i, err)
		}
		_, err := f.WriteAt(sectorsOf(byte(i), 1), 0)
		if bad := i == 2 || i == 3; errors.Is(err, syscall.ENOSPC) != bad || !bad && err != nil {
			t.Errorf("write %d: got %v, want ENOSPC: %t", i, err, bad)
		}
		if i == 3 {
			p := make([]byte, 512)
			if _, err := f.ReadAt(p, 0); err != nil || p[0] != 1 {
				t.Errorf("after failed writes: got %d, %v, want 1", p[0], err)
			}
		}
	}
	if got := f.Count(blockdev.OpWrite); got != 5 {
		t.Errorf("writes counted: got %d, want 5", got)
	}
	f.Set(blockdev.Plan{Fail: blockdev.FailNth(blockdev.OpFlush, 1, 1, syscall.EIO)})
	if err := f.Flush(); !errors.Is(err, syscall.EIO) {
		t.Errorf("first flush: got %v, want EIO", err)
	}
	if err := f.Flush(); err != nil {
		t.Errorf("second flush: got %v, want nil", err)
	}
	if got := f.Count(blockdev.OpWrite); got != 0 {
		t.Errorf("writes counted after Set: got %d, want 0", got)
	}
}

func TestFailRange(t *testing.T) {
	f := blockdev.NewFaulty(blockdev.NewMemory(8192), blockdev.Plan{Fail: blockdev.FailRange(blockdev.OpRead, 1024, 1536, syscall.EIO)})
	for _, test := range []struct {
		off int64
		n   int
		bad bool
	}{{0, 1024, false}, {0, 1536, true}, {1024, 512, true}, {1536, 512, false}, {512, 4096, true}} {
		if _, err := f.ReadAt(make([]byte, test.n), test.off); errors.Is(err, syscall.EIO) != test.bad {
			t.Errorf("read of %d at %d: got %v, want EIO: %t", test.n, test.off, err, test.bad)
		}
	}
	mustWriteAt(t, f, sectorsOf(1, 1), 1024) // only reads fail
}
