package ondisk

import (
	"fmt"
	"math"
)

// Offsets in a cylinder group (struct cg).
const (
	offCgMagic        = 4   // cg_magic
	offCgOldTime      = 8   // cg_old_time
	offCgCgx          = 12  // cg_cgx
	offCgOldNcyl      = 16  // cg_old_ncyl, 16 bits
	offCgOldNiblk     = 18  // cg_old_niblk, 16 bits
	offCgNdblk        = 20  // cg_ndblk
	offCgSummary      = 24  // cg_cs
	offCgRotor        = 40  // cg_rotor
	offCgFrotor       = 44  // cg_frotor
	offCgIrotor       = 48  // cg_irotor
	offCgFrsum        = 52  // cg_frsum[8]
	offCgBtotOff      = 84  // cg_old_btotoff
	offCgBOff         = 88  // cg_old_boff
	offCgIusedOff     = 92  // cg_iusedoff
	offCgFreeOff      = 96  // cg_freeoff
	offCgNextFreeOff  = 100 // cg_nextfreeoff
	offCgClusterSum   = 104 // cg_clustersumoff
	offCgClusterOff   = 108 // cg_clusteroff
	offCgNclusterblks = 112 // cg_nclusterblks
	offCgNiblk        = 116 // cg_niblk
	offCgInited       = 120 // cg_initediblk
	offCgUnrefs       = 124 // cg_unrefs (FreeBSD)
	offCgCkHash       = 132 // cg_ckhash (FreeBSD)
	offCgTime         = 136 // cg_time
	groupMapsOff      = 168 // first byte behind the header

	groupMagic = 0x00090255
)

// Offsets in a cylinder group of 4.2BSD (struct ocg) where they differ.
const (
	ocgBtotOff  = 84
	ocgBOff     = 212
	ocgIusedOff = 724
	ocgMagicOff = 980
	ocgFreeOff  = 984
	ocgInodes   = 2048 // bits of its inode map
	ocgRPos     = 8    // columns of its table of positions
)

// Group is a cylinder group seen in place: its methods change the block. Get one from [Super.GroupIn].
//
// Fragments are counted from CgBase of the group, blocks are fragments divided by Frag, inodes are indexes in the group.
type Group struct {
	s       *Super
	b       []byte // CgSize bytes
	cgx     int
	frags   int // in this group
	blocks  int // whole ones in this group
	ancient bool

	iused    []byte // 1: in use
	free     []byte // 1: free
	clusters []byte // 1: whole block free; nil: no cluster maps
	sums     []byte // ContigSum+1 counts, of which the first is not one
	btot     []byte // old layout: free blocks by cylinder
	rpos     []byte // old layout: and rotational position
}

// GroupIn checks that block holds the header of group cgx, with its maps where they can be, and returns a view of it. It does
// not compare counts with maps; see [Group.CheckCounts]. The error is a *CorruptError.
func (s *Super) GroupIn(cgx int, block []byte) (Group, error) {
	g := s.bareGroup(cgx, block)
	if len(g.b) < int(s.CgSize) {
		return Group{}, g.fault("length of the block", int64(len(block)), 0)
	}
	if s.Order.Uint32(g.b[offCgMagic:]) != groupMagic {
		if s.Version != 1 || len(g.b) < ocgFreeOff || s.Order.Uint32(g.b[ocgMagicOff:]) != groupMagic {
			return Group{}, g.fault("magic number", int64(s.Order.Uint32(g.b[offCgMagic:])), offCgMagic)
		}
		g.ancient = true
	}
	if at, v := offCgCgx, g.get(offCgCgx); int(v) != cgx {
		return Group{}, g.fault("its own number", int64(v), at)
	}
	if at, v := offCgNdblk, g.get(offCgNdblk); int(v) != g.frags {
		return Group{}, g.fault("number of fragments", int64(v), at)
	}
	if s.Version == 2 {
		if v := g.get(offCgInited); v < 0 || v > s.Ipg {
			return Group{}, g.fault("initialised inodes", int64(v), offCgInited)
		}
	}
	p := g.stored()
	if err := g.place(p); err != nil {
		return Group{}, err
	}
	return g, nil
}

