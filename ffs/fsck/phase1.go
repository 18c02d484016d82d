package fsck

import (
	"bytes"
	"encoding/binary"
	"math"

	"rump/ffs/ondisk"
)

// maxBad is how many bad or doubly claimed blocks of one inode are listed; at the next the rest of the inode is left out.
const maxBad = 10

// dupTable is what phase 1 found claimed more than once.
type dupTable struct {
	extra map[ondisk.Frag]int  // claims of a fragment beyond the first
	runs  map[ondisk.Ino]int64 // how many runs of an inode were looked at, where not all were
}

// runsOf is how far an inode's blocks were walked, and so may be walked again.
func (c *checker) runsOf(ino ondisk.Ino) int64 {
	if n, ok := c.dups.runs[ino]; ok {
		return n
	}
	return math.MaxInt64
}

// phase1 looks at every inode and at every block that one points to.
func (c *checker) phase1() {
	c.start(1, "Check Blocks and Sizes")
	for cg := range int(c.s.Ncg) {
		if c.stopped() {
			return
		}
		c.groups[cg].inits = c.initedInodes(cg)
		c.inodesOf(cg, c.checkInode)
		if c.o.Progress != nil {
			c.o.Progress(cg+1, int(c.s.Ncg))
		}
	}
	c.chunk = nil
	if len(c.dups.extra) > 0 {
		c.phase1b()
	}
}

// inodesOf calls fn for each inode of a group that was ever initialised and is not all zeros.
func (c *checker) inodesOf(cg int, fn func(ino ondisk.Ino, d *ondisk.Inode, raw []byte)) {
	const most = 1 << 20 // bytes in one read
	n, size := c.groups[cg].inits, c.s.InodeSize()
	perBlock := int(c.s.Inopb)
	perChunk := most / int(c.s.BSize) * perBlock
	var d ondisk.Inode
	for first := 0; first < n && !c.stopped(); first += perChunk {
		blocks := (min(n-first, perChunk) + perBlock - 1) / perBlock
		bytes := blocks << c.s.BShift
		if cap(c.chunk) < bytes {
			c.chunk = make([]byte, bytes)
		}
		b := c.chunk[:bytes]
		c.readAt(b, c.s.FragOffset(c.s.CgInodes(cg)+ondisk.Frag(first/perBlock)<<c.s.FragShift))
		for blk := range blocks {
			at := blk << c.s.BShift
			if isZero(b[at : at+int(c.s.BSize)]) {
				continue
			}
			for i := range min(perBlock, n-first-blk*perBlock) {
				raw := b[at+i*size : at+(i+1)*size]
				ino := ondisk.Ino(cg)*ondisk.Ino(c.s.Ipg) + ondisk.Ino(first+blk*perBlock+i)
				if ino < ondisk.RootIno || isZero(raw) {
					continue
				}
				ondisk.DecodeInode(c.s, raw, &d)
				fn(ino, &d, raw)
			}
		}
	}
}

// isZero reports whether b, whose length is a multiple of 8, holds nothing but zeros.
func isZero(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if binary.NativeEndian.Uint64(b) != 0 {
			return false
		}
	}
	return true
}

// initedInodes is how many inodes of a group may be looked at. The group says so itself on UFS2, and what lies behind is garbage, maybe inodes of
// an older file system. Only as far as its map shows inodes in use, and they look like such, more is believed; if nothing is left of the group, as far
// as there are inodes.
func (c *checker) initedInodes(cg int) int {
	if c.s.Version == 1 {
		return int(c.s.Ipg)
	}
	b := c.read(c.s.CgHeader(cg), int(c.s.Frag))
	n, _ := c.s.InitedInodesIn(b)
	g, err := c.s.GroupIn(cg, b)
	bad := err != nil
	if bad {
		g, err = c.underHeader(cg, b)
	}
	last := 0 // behind the last inode that the map says is in use
	if err == nil {
		last = min(8*len(bytes.TrimRight(g.InodeMap(), "\x00")), int(c.s.Ipg))
	}
	limit := last
	if bad && last == 0 {
		limit = int(c.s.Ipg)
	}
	for i := n; i < limit && !c.stopped(); i += int(c.s.Inopb) {
		found, sound := c.looksLikeInodes(cg, i)
		if !sound {
			break
		}
		if found {
			n = i + int(c.s.Inopb)
		}
	}
	return n
}

