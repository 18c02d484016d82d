package ffs

import (
	"syscall"

	"rump/ffs/ondisk"
	"rump/rumpfs/vfs"
)

// A spot is where in a file's tree of pointers a logical block has its own.
type spot struct {
	lbn  ondisk.Block
	path ondisk.Path
	leaf ondisk.Frag // the array with the pointer: an indirect block, or 0 for the inode
	prev ondisk.Frag // the pointer before it, 0 if there is none

	// Of the indirect blocks on the path those from depth missing on do not exist; they are to be new. The pointer to the first
	// of them goes into block above, or, if that is 0, into the inode.
	missing int
	above   ondisk.Frag
	fresh   []ondisk.Frag
}

// locate finds the spot of block lbn.
func (in *inode) locate(lbn ondisk.Block) (spot, error) {
	p, ok := in.fs.s.PathTo(lbn)
	if !ok {
		return spot{}, syscall.EFBIG
	}
	at := spot{lbn: lbn, path: p}
	if p.Level == 0 {
		if i := p.Index[0]; i > 0 {
			at.prev = in.di.DB[i-1]
		}
		return at, nil
	}
	ptr := in.di.IB[p.Index[0]]
	var err error
	for depth := 1; depth <= p.Level; depth++ {
		if ptr == 0 {
			at.missing = depth
			return at, nil
		}
		at.above = ptr
		if depth < p.Level {
			ptr, err = in.pointerIn(ptr, p.Index[depth])
		} else if i := p.Index[depth]; i > 0 {
			at.leaf = ptr
			at.prev, err = in.pointerIn(ptr, i-1)
		} else {
			at.leaf = ptr
		}
		if err != nil {
			return spot{}, err
		}
	}
	return at, nil
}

// slots is how many pointers the array has from the spot's on.
func (at *spot) slots(s *ondisk.Super) ondisk.Block {
	if at.path.Level == 0 {
		return ondisk.Block(ondisk.NDirect - at.path.Index[0])
	}
	return ondisk.Block(int(s.Nindir) - at.path.Index[at.path.Level])
}

// preference is where the spot's block is best put.
func (in *inode) preference(at *spot) ondisk.Frag {
	return in.fs.alloc.Preference(in.ino, at.lbn, at.path.Index[at.path.Level], at.prev)
}

// home is the cylinder group in which the inode's blocks begin.
func (in *inode) home() int { return in.fs.s.InoToCg(in.ino) }

// reserve reports whether cred may use the space kept from ordinary users.
func reserve(cred *vfs.Cred) bool { return cred == nil || cred.Superuser() }

// plant allocates the indirect blocks that the spot misses. Nothing points to them yet; undo with uproot.
func (in *inode) plant(at *spot, cred *vfs.Cred) error {
	if at.missing == 0 {
		return nil
	}
	pref := in.fs.alloc.Preference(in.ino, at.lbn, 0, 0)
	for range at.path.Level - at.missing + 1 {
		f, err := in.fs.alloc.Block(in.home(), pref, reserve(cred))
		if err != nil {
			in.uproot(at)
			return err
		}
		at.fresh = append(at.fresh, f)
		pref = f + ondisk.Frag(in.fs.s.Frag)
	}
	at.prev = at.fresh[len(at.fresh)-1] // the data comes behind its indirect block
	return nil
}

// uproot frees what plant allocated.
func (in *inode) uproot(at *spot) {
	for _, f := range at.fresh {
		in.fs.forget(f, int(in.fs.s.Frag))
		in.fs.release(f, int(in.fs.s.Frag))
	}
	at.fresh = nil
}

// attach makes the n pointers from the spot on lead to the blocks that follow each other from first on, whose content has been written. New
// indirect blocks are written before anything leads to them; the change to one that exists, or to the inode, is up to the caller's store.
func (in *inode) attach(at *spot, first ondisk.Frag, n int) error {
	s := in.fs.s
	if at.path.Level == 0 {
		for i := range n {
			in.di.DB[at.path.Index[0]+i] = first + ondisk.Frag(i)<<s.FragShift
		}
		return nil
	}
	if at.missing == 0 {
		return in.setPointers(at.leaf, at.path.Index[at.path.Level], first, n, false)
	}
	if err := in.attachFresh(at, first, n); err != nil {
		return err
	}
	if at.missing == 1 {
		in.di.IB[at.path.Index[0]] = at.fresh[0]
	} else if err := in.setPointers(at.above, at.path.Index[at.missing-1], at.fresh[0], 1, false); err != nil {
		return err
	}
	in.addBlocks(int64(len(at.fresh)) << (s.BShift - sectorShift))
	at.fresh = nil
	return nil
}

// attachFresh writes the new indirect blocks, from the leaf up.
func (in *inode) attachFresh(at *spot, first ondisk.Frag, n int) error {
	for i := len(at.fresh) - 1; i >= 0; i-- {
		if err := in.setPointers(at.fresh[i], at.path.Index[at.missing+i], first, n, true); err != nil {
			return err
		}
		first, n = at.fresh[i], 1
	}
	return nil
}

// setPointers stores n pointers to blocks from first on in the indirect block at f. A fresh one is zeros but for them, and is
// on the disk on return; so is any of a directory.
func (in *inode) setPointers(f ondisk.Frag, i int, first ondisk.Frag, n int, fresh bool) error {
	s := in.fs.s
	b, err := in.getBlock(f, fresh)
	if err != nil {
		return err
	}
	defer b.Release()
	p := s.IndirectIn(b.Bytes())
	for k := range n {
		p.Set(i+k, first+ondisk.Frag(k)<<s.FragShift)
	}
	if fresh {
		return b.Write(0, int(s.BSize))
	}
	size := int(s.BSize / s.Nindir)
	if in.isMeta() {
		// Names must not be in a block that nothing leads to.
		err := b.Write(i*size, (i+n)*size)
		for k := 0; k < n && err != nil; k++ {
			p.Set(i+k, 0) // there was a hole, and what is there now will be freed
		}
		return err
	}
	b.Dirty(uint64(in.ino), i*size, (i+n)*size)
	return nil
}

// sectorShift is log2 of the unit of Inode.Blocks.
const sectorShift = 9

// addBlocks changes the count of 512-byte units that the file takes.
func (in *inode) addBlocks(n int64) {
	in.di.Blocks += n
	if !in.uncounted {
		in.fs.quota.charge(&in.di, n, 0)
	}
}

// forget says that n fragments are no longer metadata.
func (fs *FS) forget(f ondisk.Frag, n int) {
	fs.cache.Forget(fs.s.FragOffset(f), int64(n)<<fs.s.FShift)
}

// free frees n fragments: at once, or with the running transaction of the journal.
func (fs *FS) free(f ondisk.Frag, n int) error {
	if fs.tx == nil {
		return fs.alloc.Free(f, n)
	}
	fs.tx.free(f, n)
	return nil
}

// release frees n fragments that nothing on the disk leads to. That it fails costs space; the log says so.
func (fs *FS) release(f ondisk.Frag, n int) {
	if err := fs.free(f, n); err != nil {
		fs.alloc.Suspect()
		fs.log.Error("fragments not freed; run fsck", "blk", int64(f), "err", err)
	}
}
