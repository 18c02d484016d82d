package mkfs

import (
	"rump/ffs/ondisk"
	"rump/internal/endian"
)

// Where an ext2 file system has the number that it is known by.
const (
	ext2MagicOff = 1024 + 56
	ext2Magic    = 0xef53
)

const superMagicOff = ondisk.SuperSize - 4 // fs_magic

// zap makes sure that nobody takes the disk for what it was before: the magic numbers of old superblocks of ours are
// zeroed wherever a reader or a checker would look, and that of ext2, and the label of Apple UFS.
func (t *target) zap() error {
	places := append(ondisk.Locations(), ondisk.FirstBackups()...)
	for _, at := range places {
		if err := t.patch(at+superMagicOff, 4, zapSuper); err != nil {
			return err
		}
	}
	err := t.patch(ext2MagicOff, 2, func(b []byte) bool {
		found := endian.Little.Uint16(b) == ext2Magic
		if found {
			clear(b)
		}
		return found
	})
	if err != nil {
		return err
	}
	return t.patch(ondisk.AppleLabelOffset, ondisk.AppleLabelSize, func(b []byte) bool {
		_, found := ondisk.DecodeAppleLabel(b)
		if found {
			clear(b)
		}
		return found
	})
}

// zapSuper zeroes a magic number of any kind of ours.
func zapSuper(b []byte) bool {
	for _, o := range []endian.Order{endian.Little, endian.Big} {
		switch o.Uint32(b) {
		case ondisk.MagicUFS1, ondisk.MagicUFS2, ondisk.MagicUFS2EA, ondisk.MagicUnfinished:
			clear(b)
			return true
		}
	}
	return false
}