// underHeader is a group of UFS2 whose header in b is damaged, with the maps where they should be.
func (c *checker) underHeader(cg int, b []byte) (ondisk.Group, error) {
	mended := make([]byte, len(b))
	if _, err := c.s.InitGroup(cg, mended); err != nil {
		return ondisk.Group{}, err
	}
	copy(mended[groupHeader:], b[groupHeader:])
	return c.s.GroupIn(cg, mended)
}

// looksLikeInodes looks at the block that begins with inode i of a group: whether it has an inode that is in use, and nothing that cannot be one.
func (c *checker) looksLikeInodes(cg, i int) (found, sound bool) {
	b := c.read(c.s.CgInodes(cg)+ondisk.Frag(i/int(c.s.Inopb))<<c.s.FragShift, int(c.s.Frag))
	size := c.s.InodeSize()
	var d ondisk.Inode
	for ; len(b) >= size; b = b[size:] {
		ondisk.DecodeInode(c.s, b, &d)
		if d.Mode == 0 {
			continue
		}
		if !c.plausible(&d) || d.DB[0] != 0 && c.outOfRange(d.DB[0], 1) {
			return false, false
		}
		found = true
	}
	return found, true
}

// checkInode is phase 1 for one inode.
func (c *checker) checkInode(ino ondisk.Ino, d *ondisk.Inode, raw []byte) {
	typ := d.Mode & ondisk.ModeType
	if typ == 0 {
		if d.Size != 0 || d.Mode != 0 || hasPointers(d) {
			c.fatal(Damage, ino, "PARTIALLY ALLOCATED INODE I=%d", ino)
			if c.ask("CLEAR") {
				c.clearInode(ino)
			}
		}
		return
	}
	if typ == ondisk.ModeType && c.mode != Preen && c.ask("HOLD BAD BLOCK") {
		d.Mode, d.Size = ondisk.ModeRegular|0o600, int64(c.s.FSize)
		typ = ondisk.ModeRegular
		c.record(Damage, ino, "HOLD BAD BLOCK")
		c.putInode(ino, d)
	}
	if !c.plausible(d) {
		c.fatal(Damage, ino, "UNKNOWN FILE TYPE I=%d", ino)
		c.setState(ino, fileBad)
		if c.ask("CLEAR") {
			c.clearInode(ino)
			c.setState(ino, unallocated)
		}
		return
	}
	if typ == ondisk.ModeSymlink && d.Size > ondisk.MaxLinkLen {
		c.fatal(Damage, ino, "SYMBOLIC LINK TOO LONG I=%d (%d bytes)", ino, d.Size)
		if c.ask("MAKE IT A REGULAR FILE") {
			d.Mode = d.Mode&^ondisk.ModeType | ondisk.ModeRegular
			c.putInode(ino, d)
		}
	}
	c.report.Files++
	c.setState(ino, file)
	if typ == ondisk.ModeDir {
		c.setState(ino, dir)
		if d.Size == 0 {
			c.setState(ino, dirBad)
		}
		c.dirs[ino] = newDirInfo(ino, d)
	}
	c.setType(ino, ondisk.TypeOf(d.Mode))
	c.setLinks(ino, int32(d.Nlink))
	if d.Nlink <= 0 {
		c.zero[ino] = true
	}
	if !c.s.InodeHashOK(raw) {
		c.warn(Hint, ino, "INODE CHECK-HASH FAILED I=%d", ino)
		if c.fix("FIX", "FIXED") {
			c.putInode(ino, d)
		}
	}
	c.checkBlockCount(ino, d)
}

