package journal

import (
	"fmt"
	"io"

	"rump/ffs/ondisk"
	"rump/internal/endian"
)

// minArea is the smallest log that NetBSD makes or accepts, bytes.
const minArea = 64 << 10

// An Area is where a log lies on its volume.
type Area struct {
	Order endian.Order // of the machine that wrote it
	Start int64        // byte offset on the volume
	Block int64        // bytes of a block of the log: a power of two, 512 to 65536
	Size  int64        // bytes, whole blocks
	Ino   ondisk.Ino   // the hidden file that it lies in; 0 for one behind the file system
}

// A CorruptError says what makes no sense in a log. It unwraps to EIO.
type CorruptError = ondisk.CorruptError

func corrupt(what string, value, where int64) error {
	return &CorruptError{What: "journal: " + what, Value: value, Where: where}
}

// Locate finds the area of the log that the superblock of a volume of size bytes names. The fields are not swapped with the volume, so
// the order that counts is the one in which they lead to a commit header, or if there is none, in which they make sense.
func Locate(r io.ReaderAt, size int64, s *ondisk.Super) (Area, error) {
	var first error
	var found *Area
	for _, order := range []endian.Order{endian.Little, endian.Big} {
		a, err := areaOf(s.Journal(order), order, size, s)
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		for slot := range int64(2) {
			if _, err := a.readHeader(r, slot); err == nil {
				return a, nil
			}
		}
		if found == nil {
			found = &a
		}
	}
	if found != nil {
		return *found, nil
	}
	return Area{}, first
}

// areaOf checks the superblock's locators, as they read in one order.
func areaOf(j ondisk.Journal, order endian.Order, size int64, s *ondisk.Super) (Area, error) {
	at, count, block := j.Loc[0], j.Loc[1], j.Loc[2]
	switch {
	case j.Version != ondisk.JournalVersion1:
		return Area{}, corrupt("version", int64(j.Version), s.Location)
	case j.Location != ondisk.JournalAtEnd && j.Location != ondisk.JournalInFile:
		return Area{}, corrupt("location", int64(j.Location), s.Location)
	case block < ondisk.SectorSize || block > ondisk.MaxBlockSize || block&(block-1) != 0:
		return Area{}, corrupt("block size", int64(block), s.Location)
	case count > uint64(size)/block || at > uint64(size)/block-count:
		return Area{}, corrupt(fmt.Sprintf("%d blocks, more than the volume has, from block", count), int64(at), s.Location)
	case count*block < minArea:
		return Area{}, corrupt("too few blocks:", int64(count), s.Location)
	}
	a := Area{Order: order, Start: int64(at * block), Block: int64(block), Size: int64(count * block)}
	end := int64(s.Size) << s.FShift
	if j.Location == ondisk.JournalAtEnd {
		if a.Start < end {
			return Area{}, corrupt("should be behind the file system, but begins at block", int64(at), s.Location)
		}
		return a, nil
	}
	if a.Start+a.Size > end || a.Start < s.Location+int64(s.SBSize) {
		return Area{}, corrupt("should be inside the file system, but begins at block", int64(at), s.Location)
	}
	a.Ino = ondisk.Ino(j.Loc[3])
	if !s.ValidIno(a.Ino) {
		return Area{}, corrupt("in inode", int64(j.Loc[3]), s.Location)
	}
	return a, nil
}

// overlaps reports whether bytes lo to hi of the volume touch the area.
func (a *Area) overlaps(lo, hi int64) bool { return lo < a.Start+a.Size && a.Start < hi }

// read reads whole blocks at byte off of the area.
func (a *Area) read(r io.ReaderAt, p []byte, off int64) error {
	if n, err := r.ReadAt(p, a.Start+off); n < len(p) {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("journal: read at %d: %w", a.Start+off, err)
	}
	return nil
}
