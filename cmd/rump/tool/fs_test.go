package tool_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"rump/cmd/rump/tool"
	"rump/cmd/rump/tool/hostfs"
	"rump/cmd/rump/tool/remotefs"
	"rump/components"
	"rump/ffs/mkfs"
	"rump/rumpfs/blockdev"
	"rump/rumpfs/kern/dev"
	"rump/rumpfs/vfs"
	"rump/sysproxy/client"
	"rump/sysproxy/server"
)

// newRemote is a name space in a server of this process, with a file system mounted on the current directory.
func newRemote(tb testing.TB) tool.FS {
	tb.Helper()
	ok := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	m, err := components.Boot(ctx, components.Options{Components: components.All(), Now: clock})
	ok(err)
	image := filepath.Join(tb.TempDir(), "img")
	disk, err := blockdev.OpenFile(image, blockdev.FileOptions{Create: true, MinSize: 16 << 20})
	ok(err)
	_, err = mkfs.Newfs(ctx, disk, mkfs.Options{Version: 2})
	ok(err)
	ok(disk.Close())
	ok(m.AddKey(components.Key{Path: "/dk", Kind: vfs.KindBlock, File: dev.HostDisk{Path: image}}))

	dir, err := os.MkdirTemp("", "rump") // short, for the socket's path
	ok(err)
	url := "unix://" + filepath.Join(dir, "s")
	l, err := server.Listen(url)
	ok(err)
	s := server.New(server.Options{System: m.System})
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	c, err := client.Dial(ctx, url, client.Options{Program: "test"})
	ok(err)
	tb.Cleanup(func() {
		c.Close()
		if err := errors.Join(s.Close(ctx), <-done); err != nil {
			tb.Error(err)
		}
		if n := m.System.Processes(); n != 1 {
			tb.Errorf("%d processes are left, want 1", n)
		}
		if err := m.System.Shutdown(ctx, 0); err != nil {
			tb.Errorf("shutdown: %v", err)
		}
		os.RemoveAll(dir)
	})
	ok(c.Mkdir("/mnt", 0o755))
	ok(c.Mount("ffs", "/mnt", 0, "/dk"))
	ok(c.Chdir("/mnt"))
	return remotefs.New(c)
}

// newHost is a new directory of the host, which becomes the current one.
func newHost(tb testing.TB) tool.FS {
	tb.Helper()
	tb.(interface{ Chdir(string) }).Chdir(tb.TempDir())
	h := new(hostfs.FS)
	tb.Cleanup(h.Close)
	return h
}

// spaces are all kinds of name space.
var spaces = map[string]func(testing.TB) tool.FS{
	"ffs":    func(tb testing.TB) tool.FS { return newFFS(tb) },
	"rumpfs": func(tb testing.TB) tool.FS { return newRumpfs(tb) },
	"remote": newRemote,
	"host":   newHost,
}

// each runs a test on every kind.
func each(t *testing.T, fn func(t *testing.T, fs tool.FS)) {
	for _, name := range []string{"ffs", "rumpfs", "remote", "host"} {
		t.Run(name, func(t *testing.T) { fn(t, spaces[name](t)) })
	}
}

