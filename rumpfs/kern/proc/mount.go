package proc

import (
	"context"
	"errors"
	"sync"
	"syscall"

	"rump/rumpfs/blockdev"
	"rump/rumpfs/kern"
	"rump/rumpfs/kern/dev"
	"rump/rumpfs/vfs"
)

// An FSType is a file-system type that can be mounted.
type FSType struct {
	Name     string
	OnDevice bool // it lies on a block device, which MountArgs.From names
	Remote   bool // its files are another machine's

	// Mount opens the file system. It owns a.Device once it has succeeded. What people should know beyond the error is logged.
	Mount func(ctx context.Context, a MountArgs) (vfs.FS, error)
}

// MountFlags say how a file system is mounted.
type MountFlags uint32

// The flags.
const (
	MountReadOnly MountFlags = 1 << iota
	MountNoExec
	MountNoSUID
	MountNoDev
	MountAsync
	MountNoAtime
	MountForce // although it is not clean
	MountLog
	MountSynchronous
)

// MountArgs are the arguments of a mount. Which of them count depends on the type.
type MountArgs struct {
	Path   string // where, as the caller said
	From   string // what: a device's path, or words for people
	Flags  MountFlags
	Device blockdev.Device // what From names, for types that lie on one

	MaxBytes, MaxNodes int64 // of one in memory; 0: as many as there are
	UID, GID, Mode     uint32

	Extra any // of types that need more
}

// A mounted is what is known of a file system that Mount mounted.
type mounted struct {
	device vfs.Dev // valid if on is set
	on     bool
	flags  MountFlags
	args   MountArgs
	typ    *FSType
}

// Mount mounts a file system over a directory. EPERM by anyone but the superuser; ENODEV for an unknown type; ENOTDIR;
// ENOTBLK for a device that is none; EBUSY for one that is mounted already, or a directory that something is mounted on;
// EINVAL for one that holds no such file system.
func (p *Process) Mount(ctx context.Context, typ string, at At, a MountArgs) error {
	if !p.Cred().Superuser() {
		return syscall.EPERM
	}
	t := p.sys.fsType(typ)
	if t == nil {
		return syscall.ENODEV
	}
	return p.onPath(ctx, at, true, func(v *kern.Vnode) error {
		if !v.IsDir() {
			return syscall.ENOTDIR
		}
		path, err := p.sys.door.Path(ctx, vfs.Root, v)
		if err != nil {
			return err
		}
		a.Path = path
		p.sys.mountMu.Lock()
		defer p.sys.mountMu.Unlock()
		return p.mount(ctx, t, v, a)
	})
}

func (s *System) fsType(name string) *FSType {
	for i := range s.types {
		if s.types[i].Name == name {
			return &s.types[i]
		}
	}
	return nil
}

// mount mounts over v; mountMu is held.
func (p *Process) mount(ctx context.Context, t *FSType, v *kern.Vnode, a MountArgs) error {
	m := &mounted{flags: a.Flags, typ: t}
	if t.OnDevice {
		var err error
		if m.device, err = p.openDisk(ctx, &a); err != nil {
			return err
		}
		m.on = true
	}
	fs, err := t.Mount(ctx, a)
	if err != nil {
		if a.Device != nil {
			err = errors.Join(err, a.Device.Close())
		}
		return err
	}
	m.args = a
	m.args.Device = nil
	o := kern.MountOptions{
		ReadOnly: a.Flags&MountReadOnly != 0, NoSUID: a.Flags&MountNoSUID != 0,
		NoDev: a.Flags&MountNoDev != 0, NoExec: a.Flags&MountNoExec != 0, Path: a.Path,
	}
	km, err := p.sys.kernel.Mount(ctx, v, fs, o)
	if err != nil {
		return errors.Join(err, fs.Unmount(ctx))
	}
	p.sys.mountAs.Store(km, m)
	return nil
}

// openDisk opens the block device that a.From names.
func (p *Process) openDisk(ctx context.Context, a *MountArgs) (vfs.Dev, error) {
	v, err := p.walk(ctx, At{CWD, a.From}, true)
	if err != nil {
		return vfs.Dev{}, err
	}
	defer v.Unref()
	if v.Kind() != vfs.KindBlock {
		return vfs.Dev{}, syscall.ENOTBLK
	}
	if v.Mount().Options().NoDev {
		return vfs.Dev{}, syscall.EACCES
	}
	at, err := p.sys.door.Attr(ctx, v)
	if err != nil {
		return vfs.Dev{}, err
	}
	if p.sys.deviceBusy(at.Rdev) {
		return vfs.Dev{}, syscall.EBUSY
	}
	write := a.Flags&MountReadOnly == 0
	d, err := p.sys.devices.Open(ctx, vfs.KindBlock, at.Rdev, write)
	if errors.Is(err, syscall.EROFS) {
		d, err = p.sys.devices.Open(ctx, vfs.KindBlock, at.Rdev, false) // the file system says that it is read-only, and why
	}
	if err != nil {
		return vfs.Dev{}, err
	}
	disk, ok := d.(dev.Disk)
	if !ok {
		return vfs.Dev{}, errors.Join(syscall.ENXIO, d.Close())
	}
	a.Device = &mountedDisk{Device: disk.Block(), disk: disk}
	return at.Rdev, nil
}

// A mountedDisk is a disk that a file system has; closing it ends the open of its device node.
type mountedDisk struct {
	blockdev.Device
	disk dev.Disk
	once sync.Once
}

