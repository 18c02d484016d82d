package fsck

import (
	"rump/ffs/ondisk"
)

// maxBad is how many bad or doubly claimed blocks of one inode are listed.
const maxBad = 10

// A dup is a fragment that was claimed again.
type dup struct {
	at    ondisk.Frag
	found bool // phase 1b met its first owner
}

// phase1 looks at every inode and at every block that one points to.
func (c *checker) phase1() error {
	if err := c.start(1, "Check Blocks and Sizes"); err != nil {
		return err
	}
	for cg := range int(c.s.Ncg) {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		if err := c.inodesOf(cg, c.checkInode); err != nil {
			return err
		}
		if c.o.Progress != nil {
			c.o.Progress(cg+1, int(c.s.Ncg))
		}
	}
	if len(c.dups) > 0 {
		return c.phase1b()
	}
	return nil
}

// inodesOf calls fn for each inode of a group that was ever initialised.
func (c *checker) inodesOf(cg int, fn func(ino ondisk.Ino, d *ondisk.Inode) error) error {
	n := int(c.s.Ipg)
	if c.s.Version == 2 {
		if b, err := c.read(c.s.CgHeader(cg), int(c.s.Frag)); err == nil {
			if g, err := c.s.GroupIn(cg, b); err == nil {
				n = min(n, g.InitedInodes())
			}
		}
	}
	c.groups[cg].inits = n
	const chunk = 64 // blocks in one read
	perBlock := int(c.s.Inopb)
	var d ondisk.Inode
	for first := 0; first < n; first += chunk * perBlock {
		blocks := (min(n-first, chunk*perBlock) + perBlock - 1) / perBlock
		at := c.s.CgInodes(cg) + ondisk.Frag(first/perBlock)<<c.s.FragShift
		b, err := c.read(at, blocks<<c.s.FragShift)
		if err != nil {
			return err
		}
		for i := range min(n-first, blocks*perBlock) {
			ino := ondisk.Ino(cg)*ondisk.Ino(c.s.Ipg) + ondisk.Ino(first+i)
			if ino < ondisk.RootIno {
				continue
			}
			ondisk.DecodeInode(c.s, b[i*c.s.InodeSize():], &d)
			if err := fn(ino, &d); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkInode is phase 1 for one inode.
func (c *checker) checkInode(ino ondisk.Ino, d *ondisk.Inode) error {
	if d.Mode&ondisk.ModeType == 0 {
		if d.Size != 0 || d.Mode != 0 || hasPointers(d) {
			c.note(Damage, ino, "PARTIALLY ALLOCATED INODE I=%d", ino)
			c.ask("CLEAR")
		}
		return nil
	}
	isDir := d.Mode&ondisk.ModeType == ondisk.ModeDir
	if !c.plausible(d) {
		c.note(Damage, ino, "UNKNOWN FILE TYPE I=%d", ino)
		c.setState(ino, fileBad)
		c.ask("CLEAR")
		return nil
	}
	c.report.Files++
	switch {
	case isDir && d.Size == 0:
		c.setState(ino, dirBad)
		c.dirs[ino] = newDirInfo(ino, d)
	case isDir:
		c.setState(ino, dir)
		c.dirs[ino] = newDirInfo(ino, d)
	default:
		c.setState(ino, file)
	}
	if isDir {
		c.groups[c.s.InoToCg(ino)].ndir++
	}
	c.setLinks(ino, d.Nlink)
	if d.Nlink <= 0 {
		c.zero = append(c.zero, ino)
	}
	frags, err := c.claimBlocks(ino, d, isDir)
	if err != nil {
		return err
	}
	sectors := frags << c.s.FShift / ondisk.SectorSize
	if int64(d.Blocks) != sectors {
		c.note(Hint, ino, "INCORRECT BLOCK COUNT I=%d (%d should be %d)", ino, int64(d.Blocks), sectors)
		c.ask("CORRECT")
	}
	c.addUsage(ino, d, sectors)
	return nil
}

// claimBlocks marks what the inode points to and counts the fragments.
func (c *checker) claimBlocks(ino ondisk.Ino, d *ondisk.Inode, isDir bool) (frags int64, err error) {
	spoil := func() {
		if isDir {
			c.setState(ino, dirBad)
		} else {
			c.setState(ino, fileBad)
		}
	}
	var bad, dups int
	err = c.walkBlocks(d, c.visitLimit(), func(at ondisk.Frag, n int, p place) (step, error) {
		out := c.outOfRange(at, n)
		if out {
			c.note(Damage, ino, "%d BAD I=%d\n", at, ino)
			spoil()
			if bad++; bad > maxBad {
				c.note(Damage, ino, "EXCESSIVE BAD BLKS I=%d", ino)
				c.ask("CONTINUE")
				return stop, nil
			}
		}
		for i := range n {
			f := at + ondisk.Frag(i)
			switch {
			case out && c.outOfRange(f, 1):
			case c.claim(f):
				c.report.Used++
			default:
				c.note(Damage, ino, "%d DUP I=%d\n", f, ino)
				spoil()
				c.dups = append(c.dups, dup{at: f})
				if dups++; dups > maxBad {
					c.note(Damage, ino, "EXCESSIVE DUP BLKS I=%d", ino)
					c.ask("CONTINUE")
					return stop, nil
				}
			}
			frags++
		}
		if out {
			return skip, nil
		}
		if p.level > 0 {
			return goOn, c.checkTail(ino, at, p)
		}
		return goOn, nil
	})
	return frags, err
}

// checkTail looks for pointers of an indirect block that lie behind the end of the file.
func (c *checker) checkTail(ino ondisk.Ino, at ondisk.Frag, p place) error {
	span := int64(c.s.IndirectSpan(p.level)) << c.s.BShift
	first := (p.size + span - 1) / span
	if first >= int64(c.s.Nindir) {
		return nil
	}
	b, err := c.read(at, int(c.s.Frag))
	if err != nil {
		return err
	}
	ptrs := c.s.IndirectIn(b)
	for i := int(first); i < int(c.s.Nindir); i++ {
		if ptrs.Get(i) != 0 {
			c.note(Damage, ino, "PARTIALLY TRUNCATED INODE I=%d", ino)
			c.ask("SALVAGE")
			return nil
		}
	}
	return nil
}

func hasPointers(d *ondisk.Inode) bool {
	return d.DB != [ondisk.NDirect]ondisk.Frag{} || d.IB != [ondisk.NIndirect]ondisk.Frag{}
}

// plausible reports whether type, size and pointers of an allocated inode agree.
func (c *checker) plausible(d *ondisk.Inode) bool {
	size := int64(d.Size)
	typ := d.Mode & ondisk.ModeType
	if size < 0 || size > c.s.MaxSize() || typ == ondisk.ModeDir && size > ondisk.MaxDirSize || !knownType(typ) {
		return false
	}
	if c.s.Version == 2 && (int64(d.ExtSize) < 0 || int64(d.ExtSize) > ondisk.NExtBlocks*int64(c.s.BSize)) {
		return false
	}
	if typ == ondisk.ModeBlock || typ == ondisk.ModeChar {
		return d.IB == [ondisk.NIndirect]ondisk.Frag{} && !anyFrag(d.DB[1:])
	}
	if c.isInline(d) {
		return c.linkTailZero(d)
	}
	for i := range ondisk.NDirect {
		if c.s.BlockOffset(ondisk.Block(i)) >= size && d.DB[i] != 0 {
			return false
		}
	}
	for level := 1; level <= ondisk.NIndirect; level++ {
		if c.s.BlockOffset(c.s.FirstIndirect(level)) >= size && d.IB[level-1] != 0 {
			return false
		}
	}
	return true
}

// linkTailZero reports whether the pointers that a short symbolic link's target does not reach into are zero.
func (c *checker) linkTailZero(d *ondisk.Inode) bool {
	pointer := 4 * c.s.Version // bytes of one
	used := (int(d.Size) + pointer - 1) / pointer * pointer
	for _, b := range d.Inline[min(used, len(d.Inline)):] {
		if b != 0 {
			return false
		}
	}
	return true
}

func anyFrag(fs []ondisk.Frag) bool {
	for _, f := range fs {
		if f != 0 {
			return true
		}
	}
	return false
}

func knownType(typ uint16) bool {
	switch typ {
	case ondisk.ModeFIFO, ondisk.ModeChar, ondisk.ModeDir, ondisk.ModeBlock, ondisk.ModeRegular, ondisk.ModeSymlink, ondisk.ModeSocket:
		return true
	}
	return false
}

// phase1b finds who claimed first what was then claimed again.
func (c *checker) phase1b() error {
	c.print("** Phase 1b - Rescan For More DUPS\n")
	owed := map[ondisk.Frag]bool{}
	for _, d := range c.dups {
		owed[d.at] = true
	}
	for cg := range int(c.s.Ncg) {
		if len(owed) == 0 {
			return nil
		}
		err := c.inodesOf(cg, func(ino ondisk.Ino, d *ondisk.Inode) error {
			if c.stateOf(ino) == unallocated || len(owed) == 0 {
				return nil
			}
			return c.walkBlocks(d, c.visitLimit(), func(at ondisk.Frag, n int, p place) (step, error) {
				if c.outOfRange(at, n) {
					return skip, nil
				}
				for i := range n {
					f := at + ondisk.Frag(i)
					if !owed[f] {
						continue
					}
					delete(owed, f)
					c.note(Damage, ino, "%d DUP I=%d\n", f, ino)
					if st := c.stateOf(ino); st == dir {
						c.setState(ino, dirBad)
					} else if st == file {
						c.setState(ino, fileBad)
					}
				}
				return goOn, nil
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}
