package tool

import (
	"strings"
	"testing"
)

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"*", "a/b", true}, {"a*", "b", false}, {"*a", "bca", true}, {"*a*b*", "xxaxxb", true},
		{"*ab", "aab", true}, {"a?c", "abc", true}, {"a?c", "ac", false}, {"?", "é", true}, {"?", "\xff", true}, {"[a-c]x", "bx", true},
		{"[!a-c]x", "bx", false}, {"[^a-c]x", "dx", true}, {"[]a]", "]", true}, {"[a-]", "-", true}, {"[", "[", true}, {"[a", "[a", true}, {"[a", "a", false},
		{`\*`, "*", true}, {`\*`, "a", false}, {`\`, `\`, true}, {`[\]]`, "]", true}, {"é*", "éa", true}, {"\xff", "\xff", true}, {"\xfe", "\xff", false},
		{"[z-a]", "b", false}, {"*?", "", false}, {"**", "abc", true}, {"a**", "a", true},
	} {
		if got := glob(c.pattern, c.name); got != c.want {
			t.Errorf("glob(%q, %q) = %v, want %v", c.pattern, c.name, got, c.want)
		}
	}
	if glob(strings.Repeat("*a", 100)+"b", strings.Repeat("a", 200)) { // no exponential time
		t.Error("matched what it does not")
	}
}

func FuzzGlob(f *testing.F) {
	f.Add("*a[!b-d]?\\x", "aaaax")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern)+len(name) > 100 {
			return
		}
		glob(pattern, name)
		plain := strings.NewReplacer("*", `\*`, "?", `\?`, "[", `\[`, `\`, `\\`).Replace(name)
		if !glob(plain, name) {
			t.Errorf("glob(%q, %q): an escaped name does not match itself", plain, name)
		}
		if !glob("*", name) || !glob(plain+"*", name) || !glob("*"+plain, name) {
			t.Errorf("%q: stars do not match", name)
		}
	})
}

func TestParseMode(t *testing.T) {
	for _, c := range []struct {
		text  string
		mode  uint32
		isDir bool
		want  uint32
	}{
		{"755", 0, false, 0o755}, {"0", 0o7777, false, 0}, {"4755", 0o644, false, 0o4755},
		{"u+x", 0o644, false, 0o744}, {"go-r", 0o644, false, 0o600}, {"a=rw", 0o755, false, 0o666}, {"+x", 0o644, false, 0o755},
		{"+w", 0o444, false, 0o644}, {"=r", 0o777, false, 0o444}, {"a+X", 0o644, false, 0o644}, {"a+X", 0o744, false, 0o755}, {"a+X", 0o644, true, 0o755},
		{"u+s,g+s", 0o755, false, 0o6755}, {"+t", 0o755, true, 0o1755}, {"u=g", 0o754, false, 0o554}, {"o=u-w", 0o754, false, 0o755},
		{"g+u", 0o740, false, 0o770}, {"u=rwx,go=", 0o644, false, 0o700}, {"ug+rw-x", 0o111, false, 0o661}, {"a-s", 0o6755, false, 0o755}, {"u=", 0o4755, false, 0o055},
	} {
		m, err := ParseMode(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := m.Apply(c.mode, c.isDir, fileMask); got != c.want {
			t.Errorf("%s on %o: %o, want %o", c.text, c.mode, got, c.want)
		}
	}
	for _, bad := range []string{"", "8", "10000", "u", "ux", "u+q", "u+r,", ",u+r", "+r,g", "a b", "99999999999999"} {
		if m, err := ParseMode(bad); err == nil {
			t.Errorf("%q: %+v, want an error", bad, m)
		}
	}
}

func TestPaths(t *testing.T) {
	for _, c := range []struct{ path, base, parent string }{
		{"a", "a", "."}, {"/", "/", "/"}, {"//", "/", "/"}, {"/a", "a", "/"}, {"a/b", "b", "a"}, {"a//b//", "b", "a"}, {"/a/", "a", "/"}, {".", ".", "."}, {"", "", "."},
	} {
		if b, p := base(c.path), parent(c.path); b != c.base || p != c.parent {
			t.Errorf("%q: base %q, parent %q; want %q, %q", c.path, b, p, c.base, c.parent)
		}
	}
}

func TestHuman(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0B", 999: "999B", 1023: "1023B", 1024: "1.0K", 10188: "9.9K", 10240: "10K", 1 << 20: "1.0M", 1<<20 - 1: "1.0M", 1 << 62: "4.0E", -2048: "-2.0K", 307 << 10: "307K",
	} {
		if got := human(n, 1024); got != want {
			t.Errorf("human(%d) = %s, want %s", n, got, want)
		}
	}
}
