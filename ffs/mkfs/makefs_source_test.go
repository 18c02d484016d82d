package mkfs_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rump/ffs"
	"rump/ffs/mkfs"
	"rump/ffs/mkfs/tree"
	"rump/ffs/ondisk"
	"rump/internal/endian"
	"rump/rumpfs/blockdev"
	"rump/rumpfs/vfs"
)

// asTar packs a tree, without its sockets, children before parents.
func asTar(tb testing.TB, root string) *bytes.Reader {
	tb.Helper()
	var paths []string
	filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		paths = append(paths, p)
		return err
	})
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	first := map[uint64]string{}
	for i := len(paths) - 1; i >= 0; i-- {
		info, err := os.Lstat(paths[i])
		if err != nil {
			tb.Fatal(err)
		}
		if info.Mode()&fs.ModeSocket != 0 {
			continue
		}
		link := ""
		if info.Mode()&fs.ModeSymlink != 0 {
			link, _ = os.Readlink(paths[i])
		}
		h, err := tar.FileInfoHeader(info, link)
		if err != nil {
			tb.Fatal(err)
		}
		h.Format = tar.FormatPAX
		h.Name = strings.TrimPrefix(strings.TrimPrefix(paths[i], root), "/")
		if h.Name == "" {
			h.Name = "."
		}
		if st := info.Sys().(*syscall.Stat_t); st.Nlink > 1 && !info.IsDir() {
			if other, ok := first[st.Ino]; ok {
				h.Typeflag, h.Linkname, h.Size = tar.TypeLink, other, 0
			} else {
				first[st.Ino] = h.Name
			}
		}
		if err := w.WriteHeader(h); err != nil {
			tb.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			data, err := os.ReadFile(paths[i])
			if err != nil {
				tb.Fatal(err)
			}
			w.Write(data)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return bytes.NewReader(b.Bytes())
}

// asSpec describes a tree without hard links as a specification whose files have their contents from the tree; lines backwards.
func asSpec(tb testing.TB, root string) io.Reader {
	tb.Helper()
	var out []string
	filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		var st syscall.Stat_t
		if err := syscall.Lstat(p, &st); err != nil {
			tb.Fatal(err)
		}
		kind := map[uint32]string{syscall.S_IFDIR: "dir", syscall.S_IFREG: "file", syscall.S_IFLNK: "link", syscall.S_IFIFO: "fifo"}[st.Mode&syscall.S_IFMT]
		line := fmt.Sprintf("./%s type=%s mode=%o uid=%d gid=%d time=%d.%09d", vis(strings.TrimPrefix(strings.TrimPrefix(p, root), "/")), kind,
			st.Mode&0o7777, st.Uid, st.Gid, st.Mtim.Sec, st.Mtim.Nsec)
		switch kind {
		case "file":
			line += " contents=" + vis(p)
		case "link":
			target, _ := os.Readlink(p)
			line += " link=" + vis(target)
		}
		out = append([]string{line}, out...)
		return err
	})
	return strings.NewReader(strings.Join(out, "\n"))
}

func vis(s string) string {
	var out strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == '\\' || c == '#' || c >= 0x7f {
			fmt.Fprintf(&out, `\%03o`, c)
		} else {
			out.WriteByte(c)
		}
	}
	return out.String()
}

// plainTree has neither holes, hard links nor sockets: what all kinds of sources can say the same way.
func plainTree(tb testing.TB) *treeMaker {
	t := &treeMaker{tb: tb, root: tb.TempDir()}
	for i := range 60 {
		t.file(fmt.Sprintf("d%d/e%d/f%d", i%4, i%3, i), i*i*40)
	}
	t.must(os.Symlink(strings.Repeat("far/", 40), t.path("d1/long")))
	t.must(os.Symlink("near", t.path("d1/short")))
	t.must(syscall.Mkfifo(t.path("d2/fifo"), 0o600))
	t.file("d3/ odd\\\xfe", 9)
	t.must(os.Mkdir(t.path("void"), 0o500))
	return t
}

// image is what Makefs writes, as bytes of the size it reports.
func image(tb testing.TB, src mkfs.Source, m mkfs.MakefsOptions) []byte {
	tb.Helper()
	dev, r := makefs(tb, src, m)
	b := make([]byte, r.Bytes)
	readAt(tb, dev, b, 0)
	return b
}

