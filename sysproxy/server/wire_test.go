package server_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"rump/netbsd"
	"rump/sysproxy"
	"rump/sysproxy/client"
)

// frame makes a frame of a request.
func frame(reqno uint64, typ sysproxy.Type, arg uint32, body ...byte) []byte {
	h := sysproxy.Header{Reqno: reqno, Type: typ, Arg: arg}
	return append(h.Append(nil, len(body)), body...)
}

// receive reads a frame; ok is false at the end of the connection.
func receive(t testing.TB, sock net.Conn) (h sysproxy.Header, body []byte, ok bool) {
	t.Helper()
	b := make([]byte, sysproxy.HeaderSize)
	if _, err := io.ReadFull(sock, b); err != nil {
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			t.Fatal("no answer")
		}
		return h, nil, false
	}
	h.Decode(b)
	n, _ := h.Body(16 << 20)
	body = make([]byte, n)
	if _, err := io.ReadFull(sock, body); err != nil {
		t.Fatal(err)
	}
	return h, body, true
}

func send(t testing.TB, sock net.Conn, b []byte) {
	t.Helper()
	if _, err := sock.Write(b); err != nil {
		t.Fatal(err)
	}
}

// guestFrame is a handshake that is always right.
func guestFrame() []byte {
	return frame(1, sysproxy.Handshake, sysproxy.HandshakeGuest, []byte("x\x00")...)
}

// enter shakes hands.
func enter(t testing.TB, sock net.Conn) {
	t.Helper()
	send(t, sock, guestFrame())
	if h, body, ok := receive(t, sock); !ok || h.Class != sysproxy.Response || h.Type != sysproxy.Handshake || h.Reqno != 1 || !bytes.Equal(body, make([]byte, 4)) {
		t.Fatalf("handshake answered with %+v %x %v", h, body, ok)
	}
}

