package components

import (
	"crypto/rand"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"rump/netbsd"
	"rump/rumpfs/kern/proc"
	"rump/rumpfs/kern/sysctl"
)

const (
	version = "NetBSD " + netbsd.Release + " (RUMP-ROAST)"
	hz      = 100

	hostnameMax = 256 // bytes, the NUL included
	noEffect    = " (kept; nothing here depends on it)"
)

// Words for the flags of most nodes.
const (
	fixed  = sysctl.Permanent
	inline = sysctl.Permanent | sysctl.Immediate
)

// A group puts nodes below a path.
type group struct {
	m    *Machine
	path string
	err  error
}

func (m *Machine) group(path string) *group { return &group{m: m, path: path} }

func (g *group) add(nodes ...sysctl.Node) *group {
	for _, n := range nodes {
		g.err = errors.Join(g.err, g.m.System.Sysctl().Add(g.path, n))
	}
	return g
}

// constant is a node that never changes.
func constant(num int32, name string, flags sysctl.Flags, v sysctl.Value, desc string) sysctl.Node {
	return sysctl.Node{Name: name, Num: num, Flags: flags, Read: sysctl.Const(v), Desc: desc}
}

// computed is a number that is looked up.
func computed(num int32, name string, flags sysctl.Flags, fn func() int32, desc string) sysctl.Node {
	return sysctl.Node{Name: name, Num: num, Flags: flags, Kind: sysctl.Int, Desc: desc,
		Read: func(sysctl.Call) (sysctl.Value, error) { return fn(), nil }}
}

// kept is a number that can be set, and is kept for whoever looks.
func kept(num int32, name string, v int32, desc string) sysctl.Node {
	var now atomic.Int32
	now.Store(v)
	return sysctl.Node{Name: name, Num: num, Flags: fixed, Desc: desc + noEffect,
		Read:  func(sysctl.Call) (sysctl.Value, error) { return now.Load(), nil },
		Write: func(_ sysctl.Call, v sysctl.Value) error { now.Store(v.(int32)); return nil }}
}

// inner is a node for others.
func inner(num int32, name string, flags sysctl.Flags, desc string) sysctl.Node {
	return sysctl.Node{Name: name, Num: num, Flags: flags, Desc: desc}
}

// tops are the nodes at the top.
func tops() []sysctl.Node {
	n := func(num int32, name, desc string) sysctl.Node { return inner(num, name, fixed, desc) }
	vendor := n(netbsd.CTL_VENDOR, "vendor", "Vendor specific")
	vendor.Flags |= sysctl.Writable
	return []sysctl.Node{
		n(netbsd.CTL_KERN, "kern", "High kernel"),
		n(netbsd.CTL_VM, "vm", "Virtual memory"),
		n(netbsd.CTL_VFS, "vfs", "Filesystem"),
		n(netbsd.CTL_NET, "net", "Networking"),
		n(netbsd.CTL_DEBUG, "debug", "Debugging"),
		n(netbsd.CTL_HW, "hw", "Generic CPU, I/O"),
		n(netbsd.CTL_MACHDEP, "machdep", "Machine dependent"),
		n(netbsd.CTL_USER, "user", "User-level"),
		n(netbsd.CTL_DDB, "ddb", "In-kernel debugger"),
		n(netbsd.CTL_PROC, "proc", "Per-process"),
		vendor,
		n(netbsd.CTL_EMUL, "emul", "Emulation settings"),
		n(netbsd.CTL_SECURITY, "security", "Security"),
	}
}

// addSettings adds the nodes that every kernel has.
func (m *Machine) addSettings() error {
	m.System.AddModule(proc.Module{Name: "suser", Class: proc.ModuleSecmodel})
	return errors.Join(
		m.group("").add(tops()...).err,
		m.addKern(),
		m.addHardware(),
		m.addProc(),
		m.group("security").add(inner(1024, "models", fixed, "Security models")).err,
		m.group("security.models").add(inner(1024, "suser", fixed, "")).err,
		m.group("security.models.suser").add(constant(1024, "name", fixed, "Traditional NetBSD: Superuser", "Name of the model")).err,
	)
}

