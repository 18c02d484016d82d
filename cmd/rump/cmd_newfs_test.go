package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// runTool runs one command line in the process and returns what it printed.
func runTool(tb testing.TB, argv ...string) (stdout, stderr string, code int) {
	tb.Helper()
	var out, errs bytes.Buffer
	e := &env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" }}
	code = run(context.Background(), e, argv)
	return out.String(), errs.String(), code
}

func TestNewfsCommand(t *testing.T) {
	image := filepath.Join(t.TempDir(), "disk.img")
	size := func() int64 {
		info, err := os.Stat(image)
		if err != nil {
			return -1
		}
		return info.Size()
	}
	for _, c := range []struct {
		args string
		code int
		out  string // the first line, without the name
		errs string
		size int64 // of the image after
	}{
		{"newfs", 1, "", `expected "<image>"`, -1},
		{"newfs IMAGE", 1, "", "no such file; with -s SIZE it is made", -1},
		{"newfs -F -s 10k IMAGE", 23, "", "Filesystem size 20 < minimum size of 80", -1},
		{"newfs -N -s 14M IMAGE", 0, "14.0MB (28672 sectors) block size 4096, fragment size 512", "", -1},
		{"newfs -F -s 14M IMAGE", 0, "14.0MB (28672 sectors) block size 4096, fragment size 512", "", 14 << 20},
		{"newfs -F -O 2 -B be IMAGE", 0, "14.0MB (28672 sectors) block size 4096, fragment size 512", "", 14 << 20},
		{"newfs -s -1m IMAGE", 0, "13.0MB (26624 sectors) block size 4096, fragment size 512", "", 14 << 20},
		{"newfs -s 2048 IMAGE", 0, "1.0MB (2048 sectors) block size 4096, fragment size 512", "", 14 << 20},
		{"newfs -s 8x2m -b 16k IMAGE", 0, "16.0MB (32768 sectors) block size 16384, fragment size 2048", "", 16 << 20},
		{"newfs -b 5000 IMAGE", 16, "", "block size must be a power of 2, not 5000", 16 << 20},
		{"newfs -m 2 -V 1 IMAGE", 0, "16.0MB (32768 sectors) block size 4096, fragment size 512", "Warning: changing optimization to space because minfree is less than 5%", 16 << 20},
		{"newfs -V 0 -q user -q group -O 2 IMAGE", 0, "", "", 16 << 20},
	} {
		argv := strings.Fields(c.args)
		for i, a := range argv {
			if a == "IMAGE" {
				argv[i] = image
			}
		}
		out, errs, code := runTool(t, argv...)
		line, _, _ := strings.Cut(out, "\n")
		line = strings.TrimPrefix(line, image+": ")
		if code != c.code || line != c.out || !strings.Contains(errs, c.errs) || c.errs == "" && errs != "" {
			t.Errorf("%s: status %d, %q, errors %q; want %d, %q, %q", c.args, code, line, errs, c.code, c.out, c.errs)
		}
		if got := size(); got != c.size {
			t.Errorf("%s: the image has %d bytes, want %d", c.args, got, c.size)
		}
	}
}
