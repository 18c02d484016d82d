package ondisk_test

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"rump/ffs/ondisk"
	"rump/internal/endian"
)

// superFields is the layout of a superblock as the format document has it. get of the last column is what Decode has to find.
var superFields = []struct {
	name string
	off  int
	bits int
	get  func(s *ondisk.Super) int64
}{
	{"fs_old_rotdelay", 64, 32, func(s *ondisk.Super) int64 { return int64(s.Old.RotDelay) }},
	{"fs_minfree", 60, 32, func(s *ondisk.Super) int64 { return int64(s.MinFree) }},
	{"fs_old_rps", 68, 32, func(s *ondisk.Super) int64 { return int64(s.Old.RPS) }},
	{"fs_maxcontig", 88, 32, func(s *ondisk.Super) int64 { return int64(s.MaxContig) }},
	{"fs_maxbpg", 92, 32, func(s *ondisk.Super) int64 { return int64(s.MaxBPG) }},
	{"fs_fsbtodb", 100, 32, func(s *ondisk.Super) int64 { return int64(s.FsbToDb) }},
	{"fs_old_nspf", 124, 32, func(s *ondisk.Super) int64 { return int64(s.Old.NSPF) }},
	{"fs_optim", 128, 32, func(s *ondisk.Super) int64 { return int64(s.Optim) }},
	{"fs_old_npsect", 132, 32, func(s *ondisk.Super) int64 { return int64(s.Old.NPSect) }},
	{"fs_old_interleave", 136, 32, func(s *ondisk.Super) int64 { return int64(s.Old.Interleave) }},
	{"fs_old_trackskew", 140, 32, func(s *ondisk.Super) int64 { return int64(s.Old.TrackSkew) }},
	{"fs_id[0]", 144, 32, func(s *ondisk.Super) int64 { return int64(s.ID[0]) }},
	{"fs_id[1]", 148, 32, func(s *ondisk.Super) int64 { return int64(s.ID[1]) }},
	{"fs_spare2", 164, 32, func(s *ondisk.Super) int64 { return int64(s.Old.NTrak) }},
	{"fs_old_nsect", 168, 32, func(s *ondisk.Super) int64 { return int64(s.Old.NSect) }},
	{"fs_old_spc", 172, 32, func(s *ondisk.Super) int64 { return int64(s.Old.SPC) }},
	{"fs_old_ncyl", 176, 32, func(s *ondisk.Super) int64 { return int64(s.Old.NCyl) }},
	{"fs_old_cpg", 180, 32, func(s *ondisk.Super) int64 { return int64(s.Old.CPG) }},
	{"fs_clean", 209, 8, func(s *ondisk.Super) int64 { return int64(s.Clean) }},
	{"fs_old_cpc", 856, 32, func(s *ondisk.Super) int64 { return int64(s.Old.CPC) }},
	{"fs_maxbsize", 860, 32, func(s *ondisk.Super) int64 { return int64(s.MaxBSize) }},
	{"fs_journal_version", 864, 8, func(s *ondisk.Super) int64 { return int64(s.Journal(s.Order).Version) }},
	{"fs_journal_location", 865, 8, func(s *ondisk.Super) int64 { return int64(s.Journal(s.Order).Location) }},
	{"fs_journal_flags", 868, 32, func(s *ondisk.Super) int64 { return int64(s.Journal(s.Order).Flags) }},
	{"fs_journallocs[0]", 872, 64, func(s *ondisk.Super) int64 { return int64(s.Journal(s.Order).Loc[0]) }},
	{"fs_journallocs[3]", 896, 64, func(s *ondisk.Super) int64 { return int64(s.Journal(s.Order).Loc[3]) }},
	{"fs_unrefs", 864, 64, (*ondisk.Super).Unrefs},
	{"fs_metaspace", 880, 64, func(s *ondisk.Super) int64 { return int64(s.MetaSpace()) }},
	{"fs_quota_magic", 904, 32, func(s *ondisk.Super) int64 { return int64(s.QuotaMagic) }},
	{"fs_quota_flags", 908, 8, func(s *ondisk.Super) int64 { return int64(s.QuotaFlags) }},
	{"fs_quotafile[0]", 912, 64, func(s *ondisk.Super) int64 { return int64(s.QuotaFile[0]) }},
	{"fs_quotafile[1]", 920, 64, func(s *ondisk.Super) int64 { return int64(s.QuotaFile[1]) }},
	{"cs_ndir", 1008, 64, func(s *ondisk.Super) int64 { return s.Total.Dirs }},
	{"cs_nbfree", 1016, 64, func(s *ondisk.Super) int64 { return s.Total.FreeBlocks }},
	{"cs_nifree", 1024, 64, func(s *ondisk.Super) int64 { return s.Total.FreeInodes }},
	{"cs_nffree", 1032, 64, func(s *ondisk.Super) int64 { return s.Total.FreeFrags }},
	{"cs_numclusters", 1040, 64, func(s *ondisk.Super) int64 { return s.NumClusters }},
	{"fs_time", 1072, 64, func(s *ondisk.Super) int64 { return s.Time }},
	{"fs_dsize", 1088, 64, func(s *ondisk.Super) int64 { return int64(s.DSize) }},
	{"fs_pendingblocks", 1104, 64, func(s *ondisk.Super) int64 { return s.PendingBlocks }},
	{"fs_pendinginodes", 1112, 32, func(s *ondisk.Super) int64 { return int64(s.PendingInodes) }},
	{"fs_snapinum[0]", 1116, 32, func(s *ondisk.Super) int64 { return int64(s.SnapInum[0]) }},
	{"fs_snapinum[19]", 1192, 32, func(s *ondisk.Super) int64 { return int64(s.SnapInum[19]) }},
	{"fs_avgfilesize", 1196, 32, func(s *ondisk.Super) int64 { return int64(s.AvgFileSize) }},
	{"fs_avgfpdir", 1200, 32, func(s *ondisk.Super) int64 { return int64(s.AvgFPDir) }},
	{"fs_mtime", 1208, 64, func(s *ondisk.Super) int64 { return s.MTime }},
	{"fs_sujfree", 1216, 32, func(s *ondisk.Super) int64 { return int64(s.SUJFree) }},
	{"fs_ckhash", 1304, 32, func(s *ondisk.Super) int64 { return int64(s.CkHash) }},
	{"fs_metackhash", 1308, 32, func(s *ondisk.Super) int64 { return int64(s.CheckHashes) }},
	{"fs_flags", 1312, 32, func(s *ondisk.Super) int64 { return int64(s.Flags) }},
	{"fs_maxsymlinklen", 1320, 32, func(s *ondisk.Super) int64 { return int64(s.MaxSymlink) }},
	{"fs_old_inodefmt", 1324, 32, func(s *ondisk.Super) int64 { return int64(s.InodeFmt) }},
	{"fs_maxfilesize", 1328, 64, func(s *ondisk.Super) int64 { return int64(s.MaxFileSize) }},
	{"fs_qbmask", 1336, 64, func(s *ondisk.Super) int64 { return s.QBMask }},
	{"fs_qfmask", 1344, 64, func(s *ondisk.Super) int64 { return s.QFMask }},
	{"fs_state", 1352, 32, func(s *ondisk.Super) int64 { return int64(s.State) }},
	{"fs_old_postblformat", 1356, 32, func(s *ondisk.Super) int64 { return int64(s.Old.PostblFormat) }},
	{"fs_old_nrpos", 1360, 32, func(s *ondisk.Super) int64 { return int64(s.Old.NRPos) }},
	{"fs_old_postbloff", 1364, 32, func(s *ondisk.Super) int64 { return int64(s.Old.PostblOff) }},
	{"fs_old_rotbloff", 1368, 32, func(s *ondisk.Super) int64 { return int64(s.Old.RotblOff) }},
}

