package fsck

import (
	"bytes"
	"encoding/binary"
	"math"

	"rump/ffs/ondisk"
)

// phase5 builds each cylinder group anew from what was found and compares.
func (c *checker) phase5() {
	c.start(5, "Check Cyl groups")
	if c.fitClusters(); c.stopped() {
		return
	}
	c.rebuildGroups()
}

// rebuildGroups checks all groups. Questions that were put once are not put again: later, what has to change follows from a repair.
func (c *checker) rebuildGroups() {
	p := &c.rebuild
	if p.ran {
		for _, q := range []*salvage{&p.counts, &p.header, &p.maps, &p.backup} {
			if !q.asked {
				*q = salvage{true, true}
			}
		}
	}
	p.ran, p.model = true, nil
	sums := c.block(c.s.CSAddr, c.summaryFrags())
	var total ondisk.Totals
	for cg := range int(c.s.Ncg) {
		if c.stopped() {
			return
		}
		total.Add(c.checkGroup(cg, sums.b[cg*ondisk.SummarySize:], p))
	}
	if total != c.s.Total && p.counts.wanted(c, "FREE BLK COUNT(S) WRONG IN SUPERBLK") {
		c.s.Total = total
		c.super.changed = true
	}
	c.save(sums)
	c.report.Free = c.s.Total
}

// rebuild is what was asked in phase 5, once for all groups, and room for their headers.
type rebuild struct {
	counts, header, maps, backup salvage
	buf                          []byte
	ran                          bool
	model                        *ondisk.Super
}

// salvage is a question that is put once.
type salvage struct{ asked, yes bool }

func (q *salvage) wanted(c *checker, message string) bool {
	if !q.asked {
		q.asked = true
		c.warn(Counts, 0, "%s", message)
		q.yes = c.fix("SALVAGE", "SALVAGED")
	}
	return q.yes
}

// checkGroup compares one group, mends it, and returns the counts that it should have. sum is its place in the summary area.
func (c *checker) checkGroup(cg int, sum []byte, p *rebuild) ondisk.Summary {
	bl := c.block(c.s.CgHeader(cg), int(c.s.Frag))
	g, err := c.s.GroupIn(cg, bl.b)
	if err != nil && !c.regroup {
		c.fatal(Damage, 0, "CG %d: PASS5: BAD MAGIC NUMBER\n", cg)
	}
	want, gw := c.buildGroup(cg, g, err == nil, p)
	c.checkBackup(cg, p)
	if gw.Summary() != ondisk.DecodeSummary(c.s.Order, sum) && p.counts.wanted(c, "FREE BLK COUNT(S) WRONG IN SUPERBLK") {
		gw.Summary().Encode(c.s.Order, sum)
	}
	switch {
	case c.regroup:
		copy(bl.b, want)
	case err != nil:
		if p.header.wanted(c, "SUMMARY INFORMATION BAD") {
			copy(bl.b, want)
		}
	default:
		c.compareGroup(cg, &g, &gw, bl, want, p)
	}
	if !bytes.Equal(bl.b, bl.was) {
		if g, err := c.s.GroupIn(cg, bl.b); err == nil {
			g.UpdateHash()
		}
		c.save(bl)
	}
	return gw.Summary()
}

// compareGroup mends in bl, a sound group, what differs from want.
func (c *checker) compareGroup(cg int, g, gw *ondisk.Group, bl *block, want []byte, p *rebuild) {
	have := bl.b
	if !c.headersEqual(g, gw, have, want) && p.header.wanted(c, "SUMMARY INFORMATION BAD") {
		c.copyHeader(g, gw, have, want)
		*g, _ = c.s.GroupIn(cg, have) // its maps may have moved
	}
	if !mapsEqual(c.s, g, gw) && p.maps.wanted(c, "BLK(S) MISSING IN BIT MAPS") {
		copyMaps(c.s, g, gw)
	}
	if !g.HashOK() && bytes.Equal(have, bl.was) {
		c.warn(Counts, 0, "CG %d: CHECK-HASH MISMATCH", cg)
		if c.fix("FIX", "FIXED") {
			g.UpdateHash()
		}
	}
}

// buildGroup makes the header and maps that group cg should have, in p's buffer. What only the old one knows (times, rotors) is taken from it if it is
// good.
func (c *checker) buildGroup(cg int, old ondisk.Group, good bool, p *rebuild) ([]byte, ondisk.Group) {
	if p.buf == nil {
		p.buf = make([]byte, c.s.BSize)
	}
	clear(p.buf)
	if p.model == nil {
		p.model = modelOf(c.s)
	}
	g, err := p.model.InitGroup(cg, p.buf)
	if err != nil {
		panic(err) // groupsFit has said that they do
	}
	g.ClearOldTables()
	g.SetInitedInodes(c.groups[cg].inits)
	if good {
		g.SetTime(old.Time())
		g.SetRotor(old.Rotor())
		g.SetFragRotor(old.FragRotor())
		g.SetInodeRotor(old.InodeRotor())
	}
	sum := c.mapInodes(cg, &g)
	c.mapFrags(cg, &g, &sum)
	g.SetSummary(sum)
	return p.buf, g
}

// modelOf is the superblock by which a group is built. One of 4.2BSD has its maps elsewhere, and less of them: it is built in today's format, from
// which the maps are then taken.
func modelOf(s *ondisk.Super) *ondisk.Super {
	if s.Old.PostblFormat != ondisk.PostblFormat42 || !s.OldLayout {
		return s
	}
	m := s.Clone()
	m.CgSize, m.Old.NRPos = m.BSize, 8
	return m
}

