package alloc_test

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"rump/ffs/alloc"
	"rump/ffs/ondisk"
	"rump/internal/endian"
	"rump/rumpfs/bcache"
	"rump/rumpfs/blockdev"
)

// geometry is a volume to make.
type geometry struct {
	name          string
	version       int
	big           bool
	bsize, frag   int32
	fpg, ipg, ncg int32
	last          int32 // fragments of the last group; 0: all
	contig        int32
	oldLayout     bool
	skew          int32 // fs_old_cgoffset
	freebsd       bool
}

// geometries are small volumes of all kinds.
var geometries = []geometry{
	{name: "frag8", version: 1, bsize: 4096, frag: 8, fpg: 1024, ipg: 64, ncg: 4, contig: 16},
	{name: "frag8big", version: 2, big: true, bsize: 4096, frag: 8, fpg: 1024, ipg: 64, ncg: 4, contig: 7},
	{name: "frag4", version: 2, bsize: 8192, frag: 4, fpg: 512, ipg: 128, ncg: 5, last: 301, contig: 8},
	{name: "frag2", version: 1, big: true, bsize: 4096, frag: 2, fpg: 256, ipg: 64, ncg: 6, last: 77, contig: 4},
	{name: "frag1", version: 2, bsize: 4096, frag: 1, fpg: 192, ipg: 32, ncg: 3, contig: 16},
	{name: "onegroup", version: 1, bsize: 8192, frag: 8, fpg: 2048, ipg: 128, ncg: 1, last: 2003, contig: 1},
	{name: "nocluster", version: 2, bsize: 4096, frag: 8, fpg: 1024, ipg: 32, ncg: 3},
	{name: "manygroups", version: 2, bsize: 4096, frag: 8, fpg: 512, ipg: 32, ncg: 70, last: 405, contig: 5},
	{name: "oldlayout", version: 1, big: true, bsize: 8192, frag: 8, fpg: 1024, ipg: 128, ncg: 4, contig: 0, oldLayout: true},
	{name: "skewed", version: 1, bsize: 8192, frag: 8, fpg: 1024, ipg: 128, ncg: 6, contig: 3, oldLayout: true, skew: 32},
	{name: "freebsd", version: 2, bsize: 4096, frag: 8, fpg: 1024, ipg: 64, ncg: 4, contig: 16, freebsd: true},
}

func roundUp(v, unit int32) int32 { return (v + unit - 1) / unit * unit }

// super is the superblock of the volume.
func (g geometry) super(t testing.TB) *ondisk.Super {
	t.Helper()
	order := endian.Little
	if g.big {
		order = endian.Big
	}
	fsize := g.bsize / g.frag
	s := ondisk.NewSuper(g.version, order, g.bsize, fsize)
	s.SblkNo = ondisk.Frag(roundUp((int32(s.Location)+8192+fsize-1)/fsize, g.frag))
	s.CblkNo = s.SblkNo + ondisk.Frag(roundUp((8192+fsize-1)/fsize, g.frag))
	s.IblkNo = s.CblkNo + ondisk.Frag(g.frag)
	s.DblkNo = s.IblkNo + ondisk.Frag(g.ipg/s.Inopb*g.frag)
	s.Ncg, s.Fpg, s.Ipg = g.ncg, g.fpg, g.ipg
	if g.last == 0 {
		g.last = g.fpg
	}
	s.Size = ondisk.Frag(g.fpg)*ondisk.Frag(g.ncg-1) + ondisk.Frag(g.last)
	s.CSSize = int32(s.RoundFrags(int64(ondisk.SummarySize * g.ncg)))
	s.CSAddr = s.CgData(0)
	s.DSize = s.Size - s.SblkNo - ondisk.Frag(g.ncg)*(s.DblkNo-s.SblkNo) - ondisk.Frag(s.CSSize/fsize)
	s.MinFree, s.MaxBPG, s.MaxContig, s.ContigSum = 5, g.bsize/4, 8, g.contig
	s.Clean = ondisk.CleanIs
	if g.version == 1 {
		s.Old.CPG = 1
		s.Old.SPC = g.fpg * s.Old.NSPF
		s.Old.NSect, s.Old.NPSect, s.Old.NCyl = s.Old.SPC, s.Old.SPC, g.ncg
	}
	if g.oldLayout {
		s.OldLayout, s.OldFlags = true, 0
		s.Old.CPG, s.Old.NRPos = 4, 8
		s.Old.SPC = g.fpg * s.Old.NSPF / 4
		s.Old.NSect, s.Old.NPSect = 64, 64
	}
	if g.skew != 0 {
		s.Old.CgOffset, s.Old.CgMask = g.skew, ^uint32(3)
	}
	if g.freebsd {
		s.Flags |= ondisk.FlagQuota2
		s.CheckHashes = ondisk.HashSuper | ondisk.HashGroup | ondisk.HashInode
	}
	maps := 168 + s.Old.CPG*4 + s.Old.CPG*s.Old.NRPos*2 + g.ipg/8 + 1 + g.fpg/8 + 1
	if g.contig > 0 {
		maps += 4*g.contig + 8 + g.fpg/g.frag/8 + 1
	}
	s.CgSize = int32(s.RoundFrags(int64(maps)))
	if err := s.Check(); err != nil {
		t.Fatalf("%s: %v", g.name, err)
	}
	return s
}

