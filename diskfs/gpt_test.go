package diskfs_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf16"

	"rump/diskfs"
)

// A part is an entry to be written by image.
type part struct {
	kind        string // GUID as text
	first, last uint64
	name        string
}

const (
	netbsdFFS  = "49F48D5A-B10E-11DC-B99B-0019D1879648"
	freebsdOld = "516E7CB4-6ECF-11D6-8FF8-00022D09712B"
)

// guid is the 16 bytes of a GUID on disk: three numbers little-endian, the rest as written.
func guid(t testing.TB, s string) []byte {
	t.Helper()
	s = strings.ReplaceAll(s, "-", "")
	b := make([]byte, 16)
	for i := range b {
		b[i] = unhex(s[2*i])<<4 | unhex(s[2*i+1])
	}
	for _, r := range [][2]int{{0, 3}, {1, 2}, {4, 5}, {6, 7}} {
		b[r[0]], b[r[1]] = b[r[1]], b[r[0]]
	}
	return b
}

func unhex(c byte) byte { return byte(strings.IndexByte("0123456789ABCDEF", c)) }

// image is a disk of sectors with both tables, as the UEFI specification draws them.
func image(t testing.TB, sector, sectors int, parts ...part) []byte {
	t.Helper()
	const count = 128
	b := make([]byte, sector*sectors)
	b[450], b[454], b[510], b[511] = 0xee, 1, 0x55, 0xaa
	array := make([]byte, count*128)
	for i, p := range parts {
		e := array[128*i:]
		if p.kind == "" {
			continue
		}
		copy(e, guid(t, p.kind))
		e[16] = byte(i + 1)
		binary.LittleEndian.PutUint64(e[32:], p.first)
		binary.LittleEndian.PutUint64(e[40:], p.last)
		for k, u := range utf16.Encode([]rune(p.name)) {
			binary.LittleEndian.PutUint16(e[56+2*k:], u)
		}
	}
	room := len(array) / sector
	put := func(self, other, entries int) {
		copy(b[entries*sector:], array)
		header(b[self*sector:], uint64(self), uint64(other), uint64(entries), count, 128, crc32.ChecksumIEEE(array))
	}
	put(1, sectors-1, 2)
	put(sectors-1, 1, sectors-1-room)
	return b
}

func header(h []byte, self, other, entries uint64, count, length, sum uint32) {
	le := binary.LittleEndian
	clear(h[:92])
	copy(h, "EFI PART")
	le.PutUint32(h[8:], 0x10000)
	le.PutUint32(h[12:], 92)
	le.PutUint64(h[24:], self)
	le.PutUint64(h[32:], other)
	le.PutUint64(h[40:], 34)
	le.PutUint64(h[48:], 1000)
	copy(h[56:], "0123456789abcdef")
	le.PutUint64(h[72:], entries)
	le.PutUint32(h[80:], count)
	le.PutUint32(h[84:], length)
	le.PutUint32(h[88:], sum)
	le.PutUint32(h[16:], crc32.ChecksumIEEE(h[:92]))
}

// aligned refuses what a disk of 4096-byte sectors refuses.
type aligned struct{ b []byte }

func (a aligned) ReadAt(b []byte, off int64) (int, error) {
	if off%4096 != 0 || len(b)%4096 != 0 {
		return 0, errors.New("part of a sector")
	}
	return bytes.NewReader(a.b).ReadAt(b, off)
}

