package mkfs_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"rump/ffs/mkfs"
	"rump/ffs/ondisk"
	"rump/internal/endian"
	"rump/rumpfs/blockdev"
)

// parseNewfs reads an option line of the genuine newfs, as far as it is used in geometry.tsv.
func parseNewfs(tb testing.TB, line string) mkfs.Options {
	tb.Helper()
	var o mkfs.Options
	words := strings.Split(line, " ")
	for i := 0; i < len(words); i += 2 {
		flag, arg := words[i], words[i+1]
		n, _ := strconv.Atoi(arg)
		switch flag {
		case "-O":
			o.Version = max(n, 1)
			o.Old = n == 0
		case "-B":
			o.Order = orderOf(arg == "be")
		case "-b":
			o.BlockSize = n
		case "-f":
			o.FragSize = n
		case "-i":
			o.Density = int64(n)
		case "-m":
			o.MinFree = mkfs.Ptr(n)
		case "-s":
			o.Size = int64(n) * 512
		case "-o":
			o.Space = arg == "space"
		case "-e":
			o.MaxBPG = n
		case "-a":
			o.MaxContig = n
		case "-g":
			o.AvgFileSize = n
		case "-h":
			o.AvgFPDir = n
		case "-q":
			o.UserQuota = o.UserQuota || arg == "user"
			o.GroupQuota = o.GroupQuota || arg == "group"
		case "-v":
			o.AppleName = strings.Join(words[i+1:], " ")
			return o
		default:
			tb.Fatalf("option %s", flag)
		}
	}
	return o
}

// field is a superblock field by its column in geometry.tsv.
func field(tb testing.TB, s *ondisk.Super, name string) int64 {
	tb.Helper()
	fields := map[string]int64{
		"sblkno": int64(s.SblkNo), "cblkno": int64(s.CblkNo), "iblkno": int64(s.IblkNo), "dblkno": int64(s.DblkNo),
		"ncg": int64(s.Ncg), "bsize": int64(s.BSize), "fsize": int64(s.FSize), "minfree": int64(s.MinFree),
		"maxcontig": int64(s.MaxContig), "maxbpg": int64(s.MaxBPG), "fsbtodb": int64(s.FsbToDb), "sbsize": int64(s.SBSize),
		"nindir": int64(s.Nindir), "inopb": int64(s.Inopb), "nspf": int64(s.Old.NSPF), "optim": int64(s.Optim),
		"npsect": int64(s.Old.NPSect), "cssize": int64(s.CSSize), "cgsize": int64(s.CgSize), "spc": int64(s.Old.SPC),
		"ncyl": int64(s.Old.NCyl), "cpg": int64(s.Old.CPG), "ipg": int64(s.Ipg), "fpg": int64(s.Fpg),
		"oldflags": int64(s.OldFlags), "size": int64(s.Size), "dsize": int64(s.DSize), "csaddr": int64(s.CSAddr),
		"contigsum": int64(s.ContigSum), "symlink": int64(s.MaxSymlink), "inodefmt": int64(s.InodeFmt),
		"maxfilesize": int64(s.MaxFileSize),
	}
	v, ok := fields[name]
	if !ok {
		tb.Fatalf("no field %s", name)
	}
	return v
}

