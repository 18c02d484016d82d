package ffs_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"rump/ffs"
	"rump/ffs/fsck"
	"rump/ffs/mkfs"
	"rump/ffs/ondisk"
	"rump/internal/endian"
	"rump/rumpfs/blockdev"
	"rump/rumpfs/vfs"
)

var (
	crashSeeds = flag.Int("crash.seeds", 1, "workloads of each flavour in TestCrash")
	crashSteps = flag.Int("crash.steps", 80, "operations of a workload in TestCrash")
	crashFirst = flag.Uint64("crash.first", 1, "first seed of TestCrash")
)

// A crashFlavour is a kind of volume that is killed.
type crashFlavour struct {
	name string
	o    mkfs.Options
	hash bool // with FreeBSD's check hashes
	wide bool // the root starts with so many names that it is about to need an indirect block, or another pointer in it
}

var crashFlavours = []crashFlavour{
	{"ufs1le", mkfs.Options{Version: 1, BlockSize: 4096, FragSize: 512}, false, false},
	{"ufs1be", mkfs.Options{Version: 1, Order: endian.Big, BlockSize: 8192, FragSize: 1024}, false, false},
	{"ufs2le", mkfs.Options{Version: 2, BlockSize: 4096, FragSize: 512, Inodes: 400}, false, false},
	{"ufs2be", mkfs.Options{Version: 2, Order: endian.Big, BlockSize: 8192, FragSize: 2048, Inodes: 400}, false, false},
	{"ufs2ea", mkfs.Options{Version: 2, ExtAttr: true, BlockSize: 4096, FragSize: 512, Inodes: 400}, false, false},
	{"old", mkfs.Options{Version: 1, Old: true, Order: endian.Big, BlockSize: 8192, FragSize: 1024}, false, false},
	{"quota", mkfs.Options{Version: 2, UserQuota: true, GroupQuota: true, BlockSize: 4096, FragSize: 512, Inodes: 400}, false, false},
	{"blocks", mkfs.Options{Version: 2, BlockSize: 4096, FragSize: 4096, Inodes: 400}, false, false},
	{"freebsd", mkfs.Options{Version: 2, BlockSize: 8192, FragSize: 1024, Inodes: 400}, true, false},
	{"wide1", mkfs.Options{Version: 1, Order: endian.Big, BlockSize: 4096, FragSize: 1024}, false, true},
	{"wide2", mkfs.Options{Version: 2, BlockSize: 4096, FragSize: 512, Inodes: 400}, false, true},
}

// TestCrash kills a mount after every single write to its disk, and in the midst of those that are longer than a sector, and looks at what is
// left: nothing that fsck could not repair without loss, all names as they were, and all data that was synced.
func TestCrash(t *testing.T) {
	for _, f := range crashFlavours {
		for k := range *crashSeeds {
			seed := *crashFirst + uint64(k)
			t.Run(fmt.Sprintf("%s/%d", f.name, seed), func(t *testing.T) {
				t.Parallel()
				steps := *crashSteps
				if testing.Short() {
					steps /= 4
				}
				newCrash(t, f, seed).run(steps)
			})
		}
	}
}

// crash is one workload on a recorded disk.
type crash struct {
	t     testing.TB
	r     *rand.Rand
	blank *blockdev.Memory // before the mount
	rec   *blockdev.Recorder
	fs    *ffs.FS
	live  map[vfs.Ino]vfs.Node // as a kernel keeps them: one for an inode
	now   paths
	steps []step
	ids   uint64
	bsize int64
	crashFlavour
}

