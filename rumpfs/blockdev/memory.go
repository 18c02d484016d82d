package blockdev

import (
	"bytes"
	"maps"
	"math/bits"
	"sync"
)

const (
	pageSize    = 16 << 10 // bytes, unless sectors are larger: a page has a lock, and a sector is written whole
	memoryParts = 64       // locks of a Memory; neighbouring pages have different ones
)

// A Memory is a Device in memory. Only pages that were written take room, so its size costs nothing.
//
// Snapshots share pages with their origin until one of both writes them.
type Memory struct {
	geometry
	page  int64 // size of a page, in bytes: 1 << shift
	shift uint

	// all is held exclusively for a snapshot, shared by everything else.
	all   sync.RWMutex
	owner *ownership // pages of another owner are shared with a snapshot: copied before a write
	parts [memoryParts]memoryPart
}

type memoryPart struct {
	mu    sync.RWMutex
	pages map[int64]*page // by number; a missing page is zeros
}

type page struct {
	owner *ownership
	data  []byte
}

// An ownership is compared by address only.
type ownership struct{ _ byte }

var (
	_ Device    = (*Memory)(nil)
	_ Discarder = (*Memory)(nil)
)

// NewMemory makes a disk of zeros with sectors of 512 bytes. The size is rounded down to whole sectors.
func NewMemory(size int64) *Memory {
	m, err := NewMemorySectors(size, DefaultSectorSize)
	if err != nil {
		panic(err) // 512 is a sector size
	}
	return m
}

// NewMemorySectors is NewMemory with another sector size.
func NewMemorySectors(size int64, sector int) (*Memory, error) {
	if err := checkSectorSize(sector); err != nil {
		return nil, err
	}
	m := &Memory{geometry: geometry{max(size, 0) &^ int64(sector-1), sector}, page: int64(max(pageSize, sector)), owner: new(ownership)}
	m.shift = uint(bits.TrailingZeros64(uint64(m.page)))
	for i := range m.parts {
		m.parts[i].pages = make(map[int64]*page)
	}
	return m, nil
}

// NewMemoryFrom makes a disk that holds a copy of b, padded with zeros to a whole sector.
func NewMemoryFrom(b []byte) *Memory {
	size := (int64(len(b)) + DefaultSectorSize - 1) &^ (DefaultSectorSize - 1)
	m := NewMemory(size)
	m.span(0, len(b), func(no int64, at, lo, hi int) { m.write(no, at, b[lo:hi]) })
	return m
}

// ReadAt implements Device.
func (m *Memory) ReadAt(p []byte, off int64) (int, error) {
	if err := m.check(off, len(p)); err != nil {
		return 0, err
	}
	m.all.RLock()
	defer m.all.RUnlock()
	m.span(off, len(p), func(no int64, at, lo, hi int) { m.read(no, at, p[lo:hi]) })
	return len(p), nil
}

// WriteAt implements Device.
func (m *Memory) WriteAt(p []byte, off int64) (int, error) {
	if err := m.check(off, len(p)); err != nil {
		return 0, err
	}
	m.all.RLock()
	defer m.all.RUnlock()
	m.span(off, len(p), func(no int64, at, lo, hi int) { m.write(no, at, p[lo:hi]) })
	return len(p), nil
}

// Discard implements Discarder.
func (m *Memory) Discard(off, length int64) error {
	if err := m.check64(off, length); err != nil {
		return err
	}
	m.all.RLock()
	defer m.all.RUnlock()
	end := off + length
	first, last := off>>m.shift, end>>m.shift // whole pages are first to last-1
	if off&(m.page-1) != 0 {
		first++
	}
	if first > last {
		m.zero(last, off, end) // inside one page
		return nil
	}
	m.zero(first-1, off, first*m.page)
	m.zero(last, last*m.page, end)
	for i := range m.parts {
		m.parts[i].drop(first, last)
	}
	return nil
}

