package journal

import (
	"io"
	"math/bits"

	"rump/internal/endian"
)

// Types of records (wc_type).
const (
	kindHeader      = 0x5741424c
	kindInodes      = 0x5741424d
	kindRevocations = 0x5741424e
	kindBlocks      = 0x5741424f
)

// Offsets that all records have.
const (
	offKind = 0 // wc_type
	offLen  = 4 // wc_len
)

// Offsets in a commit header (struct wapbl_wc_header).
const (
	offGeneration = 12 // wc_generation
	offTime       = 24 // wc_time
	offNsec       = 32 // wc_timensec
	offVersion    = 36 // wc_version
	offLogShift   = 40 // wc_log_dev_bshift
	offFsShift    = 44 // wc_fs_dev_bshift
	offHead       = 48 // wc_head
	offTail       = 56 // wc_tail
	offCircOff    = 64 // wc_circ_off
	offCircSize   = 72 // wc_circ_size

	headerVersion = 1
)

// A header says which part of the circular buffer is live. Offsets are bytes from the start of the area.
type header struct {
	generation uint32
	sec        int64 // when it was written
	nsec       uint32
	unit       int64 // bytes: blocks of the volume are whole units
	head, tail int64 // where the next record goes, where the oldest begins; both 0 if there is none
	ring       ring
	order      endian.Order
}

// A ring is the circular buffer.
type ring struct{ off, size int64 }

// advance is the place n bytes behind at; 0 stands for an empty buffer's begin.
func (r ring) advance(at, n int64) int64 {
	if at == 0 && n > 0 {
		at = r.off
	}
	if at += n; at >= r.off+r.size {
		at -= r.size
	}
	return at
}

// used is how many bytes are live.
func (r ring) used(head, tail int64) int64 {
	if tail == 0 {
		return 0
	}
	return (head+r.size-1-tail)%r.size + 1
}

// holds reports whether at is a place in the ring that begins a block.
func (r ring) holds(at, block int64) bool {
	return at >= r.off && at < r.off+r.size && (at-r.off)%block == 0
}

// ringOf is the circular buffer of an area.
func (a *Area) ringOf() ring { return ring{2 * a.Block, a.Size - 2*a.Block} }

// readHeader reads the commit header in one of the two slots, of even and of odd generations.
func (a *Area) readHeader(r io.ReaderAt, slot int64) (header, error) {
	b := make([]byte, a.Block)
	if err := a.read(r, b, slot*a.Block); err != nil {
		return header{}, err
	}
	return a.decodeHeader(b, slot)
}

func (a *Area) decodeHeader(b []byte, slot int64) (header, error) {
	o := a.Order
	h := header{
		generation: o.Uint32(b[offGeneration:]), sec: int64(o.Uint64(b[offTime:])), nsec: o.Uint32(b[offNsec:]),
		head: int64(o.Uint64(b[offHead:])), tail: int64(o.Uint64(b[offTail:])),
		ring: ring{int64(o.Uint64(b[offCircOff:])), int64(o.Uint64(b[offCircSize:]))}, order: o,
	}
	where := a.Start + slot*a.Block
	logShift, fsShift := o.Uint32(b[offLogShift:]), o.Uint32(b[offFsShift:])
	blockShift := uint32(bits.TrailingZeros64(uint64(a.Block)))
	switch {
	case o.Uint32(b[offKind:]) != kindHeader:
		return h, corrupt("no commit header, but", int64(o.Uint32(b[offKind:])), where)
	case o.Uint32(b[offVersion:]) != headerVersion:
		return h, corrupt("version of its format", int64(o.Uint32(b[offVersion:])), where)
	case logShift != blockShift:
		return h, corrupt("block shift", int64(logShift), where)
	case fsShift < 9 || fsShift > blockShift:
		return h, corrupt("block shift of the volume", int64(fsShift), where)
	case h.ring.off < 2*a.Block || h.ring.off%a.Block != 0 || h.ring.off >= a.Size:
		return h, corrupt("circular buffer at", h.ring.off, where)
	case h.ring.size <= 0 || h.ring.size%a.Block != 0 || h.ring.size > a.Size-h.ring.off:
		return h, corrupt("length of the circular buffer", h.ring.size, where)
	case h.head == 0 && h.tail == 0:
	case !h.ring.holds(h.head, a.Block):
		return h, corrupt("head", h.head, where)
	case !h.ring.holds(h.tail, a.Block):
		return h, corrupt("tail", h.tail, where)
	}
	h.unit = 1 << fsShift
	return h, nil
}

// encode writes the header into a block of the log.
func (h *header) encode(b []byte) {
	clear(b)
	o, shift := h.order, uint32(bits.TrailingZeros64(uint64(len(b))))
	o.PutUint32(b[offKind:], kindHeader)
	o.PutUint32(b[offLen:], uint32(len(b)))
	o.PutUint32(b[offGeneration:], h.generation)
	o.PutUint64(b[offTime:], uint64(h.sec))
	o.PutUint32(b[offNsec:], h.nsec)
	o.PutUint32(b[offVersion:], headerVersion)
	o.PutUint32(b[offLogShift:], shift)
	o.PutUint32(b[offFsShift:], uint32(bits.TrailingZeros64(uint64(h.unit))))
	o.PutUint64(b[offHead:], uint64(h.head))
	o.PutUint64(b[offTail:], uint64(h.tail))
	o.PutUint64(b[offCircOff:], uint64(h.ring.off))
	o.PutUint64(b[offCircSize:], uint64(h.ring.size))
}

// latest is the valid header of the later generation.
func (a *Area) latest(r io.ReaderAt) (header, error) {
	first, err := a.readHeader(r, 0)
	second, err2 := a.readHeader(r, 1)
	switch {
	case err != nil && err2 != nil:
		return header{}, err
	case err != nil, err2 == nil && second.generation > first.generation:
		return second, nil
	}
	return first, nil
}
