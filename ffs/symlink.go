package ffs

import (
	"context"
	"sync/atomic"

	"rump/rumpfs/vfs"
)

// A symlink is a symbolic link.
type symlink struct {
	*inode
	target atomic.Pointer[string] // once it was read
}

var _ vfs.Symlink = (*symlink)(nil)

// Readlink returns the target.
func (l *symlink) Readlink(ctx context.Context) (string, error) {
	if t := l.target.Load(); t != nil {
		l.accessed()
		return *t, nil
	}
	t, err := l.readTarget()
	if err != nil {
		return "", err
	}
	l.target.Store(&t)
	l.accessed()
	return t, nil
}

func (l *symlink) readTarget() (string, error) {
	if short, ok := l.fs.s.ShortLink(&l.di); ok {
		return string(short), nil
	}
	// Sizes are checked when the inode is loaded: at most a block.
	p := make([]byte, l.di.Size)
	n, err := l.read(p, 0)
	return string(p[:n]), err
}
