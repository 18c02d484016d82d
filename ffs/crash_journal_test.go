package ffs_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"rump/ffs"
	"rump/ffs/fsck"
	"rump/ffs/mkfs"
	"rump/ffs/ondisk"
	"rump/internal/endian"
	"rump/rumpfs/blockdev"
)

var crashCuts = flag.Int("crash.cuts", 2, "random subsets of each open epoch in TestCrashJournal")

var journalFlavours = []crashFlavour{
	{"ufs1be", mkfs.Options{Version: 1, Order: endian.Big, BlockSize: 8192, FragSize: 1024}, false, false, -1},
	{"ufs2le", mkfs.Options{Version: 2, BlockSize: 4096, FragSize: 512, Inodes: 400}, false, false, 1 << 20},
	{"ufs2ea", mkfs.Options{Version: 2, ExtAttr: true, BlockSize: 4096, FragSize: 512, Inodes: 400}, false, false, -1},
	{"quota", mkfs.Options{Version: 2, UserQuota: true, GroupQuota: true, BlockSize: 4096, FragSize: 512, Inodes: 400}, false, false, 1 << 20},
	{"blocks", mkfs.Options{Version: 2, BlockSize: 4096, FragSize: 4096, Inodes: 400}, false, false, 1 << 20},
	{"wide", mkfs.Options{Version: 2, BlockSize: 4096, FragSize: 512, Inodes: 400}, false, true, 1 << 20},
}

// TestCrashJournal kills a mount with a journal after every write, in the midst of writes, and as a loss of power does: with any of the writes since the last
// flush. The next mount finds the volume as it was after one of the operations, not before the last that was synced; the checker finds nothing.
func TestCrashJournal(t *testing.T) {
	for _, f := range journalFlavours {
		for k := range *crashSeeds {
			seed := *crashFirst + uint64(k)
			t.Run(fmt.Sprintf("%s/%d", f.name, seed), func(t *testing.T) {
				t.Parallel()
				steps := *crashSteps
				if testing.Short() {
					steps /= 4
				}
				c := newCrash(t, f, seed)
				for range steps {
					c.step()
				}
				c.unmount()
				h := newJournalHistory(c)
				h.checkAll()
				t.Logf("%d steps, %d states", len(c.steps), h.states)
			})
		}
	}
}

// A journalHistory knows what may be left of a workload.
type journalHistory struct {
	*crash
	first  paths // before the first step
	floors []int // by step: number of the step after which the volume must be at least, once it has ended; -1 is before the first
	states int
}

func newJournalHistory(c *crash) *journalHistory {
	h := &journalHistory{crash: c, first: c.steps[0].before}
	touched := map[uint64]int{}
	floor, prev := -1, h.first
	for i := range c.steps {
		s := &c.steps[i]
		switch {
		case s.effect.sync:
			floor = i
		case s.effect.fsync != 0:
			if at, ok := touched[s.effect.fsync]; ok {
				floor = max(floor, at)
			}
		default:
			for _, id := range changed(prev, s.final) {
				touched[id] = i
			}
		}
		h.floors = append(h.floors, floor)
		prev = s.final
	}
	return h
}

// changed are the objects that differ, or have gained or lost a name. A name that changes with its directory's is not lost.
func changed(before, after paths) (ids []uint64) {
	type name struct {
		dir  uint64
		name string
		id   uint64
	}
	names := func(v paths) map[name]*object {
		m := map[name]*object{}
		for p, o := range v {
			if p != "" {
				m[name{v[strings.TrimSuffix(path.Dir(p), "/")].id, path.Base(p), o.id}] = o
			}
		}
		return m
	}
	same := func(a, b *object) bool {
		return a == b || a != nil && b != nil && a.size == b.size && slices.Equal(a.data, b.data) // a hole in what is a hole changes nothing
	}
	a, b := names(before), names(after)
	for n, o := range a {
		if !same(b[n], o) {
			ids = append(ids, n.id)
		}
	}
	for n, o := range b {
		if !same(a[n], o) {
			ids = append(ids, n.id)
		}
	}
	return ids
}

