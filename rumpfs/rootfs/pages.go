package rootfs

import (
	"cmp"
	"math"
	"slices"
)

const (
	pageSize   = 4096
	groupPages = 64 // pages that a group points to
	groupSpan  = groupPages * pageSize
	groupCost  = 8*groupPages + 32 // bytes charged for a group
)

type page [pageSize]byte

// A group points to the pages of one aligned span of a file.
type group struct {
	at    int64 // which span, counted from the start of the file
	count int   // pages that are there
	pages [groupPages]*page
}

// pages holds the bytes of a sparse file: the groups that have any page, in order. The zero value is all hole.
type pages struct {
	groups []*group
	count  int64 // pages in all
}

// cost is what the pages and groups are charged at.
func (ps *pages) cost() int64 { return ps.count*pageSize + int64(len(ps.groups))*groupCost }

// search finds the first group at or after a span.
func (ps *pages) search(span int64) (int, bool) {
	return slices.BinarySearchFunc(ps.groups, span, func(g *group, at int64) int { return cmp.Compare(g.at, at) })
}

// page returns the page that holds byte off, or nil in a hole.
func (ps *pages) page(off int64) *page {
	i, ok := ps.search(off / groupSpan)
	if !ok {
		return nil
	}
	return ps.groups[i].pages[off%groupSpan/pageSize]
}

// missing is what it would cost to have the page of byte off.
func (ps *pages) missing(off int64) int64 {
	i, ok := ps.search(off / groupSpan)
	switch {
	case !ok:
		return pageSize + groupCost
	case ps.groups[i].pages[off%groupSpan/pageSize] == nil:
		return pageSize
	}
	return 0
}

// fill returns the page of byte off, new and zeroed if it is missing.
func (ps *pages) fill(off int64) *page {
	i, ok := ps.search(off / groupSpan)
	if !ok {
		ps.groups = slices.Insert(ps.groups, i, &group{at: off / groupSpan})
	}
	g, slot := ps.groups[i], off%groupSpan/pageSize
	if g.pages[slot] == nil {
		g.pages[slot] = new(page)
		g.count++
		ps.count++
	}
	return g.pages[slot]
}

// drop frees the whole pages between two offsets.
func (ps *pages) drop(from, to int64) {
	first, last := (from+pageSize-1)/pageSize, to/pageSize // pages first to last-1
	if first >= last {
		return
	}
	i, _ := ps.search(first / groupPages)
	for ; i < len(ps.groups) && ps.groups[i].at*groupPages < last; i++ {
		g := ps.groups[i]
		base := g.at * groupPages
		for s := max(first-base, 0); s < min(last-base, groupPages); s++ {
			if g.pages[s] != nil {
				g.pages[s] = nil
				g.count--
				ps.count--
			}
		}
	}
	ps.groups = slices.DeleteFunc(ps.groups, func(g *group) bool { return g.count == 0 })
}

// zero clears bytes from to to where there are pages.
func (ps *pages) zero(from, to int64) {
	ps.drop(from, to)
	for _, edge := range [][2]int64{
		{from, min(to, from-from%pageSize+pageSize)},
		{max(from, to-to%pageSize), to},
	} {
		if p := ps.page(edge[0]); p != nil && edge[0] < edge[1] {
			at := edge[0] % pageSize
			clear(p[at : at+edge[1]-edge[0]])
		}
	}
}

// run describes the longest run from off to at most end that is all hole or has no hole.
func (ps *pages) run(off, end int64) (next int64, hole bool) {
	hole = ps.page(off) == nil
	if hole {
		return min(end, ps.firstPage(off)), true
	}
	for next = off - off%pageSize; next < end && ps.page(next) != nil; next += pageSize {
	}
	return min(end, next), false
}

// firstPage is the offset of the first page at or after off, or far away.
func (ps *pages) firstPage(off int64) int64 {
	i, _ := ps.search(off / groupSpan)
	for ; i < len(ps.groups); i++ {
		base := ps.groups[i].at * groupSpan
		for s, p := range ps.groups[i].pages {
			if at := base + int64(s)*pageSize; p != nil && at >= off {
				return at
			}
		}
	}
	return math.MaxInt64
}
