package server_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"testing"

	"rump/netbsd"
	"rump/sysproxy"
	"rump/sysproxy/sysproxytest"
)

var le = binary.LittleEndian

// TestReplay plays genuine programs against the server, byte for byte, one after the other as they were run, and compares what it
// answers with what the genuine server did. What may differ is said in compare: times, identities, random numbers.
func TestReplay(t *testing.T) {
	r := newRig(t)
	r.disk("/dev/dk0", 16<<20)
	for _, name := range sysproxytest.Names() {
		t.Run(name, func(t *testing.T) {
			p := &player{t: t, sock: r.raw()}
			s := sysproxytest.Load(t, name)
			p.shakeHands(s)
			for _, c := range s.Calls(t) {
				p.play(c)
				if t.Failed() {
					return
				}
			}
			p.sock.Close()
		})
	}
}

// A player is a genuine program, recorded.
type player struct {
	t       *testing.T
	sock    net.Conn
	sockets map[int64]bool // descriptors that are sockets: they are not played
}

func (p *player) read() sysproxytest.Frame {
	p.t.Helper()
	b := make([]byte, sysproxy.HeaderSize)
	if _, err := io.ReadFull(p.sock, b); err != nil {
		p.t.Fatalf("read: %v", err)
	}
	var f sysproxytest.Frame
	f.Decode(b)
	n, ok := f.Header.Body(1 << 20)
	if !ok {
		p.t.Fatalf("a frame of %d bytes", f.Len)
	}
	f.Body = make([]byte, n)
	if _, err := io.ReadFull(p.sock, f.Body); err != nil {
		p.t.Fatalf("read: %v", err)
	}
	return f
}

func (p *player) send(b []byte) {
	p.t.Helper()
	if _, err := p.sock.Write(b); err != nil {
		p.t.Fatalf("write: %v", err)
	}
}

// shakeHands sends the recorded handshake; the answer is the recorded one.
func (p *player) shakeHands(s *sysproxytest.Session) {
	p.t.Helper()
	p.send(s.Frames[0].Bytes())
	if got, want := p.read(), s.Frames[1]; !bytes.Equal(got.Bytes(), want.Bytes()) {
		p.t.Fatalf("handshake answered with %x, want %x", got.Bytes(), want.Bytes())
	}
}

// skip reports whether a call is not played: sockets are another component.
func (p *player) skip(c *sysproxytest.Call) bool {
	fd := int64(-1)
	if len(c.Request.Body) >= 4 {
		fd = int64(int32(le.Uint32(c.Request.Body)))
	}
	switch c.Request.Arg {
	case netbsd.SYS___SOCKET30:
		if p.sockets == nil {
			p.sockets = map[int64]bool{}
		}
		p.sockets[c.Result.Ret[0]] = true
		return true
	case netbsd.SYS_SENDTO, netbsd.SYS_CONNECT:
		return true
	case netbsd.SYS_CLOSE:
		if p.sockets[fd] {
			delete(p.sockets, fd)
			return true
		}
	case netbsd.SYS___SYSCTL: // the tree below net is another component's
		name, _ := c.Read(le.Uint64(c.Request.Body), 4, false)
		return le.Uint32(name) == netbsd.CTL_NET
	}
	return false
}

// play makes one call and compares everything.
func (p *player) play(c *sysproxytest.Call) {
	p.t.Helper()
	if p.skip(c) {
		return
	}
	p.send(c.Request.Bytes())
	written, order := map[uint64][]byte{}, []uint64{}
	for {
		f := p.read()
		switch {
		case f.Class == sysproxy.Response && f.Type == sysproxy.Syscall:
			var got sysproxy.Result
			if f.Reqno != c.Request.Reqno || len(f.Body) != sysproxy.ResultSize {
				p.t.Fatalf("call %d: answer to %d with %d bytes", c.Request.Arg, f.Reqno, len(f.Body))
			}
			got.Decode(f.Body)
			p.compare(c, got, sysproxytest.Join(written, order))
			return
		case f.Type == sysproxy.Copyin || f.Type == sysproxy.CopyinStr:
			p.answer(c, f)
		case f.Type == sysproxy.Copyout:
			var at sysproxy.Copy
			at.Decode(f.Body)
			if at.Len != uint64(len(f.Body)-sysproxy.CopySize) {
				p.t.Fatalf("copyout of %d bytes has %d", at.Len, len(f.Body)-sysproxy.CopySize)
			}
			written[at.Addr] = f.Body[sysproxy.CopySize:]
			order = append(order, at.Addr)
		default:
			p.t.Fatalf("call %d: unexpected frame %+v", c.Request.Arg, f.Header)
		}
	}
}

// answer gives the memory that the genuine server got.
func (p *player) answer(c *sysproxytest.Call, f sysproxytest.Frame) {
	p.t.Helper()
	var at sysproxy.Copy
	at.Decode(f.Body)
	b, ok := c.Read(at.Addr, at.Len, f.Type == sysproxy.CopyinStr)
	if !ok {
		p.t.Fatalf("call %d: asks for %d bytes at %#x, which the genuine server never did; it asked for %+v", c.Request.Arg, at.Len, at.Addr, c.Asked)
	}
	h := sysproxy.Header{Reqno: f.Reqno, Class: sysproxy.Response, Type: sysproxy.Copyin}
	p.send(append(h.Append(nil, len(b)), b...))
}

