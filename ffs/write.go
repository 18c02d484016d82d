package ffs

import (
	"context"
	"syscall"

	"rump/ffs/ondisk"
	"rump/rumpfs/vfs"
)

// WriteAt writes to the disk, in transfers as long as the space it finds or allocates is in one piece. Data is there before the pointers to it are.
func (f *file) WriteAt(ctx context.Context, cred *vfs.Cred, p []byte, off int64) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := f.fs.startOp(); err != nil {
		return 0, err
	}
	defer f.fs.endOp()
	if err := f.writable(off, int64(len(p))); err != nil || len(p) == 0 {
		return 0, err
	}
	size := f.di.Size
	n, err := f.write(cred, p, off)
	if err != nil {
		// What was prepared behind the end leaves no trace.
		keep := size
		if n > 0 {
			keep = max(size, off+int64(n))
		}
		if serr := f.shrink(keep); serr != nil {
			f.suspect("a failed write left space behind", serr)
		}
	}
	if n > 0 {
		now := f.fs.now()
		f.di.Mtime, f.di.Ctime = now, now
	}
	if serr := f.store(false); err == nil {
		err = serr
	}
	return n, err
}

// writable says whether length bytes at off can be in this file.
func (in *inode) writable(off, length int64) error {
	switch {
	case off < 0 || length < 0:
		return syscall.EINVAL
	case in.di.Flags&(ondisk.FileSnapshot|ondisk.FileLog) != 0:
		return syscall.EPERM
	case off > in.fs.s.MaxSize()-length:
		return syscall.EFBIG
	}
	return nil
}

// write puts p at off and returns how much of it is in the file. The inode is not stored yet.
func (in *inode) write(cred *vfs.Cred, p []byte, off int64) (int, error) {
	if off > in.di.Size {
		if err := in.closeGap(cred, off); err != nil {
			return 0, err
		}
	}
	for done, again := 0, true; done < len(p); {
		n, err := in.writePiece(cred, p[done:], off+int64(done))
		if err == syscall.ENOSPC && again && in.reclaim() {
			again = false
			continue
		}
		if err != nil {
			return done, err
		}
		done, again = done+n, true
		in.di.Size = max(in.di.Size, off+int64(done))
		if err := in.breathe(); err != nil {
			return done, err
		}
	}
	return len(p), nil
}

// closeGap prepares the last block for content that begins at off, behind the end: what it has behind the end becomes zeros, and if off
// lies in a later block it becomes a whole one.
func (in *inode) closeGap(cred *vfs.Cred, off int64) error {
	s := in.fs.s
	size := in.di.Size
	if s.InBlock(size) == 0 {
		return nil
	}
	lbn := s.BlockOf(size)
	end := min(off, s.BlockOffset(lbn+1))
	if lbn < ondisk.NDirect {
		return in.growDirect(cred, lbn, end)
	}
	e, err := in.extent(size, end-size)
	if err == nil && !e.Hole {
		err = in.fs.zero(e.Dev, e.Dev+end-size, e.Dev)
	}
	if err == nil {
		in.di.Size = end
	}
	return err
}

// growDirect makes the file, whose last block is lbn, size long, at most to the end of that block.
func (in *inode) growDirect(cred *vfs.Cred, lbn ondisk.Block, size int64) error {
	if in.di.DB[lbn] != 0 {
		if err := in.putDirect(cred, lbn, in.fs.s.InBlock(in.di.Size), zeros[:size-in.di.Size]); err != nil {
			return err
		}
	}
	in.di.Size = size
	return nil
}

// writePiece writes the beginning of p at off, which is not behind the end, and returns how much.
func (in *inode) writePiece(cred *vfs.Cred, p []byte, off int64) (int, error) {
	s := in.fs.s
	lbn, o := s.BlockOf(off), s.InBlock(off)
	end := off + int64(len(p))
	whole := in.wholeBlocks(end)
	if lbn >= whole {
		n := min(len(p), int(s.BSize)-o)
		return n, in.putDirect(cred, lbn, o, p[:n])
	}
	r, err := in.mapRun(lbn, min(s.BlockOf(end-1)+1, whole)-lbn)
	if err != nil {
		return 0, err
	}
	n := int(min(int64(len(p)), s.BlockOffset(r.n)-int64(o)))
	if r.at == 0 {
		return in.fillHole(cred, lbn, r.n, o, p[:n])
	}
	if err := in.checkBlock(r.at, int(s.Frag)); err != nil {
		return 0, err
	}
	at := s.FragOffset(r.at) + int64(o)
	return n, in.fs.overwrite(p[:n], at, at+max(0, in.di.Size-off))
}

