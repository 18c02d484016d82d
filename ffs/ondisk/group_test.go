package ondisk_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"rump/ffs/ondisk"
)

// model is a cylinder group as plain slices, counted from the ground up each time it is asked.
type model struct {
	s     *ondisk.Super
	frag  int
	free  []bool
	iused []bool
	dirs  int32
}

func newModel(s *ondisk.Super, g *ondisk.Group) *model {
	m := &model{s: s, frag: int(s.Frag), free: make([]bool, g.Frags()), iused: make([]bool, s.Ipg)}
	for i := range m.iused {
		m.iused[i] = true
	}
	return m
}

func (m *model) blocks() int { return len(m.free) / m.frag }

// block reports how many fragments of a block are free.
func (m *model) block(b int) (n int) {
	for f := b * m.frag; f < min(len(m.free), (b+1)*m.frag); f++ {
		if m.free[f] {
			n++
		}
	}
	return n
}

func (m *model) summary() (c ondisk.Summary, frsum [8]int32) {
	c.Dirs = m.dirs
	for _, used := range m.iused {
		if !used {
			c.FreeInodes++
		}
	}
	for b := 0; b*m.frag < len(m.free); b++ {
		n := m.block(b)
		if n == m.frag {
			c.FreeBlocks++
			continue
		}
		c.FreeFrags += int32(n)
		for _, run := range runs(m.free[b*m.frag : min(len(m.free), (b+1)*m.frag)]) {
			frsum[run]++
		}
	}
	return c, frsum
}

// runs are the lengths of the maximal runs of true.
func runs(v []bool) (out []int) {
	n := 0
	for _, x := range append(v[:len(v):len(v)], false) {
		if x {
			n++
		} else if n > 0 {
			out = append(out, n)
			n = 0
		}
	}
	return out
}

func (m *model) freeBlocks() []bool {
	v := make([]bool, m.blocks())
	for b := range v {
		v[b] = m.block(b) == m.frag
	}
	return v
}

func (m *model) clusterSums() []int32 {
	limit := int(m.s.ContigSum)
	sums := make([]int32, limit+1)
	for _, run := range runs(m.freeBlocks()) {
		sums[min(run, limit)]++
	}
	return sums
}

// compare wants everything the group counts to be what the model counts.
func (m *model) compare(g *ondisk.Group) error {
	c, frsum := m.summary()
	if got := g.Summary(); got != c {
		return fmt.Errorf("summary %+v, want %+v", got, c)
	}
	for n := 1; n < m.frag; n++ {
		if got := g.FragSum(n); got != frsum[n] {
			return fmt.Errorf("runs of %d fragments: %d, want %d", n, got, frsum[n])
		}
	}
	for f, free := range m.free {
		if g.FragFree(f) != free {
			return fmt.Errorf("fragment %d: free %v, want %v", f, !free, free)
		}
	}
	for b, free := range m.freeBlocks() {
		if g.BlockFree(b) != free {
			return fmt.Errorf("block %d: free %v, want %v", b, !free, free)
		}
		if g.HasClusters() && (g.ClusterMap()[b/8]>>(b%8)&1 != 0) != free {
			return fmt.Errorf("cluster map, block %d: free %v, want %v", b, !free, free)
		}
	}
	if g.HasClusters() {
		for n, want := range m.clusterSums()[1:] {
			if got := g.ClusterSum(n + 1); got != want {
				return fmt.Errorf("runs of %d blocks: %d, want %d", n+1, got, want)
			}
		}
	}
	return g.CheckCounts()
}

// groupKinds are superblocks for all the kinds of cylinder groups.
func groupKinds(tb testing.TB) map[string]*ondisk.Super {
	kinds := map[string]*ondisk.Super{}
	for _, f := range flavours {
		for frag := int32(1); frag <= 8; frag *= 2 {
			for _, contig := range []int32{0, 1, 7} {
				s := build(tb, f, 8192, 8192/frag, 2)
				s.ContigSum = contig
				s.Apple = f.old && contig == 7
				kinds[fmt.Sprintf("%v frag %d contig %d", f, frag, contig)] = s
			}
		}
	}
	return kinds
}