func TestMakefsSameBytesFromEverySource(t *testing.T) {
	for _, links := range []bool{false, true} {
		maker := plainTree(t)
		if links {
			maker.must(os.Link(maker.path("d0/e0/f0"), maker.path("a")))
			maker.must(os.Link(maker.path("d1/e1/f1"), maker.path("void2/z")))
			maker.must(os.Link(maker.path("d1/e1/f1"), maker.path("d0/e0/f99")))
			maker.must(os.Link(maker.path("d1/short"), maker.path("d1/short2")))
		}
		m := mkfs.MakefsOptions{Version: 2, Reproducible: true, Order: endian.Big}
		want := image(t, mkfs.Source{Dirs: []string{maker.root}}, m)
		same := func(what string, src mkfs.Source) {
			t.Helper()
			if i := firstDifference(pad(image(t, src, m), len(want)), want); i >= 0 {
				t.Errorf("links %v: from %s another image, from byte %d on", links, what, i)
			}
		}
		same("the directory again", mkfs.Source{Dirs: []string{maker.root}})
		same("a tar archive", mkfs.Source{Tars: []tree.Archive{{Name: "tar", Reader: asTar(t, maker.root)}}})
		same("a tar pipe", mkfs.Source{Tars: []tree.Archive{{Name: "tar", Reader: struct{ io.Reader }{asTar(t, maker.root)}}}})
		if !links {
			same("a specification", mkfs.Source{Specs: []tree.Spec{{Name: "spec", Reader: asSpec(t, maker.root)}}})
			same("a directory with a specification", mkfs.Source{Dirs: []string{maker.root}, Specs: []tree.Spec{{Name: "spec", Reader: asSpec(t, maker.root)}}})
		}
	}
}

func pad(b []byte, n int) []byte { return append(b, make([]byte, max(0, n-len(b)))...)[:n] }

// TestMakefsReproducible changes everything that is not to matter: other times of access and change, another day, other
// inode numbers on the host.
func TestMakefsReproducible(t *testing.T) {
	one, two := plainTree(t), plainTree(t)
	filepath.WalkDir(one.root, func(p string, d fs.DirEntry, err error) error {
		rel := strings.TrimPrefix(p, one.root)
		if d.Type()&fs.ModeSymlink == 0 {
			when := time.Unix(1600000000+int64(len(rel)), 0)
			one.must(os.Chtimes(p, when.Add(time.Hour), when))
			one.must(os.Chtimes(two.root+rel, when.Add(2*time.Hour), when))
		}
		return err
	})
	epoch := time.Unix(1700000000, 0)
	m := mkfs.MakefsOptions{Version: 2, Reproducible: true, MaxTime: &epoch, Now: time.Unix(1800000000, 0)}
	a := image(t, mkfs.Source{Dirs: []string{one.root}}, m)
	m.Now = time.Unix(1900000000, 0)
	b := image(t, mkfs.Source{Dirs: []string{two.root}}, m)
	if i := firstDifference(a, b); i >= 0 {
		t.Errorf("two images of the same tree differ at byte %d", i)
	}
	s, _, err := ondisk.FindSuper(bytes.NewReader(a), int64(len(a)))
	if err != nil || s.Time != epoch.Unix() || s.ID[0] != int32(epoch.Unix()) {
		t.Errorf("the superblock's time is %d, want %d (%v)", s.Time, epoch.Unix(), err)
	}
	m.Reproducible = false
	if firstDifference(a, image(t, mkfs.Source{Dirs: []string{one.root}}, m)) < 0 {
		t.Error("without the wish the generations are not random")
	}
}

func TestMakefsTimesAndOwners(t *testing.T) {
	maker := plainTree(t)
	early, late := time.Unix(1000, 5), time.Unix(1<<32, 0)
	maker.must(os.Chtimes(maker.path("d1/e1/f1"), early, early))
	maker.must(os.Chtimes(maker.path("d2/e2/f2"), late, late))
	uid, gid := uint32(1234567), uint32(7)
	mark := time.Unix(1500000000, 7)
	src := mkfs.Source{Dirs: []string{maker.root}}
	for _, c := range []struct {
		m         mkfs.MakefsOptions
		old, new_ vfs.Time
	}{
		{mkfs.MakefsOptions{Version: 2}, vfs.Time{Sec: 1000, Nsec: 5}, vfs.Time{Sec: 1 << 32}},
		{mkfs.MakefsOptions{Version: 2, MaxTime: &mark}, vfs.Time{Sec: 1000, Nsec: 5}, vfs.Time{Sec: 1500000000, Nsec: 7}},
		{mkfs.MakefsOptions{Version: 2, AllTimes: &mark}, vfs.Time{Sec: 1500000000, Nsec: 7}, vfs.Time{Sec: 1500000000, Nsec: 7}},
		{mkfs.MakefsOptions{Version: 1}, vfs.Time{Sec: 1000, Nsec: 5}, vfs.Time{Sec: 1<<31 - 1}},
	} {
		c.m.Owner, c.m.Group = &uid, &gid
		dev, _ := makefs(t, src, c.m)
		for _, e := range readImage(t, dev) {
			if e.UID != uid || e.GID != gid {
				t.Fatalf("%s belongs to %d:%d", e.Path, e.UID, e.GID)
			}
			if e.Path == "/d1/e1/f1" && e.Mtime != c.old || e.Path == "/d2/e2/f2" && e.Mtime != c.new_ {
				t.Errorf("%+v: %s has time %+v", c.m, e.Path, e.Mtime)
			}
		}
	}
}

