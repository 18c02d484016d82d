package components_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"rump/components"
	"rump/netbsd"
	"rump/rumpfs/kern/dev"
	"rump/rumpfs/kern/proc"
	"rump/rumpfs/kern/sysctl"
	"rump/rumpfs/vfs"
)

var ctx = context.Background()

// boot puts a kernel together that is halted at the end of the test.
func boot(t *testing.T, o components.Options, names ...string) *components.Machine {
	t.Helper()
	var err error
	if o.Components, err = components.Choose(names); err != nil {
		t.Fatal(err)
	}
	m, err := components.Boot(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.System.Shutdown(ctx, 0); err != nil {
			t.Error(err)
		}
	})
	return m
}

// TestChoose finds components by all that people call them, in any order.
func TestChoose(t *testing.T) {
	list, err := components.Choose([]string{"librumpfs_ffs.so", "/usr/lib/librumpvfs.so.0.1", "rumpvfs", "rumpfs_ffs", "rump"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range list {
		names = append(names, c.Name)
	}
	if want := []string{"rump", "rumpvfs", "rumpfs_ffs"}; !slices.Equal(names, want) {
		t.Errorf("chosen %v, want %v", names, want)
	}
	_, err = components.Choose([]string{"rumpvfs", "nosuch", "../other"})
	var unknown *components.UnknownError
	if !errors.As(err, &unknown) || !slices.Equal(unknown.Names, []string{"nosuch", "../other"}) || !strings.HasPrefix(err.Error(), "failed to load -libraries, last error from \"../other\":\n  libother.so: ") {
		t.Errorf("unknown ones: %v", err)
	}
	_, err = components.Choose([]string{"rumpdev_disk"})
	if err == nil || err.Error() != "rumpdev_disk needs -lrumpdev -lrumpvfs" {
		t.Errorf("what another needs: %v", err)
	}
}

// TestEach boots a kernel with each component and what it needs, and with all. What one needs comes before it.
func TestEach(t *testing.T) {
	seen := map[string]bool{}
	var all []string
	for _, c := range components.All() {
		for _, n := range c.Needs {
			if !seen[n] {
				t.Errorf("%s needs %s, which does not come before it", c.Name, n)
			}
		}
		seen[c.Name] = true
		all = append(all, c.Name)
		t.Run(c.Name, func(t *testing.T) { boot(t, components.Options{}, append(c.Needs, c.Name)...) })
	}
	boot(t, components.Options{}, all...)
}

// TestRoot looks at what every kernel with file systems has.
func TestRoot(t *testing.T) {
	m := boot(t, components.Options{}, "rumpvfs", "rumpdev", "rumpdev_rnd")
	p := m.System.Init()
	for path, want := range map[string]struct {
		kind vfs.Kind
		mode uint32
		dev  vfs.Dev
	}{
		"/dev":         {vfs.KindDir, 0o755, vfs.Dev{}},
		"/tmp":         {vfs.KindDir, 0o1777, vfs.Dev{}},
		"/dev/null":    {vfs.KindChar, 0o644, vfs.Dev{Major: 2, Minor: 2}},
		"/dev/zero":    {vfs.KindChar, 0o644, vfs.Dev{Major: 2, Minor: 12}},
		"/dev/random":  {vfs.KindChar, 0o644, vfs.Dev{Major: 255}},
		"/dev/urandom": {vfs.KindChar, 0o644, vfs.Dev{Major: 255, Minor: 1}},
	} {
		st, err := p.Stat(ctx, proc.At{FD: proc.CWD, Path: path}, true)
		if err != nil || st.Kind != want.kind || st.Mode != want.mode || st.Rdev != want.dev {
			t.Errorf("%s is %+v, %v, want %+v", path, st.Attr, err, want)
		}
	}
}

// TestBare has a kernel without file systems: no keys, and no nodes of file systems.
func TestBare(t *testing.T) {
	m := boot(t, components.Options{Hostname: "bare"})
	k := components.Key{Path: "/dk", Kind: vfs.KindBlock, File: dev.HostDisk{Path: filepath.Join(t.TempDir(), "x"), Size: 4096, Create: true}}
	if err := m.AddKey(k); !errors.Is(err, netbsd.ENOSYS) {
		t.Errorf("a key: %v, want ENOSYS", err)
	}
	if list, err := m.System.Sysctl().List([]int32{netbsd.CTL_VFS}, sysctl.Call{}); len(list) != 0 || err != nil {
		t.Errorf("nodes of file systems: %v, %v", list, err)
	}
}

// TestKeys makes keys of each kind, and twice.
func TestKeys(t *testing.T) {
	m := boot(t, components.Options{}, "rumpvfs")
	file := dev.HostDisk{Path: filepath.Join(t.TempDir(), "img"), Size: 1 << 20, Create: true}
	for path, kind := range map[string]vfs.Kind{"/dk": vfs.KindBlock, "/rdk": vfs.KindChar, "/file": vfs.KindRegular} {
		if err := m.AddKey(components.Key{Path: path, Kind: kind, File: file}); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		st, err := m.System.Init().Stat(ctx, proc.At{FD: proc.CWD, Path: path}, true)
		if err != nil || st.Kind != kind || st.Size != 1<<20 || st.Mode != 0o755 {
			t.Errorf("%s is %+v, %v", path, st.Attr, err)
		}
	}
	if err := m.AddKey(components.Key{Path: "/dk", Kind: vfs.KindBlock, File: file}); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("the same key: %v, want EEXIST", err)
	}
	if err := m.AddKey(components.Key{Path: "dk", Kind: vfs.KindBlock, File: file}); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("a key without a slash: %v, want EINVAL", err)
	}
}

