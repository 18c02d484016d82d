package kern_test

import (
	"fmt"
	"syscall"
	"testing"

	"rump/rumpfs/kern"
	"rump/rumpfs/vfs"
)

// Callers. The groups matter: user and mate share group 100, user is also in 5.
var (
	mate     = &vfs.Cred{UID: 1001, GID: 100}
	stranger = &vfs.Cred{UID: 2000, GID: 200}
)

// A world is a kernel with a directory that everybody may write to.
type world struct {
	testing.TB
	k    *kern.Kernel
	d    *kern.Door
	root *kern.Vnode
	open *kern.Vnode // mode 0777, group 100
}

func newWorld(t testing.TB) *world {
	t.Helper()
	k, d, root := boot(t)
	w := &world{t, k, d, root, create(t, d, root, "open", vfs.KindDir)}
	w.set(w.open, vfs.SetAttr{Mask: vfs.SetMode | vfs.SetGID, Mode: 0o777, GID: 100})
	return w
}

// set changes attributes as the superuser.
func (w *world) set(v *kern.Vnode, set vfs.SetAttr) {
	w.Helper()
	if err := w.d.SetAttr(ctx, vfs.Root, v, set); err != nil {
		w.Fatalf("set attributes: %v", err)
	}
}

// owned makes a node of an owner in a directory.
func (w *world) owned(cred *vfs.Cred, dir *kern.Vnode, name string, kind vfs.Kind, mode uint32) *kern.Vnode {
	w.Helper()
	v, err := w.d.Create(ctx, cred, dir, name, vfs.CreateAttr{Kind: kind, Mode: mode, Target: "target"})
	if err != nil {
		w.Fatalf("create %s: %v", name, err)
	}
	w.Cleanup(v.Unref)
	return v
}

func (w *world) attr(v *kern.Vnode) vfs.Attr {
	w.Helper()
	a, err := w.d.Attr(ctx, v)
	if err != nil {
		w.Fatalf("attributes: %v", err)
	}
	return a
}

