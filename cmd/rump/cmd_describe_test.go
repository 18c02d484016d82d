package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
	"rump/tests/golden"
)

func TestDumpfsCommand(t *testing.T) {
	dir := unpack(t, "tree-ufs2-be-8192-1024")
	name := "tree-ufs2-be-8192-1024.img"
	want := strings.Replace(golden.Text(t, "tree-ufs2-be-8192-1024.dumpfs.txt"), "/rdk", name, 1)
	code, out, errs := runIn(t, dir, "dumpfs", "-s", name)
	// The zone of this process may be another than that of the genuine tool.
	strip := func(s string) string {
		before, after, _ := strings.Cut(s, "\ttime\t")
		_, after, _ = strings.Cut(after, "\n")
		return before + after
	}
	if code != 0 || strip(out) != strip(want) || errs != "" {
		t.Errorf("status %d, %q, got\n%s\nwant\n%s", code, errs, out, want)
	}
	code, out, errs = runIn(t, dir, "dumpfs", "--json", "-sc", name)
	var v struct {
		Superblock struct{ Order string }
		Groups     []struct{ Cg int }
	}
	if err := json.Unmarshal([]byte(out), &v); err != nil || code != 0 || errs != "" || v.Superblock.Order != "be" || len(v.Groups) != 4 {
		t.Errorf("status %d, %v, %q, %+v", code, err, errs, v)
	}
	// One image that is none does not keep the other from being shown.
	if err := os.WriteFile(filepath.Join(dir, "none"), make([]byte, 1<<20), 0o666); err != nil {
		t.Fatal(err)
	}
	code, out, errs = runIn(t, dir, "dumpfs", "-m", "none", name)
	if code != 1 || !strings.Contains(errs, "none: no FFS superblock") || !strings.HasPrefix(out, "file system: "+name+"\ncs[]") {
		t.Errorf("status %d, %q, %q", code, errs, out)
	}
	if out, _, code := runTool(t, "/usr/sbin/dumpfs", "-F", "-s", filepath.Join(dir, name)); code != 0 || !strings.HasPrefix(out, "file system: ") {
		t.Errorf("by its old name: status %d, %q", code, out)
	}
}

func TestTunefsCommand(t *testing.T) {
	unclean := unpack(t, "unclean-default-1")
	dir := unpack(t, "tree-ufs1-be-8192-1024")
	name := "tree-ufs1-be-8192-1024.img"
	for _, c := range []struct {
		args      string
		code      int
		out, errs string
	}{
		{"-m 7 -A", 0, "", "swapping byte order\nrump tunefs: tuning " + name + "\nrump tunefs: minimum percentage of free space changes from 5% to 7%\n"},
		{"-m 7", 0, "", "minimum percentage of free space remains unchanged at 7%\n"},
		{"-e 1k -o space -L my-disk", 0, "", "maximum blocks per file in a cylinder group changes from 2048 to 1024\n"},
		{"-N", 0, "\tminimum percentage of free space 7%\n\toptimization preference: space\n", "tuning"},
		{"-N -m 20", 0, "\tminimum percentage of free space 20%\n", "changes from 7% to 20%"},
		{"-N -l 1m -q user", 0, "enabling user quotas\n", "log file size set to 1048576\n"},
		{"-m 100", 1, "", "minimum percentage of free space 100 is greater than 99\n"},
		{"-e 8g", 2, "", "too large"},
		{"-S 1000", 12, "", "sector size 1000 is not a power of two"},
		{"-o both", 2, "", "--optim must be one of"},
		{"-q all", 2, "", "must be one of"},
	} {
		argv := append([]string{"tunefs"}, append(strings.Fields(c.args), name)...)
		code, out, errs := runIn(t, dir, argv...)
		if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errs, c.errs) {
			t.Errorf("%s: status %d, %q, %q; want %d, %q, %q", c.args, code, out, errs, c.code, c.out, c.errs)
		}
	}
	code, out, _ := runIn(t, dir, "tunefs", "-N", name)
	if code != 0 || !strings.Contains(out, "volume label: my-disk\n") || !strings.Contains(out, "minimum percentage of free space 7%") || !strings.Contains(out, "quotas disabled") {
		t.Errorf("at the end: %s", out)
	}
	if code, out, errs := runIn(t, dir, "fsck", "-fn", name); code != 0 {
		t.Errorf("fsck: status %d, %s%s", code, out, errs)
	}
	held, err := blockdev.OpenFile(filepath.Join(dir, name), blockdev.FileOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	for _, tool := range []string{"tunefs -m 9", "resize_ffs -y -s 5m"} {
		if code, _, errs := runIn(t, dir, append(strings.Fields(tool), name)...); code != 1 || !strings.Contains(errs, "in use") {
			t.Errorf("%s of an image in use: status %d, %q", tool, code, errs)
		}
	}
	if code, _, errs := runIn(t, unclean, "tunefs", "-m", "9", "unclean-default-1.img"); code != 1 || !strings.Contains(errs, "not clean (fs_clean=0x2); run fsck") {
		t.Errorf("an unclean image: status %d, %q", code, errs)
	}
}

