package disklabel

import (
	"bytes"
	"fmt"

	"rump/internal/endian"
)

// A System is the one whose rules a label follows.
type System int

// The systems. They share the header; OpenBSD's version 1 packs larger numbers into it.
const (
	NetBSD System = iota
	OpenBSD
	FreeBSD
)

// String is the system's name.
func (s System) String() string {
	switch s {
	case OpenBSD:
		return "OpenBSD"
	case FreeBSD:
		return "FreeBSD"
	}
	return "NetBSD"
}

// A Sector counts sectors of the label's own sector size.
type Sector uint64

// A Label is one disk label in normal form, whatever its byte order and system.
type Label struct {
	Order   endian.Order
	System  System
	Version int // OpenBSD's layout version; 0 is the layout all three share

	Type     uint16 // kind of disk, see DiskTypeName
	Subtype  uint16
	Typename string // at most 16 bytes
	Packname string // at most 16 bytes

	SectorSize      uint32 // bytes
	SectorsPerTrack uint32
	TracksPerCyl    uint32
	Cylinders       uint32
	SectorsPerCyl   uint32
	TotalSectors    Sector

	SparesPerTrack, SparesPerCyl uint16
	AltCylinders                 uint32
	RPM, Interleave              uint16
	TrackSkew, CylSkew           uint16
	HeadSwitch, TrackSeek        uint32 // microseconds
	Flags                        uint32
	DriveData                    [5]uint32
	Spare                        [5]uint32

	UID                  [8]byte // OpenBSD version 1: identity of the disk
	BoundStart, BoundEnd Sector  // OpenBSD version 1: the part of the disk OpenBSD may use

	NPartitions uint16 // as declared; Partitions may be longer in a label that was typed in
	BootSize    uint32 // d_bbsize, bytes
	SuperSize   uint32 // d_sbsize, bytes
	Partitions  []Partition
}

// A Partition is one entry of a label. Its place on the disk is answered by Found.Window, not by Offset.
type Partition struct {
	Size, Offset Sector
	FSize        uint32 // bytes of a fragment; of ISO9660, the session's first sector
	FSType       uint8  // see Label.FSTypeName
	Frag         uint8  // fragments a block
	CPG          uint16 // cylinders a group; of LFS, the segment shift
}

const (
	magic = 0x82564557

	offMagic       = 0   // d_magic
	offType        = 4   // d_type
	offSubtype     = 6   // d_subtype
	offTypename    = 8   // d_typename
	offPackname    = 24  // d_packname
	offSecSize     = 40  // d_secsize
	offNSectors    = 44  // d_nsectors
	offNTracks     = 48  // d_ntracks
	offNCylinders  = 52  // d_ncylinders
	offSecPerCyl   = 56  // d_secpercyl
	offSecPerUnit  = 60  // d_secperunit
	offSparesTrack = 64  // d_sparespertrack
	offSparesCyl   = 66  // d_sparespercyl
	offACylinders  = 68  // d_acylinders
	offRPM         = 72  // d_rpm
	offInterleave  = 74  // d_interleave
	offTrackSkew   = 76  // d_trackskew
	offCylSkew     = 78  // d_cylskew
	offHeadSwitch  = 80  // d_headswitch
	offTrackSeek   = 84  // d_trkseek
	offFlags       = 88  // d_flags
	offDriveData   = 92  // d_drivedata
	offSpare       = 112 // d_spare
	offMagic2      = 132 // d_magic2
	offChecksum    = 136 // d_checksum
	offNPartitions = 138 // d_npartitions
	offBootSize    = 140 // d_bbsize
	offSuperSize   = 144 // d_sbsize
	headerSize     = 148
	partitionSize  = 16
	nameSize       = 16
	maxPartitions  = 64 // more than any system has (OpenBSD: 52)
)

// Fields of a partition entry.
const (
	offPSize   = 0  // p_size
	offPOffset = 4  // p_offset
	offPFSize  = 8  // p_fsize
	offPFSType = 12 // p_fstype
	offPFrag   = 13 // p_frag
	offPCPG    = 14 // p_cpg
)

