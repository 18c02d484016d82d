package ondisk_test

import (
	"fmt"
	"testing"

	"rump/ffs/ondisk"
)

func BenchmarkDecodeInode(b *testing.B) {
	for _, f := range flavours[2:] {
		b.Run(f.String(), func(b *testing.B) {
			s := build(b, f, 16384, 2048, 2)
			in := randomInode(s, random(1))
			raw := make([]byte, s.InodeSize())
			ondisk.EncodeInode(s, &in, raw)
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				ondisk.DecodeInode(s, raw, &in)
			}
		})
	}
}

func BenchmarkEncodeInode(b *testing.B) {
	for _, f := range flavours[2:] {
		b.Run(f.String(), func(b *testing.B) {
			s := build(b, f, 16384, 2048, 2)
			in := randomInode(s, random(1))
			raw := make([]byte, s.InodeSize())
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				ondisk.EncodeInode(s, &in, raw)
			}
		})
	}
}

// fullDir is a block of directory blocks as full as they get with names of 12 bytes.
func fullDir(b *testing.B, s *ondisk.Super) []byte {
	b.Helper()
	block := make([]byte, s.BSize)
	for at, n := 0, 0; at < len(block); at += s.DirBlockSize() {
		d := s.DirBlockIn(block[at:])
		d.Init()
		for {
			if _, ok := d.Insert(5, ondisk.TypeRegular, fmt.Appendf(nil, "file-%07d", n)); !ok {
				break
			}
			n++
		}
	}
	return block
}

func BenchmarkScanDir(b *testing.B) {
	s := build(b, flavours[4], 16384, 2048, 2)
	block := fullDir(b, s)
	b.SetBytes(int64(len(block)))
	b.ReportAllocs()
	entries := 0
	for b.Loop() {
		for at := 0; at < len(block); at += ondisk.DirBlockSize {
			d := s.DirBlockIn(block[at:])
			var e ondisk.Entry
			for off := 0; off < d.Len(); off += e.Len {
				var fault ondisk.DirFault
				if e, fault = d.At(off); fault != "" {
					b.Fatal(fault)
				}
				entries++
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(entries), "ns/entry")
}

func BenchmarkFindName(b *testing.B) {
	s := build(b, flavours[4], 16384, 2048, 2)
	block := fullDir(b, s)
	name := []byte("no-such-file")
	b.SetBytes(int64(len(block)))
	b.ReportAllocs()
	for b.Loop() {
		for at := 0; at < len(block); at += ondisk.DirBlockSize {
			if _, ok := s.DirBlockIn(block[at:]).Find(name); ok {
				b.Fatal("found")
			}
		}
	}
}

// BenchmarkAlloc takes and frees in a group of 4,000 blocks that is full but for its end.
func BenchmarkAlloc(b *testing.B) {
	s := build(b, flavours[4], 16384, 2048, 1)
	s.Fpg = 32000
	s.Size, s.CgSize = 32000, 16384
	if err := s.Check(); err != nil {
		b.Fatal(err)
	}
	g, err := s.InitGroup(0, make([]byte, s.BSize))
	if err != nil {
		b.Fatal(err)
	}
	for blk := g.Blocks() - 40; blk < g.Blocks(); blk++ {
		g.FreeBlock(blk)
	}
	b.Run("find-block", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			g.FindBlock(0)
		}
	})
	b.Run("find-cluster", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			g.FindCluster(0, 16)
		}
	})
	b.Run("take-and-free-block", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			blk, _ := g.FindBlock(g.Blocks() - 20)
			g.TakeBlock(blk)
			g.FreeBlock(blk)
		}
	})
	b.Run("take-and-free-fragments", func(b *testing.B) {
		b.ReportAllocs()
		f := (g.Blocks() - 20) * int(s.Frag)
		for b.Loop() {
			g.TakeFrags(f, 3)
			g.FreeFrags(f, 3)
		}
	})
	b.Run("group-in", func(b *testing.B) {
		block := make([]byte, s.BSize)
		if _, err := s.InitGroup(0, block); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.GroupIn(0, block); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkPathTo(b *testing.B) {
	s := build(b, flavours[4], 16384, 2048, 2)
	b.ReportAllocs()
	for b.Loop() {
		for lbn := ondisk.Block(0); lbn < 1<<30; lbn = lbn*3 + 1 {
			s.PathTo(lbn)
		}
	}
}

func BenchmarkSuper(b *testing.B) {
	s := build(b, flavours[4], 16384, 2048, 2)
	area := encoded(s)
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ondisk.DecodeSuper(area, s.Location); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.Encode(area)
		}
	})
}
