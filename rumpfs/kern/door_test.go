package kern_test

import (
	"fmt"
	"slices"
	"syscall"
	"testing"

	"rump/rumpfs/kern"
	"rump/rumpfs/rootfs"
	"rump/rumpfs/vfs"
)

// A listener writes down what it is told, by names that it learns from what was made.
type listener struct {
	d     *kern.Door
	names map[vfs.Ino]string
	heard []string
}

func (l *listener) AttrChanged(v *kern.Vnode, data bool) {
	what := "attr"
	if data {
		what = "data"
	}
	if _, err := l.d.Attr(ctx, v); err != nil { // it may look
		what += " " + err.Error()
	}
	l.heard = append(l.heard, what+" "+l.names[v.Ino()])
}

func (l *listener) EntryChanged(dir *kern.Vnode, name string) {
	if err := l.d.ReadDir(ctx, vfs.Root, dir, 0, func(vfs.DirEntry) bool { return true }); err != nil {
		name += " " + err.Error()
	}
	l.heard = append(l.heard, "entry "+name)
}

// TestObserver: the other door hears of every change, the own one of none, and of what fails nobody.
func TestObserver(t *testing.T) {
	w := newWorld(t)
	own := &listener{names: map[vfs.Ino]string{}}
	other := &listener{names: map[vfs.Ino]string{}}
	d := w.k.NewDoor("own", own)
	own.d = d
	other.d = w.k.NewDoor("other", other)

	f := w.owned(user, w.open, "f", vfs.KindRegular, 0o644)
	other.heard = nil
	other.names[f.Ino()] = "f"
	for _, c := range []struct {
		name string
		do   func() error
		want []string
	}{
		{"create", func() error {
			v, err := d.Create(ctx, vfs.Root, w.open, "new", vfs.CreateAttr{Kind: vfs.KindRegular})
			if err == nil {
				other.names[v.Ino()] = "new"
				v.Unref()
			}
			return err
		}, []string{"entry new"}},
		{"link", func() error { return d.Link(ctx, vfs.Root, w.open, "link", f) }, []string{"attr f", "entry link"}},
		{"write", func() error { _, err := d.Write(ctx, vfs.Root, f, []byte("x"), 0); return err }, []string{"data f"}},
		{"append", func() error { _, _, err := d.Append(ctx, vfs.Root, f, []byte("x")); return err }, []string{"data f"}},
		{"write of nothing", func() error { _, err := d.Write(ctx, vfs.Root, f, nil, 0); return err }, nil},
		{"chmod", func() error { return d.SetAttr(ctx, vfs.Root, f, vfs.SetAttr{Mask: vfs.SetMode}) }, []string{"attr f"}},
		{"truncate", func() error { return d.Truncate(ctx, vfs.Root, f, 5) }, []string{"data f"}},
		{"allocate", func() error { return d.Allocate(ctx, vfs.Root, f, 0, 9, false) }, []string{"data f"}},
		{"punch", func() error { return d.Punch(ctx, vfs.Root, f, 0, 9) }, []string{"data f"}},
		{"setxattr", func() error { return d.SetXattr(ctx, vfs.Root, f, vfs.XattrUser, "x", nil, 0) }, []string{"attr f"}},
		{"removexattr", func() error { return d.RemoveXattr(ctx, vfs.Root, f, vfs.XattrUser, "x") }, []string{"attr f"}},
		{"rename", func() error { return d.Rename(ctx, vfs.Root, w.open, "link", w.root, "moved", 0) }, []string{"attr f", "entry link", "entry moved"}},
		{"rename over", func() error { return d.Rename(ctx, vfs.Root, w.root, "moved", w.open, "new", 0) }, []string{"attr f", "attr new", "entry moved", "entry new"}},
		{"rename over itself", func() error { return d.Rename(ctx, vfs.Root, w.open, "f", w.open, "new", 0) }, nil},
		{"remove", func() error { return d.Remove(ctx, vfs.Root, w.open, "new") }, []string{"attr f", "entry new"}},
		{"read", func() error { _, err := d.Read(ctx, f, make([]byte, 1), 0); return err }, nil},
		{"failing remove", func() error { d.Remove(ctx, vfs.Root, w.open, "none"); return nil }, nil},
		{"failing create", func() error { d.Create(ctx, vfs.Root, w.open, "f", vfs.CreateAttr{Kind: vfs.KindRegular}); return nil }, nil},
		{"failing chmod", func() error { d.SetAttr(ctx, stranger, f, vfs.SetAttr{Mask: vfs.SetMode}); return nil }, nil},
	} {
		other.heard, own.heard = nil, nil
		w.answers(c.name, c.do(), nil)
		if !slices.Equal(other.heard, c.want) {
			t.Errorf("%s: the other door heard %q, want %q", c.name, other.heard, c.want)
		}
		if own.heard != nil {
			t.Errorf("%s: the own door heard %q", c.name, own.heard)
		}
	}
	other.d.Close()
	other.heard = nil
	w.answers("chmod", d.SetAttr(ctx, vfs.Root, f, vfs.SetAttr{Mask: vfs.SetMode}), nil)
	if other.heard != nil {
		t.Errorf("a closed door heard %q", other.heard)
	}
	d.Close()
}

