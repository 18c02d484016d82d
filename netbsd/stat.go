package netbsd

import "encoding/binary"

var le = binary.LittleEndian

// The type bits of a mode (st_mode).
const (
	S_IFMT   = 0xf000
	S_IFIFO  = 0x1000
	S_IFCHR  = 0x2000
	S_IFDIR  = 0x4000
	S_IFBLK  = 0x6000
	S_IFREG  = 0x8000
	S_IFLNK  = 0xa000
	S_IFSOCK = 0xc000
	S_IFWHT  = 0xe000
)

// The types of a directory entry (d_type): those of a mode, shifted right by 12.
const (
	DT_UNKNOWN = 0
	DT_FIFO    = 1
	DT_CHR     = 2
	DT_DIR     = 4
	DT_BLK     = 6
	DT_REG     = 8
	DT_LNK     = 10
	DT_SOCK    = 12
	DT_WHT     = 14
)

// File flags (chflags(2)).
const (
	UF_NODUMP    = 0x1
	UF_IMMUTABLE = 0x2
	UF_APPEND    = 0x4
	UF_OPAQUE    = 0x8
	SF_ARCHIVED  = 0x10000
	SF_IMMUTABLE = 0x20000
	SF_APPEND    = 0x40000
	SF_SNAPSHOT  = 0x200000
)

// NoDev is a device number that stands for none.
const NoDev = ^uint64(0)

// MakeDev packs a device number (dev_t).
func MakeDev(major, minor uint32) uint64 {
	return uint64(major<<8&0x000fff00 | minor<<12&0xfff00000 | minor&0x000000ff)
}

// Major is the driver of a device number.
func Major(dev uint64) uint32 { return uint32(dev) & 0x000fff00 >> 8 }

// Minor is the unit of a device number.
func Minor(dev uint64) uint32 { return uint32(dev)&0xfff00000>>12 | uint32(dev)&0x000000ff }

// A Timespec is a time to the nanosecond (struct timespec).
type Timespec struct{ Sec, Nsec int64 }

// TimespecSize and TimevalSize are sizes in bytes.
const (
	TimespecSize = 16
	TimevalSize  = 16
)

// Decode reads it from TimespecSize bytes.
func (t *Timespec) Decode(b []byte) {
	t.Sec, t.Nsec = int64(le.Uint64(b)), int64(le.Uint64(b[8:]))
}

// Encode writes it to TimespecSize bytes.
func (t Timespec) Encode(b []byte) {
	le.PutUint64(b, uint64(t.Sec))
	le.PutUint64(b[8:], uint64(t.Nsec))
}

// A Timeval is a time to the microsecond (struct timeval).
type Timeval struct {
	Sec  int64
	Usec int32
}

// Decode reads it from TimevalSize bytes.
func (t *Timeval) Decode(b []byte) {
	t.Sec, t.Usec = int64(le.Uint64(b)), int32(le.Uint32(b[8:]))
}

// Encode writes it to TimevalSize bytes.
func (t Timeval) Encode(b []byte) {
	le.PutUint64(b, uint64(t.Sec))
	le.PutUint64(b[8:], uint64(uint32(t.Usec)))
}

// Nanoseconds that stand for something else in utimensat(2).
const (
	UTIME_NOW  = 1<<30 - 1
	UTIME_OMIT = 1<<30 - 2
)

// StatSize is the size of a Stat, bytes.
const StatSize = 152

// A Stat is what stat(2) tells (struct stat).
type Stat struct {
	Dev       uint64
	Mode      uint32 // type and permissions
	Ino       uint64
	Nlink     uint32
	UID, GID  uint32
	Rdev      uint64 // NoDev of what is no device
	Atim      Timespec
	Mtim      Timespec
	Ctim      Timespec
	Birthtim  Timespec
	Size      int64
	Blocks    int64 // of 512 bytes
	BlockSize int32
	Flags     uint32
	Gen       uint32
}

// Offsets in struct stat.
const (
	offStDev     = 0
	offStMode    = 8
	offStIno     = 16
	offStNlink   = 24
	offStUID     = 28
	offStGID     = 32
	offStRdev    = 40
	offStAtim    = 48
	offStMtim    = 64
	offStCtim    = 80
	offStBirth   = 96
	offStSize    = 112
	offStBlocks  = 120
	offStBlksize = 128
	offStFlags   = 132
	offStGen     = 136
)

