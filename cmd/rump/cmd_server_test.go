package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rump/disklabel"
	"rump/internal/endian"
	"rump/rumpfs/blockdev"
	"rump/rumpfs/vfs"
)

// TestDriveSpec reads specifications, and refuses those that make no sense, in the words that people know.
func TestDriveSpec(t *testing.T) {
	for _, c := range []struct {
		spec string
		want driveSpec
		err  string // the beginning of it
	}{
		{"key=/dk,hostpath=x,size=1g", driveSpec{key: "/dk", hostPath: "x", size: 1 << 30, kind: vfs.KindBlock}, ""},
		{"key=/dk,hostpath=x,size=2x512k", driveSpec{key: "/dk", hostPath: "x", size: 1 << 20, kind: vfs.KindBlock}, ""},
		{"size=10b,offset=1k,key=/dk,hostpath=x", driveSpec{key: "/dk", hostPath: "x", size: 5120, offset: 1024, kind: vfs.KindBlock}, ""},
		{"key=/dk,hostpath=x,size=host", driveSpec{key: "/dk", hostPath: "x", sizeHost: true, kind: vfs.KindBlock}, ""},
		{"key=/dk,hostpath=x,size=host,ro,type=chr", driveSpec{key: "/dk", hostPath: "x", sizeHost: true, readOnly: true, kind: vfs.KindChar}, ""},
		{"key=/dk,hostpath=x,disklabel=e", driveSpec{key: "/dk", hostPath: "x", label: 'e', kind: vfs.KindBlock}, ""},
		{"key=/f,hostpath=x,type=reg", driveSpec{key: "/f", hostPath: "x", kind: vfs.KindRegular}, ""},
		{"key=/dk,hostpath=x,size=0,size=1m", driveSpec{key: "/dk", hostPath: "x", size: 1 << 20, kind: vfs.KindBlock}, ""},
		{"", driveSpec{}, "invalid dtoken"},
		{"key=/dk", driveSpec{}, "incomplete drivespec"},
		{"key=/dk,hostpath=x", driveSpec{}, "incomplete drivespec"},
		{"key=/dk,hostpath=x,size=0", driveSpec{}, "incomplete drivespec"},
		{"hostpath=x,size=host", driveSpec{}, "incomplete drivespec"},
		{"key=/dk,key=/dk", driveSpec{}, "key already given"},
		{"hostpath=x,hostpath=x", driveSpec{}, "hostpath already given"},
		{"size=1,size=1", driveSpec{}, "size already given"},
		{"offset=1,offset=1", driveSpec{}, "offset already given"},
		{"type=blk,type=blk", driveSpec{}, "type already specified"},
		{"type=foo", driveSpec{}, "invalid type foo"},
		{"size=host,offset=512", driveSpec{}, "cannot specify offset with size=host"},
		{"offset=512,size=host", driveSpec{}, "cannot specify offset with size=host"},
		{"disklabel=a,size=1", driveSpec{}, "disklabel needs to be used alone"},
		{"offset=1,disklabel=a", driveSpec{}, "disklabel needs to be used alone"},
		{"disklabel=ab", driveSpec{}, "invalid label part"},
		{"disklabel=A", driveSpec{}, "invalid label part"},
		{"size=1y", driveSpec{}, "size: \"1y\" is no size"},
		{"size=-1", driveSpec{}, "size: \"-1\" is negative"},
		{"size=99999999999999999999", driveSpec{}, "size: "},
		{"bogus=1", driveSpec{}, "invalid dtoken \"bogus\""},
		{"key", driveSpec{}, "invalid dtoken \"key\""},
	} {
		d, err := parseDriveSpec(c.spec)
		if c.err != "" {
			if err == nil || !strings.HasPrefix(err.Error(), c.err) {
				t.Errorf("%q: %v, want %q", c.spec, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", c.spec, err)
			continue
		}
		d.given = nil
		if got := *d; got.key != c.want.key || got.hostPath != c.want.hostPath || got.size != c.want.size || got.offset != c.want.offset ||
			got.sizeHost != c.want.sizeHost || got.label != c.want.label || got.kind != c.want.kind || got.readOnly != c.want.readOnly {
			t.Errorf("%q is %+v, want %+v", c.spec, got, c.want)
		}
	}
}

// TestDriveLabel finds partitions of labels, also past 4 GiB and of the other byte order, and says what is missing otherwise.
func TestDriveLabel(t *testing.T) {
	dir := t.TempDir()
	for _, order := range []endian.Order{endian.Little, endian.Big} {
		img := filepath.Join(dir, "img")
		dev, err := blockdev.OpenFile(img, blockdev.FileOptions{Create: true, Truncate: true, MinSize: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		l := &disklabel.Label{Order: order, SectorSize: 512, TotalSectors: 1 << 25, SectorsPerCyl: 1008, NPartitions: 5, Partitions: make([]disklabel.Partition, 5)}
		l.Partitions[0] = disklabel.Partition{Size: 1000, Offset: 63, FSType: 7}
		l.Partitions[4] = disklabel.Partition{Size: 2048, Offset: 1 << 24, FSType: 7}
		b, err := l.Encode()
		if err != nil {
			t.Fatal(err)
		}
		sector := make([]byte, 1024)
		copy(sector[512:], b)
		if _, err := dev.WriteAt(sector, 0); err != nil {
			t.Fatal(err)
		}
		dev.Close()
		for letter, want := range map[byte][2]int64{'a': {63 * 512, 1000 * 512}, 'e': {1 << 33, 1 << 20}} {
			p, err := labelPart(img, letter)
			if err != nil || p.Offset != want[0] || p.Size != want[1] {
				t.Errorf("%v, partition %c: %d bytes at %d, %v, want %v", order, letter, p.Size, p.Offset, err, want)
			}
		}
		if _, err := labelPart(img, 'b'); err == nil || !strings.HasPrefix(err.Error(), "partition not available: "+img) {
			t.Errorf("a partition that is not there: %v", err)
		}
	}
	none := filepath.Join(dir, "none")
	if err := os.WriteFile(none, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := labelPart(none, 'a'); err == nil || !strings.HasPrefix(err.Error(), "disklabel not found: "+none) {
		t.Errorf("no label: %v", err)
	}
	if _, err := labelPart(filepath.Join(dir, "missing"), 'a'); err == nil || !strings.HasPrefix(err.Error(), "etfs hostpath open: ") {
		t.Errorf("no file: %v", err)
	}
}

// invoke runs a command line as the shell would, and returns what it printed.
func invoke(vars map[string]string, argv ...string) (code int, stdout, stderr string) {
	var out, errOut bytes.Buffer
	e := &env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errOut, Getenv: func(k string) string { return vars[k] }}
	code = run(context.Background(), e, argv)
	return code, out.String(), errOut.String()
}

// TestServerUsage starts servers that cannot be: the message says what is wrong, the status is 1 in the foreground.
func TestServerUsage(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, c := range []struct {
		args string
		want string // the beginning of what is printed
	}{
		{"", "rump_server: expected \"<url>\""},
		{"-s", "rump_server: expected \"<url>\""},
		{"-x unix://s", "rump_server: unknown flag -x"},
		{"-s -lnosuch unix://s", "rump_server: failed to load -libraries, last error from \"nosuch\":\n  libnosuch.so: "},
		{"-s -lrumpfs_ffs unix://s", "rump_server: rumpfs_ffs needs -lrumpvfs\nusage: rump_server "},
		{"-s -d bogus unix://s", "rump_server: invalid dtoken \"bogus\": known are key, "},
		{"-s -c 0 unix://s", "rump_server: -c 0: a number from 1 to 256 is wanted, or 'host'"},
		{"-s -c many unix://s", "rump_server: -c many: "},
		{"-s -r 1k unix://s", "rump_server: -r 1k: more than 128k is wanted"},
		{"-s -r lots unix://s", "rump_server: -r: \"lots\" is no size"},
		{"-s -m module unix://s", "rump_server: module load failed: module: Function not implemented\n"},
		{"-s bogus", "rump_server: rump_sp: invalid locator ``bogus''\nrump_server: rump server init failed: Invalid argument\n"},
		{"-s tcp://1.2.3.4:70000", "rump_server: rump_sp_tcp: port 70000 out of range\nrump_server: rump server init failed: Result too large or too small\n"},
		{"-s unix://none/s", "rump_server: rump_sp: failed to bind to URL unix://none/s\nrump_server: rump server init failed: No such file or directory\n"},
		{"-s -d key=/dk,hostpath=none,size=1m unix://s", "rump_server: etfs register: Function not implemented\n"},
		{"-s -lrumpvfs -d key=/dk,hostpath=none,size=host unix://s", "rump_server: etfs hostpath open: none: no such file or directory\n"},
		{"-s -lrumpvfs -d key=dk,hostpath=x,size=1m unix://s", "rump_server: etfs register: Invalid argument\n"},
		{"-s -lrumpvfs -d key=/x,hostpath=x,size=1m -d key=/x,hostpath=x,size=1m unix://s", "rump_server: etfs register: File exists\n"},
		{"-s --bridge mnt unix://s", "rump_server: bridge: there are no file systems to show: -lrumpvfs\n"},
	} {
		code, stdout, stderr := invoke(nil, append([]string{"rump_server"}, strings.Fields(c.args)...)...)
		if code != 1 || !strings.HasPrefix(stderr, c.want) || stdout != "" {
			t.Errorf("rump_server %s: status %d, prints %q and %q, want 1 and %q", c.args, code, stdout, stderr, c.want)
		}
	}
	if _, err := os.Lstat("s"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a socket is left: %v", err)
	}
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, stderr := invoke(nil, "rump_server", "-s", "-lrumpvfs", "-d", "key=/dk,hostpath=empty,size=host", "unix://s")
	if !strings.HasPrefix(stderr, "rump_server: size=host, but cannot query non-zero size: empty") {
		t.Errorf("an empty file: %q", stderr)
	}
}

// startServer runs rump_server -s with arguments in this process, and returns the environment of its clients. It is halted at the end of
// the test by a client.
func startServer(t *testing.T, args ...string) map[string]string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rump")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	url := "unix://" + filepath.Join(dir, "s")
	vars := map[string]string{"RUMP_SERVER": url}
	done := make(chan struct{})
	go func() {
		defer close(done)
		argv := append(append([]string{"rump_server", "-s"}, args...), url)
		if code, _, stderr := invoke(nil, argv...); code != 0 {
			t.Errorf("%v: status %d, %s", argv, code, stderr)
		}
	}()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		code, _, stderr := invoke(nil, "rump_server", "--status", url)
		if code == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the server does not come up: %s", stderr)
		}
	}
	t.Cleanup(func() {
		if code, out, stderr := invoke(vars, "rump.halt"); code != 0 || out+stderr != "" {
			t.Errorf("rump.halt: status %d, %q %q", code, out, stderr)
		}
		<-done
	})
	return vars
}

// TestStatus says what a server has mounted, and that there is none.
func TestStatus(t *testing.T) {
	vars := startServer(t, "-lrumpvfs", "-c", "3", "-r", "32m")
	code, out, _ := invoke(vars, "rump_server", "--status", vars["RUMP_SERVER"])
	lines := strings.Split(out, "\n")
	if code != 0 || len(lines) != 6 || lines[0] != vars["RUMP_SERVER"]+": running" || lines[4] != "rumpfs on / type rumpfs" {
		t.Errorf("status %d, %q", code, out)
	}
	if code, _, stderr := invoke(nil, "rump_server", "--status", "unix:///none"); code != 1 || !strings.Contains(stderr, "no server has been started there") {
		t.Errorf("no server: status %d, %q", code, stderr)
	}
	for name, want := range map[string]string{"hw.ncpu": "3", "hw.physmem": "33554432"} {
		if _, out, _ := invoke(vars, "rump.sysctl", "-n", name); out != want+"\n" {
			t.Errorf("%s is %q, want %s", name, out, want)
		}
	}
}
