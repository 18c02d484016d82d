package kern_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"rump/rumpfs/kern"
	"rump/rumpfs/vfs"
)

func shared(owner uint64, start, end int64) kern.Lock {
	return kern.Lock{Owner: owner, PID: int32(owner), Start: start, End: end}
}

func exclusive(owner uint64, start, end int64) kern.Lock {
	l := shared(owner, start, end)
	l.Exclusive = true
	return l
}

func TestRangeLocks(t *testing.T) {
	w := newWorld(t)
	f := w.owned(user, w.open, "f", vfs.KindRegular, 0o644)
	set := func(l kern.Lock, want error) {
		t.Helper()
		w.answers(fmt.Sprintf("lock %+v", l), w.d.SetLock(ctx, f, l, false), want)
	}
	unlock := func(owner uint64, start, end int64) {
		t.Helper()
		w.answers("unlock", w.d.Unlock(f, owner, start, end), nil)
	}
	set(shared(1, 0, 99), nil)
	set(shared(2, 50, 149), nil)
	set(exclusive(2, 100, 200), nil)
	set(exclusive(1, 0, 10), nil)
	set(exclusive(1, 0, 50), syscall.EAGAIN) // 2 shares byte 50
	set(exclusive(3, 150, 150), syscall.EAGAIN)
	set(shared(3, 200, 200), syscall.EAGAIN)
	set(shared(3, 201, kern.LockEnd), nil)
	set(shared(3, 11, 99), nil)
	set(shared(3, 10, 10), syscall.EAGAIN)

	found, ok, err := w.d.TestLock(f, exclusive(9, 120, 130))
	if err != nil || !ok || found.PID != 2 || !found.Exclusive || found.Start != 100 || found.End != 200 {
		t.Errorf("test of a lock: got %+v, %v, %v, want the one of 2", found, ok, err)
	}
	unlock(2, 110, 120) // in the middle: two are left
	set(exclusive(3, 110, 120), nil)
	set(exclusive(3, 109, 109), syscall.EAGAIN)
	set(exclusive(3, 121, 121), syscall.EAGAIN)
	unlock(2, 0, kern.LockEnd)
	unlock(3, 0, kern.LockEnd)
	set(exclusive(1, 0, kern.LockEnd), nil)
	if _, ok, _ := w.d.TestLock(f, exclusive(1, 0, kern.LockEnd)); ok {
		t.Error("one's own lock is in the way")
	}
	other := w.k.NewDoor("other", nil) // its owner 1 is somebody else
	defer other.Close()
	w.answers("lock through another door", other.SetLock(ctx, f, shared(1, 5, 5), false), syscall.EAGAIN)
	unlock(1, 0, kern.LockEnd)
	w.answers("lock through another door", other.SetLock(ctx, f, shared(1, 5, 5), false), nil)

	set(shared(1, -1, 5), syscall.EINVAL)
	set(shared(1, 5, 4), syscall.EINVAL)
}

// TestRangeLocksModel compares random locks with an array of bytes.
func TestRangeLocksModel(t *testing.T) {
	w := newWorld(t)
	const size, owners = 40, 4
	for seed := range uint64(20) {
		f := w.owned(user, w.open, fmt.Sprint(seed), vfs.KindRegular, 0o644)
		var held [owners][size]int // 0 nothing, 1 shared, 2 exclusive
		r := rand.New(rand.NewPCG(seed, 2))
		for step := range 300 {
			o, kind := r.IntN(owners), r.IntN(3)
			start := r.IntN(size)
			end := start + r.IntN(size-start)
			free := true
			for p := range owners {
				for b := start; b <= end; b++ {
					free = free && (p == o || held[p][b] == 0 || kind == 0 || kind == 1 && held[p][b] == 1)
				}
			}
			var err error
			if kind == 0 {
				err = w.d.Unlock(f, uint64(o), int64(start), int64(end))
			} else {
				l := shared(uint64(o), int64(start), int64(end))
				l.Exclusive = kind == 2
				err = w.d.SetLock(ctx, f, l, false)
			}
			if want := errIf(!free, syscall.EAGAIN); err != want {
				t.Fatalf("seed %d, step %d: kind %d of %d on %d to %d: got %v, want %v", seed, step, kind, o, start, end, err, want)
			}
			if err == nil {
				for b := start; b <= end; b++ {
					held[o][b] = kind
				}
			}
		}
	}
}

