package fsck

import (
	"bytes"

	"rump/ffs/ondisk"
)

// groupHeader is the part of a cylinder group before its maps.
const groupHeader = 168

// headersEqual compares what phase 5 checks of two groups outside their maps.
func (c *checker) headersEqual(g, want *ondisk.Group, haveBytes, wantBytes []byte) bool {
	if g.Ancient() {
		return g.Summary() == want.Summary() && fragSumsEqual(c.s, g, want) && bytes.Equal(haveBytes, c.ancientTables(g, haveBytes))
	}
	if c.s.HasSUJ() && g.Unrefs() != 0 || !c.oldTablesEqual(haveBytes, wantBytes) {
		return false
	}
	a, b := comparable(c.s, wantBytes), comparable(c.s, haveBytes)
	return bytes.Equal(a[:], b[:])
}

// comparable is a header without what may differ.
func comparable(s *ondisk.Super, b []byte) (h [groupHeader]byte) {
	copy(h[:], b)
	clear(h[8:12]) // cg_old_time
	if s.Version == 1 {
		clear(h[16:20]) // cg_old_ncyl, cg_old_niblk: newfs and fsck differ on the last group
	}
	clear(h[124:136]) // FreeBSD: cg_unrefs, spare, cg_ckhash
	clear(h[136:144]) // cg_time
	return h
}

// oldTables is where an old layout counts free blocks by place under the head.
func (c *checker) oldTables(b []byte) []byte {
	if !c.s.OldLayout {
		return nil
	}
	end := groupHeader + int(c.s.Old.CPG)*(4+2*int(c.s.Old.NRPos))
	return b[groupHeader:min(max(end, groupHeader), len(b))]
}

func (c *checker) oldTablesEqual(have, want []byte) bool {
	return bytes.Equal(c.oldTables(have), c.oldTables(want))
}

// copyHeader makes the header of g that of want. What FreeBSD keeps in spare fields stays.
func (c *checker) copyHeader(g, want *ondisk.Group, have, wantBytes []byte) {
	if g.Ancient() {
		g.SetSummary(want.Summary())
		for n := 1; n < int(c.s.Frag); n++ {
			g.SetFragSum(n, want.FragSum(n))
		}
		copy(g.FreeMap(), want.FreeMap()) // what the tables count
		copy(have, c.ancientTables(g, have))
		return
	}
	kept := have[124:136]
	spare := bytes.Clone(kept)
	if c.s.HasSUJ() {
		clear(spare[:4])
	}
	copy(have[:groupHeader], wantBytes)
	copy(kept, spare)
	copy(c.oldTables(have), c.oldTables(wantBytes))
}

// ancientTables is a copy of the group of 4.2BSD in b with the tables that follow from its map.
func (c *checker) ancientTables(g *ondisk.Group, b []byte) []byte {
	b = bytes.Clone(b)
	fresh, err := c.s.GroupIn(g.Index(), b)
	if err != nil {
		return b
	}
	fresh.ClearOldTables()
	for blk := range fresh.Blocks() {
		if fresh.BlockFree(blk) {
			fresh.CountOldTables(blk)
		}
	}
	return b
}

func fragSumsEqual(s *ondisk.Super, g, want *ondisk.Group) bool {
	for n := 1; n < int(s.Frag); n++ {
		if g.FragSum(n) != want.FragSum(n) {
			return false
		}
	}
	return true
}

// mapsEqual compares the maps of two groups, and the summaries of their clusters.
func mapsEqual(s *ondisk.Super, g, want *ondisk.Group) bool {
	if !bytes.Equal(g.InodeMap(), want.InodeMap()) || !bytes.Equal(g.FreeMap(), want.FreeMap()) || !bytes.Equal(g.ClusterMap(), want.ClusterMap()) {
		return false
	}
	for n := 1; g.HasClusters() && n <= int(s.ContigSum); n++ {
		if g.ClusterSum(n) != want.ClusterSum(n) {
			return false
		}
	}
	return true
}

// copyMaps makes the maps of g those of want.
func copyMaps(s *ondisk.Super, g, want *ondisk.Group) {
	copy(g.InodeMap(), want.InodeMap())
	copy(g.FreeMap(), want.FreeMap())
	if g.HasClusters() && want.HasClusters() {
		copy(g.ClusterMap(), want.ClusterMap())
		for n := 1; n <= int(s.ContigSum); n++ {
			g.SetClusterSum(n, want.ClusterSum(n))
		}
	}
}