// groupsFit says whether the maps of a group fit their block: the sizes that they follow from are each sound, but may not be together.
func groupsFit(s *ondisk.Super) error {
	_, err := modelOf(s).InitGroup(0, make([]byte, s.BSize))
	return err
}

// mapInodes fills the map of inodes and counts them.
func (c *checker) mapInodes(cg int, g *ondisk.Group) ondisk.Summary {
	m := g.InodeMap()
	clear(m)
	sum := ondisk.Summary{FreeInodes: c.s.Ipg}
	for i, st := range c.groups[cg].state {
		if st == 0 {
			continue
		}
		m[i>>3] |= 1 << (i & 7)
		sum.FreeInodes--
		switch st & (1<<stateBits - 1) {
		case dir, dirFound, dirBad:
			sum.Dirs++
		}
	}
	if cg == 0 {
		for i := range int(ondisk.RootIno) { // never files
			m[i>>3] |= 1 << (i & 7)
			sum.FreeInodes--
		}
	}
	return sum
}

// mapFrags fills the maps of fragments and blocks and counts what is free.
func (c *checker) mapFrags(cg int, g *ondisk.Group, sum *ondisk.Summary) {
	m := g.FreeMap()
	for i := range m {
		m[i] = 0xff
	}
	for i, used := range c.groups[cg].used {
		m[i] = ^used
	}
	lo, hi := c.reserved(cg)
	clearBits(m, lo, min(hi, g.Frags()))
	base := c.s.CgBase(cg)
	clearBits(m, int(max(c.s.CSAddr-base, 0)), int(min(c.summaryEnd()-base, ondisk.Frag(g.Frags()))))
	clearBits(m, g.Frags(), 8*len(m))
	countFrags(c.s, g, m, sum)
	c.mapClusters(g)
}

// clearBits clears the bits from lo to hi-1.
func clearBits(m []byte, lo, hi int) {
	for lo < hi && lo&7 != 0 {
		m[lo>>3] &^= 1 << (lo & 7)
		lo++
	}
	for ; lo+8 <= hi; lo += 8 {
		m[lo>>3] = 0
	}
	for ; lo < hi; lo++ {
		m[lo>>3] &^= 1 << (lo & 7)
	}
}

// countFrags counts the free blocks and fragments of a map, and the runs of fragments.
func countFrags(s *ondisk.Super, g *ondisk.Group, m []byte, sum *ondisk.Summary) {
	frag := int(s.Frag)
	full := byte(1<<frag - 1)
	for i := 0; i < len(m); i++ {
		if s.Version == 2 && allOnes(m[i:]) {
			sum.FreeBlocks += int32(64 / frag)
			i += 7
			continue
		}
		b := m[i]
		if b == 0 {
			continue
		}
		for bit := 0; bit < 8; bit += frag {
			switch p := b >> bit & full; p {
			case 0:
			case full:
				sum.FreeBlocks++
				g.CountOldTables((8*i + bit) / frag)
			default:
				sum.FreeFrags += int32(ones(p))
				g.AcctFrags(p, 1)
			}
		}
	}
}

// allOnes reports whether the next 64 bits are set.
func allOnes(m []byte) bool { return len(m) >= 8 && binary.NativeEndian.Uint64(m) == math.MaxUint64 }

// mapClusters fills the map of free blocks and counts its runs.
func (c *checker) mapClusters(g *ondisk.Group) {
	if !g.HasClusters() {
		return
	}
	m, limit := g.ClusterMap(), int(c.s.ContigSum)
	clear(m)
	sums := make([]int32, limit+1)
	run := 0
	end := func() {
		if run > 0 {
			sums[min(run, limit)]++
			run = 0
		}
	}
	for blk := 0; blk < g.Blocks(); blk++ {
		if blk&63 == 0 && blk+64 <= g.Blocks() && c.allFree(g, blk) {
			copy(m[blk>>3:], "\xff\xff\xff\xff\xff\xff\xff\xff")
			run += 64
			blk += 63
			continue
		}
		if g.BlockFree(blk) {
			m[blk>>3] |= 1 << (blk & 7)
			run++
			continue
		}
		end()
	}
	end()
	for n := 1; n <= limit; n++ {
		g.SetClusterSum(n, sums[n])
	}
}

// allFree reports whether the 64 blocks from blk on, a multiple of 64, are free.
func (c *checker) allFree(g *ondisk.Group, blk int) bool {
	m := g.FreeMap()[blk<<c.s.FragShift>>3:]
	for i := range int(c.s.Frag) {
		if !allOnes(m[8*i:]) {
			return false
		}
	}
	return true
}

func ones(b byte) int {
	n := 0
	for ; b != 0; b &= b - 1 {
		n++
	}
	return n
}

// checkBackup compares the group's copy of the superblock with the primary, in what never changes.
func (c *checker) checkBackup(cg int, p *rebuild) {
	at := c.s.FragOffset(c.s.CgSuper(cg))
	kept, err := ondisk.ReadBackup(c.dev, c.dev.Size(), at)
	if err == nil && sameGeometry(c.s, kept) && !c.super.backups {
		return
	}
	if c.super.backups || p.backup.wanted(c, "ALTERNATE SUPERBLK(S) ARE INCORRECT") {
		c.putBackup(at)
	}
}
