package kerntest

import (
	"testing"

	"rump/rumpfs/kern"
	"rump/rumpfs/vfs"
	"rump/rumpfs/vfs/vfstest"
)

// A Volume is an empty file system that can be mounted, as often as it is asked for but once at a time.
type Volume struct {
	// Mount opens the file system on its device.
	Mount func(readOnly bool) (vfs.FS, error)

	Features vfstest.Features // of the file system; what the kernel adds is filled in

	// Volatile: the content is gone with the mount.
	Volatile bool

	// Full makes a volume of 1 to 8 MiB with few inodes; nil if there is none.
	Full func(t testing.TB) Volume

	// Check looks at the volume while it is not mounted, a checker for example; nil if there is nothing to look at.
	Check func(t testing.TB)
}

// Run runs the suite on volumes that open makes, each the root of a kernel.
func Run(t *testing.T, open func(t testing.TB) Volume) {
	t.Helper()
	vfstest.Run(t, func(t testing.TB) vfstest.Mount { return open(t).mount(t) })
}

// mount makes the volume what the suite wants.
func (vol Volume) mount(t testing.TB) vfstest.Mount {
	t.Helper()
	s := &server{vol: vol}
	t.Cleanup(func() { s.halt(t) })
	m := vfstest.Mount{Tree: s.boot(t, false), Features: vol.Features}
	m.Features.Devices, m.Features.Owners, m.Features.BSDGroup, m.Features.SymlinkMax = true, true, true, 1023
	if !vol.Volatile {
		m.Remount = func(t testing.TB) vfstest.Tree {
			s.halt(t)
			return s.boot(t, false)
		}
		m.ReadOnly = func(t testing.TB) vfstest.Tree {
			s.halt(t)
			return s.boot(t, true)
		}
	}
	if vol.Full != nil {
		m.Full = func(t testing.TB) vfstest.Tree { return vol.Full(t).mount(t).Tree }
	}
	return m
}

// A server is a kernel on a volume, or none while that is not mounted.
type server struct {
	vol  Volume
	k    *kern.Kernel
	door *kern.Door
	root *kern.Vnode
}

func (s *server) boot(t testing.TB, readOnly bool) vfstest.Tree {
	t.Helper()
	fs, err := s.vol.Mount(readOnly)
	if err != nil {
		t.Fatalf("mount: %v", err)
	}
	if s.k, err = kern.Boot(kern.Options{Root: fs, MaxVnodes: 64}); err != nil { // few, so that they come and go
		t.Fatalf("boot: %v", err)
	}
	s.door, s.root = s.k.NewDoor("test", nil), s.k.Root()
	return Tree(s.door, s.root)
}

// halt unmounts the volume, unless that is done, and checks it.
func (s *server) halt(t testing.TB) {
	t.Helper()
	if s.k == nil {
		return
	}
	k := s.k
	s.k = nil
	s.root.Unref()
	s.door.Close()
	if n := k.Referenced(); n != 0 && !t.Failed() {
		t.Errorf("halt: %d vnodes are still referred to", n)
	}
	if err := k.Halt(ctx); err != nil {
		t.Errorf("halt: %v", err)
	}
	if s.vol.Check != nil {
		s.vol.Check(t)
	}
}
