package resize

import (
	"errors"
	"fmt"
	"syscall"

	"rump/ffs/ondisk"
)

// A plan is what has to move for one step, and what there is to move it to.
type plan struct {
	zones []span
	limit int    // groups that may get something
	space *space // what they have, as it is before anything is taken; nil if no block moves
	log   *logMove
}

// plan finds out what has to move to get from the old superblock to s, and whether there is room for it. It sets new, moved and the report.
func (r *resizer) plan(s *ondisk.Super) (*plan, error) {
	r.new, r.moved = s, nil
	report := &Report{Old: r.old, New: s, Notes: r.report.Notes}
	p := &plan{zones: zones(r.old, s), limit: int(min(r.old.Ncg, s.Ncg))}
	busy, err := r.survey(p)
	if err != nil {
		return nil, err
	}
	if s.Ncg < r.old.Ncg {
		if r.moved, err = r.renumber(); err != nil {
			return nil, err
		}
		report.Inodes = r.moved.total
		if r.moved.total == 0 {
			r.moved = nil
		}
	}
	if busy > 0 {
		m := r.newMover(p, true)
		if err := m.all(); err != nil {
			return nil, err
		}
		if m.short {
			return nil, r.tooFull(p, m)
		}
		report.Frags = m.frags
		p.log = m.log
	}
	if r.moved != nil {
		if err := r.checkNames(); err != nil {
			return nil, err
		}
	}
	r.journalNotes(p, report)
	r.report = report
	return p, nil
}

// tooFull says how much does not fit.
func (r *resizer) tooFull(p *plan, m *mover) error {
	frags := func(n int64) int64 { return n << r.old.FShift / 1024 }
	used := int64(0)
	_, err := r.survey(p) // what there was before the plan took from it
	if err == nil {
		used = p.space.frags()
	}
	if r.new.Size < r.old.Size {
		return refuse(syscall.ENOSPC, "not enough free space: %d KiB lie behind the new end, and there are %d KiB free in front of it, not all of them in whole blocks",
			frags(m.frags), frags(used))
	}
	return refuse(syscall.ENOSPC, "not enough free space: %d KiB lie where the summary of %d cylinder groups has to be, and there are %d KiB free; free some, or grow in smaller steps",
		frags(m.frags), r.new.Ncg, frags(used))
}

// frags is all the free fragments.
func (sp *space) frags() int64 {
	n := sp.total[0] * int64(sp.frag)
	for run := 1; run < sp.frag; run++ {
		n += int64(run) * sp.total[run]
	}
	return n
}

// survey reads every group that stays, checks it, and counts what it has to give. busy is how many fragments of the zones are in use.
func (r *resizer) survey(p *plan) (busy int64, err error) {
	s := r.old
	p.space = newSpace(int(s.Frag), p.limit)
	for cg := range int(s.Ncg) {
		if err := r.ctx.Err(); err != nil {
			return 0, err
		}
		r.o.Progress("reading groups", int64(cg), int64(s.Ncg))
		g, _, err := r.vol.group(cg)
		if err != nil {
			return 0, err
		}
		if err := g.CheckCounts(); err != nil {
			return 0, refuse(syscall.EINVAL, "%v; run fsck -f", err)
		}
		if g.Ancient() && r.new.Ncg > s.Ncg {
			return 0, refuse(syscall.EINVAL, "it has the cylinder groups of 4.2BSD, of which no more can be made; fsck -c 1 converts them")
		}
		busy += r.busyIn(p, &g)
		if cg < p.limit {
			reserve(p.zones, s, &g)
			p.space.set(cg, &g)
		}
	}
	return busy, nil
}

// busyIn counts the fragments of zones that files have in group g.
func (r *resizer) busyIn(p *plan, g *ondisk.Group) (n int64) {
	s := r.old
	base := s.CgBase(g.Index())
	for _, z := range p.zones {
		lo, hi := max(z.lo, base), min(z.hi, base+ondisk.Frag(g.Frags()))
		for f := lo; f < hi; f++ {
			i := int(f - base)
			if i&7 == 0 && g.FreeMap()[i>>3] == 0xff {
				f += 7 // all of a byte is free, and what is behind the end never is
				continue
			}
			if !g.FragFree(i) && r.vol.isData(f, 1) {
				n++
			}
		}
	}
	return n
}

// reserve makes the free fragments of g that lie in a zone not free, so that nobody gets them, and counts what is left.
func reserve(zones []span, s *ondisk.Super, g *ondisk.Group) {
	base := s.CgBase(g.Index())
	changed := false
	for _, z := range zones {
		lo, hi := max(z.lo, base), min(z.hi, base+ondisk.Frag(g.Frags()))
		for f := lo; f < hi; f++ {
			if g.FragFree(int(f - base)) {
				g.SetFragFree(int(f-base), false)
				changed = true
			}
		}
	}
	if changed {
		g.Recount()
	}
}

// wrap says which inode an error is about.
func wrap(ino ondisk.Ino, err error) error {
	if errors.Is(err, syscall.EINVAL) && !errors.Is(err, ErrRefused) {
		return refuse(syscall.EINVAL, "inode %d: a block behind its end; run fsck -f", ino)
	}
	if errors.Is(err, ErrRefused) || errors.Is(err, syscall.ENOSPC) {
		return err
	}
	return fmt.Errorf("inode %d: %w", ino, err)
}
