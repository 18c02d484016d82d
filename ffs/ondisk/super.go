package ondisk

import (
	"bytes"

	"rump/internal/endian"
)

// SuperSize is the length of the superblock structure; SuperArea is what a reader fetches and a volume reserves for it.
const (
	SuperSize = 1376
	SuperArea = 8192
)

// Byte offsets of the primary superblock.
const (
	LocUFS2   = 65536
	LocUFS1   = 8192 // also UFS2 as NetBSD's makefs writes it
	LocFloppy = 0
	LocPiggy  = 262144
)

// Magic numbers at offset 1372 of a superblock.
const (
	MagicUFS1       = 0x00011954
	MagicUFS2       = 0x19540119
	MagicUFS2EA     = 0x19012038 // NetBSD 10: UFS2 with extended attributes in use
	MagicUnfinished = 0x19960408 // FreeBSD's newfs was interrupted
)

// Bits of Super.Flags. Two have a second meaning on FreeBSD; the Has methods tell them apart.
const (
	FlagUnclean    = 0x001
	FlagSoftUpdate = 0x002
	FlagNeedsFsck  = 0x004
	FlagSUJ        = 0x008 // FreeBSD: journaled soft updates
	FlagACLs       = 0x010
	FlagMultilabel = 0x020
	FlagGJournal   = 0x040
	FlagUpdated    = 0x080 // in old_flags: the 64-bit fields are valid
	FlagWAPBL      = 0x100 // NetBSD; NFSv4 ACLs on FreeBSD
	FlagQuota2     = 0x200 // NetBSD; check hashes on FreeBSD
	FlagTrim       = 0x400
	FlagNFS4ACLs   = 0x800 // NetBSD 10
)

// Values of Super.Clean.
const (
	CleanDirty = 0
	CleanIs    = 1
	CleanWas   = 2 // mounted read-write, was clean before
)

// Values of Super.Optim.
const (
	OptimTime  = 0
	OptimSpace = 1
)

// Values of Old.PostblFormat and Super.InodeFmt.
const (
	PostblFormat42 = -1
	PostblFormat44 = 1
	InodeFmt42     = -1
	InodeFmt44     = 2
)

// Quota2Magic is Super.QuotaMagic of a volume with quota2.
const Quota2Magic = 0xb746915e

// Bits of Super.CheckHashes (FreeBSD's fs_metackhash).
const (
	HashSuper    = 1
	HashGroup    = 2
	HashInode    = 4
	HashIndirect = 8
	HashDir      = 16
)

