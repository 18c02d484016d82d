package ondisk_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"rump/ffs/ondisk"
)

// inodeFields are the layouts of both inodes as the format document has them; a get of the decoded value belongs to each.
var inodeFields = []struct {
	name   string
	v1, v2 int // offsets; -1: the version has none
	b1, b2 int // bits
	get    func(in *ondisk.Inode) int64
}{
	{"di_mode", 0, 0, 16, 16, func(in *ondisk.Inode) int64 { return int64(in.Mode) }},
	{"di_nlink", 2, 2, 16, 16, func(in *ondisk.Inode) int64 { return int64(in.Nlink) }},
	{"di_size", 8, 16, 64, 64, func(in *ondisk.Inode) int64 { return in.Size }},
	{"di_atime", 16, 32, 32, 64, func(in *ondisk.Inode) int64 { return in.Atime.Sec }},
	{"di_atimensec", 20, 68, 32, 32, func(in *ondisk.Inode) int64 { return int64(in.Atime.Nsec) }},
	{"di_mtime", 24, 40, 32, 64, func(in *ondisk.Inode) int64 { return in.Mtime.Sec }},
	{"di_mtimensec", 28, 64, 32, 32, func(in *ondisk.Inode) int64 { return int64(in.Mtime.Nsec) }},
	{"di_ctime", 32, 48, 32, 64, func(in *ondisk.Inode) int64 { return in.Ctime.Sec }},
	{"di_ctimensec", 36, 72, 32, 32, func(in *ondisk.Inode) int64 { return int64(in.Ctime.Nsec) }},
	{"di_birthtime", -1, 56, 0, 64, func(in *ondisk.Inode) int64 { return in.Birth.Sec }},
	{"di_birthnsec", -1, 76, 0, 32, func(in *ondisk.Inode) int64 { return int64(in.Birth.Nsec) }},
	{"di_db[0]", 40, 112, 32, 64, func(in *ondisk.Inode) int64 { return int64(in.DB[0]) }},
	{"di_db[11]", 84, 200, 32, 64, func(in *ondisk.Inode) int64 { return int64(in.DB[11]) }},
	{"di_ib[0]", 88, 208, 32, 64, func(in *ondisk.Inode) int64 { return int64(in.IB[0]) }},
	{"di_ib[2]", 96, 224, 32, 64, func(in *ondisk.Inode) int64 { return int64(in.IB[2]) }},
	{"di_flags", 100, 88, 32, 32, func(in *ondisk.Inode) int64 { return int64(in.Flags) }},
	{"di_blocks", 104, 24, 32, 64, func(in *ondisk.Inode) int64 { return in.Blocks }},
	{"di_gen", 108, 80, 32, 32, func(in *ondisk.Inode) int64 { return int64(in.Gen) }},
	{"di_uid", 112, 4, 32, 32, func(in *ondisk.Inode) int64 { return int64(in.UID) }},
	{"di_gid", 116, 8, 32, 32, func(in *ondisk.Inode) int64 { return int64(in.GID) }},
	{"di_modrev", 120, 232, 64, 64, func(in *ondisk.Inode) int64 { return int64(in.ModRev) }},
	{"di_blksize", -1, 12, 0, 32, func(in *ondisk.Inode) int64 { return int64(in.BlkSize) }},
	{"di_kernflags", -1, 84, 0, 32, func(in *ondisk.Inode) int64 { return int64(in.KernFlags) }},
	{"di_extsize", -1, 92, 0, 32, func(in *ondisk.Inode) int64 { return int64(in.ExtSize) }},
	{"di_extb[0]", -1, 96, 0, 64, func(in *ondisk.Inode) int64 { return int64(in.ExtB[0]) }},
	{"di_extb[1]", -1, 104, 0, 64, func(in *ondisk.Inode) int64 { return int64(in.ExtB[1]) }},
	{"di_freelink", 4, 240, 32, 32, func(in *ondisk.Inode) int64 { return int64(in.FreeLink) }},
}

