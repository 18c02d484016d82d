package alloc

import (
	"bytes"
	"fmt"
	"math/bits"

	"rump/ffs/ondisk"
	"rump/rumpfs/bcache"
)

// group is a cylinder group under the lock of its buffer, until release.
type group struct {
	ondisk.Group
	a   *Allocator
	st  *state
	buf *bcache.Buf
	cg  int
}

// open reads and locks group cg. The first time it also proves that the maps agree with the counts: allocating from a map that is wrong
// would give one fragment to two files.
func (a *Allocator) open(cg int) (group, error) {
	buf, err := a.c.Get(a.s.FragOffset(a.s.CgHeader(cg)), a.cgBytes())
	if err != nil {
		return group{}, err
	}
	g := group{a: a, st: &a.groups[cg], buf: buf, cg: cg}
	if err = g.st.err; err == nil {
		if g.Group, err = a.s.GroupIn(cg, buf.Bytes()); err == nil && !g.st.checked {
			err = g.firstUse()
		}
		if err != nil {
			a.breakGroupLocked(cg, err)
		}
	}
	if err != nil {
		buf.Release()
		return group{}, err
	}
	return g, nil
}

// cgBytes is the space of a group's header and maps, whole fragments as a device transfers them.
func (a *Allocator) cgBytes() int { return int(a.s.RoundFrags(int64(a.s.CgSize))) }

// release ends the use of a group that was not changed.
func (g *group) release() { g.buf.Release() }

// commit ends the use of a group whose maps were changed and whose counts changed by change.
func (g *group) commit(change ondisk.Summary) {
	g.touch()
	g.a.count(g.cg, change)
	g.buf.Release()
}

// touch makes the group's buffer ready to be written.
func (g *group) touch() {
	g.SetTime(g.a.now().Unix())
	g.UpdateHash()
	g.buf.Dirty(0, 0, g.a.cgBytes())
}

// firstUse compares the group's maps with its counts, adopts the counts, and renews what can be derived.
func (g *group) firstUse() error {
	if err := g.check(); err != nil {
		return err
	}
	if sum := g.st.sum.load(); sum != g.Summary() {
		own := g.Summary()
		g.a.log.Info("summary of a cylinder group was behind", "blk", g.cg)
		g.a.count(g.cg, ondisk.Summary{
			Dirs:       own.Dirs - sum.Dirs,
			FreeBlocks: own.FreeBlocks - sum.FreeBlocks,
			FreeInodes: own.FreeInodes - sum.FreeInodes,
			FreeFrags:  own.FreeFrags - sum.FreeFrags,
		})
	}
	if g.rederive() {
		g.a.log.Warn("cluster or fragment summary of a cylinder group was wrong", "blk", g.cg)
		g.touch()
	}
	for k := range g.st.win {
		g.st.win[k] = window{0, int32((g.Frags()+63)>>6) - 1}
	}
	g.st.checked = true
	return nil
}

// check proves that counts agree with maps, and that nothing is free that must not be.
func (g *group) check() error {
	if err := g.CheckCounts(); err != nil {
		return err
	}
	if !g.HashOK() {
		return corrupt(g.cg, "check hash of", int64(g.a.s.CgSize), 0)
	}
	sum, m, n := g.Summary(), g.FreeMap(), g.Frags()
	if r := n & 7; r != 0 && m[n>>3]>>r != 0 {
		return corrupt(g.cg, "free map goes on beyond the last fragment,", int64(n), int64(n>>3))
	}
	blocks, frags := g.a.lanes.count(m, n)
	for _, c := range []struct {
		what       string
		inMap, sum int
	}{
		{"blocks", blocks, int(sum.FreeBlocks)},
		{"fragments", frags, int(sum.FreeFrags)},
		{"inodes", g.countInodes(), int(sum.FreeInodes)},
	} {
		if c.inMap != c.sum {
			return corrupt(g.cg, fmt.Sprintf("%d free %s in the map, but the count is", c.inMap, c.what), int64(c.sum), 24)
		}
	}
	if err := g.checkInodes(); err != nil {
		return err
	}
	return g.checkReserved()
}

// countInodes counts the free inodes.
func (g *group) countInodes() (free int) {
	m, n := g.InodeMap(), int(g.a.s.Ipg)
	for _, b := range m[:n/8] {
		free += 8 - bits.OnesCount8(b)
	}
	for i := n &^ 7; i < n; i++ {
		if !g.InodeUsed(i) {
			free++
		}
	}
	return free
}

// checkInodes proves that no inode in use may be overwritten by initialising it, and that the inodes nobody may have are in use.
func (g *group) checkInodes() error {
	inited := g.InitedInodes()
	if inited%int(g.a.s.Inopb) != 0 {
		return corrupt(g.cg, "initialised inodes", int64(inited), 0)
	}
	for i := inited; i < int(g.a.s.Ipg); i++ {
		if g.InodeUsed(i) {
			return corrupt(g.cg, "in use but never initialised: inode", int64(i), 0)
		}
	}
	for i := range int(ondisk.RootIno) + 1 {
		if g.cg == 0 && !g.InodeUsed(i) {
			return corrupt(g.cg, "must be in use: inode", int64(i), 0)
		}
	}
	return nil
}

// checkReserved proves that no structure of the file system is free.
func (g *group) checkReserved() error {
	a, s := g.a, g.a.s
	base, end := s.CgBase(g.cg), s.CgBase(g.cg)+ondisk.Frag(g.Frags())
	for _, r := range a.structures(g.cg) {
		from, to := max(r[0], base), min(r[1], end)
		if from < to && a.lanes.anyFree(g.FreeMap(), int(from-base), int(to-base)) {
			return corrupt(g.cg, "free map has a fragment of the file system's own, after", int64(from), int64(from-base)/8)
		}
	}
	return nil
}

// rederive makes fragment and cluster sums what follows from the free map and reports whether they were not. Sums of a volume
// that came from elsewhere are not always right; they are no evidence against the map.
func (g *group) rederive() (changed bool) {
	s := g.a.s
	var want [9]int32
	for f := 0; f < g.Frags(); f += int(s.Frag) {
		v := g.a.lanes.lane(g.FreeMap(), g.Frags(), f)
		for v != 0 {
			skip, k := firstRun(v)
			want[k]++
			v >>= skip + k
		}
	}
	for k := 1; k < int(s.Frag); k++ {
		if g.FragSum(k) != want[k] {
			g.SetFragSum(k, want[k])
			changed = true
		}
	}
	if !g.HasClusters() {
		return changed
	}
	before := make([]int32, s.ContigSum+1)
	for k := range before[1:] {
		before[k+1] = g.ClusterSum(k + 1)
		g.SetClusterSum(k+1, 0)
	}
	cmap := bytes.Clone(g.ClusterMap())
	clear(g.ClusterMap())
	for b := range g.Blocks() {
		if g.BlockFree(b) {
			g.AcctCluster(b, true)
		}
	}
	for k := range before[1:] {
		changed = changed || before[k+1] != g.ClusterSum(k+1)
	}
	return changed || !bytes.Equal(cmap, g.ClusterMap())
}

// note widens the windows for the runs in the block of fragment f, whose pattern has changed.
func (g *group) note(f int) {
	l := &g.a.lanes
	v := l.lane(g.FreeMap(), g.Frags(), f)
	if v == l.full {
		g.st.win[l.frag].widen(f >> 6)
		return
	}
	for v != 0 {
		skip, k := firstRun(v)
		g.st.win[k].widen(f >> 6)
		v >>= skip + k
	}
}
