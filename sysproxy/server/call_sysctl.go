package server

import (
	"bytes"
	"errors"
	"syscall"

	"rump/netbsd"
	"rump/rumpfs/kern/sysctl"
)

const sysctlMax = 64 << 10 // bytes of a value that is set

// A request is one __sysctl(2).
type request struct {
	c       *call
	name    []int32
	old     uint64 // where the value goes; 0: nowhere
	oldLenp uint64
	oldLen  uint64 // bytes that there is room for
	new     uint64
	newLen  uint64
}

// sysctl reads and sets one value, or describes nodes.
func sysSysctl(c *call) error {
	r := request{c: c, old: c.ptr(2), oldLenp: c.ptr(3), new: c.ptr(4), newLen: c.ulong(5)}
	n := c.uint(1)
	if n == 0 || n > netbsd.CTL_MAXNAME {
		return syscall.EINVAL
	}
	if r.oldLenp != 0 {
		b, err := c.load(r.oldLenp, 8)
		if err != nil {
			return err
		}
		r.oldLen = le.Uint64(b)
	}
	b, err := c.load(c.ptr(0), 4*int(n))
	if err != nil {
		return err
	}
	r.name = make([]int32, n)
	for i := range r.name {
		r.name[i] = int32(le.Uint32(b[4*i:]))
	}
	switch r.name[n-1] {
	case netbsd.CTL_QUERY:
		return r.query()
	case netbsd.CTL_DESCRIBE:
		return r.describe()
	}
	if r.name[n-1] < 0 {
		return syscall.EOPNOTSUPP
	}
	return r.value()
}

func (r *request) call() sysctl.Call {
	return sysctl.Call{Caller: r.c.proc, Want: int(min(r.oldLen, 256))}
}

func (r *request) tree() *sysctl.Tree { return r.c.proc.System().Sysctl() }

// refuse ends a request that has no answer: the length is told back as it came.
func (r *request) refuse(err error) error { return r.finish(int(r.oldLen), err) }

// finish tells how long the whole answer is. An error comes with that.
func (r *request) finish(whole int, err error) error {
	if r.oldLenp == 0 {
		return err
	}
	return errors.Join(err, r.c.copyout(r.oldLenp, le.AppendUint64(nil, uint64(whole))))
}

// value gives a value, then sets it.
func (r *request) value() error {
	_, v, err := r.tree().Get(r.name, r.call())
	if err != nil {
		return r.refuse(err)
	}
	if r.newLen > 0 || r.new != 0 {
		if _, _, err := r.tree().MaySet(r.name, r.c.proc.Cred().Superuser()); err != nil {
			return r.refuse(err)
		}
	}
	b := encodeValue(v)
	var short error
	if r.old != 0 {
		if uint64(len(b)) > r.oldLen {
			short = syscall.ENOMEM
		}
		if err := r.c.copyout(r.old, b[:min(uint64(len(b)), r.oldLen)]); err != nil {
			return err
		}
	}
	if short == nil && (r.newLen > 0 || r.new != 0) {
		if err := r.set(); err != nil {
			return r.finish(len(b), err)
		}
	}
	return r.finish(len(b), short)
}

// set reads the new value and sets it.
func (r *request) set() error {
	kind, room, err := r.tree().MaySet(r.name, r.c.proc.Cred().Superuser())
	if err != nil {
		return err
	}
	if r.newLen > sysctlMax {
		return syscall.EINVAL
	}
	b, err := r.c.load(r.new, int(r.newLen))
	if err != nil {
		return err
	}
	v, err := decodeValue(kind, room, b)
	if err != nil {
		return err
	}
	return r.tree().Set(r.name, r.call(), v)
}

// encodeValue is a value in bytes.
func encodeValue(v sysctl.Value) []byte {
	switch v := v.(type) {
	case int32:
		return le.AppendUint32(nil, uint32(v))
	case int64:
		return le.AppendUint64(nil, uint64(v))
	case string:
		return append([]byte(v), 0)
	case []byte:
		return v
	case bool:
		if v {
			return []byte{1}
		}
		return []byte{0}
	}
	return nil
}

// decodeValue is a value of a kind from bytes; EINVAL for a length that is not the kind's.
func decodeValue(kind sysctl.Kind, room int, b []byte) (sysctl.Value, error) {
	switch {
	case kind == sysctl.Int && len(b) == 4:
		return int32(le.Uint32(b)), nil
	case kind == sysctl.Quad && len(b) == 8:
		return int64(le.Uint64(b)), nil
	case kind == sysctl.Bool && len(b) == 1:
		return b[0] != 0, nil
	case kind == sysctl.Struct:
		return bytes.Clone(b), nil
	case kind == sysctl.String:
		if i := bytes.IndexByte(b, 0); i >= 0 {
			b = b[:i]
		}
		if room > 0 && len(b) >= room {
			return nil, syscall.EINVAL
		}
		return string(b), nil
	}
	return nil, syscall.EINVAL
}

