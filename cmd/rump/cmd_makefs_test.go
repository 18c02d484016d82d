package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"rump/ffs/fsck"
	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
)

// makefsTree makes a small tree and a manifest, and returns their directory.
func makefsTree(tb testing.TB) string {
	tb.Helper()
	dir := tb.TempDir()
	for name, text := range map[string]string{
		"tree/a/hello": "hello\n", "tree/b": strings.Repeat("b", 100000), "more/b": "other", "more/c": "c",
		"manifest":            "a/hello mode=0600 uname=anna\nnull type=char mode=0666 uid=0 gname=crew device=netbsd,2,2\n",
		"users/master.passwd": "# comment\nroot::0:0::0:0:::\nanna:*:1234:5:::\n", "users/group": "crew:*:20:\n",
	} {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

func TestMakefsCommand(t *testing.T) {
	t.Chdir(makefsTree(t))
	for _, c := range []struct {
		args string
		code int
		out  string // somewhere in it
		errs string
	}{
		{"makefs x.img", 1, "", "expected \"<source> ...\""},
		{"makefs x.img gone", 1, "", "gone: no such file or directory"},
		{"makefs x.img tree", 0, "Calculated size of `x.img': ", ""},
		{"makefs -q x.img tree", 0, "", ""},
		{"makefs -o version=2,label=data,bsize=4096,fsize=512 x.img tree", 0, "block size 4096, fragment size 512", ""},
		{"makefs -o version=2ea -o xattr=1 x.img tree", 0, "Image `x.img' complete", ""},
		{"makefs -s 4m x.img tree", 0, "x.img: 4.0MB (8192 sectors) block size 8192, fragment size 1024", ""},
		{"makefs -M 4m -b 50% -f 100 x.img tree", 0, "size of `x.img': 4194304 bytes, 105 inodes", ""},
		{"makefs -s 8k x.img tree", 1, "", "is larger than the maxsize of 8192."},
		{"makefs -o optimization=odd x.img tree", 1, "", "Invalid optimization `odd'"},
		{"makefs -o bsize x.img tree", 1, "", "Option `bsize' doesn't contain a value"},
		{"makefs -o odd=1 x.img tree", 1, "", "Unknown option `odd=1'"},
		{"makefs -o bsize=x x.img tree", 1, "", "Option `bsize': `x' is no number"},
		{"makefs -o bsize=5000 x.img tree", 16, "", "block size must be a power of 2, not 5000"},
		{"makefs -t cd9660 x.img tree", 1, "", "ffs is the only kind"},
		{"makefs -b 5%% x.img tree", 1, "", `"5%%" is no percentage`},
		{"makefs --owner a:b x.img tree", 1, "", "is not UID:GID"},
		{"makefs x.img tree more", 1, "", `"b" is in tree already`},
		{"makefs -r x.img tree more", 0, "6 inodes", ""},
		{"makefs -F manifest x.img tree", 1, "", `manifest:2: "null": is new and has no gid or gname`},
		{"makefs -F manifest -N users x.img tree", 0, "6 inodes", ""},
		{"makefs -N users x.img tree manifest", 0, "6 inodes", ""},
		{"makefs -x -F manifest -N users x.img tree", 0, "5 inodes", ""},
		{"makefs -T 1000000000 x.img tree", 0, "complete", ""},
		{"makefs -T manifest x.img tree", 0, "complete", ""},
		{"makefs -T nothing x.img tree", 1, "", "-T nothing: neither a number nor a file"},
	} {
		os.Remove("x.img")
		out, errs, code := runTool(t, strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(out, c.out) || c.out == "" && out != "" || !strings.Contains(errs, c.errs) || c.errs == "" && errs != "" {
			t.Errorf("%s: status %d\n%s%swant %d, %q, %q", c.args, code, out, errs, c.code, c.out, c.errs)
		}
		_, err := os.Stat("x.img")
		if made := err == nil; made != (c.code == 0) {
			t.Errorf("%s: an image was made: %v", c.args, made)
		}
		if c.code == 0 {
			checkImage(t, "x.img")
		}
	}
}

// checkImage holds an image against the checker.
func checkImage(tb testing.TB, path string) {
	tb.Helper()
	dev, err := blockdev.OpenFile(path, blockdev.FileOptions{ReadOnly: true})
	if err != nil {
		tb.Fatal(err)
	}
	defer dev.Close()
	r, err := fsck.Check(context.Background(), dev, fsck.Options{Force: true})
	if err != nil || !r.Clean() {
		tb.Errorf("%s: %v, %+v", path, err, r)
	}
}

// TestMakefsArchives gives archives in all the ways that they come.
func TestMakefsArchives(t *testing.T) {
	if _, err := exec.LookPath("tar"); err != nil {
		t.Skip("tar is missing (Debian package tar)")
	}
	t.Chdir(makefsTree(t))
	for _, args := range [][]string{{"-cf", "x.tar"}, {"-czf", "x.tgz"}} {
		if out, err := exec.Command("tar", append(args, "-C", "tree", ".")...).CombinedOutput(); err != nil {
			t.Fatalf("tar: %v: %s", err, out)
		}
	}
	run := func(stdin []byte, source string) []byte {
		t.Helper()
		var out, errs bytes.Buffer
		e := &env{Stdin: bytes.NewReader(stdin), Stdout: &out, Stderr: &errs, Getenv: func(name string) string {
			return map[string]string{"SOURCE_DATE_EPOCH": "1000000000"}[name]
		}}
		if code := run(context.Background(), e, []string{"makefs", "x.img", source}); code != 0 {
			t.Fatalf("%s: status %d, %s", source, code, errs.String())
		}
		b, err := os.ReadFile("x.img")
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	want := run(nil, "tree")
	if s, _, err := ondisk.FindSuper(bytes.NewReader(want), int64(len(want))); err != nil || s.Time != 1000000000 {
		t.Errorf("superblock %+v, %v; want the time of SOURCE_DATE_EPOCH", s, err)
	}
	for _, source := range []string{"x.tar", "x.tgz"} {
		if !bytes.Equal(run(nil, source), want) {
			t.Errorf("%s makes another image than the directory", source)
		}
		packed, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(run(packed, "-"), want) {
			t.Errorf("%s on standard input makes another image than the directory", source)
		}
	}
}