// InitGroup writes the header of group cgx of a new volume into block, of at least CgSize bytes, with all inodes and all
// fragments in use, no times and, on UFS2, no inodes initialised, and returns a view of it. What is free is then freed by
// the Free methods, and SetInitedInodes says how many inodes were written.
func (s *Super) InitGroup(cgx int, block []byte) (Group, error) {
	g := s.bareGroup(cgx, block)
	if len(g.b) < int(s.CgSize) {
		return Group{}, g.fault("length of the block", int64(len(block)), 0)
	}
	clear(g.b)
	p := s.placement()
	if p.next > int(s.CgSize) {
		return Group{}, g.fault("size of the maps", int64(p.next), offCgNextFreeOff)
	}
	s.Order.PutUint32(g.b[offCgMagic:], groupMagic)
	g.put(offCgCgx, int32(cgx))
	g.put(offCgNdblk, int32(g.frags))
	if s.Version == 1 {
		s.Order.PutUint16(g.b[offCgOldNcyl:], uint16(s.groupCylinders(cgx)))
		s.Order.PutUint16(g.b[offCgOldNiblk:], uint16(s.Ipg))
		g.put(offCgBtotOff, int32(p.btot))
		g.put(offCgBOff, int32(p.rpos))
	} else {
		g.put(offCgNiblk, s.Ipg)
	}
	g.put(offCgIusedOff, int32(p.iused))
	g.put(offCgFreeOff, int32(p.free))
	g.put(offCgNextFreeOff, int32(p.next))
	if s.ContigSum > 0 {
		g.put(offCgClusterSum, int32(p.sums))
		g.put(offCgClusterOff, int32(p.clusters))
		g.put(offCgNclusterblks, int32(g.blocks))
	}
	if err := g.place(p); err != nil {
		return Group{}, err
	}
	if s.Version == 1 && !s.OldLayout && s.Old.CPG > 0 && s.Old.NRPos > 0 {
		// newfs counts in the old tables of an updated layout too, though nobody looks at them later.
		if err := g.placeOldTables(p); err != nil {
			return Group{}, err
		}
	}
	for i := range g.iused[:s.Ipg/8] {
		g.iused[i] = 0xff
	}
	for i := s.Ipg &^ 7; i < s.Ipg; i++ {
		g.setInode(int(i), true)
	}
	return g, nil
}

func (s *Super) bareGroup(cgx int, block []byte) Group {
	n := int(s.CgFrags(cgx))
	return Group{s: s, b: block[:min(len(block), int(s.CgSize))], cgx: cgx, frags: n, blocks: n >> s.FragShift}
}

// groupCylinders is how many cylinders UFS1 thinks group c has.
func (s *Super) groupCylinders(c int) int32 {
	cpg := s.Old.CPG
	switch {
	case c < int(s.Ncg)-1 || cpg <= 0 || cpg > s.Fpg:
		return cpg
	case s.OldLayout:
		return s.Old.NCyl % cpg
	}
	per := s.Fpg / cpg
	return (s.CgFrags(c) + per - 1) / per
}

// mapPlaces are the byte offsets of a group's tables.
type mapPlaces struct{ btot, rpos, iused, free, sums, clusters, next int }

// placement is where newfs puts the tables.
func (s *Super) placement() mapPlaces {
	var p mapPlaces
	p.iused = groupMapsOff
	if s.Version == 1 {
		p.btot = groupMapsOff
		p.rpos = p.btot + 4*int(s.Old.CPG)
		p.iused = p.rpos + 2*int(s.Old.CPG)*int(s.Old.NRPos)
	}
	p.free = p.iused + (int(s.Ipg)+7)/8
	p.next = p.free + (int(s.Fpg)+7)/8
	if s.ContigSum > 0 {
		p.sums = p.next
		if !s.Apple {
			p.sums -= 4 // the count for runs of length 0 is none, so it may lie on the map
		}
		p.sums = (p.sums + 3) &^ 3
		p.clusters = p.sums + 4*(int(s.ContigSum)+1)
		p.next = p.clusters + (int(s.Fpg>>s.FragShift)+7)/8
	}
	return p
}

// stored is where the group says that its tables are.
func (g *Group) stored() mapPlaces {
	if g.ancient {
		return mapPlaces{btot: ocgBtotOff, rpos: ocgBOff, iused: ocgIusedOff, free: ocgFreeOff}
	}
	return mapPlaces{
		btot: int(g.get(offCgBtotOff)), rpos: int(g.get(offCgBOff)),
		iused: int(g.get(offCgIusedOff)), free: int(g.get(offCgFreeOff)),
		sums: int(g.get(offCgClusterSum)), clusters: int(g.get(offCgClusterOff)),
	}
}

