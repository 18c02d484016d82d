package kern_test

import (
	"testing"

	"rump/rumpfs/kern/kerntest"
	"rump/rumpfs/rootfs"
	"rump/rumpfs/vfs"
	"rump/rumpfs/vfs/vfstest"
)

// TestContract runs the suite on a file system that checks how it is called.
func TestContract(t *testing.T) {
	kerntest.Run(t, func(t testing.TB) kerntest.Volume {
		return kerntest.Volume{
			Mount: func(bool) (vfs.FS, error) {
				return kerntest.Watch(t, rootfs.New(rootfs.Options{})), nil
			},
			Volatile: true,
			Features: vfstest.Features{
				TimeMax: 1 << 31, TimeStep: 1, Flags: vfs.FlagImmutable | vfs.FlagAppend, XattrMax: 4000,
				Holes: true, Allocate: true, Punch: true, Blocks: []int{4096},
			},
		}
	})
}
