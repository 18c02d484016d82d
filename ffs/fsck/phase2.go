package fsck

import (
	"cmp"
	"slices"

	"rump/ffs/ondisk"
)

// phase2 walks every directory and holds its entries against the inodes.
func (c *checker) phase2() error {
	if err := c.start(2, "Check Pathnames"); err != nil {
		return err
	}
	c.checkRoot()
	for _, info := range c.dirs {
		c.order = append(c.order, info)
	}
	slices.SortFunc(c.order, func(a, b *dirInfo) int {
		return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.ino, b.ino))
	})
	for _, info := range c.order {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		if info.size != 0 {
			if err := c.checkDir(info); err != nil {
				return err
			}
		}
	}
	c.checkParents()
	c.propagate()
	return nil
}

// checkRoot looks at inode 2.
func (c *checker) checkRoot() {
	const root = ondisk.RootIno
	switch c.stateOf(root) {
	case unallocated:
		c.note(Damage, root, "ROOT INODE UNALLOCATED")
		c.ask("ALLOCATE")
	case dirBad:
		c.note(Damage, root, "DUPS/BAD IN ROOT INODE")
		c.ask("REALLOCATE")
		c.setState(root, dir)
	case file, fileBad:
		c.note(Damage, root, "ROOT INODE NOT DIRECTORY")
		c.ask("REALLOCATE")
		return
	case dir, dirFound:
	}
	if c.stateOf(root) == dir {
		c.setState(root, dirFound)
	}
}

// checkDir looks at one directory's length and at its entries.
func (c *checker) checkDir(info *dirInfo) error {
	size, unit := info.size, int64(c.s.DirBlockSize())
	switch {
	case size < int64(ondisk.DirSize(1)+ondisk.DirSize(2)):
		c.note(Damage, info.ino, "DIRECTORY TOO SHORT %s", c.fileText(info.ino, info.ino))
		c.ask("FIX")
		size = unit
	case size%unit != 0:
		c.note(Damage, info.ino, "DIRECTORY %s: LENGTH %d NOT MULTIPLE OF %d", c.path(info.ino, info.ino), size, unit)
		c.ask("ADJUST")
		size = (size + unit - 1) / unit * unit
	}
	v := dirCheck{c: c, info: info}
	corruptTold := false
	return c.scanDir(info.ino, size, v.entry, func() {
		if !corruptTold {
			corruptTold = true
			c.note(Damage, info.ino, "DIRECTORY CORRUPTED %s", c.fileText(info.ino, info.ino))
			c.ask("SALVAGE")
		}
	}, func() {
		c.note(Damage, info.ino, "DIRECTORY %s: CONTAINS EMPTY BLOCKS", c.path(info.ino, info.ino))
		c.ask("ADJUST LENGTH")
	})
}

// dirCheck is the walk through one directory.
type dirCheck struct {
	c    *checker
	info *dirInfo
	n    int // entries seen that count: "." is 0, ".." is 1
}

// told reports an error in this directory itself.
func (v *dirCheck) told(k Kind, ino ondisk.Ino, what, question string) {
	v.c.note(k, ino, "%s %s", what, v.c.fileText(v.info.ino, ino))
	v.c.ask(question)
}

func (v *dirCheck) entry(b ondisk.DirBlock, e ondisk.Entry) bool {
	if v.n == 0 && !v.dot(e) {
		// The first entry is another one: "." is missing, and so it is looked at as the second.
		v.n = 1
	} else if v.n == 0 {
		v.n = 1
		v.c.setLinks(e.Ino, v.links(e.Ino)-1)
		return true
	}
	if v.n == 1 {
		v.n = 2
		if v.dotdot(e) {
			return true
		}
	}
	if e.Ino == 0 {
		return true
	}
	if name := string(e.Name); name == "." || name == ".." {
		v.told(Damage, v.info.ino, "EXTRA '"+name+"' ENTRY", "FIX")
		return true
	}
	v.name(e)
	return true
}

// links is what is left of a link count, 0 for a number that is none.
func (v *dirCheck) links(ino ondisk.Ino) int16 {
	if !v.c.s.ValidIno(ino) {
		return 0
	}
	return v.c.links(ino)
}

// dot checks the first entry and reports whether it is ".".
func (v *dirCheck) dot(e ondisk.Entry) bool {
	ino := v.info.ino
	if e.Ino != 0 && string(e.Name) == "." {
		if e.Ino != ino {
			v.told(Damage, ino, "BAD INODE NUMBER FOR '.'", "FIX")
		}
		if !v.c.s.DirEntryOld() && e.Type != ondisk.TypeDir {
			v.told(Hint, ino, "BAD TYPE VALUE FOR '.'", "FIX")
		}
		return e.Ino == ino
	}
	v.c.note(Damage, ino, "MISSING '.' %s", v.c.fileText(ino, ino))
	switch {
	case e.Ino != 0 && string(e.Name) != "..":
		v.c.print("CANNOT FIX, FIRST ENTRY IN DIRECTORY CONTAINS %s\n", e.Name)
	case e.Len < ondisk.DirSize(1):
		v.c.print("CANNOT FIX, INSUFFICIENT SPACE TO ADD '.'\n")
	default:
		v.c.ask("FIX")
	}
	return false
}

