package kern

import (
	"context"
	"math"
	"slices"
	"sync"
	"syscall"

	"rump/rumpfs/vfs"
)

const (
	// LockEnd as the end of a range means the end of the file, wherever it is.
	LockEnd = math.MaxInt64

	maxLocks = 4096 // on one vnode; ENOLCK
)

// A Lock is an advisory lock on bytes of a file, as fcntl(2) has them.
type Lock struct {
	Owner     uint64 // who; the door's own number
	PID       int32  // whom TestLock names
	Exclusive bool
	Start     int64 // first byte
	End       int64 // last byte
}

// A lockOwner is who holds a lock: doors number their owners independently.
type lockOwner struct {
	door *Door
	id   uint64
}

type heldLock struct {
	owner lockOwner
	Lock
}

func (h *heldLock) overlaps(l *Lock) bool { return h.Start <= l.End && l.Start <= h.End }

func (h *heldLock) conflicts(o lockOwner, l *Lock) bool {
	return h.owner != o && (h.Exclusive || l.Exclusive) && h.overlaps(l)
}

// A lockTable holds the advisory locks of one vnode. Those of fcntl and those of flock do not see each other, as on the
// host.
type lockTable struct {
	mu      sync.Mutex
	ranges  []heldLock
	flocks  []heldLock
	changed chan struct{} // closed at the next change; nil while nobody waits
	revoked bool          // the vnode is dead
}

// A lockWait is someone who waits for others.
type lockWait struct {
	owner lockOwner
	on    []lockOwner
}

// lockTable returns the table of v, which it makes if need be.
func (v *Vnode) lockTable() (*lockTable, error) {
	if t := v.locks.Load(); t != nil {
		return t, nil
	}
	if err := v.lock(); err != nil {
		return nil, err
	}
	defer v.mu.Unlock()
	v.locks.CompareAndSwap(nil, new(lockTable))
	return v.locks.Load(), nil
}

// SetLock puts a lock of its owner on a range, in place of what the owner has there. With wait it waits for others until
// ctx ends. EAGAIN without; EDEADLK if one of those waits for the owner; EINVAL for a range that is none; ENOLCK. The
// owner keeps a reference to v as long as it holds locks.
func (d *Door) SetLock(ctx context.Context, v *Vnode, l Lock, wait bool) error {
	t, err := rangeTable(v, l.Start, l.End)
	if err != nil {
		return err
	}
	return t.acquire(ctx, d.k, heldLock{lockOwner{d, l.Owner}, l}, wait)
}

// Unlock takes away what the owner has locked of a range: 0 to LockEnd for all of it, when the owner closes the file.
func (d *Door) Unlock(v *Vnode, owner uint64, start, end int64) error {
	t, err := rangeTable(v, start, end)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ranges = carve(t.ranges, lockOwner{d, owner}, start, end)
	t.wakeLocked()
	return nil
}

