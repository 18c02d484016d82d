package kern

import (
	"context"
	"errors"
	"syscall"

	"rump/rumpfs/vfs"
)

// RenameFlags change what Rename does.
type RenameFlags uint32

// The flags, numbered as renameat2(2) has them.
const (
	RenameNoReplace RenameFlags = 1 // EEXIST if the new name is there
	RenameExchange  RenameFlags = 2 // EINVAL: no file system here can
)

// Rename moves a name, in place of what the new name stood for. If both names stand for the same node already, it succeeds
// and both stay.
//
// EXDEV between mounts; ENOENT; EINVAL for "." and "..", or a directory that would come to lie in itself; ENOTDIR for a
// directory over something else, EISDIR the other way round; ENOTEMPTY; EBUSY for what is mounted on; EROFS; EACCES, also
// without write permission on a directory that gets another parent; EPERM by file flags or sticky directories; EMLINK;
// EEXIST if so asked.
func (d *Door) Rename(ctx context.Context, cred *vfs.Cred, odir *Vnode, oname string, ndir *Vnode, nname string, flags RenameFlags) error {
	if err := checkOld(odir, oname); err != nil {
		return err
	}
	if err := checkOld(ndir, nname); err != nil {
		return err
	}
	switch {
	case flags&^RenameNoReplace != 0, isDot(oname), isDot(nname):
		return syscall.EINVAL
	case odir.m != ndir.m:
		return syscall.EXDEV
	}
	r := renaming{m: odir.m, cred: cred, odir: odir, ndir: ndir, oname: oname, nname: nname, flags: flags}
	err := r.run(ctx)
	if err == nil && r.node != r.replaced {
		d.attrChanged(r.node, false)
		if r.replaced != nil {
			d.attrChanged(r.replaced, false)
		}
		d.entryChanged(odir, oname)
		d.entryChanged(ndir, nname)
	}
	r.release()
	return err
}

// A renaming is one rename under way.
type renaming struct {
	m            *Mount
	cred         *vfs.Cred
	odir, ndir   *Vnode // borrowed; may be the same
	oname, nname string
	flags        RenameFlags

	node     *Vnode // a reference
	replaced *Vnode // a reference, or nil
	held     []*Vnode
}

func (r *renaming) release() {
	if r.node != nil {
		r.node.Unref()
	}
	if r.replaced != nil {
		r.replaced.Unref()
	}
}

func (r *renaming) run(ctx context.Context) error {
	r.m.renameMu.Lock()
	defer r.m.renameMu.Unlock()
	defer r.unlock()
	if err := r.lock(r.odir, r.ndir); err != nil {
		return err
	}
	if err := r.find(ctx); err != nil {
		return err
	}
	if r.m.ReadOnly() {
		return syscall.EROFS
	}
	if r.node == r.replaced {
		return nil
	}
	if err := r.checkTree(ctx); err != nil {
		return err
	}
	if err := r.lock(r.node, r.replaced); err != nil {
		return err
	}
	if err := r.checkPermission(ctx); err != nil {
		return err
	}
	return r.change(ctx)
}

// lock locks the vnodes exclusively but for those that are held already, and nil. Any order will do: nobody else holds one
// directory while locking another, nor a file while locking anything (renameMu).
func (r *renaming) lock(vs ...*Vnode) error {
	for _, v := range vs {
		if v == nil || r.holds(v) {
			continue
		}
		if err := v.lock(); err != nil {
			return err
		}
		r.held = append(r.held, v)
	}
	return nil
}

func (r *renaming) holds(v *Vnode) bool {
	for _, h := range r.held {
		if h == v {
			return true
		}
	}
	return false
}

func (r *renaming) unlock() {
	for _, v := range r.held {
		v.mu.Unlock()
	}
}

// find looks both names up. Both directories are held.
func (r *renaming) find(ctx context.Context) (err error) {
	if err := r.odir.searchLocked(ctx, r.cred); err != nil {
		return err
	}
	if err := r.ndir.searchLocked(ctx, r.cred); err != nil {
		return err
	}
	if r.node, err = r.odir.childLocked(ctx, r.oname); err != nil {
		return err
	}
	if r.ndir.unlinked.Load() {
		return syscall.ENOENT
	}
	r.replaced, err = r.ndir.childLocked(ctx, r.nname)
	switch {
	case errors.Is(err, syscall.ENOENT):
		return nil
	case err == nil && r.flags&RenameNoReplace != 0:
		return syscall.EEXIST
	}
	return err
}

