// Package blockdevtest is the suite that every disk passes.
package blockdevtest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
	"testing"

	"rump/rumpfs/blockdev"
)

// MinSize is the size that a disk under test needs at least, in bytes; the suite works on its first megabyte and on
// its last sectors, whatever they hold.
const MinSize = 1 << 20

// Run tests the disks that open returns, each a fresh one, which the suite closes. A read-only disk is tested as one.
func Run(t *testing.T, open func(t testing.TB) blockdev.Device) {
	tests := []struct {
		name   string
		writes bool
		run    func(t *testing.T, d blockdev.Device)
	}{
		{"Geometry", false, testGeometry},
		{"Bounds", false, testBounds},
		{"Stable", false, testStable},
		{"RoundTrip", true, testRoundTrip},
		{"Ends", true, testEnds},
		{"Callers", true, testCallers},
		{"Model", true, testModel},
		{"Concurrent", true, testConcurrent},
		{"Discard", true, testDiscard},
		{"HostFile", true, testHostFile},
		{"ReadOnly", false, testReadOnly},
		{"Flush", false, testFlush},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := open(t)
			defer func() {
				if err := d.Close(); err != nil {
					t.Errorf("Close: got %v, want nil", err)
				}
			}()
			if d.Size() < MinSize {
				t.Fatalf("the suite needs a disk of %d bytes, got %d", MinSize, d.Size())
			}
			if test.writes && d.ReadOnly() {
				t.Skip("the disk is read-only")
			}
			test.run(t, d)
		})
	}
}

// fill makes bytes that differ from place to place and from seed to seed.
func fill(n int, seed uint64) []byte {
	p := make([]byte, n)
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	rand.NewChaCha8(key).Read(p)
	return p
}

func mustWrite(t testing.TB, d blockdev.Device, p []byte, off int64) {
	t.Helper()
	if n, err := d.WriteAt(p, off); n != len(p) || err != nil {
		t.Fatalf("WriteAt(%d bytes, %d): got %d, %v, want all", len(p), off, n, err)
	}
}

func mustRead(t testing.TB, d blockdev.Device, n int, off int64) []byte {
	t.Helper()
	p := fill(n, 0xbad)
	if got, err := d.ReadAt(p, off); got != n || err != nil {
		t.Fatalf("ReadAt(%d bytes, %d): got %d, %v, want all", n, off, got, err)
	}
	return p
}

func equal(t testing.TB, what string, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%s: byte %d is %#02x, want %#02x", what, i, got[i], want[i])
		}
	}
}

func testGeometry(t *testing.T, d blockdev.Device) {
	s := d.SectorSize()
	if s < 512 || s > 65536 || s&(s-1) != 0 {
		t.Errorf("SectorSize: got %d, want a power of two from 512 to 65536", s)
	}
	if d.Size()%int64(s) != 0 {
		t.Errorf("Size: got %d, want a multiple of %d", d.Size(), s)
	}
}

func testBounds(t *testing.T, d blockdev.Device) {
	s, size := d.SectorSize(), d.Size()
	sl := int64(s)
	bad := []struct {
		n   int
		off int64
	}{
		{s, -sl}, {s, -1}, {s, 1}, {s, sl / 2}, {s - 1, 0}, {1, 0}, {s + 1, 0}, {s, size}, {2 * s, size - sl}, {s, size - sl + 1},
		{s, math.MaxInt64 - sl + 1}, {2 * s, math.MaxInt64 - sl + 1}, {0, -sl}, {0, size + sl}, {0, 1}, {s, math.MinInt64},
	}
	for _, b := range bad {
		p := fill(b.n, 1)
		if n, err := d.ReadAt(p, b.off); n != 0 || !errors.Is(err, syscall.EINVAL) {
			t.Errorf("ReadAt(%d bytes, %d): got %d, %v, want 0, EINVAL", b.n, b.off, n, err)
		}
		equal(t, "the buffer of a refused read", p, fill(b.n, 1))
		if d.ReadOnly() {
			continue
		}
		if n, err := d.WriteAt(p, b.off); n != 0 || !errors.Is(err, syscall.EINVAL) {
			t.Errorf("WriteAt(%d bytes, %d): got %d, %v, want 0, EINVAL", b.n, b.off, n, err)
		}
	}
	for _, off := range []int64{0, sl, size} {
		if n, err := d.ReadAt(nil, off); n != 0 || err != nil {
			t.Errorf("ReadAt(nothing, %d): got %d, %v, want 0, nil", off, n, err)
		}
	}
	mustRead(t, d, s, size-sl)
}