// wholeBlocks is the number of the first logical block that is, or in a file that ends at end would be, less than a whole block; all
// blocks before it are whole or holes.
func (in *inode) wholeBlocks(end int64) ondisk.Block {
	s := in.fs.s
	first := ondisk.Block(1) << 62
	for _, size := range [...]int64{in.di.Size, max(in.di.Size, end)} {
		if lbn := s.BlockOf(size); lbn < ondisk.NDirect && s.InBlock(size) != 0 {
			first = min(first, lbn)
		}
	}
	return first
}

// putDirect writes p at byte o of direct block lbn, which is the last one now or once p is in the file; it may be fragments then. Between the
// file's end and p there is nothing.
func (in *inode) putDirect(cred *vfs.Cred, lbn ondisk.Block, o int, p []byte) error {
	s := in.fs.s
	start := s.BlockOffset(lbn)
	size := max(in.di.Size, start+int64(o+len(p)))
	have, want := s.BlockSizeOf(in.di.Size, lbn), s.BlockSizeOf(size, lbn)
	at := in.di.DB[lbn]
	if at == 0 {
		return in.newDirect(cred, lbn, want, o, p)
	}
	if err := in.checkBlock(at, max(have, int(s.FSize))>>s.FShift); err != nil {
		return err
	}
	valid := min(max(0, in.di.Size-start), int64(s.BSize))
	dev := s.FragOffset(at)
	if have >= want {
		return in.fs.overwrite(p, dev+int64(o), dev+valid)
	}
	ok, err := in.fs.alloc.Extend(at, have>>s.FShift, want>>s.FShift, reserve(cred))
	if err != nil {
		return err
	}
	if !ok {
		return in.moveDirect(cred, lbn, int(valid), want, o, p)
	}
	in.addBlocks(int64(want-have) >> sectorShift)
	if err := in.fs.overwriteTail(p, dev, int64(o), int64(want)); err != nil {
		in.fs.release(at+ondisk.Frag(have>>s.FShift), (want-have)>>s.FShift)
		in.addBlocks(-int64(want-have) >> sectorShift)
		return err
	}
	in.di.Size = size
	return nil
}

// overwriteTail writes p at byte o of the run at dev, which was made longer and now has want bytes, and zeros behind it to the run's end.
func (fs *FS) overwriteTail(p []byte, dev, o, want int64) error {
	lo := o &^ (fs.sector - 1)
	bp := fs.getBounce()
	defer fs.putBounce(bp)
	b := (*bp)[:want-lo]
	if lo < o {
		if err := fs.readSectors(b[:fs.sector], dev+lo); err != nil {
			return err
		}
	}
	clear(b[o-lo:])
	copy(b[o-lo:], p)
	return fs.writeSectors(b, dev+lo)
}

// newDirect allocates direct block lbn, want bytes long, and writes it: p at byte o, zeros around it.
func (in *inode) newDirect(cred *vfs.Cred, lbn ondisk.Block, want, o int, p []byte) error {
	s := in.fs.s
	at := spot{lbn: lbn, path: ondisk.Path{Index: [4]int{int(lbn)}}}
	if lbn > 0 {
		at.prev = in.di.DB[lbn-1]
	}
	f, err := in.allocFrags(cred, in.preference(&at), want>>s.FShift)
	if err != nil {
		return err
	}
	if err := in.fs.fill(s.FragOffset(f), int64(want), int64(o), p); err != nil {
		in.fs.release(f, want>>s.FShift)
		return err
	}
	in.di.DB[lbn] = f
	in.addBlocks(int64(want) >> sectorShift)
	return nil
}

