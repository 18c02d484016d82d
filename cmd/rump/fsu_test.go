package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// newFsuImage makes an image in a directory of its own, which becomes the current one.
func newFsuImage(tb testing.TB, args ...string) {
	tb.Helper()
	tb.(interface{ Chdir(string) }).Chdir(tb.TempDir())
	argv := append([]string{"newfs", "-V", "0", "-F"}, args...)
	if _, errs, code := runTool(tb, append(argv, "d.img")...); code != 0 {
		tb.Fatalf("newfs: status %d, %s", code, errs)
	}
}

// fsu runs a tool with standard input and an environment.
func fsu(tb testing.TB, stdin string, getenv map[string]string, argv ...string) (stdout, stderr string, code int) {
	tb.Helper()
	var out, errs bytes.Buffer
	e := &env{Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &errs, Getenv: func(name string) string { return getenv[name] }}
	code = run(context.Background(), e, argv)
	return out.String(), errs.String(), code
}

// A fsuStep is a command line, what is on its standard input, and what it must answer.
type fsuStep struct {
	line  string // words with spaces between
	code  int
	out   string // all of it; "*" is anything
	errs  string // a part of it; "" is nothing
	stdin string
}

func runSteps(t *testing.T, steps []fsuStep) {
	t.Helper()
	for _, s := range steps {
		out, errs, code := fsu(t, s.stdin, nil, strings.Fields(s.line)...)
		if code != s.code || s.out != "*" && out != s.out || !strings.Contains(errs, s.errs) || s.errs == "" && errs != "" {
			t.Errorf("%s: status %d, output %q, errors %q; want %d, %q, %q", s.line, code, out, errs, s.code, s.out, s.errs)
		}
	}
}

