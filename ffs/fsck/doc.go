// Package fsck checks a Fast File System and repairs it: the five phases of fsck_ffs(8), and the sixth for quotas, with its messages and its
// questions.
//
// Phase 1 looks at every inode and marks the fragments that files claim; 1b finds the first owner of what is claimed twice; 2 walks the
// directories; 3 finds directories that no name leads to; 4 compares link counts; 5 rebuilds each cylinder group from what was found and
// compares; 6 adds up what the quotas should say.
//
// The bytes may be anything: every number is checked before it is an index, and no chain is followed longer than the volume is large.
//
// # Repair
//
// A repair is written when its question is answered, before the next question. Only sectors that change are written, so a sector that could not
// be read stays as it is unless something in it has to change. The order of writes is such that a repair that is killed and begun again loses
// nothing but names in lost+found:
//
//	the mark "clean" goes before the first change, and comes back last, behind a flush
//	a new block is written before the pointer to it, a new inode before its name
//	a name in lost+found is written before the old ".." or the old name goes, and before link counts change
//	an inode is cleared before its blocks are used for something else
//	maps and counts come last: they follow from the rest
//
// Free space is what the check found free, not what the maps say.
//
// Conversions, of the byte order and between the formats of 4.2BSD, 4.4BSD and today, come between phases 4 and 5, when all files are in order; those
// that change every structure keep their own record of how far they have come.
package fsck
