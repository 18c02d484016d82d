package mkfs

import (
	"rump/ffs/mkfs/tree"
	"rump/ffs/ondisk"
)

// dirRun is how many bytes of a directory are handed on at once.
const dirRun = 64 << 10

// A dirWriter writes directories, one after the other.
type dirWriter struct {
	s      *ondisk.Super
	m      *groupMap
	walk   *dirWalk
	chunks *chunker

	dir  plannedDir
	size *dirSizer
	off  int64  // of buf in the directory
	buf  []byte // whole directory blocks
	last int    // offset of the last entry in the last directory block
}

// begin starts directory d.
func (w *dirWriter) begin(d tree.Dir) error {
	dir, err := w.walk.next()
	if err != nil {
		return err
	}
	w.dir, w.off, w.buf = dir, 0, nil
	w.size = newDirSizer(w.s)
	unit := w.s.DirBlockSize()
	w.grow(unit)
	w.s.DirBlockIn(w.buf).InitDots(inoOf(d.Index), inoOf(d.Parent))
	w.last = ondisk.DirSize(1)
	if dir.shape.ind > 0 {
		t := tracer{s: w.s, m: w.m, sh: &dir.shape, at: dir.place, out: w.chunks}
		return t.write()
	}
	return nil
}

// grow adds a directory block of zeros.
func (w *dirWriter) grow(unit int) {
	if w.buf == nil {
		w.buf = make([]byte, 0, min(w.dir.shape.size-w.off, dirRun))
	}
	w.buf = w.buf[:len(w.buf)+unit]
}

// add adds a name.
func (w *dirWriter) add(e *tree.Entry) error {
	unit := w.s.DirBlockSize()
	need := ondisk.DirSize(len(e.Name))
	block := w.s.DirBlockIn(w.buf[len(w.buf)-unit:])
	at := w.size.at
	if w.size.add(len(e.Name)) {
		if len(w.buf) == cap(w.buf) {
			if err := w.hand(); err != nil {
				return err
			}
		}
		w.grow(unit)
		block = w.s.DirBlockIn(w.buf[len(w.buf)-unit:])
		at = 0
	} else {
		block.SetLen(w.last, at-w.last) // it had all the rest
	}
	block.Put(at, need, inoOf(e.Index), ondisk.TypeOf(e.Mode), e.Name)
	block.SetLen(at, unit-at)
	w.last = at
	return nil
}

// end writes the rest of the directory.
func (w *dirWriter) end() error { return w.hand() }

// hand hands on what there is: whole blocks but for the last.
func (w *dirWriter) hand() error {
	b := w.buf
	bsize := int64(w.s.BSize)
	for len(b) > 0 {
		at := w.dir.place.data + spot(w.off/bsize*w.walk.packer.frag)
		n := min(int64(len(b)), bsize-w.off%bsize)
		if w.off/bsize >= w.dir.shape.data {
			at = w.dir.place.tail
		} else if w.off%bsize == 0 { // all that lies in a row
			n = min(int64(len(b)), w.dir.shape.data*bsize-w.off)
		}
		if err := w.chunks.known(at, b[:n]); err != nil {
			return err
		}
		w.off += n
		b = b[n:]
	}
	w.buf = nil
	return nil
}
