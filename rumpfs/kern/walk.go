package kern

import (
	"context"
	"strings"
	"syscall"

	"rump/rumpfs/vfs"
)

// Walk follows a path from start, or from the kernel's root if it begins with a slash. A symbolic link at its end is
// followed if followLast, or if a slash comes after it; what has a slash after it must be a directory. Besides the errors of
// Lookup: ELOOP after 32 links, ENAMETOOLONG for a path of more than 4095 bytes, ENOENT for the empty path.
func (d *Door) Walk(ctx context.Context, cred *vfs.Cred, start *Vnode, path string, followLast bool) (*Vnode, error) {
	w := walker{d: d, cred: cred, rest: path}
	if err := w.begin(start); err != nil {
		return nil, err
	}
	for w.rest != "" {
		if v, err := w.at.keyed(ctx, w.rest); v != nil || err != nil {
			w.at.Unref()
			return v, err
		}
		name, last := w.next()
		if err := w.step(ctx, name, !last || followLast || w.slash); err != nil {
			w.at.Unref()
			return nil, err
		}
	}
	if w.slash && !w.at.IsDir() {
		w.at.Unref()
		return nil, syscall.ENOTDIR
	}
	return w.at, nil
}

// A Parent is where a path's last component is to be found, made or removed.
type Parent struct {
	Dir   *Vnode // a reference
	Name  string // "." for a path of slashes only
	Slash bool   // slashes came after the name: only a directory will do
}

// WalkParent follows all of a path but its last component. Errors as Walk.
func (d *Door) WalkParent(ctx context.Context, cred *vfs.Cred, start *Vnode, path string) (Parent, error) {
	w := walker{d: d, cred: cred, rest: path}
	if err := w.begin(start); err != nil {
		return Parent{}, err
	}
	for w.rest != "" {
		name, last := w.next()
		if last { // no target of a link: step appends the rest of the path to those
			if !w.at.IsDir() {
				w.at.Unref()
				return Parent{}, syscall.ENOTDIR
			}
			return Parent{w.at, name, w.slash}, nil
		}
		if err := w.step(ctx, name, true); err != nil {
			w.at.Unref()
			return Parent{}, err
		}
	}
	return Parent{w.at, ".", w.slash}, nil
}

// A walker is on its way along a path.
type walker struct {
	d     *Door
	cred  *vfs.Cred
	at    *Vnode // a reference
	rest  string
	slash bool // the component taken last had slashes after it
	links int
}

// begin checks the path and takes the first reference.
func (w *walker) begin(start *Vnode) error {
	switch {
	case w.rest == "":
		return syscall.ENOENT
	case len(w.rest) > pathMax:
		return syscall.ENAMETOOLONG
	}
	if w.rest[0] == '/' {
		w.at = w.d.k.Root()
		w.rest = strings.TrimLeft(w.rest, "/")
		w.slash = true
	} else {
		start.Ref()
		w.at = start
	}
	return nil
}

// next takes one component off the path, and the slashes after it.
func (w *walker) next() (name string, last bool) {
	name, rest, found := strings.Cut(w.rest, "/")
	w.rest = strings.TrimLeft(rest, "/")
	w.slash = found
	return name, w.rest == ""
}

// step goes to name, and along its target if it is a symbolic link to be followed.
func (w *walker) step(ctx context.Context, name string, follow bool) error {
	v, err := w.d.Lookup(ctx, w.cred, w.at, name)
	if err != nil {
		return err
	}
	if v.kind != vfs.KindSymlink || !follow {
		w.at.Unref()
		w.at = v
		return nil
	}
	target, err := w.d.Readlink(ctx, v)
	v.Unref()
	if err != nil {
		return err
	}
	return w.follow(target)
}

// follow puts the target of a symbolic link before the rest of the path.
func (w *walker) follow(target string) error {
	if w.links++; w.links > symlinkMax {
		return syscall.ELOOP
	}
	if target == "" {
		return syscall.ENOENT
	}
	if w.slash {
		target += "/" + w.rest
	}
	if len(target) > pathMax {
		return syscall.ENAMETOOLONG
	}
	if target[0] == '/' {
		w.at.Unref()
		w.at = w.d.k.Root()
		w.slash = true
	}
	w.rest = strings.TrimLeft(target, "/")
	return nil
}
