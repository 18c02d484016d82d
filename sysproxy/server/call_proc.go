package server

import (
	"strings"
	"syscall"

	"rump/netbsd"
	"rump/rumpfs/kern/proc"
)

func sysZero(*call) error { return nil }

func sysGetpid(c *call) error {
	c.ret = [2]int64{int64(c.proc.PID()), int64(c.proc.Parent())}
	return nil
}

func sysGetppid(c *call) error { return c.result(int(c.proc.Parent()), nil) }

// Process groups and sessions are of no use here: each process is its own.

func sysGetpgrp(c *call) error { return c.result(int(c.proc.PID()), nil) }

func sysGetpgid(c *call) error {
	pid := int32(c.int(0))
	if pid == 0 {
		pid = c.proc.PID()
	}
	if pid != c.proc.PID() {
		return syscall.ESRCH
	}
	return c.result(int(pid), nil)
}

func sysSetpgid(c *call) error {
	for i := range 2 {
		if id := int32(c.int(i)); id != 0 && id != c.proc.PID() {
			return syscall.EPERM
		}
	}
	return nil
}

func sysSetsid(c *call) error { return c.result(int(c.proc.PID()), nil) }

// ids keeps two ids as the results.
func (c *call) ids(a, b uint32) error {
	c.ret = [2]int64{int64(a), int64(b)}
	return nil
}

func sysGetuid(c *call) error { return c.ids(c.proc.UID()) }
func sysGetgid(c *call) error { return c.ids(c.proc.GID()) }

func sysGeteuid(c *call) error {
	_, euid := c.proc.UID()
	return c.ids(euid, 0)
}

func sysGetegid(c *call) error {
	_, egid := c.proc.GID()
	return c.ids(egid, 0)
}

func sysSetuid(c *call) error   { return c.proc.SetUID(c.uint(0)) }
func sysSeteuid(c *call) error  { return c.proc.SetEffectiveUID(c.uint(0)) }
func sysSetreuid(c *call) error { return c.proc.SetRealEffectiveUID(c.uint(0), c.uint(1)) }
func sysSetgid(c *call) error   { return c.proc.SetGID(c.uint(0)) }
func sysSetegid(c *call) error  { return c.proc.SetEffectiveGID(c.uint(0)) }
func sysSetregid(c *call) error { return c.proc.SetRealEffectiveGID(c.uint(0), c.uint(1)) }

func sysGetgroups(c *call) error {
	groups := c.proc.Groups()
	c.ret[0] = int64(len(groups))
	switch n := c.int(0); {
	case n == 0:
		return nil
	case n < len(groups):
		return syscall.EINVAL
	}
	b := make([]byte, 0, 4*len(groups))
	for _, g := range groups {
		b = le.AppendUint32(b, g)
	}
	return c.copyout(c.ptr(1), b)
}

func sysSetgroups(c *call) error {
	const most = 64
	n := c.int(0)
	if n < 0 || n > most {
		return syscall.EINVAL
	}
	b, err := c.load(c.ptr(1), 4*n)
	if err != nil {
		return err
	}
	groups := make([]uint32, n)
	for i := range groups {
		groups[i] = le.Uint32(b[4*i:])
	}
	return c.proc.SetGroups(groups)
}

const loginMax = 17 // bytes of a login name, its NUL included

func sysGetlogin(c *call) error {
	name := append([]byte(c.proc.Login()), 0)
	if c.ulong(1) < uint64(len(name)) {
		return syscall.ERANGE
	}
	return c.copyout(c.ptr(0), name)
}

func sysSetlogin(c *call) error {
	name, err := c.str(c.ptr(0), loginMax)
	if err == syscall.ENAMETOOLONG {
		err = syscall.EINVAL
	}
	if err != nil {
		return err
	}
	return c.proc.SetLogin(name)
}

func sysUmask(c *call) error {
	c.ret[0] = int64(c.proc.Umask(c.uint(0)))
	return nil
}

const rlimitSize = 16 // bytes of a struct rlimit

func sysGetrlimit(c *call) error {
	l, err := c.proc.Limit(proc.LimitKind(c.int(0)))
	if err != nil {
		return err
	}
	return c.copyout(c.ptr(1), le.AppendUint64(le.AppendUint64(nil, l.Soft), l.Hard))
}

func sysSetrlimit(c *call) error {
	b, err := c.load(c.ptr(1), rlimitSize)
	if err != nil {
		return err
	}
	return c.proc.SetLimit(proc.LimitKind(c.int(0)), proc.Limit{Soft: le.Uint64(b), Hard: le.Uint64(b[8:])})
}

// moduleClasses are proc's classes as modctl(2) has them.
var moduleClasses = map[proc.ModuleClass]netbsd.ModuleClass{
	proc.ModuleMisc: netbsd.ModuleMisc, proc.ModuleVFS: netbsd.ModuleVFS, proc.ModuleDriver: netbsd.ModuleDriver, proc.ModuleSecmodel: netbsd.ModuleSecmodel,
}

// modctl tells of the modules. None can be loaded or unloaded.
func sysModctl(c *call) error {
	switch c.int(0) {
	case netbsd.MODCTL_STAT:
		return c.modstat()
	case netbsd.MODCTL_LOAD, netbsd.MODCTL_UNLOAD, netbsd.MODCTL_EXISTS:
		return syscall.EPERM
	}
	return syscall.EINVAL
}

// modstat gives as much of the list as there is room for, and tells how long it is.
func (c *call) modstat() error {
	var v netbsd.Iovec
	if err := c.get(c.ptr(1), &v, netbsd.IovecSize); err != nil {
		return err
	}
	b := modstats(c.proc.System())
	if n := min(v.Len, uint64(len(b))); n > 0 {
		if err := c.copyout(v.Base, b[:n]); err != nil {
			return err
		}
	}
	v.Len = uint64(len(b))
	return c.store(c.ptr(1), v, netbsd.IovecSize)
}

// sysReboot ends the kernel.
func sysReboot(c *call) error {
	how := proc.Howto(0)
	for bit, h := range map[uint32]proc.Howto{netbsd.RB_NOSYNC: proc.HaltNoSync, netbsd.RB_HALT: proc.HaltStay, netbsd.RB_DUMP: proc.HaltDump} {
		if c.uint(0)&bit != 0 {
			how |= h
		}
	}
	if c.uint(0)&netbsd.RB_STRING != 0 {
		if _, err := c.path(1); err != nil { // words for a boot loader, of which there is none
			return err
		}
	}
	return c.conn.s.shutdown(c, how)
}

// modstats is the list of modules in bytes, by name.
func modstats(s *proc.System) []byte {
	list, refs := s.Modules()
	b := make([]byte, len(list)*netbsd.ModstatSize)
	for i, m := range list {
		stat := netbsd.Modstat{Name: m.Name, Class: moduleClasses[m.Class], Refs: uint32(refs[m.Name]), Required: strings.Join(m.Requires, ",")}
		stat.Encode(b[i*netbsd.ModstatSize:])
	}
	return b
}
