package proc_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"

	"rump/rumpfs/blockdev"
	"rump/rumpfs/kern"
	"rump/rumpfs/kern/dev"
	"rump/rumpfs/kern/proc"
	"rump/rumpfs/rootfs"
	"rump/rumpfs/vfs"
)

var ctx = context.Background()

// A rig is a System on a tree in memory.
type rig struct {
	t    testing.TB
	sys  *proc.System
	root *rootfs.FS
}

// newRig boots a System that has null and zero, a disk /dk and file-system types mem (which needs no disk) and disk (which does).
// At the end of the test nothing may be left.
func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, root: rootfs.New(rootfs.Options{})}
	k, err := kern.Boot(kern.Options{Root: r.root})
	must(t, err)
	r.sys = proc.New(proc.Options{Kernel: k, Hostname: "test"})
	r.sys.EnableVFS()
	r.sys.EnableFifos()
	must(t, r.sys.MakeDir(ctx, "/dev", 0o755))
	must(t, r.sys.MakeDir(ctx, "/tmp", 0o1777))
	must(t, r.sys.Devices().Add(vfs.KindChar, dev.MemoryMajor, dev.Memory()))
	must(t, r.sys.MakeDevice(ctx, "/dev/null", vfs.KindChar, vfs.Dev{Major: dev.MemoryMajor, Minor: dev.NullMinor}))
	must(t, r.sys.MakeDevice(ctx, "/dev/zero", vfs.KindChar, vfs.Dev{Major: dev.MemoryMajor, Minor: dev.ZeroMinor}))
	must(t, r.sys.MakeDevice(ctx, "/dev/none", vfs.KindChar, vfs.Dev{Major: 99}))
	disk := dev.Units{0: func() dev.Device { return dev.NewDisk(blockdev.NewMemory(1<<20), false, dev.Label{}, nil) }}
	must(t, r.sys.Devices().Add(vfs.KindBlock, 7, disk))
	must(t, r.root.AddKey(rootfs.Key{Path: "/dk", Attr: vfs.CreateAttr{Kind: vfs.KindBlock, Mode: 0o600, Rdev: vfs.Dev{Major: 7}}, Size: 1 << 20}))
	tree := func(context.Context, proc.MountArgs) (vfs.FS, error) {
		return rootfs.New(rootfs.Options{Type: "mem"}), nil
	}
	r.sys.AddFSType(proc.FSType{Name: "mem", Mount: tree})
	r.sys.AddFSType(proc.FSType{Name: "disk", OnDevice: true, Mount: func(_ context.Context, a proc.MountArgs) (vfs.FS, error) {
		return &onDisk{rootfs.New(rootfs.Options{Type: "disk"}), a.Device}, nil
	}})
	t.Cleanup(func() {
		if n := r.sys.Processes(); n != 1 {
			t.Errorf("%d processes are left, want 1", n)
		}
		if n := k.Referenced(); n > 1 { // init's directory
			t.Errorf("%d vnodes are still referred to", n)
		}
		if err := r.sys.Shutdown(ctx, 0); err != nil && !errors.Is(err, syscall.EALREADY) {
			t.Error(err)
		}
	})
	return r
}

// onDisk is a tree in memory that keeps a disk open.
type onDisk struct {
	*rootfs.FS
	disk blockdev.Device
}

