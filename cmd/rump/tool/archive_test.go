package tool_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"rump/cmd/rump/tool"
	"rump/rumpfs/vfs"
)

// copyTree is a tree of all that copies must keep.
func copyTree(tb testing.TB, fs tool.FS, dir string) {
	tb.Helper()
	at := func(name string) string { return dir + "/" + name }
	mkdir(tb, fs, dir)
	mkdir(tb, fs, at("sub"))
	mkdir(tb, fs, at("sub/empty"))
	put(tb, fs, at("file"), strings.Repeat("content ", 3000))
	put(tb, fs, at("empty"), "")
	put(tb, fs, at(strings.Repeat("l", 150)), "long name")
	node(tb, fs, at("link"), vfs.CreateAttr{Kind: vfs.KindSymlink, Mode: 0o777, Target: strings.Repeat("t", 200)})
	node(tb, fs, at("sub/null"), vfs.CreateAttr{Kind: vfs.KindChar, Mode: 0o666, Rdev: vfs.Dev{Major: 2, Minor: 2}})
	node(tb, fs, at("sub/disk"), vfs.CreateAttr{Kind: vfs.KindBlock, Mode: 0o640, Rdev: vfs.Dev{Major: 92, Minor: 300}})
	node(tb, fs, at("sub/pipe"), vfs.CreateAttr{Kind: vfs.KindFifo, Mode: 0o600})
	if err := fs.Link(ctx, at("file"), at("sub/hard")); err != nil {
		tb.Fatal(err)
	}
	f, err := fs.Open(ctx, at("hole"), tool.Write|tool.Create, 0o644)
	if err != nil {
		tb.Fatal(err)
	}
	_, err1 := f.Seek(ctx, 1<<20, io.SeekStart)
	_, err2 := f.Write(ctx, []byte("middle"))
	if err := errors.Join(err1, err2, f.SetAttr(ctx, vfs.SetAttr{Mask: vfs.SetSize, Size: 2<<20 + 5}), f.Close()); err != nil {
		tb.Fatal(err)
	}
	for i, name := range []string{"file", "empty", "link", "sub/null", "sub/pipe", "hole", "sub/empty", "sub"} {
		at := vfs.Time{Sec: int64(1e9 + i), Nsec: int32(i * 1000)}
		set(tb, fs, dir+"/"+name, vfs.SetAttr{Mask: vfs.SetUID | vfs.SetGID | vfs.SetAtime | vfs.SetMtime, UID: uint32(i), GID: uint32(100 + i), Atime: at, Mtime: at})
	}
	set(tb, fs, at("file"), vfs.SetAttr{Mask: vfs.SetMode, Mode: 0o6755})
	set(tb, fs, at("sub"), vfs.SetAttr{Mask: vfs.SetMode, Mode: 0o1700})
	set(tb, fs, at("empty"), vfs.SetAttr{Mask: vfs.SetMode, Mode: 0})
}

// describe is what copies must agree in, a line a file.
func describe(tb testing.TB, fs tool.FS, dir string) string {
	tb.Helper()
	var sb strings.Builder
	first := map[vfs.Ino]string{}
	list := must(tb, fs, &tool.Find{Words: []string{"-s", dir, "-mindepth", "1"}})
	for path := range strings.Lines(list) {
		path = strings.TrimSuffix(path, "\n")
		name := strings.TrimPrefix(path, dir)
		st, err := fs.Stat(ctx, path, false)
		if err != nil {
			tb.Fatal(err)
		}
		fmt.Fprintf(&sb, "%.20s %d %o %d:%d %d,%d at %d", name, st.Kind, st.Mode, st.UID, st.GID, st.Rdev.Major, st.Rdev.Minor, st.Mtime.Sec)
		switch st.Kind {
		case vfs.KindSymlink:
			target, err := fs.Readlink(ctx, path)
			fmt.Fprintf(&sb, " -> %s %v", target, err)
		case vfs.KindRegular:
			if first[st.Ino] == "" {
				first[st.Ino] = name
			}
			text := must(tb, fs, &tool.Cat{Paths: []string{path}})
			fmt.Fprintf(&sb, " %d bytes, %d links, first %.20s, few blocks %v, %x", st.Size, st.Nlink, first[st.Ino], st.Blocks < 200, checksum(text))
		}
		sb.WriteByte('\n')
	}
	return sb.String()
}

