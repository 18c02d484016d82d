package ondisk

import "math"

const (
	inodeSize1 = 128
	inodeSize2 = 256
)

// Offsets in a UFS1 inode (struct ufs1_dinode). Seconds and nanoseconds stand side by side.
const (
	i1Mode   = 0   // di_mode
	i1Nlink  = 2   // di_nlink
	i1OldUID = 4   // di_oldids; FreeBSD's di_freelink is both
	i1OldGID = 6   //
	i1Size   = 8   // di_size
	i1Atime  = 16  // di_atime
	i1Mtime  = 24  // di_mtime
	i1Ctime  = 32  // di_ctime
	i1DB     = 40  // di_db
	i1IB     = 88  // di_ib
	i1Flags  = 100 // di_flags
	i1Blocks = 104 // di_blocks
	i1Gen    = 108 // di_gen
	i1UID    = 112 // di_uid
	i1GID    = 116 // di_gid
	i1ModRev = 120 // di_modrev
)

// Offsets in a UFS2 inode (struct ufs2_dinode).
const (
	i2Mode      = 0   // di_mode
	i2Nlink     = 2   // di_nlink
	i2UID       = 4   // di_uid
	i2GID       = 8   // di_gid
	i2BlkSize   = 12  // di_blksize
	i2Size      = 16  // di_size
	i2Blocks    = 24  // di_blocks
	i2Atime     = 32  // di_atime
	i2Mtime     = 40  // di_mtime
	i2Ctime     = 48  // di_ctime
	i2Birth     = 56  // di_birthtime
	i2MtimeNsec = 64  // di_mtimensec, before di_atimensec
	i2AtimeNsec = 68  // di_atimensec
	i2CtimeNsec = 72  // di_ctimensec
	i2BirthNsec = 76  // di_birthnsec
	i2Gen       = 80  // di_gen
	i2KernFlags = 84  // di_kernflags
	i2Flags     = 88  // di_flags
	i2ExtSize   = 92  // di_extsize
	i2ExtB      = 96  // di_extb
	i2DB        = 112 // di_db
	i2IB        = 208 // di_ib
	i2ModRev    = 232 // di_modrev
	i2FreeLink  = 240 // di_freelink, di_dirdepth (FreeBSD)
	i2CkHash    = 244 // di_ckhash (FreeBSD)
)

// Bits of Inode.Flags. The low half belongs to the owner, the high half to root.
const (
	FileNoDump      = 0x1
	FileImmutable   = 0x2
	FileAppend      = 0x4
	FileOpaque      = 0x8
	FileArchived    = 0x10000
	FileSImmutable  = 0x20000
	FileSAppend     = 0x40000
	FileSNoUnlink   = 0x100000 // FreeBSD
	FileSnapshot    = 0x200000
	FileLog         = 0x400000 // holds the write-ahead log
	FileSnapInvalid = 0x800000
)

// Time is a moment as inodes store it; Nsec is what the disk says and may be out of range.
type Time struct {
	Sec  int64
	Nsec int32
}

// Inode is the normal form of an inode of either version.
//
// Of a device Rdev takes the place of DB[0], which is 0. Of a symbolic link whose target lies in the inode (see
// [Super.IsShortLink]) Inline holds the bytes there and all pointers are 0.
type Inode struct {
	Mode  uint16 // type and permissions; 0: not in use
	Nlink int16
	UID   uint32
	GID   uint32
	Size  int64 // negative only on a corrupt disk
	// Blocks is the space taken, indirect blocks and extended attributes included, in units of 512 bytes.
	Blocks int64
	Atime  Time
	Mtime  Time
	Ctime  Time
	Birth  Time // UFS2 only
	Gen    uint32
	Flags  uint32

	DB [NDirect]Frag
	IB [NIndirect]Frag

	ExtSize   uint32           // UFS2 only: bytes of extended attributes
	ExtB      [NExtBlocks]Frag // UFS2 only
	BlkSize   uint32           // UFS2 only
	KernFlags uint32           // UFS2 only
	ModRev    uint64
	// FreeLink is FreeBSD's chain of unreferenced inodes, or the depth of a directory. In the old inode format its place holds
	// the owner.
	FreeLink uint32

	Rdev   uint64 // devices only: as stored
	Inline [120]byte
}

