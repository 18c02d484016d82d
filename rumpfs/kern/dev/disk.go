package dev

import (
	"context"
	"sync"
	"syscall"

	"rump/rumpfs/blockdev"
)

// A Disk is a Device that stands for sectors.
type Disk interface {
	Device

	// Block is the disk for a file system. It is valid until Close.
	Block() blockdev.Device

	// Label describes the disk as the driver sees it.
	Label() Label
}

// A Label is what a disk driver knows of a disk, as a disk label has it.
type Label struct {
	Type       uint16 // kind of disk (d_type)
	TypeName   string // at most 16 bytes
	PackName   string // likewise
	Partitions []Partition
	This       int  // the partition that was opened
	Fictitious bool // made up by the driver: nothing like it lies on the disk
}

// A Partition is an entry of a Label, in sectors of the disk.
type Partition struct {
	Offset, Size uint64
	FSType       uint8
	FSize        uint32
	Frag         uint8
	CPG          uint16
}

// NewDisk makes a Device of a disk. A block device is read and written in any pieces; a raw one in whole sectors only,
// EINVAL otherwise. share must be the same for all opens of the disk: it orders writes of parts of a sector. Close does
// not close d.
func NewDisk(d blockdev.Device, raw bool, l Label, share *sync.Mutex) Disk {
	return &disk{d, raw, l, share}
}

type disk struct {
	d     blockdev.Device
	raw   bool
	label Label
	share *sync.Mutex // held while a part of a sector is changed
}

func (d *disk) Block() blockdev.Device { return d.d }
func (d *disk) Label() Label           { return d.label }
func (d *disk) Close() error           { return nil }
func (d *disk) Sync() error            { return d.d.Flush() }

// edges are the whole sectors around a transfer: from lo up to hi.
func (d *disk) edges(off int64, n int) (lo, hi int64) {
	sector := int64(d.d.SectorSize())
	return off &^ (sector - 1), (off + int64(n) + sector - 1) &^ (sector - 1)
}

// clip cuts a transfer at the end of the disk. EINVAL for an offset that is negative, or in the middle of a sector of a raw disk.
func (d *disk) clip(p []byte, off int64) ([]byte, error) {
	if off < 0 {
		return nil, syscall.EINVAL
	}
	p = p[:min(int64(len(p)), max(0, d.d.Size()-off))]
	if lo, hi := d.edges(off, len(p)); d.raw && len(p) > 0 && (lo != off || hi != off+int64(len(p))) {
		return nil, syscall.EINVAL
	}
	return p, nil
}

// Read implements Device.
func (d *disk) Read(_ context.Context, p []byte, off int64) (int, error) {
	p, err := d.clip(p, off)
	if err != nil || len(p) == 0 {
		return 0, err
	}
	lo, hi := d.edges(off, len(p))
	if lo == off && hi == off+int64(len(p)) {
		return d.d.ReadAt(p, off)
	}
	b := make([]byte, hi-lo)
	if _, err := d.d.ReadAt(b, lo); err != nil {
		return 0, err
	}
	return copy(p, b[off-lo:]), nil
}

// Write implements Device; ENOSPC behind the end.
func (d *disk) Write(_ context.Context, p []byte, off int64) (int, error) {
	whole := len(p)
	p, err := d.clip(p, off)
	if err != nil {
		return 0, err
	}
	n, err := d.write(p, off)
	if err == nil && n < whole {
		err = syscall.ENOSPC
	}
	return n, err
}

func (d *disk) write(p []byte, off int64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	lo, hi := d.edges(off, len(p))
	if lo == off && hi == off+int64(len(p)) {
		return d.d.WriteAt(p, off)
	}
	d.share.Lock()
	defer d.share.Unlock()
	b := make([]byte, hi-lo)
	if _, err := d.d.ReadAt(b, lo); err != nil {
		return 0, err
	}
	copy(b[off-lo:], p)
	if _, err := d.d.WriteAt(b, lo); err != nil {
		return 0, err
	}
	return len(p), nil
}
