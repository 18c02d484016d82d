package tune

import (
	"fmt"

	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
)

// Refusal says why the settings of a volume must not be changed now, with what to do about it, or "".
func Refusal(s *ondisk.Super) string {
	switch {
	case s.Flags&ondisk.FlagNeedsFsck != 0:
		return "marked as needing fsck"
	case s.HasWAPBL():
		return "its journal (WAPBL) has not been replayed; mount it, or run fsck"
	case s.Clean&ondisk.CleanIs == 0:
		return fmt.Sprintf("not clean (fs_clean=%#x); run fsck", s.Clean)
	case !s.HashOK():
		return "the superblock's check hash is wrong; run fsck"
	}
	return ""
}

// Write writes the superblock, and with backups the copy in each cylinder group. The label of an Apple UFS volume goes where that system
// looks for it, too.
func Write(dev blockdev.Device, s *ondisk.Super, backups bool) error {
	b := make([]byte, s.SBSize)
	s.Encode(b)
	if err := put(dev, b, s.Location); err != nil {
		return err
	}
	if err := writeAppleLabel(dev, s); err != nil {
		return err
	}
	for cg := 0; backups && cg < int(s.Ncg); cg++ {
		at := s.FragOffset(s.CgSuper(cg))
		s.EncodeBackup(b, at)
		if err := put(dev, b, at); err != nil {
			return err
		}
	}
	return dev.Flush()
}

func writeAppleLabel(dev blockdev.Device, s *ondisk.Super) error {
	if !s.Apple || s.VolName == "" {
		return nil
	}
	l, ok := ondisk.ReadAppleLabel(dev, dev.Size())
	if !ok || l.Name == s.VolName {
		return nil
	}
	l.Name = s.VolName
	b := make([]byte, ondisk.AppleLabelSize)
	l.Encode(b)
	return put(dev, b, ondisk.AppleLabelOffset)
}

// put writes b at off, which need not be whole sectors.
func put(dev blockdev.Device, b []byte, off int64) error {
	sector := int64(dev.SectorSize())
	lo, hi := off&^(sector-1), (off+int64(len(b))+sector-1)&^(sector-1)
	buf := b
	if lo != off || hi != off+int64(len(b)) {
		buf = make([]byte, hi-lo)
		if _, err := dev.ReadAt(buf, lo); err != nil {
			return fmt.Errorf("read of %d bytes at %d: %w", len(buf), lo, err)
		}
		copy(buf[off-lo:], b)
	}
	if _, err := dev.WriteAt(buf, lo); err != nil {
		return fmt.Errorf("write of %d bytes at %d: %w", len(buf), lo, err)
	}
	return nil
}
