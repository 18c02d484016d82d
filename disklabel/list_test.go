package disklabel_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"rump/disklabel"
	"rump/internal/endian"
)

// Each golden disk's label is found, once, at its machine's place, with the partitions that were typed in.
func TestReadGolden(t *testing.T) {
	for _, g := range goldens(t) {
		t.Run(g.name, func(t *testing.T) {
			found, err := disklabel.Read(bytes.NewReader(g.image), g.size, disklabel.Options{})
			if err != nil || len(found) != 1 {
				t.Fatalf("got %d labels, %v; want 1", len(found), err)
			}
			f := found[0]
			m, ok := disklabel.MachineByName(g.machine)
			if !ok {
				t.Fatalf("no machine %s", g.machine)
			}
			if got, want := f.Offset, f.Base()+m.Place(); got != want {
				t.Errorf("place: got %d, want %d", got, want)
			}
			if f.Order != g.order || f.System != disklabel.NetBSD {
				t.Errorf("got %v %v, want %v NetBSD", f.Order, f.System, g.order)
			}
			for line := range strings.Lines(g.text(t, "proto")) {
				letter, rest, ok := strings.Cut(line, ": ")
				if !ok || len(letter) != 1 {
					continue
				}
				var size, offset int64
				if _, err := fmt.Sscan(rest, &size, &offset); err != nil {
					t.Fatal(err)
				}
				w, err := f.Window(int(letter[0] - 'a'))
				if want := (disklabel.Window{Offset: offset * 512, Size: size * 512}); err != nil || w != want {
					t.Errorf("%s: got %v, %v; want %v", letter, w, err, want)
				}
			}
		})
	}
}

// What is read is written back to the same bytes.
func TestEncodeGolden(t *testing.T) {
	for _, g := range goldens(t) {
		found, err := disklabel.Read(bytes.NewReader(g.image), g.size, disklabel.Options{})
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: got %d labels, %v; want 1", g.name, len(found), err)
		}
		b, err := found[0].Encode()
		if err != nil {
			t.Fatal(err)
		}
		if want := g.image[found[0].Offset:][:len(b)]; !bytes.Equal(b, want) {
			t.Errorf("%s: encoded label differs\ngot  %x\nwant %x", g.name, b, want)
		}
	}
}

// As the port's own tool looks: the right byte order only, the other one with a warning.
func TestReadLikeMachine(t *testing.T) {
	for _, g := range goldens(t) {
		m, _ := disklabel.MachineByName(g.machine)
		found, err := disklabel.Read(bytes.NewReader(g.image), g.size, disklabel.Options{Machine: &m, Order: g.order})
		if err != nil || len(found) != 1 {
			t.Errorf("%s: got %d labels, %v; want 1", g.name, len(found), err)
		}
		var warned []string
		found, err = disklabel.Read(bytes.NewReader(g.image), g.size, disklabel.Options{
			Machine: &m, Order: g.order.Other(), Warn: func(s string) { warned = append(warned, s) },
		})
		if err != nil || len(found) != 0 {
			t.Errorf("%s, other order: got %d labels, %v; want none", g.name, len(found), err)
		}
		if len(warned) == 0 || !strings.HasPrefix(warned[0], "ignoring byteswapped label at offset ") {
			t.Errorf("%s: warnings %q", g.name, warned)
		}
	}
}

func TestRawMarked(t *testing.T) {
	for _, g := range goldens(t) {
		tab, err := disklabel.List(bytes.NewReader(g.image), g.size)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		switch {
		case strings.HasPrefix(g.name, "ffs-mbr"):
			want = strings.Fields("MBR:1 DISKLABEL:a DISKLABEL:b DISKLABEL:c! DISKLABEL:d! DISKLABEL:e DISKLABEL:f DISKLABEL:i MBR:2")
		case g.name == "usb-tutorial":
			want = strings.Fields("MBR:1 DISKLABEL:a DISKLABEL:b DISKLABEL:c! DISKLABEL:d!")
		case g.name == "vax-le":
			want = strings.Fields("DISKLABEL:a DISKLABEL:b DISKLABEL:c! DISKLABEL:d DISKLABEL:e DISKLABEL:f")
		default:
			continue
		}
		t.Run(g.name, func(t *testing.T) { wantNames(t, tab, want...) })
	}
}

