package bridge_test

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"rump/bridge"
	"rump/rumpfs/rootfs"
	"rump/rumpfs/vfs"
	"rump/rumpfs/vfs/vfstest"
)

// features are those of a tree in memory as the host sees it. Only the host's root makes device nodes, and what is made
// belongs to whoever makes it.
func features() vfstest.Features {
	root := os.Geteuid() == 0
	return vfstest.Features{
		Devices:    root,
		Owners:     root,
		SymlinkMax: 1023,
		TimeMin:    -1 << 31,
		TimeMax:    1<<33 - 1,
		TimeStep:   1,
		XattrMax:   4096,
		Holes:      true,
		Allocate:   true,
		Punch:      true,
		Blocks:     []int{4096, 1 << 20},
	}
}

// hostTree is a directory in which whoever runs the test is the superuser.
func hostTree(dir string) vfstest.Tree {
	if os.Geteuid() == 0 {
		return vfstest.HostTree(dir)
	}
	return rootedTree{vfstest.HostTree(dir)}
}

// A rootedTree shows what belongs to the one who runs the test as the superuser's.
type rootedTree struct{ vfstest.Tree }

func (t rootedTree) Stat(path string) (vfs.Attr, error) {
	a, err := t.Tree.Stat(path)
	if a.UID == uint32(os.Geteuid()) {
		a.UID = 0
	}
	return a, err
}

// TestSuite runs the suite of all file systems through the host, in each mode of the bridge.
func TestSuite(t *testing.T) {
	for _, c := range []struct {
		name    string
		options bridge.Options
	}{
		{"plain", bridge.Options{}},
		{"locks", bridge.Options{Locks: true}},
		{"as-caller", bridge.Options{AsCaller: true}},
		{"write-back", bridge.Options{WriteBack: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name != "plain" && testing.Short() {
				t.Skip("only the plain mode in short tests")
			}
			if c.options.AsCaller && os.Geteuid() != 0 {
				t.Skip("needs root, whose the tree is")
			}
			vfstest.Run(t, func(t testing.TB) vfstest.Mount { return suiteMount(t, c.options) })
		})
	}
}

func suiteMount(t testing.TB, o bridge.Options) vfstest.Mount {
	m := mount(t, o)
	f := features()
	f.Holes = f.Holes && !o.WriteBack // it hides them
	tree := vfstest.Mount{
		Tree:     hostTree(m.dir),
		Features: f,
		Remount: func(t testing.TB) vfstest.Tree {
			err := m.bridge.Unmount()
			if errors.Is(err, syscall.EBUSY) { // the suite keeps a file open
				err = m.bridge.Detach()
			}
			if err != nil {
				t.Fatalf("unmount: %v", err)
			}
			return hostTree(mountKernel(t, m.kernel, o).dir)
		},
		ReadOnly: func(t testing.TB) vfstest.Tree {
			o := o
			o.ReadOnly = true
			return hostTree(mountKernel(t, m.kernel, o).dir)
		},
		Full: func(t testing.TB) vfstest.Tree {
			k := boot(t, rootfs.Options{MaxBytes: 2 << 20, MaxInodes: 200})
			return hostTree(mountKernel(t, k, o).dir)
		},
	}
	if o.WriteBack {
		tree.Full = nil // that there is no space shows only when the file is closed
	}
	return tree
}
