package journal_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"rump/ffs/journal"
	"rump/ffs/mkfs"
	"rump/ffs/ondisk"
	"rump/internal/endian"
	"rump/rumpfs/blockdev"
)

var (
	writerSeeds = flag.Int("writer.seeds", 3, "histories in TestWriter")
	writerCuts  = flag.Int("writer.cuts", 3, "random subsets of each open epoch in TestWriter")
)

const (
	volumeSize = 2 << 20
	cells      = 96 // sectors of the volume that play
	firstCell  = 1 << 20
)

// journaledVolume is a volume with an area for a log behind it.
func journaledVolume(tb testing.TB, logSize, block int64, order endian.Order) (*blockdev.Memory, *ondisk.Super, journal.Area) {
	tb.Helper()
	disk := blockdev.NewMemory(volumeSize + logSize)
	o := mkfs.Options{Version: 2, BlockSize: 4096, FragSize: 512, Size: volumeSize, Now: time.Unix(1e9, 0)}
	if _, err := mkfs.Newfs(ctx, disk, o); err != nil {
		tb.Fatal(err)
	}
	s, _, err := ondisk.FindSuper(disk, disk.Size())
	if err != nil {
		tb.Fatal(err)
	}
	s.SetJournal(order, ondisk.Journal{
		Version: ondisk.JournalVersion1, Location: ondisk.JournalAtEnd, Loc: [4]uint64{uint64(volumeSize / block), uint64(logSize / block), uint64(block)},
	})
	a, err := journal.Locate(disk, disk.Size(), s)
	if err != nil {
		tb.Fatal(err)
	}
	return disk, s, a
}

// start makes a writer with an empty log.
func start(dev blockdev.Device, a journal.Area, now func() time.Time) (*journal.Writer, error) {
	w, err := journal.New(dev, a, now)
	if err == nil {
		err = w.Begin()
	}
	return w, err
}

// A history is a writer at work, and what the cells hold after each of its commits.
type history struct {
	t      testing.TB
	r      *rand.Rand
	s      *ondisk.Super
	blank  *blockdev.Memory
	rec    *blockdev.Recorder
	w      *journal.Writer
	now    [cells]cell
	states []state
	n      uint64
}

// A cell is a sector.
type cell struct {
	use   byte   // free, metadata or data
	value uint64 // that it holds, if its use tells
}

const (
	freeCell = iota
	metaCell
	dataCell
	newCell // data that may not be durable
)

// A state is what there is after a commit.
type state struct {
	cells  [cells]cell
	inodes int
	acked  int // events when it was acknowledged; a large number before
}

func newHistory(t testing.TB, seed uint64, block int64) *history {
	order := endian.Little
	if seed%2 == 1 {
		order = endian.Big
	}
	disk, s, a := journaledVolume(t, 64<<10, block, order)
	h := &history{t: t, r: rand.New(rand.NewPCG(seed, 1)), s: s}
	p := make([]byte, cells*512)
	if _, err := disk.WriteAt(p, firstCell); err != nil {
		t.Fatal(err)
	}
	rec := blockdev.NewRecorder(disk)
	w, err := start(rec, a, h.clock)
	if err != nil {
		t.Fatal(err)
	}
	h.blank, h.rec, h.w = disk.Snapshot(), rec, w
	rec.Reset()
	h.states = []state{{}}
	return h
}

func (h *history) clock() time.Time { return time.Unix(1e9+int64(h.n), 0) }

func (h *history) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatalf("step %d: %v", h.n, err)
	}
}

func sectorOf(v uint64) []byte {
	p := make([]byte, 512)
	for i := 0; i < len(p); i += 8 {
		binary.LittleEndian.PutUint64(p[i:], v)
	}
	return p
}

// commit changes some cells, frees some, and lists some inodes. Some commits are larger than a record, or wrap.
func (h *history) commit() {
	h.n++
	unit := int(h.w.Unit() / 512)
	var t journal.Transaction
	share := 1 + h.r.IntN(12)
	for i := 0; i < cells; i += unit {
		c := &h.now[i]
		switch {
		case c.use != metaCell && c.use != freeCell:
			if h.r.IntN(3*share) == 0 { // a file goes; its space is free once that is committed
				c.use = freeCell
			}
		case h.r.IntN(share) != 0:
		case c.use == metaCell && h.r.IntN(3) == 0:
			t.Revoke(firstCell+int64(i)*512, int64(unit)*512)
			c.use = freeCell
		default:
			*c = cell{metaCell, h.n<<16 | uint64(i)}
			for k := range unit {
				t.Add(sectorOf(c.value), firstCell+int64(i+k)*512)
			}
		}
	}
	inodes := make([]journal.Inode, h.r.IntN(3)*h.r.IntN(80))
	for i := range inodes {
		inodes[i] = journal.Inode{Ino: ondisk.Ino(3 + i), Mode: 0o100644}
	}
	t.Inodes(inodes)
	for i := range h.now {
		if h.now[i].use == newCell {
			h.now[i].use = dataCell // this commit flushes it
		}
	}
	h.states = append(h.states, state{h.now, len(inodes), 1 << 62})
	h.w.Stage(&t)
	h.checkDisk()
	h.ok(h.w.Commit())
	h.states[len(h.states)-1].acked = h.rec.Len()
	h.checkDisk()
}

