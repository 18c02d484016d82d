package ffs

import (
	"math"

	"rump/ffs/ondisk"
)

// What an operation changes must fit into one transaction. Those that may be long go in steps; between two of them everything agrees, so that
// one transaction may end there and another begin.

// breathe is a place between two steps: the inode is stored and the operation may go on in another transaction.
func (in *inode) breathe() error {
	x := in.fs.tx
	if x == nil || in.uncounted || !x.isTight() { // a commit itself writes the files of quotas
		return nil
	}
	if err := in.store(false); err != nil {
		return err
	}
	return x.renew()
}

// reclaim is such a place for an operation that found no space. It reports whether there may be some now, which had been freed before.
func (in *inode) reclaim() bool {
	return in.fs.tx != nil && !in.uncounted && in.store(false) == nil && in.fs.tx.reclaim()
}

// syncJournal makes the node durable: the transaction that has its last change, and its data.
func (in *inode) syncJournal() error {
	x := in.fs.tx
	n := in.txn.Load()
	if x.isDurable(n) {
		return in.fs.dev.Flush()
	}
	return x.wait(n)
}

// fewBlocks may be freed by any operation: what it has set aside is enough.
const fewBlocks = 4

// cutMost is how many blocks are freed in one step at most: each may be in another cylinder group.
func (fs *FS) cutMost() int {
	if fs.tx == nil {
		return math.MaxInt32
	}
	most := min(fs.tx.w.MaxTransaction(1), fs.tx.budget) / 4
	if n := int(most / fs.groupCost()); n < int(fs.s.Ncg) {
		return max(fewBlocks, n)
	}
	return 8192
}

// groupCost is what freeing something in a cylinder group changes, bytes.
func (fs *FS) groupCost() int64 { return int64(fs.s.CgSize) + 2*ondisk.SectorSize }

// widen sets aside what it takes to free n blocks. Like breathe it is a place between two steps. Give back with narrow.
func (in *inode) widen(n int) (room int64, err error) {
	fs := in.fs
	if fs.tx == nil || n <= fewBlocks {
		return 0, nil
	}
	if err := in.store(false); err != nil {
		return 0, err
	}
	room = int64(min(n, int(fs.s.Ncg))) * fs.groupCost()
	return room, fs.tx.widen(room)
}

// cutStep is where to cut a file next that is to become size bytes long: so that not too many blocks, n, lose their owner at once.
func (in *inode) cutStep(size int64) (to int64, n int, err error) {
	if in.fs.tx == nil {
		return size, 0, nil
	}
	s := in.fs.s
	keep := s.BlockOf(size + int64(s.BSize) - 1)
	c := cutter{in: in, keep: keep, most: in.fs.cutMost()}
	for level := 3; level >= 1 && !c.full; level-- {
		if root := in.di.IB[level-1]; root != 0 {
			if err := c.tree(root, level, s.FirstIndirect(level)); err != nil {
				return 0, 0, err
			}
		}
	}
	if to := s.BlockOffset(c.at); c.full && to < in.di.Size {
		return to, c.n, nil
	}
	for i, f := range in.di.DB {
		if f != 0 && s.BlockSizeOf(in.di.Size, ondisk.Block(i)) > s.BlockSizeOf(size, ondisk.Block(i)) {
			c.n++
		}
	}
	return size, c.n, nil
}

// A cutter counts the blocks of a file from its end.
type cutter struct {
	in   *inode
	keep ondisk.Block // the blocks before this one do not count
	most int

	n    int
	at   ondisk.Block // the first of those counted
	full bool         // there are most of them
}

// tree counts the blocks below the indirect block at root, the first of which is block first.
func (c *cutter) tree(root ondisk.Frag, level int, first ondisk.Block) error {
	s := c.in.fs.s
	span := s.IndirectSpan(level) // of one pointer
	for i := int(s.Nindir) - 1; i >= 0 && !c.full; i-- {
		at := first + ondisk.Block(i)*span
		if at+span <= c.keep {
			return nil
		}
		ptr, err := c.lastPointer(root, &i)
		if err != nil || ptr == 0 {
			return err
		}
		at = first + ondisk.Block(i)*span
		if at+span <= c.keep {
			return nil
		}
		if level > 1 {
			if err := c.tree(ptr, level-1, at); err != nil {
				return err
			}
		} else {
			c.at = at
		}
		if c.n++; c.n >= c.most && level == 1 {
			c.full = true
		}
	}
	return nil
}

// lastPointer is the last pointer that is not 0 of the indirect block at root, from number i backwards, and i then its number; 0 if there is none.
func (c *cutter) lastPointer(root ondisk.Frag, i *int) (ondisk.Frag, error) {
	b, err := c.in.getBlock(root, false)
	if err != nil {
		return 0, err
	}
	defer b.Release()
	p := c.in.fs.s.IndirectIn(b.Bytes())
	for ; *i >= 0; *i-- {
		if f := p.Get(*i); f != 0 {
			return f, nil
		}
	}
	return 0, nil
}

// shorten cuts a file without a name until what is left can be freed in one step, and sets aside what that takes. Give back with narrow.
func (in *inode) shorten() (room int64, err error) {
	if in.fs.tx == nil || !in.di.IsRegular() && !in.di.IsDir() || in.di.Flags&ondisk.FileSnapshot != 0 {
		return 0, nil
	}
	for {
		to, n, err := in.cutStep(0)
		if err != nil {
			return 0, err
		}
		if room, err = in.widen(n); err != nil || to == 0 {
			return room, err
		}
		err = in.shrinkOnce(to)
		in.fs.tx.narrow(room)
		if err != nil {
			return 0, err
		}
	}
}