// TestViolations sends what must not be sent, at the beginning and later. The answers are those that a genuine server was seen to give,
// but for the two of which it dies.
func TestViolations(t *testing.T) {
	r := newRig(t)
	const (
		early = iota // instead of a handshake
		late         // after one
	)
	withClass := func(class sysproxy.Class) []byte {
		return sysproxy.Header{Reqno: 9, Class: class, Type: sysproxy.Syscall}.Append(nil, 0)
	}
	cookie := make([]byte, sysproxy.CookieSize)
	for _, c := range []struct {
		name string
		when int
		send []byte
		code sysproxy.ErrorCode // of the answer; ErrNone: none
		keep bool               // the connection stays
	}{
		{"call first", early, frame(7, sysproxy.Syscall, netbsd.SYS_GETEUID), sysproxy.ErrAuth, false},
		{"prefork first", early, frame(7, sysproxy.Prefork, 0), sysproxy.ErrAuth, false},
		{"auth", early, frame(7, sysproxy.Handshake, sysproxy.HandshakeAuth), sysproxy.ErrAuth, false},
		{"exec first", early, frame(7, sysproxy.Handshake, sysproxy.HandshakeExec, 'x', 0), sysproxy.ErrAuth, false},
		{"unknown handshake", early, frame(7, sysproxy.Handshake, 77), sysproxy.ErrAuth, false},
		{"cookie that is none", early, frame(7, sysproxy.Handshake, sysproxy.HandshakeFork, append(cookie, 0, 0, 0, 0)...), sysproxy.ErrInvalidPrefork, false},
		{"fork with a short body", early, frame(7, sysproxy.Handshake, sysproxy.HandshakeFork, cookie...), sysproxy.ErrMalformed, false},
		{"fork with a long body", early, frame(7, sysproxy.Handshake, sysproxy.HandshakeFork, make([]byte, 400)...), sysproxy.ErrMalformed, false},
		{"answer first", early, withClass(sysproxy.Response), sysproxy.ErrAuth, false},
		{"class of no kind first", early, withClass(9), sysproxy.ErrMalformed, false},
		{"shorter than a header", early, le.AppendUint64(nil, 23), sysproxy.ErrNone, false},

		{"guest twice", late, guestFrame(), sysproxy.ErrMalformed, false},
		{"fork later", late, frame(7, sysproxy.Handshake, sysproxy.HandshakeFork, append(cookie, 0, 0, 0, 0)...), sysproxy.ErrMalformed, false},
		{"type of no kind", late, frame(7, 77, 0, 1, 2, 3), sysproxy.ErrMalformed, true},
		{"copyin by a client", late, frame(7, sysproxy.Copyin, 0, make([]byte, 16)...), sysproxy.ErrMalformed, true},
		{"class of no kind", late, withClass(9), sysproxy.ErrMalformed, true},
		{"answer to nothing", late, withClass(sysproxy.Response), sysproxy.ErrNone, true},
		{"error to nothing", late, withClass(sysproxy.Error), sysproxy.ErrNone, true},
		{"prefork with a body", late, frame(7, sysproxy.Prefork, 0, 1), sysproxy.ErrMalformed, true},
		{"length zero", late, make([]byte, sysproxy.HeaderSize), sysproxy.ErrNone, false},
		{"length without end", late, bytes.Repeat([]byte{0xff}, sysproxy.HeaderSize), sysproxy.ErrNone, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			sock := r.raw()
			if c.when == late {
				enter(t, sock)
			}
			send(t, sock, c.send)
			if c.code != sysproxy.ErrNone {
				h, body, ok := receive(t, sock)
				if !ok || h.Class != sysproxy.Error || sysproxy.ErrorCode(h.Arg) != c.code || h.Type != 0 || len(body) != 0 {
					t.Fatalf("answer is %+v %x %v, want error %d", h, body, ok, c.code)
				}
				if want := le.Uint64(c.send[8:]); h.Reqno != want {
					t.Errorf("answer to %d, want to %d", h.Reqno, want)
				}
			}
			if len(c.send) < sysproxy.HeaderSize {
				sock.(*net.UnixConn).CloseWrite()
			}
			if !c.keep {
				if h, _, ok := receive(t, sock); ok {
					t.Errorf("the connection goes on with %+v", h)
				}
				return
			}
			send(t, sock, frame(8, sysproxy.Syscall, netbsd.SYS_GETEUID))
			if h, _, ok := receive(t, sock); !ok || h.Reqno != 8 || h.Class != sysproxy.Response {
				t.Errorf("afterwards a call is answered with %+v %v", h, ok)
			}
		})
	}
}

// TestNames lets programs in whose names are of any kind: a genuine server dies of the first.
func TestNames(t *testing.T) {
	r := newRig(t)
	for _, name := range []string{"", "\x00", "ls", "no end", strings.Repeat("x", 100000) + "\x00"} {
		sock := r.raw()
		send(t, sock, frame(1, sysproxy.Handshake, sysproxy.HandshakeGuest, []byte(name)...))
		if h, _, ok := receive(t, sock); !ok || h.Class != sysproxy.Response {
			t.Errorf("name of %d bytes: %+v %v", len(name), h, ok)
		}
		sock.Close()
	}
}

// TestNumbers makes every call without arguments, and with arguments that are all zeros: each is answered, and the server lives.
func TestNumbers(t *testing.T) {
	for _, args := range []int{0, 64, 4096} {
		r := newRig(t)
		sock := r.raw()
		enter(t, sock)
		for n := -2; n < netbsd.MaxCalls+2; n++ {
			switch n {
			case netbsd.SYS_REBOOT, netbsd.SYS___POLLTS50, netbsd.SYS___SELECT50, netbsd.SYS___PSELECT50:
				if args > 0 {
					continue // zeros mean what they say: the end, or to wait for nothing for ever
				}
			}
			send(t, sock, frame(uint64(n+10), sysproxy.Syscall, uint32(int32(n)), make([]byte, args)...))
			h, body, ok := receive(t, sock)
			for ok && h.Class == sysproxy.Request {
				t.Errorf("call %d asks for memory at %x", n, body)
				h, body, ok = receive(t, sock)
			}
			if !ok || h.Reqno != uint64(n+10) || len(body) != sysproxy.ResultSize {
				t.Fatalf("call %d is answered with %+v %x %v", n, h, body, ok)
			}
			var res sysproxy.Result
			res.Decode(body)
			known, exists := netbsd.CallOf(n)
			switch {
			case !exists && res.Errno != netbsd.ENOSYS:
				t.Errorf("call %d, which does not exist: %v", n, res.Errno)
			case exists && known.Args > args && res.Errno != netbsd.EINVAL && res.Errno != netbsd.ENOSYS:
				t.Errorf("%s without its arguments: %v", known.Name, res.Errno)
			case res.Errno < 0 || res.Errno > 96:
				t.Errorf("call %d: error %d", n, int32(res.Errno))
			}
		}
		if c := r.dial(); c.Mkdir("/tmp/x", 0o755) != nil {
			t.Error("the server has taken harm")
		}
	}
}

