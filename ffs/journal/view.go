package journal

import (
	"syscall"

	"rump/rumpfs/blockdev"
)

// view is a disk as it will be once the log is replayed.
type view struct {
	blockdev.Device
	log *Log
}

// View shows the disk d as Replay would leave it, and cannot be written. Close closes d. It has no host file: not all bytes are in their place there.
func (l *Log) View(d blockdev.Device) (blockdev.Device, error) {
	if err := l.checkDevice(d); err != nil {
		return nil, err
	}
	return view{d, l}, nil
}

// ReadAt implements blockdev.Device.
func (v view) ReadAt(p []byte, off int64) (int, error) {
	n, err := v.Device.ReadAt(p, off)
	if err != nil || len(p) == 0 {
		return n, err
	}
	err = v.log.pieces.overlapping(off, off+int64(len(p)), func(x piece) error {
		_, err := v.Device.ReadAt(p[x.lo-off:x.hi-off], x.at)
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// WriteAt implements blockdev.Device.
func (v view) WriteAt([]byte, int64) (int, error) { return 0, syscall.EROFS }

// ReadOnly implements blockdev.Device.
func (v view) ReadOnly() bool { return true }
