package components

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"rump/ffs"
	"rump/ffs/ondisk"
	"rump/rumpfs/kern/dev"
	"rump/rumpfs/kern/proc"
	"rump/rumpfs/rootfs"
	"rump/rumpfs/vfs"
)

// A node is a device node that a component makes.
type node struct {
	path         string
	kind         vfs.Kind
	major, minor uint32
}

// makeNodes makes device nodes, if there are file systems to make them in.
func (m *Machine) makeNodes(ctx context.Context, nodes ...node) error {
	if !m.System.HasVFS() {
		return nil
	}
	for _, n := range nodes {
		if err := m.System.MakeDevice(ctx, n.path, n.kind, vfs.Dev{Major: n.major, Minor: n.minor}); err != nil {
			return fmt.Errorf("%s: %w", n.path, err)
		}
	}
	return nil
}

// addVFS makes the directories and devices that every root has.
func addVFS(ctx context.Context, m *Machine) error {
	s := m.System
	s.EnableVFS()
	for dir, mode := range map[string]uint32{"/dev": 0o755, "/tmp": 0o1777} {
		if err := s.MakeDir(ctx, dir, mode); err != nil {
			return err
		}
	}
	if err := s.Devices().Add(vfs.KindChar, dev.MemoryMajor, dev.Memory()); err != nil {
		return err
	}
	for _, kind := range []vfs.Kind{vfs.KindBlock, vfs.KindChar} {
		if err := s.Devices().Add(kind, dev.HostDiskMajor, m.disks); err != nil {
			return err
		}
	}
	m.say("root file system type: rumpfs")
	return errors.Join(m.addFileSettings(), m.makeNodes(ctx,
		node{"/dev/null", vfs.KindChar, dev.MemoryMajor, dev.NullMinor},
		node{"/dev/zero", vfs.KindChar, dev.MemoryMajor, dev.ZeroMinor}))
}

func addFifos(_ context.Context, m *Machine) error {
	m.System.EnableFifos()
	return nil
}

func addDisk(_ context.Context, m *Machine) error {
	m.System.AddModule(proc.Module{Name: "dk_subr"})
	return nil
}

func addRandom(ctx context.Context, m *Machine) error {
	if err := m.System.Devices().Add(vfs.KindChar, dev.RandomMajor, dev.Random()); err != nil {
		return err
	}
	return m.makeNodes(ctx,
		node{"/dev/random", vfs.KindChar, dev.RandomMajor, dev.RandomMinor},
		node{"/dev/urandom", vfs.KindChar, dev.RandomMajor, dev.URandomMinor})
}

func addFFS(_ context.Context, m *Machine) error {
	m.System.AddModule(proc.Module{Name: "ffs", Class: proc.ModuleVFS})
	m.System.AddFSType(proc.FSType{Name: "ffs", OnDevice: true, Mount: m.mountFFS})
	return m.addFFSSettings()
}

// mountFFS mounts a Fast File System. What there is to say about it goes to the console.
func (m *Machine) mountFFS(ctx context.Context, a proc.MountArgs) (vfs.FS, error) {
	fs, err := ffs.Mount(ctx, a.Device, ffs.Options{
		ReadOnly: a.Flags&proc.MountReadOnly != 0, Async: a.Flags&proc.MountAsync != 0, NoAtime: a.Flags&proc.MountNoAtime != 0,
		Force: a.Flags&proc.MountForce != 0, MountPoint: a.Path, From: a.From, Log: m.o.Log, Now: m.o.Now, Budget: m.o.Memory / 8,
	})
	if err != nil {
		fmt.Fprintf(m.System.Console(), "%s: %v\n", a.From, err)
		var none *ondisk.NotFoundError
		if errors.As(err, &none) {
			return nil, syscall.EINVAL // what mount_ffs(8) calls an incorrect super block
		}
		return nil, err
	}
	for _, w := range fs.Warnings() {
		fmt.Fprintf(m.System.Console(), "%s: %s\n", a.From, w)
	}
	return fs, nil
}

func addTmpfs(_ context.Context, m *Machine) error {
	m.System.AddModule(proc.Module{Name: "tmpfs", Class: proc.ModuleVFS})
	m.System.AddFSType(proc.FSType{Name: "tmpfs", Mount: func(_ context.Context, a proc.MountArgs) (vfs.FS, error) {
		return rootfs.New(rootfs.Options{
			Type: "tmpfs", MaxBytes: a.MaxBytes, MaxInodes: a.MaxNodes, Mode: a.Mode, UID: a.UID, GID: a.GID, Now: m.o.Now,
			NoAtime: a.Flags&proc.MountNoAtime != 0,
		}), nil
	}})
	return nil
}
