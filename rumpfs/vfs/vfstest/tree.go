// Package vfstest is the suite that every file system passes, whatever it is reached through: a Tree is the file system
// by its paths, implemented over a kernel (rumpfs/kern/kerntest) and over a directory of the host (HostTree).
package vfstest

import (
	"testing"

	"rump/rumpfs/vfs"
)

// A Tree is one file system, seen by its paths: components with slashes between them, "." for the root. The caller is the
// superuser. A symbolic link at the end of a path is not followed; those before it are. Errors are, or wrap, errnos.
// All methods may be called concurrently.
type Tree interface {
	// Make creates a node of any kind with exactly this mode. The owner in a is not used.
	Make(path string, a vfs.CreateAttr) error
	Link(oldPath, newPath string) error
	Remove(path string) error
	Rmdir(path string) error
	Rename(oldPath, newPath string) error

	Stat(path string) (vfs.Attr, error)
	SetAttr(path string, set vfs.SetAttr) error
	Readlink(path string) (string, error)

	// ReadDir calls fn for the entries from the cookie on until it returns false. Name is valid during the call.
	ReadDir(path string, at vfs.Cookie, fn func(vfs.DirEntry) bool) error

	// Open opens a regular file for reading, with write for writing too.
	Open(path string, write bool) (File, error)

	// These are about the user's name space of extended attributes.
	GetXattr(path, name string) ([]byte, error)
	ListXattr(path string) ([]string, error)
	SetXattr(path, name string, value []byte, mode vfs.XattrMode) error
	RemoveXattr(path, name string) error

	Statfs() (vfs.Statfs, error)
	Sync() error
}

// A File is an open regular file, which outlives its names.
type File interface {
	// ReadAt returns a short count at the end of the file and no error there.
	ReadAt(p []byte, off int64) (int, error)
	WriteAt(p []byte, off int64) (int, error)
	Append(p []byte) (int, error)
	Truncate(size int64) error
	Stat() (vfs.Attr, error)
	SeekData(off int64) (int64, error)
	SeekHole(off int64) (int64, error)
	Allocate(off, length int64, keepSize bool) error
	Punch(off, length int64) error
	Sync(dataOnly bool) error
	Close() error
}

// A Mount is an empty file system under test.
type Mount struct {
	Tree     Tree
	Features Features

	// Remount ends the tree in an orderly way and returns another one on the same volume, which should hold the same. Nil:
	// the volume does not outlive its mount.
	Remount func(testing.TB) Tree

	// ReadOnly is Remount, read-only. Nil: there is no such mount.
	ReadOnly func(testing.TB) Tree

	// Full makes another tree, of the same kind but with little space, 1 to 8 MiB, and few inodes. Nil: space is not tested.
	Full func(testing.TB) Tree
}

// Features say what a file system has. The zero value has nothing that can be left out.
type Features struct {
	Devices    bool   // device nodes can be made
	Owners     bool   // nodes can be given to any user and group
	OwnerMax   uint32 // largest id of a user or group, EINVAL above; 0: there is none
	BSDGroup   bool   // a new node's group is its directory's
	SymlinkMax int    // longest target, bytes; one byte more is refused with ENAMETOOLONG
	LinkMax    int    // names that a file can have; one more is refused with EMLINK; 0 is not tested
	TimeMin    int64  // earliest and latest second
	TimeMax    int64  //
	TimeStep   int32  // nanoseconds that times are multiples of
	Btime      bool   // the time of creation is kept and can be set
	Flags      uint32 // file flags that can be set
	XattrMax   int    // largest value of an extended attribute, bytes; 0 if there are none
	Holes      bool   // what was not written takes no space, and SeekHole finds it
	Allocate   bool
	Within     bool // Allocate inside a file only: EOPNOTSUPP if the size is kept and the range goes beyond
	Punch      bool
	FileMax    int64 // largest size of a file; 0 is not tested
	Blocks     []int // sizes in bytes around which something happens: fragment, block, what an inode holds directly
}
