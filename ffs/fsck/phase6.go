package fsck

import (
	"cmp"
	"maps"
	"slices"

	"rump/ffs/ondisk"
)

// quotaKey is an owner: kind 0 for users, 1 for groups.
type quotaKey struct {
	kind int
	id   uint32
}

// quotaUse is what an owner uses: 512-byte units and inodes.
type quotaUse struct{ blocks, files int64 }

// addUsage counts sectors and files of an inode for its owners.
func (c *checker) addUsage(ino ondisk.Ino, d *ondisk.Inode, sectors, files int64) {
	if !c.s.HasQuota2() || c.hidden(ino) {
		return
	}
	for kind, id := range []uint32{d.UID, d.GID} {
		u := c.usage[quotaKey{kind, id}]
		u.blocks += sectors
		u.files += files
		if u == (quotaUse{}) {
			delete(c.usage, quotaKey{kind, id})
		} else {
			c.usage[quotaKey{kind, id}] = u
		}
	}
}

var quotaNames = [...]string{"USER", "GROUP"}

// phase6 compares what the quotas of the volume say with what files use. Volumes without quotas have no such phase.
func (c *checker) phase6() {
	if !c.s.HasQuota2() {
		return
	}
	c.start(6, "Check Quotas")
	changes := c.changes
	for kind, name := range quotaNames {
		if c.s.QuotaFlags&(1<<kind) == 0 {
			c.clearQuota(kind, "CLEAR "+name+" QUOTA INODE")
		}
	}
	if c.s.QuotaFlags&3 == 0 {
		c.record(Hint, 0, "no quotas, but the flag of quotas")
		if c.mode == Preen || c.ask("CLEAR SUPERBLOCK QUOTA FLAG") {
			c.s.Flags &^= ondisk.FlagQuota2
			c.s.QuotaMagic = 0
			c.super.changed = true
		}
	}
	for kind, name := range quotaNames {
		if c.s.QuotaFlags&(1<<kind) == 0 || c.stopped() {
			continue
		}
		if q := c.checkQuotaFile(kind, name); q != nil {
			q.compare(name)
		}
	}
	if c.changes != changes {
		c.rebuildGroups() // with what has been allocated since phase 5
	}
}

// clearQuota frees the inode of quotas that the volume does not keep.
func (c *checker) clearQuota(kind int, question string) {
	ino := c.s.QuotaFile[kind]
	if ino == 0 {
		return
	}
	c.record(Hint, ino, question)
	if c.mode != Preen && !c.ask(question) {
		return
	}
	c.freeHidden(ino)
	c.s.QuotaFile[kind] = 0
	c.super.changed = true
}

// checkQuotaFile looks at the file of one kind of quotas, makes it anew if it makes no sense, and mends its lists; nil if it cannot be used.
func (c *checker) checkQuotaFile(kind int, name string) *quotaFile {
	ino := c.s.QuotaFile[kind]
	q := c.openQuota(kind)
	if q == nil && ino != 0 {
		c.warn(Damage, ino, "CORRUPTED %s QUOTA INODE %d", name, ino)
		if !c.fix("CLEAR", "CLEARED") {
			return nil
		}
		c.freeHidden(ino)
		c.s.QuotaFile[kind] = 0
		c.super.changed = true
	}
	if q == nil {
		c.warn(Damage, 0, "NO %s QUOTA INODE", name)
		if !c.fix("CREATE", "CREATED") || !c.createQuota(kind) {
			return nil
		}
		q = c.openQuota(kind)
	}
	if q != nil && !q.checkLists() {
		return nil
	}
	return q
}

// adoptQuota enters an inode that no name leads to in the superblock, if it is the quota file that is missing there: the copies of a superblock are older
// than the file.
func (c *checker) adoptQuota(ino ondisk.Ino, d *ondisk.Inode) bool {
	for kind, name := range quotaNames {
		if !c.s.HasQuota2() || c.s.QuotaFlags&(1<<kind) == 0 || c.openQuota(kind) != nil {
			continue
		}
		was := c.s.QuotaFile[kind]
		c.s.QuotaFile[kind] = ino
		isIt := c.openQuota(kind) != nil
		c.s.QuotaFile[kind] = was
		if !isIt {
			continue
		}
		c.warn(Damage, ino, "%s QUOTA INODE %d IS NOT IN SUPERBLOCK", name, ino)
		if !c.fix("FIX", "FIXED") {
			return false
		}
		c.addUsage(ino, d, -d.Blocks, -1)
		if was != 0 { // that may be somebody's file, and was passed over
			c.report.Rerun = true
		}
		c.s.QuotaFile[kind] = ino
		c.super.changed = true
		return true
	}
	return false
}

// freeHidden frees what the superblock took for a quota file, unless it is somebody's: that was passed over until now.
func (c *checker) freeHidden(ino ondisk.Ino) {
	if !c.s.ValidIno(ino) || c.stateOf(ino) == unallocated {
		return
	}
	if c.links(ino) == int32(c.inode(ino).Nlink) && c.dirs[ino] == nil {
		c.free(ino)
	} else {
		c.report.Rerun = true
	}
}

// compare holds the entries against what was counted.
func (q *quotaFile) compare(name string) {
	c := q.c
	have := map[uint32]int64{}
	q.each(func(off int64) { have[q.id(off)] = off })
	ids := maps.Clone(have)
	for key := range c.usage {
		if _, ok := ids[key.id]; !ok && key.kind == q.kind {
			ids[key.id] = 0
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(ids), cmp.Compare) {
		is, should := quotaUse{}, c.usage[quotaKey{q.kind, id}]
		off, ok := have[id]
		if ok {
			is = q.use(off)
		}
		if is == should {
			continue
		}
		c.warn(Counts, 0, "%s QUOTA MISMATCH FOR ID %d: %d/%d SHOULD BE %d/%d", name, id, is.blocks, is.files, should.blocks, should.files)
		switch {
		case ok && c.fix("FIX", "FIXED"):
			q.setUse(off, should)
			q.save(off)
		case !ok && c.fix("ALLOC", "ALLOCATED"):
			if !q.add(id, should) {
				c.fatal(Damage, 0, "SORRY, CAN'T EXPAND QUOTA INODE\n")
				c.leave()
				return
			}
		}
		if c.stopped() {
			return
		}
	}
}
