package dump

import (
	"fmt"

	"rump/ffs/ondisk"
	"rump/internal/endian"
)

// Types of records of the write-ahead log (wc_type).
const (
	recHeader      = 0x5741424c
	recInodes      = 0x5741424d
	recRevocations = 0x5741424e
	recBlocks      = 0x5741424f
)

// Offsets in a record; the first two are those of all types.
const (
	offRecType  = 0  // wc_type
	offRecLen   = 4  // wc_len
	offRecCount = 8  // wc_blkcount, wc_inocnt
	offRecClear = 12 // wc_clear
	offRecList  = 16 // wc_blocks, wc_inodes

	blockEntry = 16 // bytes of an entry: address, an unused word, length
	offDlen    = 12 // wc_dlen
	inodeEntry = 8  // inode number, mode
)

// Offsets in a commit header (struct wapbl_wc_header).
const (
	offHdrSum      = 8  // wc_checksum
	offHdrGen      = 12 // wc_generation
	offHdrFsid     = 16 // wc_fsid
	offHdrTime     = 24 // wc_time
	offHdrNsec     = 32 // wc_timensec
	offHdrVersion  = 36 // wc_version
	offHdrLogShift = 40 // wc_log_dev_bshift
	offHdrFsShift  = 44 // wc_fs_dev_bshift
	offHdrHead     = 48 // wc_head
	offHdrTail     = 56 // wc_tail
	offHdrCircOff  = 64 // wc_circ_off
	offHdrCircSize = 72 // wc_circ_size
)

// A record is the first block of one.
type record struct {
	b []byte
	o endian.Order
}

func (r record) kind() uint32          { return r.o.Uint32(r.b[offRecType:]) }
func (r record) length() int32         { return int32(r.o.Uint32(r.b[offRecLen:])) }
func (r record) u32(off int) uint32    { return r.o.Uint32(r.b[off:]) }
func (r record) i64(off int) int64     { return int64(r.o.Uint64(r.b[off:])) }
func (r record) room(entry int) uint32 { return uint32((len(r.b) - offRecList) / entry) }
func (r record) entries(size int) int  { return int(min(r.u32(offRecCount), r.room(size))) }
func (r record) entry(i, size int) int { return offRecList + i*size }
func (r record) generation() uint32    { return r.u32(offHdrGen) }
func (r record) live() (head, t int64) { return r.i64(offHdrHead), r.i64(offHdrTail) }

// kindName is a type of record in a word.
func kindName(kind uint32) string {
	switch kind {
	case recBlocks:
		return "blocks"
	case recRevocations:
		return "revocations"
	case recInodes:
		return "inodes"
	case recHeader:
		return "header"
	}
	return fmt.Sprintf("%08x", kind)
}

