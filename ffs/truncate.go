package ffs

import (
	"fmt"

	"rump/ffs/ondisk"
	"rump/rumpfs/vfs"
)

// resize gives a file another size. What is new are zeros: in the last block where there is one, else holes.
func (in *inode) resize(cred *vfs.Cred, size int64) error {
	if size <= in.di.Size {
		return in.shrink(size)
	}
	if err := in.writable(size, 0); err != nil {
		return err
	}
	old := in.di.Size
	if err := in.closeGap(cred, size); err != nil {
		if serr := in.shrink(old); serr != nil {
			in.suspect("a failed change of size left space behind", serr)
		}
		return err
	}
	in.di.Size = size
	return in.store(false)
}

// shrink cuts a file off at size. On return the disk has the new size and no pointer behind it, and what was there is free. With a journal a long file is
// cut in several transactions, from its end.
func (in *inode) shrink(size int64) error {
	for size < in.di.Size {
		to, n, err := in.cutStep(size)
		if err != nil {
			return err
		}
		room, err := in.widen(n)
		if err != nil {
			return err
		}
		err = in.shrinkOnce(to)
		in.fs.tx.narrow(room)
		if err != nil {
			return err
		}
	}
	return nil
}

// shrinkOnce is shrink in one go.
func (in *inode) shrinkOnce(size int64) error {
	if err := in.zeroTail(size); err != nil {
		return err
	}
	fr := freer{in: in}
	cut := in.cutInode(size, &fr)
	in.di.Size = size
	if err := in.store(true); err != nil {
		in.suspect("the disk may still have the old pointers", err)
		return err
	}
	fr.start()
	for _, c := range cut {
		fr.tree(c)
	}
	err := fr.finish()
	if serr := in.store(false); err == nil {
		err = serr
	}
	return err
}

// zeroTail makes what the last kept block has behind size zeros.
func (in *inode) zeroTail(size int64) error {
	s := in.fs.s
	if s.InBlock(size) == 0 || in.isMeta() {
		return nil
	}
	lbn := s.BlockOf(size)
	end := min(in.di.Size, s.BlockOffset(lbn+1))
	if lbn < ondisk.NDirect {
		// Fragments that are given back need no zeros.
		end = min(end, s.BlockOffset(lbn)+int64(s.BlockSizeOf(size, lbn)))
	}
	e, err := in.extent(size, end-size)
	if err != nil || e.Hole {
		return err
	}
	return in.fs.zero(e.Dev, e.Dev+end-size, e.Dev)
}

// isMeta reports whether the content goes through the buffer cache.
func (in *inode) isMeta() bool { return in.di.IsDir() }

// A branch is a tree of indirect blocks that loses what lies behind its first keep logical blocks: all of it, if keep is 0.
type branch struct {
	root  ondisk.Frag
	level int
	keep  ondisk.Block
}

// cutInode takes the pointers behind size out of the inode in memory. What they lead to is in fr, or in the branches that it returns.
func (in *inode) cutInode(size int64, fr *freer) (cut []branch) {
	s := in.fs.s
	di := &in.di
	keep := s.BlockOf(size + int64(s.BSize) - 1)
	for i := range di.DB {
		lbn := ondisk.Block(i)
		old, now := s.BlockSizeOf(di.Size, lbn)>>s.FShift, s.BlockSizeOf(size, lbn)>>s.FShift
		if di.DB[i] == 0 || old <= now {
			continue
		}
		fr.add(di.DB[i]+ondisk.Frag(now), old-now)
		if now == 0 {
			di.DB[i] = 0
		}
	}
	for i := range di.IB {
		first, span := s.FirstIndirect(i+1), s.IndirectSpan(i+2)
		if di.IB[i] == 0 || keep >= first+span {
			continue
		}
		cut = append(cut, branch{di.IB[i], i + 1, max(0, keep-first)})
		if keep <= first {
			di.IB[i] = 0
		}
	}
	return cut
}

// A freer gives back what a file no longer has, neighbours together. After the first error it does nothing: what is left is lost until fsck
// finds it.
type freer struct {
	in   *inode
	held []held // what was added before start
	on   bool

	at  ondisk.Frag // a run of n fragments that is not free yet
	n   int
	err error
}

// held is n fragments that the inode on the disk may still point to.
type held struct {
	at ondisk.Frag
	n  int
}

// add gives back n fragments of one block; before start, it waits for that.
func (fr *freer) add(f ondisk.Frag, n int) {
	frag := int(fr.in.fs.s.Frag)
	fr.in.addBlocks(-int64(n) << (fr.in.fs.s.FShift - sectorShift))
	switch {
	case !fr.on:
		fr.held = append(fr.held, held{f, n})
	case fr.n > 0 && fr.n%frag == 0 && n == frag && f == fr.at+ondisk.Frag(fr.n) && fr.at%ondisk.Frag(frag) == 0:
		fr.n += n
	default:
		fr.flush()
		fr.at, fr.n = f, n
	}
}

