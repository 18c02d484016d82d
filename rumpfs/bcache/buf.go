package bcache

import "fmt"

// A Buf is a piece of a block, the caller's alone from Get to Release. It must not be used afterwards.
type Buf struct {
	b     *block
	bytes []byte // nil once released
	lo    int    // of bytes in the block
}

// Bytes are the bytes, in place. Whoever changes them says so with Dirty or Write before Release.
func (u *Buf) Bytes() []byte { return u.bytes }

// Off is the place of the first byte on the device.
func (u *Buf) Off() int64 { return u.b.no<<u.b.c.blockShift + int64(u.lo) }

// sectors are those that Bytes()[lo:hi] touches, as a range in the block.
func (u *Buf) sectors(lo, hi int) (first, end int) {
	if lo < 0 || lo > hi || hi > len(u.bytes) {
		panic(fmt.Sprintf("bcache: bytes %d to %d of a buffer of %d", lo, hi, len(u.bytes)))
	}
	s := u.b.c.sectorShift
	return (u.lo + lo) >> s, (u.lo + hi + 1<<s - 1) >> s
}

// Dirty marks Bytes()[lo:hi] as changed, to be written some time: by a flush, or when room is needed. The owner is the
// inode whose fsync must write it, 0 if none.
func (u *Buf) Dirty(owner uint64, lo, hi int) {
	if first, end := u.sectors(lo, hi); lo < hi {
		u.b.dirtyLocked(owner, sectorRange(first, end))
	}
}

// Write is an ordered write: on return the sectors of Bytes()[lo:hi] have been handed to the device, whole, with whatever
// else is dirty in them. With Options.Async or Options.Held it is Dirty for nobody. After an error the sectors are dirty: a
// flush tries again.
func (u *Buf) Write(lo, hi int) error {
	first, end := u.sectors(lo, hi)
	if lo == hi {
		return nil
	}
	b := u.b
	if b.c.async || b.c.held {
		b.dirtyLocked(0, sectorRange(first, end))
		return nil
	}
	p, off := b.bytesOf(first, end)
	if _, err := b.c.dev.WriteAt(p, off); err != nil {
		b.dirtyLocked(0, sectorRange(first, end))
		return fmt.Errorf("metadata at %d: %w", off, err)
	}
	b.cleanLocked(sectorRange(first, end))
	return nil
}

// Release gives the buffer back; exactly once.
func (u *Buf) Release() {
	if u.bytes == nil {
		panic("bcache: release of a buffer that is not held")
	}
	u.bytes = nil
	u.b.release()
}

// release unlocks and unpins, in this order: a block without pins is unlocked.
func (b *block) release() {
	b.mu.Unlock()
	b.pins.Add(-1)
}

// dirtyLocked adds dirty sectors on behalf of owner. b.mu is held.
func (b *block) dirtyLocked(owner uint64, set sectors) {
	if b.dirty.isEmpty() {
		b.isDirty.Store(true)
		b.c.dirty.Add(1)
	}
	if b.c.held {
		b.c.dirtySectors.Add(int64(set.without(b.dirty).count()))
		owner = 0 // whoever takes what is dirty takes it all
	}
	b.dirty = b.dirty.with(set)
	if owner != 0 {
		b.c.claims.add(b, owner)
	}
}

// cleanLocked takes away dirty sectors that have been written or forgotten. b.mu is held.
func (b *block) cleanLocked(set sectors) {
	if !b.dirty.overlaps(set) {
		return
	}
	if b.c.held {
		b.c.dirtySectors.Add(-int64(b.dirty.and(set).count()))
	}
	b.dirty = b.dirty.without(set)
	if b.dirty.isEmpty() {
		b.c.claims.drop(b)
		b.isDirty.Store(false)
		b.c.dirty.Add(-1)
	}
}