func TestFsuTools(t *testing.T) {
	newFsuImage(t, "-s", "4m")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("hello", "hello\n")
	write("passwd", "root:*:0:0::/root:/bin/sh\nanna:*:1000:100::/home/anna:/bin/sh\n")
	write("group", "wheel:*:0:root\nstaff:*:20:\n")
	runSteps(t, []fsuStep{
		{line: "fsu_ls d.img"},
		{line: "fsu_ls", code: 1, errs: "fsu_ls: no image named"},
		{line: "fsu_ls -z d.img", code: 1, errs: "unknown option -z"},
		{line: "fsu_ls d.img --nope", code: 1, errs: "unknown flag --nope"},
		{line: "fsu_ls gone.img", code: 1, errs: "fsu_ls: gone.img: no such file or directory"},
		{line: "fsu_ls hello", code: 1, errs: "hello"},
		{line: "fsu_ls -t ext2 d.img", code: 1, errs: "ext2: filesystem not supported"},
		{line: "fsu_ls d.img /nope", code: 1, errs: "fsu_ls: /nope: No such file or directory"},
		{line: "rump fsu", code: 1, errs: "no tool named"},
		{line: "rump fsu nope d.img", code: 1, errs: `no tool "nope"`},

		{line: "fsu_mkdir d.img etc home"},
		{line: "fsu_mkdir d.img etc", code: 1, errs: "fsu_mkdir: etc: File exists"},
		{line: "fsu_mkdir d.img -p etc a/b/c"},
		{line: "fsu_mkdir d.img x/y", code: 1, errs: "fsu_mkdir: x/y: No such file or directory"},
		{line: "fsu_mkdir d.img -m 1777 tmp"},
		{line: "fsu_mkdir d.img -m 9 t2", code: 1, errs: "invalid file mode: 9"},
		{line: "fsu_put d.img passwd group etc"},
		{line: "fsu_put d.img hello /a"},
		{line: "fsu_put d.img nope /a", code: 1, errs: "fsu_put: nope: No such file or directory"},
		{line: "fsu_put d.img -v hello /a/copy", out: "hello -> /a/copy\n"},
		{line: "fsu_put d.img hello"},
		{line: "fsu_put d.img . /a", code: 1, errs: "fsu_put: .: is a directory"},
		{line: "fsu_ls d.img -F", out: "a/\netc/\nhello\nhome/\ntmp/\n"},
		{line: "fsu_cat d.img a/hello /a/copy", out: "hello\nhello\n"},
		{line: "fsu_cat d.img a", code: 1, errs: "fsu_cat: a: Is a directory"},
		{line: "fsu_cat d.img -n a/hello", out: "     1\thello\n"},
		{line: "fsu_get d.img a/hello got"},
		{line: "fsu_get d.img nope", code: 1, errs: "fsu_get: nope: No such file or directory"},
		{line: "fsu_get d.img a/hello /nope/x", code: 1, errs: "fsu_get: /nope/x: No such file or directory"},
		{line: "fsu_ecp d.img -g a/hello got2"},
		{line: "fsu_ecp d.img a/hello got2", code: 1, errs: "-g or -p should be specified"},
		{line: "fsu_ecp d.img -p got2 /a/h2"},

		{line: "fsu_chown d.img anna:staff a/hello"},
		{line: "fsu_chown d.img nobody-here a/hello", code: 1, errs: "nobody-here: unknown user"},
		{line: "fsu_chown d.img -R 7:8 a/b"},
		{line: "fsu_chgrp d.img wheel a/copy"},
		{line: "fsu_chgrp d.img 9 nope", code: 1, errs: "fsu_chgrp: nope: No such file or directory"},
		{line: "fsu_chmod d.img 4711 a/hello"},
		{line: "fsu_chmod d.img u=rw,go= a/copy"},
		{line: "fsu_chmod d.img -w a/h2"},
		{line: "fsu_chmod d.img u+q a/h2", code: 1, errs: "invalid file mode: u+q"},
		{line: "fsu_chflags d.img nodump,uchg a/h2"},
		{line: "fsu_chflags d.img nope a/h2", code: 1, errs: "invalid flag: nope"},
		{line: "fsu_rm d.img a/h2", code: 1, errs: "fsu_rm: a/h2: Operation not permitted"},
		{line: "fsu_chflags d.img nouchg a/h2"},
		{line: "fsu_ln d.img a/hello link"},
		{line: "fsu_ln d.img a/hello link", code: 1, errs: "fsu_ln: link: File exists"},
		{line: "fsu_ln d.img nope link", code: 1, errs: "fsu_ln: nope: No such file or directory"},
		{line: "fsu_ln d.img -s a sym"},
		{line: "fsu_mknod d.img null c 2 2"},
		{line: "fsu_mknod d.img null c 2 2", code: 1, errs: "fsu_mknod: null: File exists"},
		{line: "fsu_mknod d.img -m 640 -g 5 disk b 1000 70000"},
		{line: "fsu_mknod d.img x q 1 1", code: 1, errs: `must be one of "b","c","p"`},
		{line: "fsu_mknod d.img x c 5000 1", code: 1, errs: "out of range"},
		{line: "fsu_mkfifo d.img -m 600 pipe"},
		{line: "fsu_cp d.img a/hello a/cp"},
		{line: "fsu_cp d.img a b", code: 1, errs: "fsu_cp: a: is a directory"},
		{line: "fsu_cp d.img a/hello a/hello", code: 1, errs: "are identical (not copied)"},
		{line: "fsu_cp d.img -R a a/inside", code: 1, errs: "cannot be copied into itself"},
		{line: "fsu_cp d.img -a a etc"},
		{line: "fsu_mv d.img a/cp moved"},
		{line: "fsu_mv d.img a/cp moved", code: 1, errs: "rename a/cp to moved: No such file or directory"},
		{line: "fsu_mv d.img moved home tmp"},
		{line: "fsu_mv d.img tmp tmp/home", code: 1, errs: "rename tmp to tmp/home/tmp: Invalid argument"},
		{line: "fsu_touch d.img -d 2001-02-03T04:05:06Z a/hello new"},
		{line: "fsu_touch d.img -r a/hello a/copy"},
		{line: "fsu_touch d.img -t 200102030405 -c nope"},
		{line: "fsu_touch d.img -t 2001 new", code: 1, errs: "is no time: want [[CC]YY]MMDDhhmm[.SS]"},
		{line: "fsu_touch d.img -d tomorrow new", code: 1, errs: "is no time"},
		{line: "fsu_touch d.img x/y", code: 1, errs: "fsu_touch: x/y: No such file or directory"},
		{line: "fsu_stat d.img -f %m,%z,%Sp,%u:%g a/hello a/copy", out: "981173106,6,-rws--x--x,1000:20\n981173106,6,-rw-------,0:0\n"},
		{line: "fsu_stat d.img -q nope", code: 1},
		{line: "fsu_stat d.img -f %q a", code: 1, errs: "format: %q: unknown"},
		{line: "fsu_find d.img / -perm -4000", out: "/etc/a/hello\n/a/hello\n/link\n"},
		{line: "fsu_find d.img -name x -delete"},
		{line: "fsu_find d.img -nope", code: 1, errs: "-nope: unknown option"},
		{line: "fsu_du d.img -s nope", code: 1, errs: "fsu_du: nope: No such file or directory"},
		{line: "fsu_du d.img -i etc", out: "1\tetc/a/b/c\n2\tetc/a/b\n7\tetc/a\n10\tetc\n"},
		{line: "fsu_df d.img -Pt ffs", out: "*"},
		{line: "fsu_df d.img -Pi", code: 1, errs: "-P and -i exclude each other"},
		{line: "fsu_diff d.img a etc/a", code: 1, out: "*"},
		{line: "fsu_diff d.img a/hello etc/a/hello"},
		{line: "fsu_diff d.img a nope", code: 2, errs: "fsu_diff: nope: No such file or directory"},
		{line: "fsu_diff d.img --host a/hello hello"},
		{line: "fsu_write d.img new", stdin: "first\n"},
		{line: "fsu_write d.img -a new", stdin: "second\n"},
		{line: "fsu_write d.img a", stdin: "x", code: 1, errs: "fsu_write: a: Is a directory"},
		{line: "fsu_cat d.img new", out: "first\nsecond\n"},
		{line: "fsu_exec d.img sed -i s/second/third/ new"},
		{line: "fsu_exec d.img cat new", out: "first\nthird\n"},
		{line: "fsu_exec d.img false new", code: 1, errs: "new stays as it is"},
		{line: "fsu_exec d.img cat a", code: 1, errs: "fsu_exec: a: not a regular file"},
		{line: "fsu_exec d.img cat", code: 1, errs: "want a program and a file"},
		{line: "fsu_exec d.img ./no-such-program new", code: 1, errs: "no such file"},
		{line: "fsu_rm d.img new"},
		{line: "fsu_rm d.img tmp", code: 1, errs: "fsu_rm: tmp: is a directory"},
		{line: "fsu_rm d.img -f nope"},
		{line: "fsu_rm d.img /", code: 1, errs: `"/" may not be removed`},
		{line: "fsu_rmdir d.img tmp", code: 1, errs: "fsu_rmdir: tmp: Directory not empty"},
		{line: "fsu_rm d.img -i hello", errs: "remove hello?", stdin: "n\n"},
		{line: "fsu_rm d.img -i hello", errs: "remove hello?", stdin: "y\n"},
		{line: "fsu_rm d.img -rv tmp", out: "tmp/moved\ntmp/home\ntmp\n"},
		{line: "fsu_rmdir d.img -p etc/a/b/c", code: 1, errs: "fsu_rmdir: etc/a: Directory not empty"},
		{line: "fsu_ls d.img -R", out: "a\ndisk\netc\nlink\nnull\npipe\nsym\n\n./a:\nb\ncopy\nh2\nhello\n\n./a/b:\nc\n\n./a/b/c:\n\n" +
			"./etc:\na\ngroup\npasswd\n\n./etc/a:\ncopy\ncp\nh2\nhello\n"},
	})
	checkImage(t, "d.img")
}

