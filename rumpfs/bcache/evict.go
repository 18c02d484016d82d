package bcache

// hold pins and locks a block, making room for it if it is new. Its sectors may not be valid.
func (c *Cache) hold(no int64) (*block, error) {
	s := c.shard(no)
	s.mu.Lock()
	b := s.index[no]
	if b == nil {
		s.misses++
		return c.enter(s, no)
	}
	s.hits++
	b.hot = true
	b.pins.Add(1)
	s.mu.Unlock()
	b.mu.Lock()
	return b, nil
}

// find pins a block that is in the cache, without locking it; nil if it is not there.
func (c *Cache) find(no int64) *block {
	s := c.shard(no)
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.index[no]
	if b != nil {
		b.pins.Add(1)
	}
	return b
}

// maxCleanings bounds how often one newcomer writes dirty blocks before it goes over the budget: others may dirty blocks as
// fast as it cleans them.
const maxCleanings = 4

// enter brings a block into the index, pinned and locked. It is called with s.mu held and returns with it released.
func (c *Cache) enter(s *shard, no int64) (*block, error) {
	var err error
	for try := 0; ; try++ {
		if b := s.index[no]; b != nil { // someone else brought it in while we cleaned
			b.pins.Add(1)
			s.mu.Unlock()
			b.mu.Lock()
			return b, nil
		}
		b, ok := s.roomLocked()
		if ok || try == maxCleanings || c.held {
			b = c.insertLocked(s, b, no)
			s.mu.Unlock()
			return b, nil
		}
		s.mu.Unlock()
		if err != nil {
			return nil, err
		}
		err = c.clean()
		s.mu.Lock()
	}
}

// insertLocked gives the number to an old block that is in the ring, or to a new one. s.mu is held.
func (c *Cache) insertLocked(s *shard, b *block, no int64) *block {
	if b == nil {
		b = &block{c: c, data: make([]byte, c.blockSize)}
		s.ring = append(s.ring, b)
	}
	b.no, b.hot = no, false
	b.pins.Store(1)
	b.mu.Lock() // does not wait: nobody had it pinned
	b.valid = sectors{}
	s.index[no] = b
	return b
}

// roomLocked takes blocks out of the index until there is room for one more. It returns the last of them, still in the ring,
// to be used again, or nil if a new one may be made. Not ok means that there will be room once dirty blocks have been
// written; that all blocks are pinned is no reason to wait. s.mu is held.
func (s *shard) roomLocked() (b *block, ok bool) {
	for len(s.ring) >= s.capacity {
		i, dirty := s.sweepLocked()
		if i < 0 {
			return nil, !dirty
		}
		b = s.ring[i]
		delete(s.index, b.no)
		last := len(s.ring) - 1
		if last < s.capacity {
			return b, true
		}
		s.ring[i], s.ring[last] = s.ring[last], nil
		s.ring = s.ring[:last]
	}
	return nil, true
}

// sweepLocked moves the hand to a block that is clean, not pinned, and was not used since the hand last passed; -1 if there
// is none, and then whether dirty ones stood in the way. s.mu is held.
func (s *shard) sweepLocked() (i int, dirty bool) {
	for range 2 {
		for range s.ring {
			if s.hand >= len(s.ring) {
				s.hand = 0
			}
			i, s.hand = s.hand, s.hand+1
			b := s.ring[i]
			switch {
			case b.pins.Load() != 0:
			case b.hot:
				b.hot = false
			case b.isDirty.Load():
				dirty = true
			default:
				return i, false
			}
		}
		if dirty {
			break
		}
	}
	return -1, dirty
}

// clean writes the dirty blocks that nobody holds, for eviction: its caller may hold buffers, so it waits for nobody. It
// returns an error that kept a block dirty, having told it to the log, for the caller may well do without that room.
func (c *Cache) clean() error {
	err := c.writeOut(c.dirtyBlocks(), false)
	if was := c.broken.Swap(err != nil); err != nil && !was {
		c.log.Warn("metadata cannot be written and stays in memory", "err", err)
	}
	return err
}