// write makes data of free cells.
func (h *history) write() {
	h.n++
	unit := int(h.w.Unit() / 512)
	for i := 0; i < cells; i += unit {
		if h.now[i].use == freeCell && h.r.IntN(3) == 0 {
			h.now[i] = cell{newCell, h.n<<16 | 0x8000 | uint64(i)}
			for k := range unit {
				_, err := h.rec.WriteAt(sectorOf(h.now[i].value), firstCell+int64(i+k)*512)
				h.ok(err)
			}
		}
	}
}

// checkDisk compares what the writer shows with what there is.
func (h *history) checkDisk() {
	h.t.Helper()
	if err := compare(h.w.Disk(), h.now[:], int(h.w.Unit()/512)); err != nil {
		h.t.Fatalf("step %d: %v", h.n, err)
	}
}

func compare(d blockdev.Device, want []cell, unit int) error {
	p := make([]byte, cells*512)
	if _, err := d.ReadAt(p, firstCell); err != nil {
		return err
	}
	for i := 0; i < cells; i += unit {
		if use := want[i].use; use == freeCell || use == newCell {
			continue
		}
		for k := range unit * 64 {
			if got := binary.LittleEndian.Uint64(p[i*512+k*8:]); got != want[i].value {
				return fmt.Errorf("cell %d, word %d: got %#x, want %#x", i, k, got, want[i].value)
			}
		}
	}
	return nil
}

// killed replays what is on a disk that was killed after so many events, and looks for a state that it can be.
func (h *history) killed(disk *blockdev.Memory, events int) {
	h.t.Helper()
	l, err := journal.Read(ctx, disk, disk.Size(), h.s)
	if err != nil {
		h.t.Fatalf("killed after %d events: %v", events, err)
	}
	if err := l.Replay(ctx, disk); err != nil {
		h.t.Fatal(err)
	}
	var first error
	for i := len(h.states) - 1; i >= 0; i-- {
		s := &h.states[i]
		err := compare(disk, s.cells[:], int(h.w.Unit()/512))
		if err == nil && len(l.Inodes) != s.inodes {
			err = fmt.Errorf("%d inodes, want %d", len(l.Inodes), s.inodes)
		}
		if err == nil {
			return
		}
		first = fmt.Errorf("not state %d: %w", i, err)
		if s.acked <= events {
			break
		}
	}
	h.t.Fatalf("killed after %d events of %d: %v", events, h.rec.Len(), first)
}

// What a log holds is, after every write and for any subset of writes that were not flushed, what one of its commits left, and not before the last one that
// was acknowledged. Data written to what a commit freed is never overwritten.
func TestWriter(t *testing.T) {
	seeds := *writerSeeds
	if testing.Short() {
		seeds = 1
	}
	total := 0
	for seed := range seeds {
		for _, block := range []int64{512, 1024} {
			h := newHistory(t, uint64(seed), block)
			for range 60 {
				switch h.r.IntN(8) {
				case 0:
					h.ok(h.w.Checkpoint())
				case 1, 2:
					h.write()
				default:
					h.commit()
				}
			}
			total += h.checkAll()
		}
	}
	t.Logf("%d states", total)
}

// checkAll looks at every prefix of the events, and at random subsets of each epoch.
func (h *history) checkAll() (n int) {
	h.t.Helper()
	events := h.rec.Events()
	disk := h.blank.Snapshot()
	for _, e := range h.rec.Epochs() {
		for range *writerCuts {
			cut := disk.Snapshot()
			for _, x := range events[e.Lo:e.Hi] {
				for _, part := range x.Tear(512) {
					if h.r.IntN(2) == 0 {
						h.ok(part.Apply(cut))
					}
				}
			}
			h.killed(cut, e.Lo)
			n++
		}
		for i, x := range events[e.Lo:e.Hi] {
			h.ok(x.Apply(disk))
			h.killed(disk.Snapshot(), e.Lo+i+1)
			n++
		}
	}
	return n
}

// A log that is left alone is empty after a checkpoint, and one that is too small for a transaction says so.
func TestWriterRoom(t *testing.T) {
	disk, s, a := journaledVolume(t, 64<<10, 512, endian.Little)
	w, err := start(disk, a, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	var tx journal.Transaction
	most := w.MaxTransaction(0)
	for off := int64(0); w.Cost(int64(off)+512, 0, 0) < most; off += 512 {
		tx.Add(sectorOf(uint64(off)), firstCell+off)
	}
	for range 3 {
		w.Stage(&tx)
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	if used, _ := w.Used(); used != 0 {
		t.Errorf("%d bytes live after a checkpoint", used)
	}
	if l, err := journal.Read(ctx, disk, disk.Size(), s); err != nil || !l.IsEmpty() {
		t.Errorf("after a checkpoint: %v, empty %v", err, l.IsEmpty())
	}
	for off := int64(0); off < 128<<10; off += 512 {
		tx.Add(sectorOf(uint64(off)), firstCell+off)
	}
	w.Stage(&tx)
	if err := w.Commit(); err == nil {
		t.Error("128 KiB went into a log of 64")
	}
}