// IsDir reports whether the inode is a directory.
func (in *Inode) IsDir() bool { return in.Mode&ModeType == ModeDir }

// IsRegular reports whether the inode is a regular file.
func (in *Inode) IsRegular() bool { return in.Mode&ModeType == ModeRegular }

// IsSymlink reports whether the inode is a symbolic link.
func (in *Inode) IsSymlink() bool { return in.Mode&ModeType == ModeSymlink }

// IsDevice reports whether the inode is a character or block device.
func (in *Inode) IsDevice() bool {
	t := in.Mode & ModeType
	return t == ModeChar || t == ModeBlock
}

// IsShortLink reports whether in is a symbolic link whose target lies in the inode itself.
func (s *Super) IsShortLink(in *Inode) bool { return in.IsSymlink() && s.isShort(in.Size, in.Blocks) }

func (s *Super) isShort(size, blocks int64) bool {
	limit := s.ShortLinkLimit()
	return size >= 0 && (size < int64(limit) || limit == 0 && blocks == 0)
}

// ShortLink is the target that lies in the inode; valid while in is not changed.
func (s *Super) ShortLink(in *Inode) (target []byte, ok bool) {
	if !s.IsShortLink(in) {
		return nil, false
	}
	return in.Inline[:min(in.Size, int64(s.pointerArea()))], true
}

// pointerArea is how many bytes the pointers of an inode take.
func (s *Super) pointerArea() int {
	if s.Version == 1 {
		return 4 * (NDirect + NIndirect)
	}
	return 8 * (NDirect + NIndirect)
}

// DecodeInode decodes the InodeSize bytes b into in. It cannot fail; what the fields say is checked where it is used.
func DecodeInode(s *Super, b []byte, in *Inode) {
	if s.Version == 1 {
		s.decodeInode1(b[:inodeSize1], in)
		return
	}
	s.decodeInode2(b[:inodeSize2], in)
}

func (s *Super) decodeInode1(b []byte, in *Inode) {
	o := s.Order
	*in = Inode{
		Mode:   o.Uint16(b[i1Mode:]),
		Nlink:  int16(o.Uint16(b[i1Nlink:])),
		UID:    o.Uint32(b[i1UID:]),
		GID:    o.Uint32(b[i1GID:]),
		Size:   int64(o.Uint64(b[i1Size:])),
		Blocks: int64(o.Uint32(b[i1Blocks:])),
		Atime:  Time{int64(int32(o.Uint32(b[i1Atime:]))), int32(o.Uint32(b[i1Atime+4:]))},
		Mtime:  Time{int64(int32(o.Uint32(b[i1Mtime:]))), int32(o.Uint32(b[i1Mtime+4:]))},
		Ctime:  Time{int64(int32(o.Uint32(b[i1Ctime:]))), int32(o.Uint32(b[i1Ctime+4:]))},
		Gen:    o.Uint32(b[i1Gen:]),
		Flags:  o.Uint32(b[i1Flags:]),
		ModRev: o.Uint64(b[i1ModRev:]),
	}
	if s.OldInodes() {
		in.UID, in.GID = uint32(o.Uint16(b[i1OldUID:])), uint32(o.Uint16(b[i1OldGID:]))
	} else {
		in.FreeLink = o.Uint32(b[i1OldUID:])
	}
	if s.IsShortLink(in) {
		copy(in.Inline[:], b[i1DB:i1Flags])
		return
	}
	for i := range in.DB {
		in.DB[i] = Frag(int32(o.Uint32(b[i1DB+4*i:])))
	}
	for i := range in.IB {
		in.IB[i] = Frag(int32(o.Uint32(b[i1IB+4*i:])))
	}
	if in.IsDevice() {
		in.Rdev, in.DB[0] = uint64(o.Uint32(b[i1DB:])), 0
	}
}

