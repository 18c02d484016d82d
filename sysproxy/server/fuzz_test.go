package server_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"rump/netbsd"
	"rump/sysproxy"
	"rump/sysproxy/client"
	"rump/sysproxy/sysproxytest"
)

// socketPair is two ends of a stream.
func socketPair(t testing.TB) (a, b net.Conn) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	must(t, err)
	ends := make([]net.Conn, 2)
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "socket")
		ends[i], err = net.FileConn(f)
		f.Close()
		must(t, err)
	}
	return ends[0], ends[1]
}

// fuzzRig is a server with a mounted disk, which the fuzzer's processes share.
func fuzzRig(f *testing.F) *rig {
	f.Helper()
	r := newRig(f)
	img := filepath.Join(f.TempDir(), "img")
	newfs(f, img, 4<<20)
	r.addDisk("/dk", img)
	c := r.dial()
	must(f, c.Mkdir("/mnt", 0o755))
	must(f, c.Mount("ffs", "/mnt", 0, "/dk"))
	return r
}

// halts reports whether bytes may hold a call that ends the kernel, which is no harm but an end to the fuzzing.
func halts(b []byte) bool {
	call := []byte{0, 0, byte(sysproxy.Syscall), 0, netbsd.SYS_REBOOT, 0, 0, 0}
	return bytes.Contains(b, call)
}

// FuzzWire sends any bytes, with and without a handshake before them. Whatever comes of it, another client is served.
func FuzzWire(f *testing.F) {
	r := fuzzRig(f)
	f.Add([]byte{}, true)
	for _, name := range []string{"mkdir", "ls-mnt", "sysctl-hostname"} {
		var b []byte
		for _, fr := range sysproxytest.Load(f, name).Frames {
			if fr.FromClient {
				b = append(b, fr.Bytes()...)
			}
		}
		f.Add(b, false)
		f.Add(b[30:], true)
	}
	f.Fuzz(func(t *testing.T, b []byte, shake bool) {
		if halts(b) {
			return
		}
		mine, theirs := socketPair(t)
		defer mine.Close()
		r.server.ServeConn(theirs)
		go io.Copy(io.Discard, mine)
		if shake {
			b = append(guestFrame(), b...)
		}
		mine.SetDeadline(time.Now().Add(time.Second))
		_, _ = mine.Write(b)
		mine.(*net.UnixConn).CloseWrite()
		alive(t, r)
	})
}

