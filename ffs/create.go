package ffs

import (
	"context"
	"fmt"
	"syscall"

	"rump/ffs/ondisk"
	"rump/rumpfs/vfs"
)

// Create makes a node of any kind: its inode is on the disk before its name.
func (d *dir) Create(ctx context.Context, cred *vfs.Cred, name string, a vfs.CreateAttr) (vfs.Node, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := d.fs.startOp(); err != nil {
		return nil, err
	}
	defer d.fs.endOp()
	di, err := d.checkCreate(&a)
	if err != nil {
		return nil, err
	}
	where, err := d.prepare(cred, name)
	if err != nil {
		return nil, err
	}
	in, err := d.newInode(di)
	if err != nil {
		return nil, err
	}
	if err = in.firstBlock(cred, d, a.Target); err == nil {
		if err = in.store(true); err == nil {
			err = d.enter(where, name, in.ino, ondisk.TypeOf(in.di.Mode))
		}
	}
	if err != nil {
		d.discard(in)
		return nil, err
	}
	return in.node()
}

// checkCreate is the inode that a asks for, without a number.
func (d *dir) checkCreate(a *vfs.CreateAttr) (*ondisk.Inode, error) {
	fs := d.fs
	now := fs.now()
	di := &ondisk.Inode{
		Mode: uint16(a.Kind)<<12 | uint16(a.Mode)&^ondisk.ModeType, Nlink: 1, UID: a.UID, GID: a.GID,
		Atime: now, Mtime: now, Ctime: now,
	}
	if fs.s.Version == 2 {
		di.Birth = now
	}
	if !fs.ownerFits(a.UID) || !fs.ownerFits(a.GID) {
		return nil, syscall.EINVAL
	}
	switch a.Kind {
	case vfs.KindRegular, vfs.KindFifo, vfs.KindSocket:
	case vfs.KindDir:
		if d.di.Nlink >= ondisk.MaxLinks {
			return nil, syscall.EMLINK
		}
		di.Nlink = 2
	case vfs.KindChar, vfs.KindBlock:
		var ok bool
		if di.Rdev, ok = packDev(a.Rdev); !ok {
			return nil, syscall.EINVAL
		}
	case vfs.KindSymlink:
		switch n := len(a.Target); {
		case n == 0:
			return nil, syscall.ENOENT
		case n > ondisk.MaxLinkLen:
			return nil, syscall.ENAMETOOLONG
		}
	default:
		return nil, syscall.EINVAL
	}
	return di, nil
}

// newInode allocates a number for di and gives it the next generation. Nothing is written.
func (d *dir) newInode(di *ondisk.Inode) (*inode, error) {
	fs := d.fs
	ino, err := fs.alloc.Inode(d.ino, di.IsDir())
	if err != nil {
		return nil, err
	}
	in := &inode{fs: fs, ino: ino, di: *di}
	var old ondisk.Inode
	if err := fs.peek(ino, &old); err != nil {
		fs.releaseInode(in)
		return nil, err
	}
	if old.Mode != 0 {
		// The map called a file's inode free. It stays taken; the file is left alone.
		fs.alloc.Suspect()
		return nil, in.corrupt(fmt.Sprintf("free in the map, but mode %#o", old.Mode))
	}
	if in.di.Gen = old.Gen + 1; in.di.Gen == 0 {
		in.di.Gen = 1
	}
	in.di.ModRev = old.ModRev
	fs.quota.charge(&in.di, 0, 1)
	return in, nil
}

// peek decodes an inode as its buffer has it.
func (fs *FS) peek(ino ondisk.Ino, di *ondisk.Inode) error {
	b, err := fs.cache.Get(fs.s.FragOffset(fs.s.InoToFrag(ino)), int(fs.s.BSize))
	if err != nil {
		return err
	}
	defer b.Release()
	ondisk.DecodeInode(fs.s, b.Bytes()[fs.s.InoInBlock(ino):], di)
	return nil
}

// firstBlock gives a new directory its dots and a new symbolic link its target. A directory's parent gets its link first.
func (in *inode) firstBlock(cred *vfs.Cred, parent *dir, target string) error {
	switch {
	case in.di.IsDir():
		parent.di.Nlink++
		if err := parent.store(true); err != nil {
			return err
		}
		nd := &dir{inode: in}
		init := func(u ondisk.DirBlock) { u.InitDots(in.ino, parent.ino) }
		in.di.Size = nd.unit()
		return nd.firstUnit(cred, init)
	case in.di.IsSymlink():
		return in.setTarget(cred, target)
	}
	return nil
}