func newCrash(t testing.TB, f crashFlavour, seed uint64) *crash {
	t.Helper()
	const size = 3 << 20
	mem := blockdev.NewMemory(size)
	poison(t, mem)
	o := f.o
	o.Now, o.Rand = time.Unix(1e9, 0), rand.New(rand.NewPCG(seed, 1)).Uint32
	if _, err := mkfs.Newfs(context.Background(), mem, o); err != nil {
		t.Fatal(err)
	}
	if f.hash {
		addHashes(t, mem)
	}
	c := &crash{t: t, r: rand.New(rand.NewPCG(seed, 2)), live: map[vfs.Ino]vfs.Node{}, now: paths{"": {kind: vfs.KindDir}},
		bsize: int64(o.BlockSize), crashFlavour: f}
	if f.wide {
		c.widen(mem, 12+int64(seed)%2)
	}
	c.blank, c.rec = mem.Snapshot(), blockdev.NewRecorder(mem)
	mo := ffs.Options{Rand: rand.New(rand.NewPCG(seed, 3)).Uint32, Now: func() time.Time { return time.Unix(1e9+int64(c.rec.Len()), 0) }}
	if seed%2 == 0 {
		mo.Budget = 16 * c.bsize // buffers are evicted all the time
	}
	c.mount(c.rec, mo)
	return c
}

func (c *crash) mount(d blockdev.Device, o ffs.Options) {
	c.t.Helper()
	fs, err := ffs.Mount(context.Background(), d, o)
	if err != nil {
		c.t.Fatal(err)
	}
	if d := fs.Degraded(); d != "" {
		c.t.Fatal(d)
	}
	c.fs = fs
}

// widen gives the root names, links to one file, that almost fill so many blocks.
func (c *crash) widen(mem *blockdev.Memory, blocks int64) {
	c.t.Helper()
	ctx := context.Background()
	c.mount(mem, ffs.Options{})
	root := c.load(c.fs.Root()).(vfs.Dir)
	n, err := root.Create(ctx, vfs.Root, "0", vfs.CreateAttr{Kind: vfs.KindFifo, Mode: 0o640})
	c.ok(err, "create")
	o := &object{id: 1 << 30, kind: vfs.KindFifo}
	c.now = paths{"": c.now[""], "/0": o}
	for i := int64(0); i < blocks*c.bsize/512*2-4; i++ { // two names in a directory block
		name := fmt.Sprintf("%d%s", i, strings.Repeat("w", 240))
		c.ok(root.Link(ctx, vfs.Root, name, n), "link")
		c.now["/"+name] = o
	}
	c.ok(n.Reclaim(ctx), "reclaim")
	c.ok(root.Reclaim(ctx), "reclaim")
	c.ok(c.fs.Unmount(ctx), "unmount")
	clear(c.live)
}

// addHashes makes a new volume one with FreeBSD's check hashes.
func addHashes(t testing.TB, mem *blockdev.Memory) {
	t.Helper()
	s, _, err := ondisk.FindSuper(mem, mem.Size())
	if err != nil {
		t.Fatal(err)
	}
	s.Flags |= ondisk.FlagQuota2 // the same bit
	s.CheckHashes = ondisk.HashSuper | ondisk.HashGroup | ondisk.HashInode
	change := func(off int64, n int, f func(b []byte)) {
		t.Helper()
		b := make([]byte, n)
		if _, err := mem.ReadAt(b, off); err != nil {
			t.Fatal(err)
		}
		f(b)
		if _, err := mem.WriteAt(b, off); err != nil {
			t.Fatal(err)
		}
	}
	change(s.Location, ondisk.SuperArea, func(b []byte) { s.Encode(b) })
	for cg := range int(s.Ncg) {
		change(s.FragOffset(s.CgHeader(cg)), int(s.CgSize), func(b []byte) {
			g, err := s.GroupIn(cg, b)
			if err != nil {
				t.Fatal(err)
			}
			g.UpdateHash()
		})
		loc := s.FragOffset(s.CgSuper(cg))
		change(loc, ondisk.SuperArea, func(b []byte) { s.EncodeBackup(b, loc) })
	}
	change(s.FragOffset(s.InoToFrag(ondisk.RootIno)), int(s.BSize), func(b []byte) {
		b = b[s.InoInBlock(ondisk.RootIno):]
		var root ondisk.Inode
		ondisk.DecodeInode(s, b, &root)
		ondisk.EncodeInode(s, &root, b)
	})
}

