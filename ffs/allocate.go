package ffs

import (
	"context"
	"syscall"

	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
	"rump/rumpfs/vfs"
)

// Allocate gives storage to holes. The format has no place for storage behind the end of a file, so keepSize with a range that goes
// there is EOPNOTSUPP.
func (f *file) Allocate(ctx context.Context, cred *vfs.Cred, off, length int64, keepSize bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if length <= 0 {
		return syscall.EINVAL
	}
	if err := f.fs.startOp(); err != nil {
		return err
	}
	defer f.fs.endOp()
	if err := f.writable(off, length); err != nil {
		return err
	}
	end, old := off+length, f.di.Size
	if keepSize && end > old {
		return syscall.EOPNOTSUPP
	}
	if end > old {
		if err := f.resize(cred, end); err != nil {
			return err
		}
	}
	err := f.allocate(cred, off, end)
	if err != nil {
		if serr := f.shrink(old); serr != nil {
			f.suspect("a failed allocation left space behind", serr)
		}
	} else if end > old {
		f.di.Mtime = f.fs.now()
	}
	f.di.Ctime = f.fs.now()
	if serr := f.store(false); err == nil {
		err = serr
	}
	return err
}

// allocate fills the holes between off and end, which are inside the file, with zeros.
func (in *inode) allocate(cred *vfs.Cred, off, end int64) error {
	s := in.fs.s
	whole := in.wholeBlocks(0)
	last := s.BlockOf(end - 1)
	for lbn := s.BlockOf(off); lbn <= last; {
		if lbn >= whole {
			if in.di.DB[lbn] == 0 {
				return in.newDirect(cred, lbn, s.BlockSizeOf(in.di.Size, lbn), 0, nil)
			}
			return nil
		}
		r, err := in.mapRun(lbn, min(last+1, whole)-lbn)
		if err != nil {
			return err
		}
		if r.at == 0 {
			n, err := in.fillZeros(cred, lbn, r.n)
			if err == syscall.ENOSPC && in.reclaim() {
				n, err = in.fillZeros(cred, lbn, r.n)
			}
			if err == nil {
				err = in.breathe()
			}
			if err != nil {
				return err
			}
			r.n = n
		}
		lbn += r.n
	}
	return nil
}

// fillZeros allocates blocks of zeros for a hole of n blocks at lbn, as many as are in one piece, and returns how many.
func (in *inode) fillZeros(cred *vfs.Cred, lbn, n ondisk.Block) (ondisk.Block, error) {
	s := in.fs.s
	at, first, got, err := in.allocHole(cred, lbn, n)
	if err != nil {
		return 0, err
	}
	if err := in.fs.blank(s.FragOffset(first), int64(got)<<s.BShift); err != nil {
		in.fs.release(first, got<<s.FragShift)
		in.uproot(&at)
		return 0, err
	}
	return ondisk.Block(got), in.attachRun(&at, first, got)
}

// blank makes a fresh run of the disk zeros, without writing them if the disk can do that.
func (fs *FS) blank(at, length int64) error {
	if d, ok := fs.dev.(blockdev.Discarder); ok && length > int64(len(zeros)) && d.Discard(at, length) == nil {
		return nil
	}
	return fs.zero(at, at+length, at)
}

// Punch makes a hole. Pointers are gone from the disk before their blocks are free.
func (f *file) Punch(ctx context.Context, off, length int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if length <= 0 {
		return syscall.EINVAL
	}
	if err := f.fs.startOp(); err != nil {
		return err
	}
	defer f.fs.endOp()
	if err := f.writable(off, 0); err != nil {
		return err
	}
	size := f.di.Size
	if off >= size {
		return nil
	}
	s := f.fs.s
	end := size
	if length < size-off {
		end = off + length
	}
	first, last := s.BlockOf(off+int64(s.BSize)-1), s.BlockOf(end)
	if end == size {
		last = s.BlockOf(end + int64(s.BSize) - 1) // the last block goes whole, however long it is
	}
	if err := f.blankEdges(off, end, first, last); err != nil {
		return err
	}
	err := f.cutMiddle(first, last)
	now := f.fs.now()
	f.di.Mtime, f.di.Ctime = now, now
	if serr := f.store(false); err == nil {
		err = serr
	}
	return err
}

