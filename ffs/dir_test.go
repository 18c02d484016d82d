package ffs_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"rump/ffs"
	"rump/rumpfs/vfs"
)

// names lists a directory, by reads that stop after each few entries.
func (v *volume) names(path string, few int, between func()) (out []string) {
	v.tb.Helper()
	n, err := v.walk(path)
	v.must(err)
	var at vfs.Cookie
	for {
		k := 0
		err := n.(vfs.Dir).ReadDir(ctx, at, func(e vfs.DirEntry) bool {
			if k == few {
				return false
			}
			k++
			at = e.Next
			out = append(out, string(e.Name))
			return true
		})
		v.must(err)
		if k == 0 {
			return out
		}
		if between != nil {
			between()
		}
	}
}

// Half of the names of a directory go, what is left is listed, and longer names reuse the space, which is compacted for them.
func TestDirectoryReusesSpace(t *testing.T) {
	for _, f := range flavours() {
		t.Run(f.name, func(t *testing.T) {
			dev := f.format(t, 8<<20)
			now := time.Unix(2e9, 0)
			v := open(t, lasting{dev}, ffs.Options{Now: func() time.Time { return now }})
			v.must(v.mkdir("/d"))
			v.must(v.write("/file", nil, 0))
			for i := range 600 {
				v.must(v.link("/file", fmt.Sprintf("/d/n%03d", i)))
			}
			size := v.size("/d")
			for i := 0; i < 600; i += 2 {
				v.must(v.remove(fmt.Sprintf("/d/n%03d", i)))
			}
			v.forget()
			if got := len(v.names("/d", 1000, nil)); got != 302 {
				t.Errorf("%d names left, want 302", got)
			}
			// 32 bytes: no gap of a single short name is as long, two together are.
			now = now.Add(time.Hour)
			for i := range 100 {
				v.must(v.link("/file", fmt.Sprintf("/d/a-longer-name-%05d", i)))
			}
			if got := v.size("/d"); got > size {
				t.Errorf("directory grew from %d to %d bytes although half of it was free", size, got)
			}
			for i := range 600 {
				_, err := v.walk(fmt.Sprintf("/d/n%03d", i))
				if want := map[bool]error{true: nil, false: syscall.ENOENT}[i%2 == 1]; err != want {
					t.Errorf("n%03d: got %v, want %v", i, err, want)
				}
			}
			v.close()
			check(t, dev)
		})
	}
}

func (v *volume) size(path string) int64 {
	v.tb.Helper()
	n, err := v.walk(path)
	v.must(err)
	a, err := n.Attr(ctx)
	v.must(err)
	return a.Size
}

// A directory gets shorter when a name goes in before its free end.
func TestDirectoryIsTrimmed(t *testing.T) {
	f := flavours()[2]
	dev := f.format(t, 8<<20)
	v := open(t, lasting{dev}, ffs.Options{})
	v.must(v.mkdir("/d"))
	v.must(v.write("/file", nil, 0))
	for i := range 1000 {
		v.must(v.link("/file", fmt.Sprintf("/d/n%04d", i)))
	}
	long := v.size("/d")
	for i := 999; i >= 10; i-- {
		v.must(v.remove(fmt.Sprintf("/d/n%04d", i)))
	}
	v.must(v.link("/file", "/d/again"))
	if got := v.size("/d"); got > 1024 || got >= long {
		t.Errorf("directory is %d bytes long, was %d, want at most 1024", got, long)
	}
	if got := len(v.names("/d", 1000, nil)); got != 13 {
		t.Errorf("%d names, want 13", got)
	}
	v.close()
	check(t, dev)
}

// A name that exists all the time is listed exactly once, however the listing is cut and whatever else comes and goes meanwhile.
func TestCookiesSurviveChanges(t *testing.T) {
	for _, f := range flavours()[:4] {
		t.Run(f.name, func(t *testing.T) {
			dev := f.format(t, 8<<20)
			v := open(t, lasting{dev}, ffs.Options{})
			r := rand.New(rand.NewPCG(1, 2))
			v.must(v.mkdir("/d"))
			v.must(v.write("/file", nil, 0))
			var others []string
			for i := range 400 {
				v.must(v.link("/file", fmt.Sprintf("/d/stays%d", i)))
				p := fmt.Sprintf("/d/goes%d%s", i, strings.Repeat("x", r.IntN(30)))
				v.must(v.link("/file", p))
				others = append(others, p)
			}
			made := 0
			seen := map[string]int{}
			for _, name := range v.names("/d", 7, func() {
				for range 5 {
					if k := len(others); k > 0 && r.IntN(2) == 0 {
						i := r.IntN(k)
						v.must(v.remove(others[i]))
						others = append(others[:i], others[i+1:]...)
					}
					p := fmt.Sprintf("/d/new%d%s", made, strings.Repeat("y", r.IntN(60)))
					made++
					v.must(v.link("/file", p))
					others = append(others, p)
				}
			}) {
				seen[name]++
			}
			for i := range 400 {
				if name := fmt.Sprintf("stays%d", i); seen[name] != 1 {
					t.Errorf("%s listed %d times", name, seen[name])
				}
			}
			v.close()
			check(t, dev)
		})
	}
}

// Cookies that can be no place are refused; one behind the end is the end.
func TestBadCookies(t *testing.T) {
	fs := mount(t, flavours()[2].format(t, 2<<20), ffs.Options{})
	n, err := fs.Node(ctx, fs.Root())
	if err != nil {
		t.Fatal(err)
	}
	defer n.Reclaim(ctx)
	all := func(vfs.DirEntry) bool { t.Error("an entry behind the end"); return true }
	for at, want := range map[vfs.Cookie]error{-1: syscall.EINVAL, 1: syscall.EINVAL, 1 << 31: syscall.EINVAL, 1 << 40: syscall.EINVAL, 512: nil, 1 << 20: nil} {
		if err := n.(vfs.Dir).ReadDir(ctx, at, all); err != want {
			t.Errorf("cookie %d: got %v, want %v", at, err, want)
		}
	}
}