// zero clears the bytes [off, end) of the device, which lie on one page.
func (m *Memory) zero(no, off, end int64) {
	if off == end {
		return
	}
	part := m.part(no)
	part.mu.Lock()
	defer part.mu.Unlock()
	if pg := m.ownPageLocked(part, no, true); pg != nil {
		clear(pg.data[off-no*m.page : end-no*m.page])
	}
}

// drop forgets the pages [first, last): those that exist are looked at, for there may be fewer of them.
func (p *memoryPart) drop(first, last int64) {
	if first == last {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.pages, func(no int64, _ *page) bool { return no >= first && no < last })
}

// span cuts a transfer into pages: the page, the place in it, and the part of the caller's slice.
func (m *Memory) span(off int64, length int, do func(no int64, at, lo, hi int)) {
	for lo := 0; lo < length; {
		no, at := (off+int64(lo))>>m.shift, int((off+int64(lo))&(m.page-1))
		hi := min(length, lo+int(m.page)-at)
		do(no, at, lo, hi)
		lo = hi
	}
}

func (m *Memory) part(no int64) *memoryPart { return &m.parts[uint64(no)%memoryParts] }

func (m *Memory) read(no int64, at int, p []byte) {
	part := m.part(no)
	part.mu.RLock()
	defer part.mu.RUnlock()
	if pg := part.pages[no]; pg != nil {
		copy(p, pg.data[at:])
		return
	}
	clear(p)
}

func (m *Memory) write(no int64, at int, p []byte) {
	part := m.part(no)
	part.mu.Lock()
	defer part.mu.Unlock()
	if pg := m.ownPageLocked(part, no, isZero(p)); pg != nil {
		copy(pg.data[at:], p)
	}
}

// ownPageLocked returns the page for writing, copied if it is shared. A missing one is made, unless zeros are all that
// would be written to it; then nil. part.mu is held.
func (m *Memory) ownPageLocked(part *memoryPart, no int64, zeros bool) *page {
	pg := part.pages[no]
	switch {
	case pg == nil && zeros:
		return nil
	case pg == nil:
		pg = &page{m.owner, make([]byte, m.page)}
	case pg.owner == m.owner:
		return pg
	default:
		pg = &page{m.owner, bytes.Clone(pg.data)}
	}
	part.pages[no] = pg
	return pg
}

// isZero is for at most a page.
func isZero(p []byte) bool { return bytes.Equal(p, zeroPage[:len(p)]) }

var zeroPage [65536]byte // the largest there is; never changed

// Snapshot returns an independent copy of the disk as it is between two transfers. It costs
// 20 to 40 ns for each page of 16 KiB that was ever written.
func (m *Memory) Snapshot() *Memory {
	m.all.Lock()
	defer m.all.Unlock()
	s := &Memory{geometry: m.geometry, page: m.page, shift: m.shift, owner: new(ownership)}
	for i := range m.parts {
		s.parts[i].pages = maps.Clone(m.parts[i].pages)
	}
	m.owner = new(ownership)
	return s
}

// Bytes returns a copy of the whole disk, for disks that fit.
func (m *Memory) Bytes() []byte {
	b := make([]byte, m.size)
	m.all.Lock()
	defer m.all.Unlock()
	for i := range m.parts {
		for no, pg := range m.parts[i].pages {
			copy(b[no*m.page:], pg.data)
		}
	}
	return b
}

// Resident is the room that the pages take, in bytes, shared ones included.
func (m *Memory) Resident() int64 {
	m.all.Lock()
	defer m.all.Unlock()
	n := 0
	for i := range m.parts {
		n += len(m.parts[i].pages)
	}
	return int64(n) * m.page
}

// ReadOnly implements Device.
func (m *Memory) ReadOnly() bool { return false }

// Flush implements Device.
func (m *Memory) Flush() error { return nil }

// Close implements Device. The bytes stay, so that a test can look at them.
func (m *Memory) Close() error { return nil }