func (s *Super) decodeInode2(b []byte, in *Inode) {
	o := s.Order
	*in = Inode{
		Mode:      o.Uint16(b[i2Mode:]),
		Nlink:     int16(o.Uint16(b[i2Nlink:])),
		UID:       o.Uint32(b[i2UID:]),
		GID:       o.Uint32(b[i2GID:]),
		BlkSize:   o.Uint32(b[i2BlkSize:]),
		Size:      int64(o.Uint64(b[i2Size:])),
		Blocks:    int64(o.Uint64(b[i2Blocks:])),
		Atime:     Time{int64(o.Uint64(b[i2Atime:])), int32(o.Uint32(b[i2AtimeNsec:]))},
		Mtime:     Time{int64(o.Uint64(b[i2Mtime:])), int32(o.Uint32(b[i2MtimeNsec:]))},
		Ctime:     Time{int64(o.Uint64(b[i2Ctime:])), int32(o.Uint32(b[i2CtimeNsec:]))},
		Birth:     Time{int64(o.Uint64(b[i2Birth:])), int32(o.Uint32(b[i2BirthNsec:]))},
		Gen:       o.Uint32(b[i2Gen:]),
		KernFlags: o.Uint32(b[i2KernFlags:]),
		Flags:     o.Uint32(b[i2Flags:]),
		ExtSize:   o.Uint32(b[i2ExtSize:]),
		ModRev:    o.Uint64(b[i2ModRev:]),
		FreeLink:  o.Uint32(b[i2FreeLink:]),
	}
	for i := range in.ExtB {
		in.ExtB[i] = Frag(o.Uint64(b[i2ExtB+8*i:]))
	}
	if s.IsShortLink(in) {
		copy(in.Inline[:], b[i2DB:i2ModRev])
		return
	}
	for i := range in.DB {
		in.DB[i] = Frag(o.Uint64(b[i2DB+8*i:]))
	}
	for i := range in.IB {
		in.IB[i] = Frag(o.Uint64(b[i2IB+8*i:]))
	}
	if in.IsDevice() {
		in.Rdev, in.DB[0] = o.Uint64(b[i2DB:]), 0
	}
}

// EncodeInode stores in in the InodeSize bytes b, which hold the inode as it was, or zeros: bytes without a field survive.
// On UFS1 times outside 32 bits become the nearest that fits, Birth and extended attributes are lost, and the old format
// cuts owners to 16 bits. FreeBSD's check hash is renewed if the volume has them.
func EncodeInode(s *Super, in *Inode, b []byte) {
	if s.Version == 1 {
		s.encodeInode1(in, b[:inodeSize1])
		return
	}
	s.encodeInode2(in, b[:inodeSize2])
}

func (s *Super) encodeInode1(in *Inode, b []byte) {
	o := s.Order
	o.PutUint16(b[i1Mode:], in.Mode)
	o.PutUint16(b[i1Nlink:], uint16(in.Nlink))
	if s.OldInodes() {
		s.putOldID(b, i1OldUID, i1UID, in.UID)
		s.putOldID(b, i1OldGID, i1GID, in.GID)
	} else {
		o.PutUint32(b[i1OldUID:], in.FreeLink)
		o.PutUint32(b[i1UID:], in.UID)
		o.PutUint32(b[i1GID:], in.GID)
	}
	o.PutUint64(b[i1Size:], uint64(in.Size))
	s.putTime1(b[i1Atime:], in.Atime)
	s.putTime1(b[i1Mtime:], in.Mtime)
	s.putTime1(b[i1Ctime:], in.Ctime)
	o.PutUint32(b[i1Flags:], in.Flags)
	o.PutUint32(b[i1Blocks:], uint32(in.Blocks))
	o.PutUint32(b[i1Gen:], in.Gen)
	o.PutUint64(b[i1ModRev:], in.ModRev)
	if s.IsShortLink(in) {
		copy(b[i1DB:i1Flags], in.Inline[:])
		return
	}
	for i := range in.DB {
		o.PutUint32(b[i1DB+4*i:], uint32(in.DB[i]))
	}
	for i := range in.IB {
		o.PutUint32(b[i1IB+4*i:], uint32(in.IB[i]))
	}
	if in.IsDevice() {
		o.PutUint32(b[i1DB:], uint32(in.Rdev))
	}
}

// putOldID stores an owner in its 16 bits at old, and in the 32 bits at wide that a 4.4BSD kernel keeps beside: those stay if
// the 16 bits do not show a difference, for they may hold the upper half of an owner that was cut.
func (s *Super) putOldID(b []byte, old, wide int, id uint32) {
	s.Order.PutUint16(b[old:], uint16(id))
	if id > 0xffff || uint16(s.Order.Uint32(b[wide:])) != uint16(id) {
		s.Order.PutUint32(b[wide:], id)
	}
}

