package fsck

import "rump/ffs/ondisk"

// takeFrags claims n fragments in one block that nothing uses, the first of the volume; 0 if there are none.
func (c *checker) takeFrags(n int) ondisk.Frag {
	if n <= 0 || n > int(c.s.Frag) {
		return 0
	}
	from := c.allocAt[n]
	f := c.findFrags(from, n)
	if f == 0 && from != 0 {
		f = c.findFrags(0, n)
	}
	if f == 0 {
		return 0
	}
	c.allocAt[n] = f &^ ondisk.Frag(c.s.Frag-1)
	c.claimRun(f, n)
	c.report.Used += int64(n)
	if c.freed {
		c.flush() // what had this space before is gone for good before it is used again
		c.freed = false
	}
	return f
}

// findFrags looks for n fragments from block from on.
func (c *checker) findFrags(from ondisk.Frag, n int) ondisk.Frag {
	frag := ondisk.Frag(c.s.Frag)
	for blk := from; blk+frag <= c.s.Size; blk += frag {
		if blk%(frag<<16) == 0 && c.stopped() {
			return 0
		}
		for i := ondisk.Frag(0); i <= frag-ondisk.Frag(n); i++ {
			if blk+i > 0 && c.isFree(blk+i, n) {
				return blk + i
			}
		}
	}
	return 0
}

func (c *checker) isFree(f ondisk.Frag, n int) bool {
	if c.outOfRange(f, n) || f < c.summaryEnd() && f+ondisk.Frag(n) > c.s.CSAddr {
		return false
	}
	g := &c.groups[c.s.FragToCg(f)]
	i := c.s.FragInCg(f)
	return g.used == nil || g.used[i>>3]>>(i&7)&(1<<n-1) == 0
}

// takeInode finds an inode that is not in use, the first of the volume; 0 if there is none. Inodes that were never initialised are taken last.
func (c *checker) takeInode() ondisk.Ino {
	for cg := range c.groups {
		g := &c.groups[cg]
		for i := range g.inits {
			ino := ondisk.Ino(cg)*ondisk.Ino(c.s.Ipg) + ondisk.Ino(i)
			if ino > ondisk.RootIno && (g.state == nil || g.state[i] == 0) && !c.hidden(ino) {
				return ino
			}
		}
	}
	for cg := range c.groups {
		if g := &c.groups[cg]; g.inits < int(c.s.Ipg) {
			ino := ondisk.Ino(cg)*ondisk.Ino(c.s.Ipg) + ondisk.Ino(g.inits)
			c.initInodes(ino)
			return ino
		}
	}
	return 0
}

// initInodes sees that inode ino, and so all before it in its group, has been initialised.
func (c *checker) initInodes(ino ondisk.Ino) {
	cg := c.s.InoToCg(ino)
	for g := &c.groups[cg]; g.inits <= c.s.InoInCg(ino); g.inits += int(c.s.Inopb) {
		at := c.s.CgInodes(cg) + ondisk.Frag(g.inits/int(c.s.Inopb))<<c.s.FragShift
		c.put(make([]byte, c.s.BSize), c.s.FragOffset(at))
		c.inodes.bl = nil
	}
}

// release gives back what an inode claimed of a run.
func (c *checker) release(f ondisk.Frag, n int) {
	for i := range n {
		f := f + ondisk.Frag(i)
		switch {
		case c.outOfRange(f, 1):
		case c.dups.extra[f] > 0:
			if c.dups.extra[f]--; c.dups.extra[f] == 0 {
				delete(c.dups.extra, f)
			}
		default:
			c.unclaim(f)
			c.report.Used--
		}
	}
	c.freed = true
}

// free clears an inode and gives its blocks back, but for those that others claim too.
func (c *checker) free(ino ondisk.Ino) {
	d := c.inode(ino)
	if c.hasClaims(ino, d) {
		frags := int64(0)
		c.walkBlocks(d, c.runsOf(ino), func(f ondisk.Frag, n int, _ place) step {
			frags += int64(n)
			if c.outOfRange(f, n) {
				c.release(f, n)
				return skip
			}
			c.release(f, n)
			return goOn
		})
		c.report.Files--
		c.addUsage(ino, d, -(frags << c.s.FShift / ondisk.SectorSize), -1)
	}
	c.clearInode(ino)
	c.setState(ino, unallocated)
}

// truncate takes from a file all from byte end on, which is a multiple of its blocks' size. The inode lets go of the blocks before they are free.
func (c *checker) truncate(ino ondisk.Ino, end int64) {
	d := c.inode(ino)
	type run struct {
		f ondisk.Frag
		n int
	}
	var gone []run
	var cut []pointer
	frags := int64(0)
	c.walkBlocks(d, c.runsOf(ino), func(f ondisk.Frag, n int, p place) step {
		if p.lbn >= 0 && c.s.BlockOffset(p.lbn) >= end {
			frags += int64(n)
			gone = append(gone, run{f, n})
			cut = append(cut, p.at)
		}
		if c.outOfRange(f, n) {
			return skip
		}
		return goOn
	})
	for i := range d.DB {
		if c.s.BlockOffset(ondisk.Block(i)) >= end {
			d.DB[i] = 0
		}
	}
	for i := range d.IB {
		if c.s.BlockOffset(c.s.FirstIndirect(i+1)) >= end {
			d.IB[i] = 0
		}
	}
	d.Size = end
	sectors := frags << c.s.FShift / ondisk.SectorSize
	d.Blocks -= sectors
	c.putInode(ino, d)
	for _, at := range cut {
		if at.in != 0 {
			c.setPointer(ino, at, 0)
		}
	}
	for _, r := range gone {
		c.release(r.f, r.n)
	}
	c.addUsage(ino, d, -sectors, 0)
}
