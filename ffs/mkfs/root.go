package mkfs

import (
	"rump/ffs/ondisk"
)

// makeRoot gives group 0 the root directory and the files of quotas, and writes its header.
func (f *formatter) makeRoot() error {
	g, err := f.s.GroupIn(0, f.first)
	if err != nil {
		return err
	}
	at, err := f.take(&g, 1)
	if err != nil {
		return err
	}
	dir := make([]byte, f.s.FSize)
	f.s.DirBlockIn(dir).InitDots(ondisk.RootIno, ondisk.RootIno)
	if err := f.write(f.s.FragOffset(at), dir); err != nil {
		return err
	}
	root := ondisk.Inode{
		Mode: ondisk.ModeDir | f.o.Mode&0o7777, Nlink: 2, UID: f.o.UID, GID: f.o.GID,
		Size: int64(f.s.DirBlockSize()), Blocks: int64(f.s.FSize) / ondisk.SectorSize,
	}
	root.DB[0] = at
	if err := f.putInode(&g, ondisk.RootIno, &root); err != nil {
		return err
	}
	if err := f.makeQuotas(&g, &root); err != nil {
		return err
	}
	tally(f.s, &g, f.first)
	f.summary[0] = g.Summary()
	return f.write(f.s.FragOffset(f.s.CgHeader(0)), f.first)
}

// take takes n fragments, at most a block, off the first free block of group 0; single ones may come from a part of one.
func (f *formatter) take(g *ondisk.Group, n int) (ondisk.Frag, error) {
	for b := range g.Blocks() {
		if g.BlockFree(b) {
			at := b << f.s.FragShift
			g.TakeFrags(at, n)
			return f.s.CgBase(g.Index()) + ondisk.Frag(at), nil
		}
	}
	for at := range g.Frags() {
		if n == 1 && g.FragFree(at) {
			g.TakeFrags(at, n)
			return f.s.CgBase(g.Index()) + ondisk.Frag(at), nil
		}
	}
	return 0, errorf(exitTooSmall, "Filesystem size %d leaves no room for files", f.s.Size)
}

// putInode writes inode ino of group 0 with the present time and a random generation, and marks it used.
func (f *formatter) putInode(g *ondisk.Group, ino ondisk.Ino, in *ondisk.Inode) error {
	now := f.o.now()
	in.Atime, in.Mtime, in.Ctime, in.Birth = now, now, now, now
	in.Gen = f.generation()
	if _, ok := g.TakeInode(int(ino), in.IsDir()); !ok {
		return errorf(exitTooSmall, "inode %d is taken", ino)
	}
	off := f.s.FragOffset(f.s.InoToFrag(ino)) + int64(f.s.InoInBlock(ino))
	return f.patch(off, f.s.InodeSize(), func(b []byte) bool {
		clear(b)
		ondisk.EncodeInode(f.s, in, b)
		return true
	})
}
