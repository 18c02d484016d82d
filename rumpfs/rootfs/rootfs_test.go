package rootfs_test

import (
	"testing"

	"rump/rumpfs/kern/kerntest"
	"rump/rumpfs/rootfs"
	"rump/rumpfs/vfs"
	"rump/rumpfs/vfs/vfstest"
)

func volume(o rootfs.Options) kerntest.Volume {
	return kerntest.Volume{
		Mount:    func(bool) (vfs.FS, error) { return rootfs.New(o), nil },
		Volatile: true,
		Features: vfstest.Features{
			LinkMax:  32767,
			TimeMin:  -1 << 40,
			TimeMax:  1 << 40,
			TimeStep: 1,
			Btime:    true,
			Flags: vfs.FlagNoDump | vfs.FlagImmutable | vfs.FlagAppend | vfs.FlagOpaque | vfs.FlagNoUnlink |
				vfs.FlagArchived | vfs.FlagSysImmutable | vfs.FlagSysAppend | vfs.FlagSysNoUnlink,
			XattrMax: 65536,
			Holes:    true,
			Allocate: true,
			Punch:    true,
			FileMax:  1 << 60,
			Blocks:   []int{4096, 64 * 4096},
		},
		Full: func(testing.TB) kerntest.Volume {
			return volume(rootfs.Options{MaxBytes: 2 << 20, MaxInodes: 2000})
		},
	}
}

func TestConformance(t *testing.T) {
	kerntest.Run(t, func(testing.TB) kerntest.Volume { return volume(rootfs.Options{}) })
}