// TestMakefsDevices is for what an ordinary user cannot have on the host.
func TestMakefsDevices(t *testing.T) {
	spec := `. type=dir mode=0755 uid=0 gid=0
null type=char mode=0666 uid=0 gid=0 device=netbsd,2,2
disk type=block mode=0640 uid=0 gid=5 device=netbsd,4095,1048575
flagged type=file mode=0444 uid=4294967294 gid=0 flags=schg,arch
`
	for version := 1; version <= 2; version++ {
		dev, _ := makefs(t, mkfs.Source{Specs: []tree.Spec{{Name: "spec", Reader: strings.NewReader(spec)}}}, mkfs.MakefsOptions{Version: version})
		got := map[string]string{}
		for _, e := range readImage(t, dev) {
			got[e.Path] = fmt.Sprintf("%c %o %d:%d %d,%d %#x", e.Type, e.Mode, e.UID, e.GID, e.Rdev.Major, e.Rdev.Minor, e.Flags)
		}
		for path, want := range map[string]string{
			"/null": "c 666 0:0 2,2 0x0", "/disk": "b 640 0:5 4095,1048575 0x0", "/flagged": "f 444 4294967294:0 0,0 0x30000", "/": "d 755 0:0 0,0 0x0",
		} {
			if got[path] != want {
				t.Errorf("UFS%d: %s is %q, want %q", version, path, got[path], want)
			}
		}
	}
}