func TestSpaceErrors(t *testing.T) {
	each(t, func(t *testing.T, fs tool.FS) {
		mkdir(t, fs, "d")
		put(t, fs, "d/f", "x")
		put(t, fs, "f", "y")
		link := vfs.CreateAttr{Kind: vfs.KindSymlink, Mode: 0o777, Target: "loop"}
		node(t, fs, "loop", link)
		link.Target = "d/f"
		node(t, fs, "l", link)
		stat := func(path string, follow bool) func() error {
			return func() error { _, err := fs.Stat(ctx, path, follow); return err }
		}
		open := func(path string, flag tool.OpenFlag) func() error {
			return func() error {
				f, err := fs.Open(ctx, path, flag, 0o644)
				if err == nil {
					err = f.Close()
				}
				return err
			}
		}
		for _, c := range []struct {
			name string
			do   func() error
			want error
		}{
			{"stat of nothing", stat("nope", true), syscall.ENOENT},
			{"stat of the empty path", stat("", true), syscall.ENOENT},
			{"stat below nothing", stat("nope/x", false), syscall.ENOENT},
			{"stat below a file", stat("f/x", false), syscall.ENOTDIR},
			{"stat of a file with a slash", stat("f/", false), syscall.ENOTDIR},
			{"stat of a loop", stat("loop", true), syscall.ELOOP},
			{"stat of a loop itself", stat("loop", false), nil},
			{"stat through a loop", stat("loop/x", false), syscall.ELOOP},
			{"stat of a long name", stat(strings.Repeat("n", 256), false), syscall.ENAMETOOLONG},
			{"read directory of nothing", func() error { _, err := fs.ReadDir(ctx, "nope"); return err }, syscall.ENOENT},
			{"read directory of a file", func() error { _, err := fs.ReadDir(ctx, "f"); return err }, syscall.ENOTDIR},
			{"read link of a file", func() error { _, err := fs.Readlink(ctx, "f"); return err }, syscall.EINVAL},
			{"make what is there", func() error { return fs.Make(ctx, "d", vfs.CreateAttr{Kind: vfs.KindDir}) }, syscall.EEXIST},
			{"make over a link", func() error { return fs.Make(ctx, "l", vfs.CreateAttr{Kind: vfs.KindFifo}) }, syscall.EEXIST},
			{"make in nothing", func() error { return fs.Make(ctx, "nope/x", vfs.CreateAttr{Kind: vfs.KindDir}) }, syscall.ENOENT},
			{"make in a file", func() error { return fs.Make(ctx, "f/x", vfs.CreateAttr{Kind: vfs.KindDir}) }, syscall.ENOTDIR},
			{"link to nothing", func() error { return fs.Link(ctx, "nope", "x") }, syscall.ENOENT},
			{"link over what is there", func() error { return fs.Link(ctx, "f", "d/f") }, syscall.EEXIST},
			{"link to a directory", func() error { return fs.Link(ctx, "d", "x") }, syscall.EPERM},
			{"remove nothing", func() error { return fs.Remove(ctx, "nope") }, syscall.ENOENT},
			{"remove a file with a slash", func() error { return fs.Remove(ctx, "f/") }, syscall.ENOTDIR},
			{"rmdir of a file", func() error { return fs.Rmdir(ctx, "f") }, syscall.ENOTDIR},
			{"rmdir of a full one", func() error { return fs.Rmdir(ctx, "d") }, syscall.ENOTEMPTY},
			{"rename of nothing", func() error { return fs.Rename(ctx, "nope", "x") }, syscall.ENOENT},
			{"rename of a directory into itself", func() error { return fs.Rename(ctx, "d", "d/x") }, syscall.EINVAL},
			{"rename of a file over a directory", func() error { return fs.Rename(ctx, "f", "d") }, syscall.EISDIR},
			{"set of nothing", func() error { return fs.SetAttr(ctx, "nope", true, vfs.SetAttr{Mask: vfs.SetMode, Mode: 1}) }, syscall.ENOENT},
			{"open of nothing", open("nope", tool.Read), syscall.ENOENT},
			{"open of a directory to write", open("d", tool.Write), syscall.EISDIR},
			{"open of what is there, exclusively", open("f", tool.Write|tool.Create|tool.Exclusive), syscall.EEXIST},
			{"open of a link, not followed", open("l", tool.Write|tool.NoFollow), syscall.ELOOP},
			{"open of a loop", open("loop", tool.Write|tool.Create), syscall.ELOOP},
			{"create in nothing", open("nope/x", tool.Write|tool.Create), syscall.ENOENT},
		} {
			err := c.do()
			if !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", c.name, err, c.want)
			}
			if err != nil && strings.Contains(tool.Reason(err), "/") {
				t.Errorf("%s: the reason repeats the path: %v", c.name, err)
			}
		}
	})
}

