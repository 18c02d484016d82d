package blockdev_test

import (
	"bytes"
	"errors"
	"math"
	"sync"
	"syscall"
	"testing"

	"rump/rumpfs/blockdev"
)

func TestMemoryIsSparse(t *testing.T) {
	m := blockdev.NewMemory(1 << 40)
	zeros := make([]byte, 1<<20)
	one := []byte{511: 1}
	for off := int64(0); off < 1<<40; off += 1 << 34 {
		if _, err := m.WriteAt(zeros, off); err != nil {
			t.Fatal(err)
		}
	}
	if got := m.Resident(); got != 0 {
		t.Errorf("room for zeros: got %d, want 0", got)
	}
	if _, err := m.WriteAt(one, 1<<40-512); err != nil {
		t.Fatal(err)
	}
	if got := m.Resident(); got > 64<<10 {
		t.Errorf("room for a sector: got %d, want a page", got)
	}
	if err := m.Discard(0, 1<<40); err != nil { // must not walk a terabyte
		t.Fatal(err)
	}
	if got := m.Resident(); got != 0 {
		t.Errorf("room after a discard: got %d, want 0", got)
	}
}

// TestMemoryDiscards compares discards that begin and end anywhere on and around pages with a byte slice.
func TestMemoryDiscards(t *testing.T) {
	const n = 5 * 16 << 10
	full := bytes.Repeat([]byte{1}, n)
	edges := []int{0, 512, 16<<10 - 512, 16 << 10, 16<<10 + 512, 32 << 10, 48<<10 + 1024, n - 512, n}
	for _, lo := range edges {
		for _, hi := range edges {
			if hi < lo {
				continue
			}
			m := blockdev.NewMemoryFrom(full)
			if err := m.Discard(int64(lo), int64(hi-lo)); err != nil {
				t.Fatal(err)
			}
			want := bytes.Clone(full)
			clear(want[lo:hi])
			if !bytes.Equal(m.Bytes(), want) {
				t.Errorf("discard of [%d, %d): wrong bytes", lo, hi)
			}
		}
	}
	m := blockdev.NewMemory(math.MaxInt64)
	if err := m.Discard(m.Size()-512, 512); err != nil {
		t.Errorf("discard of the last sector there can be: %v", err)
	}
}

func TestMemorySizes(t *testing.T) {
	for in, want := range map[int64]int64{-5: 0, 0: 0, 511: 0, 512: 512, 1000: 512} {
		if got := blockdev.NewMemory(in).Size(); got != want {
			t.Errorf("NewMemory(%d): got size %d, want %d", in, got, want)
		}
	}
	for _, sector := range []int{0, -512, 256, 1000, 1 << 17} {
		if _, err := blockdev.NewMemorySectors(1<<20, sector); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("sectors of %d: got %v, want EINVAL", sector, err)
		}
	}
	b := bytes.Repeat([]byte{3}, 700)
	if got := blockdev.NewMemoryFrom(b).Bytes(); !bytes.Equal(got, append(b, make([]byte, 1024-700)...)) {
		t.Errorf("NewMemoryFrom: got %d bytes, want 700 of 3 and zeros up to 1024", len(got))
	}
}

// TestLargeSectorsAreWhole: a sector larger than an ordinary page is one writer's or another's too.
func TestLargeSectorsAreWhole(t *testing.T) {
	const sector = 65536
	m, err := blockdev.NewMemorySectors(2*sector, sector)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for v := range byte(2) {
		wg.Go(func() {
			p := bytes.Repeat([]byte{v + 1}, sector)
			for range 300 {
				if _, err := m.WriteAt(p, 0); err != nil {
					t.Error(err)
				}
				got := make([]byte, sector)
				if _, err := m.ReadAt(got, 0); err != nil || !bytes.Equal(got, bytes.Repeat(got[:1], sector)) {
					t.Errorf("a sector of two writers, %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// TestSnapshots: neither origin nor snapshot, nor a snapshot of either, sees what is written to another.
func TestSnapshots(t *testing.T) {
	const n = 40 << 10
	write := func(m *blockdev.Memory, v byte, off int64) {
		t.Helper()
		if _, err := m.WriteAt(bytes.Repeat([]byte{v}, 512), off); err != nil {
			t.Fatal(err)
		}
	}
	want := make([]byte, n)
	set := func(b []byte, v byte, off int) []byte {
		b = bytes.Clone(b)
		copy(b[off:], bytes.Repeat([]byte{v}, 512))
		return b
	}
	check := func(name string, m *blockdev.Memory, want []byte) {
		t.Helper()
		if !bytes.Equal(m.Bytes(), want) {
			t.Errorf("%s has the wrong bytes", name)
		}
	}
	origin := blockdev.NewMemory(n)
	write(origin, 1, 0)
	write(origin, 2, 20<<10)
	want = set(set(want, 1, 0), 2, 20<<10)
	a := origin.Snapshot()
	b := a.Snapshot()
	write(origin, 3, 512)
	write(a, 4, 512)
	write(b, 5, 36<<10)
	if err := a.Discard(20<<10, 512); err != nil {
		t.Fatal(err)
	}
	if err := b.Discard(0, 16<<10); err != nil {
		t.Fatal(err)
	}
	check("origin", origin, set(want, 3, 512))
	check("snapshot", a, set(set(want, 4, 512), 0, 20<<10))
	check("snapshot of the snapshot", b, set(set(want, 0, 0), 5, 36<<10))
}

// TestSnapshotIsAtomic: a snapshot among writers holds no half of a transfer.
func TestSnapshotIsAtomic(t *testing.T) {
	const n = 64 << 10
	m := blockdev.NewMemory(n)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		for v := byte(1); ; v++ {
			select {
			case <-stop:
				return
			default:
				if _, err := m.WriteAt(bytes.Repeat([]byte{v}, n), 0); err != nil {
					t.Error(err)
				}
			}
		}
	})
	for range 200 {
		b := m.Snapshot().Bytes()
		if !bytes.Equal(b, bytes.Repeat(b[:1], n)) {
			t.Error("a snapshot holds two writes")
			break
		}
	}
	close(stop)
	wg.Wait()
}
