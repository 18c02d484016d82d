package dev

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"syscall"

	"rump/rumpfs/blockdev"
	"rump/rumpfs/vfs"
)

// HostDiskMajor is the major number, for both kinds, of files of the host that are disks.
const HostDiskMajor = 197

// typeHostDisk is their kind of disk in a label.
const typeHostDisk = 21

// maxHostDisks is how many there can be: a label has a partition for each.
const maxHostDisks = 16

// HostDisks is the driver of files of the host that are disks. The minor number of a disk is that of its partition: its
// label has one partition, at that place, and nothing before it.
type HostDisks struct {
	mu    sync.RWMutex
	units []*hostDisk
	files []*hostFile
}

// A HostDisk says which part of a file of the host is a disk. Size 0 is all from Offset on.
type HostDisk struct {
	Path         string
	Offset, Size int64 // bytes; Offset is whole sectors
	ReadOnly     bool
	Create       bool // make the file if it is missing, mode 0644 less the umask
}

// A hostFile is an open file, of which several disks may be parts.
type hostFile struct {
	dev   blockdev.Device
	info  os.FileInfo
	share *sync.Mutex
}

// A hostDisk is a part of a file.
type hostDisk struct {
	dev   blockdev.Device
	share *sync.Mutex // one for each file, not for each disk
}

// Add makes a disk and returns its minor number. A regular file that is too short is extended by a hole. EBUSY after 16
// disks; EINVAL for a part that lies outside of a block device, or is not whole sectors.
func (h *HostDisks) Add(d HostDisk) (minor uint32, size int64, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.units) == maxHostDisks {
		return 0, 0, syscall.EBUSY
	}
	f, err := h.openLocked(d)
	if err != nil {
		return 0, 0, err
	}
	if d.Size == 0 {
		d.Size = f.dev.Size() - d.Offset
	}
	d.Size &^= int64(f.dev.SectorSize()) - 1
	part, err := blockdev.NewSection(f.dev, d.Offset, d.Size)
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w", d.Path, err)
	}
	if d.Size == 0 {
		return 0, 0, fmt.Errorf("%s: no sectors: %w", d.Path, syscall.EINVAL)
	}
	h.units = append(h.units, &hostDisk{part, f.share})
	return uint32(len(h.units) - 1), part.Size(), nil
}

// openLocked opens the file. If it is open already, the lock is ours; mu is held exclusively.
func (h *HostDisks) openLocked(d HostDisk) (*hostFile, error) {
	if d.Offset < 0 || d.Size < 0 || d.Offset > math.MaxInt64-d.Size {
		return nil, fmt.Errorf("%s: %d bytes from byte %d: %w", d.Path, d.Size, d.Offset, syscall.EINVAL)
	}
	o := blockdev.FileOptions{ReadOnly: d.ReadOnly, Create: d.Create, MinSize: d.Offset + d.Size}
	share := new(sync.Mutex)
	if same := h.sameLocked(d.Path); same != nil {
		share = same.share
		if same.dev.ReadOnly() && !d.ReadOnly {
			return nil, fmt.Errorf("%s: is another disk already, a read-only one: %w", d.Path, syscall.EBUSY)
		}
		o.NoLock = true
	}
	b, err := blockdev.OpenFile(d.Path, o)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(d.Path)
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	f := &hostFile{b, info, share}
	h.files = append(h.files, f)
	return f, nil
}

// sameLocked finds a file that is open under any name.
func (h *HostDisks) sameLocked(path string) *hostFile {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	for _, f := range h.files {
		if os.SameFile(f.info, info) {
			return f
		}
	}
	return nil
}

// Open opens a disk.
func (h *HostDisks) Open(_ context.Context, minor uint32, o OpenOptions) (Device, error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if int64(minor) >= int64(len(h.units)) {
		return nil, syscall.ENXIO
	}
	u := h.units[minor]
	if o.Write && u.dev.ReadOnly() {
		return nil, syscall.EROFS
	}
	l := Label{Type: typeHostDisk, TypeName: "rumpd", PackName: "fictitious", This: int(minor), Fictitious: true, Partitions: make([]Partition, minor+1)}
	l.Partitions[minor].Size = uint64(u.dev.Size()) / uint64(u.dev.SectorSize())
	return NewDisk(u.dev, o.Kind == vfs.KindChar, l, u.share), nil
}

// Close closes the files. Nothing is open any more.
func (h *HostDisks) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for _, f := range h.files {
		errs = append(errs, f.dev.Flush(), f.dev.Close())
	}
	h.files, h.units = nil, nil
	return errors.Join(errs...)
}
