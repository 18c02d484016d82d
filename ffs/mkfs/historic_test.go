package mkfs_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"rump/ffs/mkfs"
	"rump/ffs/ondisk"
	"rump/internal/endian"
	"rump/rumpfs/blockdev"
)

// historicMakefs finds the tool that Debian has.
func historicMakefs(tb testing.TB) string {
	tb.Helper()
	for _, p := range []string{"/usr/sbin/makefs", "/usr/bin/makefs"} {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	if os.Getenv("RUMP_TEST_REQUIRE") == "1" {
		tb.Fatal("makefs is missing (Debian package makefs)")
	}
	tb.Skip("makefs is missing (Debian package makefs)")
	return ""
}

// TestMakefsEqualsHistoric holds text and geometry of images of given sizes against those of the historic tool.
func TestMakefsEqualsHistoric(t *testing.T) {
	tool := historicMakefs(t)
	maker := &treeMaker{tb: t, root: t.TempDir()}
	for i := range 30 {
		maker.file(fmt.Sprintf("d%d/f%d", i%4, i), i*100)
	}
	out := filepath.Join(t.TempDir(), "x.img")
	for _, c := range []struct {
		size int64
		args string
		m    mkfs.MakefsOptions
	}{
		{1 << 20, "", mkfs.MakefsOptions{}},
		{4 << 20, "version=2", mkfs.MakefsOptions{Version: 2}},
		{30 << 20, "version=2,bsize=4096,fsize=512", mkfs.MakefsOptions{Version: 2, BlockSize: 4096, FragSize: 512}},
		{100 << 20, "density=4096", mkfs.MakefsOptions{Density: 4096}},
		{100 << 20, "density=2048,version=2,bsize=16384,fsize=2048", mkfs.MakefsOptions{Version: 2, Density: 2048, BlockSize: 16384, FragSize: 2048}},
		{60 << 20, "minfree=0,optimization=space", mkfs.MakefsOptions{MinFree: mkfs.Ptr(0), Space: true}},
		{50 << 20, "bsize=65536,fsize=8192,version=2", mkfs.MakefsOptions{Version: 2, BlockSize: 65536, FragSize: 8192}},
		{20 << 20, "maxbpcg=3000,density=8192", mkfs.MakefsOptions{MaxBlocksPerGroup: 3000, Density: 8192}},
		{33<<20 + 8192, "density=5000,bsize=4096,fsize=1024", mkfs.MakefsOptions{Density: 5000, BlockSize: 4096, FragSize: 1024}},
		{20 << 20, "avgfilesize=1000,avgfpdir=5,maxbpf=77", mkfs.MakefsOptions{AvgFileSize: 1000, AvgFPDir: 5, MaxBPG: 77}},
	} {
		for _, order := range []endian.Order{endian.Little, endian.Big} {
			args := []string{"-B", order.String(), "-s", fmt.Sprint(c.size)}
			if c.args != "" {
				args = append(args, "-o", c.args)
			}
			text, err := exec.Command(tool, append(args, out, maker.root)...).CombinedOutput()
			if err != nil {
				t.Fatalf("makefs %v: %v: %s", args, err, text)
			}
			m := c.m
			m.Order, m.Name, m.MinSize, m.MaxSize, m.HistoricSuper = order, out, c.size, c.size, true
			dev := blockdev.NewMemory(c.size)
			r, err := mkfs.Makefs(context.Background(), mkfs.OnDevice(dev), mkfs.Source{Dirs: []string{maker.root}}, m)
			if err != nil {
				t.Fatalf("%v: %v", args, err)
			}
			if got := r.Text(); got != string(text) {
				t.Errorf("%v:\n%swant:\n%s", args, got, text)
			}
			compareSupers(t, strings.Join(args, " "), r.Super, out)
			checkClean(t, dev, false)
		}
	}
}

// compareSupers compares the fields of two superblocks that follow from the options.
func compareSupers(t *testing.T, what string, got *ondisk.Super, image string) {
	t.Helper()
	dev, err := blockdev.OpenFile(image, blockdev.FileOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	want, _, err := ondisk.FindSuper(dev, dev.Size())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"sblkno", "cblkno", "iblkno", "dblkno", "ncg", "bsize", "fsize", "minfree", "maxcontig", "maxbpg", "fsbtodb", "nindir", "inopb",
		"optim", "cssize", "cgsize", "ipg", "fpg", "size", "dsize", "csaddr", "contigsum", "maxfilesize",
	} {
		if g, w := field(t, got, name), field(t, want, name); g != w {
			t.Errorf("%s: %s is %d, want %d", what, name, g, w)
		}
	}
	if got.AvgFileSize != want.AvgFileSize || got.AvgFPDir != want.AvgFPDir || got.MaxBSize != want.MaxBSize {
		t.Errorf("%s: %d %d %d, want %d %d %d", what, got.AvgFileSize, got.AvgFPDir, got.MaxBSize, want.AvgFileSize, want.AvgFPDir, want.MaxBSize)
	}
}
