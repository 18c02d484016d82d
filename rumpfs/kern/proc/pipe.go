package proc

import (
	"context"
	"sync"
	"syscall"

	"rump/rumpfs/kern"
	"rump/rumpfs/vfs"
)

const (
	pipeSize   = 16384 // bytes
	pipeAtomic = 512   // bytes that go in whole (PIPE_BUF)
)

// A pipe is bytes between two ends, of which each may be open any number of times.
type pipe struct {
	queue Queue
	made  vfs.Time

	mu               sync.Mutex // guards what follows
	b                []byte     // what is in it
	readers, writers int
}

// read takes bytes out; 0 once nobody can write and nothing is left.
func (q *pipe) read(ctx context.Context, p []byte, wait bool) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	try := func() bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		n = copy(p, q.b)
		q.b = q.b[:copy(q.b, q.b[n:])]
		return n > 0 || q.writers == 0
	}
	if wait {
		err = q.queue.Wait(ctx, try)
	} else if !try() {
		err = syscall.EAGAIN
	}
	if n > 0 {
		q.queue.Wake()
	}
	return n, err
}

// write puts bytes in, small pieces whole. EPIPE once nobody can read.
func (q *pipe) write(ctx context.Context, p []byte, wait bool) (n int, err error) {
	broken := false
	try := func() bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		broken = q.readers == 0
		room := pipeSize - len(q.b)
		if rest := p[n:]; !broken && (room >= len(rest) || len(p) > pipeAtomic) {
			put := rest[:min(room, len(rest))]
			q.b = append(q.b, put...)
			n += len(put)
			if len(put) > 0 {
				q.queue.Wake()
			}
		}
		return broken || n == len(p)
	}
	if wait {
		err = q.queue.Wait(ctx, try)
	} else if !try() && n == 0 {
		err = syscall.EAGAIN
	}
	if broken && n == 0 {
		err = syscall.EPIPE
	}
	if n > 0 {
		err = nil
	}
	return n, err
}

// poll says what an end that reads or writes could do.
func (q *pipe) poll(flags Flags) (e Events) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if flags&Read != 0 {
		if len(q.b) > 0 || q.writers == 0 {
			e |= PollRead
		}
		if q.writers == 0 {
			e |= PollHangup
		}
	}
	if flags&Write != 0 {
		if pipeSize-len(q.b) >= pipeAtomic {
			e |= PollWrite
		}
		if q.readers == 0 {
			e |= PollHangup
		}
	}
	return e
}

// open counts an end in, close out.
func (q *pipe) open(flags Flags)  { q.count(flags, 1) }
func (q *pipe) close(flags Flags) { q.count(flags, -1) }

func (q *pipe) count(flags Flags, n int) {
	q.mu.Lock()
	if flags&Read != 0 {
		q.readers += n
	}
	if flags&Write != 0 {
		q.writers += n
	}
	if q.readers == 0 && q.writers == 0 {
		q.b = nil
	}
	q.mu.Unlock()
	q.queue.Wake()
}

// buffered is how many bytes are in it.
func (q *pipe) buffered() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.b)
}

// A pipeEnd is an open end of a pipe.
type pipeEnd struct {
	pipe  *pipe
	flags Flags // Read or Write or both
}

var _ Stream = (*pipeEnd)(nil)

// Pipe makes a pipe and two descriptors: bytes written to w come out of r.
func (p *Process) Pipe(flags Flags) (r, w int, err error) {
	q := &pipe{made: p.sys.door.Now()}
	q.open(Read | Write)
	ends := [2]int{}
	for i, f := range []Flags{Read, Write} {
		o := p.newOpen(&pipeEnd{q, f}, f|flags&NonBlock)
		if ends[i], err = p.table.add(o, 0, flags&CloseOnExec != 0); err != nil {
			o.Release()
			if i == 1 {
				_ = p.Close(ends[0])
			} else {
				q.close(Write)
			}
			return 0, 0, err
		}
	}
	return ends[0], ends[1], nil
}

func (e *pipeEnd) Read(ctx context.Context, p []byte, wait bool) (int, error) {
	return e.pipe.read(ctx, p, wait)
}

