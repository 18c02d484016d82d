package vfs

import (
	"context"
	"syscall"
)

// ReadOnlyNode refuses every change of a node with EROFS. Embed it.
type ReadOnlyNode struct{}

// SetAttr is refused.
func (ReadOnlyNode) SetAttr(context.Context, *Cred, SetAttr) error { return syscall.EROFS }

// Sync has nothing to do.
func (ReadOnlyNode) Sync(context.Context, bool) error { return nil }

// Reclaim has nothing to do.
func (ReadOnlyNode) Reclaim(context.Context) error { return nil }

// ReadOnlyFile refuses every change of a file with EROFS. Embed it.
type ReadOnlyFile struct{ ReadOnlyNode }

// WriteAt is refused.
func (ReadOnlyFile) WriteAt(context.Context, *Cred, []byte, int64) (int, error) {
	return 0, syscall.EROFS
}

// ReadOnlyDir refuses every change of a directory with EROFS. Embed it.
type ReadOnlyDir struct{ ReadOnlyNode }

// Create is refused.
func (ReadOnlyDir) Create(context.Context, *Cred, string, CreateAttr) (Node, error) {
	return nil, syscall.EROFS
}

// Link is refused.
func (ReadOnlyDir) Link(context.Context, *Cred, string, Node) error { return syscall.EROFS }

// Remove is refused.
func (ReadOnlyDir) Remove(context.Context, string, Node) error { return syscall.EROFS }

// Rename is refused.
func (ReadOnlyDir) Rename(context.Context, *Cred, Rename) error { return syscall.EROFS }
