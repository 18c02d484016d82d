package mkfs_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rump/ffs/fsck"
	"rump/ffs/mkfs"
	"rump/ffs/ondisk"
	"rump/internal/endian"
	"rump/rumpfs/blockdev"
)

var now = time.Unix(1795600000, 123456789)

// noRand is a source of random numbers that are zero.
func noRand() uint32 { return 0 }

func newfs(tb testing.TB, dev blockdev.Device, o mkfs.Options) mkfs.Report {
	tb.Helper()
	if o.Now.IsZero() {
		o.Now = now
	}
	r, err := mkfs.Newfs(context.Background(), dev, o)
	if err != nil {
		tb.Fatalf("newfs %+v of %d bytes: %v", o, dev.Size(), err)
	}
	return r
}

// goldenDisk is what the genuine newfs made.
func goldenDisk(tb testing.TB, name string, size int64) *blockdev.Memory {
	tb.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".sectors.gz"))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	dev := blockdev.NewMemory(size)
	var rec [8 + 512]byte
	for {
		if _, err := io.ReadFull(z, rec[:]); err == io.EOF {
			return dev
		} else if err != nil {
			tb.Fatal(err)
		}
		if _, err := dev.WriteAt(rec[8:], int64(binary.BigEndian.Uint64(rec[:]))); err != nil {
			tb.Fatal(err)
		}
	}
}

// forget zeroes what differs from run to run: times and the random half of the volume's number.
func forget(tb testing.TB, dev *blockdev.Memory) []byte {
	tb.Helper()
	s, _, err := ondisk.FindSuper(dev, dev.Size())
	if err != nil {
		tb.Fatal(err)
	}
	b := dev.Bytes()
	zero := func(at int64, n int) { clear(b[at : at+int64(n)]) }
	super := func(at int64) {
		zero(at+32, 4)  // fs_old_time
		zero(at+144, 8) // fs_id
		zero(at+1072, 8)
	}
	super(s.Location)
	for c := range int(s.Ncg) {
		super(s.FragOffset(s.CgSuper(c)))
		zero(s.FragOffset(s.CgHeader(c))+8, 4) // cg_old_time
		zero(s.FragOffset(s.CgHeader(c))+136, 8)
	}
	root := s.FragOffset(s.InoToFrag(ondisk.RootIno)) + int64(s.InoInBlock(ondisk.RootIno))
	if s.Version == 1 {
		zero(root+16, 24)
		return b
	}
	zero(root+32, 48)
	return b
}

func TestNewfsEqualsGenuine(t *testing.T) {
	for _, size := range []int64{4, 16, 64} {
		for version := range 3 {
			name := fmt.Sprintf("newfs-O%d-%dm", version, size)
			t.Run(name, func(t *testing.T) {
				dev := blockdev.NewMemory(size << 20)
				o := mkfs.Options{Version: version, Name: "/rdk", Rand: noRand}
				if version == 0 {
					o.Version, o.Old = 1, true
				}
				r := newfs(t, dev, o)
				text, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
				if err != nil {
					t.Fatal(err)
				}
				if got := r.Text(mkfs.Backups, 80); got != string(text) {
					t.Errorf("text:\n%s\nwant:\n%s", got, text)
				}
				got, want := forget(t, dev), forget(t, goldenDisk(t, name, size<<20))
				if i := firstDifference(got, want); i >= 0 {
					t.Errorf("disks differ at byte %d (%#x): got %x, want %x", i, i, around(got, i), around(want, i))
				}
			})
		}
	}
}

func firstDifference(a, b []byte) int {
	if bytes.Equal(a, b) {
		return -1
	}
	i := 0
	for a[i] == b[i] {
		i++
	}
	return i
}

func around(b []byte, i int) []byte { return b[i : i+min(8, len(b)-i)] }

// dirty is a disk on which every byte is something.
func dirty(size int64) *blockdev.Memory {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i*7>>3) | 1
	}
	return blockdev.NewMemoryFrom(b)
}

// noHoles is a disk that cannot forget.
type noHoles struct{ blockdev.Device }

func TestNewfsOnDirtyDisk(t *testing.T) {
	for _, o := range []mkfs.Options{
		{Version: 1}, {Version: 1, Old: true}, {Version: 2, Order: endian.Big}, {Version: 1, AppleName: "Apple"},
		{Version: 2, UserQuota: true, GroupQuota: true},
	} {
		o.Rand = noRand
		const size = 3 << 20
		clean, used := blockdev.NewMemory(size), dirty(size)
		newfs(t, clean, o)
		newfs(t, noHoles{used}, o)
		s := checkVolume(t, used)
		checkMetadataEqual(t, s, clean.Bytes(), used.Bytes())
	}
}

