package fsck

import (
	"bytes"

	"rump/ffs/ondisk"
)

// checkShape looks at the length of a directory, and whether all of it is there.
func (c *checker) checkShape(info *dirInfo) {
	unit := int64(c.s.DirBlockSize())
	switch {
	case info.size < int64(ondisk.DirSize(1)+ondisk.DirSize(2)):
		c.dirError(Damage, info.ino, "DIRECTORY TOO SHORT")
		c.resize(info, unit, c.ask("FIX"))
	case info.size%unit != 0:
		c.warn(Damage, info.ino, "DIRECTORY %s: LENGTH %d NOT MULTIPLE OF %d", c.path(info.ino), info.size, unit)
		c.resize(info, (info.size+unit-1)/unit*unit, c.fix("ADJUST", "ADJUSTED"))
	}
	holes, end := c.holesOf(info)
	if len(holes) == 0 && end >= info.size || c.stopped() {
		return
	}
	c.fatal(Damage, info.ino, "DIRECTORY %s: CONTAINS EMPTY BLOCKS", c.path(info.ino))
	if len(holes) > 0 && len(holes) <= maxHoles {
		if c.ask("FILL") {
			c.fillHoles(info, holes)
		}
		return
	}
	if len(holes) > 0 {
		end = c.s.BlockOffset(holes[0].lbn)
	}
	if c.ask("ADJUST LENGTH") {
		c.cut(info, end)
	}
}

// resize notes a new size of a directory, and writes it if that is wanted. No block comes or goes.
func (c *checker) resize(info *dirInfo, size int64, write bool) {
	info.size = size
	if write {
		d := c.inode(info.ino)
		d.Size = size
		c.putInode(info.ino, d)
	}
}

// maxHoles is how many holes in a directory are filled; one with more has a wrong size or pointer, not holes.
const maxHoles = 64

// holesOf finds the holes of a directory that have something behind them, and where the last block ends. A directory without any block has a hole
// at its beginning, for it to become an empty directory.
func (c *checker) holesOf(info *dirInfo) (holes []place, end int64) {
	d := c.inode(info.ino)
	d.Size = info.size
	next := ondisk.Block(0)
	c.walkBlocks(d, c.runsOf(info.ino), func(f ondisk.Frag, n int, p place) step {
		switch {
		case p.lbn < 0:
			return goOn
		case c.outOfRange(f, n):
			return skip
		case p.level > 0:
			return goOn
		}
		for ; next < p.lbn && len(holes) <= maxHoles; next++ {
			holes = append(holes, c.placeOf(d, next))
		}
		next, end = p.lbn+1, min(info.size, c.s.BlockOffset(p.lbn+1))
		return goOn
	})
	if end == 0 && info.size > 0 {
		return []place{c.placeOf(d, 0)}, 0
	}
	return holes, end
}

// placeOf is the place of block lbn of a file.
func (c *checker) placeOf(d *ondisk.Inode, lbn ondisk.Block) place {
	p := place{lbn: lbn, size: d.Size - c.s.BlockOffset(lbn), at: pointer{index: -1}}
	path, ok := c.s.PathTo(lbn)
	if !ok {
		return p
	}
	if path.Level == 0 {
		p.at.index = path.Index[0]
		return p
	}
	f := d.IB[path.Index[0]]
	for i := 1; i <= path.Level; i++ {
		if f == 0 || c.outOfRange(f, int(c.s.Frag)) {
			return p
		}
		p.at = pointer{f, path.Index[i]}
		f = c.s.IndirectIn(c.read(f, int(c.s.Frag))).Get(path.Index[i])
		if i < path.Level {
			p.at.index = -1
		}
	}
	return p
}

// fillHoles puts empty blocks into the holes of a directory, so that what lies behind them stays. What cannot be filled is cut off with all that is
// behind it.
func (c *checker) fillHoles(info *dirInfo, holes []place) {
	for _, p := range holes {
		n := c.s.FragsOf(int64(c.s.BlockSizeOf(info.size, p.lbn)))
		f := ondisk.Frag(0)
		if p.at.index >= 0 {
			f = c.takeFrags(n)
		}
		if f == 0 {
			c.report.Rerun = true
			c.cut(info, c.s.BlockOffset(p.lbn))
			return
		}
		c.putUnits(f, n)
		if p.lbn == 0 {
			info.first = f
		}
		c.setPointer(info.ino, p.at, f)
		c.grow(info.ino, int64(n), 0)
	}
	if _, end := c.holesOf(info); end > 0 && end < info.size {
		c.cut(info, end)
	}
}

// putUnits writes n fragments at f as empty directory blocks.
func (c *checker) putUnits(f ondisk.Frag, n int) {
	b := make([]byte, n<<c.s.FShift)
	c.initUnits(b)
	c.put(b, c.s.FragOffset(f))
}

func (c *checker) initUnits(b []byte) {
	for unit := c.s.DirBlockSize(); len(b) >= unit; b = b[unit:] {
		c.s.DirBlockIn(b).Init()
	}
}

// grow counts fragments that a file has got, and more bytes of size.
func (c *checker) grow(ino ondisk.Ino, frags, size int64) {
	d := c.inode(ino)
	sectors := frags << c.s.FShift / ondisk.SectorSize
	d.Blocks += sectors
	d.Size += size
	c.putInode(ino, d)
	if info := c.dirs[ino]; info != nil {
		info.size = d.Size
	}
	c.addUsage(ino, d, sectors, 0)
}

