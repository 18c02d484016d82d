package mkfs_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rump/ffs"
	"rump/ffs/mkfs"
	"rump/ffs/ondisk"
	"rump/internal/endian"
	"rump/rumpfs/blockdev"
	"rump/rumpfs/vfs"
	"rump/tests/golden"
)

// makefs makes an image on a memory disk, checks it and returns it.
func makefs(tb testing.TB, src mkfs.Source, m mkfs.MakefsOptions) (*blockdev.Memory, mkfs.MakefsReport) {
	tb.Helper()
	dev := blockdev.NewMemory(4 << 30)
	if m.Now.IsZero() {
		m.Now = now
	}
	r, err := mkfs.Makefs(context.Background(), mkfs.OnDevice(dev), src, m)
	if err != nil {
		tb.Fatalf("makefs %+v: %v", m, err)
	}
	report := checkClean(tb, dev, false)
	if report.Files != r.Files {
		tb.Errorf("the checker counts %d files, makefs %d", report.Files, r.Files)
	}
	return dev, r
}

// content makes n bytes that are different everywhere and for every seed.
func content(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	r.Read(b)
	return b
}

// A treeMaker makes files of a test's tree.
type treeMaker struct {
	tb   testing.TB
	root string
	n    uint64
}

func (t *treeMaker) path(name string) string {
	t.tb.Helper()
	p := filepath.Join(t.root, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.tb.Fatal(err)
	}
	return p
}

func (t *treeMaker) must(err error) {
	t.tb.Helper()
	if err != nil {
		t.tb.Fatal(err)
	}
}

// file makes a regular file of n bytes.
func (t *treeMaker) file(name string, n int) {
	t.tb.Helper()
	t.n++
	t.must(os.WriteFile(t.path(name), content(t.n, n), 0o644))
}

// sparse makes a file of size bytes with a little data at each of the places.
func (t *treeMaker) sparse(name string, size int64, at ...int64) {
	t.tb.Helper()
	f, err := os.Create(t.path(name))
	t.must(err)
	defer f.Close()
	for _, off := range at {
		t.n++
		_, err := f.WriteAt(content(t.n, int(min(5000, size-off))), off)
		t.must(err)
	}
	t.must(f.Truncate(size))
}

// hardTree is a tree with everything that is hard: sizes at every boundary, holes, links, names.
func hardTree(tb testing.TB) string {
	tb.Helper()
	t := &treeMaker{tb: tb, root: tb.TempDir()}
	for _, b := range []int{4096, 8192} {
		for _, n := range []int{0, 1, b/8 - 1, b / 8, b/8 + 1, b - 1, b, b + 1, 5*b + b/2, 12*b - 1, 12 * b, 12*b + 1, 13 * b, 14*b + 7} {
			t.file(fmt.Sprintf("sizes/%d-%d", b, n), n)
		}
	}
	for i := range 120 {
		t.file(fmt.Sprintf("small/%d/f%d", i%7, i), i*37%9000)
	}
	t.file("large", (12+512)*4096+4096*3+77) // into the double indirect of UFS2 with blocks of 4096
	t.sparse("holes/one", 1<<20, 0)
	t.sparse("holes/end", 3<<20+11, 3<<20)
	t.sparse("holes/all", 123456)
	t.sparse("holes/far", 5<<30, 0, 49152, 49152+4096*600, 4<<30)
	t.sparse("holes/tail", 40960+100, 8192)

	t.must(os.Link(t.path("sizes/4096-1"), t.path("links/a")))
	t.must(os.Link(t.path("sizes/4096-1"), t.path("a-first")))
	t.must(os.Link(t.path("large"), t.path("zz/large")))
	t.must(os.Symlink("nowhere", t.path("sym/short")))
	t.must(os.Link(t.path("sym/short"), t.path("sym/short2")))
	for _, n := range []int{1, 58, 59, 60, 61, 118, 119, 120, 121, 500, 1023} {
		t.must(os.Symlink(strings.Repeat("x", n), t.path(fmt.Sprintf("sym/%d", n))))
	}
	for i := range 700 {
		t.file(fmt.Sprintf("wide/%03d%s", i, strings.Repeat("n", i%252)), 0)
	}
	t.file(strings.Repeat("deep/", 60)+"bottom", 10)
	t.must(os.Mkdir(t.path("empty"), 0o700))
	t.file("\xff\x01 odd\nname", 5)
	t.must(syscall.Mkfifo(t.path("fifo"), 0o600))
	if l, err := net.Listen("unix", t.path("socket")); err == nil { // its path may be too long
		l.(*net.UnixListener).SetUnlinkOnClose(false)
		l.Close()
	}
	t.must(os.Chmod(t.path("sizes/4096-0"), 0o4751|os.ModeSetuid|os.ModeSetgid))
	t.must(os.Chmod(t.path("small"), 0o777|os.ModeSticky))
	for i, p := range []string{"large", "sizes/8192-1", "empty", "."} {
		when := time.Unix(int64(1000000000+i), int64(123456789+i))
		t.must(os.Chtimes(t.path(p), when, when))
	}
	return t.root
}