func (o *onDisk) Unmount(ctx context.Context) error {
	return errors.Join(o.FS.Unmount(ctx), o.disk.Close())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// process makes one that ends with the test.
func (r *rig) process() *proc.Process {
	r.t.Helper()
	p, err := r.sys.NewProcess("test")
	must(r.t, err)
	r.t.Cleanup(p.Exit)
	return p
}

// user makes a process of somebody who is not root.
func (r *rig) user(uid uint32) *proc.Process {
	r.t.Helper()
	p := r.process()
	must(r.t, p.SetGID(uid))
	must(r.t, p.SetUID(uid))
	return p
}

// at is a path from the current directory.
func at(path string) proc.At { return proc.At{FD: proc.CWD, Path: path} }

// file makes a file with content.
func file(t testing.TB, p *proc.Process, path, content string) {
	t.Helper()
	fd, err := p.OpenAt(ctx, at(path), proc.Write|proc.Create|proc.Truncate, 0o644)
	must(t, err)
	_, err = p.Write(ctx, fd, []byte(content))
	must(t, err)
	must(t, p.Close(fd))
}

// content reads a file whole.
func content(t testing.TB, p *proc.Process, path string) string {
	t.Helper()
	fd, err := p.OpenAt(ctx, at(path), proc.Read, 0)
	must(t, err)
	b := make([]byte, 1000)
	n, err := p.Read(ctx, fd, b)
	must(t, err)
	must(t, p.Close(fd))
	return string(b[:n])
}

// TestOpen opens things of every kind with every flag that says whether it may be.
func TestOpen(t *testing.T) {
	r := newRig(t)
	p := r.process()
	file(t, p, "/tmp/f", "content")
	must(t, p.Symlink(ctx, "f", at("/tmp/link")))
	must(t, p.Symlink(ctx, "new", at("/tmp/dangling")))
	must(t, p.Symlink(ctx, "loop", at("/tmp/loop")))
	must(t, p.Symlink(ctx, "/dk", at("/tmp/disk")))
	must(t, p.Mknod(ctx, at("/tmp/sock"), vfs.KindSocket, 0o777, vfs.Dev{}))
	const rw = proc.Read | proc.Write
	for _, c := range []struct {
		path  string
		flags proc.Flags
		want  error
	}{
		{"/tmp/f", proc.Read, nil},
		{"/tmp/f", rw | proc.Create, nil},
		{"/tmp/f", rw | proc.Create | proc.Exclusive, syscall.EEXIST},
		{"/tmp/f", proc.Read | proc.Directory, syscall.ENOTDIR},
		{"/tmp/f/", proc.Read, syscall.ENOTDIR},
		{"/tmp/f", proc.Read | proc.Truncate, syscall.EINVAL},
		{"/tmp/f", 0, syscall.EINVAL},
		{"/tmp/f", proc.Read | proc.SharedLock | proc.ExclusiveLock, syscall.EINVAL},
		{"/tmp", proc.Read, nil},
		{"/tmp", proc.Read | proc.Directory, nil},
		{"/tmp", rw, syscall.EISDIR},
		{"/tmp", rw | proc.Create, syscall.EISDIR},
		{"/tmp/", rw | proc.Create, syscall.EISDIR},
		{"/tmp/none", proc.Read, syscall.ENOENT},
		{"/tmp/none/f", rw | proc.Create, syscall.ENOENT},
		{"/tmp/f/f", rw | proc.Create, syscall.ENOTDIR},
		{"/tmp/link", proc.Read, nil},
		{"/tmp/link", proc.Read | proc.NoFollow, proc.ErrSymlink},
		{"/tmp/link", rw | proc.Create | proc.Exclusive, syscall.EEXIST},
		{"/tmp/dangling", proc.Read, syscall.ENOENT},
		{"/tmp/dangling", rw | proc.Create | proc.Exclusive, syscall.EEXIST},
		{"/tmp/dangling", rw | proc.Create | proc.NoFollow, proc.ErrSymlink},
		{"/tmp/dangling", rw | proc.Create, nil},
		{"/tmp/loop", rw | proc.Create, syscall.ELOOP},
		{"/tmp/sock", proc.Read, syscall.EOPNOTSUPP},
		{"/dev/null", rw, nil},
		{"/dev/null", rw | proc.Create | proc.Truncate, nil},
		{"/dev/none", rw, syscall.ENXIO},
		{"/dk", rw | proc.Create, nil},
		{"/dk", rw | proc.Create | proc.Exclusive, syscall.EEXIST},
		{"/tmp/disk", rw, nil},
		{"", proc.Read, syscall.ENOENT},
		{"/tmp/\x00", proc.Read, syscall.EINVAL},
		{"/tmp/" + string(slices.Repeat([]byte{'x'}, 256)), rw | proc.Create, syscall.ENAMETOOLONG},
		{"/" + string(slices.Repeat([]byte("./"), 600)), proc.Read, syscall.ENAMETOOLONG},
	} {
		fd, err := p.OpenAt(ctx, at(c.path), c.flags, 0o644)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("open %.40q with %#x: %v, want %v", c.path, c.flags, err, c.want)
		}
		if err == nil {
			must(t, p.Close(fd))
		}
	}
	if st, err := p.Stat(ctx, at("/tmp/new"), true); err != nil || st.Mode != 0o644 {
		t.Errorf("what a dangling link led to: mode %o, %v", st.Mode, err)
	}
	if n := p.Descriptors(); n != 3 {
		t.Errorf("%d descriptors, want 3", n)
	}
}