// poison fills a disk with bytes that no file may ever show.
func poison(t testing.TB, d blockdev.Device) {
	t.Helper()
	p := make([]byte, 64<<10)
	for i := range p {
		p[i] = byte(i%255) + 1
	}
	for off := int64(0); off < d.Size(); off += int64(len(p)) {
		if _, err := d.WriteAt(p[:min(int64(len(p)), d.Size()-off)], off); err != nil {
			t.Fatal(err)
		}
	}
}

// run does so many steps, unmounts, and then checks every prefix of the writes.
func (c *crash) run(steps int) {
	c.t.Helper()
	for range steps {
		c.step()
	}
	c.do("unmount", func() error {
		for _, n := range c.live {
			c.ok(n.Reclaim(context.Background()), "reclaim")
		}
		return c.fs.Unmount(context.Background())
	}, effect{sync: true})
	disk := c.blank.Snapshot()
	k, writes := 0, 0
	for n, e := range c.rec.Events() {
		for k+1 < len(c.steps) && n >= c.steps[k].end {
			k++
		}
		// FreeBSD's check hash of the superblock does not survive a torn write, whoever writes.
		isSuper := e.Off == ondisk.LocUFS2
		if e.Op == blockdev.OpWrite && len(e.Data) > disk.SectorSize() && !(c.hash && isSuper) {
			c.killed(k, n, c.torn(disk, e), "in the midst of a write")
		}
		c.ok(e.Apply(disk), "replay")
		if e.Op == blockdev.OpWrite {
			c.killed(k, n+1, disk.Snapshot(), "after a write")
			writes++
		}
	}
	c.t.Logf("%d steps, %d writes", len(c.steps), writes)
}

// torn is the disk with the first sectors of a write.
func (c *crash) torn(disk *blockdev.Memory, e blockdev.Event) *blockdev.Memory {
	torn := disk.Snapshot()
	sectors := e.Tear(disk.SectorSize())
	for _, part := range sectors[:1+c.r.IntN(len(sectors)-1)] {
		c.ok(part.Apply(torn), "replay")
	}
	return torn
}

// killed checks what is on the disk after n events, and now and then what repair makes of it.
func (c *crash) killed(k, n int, disk *blockdev.Memory, when string) {
	c.t.Helper()
	s := &c.steps[k]
	err := s.check(disk, n)
	if err == nil && c.r.IntN(4) == 0 && !(s.movesDir() && n < s.end) {
		if err = s.repair(disk, n); err != nil {
			err = fmt.Errorf("after repair: %w", err)
		}
	}
	if err != nil {
		c.t.Fatalf("step %d, killed %s, %d events: %v%s", k, when, n, err, c.trace(k, n))
	}
}

// trace is what led to event n in step k.
func (c *crash) trace(k, n int) string {
	var b strings.Builder
	for i := max(0, k-20); i <= k; i++ {
		s := c.steps[i]
		fmt.Fprintf(&b, "\nstep %d, events %d to %d: %s", i, s.start, s.end, s.what)
	}
	for i := max(0, n-12); i < n; i++ {
		fmt.Fprintf(&b, "\n\t%d %v", i, c.rec.Events()[i])
	}
	return b.String()
}

// check looks at the disk after n events.
func (s *step) check(disk *blockdev.Memory, n int) error {
	rep, err := fsck.Check(context.Background(), disk, fsck.Options{Force: true})
	if err != nil {
		return err
	}
	for _, p := range rep.Problems {
		if s.harms(p, rep) && !(p.Kind == fsck.Damage && s.movesDir() && n < s.end) {
			return fmt.Errorf("fsck, phase %d, %v: %s", p.Phase, p.Kind, p.Text)
		}
		if rep.Super.Clean&ondisk.CleanIs != 0 {
			return fmt.Errorf("marked clean, but fsck says in phase %d, %v: %s", p.Phase, p.Kind, p.Text)
		}
	}
	return s.look(disk, n, ffs.Options{ReadOnly: true})
}

