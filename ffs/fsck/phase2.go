package fsck

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"slices"

	"rump/ffs/ondisk"
)

// phase2 walks every directory and holds its entries against the inodes.
func (c *checker) phase2() {
	c.start(2, "Check Pathnames")
	c.checkRoot()
	for _, info := range c.dirs {
		c.order = append(c.order, info)
	}
	slices.SortFunc(c.order, func(a, b *dirInfo) int {
		return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.ino, b.ino))
	})
	for _, info := range c.order {
		if c.stopped() {
			return
		}
		c.checkDir(info)
	}
	for _, info := range c.order {
		// The answer was to keep it, after it had been passed over.
		if c.stateOf(info.ino) != dirBad && info.counted {
			c.uncount(info)
			c.checkDir(info)
		}
	}
	c.checkParents()
	if c.mode != No { // as long as nothing is cleared they refer to what they do
		for _, info := range c.order {
			c.uncount(info)
		}
	}
	c.propagate()
}

// checkRoot looks at inode 2.
func (c *checker) checkRoot() {
	const root = ondisk.RootIno
	switch c.stateOf(root) {
	case unallocated:
		c.fatal(Damage, root, "ROOT INODE UNALLOCATED")
		if c.ask("ALLOCATE") {
			c.newRoot()
		}
	case dirBad:
		c.fatal(Damage, root, "DUPS/BAD IN ROOT INODE")
		if c.ask("REALLOCATE") {
			c.newRoot()
		} else if c.setState(root, dir); !c.ask(questionGoOn) {
			c.decline()
		}
	case file, fileBad:
		c.fatal(Damage, root, "ROOT INODE NOT DIRECTORY")
		c.mendRoot()
	case dir, dirFound:
	}
	if c.stateOf(root) == dir {
		c.setState(root, dirFound)
		return
	}
	c.decline()
}

// decline ends a run that is of no use without a root directory; one that only looks goes on.
func (c *checker) decline() {
	if c.mode != No && c.stop == nil && c.stateOf(ondisk.RootIno) != dirFound {
		c.stop = ErrDeclined
	}
}

// mendRoot makes a directory of inode 2 again: by its type only, if its first block still is that of the root directory.
func (c *checker) mendRoot() {
	const root = ondisk.RootIno
	d := c.inode(root)
	d.Mode = d.Mode&^ondisk.ModeType | ondisk.ModeDir
	looksLike := c.stateOf(root) == file && c.plausible(d) && d.Size > 0 && c.dotdotOf(root) == root
	fix := func() bool {
		if !c.ask("FIX") {
			return false
		}
		c.putInode(root, d)
		c.dirs[root] = newDirInfo(root, d)
		c.setState(root, dir)
		c.setType(root, ondisk.TypeDir)
		return true
	}
	if looksLike && fix() {
		return
	}
	if c.ask("REALLOCATE") {
		c.newRoot()
	} else if !looksLike && c.stateOf(root) == file && c.plausible(d) {
		fix()
	}
}

// newRoot makes an empty root directory in place of what inode 2 was. The files that only the old one led to are found again in phases 3 and 4.
func (c *checker) newRoot() {
	const root = ondisk.RootIno
	c.report.Rerun = true
	c.saveNames()
	if c.stateOf(root) != unallocated {
		c.free(root)
	}
	if c.makeDir(root, root, 0o755) == 0 {
		c.print("CANNOT ALLOCATE ROOT INODE\n")
		c.leave()
		return
	}
	c.setState(root, dir)
	c.setLinks(root, 2)
}

// saveNames notes the names in the root directory, for the files in it to get them back.
func (c *checker) saveNames() {
	info := c.dirs[ondisk.RootIno]
	if info == nil || c.mode == No {
		return
	}
	c.units(info.ino, info.size, func(u dirUnit) bool {
		c.harvest(u, info.ino, 0)
		return true
	})
}

// checkDir looks at one directory's length and at its entries.
func (c *checker) checkDir(info *dirInfo) {
	if info.size == 0 {
		return
	}
	if c.stateOf(info.ino) == dirBad {
		c.count(info)
		return
	}
	c.checkShape(info)
	v := dirCheck{c: c, info: info, seen: map[uint64]bool{}}
	c.units(info.ino, info.size, v.unit)
}

