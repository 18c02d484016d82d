package journal

import (
	"fmt"
	"sync"
	"syscall"
	"time"

	"rump/rumpfs/blockdev"
)

// A Writer keeps the log of a mounted volume. What is committed stays in the log, where [Writer.Disk] finds it, until a checkpoint brings it to its place.
//
// One goroutine at a time stages and commits; everything else may be called at any time. After an error of Commit or Checkpoint the writer is of no
// more use than to read through Disk: what the disk has is what the last commit left.
//
// Locks, outermost first:
//
//	cpMu           a checkpoint
//	  logMu        the header, and the free part of the log
//	    placeMu    a batch of a checkpoint: held while blocks are written to their places, and while copies are revoked
//	      mu       where the newest content of a block is; shared while it is read
type Writer struct {
	// Immutable.
	dev  blockdev.Device
	area Area
	ring ring
	unit int64 // bytes: blocks of the volume are whole units
	now  func() time.Time

	cpMu    sync.Mutex
	placeMu sync.Mutex

	logMu    sync.Mutex
	header   header
	inodesAt int64  // where the newest list of inodes begins; 0 if it is empty
	image    []byte // of the last transaction, for its memory

	mu     sync.RWMutex
	pieces pieces
	staged *Transaction // taken from the cache, and not in pieces yet
}

// New is a writer of a log in an area of dev, whatever that holds. It writes nothing before Begin. EINVAL for an area that the disk cannot transfer.
func New(dev blockdev.Device, a Area, now func() time.Time) (*Writer, error) {
	w := &Writer{dev: dev, area: a, ring: a.ringOf(), unit: a.Block, now: now, pieces: pieces{chunks: map[int64][]piece{}}}
	w.header = header{unit: w.unit, ring: w.ring, order: a.Order}
	if old, err := a.latest(dev); err == nil {
		w.header.generation = old.generation
	}
	return w, checkUnit(dev, w.unit)
}

// Begin writes an empty log and returns once that is durable. Nothing of an earlier one is left.
func (w *Writer) Begin() error {
	w.logMu.Lock()
	defer w.logMu.Unlock()
	for range 2 { // both headers
		if err := w.writeHeader(0, 0); err != nil {
			return err
		}
	}
	return nil
}

// Resume goes on with a log that was replayed and reset. Its list of inodes stays until a transaction brings another.
func (l *Log) Resume(dev blockdev.Device, now func() time.Time) *Writer {
	w := &Writer{dev: dev, area: l.area, ring: l.header.ring, unit: l.header.unit, now: now, header: l.header, pieces: pieces{chunks: map[int64][]piece{}}}
	if len(l.Inodes) > 0 {
		w.inodesAt = l.inodesAt
	}
	return w
}

// writeHeader writes the next commit header and returns once it, and all that was written before, is durable. logMu is held, or nobody
// else has the writer yet.
func (w *Writer) writeHeader(head, tail int64) error {
	h := w.header
	h.generation++
	now := w.now()
	h.sec, h.nsec, h.head, h.tail = now.Unix(), uint32(now.Nanosecond()), head, tail
	b := make([]byte, w.area.Block)
	h.encode(b)
	if _, err := w.dev.WriteAt(b, w.area.Start+int64(h.generation&1)*w.area.Block); err != nil {
		return fmt.Errorf("journal: header: %w", err)
	}
	if err := w.flush(); err != nil {
		return err
	}
	w.header = h
	return nil
}

func (w *Writer) flush() error {
	if err := w.dev.Flush(); err != nil {
		return fmt.Errorf("journal: flush: %w", err)
	}
	return nil
}

// Unit is the granularity of the blocks of a transaction, in bytes.
func (w *Writer) Unit() int64 { return w.unit }

// Area is where the log lies.
func (w *Writer) Area() Area { return w.area }

// MaxTransaction is the most bytes that the records of a transaction may take, if so many inodes were listed by the one before.
func (w *Writer) MaxTransaction(inodes int) int64 {
	return w.ring.size - w.area.Block - inodesLen(inodes, w.area.Block)
}

// Cost bounds the bytes in the log of a transaction that changes n bytes of the volume, revokes so many extents and lists so many inodes.
func (w *Writer) Cost(n int64, revoked, inodes int) int64 {
	per := listRoom(w.area.Block, blockEntry)
	heads := howMany(howMany(n, w.unit), per) // every unit may be a block of its own, every record may be padded
	return n + (2*heads+howMany(int64(revoked), per))*w.area.Block + inodesLen(inodes, w.area.Block)
}

// Used is how many bytes of the log are live, of how many.
func (w *Writer) Used() (used, size int64) {
	w.logMu.Lock()
	defer w.logMu.Unlock()
	h := &w.header
	return h.ring.used(h.head, h.tail), h.ring.size
}

// Holds calls fn for each part of n bytes at off of the volume of which the log has copies that a replay would bring to their place.
func (w *Writer) Holds(off, n int64, fn func(off, n int64)) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	_ = w.pieces.overlapping(off, off+n, func(x piece) error { fn(x.lo, x.hi-x.lo); return nil })
}

