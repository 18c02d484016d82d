package mkfs

import "rump/ffs/ondisk"

// inodeRun is how many bytes of inodes are written at once, at most.
const inodeRun = 256 << 10

// An inodeWriter writes inodes one after the other, from number 0.
type inodeWriter struct {
	crew *crew
	s    *ondisk.Super
	next ondisk.Ino
	buf  []byte
	at   int64 // byte offset of buf on the disk
}

// put writes the next inode.
func (w *inodeWriter) put(in *ondisk.Inode) error {
	size := w.s.InodeSize()
	if w.buf == nil {
		w.at = w.s.FragOffset(w.s.InoToFrag(w.next)) + int64(w.s.InoInBlock(w.next))
		w.buf = make([]byte, 0, inodeRun)
	}
	n := len(w.buf)
	w.buf = w.buf[:n+size]
	ondisk.EncodeInode(w.s, in, w.buf[n:])
	w.next++
	if len(w.buf) == cap(w.buf) || w.s.InoInCg(w.next) == 0 {
		return w.flush()
	}
	return nil
}

// flush writes what there is, up to whole blocks.
func (w *inodeWriter) flush() error {
	b := w.buf
	w.buf = nil
	if len(b) == 0 {
		return nil
	}
	bsize := int(w.s.BSize)
	b = b[:roundUp(len(b), bsize)]
	return w.crew.do(rawWrite{w.at, b})
}