// A keeper remembers the vnode of each name that it was shown, as a host's kernel does behind a mount, until it is told that
// the name changed.
type keeper struct {
	heard []string
	kept  map[string]*kern.Vnode
}

func (l *keeper) AttrChanged(*kern.Vnode, bool) {}

func (l *keeper) EntryChanged(dir *kern.Vnode, name string) {
	l.heard = append(l.heard, name)
	if v := l.kept[name]; v != nil {
		v.Unref()
		delete(l.kept, name)
	}
}

// TestMountIsTold: doors hear that a name leads elsewhere, and what they only remember does not keep a mount busy.
func TestMountIsTold(t *testing.T) {
	w := newWorld(t)
	l := &keeper{kept: map[string]*kern.Vnode{}}
	w.k.NewDoor("keeper", l)
	w.owned(vfs.Root, w.open, "at", vfs.KindDir, 0o755)
	l.heard = nil
	m, err := w.k.MountPath(ctx, "/open/at", rootfs.New(rootfs.Options{}), kern.MountOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"at"}; !slices.Equal(l.heard, want) {
		t.Errorf("heard of a mount: %q, want %q", l.heard, want)
	}
	l.kept["at"] = w.walk("/open/at")
	w.answers("unmount of what is remembered", w.k.Unmount(ctx, m, false), nil)
	if len(l.kept) != 0 {
		t.Error("the door was not asked to let go")
	}
	v := w.walk("/open/at")
	if v.Mount() == m {
		t.Error("the name leads to what was unmounted")
	}
	v.Unref()

	m = w.mountAt("/open/at")
	open := w.walk("/open/at")
	w.answers("unmount of what is open", w.k.Unmount(ctx, m, false), syscall.EBUSY)
	open.Unref()
	w.answers("unmount", w.k.Unmount(ctx, m, false), nil)
}

func (w *world) mountAt(path string) *kern.Mount {
	w.Helper()
	at := w.walk(path)
	defer at.Unref()
	return w.mount(at)
}

// TestCreateOwned: the new node is its owner's, in a set-group-ID directory of that one's group.
func TestCreateOwned(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		dirMode  uint32
		kind     vfs.Kind
		gid      uint32
		wantMode uint32
	}{
		{0o777, vfs.KindRegular, 7, 0o644},
		{0o777, vfs.KindDir, 7, 0o644},
		{0o2777, vfs.KindRegular, 100, 0o644},
		{0o2777, vfs.KindDir, 100, 0o2644},
	} {
		w.set(w.open, vfs.SetAttr{Mask: vfs.SetMode, Mode: c.dirMode})
		name := fmt.Sprintf("%o-%d", c.dirMode, c.kind)
		v, err := w.d.CreateOwned(ctx, w.open, name, vfs.CreateAttr{Kind: c.kind, Mode: 0o644, UID: 5, GID: 7})
		if err != nil {
			t.Fatal(err)
		}
		if a := w.attr(v); a.UID != 5 || a.GID != c.gid || a.Mode != c.wantMode {
			t.Errorf("%s: got owner %d, %d, mode %o, want 5, %d, %o", name, a.UID, a.GID, a.Mode, c.gid, c.wantMode)
		}
		v.Unref()
	}
}

