package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rump/rumpfs/blockdev"
)

// fsckIn runs one command line in dir with answers as its input.
func fsckIn(t *testing.T, dir, answers string, argv ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Chdir(dir)
	var out, errs bytes.Buffer
	e := &env{Stdin: strings.NewReader(answers), Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" }}
	code = run(context.Background(), e, argv)
	return code, out.String(), errs.String()
}

func TestFsckCommand(t *testing.T) {
	for _, c := range []struct {
		args, answers string
		code          int
		out, errs     string // a part
		changed       bool
	}{
		{"fsck_ffs -n IMG", "", 2, "** IMG (NO WRITE)\n", "", false},
		{"fsck_ffs -p IMG", "", 8, "IMG: UNALLOCATED  I=512", "fsck_ffs: IMG: UNEXPECTED INCONSISTENCY; RUN fsck_ffs MANUALLY.\n", false},
		{"fsck.ffs -y IMG", "", 0, "***** FILE SYSTEM MARKED CLEAN *****", "", true},
		{"rump fsck IMG", "maybe\nn\nn\n", 2, "REMOVE? [yn] REMOVE? [yn] \n", "", false},
		{"rump fsck IMG", "y\ny\n", 0, "MARK FILE SYSTEM CLEAN? [yn] \n", "", true},
		{"rump fsck IMG", "", 2, "UNRESOLVED INCONSISTENCIES REMAIN", "", false},
		{"rump fsck -n -q -m 755 IMG", "", 2, "** lost+found creation mode 755\n** IMG (NO WRITE)\n", "", false},
		{"rump fsck -n -X -d -U -F IMG", "", 2, "OWNER=root MODE", "", false},
		{"rump fsck -y -m 999 IMG", "", 1, "", `bad mode "999"`, false},
		{"rump fsck -X IMG", "", 1, "", "rump fsck: -x and -X need -n\n", false},
		{"rump fsck -y -B be IMG", "", 0, "CONVERT TO BIG ENDIAN? yes", "", true},
		{"rump fsck -y -c ea IMG", "", 0, "CONVERT TO UFS2 WITH EXTENDED ATTRIBUTES? yes", "", true},
		{"rump fsck -p -B be IMG", "", 1, "", "-B cannot be used together with -n or -p", false},
		{"rump fsck -n -y IMG", "", 1, "", "can't be used together", false},
		{"rump fsck", "", 1, "", `expected "<image> ..."`, false},
		{"rump fsck -c 9 IMG", "", 1, "", "must be one of", false},
		{"rump fsck -y -b 33 IMG", "", 8, "Alternate super block location: 33", "superblock at 16896", false},
		{"rump fsck -n missing.img", "", 8, "", "rump fsck: missing.img: no such file or directory\n", false},
		{"rump fsck -n IMG missing.img", "", 8, "** Phase 5", "missing.img", false},
	} {
		t.Run(c.args, func(t *testing.T) {
			const name = "unclean-async-1"
			dir := unpack(t, name)
			image := filepath.Join(dir, name+".img")
			before, err := os.ReadFile(image)
			if err != nil {
				t.Fatal(err)
			}
			named := func(s string) string { return strings.ReplaceAll(s, "IMG", name+".img") }
			code, out, errs := fsckIn(t, dir, c.answers, strings.Fields(named(c.args))...)
			if code != c.code || !strings.Contains(out, named(c.out)) || !strings.Contains(errs, named(c.errs)) || c.errs == "" && errs != "" {
				t.Errorf("status %d, want %d; printed:\n%s\nerrors: %s", code, c.code, out, errs)
			}
			after, err := os.ReadFile(image)
			if err != nil {
				t.Fatal(err)
			}
			if changed := !bytes.Equal(before, after); changed != c.changed {
				t.Errorf("changed %v, want %v", changed, c.changed)
			}
		})
	}
}

// What cannot be written is checked only, and a sound volume is quiet.
func TestFsckCommandReadOnly(t *testing.T) {
	dir := unpack(t, "unclean-async-1")
	if err := os.Chmod(filepath.Join(dir, "unclean-async-1.img"), 0o444); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		t.Skip("root can write everything")
	}
	code, out, errs := fsckIn(t, dir, "", "fsck_ffs", "-y", "unclean-async-1.img")
	if code != 2 || !strings.HasPrefix(out, "** unclean-async-1.img (NO WRITE)\n") || errs != "" {
		t.Errorf("status %d\n%s%s", code, out, errs)
	}
}

// An image that somebody writes is left alone, and looked at only by those who insist.
func TestFsckCommandOnImageInUse(t *testing.T) {
	dir := unpack(t, "unclean-async-1")
	dev, err := blockdev.OpenFile(filepath.Join(dir, "unclean-async-1.img"), blockdev.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	for _, c := range []struct {
		args, errs string
		code       int
	}{
		{"-y", "in use", 8},
		{"-n", "in use", 8},
		{"-n -X", "", 2},
		{"-n -x snap", "", 2},
	} {
		args := append(append([]string{"fsck_ffs"}, strings.Fields(c.args)...), "unclean-async-1.img")
		if code, _, errs := fsckIn(t, dir, "", args...); code != c.code || !strings.Contains(errs, c.errs) || c.errs == "" && errs != "" {
			t.Errorf("%s: status %d, %q; want %d, %q", c.args, code, errs, c.code, c.errs)
		}
	}
}

func TestFsckCommandOnSoundVolumes(t *testing.T) {
	dir := unpack(t, "label-ffs-mbr")
	for _, c := range []struct {
		args, out string
	}{
		{"-n", "** label-ffs-mbr.img%DISKLABEL:a% (NO WRITE)\n** File system is clean; not checking\n"},
		{"-p", "label-ffs-mbr.img%DISKLABEL:a%: file system is clean; not checking\n"},
		{"-q", ""},
		{"-q -f -y", ""},
	} {
		args := append(append([]string{"fsck_ffs"}, strings.Fields(c.args)...), "label-ffs-mbr.img%DISKLABEL:a%")
		if code, out, errs := fsckIn(t, dir, "", args...); code != 0 || out != c.out || errs != "" {
			t.Errorf("%v: status %d, got %q %q, want %q", args, code, out, errs, c.out)
		}
	}
	code, _, errs := fsckIn(t, dir, "", "fsck_ffs", "-n", "label-ffs-mbr.img")
	if code != 8 || !strings.Contains(errs, "name 'label-ffs-mbr.img%DISKLABEL:a%'") {
		t.Errorf("the whole image: status %d, %q", code, errs)
	}
}
