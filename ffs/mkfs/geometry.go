package mkfs

import (
	"math"
	"math/bits"

	"rump/ffs/ondisk"
)

// sizeClass is a row of the table of default sizes, for disks of less than so many sectors.
type sizeClass struct {
	sectors      int64
	frag, blocks int
}

var sizeClasses = []sizeClass{
	{20 << 11, 512, 4096},
	{1000 << 11, 1024, 8192},
	{128 << 21, 2048, 16384},
	{math.MaxInt64, 4096, 32768},
}

// Sizes of Apple UFS, whatever the disk.
const (
	appleFrag  = 1024
	appleBlock = 4096
)

const (
	minGroups      = 4     // cylinder groups that even a small disk should have
	maxTransfer    = 65536 // bytes that a kernel moves at once
	maxContigSum   = 16    // entries of a cluster summary, at most
	fragsPerInode  = 4     // default density
	maxInodeCount  = 1 << 31
	maxUFS1Frags   = 1 << 31
	maxSectorSize  = ondisk.SuperArea
	cgHeaderSize   = 176 // CGSIZE counts so much for the header, eight more than it is
	superblockArea = ondisk.SuperArea
)

// chooseSizes puts the default block and fragment sizes in place.
func (o *Options) chooseSizes(sectors int64) {
	if o.FragSize == 0 && o.BlockSize == 0 {
		for _, c := range sizeClasses {
			if sectors < c.sectors {
				o.FragSize, o.BlockSize = c.frag, c.blocks
				break
			}
		}
		if o.AppleName != "" {
			o.FragSize, o.BlockSize = appleFrag, appleBlock
		}
		if o.FragSize < o.SectorSize {
			o.FragSize = o.SectorSize
			o.BlockSize = min(ondisk.MaxFrags*o.FragSize, ondisk.MaxBlockSize)
		}
	}
	if o.FragSize == 0 {
		o.FragSize = max(o.BlockSize/ondisk.MaxFrags, o.SectorSize)
	}
	if o.BlockSize == 0 {
		o.BlockSize = max(min(ondisk.MaxFrags*o.FragSize, ondisk.MaxBlockSize), ondisk.MinBlockSize)
	}
}

// checkSizes is the historic tool's examination of block and fragment size.
func (o *Options) checkSizes() error {
	b, f := o.BlockSize, o.FragSize
	switch {
	case bits.OnesCount(uint(b)) != 1 || b < 0:
		return errorf(exitBlockPow2, "block size must be a power of 2, not %d", b)
	case bits.OnesCount(uint(f)) != 1 || f < 0:
		return errorf(exitFragPow2, "fragment size must be a power of 2, not %d", f)
	case f < o.SectorSize:
		return errorf(exitFragSector, "fragment size %d is too small, minimum is %d", f, o.SectorSize)
	case b < ondisk.MinBlockSize:
		return errorf(exitBlockSize, "block size %d is too small, minimum is %d", b, ondisk.MinBlockSize)
	case b > ondisk.MaxBlockSize:
		return errorf(exitBlockSize, "block size %d is too large, maximum is %d", b, ondisk.MaxBlockSize)
	case b < f:
		return errorf(exitBlockFrag, "block size (%d) cannot be smaller than fragment size (%d)", b, f)
	case b/f > ondisk.MaxFrags:
		return errorf(exitFragRatio, "fragment size %d is too small, minimum with block size %d is %d", f, b, b/ondisk.MaxFrags)
	}
	return nil
}

// checkSector is for the sector size, which the historic tool takes from the disk unseen.
func (o *Options) checkSector() error {
	if o.SectorSize == 0 {
		o.SectorSize = ondisk.SectorSize
	}
	s := o.SectorSize
	if s < ondisk.SectorSize || s > maxSectorSize || s&(s-1) != 0 {
		return errorf(exitUsage, "sector size %d is not a power of 2 from %d to %d", s, ondisk.SectorSize, maxSectorSize)
	}
	return nil
}

// Geometry calculates the superblock of a new file system of so many bytes, as it is before the root directory is made. The
// error is an *Error. Nothing is written; times and random numbers are set.
func Geometry(size int64, o Options) (*ondisk.Super, error) {
	if err := o.settle(); err != nil {
		return nil, err
	}
	return o.geometry(size)
}

// geometry is Geometry with settled options, of which it fills in the sizes.
func (o *Options) geometry(size int64) (*ondisk.Super, error) {
	if err := o.checkSector(); err != nil {
		return nil, err
	}
	sectors := size / int64(o.SectorSize)
	if sectors <= 0 {
		return nil, errorf(exitSize, "preposterous size %d", sectors)
	}
	o.chooseSizes(sectors)
	if err := o.checkSizes(); err != nil {
		return nil, err
	}
	s := o.newSuper()
	s.Size = ondisk.Frag(sectors * int64(o.SectorSize) / int64(o.FragSize))
	if s.Version == 1 && s.Size >= maxUFS1Frags {
		return nil, errorf(exitTooMany, "Too many fragments (%#x) for a FFSv1 filesystem", int64(s.Size))
	}
	if least := s.IblkNo + 3*ondisk.Frag(s.Frag); s.Size < least {
		return nil, errorf(exitTooSmall, "Filesystem size %d < minimum size of %d", s.Size, least)
	}
	o.cutGroups(s)
	if cgSize(s, int64(s.Ipg), int64(s.Fpg)) > int64(s.BSize) {
		return nil, errorf(exitGroupSize, "cylinder group too big: %d inodes and %d fragments do not fit a block of %d bytes", s.Ipg, s.Fpg, s.BSize)
	}
	return s, o.finishSuper(s)
}

// newSuper is a superblock with all that does not depend on the size of the disk.
func (o *Options) newSuper() *ondisk.Super {
	bsize, fsize := int32(o.BlockSize), int32(o.FragSize)
	s := ondisk.NewSuper(o.Version, o.Order, bsize, fsize)
	s.FsbToDb = int32(bits.TrailingZeros(uint(o.FragSize / o.SectorSize)))
	s.EAMagic = o.ExtAttr
	if o.Version == 1 {
		s.Old.NSPF = fsize / int32(o.SectorSize)
	}
	if o.Old {
		s.OldLayout, s.OldFlags = true, 0
		s.InodeFmt, s.MaxSymlink = ondisk.InodeFmt42, 0
	}
	if o.AppleName != "" {
		s.Apple, s.OldLayout, s.OldFlags = true, true, 0
	}
	s.AvgFileSize, s.AvgFPDir = int32(o.AvgFileSize), int32(o.AvgFPDir)
	s.MaxContig = int32(max(1, maxTransfer/o.BlockSize))
	if o.MaxContig > 0 {
		s.MaxContig = int32(o.MaxContig)
	}
	if s.MaxContig > 1 {
		s.ContigSum = min(s.MaxContig, maxContigSum)
	}
	s.MaxBPG = s.Nindir // a file's first indirect block moves it to the next group
	if o.MaxBPG > 0 {
		s.MaxBPG = int32(o.MaxBPG)
	}
	if o.MaxBSize >= o.BlockSize && o.MaxBSize&(o.MaxBSize-1) == 0 {
		s.MaxBSize = int32(min(o.MaxBSize, maxContigSum*o.BlockSize))
	}
	s.MinFree = minFreeDefault
	if o.MinFree != nil {
		s.MinFree = int32(*o.MinFree)
	}
	if o.Space || s.MinFree < minFreeDefault {
		s.Optim = ondisk.OptimSpace
	}
	s.VolName = o.Label
	placeHeaders(s)
	return s
}
