package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rump/tests/golden"
)

// runIn executes a command line as main does, in directory dir, and returns what it printed.
func runIn(t *testing.T, dir string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Chdir(dir)
	var out, errs bytes.Buffer
	e := &env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" }}
	code = run(context.Background(), e, append([]string{"rump"}, args...))
	return code, out.String(), errs.String()
}

// unpack writes a golden image into a directory of the test.
func unpack(t *testing.T, name string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	m := golden.Load(t, name)
	f, err := os.Create(filepath.Join(dir, name+".img"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(m.Size()); err != nil {
		t.Fatal(err)
	}
	page := make([]byte, 65536)
	for off := int64(0); off < m.Size(); off += int64(len(page)) {
		p := page[:min(int64(len(page)), m.Size()-off)]
		if _, err := m.ReadAt(p, off); err != nil {
			t.Fatal(err)
		}
		if bytes.Count(p, []byte{0}) == len(p) {
			continue
		}
		if _, err := f.WriteAt(p, off); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestInfoText(t *testing.T) {
	for _, c := range []struct{ image, spec, want string }{
		{"label-ffs-mbr", "label-ffs-mbr.img", `label-ffs-mbr.img: 16777216 bytes
MBR:1        NetBSD       offset 32256        size 15696384
DISKLABEL:a  4.2BSD       offset 32256        size 10321920
  UFS2, little-endian, 10321920 bytes, block 8192, fragment 1024, clean, last mounted on "/mnt"
  rump mount 'label-ffs-mbr.img%DISKLABEL:a%' DIR
DISKLABEL:b  swap         offset 10354176     size 2064384
DISKLABEL:c  unused       offset 32256        size 15696384  (whole)
DISKLABEL:d  unused       offset 0            size 16777216  (whole)
DISKLABEL:e  unknown      offset 12418560     size 1048576
DISKLABEL:f  4.4LFS       offset 13467136     size 1024000
DISKLABEL:i  MSDOS        offset 15728640     size 1048576
MBR:2        FAT32        offset 15728640     size 1048576
`},
		{"appleufs-be", "appleufs-be.img", `appleufs-be.img: 6291456 bytes
  Apple UFS, big-endian, 6291456 bytes, block 4096, fragment 1024, clean, label "Golden Volume", last mounted on "/mnt"
  rump mount appleufs-be.img DIR
`},
		{"unclean-default-1", "unclean-default-1.img", `unclean-default-1.img: 16777216 bytes
  UFS2, little-endian, 16777216 bytes, block 16384, fragment 2048, not clean, last mounted on "/mnt"
  read-only: not clean (fs_clean=0x2); run fsck
  rump mount -o ro unclean-default-1.img DIR
`},
		{"wapbl-kill-hdr", "wapbl-kill-hdr.img", `wapbl-kill-hdr.img: 25165824 bytes
  UFS2, little-endian, 25165824 bytes, block 16384, fragment 2048, journal to replay, last mounted on "/mnt"
  rump mount wapbl-kill-hdr.img DIR
`},
		{"label-vax-le", "label-vax-le.img%DISKLABEL:c%", ""},
	} {
		t.Run(c.spec, func(t *testing.T) {
			dir := unpack(t, c.image)
			code, out, errs := runIn(t, dir, "info", c.spec)
			if c.want == "" {
				if code != 0 || !strings.Contains(out, "nothing known here: no FFS superblock") {
					t.Errorf("status %d, %q, %q", code, out, errs)
				}
				return
			}
			if code != 0 || out != c.want || errs != "" {
				t.Errorf("status %d, got\n%s%s\nwant\n%s", code, out, errs, c.want)
			}
		})
	}
}

func TestInfoErrors(t *testing.T) {
	dir := unpack(t, "label-ffs-mbr")
	if err := os.WriteFile(filepath.Join(dir, "empty"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ spec, want string }{
		{"nosuch", "rump info: nosuch: no such file or directory\n"},
		{"label-ffs-mbr.img%DISKLABEL:z%", "rump info: label-ffs-mbr.img: no partition z in the disk label, there are a, b, c, d, e, f, i\n"},
		{"label-ffs-mbr.img%MBR:3%", "rump info: label-ffs-mbr.img: no MBR partition 3, there are 1, 2\n"},
		{".", "rump info: .: is a directory\n"},
	} {
		code, out, errs := runIn(t, dir, "info", c.spec)
		if code != 1 || out != "" || errs != c.want {
			t.Errorf("info %s: status %d, stdout %q, stderr %q, want %q", c.spec, code, out, errs, c.want)
		}
	}
	if code, out, errs := runIn(t, dir, "info", "empty"); code != 0 || errs != "" || !strings.Contains(out, "nothing known here") {
		t.Errorf("info of an empty file: status %d, %q, %q", code, out, errs)
	}
}
