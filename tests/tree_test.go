package tests

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// need skips a test, or fails it where everything must be there, if a tool is missing.
func need(tb testing.TB, tool, debian string) {
	tb.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		missing(tb, "no %s (Debian package %s)", tool, debian)
	}
}

func missing(tb testing.TB, format string, a ...any) {
	tb.Helper()
	if os.Getenv("RUMP_TEST_REQUIRE") == "1" {
		tb.Fatalf(format, a...)
	}
	tb.Skipf(format, a...)
}

// An actor runs commands as an ordinary user: as itself, or if the test is root's, as one that owns nothing.
type actor struct {
	tb   testing.TB
	dir  string // its working directory
	exe  string // the program under test
	cred *syscall.Credential
}

// nobody is the id of the user whose name that is.
const nobody = 65534

func newActor(tb testing.TB) *actor {
	tb.Helper()
	need(tb, "fusermount3", "fuse3")
	if f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil {
		missing(tb, "%v (Debian package fuse3, or mode 0666)", err)
	} else {
		f.Close()
	}
	base, err := os.MkdirTemp("", "rump-test-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(base) })
	exe, err := program()
	if err != nil {
		tb.Fatal(err)
	}
	a := &actor{tb: tb, dir: filepath.Join(base, "home"), exe: exe}
	if err := os.Chmod(base, 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.Mkdir(a.dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	if os.Getuid() == 0 {
		a.cred = &syscall.Credential{Uid: nobody, Gid: nobody}
		if err := os.Chown(a.dir, nobody, nobody); err != nil {
			tb.Fatal(err)
		}
		if info, err := os.Stat("/dev/fuse"); err != nil || info.Mode()&0o006 != 0o006 {
			missing(tb, "/dev/fuse is not for everybody (chmod 666 /dev/fuse)")
		}
	}
	return a
}

// programDir holds the program under test, for all tests and all users.
var programDir string

// program builds it once.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "rump-test-exe-")
	if err != nil {
		return "", err
	}
	programDir = dir
	exe := filepath.Join(dir, "rump")
	if out, err := exec.Command("go", "build", "-o", exe, "rump/cmd/rump").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return exe, os.Chmod(dir, 0o755)
})

func TestMain(m *testing.M) {
	code := m.Run()
	if programDir != "" {
		os.RemoveAll(programDir)
	}
	os.Exit(code)
}

// run runs a command and returns what it printed. rump is the program under test.
func (a *actor) run(name string, args ...string) string {
	a.tb.Helper()
	out, err := a.try(name, args...)
	if err != nil {
		a.tb.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

func (a *actor) try(name string, args ...string) (string, error) {
	path := name
	if name == "rump" {
		path = a.exe
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = a.dir
	cmd.Env = append(os.Environ(), "HOME="+a.dir)
	if a.cred != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: a.cred}
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// path is a name in the actor's directory.
func (a *actor) path(name string) string { return filepath.Join(a.dir, name) }

// TestTrees copies a tree into images of every kind with the host's tools, as an ordinary user, and compares it through the mount, after another
// mount, and through an independent reader. With RUMP_TEST_LONG=1 it is the whole source tree of the Go distribution.
func TestTrees(t *testing.T) {
	if testing.Short() {
		t.Skip("copies trees for minutes")
	}
	need(t, "makefs", "makefs")
	need(t, "pax", "pax")
	source := filepath.Join(runtime.GOROOT(), "src", "net", "http")
	size := "48m"
	if os.Getenv("RUMP_TEST_LONG") == "1" {
		source, size = filepath.Join(runtime.GOROOT(), "src"), "400m"
	}
	if _, err := os.Stat(source); err != nil {
		t.Skipf("no Go source tree: %v", err)
	}
	a := newActor(t)
	a.run("cp", "-r", source, "tree")                                                              // its own, so that owners and times can be kept
	a.run("sh", "-c", "find tree -depth -print0 | xargs -0 touch -h -d '2011-03-11 14:49:00 UTC'") // archives keep whole seconds
	for version := 1; version <= 2; version++ {
		for _, order := range []string{"le", "be"} {
			for _, maker := range []string{"newfs", "makefs"} {
				t.Run(fmt.Sprintf("ufs%d-%s-%s", version, order, maker), func(t *testing.T) {
					b := *a
					b.tb = t
					copyTrees(&b, version, order, maker, size)
				})
			}
		}
	}
}

// copyTrees fills one image three times, by three tools.
func copyTrees(a *actor, version int, order, maker, size string) {
	t := a.tb
	t.Helper()
	img := fmt.Sprintf("%s-%d-%s.img", maker, version, order)
	mnt := a.path("mnt")
	if err := os.MkdirAll(mnt, 0o777); err != nil {
		t.Fatal(err)
	}
	if a.cred != nil {
		if err := os.Chown(mnt, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	defer func() {
		if t.Failed() {
			_, _ = a.try("rump", "umount", "-f", "mnt") // so that the others have it
		}
	}()
	if maker == "newfs" {
		a.run("rump", "newfs", "-V", "0", "-F", "-B", order, "-O", fmt.Sprint(version), "-s", size, img)
	} else {
		a.run("mkdir", "-p", "empty")
		a.run("makefs", "-t", "ffs", "-B", order, "-s", size, "-f", "20000", "-o", fmt.Sprintf("version=%d", version), img, "empty")
	}
	for _, tool := range []struct {
		name   string
		script string
	}{
		{"cp", "cp -a tree mnt/cp"},
		{"tar", "mkdir mnt/tar && tar cf - -C tree . | tar xpf - -C mnt/tar"},
		{"pax", "mkdir mnt/pax && cd tree && pax -rw -pe . ../mnt/pax"},
	} {
		a.run("rump", "mount", img, "mnt")
		a.run("sh", "-c", tool.script)
		sameTree(a, "tree", filepath.Join("mnt", tool.name))
		a.run("rump", "umount", "mnt")
		a.run("rump", "fsck", "-n", "-f", img)
		a.run("rump", "mount", "-o", "ro", img, "mnt")
		sameTree(a, "tree", filepath.Join("mnt", tool.name))
		a.run("rump", "umount", "mnt")
		readElsewhere(a, img, version, order, maker, tool.name)
		a.run("rump", "mount", img, "mnt")
		a.run("rm", "-rf", filepath.Join("mnt", tool.name))
		a.run("rump", "umount", "mnt")
	}
	a.run("rump", "fsck", "-n", "-f", img)
	a.run("rm", img)
}

// readElsewhere compares the tree as another program reads it out of the image.
func readElsewhere(a *actor, img string, version int, order, maker, dir string) {
	t := a.tb
	t.Helper()
	if version == 2 && maker == "makefs" {
		return // its superblock is at 8192, which sleuthkit does not look at
	}
	need(t, "tsk_recover", "sleuthkit")
	out := a.path("out")
	if text, err := a.try("tsk_recover", "-a", "-f", fmt.Sprintf("ufs%d", version), img, "out"); err != nil {
		t.Fatalf("tsk_recover: %v\n%s", err, text)
	}
	want, got := regularFiles(t, a.path("tree")), regularFiles(t, filepath.Join(out, dir))
	if len(want) != len(got) {
		t.Errorf("sleuthkit finds %d files, want %d", len(got), len(want))
	}
	for name, b := range want {
		if !bytes.Equal(got[name], b) {
			t.Errorf("sleuthkit reads %s differently: %d bytes, want %d", name, len(got[name]), len(b))
			break
		}
	}
	a.run("rm", "-rf", "out")
}

// regularFiles reads the files of a tree that are not empty; sleuthkit does not write out others.
func regularFiles(tb testing.TB, dir string) map[string][]byte {
	tb.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if rel, _ := filepath.Rel(dir, path); len(b) > 0 {
			files[rel] = b
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return files
}

// sameTree compares everything that a copy keeps: names, types, modes, times, sizes, targets, bytes. The user looks: a mount is nobody else's.
func sameTree(a *actor, want, got string) {
	a.tb.Helper()
	const look = "cd %s && find . ! -type d -printf '%%P %%y %%m %%s %%T@ %%l\n' -o -printf '%%P %%y %%m %%T@\n' | sort && find . -type f -print0 | sort -z | xargs -0 sha256sum"
	w, g := a.run("sh", "-c", fmt.Sprintf(look, want)), a.run("sh", "-c", fmt.Sprintf(look, got))
	if w == g {
		return
	}
	wl, gl := strings.Split(w, "\n"), strings.Split(g, "\n")
	for i := range wl {
		if i >= len(gl) || wl[i] != gl[i] {
			a.tb.Fatalf("%s differs from %s: %d lines, want %d; first want %q, got %q", got, want, len(gl), len(wl), wl[i], gl[min(i, len(gl)-1)])
		}
	}
	a.tb.Fatalf("%s has more than %s", got, want)
}