// fsSize is the bytes of the file system in an image, and of the image.
func fsSize(tb testing.TB, path string) (fs, file int64) {
	tb.Helper()
	dev, err := blockdev.OpenFile(path, blockdev.FileOptions{ReadOnly: true})
	if err != nil {
		tb.Fatal(err)
	}
	defer dev.Close()
	s, _, err := ondisk.FindSuper(dev, dev.Size())
	if err != nil {
		tb.Fatal(err)
	}
	return s.FragOffset(s.Size), dev.Size()
}

func TestResizeCommand(t *testing.T) {
	dir := unpack(t, "tree-ufs2-le-8192-1024")
	name := "tree-ufs2-le-8192-1024.img"
	path := filepath.Join(dir, name)
	for _, c := range []struct {
		args      string
		code      int
		out, errs string
		fs, file  int64 // after
	}{
		{"-c -s 6m", 0, "", "", 12 << 20, 12 << 20},
		{"-c -v -s 12m", 1, "Wouldn't change: already 12288 blocks\n", "", 12 << 20, 12 << 20},
		{"-c -v -s 5m", 0, "Would change: newsize: 5120 oldsize: 12288 fsdb: 1\n", "", 12 << 20, 12 << 20},
		{"-v -s 12m", 0, "No change requested: already 12288 blocks\n", "", 12 << 20, 12 << 20},
		{"-v -s 12288", 0, "Shrinking fs from 12288 blocks to 6144 blocks.\n", "", 6 << 20, 12 << 20},
		{"-s 1m", 1, "", "not enough free space", 6 << 20, 12 << 20},
		{"-s 100t", 1, "", "too many cylinder groups", 6 << 20, 12 << 20},
		{"-s 0", 1, "", "must be more than 0", 6 << 20, 12 << 20},
		{"-s x", 1, "", "is no size", 6 << 20, 12 << 20},
		{"-p", 0, "", "", 12 << 20, 12 << 20},
		{"-v -s 40m", 0, "Growing fs from 12288 blocks to 40960 blocks.\n", "", 40 << 20, 40 << 20},
		{"-t -s 8m", 0, "", "", 8 << 20, 8 << 20},
		{"-y -s 9000k", 0, "", "", 9000 << 10, 9000 << 10},
	} {
		argv := append([]string{"resize_ffs"}, append(strings.Fields(c.args), name)...)
		code, out, errs := runIn(t, dir, argv...)
		fs, file := fsSize(t, path)
		if code != c.code || !strings.Contains(out, c.out) || c.out == "" && out != "" || !strings.Contains(errs, c.errs) || c.errs == "" && errs != "" || fs != c.fs || file != c.file {
			t.Errorf("%s: status %d, %q, %q, %d bytes in %d; want %d, %q, %q, %d in %d", c.args, code, out, errs, fs, file, c.code, c.out, c.errs, c.fs, c.file)
		}
		if code, out, _ := runIn(t, dir, "fsck", "-fn", name); code != 0 {
			t.Fatalf("after %s fsck finds\n%s", c.args, out)
		}
	}
}

