package rootfs

import (
	"context"
	"io"
	"strings"
	"syscall"

	"rump/rumpfs/vfs"
)

// A Backing holds the bytes of a regular file that lie elsewhere, in a file of the host. All methods may be called
// concurrently.
type Backing interface {
	io.ReaderAt
	io.WriterAt
	Size() int64 // bytes; fixed
	Sync() error
}

// A Key is a node that no directory shows: only its whole path leads to it, and hides what else that path stands for.
type Key struct {
	Path string // begins with a slash
	Attr vfs.CreateAttr
	Size int64   // of a device, bytes
	Data Backing // of a regular file
}

// AddKey makes a node that cannot be removed. EINVAL for a path that does not begin with a slash, or names nothing; EEXIST if
// the key is there.
func (f *FS) AddKey(k Key) error {
	key := strings.TrimLeft(k.Path, "/")
	if key == "" || key == k.Path || strings.IndexByte(key, 0) >= 0 {
		return syscall.EINVAL
	}
	var n vfs.Node
	switch {
	case k.Attr.Kind == vfs.KindRegular && k.Data != nil:
		n = &keyFile{f.newInode(k.Attr), k.Data}
	case k.Attr.Kind == vfs.KindBlock || k.Attr.Kind == vfs.KindChar:
		n = &keyDevice{f.newInode(k.Attr), k.Size}
	default:
		return syscall.EINVAL
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.keys[key]; ok {
		return syscall.EEXIST
	}
	if err := f.enterLocked(n, inodeOf(n), nameCost(key)); err != nil {
		return err
	}
	if f.keys == nil {
		f.keys = make(map[string]vfs.Ino)
	}
	f.keys[key] = n.Ino()
	return nil
}

// Key finds the node of a key.
func (f *FS) Key(path string) (vfs.Ino, bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	ino, ok := f.keys[path]
	return ino, ok
}

var _ vfs.KeyFS = (*FS)(nil)

// A keyDevice is a device that tells its size.
type keyDevice struct {
	inode
	size int64
}

// Attr returns the attributes.
func (k *keyDevice) Attr(context.Context) (vfs.Attr, error) {
	a := k.attr(k.size, 0)
	a.Size = k.size
	return a, nil
}

// A keyFile is a regular file whose bytes lie elsewhere. Its size is fixed.
type keyFile struct {
	inode
	data Backing
}

var _ vfs.File = (*keyFile)(nil)

// Attr returns the attributes; the size is the backing's.
func (k *keyFile) Attr(context.Context) (vfs.Attr, error) {
	return k.attr(k.data.Size(), k.data.Size()), nil
}

// SetAttr changes attributes; EOPNOTSUPP for another size, but the present one may be set.
func (k *keyFile) SetAttr(ctx context.Context, cred *vfs.Cred, set vfs.SetAttr) error {
	if set.Has(vfs.SetSize) {
		if set.Size != 0 && set.Size != k.data.Size() { // 0: O_TRUNC of something that is written whole
			return syscall.EOPNOTSUPP
		}
		set.Mask &^= vfs.SetSize
	}
	return k.inode.SetAttr(ctx, cred, set)
}

// ReadAt reads.
func (k *keyFile) ReadAt(_ context.Context, p []byte, off int64) (int, error) {
	left := k.data.Size() - off
	if left <= 0 {
		return 0, nil
	}
	n, err := k.data.ReadAt(p[:min(int64(len(p)), left)], off)
	if err == io.EOF {
		err = nil
	}
	return n, err
}

// WriteAt writes up to the end; ENOSPC behind it.
func (k *keyFile) WriteAt(_ context.Context, _ *vfs.Cred, p []byte, off int64) (n int, err error) {
	if left := k.data.Size() - off; int64(len(p)) > left {
		p, err = p[:max(0, left)], syscall.ENOSPC
	}
	if len(p) == 0 {
		return 0, err
	}
	n, werr := k.data.WriteAt(p, off)
	if werr != nil {
		err = werr
	}
	k.modified()
	return n, err
}

// Sync returns once the bytes are durable.
func (k *keyFile) Sync(context.Context, bool) error { return k.data.Sync() }