// Bits of Label.Flags.
const (
	FlagRemovable = 0x01
	FlagECC       = 0x02
	FlagBadSect   = 0x04
	FlagRAMDisk   = 0x08
)

// xor16 folds the 16-bit words of b. The order of a word's bytes does not matter to whether the result is zero.
func xor16(b []byte) uint16 {
	var hi, lo byte
	for ; len(b) >= 2; b = b[2:] {
		hi ^= b[0]
		lo ^= b[1]
	}
	return uint16(hi)<<8 | uint16(lo)
}

// hasMagic reports whether a label of the given magic number may start at b.
func hasMagic(b []byte, order endian.Order, want uint32) bool {
	return len(b) >= headerSize &&
		order.Uint32(b[offMagic:]) == want && order.Uint32(b[offMagic2:]) == want
}

// intact reports whether the label at b, whose magic numbers are right, has at most limit partitions and a right
// checksum.
func intact(b []byte, order endian.Order, limit int) bool {
	n := int(order.Uint16(b[offNPartitions:]))
	end := headerSize + partitionSize*n
	return n <= limit && end <= len(b) && xor16(b[:end]) == 0
}

// Decode reads the label at the start of b by the rules of sys. It answers false if the magic numbers, the number of
// partitions or the checksum are wrong, or b is too short.
func Decode(b []byte, order endian.Order, sys System) (Label, bool) {
	if !hasMagic(b, order, magic) || !intact(b, order, maxPartitions) {
		return Label{}, false
	}
	return decode(b, order, sys), true
}

// decode reads a label that hasMagic and intact have accepted.
func decode(b []byte, order endian.Order, sys System) Label {
	u16 := func(off int) uint16 { return order.Uint16(b[off:]) }
	u32 := func(off int) uint32 { return order.Uint32(b[off:]) }
	l := Label{
		Order: order, System: sys,
		Type: u16(offType), Subtype: u16(offSubtype),
		Typename: name16(b[offTypename:]), Packname: name16(b[offPackname:]),
		SectorSize: u32(offSecSize), SectorsPerTrack: u32(offNSectors), TracksPerCyl: u32(offNTracks),
		Cylinders: u32(offNCylinders), SectorsPerCyl: u32(offSecPerCyl), TotalSectors: Sector(u32(offSecPerUnit)),
		SparesPerTrack: u16(offSparesTrack), SparesPerCyl: u16(offSparesCyl), AltCylinders: u32(offACylinders),
		RPM: u16(offRPM), Interleave: u16(offInterleave), TrackSkew: u16(offTrackSkew), CylSkew: u16(offCylSkew),
		HeadSwitch: u32(offHeadSwitch), TrackSeek: u32(offTrackSeek), Flags: u32(offFlags),
		NPartitions: u16(offNPartitions), BootSize: u32(offBootSize), SuperSize: u32(offSuperSize),
	}
	for i := range l.DriveData {
		l.DriveData[i] = u32(offDriveData + 4*i)
		l.Spare[i] = u32(offSpare + 4*i)
	}
	l.Partitions = make([]Partition, l.NPartitions)
	for i := range l.Partitions {
		p := b[headerSize+partitionSize*i:]
		l.Partitions[i] = Partition{
			Size: Sector(order.Uint32(p[offPSize:])), Offset: Sector(order.Uint32(p[offPOffset:])),
			FSize: order.Uint32(p[offPFSize:]), FSType: p[offPFSType], Frag: p[offPFrag], CPG: order.Uint16(p[offPCPG:]),
		}
	}
	if sys == OpenBSD && u16(offVersion) == 1 {
		l.decodeVersion1(b)
	}
	return l
}

func name16(b []byte) string {
	s, _, _ := bytes.Cut(b[:nameSize], []byte{0})
	return string(s)
}

