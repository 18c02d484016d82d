package mkfs

import "rump/ffs/ondisk"

// A groupMap leads from data space to the disk: group after group, each with what lies before its structures and what
// lies behind. Only whole blocks count; the summary area is cut off the first group.
type groupMap struct {
	s      *ondisk.Super
	frag   int64
	first  int64 // blocks of group 0
	before int64 // of another, in front of its structures
	whole  int64 // of another, in all
	start  int64 // the first data block of group 0 on the disk
	behind int64 // the first block behind the structures, in a group
}

func newGroupMap(s *ondisk.Super) groupMap {
	frag := int64(s.Frag)
	m := groupMap{s: s, frag: frag, before: int64(s.SblkNo) / frag, behind: int64(s.DblkNo) / frag}
	m.start = ceilDiv(int64(firstData(s, 0)), frag)
	m.first = max(0, int64(s.CgFrags(0))/frag-m.start)
	m.whole = m.before + int64(s.Fpg)/frag - m.behind
	return m
}

// capacity is the blocks of all groups.
func (m *groupMap) capacity() int64 {
	last := int(m.s.Ncg) - 1
	if last == 0 {
		return m.first
	}
	return m.first + int64(last-1)*m.whole + m.before + int64(m.s.CgFrags(last))/m.frag - m.behind
}

// locate is where data block b is and how many behind it, at most limit, follow it on the disk without a gap.
func (m *groupMap) locate(b, limit int64) (at ondisk.Frag, n int64) {
	if b < m.first {
		return ondisk.Frag((m.start + b) * m.frag), min(limit, m.first-b)
	}
	c, i := 1+(b-m.first)/m.whole, (b-m.first)%m.whole
	base := m.s.CgBase(int(c))
	if i < m.before {
		return base + ondisk.Frag(i*m.frag), min(limit, m.before-i)
	}
	return base + ondisk.Frag((i-m.before+m.behind)*m.frag), min(limit, m.whole-i)
}

// address is the fragment that a spot is.
func (m *groupMap) address(at spot) ondisk.Frag {
	f, _ := m.locate(int64(at)/m.frag, 1)
	return f + ondisk.Frag(int64(at)%m.frag)
}

// group is the data blocks of group c: lo to hi-1.
func (m *groupMap) group(c int) (lo, hi int64) {
	if c == 0 {
		return 0, m.first
	}
	lo = m.first + int64(c-1)*m.whole
	return lo, lo + m.before + max(0, int64(m.s.CgFrags(c))/m.frag-m.behind)
}