// TestSettings reads every setting there is, and sets those that can be set to what they are.
func TestSettings(t *testing.T) {
	var names []string
	for _, c := range components.All() {
		names = append(names, c.Name)
	}
	m := boot(t, components.Options{Hostname: "settings", CPUs: 3, Memory: 64 << 20}, names...)
	call := sysctl.Call{Caller: m.System.Init(), Want: 4}
	leaves := 0
	var walk func(name []int32)
	walk = func(name []int32) {
		list, err := m.System.Sysctl().List(name, call)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range list {
			path := append(slices.Clone(name), n.Num)
			if n.Kind == sysctl.Inner {
				walk(path)
				continue
			}
			leaves++
			_, v, err := m.System.Sysctl().Get(path, call)
			if err != nil {
				t.Errorf("%s: %v", n.Name, err)
			}
			if n.Flags&sysctl.Writable != 0 {
				if err := m.System.Sysctl().Set(path, call, v); err != nil {
					t.Errorf("%s: set to what it is: %v", n.Name, err)
				}
			}
		}
	}
	walk(nil)
	if leaves < 80 {
		t.Errorf("only %d settings", leaves)
	}
	for _, c := range []struct {
		name []int32
		want sysctl.Value
	}{
		{[]int32{netbsd.CTL_HW, netbsd.HW_NCPU}, int32(3)},
		{[]int32{netbsd.CTL_HW, netbsd.HW_PHYSMEM64}, int64(64 << 20)},
		{[]int32{netbsd.CTL_KERN, netbsd.KERN_HOSTNAME}, "settings"},
		{[]int32{netbsd.CTL_VFS, 0, 1024}, "rumpfs ffs tmpfs"},
	} {
		if _, v, err := m.System.Sysctl().Get(c.name, call); v != c.want || err != nil {
			t.Errorf("%v is %v, %v, want %v", c.name, v, err, c.want)
		}
	}
}

// TestVerbose says what a booting kernel says.
func TestVerbose(t *testing.T) {
	var out bytes.Buffer
	boot(t, components.Options{Console: &out, Verbose: true, CPUs: 1}, "rumpvfs")
	want := "NetBSD 7.99.34 (RUMP-ROAST)\ntotal memory = unlimited (host limit)\ntimecounter: Timecounters tick every 10.000 msec\n" +
		"cpu0 at thinair0: rump virtual cpu\nroot file system type: rumpfs\n"
	if got := out.String(); got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
}
