package ondisk

import "math"

// Check says whether the fields agree with each other so far that everything in this package can calculate with them:
// no overflow, no division by zero, no place outside the volume. What fsck can repair (minfree, optimisation, masks that are
// not used) is not looked at. The error is a *SuperError with Reason Insane.
func (s *Super) Check() error {
	for _, step := range []func() (string, int64, bool){s.checkSizes, s.checkCounts, s.checkPlaces, s.checkGroup} {
		if field, value, ok := step(); !ok {
			return &SuperError{Location: s.Location, Reason: Insane, Field: field, Value: value}
		}
	}
	return nil
}

// CheckDevice says whether a volume of size bytes is large enough.
func (s *Super) CheckDevice(size int64) error {
	if int64(s.Size) > size>>s.FShift {
		return &SuperError{Location: s.Location, Reason: Insane, Field: "fragments in the file system, more than the volume has:", Value: int64(s.Size)}
	}
	return nil
}

func isPower2(v int32) bool { return v > 0 && v&(v-1) == 0 }

func (s *Super) checkSizes() (field string, value int64, ok bool) {
	inode, pointer := int32(inodeSize2), int32(8)
	if s.Version == 1 {
		inode, pointer = inodeSize1, 4
	}
	switch {
	case s.Version != 1 && s.Version != 2:
		return "version", int64(s.Version), false
	case s.SBSize < SuperSize || s.SBSize > SuperArea:
		return "superblock size", int64(s.SBSize), false
	case !isPower2(s.BSize) || s.BSize < MinBlockSize || s.BSize > MaxBlockSize:
		return "block size", int64(s.BSize), false
	case !isPower2(s.FSize) || s.FSize > s.BSize || s.FSize < s.BSize/MaxFrags:
		return "fragment size", int64(s.FSize), false
	case s.Frag != s.BSize/s.FSize:
		return "fragments in a block", int64(s.Frag), false
	case s.BShift != log2(s.BSize):
		return "block shift", int64(s.BShift), false
	case s.FShift != log2(s.FSize):
		return "fragment shift", int64(s.FShift), false
	case s.FragShift != log2(s.Frag):
		return "fragments-in-a-block shift", int64(s.FragShift), false
	case s.BMask != -s.BSize:
		return "block mask", int64(s.BMask), false
	case s.FMask != -s.FSize:
		return "fragment mask", int64(s.FMask), false
	case s.Inopb != s.BSize/inode:
		return "inodes in a block", int64(s.Inopb), false
	case s.Nindir != s.BSize/pointer:
		return "pointers in an indirect block", int64(s.Nindir), false
	case s.CgSize < groupMapsOff+8 || s.CgSize > s.BSize:
		return "cylinder group size", int64(s.CgSize), false
	}
	return "", 0, true
}

func (s *Super) checkCounts() (field string, value int64, ok bool) {
	limit := Frag(math.MaxInt64 >> s.FShift)
	if s.Version == 1 {
		limit = math.MaxInt32
	}
	ncg, fpg, ipg := int64(s.Ncg), int64(s.Fpg), int64(s.Ipg)
	switch {
	case s.Size <= 0 || s.Size > limit:
		return "fragments in the file system", int64(s.Size), false
	case s.Ncg <= 0:
		return "cylinder groups", ncg, false
	case s.Fpg <= 0 || s.Fpg%s.Frag != 0:
		return "fragments in a cylinder group", fpg, false
	case int64(s.Size) <= (ncg-1)*fpg || int64(s.Size) > ncg*fpg:
		return "cylinder groups do not make up the fragments in the file system:", int64(s.Size), false
	case s.Ipg <= 0 || s.Ipg%s.Inopb != 0 || ncg*ipg > math.MaxUint32:
		return "inodes in a cylinder group", ipg, false
	case s.MaxBPG <= 0:
		return "blocks of a file in a cylinder group", int64(s.MaxBPG), false
	case int64(s.CSSize) < ncg*SummarySize || int64(s.CSSize) > ncg*SummarySize+int64(s.BSize):
		return "summary area size", int64(s.CSSize), false
	}
	return "", 0, true
}

func (s *Super) checkPlaces() (field string, value int64, ok bool) {
	frag := Frag(s.Frag)
	inodes := Frag(s.Ipg/s.Inopb) * frag
	csFrags := Frag((int64(s.CSSize) + int64(s.FSize) - 1) >> s.FShift)
	switch {
	case s.SblkNo <= 0 || s.SblkNo%frag != 0:
		return "offset of the superblock copies", int64(s.SblkNo), false
	case s.CblkNo <= s.SblkNo || s.CblkNo%frag != 0 || int64(s.CblkNo-s.SblkNo)<<s.FShift < int64(s.SBSize):
		return "offset of the cylinder group headers", int64(s.CblkNo), false
	case s.IblkNo < s.CblkNo+frag || s.IblkNo%frag != 0:
		return "offset of the inodes", int64(s.IblkNo), false
	case s.DblkNo < s.IblkNo+inodes || s.DblkNo%frag != 0 || s.DblkNo > Frag(s.Fpg):
		return "offset of the data", int64(s.DblkNo), false
	case !s.skewFits():
		return "cylinder group skew", int64(s.Old.CgOffset), false
	case s.CgStart(int(s.Ncg)-1)+s.DblkNo > s.Size:
		return "last cylinder group does not hold its inodes, fragments in the file system:", int64(s.Size), false
	case s.CSAddr < s.DblkNo || s.CSAddr > s.Size-csFrags:
		return "summary area address", int64(s.CSAddr), false
	}
	return "", 0, true
}

// skewFits reports whether every group's start, moved as UFS1 once did, leaves its inodes inside the group.
func (s *Super) skewFits() bool {
	if s.Version != 1 {
		return true
	}
	most := min(int64(^s.Old.CgMask), int64(s.Ncg)-1) // c &^ mask is at most this
	off := int64(s.Old.CgOffset)
	return off == 0 || off > 0 && off%int64(s.Frag) == 0 && off*most+int64(s.DblkNo) <= int64(s.Fpg)
}

func (s *Super) checkGroup() (field string, value int64, ok bool) {
	maps := (int64(s.Ipg)+7)/8 + (int64(s.Fpg)+7)/8
	old42 := s.OldLayout && s.Old.PostblFormat == PostblFormat42
	switch {
	case !old42 && groupMapsOff+maps > int64(s.CgSize), old42 && ocgFreeOff+(int64(s.Fpg)+7)/8 > int64(s.CgSize) && groupMapsOff+maps > int64(s.CgSize):
		return "cylinder group size", int64(s.CgSize), false
	case s.ContigSum > 0 && 4*int64(s.ContigSum)+4 > int64(s.CgSize):
		return "cluster summary entries", int64(s.ContigSum), false
	}
	return "", 0, true
}