// checkMetadataEqual compares all that belongs to the file system itself.
func checkMetadataEqual(tb testing.TB, s *ondisk.Super, a, b []byte) {
	tb.Helper()
	same := func(what string, lo, hi int64) {
		if i := firstDifference(a[lo:hi], b[lo:hi]); i >= 0 {
			tb.Errorf("%s: byte %d is %#x on a clean disk, %#x on a dirty one", what, lo+int64(i), a[lo+int64(i)], b[lo+int64(i)])
		}
	}
	same("superblock", s.Location, s.FragOffset(s.SblkNo))
	for c := range int(s.Ncg) {
		inodes := s.FragOffset(s.CgInodes(c))
		end := s.FragOffset(s.CgData(c))
		if s.Version == 2 {
			end = inodes + 2*int64(s.BSize)
		}
		same(fmt.Sprintf("group %d", c), s.FragOffset(s.CgSuper(c)), end)
	}
	same("summary", s.FragOffset(s.CSAddr), s.FragOffset(s.CSAddr)+int64(s.CSSize))
}

func TestNewfsForgetsWhatWasThere(t *testing.T) {
	const size = 8 << 20
	for _, before := range []mkfs.Options{
		{Version: 2}, {Version: 2, BlockSize: 65536, FragSize: 8192}, {Version: 1}, {Version: 1, AppleName: "old"},
		{Version: 1, BlockSize: 65536, FragSize: 8192},
	} {
		for _, after := range []mkfs.Options{{Version: 1}, {Version: 2, Order: endian.Big}} {
			dev := blockdev.NewMemory(size)
			ext2 := make([]byte, 512)
			ext2[56], ext2[57] = 0x53, 0xef
			if _, err := dev.WriteAt(ext2, 1024); err != nil {
				t.Fatal(err)
			}
			newfs(t, dev, before)
			newfs(t, dev, after)
			s, _, err := ondisk.FindSuper(dev, size)
			if err != nil {
				t.Fatal(err)
			}
			if s.Version != after.Version {
				t.Errorf("%+v over %+v: found version %d", after, before, s.Version)
			}
			for _, at := range append(ondisk.Locations(), ondisk.FirstBackups()...) {
				if b, err := ondisk.ReadBackup(dev, size, at); err == nil && (b.Version != after.Version || b.BSize != s.BSize) {
					t.Errorf("%+v over %+v: the old superblock is still at %d", after, before, at)
				}
			}
			label := make([]byte, 1024)
			dev.ReadAt(label, ondisk.AppleLabelOffset)
			if _, ok := ondisk.DecodeAppleLabel(label); ok {
				t.Error("the label of Apple UFS is still there")
			}
			dev.ReadAt(ext2, 1024)
			if ext2[56] != 0 {
				t.Error("the magic number of ext2 is still there")
			}
		}
	}
}

// TestNewfsEverySize makes each legal shape and counts it after.
func TestNewfsEverySize(t *testing.T) {
	sizes := []int64{1 << 20, 1440 << 10, 3<<20 + 512*7, 20 << 20, 1000<<20 + 4096, 128 << 30, 2 << 40}
	if testing.Short() {
		sizes = sizes[:4]
	}
	shapes := 0
	for _, size := range sizes {
		for version := 1; version <= 2; version++ {
			for bsize := ondisk.MinBlockSize; bsize <= ondisk.MaxBlockSize; bsize *= 2 {
				for fsize := max(512, bsize/8); fsize <= bsize; fsize *= 2 {
					if size > 100<<20 && fsize != bsize/8 && fsize != bsize || size > 1<<36 && bsize < 32768 {
						continue // thousands of groups: nothing new, much time
					}
					o := mkfs.Options{Version: version, BlockSize: bsize, FragSize: fsize, Order: orderOf(shapes&1 == 1)}
					if shapes++; fsize >= 4096 && shapes%3 == 0 {
						o.SectorSize = 4096
					}
					checkShape(t, size, o)
				}
			}
		}
	}
	t.Logf("%d shapes", shapes)
}

func orderOf(big bool) endian.Order {
	if big {
		return endian.Big
	}
	return endian.Little
}