// TestFsuEnvironment names the image without the command line.
func TestFsuEnvironment(t *testing.T) {
	newFsuImage(t, "-s", "4m")
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	rc := "# disks\n\none:d.img\ntwo:d.img%MBR:1%:ffs\nthree:d.img:ffs:ro\n"
	if err := os.WriteFile(".fsurc", []byte(rc), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		line string
		env  map[string]string
		code int
		out  string
		errs string
	}{
		{"fsu_mkdir x", map[string]string{"FSU_DEVICE": "d.img"}, 0, "", ""},
		{"fsu_ls -Fd x", map[string]string{"FSU_DEVICE": "d.img"}, 0, "x/\n", ""},
		{"fsu_ls -v -- -F", map[string]string{"FSU_DEVICE": "d.img"}, 0, "x/\n", "UFS1, le, mounted read-only"},
		{"fsu_ls d.img", map[string]string{"FSU_TYPE": "udf"}, 1, "", "udf: filesystem not supported"},
		{"fsu_ls -tffs d.img", map[string]string{"FSU_TYPE": "udf"}, 0, "x\n", ""},
		{"fsu_mkdir d.img y", map[string]string{"FSU_MNTOPTS": "ro"}, 1, "", "y: Read-only file system"},
		{"fsu_mkdir d.img y", map[string]string{"FSU_MNTOPTS": "odd"}, 1, "", "-o odd: unknown option"},
		{"fsu_mkdir -o async -s noatime d.img y", map[string]string{"FSU_MNTOPTS": "ro"}, 0, "", ""},
		{"fsu_ls one", map[string]string{"HOME": home}, 0, "x\ny\n", ""},
		{"fsu_ls -f one", map[string]string{"HOME": home}, 1, "", "one: no such file"},
		{"fsu_ls two", map[string]string{"HOME": home}, 1, "", "d.img: "},
		{"fsu_rmdir three y", map[string]string{"HOME": home}, 1, "", "y: Read-only file system"},
	} {
		out, errs, code := fsu(t, "", c.env, strings.Fields(c.line)...)
		if code != c.code || out != c.out || !strings.Contains(errs, c.errs) || c.errs == "" && errs != "" {
			t.Errorf("%s with %v: status %d, output %q, errors %q; want %d, %q, %q", c.line, c.env, code, out, errs, c.code, c.out, c.errs)
		}
	}
	for _, text := range []string{":d.img", "one:", "one"} {
		if _, err := splitAlias(text); err == nil {
			t.Errorf("alias %q: no error", text)
		}
	}
}

