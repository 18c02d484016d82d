package ffs_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"rump/ffs"
	"rump/ffs/mkfs"
	"rump/rumpfs/blockdev"
	"rump/rumpfs/vfs"
)

// benchVolume mounts a fresh volume in a file of the host.
func benchVolume(b *testing.B, size int64) *ffs.FS {
	b.Helper()
	dev, err := blockdev.OpenFile(filepath.Join(b.TempDir(), "img"), blockdev.FileOptions{Create: true, MinSize: size})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := mkfs.Newfs(ctx, dev, mkfs.Options{Version: 2}); err != nil {
		b.Fatal(err)
	}
	fs, err := ffs.Mount(ctx, dev, ffs.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := fs.Unmount(ctx); err != nil {
			b.Error(err)
		}
	})
	return fs
}

func benchRoot(b *testing.B, fs *ffs.FS) vfs.Dir {
	b.Helper()
	n, err := fs.Node(ctx, fs.Root())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { n.Reclaim(ctx) })
	return n.(vfs.Dir)
}

func BenchmarkCreate(b *testing.B) {
	fs := benchVolume(b, 4<<30)
	root := benchRoot(b, fs)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%200_000 == 0 {
			n, err := root.Create(ctx, vfs.Root, fmt.Sprint("d", i), vfs.CreateAttr{Kind: vfs.KindDir, Mode: 0o755})
			if err != nil {
				b.Fatal(err)
			}
			root = n.(vfs.Dir)
		}
		n, err := root.Create(ctx, vfs.Root, fmt.Sprintf("file%08d", i), vfs.CreateAttr{Kind: vfs.KindRegular, Mode: 0o644})
		if err != nil {
			b.Fatal(err)
		}
		if err := n.Reclaim(ctx); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCreateRemove(b *testing.B) {
	root := benchRoot(b, benchVolume(b, 1<<30))
	b.ReportAllocs()
	for b.Loop() {
		n, err := root.Create(ctx, vfs.Root, "file", vfs.CreateAttr{Kind: vfs.KindRegular, Mode: 0o644})
		if err != nil {
			b.Fatal(err)
		}
		if err := root.Remove(ctx, "file", n); err != nil {
			b.Fatal(err)
		}
		if err := n.Reclaim(ctx); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	for _, names := range []int{10, 10_000} {
		b.Run(fmt.Sprint(names), func(b *testing.B) {
			root := benchRoot(b, benchVolume(b, 1<<30))
			n, err := root.Create(ctx, vfs.Root, "file", vfs.CreateAttr{Kind: vfs.KindRegular, Mode: 0o644})
			if err != nil {
				b.Fatal(err)
			}
			var all []string
			for i := range names {
				all = append(all, fmt.Sprintf("name%08d", i))
				if err := root.Link(ctx, vfs.Root, all[i], n); err != nil {
					b.Fatal(err)
				}
			}
			if err := n.Reclaim(ctx); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := root.Lookup(ctx, all[i%names]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNode(b *testing.B) {
	fs := benchVolume(b, 1<<30)
	root := benchRoot(b, fs)
	n, err := root.Create(ctx, vfs.Root, "file", vfs.CreateAttr{Kind: vfs.KindRegular, Mode: 0o644})
	if err != nil {
		b.Fatal(err)
	}
	ino := n.Ino()
	if err := n.Reclaim(ctx); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		n, err := fs.Node(ctx, ino)
		if err != nil {
			b.Fatal(err)
		}
		if err := n.Reclaim(ctx); err != nil {
			b.Fatal(err)
		}
	}
}

// benchFile makes a file of size bytes.
func benchFile(b *testing.B, size int64) vfs.File {
	b.Helper()
	root := benchRoot(b, benchVolume(b, 2<<30))
	n, err := root.Create(ctx, vfs.Root, "file", vfs.CreateAttr{Kind: vfs.KindRegular, Mode: 0o644})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { n.Reclaim(ctx) })
	f := n.(vfs.File)
	p := make([]byte, 1<<20)
	for off := int64(0); off < size; off += int64(len(p)) {
		if _, err := f.WriteAt(ctx, vfs.Root, p, off); err != nil {
			b.Fatal(err)
		}
	}
	return f
}

const benchSize = 256 << 20

// Sequential and small transfers, in a file whose space is there.
func BenchmarkReadWrite(b *testing.B) {
	f := benchFile(b, benchSize)
	for _, n := range []int{1 << 20, 128 << 10, 4 << 10, 100} {
		p := make([]byte, n)
		for _, op := range []string{"read", "write"} {
			b.Run(fmt.Sprintf("%s-%d", op, n), func(b *testing.B) {
				b.SetBytes(int64(n))
				b.ReportAllocs()
				var off int64
				for b.Loop() {
					var err error
					if op == "read" {
						_, err = f.ReadAt(ctx, p, off)
					} else {
						_, err = f.WriteAt(ctx, vfs.Root, p, off)
					}
					if err != nil {
						b.Fatal(err)
					}
					if off += int64(n); off+int64(n) > benchSize {
						off = 0
					}
				}
			})
		}
	}
}

// A new file is written, in pieces, and cut off again.
func BenchmarkGrow(b *testing.B) {
	f := benchFile(b, 0)
	for _, n := range []int{1 << 20, 128 << 10, 4 << 10, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p := make([]byte, n)
			limit := min(benchSize, int64(n)*1000)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			off := limit
			for b.Loop() {
				if off >= limit {
					off = 0
					if err := f.SetAttr(ctx, vfs.Root, vfs.SetAttr{Mask: vfs.SetSize}); err != nil {
						b.Fatal(err)
					}
				}
				if _, err := f.WriteAt(ctx, vfs.Root, p, off); err != nil {
					b.Fatal(err)
				}
				off += int64(n)
			}
		})
	}
}
