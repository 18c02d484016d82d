package diskfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/diskfs/go-diskfs/backend"
)

// A disk shows a reader to the library as a file that it may only read at places. Reads below are aligned, so that a
// disk of large sectors answers them.
type disk struct {
	r     io.ReaderAt
	size  int64
	pos   int64
	fixed []piece // read instead of what the disk holds
}

// A piece is bytes at a place.
type piece struct {
	at int64
	b  []byte
}

var _ backend.File = (*disk)(nil)

const align = 4096

// ReadAt reads at any place and length; io.EOF where the disk ends.
func (d *disk) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read at %d: %w", off, fs.ErrInvalid)
	}
	if off >= d.size {
		return 0, io.EOF
	}
	n := min(int64(len(b)), d.size-off)
	start := off - off%align
	buf := make([]byte, min(d.size, (off+n+align-1)/align*align)-start)
	got, err := d.r.ReadAt(buf, start)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	for _, p := range d.fixed {
		overlay(buf[:got], start, p)
	}
	done := copy(b, buf[min(off-start, int64(got)):got])
	if done < len(b) {
		return done, io.EOF
	}
	return done, nil
}

// overlay puts the part of p that lies in buf, which starts at start, there.
func overlay(buf []byte, start int64, p piece) {
	from, to := max(start, p.at), min(start+int64(len(buf)), p.at+int64(len(p.b)))
	if from < to {
		copy(buf[from-start:to-start], p.b[from-p.at:to-p.at])
	}
}

// Read reads on from the place of the last Seek or Read.
func (d *disk) Read(b []byte) (int, error) {
	n, err := d.ReadAt(b, d.pos)
	d.pos += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

// Seek moves the place of Read.
func (d *disk) Seek(off int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		off += d.pos
	case io.SeekEnd:
		off += d.size
	}
	if off < 0 {
		return 0, fmt.Errorf("seek to %d: %w", off, fs.ErrInvalid)
	}
	d.pos = off
	return off, nil
}

// Close does nothing: the reader is the caller's.
func (d *disk) Close() error { return nil }

// Stat describes a file of the disk's size.
func (d *disk) Stat() (fs.FileInfo, error) { return info{d.size}, nil }

type info struct{ size int64 }

func (i info) Name() string     { return "disk" }
func (i info) Size() int64      { return i.size }
func (info) Mode() fs.FileMode  { return 0o444 }
func (info) ModTime() time.Time { return time.Time{} }
func (info) IsDir() bool        { return false }
func (info) Sys() any           { return nil }
