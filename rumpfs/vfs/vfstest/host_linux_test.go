package vfstest_test

import (
	"os"
	"syscall"
	"testing"

	"rump/rumpfs/vfs"
	"rump/rumpfs/vfs/vfstest"
)

// TestHost holds the suite against a file system that nobody here wrote: the host's memory file system if there is one,
// for speed, or the one in the directory that RUMP_TEST_DIR names.
func TestHost(t *testing.T) {
	vfstest.Run(t, func(t testing.TB) vfstest.Mount {
		dir := hostDir(t)
		return vfstest.Mount{
			Tree:     vfstest.HostTree(dir),
			Features: hostFeatures(dir),
			Remount:  func(testing.TB) vfstest.Tree { return vfstest.HostTree(dir) },
		}
	})
}

// hostDir makes an empty directory.
func hostDir(t testing.TB) string {
	t.Helper()
	where := os.Getenv("RUMP_TEST_DIR")
	if _, err := os.Stat("/dev/shm"); err == nil && where == "" {
		where = "/dev/shm"
	}
	dir, err := os.MkdirTemp(where, "vfstest")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// hostFeatures are what every Linux file system has, and what can be found out.
func hostFeatures(dir string) vfstest.Features {
	f := vfstest.Features{
		Devices:    os.Geteuid() == 0,
		Owners:     os.Geteuid() == 0,
		SymlinkMax: 4095,
		TimeMax:    1<<31 - 1,
		TimeStep:   1,
		Blocks:     []int{4096, 32768},
	}
	tree := vfstest.HostTree(dir)
	if tree.Make("probe", vfs.CreateAttr{Kind: vfs.KindRegular, Mode: 0o644}) != nil {
		return f
	}
	defer tree.Remove("probe")
	if tree.SetXattr("probe", "probe", make([]byte, 3000), vfs.XattrEither) == nil {
		f.XattrMax = 3000
	}
	if file, err := tree.Open("probe", true); err == nil {
		defer file.Close()
		f.Allocate = file.Allocate(0, 10_000, false) == nil
		f.Punch = file.Punch(0, 10_000) == nil
		f.Holes = f.Punch
	}
	return f
}

func TestHostDevNumbers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("device nodes can only be made by root")
	}
	tree := vfstest.HostTree(hostDir(t))
	for _, dev := range []vfs.Dev{{}, {Major: 1, Minor: 3}, {Major: 4095, Minor: 255}, {Major: 4095, Minor: 1<<20 - 1}} {
		if err := tree.Make("node", vfs.CreateAttr{Kind: vfs.KindChar, Rdev: dev}); err != nil {
			if err == syscall.EPERM {
				t.Skip("device nodes cannot be made here")
			}
			t.Fatal(err)
		}
		if a, err := tree.Stat("node"); err != nil || a.Rdev != dev {
			t.Errorf("device: got %v, %v, want %v", a.Rdev, err, dev)
		}
		if err := tree.Remove("node"); err != nil {
			t.Fatal(err)
		}
	}
}
