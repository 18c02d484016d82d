package server

import (
	"bytes"
	"slices"
	"syscall"

	"rump/netbsd"
	"rump/sysproxy"
)

// fetch fills dst with the client's memory at addr, or for a string with as much as there is of it up to its NUL.
func (c *call) fetch(kind sysproxy.Type, addr uint64, dst []byte) (n int, err error) {
	if len(dst) == 0 {
		return 0, nil
	}
	if addr == 0 {
		return 0, syscall.EFAULT
	}
	w := &waiter{dst: dst}
	if !c.idle {
		w.done = make(chan struct{})
	}
	c.wait = w
	defer func() { c.wait = nil }()
	reqno, err := c.conn.ask(w, c.epoch)
	if err != nil {
		return 0, err
	}
	c.out = sysproxy.Header{Reqno: reqno, Type: kind}.Append(c.out, sysproxy.CopySize)
	c.out = sysproxy.Copy{Len: uint64(len(dst)), Addr: addr}.Append(c.out)
	if c.flush() != nil {
		return 0, syscall.EFAULT
	}
	c.await(w)
	if !w.ok {
		return 0, syscall.EFAULT
	}
	return w.n, nil
}

// await returns once memory has come, or will not. A call on the goroutine that reads reads for itself.
func (c *call) await(w *waiter) {
	if w.done != nil {
		<-w.done
		return
	}
	for !w.over {
		if more, _ := c.conn.next(false); !more {
			c.conn.gone = true
			c.conn.abandon(true)
		}
	}
}

// copyin fills dst with the client's memory at addr; EFAULT.
func (c *call) copyin(addr uint64, dst []byte) error {
	n, err := c.fetch(sysproxy.Copyin, addr, dst)
	if err == nil && n < len(dst) {
		err = syscall.EFAULT
	}
	return err
}

// load returns n bytes of the client's memory, valid until the next load.
func (c *call) load(addr uint64, n int) ([]byte, error) {
	c.in = slices.Grow(c.in[:0], n)[:n]
	return c.in, c.copyin(addr, c.in)
}

// str returns a string of the client's, at most room bytes long with its NUL: ENAMETOOLONG if there is none.
func (c *call) str(addr uint64, room int) (string, error) {
	c.in = slices.Grow(c.in[:0], room)[:room]
	n, err := c.fetch(sysproxy.CopyinStr, addr, c.in)
	if err != nil {
		return "", err
	}
	end := bytes.IndexByte(c.in[:n], 0)
	if end < 0 {
		return "", syscall.ENAMETOOLONG
	}
	return string(c.in[:end]), nil
}

// path returns a path.
func (c *call) path(i int) (string, error) { return c.str(c.ptr(i), netbsd.MAXPATHLEN) }

// room begins a copyout of at most n bytes to addr and returns where they are to be put; sent ends it. Nothing else goes
// out in between.
func (c *call) room(addr uint64, n int) ([]byte, error) {
	if n > 0 && addr == 0 {
		return nil, syscall.EFAULT
	}
	c.out = sysproxy.Header{Reqno: c.conn.number(), Type: sysproxy.Copyout}.Append(c.out, sysproxy.CopySize+n)
	c.out = sysproxy.Copy{Len: uint64(n), Addr: addr}.Append(c.out)
	at := len(c.out)
	c.out = slices.Grow(c.out, n)[:at+n]
	return c.out[at:], nil
}

// sent ends a copyout for which room bytes were made, and of which only n are there.
func (c *call) sent(room, n int) {
	at := len(c.out) - room
	if n == 0 {
		c.out = c.out[:at-sysproxy.CopySize-sysproxy.HeaderSize]
		return
	}
	le.PutUint64(c.out[at-sysproxy.CopySize:], uint64(n))
	le.PutUint64(c.out[at-sysproxy.CopySize-sysproxy.HeaderSize:], uint64(sysproxy.HeaderSize+sysproxy.CopySize+n))
	c.out = c.out[:at+n]
}

// copyout writes b to the client's memory at addr; EFAULT.
func (c *call) copyout(addr uint64, b []byte) error {
	for len(b) > 0 {
		n := min(len(b), sysproxy.MaxCopy)
		to, err := c.room(addr, n)
		if err != nil {
			return err
		}
		copy(to, b)
		if err := c.flushIfLong(); err != nil {
			return err
		}
		b, addr = b[n:], addr+uint64(n)
	}
	return nil
}

// encoded is a structure of a fixed size.
type encoded interface{ Encode(b []byte) }

// store writes a structure of n bytes to addr.
func (c *call) store(addr uint64, v encoded, n int) error {
	to, err := c.room(addr, n)
	if err != nil {
		return err
	}
	clear(to)
	v.Encode(to)
	return c.flushIfLong()
}

// decoded is one that is read.
type decoded interface{ Decode(b []byte) }

// get reads a structure of n bytes from addr.
func (c *call) get(addr uint64, v decoded, n int) error {
	b, err := c.load(addr, n)
	if err == nil {
		v.Decode(b)
	}
	return err
}
