package resize

import (
	"bytes"
	"fmt"
	"syscall"

	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
)

// A volume is the device in fragments, with the superblock as it is before the change.
type volume struct {
	dev blockdev.Device
	s   *ondisk.Super
}

func newVolume(dev blockdev.Device, s *ondisk.Super) (*volume, error) {
	if int(s.FSize)%dev.SectorSize() != 0 {
		return nil, refuse(syscall.EINVAL, "fragments of %d bytes on a disk with sectors of %d", s.FSize, dev.SectorSize())
	}
	return &volume{dev, s}, nil
}

// readFrags fills b from fragment f on.
func (v *volume) readFrags(f ondisk.Frag, b []byte) error {
	if _, err := v.dev.ReadAt(b, v.s.FragOffset(f)); err != nil {
		return fmt.Errorf("read of %d bytes at fragment %d: %w", len(b), f, err)
	}
	return nil
}

// writeFrags writes b from fragment f on.
func (v *volume) writeFrags(f ondisk.Frag, b []byte) error {
	if _, err := v.dev.WriteAt(b, v.s.FragOffset(f)); err != nil {
		return fmt.Errorf("write of %d bytes at fragment %d: %w", len(b), f, err)
	}
	return nil
}

func (v *volume) flush() error { return v.dev.Flush() }

// patch changes n bytes at off, which need not be whole sectors, by fn. fn says whether it has changed anything.
func (v *volume) patch(off int64, n int, fn func(b []byte) bool) error {
	sector := int64(v.dev.SectorSize())
	lo, hi := off&^(sector-1), (off+int64(n)+sector-1)&^(sector-1)
	b := make([]byte, hi-lo)
	if _, err := v.dev.ReadAt(b, lo); err != nil {
		return fmt.Errorf("read of %d bytes at %d: %w", len(b), lo, err)
	}
	if !fn(b[off-lo:][:n]) {
		return nil
	}
	if _, err := v.dev.WriteAt(b, lo); err != nil {
		return fmt.Errorf("write of %d bytes at %d: %w", len(b), lo, err)
	}
	return nil
}

// groupBlock reads the block of a cylinder group.
func (v *volume) groupBlock(cg int) ([]byte, error) {
	b := make([]byte, v.s.BSize)
	err := v.readFrags(v.s.CgHeader(cg), b[:v.s.CgSize])
	return b, err
}

// group reads a cylinder group.
func (v *volume) group(cg int) (ondisk.Group, []byte, error) {
	b, err := v.groupBlock(cg)
	if err != nil {
		return ondisk.Group{}, nil, err
	}
	g, err := v.s.GroupIn(cg, b)
	if err != nil {
		return g, nil, refuse(syscall.EINVAL, "%v; run fsck", err)
	}
	return g, b, nil
}

// writeGroup writes a cylinder group, of which g is a view.
func (v *volume) writeGroup(g *ondisk.Group, block []byte) error {
	g.UpdateHash()
	return v.writeFrags(v.s.CgHeader(g.Index()), block[:v.s.CgSize])
}

// inodes calls fn with every inode in use of group g, which was read from the old volume.
func (v *volume) inodes(g *ondisk.Group, fn func(ino ondisk.Ino, in *ondisk.Inode) error) error {
	s := v.s
	first := ondisk.Ino(g.Index()) * ondisk.Ino(s.Ipg)
	block := make([]byte, s.BSize)
	loaded := -1
	var in ondisk.Inode
	for i := range g.InitedInodes() {
		if !g.InodeUsed(i) || first+ondisk.Ino(i) < ondisk.RootIno {
			continue
		}
		ino := first + ondisk.Ino(i)
		if b := i / int(s.Inopb); b != loaded {
			if err := v.readFrags(s.InoToFrag(ino), block); err != nil {
				return err
			}
			loaded = b
		}
		ondisk.DecodeInode(s, block[s.InoInBlock(ino):], &in)
		if in.Mode == 0 {
			continue
		}
		if err := fn(ino, &in); err != nil {
			return err
		}
	}
	return nil
}

// isData reports whether a file can have n fragments at f: inside the volume and outside of what the cylinder groups keep.
func (v *volume) isData(f ondisk.Frag, n int) bool {
	s := v.s
	if !s.ValidFrags(f, n) {
		return false
	}
	cg := s.FragToCg(f)
	end := f + ondisk.Frag(n)
	if cg == 0 {
		return f >= s.CgData(0) && (end <= s.CSAddr || f >= s.CSAddr+summaryFrags(s))
	}
	return end <= s.CgSuper(cg) || f >= s.CgData(cg)
}

// zeroChunk is how many zeros are looked for, or written, at once.
const zeroChunk = 256 << 10

// zero makes n bytes at off, both whole sectors, read as zeros: by a hole, or else by writing where there is something else.
func (v *volume) zero(off, n int64) error {
	if d, ok := v.dev.(blockdev.Discarder); ok && n > 0 && d.Discard(off, n) == nil {
		return nil
	}
	zeros := make([]byte, zeroChunk)
	b := make([]byte, zeroChunk)
	for ; n > 0; off, n = off+zeroChunk, n-zeroChunk {
		k := min(n, zeroChunk)
		if _, err := v.dev.ReadAt(b[:k], off); err == nil && bytes.Equal(b[:k], zeros[:k]) {
			continue
		}
		if _, err := v.dev.WriteAt(zeros[:k], off); err != nil {
			return fmt.Errorf("write of %d bytes at %d: %w", k, off, err)
		}
	}
	return nil
}