func TestGeometryEqualsGenuine(t *testing.T) {
	f, err := os.Open("testdata/geometry.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var head []string
	rows := 0
	for sc := bufio.NewScanner(f); sc.Scan(); {
		cols := strings.Split(sc.Text(), "\t")
		if head == nil {
			head = cols
			continue
		}
		rows++
		size, _ := strconv.ParseInt(cols[1], 10, 64)
		o := parseNewfs(t, cols[2])
		if o.Size > 0 {
			size = o.Size
		}
		s, err := mkfs.Geometry(size, o)
		if err != nil {
			t.Errorf("%s: %v", cols[0], err)
			continue
		}
		for i := 3; i < len(cols); i++ {
			if got := field(t, s, head[i]); fmt.Sprint(got) != cols[i] {
				t.Errorf("%s (newfs %s, %d bytes): %s is %d, want %s", cols[0], cols[2], size, head[i], got, cols[i])
			}
		}
	}
	if rows < 50 {
		t.Errorf("%d rows, want at least 50", rows)
	}
}

// TestGeometryWorkedExamples are disks whose numbers were worked out by hand and confirmed with the genuine tool.
func TestGeometryWorkedExamples(t *testing.T) {
	for _, c := range []struct {
		sectors                        int64
		version                        int
		bsize, fsize, ncg, fpg, ipg    int32
		sblk, cblk, iblk, dblk         ondisk.Frag
		cgsize, contig                 int32
		dsize, nbfree, nffree, nifree  int64
		second                         int64 // sector of the second backup
		size                           ondisk.Frag
		ndirFree, nbAfter, nfAfter, ni int64 // when the root directory has been made
	}{
		{2880, 1, 4096, 512, 4, 720, 160, 32, 48, 56, 96, 512, 16, 2591, 323, 7, 638, 752, 2880, 1, 322, 14, 637},
		{20480, 1, 4096, 512, 4, 5120, 1216, 32, 48, 56, 360, 1536, 16, 19135, 2391, 7, 4862, 5152, 20480, 1, 2390, 14, 4861},
		{204800, 1, 8192, 1024, 4, 25600, 6208, 16, 24, 32, 808, 5120, 8, 99215, 12401, 7, 24830, 51232, 102400, 1, 12400, 14, 24829},
		{204800, 2, 8192, 1024, 4, 25600, 6016, 72, 80, 88, 1592, 5120, 8, 96247, 12030, 7, 24062, 51344, 102400, 1, 12029, 14, 24061},
		{4194304, 2, 16384, 2048, 12, 87384, 21184, 40, 48, 56, 2704, 16384, 4, 1016567, 127070, 7, 254206, 349696, 1048576, 1, 127069, 14, 254205},
	} {
		s, err := mkfs.Geometry(c.sectors*512, mkfs.Options{Version: c.version})
		if err != nil {
			t.Errorf("%d sectors: %v", c.sectors, err)
			continue
		}
		got := []any{s.BSize, s.FSize, s.Ncg, s.Fpg, s.Ipg, s.SblkNo, s.CblkNo, s.IblkNo, s.DblkNo, s.CgSize, s.ContigSum, s.Size}
		want := []any{c.bsize, c.fsize, c.ncg, c.fpg, c.ipg, c.sblk, c.cblk, c.iblk, c.dblk, c.cgsize, c.contig, c.size}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%d sectors, version %d: %v, want %v", c.sectors, c.version, got, want)
		}
		totals := ondisk.Totals{FreeBlocks: c.nbfree, FreeInodes: c.nifree, FreeFrags: c.nffree}
		if s.Total != totals {
			t.Errorf("%d sectors, version %d: totals %+v, want %+v", c.sectors, c.version, s.Total, totals)
		}
		if got := s.FragOffset(s.CgSuper(1)) / 512; got != c.second {
			t.Errorf("%d sectors, version %d: second backup at %d, want %d", c.sectors, c.version, got, c.second)
		}
	}
}

func TestGeometryRefuses(t *testing.T) {
	const mega = 1 << 20
	for _, c := range []struct {
		size int64
		o    mkfs.Options
		code int
		msg  string
	}{
		{0, mkfs.Options{}, 13, "preposterous size 0"},
		{4 * mega, mkfs.Options{AvgFileSize: -1}, 14, "illegal expected average file size -1"},
		{4 * mega, mkfs.Options{AvgFPDir: -5}, 15, "illegal expected number of files per directory -5"},
		{4 * mega, mkfs.Options{BlockSize: 5000, FragSize: 1024}, 16, "block size must be a power of 2, not 5000"},
		{4 * mega, mkfs.Options{BlockSize: 8192, FragSize: 1000}, 17, "fragment size must be a power of 2, not 1000"},
		{4 * mega, mkfs.Options{BlockSize: 8192, FragSize: 1024, SectorSize: 2048}, 18, "fragment size 1024 is too small, minimum is 2048"},
		{4 * mega, mkfs.Options{BlockSize: 2048, FragSize: 512}, 19, "block size 2048 is too small, minimum is 4096"},
		{4 * mega, mkfs.Options{BlockSize: 131072}, 19, "block size 131072 is too large, maximum is 65536"},
		{4 * mega, mkfs.Options{BlockSize: 4096, FragSize: 8192}, 20, "block size (4096) cannot be smaller than fragment size (8192)"},
		{4 * mega, mkfs.Options{BlockSize: 16384, FragSize: 1024}, 21, "fragment size 1024 is too small, minimum with block size 16384 is 2048"},
		{2 << 40, mkfs.Options{BlockSize: 8192, FragSize: 1024}, 22, "Too many fragments (0x80000000) for a FFSv1 filesystem"},
		{40448, mkfs.Options{}, 23, "Filesystem size 79 < minimum size of 80"},
		{32768, mkfs.Options{}, 23, "Filesystem size 64 < minimum size of 80"},
		{64 << 40, mkfs.Options{Version: 2, BlockSize: 4096, FragSize: 512, Density: 1 << 40}, 40,
			"Too many cylinder groups to fit summary information into first cylinder group"},
		{4 * mega, mkfs.Options{Version: 3}, 1, "no such version of the file system: 3"},
		{4 * mega, mkfs.Options{Version: 2, Old: true}, 1, "the 4.3BSD format is one of version 1"},
		{4 * mega, mkfs.Options{ExtAttr: true}, 1, "extended attributes need version 2"},
		{4 * mega, mkfs.Options{AppleName: "a:b"}, 1, `Apple volume name "a:b" holds a colon, a slash or a NUL`},
		{4 * mega, mkfs.Options{MinFree: mkfs.Ptr(100)}, 1, "illegal free space 100%, must be 0 to 99"},
		{4 * mega, mkfs.Options{SectorSize: 500}, 1, "sector size 500 is not a power of 2 from 512 to 8192"},
		{4 * mega, mkfs.Options{Old: true, UserQuota: true}, 1, "quotas need the present format, not that of 4.3BSD or Apple"},
	} {
		_, err := mkfs.Geometry(c.size, c.o)
		var refused *mkfs.Error
		if !errors.As(err, &refused) {
			t.Errorf("%d bytes %+v: %v, want %q", c.size, c.o, err, c.msg)
			continue
		}
		if refused.Code != c.code || refused.Msg != c.msg {
			t.Errorf("%d bytes %+v: code %d %q, want %d %q", c.size, c.o, refused.Code, refused.Msg, c.code, c.msg)
		}
	}
}

