package resize

import (
	"fmt"

	"rump/ffs/ondisk"
)

// addGroups writes the groups that are new. They lie behind the end of the old file system.
func (r *resizer) addGroups() error {
	for cg := int(r.old.Ncg); cg < int(r.new.Ncg); cg++ {
		r.o.Progress("new groups", int64(cg-int(r.old.Ncg)), int64(r.new.Ncg-r.old.Ncg))
		if err := r.addGroup(cg); err != nil {
			return err
		}
	}
	return r.vol.flush()
}

// addGroup writes header and inodes of a new group.
func (r *resizer) addGroup(cg int) error {
	s := r.new
	block := make([]byte, s.BSize)
	g, err := s.InitGroup(cg, block)
	if err != nil {
		return err
	}
	clear(g.InodeMap())
	g.SetSummary(ondisk.Summary{FreeInodes: s.Ipg})
	start := int(s.CgStart(cg) - s.CgBase(cg))
	setFree(&g, 0, start+int(s.SblkNo))
	setFree(&g, start+int(s.DblkNo), g.Frags())
	g.Recount()
	g.SetTime(r.o.Now().Unix())
	inited := min(int(s.Ipg), 2*int(s.Inopb))
	g.SetInitedInodes(inited)
	if err := r.vol.writeGroup(&g, block); err != nil {
		return err
	}
	b := r.emptyInodes(inited / int(s.Inopb))
	if err := r.vol.writeFrags(s.CgInodes(cg), b); err != nil {
		return err
	}
	if s.Version == 2 {
		return nil
	}
	at := s.FragOffset(s.CgInodes(cg)) + int64(len(b))
	return r.vol.zero(at, int64(s.Ipg)*int64(s.InodeSize())-int64(len(b)))
}

// setFree makes fragments lo to hi-1 of a group free in its map.
func setFree(g *ondisk.Group, lo, hi int) {
	for f := lo; f < hi; f++ {
		g.SetFragFree(f, true)
	}
}

// markDirty writes the old superblock as one that is in use. The place of a log that will move is left out: if we are stopped, nothing
// may be written there.
func (r *resizer) markDirty(p *plan) error {
	s := r.old.Clone()
	s.Clean = ondisk.CleanDirty
	if s.HasSUJ() {
		s.MTime = r.o.Now().Unix() // so that FreeBSD does not believe its journal
	}
	if err := r.writeSuper(s); err != nil || p.log == nil {
		return err
	}
	_, order, _ := s.FindJournal()
	s.SetJournal(order, ondisk.Journal{})
	return r.writeSuper(s)
}

// markResizing writes the old superblock in the form that nobody knows, with the new size. The copies come first, so that no checker goes back to
// one of them; the size is on the disk before it counts.
func (r *resizer) markResizing() error {
	s := r.old.Clone()
	s.Clean = ondisk.CleanDirty
	if err := r.markCopies(s); err != nil {
		return err
	}
	for _, marked := range []bool{false, true} {
		if err := r.mark(s, s.Location, marked); err != nil {
			return err
		}
		if err := r.vol.flush(); err != nil {
			return err
		}
	}
	return nil
}

// mark writes s at byte offset at as the superblock of a volume that is being resized.
func (r *resizer) mark(s *ondisk.Super, at int64, marked bool) error {
	return r.vol.patch(at, int(s.SBSize), func(b []byte) bool {
		s.EncodeResizing(b, r.new.Size, marked)
		return true
	})
}

// markCopies marks the copy of s in each group.
func (r *resizer) markCopies(s *ondisk.Super) error {
	for cg := range int(s.Ncg) {
		if err := r.mark(s, s.FragOffset(s.CgSuper(cg)), true); err != nil {
			return err
		}
	}
	return r.vol.flush()
}

func (r *resizer) writeSuper(s *ondisk.Super) error {
	err := r.vol.patch(s.Location, int(s.SBSize), func(b []byte) bool {
		s.Encode(b)
		return true
	})
	if err != nil {
		return err
	}
	return r.vol.flush()
}

// commit makes the new size true. From the first superblock on the file system is the new one, and what is not written yet fsck can make
// from what is. A superblock is several sectors, and a power cut may write some of them: while its geometry changes, the copies are
// whole; otherwise any mixture of old and new says that it is not clean.
func (r *resizer) commit() error {
	s := r.new
	s.Time = r.o.Now().Unix()
	s.Clean = ondisk.CleanDirty
	if err := r.newGeometry(); err != nil {
		return err
	}
	if err := r.writeGroups(); err != nil {
		return err
	}
	if err := r.writeSummary(); err != nil {
		return err
	}
	s.PendingBlocks, s.PendingInodes = 0, 0
	s.RefreshOldForms()
	if err := r.writeSuper(s); err != nil {
		return err
	}
	s.Clean = ondisk.CleanIs
	if err := r.writeBackups(); err != nil {
		return err
	}
	if err := r.writeRecovery(); err != nil {
		return err
	}
	return r.writeSuper(s)
}

