package ffs_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"testing"
	"time"

	"rump/ffs"
	"rump/ffs/mkfs"
	"rump/internal/endian"
	"rump/rumpfs/blockdev"
	"rump/rumpfs/vfs"
)

// fuzzFlavours are the volumes that are patched.
var fuzzFlavours = []mkfs.Options{
	{Version: 1, BlockSize: 4096, FragSize: 512},
	{Version: 1, Order: endian.Big, BlockSize: 8192, FragSize: 1024},
	{Version: 2, BlockSize: 4096, FragSize: 512},
	{Version: 2, ExtAttr: true, Order: endian.Big, BlockSize: 4096, FragSize: 1024},
	{Version: 1, Old: true, BlockSize: 4096, FragSize: 512},
	{Version: 2, UserQuota: true, BlockSize: 8192, FragSize: 1024},
}

// FuzzMountAndWalk lays patches over an image, mounts it and looks at everything, then mounts it read-write and changes and removes everything. Nothing
// may panic, hang, or take memory without bound; errors are fine. A patch is 5 bytes and more: where, counted in the pages of the image that
// are not zero, how many bytes, and those.
func FuzzMountAndWalk(f *testing.F) {
	var images []fuzzImage
	for i, o := range fuzzFlavours {
		images = append(images, newFuzzImage(f, o))
		f.Add(uint8(i), []byte{})
		f.Add(uint8(i), []byte{0, 0, 5, 0x1c, 4, 0xff, 0xff, 0xff, 0x7f})
	}
	f.Fuzz(func(t *testing.T, which uint8, patches []byte) {
		img := images[int(which)%len(images)].patched(patches)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		fuzzMount(ctx, img, ffs.Options{ReadOnly: true})
		fuzzMount(ctx, img, ffs.Options{Force: true})
		if ctx.Err() != nil {
			t.Error("took more than 5 seconds")
		}
	})
}

// A fuzzImage is a small volume with one of each kind of file.
type fuzzImage struct {
	bytes []byte
	pages []int // offsets of those that are not zero
}

const fuzzPage = 512

func newFuzzImage(f *testing.F, o mkfs.Options) fuzzImage {
	f.Helper()
	o.Inodes = 64
	dev := flavour{"fuzz", o, false}.format(f, 512<<10)
	v := open(f, lasting{dev}, ffs.Options{Now: func() time.Time { return time.Unix(1e9, 0) }, Rand: func() uint32 { return 1 }})
	v.must(v.mkdir("/d"))
	v.must(v.write("/d/small", []byte("hello"), 0))
	v.must(v.write("/d/large", make([]byte, 70_000), 0))
	v.must(v.write("/d/sparse", []byte("end"), 20<<20))
	v.must(v.link("/d/small", "/link"))
	for _, target := range []string{"short", string(bytes.Repeat([]byte("long"), 100))} {
		_, err := v.create("/sym"+target[:4], vfs.CreateAttr{Kind: vfs.KindSymlink, Target: target})
		v.must(err)
	}
	n, err := v.create("/null", vfs.CreateAttr{Kind: vfs.KindChar, Rdev: vfs.Dev{Major: 2, Minor: 2}})
	v.must(err)
	if o.ExtAttr {
		v.must(n.(vfs.Xattrer).SetXattr(ctx, vfs.Root, vfs.XattrUser, "name", []byte("value"), vfs.XattrEither))
	}
	v.close()
	img := fuzzImage{bytes: dev.Bytes()}
	for off := 0; off < len(img.bytes); off += fuzzPage {
		if !bytes.Equal(img.bytes[off:off+fuzzPage], make([]byte, fuzzPage)) {
			img.pages = append(img.pages, off)
		}
	}
	return img
}

// patched is a copy with patches.
func (img fuzzImage) patched(patches []byte) []byte {
	b := bytes.Clone(img.bytes)
	for len(patches) >= 5 {
		at := int(binary.BigEndian.Uint32(patches)) % (len(img.pages) * fuzzPage)
		n := min(int(patches[4]), len(patches)-5)
		copy(b[img.pages[at/fuzzPage]+at%fuzzPage:], patches[5:5+n])
		patches = patches[5+n:]
	}
	return b
}