// TestResizeInPartition keeps to the partition, and never cuts a file that has others.
func TestResizeInPartition(t *testing.T) {
	dir := unpack(t, "label-ffs-mbr")
	spec := "label-ffs-mbr.img%DISKLABEL:a%"
	for _, c := range []struct {
		args string
		code int
		errs string
	}{
		{"-s 4m", 0, ""}, {"-s 20m", 1, "there are only 10321920 bytes, not 20971520"}, {"-t -s 3m", 1, "only an image file that is all one file system can be cut"}, {"", 0, ""},
	} {
		argv := append([]string{"resize_ffs"}, append(strings.Fields(c.args), spec)...)
		code, _, errs := runIn(t, dir, argv...)
		if code != c.code || !strings.Contains(errs, c.errs) {
			t.Errorf("%q: status %d, %q", c.args, code, errs)
		}
		if code, out, _ := runIn(t, dir, "fsck", "-fn", spec); code != 0 {
			t.Fatalf("after %s fsck finds\n%s", c.args, out)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "label-ffs-mbr.img"))
	if err != nil || info.Size() != 16<<20 {
		t.Errorf("the image has %d bytes, %v", info.Size(), err)
	}
}

// TestResizeChecks refuses what is marked clean and is not, unless told not to look.
func TestResizeChecks(t *testing.T) {
	dir := unpack(t, "tree-ufs2-le-8192-1024")
	name := "tree-ufs2-le-8192-1024.img"
	dev, err := blockdev.OpenFile(filepath.Join(dir, name), blockdev.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s, _, err := ondisk.FindSuper(dev, dev.Size())
	if err != nil {
		t.Fatal(err)
	}
	s.Total.FreeBlocks += 5
	b := make([]byte, s.SBSize)
	s.Encode(b)
	if _, err := dev.WriteAt(b, s.Location); err != nil {
		t.Fatal(err)
	}
	dev.Close()
	if code, _, errs := runIn(t, dir, "resize_ffs", "-s", "8m", name); code != 1 || !strings.Contains(errs, "things are wrong with it; run fsck -f first") {
		t.Errorf("status %d, %q", code, errs)
	}
	if code, _, errs := runIn(t, dir, "resize_ffs", "-y", "-s", "8m", name); code != 0 {
		t.Errorf("with -y: status %d, %q", code, errs)
	}
}

func TestDumpCommand(t *testing.T) {
	dir := unpack(t, "frag-ufs1")
	code, out, errs := runIn(t, dir, "dump", "--map", "frag-ufs1.img")
	if code != 0 || errs != "" || !strings.HasPrefix(out, "frag-ufs1.img: UFS1, little-endian, 6 MiB, 4 cylinder groups of 1.5 MiB") || strings.Contains(out, "\x1b") || !strings.Contains(out, " F file data ") {
		t.Errorf("status %d, %q, %s", code, errs, out)
	}
	code, out, _ = runIn(t, dir, "dump", "--map", "--color=always", "frag-ufs1.img")
	if code != 0 || !strings.Contains(out, "\x1b[38;5;") {
		t.Errorf("status %d, no colours in\n%s", code, out)
	}
	code, out, _ = runIn(t, dir, "dump", "--map", "-o", "-", "frag-ufs1.img")
	if code != 0 || wellFormed(strings.NewReader(out)) != nil {
		t.Errorf("status %d, %v, %.300s", code, wellFormed(strings.NewReader(out)), out)
	}
	for _, file := range []string{"a.svg", "b.png", "c.PNG"} {
		if code, out, errs := runIn(t, dir, "dump", "--map", "-o", file, "frag-ufs1.img"); code != 0 || out != "" || errs != "" {
			t.Errorf("%s: status %d, %q, %q", file, code, out, errs)
		}
		f, err := os.Open(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "svg") {
			err = wellFormed(f)
		} else {
			_, err = png.Decode(f)
		}
		if f.Close(); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	if code, _, errs := runIn(t, dir, "dump", "-o", "x.jpg", "frag-ufs1.img"); code != 1 || !strings.Contains(errs, "must end in .svg or .png") {
		t.Errorf("status %d, %q", code, errs)
	}
	if code, _, errs := runIn(t, dir, "dump", "-o", "no/such/x.png", "frag-ufs1.img"); code != 1 || !strings.Contains(errs, "no such file") {
		t.Errorf("status %d, %q", code, errs)
	}
	if code, out, _ := runIn(t, dir, "dump", "frag-ufs1.img"); code != 0 || !strings.HasPrefix(out, "file system: frag-ufs1.img\nformat\tFFSv1\n") {
		t.Errorf("status %d, %.100s", code, out)
	}
}

// wellFormed reads XML to its end.
func wellFormed(r io.Reader) error {
	d := xml.NewDecoder(r)
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}
