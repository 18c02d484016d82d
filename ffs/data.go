package ffs

import (
	"io"

	"rump/rumpfs/vfs"
)

// bounceSize is the length of the buffers through which transfers go that do not begin and end at a sector, bytes.
const bounceSize = 128 << 10

// getBounce borrows a buffer; give it back with putBounce. Its content is anything.
func (fs *FS) getBounce() *[]byte  { return fs.bounce.Get().(*[]byte) }
func (fs *FS) putBounce(b *[]byte) { fs.bounce.Put(b) }

// sectors widens a range of the disk to whole sectors.
func (fs *FS) sectors(at, end int64) (lo, hi int64) {
	mask := fs.sector - 1
	return at &^ mask, (end + mask) &^ mask
}

// readData reads len(p) bytes of the disk at any place. The spare bytes behind p may be overwritten.
func (fs *FS) readData(p []byte, spare int, at int64) error {
	for len(p) > 0 {
		lo, hi := fs.sectors(at, at+int64(len(p)))
		if lo == at && hi-lo <= int64(len(p)+spare) {
			return fs.readSectors(p[:hi-lo:hi-lo], at)
		}
		n, err := fs.readEdge(p, at, lo, hi)
		if err != nil {
			return err
		}
		p, at = p[n:], at+int64(n)
	}
	return nil
}

// readEdge reads a part of p by way of a bounce buffer: all of a small one; else the part that ends at, or begins with, the next sector.
func (fs *FS) readEdge(p []byte, at, lo, hi int64) (int, error) {
	n := len(p)
	if hi-lo > bounceSize {
		if lo != at {
			n, hi = int(lo+fs.sector-at), lo+fs.sector
		} else {
			n = int(hi - fs.sector - at)
			return n, fs.readSectors(p[:n], at)
		}
	}
	b := fs.getBounce()
	defer fs.putBounce(b)
	if err := fs.readSectors((*b)[:hi-lo], lo); err != nil {
		return 0, err
	}
	copy(p[:n], (*b)[at-lo:])
	return n, nil
}

// readSectors reads whole sectors, past the cache.
func (fs *FS) readSectors(p []byte, at int64) error {
	n, err := fs.dev.ReadAt(p, at)
	if n < len(p) {
		if err == nil || err == io.EOF {
			err = &vfs.CorruptError{What: "disk: short read", Where: at}
		}
		return err
	}
	return nil
}

// writeSectors writes whole sectors, past the cache.
func (fs *FS) writeSectors(p []byte, at int64) error {
	_, err := fs.dev.WriteAt(p, at)
	return err
}

// overwrite writes p over the bytes of the disk at at. What the sectors at its edges hold besides is kept, but from valid on, where the
// content of the file ends, it becomes zeros.
func (fs *FS) overwrite(p []byte, at, valid int64) error {
	lo, hi := fs.sectors(at, at+int64(len(p)))
	if hi-lo <= bounceSize && (lo != at || hi != at+int64(len(p))) {
		return fs.overwriteEdge(p, at, valid)
	}
	if lo != at {
		n := int(lo + fs.sector - at)
		if err := fs.overwriteEdge(p[:n], at, valid); err != nil {
			return err
		}
		p, at = p[n:], at+int64(n)
	}
	if n := len(p) &^ int(fs.sector-1); n > 0 {
		if err := fs.writeSectors(p[:n], at); err != nil {
			return err
		}
		p, at = p[n:], at+int64(n)
	}
	if len(p) > 0 {
		return fs.overwriteEdge(p, at, valid)
	}
	return nil
}

// overwriteEdge is overwrite by way of a bounce buffer.
func (fs *FS) overwriteEdge(p []byte, at, valid int64) error {
	end := at + int64(len(p))
	lo, hi := fs.sectors(at, end)
	last := hi - fs.sector
	bp := fs.getBounce()
	defer fs.putBounce(bp)
	b := (*bp)[:hi-lo]
	if keep := lo < at && lo < valid || last == lo && end < valid; keep {
		if err := fs.readSectors(b[:fs.sector], lo); err != nil {
			return err
		}
	}
	if end < hi && end < valid && last > lo {
		if err := fs.readSectors(b[last-lo:], last); err != nil {
			return err
		}
	}
	clear(b[min(max(0, valid-lo), hi-lo):])
	copy(b[at-lo:], p)
	return fs.writeSectors(b, lo)
}

// zeros is what is written where there is to be nothing.
var zeros [64 << 10]byte

// zero makes the bytes of the disk from at to end zeros; valid is as in overwrite.
func (fs *FS) zero(at, end, valid int64) error {
	for at < end {
		n := min(end-at, int64(len(zeros)))
		if err := fs.overwrite(zeros[:n], at, valid); err != nil {
			return err
		}
		at += n
	}
	return nil
}

// fill writes a fresh run of size bytes at at, whole sectors: p at byte off, zeros around it.
func (fs *FS) fill(at, size, off int64, p []byte) error {
	end := off + int64(len(p))
	if off == 0 && end == size {
		return fs.writeSectors(p, at)
	}
	if size <= bounceSize {
		bp := fs.getBounce()
		defer fs.putBounce(bp)
		b := (*bp)[:size]
		clear(b[:off])
		copy(b[off:], p)
		clear(b[end:])
		return fs.writeSectors(b, at)
	}
	// The edges with their zeros, and what lies between.
	lo, hi := (off+fs.sector-1)&^(fs.sector-1), end&^(fs.sector-1)
	if err := fs.zero(at, at+lo, at); err != nil {
		return err
	}
	if err := fs.zero(at+hi, at+size, at+hi); err != nil {
		return err
	}
	return fs.overwrite(p, at+off, at+end)
}
