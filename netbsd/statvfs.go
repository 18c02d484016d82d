package netbsd

// Flags of a mount, as mount(2) takes them and statvfs(2) shows them.
const (
	MNT_RDONLY      = 0x1
	MNT_SYNCHRONOUS = 0x2
	MNT_NOEXEC      = 0x4
	MNT_NOSUID      = 0x8
	MNT_NODEV       = 0x10
	MNT_UNION       = 0x20
	MNT_ASYNC       = 0x40
	MNT_LOCAL       = 0x1000
	MNT_QUOTA       = 0x2000
	MNT_ROOTFS      = 0x4000
	MNT_UPDATE      = 0x10000
	MNT_RELOAD      = 0x40000
	MNT_FORCE       = 0x80000
	MNT_GETARGS     = 0x400000
	MNT_LOG         = 0x2000000
	MNT_NOATIME     = 0x4000000
	MNT_NODEVMTIME  = 0x40000000
)

// Flags of getvfsstat(2) and its kin.
const (
	ST_WAIT   = 1
	ST_NOWAIT = 2
)

// StatvfsSize is the size of a Statvfs, bytes.
const StatvfsSize = 2256

// A Statvfs describes a mounted file system (struct statvfs). Blocks are counted in units of Frsize.
type Statvfs struct {
	Flag                          uint64
	Bsize, Frsize, Iosize         uint64
	Blocks, Bfree, Bavail, Bresvd uint64
	Files, Ffree, Favail, Fresvd  uint64
	SyncReads, SyncWrites         uint64
	AsyncReads, AsyncWrites       uint64
	Fsidx                         [2]int32
	Fsid                          uint64
	NameMax                       uint64
	Owner                         uint32
	FSType                        string // at most 31 bytes
	MntOn                         string // at most 1023 bytes
	MntFrom                       string // likewise
}

// Offsets in struct statvfs.
const (
	offVfsFsidx    = 128
	offVfsFsid     = 136
	offVfsNameMax  = 144
	offVfsOwner    = 152
	offVfsTypeName = 172
	offVfsOn       = 204
	offVfsFrom     = 1228

	mfsNameLen = 32
	mnameLen   = 1024
)

// numbers are the fields that stand at the start, eight bytes each.
func (s *Statvfs) numbers() [16]*uint64 {
	return [16]*uint64{
		&s.Flag, &s.Bsize, &s.Frsize, &s.Iosize, &s.Blocks, &s.Bfree, &s.Bavail, &s.Bresvd,
		&s.Files, &s.Ffree, &s.Favail, &s.Fresvd, &s.SyncReads, &s.SyncWrites, &s.AsyncReads, &s.AsyncWrites,
	}
}

// Encode writes it to StatvfsSize bytes, which are zeros. Names that are too long are cut.
func (s *Statvfs) Encode(b []byte) {
	for i, n := range s.numbers() {
		le.PutUint64(b[8*i:], *n)
	}
	le.PutUint32(b[offVfsFsidx:], uint32(s.Fsidx[0]))
	le.PutUint32(b[offVfsFsidx+4:], uint32(s.Fsidx[1]))
	le.PutUint64(b[offVfsFsid:], s.Fsid)
	le.PutUint64(b[offVfsNameMax:], s.NameMax)
	le.PutUint32(b[offVfsOwner:], s.Owner)
	putString(b[offVfsTypeName:][:mfsNameLen], s.FSType)
	putString(b[offVfsOn:][:mnameLen], s.MntOn)
	putString(b[offVfsFrom:][:mnameLen], s.MntFrom)
}

// Decode reads it from StatvfsSize bytes.
func (s *Statvfs) Decode(b []byte) {
	for i, n := range s.numbers() {
		*n = le.Uint64(b[8*i:])
	}
	s.Fsidx = [2]int32{int32(le.Uint32(b[offVfsFsidx:])), int32(le.Uint32(b[offVfsFsidx+4:]))}
	s.Fsid = le.Uint64(b[offVfsFsid:])
	s.NameMax = le.Uint64(b[offVfsNameMax:])
	s.Owner = le.Uint32(b[offVfsOwner:])
	s.FSType = getString(b[offVfsTypeName:][:mfsNameLen])
	s.MntOn = getString(b[offVfsOn:][:mnameLen])
	s.MntFrom = getString(b[offVfsFrom:][:mnameLen])
}

// TypeHash is the number that stands for the name of a file-system type in identities of mounts (makefstype).
func TypeHash(name string) uint32 {
	var h uint32
	for i := range len(name) {
		h = h<<2 ^ uint32(name[i])
	}
	return h
}

// putString writes s and at least one NUL.
func putString(b []byte, s string) {
	n := copy(b[:len(b)-1], s)
	clear(b[n:])
}

// getString reads up to the first NUL, or all.
func getString(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}