func checkShape(t *testing.T, size int64, o mkfs.Options) {
	t.Helper()
	dev := blockdev.NewMemory(size)
	o.Now = now
	_, err := mkfs.Newfs(context.Background(), dev, o)
	var refused *mkfs.Error
	if errors.As(err, &refused) {
		if refused.Code == 0 || dev.Resident() > 0 {
			t.Errorf("%d bytes %+v: refused with code %d, %d bytes written", size, o, refused.Code, dev.Resident())
		}
		tooMany := o.Version == 1 && size/int64(o.FragSize) >= 1<<31
		if size > 4<<20 && !tooMany {
			t.Errorf("%d bytes %+v: %v", size, o, err)
		}
		return
	}
	if err != nil {
		t.Fatalf("%d bytes %+v: %v", size, o, err)
	}
	s := checkVolume(t, dev)
	perGroup := int64(s.SBSize) + int64(s.CgSize) + 2*int64(s.BSize)
	if limit := int64(s.Ncg)*2*(perGroup+4*4096) + int64(s.CSSize) + 1<<20; dev.Resident() > limit {
		t.Errorf("%d bytes %+v: %d bytes written, want at most %d", size, o, dev.Resident(), limit)
	}
}

// checkVolume reads back an empty volume and counts it: maps against counts, groups against totals.
func checkVolume(tb testing.TB, dev *blockdev.Memory) *ondisk.Super {
	tb.Helper()
	s, _, err := ondisk.FindSuper(dev, dev.Size())
	if err != nil {
		tb.Fatal(err)
	}
	if err := s.CheckDevice(dev.Size()); err != nil {
		tb.Fatal(err)
	}
	var total ondisk.Totals
	block := make([]byte, s.BSize)
	summary := make([]byte, s.CSSize)
	readAt(tb, dev, summary, s.FragOffset(s.CSAddr))
	for c := range int(s.Ncg) {
		readAt(tb, dev, block, s.FragOffset(s.CgHeader(c)))
		g, err := s.GroupIn(c, block)
		if err != nil {
			tb.Fatal(err)
		}
		sum := g.Summary()
		if in := ondisk.DecodeSummary(s.Order, summary[c*ondisk.SummarySize:]); in != sum {
			tb.Fatalf("group %d: summary %+v, header %+v", c, in, sum)
		}
		if counted := countGroup(s, &g); counted != sum {
			tb.Fatalf("group %d: counted %+v, header %+v", c, counted, sum)
		}
		total.Add(sum)
		if _, err := ondisk.ReadBackup(dev, dev.Size(), s.FragOffset(s.CgSuper(c))); err != nil {
			tb.Fatalf("group %d: %v", c, err)
		}
	}
	if total != s.Total {
		tb.Fatalf("totals %+v, counted %+v", s.Total, total)
	}
	if s.MaxIno() < 1<<18 || s.Version == 2 && s.Ncg < 100 { // the rest takes long and is no different
		checkClean(tb, dev, s.Apple)
	}
	return s
}

// checkClean holds a volume against the checker.
func checkClean(tb testing.TB, dev blockdev.Device, apple bool) *fsck.Report {
	tb.Helper()
	r, err := fsck.Check(context.Background(), dev, fsck.Options{Force: true, Apple: apple})
	if err != nil {
		tb.Fatal(err)
	}
	for _, p := range r.Problems {
		tb.Errorf("fsck: phase %d: %s", p.Phase, p.Text)
	}
	return r
}

// countGroup counts a group by its maps. That the maps are right where files and structures are is the checker's work.
func countGroup(s *ondisk.Super, g *ondisk.Group) ondisk.Summary {
	var sum ondisk.Summary
	sum.Dirs = g.Summary().Dirs
	sum.FreeInodes = s.Ipg
	for _, b := range g.InodeMap() {
		sum.FreeInodes -= int32(bits.OnesCount8(b))
	}
	for f := 0; f < g.Frags(); {
		if s.Frag == 8 && f&63 == 0 && f+64 <= g.Frags() && string(g.FreeMap()[f>>3:f>>3+8]) == "\xff\xff\xff\xff\xff\xff\xff\xff" {
			sum.FreeBlocks += 8
			f += 64
			continue
		}
		if f&int(s.Frag-1) == 0 && g.RunFree(f, int(s.Frag)) {
			sum.FreeBlocks++
			f += int(s.Frag)
			continue
		}
		if g.FragFree(f) {
			sum.FreeFrags++
		}
		f++
	}
	return sum
}

