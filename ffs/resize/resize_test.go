package resize_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"rump/ffs"
	"rump/ffs/fsck"
	"rump/ffs/mkfs"
	"rump/ffs/ondisk"
	"rump/ffs/resize"
	"rump/internal/endian"
	"rump/rumpfs/blockdev"
	"rump/rumpfs/vfs"
	"rump/tests/golden"
)

// TestManySizes takes volumes of each kind through sizes drawn at random, up and down, not rounded to anything; their tree stays.
func TestManySizes(t *testing.T) {
	names := []string{
		"tree-ufs0-le-4096-512", "tree-ufs0-be-8192-1024", "tree-ufs1-le-4096-4096", "tree-ufs1-be-8192-4096", "tree-ufs2-be-4096-512",
		"tree-ufs2-le-16384-4096", "appleufs-le", "quota2-ufs1-be", "frag-ufs1", "inodes-exhausted", "wapbl-clean-endpart",
	}
	steps := 6
	if testing.Short() {
		names, steps = names[:3], 2
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			m := golden.LoadManifest(t, name)
			small := golden.Load(t, name)
			least := smallest(t, small)
			most := 5 * small.Size()
			dev := larger(t, small, most)
			rng := rand.New(rand.NewPCG(9, uint64(len(name))))
			for range steps {
				size := least + rng.Int64N(most-least)
				if rng.IntN(2) == 0 {
					size = least + rng.Int64N(small.Size()-least)
				}
				must(t, dev, size)
				sameTree(t, front(t, dev, super(t, dev)), m.Entries, m.Ranges)
				if t.Failed() {
					t.Fatalf("after %d bytes", size)
				}
			}
		})
	}
}

// TestLastGroup makes the last group one fragment larger and smaller around every size at which its structures fit or not.
func TestLastGroup(t *testing.T) {
	for _, o := range []mkfs.Options{
		{Version: 1, BlockSize: 4096, FragSize: 512}, {Version: 2, BlockSize: 8192, FragSize: 1024, Order: endian.Big},
		{Version: 1, Old: true, BlockSize: 4096, FragSize: 1024}, {Version: 2, BlockSize: 4096, FragSize: 4096},
	} {
		dev := blockdev.NewMemory(24 << 20)
		o.Size, o.Now = 8<<20, now
		if _, err := mkfs.Newfs(ctx, dev, o); err != nil {
			t.Fatal(err)
		}
		s := super(t, dev)
		for _, edge := range []ondisk.Frag{s.CgBase(2), s.CgData(2), s.CgBase(5), s.CgData(5), s.CgBase(6)} {
			for _, off := range []ondisk.Frag{-1, 0, 1, ondisk.Frag(s.Frag), ondisk.Frag(s.Frag) + 1} {
				want := edge + off
				r := must(t, dev, s.FragOffset(want))
				if full := s.CgData(s.FragToCg(want)); r.New.Size != want && (want >= full || r.New.Size != s.CgBase(s.FragToCg(want))) {
					t.Errorf("asked for %d fragments, got %d", want, r.New.Size)
				}
				if r.Frags != 0 || r.Inodes != 0 {
					t.Errorf("%d fragments and %d inodes of an empty volume moved", r.Frags, r.Inodes)
				}
			}
		}
	}
}

