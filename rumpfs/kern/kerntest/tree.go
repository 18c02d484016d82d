// Package kerntest puts a file system behind a kernel under test: Run runs the conformance suite on it, and Tree is a
// kernel as the suite sees it.
package kerntest

import (
	"context"

	"rump/rumpfs/kern"
	"rump/rumpfs/vfs"
	"rump/rumpfs/vfs/vfstest"
)

// Tree is what lies below a directory, seen through a door by the superuser. The tree borrows root, which must stay
// referenced.
func Tree(d *kern.Door, root *kern.Vnode) vfstest.Tree { return &tree{d, root} }

type tree struct {
	d    *kern.Door
	root *kern.Vnode
}

var ctx = context.Background()

// at runs fn on what a path stands for.
func (t *tree) at(path string, fn func(*kern.Vnode) error) error {
	v, err := t.d.Walk(ctx, vfs.Root, t.root, path, false)
	if err != nil {
		return err
	}
	defer v.Unref()
	return fn(v)
}

// in runs fn on the directory and the name that a path's last component is.
func (t *tree) in(path string, fn func(dir *kern.Vnode, name string) error) error {
	p, err := t.d.WalkParent(ctx, vfs.Root, t.root, path)
	if err != nil {
		return err
	}
	defer p.Dir.Unref()
	return fn(p.Dir, p.Name)
}

func (t *tree) Make(path string, a vfs.CreateAttr) error {
	return t.in(path, func(dir *kern.Vnode, name string) error {
		v, err := t.d.Create(ctx, vfs.Root, dir, name, a)
		if err == nil {
			v.Unref()
		}
		return err
	})
}

func (t *tree) Link(oldPath, newPath string) error {
	return t.at(oldPath, func(v *kern.Vnode) error {
		return t.in(newPath, func(dir *kern.Vnode, name string) error { return t.d.Link(ctx, vfs.Root, dir, name, v) })
	})
}

func (t *tree) Remove(path string) error {
	return t.in(path, func(dir *kern.Vnode, name string) error { return t.d.Remove(ctx, vfs.Root, dir, name) })
}

func (t *tree) Rmdir(path string) error {
	return t.in(path, func(dir *kern.Vnode, name string) error { return t.d.Rmdir(ctx, vfs.Root, dir, name) })
}

func (t *tree) Rename(oldPath, newPath string) error {
	return t.in(oldPath, func(odir *kern.Vnode, oname string) error {
		return t.in(newPath, func(ndir *kern.Vnode, nname string) error {
			return t.d.Rename(ctx, vfs.Root, odir, oname, ndir, nname, 0)
		})
	})
}

func (t *tree) Stat(path string) (a vfs.Attr, err error) {
	err = t.at(path, func(v *kern.Vnode) error {
		a, err = t.d.Attr(ctx, v)
		return err
	})
	return a, err
}

func (t *tree) SetAttr(path string, set vfs.SetAttr) error {
	return t.at(path, func(v *kern.Vnode) error { return t.d.SetAttr(ctx, vfs.Root, v, set) })
}

func (t *tree) Readlink(path string) (target string, err error) {
	err = t.at(path, func(v *kern.Vnode) error {
		target, err = t.d.Readlink(ctx, v)
		return err
	})
	return target, err
}

func (t *tree) ReadDir(path string, at vfs.Cookie, fn func(vfs.DirEntry) bool) error {
	return t.at(path, func(v *kern.Vnode) error { return t.d.ReadDir(ctx, vfs.Root, v, at, fn) })
}

func (t *tree) Open(path string, write bool) (f vfstest.File, err error) {
	err = t.at(path, func(v *kern.Vnode) error {
		want := kern.MayRead
		if write {
			want |= kern.MayWrite
		}
		if err := t.d.Access(ctx, vfs.Root, v, want); err != nil {
			return err
		}
		if _, err := t.d.Read(ctx, v, nil, 0); err != nil {
			return err // of the wrong kind
		}
		v.Ref()
		f = &file{t.d, v}
		return nil
	})
	return f, err
}

func (t *tree) GetXattr(path, name string) (value []byte, err error) {
	err = t.at(path, func(v *kern.Vnode) error {
		value, err = t.d.GetXattr(ctx, vfs.Root, v, vfs.XattrUser, name)
		return err
	})
	return value, err
}

func (t *tree) ListXattr(path string) (names []string, err error) {
	err = t.at(path, func(v *kern.Vnode) error {
		names, err = t.d.ListXattr(ctx, vfs.Root, v, vfs.XattrUser)
		return err
	})
	return names, err
}

func (t *tree) SetXattr(path, name string, value []byte, mode vfs.XattrMode) error {
	return t.at(path, func(v *kern.Vnode) error { return t.d.SetXattr(ctx, vfs.Root, v, vfs.XattrUser, name, value, mode) })
}

func (t *tree) RemoveXattr(path, name string) error {
	return t.at(path, func(v *kern.Vnode) error { return t.d.RemoveXattr(ctx, vfs.Root, v, vfs.XattrUser, name) })
}

func (t *tree) Statfs() (vfs.Statfs, error) { return t.d.Statfs(ctx, t.root) }

func (t *tree) Sync() error { return t.d.Kernel().Sync(ctx, true) }

// A file is an open file: a reference.
type file struct {
	d *kern.Door
	v *kern.Vnode
}

func (f *file) ReadAt(p []byte, off int64) (int, error) { return f.d.Read(ctx, f.v, p, off) }

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	return f.d.Write(ctx, vfs.Root, f.v, p, off)
}

func (f *file) Append(p []byte) (int, error) {
	n, _, err := f.d.Append(ctx, vfs.Root, f.v, p)
	return n, err
}

func (f *file) Truncate(size int64) error { return f.d.Truncate(ctx, vfs.Root, f.v, size) }

func (f *file) Stat() (vfs.Attr, error) { return f.d.Attr(ctx, f.v) }

func (f *file) SeekData(off int64) (int64, error) { return f.d.SeekData(ctx, f.v, off) }

func (f *file) SeekHole(off int64) (int64, error) { return f.d.SeekHole(ctx, f.v, off) }

func (f *file) Allocate(off, length int64, keepSize bool) error {
	return f.d.Allocate(ctx, vfs.Root, f.v, off, length, keepSize)
}

func (f *file) Punch(off, length int64) error { return f.d.Punch(ctx, vfs.Root, f.v, off, length) }

func (f *file) Sync(dataOnly bool) error { return f.d.Sync(ctx, f.v, dataOnly) }

func (f *file) Close() error {
	f.v.Unref()
	return nil
}
