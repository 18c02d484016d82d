package client

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"rump/netbsd"
	"rump/sysproxy"
)

const readBuffer = 8 << 10 // bytes; larger bodies go past it

// Options of Dial.
type Options struct {
	Program string              // what the server is told; default "rump"
	Retry   Retry               // what happens when the connection is lost; default: calls fail
	Warn    func(string)        // hears of reconnecting; may be nil
	Raise   func(netbsd.Signal) // hears of signals that the server raises; may be nil
}

// A Client is a process in a rump kernel.
type Client struct {
	// immutable
	url sysproxy.URL
	o   Options

	sendMu sync.Mutex // the socket's sending half; outermost

	mu      sync.Mutex // guards what follows
	link    *link      // nil after Close
	closed  bool
	calls   uint64 // counts them, for addresses
	pending map[uint64]*pending
	mapped  offer // what the server had this process map
}

// A link is one connection.
type link struct {
	sock net.Conn
	r    *bufio.Reader
	next uint64 // number of the next request; guarded by Client.mu

	reading bool  // somebody reads; guarded by Client.mu
	err     error // the connection is lost; guarded by Client.mu

	header [sysproxy.HeaderSize]byte // of whoever reads
}

// A pending is a request that waits for its answer. wake is sent to once it is done, or is to read.
type pending struct {
	link   *link
	offer  *offer // nil for a handshake
	id     uint64 // of the offer
	wake   chan struct{}
	done   bool
	result []byte // the answer's body
	err    error
}

// Dial connects to a server and becomes a process there. The context is for that long.
func Dial(ctx context.Context, url string, o Options) (*Client, error) {
	u, err := sysproxy.ParseURL(url)
	if err == nil {
		err = u.CheckClient()
	}
	if err != nil {
		return nil, err
	}
	c := newClient(u, o)
	if c.link, err = c.connect(ctx, guest(c.o.Program)); err != nil {
		return nil, err
	}
	return c, nil
}

func newClient(u sysproxy.URL, o Options) *Client {
	if o.Program == "" {
		o.Program = "rump"
	}
	c := &Client{url: u, o: o, pending: make(map[uint64]*pending)}
	c.mapped.base = 1 << 62
	return c
}

// A hello is the handshake of a connection.
type hello struct {
	kind uint32
	body []byte
}

func guest(program string) hello {
	return hello{sysproxy.HandshakeGuest, append([]byte(program), 0)}
}

// connect makes a connection and shakes hands.
func (c *Client) connect(ctx context.Context, h hello) (*link, error) {
	var d net.Dialer
	sock, err := d.DialContext(ctx, c.url.Network, c.url.Address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { sock.SetDeadline(time.Unix(1, 0)) })
	l := &link{sock: sock, r: bufio.NewReaderSize(sock, readBuffer), next: 1}
	if err := l.greet(h); err != nil {
		sock.Close()
		return nil, errors.Join(ctx.Err(), err)
	}
	if !stop() {
		sock.Close()
		return nil, ctx.Err()
	}
	return l, nil
}

// greet reads the banner and shakes hands.
func (l *link) greet(h hello) error {
	line, err := l.r.ReadSlice('\n')
	switch {
	case err != nil:
		return netbsd.ENOTCONN // it was turned away, or is no such server
	case len(line) > sysproxy.BannerMax || !strings.HasPrefix(string(line), "RUMPSP-"):
		return errors.New("rump_sp: what answers is no rump server")
	}
	if err := l.send(sysproxy.Header{Reqno: l.next, Arg: h.kind}, h.body); err != nil {
		return err
	}
	for {
		ok, _, err := l.shaken(l.next)
		if ok || err != nil {
			l.next++
			return err
		}
	}
}

// shaken reads one frame and reports whether it is the answer to a handshake.
func (l *link) shaken(reqno uint64) (bool, sysproxy.Header, error) {
	h, n, err := l.frame()
	if err != nil {
		return false, h, err
	}
	if _, err := l.r.Discard(n); err != nil {
		return false, h, err
	}
	if h.Reqno != reqno || h.Class == sysproxy.Request {
		return false, h, nil
	}
	if h.Class == sysproxy.Error {
		return true, h, sysproxy.ErrorCode(h.Arg).Errno()
	}
	return true, h, nil
}

// frame reads a header.
func (l *link) frame() (h sysproxy.Header, body int, err error) {
	if _, err := io.ReadFull(l.r, l.header[:]); err != nil {
		return h, 0, err
	}
	h.Decode(l.header[:])
	body, ok := h.Body(sysproxy.ClientMaxFrame)
	if !ok {
		return h, 0, errors.New("rump_sp: a frame of impossible length")
	}
	return h, body, nil
}

