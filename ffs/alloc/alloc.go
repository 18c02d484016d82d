// Package alloc hands out and takes back the fragments, blocks and inodes of a mounted Fast File System.
//
// The maps are in the cylinder groups, which are metadata buffers; counts of all groups are in memory and go to the summary area and
// the superblock with [Allocator.Sync]. What is given is marked in its group before the call returns, and reaches the disk with the
// buffer, whenever that is: maps may lag behind pointers, since fsck rebuilds them. The one exception is the number of inodes a UFS2
// group has initialised, which is written at once because no checker looks behind it.
//
// The caller keeps the rules that make this safe: what a pointer on disk still names is not freed before the pointer is gone there.
//
// Locks, outermost first:
//
//	initMu                       one block of inodes is initialised at a time
//	  buffer of an inode block   of that block, while nobody else can know an inode in it
//	    buffer of a group        one at a time; guards the group's state here too
//	superMu                      the superblock
//
// A caller may hold buffers that come before a group in bcache's order, but for Inode no buffer at all.
package alloc

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"rump/ffs/ondisk"
	"rump/rumpfs/bcache"
)

// Options are what an Allocator may be told; the zero value is a writable volume with the clock and randomness of the host. The
// functions are called from any goroutine.
type Options struct {
	Now      func() time.Time // nil: time.Now
	Rand     func() uint32    // uniform; nil: the runtime's generator
	Flush    func() error     // makes durable what the device was given; nil: nothing does
	Log      *slog.Logger     // nil: silence
	ReadOnly bool             // every change is refused with EROFS
}

// An Allocator owns the free space of one volume. Methods may be called concurrently. Those that change something fail with
//
//	ENOSPC                    no space, or none outside the reserve
//	EROFS                     Options.ReadOnly
//	*ondisk.CorruptError      a group's structures contradict each other or the request; nothing was changed
//	any other                 the device's error
type Allocator struct {
	s        *ondisk.Super // shared with the mount; guarded by superMu where it changes
	c        *bcache.Cache
	log      *slog.Logger
	now      func() time.Time
	rand     func() uint32
	flush    func() error
	lanes    lanes
	readOnly bool

	groups  []state
	total   counts64
	dirty   atomic.Bool // counts have changed since Sync
	suspect atomic.Bool // something corrupt was seen; the volume does not become clean

	initMu sync.Mutex

	superMu  sync.Mutex
	wasClean bool // before MarkInUse
}

// state is what is kept in memory for a cylinder group.
type state struct {
	sum        counts32
	contigDirs atomic.Int32 // directories made without files between them
	broken     atomic.Bool  // err is set: nothing is allocated here

	// Guarded by the lock of the group's buffer.
	checked bool
	err     error     // why the group is not to be trusted
	win     [9]window // by length of a run in fragments
}

// New is an Allocator of the volume s in c, whose BlockSize is that of the volume. It reads the summary area; if the volume may
// be written and is not clean, or its totals are not those of the summary, also all groups, because their counts have gone ahead.
func New(s *ondisk.Super, c *bcache.Cache, o Options) (*Allocator, error) {
	a := &Allocator{s: s, c: c, log: o.Log, now: o.Now, rand: o.Rand, flush: o.Flush, readOnly: o.ReadOnly, lanes: newLanes(int(s.Frag))}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if a.now == nil {
		a.now = time.Now
	}
	if a.rand == nil {
		a.rand = rand.Uint32
	}
	if a.flush == nil {
		a.flush = func() error { return nil }
	}
	if err := a.checkLayout(); err != nil && !o.ReadOnly {
		return nil, err
	}
	a.groups = make([]state, s.Ncg)
	if err := a.readSummary(); err != nil {
		return nil, err
	}
	if !o.ReadOnly && (s.Clean&ondisk.CleanIs == 0 || a.Totals() != s.Total) {
		a.visitAll()
	}
	return a, nil
}