func TestInodeOffsets(t *testing.T) {
	for _, f := range flavours[2:] {
		s := build(t, f, 4096, 512, 2)
		for i, fld := range inodeFields {
			off, bits := fld.v1, fld.b1
			if f.version == 2 {
				off, bits = fld.v2, fld.b2
			}
			if off < 0 {
				continue
			}
			b := make([]byte, s.InodeSize())
			want := int64(101 + i)
			switch bits {
			case 16:
				byteOrder(f.order).PutUint16(b[off:], uint16(want))
			case 64:
				want |= 1 << 40
				fallthrough
			default:
				poke(f.order, b, off, bits, want)
			}
			var in ondisk.Inode
			ondisk.DecodeInode(s, b, &in)
			if got := fld.get(&in); got != want {
				t.Errorf("%v: %s at %d: got %d, want %d", f, fld.name, off, got, want)
			}
			back := make([]byte, len(b))
			ondisk.EncodeInode(s, &in, back)
			if i := diffAt(back, b); i >= 0 {
				t.Errorf("%v: %s: encoded byte %d is %#x, want %#x", f, fld.name, i, back[i], b[i])
			}
		}
	}
}

// TestInodeAnyBytes decodes noise and wants it back, whatever type of file it happens to be.
func TestInodeAnyBytes(t *testing.T) {
	modes := []uint16{0, ondisk.ModeFIFO, ondisk.ModeChar, ondisk.ModeDir, ondisk.ModeBlock, ondisk.ModeRegular, ondisk.ModeSymlink,
		ondisk.ModeSocket, ondisk.ModeWhiteout, 0x3000, 0xf000}
	r := random(2)
	for _, f := range flavours {
		s := build(t, f, 4096, 512, 2)
		for n := range 2000 {
			b := randomBytes(r, make([]byte, s.InodeSize()))
			byteOrder(f.order).PutUint16(b, modes[n%len(modes)]|uint16(r.Uint32N(4096)))
			if n%3 == 0 { // a size that may be that of a short link
				off := map[int]int{1: 8, 2: 16}[f.version]
				byteOrder(f.order).PutUint64(b[off:], r.Uint64N(130))
			}
			if f.old { // the owner's 32 bits agree with its 16
				o := byteOrder(f.order)
				o.PutUint32(b[112:], r.Uint32()<<16|uint32(o.Uint16(b[4:])))
				o.PutUint32(b[116:], r.Uint32()<<16|uint32(o.Uint16(b[6:])))
			}
			var in ondisk.Inode
			ondisk.DecodeInode(s, b, &in)
			back := bytes.Clone(b)
			ondisk.EncodeInode(s, &in, back)
			if i := diffAt(back, b); i >= 0 {
				t.Fatalf("%v: mode %o size %d: byte %d: got %#x, want %#x", f, in.Mode, in.Size, i, back[i], b[i])
			}
			if target, ok := s.ShortLink(&in); ok && int64(len(target)) > in.Size {
				t.Fatalf("%v: target of %d bytes, size %d", f, len(target), in.Size)
			}
		}
	}
}

func randomInode(s *ondisk.Super, r *rand.Rand) ondisk.Inode {
	ptr := func() ondisk.Frag { return ondisk.Frag(r.Int32()) }
	in := ondisk.Inode{
		Mode: ondisk.ModeRegular | 0o644, Nlink: int16(r.Uint32()), UID: r.Uint32(), GID: r.Uint32(),
		Size: r.Int64(), Blocks: int64(r.Uint32()), Gen: r.Uint32(), Flags: r.Uint32(), ModRev: r.Uint64(),
		Atime: ondisk.Time{Sec: int64(int32(r.Uint32())), Nsec: int32(r.Uint32())},
		Mtime: ondisk.Time{Sec: int64(int32(r.Uint32())), Nsec: int32(r.Uint32())},
		Ctime: ondisk.Time{Sec: int64(int32(r.Uint32())), Nsec: int32(r.Uint32())},
	}
	for i := range in.DB {
		in.DB[i] = ptr()
	}
	for i := range in.IB {
		in.IB[i] = ptr()
	}
	if s.Version == 2 {
		in.Birth = ondisk.Time{Sec: r.Int64(), Nsec: 5}
		in.Mtime.Sec, in.DB[3], in.Blocks = -r.Int64(), ondisk.Frag(r.Int64()), r.Int64()
		in.ExtSize, in.ExtB = r.Uint32(), [2]ondisk.Frag{ptr(), ptr()}
		in.BlkSize, in.KernFlags = r.Uint32(), r.Uint32()
	}
	if s.OldInodes() {
		in.UID, in.GID = in.UID&0xffff, in.GID&0xffff
	} else {
		in.FreeLink = r.Uint32()
	}
	return in
}

