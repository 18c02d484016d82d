package alloc

import (
	"syscall"

	"rump/ffs/ondisk"
)

// Inode allocates an inode for a new file in directory parent. Files are put near their directory, directories are spread. Its
// bytes on disk are those of its last life, or zero but for the generation; Gen counts up from there.
//
// On UFS2 this may write a block of inodes. No buffer may be held.
func (a *Allocator) Inode(parent ondisk.Ino, isDir bool) (ondisk.Ino, error) {
	if a.readOnly {
		return 0, syscall.EROFS
	}
	if !a.s.ValidIno(parent) {
		return 0, syscall.EINVAL
	}
	home, pref := a.s.InoToCg(parent), a.s.InoInCg(parent)
	if isDir {
		home, pref = a.dirGroup(parent), 0
	}
	var err error = syscall.ENOSPC
	for sp := newSpread(home, len(a.groups)); ; pref = 0 {
		cg, ok := sp.next()
		if !ok {
			return 0, err
		}
		if st := &a.groups[cg]; st.broken.Load() || st.sum.inodes.Load() <= 0 {
			err = a.worse(err, cg)
			continue
		}
		i, e := a.inodeIn(cg, pref, isDir)
		if e == nil {
			a.countContig(cg, isDir)
			return ondisk.Ino(cg)*ondisk.Ino(a.s.Ipg) + ondisk.Ino(i), nil
		}
		err = worst(err, e)
	}
}

// countContig counts directories of a group without files between them.
func (a *Allocator) countContig(cg int, isDir bool) {
	n := &a.groups[cg].contigDirs
	switch v := n.Load(); {
	case isDir && v < 255:
		n.Add(1)
	case !isDir && v > 0:
		n.Add(-1)
	}
}

// inodeIn allocates an inode in group cg, number pref of it if that is free and not 0.
func (a *Allocator) inodeIn(cg, pref int, isDir bool) (int, error) {
	for {
		g, err := a.open(cg)
		if err != nil {
			return 0, err
		}
		inited := g.InitedInodes()
		if g.wantsInodes(inited) {
			g.release()
			if err := a.initInodes(cg, inited); err != nil {
				return 0, err
			}
			continue
		}
		i, ok := pref, pref > 0 && pref < inited && !g.InodeUsed(pref)
		if !ok {
			if i, ok = g.FindInode(g.InodeRotor()); ok && i >= inited {
				i, ok = g.FindInode(0) // there are free ones among the initialised
			}
			if !ok || i >= inited {
				g.release()
				return 0, syscall.ENOSPC
			}
			g.SetInodeRotor(i)
		}
		change, _ := g.TakeInode(i, isDir)
		g.commit(change)
		return i, nil
	}
}

// wantsInodes reports whether so many of the inited inodes are in use that the next block of them is to be initialised.
func (g *group) wantsInodes(inited int) bool {
	ipg := int(g.a.s.Ipg)
	return inited < ipg && ipg-int(g.Summary().FreeInodes)+int(g.a.s.Inopb) > inited
}

// initInodes initialises the block of inodes of group cg that begins with inode from, unless somebody did so meanwhile. The block is written
// first: a group that counts garbage as inodes could not be told from one full of files. Then the group, also at once: inodes
// behind the count are not looked at by a checker, whatever names them.
func (a *Allocator) initInodes(cg, from int) error {
	a.initMu.Lock()
	defer a.initMu.Unlock()
	s := a.s
	if g, err := a.open(cg); err != nil {
		return err
	} else if now := g.InitedInodes(); now != from {
		g.release()
		return nil
	} else {
		g.release()
	}
	b, err := a.c.GetNew(s.FragOffset(s.CgInodes(cg))+int64(from/int(s.Inopb))<<s.BShift, int(s.BSize))
	if err != nil {
		return err
	}
	defer b.Release()
	p, size := b.Bytes(), s.InodeSize()
	for i := range int(s.Inopb) {
		ondisk.EncodeInode(s, &ondisk.Inode{Gen: a.rand()>>1 | 1}, p[i*size:])
	}
	if err := b.Write(0, len(p)); err != nil {
		return err
	}
	g, err := a.open(cg)
	if err != nil {
		return err
	}
	defer g.release()
	g.SetInitedInodes(from + int(s.Inopb))
	g.touch()
	return g.buf.Write(0, a.cgBytes())
}

// FreeInode takes back an inode whose last trace on disk is gone. If it is free already the error is an *ondisk.CorruptError.
func (a *Allocator) FreeInode(ino ondisk.Ino, isDir bool) error {
	if a.readOnly {
		return syscall.EROFS
	}
	s := a.s
	if !s.ValidIno(ino) || ino == ondisk.RootIno {
		return syscall.EINVAL
	}
	cg, i := s.InoToCg(ino), s.InoInCg(ino)
	g, err := a.open(cg)
	if err != nil {
		return err
	}
	if !g.InodeUsed(i) {
		defer g.release()
		a.suspect.Store(true)
		return corrupt(cg, "freed, but free already: inode", int64(ino), int64(i>>3))
	}
	if g.Summary().Dirs <= 0 {
		isDir = false // the count of directories was wrong; it must not become negative
	}
	change, _ := g.FreeInode(i, isDir)
	if i < g.InodeRotor() {
		g.SetInodeRotor(i)
	}
	g.commit(change)
	return nil
}

// FreeUnused is FreeInode for one that may be free already.
func (a *Allocator) FreeUnused(ino ondisk.Ino, isDir bool) error {
	g, err := a.open(a.s.InoToCg(ino))
	if err != nil {
		return err
	}
	used := g.InodeUsed(a.s.InoInCg(ino))
	g.release()
	if !used {
		return nil
	}
	return a.FreeInode(ino, isDir)
}
