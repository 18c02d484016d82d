package disklabel_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"rump/disklabel"
	"rump/internal/endian"
)

func TestArchOrder(t *testing.T) {
	for arch, want := range map[string]string{
		"x86_64": "le", "earmv7hf": "le", "earmv7hfeb": "be", "aarch64eb": "be", "mips64el": "le", "mipseb": "be", "sparc64": "be",
		"vax": "le", "m68000": "be", "pdp11": "", "earx": "", "": "",
	} {
		got := ""
		if o, ok := disklabel.ArchOrder(arch); ok {
			got = o.String()
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", arch, got, want)
		}
	}
}

// Every port's label is found without being told the port, in either order, on a bare disk and in a slice.
func TestEveryPlace(t *testing.T) {
	for _, name := range strings.Fields("amd64 i386 macppc ews4800mips hp300 sgimips atari sparc amiga vax alpha mac68k mvme68k evbarm") {
		m, ok := disklabel.MachineByName(name)
		if !ok {
			t.Fatalf("no machine %s", name)
		}
		for _, order := range []endian.Order{endian.Little, endian.Big} {
			for _, start := range []int64{0, 63, 2048, 8191} {
				d := newSparse(64 << 20)
				if start != 0 {
					d.slice(0, 2, 0xa9, uint32(start), 1000)
				}
				l := newLabel(order, 1<<17, partsOf('a', 5, int(start)+16, 7))
				l.NPartitions = uint16(m.Max)
				d.label(t, l, start*512+m.Place())
				tab := list(t, d)
				wantWindow(t, tab, "DISKLABEL:a", (start+16)*512, 5*512)
				if len(tab.Labels) != 1 {
					t.Errorf("%s: got %d labels, want 1", name, len(tab.Labels))
					continue
				}
				if s, o := tab.Labels[0].SectorOffset(); s != start || o != m.Place() {
					t.Errorf("%s: got sector %d offset %d, want %d, %d", name, s, o, start, m.Place())
				}
			}
		}
	}
	if _, ok := disklabel.MachineByName("pdp11"); ok {
		t.Error("there is a machine pdp11")
	}
}

// A label with more partitions than the port has is corrupt to its tool, and to nobody else.
func TestTooManyPartitions(t *testing.T) {
	m, _ := disklabel.MachineByName("hp300")
	d := newSparse(1 << 20)
	d.label(t, newLabel(endian.Big, 2048, partsOf('a', 5, 16, 7)), m.Place())
	var warned []string
	found, err := disklabel.Read(d, d.size, disklabel.Options{
		Machine: &m, Order: endian.Big, Warn: func(s string) { warned = append(warned, s) },
	})
	if err != nil || len(found) != 0 || len(warned) != 1 || warned[0] != "corrupt label found at offset 1024 in sector 0" {
		t.Errorf("got %d labels, %v, warnings %q", len(found), err, warned)
	}
	wantNames(t, list(t, d), "DISKLABEL:a")
}

func TestRawP(t *testing.T) {
	d := newSparse(1 << 20)
	d.label(t, newLabel(endian.Big, 2048, partsOf('a', 5, 16, 7, 'c', 20, 30, 7, 'd', 20, 50, 7, 'p', 2048, 0, 0)), 9*512)
	wantNames(t, list(t, d), "DISKLABEL:a", "DISKLABEL:c", "DISKLABEL:d", "DISKLABEL:p!")
}

// Numbers above 13 mean other types to other systems.
func TestTypeNames(t *testing.T) {
	for _, tt := range []struct {
		sys  disklabel.System
		kind uint8
		want string
	}{
		{disklabel.NetBSD, 17, "Linux Ext2"}, {disklabel.OpenBSD, 17, "ext2fs"}, {disklabel.FreeBSD, 17, "EXT2FS"},
		{disklabel.NetBSD, 27, "NiLFS"}, {disklabel.OpenBSD, 27, "27"}, {disklabel.FreeBSD, 27, "ZFS"},
		{disklabel.NetBSD, 14, "ADOS"}, {disklabel.OpenBSD, 14, "ADOS"}, {disklabel.FreeBSD, 14, "vinum"},
		{disklabel.NetBSD, 7, "4.2BSD"}, {disklabel.FreeBSD, 7, "4.2BSD"}, {disklabel.NetBSD, 200, "200"},
	} {
		l := disklabel.Label{System: tt.sys}
		if got := l.FSTypeName(tt.kind); got != tt.want {
			t.Errorf("%v %d: got %q, want %q", tt.sys, tt.kind, got, tt.want)
		}
	}
}

// failAt is a disk with an unreadable byte.
type failAt struct {
	*sparse
	at  int64
	err error
}

func (f failAt) ReadAt(b []byte, off int64) (int, error) {
	if off <= f.at && f.at < off+int64(len(b)) {
		return 0, f.err
	}
	return f.sparse.ReadAt(b, off)
}

// Wherever the disk cannot be read, the error comes out.
func TestReadErrors(t *testing.T) {
	d := newSparse(64 << 20)
	d.slice(0, 0, 0xa9, 2048, 1000)
	d.slice(0, 1, 0x05, 8192, 1000)
	d.label(t, newLabel(endian.Little, 1<<17, partsOf('a', 5, 2064, 7)), 2049*512)
	broken := errors.New("broken")
	for _, at := range []int64{0, 5000, 2048 * 512, 2048*512 + 8191, 8192 * 512} {
		if _, err := disklabel.List(failAt{d, at, broken}, d.size); !errors.Is(err, broken) {
			t.Errorf("byte %d unreadable: got %v", at, err)
		}
	}
}

// A file shorter than the size it is said to have is read as far as it goes.
func TestShortFile(t *testing.T) {
	l := newLabel(endian.Little, 2048, partsOf('a', 5, 16, 7))
	b, err := l.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(b) + 1 {
		img := append(make([]byte, 512), b[:n]...)
		tab, err := disklabel.List(bytes.NewReader(img), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if want := n == len(b); (len(tab.Labels) == 1) != want {
			t.Errorf("%d bytes of a label: found %d", n, len(tab.Labels))
		}
	}
}