// Super is the normal form of a superblock: the same for both versions, byte orders and layouts.
//
// Sizes that 32 bits held on old UFS1 are 64 bits wide here. Fields keep exactly what the volume says; where a stored value
// is not to be trusted or has a default, a method gives the effective one ([Super.MaxSize], [Super.DirEntryOld] ...).
type Super struct {
	Version   int          // 1 or 2
	Order     endian.Order // byte order of the volume
	Location  int64        // byte offset of the primary superblock
	EAMagic   bool         // UFS2 with NetBSD 10's extended attribute magic
	OldLayout bool         // UFS1 whose area from 860 on holds rotational tables
	Apple     bool         // set by whoever knows the volume to be Apple UFS; not stored

	SblkNo, CblkNo, IblkNo, DblkNo Frag // where a cylinder group keeps backup, header, inodes, data

	Ncg       int32  // fs_ncg: cylinder groups
	BSize     int32  // fs_bsize: bytes of a block
	FSize     int32  // fs_fsize: bytes of a fragment
	Frag      int32  // fs_frag: fragments of a block
	BMask     int32  // fs_bmask
	FMask     int32  // fs_fmask
	BShift    uint32 // fs_bshift
	FShift    uint32 // fs_fshift
	FragShift uint32 // fs_fragshift
	FsbToDb   int32  // fs_fsbtodb: fragment to sector of the device that was formatted; not to be trusted
	SBSize    int32  // fs_sbsize: bytes of a superblock on disk
	Nindir    int32  // fs_nindir: pointers of an indirect block
	Inopb     int32  // fs_inopb: inodes of a block
	Ipg       int32  // fs_ipg: inodes of a group
	Fpg       int32  // fs_fpg: fragments of a group
	CSSize    int32  // fs_cssize: bytes of the summary area
	CgSize    int32  // fs_cgsize: bytes of a cylinder group block

	Size   Frag // fs_size: fragments of the volume
	DSize  Frag // fs_dsize: fragments for data
	CSAddr Frag // fs_csaddr: where the summary area is

	MinFree     int32    // fs_minfree: percent kept for root
	MaxContig   int32    // fs_maxcontig
	MaxBPG      int32    // fs_maxbpg: blocks of one file in a group
	Optim       int32    // fs_optim: OptimTime or OptimSpace
	ContigSum   int32    // fs_contigsumsize: entries of the cluster summary; <= 0: no cluster maps
	AvgFileSize int32    // fs_avgfilesize
	AvgFPDir    int32    // fs_avgfpdir: files in a directory
	MaxBSize    int32    // fs_maxbsize
	ID          [2]int32 // fs_id: time of creation, random number

	MaxSymlink  int32  // fs_maxsymlinklen as stored; see ShortLinkLimit
	InodeFmt    int32  // fs_old_inodefmt; meaningless on UFS2
	MaxFileSize uint64 // fs_maxfilesize as stored; see MaxSize
	QBMask      int64  // fs_qbmask: bsize-1
	QFMask      int64  // fs_qfmask: fsize-1

	Clean         uint8  // fs_clean
	OldFlags      uint8  // fs_old_flags; with OldLayout it is Flags that counts
	Flags         uint32 // fs_flags, or fs_old_flags of an old layout
	State         int32  // fs_state
	Time          int64  // fs_time: seconds of the last write
	Total         Totals // fs_cstotal
	NumClusters   int64  // fs_cstotal.cs_numclusters (FreeBSD)
	PendingBlocks int64  // fs_pendingblocks
	PendingInodes int32  // fs_pendinginodes
	MountPoint    string // fs_fsmnt
	VolName       string // fs_volname
	SnapInum      [20]int32

	QuotaMagic uint32 // fs_quota_magic
	QuotaFlags uint8  // fs_quota_flags: 1 users, 2 groups
	QuotaFile  [2]Ino // fs_quotafile: inodes of the user and the group quotas

	MTime       int64  // fs_mtime (FreeBSD): last mount or check
	SUJFree     int32  // fs_sujfree (FreeBSD)
	CkHash      uint32 // fs_ckhash (FreeBSD) as it was read
	CheckHashes uint32 // fs_metackhash (FreeBSD): Hash bits; see HasCheckHash

	Old OldGeometry

	journal [40]byte // 864..903: the log's locators or FreeBSD's counters
	raw     []byte   // SBSize bytes this was decoded from; nil for a new superblock
}

// OldGeometry is what UFS1 believed about the disk. Modern volumes have one head, one cylinder a group.
type OldGeometry struct {
	CgOffset     int32  // fs_old_cgoffset: fragments a group's start moves
	CgMask       uint32 // fs_old_cgmask
	RotDelay     int32  // fs_old_rotdelay
	RPS          int32  // fs_old_rps
	NSPF         int32  // fs_old_nspf: sectors of a fragment
	NPSect       int32  // fs_old_npsect
	Interleave   int32  // fs_old_interleave
	TrackSkew    int32  // fs_old_trackskew
	NTrak        int32  // fs_spare2, once fs_ntrak
	NSect        int32  // fs_old_nsect: sectors of a track
	SPC          int32  // fs_old_spc: sectors of a cylinder
	NCyl         int32  // fs_old_ncyl
	CPG          int32  // fs_old_cpg: cylinders of a group
	CPC          int32  // fs_old_cpc
	PostblFormat int32  // fs_old_postblformat
	NRPos        int32  // fs_old_nrpos: rotational positions
	PostblOff    int32  // fs_old_postbloff
	RotblOff     int32  // fs_old_rotbloff
}

