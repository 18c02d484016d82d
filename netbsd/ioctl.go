package netbsd

// An Ioctl is a command of ioctl(2): direction, size of the argument, group and number in one.
type Ioctl uint32

const (
	iocVoid      = 0x20000000
	iocOut       = 0x40000000 // the kernel fills the argument in
	iocIn        = 0x80000000 // the kernel reads the argument
	iocSizeMask  = 0x1fff
	iocSizeShift = 16
)

// In reports whether the argument is read.
func (c Ioctl) In() bool { return c&iocIn != 0 }

// Out reports whether the argument is filled in.
func (c Ioctl) Out() bool { return c&iocOut != 0 }

// Size of the argument, bytes.
func (c Ioctl) Size() int { return int(c >> iocSizeShift & iocSizeMask) }

// Files and terminals.
const (
	FIOCLEX    Ioctl = 0x20006601
	FIONCLEX   Ioctl = 0x20006602
	FIOASYNC   Ioctl = 0x8004667d
	FIONBIO    Ioctl = 0x8004667e
	FIONREAD   Ioctl = 0x4004667f
	FIONWRITE  Ioctl = 0x40046679
	FIONSPACE  Ioctl = 0x40046678
	FIOGETBMAP Ioctl = 0xc008667a

	TIOCGETA   Ioctl = 0x402c7413
	TIOCGWINSZ Ioctl = 0x40087468
	TIOCGPGRP  Ioctl = 0x40047477
)

// Disks.
const (
	DIOCGDINFO      Ioctl = 0x41986465
	DIOCSDINFO      Ioctl = 0x81986466
	DIOCWDINFO      Ioctl = 0x81986467
	DIOCGDEFLABEL   Ioctl = 0x41986472
	DIOCCLRLABEL    Ioctl = 0x20006473
	DIOCKLABEL      Ioctl = 0x80046477
	DIOCWLABEL      Ioctl = 0x8004646d
	DIOCGMEDIASIZE  Ioctl = 0x40086484
	DIOCGSECTORSIZE Ioctl = 0x40046485
	DIOCCACHESYNC   Ioctl = 0x80046476
	DIOCGWEDGEINFO  Ioctl = 0x40d0647a
	DIOCGDISKINFO   Ioctl = 0x4010647f
	DIOCGSTRATEGY   Ioctl = 0x4030647d
)

// Sources of randomness.
const RNDGETENTCNT Ioctl = 0x40045265

// DisklabelSize is the size of a struct disklabel, bytes.
const DisklabelSize = 408

// DiskMagic stands twice in a label that lies on a disk.
const DiskMagic = 0x82564557

// MaxPartitions that a struct disklabel has room for.
const MaxPartitions = 16

// A Disklabel is the label that the kernel holds of a disk (struct disklabel), in the fields that anybody looks at. Its magic
// numbers are always right.
type Disklabel struct {
	Type               uint16
	TypeName           string // at most 16 bytes
	PackName           string // likewise
	SecSize            uint32 // bytes
	NSectors           uint32 // a track
	NTracks            uint32 // a cylinder
	NCylinders         uint32
	SecPerCyl          uint32
	SecPerUnit         uint32
	RPM, Interleave    uint16
	BootSize, SBSize   uint32
	Flags              uint32
	Checksum           uint16 // as it is on the disk; 0 of one that is on none
	Partitions         []Partition
	TrackSkew, CylSkew uint16
	HeadSwitch, Seek   uint32
}

// A Partition is an entry of a Disklabel (struct partition). Size and offset in sectors.
type Partition struct {
	Size, Offset uint32
	FSize        uint32
	FSType, Frag uint8
	CPG          uint16
}

// Offsets in struct disklabel.
const (
	offLabelMagic      = 0
	offLabelType       = 4
	offLabelTypeName   = 8
	offLabelPackName   = 24
	offLabelSecSize    = 40
	offLabelNSectors   = 44
	offLabelNTracks    = 48
	offLabelNCylinders = 52
	offLabelSecPerCyl  = 56
	offLabelSecPerUnit = 60
	offLabelRPM        = 72
	offLabelInterleave = 74
	offLabelTrackSkew  = 76
	offLabelCylSkew    = 78
	offLabelHeadSwitch = 80
	offLabelSeek       = 84
	offLabelFlags      = 88
	offLabelMagic2     = 132
	offLabelChecksum   = 136
	offLabelNParts     = 138
	offLabelBootSize   = 140
	offLabelSBSize     = 144
	offLabelParts      = 148
	partitionSize      = 16
)