const gib = 1 << 30

// Windows at and above 4 GiB are right in both byte orders.
func TestLargeDisk(t *testing.T) {
	for _, order := range []endian.Order{endian.Little, endian.Big} {
		d := newSparse(6 * gib)
		d.slice(0, 1, 0xa9, 2048, 6*gib/512-2048)
		d.label(t, newLabel(order, 6*gib/512, partsOf('a', 8*gib/1024, 2048, 7, 'd', 6*gib/512, 0, 0, 'e', gib/512, 5*gib/512, 7)), 2049*512)
		tab := list(t, d)
		wantNames(t, tab, "MBR:2", "DISKLABEL:a", "DISKLABEL:d!", "DISKLABEL:e")
		wantWindow(t, tab, "DISKLABEL:e", 5*gib, gib)
		wantWindow(t, tab, "DISKLABEL:d", 0, 6*gib)
		wantWindow(t, tab, "MBR:2", 2048*512, 6*gib-2048*512)
		wantWindow(t, tab, "MBR:2%DISKLABEL:e", 5*gib, gib)
		if d.read > 1<<20 {
			t.Errorf("%v: %d bytes read to list a disk", order, d.read)
		}
	}
}

// Disks of one layout whose labels count from the disk or from the slice.
func TestAbsoluteAndRelative(t *testing.T) {
	const start, length = 2048, 65536
	tests := []struct {
		name     string
		kind     byte
		cOff, c  int
		a        int
		wantA    int64
		wantFail bool
	}{
		{"FreeBSD, c at 0", 0xa5, 0, length, 16, start + 16, false},
		{"FreeBSD, c at the slice", 0xa5, start, length, start + 16, start + 16, false},
		{"FreeBSD, no c", 0xa5, 0, 0, 16, start + 16, false},
		{"FreeBSD, a before c", 0xa5, start, length, 16, 0, true},
		{"NetBSD, c at the slice", 0xa9, start, length, start + 16, start + 16, false},
		{"NetBSD, c is the disk", 0xa9, 0, start + length, start + 16, start + 16, false},
		{"NetBSD, no c", 0xa9, 0, 0, start + 16, start + 16, false},
		{"NetBSD, c is the slice but at 0", 0xa9, 0, length, 16, start + 16, false},
		{"OpenBSD, c is the disk", 0xa6, 0, start + length, start + 16, start + 16, false},
	}
	for _, tt := range tests {
		d := newSparse((start + length) * 512)
		d.slice(0, 3, tt.kind, start, length)
		d.label(t, newLabel(endian.Little, start+length, partsOf('a', 1024, tt.a, 7, 'c', tt.c, tt.cOff, 0)), (start+1)*512)
		tab := list(t, d)
		p, err := tab.Partition('a')
		if tt.wantFail {
			if err == nil || !strings.Contains(err.Error(), "before its slice") {
				t.Errorf("%s: got %v, %v; want an error", tt.name, p.Window, err)
			}
			continue
		}
		if want := (disklabel.Window{Offset: tt.wantA * 512, Size: 1024 * 512}); err != nil || p.Window != want {
			t.Errorf("%s: got %v, %v; want %v", tt.name, p.Window, err, want)
		}
	}
}

// Offsets count in the label's own sectors.
func TestSectorSize(t *testing.T) {
	d := newSparse(64 << 20)
	l := newLabel(endian.Little, 64<<20/2048, partsOf('a', 100, 10, 7))
	l.SectorSize = 2048
	d.label(t, l, 512)
	wantWindow(t, list(t, d), "DISKLABEL:a", 10*2048, 100*2048)
	for _, bad := range []uint32{0, 513, 1<<32 - 512} {
		l.SectorSize = bad
		d.label(t, l, 512)
		tab := list(t, d)
		if _, err := tab.Partition('a'); err == nil || !strings.Contains(err.Error(), fmt.Sprint("sector size ", bad)) {
			t.Errorf("sector size %d: got %v", bad, err)
		}
	}
}

