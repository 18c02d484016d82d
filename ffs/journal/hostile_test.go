package journal_test

import (
	"context"
	"encoding/binary"
	"errors"
	"syscall"
	"testing"
	"time"

	"rump/ffs/journal"
	"rump/ffs/ondisk"
	"rump/internal/endian"
	"rump/rumpfs/blockdev"
)

// hostile is a volume whose log holds a few transactions, and where in it they begin.
func hostile(tb testing.TB) (*blockdev.Memory, *ondisk.Super, journal.Area) {
	tb.Helper()
	disk, s, a := journaledVolume(tb, 64<<10, 512, endian.Little)
	w, err := start(disk, a, func() time.Time { return time.Unix(1e9, 0) })
	if err != nil {
		tb.Fatal(err)
	}
	for n := range uint64(2) {
		var t journal.Transaction
		for i := range int64(40) {
			t.Add(sectorOf(n), firstCell+i*1024)
		}
		t.Revoke(firstCell+512, 512)
		t.Inodes([]journal.Inode{{Ino: 5, Mode: 0o100644}, {Ino: 6, Mode: 0o40755}})
		w.Stage(&t)
		if err := w.Commit(); err != nil {
			tb.Fatal(err)
		}
	}
	return disk, s, a
}

// apply reads and replays a log that may be anything. Whatever it is, only bytes of the file system are written, and nothing if it is refused.
func apply(tb testing.TB, disk *blockdev.Memory, s *ondisk.Super, a journal.Area) error {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	l, err := journal.Read(ctx, disk, disk.Size(), s)
	if ctx.Err() != nil {
		tb.Fatal("took more than 5 seconds")
	}
	if err != nil {
		return err
	}
	rec := blockdev.NewRecorder(disk)
	if err := l.Replay(ctx, rec); err != nil {
		tb.Fatalf("verified, but: %v", err)
	}
	for _, e := range rec.Events() {
		if e.Op == blockdev.OpWrite && e.Off+e.Length > volumeSize {
			tb.Fatalf("replay writes outside the file system: %v", e)
		}
	}
	if err := l.Reset(disk, time.Unix(1e9, 0)); err != nil {
		tb.Fatal(err)
	}
	again, err := journal.Read(ctx, disk, disk.Size(), s)
	if err != nil {
		tb.Fatalf("after a reset: %v", err)
	}
	if len(again.Inodes) != len(l.Inodes) {
		tb.Fatalf("after a reset %d inodes, want %d", len(again.Inodes), len(l.Inodes))
	}
	return nil
}

// Each of these makes a log that must be refused, or one that is empty, or the other header's.
func TestHostileLogs(t *testing.T) {
	const slotB, record = 512, 1024 // generations 4 and 3 are in slots A and B: the log begins at its first record
	put32, put64 := binary.LittleEndian.PutUint32, binary.LittleEndian.PutUint64
	for _, c := range []struct {
		name string
		ok   bool
		do   func(log []byte)
	}{
		{"as it is", true, func([]byte) {}},
		{"no second header", true, func(b []byte) { clear(b[slotB : slotB+512]) }},
		{"no header", false, func(b []byte) { clear(b[:1024]) }},
		{"tail outside", true, func(b []byte) { put64(b[slotB+56:], 1<<40) }}, // the other header counts
		{"both tails outside", false, func(b []byte) { put64(b[slotB+56:], 1<<40); put64(b[56:], 1<<40) }},
		{"both heads negative", false, func(b []byte) { put64(b[slotB+48:], 1<<63); put64(b[48:], 1<<63) }},
		{"both tails inside a block", false, func(b []byte) { put64(b[slotB+56:], 1025); put64(b[56:], 1025) }},
		{"no ring", false, func(b []byte) { put64(b[slotB+72:], 0); put64(b[72:], 0) }},
		{"ring too long", false, func(b []byte) { put64(b[slotB+72:], 1<<62); put64(b[72:], 1<<62) }},
		{"ring over the headers", false, func(b []byte) { put64(b[slotB+64:], 0); put64(b[64:], 0) }},
		{"shift of 64", false, func(b []byte) { put32(b[slotB+44:], 64); put32(b[44:], 64) }},
		{"full to the last byte", true, func(b []byte) { copy(b[slotB+48:slotB+56], b[slotB+56:]); put32(b[slotB+12:], 99) }},
		{"unknown record", false, func(b []byte) { put32(b[record:], 0x57414250) }},
		{"a header as record", false, func(b []byte) { put32(b[record:], 0x5741424c) }},
		{"length 0", false, func(b []byte) { put32(b[record+4:], 0) }},
		{"length too large", false, func(b []byte) { put32(b[record+4:], 1<<31) }},
		{"too many blocks", false, func(b []byte) { put32(b[record+8:], 32) }},
		{"blocks beyond 32 bits", false, func(b []byte) { put32(b[record+8:], 1<<31) }},
		{"block of 0 bytes", false, func(b []byte) { put32(b[record+28:], 0) }},
		{"block of half a sector", false, func(b []byte) { put32(b[record+28:], 256) }},
		{"block of 2 GiB", false, func(b []byte) { put32(b[record+28:], 1<<31) }},
		{"block behind the end", false, func(b []byte) { put64(b[record+16:], volumeSize/512) }},
		{"block at 2^63", false, func(b []byte) { put64(b[record+16:], 1<<63) }},
		{"block that overflows", false, func(b []byte) { put64(b[record+16:], 1<<55) }},
		{"record beyond the head", false, func(b []byte) {
			for i := range 31 {
				put32(b[record+28+16*i:], 65536)
			}
		}},
	} {
		disk, s, a := hostile(t)
		log := make([]byte, a.Size)
		if _, err := disk.ReadAt(log, a.Start); err != nil {
			t.Fatal(err)
		}
		c.do(log)
		if _, err := disk.WriteAt(log, a.Start); err != nil {
			t.Fatal(err)
		}
		err := apply(t, disk, s, a)
		var corrupt *journal.CorruptError
		if c.ok && err != nil || !c.ok && (!errors.As(err, &corrupt) || !errors.Is(err, syscall.EIO)) {
			t.Errorf("%s: got %v, want success: %v", c.name, err, c.ok)
		}
	}
}