// TestMask makes files of all kinds under a mask.
func TestMask(t *testing.T) {
	p := newRig(t).process()
	if old := p.Umask(0o027); old != 0o022 {
		t.Errorf("the mask was %o, want 022", old)
	}
	fd, err := p.OpenAt(ctx, at("/tmp/f"), proc.Write|proc.Create, 0o7777)
	must(t, err)
	must(t, p.Close(fd))
	must(t, p.Mkdir(ctx, at("/tmp/d"), 0o7777))
	must(t, p.Mkfifo(ctx, at("/tmp/p"), 0o777))
	for path, want := range map[string]uint32{"/tmp/f": 0o6750, "/tmp/d": 0o750, "/tmp/p": 0o750} {
		if st, err := p.Stat(ctx, at(path), true); st.Mode != want || err != nil {
			t.Errorf("%s: mode %o, %v, want %o", path, st.Mode, err, want)
		}
	}
}

// TestDescriptors gives out the lowest ones, and shares what they lead to.
func TestDescriptors(t *testing.T) {
	r := newRig(t)
	p := r.process()
	file(t, p, "/tmp/f", "0123456789")
	open := func() int {
		t.Helper()
		fd, err := p.OpenAt(ctx, at("/tmp/f"), proc.Read, 0)
		must(t, err)
		return fd
	}
	a, b, c := open(), open(), open()
	if a != 3 || b != 4 || c != 5 {
		t.Errorf("descriptors %d %d %d, want 3 4 5", a, b, c)
	}
	must(t, p.Close(b))
	must(t, p.Close(a))
	if fd := open(); fd != 3 {
		t.Errorf("descriptor %d, want 3", fd)
	}
	d, err := p.Dup(3, 0, false)
	if d != 4 || err != nil {
		t.Errorf("dup: %d, %v, want 4", d, err)
	}
	high, err := p.Dup(3, 50, true)
	if high != 50 || err != nil || p.LastDescriptor() != 50 {
		t.Errorf("dup from 50 on: %d, %v, last %d", high, err, p.LastDescriptor())
	}
	one := make([]byte, 3)
	if _, err := p.Read(ctx, 3, one); string(one) != "012" || err != nil {
		t.Errorf("read %q, %v", one, err)
	}
	if _, err := p.Read(ctx, 50, one); string(one) != "345" || err != nil {
		t.Errorf("a copy reads %q, %v", one, err)
	}
	must(t, p.Dup2(3, 60, false))
	must(t, p.Dup2(60, 60, false))
	must(t, p.Dup2(60, 5, false)) // over another
	if off, err := p.Seek(ctx, 5, 0, proc.SeekCurrent); off != 6 || err != nil {
		t.Errorf("a copy is at %d, %v, want 6", off, err)
	}
	for _, fd := range []int{-1, 61, 1 << 30} {
		if err := p.Close(fd); err != syscall.EBADF {
			t.Errorf("close %d: %v, want EBADF", fd, err)
		}
		if err := p.Dup2(fd, 7, false); err != syscall.EBADF {
			t.Errorf("dup2 of %d: %v, want EBADF", fd, err)
		}
		if err := p.Dup2(3, fd, false); fd != 61 && err != syscall.EBADF {
			t.Errorf("dup2 to %d: %v, want EBADF", fd, err)
		}
	}
	child, err := p.Fork()
	must(t, err)
	defer child.Exit()
	if _, err := child.Read(ctx, 60, one); string(one) != "678" || err != nil {
		t.Errorf("a child reads %q, %v", one, err)
	}
	if off, err := p.Seek(ctx, 3, 0, proc.SeekCurrent); off != 9 || err != nil {
		t.Errorf("its parent is at %d, %v, want 9", off, err)
	}
	child.Exec("other")
	if _, err := child.Read(ctx, 50, one); err != syscall.EBADF {
		t.Errorf("another program has what was to be closed: %v", err)
	}
	if _, err := child.Read(ctx, 60, one); err != nil {
		t.Errorf("another program has not what was to stay: %v", err)
	}
	if name := child.Name(); name != "other" {
		t.Errorf("its name is %q", name)
	}
	must(t, p.CloseFrom(3))
	if n := p.Descriptors(); n != 3 {
		t.Errorf("%d descriptors, want 3", n)
	}
}