// TestLock returns a lock that would keep l from being set, if there is one.
func (d *Door) TestLock(v *Vnode, l Lock) (found Lock, ok bool, err error) {
	t, err := rangeTable(v, l.Start, l.End)
	if err != nil {
		return Lock{}, false, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.ranges {
		if t.ranges[i].conflicts(lockOwner{d, l.Owner}, &l) {
			return t.ranges[i].Lock, true, nil
		}
	}
	return Lock{}, false, nil
}

// Flock locks the whole file as flock(2) does, in place of what the owner had. If it must wait for that, the old lock is
// given up first. Errors as SetLock, but no deadlock is noticed.
func (d *Door) Flock(ctx context.Context, v *Vnode, owner uint64, exclusive, wait bool) error {
	t, err := rangeTable(v, 0, LockEnd)
	if err != nil {
		return err
	}
	l := Lock{Owner: owner, Exclusive: exclusive, End: LockEnd}
	return t.acquireFlock(ctx, heldLock{lockOwner{d, owner}, l}, wait)
}

// Funlock ends the owner's flock.
func (d *Door) Funlock(v *Vnode, owner uint64) error {
	t, err := rangeTable(v, 0, LockEnd)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flocks = carve(t.flocks, lockOwner{d, owner}, 0, LockEnd)
	t.wakeLocked()
	return nil
}

func rangeTable(v *Vnode, start, end int64) (*lockTable, error) {
	if start < 0 || end < start {
		return nil, syscall.EINVAL
	}
	if v.kind == vfs.KindSymlink {
		return nil, syscall.EBADF
	}
	return v.lockTable()
}

func (t *lockTable) acquire(ctx context.Context, k *Kernel, l heldLock, wait bool) error {
	w := &lockWait{owner: l.owner}
	defer k.stopWaiting(w)
	for {
		changed, err := t.tryRange(k, w, l, wait)
		if changed == nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tryRange sets the lock, or fails, or returns what to wait for.
func (t *lockTable) tryRange(k *Kernel, w *lockWait, l heldLock, wait bool) (<-chan struct{}, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.revoked {
		return nil, syscall.ESTALE
	}
	if on := conflicts(t.ranges, &l); on != nil {
		if !wait {
			return nil, syscall.EAGAIN
		}
		if err := k.startWaiting(w, on); err != nil {
			return nil, err
		}
		return t.changeLocked(), nil
	}
	locks := t.ranges
	if len(locks) >= maxLocks-2 { // one is split, one is added
		locks = slices.Clone(locks)
	}
	if locks = merge(carve(locks, l.owner, l.Start, l.End), l); len(locks) > maxLocks {
		return nil, syscall.ENOLCK
	}
	t.ranges = locks
	t.wakeLocked()
	return nil, nil
}

func (t *lockTable) acquireFlock(ctx context.Context, l heldLock, wait bool) error {
	for {
		changed, err := t.tryFlock(l, wait)
		if changed == nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tryFlock sets the lock, or fails, or returns what to wait for.
func (t *lockTable) tryFlock(l heldLock, wait bool) (<-chan struct{}, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	busy := conflicts(t.flocks, &l) != nil
	switch {
	case t.revoked:
		return nil, syscall.ESTALE
	case busy && !wait:
		return nil, syscall.EAGAIN
	}
	before := len(t.flocks)
	t.flocks = carve(t.flocks, l.owner, l.Start, l.End)
	switch {
	case busy && len(t.flocks) < before:
		t.wakeLocked()
		fallthrough
	case busy:
		return t.changeLocked(), nil
	case len(t.flocks) >= maxLocks:
		return nil, syscall.ENOLCK
	}
	t.flocks = append(t.flocks, l)
	t.wakeLocked()
	return nil, nil
}

// changeLocked returns a channel that is closed at the next change.
func (t *lockTable) changeLocked() <-chan struct{} {
	if t.changed == nil {
		t.changed = make(chan struct{})
	}
	return t.changed
}

func (t *lockTable) wakeLocked() {
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}

// revoke forgets all locks and sends those away who wait.
func (t *lockTable) revoke() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.revoked, t.ranges, t.flocks = true, nil, nil
	t.wakeLocked()
}

// conflicts returns the owners of the locks that keep l from being set.
func conflicts(locks []heldLock, l *heldLock) (on []lockOwner) {
	for i := range locks {
		if locks[i].conflicts(l.owner, &l.Lock) {
			on = append(on, locks[i].owner)
		}
	}
	return on
}

// carve takes a range out of the locks of one owner, in place as far as no lock is split.
func carve(locks []heldLock, o lockOwner, start, end int64) []heldLock {
	cut := Lock{Start: start, End: end}
	if !slices.ContainsFunc(locks, func(h heldLock) bool { return h.owner == o && h.overlaps(&cut) }) {
		return locks
	}
	var right []heldLock
	kept := locks[:0]
	for _, h := range locks {
		if h.owner != o || !h.overlaps(&cut) {
			kept = append(kept, h)
			continue
		}
		if h.End > end {
			r := h
			r.Start = end + 1
			right = append(right, r)
		}
		if h.Start < start {
			h.End = start - 1
			kept = append(kept, h)
		}
	}
	return append(kept, right...)
}

// merge adds a lock, joined with those of the same owner and kind that touch it.
func merge(locks []heldLock, l heldLock) []heldLock {
	locks = slices.DeleteFunc(locks, func(h heldLock) bool {
		switch {
		case h.owner != l.owner || h.Exclusive != l.Exclusive:
			return false
		case h.End < l.Start && h.End+1 == l.Start:
			l.Start = h.Start
			return true
		case h.Start > l.End && l.End+1 == h.Start:
			l.End = h.End
			return true
		}
		return false
	})
	return append(locks, l)
}

// startWaiting notes that w waits for others; EDEADLK if one of them, at whatever distance, waits for w.
func (k *Kernel) startWaiting(w *lockWait, on []lockOwner) error {
	k.waitMu.Lock()
	defer k.waitMu.Unlock()
	reached := make(map[lockOwner]bool)
	for todo := slices.Clone(on); len(todo) > 0; todo = todo[1:] {
		o := todo[0]
		if o == w.owner {
			return syscall.EDEADLK
		}
		if reached[o] {
			continue
		}
		reached[o] = true
		for other := range k.waits {
			if other.owner == o {
				todo = append(todo, other.on...)
			}
		}
	}
	w.on = on
	k.waits[w] = struct{}{}
	return nil
}

func (k *Kernel) stopWaiting(w *lockWait) {
	k.waitMu.Lock()
	defer k.waitMu.Unlock()
	delete(k.waits, w)
}
