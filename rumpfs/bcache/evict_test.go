package bcache_test

import (
	"errors"
	"log/slog"
	"strings"
	"syscall"
	"testing"

	"rump/rumpfs/bcache"
	"rump/rumpfs/blockdev"
)

func TestBudget(t *testing.T) {
	rec := blockdev.NewRecorder(blockdev.NewMemory(8 << 20))
	c := newCache(t, rec, bcache.Options{Budget: 10 * block})
	for no := range int64(1000) {
		get(t, c, no*block, sector).Release()
		if st := c.Stats(); st.Bytes > 10*block {
			t.Fatalf("after %d blocks: %d bytes of buffers, want at most %d", no, st.Bytes, 10*block)
		}
	}
	if rec.Len() != 0 {
		t.Errorf("eviction of clean blocks wrote %d times", rec.Len())
	}
	for no := range int64(1000) {
		dirty(t, c, uint64(no), no*block, sector, byte(no|1))
		if st := c.Stats(); st.Bytes > 10*block {
			t.Fatalf("after %d dirty blocks: %d bytes of buffers, want at most %d", no, st.Bytes, 10*block)
		}
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	for no := range int64(1000) {
		onDisk(t, rec, no*block, sector, byte(no|1))
	}
}

// TestCleanGoFirst: as long as there are clean blocks to give up, dirty ones stay unwritten.
func TestCleanGoFirst(t *testing.T) {
	rec := blockdev.NewRecorder(blockdev.NewMemory(8 << 20))
	c := newCache(t, rec, bcache.Options{Budget: 16 * block})
	for no := range int64(4) {
		dirty(t, c, 0, no*block, sector, 1)
	}
	for no := int64(4); no < 16; no++ {
		get(t, c, no*block, sector).Release()
	}
	for no := int64(16); no < 28; no++ {
		get(t, c, no*block, sector).Release()
	}
	if rec.Len() != 0 {
		t.Errorf("writes while there were clean blocks to evict: got %d, want 0", rec.Len())
	}
}

// TestUsedBlocksStay: a block in use between the newcomers survives a scan of the disk.
func TestUsedBlocksStay(t *testing.T) {
	f := blockdev.NewFaulty(blockdev.NewMemory(8<<20), blockdev.Plan{})
	c := newCache(t, f, bcache.Options{Budget: 16 * block})
	get(t, c, 0, sector).Release()
	for no := int64(1); no < 1000; no++ {
		get(t, c, no*block, sector).Release()
		get(t, c, 0, sector).Release()
	}
	if got, want := f.Count(blockdev.OpRead), 1000; got != want {
		t.Errorf("reads: got %d, want %d", got, want)
	}
}

// TestAllPinned: buffers that are held are never evicted; the budget gives way, and holds again later.
func TestAllPinned(t *testing.T) {
	c := newCache(t, blockdev.NewMemory(8<<20), bcache.Options{Budget: 2 * block})
	var held []*bcache.Buf
	for no := range int64(10) {
		b := get(t, c, no*block, block)
		fill(b.Bytes(), byte(no+1))
		b.Dirty(0, 0, block)
		held = append(held, b)
	}
	for no, b := range held {
		if got := b.Bytes()[block-1]; got != byte(no+1) {
			t.Errorf("held block %d: got %d, want %d", no, got, no+1)
		}
		b.Release()
	}
	get(t, c, 100*block, sector).Release()
	if st := c.Stats(); st.Blocks > 2 {
		t.Errorf("blocks afterwards: got %d, want at most 2", st.Blocks)
	}
	for no := range int64(10) {
		b := get(t, c, no*block, block)
		if got := b.Bytes()[0]; got != byte(no+1) {
			t.Errorf("evicted block %d: got %d, want %d", no, got, no+1)
		}
		b.Release()
	}
}

func TestReadError(t *testing.T) {
	f := blockdev.NewFaulty(blockdev.NewMemory(1<<20), blockdev.Plan{Fail: blockdev.FailRange(blockdev.OpRead, block, block+sector, syscall.EIO)})
	c := newCache(t, f, bcache.Options{})
	for range 2 {
		if b, err := c.Get(block, block); b != nil || !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "4096") {
			t.Fatalf("Get of a bad sector: got %v, want EIO and the place", err)
		}
	}
	get(t, c, block+sector, sector).Release() // its neighbour is well
	f.Set(blockdev.Plan{})
	get(t, c, block, block).Release()
}

