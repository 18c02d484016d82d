package tests

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
)

// What people reported of other tools, end to end and as an ordinary user. What concerns one package alone is tested there.

// newImage makes an image and a mount point.
func (a *actor) newImage(args ...string) {
	a.tb.Helper()
	a.run("mkdir", "-p", "mnt")
	a.run("rump", append(append([]string{"newfs", "-V", "0", "-F"}, args...), "d.img")...)
}

// server is the process that serves a mount of an image.
func (a *actor) server(image string) *os.Process {
	a.tb.Helper()
	procs, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		a.tb.Fatal(err)
	}
	for _, p := range procs {
		line, err := os.ReadFile(p)
		words := strings.Split(string(line), "\x00")
		cwd, _ := os.Readlink(filepath.Join(filepath.Dir(p), "exe"))
		if err != nil || len(words) < 3 || words[1] != "mount" || cwd != a.exe {
			continue
		}
		for _, w := range words {
			if w == image {
				pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(p)))
				proc, err := os.FindProcess(pid)
				if err != nil {
					a.tb.Fatal(err)
				}
				return proc
			}
		}
	}
	a.tb.Fatalf("no server of %s", image)
	return nil
}

// kill ends the server of an image without a warning, and clears the mount it leaves.
func (a *actor) kill(image string) {
	a.tb.Helper()
	p := a.server(image)
	if err := p.Kill(); err != nil {
		a.tb.Fatal(err)
	}
	for range 1000 {
		if p.Signal(syscall.Signal(0)) != nil {
			break
		}
		if state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Pid)); err != nil || strings.Contains(string(state), ") Z ") {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	a.run("fusermount3", "-u", "-z", "mnt")
}

func sum(tb testing.TB, path string) string {
	tb.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// TestOneCommandLine mounts every format and order by the same words, and df agrees with fsck.
func TestOneCommandLine(t *testing.T) {
	a := newActor(t)
	for _, kind := range [][]string{{"-O", "1"}, {"-O", "2"}, {"-O", "1", "-B", "be"}, {"-O", "2", "-B", "be"}, {"-O", "0"}, {"-O", "2ea"}, {"-v", "Apple", "-B", "be"}} {
		a.newImage(append(kind, "-s", "8m")...)
		a.run("rump", "mount", "d.img", "mnt")
		a.run("sh", "-c", "mkdir mnt/d && for i in 1 2 3; do head -c 5000 /dev/urandom > mnt/d/$i; done")
		var size, free, inodes, used int64
		df := a.run("sh", "-c", "df -B 512 --output=size,avail mnt | tail -n 1; df --output=itotal,iused mnt | tail -n 1")
		if _, err := fmt.Sscan(df, &size, &free, &inodes, &used); err != nil {
			t.Fatalf("df: %v\n%s", err, df)
		}
		a.run("rump", "umount", "mnt")
		report := a.run("rump", "fsck", "-n", "-f", "d.img")
		files := int64(0)
		line := report[strings.Index(report, "Cyl groups\n")+len("Cyl groups\n"):]
		if _, err := fmt.Sscanf(line, "%d files", &files); err != nil {
			t.Fatalf("%v: %v in %q", kind, err, line)
		}
		if used != files || files != 5 || size <= 0 || free <= 0 || free > size {
			t.Errorf("%v: df says %d inodes in use of %d, %d of %d blocks available; fsck %d files, want 5", kind, used, inodes, free, size, files)
		}
		a.run("rm", "d.img")
	}
}

// TestBigImage writes far inside an image of 1 TiB: it stays sparse and the server small.
func TestBigImage(t *testing.T) {
	a := newActor(t)
	a.newImage("-O", "2", "-s", "1t")
	a.run("rump", "mount", "d.img", "mnt")
	a.run("sh", "-c", "head -c 3000000 /dev/urandom > data && dd if=data of=mnt/f bs=1M seek=500000 2>/dev/null && mkdir mnt/d && touch mnt/d/x")
	a.run("sh", "-c", "dd if=mnt/f bs=1M skip=500000 2>/dev/null | cmp - data")
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.server("d.img").Pid))
	if err != nil {
		t.Fatal(err)
	}
	peak := 0
	for line := range strings.Lines(string(status)) {
		fmt.Sscanf(line, "VmHWM: %d kB", &peak)
	}
	if peak == 0 || peak > 128<<10 {
		t.Errorf("the server took %d KiB, want at most 128 MiB", peak)
	}
	a.run("rump", "umount", "mnt")
	var kb int
	if out := a.run("du", "-k", "d.img"); true {
		if _, err := fmt.Sscan(out, &kb); err != nil || kb > 512<<10 {
			t.Errorf("the image takes %d KiB of the host: %v", kb, err)
		}
	}
	a.run("rump", "fsck", "-n", "-f", "d.img")
}

