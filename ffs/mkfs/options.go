package mkfs

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"syscall"
	"time"

	"rump/ffs/ondisk"
	"rump/internal/endian"
)

// Options says what Newfs makes. The zero value is what newfs makes without options: UFS1, little-endian, with sizes
// that follow from that of the disk. Zero means the default everywhere but where said.
type Options struct {
	Version int          // 1 or 2; 0 is 1
	Old     bool         // the format of 4.3BSD (newfs -O 0); Version 1 only
	ExtAttr bool         // UFS2 with NetBSD 10's extended attribute magic (newfs -O 2ea)
	Order   endian.Order // byte order of the volume

	Size       int64 // bytes; 0: the whole disk; negative: leave so much free at its end
	SectorSize int   // bytes; at least the disk's own
	BlockSize  int   // bytes
	FragSize   int   // bytes
	Density    int64 // bytes of disk for each inode
	Inodes     int64 // number of inodes, instead of Density
	MinFree    *int  // percent kept for root, 0 to 99; nil is 5
	Space      bool  // optimise for space, not time

	MaxContig   int // blocks that may be allocated in a row
	MaxBPG      int // blocks of one file in a cylinder group
	MaxBSize    int // largest extent, bytes
	AvgFileSize int // expected size of a file, bytes
	AvgFPDir    int // expected files in a directory

	AppleName  string // makes an Apple UFS volume of this name
	Label      string // volume name, up to 31 bytes
	UserQuota  bool   // quota2 for users
	GroupQuota bool   // quota2 for groups
	UID, GID   uint32 // owner of the root directory
	Mode       uint16 // permissions of the root directory; 0 is 0755

	NoWrite bool // calculate and report only
	Fill    bool // write zeros to all of the disk, so that an image file has no holes

	Name string        // of the disk, in messages
	Now  time.Time     // zero is the present
	Rand func() uint32 // nil is the host's source
}

// Ptr makes the pointer that an optional number wants.
func Ptr[T any](v T) *T { return &v }

// An Error is a request that cannot be met. Code is the exit status that newfs has for it. It unwraps to EINVAL.
type Error struct {
	Code int
	Msg  string
}

func (e *Error) Error() string { return e.Msg }

// Unwrap is EINVAL.
func (e *Error) Unwrap() error { return syscall.EINVAL }

func errorf(code int, format string, a ...any) error {
	return &Error{code, fmt.Sprintf(format, a...)}
}

// Exit statuses of newfs.
const (
	exitUsage      = 1
	exitSize       = 13
	exitAvgFile    = 14
	exitAvgDir     = 15
	exitBlockPow2  = 16
	exitFragPow2   = 17
	exitFragSector = 18
	exitBlockSize  = 19
	exitBlockFrag  = 20
	exitFragRatio  = 21
	exitTooMany    = 22
	exitTooSmall   = 23
	exitGroupSize  = 37
	exitSummary    = 40
)

// minFreeDefault is the reserve in percent below which optimising for time makes no sense.
const minFreeDefault = 5

// random is the host's source of generation numbers and the like.
func random() uint32 {
	var b [4]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return binary.LittleEndian.Uint32(b[:])
}

// settle checks what does not depend on the size of the disk and puts defaults in place, but for block and fragment sizes.
func (o *Options) settle() error {
	if o.Version == 0 {
		o.Version = 1
	}
	switch {
	case o.Version != 1 && o.Version != 2:
		return errorf(exitUsage, "no such version of the file system: %d", o.Version)
	case o.Old && o.Version != 1:
		return errorf(exitUsage, "the 4.3BSD format is one of version 1")
	case o.ExtAttr && o.Version != 2:
		return errorf(exitUsage, "extended attributes need version 2")
	case o.AppleName != "" && o.Version != 1:
		return errorf(exitUsage, "an Apple UFS volume needs version 1")
	case (o.UserQuota || o.GroupQuota) && (o.Old || o.AppleName != ""):
		return errorf(exitUsage, "quotas need the present format, not that of 4.3BSD or Apple")
	case len(o.Label) > 31:
		return errorf(exitUsage, "volume name %q is longer than 31 bytes", o.Label)
	case o.AvgFileSize < 0:
		return errorf(exitAvgFile, "illegal expected average file size %d", o.AvgFileSize)
	case o.AvgFPDir < 0:
		return errorf(exitAvgDir, "illegal expected number of files per directory %d", o.AvgFPDir)
	case o.MinFree != nil && (*o.MinFree < 0 || *o.MinFree > 99):
		return errorf(exitUsage, "illegal free space %d%%, must be 0 to 99", *o.MinFree)
	case o.Density < 0 || o.Inodes < 0:
		return errorf(exitUsage, "illegal number of inodes or bytes per inode")
	case o.MaxContig < 0 || o.MaxBPG < 0 || o.MaxBSize < 0:
		return errorf(exitUsage, "illegal number of blocks")
	}
	if err := checkAppleName(o.AppleName); err != nil {
		return err
	}
	if o.AvgFileSize == 0 {
		o.AvgFileSize = 16384
	}
	if o.AvgFPDir == 0 {
		o.AvgFPDir = 64
	}
	if o.Mode == 0 {
		o.Mode = 0o755
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	if o.Rand == nil {
		o.Rand = random
	}
	return nil
}

func checkAppleName(name string) error {
	if len(name) > 512 {
		return errorf(exitUsage, "Apple volume name is longer than 512 bytes")
	}
	for i := range len(name) {
		if c := name[i]; c == ':' || c == '/' || c == 0 {
			return errorf(exitUsage, "Apple volume name %q holds a colon, a slash or a NUL", name)
		}
	}
	return nil
}

// now is the time as inodes store it.
func (o *Options) now() ondisk.Time {
	return ondisk.Time{Sec: o.Now.Unix(), Nsec: int32(o.Now.Nanosecond())}
}