// name is a string of the System that can be set.
func name(num int32, key, desc string, get func() string, set func(string)) sysctl.Node {
	return sysctl.Node{Name: key, Num: num, Flags: fixed, Kind: sysctl.String, Size: hostnameMax, Desc: desc,
		Read:  func(sysctl.Call) (sysctl.Value, error) { return get(), nil },
		Write: func(_ sysctl.Call, v sysctl.Value) error { set(v.(string)); return nil }}
}

func (m *Machine) addKern() error {
	s := m.System
	booted := time.Now()
	clock := make([]byte, netbsd.ClockinfoSize)
	netbsd.Clockinfo{HZ: hz, Tick: 1e6 / hz, TickAdj: 40, StatHZ: 1, ProfHZ: 1}.Encode(clock)
	g := m.group("kern").add(
		constant(netbsd.KERN_OSTYPE, "ostype", fixed, "NetBSD", "Operating system type"),
		constant(netbsd.KERN_OSRELEASE, "osrelease", fixed, netbsd.Release, "Operating system release"),
		constant(netbsd.KERN_OSREV, "osrevision", inline, int32(netbsd.Revision), "Operating system revision"),
		constant(netbsd.KERN_VERSION, "version", fixed, version+"\n", "Kernel version"),
		name(netbsd.KERN_HOSTNAME, "hostname", "System hostname", s.Hostname, s.SetHostname),
		constant(netbsd.KERN_CLOCKRATE, "clockrate", 0, clock, "Kernel clock rates"),
		name(netbsd.KERN_DOMAINNAME, "domainname", "YP domain name", s.Domainname, s.SetDomainname),
		constant(netbsd.KERN_RAWPARTITION, "rawpartition", inline, int32(3), "Raw partition of a disk"),
		constant(netbsd.KERN_MSGBUFSIZE, "msgbufsize", fixed, int32(proc.ConsoleKept), "Size of the kernel message buffer"),
		sysctl.Node{Name: "msgbuf", Num: netbsd.KERN_MSGBUF, Kind: sysctl.Int, Size: 4, Flags: fixed, Desc: "Kernel message buffer",
			Read: func(sysctl.Call) (sysctl.Value, error) { return s.Console().Kept(), nil }},
		inner(netbsd.KERN_PIPE, "pipe", fixed, "Pipe settings"),
		computed(netbsd.KERN_URND, "urandom", 0, randomInt, "Random integer value"),
		computed(netbsd.KERN_HARDCLOCK_TICKS, "hardclock_ticks", 0, func() int32 { return int32(time.Since(booted) / (time.Second / hz)) },
			"Number of hardclock ticks"),
		sysctl.Node{Name: "arandom", Num: netbsd.KERN_ARND, Kind: sysctl.Int, Size: 4, Read: randomBytes, Desc: "Random bytes, as many as there is room for"},
		inner(1032, "timecounter", fixed, "Timecounter information"),
		kept(1037, "direct_select", 0, "Enable/disable direct select"),
		inner(1038, "uidinfo", 0, "Resource usage per uid"),
		inner(1043, "module", 0, "Module options"),
	)
	return errors.Join(g.err, m.addKernGroups())
}