func TestInodeRoundTrip(t *testing.T) {
	r := random(3)
	for _, f := range flavours {
		s := build(t, f, 4096, 512, 2)
		for range 500 {
			want := randomInode(s, r)
			b := randomBytes(r, make([]byte, s.InodeSize()))
			spare := bytes.Clone(b)
			ondisk.EncodeInode(s, &want, b)
			var got ondisk.Inode
			ondisk.DecodeInode(s, b, &got)
			if got != want {
				t.Fatalf("%v:\ngot  %+v\nwant %+v", f, got, want)
			}
			if f.version == 2 && !bytes.Equal(b[244:], spare[244:]) {
				t.Fatalf("%v: spare bytes changed", f)
			}
		}
	}
}

func TestInodeTimesThatDoNotFit(t *testing.T) {
	s := build(t, flavours[2], 4096, 512, 2)
	for sec, want := range map[int64]int64{
		math.MaxInt32: math.MaxInt32, math.MaxInt32 + 1: math.MaxInt32, math.MaxInt64: math.MaxInt32,
		math.MinInt32: math.MinInt32, math.MinInt32 - 1: math.MinInt32, -1: -1,
	} {
		in := ondisk.Inode{Mode: ondisk.ModeRegular, Mtime: ondisk.Time{Sec: sec}}
		b := make([]byte, s.InodeSize())
		ondisk.EncodeInode(s, &in, b)
		ondisk.DecodeInode(s, b, &in)
		if in.Mtime.Sec != want {
			t.Errorf("%d became %d, want %d", sec, in.Mtime.Sec, want)
		}
	}
}

func TestOldInodeOwners(t *testing.T) {
	for _, f := range flavours[:2] {
		s := build(t, f, 4096, 512, 2)
		o := byteOrder(f.order)
		b := make([]byte, s.InodeSize())
		o.PutUint16(b[4:], 0x1234)
		o.PutUint16(b[6:], 0x5678)
		o.PutUint32(b[112:], 0x91234)
		o.PutUint32(b[116:], 0x5678)
		var in ondisk.Inode
		ondisk.DecodeInode(s, b, &in)
		if in.UID != 0x1234 || in.GID != 0x5678 || in.FreeLink != 0 {
			t.Errorf("%v: owner %#x, %#x", f, in.UID, in.GID)
		}
		in.Size = 5
		ondisk.EncodeInode(s, &in, b)
		if got := o.Uint32(b[112:]); got != 0x91234 {
			t.Errorf("%v: wide owner became %#x", f, got)
		}
		in.UID, in.GID = 7, 70000
		ondisk.EncodeInode(s, &in, b)
		if o.Uint16(b[4:]) != 7 || o.Uint32(b[112:]) != 7 || o.Uint16(b[6:]) != 70000&0xffff || o.Uint32(b[116:]) != 70000 {
			t.Errorf("%v: owners stored % x, % x", f, b[4:8], b[112:120])
		}
	}
}

