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

// make creates a node and fails the test if it cannot.
func make_(t testing.TB, d *kern.Door, dir *kern.Vnode, name string, kind vfs.Kind) *kern.Vnode {
	t.Helper()
	v, err := d.Create(ctx, vfs.Root, dir, name, vfs.CreateAttr{Kind: kind, Mode: 0o755})
	if err != nil {
		t.Fatalf("create %s: %v", name, err)
	}
	t.Cleanup(v.Unref)
	return v
}

func TestMountCrossing(t *testing.T) {
	k, d, root := boot(t)
	a := make_(t, d, root, "a", vfs.KindDir)
	b := make_(t, d, a, "b", vfs.KindDir)
	m, err := k.Mount(ctx, b, rootfs.New(rootfs.Options{}), kern.MountOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := k.Mounts()[1].On; got != "/a/b" {
		t.Errorf("mounted on %q, want /a/b", got)
	}
	in, err := d.Walk(ctx, vfs.Root, root, "a/b", true)
	if err != nil {
		t.Fatal(err)
	}
	if in.Mount() != m {
		t.Error("walk did not enter the mount")
	}
	up, err := d.Lookup(ctx, vfs.Root, in, "..")
	if err != nil {
		t.Fatal(err)
	}
	if up != a {
		t.Error(".. of the mount's root is not the directory above it")
	}
	up.Unref()
	if err := k.Unmount(ctx, m, false); err == nil {
		t.Error("unmount of a mount in use succeeded")
	}
	in.Unref()
	if err := k.Unmount(ctx, m, false); err != nil {
		t.Errorf("unmount: %v", err)
	}
}
