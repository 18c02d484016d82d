package fsck

import "rump/ffs/ondisk"

// inodeState is what is known of an inode.
//
//	unallocated
//	file -> fileBad                   a bad or doubly claimed block
//	dir  -> dirBad                    the same, or length zero
//	dir  -> dirFound                  a name leads to it from the root
//
// Any becomes unallocated when it is cleared.
type inodeState uint8

const (
	unallocated inodeState = iota
	file
	dir
	dirFound
	dirBad
	fileBad
)

// groupState is what was found in one cylinder group. Slices are made when the first thing is found, so that an empty group costs nothing.
type groupState struct {
	state []inodeState // by index of the inode in the group; the upper four bits are its type
	links []int32      // link count still to be accounted for by names
	used  []byte       // a bit a fragment: claimed by a file
	inits int          // inodes that were looked at (cg_initediblk)
	bad   bool         // the header is none
}

const stateBits = 4

func (c *checker) stateByte(ino ondisk.Ino) inodeState {
	g := &c.groups[c.s.InoToCg(ino)]
	if g.state == nil {
		return unallocated
	}
	return g.state[c.s.InoInCg(ino)]
}

func (c *checker) stateOf(ino ondisk.Ino) inodeState { return c.stateByte(ino) & (1<<stateBits - 1) }

// typeOf is the type of an inode that is in use.
func (c *checker) typeOf(ino ondisk.Ino) ondisk.DirType {
	return ondisk.DirType(c.stateByte(ino) >> stateBits)
}

func (c *checker) setState(ino ondisk.Ino, st inodeState) {
	g := &c.groups[c.s.InoToCg(ino)]
	c.changes++
	if g.state == nil {
		g.state = make([]inodeState, c.s.Ipg)
		g.links = make([]int32, c.s.Ipg)
	}
	p := &g.state[c.s.InoInCg(ino)]
	*p = *p&^(1<<stateBits-1) | st
	if st == unallocated {
		*p = 0
	}
}

// setType notes the type of an inode that has a state.
func (c *checker) setType(ino ondisk.Ino, t ondisk.DirType) {
	p := &c.groups[c.s.InoToCg(ino)].state[c.s.InoInCg(ino)]
	*p = *p&(1<<stateBits-1) | inodeState(t)<<stateBits
}

// spoil turns a state into the one of an inode that is to be cleared.
func (c *checker) spoil(ino ondisk.Ino) {
	switch c.stateOf(ino) {
	case file:
		c.setState(ino, fileBad)
	case dir, dirFound:
		c.setState(ino, dirBad)
	}
}

func (c *checker) links(ino ondisk.Ino) int32 {
	g := &c.groups[c.s.InoToCg(ino)]
	if g.links == nil {
		return 0
	}
	return g.links[c.s.InoInCg(ino)]
}

// addLinks changes what is left to be accounted for; an inode without a state has nothing.
func (c *checker) addLinks(ino ondisk.Ino, n int32) {
	if !c.s.ValidIno(ino) {
		return
	}
	if g := &c.groups[c.s.InoToCg(ino)]; g.links != nil {
		g.links[c.s.InoInCg(ino)] += n
	}
}

// setLinks sets what is left to be accounted for; the inode has a state.
func (c *checker) setLinks(ino ondisk.Ino, n int32) {
	c.groups[c.s.InoToCg(ino)].links[c.s.InoInCg(ino)] = n
}

// claim marks fragment f as used by a file and reports whether it was free until now. The summary area never is.
func (c *checker) claim(f ondisk.Frag) bool {
	if f >= c.s.CSAddr && f < c.summaryEnd() {
		return false
	}
	g := c.usedOf(f)
	i := c.s.FragInCg(f)
	if g[i>>3]&(1<<(i&7)) != 0 {
		return false
	}
	g[i>>3] |= 1 << (i & 7)
	return true
}

// claimRun is claim for n fragments in one block; it claims all or none.
func (c *checker) claimRun(f ondisk.Frag, n int) bool {
	if f < c.summaryEnd() && f+ondisk.Frag(n) > c.s.CSAddr {
		return false
	}
	g := c.usedOf(f)
	i := c.s.FragInCg(f)
	mask := byte((1<<n - 1) << (i & 7)) // a block's bits lie in one byte
	if g[i>>3]&mask != 0 {
		return false
	}
	g[i>>3] |= mask
	return true
}

// unclaim is the opposite of claim.
func (c *checker) unclaim(f ondisk.Frag) {
	g, i := c.usedOf(f), c.s.FragInCg(f)
	g[i>>3] &^= 1 << (i & 7)
}

func (c *checker) usedOf(f ondisk.Frag) []byte {
	g := &c.groups[c.s.FragToCg(f)]
	c.changes++
	if g.used == nil {
		g.used = make([]byte, (c.s.Fpg+7)/8)
	}
	return g.used
}

// reserved is the range of fragments in group cg, counted from its base, that no file can have: the volume's own structures.
func (c *checker) reserved(cg int) (lo, hi int) {
	if cg == 0 {
		return 0, int(c.s.CgData(0))
	}
	base := c.s.CgBase(cg)
	return int(c.s.CgSuper(cg) - base), int(c.s.CgData(cg) - base)
}

// outOfRange reports whether n fragments at f cannot be a file's: outside the volume, across a block's border, or among a group's own structures.
func (c *checker) outOfRange(f ondisk.Frag, n int) bool {
	if n <= 0 || !c.s.ValidFrags(f, n) {
		return true
	}
	lo, hi := c.reserved(c.s.FragToCg(f))
	i := c.s.FragInCg(f)
	return i < hi && i+n > lo
}

// summaryEnd is the fragment after the summary area.
func (c *checker) summaryEnd() ondisk.Frag { return c.s.CSAddr + ondisk.Frag(c.summaryFrags()) }

func (c *checker) summaryFrags() int { return c.s.FragsOf(c.s.RoundFrags(int64(c.s.CSSize))) }
