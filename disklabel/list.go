package disklabel

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"rump/internal/endian"
)

// A Table is everything found on one disk.
type Table struct {
	Size    int64 // of the disk, bytes
	Slices  []Slice
	Labels  []Found
	Foreign string // a label that is recognised but not read, such as "Sun VTOC label"; usually ""
}

// A Part is one line of a table: a slice, or a partition of a label.
type Part struct {
	Label  *Found // the label a partition stands in; nil for a slice
	Letter byte   // of a partition, 0 for a slice
	Slice  *Slice // the slice itself, or the one the label lies in; nil outside of any

	Window
	FSType  string // name of the type: "4.2BSD", "FAT32"
	Hint    string // what could mount it: "ffs", "msdos", "cd9660", ...; "" for raw, unused and unknown parts
	Raw     bool   // stands for the whole slice or disk, never to be mounted unasked
	Problem string // why the window cannot be used, or what is odd about it; "" if all is well
	Broken  bool   // Window is meaningless
}

// Name is how a specifier names the part: "MBR:2", "DISKLABEL:e".
func (p Part) Name() string {
	if p.Label != nil {
		return fmt.Sprintf("%s:%c", KindLabel, p.Letter)
	}
	return fmt.Sprintf("%s:%d", p.Slice.Table, p.Slice.Number)
}

// List reads a disk's master boot record and labels. Entries of a GUID partition table come in from the caller, who
// sets the Type of a BSD's own to that system's MBR type, since only such are known to hold a label.
func List(r io.ReaderAt, size int64, gpt ...Slice) (Table, error) {
	mbr, err := ReadMBR(r, size)
	if err != nil {
		return Table{}, err
	}
	t := Table{Size: size, Slices: slices.Concat(mbr, gpt)}
	if t.Labels, err = readIn(r, size, mbr, Options{Slices: gpt}); err != nil {
		return Table{}, err
	}
	first, err := readSpan(r, size, 0, sectorSize)
	if err != nil {
		return Table{}, err
	}
	if isSun(first) {
		t.Foreign = "Sun VTOC label"
	}
	return t, nil
}

// isSun recognises the label of SunOS and Solaris on sparc: a magic number at the end of the sector, before the word
// that makes the sector's XOR zero.
func isSun(sector []byte) bool {
	const (
		offSunMagic = 508
		sunMagic    = 0xdabe
	)
	return len(sector) >= sectorSize && endian.Big.Uint16(sector[offSunMagic:]) == sunMagic && xor16(sector[:sectorSize]) == 0
}

// Parts are all slices, each followed by the partitions of the labels in it, then those of the labels outside slices.
func (t *Table) Parts() []Part {
	var list []Part
	for i := range t.Slices {
		list = append(list, t.slicePart(i))
		for k := range t.Labels {
			if s := t.Labels[k].Slice; s != nil && s.Table == t.Slices[i].Table && s.Number == t.Slices[i].Number {
				list = append(list, t.labelParts(k)...)
			}
		}
	}
	for k := range t.Labels {
		if t.Labels[k].Slice == nil {
			list = append(list, t.labelParts(k)...)
		}
	}
	return list
}

func (t *Table) slicePart(i int) Part {
	s := &t.Slices[i]
	p := Part{Slice: s, Window: Window{s.Start, s.Size}, FSType: s.Name, Raw: s.isExtended()}
	if s.Table == "MBR" {
		p.Hint = sliceTypes[s.Type].hint
	}
	if s.Type != typeProtective { // which may claim more than there is
		t.checkEnd(&p)
	}
	return p
}

func (t *Table) labelParts(k int) []Part {
	f := &t.Labels[k]
	var list []Part
	for i, e := range f.Partitions {
		if e.Size == 0 {
			continue
		}
		p := Part{Label: f, Letter: Letter(i), Slice: f.Slice, FSType: f.FSTypeName(e.FSType), Raw: f.IsRaw(i)}
		w, err := f.Window(i)
		if err != nil {
			p.Problem, p.Broken = err.Error(), true
		} else {
			p.Window = w
			t.checkEnd(&p)
		}
		if !p.Raw {
			p.Hint = fsHints[strings.ToLower(p.FSType)]
		}
		list = append(list, p)
	}
	return list
}

func (t *Table) checkEnd(p *Part) {
	if end := p.Offset + p.Size; end > t.Size {
		p.Problem = fmt.Sprintf("ends at byte %d, the disk at %d", end, t.Size)
	}
}

// Partition is the partition of that letter: of the first label that has one.
func (t *Table) Partition(letter byte) (Part, error) {
	return t.partitionOf(letter, func(*Found) bool { return true })
}

// PartitionIn is the partition of that letter of a label inside slice s.
func (t *Table) PartitionIn(s Slice, letter byte) (Part, error) {
	return t.partitionOf(letter, func(f *Found) bool {
		return f.Slice != nil && f.Slice.Table == s.Table && f.Slice.Number == s.Number
	})
}

func (t *Table) partitionOf(letter byte, in func(*Found) bool) (Part, error) {
	var have []string
	labels := 0
	for k := range t.Labels {
		if !in(&t.Labels[k]) {
			continue
		}
		labels++
		for _, p := range t.labelParts(k) {
			switch {
			case p.Letter != letter:
				have = append(have, string(p.Letter))
			case p.Broken:
				return Part{}, fmt.Errorf("disk label: %s", p.Problem)
			default:
				return p, nil
			}
		}
	}
	switch {
	case labels == 0 && t.Foreign != "":
		return Part{}, fmt.Errorf("no partition %c: %s, not supported", letter, t.Foreign)
	case labels == 0:
		return Part{}, fmt.Errorf("no partition %c: no disk label in a BSD slice or in the first %d KiB of the disk", letter, farArea/1024)
	case len(have) == 0:
		return Part{}, fmt.Errorf("no partition %c: the disk label has none at all", letter)
	}
	return Part{}, fmt.Errorf("no partition %c in the disk label, there are %s", letter, strings.Join(have, ", "))
}

// SlicePart is the slice of that number in the master boot record ("MBR") or GUID partition table ("GPT").
func (t *Table) SlicePart(table string, number int) (Part, error) {
	var have []string
	for i, s := range t.Slices {
		if s.Table != table {
			continue
		}
		if s.Number == number {
			return t.slicePart(i), nil
		}
		have = append(have, fmt.Sprint(s.Number))
	}
	if len(have) == 0 {
		return Part{}, fmt.Errorf("no %s partition %d: the disk has no %s partitions", table, number, table)
	}
	return Part{}, fmt.Errorf("no %s partition %d, there are %s", table, number, strings.Join(have, ", "))
}