// TestFork makes a child as programs do: it has its parent's descriptors and directory, a number of its own, and no parent.
func TestFork(t *testing.T) {
	r := newRig(t)
	parent := r.dial()
	must(t, parent.Chdir("/tmp"))
	fd, err := parent.Open("f", netbsd.O_RDWR|netbsd.O_CREAT, 0o600)
	must(t, err)
	_, err = parent.Write(fd, []byte("hello"))
	must(t, err)
	cookie, err := parent.Prefork()
	must(t, err)
	must(t, parent.CloseFD(fd)) // after the copy
	child, err := client.DialFork(ctx, r.url, cookie, client.Options{})
	must(t, err)
	defer child.Close()
	if off, err := child.Seek(fd, 0, netbsd.SEEK_CUR); off != 5 || err != nil {
		t.Errorf("the child is at %d, %v, want 5", off, err)
	}
	if cwd, err := child.Getcwd(); cwd != "/tmp" || err != nil {
		t.Errorf("the child is in %q, %v, want /tmp", cwd, err)
	}
	ppid, _, err := parent.Getpid()
	must(t, err)
	pid, up, err := child.Getpid()
	if err != nil || pid == ppid || up != 1 {
		t.Errorf("the child is %d, child of %d, %v; its parent was %d", pid, up, err, ppid)
	}
	if _, err := client.DialFork(ctx, r.url, cookie, client.Options{}); !errors.Is(err, netbsd.ESRCH) {
		t.Errorf("the cookie once more: %v, want ESRCH", err)
	}
}

// TestForkGivenUp prepares a process and gives it up.
func TestForkGivenUp(t *testing.T) {
	r := newRig(t)
	parent := r.dial()
	cookie, err := parent.Prefork()
	must(t, err)
	sock := r.raw()
	send(t, sock, frame(1, sysproxy.Handshake, sysproxy.HandshakeFork, append(cookie[:], 1, 0, 0, 0)...))
	if h, _, ok := receive(t, sock); ok {
		t.Errorf("answered with %+v, want the end", h)
	}
	if n := r.machine.System.Processes(); n != 2 { // init and the parent
		t.Errorf("%d processes, want 2", n)
	}
}

// TestForksLeft prepares processes that nobody comes for: there is an end to it, and they go with the server.
func TestForksLeft(t *testing.T) {
	r := newRig(t)
	c := r.dial()
	for i := 0; ; i++ {
		_, err := c.Prefork()
		if errors.Is(err, netbsd.EAGAIN) {
			break
		}
		must(t, err)
		if i > 5000 {
			t.Fatal("there is no end to prepared forks")
		}
	}
	if _, err := c.Stat("/"); err != nil {
		t.Error(err)
	}
}

