package bridge

import (
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"rump/rumpfs/vfs"
)

// One worker reads requests and serves them itself, one after the other: the kernel wakes one thread a request, and it
// is the one whose caches are warm. (go-fuse's own server rotates between readers; measured on one core over the same
// file system in memory, create 14.3 k/s there, 21.7 k/s here; stat 69 k/s and 98 k/s.) Others read only
//
//   - while a request is served that may take long: promote;
//   - when a request took long all the same: watch looks once a millisecond.
//
// A worker that finds another one reading when it is done goes to sleep. So no request waits for another one, whatever
// that one waits for.
const (
	maxWorkers   = 32
	watchPeriod  = time.Millisecond
	watchIdle    = 20 // periods without a request before the watch goes to sleep
	settleMost   = 5 * time.Millisecond
	settleStep   = 20 * time.Microsecond
	bigTransfer  = 64 << 10
	maxTransfer  = 1 << 20
	requestSpace = maxTransfer + pageSize // the kernel wants room for the longest write and its header
)

// A crew is the workers of a bridge.
type crew struct {
	b        *Bridge
	parallel bool // more than one processor

	reading atomic.Int32  // workers in read(2), or on their way
	served  atomic.Uint64 // requests begun
	helped  atomic.Uint64 // how often the watch found nobody reading
	resting atomic.Bool   // the watch sleeps
	alarm   chan struct{} // wakes the watch
	stop    chan struct{} // closed when the connection is gone
	once    sync.Once
	running sync.WaitGroup

	mu    sync.Mutex
	calls map[*call]bool // guarded by mu: of every worker and every waiter
	idle  []chan bool    // guarded by mu: sleeping workers, the last to fall asleep last
	count int            // guarded by mu: workers, asleep or not
}

func newCrew(b *Bridge) *crew {
	return &crew{
		b:        b,
		parallel: runtime.GOMAXPROCS(0) > 1,
		alarm:    make(chan struct{}, 1),
		stop:     make(chan struct{}),
		calls:    make(map[*call]bool),
	}
}

// start sets the first worker and the watch to work.
func (w *crew) start() {
	w.promote()
	w.running.Add(1)
	go w.watch()
}

// promote makes sure that somebody reads.
func (w *crew) promote() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.reading.Load() > 0 {
		return
	}
	select {
	case <-w.stop:
		return
	default:
	}
	switch last := len(w.idle) - 1; {
	case last >= 0:
		w.reading.Add(1)
		w.idle[last] <- true
		w.idle = w.idle[:last]
	case w.count < maxWorkers:
		w.reading.Add(1)
		w.count++
		w.running.Add(1)
		go w.work()
	}
}

// quit ends every worker that sleeps, and by and by the others.
func (w *crew) quit() {
	w.once.Do(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		close(w.stop)
		for _, c := range w.idle {
			c <- false
		}
		w.idle = nil
		for c := range w.calls {
			c.abandon()
		}
	})
}

// work reads and serves until the connection is gone. The worker is counted as reading when it starts.
func (w *crew) work() {
	defer w.running.Done()
	c := w.newCall()
	defer w.drop(c)
	space := pageAligned(requestSpace, writeInSize) // what is written begins on a page
	wake := make(chan bool, 1)
	for {
		n, ok := w.read(space)
		if !ok {
			w.quit()
			return
		}
		if n > 0 {
			c.in = space[:n]
			w.serve(c)
		}
		if !w.again(wake) {
			return
		}
	}
}

// read waits for a request. 0 if it was taken away again; not ok if there will be no more.
func (w *crew) read(space []byte) (n int, ok bool) {
	defer w.reading.Add(-1)
	for {
		n, err := syscall.Read(w.b.fd, space)
		switch err {
		case nil:
			return n, n >= inHeaderSize
		case syscall.EINTR, syscall.EAGAIN:
		case syscall.ENOENT: // interrupted before it was read
			return 0, true
		default: // ENODEV: unmounted
			if err != syscall.ENODEV {
				w.b.log.Error("fuse device", "op", "read", "err", err)
			}
			return 0, false
		}
	}
}

// again reports whether the worker goes on reading: at once if nobody reads, else after a sleep. It is counted as
// reading then.
func (w *crew) again(wake chan bool) bool {
	if w.reading.CompareAndSwap(0, 1) {
		return true
	}
	w.mu.Lock()
	select {
	case <-w.stop:
		w.mu.Unlock()
		return false
	default:
	}
	if w.reading.CompareAndSwap(0, 1) {
		w.mu.Unlock()
		return true
	}
	w.idle = append(w.idle, wake)
	w.mu.Unlock()
	return <-wake
}

