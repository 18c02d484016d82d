package server

import (
	"context"
	"math"
	"syscall"

	"rump/netbsd"
	"rump/rumpfs/kern/proc"
)

// moveSize is how many bytes of a file move at a time: a large read is not held in memory as a whole.
const moveSize = 128 << 10

// A span is a piece of the client's memory.
type span struct{ addr, n uint64 }

// read and write are what moves bytes between a file and a buffer.
type mover func(ctx context.Context, b []byte) (int, error)

// opened calls fn on what the descriptor of argument 0 leads to.
func (c *call) opened(fn func(o *proc.Open) error) error {
	o, err := c.proc.Open(c.int(0))
	if err != nil {
		return err
	}
	defer o.Release()
	return fn(o)
}

// toClient reads into the client's memory, piece by piece: up to an end, or what a stream has for now. What has moved counts,
// whatever comes after.
func (c *call) toClient(o *proc.Open, spans []span, read mover) error {
	total := uint64(0)
	err := c.eachPiece(spans, func(addr uint64, n int) (bool, error) {
		b, err := c.room(addr, n)
		if err != nil {
			return false, err
		}
		got, err := read(c, b)
		c.sent(n, got)
		total += uint64(got)
		if err == nil {
			err = c.flushIfLong()
		}
		return got == n && !o.IsStream(), err
	})
	return c.moved(total, err)
}

// fromClient writes what the client's memory holds.
func (c *call) fromClient(o *proc.Open, spans []span, write mover) error {
	total := uint64(0)
	err := c.eachPiece(spans, func(addr uint64, n int) (bool, error) {
		b, err := c.load(addr, n)
		if err != nil {
			return false, err
		}
		put, err := write(c, b)
		total += uint64(put)
		return put == n, err
	})
	return c.moved(total, err)
}

// eachPiece calls fn for pieces of at most moveSize, until it returns false or an error. With nothing to move it is called once
// with nothing, for what errors that may have.
func (c *call) eachPiece(spans []span, fn func(addr uint64, n int) (more bool, err error)) error {
	any := false
	for _, s := range spans {
		for s.n > 0 {
			any = true
			n := int(min(s.n, moveSize))
			more, err := fn(s.addr, n)
			if err != nil || !more {
				return err
			}
			s.addr, s.n = s.addr+uint64(n), s.n-uint64(n)
		}
	}
	if any {
		return nil
	}
	_, err := fn(0, 0)
	return err
}

// moved is the result of a transfer.
func (c *call) moved(total uint64, err error) error {
	c.ret[0] = int64(total)
	if total > 0 {
		return nil
	}
	return err
}

// span0 is the memory that arguments 1 and 2 mean. EINVAL for more than can be counted.
func (c *call) span0() ([]span, error) {
	if c.ulong(2) > math.MaxInt64 {
		return nil, syscall.EINVAL
	}
	return []span{{c.ptr(1), c.ulong(2)}}, nil
}

// iovecs is the memory that the array of arguments 1 and 2 means.
func (c *call) iovecs() ([]span, error) {
	n := c.int(2)
	if n <= 0 || n > netbsd.IovMax {
		return nil, syscall.EINVAL
	}
	b, err := c.load(c.ptr(1), n*netbsd.IovecSize)
	if err != nil {
		return nil, err
	}
	spans := make([]span, n)
	total := uint64(0)
	for i := range spans {
		var v netbsd.Iovec
		v.Decode(b[i*netbsd.IovecSize:])
		if v.Len > math.MaxInt64-total {
			return nil, syscall.EINVAL
		}
		total += v.Len
		spans[i] = span{v.Base, v.Len}
	}
	return spans, nil
}

// A direction is one of the eight ways to move bytes.
func (c *call) transfer(spans func() ([]span, error), out bool, at func(o *proc.Open) mover) error {
	return c.opened(func(o *proc.Open) error {
		s, err := spans()
		if err != nil {
			return err
		}
		if out {
			return c.fromClient(o, s, at(o))
		}
		return c.toClient(o, s, at(o))
	})
}

// readFrom and writeTo move bytes at an offset, which they advance.
func readFrom(o *proc.Open, off int64) mover {
	return func(ctx context.Context, b []byte) (int, error) {
		n, err := o.Pread(ctx, b, off)
		off += int64(n)
		return n, err
	}
}