// compare holds an answer against the recorded one, but for what differs from run to run.
func (p *player) compare(c *sysproxytest.Call, got sysproxy.Result, memory map[uint64][]byte) {
	p.t.Helper()
	want := c.Result
	blur := blurOf(c)
	if blur.result {
		got.Ret, want.Ret = [2]int64{}, [2]int64{}
	}
	what := fmt.Sprintf("call %d (%d bytes of arguments %x)", c.Request.Arg, len(c.Request.Body), c.Request.Body)
	if got != want {
		p.t.Errorf("%s: result %+v, want %+v", what, got, want)
	}
	wanted := c.Joined()
	if g, w := slices.Sorted(maps.Keys(memory)), slices.Sorted(maps.Keys(wanted)); !slices.Equal(g, w) {
		p.t.Errorf("%s: writes at %#x, want %#x", what, g, w)
		return
	}
	for at, w := range wanted {
		g := memory[at]
		if blur.memory != nil {
			g, w = blur.memory(at, g), blur.memory(at, w)
		}
		if !bytes.Equal(g, w) {
			p.t.Errorf("%s: at %#x writes %d bytes, want %d; first difference:\n%s", what, at, len(g), len(w), difference(g, w))
		}
	}
}

// difference shows where two pieces of memory begin to differ.
func difference(got, want []byte) string {
	i := 0
	for i < len(got) && i < len(want) && got[i] == want[i] {
		i++
	}
	i &^= 15
	part := func(b []byte) string { return hex.Dump(b[min(i, len(b)):min(i+48, len(b))]) }
	return fmt.Sprintf("offset %d\n%swant\n%s", i, part(got), part(want))
}

// A blurring takes out what may differ.
type blurring struct {
	result bool
	memory func(addr uint64, b []byte) []byte
}

// without is b with some ranges zeroed.
func without(b []byte, ranges ...[2]int) []byte {
	b = bytes.Clone(b)
	for _, r := range ranges {
		if len(b) > r[0] {
			clear(b[r[0]:min(r[1], len(b))])
		}
	}
	return b
}

func blurOf(c *sysproxytest.Call) blurring {
	nothing := func(uint64, []byte) []byte { return nil }
	switch c.Request.Arg {
	case netbsd.SYS___STAT50, netbsd.SYS___LSTAT50, netbsd.SYS___FSTAT50:
		return blurring{memory: func(_ uint64, b []byte) []byte {
			// st_dev, st_ino; the four times; st_gen; and what is padding, where the genuine server leaves its stack
			return without(b, [2]int{0, 8}, [2]int{12, 24}, [2]int{36, 40}, [2]int{48, 112}, [2]int{136, 152})
		}}
	case netbsd.SYS_GETVFSSTAT, netbsd.SYS_STATVFS1, netbsd.SYS_FSTATVFS1:
		// With ST_NOWAIT the genuine kernel tells what it found out some time ago, if ever.
		stale := le.Uint32(c.Request.Body[16:]) == netbsd.ST_NOWAIT
		return blurring{memory: func(_ uint64, b []byte) []byte {
			for at := 0; at < len(b); at += netbsd.StatvfsSize {
				b = without(b, [2]int{at + 96, at + 128}, [2]int{at + 156, at + 172}) // counts of transfers; f_spare
				if stale {
					b = without(b, [2]int{at + 8, at + 24}, [2]int{at + 32, at + 96})
				}
			}
			return b
		}}
	case netbsd.SYS___GETTIMEOFDAY50:
		return blurring{memory: nothing}
	case netbsd.SYS___SYSCTL:
		return blurSysctl(c)
	}
	return blurring{}
}

// blurSysctl knows the settings that differ, and what of a node is an address in the kernel.
func blurSysctl(c *sysproxytest.Call) blurring {
	nothing := func(_ uint64, b []byte) []byte { return nil }
	n := int(le.Uint32(c.Request.Body[8:]))
	name, _ := c.Read(le.Uint64(c.Request.Body), uint64(4*n), false)
	last := int32(le.Uint32(name[4*n-4:]))
	switch {
	case last == netbsd.CTL_QUERY:
		old := le.Uint64(c.Request.Body[16:])
		return blurring{memory: func(at uint64, b []byte) []byte {
			if at != old {
				return nil // the length, which is that of the nodes
			}
			return blurNodes(b)
		}}
	case last == netbsd.KERN_ARND, last == netbsd.KERN_HOSTNAME:
		return blurring{memory: nothing}
	}
	return blurring{}
}

// notServed are the nodes that the genuine kernel had and this one has not: of the network, of what no program here could make use of, and of
// drivers.
var notServed = map[string]bool{
	"proc": true, "file": true, "mbuf": true, "proc2": true, "proc_args": true, "sbmax": true, "tkstat": true, "somaxkva": true, "buf": true,
	"file2": true, "evcnt": true, "pool": true, "tty": true, "detachall": true, "posix": true,
}

// blurNodes leaves the nodes that both kernels have, without addresses, stamps and counts of children.
func blurNodes(b []byte) (out []byte) {
	for ; len(b) >= netbsd.SysctlNodeSize; b = b[netbsd.SysctlNodeSize:] {
		var n netbsd.SysctlNode
		n.Decode(b)
		if notServed[n.Name] && n.Num != netbsd.CTL_PROC {
			continue
		}
		n.Ver, n.ChildLen, n.ChildSize = 0, 0, 0
		one := make([]byte, netbsd.SysctlNodeSize)
		n.Encode(one)
		out = append(out, one...)
	}
	return out
}