// TestSameAsNewfs grows an empty volume and finds it to be what newfs makes of the larger disk, where that has groups of the same size.
func TestSameAsNewfs(t *testing.T) {
	for _, o := range []mkfs.Options{{Version: 1}, {Version: 2}, {Version: 2, Order: endian.Big}, {Version: 1, Old: true}, {Version: 1, AppleName: "x", Order: endian.Big}} {
		o.BlockSize, o.FragSize, o.Now = 4096, 1024, now
		o.Rand = func() uint32 { return 5 }
		o.Inodes = 16000
		fresh := blockdev.NewMemory(256 << 20)
		if _, err := mkfs.Newfs(ctx, fresh, o); err != nil {
			t.Fatal(err)
		}
		want := super(t, fresh)
		small := larger(t, front(t, fresh, want), fresh.Size())
		ropt := options(want.FragOffset(want.CgBase(3) + 3*want.DblkNo))
		ropt.Rand, ropt.Now = o.Rand, func() time.Time { return now }
		if _, err := resize.Resize(ctx, small, ropt); err != nil {
			t.Fatal(err)
		}
		ropt.Size = fresh.Size()
		if _, err := resize.Resize(ctx, small, ropt); err != nil {
			t.Fatal(err)
		}
		got := super(t, small)
		if got.Size != want.Size || got.DSize != want.DSize || got.Ncg != want.Ncg || got.CSSize != want.CSSize || got.Total != want.Total || got.Old != want.Old {
			t.Errorf("got %+v\nwant %+v", got, want)
		}
		a, b := make([]byte, want.CgSize), make([]byte, want.CgSize)
		for cg := range int(want.Ncg) {
			at := want.FragOffset(want.CgHeader(cg))
			if _, err := small.ReadAt(a, at); err != nil {
				t.Fatal(err)
			}
			if _, err := fresh.ReadAt(b, at); err != nil {
				t.Fatal(err)
			}
			if o.Version == 1 && !want.OldLayout {
				clear(a[136:144]) // cg_time, which newfs leaves 0 there
				clear(b[136:144])
				clear(a[168:174]) // counts that nobody keeps
				clear(b[168:174])
			}
			if !slices.Equal(a, b) {
				t.Errorf("version %d, order %v: group %d differs", o.Version, o.Order, cg)
			}
		}
	}
}

// TestNoSpace asks for one block less than what works, of volumes that are full or have many inodes: nothing is written.
func TestNoSpace(t *testing.T) {
	for _, name := range []string{"full-root-ufs2", "full-user-ufs1", "full-minfree0-ufs2", "frag-ufs2-space", "tree-ufs1-le-8192-1024", "inodes-exhausted", "wapbl-clean-infile"} {
		dev := golden.Load(t, name)
		least := smallest(t, dev)
		s := super(t, dev)
		rec := blockdev.NewRecorder(dev)
		_, err := resize.Resize(ctx, rec, options(least-int64(s.BSize)))
		if !errors.Is(err, resize.ErrRefused) || rec.Len() != 0 {
			t.Errorf("%s to %d: %v, %d writes", name, least-int64(s.BSize), err, rec.Len())
		}
		if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%s: %v is no ENOSPC", name, err)
		}
		t.Logf("%s: %v", name, err)
	}
	dev := golden.Load(t, "inodes-exhausted")
	s := super(t, dev)
	if _, err := resize.Plan(ctx, dev, options(s.FragOffset(s.CgBase(3)))); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "not enough free inodes") {
		t.Errorf("a group of used inodes goes away: %v", err)
	}
}

// TestExactSpace shrinks a volume whose free space is only just enough, in fragments of every length: what a plan allows always works.
func TestExactSpace(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 2
	}
	for round := range rounds {
		rng := rand.New(rand.NewPCG(uint64(round), 1))
		dev := blockdev.NewMemory(6 << 20)
		if _, err := mkfs.Newfs(ctx, dev, mkfs.Options{Version: 1 + round%2, BlockSize: 8192, FragSize: 1024, Now: now}); err != nil {
			t.Fatal(err)
		}
		names := churn(t, dev, rng)
		tree, _ := tree(t, dev)
		least := smallest(t, dev)
		r := must(t, dev, least)
		sameTree(t, front(t, dev, super(t, dev)), tree, nil)
		if t.Failed() {
			t.Fatalf("round %d: %d files, %d fragments and %d inodes moved", round, names, r.Frags, r.Inodes)
		}
	}
}

