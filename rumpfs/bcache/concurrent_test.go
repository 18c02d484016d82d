package bcache_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rump/rumpfs/bcache"
	"rump/rumpfs/blockdev"
)

// TestConcurrent lets many users count in counters of their own blocks' and shared sectors, while others flush, fsync, evict,
// and turn fragments into data and back. No count may be lost.
func TestConcurrent(t *testing.T) {
	for _, async := range []bool{false, true} {
		t.Run(fmt.Sprintf("async=%t", async), func(t *testing.T) { testConcurrent(t, async) })
	}
}

func testConcurrent(t *testing.T, async bool) {
	const (
		users  = 6
		shared = 64 // sectors, one counter each, four to a block
	)
	rounds := 3000
	if testing.Short() {
		rounds = 500
	}
	m := blockdev.NewMemory(4 << 20)
	c := newCache(t, m, bcache.Options{Budget: 12 * block, Async: async})
	var want [shared]atomic.Uint64
	place := func(i int) int64 { return int64(i/4*block + i%4*sector) }
	count := func(r *rand.Rand, i int) error {
		b, err := c.Get(place(i), sector)
		if err != nil {
			return err
		}
		defer b.Release()
		p := b.Bytes()[r.IntN(sector/8)*8:][:8] // any of the counters in the sector
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)+1)
		want[i].Add(1)
		if r.IntN(2) == 0 {
			return b.Write(0, sector)
		}
		b.Dirty(uint64(i%5), 0, sector)
		return nil
	}

	var wg sync.WaitGroup
	for u := range users {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(u), 9))
			mine := int64(2<<20 + u*2*sector) // neighbours in one block: fragments that change their kind
			for n := range rounds {
				var err error
				switch r.IntN(8) {
				case 0:
					err = c.FlushOwner(uint64(r.IntN(5)))
				case 1:
					if n%16 == 0 {
						err = c.Flush()
					}
				case 2:
					err = changeKind(c, m, mine, byte(n))
				case 3:
					err = twoLevels(c, r, count, shared)
				default:
					err = count(r, r.IntN(shared))
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, sector)
	for i := range want {
		if _, err := m.ReadAt(p, place(i)); err != nil {
			t.Fatal(err)
		}
		var got uint64
		for at := 0; at < sector; at += 8 {
			got += binary.LittleEndian.Uint64(p[at:])
		}
		if got != want[i].Load() {
			t.Errorf("sector %d: counted to %d, want %d", i, got, want[i].Load())
		}
	}
	st := c.Stats()
	if st.Pinned != 0 || st.Dirty != 0 {
		t.Errorf("afterwards: got %+v, want nothing pinned or dirty", st)
	}
}

