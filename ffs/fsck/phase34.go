package fsck

import (
	"slices"

	"rump/ffs/ondisk"
	"rump/internal/endian"
)

// phase3 finds directories that no name leads to from the root.
func (c *checker) phase3() error {
	if err := c.start(3, "Check Connectivity"); err != nil {
		return err
	}
	for _, info := range slices.Backward(c.order) {
		if info.ino == ondisk.RootIno || info.parent != 0 && c.stateOf(info.ino) != dir || c.stateOf(info.ino) == dirBad {
			continue
		}
		orphan, loop := c.topOf(info)
		if c.stateOf(orphan.ino) == dirFound {
			continue
		}
		if loop {
			c.note(Damage, orphan.ino, "ORPHANED DIRECTORY LOOP DETECTED I=%d", orphan.ino)
			c.ask("RECONNECT")
		} else {
			c.note(LostFile, orphan.ino, "UNREF DIR %s", c.inodeText(orphan.ino))
			c.ask("RECONNECT")
		}
		c.setState(orphan.ino, dirFound)
		c.propagate()
	}
	return nil
}

// topOf follows parents up to a directory that has none.
func (c *checker) topOf(info *dirInfo) (top *dirInfo, loop bool) {
	for range len(c.dirs) + 1 {
		up := c.dirs[info.parent]
		if info.parent == 0 || up == nil || c.stateOf(info.ino) != dir {
			return info, false
		}
		info = up
	}
	return info, true
}

// phase4 compares what is left of each link count after all names were seen.
func (c *checker) phase4() error {
	if err := c.start(4, "Check Reference Counts"); err != nil {
		return err
	}
	for cg := range c.groups {
		g := &c.groups[cg]
		for i := range g.state {
			ino := ondisk.Ino(cg)*ondisk.Ino(c.s.Ipg) + ondisk.Ino(i)
			if ino >= ondisk.RootIno && !c.hidden(ino) {
				if err := c.checkLinks(ino); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// hidden reports whether ino is an inode that no name leads to on purpose: the log, quotas.
func (c *checker) hidden(ino ondisk.Ino) bool {
	if c.s.HasQuota2() && (ino == c.s.QuotaFile[0] || ino == c.s.QuotaFile[1]) {
		return true
	}
	// The log's fields are in the order of the machine that wrote them.
	for _, order := range []endian.Order{endian.Little, endian.Big} {
		j := c.s.Journal(order)
		if j.Version == ondisk.JournalVersion1 && j.Location == ondisk.JournalInFile && ondisk.Ino(j.Loc[3]) == ino {
			return true
		}
	}
	return false
}

func (c *checker) checkLinks(ino ondisk.Ino) error {
	left := c.links(ino)
	switch c.stateOf(ino) {
	case file, dirFound:
		if left != 0 {
			return c.wrongLinks(ino, left)
		}
		if slices.Contains(c.zero, ino) {
			c.unref(ino)
		}
	case dir:
		c.unref(ino)
	case dirBad, fileBad:
		d, err := c.inode(ino)
		if err != nil {
			return err
		}
		what := "BAD/DUP"
		if d.IsDir() && d.Size == 0 {
			what = "ZERO LENGTH"
		}
		c.note(Damage, ino, "%s %s%s", what, kindName(d), c.inodeText(ino))
		c.ask("CLEAR")
	}
	return nil
}

func (c *checker) unref(ino ondisk.Ino) {
	d, err := c.inode(ino)
	if err != nil {
		return
	}
	c.note(LostFile, ino, "UNREF %s%s", kindName(d), c.inodeText(ino))
	c.ask("CLEAR")
}

// wrongLinks reports a link count that names do not account for.
func (c *checker) wrongLinks(ino ondisk.Ino, left int16) error {
	d, err := c.inode(ino)
	if err != nil {
		return err
	}
	if d.Nlink == left {
		c.note(LostFile, ino, "UNREF %s %s", kindName(d), c.inodeText(ino))
		c.ask("RECONNECT")
		c.ask("CLEAR")
		return nil
	}
	k := HighLink
	if left < 0 {
		k = LowLink
	}
	c.note(k, ino, "LINK COUNT %s%s COUNT %d SHOULD BE %d", kindName(d), c.inodeText(ino), d.Nlink, d.Nlink-left)
	c.ask("ADJUST")
	return nil
}