// checkTree refuses what would make no tree. Both directories are held.
func (r *renaming) checkTree(ctx context.Context) error {
	if r.node.IsDir() {
		inside, err := r.inside(ctx)
		switch {
		case err != nil:
			return err
		case inside, r.node == r.odir, r.node == r.m.root:
			return syscall.EINVAL
		}
	}
	switch {
	case r.replaced == nil:
		return nil
	case r.node.IsDir() && !r.replaced.IsDir():
		return syscall.ENOTDIR
	case !r.node.IsDir() && r.replaced.IsDir():
		return syscall.EISDIR
	case r.replaced == r.odir || r.replaced == r.m.root:
		return syscall.ENOTEMPTY
	}
	return nil
}

// inside reports whether the new directory is the moved one or lies in it. Directories do not move meanwhile: renameMu is
// held.
func (r *renaming) inside(ctx context.Context) (bool, error) {
	if r.odir == r.ndir {
		return r.node == r.ndir, nil
	}
	dir := r.ndir
	dir.Ref()
	// A damaged file system may have a ring of directories: one is met again that was remembered 1, 2, 4, ... steps before.
	mark, steps, lap := vfs.Ino(0), 0, 1
	for {
		if dir == r.node || dir == r.m.root {
			dir.Unref()
			return dir == r.node, nil
		}
		if dir.ino == mark {
			dir.Unref()
			return false, &vfs.CorruptError{What: "directories that lie in each other, inode", Where: int64(mark)}
		}
		if steps++; steps == lap {
			mark, steps, lap = dir.ino, 0, 2*lap
		}
		up, err := r.parent(ctx, dir)
		dir.Unref()
		if err != nil {
			return false, err
		}
		dir = up
	}
}

// parent returns a reference to the directory above.
func (r *renaming) parent(ctx context.Context, dir *Vnode) (*Vnode, error) {
	if !r.holds(dir) {
		if err := dir.rlock(); err != nil {
			return nil, err
		}
		defer dir.mu.RUnlock()
	}
	up, err := dir.childLocked(ctx, "..")
	if err == nil && !up.IsDir() {
		up.Unref()
		return nil, &vfs.CorruptError{What: "\"..\" that is no directory, in inode", Where: int64(dir.ino)}
	}
	return up, err
}

// checkPermission asks about both directories and both nodes. All are held.
func (r *renaming) checkPermission(ctx context.Context) error {
	for _, v := range []*Vnode{r.node, r.replaced} {
		if v != nil && v.covered.Load() != nil {
			return syscall.EBUSY
		}
	}
	oa, err := r.odir.changeLocked(ctx, r.cred, true)
	if err != nil {
		return err
	}
	na, err := r.ndir.changeLocked(ctx, r.cred, r.replaced != nil)
	if err != nil {
		return err
	}
	a, err := r.node.node.Attr(ctx)
	if err != nil {
		return err
	}
	if err := mayUnname(r.cred, &oa, &a); err != nil {
		return err
	}
	if r.replaced != nil {
		ra, err := r.replaced.node.Attr(ctx)
		if err != nil {
			return err
		}
		if err := mayUnname(r.cred, &na, &ra); err != nil {
			return err
		}
	}
	if r.node.IsDir() && r.odir != r.ndir { // its ".." is written
		return permit(r.cred, &a, MayWrite)
	}
	return nil
}

// change asks the file system. All are held.
func (r *renaming) change(ctx context.Context) error {
	arg := vfs.Rename{OldName: r.oname, Node: r.node.node, NewDir: r.ndir.dir, NewName: r.nname}
	if r.replaced != nil {
		arg.Replaced = r.replaced.node
	}
	if err := r.odir.dir.Rename(ctx, r.cred, arg); err != nil {
		return err
	}
	if r.replaced != nil {
		r.replaced.noteLinksLocked(ctx)
	}
	return nil
}
