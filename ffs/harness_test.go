package ffs_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"rump/ffs"
	"rump/ffs/fsck"
	"rump/ffs/mkfs"
	"rump/ffs/ondisk"
	"rump/internal/endian"
	"rump/rumpfs/blockdev"
	"rump/rumpfs/vfs"
)

var ctx = context.Background()

// flavour is a kind of volume.
type flavour struct {
	name    string
	mkfs    mkfs.Options
	journal bool
}

// flavours are the formats that behave differently.
func flavours() []flavour {
	return []flavour{
		{"ufs1-le", mkfs.Options{Version: 1, BlockSize: 4096, FragSize: 512}, false},
		{"ufs1-be", mkfs.Options{Version: 1, Order: endian.Big, BlockSize: 8192, FragSize: 1024}, false},
		{"ufs2-le", mkfs.Options{Version: 2, BlockSize: 8192, FragSize: 1024}, false},
		{"ufs2-be", mkfs.Options{Version: 2, Order: endian.Big, BlockSize: 4096, FragSize: 512}, false},
		{"ufs2-ea", mkfs.Options{Version: 2, ExtAttr: true, BlockSize: 16384, FragSize: 2048}, false},
		{"ufs2-nofrag", mkfs.Options{Version: 2, BlockSize: 4096, FragSize: 4096}, false},
		{"ufs0-le", mkfs.Options{Version: 1, Old: true, BlockSize: 4096, FragSize: 1024}, false},
		{"ufs0-be", mkfs.Options{Version: 1, Old: true, Order: endian.Big, BlockSize: 8192, FragSize: 1024}, false},
		{"apple", mkfs.Options{Version: 1, Order: endian.Big, AppleName: "Volume", BlockSize: 4096, FragSize: 1024}, false},
		{"quota2", mkfs.Options{Version: 2, UserQuota: true, GroupQuota: true, BlockSize: 8192, FragSize: 1024}, false},
	}
}

// format makes a volume of size bytes in memory.
func (f flavour) format(tb testing.TB, size int64) *blockdev.Memory {
	tb.Helper()
	dev := blockdev.NewMemory(size)
	o := f.mkfs
	o.Now = time.Unix(1e9, 0)
	if _, err := mkfs.Newfs(ctx, dev, o); err != nil {
		tb.Fatalf("newfs %s: %v", f.name, err)
	}
	return dev
}

// A volume drives an FS as the kernel does: one live node for each inode, reclaimed when nothing leads to it.
type volume struct {
	tb   testing.TB
	fs   *ffs.FS
	live map[vfs.Ino]vfs.Node
}

// open mounts dev. Close it yourself.
func open(tb testing.TB, dev blockdev.Device, o ffs.Options) *volume {
	tb.Helper()
	fs, err := ffs.Mount(ctx, dev, o)
	if err != nil {
		tb.Fatalf("mount: %v", err)
	}
	if fs.Degraded() != "" {
		tb.Fatalf("mounted read-only: %s", fs.Degraded())
	}
	return &volume{tb, fs, map[vfs.Ino]vfs.Node{}}
}

// forget reclaims all nodes.
func (v *volume) forget() {
	v.tb.Helper()
	for ino, n := range v.live {
		delete(v.live, ino)
		if err := n.Reclaim(ctx); err != nil {
			v.tb.Fatalf("reclaim inode %d: %v", ino, err)
		}
	}
}

// close unmounts.
func (v *volume) close() {
	v.tb.Helper()
	v.forget()
	if err := v.fs.Unmount(ctx); err != nil {
		v.tb.Fatalf("unmount: %v", err)
	}
}

func (v *volume) node(ino vfs.Ino) (vfs.Node, error) {
	if n := v.live[ino]; n != nil {
		return n, nil
	}
	n, err := v.fs.Node(ctx, ino)
	if err == nil {
		v.live[ino] = n
	}
	return n, err
}

// walk finds a node by path.
func (v *volume) walk(path string) (vfs.Node, error) {
	n, err := v.node(v.fs.Root())
	for _, name := range strings.FieldsFunc(path, func(r rune) bool { return r == '/' }) {
		if err != nil {
			return nil, err
		}
		d, ok := n.(vfs.Dir)
		if !ok {
			return nil, syscall.ENOTDIR
		}
		ino, lerr := d.Lookup(ctx, name)
		if lerr != nil {
			return nil, lerr
		}
		n, err = v.node(ino)
	}
	return n, err
}