func TestLockWaiting(t *testing.T) {
	w := newWorld(t)
	f := w.owned(user, w.open, "f", vfs.KindRegular, 0o644)
	w.answers("lock", w.d.SetLock(ctx, f, exclusive(1, 0, 9), false), nil)
	got := make(chan error)
	go func() { got <- w.d.SetLock(ctx, f, exclusive(2, 5, 5), true) }()
	select {
	case err := <-got:
		t.Fatalf("a lock that is taken: got %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	w.answers("unlock of another part", w.d.Unlock(f, 1, 0, 3), nil)
	w.answers("unlock", w.d.Unlock(f, 1, 4, 9), nil)
	w.answers("the lock waited for", <-got, nil)

	cancelled, cancel := context.WithCancel(ctx)
	go func() { got <- w.d.SetLock(cancelled, f, shared(1, 5, 5), true) }()
	cancel()
	if err := <-got; !errors.Is(err, context.Canceled) {
		t.Errorf("waiting with a cancelled context: got %v", err)
	}
	w.answers("unlock", w.d.Unlock(f, 2, 0, kern.LockEnd), nil)
	w.answers("lock after all", w.d.SetLock(ctx, f, exclusive(3, 0, kern.LockEnd), false), nil)
}

// TestLockDeadlock: of three who wait for each other in a ring, the last is refused.
func TestLockDeadlock(t *testing.T) {
	w := newWorld(t)
	var files []*kern.Vnode
	for i := range 3 {
		files = append(files, w.owned(user, w.open, fmt.Sprint(i), vfs.KindRegular, 0o644))
		w.answers("lock", w.d.SetLock(ctx, files[i], exclusive(uint64(i), 0, 9), false), nil)
	}
	got := make(chan error, 2)
	for i := range 2 {
		go func() {
			err := error(syscall.EDEADLK)
			for err == syscall.EDEADLK { // the third came first
				time.Sleep(time.Millisecond)
				err = w.d.SetLock(ctx, files[i+1], exclusive(uint64(i), 0, 9), true)
			}
			got <- err
		}()
	}
	// The refusal comes once both wait; before that the third waits too.
	for deadline := time.Now().Add(10 * time.Second); ; {
		time.Sleep(5 * time.Millisecond)
		short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
		err := w.d.SetLock(short, files[0], exclusive(2, 0, 9), true)
		cancel()
		if err == syscall.EDEADLK {
			break
		}
		if !errors.Is(err, context.DeadlineExceeded) || time.Now().After(deadline) {
			t.Fatalf("lock that closes the ring: got %v, want EDEADLK", err)
		}
	}
	w.answers("unlock", w.d.Unlock(files[2], 2, 0, kern.LockEnd), nil) // 1 goes on, then 0
	w.answers("one waiter", <-got, nil)
	w.answers("unlock", w.d.Unlock(files[1], 1, 0, kern.LockEnd), nil)
	w.answers("the other waiter", <-got, nil)
}

func TestFlock(t *testing.T) {
	w := newWorld(t)
	f := w.owned(user, w.open, "f", vfs.KindRegular, 0o644)
	flock := func(owner uint64, exclusive bool, want error) {
		t.Helper()
		w.answers(fmt.Sprintf("flock of %d, exclusive %v", owner, exclusive), w.d.Flock(ctx, f, owner, exclusive, false), want)
	}
	flock(1, false, nil)
	flock(2, false, nil)
	flock(1, true, syscall.EAGAIN)
	flock(3, true, syscall.EAGAIN)
	w.answers("fcntl lock beside flock", w.d.SetLock(ctx, f, exclusive(7, 0, kern.LockEnd), false), nil)
	w.answers("unlock", w.d.Funlock(f, 2), nil)
	flock(1, true, nil)
	flock(2, false, syscall.EAGAIN)
	flock(1, false, nil)
	flock(2, false, nil)
	// Both want more: each gives up the lock it has, so one gets it, and then the other.
	var wg sync.WaitGroup
	for owner := range uint64(2) {
		wg.Go(func() {
			w.answers("flock upgraded", w.d.Flock(ctx, f, owner+1, true, true), nil)
			w.answers("funlock", w.d.Funlock(f, owner+1), nil)
		})
	}
	wg.Wait()
}

// TestLockLimit: a file has only so many locks.
func TestLockLimit(t *testing.T) {
	w := newWorld(t)
	f := w.owned(user, w.open, "f", vfs.KindRegular, 0o644)
	for i := int64(0); ; i += 2 {
		err := w.d.SetLock(ctx, f, exclusive(1, i, i), false)
		if err == syscall.ENOLCK {
			if i < 1000 {
				t.Errorf("only %d locks", i/2)
			}
			break
		}
		if err != nil || i > 100_000 {
			t.Fatalf("lock %d: got %v, want ENOLCK some time", i/2, err)
		}
	}
	w.answers("one lock in place of all", w.d.SetLock(ctx, f, exclusive(1, 0, kern.LockEnd), false), nil)
}

func TestLockStress(t *testing.T) {
	w := newWorld(t)
	f := w.owned(user, w.open, "f", vfs.KindRegular, 0o644)
	var wg sync.WaitGroup
	inside := 0 // guarded by the lock on byte 7
	for o := range uint64(4) {
		wg.Go(func() {
			for range 200 {
				if err := w.d.SetLock(ctx, f, exclusive(o, 7, 7), true); err != nil {
					t.Errorf("lock: %v", err)
					return
				}
				if inside++; inside != 1 {
					t.Errorf("%d owners hold an exclusive lock", inside)
				}
				inside--
				w.d.Unlock(f, o, 0, kern.LockEnd)
			}
		})
	}
	wg.Wait()
}