// poke stores v in a field of b.
func poke(o endian.Order, b []byte, off, bits int, v int64) {
	switch bits {
	case 8:
		b[off] = byte(v)
	case 32:
		byteOrder(o).PutUint32(b[off:], uint32(v))
	case 64:
		byteOrder(o).PutUint64(b[off:], uint64(v))
	}
}

func TestSuperOffsets(t *testing.T) {
	for _, f := range flavours[2:] {
		base := encoded(build(t, f, 8192, 1024, 3))
		for i, fld := range superFields {
			b := bytes.Clone(base)
			want := int64(77 + i)
			if fld.bits == 64 {
				want |= 1 << 41
			}
			poke(f.order, b, fld.off, fld.bits, want)
			loc := decode(t, base, build(t, f, 8192, 1024, 3).Location).Location
			s, err := ondisk.DecodeSuper(b, loc)
			if err != nil {
				t.Errorf("%v: %s: %v", f, fld.name, err)
				continue
			}
			if got := fld.get(s); got != want {
				t.Errorf("%v: %s at %d: got %d, want %d", f, fld.name, fld.off, got, want)
			}
			out := bytes.Clone(b)
			s.Encode(out)
			if i := diffAt(out, b); i >= 0 && i/4*4 != 1304 {
				t.Errorf("%v: %s: encoded byte %d is %#x, want %#x", f, fld.name, i, out[i], b[i])
			}
		}
	}
}

