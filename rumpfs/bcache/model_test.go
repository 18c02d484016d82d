package bcache_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"rump/rumpfs/bcache"
	"rump/rumpfs/blockdev"
)

// A model is a disk of fragments, each of which is metadata or data, beside a cache over a real one.
type model struct {
	t      testing.TB
	r      *rand.Rand
	dev    blockdev.Device
	c      *bcache.Cache
	o      bcache.Options
	frag   int
	meta   []bool
	truth  []byte         // what a reader must see: through the cache for metadata, past it for data
	soft   map[int]uint64 // sectors whose last change was delayed, and its owner
	sector int
}

func newModel(t testing.TB, dev blockdev.Device, o bcache.Options, seed uint64) *model {
	m := &model{t: t, r: rand.New(rand.NewPCG(seed, 0)), dev: dev, o: o, sector: dev.SectorSize(), frag: 2 * dev.SectorSize(),
		soft: map[int]uint64{}}
	m.meta = make([]bool, int(dev.Size())/m.frag)
	m.truth = make([]byte, dev.Size())
	m.open()
	return m
}

func (m *model) open() {
	m.t.Helper()
	c, err := bcache.New(m.dev, m.o)
	if err != nil {
		m.t.Fatal(err)
	}
	m.c = c
}

// pick finds a run of fragments of one kind inside one block.
func (m *model) pick(meta bool) (lo, hi int, ok bool) {
	perBlock := m.o.BlockSize / m.frag
	lo = m.r.IntN(len(m.meta))
	if m.meta[lo] != meta {
		return 0, 0, false
	}
	hi = lo + 1
	for hi%perBlock != 0 && hi < len(m.meta) && m.meta[hi] == meta && m.r.IntN(3) != 0 {
		hi++
	}
	return lo, hi, true
}

func (m *model) step() {
	switch m.r.IntN(20) {
	case 0, 1, 2:
		m.allocate()
	case 3, 4:
		m.free()
	case 5, 6:
		m.writeData()
	case 7:
		m.readData()
	case 8:
		if m.r.IntN(10) == 0 {
			m.flush()
		}
	case 9:
		m.flushOwner()
	case 10:
		if m.r.IntN(50) == 0 {
			m.reopen()
		}
	default:
		m.useMeta()
	}
}

// allocate turns data into metadata.
func (m *model) allocate() {
	lo, hi, ok := m.pick(false)
	if !ok {
		return
	}
	off, n := lo*m.frag, (hi-lo)*m.frag
	b, err := m.c.GetNew(int64(off), n)
	if err != nil {
		m.t.Fatal(err)
	}
	defer b.Release()
	if !bytes.Equal(b.Bytes(), make([]byte, n)) {
		m.t.Fatalf("GetNew at %d: not zeros", off)
	}
	for i := lo; i < hi; i++ {
		m.meta[i] = true
	}
	clear(m.truth[off : off+n])
	m.change(b, 0, n)
}

// free turns metadata into data and writes some past the cache at once.
func (m *model) free() {
	lo, hi, ok := m.pick(true)
	if !ok {
		return
	}
	off, n := lo*m.frag, (hi-lo)*m.frag
	m.c.Forget(int64(off), int64(n))
	for i := lo; i < hi; i++ {
		m.meta[i] = false
	}
	for s := off / m.sector; s < (off+n)/m.sector; s++ {
		delete(m.soft, s)
	}
	m.writeAt(off, n)
}

func (m *model) writeData() {
	if lo, hi, ok := m.pick(false); ok {
		m.writeAt(lo*m.frag, (hi-lo)*m.frag)
	}
}

func (m *model) writeAt(off, n int) {
	p := make([]byte, n)
	m.scribble(p)
	if _, err := m.dev.WriteAt(p, int64(off)); err != nil {
		m.t.Fatal(err)
	}
	copy(m.truth[off:], p)
}

func (m *model) scribble(p []byte) {
	for ; len(p) >= 8; p = p[8:] {
		binary.LittleEndian.PutUint64(p, m.r.Uint64())
	}
	for i := range p {
		p[i] = byte(m.r.Uint32())
	}
}

func (m *model) readData() {
	lo, hi, ok := m.pick(false)
	if !ok {
		return
	}
	off, n := lo*m.frag, (hi-lo)*m.frag
	p := make([]byte, n)
	if _, err := m.dev.ReadAt(p, int64(off)); err != nil {
		m.t.Fatal(err)
	}
	if !bytes.Equal(p, m.truth[off:off+n]) {
		m.t.Fatalf("data at %d was overwritten by stale metadata", off)
	}
}