// parent finds the directory of a path, and the last name.
func (v *volume) parent(path string) (vfs.Dir, string, error) {
	i := strings.LastIndexByte(path, '/')
	n, err := v.walk(path[:i+1])
	if err != nil {
		return nil, "", err
	}
	d, ok := n.(vfs.Dir)
	if !ok {
		return nil, "", syscall.ENOTDIR
	}
	return d, path[i+1:], nil
}

// drop reclaims a node without links, as the kernel does when nobody has it open.
func (v *volume) drop(n vfs.Node) error {
	a, err := n.Attr(ctx)
	if err != nil || a.Nlink > 0 {
		return err
	}
	delete(v.live, n.Ino())
	return n.Reclaim(ctx)
}

func (v *volume) create(path string, a vfs.CreateAttr) (vfs.Node, error) {
	d, name, err := v.parent(path)
	if err != nil {
		return nil, err
	}
	n, err := d.Create(ctx, vfs.Root, name, a)
	if err == nil {
		v.live[n.Ino()] = n
	}
	return n, err
}

func (v *volume) mkdir(path string) error {
	_, err := v.create(path, vfs.CreateAttr{Kind: vfs.KindDir, Mode: 0o755})
	return err
}

// write creates the file if need be.
func (v *volume) write(path string, p []byte, off int64) error {
	n, err := v.walk(path)
	if err == syscall.ENOENT {
		n, err = v.create(path, vfs.CreateAttr{Kind: vfs.KindRegular, Mode: 0o644})
	}
	if err != nil {
		return err
	}
	k, err := n.(vfs.File).WriteAt(ctx, vfs.Root, p, off)
	if err == nil && k != len(p) {
		return fmt.Errorf("%d of %d bytes written", k, len(p))
	}
	return err
}

func (v *volume) truncate(path string, size int64) error {
	n, err := v.walk(path)
	if err != nil {
		return err
	}
	return n.SetAttr(ctx, vfs.Root, vfs.SetAttr{Mask: vfs.SetSize, Size: size})
}

func (v *volume) link(old, path string) error {
	n, err := v.walk(old)
	if err != nil {
		return err
	}
	d, name, err := v.parent(path)
	if err != nil {
		return err
	}
	return d.Link(ctx, vfs.Root, name, n)
}

func (v *volume) remove(path string) error {
	d, name, err := v.parent(path)
	if err != nil {
		return err
	}
	n, err := v.walk(path)
	if err != nil {
		return err
	}
	if err := d.Remove(ctx, name, n); err != nil {
		return err
	}
	return v.drop(n)
}

func (v *volume) rename(old, path string) error {
	d, name, err := v.parent(old)
	if err != nil {
		return err
	}
	n, err := v.walk(old)
	if err != nil {
		return err
	}
	nd, nname, err := v.parent(path)
	if err != nil {
		return err
	}
	replaced, err := v.walk(path)
	if err == syscall.ENOENT {
		replaced, err = nil, nil
	}
	if err != nil {
		return err
	}
	if err := d.Rename(ctx, vfs.Root, vfs.Rename{OldName: name, Node: n, NewDir: nd, NewName: nname, Replaced: replaced}); err != nil {
		return err
	}
	if replaced != nil {
		return v.drop(replaced)
	}
	return nil
}

func (v *volume) read(path string) ([]byte, error) {
	n, err := v.walk(path)
	if err != nil {
		return nil, err
	}
	a, err := n.Attr(ctx)
	if err != nil {
		return nil, err
	}
	p := make([]byte, a.Size)
	k, err := n.(vfs.File).ReadAt(ctx, p, 0)
	return p[:k], err
}

// must ends the test at an error.
func (v *volume) must(err error) {
	v.tb.Helper()
	if err != nil {
		v.tb.Fatal(err)
	}
}

// check runs the checker on an unmounted volume, which must be clean and without a problem.
func check(tb testing.TB, dev blockdev.Device) {
	tb.Helper()
	var out bytes.Buffer
	r, err := fsck.Check(ctx, dev, fsck.Options{Force: true, Out: &out})
	if err != nil {
		tb.Fatalf("fsck: %v", err)
	}
	if !r.Clean() {
		tb.Errorf("fsck:\n%s", tail(out.String(), 4000))
	}
	if r.Super.Clean != ondisk.CleanIs {
		tb.Errorf("fs_clean is %d, want %d", r.Super.Clean, ondisk.CleanIs)
	}
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }
