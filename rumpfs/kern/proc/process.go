package proc

import (
	"context"
	"sync"
	"sync/atomic"
	"syscall"

	"rump/rumpfs/kern"
	"rump/rumpfs/vfs"
)

const (
	initPID  = 1
	maxPID   = 30000
	umask    = 0o022
	nameMost = 15 // bytes of a process's name
)

// A Process is one client of a kernel. All methods may be called concurrently, but for Exit.
type Process struct {
	// immutable
	sys  *System
	pid  int32
	ppid int32

	ctx   atomic.Pointer[lifetime]
	cred  atomic.Pointer[vfs.Cred] // the effective one; what it points to never changes
	table table

	mu     sync.Mutex // guards what follows
	name   string
	cwd    *kern.Vnode // a reference; nil after Exit
	mask   uint32
	ids    ids
	login  string
	limits [NumLimits]Limit
	locked map[*kern.Vnode]struct{} // has locks on ranges of them; references
}

// A lifetime is a context that ends the calls of a process.
type lifetime struct {
	ctx context.Context
	end context.CancelFunc
}

// newInit makes process 1.
func (s *System) newInit() *Process {
	p := &Process{sys: s, pid: initPID, name: "rumplocal", cwd: s.kernel.Root(), mask: umask, limits: defaultLimits()}
	p.table.limit = int(p.limits[LimitFiles].Soft)
	p.begin()
	p.setIDs(ids{})
	s.procs[initPID] = p
	s.last = initPID
	return p
}

// NewProcess makes a child of process 1 with descriptors 0 to 2 on the console.
func (s *System) NewProcess(name string) (*Process, error) {
	p, err := s.fork(s.init)
	if err != nil {
		return nil, err
	}
	p.SetName(name)
	o := p.newOpen(consoleFile{s}, Write)
	o.refs.Add(2)
	for range 3 {
		if _, err := p.table.add(o, 0, false); err != nil {
			panic("proc: no room for three descriptors")
		}
	}
	return p, nil
}

// Fork makes a child with the same descriptors, ids and directory. EAGAIN if there are too many processes; ESRCH for one
// that has ended.
func (p *Process) Fork() (*Process, error) {
	child, err := p.sys.fork(p)
	if err == nil {
		p.table.copyTo(&child.table)
	}
	return child, err
}

// fork makes a child without descriptors.
func (s *System) fork(parent *Process) (*Process, error) {
	child := &Process{sys: s, ppid: parent.pid}
	child.begin()
	if err := child.inherit(parent); err != nil {
		return nil, err
	}
	if err := s.enter(child); err != nil {
		child.cwd.Unref()
		return nil, err
	}
	return child, nil
}

func (p *Process) inherit(parent *Process) error {
	parent.mu.Lock()
	defer parent.mu.Unlock()
	if parent.cwd == nil {
		return syscall.ESRCH
	}
	parent.cwd.Ref()
	p.cwd, p.mask, p.name, p.login, p.limits = parent.cwd, parent.mask, parent.name, parent.login, parent.limits
	p.table.limit = min(int(p.limits[LimitFiles].Soft), hardFiles)
	p.setIDs(parent.ids)
	return nil
}

// enter gives a process its number.
func (s *System) enter(p *Process) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.procs) >= maxPID-1 || s.halting {
		return syscall.EAGAIN
	}
	for {
		if s.last++; s.last > maxPID {
			s.last = initPID + 1
		}
		if s.procs[s.last] == nil {
			break
		}
	}
	p.pid = s.last
	s.procs[p.pid] = p
	return nil
}

// Processes is how many there are, process 1 included.
func (s *System) Processes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.procs)
}

// Exit ends the process: its calls under way return, descriptors are closed, locks are gone. The caller sees to it that
// no call is under way any more when Exit is called; Interrupt helps.
func (p *Process) Exit() {
	p.Interrupt()
	for _, o := range p.table.takeIf(func(int, descriptor) bool { return true }) {
		p.closed(o)
	}
	p.mu.Lock()
	cwd := p.cwd
	p.cwd = nil
	p.mu.Unlock()
	if cwd != nil {
		cwd.Unref()
	}
	p.sys.mu.Lock()
	defer p.sys.mu.Unlock()
	if p.sys.procs[p.pid] == p {
		delete(p.sys.procs, p.pid)
	}
}

// Exec makes the process another program: descriptors that are to be closed then are, and it has a new name. No call is
// under way.
func (p *Process) Exec(name string) {
	for _, o := range p.table.takeIf(func(_ int, d descriptor) bool { return d.closeOnExec }) {
		p.closed(o)
	}
	p.SetName(name)
	p.begin()
}

// Context ends when the calls of the process are to.
func (p *Process) Context() context.Context { return p.ctx.Load().ctx }

// Interrupt ends the calls that wait for something, for good.
func (p *Process) Interrupt() { p.ctx.Load().end() }

// begin lets calls wait, again after an Interrupt.
func (p *Process) begin() {
	ctx, end := context.WithCancel(context.Background())
	if old := p.ctx.Swap(&lifetime{ctx, end}); old != nil {
		old.end()
	}
}

// System is what the process is part of.
func (p *Process) System() *System { return p.sys }

// PID is its number.
func (p *Process) PID() int32 { return p.pid }

// Parent is the number of the process that made it, or of process 1 if that has ended; 0 of process 1.
func (p *Process) Parent() int32 {
	p.sys.mu.Lock()
	defer p.sys.mu.Unlock()
	if p.ppid != 0 && p.sys.procs[p.ppid] == nil {
		return initPID
	}
	return p.ppid
}

// Name is the program's name.
func (p *Process) Name() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.name
}

// SetName gives it one, at most 15 bytes of it.
func (p *Process) SetName(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.name = name[:min(len(name), nameMost)]
}

// Umask sets the mode bits that new files do not get, and returns those before.
func (p *Process) Umask(mask uint32) uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.mask
	p.mask = mask & 0o777
	return old
}

// masked is a mode less those bits.
func (p *Process) masked(mode uint32) uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return mode & 0o7777 &^ p.mask
}

// Chdir makes a directory the current one. ENOTDIR; EACCES without search permission.
func (p *Process) Chdir(ctx context.Context, path string) error {
	v, err := p.walk(ctx, At{CWD, path}, true)
	if err != nil {
		return err
	}
	defer v.Unref()
	return p.enterDir(ctx, v)
}

// Fchdir is Chdir to an open directory.
func (p *Process) Fchdir(ctx context.Context, fd int) error {
	return p.vnode(fd, func(_ *Open, v *kern.Vnode) error { return p.enterDir(ctx, v) })
}

func (p *Process) enterDir(ctx context.Context, v *kern.Vnode) error {
	if !v.IsDir() {
		return syscall.ENOTDIR
	}
	if err := p.sys.door.Access(ctx, p.Cred(), v, kern.MayExec); err != nil {
		return err
	}
	v.Ref()
	p.mu.Lock()
	old := p.cwd
	if old != nil {
		p.cwd = v
	}
	p.mu.Unlock()
	if old == nil {
		v.Unref()
		return syscall.ESRCH
	}
	old.Unref()
	return nil
}

// Getcwd is the path of the current directory.
func (p *Process) Getcwd(ctx context.Context) (string, error) {
	v, err := p.start(CWD)
	if err != nil {
		return "", err
	}
	defer v.Unref()
	return p.sys.door.Path(ctx, vfs.Root, v)
}
