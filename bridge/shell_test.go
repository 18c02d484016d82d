package bridge_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"rump/bridge"
	"rump/bridge/namespace"
	"rump/rumpfs/kern"
	"rump/rumpfs/rootfs"
)

// shellMode in the environment makes the test program one that shows a tree in memory to a shell: its value is the options,
// then where.
const shellMode = "BRIDGE_TEST_SHELL"

func shellMain(mode string) int {
	err := shellRun(mode)
	var status bridge.ExitStatus
	switch {
	case errors.As(err, &status):
		return int(status)
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		return 99
	}
	return 0
}

func shellRun(mode string) error {
	flags, dir, _ := strings.Cut(mode, ":")
	if !bridge.InNamespace() {
		return bridge.Namespace(ctx, os.Args[1:], namespace.Options{Ranges: strings.Contains(flags, "ranges")})
	}
	k, err := kern.Boot(kern.Options{Root: rootfs.New(rootfs.Options{Mode: 0o755})})
	if err != nil {
		return err
	}
	return errors.Join(bridge.Shell(ctx, k, bridge.ShellOptions{
		Dir: dir, Root: strings.Contains(flags, "root"), Command: append([]string{"/bin/sh", "-c"}, os.Args[1:]...),
	}), k.Halt(ctx))
}

// shell runs a script in a shell of its own, as some user, and returns what it said and its exit status.
func shell(t *testing.T, uid int, flags, dir, script string) (string, int) {
	t.Helper()
	exe := filepath.Join(t.TempDir(), "shell")
	for _, d := range []string{filepath.Dir(exe), parent(filepath.Dir(exe))} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	copyFile(t, exe)
	cmd := exec.Command(exe, script)
	cmd.Env = append(os.Environ(), shellMode+"="+flags+":"+dir)
	cmd.Dir = "/"
	if uid != os.Geteuid() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	status, err := namespace.Status(cmd.Run())
	if err != nil {
		t.Fatal(err)
	}
	if status == 99 && strings.Contains(out.String(), "user name space") {
		t.Skipf("no user name spaces: %s", out.String())
	}
	return out.String(), status
}

// copyFile copies this program to where any user may run it.
func copyFile(t *testing.T, to string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestShell: a program sees the name space where nobody else does, also in a directory that the host has not got, and its
// exit status comes back.
func TestShell(t *testing.T) {
	if testing.Short() {
		t.Skip("copies a program")
	}
	for _, uid := range []int{os.Geteuid(), 1000} {
		if uid != os.Geteuid() && !anyoneMayOpen("/dev/fuse") {
			t.Log("/dev/fuse is root's alone: not tried as an ordinary user (chmod 666 /dev/fuse)")
			continue
		}
		if uid != os.Geteuid() && os.Geteuid() != 0 {
			continue
		}
		const dir = "/rump-test-nowhere"
		out, status := shell(t, uid, "", dir, `
			id -u; pwd; df --output=fstype `+dir+` | tail -1
			cd `+dir+` && echo inside >f && cat f && stat -c '%u %a' f && mkdir -p a/b && mv f a/b && find . | sort | tr '\n' ' '
			exit 7`)
		want := fmt.Sprintf("%d\n/\nfuse.rump\ninside\n%d 644\n. ./a ./a/b ./a/b/f ", uid, uid)
		if status != 7 || out != want {
			t.Errorf("as %d: status %d, said\n%q, want 7 and\n%q", uid, status, out, want)
		}
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the host has got %s: %v", dir, err)
		}
	}
	// Over a directory that is there.
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "covered"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	out, status := shell(t, os.Geteuid(), "root", dir, `id -u; ls `+dir+`; touch `+dir+`/new; kill -9 $$`)
	if out != "0\n" || status != 128+9 {
		t.Errorf("status %d, said %q; want 137 and only who it is", status, out)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("in the host's directory: %v", entries)
	}
}

func anyoneMayOpen(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&0o006 == 0o006
}