// openBSD1 rewrites an encoded label into version 1 with partition a at the given 48-bit place.
func openBSD1(t *testing.T, order endian.Order, size, offset uint64) []byte {
	l := newLabel(order, 1<<20, partsOf('a', 1, 1, 7, 'c', 1<<20, 0, 0))
	b, err := l.Encode()
	if err != nil {
		t.Fatal(err)
	}
	copy(b[64:], "duidduid")
	order.PutUint16(b[114:], 1)
	order.PutUint16(b[112:], 5)
	a := b[148:]
	order.PutUint32(a[0:], uint32(size))
	order.PutUint32(a[4:], uint32(offset))
	order.PutUint16(a[8:], uint16(offset>>32))
	order.PutUint16(a[10:], uint16(size>>32))
	a[13] = 0x14
	binary.BigEndian.PutUint16(b[136:], 0)
	var sum uint16
	for i := 0; i < len(b); i += 2 {
		sum ^= binary.BigEndian.Uint16(b[i:])
	}
	binary.BigEndian.PutUint16(b[136:], sum)
	return b
}

func TestOpenBSDVersion1(t *testing.T) {
	for _, order := range []endian.Order{endian.Little, endian.Big} {
		for _, inSlice := range []bool{false, true} {
			const size, offset = 3<<32 + 7, 2<<32 + 64
			d := newSparse(100 << 40)
			at := int64(512)
			if inSlice {
				d.slice(0, 0, 0xa6, 64, 1<<30)
				at = 65 * 512
			}
			d.WriteAt(openBSD1(t, order, size, offset), at)
			tab := list(t, d)
			wantWindow(t, tab, "DISKLABEL:a", offset*512, size*512)
			if len(tab.Labels) != 1 {
				t.Fatalf("got %d labels, want 1", len(tab.Labels))
			}
			l := tab.Labels[0]
			if l.System != disklabel.OpenBSD || l.Version != 1 || string(l.UID[:]) != "duidduid" || l.TotalSectors != 5<<32|1<<20 {
				t.Errorf("got %v version %d uid %q, %d sectors", l.System, l.Version, l.UID, l.TotalSectors)
			}
			if a := l.Partitions[0]; a.FSize != 2048 || a.Frag != 8 {
				t.Errorf("a: got fragment %d, %d a block; want 2048, 8", a.FSize, a.Frag)
			}
			if _, err := l.Encode(); err == nil {
				t.Error("version 1 was encoded, want an error")
			}
		}
	}
}

// A NetBSD slice in an extended chain, as small boards' images have it, and each system's label on one disk.
func TestLogicalSlices(t *testing.T) {
	d := newSparse(1 << 30)
	d.slice(0, 0, 0x0c, 2048, 2048)
	d.slice(0, 1, 0xa5, 8192, 8192)
	d.slice(0, 2, 0x05, 100000, 500000)
	d.slice(100000, 0, 0x83, 64, 1000)
	d.slice(100000, 1, 0x05, 20000, 1)
	d.slice(120000, 0, 0xa9, 63, 50000)
	d.slice(120000, 1, 0x0f, 80000, 1)
	d.slice(180000, 0, 0xa6, 64, 50000)
	d.label(t, newLabel(endian.Little, 1<<21, partsOf('a', 1000, 0, 7, 'c', 8192, 0, 0)), 8193*512)
	d.label(t, newLabel(endian.Big, 1<<21, partsOf('a', 2000, 120063, 7, 'b', 5, 130000, 1)), 120064*512)
	d.label(t, newLabel(endian.Little, 1<<21, partsOf('a', 3000, 180064, 7, 'k', 7, 180500, 8)), 180065*512)
	tab := list(t, d)
	wantNames(t, tab, "MBR:1", "MBR:2", "DISKLABEL:a", "DISKLABEL:c!", "MBR:3!", "MBR:5",
		"MBR:6", "DISKLABEL:a", "DISKLABEL:b", "MBR:7", "DISKLABEL:a", "DISKLABEL:k")
	wantWindow(t, tab, "DISKLABEL:a", 8192*512, 1000*512)
	wantWindow(t, tab, "MBR:6%DISKLABEL:a", 120063*512, 2000*512)
	wantWindow(t, tab, "MBR:7%DISKLABEL:a", 180064*512, 3000*512)
	wantWindow(t, tab, "MBR:5", 100064*512, 1000*512)
	wantWindow(t, tab, "DISKLABEL:k", 180500*512, 7*512)
}