// answers compares an outcome; nil is success.
func (w *world) answers(what string, got, want error) {
	w.Helper()
	if got != want {
		w.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// errIf is an errno if something is so, else success.
func errIf(is bool, no syscall.Errno) error {
	if is {
		return no
	}
	return nil
}

func TestAccess(t *testing.T) {
	w := newWorld(t)
	all := []struct {
		name string
		cred *vfs.Cred
		bits func(mode uint32) uint32
	}{
		{"owner", user, func(m uint32) uint32 { return m >> 6 & 7 }},
		{"group", mate, func(m uint32) uint32 { return m >> 3 & 7 }},
		{"other", stranger, func(m uint32) uint32 { return m & 7 }},
		{"superuser", vfs.Root, func(m uint32) uint32 {
			if m&0o111 != 0 {
				return 7
			}
			return 6
		}},
	}
	f := w.owned(user, w.open, "f", vfs.KindRegular, 0)
	for _, mode := range []uint32{0, 0o700, 0o070, 0o007, 0o077, 0o421, 0o124, 0o644, 0o4111} {
		w.set(f, vfs.SetAttr{Mask: vfs.SetMode, Mode: mode})
		for _, who := range all {
			for want := kern.Want(0); want < 8; want++ {
				err := w.d.Access(ctx, who.cred, f, want)
				w.answers(fmt.Sprintf("access %d by %s to mode %o", want, who.name, mode), err, errIf(uint32(want)&^who.bits(mode) != 0, syscall.EACCES))
			}
		}
	}
	w.answers("access 8", w.d.Access(ctx, user, f, 8), syscall.EINVAL)
	w.set(f, vfs.SetAttr{Mask: vfs.SetFlags, Flags: vfs.FlagImmutable})
	w.answers("writing an immutable file", w.d.Access(ctx, vfs.Root, f, kern.MayWrite), syscall.EPERM)
	w.answers("reading an immutable file", w.d.Access(ctx, vfs.Root, f, kern.MayRead), nil)
	g := w.owned(user, w.open, "g", vfs.KindRegular, 0o040)
	w.answers("reading by a further group", w.d.Access(ctx, &vfs.Cred{UID: 9, GID: 9, Groups: []uint32{1, 100}}, g, kern.MayRead), nil)
}

// TestDirectoryPermissions does everything that needs a bit of a directory without that bit.
func TestDirectoryPermissions(t *testing.T) {
	w := newWorld(t)
	dir := w.owned(user, w.open, "dir", vfs.KindDir, 0o777)
	f := w.owned(user, dir, "f", vfs.KindRegular, 0o666)
	w.owned(user, dir, "sub", vfs.KindDir, 0o777)
	w.owned(user, w.open, "out", vfs.KindRegular, 0o666)

	needs := []struct {
		name string
		bits uint32
		do   func() error
		undo func()
	}{
		{"lookup", 1, func() error { return w.lookup(user, dir, "f") }, nil},
		{"lookup of nothing", 1, func() error { return errIfNot(w.lookup(user, dir, "none"), syscall.ENOENT) }, nil},
		{"lookup of .", 1, func() error { return w.lookup(user, dir, ".") }, nil},
		{"lookup of ..", 1, func() error { return w.lookup(user, dir, "..") }, nil},
		{"readdir", 4, func() error {
			return w.d.ReadDir(ctx, user, dir, 0, func(vfs.DirEntry) bool { return true })
		}, nil},
		{"create", 3, func() error { return w.create(user, dir, "new", vfs.KindRegular) }, func() { w.d.Remove(ctx, vfs.Root, dir, "new") }},
		{"mkdir", 3, func() error { return w.create(user, dir, "new", vfs.KindDir) }, func() { w.d.Rmdir(ctx, vfs.Root, dir, "new") }},
		{"link", 3, func() error { return w.d.Link(ctx, user, dir, "new", f) }, func() { w.d.Remove(ctx, vfs.Root, dir, "new") }},
		{"remove", 3, func() error { return w.d.Remove(ctx, user, dir, "f") }, func() { w.d.Link(ctx, vfs.Root, dir, "f", f) }},
		{"rmdir", 3, func() error { return w.d.Rmdir(ctx, user, dir, "sub") }, func() { w.owned(user, dir, "sub", vfs.KindDir, 0o777) }},
		{"rename from", 3, func() error { return w.d.Rename(ctx, user, dir, "f", w.open, "moved", 0) }, func() { w.d.Rename(ctx, vfs.Root, w.open, "moved", dir, "f", 0) }},
		{"rename to", 3, func() error { return w.d.Rename(ctx, user, w.open, "out", dir, "moved", 0) }, func() { w.d.Rename(ctx, vfs.Root, dir, "moved", w.open, "out", 0) }},
		{"rename inside", 3, func() error { return w.d.Rename(ctx, user, dir, "f", dir, "moved", 0) }, func() { w.d.Rename(ctx, vfs.Root, dir, "moved", dir, "f", 0) }},
	}
	if err := w.d.Link(ctx, vfs.Root, w.open, "keep", f); err != nil { // so that f can get its name back
		t.Fatal(err)
	}
	for bits := uint32(0); bits < 8; bits++ {
		w.set(dir, vfs.SetAttr{Mask: vfs.SetMode, Mode: bits << 6})
		for _, n := range needs {
			err := n.do()
			w.answers(fmt.Sprintf("%s with bits %o", n.name, bits), err, errIf(n.bits&^bits != 0, syscall.EACCES))
			if err == nil && n.undo != nil {
				n.undo()
			}
		}
	}
}

// errIfNot turns the error that was wanted into success.
func errIfNot(err, want error) error {
	if err == want {
		return nil
	}
	return err
}

func (w *world) lookup(cred *vfs.Cred, dir *kern.Vnode, name string) error {
	v, err := w.d.Lookup(ctx, cred, dir, name)
	if err == nil {
		v.Unref()
	}
	return err
}

func (w *world) create(cred *vfs.Cred, dir *kern.Vnode, name string, kind vfs.Kind) error {
	v, err := w.d.Create(ctx, cred, dir, name, vfs.CreateAttr{Kind: kind, Mode: 0o666})
	if err == nil {
		v.Unref()
	}
	return err
}

func TestCreateOwnership(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		cred *vfs.Cred
		mode uint32
		want uint32
	}{
		{user, 0o6755, 0o6755},     // in the group
		{stranger, 0o6755, 0o4755}, // not: no set-group-ID
		{vfs.Root, 0o6755, 0o6755},
	} {
		v := w.owned(c.cred, w.open, fmt.Sprint(c.cred.UID), vfs.KindRegular, c.mode)
		a := w.attr(v)
		if a.UID != c.cred.UID || a.GID != 100 || a.Mode != c.want {
			t.Errorf("new file of user %d: got owner %d, %d, mode %o, want group 100, mode %o", c.cred.UID, a.UID, a.GID, a.Mode, c.want)
		}
	}
	for _, kind := range []vfs.Kind{vfs.KindChar, vfs.KindBlock} {
		w.answers("device by a user", w.create(user, w.open, "dev", kind), syscall.EPERM)
		w.answers("device by the superuser", w.create(vfs.Root, w.open, fmt.Sprint("dev", kind), kind), nil)
	}
	w.answers("fifo by a user", w.create(user, w.open, "fifo", vfs.KindFifo), nil)
	for _, kind := range []vfs.Kind{vfs.KindNone, vfs.KindWhiteout, 3, 255} {
		w.answers("create of no kind", w.create(vfs.Root, w.open, "none", kind), syscall.EINVAL)
	}
}

func TestSticky(t *testing.T) {
	w := newWorld(t)
	dir := w.owned(mate, w.open, "tmp", vfs.KindDir, 0o1777)
	for _, c := range []struct {
		cred *vfs.Cred
		want error
	}{
		{user, nil}, // the file's owner
		{mate, nil}, // the directory's owner
		{vfs.Root, nil},
		{stranger, syscall.EPERM},
	} {
		name := fmt.Sprint("by ", c.cred.UID)
		w.owned(user, dir, "a", vfs.KindRegular, 0o666)
		w.answers("remove "+name, w.d.Remove(ctx, c.cred, dir, "a"), c.want)
		w.create(user, dir, "a", vfs.KindRegular)
		w.answers("rename "+name, w.d.Rename(ctx, c.cred, dir, "a", dir, "b", 0), c.want)
		w.create(user, dir, "b", vfs.KindRegular)
		w.owned(c.cred, w.open, "own", vfs.KindRegular, 0o666)
		w.answers("rename over "+name, w.d.Rename(ctx, c.cred, w.open, "own", dir, "b", 0), c.want)
		w.create(user, dir, "d", vfs.KindDir)
		w.answers("rmdir "+name, w.d.Rmdir(ctx, c.cred, dir, "d"), c.want)
		for _, name := range []string{"a", "b"} {
			w.d.Remove(ctx, vfs.Root, dir, name)
		}
		w.d.Remove(ctx, vfs.Root, w.open, "own")
		w.d.Rmdir(ctx, vfs.Root, dir, "d")
	}
}

func TestRenameDirectoryNeedsWrite(t *testing.T) {
	w := newWorld(t)
	w.owned(user, w.open, "d", vfs.KindDir, 0o755)
	other := w.owned(user, w.open, "other", vfs.KindDir, 0o777)
	w.answers("rename of somebody's directory in place", w.d.Rename(ctx, stranger, w.open, "d", w.open, "e", 0), nil)
	w.answers("rename of somebody's directory elsewhere", w.d.Rename(ctx, stranger, w.open, "e", other, "e", 0), syscall.EACCES)
	w.answers("rename of one's own", w.d.Rename(ctx, user, w.open, "e", other, "e", 0), nil)
}

// TestChangeOwner: who may give what to whom.
func TestChangeOwner(t *testing.T) {
	w := newWorld(t)
	f := w.owned(user, w.open, "f", vfs.KindRegular, 0o6755)
	for _, c := range []struct {
		name string
		cred *vfs.Cred
		set  vfs.SetAttr
		want error
	}{
		{"give away by the owner", user, vfs.SetAttr{Mask: vfs.SetUID, UID: 1}, syscall.EPERM},
		{"keep by the owner", user, vfs.SetAttr{Mask: vfs.SetUID, UID: 1000}, nil},
		{"group of the owner's", user, vfs.SetAttr{Mask: vfs.SetGID, GID: 6}, nil},
		{"group of others", user, vfs.SetAttr{Mask: vfs.SetGID, GID: 200}, syscall.EPERM},
		{"group by a stranger", stranger, vfs.SetAttr{Mask: vfs.SetGID, GID: 200}, syscall.EPERM},
		{"mode by a stranger", stranger, vfs.SetAttr{Mask: vfs.SetMode, Mode: 0o777}, syscall.EPERM},
		{"times by a stranger", stranger, vfs.SetAttr{Mask: vfs.SetMtime}, syscall.EPERM},
		{"flags by a stranger", stranger, vfs.SetAttr{Mask: vfs.SetFlags, Flags: 1}, syscall.EPERM},
		{"size by a stranger", stranger, vfs.SetAttr{Mask: vfs.SetSize}, syscall.EACCES},
		{"anything by the superuser", vfs.Root, vfs.SetAttr{Mask: vfs.SetUID | vfs.SetGID | vfs.SetMode, UID: 1000, GID: 100, Mode: 0o755}, nil},
		{"a mode that is none", vfs.Root, vfs.SetAttr{Mask: vfs.SetMode, Mode: 0o10000}, syscall.EINVAL},
		{"a time that is none", vfs.Root, vfs.SetAttr{Mask: vfs.SetAtime, Atime: vfs.Time{Nsec: 1e9}}, syscall.EINVAL},
		{"a time that is none", vfs.Root, vfs.SetAttr{Mask: vfs.SetBtime, Btime: vfs.Time{Nsec: -1}}, syscall.EINVAL},
		{"a negative size", vfs.Root, vfs.SetAttr{Mask: vfs.SetSize, Size: -1}, syscall.EINVAL},
		{"nothing", stranger, vfs.SetAttr{}, nil},
	} {
		w.answers(c.name, w.d.SetAttr(ctx, c.cred, f, c.set), c.want)
	}
	link := w.owned(user, w.open, "l", vfs.KindSymlink, 0o777)
	w.answers("size of a symbolic link", w.d.SetAttr(ctx, vfs.Root, link, vfs.SetAttr{Mask: vfs.SetSize}), syscall.EINVAL)
	w.answers("size of a directory", w.d.SetAttr(ctx, vfs.Root, w.open, vfs.SetAttr{Mask: vfs.SetSize}), syscall.EISDIR)
}

// TestSetID: what takes set-id bits away, and from whom.
func TestSetID(t *testing.T) {
	w := newWorld(t)
	write := func(cred *vfs.Cred, v *kern.Vnode) error {
		_, err := w.d.Write(ctx, cred, v, []byte("x"), 0)
		return err
	}
	set := func(s vfs.SetAttr) func(*vfs.Cred, *kern.Vnode) error {
		return func(cred *vfs.Cred, v *kern.Vnode) error { return w.d.SetAttr(ctx, cred, v, s) }
	}
	for i, c := range []struct {
		name       string
		cred       *vfs.Cred
		mode, want uint32
		do         func(*vfs.Cred, *kern.Vnode) error
	}{
		{"write", user, 0o6755, 0o755, write},
		{"write by the superuser", vfs.Root, 0o6755, 0o6755, write},
		{"write to what nobody executes", user, 0o6644, 0o2644, write},
		{"write to a plain file", user, 0o644, 0o644, write},
		{"append", user, 0o6755, 0o755, func(cred *vfs.Cred, v *kern.Vnode) error {
			_, _, err := w.d.Append(ctx, cred, v, []byte("x"))
			return err
		}},
		{"write of nothing", user, 0o6755, 0o6755, func(cred *vfs.Cred, v *kern.Vnode) error {
			_, err := w.d.Write(ctx, cred, v, nil, 0)
			return err
		}},
		{"truncate", user, 0o6755, 0o755, set(vfs.SetAttr{Mask: vfs.SetSize})},
		{"truncate of an open file", user, 0o6755, 0o755, func(cred *vfs.Cred, v *kern.Vnode) error {
			return w.d.Truncate(ctx, cred, v, 5)
		}},
		{"allocate", user, 0o6755, 0o755, func(cred *vfs.Cred, v *kern.Vnode) error {
			return w.d.Allocate(ctx, cred, v, 0, 10, false)
		}},
		{"punch", user, 0o6755, 0o755, func(cred *vfs.Cred, v *kern.Vnode) error { return w.d.Punch(ctx, cred, v, 0, 10) }},
		{"chown", user, 0o6755, 0o755, set(vfs.SetAttr{Mask: vfs.SetGID, GID: 5})},
		{"chown by the superuser", vfs.Root, 0o6755, 0o6755, set(vfs.SetAttr{Mask: vfs.SetUID, UID: 5})},
		{"chmod", user, 0o644, 0o6755, set(vfs.SetAttr{Mask: vfs.SetMode, Mode: 0o6755})},
		{"chmod and chown", user, 0o644, 0o6755, set(vfs.SetAttr{Mask: vfs.SetMode | vfs.SetGID, GID: 5, Mode: 0o6755})},
		{"times", user, 0o6755, 0o6755, set(vfs.SetAttr{Mask: vfs.SetMtime})},
	} {
		v := w.owned(user, w.open, fmt.Sprint(i), vfs.KindRegular, c.mode)
		w.answers(c.name, c.do(c.cred, v), nil)
		if got := w.attr(v).Mode; got != c.want {
			t.Errorf("%s: got mode %o, want %o", c.name, got, c.want)
		}
	}
	// Whose group the file's is not, loses set-group-ID at chmod.
	f := w.owned(stranger, w.open, "f", vfs.KindRegular, 0o644) // of group 100
	w.answers("chmod", w.d.SetAttr(ctx, stranger, f, vfs.SetAttr{Mask: vfs.SetMode, Mode: 0o6755}), nil)
	if got := w.attr(f).Mode; got != 0o4755 {
		t.Errorf("chmod of a file of another group: got mode %o, want 4755", got)
	}
}

func TestTouch(t *testing.T) {
	w := newWorld(t)
	f := w.owned(user, w.open, "f", vfs.KindRegular, 0o644)
	long := vfs.SetAttr{Mask: vfs.SetAtime | vfs.SetMtime, Atime: vfs.Time{Sec: 1}, Mtime: vfs.Time{Sec: 2}}
	for _, c := range []struct {
		cred *vfs.Cred
		mode uint32
		want error
	}{
		{user, 0o444, nil},
		{mate, 0o464, nil},
		{mate, 0o644, syscall.EACCES},
		{stranger, 0o664, syscall.EACCES},
		{vfs.Root, 0, nil},
	} {
		w.set(f, vfs.SetAttr{Mask: vfs.SetMode, Mode: c.mode})
		w.set(f, long)
		what := fmt.Sprintf("touch by %d of mode %o", c.cred.UID, c.mode)
		w.answers(what, w.d.Touch(ctx, c.cred, f, vfs.SetMtime), c.want)
		a := w.attr(f)
		if (a.Mtime.Sec > 2) != (c.want == nil) || a.Atime.Sec != 1 {
			t.Errorf("%s: times %v, %v afterwards", what, a.Atime, a.Mtime)
		}
	}
	w.answers("touch of the size", w.d.Touch(ctx, user, f, vfs.SetSize), syscall.EINVAL)
}

// TestUserFlags: the low half is the owner's, the high half the superuser's.
func TestUserFlags(t *testing.T) {
	w := newWorld(t)
	f := w.owned(user, w.open, "f", vfs.KindRegular, 0o644)
	flags := func(cred *vfs.Cred, flags uint32) error {
		return w.d.SetAttr(ctx, cred, f, vfs.SetAttr{Mask: vfs.SetFlags, Flags: flags})
	}
	w.answers("set an owner's flag", flags(user, vfs.FlagImmutable), nil)
	w.answers("write", func() error { _, err := w.d.Write(ctx, user, f, []byte("x"), 0); return err }(), syscall.EPERM)
	w.answers("chmod of the immutable", w.d.SetAttr(ctx, vfs.Root, f, vfs.SetAttr{Mask: vfs.SetMode}), syscall.EPERM)
	w.answers("thaw and chmod", w.d.SetAttr(ctx, user, f, vfs.SetAttr{Mask: vfs.SetMode | vfs.SetFlags, Mode: 0o600}), nil)
	w.answers("set a system flag by the owner", flags(user, vfs.FlagSysImmutable), syscall.EPERM)
	w.answers("set a system flag", flags(vfs.Root, vfs.FlagSysImmutable|vfs.FlagNoDump), nil)
	w.answers("clear it by the owner", flags(user, 0), syscall.EPERM)
	w.answers("clear another by the owner", flags(user, vfs.FlagSysImmutable), syscall.EPERM)
	w.answers("archived", flags(vfs.Root, vfs.FlagArchived), nil)
	w.answers("keep the archived flag", flags(user, vfs.FlagArchived|vfs.FlagNoDump), nil)
	w.answers("clear the archived flag by the owner", flags(user, vfs.FlagNoDump), syscall.EPERM)
}

func TestXattrPermissions(t *testing.T) {
	w := newWorld(t)
	f := w.owned(user, w.open, "f", vfs.KindRegular, 0o640)
	get := func(cred *vfs.Cred, space vfs.XattrSpace) error {
		_, err := w.d.GetXattr(ctx, cred, f, space, "x")
		return err
	}
	set := func(cred *vfs.Cred, space vfs.XattrSpace) error {
		return w.d.SetXattr(ctx, cred, f, space, "x", []byte("v"), vfs.XattrEither)
	}
	w.answers("set by the owner", set(user, vfs.XattrUser), nil)
	w.answers("get by the group", get(mate, vfs.XattrUser), nil)
	w.answers("set by the group", set(mate, vfs.XattrUser), syscall.EACCES)
	w.answers("get by others", get(stranger, vfs.XattrUser), syscall.EACCES)
	w.answers("remove by others", w.d.RemoveXattr(ctx, stranger, f, vfs.XattrUser, "x"), syscall.EACCES)
	_, err := w.d.ListXattr(ctx, stranger, f, vfs.XattrUser)
	w.answers("list by others", err, syscall.EACCES)
	w.answers("system space by the owner", set(user, vfs.XattrSystem), syscall.EPERM)
	w.answers("no space", set(vfs.Root, 9), syscall.EOPNOTSUPP)
	w.answers("no mode", w.d.SetXattr(ctx, vfs.Root, f, vfs.XattrUser, "x", nil, 9), syscall.EINVAL)
	w.answers("NUL in a name", w.d.SetXattr(ctx, vfs.Root, f, vfs.XattrUser, "x\x00y", nil, 0), syscall.EINVAL)
}
