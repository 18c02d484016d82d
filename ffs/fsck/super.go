package fsck

import (
	"fmt"

	"rump/ffs/ondisk"
)

// superState is what a run knows of the superblock beside its fields.
type superState struct {
	primary *ondisk.Super // as it was found at its place; nil if there is none
	alt     bool          // a copy is used, not the primary
	changed bool          // it differs from the one on the disk
	backups bool          // all copies are to be written anew
	began   bool          // the mark "clean" is off the disk
	clean   bool          // it was there at the beginning

	declined []func() // put fields back that the user wants to keep as they are
}

// greet says what is checked, and how.
func (c *checker) greet() {
	switch {
	case c.mode == Preen && c.dev.ReadOnly():
		c.fatal(Damage, 0, "NO WRITE ACCESS")
	case c.mode == Preen:
	case c.mode == No:
		c.print("** %s (NO WRITE)\n", c.o.Name)
	default:
		c.print("** %s\n", c.o.Name)
	}
	if c.o.Backup != 0 {
		c.headline("Alternate super block location: %d\n", c.o.Backup/ondisk.SectorSize)
	}
}

// setup finds the superblock to go by. Without one the run ends.
func (c *checker) setup() bool {
	if c.stop != nil {
		return false
	}
	if r := c.unfinished(); r != nil && !c.resume(r) {
		return false
	}
	found, _, err := ondisk.FindSuper(c.dev, c.dev.Size())
	if err == nil {
		if err = usable(found, c.dev.Size()); found.CheckDevice(c.dev.Size()) != nil && c.o.Backup == 0 {
			if _, other := c.firstBackup(); other == nil { // it is not the superblock that is wrong but the device: cut short
				c.stop = err
				return false
			}
		}
	}
	if err == nil {
		c.super.primary = found.Clone()
	}
	switch {
	case c.o.Backup != 0:
		found, err = ondisk.ReadBackup(c.dev, c.dev.Size(), c.o.Backup)
		c.super.alt = true
	case err != nil:
		found, err = c.alternate(err)
	default:
		found = c.judge(found)
	}
	if err == nil {
		err = usable(found, c.dev.Size())
	}
	if err == nil && int(found.FSize)%c.dev.SectorSize() != 0 {
		err = fmt.Errorf("fragments of %d bytes on a disk with sectors of %d", found.FSize, c.dev.SectorSize())
	}
	if err != nil {
		if c.stop == nil {
			c.stop = err
		}
		return false
	}
	c.s, c.report.Super, c.report.Free = found, found, found.Total
	c.super.clean = found.Clean&ondisk.CleanIs != 0
	if _, ok := ondisk.ReadAppleLabel(c.dev, c.dev.Size()); ok || c.o.Apple {
		found.Apple = true
	}
	c.debug("clean = %d\n", found.Clean)
	if found.Order.IsBig() {
		c.say("** Swapped byte order\n")
	}
	return true
}

// usable says why a check cannot go by s on a device of size bytes.
func usable(s *ondisk.Super, size int64) error {
	if err := s.CheckDevice(size); err != nil {
		return err
	}
	return groupsFit(s)
}

// checkNeeded reports whether there is anything to do on a volume that says that it is sound.
func (c *checker) checkNeeded() bool {
	s := c.s
	skip := !c.o.Force && !c.super.alt && c.o.Level == 0 && c.o.ExtAttr == nil && c.o.Order == nil && s.Flags&ondisk.FlagNeedsFsck == 0
	if !c.journal(skip) {
		return false
	}
	if !c.super.clean {
		return true
	}
	if !skip {
		c.headline("** File system is already clean\n")
		return true
	}
	if c.mode == Preen {
		c.say("file system is clean; not checking\n")
	} else {
		c.print("** File system is clean; not checking\n")
	}
	return false
}

// begin takes the mark "clean" off the disk before anything else is written: a run that is killed must not look like one that came to its end.
func (c *checker) begin() {
	if c.super.began {
		return
	}
	c.super.began = true
	if p := c.super.primary; p != nil && p.Clean&ondisk.CleanIs != 0 {
		p.Clean &^= ondisk.CleanIs
		c.putSuper(p)
		c.flush()
	}
	c.s.Clean &^= ondisk.CleanIs
}

// putSuper writes s to its primary place.
func (c *checker) putSuper(s *ondisk.Super) {
	area := make([]byte, s.SBSize)
	s.EncodeBackup(area, s.Location)
	c.patch(area, s.Location)
}

// putBackup writes the copy at byte offset at.
func (c *checker) putBackup(at int64) {
	area := make([]byte, c.s.SBSize)
	c.s.EncodeBackup(area, at)
	c.patch(area, at)
}