// count takes note of what the entries of a directory that is to be cleared refer to, in case it is kept. Its blocks may be another file's, so that
// nothing in them is told or changed.
func (c *checker) count(info *dirInfo) {
	info.counted = true
	c.units(info.ino, info.size, func(u dirUnit) bool {
		u.entries(func(e ondisk.Entry) bool {
			if e.Live() && c.s.ValidIno(e.Ino) && c.stateOf(e.Ino) != unallocated {
				info.refs = append(info.refs, e.Ino)
				c.addLinks(e.Ino, -1)
			}
			return true
		})
		return true
	})
}

// uncount takes back what count counted.
func (c *checker) uncount(info *dirInfo) {
	for _, ino := range info.refs {
		c.addLinks(ino, 1)
	}
	info.refs, info.counted = nil, false
}

// dirCheck is the walk through one directory.
type dirCheck struct {
	c       *checker
	info    *dirInfo
	asked   bool // whether to salvage it
	salvage bool
	dot     int // where in the first block "." and ".." are, -1 if not there
	dotdot  int
	seen    map[uint64]bool // hashes of the names so far
}

// unit checks one directory block.
func (v *dirCheck) unit(u dirUnit) bool {
	if fault := u.entries(func(ondisk.Entry) bool { return true }); fault >= 0 {
		v.corrupt(u, fault)
	}
	v.dot, v.dotdot = -1, -1
	if u.n == 0 {
		v.checkDots(&u)
	}
	u.entries(func(e ondisk.Entry) bool {
		switch name := string(e.Name); {
		case e.Ino == 0 || u.n == 0 && (e.Off == v.dot || e.Off == v.dotdot):
		case name == "." || name == "..":
			if v.told(Damage, "EXTRA '"+name+"' ENTRY", "FIX") {
				u.SetIno(e.Off, 0)
				u.save()
			}
		default:
			v.name(u, e)
		}
		return !v.c.stopped()
	})
	return !v.c.stopped()
}

// corrupt deals with a block that has no sound entry at off: all from there to its end becomes free.
func (v *dirCheck) corrupt(u dirUnit, off int) {
	if !v.asked {
		v.asked = true
		v.salvage = v.told(Damage, "DIRECTORY CORRUPTED", "SALVAGE")
	}
	if !v.salvage {
		return
	}
	v.c.harvest(u, v.info.ino, off)
	last := -1
	u.entries(func(e ondisk.Entry) bool {
		last = e.Off
		return true
	})
	if last < 0 {
		u.Init()
	} else {
		u.SetLen(last, u.Len()-last)
	}
	u.save()
}

// told reports an error in this directory itself and asks.
func (v *dirCheck) told(k Kind, what, question string) bool {
	v.c.dirError(k, v.info.ino, what)
	return v.c.ask(question)
}

// name checks an ordinary entry.
func (v *dirCheck) name(u dirUnit, e ondisk.Entry) {
	c, ino := v.c, e.Ino
	complain := func(k Kind, what, question string) bool {
		c.nameError(k, ino, c.pathIn(v.info.ino, e.Name), what)
		return c.ask(question)
	}
	remove := func() { u.SetIno(e.Off, 0); u.save() }
	switch {
	case ino >= c.s.MaxIno():
		if complain(Damage, "I OUT OF RANGE", "REMOVE") {
			remove()
		}
		return
	case ino == ondisk.WhiteoutIno:
		if (e.Type != ondisk.TypeWhiteout || c.s.DirEntryOld()) && complain(Damage, "BAD WHITEOUT ENTRY", "FIX") {
			if c.s.DirEntryOld() {
				remove()
			} else {
				u.SetWhiteout(e.Off)
				u.save()
			}
		}
		return
	case len(e.Name) == 0:
		if complain(Damage, "ENTRY WITHOUT A NAME", "REMOVE") {
			remove()
		}
		return
	}
	if v.isSecond(e) && complain(Damage, "DUPLICATE NAME", "REMOVE") {
		remove()
		return
	}
	switch st := c.stateOf(ino); st {
	case unallocated:
		if complain(Damage, "UNALLOCATED", "REMOVE") {
			remove()
		}
		return
	case dirBad, fileBad:
		what := "DUP/BAD"
		if st == dirBad {
			what = "ZERO LENGTH DIRECTORY"
		}
		if complain(Damage, what, "REMOVE") {
			remove()
			return
		}
		v.keep(ino)
	case file, dir, dirFound:
	}
	if !v.directory(u, e) {
		remove()
		return
	}
	if t := c.typeOf(ino); !c.s.DirEntryOld() && e.Type != t && complain(Hint, "BAD TYPE VALUE", "FIX") {
		u.SetType(e.Off, t)
		u.save()
	}
	c.addLinks(ino, -1)
}

