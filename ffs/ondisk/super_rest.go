package ondisk

import "rump/internal/endian"

// SuperRest is what a superblock holds beside what anything here works with: marks of a running kernel, fields that lost their
// meaning, and fields as they are stored where Super has what they mean. It is for whoever shows a superblock.
type SuperRest struct {
	Magic       uint32
	CsMask      int32 // fs_old_csmask, CsShift fs_old_csshift
	CsShift     int32
	Fmod        uint8 // fs_fmod
	Ronly       uint8 // fs_ronly
	SwUID       uint64
	CgRotor     int32
	SblockLoc   int64 // fs_sblockloc
	AvgFileSize int32 // fs_avgfilesize
	AvgFPDir    int32 // fs_avgfpdir

	JournalVersion  uint8
	JournalLocation uint8
}

// Rest decodes the bytes that s was decoded from; a new superblock has none.
func (s *Super) Rest() SuperRest {
	var r SuperRest
	if s.raw == nil {
		return r
	}
	c := &codec{b: s.raw, order: s.Order}
	f32(c, offSuperMagic, &r.Magic)
	f32(c, 108, &r.CsMask)
	f32(c, 112, &r.CsShift)
	f8(c, 208, &r.Fmod)
	f8(c, 210, &r.Ronly)
	f64(c, 712, &r.SwUID)
	f32(c, 724, &r.CgRotor)
	f64(c, offSblockLoc, &r.SblockLoc)
	f32(c, 1196, &r.AvgFileSize)
	f32(c, 1200, &r.AvgFPDir)
	f8(c, 864, &r.JournalVersion)
	f8(c, 865, &r.JournalLocation)
	return r
}

// RawJournal is [Super.Journal] of the bytes where an old layout has its rotational tables instead, as all tools show them.
func (s *Super) RawJournal(order endian.Order) Journal {
	if s.raw == nil {
		return s.Journal(order)
	}
	c := *s
	copy(c.journal[:], s.raw[864:])
	return c.Journal(order)
}

// Positions is the chain of blocks at rotational position pos of cylinder cyl in the tables of an old layout, in steps of a block
// from the beginning of the cylinder; none if the position has no block, or there are no tables (see OldGeometry.CPC).
func (s *Super) Positions(cyl, pos int) []int {
	o := &s.Old
	first, rot := int(o.PostblOff), int(o.RotblOff)
	nrpos := int(o.NRPos)
	if o.PostblFormat == PostblFormat42 {
		first, rot, nrpos = offMaxBSize, SuperSize, ocgRPos
	}
	at := first + 2*(cyl*nrpos+pos)
	if cyl < 0 || pos < 0 || pos >= nrpos || first < 0 || at < 0 || at+2 > len(s.raw) || rot < 0 {
		return nil
	}
	blk := int(int16(s.Order.Uint16(s.raw[at:])))
	var chain []int
	for blk >= 0 && rot+blk < len(s.raw) {
		chain = append(chain, blk)
		step := int(s.raw[rot+blk])
		if step == 0 {
			break
		}
		blk += step
	}
	return chain
}

// FindJournal decodes the log's fields in the order in which they make sense, that of the machine that wrote them. ok is false if there
// is no log, and none wished for, or if they make no sense in any order. A log that is only wished for has a size in bytes, Loc[1], and
// the flag JournalCreate.
func (s *Super) FindJournal() (j Journal, order endian.Order, ok bool) {
	for _, order := range []endian.Order{endian.Little, endian.Big} {
		if j := s.Journal(order); j.plausible() {
			return j, order, true
		}
	}
	return Journal{}, endian.Little, false
}

// plausible reports whether j tells of a log that exists or is to be made.
func (j *Journal) plausible() bool {
	if j.Location != JournalAtEnd && j.Location != JournalInFile || j.Flags > JournalCreate|JournalClear {
		return false
	}
	const most = 1 << 55
	unit := j.Loc[2]
	if unit == 0 {
		return j.Loc[0] == 0 && j.Loc[1] < most
	}
	return unit >= SectorSize && unit <= MaxBlockSize && unit&(unit-1) == 0 && j.Loc[0] < most/unit && j.Loc[1] < most/unit && j.Loc[3] < most
}
