// Package journal is the write-ahead log of a Fast File System that NetBSD calls WAPBL: physical copies of metadata blocks, written before the
// blocks themselves. It lies in a hidden file or behind the file system.
//
// The area begins with two commit headers that are written in turn; the one of the later generation says which part of the circular buffer behind
// them is live. In there lie records, each one block of the log and maybe data behind it: copies of blocks, blocks whose copies no longer count
// (revocations), and the inodes that have no name but were open. Integers are in the order of the machine that wrote the log.
//
// [Read] verifies a log and finds out what it holds; nothing that it refuses is ever applied. [Log.Replay] brings the copies to their places,
// [Log.View] shows a disk as it would be then. Replaying twice, or after being killed in the midst of it, gives the same disk.
package journal