// A fileInfo is what has to be the same on both sides.
type fileInfo struct {
	Kind     byte
	Mode     uint32
	UID, GID uint32
	Nlink    uint32
	Size     int64
	Mtime    vfs.Time
	Target   string
	Sum      string
}

// hostTree describes a tree of the host. Sums are made of files up to 96 MiB, as golden.Read does.
func hostTree(tb testing.TB, root string) (files map[string]fileInfo, same map[string]string) {
	tb.Helper()
	files, same = map[string]fileInfo{}, map[string]string{}
	first := map[uint64]string{}
	names := map[uint64]uint32{}
	inos := map[string]uint64{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st syscall.Stat_t
		if err := syscall.Lstat(path, &st); err != nil {
			return err
		}
		rel := "/" + strings.TrimPrefix(strings.TrimPrefix(path, root), "/")
		f := fileInfo{
			Kind: vfs.Kind(st.Mode >> 12).Letter(), Mode: st.Mode & 0o7777, UID: st.Uid, GID: st.Gid,
			Mtime: vfs.Time{Sec: st.Mtim.Sec, Nsec: int32(st.Mtim.Nsec)},
		}
		switch f.Kind {
		case '-':
			f.Kind, f.Size = 'f', st.Size
			if st.Size <= 96<<20 {
				f.Sum = fileSum(tb, path)
			}
		case 'l':
			f.Target, err = os.Readlink(path)
			f.Size = int64(len(f.Target))
		}
		files[rel] = f
		if f.Kind != 'd' {
			if p, ok := first[st.Ino]; ok {
				same[rel] = p
			} else {
				first[st.Ino] = rel
			}
			names[st.Ino]++
			inos[rel] = st.Ino
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	for rel, ino := range inos {
		f := files[rel]
		f.Nlink = names[ino]
		files[rel] = f
	}
	return files, same
}

func fileSum(tb testing.TB, path string) string {
	tb.Helper()
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		tb.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// readImage reads a whole image by way of the file system.
func readImage(tb testing.TB, dev blockdev.Device) []golden.Entry {
	tb.Helper()
	f, err := ffs.Mount(context.Background(), dev, ffs.Options{ReadOnly: true})
	if err != nil {
		tb.Fatal(err)
	}
	entries, err := golden.Read(context.Background(), f)
	if err != nil {
		tb.Fatal(err)
	}
	return entries
}

// checkTree compares an image with the tree of the host that it was made from.
func checkTree(tb testing.TB, dev blockdev.Device, files map[string]fileInfo, same map[string]string) {
	tb.Helper()
	inos := map[string]vfs.Ino{}
	reports := 0
	complain := func(format string, a ...any) {
		tb.Helper()
		if reports++; reports < 10 {
			tb.Errorf(format, a...)
		}
	}
	entries := readImage(tb, dev)
	for _, e := range entries {
		want, ok := files[e.Path]
		if !ok {
			complain("%s is not in the tree", e.Path)
			continue
		}
		inos[e.Path] = e.Ino
		got := fileInfo{Kind: e.Type, Mode: e.Mode, UID: e.UID, GID: e.GID, Nlink: e.Nlink, Size: e.Size, Mtime: e.Mtime, Target: e.Target, Sum: e.Sum}
		if e.Type == 'd' {
			got.Size, got.Nlink = 0, 0 // the checker's work
		}
		if got != want {
			complain("%s: %+v, want %+v", e.Path, got, want)
		}
	}
	if len(entries) != len(files) {
		complain("%d names, want %d", len(entries), len(files))
	}
	for a, b := range same {
		if inos[a] != inos[b] {
			complain("%s and %s are two files", a, b)
		}
	}
}

func TestMakefsEveryShape(t *testing.T) {
	root := hardTree(t)
	files, same := hostTree(t, root)
	shapes := 0
	for version := 1; version <= 2; version++ {
		for _, size := range [][2]int{{8192, 1024}, {4096, 512}, {16384, 2048}, {65536, 8192}, {4096, 4096}, {8192, 2048}, {65536, 65536}, {32768, 4096}} {
			if shapes++; testing.Short() && shapes%3 != 0 {
				continue
			}
			m := mkfs.MakefsOptions{Version: version, BlockSize: size[0], FragSize: size[1], Order: orderOf(shapes&1 == 1)}
			t.Run(fmt.Sprintf("ufs%d-%v-%d-%d", version, m.Order, size[0], size[1]), func(t *testing.T) {
				dev, _ := makefs(t, mkfs.Source{Dirs: []string{root}}, m)
				checkTree(t, dev, files, same)
			})
		}
	}
}

// TestMakefsHoles looks at the space that files with holes take.
func TestMakefsHoles(t *testing.T) {
	root := hardTree(t)
	dev, _ := makefs(t, mkfs.Source{Dirs: []string{root}}, mkfs.MakefsOptions{Version: 2})
	if info, err := os.Stat(filepath.Join(root, "holes/all")); err != nil || info.Sys().(*syscall.Stat_t).Blocks > 0 {
		t.Skip("the host's file system has no holes")
	}
	// Sectors of 512 bytes: 8 KiB blocks, the tail in fragments of 1 KiB, indirect blocks.
	want := map[string]int64{
		"/holes/all": 0, "/holes/one": 16, "/holes/end": 32, "/holes/tail": 16,
		"/holes/far": 16 + 16 + 16*2 + 16*2 + 2*16 + 16,
	}
	for _, e := range readImage(t, dev) {
		if n, ok := want[e.Path]; ok && e.Blocks > n+16 {
			t.Errorf("%s takes %d sectors, want about %d", e.Path, e.Blocks, n)
		}
	}
}

func TestMakefsSizes(t *testing.T) {
	root := hardTree(t)
	src := mkfs.Source{Dirs: []string{root}}
	_, plain := makefs(t, src, mkfs.MakefsOptions{Name: "x"})
	for _, c := range []struct {
		name string
		m    mkfs.MakefsOptions
		ok   func(r mkfs.MakefsReport) bool
	}{
		{"-M 64m", mkfs.MakefsOptions{MinSize: 64 << 20}, func(r mkfs.MakefsReport) bool { return r.Bytes == 64<<20 }},
		{"-s 50000000", mkfs.MakefsOptions{MinSize: 50000000, MaxSize: 50000000}, func(r mkfs.MakefsReport) bool { return r.Bytes == 50000000 }},
		{"-b 10m", mkfs.MakefsOptions{FreeBlocks: mkfs.Amount{N: 10 << 20}}, func(r mkfs.MakefsReport) bool { return available(r) >= 10<<20 && r.Bytes < plain.Bytes+12<<20 }},
		{"-b 50%", mkfs.MakefsOptions{FreeBlocks: mkfs.Amount{N: 50, Percent: true}}, func(r mkfs.MakefsReport) bool { return available(r) >= plain.Bytes/3 && r.Bytes < 2*plain.Bytes }},
		{"-f 5000", mkfs.MakefsOptions{FreeFiles: mkfs.Amount{N: 5000}}, func(r mkfs.MakefsReport) bool { return r.Super.Total.FreeInodes >= 5000 }},
		{"-f 100%", mkfs.MakefsOptions{FreeFiles: mkfs.Amount{N: 100, Percent: true}}, func(r mkfs.MakefsReport) bool { return r.Super.Total.FreeInodes >= r.Files }},
		{"-o density=1024", mkfs.MakefsOptions{Density: 1024}, func(r mkfs.MakefsReport) bool { return int64(r.Super.MaxIno()) >= r.Bytes/1100 }},
		{"-o minfree=0", mkfs.MakefsOptions{MinFree: mkfs.Ptr(0)}, func(r mkfs.MakefsReport) bool { return r.Bytes < plain.Bytes && r.Super.Optim == ondisk.OptimSpace }},
		{"-o minfree=60", mkfs.MakefsOptions{MinFree: mkfs.Ptr(60)}, func(r mkfs.MakefsReport) bool { return r.Bytes > 2*plain.Bytes }},
		{"-o maxbpcg=2000", mkfs.MakefsOptions{MaxBlocksPerGroup: 2000}, func(r mkfs.MakefsReport) bool { return r.Super.Fpg <= 2000 && r.Super.Ncg == 3 }},
		{"-R 1m", mkfs.MakefsOptions{RoundTo: 1 << 20}, func(r mkfs.MakefsReport) bool { return r.Bytes%(1<<20) == 0 && r.Bytes < plain.Bytes+1<<20 }},
		{"-S 4096", mkfs.MakefsOptions{SectorSize: 4096}, func(r mkfs.MakefsReport) bool { return r.Super.FSize == 4096 }},
		{"-o softupdates,label", mkfs.MakefsOptions{SoftUpdates: true, Label: "disk"}, func(r mkfs.MakefsReport) bool {
			return r.Super.Flags == ondisk.FlagSoftUpdate && r.Super.VolName == "disk"
		}},
		{"2 at 8192", mkfs.MakefsOptions{Version: 2, HistoricSuper: true}, func(r mkfs.MakefsReport) bool { return r.Super.Location == 8192 }},
		{"2 at 8192, 64k", mkfs.MakefsOptions{Version: 2, HistoricSuper: true, BlockSize: 65536}, func(r mkfs.MakefsReport) bool { return r.Super.Location == 8192 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dev, r := makefs(t, src, c.m)
			if !c.ok(r) {
				t.Errorf("%d bytes, available %d, super %+v (plain: %d bytes)", r.Bytes, available(r), r.Super, plain.Bytes)
			}
			s, _, err := ondisk.FindSuper(dev, dev.Size())
			if err != nil || s.Location != r.Super.Location {
				t.Errorf("superblock found: %v, %v", s, err)
			}
		})
	}
	if available(plain) < 0 || available(plain) > plain.Bytes/20 {
		t.Errorf("%d bytes are available in an image of %d without a wish for any", available(plain), plain.Bytes)
	}
}

// available is how much an ordinary user can still write.
func available(r mkfs.MakefsReport) int64 {
	s := r.Super
	frags := s.Total.FreeBlocks*int64(s.Frag) + s.Total.FreeFrags - int64(s.DSize)*int64(s.MinFree)/100
	return frags * int64(s.FSize)
}

func TestMakefsRefuses(t *testing.T) {
	root := hardTree(t)
	src := mkfs.Source{Dirs: []string{root}}
	for _, c := range []struct {
		m    mkfs.MakefsOptions
		code int
		msg  string
	}{
		{mkfs.MakefsOptions{MaxSize: 1 << 20, Name: "x.img"}, 1, "`x.img' size of "},
		{mkfs.MakefsOptions{MinSize: 1 << 20, MaxSize: 1 << 20, Name: "x.img"}, 1, " is larger than the maxsize of 1048576."},
		{mkfs.MakefsOptions{MinSize: 2, MaxSize: 1}, 1, "minimum size 2 is larger than the maximum, 1"},
		{mkfs.MakefsOptions{BlockSize: 5000}, 16, "block size must be a power of 2, not 5000"},
		{mkfs.MakefsOptions{FragSize: 512, SectorSize: 1024}, 18, "fragment size 512 is too small, minimum is 1024"},
		{mkfs.MakefsOptions{Xattrs: true}, 1, "extended attributes need version 2"},
		{mkfs.MakefsOptions{Version: 7}, 1, "no such version of the file system: 7"},
		{mkfs.MakefsOptions{MinSize: -1}, 1, "a negative size"},
	} {
		dev := blockdev.NewMemory(1 << 30)
		_, err := mkfs.Makefs(context.Background(), mkfs.OnDevice(dev), src, c.m)
		var refused *mkfs.Error
		if !errors.As(err, &refused) || refused.Code != c.code || !strings.Contains(refused.Msg, c.msg) {
			t.Errorf("%+v: %v, want %d %q", c.m, err, c.code, c.msg)
		}
		if dev.Resident() > 0 {
			t.Errorf("%+v: something was written", c.m)
		}
	}
}

// TestMakefsExactFit makes images of all sizes around the smallest: each is refused, or holds the tree.
func TestMakefsExactFit(t *testing.T) {
	m := &treeMaker{tb: t, root: t.TempDir()}
	for i := range 40 {
		m.file(fmt.Sprintf("d%d/f%d", i%3, i), i*777)
	}
	src := mkfs.Source{Dirs: []string{m.root}}
	files, same := hostTree(t, m.root)
	fits := 0
	for kb := int64(400); kb < 1000; kb += 8 {
		dev := blockdev.NewMemory(1 << 20)
		_, err := mkfs.Makefs(context.Background(), mkfs.OnDevice(dev), src, mkfs.MakefsOptions{MinSize: kb << 10, MaxSize: kb << 10})
		var refused *mkfs.Error
		if errors.As(err, &refused) {
			if fits > 0 {
				t.Errorf("%d KiB refused though less was enough: %v", kb, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if fits++; fits < 5 {
			checkClean(t, dev, false)
			checkTree(t, dev, files, same)
		}
	}
	if fits == 0 || fits == 75 {
		t.Errorf("%d of 75 sizes fit", fits)
	}
}

func TestMakefsOnDirtyDisk(t *testing.T) {
	root := hardTree(t)
	files, same := hostTree(t, root)
	for version := 1; version <= 2; version++ {
		dev := dirty(48 << 20)
		m := mkfs.MakefsOptions{Version: version, Order: endian.Big}
		if _, err := mkfs.Makefs(context.Background(), mkfs.OnDevice(noHoles{dev}), mkfs.Source{Dirs: []string{root}}, m); err != nil {
			t.Fatal(err)
		}
		checkClean(t, dev, false)
		checkTree(t, dev, files, same)
	}
}