// useMeta reads metadata and often changes a part of it.
func (m *model) useMeta() {
	lo, hi, ok := m.pick(true)
	if !ok {
		return
	}
	off, n := lo*m.frag, (hi-lo)*m.frag
	b, err := m.c.Get(int64(off), n)
	if err != nil {
		m.t.Fatal(err)
	}
	defer b.Release()
	if b.Off() != int64(off) || !bytes.Equal(b.Bytes(), m.truth[off:off+n]) {
		m.t.Fatalf("Get(%d, %d): wrong bytes", off, n)
	}
	if m.r.IntN(3) != 0 {
		x := m.r.IntN(n)
		m.change(b, x, x+1+m.r.IntN(n-x))
	}
}

// change scribbles on a part of a buffer and says so in one of the two ways.
func (m *model) change(b *bcache.Buf, lo, hi int) {
	off := int(b.Off())
	m.scribble(b.Bytes()[lo:hi])
	copy(m.truth[off+lo:], b.Bytes()[lo:hi])
	first, end := (off+lo)/m.sector, (off+hi+m.sector-1)/m.sector
	if m.r.IntN(2) == 0 {
		owner := uint64(m.r.IntN(6))
		b.Dirty(owner, lo, hi)
		for s := first; s < end; s++ {
			m.soft[s] = owner
		}
		return
	}
	if err := b.Write(lo, hi); err != nil {
		m.t.Fatal(err)
	}
	if m.o.Async {
		for s := first; s < end; s++ {
			m.soft[s] = 0
		}
		return
	}
	for s := first; s < end; s++ {
		m.settled(s)
	}
}

// settled notes that a sector is on the disk, and checks that.
func (m *model) settled(s int) {
	delete(m.soft, s)
	lo, hi := s*m.sector, (s+1)*m.sector
	p := make([]byte, m.sector)
	if _, err := m.dev.ReadAt(p, int64(lo)); err != nil {
		m.t.Fatal(err)
	}
	if !bytes.Equal(p, m.truth[lo:hi]) {
		m.t.Fatalf("sector %d should be on the disk", s)
	}
}

func (m *model) flushOwner() {
	owner := uint64(1 + m.r.IntN(5))
	if err := m.c.FlushOwner(owner); err != nil {
		m.t.Fatal(err)
	}
	for s, o := range m.soft {
		if o == owner {
			m.settled(s)
		}
	}
}

func (m *model) flush() {
	if err := m.c.Flush(); err != nil {
		m.t.Fatal(err)
	}
	p := make([]byte, len(m.truth))
	if _, err := m.dev.ReadAt(p, 0); err != nil {
		m.t.Fatal(err)
	}
	for s := range len(p) / m.sector {
		lo, hi := s*m.sector, (s+1)*m.sector
		if !bytes.Equal(p[lo:hi], m.truth[lo:hi]) {
			m.t.Fatalf("sector %d differs from the disk after Flush", s)
		}
	}
	clear(m.soft)
	if st := m.c.Stats(); st.Dirty != 0 || st.Pinned != 0 {
		m.t.Fatalf("after Flush: got %+v, want nothing dirty or pinned", st)
	}
}

// reopen goes on with an empty cache.
func (m *model) reopen() {
	m.flush()
	if err := m.c.Close(); err != nil {
		m.t.Fatal(err)
	}
	m.open()
}

func TestModel(t *testing.T) {
	tests := map[string]struct {
		size, sector int
		o            bcache.Options
	}{
		"Roomy":      {256 << 10, 512, bcache.Options{BlockSize: 4096}},
		"Tight":      {256 << 10, 512, bcache.Options{BlockSize: 4096, Budget: 8 * 4096}},
		"OneBlock":   {64 << 10, 512, bcache.Options{BlockSize: 8192, Budget: 1}},
		"TightAsync": {256 << 10, 512, bcache.Options{BlockSize: 4096, Budget: 8 * 4096, Async: true}},
		"Large":      {512 << 10, 512, bcache.Options{BlockSize: 65536, Budget: 3 * 65536}},
		"Sectors4K":  {512 << 10, 4096, bcache.Options{BlockSize: 32768, Budget: 4 * 32768}},
		"Shards":     {1 << 20, 512, bcache.Options{BlockSize: 1024, Budget: 256 << 10}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			dev, err := blockdev.NewMemorySectors(int64(test.size), test.sector)
			if err != nil {
				t.Fatal(err)
			}
			m := newModel(t, dev, test.o, seed)
			steps := 20000
			if testing.Short() {
				steps = 4000
			}
			for i := range steps {
				m.step()
				if i%50 == 0 {
					bcache.CheckInvariants(t, m.c)
				}
				if st := m.c.Stats(); st.Bytes > max(test.o.Budget, int64(test.o.BlockSize)) && test.o.Budget != 0 {
					t.Fatalf("step %d: %d bytes of buffers, want at most %d", i, st.Bytes, test.o.Budget)
				}
			}
			m.flush()
			bcache.CheckInvariants(t, m.c)
			if err := m.c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
