package ondisk

// rotation is the disk geometry that the tables of an old layout follow; 4.2BSD's volumes do not store all of it.
func (s *Super) rotation() (nrpos, npsect, interleave, skew int32) {
	o := &s.Old
	if o.PostblFormat == PostblFormat42 {
		return ocgRPos, o.NSect, 1, 0
	}
	return o.NRPos, o.NPSect, o.Interleave, o.TrackSkew
}

// placeOldTables finds the tables of free blocks by cylinder and position.
func (g *Group) placeOldTables(p mapPlaces) error {
	nrpos, _, _, _ := g.s.rotation()
	cpg := int64(g.s.Old.CPG)
	if g.ancient {
		nrpos, cpg = ocgRPos, 32
	}
	if cpg <= 0 || cpg > int64(g.s.CgSize) || nrpos <= 0 || int64(nrpos) > int64(g.s.CgSize) {
		return g.fault("cylinders of a group", cpg, offCgBtotOff)
	}
	btotLen, rposLen := 4*cpg, 2*cpg*int64(nrpos)
	first := groupMapsOff
	if g.ancient {
		first = ocgBtotOff
	}
	if p.btot < first || int64(p.btot)+btotLen > int64(p.rpos) {
		return g.fault("offset of the cylinder totals", int64(p.btot), offCgBtotOff)
	}
	if int64(p.rpos)+rposLen > int64(p.iused) {
		return g.fault("offset of the position table", int64(p.rpos), offCgBOff)
	}
	g.btot = g.b[p.btot : p.btot+int(btotLen)]
	g.rpos = g.b[p.rpos : p.rpos+int(rposLen)]
	return nil
}

// acctOldTables counts block blk, freed (delta 1) or taken (-1), where it passes the head. Geometry that cannot be is
// not followed; fsck rebuilds the tables.
func (g *Group) acctOldTables(blk int, delta int32) {
	if g.btot == nil {
		return
	}
	cyl, pos, ok := g.s.cylinderOf(blk)
	nrpos, _, _, _ := g.s.rotation()
	if g.ancient {
		nrpos = ocgRPos
	}
	i := 2 * (cyl*int64(nrpos) + pos)
	if !ok || pos >= int64(nrpos) || 4*cyl+4 > int64(len(g.btot)) || i+2 > int64(len(g.rpos)) {
		return
	}
	o := g.s.Order
	o.PutUint32(g.btot[4*cyl:], o.Uint32(g.btot[4*cyl:])+uint32(delta))
	o.PutUint16(g.rpos[i:], o.Uint16(g.rpos[i:])+uint16(delta))
}

// ClearOldTables zeroes the tables of an old layout, to be counted anew by CountOldTables.
func (g *Group) ClearOldTables() {
	clear(g.btot)
	clear(g.rpos)
}

// CountOldTables counts one free block in the tables of an old layout; others have none.
func (g *Group) CountOldTables(blk int) { g.acctOldTables(blk, 1) }

// cylinderOf is the cylinder in its group and the rotational position of block blk of a group.
func (s *Super) cylinderOf(blk int) (cyl, pos int64, ok bool) {
	nrpos, npsect, interleave, skew := s.rotation()
	spc, nsect := int64(s.Old.SPC), int64(s.Old.NSect)
	if spc <= 0 || nsect <= 0 || npsect <= 0 || interleave < 0 || skew < 0 || s.FsbToDb < 0 || s.FsbToDb > 16 {
		return 0, 0, false
	}
	sector := int64(blk) << s.FragShift << uint32(s.FsbToDb)
	cyl = sector / spc
	if nrpos <= 1 {
		return cyl, 0, true
	}
	in := sector % spc
	pos = (in/nsect*int64(skew) + in%nsect*int64(interleave)) % nsect * int64(nrpos) / int64(npsect)
	return cyl, pos, true
}
