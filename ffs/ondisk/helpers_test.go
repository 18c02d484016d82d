package ondisk_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rump/ffs/ondisk"
	"rump/internal/endian"
)

const imageDir = "../../tests/testdata/images"

// goldenNames are the golden images that are bare file systems and whose name matches a pattern.
func goldenNames(tb testing.TB, pattern string) []string {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join(imageDir, pattern+".img.gz"))
	if err != nil {
		tb.Fatal(err)
	}
	var names []string
	for _, p := range paths {
		name := strings.TrimSuffix(filepath.Base(p), ".img.gz")
		if !strings.HasPrefix(name, "label-") && !strings.HasPrefix(name, "cgd-") {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		tb.Fatalf("no golden image matches %s", pattern)
	}
	return names
}

// golden unpacks the first limit bytes of a golden image, or all of it if limit is 0.
func golden(tb testing.TB, name string, limit int64) []byte {
	tb.Helper()
	return gunzip(tb, filepath.Join(imageDir, name+".img.gz"), limit)
}

func gunzip(tb testing.TB, path string, limit int64) []byte {
	tb.Helper()
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	var r io.Reader = z
	if limit > 0 {
		r = io.LimitReader(z, limit)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
	return b
}

// find is the superblock of an image; the caller's flag for Apple UFS is set by the label.
func find(tb testing.TB, img []byte) *ondisk.Super {
	tb.Helper()
	s, _, err := ondisk.FindSuper(bytes.NewReader(img), int64(len(img)))
	if err != nil {
		tb.Fatal(err)
	}
	_, s.Apple = ondisk.DecodeAppleLabel(img[ondisk.AppleLabelOffset:])
	return s
}

// flavour is a kind of volume.
type flavour struct {
	version int
	order   endian.Order
	old     bool // the layout and inode format of newfs -O 0
}

func (f flavour) String() string {
	v := f.version
	if f.old {
		v = 0
	}
	return fmt.Sprintf("ufs%d-%v", v, f.order)
}

var flavours = []flavour{
	{1, endian.Little, true}, {1, endian.Big, true},
	{1, endian.Little, false}, {1, endian.Big, false},
	{2, endian.Little, false}, {2, endian.Big, false},
}

// build is a sound superblock of ncg groups; the last is half as large as the others.
func build(tb testing.TB, f flavour, bsize, fsize, ncg int32) *ondisk.Super {
	tb.Helper()
	s := ondisk.NewSuper(f.version, f.order, bsize, fsize)
	if f.old {
		s.OldLayout = true
		s.InodeFmt, s.MaxSymlink = ondisk.InodeFmt42, 0
	}
	frags := func(n int64) ondisk.Frag { return ondisk.Frag(s.RoundBlocks(n) / int64(fsize)) }
	s.SblkNo = frags(s.Location + ondisk.SuperArea)
	s.CblkNo = s.SblkNo + frags(ondisk.SuperArea)
	s.IblkNo = s.CblkNo + ondisk.Frag(s.Frag)
	s.Ipg = 4 * s.Inopb
	s.DblkNo = s.IblkNo + 4*ondisk.Frag(s.Frag)
	s.Fpg = (int32(s.DblkNo) + 40*s.Frag) &^ 7
	s.Ncg = ncg
	s.Size = ondisk.Frag(s.Fpg)*ondisk.Frag(ncg) - 20*ondisk.Frag(s.Frag) - 3%ondisk.Frag(s.Frag)
	s.DSize = s.Size - s.DblkNo
	s.CSAddr = s.CgData(0)
	s.CSSize = int32(s.RoundFrags(int64(ncg) * ondisk.SummarySize))
	s.MaxContig, s.ContigSum = 8, 8
	s.MaxBPG, s.MinFree = bsize/8, 5
	s.CgSize = bsize
	if f.version == 1 {
		spc := s.Fpg * s.Old.NSPF
		s.Old.SPC, s.Old.NSect, s.Old.NPSect, s.Old.NCyl = spc, spc, spc, ncg
	}
	s.Time = 1234567890
	if err := s.Check(); err != nil {
		tb.Fatalf("%v: %v", f, err)
	}
	return s
}

// encoded is the superblock area as it stands on the disk.
func encoded(s *ondisk.Super) []byte {
	b := make([]byte, ondisk.SuperArea)
	s.Encode(b)
	return b
}

// decode is DecodeSuper where it has to work.
func decode(tb testing.TB, b []byte, loc int64) *ondisk.Super {
	tb.Helper()
	s, err := ondisk.DecodeSuper(b, loc)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// byteOrder is the standard library's idea of o.
func byteOrder(o endian.Order) binary.ByteOrder {
	if o.IsBig() {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// random is a source that starts the same each time; the seed shows up in failure messages.
func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x5eed)) }

func randomBytes(r *rand.Rand, b []byte) []byte {
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// diffAt is the first place where a and b differ, or -1.
func diffAt(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	if len(a) != len(b) {
		return min(len(a), len(b))
	}
	return -1
}