// blankEdges makes zeros of what lies between off and end outside the whole blocks first to last-1.
func (f *file) blankEdges(off, end int64, first, last ondisk.Block) error {
	s := f.fs.s
	if first >= last {
		return f.blankRange(off, end)
	}
	if err := f.blankRange(off, s.BlockOffset(first)); err != nil {
		return err
	}
	return f.blankRange(s.BlockOffset(last), end)
}

// blankRange makes zeros of what is allocated between off and end.
func (f *file) blankRange(off, end int64) error {
	for off < end {
		e, err := f.extent(off, end-off)
		if err != nil {
			return err
		}
		if !e.Hole {
			if err := f.fs.zero(e.Dev, e.Dev+e.Length, e.Dev+f.di.Size-off); err != nil {
				return err
			}
		}
		off += e.Length
	}
	return nil
}

// cutMiddle frees the logical blocks first to last-1.
func (f *file) cutMiddle(first, last ondisk.Block) error {
	fr := freer{in: f.inode}
	for lbn := first; lbn < min(last, ondisk.NDirect); lbn++ {
		if ptr := f.di.DB[lbn]; ptr != 0 {
			fr.add(ptr, f.blockFrags(lbn))
			f.di.DB[lbn] = 0
		}
	}
	if len(fr.held) > 0 {
		if err := f.store(true); err != nil {
			return err
		}
	}
	fr.start()
	err := f.cutLeaves(max(first, ondisk.NDirect), last, &fr)
	if err != nil && fr.err == nil {
		f.suspect("a hole was not finished", err)
	}
	if ferr := fr.finish(); err == nil {
		err = ferr
	}
	return err
}

// cutLeaves frees the logical blocks first to last-1, which are reached through indirect blocks. Those stay.
func (f *file) cutLeaves(first, last ondisk.Block, fr *freer) error {
	s := f.fs.s
	for lbn := first; lbn < last && fr.err == nil; {
		p, ok := s.PathTo(lbn)
		if !ok {
			break
		}
		leaf, gap, err := f.leafOf(lbn, p)
		if err != nil {
			return err
		}
		if leaf == 0 {
			lbn += gap
			continue
		}
		n := min(last-lbn, ondisk.Block(int(s.Nindir)-p.Index[p.Level]), ondisk.Block(f.fs.cutMost()))
		if err := f.cutLeaf(leaf, p.Index[p.Level], int(n), fr); err != nil {
			return err
		}
		lbn += n
	}
	return nil
}

// cutLeaf frees the n blocks that pointers of the indirect block at leaf lead to, in one transaction.
func (f *file) cutLeaf(leaf ondisk.Frag, i, n int, fr *freer) error {
	fr.flush()
	room, err := f.widen(n)
	if err != nil {
		return err
	}
	defer f.fs.tx.narrow(room)
	lost, err := f.cutPointers(leaf, i, n)
	if err != nil {
		return err
	}
	for _, ptr := range lost {
		fr.add(ptr, int(f.fs.s.Frag))
	}
	fr.flush()
	return nil
}

// cutPointers makes n pointers of the indirect block at leaf holes, on the disk, and returns where they led.
func (in *inode) cutPointers(leaf ondisk.Frag, i, n int) (lost []ondisk.Frag, err error) {
	s := in.fs.s
	b, err := in.getBlock(leaf, false)
	if err != nil {
		return nil, err
	}
	defer b.Release()
	p := s.IndirectIn(b.Bytes())
	for k := i; k < i+n; k++ {
		if f := p.Get(k); f != 0 {
			lost = append(lost, f)
			p.Set(k, 0)
		}
	}
	if len(lost) == 0 {
		return nil, nil
	}
	size := int(s.BSize / s.Nindir)
	return lost, b.Write(i*size, (i+n)*size)
}
