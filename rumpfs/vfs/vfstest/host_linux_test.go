package vfstest_test

import (
	"os"
	"testing"

	"rump/rumpfs/vfs/vfstest"
)

// TestHost holds the suite against a file system that nobody here wrote.
func TestHost(t *testing.T) {
	root := os.Geteuid() == 0
	vfstest.Run(t, func(t testing.TB) vfstest.Mount {
		dir := t.TempDir()
		return vfstest.Mount{
			Tree: vfstest.HostTree(dir),
			Features: vfstest.Features{
				Devices:    root,
				Owners:     root,
				SymlinkMax: 4095,
				TimeMin:    0,
				TimeMax:    1<<31 - 1,
				TimeStep:   1000_000_000,
				Blocks:     []int{4096},
			},
			Remount: func(testing.TB) vfstest.Tree { return vfstest.HostTree(dir) },
		}
	})
}
