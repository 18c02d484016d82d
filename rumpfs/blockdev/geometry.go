package blockdev

import (
	"fmt"
	"syscall"
)

// geometry is the immutable shape of a disk; embedded, it answers the two questions about it.
type geometry struct {
	size   int64
	sector int
}

func (g geometry) Size() int64     { return g.size }
func (g geometry) SectorSize() int { return g.sector }

// check is Check without calls through an interface.
func (g geometry) check(off int64, length int) error {
	return g.check64(off, int64(length))
}

func (g geometry) check64(off, length int64) error {
	if (off|length)&int64(g.sector-1) != 0 || off < 0 || length < 0 || off > g.size || length > g.size-off {
		return syscall.EINVAL
	}
	return nil
}

// checkSectorSize says whether n may be a sector size.
func checkSectorSize(n int) error {
	if n < 512 || n > 65536 || n&(n-1) != 0 {
		return fmt.Errorf("sector size %d: %w", n, syscall.EINVAL)
	}
	return nil
}

// discard forgets sectors of d if d can.
func discard(d Device, off, length int64) error {
	if p, ok := d.(Discarder); ok {
		return p.Discard(off, length)
	}
	return syscall.EOPNOTSUPP
}

// hostFile asks d for its host file if it has one.
func hostFile(d Device) (fd uintptr, offset int64, ok bool) {
	if h, is := d.(HostFile); is {
		return h.HostFile()
	}
	return 0, 0, false
}
