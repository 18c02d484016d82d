package fsck

import (
	"bytes"

	"rump/ffs/ondisk"
)

// groupHeader is the part of a cylinder group before its maps.
const groupHeader = 168

// headersEqual compares what phase 5 checks of two groups outside their maps. FreeBSD keeps a hash and a count in spare fields, which are
// checked elsewhere or not at all.
func headersEqual(s *ondisk.Super, g, want *ondisk.Group, wantBytes, haveBytes []byte) bool {
	if g.Ancient() {
		return g.Summary() == want.Summary() && fragSumsEqual(s, g, want)
	}
	a, b := bytes.Clone(wantBytes[:groupHeader]), bytes.Clone(haveBytes[:groupHeader])
	for _, h := range [][]byte{a, b} {
		clear(h[8:12]) // cg_old_time
		if s.Version == 1 {
			clear(h[16:20]) // cg_old_ncyl, cg_old_niblk: newfs and fsck differ on the last group
		}
		clear(h[124:136]) // FreeBSD: cg_unrefs, spare, cg_ckhash
		clear(h[136:144]) // cg_time
	}
	return bytes.Equal(a, b)
}

func fragSumsEqual(s *ondisk.Super, g, want *ondisk.Group) bool {
	for n := 1; n < int(s.Frag); n++ {
		if g.FragSum(n) != want.FragSum(n) {
			return false
		}
	}
	return true
}

// clustersEqual compares the cluster maps and their summaries.
func clustersEqual(s *ondisk.Super, g, want *ondisk.Group) bool {
	if !g.HasClusters() || !want.HasClusters() {
		return g.HasClusters() == want.HasClusters()
	}
	if !bytes.Equal(g.ClusterMap(), want.ClusterMap()) {
		return false
	}
	for n := 1; n <= int(s.ContigSum); n++ {
		if g.ClusterSum(n) != want.ClusterSum(n) {
			return false
		}
	}
	return true
}