func checksum(text string) (sum uint64) {
	for i := range len(text) {
		sum = sum*31 + uint64(text[i])
	}
	return sum
}

// TestCopies makes copies in every way there is, in every name space where device nodes can be made.
func TestCopies(t *testing.T) {
	for _, name := range []string{"ffs", "rumpfs", "remote"} {
		t.Run(name, func(t *testing.T) {
			fs := spaces[name](t)
			copyTree(t, fs, "tree")
			want := describe(t, fs, "tree")
			for _, c := range []struct {
				name string
				do   func(to string)
			}{
				{"cp -a", func(to string) { must(t, fs, &tool.Cp{Archive: true, Paths: []string{"tree", to}}) }},
				{"pax -rw", func(to string) {
					mkdir(t, fs, "p")
					must(t, fs, &tool.Pax{Read: true, Write: true, Preserve: []string{"e"}, Words: []string{"tree", "p"}})
					must(t, fs, &tool.Mv{Paths: []string{"p/tree", to}})
				}},
				{"tar by a pipe", func(to string) {
					archive := must(t, fs, &tool.Tar{Create: true, Gzip: true, Dir: "tree", Paths: []string{"."}})
					mkdir(t, fs, to)
					if a := run(t, fs, &tool.Tar{Extract: true, Dir: to}, archive); a.err != nil || a.errs != "" {
						t.Errorf("tar -x: %+v", a)
					}
				}},
				{"pax by a file", func(to string) {
					must(t, fs, &tool.Pax{Write: true, Format: "pax", File: "archive", Words: []string{"tree"}})
					must(t, fs, &tool.Mv{Paths: []string{"tree", "kept"}})
					must(t, fs, &tool.Pax{Read: true, Preserve: []string{"o", "p"}, File: "archive"})
					must(t, fs, &tool.Mv{Paths: []string{"tree", to}})
					must(t, fs, &tool.Mv{Paths: []string{"kept", "tree"}})
				}},
			} {
				to := "copy by " + c.name
				c.do(to)
				if got := describe(t, fs, to); got != want {
					t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, want)
				}
				a := run(t, fs, &tool.Diff{First: "tree", Second: to}, "")
				if a.err != nil || a.out != "" {
					t.Errorf("%s: diff says %+v", c.name, a)
				}
			}
		})
	}
}

