// Package ondisk holds the structures of the Berkeley Fast File System as they lie on a disk: UFS1 and UFS2, in either
// byte order, with the additions of NetBSD, FreeBSD and Apple.
//
// Superblock and inode are decoded into one normal form, [Super] and [Inode]. Cylinder group, directory block, indirect
// block and the extended attribute area are views: [Group], [DirBlock] and [Indirect] read and change the caller's
// block in place. What this package does not know in a block survives a change.
//
// A value that a decoder returned is safe: its sizes, shifts, offsets and counts were checked, so that the methods here
// index and calculate without doubt. Nothing in this package locks, and only what is named Read or Find does I/O: it reads.
package ondisk
