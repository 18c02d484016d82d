package dev

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"syscall"
)

// A HostFile is a part of a file of the host as a file: the bytes of a key of type reg. All methods may be called
// concurrently.
type HostFile struct {
	f            *os.File
	offset, size int64
}

// OpenHostFile opens a file of the host; size 0 is all from offset on. A file that is too short is extended by a hole.
func OpenHostFile(d HostDisk) (*HostFile, error) {
	flags := os.O_RDWR
	if d.ReadOnly {
		flags = os.O_RDONLY
	} else if d.Create {
		flags |= os.O_CREATE
	}
	if d.Offset < 0 || d.Size < 0 || d.Offset > math.MaxInt64-d.Size {
		return nil, fmt.Errorf("%s: %d bytes from byte %d: %w", d.Path, d.Size, d.Offset, syscall.EINVAL)
	}
	f, err := os.OpenFile(d.Path, flags, 0o644)
	if err != nil {
		return nil, err
	}
	h := &HostFile{f, d.Offset, d.Size}
	if err := h.measure(d); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return h, nil
}

// measure finds out the size, and gives the file that size.
func (h *HostFile) measure(d HostDisk) error {
	info, err := h.f.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s: not a regular file: %w", d.Path, syscall.EINVAL)
	case h.size == 0:
		h.size = max(0, info.Size()-h.offset)
	case info.Size() < h.offset+h.size && d.ReadOnly:
		return fmt.Errorf("%s: has only %d bytes: %w", d.Path, info.Size(), syscall.EINVAL)
	case info.Size() < h.offset+h.size:
		return h.f.Truncate(h.offset + h.size)
	}
	return nil
}

// Size is the length of the part, bytes.
func (h *HostFile) Size() int64 { return h.size }

// ReadAt reads up to the part's end.
func (h *HostFile) ReadAt(p []byte, off int64) (int, error) {
	return io.NewSectionReader(h.f, h.offset, h.size).ReadAt(p, off)
}

// WriteAt writes inside of the part; EINVAL otherwise.
func (h *HostFile) WriteAt(p []byte, off int64) (int, error) {
	if off < 0 || off > h.size || int64(len(p)) > h.size-off {
		return 0, syscall.EINVAL
	}
	return h.f.WriteAt(p, h.offset+off)
}

// Sync returns once what was written is durable.
func (h *HostFile) Sync() error { return h.f.Sync() }

// Close closes the file.
func (h *HostFile) Close() error { return h.f.Close() }
