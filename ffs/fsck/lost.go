package fsck

import (
	"bytes"
	"fmt"
	"slices"

	"rump/ffs/ondisk"
)

const lostName = "lost+found"

// oldName is where a name of a file may have been, found in a part of a directory that is not one any more.
type oldName struct {
	dir  ondisk.Ino
	name string
}

// harvest notes what look like names in a block of directory dir, from byte off on. Some may be of files that are long gone: a name is used only for
// a file that no other name leads to.
func (c *checker) harvest(u dirUnit, dir ondisk.Ino, off int) {
	for ; off+ondisk.DirSize(1) <= u.Len(); off += 4 {
		e, ok := u.at(off)
		if !ok { // maybe only its length is wrong
			copied := dirUnit{DirBlock: c.s.DirBlockIn(bytes.Clone(u.bl.b[u.off : u.off+u.Len()]))}
			copied.SetLen(off, u.Len()-off)
			e, ok = copied.at(off)
		}
		name := string(e.Name)
		if !ok || !c.s.ValidIno(e.Ino) || name == "" || name == "." || name == ".." || c.stateOf(e.Ino) == unallocated {
			continue
		}
		if old := (oldName{dir, name}); (c.s.DirEntryOld() || e.Type == c.typeOf(e.Ino)) && !slices.Contains(c.names[e.Ino], old) {
			c.names[e.Ino] = append(c.names[e.Ino], old)
		}
	}
}

// reconnect gives a file or directory that no name leads to a name again, in lost+found or where it had one. from is what the ".." of a directory
// counted for, 0 for nothing. It reports whether there is a name now.
func (c *checker) reconnect(ino, from ondisk.Ino) bool {
	d := c.inode(ino)
	c.warn(LostFile, ino, "UNREF %s %s", kindName(d), c.inodeText(ino))
	if c.mode == Preen && d.Size == 0 {
		return false
	}
	if !c.fix("RECONNECT", "RECONNECTED") {
		return false
	}
	into, ok := c.enterOld(ino)
	if !ok {
		if into, ok = c.lostDir(); !ok {
			return false
		}
		if !c.enter(into, ino, c.lostNameOf(into, ino)) {
			c.fatal(Damage, 0, "SORRY. NO SPACE IN lost+found DIRECTORY")
			c.print("\n\n")
			c.leave()
			return false
		}
	}
	c.addLinks(ino, -1)
	if info := c.dirs[ino]; info != nil {
		c.adopt(info, into, from)
	}
	return true
}

// adopt makes a directory one in another, which has an entry of it already.
func (c *checker) adopt(info *dirInfo, parent, from ondisk.Ino) {
	if c.setDotdot(info, parent) {
		d := c.inode(parent)
		d.Nlink++
		c.putInode(parent, d)
		c.addLinks(parent, 1)
	}
	c.reparent(info, parent)
	c.say("DIR I=%d CONNECTED. ", info.ino)
	if from != noFix {
		c.print("PARENT WAS I=%d\n", from)
	}
	c.headline("\n")
}

// reparent notes that a directory is in another, and so can be reached with all that is in it.
func (c *checker) reparent(info *dirInfo, parent ondisk.Ino) {
	info.parent = parent
	c.children[parent] = append(c.children[parent], info.ino)
	c.setState(info.ino, dirFound)
	c.propagateFrom(info.ino)
}

// enterOld gives a file a name back that was found for it, if its directory is in use.
func (c *checker) enterOld(ino ondisk.Ino) (dir ondisk.Ino, ok bool) {
	for _, old := range c.names[ino] {
		if c.isFreeName(ino, old) && c.enter(old.dir, ino, old.name) {
			c.say("RECONNECTED AS %s\n", c.pathIn(old.dir, []byte(old.name)))
			c.headline("\n")
			return old.dir, true
		}
	}
	return 0, false
}

func (c *checker) isFreeName(ino ondisk.Ino, old oldName) bool {
	return old.dir != ino && c.stateOf(old.dir) == dirFound && !c.lookup(old.dir, old.name, func(dirUnit, ondisk.Entry) {})
}

// regainNames gives a file names back that were found for it, as many as its link count says that it lacks.
func (c *checker) regainNames(ino ondisk.Ino) {
	for _, old := range c.names[ino] {
		if c.links(ino) <= 0 || c.mode == No || c.typeOf(ino) == ondisk.TypeDir || !c.isFreeName(ino, old) {
			continue
		}
		c.warn(LostFile, ino, "LOST NAME %s %s", c.pathIn(old.dir, []byte(old.name)), c.inodeText(ino))
		if c.fix("RECONNECT", "RECONNECTED") && c.enter(old.dir, ino, old.name) {
			c.addLinks(ino, -1)
		}
	}
}

