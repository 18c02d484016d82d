package tutorial

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"rump/netbsd"
	"rump/sysproxy/client"
	"rump/tests/actor"
)

// mounted reports whether something is mounted at a directory of the host.
func mounted(t *testing.T, dir string) bool {
	t.Helper()
	b, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(b), " "+real+" ")
}

// dial connects to the actor's server.
func dial(t *testing.T, a *actor.Actor) *client.Client {
	t.Helper()
	c, err := client.Dial(context.Background(), "unix://"+a.Path("rumpserver"), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// TestBridge starts a server with its name space on the host: host tools and clients see each other's work, and both ways of ending the
// server leave nothing behind.
func TestBridge(t *testing.T) {
	actor.NeedFuse(t)
	a := newActor(t)
	a.Run("rump", "newfs", "-O", "2", "-F", "-s", "14m", "disk.img")
	a.Run("mkdir", "mnt")
	defer func() {
		if t.Failed() {
			_, _ = a.Try("fusermount3", "-u", "-z", "mnt")
		}
	}()
	start := func() {
		t.Helper()
		a.Run("rump_server", "-lrumpvfs", "-lrumpfs_ffs", "-d", "key=/dk,hostpath=disk.img,size=host", "--bridge", "mnt", "unix://rumpserver")
	}
	start()
	script(`
		$ ls mnt
		dev
		tmp
		$ mkdir mnt/mnt
		$ stat -c %F mnt/mnt
		directory
	`).play(t, a)
	c := dial(t, a)
	if err := c.Mount("ffs", "/mnt", 0, "/dk"); err != nil {
		t.Fatal(err)
	}
	script(`
		$ mkdir mnt/mnt/d; cp /bin/true mnt/mnt/d/true; cmp /bin/true mnt/mnt/d/true
		$ chown 12:34 mnt/mnt/d/true; chmod 4511 mnt/mnt/d/true
	`).play(t, a)
	if st, err := c.Stat("/mnt/d/true"); err != nil || st.UID != 12 || st.GID != 34 || st.Mode != netbsd.S_IFREG|0o4511 {
		t.Errorf("a client sees %+v, %v", st, err)
	}
	if err := c.Rename("/mnt/d/true", "/mnt/moved"); err != nil {
		t.Error(err)
	}
	script(`
		$ ls mnt/mnt/d mnt/mnt/moved
		mnt/mnt/moved
		
		mnt/mnt/d:
	`).play(t, a)
	if err := c.Unmount("/mnt", 0); err != nil { // what the host only remembers is no use
		t.Errorf("unmount: %v", err)
	}
	a.Run("rump.halt")
	if mounted(t, a.Path("mnt")) {
		t.Error("the bridge is left after rump.halt")
	}
	a.Run("rump", "fsck", "-n", "-f", "disk.img")
	start()
	c = dial(t, a)
	if err := c.Mkdir("/mnt", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := c.Mount("ffs", "/mnt", 0, "/dk"); err != nil {
		t.Fatal(err)
	}
	a.Shell("echo kept >mnt/mnt/kept")
	pid := serverPID(t, a)
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	gone(t, pid)
	if mounted(t, a.Path("mnt")) {
		t.Error("the bridge is left after a signal")
	}
	a.Run("rump", "fsck", "-n", "-f", "disk.img")
	a.Run("rump", "mount", "-o", "ro", "disk.img", "mnt")
	if out := a.Run("cat", "mnt/kept"); out != "kept\n" {
		t.Errorf("the file holds %q", out)
	}
	a.Run("rump", "umount", "mnt")
}
