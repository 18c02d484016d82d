package disklabel

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"rump/internal/endian"
)

// Options narrow what Read looks for.
type Options struct {
	// Slices are places that a label may lie in besides those of the master boot record: the entries of a GUID
	// partition table, for example.
	Slices []Slice

	// Machine, if not nil, makes Read look as NetBSD's disklabel does on that port, with its order of places, and
	// read each label as that tool would: in byte order Order and as NetBSD's layout.
	Machine *Machine
	Order   endian.Order // for Machine only

	// WithDeleted also finds labels that `disklabel -D` has put out of use.
	WithDeleted bool

	// Warn hears of labels passed over, for Machine only: corrupt ones and those of the other byte order.
	Warn func(msg string)
}

// A Found is a label and the place it was found at.
type Found struct {
	Label
	Offset  int64  // bytes from the start of the disk
	Slice   *Slice // that it lies in; nil outside of any
	Deleted bool
}

// Base is the byte offset of what holds the label: the slice or, outside of any, the disk.
func (f *Found) Base() int64 {
	if f.Slice != nil {
		return f.Slice.Start
	}
	return 0
}

// SectorOffset is the place as NetBSD's tool counts it: the sector of 512 bytes that starts the slice or disk, and
// the bytes from there.
func (f *Found) SectorOffset() (sector, offset int64) {
	return f.Base() / sectorSize, f.Offset - f.Base()
}

const (
	bootArea = 8192      // bytes at the start of a slice or disk that a label may lie in
	farArea  = 64 * 1024 // searched at the start of the disk if nothing was found otherwise
	spanUnit = 4096      // reads are aligned to it, so that disks of large sectors answer them
)

// readSpan reads n bytes at off; fewer where the disk ends.
func readSpan(r io.ReaderAt, size, off, n int64) ([]byte, error) {
	if off < 0 || off >= size {
		return nil, nil
	}
	start := off - off%spanUnit
	end := min(size, (off+n+spanUnit-1)/spanUnit*spanUnit)
	buf := make([]byte, end-start)
	got, err := r.ReadAt(buf, start)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("bytes %d to %d: %w", start, end, err)
	}
	buf = buf[:got]
	if off-start >= int64(len(buf)) {
		return nil, nil
	}
	buf = buf[off-start:]
	return buf[:min(n, int64(len(buf)))], nil
}

// Read finds the labels of a disk of size bytes: in the boot area of each BSD slice, of the slices in opt and of the
// disk itself, in either byte order, at every port's place or any other. Where there are several, those in slices
// come first. None is no error.
func Read(r io.ReaderAt, size int64, opt Options) ([]Found, error) {
	mbr, err := ReadMBR(r, size)
	if err != nil {
		return nil, err
	}
	return readIn(r, size, mbr, opt)
}

func readIn(r io.ReaderAt, size int64, mbr []Slice, opt Options) ([]Found, error) {
	s := search{r: r, size: size, opt: opt}
	if opt.Machine != nil {
		return s.likeMachine(mbr)
	}
	for _, sl := range slices.Concat(mbr, opt.Slices) {
		if _, ok := sl.system(); ok || sl.Table == "GPT" {
			if err := s.area(&sl, bootArea); err != nil {
				return nil, err
			}
		}
	}
	if err := s.area(nil, bootArea); err != nil {
		return nil, err
	}
	if len(s.found) == 0 {
		if err := s.area(nil, farArea); err != nil {
			return nil, err
		}
	}
	return s.found, nil
}

type search struct {
	r     io.ReaderAt
	size  int64
	opt   Options
	found []Found
}

// likeMachine looks where the port's own tool looks. A FreeBSD slice counts outside of an extended chain only.
func (s *search) likeMachine(mbr []Slice) ([]Found, error) {
	inSlices := func() error {
		for _, sl := range mbr {
			if sl.Type == typeNetBSD || sl.Type == typeFreeBSD && !sl.isLogical() {
				if err := s.area(&sl, bootArea); err != nil {
					return err
				}
			}
		}
		return nil
	}
	onDisk := func() error { return s.area(nil, bootArea) }
	order := []func() error{onDisk, inSlices}
	if s.opt.Machine.MBR {
		order = []func() error{inSlices, onDisk}
	}
	for _, look := range order {
		if err := look(); err != nil {
			return nil, err
		}
	}
	return s.found, nil
}

// area finds labels in the first n bytes of a slice, or of the disk if it is nil.
func (s *search) area(sl *Slice, n int64) error {
	var base int64
	if sl != nil {
		base = sl.Start
	}
	buf, err := readSpan(s.r, s.size, base, n)
	if err != nil {
		return err
	}
	likely := places()
	if s.opt.Machine != nil {
		likely = []int64{s.opt.Machine.Place()}
	}
	for _, at := range likely {
		s.try(sl, base, buf, at)
	}
	for at := int64(0); at+headerSize <= int64(len(buf)); at += 4 {
		if !slices.Contains(likely, at) {
			s.try(sl, base, buf, at)
		}
	}
	return nil
}

// try looks for a label at one place of a boot area.
func (s *search) try(sl *Slice, base int64, area []byte, at int64) {
	if at+headerSize > int64(len(area)) || slices.ContainsFunc(s.found, func(f Found) bool { return f.Offset == base+at }) {
		return
	}
	b := area[at:]
	for _, order := range []endian.Order{endian.Little, endian.Big} {
		deleted := s.opt.WithDeleted && hasMagic(b, order, ^uint32(magic))
		if !deleted && !hasMagic(b, order, magic) {
			continue
		}
		limit := maxPartitions
		if m := s.opt.Machine; m != nil {
			if order != s.opt.Order {
				s.warn("ignoring byteswapped label at offset %d from sector %d", at, base/sectorSize)
				continue
			}
			limit = m.Max
		}
		if !intact(b, order, limit) {
			s.warn("corrupt label found at offset %d in sector %d", at, base/sectorSize)
			continue
		}
		s.found = append(s.found, Found{
			Label: decode(b, order, s.system(sl, b, order)), Offset: base + at, Slice: sl, Deleted: deleted,
		})
	}
}

// system decides whose rules the label at b follows: those of its slice's owner. Outside of slices an OpenBSD label
// tells by its version; FreeBSD's cannot be told from NetBSD's, and need not, as all offsets count from the disk there.
func (s *search) system(sl *Slice, b []byte, order endian.Order) System {
	if s.opt.Machine != nil {
		return NetBSD
	}
	if sl != nil {
		if sys, ok := sl.system(); ok {
			return sys
		}
	}
	if order.Uint16(b[offVersion:]) == 1 {
		return OpenBSD
	}
	return NetBSD
}

func (s *search) warn(format string, args ...any) {
	if s.opt.Warn != nil {
		s.opt.Warn(fmt.Sprintf(format, args...))
	}
}
