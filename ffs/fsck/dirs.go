package fsck

import (
	"bytes"

	"rump/ffs/ondisk"
)

// dirInfo is what phases 2 and 3 know of a directory.
type dirInfo struct {
	ino    ondisk.Ino
	parent ondisk.Ino // the directory whose entry leads here; 0 if none was seen
	dotdot ondisk.Ino // what its ".." says; 0 if it has none, noFix if it cannot be told
	up     ondisk.Ino // the directory whose link count that was counted for
	first  ondisk.Frag
	size   int64

	name   string // by which directory nameIn leads here
	nameIn ondisk.Ino
	listed bool // names of the directories in it were noted

	counted bool         // it was looked at although it is to be cleared
	refs    []ondisk.Ino // and this is what its entries counted for
}

// noFix stands for a ".." that cannot be put right.
const noFix = ^ondisk.Ino(0)

func newDirInfo(ino ondisk.Ino, d *ondisk.Inode) *dirInfo {
	info := &dirInfo{ino: ino, first: d.DB[0], size: d.Size}
	if ino == ondisk.RootIno {
		info.parent = ondisk.RootIno
	}
	return info
}

// A dirUnit is one directory block, which no entry crosses, in its place.
type dirUnit struct {
	ondisk.DirBlock
	c   *checker
	bl  *block
	off int // where in the block it is
	n   int // number from the start of the directory
}

// save writes the unit if it has changed.
func (u dirUnit) save() { u.c.save(u.bl) }

// at is the entry at off; ok is false if it cannot be one.
func (u dirUnit) at(off int) (e ondisk.Entry, ok bool) {
	e, fault := u.At(off)
	ok = fault == "" && (e.Ino == 0 || e.Type <= 15 && bytes.IndexByte(e.Name, '/') < 0)
	return e, ok
}

// entries visits the entries up to the first that cannot be one, and returns where that is; -1 if there is none.
func (u dirUnit) entries(visit func(e ondisk.Entry) (more bool)) (fault int) {
	for off := 0; off < u.Len(); {
		e, ok := u.at(off)
		if !ok {
			return off
		}
		if !visit(e) {
			break
		}
		off += e.Len
	}
	return -1
}

// units visits the directory blocks of directory ino, as many as size bytes have. Blocks that a file cannot have are left out. A visit may add entries
// to the directory, which then are visited too if they come later.
func (c *checker) units(ino ondisk.Ino, size int64, visit func(u dirUnit) (more bool)) {
	for from := 0; ; {
		entered := c.entered
		n, more := c.unitsFrom(ino, size, from, visit)
		if !more || c.entered == entered {
			return
		}
		from = n
		if info := c.dirs[ino]; info != nil {
			size = max(size, info.size)
		}
	}
}

// unitsFrom visits directory blocks from number from on, until one was visited that added entries. It returns the number of the next.
func (c *checker) unitsFrom(ino ondisk.Ino, size int64, from int, visit func(u dirUnit) bool) (n int, more bool) {
	d := c.inode(ino)
	d.Size = size
	unit, entered := c.s.DirBlockSize(), c.entered
	more = true
	c.walkBlocks(d, c.runsOf(ino), func(f ondisk.Frag, count int, p place) step {
		switch {
		case p.lbn < 0:
			return goOn
		case c.outOfRange(f, count):
			return skip
		case p.level > 0:
			return goOn
		}
		bl := c.block(f, count)
		for off := 0; off+unit <= len(bl.b) && int64(off) < p.size; off += unit {
			if n < from {
				n++
				continue
			}
			more = visit(dirUnit{c.s.DirBlockIn(bl.b[off:]), c, bl, off, n})
			if n++; !more || c.entered != entered {
				return stop
			}
		}
		return goOn
	})
	return n, more
}

// lookup finds a name in a directory and calls found with it and the block that it lies in; false if it is not there.
func (c *checker) lookup(dir ondisk.Ino, name string, found func(u dirUnit, e ondisk.Entry)) bool {
	ok := false
	if d := c.inode(dir); d.IsDir() {
		c.units(dir, d.Size, func(u dirUnit) bool {
			u.entries(func(e ondisk.Entry) bool {
				if ok = e.Ino != 0 && string(e.Name) == name; ok {
					found(u, e)
				}
				return !ok
			})
			return !ok
		})
	}
	return ok
}

// dotdotOf is what the ".." of a directory says on disk, 0 if it has none where it belongs.
func (c *checker) dotdotOf(ino ondisk.Ino) (up ondisk.Ino) {
	c.units(ino, int64(c.s.DirBlockSize()), func(u dirUnit) bool {
		u.entries(func(e ondisk.Entry) bool {
			if e.Ino != 0 && string(e.Name) == ".." {
				up = e.Ino
			}
			return up == 0
		})
		return false
	})
	return up
}

// list notes the names of the directories in directory info.
func (c *checker) list(info *dirInfo) {
	if info.listed {
		return
	}
	info.listed = true
	c.units(info.ino, info.size, func(u dirUnit) bool {
		u.entries(func(e ondisk.Entry) bool {
			if e.Live() && string(e.Name) != "." && string(e.Name) != ".." {
				c.nameDir(info.ino, e)
			}
			return true
		})
		return true
	})
}

// nameDir notes by which name a directory was found first.
func (c *checker) nameDir(in ondisk.Ino, e ondisk.Entry) {
	if sub := c.dirs[e.Ino]; sub != nil && sub.nameIn == 0 {
		sub.name, sub.nameIn = string(e.Name), in
	}
}

// path is the name of a directory from the root, by its ".." where its parent is not known yet; from where that leads to nothing it is "?".
func (c *checker) path(ino ondisk.Ino) string {
	if ino == ondisk.RootIno {
		return "/"
	}
	const most = 256
	names := ""
	for range most {
		info := c.dirs[ino]
		if info == nil || c.stateOf(ino) != dir && c.stateOf(ino) != dirFound {
			return "?" + names
		}
		up := info.parent
		if up == 0 {
			up = c.dotdotOf(ino)
		}
		parent := c.dirs[up]
		if parent == nil || up == ino {
			return "?" + names
		}
		if info.nameIn != up {
			if c.list(parent); info.nameIn != up {
				return "?" + names
			}
		}
		names = "/" + printable(info.name) + names
		if up == ondisk.RootIno {
			return names
		}
		ino = up
	}
	return "?" + names
}

// pathIn is the path of a name in a directory.
func (c *checker) pathIn(dir ondisk.Ino, name []byte) string {
	if p := c.path(dir); p != "/" {
		return p + "/" + printable(string(name))
	}
	return "/" + printable(string(name))
}
