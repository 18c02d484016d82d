package disklabel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"rump/internal/endian"
)

// A Disk is what a label is written to. Reads and writes are aligned to 4096 bytes, except at the end of the disk.
type Disk interface {
	io.ReaderAt
	io.WriterAt
}

// WriteOptions say how Write proceeds.
type WriteOptions struct {
	Machine Machine
	// Replace puts labels found elsewhere out of use and writes the new one at the port's own place, as -D does.
	// Otherwise a label that is found is overwritten where it is.
	Replace bool
}

// Write puts l where NetBSD's disklabel puts it on that port: over a label that is there, else into each NetBSD slice
// of a disk with a boot record, else at the start of the disk. Bytes around the label stay.
func Write(d Disk, size int64, l *Label, opt WriteOptions) error {
	m := opt.Machine
	b, err := l.encode(min(m.Max, 16))
	if err != nil {
		return err
	}
	mbr, err := ReadMBR(d, size)
	if err != nil {
		return err
	}
	w := writer{d: d, size: size, m: m, order: l.Order, replace: opt.Replace}
	for _, s := range mbr {
		if s.Type == typeNetBSD {
			if err := w.area(&s, b, m.MBR); err != nil {
				return err
			}
		}
	}
	return w.area(nil, b, len(w.written) == 0)
}

// Delete puts every label out of use that the port's tool would find, and answers how many there were.
func Delete(d Disk, size int64, opt Options) (int, error) {
	found, err := Read(d, size, opt)
	if err != nil {
		return 0, err
	}
	for _, f := range found {
		area, err := readSpan(d, size, f.Base(), bootArea)
		if err != nil {
			return 0, err
		}
		old := bytes.Clone(area)
		invalidate(area[f.Offset-f.Base():])
		if err := writeBack(d, size, f.Base(), old, area); err != nil {
			return 0, err
		}
	}
	return len(found), nil
}

// invalidate complements both magic numbers, which leaves the checksum right.
func invalidate(label []byte) {
	for _, off := range []int{offMagic, offMagic2} {
		for i := range 4 {
			label[off+i] ^= 0xff
		}
	}
}

type writer struct {
	d       Disk
	size    int64
	m       Machine
	order   endian.Order
	replace bool
	written []int64 // where labels lie now, bytes from the start of the disk
}

// area updates the labels in a slice, or at the start of the disk if it is nil; create asks for one if there is none.
func (w *writer) area(sl *Slice, label []byte, create bool) error {
	s := search{r: w.d, size: w.size, opt: Options{Machine: &w.m, Order: w.order}}
	if err := s.area(sl, bootArea); err != nil {
		return err
	}
	// A slice may begin inside the disk's own boot area.
	s.found = slices.DeleteFunc(s.found, func(f Found) bool { return slices.Contains(w.written, f.Offset) })
	if len(s.found) == 0 && !create {
		return nil
	}
	at := w.m.Place()
	var base int64
	if sl != nil {
		base = sl.Start
		if w.m.MBR {
			at = sectorSize // in a slice, whatever the port's place on a bare disk
		}
	}
	area, err := readSpan(w.d, w.size, base, bootArea)
	if err != nil {
		return err
	}
	old := bytes.Clone(area)
	if w.replace {
		for _, f := range s.found {
			invalidate(area[f.Offset-base:])
		}
	} else if len(s.found) > 0 {
		at = s.found[0].Offset - base
	}
	if at+int64(len(label)) > int64(len(area)) {
		return fmt.Errorf("no space in bootarea (sector %d) to create label", base/sectorSize)
	}
	copy(area[at:], label)
	if w.m.Name == "alpha" && sl == nil {
		sumAlpha(old, area)
	}
	if err := writeBack(w.d, w.size, base, old, area); err != nil {
		return err
	}
	w.written = append(w.written, base+at)
	return nil
}

// sumAlpha renews the checksum that an alpha's firmware wants of a boot block, if there is one: the sum of the 63
// little-endian words before it.
func sumAlpha(old, area []byte) {
	const offSum = 504
	sum := func(b []byte) (v uint64) {
		for i := 0; i < offSum; i += 8 {
			v += binary.LittleEndian.Uint64(b[i:])
		}
		return v
	}
	if stored := binary.LittleEndian.Uint64(old[offSum:]); stored != 0 && stored == sum(old) {
		binary.LittleEndian.PutUint64(area[offSum:], sum(area))
	}
}

// writeBack writes the part of a boot area that changed.
func writeBack(d Disk, size, base int64, old, area []byte) error {
	first, last := -1, 0
	for i := range area {
		if old[i] != area[i] {
			if first < 0 {
				first = i
			}
			last = i + 1
		}
	}
	if first < 0 {
		return nil
	}
	start := (base + int64(first)) / spanUnit * spanUnit
	end := min(size, (base+int64(last)+spanUnit-1)/spanUnit*spanUnit)
	buf, err := readSpan(d, size, start, end-start)
	if err != nil {
		return err
	}
	if start+int64(len(buf)) < base+int64(last) {
		return fmt.Errorf("disklabel write (sector %d): %w", base/sectorSize, io.ErrUnexpectedEOF)
	}
	copy(buf[base+int64(first)-start:], area[first:last])
	n, err := d.WriteAt(buf, start)
	if err == nil && n < len(buf) {
		err = errors.Join(fmt.Errorf("truncated to %d", n), io.ErrShortWrite)
	}
	if err != nil {
		return fmt.Errorf("disklabel write (sector %d) size %d failed: %w", base/sectorSize, len(buf), err)
	}
	return nil
}

// New is the label that a NetBSD kernel makes up for a disk image of size bytes: the whole is in the port's raw
// partition.
func New(size int64, m Machine) Label {
	sectors := min(max(size, 0)/sectorSize, 1<<32-1)
	l := Label{
		Order: m.Order, Type: 12, Typename: "vnd", Packname: "fictitious",
		SectorSize: sectorSize, SectorsPerTrack: 1, TracksPerCyl: 1, SectorsPerCyl: 1, Cylinders: uint32(sectors),
		TotalSectors: Sector(sectors), RPM: 3600, Interleave: 1, NPartitions: uint16(m.Raw + 1),
		BootSize: areaLen, SuperSize: areaLen, Partitions: make([]Partition, m.Raw+1),
	}
	if sectors >= 2048 {
		l.SectorsPerTrack, l.TracksPerCyl, l.SectorsPerCyl, l.Cylinders = 32, 64, 2048, uint32(sectors/2048)
	}
	l.Partitions[m.Raw].Size = Sector(sectors)
	return l
}
