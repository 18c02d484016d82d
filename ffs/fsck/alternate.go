package fsck

import (
	"rump/ffs/ondisk"
)

// sameGeometry reports whether two copies of a superblock agree in what never changes.
func sameGeometry(a, b *ondisk.Super) bool {
	type geometry struct {
		version, order                                             any
		sblk, cblk, iblk, dblk, size, csaddr                       ondisk.Frag
		ncg, bsize, fsize, frag, sbsize, cssize, cgsize, ipg, fpg  int32
		db, nindir, inopb, contig, cgoffset, cpg, nrpos, postblFmt int32
		cgmask                                                     uint32
		old                                                        bool
	}
	of := func(s *ondisk.Super) geometry {
		return geometry{
			s.Version, s.Order, s.SblkNo, s.CblkNo, s.IblkNo, s.DblkNo, s.Size, s.CSAddr,
			s.Ncg, s.BSize, s.FSize, s.Frag, s.SBSize, s.CSSize, s.CgSize, s.Ipg, s.Fpg,
			s.FsbToDb, s.Nindir, s.Inopb, max(s.ContigSum, 0), s.Old.CgOffset, s.Old.CPG, s.Old.NRPos, s.Old.PostblFormat,
			s.Old.CgMask, s.OldLayout,
		}
	}
	return of(a) == of(b)
}

// alternate finds a copy of a superblock that is lost, as err says, if the user wants that.
func (c *checker) alternate(err error) (*ondisk.Super, error) {
	c.fatal(Damage, 0, "BAD SUPER BLOCK: CAN'T FIND SUPERBLOCK\n")
	if !c.ask("LOOK FOR ALTERNATE SUPERBLOCKS") {
		return nil, err
	}
	at, s := c.firstBackup()
	if s == nil {
		at, s = c.searchBackup()
	}
	if s == nil {
		c.print("SEARCH FOR ALTERNATE SUPER-BLOCK FAILED. YOU MUST USE THE\n-b OPTION TO fsck_ffs TO SPECIFY THE LOCATION OF AN ALTERNATE\n" +
			"SUPER-BLOCK TO SUPPLY NEEDED INFORMATION; SEE fsck_ffs(8).\n")
		return nil, err
	}
	c.useAlternate(at)
	return s, nil
}

func (c *checker) useAlternate(at int64) {
	c.say("USING ALTERNATE SUPERBLOCK AT %d\n", at/ondisk.SectorSize)
	c.super.alt = true
	c.o.Force = true
}

// firstBackup is the first copy of the superblock that stands where newfs puts it.
func (c *checker) firstBackup() (int64, *ondisk.Super) {
	for _, at := range ondisk.FirstBackups() {
		if s := c.backupAt(at); s != nil {
			return at, s
		}
	}
	return 0, nil
}

// backupAt is the copy at byte offset at, if there is one and that is its place.
func (c *checker) backupAt(at int64) *ondisk.Super {
	s, err := ondisk.ReadBackup(c.dev, c.dev.Size(), at)
	if err != nil || usable(s, c.dev.Size()) != nil || !belongs(s, at) {
		return nil
	}
	return s
}

// belongs reports whether a group of s keeps its copy at byte offset at.
func belongs(s *ondisk.Super, at int64) bool {
	f := s.OffsetFrag(at)
	return f < s.Size && s.CgSuper(s.FragToCg(f)) == f && s.FragOffset(f) == at
}

// searchBackup looks at every place where a copy can be.
func (c *checker) searchBackup() (int64, *ondisk.Super) {
	const chunk = 1 << 20
	b := make([]byte, chunk+ondisk.SuperArea)
	for off := int64(0); off < c.dev.Size() && !c.stopped(); off += chunk {
		n := min(int64(len(b)), c.dev.Size()-off)
		if _, err := c.dev.ReadAt(b[:n], off); err != nil {
			continue
		}
		for i := int64(0); i < min(chunk, n-ondisk.SuperSize); i += ondisk.MinBlockSize {
			if isZero(b[i : i+ondisk.SuperSize]) {
				continue
			}
			s, err := ondisk.DecodeBackup(b[i:min(i+ondisk.SuperArea, n)], off+i)
			if err == nil && usable(s, c.dev.Size()) == nil && belongs(s, off+i) {
				return off + i, s
			}
		}
	}
	return 0, nil
}

// judge holds the primary against its copies. One that disagrees with them in what never changes is not to be trusted: by a wrong geometry a repair
// would destroy everything.
func (c *checker) judge(primary *ondisk.Super) *ondisk.Super {
	if b := c.backupAt(primary.FragOffset(primary.CgSuper(int(primary.Ncg) - 1))); b != nil && sameGeometry(primary, b) {
		return primary
	}
	c.fatal(Damage, 0, "BAD SUPER BLOCK: VALUES IN SUPER BLOCK DISAGREE WITH THOSE IN FIRST ALTERNATE\n")
	at, first := c.firstBackup()
	if first == nil || sameGeometry(primary, first) || c.votes(first) <= c.votes(primary) {
		return primary
	}
	if !c.ask("LOOK FOR ALTERNATE SUPERBLOCKS") {
		return primary
	}
	c.useAlternate(at)
	return first
}

// votes is how many copies, of some groups, agree with s.
func (c *checker) votes(s *ondisk.Super) (n int) {
	const most = 16
	step := max(1, int(s.Ncg)/most)
	for cg := 0; cg < int(s.Ncg); cg += step {
		if b := c.backupAt(s.FragOffset(s.CgSuper(cg))); b != nil && sameGeometry(s, b) {
			n++
		}
	}
	return n
}
