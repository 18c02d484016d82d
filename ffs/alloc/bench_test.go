package alloc_test

import (
	"syscall"
	"testing"

	"rump/ffs/alloc"
	"rump/ffs/ondisk"
)

// big is a volume as newfs makes it: groups of 180 MB with 16 KiB blocks.
var big = geometry{name: "big", version: 2, bsize: 16384, frag: 8, fpg: 87384, ipg: 21184, ncg: 3, contig: 4}

func fresh(b *testing.B, geo geometry) *volume {
	b.Helper()
	s, dev := geo.make(b)
	return mount(b, s, dev, alloc.Options{})
}

// aged is a volume whose group 1 is full but for a part of every second block and a whole block here and there.
func aged(b *testing.B, geo geometry) *volume {
	b.Helper()
	v := fresh(b, geo)
	frag := int(v.s.Frag)
	for i := 0; ; i++ {
		at, err := v.Block(1, v.s.CgBase(1), true)
		if err != nil {
			b.Fatal(err)
		}
		switch {
		case v.s.FragToCg(at) != 1:
			return v
		case i%2 == 0:
			k := 1 + i/2%7
			err = v.Free(at+ondisk.Frag(k), frag-k)
		case i%501 == 0:
			defer v.Free(at, frag)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// each runs f, which allocates and frees, on a fresh and on an aged volume.
func each(b *testing.B, f func(v *volume, i int) error) {
	for _, c := range []struct {
		name string
		v    *volume
	}{{"fresh", fresh(b, big)}, {"aged", aged(b, big)}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := f(c.v, i); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkBlockAndFree(b *testing.B) {
	each(b, func(v *volume, _ int) error {
		at, err := v.Block(1, v.s.CgBase(1)+8, true)
		if err != nil {
			return err
		}
		return v.Free(at, int(v.s.Frag))
	})
}

func BenchmarkFragsAndFree(b *testing.B) {
	each(b, func(v *volume, i int) error {
		at, err := v.Frags(1, v.s.CgBase(1)+8, 1+i%7, true)
		if err != nil {
			return err
		}
		return v.Free(at, 1+i%7)
	})
}

func BenchmarkRun64AndFree(b *testing.B) {
	each(b, func(v *volume, _ int) error {
		at, n, err := v.Run(1, 0, 64, true)
		if err != nil {
			return err
		}
		return v.Free(at, n*int(v.s.Frag))
	})
}

func BenchmarkExtendAndFree(b *testing.B) {
	v := fresh(b, big)
	at, err := v.Frags(1, 0, 1, true)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := v.Extend(at, 1, 3, true); !ok || err != nil {
			b.Fatal(ok, err)
		}
		if err := v.Free(at+1, 2); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFill is what writing many files does: blocks one behind the other until the volume is full.
func BenchmarkFill(b *testing.B) {
	v := fresh(b, big)
	prev := ondisk.Frag(0)
	b.ReportAllocs()
	for b.Loop() {
		at, err := v.Block(0, prev, true)
		if err == syscall.ENOSPC {
			b.StopTimer()
			v, prev = fresh(b, big), 0
			b.StartTimer()
			continue
		}
		prev = at + ondisk.Frag(v.s.Frag)
	}
}

func BenchmarkInodeAndFree(b *testing.B) {
	for _, isDir := range []bool{false, true} {
		b.Run(map[bool]string{false: "file", true: "directory"}[isDir], func(b *testing.B) {
			v := fresh(b, big)
			b.ReportAllocs()
			for b.Loop() {
				ino, err := v.Inode(ondisk.RootIno, isDir)
				if err == nil {
					err = v.FreeInode(ino, isDir)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkHashed is Block on a volume with FreeBSD's check hashes, over 32 KiB groups.
func BenchmarkHashed(b *testing.B) {
	v := fresh(b, geometry{name: "hashed", version: 2, bsize: 32768, frag: 8, fpg: 160000, ipg: 80128, ncg: 2, contig: 16, freebsd: true})
	b.ReportAllocs()
	for b.Loop() {
		at, err := v.Block(1, 0, true)
		if err == nil {
			err = v.Free(at, int(v.s.Frag))
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMount(b *testing.B) {
	s, dev := geometry{name: "wide", version: 2, bsize: 16384, frag: 8, fpg: 4096, ipg: 64, ncg: 4000, contig: 4}.make(b)
	b.ReportAllocs()
	for b.Loop() {
		mount(b, s, dev, alloc.Options{})
	}
}
