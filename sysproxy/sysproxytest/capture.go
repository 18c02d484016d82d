// Package sysproxytest has sessions that were recorded between genuine programs and a genuine server (NetBSD 7.99.34, amd64),
// for tests of either end.
package sysproxytest

import (
	"bufio"
	"compress/gzip"
	"embed"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"rump/sysproxy"
)

//go:embed captures/*.txt.gz
var captures embed.FS

// A Frame is one frame of a session.
type Frame struct {
	FromClient bool
	sysproxy.Header
	Body []byte
}

// A Session is one program's run.
type Session struct {
	Name    string
	Command string   // as it was typed
	Output  []string // what the program printed
	Frames  []Frame
}

// Names are the recorded sessions in the order in which they were recorded, in one server.
func Names() []string {
	return []string{
		"sysctl-hostname", "mkdir", "newfs", "mount_ffs", "mount-list", "df-i", "cp", "ls-mnt", "mv", "rm", "chmod", "ln", "umount",
		"mount_tmpfs", "disklabel", "dd", "sysctl-w", "halt",
	}
}

// Load reads a session.
func Load(tb testing.TB, name string) *Session {
	tb.Helper()
	f, err := captures.Open("captures/" + name + ".txt.gz")
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	s := &Session{Name: name}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if err := s.line(lines.Text()); err != nil {
			tb.Fatalf("%s: %v", name, err)
		}
	}
	if err := lines.Err(); err != nil {
		tb.Fatal(err)
	}
	return s
}

// line reads a line of a capture.
func (s *Session) line(text string) error {
	if rest, ok := strings.CutPrefix(text, "# cmd: "); ok {
		s.Command = strings.TrimSpace(rest)
		return nil
	}
	if rest, ok := strings.CutPrefix(text, "# out: "); ok {
		s.Output = append(s.Output, rest)
		return nil
	}
	words := strings.Fields(text)
	if strings.HasPrefix(text, "#") || len(words) < 6 {
		return nil // banner and end
	}
	f := Frame{FromClient: words[0] == "C->S"}
	if _, err := fmt.Sscanf(words[1]+" "+words[2]+" "+words[5], "len=%d req=%d u=%d", &f.Len, &f.Reqno, &f.Arg); err != nil {
		return fmt.Errorf("%q: %w", text, err)
	}
	f.Class = map[string]sysproxy.Class{"REQ": sysproxy.Request, "RESP": sysproxy.Response, "ERROR": sysproxy.Error}[words[3]]
	f.Type = map[string]sysproxy.Type{
		"HANDSHAKE": sysproxy.Handshake, "SYSCALL": sysproxy.Syscall, "COPYIN": sysproxy.Copyin, "COPYINSTR": sysproxy.CopyinStr,
		"COPYOUT": sysproxy.Copyout, "COPYOUTSTR": sysproxy.CopyoutStr, "ANONMMAP": sysproxy.AnonMmap,
	}[words[4]]
	if len(words) > 6 {
		var err error
		if f.Body, err = hex.DecodeString(words[6]); err != nil {
			return fmt.Errorf("%q: %w", text[:60], err)
		}
	}
	if f.Len != uint64(sysproxy.HeaderSize+len(f.Body)) {
		return fmt.Errorf("a frame of %d bytes has a body of %d", f.Len, len(f.Body))
	}
	s.Frames = append(s.Frames, f)
	return nil
}

// Bytes is a frame as it goes over the wire.
func (f *Frame) Bytes() []byte { return append(f.Header.Append(nil, len(f.Body)), f.Body...) }

// A Call is one system call of a session, with all that went to and fro for it.
type Call struct {
	Request  Frame
	Memory   map[uint64][]byte // what the server read of the client's memory, by address
	Asked    []sysproxy.Copy   // what it asked for, in that order
	Written  map[uint64][]byte // what it wrote
	Order    []uint64          // where, in that order
	Result   sysproxy.Result
	Response Frame
}

// Calls takes the session apart. Programs here made one call at a time.
func (s *Session) Calls(tb testing.TB) []*Call {
	tb.Helper()
	var list []*Call
	var c *Call
	asked := map[uint64]sysproxy.Copy{}
	for _, f := range s.Frames {
		switch {
		case f.FromClient && f.Class == sysproxy.Request && f.Type == sysproxy.Syscall:
			c = &Call{Request: f, Memory: map[uint64][]byte{}, Written: map[uint64][]byte{}}
			list = append(list, c)
		case f.Type == sysproxy.Handshake:
		case c == nil:
			tb.Fatalf("%s: a frame before any call", s.Name)
		case f.FromClient:
			at := asked[f.Reqno]
			if old := c.Memory[at.Addr]; len(f.Body) >= len(old) {
				c.Memory[at.Addr] = f.Body
			}
		case f.Class == sysproxy.Response:
			c.Response = f
			c.Result.Decode(f.Body)
		case f.Type == sysproxy.Copyin || f.Type == sysproxy.CopyinStr:
			var at sysproxy.Copy
			at.Decode(f.Body)
			asked[f.Reqno] = at
			c.Asked = append(c.Asked, at)
		case f.Type == sysproxy.Copyout:
			var at sysproxy.Copy
			at.Decode(f.Body)
			c.Written[at.Addr] = f.Body[sysproxy.CopySize:]
			c.Order = append(c.Order, at.Addr)
		}
	}
	return list
}

// Joined is what the server wrote, pieces that follow each other joined, by address.
func (c *Call) Joined() map[uint64][]byte { return Join(c.Written, c.Order) }

// Join joins pieces of memory that follow each other, in the order given.
func Join(pieces map[uint64][]byte, order []uint64) map[uint64][]byte {
	out := map[uint64][]byte{}
	ends := map[uint64]uint64{} // end -> start
	for _, at := range order {
		b := pieces[at]
		start := at
		if s, ok := ends[at]; ok {
			start = s
			delete(ends, at)
		}
		out[start] = append(out[start], b...)
		ends[at+uint64(len(b))] = start
	}
	return out
}

// Read returns n bytes of the client's memory at addr as the session has it, for a string up to its NUL. ok is false if the genuine
// server never asked for them.
func (c *Call) Read(addr, n uint64, str bool) (b []byte, ok bool) {
	for at, m := range c.Memory {
		if addr >= at && addr < at+uint64(len(m)) {
			m = m[addr-at:]
			if uint64(len(m)) >= n {
				return m[:n], true
			}
			if str {
				return m, true
			}
			next, ok := c.Read(at+uint64(len(c.Memory[at])), n-uint64(len(m)), false)
			return append(append([]byte(nil), m...), next...), ok
		}
	}
	return nil, false
}