// newGeometry writes the new superblock for the first time, copies first. Where nobody must see a superblock with the old geometry any
// more it is written with the magic number that nobody knows first, so that no half of it is taken for a sound one.
func (r *resizer) newGeometry() error {
	s := r.new
	if r.moved != nil {
		if err := r.markCopies(s); err != nil {
			return err
		}
	}
	if err := r.writeBackups(); err != nil {
		return err
	}
	if r.moved != nil {
		if err := r.mark(s, s.Location, true); err != nil {
			return err
		}
		if err := r.vol.flush(); err != nil {
			return err
		}
	}
	return r.writeSuper(s)
}

// writeGroups brings the groups up to date whose shape or inodes have changed.
func (r *resizer) writeGroups() error {
	touched := map[int]bool{int(min(r.old.Ncg, r.new.Ncg)) - 1: true}
	if summaryFrags(r.old) != summaryFrags(r.new) {
		touched[0] = true
	}
	if r.moved != nil {
		for cg, n := range r.moved.into {
			if n > 0 {
				touched[cg] = true
			}
		}
	}
	for cg := range int(min(r.old.Ncg, r.new.Ncg)) {
		if !touched[cg] {
			continue
		}
		if err := r.refit(cg); err != nil {
			return err
		}
	}
	return r.vol.flush()
}

// refit brings one group up to date.
func (r *resizer) refit(cg int) error {
	s := r.new
	block, err := r.vol.groupBlock(cg)
	if err != nil {
		return err
	}
	g, err := s.FitGroup(cg, block)
	if err != nil {
		return err
	}
	setFree(&g, int(r.old.CgFrags(cg)), g.Frags()) // of a group that grows
	if cg == 0 {
		r.fitSummary(&g)
	}
	if r.moved != nil {
		r.takeInodes(cg, &g)
	}
	g.Recount()
	g.SetTime(s.Time)
	return r.vol.writeGroup(&g, block)
}

// fitSummary gives group 0 the right space for the summary area. Files have been moved out of the way.
func (r *resizer) fitSummary(g *ondisk.Group) {
	was, is := summaryFrags(r.old), summaryFrags(r.new)
	for f := min(was, is); f < max(was, is); f++ {
		g.SetFragFree(int(r.new.CSAddr+f), was > is)
	}
}

// takeInodes marks the inodes used that have moved to group cg.
func (r *resizer) takeInodes(cg int, g *ondisk.Group) {
	n := r.moved.into[cg]
	i := -1
	for range n {
		for i++; g.InodeUsed(i); i++ {
		}
		g.SetInodeUsed(i, true)
	}
	sum := g.Summary()
	sum.FreeInodes -= n
	sum.Dirs += r.dirs[cg]
	g.SetSummary(sum)
}

// writeSummary writes the counts of all groups, as their headers have them, and sets the totals.
func (r *resizer) writeSummary() error {
	s := r.new
	b := make([]byte, int(summaryFrags(s))<<s.FShift)
	s.Total = ondisk.Totals{}
	for cg := range int(s.Ncg) {
		r.o.Progress("summary", int64(cg), int64(s.Ncg))
		at := s.FragOffset(s.CgHeader(cg))
		err := r.vol.patch(at, int(s.CgSize), func(block []byte) bool {
			sum := s.DecodeGroupHeader(block).Sum
			sum.Encode(s.Order, b[cg*ondisk.SummarySize:])
			s.Total.Add(sum)
			return false
		})
		if err != nil {
			return err
		}
	}
	return r.vol.writeFrags(s.CSAddr, b)
}

// writeBackups writes the copies of the superblock.
func (r *resizer) writeBackups() error {
	s := r.new
	for cg := range int(s.Ncg) {
		r.o.Progress("superblock copies", int64(cg), int64(s.Ncg))
		at := s.FragOffset(s.CgSuper(cg))
		err := r.vol.patch(at, int(s.SBSize), func(b []byte) bool {
			s.EncodeBackup(b, at)
			return true
		})
		if err != nil {
			return fmt.Errorf("superblock copy %d: %w", cg, err)
		}
	}
	return r.vol.flush()
}

// The record by which FreeBSD's fsck finds the copies: five words right in front of a UFS2 superblock.
const (
	recoverySize = 20
	offRecFpg    = 12 // fsr_fpg
	offRecNcg    = 16 // fsr_ncg
)

// writeRecovery brings that record up to date.
func (r *resizer) writeRecovery() error {
	s := r.new
	if s.Version != 2 || s.Location != ondisk.LocUFS2 {
		return nil
	}
	return r.vol.patch(s.Location-recoverySize, recoverySize, func(b []byte) bool {
		o := s.Order
		if o.Uint32(b) != ondisk.MagicUFS2 || int32(o.Uint32(b[offRecFpg:])) != s.Fpg || int32(o.Uint32(b[offRecNcg:])) != r.old.Ncg {
			return false
		}
		o.PutUint32(b[offRecNcg:], uint32(s.Ncg))
		return true
	})
}