// TestSuperKeepsUnknownBytes fills all that is no field with noise.
func TestSuperKeepsUnknownBytes(t *testing.T) {
	spares := [][2]int{{0, 8}, {108, 116}, {712, 728}, {928, 1000}, {1048, 1072}, {1204, 1208}, {1220, 1304}}
	for _, f := range flavours {
		b := encoded(build(t, f, 4096, 512, 2))
		r := random(1)
		for _, at := range spares {
			randomBytes(r, b[at[0]:at[1]])
		}
		randomBytes(r, b[1376:])
		s := decode(t, b, locationOf(f))
		s.Time++
		s.Total.FreeBlocks--
		s.Clean = ondisk.CleanWas
		want := bytes.Clone(b)
		if f.old {
			poke(f.order, want, 32, 32, s.Time)
			poke(f.order, want, 196, 32, s.Total.FreeBlocks)
		} else {
			poke(f.order, want, 1072, 64, s.Time)
			poke(f.order, want, 1016, 64, s.Total.FreeBlocks)
		}
		want[209] = ondisk.CleanWas
		got := bytes.Clone(b)
		randomBytes(r, got[:s.SBSize]) // whatever is there, all SBSize bytes are written
		s.Encode(got)
		if i := diffAt(got, want); i >= 0 {
			t.Errorf("%v: byte %d: got %#x, want %#x", f, i, got[i], want[i])
		}
	}
}

func locationOf(f flavour) int64 {
	if f.version == 2 {
		return ondisk.LocUFS2
	}
	return ondisk.LocUFS1
}

func TestSuperRoundTrip(t *testing.T) {
	for _, f := range flavours {
		for _, bsize := range []int32{4096, 8192, 16384, 32768, 65536} {
			for frag := int32(1); frag <= 8; frag *= 2 {
				s := build(t, f, bsize, bsize/frag, 3)
				s.MountPoint, s.VolName = "/mnt", "vol"
				s.SnapInum[0], s.QuotaFile[1] = 5, 6
				b := encoded(s)
				got := decode(t, b, s.Location)
				if f.old { // what has no place there
					s.VolName, s.SnapInum[0], s.QuotaFile[1] = got.VolName, 0, 0
					s.OldFlags = 0
				}
				got.Forget()
				if !reflect.DeepEqual(got, s) {
					t.Errorf("%v %d/%d:\ngot  %+v\nwant %+v", f, bsize, bsize/frag, *got, *s)
				}
			}
		}
	}
}

