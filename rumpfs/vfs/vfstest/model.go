package vfstest

import (
	"slices"
	"strings"
	"syscall"

	"rump/rumpfs/vfs"
)

// A model is what a tree should be, as a map in memory. Paths are relative to a directory of the tree, so that several models
// can live side by side. Its symbolic links lead nowhere.
type model struct {
	root    *mnode
	handles [modelHandles]*mnode // open files
}

// modelHandles is how many files may be open at once.
const modelHandles = 4

// An mnode is a node of a model.
type mnode struct {
	kind     vfs.Kind
	mode     uint32
	uid, gid uint32
	links    uint32
	data     []byte
	target   string
	children map[string]*mnode
	parent   *mnode
	xattrs   map[string]string
	mtime    *vfs.Time // nil once it is not known
}

func newModel() *model {
	root := &mnode{kind: vfs.KindDir, mode: 0o755, links: 2, children: map[string]*mnode{}}
	root.parent = root
	return &model{root: root}
}

// find follows a path.
func (m *model) find(p string) (*mnode, syscall.Errno) {
	n := m.root
	for _, name := range strings.Split(p, "/") {
		switch {
		case name == ".":
			continue
		case n.kind == vfs.KindSymlink:
			return nil, syscall.ENOENT
		case n.kind != vfs.KindDir:
			return nil, syscall.ENOTDIR
		}
		if n = n.children[name]; n == nil {
			return nil, syscall.ENOENT
		}
	}
	return n, 0
}

// place finds where a path's last name belongs, and what it stands for, which may be nil.
func (m *model) place(p string) (dir *mnode, name string, n *mnode, no syscall.Errno) {
	dir, name = m.root, p
	if i := strings.LastIndexByte(p, '/'); i >= 0 {
		if dir, no = m.find(p[:i]); no != 0 {
			return nil, "", nil, no
		}
		name = p[i+1:]
	}
	switch dir.kind {
	case vfs.KindDir:
		return dir, name, dir.children[name], 0
	case vfs.KindSymlink:
		return nil, "", nil, syscall.ENOENT
	}
	return nil, "", nil, syscall.ENOTDIR
}

// add enters a name.
func (d *mnode) add(name string, n *mnode) {
	d.children[name] = n
	d.mtime = nil
	if n.kind == vfs.KindDir {
		n.parent = d
		d.links++
	}
}

// drop takes a name out.
func (d *mnode) drop(name string) {
	if d.children[name].kind == vfs.KindDir {
		d.links--
	}
	delete(d.children, name)
	d.mtime = nil
}

func (m *model) make(p string, kind vfs.Kind, mode uint32, target string) syscall.Errno {
	dir, name, n, no := m.place(p)
	switch {
	case no != 0:
		return no
	case n != nil:
		return syscall.EEXIST
	}
	n = &mnode{kind: kind, mode: mode, links: 1, target: target, gid: dir.gid}
	if kind == vfs.KindDir {
		n.links, n.children = 2, map[string]*mnode{}
	}
	dir.add(name, n)
	return 0
}

func (m *model) link(from, to string) syscall.Errno {
	n, no := m.find(from)
	if no != 0 {
		return no
	}
	dir, name, there, no := m.place(to)
	switch {
	case no != 0:
		return no
	case there != nil:
		return syscall.EEXIST
	case n.kind == vfs.KindDir:
		return syscall.EPERM
	}
	n.links++
	dir.add(name, n)
	return 0
}

func (m *model) remove(p string) syscall.Errno {
	dir, name, n, no := m.place(p)
	switch {
	case no != 0:
		return no
	case n == nil:
		return syscall.ENOENT
	case n.kind == vfs.KindDir:
		return syscall.EISDIR
	}
	n.links--
	dir.drop(name)
	return 0
}

func (m *model) rmdir(p string) syscall.Errno {
	dir, name, n, no := m.place(p)
	switch {
	case no != 0:
		return no
	case n == nil:
		return syscall.ENOENT
	case n.kind != vfs.KindDir:
		return syscall.ENOTDIR
	case len(n.children) > 0:
		return syscall.ENOTEMPTY
	}
	dir.drop(name)
	return 0
}

func (m *model) rename(from, to string) syscall.Errno {
	odir, oname, n, no := m.place(from)
	if no != 0 {
		return no
	}
	ndir, nname, over, no := m.place(to)
	switch {
	case no != 0:
		return no
	case n == nil:
		return syscall.ENOENT
	case n == over:
		return 0
	}
	for up := ndir; n.kind == vfs.KindDir; up = up.parent {
		if up == n {
			return syscall.EINVAL
		}
		if up == m.root {
			break
		}
	}
	switch {
	case over == nil:
	case over.holds(odir):
		return syscall.ENOTEMPTY
	case n.kind == vfs.KindDir && over.kind != vfs.KindDir:
		return syscall.ENOTDIR
	case n.kind != vfs.KindDir && over.kind == vfs.KindDir:
		return syscall.EISDIR
	case len(over.children) > 0:
		return syscall.ENOTEMPTY
	}
	if over != nil {
		over.links--
		ndir.drop(nname)
	}
	odir.drop(oname)
	ndir.add(nname, n)
	return 0
}

// holds reports whether a directory is n or lies in it.
func (n *mnode) holds(dir *mnode) bool {
	for up := dir; ; up = up.parent {
		if up == n {
			return true
		}
		if up == up.parent {
			return false
		}
	}
}

// file finds a regular file, as opening it for writing would.
func (m *model) file(p string) (*mnode, syscall.Errno) {
	n, no := m.find(p)
	switch {
	case no != 0:
		return nil, no
	case n.kind == vfs.KindDir:
		return nil, syscall.EISDIR
	case n.kind != vfs.KindRegular:
		return nil, syscall.EINVAL
	}
	return n, 0
}

// write puts data at off, or at the end if that is negative.
func (n *mnode) write(data []byte, off int) {
	if len(data) == 0 {
		return
	}
	if off < 0 {
		off = len(n.data)
	}
	if end := off + len(data); end > len(n.data) {
		n.resize(end)
	}
	copy(n.data[off:], data)
	n.mtime = nil
}

func (n *mnode) resize(size int) {
	if size <= len(n.data) {
		n.data = slices.Clip(n.data[:size])
	} else {
		n.data = append(n.data, make([]byte, size-len(n.data))...)
	}
	n.mtime = nil
}
