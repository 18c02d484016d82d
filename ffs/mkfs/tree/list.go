package tree

import (
	"encoding/binary"
	"io"
)

// A List is a tree in order. Any number of Readers may go through it at the same time. Close it at the end.
type List struct {
	Root  Entry // without a name
	Files int64 // different ones, the root included
	Names int64 // entries of all directories
	Dirs  int64 // directories, the root included
	Bytes int64 // of all regular files, each counted once, holes included

	Warnings []string // what was left out, and why

	entries *Spool // groups of entries, each group ended by a record of its own
	dirs    *Spool // one record a group: the directory that it is the content of
	links   *Spool // what is known of the names of files with more than one; see linkEvent
	layers  []layer
}

// Close gives back what the list holds.
func (l *List) Close() error {
	for _, s := range []*Spool{l.entries, l.dirs, l.links} {
		if s != nil {
			s.Close() // without a name since it was made
		}
	}
	for _, y := range l.layers {
		if y.close != nil {
			y.close()
		}
	}
	return nil
}

// A Dir is a directory whose group a Reader has come to.
type Dir struct {
	Path   string // from the root, without a slash in front; "" is the root
	Index  int64  // number of the file
	Parent int64  // of the directory above; of the root itself
}

// dirRecord is a directory in List.dirs. Names are numbered in the order of the list, from 1; the root is 0.
type dirRecord struct {
	layers      uint64 // bits: in which layers of host directories it is
	seq, parent int64
	path        []byte
}

func (d *dirRecord) encode(b []byte) []byte {
	b = binary.AppendUvarint(b, d.layers)
	b = binary.AppendUvarint(b, uint64(d.seq))
	b = binary.AppendUvarint(b, uint64(d.parent))
	return append(b, d.path...)
}

func (d *dirRecord) decode(rec []byte) error {
	r := decoder{b: rec}
	*d = dirRecord{layers: r.uint(), seq: int64(r.uint()), parent: int64(r.uint())}
	d.path = r.b
	if r.bad {
		return errSpool
	}
	return nil
}

// A Reader goes through a List: group by group, and in a group entry by entry.
type Reader struct {
	entries, dirs     *Cursor
	seq               int64 // of the entry read last
	here, dir, parent *ranker
	entry             Entry
	ended             bool // of the group
}

// Reader begins at the root's group.
func (l *List) Reader() *Reader {
	r := &Reader{entries: l.entries.Cursor(), dirs: l.dirs.Cursor(), ended: true}
	r.here, r.dir, r.parent = newRanker(l.links), newRanker(l.links), newRanker(l.links)
	return r
}

// NextDir goes to the group of the next directory, over what is left of this one; io.EOF behind the last.
func (r *Reader) NextDir() (Dir, error) {
	for !r.ended {
		if _, err := r.Next(); err != nil {
			return Dir{}, err
		}
	}
	rec, err := r.dirs.Next()
	if err != nil {
		return Dir{}, err
	}
	var d dirRecord
	if err := d.decode(rec); err != nil {
		return Dir{}, err
	}
	out := Dir{Path: string(d.path)}
	if out.Index, err = r.dir.index(d.seq); err != nil {
		return Dir{}, err
	}
	if out.Parent, err = r.parent.index(d.parent); err != nil {
		return Dir{}, err
	}
	r.ended = false
	return out, nil
}

// Next is the next entry of the group, nil behind the last; it is valid until the call after.
func (r *Reader) Next() (*Entry, error) {
	if r.ended {
		return nil, nil
	}
	rec, err := r.entries.Next()
	if err == io.EOF {
		err = errSpool
	}
	if err != nil {
		return nil, err
	}
	e := &r.entry
	if r.ended, err = e.decode(rec); err != nil || r.ended {
		return nil, err
	}
	r.seq++
	return e, r.here.resolve(r.seq, e)
}