// amend sets a field of the superblock and puts the question that follows the warning about it. With the answer no the old value is written back at
// the end; until then the check goes by the right one.
func amend[T any](c *checker, field *T, value T, question, done string) {
	old := *field
	*field = value
	if c.fix(question, done) {
		c.super.changed = true
	} else {
		c.super.declined = append(c.super.declined, func() { *field = old })
	}
}

// checkSuper looks at the superblock's fields that do not decide whether the volume can be read at all. Those that the check depends on are right in
// memory whatever the answer.
func (c *checker) checkSuper() {
	s := c.s
	c.askLevels()
	if f := s.UnknownFlags(); f != 0 {
		c.fatal(Hint, 0, "UNKNOWN FLAGS=0x%08x IN SUPERBLOCK", f)
		if c.ask("CLEAR") {
			s.Flags &^= f
			c.super.changed = true
		}
	}
	if s.Flags&ondisk.FlagQuota2 != 0 && !s.HasQuota2() && s.QuotaMagic != 0 && !s.OldLayout {
		c.fatal(Hint, 0, "INVALID QUOTA MAGIC NUMBER 0x%08x IN SUPERBLOCK", s.QuotaMagic)
		if c.ask("CLEAR") {
			s.Flags &^= ondisk.FlagQuota2
			s.QuotaMagic, s.QuotaFlags, s.QuotaFile = 0, 0, [2]ondisk.Ino{}
			c.super.changed = true
		}
	}
	if s.Optim != ondisk.OptimTime && s.Optim != ondisk.OptimSpace {
		c.fatal(Hint, 0, "UNDEFINED OPTIMIZATION IN SUPERBLOCK")
		amend(c, &s.Optim, ondisk.OptimTime, "SET TO DEFAULT", "FIXED")
	}
	if s.MinFree < 0 || s.MinFree > 99 {
		c.fatal(Hint, 0, "IMPOSSIBLE MINFREE=%d IN SUPERBLOCK", s.MinFree)
		amend(c, &s.MinFree, 10, "SET TO DEFAULT", "FIXED")
	}
	c.checkRotation()
	if !s.OldInodes() {
		c.checkLimits()
	}
	if !s.HashOK() {
		c.warn(Counts, 0, "SUPERBLOCK CHECK-HASH MISMATCH")
		if c.fix("FIX", "FIXED") {
			c.super.changed = true
		}
	}
}

// checkRotation looks at what UFS1 believes about the disk.
func (c *checker) checkRotation() {
	s, o := c.s, &c.s.Old
	if s.Version != 1 || o.PostblFormat == ondisk.PostblFormat42 {
		return
	}
	if o.Interleave < 1 || o.Interleave > o.NSect {
		c.warn(Hint, 0, "IMPOSSIBLE INTERLEAVE=%d IN SUPERBLOCK", o.Interleave)
		amend(c, &o.Interleave, 1, "SET TO DEFAULT", "FIXED")
	}
	if o.NPSect < o.NSect || int64(o.NPSect) > 2*int64(o.NSect) {
		c.warn(Hint, 0, "IMPOSSIBLE NPSECT=%d IN SUPERBLOCK", o.NPSect)
		amend(c, &o.NPSect, o.NSect, "SET TO DEFAULT", "FIXED")
	}
}

// checkLimits looks at the limits that follow from the sizes.
func (c *checker) checkLimits() {
	s := c.s
	n, b := uint64(s.Nindir), uint64(s.BSize)
	if want := b*(ondisk.NDirect+n+n*n+n*n*n) - 1; s.MaxFileSize != want {
		c.warn(Hint, 0, "INCORRECT MAXFILESIZE=%d IN SUPERBLOCK", s.MaxFileSize)
		amend(c, &s.MaxFileSize, want, "FIX", "FIXED")
	}
	if want := int32(60 * s.Version); s.MaxSymlink != want && !s.Apple {
		c.warn(Hint, 0, "INCORRECT MAXSYMLINKLEN=%d IN SUPERBLOCK", s.MaxSymlink)
		amend(c, &s.MaxSymlink, want, "FIX", "FIXED")
	}
	if want := int64(s.BSize) - 1; s.QBMask != want {
		c.warn(Hint, 0, "INCORRECT QBMASK=0x%x IN SUPERBLOCK", uint64(s.QBMask))
		amend(c, &s.QBMask, want, "FIX", "FIXED")
	}
	if want := int64(s.FSize) - 1; s.QFMask != want {
		c.warn(Hint, 0, "INCORRECT QFMASK=0x%x IN SUPERBLOCK", uint64(s.QFMask))
		amend(c, &s.QFMask, want, "FIX", "FIXED")
	}
}
