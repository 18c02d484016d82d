package ondisk

// CgBase is the first fragment of cylinder group c. A group's free map is counted from here.
func (s *Super) CgBase(c int) Frag { return Frag(s.Fpg) * Frag(c) }

// CgStart is the fragment that the places inside group c are counted from; on old UFS1 it is not its first.
func (s *Super) CgStart(c int) Frag {
	base := s.CgBase(c)
	if s.Version == 1 && s.Old.CgOffset != 0 {
		base += Frag(s.Old.CgOffset) * Frag(uint32(c)&^s.Old.CgMask)
	}
	return base
}

// CgSuper is where group c keeps its copy of the superblock.
func (s *Super) CgSuper(c int) Frag { return s.CgStart(c) + s.SblkNo }

// CgHeader is where group c keeps its header and maps (historic cgtod).
func (s *Super) CgHeader(c int) Frag { return s.CgStart(c) + s.CblkNo }

// CgInodes is where the inodes of group c begin (historic cgimin).
func (s *Super) CgInodes(c int) Frag { return s.CgStart(c) + s.IblkNo }

// CgData is where the data of group c after its inodes begins (historic cgdmin).
func (s *Super) CgData(c int) Frag { return s.CgStart(c) + s.DblkNo }

// CgFrags is how many fragments group c has; the last group may be short.
func (s *Super) CgFrags(c int) int32 {
	return int32(min(Frag(s.Fpg), s.Size-s.CgBase(c)))
}

// MaxIno is the number after the last inode.
func (s *Super) MaxIno() Ino { return Ino(s.Ncg) * Ino(s.Ipg) }

// ValidIno reports whether a file can have number ino.
func (s *Super) ValidIno(ino Ino) bool { return ino >= RootIno && ino < s.MaxIno() }

// ValidFrags reports whether n fragments at f, at most a block, lie inside the volume, inside one block.
func (s *Super) ValidFrags(f Frag, n int) bool {
	return f > 0 && f < s.Size && Frag(n) <= s.Size-f && int(f&Frag(s.Frag-1))+n <= int(s.Frag)
}

// InoToCg is the group of inode ino, which is below MaxIno; so it is for all methods that take an inode number, but ValidIno.
func (s *Super) InoToCg(ino Ino) int { return int(uint32(ino) / uint32(s.Ipg)) }

// InoInCg is the index of inode ino in its group.
func (s *Super) InoInCg(ino Ino) int { return int(uint32(ino) % uint32(s.Ipg)) }

// InoToFrag is the block that holds inode ino, as the address of its first fragment.
func (s *Super) InoToFrag(ino Ino) Frag {
	cg, i := uint32(ino)/uint32(s.Ipg), uint32(ino)%uint32(s.Ipg)
	return s.CgInodes(int(cg)) + Frag(i/uint32(s.Inopb))<<s.FragShift
}

// InoInBlock is the byte offset of inode ino in the block at InoToFrag.
func (s *Super) InoInBlock(ino Ino) int { return int(uint32(ino)%uint32(s.Inopb)) * s.InodeSize() }

// InodeSize is the bytes of an inode.
func (s *Super) InodeSize() int {
	if s.Version == 1 {
		return inodeSize1
	}
	return inodeSize2
}

// FragToCg is the group that fragment f lies in (historic dtog).
func (s *Super) FragToCg(f Frag) int { return int(f / Frag(s.Fpg)) }

// FragInCg is the index of fragment f in its group's free map (historic dtogd).
func (s *Super) FragInCg(f Frag) int { return int(f % Frag(s.Fpg)) }

// FragOffset is the byte offset of fragment f in the volume.
func (s *Super) FragOffset(f Frag) int64 { return int64(f) << s.FShift }

// OffsetFrag is the fragment that byte offset off of the volume lies in.
func (s *Super) OffsetFrag(off int64) Frag { return Frag(off >> s.FShift) }

// FragsOf is how many whole fragments n bytes fill (historic numfrags); n is usually rounded before.
func (s *Super) FragsOf(n int64) int { return int(n >> s.FShift) }

// RoundFrags rounds n bytes up to a fragment (historic fragroundup).
func (s *Super) RoundFrags(n int64) int64 { return (n + int64(s.FSize) - 1) &^ (int64(s.FSize) - 1) }

