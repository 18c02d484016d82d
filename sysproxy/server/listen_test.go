package server_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"rump/ffs"
	"rump/netbsd"
	"rump/rumpfs/blockdev"
	"rump/sysproxy"
	"rump/sysproxy/server"
)

func listen(url string) (*server.Listener, error) { return server.Listen(url) }

// checkClean looks whether an image was unmounted as it should be.
func checkClean(t testing.TB, img string) {
	t.Helper()
	disk, err := blockdev.OpenFile(img, blockdev.FileOptions{ReadOnly: true})
	must(t, err)
	defer disk.Close()
	info, err := ffs.Probe(disk, disk.Size())
	must(t, err)
	if why := ffs.WriteHazard(info.Super, false); why != "" {
		t.Errorf("the image: %s", why)
	}
}

// shortDir is a directory with a path that fits a socket's address.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rump")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// TestSocketFile looks at the file: only its owner may connect, and it goes away, but not if it is another's by then.
func TestSocketFile(t *testing.T) {
	path := filepath.Join(shortDir(t), "s")
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	l, err := listen("unix://" + path)
	must(t, err)
	info, err := os.Lstat(path)
	must(t, err)
	if info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("mode %v, want 0600", info.Mode())
	}
	must(t, l.Close())
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("afterwards: %v", err)
	}
	l, err = listen("unix://" + path)
	must(t, err)
	must(t, os.Remove(path))
	must(t, os.WriteFile(path, nil, 0o600))
	must(t, l.Close())
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("another's file: %v", err)
	}
}

// TestStale leaves a dead socket, a living server, and other things in the way.
func TestStale(t *testing.T) {
	dir := shortDir(t)
	path := filepath.Join(dir, "s")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	must(t, err)
	dead.SetUnlinkOnClose(false)
	must(t, dead.Close())
	l, err := listen("unix://" + path)
	if err != nil {
		t.Fatalf("over a dead socket: %v", err)
	}
	busy := func(what, words string) {
		t.Helper()
		_, err := listen("unix://" + path)
		var bind *server.BindError
		if !errors.As(err, &bind) || !errors.Is(err, netbsd.EADDRINUSE) || !strings.Contains(err.Error(), words) {
			t.Errorf("over %s: %v, want EADDRINUSE and %q", what, err, words)
		}
	}
	busy("a living server", "a server is running there")
	must(t, l.Close())
	must(t, os.WriteFile(path, []byte("x"), 0o600))
	busy("a file", "no socket")
	must(t, os.Remove(path))
	must(t, os.Mkdir(path, 0o700))
	busy("a directory", "no socket")
	if _, err := listen("unix://" + dir + "/none/s"); !errors.Is(err, netbsd.ENOENT) {
		t.Errorf("in a directory that is not there: %v, want ENOENT", err)
	}
}

// TestStaleRace starts many servers at once over a dead socket: one of them wins.
func TestStaleRace(t *testing.T) {
	path := filepath.Join(shortDir(t), "s")
	for range 20 {
		dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		must(t, err)
		dead.SetUnlinkOnClose(false)
		must(t, dead.Close())
		var won atomic.Int32
		var winner atomic.Pointer[server.Listener]
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				l, err := listen("unix://" + path)
				if err == nil {
					won.Add(1)
					winner.Store(l)
				} else if !errors.Is(err, netbsd.EADDRINUSE) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d servers won, want 1", won.Load())
		}
		if c, err := net.Dial("unix", path); err != nil {
			t.Errorf("the winner: %v", err)
		} else {
			c.Close()
		}
		must(t, winner.Load().Close())
	}
}

// TestURLs are the addresses that there are, and the words for those that are none.
func TestURLs(t *testing.T) {
	cwd, err := os.Getwd()
	must(t, err)
	for _, c := range []struct {
		url, network, address, msg string
		no                         netbsd.Errno
	}{
		{"unix:///tmp/s", "unix", "/tmp/s", "", 0},
		{"unix://s", "unix", cwd + "/s", "", 0},
		{"tcp://127.0.0.1:80/", "tcp", "127.0.0.1:80", "", 0},
		{"tcp://127.0.0.1:80", "tcp", "127.0.0.1:80", "", 0},
		{"tcp://127.0.0.1:80/any thing", "tcp", "127.0.0.1:80", "", 0},
		{"tcp://*:80", "tcp", "0.0.0.0:80", "", 0},
		{"tcp://0:80", "tcp", "0.0.0.0:80", "", 0},
		{"s", "", "", "rump_sp: invalid locator ``s''", netbsd.EINVAL},
		{"", "", "", "rump_sp: invalid locator ``''", netbsd.EINVAL},
		{"foo://x", "", "", "rump_sp: invalid identifier ``foo://x''", netbsd.EINVAL},
		{"averyverylongidentifier://x", "", "", "rump_sp: identifier too long in ``averyverylongidentifier://x''", netbsd.EINVAL},
		{"tcp6://x", "", "", "rump_sp: support not yet implemented", netbsd.EOPNOTSUPP},
		{"tcp://127.0.0.1", "", "", "rump_sp_tcp: missing port specifier", netbsd.EINVAL},
		{"tcp://localhost:80", "", "", "rump_sp_tcp: cannot parse localhost", netbsd.EINVAL},
		{"tcp://" + strings.Repeat("1", 64) + ":80", "", "", "rump_sp_tcp: address too long", netbsd.EINVAL},
		{"tcp://127.0.0.1:x", "", "", "rump_sp_tcp: port not found: x", netbsd.EINVAL},
		{"tcp://127.0.0.1:80x", "", "", "rump_sp_tcp: junk at end of port: 127.0.0.1:80x", netbsd.EINVAL},
		{"tcp://127.0.0.1:65536", "", "", "rump_sp_tcp: port 65536 out of range", netbsd.ERANGE},
		{"tcp://127.0.0.1:99999999999999999999", "", "", "rump_sp_tcp: port 99999999999999999999 out of range", netbsd.ERANGE},
		{"unix://" + strings.Repeat("x", 108), "", "", "rump_sp: path of a socket is longer than 107 bytes", netbsd.ENAMETOOLONG},
		{"unix://", "", "", "rump_sp: no path of a socket in ``unix://''", netbsd.EINVAL},
	} {
		u, err := sysproxy.ParseURL(c.url)
		if c.msg == "" {
			if err != nil || u.Network != c.network || u.Address != c.address {
				t.Errorf("%q is %+v, %v", c.url, u, err)
			}
			continue
		}
		if err == nil || err.Error() != c.msg || !errors.Is(err, c.no) {
			t.Errorf("%q: %v, want %s, %v", c.url, err, c.msg, c.no)
		}
	}
}