// serve handles the request in c.in.
func (w *crew) serve(c *call) {
	w.served.Add(1)
	if w.resting.Load() {
		select {
		case w.alarm <- struct{}{}:
		default:
		}
	}
	h := c.header()
	op, unique, node := h.Opcode, h.Unique, h.NodeId
	if w.lasting(c, op) {
		w.promote()
	}
	c.begin(unique)
	c.n = 0
	if op == opStatfs {
		w.settle()
	}
	err := c.handle(op)
	no := errnoOf(err)
	if no == syscall.ENOSPC && w.settle() {
		c.n = 0
		err = c.handle(op)
		no = errnoOf(err)
	}
	c.end()
	if err == errNoReply {
		return
	}
	if no == syscall.EIO {
		w.b.log.Error("request", "op", opName(op), "ino", node, "err", err)
	}
	if w.b.options.Debug {
		c.debug(op, node, no)
	}
	c.send(unique, no)
}

// errnoOf is vfs.ErrnoOf, for what is common without looking deep.
func errnoOf(err error) syscall.Errno {
	if err == nil || err == errNoReply {
		return 0
	}
	if no, ok := err.(syscall.Errno); ok {
		return no
	}
	return vfs.ErrnoOf(err)
}

// settle lets others serve what the kernel has ready, and reports whether there was anything. A file that has been removed
// or closed gives up its space when the kernel forgets it, and it says so behind a request that asks for space.
func (w *crew) settle() bool {
	if !w.pending() {
		return false
	}
	w.promote()
	for end := time.Now().Add(settleMost); time.Now().Before(end); time.Sleep(settleStep) {
		if w.reading.Load() > 0 && !w.pending() {
			break
		}
	}
	return true
}

// pending reports whether the kernel has something to read.
func (w *crew) pending() bool {
	p := []unix.PollFd{{Fd: int32(w.b.fd), Events: unix.POLLIN}}
	n, err := unix.Poll(p, 0)
	return err == nil && n == 1
}

// lasting reports whether a request is of a kind that others should not wait for.
func (w *crew) lasting(c *call, op uint32) bool {
	switch op {
	case opRead, opWrite:
		if !w.parallel {
			return false
		}
		if op == opWrite {
			return len(c.in) >= bigTransfer
		}
		in, _, err := view[fuse.ReadIn](c.in)
		return err == nil && in.Size >= bigTransfer
	case opFsync, opFsyncDir, opSyncFS, opFallocate:
		return true
	}
	return false
}

// watch promotes a worker when nobody has been reading, and no request has come, for one to two periods.
func (w *crew) watch() {
	defer w.running.Done()
	tick := time.NewTicker(watchPeriod)
	defer tick.Stop()
	last, quiet := uint64(0), 0
	for {
		select {
		case <-w.stop:
			return
		case <-tick.C:
		}
		now := w.served.Load()
		switch {
		case now != last:
			quiet = 0
		case w.reading.Load() == 0:
			w.helped.Add(1)
			w.promote()
			quiet = 0
		default:
			quiet++
		}
		last = now
		if quiet < watchIdle {
			continue
		}
		tick.Stop()
		w.resting.Store(true)
		if w.served.Load() == last {
			select {
			case <-w.stop:
				return
			case <-w.alarm:
			}
		}
		w.resting.Store(false)
		tick.Reset(watchPeriod)
		quiet = 0
	}
}

// newCall makes a call that interrupts find.
func (w *crew) newCall() *call {
	c := &call{b: w.b, out: pageAligned(outHeaderSize+pageSize, outHeaderSize)}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls[c] = true
	return c
}

func (w *crew) drop(c *call) {
	if c.pipe != nil {
		c.pipe.close()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.calls, c)
}

// interrupt cancels the request of that number, if it is being served.
func (w *crew) interrupt(unique uint64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.calls {
		if c.interrupt(unique) {
			return true
		}
	}
	return false
}

// detach serves the request of c, which may wait for ever, in a goroutine of its own.
func (w *crew) detach(c *call, serve func(*call) error) error {
	d := w.newCall()
	d.in = append([]byte(nil), c.in...)
	unique := d.header().Unique
	d.begin(unique)
	w.running.Add(1)
	go func() {
		defer w.running.Done()
		defer w.drop(d)
		err := serve(d)
		d.end()
		d.send(unique, vfs.ErrnoOf(err))
	}()
	return errNoReply
}

// write sends a reply. The kernel refuses one that nobody waits for any more; that is all right.
func (b *Bridge) write(p []byte) {
	for {
		_, err := syscall.Write(b.fd, p)
		switch err {
		case syscall.EINTR, syscall.EAGAIN:
			continue
		case nil, syscall.ENOENT, syscall.ENODEV:
		default:
			b.log.Error("fuse device", "op", "write", "err", err)
		}
		return
	}
}
