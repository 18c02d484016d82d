package server_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"rump/components"
	"rump/ffs/mkfs"
	"rump/rumpfs/blockdev"
	"rump/rumpfs/kern/dev"
	"rump/rumpfs/vfs"
	"rump/sysproxy/client"
	"rump/sysproxy/server"
)

var ctx = context.Background()

// A rig is a kernel with a server on a unix socket.
type rig struct {
	tb      testing.TB
	machine *components.Machine
	server  *server.Server
	url     string
	console safeBuffer
}

// safeBuffer is a buffer that may be written and read at the same time.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// newRig starts a server with all components, and stops it at the end of the test: nothing may be left then.
func newRig(tb testing.TB, names ...string) *rig {
	tb.Helper()
	list := components.All()
	if names != nil {
		var err error
		if list, err = components.Choose(names); err != nil {
			tb.Fatal(err)
		}
	}
	r := &rig{tb: tb}
	m, err := components.Boot(ctx, components.Options{Components: list, Hostname: "rump-00042.test", Console: &r.console})
	if err != nil {
		tb.Fatal(err)
	}
	r.machine = m
	r.server = server.New(server.Options{System: m.System})
	dir, err := os.MkdirTemp("", "rump") // short, for the socket's path
	if err != nil {
		tb.Fatal(err)
	}
	r.url = "unix://" + filepath.Join(dir, "s")
	l, err := server.Listen(r.url)
	if err != nil {
		tb.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.server.Serve(l); err != nil {
			tb.Errorf("serve: %v", err)
		}
	}()
	tb.Cleanup(func() {
		wait, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		if err := r.server.Close(wait); err != nil {
			tb.Errorf("close: %v", err)
		}
		<-done
		if n := m.System.Processes(); n != 1 {
			tb.Errorf("%d processes are left, want 1", n)
		}
		if n := m.System.Kernel().Referenced(); n > 1 { // init's directory
			tb.Errorf("%d vnodes are still referred to", n)
		}
		if err := m.System.Shutdown(ctx, 0); err != nil && m.System.How() == 0 {
			_ = err // halted by the test
		}
		os.RemoveAll(dir)
	})
	return r
}

// disk makes a new file of the host a disk and returns the file.
func (r *rig) disk(key string, size int64) string {
	r.tb.Helper()
	path := filepath.Join(r.tb.TempDir(), "img")
	must(r.tb, r.machine.AddKey(components.Key{Path: key, Kind: vfs.KindBlock, File: dev.HostDisk{Path: path, Size: size, Create: true}}))
	return path
}

// addDisk makes a file of the host a disk.
func (r *rig) addDisk(key, path string) {
	r.tb.Helper()
	must(r.tb, r.machine.AddKey(components.Key{Path: key, Kind: vfs.KindBlock, File: dev.HostDisk{Path: path}}))
}

// newfs makes a file with an empty file system.
func newfs(tb testing.TB, path string, size int64) {
	tb.Helper()
	disk, err := blockdev.OpenFile(path, blockdev.FileOptions{Create: true, MinSize: size})
	must(tb, err)
	defer disk.Close()
	_, err = mkfs.Newfs(ctx, disk, mkfs.Options{Version: 2})
	must(tb, err)
}

// dial makes a client that is closed at the end of the test.
func (r *rig) dial() *client.Client {
	r.tb.Helper()
	c, err := client.Dial(ctx, r.url, client.Options{Program: "test"})
	if err != nil {
		r.tb.Fatal(err)
	}
	r.tb.Cleanup(func() { c.Close() })
	return c
}

// raw connects without a handshake, and reads the banner.
func (r *rig) raw() net.Conn {
	r.tb.Helper()
	sock, err := net.Dial("unix", r.url[len("unix://"):])
	if err != nil {
		r.tb.Fatal(err)
	}
	r.tb.Cleanup(func() { sock.Close() })
	sock.SetDeadline(time.Now().Add(10 * time.Second))
	b := make([]byte, 1)
	for b[0] != '\n' {
		if _, err := io.ReadFull(sock, b); err != nil {
			r.tb.Fatalf("banner: %v", err)
		}
	}
	return sock
}

// must fails the test if there is an error.
func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