func TestSuperTexts(t *testing.T) {
	f := flavours[4]
	b := encoded(build(t, f, 4096, 512, 2))
	copy(b[212:], "/old\x00behind")
	s := decode(t, b, ondisk.LocUFS2)
	if s.MountPoint != "/old" {
		t.Errorf("mount point %q", s.MountPoint)
	}
	s.Encode(b)
	if string(b[212:223]) != "/old\x00behind" {
		t.Errorf("unchanged text became %q", b[212:223])
	}
	s.MountPoint = strings.Repeat("x", 1000)
	s.Encode(b)
	if got := decode(t, b, ondisk.LocUFS2).MountPoint; got != strings.Repeat("x", 467) {
		t.Errorf("long mount point: %d bytes", len(got))
	}
	s.MountPoint = "/n"
	s.Encode(b)
	if string(b[212:223]) != "/n"+strings.Repeat("\x00", 9) {
		t.Errorf("changed text became %q", b[212:223])
	}
}

func TestSuperReasons(t *testing.T) {
	good := encoded(build(t, flavours[4], 8192, 1024, 3))
	edit := func(f func(b []byte)) []byte {
		b := bytes.Clone(good)
		f(b)
		return b
	}
	put := func(off int, v uint32) func([]byte) {
		return func(b []byte) { poke(endian.Little, b, off, 32, int64(v)) }
	}
	v1old := encoded(build(t, flavours[0], 65536, 8192, 2))
	for _, c := range []struct {
		name   string
		b      []byte
		loc    int64
		reason ondisk.Reason
		text   string
	}{
		{"zeros", make([]byte, 8192), 8192, ondisk.NoMagic, "superblock at 8192: no magic number (0x00000000)"},
		{"unfinished", edit(put(1372, 0x19960408)), 65536, ondisk.Unfinished, "superblock at 65536: newfs did not finish"},
		{"unfinished, other order", edit(put(1372, 0x08049619)), 65536, ondisk.Unfinished, "did not finish"},
		{"copy", good, 8192, ondisk.Elsewhere, "superblock at 8192: a copy, the primary is at 65536"},
		{"old layout at 65536", v1old, 65536, ondisk.Elsewhere, "a copy, the primary is at 8192"},
		{"short", good[:1375], 65536, ondisk.Unreadable, "not readable"},
		{"short of its size", good[:1500], 65536, ondisk.Unreadable, "not readable"},
		{"fragment size 0", edit(put(52, 0)), 65536, ondisk.Insane, "superblock at 65536: fragment size 0"},
	} {
		_, err := ondisk.DecodeSuper(c.b, c.loc)
		var se *ondisk.SuperError
		if !errors.As(err, &se) || se.Reason != c.reason || !strings.Contains(se.Error(), c.text) || se.Location != c.loc {
			t.Errorf("%s: %v", c.name, err)
		} else if c.reason != ondisk.Unreadable && !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%s: %v is not EINVAL", c.name, err)
		}
	}
	if s, err := ondisk.DecodeSuper(v1old, 0); err != nil || s.Location != 0 {
		t.Errorf("old layout at 0: %v", err)
	}
	if s, err := ondisk.DecodeBackup(v1old, 65536); err != nil || s.Location != ondisk.LocUFS1 {
		t.Errorf("copy of an old layout: %v", err)
	}
	if s, err := ondisk.DecodeBackup(good, 1<<20); err != nil || s.Location != ondisk.LocUFS2 {
		t.Errorf("copy: %v", err)
	}
	ea := edit(put(1372, 0x19012038))
	s := decode(t, ea, 65536)
	if out := encoded(s); s.Version != 2 || !s.EAMagic || diffAt(out[:s.SBSize], ea[:s.SBSize]) >= 0 {
		t.Errorf("extended attribute magic: version %d, %v", s.Version, s.EAMagic)
	}
}

