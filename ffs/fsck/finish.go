package fsck

import "rump/ffs/ondisk"

// finish sums up, and marks the volume clean if everything is in order now.
func (c *checker) finish() {
	c.report.Checked = true
	c.phase = 0
	c.sumUp()
	if c.mode != No {
		c.closeSuper()
	}
	if c.stopped() {
		return
	}
	if c.report.Modified {
		c.headline("\n***** FILE SYSTEM WAS MODIFIED *****\n")
	}
	if c.report.Rerun && c.mode != No {
		c.headline("\n***** PLEASE RERUN FSCK *****\n")
	}
	if c.report.Unresolved {
		c.headline("\n***** UNRESOLVED INCONSISTENCIES REMAIN *****\n")
	}
}

// sumUp prints the line of counts.
func (c *checker) sumUp() {
	free := c.report.Free
	frags := free.FreeFrags + int64(c.s.Frag)*free.FreeBlocks
	tenths := int64(0)
	if d := int64(c.s.DSize); d > 0 {
		tenths = (free.FreeFrags*1000 + d/2) / d
	}
	c.say("%d files, %d used, %d free (%d frags, %d blocks, %d.%d%% fragmentation)\n",
		c.report.Files, c.report.Used, frags, free.FreeFrags, free.FreeBlocks, tenths/10, tenths%10)
	if missing := c.report.Files - (int64(c.s.MaxIno()-ondisk.RootIno) - free.FreeInodes); missing != 0 {
		c.debug("%d files missing\n", missing)
	}
}

// closeSuper writes the superblock: first what has changed, and when all is on the disk the mark "clean".
func (c *checker) closeSuper() {
	s := c.s
	for _, undo := range c.super.declined {
		undo()
	}
	if c.report.Modified || c.super.changed || c.super.alt {
		s.Time = c.o.Now().Unix()
		c.super.changed = true
	}
	if c.super.alt && !c.updateStandard() {
		return
	}
	if c.super.changed {
		c.begin()
		c.putSuper(s)
	}
	if c.report.Unresolved || c.report.Rerun {
		return
	}
	if c.super.clean {
		if c.super.began {
			c.markClean()
		}
		return
	}
	if c.mode == Preen {
		c.say("MARKING FILE SYSTEM CLEAN\n")
	} else if !c.ask("MARK FILE SYSTEM CLEAN") {
		return
	}
	c.markClean()
	c.headline("\n***** FILE SYSTEM MARKED CLEAN *****\n")
}

// updateStandard asks whether the copy that was used shall take the primary's place.
func (c *checker) updateStandard() bool {
	if c.mode == Preen {
		c.say("UPDATING STANDARD SUPERBLOCK\n")
		return true
	}
	return c.ask("UPDATE STANDARD SUPERBLOCK")
}

// markClean writes that the volume is clean, after all else is durable.
func (c *checker) markClean() {
	s := c.s
	c.flush()
	s.Clean = ondisk.CleanIs
	s.Flags &^= ondisk.FlagUnclean | ondisk.FlagNeedsFsck
	s.PendingBlocks, s.PendingInodes = 0, 0
	s.Time = c.o.Now().Unix()
	if s.HasSUJ() { // its journal is one of an earlier life now
		s.SUJFree, s.MTime = 0, s.Time
	}
	c.putSuper(s)
	c.flush()
}