func (e *pipeEnd) Write(ctx context.Context, p []byte, wait bool) (int, error) {
	return e.pipe.write(ctx, p, wait)
}

// Buffered is how many bytes can be read at once.
func (e *pipeEnd) Buffered() int { return e.pipe.buffered() }

func (e *pipeEnd) Poll(Events) Events { return e.pipe.poll(e.flags) }
func (e *pipeEnd) Queue() *Queue      { return &e.pipe.queue }

// Stat tells of a fifo in no file system.
func (e *pipeEnd) Stat(context.Context) (Stat, error) {
	t := e.pipe.made
	return Stat{Attr: vfs.Attr{
		Kind: vfs.KindFifo, Mode: 0o600, Size: int64(e.pipe.buffered()), BlockSize: pipeSize, Atime: t, Mtime: t, Ctime: t, Btime: t,
	}}, nil
}

func (e *pipeEnd) Close(context.Context) error {
	e.pipe.close(e.flags)
	return nil
}

// fifos are the pipes of the named ones that are open.
type fifos struct {
	mu   sync.Mutex
	open map[*kern.Vnode]*fifo
}

// A fifo is a pipe with a name, while anybody has it open.
type fifo struct {
	pipe
	users int // guarded by fifos.mu
	opens [2]int
}

// A fifoEnd is a named pipe that somebody has opened.
type fifoEnd struct {
	pipeEnd
	sys  *System
	fifo *fifo
	v    *kern.Vnode // a reference
}

// openFifo opens a named pipe, whose reference it takes over. Who reads waits for a writer and the other way round; without
// waiting, reading may start and writing is ENXIO.
func (s *System) openFifo(ctx context.Context, v *kern.Vnode, flags Flags) (File, error) {
	f := s.fifos.enter(v)
	e := &fifoEnd{pipeEnd{&f.pipe, flags & (Read | Write)}, s, f, v}
	f.mu.Lock()
	nobody := f.readers == 0
	f.mu.Unlock()
	if flags&(Read|Write|NonBlock) == Write|NonBlock && nobody {
		s.fifos.leave(v, f)
		return nil, syscall.ENXIO
	}
	f.arrive(e.flags)
	if flags&NonBlock == 0 && e.flags != Read|Write {
		if err := f.meet(ctx, e.flags); err != nil {
			f.pipe.close(e.flags)
			s.fifos.leave(v, f)
			return nil, err
		}
	}
	return e, nil
}

// arrive counts an end in, for ever in opens.
func (f *fifo) arrive(flags Flags) {
	f.mu.Lock()
	if flags&Read != 0 {
		f.opens[0]++
	}
	if flags&Write != 0 {
		f.opens[1]++
	}
	f.mu.Unlock()
	f.pipe.open(flags)
}

// meet waits until the other side is open, or has been meanwhile.
func (f *fifo) meet(ctx context.Context, flags Flags) error {
	other := 1
	if flags&Write != 0 {
		other = 0
	}
	f.mu.Lock()
	before := f.opens[other]
	f.mu.Unlock()
	return f.queue.Wait(ctx, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		there := []int{f.readers, f.writers}[other]
		return there > 0 || f.opens[other] > before
	})
}

func (fs *fifos) enter(v *kern.Vnode) *fifo {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f := fs.open[v]
	if f == nil {
		f = new(fifo)
		if fs.open == nil {
			fs.open = make(map[*kern.Vnode]*fifo)
		}
		fs.open[v] = f
	}
	f.users++
	return f
}

func (fs *fifos) leave(v *kern.Vnode, f *fifo) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if f.users--; f.users == 0 {
		delete(fs.open, v)
	}
}

// Stat tells of the node.
func (e *fifoEnd) Stat(ctx context.Context) (Stat, error) { return e.sys.stat(ctx, e.v) }

func (e *fifoEnd) Close(context.Context) error {
	e.pipe.close(e.flags)
	e.sys.fifos.leave(e.v, e.fifo)
	e.v.Unref()
	return nil
}