// TestLimit has no more descriptors than a process may.
func TestLimit(t *testing.T) {
	p := newRig(t).process()
	l, err := p.Limit(proc.LimitFiles)
	must(t, err)
	n := 3
	for ; n < 10000; n++ {
		if _, err = p.OpenAt(ctx, at("/dev/null"), proc.Read, 0); err != nil {
			break
		}
	}
	if err != syscall.EMFILE || uint64(n) != l.Soft {
		t.Errorf("%d descriptors, then %v, want %d, EMFILE", n, err, l.Soft)
	}
	if _, _, err := p.Pipe(0); err != syscall.EMFILE {
		t.Errorf("a pipe: %v, want EMFILE", err)
	}
	must(t, p.Close(10))
	if _, _, err := p.Pipe(0); err != syscall.EMFILE {
		t.Errorf("a pipe with one descriptor: %v, want EMFILE", err)
	}
	l.Soft = l.Hard
	must(t, p.SetLimit(proc.LimitFiles, l))
	if _, _, err := p.Pipe(0); err != nil {
		t.Error(err)
	}
	for _, bad := range []proc.Limit{{Soft: 2, Hard: 1}} {
		if err := p.SetLimit(proc.LimitFiles, bad); err != syscall.EINVAL {
			t.Errorf("limit %v: %v, want EINVAL", bad, err)
		}
	}
	if _, err := p.Limit(proc.NumLimits); err != syscall.EINVAL {
		t.Errorf("no such limit: %v, want EINVAL", err)
	}
}

// TestOffsets seeks, reads and writes at places, appends.
func TestOffsets(t *testing.T) {
	p := newRig(t).process()
	file(t, p, "/tmp/f", "0123456789")
	fd, err := p.OpenAt(ctx, at("/tmp/f"), proc.Read|proc.Write, 0)
	must(t, err)
	for _, c := range []struct {
		off  int64
		from proc.Whence
		want int64
		err  error
	}{
		{4, proc.SeekStart, 4, nil}, {2, proc.SeekCurrent, 6, nil}, {-3, proc.SeekEnd, 7, nil}, {5, proc.SeekEnd, 15, nil},
		{-1, proc.SeekStart, 0, syscall.EINVAL}, {0, 9, 0, syscall.EINVAL}, {1<<63 - 1, proc.SeekCurrent, 0, syscall.EOVERFLOW},
	} {
		got, err := p.Seek(ctx, fd, c.off, c.from)
		if !errors.Is(err, c.err) || err == nil && got != c.want {
			t.Errorf("seek %d from %d: %d, %v, want %d, %v", c.off, c.from, got, err, c.want, c.err)
		}
	}
	b := make([]byte, 4)
	if n, err := p.Pread(ctx, fd, b, 8); n != 2 || err != nil || string(b[:n]) != "89" {
		t.Errorf("pread: %q, %v", b[:n], err)
	}
	if n, err := p.Pwrite(ctx, fd, []byte("xy"), 2); n != 2 || err != nil {
		t.Errorf("pwrite: %d, %v", n, err)
	}
	if off, _ := p.Seek(ctx, fd, 0, proc.SeekCurrent); off != 15 {
		t.Errorf("offset %d after pread and pwrite, want 15", off)
	}
	ap, err := p.OpenAt(ctx, at("/tmp/f"), proc.Write|proc.Append, 0)
	must(t, err)
	_, err = p.Write(ctx, ap, []byte("end"))
	must(t, err)
	if got := content(t, p, "/tmp/f"); got != "01xy456789end" {
		t.Errorf("the file holds %q", got)
	}
	if _, err := p.Read(ctx, ap, b); err != syscall.EBADF {
		t.Errorf("reading what is open for writing: %v, want EBADF", err)
	}
	if err := p.Ftruncate(ctx, fd, 3); err != nil || content(t, p, "/tmp/f") != "01x" {
		t.Errorf("truncate: %v, %q", err, content(t, p, "/tmp/f"))
	}
	rd, err := p.OpenAt(ctx, at("/tmp/f"), proc.Read, 0)
	must(t, err)
	if err := p.Ftruncate(ctx, rd, 0); err != syscall.EINVAL {
		t.Errorf("truncating what is open for reading: %v, want EINVAL", err)
	}
	r, w, err := p.Pipe(0)
	must(t, err)
	if _, err := p.Seek(ctx, r, 0, proc.SeekStart); err != syscall.ESPIPE {
		t.Errorf("seek in a pipe: %v, want ESPIPE", err)
	}
	if _, err := p.Pwrite(ctx, w, b, 0); err != syscall.ESPIPE {
		t.Errorf("pwrite to a pipe: %v, want ESPIPE", err)
	}
	if err := p.Fsync(ctx, w, false); err != syscall.EINVAL {
		t.Errorf("fsync of a pipe: %v, want EINVAL", err)
	}
	must(t, p.Fsync(ctx, fd, false))
}

