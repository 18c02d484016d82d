package fsck

import (
	"slices"

	"rump/ffs/ondisk"
	"rump/internal/endian"
)

// phase3 finds directories that no name leads to from the root.
func (c *checker) phase3() {
	c.start(3, "Check Connectivity")
	asked := map[ondisk.Ino]bool{} // one answer does for a directory and all below it
	for _, info := range slices.Backward(c.order) {
		if c.stopped() {
			return
		}
		if info.ino == ondisk.RootIno || c.stateOf(info.ino) != dir {
			continue
		}
		if c.tossed() {
			c.addLinks(info.up, 1)
			continue
		}
		orphan, loop := c.topOf(info)
		if asked[orphan.ino] {
			continue
		}
		asked[orphan.ino] = true
		if loop {
			c.breakLoop(orphan)
		} else {
			c.reconnect(orphan.ino, orphan.dotdot)
		}
	}
}

// tossed reports whether what no name leads to is simply gone: soft updates leave it so after a crash, and nothing else has happened.
func (c *checker) tossed() bool {
	return c.mode == Preen && c.s.Flags&ondisk.FlagSoftUpdate != 0 && !c.report.Unresolved
}

// topOf follows parents up to a directory that has none, or is in a loop.
func (c *checker) topOf(info *dirInfo) (top *dirInfo, loop bool) {
	for range len(c.dirs) + 1 {
		up := c.dirs[info.parent]
		if info.parent == 0 || up == nil || c.stateOf(info.parent) != dir {
			return info, false
		}
		info = up
	}
	return info, true
}

// breakLoop takes a directory out of a loop of directories.
func (c *checker) breakLoop(info *dirInfo) {
	c.fatal(Damage, info.ino, "ORPHANED DIRECTORY LOOP DETECTED I=%d", info.ino)
	if !c.ask("RECONNECT") {
		return
	}
	parent := info.parent
	if !c.reconnect(info.ino, info.dotdot) {
		return
	}
	c.units(parent, c.dirs[parent].size, func(u dirUnit) bool {
		found := false
		u.entries(func(e ondisk.Entry) bool {
			if name := string(e.Name); e.Ino == info.ino && name != "." && name != ".." {
				found = true
				u.SetIno(e.Off, 0)
				u.save()
			}
			return !found
		})
		return !found
	})
	c.addLinks(info.ino, 1)
}

// phase4 compares what is left of each link count after all names were seen.
func (c *checker) phase4() {
	c.start(4, "Check Reference Counts")
	for cg := range c.groups {
		for i := range c.groups[cg].state {
			ino := ondisk.Ino(cg)*ondisk.Ino(c.s.Ipg) + ondisk.Ino(i)
			if ino >= ondisk.RootIno && c.stateOf(ino) != unallocated && !c.hidden(ino) {
				c.checkLinks(ino)
			}
		}
		if c.stopped() {
			return
		}
	}
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

func (c *checker) checkLinks(ino ondisk.Ino) {
	left := c.links(ino)
	switch c.stateOf(ino) {
	case file, dirFound:
		if left != 0 {
			c.wrongLinks(ino, left)
		} else if c.zero[ino] {
			c.clear(ino, "UNREF")
		}
	case dir:
		c.clear(ino, "UNREF")
	case dirBad, fileBad:
		what := "BAD/DUP"
		if d := c.inode(ino); d.IsDir() && d.Size == 0 {
			what = "ZERO LENGTH"
		}
		c.clear(ino, what)
	case unallocated:
	}
}

// clear offers to clear an inode that nothing refers to.
func (c *checker) clear(ino ondisk.Ino, what string) {
	k := Damage
	if what == "UNREF" {
		k = LostFile
	}
	c.warn(k, ino, "%s %s%s", what, kindName(c.inode(ino)), c.inodeText(ino))
	if c.fix("CLEAR", "CLEARED") {
		c.discard(ino)
	}
}

// discard clears an inode. What a directory's entries refer to has fewer names then.
func (c *checker) discard(ino ondisk.Ino) {
	if c.stateOf(ino) == dir && !c.tossed() {
		c.report.Rerun = true
	}
	c.free(ino)
}

// wrongLinks deals with a link count that names do not account for.
func (c *checker) wrongLinks(ino ondisk.Ino, left int32) {
	d := c.inode(ino)
	was := int32(d.Nlink)
	if was == left {
		if c.tossed() {
			c.clear(ino, "UNREF")
			return
		}
		if c.adoptQuota(ino, d) {
			return
		}
		unresolved := c.report.Unresolved
		if !c.reconnect(ino, 0) {
			c.report.Unresolved = unresolved // it is resolved as well if the file is cleared
			if c.fix("CLEAR", "CLEARED") {
				c.discard(ino)
			}
			return
		}
		d = c.inode(ino)
	}
	c.regainNames(ino)
	if left = c.links(ino); left != 0 {
		c.adjustLinks(ino, d, was, left)
	}
}

func (c *checker) adjustLinks(ino ondisk.Ino, d *ondisk.Inode, was, left int32) {
	k, name := HighLink, kindName(d)
	if left < 0 {
		k = LowLink
	}
	if ino == c.lost {
		name = lostName
	}
	c.warn(k, ino, "LINK COUNT %s%s COUNT %d SHOULD BE %d", name, c.inodeText(ino), was, was-left)
	if left < 0 && c.mode == Preen {
		c.print("\n")
		c.fatal(k, ino, "LINK COUNT INCREASING")
		return
	}
	if !c.fix("ADJUST", "ADJUSTED") {
		return
	}
	links := was - left
	if links > ondisk.MaxLinks {
		c.print("A LINK COUNT CANNOT BE MORE THAN %d\n", ondisk.MaxLinks)
		c.leave()
		links = ondisk.MaxLinks
	}
	d.Nlink = int16(links)
	c.putInode(ino, d)
	c.setLinks(ino, 0)
}
