package mkfs_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"rump/ffs/mkfs"
	"rump/rumpfs/blockdev"
)

// benchTree makes files of about so many bytes each and returns their total.
func benchTree(b *testing.B, files, size int) (root string, total int64) {
	b.Helper()
	m := &treeMaker{tb: b, root: b.TempDir()}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range files {
		n := size/2 + r.IntN(size)
		m.file(fmt.Sprintf("d%d/e%d/file%d.c", i%290%17, i%290, i), n)
		total += int64(n)
	}
	return m.root, total
}

// BenchmarkMakefs makes images of two kinds of trees, with ours and with Debian's makefs in turn. Both leave some space, without which
// the historic tool runs out of it.
func BenchmarkMakefs(b *testing.B) {
	for _, c := range []struct {
		name        string
		files, size int
	}{{"small", 8000, 6 << 10}, {"large", 4, 64 << 20}} {
		root, total := benchTree(b, c.files, c.size)
		out := filepath.Join(b.TempDir(), "x.img")
		b.Run(c.name+"/ours", func(b *testing.B) {
			b.SetBytes(total)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := mkfs.Makefs(context.Background(), mkfs.ToFile(out, 0), mkfs.Source{Dirs: []string{root}}, mkfs.MakefsOptions{Version: 2, FreeBlocks: mkfs.Amount{N: 30, Percent: true}}); err != nil {
					b.Fatal(err)
				}
				os.Remove(out)
			}
		})
		b.Run(c.name+"/historic", func(b *testing.B) {
			tool := historicMakefs(b)
			b.SetBytes(total)
			for b.Loop() {
				if msg, err := exec.Command(tool, "-o", "version=2", "-b", "30%", out, root).CombinedOutput(); err != nil {
					b.Fatalf("%v: %s", err, msg)
				}
				os.Remove(out)
			}
		})
	}
}

// BenchmarkNewfs formats disks of two sizes.
func BenchmarkNewfs(b *testing.B) {
	for _, size := range []int64{1 << 30, 2 << 40} {
		for version := 1; version <= 2; version++ {
			b.Run(fmt.Sprintf("%dG/ufs%d", size>>30, version), func(b *testing.B) {
				for b.Loop() {
					if _, err := mkfs.Newfs(context.Background(), blockdev.NewMemory(size), mkfs.Options{Version: version}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