func writeTo(o *proc.Open, off int64) mover {
	return func(ctx context.Context, b []byte) (int, error) {
		n, err := o.Pwrite(ctx, b, off)
		off += int64(n)
		return n, err
	}
}

func reading(o *proc.Open) mover { return o.Read }
func writing(o *proc.Open) mover { return o.Write }

func (c *call) readingAt(o *proc.Open) mover { return readFrom(o, c.long(4)) }
func (c *call) writingAt(o *proc.Open) mover { return writeTo(o, c.long(4)) }

func sysRead(c *call) error    { return c.transfer(c.span0, false, reading) }
func sysWrite(c *call) error   { return c.transfer(c.span0, true, writing) }
func sysReadv(c *call) error   { return c.transfer(c.iovecs, false, reading) }
func sysWritev(c *call) error  { return c.transfer(c.iovecs, true, writing) }
func sysPread(c *call) error   { return c.transfer(c.span0, false, c.readingAt) }
func sysPwrite(c *call) error  { return c.transfer(c.span0, true, c.writingAt) }
func sysPreadv(c *call) error  { return c.transfer(c.iovecs, false, c.readingAt) }
func sysPwritev(c *call) error { return c.transfer(c.iovecs, true, c.writingAt) }

func sysClose(c *call) error { return c.proc.Close(c.int(0)) }

// result keeps a number as the result.
func (c *call) result(n int, err error) error {
	c.ret[0] = int64(n)
	return err
}

func sysDup(c *call) error { return c.result(c.proc.Dup(c.int(0), 0, false)) }

func sysDup2(c *call) error { return c.result(c.int(1), c.proc.Dup2(c.int(0), c.int(1), false)) }

func sysDup3(c *call) error {
	flags := c.uint(2)
	if flags&^(netbsd.O_CLOEXEC|netbsd.O_NONBLOCK) != 0 {
		return syscall.EINVAL
	}
	return c.result(c.int(1), c.proc.Dup2(c.int(0), c.int(1), flags&netbsd.O_CLOEXEC != 0))
}

func sysPipe(c *call) error {
	r, w, err := c.proc.Pipe(0)
	c.ret = [2]int64{int64(r), int64(w)}
	return err
}

func sysPipe2(c *call) error {
	flags := c.uint(1)
	if flags&^(netbsd.O_CLOEXEC|netbsd.O_NONBLOCK) != 0 {
		return syscall.EINVAL
	}
	r, w, err := c.proc.Pipe(openFlags(flags) &^ proc.Read)
	if err != nil {
		return err
	}
	var b [8]byte
	le.PutUint32(b[:], uint32(r))
	le.PutUint32(b[4:], uint32(w))
	return c.copyout(c.ptr(0), b[:])
}

func sysLseek(c *call) error {
	from := c.int(3)
	if from < 0 || from > 2 {
		return syscall.EINVAL
	}
	off, err := c.proc.Seek(c, c.int(0), c.long(2), proc.Whence(from))
	c.ret[0] = off
	return err
}

func sysFsync(c *call) error      { return c.proc.Fsync(c, c.int(0), false) }
func sysFdatasync(c *call) error  { return c.proc.Fsync(c, c.int(0), true) }
func sysFsyncRange(c *call) error { return c.proc.Fsync(c, c.int(0), false) }

func sysFtruncate(c *call) error { return c.proc.Ftruncate(c, c.int(0), c.long(2)) }

func sysTruncate(c *call) error {
	path, err := c.path(0)
	if err != nil {
		return err
	}
	return c.proc.Truncate(c, at(path), c.long(2))
}

// posix_fallocate answers with its error as the result.
func sysFallocate(c *call) error {
	if err := c.proc.Fallocate(c, c.int(0), c.long(2), c.long(3)); err != nil {
		c.ret[0] = int64(c.errno(err))
	}
	return nil
}

func sysFdiscard(c *call) error { return c.proc.Fdiscard(c, c.int(0), c.long(2), c.long(3)) }

// posix_fadvise's advice is taken as read; its error is the result.
func sysFadvise(c *call) error {
	if err := c.opened(func(*proc.Open) error { return nil }); err != nil {
		c.ret[0] = int64(c.errno(err))
	}
	return nil
}
