// Package filetools runs the file tools on images and servers as an ordinary user, who has no FUSE.
package filetools

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rump/tests/actor"
)

// TestFileTools runs all of it with one program.
func TestFileTools(t *testing.T) {
	a := actor.New(t)
	for _, c := range []struct {
		name string
		run  func(*testing.T, *actor.Actor)
	}{
		{"extractor", testExtractor}, {"owners", testOwners}, {"read-only", testReadOnlyImage}, {"interrupted", testInterrupted},
		{"server", testServer}, {"archive", testUnprivilegedArchive}, {"help", testEveryToolHasHelp},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := a.With(t)
			b.Dir = a.Path(c.name)
			if err := os.Mkdir(b.Dir, 0o755); err != nil {
				t.Fatal(err)
			}
			b.Own(b.Dir)
			c.run(t, b)
		})
	}
}

// makeTree makes a tree with all that an ordinary user can make.
func makeTree(a *actor.Actor) {
	a.TB.Helper()
	a.Shell(`umask 022; mkdir -p tree/d/deep && cd tree
for i in $(seq 300); do echo $i >d/$i; done
head -c 5242883 /dev/urandom >big; head -c 98304 /dev/urandom >twelve; : >empty
truncate -s 20m hole; printf x | dd of=hole bs=1 seek=9000000 conv=notrunc 2>/dev/null
for n in 59 60 119 120 1023; do ln -s $(printf %${n}s x | tr ' ' t) l$n; done
ln big d/hard; mkfifo fifo; : >$(printf %255s x | tr ' ' n)
echo secret >zero; chmod 4755 twelve; chmod 0600 zero; touch -d 2001-02-03T04:05:06.789 d/1 d d/deep; chmod 1750 d/deep`)
}

// treeList is a tree in words: names, kinds, modes, sizes, links, times, targets and sums.
func treeList(a *actor.Actor, dir string) string {
	a.TB.Helper()
	return a.Shell(`cd ` + dir + ` && find . -mindepth 1 ! -type d -printf '%p %y %m %s %n %T@ %l\n' -o -mindepth 1 -printf '%p %y %m %T@\n' | LC_ALL=C sort &&
find . -type f | LC_ALL=C sort | xargs sha256sum`)
}

// sameTrees compares two directories, of which one is the original.
func sameTrees(a *actor.Actor, what, dir, original string) {
	a.TB.Helper()
	got, want := strings.Split(treeList(a, dir), "\n"), strings.Split(treeList(a, original), "\n")
	for i := range max(len(got), len(want)) {
		g, w := "nothing", "nothing"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			a.TB.Errorf("%s: got %s, want %s", what, g, w)
			return
		}
	}
}

// testExtractor is what people ask for who meet UFS in firmware: one command, no root, no FUSE.
func testExtractor(t *testing.T, a *actor.Actor) {
	makeTree(a)
	for _, kind := range []string{"-O 1", "-O 2", "-O 1 -B be", "-O 2 -B be", "-O 0"} {
		a.Shell("newfs -V 0 -F -s 16m " + kind + " d.img && fsu_put d.img -R tree/. / && fsck_ffs -n -f d.img >report && fsu_get d.img -R / out")
		sameTrees(a, kind, "out", "tree")
		a.Shell("test $(du -k out/hole | cut -f1) -lt 200 && fsu_diff d.img --host --attrs / tree && rm -rf out d.img")
	}
}

// testOwners sets what an ordinary user cannot set on the host, and another reader of UFS sees it.
func testOwners(t *testing.T, a *actor.Actor) {
	a.Shell(`newfs -V 0 -F -s 4m -O 2 d.img
mkdir dev && echo x >a && echo y >b
fsu_put d.img --owner 0:0 a / && fsu_put d.img b /
fsu_chown d.img 1234:5678 b && fsu_chmod d.img 6755 a && fsu_mkdir d.img dev
fsu_mknod d.img -m 600 -u 1 -g 2 /dev/null c 2 2 && fsu_mknod d.img /dev/wd0a b 0 300000
fsu_chflags d.img schg,nodump b && fsu_touch d.img -d 2040-01-02T03:04:05Z a`)
	list := strings.Join(strings.Fields(a.Run("fsu_ls", "d.img", "-loTn", "a", "b", "dev/null", "dev/wd0a")), " ")
	for _, want := range []string{"-rwsr-sr-x 1 0 0 - 2 ", " 2040 a ", "-rw-r--r-- 1 1234 5678 nodump,schg 2 ", "crw------- 1 1 2 - 2, 2 ", "- 0, 300000 "} {
		if !strings.Contains(list, want) {
			t.Errorf("ls lacks %q:\n%s", want, list)
		}
	}
	a.Run("rump", "fsck", "-n", "-f", "d.img")
	actor.Need(t, "fls", "sleuthkit")
	fls := a.Run("fls", "-f", "ufs", "-rpl", "d.img")
	for _, want := range []string{"\t1234", "\t5678", "c/c", "b/b"} {
		if !strings.Contains(fls+"\n", want) {
			t.Errorf("fls lacks %q:\n%s", want, fls)
		}
	}
}