// isStructure reports whether fragment f is the file system's own.
func isStructure(s *ondisk.Super, f ondisk.Frag) bool {
	cg := s.FragToCg(f)
	first := s.CgSuper(cg)
	if cg == 0 {
		first = 0
	}
	return f >= first && f < s.CgData(cg) || f >= s.CSAddr && f < s.CSAddr+ondisk.Frag(s.CSSize/s.FSize)
}

// make writes an empty volume: a root inode without a block.
func (g geometry) make(t testing.TB) (*ondisk.Super, *blockdev.Memory) {
	t.Helper()
	s := g.super(t)
	dev := blockdev.NewMemory(s.FragOffset(s.Size))
	write := func(b []byte, off int64) {
		t.Helper()
		if _, err := dev.WriteAt(b, off); err != nil {
			t.Fatal(err)
		}
	}
	sums := make([]byte, s.CSSize)
	for c := range int(s.Ncg) {
		b := make([]byte, s.CgSize)
		v, err := s.InitGroup(c, b)
		if err != nil {
			t.Fatal(err)
		}
		fill(s, &v)
		v.UpdateHash()
		v.Summary().Encode(s.Order, sums[c*ondisk.SummarySize:])
		s.Total.Add(v.Summary())
		write(b, s.FragOffset(s.CgHeader(c)))
	}
	write(sums, s.FragOffset(s.CSAddr))
	area := make([]byte, ondisk.SuperArea)
	s.Encode(area)
	write(area, s.Location)
	again, _, err := ondisk.FindSuper(dev, dev.Size())
	if err != nil {
		t.Fatalf("%s: %v", g.name, err)
	}
	return again, dev
}

// fill frees in a new group what is free in an empty volume.
func fill(s *ondisk.Super, v *ondisk.Group) {
	for i := range int(s.Ipg) {
		if v.Index() > 0 || i > 2 {
			v.FreeInode(i, false)
		}
	}
	if v.Index() == 0 {
		c := v.Summary()
		c.Dirs = 1
		v.SetSummary(c)
	}
	v.SetInitedInodes(int(min(s.Ipg, 2*s.Inopb)))
	for f := range v.Frags() {
		if !isStructure(s, s.CgBase(v.Index())+ondisk.Frag(f)) {
			v.FreeFrags(f, 1)
		}
	}
}

// volume is a mounted allocator in a test.
type volume struct {
	*alloc.Allocator
	t     testing.TB
	s     *ondisk.Super
	dev   blockdev.Device
	cache *bcache.Cache
}

func mount(t testing.TB, s *ondisk.Super, dev blockdev.Device, o alloc.Options) *volume {
	t.Helper()
	c, err := bcache.New(dev, bcache.Options{BlockSize: int(s.BSize), Budget: 4 << 20})
	if err != nil {
		t.Fatal(err)
	}
	a, err := alloc.New(s, c, o)
	if err != nil {
		t.Fatal(err)
	}
	return &volume{a, t, s, dev, c}
}

// testOptions has a clock and randomness that are the same each time.
func testOptions(seed uint64) alloc.Options {
	var mu sync.Mutex
	return alloc.Options{
		Now: func() time.Time { return time.Unix(1e9, 0) },
		Rand: func() uint32 {
			mu.Lock()
			defer mu.Unlock()
			seed = seed*6364136223846793005 + 1442695040888963407
			return uint32(seed >> 33)
		},
	}
}

func (v *volume) flush() {
	v.t.Helper()
	if err := v.Sync(); err != nil {
		v.t.Fatal(err)
	}
	if err := v.cache.Flush(); err != nil {
		v.t.Fatal(err)
	}
}