// churn fills most of a volume with small files and removes a part of them.
func churn(tb testing.TB, dev blockdev.Device, rng *rand.Rand) (left int) {
	tb.Helper()
	fs, err := ffs.Mount(ctx, dev, ffs.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	root, err := fs.Node(ctx, fs.Root())
	if err != nil {
		tb.Fatal(err)
	}
	d := root.(vfs.Dir)
	subs := []vfs.Dir{d}
	for i := range 4 {
		n, err := d.Create(ctx, vfs.Root, fmt.Sprintf("dir%d", i), vfs.CreateAttr{Kind: vfs.KindDir, Mode: 0o755})
		if err != nil {
			tb.Fatal(err)
		}
		subs = append(subs, n.(vfs.Dir))
	}
	for i := range 400 {
		makeFile(tb, subs[rng.IntN(len(subs))], fmt.Sprintf("f%03d", i), rng.IntN(20000))
		left++
		if i%3 == 2 && rng.IntN(3) > 0 {
			left -= removeOne(tb, fs, subs[rng.IntN(len(subs))])
		}
	}
	for _, n := range slices.Backward(subs) {
		if err := n.Reclaim(ctx); err != nil {
			tb.Fatal(err)
		}
	}
	if err := fs.Unmount(ctx); err != nil {
		tb.Fatal(err)
	}
	return left
}

// removeOne removes the first file of a directory, if there is one.
func removeOne(tb testing.TB, fs *ffs.FS, d vfs.Dir) int {
	tb.Helper()
	name := ""
	if err := d.ReadDir(ctx, 0, func(e vfs.DirEntry) bool {
		if e.Kind == vfs.KindRegular {
			name = string(e.Name)
		}
		return name == ""
	}); err != nil {
		tb.Fatal(err)
	}
	if name == "" {
		return 0
	}
	ino, err := d.Lookup(ctx, name)
	if err != nil {
		tb.Fatal(err)
	}
	n, err := fs.Node(ctx, ino)
	if err != nil {
		tb.Fatal(err)
	}
	if err := d.Remove(ctx, name, n); err != nil {
		tb.Fatal(err)
	}
	if err := n.Reclaim(ctx); err != nil {
		tb.Fatal(err)
	}
	return 1
}

// TestFullGrows grows a volume without a free fragment by so much that its summary area needs room: that takes more than one step.
func TestFullGrows(t *testing.T) {
	dev := golden.Load(t, "full-root-ufs2")
	m := golden.LoadManifest(t, "full-root-ufs2")
	s := super(t, dev)
	if s.Total.FreeBlocks != 0 || s.Total.FreeFrags != 0 {
		t.Fatalf("not full: %+v", s.Total)
	}
	groups := int64(200) // 64 have room in a fragment
	big := larger(t, dev, s.FragOffset(s.CgBase(int(groups))))
	r := must(t, big, big.Size())
	if r.Frags == 0 || int64(r.New.Ncg) != groups || r.Old.Size != s.Size {
		t.Errorf("%d fragments moved, %d groups, from %d", r.Frags, r.New.Ncg, r.Old.Size)
	}
	sameTree(t, big, m.Entries, m.Ranges)
}

// TestLog moves a log in one piece and keeps the superblock's idea of it true; one behind the end is given up.
func TestLog(t *testing.T) {
	dev := golden.Load(t, "wapbl-clean-infile")
	r := must(t, dev, 8<<20)
	j, _, ok := super(t, dev).FindJournal()
	if !ok || j.Location != ondisk.JournalInFile || !slices.Contains(r.Notes, "the journal moves") {
		t.Fatalf("%+v, %v, %q", j, ok, r.Notes)
	}
	s := super(t, dev)
	b := make([]byte, s.BSize)
	if _, err := dev.ReadAt(b, s.FragOffset(s.InoToFrag(ondisk.Ino(j.Loc[3])))); err != nil {
		t.Fatal(err)
	}
	var in ondisk.Inode
	ondisk.DecodeInode(s, b[s.InoInBlock(ondisk.Ino(j.Loc[3])):], &in)
	if in.Flags&ondisk.FileLog == 0 || s.FragOffset(in.DB[0]) != int64(j.Loc[0]*j.Loc[2]) || in.Size != int64(j.Loc[1]*j.Loc[2]) {
		t.Errorf("the log's inode begins at %d with %d bytes, the superblock says %+v", s.FragOffset(in.DB[0]), in.Size, j)
	}
	for i := 1; i < ondisk.NDirect; i++ {
		if in.DB[i] != in.DB[0]+ondisk.Frag(i)*ondisk.Frag(s.Frag) {
			t.Errorf("block %d of the log is at %d", i, in.DB[i])
		}
	}

	dev = golden.Load(t, "wapbl-clean-endpart")
	r = must(t, dev, dev.Size())
	if j := super(t, dev).Journal(endian.Little); j != (ondisk.Journal{}) || len(r.Notes) != 1 {
		t.Errorf("the log behind the end is still there: %+v, %q", j, r.Notes)
	}
}

// TestRefused gives volumes and sizes that are not to be resized; nothing is written.
func TestRefused(t *testing.T) {
	plain := golden.Load(t, "tree-ufs1-le-8192-1024")
	for _, c := range []struct {
		dev  blockdev.Device
		size int64
		want string
	}{
		{golden.Load(t, "unclean-default-1"), 0, "not clean (fs_clean=0x2); run fsck"},
		{golden.Load(t, "wapbl-kill-hdr"), 0, "its journal (WAPBL) has not been replayed"},
		{golden.Load(t, "snapshot-ufs2"), 0, "has snapshots"},
		{plain, 100 << 20, "the device has only 12582912 bytes, not 104857600"},
		{plain, 512, "size too small - file system would have no cylinders"},
		{plain, 100 << 10, "size too small - file system would have no cylinders"},
		{blockdev.NewReadOnly(plain), 0, "the device is read-only"},
		{blockdev.NewMemory(1 << 40), 0, "no FFS superblock"},
	} {
		rec := blockdev.NewRecorder(c.dev)
		_, err := resize.Resize(ctx, rec, options(c.size))
		if err == nil || !strings.Contains(err.Error(), c.want) || rec.Len() != 0 {
			t.Errorf("got %v and %d writes, want %q", err, rec.Len(), c.want)
		}
	}
	dev := larger(t, plain, 1<<40)
	if _, err := resize.Plan(ctx, dev, options(0)); err == nil || !strings.Contains(err.Error(), "too many cylinder groups") {
		t.Errorf("groups without number: %v", err)
	}
	if r, err := resize.Plan(ctx, plain, options(0)); err != nil || r.Changed() {
		t.Errorf("to its own size: %v, %v", r, err)
	}
}

// TestAttributeFiles refuses to give inodes of UFS1 other numbers where attributes are kept by number.
func TestAttributeFiles(t *testing.T) {
	dev := golden.Load(t, "tree-ufs1-le-4096-512")
	fs, err := ffs.Mount(ctx, dev, ffs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	root, err := fs.Node(ctx, fs.Root())
	if err != nil {
		t.Fatal(err)
	}
	n, err := root.(vfs.Dir).Create(ctx, vfs.Root, ".attribute", vfs.CreateAttr{Kind: vfs.KindDir, Mode: 0o700})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []vfs.Node{n, root} {
		if err := n.Reclaim(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := fs.Unmount(ctx); err != nil {
		t.Fatal(err)
	}
	s := super(t, dev)
	if _, err := resize.Resize(ctx, dev, options(3<<20)); !errors.Is(err, resize.ErrRefused) || !strings.Contains(err.Error(), "/.attribute") {
		t.Errorf("got %v", err)
	}
	must(t, dev, s.FragOffset(s.Size)-100<<10) // no inode moves
}

// TestHuge grows a small volume to 2 TiB and back; both take seconds, and memory for what is there.
func TestHuge(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a volume of 2 TiB")
	}
	dev := blockdev.NewMemory(2 << 40)
	if _, err := mkfs.Newfs(ctx, dev, mkfs.Options{Version: 2, BlockSize: 65536, FragSize: 8192, Density: 1 << 20, Size: 40 << 30, Now: now}); err != nil {
		t.Fatal(err)
	}
	fill(t, dev, 200)
	was, _ := tree(t, dev)
	r, err := resize.Resize(ctx, dev, options(0))
	if err != nil {
		t.Fatal(err)
	}
	if r.New.Size != 2<<40>>13 {
		t.Errorf("%d fragments", r.New.Size)
	}
	if _, err := resize.Resize(ctx, dev, options(1<<30)); err != nil {
		t.Fatal(err)
	}
	sameTree(t, front(t, dev, super(t, dev)), was, nil)
	check(t, dev)
}

// TestCorrupt resizes volumes that say they are clean and are not: the outcome may be bad, but there is one, and no panic.
func TestCorrupt(t *testing.T) {
	rounds := 60
	if testing.Short() {
		rounds = 6
	}
	refused, done := 0, 0
	for _, name := range []string{"tree-ufs2-le-4096-512", "tree-ufs0-be-8192-1024", "wapbl-ufs1-clean"} {
		img := golden.Load(t, name)
		s := super(t, img)
		for round := range rounds {
			rng := rand.New(rand.NewPCG(uint64(round), 5))
			dev := img.Snapshot()
			for range 1 + rng.IntN(12) {
				scratch(t, dev, s, rng)
			}
			_, err := resize.Resize(ctx, dev, options(dev.Size()*int64(1+rng.IntN(9))/10))
			if errors.Is(err, resize.ErrRefused) {
				refused++
			} else if err == nil {
				done++
			}
		}
	}
	if refused == 0 || done == 0 {
		t.Errorf("%d refused, %d done", refused, done)
	}
}

// scratch changes some bytes of a header, an inode or a block that may be an indirect one or a directory.
func scratch(tb testing.TB, dev blockdev.Device, s *ondisk.Super, rng *rand.Rand) {
	tb.Helper()
	cg := rng.IntN(int(s.Ncg))
	at := s.FragOffset(s.CgHeader(cg)) + int64(rng.IntN(int(s.CgSize)))
	switch rng.IntN(3) {
	case 0:
		at = s.FragOffset(s.CgInodes(cg)) + int64(rng.IntN(64*s.InodeSize()))
	case 1:
		at = s.FragOffset(s.CgData(cg)) + rng.Int64N(200<<10)
	}
	sector := make([]byte, 512)
	off := at &^ 511
	if _, err := dev.ReadAt(sector, off); err != nil {
		tb.Fatal(err)
	}
	for range 4 {
		sector[(int(at-off)+rng.IntN(8))%512] = byte(rng.Uint32())
	}
	if _, err := dev.WriteAt(sector, off); err != nil {
		tb.Fatal(err)
	}
}

// TestCheckHashes keeps FreeBSD's check hashes right.
func TestCheckHashes(t *testing.T) {
	dev := golden.Load(t, "tree-ufs2-le-8192-1024")
	addHashes(t, dev)
	was, _ := tree(t, dev)
	for _, size := range []int64{4 << 20, 12 << 20} {
		must(t, dev, size)
		s := super(t, dev)
		if !s.HashOK() {
			t.Error("the superblock's hash is wrong")
		}
		for cg := range int(s.Ncg) {
			b := make([]byte, s.BSize)
			if _, err := dev.ReadAt(b, s.FragOffset(s.CgHeader(cg))); err != nil {
				t.Fatal(err)
			}
			g, err := s.GroupIn(cg, b)
			if err != nil || !g.HashOK() {
				t.Errorf("group %d: %v", cg, err)
			}
			for i := range g.InitedInodes() {
				ino := ondisk.Ino(cg)*ondisk.Ino(s.Ipg) + ondisk.Ino(i)
				if i%int(s.Inopb) == 0 {
					if _, err := dev.ReadAt(b, s.FragOffset(s.InoToFrag(ino))); err != nil {
						t.Fatal(err)
					}
				}
				if !s.InodeHashOK(b[s.InoInBlock(ino):]) {
					t.Errorf("inode %d: hash", ino)
				}
			}
		}
		sameTree(t, front(t, dev, s), was, nil)
	}
}

// addHashes makes a volume one with FreeBSD's check hashes, by changing its superblock and what has one.
func addHashes(tb testing.TB, dev *blockdev.Memory) {
	tb.Helper()
	s := super(tb, dev)
	s.Flags |= ondisk.FlagQuota2
	s.CheckHashes = ondisk.HashSuper | ondisk.HashGroup | ondisk.HashInode
	put := func(b []byte, at int64) {
		if _, err := dev.WriteAt(b, at); err != nil {
			tb.Fatal(err)
		}
	}
	for cg := range int(s.Ncg) {
		b := make([]byte, s.CgSize)
		if _, err := dev.ReadAt(b, s.FragOffset(s.CgHeader(cg))); err != nil {
			tb.Fatal(err)
		}
		g, err := s.GroupIn(cg, b)
		if err != nil {
			tb.Fatal(err)
		}
		g.UpdateHash()
		put(b, s.FragOffset(s.CgHeader(cg)))
		inodes := make([]byte, s.BSize)
		for i := 0; i < g.InitedInodes(); i += int(s.Inopb) {
			at := s.FragOffset(s.InoToFrag(ondisk.Ino(cg)*ondisk.Ino(s.Ipg) + ondisk.Ino(i)))
			if _, err := dev.ReadAt(inodes, at); err != nil {
				tb.Fatal(err)
			}
			for k := 0; k < len(inodes); k += s.InodeSize() {
				var in ondisk.Inode
				ondisk.DecodeInode(s, inodes[k:], &in)
				ondisk.EncodeInode(s, &in, inodes[k:])
			}
			put(inodes, at)
		}
		sb := make([]byte, s.SBSize)
		s.EncodeBackup(sb, s.FragOffset(s.CgSuper(cg)))
		put(sb, s.FragOffset(s.CgSuper(cg)))
	}
	sb := make([]byte, s.SBSize)
	s.Encode(sb)
	put(sb, s.Location)
	check(tb, dev)
}

// TestQuotaFiles moves the hidden files of quotas too, when their inodes have to.
func TestQuotaFiles(t *testing.T) {
	dev := golden.Load(t, "quota2-ufs2")
	s := super(t, dev)
	// The files have the lowest numbers; give them the highest of group 3 instead.
	moveInode(t, dev, s.QuotaFile[0], s.MaxIno()-1)
	moveInode(t, dev, s.QuotaFile[1], s.MaxIno()-2)
	s.QuotaFile = [2]ondisk.Ino{s.MaxIno() - 1, s.MaxIno() - 2}
	sb := make([]byte, s.SBSize)
	s.Encode(sb)
	if _, err := dev.WriteAt(sb, s.Location); err != nil {
		t.Fatal(err)
	}
	if _, err := fsck.Repair(ctx, dev, fsck.Options{Mode: fsck.Yes, Force: true}); err != nil {
		t.Fatal(err)
	}
	if got := super(t, dev).QuotaFile; got != s.QuotaFile {
		t.Fatalf("the checker has moved the quota files to %d", got)
	}
	must(t, dev, 3<<20)
	if now := super(t, dev); now.QuotaFile[0] >= now.MaxIno() || now.QuotaFile[1] >= now.MaxIno() || now.QuotaFile[0] == 0 {
		t.Errorf("quota files %d of %d inodes", now.QuotaFile, now.MaxIno())
	}
}

// moveInode gives a file that no name leads to another number, in a volume that the checker then looks over.
func moveInode(tb testing.TB, dev blockdev.Device, from, to ondisk.Ino) {
	tb.Helper()
	s := super(tb, dev)
	read := func(f ondisk.Frag, n int32) []byte {
		b := make([]byte, n)
		if _, err := dev.ReadAt(b, s.FragOffset(f)); err != nil {
			tb.Fatal(err)
		}
		return b
	}
	write := func(f ondisk.Frag, b []byte) {
		if _, err := dev.WriteAt(b, s.FragOffset(f)); err != nil {
			tb.Fatal(err)
		}
	}
	b := read(s.InoToFrag(from), s.BSize)
	in := append([]byte(nil), b[s.InoInBlock(from):][:s.InodeSize()]...)
	clear(b[s.InoInBlock(from):][:s.InodeSize()])
	write(s.InoToFrag(from), b)
	b = read(s.InoToFrag(to), s.BSize)
	copy(b[s.InoInBlock(to):], in)
	write(s.InoToFrag(to), b)
	cg := s.InoToCg(to)
	h := read(s.CgHeader(cg), s.CgSize)
	g, err := s.GroupIn(cg, h)
	if err != nil {
		tb.Fatal(err)
	}
	g.SetInitedInodes(int(s.Ipg))
	g.SetInodeUsed(s.InoInCg(to), true)
	write(s.CgHeader(cg), h)
}
