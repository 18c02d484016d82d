package server

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"syscall"

	"rump/netbsd"
	"rump/rumpfs/kern/proc"
	"rump/rumpfs/vfs"
	"rump/sysproxy"
)

var le = binary.LittleEndian

const (
	maxArgs  = 64       // bytes of an argument block; the longest has 48
	flushAt  = 64 << 10 // bytes of frames that are kept before they are sent
	scratch  = 4 << 10  // bytes that every call has for frames
	keepMost = 1 << 20  // bytes of a buffer that is kept for later calls
)

// A call is one system call under way. It is the context of what it does.
type call struct {
	context.Context
	conn  *conn
	proc  *proc.Process
	reqno uint64
	epoch int

	number int
	args   [maxArgs]byte
	ret    [2]int64
	after  func() // once the client has been answered

	idle bool    // runs on the goroutine that reads
	wait *waiter // for memory that has been asked for, or is about to be
	out  []byte  // frames that are still to be sent
	in   []byte  // memory of the client's
}

// call starts a system call: on this goroutine if it is idle, else on another.
func (c *conn) call(h sysproxy.Header, n int, idle bool) (more, handedOver bool) {
	cl := c.s.call()
	keep := min(n, maxArgs)
	clear(cl.args[:])
	if _, err := io.ReadFull(c.r, cl.args[:keep]); err != nil || !c.skip(n-keep) {
		return false, false
	}
	cl.Context, cl.conn, cl.proc, cl.reqno, cl.epoch = c.proc.Context(), c, c.proc, h.Reqno, c.current()
	cl.number, cl.idle = int(int32(h.Arg)), idle
	c.calls.Add(1)
	if !idle {
		go cl.run(n)
		return true, false
	}
	if cl.run(n) {
		return true, true // whoever reads now knows whether there is more
	}
	return !c.gone, false
}

// call returns an empty call.
func (s *Server) call() *call {
	if c, ok := s.calls.Get().(*call); ok {
		return c
	}
	return &call{out: make([]byte, 0, scratch)}
}

// run makes the call, answers it, and frees it. It reports whether reading was handed over meanwhile.
func (c *call) run(args int) (handedOver bool) {
	conn, idle := c.conn, c.idle
	err := c.perform(args)
	c.proc.System().Door().Settle(c)
	if c.epoch == conn.current() {
		c.answer(err)
	}
	handedOver = idle && !c.idle
	after := c.after
	c.free()
	conn.calls.Done()
	if after != nil {
		after()
	}
	return handedOver
}

func (c *call) free() {
	if cap(c.out) > keepMost {
		c.out = make([]byte, 0, scratch)
	}
	if cap(c.in) > keepMost {
		c.in = nil
	}
	s := c.conn.s
	*c = call{out: c.out[:0], in: c.in[:0]}
	s.calls.Put(c)
}

// perform finds the call and makes it.
func (c *call) perform(args int) error {
	known, ok := netbsd.CallOf(c.number)
	var e entry
	if ok {
		e = c.conn.s.table[c.number]
	}
	if e.fn == nil || e.vfs && !c.proc.System().HasVFS() {
		c.conn.s.tellMissing(c.number, c.proc.Name())
		return syscall.ENOSYS
	}
	if args < known.Args {
		return syscall.EINVAL // an argument that is missing is not guessed
	}
	return e.fn(c)
}

// answer sends the result, with all that comes before it.
func (c *call) answer(err error) {
	r := sysproxy.Result{Ret: c.ret}
	if err != nil {
		r = sysproxy.Result{Errno: c.errno(err)}
	}
	c.out = sysproxy.Header{Reqno: c.reqno, Class: sysproxy.Response, Type: sysproxy.Syscall}.Append(c.out, sysproxy.ResultSize)
	c.out = r.Append(c.out)
	_ = c.flush() // whoever reads sees that the client is gone
}

// errno is the number that the program gets.
func (c *call) errno(err error) netbsd.Errno {
	var no netbsd.Errno
	switch {
	case errors.As(err, &no):
		return no
	case errors.Is(err, proc.ErrSymlink):
		return netbsd.EFTYPE
	}
	host := vfs.ErrnoOf(err)
	no, exact := netbsd.FromHost(host)
	if !exact || no == netbsd.EIO {
		c.conn.s.log.Error("system call", "op", tableName(c.number), "program", c.proc.Name(), "err", err)
	}
	return no
}

func tableName(number int) string {
	c, _ := netbsd.CallOf(number)
	return c.Name
}

// Waiting hands reading over: the call is going to wait for something else than the client's memory.
func (c *call) Waiting() {
	if !c.idle {
		return
	}
	c.idle = false
	if c.wait != nil {
		c.wait.done = make(chan struct{}) // somebody else will bring it
	}
	go c.conn.serve()
}

// Arguments are eight bytes each; the number says which.

func (c *call) long(i int) int64   { return int64(le.Uint64(c.args[8*i:])) }
func (c *call) ulong(i int) uint64 { return le.Uint64(c.args[8*i:]) }
func (c *call) ptr(i int) uint64   { return le.Uint64(c.args[8*i:]) }
func (c *call) int(i int) int      { return int(int32(le.Uint32(c.args[8*i:]))) }
func (c *call) uint(i int) uint32  { return le.Uint32(c.args[8*i:]) }

// flush sends the frames that are still to be sent.
func (c *call) flush() error {
	if len(c.out) == 0 {
		return nil
	}
	err := c.conn.write(c.out, c.Waiting)
	c.out = c.out[:0]
	return err
}

// flushIfLong sends them if they have become many.
func (c *call) flushIfLong() error {
	if len(c.out) < flushAt {
		return nil
	}
	if c.flush() != nil {
		return syscall.EFAULT
	}
	return nil
}