func TestSpaceNodes(t *testing.T) {
	each(t, func(t *testing.T, fs tool.FS) {
		mkdir(t, fs, "d")
		put(t, fs, "d/f", "hello")
		node(t, fs, "l", vfs.CreateAttr{Kind: vfs.KindSymlink, Mode: 0o777, Target: "d/f"})
		node(t, fs, "p", vfs.CreateAttr{Kind: vfs.KindFifo, Mode: 0o640})
		for path, want := range map[string]vfs.Kind{"d": vfs.KindDir, "d/f": vfs.KindRegular, "l": vfs.KindSymlink, "p": vfs.KindFifo, ".": vfs.KindDir, "d/../l": vfs.KindSymlink, "./d/": vfs.KindDir} {
			st, err := fs.Stat(ctx, path, false)
			if err != nil || st.Kind != want {
				t.Errorf("%s: kind %d, %v; want %d", path, st.Kind, err, want)
			}
		}
		direct, err := fs.Stat(ctx, "d/f", false)
		through, err2 := fs.Stat(ctx, "l", true)
		if err != nil || err2 != nil || direct.Ino != through.Ino || direct.Dev != through.Dev || direct.Size != 5 || direct.Nlink != 1 {
			t.Errorf("d/f is %+v, l leads to %+v (%v, %v)", direct, through, err, err2)
		}
		if target, err := fs.Readlink(ctx, "l"); target != "d/f" || err != nil {
			t.Errorf("readlink: %q, %v", target, err)
		}
		var names []string
		entries, err := fs.ReadDir(ctx, ".")
		for _, e := range entries {
			if e.Name != "." && e.Name != ".." {
				names = append(names, e.Name)
			}
		}
		slices.Sort(names)
		if strings.Join(names, " ") != "d l p" || err != nil {
			t.Errorf("names %q, %v", names, err)
		}
		for _, step := range []error{
			fs.Link(ctx, "l", "l2"), fs.Link(ctx, "d/f", "hard"), fs.Rename(ctx, "d", "e"), fs.Rename(ctx, "hard", "e/g"),
			fs.Remove(ctx, "p"), fs.Remove(ctx, "l"),
		} {
			if step != nil {
				t.Error(step)
			}
		}
		if st, err := fs.Stat(ctx, "l2", false); err != nil || st.Kind != vfs.KindSymlink {
			t.Errorf("link to a symbolic link: %+v, %v", st, err)
		}
		if _, err := fs.Stat(ctx, "d/f", false); !errors.Is(err, syscall.ENOENT) {
			t.Errorf("under its old name: %v", err)
		}
		if st, err := fs.Stat(ctx, "e/g", false); err != nil || st.Nlink != 2 || st.Ino != direct.Ino {
			t.Errorf("e/g: %+v, %v", st, err)
		}
	})
}

func TestSpaceAttributes(t *testing.T) {
	each(t, func(t *testing.T, fs tool.FS) {
		put(t, fs, "f", "hello")
		node(t, fs, "l", vfs.CreateAttr{Kind: vfs.KindSymlink, Mode: 0o777, Target: "f"})
		set(t, fs, "f", vfs.SetAttr{Mask: vfs.SetMode | vfs.SetAtime | vfs.SetMtime, Mode: 0o4711, Atime: vfs.Time{Sec: 5, Nsec: 6000}, Mtime: vfs.Time{Sec: 7, Nsec: 8000}})
		set(t, fs, "f", vfs.SetAttr{Mask: vfs.SetAtime, Atime: vfs.Time{Sec: 9}})
		set(t, fs, "l", vfs.SetAttr{Mask: vfs.SetMtime, Mtime: vfs.Time{Sec: 11}})
		f, err := fs.Stat(ctx, "l", true)
		if err != nil || f.Mode != 0o4711 || f.Mtime != (vfs.Time{Sec: 7, Nsec: 8000}) || f.Atime != (vfs.Time{Sec: 9}) {
			t.Errorf("f: %+v, %v", f.Attr, err)
		}
		if l, err := fs.Stat(ctx, "l", false); err != nil || l.Mtime != (vfs.Time{Sec: 11}) {
			t.Errorf("l: %+v, %v", l.Attr, err)
		}
		if err := fs.SetAttr(ctx, "l", true, vfs.SetAttr{Mask: vfs.SetSize, Size: 3}); err != nil {
			t.Error(err)
		}
		if f, err = fs.Stat(ctx, "f", false); err != nil || f.Size != 3 {
			t.Errorf("size %d, %v; want 3", f.Size, err)
		}
	})
}

