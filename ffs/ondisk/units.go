package ondisk

import (
	"fmt"
	"syscall"
)

// Frag is a disk address, or a count of space, in fragments; address 0 in a pointer is a hole.
type Frag int64

// Block is a logical block of a file, counted from its beginning.
type Block int64

// Ino is an inode number. 0 is no inode.
type Ino uint64

// Inode numbers with a meaning.
const (
	WhiteoutIno Ino = 1 // in a directory entry: the name is covered by a whiteout
	RootIno     Ino = 2
)

// Sizes that no volume changes.
const (
	SectorSize   = 512        // unit of Inode.Blocks
	MinBlockSize = 4096       // smallest fs_bsize
	MaxBlockSize = 65536      // largest fs_bsize
	MaxFrags     = 8          // most fragments in a block
	NDirect      = 12         // direct pointers of an inode
	NIndirect    = 3          // indirect pointers of an inode
	NExtBlocks   = 2          // extended attribute pointers of a UFS2 inode
	MaxNameLen   = 255        // longest name of a directory entry
	MaxLinkLen   = 1023       // longest target of a symbolic link
	MaxLinks     = 32767      // largest Inode.Nlink
	MaxDirSize   = 0x7fffffff // largest size of a directory

	DirBlockSize      = 512  // unit of a directory
	AppleDirBlockSize = 1024 // unit of a directory on Apple UFS
)

// File types, in the top four bits of Inode.Mode. A directory entry stores Mode >> 12.
const (
	ModeType     uint16 = 0o170000
	ModeFIFO     uint16 = 0o010000
	ModeChar     uint16 = 0o020000
	ModeDir      uint16 = 0o040000
	ModeBlock    uint16 = 0o060000
	ModeRegular  uint16 = 0o100000
	ModeSymlink  uint16 = 0o120000
	ModeSocket   uint16 = 0o140000
	ModeWhiteout uint16 = 0o160000 // in directory entries only
)

// A CorruptError says what was found where it cannot be. It unwraps to EIO.
type CorruptError struct {
	What  string // the structure and the field, such as "cylinder group 3: free map offset"
	Value int64  // what the field says
	Where int64  // byte offset inside the structure
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s %d (at byte %d)", e.What, e.Value, e.Where)
}

// Unwrap makes it an input/output error.
func (e *CorruptError) Unwrap() error { return syscall.EIO }
