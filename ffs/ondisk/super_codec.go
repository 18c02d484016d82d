package ondisk

import (
	"bytes"
	"math/bits"

	"rump/internal/endian"
)

// Offsets that are used by more than the one walk over the fields.
const (
	offSBSize      = 104  // fs_sbsize
	offOldFlags    = 211  // fs_old_flags
	offFsmnt       = 212  // fs_fsmnt
	offVolname     = 680  // fs_volname
	offPointers    = 728  // fs_ocsp and the like: pointers of a kernel that is gone
	offMaxBSize    = 860  // fs_maxbsize; here the rotational tables of an old layout begin
	offQuota       = 904  // fs_quota_magic
	offQuotaEnd    = 928  //
	offActualLoc   = 992  // fs_sblockactualloc (FreeBSD)
	offSblockLoc   = 1000 // fs_sblockloc
	offCkHash      = 1304 // fs_ckhash (FreeBSD)
	offContigSum   = 1316 // fs_contigsumsize; here they end
	offSuperMagic  = 1372 // fs_magic
	oldTablesFill  = 256  // bytes from offMaxBSize that newfs fills with ones
	volnameLen     = 32
	fsmntLen       = offVolname - offFsmnt
	pointersLength = 128
)

// A codec moves fields between a superblock's bytes and its normal form; one walk serves both directions, so an offset is
// written once.
type codec struct {
	b     []byte
	order endian.Order
	write bool
}

// f32 moves a field of 32 bits at off; a wider p gets it sign extended.
func f32[T ~int32 | ~uint32 | ~int64](c *codec, off int, p *T) {
	if c.write {
		c.order.PutUint32(c.b[off:], uint32(*p))
		return
	}
	*p = T(int32(c.order.Uint32(c.b[off:])))
}

// f64 moves a field of 64 bits at off.
func f64[T ~int64 | ~uint64](c *codec, off int, p *T) {
	if c.write {
		c.order.PutUint64(c.b[off:], uint64(*p))
		return
	}
	*p = T(c.order.Uint64(c.b[off:]))
}

// f8 moves a byte at off.
func f8(c *codec, off int, p *uint8) {
	if c.write {
		c.b[off] = *p
		return
	}
	*p = c.b[off]
}

// text moves a string that is padded with NULs to n bytes. Unchanged strings keep what stands behind their end.
func text(c *codec, off, n int, p *string) {
	field := c.b[off : off+n]
	now := field
	if i := bytes.IndexByte(field, 0); i >= 0 {
		now = field[:i]
	}
	if !c.write {
		*p = string(now)
		return
	}
	if string(now) != *p {
		clear(field)
		copy(field[:n-1], *p)
	}
}