// alive fails the test if the server does not serve.
func alive(t testing.TB, r *rig) {
	t.Helper()
	c, err := client.Dial(ctx, r.url, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Stat("/"); err != nil {
		t.Fatalf("another client: %v", err)
	}
}

// A program is a client made of bytes: calls with arguments that are numbers, paths or memory, and answers to what the server asks.
type program struct {
	t      *testing.T
	sock   net.Conn
	b      []byte
	memory []byte
}

func (p *program) byte() byte {
	if len(p.b) == 0 {
		return 0
	}
	c := p.b[0]
	p.b = p.b[1:]
	return c
}

// paths are what the addresses below 256 stand for.
var paths = []string{
	"/mnt", "/mnt/a", "/mnt/b", "/mnt/a/c", "/mnt/b/../a", "/tmp/x", "/dev/null", "/dev/zero", "/dk", "/", ".", "..", "a", "", "/mnt/a/", "/dev/urandom",
	"ffs", "tmpfs", "user.x", "/mnt/link",
}

// argument makes a number out of the next bytes.
func (p *program) argument() uint64 {
	switch k := p.byte(); {
	case k < 100:
		return uint64(k % 8) // descriptors, flags
	case k < 160:
		return 0x10 + uint64(p.byte()) // an address of a path
	case k < 200:
		return 0x1000 + uint64(p.byte()) // an address of bytes
	case k < 240:
		return uint64(p.byte())<<8 | uint64(p.byte())
	default:
		var b [8]byte
		for i := range b {
			b[i] = p.byte()
		}
		return binary.LittleEndian.Uint64(b[:])
	}
}

// answer gives the server memory.
func (p *program) answer(h sysproxy.Header, body []byte) error {
	var at sysproxy.Copy
	if len(body) < sysproxy.CopySize {
		p.t.Fatalf("a copyin of %d bytes", len(body))
	}
	at.Decode(body)
	if at.Len > sysproxy.MaxCopy {
		p.t.Fatalf("the server asks for %d bytes", at.Len)
	}
	var b []byte
	if h.Type == sysproxy.CopyinStr {
		b = append([]byte(paths[at.Addr%uint64(len(paths))]), 0)
		b = b[:min(uint64(len(b)), at.Len)]
	} else {
		b = make([]byte, at.Len)
		for i := range b {
			if len(p.memory) > 0 {
				b[i] = p.memory[(uint64(i)+at.Addr)%uint64(len(p.memory))]
			}
		}
	}
	_, err := p.sock.Write(append(sysproxy.Header{Reqno: h.Reqno, Class: sysproxy.Response, Type: sysproxy.Copyin}.Append(nil, len(b)), b...))
	return err
}

// call makes one call and sees it to its end. Those that wait for others do not end.
func (p *program) call(reqno uint64) (ok bool) {
	number := int(p.byte()) | int(p.byte())<<8
	number %= netbsd.MaxCalls
	known, _ := netbsd.CallOf(number)
	switch number {
	case netbsd.SYS_REBOOT, netbsd.SYS_UNMOUNT, netbsd.SYS_SETUID: // an end to the fuzzing
		return true
	}
	args := make([]byte, 0, 64)
	for len(args) < known.Args {
		args = le.AppendUint64(args, p.argument())
	}
	if _, err := p.sock.Write(frame(reqno, sysproxy.Syscall, uint32(number), args...)); err != nil {
		return false
	}
	for {
		b := make([]byte, sysproxy.HeaderSize)
		if _, err := io.ReadFull(p.sock, b); err != nil {
			return false
		}
		var h sysproxy.Header
		h.Decode(b)
		n, fits := h.Body(sysproxy.HeaderSize + sysproxy.CopySize + sysproxy.MaxCopy)
		if !fits {
			p.t.Fatalf("%s: a frame of %d bytes", known.Name, h.Len)
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(p.sock, body); err != nil {
			return false
		}
		switch {
		case h.Class == sysproxy.Response && h.Type == sysproxy.Syscall:
			var res sysproxy.Result
			if len(body) != sysproxy.ResultSize || h.Reqno != reqno {
				p.t.Fatalf("%s: answered with %+v", known.Name, h)
			}
			if res.Decode(body); res.Errno != 0 && res.Errno.Name() == "" {
				p.t.Fatalf("%s: error %d", known.Name, int32(res.Errno))
			}
			return true
		case h.Type == sysproxy.Copyin || h.Type == sysproxy.CopyinStr:
			if p.answer(h, body) != nil {
				return false
			}
		case h.Type != sysproxy.Copyout:
			p.t.Fatalf("%s: %+v", known.Name, h)
		}
	}
}

// FuzzCalls makes calls of all kinds, well formed, with arguments and memory that are not.
func FuzzCalls(f *testing.F) {
	r := fuzzRig(f)
	f.Add([]byte{136, 0, 120, 1, 250, 0xff, 1, 0, 0, 0, 0, 0, 0, 5, 0, 120, 1, 210, 2, 2, 50}, []byte("memory"))
	for n := range netbsd.MaxCalls {
		if _, ok := netbsd.CallOf(n); ok && n%5 == 0 {
			f.Add([]byte{byte(n), byte(n >> 8), 120, 1, 180, 0, 130, 2, 180, 3, 50, 60}, []byte{1, 0, 0, 0, 2, 0, 0, 0, 3, 4, 5, 6, 7})
		}
	}
	f.Fuzz(func(t *testing.T, b, memory []byte) {
		mine, theirs := socketPair(t)
		defer mine.Close()
		r.server.ServeConn(theirs)
		mine.SetDeadline(time.Now().Add(10 * time.Second))
		banner := make([]byte, len(sysproxy.Banner()))
		if _, err := io.ReadFull(mine, banner); err != nil {
			t.Fatal(err)
		}
		enter(t, mine)
		mine.SetDeadline(time.Now().Add(40 * time.Millisecond)) // for calls that wait
		p := &program{t: t, sock: mine, b: b, memory: memory}
		for i := uint64(2); len(p.b) > 0 && i < 50; i++ {
			if !p.call(i) {
				break
			}
		}
		mine.Close()
		alive(t, r)
	})
}