// checkLayout proves that the structures this package writes lie apart: no two share a block of the cache with different bounds, and
// nothing that is handed out is one of them. That groups, inodes and data begin at blocks [ondisk.Super.Check] has proved.
func (a *Allocator) checkLayout() error {
	s := a.s
	corrupt := func(what string, v int64) error {
		return &ondisk.CorruptError{What: "superblock: " + what, Value: v, Where: s.Location}
	}
	if end := s.Location + int64(s.SBSize); s.Location < 0 || end > s.FragOffset(s.CgHeader(0)) {
		return corrupt("lies beyond the boot area, at", s.Location)
	}
	// The summary area lies in the data space of one group; usually it is what comes first there in group 0.
	first, last := s.CSAddr, s.CSAddr+a.summaryFrags()-1
	cg := s.FragToCg(first)
	if cg != s.FragToCg(last) || first < s.CgData(cg) && last >= s.CgSuper(cg) || cg == 0 && first < s.CgData(0) {
		return corrupt("summary area overlaps other structures, at fragment", int64(first))
	}
	return nil
}

// summaryFrags is the length of the summary area.
func (a *Allocator) summaryFrags() ondisk.Frag {
	return ondisk.Frag(a.s.RoundFrags(int64(a.s.CSSize)) >> a.s.FShift)
}

// structures are where the file system's own structures lie in group cg, as ranges of fragments.
func (a *Allocator) structures(cg int) [2][2]ondisk.Frag {
	s := a.s
	first := s.CgSuper(cg)
	if cg == 0 {
		first = 0
	}
	return [2][2]ondisk.Frag{{first, s.CgData(cg)}, {s.CSAddr, s.CSAddr + a.summaryFrags()}}
}

// reserved reports whether one of n fragments from f on, which lie in group cg, holds one of them.
func (a *Allocator) reserved(cg int, f, n ondisk.Frag) bool {
	for _, r := range a.structures(cg) {
		if f < r[1] && f+n > r[0] {
			return true
		}
	}
	return false
}

// visitAll looks at every group, so that counts are those of the groups and the ones that are broken are known.
func (a *Allocator) visitAll() {
	for cg := range a.groups {
		if g, err := a.open(cg); err == nil {
			g.release()
		}
	}
}

// minFree is the reserve in percent; what cannot be is the default.
func (a *Allocator) minFree() int64 {
	if m := a.s.MinFree; m >= 0 && m <= 99 {
		return int64(m)
	}
	return 5
}

// Totals are the counts of the whole volume now.
func (a *Allocator) Totals() ondisk.Totals { return a.total.load() }

// Space is how many fragments are free, and how many of them without the reserve, which is negative while the reserve is in use.
func (a *Allocator) Space() (free, available int64) {
	free = a.total.blocks.Load()*int64(a.s.Frag) + a.total.frags.Load()
	return free, free - percent(int64(a.s.DSize), a.minFree())
}

// percent is v*p/100 without overflow.
func percent(v, p int64) int64 { return v/100*p + v%100*p/100 }

// room is how many fragments a request may take: ENOSPC if none are left to it.
func (a *Allocator) room(reserve bool) (int64, error) {
	if a.readOnly {
		return 0, syscall.EROFS
	}
	free, available := a.Space()
	if reserve {
		available = free
	}
	if available <= 0 {
		return 0, syscall.ENOSPC
	}
	return available, nil
}

// Broken says which groups are not used because of what was found in them.
func (a *Allocator) Broken() []error {
	var errs []error
	for cg := range a.groups {
		if st := &a.groups[cg]; st.broken.Load() {
			errs = append(errs, st.err) // does not change once broken is set
		}
	}
	return errs
}

// Suspect keeps MarkClean from marking the volume clean, because the caller has seen something corrupt.
func (a *Allocator) Suspect() { a.suspect.Store(true) }

// breakGroupLocked notes that group cg cannot be trusted. The group's buffer is locked.
func (a *Allocator) breakGroupLocked(cg int, err error) error {
	st := &a.groups[cg]
	if st.err == nil {
		st.err = err
		st.broken.Store(true)
		a.suspect.Store(true)
		a.log.Error("cylinder group not used; run fsck", "err", err)
	}
	return err
}

func corrupt(cg int, what string, value, where int64) error {
	return &ondisk.CorruptError{What: fmt.Sprintf("cylinder group %d: %s", cg, what), Value: value, Where: where}
}
