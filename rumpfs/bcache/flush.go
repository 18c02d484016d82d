package bcache

import (
	"fmt"
	"slices"
)

// scratchSize bounds one merged write, in bytes.
const scratchSize = 256 << 10

// Flush hands all dirty sectors to the device, in the order of their places, neighbours in one write. It does not flush the
// device. On an error it goes on with the rest and returns the first one; what could not be written stays dirty, so nothing
// is lost as long as a later flush succeeds. Concurrent changes may be written or not. With Options.Held it does nothing.
func (c *Cache) Flush() error {
	if c.dirty.Load() == 0 || c.held {
		return nil
	}
	return c.writeOut(c.dirtyBlocks(), true)
}

// FlushOwner is Flush for the blocks with sectors that were made dirty for this owner. With Options.Async it is Flush, since
// writes without order have no owner.
func (c *Cache) FlushOwner(owner uint64) error {
	if c.async || c.held {
		return c.Flush()
	}
	return c.writeOut(c.claims.blocks(owner), true)
}

// dirtyBlocks are the numbers of the dirty blocks, in order.
func (c *Cache) dirtyBlocks() []int64 {
	list := make([]int64, 0, c.dirty.Load())
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		for _, b := range s.ring {
			if b.isDirty.Load() {
				list = append(list, b.no)
			}
		}
		s.mu.Unlock()
	}
	slices.Sort(list)
	return list
}

// writeOut writes what is dirty in the numbered blocks, given in order. It waits for their holders, or leaves out the blocks
// that are held.
func (c *Cache) writeOut(nos []int64, wait bool) error {
	w := writer{c: c}
	defer w.close()
	for _, no := range nos {
		b := c.find(no)
		switch {
		case b == nil: // written and evicted, or forgotten
			continue
		case b.mu.TryLock():
		case wait:
			w.send() // lets go of all blocks: whoever has this one may be waiting for one of them
			b.mu.Lock()
		default:
			b.pins.Add(-1)
			continue
		}
		w.add(b)
	}
	w.send()
	return w.err
}

// A writer collects dirty sectors that are neighbours on the device, and the locks of their blocks.
type writer struct {
	c       *Cache
	err     error // the first
	scratch *[scratchSize]byte

	pieces []piece  // one behind the other on the device
	size   int      // of all pieces, in bytes
	end    int64    // on the device
	held   []*block // whose pieces are all collected
}

// A piece is a run of sectors of one block, which is locked.
type piece struct {
	b      *block
	lo, hi int
}

// add collects the dirty sectors of a block and takes over its lock.
func (w *writer) add(b *block) {
	if b.dirty.isEmpty() { // written by its last holder
		b.release()
		return
	}
	for lo, hi, ok := b.dirty.run(0); ok; lo, hi, ok = b.dirty.run(hi) {
		p, off := b.bytesOf(lo, hi)
		if off != w.end || w.size+len(p) > scratchSize {
			w.send()
		}
		w.pieces = append(w.pieces, piece{b, lo, hi})
		w.size += len(p)
		w.end = off + int64(len(p))
	}
	w.held = append(w.held, b)
}

// send writes what is collected and lets go of the blocks that are through.
func (w *writer) send() {
	if len(w.pieces) > 0 {
		w.write(w.pieces)
	}
	for i, b := range w.held {
		b.release()
		w.held[i] = nil
	}
	w.pieces, w.held, w.size, w.end = w.pieces[:0], w.held[:0], 0, -1
}

// write writes pieces in one go, or one after the other if that fails, so that one bad sector keeps the fewest others dirty.
func (w *writer) write(pieces []piece) {
	p, off := pieces[0].b.bytesOf(pieces[0].lo, pieces[0].hi)
	if len(pieces) > 1 {
		p = w.gather(pieces)
	}
	if _, err := w.c.dev.WriteAt(p, off); err != nil {
		if len(pieces) > 1 {
			for i := range pieces {
				w.write(pieces[i : i+1])
			}
		} else if w.err == nil {
			w.err = fmt.Errorf("metadata at %d: %w", off, err)
		}
		return
	}
	for _, x := range pieces {
		x.b.cleanLocked(sectorRange(x.lo, x.hi))
	}
}

// gather copies pieces one behind the other.
func (w *writer) gather(pieces []piece) []byte {
	if w.scratch == nil {
		w.scratch = w.c.scratch.Get().(*[scratchSize]byte)
	}
	p := w.scratch[:0]
	for _, x := range pieces {
		b, _ := x.b.bytesOf(x.lo, x.hi)
		p = append(p, b...)
	}
	return p
}

func (w *writer) close() {
	if w.scratch != nil {
		w.c.scratch.Put(w.scratch)
	}
}
