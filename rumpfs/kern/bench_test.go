package kern_test

import (
	"fmt"
	"testing"

	"rump/rumpfs/kern"
	"rump/rumpfs/vfs"
)

// hot is a door, a directory of many files, and one of them with 64 KiB.
func hot(t testing.TB) (d *kern.Door, dir, file *kern.Vnode) {
	t.Helper()
	_, d, root := boot(t)
	dir = create(t, d, root, "dir", vfs.KindDir)
	for i := range 1000 {
		create(t, d, dir, fmt.Sprint(i), vfs.KindRegular)
	}
	file = create(t, d, dir, "file", vfs.KindRegular)
	if _, err := d.Write(ctx, vfs.Root, file, make([]byte, 64<<10), 0); err != nil {
		t.Fatal(err)
	}
	return d, dir, file
}

var user = &vfs.Cred{UID: 1000, GID: 100, Groups: []uint32{5, 6}}

// hotPaths are the calls that must not allocate.
var hotPaths = []struct {
	name string
	call func(d *kern.Door, dir, file *kern.Vnode) error
}{
	{"lookup", func(d *kern.Door, dir, file *kern.Vnode) error {
		v, err := d.Lookup(ctx, user, dir, "500")
		if err == nil {
			v.Unref()
		}
		return err
	}},
	{"lookup-up", func(d *kern.Door, dir, file *kern.Vnode) error {
		v, err := d.Lookup(ctx, user, dir, "..")
		if err == nil {
			v.Unref()
		}
		return err
	}},
	{"get", func(d *kern.Door, dir, file *kern.Vnode) error {
		v, err := d.Get(ctx, file.Mount(), file.Ino())
		if err == nil {
			v.Unref()
		}
		return err
	}},
	{"attr", func(d *kern.Door, dir, file *kern.Vnode) error {
		_, err := d.Attr(ctx, file)
		return err
	}},
	{"access", func(d *kern.Door, dir, file *kern.Vnode) error {
		return d.Access(ctx, user, file, kern.MayRead)
	}},
	{"read", func(d *kern.Door, dir, file *kern.Vnode) error {
		_, err := d.Read(ctx, file, buffer[:], 0)
		return err
	}},
}

var buffer [4096]byte

func TestHotPathsAllocateNothing(t *testing.T) {
	d, dir, file := hot(t)
	for _, c := range hotPaths {
		got := testing.AllocsPerRun(100, func() {
			if err := c.call(d, dir, file); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
		})
		if got != 0 {
			t.Errorf("%s: got %v allocations, want 0", c.name, got)
		}
	}
}

func BenchmarkHot(b *testing.B) {
	d, dir, file := hot(b)
	for _, c := range hotPaths {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := c.call(d, dir, file); err != nil {
					b.Fatal(err)
				}
			}
		})
		if c.name == "read" { // all into one buffer
			continue
		}
		b.Run(c.name+"-parallel", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := c.call(d, dir, file); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

func BenchmarkWalk(b *testing.B) {
	_, d, root := boot(b)
	dir, path := root, ""
	for i := range 10 {
		dir = create(b, d, dir, fmt.Sprint(i), vfs.KindDir)
		path += fmt.Sprintf("/%d", i)
	}
	b.ReportAllocs()
	for b.Loop() {
		v, err := d.Walk(ctx, vfs.Root, root, path, true)
		if err != nil {
			b.Fatal(err)
		}
		v.Unref()
	}
}

func BenchmarkCreateRemove(b *testing.B) {
	_, d, root := boot(b)
	b.ReportAllocs()
	for b.Loop() {
		v, err := d.Create(ctx, vfs.Root, root, "f", vfs.CreateAttr{Kind: vfs.KindRegular})
		if err != nil {
			b.Fatal(err)
		}
		v.Unref()
		if err := d.Remove(ctx, vfs.Root, root, "f"); err != nil {
			b.Fatal(err)
		}
	}
}
