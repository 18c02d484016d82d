package resize

import (
	"fmt"
	"syscall"

	"rump/ffs/ondisk"
)

// A nameFunc sees an entry of a directory that leads to an inode and says whether it has changed it.
type nameFunc func(d ondisk.DirBlock, e ondisk.Entry) (changed bool, err error)

// eachName calls fn for every entry of every directory, whiteouts and free ones excepted, and writes what it changed.
func (r *resizer) eachName(fn nameFunc) error {
	s := r.old
	for cg := range int(s.Ncg) {
		r.o.Progress("changing names", int64(cg), int64(s.Ncg))
		g, _, err := r.vol.group(cg)
		if err != nil {
			return err
		}
		if g.Summary().Dirs == 0 {
			continue
		}
		err = r.vol.inodes(&g, func(ino ondisk.Ino, in *ondisk.Inode) error {
			if !in.IsDir() {
				return nil
			}
			return r.namesOf(ino, in, fn)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// namesOf is eachName for one directory.
func (r *resizer) namesOf(ino ondisk.Ino, in *ondisk.Inode, fn nameFunc) error {
	s := r.old
	lbn := ondisk.Block(0)
	block := func(f ondisk.Frag, n int) error {
		left := in.Size - s.BlockOffset(lbn)
		lbn++
		if f == 0 || left <= 0 {
			return nil
		}
		if err := r.vol.checkPlace(ino, f, n); err != nil {
			return err
		}
		return r.namesIn(ino, f, n, min(left, int64(n)<<s.FShift), fn)
	}
	for i, f := range in.DB {
		if err := block(f, s.FragsOf(int64(s.BlockSizeOf(in.Size, ondisk.Block(i))))); err != nil {
			return err
		}
	}
	for level := 1; level <= ondisk.NIndirect; level++ {
		if s.BlockOffset(s.FirstIndirect(level)) >= in.Size {
			return nil
		}
		lbn = s.FirstIndirect(level)
		if err := r.dirIndirect(ino, in.IB[level-1], level, &lbn, in.Size, block); err != nil {
			return err
		}
	}
	return nil
}

// dirIndirect gives the data blocks below an indirect block to fn; lbn is the first of them, and is moved on.
func (r *resizer) dirIndirect(ino ondisk.Ino, f ondisk.Frag, level int, lbn *ondisk.Block, size int64, fn func(ondisk.Frag, int) error) error {
	s := r.old
	if f == 0 {
		*lbn += s.IndirectSpan(level + 1)
		return nil
	}
	if err := r.vol.checkPlace(ino, f, int(s.Frag)); err != nil {
		return err
	}
	b := make([]byte, s.BSize)
	if err := r.vol.readFrags(f, b); err != nil {
		return err
	}
	list := s.IndirectIn(b)
	for i := 0; i < list.Len() && s.BlockOffset(*lbn) < size; i++ {
		var err error
		if level == 1 {
			err = fn(list.Get(i), int(s.Frag))
		} else {
			err = r.dirIndirect(ino, list.Get(i), level-1, lbn, size, fn)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// namesIn looks at the directory blocks in the first size bytes of n fragments at f.
func (r *resizer) namesIn(ino ondisk.Ino, f ondisk.Frag, n int, size int64, fn nameFunc) error {
	s := r.old
	b := make([]byte, n<<s.FShift)
	if err := r.vol.readFrags(f, b); err != nil {
		return err
	}
	dirty := false
	for at := 0; at+s.DirBlockSize() <= int(size); at += s.DirBlockSize() {
		d := s.DirBlockIn(b[at:])
		var e ondisk.Entry
		for off := 0; off < d.Len(); off += e.Len {
			var fault ondisk.DirFault
			if e, fault = d.At(off); fault != "" {
				return refuse(syscall.EINVAL, "directory %d: %s; run fsck -f", ino, fault)
			}
			if !e.Live() {
				continue
			}
			changed, err := fn(d, e)
			if err != nil {
				return fmt.Errorf("directory %d: %w", ino, err)
			}
			dirty = dirty || changed
		}
	}
	if !dirty {
		return nil
	}
	return r.vol.writeFrags(f, b)
}

// attributeDir is where UFS1 keeps extended attributes, in files that are indexed by inode number.
const attributeDir = ".attribute"

// checkNames finds out, before anything is changed, whether all names can be made to lead to the new numbers.
func (r *resizer) checkNames() error {
	root := false
	return r.eachName(func(_ ondisk.DirBlock, e ondisk.Entry) (bool, error) {
		switch {
		case r.moved.number(e.Ino) == 0:
			return false, refuse(syscall.EINVAL, "a name leads to inode %d, which is not in use; run fsck -f", e.Ino)
		case string(e.Name) == ".":
			root = e.Ino == ondisk.RootIno
		case root && r.old.Version == 1 && string(e.Name) == attributeDir:
			return false, refuse(syscall.EINVAL, "/%s keeps attributes by inode number, and %d inodes would have to get another; make the file system smaller only so far that none do, or remove it",
				attributeDir, r.moved.total)
		}
		return false, nil
	})
}
