package cgd_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"rump/cgd"
	"rump/rumpfs/blockdev"
)

// BenchmarkDisk is the data rate of reading and writing in memory, in transfers of 1 MiB over all cores.
func BenchmarkDisk(b *testing.B) {
	for _, alg := range cgd.Algorithms() {
		for _, sector := range []int{512, 4096} {
			m, err := blockdev.NewMemorySectors(8<<20, sector)
			if err != nil {
				b.Fatal(err)
			}
			benchDisk(b, fmt.Sprintf("memory/%s/%d", alg, sector), mustNew(b, m, alg, keyOf[alg]))
		}
	}
}

// BenchmarkFile is the same on a file of the host, with the plain file beside it.
func BenchmarkFile(b *testing.B) {
	path := filepath.Join(b.TempDir(), "disk")
	f, err := blockdev.OpenFile(path, blockdev.FileOptions{Create: true, MinSize: 64 << 20})
	if err != nil {
		b.Fatal(err)
	}
	defer os.Remove(path)
	defer f.Close()
	benchDisk(b, "plain", f)
	for _, alg := range cgd.Algorithms() {
		benchDisk(b, alg, mustNew(b, f, alg, keyOf[alg]))
	}
}

func benchDisk(b *testing.B, name string, d blockdev.Device) {
	p := make([]byte, 1<<20)
	for at := int64(0); at < d.Size(); at += int64(len(p)) {
		if _, err := d.WriteAt(p, at); err != nil {
			b.Fatal(err)
		}
	}
	for _, op := range []struct {
		name string
		do   func([]byte, int64) (int, error)
	}{{"write", d.WriteAt}, {"read", d.ReadAt}} {
		b.Run(name+"/"+op.name, func(b *testing.B) {
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			var at int64
			for b.Loop() {
				if _, err := op.do(p, at); err != nil {
					b.Fatal(err)
				}
				at = (at + int64(len(p))) % d.Size()
			}
		})
	}
}
