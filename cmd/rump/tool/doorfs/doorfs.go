// Package doorfs is a rump kernel in this process as the file tools see it: through a door, as the superuser.
package doorfs

import (
	"context"
	"strings"
	"sync"
	"syscall"

	"rump/cmd/rump/tool"
	"rump/rumpfs/kern"
	"rump/rumpfs/vfs"
)

// mask is the file-mode mask of a rump process.
const mask = 0o022

// An FS is a kernel's name space. The current directory is its root. Methods may be called concurrently. Close it.
type FS struct {
	d    *kern.Door
	root *kern.Vnode

	mu    sync.Mutex
	chain []step // where the last path led, guarded by mu
}

// A step is a component of a path, and the directory that it leads to from the one before.
type step struct {
	name string
	v    *kern.Vnode // a reference
}

var _ tool.FS = (*FS)(nil)

// New opens a door.
func New(k *kern.Kernel, name string) *FS {
	return &FS{d: k.NewDoor(name, nil), root: k.Root()}
}

// Close gives back what the FS holds. The kernel goes on.
func (f *FS) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cutLocked(0)
	f.root.Unref()
	f.d.Close()
}

// cutLocked forgets all but the first n steps.
func (f *FS) cutLocked(n int) {
	for _, s := range f.chain[n:] {
		s.v.Unref()
	}
	f.chain = f.chain[:n]
}

// forget is called when a directory has got another name.
func (f *FS) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cutLocked(0)
}

// dir finds a directory by the components of its path, from the root, and returns a reference. The last one found is kept, with those above it, for what is
// asked next is mostly near. So a path may be of any length.
func (f *FS) dir(ctx context.Context, names []string) (*kern.Vnode, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	same := 0
	for same < len(names) && same < len(f.chain) && f.chain[same].name == names[same] {
		same++
	}
	f.cutLocked(same)
	at := f.root
	if same > 0 {
		at = f.chain[same-1].v
	}
	for _, name := range names[same:] {
		v, err := f.d.Walk(ctx, vfs.Root, at, name, true)
		if err != nil {
			return nil, err
		}
		if !v.IsDir() {
			v.Unref()
			return nil, syscall.ENOTDIR
		}
		f.chain = append(f.chain, step{name, v})
		at = v
	}
	at.Ref()
	return at, nil
}

// split takes the last component off a path. slash: slashes came after it.
func split(path string) (dir []string, name string, slash bool, err error) {
	if path == "" {
		return nil, "", false, syscall.ENOENT
	}
	if strings.IndexByte(path, 0) >= 0 {
		return nil, "", false, syscall.EINVAL
	}
	for part := range strings.SplitSeq(path, "/") {
		if part != "" && part != "." {
			dir = append(dir, part)
		}
	}
	if len(dir) == 0 {
		return nil, ".", false, nil
	}
	n := len(dir) - 1
	if strings.HasSuffix(path, "/.") {
		return dir, ".", false, nil
	}
	return dir[:n], dir[n], strings.HasSuffix(path, "/"), nil
}

// walk finds what a path stands for and returns a reference.
func (f *FS) walk(ctx context.Context, path string, follow bool) (*kern.Vnode, error) {
	names, name, slash, err := split(path)
	if err != nil {
		return nil, err
	}
	dir, err := f.dir(ctx, names)
	if err != nil {
		return nil, err
	}
	defer dir.Unref()
	v, err := f.d.Walk(ctx, vfs.Root, dir, name, follow || slash)
	if err == nil && slash && !v.IsDir() {
		v.Unref()
		return nil, syscall.ENOTDIR
	}
	return v, err
}

// at runs fn on what a path stands for.
func (f *FS) at(ctx context.Context, path string, follow bool, fn func(*kern.Vnode) error) error {
	v, err := f.walk(ctx, path, follow)
	if err != nil {
		return err
	}
	defer v.Unref()
	return fn(v)
}

// in runs fn on the directory that a path's last component is in, and that. Slashes behind it are only for what is a directory.
func (f *FS) in(ctx context.Context, path string, isDir bool, fn func(dir *kern.Vnode, name string) error) error {
	names, name, slash, err := split(path)
	if err != nil {
		return err
	}
	dir, err := f.dir(ctx, names)
	if err != nil {
		return err
	}
	defer dir.Unref()
	if slash && !isDir {
		v, err := f.d.Lookup(ctx, vfs.Root, dir, name)
		if err != nil {
			return err
		}
		defer v.Unref()
		if !v.IsDir() {
			return syscall.ENOTDIR
		}
	}
	return fn(dir, name)
}

