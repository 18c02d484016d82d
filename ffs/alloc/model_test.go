package alloc_test

import (
	"errors"
	"math/rand/v2"
	"syscall"
	"testing"

	"rump/ffs/alloc"
	"rump/ffs/ondisk"
)

// model is the naive allocator: one byte for each fragment and inode, searched from the beginning.
type model struct {
	*volume
	r       *rand.Rand
	refused int // requests

	drain  bool   // free more than is allocated
	used   []bool // fragments
	runs   []run
	inodes []inode
	isUsed map[ondisk.Ino]bool
}

type run struct {
	at ondisk.Frag
	n  int
}

type inode struct {
	ino   ondisk.Ino
	isDir bool
}

func newModel(v *volume, r *rand.Rand) *model {
	m := &model{volume: v, r: r, used: make([]bool, v.s.Size), isUsed: map[ondisk.Ino]bool{0: true, 1: true, 2: true}}
	for f := range m.used {
		m.used[f] = isStructure(v.s, ondisk.Frag(f))
	}
	return m
}

// longest is the longest run of free fragments inside a block.
func (m *model) longest() (most int) {
	frag := int(m.s.Frag)
	run := 0
	for f := range m.used {
		if f%frag == 0 {
			run = 0
		}
		if m.used[f] {
			run = 0
			continue
		}
		run++
		most = max(most, run)
	}
	return most
}

// give takes note of n fragments that the allocator has handed out.
func (m *model) give(at ondisk.Frag, n int) {
	m.t.Helper()
	if at <= 0 || at+ondisk.Frag(n) > m.s.Size {
		m.t.Fatalf("%d fragments at %d lie outside the volume", n, at)
	}
	if n < int(m.s.Frag) && !m.s.ValidFrags(at, n) || n >= int(m.s.Frag) && at%ondisk.Frag(m.s.Frag) != 0 {
		m.t.Fatalf("%d fragments at %d lie across blocks", n, at)
	}
	for i := range n {
		if f := int(at) + i; m.used[f] {
			m.t.Fatalf("fragment %d of %d at %d was in use", f, n, at)
		} else {
			m.used[f] = true
		}
	}
	m.runs = append(m.runs, run{at, n})
}

// full checks that a refusal to hand out n fragments was right.
func (m *model) full(err error, n int) {
	m.t.Helper()
	if err != syscall.ENOSPC {
		m.t.Fatalf("%d fragments: %v", n, err)
	}
	m.refused++
	if most := m.longest(); most >= n {
		m.t.Fatalf("no space for %d fragments, but %d are free inside a block", n, most)
	}
}

func (m *model) home() int { return m.r.IntN(int(m.s.Ncg)) }

// pref is anywhere, often nowhere, sometimes behind something.
func (m *model) pref() ondisk.Frag {
	switch {
	case m.r.IntN(3) == 0:
		return 0
	case m.r.IntN(2) == 0 && len(m.runs) > 0:
		r := m.runs[m.r.IntN(len(m.runs))]
		return r.at + ondisk.Frag(r.n)
	}
	return ondisk.Frag(m.r.IntN(int(m.s.Size) + 10))
}

func (m *model) step() {
	m.t.Helper()
	frag := int(m.s.Frag)
	op := m.r.IntN(100)
	if m.drain == (op%2 == 0) && m.r.IntN(2) == 0 {
		op = map[bool]int{true: 60, false: 10}[m.drain]
	}
	switch {
	case op < 15:
		want := 1 + m.r.IntN(20)
		at, got, err := m.Run(m.home(), m.pref(), want, true)
		if err != nil {
			m.full(err, frag)
			return
		}
		if got < 1 || got > want {
			m.t.Fatalf("run of %d blocks, asked for %d", got, want)
		}
		m.give(at, got*frag)
	case op < 35 && frag > 1:
		n := 1 + m.r.IntN(frag-1)
		alloc := m.Frags
		if m.r.IntN(2) == 0 {
			alloc = m.Move
		}
		at, err := alloc(m.home(), m.pref(), n, true)
		if err != nil {
			m.full(err, n)
			return
		}
		m.give(at, n)
	case op < 45:
		m.extend()
	case op < 75:
		m.free()
	case op < 90:
		m.allocInode()
	default:
		m.freeInode()
	}
}

func (m *model) extend() {
	m.t.Helper()
	if len(m.runs) == 0 {
		return
	}
	i := m.r.IntN(len(m.runs))
	r, frag := &m.runs[i], int(m.s.Frag)
	if r.n >= frag {
		return
	}
	want := r.n + 1 + m.r.IntN(frag-r.n)
	possible := m.s.ValidFrags(r.at, want)
	for f := r.n; f < want && possible; f++ {
		possible = !m.used[int(r.at)+f]
	}
	ok, err := m.Extend(r.at, r.n, want, true)
	if free, _ := m.Space(); err == syscall.ENOSPC && free == 0 {
		return
	}
	if err != nil || ok != possible {
		m.t.Fatalf("extend %d at %d to %d: %v, %v, want %v", r.n, r.at, want, ok, err, possible)
	}
	if ok {
		for f := r.n; f < want; f++ {
			m.used[int(r.at)+f] = true
		}
		r.n = want
	}
}