// testStable reads the same bytes twice, in different pieces.
func testStable(t *testing.T, d blockdev.Device) {
	s := d.SectorSize()
	whole := mustRead(t, d, MinSize, 0)
	for off := 0; off < MinSize; off += MinSize / 8 {
		equal(t, "second read", mustRead(t, d, s, int64(off)), whole[off:off+s])
	}
}

func testRoundTrip(t *testing.T, d blockdev.Device) {
	s := d.SectorSize()
	before := mustRead(t, d, MinSize, 0)
	for _, sectors := range []int{1, 2, 3, 7} {
		for _, at := range []int{0, 1, 5} {
			if (at+sectors)*s > MinSize {
				continue
			}
			p := fill(sectors*s, uint64(sectors*10+at))
			mustWrite(t, d, p, int64(at*s))
			copy(before[at*s:], p)
			equal(t, "what was written", mustRead(t, d, len(p), int64(at*s)), p)
		}
	}
	equal(t, "the whole after writes", mustRead(t, d, MinSize, 0), before)
	p := fill(MinSize, 99)
	mustWrite(t, d, p, 0)
	equal(t, "one large write", mustRead(t, d, MinSize, 0), p)
	mustWrite(t, d, make([]byte, MinSize), 0)
	equal(t, "zeros over data", mustRead(t, d, MinSize, 0), make([]byte, MinSize))
}

func testEnds(t *testing.T, d blockdev.Device) {
	s := d.SectorSize()
	n := min(4*s, MinSize)
	off := d.Size() - int64(n)
	p := fill(n, 4)
	mustWrite(t, d, p, off)
	equal(t, "last sectors", mustRead(t, d, n, off), p)
	if n, err := d.WriteAt(nil, d.Size()); n != 0 || err != nil {
		t.Errorf("WriteAt(nothing, end): got %d, %v, want 0, nil", n, err)
	}
}

// testCallers checks that the disk neither changes nor keeps the caller's buffer.
func testCallers(t *testing.T, d blockdev.Device) {
	n := 4 * d.SectorSize()
	p := fill(n, 5)
	mustWrite(t, d, p, 0)
	equal(t, "the caller's buffer after a write", p, fill(n, 5))
	clear(p)
	equal(t, "the disk after the caller reused its buffer", mustRead(t, d, n, 0), fill(n, 5))
	q := mustRead(t, d, n, 0)
	mustWrite(t, d, fill(n, 6), 0)
	equal(t, "a buffer that was read into, after a later write", q, fill(n, 5))
}

// testModel does random transfers on the disk and on a byte slice.
func testModel(t *testing.T, d blockdev.Device) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	model := mustRead(t, d, MinSize, 0)
	s := d.SectorSize()
	total := MinSize / s
	for range 300 {
		at := r.IntN(total)
		n := 1 + r.IntN(min(total-at, 32<<10/s+1))
		off := int64(at * s)
		if r.IntN(2) == 0 {
			p := fill(n*s, r.Uint64())
			mustWrite(t, d, p, off)
			copy(model[off:], p)
		} else {
			equal(t, fmt.Sprintf("read of %d at %d", n*s, off), mustRead(t, d, n*s, off), model[off:off+int64(n*s)])
		}
	}
	equal(t, "the whole at the end", mustRead(t, d, MinSize, 0), model)
}

// testConcurrent lets writers and readers fight for the same sectors: each sector must be one writer's, whole.
func testConcurrent(t *testing.T, d blockdev.Device) {
	s := d.SectorSize()
	const writers, sectors, rounds = 4, 8, 40
	mustWrite(t, d, make([]byte, sectors*s), 0)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 2))
			mine := bytes.Repeat([]byte{byte(w + 1)}, sectors*s)
			for range rounds {
				at := r.IntN(sectors)
				n := 1 + r.IntN(sectors-at)
				if _, err := d.WriteAt(mine[:n*s], int64(at*s)); err != nil {
					t.Errorf("WriteAt among others: %v", err)
				}
				// A place of one's own is seen as one left it.
				own := int64((sectors + w) * s)
				tag := bytes.Repeat([]byte{byte(r.Uint32())}, s)
				got := make([]byte, s)
				if _, err := d.WriteAt(tag, own); err != nil {
					t.Errorf("WriteAt among others: %v", err)
				}
				if _, err := d.ReadAt(got, own); err != nil || !bytes.Equal(got, tag) {
					t.Errorf("own sector: got %#x, %v, want %#x", got[0], err, tag[0])
				}
				if err := d.Flush(); err != nil {
					t.Errorf("Flush among others: %v", err)
				}
			}
		})
	}
	wg.Wait()
	p := mustRead(t, d, sectors*s, 0)
	for i := range sectors {
		sector := p[i*s : (i+1)*s]
		if !bytes.Equal(sector, bytes.Repeat(sector[:1], s)) || sector[0] > writers {
			t.Errorf("sector %d is a mixture of writers", i)
		}
	}
}