// testReadOnlyImage: what may only be read is read, and what is not clean is not written.
func testReadOnlyImage(t *testing.T, a *actor.Actor) {
	a.Shell("newfs -V 0 -F -s 4m d.img && echo hello | fsu_write d.img f && chmod 444 d.img && sha256sum d.img >sum")
	if out := a.Run("fsu_cat", "d.img", "f"); out != "hello\n" {
		t.Errorf("cat: %q", out)
	}
	a.Shell("fsu_ls d.img -lR >/dev/null; fsu_find d.img / -ls >/dev/null; fsu_get d.img -R / out; fsu_du d.img >/dev/null; sha256sum -c sum")
	out, err := a.Try("fsu_rm", "d.img", "f")
	if err == nil || !strings.Contains(out, "fsu_rm: d.img: permission denied") {
		t.Errorf("rm: %v, %s", err, out)
	}
	a.Shell("chmod 644 d.img")
	dirty, err := os.OpenFile(a.Path("d.img"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dirty.WriteAt([]byte{0}, 8192+0xd1); err != nil { // fs_clean
		t.Fatal(err)
	}
	dirty.Close()
	a.Shell("sha256sum d.img >sum")
	if out, err := a.Try("fsu_rm", "d.img", "f"); err == nil || !strings.Contains(out, "fsck") {
		t.Errorf("rm in an image that is not clean: %v, %s", err, out)
	}
	a.Shell("fsu_cat d.img f 2>errs && sha256sum -c sum")
	a.Shell("fsu_rm -o force d.img f && fsck_ffs -n -f d.img")
}

// testInterrupted stops a long copy in the ways that happen: the image is unmounted, or can be repaired.
func testInterrupted(t *testing.T, a *actor.Actor) {
	a.Shell("mkdir tree && for i in $(seq 20); do mkdir tree/$i; for j in $(seq 100); do echo $j >tree/$i/$j; done; done")
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		a.Shell("rm -f d.img; newfs -V 0 -F -s 8m d.img; mkfifo -m 600 wait 2>/dev/null; true")
		cmd := a.Command("sh", "-c", "exec fsu_put d.img -vR tree / >wait")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		pipe, err := os.OpenFile(a.Path("wait"), os.O_RDONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 2000) // some names, and no more: it is in the middle now
		if _, err := pipe.Read(buf); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
		pipe.Close()
		if err := cmd.Wait(); err == nil {
			t.Errorf("%v: it went on to the end", sig)
		}
		if sig == syscall.SIGKILL {
			a.Shell("fsck_ffs -p d.img || fsck_ffs -y d.img; true")
		}
		out := a.Run("fsck_ffs", "-n", "d.img")
		if !strings.Contains(out, "File system is clean; not checking") {
			t.Errorf("%v: %s", sig, out)
		}
		a.Run("fsck_ffs", "-n", "-f", "d.img")
	}
	// One that waits for standard input, and a program that the terminal interrupts.
	cmd := a.Command("sh", "-c", "echo started >&2; exec fsu_write d.img waiting")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for range 100 { // it may not have come to catch the signal yet, and then just ends
		if _, err := in.Write(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	cmd.Process.Signal(syscall.SIGINT)
	select {
	case err := <-ended:
		if err == nil {
			t.Error("fsu_write: interrupted, and has succeeded")
		}
	case <-time.After(20 * time.Second):
		cmd.Process.Kill()
		t.Error("fsu_write: still waits for standard input")
	}
	a.Run("fsck_ffs", "-n", "-f", "d.img")
	a.Shell("echo one | fsu_write d.img f && fsu_exec d.img sh -c 'kill -INT $PPID; echo two >>$0' f && fsu_cat d.img f | grep -q two")
	a.Shell("fsu_put d.img -vR tree /again | head -n 1; fsck_ffs -n d.img | grep -q 'is clean'")
}

// testServer works in a server: paths are its own, standard input and output the host's, and archives with device nodes need no
// privilege.
func testServer(t *testing.T, a *actor.Actor) {
	makeTree(a)
	a.Env = append(a.Env, "RUMP_SERVER=unix://sock")
	a.Shell("newfs -V 0 -F -s 16m -O 2 d.img && rump_server -lrumpvfs -lrumpfs_ffs -lrumpdev -lrumpdev_disk -d key=/dk,hostpath=d.img,size=host $RUMP_SERVER")
	t.Cleanup(func() { a.Try("rump.halt") })
	for _, c := range []struct{ line, want string }{
		{"rump.mkdir -p /x/y && rump.ls /", "dev\ntmp\nx\n"},
		{"echo hello | rump.write /x/f && rump.cat /x/f", "hello\n"},
		{"rump.mknod /x/null c 2 2 && rump.ls -l /x/null | cut -c1-25", "crw-r--r--  1 0  0  2, 2 \n"},
		{"rump.cp /x/f /x/g && rump.mv /x/g /x/h && rump.ln -s h /x/l && rump.ln /x/f /x/f2 && rump.chown 5:6 /x/h && rump.chmod 600 /x/h && " +
			"rump.stat -f '%Sp %u:%g %z %N' /x/h && rump.rm /x/h && rump.ls -F /x", "-rw------- 5:6 6 /x/h\nf\nf2\nl@\nnull\ny/\n"},
		{"rump.df | head -n 1", "Filesystem   512-blocks       Used      Avail %Cap Mounted on\n"},
		{"rump.dd if=/dev/zero of=/x/z bs=1000 count=3 2>&1 | head -n 2; rump.du -s /x/z | cut -f2", "3+0 records in\n3+0 records out\n/x/z\n"},
		{"rump.dd if=/x/z bs=1000 skip=2 msgfmt=quiet | wc -c", "1000\n"},
		{"rump.cat /nope", "rump.cat: /nope: No such file or directory\n"},
		{"tar --format=posix -cf - -C tree . | rump.tar -xf - -C /x/y && rump.tar --pax -cf - -C /x/y . | (mkdir out && tar -xpf - -C out); rump.find /x/y -type p", "/x/y/fifo\n"},
		{"rump.get -R /x/y out2 && rump.put -R out2 /tmp && rump.diff /x/y /tmp/out2", ""},
		{"rump.pax -w -x pax /x/null /x/l | rump.pax -v | cut -c1-10", "crw-r--r--\nlrwxr-xr-x\n"},
		{"rump.rm -r /x /tmp/out2 && rump.find / -type f", ""},
	} {
		got, _ := a.Try("sh", "-c", c.line)
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.line, got, c.want)
		}
	}
	sameTrees(a, "rump.get", "out2", "tree")
	a.Run("rump.halt")
	if out, err := a.Try("rump.ls", "/"); err == nil || !strings.HasPrefix(out, "rump.ls: unix://sock: no server") {
		t.Errorf("without a server: %v, %q", err, out)
	}
}

// testUnprivilegedArchive packs device nodes in a server and finds them in the archive.
func testUnprivilegedArchive(t *testing.T, a *actor.Actor) {
	a.Shell("newfs -V 0 -F -s 4m d.img && fsu_mkdir d.img dev && fsu_mknod d.img dev/null c 2 2 && fsu_mknod d.img dev/wd0a b 0 7 && fsu_chown d.img 3:4 dev/null")
	a.Shell("fsu_tar d.img -cf - dev >dev.tar && newfs -V 0 -F -s 4m -O 2 e.img && fsu_tar e.img -xf - <dev.tar && fsu_pax e.img -w dev >again.tar")
	list := a.Run("tar", "--numeric-owner", "-tvf", "again.tar")
	for _, want := range []string{"crw-r--r-- 3/4", " 2,2 ", "brw-r--r-- 0/", " 0,7 "} {
		if !strings.Contains(list, want) {
			t.Errorf("no %q in\n%s", want, list)
		}
	}
	for _, image := range []string{"d.img", "e.img"} {
		a.Run("fsck_ffs", "-n", "-f", image)
	}
}

// testEveryToolHasHelp: each tool is there under both names, and says what it does and shows an example.
func testEveryToolHasHelp(t *testing.T, a *actor.Actor) {
	names, err := filepath.Glob(filepath.Join(filepath.Dir(filepath.Dir(a.Dir)), "bin", "fsu_*"))
	if err != nil || len(names) < 25 {
		t.Fatalf("%d tools, %v", len(names), err)
	}
	for _, path := range names {
		name := filepath.Base(path)
		for _, name := range []string{name, "rump." + strings.TrimPrefix(name, "fsu_")} {
			out := a.Run(name, "--help")
			for _, want := range []string{"Usage: " + name, "Examples:"} {
				if !strings.Contains(out, want) {
					t.Errorf("%s --help lacks %q", name, want)
				}
			}
		}
	}
	for _, sub := range []string{"fsu", "remote"} {
		if out := a.Run("rump", sub, "--help"); !strings.Contains(out, "mknod") {
			t.Errorf("rump %s --help: %s", sub, out)
		}
	}
}
