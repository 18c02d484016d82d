package proc

import (
	"syscall"

	"rump/rumpfs/vfs"
)

// Unchanged leaves an id as it is.
const Unchanged = ^uint32(0)

// maxGroups is how many groups a process may be in besides its own.
const maxGroups = 16

// ids are all the ids of a process: real, effective and saved.
type ids struct {
	ruid, euid, suid uint32
	rgid, egid, sgid uint32
	groups           []uint32 // never changed in place
}

// Cred is who the process acts as. It never changes.
func (p *Process) Cred() *vfs.Cred { return p.cred.Load() }

// realCred is who the process acts for.
func (p *Process) realCred() *vfs.Cred {
	p.mu.Lock()
	defer p.mu.Unlock()
	return &vfs.Cred{UID: p.ids.ruid, GID: p.ids.rgid, Groups: p.ids.groups}
}

// setIDs sets all; mu is held, or nobody knows p yet.
func (p *Process) setIDs(i ids) {
	p.ids = i
	p.cred.Store(&vfs.Cred{UID: i.euid, GID: i.egid, Groups: i.groups})
}

// UID returns the real and the effective user.
func (p *Process) UID() (real, effective uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ids.ruid, p.ids.euid
}

// GID returns the real and the effective group.
func (p *Process) GID() (real, effective uint32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ids.rgid, p.ids.egid
}

// Groups are the others.
func (p *Process) Groups() []uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ids.groups
}

// change has fn change the ids.
func (p *Process) change(fn func(i *ids, root bool) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := p.ids
	if err := fn(&i, i.euid == 0); err != nil {
		return err
	}
	p.setIDs(i)
	return nil
}

// SetGroups sets the others; EPERM for anyone but the superuser; EINVAL for more than 16.
func (p *Process) SetGroups(groups []uint32) error {
	return p.change(func(i *ids, root bool) error {
		switch {
		case !root:
			return syscall.EPERM
		case len(groups) > maxGroups:
			return syscall.EINVAL
		}
		i.groups = append([]uint32(nil), groups...)
		return nil
	})
}

// SetUID sets all three user ids; EPERM unless by the superuser, or to the real one.
func (p *Process) SetUID(uid uint32) error {
	return p.change(func(i *ids, root bool) error {
		if !root && uid != i.ruid {
			return syscall.EPERM
		}
		i.ruid, i.euid, i.suid = uid, uid, uid
		return nil
	})
}

// SetEffectiveUID sets one; EPERM unless by the superuser, or to the real or the saved one.
func (p *Process) SetEffectiveUID(uid uint32) error {
	return p.change(func(i *ids, root bool) error {
		if !root && uid != i.ruid && uid != i.suid {
			return syscall.EPERM
		}
		i.euid = uid
		return nil
	})
}

// SetRealEffectiveUID sets two, each of which may be Unchanged. EPERM unless by the superuser or to one that the process has.
func (p *Process) SetRealEffectiveUID(real, effective uint32) error {
	return p.change(func(i *ids, root bool) error {
		old := *i
		if real != Unchanged {
			if !root && real != old.ruid && real != old.euid {
				return syscall.EPERM
			}
			i.ruid = real
		}
		if effective != Unchanged {
			if !root && effective != old.ruid && effective != old.euid && effective != old.suid {
				return syscall.EPERM
			}
			i.euid = effective
		}
		if real != Unchanged || effective != Unchanged && effective != old.ruid {
			i.suid = i.euid
		}
		return nil
	})
}

// SetGID sets all three group ids; EPERM unless by the superuser, or to the real one.
func (p *Process) SetGID(gid uint32) error {
	return p.change(func(i *ids, root bool) error {
		if !root && gid != i.rgid {
			return syscall.EPERM
		}
		i.rgid, i.egid, i.sgid = gid, gid, gid
		return nil
	})
}

// SetEffectiveGID sets one; EPERM unless by the superuser, or to the real or the saved one.
func (p *Process) SetEffectiveGID(gid uint32) error {
	return p.change(func(i *ids, root bool) error {
		if !root && gid != i.rgid && gid != i.sgid {
			return syscall.EPERM
		}
		i.egid = gid
		return nil
	})
}

// SetRealEffectiveGID is SetRealEffectiveUID for groups.
func (p *Process) SetRealEffectiveGID(real, effective uint32) error {
	return p.change(func(i *ids, root bool) error {
		old := *i
		if real != Unchanged {
			if !root && real != old.rgid && real != old.egid {
				return syscall.EPERM
			}
			i.rgid = real
		}
		if effective != Unchanged {
			if !root && effective != old.rgid && effective != old.egid && effective != old.sgid {
				return syscall.EPERM
			}
			i.egid = effective
		}
		if real != Unchanged || effective != Unchanged && effective != old.rgid {
			i.sgid = i.egid
		}
		return nil
	})
}

// Login is the name that the user came in under.
func (p *Process) Login() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.login
}

// SetLogin sets it; EPERM for anyone but the superuser.
func (p *Process) SetLogin(name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ids.euid != 0 {
		return syscall.EPERM
	}
	p.login = name
	return nil
}

// A Limit is how much of something a process may use: the soft one counts, up to the hard one it may be raised.
type Limit struct{ Soft, Hard uint64 }

// Unlimited is no limit.
const Unlimited = 1<<63 - 1

// LimitKind names a limit.
type LimitKind int

// The limits, numbered as BSD has them. Only that of files has an effect.
const (
	LimitCPU LimitKind = iota
	LimitFileSize
	LimitData
	LimitStack
	LimitCore
	LimitMemory
	LimitLocked
	LimitProcesses
	LimitFiles
	LimitSocketBuffers
	LimitAddressSpace
	LimitThreads
	NumLimits
)

func defaultLimits() (l [NumLimits]Limit) {
	for i := range l {
		l[i] = Limit{Unlimited, Unlimited}
	}
	l[LimitStack] = Limit{4 << 20, 128 << 20}
	l[LimitLocked] = Limit{178956970, 512 << 20}
	l[LimitProcesses] = Limit{160, 532}
	l[LimitFiles] = Limit{128, hardFiles}
	l[LimitThreads] = Limit{160, 2048}
	return l
}

// Limit returns a limit; EINVAL for none.
func (p *Process) Limit(k LimitKind) (Limit, error) {
	if k < 0 || k >= NumLimits {
		return Limit{}, syscall.EINVAL
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.limits[k], nil
}

// SetLimit sets a limit; EPERM for raising a hard one but by the superuser; EINVAL for a soft one above.
func (p *Process) SetLimit(k LimitKind, l Limit) error {
	if k < 0 || k >= NumLimits || l.Soft > l.Hard {
		return syscall.EINVAL
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.Hard > p.limits[k].Hard && p.ids.euid != 0 {
		return syscall.EPERM
	}
	if k == LimitFiles {
		l.Soft, l.Hard = min(l.Soft, hardFiles), min(l.Hard, hardFiles)
		p.table.setLimit(int(l.Soft))
	}
	p.limits[k] = l
	return nil
}
