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
	sum := g.Summary()
	sum.FreeBlocks, sum.FreeFrags = 0, 0
	var runs [ondisk.MaxFrags]int32
	var sums [maxContigSum + 1]int32
	clusters := g.ClusterMap()
	clear(clusters)
	full := byte(1<<s.Frag - 1)
	row := 0
	endRow := func() {
		if row > 0 && s.ContigSum > 0 {
			sums[min(row, int(s.ContigSum))]++
		}
		row = 0
	}
	blocks := ceilDiv(g.Frags(), int(s.Frag))
	for b := 0; b < blocks; b++ {
		p := g.Pattern(b)
		if p == full {
			sum.FreeBlocks++
			row++
			if clusters != nil {
				clusters[b>>3] |= 1 << (b & 7)
			}
			continue
		}
		endRow()
		sum.FreeFrags += int32(bits.OnesCount8(p))
		countRuns(p, &runs)
	}
	endRow()
	for n := 1; n < int(s.Frag); n++ {
		g.SetFragSum(n, runs[n])
	}
	for n := 1; n <= int(s.ContigSum); n++ {
		g.SetClusterSum(n, sums[n])
	}
	g.SetSummary(sum)
	if s.Version == 1 {
		s.Order.PutUint32(block[offBtot:], uint32(sum.FreeBlocks))
		s.Order.PutUint16(block[offRPos:], uint16(sum.FreeBlocks))
	}
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
