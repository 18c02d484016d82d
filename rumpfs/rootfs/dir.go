package rootfs

import (
	"cmp"
	"context"
	"slices"
	"syscall"

	"rump/rumpfs/vfs"
)

// A dir is a directory: its entries by name, and in the order in which they were made, which is that of their cookies.
type dir struct {
	inode
	parent *dir // nil once removed
	byName map[string]*entry
	order  []*entry // by cookie; those with an empty name were removed
	holes  int      // how many those are
	last   vfs.Cookie
	cost   int64 // bytes charged for entries
}

// An entry is one name. A rename over it changes node and keeps its place.
type entry struct {
	name   string
	node   vfs.Node
	cookie vfs.Cookie // where reading goes on after it
}

// The cookies after "." and "..".
const (
	cookieDot    = 1
	cookieDotDot = 2
)

var _ vfs.Dir = (*dir)(nil)

func (d *dir) init() {
	d.byName = make(map[string]*entry)
	d.last = cookieDotDot
}

// Attr returns the attributes; the size is what the entries are charged at.
func (d *dir) Attr(context.Context) (vfs.Attr, error) { return d.attr(d.cost, d.cost), nil }

// Lookup finds a name.
func (d *dir) Lookup(_ context.Context, name string) (vfs.Ino, error) {
	switch name {
	case ".":
		return d.ino, nil
	case "..":
		if d.parent == nil {
			return 0, syscall.ENOENT
		}
		return d.parent.ino, nil
	}
	e := d.byName[name]
	if e == nil {
		return 0, syscall.ENOENT
	}
	return e.node.Ino(), nil
}

// ReadDir lists the entries in the order in which they were made.
func (d *dir) ReadDir(_ context.Context, at vfs.Cookie, fn func(vfs.DirEntry) bool) error {
	if at < 0 || at > d.last {
		return syscall.EINVAL
	}
	if d.parent == nil {
		return nil
	}
	d.accessed()
	if at < cookieDot && !fn(vfs.DirEntry{Name: []byte("."), Ino: d.ino, Kind: vfs.KindDir, Next: cookieDot}) {
		return nil
	}
	if at < cookieDotDot && !fn(vfs.DirEntry{Name: []byte(".."), Ino: d.parent.ino, Kind: vfs.KindDir, Next: cookieDotDot}) {
		return nil
	}
	var name [255]byte
	i, _ := slices.BinarySearchFunc(d.order, at+1, func(e *entry, c vfs.Cookie) int { return cmp.Compare(e.cookie, c) })
	for _, e := range d.order[i:] {
		if e.name == "" {
			continue
		}
		n := copy(name[:], e.name)
		if !fn(vfs.DirEntry{Name: name[:n], Ino: e.node.Ino(), Kind: inodeOf(e.node).kind, Next: e.cookie}) {
			return nil
		}
	}
	return nil
}

// inodeOf is the inode in a node of this package.
func inodeOf(n vfs.Node) *inode {
	switch n := n.(type) {
	case *dir:
		return &n.inode
	case *file:
		return &n.inode
	case *symlink:
		return &n.inode
	case *keyFile:
		return &n.inode
	case *keyDevice:
		return &n.inode
	}
	return n.(*inode)
}

func nameCost(name string) int64 { return int64(entryCost + len(name)) }

// add enters a name that is paid for.
func (d *dir) add(name string, n vfs.Node) {
	d.last++
	e := &entry{name: name, node: n, cookie: d.last}
	d.byName[name] = e
	d.order = append(d.order, e)
	d.cost += nameCost(name)
	d.modified()
}

// drop takes a name out and gives its cost back. Places of removed entries are closed up when they are the most.
func (d *dir) drop(name string) {
	e := d.byName[name]
	delete(d.byName, name)
	e.name, e.node = "", nil
	if d.holes++; d.holes > len(d.order)/2 {
		d.order = slices.DeleteFunc(d.order, func(e *entry) bool { return e.name == "" })
		d.holes = 0
	}
	d.cost -= nameCost(name)
	d.fs.release(nameCost(name))
	d.modified()
}

// Create makes a node. ENOSPC; EMLINK for one directory too many.
func (d *dir) Create(_ context.Context, _ *vfs.Cred, name string, a vfs.CreateAttr) (vfs.Node, error) {
	if a.Kind == vfs.KindDir && d.nlink >= linkMax {
		return nil, syscall.EMLINK
	}
	var n vfs.Node
	extra := nameCost(name)
	switch a.Kind {
	case vfs.KindRegular:
		n = &file{inode: d.fs.newInode(a)}
	case vfs.KindDir:
		sub := &dir{inode: d.fs.newInode(a), parent: d}
		sub.nlink = 2
		sub.init()
		n = sub
	case vfs.KindSymlink:
		n = &symlink{inode: d.fs.newInode(a), target: a.Target}
		extra += int64(len(a.Target))
	default:
		i := d.fs.newInode(a)
		n = &i
	}
	if err := d.fs.enter(n, inodeOf(n), extra); err != nil {
		return nil, err
	}
	if a.Kind == vfs.KindDir {
		d.nlink++
	}
	d.add(name, n)
	return n, nil
}

// Link adds a name. ENOSPC, EMLINK.
func (d *dir) Link(_ context.Context, _ *vfs.Cred, name string, target vfs.Node) error {
	i := inodeOf(target)
	if i.nlink >= linkMax {
		return syscall.EMLINK
	}
	if err := d.fs.charge(nameCost(name)); err != nil {
		return err
	}
	i.nlink++
	i.changed()
	d.add(name, target)
	return nil
}

// Remove takes a name away; ENOTEMPTY.
func (d *dir) Remove(_ context.Context, name string, victim vfs.Node) error {
	if sub, ok := victim.(*dir); ok && len(sub.byName) > 0 {
		return syscall.ENOTEMPTY
	}
	d.drop(name)
	d.unname(victim)
	return nil
}

// unname takes from a node the link that a name in d was, and if it is a directory all it has.
func (d *dir) unname(n vfs.Node) {
	i := inodeOf(n)
	i.changed()
	if sub, ok := n.(*dir); ok {
		sub.nlink, sub.parent = 0, nil
		d.nlink--
		return
	}
	i.nlink--
}

// Rename moves a name. ENOTEMPTY, ENOSPC, EMLINK.
func (d *dir) Rename(_ context.Context, _ *vfs.Cred, r vfs.Rename) error {
	to := r.NewDir.(*dir)
	moved, isDir := r.Node.(*dir)
	if sub, ok := r.Replaced.(*dir); ok && len(sub.byName) > 0 {
		return syscall.ENOTEMPTY
	}
	if isDir && to != d && r.Replaced == nil && to.nlink >= linkMax {
		return syscall.EMLINK
	}
	if r.Replaced == nil {
		if err := d.fs.charge(nameCost(r.NewName)); err != nil {
			return err
		}
		to.add(r.NewName, r.Node)
	} else {
		to.unname(r.Replaced)
		to.byName[r.NewName].node = r.Node
		to.modified()
	}
	d.drop(r.OldName)
	if isDir && to != d {
		d.nlink--
		to.nlink++
		moved.parent = to
	}
	inodeOf(r.Node).changed()
	return nil
}

// Reclaim frees the directory if it was removed.
func (d *dir) Reclaim(context.Context) error {
	d.reclaim(0)
	return nil
}