// lostNameOf is the name that ino gets in lost+found: its number, with as many digits as the largest has.
func (c *checker) lostNameOf(dir, ino ondisk.Ino) string {
	name := fmt.Sprintf("#%0*d", len(fmt.Sprint(c.s.MaxIno())), ino)
	base := name
	for i := 1; c.lookup(dir, name, func(dirUnit, ondisk.Entry) {}); i++ {
		name = fmt.Sprintf("%s.%d", base, i)
	}
	return name
}

// lostDir is lost+found, made if there is none.
func (c *checker) lostDir() (ondisk.Ino, bool) {
	const root = ondisk.RootIno
	if c.lost == 0 && !c.lookup(root, lostName, func(_ dirUnit, e ondisk.Entry) { c.lost = e.Ino }) {
		c.warn(Hint, 0, "NO lost+found DIRECTORY")
		if c.mode == Preen || c.ask("CREATE") {
			if c.lost = c.makeLost(); c.lost != 0 && !c.enter(root, c.lost, lostName) {
				c.free(c.lost)
				c.lost = 0
			}
			if c.lost != 0 {
				c.linkLost()
			}
			if c.mode == Preen {
				c.print("%s\n", map[bool]string{true: " (CREATED)"}[c.lost != 0])
			}
		}
	}
	if c.lost != 0 && c.s.ValidIno(c.lost) && !c.inode(c.lost).IsDir() {
		c.replaceLost()
	}
	if c.lost == 0 {
		c.fatal(Damage, 0, "SORRY. CANNOT CREATE lost+found DIRECTORY\n\n")
		c.leave()
		return 0, false
	}
	if !c.s.ValidIno(c.lost) || c.stateOf(c.lost) != dirFound {
		c.fatal(Damage, 0, "SORRY. NO lost+found DIRECTORY\n\n")
		c.leave()
		return 0, false
	}
	return c.lost, true
}

func (c *checker) makeLost() ondisk.Ino {
	return c.makeDir(0, ondisk.RootIno, c.o.LostMode)
}

// linkLost counts the new lost+found in the root directory.
func (c *checker) linkLost() {
	const root = ondisk.RootIno
	d := c.inode(root)
	d.Nlink++
	c.putInode(root, d)
	c.setLinks(c.lost, 0)
	info := c.dirs[c.lost]
	info.name, info.nameIn = lostName, root
	c.reparent(info, root)
}

// replaceLost makes a directory in place of a lost+found that is none. What that was has one name less.
func (c *checker) replaceLost() {
	const root = ondisk.RootIno
	c.fatal(Damage, c.lost, "lost+found IS NOT A DIRECTORY")
	old := c.lost
	c.lost = 0
	if !c.ask("REALLOCATE") {
		return
	}
	ino := c.makeLost()
	if ino == 0 {
		return
	}
	c.lookup(root, lostName, func(u dirUnit, e ondisk.Entry) {
		u.SetIno(e.Off, ino)
		u.SetType(e.Off, ondisk.TypeDir)
		u.save()
	})
	c.lost = ino
	c.linkLost()
	c.addLinks(old, 1)
	c.checkLinks(old)
}

// makeDir makes an empty directory, as inode want or one that is free if that is 0; 0 if there is no space. No name leads to it yet.
func (c *checker) makeDir(want, parent ondisk.Ino, perm uint16) ondisk.Ino {
	ino := want
	if ino == 0 {
		ino = c.takeInode()
	}
	if ino == 0 || c.stop != nil {
		return 0
	}
	c.initInodes(ino)
	f := c.takeFrags(1)
	if f == 0 {
		return 0
	}
	b := make([]byte, c.s.FSize)
	c.initUnits(b)
	c.s.DirBlockIn(b).InitDots(ino, parent)
	c.put(b, c.s.FragOffset(f))
	now := ondisk.Time{Sec: c.o.Now().Unix()}
	d := &ondisk.Inode{
		Mode: ondisk.ModeDir | perm, Nlink: 2, Gen: c.inode(ino).Gen + 1,
		Size: int64(c.s.FSize), Blocks: int64(c.s.FSize) / ondisk.SectorSize,
		Atime: now, Mtime: now, Ctime: now, Birth: now,
	}
	d.DB[0] = f
	c.putInode(ino, d)
	c.setState(ino, dir)
	c.setType(ino, ondisk.TypeDir)
	for _, info := range c.dirs {
		if info.up == ino { // that was another directory, which is gone
			info.up = 0
		}
	}
	c.dirs[ino] = newDirInfo(ino, d)
	c.dirs[ino].dotdot, c.dirs[ino].up = parent, parent
	c.report.Files++
	c.addUsage(ino, d, d.Blocks, 1)
	return ino
}