// cut takes from a directory all from byte end on, a multiple of the size of its blocks, and frees what lay there.
func (c *checker) cut(info *dirInfo, end int64) {
	if end == 0 {
		c.report.Rerun = true
	}
	c.truncate(info.ino, end)
	info.size = end
}

// checkDots looks at the first two entries of a directory, in its first block u.
func (v *dirCheck) checkDots(u *dirUnit) {
	c, info := v.c, v.info
	e, ok := u.at(0)
	if ok && e.Ino != 0 && string(e.Name) == "." {
		v.dot = 0
		if e.Ino != info.ino && v.told(Damage, "BAD INODE NUMBER FOR '.'", "FIX") {
			u.SetIno(0, info.ino)
		}
	} else {
		c.dirError(Damage, info.ino, "MISSING '.'")
		up := info.parent
		if ok && e.Ino != 0 && string(e.Name) == ".." {
			up = e.Ino
		} else if up == 0 {
			up = c.dotdotOf(info.ino)
		}
		if !c.ask("FIX") || !c.setDots(info.ino, up, u) {
			v.checkDotdot(u, 0)
			return
		}
		v.dot = 0
		e, _ = u.at(0)
	}
	if !c.s.DirEntryOld() && e.Type != ondisk.TypeDir && v.told(Hint, "BAD TYPE VALUE FOR '.'", "FIX") {
		u.SetType(0, ondisk.TypeDir)
	}
	u.save()
	c.addLinks(info.ino, -1)
	v.checkDotdot(u, e.Len)
}

// checkDotdot looks at the second entry of a directory, which is at off of its first block u.
func (v *dirCheck) checkDotdot(u *dirUnit, off int) {
	c, info := v.c, v.info
	e, ok := ondisk.Entry{}, false
	if off < u.Len() {
		e, ok = u.at(off)
	}
	if !ok || e.Ino == 0 || string(e.Name) != ".." {
		if info.parent == 0 {
			return // its parent may be found later
		}
		v.c.nameError(Damage, info.ino, c.path(info.ino), "MISSING '..'")
		info.dotdot = noFix
		if !c.ask("FIX") || !c.setDots(info.ino, info.parent, u) {
			return
		}
		off = ondisk.DirSize(1)
		e, _ = u.at(off)
	}
	v.dotdot = off
	info.dotdot, info.up = e.Ino, e.Ino
	if !c.s.DirEntryOld() && e.Type != ondisk.TypeDir && v.told(Hint, "BAD TYPE VALUE FOR '..'", "FIX") {
		u.SetType(off, ondisk.TypeDir)
		u.save()
	}
	c.addLinks(e.Ino, -1)
}

// setDots makes "." and ".." the first entries of the first block u of directory ino; without up the place of ".." stays free. Entries that have no
// room there any more move to another block, for which the directory may have to grow and u then is another one. It reports false if there is no space
// for them.
func (c *checker) setDots(ino, up ondisk.Ino, u *dirUnit) bool {
	entered := c.entered
	need := ondisk.DirSize(1) + ondisk.DirSize(2)
	var keep []ondisk.Entry
	ok := true
	u.entries(func(e ondisk.Entry) bool {
		name := string(e.Name)
		if e.Ino == 0 || name == "." || name == ".." {
			return true
		}
		e.Name = bytes.Clone(e.Name)
		if n := ondisk.DirSize(len(e.Name)); need+n <= u.Len() {
			need += n
			keep = append(keep, e)
			return true
		}
		ok = c.enterBehind(ino, e)
		return ok
	})
	if ok && c.entered != entered {
		ok = c.firstUnit(ino, u)
	}
	if !ok {
		c.print("CANNOT FIX, INSUFFICIENT SPACE TO ADD '.' AND '..'\n")
		c.leave()
		return false
	}
	u.InitDots(ino, up)
	if up == 0 {
		u.SetType(ondisk.DirSize(1), ondisk.TypeUnknown)
	}
	for _, e := range keep {
		u.Insert(e.Ino, e.Type, e.Name)
	}
	u.save()
	return true
}

// firstUnit makes u the first block of a directory as it is now.
func (c *checker) firstUnit(ino ondisk.Ino, u *dirUnit) bool {
	_, more := c.unitsFrom(ino, int64(c.s.DirBlockSize()), 0, func(first dirUnit) bool {
		*u = first
		return false
	})
	return !more
}

// setDotdot makes a directory's ".." lead to up, and counts that.
func (c *checker) setDotdot(info *dirInfo, up ondisk.Ino) bool {
	done := false
	c.units(info.ino, info.size, func(u dirUnit) bool {
		second, ok := u.at(0)
		if ok && second.Len < u.Len() {
			second, ok = u.at(second.Len)
		}
		if ok && second.Off > 0 && second.Ino != 0 && string(second.Name) == ".." {
			u.SetIno(second.Off, up)
			u.save()
			done = true
		} else {
			done = c.setDots(info.ino, up, &u)
		}
		return false
	})
	if !done {
		info.dotdot = noFix
		return false
	}
	c.addLinks(info.up, 1)
	c.addLinks(up, -1)
	info.dotdot, info.up = up, up
	return true
}
