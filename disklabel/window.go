package disklabel

import (
	"fmt"
	"math"
)

// A Window is a part of a disk in bytes. It may reach past the end of a disk image that is still to grow.
type Window struct{ Offset, Size int64 }

// rawIndex is the partition that stands for the whole slice or disk on FreeBSD, OpenBSD and most NetBSD ports.
const rawIndex = 2

// Window is the place of partition i on the disk.
//
// NetBSD and OpenBSD count offsets from the start of the disk. FreeBSD counts them from the start of whatever its
// partition c starts at, which is the slice: old labels say so with c's offset, newer ones with 0. A label of the
// others whose c is exactly its slice but starts at 0 can only mean the slice, too, and is read so.
func (f *Found) Window(i int) (Window, error) {
	if i < 0 || i >= len(f.Partitions) || f.Partitions[i].Size == 0 {
		return Window{}, fmt.Errorf("no partition %c", Letter(max(i, 0)))
	}
	unit, err := f.sectorBytes()
	if err != nil {
		return Window{}, err
	}
	p := f.Partitions[i]
	if p.Size > math.MaxInt64/2/Sector(unit) || p.Offset > math.MaxInt64/2/Sector(unit) {
		return Window{}, fmt.Errorf("partition %c: size %d, offset %d sectors: too large", Letter(i), p.Size, p.Offset)
	}
	offset := int64(p.Offset) * unit
	if f.isRelative(unit) {
		offset += f.Base()
		if len(f.Partitions) > rawIndex {
			offset -= int64(f.Partitions[rawIndex].Offset) * unit
		}
		if offset < f.Base() {
			return Window{}, fmt.Errorf("partition %c: starts at sector %d, before its slice's partition c (%d)",
				Letter(i), p.Offset, f.Partitions[rawIndex].Offset)
		}
	}
	if offset < 0 || offset > math.MaxInt64-int64(p.Size)*unit {
		return Window{}, fmt.Errorf("partition %c: size %d, offset %d sectors: too large", Letter(i), p.Size, p.Offset)
	}
	return Window{offset, int64(p.Size) * unit}, nil
}

// sectorBytes is the unit of the label's numbers.
func (l *Label) sectorBytes() (int64, error) {
	if l.SectorSize == 0 || l.SectorSize%sectorSize != 0 || l.SectorSize > 64*1024 {
		return 0, fmt.Errorf("label: sector size %d", l.SectorSize)
	}
	return int64(l.SectorSize), nil
}

// isRelative reports whether offsets count from the slice.
func (f *Found) isRelative(unit int64) bool {
	if f.System == FreeBSD {
		return true
	}
	if f.Slice == nil || f.Slice.Start == 0 || len(f.Partitions) <= rawIndex {
		return false
	}
	raw := f.Partitions[rawIndex]
	length := Sector(f.Slice.Size / unit)
	if raw.Offset != 0 || raw.Size != length || f.Slice.Size%unit != 0 {
		return false
	}
	for _, p := range f.Partitions {
		if p.Size != 0 && (p.Offset > length || p.Size > length-p.Offset) {
			return false
		}
	}
	return true
}

// IsRaw reports whether partition i is not a file system's but stands for the whole slice or disk: c, on some NetBSD
// ports d or p.
func (f *Found) IsRaw(i int) bool {
	if i < 0 || i >= len(f.Partitions) || f.Partitions[i].Size == 0 {
		return false
	}
	p := f.Partitions[i]
	whole := p.Offset == 0 && p.Size >= f.TotalSectors
	if f.Slice != nil {
		w, err := f.Window(i)
		whole = whole || err == nil && w == Window{f.Slice.Start, f.Slice.Size}
	}
	switch {
	case i == rawIndex:
		return f.System != NetBSD || whole || p.FSType == fsUnused
	case f.System == NetBSD && (i == 3 || i == 15):
		return whole && p.FSType == fsUnused
	}
	return false
}
