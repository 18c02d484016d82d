// Package blockdev is the contract of a disk, and the disks that need nothing but the host: file, memory, section,
// recorder, faulty.
//
// Disks stack: encryption, partition, recorder and fault are each a Device made from a Device.
package blockdev

import (
	"io"
	"syscall"
)

// DefaultSectorSize is the sector size of disks that do not say otherwise, in bytes.
const DefaultSectorSize = 512

// A Device is a fixed array of sectors. All methods may be called concurrently; two transfers that overlap in time and
// place leave either one's bytes, sector by sector.
type Device interface {
	// ReadAt reads whole sectors. Offset and length must be multiples of SectorSize and lie inside the device: EINVAL
	// otherwise, with no transfer. It never returns a short count without an error.
	io.ReaderAt

	// WriteAt writes whole sectors, under the same rules; EROFS on a device opened read-only.
	io.WriterAt

	// Size is the length in bytes, a multiple of SectorSize.
	Size() int64

	// SectorSize is a power of two from 512 to 65536, in bytes.
	SectorSize() int

	// ReadOnly reports that WriteAt would fail with EROFS.
	ReadOnly() bool

	// Flush returns once every write that finished before the call is durable.
	Flush() error

	// Close releases the device and what it stands on. It does not imply Flush.
	Close() error
}

// A HostFile is a Device whose bytes lie as they are in a file of the host, so that the host can move them without a
// copy through this process. Looked up once, when a file system is mounted.
type HostFile interface {
	// HostFile returns the descriptor and the byte offset in it of the device's first sector. ok is false when a device
	// below has no descriptor. The descriptor belongs to the device and is valid until Close.
	HostFile() (fd uintptr, offset int64, ok bool)
}

// A Discarder can forget the content of sectors, which then read as zeros (a hole in the host's file).
type Discarder interface {
	Discard(off, length int64) error
}

// Check reports whether a transfer of length bytes at off is one that d accepts: nil, or EINVAL.
func Check(d Device, off, length int64) error {
	mask := int64(d.SectorSize()) - 1
	if off < 0 || length < 0 || off&mask != 0 || length&mask != 0 || off > d.Size() || length > d.Size()-off {
		return syscall.EINVAL
	}
	return nil
}
