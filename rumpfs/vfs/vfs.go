package vfs

import "context"

// Ino names a node inside one file system. It is never 0, and a file system may use one again only after the node that
// had it was reclaimed, with another generation.
type Ino uint64

// An FS is one mounted file system. Methods are called without vnode locks (class none).
type FS interface {
	// Type is the name of the file-system type as mount(8) prints it: "ffs", "rumpfs".
	Type() string

	// Root is the inode number of the root directory; fixed.
	Root() Ino

	// Node loads a node. The kernel calls it only while no node of that number is alive. ESTALE when no such file exists
	// (a stale handle), EIO wrapped in a typed error when its bytes make no sense.
	Node(ctx context.Context, ino Ino) (Node, error)

	// Statfs describes space and limits.
	Statfs(ctx context.Context) (Statfs, error)

	// Sync writes everything that is dirty; with wait it returns once all of it is durable.
	Sync(ctx context.Context, wait bool) error

	// ReadOnly reports that every change would answer EROFS. The kernel asks before it calls a changing method.
	ReadOnly() bool

	// Unmount writes everything, marks the volume clean if it may be, and releases the device. Every node has been
	// reclaimed. The FS is not used again, whatever is returned.
	Unmount(ctx context.Context) error
}

// A Node is one object of a file system, of any kind. It is also a File, a Dir or a Symlink if it is of that kind;
// devices, fifos and sockets are plain Nodes.
type Node interface {
	// Ino is the node's number; none.
	Ino() Ino

	// Attr returns the attributes; shared. A local file system answers from memory and never fails.
	Attr(ctx context.Context) (Attr, error)

	// SetAttr changes the attributes that set.Mask names, all or none; exclusive. Permissions have been checked, and a
	// ctime update is the file system's. A new size is only asked of a regular file: bytes beyond a smaller size are
	// gone, bytes up to a larger one read as zeros. EFBIG, ENOSPC, EINVAL for a value that the format cannot hold, EOPNOTSUPP
	// for file flags the format lacks.
	SetAttr(ctx context.Context, cred *Cred, set SetAttr) error

	// Sync returns once the node's data and attributes are durable; shared. For a directory that includes its entries and the
	// inodes they name. dataOnly allows leaving out times.
	Sync(ctx context.Context, dataOnly bool) error

	// Reclaim ends the node's life; exclusive. If its link count is 0 its storage is freed, else its dirty attributes are
	// written (or handed to a cache that Sync covers). The node is not used again, whatever is returned.
	Reclaim(ctx context.Context) error
}

// A File is a regular file.
type File interface {
	Node

	// ReadAt reads into p from byte off; shared. It returns a short count only at the end of the file, and no error there (0, nil at
	// or beyond it). Holes read as zeros. Access time is updated unless the mount says otherwise.
	ReadAt(ctx context.Context, p []byte, off int64) (int, error)

	// WriteAt writes p at byte off, extending the file as needed; exclusive. On ENOSPC, EFBIG or EIO the count says how much is in the file,
	// from the start of p on; the rest left no trace. cred says whether the reserve may be used.
	WriteAt(ctx context.Context, cred *Cred, p []byte, off int64) (int, error)
}

// A Symlink is a symbolic link.
type Symlink interface {
	Node

	// Readlink returns the target; shared.
	Readlink(ctx context.Context) (string, error)
}

// Cookie is a place in a directory: where reading goes on after an entry. 0 is the start. A cookie stays usable while other entries are
// added and removed: every entry that exists all the time is seen exactly once. It fits 63 bits (31 in FFS).
type Cookie int64

// A DirEntry is one name in a directory. Name is valid only during the callback.
type DirEntry struct {
	Name []byte
	Ino  Ino
	Kind Kind
	Next Cookie // the cookie after this entry
}

// A Dir is a directory. Names are single components, 1 to 255 bytes, without NUL or '/'; the kernel checks that. "." and ".." are legal
// only in Lookup and appear in ReadDir.
type Dir interface {
	Node

	// Lookup finds a name; shared. ENOENT when it is absent. ".." of the root is the root.
	Lookup(ctx context.Context, name string) (Ino, error)

	// ReadDir calls fn for each entry from the cookie on, "." and ".." first; shared. It stops without an error when fn returns
	// false; the refused entry's predecessor's Next is where to go on. fn copies and never calls back into the file system.
	// EINVAL for a cookie that cannot be a place in this directory.
	ReadDir(ctx context.Context, at Cookie, fn func(DirEntry) bool) error

	// Create makes a new node of any kind under name, which is absent; exclusive. The node's link count is 1, or 2 for a directory,
	// whose parent's count grows by one. EMLINK, ENOSPC.
	Create(ctx context.Context, cred *Cred, name string, a CreateAttr) (Node, error)

	// Link adds name, which is absent, for a node that is no directory; exclusive on both. EMLINK, ENOSPC.
	Link(ctx context.Context, cred *Cred, name string, target Node) error

	// Remove takes away name, which stands for victim; exclusive on both. A directory must be empty: ENOTEMPTY. The victim's storage is
	// freed by its Reclaim.
	Remove(ctx context.Context, name string, victim Node) error

	// Rename moves oldName, which stands for node, to newName of newDir (of the same file system, maybe this directory), in place of
	// replaced if that is not nil; tree. The kernel has made sure that kinds agree (directory over directory, else neither), that node
	// is no ancestor of newDir, and that node and replaced differ. ENOTEMPTY, EMLINK, ENOSPC. A directory's ".." and the link counts follow.
	Rename(ctx context.Context, cred *Cred, r Rename) error
}

// Rename is the argument of Dir.Rename.
type Rename struct {
	OldName  string
	Node     Node
	NewDir   Dir
	NewName  string
	Replaced Node // what newName stands for now, or nil
}