func (c *checker) checkBlockCount(ino ondisk.Ino, d *ondisk.Inode) {
	sectors := c.claimBlocks(ino, d) << c.s.FShift / ondisk.SectorSize
	if d.Blocks != sectors {
		c.warn(Hint, ino, "INCORRECT BLOCK COUNT I=%d (%d should be %d)", ino, d.Blocks, sectors)
		if c.fix("CORRECT", "CORRECTED") {
			d = c.inode(ino) // an indirect block may have been mended meanwhile, the inode not
			d.Blocks = sectors
			c.putInode(ino, d)
		}
	}
	c.addUsage(ino, d, sectors, 1)
}

// claimBlocks marks what the inode points to and counts the fragments.
func (c *checker) claimBlocks(ino ondisk.Ino, d *ondisk.Inode) (frags int64) {
	bad, dups, told := 0, 0, false
	runs := c.walkBlocks(d, math.MaxInt64, func(f ondisk.Frag, n int, p place) step {
		out := c.outOfRange(f, n)
		if out {
			c.fatal(Damage, ino, "%d BAD I=%d", f, ino)
			c.print("\n")
			c.spoil(ino)
			bad++
		}
		if !out && c.claimRun(f, n) {
			c.report.Used += int64(n)
		} else {
			dups += c.claimSingly(ino, f, n, maxBad+1-dups)
		}
		frags += int64(n)
		switch {
		case bad > maxBad:
			return c.excessive(ino, "BAD")
		case dups > maxBad:
			return c.excessive(ino, "DUP")
		case out:
			return skip
		case p.level > 0:
			c.checkTail(ino, f, p, &told)
		}
		return goOn
	})
	if bad > maxBad || dups > maxBad {
		if c.dups.runs == nil {
			c.dups.runs = map[ondisk.Ino]int64{}
		}
		c.dups.runs[ino] = runs
	}
	return frags
}

// claimSingly claims a run of which a part is out of range or has an owner already. It lists most owned fragments at most, and returns how many.
func (c *checker) claimSingly(ino ondisk.Ino, f ondisk.Frag, n, most int) (dups int) {
	for i := range n {
		f := f + ondisk.Frag(i)
		if c.outOfRange(f, 1) {
			continue
		}
		if c.claim(f) {
			c.report.Used++
			continue
		}
		if dups < most {
			c.fatal(Damage, ino, "%d DUP I=%d", f, ino)
			c.print("\n")
			dups++
		}
		c.spoil(ino)
		if c.dups.extra == nil {
			c.dups.extra = map[ondisk.Frag]int{}
		}
		c.dups.extra[f]++
	}
	return dups
}

// excessive ends the walk through an inode with too many bad blocks.
func (c *checker) excessive(ino ondisk.Ino, what string) step {
	c.warn(Damage, ino, "EXCESSIVE %s BLKS I=%d", what, ino)
	if !c.fix(questionGoOn, "SKIPPING") && c.stop == nil {
		c.stop = ErrDeclined
	}
	return stop
}

// checkTail looks for pointers of an indirect block that lie behind the end of the file. One answer does for the whole file.
func (c *checker) checkTail(ino ondisk.Ino, f ondisk.Frag, p place, told *bool) {
	span := int64(c.s.IndirectSpan(p.level)) << c.s.BShift
	first := (p.size + span - 1) / span
	if first >= int64(c.s.Nindir) {
		return
	}
	bl := c.block(f, int(c.s.Frag))
	ptrs := c.s.IndirectIn(bl.b)
	stray := false
	for i := int(first); i < int(c.s.Nindir); i++ {
		stray = stray || ptrs.Get(i) != 0
		ptrs.Set(i, 0)
	}
	if !stray || c.stateOf(ino) == fileBad || c.stateOf(ino) == dirBad {
		return // of a block with two owners it is not known whose end counts
	}
	if !*told {
		*told = true
		c.warn(Damage, ino, "PARTIALLY TRUNCATED INODE I=%d", ino)
		if !c.fix("SALVAGE", "SALVAGED") {
			return
		}
	}
	c.save(bl)
}