// enter adds a name to a directory, which grows if it has to.
func (c *checker) enter(dir, ino ondisk.Ino, name string) bool {
	return c.enterEntry(dir, ondisk.Entry{Ino: ino, Type: c.typeOf(ino), Name: []byte(name)}, 0)
}

// enterBehind adds an entry to a directory, but not in its first block.
func (c *checker) enterBehind(dir ondisk.Ino, e ondisk.Entry) bool { return c.enterEntry(dir, e, 1) }

func (c *checker) enterEntry(dir ondisk.Ino, e ondisk.Entry, from int) bool {
	for {
		done := false
		c.units(dir, c.inode(dir).Size, func(u dirUnit) bool {
			if u.n >= from {
				if _, done = u.Insert(e.Ino, e.Type, bytes.Clone(e.Name)); done {
					u.save()
					c.entered++
				}
			}
			return !done
		})
		if done || c.stop != nil || !c.growDir(dir) {
			return done
		}
	}
}

// growDir makes a directory longer by an empty directory block or more, of direct blocks or those of the first indirect one.
func (c *checker) growDir(ino ondisk.Ino) bool {
	s, d := c.s, c.inode(ino)
	unit := int64(s.DirBlockSize())
	if d.Size%unit != 0 || d.Size+int64(s.BSize) > ondisk.MaxDirSize || c.runsOf(ino) < 1<<62 {
		return false
	}
	c.warn(Hint, ino, "NO SPACE LEFT IN %s", c.path(ino))
	if !c.fix("EXPAND", "EXPANDED") {
		return false
	}
	lbn := s.BlockOf(d.Size)
	old := 0 // bytes that the last block has
	if lbn < ondisk.NDirect {
		old = s.BlockSizeOf(d.Size, lbn)
	}
	switch {
	case int64(s.InBlock(d.Size))+unit <= int64(old): // the last fragment is not full
		b := c.block(d.DB[lbn], s.FragsOf(int64(old)))
		s.DirBlockIn(b.b[s.InBlock(d.Size):]).Init()
		c.save(b)
		c.grow(ino, 0, unit)
		return true
	case old > 0:
		return c.growBlock(ino, lbn, old)
	}
	b := make([]byte, s.BSize)
	c.initUnits(b)
	return c.growByBlock(ino, lbn, b)
}

// growBlock replaces the last block of a directory, of fragments that are full, by a whole one.
func (c *checker) growBlock(ino ondisk.Ino, lbn ondisk.Block, old int) bool {
	s, d := c.s, c.inode(ino)
	f := c.takeFrags(int(s.Frag))
	if f == 0 {
		return false
	}
	was, n := d.DB[lbn], s.FragsOf(int64(old))
	b := make([]byte, s.BSize)
	c.initUnits(b)
	copy(b, c.read(was, n))
	c.put(b, s.FragOffset(f))
	d.DB[lbn] = f
	d.Size = s.BlockOffset(lbn + 1)
	c.putInode(ino, d)
	c.grow(ino, int64(s.Frag)-int64(n), 0)
	c.release(was, n)
	return true
}

// growByBlock adds block lbn with content b to a file that ends with a whole one.
func (c *checker) growByBlock(ino ondisk.Ino, lbn ondisk.Block, b []byte) bool {
	s := c.s
	frag := int(s.Frag)
	if lbn >= s.FirstIndirect(2) {
		return false
	}
	f := c.takeFrags(frag)
	if f == 0 {
		return false
	}
	c.put(b, s.FragOffset(f))
	d := c.inode(ino)
	if lbn >= ondisk.NDirect && d.IB[0] == 0 {
		in := c.takeFrags(frag)
		if in == 0 {
			c.release(f, frag)
			return false
		}
		b := make([]byte, s.BSize)
		s.IndirectIn(b).Set(0, f)
		c.put(b, s.FragOffset(in))
		c.setPointer(ino, pointer{index: ondisk.NDirect}, in)
		c.grow(ino, int64(2*frag), int64(s.BSize))
		return true
	}
	c.setPointer(ino, c.placeOf(d, lbn).at, f)
	c.grow(ino, int64(frag), int64(s.BSize))
	return true
}
