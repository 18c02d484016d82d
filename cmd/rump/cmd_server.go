package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"rump/bridge"
	"rump/components"
	"rump/netbsd"
	"rump/rumpfs/kern/proc"
	proxy "rump/sysproxy/server"
)

// Exit statuses of rump_server besides error numbers.
const (
	exitUsage = 1
	exitDied  = 3 // the detached server ended before it was in service
)

const (
	memoryLeast = 128 << 10 // bytes of -r that a kernel needs
	memoryWarn  = 1 << 20
	cpusMost    = 256
)

// serverCmd is rump_server(1).
type serverCmd struct {
	Components []string `short:"l" name:"component" sep:"none" placeholder:"NAME" help:"Put a component into the kernel: rumpvfs, rumpfs_ffs, ...; any number of them, in any order."`
	Drives     []string `short:"d" name:"drive" sep:"none" placeholder:"WORD,..." help:"Have a file of the host in the name space: key=/PATH,hostpath=FILE and size=BYTES|host with offset=BYTES, or disklabel=LETTER; type=blk|chr|reg; ro."`
	CPUs       string   `short:"c" name:"cpus" placeholder:"N" help:"Virtual CPUs that programs are told of: a number or 'host'."`
	Memory     string   `short:"r" name:"memory" placeholder:"SIZE" help:"Limit of the kernel's memory, with k, m or g."`
	Modules    []string `short:"m" name:"module" sep:"none" placeholder:"FILE" help:"Load a kernel module; none can be, so this is an error."`
	Foreground bool     `short:"s" help:"Stay in the foreground."`
	Verbose    bool     `short:"v" help:"Show boot messages."`
	All        bool     `help:"Put all components into the kernel, as rump_allserver does."`
	Bridge     string   `type:"path" placeholder:"DIR" help:"Mount the name space at a directory of the host."`
	Log        string   `type:"path" placeholder:"FILE" help:"Append what the server has to say to a file."`
	Status     bool     `help:"Say whether a server is running at the URL, and what it has mounted; start none."`

	URL string `arg:"" name:"url" help:"Where clients come in: unix://PATH, or tcp://ADDRESS:PORT/."`
}

// Help shows examples.
func (serverCmd) Help() string {
	return `Starts a rump kernel as a process of its own, and returns when clients can come in. They find it by RUMP_SERVER. Who can
connect is root in it: the socket has mode 0600.

Examples:
  rump_server unix://rumpserver; export RUMP_SERVER=unix://rumpserver; rump.sysctl kern.hostname; rump.halt
  rump_server -lrumpvfs -lrumpfs_ffs -d key=/dk,hostpath=disk.img,size=host unix:///tmp/rump
  rump_server -lrumpvfs -lrumpfs_ffs -d key=/dk,hostpath=usb.img,disklabel=e --bridge ~/mnt unix://s
  rump_server --status unix:///tmp/rump

Sizes may have suffixes b (512), k, m, g, t, w and be products, 2x512k. Signals TERM and INT halt the server in good order.
Exit status: 0 once it is in service (with -s: once it was halted); else a NetBSD error number, or 1 with -s; 1 for a command
line that makes no sense; 3 if the server died on its way.`
}

// Run starts the server, in the background unless it is to stay.
func (s *serverCmd) Run(ctx context.Context, e *env) error {
	if s.Status {
		return s.status(ctx, e)
	}
	o, drives, err := s.parse(e)
	if err != nil {
		return s.usage(e, err)
	}
	ready := readinessOf(e)
	if !s.Foreground && !ready.detached() {
		return s.detach(e)
	}
	ready.stay = true
	r := &rumpServer{e: e, cmd: s, ready: ready}
	if err := r.start(ctx, o, drives); err != nil {
		return r.die(err)
	}
	return r.serve(ctx)
}

// usage reports a command line that makes no sense, with the line that all know.
func (s *serverCmd) usage(e *env, err error) error {
	e.warn("%v", err)
	fmt.Fprintln(e.Stderr, "usage: rump_server [-sv] [-c ncpu] [-d drivespec] [-l libs] [-m modules] [-r total_ram] bindurl")
	return exit(exitUsage, nil)
}

// detach starts the server in the background.
func (s *serverCmd) detach(e *env) error {
	err := detachAs(e, e.argv)
	var x *exitError
	if err == nil || errors.As(err, &x) && x.err == nil {
		return err
	}
	return exit(exitDied, err)
}

