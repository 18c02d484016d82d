package ffs

import (
	"context"
	"fmt"
	"syscall"

	"rump/ffs/ondisk"
	"rump/rumpfs/vfs"
)

// A move is a rename under way.
type move struct {
	from, to         *dir
	oldName, newName string
	in               *inode // what moves
	node             vfs.Node
	replaced         vfs.Node // or nil
	isDir, newParent bool
}

// Rename gives a node another name. At every moment one of the names leads to it: it has a link more until the old name is gone.
func (d *dir) Rename(ctx context.Context, cred *vfs.Cred, r vfs.Rename) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	to, ok := r.NewDir.(*dir)
	if !ok || to.fs != d.fs {
		return syscall.EXDEV
	}
	in, ok := d.own(r.Node)
	if !ok {
		return syscall.EXDEV
	}
	if err := d.fs.startOp(); err != nil {
		return err
	}
	defer d.fs.endOp()
	m := &move{
		from: d, to: to, oldName: r.OldName, newName: r.NewName, in: in, node: r.Node, replaced: r.Replaced,
		isDir: in.di.IsDir(), newParent: to.ino != d.ino,
	}
	if err := m.check(); err != nil {
		return err
	}
	if m.replaced != nil {
		return m.over()
	}
	return m.into(cred)
}

// check looks for all that can be refused before anything is changed.
func (m *move) check() error {
	at, ok, err := m.from.find(m.oldName)
	switch {
	case err != nil:
		return err
	case !ok || at.ino != m.in.ino:
		return syscall.ENOENT
	case m.in.di.Nlink >= ondisk.MaxLinks, m.gains() && m.to.di.Nlink >= ondisk.MaxLinks:
		return syscall.EMLINK
	case m.isDir && m.newParent:
		if _, err := m.dotdot(); err != nil {
			return err
		}
	}
	if m.replaced != nil {
		return m.to.mayGo(m.replaced)
	}
	return nil
}

// gains reports whether the new directory gets a ".." that leads to it without losing one.
func (m *move) gains() bool { return m.isDir && m.newParent && m.replaced == nil }

// dotdot is where the moving directory has its "..".
func (m *move) dotdot() (place, error) {
	at, ok, err := m.node.(*dir).find("..")
	if err == nil && (!ok || at.ino != m.from.ino) {
		err = m.in.corrupt(fmt.Sprintf("directory's \"..\" is %d, not %d", at.ino, m.from.ino))
	}
	return at, err
}

// into moves to a name that is not there.
func (m *move) into(cred *vfs.Cred) error {
	where, err := m.to.prepare(cred, m.newName)
	if err != nil {
		return err
	}
	if err := m.hold(); err != nil {
		return err
	}
	if err := m.to.enter(where, m.newName, m.in.ino, ondisk.TypeOf(m.in.di.Mode)); err != nil {
		m.letGo()
		return err
	}
	return m.finish()
}

// over moves to a name that leads to another file, which loses it.
func (m *move) over() error {
	victim, ok := m.to.own(m.replaced)
	if !ok {
		return syscall.EXDEV
	}
	at, ok, err := m.to.find(m.newName)
	if err != nil {
		return err
	}
	if !ok || at.ino != victim.ino || victim == m.in {
		return syscall.ENOENT
	}
	if err := m.hold(); err != nil {
		return err
	}
	if err := m.to.redirect(at, m.in.ino, ondisk.TypeOf(m.in.di.Mode)); err != nil {
		m.letGo()
		return err
	}
	m.to.touch()
	if victim.di.IsDir() {
		if !m.newParent {
			m.to.dropLink(1) // two ".." have become one
		}
		victim.dropLink(victim.di.Nlink)
	} else {
		victim.dropLink(1)
	}
	return m.finish()
}

// hold raises the link counts on the disk, before there is a second name.
func (m *move) hold() error {
	m.in.di.Nlink++
	if err := m.in.store(true); err != nil {
		m.in.di.Nlink--
		return err
	}
	if !m.gains() {
		return nil
	}
	m.to.di.Nlink++
	if err := m.to.store(true); err != nil {
		m.to.di.Nlink--
		m.in.dropLink(1)
		return err
	}
	return nil
}

// letGo undoes hold.
func (m *move) letGo() {
	if m.gains() {
		m.to.dropLink(1)
	}
	m.in.dropLink(1)
}

// finish turns ".." round, takes the old name away and lowers the counts. The new name is on the disk.
func (m *move) finish() error {
	if m.isDir && m.newParent {
		at, err := m.dotdot()
		if err != nil {
			return err
		}
		if err := m.node.(*dir).redirect(at, m.to.ino, ondisk.TypeDir); err != nil {
			return err
		}
		m.from.dropLink(1)
	}
	// Entering the new name may have moved the old one.
	at, ok, err := m.from.find(m.oldName)
	if err == nil && (!ok || at.ino != m.in.ino) {
		err = m.from.corrupt(fmt.Sprintf("directory has lost %q", m.oldName))
	}
	if err != nil {
		return err
	}
	if err := m.from.erase(at, m.oldName); err != nil {
		return err
	}
	m.in.dropLink(1)
	return nil
}
