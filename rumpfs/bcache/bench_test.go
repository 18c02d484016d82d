package bcache_test

import (
	"path/filepath"
	"testing"

	"rump/rumpfs/bcache"
	"rump/rumpfs/blockdev"
)

const benchBlock = 16 << 10

func newBench(b *testing.B, d blockdev.Device, budget int64) *bcache.Cache {
	b.Helper()
	c, err := bcache.New(d, bcache.Options{BlockSize: benchBlock, Budget: budget})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := c.Close(); err != nil {
			b.Error(err)
		}
		d.Close()
	})
	b.ReportAllocs()
	return c
}

func openBench(b *testing.B) blockdev.Device {
	b.Helper()
	d, err := blockdev.OpenFile(filepath.Join(b.TempDir(), "disk.img"), blockdev.FileOptions{Create: true, MinSize: 64 << 20})
	if err != nil {
		b.Fatal(err)
	}
	return d
}

func hit(b testing.TB, c *bcache.Cache, off int64, n int) {
	u, err := c.Get(off, n)
	if err != nil {
		b.Fatal(err)
	}
	u.Release()
}

func BenchmarkHit(b *testing.B) {
	c := newBench(b, blockdev.NewMemory(64<<20), 0)
	for b.Loop() {
		hit(b, c, 3*benchBlock+512, 2048)
	}
}

// BenchmarkHitSpread walks 1024 blocks at a stride, so that neither index nor block is warm.
func BenchmarkHitSpread(b *testing.B) {
	c := newBench(b, blockdev.NewMemory(64<<20), 0)
	for i := int64(0); b.Loop(); i++ {
		hit(b, c, i*37%1024*benchBlock, 2048)
	}
}

func BenchmarkHitParallel(b *testing.B) {
	c := newBench(b, blockdev.NewMemory(64<<20), 0)
	b.RunParallel(func(pb *testing.PB) {
		for i := int64(0); pb.Next(); i++ {
			hit(b, c, i*37%1024*benchBlock, 2048)
		}
	})
}

func BenchmarkMiss(b *testing.B) {
	c := newBench(b, blockdev.NewMemory(64<<20), 1<<20)
	for i := int64(0); b.Loop(); i++ {
		hit(b, c, i%4096*benchBlock, 2048)
	}
}

// BenchmarkDirty marks an inode that is dirty already, as each write to a file does.
func BenchmarkDirty(b *testing.B) {
	c := newBench(b, blockdev.NewMemory(64<<20), 0)
	for b.Loop() {
		u, err := c.Get(0, benchBlock)
		if err != nil {
			b.Fatal(err)
		}
		u.Dirty(7, 256, 512)
		u.Release()
	}
}

// BenchmarkFsync dirties an inode and flushes it by owner.
func BenchmarkFsync(b *testing.B) {
	c := newBench(b, blockdev.NewMemory(64<<20), 0)
	for b.Loop() {
		u, err := c.Get(0, benchBlock)
		if err != nil {
			b.Fatal(err)
		}
		u.Dirty(7, 256, 512)
		u.Release()
		if err := c.FlushOwner(7); err != nil {
			b.Fatal(err)
		}
	}
}

func benchOrdered(b *testing.B, d blockdev.Device) {
	c := newBench(b, d, 0)
	b.SetBytes(512)
	for b.Loop() {
		u, err := c.Get(benchBlock, 2048)
		if err != nil {
			b.Fatal(err)
		}
		u.Bytes()[513]++
		if err := u.Write(513, 514); err != nil {
			b.Fatal(err)
		}
		u.Release()
	}
}

func BenchmarkOrderedMemory(b *testing.B) { benchOrdered(b, blockdev.NewMemory(64<<20)) }
func BenchmarkOrderedFile(b *testing.B)   { benchOrdered(b, openBench(b)) }

// BenchmarkBareFile is the rival of BenchmarkOrderedFile: the same write without a cache.
func BenchmarkBareFile(b *testing.B) {
	d := openBench(b)
	defer d.Close()
	p := make([]byte, 512)
	b.SetBytes(512)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.WriteAt(p, benchBlock); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFlush writes 256 dirty neighbours.
func BenchmarkFlush(b *testing.B) {
	c := newBench(b, openBench(b), 0)
	const blocks = 256
	b.SetBytes(blocks * benchBlock)
	for b.Loop() {
		for i := range int64(blocks) {
			u, err := c.GetNew(i*benchBlock, benchBlock)
			if err != nil {
				b.Fatal(err)
			}
			u.Dirty(0, 0, benchBlock)
			u.Release()
		}
		if err := c.Flush(); err != nil {
			b.Fatal(err)
		}
	}
}
