package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"rump/components"
	"rump/netbsd"
	"rump/sysproxy"
	"rump/sysproxy/client"
	"rump/sysproxy/server"
)

// serve starts a kernel with a server at a URL, and returns what ends it.
func serve(t *testing.T, url string) (stop func()) {
	t.Helper()
	m, err := components.Boot(ctx, components.Options{Components: components.All(), Hostname: "rump"})
	if err != nil {
		t.Fatal(err)
	}
	s := server.New(server.Options{System: m.System})
	l, err := server.Listen(url)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(l) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			wait, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			if err := errors.Join(s.Close(wait), m.System.Shutdown(ctx, 0)); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// socket is a URL that is free.
func socket(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rump")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return "unix://" + filepath.Join(dir, "s")
}

// hostile is a server that lets a client in, and answers its first call with what fn sends.
func hostile(t *testing.T, fn func(sock net.Conn, call sysproxy.Header, args []byte)) string {
	t.Helper()
	url := socket(t)
	l, err := net.Listen("unix", strings.TrimPrefix(url, "unix://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		sock, err := l.Accept()
		if err != nil {
			return
		}
		defer sock.Close()
		sock.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.WriteString(sock, sysproxy.Banner())
		for range 2 {
			b := make([]byte, sysproxy.HeaderSize)
			if _, err := io.ReadFull(sock, b); err != nil {
				return
			}
			var h sysproxy.Header
			h.Decode(b)
			n, _ := h.Body(1 << 20)
			body := make([]byte, n)
			_, _ = io.ReadFull(sock, body)
			if h.Type == sysproxy.Handshake {
				_, _ = sock.Write(append(sysproxy.Header{Reqno: h.Reqno, Class: sysproxy.Response}.Append(nil, 4), 0, 0, 0, 0))
				continue
			}
			fn(sock, h, body)
		}
		_, _ = io.Copy(io.Discard, sock)
	}()
	return url
}

// TestMemory has servers ask for memory that was not offered, or write where nothing is to be written: the client leaves them.
func TestMemory(t *testing.T) {
	for name, ask := range map[string]func(addr uint64) []byte{
		"elsewhere":       func(uint64) []byte { return request(sysproxy.Copyin, sysproxy.Copy{Len: 8, Addr: 0x7fff0000}) },
		"before":          func(a uint64) []byte { return request(sysproxy.Copyin, sysproxy.Copy{Len: 8, Addr: a - 1}) },
		"too much":        func(a uint64) []byte { return request(sysproxy.Copyin, sysproxy.Copy{Len: 1 << 30, Addr: a}) },
		"all there is":    func(a uint64) []byte { return request(sysproxy.Copyin, sysproxy.Copy{Len: ^uint64(0), Addr: a}) },
		"a string at 0":   func(uint64) []byte { return request(sysproxy.CopyinStr, sysproxy.Copy{Len: 1024}) },
		"write to a path": func(a uint64) []byte { return request(sysproxy.Copyout, sysproxy.Copy{Len: 4, Addr: a}, 1, 2, 3, 4) },
		"write elsewhere": func(uint64) []byte { return request(sysproxy.Copyout, sysproxy.Copy{Len: 4, Addr: 1}, 1, 2, 3, 4) },
		"write more than comes": func(a uint64) []byte {
			return request(sysproxy.Copyout, sysproxy.Copy{Len: 400, Addr: a}, 1, 2, 3, 4)
		},
		"no addresses":   func(uint64) []byte { return sysproxy.Header{Type: sysproxy.Copyin}.Append(nil, 0) },
		"frame too long": func(uint64) []byte { return le.AppendUint64(nil, 1<<60) },
	} {
		t.Run(name, func(t *testing.T) {
			url := hostile(t, func(sock net.Conn, _ sysproxy.Header, args []byte) {
				_, _ = sock.Write(append(ask(le.Uint64(args)), make([]byte, sysproxy.HeaderSize)...))
			})
			c, err := client.Dial(ctx, url, client.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := c.Chdir("/some/where"); err == nil || errors.Is(err, netbsd.ENOENT) {
				t.Errorf("chdir: %v, want an end", err)
			}
			if err := c.Chdir("/"); err == nil {
				t.Error("the client goes on with that server")
			}
		})
	}
}

// request is a frame from a server.
func request(typ sysproxy.Type, c sysproxy.Copy, data ...byte) []byte {
	b := sysproxy.Header{Type: typ}.Append(nil, sysproxy.CopySize+len(data))
	return append(c.Append(b), data...)
}

// TestCounts has a server tell that it has moved more than there was.
func TestCounts(t *testing.T) {
	url := hostile(t, func(sock net.Conn, h sysproxy.Header, _ []byte) {
		b := sysproxy.Header{Reqno: h.Reqno, Class: sysproxy.Response, Type: sysproxy.Syscall}.Append(nil, sysproxy.ResultSize)
		_, _ = sock.Write(sysproxy.Result{Ret: [2]int64{1 << 40}}.Append(b))
	})
	c, err := client.Dial(ctx, url, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if n, err := c.Read(3, make([]byte, 10)); n != 10 || err != nil {
		t.Errorf("read %d bytes into 10, %v", n, err)
	}
}

// TestBanners meets servers that are none.
func TestBanners(t *testing.T) {
	for _, banner := range []string{"", "SSH-2.0-OpenSSH\r\n", strings.Repeat("x", 10000), "RUMPSP-" + strings.Repeat("x", 200) + "\n", "\n"} {
		url := socket(t)
		l, err := net.Listen("unix", strings.TrimPrefix(url, "unix://"))
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			if sock, err := l.Accept(); err == nil {
				_, _ = io.WriteString(sock, banner)
				sock.Close()
			}
		}()
		if c, err := client.Dial(ctx, url, client.Options{}); err == nil {
			t.Errorf("banner %.20q: let in", banner)
			c.Close()
		}
		l.Close()
	}
}

// TestDialEnds connects to a server that says nothing, as long as the context lasts.
func TestDialEnds(t *testing.T) {
	url := socket(t)
	l, err := net.Listen("unix", strings.TrimPrefix(url, "unix://"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if _, err := client.Dial(short, url, client.Options{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("dial: %v, want the context's end", err)
	}
}

// TestEnv finds the server by the environment.
func TestEnv(t *testing.T) {
	url := socket(t)
	serve(t, url)
	for name, c := range map[string]struct {
		env  map[string]string
		want string // of the error
	}{
		"server":    {map[string]string{"RUMP_SERVER": url}, ""},
		"parsed":    {map[string]string{"RUMP_SERVER": "unix:///none", "RUMP__PARSEDSERVER": url}, ""},
		"none":      {nil, "RUMP_SERVER not set"},
		"bad":       {map[string]string{"RUMP_SERVER": "x"}, "rump_sp: invalid locator ``x''"},
		"bad retry": {map[string]string{"RUMP_SERVER": url, "RUMPHIJACK_RETRYCONNECT": "0"}, "RUMPHIJACK_RETRYCONNECT must be keyword or integer, got: 0"},
		"retry":     {map[string]string{"RUMP_SERVER": url, "RUMPHIJACK_RETRYCONNECT": "inftime"}, ""},
	} {
		cl, err := client.DialEnv(ctx, func(k string) string { return c.env[k] }, client.Options{})
		if text := fmt.Sprint(err); c.want != "" && text != c.want || c.want == "" && err != nil {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if err == nil {
			cl.Close()
		}
	}
}

// TestRetry ends a server and starts another: what the client does is what it was told to do, in the words that are known.
func TestRetry(t *testing.T) {
	for name, c := range map[string]struct {
		retry string
		again bool // another server comes
		err   error
		words []string
	}{
		"none":    {"", true, netbsd.ENOTCONN, nil},
		"die":     {"die", true, client.ErrDie, nil},
		"once":    {"once", false, netbsd.ENOTCONN, nil},
		"seconds": {"1", false, netbsd.ENOTCONN, []string{"rump_sp: connection to kernel lost, trying to reconnect ...", "rump_sp: reconnect failed, 1 second timeout"}},
		"for ever": {"inftime", true, nil, []string{"rump_sp: connection to kernel lost, trying to reconnect ...",
			"rump_sp: reconnected!"}},
	} {
		t.Run(name, func(t *testing.T) {
			url := socket(t)
			stop := serve(t, url)
			retry, err := client.ParseRetry(c.retry)
			if err != nil {
				t.Fatal(err)
			}
			var mu sync.Mutex
			var words []string
			warned := make(chan struct{}, 10)
			cl, err := client.Dial(ctx, url, client.Options{Retry: retry, Warn: func(s string) {
				mu.Lock()
				words = append(words, s)
				mu.Unlock()
				warned <- struct{}{}
			}})
			if err != nil {
				t.Fatal(err)
			}
			defer cl.Close()
			fd, err := cl.Open("/tmp", 0, 0)
			if err != nil {
				t.Fatal(err)
			}
			stop()
			if c.again {
				if c.err == nil {
					go func() {
						<-warned // that it is lost
						serve(t, url)
					}()
				} else {
					serve(t, url)
				}
			}
			if _, _, err := cl.Getpid(); !errors.Is(err, c.err) {
				t.Errorf("a call: %v, want %v", err, c.err)
			}
			if c.err == nil {
				if _, err := cl.Fstat(fd); !errors.Is(err, netbsd.EBADF) {
					t.Errorf("a descriptor of before: %v, want EBADF", err)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			if strings.Join(words, "\n") != strings.Join(c.words, "\n") {
				t.Errorf("it says %q, want %q", words, c.words)
			}
		})
	}
}

// TestTogether has many goroutines use one client.
func TestTogether(t *testing.T) {
	url := socket(t)
	serve(t, url)
	c, err := client.Dial(ctx, url, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			name := fmt.Sprintf("/tmp/f%d", i)
			for range 50 {
				f, err := c.OpenFile(name, netbsd.O_RDWR|netbsd.O_CREAT|netbsd.O_TRUNC, 0o644)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := f.Write([]byte(name)); err != nil {
					t.Error(err)
				}
				b := make([]byte, 100)
				if n, err := f.ReadAt(b, 0); string(b[:n]) != name || err != io.EOF {
					t.Errorf("%s holds %q, %v", name, b[:n], err)
				}
				if err := f.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// TestClose ends calls that are under way.
func TestClose(t *testing.T) {
	url := socket(t)
	serve(t, url)
	c, err := client.Dial(ctx, url, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	rd, _, err := c.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	for range 3 {
		go func() {
			_, err := c.Read(rd, make([]byte, 1))
			ended <- err
		}()
	}
	time.Sleep(10 * time.Millisecond)
	c.Close()
	for range 3 {
		if err := <-ended; !errors.Is(err, netbsd.ENOTCONN) {
			t.Errorf("a call ends with %v, want ENOTCONN", err)
		}
	}
	if _, _, err := c.Getpid(); !errors.Is(err, netbsd.ENOTCONN) {
		t.Errorf("afterwards: %v, want ENOTCONN", err)
	}
}
