package vfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// A CorruptError says what was found where it cannot be. It unwraps to EIO.
type CorruptError struct {
	What  string // the structure and what is wrong with it
	Where int64  // byte offset on the device, or the inode number if What says so
}

func (e *CorruptError) Error() string { return fmt.Sprintf("corrupt %s at %d", e.What, e.Where) }

// Unwrap is EIO.
func (e *CorruptError) Unwrap() error { return syscall.EIO }

// ErrnoOf turns an error into the number that a program sees: the errno that it is or wraps, EINTR if it was cancelled, 0 for nil, EIO for all
// else. Only doors call it.
func ErrnoOf(err error) syscall.Errno {
	var no syscall.Errno
	switch {
	case err == nil:
		return 0
	case errors.As(err, &no):
		return no
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return syscall.EINTR
	case errors.Is(err, fs.ErrNotExist):
		return syscall.ENOENT
	case errors.Is(err, fs.ErrExist):
		return syscall.EEXIST
	case errors.Is(err, fs.ErrPermission):
		return syscall.EACCES
	}
	return syscall.EIO
}
