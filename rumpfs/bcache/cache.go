package bcache

import (
	"fmt"
	"log/slog"
	"math/bits"
	"sync"
	"sync/atomic"
	"syscall"

	"rump/rumpfs/blockdev"
)

// DefaultBudget is the room for buffers where Options name none, in bytes.
const DefaultBudget = 32 << 20

// Options of a cache.
type Options struct {
	BlockSize int   // of the file system, in bytes: a power of two, 1 to 128 sectors; no buffer crosses a multiple of it
	Budget    int64 // bytes of buffers, at least one block; exceeded only while more than that is held; 0: DefaultBudget
	Async     bool  // Write only marks dirty: the order of writes is given up
	Held      bool  // nothing is ever written: what is dirty stays until Take, even beyond the budget
	Log       *slog.Logger
}

// A Cache holds the metadata of the file system on one device.
type Cache struct {
	// Immutable.
	dev         blockdev.Device
	size        int64 // of the device
	blockSize   int
	blockShift  uint
	sectorShift uint
	async, held bool
	log         *slog.Logger
	shards      []shard
	hashShift   uint

	claims  claims
	scratch sync.Pool // of *[scratchSize]byte

	dirty        atomic.Int64 // blocks with dirty sectors
	dirtySectors atomic.Int64 // sectors; counted with Options.Held only
	broken       atomic.Bool  // the last write of an eviction failed
}

// maxShards is more than there are cores to fight for them; a shard smaller than minShard blocks evicts badly.
const (
	maxShards = 16
	minShard  = 64
)

// A shard indexes the blocks of one hash value. Each has its part of the budget.
type shard struct {
	capacity int // immutable, in blocks

	mu     sync.Mutex
	index  map[int64]*block
	ring   []*block // the same blocks, for the hand to sweep over
	hand   int
	hits   uint64
	misses uint64

	_ [64]byte // a cache line between the locks of neighbours
}

// A block is an aligned block of the device, of which only the valid sectors mean anything.
type block struct {
	c    *Cache // immutable
	data []byte // immutable; the bytes are guarded by mu

	no  int64 // offset / block size; changes under shard.mu while nobody has it pinned
	hot bool  // guarded by shard.mu: used since the hand passed

	pins    atomic.Int32 // goes up from 0 under shard.mu only; at 0 mu is free
	isDirty atomic.Bool  // dirty is not empty, for those who do not hold mu

	mu     sync.Mutex
	valid  sectors
	dirty  sectors
	owners []ownerClaim // of the dirty sectors
	buf    Buf          // the handle of the present holder
}

