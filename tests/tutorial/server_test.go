package tutorial

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"rump/tests/actor"
)

// TestFirstServer is the section "Your first server": the session word for word, but for errors that say more, and the exercises.
func TestFirstServer(t *testing.T) {
	a := newActor(t)
	t.Run("session", func(t *testing.T) { session(t, a.With(t)) })
	t.Run("dump", func(t *testing.T) { dump(t, a.With(t)) })
	t.Run("killed", func(t *testing.T) { killed(t, a.With(t)) })
	t.Run("foreground", func(t *testing.T) { foreground(t, a.With(t)) })
}

func session(t *testing.T, a *actor.Actor) {
	script(`
		$ rump_server unix://rumpserver
		$ ls -l rumpserver
		srw------- +1 .* 0 .* rumpserver
		$ rump.sysctl kern.hostname
		kern.hostname = rump-[0-9]{5}\..+
		$ rump.halt
		$ rump.sysctl kern.hostname
		rump.sysctl: unix://rumpserver: no server has been started there: no such file or directory
		? 1
		$ ls -l rumpserver
		ls: .*rumpserver.*: No such file or directory
		? 2
	`).play(t, a)
}

// serverPID is the process that has the socket open.
func serverPID(t *testing.T, a *actor.Actor) int {
	t.Helper()
	sock, err := net.Dial("unix", a.Path("rumpserver"))
	if err != nil {
		t.Fatal(err)
	}
	defer sock.Close()
	raw, err := sock.(*net.UnixConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	pid := 0
	if err := raw.Control(func(fd uintptr) { pid, err = peerPID(int(fd)) }); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// gone waits until a process has ended, with all its threads.
func gone(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		threads, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		if err != nil || strings.Contains(string(b), ") Z ") && len(threads) <= 1 {
			return
		}
	}
	t.Fatalf("process %d goes on", pid)
}

// dump halts with -d: the server ends by SIGABRT, the stacks are in its log, the socket is gone, and a core is left where the host
// leaves cores in the working directory.
func dump(t *testing.T, a *actor.Actor) {
	a.Shell("ulimit -c unlimited; rump_server --log server.log unix://rumpserver")
	pid := serverPID(t, a)
	a.Run("rump.halt", "-d")
	gone(t, pid)
	if _, err := os.Stat(a.Path("rumpserver")); !os.IsNotExist(err) {
		t.Errorf("the socket: %v, want none", err)
	}
	b, err := os.ReadFile(a.Path("server.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"rump kernel halting...", "SIGABRT", "goroutine ", "main.abort"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("the log has no %q:\n%s", want, b)
		}
	}
	if pattern, err := os.ReadFile("/proc/sys/kernel/core_pattern"); err != nil || strings.TrimSpace(string(pattern)) != "core" {
		t.Logf("cores go elsewhere: %q, %v", pattern, err)
		return
	}
	if out := a.Shell("ls core*"); !strings.HasPrefix(out, "core") {
		t.Errorf("cores: %q", out)
	}
}

// killed kills a server in bad ways; the next one recognises what it has left, and replaces it.
func killed(t *testing.T, a *actor.Actor) {
	for _, sig := range []syscall.Signal{syscall.SIGABRT, syscall.SIGKILL} {
		a.Run("rump_server", "unix://rumpserver")
		pid := serverPID(t, a)
		if err := syscall.Kill(pid, sig); err != nil {
			t.Fatal(err)
		}
		gone(t, pid)
		script(`
			$ test -S rumpserver
			$ rump.sysctl kern.hostname
			rump.sysctl: unix://rumpserver: the server is gone: connection refused
			? 1
			$ rump_server unix://rumpserver
			$ rump.sysctl -n kern.ostype
			NetBSD
			$ rump_server unix://rumpserver
			rump_server: rump_sp: failed to bind to URL unix://rumpserver: a server is running there
			rump_server: rump server init failed: Address already in use
			? 48
			$ rump.halt
			$ echo precious >rumpserver; rump_server unix://rumpserver
			rump_server: rump_sp: failed to bind to URL unix://rumpserver: there is a file of that name, and it is no socket
			rump_server: rump server init failed: Address already in use
			? 48
			$ cat rumpserver; rm rumpserver
			precious
		`).play(t, a)
	}
}

// foreground starts servers with -s and ends them by each of the signals that are for it.
func foreground(t *testing.T, a *actor.Actor) {
	a.Run("rump", "newfs", "-F", "-s", "4m", "disk.img")
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		cmd := a.Command("rump_server", "-s", "-v", "-lrumpvfs", "-lrumpfs_ffs", "-d", "key=/dk,hostpath=disk.img,size=host", "unix://rumpserver")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill() }) // ended already, unless the test failed
		lines := bufio.NewReader(out)
		for text := ""; !strings.HasPrefix(text, "/dk: hostpath disk.img (4096 KB)"); {
			if text, err = lines.ReadString('\n'); err != nil {
				t.Fatalf("boot messages: %v", err)
			}
		}
		for i := 0; ; i++ {
			if _, err := a.Try("rump.sysctl", "-n", "vfs.generic.fstypes"); err == nil {
				break
			}
			if i == 500 {
				t.Fatal("the server does not come up")
			}
			time.Sleep(10 * time.Millisecond)
		}
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		rest, err := io.ReadAll(lines)
		if err != nil {
			t.Fatal(err)
		}
		want := "rump kernel halting...\nsyncing disks... done\nunmounting file systems...\nunmounting done\nhalted\n"
		if string(rest) != want {
			t.Errorf("%v: the server says %q, want %q", sig, rest, want)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %v, want status 0", sig, err)
		}
		if _, err := os.Stat(a.Path("rumpserver")); !os.IsNotExist(err) {
			t.Errorf("%v: the socket: %v, want none", sig, err)
		}
	}
}
