package resize

import (
	"math/bits"
	"sort"
	"syscall"

	"rump/ffs/ondisk"
)

// A renumbering gives the inodes of groups that go away new numbers in groups that stay. It follows from the maps of inodes alone, which
// nobody changes until all is done, so that it can be calculated again after an interruption.
type renumbering struct {
	ipg   ondisk.Ino
	first ondisk.Ino    // the first number that does not exist any more
	total int64         // inodes that move
	from  []movingGroup // groups that go away
	into  []int32       // how many each group that stays gets
}

// A movingGroup is the inodes in use of a group that goes away.
type movingGroup struct {
	used []byte       // its map
	rank []int32      // used inodes in front of each 64 of the map
	to   []ondisk.Ino // the new numbers of the used ones, in order
}

// wordOf is the 64 bits of map m from bit 64*w on.
func wordOf(m []byte, w int) (v uint64) {
	for i, b := range m[8*w : min(len(m), 8*w+8)] {
		v |= uint64(b) << (8 * i)
	}
	return v
}

// number is the new number of an inode; that of one that stays is its own. 0 is for one that does not exist.
func (n *renumbering) number(ino ondisk.Ino) ondisk.Ino {
	if n == nil || ino < n.first {
		return ino
	}
	g := int((ino - n.first) / n.ipg)
	if g >= len(n.from) {
		return 0
	}
	from, i := &n.from[g], int((ino-n.first)%n.ipg)
	if len(from.to) == 0 || from.used[i>>3]>>(i&7)&1 == 0 {
		return 0
	}
	w := i >> 6
	before := bits.OnesCount64(wordOf(from.used, w) & (1<<(i&63) - 1))
	return from.to[int(from.rank[w])+before]
}

// renumber spreads the inodes that have to move over the groups that stay, to each by the share of the free inodes that it has.
func (r *resizer) renumber() (*renumbering, error) {
	s, stay := r.old, int(r.new.Ncg)
	n := &renumbering{ipg: ondisk.Ino(s.Ipg), first: r.new.MaxIno(), into: make([]int32, stay)}
	for cg := stay; cg < int(s.Ncg); cg++ {
		g, _, err := r.vol.group(cg)
		if err != nil {
			return nil, err
		}
		from := newMovingGroup(g.InodeMap(), int(s.Ipg))
		n.total += int64(len(from.to))
		n.from = append(n.from, from)
	}
	if n.total == 0 {
		return n, nil
	}
	free := make([]int64, stay+1) // in front of each group
	for cg := range stay {
		g, _, err := r.vol.group(cg)
		if err != nil {
			return nil, err
		}
		free[cg+1] = free[cg] + int64(s.Ipg) - int64(ones(g.InodeMap(), int(s.Ipg)))
	}
	if free[stay] < n.total {
		return nil, refuse(syscall.ENOSPC, "not enough free inodes: %d lie behind the new end, and there are %d free in front of it", n.total, free[stay])
	}
	return n, r.assign(n, free)
}

// newMovingGroup makes room for the new numbers of the inodes that are in use.
func newMovingGroup(used []byte, ipg int) movingGroup {
	count := ones(used, ipg)
	if count == 0 {
		return movingGroup{}
	}
	m := movingGroup{used: append([]byte(nil), used...), to: make([]ondisk.Ino, count)}
	before := int32(0)
	for w := range (len(used) + 7) / 8 {
		m.rank = append(m.rank, before)
		before += int32(bits.OnesCount64(wordOf(used, w)))
	}
	return m
}

// ones counts the bits that are set among the first n, which are all that there are.
func ones(m []byte, n int) (count int) {
	for w := range (n + 63) / 64 {
		count += bits.OnesCount64(wordOf(m, w))
	}
	return count
}

// assign gives out the free inodes of each group, in order; free[cg] is how many there are in front of it.
func (r *resizer) assign(n *renumbering, free []int64) error {
	s, stay := r.old, len(n.into)
	all := free[stay]
	share := func(cg int) int64 { // of all that move, those that groups in front of cg get
		hi, lo := bits.Mul64(uint64(free[cg]), uint64(n.total))
		q, _ := bits.Div64(hi, lo, uint64(all))
		return int64(q)
	}
	src, at := 0, 0 // the next to get a number
	for cg := range stay {
		n.into[cg] = int32(share(cg+1) - share(cg))
		if n.into[cg] == 0 {
			continue
		}
		g, _, err := r.vol.group(cg)
		if err != nil {
			return err
		}
		i := -1
		for range n.into[cg] {
			for i++; g.InodeUsed(i); i++ {
			}
			for at >= len(n.from[src].to) {
				src, at = src+1, 0
			}
			n.from[src].to[at] = ondisk.Ino(cg)*ondisk.Ino(s.Ipg) + ondisk.Ino(i)
			at++
		}
	}
	return nil
}

