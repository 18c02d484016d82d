package mkfs

import (
	"math"

	"rump/ffs/ondisk"
)

// placeHeaders sets the places of backup, header and inodes in a group, which follow from the place of the primary superblock.
func placeHeaders(s *ondisk.Super) {
	frag := ondisk.Frag(s.Frag)
	s.SblkNo = roundUp(ceilDiv(ondisk.Frag(s.Location+superblockArea), ondisk.Frag(s.FSize)), frag)
	s.CblkNo = s.SblkNo + roundUp(ceilDiv(superblockArea, ondisk.Frag(s.FSize)), frag)
	s.IblkNo = s.CblkNo + frag
}

// cgSize is the bytes that the header and maps of a group take. The historic formula counts a little more than is used.
func cgSize(s *ondisk.Super, ipg, fpg int64) int64 {
	n := cgHeaderSize + 4 + (ipg+7)/8 + (fpg+7)/8
	if s.Version == 1 {
		n += 4 + 2 // one cylinder with one rotational position
	}
	if s.ContigSum > 0 {
		n += 4*int64(s.ContigSum) + (fpg>>s.FragShift+7)/8
	}
	return n
}

// inodeBlocks is how many blocks of inodes the whole file system should have.
func (o *Options) inodeBlocks(s *ondisk.Super) int64 {
	inopb, frag := int64(s.Inopb), int64(s.Frag)
	room := int64(s.Size - s.IblkNo)
	var n int64
	if o.Inodes > 0 {
		n = ceilDiv(o.Inodes, inopb)
	} else {
		density := o.Density
		if density == 0 {
			density = fragsPerInode * int64(s.FSize)
		}
		density = min(density, math.MaxInt64/inopb)
		n = room / (frag + max(1, density*inopb/int64(s.FSize)))
	}
	n = min(max(n, 1), room/frag-2)
	if n*inopb >= maxInodeCount {
		n = (maxInodeCount - 8) / inopb
	}
	return n
}

// cutGroups divides the file system into equal groups: as few as headers of one block allow, but a small one into a few more.
// A rest that could not hold its own headers and inodes is cut off.
func (o *Options) cutGroups(s *ondisk.Super) {
	size, frag, inopb := int64(s.Size), int64(s.Frag), int64(s.Inopb)
	iblocks := o.inodeBlocks(s)
	none, all := cgSize(s, 0, 0), cgSize(s, iblocks*inopb, size)
	ncg := ceilDiv(all-none, int64(s.BSize)-none)
	if ncg < minGroups {
		want := size / 2 / (int64(s.IblkNo) + iblocks*frag)
		ncg = min(max(ncg, want), minGroups, iblocks)
	}
	fpg := roundUp(roundUp(ceilDiv(size, ncg), frag), 8) // whole bytes of the map
	ipg := ((iblocks-1)/ncg + 1) * inopb
	if over := cgSize(s, ipg, fpg) - int64(s.BSize); over > 0 {
		fpg -= over * 8
		ncg = ceilDiv(size, fpg)
		ipg = ((iblocks-1)/ncg + 1) * inopb
	}
	s.DblkNo = s.IblkNo + ondisk.Frag(ipg/inopb*frag)
	if last := size - fpg*(ncg-1); last < int64(s.DblkNo) {
		ncg--
		size -= last
	}
	s.Size, s.Ncg, s.Fpg, s.Ipg = ondisk.Frag(size), int32(ncg), int32(fpg), int32(ipg)
}

// finishSuper sets what follows from the groups, and the totals of a file system without any file.
func (o *Options) finishSuper(s *ondisk.Super) error {
	s.CgSize = int32(s.RoundFrags(cgSize(s, int64(s.Ipg), int64(s.Fpg))))
	s.CSAddr = s.CgData(0)
	s.CSSize = int32(s.RoundFrags(int64(s.Ncg) * ondisk.SummarySize))
	csFrags := int64(s.FragsOf(int64(s.CSSize)))
	if s.Ncg < 1 || s.DblkNo+ondisk.Frag(csFrags) >= ondisk.Frag(s.CgFrags(0)) {
		return errorf(exitSummary, "Too many cylinder groups to fit summary information into first cylinder group")
	}
	if s.Version == 1 {
		s.Old.SPC = s.Fpg * s.Old.NSPF
		s.Old.NSect, s.Old.NPSect, s.Old.NCyl = s.Old.SPC, s.Old.SPC, s.Ncg
	}
	frag := int64(s.Frag)
	s.DSize = s.Size - s.SblkNo - ondisk.Frag(s.Ncg)*(s.DblkNo-s.SblkNo)
	s.Total = ondisk.Totals{
		FreeBlocks: int64(s.DSize)>>s.FragShift - ceilDiv(csFrags, frag),
		FreeFrags:  int64(s.Size)%frag + roundUp(csFrags, frag) - csFrags,
		FreeInodes: int64(s.MaxIno()) - int64(ondisk.RootIno),
	}
	s.DSize -= ondisk.Frag(csFrags)
	s.Time = o.Now.Unix()
	s.ID = [2]int32{int32(s.Time), int32(o.Rand() & math.MaxInt32)}
	if o.UserQuota || o.GroupQuota {
		s.Flags |= ondisk.FlagQuota2
		s.QuotaMagic = ondisk.Quota2Magic
	}
	return nil
}

func ceilDiv[T ~int | ~int32 | ~int64](n, by T) T { return (n + by - 1) / by }

func roundUp[T ~int | ~int32 | ~int64](n, unit T) T { return ceilDiv(n, unit) * unit }