// Encode is the label's bytes in its order, header and NPartitions entries, with a fresh checksum: 148 + 16·n bytes.
// It refuses what the shared layout cannot hold, so also every OpenBSD label of version 1, which is only read.
func (l *Label) Encode() ([]byte, error) { return l.encode(int(l.NPartitions)) }

// encode makes room for a number of entries that may exceed the declared one; those behind it are zero.
func (l *Label) encode(room int) ([]byte, error) {
	if l.Version != 0 {
		return nil, fmt.Errorf("label: OpenBSD's version %d is read but not written", l.Version)
	}
	n := int(l.NPartitions)
	if n > maxPartitions {
		return nil, fmt.Errorf("label: %d partitions, at most %d", n, maxPartitions)
	}
	if l.TotalSectors > 1<<32-1 {
		return nil, fmt.Errorf("label: total sectors %d do not fit into 32 bits", l.TotalSectors)
	}
	b := make([]byte, headerSize+partitionSize*max(n, room))
	l.encodeHeader(b)
	for i := range min(n, len(l.Partitions)) {
		p := l.Partitions[i]
		if p.Size > 1<<32-1 || p.Offset > 1<<32-1 {
			return nil, fmt.Errorf("label: partition %c: size %d, offset %d do not fit into 32 bits", Letter(i), p.Size, p.Offset)
		}
		e := b[headerSize+partitionSize*i:]
		l.Order.PutUint32(e[offPSize:], uint32(p.Size))
		l.Order.PutUint32(e[offPOffset:], uint32(p.Offset))
		l.Order.PutUint32(e[offPFSize:], p.FSize)
		e[offPFSType], e[offPFrag] = p.FSType, p.Frag
		l.Order.PutUint16(e[offPCPG:], p.CPG)
	}
	sum := xor16(b)
	b[offChecksum], b[offChecksum+1] = byte(sum>>8), byte(sum)
	return b, nil
}

func (l *Label) encodeHeader(b []byte) {
	u16 := func(off int, v uint16) { l.Order.PutUint16(b[off:], v) }
	u32 := func(off int, v uint32) { l.Order.PutUint32(b[off:], v) }
	u32(offMagic, magic)
	u16(offType, l.Type)
	u16(offSubtype, l.Subtype)
	copy(b[offTypename:offTypename+nameSize], l.Typename)
	copy(b[offPackname:offPackname+nameSize], l.Packname)
	u32(offSecSize, l.SectorSize)
	u32(offNSectors, l.SectorsPerTrack)
	u32(offNTracks, l.TracksPerCyl)
	u32(offNCylinders, l.Cylinders)
	u32(offSecPerCyl, l.SectorsPerCyl)
	u32(offSecPerUnit, uint32(l.TotalSectors))
	u16(offSparesTrack, l.SparesPerTrack)
	u16(offSparesCyl, l.SparesPerCyl)
	u32(offACylinders, l.AltCylinders)
	u16(offRPM, l.RPM)
	u16(offInterleave, l.Interleave)
	u16(offTrackSkew, l.TrackSkew)
	u16(offCylSkew, l.CylSkew)
	u32(offHeadSwitch, l.HeadSwitch)
	u32(offTrackSeek, l.TrackSeek)
	u32(offFlags, l.Flags)
	for i := range l.DriveData {
		u32(offDriveData+4*i, l.DriveData[i])
		u32(offSpare+4*i, l.Spare[i])
	}
	u32(offMagic2, magic)
	u16(offNPartitions, l.NPartitions)
	u32(offBootSize, l.BootSize)
	u32(offSuperSize, l.SuperSize)
}

// Letter is the name of the i'th partition: a to z, then A to Z as OpenBSD has them.
func Letter(i int) byte {
	if i < 26 {
		return 'a' + byte(i)
	}
	return 'A' + byte(i-26)
}

// letterIndex is the opposite of Letter; -1 if c is no letter.
func letterIndex(c byte) int {
	switch {
	case c >= 'a' && c <= 'z':
		return int(c - 'a')
	case c >= 'A' && c <= 'Z':
		return int(c-'A') + 26
	}
	return -1
}
