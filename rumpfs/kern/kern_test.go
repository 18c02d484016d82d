package kern_test

import (
	"context"
	"testing"

	"rump/rumpfs/kern"
	"rump/rumpfs/rootfs"
	"rump/rumpfs/vfs"
)

var ctx = context.Background()

// boot starts a kernel on an empty tree in memory, halts it at the end of the test, and returns a door with the root.
func boot(t testing.TB) (*kern.Kernel, *kern.Door, *kern.Vnode) {
	t.Helper()
	k, err := kern.Boot(kern.Options{Root: rootfs.New(rootfs.Options{})})
	if err != nil {
		t.Fatal(err)
	}
	d := k.NewDoor("test", nil)
	root := k.Root()
	t.Cleanup(func() {
		root.Unref()
		d.Close()
		if err := k.Halt(ctx); err != nil {
			t.Errorf("halt: %v", err)
		}
	})
	return k, d, root
}

// create makes a node and fails the test if it cannot.
func create(t testing.TB, d *kern.Door, dir *kern.Vnode, name string, kind vfs.Kind) *kern.Vnode {
	t.Helper()
	v, err := d.Create(ctx, vfs.Root, dir, name, vfs.CreateAttr{Kind: kind, Mode: 0o755})
	if err != nil {
		t.Fatalf("create %s: %v", name, err)
	}
	t.Cleanup(v.Unref)
	return v
}
