package dump

import (
	"rump/ffs/ondisk"
	"rump/internal/endian"
)

// super prints the superblock s that was found at byte offset at.
func (t *text) super(s *ondisk.Super, at int64) {
	r := s.Rest()
	format := "FFSv1"
	if s.Version == 2 {
		format = "FFSv2"
	}
	if s.EAMagic {
		format += "ea"
	}
	t.printf("format\t%s\n", format)
	if s.Order.IsBig() {
		t.printf("endian\tbig-endian\n")
	} else {
		t.printf("endian\tlittle-endian\n")
	}
	if at != ondisk.LocUFS1 || t.has(Backups) {
		t.printf("location %d\t(-b %d)\n", at, at/t.sector(s))
	}
	t.printf("magic\t%-8x\ttime\t%s\n", r.Magic, t.ctime(s.Time))
	if !s.OldLayout || s.ID != [2]int32{} {
		where := r.SblockLoc
		if s.OldLayout {
			where = ondisk.LocUFS1
		}
		t.printf("superblock location\t%d\tid\t[ %x %x ]\n", where, uint32(s.ID[0]), uint32(s.ID[1]))
	}
	t.level(s)
	t.sizes(s)
	t.tuning(s)
	t.places(s, r)
	t.printf("cgrotor\t%d\tfmod\t%d\tronly\t%d\tclean\t0x%02x\n", r.CgRotor, int8(r.Fmod), int8(r.Ronly), s.Clean)
	j := s.RawJournal(endian.Little) // the order of the machine that looks
	t.printf("wapbl version 0x%x\tlocation %d\tflags 0x%x\n", r.JournalVersion, r.JournalLocation, j.Flags)
	t.printf("wapbl loc0 %d\tloc1 %d\tloc2 %d\tloc3 %d\n", j.Loc[0], j.Loc[1], j.Loc[2], j.Loc[3])
	t.flags(s.Flags)
	t.printf("\nfsmnt\t%s\n", s.MountPoint)
	if s.OldLayout {
		t.rotation(s)
	} else {
		t.printf("volname\t%s\tswuid\t%d\n", s.VolName, r.SwUID)
	}
}

// level prints what generation of the format the volume has: 5 is UFS2, 4 UFS1 with 64-bit fields.
func (t *text) level(s *ondisk.Super) {
	level := fsLevel(s)
	cylgrp, inodes, sblock := "dynamic", "4.4BSD", "FFSv1"
	if level < 1 {
		cylgrp = "static"
	}
	if level < 2 {
		inodes = "4.2/4.3BSD"
	}
	if level > 4 {
		inodes = "FFSv2"
	}
	if level >= 4 {
		sblock = "FFSv2"
	}
	t.printf("cylgrp\t%s\tinodes\t%s\tsblock\t%s\tfslevel %d\n", cylgrp, inodes, sblock, level)
}

// maxContigSum is the longest run of blocks that a cluster summary counts by itself.
const maxContigSum = 16

func fsLevel(s *ondisk.Super) int {
	switch {
	case s.Version == 2:
		return 5
	case s.Old.PostblFormat == ondisk.PostblFormat42:
		return 0
	case s.OldFlags&ondisk.FlagUpdated != 0:
		return 4
	case s.InodeFmt < ondisk.InodeFmt44:
		return 1
	case s.MaxContig < 2 && s.ContigSum == 0, s.MaxContig > 1 && s.ContigSum >= min(s.MaxContig, maxContigSum):
		return 3
	}
	return 2
}

func (t *text) sizes(s *ondisk.Super) {
	t.printf("nbfree\t%d\tndir\t%d\tnifree\t%d\tnffree\t%d\n", s.Total.FreeBlocks, s.Total.Dirs, s.Total.FreeInodes, s.Total.FreeFrags)
	t.printf("ncg\t%d\t", s.Ncg)
	if s.OldLayout {
		t.printf("ncyl\t%d\t", s.Old.NCyl)
	}
	t.printf("size\t%d\tblocks\t%d\n", s.Size, s.DSize)
	t.printf("bsize\t%d\tshift\t%d\tmask\t0x%08x\n", s.BSize, s.BShift, uint32(s.BMask))
	t.printf("fsize\t%d\tshift\t%d\tmask\t0x%08x\n", s.FSize, s.FShift, uint32(s.FMask))
	t.printf("frag\t%d\tshift\t%d\tfsbtodb\t%d\n", s.Frag, s.FragShift, s.FsbToDb)
	if s.OldLayout {
		t.printf("cpg\t%d\t", s.Old.CPG)
	}
	t.printf("bpg\t%d\tfpg\t%d\tipg\t%d\n", s.Fpg/s.Frag, s.Fpg, s.Ipg)
}

