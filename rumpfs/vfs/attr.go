package vfs

// Kind is the type of a node.
type Kind uint8

// The kinds; the values are those of a BSD directory entry (mode >> 12).
const (
	KindNone     Kind = 0
	KindFifo     Kind = 1
	KindChar     Kind = 2
	KindDir      Kind = 4
	KindBlock    Kind = 6
	KindRegular  Kind = 8
	KindSymlink  Kind = 10
	KindSocket   Kind = 12
	KindWhiteout Kind = 14
)

// Letter is the kind as the first character of ls -l: - d l p s c b w, or ? for none.
func (k Kind) Letter() byte { return "?pc?d?b?-?l?s?w?"[k&15] }

// Time is an instant as file systems store it: seconds since 1970 and nanoseconds, 0 to 999,999,999 (read from a disk it may be
// anything: kept, never normalised).
type Time struct {
	Sec  int64
	Nsec int32
}

// Dev is a device number, major and minor apart, so that no packing is shared between systems.
type Dev struct{ Major, Minor uint32 }

// Attr is what stat(2) tells of a node.
type Attr struct {
	Ino       Ino
	Gen       uint32 // generation: another one each time an inode number is used again
	Kind      Kind
	Mode      uint32 // permission bits, 0 to 07777
	Nlink     uint32
	UID, GID  uint32
	Rdev      Dev // of device nodes
	Size      int64
	Blocks    int64 // allocated, in 512-byte units, indirect blocks included
	BlockSize int32 // preferred size of a transfer, bytes
	Atime     Time
	Mtime     Time
	Ctime     Time
	Btime     Time   // creation; zero where the format has none
	Flags     uint32 // BSD file flags, the Flag constants
}

// BSD file flags (chflags(2)). The low 16 bits are the owner's, the high ones the superuser's.
const (
	FlagNoDump    uint32 = 0x1
	FlagImmutable uint32 = 0x2
	FlagAppend    uint32 = 0x4
	FlagOpaque    uint32 = 0x8
	FlagNoUnlink  uint32 = 0x10 // FreeBSD

	FlagArchived     uint32 = 0x10000
	FlagSysImmutable uint32 = 0x20000
	FlagSysAppend    uint32 = 0x40000
	FlagSysNoUnlink  uint32 = 0x100000 // FreeBSD
	FlagSnapshot     uint32 = 0x200000

	FlagsOwner  uint32 = 0x0000ffff
	FlagsSystem uint32 = 0xffff0000
)

// SetMask names the attributes that a SetAttr changes.
type SetMask uint16

// The bits of SetMask.
const (
	SetMode SetMask = 1 << iota
	SetUID
	SetGID
	SetSize
	SetAtime
	SetMtime
	SetBtime
	SetFlags
)

// SetAttr is a change of attributes. Only the fields that Mask names mean anything.
type SetAttr struct {
	Mask     SetMask
	Mode     uint32
	UID, GID uint32
	Size     int64
	Atime    Time
	Mtime    Time
	Btime    Time
	Flags    uint32
}

// Has reports whether all bits of m are in the mask.
func (s *SetAttr) Has(m SetMask) bool { return s.Mask&m == m }

// CreateAttr says what Dir.Create makes. The kernel fills in the owner: the creator's user id and, the BSD way, the directory's group.
type CreateAttr struct {
	Kind     Kind // not KindNone
	Mode     uint32
	UID, GID uint32
	Rdev     Dev    // of KindChar and KindBlock
	Target   string // of KindSymlink: 1 to 1023 bytes
}

// Statfs describes a file system. Counts of blocks are in units of FragSize.
type Statfs struct {
	BlockSize   uint32 // preferred transfer, bytes
	FragSize    uint32 // unit of the counts, bytes
	Blocks      uint64 // total, without the file system's own structures
	BlocksFree  uint64
	BlocksAvail int64  // for users without the reserve; may be negative
	Files       uint64 // inodes that exist
	FilesFree   uint64
	NameMax     uint32
	FSID        [2]uint32
	From        string // what is mounted: the device's name
	ReadOnly    bool
}

// Cred is who asks.
type Cred struct {
	UID, GID uint32
	Groups   []uint32
}

// Root is the superuser of a rump process. It has no power over the host.
var Root = &Cred{}

// Superuser reports whether permission checks and the space reserve do not apply.
func (c *Cred) Superuser() bool { return c.UID == 0 }

// InGroup reports whether gid is one of the caller's groups.
func (c *Cred) InGroup(gid uint32) bool {
	if c.GID == gid {
		return true
	}
	for _, g := range c.Groups {
		if g == gid {
			return true
		}
	}
	return false
}