func (m *Machine) addKernGroups() error {
	pipe := m.group("kern.pipe").add(
		kept(1, "maxkvasz", 8<<20, "Maximum amount of kernel memory to be used for pipes"),
		kept(2, "maxloankvasz", 16<<20, "Limit for direct transfers via page loan"),
		kept(3, "maxbigpipes", 32, "Maximum number of big pipes"),
		constant(4, "nbigpipes", fixed, int32(0), "Number of big pipes"),
		constant(5, "kvasize", fixed, int32(0), "Amount of kernel memory consumed by pipe buffers"),
	)
	counters := m.group("kern.timecounter").add(
		constant(1024, "choice", fixed, "clockinterrupt(q=0, f=100 Hz) dummy(q=-1000000, f=1000000 Hz)", "List of available timecounters"),
		constant(1025, "hardware", fixed, "clockinterrupt", "Currently active timecounter"),
		kept(1026, "timestepwarnings", 0, "Log time steps"),
	)
	uids := m.group("kern.uidinfo").add(
		computed(1024, "proccnt", 0, func() int32 { return int32(m.System.Processes()) }, "Number of processes"),
		computed(1025, "lwpcnt", 0, func() int32 { return int32(m.System.Processes()) }, "Number of threads"),
		constant(1026, "lockcnt", 0, int32(0), "Number of locks"),
		constant(1027, "sbsize", 0, int32(0), "Socket buffers used"),
	)
	module := m.group("kern.module").add(
		constant(1024, "autoload", 0, false, "Enable automatic load of modules"),
		constant(1025, "verbose", 0, false, "Enable verbose output"),
		constant(1026, "path", 0, "/stand/"+netbsd.Machine+"/"+netbsd.Release+"/modules", "Default module load path"),
		kept(1027, "autotime", 10, "Auto-unload delay"),
	)
	return errors.Join(pipe.err, counters.err, uids.err, module.err)
}

// randomInt is any number.
func randomInt() int32 {
	var b [4]byte
	_, _ = rand.Read(b[:])
	return int32(b[0]) | int32(b[1])<<8 | int32(b[2])<<16 | int32(b[3])<<24
}

// randomBytes gives as many bytes as there is room for.
func randomBytes(c sysctl.Call) (sysctl.Value, error) {
	b := make([]byte, c.Want)
	_, err := rand.Read(b)
	return b, err
}

func (m *Machine) addHardware() error {
	physmem := m.memory()
	g := m.group("hw").add(
		constant(netbsd.HW_MACHINE, "machine", fixed, netbsd.Machine, "Machine class"),
		constant(netbsd.HW_MODEL, "model", fixed, "rumpcore (virtual)", "Machine model"),
		constant(netbsd.HW_NCPU, "ncpu", fixed, int32(m.o.CPUs), "Number of CPUs configured"),
		constant(netbsd.HW_BYTEORDER, "byteorder", inline, int32(1234), "System byte order"),
		constant(netbsd.HW_PHYSMEM, "physmem", fixed, int32(min(physmem, 1<<31-1)), "Bytes of physical memory"),
		constant(netbsd.HW_PAGESIZE, "pagesize", inline, int32(4096), "Software page size"),
		constant(netbsd.HW_MACHINE_ARCH, "machine_arch", fixed, "x86_64", "Machine CPU class"),
		constant(netbsd.HW_ALIGNBYTES, "alignbytes", inline, int32(7), "Alignment constraint for all possible data types"),
		constant(netbsd.HW_PHYSMEM64, "physmem64", fixed, physmem, "Bytes of physical memory"),
		constant(netbsd.HW_NCPUONLINE, "ncpuonline", fixed, int32(m.o.CPUs), "Number of CPUs online"),
	)
	return g.err
}

// procCurrent is the number that stands for the process that asks.
const procCurrent = 1<<31 - 1

