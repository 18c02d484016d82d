// Package actor runs commands as an ordinary user would, for tests of the whole program.
package actor

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// nobody is the id of the user whose name that is.
const nobody = 65534

// Need skips a test, or fails it where everything must be there, if a tool is missing.
func Need(tb testing.TB, tool, debian string) {
	tb.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		Missing(tb, "no %s (Debian package %s)", tool, debian)
	}
}

// Missing skips a test, or fails it where everything must be there.
func Missing(tb testing.TB, format string, a ...any) {
	tb.Helper()
	if os.Getenv("RUMP_TEST_REQUIRE") == "1" {
		tb.Fatalf(format, a...)
	}
	tb.Skipf(format, a...)
}

// NeedFuse skips a test where an ordinary user cannot mount by FUSE.
func NeedFuse(tb testing.TB) {
	tb.Helper()
	Need(tb, "fusermount3", "fuse3")
	if f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil {
		Missing(tb, "%v (Debian package fuse3, or mode 0666)", err)
	} else {
		f.Close()
	}
	if os.Getuid() != 0 {
		return
	}
	if info, err := os.Stat("/dev/fuse"); err != nil || info.Mode()&0o006 != 0o006 {
		Missing(tb, "/dev/fuse is not for everybody (chmod 666 /dev/fuse)")
	}
}

// An Actor runs commands as an ordinary user: as itself, or if the test is root's, as one that owns nothing. It has a directory of
// its own, and the program under test, also under its historic names.
type Actor struct {
	TB  testing.TB
	Dir string   // its working directory
	Env []string // added to the environment

	exe  string
	bin  string // has the program under its historic names
	cred *syscall.Credential
}

// New makes an actor, whose directory goes away with the test.
func New(tb testing.TB) *Actor {
	tb.Helper()
	base, err := os.MkdirTemp("", "rump-test-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(base) })
	a := &Actor{TB: tb, Dir: filepath.Join(base, "home"), exe: filepath.Join(base, "rump")}
	if err := os.Chmod(base, 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.Mkdir(a.Dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	if os.Getuid() == 0 {
		a.cred = &syscall.Credential{Uid: nobody, Gid: nobody}
		a.Own(a.Dir)
	}
	if out, err := exec.Command("go", "build", "-o", a.exe, "rump/cmd/rump").CombinedOutput(); err != nil {
		tb.Fatalf("go build: %v\n%s", err, out)
	}
	a.bin = filepath.Join(base, "bin")
	if out, err := exec.Command(a.exe, "links", a.bin).CombinedOutput(); err != nil {
		tb.Fatalf("links: %v\n%s", err, out)
	}
	a.Env = []string{"HOME=" + a.Dir, "PATH=" + a.bin + ":" + os.Getenv("PATH")}
	return a
}

// With is the actor in a part of its test.
func (a *Actor) With(tb testing.TB) *Actor {
	b := *a
	b.TB = tb
	return &b
}

// Own gives the actor what the test has made for it.
func (a *Actor) Own(path string) {
	a.TB.Helper()
	if a.cred == nil {
		return
	}
	if err := os.Chown(path, nobody, nobody); err != nil {
		a.TB.Fatal(err)
	}
}

// IsRoot reports whether the test is root's, so that the actor is somebody else.
func (a *Actor) IsRoot() bool { return a.cred != nil }

// Command makes a command of the actor's. rump is the program under test.
func (a *Actor) Command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	if own := filepath.Join(a.bin, name); name == "rump" {
		cmd = exec.Command(a.exe, args...)
	} else if _, err := os.Lstat(own); err == nil {
		cmd = exec.Command(own, args...)
	}
	cmd.Dir = a.Dir
	cmd.Env = append(os.Environ(), a.Env...)
	if a.cred != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: a.cred}
	}
	return cmd
}

// Try runs a command and returns what it printed.
func (a *Actor) Try(name string, args ...string) (string, error) {
	out, err := a.Command(name, args...).CombinedOutput()
	return string(out), err
}

// Run runs a command that must succeed and returns what it printed.
func (a *Actor) Run(name string, args ...string) string {
	a.TB.Helper()
	out, err := a.Try(name, args...)
	if err != nil {
		a.TB.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// Shell runs a line of shell, which must succeed, and returns what it printed.
func (a *Actor) Shell(line string) string {
	a.TB.Helper()
	out, err := a.Try("sh", "-c", line)
	if err != nil {
		a.TB.Fatalf("%s: %v\n%s", line, err, out)
	}
	return out
}

// Path is a name in the actor's directory.
func (a *Actor) Path(name string) string { return filepath.Join(a.Dir, name) }