// checkAll looks at all states.
func (h *journalHistory) checkAll() {
	events := h.rec.Events()
	disk := h.blank.Snapshot()
	for _, e := range h.rec.Epochs() {
		for range *crashCuts {
			cut := disk.Snapshot()
			kept := []int{}
			for i, x := range events[e.Lo:e.Hi] {
				for _, part := range x.Tear(disk.SectorSize()) {
					if h.r.IntN(2) == 0 {
						h.ok(part.Apply(cut), "replay")
						kept = append(kept, e.Lo+i)
					}
				}
			}
			h.killed(cut, e.Lo, e.Hi, fmt.Sprintf("with a part of the events of an epoch, %v", slices.Compact(kept)))
		}
		for i, x := range events[e.Lo:e.Hi] {
			n := e.Lo + i
			if x.Op == blockdev.OpWrite && len(x.Data) > disk.SectorSize() {
				h.killed(h.torn(disk, x), n, n+1, "in the midst of a write")
			}
			h.ok(x.Apply(disk), "replay")
			if x.Op == blockdev.OpWrite {
				h.killed(disk.Snapshot(), n+1, n+1, "after a write")
			}
		}
	}
}

// killed checks a disk that has all of the first durable events, and some of those before event last.
func (h *journalHistory) killed(disk *blockdev.Memory, durable, last int, when string) {
	h.t.Helper()
	h.states++
	if err := h.check(disk, durable, last); err != nil {
		k := 0
		for k+1 < len(h.steps) && h.steps[k].end < last {
			k++
		}
		h.t.Fatalf("step %d, killed %s, %d to %d events: %v%s", k, when, durable, last, err, h.trace(k, last))
	}
}

func (h *journalHistory) check(disk *blockdev.Memory, durable, last int) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	fs, err := ffs.Mount(ctx, disk, ffs.Options{})
	if err != nil {
		return err
	}
	if d := fs.Degraded(); d != "" {
		return errors.New(d)
	}
	if err := fs.Unmount(ctx); err != nil {
		return err
	}
	rep, err := fsck.Check(ctx, disk, fsck.Options{Force: true})
	if err != nil {
		return err
	}
	for _, p := range rep.Problems {
		return fmt.Errorf("fsck, phase %d, %v: %s", p.Phase, p.Kind, p.Text)
	}
	if rep.Super.Clean&ondisk.CleanIs == 0 {
		return fmt.Errorf("fs_clean=%d", rep.Super.Clean)
	}
	if fs, err = ffs.Mount(ctx, disk, ffs.Options{ReadOnly: true}); err != nil {
		return err
	}
	all := map[string]found{}
	if err := walk(ctx, fs, "", fs.Root(), all); err != nil {
		return err
	}
	delete(all, "/lost+found")
	return h.find(all, durable, last)
}

// find looks for a step after which, or in the midst of which, the volume looked so.
func (h *journalHistory) find(all map[string]found, durable, last int) error {
	acked, begun := -1, -1
	for i := range h.steps {
		if h.steps[i].end <= durable {
			acked = i
		}
		if h.steps[i].start <= last {
			begun = i
		}
	}
	floor := -1
	if acked >= 0 {
		floor = h.floors[acked]
	}
	var first error
	for at := begun; at >= floor; at-- {
		want := h.first
		if at >= 0 {
			want = h.steps[at].final
		}
		err := h.seen(want, at, acked, begun, true).compare(all)
		if err != nil && at > floor && h.steps[at].effect.obj != nil {
			s := h.steps[at]
			s.before, s.after, s.either = h.seen(s.before, at-1, acked, begun, false), h.seen(s.after, at-1, acked, begun, false), nil
			if s.midst(all) == nil {
				return nil
			}
		}
		if err == nil {
			return nil
		}
		if first == nil || at == floor {
			first = errors.Join(first, fmt.Errorf("not as after step %d: %w", at, err))
		}
	}
	return first
}

// seen are paths as they look if the volume is as it was after step at, but data may be that of any step up to begun, and what was synced up to
// step acked must be there. With exact, so must the sizes be.
func (h *journalHistory) seen(v paths, at, acked, begun int, exact bool) paths {
	out := maps.Clone(v)
	for p, o := range v {
		x := *o
		must := o.must
		for i := at + 1; i <= begun; i++ {
			s := &h.steps[i]
			for _, u := range []paths{s.before, s.after, s.final} {
				now := u.byID(o.id)
				if now == nil {
					continue
				}
				for _, b := range now.may {
					x.may = x.may.plus(b.lo, b.hi)
				}
				switch {
				case i <= acked:
					must = now.must
				default:
					must = must.both(now.must)
				}
			}
		}
		x.must = must.minus(o.size, math.MaxInt64)
		if exact {
			x.minSize, x.maxSize = o.size, o.size
		}
		out[p] = &x
	}
	return out
}

func (v paths) byID(id uint64) *object {
	for _, o := range v {
		if o.id == id {
			return o
		}
	}
	return nil
}

// both is what is in s and in o.
func (s spans) both(o spans) (out spans) {
	for _, a := range s {
		for _, b := range o {
			out = out.plus(max(a.lo, b.lo), min(a.hi, b.hi))
		}
	}
	return out
}
