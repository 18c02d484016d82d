package dump

import (
	"rump/ffs/ondisk"
)

// oneGroup prints a cylinder group.
func (t *text) oneGroup(cg int) error {
	s := t.s
	t.printf("cg %d:\n", cg)
	block, err := t.group(cg)
	if err != nil {
		return err
	}
	h := s.DecodeGroupHeader(block)
	t.groupHeader(&h, s.FragOffset(s.CgHeader(cg)))
	g, err := s.GroupIn(cg, block)
	if err != nil {
		t.printf("\nmaps not readable: %v\n", err)
		return nil
	}
	if s.ContigSum > 0 && g.HasClusters() {
		t.clusters(&g, h.Nclusterblks)
	} else {
		t.printf("\n")
	}
	t.printf("iused:\t")
	t.bits(g.InodeMap(), int(s.Ipg))
	t.printf("free:\t")
	t.bits(g.FreeMap(), int(s.Fpg))
	if s.OldLayout && t.has(Verbose) {
		t.oldTables(&g)
	}
	return nil
}

func (t *text) groupHeader(h *ondisk.GroupHeader, at int64) {
	s := t.s
	when := h.Time
	if s.OldLayout {
		when = int64(h.OldTime)
	}
	t.printf("magic\t%x\ttell\t%x\ttime\t%s\n", h.Magic, at, t.ctime(when))
	if s.OldLayout {
		t.printf("cgx\t%d\tncyl\t%d\tniblk\t%d\tndblk\t%d\n", h.Cgx, h.OldNcyl, h.OldNiblk, h.Ndblk)
	} else {
		t.printf("cgx\t%d\tniblk\t%d\tndblk\t%d\n", h.Cgx, h.Niblk, h.Ndblk)
	}
	t.printf("nbfree\t%d\tndir\t%d\tnifree\t%d\tnffree\t%d\n", h.Sum.FreeBlocks, h.Sum.Dirs, h.Sum.FreeInodes, h.Sum.FreeFrags)
	t.printf("rotor\t%d\tirotor\t%d\tfrotor\t%d\nfrsum", h.Rotor, h.Irotor, h.Frotor)
	sum := int32(0)
	for i := 1; i < int(s.Frag); i++ {
		t.printf("\t%d", h.FragSum[i])
		sum += int32(i) * h.FragSum[i]
	}
	t.printf("\nsum of frsum: %d", sum)
}

// clusters prints the runs of free blocks: how many of each length, and the map of which blocks says that it has n.
func (t *text) clusters(g *ondisk.Group, n int32) {
	most := int(t.s.ContigSum)
	for i := 1; i < most; i++ {
		if (i-1)%8 == 0 {
			t.printf("\nclusters %d-%d:", i, min(most-1, i+7))
		}
		t.printf("\t%d", g.ClusterSum(i))
	}
	t.printf("\nclusters size %d and over: %d\n", most, g.ClusterSum(most))
	t.printf("clusters free:\t")
	t.bits(g.ClusterMap(), int(max(0, min(n, t.s.Fpg>>t.s.FragShift))))
}

// oldTables prints the free blocks by cylinder and position of an old layout.
func (t *text) oldTables(g *ondisk.Group) {
	t.printf("b:\n")
	for c := 0; ; c++ {
		total, row, ok := g.OldTable(c)
		if !ok || c >= int(t.s.Old.CPG) {
			return
		}
		if total == 0 {
			continue
		}
		t.printf("   c%d:\t(%d)\t", c, total)
		for p, n := range row {
			if cpc := int(t.s.Old.CPC); cpc > 0 && len(t.s.Positions(c%cpc, p)) == 0 {
				continue
			}
			t.printf(" %d", n)
		}
		t.printf("\n")
	}
}

// inodes prints a group's inodes: those in use, or all.
func (t *text) inodes(cg int) error {
	t.printf("   inode:   mode  nlink                 size      ctime.nsec         flags     blocks generation      uid        gid\n")
	return t.eachInode(cg, func(ino ondisk.Ino, in *ondisk.Inode) {
		if in.Mode == 0 && in.Nlink == 0 && !t.has(Verbose) {
			return
		}
		sec := uint64(in.Ctime.Sec)
		if t.s.Version == 1 {
			sec = uint64(uint32(sec))
		}
		t.printf("%8d: %6o %6d %20d %10d.%09d %8x %10d %8x %10d %10d\n", ino, in.Mode, in.Nlink, uint64(in.Size),
			sec, uint32(in.Ctime.Nsec), in.Flags, uint64(in.Blocks), in.Gen, in.UID, in.GID)
	})
}
