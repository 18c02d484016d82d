package journal

import (
	"io"
	"syscall"

	"rump/rumpfs/blockdev"
)

// Reader reads the volume r as Replay would leave it.
func (l *Log) Reader(r io.ReaderAt) io.ReaderAt { return reader{r, l} }

type reader struct {
	below io.ReaderAt
	log   *Log
}

// ReadAt implements io.ReaderAt.
func (r reader) ReadAt(p []byte, off int64) (int, error) {
	n, err := r.below.ReadAt(p, off)
	if n == 0 {
		return n, err
	}
	perr := r.log.pieces.overlapping(off, off+int64(n), func(x piece) error {
		k, err := r.below.ReadAt(p[x.lo-off:x.hi-off], x.at)
		if k == int(x.hi-x.lo) {
			err = nil
		}
		return err
	})
	if perr != nil {
		return 0, perr
	}
	return n, err
}

// View shows the disk d as Replay would leave it, and cannot be written. Close closes d. It has no host file: not all bytes are in their place there.
func (l *Log) View(d blockdev.Device) (blockdev.Device, error) {
	if err := checkUnit(d, l.header.unit); err != nil {
		return nil, err
	}
	return view{d, reader{d, l}}, nil
}

type view struct {
	blockdev.Device
	r reader
}

// ReadAt implements blockdev.Device.
func (v view) ReadAt(p []byte, off int64) (int, error) { return v.r.ReadAt(p, off) }

// WriteAt implements blockdev.Device.
func (v view) WriteAt([]byte, int64) (int, error) { return 0, syscall.EROFS }

// ReadOnly implements blockdev.Device.
func (v view) ReadOnly() bool { return true }
