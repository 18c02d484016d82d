// Package fsck checks a Fast File System: the five phases of fsck_ffs(8), and the sixth for quotas, with its messages and its answers.
//
// Phase 1 looks at every inode and marks the fragments that files claim; 1b finds the first owner of what is claimed twice; 2 walks the
// directories; 3 finds directories that no name leads to; 4 compares link counts; 5 rebuilds each cylinder group from what was found and
// compares; 6 adds up what the quotas should say.
//
// The bytes may be anything: every number is checked before it is an index, and no chain is followed longer than the volume is large.
package fsck
