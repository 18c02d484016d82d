package ondisk

// GroupHeader is every number in the header of a cylinder group, right or wrong, for whoever shows it. See [Group] for work.
type GroupHeader struct {
	Magic        uint32 // cg_magic; of a group of 4.2BSD from its place there
	OldTime      int32
	Cgx          int32
	OldNcyl      int16
	OldNiblk     int16
	Ndblk        int32
	Sum          Summary
	Rotor        int32
	Frotor       int32
	Irotor       int32
	FragSum      [MaxFrags]int32 // the first is not one
	Nclusterblks int32
	Niblk        int32
	Inited       int32
	Unrefs       int32
	Time         int64
}

// DecodeGroupHeader decodes the header of a group in block, which has at least CgSize bytes.
func (s *Super) DecodeGroupHeader(block []byte) GroupHeader {
	c := &codec{b: block[:s.CgSize], order: s.Order}
	var h GroupHeader
	f32(c, offCgMagic, &h.Magic)
	if s.Version == 1 && s.Old.PostblFormat == PostblFormat42 && len(c.b) >= ocgFreeOff {
		f32(c, ocgMagicOff, &h.Magic)
	}
	f32(c, offCgOldTime, &h.OldTime)
	f32(c, offCgCgx, &h.Cgx)
	h.OldNcyl = int16(s.Order.Uint16(block[offCgOldNcyl:]))
	h.OldNiblk = int16(s.Order.Uint16(block[offCgOldNiblk:]))
	f32(c, offCgNdblk, &h.Ndblk)
	h.Sum = DecodeSummary(s.Order, block[offCgSummary:])
	f32(c, offCgRotor, &h.Rotor)
	f32(c, offCgFrotor, &h.Frotor)
	f32(c, offCgIrotor, &h.Irotor)
	for i := range h.FragSum {
		f32(c, offCgFrsum+4*i, &h.FragSum[i])
	}
	f32(c, offCgNclusterblks, &h.Nclusterblks)
	f32(c, offCgNiblk, &h.Niblk)
	f32(c, offCgInited, &h.Inited)
	f32(c, offCgUnrefs, &h.Unrefs)
	f64(c, offCgTime, &h.Time)
	return h
}

// OldTable is the counts of free blocks of an old layout for cylinder cyl of the group, in all and by rotational position; ok is false
// if there is no such cylinder, or no table.
func (g *Group) OldTable(cyl int) (total int32, byPosition []int16, ok bool) {
	o := g.s.Order
	n := len(g.btot) / 4
	if cyl < 0 || cyl >= n {
		return 0, nil, false
	}
	row := len(g.rpos) / 2 / n
	for i := range row {
		byPosition = append(byPosition, int16(o.Uint16(g.rpos[2*(cyl*row+i):])))
	}
	return int32(o.Uint32(g.btot[4*cyl:])), byPosition, true
}
