package disklabel_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rump/disklabel"
	"rump/internal/endian"
)

// sparse is a disk of any size that keeps only what was written, in pieces of 512 bytes, and counts what is read.
type sparse struct {
	size    int64
	sectors map[int64][]byte
	read    int64
}

func newSparse(size int64) *sparse { return &sparse{size: size, sectors: map[int64][]byte{}} }

func (d *sparse) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 || off%512 != 0 || len(b)%512 != 0 {
		return 0, os.ErrInvalid // what a disk says to parts of sectors
	}
	n := 0
	for n < len(b) && off+int64(n) < d.size {
		clear(b[n : n+512])
		copy(b[n:n+512], d.sectors[(off+int64(n))/512])
		n += 512
	}
	d.read += int64(n)
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (d *sparse) WriteAt(b []byte, off int64) (int, error) {
	for i, c := range b {
		at := off + int64(i)
		if d.sectors[at/512] == nil {
			d.sectors[at/512] = make([]byte, 512)
		}
		d.sectors[at/512][at%512] = c
	}
	return len(b), nil
}

// slice writes an entry into the boot table at a sector; start counts as the table's entries do.
func (d *sparse) slice(table int64, index int, kind byte, start, size uint32) {
	e := make([]byte, 16)
	e[4] = kind
	binary.LittleEndian.PutUint32(e[8:], start)
	binary.LittleEndian.PutUint32(e[12:], size)
	d.WriteAt(e, table*512+446+16*int64(index))
	d.WriteAt([]byte{0x55, 0xaa}, table*512+510)
}

// label writes l at a byte offset.
func (d *sparse) label(t testing.TB, l disklabel.Label, off int64) {
	t.Helper()
	b, err := l.Encode()
	if err != nil {
		t.Fatal(err)
	}
	d.WriteAt(b, off)
}

// newLabel is a label of 512-byte sectors with the given partitions by letter.
func newLabel(order endian.Order, total disklabel.Sector, parts map[byte]disklabel.Partition) disklabel.Label {
	l := disklabel.Label{
		Order: order, Packname: "test", SectorSize: 512, SectorsPerTrack: 63, TracksPerCyl: 16, SectorsPerCyl: 1008,
		Cylinders: uint32(total / 1008), TotalSectors: total, RPM: 3600, Interleave: 1, NPartitions: 16,
		BootSize: 8192, SuperSize: 8192, Partitions: make([]disklabel.Partition, 16),
	}
	for c, p := range parts {
		l.Partitions[c-'a'] = p
	}
	return l
}

// A golden is a disk labelled by NetBSD's own tool.
type golden struct {
	name, machine string
	order         endian.Order
	size          int64
	image         []byte // its start
}

func goldens(t testing.TB) []golden {
	t.Helper()
	machines := map[string]string{"ffs-mbr": "amd64", "ffs-mbr-ufs1": "i386", "ffs-sparc64": "sparc64",
		"usb-tutorial": "i386", "usb-tutorial-nombr": "i386", "usb-tutorial-edited": "i386"}
	sizes := map[string]int64{"ffs-mbr": 16777216, "ffs-mbr-ufs1": 16777216, "ffs-sparc64": 8257536,
		"usb-tutorial": 536870912, "usb-tutorial-nombr": 536870912, "usb-tutorial-edited": 549683200}
	files, err := filepath.Glob("testdata/*.img.gz")
	if err != nil || len(files) != 17 {
		t.Fatalf("golden images: got %d (%v), want 17", len(files), err)
	}
	var list []golden
	for _, f := range files {
		g := golden{name: strings.TrimSuffix(filepath.Base(f), ".img.gz"), size: 2097152}
		if m, ok := machines[g.name]; ok {
			g.machine, g.size = m, sizes[g.name]
		} else {
			g.machine, _, _ = strings.Cut(g.name, "-")
		}
		if strings.HasSuffix(g.name, "-be") || g.machine == "sparc64" {
			g.order = endian.Big
		}
		g.image = gunzip(t, f)
		list = append(list, g)
	}
	return list
}

func (g golden) text(t testing.TB, kind string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + g.name + "." + kind + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func gunzip(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	b, err = io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// names lists what a table holds, "!" behind raw parts.
func names(t disklabel.Table) []string {
	var list []string
	for _, p := range t.Parts() {
		n := p.Name()
		if p.Raw {
			n += "!"
		}
		list = append(list, n)
	}
	return list
}

func wantNames(t testing.TB, tab disklabel.Table, want ...string) {
	t.Helper()
	if got := names(tab); !slices.Equal(got, want) {
		t.Errorf("parts: got %v, want %v", got, want)
	}
}

func list(t testing.TB, d *sparse, more ...disklabel.Slice) disklabel.Table {
	t.Helper()
	tab, err := disklabel.List(d, d.size, more...)
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func wantWindow(t testing.TB, tab disklabel.Table, spec string, offset, size int64) {
	t.Helper()
	_, specs, err := disklabel.ParseSpec("disk.img%" + spec + "%")
	if err != nil {
		t.Fatal(err)
	}
	p, rest, err := tab.Resolve(specs)
	if err != nil || len(rest) != 0 {
		t.Errorf("%s: %v, steps left %v", spec, err, rest)
		return
	}
	if want := (disklabel.Window{Offset: offset, Size: size}); p.Window != want {
		t.Errorf("%s: got %v, want %v", spec, p.Window, want)
	}
}

func partsOf(letters ...any) map[byte]disklabel.Partition {
	m := map[byte]disklabel.Partition{}
	for i := 0; i < len(letters); i += 4 {
		m[byte(letters[i].(rune))] = disklabel.Partition{
			Size: disklabel.Sector(letters[i+1].(int)), Offset: disklabel.Sector(letters[i+2].(int)), FSType: uint8(letters[i+3].(int)),
		}
	}
	return m
}
