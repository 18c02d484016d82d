// Package bcache holds the metadata of one file system in buffers: bounded, written in the order that the file system
// asks for, with a list of dirty buffers for each inode.
//
// File data never comes here. It goes to the disk below directly, so a sector that turns from metadata into data must be
// forgotten first.
//
//	Invariant: only sectors that hold metadata are ever valid.
//	Invariant: a dirty sector is valid, and its block is in the index until it has been written or forgotten.
//	Invariant: the bytes of a valid clean sector are those of the disk, or fresh zeros whose user has not spoken yet.
//
// # Locks
//
// A buffer is a piece of an aligned block, and a block has one lock. Outermost first:
//
//	block.mu      held by the user from Get to Release, and by the cache across I/O
//	  shard.mu    a leaf: never held while waiting for a block or for I/O
//	  claims.mu   a leaf
//
// A user who holds a buffer may Get (or Forget) another in this order only: inode block, indirect blocks from the root
// down, cylinder group. Holding a directory's buffer, nothing else. Flush and FlushOwner wait for blocks, one at a time, and
// are called with no buffer held. Eviction happens in Get; it only ever tries locks.
package bcache
