package blockdev

import (
	"fmt"
	"syscall"
)

// section is a window of another device.
type section struct {
	geometry
	below Device
	start int64 // of the window in below, in bytes
}

var (
	_ Device    = (*section)(nil)
	_ HostFile  = (*section)(nil)
	_ Discarder = (*section)(nil)
)

// NewSection returns the part of d that starts at byte off and is size bytes long; both are whole sectors inside d,
// EINVAL otherwise. The host file and discarding pass through; Discard is EOPNOTSUPP if d cannot. Close closes d.
func NewSection(d Device, off, size int64) (Device, error) {
	if Check(d, off, size) != nil {
		return nil, fmt.Errorf("section of %d bytes at %d: not whole sectors inside a device of %d bytes: %w", size, off, d.Size(), syscall.EINVAL)
	}
	if s, ok := d.(*section); ok {
		d, off = s.below, s.start+off // one step less for each transfer
	}
	return &section{geometry{size, d.SectorSize()}, d, off}, nil
}

// ReadAt implements Device.
func (s *section) ReadAt(p []byte, off int64) (int, error) {
	if err := s.check(off, len(p)); err != nil {
		return 0, err
	}
	return s.below.ReadAt(p, s.start+off)
}

// WriteAt implements Device.
func (s *section) WriteAt(p []byte, off int64) (int, error) {
	if err := s.check(off, len(p)); err != nil {
		return 0, err
	}
	return s.below.WriteAt(p, s.start+off)
}

// Discard implements Discarder.
func (s *section) Discard(off, length int64) error {
	if err := s.check64(off, length); err != nil {
		return err
	}
	return discard(s.below, s.start+off, length)
}

// HostFile implements HostFile.
func (s *section) HostFile() (fd uintptr, offset int64, ok bool) {
	fd, offset, ok = hostFile(s.below)
	return fd, offset + s.start, ok
}

func (s *section) ReadOnly() bool { return s.below.ReadOnly() }
func (s *section) Flush() error   { return s.below.Flush() }
func (s *section) Close() error   { return s.below.Close() }