// A chain that returns, or one of empty tables without end, ends.
func TestHostileChain(t *testing.T) {
	d := newSparse(1 << 30)
	d.slice(0, 0, 0x05, 100, 1000000)
	d.slice(100, 0, 0x83, 1, 10)
	d.slice(100, 1, 0x05, 50, 10)
	d.slice(150, 0, 0x05, 0, 10)
	wantNames(t, list(t, d), "MBR:1!", "MBR:5")

	d = newSparse(1 << 40)
	d.slice(0, 0, 0x05, 100, 1000000)
	for i := range int64(2000) {
		d.slice(100+i, 1, 0x0f, uint32(i)+1, 10)
	}
	wantNames(t, list(t, d), "MBR:1!")
	if d.read > 2<<20 {
		t.Errorf("an endless chain made the reader read %d bytes", d.read)
	}
}

// A FAT boot sector has a boot record's signature but no table.
func TestNoTableInBootSector(t *testing.T) {
	d := newSparse(1 << 20)
	d.WriteAt(bytes.Repeat([]byte("Non-system disk "), 32), 0)
	d.WriteAt([]byte{0x55, 0xaa}, 510)
	wantNames(t, list(t, d))
}

func TestSunLabel(t *testing.T) {
	d := newSparse(1 << 20)
	b := make([]byte, 512)
	copy(b, "SUN0535 cyl 1000 alt 2 hd 16 sec 63")
	binary.BigEndian.PutUint16(b[508:], 0xdabe)
	var sum uint16
	for i := 0; i < 510; i += 2 {
		sum ^= binary.BigEndian.Uint16(b[i:])
	}
	binary.BigEndian.PutUint16(b[510:], sum)
	d.WriteAt(b, 0)
	tab := list(t, d)
	if tab.Foreign != "Sun VTOC label" {
		t.Errorf("got %q", tab.Foreign)
	}
	if _, err := tab.Partition('a'); err == nil || !strings.Contains(err.Error(), "Sun VTOC label, not supported") {
		t.Errorf("got %v", err)
	}
	d.WriteAt([]byte{1}, 100)
	if tab := list(t, d); tab.Foreign != "" {
		t.Errorf("wrong checksum: got %q, want none", tab.Foreign)
	}
}

// A partition may end behind an image that is still to grow; the listing says so, the window is there.
func TestPastEnd(t *testing.T) {
	d := newSparse(1 << 20)
	d.label(t, newLabel(endian.Little, 4096, partsOf('a', 2048, 0, 7, 'e', 1024, 2048, 10)), 512)
	tab := list(t, d)
	wantWindow(t, tab, "DISKLABEL:e", 1<<20, 1<<19)
	p, _ := tab.Partition('e')
	if want := "ends at byte 1572864, the disk at 1048576"; p.Problem != want {
		t.Errorf("got %q, want %q", p.Problem, want)
	}
	if p, _ := tab.Partition('a'); p.Problem != "" || p.Hint != "ffs" {
		t.Errorf("a: problem %q, hint %q", p.Problem, p.Hint)
	}
}

func TestNoSuchPart(t *testing.T) {
	d := newSparse(64 << 20)
	empty := list(t, d)
	d.slice(0, 0, 0xa9, 2048, 4096)
	d.slice(0, 1, 0x0c, 8192, 4096)
	d.label(t, newLabel(endian.Little, 64<<20/512, partsOf('a', 10, 2048, 7, 'd', 64<<20/512, 0, 0)), 2049*512)
	full := list(t, d)
	tests := []struct {
		tab  disklabel.Table
		spec disklabel.Spec
		want string
	}{
		{full, disklabel.Spec{Kind: "DISKLABEL", Arg: "e"}, "no partition e in the disk label, there are a, d"},
		{full, disklabel.Spec{Kind: "MBR", Arg: "3"}, "no MBR partition 3, there are 1, 2"},
		{full, disklabel.Spec{Kind: "GPT", Arg: "1"}, "no GPT partition 1: the disk has no GPT partitions"},
		{empty, disklabel.Spec{Kind: "DISKLABEL", Arg: "a"}, "no partition a: no disk label in a BSD slice or in the first 64 KiB of the disk"},
		{empty, disklabel.Spec{Kind: "CGD", Arg: "a"}, "%CGD:a% names no part of a disk"},
		{empty, disklabel.Spec{Kind: "MBR", Arg: "x"}, "%MBR:x%: a number from 1 is wanted"},
	}
	for _, tt := range tests {
		_, _, err := tt.tab.Resolve([]disklabel.Spec{tt.spec})
		if err == nil || err.Error() != tt.want {
			t.Errorf("%v: got %v, want %s", tt.spec, err, tt.want)
		}
	}
}