// TestMoveBetween moves a tree from one file system to another.
func TestMoveBetween(t *testing.T) {
	fs := newRemote(t)
	mkdir(t, fs, "/other")
	copyTree(t, fs, "tree")
	want := describe(t, fs, "tree")
	if a := run(t, fs, &tool.Mv{Verbose: true, Paths: []string{"tree", "/other"}}, ""); a.err != nil || a.out != "tree -> /other/tree\n" {
		t.Errorf("mv: %+v", a)
	}
	if got := describe(t, fs, "/other/tree"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if _, err := fs.Stat(ctx, "tree", false); err == nil {
		t.Error("the original is still there")
	}
}

func TestTarLists(t *testing.T) {
	fs := newFFS(t)
	copyTree(t, fs, "tree")
	must(t, fs, &tool.Tar{Create: true, File: "a.tar", Paths: []string{"tree/sub", "/tree/file"}})
	want := `drwx-----T  1 7        107             0 Sep  9  2001 tree/sub/
drwxr-xr-x  1 6        106             0 Sep  9  2001 tree/sub/empty/
crw-r--r--  1 3        103        2,   2 Sep  9  2001 tree/sub/null
brw-r-----  1 0        0         92, 300 Nov 25 12:43 tree/sub/disk
prw-------  1 4        104             0 Sep  9  2001 tree/sub/pipe
-rwsr-sr-x  1 0        100         24000 Sep  9  2001 tree/sub/hard
-rwsr-sr-x  1 0        100             0 Sep  9  2001 tree/file == tree/sub/hard
`
	if got := must(t, fs, &tool.Tar{List: true, Verbose: true, File: "a.tar"}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, c := range []struct {
		list runner
		want string
	}{
		{&tool.Tar{List: true, File: "a.tar", Paths: []string{"tree/file", "tree/sub/pipe"}}, "tree/sub/pipe\ntree/file\n"},
		{&tool.Tar{List: true, File: "a.tar", Paths: []string{"tree/sub/empty/"}}, "tree/sub/empty/\n"},
		{&tool.Pax{File: "a.tar", Words: []string{"*/sub/[np]*"}}, "tree/sub/null\ntree/sub/pipe\n"},
		{&tool.Pax{File: "a.tar", First: true, Words: []string{"tree/*/*"}}, "tree/sub/empty/\n"},
		{&tool.Pax{File: "a.tar", Others: true, Words: []string{"tree/sub"}}, "tree/file\n"},
	} {
		if got := must(t, fs, c.list); got != c.want {
			t.Errorf("%+v: got %q, want %q", c.list, got, c.want)
		}
	}
	if a := run(t, fs, &tool.Tar{List: true, File: "a.tar", Paths: []string{"nope"}}, ""); a.err != tool.Status(1) || !strings.Contains(a.errs, "nope: not found in the archive") {
		t.Errorf("nope: %+v", a)
	}
	if got := must(t, fs, &tool.Tar{Extract: true, Stdout: true, File: "a.tar", Paths: []string{"tree/sub/hard"}}); got != strings.Repeat("content ", 3000) {
		t.Errorf("-O: %d bytes", len(got))
	}
}

// A member is one of an archive.
type member struct {
	tar.Header
	text string
}

// archive makes a tar archive by hand.
func archive(tb testing.TB, members ...member) string {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		m.Size, m.ModTime = int64(len(m.text)), time.Unix(1e9, 0)
		if err := w.WriteHeader(&m.Header); err != nil {
			tb.Fatal(err)
		}
		if _, err := io.WriteString(w, m.text); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func regular(name, text string) member {
	return member{tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644}, text}
}

// other is a member without content.
func other(kind byte, name, target string) member {
	return member{tar.Header{Name: name, Typeflag: kind, Mode: 0o500, Linkname: target}, ""}
}

// sparseArchive is an archive of one file that is all hole, in GNU's old format.
func sparseArchive(size int64) string {
	h := make([]byte, 512)
	copy(h, "sparse")
	copy(h[100:], "0000644\x000000000\x000000000\x0000000000000\x0000000000000\x00        S")
	copy(h[257:], "ustar  \x00")
	h[483] = 0x80
	for i := range 8 {
		h[483+11-i] = byte(size >> (8 * i))
	}
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	return string(h) + strings.Repeat("\x00", 1024)
}

// TestTarHostile unpacks what was made to do harm, or was made without care.
func TestTarHostile(t *testing.T) {
	fs := newFFS(t)
	mkdir(t, fs, "in")
	put(t, fs, "outside", "safe")
	a := run(t, fs, &tool.Tar{Extract: true, Dir: "in"}, archive(t,
		regular("../outside", "harm"),
		regular("x/../../outside", "harm"),
		regular("/abs", "relative"),
		other(tar.TypeSymlink, "l", "../outside"),
		regular("l", "instead"),
		other(tar.TypeLink, "h", "../outside"),
		other(tar.TypeSymlink, "d", "f"),
		regular("no/parents/here", "x"),
		other(tar.TypeDir, "no/", ""),
		regular("no/more", "y"),
		other('Q', "odd", ""),
		regular("twice", "first"), regular("twice", "second"),
		other(tar.TypeLink, "twice", "twice"),
	))
	if a.err != tool.Status(1) || strings.Count(a.errs, "\n") != 4 {
		t.Errorf("%v, says %s", a.err, a.errs)
	}
	for path, want := range map[string]string{
		"outside": "safe", "in/abs": "relative", "in/l": "instead", "in/no/parents/here": "x", "in/no/more": "y", "in/twice": "second",
	} {
		if got := run(t, fs, &tool.Cat{Paths: []string{path}}, ""); got.out != want {
			t.Errorf("%s: %+v, want %q", path, got, want)
		}
	}
	if st, err := fs.Stat(ctx, "in/no", false); err != nil || st.Mode != 0o500 || st.Mtime.Sec != 1e9 {
		t.Errorf("in/no: %+v, %v", st.Attr, err)
	}
	for _, bad := range []string{"", strings.Repeat("x", 600), archive(t, regular("f", strings.Repeat("f", 2000)))[:1500], "\x1f\x8bxx"} {
		a := run(t, fs, &tool.Tar{Extract: true, Dir: "in"}, bad)
		if bad != "" && a.err == nil {
			t.Errorf("%.20q of %d bytes: %+v", bad, len(bad), a)
		}
	}
	if a := run(t, fs, &tool.Tar{Extract: true}, sparseArchive(1<<60)); a.err != tool.Status(1) || !strings.Contains(a.errs, "almost all of them holes") {
		t.Errorf("an exabyte of holes: %+v", a)
	}
	if a := run(t, fs, &tool.Tar{Extract: true}, sparseArchive(1<<24)); a.err != nil {
		t.Errorf("16 MiB of holes: %+v", a)
	}
	if st, err := fs.Stat(ctx, "sparse", false); err != nil || st.Size != 1<<24 || st.Blocks != 0 {
		t.Errorf("16 MiB of holes: %+v, %v", st.Attr, err)
	}
	for _, r := range []runner{
		&tool.Tar{}, &tool.Tar{Create: true}, &tool.Tar{List: true, File: "nope"}, &tool.Tar{Create: true, File: "nope/x", Paths: []string{"in"}},
		&tool.Tar{Create: true, Paths: []string{"nope"}}, &tool.Pax{Preserve: []string{"q"}}, &tool.Pax{Read: true, Write: true, Words: []string{"in"}},
		&tool.Pax{Read: true, Write: true, Words: []string{"in", "outside"}},
	} {
		if a := run(t, fs, r, ""); a.err == nil {
			t.Errorf("%+v: no error", r)
		}
	}
}

// TestTarKeeps: -k keeps what is there, pax -u what is newer.
func TestTarKeeps(t *testing.T) {
	fs := newFFS(t)
	put(t, fs, "f", "mine")
	old := archive(t, regular("f", "theirs"), regular("g", "new"))
	run(t, fs, &tool.Tar{Extract: true, Keep: true}, old)
	run(t, fs, &tool.Pax{Read: true, Newer: true}, old)
	if got := must(t, fs, &tool.Cat{Paths: []string{"f", "g"}}); got != "minenew" {
		t.Errorf("got %q", got)
	}
	if a := run(t, fs, &tool.Tar{Extract: true, Verbose: true, NoTimes: true, NoOwner: true}, old); a.out != "f\ng\n" {
		t.Errorf("-v: %+v", a)
	}
	if got := must(t, fs, &tool.Cat{Paths: []string{"f"}}); got != "theirs" {
		t.Errorf("got %q", got)
	}
	words := (tool.Tar{}).FixArgs([]string{"xvf", "-"})
	if words[0] != "-xvf" || (tool.Tar{}).FixArgs([]string{"etc"})[0] != "etc" {
		t.Errorf("old style: %q", words)
	}
}

// FuzzTar unpacks and lists any bytes.
func FuzzTar(f *testing.F) {
	f.Add([]byte(archive(f, regular("a/b", "x"), other(tar.TypeSymlink, "l", "a"))))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		fs := newRumpfs(t)
		run(t, fs, &tool.Tar{Extract: true}, string(b))
		run(t, fs, &tool.Tar{List: true, Verbose: true}, string(b))
		run(t, fs, &tool.Find{Words: []string{"/", "-ls"}}, "")
	})
}
