package tool_test

import (
	"strings"
	"testing"
	"time"

	"rump/cmd/rump/tool"
	"rump/rumpfs/vfs"
)

func TestStat(t *testing.T) {
	fs := lsTree(t)
	at := vfs.Time{Sec: 981173106, Nsec: 7_000_000}
	set(t, fs, "prog", vfs.SetAttr{Mask: vfs.SetAtime | vfs.SetMtime, Atime: at, Mtime: at})
	st, err := fs.Stat(ctx, "prog", false)
	if err != nil {
		t.Fatal(err)
	}
	ino := func(text string) string {
		return strings.NewReplacer("INO", itoa(uint64(st.Ino)), "GEN", itoa(uint64(st.Gen))).Replace(text)
	}
	for _, c := range []struct {
		name string
		stat tool.StatFile
		want string
	}{
		{"default", tool.StatFile{}, `1 INO -rws--s--x 1 1000 20 0 2 "Feb  3 04:05:06 2001" "Feb  3 04:05:06 2001" "Nov 25 12:43:07 2026" "Nov 25 12:43:07 2026" 4096 1 0x10001 prog`},
		{"-r", tool.StatFile{Raw: true}, "1 INO 0106711 1 1000 20 0 2 981173106 981173106 1795610587 1795610587 4096 1 65537 prog"},
		{"-l", tool.StatFile{Long: true}, "-rws--s--x 1 1000 20 2 Feb  3 04:05:06 2001 prog"},
		{"-F", tool.StatFile{Classify: true}, "-rws--s--x 1 1000 20 2 Feb  3 04:05:06 2001 prog*"},
		{"-s", tool.StatFile{Shell: true}, "st_dev=1 st_ino=INO st_mode=0106711 st_nlink=1 st_uid=1000 st_gid=20 st_rdev=0 st_size=2 st_atime=981173106 st_mtime=981173106 " +
			"st_ctime=1795610587 st_birthtime=1795610587 st_blksize=4096 st_blocks=1 st_flags=65537"},
		{"-x", tool.StatFile{Verbose: true}, "  File: \"prog\"\n  Size: 2            FileType: Regular File\n  Mode: (6711/-rws--s--x)         Uid: ( 1000/    1000)  Gid: (   20/      20)\n" +
			"Device: 0,1   Inode: INO    Links: 1\nAccess: Sat Feb  3 04:05:06 2001\nModify: Sat Feb  3 04:05:06 2001\nChange: Wed Nov 25 12:43:07 2026"},
		{"-t", tool.StatFile{Format: "%Sm", TimeForm: "%F %T %j %u %s %% %C%y %q"}, "2001-02-03 04:05:06 034 6 981173106 % 2001 %q"},
		{"numbers", tool.StatFile{Format: "[%z|%5z|%-5z|%05z|%.3z|%+z|% z|%Oz|%#Xu|%XHp|%OMp|%Lp|%v]"}, "[2|    2|2    |00002|002|+2| 2|2|0x3e8|8|6|711|GEN]"},
		{"strings", tool.StatFile{Format: "%SHp,%SMp,%SLp,%.4Sp,%12SLp,%HT,%T,%LT,%Sf,%N,%.2N"}, "rws,--s,--x,-rws,         --x,Regular File,*,*,nodump,arch,prog,pr"},
		{"times", tool.StatFile{Format: "%m %Fm %.2Fm %Om"}, "981173106 981173106.007000000 981173106.00 7236701562"},
		{"text", tool.StatFile{Format: "%%%n%t%@x"}, "%\n\t1x"},
		{"-L", tool.StatFile{Follow: true, Format: "%HT", Paths: []string{"link"}}, "Directory"},
		{"link", tool.StatFile{Format: "%HT %T%SY|%Y", Paths: []string{"link"}}, "Symbolic Link @ -> dir|dir"},
		{"device", tool.StatFile{Format: "%HT %Hr,%Lr %r %Z", Paths: []string{"disk"}}, "Block Device 9,12345 50334009 9,12345"},
		{"size or device", tool.StatFile{Format: "%Z"}, "2"},
	} {
		if c.stat.Paths == nil {
			c.stat.Paths = []string{"prog"}
		}
		if got, want := must(t, fs, &c.stat), ino(c.want)+"\n"; got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, want)
		}
	}
	if got := must(t, fs, &tool.StatFile{NoNewline: true, Format: "%N,", Paths: []string{"prog", "link"}}); got != "prog,link," {
		t.Errorf("-n: %q", got)
	}
	for _, bad := range []string{"%", "%q", "%5", "%-", "%.", "%S", "%H"} {
		if a := run(t, fs, &tool.StatFile{Format: bad, Paths: []string{"prog"}}, ""); a.err == nil {
			t.Errorf("%q: %+v", bad, a)
		}
	}
}

