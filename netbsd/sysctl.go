package netbsd

import "errors"

// The top of the sysctl tree, and what stands for an operation at the end of a name.
const (
	CTL_KERN     = 1
	CTL_VM       = 2
	CTL_VFS      = 3
	CTL_NET      = 4
	CTL_DEBUG    = 5
	CTL_HW       = 6
	CTL_MACHDEP  = 7
	CTL_USER     = 8
	CTL_DDB      = 9
	CTL_PROC     = 10
	CTL_VENDOR   = 11
	CTL_EMUL     = 12
	CTL_SECURITY = 13

	CTL_QUERY    = -2
	CTL_DESCRIBE = -7

	CTL_MAXNAME    = 12 // numbers in a name
	SYSCTL_NAMELEN = 32 // bytes of one node's name, its NUL included
)

// Numbers below CTL_KERN.
const (
	KERN_OSTYPE          = 1
	KERN_OSRELEASE       = 2
	KERN_OSREV           = 3
	KERN_VERSION         = 4
	KERN_HOSTNAME        = 10
	KERN_CLOCKRATE       = 12
	KERN_DOMAINNAME      = 22
	KERN_RAWPARTITION    = 24
	KERN_MSGBUFSIZE      = 31
	KERN_MSGBUF          = 53
	KERN_PIPE            = 56
	KERN_URND            = 61
	KERN_HARDCLOCK_TICKS = 80
	KERN_ARND            = 81
	KERN_BOOTTIME        = 83
)

// Numbers below CTL_HW.
const (
	HW_MACHINE      = 1
	HW_MODEL        = 2
	HW_NCPU         = 3
	HW_BYTEORDER    = 4
	HW_PHYSMEM      = 5
	HW_PAGESIZE     = 7
	HW_MACHINE_ARCH = 10
	HW_ALIGNBYTES   = 11
	HW_PHYSMEM64    = 13
	HW_NCPUONLINE   = 16
)

// Types of a node.
const (
	CTLTYPE_NODE   = 1
	CTLTYPE_INT    = 2
	CTLTYPE_STRING = 3
	CTLTYPE_QUAD   = 4
	CTLTYPE_STRUCT = 5
	CTLTYPE_BOOL   = 6

	SYSCTL_TYPEMASK = 0xf
)

// Flags of a node.
const (
	CTLFLAG_READWRITE = 0x70
	CTLFLAG_ANYWRITE  = 0x80
	CTLFLAG_PRIVATE   = 0x100
	CTLFLAG_PERMANENT = 0x200
	CTLFLAG_OWNDATA   = 0x400
	CTLFLAG_IMMEDIATE = 0x800
	CTLFLAG_HEX       = 0x1000
	CTLFLAG_ANYNUMBER = 0x4000
	CTLFLAG_HIDDEN    = 0x8000
	CTLFLAG_UNSIGNED  = 0x80000

	SYSCTL_VERSION   = 0x01000000
	SYSCTL_VERS_MASK = 0xff000000
)

// SysctlNodeSize is the size of a SysctlNode, bytes.
const SysctlNodeSize = 96

// A SysctlNode describes one node of the tree (struct sysctlnode). What are addresses in the kernel is left out, and 0 on the wire.
type SysctlNode struct {
	Flags     uint32 // type, CTLFLAG bits and version
	Num       int32
	Name      string // at most 31 bytes
	Ver       uint32 // changes when the node or one below it does
	ChildSize uint32 // of an inner node: room for children
	ChildLen  uint32 // and how many there are
	Immediate uint64 // the value, of a node that is CTLFLAG_IMMEDIATE
	Size      uint64 // of the value, bytes
}

// Offsets in struct sysctlnode.
const (
	offCtlFlags = 0
	offCtlNum   = 4
	offCtlName  = 8
	offCtlVer   = 40
	offCtlUnion = 48
	offCtlSize  = 64
)

// Type is what the node holds.
func (n *SysctlNode) Type() int { return int(n.Flags & SYSCTL_TYPEMASK) }

// Encode writes it to SysctlNodeSize bytes, which are zeros.
func (n *SysctlNode) Encode(b []byte) {
	le.PutUint32(b[offCtlFlags:], n.Flags)
	le.PutUint32(b[offCtlNum:], uint32(n.Num))
	putString(b[offCtlName:][:SYSCTL_NAMELEN], n.Name)
	le.PutUint32(b[offCtlVer:], n.Ver)
	switch {
	case n.Type() == CTLTYPE_NODE:
		le.PutUint32(b[offCtlUnion:], n.ChildSize)
		le.PutUint32(b[offCtlUnion+4:], n.ChildLen)
	case n.Flags&CTLFLAG_IMMEDIATE != 0:
		le.PutUint64(b[offCtlUnion:], n.Immediate)
	}
	le.PutUint64(b[offCtlSize:], n.Size)
}

// Decode reads it from SysctlNodeSize bytes.
func (n *SysctlNode) Decode(b []byte) {
	*n = SysctlNode{
		Flags: le.Uint32(b[offCtlFlags:]),
		Num:   int32(le.Uint32(b[offCtlNum:])),
		Name:  getString(b[offCtlName:][:SYSCTL_NAMELEN]),
		Ver:   le.Uint32(b[offCtlVer:]),
		Size:  le.Uint64(b[offCtlSize:]),
	}
	switch {
	case n.Type() == CTLTYPE_NODE:
		n.ChildSize, n.ChildLen = le.Uint32(b[offCtlUnion:]), le.Uint32(b[offCtlUnion+4:])
	case n.Flags&CTLFLAG_IMMEDIATE != 0:
		n.Immediate = le.Uint64(b[offCtlUnion:])
	}
}

// AppendSysctlDesc adds the description of a node (struct sysctldesc) to b.
func AppendSysctlDesc(b []byte, num int32, ver uint32, text string) []byte {
	n := len(text) + 1
	at := len(b)
	b = append(b, make([]byte, (12+n+3)&^3)...)
	le.PutUint32(b[at:], uint32(num))
	le.PutUint32(b[at+4:], ver)
	le.PutUint32(b[at+8:], uint32(n))
	copy(b[at+12:], text)
	return b
}

var errSysctlDesc = errors.New("sysctl description: lengths that do not fit")

// NextSysctlDesc takes the first description off b.
func NextSysctlDesc(b []byte) (num int32, text string, rest []byte, err error) {
	if len(b) < 12 {
		return 0, "", nil, errSysctlDesc
	}
	n := int64(le.Uint32(b[8:]))
	size := (12 + n + 3) &^ 3
	if size > int64(len(b)) {
		return 0, "", nil, errSysctlDesc
	}
	return int32(le.Uint32(b)), getString(b[12 : 12+n]), b[size:], nil
}

// ClockinfoSize is the size of a Clockinfo, bytes.
const ClockinfoSize = 20

// A Clockinfo is the value of kern.clockrate (struct clockinfo).
type Clockinfo struct{ HZ, Tick, TickAdj, StatHZ, ProfHZ int32 }

// Encode writes it to ClockinfoSize bytes.
func (c Clockinfo) Encode(b []byte) {
	for i, v := range []int32{c.HZ, c.Tick, c.TickAdj, c.StatHZ, c.ProfHZ} {
		le.PutUint32(b[4*i:], uint32(v))
	}
}

// Decode reads it from ClockinfoSize bytes.
func (c *Clockinfo) Decode(b []byte) {
	for i, v := range []*int32{&c.HZ, &c.Tick, &c.TickAdj, &c.StatHZ, &c.ProfHZ} {
		*v = int32(le.Uint32(b[4*i:]))
	}
}
