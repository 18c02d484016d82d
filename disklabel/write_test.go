package disklabel_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"rump/disklabel"
	"rump/internal/endian"
)

// memory is a disk in memory that counts writes and may fail them.
type memory struct {
	b      []byte
	writes int
	err    error
}

func (m *memory) ReadAt(b []byte, off int64) (int, error) { return bytes.NewReader(m.b).ReadAt(b, off) }

func (m *memory) WriteAt(b []byte, off int64) (int, error) {
	m.writes++
	if m.err != nil {
		return 0, m.err
	}
	return copy(m.b[off:], b), nil
}

func (m *memory) write(t testing.TB, l disklabel.Label, machine string, replace bool) {
	t.Helper()
	if err := m.try(t, l, machine, replace); err != nil {
		t.Fatal(err)
	}
}

func (m *memory) try(t testing.TB, l disklabel.Label, machine string, replace bool) error {
	t.Helper()
	mach, ok := disklabel.MachineByName(machine)
	if !ok {
		t.Fatalf("no machine %s", machine)
	}
	return disklabel.Write(m, int64(len(m.b)), &l, disklabel.WriteOptions{Machine: mach, Replace: replace})
}

func (m *memory) found(t testing.TB, opt disklabel.Options) []disklabel.Found {
	t.Helper()
	found, err := disklabel.Read(m, int64(len(m.b)), opt)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// A prototype written to a blank disk gives the disk that NetBSD's tool made; written again, nothing is written.
func TestWriteGolden(t *testing.T) {
	for _, g := range goldens(t) {
		d := &memory{b: bytes.Clone(g.image)}
		at := only(t, g).Offset
		clear(d.b[at : at+404])
		l, r := disklabel.Parse(strings.NewReader(g.text(t, "proto")), g.order, limit(t, g))
		if r.Errors != 0 {
			t.Fatalf("%s: %q", g.name, r.Lines)
		}
		d.write(t, l, g.machine, false)
		if !bytes.Equal(d.b, g.image) {
			t.Errorf("%s: disk differs from the genuine one", g.name)
		}
		writes := d.writes
		d.write(t, l, g.machine, false)
		if d.writes != writes {
			t.Errorf("%s: the same label was written again", g.name)
		}
	}
}

// A label that is found is overwritten where it is, or put out of use for one at the port's own place.
func TestWriteOverFound(t *testing.T) {
	old := newLabel(endian.Little, 2048, partsOf('a', 10, 0, 7))
	l := newLabel(endian.Little, 2048, partsOf('b', 20, 5, 1))
	for _, replace := range []bool{false, true} {
		d := &memory{b: bytes.Repeat([]byte{0xee}, 1<<20)}
		b, _ := old.Encode()
		copy(d.b[2000:], b)
		d.write(t, l, "i386", replace)
		found := d.found(t, disklabel.Options{WithDeleted: true})
		want := map[bool][]int64{false: {2000}, true: {512, 2000}}[replace]
		if len(found) != len(want) {
			t.Fatalf("replace %v: got %d labels, want %d", replace, len(found), len(want))
		}
		for i, f := range found {
			if f.Offset != want[i] || f.Deleted != (i == 1) {
				t.Errorf("replace %v: got label at %d, deleted %v; want %d, %v", replace, f.Offset, f.Deleted, want[i], i == 1)
			}
		}
		if d.b[511] != 0xee || d.b[1999] != 0xee || d.b[2000+404] != 0xee {
			t.Errorf("replace %v: bytes around the label changed", replace)
		}
	}
}

func TestDelete(t *testing.T) {
	m, _ := disklabel.MachineByName("amd64")
	d := &memory{b: make([]byte, 1<<20)}
	l := newLabel(endian.Little, 2048, partsOf('a', 10, 0, 7))
	d.write(t, l, "amd64", false)
	n, err := disklabel.Delete(d, int64(len(d.b)), disklabel.Options{Machine: &m})
	if n != 1 || err != nil || len(d.found(t, disklabel.Options{})) != 0 {
		t.Errorf("got %d, %v and %d labels left", n, err, len(d.found(t, disklabel.Options{})))
	}
	if f := d.found(t, disklabel.Options{WithDeleted: true}); len(f) != 1 || !f[0].Deleted || f[0].Packname != "test" {
		t.Errorf("deleted label: got %+v", f)
	}
	if binary.LittleEndian.Uint32(d.b[512:]) != 0x7da9baa8 {
		t.Errorf("magic number of a deleted label: %#x", d.b[512:516])
	}
}

// mbrDisk has a NetBSD slice at each of the given sectors.
func mbrDisk(sectors ...uint32) *memory {
	d := newSparse(1 << 20)
	for i, s := range sectors {
		d.slice(0, i, 0xa9, s, 256)
	}
	m := &memory{b: make([]byte, 1<<20)}
	d.ReadAt(m.b, 0)
	return m
}

// Every NetBSD slice gets the label; the start of the disk only if it had one.
func TestWriteSlices(t *testing.T) {
	l := newLabel(endian.Little, 2048, partsOf('a', 10, 63, 7))
	d := mbrDisk(63, 500)
	d.write(t, l, "i386", false)
	wantPlaces(t, d, 64*512, 501*512)

	b, _ := l.Encode()
	d = mbrDisk(63)
	copy(d.b[512:], b)
	l.Packname = "new"
	d.write(t, l, "i386", false)
	wantPlaces(t, d, 64*512, 512)
	for _, f := range d.found(t, disklabel.Options{}) {
		if f.Packname != "new" {
			t.Errorf("label at %d is still %q", f.Offset, f.Packname)
		}
	}

	// A port without boot records leaves slices alone that have no label.
	d = mbrDisk(63)
	d.write(t, l, "hp300", false)
	wantPlaces(t, d, 1024)

	// A slice inside the disk's own boot area.
	for _, replace := range []bool{false, true} {
		d = mbrDisk(2)
		d.write(t, l, "i386", replace)
		d.write(t, l, "i386", replace)
		wantPlaces(t, d, 3*512)
	}
}

func wantPlaces(t testing.TB, d *memory, want ...int64) {
	t.Helper()
	found := d.found(t, disklabel.Options{})
	for i, f := range found {
		if i >= len(want) || f.Offset != want[i] {
			t.Errorf("label %d: at %d, want %v", i, f.Offset, want)
		}
	}
	if len(found) != len(want) {
		t.Errorf("got %d labels, want %d", len(found), len(want))
	}
}

func TestWriteErrors(t *testing.T) {
	l := newLabel(endian.Little, 2048, nil)
	small := &memory{b: make([]byte, 600)}
	if err := small.try(t, l, "i386", false); err == nil || err.Error() != "no space in bootarea (sector 0) to create label" {
		t.Errorf("small disk: got %v", err)
	}
	if small.writes != 0 {
		t.Errorf("small disk was written")
	}
	broken := errors.New("broken")
	d := &memory{b: make([]byte, 1<<20), err: broken}
	if err := d.try(t, l, "i386", false); !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "disklabel write (sector 0) size 4096 failed") {
		t.Errorf("broken disk: got %v", err)
	}
	l.TotalSectors = 1 << 32
	if err := d.try(t, l, "i386", false); err == nil || !strings.Contains(err.Error(), "32 bits") {
		t.Errorf("large label: got %v", err)
	}
}

