package ondisk

import (
	"bytes"
	"math/bits"

	"rump/internal/endian"
)

// Magic numbers that stand in the primary superblock while inodes get new numbers, so that nobody takes the volume for a sound one. Who
// resizes can finish from there: the first eight bytes hold the size, in fragments, that the volume is to have.
const (
	magicResizing1   = 0x52736901
	magicResizing2   = 0x52736902
	magicResizing2EA = 0x52736903
)

// resizing pairs the magic numbers with those of a sound volume.
var resizing = map[uint32]uint32{magicResizing1: MagicUFS1, magicResizing2: MagicUFS2, magicResizing2EA: MagicUFS2EA}

// isResizing reports whether m, in either order, is the magic number of a volume that is being resized, and which it has otherwise.
func isResizing(m uint32) (sound uint32, order endian.Order, ok bool) {
	if sound, ok = resizing[m]; ok {
		return sound, endian.Little, true
	}
	sound, ok = resizing[bits.ReverseBytes32(m)]
	return sound, endian.Big, ok
}

// EncodeResizing is Encode of a volume that is being resized to size fragments. Only with marked set it cannot be taken for a sound one.
func (s *Super) EncodeResizing(dst []byte, size Frag, marked bool) {
	s.Encode(dst)
	s.Order.PutUint64(dst, uint64(size))
	if !marked {
		return
	}
	for mark, sound := range resizing {
		if sound == s.magic() {
			s.Order.PutUint32(dst[offSuperMagic:], mark)
		}
	}
}

// DecodeResizing takes b, which was read at byte offset location, for the superblock of a volume that is being resized: see
// EncodeResizing. The error is a *SuperError.
func DecodeResizing(b []byte, location int64) (s *Super, size Frag, err error) {
	if len(b) < SuperSize {
		return nil, 0, &SuperError{Location: location, Reason: Unreadable}
	}
	magic := endian.Little.Uint32(b[offSuperMagic:])
	sound, order, ok := isResizing(magic)
	if !ok {
		return nil, 0, &SuperError{Location: location, Reason: NoMagic, Value: int64(magic)}
	}
	b = bytes.Clone(b)
	order.PutUint32(b[offSuperMagic:], sound)
	size = Frag(order.Uint64(b))
	clear(b[:8])
	s, err = DecodeSuper(b, location)
	return s, size, err
}

// RefreshOldForms brings the 32-bit fields of sizes and totals that an updated UFS1 superblock keeps beside the wide ones up to date. No
// modern BSD reads them; others do.
func (s *Super) RefreshOldForms() {
	if s.raw != nil && s.Version == 1 && !s.OldLayout {
		s.oldFields(&codec{s.raw, s.Order, true})
	}
}