// New makes an empty cache over d. EINVAL for a block size that does not fit the device's sectors.
func New(d blockdev.Device, o Options) (*Cache, error) {
	sector := d.SectorSize()
	if o.BlockSize <= 0 || o.BlockSize&(o.BlockSize-1) != 0 || o.BlockSize < sector || o.BlockSize > maxSectors*sector {
		return nil, fmt.Errorf("buffer cache: block size %d on sectors of %d bytes: %w", o.BlockSize, sector, syscall.EINVAL)
	}
	if o.Budget < 0 {
		return nil, fmt.Errorf("buffer cache: budget %d: %w", o.Budget, syscall.EINVAL)
	}
	if o.Budget == 0 {
		o.Budget = DefaultBudget
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Cache{
		dev: d, size: d.Size(), blockSize: o.BlockSize, async: o.Async, held: o.Held, log: o.Log,
		blockShift:  uint(bits.TrailingZeros(uint(o.BlockSize))),
		sectorShift: uint(bits.TrailingZeros(uint(sector))),
	}
	blocks := max(1, int(min(o.Budget/int64(o.BlockSize), 1<<30)))
	n := 1
	for n < maxShards && blocks/(2*n) >= minShard {
		n *= 2
	}
	c.shards = make([]shard, n)
	c.hashShift = uint(64 - bits.TrailingZeros(uint(n)))
	for i := range c.shards {
		c.shards[i].capacity = blocks / n
		c.shards[i].index = make(map[int64]*block)
	}
	c.claims.lists = make(map[uint64]*claim)
	c.scratch.New = func() any { return new([scratchSize]byte) }
	return c, nil
}

// shard spreads neighbours and strides alike: cylinder groups lie at equal distances.
func (c *Cache) shard(no int64) *shard {
	return &c.shards[uint64(no)*0x9e3779b97f4a7c15>>c.hashShift]
}

// window checks that [off, off+n) is a piece of one block in whole sectors inside the device.
func (c *Cache) window(off int64, n int) (no int64, lo, hi int, err error) {
	mask := int64(1)<<c.sectorShift - 1
	no = off >> c.blockShift
	lo = int(off) & (c.blockSize - 1)
	if n <= 0 || n > c.blockSize-lo || off < 0 || (off|int64(n))&mask != 0 || off > c.size-int64(n) {
		return 0, 0, 0, fmt.Errorf("buffer of %d bytes at %d: %w", n, off, syscall.EINVAL)
	}
	return no, lo, lo + n, nil
}

// Get returns the device's bytes [off, off+n), which are whole sectors inside one aligned block, pinned and locked: no
// one else gets a buffer in that block until Release. It reads what is not valid yet. EINVAL for bytes that are not
// such a piece, the device's error if a read fails, or if there is no room since dirty blocks cannot be written.
func (c *Cache) Get(off int64, n int) (*Buf, error) {
	no, lo, hi, err := c.window(off, n)
	if err != nil {
		return nil, err
	}
	b, err := c.hold(no)
	if err != nil {
		return nil, err
	}
	want := sectorRange(lo>>c.sectorShift, hi>>c.sectorShift)
	if !b.valid.has(want) {
		if err := b.fillLocked(want); err != nil {
			b.release()
			return nil, err
		}
	}
	b.buf = Buf{b: b, bytes: b.data[lo:hi:hi], lo: lo}
	return &b.buf, nil
}

// GetNew is Get for bytes whose content on the disk no longer matters: it reads nothing, and the bytes are zeros. They
// are valid but not dirty: the caller fills them and says so, or forgets them.
func (c *Cache) GetNew(off int64, n int) (*Buf, error) {
	no, lo, hi, err := c.window(off, n)
	if err != nil {
		return nil, err
	}
	b, err := c.hold(no)
	if err != nil {
		return nil, err
	}
	set := sectorRange(lo>>c.sectorShift, hi>>c.sectorShift)
	b.cleanLocked(set)
	clear(b.data[lo:hi])
	b.valid = b.valid.with(set)
	b.buf = Buf{b: b, bytes: b.data[lo:hi:hi], lo: lo}
	return &b.buf, nil
}

// fillLocked reads the wanted sectors that are not valid. b.mu is held.
func (b *block) fillLocked(want sectors) error {
	missing := want.without(b.valid)
	for lo, hi, ok := missing.run(0); ok; lo, hi, ok = missing.run(hi) {
		p, off := b.bytesOf(lo, hi)
		if _, err := b.c.dev.ReadAt(p, off); err != nil {
			return fmt.Errorf("metadata at %d: %w", off, err)
		}
		b.valid = b.valid.with(sectorRange(lo, hi))
	}
	return nil
}

// bytesOf are the bytes of the sectors [lo, hi) and their place on the device.
func (b *block) bytesOf(lo, hi int) (p []byte, off int64) {
	s := b.c.sectorShift
	return b.data[lo<<s : hi<<s], b.no<<b.c.blockShift + int64(lo)<<s
}

// Forget says that the bytes [off, off+n), whole sectors, are no longer metadata: they stop being valid and dirty, and are not
// written. It waits for a write under way. The caller holds no buffer in these blocks, and may hold what it could hold if it
// got a buffer there.
func (c *Cache) Forget(off, n int64) {
	sector := int64(1) << c.sectorShift
	if off < 0 || n < 0 || (off|n)&(sector-1) != 0 {
		panic(fmt.Sprintf("bcache: forget of %d bytes at %d", n, off))
	}
	for end := off + n; off < end; {
		no := off >> c.blockShift
		next := min(end, (no+1)<<c.blockShift)
		if b := c.find(no); b != nil {
			b.mu.Lock()
			start := no << c.blockShift
			set := sectorRange(int((off-start)>>c.sectorShift), int((next-start)>>c.sectorShift))
			b.cleanLocked(set)
			b.valid = b.valid.without(set)
			b.release()
		}
		off = next
	}
}

// Close ends the use of the cache. It neither flushes nor closes the device. Buffers that are still held are a fault of
// the file system: the error tells how many, and one of them.
func (c *Cache) Close() error {
	held, where := 0, int64(0)
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		for _, b := range s.ring {
			if b.pins.Load() != 0 {
				held++
				where = b.no << c.blockShift
			}
		}
		s.mu.Unlock()
	}
	if held > 0 {
		return fmt.Errorf("buffer cache: %d blocks still held, one of them at %d: %w", held, where, syscall.EBUSY)
	}
	return nil
}

// Stats are counts for people and tests.
type Stats struct {
	Hits, Misses uint64 // blocks found in the index, or not
	Blocks       int    // in the cache
	Bytes        int64  // of buffers
	Dirty        int    // blocks
	Pinned       int    // blocks
}

// Stats counts.
func (c *Cache) Stats() Stats {
	var st Stats
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		st.Hits += s.hits
		st.Misses += s.misses
		st.Blocks += len(s.ring)
		for _, b := range s.ring {
			if b.pins.Load() != 0 {
				st.Pinned++
			}
		}
		s.mu.Unlock()
	}
	st.Bytes = int64(st.Blocks) * int64(c.blockSize)
	st.Dirty = int(c.dirty.Load())
	return st
}
