package mkfs

import (
	"fmt"
	"os"
	"syscall"

	"rump/rumpfs/blockdev"
)

// An Output is where an image goes. It is opened when the size is known.
type Output struct {
	open  func(size int64) (blockdev.Device, error)
	skip  func(dev, ino uint64) bool // the file itself, should it lie in the tree
	abort func()                     // the image did not become one
}

// OnDevice writes the image to a disk that is large enough; it is not closed.
func OnDevice(dev blockdev.Device) Output {
	return Output{open: func(size int64) (blockdev.Device, error) {
		if size > dev.Size() {
			return nil, fmt.Errorf("the image has %d bytes, the disk only %d: %w", size, dev.Size(), syscall.ENOSPC)
		}
		return stayOpen{dev}, nil
	}}
}

// stayOpen is a device that is not closed by who uses it.
type stayOpen struct{ blockdev.Device }

func (stayOpen) Close() error { return nil }

// HostFile and Discard pass through what the embedding hides.
func (d stayOpen) HostFile() (fd uintptr, offset int64, ok bool) {
	if h, is := d.Device.(blockdev.HostFile); is {
		return h.HostFile()
	}
	return 0, 0, false
}

// Discard implements blockdev.Discarder.
func (d stayOpen) Discard(off, length int64) error {
	if h, is := d.Device.(blockdev.Discarder); is {
		return h.Discard(off, length)
	}
	return syscall.EOPNOTSUPP
}

// ToFile writes the image to a file, in place of what it was, or from byte offset on into what it is; or to a block device. A
// file that did not become an image, and was none before, is removed.
func ToFile(path string, offset int64) Output {
	var isRegular bool
	out := Output{}
	if info, err := os.Stat(path); err == nil {
		st, ok := info.Sys().(*syscall.Stat_t)
		isRegular = info.Mode().IsRegular()
		if ok {
			out.skip = func(dev, ino uint64) bool { return dev == uint64(st.Dev) && ino == st.Ino }
		}
	} else {
		isRegular = true
	}
	opened := false
	out.open = func(size int64) (blockdev.Device, error) {
		d, err := blockdev.OpenFile(path, blockdev.FileOptions{Create: true, Truncate: isRegular && offset == 0, MinSize: offset + size})
		if err != nil {
			return nil, err
		}
		opened = true
		if d.Size() < offset+size {
			d.Close()
			return nil, fmt.Errorf("%s: the image has %d bytes, the device only %d: %w", path, offset+size, d.Size(), syscall.ENOSPC)
		}
		s, err := blockdev.NewSection(d, offset, size&^int64(d.SectorSize()-1))
		if err != nil {
			d.Close()
		}
		return s, err
	}
	out.abort = func() {
		if opened && isRegular && offset == 0 {
			os.Remove(path) // whatever comes of it, the error is the one that was
		}
	}
	return out
}
