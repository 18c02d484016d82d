package tool_test

import (
	"strings"
	"testing"

	"rump/cmd/rump/tool"
	"rump/rumpfs/vfs"
)

func findTree(t *testing.T) tool.FS {
	t.Helper()
	fs := newFFS(t)
	for _, d := range []string{"etc", "etc/rc.d", "var", "var/empty"} {
		mkdir(t, fs, d)
	}
	put(t, fs, "etc/rc", strings.Repeat("#", 3000))
	put(t, fs, "etc/rc.conf", "x")
	put(t, fs, "etc/rc.d/cron", "")
	put(t, fs, "var/Log", "a")
	node(t, fs, "var/link", vfs.CreateAttr{Kind: vfs.KindSymlink, Mode: 0o777, Target: "../etc"})
	node(t, fs, "var/null", vfs.CreateAttr{Kind: vfs.KindChar, Mode: 0o666, Rdev: vfs.Dev{Major: 2, Minor: 2}})
	set(t, fs, "etc/rc", vfs.SetAttr{Mask: vfs.SetMode | vfs.SetUID, Mode: 0o4755, UID: 7})
	set(t, fs, "etc/rc.conf", vfs.SetAttr{Mask: vfs.SetMtime | vfs.SetGID | vfs.SetFlags, GID: 8, Flags: vfs.FlagNoDump, Mtime: vfs.Time{Sec: birthday.Unix() - 10*86400 - 5}})
	if err := fs.Link(ctx, "etc/rc", "var/hard"); err != nil {
		t.Fatal(err)
	}
	return fs
}

func TestFind(t *testing.T) {
	fs := findTree(t)
	for _, c := range []struct{ words, want string }{
		{"-s .", ". ./etc ./etc/rc ./etc/rc.conf ./etc/rc.d ./etc/rc.d/cron ./var ./var/Log ./var/empty ./var/hard ./var/link ./var/null"},
		{"-sd var", "var/Log var/empty var/hard var/link var/null var"},
		{"-s / -name rc*", "/etc/rc /etc/rc.conf /etc/rc.d"},
		{"-s / -iname l*", "/var/Log /var/link"},
		{"-s / -path *c/rc.?*", "/etc/rc.conf /etc/rc.d /etc/rc.d/cron"},
		{"-s -name [^a-r]*", ". ./var ./var/Log"},
		{"-s / -type d -name ?*", "/ /etc /etc/rc.d /var /var/empty"},
		{"-s / -type l -o -type c", "/var/link /var/null"},
		{"-s / -type f ! -name rc -a -size -2", "/etc/rc.conf /etc/rc.d/cron /var/Log"},
		{"-s / -size +2k -type f", "/etc/rc /var/hard"},
		{"-s / -size 1c", "/etc/rc.conf /var/Log"},
		{"-s / ( -perm -4000 -or -group 8 ) -not -path /var/*", "/etc/rc /etc/rc.conf"},
		{"-s / -perm 4755", "/etc/rc /var/hard"},
		{"-s / -perm +6000", "/etc/rc /var/hard"},
		{"-s / -perm -u+s,g+x", "/etc/rc /var/hard"},
		{"-s / -user 7", "/etc/rc /var/hard"},
		{"-s / -links 2 -type f", "/etc/rc /var/hard"},
		{"-s / -mtime +9 -mtime -11", "/etc/rc.conf"},
		{"-s / -mtime 10", "/etc/rc.conf"},
		{"-s / -mmin +20", "/etc/rc.conf"},
		{"-s etc -newer etc/rc.conf -type f", "etc/rc etc/rc.d/cron"},
		{"-s / -flags -nodump", "/etc/rc.conf"},
		{"-s / -empty", "/etc/rc.d/cron /var/empty"},
		{"-s / -name etc -prune -o -type f", "/etc /var/Log /var/hard"},
		{"-s / -name etc -prune -o -type f -print", "/var/Log /var/hard"},
		{"-s / -maxdepth 1", "/ /etc /var"},
		{"-s / -mindepth 2 -maxdepth 2 -type d", "/etc/rc.d /var/empty"},
		{"-sL var -name cron", "var/link/rc.d/cron"},
		{"-sH var/link -maxdepth 1 -type f", "var/link/rc var/link/rc.conf"},
		{"-s var/link", "var/link"},
		{"cron", "./etc/rc.d/cron"},
		{"etc rc.conf", "etc/rc.conf"},
		{"-s / -false", ""},
		{"-x -s etc/rc.d", "etc/rc.d etc/rc.d/cron"},
	} {
		got := strings.Join(strings.Fields(must(t, fs, &tool.Find{Words: strings.Fields(c.words)})), " ")
		if got != c.want {
			t.Errorf("find %s: got %s, want %s", c.words, got, c.want)
		}
	}
	if got := must(t, fs, &tool.Find{Words: []string{"etc/rc", "-print0"}}); got != "etc/rc\x00" {
		t.Errorf("find -print0: %q", got)
	}
	got := must(t, fs, &tool.Find{Words: []string{"-s", "var", "-type", "c", "-ls", "-o", "-type", "l", "-ls"}})
	want := "lrwxr-xr-x   1 0        0               6 Nov 25 12:43 var/link -> ../etc"
	if !strings.Contains(got, want) || !strings.Contains(got, "crw-r--r--   1 0        0          2,   2 Nov 25 12:43 var/null\n") {
		t.Errorf("find -ls: got\n%s\nwant one with %s", got, want)
	}
}

func TestFindErrors(t *testing.T) {
	fs := findTree(t)
	for _, words := range []string{
		"-nope", "-name", "( -true", "-true )", "!", "-true -o", "-type q", "-size x", "-size -", "-perm 9", "-perm u~r", "-flags odd", "-user nobody-here",
		"-newer /nope", "-maxdepth -1", "-exec rm {} ;", "-mtime 99999999999999999999", "-size 9223372036854775807G",
		strings.Repeat("! ", 5000) + "-true", strings.Repeat("( ", 5000) + "-true",
	} {
		if a := run(t, fs, &tool.Find{Words: strings.Fields(words)}, ""); a.err == nil || a.out != "" {
			t.Errorf("find %.40s: %v, output %q; want an error", words, a.err, a.out)
		}
	}
	if a := run(t, fs, &tool.Find{Words: []string{"/nope", "etc/rc"}}, ""); a.err != tool.Status(1) || a.out != "etc/rc\n" || a.errs != "t: /nope: No such file or directory\n" {
		t.Errorf("find /nope etc/rc: %+v", a)
	}
}

func TestFindDelete(t *testing.T) {
	fs := findTree(t)
	find := &tool.Find{Words: []string{"etc", "-delete"}}
	if find.ReadOnly() {
		t.Error("find -delete changes nothing, it says")
	}
	must(t, fs, find)
	if got := must(t, fs, &tool.Find{Words: []string{"-s", "/"}}); got != "/\n/var\n/var/Log\n/var/empty\n/var/hard\n/var/link\n/var/null\n" {
		t.Errorf("after -delete: %s", got)
	}
}
