// Package proc is the processes of a rump kernel: descriptors, credentials, current directories, and the system calls as Go
// methods.
//
// A System is what all processes share. A Process is made for each client that comes in, and its methods are the system
// calls: arguments are Go values, errors are those of kern, with the host's numbers. Numbers and layouts of programs
// are nobody's business here.
//
// Locks, outermost first; none is held during a call into kern but Open.mu.
//
//	System.mountMu       mount and unmount, one at a time
//	System.mu            the process table; a leaf
//	Process.mu           credentials, directory, limits; a leaf
//	  table.mu           the descriptors of a process
//	Open.mu              the offset of an open file, held while bytes move
//	  pipe.mu            a pipe's bytes and ends
//	    Queue.mu         who waits; a leaf
package proc
