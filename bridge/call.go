package bridge

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// A call is one request from the kernel and the reply to it. Its worker uses it again for the next request, so handling
// one allocates nothing. It is the context of what is done for the request: cancelled when the kernel interrupts it.
type call struct {
	b *Bridge

	in   []byte // the request
	out  []byte // room for the reply: header, then body; the body is page aligned
	n    int    // length of the body
	tmp  []byte // scratch for names in replies
	pipe *pipe  // nil until one is needed

	interrupted atomic.Bool
	mu          sync.Mutex
	unique      uint64        // guarded by mu: the request being served, 0 between requests
	done        chan struct{} // guarded by mu: made when someone asks for it
}

var _ context.Context = (*call)(nil)

// Deadline is none.
func (c *call) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done is closed when the kernel interrupts the request.
func (c *call) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.interrupted.Load() {
			close(c.done)
		}
	}
	return c.done
}

// Err is context.Canceled once the request is interrupted.
func (c *call) Err() error {
	if c.interrupted.Load() {
		return context.Canceled
	}
	return nil
}

// Value has none.
func (c *call) Value(any) any { return nil }

// begin starts a request that has been read into in.
func (c *call) begin(unique uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unique = unique
	c.done = nil
	c.interrupted.Store(false)
}

// end finishes it: interrupts that come later are not for this call.
func (c *call) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unique = 0
}

// interrupt cancels the request if it is the one of that number.
func (c *call) interrupt(unique uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unique != unique {
		return false
	}
	c.cancelLocked()
	return true
}

// abandon cancels whatever is being served: the connection is gone.
func (c *call) abandon() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cancelLocked()
}

// cancelLocked cancels the request, once; mu is held.
func (c *call) cancelLocked() {
	if !c.interrupted.Swap(true) && c.done != nil {
		close(c.done)
	}
}

// header is what every request begins with; read has made sure that it is there.
func (c *call) header() *fuse.InHeader {
	h, _, _ := view[fuse.InHeader](c.in)
	return h
}

// name cuts the NUL-terminated name off the front of b.
func name(b []byte) (string, []byte, error) {
	i := bytes.IndexByte(b, 0)
	if i < 0 {
		return "", nil, syscall.EIO
	}
	return string(b[:i]), b[i+1:], nil
}

// body is room for a reply of n bytes behind the header.
func (c *call) body(n int) []byte {
	if len(c.out) < outHeaderSize+n {
		c.out = pageAligned(outHeaderSize+n, outHeaderSize)
	}
	return c.out[outHeaderSize : outHeaderSize+n]
}

// reply makes the reply's body a zero T, to be filled in.
func reply[T any](c *call) *T {
	out, n, err := view[T](c.out[outHeaderSize:])
	if err != nil {
		panic("bridge: reply does not fit") // out is never shorter than the longest fixed reply
	}
	*out = *new(T)
	c.n = n
	return out
}

// send writes the reply: an error number, or the body.
func (c *call) send(unique uint64, no syscall.Errno) {
	if no != 0 {
		c.n = 0
	}
	h, _, _ := view[fuse.OutHeader](c.out)
	*h = fuse.OutHeader{Length: uint32(outHeaderSize + c.n), Status: -int32(no), Unique: unique}
	c.b.write(c.out[:outHeaderSize+c.n])
}

// debug logs a request and its outcome.
func (c *call) debug(op uint32, node uint64, no syscall.Errno) {
	c.b.log.Debug("request", slog.String("op", opName(op)), slog.Uint64("ino", node), slog.Int("errno", int(no)))
}