// free frees something, or the end of something; sometimes twice.
func (m *model) free() {
	m.t.Helper()
	if len(m.runs) == 0 {
		return
	}
	i := m.r.IntN(len(m.runs))
	r, frag := &m.runs[i], int(m.s.Frag)
	gone := *r
	switch {
	case r.n <= frag && r.n > 1 && m.r.IntN(3) == 0:
		keep := 1 + m.r.IntN(r.n-1)
		gone = run{r.at + ondisk.Frag(keep), r.n - keep}
	case r.n > frag && m.r.IntN(3) == 0:
		keep := frag * (1 + m.r.IntN(r.n/frag-1))
		gone = run{r.at + ondisk.Frag(keep), r.n - keep}
	}
	if err := m.Free(gone.at, gone.n); err != nil {
		m.t.Fatalf("free %d at %d: %v", gone.n, gone.at, err)
	}
	for f := range gone.n {
		m.used[int(gone.at)+f] = false
	}
	if r.n -= gone.n; r.n == 0 {
		m.runs[i] = m.runs[len(m.runs)-1]
		m.runs = m.runs[:len(m.runs)-1]
	}
	if m.r.IntN(8) == 0 {
		before := m.Totals()
		var bad *ondisk.CorruptError
		if err := m.Free(gone.at, gone.n); !errors.As(err, &bad) {
			m.t.Fatalf("freed %d at %d twice: %v, want a CorruptError", gone.n, gone.at, err)
		}
		if after := m.Totals(); after != before {
			m.t.Fatalf("freed %d at %d twice: totals went from %+v to %+v", gone.n, gone.at, before, after)
		}
	}
}

func (m *model) allocInode() {
	m.t.Helper()
	parent := ondisk.RootIno
	if len(m.inodes) > 0 && m.r.IntN(4) > 0 {
		parent = m.inodes[m.r.IntN(len(m.inodes))].ino
	}
	isDir := m.r.IntN(3) == 0
	ino, err := m.Inode(parent, isDir)
	if err == syscall.ENOSPC && len(m.isUsed) == int(m.s.MaxIno()) {
		return
	}
	if err != nil {
		m.t.Fatalf("inode, %d of %d in use: %v", len(m.isUsed), m.s.MaxIno(), err)
	}
	if !m.s.ValidIno(ino) || m.isUsed[ino] {
		m.t.Fatalf("inode %d was in use or is none", ino)
	}
	m.isUsed[ino] = true
	m.inodes = append(m.inodes, inode{ino, isDir})
}

func (m *model) freeInode() {
	m.t.Helper()
	if len(m.inodes) == 0 {
		return
	}
	i := m.r.IntN(len(m.inodes))
	gone := m.inodes[i]
	if err := m.FreeInode(gone.ino, gone.isDir); err != nil {
		m.t.Fatalf("free inode %d: %v", gone.ino, err)
	}
	delete(m.isUsed, gone.ino)
	m.inodes[i] = m.inodes[len(m.inodes)-1]
	m.inodes = m.inodes[:len(m.inodes)-1]
	var bad *ondisk.CorruptError
	if err := m.FreeInode(gone.ino, gone.isDir); !errors.As(err, &bad) {
		m.t.Fatalf("freed inode %d twice: %v, want a CorruptError", gone.ino, err)
	}
}

// compare checks the maps on the device against the model.
func (m *model) compare() {
	m.t.Helper()
	m.check()
	dirs := int64(1)
	for _, i := range m.inodes {
		if i.isDir {
			dirs++
		}
	}
	if got := m.Totals().Dirs; got != dirs {
		m.t.Fatalf("%d directories counted, want %d", got, dirs)
	}
	for c := range int(m.s.Ncg) {
		g, err := m.s.GroupIn(c, readGroup(m.t, m.s, m.dev, c))
		if err != nil {
			m.t.Fatal(err)
		}
		for f := range g.Frags() {
			if at := int(m.s.CgBase(c)) + f; g.FragFree(f) == m.used[at] {
				m.t.Fatalf("fragment %d: free is %v, want %v", at, g.FragFree(f), !m.used[at])
			}
		}
		for i := range int(m.s.Ipg) {
			if ino := ondisk.Ino(c)*ondisk.Ino(m.s.Ipg) + ondisk.Ino(i); g.InodeUsed(i) != m.isUsed[ino] {
				m.t.Fatalf("inode %d: used is %v, want %v", ino, g.InodeUsed(i), m.isUsed[ino])
			}
		}
	}
}

func TestModel(t *testing.T) {
	steps, batches := 400, 20
	if testing.Short() {
		batches = 4
	}
	for _, geo := range geometries {
		t.Run(geo.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(2) {
				s, dev := geo.make(t)
				v := mount(t, s, dev, testOptions(seed))
				m := newModel(v, rand.New(rand.NewPCG(seed, 7)))
				for i := range batches {
					m.drain = i%4 == 3 // before, it fills up
					for range steps {
						m.step()
					}
					m.compare()
				}
				if m.refused == 0 && !testing.Short() {
					t.Error("the volume was never full")
				}
				m.remount()
				m.step()
				m.compare()
			}
		})
	}
}

// remount goes on with a new allocator over the same device.
func (m *model) remount() {
	m.t.Helper()
	m.flush()
	s, _, err := ondisk.FindSuper(m.dev, m.dev.Size())
	if err != nil {
		m.t.Fatal(err)
	}
	m.volume = mount(m.t, s, m.dev, alloc.Options{})
	if broken := m.Broken(); broken != nil {
		m.t.Fatalf("broken groups %v", broken)
	}
}