func TestOrderedWriteError(t *testing.T) {
	f := blockdev.NewFaulty(blockdev.NewMemory(1<<20), blockdev.Plan{Fail: blockdev.FailNth(blockdev.OpWrite, 1, 1, syscall.ENOSPC)})
	c := newCache(t, f, bcache.Options{})
	b := get(t, c, block, block)
	fill(b.Bytes(), 5)
	if err := b.Write(sector, 2*sector); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "4608") {
		t.Errorf("Write: got %v, want ENOSPC and the place", err)
	}
	b.Release()
	if err := c.Flush(); err != nil {
		t.Fatalf("Flush: got %v, want nil", err)
	}
	onDisk(t, f, block+sector, sector, 5)
	onDisk(t, f, block, sector, 0)
}

// TestFlushErrors: a bad sector costs no other sector its write, and itself only until the disk is well.
func TestFlushErrors(t *testing.T) {
	bad := int64(7*block + 2*sector)
	f := blockdev.NewFaulty(blockdev.NewMemory(1<<20), blockdev.Plan{Fail: blockdev.FailRange(blockdev.OpWrite, bad, bad+sector, syscall.EIO)})
	c := newCache(t, f, bcache.Options{})
	for no := int64(4); no < 12; no++ {
		dirty(t, c, 1, no*block, block, byte(no))
	}
	for name, flush := range map[string]func() error{"Flush": c.Flush, "FlushOwner": func() error { return c.FlushOwner(1) }} {
		if err := flush(); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: got %v, want EIO", name, err)
		}
	}
	for no := int64(4); no < 12; no++ {
		if no != 7 {
			onDisk(t, f, no*block, block, byte(no))
		}
	}
	if st := c.Stats(); st.Dirty != 1 {
		t.Errorf("dirty blocks: got %d, want 1", st.Dirty)
	}
	f.Set(blockdev.Plan{})
	if err := c.FlushOwner(1); err != nil {
		t.Errorf("FlushOwner on a disk that is well again: got %v, want nil", err)
	}
	onDisk(t, f, 7*block, block, 7)
}

// TestEvictionErrors: a full host loses no metadata; readers that need room are told; when there is room again all is written.
func TestEvictionErrors(t *testing.T) {
	var log strings.Builder
	f := blockdev.NewFaulty(blockdev.NewMemory(8<<20), blockdev.Plan{})
	c := newCache(t, f, bcache.Options{Budget: 8 * block, Log: slog.New(slog.NewTextHandler(&log, nil))})
	for no := range int64(8) {
		dirty(t, c, 3, no*block, block, byte(no+1))
	}
	f.Set(blockdev.Plan{Fail: blockdev.FailRange(blockdev.OpWrite, 0, 8<<20, syscall.ENOSPC)})
	for range 3 {
		if b, err := c.Get(100*block, sector); b != nil || !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("Get without room: got %v, want ENOSPC", err)
		}
	}
	if got := strings.Count(log.String(), "\n"); got != 1 {
		t.Errorf("log: got %d lines, want 1 for three failures in a row:\n%s", got, log.String())
	}
	if err := c.Flush(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Flush: got %v, want ENOSPC", err)
	}
	b := get(t, c, 3*block, block) // what is there stays usable
	if got := b.Bytes()[0]; got != 4 {
		t.Errorf("dirty block: got %d, want 4", got)
	}
	b.Release()
	if st := c.Stats(); st.Bytes > 8*block {
		t.Errorf("buffers: got %d bytes, want at most %d", st.Bytes, 8*block)
	}
	f.Set(blockdev.Plan{})
	get(t, c, 100*block, sector).Release()
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	for no := range int64(8) {
		onDisk(t, f, no*block, block, byte(no+1))
	}
}

// TestOneBadSectorLeavesRoom: an eviction that cannot write one block takes another.
func TestOneBadSectorLeavesRoom(t *testing.T) {
	f := blockdev.NewFaulty(blockdev.NewMemory(8<<20), blockdev.Plan{Fail: blockdev.FailRange(blockdev.OpWrite, 0, sector, syscall.EIO)})
	c := newCache(t, f, bcache.Options{Budget: 4 * block})
	for no := range int64(200) {
		dirty(t, c, 0, no*block, sector, 1)
	}
	if err := c.Flush(); !errors.Is(err, syscall.EIO) {
		t.Errorf("Flush: got %v, want EIO", err)
	}
	f.Set(blockdev.Plan{})
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	for no := range int64(200) {
		onDisk(t, f, no*block, sector, 1)
	}
}