// Journal is where a write-ahead log is and what is to be done with it, as wapbl keeps it in the superblock.
type Journal struct {
	Version  uint8     // fs_journal_version: 1, or 0 for none
	Location uint8     // fs_journal_location: 1 behind the volume, 2 in a file
	Flags    uint32    // fs_journal_flags: 1 create, 2 clear
	Loc      [4]uint64 // fs_journallocs: first block, count, block size, inode
}

// Bits of Journal.Flags, values of Journal.Location.
const (
	JournalCreate   = 1
	JournalClear    = 2
	JournalAtEnd    = 1
	JournalInFile   = 2
	JournalVersion1 = 1
)

// Journal decodes the log's fields by order, which is that of the machine that wrote them, not always the volume's.
func (s *Super) Journal(order endian.Order) Journal {
	j := Journal{Version: s.journal[0], Location: s.journal[1], Flags: order.Uint32(s.journal[4:])}
	for i := range j.Loc {
		j.Loc[i] = order.Uint64(s.journal[8+8*i:])
	}
	return j
}

// SetJournal stores the log's fields in order.
func (s *Super) SetJournal(order endian.Order, j Journal) {
	s.journal[0], s.journal[1] = j.Version, j.Location
	s.journal[2], s.journal[3] = 0, 0
	order.PutUint32(s.journal[4:], j.Flags)
	for i, v := range j.Loc {
		order.PutUint64(s.journal[8+8*i:], v)
	}
}

// Unrefs is FreeBSD's count of unreferenced inodes; it shares its place with the log's fields.
func (s *Super) Unrefs() int64 { return int64(s.Order.Uint64(s.journal[0:])) }

// MetaSpace is FreeBSD's count of fragments after a group's inodes that are kept for metadata.
func (s *Super) MetaSpace() Frag { return Frag(s.Order.Uint64(s.journal[16:])) }

// Clone is a copy that shares nothing with s.
func (s *Super) Clone() *Super {
	c := *s
	c.raw = bytes.Clone(s.raw)
	return &c
}

// OldInodes reports whether inodes keep uid and gid in 16 bits (4.2BSD).
func (s *Super) OldInodes() bool { return s.Version == 1 && s.InodeFmt < InodeFmt44 }

// DirEntryOld reports whether directory entries have a 16-bit name length and no type.
func (s *Super) DirEntryOld() bool { return s.Version == 1 && s.ShortLinkLimit() <= 0 }

// NewSuper is a superblock that stands on no disk yet, with everything set that follows from version, order and sizes as
// newfs of NetBSD 7 sets it. bsize and fsize are powers of two. The caller fills in the rest: the places in a group, counts,
// sizes, totals, times; [Super.Check] says what is missing. To make the old layout set OldLayout, and InodeFmt and MaxSymlink
// with it.
func NewSuper(version int, order endian.Order, bsize, fsize int32) *Super {
	s := &Super{
		Version: version, Order: order, Location: LocUFS2,
		BSize: bsize, FSize: fsize, MaxBSize: bsize,
		BMask: -bsize, FMask: -fsize, QBMask: int64(bsize) - 1, QFMask: int64(fsize) - 1,
		BShift: log2(bsize), FShift: log2(fsize), FsbToDb: int32(log2(fsize)) - 9,
		SBSize:   min(SuperArea, roundUp(SuperSize, fsize)),
		Optim:    OptimTime,
		Clean:    CleanIs,
		OldFlags: FlagUpdated, InodeFmt: InodeFmt44, MaxSymlink: 120,
		AvgFileSize: 16384, AvgFPDir: 64,
	}
	s.Frag = 1 << (s.BShift - s.FShift)
	s.FragShift = s.BShift - s.FShift
	s.Inopb, s.Nindir = bsize/inodeSize2, bsize/8
	if version == 1 {
		s.Location, s.MaxSymlink = LocUFS1, 60
		s.Inopb, s.Nindir = bsize/inodeSize1, bsize/4
		s.Old = OldGeometry{
			CgMask: 0xffffffff, RPS: 60, NSPF: fsize / SectorSize, Interleave: 1, CPG: 1,
			PostblFormat: PostblFormat44, NRPos: 1,
		}
	}
	s.MaxFileSize = uint64(s.addressable())
	return s
}
