package server

import (
	"bufio"
	"io"
	"net"
	"sync"
	"syscall"

	"rump/rumpfs/kern/proc"
	"rump/sysproxy"
)

const (
	readBuffer = 8 << 10 // bytes; larger bodies go past it
	nameMax    = 1024    // bytes of a program's name that are looked at
)

// A conn is one client. Its life: fresh -> running -> (another program) running -> dead.
type conn struct {
	s    *Server
	sock net.Conn
	raw  syscall.RawConn // of the socket; nil if it has none

	// of whoever reads
	r      *bufio.Reader
	proc   *proc.Process // nil until the handshake; then of everybody, and fixed
	header [sysproxy.HeaderSize]byte
	gone   bool       // there is nothing more to read
	exec   *execution // the client has become another program; the calls of the old one must end first

	writeMu sync.Mutex

	mu      sync.Mutex // guards what follows
	waiters map[uint64]*waiter
	reqno   uint64
	epoch   int  // counts the programs
	dead    bool // the client is gone

	calls sync.WaitGroup // added to by whoever reads
}

// An execution is a handshake EXEC that is not answered yet.
type execution struct {
	name  string
	reqno uint64
}

// A waiter waits for a piece of the client's memory.
type waiter struct {
	dst  []byte
	n    int           // bytes that came
	ok   bool          // they did
	done chan struct{} // closed then; nil if the waiter reads itself
	over bool          // for one that reads itself: it came, or never will
}

func newConn(s *Server, sock net.Conn) *conn {
	c := &conn{s: s, sock: sock, r: bufio.NewReaderSize(sock, readBuffer), waiters: make(map[uint64]*waiter)}
	if s, ok := sock.(syscall.Conn); ok {
		c.raw, _ = s.SyscallConn()
	}
	return c
}

// cut ends the connection from outside.
func (c *conn) cut() { c.sock.Close() }

// start greets the client and serves it.
func (c *conn) start() {
	if _, err := io.WriteString(c.sock, sysproxy.Banner()); err != nil {
		c.finish()
		return
	}
	c.serve()
}

// serve reads and answers until the client is gone, or until a call that it runs hands reading over.
func (c *conn) serve() {
	for {
		more, handedOver := c.next(true)
		if handedOver {
			return
		}
		if c.exec != nil && more {
			more = c.become()
		}
		if !more {
			break
		}
	}
	c.finish()
}

// finish ends what the client had.
func (c *conn) finish() {
	c.abandon(true)
	if c.proc != nil {
		c.proc.Interrupt()
		c.calls.Wait()
		c.proc.Exit()
	}
	c.sock.Close()
	c.s.left(c)
}

// abandon tells all who wait for memory that it will not come.
func (c *conn) abandon(dead bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead = c.dead || dead
	c.epoch++
	for reqno, w := range c.waiters {
		delete(c.waiters, reqno)
		w.finish(false)
	}
}

func (w *waiter) finish(ok bool) {
	w.ok, w.over = ok, true
	if w.done != nil {
		close(w.done)
	}
}

// next handles one frame. With idle set nobody waits for a frame but the caller, so a call may run on this goroutine; that may
// hand reading over to another. more is false once the client is gone or is to go.
func (c *conn) next(idle bool) (more, handedOver bool) {
	if _, err := io.ReadFull(c.r, c.header[:]); err != nil {
		return false, false
	}
	var h sysproxy.Header
	h.Decode(c.header[:])
	n, ok := h.Body(sysproxy.ServerMaxFrame)
	if !ok {
		return false, false
	}
	switch h.Class {
	case sysproxy.Response, sysproxy.Error:
		if c.proc == nil {
			return c.refuse(h, n, sysproxy.ErrAuth, false), false
		}
		return c.receive(h, n), false
	case sysproxy.Request:
	default:
		return c.refuse(h, n, sysproxy.ErrMalformed, c.proc != nil), false
	}
	switch {
	case h.Type == sysproxy.Handshake:
		return c.handshake(h, n), false
	case c.proc == nil:
		return c.refuse(h, n, sysproxy.ErrAuth, false), false
	case h.Type == sysproxy.Syscall:
		return c.call(h, n, idle)
	case h.Type == sysproxy.Prefork:
		return c.prefork(h, n), false
	}
	return c.refuse(h, n, sysproxy.ErrMalformed, true), false
}

// skip passes over bytes of a body.
func (c *conn) skip(n int) bool {
	_, err := c.r.Discard(n)
	return err == nil
}

// refuse answers a frame, whose body is still to come, with an error. Unless keep is set that is the end of the client.
func (c *conn) refuse(h sysproxy.Header, body int, code sysproxy.ErrorCode, keep bool) bool {
	ok := c.skip(body)
	e := sysproxy.Header{Reqno: h.Reqno, Class: sysproxy.Error, Arg: uint32(code)}
	return c.reply(e.Append(nil, 0)) && ok && keep
}

// write sends whole frames. Before it waits for the client to read, or for another who does, it calls wait: while nobody reads
// what the client sends, the client may be unable to read.
func (c *conn) write(b []byte, wait func()) error {
	if !c.writeMu.TryLock() {
		wait()
		c.writeMu.Lock()
	}
	defer c.writeMu.Unlock()
	n, err := c.writeNow(b)
	if err != nil || n == len(b) {
		return err
	}
	wait()
	_, err = c.sock.Write(b[n:])
	return err
}

