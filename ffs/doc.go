// Package ffs is a mounted Fast File System: UFS1 and UFS2 in either byte order, as NetBSD, FreeBSD, OpenBSD and Apple make them,
// behind the contract of rumpfs/vfs.
//
// What goes where. Metadata (inodes, directories, indirect blocks, cylinder groups) is changed in buffers of rumpfs/bcache. File data,
// long symbolic links and extended attributes go straight to the disk. Free space and free inodes are the business of ffs/alloc.
//
// Write order. The process may be killed between any two writes to the disk, and what was durable before stays: on the disk no
// pointer ever leads to something that was not written yet, and nothing is handed out again while a pointer to it is left. So:
//
//	a new inode is written before the name that leads to it, a link count grows before and shrinks after the name
//	a name is written before the old name of a rename goes
//	data, and the zeros around it, are written before the inode or indirect block that points to them
//	pointers are gone from the disk before their blocks are free
//
// Bitmaps, totals, sizes and times may be late. A crash then leaves lost space, lost inodes or link counts that are too high, which fsck
// repairs; never a name without its file or a block with two owners.
//
// Durability. Changes of names are handed to the disk before the call returns, data at once, everything else at the next Sync or when a
// buffer is evicted. A node's Sync makes its data, size, pointers and names durable. With Options.Async nothing is ordered.
//
// Locks. The kernel's vnode locks protect a node; inode.mu protects what calls that share the vnode lock change: the access time.
//
//	vnode.mu
//	  inode.mu
//	  dir.hashMu        building an index
//	  quota.writeMu     writing the quota files
//	    buffer          one at a time; never held across a callback or an allocation
//	    alloc's locks
//	      dirHashes.mu  leaves
//	      quota.mu
package ffs