func TestGroupAgainstModel(t *testing.T) {
	steps := 400
	if testing.Short() {
		steps = 60
	}
	seed := uint64(100)
	for name, s := range groupKinds(t) {
		seed++
		t.Run(name, func(t *testing.T) {
			for cgx := range 2 { // the second is short and ends inside a block
				r := random(seed)
				block := make([]byte, s.BSize)
				g, err := s.InitGroup(cgx, block)
				if err != nil {
					t.Fatal(err)
				}
				m := newModel(s, &g)
				for n := range steps {
					what := m.step(t, &g, r)
					if err := m.compare(&g); err != nil {
						t.Fatalf("seed %d, group %d, step %d, %s: %v", seed, cgx, n, what, err)
					}
					if n%10 == 0 {
						m.search(t, &g, r)
					}
				}
				if again, err := s.GroupIn(cgx, block); err != nil {
					t.Errorf("what we made is refused: %v", err)
				} else if err := m.compare(&again); err != nil {
					t.Errorf("read again: %v", err)
				}
			}
		})
	}
}

// step does one random thing to both, right or wrong, and compares whether it was allowed and what changed.
func (m *model) step(t *testing.T, g *ondisk.Group, r *rand.Rand) string {
	t.Helper()
	before, _ := m.summary()
	var change ondisk.Summary
	var ok, want bool
	var what string
	switch op := r.IntN(10); {
	case op < 3:
		b := r.IntN(m.blocks() + 1)
		what = fmt.Sprintf("free block %d", b)
		change, ok = g.FreeBlock(b)
		if want = b < m.blocks() && m.block(b) == 0; want {
			m.set(b*m.frag, m.frag, true)
		}
	case op < 4:
		b := r.IntN(m.blocks() + 1)
		what = fmt.Sprintf("take block %d", b)
		change, ok = g.TakeBlock(b)
		if want = b < m.blocks() && m.block(b) == m.frag; want {
			m.set(b*m.frag, m.frag, false)
		}
	case op < 8:
		f := r.IntN(len(m.free))
		n := 1 + r.IntN(m.frag) // which may leave the block, or the group
		free := op < 6
		what = fmt.Sprintf("fragments %d+%d free %v", f, n, free)
		want = f+n <= len(m.free) && f%m.frag+n <= m.frag
		for i := f; want && i < f+n; i++ {
			want = m.free[i] != free
		}
		if free {
			change, ok = g.FreeFrags(f, n)
		} else {
			change, ok = g.TakeFrags(f, n)
		}
		if want {
			m.set(f, n, free)
		}
	default:
		i, dir := r.IntN(len(m.iused)), r.IntN(2) == 0
		used := op == 8
		what = fmt.Sprintf("inode %d used %v", i, used)
		if want = m.iused[i] != used; want {
			m.iused[i] = used
		}
		if used {
			change, ok = g.TakeInode(i, dir)
		} else {
			dir = dir && m.dirs > 0
			change, ok = g.FreeInode(i, dir)
		}
		if want && dir {
			m.dirs += map[bool]int32{true: 1, false: -1}[used]
		}
	}
	after, _ := m.summary()
	if ok != want || before.Plus(change) != after {
		t.Fatalf("%s: %v, change %+v; want %v, from %+v to %+v", what, ok, change, want, before, after)
	}
	return what
}

func (m *model) set(f, n int, free bool) {
	for i := f; i < f+n; i++ {
		m.free[i] = free
	}
}

// search asks every question and compares with what a walk over the model finds.
func (m *model) search(t *testing.T, g *ondisk.Group, r *rand.Rand) {
	t.Helper()
	wrap := func(hint, limit int, good func(int) bool) (int, bool) {
		for i := range limit {
			if at := (hint + i) % limit; good(at) {
				return at, true
			}
		}
		return 0, false
	}
	check := func(what string, hint, got int, ok bool, want int, wantOK bool) {
		t.Helper()
		if ok != wantOK || ok && got != want {
			t.Fatalf("%s from %d: got %d, %v, want %d, %v", what, hint, got, ok, want, wantOK)
		}
	}
	hint := r.IntN(len(m.iused))
	got, ok := g.FindInode(hint)
	want, wantOK := wrap(hint, len(m.iused), func(i int) bool { return !m.iused[i] })
	check("inode", hint, got, ok, want, wantOK)

	fb := m.freeBlocks()
	hint = r.IntN(len(fb))
	got, ok = g.FindBlock(hint)
	want, wantOK = wrap(hint, len(fb), func(b int) bool { return fb[b] })
	check("block", hint, got, ok, want, wantOK)

	n := 1 + r.IntN(10)
	run := func(b int) bool {
		for i := b; i < b+n; i++ {
			if i >= len(fb) || !fb[i] {
				return false
			}
		}
		return true
	}
	got, ok = g.FindCluster(hint, n)
	want, wantOK = wrap(hint, len(fb), run)
	check(fmt.Sprintf("%d blocks", n), hint, got, ok, want, wantOK)

	if m.frag == 1 {
		return
	}
	hint, n = r.IntN(len(m.free)), 1+r.IntN(m.frag-1)
	got, ok = g.BestFrags(hint, n)
	_, frsum := m.summary()
	size := n
	for size < m.frag && frsum[size] == 0 {
		size++
	}
	if ok != (size < m.frag) || ok && !m.isRun(got, size) {
		t.Fatalf("%d fragments: got %d, %v, want a run of %d", n, got, ok, size)
	}
	if got2, ok2 := g.FindFrags(hint, n); ok2 != (frsum[n] > 0) || ok2 && !m.isRun(got2, n) {
		t.Fatalf("run of %d fragments: got %d, %v", n, got2, ok2)
	}
}