// check writes everything and counts the whole volume on the device anew.
func (v *volume) check() {
	v.t.Helper()
	v.flush()
	s, _, err := ondisk.FindSuper(v.dev, v.dev.Size())
	if err != nil {
		v.t.Fatal(err)
	}
	sums := make([]byte, s.CSSize)
	if _, err := v.dev.ReadAt(sums, s.FragOffset(s.CSAddr)); err != nil {
		v.t.Fatal(err)
	}
	var total ondisk.Totals
	for c := range int(s.Ncg) {
		b := readGroup(v.t, s, v.dev, c)
		want := recount(v.t, s, c, b)
		if got := ondisk.DecodeSummary(s.Order, sums[c*ondisk.SummarySize:]); got != want {
			v.t.Fatalf("group %d: summary area %+v, counted %+v", c, got, want)
		}
		total.Add(want)
	}
	if !s.HashOK() {
		v.t.Fatal("check hash of the superblock is wrong")
	}
	if got := v.Totals(); got != total || s.Total != total {
		v.t.Fatalf("totals %+v, superblock %+v, counted %+v", got, s.Total, total)
	}
	if st := v.cache.Stats(); st.Pinned != 0 {
		v.t.Fatalf("%d buffers are held", st.Pinned)
	}
}

func readGroup(t testing.TB, s *ondisk.Super, dev blockdev.Device, c int) []byte {
	t.Helper()
	b := make([]byte, s.RoundFrags(int64(s.CgSize)))
	if _, err := dev.ReadAt(b, s.FragOffset(s.CgHeader(c))); err != nil {
		t.Fatal(err)
	}
	return b
}

// recount makes everything in a group that follows from its maps, bit by bit, and compares it with what stands there.
func recount(t testing.TB, s *ondisk.Super, c int, b []byte) ondisk.Summary {
	t.Helper()
	g, err := s.GroupIn(c, b)
	if err != nil {
		t.Fatal(err)
	}
	if !g.HashOK() {
		t.Fatalf("group %d: check hash is wrong", c)
	}
	want := ondisk.Summary{Dirs: g.Summary().Dirs}
	for i := range int(s.Ipg) {
		if !g.InodeUsed(i) {
			want.FreeInodes++
		} else if i >= g.InitedInodes() {
			t.Fatalf("group %d: inode %d is in use and was not initialised", c, i)
		}
	}
	var frsum [9]int32
	sums := make([]int32, s.ContigSum+2)
	cmap := make([]byte, len(g.ClusterMap()))
	cluster := 0
	endCluster := func() {
		if cluster > 0 && s.ContigSum > 0 {
			sums[min(cluster, int(s.ContigSum))]++
		}
		cluster = 0
	}
	old := bytes.Clone(b)
	og, err := s.GroupIn(c, old)
	if err != nil {
		t.Fatal(err)
	}
	og.ClearOldTables()
	for f := 0; f < g.Frags(); f += int(s.Frag) {
		var runs []int
		run := 0
		for i := range int(s.Frag) {
			if f+i < g.Frags() && g.FragFree(f+i) {
				if isStructure(s, s.CgBase(c)+ondisk.Frag(f+i)) {
					t.Fatalf("group %d: fragment %d is the file system's and free", c, f+i)
				}
				run++
				continue
			}
			runs, run = append(runs, run), 0
		}
		if run == int(s.Frag) {
			want.FreeBlocks++
			cluster++
			if len(cmap) > 0 {
				cmap[f/int(s.Frag)/8] |= 1 << (f / int(s.Frag) % 8)
			}
			og.CountOldTables(f / int(s.Frag))
			continue
		}
		endCluster()
		for _, r := range append(runs, run) {
			if r > 0 {
				frsum[r]++
				want.FreeFrags += int32(r)
			}
		}
	}
	endCluster()
	if got := g.Summary(); got != want {
		t.Fatalf("group %d: counts %+v, the maps say %+v", c, got, want)
	}
	for k := 1; k < int(s.Frag); k++ {
		if g.FragSum(k) != frsum[k] {
			t.Fatalf("group %d: %d runs of %d fragments, the map says %d", c, g.FragSum(k), k, frsum[k])
		}
	}
	for k := 1; k <= int(s.ContigSum); k++ {
		if g.ClusterSum(k) != sums[k] {
			t.Fatalf("group %d: %d runs of %d blocks, the map says %d", c, g.ClusterSum(k), k, sums[k])
		}
	}
	if !bytes.Equal(g.ClusterMap(), cmap) {
		t.Fatalf("group %d: cluster map %x, the free map says %x", c, g.ClusterMap(), cmap)
	}
	if s.OldLayout {
		if og.UpdateHash(); !bytes.Equal(old, b) {
			t.Fatalf("group %d: tables of the old layout differ from the map", c)
		}
	}
	return want
}

func (g geometry) String() string {
	return fmt.Sprintf("%s: UFS%d, %d/%d, %d groups", g.name, g.version, g.bsize, g.bsize/g.frag, g.ncg)
}