// eachRecord walks the log as it lies on the disk, not as it was written: the commit headers and what they call live. fn gets each block
// where a record begins, and its number; of a block that is all zeros the type is 0.
func (d *dumper) eachRecord(fn func(no int64, r record)) error {
	j, order, ok := d.s.FindJournal()
	if !ok || j.Version != ondisk.JournalVersion1 || j.Loc[2] == 0 {
		return nil
	}
	unit := int64(j.Loc[2])
	start, count := int64(j.Loc[0])*unit, int64(j.Loc[1])
	if start > d.dev.Size() || count > (d.dev.Size()-start)/unit {
		return &ondisk.CorruptError{What: "superblock: blocks of the log, which ends behind the volume:", Value: count}
	}
	var head, tail int64
	generation := uint32(0)
	for no, step := int64(0), int64(1); no < count; no += step {
		step = 1
		at := no * unit
		if no >= 2 && (head >= tail && (at < tail || at >= head) || head < tail && at >= head && at < tail) {
			continue
		}
		b, err := d.read(start+at, unit)
		if err != nil {
			return fmt.Errorf("log: %w", err)
		}
		r := record{b, order}
		fn(no, r)
		if r.kind() == 0 {
			continue
		}
		if r.kind() == recHeader {
			if r.generation() > generation {
				head, tail = r.live()
			}
			generation = r.generation()
		}
		if n := int64(r.length()); n > 0 {
			step = (n + unit - 1) / unit
		} else {
			break
		}
		if err := d.ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// eachLive walks the log as it was written: the two commit headers, then, from the tail to the head of the later one, what is live. It ends
// where the records make no sense.
func (d *dumper) eachLive(fn func(at int64, r record)) error {
	j, order, ok := d.s.FindJournal()
	if !ok || j.Version != ondisk.JournalVersion1 || j.Loc[2] == 0 {
		return nil
	}
	unit := int64(j.Loc[2])
	start, size := int64(j.Loc[0])*unit, int64(j.Loc[1])*unit
	get := func(at int64) (record, error) {
		b, err := d.read(start+at, unit)
		if err != nil {
			err = fmt.Errorf("log: %w", err)
		}
		return record{b, order}, err
	}
	var latest record
	for at := int64(0); at < 2*unit; at += unit {
		r, err := get(at)
		if err != nil {
			return err
		}
		fn(at, r)
		if r.kind() == recHeader && (latest.b == nil || r.generation() > latest.generation()) {
			latest = r
		}
	}
	if latest.b == nil {
		return nil
	}
	head, tail := latest.live()
	lo, length := latest.i64(offHdrCircOff), latest.i64(offHdrCircSize)
	inside := func(at int64) bool { return at >= lo && at-lo < length && at%unit == 0 }
	if lo < 2*unit || length <= 0 || lo > size || length > size-lo || !inside(head) || !inside(tail) {
		return nil
	}
	for at, seen := tail, int64(0); at != head && seen < length; {
		r, err := get(at)
		if err != nil {
			return err
		}
		n := int64(r.length())
		if n < unit || n%unit != 0 || n > length {
			return nil
		}
		fn(at, r)
		seen += n
		at = lo + (at-lo+n)%length
		if err := d.ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// journal prints the records of the log.
func (t *text) journal() error {
	return t.eachRecord(func(no int64, r record) {
		t.printf("journal block %d offset %d\n", no, no*int64(len(r.b)))
		switch r.kind() {
		case 0:
		case recHeader:
			t.commitHeader(r)
		default:
			if n := t.journalEntries(r); n != int64(r.length()) {
				t.printf("  CORRUPTED RECORD\n")
			}
		}
	})
}

func (t *text) commitHeader(r record) {
	t.printf("  type %s len %d  version %d\n", kindName(r.kind()), r.length(), r.u32(offHdrVersion))
	t.printf("  checksum      %08x  generation %9d\n", r.u32(offHdrSum), r.generation())
	t.printf("  fsid %08x.%08x  time %d nsec %d\n", r.u32(offHdrFsid), r.u32(offHdrFsid+4), uint64(r.i64(offHdrTime)), r.u32(offHdrNsec))
	t.printf("  log_bshift  %10d  fs_bshift %10d\n", r.u32(offHdrLogShift), r.u32(offHdrFsShift))
	head, tail := r.live()
	t.printf("  head        %10d  tail      %10d\n", head, tail)
	t.printf("  circ_off    %10d  circ_size %10d\n", r.i64(offHdrCircOff), r.i64(offHdrCircSize))
}

// journalEntries prints a record that is no header, and returns how long it should be.
func (t *text) journalEntries(r record) int64 {
	unit := int64(len(r.b))
	n := int64(0)
	t.printf("  type %s len %d", kindName(r.kind()), r.length())
	switch r.kind() {
	case recBlocks, recRevocations:
		t.printf("  blkcount %d\n", r.u32(offRecCount))
		for i := range r.entries(blockEntry) {
			at := r.entry(i, blockEntry)
			dlen := int32(r.u32(at + offDlen))
			if t.has(Verbose) {
				t.printf("  %3d: daddr %14d  dlen %d\n", i, uint64(r.i64(at)), dlen)
			}
			n += int64(dlen)
		}
		if r.kind() == recRevocations {
			n = 0
		}
		n = (n + unit - 1) / unit * unit
	case recInodes:
		t.printf("  count %d clear %d\n", r.u32(offRecCount), r.u32(offRecClear))
		for i := range r.entries(inodeEntry) {
			at := r.entry(i, inodeEntry)
			if t.has(Verbose) {
				t.printf("  %3d: inumber %10d  imode %08x\n", i, r.u32(at), r.u32(at+4))
			}
		}
	default:
		t.printf("\n")
	}
	return n + unit
}
