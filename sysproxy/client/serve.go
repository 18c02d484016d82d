package client

import (
	"io"

	"rump/netbsd"
	"rump/sysproxy"
)

// mappedMost is how much the server may have this process map, bytes.
const mappedMost = 16 << 20

// serve does what the server asks for.
func (c *Client) serve(l *link, h sysproxy.Header, n int) error {
	switch h.Type {
	case sysproxy.Copyin, sysproxy.CopyinStr:
		return c.copyin(l, h, n)
	case sysproxy.Copyout, sysproxy.CopyoutStr:
		return c.copyout(l, n)
	case sysproxy.AnonMmap:
		return c.anonMmap(l, h, n)
	}
	if _, err := l.r.Discard(n); err != nil {
		return err
	}
	if h.Type == sysproxy.Raise && c.o.Raise != nil {
		c.o.Raise(netbsd.Signal(h.Arg))
	}
	return nil
}

// offerOf is the offer that an address is part of; nil if that call is over.
func (c *Client) offerOf(addr uint64) *offer {
	c.mu.Lock()
	defer c.mu.Unlock()
	if addr >= c.mapped.base {
		return &c.mapped
	}
	for _, p := range c.pending {
		if p.offer != nil && p.offer.base == addr>>offerShift<<offerShift {
			return p.offer
		}
	}
	return nil
}

// region reads what piece of memory a frame is about.
func (l *link) region(n int) (r sysproxy.Copy, err error) {
	var b [sysproxy.CopySize]byte
	if n < len(b) {
		return r, errMemory
	}
	if _, err := io.ReadFull(l.r, b[:]); err != nil {
		return r, err
	}
	r.Decode(b[:])
	return r, nil
}

// copyin answers with memory.
func (c *Client) copyin(l *link, h sysproxy.Header, n int) error {
	r, err := l.region(n)
	if err != nil {
		return err
	}
	if _, err := l.r.Discard(n - sysproxy.CopySize); err != nil {
		return err
	}
	o := c.offerOf(r.Addr)
	if o == nil {
		return errMemory
	}
	b, err := o.read(r.Addr, r.Len, h.Type == sysproxy.CopyinStr)
	if err != nil {
		return err
	}
	c.sendMu.Lock()
	defer c.sendMu.Unlock()
	return l.send(sysproxy.Header{Reqno: h.Reqno, Class: sysproxy.Response, Type: sysproxy.Copyin}, b)
}

// copyout fills memory.
func (c *Client) copyout(l *link, n int) error {
	r, err := l.region(n)
	if err != nil {
		return err
	}
	if r.Len != uint64(n-sysproxy.CopySize) {
		return errMemory
	}
	o := c.offerOf(r.Addr)
	if o == nil {
		return errMemory
	}
	b, err := o.write(r.Addr, r.Len)
	if err != nil {
		return err
	}
	_, err = io.ReadFull(l.r, b)
	return err
}

// anonMmap makes memory for the server to put something in, and answers with its address; 0 if that is too much.
func (c *Client) anonMmap(l *link, h sysproxy.Header, n int) error {
	body := make([]byte, 8)
	if n != len(body) {
		return errMemory
	}
	if _, err := io.ReadFull(l.r, body); err != nil {
		return err
	}
	size := le.Uint64(body)
	addr := uint64(0)
	c.mu.Lock()
	if size > 0 && size <= mappedMost && c.mapped.next+size <= mappedMost {
		addr = c.mapped.place(Out(make([]byte, size)))
	}
	c.mu.Unlock()
	le.PutUint64(body, addr)
	c.sendMu.Lock()
	defer c.sendMu.Unlock()
	return l.send(sysproxy.Header{Reqno: h.Reqno, Class: sysproxy.Response, Type: sysproxy.AnonMmap}, body)
}

// TakeMapped returns memory that the server had this process map and has told the address of, and forgets it. EFAULT.
func (c *Client) TakeMapped(addr, n uint64) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b, err := c.mapped.write(addr, n)
	if err != nil {
		return nil, netbsd.EFAULT
	}
	c.mapped.pieces, c.mapped.next = nil, 0
	return b, nil
}
