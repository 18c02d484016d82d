package bcache_test

import (
	"bytes"
	"fmt"
	"testing"

	"rump/rumpfs/bcache"
	"rump/rumpfs/blockdev"
)

// A held cache writes nothing, not when asked to and not for want of room; Take hands over each dirty sector once, with its last content.
func TestHeld(t *testing.T) {
	rec := blockdev.NewRecorder(blockdev.NewMemory(1 << 20))
	c := newCache(t, rec, bcache.Options{Budget: 4 * block, Held: true})
	for i := range int64(40) {
		b := get(t, c, i*block, block)
		for k := range b.Bytes() {
			b.Bytes()[k] = byte(i)
		}
		if i%2 == 0 {
			b.Dirty(7, 0, sector)
		} else if err := b.Write(sector, 3*sector); err != nil {
			t.Fatal(err)
		}
		b.Release()
	}
	if err := c.Flush(); err != nil {
		t.Error(err)
	}
	if err := c.FlushOwner(7); err != nil {
		t.Error(err)
	}
	c.Forget(0, sector)
	if got, want := c.DirtyBytes(), int64(19*sector+20*2*sector); got != want {
		t.Errorf("%d bytes dirty, want %d", got, want)
	}
	bcache.CheckInvariants(t, c)
	last := int64(-1)
	var got []string
	c.Take(func(p []byte, off int64) {
		if off <= last || !bytes.Equal(p, bytes.Repeat([]byte{byte(off / block)}, len(p))) {
			t.Errorf("bytes %d to %d: out of order, or not what was put there", off, off+int64(len(p)))
		}
		last = off
		got = append(got, fmt.Sprint(off%block, "+", len(p)))
	})
	if len(got) != 39 || got[0] != "512+1024" || got[1] != "0+512" {
		t.Errorf("taken: %v", got)
	}
	if c.DirtyBytes() != 0 || c.Stats().Dirty != 0 {
		t.Errorf("after that %d bytes in %d blocks are dirty", c.DirtyBytes(), c.Stats().Dirty)
	}
	c.Take(func(p []byte, off int64) { t.Errorf("taken twice: %d+%d", off, len(p)) })
	for i := range int64(40) {
		use(t, c, (100+i)*block, block)
	}
	if n := c.Stats().Blocks; n > 4 {
		t.Errorf("%d blocks, want no more than the budget", n)
	}
	if n := rec.Len(); n != 0 {
		t.Errorf("%d writes", n)
	}
}
