package tree

import (
	"encoding/binary"
	"io"
)

// A linkEvent says of name seq that it is the first of a file that has nlink names, or (nlink 0) a further name of file index.
// List.links holds them by seq.
type linkEvent struct{ seq, nlink, index int64 }

func (v linkEvent) encode(b []byte) []byte {
	for _, n := range []int64{v.seq, v.nlink, v.index} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return b
}

// A ranker counts further names in front of a name: the number of a file is that of its first name less these.
type ranker struct {
	c       *Cursor // nil: there are none
	event   linkEvent
	pending bool // event lies ahead
	further int64
}

func newRanker(links *Spool) *ranker {
	r := &ranker{}
	if links != nil {
		r.c = links.Cursor()
	}
	return r
}

// advance makes event the next one; without any it is far away.
func (r *ranker) advance() error {
	r.pending = true
	rec, err := r.c.Next()
	if err == io.EOF {
		r.event = linkEvent{seq: 1<<63 - 1}
		return nil
	}
	if err != nil {
		return err
	}
	d := decoder{b: rec}
	r.event = linkEvent{int64(d.uint()), int64(d.uint()), int64(d.uint())}
	if d.bad {
		return errSpool
	}
	return nil
}

// index is the number of the file whose first name is seq; seq does not fall from call to call.
func (r *ranker) index(seq int64) (int64, error) {
	if r.c == nil {
		return seq, nil
	}
	for {
		if !r.pending {
			if err := r.advance(); err != nil {
				return 0, err
			}
		}
		if r.event.seq >= seq {
			return seq - r.further, nil
		}
		if r.event.nlink == 0 {
			r.further++
		}
		r.pending = false
	}
}

// resolve sets what is known of name seq.
func (r *ranker) resolve(seq int64, e *Entry) error {
	index, err := r.index(seq)
	if err != nil {
		return err
	}
	e.Index, e.First, e.Nlink = index, true, 1
	if r.c == nil || r.event.seq != seq {
		return nil
	}
	if r.event.nlink == 0 {
		e.Index, e.First = r.event.index, false
		return nil
	}
	e.Nlink = int(r.event.nlink)
	return nil
}

const linkBudget = 2 << 20 // bytes of memory of one of the sorters below

// findLinks makes List.links: names of one file are brought together by its identity, then put back in the order of the
// list, twice over, since the number of a file is known only when the further names before it have been counted.
func (l *List) findLinks(dir string) error {
	byFile := newSorter(dir, linkBudget)
	defer byFile.close()
	if err := l.collectLinks(byFile); err != nil {
		return err
	}
	bySeq := newSorter(dir, linkBudget)
	defer bySeq.close()
	byFirst := newSorter(dir, linkBudget)
	defer byFirst.close()
	if err := groupLinks(byFile, bySeq, byFirst); err != nil {
		return err
	}
	byFile.close()
	final := newSorter(dir, linkBudget)
	defer final.close()
	if err := numberLinks(bySeq, byFirst, final); err != nil {
		return err
	}
	run, err := final.sorted()
	if err != nil {
		return err
	}
	l.links = NewSpool(dir, listBudget/4)
	for {
		_, event, err := run.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := l.links.Append(event); err != nil {
			return err
		}
	}
}

func key64(b []byte, words ...uint64) []byte {
	for _, w := range words {
		b = binary.BigEndian.AppendUint64(b, w)
	}
	return b
}

// collectLinks sorts the names that may not be the only ones by the file.
func (l *List) collectLinks(byFile *sorter) error {
	r := l.Reader()
	var key []byte
	for {
		if _, err := r.NextDir(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		for {
			e, err := r.Next()
			if err != nil {
				return err
			}
			if e == nil {
				break
			}
			if e.Link != [2]uint64{} {
				key = key64(key[:0], e.Link[0], e.Link[1], uint64(r.seq))
				if err := byFile.add(key, nil); err != nil {
					return err
				}
			}
		}
	}
}

// groupLinks tells first names from further ones. bySeq gets every name of a file with more than one, byFirst the further ones
// by the first.
func groupLinks(byFile, bySeq, byFirst *sorter) error {
	run, err := byFile.sorted()
	if err != nil {
		return err
	}
	var file string
	var first, count uint64
	var b []byte
	finish := func() error {
		if count < 2 {
			return nil
		}
		return bySeq.add(key64(nil, first), key64(b[:0], count))
	}
	for {
		key, _, err := run.next()
		if err == io.EOF {
			return finish()
		}
		if err != nil {
			return err
		}
		seq := binary.BigEndian.Uint64(key[16:])
		if string(key[:16]) != file {
			if err := finish(); err != nil {
				return err
			}
			file, first, count = string(key[:16]), seq, 1
			continue
		}
		count++
		if err := bySeq.add(key64(nil, seq), key64(b[:0], 0)); err != nil {
			return err
		}
		if err := byFirst.add(key64(nil, first, seq), nil); err != nil {
			return err
		}
	}
}

// numberLinks turns both into events, sorted by name.
func numberLinks(bySeq, byFirst, final *sorter) error {
	names, err := bySeq.sorted()
	if err != nil {
		return err
	}
	others, err := byFirst.sorted()
	if err != nil {
		return err
	}
	other, _, otherErr := others.next()
	further := int64(0)
	for {
		key, value, err := names.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		seq, count := int64(binary.BigEndian.Uint64(key)), int64(binary.BigEndian.Uint64(value))
		if count == 0 {
			further++
			continue
		}
		index := seq - further
		if err := addEvent(final, linkEvent{seq, count, index}); err != nil {
			return err
		}
		for otherErr == nil && int64(binary.BigEndian.Uint64(other)) == seq {
			v := linkEvent{int64(binary.BigEndian.Uint64(other[8:])), 0, index}
			if err := addEvent(final, v); err != nil {
				return err
			}
			other, _, otherErr = others.next()
		}
		if otherErr != nil && otherErr != io.EOF {
			return otherErr
		}
	}
}

func addEvent(s *sorter, v linkEvent) error {
	return s.add(key64(nil, uint64(v.seq)), v.encode(nil))
}