// Locators that lead nowhere are refused.
func TestHostileLocators(t *testing.T) {
	for _, j := range []ondisk.Journal{
		{Version: 2, Location: 1, Loc: [4]uint64{4096, 128, 512}},
		{Version: 1, Location: 0, Loc: [4]uint64{4096, 128, 512}},
		{Version: 1, Location: 3, Loc: [4]uint64{4096, 128, 512}},
		{Version: 1, Location: 1, Loc: [4]uint64{4096, 128, 0}},
		{Version: 1, Location: 1, Loc: [4]uint64{4096, 128, 513}},
		{Version: 1, Location: 1, Loc: [4]uint64{4096, 129, 512}},
		{Version: 1, Location: 1, Loc: [4]uint64{4096, 64, 512}},
		{Version: 1, Location: 1, Loc: [4]uint64{4095, 128, 512}},
		{Version: 1, Location: 1, Loc: [4]uint64{1<<63 - 1, 1<<63 - 1, 512}},
		{Version: 1, Location: 1, Loc: [4]uint64{^uint64(0), 128, 512}},
		{Version: 1, Location: 1, Loc: [4]uint64{4096, ^uint64(0), 512}},
		{Version: 1, Location: 2, Loc: [4]uint64{4096, 128, 512, 3}},
		{Version: 1, Location: 2, Loc: [4]uint64{16, 128, 512, 3}},
		{Version: 1, Location: 2, Loc: [4]uint64{2048, 128, 512, 0}},
		{Version: 1, Location: 2, Loc: [4]uint64{2048, 128, 512, 1 << 40}},
	} {
		disk, s, _ := hostile(t)
		s.SetJournal(endian.Little, j)
		if a, err := journal.Locate(disk, disk.Size(), s); err == nil {
			t.Errorf("%+v: found at %+v", j, a)
		}
		if _, err := journal.Read(ctx, disk, disk.Size(), s); err == nil {
			t.Errorf("%+v: read", j)
		}
	}
}

// FuzzRead replaces bytes of a log: patches of 4 bytes and more, each where, how many, and those.
func FuzzRead(f *testing.F) {
	base, s, a := hostile(f)
	f.Add([]byte{0, 2, 4, 0, 0, 0, 0})
	f.Add([]byte{4, 0, 1, 0x4d})
	f.Add([]byte{4, 8, 4, 31, 0, 0, 0, 4, 28, 4, 0, 0, 1, 0})
	f.Fuzz(func(t *testing.T, patches []byte) {
		disk := base.Snapshot()
		log := make([]byte, a.Size)
		if _, err := disk.ReadAt(log, a.Start); err != nil {
			t.Fatal(err)
		}
		for len(patches) > 3 {
			at := int(patches[0])<<8 | int(patches[1])
			n := copy(log[at:], patches[3:][:min(int(patches[2]), len(patches)-3)])
			patches = patches[3+n:]
		}
		if _, err := disk.WriteAt(log, a.Start); err != nil {
			t.Fatal(err)
		}
		_ = apply(t, disk, s, a) // an error is an answer
	})
}