func TestMakefsXattrs(t *testing.T) {
	maker := plainTree(t)
	file, dir := maker.path("d1/e1/f1"), maker.path("d2")
	big := content(99, 9000)
	if err := syscall.Setxattr(file, "user.test", []byte("value"), 0); err != nil {
		t.Skipf("the host's file system has no extended attributes: %v", err)
	}
	maker.must(syscall.Setxattr(dir, "user.of.dir", nil, 0))
	if err := syscall.Setxattr(file, "user.big", big, 0); err != nil {
		big = big[:2000]
		maker.must(syscall.Setxattr(file, "user.big", big, 0))
	}
	for _, m := range []mkfs.MakefsOptions{{Version: 2, ExtAttr: true}, {Version: 2, Xattrs: true, BlockSize: 4096, FragSize: 512, Order: endian.Big}} {
		dev, _ := makefs(t, mkfs.Source{Dirs: []string{maker.root}}, m)
		f, err := ffs.Mount(context.Background(), dev, ffs.Options{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		inos := map[string]vfs.Ino{}
		for _, e := range readImage(t, dev) {
			inos[e.Path] = e.Ino
		}
		for _, c := range []struct{ path, name, want string }{{"/d1/e1/f1", "test", "value"}, {"/d1/e1/f1", "big", string(big)}, {"/d2", "of.dir", ""}} {
			n, err := f.Node(context.Background(), inos[c.path])
			if err != nil {
				t.Fatal(err)
			}
			x, ok := n.(vfs.Xattrer)
			if !ok {
				t.Fatal("the file system has no extended attributes")
			}
			if got, err := x.GetXattr(context.Background(), vfs.XattrUser, c.name); err != nil || string(got) != c.want {
				t.Errorf("%s: %s has %d bytes, %v; want %d", c.path, c.name, len(got), err, len(c.want))
			}
		}
	}
}

func TestMakefsToFile(t *testing.T) {
	maker := plainTree(t)
	maker.file("large", 5<<20+333)            // the host copies it by itself
	out := filepath.Join(maker.root, "image") // in the tree, where it must not find itself
	maker.must(os.WriteFile(out, []byte("something old"), 0o644))
	src := mkfs.Source{Dirs: []string{maker.root}}
	r, err := mkfs.Makefs(context.Background(), mkfs.ToFile(out, 0), src, mkfs.MakefsOptions{Version: 2})
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(out)
	if err != nil || info.Size() != r.Bytes {
		t.Fatalf("the file has %v bytes (%v), the report says %d", info.Size(), err, r.Bytes)
	}
	files, same := hostTree(t, maker.root)
	delete(files, "/image")
	dev, err := blockdev.OpenFile(out, blockdev.FileOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	checkClean(t, dev, false)
	checkTree(t, dev, files, same)

	// Inside a file that stays what it is otherwise.
	disk := filepath.Join(t.TempDir(), "disk")
	maker.must(os.WriteFile(disk, bytes.Repeat([]byte{0xaa}, 12<<20), 0o644))
	maker.must(os.Remove(out))
	r, err = mkfs.Makefs(context.Background(), mkfs.ToFile(disk, 1<<20), src, mkfs.MakefsOptions{Version: 1})
	if err != nil {
		t.Fatal(err)
	}
	files, same = hostTree(t, maker.root)
	b, err := os.ReadFile(disk)
	if err != nil || len(b) != 12<<20 || b[1<<20-1] != 0xaa || b[1<<20+r.Bytes] != 0xaa {
		t.Errorf("what was around the image has changed (%v, %d bytes)", err, len(b))
	}
	part := blockdev.NewMemoryFrom(b[1<<20 : 1<<20+r.Bytes])
	checkClean(t, part, false)
	checkTree(t, part, files, same)
}

// TestMakefsFails leaves no file behind when it does.
func TestMakefsFails(t *testing.T) {
	maker := plainTree(t)
	out := filepath.Join(t.TempDir(), "image")
	ctx, cancel := context.WithCancel(context.Background())
	m := mkfs.MakefsOptions{Progress: func(done, total int64) { cancel() }}
	_, err := mkfs.Makefs(ctx, mkfs.ToFile(out, 0), mkfs.Source{Dirs: []string{maker.root}}, m)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := os.Stat(out); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file was left: %v", err)
	}
	dev := blockdev.NewMemory(1 << 20)
	maker.file("large", 2<<20)
	if _, err := mkfs.Makefs(context.Background(), mkfs.OnDevice(dev), mkfs.Source{Dirs: []string{maker.root}}, mkfs.MakefsOptions{}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("on too small a disk: %v, want ENOSPC", err)
	}
	if _, err := mkfs.Makefs(context.Background(), mkfs.ToFile("/nonexistent/x", 0), mkfs.Source{Dirs: []string{maker.root}}, mkfs.MakefsOptions{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("to a directory that is not there: %v", err)
	}
	if os.Getuid() != 0 {
		maker.must(os.Chmod(maker.path("large"), 0))
		if _, err := mkfs.Makefs(context.Background(), mkfs.ToFile(out, 0), mkfs.Source{Dirs: []string{maker.root}}, mkfs.MakefsOptions{}); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("a file that cannot be read: %v", err)
		}
	}
}

// TestMakefsFilesChange has files become shorter, longer and other things while the image is made.
func TestMakefsFilesChange(t *testing.T) {
	maker := &treeMaker{tb: t, root: t.TempDir()}
	for i := range 40 {
		maker.file(fmt.Sprintf("f%02d", i), 200<<10)
	}
	// The first file is read when most others have not been.
	var once sync.Once
	m := mkfs.MakefsOptions{Progress: func(done, total int64) {
		once.Do(func() {
			os.Truncate(maker.path("f38"), 1000)
			os.Truncate(maker.path("f39"), 1<<20)
		})
	}}
	dev, r := makefs(t, mkfs.Source{Dirs: []string{maker.root}}, m)
	if r.NShort != 1 || len(r.Short) != 1 || !strings.HasSuffix(r.Short[0], "/f38") {
		t.Errorf("files that became shorter: %d, %q", r.NShort, r.Short)
	}
	for _, e := range readImage(t, dev) {
		if e.Type == 'f' && e.Size != 200<<10 {
			t.Errorf("%s has %d bytes", e.Path, e.Size)
		}
	}
}

// TestMakefsMemory makes an image of more names than fit in the memory that it may have.
func TestMakefsMemory(t *testing.T) {
	names := 100000
	if testing.Short() {
		names = 30000
	}
	r, w := io.Pipe()
	go func() {
		fmt.Fprintln(w, "/set type=file uid=0 gid=0 mode=0644 time=1")
		fmt.Fprintln(w, ". type=dir mode=0755")
		for i := range names {
			fmt.Fprintf(w, "./directory-%d/with/something/in/it/file-number-%d\n", i%997, i)
		}
		w.Close()
	}()
	var peak uint64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		for {
			var ms runtime.MemStats
			runtime.ReadMemStats(&ms)
			peak = max(peak, ms.HeapInuse+ms.StackInuse)
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	out := filepath.Join(t.TempDir(), "image")
	report, err := mkfs.Makefs(context.Background(), mkfs.ToFile(out, 0), mkfs.Source{Specs: []tree.Spec{{Name: "spec", Reader: r}}}, mkfs.MakefsOptions{Version: 2, TempDir: t.TempDir()})
	close(stop)
	wg.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(names + 997*5 + 1); report.Files != want {
		t.Errorf("%d files, want %d", report.Files, want)
	}
	if peak > 64<<20 {
		t.Errorf("%d MiB of memory in use, want at most 64", peak>>20)
	}
	t.Logf("%d files with at most %d MiB", report.Files, peak>>20)
}
