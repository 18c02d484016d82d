package tree

import (
	"bytes"
	"io"
	"slices"
)

const (
	listingLimit = 1 << 20 // bytes of a directory that is kept in memory
	listBudget   = 8 << 20 // bytes of memory of the list, of a sorter
)

// A run gives the entries of one directory in one layer, in order of their names; io.EOF behind the last. An entry is valid
// until the call after.
type run interface {
	next() (*patch, error)
	close()
}

// A listing is a host directory that fits in memory.
type listing struct {
	arena []byte
	items []listItem
	at    int
	patch patch
}

type listItem struct{ name, rec, end uint32 } // places in the arena

func (h *hostLister) buffer() []byte {
	if h.names == nil {
		h.names = make([]byte, direntBuffer)
	}
	return h.names
}

// readListing reads directory path of the layer at root. A directory that does not fit comes as a bigListing.
func (h *hostLister) readListing(root, path, tmp string) (run, error) {
	d, err := openHostDir(root, path)
	if err != nil {
		return nil, err
	}
	defer d.close()
	l := &listing{}
	big := false
	err = d.names(h.buffer(), func(name []byte) bool {
		at := uint32(len(l.arena))
		l.arena = append(l.arena, name...)
		l.items = append(l.items, listItem{name: at, rec: uint32(len(l.arena))})
		big = len(l.arena) > listingLimit/8
		return !big
	})
	if err != nil {
		return nil, err
	}
	if big {
		return h.readBig(root, path, tmp)
	}
	slices.SortFunc(l.items, func(a, b listItem) int {
		return bytes.Compare(l.arena[a.name:a.rec], l.arena[b.name:b.rec])
	})
	kept := l.items[:0]
	var e Entry
	for _, it := range l.items {
		err := h.entry(d, string(l.arena[it.name:it.rec]), &e)
		if err == errSkipped || isGone(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		it.rec = uint32(len(l.arena))
		l.arena = e.encode(l.arena)
		it.end = uint32(len(l.arena))
		kept = append(kept, it)
	}
	l.items = kept
	return l, nil
}

func (l *listing) next() (*patch, error) {
	if l.at == len(l.items) {
		return nil, io.EOF
	}
	it := l.items[l.at]
	l.at++
	l.patch.fields = allFields
	_, err := l.patch.entry.decode(l.arena[it.rec:it.end])
	return &l.patch, err
}

func (l *listing) close() {}

// A bigListing is a host directory that has been sorted in a file.
type bigListing struct {
	sorter *sorter
	run    *sortedRun
	patch  patch
}

func (h *hostLister) readBig(root, path, tmp string) (run, error) {
	d, err := openHostDir(root, path)
	if err != nil {
		return nil, err
	}
	defer d.close()
	b := &bigListing{sorter: newSorter(tmp, listBudget)}
	var e Entry
	var rec []byte
	var inner error
	err = d.names(h.buffer(), func(name []byte) bool {
		inner = h.entry(d, string(name), &e)
		if inner == errSkipped || isGone(inner) {
			inner = nil
			return true
		}
		if inner == nil {
			rec = e.encode(rec[:0])
			inner = b.sorter.add(name, rec)
		}
		return inner == nil
	})
	if err == nil {
		err = inner
	}
	if err == nil {
		b.run, err = b.sorter.sorted()
	}
	if err != nil {
		b.sorter.close()
		return nil, err
	}
	return b, nil
}

func (b *bigListing) next() (*patch, error) {
	_, rec, err := b.run.next()
	if err != nil {
		return nil, err
	}
	b.patch.fields = allFields
	_, err = b.patch.entry.decode(rec)
	return &b.patch, err
}

func (b *bigListing) close() { b.sorter.close() }