// TestExec becomes another program: the number and descriptors stay, those that are to be closed are, and what the old program was waiting
// for is forgotten.
func TestExec(t *testing.T) {
	r := newRig(t)
	c := r.dial()
	keep, err := c.Open("/tmp", 0, 0)
	must(t, err)
	drop, err := c.Open("/tmp", netbsd.O_CLOEXEC, 0)
	must(t, err)
	before, _, err := c.Getpid()
	must(t, err)
	rd, _, err := c.Pipe()
	must(t, err)
	waiting := make(chan error, 1)
	go func() {
		_, err := c.Read(rd, make([]byte, 1))
		waiting <- err
	}()
	time.Sleep(10 * time.Millisecond) // until it waits
	must(t, c.Exec("other"))
	if _, err := c.Fstat(keep); err != nil {
		t.Errorf("a descriptor that was to stay: %v", err)
	}
	if _, err := c.Fstat(drop); !errors.Is(err, netbsd.EBADF) {
		t.Errorf("a descriptor that was to be closed: %v, want EBADF", err)
	}
	if after, _, err := c.Getpid(); after != before || err != nil {
		t.Errorf("process %d, %v, was %d", after, err, before)
	}
	select {
	case err := <-waiting:
		t.Errorf("the old program's call was answered: %v", err)
	default:
	}
	c.Close()
	<-waiting
}

// TestExecAmidMemory becomes another program while a call waits for memory that will never come.
func TestExecAmidMemory(t *testing.T) {
	r := newRig(t)
	sock := r.raw()
	enter(t, sock)
	send(t, sock, frame(2, sysproxy.Syscall, netbsd.SYS_CHDIR, le.AppendUint64(nil, 0x1000)...))
	if h, _, ok := receive(t, sock); !ok || h.Type != sysproxy.CopyinStr {
		t.Fatalf("chdir: %+v %v", h, ok)
	}
	send(t, sock, frame(0, sysproxy.Handshake, sysproxy.HandshakeExec, 'y', 0))
	if h, _, ok := receive(t, sock); !ok || h.Class != sysproxy.Response || h.Type != sysproxy.Handshake || h.Reqno != 0 {
		t.Fatalf("exec: %+v %v", h, ok)
	}
	send(t, sock, frame(1, sysproxy.Syscall, netbsd.SYS_GETEUID))
	if h, _, ok := receive(t, sock); !ok || h.Reqno != 1 || h.Type != sysproxy.Syscall {
		t.Fatalf("afterwards: %+v %v", h, ok)
	}
}

// TestShortMemory answers copyins with too little, too much, and with errors: each is EFAULT or harmless.
func TestShortMemory(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		name  string
		class sysproxy.Class
		typ   sysproxy.Type
		n     int
		want  netbsd.Errno
	}{
		{"nothing", sysproxy.Response, sysproxy.Copyin, 0, netbsd.EFAULT},
		{"little", sysproxy.Response, sysproxy.Copyin, 7, netbsd.EFAULT},
		{"an error", sysproxy.Error, 0, 0, netbsd.EFAULT},
		{"another type", sysproxy.Response, sysproxy.Syscall, 8, netbsd.EFAULT},
		{"much", sysproxy.Response, sysproxy.Copyin, 100000, netbsd.ENOENT},
	} {
		t.Run(c.name, func(t *testing.T) {
			sock := r.raw()
			enter(t, sock)
			args := le.AppendUint64(nil, 0x1000) // name
			args = le.AppendUint64(args, 2)
			args = append(args, make([]byte, 32)...)
			send(t, sock, frame(2, sysproxy.Syscall, netbsd.SYS___SYSCTL, args...))
			h, _, ok := receive(t, sock)
			if !ok || h.Type != sysproxy.Copyin {
				t.Fatalf("sysctl: %+v %v", h, ok)
			}
			answer := sysproxy.Header{Reqno: h.Reqno, Class: c.class, Type: c.typ}.Append(nil, c.n)
			send(t, sock, append(answer, bytes.Repeat([]byte{0x7f}, c.n)...))
			_, body, ok := receive(t, sock)
			if !ok || len(body) != sysproxy.ResultSize {
				t.Fatalf("result %x %v", body, ok)
			}
			var res sysproxy.Result
			if res.Decode(body); res.Errno != c.want {
				t.Errorf("result %v, want %v", res.Errno, c.want)
			}
		})
	}
}
