package proc

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"

	"rump/rumpfs/kern"
	"rump/rumpfs/kern/dev"
	"rump/rumpfs/kern/sysctl"
	"rump/rumpfs/vfs"
)

// Options of New.
type Options struct {
	Kernel   *kern.Kernel // its file systems; halting the System halts it
	Console  io.Writer    // hears what the kernel says and what processes write to descriptors 0 to 2; may be nil
	Hostname string
	Log      *slog.Logger // default silence
}

// A System is what the processes of a kernel share. It is put together by one goroutine, with the methods of this file, and
// then serves all.
type System struct {
	// immutable once put together
	kernel  *kern.Kernel
	door    *kern.Door
	log     *slog.Logger
	console *Console
	booted  vfs.Time
	devices dev.Switch
	sysctl  *sysctl.Tree
	types   []FSType
	modules []Module
	hasVFS  bool
	hasFifo bool
	atHalt  []func(ctx context.Context) error
	inDown  []func() error

	fifos fifos
	init  *Process
	root  *kern.Vnode // the root directory, init's reference
	opens atomic.Uint64

	mountMu sync.Mutex
	mountAs sync.Map // *kern.Mount -> *mounted

	mu       sync.Mutex // guards what follows
	procs    map[int32]*Process
	last     int32
	hostname string
	domain   string
	halting  bool

	halted chan struct{} // closed when all is over
	howto  Howto         // how it ended; valid then
}

// New makes a System without devices, file-system types and sysctl nodes but those of all kernels.
func New(o Options) *System {
	s := &System{
		kernel:   o.Kernel,
		log:      o.Log,
		console:  &Console{w: o.Console},
		hostname: o.Hostname,
		procs:    make(map[int32]*Process),
		halted:   make(chan struct{}),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.door = s.kernel.NewDoor("proc", nil)
	s.booted = s.door.Now()
	s.sysctl = sysctl.New()
	s.init = s.newInit()
	s.root = s.init.cwd
	return s
}

// Kernel is the kernel below.
func (s *System) Kernel() *kern.Kernel { return s.kernel }

// Door is the way that processes take into the kernel.
func (s *System) Door() *kern.Door { return s.door }

// Log is where to tell what no program is told.
func (s *System) Log() *slog.Logger { return s.log }

// Console is where to tell people.
func (s *System) Console() *Console { return s.console }

// Booted is when the System was made.
func (s *System) Booted() vfs.Time { return s.booted }

// Sysctl is the tree of settings.
func (s *System) Sysctl() *sysctl.Tree { return s.sysctl }

// Devices is the device switch.
func (s *System) Devices() *dev.Switch { return &s.devices }

// Init is process 1: rump root, in the root directory.
func (s *System) Init() *Process { return s.init }

// EnableVFS says that there are file systems: without it every call on one is ENOSYS.
func (s *System) EnableVFS() { s.hasVFS = true }

// HasVFS reports whether there are file systems.
func (s *System) HasVFS() bool { return s.hasVFS }

// EnableFifos says that named pipes can be opened.
func (s *System) EnableFifos() { s.hasFifo = true }

// AddFSType makes a file-system type known to Mount.
func (s *System) AddFSType(t FSType) { s.types = append(s.types, t) }

// FSTypes are the known types, in the order they came.
func (s *System) FSTypes() []FSType { return s.types }

// AddModule makes a module known to those who ask.
func (s *System) AddModule(m Module) { s.modules = append(s.modules, m) }

// A Module is a part of the kernel that has a name.
type Module struct {
	Name     string
	Class    ModuleClass
	Requires []string
}

// A ModuleClass says what kind of thing a module is.
type ModuleClass uint8

// The classes.
const (
	ModuleMisc ModuleClass = iota
	ModuleVFS
	ModuleDriver
	ModuleSecmodel
)

// Modules are the parts of the kernel. Refs counts how many others require it.
func (s *System) Modules() (list []Module, refs map[string]int) {
	refs = make(map[string]int)
	for _, m := range s.modules {
		for _, r := range m.Requires {
			refs[r]++
		}
	}
	return s.modules, refs
}

// AtHalt has fn called when the kernel is to end, before file systems are unmounted. The last one added is the first.
func (s *System) AtHalt(fn func(ctx context.Context) error) { s.atHalt = append(s.atHalt, fn) }

// AfterUnmount has fn called once nothing is mounted any more.
func (s *System) AfterUnmount(fn func() error) { s.inDown = append(s.inDown, fn) }

// Hostname is the kernel's name.
func (s *System) Hostname() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hostname
}

// SetHostname gives the kernel a name.
func (s *System) SetHostname(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hostname = name
}

// Domainname is the name of its domain.
func (s *System) Domainname() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.domain
}

// SetDomainname gives its domain a name.
func (s *System) SetDomainname(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.domain = name
}

// MakeDevice makes a device node in the root file system, mode 0644, and the directories on the way. One that exists stays.
func (s *System) MakeDevice(ctx context.Context, path string, kind vfs.Kind, d vfs.Dev) error {
	err := s.init.mknod(ctx, At{CWD, path}, vfs.CreateAttr{Kind: kind, Mode: 0o644, Rdev: d})
	return exists(err)
}

// MakeDir makes a directory in the root file system. One that exists stays.
func (s *System) MakeDir(ctx context.Context, path string, mode uint32) error {
	return exists(s.init.mknod(ctx, At{CWD, path}, vfs.CreateAttr{Kind: vfs.KindDir, Mode: mode}))
}

// exists makes EEXIST no error.
func exists(err error) error {
	if errors.Is(err, errExist) {
		return nil
	}
	return err
}