// TestReadDir reads a directory in pieces, and goes back in it.
func TestReadDir(t *testing.T) {
	p := newRig(t).process()
	for i := range 20 {
		file(t, p, fmt.Sprintf("/tmp/f%02d", i), "")
	}
	fd, err := p.OpenAt(ctx, at("/tmp"), proc.Read, 0)
	must(t, err)
	read := func(most int) (names []string) {
		t.Helper()
		must(t, p.ReadDir(ctx, fd, func(e vfs.DirEntry) bool {
			if len(names) == most {
				return false
			}
			names = append(names, string(e.Name))
			return true
		}))
		return names
	}
	var all []string
	for {
		names := read(3)
		if len(names) == 0 {
			break
		}
		all = append(all, names...)
	}
	if len(all) != 22 || !slices.Contains(all, "f19") {
		t.Errorf("%d entries, want 22: %v", len(all), all)
	}
	if _, err := p.Seek(ctx, fd, 0, proc.SeekStart); err != nil || len(read(100)) != 22 {
		t.Errorf("again from the start: %v", err)
	}
	if _, err := p.Read(ctx, fd, make([]byte, 10)); err != syscall.EISDIR {
		t.Errorf("reading a directory as a file: %v, want EISDIR", err)
	}
	f, err := p.OpenAt(ctx, at("/tmp/f00"), proc.Read, 0)
	must(t, err)
	if err := p.ReadDir(ctx, f, nil); err != syscall.ENOTDIR {
		t.Errorf("reading a file as a directory: %v, want ENOTDIR", err)
	}
}

// TestAt starts paths in open directories.
func TestAt(t *testing.T) {
	p := newRig(t).process()
	must(t, p.Mkdir(ctx, at("/tmp/d"), 0o755))
	dir, err := p.OpenAt(ctx, at("/tmp/d"), proc.Read, 0)
	must(t, err)
	must(t, p.Mkdir(ctx, proc.At{FD: dir, Path: "sub"}, 0o755))
	file(t, p, "/tmp/d/sub/f", "x")
	fd, err := p.OpenAt(ctx, proc.At{FD: dir, Path: "sub/f"}, proc.Read, 0)
	must(t, err)
	if _, err := p.Stat(ctx, proc.At{FD: fd, Path: "x"}, true); err != syscall.ENOTDIR {
		t.Errorf("from a file: %v, want ENOTDIR", err)
	}
	if _, err := p.Stat(ctx, proc.At{FD: 99, Path: "x"}, true); err != syscall.EBADF {
		t.Errorf("from nothing: %v, want EBADF", err)
	}
	if _, err := p.Stat(ctx, proc.At{FD: 99, Path: "/tmp"}, true); err != nil {
		t.Errorf("an absolute path: %v", err)
	}
	must(t, p.Fchdir(ctx, dir))
	if cwd, err := p.Getcwd(ctx); cwd != "/tmp/d" || err != nil {
		t.Errorf("directory %q, %v, want /tmp/d", cwd, err)
	}
	must(t, p.Chdir(ctx, "sub"))
	if _, err := p.Stat(ctx, at("f"), true); err != nil {
		t.Error(err)
	}
	if err := p.Chdir(ctx, "f"); err != syscall.ENOTDIR {
		t.Errorf("chdir to a file: %v, want ENOTDIR", err)
	}
	must(t, p.Chdir(ctx, "../../.."))
	must(t, p.Rename(ctx, proc.At{FD: dir, Path: "sub"}, at("tmp/moved"), true))
	if err := p.Rmdir(ctx, at("tmp/moved")); err != syscall.ENOTEMPTY {
		t.Errorf("rmdir: %v, want ENOTEMPTY", err)
	}
}