func TestSpaceFiles(t *testing.T) {
	each(t, func(t *testing.T, fs tool.FS) {
		node(t, fs, "dangling", vfs.CreateAttr{Kind: vfs.KindSymlink, Mode: 0o777, Target: "made"})
		put(t, fs, "dangling", "0123456789")
		f, err := fs.Open(ctx, "made", tool.Read|tool.Write, 0)
		if err != nil {
			t.Fatal(err)
		}
		p := make([]byte, 4)
		for _, s := range []struct {
			off    int64
			whence int
			want   int64
			read   string
		}{{0, io.SeekStart, 0, "0123"}, {1, io.SeekCurrent, 5, "5678"}, {-2, io.SeekEnd, 8, "89"}, {20, io.SeekStart, 20, ""}} {
			if at, err := f.Seek(ctx, s.off, s.whence); at != s.want || err != nil {
				t.Errorf("seek %d from %d: %d, %v; want %d", s.off, s.whence, at, err, s.want)
			}
			n, err := f.Read(ctx, p)
			if string(p[:n]) != s.read || (err == io.EOF) != (s.read == "") || err != nil && err != io.EOF {
				t.Errorf("read at %d: %q, %v; want %q", s.want, p[:n], err, s.read)
			}
		}
		if _, err := f.Seek(ctx, -1, io.SeekStart); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("seek to -1: %v", err)
		}
		if _, err := f.Seek(ctx, 12, io.SeekStart); err != nil {
			t.Error(err)
		}
		if n, err := f.Write(ctx, []byte("ab")); n != 2 || err != nil {
			t.Errorf("write: %d, %v", n, err)
		}
		if err := f.SetAttr(ctx, vfs.SetAttr{Mask: vfs.SetSize | vfs.SetMode | vfs.SetMtime, Size: 13, Mode: 0o600, Mtime: vfs.Time{Sec: 3}}); err != nil {
			t.Error(err)
		}
		if st, err := f.Stat(ctx); err != nil || st.Size != 13 || st.Mode != 0o600 || st.Mtime.Sec != 3 {
			t.Errorf("stat: %+v, %v", st.Attr, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		a, err := fs.Open(ctx, "made", tool.Append|tool.Create, 0o666)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := a.Write(ctx, []byte("+")); err != nil {
				t.Error(err)
			}
		}
		a.Close()
		if got := must(t, fs, &tool.Cat{Paths: []string{"made"}}); got != "0123456789\x00\x00a++" {
			t.Errorf("content %q", got)
		}
		put(t, fs, "made", "")
		if got := must(t, fs, &tool.Cat{Paths: []string{"made"}}); got != "" {
			t.Errorf("after truncation %q", got)
		}
	})
}

// TestSpaceDeep goes deeper than any path of the host.
func TestSpaceDeep(t *testing.T) {
	for _, name := range []string{"ffs", "host"} {
		t.Run(name, func(t *testing.T) {
			fs := spaces[name](t)
			path := "."
			for range 40 {
				path += "/" + strings.Repeat("d", 200)
				mkdir(t, fs, path)
			}
			put(t, fs, path+"/f", "deep")
			set(t, fs, path+"/f", vfs.SetAttr{Mask: vfs.SetMode, Mode: 0o600})
			if err := errors.Join(fs.Link(ctx, path+"/f", path+"/g"), fs.Rename(ctx, path+"/g", path+"/h"), fs.Link(ctx, path+"/h", "top")); err != nil {
				t.Error(err)
			}
			if got := must(t, fs, &tool.Cat{Paths: []string{path + "/h"}}); got != "deep" {
				t.Errorf("content %q", got)
			}
			if got := must(t, fs, &tool.Find{Words: []string{"h"}}); got != path+"/h\n" {
				t.Errorf("found at %d bytes, want %d", len(got), len(path)+3)
			}
			must(t, fs, &tool.Rm{Recurse: true, Paths: []string{strings.Repeat("d", 200)}})
			if got := must(t, fs, &tool.Ls{}); got != "top\n" {
				t.Errorf("left: %q", got)
			}
		})
	}
}

// TestSpaceCancelled: nobody waits for a tool that was interrupted.
func TestSpaceCancelled(t *testing.T) {
	each(t, func(t *testing.T, fs tool.FS) {
		put(t, fs, "f", "x")
		ended, end := context.WithCancel(ctx)
		end()
		for _, r := range []runner{&tool.Ls{}, &tool.Find{}, &tool.Du{}, &tool.Cp{Paths: []string{"f", "g"}}, &tool.Rm{Recurse: true, Paths: []string{"f"}}} {
			err := r.Run(ended, &tool.Env{FS: fs, Stdout: io.Discard, Stderr: io.Discard, Getenv: os.Getenv, Now: clock})
			if err == nil {
				t.Errorf("%T: no error", r)
			}
		}
	})
}
