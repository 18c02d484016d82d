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
	first  ondisk.Frag
	size   int64
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

// A dirVisitor sees one entry of a directory: block is the directory block it lies in, n its number from the start of the directory.
type dirVisitor func(block ondisk.DirBlock, e ondisk.Entry) (more bool)

// scanDir visits every entry of a directory, good or free. What cannot be an entry is told to corrupt and skipped up to the end of its directory
// block; a hole is told to empty and ends the scan.
func (c *checker) scanDir(ino ondisk.Ino, size int64, visit dirVisitor, corrupt, empty func()) error {
	d, err := c.inode(ino)
	if err != nil {
		return err
	}
	d.Size = size
	unit := int64(c.s.DirBlockSize())
	want := ondisk.Block(0)
	hole := false
	err = c.walkBlocks(d, c.visitLimit(), func(at ondisk.Frag, n int, p place) (step, error) {
		if p.lbn < 0 {
			return goOn, nil
		}
		if c.outOfRange(at, n) {
			return skip, nil
		}
		if p.level > 0 {
			return goOn, nil
		}
		if p.lbn != want {
			hole = true
			return stop, nil
		}
		want++
		b, err := c.read(at, n)
		if err != nil {
			return stop, err
		}
		for off := int64(0); off+unit <= int64(len(b)) && off < p.size; off += unit {
			if !c.scanDirBlock(c.s.DirBlockIn(b[off:]), visit, corrupt) {
				return stop, nil
			}
		}
		return goOn, nil
	})
	if err == nil && empty != nil && (hole || c.s.BlockOffset(want) < size && c.stateOf(ino) != dirBad && !c.ended(want, size)) {
		empty()
	}
	return err
}

// ended reports whether block want is the first behind the end of a file of size bytes.
func (c *checker) ended(want ondisk.Block, size int64) bool {
	return c.s.BlockOffset(want) >= size
}

// scanDirBlock visits the entries of one directory block; the rest of it is skipped from the first bad one on.
func (c *checker) scanDirBlock(b ondisk.DirBlock, visit dirVisitor, corrupt func()) bool {
	for off := 0; off < b.Len(); {
		e, fault := b.At(off)
		if fault == "" && e.Ino != 0 && (bytes.IndexByte(e.Name, '/') >= 0 || e.Type > 15) {
			fault = ondisk.FaultName
		}
		if fault != "" {
			if corrupt != nil {
				corrupt()
			}
			return true
		}
		if !visit(b, e) {
			return false
		}
		off += e.Len
	}
	return true
}

// nameIn finds the name of child in directory parent; "?" if there is none.
func (c *checker) nameIn(parent, child ondisk.Ino) string {
	name := "?"
	c.find(parent, func(e ondisk.Entry) bool {
		if e.Ino == child && string(e.Name) != "." && string(e.Name) != ".." {
			name = string(e.Name)
			return true
		}
		return false
	})
	return name
}

// dotdotOf is what the ".." of a directory says on disk, 0 if it has none.
func (c *checker) dotdotOf(ino ondisk.Ino) (up ondisk.Ino) {
	c.find(ino, func(e ondisk.Entry) bool {
		if string(e.Name) == ".." {
			up = e.Ino
			return true
		}
		return false
	})
	return up
}

// find calls match for the entries of a directory until it is content. A directory that cannot be read has none.
func (c *checker) find(ino ondisk.Ino, match func(ondisk.Entry) bool) {
	d, err := c.inode(ino)
	if err != nil || !d.IsDir() {
		return
	}
	_ = c.scanDir(ino, d.Size, func(_ ondisk.DirBlock, e ondisk.Entry) bool {
		return e.Ino == 0 || !match(e)
	}, nil, nil)
}

// path is the name of ino, which has an entry in directory cwd, from the root; a piece that cannot be found is "?".
func (c *checker) path(cwd, ino ondisk.Ino) string {
	if cwd == ino && ino == ondisk.RootIno {
		return "/"
	}
	if !c.s.ValidIno(cwd) {
		return "?"
	}
	var names []string
	child, at := ino, cwd
	if cwd == ino { // asked for a directory itself: its parent is what ".." says
		at = c.dotdotOf(ino)
		if info := c.dirs[ino]; info != nil && info.parent != 0 {
			at = info.parent
		}
	}
	for range 256 {
		if !c.s.ValidIno(at) || c.dirs[at] == nil {
			names = append(names, "?")
			break
		}
		name := c.nameIn(at, child)
		names = append(names, name)
		if at == ondisk.RootIno || name == "?" {
			break
		}
		child = at
		if info := c.dirs[at]; info.parent != 0 {
			at = info.parent
		} else {
			at = c.dotdotOf(at)
		}
	}
	var sb bytes.Buffer
	if names[len(names)-1] == "?" {
		names = names[:len(names)-1]
		sb.WriteString("?")
	}
	for i := len(names) - 1; i >= 0; i-- {
		sb.WriteString("/" + names[i])
	}
	return sb.String()
}