// checkNode reads the node that comes with a query, of which only the version counts.
func (r *request) checkNode() (n netbsd.SysctlNode, err error) {
	b, err := r.c.load(r.new, 4)
	if err != nil {
		return n, err
	}
	if le.Uint32(b)&netbsd.SYSCTL_VERS_MASK != netbsd.SYSCTL_VERSION || r.newLen != netbsd.SysctlNodeSize {
		return n, syscall.EINVAL
	}
	err = r.c.get(r.new, &n, netbsd.SysctlNodeSize)
	return n, err
}

// list describes the nodes below all of the name but its last number.
func (r *request) list() ([]sysctl.Info, error) {
	return r.tree().List(r.name[:len(r.name)-1], r.call())
}

// query gives the nodes below a name, as many as there is room for.
func (r *request) query() error {
	if r.new != 0 || r.newLen != 0 {
		if _, err := r.checkNode(); err != nil {
			return err
		}
	}
	list, err := r.list()
	if err != nil {
		return r.refuse(err)
	}
	whole := len(list) * netbsd.SysctlNodeSize
	if r.old == 0 {
		return r.finish(whole, nil)
	}
	to, left := r.old, r.oldLen
	for i := range list {
		if left < netbsd.SysctlNodeSize {
			return r.finish(whole, syscall.ENOMEM)
		}
		n := nodeOf(&list[i])
		if err := r.c.store(to, &n, netbsd.SysctlNodeSize); err != nil {
			return err
		}
		to, left = to+netbsd.SysctlNodeSize, left-netbsd.SysctlNodeSize
	}
	return r.finish(whole, nil)
}

// nodeFlags are sysctl's flags as programs have them.
var nodeFlags = [...]struct {
	flag sysctl.Flags
	bits uint32
}{
	{sysctl.Permanent, netbsd.CTLFLAG_PERMANENT},
	{sysctl.Immediate, netbsd.CTLFLAG_IMMEDIATE},
	{sysctl.Hex, netbsd.CTLFLAG_HEX},
	{sysctl.Unsigned, netbsd.CTLFLAG_UNSIGNED},
	{sysctl.Hidden, netbsd.CTLFLAG_HIDDEN},
	{sysctl.Private, netbsd.CTLFLAG_PRIVATE},
	{sysctl.AnyWrite, netbsd.CTLFLAG_ANYWRITE},
	{sysctl.Writable, netbsd.CTLFLAG_READWRITE},
}

// nodeOf is a node as programs have it.
func nodeOf(i *sysctl.Info) netbsd.SysctlNode {
	n := netbsd.SysctlNode{
		Flags: netbsd.SYSCTL_VERSION | uint32(i.Kind), Num: i.Num, Name: i.Name, Ver: i.Version, Size: uint64(i.Size),
	}
	for _, x := range nodeFlags {
		if i.Flags&x.flag != 0 {
			n.Flags |= x.bits
		}
	}
	if i.Kind == sysctl.Inner {
		n.Size, n.ChildLen = netbsd.SysctlNodeSize, uint32(i.Children)
		for n.ChildSize < n.ChildLen { // the genuine kernel's array grows so
			n.ChildSize = max(8, 2*n.ChildSize)
		}
	}
	switch v := i.Value.(type) {
	case int32:
		n.Immediate = uint64(uint32(v))
	case int64:
		n.Immediate = uint64(v)
	case bool:
		n.Immediate = uint64(encodeValue(v)[0])
	}
	return n
}

// describe gives the descriptions of the nodes below a name, or of one of them.
func (r *request) describe() error {
	only := false
	var want netbsd.SysctlNode
	if r.new != 0 || r.newLen != 0 {
		var err error
		if want, err = r.checkNode(); err != nil {
			return err
		}
		only = true
	}
	list, err := r.list()
	if err != nil {
		return r.refuse(err)
	}
	var b []byte
	found := false
	for _, n := range list {
		if only && n.Num != want.Num {
			continue
		}
		found = true
		if n.Desc != "" {
			b = netbsd.AppendSysctlDesc(b, n.Num, n.Version, n.Desc)
		}
	}
	switch {
	case only && !found:
		return r.refuse(syscall.ENOENT)
	case r.old == 0:
		return r.finish(len(b), nil)
	}
	if err := r.c.copyout(r.old, b[:min(uint64(len(b)), r.oldLen)]); err != nil {
		return err
	}
	if uint64(len(b)) > r.oldLen {
		return r.finish(len(b), syscall.ENOMEM)
	}
	return r.finish(len(b), nil)
}
