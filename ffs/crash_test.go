package ffs_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
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
	hash bool  // with FreeBSD's check hashes
	wide bool  // the root starts with so many names that it is about to need an indirect block, or another pointer in it
	log  int64 // bytes behind the file system, in which a journal has room; < 0: the journal is in a file; 0: there is none
}

var crashFlavours = []crashFlavour{
	{"ufs1le", mkfs.Options{Version: 1, BlockSize: 4096, FragSize: 512}, false, false, 0},
	{"ufs1be", mkfs.Options{Version: 1, Order: endian.Big, BlockSize: 8192, FragSize: 1024}, false, false, 0},
	{"ufs2le", mkfs.Options{Version: 2, BlockSize: 4096, FragSize: 512, Inodes: 400}, false, false, 0},
	{"ufs2be", mkfs.Options{Version: 2, Order: endian.Big, BlockSize: 8192, FragSize: 2048, Inodes: 400}, false, false, 0},
	{"ufs2ea", mkfs.Options{Version: 2, ExtAttr: true, BlockSize: 4096, FragSize: 512, Inodes: 400}, false, false, 0},
	{"old", mkfs.Options{Version: 1, Old: true, Order: endian.Big, BlockSize: 8192, FragSize: 1024}, false, false, 0},
	{"quota", mkfs.Options{Version: 2, UserQuota: true, GroupQuota: true, BlockSize: 4096, FragSize: 512, Inodes: 400}, false, false, 0},
	{"blocks", mkfs.Options{Version: 2, BlockSize: 4096, FragSize: 4096, Inodes: 400}, false, false, 0},
	{"freebsd", mkfs.Options{Version: 2, BlockSize: 8192, FragSize: 1024, Inodes: 400}, true, false, 0},
	{"wide1", mkfs.Options{Version: 1, Order: endian.Big, BlockSize: 4096, FragSize: 1024}, false, true, 0},
	{"wide2", mkfs.Options{Version: 2, BlockSize: 4096, FragSize: 512, Inodes: 400}, false, true, 0},
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
	open  []vfs.Node           // without a name, and held open
	now   paths
	steps []step
	ids   uint64
	bsize int64
	crashFlavour
}

func newCrash(t testing.TB, f crashFlavour, seed uint64) *crash {
	t.Helper()
	const size = 3 << 20
	mem := blockdev.NewMemory(size + max(0, f.log))
	poison(t, mem)
	o := f.o
	o.Size = size
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
	if f.log != 0 {
		c.mount(mem, ffs.Options{Journal: true}) // makes it
		c.ok(c.fs.Unmount(context.Background()), "unmount")
	}
	c.blank, c.rec = mem.Snapshot(), blockdev.NewRecorder(mem)
	mo := ffs.Options{Rand: rand.New(rand.NewPCG(seed, 3)).Uint32, Now: func() time.Time { return time.Unix(1e9+int64(c.rec.Len()), 0) }}
	mo.Journal, mo.CommitInterval = f.log != 0, -1
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
	c.unmount()
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

// unmount ends the workload.
func (c *crash) unmount() {
	c.t.Helper()
	c.do("unmount", func() error {
		for _, n := range c.live {
			c.ok(n.Reclaim(context.Background()), "reclaim")
		}
		return c.fs.Unmount(context.Background())
	}, effect{sync: true})
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

// compare checks that exactly these paths were found.
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
