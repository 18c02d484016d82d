package disklabel

import (
	"fmt"
	"io"

	"rump/internal/endian"
)

// A Slice is a part of the disk that may hold a label: an entry of the master boot record, or one of a GUID partition
// table that the caller read.
type Slice struct {
	Table  string // "MBR" or "GPT"
	Number int    // MBR: 1 to 4 are the primary entries, 5 and up the logical ones in the order of their chain
	Type   byte   // MBR type; in a GUID partition table, that of the same system or 0
	Name   string // of the type, "0x42" if it has none
	Active bool

	Start, Size int64 // bytes
}

// MBR layout. All numbers are little-endian.
const (
	sectorSize   = 512
	offEntries   = 446
	entrySize    = 16
	offSignature = 510
	signature    = 0xaa55

	offEntryType  = 4
	offEntryStart = 8
	offEntrySize  = 12

	maxLogical = 128 // tables; a longer chain is not followed
)

// The MBR types of slices that hold labels, and of the one that stands for a GUID partition table.
const (
	typeFreeBSD    = 0xa5
	typeOpenBSD    = 0xa6
	typeNetBSD     = 0xa9
	typeProtective = 0xee
)

// A bootEntry is one raw entry, in sectors of 512 bytes.
type bootEntry struct {
	flag, kind  byte
	start, size uint32
}

func (e bootEntry) isExtended() bool { return e.kind == 0x05 || e.kind == 0x0f || e.kind == 0x85 }

// bootEntries reads the table in a sector; false if it is none. A FAT or boot sector has the signature as well, so
// the flag of each entry must be one that a table can hold.
func bootEntries(sector []byte) (entries [4]bootEntry, ok bool) {
	le := endian.Little
	if len(sector) < sectorSize || le.Uint16(sector[offSignature:]) != signature {
		return entries, false
	}
	for i := range entries {
		b := sector[offEntries+entrySize*i:]
		entries[i] = bootEntry{b[0], b[offEntryType], le.Uint32(b[offEntryStart:]), le.Uint32(b[offEntrySize:])}
		if b[0]&0x7f != 0 {
			return entries, false
		}
	}
	return entries, true
}

func (e bootEntry) slice(number int, base int64) Slice {
	s := Slice{
		Table: "MBR", Number: number, Type: e.kind, Name: sliceTypes[e.kind].name, Active: e.flag == 0x80,
		Start: (base + int64(e.start)) * sectorSize, Size: int64(e.size) * sectorSize,
	}
	if s.Name == "" {
		s.Name = fmt.Sprintf("0x%02x", e.kind)
	}
	return s
}

// isExtended reports whether the slice only contains others.
func (s Slice) isExtended() bool { return s.Table == "MBR" && bootEntry{kind: s.Type}.isExtended() }

// isLogical reports whether the slice comes from an extended chain.
func (s Slice) isLogical() bool { return s.Table == "MBR" && s.Number > 4 }

// system is the one whose label belongs into the slice; false for slices that hold none.
func (s Slice) system() (System, bool) {
	switch s.Type {
	case typeFreeBSD:
		return FreeBSD, true
	case typeOpenBSD:
		return OpenBSD, true
	case typeNetBSD:
		return NetBSD, true
	}
	return NetBSD, false
}

// ReadMBR is the slices of the disk's master boot record with the logical ones of its extended slices; nil if there is
// no such record. An extended chain ends where it stops to increase, leaves the disk or holds no table.
func ReadMBR(r io.ReaderAt, size int64) ([]Slice, error) {
	sector, err := readSpan(r, size, 0, sectorSize)
	if err != nil {
		return nil, err
	}
	primary, ok := bootEntries(sector)
	if !ok {
		return nil, nil
	}
	var list []Slice
	for i, e := range primary {
		if e.kind != 0 && e.size != 0 {
			list = append(list, e.slice(i+1, 0))
		}
	}
	next := 5
	for _, e := range primary {
		if !e.isExtended() || e.size == 0 {
			continue
		}
		logical, err := readChain(r, size, int64(e.start), next)
		if err != nil {
			return nil, err
		}
		list = append(list, logical...)
		next += len(logical)
	}
	return list, nil
}

// readChain follows the tables that start at sector first; entries of a table count from it, links from first.
func readChain(r io.ReaderAt, size, first int64, number int) ([]Slice, error) {
	var list []Slice
	at := first
	for range maxLogical {
		sector, err := readSpan(r, size, at*sectorSize, sectorSize)
		if err != nil {
			return nil, err
		}
		entries, ok := bootEntries(sector)
		if !ok {
			break
		}
		var link int64
		for _, e := range entries {
			switch {
			case e.kind == 0 || e.size == 0:
			case e.isExtended():
				link = first + int64(e.start)
			default:
				list = append(list, e.slice(number+len(list), at))
			}
		}
		if link <= at {
			break
		}
		at = link
	}
	return list, nil
}
