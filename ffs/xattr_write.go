package ffs

import (
	"context"
	"syscall"

	"rump/ffs/ondisk"
	"rump/rumpfs/vfs"
)

// maxXattrName is the longest name of an extended attribute, bytes.
const maxXattrName = 255

// SetXattr changes or adds an attribute. The whole area is written to a new place, so that a crash leaves the old attributes or the new. ENOSPC if
// it has no room, E2BIG if it never could.
func (in *inode) SetXattr(ctx context.Context, cred *vfs.Cred, space vfs.XattrSpace, name string, value []byte, mode vfs.XattrMode) error {
	if err := in.fs.startOp(); err != nil {
		return err
	}
	defer in.fs.endOp()
	s := in.fs.s
	switch {
	case !in.hasXattrs():
		return syscall.EOPNOTSUPP
	case space != vfs.XattrUser && space != vfs.XattrSystem:
		return syscall.EOPNOTSUPP
	case name == "":
		return syscall.EINVAL
	case len(name) > maxXattrName:
		return syscall.ERANGE
	case int64(len(value)) > ondisk.NExtBlocks*int64(s.BSize) || ondisk.ExtAttrSize(len(name), len(value)) > ondisk.NExtBlocks*int(s.BSize):
		return syscall.E2BIG
	}
	area, had, err := in.withoutXattr(ctx, space, name)
	switch {
	case err != nil:
		return err
	case had && mode == vfs.XattrCreate:
		return syscall.EEXIST
	case !had && mode == vfs.XattrReplace:
		return syscall.ENODATA
	}
	area = ondisk.AppendExtAttr(s.Order, area, uint8(space), []byte(name), value)
	if len(area) > ondisk.NExtBlocks*int(s.BSize) {
		return syscall.ENOSPC
	}
	return in.storeXattrs(cred, area)
}

// RemoveXattr takes an attribute away.
func (in *inode) RemoveXattr(ctx context.Context, space vfs.XattrSpace, name string) error {
	if err := in.fs.startOp(); err != nil {
		return err
	}
	defer in.fs.endOp()
	switch {
	case !in.hasXattrs():
		return syscall.EOPNOTSUPP
	}
	area, had, err := in.withoutXattr(ctx, space, name)
	if err != nil {
		return err
	}
	if !had {
		return syscall.ENODATA
	}
	// Giving space back must not fail for lack of it.
	return in.storeXattrs(nil, area)
}

// withoutXattr is the area without an attribute, and whether that was there.
func (in *inode) withoutXattr(ctx context.Context, space vfs.XattrSpace, name string) (area []byte, had bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	if in.di.ExtSize == 0 {
		return nil, false, nil
	}
	if area, err = in.xattrArea(); err != nil {
		return nil, false, err
	}
	a, had, err := in.findXattr(area, space, name)
	if had {
		area = append(area[:a.Off], area[a.Off+a.Len:]...)
	}
	return area, had, err
}

// storeXattrs writes area to new blocks and makes the inode lead to them, on the disk; then the old ones are free.
func (in *inode) storeXattrs(cred *vfs.Cred, area []byte) error {
	s := in.fs.s
	fr := freer{in: in}
	old := in.di
	in.cutXattrs(&fr)
	in.di.ExtSize = uint32(len(area))
	if err := in.writeXattrs(cred, area); err != nil {
		for i, f := range in.di.ExtB {
			if f != 0 {
				in.fs.release(f, s.BlockSizeOf(int64(len(area)), ondisk.Block(i))>>s.FShift)
			}
		}
		in.addBlocks(old.Blocks - in.di.Blocks)
		in.di = old
		return err
	}
	in.di.Ctime = in.fs.now()
	if err := in.store(true); err != nil {
		in.suspect("the disk may have the old extended attributes or the new", err)
		return err
	}
	fr.start()
	return fr.finish()
}

// writeXattrs allocates and writes the blocks of area.
func (in *inode) writeXattrs(cred *vfs.Cred, area []byte) error {
	s := in.fs.s
	pref := ondisk.Frag(0)
	for i := range in.di.ExtB {
		n := s.BlockSizeOf(int64(len(area)), ondisk.Block(i))
		if n == 0 {
			break
		}
		f, err := in.allocFrags(cred, pref, n>>s.FShift)
		if err != nil {
			return err
		}
		in.di.ExtB[i] = f
		in.addBlocks(int64(n) >> sectorShift)
		pref = f + ondisk.Frag(s.Frag)
		p := area[i<<s.BShift:]
		if err := in.fs.fill(s.FragOffset(f), int64(n), 0, p[:min(n, len(p))]); err != nil {
			return err
		}
	}
	return nil
}