// Entries of a GUID partition table come from the caller. OpenBSD's label in one counts from the disk, FreeBSD's from
// the entry.
func TestInsideGPT(t *testing.T) {
	d := newSparse(64 << 20)
	d.slice(0, 0, 0xee, 1, 1<<32-1)
	d.label(t, newLabel(endian.Little, 1<<17, partsOf('a', 10, 4096, 7)), 2049*512)
	d.label(t, newLabel(endian.Little, 1<<17, partsOf('a', 10, 5, 7, 'c', 4096, 0, 0)), 8193*512)
	tab := list(t, d,
		disklabel.Slice{Table: "GPT", Number: 1, Type: 0xa6, Name: "OpenBSD", Start: 2048 * 512, Size: 4096 * 512},
		disklabel.Slice{Table: "GPT", Number: 2, Type: 0xa5, Name: "FreeBSD", Start: 8192 * 512, Size: 4096 * 512})
	wantNames(t, tab, "MBR:1", "GPT:1", "DISKLABEL:a", "GPT:2", "DISKLABEL:a", "DISKLABEL:c!")
	wantWindow(t, tab, "GPT:1%DISKLABEL:a", 4096*512, 10*512)
	wantWindow(t, tab, "GPT:2%DISKLABEL:a", 8197*512, 10*512)
	if p := tab.Parts()[0]; p.Problem != "" {
		t.Errorf("protective slice: %q", p.Problem)
	}
}

// A label far from where any port keeps it, as the original server accepts one, is found if there is no better.
func TestFarLabel(t *testing.T) {
	d := newSparse(1 << 20)
	d.label(t, newLabel(endian.Big, 2048, partsOf('a', 10, 0, 7)), 60000)
	wantNames(t, list(t, d), "DISKLABEL:a")
	d.label(t, newLabel(endian.Big, 2048, partsOf('b', 10, 0, 7)), 512)
	wantNames(t, list(t, d), "DISKLABEL:b")
}

// Damage to any byte of a label leaves it unfound.
func TestDamage(t *testing.T) {
	d := newSparse(1 << 20)
	l := newLabel(endian.Little, 2048, partsOf('a', 10, 0, 7))
	b, _ := l.Encode()
	for i := range b {
		bad := bytes.Clone(b)
		bad[i] ^= 0x40
		d.WriteAt(bad, 512)
		if found, err := disklabel.Read(d, d.size, disklabel.Options{}); err != nil || len(found) != 0 {
			t.Errorf("byte %d: got %d labels, %v", i, len(found), err)
		}
	}
}

func TestReadRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	seed := goldens(t)
	for range 2000 {
		b := bytes.Clone(seed[rng.IntN(len(seed))].image[:8192])
		for range rng.IntN(8) {
			b[rng.IntN(1024)] = byte(rng.Uint32())
		}
		exercise(t, b)
	}
}

// exercise reads b in each way and asks for all there is.
func exercise(t *testing.T, b []byte) {
	m, _ := disklabel.MachineByName("i386")
	if _, err := disklabel.Read(bytes.NewReader(b), int64(len(b)), disklabel.Options{Machine: &m, WithDeleted: true}); err != nil {
		t.Fatal(err)
	}
	tab, err := disklabel.List(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range tab.Parts() {
		if !p.Broken && (p.Offset < 0 || p.Size < 0 || p.Offset+p.Size < p.Offset) {
			t.Fatalf("%s: window %v", p.Name(), p.Window)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, g := range goldens(f) {
		f.Add(g.image[:8192])
	}
	d := newSparse(1 << 20)
	d.slice(0, 0, 0x05, 2, 10)
	d.slice(2, 0, 0xa5, 1, 10)
	d.label(f, newLabel(endian.Big, 2048, partsOf('a', 10, 0, 7, 'c', 10, 3, 7)), 4*512)
	b := make([]byte, 8192)
	d.ReadAt(b, 0)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) { exercise(t, b) })
}