// parse reads what is wanted of the kernel.
func (s *serverCmd) parse(e *env) (o components.Options, drives []*driveSpec, err error) {
	o = components.Options{Components: components.All(), Verbose: s.Verbose || verbose(e.Getenv("RUMP_VERBOSE")), Console: e.Stdout}
	if !s.All {
		if o.Components, err = components.Choose(s.Components); err != nil {
			return o, nil, err
		}
	}
	if o.CPUs, err = parseCPUs(firstOf(s.CPUs, e.Getenv("RUMP_NCPU"))); err != nil {
		return o, nil, err
	}
	if o.Memory, err = parseMemory(firstOf(s.Memory, e.Getenv("RUMP_MEMLIMIT"))); err != nil {
		return o, nil, err
	}
	if o.Memory > 0 && o.Memory < memoryWarn {
		e.warn("warning: %d bytes of memory are few", o.Memory)
	}
	for _, text := range s.Drives {
		d, err := parseDriveSpec(text)
		if err != nil {
			return o, nil, err
		}
		drives = append(drives, d)
	}
	return o, drives, nil
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func verbose(s string) bool { return s != "" && s[0] != '0' }

func parseCPUs(s string) (int, error) {
	switch s {
	case "":
		return 0, nil
	case "host":
		return runtime.NumCPU(), nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > cpusMost {
		return 0, fmt.Errorf("-c %s: a number from 1 to %d is wanted, or 'host'", s, cpusMost)
	}
	return n, nil
}

func parseMemory(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := parseSize(s, 1)
	if err != nil {
		return 0, fmt.Errorf("-r: %w", err)
	}
	if n <= memoryLeast {
		return 0, fmt.Errorf("-r %s: more than %dk is wanted", s, memoryLeast>>10)
	}
	return n, nil
}

// A rumpServer is a kernel with its doors.
type rumpServer struct {
	e     *env
	cmd   *serverCmd
	ready readiness

	log     *os.File
	machine *components.Machine
	server  *proxy.Server
	failed  chan error // of the listener
}

// die ends a server that could not start: the exit status is the error number, as long as a parent waits for it.
func (r *rumpServer) die(err error) error {
	var bind *proxy.BindError
	if errors.As(err, &bind) {
		r.e.warn("%s", bind.Error())
		err = because("rump server init failed", bind.Err)
	}
	code := exitUsage
	if r.ready.detached() {
		code = errnoStatus(err)
	}
	return exit(code, err)
}

// errnoStatus is the number that an error stands for: NetBSD's for those of the kernel, the host's for those of the host.
func errnoStatus(err error) int {
	var n netbsd.Errno
	var h syscall.Errno
	switch {
	case errors.As(err, &n):
		return int(n) & 0xff
	case errors.As(err, &h):
		return int(h) & 0xff
	}
	return exitUsage
}

// start does all that can fail.
func (r *rumpServer) start(ctx context.Context, o components.Options, drives []*driveSpec) (err error) {
	if r.cmd.Log != "" {
		if r.log, err = os.OpenFile(r.cmd.Log, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666); err != nil {
			return because("log", err)
		}
	}
	var logTo io.Writer = r.e.Stderr
	if r.log != nil {
		logTo = r.log
		o.Console = io.MultiWriter(r.e.Stdout, r.log)
		if r.ready.detached() {
			o.Console = r.log
		}
	}
	o.Log = slog.New(slog.NewTextHandler(logTo, nil))
	o.Hostname = hostname()
	if o.Memory > 0 {
		debug.SetMemoryLimit(o.Memory)
	}
	if r.machine, err = components.Boot(ctx, o); err != nil {
		return because("rump init failed", err)
	}
	if err := r.open(ctx, o.Log, drives); err != nil {
		return errors.Join(err, r.machine.System.Shutdown(ctx, proc.HaltQuiet))
	}
	return nil
}

// open gives the kernel its files and its doors.
func (r *rumpServer) open(ctx context.Context, log *slog.Logger, drives []*driveSpec) error {
	if len(r.cmd.Modules) > 0 {
		return because("module load failed", fmt.Errorf("%s: %w", r.cmd.Modules[0], netbsd.ENOSYS))
	}
	for _, d := range drives {
		k, err := d.resolve()
		if err != nil {
			return err
		}
		if err := r.machine.AddKey(k); err != nil {
			return because("etfs register", kernelError(err))
		}
	}
	r.server = proxy.New(proxy.Options{System: r.machine.System, Log: log})
	l, err := proxy.Listen(r.cmd.URL)
	if err != nil {
		var bind *proxy.BindError
		if errors.As(err, &bind) {
			return err
		}
		r.e.warn("%s", err)
		return because("rump server init failed", netbsd.Errno(errnoStatus(err)))
	}
	if err := r.mount(ctx, log); err != nil {
		return errors.Join(err, l.Close())
	}
	r.failed = make(chan error, 1)
	go func() { r.failed <- r.server.Serve(l) }()
	return nil
}

// kernelError makes a bare number of the host NetBSD's: it is an answer of the kernel's.
func kernelError(err error) error {
	if no, ok := err.(syscall.Errno); ok {
		n, _ := netbsd.FromHost(no)
		return n
	}
	return err
}

// mount shows the name space on the host, if that is wanted.
func (r *rumpServer) mount(ctx context.Context, log *slog.Logger) error {
	if r.cmd.Bridge == "" {
		return nil
	}
	if !r.machine.System.HasVFS() {
		return because("bridge", errors.New("there are no file systems to show: -lrumpvfs"))
	}
	b, err := bridge.Mount(ctx, r.machine.System.Kernel(), r.cmd.Bridge, bridge.Options{FSName: r.cmd.URL, Locks: true, Log: log})
	if err != nil {
		return because("bridge", err)
	}
	r.machine.System.AtHalt(func(context.Context) error { return leaveBridge(b) })
	return nil
}

// leaveBridge takes the bridge off the host, by force if programs use it.
func leaveBridge(b *bridge.Bridge) error {
	err := b.Unmount()
	if err == nil {
		return nil
	}
	err = errors.Join(err, b.Detach())
	select {
	case <-b.Done():
	case <-time.After(2 * time.Second): // programs keep files open; they get errors from now on
	}
	return err
}

// hostname is the name of a rump kernel in this process.
func hostname() string {
	name := fmt.Sprintf("rump-%05d", os.Getpid())
	if host, err := os.Hostname(); err == nil {
		name += "." + host
	}
	return name[:min(len(name), netbsd.MaxHostname-1)]
}

// serve lets the parent go, and returns once the kernel was halted by a client or a signal.
func (r *rumpServer) serve(ctx context.Context) error {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	sys := r.machine.System
	if err := r.ready.ready(r.log); err != nil {
		return errors.Join(err, r.halt(ctx))
	}
	select {
	case <-sys.Halted():
	case <-signals:
		if err := r.halt(ctx); err != nil {
			return err
		}
		<-sys.Halted()
	case err := <-r.failed:
		if err != nil {
			return errors.Join(err, r.halt(ctx))
		}
		<-sys.Halted()
	}
	return r.end(signals)
}

// halt ends the kernel, unless a client is about to.
func (r *rumpServer) halt(ctx context.Context) error {
	err := r.machine.System.Shutdown(ctx, 0)
	if errors.Is(err, syscall.EALREADY) {
		return nil
	}
	r.server.Retire()
	r.machine.System.Finish()
	return err
}

// end is what the process does once its kernel is no more.
func (r *rumpServer) end(signals <-chan os.Signal) error {
	how := r.machine.System.How()
	out := r.machine.System.Console()
	if how&proc.HaltStay != 0 && how&proc.HaltDump == 0 {
		fmt.Fprintln(out, "rump kernel halted (with RB_HALT, not exiting)")
		<-signals
		return nil
	}
	fmt.Fprintln(out, "halted")
	if how&proc.HaltDump != 0 {
		abort()
	}
	return nil
}

// abort ends the process by SIGABRT, with the stacks of all goroutines, and a core if the host's limits allow one.
func abort() {
	debug.SetTraceback("crash")
	signal.Reset(syscall.SIGABRT)
	_ = syscall.Kill(os.Getpid(), syscall.SIGABRT)
	time.Sleep(math.MaxInt64)
}

// status says whether a server runs.
func (s *serverCmd) status(ctx context.Context, e *env) error {
	c, err := dialURL(ctx, e, s.URL)
	if err != nil {
		return fmt.Errorf("%s: no server: %w", s.URL, err)
	}
	defer c.Close()
	fmt.Fprintf(e.Stdout, "%s: running\n", s.URL)
	for _, name := range []string{"kern.hostname", "kern.version", "vfs.generic.fstypes"} {
		m, _, err := c.SysctlFind(name)
		if errors.Is(err, netbsd.ENOENT) {
			continue
		}
		if err != nil {
			return err
		}
		value, err := c.SysctlGet(m)
		if err != nil {
			return err
		}
		fmt.Fprintf(e.Stdout, "%s = %s\n", name, text(value))
	}
	mounts, err := c.Mounts()
	if errors.Is(err, netbsd.ENOSYS) {
		return nil
	}
	for _, m := range mounts {
		fmt.Fprintf(e.Stdout, "%s on %s type %s\n", m.MntFrom, m.MntOn, m.FSType)
	}
	return err
}
