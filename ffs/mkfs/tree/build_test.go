package tree_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"rump/ffs/mkfs/tree"
	"rump/ffs/ondisk"
)

var now = time.Unix(1795600000, 0)

// build makes a list that is closed at the end of the test.
func build(tb testing.TB, src tree.Source) *tree.List {
	tb.Helper()
	src.Now = now
	l, err := tree.Build(context.Background(), src)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.Close() })
	return l
}

// lines writes a list as text, a line a name: path, kind, mode, owner, number, links, size or target.
func lines(tb testing.TB, l *tree.List) []string {
	tb.Helper()
	var out []string
	r := l.Reader()
	for {
		d, err := r.NextDir()
		if err == io.EOF {
			return out
		}
		if err != nil {
			tb.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%s/ #%d in #%d", d.Path, d.Index, d.Parent))
		for {
			e, err := r.Next()
			if err != nil {
				tb.Fatal(err)
			}
			if e == nil {
				break
			}
			text := fmt.Sprintf("%s %o %d:%d #%d", e.Name, e.Mode, e.UID, e.GID, e.Index)
			if e.Nlink > 1 {
				text += fmt.Sprintf(" x%d", e.Nlink)
			}
			if !e.First {
				text += " again"
			}
			switch {
			case e.IsRegular():
				text += fmt.Sprintf(" %d bytes", e.Size)
			case e.IsSymlink():
				text += " -> " + string(e.Target)
			case e.IsDevice():
				text += fmt.Sprintf(" %d,%d", e.Major, e.Minor)
			}
			out = append(out, text)
		}
	}
}

func equalLines(tb testing.TB, got, want []string) {
	tb.Helper()
	if !slices.Equal(got, want) {
		tb.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// hostFiles makes files of a host directory; a name that ends in a slash is a directory.
func hostFiles(tb testing.TB, names ...string) string {
	tb.Helper()
	root := tb.TempDir()
	for _, n := range names {
		p := filepath.Join(root, n)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			tb.Fatal(err)
		}
		if strings.HasSuffix(n, "/") {
			if err := os.MkdirAll(p, 0o755); err != nil {
				tb.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(p, []byte(n), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	return root
}

// owner is who runs the tests, as lines shows it.
var owner = fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid())

func TestOrderAndLinks(t *testing.T) {
	root := hostFiles(t, "b/x", "b/a/deep", "a/z", "a.c", "a/", "c/", "a/b/q")
	for from, to := range map[string]string{"b/x": "a/again", "a/z": "b/a/z", "a/b/q": "0"} {
		if err := os.Link(filepath.Join(root, from), filepath.Join(root, to)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(filepath.Join(root, "b/x"), filepath.Join(root, "c/third")); err != nil {
		t.Fatal(err)
	}
	l := build(t, tree.Source{Dirs: []string{root}})
	o := " " + owner + " "
	equalLines(t, lines(t, l), []string{
		"/ #0 in #0",
		"0 100644" + o + "#1 x2 5 bytes",
		"a 40755" + o + "#2",
		"a.c 100644" + o + "#3 3 bytes",
		"b 40755" + o + "#4",
		"c 40755" + o + "#5",
		"a/ #2 in #0",
		"again 100644" + o + "#6 x3 3 bytes",
		"b 40755" + o + "#7",
		"z 100644" + o + "#8 x2 3 bytes",
		"b/ #4 in #0",
		"a 40755" + o + "#9",
		"x 100644" + o + "#6 again 3 bytes",
		"c/ #5 in #0",
		"third 100644" + o + "#6 again 3 bytes",
		"a/b/ #7 in #2",
		"q 100644" + o + "#1 again 5 bytes",
		"b/a/ #9 in #4",
		"deep 100644" + o + "#10 8 bytes",
		"z 100644" + o + "#8 again 3 bytes",
	})
	if l.Files != 11 || l.Dirs != 6 || l.Names != 14 || l.Bytes != 5+3+3+3+8 {
		t.Errorf("%d files, %d directories, %d names, %d bytes", l.Files, l.Dirs, l.Names, l.Bytes)
	}
}

func TestBigDirectory(t *testing.T) {
	root := t.TempDir()
	const n = 4000
	for i := range n {
		name := fmt.Sprintf("%05d-%s", (i*7919)%n, strings.Repeat("long", 40))
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := lines(t, build(t, tree.Source{Dirs: []string{root}}))
	if len(got) != n+1 || !slices.IsSortedFunc(got[1:], func(a, b string) int { return strings.Compare(a[:5], b[:5]) }) {
		t.Errorf("%d lines, want %d in order", len(got), n+1)
	}
}

func TestDeeperThanAPath(t *testing.T) {
	root := t.TempDir()
	back, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(root)
	name := strings.Repeat("d", 200)
	for range 40 {
		if err := os.Mkdir(name, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chdir(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile("bottom", []byte("found"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("target", "link"); err != nil {
		t.Fatal(err)
	}
	if err := os.Chdir(back); err != nil {
		t.Fatal(err)
	}
	l := build(t, tree.Source{Dirs: []string{root}})
	r := l.Reader()
	for {
		d, err := r.NextDir()
		if err != nil {
			t.Fatal(err)
		}
		e, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if e.IsDir() {
			continue
		}
		o := l.Opener()
		defer o.Close()
		f, err := o.Open(d.ContentOf(e))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		b := make([]byte, 10)
		if n, err := f.ReadAt(b, 0); err != nil || string(b[:n]) != "found" {
			t.Errorf("read %q, %v", b[:n], err)
		}
		break
	}
	cleanDeep(t, root)
}

// cleanDeep removes what the testing package cannot: its paths are too long.
func cleanDeep(t *testing.T, root string) {
	if out, err := exec.Command("rm", "-rf", root).CombinedOutput(); err != nil {
		t.Errorf("rm: %v: %s", err, out)
	}
}

func TestSeveralDirectories(t *testing.T) {
	one := hostFiles(t, "both/a", "both/same", "only1", "sub/x")
	two := hostFiles(t, "both/b", "both/same", "only2", "zz/y")
	_, err := tree.Build(context.Background(), tree.Source{Dirs: []string{one, two}})
	if err == nil || !strings.Contains(err.Error(), `"both/same" is in `+one+" already") {
		t.Errorf("a file in both: %v", err)
	}
	l := build(t, tree.Source{Dirs: []string{one, two}, Replace: true})
	var paths []string
	for _, line := range lines(t, l) {
		name, _, _ := strings.Cut(line, " ")
		paths = append(paths, name)
	}
	equalLines(t, paths, []string{"/", "both", "only1", "only2", "sub", "zz", "both/", "a", "b", "same", "sub/", "x", "zz/", "y"})
	clash := hostFiles(t, "both")
	l = build(t, tree.Source{Dirs: []string{one, clash}, Replace: true})
	if got := lines(t, l); len(got) != 6 || !strings.HasPrefix(got[1], "both 100644") {
		t.Errorf("a file over a directory: %q", got)
	}
}

// archive makes a tar archive of members in the order given.
func archive(tb testing.TB, members ...tar.Header) *bytes.Reader {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range members {
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(h.Name))
		}
		h.ModTime = now
		if err := w.WriteHeader(&h); err != nil {
			tb.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			io.WriteString(w, h.Name)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return bytes.NewReader(b.Bytes())
}

func TestTar(t *testing.T) {
	long := strings.Repeat("long/", 60) + "name"
	r := archive(t,
		tar.Header{Name: "./d/late", Typeflag: tar.TypeReg, Mode: 0o600, Uid: 5, Gid: 6},
		tar.Header{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "d/late", Mode: 0o777},
		tar.Header{Name: "hard2", Typeflag: tar.TypeLink, Linkname: "hard1"},
		tar.Header{Name: "hard1", Typeflag: tar.TypeLink, Linkname: "./d/late"},
		tar.Header{Name: "./d/", Typeflag: tar.TypeDir, Mode: 0o700, Uid: 7},
		tar.Header{Name: "twice", Typeflag: tar.TypeReg, Mode: 0o1},
		tar.Header{Name: "null", Typeflag: tar.TypeChar, Devmajor: 2, Devminor: 2, Mode: 0o666},
		tar.Header{Name: "twice", Typeflag: tar.TypeReg, Mode: 0o2},
		tar.Header{Name: "implied/deep/x", Typeflag: tar.TypeReg, Mode: 0o644},
		tar.Header{Name: "pipe", Typeflag: tar.TypeFifo, Mode: 0o644},
		tar.Header{Name: long, Typeflag: tar.TypeReg, Mode: 0o644},
		tar.Header{Name: "./", Typeflag: tar.TypeDir, Mode: 0o711, Uid: 9, Gid: 9},
	)
	for _, pipe := range []bool{false, true} {
		var in io.Reader = r
		if pipe {
			r.Seek(0, io.SeekStart)
			in = struct{ io.Reader }{r}
		}
		l := build(t, tree.Source{Tars: []tree.Archive{{Name: "x.tar", Reader: in}}})
		got := lines(t, l)
		equalLines(t, got[:17], []string{
			"/ #0 in #0",
			"d 40700 7:0 #1",
			"hard1 100600 5:6 #2 x3 8 bytes",
			"hard2 100600 5:6 #2 again 8 bytes",
			"implied 40755 0:0 #3",
			"link 120777 0:0 #4 -> d/late",
			"long 40755 0:0 #5",
			"null 20666 0:0 #6 2,2",
			"pipe 10644 0:0 #7",
			"twice 100002 0:0 #8 5 bytes",
			"d/ #1 in #0",
			"late 100600 5:6 #2 again 8 bytes",
			"implied/ #3 in #0",
			"deep 40755 0:0 #9",
			"long/ #5 in #0",
			"long 40755 0:0 #10",
			"implied/deep/ #9 in #3",
		})
		if last := got[len(got)-1]; !strings.HasPrefix(last, "name 100644") {
			t.Errorf("the deepest is %q", last)
		}
		if l.Root.Mode != 0o40711 || l.Root.UID != 9 {
			t.Errorf("root: %o %d", l.Root.Mode, l.Root.UID)
		}
		checkContents(t, l, func(path string) string {
			switch path {
			case "hard1":
				return "./d/late"
			case "implied/deep/x", "twice", long:
				return path
			}
			return ""
		})
	}
}

// checkContents reads the files that want knows something of.
func checkContents(tb testing.TB, l *tree.List, want func(path string) string) {
	tb.Helper()
	r := l.Reader()
	o := l.Opener()
	defer o.Close()
	for {
		d, err := r.NextDir()
		if err == io.EOF {
			return
		}
		if err != nil {
			tb.Fatal(err)
		}
		for {
			e, err := r.Next()
			if err != nil {
				tb.Fatal(err)
			}
			if e == nil {
				break
			}
			path := strings.TrimPrefix(d.Path+"/"+string(e.Name), "/")
			if !e.IsRegular() || want(path) == "" {
				continue
			}
			f, err := o.Open(d.ContentOf(e))
			if err != nil {
				tb.Fatal(err)
			}
			b := make([]byte, e.Size)
			if n, err := f.ReadAt(b, 0); err != nil || string(b[:n]) != want(path) {
				tb.Errorf("%s: %d bytes, %v; want %d bytes", path, n, err, len(want(path)))
			}
			f.Close()
		}
	}
}

func TestTarRefuses(t *testing.T) {
	for _, c := range []struct {
		want    string
		members []tar.Header
	}{
		{`"../x": not a path inside a tree`, []tar.Header{{Name: "../x", Typeflag: tar.TypeReg}}},
		{`"a" is not a directory, but something lies in it`, []tar.Header{{Name: "a", Typeflag: tar.TypeReg}, {Name: "a/b", Typeflag: tar.TypeReg}}},
		{`link to "gone", which is not in the archive`, []tar.Header{{Name: "a", Typeflag: tar.TypeLink, Linkname: "gone"}}},
		{`which is not in the archive`, []tar.Header{{Name: "a", Typeflag: tar.TypeLink, Linkname: "b"}, {Name: "b", Typeflag: tar.TypeLink, Linkname: "a"}}},
		{`link to the directory "d"`, []tar.Header{{Name: "d/", Typeflag: tar.TypeDir}, {Name: "a", Typeflag: tar.TypeLink, Linkname: "d"}}},
		{`longer than 1023 bytes`, []tar.Header{{Name: "a", Typeflag: tar.TypeSymlink, Linkname: strings.Repeat("x", 1024)}}},
	} {
		_, err := tree.Build(context.Background(), tree.Source{Tars: []tree.Archive{{Name: "x.tar", Reader: archive(t, c.members...)}}})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "x.tar: ") {
			t.Errorf("%v: %v, want %q", c.members[0].Name, err, c.want)
		}
	}
	_, err := tree.Build(context.Background(), tree.Source{Tars: []tree.Archive{{Name: "x.tar", Reader: strings.NewReader(strings.Repeat("no archive", 200))}}})
	if err == nil || !strings.HasPrefix(err.Error(), "x.tar: ") {
		t.Errorf("no archive: %v", err)
	}
}

// TestTarSparse reads all of GNU's formats of sparse members.
func TestTarSparse(t *testing.T) {
	gnutar, err := exec.LookPath("tar")
	if err != nil {
		if os.Getenv("RUMP_TEST_REQUIRE") == "1" {
			t.Fatal("tar is missing (Debian package tar)")
		}
		t.Skip("tar is missing (Debian package tar)")
	}
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "holes"))
	if err != nil {
		t.Fatal(err)
	}
	const size = 4 << 20
	want := make([]byte, size)
	for i := range int64(30) {
		off := i * 128 << 10
		copy(want[off:], fmt.Sprintf("data %d", i))
		f.WriteAt(fmt.Appendf(nil, "data %d", i), off)
	}
	f.Truncate(size)
	f.Close()
	var st syscall.Stat_t
	if err := syscall.Stat(f.Name(), &st); err != nil || st.Blocks*512 > size/2 {
		t.Skip("the host's file system has no holes")
	}
	for _, format := range [][]string{{"--format=gnu"}, {"--format=posix", "--sparse-version=0.0"}, {"--format=posix", "--sparse-version=0.1"}, {"--format=posix", "--sparse-version=1.0"}} {
		out := filepath.Join(dir, "x.tar")
		args := append(format, "-S", "-C", dir, "-cf", out, "holes")
		if msg, err := exec.Command(gnutar, args...).CombinedOutput(); err != nil {
			t.Fatalf("tar %v: %v: %s", args, err, msg)
		}
		in, err := os.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		l := build(t, tree.Source{Tars: []tree.Archive{{Name: "x.tar", Reader: in}}})
		r := l.Reader()
		r.NextDir()
		e, err := r.Next()
		if err != nil || e == nil || !e.Sparse || len(e.Data) != 30 || e.Size != size {
			t.Errorf("%v: %+v, %v", format, e, err)
			continue
		}
		checkContents(t, l, func(string) string { return string(want) })
	}
}

func TestSpec(t *testing.T) {
	root := hostFiles(t, "bin/sh", "etc/rc", "gone", "tmp/")
	spec := `#mtree
/set type=file uname=root gname=wheel mode=0644
.               type=dir uid=1 gid=2 mode=0711
bin             type=dir mode=0755
    sh          mode=04555 time=1234567890.000000005 flags=schg,nodump
..
etc             type=dir
    rc          uid=77 \
                gid=78
    new         contents=` + filepath.Join(root, "bin/sh") + `
    empty       mode=0600
    maybe       optional
..
./dev/null      type=char device=netbsd,2,7 mode=0666
tmp/odd\040name type=link link=a\134b mode=0777
/unset all
dev             type=dir uid=0 gid=0 mode=0755
`
	users := idMap{"root": 0, "wheel": 10}
	src := tree.Source{Dirs: []string{root}, Specs: []tree.Spec{{Name: "spec", Reader: strings.NewReader(spec)}}, Users: users}
	l := build(t, src)
	o := " " + owner + " "
	equalLines(t, lines(t, l), []string{
		"/ #0 in #0",
		"bin 40755 0:10 #1",
		"dev 40755 0:0 #2",
		"etc 40644 0:10 #3",
		"gone 100644" + o + "#4 4 bytes",
		"tmp 40755" + o + "#5",
		"bin/ #1 in #0",
		"sh 104555 0:10 #6 6 bytes",
		"dev/ #2 in #0",
		"null 20666 0:10 #7 2,7",
		"etc/ #3 in #0",
		"empty 100600 0:10 #8 0 bytes",
		"new 100644 0:10 #9 6 bytes",
		"rc 100644 77:78 #10 6 bytes",
		"tmp/ #5 in #0",
		`odd name 120777 0:10 #11 -> a\b`,
	})
	if l.Root.Mode != 0o40711 || l.Root.UID != 1 || l.Root.GID != 2 {
		t.Errorf("root %o %d:%d", l.Root.Mode, l.Root.UID, l.Root.GID)
	}
	r := l.Reader()
	for d, err := r.NextDir(); d.Path != "bin"; d, err = r.NextDir() {
		if err != nil {
			t.Fatal(err)
		}
	}
	sh, err := r.Next()
	if err != nil || sh.Mtime != (ondisk.Time{Sec: 1234567890, Nsec: 5}) || sh.Flags != ondisk.FileSImmutable|ondisk.FileNoDump {
		t.Errorf("sh: %+v, %v", sh, err)
	}
	checkContents(t, l, func(p string) string {
		return map[string]string{"bin/sh": "bin/sh", "etc/new": "bin/sh", "etc/rc": "etc/rc"}[p]
	})

	src.Specs[0].Reader, src.OnlySpec = strings.NewReader(spec), true
	for _, line := range lines(t, build(t, src)) {
		if strings.HasPrefix(line, "gone") {
			t.Error("with -x a file is there that is in no specification")
		}
	}
}

type idMap map[string]uint32

func (m idMap) User(name string) (uint32, bool)  { n, ok := m[name]; return n, ok }
func (m idMap) Group(name string) (uint32, bool) { n, ok := m[name]; return n, ok }

func TestSpecRefuses(t *testing.T) {
	root := hostFiles(t, "file", "dir/")
	for _, c := range []struct{ spec, want string }{
		{"new type=file mode=0644 uid=0", `spec:1: "new": is new and has no gid or gname`},
		{"new mode=0644 uid=0 gid=0", `spec:1: "new": is new and has no type`},
		{"new type=link mode=0644 uid=0 gid=0", `spec:1: "new": is new and has no link`},
		{"new type=block mode=0644 uid=0 gid=0", `spec:1: "new": is new and has no device`},
		{"\n\nfile type=dir", `spec:3: "file": type dir, but in ` + root + ` it is file`},
		{"file mode=9", "spec:1: mode=9: not an octal number"},
		{"file uid=-1", "spec:1: uid=-1: not a number"},
		{"file type=odd", `spec:1: type "odd" is unknown`},
		{"file time=1.5.3", "spec:1: time=1.5.3: "},
		{"file flags=fast", `flag "fast" is unknown`},
		{"../x type=file", `spec:1: "../x" is not a path inside a tree`},
		{"/bin type=dir", "spec:1: /bin is neither /set nor /unset"},
		{"file mode=1\ndir mode=2\nfile mode=3", `spec:3: "file" is in line 1 already`},
		{"file/below type=file mode=1 uid=0 gid=0", `"file" is not a directory in ` + root},
		{`fi\`, `fi`},
		{"dir contents=/nonexistent", "/nonexistent: no such file"},
	} {
		_, err := tree.Build(context.Background(), tree.Source{Dirs: []string{root}, Specs: []tree.Spec{{Name: "spec", Reader: strings.NewReader(c.spec)}}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.spec, err, c.want)
		}
	}
	spec := tree.Spec{Name: "spec", Reader: strings.NewReader("file mode=1\nfile mode=3")}
	l := build(t, tree.Source{Dirs: []string{root}, Specs: []tree.Spec{spec}, AllowDuplicate: true})
	if len(l.Warnings) != 1 || !strings.Contains(strings.Join(lines(t, l), "\n"), "file 100003") {
		t.Errorf("warnings %q, %q", l.Warnings, lines(t, l))
	}
}

func TestBuildErrors(t *testing.T) {
	for _, dir := range []string{"/nonexistent", hostFiles(t, "x") + "/x"} {
		if _, err := tree.Build(context.Background(), tree.Source{Dirs: []string{dir}}); err == nil || !strings.HasPrefix(err.Error(), dir) {
			t.Errorf("%s: %v", dir, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := tree.Build(ctx, tree.Source{Dirs: []string{hostFiles(t, "a/b")}}); err != context.Canceled {
		t.Errorf("cancelled: %v", err)
	}
}