func (s *Super) putTime1(b []byte, t Time) {
	sec := max(math.MinInt32, min(math.MaxInt32, t.Sec))
	s.Order.PutUint32(b, uint32(sec))
	s.Order.PutUint32(b[4:], uint32(t.Nsec))
}

func (s *Super) encodeInode2(in *Inode, b []byte) {
	o := s.Order
	o.PutUint16(b[i2Mode:], in.Mode)
	o.PutUint16(b[i2Nlink:], uint16(in.Nlink))
	o.PutUint32(b[i2UID:], in.UID)
	o.PutUint32(b[i2GID:], in.GID)
	o.PutUint32(b[i2BlkSize:], in.BlkSize)
	o.PutUint64(b[i2Size:], uint64(in.Size))
	o.PutUint64(b[i2Blocks:], uint64(in.Blocks))
	o.PutUint64(b[i2Atime:], uint64(in.Atime.Sec))
	o.PutUint64(b[i2Mtime:], uint64(in.Mtime.Sec))
	o.PutUint64(b[i2Ctime:], uint64(in.Ctime.Sec))
	o.PutUint64(b[i2Birth:], uint64(in.Birth.Sec))
	o.PutUint32(b[i2AtimeNsec:], uint32(in.Atime.Nsec))
	o.PutUint32(b[i2MtimeNsec:], uint32(in.Mtime.Nsec))
	o.PutUint32(b[i2CtimeNsec:], uint32(in.Ctime.Nsec))
	o.PutUint32(b[i2BirthNsec:], uint32(in.Birth.Nsec))
	o.PutUint32(b[i2Gen:], in.Gen)
	o.PutUint32(b[i2KernFlags:], in.KernFlags)
	o.PutUint32(b[i2Flags:], in.Flags)
	o.PutUint32(b[i2ExtSize:], in.ExtSize)
	for i := range in.ExtB {
		o.PutUint64(b[i2ExtB+8*i:], uint64(in.ExtB[i]))
	}
	o.PutUint64(b[i2ModRev:], in.ModRev)
	o.PutUint32(b[i2FreeLink:], in.FreeLink)
	if s.IsShortLink(in) {
		copy(b[i2DB:i2ModRev], in.Inline[:])
	} else {
		for i := range in.DB {
			o.PutUint64(b[i2DB+8*i:], uint64(in.DB[i]))
		}
		for i := range in.IB {
			o.PutUint64(b[i2IB+8*i:], uint64(in.IB[i]))
		}
		if in.IsDevice() {
			o.PutUint64(b[i2DB:], in.Rdev)
		}
	}
	if in.Mode != 0 && s.HasCheckHash(HashInode) {
		o.PutUint32(b[i2CkHash:], checkHash(b, i2CkHash))
	}
}

// InodeHashOK reports whether the inode in b agrees with FreeBSD's check hash; true if it has none.
func (s *Super) InodeHashOK(b []byte) bool {
	if s.Version == 1 || !s.HasCheckHash(HashInode) || s.Order.Uint16(b[i2Mode:]) == 0 {
		return true
	}
	b = b[:inodeSize2]
	return checkHash(b, i2CkHash) == s.Order.Uint32(b[i2CkHash:])
}

// Indirect is a view of an indirect block: an array of Nindir pointers.
type Indirect struct {
	s *Super
	b []byte
}

// IndirectIn is a view of block, which has BSize bytes.
func (s *Super) IndirectIn(block []byte) Indirect { return Indirect{s, block[:s.BSize]} }

// Len is the number of pointers.
func (d Indirect) Len() int { return int(d.s.Nindir) }

// Get is pointer i.
func (d Indirect) Get(i int) Frag {
	if d.s.Version == 1 {
		return Frag(int32(d.s.Order.Uint32(d.b[4*i:])))
	}
	return Frag(d.s.Order.Uint64(d.b[8*i:]))
}

// Set changes pointer i.
func (d Indirect) Set(i int, f Frag) {
	if d.s.Version == 1 {
		d.s.Order.PutUint32(d.b[4*i:], uint32(f))
		return
	}
	d.s.Order.PutUint64(d.b[8*i:], uint64(f))
}
