// Package vfs is the contract of a file system inside a rump process: FS, Node, File, Dir, Symlink, their attributes,
// and the defaults for what a file system refuses.
//
// Who does what. The kernel (rumpfs/kern) keeps one vnode for each live node, locks it, checks permissions, file flags
// and names, crosses mount points, and tells every door what changed. A file system only keeps its own structures
// right; it is never asked twice for the same node while the first one lives, and locks only what vnodes do not cover.
//
// Lock classes. Every method says which lock of the vnode the kernel holds during the call:
//
//	shared     other shared calls on the same node may run at the same time
//	exclusive  no other call on this node runs
//	tree       exclusive on every node named in the call, and the mount's rename lock
//	none       the file system must stand any concurrency
//
// The kernel's order, outermost first (indentation means: taken while holding the line above):
//
//	mount.renameMu
//	  vnode.mu          parent before child; two directories: ancestor first, else the lower inode number first
//	    a file system's own locks
//
// Errors. Outcomes that programs ask for are bare syscall.Errno values with the host's numbers (ENOENT, EEXIST, ENOTDIR,
// ENOTEMPTY, ENOSPC, ...). What a person must read is a typed error that unwraps to its errno. ErrnoOf turns any of them
// into a number, at the doors only.
//
// Context. Cancellation is honoured until the first write of a change; then the change completes.
package vfs