// firstUnit allocates and writes a new directory's first block.
func (d *dir) firstUnit(cred *vfs.Cred, init func(u ondisk.DirBlock)) error {
	s := d.fs.s
	want := s.BlockSizeOf(d.di.Size, 0)
	var at spot
	f, err := d.allocFrags(cred, d.preference(&at), want>>s.FShift)
	if err != nil {
		return err
	}
	d.di.DB[0] = f
	d.addBlocks(int64(want) >> sectorShift)
	return d.writeFresh(f, want, nil, init)
}

// setTarget stores a symbolic link's target, in the inode if it fits.
func (in *inode) setTarget(cred *vfs.Cred, target string) error {
	in.di.Size = int64(len(target))
	if in.fs.s.ShortLinkLimit() > 0 && in.fs.s.IsShortLink(&in.di) {
		copy(in.di.Inline[:], target)
		return nil
	}
	return in.newDirect(cred, 0, in.fs.s.BlockSizeOf(in.di.Size, 0), 0, []byte(target))
}

// discard undoes newInode and firstBlock after a failure: on the disk the inode is unused before its blocks are free. No name leads to it.
func (d *dir) discard(in *inode) {
	if in.di.IsDir() {
		d.dropLink(1)
	}
	if err := in.destroy(); err != nil {
		in.suspect("an inode is lost", err)
	}
}

// releaseInode gives back a number that was never used.
func (fs *FS) releaseInode(in *inode) {
	if err := fs.alloc.FreeInode(in.ino, in.di.IsDir()); err != nil {
		in.suspect("an inode is lost", err)
	}
}

// Link adds a name for a node that is no directory.
func (d *dir) Link(ctx context.Context, cred *vfs.Cred, name string, target vfs.Node) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := d.fs.startOp(); err != nil {
		return err
	}
	defer d.fs.endOp()
	in, ok := d.own(target)
	switch {
	case !ok:
		return syscall.EXDEV
	case in.di.IsDir():
		return syscall.EPERM
	case in.di.Nlink >= ondisk.MaxLinks:
		return syscall.EMLINK
	case in.di.Nlink <= 0:
		return syscall.ENOENT
	}
	where, err := d.prepare(cred, name)
	if err != nil {
		return err
	}
	in.di.Nlink++
	in.di.Ctime = d.fs.now()
	if err := in.store(true); err != nil {
		in.di.Nlink--
		return err
	}
	if err := d.enter(where, name, in.ino, ondisk.TypeOf(in.di.Mode)); err != nil {
		in.dropLink(1)
		return err
	}
	return nil
}

// own is the inode of a node of this file system.
func (d *dir) own(n vfs.Node) (*inode, bool) {
	if b, ok := n.(interface{ base() *inode }); ok && b.base().fs == d.fs {
		return b.base(), true
	}
	return nil, false
}

// dropLink lowers the link count, in memory and in the buffer. That it is late on the disk is safe.
func (in *inode) dropLink(n int16) {
	in.di.Nlink = max(0, in.di.Nlink-n)
	in.di.Ctime = in.fs.now()
	if in.di.Nlink == 0 {
		in.fs.tx.orphan(in.ino, in.di.Mode)
	}
	in.storeLate()
}

// Remove takes a name away, then the link.
func (d *dir) Remove(ctx context.Context, name string, victim vfs.Node) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := d.fs.startOp(); err != nil {
		return err
	}
	defer d.fs.endOp()
	in, ok := d.own(victim)
	switch {
	case !ok:
		return syscall.EXDEV
	case name == "." || name == "..":
		return syscall.EINVAL
	}
	at, ok, err := d.find(name)
	if err != nil {
		return err
	}
	if !ok || at.ino != in.ino {
		return syscall.ENOENT
	}
	if err := d.mayGo(victim); err != nil {
		return err
	}
	if err := d.erase(at, name); err != nil {
		return err
	}
	d.unlinked(in)
	return nil
}

// mayGo says whether a node can lose its name in this directory: a directory must be empty.
func (d *dir) mayGo(n vfs.Node) error {
	nd, ok := n.(*dir)
	if !ok {
		return nil
	}
	empty, err := nd.isEmpty(d.ino)
	if err == nil && !empty {
		err = syscall.ENOTEMPTY
	}
	return err
}

// unlinked lowers the link counts after in has lost a name in this directory.
func (d *dir) unlinked(in *inode) {
	if in.di.IsDir() {
		d.dropLink(1) // its ".."
		in.dropLink(in.di.Nlink)
		return
	}
	in.dropLink(1)
}