// send sends a frame.
func (l *link) send(h sysproxy.Header, body []byte) error {
	const joined = 4 << 10 // what is longer is not copied
	b := h.Append(make([]byte, 0, sysproxy.HeaderSize+min(len(body), joined)), len(body))
	if len(body) <= joined {
		_, err := l.sock.Write(append(b, body...))
		return err
	}
	v := net.Buffers{b, body}
	_, err := v.WriteTo(l.sock)
	return err
}

// Close ends the process. Calls under way fail with ENOTCONN.
func (c *Client) Close() error {
	c.mu.Lock()
	l := c.link
	c.link, c.closed = nil, true
	c.mu.Unlock()
	if l == nil {
		return nil
	}
	err := l.sock.Close()
	c.lost(l, netbsd.ENOTCONN)
	return err
}

// lost fails every request of a connection.
func (c *Client) lost(l *link, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l.err == nil {
		l.err = netbsd.ENOTCONN
		if errors.Is(err, errMemory) {
			l.err = err
		}
	}
	for reqno, p := range c.pending {
		if p.link == l {
			delete(c.pending, reqno)
			p.finish(nil, l.err)
		}
	}
}

// finish ends a request; mu is held.
func (p *pending) finish(result []byte, err error) {
	p.done, p.result, p.err = true, result, err
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Syscall makes a system call and returns its results. What a gap of the argument block is for must be given as Int(0).
func (c *Client) Syscall(number int, args ...Arg) (ret [2]int64, err error) {
	p, err := c.request(sysproxy.Header{Type: sysproxy.Syscall, Arg: uint32(number)}, func(o *offer) []byte { return o.block(number, args) })
	if err != nil {
		return ret, err
	}
	if len(p) < sysproxy.ResultSize {
		return ret, netbsd.EIO
	}
	var r sysproxy.Result
	r.Decode(p)
	if r.Errno != 0 {
		return ret, r.Errno
	}
	return r.Ret, nil
}

// call is Syscall for the first result.
func (c *Client) call(number int, args ...Arg) (int64, error) {
	r, err := c.Syscall(number, args...)
	return r[0], err
}

// do is Syscall for the error alone.
func (c *Client) do(number int, args ...Arg) error {
	_, err := c.Syscall(number, args...)
	return err
}

// request sends a request, whose body is made once its offer has a number, and waits for the answer.
func (c *Client) request(h sysproxy.Header, body func(*offer) []byte) ([]byte, error) {
	for attempt := 0; ; attempt++ {
		p, err := c.post(h, body)
		if err == nil {
			return c.wait(p)
		}
		if err := c.reconnect(err, attempt); err != nil {
			return nil, err
		}
	}
}

// post sends a request. An error is that of a lost connection.
func (c *Client) post(h sysproxy.Header, body func(*offer) []byte) (*pending, error) {
	c.mu.Lock()
	l := c.link
	if l == nil || l.err != nil {
		c.mu.Unlock()
		return nil, netbsd.ENOTCONN
	}
	c.calls++
	p := &pending{link: l, offer: &offer{base: (1 + c.calls%callsMost) << offerShift}, wake: make(chan struct{}, 1)}
	h.Reqno = l.next
	l.next++
	c.pending[h.Reqno] = p
	c.mu.Unlock()

	b := body(p.offer)
	c.sendMu.Lock()
	err := l.send(h, b)
	c.sendMu.Unlock()
	if err != nil {
		c.lost(l, err)
		return nil, err
	}
	return p, nil
}

// wait returns the answer. While nobody else reads, it reads, for everybody.
func (c *Client) wait(p *pending) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !p.done {
		if p.link.reading {
			c.mu.Unlock()
			<-p.wake
			c.mu.Lock()
			continue
		}
		p.link.reading = true
		for !p.done {
			c.mu.Unlock()
			err := c.read(p.link)
			if err != nil {
				c.lost(p.link, err)
			}
			c.mu.Lock()
		}
		p.link.reading = false
		c.passOn(p.link)
	}
	return p.result, p.err
}

// passOn makes somebody else read; mu is held.
func (c *Client) passOn(l *link) {
	for _, o := range c.pending {
		if o.link == l {
			select {
			case o.wake <- struct{}{}:
			default:
			}
			return
		}
	}
}

// read handles one frame.
func (c *Client) read(l *link) error {
	h, n, err := l.frame()
	if err != nil {
		return err
	}
	if h.Class == sysproxy.Request {
		return c.serve(l, h, n)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(l.r, body); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.pending[h.Reqno]
	if p == nil || p.link != l {
		return nil
	}
	delete(c.pending, h.Reqno)
	if h.Class == sysproxy.Error {
		p.finish(nil, sysproxy.ErrorCode(h.Arg).Errno())
	} else {
		p.finish(body, nil)
	}
	return nil
}
