package ondisk

// InodeUsed reports whether inode i of the group is in use.
func (g *Group) InodeUsed(i int) bool { return g.iused[i>>3]>>(i&7)&1 != 0 }

func (g *Group) setInode(i int, used bool) { setBit(g.iused, i, used) }

func setBit(m []byte, i int, v bool) {
	if v {
		m[i>>3] |= 1 << (i & 7)
	} else {
		m[i>>3] &^= 1 << (i & 7)
	}
}

// SetInodeUsed changes the map only; counts are the caller's.
func (g *Group) SetInodeUsed(i int, used bool) { g.setInode(i, used) }

// TakeInode marks inode i used, and a directory if dir, and counts it. It returns the change of the group's summary; ok is
// false, and nothing changed, if it was in use.
func (g *Group) TakeInode(i int, dir bool) (change Summary, ok bool) {
	if g.InodeUsed(i) {
		return change, false
	}
	g.setInode(i, true)
	change.FreeInodes = -1
	if dir {
		change.Dirs = 1
	}
	return g.count(change), true
}

// FreeInode is the opposite of TakeInode; ok is false if the inode was free.
func (g *Group) FreeInode(i int, dir bool) (change Summary, ok bool) {
	if !g.InodeUsed(i) {
		return change, false
	}
	g.setInode(i, false)
	change.FreeInodes = 1
	if dir {
		change.Dirs = -1
	}
	return g.count(change), true
}

func (g *Group) count(change Summary) Summary {
	g.SetSummary(g.Summary().Plus(change))
	return change
}

// FragFree reports whether fragment f of the group is free.
func (g *Group) FragFree(f int) bool { return g.free[f>>3]>>(f&7)&1 != 0 }

// SetFragFree changes the map only; counts are the caller's.
func (g *Group) SetFragFree(f int, free bool) { setBit(g.free, f, free) }

// Pattern is the bits of block blk in the free map, its first fragment lowest. The last block of a short group may have fewer
// fragments than others; what is missing is not free.
func (g *Group) Pattern(blk int) byte {
	f := blk << g.s.FragShift
	return g.free[f>>3] >> (f & 7) & g.fullBlock()
}

// fullBlock is the pattern of a block that is all free.
func (g *Group) fullBlock() byte { return byte(1<<uint(g.s.Frag) - 1) }

// BlockFree reports whether block blk is free as a whole.
func (g *Group) BlockFree(blk int) bool { return g.Pattern(blk) == g.fullBlock() }

// SetBlockFree sets the bits of block blk in the free map only; counts are the caller's.
func (g *Group) SetBlockFree(blk int, free bool) {
	f := blk << g.s.FragShift
	m := g.fullBlock() << (f & 7)
	if free {
		g.free[f>>3] |= m
	} else {
		g.free[f>>3] &^= m
	}
}

// RunFree reports whether the n fragments from f on are free; never if they do not lie in one block.
func (g *Group) RunFree(f, n int) bool {
	return g.inBlock(f, n) && g.free[f>>3]>>(f&7)&(1<<n-1) == 1<<n-1
}

// inBlock reports whether there are n fragments from f on, and in one block.
func (g *Group) inBlock(f, n int) bool {
	return f >= 0 && n > 0 && f+n <= g.frags && f&int(g.s.Frag-1)+n <= int(g.s.Frag)
}

// TakeBlock takes the whole block blk and counts it everywhere. ok is false, and nothing changed, if it is not free.
func (g *Group) TakeBlock(blk int) (change Summary, ok bool) {
	if blk < 0 || blk >= g.blocks || !g.BlockFree(blk) {
		return change, false
	}
	g.SetBlockFree(blk, false)
	g.AcctCluster(blk, false)
	g.acctOldTables(blk, -1)
	return g.count(Summary{FreeBlocks: -1}), true
}

