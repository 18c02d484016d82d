package blockdev_test

import (
	"fmt"
	"testing"

	"rump/rumpfs/blockdev"
)

func BenchmarkTransfer(b *testing.B) {
	disks := []struct {
		name string
		open func() blockdev.Device
	}{
		{"memory", func() blockdev.Device { return blockdev.NewMemory(8 << 20) }},
		{"file", func() blockdev.Device { return newFile(b, 8<<20, blockdev.FileOptions{}) }},
		{"section", func() blockdev.Device {
			return newSection(b, newFile(b, 8<<20, blockdev.FileOptions{}), 512, 4<<20)
		}},
	}
	for _, disk := range disks {
		for _, n := range []int{512, 16 << 10, 1 << 20} {
			d := disk.open()
			p := make([]byte, n)
			p[0] = 1
			for _, op := range []string{"write", "read"} { // the first makes what the second reads
				b.Run(fmt.Sprintf("%s/%s/%d", disk.name, op, n), func(b *testing.B) {
					b.SetBytes(int64(n))
					b.ReportAllocs()
					for b.Loop() {
						var err error
						if op == "write" {
							_, err = d.WriteAt(p, 0)
						} else {
							_, err = d.ReadAt(p, 0)
						}
						if err != nil {
							b.Fatal(err)
						}
					}
				})
			}
			d.Close()
		}
	}
}

// BenchmarkPrefixes is the cost of a crash image for each of 1000 writes to a full disk of 64 MiB.
func BenchmarkPrefixes(b *testing.B) {
	base := blockdev.NewMemory(64 << 20)
	p := make([]byte, 16<<10)
	p[0] = 1
	for off := int64(0); off < base.Size(); off += int64(len(p)) {
		mustWriteAt(b, base, p, off)
	}
	rec := blockdev.NewRecorder(base.Snapshot())
	for i := range int64(1000) {
		mustWriteAt(b, rec, p[:512], i*7919%131072*512)
	}
	b.ReportAllocs()
	for b.Loop() {
		img := base.Snapshot()
		for _, err := range rec.Prefixes(img) {
			if err != nil {
				b.Fatal(err)
			}
			img.Snapshot()
		}
	}
}