// TestFsuReadsOnly runs every tool that only reads: no byte of the image changes, not even of one that may not be written.
func TestFsuReadsOnly(t *testing.T) {
	newFsuImage(t, "-s", "4m")
	runSteps(t, []fsuStep{{line: "fsu_mkdir d.img a"}, {line: "fsu_put d.img d.img /x", errs: "d.img: left out"}})
	if err := os.Chmod("d.img", 0o444); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile("d.img")
	if err != nil {
		t.Fatal(err)
	}
	for _, tool := range fileTools {
		if !tool.reads {
			continue
		}
		fsu(t, "", nil, "fsu_"+tool.name, "d.img", "/a")
		fsu(t, "", nil, "fsu_"+tool.name, "d.img", "/nope")
		after, err := os.ReadFile("d.img")
		if err != nil || !bytes.Equal(before, after) {
			t.Errorf("fsu_%s has changed the image (%v)", tool.name, err)
		}
	}
}

// hostTree makes files of all the kinds that an ordinary user can make.
func hostTree(tb testing.TB, dir string) {
	tb.Helper()
	ok := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	ok(os.MkdirAll(in("deep/a/b/c"), 0o755))
	for i := range 40 {
		ok(os.WriteFile(in(fmt.Sprintf("deep/a/%d", i)), bytes.Repeat([]byte{byte(i)}, i*i*9), 0o640))
	}
	ok(os.WriteFile(in("indirect"), bytes.Repeat([]byte("0123456789abcdef"), 20000), 0o644))
	ok(os.WriteFile(in("hole"), []byte("start"), 0o600))
	f, err := os.OpenFile(in("hole"), os.O_WRONLY, 0)
	ok(err)
	_, err = f.WriteAt([]byte("middle"), 300000)
	ok(err)
	ok(f.Truncate(1 << 20))
	ok(f.Close())
	ok(os.Link(in("indirect"), in("deep/hard")))
	for _, n := range []int{1, 59, 60, 119, 120, 1023} {
		ok(os.Symlink(strings.Repeat("t", n), in(fmt.Sprint("sym", n))))
	}
	ok(os.Link(in("sym1"), in("sym1b")))
	ok(syscall.Mkfifo(in("fifo"), 0o620))
	ok(os.WriteFile(in(strings.Repeat("n", 255)), nil, 0o644))
	ok(os.WriteFile(in("secret"), []byte("x"), 0o600))
	ok(os.Chmod(in("secret"), 0o400))
	ok(os.Chmod(in("fifo"), 0o4611))
	for _, name := range []string{"deep/a/3", "deep/a", "fifo", "deep"} {
		ok(syscall.UtimesNano(in(name), []syscall.Timespec{{Sec: 1e9, Nsec: 5}, {Sec: 1.1e9, Nsec: 123456789}}))
	}
}

