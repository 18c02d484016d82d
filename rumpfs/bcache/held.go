package bcache

// With Options.Held the cache belongs to a journal: what is dirty is written to a log first, by whoever calls Take, and to its place much later, past
// the cache. From Take on the device below the cache has to answer reads with what was taken, for clean blocks are evicted as ever.

// DirtyBytes is how much Take would hand over, a little more or less while others change buffers. It is 0 without Options.Held.
func (c *Cache) DirtyBytes() int64 { return c.dirtySectors.Load() << c.sectorShift }

// Take calls fn for each run of dirty sectors, in the order of their places, and makes them clean. No buffer may be held, nor be got meanwhile. fn must
// not keep p.
func (c *Cache) Take(fn func(p []byte, off int64)) {
	for _, no := range c.dirtyBlocks() {
		b := c.find(no)
		if b == nil {
			continue
		}
		b.mu.Lock()
		for lo, hi, ok := b.dirty.run(0); ok; lo, hi, ok = b.dirty.run(hi) {
			fn(b.bytesOf(lo, hi))
		}
		b.cleanLocked(b.dirty)
		b.release()
	}
}