// commonFields are those that all layouts keep in the same place.
func (s *Super) commonFields(c *codec) {
	o := &s.Old
	f32(c, 8, &s.SblkNo)     // fs_sblkno
	f32(c, 12, &s.CblkNo)    // fs_cblkno
	f32(c, 16, &s.IblkNo)    // fs_iblkno
	f32(c, 20, &s.DblkNo)    // fs_dblkno
	f32(c, 24, &o.CgOffset)  // fs_old_cgoffset
	f32(c, 28, &o.CgMask)    // fs_old_cgmask
	f32(c, 44, &s.Ncg)       // fs_ncg
	f32(c, 48, &s.BSize)     // fs_bsize
	f32(c, 52, &s.FSize)     // fs_fsize
	f32(c, 56, &s.Frag)      // fs_frag
	f32(c, 60, &s.MinFree)   // fs_minfree
	f32(c, 64, &o.RotDelay)  // fs_old_rotdelay
	f32(c, 68, &o.RPS)       // fs_old_rps
	f32(c, 72, &s.BMask)     // fs_bmask
	f32(c, 76, &s.FMask)     // fs_fmask
	f32(c, 80, &s.BShift)    // fs_bshift
	f32(c, 84, &s.FShift)    // fs_fshift
	f32(c, 88, &s.MaxContig) // fs_maxcontig
	f32(c, 92, &s.MaxBPG)    // fs_maxbpg
	f32(c, 96, &s.FragShift) // fs_fragshift
	f32(c, 100, &s.FsbToDb)  // fs_fsbtodb
	f32(c, offSBSize, &s.SBSize)
	f32(c, 116, &s.Nindir)     // fs_nindir
	f32(c, 120, &s.Inopb)      // fs_inopb
	f32(c, 124, &o.NSPF)       // fs_old_nspf
	f32(c, 128, &s.Optim)      // fs_optim
	f32(c, 132, &o.NPSect)     // fs_old_npsect
	f32(c, 136, &o.Interleave) // fs_old_interleave
	f32(c, 140, &o.TrackSkew)  // fs_old_trackskew
	f32(c, 144, &s.ID[0])      // fs_id
	f32(c, 148, &s.ID[1])
	f32(c, 156, &s.CSSize) // fs_cssize
	f32(c, 160, &s.CgSize) // fs_cgsize
	f32(c, 164, &o.NTrak)  // fs_spare2
	f32(c, 168, &o.NSect)  // fs_old_nsect
	f32(c, 172, &o.SPC)    // fs_old_spc
	f32(c, 176, &o.NCyl)   // fs_old_ncyl
	f32(c, 180, &o.CPG)    // fs_old_cpg
	f32(c, 184, &s.Ipg)    // fs_ipg
	f32(c, 188, &s.Fpg)    // fs_fpg
	f8(c, 209, &s.Clean)   // fs_clean
	f8(c, offOldFlags, &s.OldFlags)
	text(c, offFsmnt, fsmntLen, &s.MountPoint)
	text(c, offVolname, volnameLen, &s.VolName)
	f32(c, 856, &o.CPC) // fs_old_cpc

	f32(c, offContigSum, &s.ContigSum)
	f32(c, 1320, &s.MaxSymlink)   // fs_maxsymlinklen
	f32(c, 1324, &s.InodeFmt)     // fs_old_inodefmt
	f64(c, 1328, &s.MaxFileSize)  // fs_maxfilesize
	f64(c, 1336, &s.QBMask)       // fs_qbmask
	f64(c, 1344, &s.QFMask)       // fs_qfmask
	f32(c, 1352, &s.State)        // fs_state
	f32(c, 1356, &o.PostblFormat) // fs_old_postblformat
	f32(c, 1360, &o.NRPos)        // fs_old_nrpos
	f32(c, 1364, &o.PostblOff)    // fs_old_postbloff
	f32(c, 1368, &o.RotblOff)     // fs_old_rotbloff
}

// oldFields are the 32-bit forms that only an old layout and a new UFS1 superblock fill.
func (s *Super) oldFields(c *codec) {
	f32(c, 32, &s.Time)              // fs_old_time
	f32(c, 36, &s.Size)              // fs_old_size
	f32(c, 40, &s.DSize)             // fs_old_dsize
	f32(c, 152, &s.CSAddr)           // fs_old_csaddr
	f32(c, 192, &s.Total.Dirs)       // fs_old_cstotal
	f32(c, 196, &s.Total.FreeBlocks) //
	f32(c, 200, &s.Total.FreeInodes) //
	f32(c, 204, &s.Total.FreeFrags)  //
}

// wideFields are those that took the place of the rotational tables.
func (s *Super) wideFields(c *codec) {
	f32(c, offMaxBSize, &s.MaxBSize)
	if c.write {
		copy(c.b[864:], s.journal[:])
	} else {
		copy(s.journal[:], c.b[864:])
	}
	f32(c, offQuota, &s.QuotaMagic)
	f8(c, 908, &s.QuotaFlags)         // fs_quota_flags
	f64(c, 912, &s.QuotaFile[0])      // fs_quotafile
	f64(c, 920, &s.QuotaFile[1])      //
	f64(c, 1008, &s.Total.Dirs)       // fs_cstotal
	f64(c, 1016, &s.Total.FreeBlocks) //
	f64(c, 1024, &s.Total.FreeInodes) //
	f64(c, 1032, &s.Total.FreeFrags)  //
	f64(c, 1040, &s.NumClusters)      //
	f64(c, 1072, &s.Time)             // fs_time
	f64(c, 1080, &s.Size)             // fs_size
	f64(c, 1088, &s.DSize)            // fs_dsize
	f64(c, 1096, &s.CSAddr)           // fs_csaddr
	f64(c, 1104, &s.PendingBlocks)    // fs_pendingblocks
	f32(c, 1112, &s.PendingInodes)    // fs_pendinginodes
	for i := range s.SnapInum {       // fs_snapinum
		f32(c, 1116+4*i, &s.SnapInum[i])
	}
	f32(c, 1196, &s.AvgFileSize) // fs_avgfilesize
	f32(c, 1200, &s.AvgFPDir)    // fs_avgfpdir
	f64(c, 1208, &s.MTime)       // fs_mtime
	f32(c, 1216, &s.SUJFree)     // fs_sujfree
	f32(c, offCkHash, &s.CkHash)
	f32(c, 1308, &s.CheckHashes) // fs_metackhash
	f32(c, 1312, &s.Flags)       // fs_flags
}

