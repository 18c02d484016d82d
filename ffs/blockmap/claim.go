package blockmap

import "rump/ffs/ondisk"

// claim counts n fragments at f, all in one group, as k, and those that have an owner already as Bad. It returns how many those are.
func (v *surveyor) claim(f ondisk.Frag, n int, k Kind) (before int) {
	cg, i := v.s.FragToCg(f), v.s.FragInCg(f)
	m := v.claims[cg]
	if m == nil {
		m = make([]byte, (v.s.Fpg+7)/8)
		v.claims[cg] = m
	}
	for ; n > 0; f, i, n = f+1, i+1, n-1 {
		if bit(m, i) {
			before++
			v.m.count(f, 1, Bad)
			continue
		}
		m[i>>3] |= 1 << (i & 7)
		v.m.count(f, 1, k)
	}
	return before
}

// take counts n fragments at f, of inode ino. It reports false if they are not to be followed: they are outside of the volume, where only
// structures can be, or had an owner.
func (v *surveyor) take(ino ondisk.Ino, f ondisk.Frag, n int, k Kind) bool {
	if n <= 0 || n > int(v.s.Frag) || !v.s.ValidFrags(f, n) {
		v.fault("inode %d: block %d is outside of the volume", ino, f)
		return false
	}
	if v.structures(f, n) {
		v.m.count(f, int64(n), Bad)
		v.fault("inode %d: block %d is where the file system keeps its structures", ino, f)
		return false
	}
	if v.claim(f, n, k) > 0 {
		v.fault("inode %d: block %d has another owner", ino, f)
		return false
	}
	return true
}

// structures reports whether one of n fragments at f, all in one group, cannot belong to a file.
func (v *surveyor) structures(f ondisk.Frag, n int) bool {
	for _, g := range v.segments(v.s.FragToCg(f)) {
		if g.fixed && f < g.hi && f+ondisk.Frag(n) > g.lo {
			return true
		}
	}
	return false
}

// A segment is a part of a group: for files, or kept for the file system itself.
type segment struct {
	lo, hi ondisk.Frag
	fixed  bool
}

// segments are those of a group, in order.
func (v *surveyor) segments(cg int) []segment {
	s := v.s
	base := s.CgBase(cg)
	end := base + ondisk.Frag(s.CgFrags(cg))
	list := []segment{{base, s.CgSuper(cg), cg == 0}, {s.CgSuper(cg), s.CgData(cg), true}}
	rest := s.CgData(cg)
	if cs := s.CSAddr; cs >= rest && cs < end {
		after := min(end, cs+ondisk.Frag(s.RoundFrags(int64(s.CSSize))>>s.FShift))
		list = append(list, segment{rest, cs, false}, segment{cs, after, true})
		rest = after
	}
	return append(list, segment{rest, end, false})
}

// inodes counts all that the inodes in use of a group lead to.
func (v *surveyor) inodes(g *ondisk.Group) error {
	s := v.s
	first := ondisk.Ino(g.Index()) * ondisk.Ino(s.Ipg)
	block := make([]byte, s.BSize)
	loaded := -1
	var in ondisk.Inode
	for i := range min(g.InitedInodes(), int(s.Ipg)) {
		ino := first + ondisk.Ino(i)
		if !g.InodeUsed(i) || ino < ondisk.RootIno {
			continue
		}
		if b := i / int(s.Inopb); b != loaded {
			if err := v.ctx.Err(); err != nil {
				return err
			}
			v.read(s.FragOffset(s.InoToFrag(ino)), block)
			loaded = b
		}
		ondisk.DecodeInode(s, block[s.InoInBlock(ino):], &in)
		if in.Mode == 0 {
			v.fault("inode %d is marked in use, and is not", ino)
			continue
		}
		v.m.Files++
		if in.IsDir() {
			v.m.Dirs++
		}
		if err := v.file(ino, &in); err != nil {
			return err
		}
	}
	return nil
}

// kindOf is what the blocks of an inode are.
func (v *surveyor) kindOf(ino ondisk.Ino, in *ondisk.Inode) Kind {
	switch {
	case in.IsDir():
		return Dir
	case in.IsSymlink():
		return Attr
	case in.Flags&ondisk.FileLog != 0:
		return Journal
	case in.Flags&ondisk.FileSnapshot != 0:
		return Snapshot
	case v.s.HasQuota2() && (ino == v.s.QuotaFile[0] || ino == v.s.QuotaFile[1]):
		return Quota
	}
	return File
}

// file counts what one inode leads to.
func (v *surveyor) file(ino ondisk.Ino, in *ondisk.Inode) error {
	s := v.s
	for i, f := range in.ExtB {
		if n := s.FragsOf(int64(s.BlockSizeOf(int64(in.ExtSize), ondisk.Block(i)))); f != 0 && n > 0 {
			v.take(ino, f, n, Attr)
		}
	}
	if in.IsDevice() || s.IsShortLink(in) {
		return nil
	}
	kind := v.kindOf(ino, in)
	for i, f := range in.DB {
		if v.skip(f, kind) {
			continue
		}
		n := s.FragsOf(int64(s.BlockSizeOf(in.Size, ondisk.Block(i))))
		k := kind
		if n < int(s.Frag) && kind == File {
			k = Tail
		}
		if n == 0 {
			v.fault("inode %d: block %d is behind its end", ino, f)
			continue
		}
		v.take(ino, f, n, k)
	}
	for level := 1; level <= ondisk.NIndirect; level++ {
		if f := in.IB[level-1]; !v.skip(f, kind) {
			if err := v.indirect(ino, f, level, kind); err != nil {
				return err
			}
		}
	}
	return nil
}

// skip reports whether a pointer leads nowhere: in a snapshot 1 and 2 do not, either.
func (v *surveyor) skip(f ondisk.Frag, k Kind) bool {
	return f == 0 || k == Snapshot && (f == 1 || f == 2)
}

// indirect counts an indirect block and what it leads to. One that had an owner before is not followed, so that no chain is without end.
func (v *surveyor) indirect(ino ondisk.Ino, f ondisk.Frag, level int, kind Kind) error {
	if err := v.ctx.Err(); err != nil {
		return err
	}
	s := v.s
	if !v.take(ino, f, int(s.Frag), Indirect) {
		return nil
	}
	b := v.bufs[level]
	if b == nil {
		b = make([]byte, s.BSize)
		v.bufs[level] = b
	}
	v.read(s.FragOffset(f), b)
	list := s.IndirectIn(b)
	for i := range list.Len() {
		child := list.Get(i)
		switch {
		case v.skip(child, kind):
		case level == 1:
			v.take(ino, child, int(s.Frag), kind)
		default:
			if err := v.indirect(ino, child, level-1, kind); err != nil {
				return err
			}
		}
	}
	return nil
}