func TestReadGPT(t *testing.T) {
	for _, sector := range []int{512, 4096} {
		b := image(t, sector, 2048, part{netbsdFFS, 64, 163, "Größe"}, part{}, part{freebsdOld, 200, 1 << 40, ""}, part{"01234567-89AB-CDEF-0123-456789ABCDEF", 7, 7, "x"})
		g, err := diskfs.ReadGPT(aligned{b}, int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		if g.SectorSize != sector || g.FromBackup || len(g.Entries) != 3 {
			t.Fatalf("got sector size %d, backup %v, %d entries; want %d, false, 3", g.SectorSize, g.FromBackup, len(g.Entries), sector)
		}
		s := int64(sector)
		want := []diskfs.Entry{
			{Number: 1, Type: netbsdFFS, Name: "Größe", Start: 64 * s, Size: 100 * s, TypeName: "NetBSD FFS", Hint: "ffs"},
			{Number: 3, Type: freebsdOld, Start: 200 * s, Size: (1<<40 - 199) * s, TypeName: "FreeBSD", System: 0xa5},
			{Number: 4, Type: "01234567-89AB-CDEF-0123-456789ABCDEF", Name: "x", Start: 7 * s, Size: s, TypeName: "01234567-89AB-CDEF-0123-456789ABCDEF"},
		}
		for i, e := range g.Entries {
			e.GUID = ""
			if e != want[i] {
				t.Errorf("entry %d: got %+v, want %+v", i, e, want[i])
			}
		}
	}
}

// Damage to the first table leads to the second; damage to both is an error, not "none".
func TestBackup(t *testing.T) {
	damage := map[string]func(table []byte){
		"magic":             func(b []byte) { b[0] = 'x' },
		"header":            func(b []byte) { b[40]++ },
		"too many entries":  func(b []byte) { header(b, 1, 2047, 2, 1<<31, 128, 0) },
		"entries of zero":   func(b []byte) { header(b, 1, 2047, 2, 128, 0, 0) },
		"huge entries":      func(b []byte) { header(b, 1, 2047, 2, 1<<32-1, 1<<32-1, 0) },
		"entries off disk":  func(b []byte) { header(b, 1, 2047, 1<<62, 128, 128, 0) },
		"entries past end":  func(b []byte) { header(b, 1, 2047, 2040, 128, 128, 0) },
		"wrong entries sum": func(b []byte) { header(b, 1, 2047, 2, 128, 128, 1) },
	}
	for name, spoil := range damage {
		b := image(t, 512, 2048, part{netbsdFFS, 64, 163, "a"})
		spoil(b[512:])
		g, err := diskfs.ReadGPT(bytes.NewReader(b), int64(len(b)))
		if err != nil || !g.FromBackup || len(g.Entries) != 1 {
			t.Errorf("%s: got %+v, %v; want one entry from the backup", name, g, err)
		}
		if name == "magic" {
			continue
		}
		spoil(b[2047*512:])
		if _, err := diskfs.ReadGPT(bytes.NewReader(b), int64(len(b))); err == nil || errors.Is(err, diskfs.ErrNoGPT) {
			t.Errorf("%s, both: got %v, want an error that is not ErrNoGPT", name, err)
		}
	}
}

func TestNoGPT(t *testing.T) {
	for _, n := range []int{0, 1, 511, 512, 1024, 5000, 100000} {
		if _, err := diskfs.ReadGPT(bytes.NewReader(make([]byte, n)), int64(n)); !errors.Is(err, diskfs.ErrNoGPT) {
			t.Errorf("%d bytes: got %v", n, err)
		}
	}
	broken := errors.New("broken")
	if _, err := diskfs.ReadGPT(failing{broken}, 1<<20); !errors.Is(err, broken) {
		t.Errorf("failing disk: got %v, want %v", err, broken)
	}
}

type failing struct{ err error }

func (f failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }

func TestImpossibleEntry(t *testing.T) {
	for _, p := range []part{{netbsdFFS, 100, 99, ""}, {netbsdFFS, 1, 1 << 63, ""}, {netbsdFFS, 0, 1<<64 - 1, ""}} {
		b := image(t, 512, 2048, p)
		if _, err := diskfs.ReadGPT(bytes.NewReader(b), int64(len(b))); err == nil || !strings.Contains(err.Error(), "entry 1: sectors") {
			t.Errorf("%v: got %v", p, err)
		}
	}
}

// Headers full of random numbers but with right checksums, and random damage.
func TestRandomGPT(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	good := image(t, 512, 256, part{netbsdFFS, 64, 163, "a"})
	for range 3000 {
		b := bytes.Clone(good)
		for _, at := range []int{512, 255 * 512} {
			h := b[at:]
			for range rng.IntN(4) {
				h[24+rng.IntN(68)] = byte(rng.Uint32() >> rng.IntN(32))
			}
			clear(h[16:20])
			binary.LittleEndian.PutUint32(h[16:], crc32.ChecksumIEEE(h[:92]))
		}
		diskfs.ReadGPT(bytes.NewReader(b), int64(len(b))) // must return, whatever it says
	}
}

func FuzzReadGPT(f *testing.F) {
	f.Add(image(f, 512, 80, part{netbsdFFS, 40, 41, "a"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		b := bytes.Clone(data)
		for _, at := range []int{512, len(b)/512*512 - 512} {
			if at >= 512 && at+92 <= len(b) {
				h := b[at:]
				clear(h[16:20])
				binary.LittleEndian.PutUint32(h[16:], crc32.ChecksumIEEE(h[:92]))
			}
		}
		g, err := diskfs.ReadGPT(bytes.NewReader(b), int64(len(b)))
		for _, e := range g.Entries {
			if err != nil || e.Start < 0 || e.Size <= 0 || e.Start+e.Size < e.Start {
				t.Fatalf("entry %+v, %v", e, err)
			}
		}
	})
}

var _ io.ReaderAt = failing{}