func (m *Machine) addProc() error {
	g := m.group("proc").add(inner(procCurrent, "curproc", fixed, "Per-process settings"))
	c := m.group("proc.curproc").add(
		constant(1, "corename", fixed, "rumpdump", "Core file name"),
		inner(2, "rlimit", fixed, "Process limits"),
		constant(3, "stopfork", fixed, int32(0), "Stop process at fork(2)"),
		constant(4, "stopexec", fixed, int32(0), "Stop process at execve(2)"),
		constant(5, "stopexit", fixed, int32(0), "Stop process before completing exit"),
	)
	errs := []error{g.err, c.err}
	for i, word := range strings.Fields("cputime filesize datasize stacksize coredumpsize memoryuse memorylocked maxproc descriptors sbsize vmemoryuse maxlwp") {
		kind := proc.LimitKind(i)
		errs = append(errs,
			m.group("proc.curproc.rlimit").add(inner(int32(i)+1, word, fixed, "")).err,
			m.group("proc.curproc.rlimit."+word).add(limit(1, "soft", kind), limit(2, "hard", kind)).err)
	}
	return errors.Join(errs...)
}

// limit is a limit of the process that asks.
func limit(num int32, which string, kind proc.LimitKind) sysctl.Node {
	pick := func(l *proc.Limit) *uint64 {
		if which == "hard" {
			return &l.Hard
		}
		return &l.Soft
	}
	of := func(c sysctl.Call) (proc.Limit, *proc.Process, error) {
		p, ok := c.Caller.(*proc.Process)
		if !ok {
			return proc.Limit{}, nil, nil
		}
		l, err := p.Limit(kind)
		return l, p, err
	}
	return sysctl.Node{
		Name: which, Num: num, Kind: sysctl.Quad, Flags: fixed | sysctl.AnyWrite,
		Read: func(c sysctl.Call) (sysctl.Value, error) {
			l, _, err := of(c)
			return int64(*pick(&l)), err
		},
		Write: func(c sysctl.Call, v sysctl.Value) error {
			l, p, err := of(c)
			if err != nil || p == nil {
				return err
			}
			*pick(&l) = uint64(v.(int64))
			return p.SetLimit(kind, l)
		},
	}
}

// addFileSettings adds the nodes of a kernel with file systems.
func (m *Machine) addFileSettings() error {
	return errors.Join(
		m.group("vm").add(
			kept(1024, "bufcache", 15, "Percentage of physical memory to use for the buffer cache"),
			constant(1025, "bufmem", fixed, int32(0), "Amount of memory used by the buffer cache"),
			kept(1026, "bufmem_lowater", 10065920, "Minimum amount of memory to reserve for the buffer cache"),
			kept(1027, "bufmem_hiwater", 80527360, "Maximum amount of memory to use for the buffer cache"),
		).err,
		m.group("vfs").add(inner(0, "generic", fixed, "Non-specific vfs related information").Zero()).err,
		m.group("vfs.generic").add(
			constant(1023, "magiclinks", fixed, int32(0), "Whether \"magic\" symlinks are expanded"),
			sysctl.Node{Name: "fstypes", Num: 1024, Kind: sysctl.String, Flags: fixed, Desc: "List of file systems present",
				Read: func(sysctl.Call) (sysctl.Value, error) { return m.types(), nil }},
		).err,
		m.group("vfs").add(inner(1024, "sync", fixed, "Syncer information")).err,
		m.group("vfs.sync").add(
			kept(1024, "delay", 30, "Max time to delay syncing data"),
			kept(1025, "filedelay", 30, "Time to delay syncing files"),
			kept(1026, "dirdelay", 15, "Time to delay syncing directories"),
			kept(1027, "metadelay", 10, "Time to delay syncing metadata"),
		).err,
	)
}

// types are the names of the file-system types that there are.
func (m *Machine) types() string {
	names := []string{"rumpfs"}
	for _, t := range m.System.FSTypes() {
		names = append(names, t.Name)
	}
	return strings.Join(names, " ")
}

func (m *Machine) addFFSSettings() error {
	return errors.Join(
		m.group("vfs").add(inner(1, "ffs", fixed, "Berkeley Fast File System")).err,
		m.group("vfs.ffs").add(
			kept(10, "log_changeopt", 0, "Log changes in optimization strategy"),
			kept(12, "extattr_autocreate", 1024, "Size of attribute for backing file autocreation"),
		).err,
	)
}
