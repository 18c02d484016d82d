package ondisk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strings"
	"syscall"

	"rump/internal/endian"
)

// Reason is why bytes are not taken for a superblock.
type Reason int

// The reasons, from the least to the most like a superblock.
const (
	Unreadable Reason = iota // the device ends before, or reading failed
	NoMagic                  // not a superblock
	Unfinished               // FreeBSD's newfs stopped in the middle
	Elsewhere                // a copy: it says that the primary is somewhere else
	Insane                   // a field cannot be
	Resizing                 // resize was stopped while it moved inodes
)

// A SuperError says why the bytes at Location are no superblock. It unwraps to EINVAL, or to the error of reading.
type SuperError struct {
	Location int64
	Reason   Reason
	Field    string // Insane: the field in words, such as "fragment size"
	Value    int64  // Insane: what it says; Elsewhere: where the primary is; NoMagic: the word found there
	Err      error  // Unreadable: why
}

func (e *SuperError) Error() string {
	return fmt.Sprintf("superblock at %d: %s", e.Location, e.Detail())
}

// Detail is the message without the place.
func (e *SuperError) Detail() string {
	switch e.Reason {
	case Unreadable:
		return fmt.Sprintf("not readable: %v", e.Err)
	case NoMagic:
		return fmt.Sprintf("no magic number (%#08x)", uint32(e.Value))
	case Unfinished:
		return "newfs did not finish"
	case Elsewhere:
		return fmt.Sprintf("a copy, the primary is at %d", e.Value)
	case Resizing:
		return "resize_ffs was interrupted; run it again, it will finish"
	}
	return fmt.Sprintf("%s %d", e.Field, e.Value)
}

// Unwrap is EINVAL unless reading failed.
func (e *SuperError) Unwrap() error {
	if e.Err != nil {
		return e.Err
	}
	return syscall.EINVAL
}

// DecodeSuper takes b, which was read at byte offset location and should be SuperArea long, for a primary superblock.
// Everything the rest of this package calculates with is checked; see [Super.Check]. The error is a *SuperError.
func DecodeSuper(b []byte, location int64) (*Super, error) { return decodeSuper(b, location, true) }

// DecodeBackup is DecodeSuper for a copy: where the copy says that the primary is may differ from location.
// Location of the result is that of the primary.
func DecodeBackup(b []byte, location int64) (*Super, error) { return decodeSuper(b, location, false) }

func decodeSuper(b []byte, location int64, primary bool) (*Super, error) {
	if len(b) < SuperSize {
		return nil, &SuperError{Location: location, Reason: Unreadable, Err: io.ErrUnexpectedEOF}
	}
	s := &Super{Location: location}
	magic := endian.Little.Uint32(b[offSuperMagic:])
	switch m := magic; {
	case s.takeMagic(m):
	case s.takeMagic(bits.ReverseBytes32(m)):
		s.Order = endian.Big
	case m == MagicUnfinished || bits.ReverseBytes32(m) == MagicUnfinished:
		return nil, &SuperError{Location: location, Reason: Unfinished}
	default:
		if _, _, ok := isResizing(m); ok {
			return nil, &SuperError{Location: location, Reason: Resizing}
		}
		return nil, &SuperError{Location: location, Reason: NoMagic, Value: int64(magic)}
	}
	s.OldLayout = s.Version == 1 && b[offOldFlags]&FlagUpdated == 0

	home := int64(s.Order.Uint64(b[offSblockLoc:]))
	if s.OldLayout {
		// It does not record its place. Nobody wrote one at 65536: that is the first copy of a volume with 64 KiB blocks.
		home = location
		if !primary || location == LocUFS2 {
			home = LocUFS1
		}
	}
	if primary && home != location {
		return nil, &SuperError{Location: location, Reason: Elsewhere, Value: home}
	}
	s.Location = home

	c := &codec{b: b, order: s.Order}
	s.commonFields(c)
	if s.OldLayout {
		s.oldFields(c)
		s.MaxBSize, s.Flags = s.BSize, uint32(s.OldFlags)
		s.AvgFileSize, s.AvgFPDir = 16384, 64
	} else {
		s.wideFields(c)
	}
	if err := s.Check(); err != nil {
		err.(*SuperError).Location = location
		return nil, err
	}
	if int(s.SBSize) > len(b) {
		return nil, &SuperError{Location: location, Reason: Unreadable, Err: io.ErrUnexpectedEOF}
	}
	s.raw = bytes.Clone(b[:s.SBSize])
	return s, nil
}