// An alpha's boot block keeps a right checksum; a disk without one gets none.
func TestAlphaChecksum(t *testing.T) {
	l := newLabel(endian.Little, 2048, partsOf('a', 10, 0, 7))
	l.NPartitions = 8
	d := &memory{b: make([]byte, 1<<20)}
	d.write(t, l, "alpha", false)
	if got := binary.LittleEndian.Uint64(d.b[504:]); got != 0 {
		t.Errorf("no boot block: checksum %#x", got)
	}
	d = &memory{b: make([]byte, 1<<20)}
	d.b[480] = 9
	binary.LittleEndian.PutUint64(d.b[504:], 9)
	d.write(t, l, "alpha", false)
	var sum uint64
	for i := 0; i < 504; i += 8 {
		sum += binary.LittleEndian.Uint64(d.b[i:])
	}
	if got := binary.LittleEndian.Uint64(d.b[504:]); got != sum {
		t.Errorf("checksum %#x, want %#x", got, sum)
	}
}

// The label made up for an image names its whole in the port's raw partition and passes the check.
func TestNew(t *testing.T) {
	for _, tt := range []struct {
		size             int64
		machine          string
		cylinders, track uint32
	}{{4096 * 512, "i386", 2, 32}, {100 * 512, "sparc", 100, 1}, {1 << 45, "ews4800mips", 1<<21 - 1, 32}} {
		m, _ := disklabel.MachineByName(tt.machine)
		l := disklabel.New(tt.size, m)
		if r := l.Check(m.Max); len(r.Lines) != 0 {
			t.Errorf("%d: %q", tt.size, r.Lines)
		}
		if l.Cylinders != tt.cylinders || l.SectorsPerTrack != tt.track || int(l.NPartitions) != m.Raw+1 ||
			l.Partitions[m.Raw].Size != l.TotalSectors || l.Order != m.Order {
			t.Errorf("%d: got %+v", tt.size, l)
		}
	}
}
