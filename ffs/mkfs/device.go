package mkfs

import (
	"errors"
	"fmt"
	"syscall"

	"rump/rumpfs/blockdev"
)

// zeroChunk is how many zeros are written, or looked for, at once.
const zeroChunk = 256 << 10

// A target writes to a disk so that what it leaves as zeros takes no room where the disk has holes.
type target struct {
	dev     blockdev.Device
	discard bool   // the disk forgets sectors when asked to
	fill    bool   // write zeros all the same
	buf     []byte // zeroChunk bytes, for zero
}

func newTarget(dev blockdev.Device, fill bool) *target {
	_, ok := dev.(blockdev.Discarder)
	return &target{dev: dev, discard: ok && !fill, fill: fill, buf: make([]byte, zeroChunk)}
}

// write writes b at off, both in whole sectors.
func (t *target) write(off int64, b []byte) error {
	if _, err := t.dev.WriteAt(b, off); err != nil {
		return fmt.Errorf("write of %d bytes at %d: %w", len(b), off, err)
	}
	return nil
}

// zero makes n bytes at off read as zeros: by a hole, or else by writing where there is something else.
func (t *target) zero(off, n int64) error {
	if n <= 0 {
		return nil
	}
	if t.discard {
		err := t.dev.(blockdev.Discarder).Discard(off, n)
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EOPNOTSUPP) && !errors.Is(err, syscall.ENOSYS) {
			return fmt.Errorf("discard of %d bytes at %d: %w", n, off, err)
		}
		t.discard = false
	}
	for ; n > 0; off, n = off+zeroChunk, n-zeroChunk {
		b := t.buf[:min(n, zeroChunk)]
		if !t.fill {
			if _, err := t.dev.ReadAt(b, off); err == nil && isZero(b) {
				continue
			}
		}
		clear(b)
		if err := t.write(off, b); err != nil {
			return err
		}
	}
	return nil
}

// patch changes n bytes at off, which need not be whole sectors, by fn. fn says whether it has changed anything.
func (t *target) patch(off int64, n int, fn func(b []byte) bool) error {
	sector := int64(t.dev.SectorSize())
	lo, hi := off&^(sector-1), (off+int64(n)+sector-1)&^(sector-1)
	if hi > t.dev.Size() {
		return nil
	}
	b := make([]byte, hi-lo)
	if _, err := t.dev.ReadAt(b, lo); err != nil {
		return fmt.Errorf("read of %d bytes at %d: %w", len(b), lo, err)
	}
	if !fn(b[off-lo:][:n]) {
		return nil
	}
	return t.write(lo, b)
}