// TestNothingWritten holds the image against itself after mounts that failed or only read, and looks at the clean flag after one that wrote.
func TestNothingWritten(t *testing.T) {
	a := newActor(t)
	a.newImage("-O", "2", "-s", "8m")
	a.run("rump", "mount", "d.img", "mnt")
	a.run("sh", "-c", "cp -r /etc/pam.d mnt/ && sync mnt")
	a.run("rump", "umount", "mnt")
	if out := a.run("rump", "fsck", "d.img"); !strings.Contains(out, "File system is clean; not checking") {
		t.Errorf("after an unmount fsck says %q", out)
	}
	before := sum(t, a.path("d.img"))
	for _, c := range []struct {
		args []string
		want string // part of the message
	}{
		{[]string{"d.img", "nowhere"}, "nowhere: no such file or directory; make it first: mkdir "},
		{[]string{"d.img", "d.img"}, "d.img: not a directory"},
		{[]string{"-o", "nonsense", "d.img", "mnt"}, "-o nonsense: unknown option"},
		{[]string{"d.img%DISKLABEL:a%", "mnt"}, "no partition a"},
		{[]string{"-o", "offset=65536", "d.img", "mnt"}, "no FFS superblock (at 65536: "},
	} {
		cmd := exec.Command(a.exe, append([]string{"mount"}, c.args...)...)
		cmd.Dir = a.dir
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: a.cred}
		var errs strings.Builder
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err == nil || len(out) != 0 || !strings.HasPrefix(errs.String(), "rump mount: ") || !strings.Contains(errs.String(), c.want) || strings.Count(errs.String(), "\n") != 1 {
			t.Errorf("mount %q: %v, stdout %q, stderr %q, want one line with %q", c.args, err, out, errs.String(), c.want)
		}
	}
	a.run("rump", "mount", "-o", "ro", "d.img", "mnt")
	a.run("sh", "-c", "tar cf - mnt | wc -c")
	if out, err := a.try("touch", "mnt/new"); err == nil {
		t.Errorf("a read-only mount took a file: %s", out)
	}
	a.run("rump", "umount", "mnt")
	if after := sum(t, a.path("d.img")); after != before {
		t.Error("the image changed")
	}
}

// TestKilledServer kills a server while it is written to: the next mount says what is wrong, what was done and what to run, and after that
// everything that was synced is there.
func TestKilledServer(t *testing.T) {
	a := newActor(t)
	a.newImage("-O", "2", "-s", "32m")
	a.run("rump", "mount", "d.img", "mnt")
	a.run("sh", "-c", "mkdir mnt/safe && head -c 200000 /dev/urandom > data && cp data mnt/safe/data && sync mnt/safe/data mnt/safe mnt")
	cmd := exec.Command("sh", "-c", "for i in $(seq 1000); do mkdir mnt/d$i; cp data mnt/d$i/f; mv mnt/d$i/f mnt/g$i; rm -f mnt/g$((i-3)); done")
	cmd.Dir = a.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: a.cred}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	a.kill("d.img")
	_ = cmd.Wait() // it fails once the mount is gone
	out := a.run("rump", "mount", "d.img", "mnt")
	if !strings.Contains(out, "read-only: not clean") || !strings.Contains(out, "run fsck") || strings.Count(out, "\n") != 1 {
		t.Errorf("mount of an unclean image says %q", out)
	}
	a.run("cmp", "data", "mnt/safe/data")
	a.run("rump", "umount", "mnt")
	a.run("rump", "fsck", "-y", "d.img")
	if out := a.run("rump", "mount", "d.img", "mnt"); out != "" {
		t.Errorf("mount after fsck says %q", out)
	}
	a.run("sh", "-c", "cmp data mnt/safe/data && echo more >> mnt/safe/data")
	a.run("rump", "umount", "mnt")
	a.run("rump", "fsck", "-n", "-f", "d.img")
}

