package ondisk

// FitGroup changes the header of group cgx in block, which was written when the volume had another size, to the number of fragments,
// blocks and cylinders that s gives the group, and returns a view of it. What lies behind its end is not free any more; a group that has
// grown has nothing more free. Counts stay as they were: see [Group.Recount]. The error is a *CorruptError.
func (s *Super) FitGroup(cgx int, block []byte) (Group, error) {
	g := s.bareGroup(cgx, block)
	if len(g.b) < int(s.CgSize) {
		return Group{}, g.fault("length of the block", int64(len(block)), 0)
	}
	ancient := s.Version == 1 && s.Old.PostblFormat == PostblFormat42 && s.Order.Uint32(g.b[offCgMagic:]) != groupMagic
	g.put(offCgNdblk, int32(g.frags))
	if s.Version == 1 {
		g.SetCylinders(int(s.groupCylinders(cgx)))
	}
	if s.ContigSum > 0 && !ancient {
		g.put(offCgNclusterblks, int32(g.blocks))
	}
	g, err := s.GroupIn(cgx, block)
	if err != nil {
		return Group{}, err
	}
	g.SetRotor(g.Rotor()) // 0 if that does not exist any more
	g.SetFragRotor(g.FragRotor())
	clearFrom(g.free, g.frags)
	clearFrom(g.clusters, g.blocks)
	return g, nil
}

// clearFrom clears the bits of a map from bit i on.
func clearFrom(m []byte, i int) {
	at := i >> 3
	if at >= len(m) {
		return
	}
	m[at] &= 1<<(i&7) - 1
	clear(m[at+1:])
}

// Recount counts anew all that follows from the free map: FreeBlocks and FreeFrags of the summary, the runs of fragments, the cluster map
// and its summary, the tables of an old layout. It returns the summary.
func (g *Group) Recount() Summary {
	sum := g.Summary()
	sum.FreeBlocks, sum.FreeFrags = 0, 0
	for n := 1; n < MaxFrags; n++ {
		g.SetFragSum(n, 0)
	}
	clear(g.clusters)
	for n := 1; n <= int(g.s.ContigSum); n++ {
		g.SetClusterSum(n, 0)
	}
	g.ClearOldTables()
	row := 0
	for blk, n := 0, (g.frags+int(g.s.Frag)-1)>>g.s.FragShift; blk < n; blk++ {
		p := g.Pattern(blk)
		if p == g.fullBlock() {
			sum.FreeBlocks++
			row++
			if g.clusters != nil {
				setBit(g.clusters, blk, true)
			}
			g.CountOldTables(blk)
			continue
		}
		row = g.endRow(row)
		sum.FreeFrags += ones(p)
		g.AcctFrags(p, 1)
	}
	g.endRow(row)
	g.SetSummary(sum)
	return sum
}

// endRow counts a run of free blocks.
func (g *Group) endRow(n int) int {
	if n > 0 && g.sums != nil {
		g.addSum(min(n, int(g.s.ContigSum)), 1)
	}
	return 0
}