// Encode writes the superblock as it has to stand at Location into the first SBSize bytes of dst and leaves the rest of
// dst alone. Bytes of the original that have no field here survive; kernel pointers and the marks of a running mount are
// zeroed; FreeBSD's check hash is renewed if the volume has one. An old layout keeps its rotational tables: of the fields in
// that area (everything without a 32-bit form, from MaxBSize to CheckHashes) changes are not stored.
func (s *Super) Encode(dst []byte) { s.encode(dst, -1) }

// EncodeBackup is Encode for the copy that a cylinder group keeps at byte offset loc.
func (s *Super) EncodeBackup(dst []byte, loc int64) { s.encode(dst, loc) }

func (s *Super) encode(dst []byte, actual int64) {
	dst = dst[:s.SBSize]
	clear(dst)
	copy(dst, s.raw)
	c := &codec{dst, s.Order, true}
	old := *s // codec methods write through pointers into s; flags of an old layout differ
	if s.OldLayout {
		old.OldFlags = uint8(s.Flags) &^ FlagUpdated
	}
	old.commonFields(c)
	if s.OldLayout || s.raw == nil && s.Version == 1 {
		s.oldFields(c)
	}
	if !s.OldLayout || s.raw == nil {
		s.wideFields(c)
		loc := s.Location
		f64(c, offSblockLoc, &loc)
	}
	if s.OldLayout && s.raw == nil {
		fill := dst[offMaxBSize : offMaxBSize+oldTablesFill]
		for i := range fill {
			fill[i] = 0xff
		}
	}
	s.Order.PutUint32(dst[offSuperMagic:], s.magic())
	dst[208], dst[210] = 0, 0 // fs_fmod, fs_ronly
	clear(dst[offPointers : offPointers+pointersLength])
	if s.OldLayout {
		return
	}
	if actual >= 0 && (s.HasCheckHash(HashSuper) || s.Order.Uint64(dst[offActualLoc:]) != 0) {
		s.Order.PutUint64(dst[offActualLoc:], uint64(actual))
	}
	if s.HasCheckHash(HashSuper) {
		s.Order.PutUint32(dst[offCkHash:], checkHash(dst, offCkHash))
	}
}

func (s *Super) magic() uint32 {
	switch {
	case s.Version == 1:
		return MagicUFS1
	case s.EAMagic:
		return MagicUFS2EA
	}
	return MagicUFS2
}

// UpgradeLayout turns an old layout into the updated one: what follows from the 32-bit fields is kept, the rotational
// tables go. It is fsck's conversion level 4 and nothing else may do it unasked.
func (s *Super) UpgradeLayout() {
	if !s.OldLayout {
		return
	}
	s.OldLayout = false
	s.OldFlags = uint8(s.Flags) | FlagUpdated
	s.Old.CPC, s.Old.NRPos, s.Old.TrackSkew = 0, 1, 0
	if s.raw != nil {
		clear(s.raw[offMaxBSize:offContigSum])
	}
}

// DowngradeLayout goes back to the old layout, with empty rotational tables. The 64-bit sizes must fit 32 bits, which
// those of UFS1 do.
func (s *Super) DowngradeLayout() {
	if s.OldLayout || s.Version != 1 {
		return
	}
	s.OldLayout = true
	s.Flags &= 0xff &^ FlagUpdated
	if s.raw == nil {
		return
	}
	s.oldFields(&codec{s.raw, s.Order, true})
	area := s.raw[offMaxBSize:offContigSum]
	clear(area)
	for i := range area[:oldTablesFill] {
		area[i] = 0xff
	}
}

func log2(v int32) uint32 { return uint32(bits.TrailingZeros32(uint32(v))) }

func roundUp(v, unit int32) int32 { return (v + unit - 1) / unit * unit }