// start says that the inode on the disk has let go of everything.
func (fr *freer) start() {
	fr.on = true
	for _, h := range fr.held {
		fr.in.addBlocks(int64(h.n) << (fr.in.fs.s.FShift - sectorShift)) // add counts it again
		fr.add(h.at, h.n)
	}
}

// flush gives back the run.
func (fr *freer) flush() {
	n := fr.n
	fr.n = 0
	if n == 0 || fr.err != nil {
		return
	}
	if fr.in.isMeta() {
		fr.in.fs.forget(fr.at, n)
	}
	fr.err = fr.in.fs.free(fr.at, n)
}

// finish gives back what is left and returns the first error.
func (fr *freer) finish() error {
	fr.flush()
	if fr.err != nil {
		fr.in.suspect("blocks not freed", fr.err)
		return fmt.Errorf("inode %d: %w", fr.in.ino, fr.err)
	}
	return nil
}

// tree cuts a branch: pointers are gone from the disk before what they lead to is free.
func (fr *freer) tree(b branch) {
	if fr.err != nil {
		return
	}
	in, s := fr.in, fr.in.fs.s
	lost, kept, err := in.cutBlock(b)
	if err != nil {
		fr.err = err
		return
	}
	if kept.root != 0 {
		fr.tree(kept)
	}
	for _, f := range lost {
		if fr.err != nil {
			return
		}
		if b.level == 1 {
			fr.add(f, int(s.Frag))
		} else {
			fr.tree(branch{f, b.level - 1, 0})
		}
	}
	if b.keep == 0 && fr.err == nil {
		fr.flush()
		in.fs.forget(b.root, int(s.Frag))
		fr.add(b.root, int(s.Frag))
	}
}

// cutBlock takes the lost pointers out of a branch's root and returns them. If it is to stay, it is on the disk without them on return, and kept is
// the branch below it that loses a part.
func (in *inode) cutBlock(b branch) (lost []ondisk.Frag, kept branch, err error) {
	s := in.fs.s
	u, err := in.getBlock(b.root, false)
	if err != nil {
		return nil, kept, err
	}
	defer u.Release()
	p := s.IndirectIn(u.Bytes())
	span := s.IndirectSpan(b.level)
	first := int((b.keep + span - 1) / span)
	if rest := b.keep % span; rest != 0 {
		kept = branch{p.Get(first - 1), b.level - 1, rest}
	}
	for i := first; i < p.Len(); i++ {
		if f := p.Get(i); f != 0 {
			lost = append(lost, f)
		}
	}
	if b.keep == 0 || len(lost) == 0 {
		return lost, kept, nil
	}
	for i := first; i < p.Len(); i++ {
		p.Set(i, 0)
	}
	size := int(s.BSize / s.Nindir)
	return lost, kept, u.Write(first*size, p.Len()*size)
}

// destroy ends a file that has no name any more: its inode becomes unused on the disk, then its blocks and its number are free.
func (in *inode) destroy() error {
	fs := in.fs
	room, err := in.shorten()
	if err != nil {
		in.suspect("a file without a name was not ended", err)
		return err
	}
	defer fs.tx.narrow(room)
	old := in.di
	fr := freer{in: in}
	cut := in.cutInode(0, &fr)
	in.cutXattrs(&fr)
	blocks := in.di.Blocks
	in.di = ondisk.Inode{Gen: old.Gen, UID: old.UID, GID: old.GID, ModRev: old.ModRev}
	if err := in.store(true); err != nil {
		in.suspect("a file without a name was not ended", err)
		return err
	}
	in.di.Mode, in.di.Blocks = old.Mode, blocks // isMeta and addBlocks want to know
	fr.start()
	for _, c := range cut {
		fr.tree(c)
	}
	err = fr.finish()
	if !in.uncounted {
		fs.quota.charge(&in.di, -in.di.Blocks, -1)
	}
	in.di = ondisk.Inode{}
	fs.tx.adopted(in.ino)
	if ferr := fs.alloc.FreeInode(in.ino, old.IsDir()); err == nil {
		err = ferr
	}
	return err
}

// cutXattrs takes the extended attributes out of the inode in memory.
func (in *inode) cutXattrs(fr *freer) {
	s := in.fs.s
	for i, f := range in.di.ExtB {
		if n := s.BlockSizeOf(int64(in.di.ExtSize), ondisk.Block(i)) >> s.FShift; f != 0 && n > 0 {
			fr.add(f, n)
		}
	}
	in.di.ExtB, in.di.ExtSize = [ondisk.NExtBlocks]ondisk.Frag{}, 0
}