// Encode writes it to StatSize bytes, which are zeros.
func (s *Stat) Encode(b []byte) {
	le.PutUint64(b[offStDev:], s.Dev)
	le.PutUint32(b[offStMode:], s.Mode)
	le.PutUint64(b[offStIno:], s.Ino)
	le.PutUint32(b[offStNlink:], s.Nlink)
	le.PutUint32(b[offStUID:], s.UID)
	le.PutUint32(b[offStGID:], s.GID)
	le.PutUint64(b[offStRdev:], s.Rdev)
	s.Atim.Encode(b[offStAtim:])
	s.Mtim.Encode(b[offStMtim:])
	s.Ctim.Encode(b[offStCtim:])
	s.Birthtim.Encode(b[offStBirth:])
	le.PutUint64(b[offStSize:], uint64(s.Size))
	le.PutUint64(b[offStBlocks:], uint64(s.Blocks))
	le.PutUint32(b[offStBlksize:], uint32(s.BlockSize))
	le.PutUint32(b[offStFlags:], s.Flags)
	le.PutUint32(b[offStGen:], s.Gen)
}

// Decode reads it from StatSize bytes.
func (s *Stat) Decode(b []byte) {
	s.Dev = le.Uint64(b[offStDev:])
	s.Mode = le.Uint32(b[offStMode:])
	s.Ino = le.Uint64(b[offStIno:])
	s.Nlink = le.Uint32(b[offStNlink:])
	s.UID = le.Uint32(b[offStUID:])
	s.GID = le.Uint32(b[offStGID:])
	s.Rdev = le.Uint64(b[offStRdev:])
	s.Atim.Decode(b[offStAtim:])
	s.Mtim.Decode(b[offStMtim:])
	s.Ctim.Decode(b[offStCtim:])
	s.Birthtim.Decode(b[offStBirth:])
	s.Size = int64(le.Uint64(b[offStSize:]))
	s.Blocks = int64(le.Uint64(b[offStBlocks:]))
	s.BlockSize = int32(le.Uint32(b[offStBlksize:]))
	s.Flags = le.Uint32(b[offStFlags:])
	s.Gen = le.Uint32(b[offStGen:])
}

// Stat30Size is the size of a Stat30, bytes.
const Stat30Size = 136

// A Stat30 is a Stat as programs made before 6.0 have it (struct stat30): numbers of devices and seconds have 32 bits.
type Stat30 Stat

// Offsets in struct stat30.
const (
	offOldDev     = 0
	offOldMode    = 4
	offOldIno     = 8
	offOldNlink   = 16
	offOldUID     = 20
	offOldGID     = 24
	offOldRdev    = 28
	offOldAtim    = 32
	offOldMtim    = 48
	offOldCtim    = 64
	offOldBirth   = 80
	offOldSize    = 96
	offOldBlocks  = 104
	offOldBlksize = 112
	offOldFlags   = 116
	offOldGen     = 120
)

// Encode writes it to Stat30Size bytes, which are zeros.
func (s *Stat30) Encode(b []byte) {
	le.PutUint32(b[offOldDev:], uint32(s.Dev))
	le.PutUint32(b[offOldMode:], s.Mode)
	le.PutUint64(b[offOldIno:], s.Ino)
	le.PutUint32(b[offOldNlink:], s.Nlink)
	le.PutUint32(b[offOldUID:], s.UID)
	le.PutUint32(b[offOldGID:], s.GID)
	le.PutUint32(b[offOldRdev:], uint32(s.Rdev))
	for off, t := range map[int]Timespec{offOldAtim: s.Atim, offOldMtim: s.Mtim, offOldCtim: s.Ctim, offOldBirth: s.Birthtim} {
		le.PutUint32(b[off:], uint32(t.Sec))
		le.PutUint64(b[off+8:], uint64(t.Nsec))
	}
	le.PutUint64(b[offOldSize:], uint64(s.Size))
	le.PutUint64(b[offOldBlocks:], uint64(s.Blocks))
	le.PutUint32(b[offOldBlksize:], uint32(s.BlockSize))
	le.PutUint32(b[offOldFlags:], s.Flags)
	le.PutUint32(b[offOldGen:], s.Gen)
}
