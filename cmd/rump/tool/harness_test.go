package tool_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"rump/cmd/rump/tool"
	"rump/cmd/rump/tool/doorfs"
	"rump/cmd/rump/tool/hostfs"
	"rump/ffs"
	"rump/ffs/mkfs"
	"rump/rumpfs/blockdev"
	"rump/rumpfs/kern"
	"rump/rumpfs/rootfs"
	"rump/rumpfs/vfs"
)

var ctx = context.Background()

// birthday is what the clocks of these tests show.
var birthday = time.Date(2026, time.November, 25, 12, 43, 7, 123456789, time.UTC)

func clock() time.Time { return birthday }

// volume is an empty FFS in memory.
func volume(tb testing.TB, o mkfs.Options, size int64) vfs.FS {
	tb.Helper()
	dev := blockdev.NewMemory(size)
	o.Size = size
	if _, err := mkfs.Newfs(ctx, dev, o); err != nil {
		tb.Fatal(err)
	}
	fs, err := ffs.Mount(ctx, dev, ffs.Options{From: "/dev/dk0", Now: clock})
	if err != nil {
		tb.Fatal(err)
	}
	return fs
}

// space is a kernel's name space on a file system.
func space(tb testing.TB, root vfs.FS) *doorfs.FS {
	tb.Helper()
	k, err := kern.Boot(kern.Options{Root: root, Now: clock})
	if err != nil {
		tb.Fatal(err)
	}
	fs := doorfs.New(k, "test")
	tb.Cleanup(func() {
		fs.Close()
		if n := k.Referenced(); n != 0 {
			tb.Errorf("%d vnodes are still referred to", n)
		}
		if err := k.Halt(ctx); err != nil {
			tb.Errorf("halt: %v", err)
		}
	})
	return fs
}

func newFFS(tb testing.TB) *doorfs.FS {
	tb.Helper()
	return space(tb, volume(tb, mkfs.Options{Version: 2}, 8<<20))
}

func newRumpfs(tb testing.TB) *doorfs.FS {
	tb.Helper()
	return space(tb, rootfs.New(rootfs.Options{Classic: true, Now: clock}))
}

// A runner is a tool.
type runner interface {
	Run(context.Context, *tool.Env) error
}

// answer is what a tool said.
type answer struct {
	out, errs string
	err       error
}

// run runs a tool.
func run(tb testing.TB, fs tool.FS, t runner, stdin string) answer {
	tb.Helper()
	var out, errs bytes.Buffer
	var host hostfs.FS
	defer host.Close()
	err := t.Run(ctx, &tool.Env{
		Name: "t", FS: fs, Host: &host, Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &errs,
		Getenv: func(string) string { return "" }, Now: clock, Zone: time.UTC,
	})
	return answer{out.String(), errs.String(), err}
}

// must runs a tool that has nothing to complain of and returns its output.
func must(tb testing.TB, fs tool.FS, t runner) string {
	tb.Helper()
	a := run(tb, fs, t, "")
	if a.err != nil || a.errs != "" {
		tb.Fatalf("%T: %v, errors %q", t, a.err, a.errs)
	}
	return a.out
}

// put makes a regular file.
func put(tb testing.TB, fs tool.FS, path, text string) {
	tb.Helper()
	f, err := fs.Open(ctx, path, tool.Write|tool.Create|tool.Truncate, 0o666)
	if err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
	if _, err := f.Write(ctx, []byte(text)); err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
	if err := f.Close(); err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
}

// node makes something else.
func node(tb testing.TB, fs tool.FS, path string, a vfs.CreateAttr) {
	tb.Helper()
	if err := fs.Make(ctx, path, a); err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
}

func mkdir(tb testing.TB, fs tool.FS, path string) {
	tb.Helper()
	node(tb, fs, path, vfs.CreateAttr{Kind: vfs.KindDir, Mode: 0o777})
}

// set changes attributes.
func set(tb testing.TB, fs tool.FS, path string, a vfs.SetAttr) {
	tb.Helper()
	if err := fs.SetAttr(ctx, path, false, a); err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
}
