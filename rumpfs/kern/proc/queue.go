package proc

import (
	"context"
	"sync"
	"syscall"
	"time"
)

// Events are what poll(2) asks about.
type Events uint16

// The events. The last three are told unasked.
const (
	PollRead Events = 1 << iota
	PollWrite
	PollUrgent
	PollError
	PollHangup
	PollInvalid
)

// A Queue is those who wait for something to change. The zero value is empty.
type Queue struct {
	mu      sync.Mutex
	waiters map[*waiter]struct{}
}

// A waiter is woken by any of the queues that it is in.
type waiter struct{ woken chan struct{} }

func newWaiter() *waiter { return &waiter{make(chan struct{}, 1)} }

func (q *Queue) add(w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiters == nil {
		q.waiters = make(map[*waiter]struct{})
	}
	q.waiters[w] = struct{}{}
}

func (q *Queue) remove(w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.waiters, w)
}

// Wake wakes everybody. It never waits.
func (q *Queue) Wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for w := range q.waiters {
		select {
		case w.woken <- struct{}{}:
		default:
		}
	}
}

// Waiting says that a call is going to wait, perhaps for long, to whoever made it: its context may have a method Waiting.
// Files that wait by other means than a Queue call it first.
func Waiting(ctx context.Context) {
	if w, ok := ctx.(interface{ Waiting() }); ok {
		w.Waiting()
	}
}

// Wait calls try until it returns true, again after each Wake; or returns the error of a context that ended.
func (q *Queue) Wait(ctx context.Context, try func() bool) error {
	if try() {
		return nil
	}
	Waiting(ctx)
	w := newWaiter()
	q.add(w)
	defer q.remove(w)
	for {
		if try() {
			return nil
		}
		select {
		case <-w.woken:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// A PollFD is one descriptor to wait for. One that is negative is passed over.
type PollFD struct {
	FD   int
	Want Events
	Got  Events
}

// Forever is the timeout of a Poll that has none.
const Forever time.Duration = -1

// Poll waits until something that is wanted holds, and returns for how many descriptors that is so; 0 after the timeout.
func (p *Process) Poll(ctx context.Context, fds []PollFD, timeout time.Duration) (int, error) {
	opens := make([]*Open, len(fds))
	defer func() {
		for _, o := range opens {
			if o != nil {
				o.Release()
			}
		}
	}()
	for i := range fds {
		if fds[i].FD >= 0 {
			opens[i], _ = p.Open(fds[i].FD)
		}
	}
	if n := pollNow(fds, opens); n > 0 || timeout == 0 {
		return n, nil
	}
	Waiting(ctx)
	w := newWaiter()
	for _, o := range opens {
		if q := queueOf(o); q != nil {
			q.add(w)
			defer q.remove(w)
		}
	}
	var expired <-chan time.Time
	if timeout > 0 {
		t := time.NewTimer(timeout)
		defer t.Stop()
		expired = t.C
	}
	for {
		if n := pollNow(fds, opens); n > 0 {
			return n, nil
		}
		select {
		case <-w.woken:
		case <-expired:
			return 0, nil
		case <-ctx.Done():
			return 0, syscall.EINTR
		}
	}
}

func queueOf(o *Open) *Queue {
	if o == nil {
		return nil
	}
	return o.file.Queue()
}

// pollNow asks every file once.
func pollNow(fds []PollFD, opens []*Open) (n int) {
	for i := range fds {
		switch {
		case fds[i].FD < 0:
			fds[i].Got = 0
		case opens[i] == nil:
			fds[i].Got = PollInvalid
		default:
			fds[i].Got = opens[i].file.Poll(fds[i].Want) & (fds[i].Want | PollError | PollHangup)
		}
		if fds[i].Got != 0 {
			n++
		}
	}
	return n
}

// Sleep waits. EINTR if the process ends meanwhile.
func (p *Process) Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	Waiting(ctx)
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return syscall.EINTR
	}
}
