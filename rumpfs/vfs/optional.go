package vfs

import "context"

// The interfaces of this file are rare powers. The kernel looks them up once, when a vnode is made; a node without one
// answers EOPNOTSUPP (or the kernel does the work another way, as each says).

// An Extent is where a run of a file's bytes lies.
type Extent struct {
	Off    int64 // first byte in the file
	Length int64 // bytes; > 0
	Dev    int64 // byte offset on the file system's device, meaningless for a hole
	Hole   bool  // nothing is allocated: reads as zeros
}

// A Mapper knows where its bytes are on the device; shared. Used for reading without copies and for SEEK_HOLE and SEEK_DATA.
type Mapper interface {
	// Map describes the longest run that starts at off and is at most limit bytes. Length 0 at or beyond the end of the file.
	// The answer holds until the vnode's lock is released.
	Map(ctx context.Context, off, limit int64) (Extent, error)
}

// An Allocator reserves or frees space inside a file; exclusive.
type Allocator interface {
	// Allocate makes sure that bytes off to off+length have storage, zeros where there was none; the size grows unless keepSize.
	Allocate(ctx context.Context, cred *Cred, off, length int64, keepSize bool) error
	// Punch makes bytes off to off+length read as zeros and frees the whole blocks among them; the size stays.
	Punch(ctx context.Context, off, length int64) error
}

// XattrSpace is a name space of extended attributes.
type XattrSpace uint8

// The two name spaces of extattr(9).
const (
	XattrUser   XattrSpace = 1
	XattrSystem XattrSpace = 2
)

// XattrMode says what may exist already.
type XattrMode uint8

// The modes of SetXattr.
const (
	XattrEither  XattrMode = iota
	XattrCreate            // EEXIST if it exists
	XattrReplace           // ENODATA if it does not
)

// A Xattrer keeps extended attributes. ENODATA: no such attribute. EOPNOTSUPP: the volume has no room for any. ENOSPC, E2BIG, ERANGE as in xattr(7).
type Xattrer interface {
	GetXattr(ctx context.Context, space XattrSpace, name string) ([]byte, error)                                 // shared
	ListXattr(ctx context.Context, space XattrSpace) ([]string, error)                                           // shared
	SetXattr(ctx context.Context, cred *Cred, space XattrSpace, name string, value []byte, mode XattrMode) error // exclusive
	RemoveXattr(ctx context.Context, space XattrSpace, name string) error                                        // exclusive
}

// A HandleFS can tell whether a handle that was given out long ago still means the same file.
type HandleFS interface {
	// Generation returns the generation of a node, for a handle; none.
	Generation(n Node) uint32
}

// A KeyFS has nodes that no directory names: only a whole path from the root leads to them. They live as long as the FS.
type KeyFS interface {
	// Key finds a node by its path without leading slashes, byte for byte; none.
	Key(path string) (Ino, bool)
}