func fuzzMount(ctx context.Context, img []byte, o ffs.Options) {
	fs, err := ffs.Mount(ctx, blockdev.NewMemoryFrom(img), o)
	if err != nil {
		return
	}
	w := fuzzWalk{fs: fs, left: 200, seen: map[vfs.Ino]bool{}}
	if root, err := fs.Node(ctx, fs.Root()); err == nil {
		w.node(ctx, root, 0)
		root.Reclaim(ctx)
	}
	fs.Statfs(ctx)
	fs.Sync(ctx, true)
	fs.Unmount(ctx)
}

// A fuzzWalk goes over a tree, which may have loops, and tries everything.
type fuzzWalk struct {
	fs   *ffs.FS
	left int // nodes
	seen map[vfs.Ino]bool
}

func (w *fuzzWalk) node(ctx context.Context, n vfs.Node, depth int) {
	w.left--
	w.seen[n.Ino()] = true
	a, _ := n.Attr(ctx)
	if x, ok := n.(vfs.Xattrer); ok && w.left%2 == 0 {
		names, _ := x.ListXattr(ctx, vfs.XattrUser)
		for _, name := range names[:min(len(names), 10)] {
			x.GetXattr(ctx, vfs.XattrUser, name)
		}
		x.SetXattr(ctx, vfs.Root, vfs.XattrUser, "new", make([]byte, 100), vfs.XattrEither)
	}
	n.SetAttr(ctx, vfs.Root, vfs.SetAttr{Mask: vfs.SetMode, Mode: 0o600})
	switch n := n.(type) {
	case vfs.Symlink:
		n.Readlink(ctx)
	case vfs.File:
		w.file(ctx, n, a.Size)
	case vfs.Dir:
		w.dir(ctx, n, depth)
	}
}

func (w *fuzzWalk) file(ctx context.Context, f vfs.File, size int64) {
	buf := make([]byte, 40_000)
	for _, at := range []int64{0, size / 2, size - 100} {
		f.ReadAt(ctx, buf, at)
		f.WriteAt(ctx, vfs.Root, buf, at)
	}
	var off int64
	for range 100 {
		e, err := f.(vfs.Mapper).Map(ctx, off, 1<<40)
		if err != nil || e.Length == 0 {
			break
		}
		off += e.Length
	}
	f.(vfs.Allocator).Punch(ctx, size/3, size/2)
	f.SetAttr(ctx, vfs.Root, vfs.SetAttr{Mask: vfs.SetSize, Size: size / 4})
	f.Sync(ctx, false)
}

func (w *fuzzWalk) dir(ctx context.Context, d vfs.Dir, depth int) {
	type entry struct {
		name string
		ino  vfs.Ino
	}
	var all []entry
	d.ReadDir(ctx, 0, func(e vfs.DirEntry) bool {
		all = append(all, entry{string(e.Name), e.Ino})
		return len(all) < 100
	})
	for _, e := range all {
		if ino, err := d.Lookup(ctx, e.name); err != nil || ino != e.ino || w.seen[ino] || w.left <= 0 || depth > 20 {
			continue
		}
		n, err := w.fs.Node(ctx, e.ino)
		if err != nil {
			continue
		}
		w.node(ctx, n, depth+1)
		d.Rename(ctx, vfs.Root, vfs.Rename{OldName: e.name, Node: n, NewDir: d, NewName: "renamed"})
		d.Remove(ctx, "renamed", n)
		d.Remove(ctx, e.name, n)
		n.Reclaim(ctx)
	}
	if n, err := d.Create(ctx, vfs.Root, "created", vfs.CreateAttr{Kind: vfs.KindDir}); err == nil {
		n.Reclaim(ctx)
	}
	if n, err := d.Create(ctx, vfs.Root, "written", vfs.CreateAttr{Kind: vfs.KindRegular}); err == nil {
		n.(vfs.File).WriteAt(ctx, vfs.Root, make([]byte, 100_000), 5)
		n.Reclaim(ctx)
	}
}