// TestSuperInsane gives each field that others are calculated from values that cannot be, alone; each has to be found, and named.
func TestSuperInsane(t *testing.T) {
	fields := []struct {
		off   int
		bits  int
		field string
		bad   []int64
	}{
		{8, 32, "offset of the superblock copies", []int64{0, -8, 1, 1 << 30}},
		{12, 32, "offset of the cylinder group headers", []int64{0, -8, 1, 8}},
		{16, 32, "offset of the inodes", []int64{0, -8, 1}},
		{20, 32, "offset of the data", []int64{0, -8, 1, 1 << 30}},
		{44, 32, "cylinder groups", []int64{0, -1, 1, 1 << 30}},
		{48, 32, "block size", []int64{0, -1, 2048, 131072, 5000, -0x80000000}},
		{52, 32, "fragment size", []int64{0, -1, 256, 16384, 1000, -0x80000000}},
		{56, 32, "fragments in a block", []int64{0, 1, 16, -8}},
		{72, 32, "block mask", []int64{0, 1}},
		{76, 32, "fragment mask", []int64{0, 1}},
		{80, 32, "block shift", []int64{0, 12, 64, -1}},
		{84, 32, "fragment shift", []int64{0, 12, 64, -1}},
		{92, 32, "blocks of a file in a cylinder group", []int64{0, -1}},
		{96, 32, "fragments-in-a-block shift", []int64{0, 64, -1}},
		{104, 32, "superblock size", []int64{0, 1375, 8193, -1}},
		{116, 32, "pointers in an indirect block", []int64{0, 1, -1, 1 << 20}},
		{120, 32, "inodes in a block", []int64{0, 1, -1, 1 << 20}},
		{156, 32, "summary area size", []int64{0, -1, 32, 1 << 30}},
		{160, 32, "cylinder group size", []int64{0, 175, 8193, -1, 176}},
		{184, 32, "inodes in a cylinder group", []int64{0, -1, 1, 0x7fffffe0}},
		{188, 32, "fragments in a cylinder group", []int64{0, -1, 1, 8, 0x7ffffff8}},
		{1080, 64, "fragments in the file system", []int64{0, -1, 1 << 62, 1 << 40, 100}},
		{1096, 64, "summary area address", []int64{0, -1, 1 << 62, 8}},
		{1316, 32, "cluster summary entries", []int64{1 << 20, 0x7fffffff}},
	}
	for _, f := range flavours[2:] {
		good := encoded(build(t, f, 8192, 1024, 3))
		for _, c := range fields {
			for _, v := range c.bad {
				b := bytes.Clone(good)
				poke(f.order, b, c.off, c.bits, v)
				_, err := ondisk.DecodeSuper(b, locationOf(f))
				var se *ondisk.SuperError
				if !errors.As(err, &se) || se.Reason != ondisk.Insane {
					t.Errorf("%v: %s %d: error %v", f, c.field, v, err)
				} else if !strings.Contains(se.Field, c.field) && !excusable(c.off, se.Field) {
					t.Errorf("%v: %s %d: error names %s", f, c.field, v, se.Field)
				}
			}
		}
	}
}

// excusable is where a wrong field shows as a contradiction in another one.
func excusable(off int, field string) bool {
	other := map[int][]string{
		8:   {"offset of the cylinder group headers"},
		12:  {"offset of the inodes"},
		16:  {"offset of the data"},
		44:  {"cylinder groups do not", "summary"},
		188: {"cylinder groups do not"},
		52:  {"fragments in a block"},
	}
	return slices.ContainsFunc(append(other[off], "cylinder groups do not"), func(s string) bool { return strings.Contains(field, s) })
}

func TestSuperSkew(t *testing.T) {
	f := flavours[0]
	s := build(t, f, 8192, 1024, 4)
	s.Old.CgOffset, s.Old.CgMask = 8, ^uint32(1)
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	for c, want := range []ondisk.Frag{0, 8, 0, 8} {
		if got := s.CgStart(c) - s.CgBase(c); got != want {
			t.Errorf("group %d starts %d after its base, want %d", c, got, want)
		}
	}
	for _, bad := range []int32{-8, 4, s.Fpg, 1 << 30} {
		s.Old.CgOffset = bad
		if err := s.Check(); err == nil {
			t.Errorf("skew %d is accepted", bad)
		}
	}
}