// pairs calls fn for every inode that moves, in ascending order of both numbers.
func (n *renumbering) pairs(fn func(from, to ondisk.Ino) error) error {
	for g := range n.from {
		m := &n.from[g]
		k := 0
		for i := 0; k < len(m.to); i++ {
			if m.used[i>>3]>>(i&7)&1 == 0 {
				continue
			}
			if err := fn(n.first+ondisk.Ino(g)*n.ipg+ondisk.Ino(i), m.to[k]); err != nil {
				return err
			}
			k++
		}
	}
	return nil
}

// initInodes prepares, on UFS2, the blocks of inodes that have never been used and now will be.
func (r *resizer) initInodes() error {
	s := r.old
	if s.Version == 1 {
		return nil
	}
	last := map[int]int{} // the highest index that a group gets
	err := r.moved.pairs(func(_, to ondisk.Ino) error {
		last[s.InoToCg(to)] = s.InoInCg(to)
		return nil
	})
	if err != nil {
		return err
	}
	var cgs []int
	for cg := range last {
		cgs = append(cgs, cg)
	}
	sort.Ints(cgs)
	for _, cg := range cgs {
		g, block, err := r.vol.group(cg)
		if err != nil {
			return err
		}
		need := min((last[cg]/int(s.Inopb)+1)*int(s.Inopb), int(s.Ipg))
		if need <= g.InitedInodes() {
			continue
		}
		for i := g.InitedInodes(); i < need; i += int(s.Inopb) {
			first := ondisk.Ino(cg)*ondisk.Ino(s.Ipg) + ondisk.Ino(i)
			if err := r.vol.writeFrags(s.InoToFrag(first), r.emptyInodes(1)); err != nil {
				return err
			}
		}
		if err := r.vol.flush(); err != nil {
			return err
		}
		g.SetInitedInodes(need)
		if err := r.vol.writeGroup(&g, block); err != nil {
			return err
		}
	}
	return r.vol.flush()
}

// emptyInodes is so many blocks of inodes that are not in use, with random generations.
func (r *resizer) emptyInodes(blocks int) []byte {
	s := r.old
	b := make([]byte, blocks*int(s.BSize))
	for at := 0; at < len(b); at += s.InodeSize() {
		in := ondisk.Inode{Gen: r.o.Rand()&0x7fffffff | 1}
		ondisk.EncodeInode(s, &in, b[at:])
	}
	return b
}

// finishInodes copies the inodes that move and makes their names lead to the copies. It may be done again after an interruption: copies
// are written anew, and names that lead to a number that stays are left alone.
func (r *resizer) finishInodes() error {
	if err := r.copyInodes(); err != nil {
		return err
	}
	if err := r.eachName(func(d ondisk.DirBlock, e ondisk.Entry) (bool, error) {
		to := r.moved.number(e.Ino)
		if to == e.Ino {
			return false, nil
		}
		if to == 0 {
			return false, refuse(syscall.EINVAL, "a name leads to inode %d, which is not in use; run fsck -f", e.Ino)
		}
		d.SetIno(e.Off, to)
		return true, nil
	}); err != nil {
		return err
	}
	for kind, ino := range r.new.QuotaFile {
		if r.new.HasQuota2() && ino != 0 {
			r.new.QuotaFile[kind] = r.moved.number(ino)
		}
	}
	if ino := logFile(r.old); ino != 0 {
		j, order, _ := r.new.FindJournal()
		j.Loc[3] = uint64(r.moved.number(ino))
		r.new.SetJournal(order, j)
	}
	return r.vol.flush()
}

// copyInodes writes the inodes that move to their new places, block by block, and counts the directories among them.
func (r *resizer) copyInodes() error {
	s := r.old
	r.dirs = map[int]int32{}
	from := make([]byte, s.BSize)
	to := make([]byte, s.BSize)
	var fromAt, toAt ondisk.Frag
	save := func() error {
		if toAt == 0 {
			return nil
		}
		return r.vol.writeFrags(toAt, to)
	}
	var in ondisk.Inode
	done := int64(0)
	err := r.moved.pairs(func(old, now ondisk.Ino) error {
		r.o.Progress("moving inodes", done, r.moved.total)
		done++
		if at := s.InoToFrag(old); at != fromAt {
			if err := r.vol.readFrags(at, from); err != nil {
				return err
			}
			fromAt = at
		}
		if at := s.InoToFrag(now); at != toAt {
			if err := save(); err != nil {
				return err
			}
			if err := r.vol.readFrags(at, to); err != nil {
				return err
			}
			toAt = at
		}
		b := from[s.InoInBlock(old):][:s.InodeSize()]
		copy(to[s.InoInBlock(now):], b)
		if ondisk.DecodeInode(s, b, &in); in.IsDir() {
			r.dirs[s.InoToCg(now)]++
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := save(); err != nil {
		return err
	}
	return r.vol.flush()
}