// TestDates keeps nanoseconds and what lies outside 32 bits, or refuses it.
func TestDates(t *testing.T) {
	a := newActor(t)
	for version := 1; version <= 2; version++ {
		a.newImage("-O", strconv.Itoa(version), "-s", "8m")
		a.run("rump", "mount", "d.img", "mnt")
		a.run("sh", "-c", "touch mnt/f && touch -d '2011-03-11 14:49:00.123456789 UTC' mnt/f && touch mnt/g && touch -d '1960-01-02 03:04:05 UTC' mnt/g")
		_, err := a.try("touch", "-d", "2040-01-01 00:00:00.5 UTC", "mnt/f")
		a.run("rump", "umount", "mnt")
		a.run("rump", "mount", "-r", "d.img", "mnt")
		got := a.run("stat", "-c", "%.9Y", "mnt/f", "mnt/g")
		want := "2208988800.500000000\n-315521755.000000000\n"
		if version == 1 {
			want = "1299854940.123456789\n-315521755.000000000\n"
		}
		if (err != nil) != (version == 1) || got != want {
			t.Errorf("UFS%d: touch 2040: %v; times %q, want %q", version, err, got, want)
		}
		a.run("rump", "umount", "mnt")
		a.run("rm", "d.img")
	}
}

// TestOwners sets what only root can set on a real disk, as an ordinary user.
func TestOwners(t *testing.T) {
	a := newActor(t)
	a.newImage("-O", "1", "-s", "8m")
	a.run("rump", "mount", "d.img", "mnt")
	a.run("sh", "-c", `cd mnt && touch a b none && chown 0:0 a && chown 1234:5678 b && chmod 4755 a && mkdir s && chmod 1777 s && chown 4294967294:7 s &&
		echo secret > none && chmod 0 none && cat none >/dev/null && ln b c && mkfifo p && ln -s b l && chown -h 77:88 l`)
	a.run("rump", "umount", "mnt")
	a.run("rump", "mount", "d.img", "mnt")
	got := a.run("sh", "-c", "cd mnt && stat -c '%n %a %u %g %h' a b c none p l s")
	want := "a 4755 0 0 1\nb 644 1234 5678 2\nc 644 1234 5678 2\nnone 0 UID GID 1\np 644 UID GID 1\nl 777 77 88 1\ns 1777 4294967294 7 2\n"
	id := strings.Fields(a.run("sh", "-c", "id -u; id -g"))
	want = strings.NewReplacer("UID", id[0], "GID", id[1]).Replace(want)
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if line := a.run("sh", "-c", "grep fuse.rump /proc/self/mounts | grep mnt"); !strings.Contains(line, "nosuid") || !strings.Contains(line, "nodev") {
		t.Errorf("the mount is %q, want nosuid and nodev", line)
	}
	a.run("rump", "umount", "mnt")
}

// TestHoles copies a sparse file in and out; no copy fills its holes, and none takes data for a hole.
func TestHoles(t *testing.T) {
	a := newActor(t)
	a.newImage("-O", "2", "-s", "64m")
	a.run("sh", "-c", "echo one > s && echo two | dd of=s bs=1 seek=1048576 conv=notrunc 2>/dev/null && echo three | dd of=s bs=1 seek=5368709120 conv=notrunc 2>/dev/null && printf x > tail")
	a.run("rump", "mount", "d.img", "mnt")
	a.run("sh", "-c", `cp --sparse=auto s tail mnt/ && cp --sparse=auto mnt/s back
		for f in mnt/s back; do head -c 8 $f; dd if=$f bs=1 skip=1048570 count=12; dd if=$f bs=4096 skip=1310000 count=1; tail -c 100 $f; stat -c %s $f; done 2>/dev/null >got
		for f in s s; do head -c 8 $f; dd if=$f bs=1 skip=1048570 count=12; dd if=$f bs=4096 skip=1310000 count=1; tail -c 100 $f; stat -c %s $f; done 2>/dev/null >want
		cmp want got`)
	for _, c := range []struct {
		file string
		most int // KiB
	}{{"mnt/s", 200}, {"back", 200}, {"mnt/tail", 1}} {
		var kb int
		if out := a.run("du", "-k", c.file); true {
			if _, err := fmt.Sscan(out, &kb); err != nil || kb > c.most || kb == 0 {
				t.Errorf("%s takes %d KiB, want 1 to %d (%v)", c.file, kb, c.most, err)
			}
		}
	}
	a.run("rump", "umount", "mnt")
	a.run("rump", "fsck", "-n", "-f", "d.img")
}

