package fsck

import (
	"bytes"

	"rump/ffs/ondisk"
)

// phase5 builds each cylinder group anew from what was found and compares.
func (c *checker) phase5() error {
	if err := c.start(5, "Check Cyl groups"); err != nil {
		return err
	}
	sums, err := c.read(c.s.CSAddr, c.s.FragsOf(c.s.RoundFrags(int64(c.s.CSSize))))
	if err != nil {
		return err
	}
	var told groupFaults
	var total ondisk.Totals
	for cg := range int(c.s.Ncg) {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		sum, err := c.checkGroup(cg, ondisk.DecodeSummary(c.s.Order, sums[cg*ondisk.SummarySize:]), &told)
		if err != nil {
			return err
		}
		total.Add(sum)
	}
	if total != c.s.Total {
		told.once(c, &told.counts, "FREE BLK COUNT(S) WRONG IN SUPERBLK")
	}
	c.report.Free = c.s.Total
	return nil
}

// groupFaults are the messages that phase 5 gives only once.
type groupFaults struct{ counts, header, maps, backup bool }

func (t *groupFaults) once(c *checker, seen *bool, message string) {
	if !*seen {
		*seen = true
		c.note(Counts, 0, "%s", message)
		c.ask("SALVAGE")
	}
}

// checkGroup compares one group and returns the counts that it should have.
func (c *checker) checkGroup(cg int, sum ondisk.Summary, told *groupFaults) (ondisk.Summary, error) {
	have, err := c.read(c.s.CgHeader(cg), c.s.FragsOf(c.s.RoundFrags(int64(c.s.CgSize))))
	if err != nil {
		return ondisk.Summary{}, err
	}
	g, err := c.s.GroupIn(cg, have)
	if err != nil {
		c.note(Damage, 0, "CG %d: PASS5: BAD MAGIC NUMBER\n", cg)
	}
	want, gw, werr := c.buildGroup(cg, g, err == nil)
	if werr != nil {
		return ondisk.Summary{}, werr
	}
	if c.backupDiffers(cg) {
		told.once(c, &told.backup, "ALTERNATE SUPERBLK(S) ARE INCORRECT")
	}
	if gw.Summary() != sum {
		told.once(c, &told.counts, "FREE BLK COUNT(S) WRONG IN SUPERBLK")
	}
	if err != nil {
		return gw.Summary(), nil
	}
	size := int(c.s.CgSize)
	maps := size - len(g.InodeMap()) - len(g.FreeMap())
	if !headersEqual(c.s, &g, &gw, want[:size], have[:size]) {
		told.once(c, &told.header, "SUMMARY INFORMATION BAD")
	}
	if maps < 0 || !bytes.Equal(g.InodeMap(), gw.InodeMap()) || !bytes.Equal(g.FreeMap(), gw.FreeMap()) || !clustersEqual(c.s, &g, &gw) {
		told.once(c, &told.maps, "BLK(S) MISSING IN BIT MAPS")
	}
	if !g.HashOK() {
		c.note(Counts, 0, "CG %d: CHECK-HASH MISMATCH", cg)
		c.ask("FIX")
	}
	return gw.Summary(), nil
}

// buildGroup makes the header and maps that group cg should have. What only the old one knows (times, rotors) is taken from it if it is good.
func (c *checker) buildGroup(cg int, old ondisk.Group, good bool) ([]byte, ondisk.Group, error) {
	b := make([]byte, c.s.BSize)
	g, err := c.s.InitGroup(cg, b)
	if err != nil {
		return nil, g, err
	}
	g.SetInitedInodes(c.groups[cg].inits)
	if good {
		g.SetTime(old.Time())
		g.SetRotor(old.Rotor())
		g.SetFragRotor(old.FragRotor())
		g.SetInodeRotor(old.InodeRotor())
	}
	c.freeInodes(cg, &g)
	c.freeFrags(cg, &g)
	sum := g.Summary()
	sum.Dirs = c.groups[cg].ndir
	g.SetSummary(sum)
	return b, g, nil
}

// freeInodes frees what no file has.
func (c *checker) freeInodes(cg int, g *ondisk.Group) {
	state := c.groups[cg].state
	for i := range int(c.s.Ipg) {
		if cg == 0 && i < int(ondisk.RootIno) {
			continue
		}
		if state == nil || state[i] == unallocated {
			g.FreeInode(i, false)
		}
	}
}

// freeFrags frees what neither a file nor the volume itself has.
func (c *checker) freeFrags(cg int, g *ondisk.Group) {
	used := c.groups[cg].used
	base := c.s.CgBase(cg)
	lo, hi := int(c.s.CgSuper(cg)-base), int(c.s.CgData(cg)-base) // the group's own structures
	if cg == 0 {
		lo, hi = 0, int(c.summaryEnd())
	}
	taken := func(f int) bool {
		return f >= lo && f < hi || used != nil && used[f>>3]&(1<<(f&7)) != 0
	}
	frag := int(c.s.Frag)
	for blk := 0; blk < g.Blocks(); blk++ {
		free := 0
		for f := blk * frag; f < (blk+1)*frag; f++ {
			if !taken(f) {
				free++
			}
		}
		if free == frag {
			g.FreeBlock(blk)
			continue
		}
		c.freeSingles(g, blk*frag, (blk+1)*frag, taken)
	}
	c.freeSingles(g, g.Blocks()*frag, g.Frags(), taken)
}

func (c *checker) freeSingles(g *ondisk.Group, from, to int, taken func(int) bool) {
	for f := from; f < to; f++ {
		if !taken(f) {
			g.FreeFrags(f, 1)
		}
	}
}

// backupDiffers reports whether the group's copy of the superblock disagrees in what never changes.
func (c *checker) backupDiffers(cg int) bool {
	b, err := ondisk.ReadBackup(c.dev, c.dev.Size(), c.s.FragOffset(c.s.CgSuper(cg)))
	if err != nil {
		return true
	}
	s := c.s
	return b.Version != s.Version || b.Order != s.Order ||
		b.SblkNo != s.SblkNo || b.CblkNo != s.CblkNo || b.IblkNo != s.IblkNo || b.DblkNo != s.DblkNo ||
		b.Ncg != s.Ncg || b.BSize != s.BSize || b.FSize != s.FSize || b.Frag != s.Frag || b.FsbToDb != s.FsbToDb ||
		b.SBSize != s.SBSize || b.Nindir != s.Nindir || b.Inopb != s.Inopb || b.CSSize != s.CSSize ||
		b.Ipg != s.Ipg || b.Fpg != s.Fpg
}
