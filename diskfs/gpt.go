package diskfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/diskfs/go-diskfs/partition/gpt"
)

// A GPT is a GUID partition table (UEFI specification, chapter 5).
type GPT struct {
	GUID       string // of the disk
	SectorSize int    // bytes
	FromBackup bool   // the table at the start was damaged; this is the one at the end
	Entries    []Entry
}

// An Entry is one used entry of a GPT.
type Entry struct {
	Number     int    // from 1, as it stands in the table
	Type, GUID string // upper case
	Name       string
	Attributes uint64
	Start      int64 // bytes
	Size       int64 // bytes; the entry may reach past the end of the disk

	TypeName string // "EFI system"; the GUID if it has no name here
	Hint     string // what could mount it: "ffs", "msdos", "ext2fs"; "" if nothing or unknown
	System   byte   // MBR type of the BSD whose disk label the entry may hold; 0 for others
}

// ErrNoGPT says that a disk has no GUID partition table, sound or damaged.
var ErrNoGPT = errors.New("no GUID partition table")

// Header fields that bound what a reader of the table will allocate.
const (
	headerMagic    = "EFI PART"
	offEntriesLBA  = 72
	offEntryCount  = 80
	offEntryLength = 84
	entryLength    = 128
	maxEntries     = 4096
)

// ReadGPT reads the table of a disk of size bytes, for sectors of 512 or 4096 bytes. If the one at the start is damaged
// it reads the one in the last sector. ErrNoGPT if there is neither.
func ReadGPT(r io.ReaderAt, size int64) (GPT, error) {
	for _, sector := range []int64{512, 4096} {
		d := &disk{r: r, size: size}
		any := false
		for _, at := range []int64{sector, size/sector*sector - sector} {
			is, err := d.checkHeader(at, sector)
			if err != nil {
				return GPT{}, err
			}
			any = any || is
		}
		if !any {
			continue
		}
		table, err := gpt.Read(d, int(sector), int(sector))
		if err != nil {
			return GPT{}, fmt.Errorf("GUID partition table: %w", err)
		}
		return convert(table, sector)
	}
	return GPT{}, ErrNoGPT
}

// checkHeader keeps a copy of the header at byte at, so that what is checked here is what the library reads. A header
// whose entries would not fit the disk or are out of all measure is kept as zeros, which the library takes for damage.
func (d *disk) checkHeader(at, sector int64) (isHeader bool, err error) {
	if at < sector || at > d.size-sector {
		return false, nil
	}
	b := make([]byte, sector)
	if _, err := d.ReadAt(b, at); err != nil {
		return false, err
	}
	if string(b[:len(headerMagic)]) != headerMagic {
		return false, nil
	}
	first := binary.LittleEndian.Uint64(b[offEntriesLBA:])
	count := binary.LittleEndian.Uint32(b[offEntryCount:])
	length := binary.LittleEndian.Uint32(b[offEntryLength:])
	if length != entryLength || count > maxEntries || first > uint64(d.size/sector) ||
		int64(first)*sector > d.size-int64(count)*entryLength {
		clear(b)
	}
	d.fixed = append(d.fixed, piece{at, b})
	return true, nil
}

func convert(table *gpt.Table, sector int64) (GPT, error) {
	g := GPT{GUID: table.GUID, SectorSize: int(sector), FromBackup: table.RecoveredFromBackup}
	limit := uint64(math.MaxInt64/sector) - 1
	for _, p := range table.Partitions {
		if p.Start > p.End || p.End > limit {
			return GPT{}, fmt.Errorf("GUID partition table: entry %d: sectors %d to %d", p.Index, p.Start, p.End)
		}
		e := Entry{
			Number: p.Index, Type: string(p.Type), GUID: p.GUID, Name: p.Name, Attributes: p.Attributes,
			Start: int64(p.Start) * sector, Size: int64(p.End-p.Start+1) * sector,
		}
		known := gptTypes[e.Type]
		e.TypeName, e.Hint, e.System = known.name, known.hint, known.system
		if e.TypeName == "" {
			e.TypeName = e.Type
		}
		g.Entries = append(g.Entries, e)
	}
	return g, nil
}

// gptTypes are the kinds of entry that matter here.
var gptTypes = map[string]struct {
	name, hint string
	system     byte
}{
	"C12A7328-F81F-11D2-BA4B-00A0C93EC93B": {"EFI system", "msdos", 0},
	"EBD0A0A2-B9E5-4433-87C0-68B6B72699C7": {"Microsoft data", "msdos", 0},
	"21686148-6449-6E6F-744E-656564454649": {"BIOS boot", "", 0},
	"0FC63DAF-8483-4772-8E79-3D69D8477DE4": {"Linux", "ext2fs", 0},
	"0657FD6D-A4AB-43C4-84E5-0933C84B4F4F": {"Linux swap", "swap", 0},
	"49F48D32-B10E-11DC-B99B-0019D1879648": {"NetBSD swap", "swap", 0},
	"49F48D5A-B10E-11DC-B99B-0019D1879648": {"NetBSD FFS", "ffs", 0},
	"49F48D82-B10E-11DC-B99B-0019D1879648": {"NetBSD LFS", "lfs", 0},
	"49F48DAA-B10E-11DC-B99B-0019D1879648": {"NetBSD RAID", "raid", 0},
	"2DB519C4-B10F-11DC-B99B-0019D1879648": {"NetBSD ccd", "", 0},
	"2DB519EC-B10F-11DC-B99B-0019D1879648": {"NetBSD cgd", "cgd", 0},
	"83BD6B9D-7F41-11DC-BE0B-001560B84F0F": {"FreeBSD boot", "", 0},
	"516E7CB4-6ECF-11D6-8FF8-00022D09712B": {"FreeBSD", "", 0xa5},
	"516E7CB5-6ECF-11D6-8FF8-00022D09712B": {"FreeBSD swap", "swap", 0},
	"516E7CB6-6ECF-11D6-8FF8-00022D09712B": {"FreeBSD UFS", "ffs", 0},
	"516E7CBA-6ECF-11D6-8FF8-00022D09712B": {"FreeBSD ZFS", "zfs", 0},
	"824CC7A0-36A8-11E3-890A-952519AD3F61": {"OpenBSD", "", 0xa6},
	"55465300-0000-11AA-AA11-00306543ECAC": {"Apple UFS", "ffs", 0},
	"48465300-0000-11AA-AA11-00306543ECAC": {"Apple HFS", "hfs", 0},
}