// isRun reports whether exactly n fragments from f on are free, in a block that is not free as a whole.
func (m *model) isRun(f, n int) bool {
	first, last := f/m.frag*m.frag, min(len(m.free), f/m.frag*m.frag+m.frag)
	for i := f; i < f+n; i++ {
		if i >= last || !m.free[i] {
			return false
		}
	}
	return n < m.frag && (f == first || !m.free[f-1]) && (f+n == last || !m.free[f+n])
}

func TestGroupSearchExhausted(t *testing.T) {
	for name, s := range groupKinds(t) {
		g, err := s.InitGroup(1, make([]byte, s.BSize))
		if err != nil {
			t.Fatal(err)
		}
		_, a := g.FindInode(0)
		_, b := g.FindBlock(-5)
		_, c := g.FindCluster(1<<30, 1)
		_, d := g.FindFrags(0, 1)
		_, e := g.BestFrags(0, 1)
		_, f := g.FindCluster(0, 0)
		if a || b || c || d || e || f {
			t.Errorf("%s: found something in a full group: %v %v %v %v %v %v", name, a, b, c, d, e, f)
		}
	}
}

// groupFields is the layout of a cylinder group header.
var groupFields = []struct {
	name string
	off  int
	get  func(g *ondisk.Group) int64
	set  func(g *ondisk.Group, v int)
}{
	{"cg_rotor", 40, func(g *ondisk.Group) int64 { return int64(g.Rotor()) }, (*ondisk.Group).SetRotor},
	{"cg_frotor", 44, func(g *ondisk.Group) int64 { return int64(g.FragRotor()) }, (*ondisk.Group).SetFragRotor},
	{"cg_irotor", 48, func(g *ondisk.Group) int64 { return int64(g.InodeRotor()) }, (*ondisk.Group).SetInodeRotor},
	{"cg_frsum[7]", 80, func(g *ondisk.Group) int64 { return int64(g.FragSum(7)) }, func(g *ondisk.Group, v int) { g.SetFragSum(7, int32(v)) }},
	{"cs_ndir", 24, func(g *ondisk.Group) int64 { return int64(g.Summary().Dirs) }, func(g *ondisk.Group, v int) { g.SetSummary(ondisk.Summary{Dirs: int32(v)}) }},
	{"cs_nffree", 36, func(g *ondisk.Group) int64 { return int64(g.Summary().FreeFrags) }, func(g *ondisk.Group, v int) { g.SetSummary(ondisk.Summary{FreeFrags: int32(v)}) }},
	{"cg_unrefs", 124, func(g *ondisk.Group) int64 { return int64(g.Unrefs()) }, nil},
	{"cg_old_time", 8, nil, func(g *ondisk.Group, v int) { g.SetTime(int64(v)) }},
	{"cg_initediblk", 120, func(g *ondisk.Group) int64 { return int64(g.InitedInodes()) }, (*ondisk.Group).SetInitedInodes},
	{"cg_niblk", 116, func(g *ondisk.Group) int64 { return int64(g.NInodes()) }, nil},
}

func TestGroupOffsets(t *testing.T) {
	for _, f := range flavours[4:] {
		s := build(t, f, 8192, 1024, 2)
		for _, fld := range groupFields {
			block := make([]byte, s.BSize)
			g, err := s.InitGroup(0, block)
			if err != nil {
				t.Fatal(err)
			}
			if fld.get != nil {
				poke(f.order, block, fld.off, 32, 42)
				if got := fld.get(&g); got != 42 {
					t.Errorf("%v: %s at %d: got %d", f, fld.name, fld.off, got)
				}
			}
			if fld.set != nil {
				fld.set(&g, 43)
				if got := byteOrder(f.order).Uint32(block[fld.off:]); got != 43 {
					t.Errorf("%v: %s: stored %d", f, fld.name, got)
				}
			}
		}
		block := make([]byte, s.BSize)
		g, _ := s.InitGroup(0, block)
		g.SetTime(1 << 33)
		if got := byteOrder(f.order).Uint64(block[136:]); got != 1<<33 || g.Time() != 1<<33 {
			t.Errorf("%v: time %d, %d", f, got, g.Time())
		}
		poke(f.order, block, 40, 32, -1)
		poke(f.order, block, 48, 32, int64(s.Ipg))
		if g.Rotor() != 0 || g.InodeRotor() != 0 {
			t.Errorf("%v: rotors outside are %d and %d, want 0", f, g.Rotor(), g.InodeRotor())
		}
	}
}