func testDiscard(t *testing.T, d blockdev.Device) {
	can, ok := d.(blockdev.Discarder)
	if !ok {
		t.Skip("the disk cannot discard")
	}
	s := int64(d.SectorSize())
	model := fill(MinSize, 7)
	mustWrite(t, d, model, 0)
	for _, r := range [][2]int64{{0, s}, {3 * s, 0}, {5 * s, s}, {MinSize / 2, MinSize / 4}, {MinSize/2 - s, 3 * s}} {
		err := can.Discard(r[0], r[1])
		if errors.Is(err, syscall.EOPNOTSUPP) {
			equal(t, "the whole after a discard that is not supported", mustRead(t, d, MinSize, 0), model)
			t.Skip("what lies below cannot discard")
		}
		if err != nil {
			t.Fatalf("Discard(%d, %d): %v", r[0], r[1], err)
		}
		clear(model[r[0] : r[0]+r[1]])
	}
	equal(t, "the whole after discards", mustRead(t, d, MinSize, 0), model)
	for _, r := range [][2]int64{{-s, s}, {1, s}, {0, s - 1}, {0, -s}, {d.Size(), s}, {0, d.Size() + s}, {s, math.MaxInt64 - s + 1}} {
		if err := can.Discard(r[0], r[1]); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("Discard(%d, %d): got %v, want EINVAL", r[0], r[1], err)
		}
	}
}

// testHostFile compares the disk with the host's file at the offset that the disk names.
func testHostFile(t *testing.T, d blockdev.Device) {
	h, is := d.(blockdev.HostFile)
	if !is {
		t.Skip("the disk has no host file")
	}
	fd, at, ok := h.HostFile()
	if !ok {
		t.Skip("what lies below has no host file")
	}
	// A descriptor of our own, since an os.File closes the one it is made of.
	own, err := syscall.Dup(int(fd))
	if err != nil {
		t.Fatalf("dup: %v", err)
	}
	f := os.NewFile(uintptr(own), "host file")
	defer f.Close()
	n := 4 * d.SectorSize()
	for i, off := range []int64{0, int64(d.SectorSize()), d.Size() - int64(n)} {
		p := fill(n, uint64(20+i))
		mustWrite(t, d, p, off)
		got := make([]byte, n)
		if _, err := f.ReadAt(got, at+off); err != nil {
			t.Fatalf("read of the host file at %d: %v", at+off, err)
		}
		equal(t, "the host file", got, p)
		if _, err := f.WriteAt(fill(n, uint64(30+i)), at+off); err != nil {
			t.Fatalf("write to the host file: %v", err)
		}
		equal(t, "the disk after a write to the host file", mustRead(t, d, n, off), fill(n, uint64(30+i)))
	}
}

func testReadOnly(t *testing.T, d blockdev.Device) {
	if !d.ReadOnly() {
		t.Skip("the disk is writable")
	}
	s := d.SectorSize()
	before := mustRead(t, d, s, 0)
	if n, err := d.WriteAt(fill(s, 8), 0); n != 0 || !errors.Is(err, syscall.EROFS) {
		t.Errorf("WriteAt: got %d, %v, want 0, EROFS", n, err)
	}
	if can, ok := d.(blockdev.Discarder); ok {
		if err := can.Discard(0, int64(s)); !errors.Is(err, syscall.EROFS) {
			t.Errorf("Discard: got %v, want EROFS", err)
		}
	}
	equal(t, "the disk after refused changes", mustRead(t, d, s, 0), before)
}

func testFlush(t *testing.T, d blockdev.Device) {
	for range 2 {
		if err := d.Flush(); err != nil {
			t.Errorf("Flush: got %v, want nil", err)
		}
	}
}