var (
	_ blockdev.HostFile  = (*mountedDisk)(nil)
	_ blockdev.Discarder = (*mountedDisk)(nil)
)

// HostFile passes through.
func (m *mountedDisk) HostFile() (fd uintptr, offset int64, ok bool) {
	if h, ok := m.Device.(blockdev.HostFile); ok {
		return h.HostFile()
	}
	return 0, 0, false
}

// Discard passes through.
func (m *mountedDisk) Discard(off, length int64) error {
	if d, ok := m.Device.(blockdev.Discarder); ok {
		return d.Discard(off, length)
	}
	return syscall.EOPNOTSUPP
}

// Close leaves the disk itself open: it is the driver's.
func (m *mountedDisk) Close() (err error) {
	m.once.Do(func() { err = m.disk.Close() })
	return err
}

// deviceBusy reports whether a device is mounted.
func (s *System) deviceBusy(d vfs.Dev) bool {
	for _, info := range s.kernel.Mounts() {
		if m := s.mountedAs(info.Mount); m != nil && m.on && m.device == d {
			return true
		}
	}
	return false
}

// mountedAs is how a file system was mounted; nil if Mount did not do it.
func (s *System) mountedAs(km *kern.Mount) *mounted {
	if m, ok := s.mountAs.Load(km); ok {
		return m.(*mounted)
	}
	return nil
}

// DeviceOf is the device that a file system is mounted from; ok is false if there is none.
func (s *System) DeviceOf(km *kern.Mount) (d vfs.Dev, ok bool) {
	m := s.mountedAs(km)
	if m == nil {
		return vfs.Dev{}, false
	}
	return m.device, m.on
}

// MountArgs returns those that the file system at a path was mounted with, which must be of that type: EINVAL.
func (p *Process) MountArgs(ctx context.Context, typ string, at At) (a MountArgs, err error) {
	err = p.onPath(ctx, at, true, func(v *kern.Vnode) error {
		m := p.sys.mountedAs(v.Mount())
		if m == nil || m.typ.Name != typ {
			return syscall.EINVAL
		}
		a = m.args
		return nil
	})
	return a, err
}

// Unmount takes away the file system whose root the path stands for: EINVAL if it stands for anything else. EPERM by anyone but
// the superuser; EBUSY while it is used, unless by force.
func (p *Process) Unmount(ctx context.Context, at At, force bool) error {
	if !p.Cred().Superuser() {
		return syscall.EPERM
	}
	v, err := p.walk(ctx, at, true)
	if err != nil {
		return err
	}
	m := v.Mount()
	isRoot := v.Ino() == m.FS().Root()
	v.Unref() // before it counts as a use
	if !isRoot || m.At() == nil {
		return syscall.EINVAL
	}
	p.sys.mountMu.Lock()
	defer p.sys.mountMu.Unlock()
	err = p.sys.kernel.Unmount(ctx, m, force)
	if !errors.Is(err, syscall.EBUSY) {
		p.sys.mountAs.Delete(m)
	}
	return err
}

// A Volume describes a mounted file system, and its space.
type Volume struct {
	vfs.Statfs
	kern.MountInfo
	Device   vfs.Dev // valid if OnDevice is set
	OnDevice bool
	Flags    MountFlags
	Local    bool
	IsRoot   bool // of the kernel
}

// Volumes describes all, in the order they were mounted.
func (p *Process) Volumes(ctx context.Context) ([]Volume, error) {
	var list []Volume
	for _, info := range p.sys.kernel.Mounts() {
		root, err := info.Mount.Root()
		if err != nil {
			continue // unmounted meanwhile
		}
		vol, err := p.sys.volume(ctx, info, root)
		root.Unref()
		if err != nil {
			return nil, err
		}
		list = append(list, vol)
	}
	return list, nil
}

// VolumeCount is how many Volumes would describe.
func (p *Process) VolumeCount() int { return len(p.sys.kernel.Mounts()) }

// Statvfs describes the file system that a path lies in.
func (p *Process) Statvfs(ctx context.Context, at At) (vol Volume, err error) {
	err = p.onPath(ctx, at, true, func(v *kern.Vnode) error {
		vol, err = p.sys.volumeOf(ctx, v)
		return err
	})
	return vol, err
}

// Fstatvfs describes the one that an open file lies in; EINVAL if it lies in none.
func (p *Process) Fstatvfs(ctx context.Context, fd int) (vol Volume, err error) {
	err = p.vnode(fd, func(_ *Open, v *kern.Vnode) error {
		vol, err = p.sys.volumeOf(ctx, v)
		return err
	})
	return vol, err
}

func (s *System) volumeOf(ctx context.Context, v *kern.Vnode) (Volume, error) {
	for _, info := range s.kernel.Mounts() {
		if info.Mount == v.Mount() {
			return s.volume(ctx, info, v)
		}
	}
	return Volume{}, syscall.ESTALE
}

func (s *System) volume(ctx context.Context, info kern.MountInfo, v *kern.Vnode) (Volume, error) {
	st, err := s.door.Statfs(ctx, v)
	vol := Volume{Statfs: st, MountInfo: info, Local: true, IsRoot: info.Mount.At() == nil}
	if m := s.mountedAs(info.Mount); m != nil {
		vol.Device, vol.OnDevice, vol.Flags, vol.Local = m.device, m.on, m.flags, !m.typ.Remote
	}
	return vol, err
}

// Sync writes what is dirty in all file systems.
func (p *Process) Sync(ctx context.Context) error { return p.sys.kernel.Sync(ctx, true) }