// FreeBlock frees the whole block blk and counts it everywhere. ok is false, and nothing changed, if a part was free.
func (g *Group) FreeBlock(blk int) (change Summary, ok bool) {
	if blk < 0 || blk >= g.blocks || g.Pattern(blk) != 0 {
		return change, false
	}
	g.SetBlockFree(blk, true)
	g.AcctCluster(blk, true)
	g.acctOldTables(blk, 1)
	return g.count(Summary{FreeBlocks: 1}), true
}

// TakeFrags takes n fragments from f on and counts them everywhere; if their block was free as a whole the rest of it becomes
// free fragments. ok is false, and nothing changed, if one is not free or they do not lie in one block.
func (g *Group) TakeFrags(f, n int) (change Summary, ok bool) {
	if !g.RunFree(f, n) {
		return change, false
	}
	blk, run := f>>g.s.FragShift, g.runMask(f, n)
	before := g.Pattern(blk)
	return g.count(g.repattern(blk, before, before&^run)), true
}

// FreeFrags frees n fragments from f on and counts them everywhere; if that makes their block free as a whole it becomes
// a free block. ok is false, and nothing changed, if one is free already or they do not lie in one block.
func (g *Group) FreeFrags(f, n int) (change Summary, ok bool) {
	if !g.inBlock(f, n) {
		return change, false
	}
	blk, run := f>>g.s.FragShift, g.runMask(f, n)
	before := g.Pattern(blk)
	if before&run != 0 {
		return change, false
	}
	return g.count(g.repattern(blk, before, before|run)), true
}

// runMask is the pattern of n fragments from f on inside their block.
func (g *Group) runMask(f, n int) byte { return byte((1<<n - 1) << (f & int(g.s.Frag-1))) }

// repattern changes the pattern of block blk and all that is counted of it but the summary, of which it returns the change.
func (g *Group) repattern(blk int, before, after byte) (change Summary) {
	f := blk << g.s.FragShift
	g.free[f>>3] = g.free[f>>3]&^(g.fullBlock()<<(f&7)) | after<<(f&7)
	for _, side := range [...]struct {
		pattern byte
		sign    int32
	}{{before, -1}, {after, 1}} {
		if side.pattern == g.fullBlock() {
			change.FreeBlocks += side.sign
			g.AcctCluster(blk, side.sign > 0)
			g.acctOldTables(blk, side.sign)
			continue
		}
		change.FreeFrags += side.sign * ones(side.pattern)
		g.AcctFrags(side.pattern, side.sign)
	}
	return change
}

// AcctFrags adds sign (1 or -1) to FragSum for each run of free fragments in the pattern of a block. A block that is free
// as a whole has none.
func (g *Group) AcctFrags(pattern byte, sign int32) {
	if pattern == g.fullBlock() {
		return
	}
	for pattern != 0 {
		pattern >>= trailingZeros(pattern)
		n := trailingZeros(^pattern)
		g.SetFragSum(n, g.FragSum(n)+sign)
		pattern >>= n
	}
}

// AcctCluster notes in the cluster map and summary that block blk has become free or has been taken. Without cluster maps
// it does nothing.
func (g *Group) AcctCluster(blk int, free bool) {
	if g.clusters == nil || blk >= g.blocks || bit(g.clusters, blk) == free {
		return
	}
	setBit(g.clusters, blk, free)
	limit := int(g.s.ContigSum)
	forw, back := 0, 0
	for i := blk + 1; i < g.blocks && forw < limit && bit(g.clusters, i); i++ {
		forw++
	}
	for i := blk - 1; i >= 0 && back < limit && bit(g.clusters, i); i-- {
		back++
	}
	sign := int32(1)
	if !free {
		sign = -1
	}
	g.addSum(min(back+forw+1, limit), sign)
	if back > 0 {
		g.addSum(back, -sign)
	}
	if forw > 0 {
		g.addSum(forw, -sign)
	}
}

func (g *Group) addSum(n int, v int32) { g.SetClusterSum(n, g.ClusterSum(n)+v) }

func bit(m []byte, i int) bool { return m[i>>3]>>(i&7)&1 != 0 }