func TestOldLayout(t *testing.T) {
	for _, f := range flavours[:2] {
		b := encoded(build(t, f, 4096, 512, 2))
		for i := 860; i < 1116; i++ {
			if b[i] != 0xff {
				t.Fatalf("%v: new table byte %d is %#x", f, i, b[i])
			}
		}
		b[211] = ondisk.FlagUnclean
		s := decode(t, b, ondisk.LocUFS1)
		if s.Flags != ondisk.FlagUnclean || s.HasWAPBL() || s.HasQuota2() || s.HasSnapshots() || s.HasCheckHash(0) {
			t.Errorf("%v: flags %#x come from the tables", f, s.Flags)
		}
		if s.MaxSize() != 1<<39 || s.MaxBSize != 4096 || s.AvgFileSize != 16384 {
			t.Errorf("%v: size limit %d, extent %d, average %d", f, s.MaxSize(), s.MaxBSize, s.AvgFileSize)
		}
		s.Flags = 0
		s.MountPoint = "/x"
		s.Encode(b)
		if b[211] != 0 || string(b[212:215]) != "/x\x00" {
			t.Errorf("%v: flags %#x, mount point %q", f, b[211], b[212:215])
		}

		s.UpgradeLayout()
		if s.OldFlags != ondisk.FlagUpdated {
			t.Errorf("%v: upgraded: old flags %#x", f, s.OldFlags)
		}
		u := decode(t, encoded(s), ondisk.LocUFS1)
		if u.OldLayout || u.Size != s.Size || u.Time != s.Time || u.Total != s.Total || u.CSAddr != s.CSAddr || u.SnapInum[0] != 0 {
			t.Errorf("%v: upgraded: %+v", f, u)
		}
		u.Time++
		u.DowngradeLayout()
		d := decode(t, encoded(u), ondisk.LocUFS1)
		if !d.OldLayout || d.Size != s.Size || d.Time != s.Time+1 || d.Total != s.Total || d.CSAddr != s.CSAddr {
			t.Errorf("%v: downgraded: %+v", f, d)
		}
	}
}

func TestFindSuper(t *testing.T) {
	ufs2 := build(t, flavours[4], 4096, 512, 2)
	ufs1 := build(t, flavours[3], 4096, 512, 2)
	old64 := build(t, flavours[0], 65536, 8192, 2)
	lowUFS2 := build(t, flavours[5], 65536, 8192, 2) // as makefs makes it: primary at 8192, first copy at 65536
	lowUFS2.Location = ondisk.LocUFS1
	floppy := build(t, flavours[4], 4096, 512, 2)
	floppy.Location = 0
	piggy := build(t, flavours[4], 4096, 512, 2)
	piggy.Location = ondisk.LocPiggy
	for _, c := range []struct {
		name   string
		s      *ondisk.Super
		copies []int64
		looked int
	}{
		{"ufs2", ufs2, nil, 1},
		{"ufs1", ufs1, []int64{16384}, 2},
		{"old layout, 64K blocks", old64, []int64{65536}, 2},
		{"ufs2 at 8192", lowUFS2, []int64{65536}, 2},
		{"floppy", floppy, nil, 3},
		{"piggy", piggy, nil, 4},
	} {
		img := make([]byte, 300<<10)
		for _, at := range append(c.copies, c.s.Location) {
			c.s.Encode(img[at:])
		}
		s, seen, err := ondisk.FindSuper(bytes.NewReader(img), int64(len(img)))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if s.Location != c.s.Location || len(seen) != c.looked {
			t.Errorf("%s: found at %d after %d looks, want %d after %d", c.name, s.Location, len(seen), c.s.Location, c.looked)
		}
		for i, at := range ondisk.Locations()[:len(seen)] {
			if seen[i].Location != at || (seen[i].Err == nil) != (i == len(seen)-1) {
				t.Errorf("%s: seen %+v", c.name, seen[i])
			}
		}
	}
}