// writeNow sends as much as the socket takes at once; writeMu is held.
func (c *conn) writeNow(b []byte) (n int, err error) {
	if c.raw == nil {
		return 0, nil
	}
	rawErr := c.raw.Write(func(fd uintptr) bool {
		n, err = syscall.Write(int(fd), b)
		return true
	})
	if err == syscall.EAGAIN || err == syscall.EINTR {
		return max(0, n), nil
	}
	if err == nil {
		err = rawErr
	}
	return max(0, n), err
}

// reply sends a frame from the goroutine that reads, which never waits.
func (c *conn) reply(b []byte) bool {
	if c.writeMu.TryLock() {
		n, err := c.writeNow(b)
		c.writeMu.Unlock()
		if err != nil || n == len(b) {
			return err == nil
		}
		if n > 0 {
			c.cut() // a piece of a frame has gone, and what others send must not follow it
			return false
		}
	}
	go func() { _ = c.write(b, func() {}) }()
	return true
}

// receive takes memory that a call has asked for. Nobody may be waiting any more, or ever have been: it is dropped then.
func (c *conn) receive(h sysproxy.Header, n int) bool {
	c.mu.Lock()
	w := c.waiters[h.Reqno]
	delete(c.waiters, h.Reqno)
	c.mu.Unlock()
	if w == nil {
		return c.skip(n)
	}
	ok := h.Class == sysproxy.Response && h.Type == sysproxy.Copyin
	w.n = min(n, len(w.dst))
	if !ok {
		w.n = 0
	}
	_, err := io.ReadFull(c.r, w.dst[:w.n])
	more := err == nil && c.skip(n-w.n)
	w.finish(ok && err == nil)
	return more
}

// ask registers a piece of memory to be sent, and returns the number to ask for it with.
func (c *conn) ask(w *waiter, epoch int) (reqno uint64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead || c.epoch != epoch {
		return 0, syscall.EFAULT
	}
	reqno = c.reqno
	c.reqno++
	c.waiters[reqno] = w
	return reqno, nil
}

// number returns one for a request that has no answer.
func (c *conn) number() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reqno++
	return c.reqno - 1
}

// current reports whether a call that began in an epoch is still wanted.
func (c *conn) current() (epoch int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.epoch
}

// handshake lets a client in.
func (c *conn) handshake(h sysproxy.Header, n int) bool {
	switch {
	case c.proc != nil && h.Arg == sysproxy.HandshakeExec:
		name, ok := c.programName(n)
		c.exec = &execution{name, h.Reqno}
		c.abandon(false)
		return ok
	case c.proc != nil:
		return c.refuse(h, n, sysproxy.ErrMalformed, false)
	case h.Arg == sysproxy.HandshakeGuest:
		return c.guest(h, n)
	case h.Arg == sysproxy.HandshakeFork:
		return c.forked(h, n)
	}
	return c.refuse(h, n, sysproxy.ErrAuth, false)
}

// programName reads a name that ends with a NUL or with the body.
func (c *conn) programName(n int) (string, bool) {
	b := make([]byte, min(n, nameMax))
	if _, err := io.ReadFull(c.r, b); err != nil {
		return "", false
	}
	for i, ch := range b {
		if ch == 0 {
			b = b[:i]
			break
		}
	}
	return string(b), c.skip(max(0, n-nameMax))
}

// welcome answers a handshake.
func (c *conn) welcome(reqno uint64) bool {
	b := sysproxy.Header{Reqno: reqno, Class: sysproxy.Response}.Append(nil, 4)
	return c.reply(append(b, 0, 0, 0, 0))
}

func (c *conn) guest(h sysproxy.Header, n int) bool {
	name, ok := c.programName(n)
	if !ok {
		return false
	}
	p, err := c.s.sys.NewProcess(name)
	if err != nil {
		return c.refuse(h, 0, sysproxy.ErrTryAgain, false)
	}
	c.proc = p
	return c.welcome(h.Reqno)
}

// forked gives the client the process that was prepared for it. What the parent prepared is only the descriptors' keeper: the
// client's own process is a child of that, and an orphan at once.
func (c *conn) forked(h sysproxy.Header, n int) bool {
	if n != sysproxy.ForkSize {
		return c.refuse(h, n, sysproxy.ErrMalformed, false)
	}
	var b [sysproxy.ForkSize]byte
	if _, err := io.ReadFull(c.r, b[:]); err != nil {
		return false
	}
	prepared := c.s.redeem([sysproxy.CookieSize]byte(b[:]))
	if prepared == nil {
		return c.refuse(h, 0, sysproxy.ErrInvalidPrefork, false)
	}
	defer prepared.Exit()
	if [4]byte(b[sysproxy.CookieSize:]) != [4]byte{} {
		return false // the parent could not fork
	}
	p, err := prepared.Fork()
	if err != nil {
		return c.refuse(h, 0, sysproxy.ErrForkFailed, false)
	}
	c.proc = p
	return c.welcome(h.Reqno)
}

func (c *conn) prefork(h sysproxy.Header, n int) bool {
	if n != 0 {
		return c.refuse(h, n, sysproxy.ErrMalformed, true)
	}
	cookie, code := c.s.prepare(c)
	if code != sysproxy.ErrNone {
		return c.refuse(h, 0, code, true)
	}
	b := sysproxy.Header{Reqno: h.Reqno, Class: sysproxy.Response, Type: sysproxy.Prefork}.Append(nil, len(cookie))
	return c.reply(append(b, cookie[:]...))
}

// become makes the client another program, once the calls of the one it was have ended.
func (c *conn) become() bool {
	e := c.exec
	c.exec = nil
	c.proc.Interrupt()
	c.calls.Wait()
	c.proc.Exec(e.name)
	return c.welcome(e.reqno)
}