func TestReportText(t *testing.T) {
	report := func(sectors int64, o mkfs.Options) mkfs.Report {
		s, err := mkfs.Geometry(sectors*512, o)
		if err != nil {
			t.Fatal(err)
		}
		return mkfs.Report{Name: "/dev/rwd0a", Super: s, SectorSize: 512, NoWrite: o.NoWrite}
	}
	small := "/dev/rwd0a: 100.0MB (204800 sectors) block size 8192, fragment size 1024\n" +
		"\tusing 4 cylinder groups of 25.00MB, 3200 blks, 6208 inodes.\n"
	large := "/dev/rwd0a: 2048.0MB (4194304 sectors) block size 16384, fragment size 2048\n" +
		"\tusing 12 cylinder groups of 170.67MB, 10923 blks, 21184 inodes.\n"
	const head = "super-block backups (for fsck_ffs -b #) at:\n"
	for _, c := range []struct {
		sectors int64
		o       mkfs.Options
		level   int
		want    string
	}{
		{204800, mkfs.Options{}, mkfs.Silent, ""},
		{204800, mkfs.Options{}, mkfs.Sizes, small},
		{204800, mkfs.Options{}, mkfs.Progress, small + strings.Repeat(".", 79) + "\n"},
		{204800, mkfs.Options{}, mkfs.Backups, small + head + "32, 51232, 102432, 153632,\n"},
		{204800, mkfs.Options{NoWrite: true}, mkfs.Backups, small + head + "32, 51232, 102432, 153632,\n"},
		{4194304, mkfs.Options{Version: 2}, mkfs.Backups, large + head +
			"160, 349696, 699232, 1048768, 1398304, 1747840, 2097376, 2446912, 2796448,\n" + strings.Repeat(".", 79) + "\n"},
		{4194304, mkfs.Options{Version: 2, NoWrite: true}, mkfs.Backups, large + head +
			"160, 349696, 699232, 1048768, 1398304, 1747840, 2097376, 2446912, 2796448, ...\n"},
		{4194304, mkfs.Options{Version: 2}, mkfs.All, large + head +
			"    160,  349696,  699232, 1048768, 1398304, 1747840, 2097376, 2446912,\n" +
			"2796448, 3145984, 3495520, 3845056,\n"},
	} {
		if got := report(c.sectors, c.o).Text(c.level, 80); got != c.want {
			t.Errorf("%d sectors, level %d:\n%q\nwant\n%q", c.sectors, c.level, got, c.want)
		}
	}
}

func TestMinFreeChangesOptimisation(t *testing.T) {
	dev := blockdev.NewMemory(4 << 20)
	r := newfs(t, dev, mkfs.Options{MinFree: mkfs.Ptr(0), Order: endian.Big})
	if r.Super.Optim != ondisk.OptimSpace || len(r.Warnings) != 1 {
		t.Errorf("optimisation %d with warnings %q, want space and one", r.Super.Optim, r.Warnings)
	}
	r = newfs(t, dev, mkfs.Options{MinFree: mkfs.Ptr(0), Space: true})
	if len(r.Warnings) != 0 {
		t.Errorf("warnings %q, want none", r.Warnings)
	}
}
