package fsck

import (
	"strings"

	"rump/ffs/ondisk"
)

// Levels of fsck_ffs -c. A level brings those below it, but for the layout: 3 goes back to the old one.
const (
	levelGroups   = 1 // cylinder groups of 4.4BSD
	levelInodes   = 2 // inodes and directories of 4.4BSD
	levelClusters = 3 // cluster maps
	levelLayout   = 4 // the superblock layout of today
)

// askLevels offers the conversions that the options ask for and the volume needs, as far as they are one of the superblock or of the groups.
func (c *checker) askLevels() {
	s, level := c.s, c.o.Level
	if ea := c.o.ExtAttr; ea != nil && s.Version == 2 && s.EAMagic != *ea {
		what := "WITHOUT EXTENDED ATTRIBUTES"
		if *ea {
			what = "WITH EXTENDED ATTRIBUTES"
		}
		if c.wantLevel("CONVERT", "TO UFS2 "+what) {
			s.EAMagic = *ea
		}
	}
	if s.Version != 1 {
		return
	}
	if level >= levelLayout && s.OldLayout && c.wantLevel("CONVERT", "TO NEW SUPERBLOCK LAYOUT") {
		s.UpgradeLayout()
	}
	if level == levelClusters && !s.OldLayout {
		c.downgrade()
	}
	if level >= levelGroups && s.Old.PostblFormat == ondisk.PostblFormat42 {
		c.convertGroups()
	}
}

// wantLevel asks for one conversion; all copies of the superblock are written anew after it.
func (c *checker) wantLevel(verb, what string) bool {
	if c.mode == Preen {
		c.say("%sING %s\n", strings.TrimSuffix(verb, "E"), what)
	} else if !c.ask(verb + " " + what) {
		return false
	}
	c.super.changed, c.super.backups = true, true
	return true
}

// downgrade goes back to the superblock layout of old kernels, where there is no place for what came later.
func (c *checker) downgrade() {
	s := c.s
	if s.HasQuota2() || s.HasWAPBL() || s.HasSnapshots() {
		c.print("CANNOT DOWNGRADE: QUOTAS, JOURNAL OR SNAPSHOTS IN USE\n")
		c.leave()
		return
	}
	if !c.wantLevel("DOWNGRADE", "TO OLD SUPERBLOCK LAYOUT") {
		return
	}
	s.DowngradeLayout()
	s.Old.PostblFormat = ondisk.PostblFormat44
	s.Old.CPC, s.Old.NRPos, s.Old.TrackSkew = 0, 1, 0
	c.regroup = true
}

// convertGroups gives up the group format of 4.2BSD. The table that had the place of newer fields in the superblock goes.
func (c *checker) convertGroups() {
	s := c.s.Clone()
	s.Old.PostblFormat, s.Old.NRPos = ondisk.PostblFormat44, 8
	s.Old.PostblOff, s.Old.RotblOff = 860, ondisk.SuperSize
	s.ContigSum, s.MaxSymlink, s.InodeFmt, s.State = 0, 0, ondisk.InodeFmt42, 0
	if !fitGroups(s) {
		c.print("CANNOT CONVERT CYLINDER GROUPS\n")
		c.leave()
		return
	}
	if c.wantLevel("CONVERT", "TO NEW CYLINDER GROUP FORMAT") {
		*c.s = *s
		c.regroup = true
	}
}

// fitGroups sets the size of the groups of s to what their maps need, and reports whether that fits a block.
func fitGroups(s *ondisk.Super) bool {
	n := int64(groupHeader) + (int64(s.Ipg)+7)/8 + (int64(s.Fpg)+7)/8
	if s.Version == 1 {
		n += int64(s.Old.CPG) * (4 + 2*int64(s.Old.NRPos))
	}
	if s.ContigSum > 0 {
		n += 4*int64(s.ContigSum+2) + (int64(s.Fpg>>s.FragShift)+7)/8
	}
	if n = s.RoundFrags(n); n > int64(s.BSize) || n <= 0 {
		return false
	}
	s.CgSize = max(s.CgSize, int32(n))
	return true
}

// fitClusters makes or removes the maps of free blocks in the groups, by how many blocks in a row the volume wants to allocate.
func (c *checker) fitClusters() {
	const most = 16 // entries of the summary
	s := c.s
	if c.o.Level < levelClusters {
		return
	}
	if s.MaxContig < 2 && s.ContigSum > 0 {
		if c.wantLevel("DELETE", "CLUSTERING MAPS") {
			s.ContigSum = 0
			c.regroup = true
		}
		return
	}
	want := min(s.MaxContig, most)
	if s.MaxContig < 2 || max(s.ContigSum, 0) >= want {
		return
	}
	verb := "EXPAND"
	if s.ContigSum < 1 {
		verb = "CREATE"
	}
	bigger := s.Clone()
	bigger.ContigSum = want
	if !fitGroups(bigger) {
		c.say("CANNOT %s CLUSTER MAPS\n", verb)
		return
	}
	if c.wantLevel(verb, "CLUSTER MAPS") {
		s.ContigSum, s.CgSize = bigger.ContigSum, bigger.CgSize
		c.regroup = true
	}
}
