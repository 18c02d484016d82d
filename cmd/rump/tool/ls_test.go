package tool_test

import (
	"strings"
	"testing"
	"time"

	"rump/cmd/rump/tool"
	"rump/rumpfs/vfs"
)

// genuineLsR is what NetBSD's ls -lR / printed in a rump kernel.
const genuineLsR = `total 2
drwxr-xr-x  2 0  0  512 Nov 25 12:43 dev
drwxrwxrwt  2 0  0  512 Nov 25 12:43 tmp

/dev:
total 18
brw-r--r--  1 0  0   21,  0 Nov 25 12:43 cgd0a
brw-r--r--  1 0  0   21,  1 Nov 25 12:43 cgd0b
brw-r--r--  1 0  0   21,  2 Nov 25 12:43 cgd0c
brw-r--r--  1 0  0   21,  3 Nov 25 12:43 cgd0d
brw-r--r--  1 0  0   21,  4 Nov 25 12:43 cgd0e
brw-r--r--  1 0  0   21,  5 Nov 25 12:43 cgd0f
brw-r--r--  1 0  0   21,  6 Nov 25 12:43 cgd0g
crw-r--r--  1 0  0    2,  2 Nov 25 12:43 null
crw-r--r--  1 0  0  255,  0 Nov 25 12:43 random
crw-r--r--  1 0  0   93,  0 Nov 25 12:43 rcgd0a
crw-r--r--  1 0  0   93,  1 Nov 25 12:43 rcgd0b
crw-r--r--  1 0  0   93,  2 Nov 25 12:43 rcgd0c
crw-r--r--  1 0  0   93,  3 Nov 25 12:43 rcgd0d
crw-r--r--  1 0  0   93,  4 Nov 25 12:43 rcgd0e
crw-r--r--  1 0  0   93,  5 Nov 25 12:43 rcgd0f
crw-r--r--  1 0  0   93,  6 Nov 25 12:43 rcgd0g
crw-r--r--  1 0  0  255,  1 Nov 25 12:43 urandom
crw-r--r--  1 0  0    2, 12 Nov 25 12:43 zero

/tmp:
total 0
`

// TestLsGenuine lists what a genuine rump kernel has.
func TestLsGenuine(t *testing.T) {
	fs := newRumpfs(t)
	mkdir(t, fs, "/dev")
	mkdir(t, fs, "/tmp")
	set(t, fs, "/tmp", vfs.SetAttr{Mask: vfs.SetMode, Mode: 0o1777})
	for name, dev := range map[string]vfs.Dev{"null": {Major: 2, Minor: 2}, "zero": {Major: 2, Minor: 12}, "random": {Major: 255}, "urandom": {Major: 255, Minor: 1}} {
		node(t, fs, "/dev/"+name, vfs.CreateAttr{Kind: vfs.KindChar, Mode: 0o666, Rdev: dev})
	}
	for i := range uint32(7) {
		node(t, fs, "/dev/cgd0"+string('a'+rune(i)), vfs.CreateAttr{Kind: vfs.KindBlock, Mode: 0o644, Rdev: vfs.Dev{Major: 21, Minor: i}})
		node(t, fs, "/dev/rcgd0"+string('a'+rune(i)), vfs.CreateAttr{Kind: vfs.KindChar, Mode: 0o644, Rdev: vfs.Dev{Major: 93, Minor: i}})
	}
	if got := must(t, fs, &tool.Ls{Long: true, Recurse: true, Paths: []string{"/"}}); got != genuineLsR {
		t.Errorf("got\n%s\nwant\n%s", got, genuineLsR)
	}
}

// lsTree makes files of every look.
func lsTree(t *testing.T) tool.FS {
	t.Helper()
	fs := newFFS(t)
	put(t, fs, "plain", strings.Repeat("x", 1500))
	put(t, fs, ".dot", "")
	put(t, fs, "prog", "#!")
	mkdir(t, fs, "dir")
	put(t, fs, "dir/in", strings.Repeat("y", 70000))
	node(t, fs, "link", vfs.CreateAttr{Kind: vfs.KindSymlink, Mode: 0o777, Target: "dir"})
	node(t, fs, "pipe", vfs.CreateAttr{Kind: vfs.KindFifo, Mode: 0o600})
	node(t, fs, "disk", vfs.CreateAttr{Kind: vfs.KindBlock, Mode: 0o640, Rdev: vfs.Dev{Major: 9, Minor: 12345}})
	put(t, fs, "t\tab\x01é\xff", "")
	set(t, fs, "prog", vfs.SetAttr{Mask: vfs.SetMode | vfs.SetUID | vfs.SetGID | vfs.SetFlags, Mode: 0o6711, UID: 1000, GID: 20, Flags: vfs.FlagNoDump | vfs.FlagArchived})
	long := vfs.Time{Sec: birthday.Unix() - 183*86400}
	set(t, fs, "plain", vfs.SetAttr{Mask: vfs.SetMtime | vfs.SetAtime, Mtime: long, Atime: vfs.Time{Sec: birthday.Unix() + 183*86400}})
	return fs
}