// RoundBlocks rounds n bytes up to a block (historic blkroundup).
func (s *Super) RoundBlocks(n int64) int64 { return (n + int64(s.BSize) - 1) &^ (int64(s.BSize) - 1) }

// BlockOf is the logical block that byte offset off of a file lies in (historic lblkno).
func (s *Super) BlockOf(off int64) Block { return Block(off >> s.BShift) }

// InBlock is where in its logical block byte offset off of a file lies (historic blkoff).
func (s *Super) InBlock(off int64) int { return int(off & (int64(s.BSize) - 1)) }

// BlockOffset is the byte offset of logical block lbn in its file (historic lblktosize).
func (s *Super) BlockOffset(lbn Block) int64 { return int64(lbn) << s.BShift }

// BlockSizeOf is the space in bytes that logical block lbn of a file of size bytes takes: a block, or for the last of a small
// file as many fragments as it needs; 0 behind its end.
func (s *Super) BlockSizeOf(size int64, lbn Block) int {
	start := int64(lbn) << s.BShift
	if lbn >= NDirect || size-start >= int64(s.BSize) {
		return int(s.BSize)
	}
	if size <= start {
		return 0
	}
	return int(s.RoundFrags(size - start))
}

// DirBlockSize is the unit of a directory's size, which no entry crosses.
func (s *Super) DirBlockSize() int {
	if s.Apple {
		return AppleDirBlockSize
	}
	return DirBlockSize
}

// ShortLinkLimit is the size from which on a symbolic link has blocks; a shorter target lies in the inode. 0: see
// [Super.IsShortLink].
func (s *Super) ShortLinkLimit() int {
	area := 120
	if s.Version == 1 {
		area = 60
	}
	if s.Apple {
		return 60
	}
	return min(int(s.MaxSymlink), area)
}

// nindirShift is log2 of Nindir.
func (s *Super) nindirShift() uint32 {
	if s.Version == 1 {
		return s.BShift - 2
	}
	return s.BShift - 3
}

// addressable is the largest size of a file whose every byte can be pointed at.
func (s *Super) addressable() int64 {
	n, b := int64(s.Nindir), int64(s.BSize)
	return NDirect*b - 1 + b*(n+n*n+n*n*n)
}

// MaxSize is the largest size a file may have: by its pointers, by what the superblock says, and on UFS1 by 31-bit
// block numbers.
func (s *Super) MaxSize() int64 {
	limit := s.addressable()
	stored := s.MaxFileSize
	if s.OldLayout && s.OldInodes() {
		stored = 1 << 39
	}
	if stored != 0 && stored < uint64(limit) {
		limit = int64(stored)
	}
	if s.Version == 1 {
		limit = min(limit, int64(s.BSize)<<31-1)
	}
	return limit
}

// A Path is the way from an inode to a pointer: Level 0 is DB[Index[0]]; from there up IB[Index[0]] points to an indirect
// block, whose pointer Index[1] leads to the next, and so on until Index[Level], which is the block's own pointer.
type Path struct {
	Level int
	Index [NIndirect + 1]int
}

// PathTo is the way to logical block lbn; ok is false if no pointer reaches so far.
func (s *Super) PathTo(lbn Block) (p Path, ok bool) {
	if lbn < 0 {
		return p, false
	}
	if lbn < NDirect {
		p.Index[0] = int(lbn)
		return p, true
	}
	n := uint64(lbn) - NDirect
	shift := s.nindirShift()
	mask := uint64(1)<<shift - 1
	for level := 1; level <= NIndirect; level++ {
		if span := uint64(1) << (shift * uint32(level)); n >= span {
			n -= span
			continue
		}
		p.Level = level
		p.Index[0] = level - 1
		for i := level; i >= 1; i-- {
			p.Index[i] = int(n & mask)
			n >>= shift
		}
		return p, true
	}
	return p, false
}

// IndirectSpan is how many logical blocks one pointer of an indirect block covers: level 1 holds pointers to data.
func (s *Super) IndirectSpan(level int) Block { return 1 << (s.nindirShift() * uint32(level-1)) }

// FirstIndirect is the first logical block that is reached by way of IB[level-1].
func (s *Super) FirstIndirect(level int) Block {
	lbn := Block(NDirect)
	for l := 1; l < level; l++ {
		lbn += 1 << (s.nindirShift() * uint32(l))
	}
	return lbn
}
