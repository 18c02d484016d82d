package ffs

import (
	"context"
	"fmt"
	"syscall"

	"rump/ffs/ondisk"
	"rump/rumpfs/vfs"
)

// volumeHasXattrs reports whether any inode of a volume may get extended attributes in its extb blocks.
//
// They are a matter of UFS2. NetBSD says by another magic number that it uses them; FreeBSD always does. A checker of a system that does not know
// them takes their blocks for free, so on a volume that bears no trace of FreeBSD only inodes that have some already may have more. (Images that
// makefs made bear no such trace, whatever system it ran on.)
func volumeHasXattrs(s *ondisk.Super) bool {
	const freeBSD = ondisk.FlagACLs | ondisk.FlagMultilabel | ondisk.FlagSUJ | ondisk.FlagGJournal
	switch {
	case s.Version != 2:
		return false
	case s.EAMagic:
		return true
	}
	return s.HasCheckHash(0) || s.MTime != 0 || s.InodeFmt != ondisk.InodeFmt44 || s.Flags&freeBSD != 0
}

// hasXattrs reports whether the inode has, or may have, extended attributes.
func (in *inode) hasXattrs() bool { return in.fs.xattrs || in.di.ExtSize > 0 }

// xattrArea reads the records.
func (in *inode) xattrArea() ([]byte, error) {
	s := in.fs.s
	size := int64(in.di.ExtSize)
	if size > ondisk.NExtBlocks*int64(s.BSize) {
		return nil, in.corrupt(fmt.Sprintf("%d bytes of extended attributes", size))
	}
	area := make([]byte, ondisk.NExtBlocks*int(s.BSize))
	for lbn := range in.di.ExtB {
		start := s.BlockOffset(ondisk.Block(lbn))
		n := s.BlockSizeOf(size, ondisk.Block(lbn))
		if n == 0 {
			break
		}
		at := in.di.ExtB[lbn]
		if err := in.checkBlock(at, n>>s.FShift); err != nil {
			return nil, err
		}
		if err := in.fs.readSectors(area[start:start+int64(n)], s.FragOffset(at)); err != nil {
			return nil, err
		}
	}
	return area[:size], nil
}

// eachXattr calls fn for each attribute of a name space, "" for all names, until it returns false.
func (in *inode) eachXattr(area []byte, space vfs.XattrSpace, fn func(a ondisk.ExtAttr) bool) error {
	for off := 0; off < len(area); {
		a, err := ondisk.ExtAttrAt(in.fs.s.Order, area, off)
		if err != nil {
			return fmt.Errorf("inode %d: %w", in.ino, err)
		}
		if a.Namespace == uint8(space) && !fn(a) {
			return nil
		}
		off += a.Len
	}
	return nil
}

// findXattr is where in area the attribute is.
func (in *inode) findXattr(area []byte, space vfs.XattrSpace, name string) (found ondisk.ExtAttr, ok bool, err error) {
	err = in.eachXattr(area, space, func(a ondisk.ExtAttr) bool {
		if ok = string(a.Name) == name; ok {
			found = a
		}
		return !ok
	})
	return found, ok, err
}

// GetXattr returns an attribute's value.
func (in *inode) GetXattr(ctx context.Context, space vfs.XattrSpace, name string) ([]byte, error) {
	if !in.hasXattrs() {
		return nil, syscall.EOPNOTSUPP
	}
	if in.di.ExtSize == 0 {
		return nil, syscall.ENODATA
	}
	area, err := in.xattrArea()
	if err != nil {
		return nil, err
	}
	a, ok, err := in.findXattr(area, space, name)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, syscall.ENODATA
	}
	return a.Content, nil
}

// ListXattr returns the names in a name space.
func (in *inode) ListXattr(ctx context.Context, space vfs.XattrSpace) ([]string, error) {
	if !in.hasXattrs() {
		return nil, syscall.EOPNOTSUPP
	}
	if in.di.ExtSize == 0 {
		return nil, nil
	}
	area, err := in.xattrArea()
	if err != nil {
		return nil, err
	}
	var names []string
	err = in.eachXattr(area, space, func(a ondisk.ExtAttr) bool {
		names = append(names, string(a.Name))
		return true
	})
	return names, err
}
