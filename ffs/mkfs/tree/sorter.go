package tree

import (
	"bytes"
	"cmp"
	"container/heap"
	"encoding/binary"
	"io"
	"slices"
)

// A sorter puts any number of records in the order of their keys, in bounded memory. Records with equal keys stay in the
// order in which they came.
type sorter struct {
	budget int // bytes held in memory
	dir    string
	arena  []byte
	index  []sortItem
	file   *Spool   // what did not fit, run after run
	runs   []region // of file
}

// A region is a part of a spool.
type region struct{ start, end int64 }

// A sortItem is one record in the arena: its key, then its value.
type sortItem struct {
	prefix  uint64 // the first eight bytes of the key
	at      uint32
	key, to uint32 // end of the key, end of the value
}

const sortItemSize = 24

func newSorter(dir string, budget int) *sorter { return &sorter{dir: dir, budget: budget} }

// add takes a record; key and value are copied.
func (s *sorter) add(key, value []byte) error {
	if len(s.arena)+len(s.index)*sortItemSize+len(key)+len(value) > s.budget && len(s.index) > 0 {
		if err := s.spill(); err != nil {
			return err
		}
	}
	it := sortItem{prefix: prefixOf(key), at: uint32(len(s.arena))}
	s.arena = append(s.arena, key...)
	it.key = uint32(len(s.arena))
	s.arena = append(s.arena, value...)
	it.to = uint32(len(s.arena))
	s.index = append(s.index, it)
	return nil
}

func prefixOf(key []byte) uint64 {
	var b [8]byte
	copy(b[:], key)
	return binary.BigEndian.Uint64(b[:])
}

func (s *sorter) order() {
	slices.SortFunc(s.index, func(a, b sortItem) int {
		if a.prefix != b.prefix {
			return cmp.Compare(a.prefix, b.prefix)
		}
		if c := bytes.Compare(s.arena[a.at:a.key], s.arena[b.at:b.key]); c != 0 {
			return c
		}
		return cmp.Compare(a.at, b.at)
	})
}

// spill writes a sorted run.
func (s *sorter) spill() error {
	s.order()
	if s.file == nil {
		s.file = NewSpool(s.dir, 0)
	}
	start := s.file.size
	for _, it := range s.index {
		if err := s.file.append2(s.arena[it.at:it.key], s.arena[it.key:it.to]); err != nil {
			return err
		}
	}
	s.runs = append(s.runs, region{start, s.file.size})
	s.arena, s.index = s.arena[:0], s.index[:0]
	return nil
}

// sorted begins the reading; nothing may be added any more.
func (s *sorter) sorted() (*sortedRun, error) {
	r := &sortedRun{s: s}
	if len(s.runs) == 0 {
		s.order()
		return r, nil
	}
	if len(s.index) > 0 {
		if err := s.spill(); err != nil {
			return nil, err
		}
	}
	s.arena, s.index = nil, nil
	chunk := min(readerChunk, max(4096, s.budget/len(s.runs)))
	for i, run := range s.runs {
		h := &runHead{Cursor: &Cursor{s: s.file, off: run.start, end: run.end, chunk: chunk}, no: i}
		ok, err := h.advance()
		if err != nil {
			return nil, err
		}
		if ok {
			r.heads = append(r.heads, h)
		}
	}
	heap.Init(&r.heads)
	return r, nil
}

func (s *sorter) close() {
	if s.file != nil {
		s.file.Close() // it has no name any more
	}
	s.file, s.runs, s.arena, s.index = nil, nil, nil, nil
}

// A sortedRun is what a sorter gives back.
type sortedRun struct {
	s     *sorter
	at    int
	heads runHeap
}

// next is the next record, valid until the call after; io.EOF behind the last.
func (r *sortedRun) next() (key, value []byte, err error) {
	if len(r.s.runs) == 0 {
		if r.at == len(r.s.index) {
			return nil, nil, io.EOF
		}
		it := r.s.index[r.at]
		r.at++
		return r.s.arena[it.at:it.key], r.s.arena[it.key:it.to], nil
	}
	if r.at > 0 && len(r.heads) > 0 { // the record given out before is still the least
		ok, err := r.heads[0].advance()
		switch {
		case err != nil:
			return nil, nil, err
		case ok:
			heap.Fix(&r.heads, 0)
		default:
			heap.Pop(&r.heads)
		}
	}
	r.at = 1
	if len(r.heads) == 0 {
		return nil, nil, io.EOF
	}
	return r.heads[0].key, r.heads[0].value, nil
}

// A runHead is the first record that a run has left.
type runHead struct {
	*Cursor
	no         int
	key, value []byte
}

func (h *runHead) advance() (bool, error) {
	rec, err := h.Next()
	if err == io.EOF {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	n, head := binary.Uvarint(rec)
	if head <= 0 || n > uint64(len(rec)-head) {
		return false, errSpool
	}
	h.key, h.value = rec[head:head+int(n)], rec[head+int(n):]
	return true, nil
}

type runHeap []*runHead

func (h runHeap) Len() int { return len(h) }
func (h runHeap) Less(i, j int) bool {
	if c := bytes.Compare(h[i].key, h[j].key); c != 0 {
		return c < 0
	}
	return h[i].no < h[j].no
}
func (h runHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *runHeap) Push(x any)   { *h = append(*h, x.(*runHead)) }
func (h *runHeap) Pop() any {
	old := *h
	n := len(old)
	x := old[n-1]
	*h = old[:n-1]
	return x
}