// treeText is a tree in words: all that copies must have.
func treeText(tb testing.TB, dir string) string {
	tb.Helper()
	var sb strings.Builder
	first := map[uint64]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		fi, err := d.Info()
		if err != nil {
			return err
		}
		st := fi.Sys().(*syscall.Stat_t)
		fmt.Fprintf(&sb, "%s %v %d:%d", rel, fi.Mode(), st.Uid, st.Gid)
		if !fi.IsDir() {
			if first[st.Ino] == "" {
				first[st.Ino] = rel
			}
			fmt.Fprintf(&sb, " %d links, first %s, %d bytes", st.Nlink, first[st.Ino], st.Size)
		}
		fmt.Fprintf(&sb, " at %d.%09d", st.Mtim.Sec, st.Mtim.Nsec)
		switch {
		case fi.Mode().IsRegular():
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&sb, " %x", sha256.Sum256(b))
		case fi.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			sb.WriteString(" -> " + target)
		}
		sb.WriteByte('\n')
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return sb.String()
}

// TestFsuPutGet copies a tree into images of every format and out again.
func TestFsuPutGet(t *testing.T) {
	for _, args := range [][]string{{"-O", "1"}, {"-O", "2", "-B", "be"}, {"-O", "0"}, {"-O", "1", "-b", "65536", "-f", "8192"}} {
		t.Run(strings.Join(args, ""), func(t *testing.T) {
			newFsuImage(t, append(args, "-s", "8m", "-i", "4096")...)
			hostTree(t, "tree")
			runSteps(t, []fsuStep{
				{line: "fsu_put d.img -R tree /"},
				{line: "fsu_get d.img -R /tree out"},
				{line: "fsu_put d.img -R tree/. /again"},
				{line: "fsu_cp d.img -a /again /third"},
				{line: "fsu_get d.img -R third again"},
			})
			want := treeText(t, "tree")
			for _, dir := range []string{"out", "again"} {
				if got := treeText(t, dir); got != want {
					t.Errorf("%s: got\n%s\nwant\n%s", dir, got, want)
				}
			}
			var st syscall.Stat_t
			if err := syscall.Stat("out/hole", &st); err != nil || st.Blocks*512 > 1<<19 {
				t.Errorf("out/hole: %d blocks, %v; want few", st.Blocks, err)
			}
			checkImage(t, "d.img")
		})
	}
}

// TestManPages makes the page of every command and tool: no text is taken for anything else.
func TestManPages(t *testing.T) {
	for name := range applets {
		page, errs, code := runTool(t, "rump", "man", name)
		if code != 0 || errs != "" || !strings.HasPrefix(page, ".TH ") || strings.Contains(page, "%!") {
			t.Errorf("%s: status %d, %s, page %.300q", name, code, errs, page)
		}
	}
	if page, _, _ := runTool(t, "rump", "man", "fsu_ls"); !strings.Contains(page, ".TH FSU_LS 1 ") || !strings.Contains(page, "%DISKLABEL:a%") {
		t.Errorf("fsu_ls: %.600q", page)
	}
	if _, errs, code := runTool(t, "rump", "man", "fsu", "nope"); code != 1 || !strings.Contains(errs, "no command") {
		t.Errorf("nope: status %d, %q", code, errs)
	}
}