// Stat implements tool.FS.
func (f *FS) Stat(ctx context.Context, path string, follow bool) (st tool.Stat, err error) {
	err = f.at(ctx, path, follow, func(v *kern.Vnode) error {
		st, err = f.stat(ctx, v)
		return err
	})
	return st, err
}

func (f *FS) stat(ctx context.Context, v *kern.Vnode) (tool.Stat, error) {
	a, err := f.d.Attr(ctx, v)
	return tool.Stat{Attr: a, Dev: uint64(v.Mount().Index())}, err
}

// ReadDir implements tool.FS.
func (f *FS) ReadDir(ctx context.Context, path string) (entries []tool.Entry, err error) {
	err = f.at(ctx, path, true, func(v *kern.Vnode) error {
		return f.d.ReadDir(ctx, vfs.Root, v, 0, func(e vfs.DirEntry) bool {
			entries = append(entries, tool.Entry{Name: string(e.Name), Kind: e.Kind})
			return true
		})
	})
	return entries, err
}

// Readlink implements tool.FS.
func (f *FS) Readlink(ctx context.Context, path string) (target string, err error) {
	err = f.at(ctx, path, false, func(v *kern.Vnode) error {
		target, err = f.d.Readlink(ctx, v)
		return err
	})
	return target, err
}

// Make implements tool.FS.
func (f *FS) Make(ctx context.Context, path string, a vfs.CreateAttr) error {
	return f.in(ctx, path, a.Kind == vfs.KindDir, func(dir *kern.Vnode, name string) error {
		a.Mode &^= mask
		v, err := f.d.Create(ctx, vfs.Root, dir, name, a)
		if err == nil {
			v.Unref()
		}
		return err
	})
}

// Link implements tool.FS.
func (f *FS) Link(ctx context.Context, old, path string) error {
	return f.at(ctx, old, false, func(v *kern.Vnode) error {
		return f.in(ctx, path, false, func(dir *kern.Vnode, name string) error { return f.d.Link(ctx, vfs.Root, dir, name, v) })
	})
}

// Remove implements tool.FS.
func (f *FS) Remove(ctx context.Context, path string) error {
	return f.in(ctx, path, false, func(dir *kern.Vnode, name string) error { return f.d.Remove(ctx, vfs.Root, dir, name) })
}

// Rmdir implements tool.FS.
func (f *FS) Rmdir(ctx context.Context, path string) error {
	return f.in(ctx, path, true, func(dir *kern.Vnode, name string) error { return f.d.Rmdir(ctx, vfs.Root, dir, name) })
}

// Rename implements tool.FS.
func (f *FS) Rename(ctx context.Context, old, path string) error {
	defer f.forget()
	isDir := false
	if err := f.at(ctx, old, false, func(v *kern.Vnode) error { isDir = v.IsDir(); return nil }); err != nil {
		return err
	}
	return f.in(ctx, old, isDir, func(odir *kern.Vnode, oname string) error {
		return f.in(ctx, path, isDir, func(ndir *kern.Vnode, nname string) error {
			return f.d.Rename(ctx, vfs.Root, odir, oname, ndir, nname, 0)
		})
	})
}

// SetAttr implements tool.FS.
func (f *FS) SetAttr(ctx context.Context, path string, follow bool, set vfs.SetAttr) error {
	return f.at(ctx, path, follow, func(v *kern.Vnode) error { return f.d.SetAttr(ctx, vfs.Root, v, set) })
}

// Mounts implements tool.FS.
func (f *FS) Mounts(ctx context.Context, path string) (list []tool.Mount, err error) {
	infos := f.d.Kernel().Mounts()
	only := (*kern.Mount)(nil)
	if path != "" {
		err := f.at(ctx, path, true, func(v *kern.Vnode) error { only = v.Mount(); return nil })
		if err != nil {
			return nil, err
		}
	}
	for _, i := range infos {
		if only != nil && i.Mount != only {
			continue
		}
		root, err := i.Mount.Root()
		if err != nil {
			continue // unmounted meanwhile
		}
		st, err := f.d.Statfs(ctx, root)
		root.Unref()
		if err != nil {
			return list, err
		}
		list = append(list, tool.Mount{
			Type: i.Type, From: i.From, On: i.On, ReadOnly: st.ReadOnly, Local: true,
			BlockSize: int64(st.BlockSize), FragSize: int64(st.FragSize),
			Blocks: st.Blocks, Free: st.BlocksFree, Avail: st.BlocksAvail,
			Files: st.Files, Ifree: st.FilesFree, FSID: st.FSID, NameMax: st.NameMax,
		})
	}
	return list, nil
}
