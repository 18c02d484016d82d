package bcache_test

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"rump/rumpfs/bcache"
	"rump/rumpfs/blockdev"
)

const (
	block  = 4096
	sector = 512
)

// newCache makes a cache that must have no pins at the end of the test.
func newCache(t testing.TB, d blockdev.Device, o bcache.Options) *bcache.Cache {
	t.Helper()
	if o.BlockSize == 0 {
		o.BlockSize = block
	}
	c, err := bcache.New(d, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		bcache.CheckInvariants(t, c)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func get(t testing.TB, c *bcache.Cache, off int64, n int) *bcache.Buf {
	t.Helper()
	b, err := c.Get(off, n)
	if err != nil {
		t.Fatalf("Get(%d, %d): %v", off, n, err)
	}
	return b
}

// use gets and releases a buffer; unlike get it may be called in any goroutine.
func use(t testing.TB, c *bcache.Cache, off int64, n int) {
	t.Helper()
	b, err := c.Get(off, n)
	if err != nil {
		t.Errorf("Get(%d, %d): %v", off, n, err)
		return
	}
	b.Release()
}

// awaitHit waits until someone has found a block in the cache, if only to wait for its lock.
func awaitHit(c *bcache.Cache) {
	for c.Stats().Hits == 0 {
		runtime.Gosched()
	}
}

// dirty writes v all over the sectors [off, off+n) and marks them.
func dirty(t testing.TB, c *bcache.Cache, owner uint64, off int64, n int, v byte) {
	t.Helper()
	b := get(t, c, off, n)
	defer b.Release()
	fill(b.Bytes(), v)
	b.Dirty(owner, 0, n)
}

func fill(p []byte, v byte) {
	for i := range p {
		p[i] = v
	}
}

// onDisk checks that the sectors [off, off+n) of d are all v.
func onDisk(t testing.TB, d blockdev.Device, off int64, n int, v byte) {
	t.Helper()
	p := make([]byte, n)
	if _, err := d.ReadAt(p, off); err != nil {
		t.Fatal(err)
	}
	for i, b := range p {
		if b != v {
			t.Fatalf("disk at %d: got %#x, want %#x", off+int64(i), b, v)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	d4k, err := blockdev.NewMemorySectors(1<<20, 4096)
	if err != nil {
		t.Fatal(err)
	}
	d := blockdev.NewMemory(1 << 20)
	tests := []struct {
		d blockdev.Device
		o bcache.Options
	}{
		{d, bcache.Options{}},
		{d, bcache.Options{BlockSize: -4096}},
		{d, bcache.Options{BlockSize: 256}},
		{d, bcache.Options{BlockSize: 12288}},
		{d, bcache.Options{BlockSize: 128 << 10}},
		{d4k, bcache.Options{BlockSize: 2048}},
		{d, bcache.Options{BlockSize: 4096, Budget: -1}},
	}
	for _, test := range tests {
		if _, err := bcache.New(test.d, test.o); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("New(%+v): got %v, want EINVAL", test.o, err)
		}
	}
}

func TestGetRefuses(t *testing.T) {
	c := newCache(t, blockdev.NewMemory(10*block+1024), bcache.Options{})
	tests := []struct {
		off int64
		n   int
	}{
		{-block, block}, {-sector, sector}, {0, 0}, {0, -sector}, {0, 100}, {100, sector}, {0, block + sector}, {block - sector, 2 * sector},
		{10*block + 1024, sector}, {10 * block, block}, {10*block + 512, 1024}, {1 << 62, sector}, {-1 << 63, sector}, {1<<63 - sector, sector},
		{0, 1 << 62}, {0, -1 << 63},
	}
	for _, test := range tests {
		for name, f := range map[string]func(int64, int) (*bcache.Buf, error){"Get": c.Get, "GetNew": c.GetNew} {
			if b, err := f(test.off, test.n); b != nil || !errors.Is(err, syscall.EINVAL) {
				t.Errorf("%s(%d, %d): got %v, want EINVAL", name, test.off, test.n, err)
			}
		}
	}
	b := get(t, c, 10*block, 1024) // a short last block
	if len(b.Bytes()) != 1024 || cap(b.Bytes()) != 1024 {
		t.Errorf("bytes: got %d of %d, want 1024: an append would spoil a neighbour", len(b.Bytes()), cap(b.Bytes()))
	}
	b.Release()
	if st := c.Stats(); st.Blocks != 1 {
		t.Errorf("blocks after refusals: got %d, want 1", st.Blocks)
	}
}

func TestReadsOnlyWhatIsAsked(t *testing.T) {
	f := blockdev.NewFaulty(blockdev.NewMemory(1<<20), blockdev.Plan{})
	c := newCache(t, f, bcache.Options{})
	get(t, c, block+sector, sector).Release()
	get(t, c, block+3*sector, sector).Release()
	get(t, c, block+sector, sector).Release()
	if got := f.Count(blockdev.OpRead); got != 2 {
		t.Fatalf("reads: got %d, want 2", got)
	}
	var calls []blockdev.Call
	f.Set(blockdev.Plan{Fail: func(c blockdev.Call) error { calls = append(calls, c); return nil }})
	get(t, c, block, block).Release() // sectors 0, 2 and 4 to 7 are missing
	want := []blockdev.Call{
		{Op: blockdev.OpRead, N: 1, Off: block, Length: sector},
		{Op: blockdev.OpRead, N: 2, Off: block + 2*sector, Length: sector},
		{Op: blockdev.OpRead, N: 3, Off: block + 4*sector, Length: 4 * sector},
	}
	if len(calls) != len(want) {
		t.Fatalf("reads: got %v, want %v", calls, want)
	}
	for i := range want {
		if calls[i] != want[i] {
			t.Errorf("read %d: got %v, want %v", i, calls[i], want[i])
		}
	}
}

// TestWriteIsOrdered asserts with a recorder what reaches the disk and when.
func TestWriteIsOrdered(t *testing.T) {
	rec := blockdev.NewRecorder(blockdev.NewMemory(1 << 20))
	c := newCache(t, rec, bcache.Options{})

	dirty(t, c, 0, 0, block, 1) // delayed: must not show up
	b := get(t, c, 5*block, block)
	fill(b.Bytes(), 2)
	b.Dirty(9, 0, 700)                          // sectors 0 and 1, delayed
	if err := b.Write(1030, 1040); err != nil { // sector 2
		t.Fatal(err)
	}
	if err := b.Write(500, 520); err != nil { // sectors 0 and 1, with what was delayed in them
		t.Fatal(err)
	}
	if err := b.Write(40, 40); err != nil { // nothing
		t.Fatal(err)
	}
	b.Release()
	b = get(t, c, 5*block+3*sector, sector)
	fill(b.Bytes(), 3)
	if err := b.Write(0, sector); err != nil {
		t.Fatal(err)
	}
	b.Release()
	wantEvents(t, rec, "write 21504+512", "write 20480+1024", "write 22016+512")
	onDisk(t, rec, 5*block, 3*sector, 2)
	onDisk(t, rec, 5*block+3*sector, sector, 3)
	onDisk(t, rec, 0, block, 0)

	if err := c.FlushOwner(9); err != nil { // clean by now
		t.Fatal(err)
	}
	wantEvents(t, rec, "write 21504+512", "write 20480+1024", "write 22016+512")
	if st := c.Stats(); st.Dirty != 1 {
		t.Errorf("dirty blocks: got %d, want 1", st.Dirty)
	}
}

func wantEvents(t testing.TB, rec *blockdev.Recorder, want ...string) {
	t.Helper()
	var got []string
	for _, e := range rec.Events() {
		got = append(got, e.String())
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Fatalf("events: got\n%s\nwant\n%s", g, w)
	}
}

func TestFlushSortsAndMerges(t *testing.T) {
	rec := blockdev.NewRecorder(blockdev.NewMemory(4 << 20))
	c := newCache(t, rec, bcache.Options{})
	for _, no := range []int64{9, 3, 100, 2, 4} {
		dirty(t, c, 0, no*block, block, byte(no))
	}
	dirty(t, c, 0, 5*block, sector, 5)          // joins the end of block 4
	dirty(t, c, 0, 5*block+2*sector, sector, 5) // does not
	dirty(t, c, 0, 10*block+sector, sector, 10)
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	wantEvents(t, rec, "write 8192+12800", "write 21504+512", "write 36864+4096", "write 41472+512", "write 409600+4096")
	for _, no := range []int64{9, 3, 100, 2, 4} {
		onDisk(t, rec, no*block, block, byte(no))
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	if got := rec.Len(); got != 5 {
		t.Errorf("events after a second flush: got %d, want 5", got)
	}

	// A long run is cut to bounded writes, with nothing lost at the cuts.
	rec.Reset()
	for no := range int64(300) {
		dirty(t, c, 0, no*block, block, byte(no+1))
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	if got := rec.Len(); got != 5 { // 1.2 MiB in pieces of 256 KiB
		t.Errorf("writes for 300 neighbours: got %d, want 5", got)
	}
	for no := range int64(300) {
		onDisk(t, rec, no*block, block, byte(no+1))
	}
}

func TestFlushOwner(t *testing.T) {
	rec := blockdev.NewRecorder(blockdev.NewMemory(1 << 20))
	c := newCache(t, rec, bcache.Options{})
	dirty(t, c, 1, 0, sector, 1)
	dirty(t, c, 2, 10*block, sector, 2)
	dirty(t, c, 1, 20*block, sector, 1)
	dirty(t, c, 0, 30*block, sector, 3)
	dirty(t, c, 1, 20*block, sector, 4) // twice is once
	for range 2 {
		if err := c.FlushOwner(1); err != nil {
			t.Fatal(err)
		}
	}
	wantEvents(t, rec, "write 0+512", "write 81920+512")
	for _, nobody := range []uint64{0, 77} {
		if err := c.FlushOwner(nobody); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := rec.Len(), 2; got != want {
		t.Errorf("events after flushing for nobody: got %d, want %d", got, want)
	}
	c.Forget(10*block, block)
	if err := c.FlushOwner(2); err != nil {
		t.Fatal(err)
	}
	if got, want := rec.Len(), 2; got != want {
		t.Errorf("events after flushing for the owner of forgotten bytes: got %d, want %d", got, want)
	}
}

func TestAsync(t *testing.T) {
	rec := blockdev.NewRecorder(blockdev.NewMemory(1 << 20))
	c := newCache(t, rec, bcache.Options{Async: true})
	b := get(t, c, 0, block)
	fill(b.Bytes(), 1)
	if err := b.Write(0, block); err != nil {
		t.Fatal(err)
	}
	b.Release()
	if got := rec.Len(); got != 0 {
		t.Fatalf("events after Write: got %d, want 0", got)
	}
	if err := c.FlushOwner(5); err != nil { // whose name may depend on what was written for nobody
		t.Fatal(err)
	}
	wantEvents(t, rec, "write 0+4096")
	onDisk(t, rec, 0, block, 1)
}

func TestGetNew(t *testing.T) {
	rec := blockdev.NewRecorder(blockdev.NewMemoryFrom(bytes.Repeat([]byte{7}, 4*block)))
	f := blockdev.NewFaulty(rec, blockdev.Plan{})
	c := newCache(t, f, bcache.Options{})
	dirty(t, c, 3, sector, sector, 9) // a former life of these bytes
	reads := f.Count(blockdev.OpRead)
	b, err := c.GetNew(0, 3*sector)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), make([]byte, 3*sector)) {
		t.Error("GetNew: not zeros")
	}
	if cap(b.Bytes()) != 3*sector {
		t.Errorf("capacity: got %d, want %d: an append would spoil a neighbour", cap(b.Bytes()), 3*sector)
	}
	b.Release()
	if got := f.Count(blockdev.OpRead); got != reads {
		t.Errorf("GetNew read %d times, want 0", got-reads)
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	wantEvents(t, rec) // neither the former life nor zeros that nobody called dirty
	b = get(t, c, 0, block)
	defer b.Release()
	if got := b.Bytes()[3*sector-1]; got != 0 {
		t.Errorf("last new byte: got %d, want 0", got)
	}
	if got := b.Bytes()[3*sector]; got != 7 {
		t.Errorf("byte behind the new ones: got %d, want 7", got)
	}
}

func TestForget(t *testing.T) {
	m := blockdev.NewMemory(1 << 20)
	c := newCache(t, m, bcache.Options{})
	dirty(t, c, 1, block, block, 1)
	dirty(t, c, 1, 2*block, block, 2)
	dirty(t, c, 1, 3*block, block, 3)
	c.Forget(2*block-sector, block+2*sector) // the end of one, all of the next, the beginning of the third
	c.Forget(100*block, 3*block)             // not in the cache
	data := bytes.Repeat([]byte{0xdd}, block+2*sector)
	if _, err := m.WriteAt(data, 2*block-sector); err != nil {
		t.Fatal(err)
	}
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	onDisk(t, m, block, block-sector, 1)
	onDisk(t, m, 2*block-sector, block+2*sector, 0xdd)
	onDisk(t, m, 3*block+sector, block-sector, 3)
	b := get(t, c, 2*block, block)
	defer b.Release()
	if got := b.Bytes()[0]; got != 0xdd {
		t.Errorf("metadata again: got %#x, want what the disk holds, 0xdd", got)
	}
}

// TestHolderIsAlone: two pieces of one block exclude each other, for the lock is the block's.
func TestHolderIsAlone(t *testing.T) {
	c := newCache(t, blockdev.NewMemory(1<<20), bcache.Options{})
	b := get(t, c, 0, sector)
	got := make(chan struct{})
	go func() {
		defer close(got)
		use(t, c, sector, sector)
	}()
	awaitHit(c)
	select {
	case <-got:
		t.Error("a second buffer in a locked block was handed out")
	default:
	}
	b.Release()
	<-got
}

func TestCloseReportsPins(t *testing.T) {
	c, err := bcache.New(blockdev.NewMemory(1<<20), bcache.Options{BlockSize: block})
	if err != nil {
		t.Fatal(err)
	}
	b := get(t, c, 3*block, sector)
	if err := c.Close(); !errors.Is(err, syscall.EBUSY) || !strings.Contains(err.Error(), "12288") {
		t.Errorf("Close with a buffer held: got %v, want EBUSY and its place", err)
	}
	b.Release()
	if err := c.Close(); err != nil {
		t.Errorf("Close: got %v, want nil", err)
	}
}

func TestMisuse(t *testing.T) {
	c := newCache(t, blockdev.NewMemory(1<<20), bcache.Options{})
	b := get(t, c, 0, 2*sector)
	mustPanic(t, "Dirty past the end", func() { b.Dirty(0, 0, 2*sector+1) })
	mustPanic(t, "Dirty before the start", func() { b.Dirty(0, -1, 3) })
	mustPanic(t, "Write of a negative range", func() { _ = b.Write(5, 4) })
	b.Release()
	mustPanic(t, "second Release", b.Release)
	mustPanic(t, "Forget of half a sector", func() { c.Forget(0, 100) })
}

func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s: no panic", what)
		}
	}()
	f()
}

func TestHitAllocatesNothing(t *testing.T) {
	c := newCache(t, blockdev.NewMemory(1<<20), bcache.Options{})
	use := func() {
		b := get(t, c, 2*block, 2*sector)
		b.Dirty(8, 0, 10)
		if err := b.Write(600, 610); err != nil {
			t.Error(err)
		}
		b.Release()
	}
	use()
	if n := testing.AllocsPerRun(100, use); n != 0 {
		t.Errorf("allocations on a hit: got %v, want 0", n)
	}
}
