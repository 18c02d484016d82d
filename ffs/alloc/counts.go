package alloc

import (
	"sync/atomic"

	"rump/ffs/ondisk"
	"rump/rumpfs/bcache"
)

// counts32 is the summary of one group, readable at any time.
type counts32 struct{ dirs, blocks, inodes, frags atomic.Int32 }

// counts64 is the sum over all groups.
type counts64 struct{ dirs, blocks, inodes, frags atomic.Int64 }

func (c *counts32) load() ondisk.Summary {
	return ondisk.Summary{Dirs: c.dirs.Load(), FreeBlocks: c.blocks.Load(), FreeInodes: c.inodes.Load(), FreeFrags: c.frags.Load()}
}

func (c *counts64) load() ondisk.Totals {
	return ondisk.Totals{Dirs: c.dirs.Load(), FreeBlocks: c.blocks.Load(), FreeInodes: c.inodes.Load(), FreeFrags: c.frags.Load()}
}

// count adds change to the summary of group cg and to the totals.
func (a *Allocator) count(cg int, change ondisk.Summary) {
	sum, total := &a.groups[cg].sum, &a.total
	add(&sum.dirs, &total.dirs, change.Dirs)
	add(&sum.blocks, &total.blocks, change.FreeBlocks)
	add(&sum.inodes, &total.inodes, change.FreeInodes)
	add(&sum.frags, &total.frags, change.FreeFrags)
	if !a.dirty.Load() {
		a.dirty.Store(true)
	}
}

func add(group *atomic.Int32, total *atomic.Int64, change int32) {
	if change != 0 {
		group.Add(change)
		total.Add(int64(change))
	}
}

// eachSummary calls f for every group with where its entry in the summary area begins in a buffer, under that one's lock.
func (a *Allocator) eachSummary(f func(b *bcache.Buf, cg, at int)) error {
	size := int64(a.s.Ncg) * ondisk.SummarySize
	return a.pieces(a.s.FragOffset(a.s.CSAddr), size, func(b *bcache.Buf, at int64) {
		p := b.Bytes()
		p = p[:min(int64(len(p)), size-at)]
		for i := 0; i < len(p); i += ondisk.SummarySize {
			f(b, (int(at)+i)/ondisk.SummarySize, i)
		}
	})
}

// readSummary fills in the counts of all groups. One that cannot be is taken from the group itself, or is nothing.
func (a *Allocator) readSummary() error {
	var doubtful []int
	err := a.eachSummary(func(b *bcache.Buf, cg, at int) {
		if sum := ondisk.DecodeSummary(a.s.Order, b.Bytes()[at:]); a.plausible(cg, sum) {
			a.count(cg, sum)
		} else {
			doubtful = append(doubtful, cg)
		}
	})
	if err != nil {
		return err
	}
	a.dirty.Store(false)
	for _, cg := range doubtful {
		if a.readOnly {
			a.log.Warn("summary of a cylinder group makes no sense", "blk", cg)
			continue
		}
		if g, err := a.open(cg); err == nil { // takes the group's own counts
			g.release()
		}
	}
	return nil
}

// plausible reports whether sum can be the counts of group cg.
func (a *Allocator) plausible(cg int, sum ondisk.Summary) bool {
	in := func(v, limit int32) bool { return v >= 0 && v <= limit }
	frags := a.s.CgFrags(cg)
	return in(sum.Dirs, a.s.Ipg) && in(sum.FreeInodes, a.s.Ipg) && in(sum.FreeBlocks, frags>>a.s.FragShift) && in(sum.FreeFrags, frags)
}

// writeSummary puts what has changed of the summary area into the cache.
func (a *Allocator) writeSummary() error {
	return a.eachSummary(func(b *bcache.Buf, cg, at int) {
		entry := b.Bytes()[at : at+ondisk.SummarySize]
		if now := a.groups[cg].sum.load(); now != ondisk.DecodeSummary(a.s.Order, entry) {
			now.Encode(a.s.Order, entry)
			b.Dirty(0, at, at+ondisk.SummarySize)
		}
	})
}