// repair repairs the disk without asking, as a system does when it boots, and looks at it again.
func (s *step) repair(disk *blockdev.Memory, n int) error {
	ctx := context.Background()
	if _, err := fsck.Repair(ctx, disk, fsck.Options{Mode: fsck.Preen, Now: func() time.Time { return time.Unix(2e9, 0) }}); err != nil {
		return err
	}
	rep, err := fsck.Check(ctx, disk, fsck.Options{Force: true})
	if err != nil {
		return err
	}
	for _, p := range rep.Problems {
		return fmt.Errorf("fsck, phase %d, %v: %s", p.Phase, p.Kind, p.Text)
	}
	return s.look(disk, n, ffs.Options{})
}

// look compares names and content with what must be there after n events.
func (s *step) look(disk *blockdev.Memory, n int, o ffs.Options) error {
	ctx := context.Background()
	fs, err := ffs.Mount(ctx, disk, o)
	if err != nil {
		return err
	}
	if d := fs.Degraded(); d != "" {
		return errors.New(d)
	}
	all := map[string]found{}
	if err := walk(ctx, fs, "", fs.Root(), all); err != nil {
		return err
	}
	maps.DeleteFunc(all, func(p string, _ found) bool { return p == "/lost+found" || strings.HasPrefix(p, "/lost+found/") })
	if n >= s.end {
		err = s.final.compare(all)
	} else {
		err = s.midst(all)
	}
	if err != nil {
		return err
	}
	return fs.Unmount(ctx)
}

// harms reports whether repairing p could cost more than space. That the count of a directory is lower than the number of ".." that lead to it
// is harmless if those are of directories without a name, which repair gives another "..".
func (s *step) harms(p fsck.Problem, rep *fsck.Report) bool {
	switch p.Kind {
	case fsck.Counts, fsck.LostFile, fsck.HighLink, fsck.Hint:
		return false
	case fsck.Damage:
		// Blocks behind the end of a file: an indirect block was written before the size.
		return !strings.HasPrefix(p.Text, "PARTIALLY TRUNCATED INODE")
	case fsck.LowLink:
		var count, names int
		if i := strings.Index(p.Text, "COUNT DIR"); i < 0 {
			return true
		}
		if _, err := fmt.Sscanf(p.Text[strings.LastIndex(p.Text, "COUNT"):], "COUNT %d SHOULD BE %d", &count, &names); err != nil {
			return true
		}
		for _, q := range rep.Problems {
			if q.Kind == fsck.LostFile && strings.HasPrefix(q.Text, "UNREF DIR") {
				names--
			}
		}
		return count < names
	}
	return true
}

