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
	lbn   ondisk.Block // of data
	size  int64        // bytes of the file from this block on; of data
}

// visitor is called for each fragment run that an inode points to, indirect blocks before what they point to.
type visitor func(at ondisk.Frag, n int, p place) (step, error)

// isInline reports whether the inode's pointers are no pointers: devices, short symbolic links.
func (c *checker) isInline(d *ondisk.Inode) bool {
	switch d.Mode & ondisk.ModeType {
	case ondisk.ModeBlock, ondisk.ModeChar:
		return true
	case ondisk.ModeSymlink:
		return c.s.IsShortLink(d)
	}
	return false
}

// walkBlocks visits what an inode points to, as far as its size says. Snapshots' special pointers 1 and 2 are left out. At most limit runs are
// visited, so that a web of indirect blocks pointing to each other ends.
func (c *checker) walkBlocks(d *ondisk.Inode, limit int64, visit visitor) error {
	if c.isInline(d) {
		return nil
	}
	w := walker{c: c, visit: visit, left: limit, snap: d.Flags&flagSnapshot != 0}
	for i := 0; i < ondisk.NExtBlocks && c.s.Version == 2; i++ {
		n := c.s.FragsOf(int64(c.s.BlockSizeOf(int64(d.ExtSize), ondisk.Block(i))))
		if st, err := w.run(d.ExtB[i], n, place{lbn: ondisk.Block(-1 - i)}); st == stop || err != nil {
			return err
		}
	}
	size := int64(d.Size)
	for i := range ondisk.NDirect {
		lbn := ondisk.Block(i)
		n := c.s.FragsOf(int64(c.s.BlockSizeOf(size, lbn)))
		if st, err := w.run(d.DB[i], n, place{lbn: lbn, size: size - c.s.BlockOffset(lbn)}); st == stop || err != nil {
			return err
		}
	}
	for level := 1; level <= ondisk.NIndirect; level++ {
		lbn := c.s.FirstIndirect(level)
		if c.s.BlockOffset(lbn) >= size {
			break
		}
		if st, err := w.indirect(d.IB[level-1], level, lbn, size); st == stop || err != nil {
			return err
		}
	}
	return nil
}

// flagSnapshot is SF_SNAPSHOT.
const flagSnapshot = 0x200000

type walker struct {
	c     *checker
	visit visitor
	left  int64
	snap  bool
}

func (w *walker) run(at ondisk.Frag, n int, p place) (step, error) {
	if at == 0 || n == 0 || w.snap && (at == 1 || at == 2) {
		return skip, nil
	}
	if w.left--; w.left < 0 {
		return stop, w.c.ctx.Err()
	}
	return w.visit(at, n, p)
}

// indirect visits an indirect block of the given level whose first pointer leads to block lbn of a file of size bytes, and all below.
func (w *walker) indirect(at ondisk.Frag, level int, lbn ondisk.Block, size int64) (step, error) {
	st, err := w.run(at, int(w.c.s.Frag), place{level: level, lbn: lbn, size: size - w.c.s.BlockOffset(lbn)})
	if st != goOn || err != nil {
		if st == skip {
			st = goOn
		}
		return st, err
	}
	b, err := w.c.read(at, int(w.c.s.Frag))
	if err != nil {
		return stop, err
	}
	ptrs := w.c.s.IndirectIn(b)
	span := w.c.s.IndirectSpan(level)
	for i := range int(w.c.s.Nindir) {
		child := lbn + ondisk.Block(i)*span
		if w.c.s.BlockOffset(child) >= size {
			break
		}
		if level > 1 {
			st, err = w.indirect(ptrs.Get(i), level-1, child, size)
		} else {
			st, err = w.run(ptrs.Get(i), int(w.c.s.Frag), place{lbn: child, size: size - w.c.s.BlockOffset(child)})
		}
		if st == stop || err != nil {
			return st, err
		}
	}
	return goOn, nil
}

// visitLimit is more runs than any sound file can have: every fragment once as data, and as much again.
func (c *checker) visitLimit() int64 { return 2*int64(c.s.Size) + 64 }
