package resize

import (
	"errors"
	"math"
	"syscall"

	"rump/ffs/ondisk"
)

// geometry is the superblock of old with at most size fragments; what follows from the size is set, totals are not. A rest at the end that
// could not hold the structures of a cylinder group is left out.
func geometry(old *ondisk.Super, size ondisk.Frag) (*ondisk.Super, error) {
	s := old.Clone()
	fpg := ondisk.Frag(s.Fpg)
	limit := ondisk.Frag(math.MaxInt32)*fpg - 1
	if s.Version == 1 {
		limit = math.MaxInt32
	}
	if size > limit {
		return nil, refuse(syscall.EINVAL, "%d fragments are too many, at most %d are possible", size, limit)
	}
	ncg := (size + fpg - 1) / fpg
	if ncg > 0 {
		last := int(ncg - 1)
		if least := s.CgData(last); size < least {
			size, ncg = s.CgBase(last), ncg-1
		}
	}
	if ncg < 1 {
		return nil, refuse(syscall.EINVAL, "size too small - file system would have no cylinders")
	}
	s.Size, s.Ncg = size, int32(ncg)
	cssize := s.RoundFrags(int64(ncg) * ondisk.SummarySize)
	oldFrags, csFrags := summaryFrags(old), ondisk.Frag(cssize>>s.FShift)
	if s.CgData(0)+csFrags >= ondisk.Frag(s.CgFrags(0)) || cssize > math.MaxInt32 {
		most := (int64(s.Fpg) - int64(s.DblkNo) - 1) << s.FShift / ondisk.SummarySize
		return nil, refuse(syscall.EINVAL, "too many cylinder groups to fit summary information into first cylinder group: %d, at most %d of %d bytes are possible", ncg, most, int64(s.Fpg)<<s.FShift)
	}
	s.CSSize = int32(cssize)
	if oldFrags != csFrags && old.CSAddr != old.CgData(0) {
		return nil, refuse(syscall.EINVAL, "the summary area is at %d and not behind the inodes of the first group", old.CSAddr)
	}
	s.DSize += (s.Size - old.Size) - ondisk.Frag(s.Ncg-old.Ncg)*(s.DblkNo-s.SblkNo) - (csFrags - oldFrags)
	if o := &s.Old; s.Version == 1 && o.SPC > 0 && o.NSPF > 0 {
		spc := int64(o.SPC)
		o.NCyl = int32((int64(s.Size)*int64(o.NSPF) + spc - 1) / spc)
	}
	if err := s.Check(); err != nil {
		var bad *ondisk.SuperError
		if errors.As(err, &bad) {
			return nil, refuse(syscall.EINVAL, "size of %d fragments: %s", size, bad.Detail())
		}
		return nil, err
	}
	return s, nil
}

// summaryFrags is how many fragments the summary area has.
func summaryFrags(s *ondisk.Super) ondisk.Frag {
	return ondisk.Frag(s.RoundFrags(int64(s.CSSize)) >> s.FShift)
}

// A span is the fragments from lo to hi-1.
type span struct{ lo, hi ondisk.Frag }

func (z span) meets(f ondisk.Frag, n int) bool { return f < z.hi && f+ondisk.Frag(n) > z.lo }

// zones are the fragments that no file may have in the new file system, though it may in the old one: in the way of the summary area, or
// behind the end.
func zones(old, s *ondisk.Super) []span {
	var list []span
	if a, b := summaryFrags(old), summaryFrags(s); b > a {
		list = append(list, span{s.CSAddr + a, s.CSAddr + b})
	}
	if s.Size < old.Size {
		list = append(list, span{s.Size, old.Size})
	}
	return list
}

// inZone reports whether one of n fragments at f must be given up.
func inZone(zones []span, f ondisk.Frag, n int) bool {
	for _, z := range zones {
		if z.meets(f, n) {
			return true
		}
	}
	return false
}