func TestShortLinks(t *testing.T) {
	type limits struct {
		f     flavour
		apple bool
		limit int
	}
	for _, c := range []limits{
		{flavours[2], false, 60}, {flavours[3], false, 60}, {flavours[4], false, 120}, {flavours[5], false, 120},
		{flavours[1], true, 60},
	} {
		s := build(t, c.f, 4096, 512, 2)
		s.Apple = c.apple
		if got := s.ShortLinkLimit(); got != c.limit {
			t.Errorf("%v: limit %d, want %d", c.f, got, c.limit)
		}
		for _, n := range []int{0, 1, c.limit - 1, c.limit, c.limit + 1} {
			in := ondisk.Inode{Mode: ondisk.ModeSymlink | 0o777, Size: int64(n)}
			text := strings.Repeat("ab", 70)[:n]
			copy(in.Inline[:], text)
			b := make([]byte, s.InodeSize())
			if n >= c.limit {
				in.Inline = [120]byte{}
				in.DB[0] = 99
			}
			ondisk.EncodeInode(s, &in, b)
			var got ondisk.Inode
			ondisk.DecodeInode(s, b, &got)
			target, short := s.ShortLink(&got)
			if short != (n < c.limit) || short && string(target) != text || got != in {
				t.Errorf("%v: length %d: short %v, %q", c.f, n, short, target)
			}
		}
	}
	s := build(t, flavours[0], 4096, 512, 2) // limit 0: it depends on the blocks
	in := ondisk.Inode{Mode: ondisk.ModeSymlink, Size: 5, Blocks: 1}
	if s.IsShortLink(&in) {
		t.Error("a link with blocks is short")
	}
	in.Blocks, in.Size = 0, 1000
	if target, ok := s.ShortLink(&in); !ok || len(target) != 60 {
		t.Errorf("a link of 1000 bytes without blocks: %d bytes, %v", len(target), ok)
	}
	s.MaxSymlink = -1
	if s.IsShortLink(&in) {
		t.Error("a negative limit makes short links")
	}
}

func TestDeviceNumbers(t *testing.T) {
	for _, f := range flavours[2:] {
		s := build(t, f, 4096, 512, 2)
		in := ondisk.Inode{Mode: ondisk.ModeChar, Rdev: 0xfedcba98}
		if f.version == 2 {
			in.Rdev |= 0x7 << 32
		}
		b := make([]byte, s.InodeSize())
		ondisk.EncodeInode(s, &in, b)
		var got ondisk.Inode
		ondisk.DecodeInode(s, b, &got)
		if got != in || !got.IsDevice() {
			t.Errorf("%v: device %#x, want %#x, first pointer %d", f, got.Rdev, in.Rdev, got.DB[0])
		}
	}
}

func TestInodeCheckHash(t *testing.T) {
	for _, f := range flavours[4:] {
		s := build(t, f, 4096, 512, 2)
		s.Flags, s.CheckHashes = ondisk.FlagQuota2, ondisk.HashInode
		b := make([]byte, 256)
		in := ondisk.Inode{Mode: ondisk.ModeRegular, Size: 7}
		ondisk.EncodeInode(s, &in, b)
		if !s.InodeHashOK(b) || byteOrder(f.order).Uint32(b[244:]) == 0 {
			t.Errorf("%v: hash % x", f, b[244:248])
		}
		b[16] ^= 1
		if s.InodeHashOK(b) {
			t.Errorf("%v: hash is right after a change", f)
		}
		if free := make([]byte, 256); !s.InodeHashOK(free) {
			t.Errorf("%v: a free inode needs no hash", f)
		}
	}
}

func TestIndirect(t *testing.T) {
	for _, f := range flavours {
		s := build(t, f, 4096, 512, 2)
		b := make([]byte, 4096)
		d := s.IndirectIn(b)
		size := 8
		if f.version == 1 {
			size = 4
		}
		if d.Len() != 4096/size {
			t.Errorf("%v: %d pointers", f, d.Len())
		}
		d.Set(d.Len()-1, 0x01020304)
		if want := b[4096-size:]; f.version == 1 && byteOrder(f.order).Uint32(want) != 0x01020304 ||
			f.version == 2 && byteOrder(f.order).Uint64(want) != 0x01020304 {
			t.Errorf("%v: stored % x", f, want)
		}
		d.Set(0, -5)
		if d.Get(0) != -5 || d.Get(1) != 0 || d.Get(d.Len()-1) != 0x01020304 {
			t.Errorf("%v: got %d, %d, %d", f, d.Get(0), d.Get(1), d.Get(d.Len()-1))
		}
	}
}