// TestReadOnlyMount: a mount may be read-only though its file system is not.
func TestReadOnlyMount(t *testing.T) {
	w := newWorld(t)
	fs := rootfs.New(rootfs.Options{})
	m, err := w.k.Mount(ctx, w.open, fs, kern.MountOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	root, err := m.Root()
	if err != nil {
		t.Fatal(err)
	}
	w.answers("create", w.create(vfs.Root, root, "f", vfs.KindRegular), syscall.EROFS)
	w.answers("chmod", w.d.SetAttr(ctx, vfs.Root, root, vfs.SetAttr{Mask: vfs.SetMode}), syscall.EROFS)
	w.answers("access", w.d.Access(ctx, vfs.Root, root, kern.MayWrite), syscall.EROFS)
	w.answers("sync", w.d.Sync(ctx, root, false), nil)
	if st, err := w.d.Statfs(ctx, root); err != nil || !st.ReadOnly {
		t.Errorf("statfs: got read-only %v, %v", st.ReadOnly, err)
	}
	if got := w.k.Mounts()[1].Options; !got.ReadOnly {
		t.Error("mount information does not say read-only")
	}
	root.Unref()
	w.answers("unmount", w.k.Unmount(ctx, m, false), nil)
}

// TestKinds: what reading and writing answer for what is no regular file.
func TestKinds(t *testing.T) {
	w := newWorld(t)
	for kind, want := range map[vfs.Kind]error{
		vfs.KindDir: syscall.EISDIR, vfs.KindSymlink: syscall.EINVAL, vfs.KindFifo: syscall.EOPNOTSUPP,
		vfs.KindSocket: syscall.EOPNOTSUPP, vfs.KindChar: syscall.ENXIO, vfs.KindBlock: syscall.ENXIO,
	} {
		v := w.owned(vfs.Root, w.open, fmt.Sprint(kind), kind, 0o644)
		if v.Kind() != kind {
			t.Errorf("kind: got %d, want %d", v.Kind(), kind)
		}
		_, err := w.d.Read(ctx, v, make([]byte, 1), 0)
		w.answers(fmt.Sprintf("read of kind %d", kind), err, want)
		_, err = w.d.Write(ctx, vfs.Root, v, make([]byte, 1), 0)
		w.answers(fmt.Sprintf("write of kind %d", kind), err, want)
		_, err = w.d.SeekData(ctx, v, 0)
		w.answers(fmt.Sprintf("seek in kind %d", kind), err, want)
		w.answers(fmt.Sprintf("map of kind %d", kind), w.d.MapShared(ctx, v, 0, 1, func(vfs.Extent) error { return nil }), want)
		w.answers(fmt.Sprintf("allocate in kind %d", kind), w.d.Allocate(ctx, vfs.Root, v, 0, 1, false), want)
		if kind != vfs.KindDir {
			w.answers("lookup in it", w.lookup(vfs.Root, v, "x"), syscall.ENOTDIR)
			w.answers("create in it", w.create(vfs.Root, v, "x", vfs.KindRegular), syscall.ENOTDIR)
			w.answers("readdir of it", w.d.ReadDir(ctx, vfs.Root, v, 0, nil), syscall.ENOTDIR)
		}
	}
}

func TestMapShared(t *testing.T) {
	w := newWorld(t)
	f := w.owned(user, w.open, "f", vfs.KindRegular, 0o644)
	if _, err := w.d.Write(ctx, user, f, []byte("data"), 1<<20); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		off, limit int64
		want       vfs.Extent
	}{
		{0, 10, vfs.Extent{Length: 10, Hole: true}},
		{5, 1 << 40, vfs.Extent{Off: 5, Length: 1<<20 - 5, Hole: true}},
		{1 << 20, 1 << 40, vfs.Extent{Off: 1 << 20, Length: 4}},
		{1<<20 + 1, 2, vfs.Extent{Off: 1<<20 + 1, Length: 2}},
		{1<<20 + 4, 10, vfs.Extent{Off: 1<<20 + 4}},
		{0, 0, vfs.Extent{}},
	} {
		err := w.d.MapShared(ctx, f, c.off, c.limit, func(e vfs.Extent) error {
			if e != c.want {
				t.Errorf("map of %d at %d: got %+v, want %+v", c.limit, c.off, e, c.want)
			}
			return syscall.EINTR
		})
		w.answers("what the callback returned", err, syscall.EINTR)
	}
	w.answers("map at -1", w.d.MapShared(ctx, f, -1, 1, nil), syscall.EINVAL)
	if _, _, ok := f.Mount().Host(); ok {
		t.Error("a tree in memory has a host file")
	}
}

func TestNoReplace(t *testing.T) {
	w := newWorld(t)
	w.owned(user, w.open, "a", vfs.KindRegular, 0o644)
	w.owned(user, w.open, "b", vfs.KindRegular, 0o644)
	rename := func(from, to string, flags kern.RenameFlags) error {
		return w.d.Rename(ctx, user, w.open, from, w.open, to, flags)
	}
	w.answers("over another", rename("a", "b", kern.RenameNoReplace), syscall.EEXIST)
	w.answers("over itself", rename("a", "a", kern.RenameNoReplace), syscall.EEXIST)
	w.answers("of nothing", rename("none", "b", kern.RenameNoReplace), syscall.ENOENT)
	w.answers("to nothing", rename("a", "c", kern.RenameNoReplace), nil)
	w.answers("exchange", rename("b", "c", kern.RenameExchange), syscall.EINVAL)
	w.answers("unknown", rename("b", "c", 8), syscall.EINVAL)
}

func TestAppendOnly(t *testing.T) {
	w := newWorld(t)
	f := w.owned(user, w.open, "f", vfs.KindRegular, 0o644)
	w.set(f, vfs.SetAttr{Mask: vfs.SetFlags, Flags: vfs.FlagAppend})
	_, err := w.d.Write(ctx, user, f, []byte("abc"), 0)
	w.answers("write at the end", err, nil)
	_, err = w.d.Write(ctx, user, f, []byte("x"), 2)
	w.answers("write before the end", err, syscall.EPERM)
	n, at, err := w.d.Append(ctx, user, f, []byte("def"))
	if n != 3 || at != 3 || err != nil {
		t.Errorf("append: got %d at %d, %v, want 3 at 3", n, at, err)
	}
	w.answers("truncate", w.d.Truncate(ctx, user, f, 2), syscall.EPERM)
	w.answers("punch", w.d.Punch(ctx, user, f, 0, 1), syscall.EPERM)
	w.answers("allocate over data", w.d.Allocate(ctx, user, f, 0, 100, false), syscall.EPERM)
}