func TestFindSuperNothing(t *testing.T) {
	img := make([]byte, 100<<10)
	s := build(t, flavours[4], 4096, 512, 2)
	s.FSize = 0
	s.SBSize = 1536
	s.Encode(img[ondisk.LocUFS2:])
	_, seen, err := ondisk.FindSuper(bytes.NewReader(img), int64(len(img)))
	const want = "no FFS superblock (at 65536: fragment size 0; at 8192: no magic number (0x00000000); " +
		"at 0: no magic number (0x00000000); at 262144: not readable: unexpected EOF)"
	var se *ondisk.SuperError
	if err == nil || err.Error() != want || len(seen) != 4 {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if !errors.As(err, &se) || se.Reason != ondisk.Insane || !errors.Is(err, syscall.EINVAL) {
		t.Errorf("%v unwraps to %v", err, se)
	}
	_, _, err = ondisk.FindSuper(brokenDisk{}, 1<<20)
	if !errors.Is(err, syscall.EIO) {
		t.Errorf("broken disk: %v", err)
	}
	_, _, err = ondisk.FindSuper(bytes.NewReader(nil), 0)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("empty disk: %v", err)
	}
}

type brokenDisk struct{}

func (brokenDisk) ReadAt([]byte, int64) (int, error) { return 0, syscall.EIO }