// TestGroupFaults wants every header that would lead outside the block, or is another group's, to be refused by name.
func TestGroupFaults(t *testing.T) {
	cases := []struct {
		off  int
		text string
		bad  []int64
	}{
		{4, "magic number", []int64{0, 0x55020900}},
		{12, "its own number", []int64{1, -1}},
		{20, "number of fragments", []int64{0, -1, 1 << 30}},
		{92, "offset of the inode map", []int64{0, -1, 167, 8192, 1 << 30, -0x80000000}},
		{96, "offset of the free map", []int64{0, -1, 168, 8192, 0x7fffffff}},
		{104, "offset of the cluster summary", []int64{0, -1, 180, 8192, 0x7fffffff}},
		{108, "offset of the cluster map", []int64{0, -1, 200, 8192, 0x7fffffff}},
		{120, "initialised inodes", []int64{-1, 1 << 20}},
	}
	for _, f := range flavours {
		s := build(t, f, 8192, 1024, 2)
		for _, c := range cases {
			if c.off == 120 && f.version == 1 {
				continue
			}
			for _, v := range c.bad {
				block := make([]byte, s.BSize)
				if _, err := s.InitGroup(0, block); err != nil {
					t.Fatal(err)
				}
				poke(f.order, block, c.off, 32, v)
				_, err := s.GroupIn(0, block)
				var ce *ondisk.CorruptError
				if !errors.As(err, &ce) || !strings.HasPrefix(ce.What, "cylinder group 0: "+c.text) || !errors.Is(err, syscall.EIO) {
					t.Errorf("%v: %s %d: %v", f, c.text, v, err)
				}
			}
		}
		if _, err := s.GroupIn(0, make([]byte, 100)); err == nil {
			t.Errorf("%v: a block of 100 bytes is accepted", f)
		}
	}
	s := build(t, flavours[0], 8192, 1024, 2)
	for off, text := range map[int]string{84: "offset of the cylinder totals", 88: "offset of the position table"} {
		for _, v := range []int64{0, -1, 1 << 30, 172} {
			block := make([]byte, s.BSize)
			if _, err := s.InitGroup(0, block); err != nil {
				t.Fatal(err)
			}
			if v == 172 && off == 88 {
				v = 173
			}
			poke(s.Order, block, off, 32, v)
			if _, err := s.GroupIn(0, block); err == nil || !strings.Contains(err.Error(), "offset of the") {
				t.Errorf("%s %d: %v", text, v, err)
			}
		}
	}
}

func TestGroupCounts(t *testing.T) {
	s := build(t, flavours[4], 8192, 1024, 2)
	for off, text := range map[int]string{24: "directories", 28: "free blocks", 32: "free inodes", 36: "free fragments", 56: "runs of free fragments"} {
		for _, v := range []int64{-1, 1 << 20} {
			block := make([]byte, s.BSize)
			g, err := s.InitGroup(0, block)
			if err != nil {
				t.Fatal(err)
			}
			poke(s.Order, block, off, 32, v)
			if err := g.CheckCounts(); err == nil || !strings.Contains(err.Error(), "cylinder group 0: "+text) {
				t.Errorf("%s %d: %v", text, v, err)
			}
		}
	}
}

func TestGroupCheckHash(t *testing.T) {
	for _, f := range flavours[2:] {
		s := build(t, f, 8192, 1024, 2)
		s.Flags, s.CheckHashes = ondisk.FlagQuota2, ondisk.HashGroup
		block := make([]byte, s.BSize)
		g, err := s.InitGroup(0, block)
		if err != nil {
			t.Fatal(err)
		}
		g.FreeBlock(0)
		g.UpdateHash()
		if !g.HashOK() {
			t.Errorf("%v: hash is wrong", f)
		}
		g.TakeBlock(0)
		if g.HashOK() {
			t.Errorf("%v: hash is right after a change", f)
		}
	}
}
