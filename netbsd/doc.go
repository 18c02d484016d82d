// Package netbsd is NetBSD's ABI in numbers, for amd64 as of 7.99.34: system calls, error numbers, ioctl codes, flags, and the
// layout of what crosses between a program and the kernel. All integers are little-endian.
//
// It knows numbers and bytes, nothing of what they do. Names are the historic ones.
package netbsd

// Release is the version of NetBSD whose ABI this is.
const (
	Release  = "7.99.34"
	Revision = 799003400 // kern.osrevision
	Machine  = "amd64"
)