// place checks the places against the block and sets the maps.
func (g *Group) place(p mapPlaces) error {
	s, size := g.s, int(g.s.CgSize)
	imap, fmap := (int(s.Ipg)+7)/8, (int(s.Fpg)+7)/8
	first := groupMapsOff
	if g.ancient {
		if s.Ipg > ocgInodes {
			return g.fault("4.2BSD format, inodes", int64(s.Ipg), ocgMagicOff)
		}
		first = ocgBtotOff
	}
	if p.iused < first || p.iused > size-imap {
		return g.fault("offset of the inode map", int64(p.iused), offCgIusedOff)
	}
	if p.free < p.iused+imap || p.free > size-fmap {
		return g.fault("offset of the free map", int64(p.free), offCgFreeOff)
	}
	g.iused = g.b[p.iused : p.iused+imap : p.iused+imap]
	g.free = g.b[p.free : p.free+fmap : p.free+fmap]
	if s.ContigSum > 0 && !g.ancient {
		sums, cmap := 4*(int(s.ContigSum)+1), (int(s.Fpg>>s.FragShift)+7)/8
		if p.sums < p.free+fmap-4 || p.sums > size-sums {
			return g.fault("offset of the cluster summary", int64(p.sums), offCgClusterSum)
		}
		if p.clusters < p.sums+sums || p.clusters > size-cmap {
			return g.fault("offset of the cluster map", int64(p.clusters), offCgClusterOff)
		}
		g.sums = g.b[p.sums : p.sums+sums : p.sums+sums]
		g.clusters = g.b[p.clusters : p.clusters+cmap : p.clusters+cmap]
	}
	if s.OldLayout {
		return g.placeOldTables(p)
	}
	return nil
}

func (g *Group) fault(what string, value int64, at int) error {
	return &CorruptError{What: fmt.Sprintf("cylinder group %d: %s", g.cgx, what), Value: value, Where: int64(at)}
}

func (g *Group) get(off int) int32    { return int32(g.s.Order.Uint32(g.b[off:])) }
func (g *Group) put(off int, v int32) { g.s.Order.PutUint32(g.b[off:], uint32(v)) }

// Index is the group's number.
func (g *Group) Index() int { return g.cgx }

// Frags is how many fragments the group has, Blocks how many whole blocks.
func (g *Group) Frags() int { return g.frags }

// Blocks is how many whole blocks the group has.
func (g *Group) Blocks() int { return g.blocks }

// Ancient reports whether the group has the format of 4.2BSD.
func (g *Group) Ancient() bool { return g.ancient }

// HasClusters reports whether the group keeps a map of free blocks.
func (g *Group) HasClusters() bool { return g.clusters != nil }

// InodeMap is the map of inodes in use, FreeMap that of free fragments; both lie in the block.
func (g *Group) InodeMap() []byte { return g.iused }

// FreeMap is the map of free fragments.
func (g *Group) FreeMap() []byte { return g.free }

// ClusterMap is the map of free blocks, or nil.
func (g *Group) ClusterMap() []byte { return g.clusters }

// Summary is the group's own counts.
func (g *Group) Summary() Summary { return DecodeSummary(g.s.Order, g.b[offCgSummary:]) }

// SetSummary changes the group's counts.
func (g *Group) SetSummary(c Summary) { c.Encode(g.s.Order, g.b[offCgSummary:]) }

// Rotor is the fragment where the last block was found.
func (g *Group) Rotor() int { return g.rotor(offCgRotor, g.frags) }

// SetRotor changes Rotor.
func (g *Group) SetRotor(f int) { g.put(offCgRotor, int32(f)) }

// FragRotor is the fragment where the last fragments were found.
func (g *Group) FragRotor() int { return g.rotor(offCgFrotor, g.frags) }

// SetFragRotor changes FragRotor.
func (g *Group) SetFragRotor(f int) { g.put(offCgFrotor, int32(f)) }

// InodeRotor is the inode that was found last.
func (g *Group) InodeRotor() int { return g.rotor(offCgIrotor, int(g.s.Ipg)) }

// SetInodeRotor changes InodeRotor.
func (g *Group) SetInodeRotor(i int) { g.put(offCgIrotor, int32(i)) }

// rotor is only a hint: what cannot be is 0.
func (g *Group) rotor(off, limit int) int {
	if v := int(g.get(off)); v >= 0 && v < limit {
		return v
	}
	return 0
}

// FragSum is how many runs of exactly n free fragments there are inside partly used blocks; n is 1 to Frag-1.
func (g *Group) FragSum(n int) int32 { return g.get(offCgFrsum + 4*n) }

// SetFragSum changes FragSum.
func (g *Group) SetFragSum(n int, v int32) { g.put(offCgFrsum+4*n, v) }

