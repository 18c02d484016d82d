package fsck

import "rump/ffs/ondisk"

// inodeState is what is known of an inode.
//
//	unallocated
//	file -> fileBad                   a bad or doubly claimed block
//	dir  -> dirBad                    the same, or length zero
//	dir  -> dirFound                  a name leads to it from the root
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
	state []inodeState // by index of the inode in the group
	links []int16      // link count still to be accounted for by names
	used  []byte       // a bit a fragment: claimed by a file
	inits int          // inodes that were looked at (cg_initediblk)
	ndir  int32
}

func (c *checker) stateOf(ino ondisk.Ino) inodeState {
	g := &c.groups[c.s.InoToCg(ino)]
	if g.state == nil {
		return unallocated
	}
	return g.state[c.s.InoInCg(ino)]
}

func (c *checker) setState(ino ondisk.Ino, st inodeState) {
	g := &c.groups[c.s.InoToCg(ino)]
	if g.state == nil {
		g.state = make([]inodeState, c.s.Ipg)
		g.links = make([]int16, c.s.Ipg)
	}
	g.state[c.s.InoInCg(ino)] = st
}

func (c *checker) links(ino ondisk.Ino) int16 {
	g := &c.groups[c.s.InoToCg(ino)]
	if g.links == nil {
		return 0
	}
	return g.links[c.s.InoInCg(ino)]
}

// setLinks sets what is left to be accounted for; the inode has a state.
func (c *checker) setLinks(ino ondisk.Ino, n int16) {
	if g := &c.groups[c.s.InoToCg(ino)]; g.links != nil {
		g.links[c.s.InoInCg(ino)] = n
	}
}

// claim marks fragment f as used by a file and reports whether it was free until now. The summary area never is.
func (c *checker) claim(f ondisk.Frag) bool {
	if f >= c.s.CSAddr && f < c.summaryEnd() {
		return false
	}
	g := &c.groups[c.s.FragToCg(f)]
	if g.used == nil {
		g.used = make([]byte, (c.s.Fpg+7)/8)
	}
	i := c.s.FragInCg(f)
	if g.used[i>>3]&(1<<(i&7)) != 0 {
		return false
	}
	g.used[i>>3] |= 1 << (i & 7)
	return true
}

// outOfRange reports whether n fragments at f cannot be a file's: outside the volume, across a block's border, or among a group's own structures.
func (c *checker) outOfRange(f ondisk.Frag, n int) bool {
	if n <= 0 || !c.s.ValidFrags(f, n) {
		return true
	}
	cg := c.s.FragToCg(f)
	if f < c.s.CgData(cg) {
		return cg == 0 || f+ondisk.Frag(n) > c.s.CgSuper(cg)
	}
	return f+ondisk.Frag(n) > c.s.CgBase(cg)+ondisk.Frag(c.s.Fpg)
}

// summaryEnd is the fragment after the summary area.
func (c *checker) summaryEnd() ondisk.Frag {
	return c.s.CSAddr + ondisk.Frag(c.s.FragsOf(c.s.RoundFrags(int64(c.s.CSSize))))
}

// read reads n fragments at f.
func (c *checker) read(f ondisk.Frag, n int) ([]byte, error) {
	b := make([]byte, n<<c.s.FShift)
	_, err := c.dev.ReadAt(b, c.s.FragOffset(f))
	return b, err
}

// inode reads an inode; ino is valid.
func (c *checker) inode(ino ondisk.Ino) (*ondisk.Inode, error) {
	at := c.s.InoToFrag(ino)
	if c.inoBuf == nil || c.inoBlock != at {
		b, err := c.read(at, int(c.s.Frag))
		if err != nil {
			return nil, err
		}
		c.inoBuf, c.inoBlock = b, at
	}
	d := new(ondisk.Inode)
	ondisk.DecodeInode(c.s, c.inoBuf[c.s.InoInBlock(ino):], d)
	return d, nil
}