// isSecond reports whether a name was in the directory before: nothing can ask for the second.
func (v *dirCheck) isSecond(e ondisk.Entry) bool {
	h := maphash.Bytes(v.c.seed, e.Name)
	if !v.seen[h] {
		v.seen[h] = true
		return false
	}
	n := 0
	v.c.units(v.info.ino, v.info.size, func(u dirUnit) bool {
		u.entries(func(o ondisk.Entry) bool {
			if o.Ino != 0 && bytes.Equal(o.Name, e.Name) {
				n++
			}
			return n < 2
		})
		return n < 2
	})
	return n > 1
}

// keep makes a file or directory that was to be cleared an ordinary one.
func (v *dirCheck) keep(ino ondisk.Ino) {
	d := v.c.inode(ino)
	v.c.setState(ino, file)
	if d.IsDir() && v.c.dirs[ino] != nil {
		v.c.setState(ino, dir)
	}
	v.c.setLinks(ino, int32(d.Nlink))
}

// directory notes where a directory was found and reports false if the entry is to be removed because it had been found elsewhere before.
func (v *dirCheck) directory(u dirUnit, e ondisk.Entry) bool {
	c := v.c
	info := c.dirs[e.Ino]
	if info == nil || c.stateOf(e.Ino) == unallocated {
		return true
	}
	self := e.Ino == v.info.ino
	if info.parent != 0 || self {
		c.warn(Damage, e.Ino, "%s IS AN EXTRANEOUS HARD LINK TO DIRECTORY %s\n", c.pathIn(v.info.ino, e.Name), c.path(e.Ino))
		if c.mode == Preen {
			c.print(" (IGNORED)\n")
			c.leave()
		} else if c.ask("REMOVE") {
			return false
		}
	}
	if !self {
		info.parent = v.info.ino
		c.nameDir(v.info.ino, e)
	}
	return true
}

// checkParents compares each ".." with the directory that the name was found in.
func (c *checker) checkParents() {
	for _, info := range c.order {
		if c.stopped() {
			return
		}
		if info.parent == 0 || info.size == 0 || info.dotdot == info.parent || info.dotdot == noFix || c.stateOf(info.ino) == dirBad {
			continue
		}
		what := "BAD INODE NUMBER FOR '..'"
		if info.dotdot == 0 {
			what = "MISSING '..'"
		}
		c.nameError(Damage, info.ino, c.path(info.ino), what)
		if c.ask("FIX") {
			c.setDotdot(info, info.parent)
		}
	}
}

// propagate marks every directory that can be reached from the root.
func (c *checker) propagate() {
	for _, info := range c.order {
		if info.parent != 0 && info.parent != info.ino {
			c.children[info.parent] = append(c.children[info.parent], info.ino)
		}
	}
	if c.stateOf(ondisk.RootIno) == dirFound {
		c.propagateFrom(ondisk.RootIno)
	}
}

// propagateFrom marks what can be reached from a directory that is found.
func (c *checker) propagateFrom(ino ondisk.Ino) {
	todo := []ondisk.Ino{ino}
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, child := range c.children[at] {
			if c.stateOf(child) == dir {
				c.setState(child, dirFound)
				todo = append(todo, child)
			}
		}
	}
}
