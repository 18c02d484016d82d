package disklabel

// Fields of OpenBSD's version 1 that lie where the shared layout has others.
const (
	offUID         = 64  // d_uid
	offACylinders1 = 72  // d_acylinders
	offBStartHigh  = 76  // d_bstarth
	offBEndHigh    = 78  // d_bendh
	offBStart      = 80  // d_bstart
	offBEnd        = 84  // d_bend
	offUnitHigh    = 112 // d_secperunith
	offVersion     = 114 // d_version
	offPOffsetHigh = 8   // p_offseth
	offPSizeHigh   = 10  // p_sizeh
)

// decodeVersion1 replaces the fields of l that version 1 keeps elsewhere: sizes are 48 bits long, and the block and
// fragment sizes of a partition share one byte.
func (l *Label) decodeVersion1(b []byte) {
	wide := func(b []byte, low, high int) Sector {
		return Sector(l.Order.Uint32(b[low:])) | Sector(l.Order.Uint16(b[high:]))<<32
	}
	l.Version = 1
	copy(l.UID[:], b[offUID:])
	l.AltCylinders = l.Order.Uint32(b[offACylinders1:])
	l.BoundStart = wide(b, offBStart, offBStartHigh)
	l.BoundEnd = wide(b, offBEnd, offBEndHigh)
	l.TotalSectors = wide(b, offSecPerUnit, offUnitHigh)
	l.SparesPerTrack, l.SparesPerCyl, l.RPM, l.Interleave, l.TrackSkew, l.CylSkew = 0, 0, 0, 0, 0, 0
	l.HeadSwitch, l.TrackSeek, l.BootSize, l.SuperSize = 0, 0, 0, 0
	for i := range l.Partitions {
		e, p := b[headerSize+partitionSize*i:], &l.Partitions[i]
		p.Size = wide(e, offPSize, offPSizeHigh)
		p.Offset = wide(e, offPOffset, offPOffsetHigh)
		p.FSize, p.Frag = fragBlock(e[offPFrag])
	}
}

// fragBlock unpacks p_fragblock into the bytes of a fragment and the fragments a block; 0, 0 if there is none.
func fragBlock(v byte) (fsize uint32, frag uint8) {
	shift := v & 7
	if shift == 0 {
		return 0, 0
	}
	block := uint64(1) << (v>>3 + 12)
	frag = 1 << (shift - 1)
	if block/uint64(frag) > 1<<32-1 {
		return 0, 0
	}
	return uint32(block / uint64(frag)), frag
}