func TestFirstBackups(t *testing.T) {
	want := []int64{16384, 32768, 65536, 73728, 81920, 98304, 131072}
	if got := ondisk.FirstBackups(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, name := range []string{"tree-ufs1-be-4096-512", "tree-ufs1-le-65536-8192", "tree-ufs2-le-4096-512", "tree-ufs2-be-32768-4096"} {
		img := golden(t, name, 256<<10)
		found := 0
		for _, at := range ondisk.FirstBackups() {
			if s, err := ondisk.ReadBackup(bytes.NewReader(img), int64(len(img)), at); err == nil && s.FragOffset(s.CgSuper(0)) == at {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%s: %d copies found", name, found)
		}
	}
}

func TestCheckDevice(t *testing.T) {
	s := build(t, flavours[4], 4096, 512, 2)
	if err := s.CheckDevice(int64(s.Size) * 512); err != nil {
		t.Error(err)
	}
	if err := s.CheckDevice(int64(s.Size)*512 - 1); err == nil || !strings.Contains(err.Error(), "more than the volume has") {
		t.Errorf("too small: %v", err)
	}
}

func TestFlagMeanings(t *testing.T) {
	fresh := func() *ondisk.Super { return build(t, flavours[4], 4096, 512, 2) }
	journal := ondisk.Journal{Version: 1, Location: ondisk.JournalInFile, Flags: 1, Loc: [4]uint64{1, 2, 3, 4}}

	s := fresh()
	s.Flags = ondisk.FlagWAPBL
	if s.HasWAPBL() || !s.HasNFS4ACLs() || s.WriteHazard() != "" {
		t.Error("0x100 without locators is FreeBSD's NFSv4 ACLs")
	}
	s.SetJournal(s.Order, journal)
	if !s.HasWAPBL() || s.HasNFS4ACLs() {
		t.Error("0x100 with locators is a log")
	}
	if got := decode(t, encoded(s), s.Location).Journal(s.Order); got != journal {
		t.Errorf("journal %+v, want %+v", got, journal)
	}
	s.SetJournal(endian.Big, journal)
	if got := s.Journal(endian.Big); got != journal || !s.HasWAPBL() {
		t.Errorf("journal of the other order: %+v", got)
	}
	s.Flags |= ondisk.FlagQuota2
	if s.HasWAPBL() || !s.HasNFS4ACLs() {
		t.Error("0x300 without quota fields is FreeBSD")
	}

	s = fresh()
	s.Flags, s.QuotaMagic = ondisk.FlagQuota2, ondisk.Quota2Magic
	s.CheckHashes = ondisk.HashSuper
	if !s.HasQuota2() || s.HasCheckHash(ondisk.HashSuper) || s.WriteHazard() != "" {
		t.Error("0x200 with the quota magic is quota2")
	}
	s.QuotaMagic = 1
	if s.HasQuota2() || s.HasCheckHash(ondisk.HashSuper) || s.WriteHazard() != "quota flag with quota magic 0x1" {
		t.Errorf("0x200 with rubbish: %q", s.WriteHazard())
	}
	s.QuotaMagic = 0
	if s.HasQuota2() || !s.HasCheckHash(ondisk.HashSuper) || s.HasCheckHash(ondisk.HashSuper|ondisk.HashGroup) {
		t.Error("0x200 with nothing is check hashes, by the bits of CheckHashes")
	}

	for _, c := range []struct {
		flags uint32
		clean uint8
		want  string
	}{
		{0, ondisk.CleanDirty, ""},
		{0x1000, ondisk.CleanIs, "unknown flags 0x1000"},
		{0x80000000, ondisk.CleanIs, "unknown flags 0x80000000"},
		{ondisk.FlagNeedsFsck, ondisk.CleanIs, "marked as needing fsck"},
		{ondisk.FlagSUJ, ondisk.CleanIs, ""},
		{ondisk.FlagSUJ, ondisk.CleanDirty, "journaled soft updates, and not clean"},
		{ondisk.FlagGJournal, ondisk.CleanWas, "gjournal, and not clean"},
		{ondisk.FlagSoftUpdate | ondisk.FlagACLs | ondisk.FlagMultilabel | ondisk.FlagTrim | ondisk.FlagNFS4ACLs, 0, ""},
	} {
		s := fresh()
		s.Flags, s.Clean = c.flags, c.clean
		if got := s.WriteHazard(); got != c.want {
			t.Errorf("flags %#x, clean %d: hazard %q, want %q", c.flags, c.clean, got, c.want)
		}
	}
	s = fresh()
	s.SnapInum[0] = 9
	if s.WriteHazard() != "has snapshots" {
		t.Errorf("snapshots: %q", s.WriteHazard())
	}
	s = fresh()
	s.Flags, s.SUJFree = ondisk.FlagSUJ, 77
	if s.WriteHazard() != "journaled soft updates, and unreferenced inodes from 77 on" {
		t.Errorf("unreferenced inodes: %q", s.WriteHazard())
	}
	s = fresh()
	s.Flags, s.CheckHashes = ondisk.FlagQuota2, ondisk.HashSuper|ondisk.HashDir
	if s.WriteHazard() != "unknown check hashes 0x11" {
		t.Errorf("hashes of directories: %q", s.WriteHazard())
	}
}

func TestSuperCheckHash(t *testing.T) {
	for _, f := range flavours[2:] {
		s := build(t, f, 8192, 1024, 2)
		s.Flags, s.CheckHashes = ondisk.FlagQuota2, ondisk.HashSuper
		b := encoded(s)
		r := decode(t, b, s.Location)
		if !r.HashOK() || r.CkHash == 0 {
			t.Errorf("%v: hash %#x", f, r.CkHash)
		}
		b[1300] ^= 1
		if r := decode(t, b, s.Location); r.HashOK() {
			t.Errorf("%v: hash is right after a change", f)
		}
		b[1300] ^= 1
		r.Time++
		const at = 1 << 20
		r.EncodeBackup(b, at)
		c, err := ondisk.DecodeBackup(b, at)
		if err != nil || !c.HashOK() {
			t.Fatalf("%v: copy: %v", f, err)
		}
		if got := byteOrder(f.order).Uint64(b[992:]); got != at {
			t.Errorf("%v: the copy says it is at %d", f, got)
		}
	}
}
