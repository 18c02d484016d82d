package fsck

import "rump/ffs/ondisk"

// step is what a visitor of a file's blocks wants next.
type step int

const (
	goOn step = iota
	skip      // not below this indirect block
	stop
)

// place says what a fragment run is to its file.
type place struct {
	level int          // 0 for data, 1 to 3 for an indirect block of that level
	lbn   ondisk.Block // of data, or the first below; negative for extended attributes
	size  int64        // bytes of the file from this block on
	at    pointer      // where the pointer to it is
}

// pointer is a place of a pointer: in the indirect block in, or in the inode if that is 0.
type pointer struct {
	in    ondisk.Frag
	index int
}

// visitor is called for each fragment run that an inode points to, indirect blocks before what they point to.
type visitor func(f ondisk.Frag, n int, p place) step

// isInline reports whether the inode's pointers are no pointers: devices, short symbolic links.
func (c *checker) isInline(d *ondisk.Inode) bool { return d.IsDevice() || c.s.IsShortLink(d) }

// walkBlocks visits what an inode points to, as far as its size says. Snapshots' special pointers 1 and 2 are left out. At most limit runs are
// visited; it returns how many were.
func (c *checker) walkBlocks(d *ondisk.Inode, limit int64, visit visitor) int64 {
	w := walker{c: c, visit: visit, left: limit, snap: d.Flags&ondisk.FileSnapshot != 0}
	for i := 0; i < ondisk.NExtBlocks && c.s.Version == 2; i++ {
		n := c.s.FragsOf(int64(c.s.BlockSizeOf(int64(d.ExtSize), ondisk.Block(i))))
		if w.run(d.ExtB[i], n, place{lbn: ondisk.Block(-1 - i)}) == stop {
			return limit - w.left
		}
	}
	if !c.isInline(d) {
		w.data(d)
	}
	return limit - w.left
}

type walker struct {
	c     *checker
	visit visitor
	left  int64
	snap  bool
}

func (w *walker) data(d *ondisk.Inode) {
	s := w.c.s
	for i := range ondisk.NDirect {
		lbn := ondisk.Block(i)
		n := s.FragsOf(int64(s.BlockSizeOf(d.Size, lbn)))
		p := place{lbn: lbn, size: d.Size - s.BlockOffset(lbn), at: pointer{index: i}}
		if w.run(d.DB[i], n, p) == stop {
			return
		}
	}
	for level := 1; level <= ondisk.NIndirect; level++ {
		lbn := s.FirstIndirect(level)
		if s.BlockOffset(lbn) >= d.Size || w.indirect(d.IB[level-1], level, lbn, d.Size, pointer{index: ondisk.NDirect + level - 1}) == stop {
			return
		}
	}
}

func (w *walker) run(f ondisk.Frag, n int, p place) step {
	if f == 0 || n == 0 || w.snap && (f == 1 || f == 2) {
		return skip
	}
	if w.left <= 0 || w.c.stopped() {
		return stop
	}
	w.left--
	return w.visit(f, n, p)
}

// indirect visits an indirect block of the given level whose first pointer leads to block lbn of a file of size bytes, and all below.
func (w *walker) indirect(f ondisk.Frag, level int, lbn ondisk.Block, size int64, at pointer) step {
	s := w.c.s
	if st := w.run(f, int(s.Frag), place{level, lbn, size - s.BlockOffset(lbn), at}); st != goOn {
		return st
	}
	ptrs := w.c.view(s.FragOffset(f)).IndirectIn(w.c.read(f, int(s.Frag)))
	span := s.IndirectSpan(level)
	for i := range int(s.Nindir) {
		child := lbn + ondisk.Block(i)*span
		if s.BlockOffset(child) >= size {
			break
		}
		p, here := ptrs.Get(i), pointer{f, i}
		if level > 1 {
			if w.indirect(p, level-1, child, size, here) == stop {
				return stop
			}
		} else if w.run(p, int(s.Frag), place{0, child, size - s.BlockOffset(child), here}) == stop {
			return stop
		}
	}
	return goOn
}

// setPointer changes one pointer of a file, in the inode or in an indirect block.
func (c *checker) setPointer(ino ondisk.Ino, at pointer, f ondisk.Frag) {
	if at.in != 0 {
		bl := c.block(at.in, int(c.s.Frag))
		c.s.IndirectIn(bl.b).Set(at.index, f)
		c.save(bl)
		return
	}
	d := c.inode(ino)
	if at.index < ondisk.NDirect {
		d.DB[at.index] = f
	} else {
		d.IB[at.index-ondisk.NDirect] = f
	}
	c.putInode(ino, d)
}