// Encode writes it to DisklabelSize bytes, which are zeros.
func (l *Disklabel) Encode(b []byte) {
	le.PutUint32(b[offLabelMagic:], DiskMagic)
	le.PutUint32(b[offLabelMagic2:], DiskMagic)
	le.PutUint16(b[offLabelChecksum:], l.Checksum)
	le.PutUint16(b[offLabelType:], l.Type)
	copy(b[offLabelTypeName:][:16], l.TypeName)
	copy(b[offLabelPackName:][:16], l.PackName)
	for off, v := range map[int]uint32{
		offLabelSecSize: l.SecSize, offLabelNSectors: l.NSectors, offLabelNTracks: l.NTracks, offLabelNCylinders: l.NCylinders,
		offLabelSecPerCyl: l.SecPerCyl, offLabelSecPerUnit: l.SecPerUnit, offLabelFlags: l.Flags,
		offLabelHeadSwitch: l.HeadSwitch, offLabelSeek: l.Seek, offLabelBootSize: l.BootSize, offLabelSBSize: l.SBSize,
	} {
		le.PutUint32(b[off:], v)
	}
	le.PutUint16(b[offLabelRPM:], l.RPM)
	le.PutUint16(b[offLabelInterleave:], l.Interleave)
	le.PutUint16(b[offLabelTrackSkew:], l.TrackSkew)
	le.PutUint16(b[offLabelCylSkew:], l.CylSkew)
	n := min(len(l.Partitions), MaxPartitions)
	le.PutUint16(b[offLabelNParts:], uint16(n))
	for i, p := range l.Partitions[:n] {
		p.encode(b[offLabelParts+i*partitionSize:])
	}
}

func (p Partition) encode(b []byte) {
	le.PutUint32(b, p.Size)
	le.PutUint32(b[4:], p.Offset)
	le.PutUint32(b[8:], p.FSize)
	b[12], b[13] = p.FSType, p.Frag
	le.PutUint16(b[14:], p.CPG)
}

// Decode reads it from DisklabelSize bytes. More partitions than there is room for are cut; magic numbers are not looked at.
func (l *Disklabel) Decode(b []byte) {
	*l = Disklabel{
		Type:       le.Uint16(b[offLabelType:]),
		TypeName:   getString(b[offLabelTypeName:][:16]),
		PackName:   getString(b[offLabelPackName:][:16]),
		SecSize:    le.Uint32(b[offLabelSecSize:]),
		NSectors:   le.Uint32(b[offLabelNSectors:]),
		NTracks:    le.Uint32(b[offLabelNTracks:]),
		NCylinders: le.Uint32(b[offLabelNCylinders:]),
		SecPerCyl:  le.Uint32(b[offLabelSecPerCyl:]),
		SecPerUnit: le.Uint32(b[offLabelSecPerUnit:]),
		RPM:        le.Uint16(b[offLabelRPM:]),
		Interleave: le.Uint16(b[offLabelInterleave:]),
		TrackSkew:  le.Uint16(b[offLabelTrackSkew:]),
		CylSkew:    le.Uint16(b[offLabelCylSkew:]),
		HeadSwitch: le.Uint32(b[offLabelHeadSwitch:]),
		Seek:       le.Uint32(b[offLabelSeek:]),
		Flags:      le.Uint32(b[offLabelFlags:]),
		BootSize:   le.Uint32(b[offLabelBootSize:]),
		SBSize:     le.Uint32(b[offLabelSBSize:]),
		Checksum:   le.Uint16(b[offLabelChecksum:]),
	}
	for i := range min(int(le.Uint16(b[offLabelNParts:])), MaxPartitions) {
		p := b[offLabelParts+i*partitionSize:]
		l.Partitions = append(l.Partitions, Partition{
			Size: le.Uint32(p), Offset: le.Uint32(p[4:]), FSize: le.Uint32(p[8:]), FSType: p[12], Frag: p[13], CPG: le.Uint16(p[14:]),
		})
	}
}