func readAt(tb testing.TB, dev blockdev.Device, b []byte, off int64) {
	tb.Helper()
	if _, err := dev.ReadAt(b, off); err != nil {
		tb.Fatalf("read of %d bytes at %d: %v", len(b), off, err)
	}
}

func TestNewfsWritesNothingWhenAsked(t *testing.T) {
	dev := blockdev.NewMemory(4 << 20)
	r := newfs(t, dev, mkfs.Options{NoWrite: true, Name: "x"})
	if dev.Resident() != 0 {
		t.Errorf("%d bytes written", dev.Resident())
	}
	if r.Super.Ncg != 4 {
		t.Errorf("%d groups, want 4", r.Super.Ncg)
	}
	if _, err := mkfs.Newfs(context.Background(), blockdev.NewReadOnly(dev), mkfs.Options{}); !errors.Is(err, syscall.EROFS) {
		t.Errorf("on a read-only disk: %v, want EROFS", err)
	}
}

func TestNewfsFill(t *testing.T) {
	dev, want := dirty(2<<20), blockdev.NewMemory(2<<20)
	newfs(t, dev, mkfs.Options{Fill: true, Rand: noRand})
	newfs(t, want, mkfs.Options{Rand: noRand})
	if i := firstDifference(dev.Bytes(), want.Bytes()); i >= 0 {
		t.Errorf("byte %d differs from that of a fresh disk", i)
	}
}

func TestNewfsStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	dev := blockdev.NewMemory(4 << 20)
	if _, err := mkfs.Newfs(ctx, dev, mkfs.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
	if _, _, err := ondisk.FindSuper(dev, dev.Size()); err == nil {
		t.Error("an unfinished volume has a superblock")
	}
}

// TestNewfsSize is for sizes that are not those of the disk.
func TestNewfsSize(t *testing.T) {
	for _, c := range []struct{ size, want int64 }{
		{0, 10 << 20}, {4 << 20, 4 << 20}, {-(2 << 20), 8 << 20}, {11 << 20, -1}, {-(11 << 20), -1}, {math.MinInt64, -1},
	} {
		r, err := mkfs.Newfs(context.Background(), blockdev.NewMemory(10<<20), mkfs.Options{Size: c.size})
		var refused *mkfs.Error
		switch {
		case c.want < 0:
			if !errors.As(err, &refused) || refused.Code != 13 {
				t.Errorf("size %d: %v, want a refusal with code 13", c.size, err)
			}
		case err != nil:
			t.Errorf("size %d: %v", c.size, err)
		case r.Super.FragOffset(r.Super.Size) != c.want:
			t.Errorf("size %d: made %d bytes, want %d", c.size, r.Super.FragOffset(r.Super.Size), c.want)
		}
	}
}

// TestSectorSizes is for disks with larger sectors, which refuse every transfer that is not of whole ones.
func TestSectorSizes(t *testing.T) {
	maker := plainTree(t)
	for sector := 512; sector <= 8192; sector *= 2 {
		for version := 1; version <= 2; version++ {
			dev, err := blockdev.NewMemorySectors(16<<20, sector)
			if err != nil {
				t.Fatal(err)
			}
			r := newfs(t, dev, mkfs.Options{Version: version, Name: "x"})
			if int(r.Super.FSize) < sector || !strings.Contains(r.Text(mkfs.Sizes, 80), fmt.Sprintf("(%d sectors)", 16<<20/sector)) {
				t.Errorf("sectors of %d bytes: fragments of %d, %s", sector, r.Super.FSize, r.Text(mkfs.Sizes, 80))
			}
			checkClean(t, dev, false)
			m := mkfs.MakefsOptions{Version: version, SectorSize: sector}
			if _, err := mkfs.Makefs(context.Background(), mkfs.OnDevice(noHoles{dev}), mkfs.Source{Dirs: []string{maker.root}}, m); err != nil {
				t.Fatal(err)
			}
			checkClean(t, dev, false)
		}
	}
	dev, err := blockdev.NewMemorySectors(16<<20, 4096)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []mkfs.Options{{FragSize: 1024, BlockSize: 8192}, {SectorSize: 512, FragSize: 2048, BlockSize: 8192}} {
		var refused *mkfs.Error
		if _, err := mkfs.Newfs(context.Background(), dev, o); !errors.As(err, &refused) || refused.Code != 18 {
			t.Errorf("%+v on sectors of 4096: %v, want a refusal with code 18", o, err)
		}
	}
}