// dotdot checks the second entry and reports whether it is done with.
func (v *dirCheck) dotdot(e ondisk.Entry) bool {
	info := v.info
	if e.Ino != 0 && string(e.Name) == ".." {
		info.dotdot = e.Ino
		if !v.c.s.DirEntryOld() && e.Type != ondisk.TypeDir {
			v.told(Hint, info.ino, "BAD TYPE VALUE FOR '..'", "FIX")
		}
		if v.c.s.ValidIno(e.Ino) {
			v.c.setLinks(e.Ino, v.c.links(e.Ino)-1)
		}
		return true
	}
	switch {
	case e.Ino != 0 && string(e.Name) != ".":
		v.c.note(Damage, info.ino, "MISSING '..' %s", v.c.fileText(info.ino, info.ino))
		v.c.print("CANNOT FIX, SECOND ENTRY IN DIRECTORY CONTAINS %s\n", e.Name)
		info.dotdot = noFix
	case e.Len < ondisk.DirSize(2):
		v.c.note(Damage, info.ino, "MISSING '..' %s", v.c.fileText(info.ino, info.ino))
		v.c.print("CANNOT FIX, INSUFFICIENT SPACE TO ADD '..'\n")
		info.dotdot = noFix
	case info.parent != 0:
		info.dotdot = info.parent
		v.told(Damage, info.ino, "MISSING '..'", "FIX")
	}
	return false
}

// name checks an ordinary entry.
func (v *dirCheck) name(e ondisk.Entry) {
	c, dirIno := v.c, v.info.ino
	switch {
	case e.Ino >= c.s.MaxIno():
		v.told(Damage, e.Ino, "I OUT OF RANGE", "REMOVE")
		return
	case e.Whited || e.Ino == ondisk.WhiteoutIno:
		if e.Ino != ondisk.WhiteoutIno || e.Type != ondisk.TypeWhiteout || c.s.DirEntryOld() {
			v.told(Damage, e.Ino, "BAD WHITEOUT ENTRY", "FIX")
		}
		return
	}
	switch c.stateOf(e.Ino) {
	case unallocated:
		v.told(Damage, e.Ino, "UNALLOCATED", "REMOVE")
		return
	case dirBad, fileBad:
		what := "ZERO LENGTH DIRECTORY"
		if c.stateOf(e.Ino) == fileBad {
			what = "DUP/BAD"
		}
		v.told(Damage, e.Ino, what, "REMOVE")
		c.setState(e.Ino, file)
		if d, err := c.inode(e.Ino); err == nil {
			if d.IsDir() {
				c.setState(e.Ino, dir)
			}
			c.setLinks(e.Ino, d.Nlink)
		}
	}
	if st := c.stateOf(e.Ino); st == dir || st == dirFound {
		info := c.dirs[e.Ino]
		if info == nil {
			return
		}
		if info.parent != 0 {
			c.note(Damage, e.Ino, "%s IS AN EXTRANEOUS HARD LINK TO DIRECTORY %s\n",
				c.path(dirIno, dirIno)+"/"+string(e.Name), c.path(e.Ino, e.Ino))
			c.ask("REMOVE")
		} else {
			info.parent = dirIno
		}
	}
	if d, err := c.inode(e.Ino); err == nil && !c.s.DirEntryOld() && e.Type != ondisk.TypeOf(d.Mode) {
		v.told(Hint, e.Ino, "BAD TYPE VALUE", "FIX")
	}
	c.setLinks(e.Ino, c.links(e.Ino)-1)
}

// checkParents compares each ".." with the directory that the name was found in.
func (c *checker) checkParents() {
	for _, info := range c.order {
		if info.parent == 0 || info.size == 0 || info.dotdot == info.parent || info.dotdot == noFix {
			continue
		}
		what := "BAD INODE NUMBER FOR '..'"
		if info.dotdot == 0 {
			what = "MISSING '..'"
		}
		c.note(Damage, info.ino, "%s %s", what, c.fileText(info.parent, info.ino))
		c.ask("FIX")
	}
}

// propagate marks every directory that can be reached from one that is.
func (c *checker) propagate() {
	children := map[ondisk.Ino][]ondisk.Ino{}
	var todo []ondisk.Ino
	for _, info := range c.order {
		if info.parent != 0 && info.parent != info.ino {
			children[info.parent] = append(children[info.parent], info.ino)
		}
		if c.stateOf(info.ino) == dirFound {
			todo = append(todo, info.ino)
		}
	}
	for len(todo) > 0 {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, child := range children[at] {
			if c.stateOf(child) == dir {
				c.setState(child, dirFound)
				todo = append(todo, child)
			}
		}
	}
}
