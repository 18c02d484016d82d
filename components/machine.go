package components

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"rump/netbsd"
	"rump/rumpfs/kern"
	"rump/rumpfs/kern/dev"
	"rump/rumpfs/kern/proc"
	"rump/rumpfs/rootfs"
	"rump/rumpfs/vfs"
)

// physicalMemory is what a kernel without a limit says that it has, bytes.
const physicalMemory = 512 << 20

// Options of Boot.
type Options struct {
	Components []Component // from Choose
	Hostname   string
	CPUs       int       // that programs are told of; default 2
	Memory     int64     // bytes; 0: no limit
	Console    io.Writer // hears what the kernel says; may be nil
	Verbose    bool      // says more while booting
	Log        *slog.Logger
	Now        func() time.Time // default time.Now
}

// A Machine is a kernel that was put together.
type Machine struct {
	System *proc.System

	o      Options
	root   *rootfs.FS
	disks  *dev.HostDisks
	closed []io.Closer // files of the host that keys stand for
}

// Boot puts a kernel together.
func Boot(ctx context.Context, o Options) (*Machine, error) {
	if o.CPUs <= 0 {
		o.CPUs = 2
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	m := &Machine{o: o, disks: new(dev.HostDisks)}
	m.root = rootfs.New(rootfs.Options{Now: o.Now, NoAtime: true, Classic: true, MaxBytes: o.Memory / 2})
	k, err := kern.Boot(kern.Options{Hostname: o.Hostname, Root: m.root, Now: o.Now, Log: o.Log})
	if err != nil {
		return nil, err
	}
	m.System = proc.New(proc.Options{Kernel: k, Console: o.Console, Hostname: o.Hostname, Log: o.Log})
	m.sayHello()
	err = m.addSettings()
	for _, c := range o.Components {
		if c.add != nil && err == nil {
			if err = c.add(ctx, m); err != nil {
				err = fmt.Errorf("%s: %w", c.Name, err)
			}
		}
	}
	m.System.AfterUnmount(m.close)
	if err != nil {
		return nil, errors.Join(err, k.Halt(ctx), m.close())
	}
	return m, nil
}

// say tells people something while booting verbosely.
func (m *Machine) say(format string, a ...any) {
	if m.o.Verbose {
		fmt.Fprintf(m.System.Console(), format+"\n", a...)
	}
}

func (m *Machine) sayHello() {
	m.say("%s", version)
	if m.o.Memory > 0 {
		m.say("total memory = %d KB", m.o.Memory>>10)
	} else {
		m.say("total memory = unlimited (host limit)")
	}
	m.say("timecounter: Timecounters tick every 10.000 msec")
	for i := range m.o.CPUs {
		m.say("cpu%d at thinair0: rump virtual cpu", i)
	}
}

// memory is what programs are told that there is, bytes.
func (m *Machine) memory() int64 {
	if m.o.Memory > 0 {
		return m.o.Memory
	}
	return physicalMemory
}

// close closes the files of the host. Nothing is mounted any more.
func (m *Machine) close() error {
	err := m.disks.Close()
	for _, c := range m.closed {
		err = errors.Join(err, c.Close())
	}
	m.closed = nil
	return err
}

// A Key is a file of the host in the kernel's name space: a disk, block or raw, or a regular file.
type Key struct {
	Path string // begins with a slash; see rootfs.AddKey
	Kind vfs.Kind
	File dev.HostDisk
}

const keyMode = 0o755

// AddKey makes a file of the host known. ENOSYS without file systems; EINVAL for a path without a slash; EEXIST.
func (m *Machine) AddKey(k Key) error {
	if !m.System.HasVFS() {
		return netbsd.ENOSYS
	}
	if k.Kind == vfs.KindRegular {
		f, err := dev.OpenHostFile(k.File)
		if err != nil {
			return err
		}
		m.closed = append(m.closed, f)
		return m.root.AddKey(rootfs.Key{Path: k.Path, Attr: vfs.CreateAttr{Kind: k.Kind, Mode: keyMode}, Data: f})
	}
	minor, size, err := m.disks.Add(k.File)
	if err != nil {
		return err
	}
	m.say("%s: hostpath %s (%d KB)", k.Path, k.File.Path, size>>10)
	a := vfs.CreateAttr{Kind: k.Kind, Mode: keyMode, Rdev: vfs.Dev{Major: dev.HostDiskMajor, Minor: minor}}
	return m.root.AddKey(rootfs.Key{Path: k.Path, Attr: a, Size: size})
}