// TestConcurrentMerges lets several users flush long runs at once: merged writes must not get into each other's way.
func TestConcurrentMerges(t *testing.T) {
	const users, blocks, rounds = 4, 20, 60
	m := blockdev.NewMemory(4 << 20)
	c := newCache(t, m, bcache.Options{})
	var wg sync.WaitGroup
	for u := range users {
		wg.Go(func() {
			first := int64(u * 40 * block)
			for n := range rounds {
				for i := range int64(blocks) {
					b, err := c.GetNew(first+i*block, block)
					if err != nil {
						t.Error(err)
						return
					}
					fill(b.Bytes(), byte(u<<6|n))
					b.Dirty(uint64(u+1), 0, block)
					b.Release()
				}
				if err := c.FlushOwner(uint64(u + 1)); err != nil {
					t.Error(err)
					return
				}
				p := make([]byte, blocks*block)
				if _, err := m.ReadAt(p, first); err != nil {
					t.Error(err)
					return
				}
				for i, v := range p {
					if v != byte(u<<6|n) {
						t.Errorf("user %d, round %d: byte %d on the disk is %#x, want %#x", u, n, i, v, byte(u<<6|n))
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

// changeKind makes metadata of a fragment, changes it, frees it, and writes data there past the cache, which must stay.
func changeKind(c *bcache.Cache, d blockdev.Device, off int64, v byte) error {
	b, err := c.GetNew(off, 2*sector)
	if err != nil {
		return err
	}
	fill(b.Bytes(), ^v)
	b.Dirty(1, 0, 2*sector)
	b.Release()
	c.Forget(off, 2*sector)
	data := make([]byte, 2*sector)
	fill(data, v)
	if _, err := d.WriteAt(data, off); err != nil {
		return err
	}
	got := make([]byte, 2*sector)
	if _, err := d.ReadAt(got, off); err != nil {
		return err
	}
	if got[0] != v || got[2*sector-1] != v {
		return fmt.Errorf("data at %d: got %#x, want %#x: stale metadata was written over it", off, got[0], v)
	}
	return nil
}

// twoLevels holds a buffer high on the disk while it gets lower ones: the order of locks is the file system's, not the disk's,
// and a flush that merges neighbours must not mind.
func twoLevels(c *bcache.Cache, r *rand.Rand, count func(*rand.Rand, int) error, shared int) error {
	top, err := c.Get(3<<20+int64(r.IntN(4))*block, sector)
	if err != nil {
		return err
	}
	defer top.Release()
	top.Bytes()[0]++
	top.Dirty(2, 0, 1)
	low, err := c.Get(1<<20+int64(r.IntN(4))*block, block)
	if err != nil {
		return err
	}
	defer low.Release()
	low.Bytes()[0]++
	low.Dirty(3, 0, 1)
	return count(r, r.IntN(shared))
}

// A gate stops writes until it is opened.
type gate struct {
	blockdev.Device
	arrived chan struct{}
	open    chan struct{}
}

func (g *gate) WriteAt(p []byte, off int64) (int, error) {
	g.arrived <- struct{}{}
	<-g.open
	return g.Device.WriteAt(p, off)
}

// TestForgetWaitsForWrite: a delayed write under way must be over before the caller may write data to the same place.
func TestForgetWaitsForWrite(t *testing.T) {
	m := blockdev.NewMemory(1 << 20)
	g := &gate{m, make(chan struct{}), make(chan struct{})}
	c := newCache(t, g, bcache.Options{})
	dirty(t, c, 0, block, block, 1)
	flushed := make(chan error)
	go func() { flushed <- c.Flush() }()
	<-g.arrived
	forgotten := make(chan struct{})
	go func() {
		c.Forget(block, block)
		data := make([]byte, block)
		fill(data, 2)
		if _, err := m.WriteAt(data, block); err != nil {
			t.Error(err)
		}
		close(forgotten)
	}()
	time.Sleep(10 * time.Millisecond) // for a Forget that does not wait to show itself
	select {
	case <-forgotten:
		t.Error("Forget returned while its bytes were being written")
	default:
	}
	close(g.open)
	if err := <-flushed; err != nil {
		t.Error(err)
	}
	<-forgotten
	onDisk(t, m, block, block, 2)
}

// TestFlushWaitsForFlush: a flush that finds nothing to do since another is writing it must wait for that one.
func TestFlushWaitsForFlush(t *testing.T) {
	m := blockdev.NewMemory(1 << 20)
	g := &gate{m, make(chan struct{}), make(chan struct{})}
	c := newCache(t, g, bcache.Options{})
	dirty(t, c, 4, block, block, 1)
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { first <- c.Flush() }()
	<-g.arrived
	go func() { second <- c.FlushOwner(4) }()
	select {
	case err := <-second:
		t.Errorf("FlushOwner returned, with %v, while its block was being written", err)
	case <-time.After(10 * time.Millisecond):
	}
	close(g.open)
	if err := <-second; err != nil {
		t.Error(err)
	}
	onDisk(t, m, block, block, 1)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

// TestEvictionWaitsForNobody: a holder that needs room gets it although another holds a dirty block and waits for the first.
func TestEvictionWaitsForNobody(t *testing.T) {
	c := newCache(t, blockdev.NewMemory(1<<20), bcache.Options{Budget: 2 * block})
	a := get(t, c, 0, block)
	a.Dirty(0, 0, block)
	waits := make(chan struct{})
	go func() {
		defer close(waits)
		b, err := c.Get(block, block)
		if err != nil {
			t.Error(err)
			return
		}
		defer b.Release()
		b.Dirty(0, 0, block)
		use(t, c, 0, block) // waits for a, holding b
	}()
	awaitHit(c)
	for no := int64(2); no < 20; no++ {
		b := get(t, c, no*block, block)
		b.Dirty(0, 0, block)
		b.Release()
	}
	a.Release()
	<-waits
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
}