func hasPointers(d *ondisk.Inode) bool {
	return d.DB != [ondisk.NDirect]ondisk.Frag{} || d.IB != [ondisk.NIndirect]ondisk.Frag{}
}

// plausible reports whether type, size and pointers of an allocated inode agree.
func (c *checker) plausible(d *ondisk.Inode) bool {
	size := d.Size
	typ := d.Mode & ondisk.ModeType
	if size < 0 || size > c.s.MaxSize() || typ == ondisk.ModeDir && size > ondisk.MaxDirSize || !knownType(typ) {
		return false
	}
	if c.s.Version == 2 && int64(d.ExtSize) > ondisk.NExtBlocks*int64(c.s.BSize) {
		return false
	}
	if d.IsDevice() {
		return d.IB == [ondisk.NIndirect]ondisk.Frag{} && !anyFrag(d.DB[1:])
	}
	if c.isInline(d) {
		return c.linkTailZero(d)
	}
	for i := range ondisk.NDirect {
		if c.s.BlockOffset(ondisk.Block(i)) >= size && d.DB[i] != 0 {
			return false
		}
	}
	for level := 1; level <= ondisk.NIndirect; level++ {
		if c.s.BlockOffset(c.s.FirstIndirect(level)) >= size && d.IB[level-1] != 0 {
			return false
		}
	}
	return true
}

// linkTailZero reports whether the pointers that a short symbolic link's target does not reach into are zero.
func (c *checker) linkTailZero(d *ondisk.Inode) bool {
	pointer := 4 * c.s.Version // bytes of one
	used := (int(d.Size) + pointer - 1) / pointer * pointer
	for _, b := range d.Inline[min(used, len(d.Inline)):] {
		if b != 0 {
			return false
		}
	}
	return true
}

func anyFrag(fs []ondisk.Frag) bool {
	for _, f := range fs {
		if f != 0 {
			return true
		}
	}
	return false
}

func knownType(typ uint16) bool {
	switch typ {
	case ondisk.ModeFIFO, ondisk.ModeChar, ondisk.ModeDir, ondisk.ModeBlock, ondisk.ModeRegular, ondisk.ModeSymlink, ondisk.ModeSocket:
		return true
	}
	return false
}

// phase1b finds who claimed first what was then claimed again.
func (c *checker) phase1b() {
	c.headline("** Phase 1b - Rescan For More DUPS\n")
	owed := map[ondisk.Frag]bool{}
	for f := range c.dups.extra {
		owed[f] = true
	}
	for cg := 0; cg < int(c.s.Ncg) && len(owed) > 0 && !c.stopped(); cg++ {
		c.inodesOf(cg, func(ino ondisk.Ino, d *ondisk.Inode, _ []byte) {
			if c.hasClaims(ino, d) {
				c.findFirst(ino, d, owed)
			}
		})
	}
	c.chunk = nil
}

// hasClaims reports whether phase 1 claimed blocks for an inode: not for one whose fields made no sense.
func (c *checker) hasClaims(ino ondisk.Ino, d *ondisk.Inode) bool {
	st := c.stateOf(ino)
	return st != unallocated && (st != fileBad || c.plausible(d))
}

func (c *checker) findFirst(ino ondisk.Ino, d *ondisk.Inode, owed map[ondisk.Frag]bool) {
	c.walkBlocks(d, c.runsOf(ino), func(f ondisk.Frag, n int, p place) step {
		if len(owed) == 0 {
			return stop
		}
		for i := range n {
			f := f + ondisk.Frag(i)
			if owed[f] {
				delete(owed, f)
				c.fatal(Damage, ino, "%d DUP I=%d", f, ino)
				c.print("\n")
				c.spoil(ino)
			}
		}
		if c.outOfRange(f, n) {
			return skip
		}
		return goOn
	})
}
