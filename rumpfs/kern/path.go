package kern

import (
	"context"
	"strings"
	"syscall"

	"rump/rumpfs/vfs"
)

// Path finds out the absolute path of a directory, by looking for its number in the directory above, and so on up. ENOENT
// if it was removed, EACCES if a directory on the way may not be read, ENAMETOOLONG, ENOTDIR for what is none.
func (d *Door) Path(ctx context.Context, cred *vfs.Cred, dir *Vnode) (string, error) {
	if !dir.IsDir() {
		return "", syscall.ENOTDIR
	}
	dir.Ref()
	path := ""
	for {
		low, err := d.k.uncross(dir)
		if err != nil {
			dir.Unref()
			return "", err
		}
		dir.Unref()
		if low == d.k.root.root {
			low.Unref()
			return "/" + strings.TrimPrefix(path, "/"), nil
		}
		name, up, err := d.nameOf(ctx, cred, low)
		low.Unref()
		if err != nil {
			return "", err
		}
		dir, path = up, "/"+name+path
		if len(path) > pathMax {
			dir.Unref()
			return "", syscall.ENAMETOOLONG
		}
	}
}

// nameOf finds the name of a directory, which is no root, in the one above, of which it returns a reference.
func (d *Door) nameOf(ctx context.Context, cred *vfs.Cred, dir *Vnode) (name string, up *Vnode, err error) {
	up, err = dir.lookup(ctx, cred, "..")
	if err != nil {
		return "", nil, err
	}
	err = d.ReadDir(ctx, cred, up, 0, func(e vfs.DirEntry) bool {
		if e.Ino == dir.ino && !isDot(string(e.Name)) {
			name = string(e.Name)
		}
		return name == ""
	})
	if err == nil && name == "" {
		err = syscall.ENOENT
	}
	if err != nil {
		up.Unref()
		return "", nil, err
	}
	return name, up, nil
}

// path is Path for the kernel itself.
func (k *Kernel) path(ctx context.Context, dir *Vnode) (string, error) {
	d := Door{k: k}
	return d.Path(ctx, vfs.Root, dir)
}