// allocFrags allocates n fragments of one block, or a whole one.
func (in *inode) allocFrags(cred *vfs.Cred, pref ondisk.Frag, n int) (ondisk.Frag, error) {
	if n == int(in.fs.s.Frag) {
		return in.fs.alloc.Block(in.home(), pref, reserve(cred))
	}
	return in.fs.alloc.Frags(in.home(), pref, n, reserve(cred))
}

// moveDirect copies the valid bytes of direct block lbn, fragments that cannot grow where they are, to a new place of want bytes, with p at
// byte o and zeros behind. The old place is free once the inode on the disk says so.
func (in *inode) moveDirect(cred *vfs.Cred, lbn ondisk.Block, valid, want, o int, p []byte) error {
	fs, s := in.fs, in.fs.s
	old, have := in.di.DB[lbn], s.BlockSizeOf(in.di.Size, lbn)
	at := spot{lbn: lbn, path: ondisk.Path{Index: [4]int{int(lbn)}}}
	if lbn > 0 {
		at.prev = in.di.DB[lbn-1]
	}
	f, err := fs.alloc.Move(in.home(), in.preference(&at), want>>s.FShift, reserve(cred))
	if err != nil {
		return err
	}
	if err := fs.copyFrags(old, f, have, valid, want, o, p); err != nil {
		fs.release(f, want>>s.FShift)
		return err
	}
	in.di.DB[lbn] = f
	in.di.Size = max(in.di.Size, s.BlockOffset(lbn)+int64(o+len(p)))
	in.addBlocks(int64(want-have) >> sectorShift)
	if err := in.store(true); err != nil {
		in.suspect("the old place of fragments may still be what the disk says", err)
		return err
	}
	fs.release(old, have>>s.FShift)
	return nil
}

// copyFrags writes want bytes at fragment to: the valid bytes of the have at from, p at byte o, zeros elsewhere.
func (fs *FS) copyFrags(from, to ondisk.Frag, have, valid, want, o int, p []byte) error {
	bp := fs.getBounce()
	defer fs.putBounce(bp)
	b := (*bp)[:want]
	if err := fs.readSectors(b[:have], fs.s.FragOffset(from)); err != nil {
		return err
	}
	clear(b[valid:])
	copy(b[o:], p)
	return fs.writeSectors(b, fs.s.FragOffset(to))
}

// fillHole allocates blocks for a hole of n whole blocks from lbn on, as many as are in one piece, and writes them: p at byte o of the first, zeros around.
// It returns how much of p is in the file.
func (in *inode) fillHole(cred *vfs.Cred, lbn, n ondisk.Block, o int, p []byte) (int, error) {
	s := in.fs.s
	at, first, got, err := in.allocHole(cred, lbn, n)
	if err != nil {
		return 0, err
	}
	size := int64(got) << s.BShift
	p = p[:min(int64(len(p)), size-int64(o))]
	if err := in.fs.fill(s.FragOffset(first), size, int64(o), p); err != nil {
		in.fs.release(first, got<<s.FragShift)
		in.uproot(&at)
		return 0, err
	}
	return len(p), in.attachRun(&at, first, got)
}

// allocHole allocates up to n whole blocks in one piece for the hole at lbn, and the indirect blocks that they need.
func (in *inode) allocHole(cred *vfs.Cred, lbn, n ondisk.Block) (at spot, first ondisk.Frag, got int, err error) {
	if at, err = in.locate(lbn); err != nil {
		return at, 0, 0, err
	}
	if err = in.plant(&at, cred); err != nil {
		return at, 0, 0, err
	}
	n = min(n, at.slots(in.fs.s))
	if first, got, err = in.fs.alloc.Run(in.home(), in.preference(&at), int(n), reserve(cred)); err != nil {
		in.uproot(&at)
	}
	return at, first, got, err
}

// attachRun is attach, and the count of blocks; what cannot be attached is given back.
func (in *inode) attachRun(at *spot, first ondisk.Frag, n int) error {
	s := in.fs.s
	if err := in.attach(at, first, n); err != nil {
		in.fs.release(first, n<<s.FragShift)
		in.uproot(at)
		return err
	}
	in.addBlocks(int64(n) << (s.BShift - sectorShift))
	return nil
}