func (s *Super) takeMagic(m uint32) bool {
	switch m {
	case MagicUFS1:
		s.Version = 1
	case MagicUFS2:
		s.Version = 2
	case MagicUFS2EA:
		s.Version, s.EAMagic = 2, true
	default:
		return false
	}
	return true
}

// HashOK reports whether the superblock as it was read agrees with FreeBSD's check hash; true if it has none.
func (s *Super) HashOK() bool {
	return s.raw == nil || !s.HasCheckHash(HashSuper) || checkHash(s.raw, offCkHash) == s.CkHash
}

// Seen is what FindSuper saw at one place: a superblock, or why it is none.
type Seen struct {
	Location int64
	Err      error // a *SuperError, or nil for the one that was taken
}

// A NotFoundError says that no place holds a superblock, and what each holds instead. It unwraps to EINVAL, or to
// the error of reading if nothing could be read.
type NotFoundError struct{ Seen []Seen }

func (e *NotFoundError) Error() string {
	var sb strings.Builder
	sb.WriteString("no FFS superblock")
	sep := " ("
	for _, s := range e.Seen {
		var why *SuperError
		if errors.As(s.Err, &why) {
			fmt.Fprintf(&sb, "%sat %d: %s", sep, s.Location, why.Detail())
			sep = "; "
		}
	}
	if sep != " (" {
		sb.WriteByte(')')
	}
	return sb.String()
}

// Unwrap is the most telling of the errors.
func (e *NotFoundError) Unwrap() error {
	var best *SuperError
	for _, s := range e.Seen {
		var why *SuperError
		if errors.As(s.Err, &why) && (best == nil || why.Reason > best.Reason) {
			best = why
		}
	}
	if best == nil {
		return syscall.EINVAL
	}
	return best
}

// Locations are the places of a primary superblock, in the order in which they are tried.
func Locations() []int64 { return []int64{LocUFS2, LocUFS1, LocFloppy, LocPiggy} }

// FindSuper looks for the primary superblock in a volume of size bytes. It returns what it saw at each place, up to
// and with the one it took; if it took none the error is a *NotFoundError. Whether the volume is as large as the superblock
// says is not looked at: see [Super.CheckDevice].
func FindSuper(r io.ReaderAt, size int64) (*Super, []Seen, error) {
	var seen []Seen
	for _, loc := range Locations() {
		s, err := ReadSuper(r, size, loc)
		seen = append(seen, Seen{loc, err})
		if err == nil {
			return s, seen, nil
		}
	}
	return nil, seen, &NotFoundError{seen}
}

// ReadSuper reads and decodes a primary superblock at byte offset loc of a volume of size bytes.
func ReadSuper(r io.ReaderAt, size, loc int64) (*Super, error) {
	b, err := readArea(r, size, loc)
	if err != nil {
		return nil, err
	}
	return DecodeSuper(b, loc)
}

// ReadBackup is ReadSuper for a copy.
func ReadBackup(r io.ReaderAt, size, loc int64) (*Super, error) {
	b, err := readArea(r, size, loc)
	if err != nil {
		return nil, err
	}
	return DecodeBackup(b, loc)
}

// readArea reads the superblock area at loc, whole sectors, as much of it as there is.
func readArea(r io.ReaderAt, size, loc int64) ([]byte, error) {
	n := min(SuperArea, (size-loc)&^(SectorSize-1))
	if loc < 0 || n < SuperSize {
		return nil, &SuperError{Location: loc, Reason: Unreadable, Err: io.ErrUnexpectedEOF}
	}
	b := make([]byte, n)
	if k, err := r.ReadAt(b, loc); k < len(b) {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, &SuperError{Location: loc, Reason: Unreadable, Err: err}
	}
	return b, nil
}

// FirstBackups are the byte offsets at which the first copy of a lost superblock can be, for either version and all
// block sizes, ascending.
func FirstBackups() []int64 {
	var at []int64
	for _, end := range []int64{LocUFS1 + SuperArea, LocUFS2 + SuperArea} {
		for bsize := int64(MinBlockSize); bsize <= MaxBlockSize; bsize *= 2 {
			loc := (end + bsize - 1) &^ (bsize - 1)
			if len(at) == 0 || at[len(at)-1] < loc {
				at = append(at, loc)
			}
		}
	}
	return at
}
