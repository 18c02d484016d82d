package bridge

import (
	"syscall"
	"unsafe"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// The wire carries C structures in the host's byte order and alignment, which go-fuse declares as Go types. These two
// functions are the only places where bytes and structures meet; T has no pointers, and b begins on a multiple of 8.

const (
	inHeaderSize  = int(unsafe.Sizeof(fuse.InHeader{}))
	outHeaderSize = int(unsafe.Sizeof(fuse.OutHeader{}))
	writeInSize   = int(unsafe.Sizeof(fuse.WriteIn{}))
	entrySize     = int(unsafe.Sizeof(fuse.EntryOut{}))
	pageSize      = 4096
)

// view sees the T that b begins with, and says how long it is. EIO if b is shorter.
func view[T any](b []byte) (*T, int, error) {
	var t T
	size := int(unsafe.Sizeof(t))
	if len(b) < size {
		return nil, 0, syscall.EIO
	}
	return (*T)(unsafe.Pointer(unsafe.SliceData(b))), size, nil
}

// bytesOf is the bytes of a structure.
func bytesOf[T any](t *T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(t)), unsafe.Sizeof(*t))
}

// pageAligned makes a buffer of n bytes whose byte number at lies on a page boundary.
func pageAligned(n, at int) []byte {
	b := make([]byte, n+pageSize)
	skip := int(-(uintptr(unsafe.Pointer(unsafe.SliceData(b))) + uintptr(at)) & (pageSize - 1))
	return b[skip : skip+n : skip+n]
}