func (t *text) tuning(s *ondisk.Super) {
	t.printf("minfree\t%d%%\toptim\t%s\tmaxcontig %d\tmaxbpg\t%d\n", s.MinFree, optim(s), s.MaxContig, s.MaxBPG)
	o := &s.Old
	if s.OldLayout {
		// The times of the disk's arm once stood where the identification is now.
		t.printf("rotdelay %dms\theadswitch %dus\ttrackseek %dus\trps\t%d\n", o.RotDelay, s.ID[0], s.ID[1], o.RPS)
		t.printf("ntrak\t%d\tnsect\t%d\tnpsect\t%d\tspc\t%d\n", o.NTrak, o.NSect, o.NPSect, o.SPC)
	}
	t.printf("symlinklen %d\t", s.MaxSymlink)
	if s.OldLayout {
		t.printf("trackskew %d\tinterleave %d\t", o.TrackSkew, o.Interleave)
	}
	t.printf("contigsumsize %d\n", s.ContigSum)
}

func optim(s *ondisk.Super) string {
	if s.Optim == ondisk.OptimSpace {
		return "space"
	}
	return "time"
}

func (t *text) places(s *ondisk.Super, r ondisk.SuperRest) {
	o := &s.Old
	t.printf("maxfilesize 0x%016x\n", s.MaxFileSize)
	t.printf("nindir\t%d\tinopb\t%d", s.Nindir, s.Inopb)
	if s.OldLayout {
		t.printf("\tnspf\t%d", o.NSPF)
	}
	t.printf("\n")
	if !s.OldLayout || r.AvgFileSize > 0 || r.AvgFPDir > 0 {
		t.printf("avgfilesize %d\tavgfpdir %d\n", r.AvgFileSize, r.AvgFPDir)
	}
	t.printf("sblkno\t%d\tcblkno\t%d\tiblkno\t%d\tdblkno\t%d\n", s.SblkNo, s.CblkNo, s.IblkNo, s.DblkNo)
	t.printf("sbsize\t%d\tcgsize\t%d", s.SBSize, s.CgSize)
	if s.OldLayout {
		t.printf("\toffset\t%d\tmask\t0x%08x", o.CgOffset, o.CgMask)
	}
	t.printf("\ncsaddr\t%d\tcssize\t%d", s.CSAddr, s.CSSize)
	if s.OldLayout {
		t.printf("\tshift\t%d\tmask\t0x%08x", r.CsShift, uint32(r.CsMask))
	}
	t.printf("\n")
}

// flagNames are the flags in the words of dumpfs, which knows NetBSD's meaning only.
var flagNames = []struct {
	bit  uint32
	name string
}{
	{ondisk.FlagUnclean, "unclean"},
	{ondisk.FlagSoftUpdate, "soft-updates"},
	{ondisk.FlagNeedsFsck, "needs fsck run"},
	{ondisk.FlagSUJ, "journaled soft-updates"},
	{ondisk.FlagACLs, "acls"},
	{ondisk.FlagMultilabel, "multilabel"},
	{ondisk.FlagGJournal, "gjournal"},
	{ondisk.FlagUpdated, "fs_flags expanded"},
	{ondisk.FlagWAPBL, "wapbl"},
	{ondisk.FlagQuota2, "quotas"},
	{ondisk.FlagTrim, "trim"},
}

func (t *text) flags(flags uint32) {
	t.printf("flags\t")
	if flags == 0 {
		t.printf("none")
	}
	for _, f := range flagNames {
		if flags&f.bit != 0 {
			t.printf("%s ", f.name)
			flags &^= f.bit
		}
	}
	if flags != 0 {
		t.printf("unknown flags (%#x)", flags)
	}
}

// rotation prints the tables of an old layout that say which blocks pass the disk's head at which position.
func (t *text) rotation(s *ondisk.Super) {
	cpc, nrpos := s.Old.CPC, int(s.Old.NRPos)
	if s.Old.PostblFormat == ondisk.PostblFormat42 {
		nrpos = 8
	}
	if cpc == 0 {
		t.printf("(no rotational position table)\n\n")
	} else {
		t.printf("blocks available in each of %d rotational positions\n", nrpos)
	}
	if !t.has(Verbose) {
		return
	}
	// No table is longer than a superblock, whatever the number of cylinders says.
	for c := 0; c < int(min(cpc, ondisk.SuperArea)); c++ {
		t.printf("cylinder number %d:", c)
		for p := 0; p < min(nrpos, ondisk.SuperArea); p++ {
			chain := s.Positions(c, p)
			if len(chain) == 0 {
				continue
			}
			t.printf("\n   position %d:\t", p)
			for k, blk := range chain {
				t.printf("%5d", blk)
				if (k+1)%12 == 0 {
					t.printf("\n\t\t")
				}
			}
		}
		t.printf("\n")
	}
}