// TestRenameSame renames a file to another name of its own: BSD takes the old one away, POSIX does nothing.
func TestRenameSame(t *testing.T) {
	p := newRig(t).process()
	exists := func(path string) bool {
		_, err := p.Stat(ctx, at(path), false)
		return err == nil
	}
	for _, posix := range []bool{false, true} {
		file(t, p, "/tmp/a", "x")
		_ = p.Unlink(ctx, at("/tmp/b"))
		must(t, p.Link(ctx, at("/tmp/a"), at("/tmp/b"), true))
		must(t, p.Rename(ctx, at("/tmp/a"), at("/tmp/b"), posix))
		if exists("/tmp/a") != posix || !exists("/tmp/b") {
			t.Errorf("posix %v: the old name is there: %v, the new one: %v", posix, exists("/tmp/a"), exists("/tmp/b"))
		}
		must(t, p.Rename(ctx, at("/tmp/b"), at("/tmp/b"), posix))
		if !exists("/tmp/b") {
			t.Errorf("posix %v: a rename to itself removed the file", posix)
		}
	}
}

// TestKeys asks what may be done to a key.
func TestKeys(t *testing.T) {
	p := newRig(t).process()
	for what, err := range map[string]error{
		"mkdir": p.Mkdir(ctx, at("/dk"), 0o755), "link": p.Link(ctx, at("/dev/null"), at("/dk"), true), "symlink": p.Symlink(ctx, "x", at("//dk")),
	} {
		if err != syscall.EEXIST {
			t.Errorf("%s over a key: %v, want EEXIST", what, err)
		}
	}
	for what, err := range map[string]error{
		"unlink": p.Unlink(ctx, at("/dk")), "rename from": p.Rename(ctx, at("/dk"), at("/x"), true), "rename to": p.Rename(ctx, at("/dev/null"), at("/dk"), true),
	} {
		if err != syscall.EOPNOTSUPP {
			t.Errorf("%s a key: %v, want EOPNOTSUPP", what, err)
		}
	}
	if err := p.SetAttr(ctx, at("/dk"), true, vfs.SetAttr{Mask: vfs.SetMode, Mode: 0o644}); err != nil {
		t.Errorf("chmod of a key: %v", err)
	}
	must(t, p.Chdir(ctx, "/tmp"))
	if _, err := p.Stat(ctx, at("dk"), true); err != syscall.ENOENT {
		t.Errorf("a key from elsewhere: %v, want ENOENT", err)
	}
}

// TestHalt ends a System once.
func TestHalt(t *testing.T) {
	r := newRig(t)
	p, user := r.process(), r.user(5)
	if err := user.Reboot(ctx, 0); err != syscall.EPERM {
		t.Errorf("reboot by anybody: %v, want EPERM", err)
	}
	var order []string
	for _, name := range []string{"first", "second"} {
		r.sys.AtHalt(func(context.Context) error { order = append(order, name); return nil })
	}
	r.sys.AfterUnmount(func() error { order = append(order, "after"); return nil })
	fd, err := p.OpenAt(ctx, at("/tmp/f"), proc.Write|proc.Create, 0o644)
	must(t, err)
	must(t, p.Reboot(ctx, proc.HaltStay))
	if err := p.Reboot(ctx, 0); err != syscall.EALREADY {
		t.Errorf("once more: %v, want EALREADY", err)
	}
	if !slices.Equal(order, []string{"second", "first", "after"}) {
		t.Errorf("order %v", order)
	}
	if _, err := p.Write(ctx, fd, []byte("x")); err != syscall.ESTALE {
		t.Errorf("write: %v, want ESTALE", err)
	}
	if _, err := r.sys.NewProcess("late"); err != syscall.EAGAIN {
		t.Errorf("a new process: %v, want EAGAIN", err)
	}
	r.sys.Finish()
	r.sys.Finish()
	<-r.sys.Halted()
	if r.sys.How() != proc.HaltStay {
		t.Errorf("how: %v", r.sys.How())
	}
}