// compare checks that exactly the paths was found.
func (v paths) compare(all map[string]found) error {
	for p, o := range v {
		f, ok := all[p]
		if !ok {
			return fmt.Errorf("%s is missing", p)
		}
		if err := o.check(f); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	for p := range all {
		if v[p] == nil {
			return fmt.Errorf("%s should not be there", p)
		}
	}
	return nil
}

// midst checks what was found in the midst of the step.
func (s *step) midst(all map[string]found) error {
	for p, f := range all {
		before, after := s.before[p], s.after[p]
		if before == nil && after == nil {
			return fmt.Errorf("%s should not be there", p)
		}
		var err error
		if after != nil {
			err = after.check(f)
		}
		if before != nil && (after == nil || err != nil) {
			err = before.check(f)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	for p := range s.before {
		if _, ok := all[p]; !ok && s.after[p] != nil {
			return fmt.Errorf("%s is missing", p)
		}
	}
	if len(s.either) > 0 && !slices.ContainsFunc(s.either, func(p string) bool { _, ok := all[p]; return ok }) {
		return fmt.Errorf("neither of %v is there", s.either)
	}
	return nil
}

// movesDir reports whether the step gives a directory another name: in its midst it may have two, which fsck frowns upon.
func (s *step) movesDir() bool {
	return len(s.either) > 0 && s.before[s.either[0]].kind == vfs.KindDir
}

// effect is what an operation does to the paths.
type effect struct {
	obj    *object // in place of what has its id
	names  paths   // all names afterwards; nil: the same
	either []string
	sync   bool
	fsync  uint64 // object that is durable afterwards
}

// do runs an operation and notes it as a step. An operation without space has no effect but for doubt.
func (c *crash) do(what string, f func() error, e effect) {
	c.t.Helper()
	s := step{what: what, start: c.rec.Len(), before: c.now, after: c.now, either: e.either}
	if e.obj != nil {
		s.before, s.after = s.before.with(e.obj), s.after.with(e.obj)
	}
	if e.names != nil {
		s.after = e.names
		if e.obj != nil {
			s.after = s.after.with(e.obj)
		}
	}
	err := f()
	s.end = c.rec.Len()
	s.final = s.after
	if err == syscall.ENOSPC {
		s.what += ": no space"
		s.final = s.before
	} else {
		c.ok(err, "%s", what)
	}
	if e.sync || e.fsync != 0 {
		s.final = maps.Clone(s.final)
		for p, o := range s.final {
			if e.sync || o.id == e.fsync {
				s.final[p] = o.synced()
			}
		}
	}
	c.now = s.final
	c.steps = append(c.steps, s)
}

func (c *crash) ok(err error, format string, args ...any) {
	c.t.Helper()
	if err != nil {
		c.t.Fatalf("step %d, %s: %v", len(c.steps), fmt.Sprintf(format, args...), err)
	}
}

// node is the live node at a path.
func (c *crash) node(p string) vfs.Node {
	c.t.Helper()
	ctx := context.Background()
	ino := c.fs.Root()
	for _, name := range strings.Split(p, "/")[1:] {
		next, err := c.load(ino).(vfs.Dir).Lookup(ctx, name)
		c.ok(err, "lookup %s in %s", name, p)
		ino = next
	}
	return c.load(ino)
}

func (c *crash) load(ino vfs.Ino) vfs.Node {
	c.t.Helper()
	n := c.live[ino]
	if n == nil {
		var err error
		n, err = c.fs.Node(context.Background(), ino)
		c.ok(err, "inode %d", ino)
		c.live[ino] = n
	}
	return n
}

// parent is the directory that a path's last name is in.
func (c *crash) parent(p string) vfs.Dir {
	c.t.Helper()
	if i := strings.LastIndexByte(p, '/'); i > 0 {
		return c.node(p[:i]).(vfs.Dir)
	}
	return c.load(c.fs.Root()).(vfs.Dir)
}

// drop reclaims a node without names, as the kernel does when nobody has it open.
func (c *crash) drop(n vfs.Node) error {
	a, err := n.Attr(context.Background())
	if err != nil || a.Nlink > 0 {
		return err
	}
	delete(c.live, n.Ino())
	return n.Reclaim(context.Background())
}

// pick is a random path of one of the kinds, "" if there is none. The root is never picked.
func (c *crash) pick(kinds ...vfs.Kind) string {
	var list []string
	for p, o := range c.now {
		if p != "" && slices.Contains(kinds, o.kind) {
			list = append(list, p)
		}
	}
	if len(list) == 0 {
		return ""
	}
	slices.Sort(list)
	return list[c.r.IntN(len(list))]
}

// file is a random regular file, often one of the oldest, to which much happens; "" if there is none.
func (c *crash) file() string {
	best := c.pick(vfs.KindRegular)
	for range c.r.IntN(6) {
		if p := c.pick(vfs.KindRegular); p != "" && c.now[p].id < c.now[best].id {
			best = p
		}
	}
	return best
}

// fresh is a path that is free. Half of all names are in the root, which grows.
func (c *crash) fresh() string {
	dir := ""
	if c.r.IntN(2) > 0 && !c.wide {
		dir = c.pick(vfs.KindDir)
	}
	c.ids++
	name := fmt.Sprintf("%d", c.ids)
	if c.r.IntN(2) == 0 {
		name += strings.Repeat("n", c.r.IntN(250))
	}
	return dir + "/" + name
}

// step does one random operation.
func (c *crash) step() {
	c.t.Helper()
	switch op := c.r.IntN(100); {
	case op < 12:
		c.create(vfs.KindRegular)
	case op < 18:
		c.create(vfs.KindDir)
	case op < 22:
		c.create(vfs.KindSymlink)
	case op < 24:
		c.create(vfs.KindFifo)
	case op < 52:
		c.write()
	case op < 56:
		c.resize()
	case op < 62:
		c.allocate()
	case op < 72:
		c.fsync()
	case op < 74:
		c.do("sync", func() error { return c.fs.Sync(context.Background(), true) }, effect{sync: true})
	case op < 78:
		c.link()
	case op < 86:
		c.remove()
	case op < 96:
		c.rename()
	case op < 98:
		c.orphan()
	default:
		c.chmod()
	}
	if c.r.IntN(10) == 0 {
		c.evict()
	}
	if c.o.ExtAttr && c.r.IntN(5) == 0 {
		c.xattr()
	}
}

func (c *crash) create(kind vfs.Kind) {
	c.t.Helper()
	p := c.fresh()
	o := &object{id: c.ids, kind: kind}
	a := vfs.CreateAttr{Kind: kind, Mode: 0o640}
	if kind == vfs.KindSymlink {
		o.target = strings.Repeat("t", 1+c.r.IntN(150))
		if c.r.IntN(3) == 0 {
			o.target = strings.Repeat("u", 1+c.r.IntN(1023))
		}
		a.Target = o.target
	}
	names := maps.Clone(c.now)
	names[p] = o
	c.do(fmt.Sprintf("create %c %s", kind.Letter(), p), func() error {
		n, err := c.parent(p).Create(context.Background(), vfs.Root, path.Base(p), a)
		if err == nil {
			c.live[n.Ino()] = n
		}
		return err
	}, effect{names: names})
}

// where is a random place to write or cut at.
func (c *crash) where(size int64) int64 {
	b := c.bsize
	switch c.r.IntN(12) {
	case 6: // a little less
		return max(0, size-c.r.Int64N(2*b))
	case 7: // a little more
		return size + 1 + c.r.Int64N(b/4)
	case 0:
		return c.r.Int64N(size + 1)
	case 1:
		return min(c.r.Int64N(size+1)&^(b-1), size)
	case 2:
		return size + c.r.Int64N(3*b)
	case 3:
		return 12*b + c.r.Int64N(4*b) // reached indirectly
	case 4:
		return 12*b + b/4*b + c.r.Int64N(4*b) // and twice so, on UFS1
	case 5:
		return 12*b + b/8*b + c.r.Int64N(4*b) // on UFS2
	}
	return size
}

func (c *crash) write() {
	c.t.Helper()
	p := c.file()
	if p == "" {
		return
	}
	o := c.now[p]
	off := c.where(o.size)
	n := 1 + c.r.Int64N([]int64{100, 700, c.bsize, 3 * c.bsize, 10 * c.bsize}[c.r.IntN(5)])
	data := make([]byte, n)
	stream(o.id, off, data)
	written := 0
	what := fmt.Sprintf("write %s %d+%d, size %d", p, off, n, o.size)
	c.do(what, func() (err error) {
		written, err = c.node(p).(vfs.File).WriteAt(context.Background(), vfs.Root, data, off)
		return err
	}, effect{obj: o.wrote(off, off+n)})
	if int64(written) < n { // no space for all: what was not written is in doubt on the disk only
		now := c.now[p]
		fixed := *now
		fixed.size, fixed.data = o.size, o.data
		if written > 0 {
			fixed.size, fixed.data = max(o.size, off+int64(written)), o.data.plus(off, off+int64(written))
		}
		c.now = c.now.with(&fixed)
		c.steps[len(c.steps)-1].final = c.now
	}
}

func (c *crash) resize() {
	c.t.Helper()
	p := c.file()
	if p == "" {
		return
	}
	o := c.now[p]
	size := c.where(o.size)
	if c.r.IntN(4) == 0 {
		size = 0
	}
	before := *o
	c.do(fmt.Sprintf("truncate %s from %d to %d", p, o.size, size), func() error {
		return c.node(p).SetAttr(context.Background(), vfs.Root, vfs.SetAttr{Mask: vfs.SetSize, Size: size})
	}, effect{obj: o.cut(size)})
	if s := &c.steps[len(c.steps)-1]; strings.HasSuffix(s.what, "no space") {
		fixed := *c.now[p]
		fixed.size, fixed.data = before.size, before.data
		c.now = c.now.with(&fixed)
		s.final = c.now
	}
}

// allocate reserves space in a file, or punches a hole into it.
func (c *crash) allocate() {
	c.t.Helper()
	p := c.file()
	if p == "" {
		return
	}
	o := c.now[p]
	f, ok := c.node(p).(vfs.Allocator)
	if !ok {
		return
	}
	off, n := c.where(o.size), 1+c.r.Int64N(5*c.bsize)
	if c.r.IntN(2) == 0 {
		c.do(fmt.Sprintf("punch %s %d+%d, size %d", p, off, n, o.size), func() error {
			return f.Punch(context.Background(), off, n)
		}, effect{obj: o.punched(off, off+n)})
		return
	}
	keep := c.r.IntN(2) == 0
	now := *o
	if !keep {
		now.size = max(o.size, off+n)
		now.maxSize = max(o.maxSize, off+n)
	}
	c.do(fmt.Sprintf("allocate %s %d+%d, size %d, keep it: %v", p, off, n, o.size, keep), func() error {
		err := f.Allocate(context.Background(), vfs.Root, off, n, keep)
		if keep && err == syscall.EOPNOTSUPP {
			return nil // the format has nothing behind the end of a file
		}
		return err
	}, effect{obj: &now})
	if s := &c.steps[len(c.steps)-1]; strings.HasSuffix(s.what, "no space") {
		a, err := c.node(p).Attr(context.Background())
		c.ok(err, "attr")
		fixed := now
		fixed.size = a.Size // how far it came is not promised
		c.now = c.now.with(&fixed)
		s.final = c.now
	}
}

func (c *crash) fsync() {
	c.t.Helper()
	p := c.file()
	if p == "" {
		return
	}
	c.do("fsync "+p, func() error {
		return c.node(p).Sync(context.Background(), c.r.IntN(2) == 0)
	}, effect{fsync: c.now[p].id})
}

func (c *crash) link() {
	c.t.Helper()
	p := c.pick(vfs.KindRegular, vfs.KindFifo)
	if p == "" {
		return
	}
	to := c.fresh()
	names := maps.Clone(c.now)
	names[to] = c.now[p]
	c.do("link "+p+" to "+to, func() error {
		return c.parent(to).Link(context.Background(), vfs.Root, path.Base(to), c.node(p))
	}, effect{names: names})
}

// isEmpty reports that no path lies below p.
func (c *crash) isEmpty(p string) bool {
	for q := range c.now {
		if strings.HasPrefix(q, p+"/") {
			return false
		}
	}
	return true
}

func (c *crash) remove() {
	c.t.Helper()
	p := c.pick(vfs.KindRegular, vfs.KindDir, vfs.KindSymlink, vfs.KindFifo)
	if p == "" || !c.isEmpty(p) {
		return
	}
	names := maps.Clone(c.now)
	delete(names, p)
	c.do("remove "+p, func() error {
		n := c.node(p)
		if err := c.parent(p).Remove(context.Background(), path.Base(p), n); err != nil {
			return err
		}
		return c.drop(n)
	}, effect{names: names})
}

func (c *crash) rename() {
	c.t.Helper()
	p := c.pick(vfs.KindRegular, vfs.KindDir, vfs.KindSymlink, vfs.KindFifo)
	if p == "" {
		return
	}
	to := c.fresh()
	if c.r.IntN(2) == 0 {
		to = c.pick(vfs.KindRegular, vfs.KindDir, vfs.KindSymlink, vfs.KindFifo)
	}
	o, replaced := c.now[p], c.now[to]
	isDir := o.kind == vfs.KindDir
	if to == p || strings.HasPrefix(to, p+"/") || strings.HasPrefix(p, to+"/") {
		return
	}
	if replaced != nil && (replaced.id == o.id || (replaced.kind == vfs.KindDir) != isDir || !c.isEmpty(to)) {
		return
	}
	names := paths{}
	for q, x := range c.now {
		switch {
		case q == p:
			names[to] = x
		case strings.HasPrefix(q, p+"/"):
			names[to+q[len(p):]] = x
		case q != to:
			names[q] = x
		}
	}
	c.do("rename "+p+" to "+to, func() error {
		r := vfs.Rename{OldName: path.Base(p), Node: c.node(p), NewDir: c.parent(to), NewName: path.Base(to)}
		if replaced != nil {
			r.Replaced = c.node(to)
		}
		if err := c.parent(p).Rename(context.Background(), vfs.Root, r); err != nil || replaced == nil {
			return err
		}
		return c.drop(r.Replaced)
	}, effect{names: names, either: []string{p, to}})
}

// orphan removes a file that is open, writes to it and closes it.
func (c *crash) orphan() {
	c.t.Helper()
	p := c.file()
	if p == "" {
		return
	}
	names := maps.Clone(c.now)
	delete(names, p)
	o := c.now[p]
	c.do("remove open "+p, func() error {
		n := c.node(p).(vfs.File)
		if err := c.parent(p).Remove(context.Background(), path.Base(p), n); err != nil {
			return err
		}
		data := make([]byte, 2*c.bsize)
		stream(o.id, o.size, data)
		if _, err := n.WriteAt(context.Background(), vfs.Root, data, o.size); err != nil && err != syscall.ENOSPC {
			return err
		}
		return c.drop(n)
	}, effect{obj: o.wrote(o.size, o.size+2*c.bsize), names: names})
}

func (c *crash) chmod() {
	c.t.Helper()
	p := c.pick(vfs.KindRegular, vfs.KindDir)
	if p == "" {
		return
	}
	c.do("chmod "+p, func() error {
		return c.node(p).SetAttr(context.Background(), vfs.Root, vfs.SetAttr{Mask: vfs.SetMode, Mode: 0o700})
	}, effect{})
}

// xattr sets or removes an extended attribute, which is content that this test does not look at: its space must be right.
func (c *crash) xattr() {
	c.t.Helper()
	p := c.file()
	if p == "" {
		return
	}
	x, ok := c.node(p).(vfs.Xattrer)
	if !ok {
		return
	}
	name := fmt.Sprint("x", c.r.IntN(3))
	c.do("xattr of "+p, func() error {
		err := x.RemoveXattr(context.Background(), vfs.XattrUser, name)
		if c.r.IntN(3) > 0 {
			err = x.SetXattr(context.Background(), vfs.Root, vfs.XattrUser, name, make([]byte, c.r.IntN(3000)), vfs.XattrEither)
		}
		if err == syscall.EOPNOTSUPP || err == syscall.ENODATA || err == syscall.ENOSPC {
			return nil
		}
		return err
	}, effect{})
}

// evict ends the life of a node that nobody uses, as a kernel with a full cache does.
func (c *crash) evict() {
	c.t.Helper()
	p := c.pick(vfs.KindRegular, vfs.KindDir, vfs.KindSymlink, vfs.KindFifo)
	if p == "" {
		return
	}
	c.do("evict "+p, func() error {
		n := c.node(p)
		delete(c.live, n.Ino())
		return n.Reclaim(context.Background())
	}, effect{})
}
