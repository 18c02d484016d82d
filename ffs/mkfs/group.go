package mkfs

import (
	"encoding/binary"
	"math/bits"

	"rump/ffs/ondisk"
)

// Places in the maps of a new UFS1 group where it counts its free blocks by cylinder and position, of which it has one.
const (
	offBtot = 168
	offRPos = 172
)

// newGroup writes the header of group c into block: everything is in use but the inodes.
func newGroup(s *ondisk.Super, c int, block []byte) (ondisk.Group, error) {
	g, err := s.InitGroup(c, block)
	if err != nil {
		return g, err
	}
	clear(g.InodeMap())
	free := int(s.Ipg)
	if c == 0 {
		for i := range int(ondisk.RootIno) {
			g.SetInodeUsed(i, true)
			free--
		}
	}
	g.SetSummary(ondisk.Summary{FreeInodes: int32(free)})
	g.SetTime(s.Time)
	if s.Version == 2 {
		g.SetInitedInodes(int(min(s.Ipg, 2*s.Inopb)))
	}
	if s.OldLayout && c == int(s.Ncg)-1 {
		g.SetCylinders(int(s.Old.NCyl % s.Old.CPG))
	}
	return g, nil
}

// firstData is the first fragment of group c, counted in it, that a file can have behind the inodes.
func firstData(s *ondisk.Super, c int) int {
	f := int(s.DblkNo)
	if c == 0 {
		f += s.FragsOf(int64(s.CSSize))
	}
	return f
}

// freeAll makes all fragments of the group free that are not kept for the file system itself.
func freeAll(s *ondisk.Super, g *ondisk.Group) {
	if g.Index() > 0 {
		fillBits(g.FreeMap(), 0, int(s.SblkNo))
	}
	fillBits(g.FreeMap(), firstData(s, g.Index()), g.Frags())
}

// fillBits sets bits lo to hi-1 of a map.
func fillBits(m []byte, lo, hi int) {
	for ; lo < hi && lo&7 != 0; lo++ {
		m[lo>>3] |= 1 << (lo & 7)
	}
	for ; hi-lo >= 8; lo += 8 {
		m[lo>>3] = 0xff
	}
	for ; lo < hi; lo++ {
		m[lo>>3] |= 1 << (lo & 7)
	}
}

// tally brings everything in the group that is counted from its free map, except inodes, up to date with the map.
func tally(s *ondisk.Super, g *ondisk.Group, block []byte) {
	t := tallier{clusters: g.ClusterMap(), limit: int(s.ContigSum)}
	clear(t.clusters)
	full := byte(1<<s.Frag - 1)
	blocks := ceilDiv(g.Frags(), int(s.Frag))
	for b := 0; b < blocks; {
		if p := g.Pattern(b); p != full {
			t.partial(p)
			b++
			continue
		}
		n := freeRow(s, g, b)
		t.row(b, n)
		b += n
	}
	for n := 1; n < int(s.Frag); n++ {
		g.SetFragSum(n, t.runs[n])
	}
	for n := 1; n <= int(s.ContigSum); n++ {
		g.SetClusterSum(n, t.sums[n])
	}
	sum := g.Summary()
	sum.FreeBlocks, sum.FreeFrags = t.blocks, t.frags
	g.SetSummary(sum)
	if s.Version == 1 {
		s.Order.PutUint32(block[offBtot:], uint32(sum.FreeBlocks))
		s.Order.PutUint16(block[offRPos:], uint16(sum.FreeBlocks))
	}
}

// freeRow is how many free blocks there are in a row from block b on, which is one.
func freeRow(s *ondisk.Super, g *ondisk.Group, b int) int {
	m := g.FreeMap()
	end := g.Frags() &^ int(s.Frag-1)
	f := b << s.FragShift
	for f < end {
		if f&7 == 0 && f+64 <= end && binary.NativeEndian.Uint64(m[f>>3:]) == 1<<64-1 {
			f += 64
			continue
		}
		if !g.BlockFree(f >> s.FragShift) {
			break
		}
		f += int(s.Frag)
	}
	return f>>s.FragShift - b
}

// A tallier counts a group.
type tallier struct {
	clusters []byte
	limit    int // of sums
	blocks   int32
	frags    int32
	runs     [ondisk.MaxFrags]int32
	sums     [maxContigSum + 1]int32
}

// row counts n free blocks in a row from block b on.
func (t *tallier) row(b, n int) {
	t.blocks += int32(n)
	if t.clusters != nil {
		fillBits(t.clusters, b, b+n)
		t.sums[min(n, t.limit)]++
	}
}

// partial counts a block that is not free as a whole.
func (t *tallier) partial(p byte) {
	t.frags += int32(bits.OnesCount8(p))
	countRuns(p, &t.runs)
}

// countRuns adds the lengths of the runs of ones in p.
func countRuns(p byte, runs *[ondisk.MaxFrags]int32) {
	for p != 0 {
		p >>= bits.TrailingZeros8(p)
		n := bits.TrailingZeros8(^p)
		runs[n]++
		p >>= n
	}
}

// isZero reports whether b is all zeros.
func isZero(b []byte) bool {
	for ; len(b) >= 64; b = b[64:] {
		v := binary.NativeEndian.Uint64(b) | binary.NativeEndian.Uint64(b[8:]) |
			binary.NativeEndian.Uint64(b[16:]) | binary.NativeEndian.Uint64(b[24:]) |
			binary.NativeEndian.Uint64(b[32:]) | binary.NativeEndian.Uint64(b[40:]) |
			binary.NativeEndian.Uint64(b[48:]) | binary.NativeEndian.Uint64(b[56:])
		if v != 0 {
			return false
		}
	}
	for _, v := range b {
		if v != 0 {
			return false
		}
	}
	return true
}
