package alloc

import (
	"rump/ffs/ondisk"
)

// spread goes over all cylinder groups the way a full group is left: the home group, then 1, 2, 4, ... groups on from the last one, then
// one by one what may have been missed.
type spread struct {
	home, ncg int
	cg, step  int
	left      int // groups of the slow round
}

func newSpread(home, ncg int) spread {
	return spread{home: home, ncg: ncg, cg: home, left: max(0, ncg-2)}
}

// next is the next group; ok is false when all were named.
func (s *spread) next() (cg int, ok bool) {
	switch {
	case s.step == 0:
		s.step = 1
	case s.step < s.ncg:
		s.cg = (s.cg + s.step) % s.ncg
		s.step *= 2
	case s.left > 0:
		s.cg = (s.home + s.ncg - s.left) % s.ncg
		s.left--
	default:
		return 0, false
	}
	return s.cg, true
}

// Preference is where logical block lbn of file ino is best put, the first fragment of a block, or 0 if nothing speaks for any place. The
// block's pointer has index i in its array (inode or indirect block), and prev is the pointer before it, 0 if that is a hole. For
// an indirect block i and prev are 0.
//
// A file goes on behind its previous block. It begins in the group of its inode, and leaves a group after fs_maxbpg blocks for one
// with more than the average of free blocks, so that a big file does not fill a group that small ones want.
func (a *Allocator) Preference(ino ondisk.Ino, lbn ondisk.Block, i int, prev ondisk.Frag) ondisk.Frag {
	s := a.s
	if prev > 0 && i%int(s.MaxBPG) != 0 {
		return prev + ondisk.Frag(s.Frag)
	}
	home := s.InoToCg(ino)
	if lbn < ondisk.NDirect+ondisk.Block(s.Nindir) {
		return s.CgBase(home) + ondisk.Frag(s.Frag)
	}
	start := int64(home) + int64(lbn)/int64(s.MaxBPG)
	if prev > 0 && prev < s.Size {
		start = int64(s.FragToCg(prev)) + 1
	}
	ncg := int64(s.Ncg)
	average := a.total.blocks.Load() / ncg
	for k := range ncg {
		if cg := int((start + k) % ncg); int64(a.groups[cg].sum.blocks.Load()) >= average {
			return s.CgBase(cg) + ondisk.Frag(s.Frag)
		}
	}
	return 0
}

// homeOf is the group in which the search for space begins: that of pref if it is a place, which else becomes 0.
func (a *Allocator) homeOf(home int, pref ondisk.Frag) (int, ondisk.Frag) {
	if pref > 0 && pref < a.s.Size {
		return a.s.FragToCg(pref), pref
	}
	if home < 0 || home >= int(a.s.Ncg) {
		home = 0
	}
	return home, 0
}

// dirGroup chooses the group for a new directory below parent. Directories of the root are spread over the volume; others stay near
// their parent as long as the group is not crowded, by the directory-preference rule of Dowse and McKusick.
func (a *Allocator) dirGroup(parent ondisk.Ino) int {
	s := a.s
	ncg := int(s.Ncg)
	averageInodes := a.total.inodes.Load() / int64(ncg)
	averageBlocks := a.total.blocks.Load() / int64(ncg)
	if parent == ondisk.RootIno {
		start := int(a.rand() % uint32(ncg))
		return a.emptiest(start, averageInodes, averageBlocks)
	}
	averageDirs := a.total.dirs.Load() / int64(ncg)
	maxDirs := min(averageDirs+int64(s.Ipg)/16, int64(s.Ipg))
	minInodes := max(1, averageInodes-averageInodes/4)
	minBlocks := max(1, averageBlocks-averageBlocks/4)
	maxContig := a.maxContigDirs(averageDirs, averageBlocks)
	home := s.InoToCg(parent)
	for k := range ncg {
		cg := (home + k) % ncg
		g := &a.groups[cg]
		if int64(g.sum.dirs.Load()) < maxDirs && int64(g.sum.inodes.Load()) >= minInodes &&
			int64(g.sum.blocks.Load()) >= minBlocks && int64(g.contigDirs.Load()) < maxContig {
			return cg
		}
	}
	for k := range ncg {
		if cg := (home + k) % ncg; int64(a.groups[cg].sum.inodes.Load()) >= averageInodes {
			return cg
		}
	}
	return home
}

// emptiest is the group with the fewest directories among those with at least the average of free inodes and blocks.
func (a *Allocator) emptiest(start int, averageInodes, averageBlocks int64) int {
	ncg := int(a.s.Ncg)
	best, fewest := start, a.s.Ipg
	for k := range ncg {
		cg := (start + k) % ncg
		sum := &a.groups[cg].sum
		if dirs := sum.dirs.Load(); dirs < fewest && int64(sum.inodes.Load()) >= averageInodes &&
			int64(sum.blocks.Load()) >= averageBlocks {
			best, fewest = cg, dirs
		}
	}
	return best
}

// maxContigDirs is how many directories may be made in a group without files between them: as many as have room for their files.
func (a *Allocator) maxContigDirs(averageDirs, averageBlocks int64) int64 {
	s := a.s
	fileSize, perDir := int64(s.AvgFileSize), int64(s.AvgFPDir)
	if fileSize <= 0 {
		fileSize = 16384
	}
	if perDir <= 0 {
		perDir = 64
	}
	groupBytes := int64(s.FSize) * int64(s.Fpg)
	dirSize := fileSize * perDir
	if averageDirs > 0 {
		dirSize = max(dirSize, (groupBytes-averageBlocks*int64(s.BSize))/averageDirs)
	}
	n := int64(255)
	if groupBytes/255 < dirSize {
		n = averageBlocks * int64(s.BSize) / dirSize
	}
	return max(1, min(n, int64(s.Ipg)/perDir))
}