// TestForeignFlags keeps flags and labels that other systems put into the superblock.
func TestForeignFlags(t *testing.T) {
	a := newActor(t)
	a.newImage("-O", "2", "-s", "8m", "-L", "golem")
	edit := func(fn func(*ondisk.Super)) {
		dev, err := blockdev.OpenFile(a.path("d.img"), blockdev.FileOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer dev.Close()
		s, _, err := ondisk.FindSuper(dev, dev.Size())
		if err != nil {
			t.Fatal(err)
		}
		fn(s)
		b := make([]byte, ondisk.SuperArea)
		if _, err := dev.ReadAt(b, s.Location); err != nil {
			t.Fatal(err)
		}
		s.Encode(b)
		if _, err := dev.WriteAt(b, s.Location); err != nil {
			t.Fatal(err)
		}
	}
	const kept = ondisk.FlagSoftUpdate | ondisk.FlagMultilabel | ondisk.FlagTrim
	edit(func(s *ondisk.Super) { s.Flags |= kept })
	a.run("rump", "mount", "d.img", "mnt")
	a.run("touch", "mnt/f")
	a.run("rump", "umount", "mnt")
	edit(func(s *ondisk.Super) {
		if s.Flags&kept != kept || s.VolName != "golem" || s.Clean&ondisk.CleanIs == 0 {
			t.Errorf("flags %#x, label %q, clean %d", s.Flags, s.VolName, s.Clean)
		}
		s.Flags |= 0x10000 // nobody knows what that is
	})
	if out := a.run("rump", "mount", "d.img", "mnt"); !strings.Contains(out, "mounted read-only: unknown flags 0x10000") {
		t.Errorf("mount with an unknown flag says %q", out)
	}
	a.run("rump", "umount", "mnt")
}

// TestImageLength makes images of exactly the size that was asked for.
func TestImageLength(t *testing.T) {
	a := newActor(t)
	for _, c := range []struct {
		args   []string
		length int64
		sparse bool
	}{
		{[]string{"-s", "1g"}, 1 << 30, true},
		{[]string{"-s", "28672"}, 28672 * 512, true},
		{[]string{"-s", "3000k"}, 3000 << 10, true},
		{[]string{"-Z", "-s", "16m"}, 16 << 20, false},
	} {
		a.run("rump", append(append([]string{"newfs", "-V", "0", "-F"}, c.args...), "l.img")...)
		info, err := os.Stat(a.path("l.img"))
		if err != nil {
			t.Fatal(err)
		}
		allocated := info.Sys().(*syscall.Stat_t).Blocks * 512
		if info.Size() != c.length || (allocated < c.length) != c.sparse {
			t.Errorf("newfs %v: %d bytes, %d on the host; want %d, sparse %v", c.args, info.Size(), allocated, c.length, c.sparse)
		}
		a.run("rm", "l.img")
	}
}

// TestDeletedWhileOpen keeps a removed file until the last program lets go of it, and frees it even if that program is killed.
func TestDeletedWhileOpen(t *testing.T) {
	a := newActor(t)
	a.newImage("-O", "1", "-s", "16m")
	a.run("rump", "mount", "d.img", "mnt")
	a.run("sh", "-c", `set -e; cd mnt; free() { df -B 512 --output=avail . | tail -n 1; }
		before=$(free); echo hello > f; exec 3<>f; rm f; head -c 1000000 /dev/zero >&3; [ -z "$(ls -A)" ]
		[ $(free) -lt $((before - 1500)) ]; exec 3>&-; for i in 1 2 3 4 5 6 7 8 9 10; do [ $(free) = $before ] && break; sleep 0.1; done; [ $(free) = $before ]`)
	a.run("sh", "-c", `cd mnt; sh -c 'exec 3<>g; rm g; head -c 1000000 /dev/zero >&3; kill -9 $$' & wait`)
	a.run("rump", "umount", "mnt")
	a.run("rump", "fsck", "-n", "-f", "d.img")
}

// TestSyncedNames kills the server after a directory was synced: its names stay.
func TestSyncedNames(t *testing.T) {
	a := newActor(t)
	a.newImage("-O", "2", "-B", "be", "-s", "16m")
	a.run("rump", "mount", "-o", "async", "d.img", "mnt")
	a.run("sh", "-c", "mkdir mnt/d && for i in $(seq 100); do : > mnt/d/$i; done && sync mnt/d mnt")
	a.kill("d.img")
	_, _ = a.try("rump", "fsck", "-y", "d.img")
	a.run("rump", "mount", "d.img", "mnt")
	if n := strings.TrimSpace(a.run("sh", "-c", "ls mnt/d | wc -l")); n != "100" {
		t.Errorf("%s names are left, want 100", n)
	}
	a.run("rump", "umount", "mnt")
}