// Stage makes Disk answer with what t holds, which must be left alone until Commit has returned.
func (w *Writer) Stage(t *Transaction) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.staged = t
}

// Commit writes the staged transaction to the log and returns once it is durable, with everything that was written to the disk before. It makes room
// for it by a checkpoint if need be. EFBIG if the log is too small.
func (w *Writer) Commit() error {
	w.mu.RLock()
	t := w.staged
	w.mu.RUnlock()
	image, inodesAt := t.encode(w.image[:0], w.area.Block, w.area.Order)
	w.image = image
	if err := w.makeRoom(int64(len(image))); err != nil {
		return err
	}
	w.logMu.Lock()
	defer w.logMu.Unlock()
	at, head, err := w.append(image)
	if err != nil {
		return err
	}
	tail := w.header.tail
	if tail == 0 {
		tail = at
	}
	if err := w.writeHeader(head, tail); err != nil {
		return err
	}
	if w.inodesAt = 0; len(t.inodes) > 0 {
		w.inodesAt = w.header.ring.advance(at, inodesAt)
	}
	return w.settle(t, at)
}

// append writes records at the head, and flushes them. It returns where they begin and end. logMu is held.
func (w *Writer) append(image []byte) (at, head int64, err error) {
	h := &w.header
	if at = h.head; at == 0 {
		at = h.ring.off
	}
	head = h.ring.advance(at, int64(len(image)))
	n := min(int64(len(image)), h.ring.off+h.ring.size-at)
	for _, part := range []struct {
		p  []byte
		at int64
	}{{image[:n], at}, {image[n:], h.ring.off}} {
		if len(part.p) == 0 {
			continue
		}
		if _, err := w.dev.WriteAt(part.p, w.area.Start+part.at); err != nil {
			return 0, 0, fmt.Errorf("journal: records: %w", err)
		}
	}
	return at, head, w.flush()
}

// settle notes where the blocks of a transaction that begins at at are, now that it is durable. logMu is held.
func (w *Writer) settle(t *Transaction, at int64) error {
	w.placeMu.Lock()
	defer w.placeMu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.staged = nil
	l := Log{area: w.area, header: w.header, pieces: w.pieces}
	per := int(listRoom(w.area.Block, blockEntry))
	for i := 0; i < len(t.blocks); i += per {
		n := w.area.Block
		for _, b := range t.blocks[i:min(i+per, len(t.blocks))] {
			if err := l.copyOf(b.extent, w.header.ring.advance(at, n)); err != nil {
				return err
			}
			n += b.n
		}
		at = w.header.ring.advance(at, howMany(n, w.area.Block)*w.area.Block)
	}
	for _, x := range t.revoked {
		l.pieces.cut(x.off, x.off+x.n)
	}
	w.pieces = l.pieces
	return nil
}

// makeRoom checkpoints until n bytes fit in and the log is not full then.
func (w *Writer) makeRoom(n int64) error {
	for try := 0; ; try++ {
		used, size := w.Used()
		if n < size-used {
			return nil
		}
		if try == 2 {
			return fmt.Errorf("journal: transaction of %d bytes in a log of %d: %w", n, size, syscall.EFBIG)
		}
		if err := w.Checkpoint(); err != nil {
			return err
		}
	}
}

// Disk is the disk below as it would be if all that is staged or committed were in its place. It cannot be written. Close does nothing.
func (w *Writer) Disk() blockdev.Device { return live{w.dev, w} }

type live struct {
	blockdev.Device
	w *Writer
}

// ReadAt implements blockdev.Device.
func (d live) ReadAt(p []byte, off int64) (int, error) {
	w := d.w
	w.mu.RLock()
	defer w.mu.RUnlock()
	n, err := w.dev.ReadAt(p, off)
	if err != nil || len(p) == 0 {
		return n, err
	}
	if err := w.pieces.overlapping(off, off+int64(len(p)), func(x piece) error {
		_, err := w.dev.ReadAt(p[x.lo-off:x.hi-off], x.at)
		return err
	}); err != nil {
		return 0, err
	}
	if w.staged != nil {
		w.staged.read(p, off)
	}
	return n, nil
}

// read copies what the transaction has of the bytes from off on to p.
func (t *Transaction) read(p []byte, off int64) {
	lo, hi := 0, len(t.blocks) // blocks are sorted: find the first that ends behind off
	for lo < hi {
		if m := (lo + hi) / 2; t.blocks[m].off+t.blocks[m].n <= off {
			lo = m + 1
		} else {
			hi = m
		}
	}
	for _, b := range t.blocks[lo:] {
		from, to := max(b.off, off), min(b.off+b.n, off+int64(len(p)))
		if from >= to {
			return
		}
		copy(p[from-off:to-off], t.data[b.at+int(from-b.off):])
	}
}

// WriteAt implements blockdev.Device.
func (live) WriteAt([]byte, int64) (int, error) { return 0, syscall.EROFS }

// Close implements blockdev.Device.
func (live) Close() error { return nil }