// ClusterSum is how many runs of exactly n free blocks there are; n is 1 to ContigSum, and the last counts longer ones too.
func (g *Group) ClusterSum(n int) int32 {
	if g.sums == nil {
		return 0
	}
	return int32(g.s.Order.Uint32(g.sums[4*n:]))
}

// SetClusterSum changes ClusterSum.
func (g *Group) SetClusterSum(n int, v int32) {
	if g.sums != nil {
		g.s.Order.PutUint32(g.sums[4*n:], uint32(v))
	}
}

// InitedInodes is how many inodes have ever been written (UFS2); those behind may hold garbage and are free.
func (g *Group) InitedInodes() int {
	if g.s.Version == 1 {
		return int(g.s.Ipg)
	}
	return int(g.get(offCgInited))
}

// InitedInodesIn is [Group.InitedInodes] of a block whose header may be damaged otherwise, for whoever repairs it; ok is false,
// and n is 0, if the number cannot be.
func (s *Super) InitedInodesIn(block []byte) (n int, ok bool) {
	if s.Version == 1 {
		return int(s.Ipg), true
	}
	if len(block) < groupMapsOff {
		return 0, false
	}
	v := int32(s.Order.Uint32(block[offCgInited:]))
	if v < 0 || v > s.Ipg || v%s.Inopb != 0 {
		return 0, false
	}
	return int(v), true
}

// SetInitedInodes changes InitedInodes; UFS1 has no such count.
func (g *Group) SetInitedInodes(n int) {
	if g.s.Version == 2 {
		g.put(offCgInited, int32(n))
	}
}

// NInodes is the group's own idea of its number of inodes: cg_niblk, on UFS1 16 bits of old_niblk.
func (g *Group) NInodes() int32 {
	if g.s.Version == 1 {
		return int32(g.s.Order.Uint16(g.b[offCgOldNiblk:]))
	}
	return g.get(offCgNiblk)
}

// Cylinders is cg_old_ncyl.
func (g *Group) Cylinders() int { return int(g.s.Order.Uint16(g.b[offCgOldNcyl:])) }

// SetCylinders changes Cylinders.
func (g *Group) SetCylinders(n int) { g.s.Order.PutUint16(g.b[offCgOldNcyl:], uint16(n)) }

// Unrefs is FreeBSD's count of unreferenced inodes.
func (g *Group) Unrefs() int32 { return g.get(offCgUnrefs) }

// Time is when the group was last written, in seconds.
func (g *Group) Time() int64 {
	if g.hasTime64() {
		return int64(g.s.Order.Uint64(g.b[offCgTime:]))
	}
	return int64(g.get(offCgOldTime))
}

// SetTime changes Time.
func (g *Group) SetTime(sec int64) {
	g.put(offCgOldTime, int32(max(math.MinInt32, min(math.MaxInt32, sec))))
	if g.hasTime64() {
		g.s.Order.PutUint64(g.b[offCgTime:], uint64(sec))
	}
}

func (g *Group) hasTime64() bool { return !g.ancient && !g.s.OldLayout }

// UpdateHash renews FreeBSD's check hash if the volume keeps them; call it when all else in the block is done.
func (g *Group) UpdateHash() {
	if g.s.HasCheckHash(HashGroup) {
		g.s.Order.PutUint32(g.b[offCgCkHash:], checkHash(g.b, offCgCkHash))
	}
}

// HashOK reports whether the group agrees with FreeBSD's check hash; true if it has none.
func (g *Group) HashOK() bool {
	return !g.s.HasCheckHash(HashGroup) || checkHash(g.b, offCgCkHash) == uint32(g.get(offCgCkHash))
}

// CheckCounts says whether the counts can be: none negative, none larger than the group.
func (g *Group) CheckCounts() error {
	c := g.Summary()
	for i, x := range []struct {
		what  string
		v     int32
		limit int
	}{
		{"directories", c.Dirs, int(g.s.Ipg)},
		{"free blocks", c.FreeBlocks, g.blocks},
		{"free inodes", c.FreeInodes, int(g.s.Ipg)},
		{"free fragments", c.FreeFrags, g.frags},
	} {
		if x.v < 0 || int(x.v) > x.limit {
			return g.fault(x.what, int64(x.v), offCgSummary+4*i)
		}
	}
	for n := 1; n < int(g.s.Frag); n++ {
		if v := g.FragSum(n); v < 0 || int(v) > g.frags {
			return g.fault("runs of free fragments", int64(v), offCgFrsum+4*n)
		}
	}
	return nil
}