func TestLs(t *testing.T) {
	fs := lsTree(t)
	odd := "t\tab\x01é\xff"
	for _, c := range []struct {
		name string
		ls   tool.Ls
		want string
	}{
		{"plain", tool.Ls{}, "dir\ndisk\nlink\npipe\nplain\nprog\n" + odd + "\n"},
		{"-a", tool.Ls{All: true, Question: true}, ".\n..\n.dot\ndir\ndisk\nlink\npipe\nplain\nprog\nt?ab?é?\n"},
		{"-AF", tool.Ls{AlmostAll: true, Classify: true, Escapes: true}, ".dot\ndir/\ndisk\nlink@\npipe|\nplain\nprog*\nt\\tab\\001é\\377\n"},
		{"-B", tool.Ls{Octal: true, Paths: []string{odd}}, "t\\011ab\\001é\\377\n"},
		{"-l", tool.Ls{Long: true, Question: true}, `total 5
drwxr-xr-x  2 0     0        512 Nov 25 12:43 dir
brw-r-----  1 0     0   9, 12345 Nov 25 12:43 disk
lrwxr-xr-x  1 0     0          3 Nov 25 12:43 link -> dir
prw-------  1 0     0          0 Nov 25 12:43 pipe
-rw-r--r--  1 0     0       1500 May 26  2026 plain
-rws--s--x  1 1000  20         2 Nov 25 12:43 prog
-rw-r--r--  1 0     0          0 Nov 25 12:43 t?ab?é?
`},
		{"-loT", tool.Ls{Long: true, Flags: true, Seconds: true, Paths: []string{"prog", "plain"}}, `-rw-r--r--  1 0     0   -           1500 May 26 12:43:07 2026 plain
-rws--s--x  1 1000  20  nodump,arch    2 Nov 25 12:43:07 2026 prog
`},
		{"-gu", tool.Ls{NoGroup: true, Accessed: true, Paths: []string{"plain"}}, "-rw-r--r--  1 0  1500 May 27  2027 plain\n"},
		{"-lh", tool.Ls{Long: true, Human: true, Paths: []string{"dir"}}, "total 76K\n-rw-r--r--  1 0  0  68K Nov 25 12:43 in\n"},
		{"-lM", tool.Ls{Long: true, Commas: true, Paths: []string{"dir"}}, "total 152\n-rw-r--r--  1 0  0  70,000 Nov 25 12:43 in\n"},
		{"-sk", tool.Ls{Size: true, Kilo: true, Paths: []string{"dir"}}, "total 76\n76 in\n"},
		{"-d", tool.Ls{Dir: true, Paths: []string{"dir", "."}}, ".\ndir\n"},
		{"a link", tool.Ls{Paths: []string{"link"}}, "in\n"},
		{"-l of a link", tool.Ls{Long: true, Paths: []string{"link"}}, "lrwxr-xr-x  1 0  0  3 Nov 25 12:43 link -> dir\n"},
		{"-lL of a link", tool.Ls{Long: true, Follow: true, Paths: []string{"link"}}, "total 152\n-rw-r--r--  1 0  0  70000 Nov 25 12:43 in\n"},
		{"-P of a link", tool.Ls{NoFollow: true, Paths: []string{"link"}}, "link\n"},
		{"several", tool.Ls{Paths: []string{"plain", "dir", "disk"}}, "disk\nplain\n\ndir:\nin\n"},
		{"-R", tool.Ls{Recurse: true, Paths: []string{"dir", "link"}}, "dir:\nin\n\nlink:\nin\n"},
		{"-S", tool.Ls{BySize: true, Paths: []string{"prog", "plain", "pipe"}}, "plain\nprog\npipe\n"},
		{"-tr", tool.Ls{ByTime: true, Reverse: true, Paths: []string{"prog", "plain", "pipe"}}, "plain\nprog\npipe\n"},
		{"-m", tool.Ls{Stream: true, Paths: []string{"prog", "plain", "pipe"}}, "pipe, plain, prog\n"},
		{"-C", tool.Ls{Columns: true, Paths: []string{"prog", "plain", "pipe", "disk"}}, "disk  pipe  plain prog\n"},
		{"-p", tool.Ls{Slash: true, Dir: true, Paths: []string{"dir", "prog"}}, "dir/\nprog\n"},
	} {
		if got := must(t, fs, &c.ls); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
	if a := run(t, fs, &tool.Ls{Paths: []string{"nope", "dir"}}, ""); a.errs != "t: nope: No such file or directory\n" || a.out != "dir:\nin\n" || a.err != tool.Status(1) {
		t.Errorf("nope: %+v", a)
	}
}

// TestLsColumns fills pages of all widths: every name is there, and no line is too long unless one name alone is.
func TestLsColumns(t *testing.T) {
	fs := newFFS(t)
	var all []string
	for i := range 29 {
		name := strings.Repeat(string('a'+rune(i%26)), i/3+1) + string('A'+rune(i))
		all = append(all, name)
		put(t, fs, name, "")
	}
	for _, ls := range []tool.Ls{{Columns: true}, {Across: true}, {Stream: true}} {
		for width := 1; width < 200; width += 7 {
			var out strings.Builder
			l := ls
			err := l.Run(ctx, &tool.Env{FS: fs, Stdout: &out, Columns: width, Now: clock, Zone: time.UTC, Getenv: func(string) string { return "" }})
			if err != nil {
				t.Fatal(err)
			}
			words := strings.Fields(strings.ReplaceAll(out.String(), ",", " "))
			if len(words) != len(all) {
				t.Errorf("width %d: %d names, want %d", width, len(words), len(all))
			}
			for line := range strings.Lines(out.String()) {
				if len(line)-1 > width && len(strings.Fields(line)) > 1 {
					t.Errorf("width %d: line %q", width, line)
				}
			}
		}
	}
}