func itoa(n uint64) string {
	digits := ""
	for ; n > 0 || digits == ""; n /= 10 {
		digits = string(rune('0'+n%10)) + digits
	}
	return digits
}

// TestTouch sets times in all the ways to write them.
func TestTouch(t *testing.T) {
	fs := newFFS(t)
	put(t, fs, "f", "")
	for _, c := range []struct {
		touch tool.Touch
		want  string
	}{
		{tool.Touch{Date: "2001-02-03T04:05:06Z"}, "2001-02-03 04:05:06"},
		{tool.Touch{Date: "2001-02-03 04:05:06.5+01:00"}, "2001-02-03 03:05:06.5"},
		{tool.Touch{Date: "2001-02-03"}, "2001-02-03 00:00:00"},
		{tool.Touch{Date: "@-1.5"}, "1969-12-31 23:59:58.5"},
		{tool.Touch{Stamp: "200102030405.06"}, "2001-02-03 04:05:06"},
		{tool.Touch{Stamp: "6902030405"}, "1969-02-03 04:05:00"},
		{tool.Touch{Stamp: "02030405"}, "2026-02-03 04:05:00"},
		{tool.Touch{}, "2026-11-25 12:43:07.123456789"},
	} {
		c.touch.Paths = []string{"f"}
		must(t, fs, &c.touch)
		st, err := fs.Stat(ctx, "f", false)
		got := time.Unix(st.Mtime.Sec, int64(st.Mtime.Nsec)).UTC().Format("2006-01-02 15:04:05.999999999")
		if got != c.want || err != nil || st.Atime != st.Mtime {
			t.Errorf("%+v: %s and %+v, %v; want %s", c.touch, got, st.Atime, err, c.want)
		}
	}
	must(t, fs, &tool.Touch{Access: true, Date: "@5", Paths: []string{"f"}})
	must(t, fs, &tool.Touch{Modify: true, Date: "@6", Paths: []string{"f"}})
	must(t, fs, &tool.Touch{Like: "f", Paths: []string{"g"}})
	must(t, fs, &tool.Touch{NoCreate: true, Paths: []string{"h"}})
	if st, err := fs.Stat(ctx, "g", false); err != nil || st.Atime.Sec != 5 || st.Mtime.Sec != 6 {
		t.Errorf("g: %+v, %v", st.Attr, err)
	}
	if _, err := fs.Stat(ctx, "h", false); err == nil {
		t.Error("-c has made a file")
	}
}

// TestRecursiveChanges: which links chmod, chown and chflags follow, and which they change.
func TestRecursiveChanges(t *testing.T) {
	fs := newFFS(t)
	for _, d := range []string{"top", "top/sub", "away"} {
		mkdir(t, fs, d)
	}
	put(t, fs, "top/sub/f", "")
	put(t, fs, "away/g", "")
	node(t, fs, "top/link", vfs.CreateAttr{Kind: vfs.KindSymlink, Mode: 0o777, Target: "../away"})
	node(t, fs, "top/dead", vfs.CreateAttr{Kind: vfs.KindSymlink, Mode: 0o777, Target: "nothing"})
	owner := func(path string) uint32 {
		st, err := fs.Stat(ctx, path, false)
		if err != nil {
			t.Fatal(err)
		}
		return st.UID
	}
	change := func(id string, fn func(c *tool.Chown)) string {
		c := &tool.Chown{Owner: id, Paths: []string{"top"}}
		c.Recurse, c.Verbose = true, true
		fn(c)
		must(t, fs, c)
		text := ""
		for _, p := range []string{"top", "top/sub/f", "top/link", "top/dead", "away", "away/g"} {
			text += " " + itoa(uint64(owner(p)))
		}
		return text[1:]
	}
	for _, c := range []struct {
		id, want string
		fn       func(*tool.Chown)
	}{
		{"1", "1 1 1 1 0 0", func(*tool.Chown) {}},
		{"2", "2 2 1 1 2 2", func(c *tool.Chown) { c.Links.All = true }},
		{"3", "2 2 1 1 3 3", func(c *tool.Chown) { c.Links.Args = true; c.Paths = []string{"top/link"} }},
		{"4", "2 2 1 1 4 3", func(c *tool.Chown) { c.Recurse = false; c.Paths = []string{"top/link"} }},
		{"5", "2 2 5 1 4 3", func(c *tool.Chown) { c.Recurse, c.NoDeref = false, true; c.Paths = []string{"top/link"} }},
	} {
		if got := change(c.id, c.fn); got != c.want {
			t.Errorf("chown %s: owners %s, want %s", c.id, got, c.want)
		}
	}
	dead := &tool.Chmod{Mode: "700", Paths: []string{"nope"}}
	dead.Force = true
	must(t, fs, dead)
}
