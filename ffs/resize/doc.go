// Package resize makes a Fast File System larger or smaller in place.
//
// A larger one gets new cylinder groups, and its last one filled up. If the summary area in group 0 has to grow, what lies in its way
// moves. Of a smaller one, what lies behind its new end moves in front of it: first blocks, then inodes, whose names then lead to their new
// numbers.
//
// [Plan] finds out whether that is possible, to the last fragment and inode, and changes nothing; [Resize] plans first. What it does then is
// ordered so that a process killed, or power lost, at any moment costs nothing:
//
//	new groups are written          behind the end of the file system, where nobody looks
//	the superblock is marked dirty  from here on fsck is needed after a kill, but finds no damage
//	blocks are copied               to free space; pointers change when the copies are on the disk, those nearest to the data first
//	(smaller, if inodes move:)
//	all superblocks get a magic number that nobody knows, and the new size
//	inodes are copied, names changed: done twice it comes to the same, so that the next Resize finishes it
//	the superblock says the new size, dirty
//	groups, summary area, copies of the superblock are written
//	the superblock is marked clean
//
// Between the two magic numbers the volume cannot be mounted or checked, since inodes would exist twice; Resize finishes the work from there.
//
// Memory: 36 bytes for a cylinder group, 4 for an inode that moves, and some megabytes.
package resize
