package proc

import (
	"sync"
	"syscall"
)

// hardFiles is the most descriptors that a process may have, whatever its limit says.
const hardFiles = 1772

// A table is the descriptors of a process.
type table struct {
	mu    sync.RWMutex // guards what follows
	fds   []descriptor
	low   int // no free one is below
	limit int
}

// A descriptor leads to an Open; nil if it is free.
type descriptor struct {
	open        *Open
	closeOnExec bool
}

// get returns a new reference to what a descriptor leads to; EBADF.
func (t *table) get(fd int) (*Open, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if fd < 0 || fd >= len(t.fds) || t.fds[fd].open == nil {
		return nil, syscall.EBADF
	}
	o := t.fds[fd].open
	o.refs.Add(1)
	return o, nil
}

// add gives o, whose reference it takes over, the lowest free descriptor from least on; EMFILE.
func (t *table) add(o *Open, least int, closeOnExec bool) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fd := max(least, t.low)
	for fd < len(t.fds) && t.fds[fd].open != nil {
		fd++
	}
	if fd >= t.limit {
		return 0, syscall.EMFILE
	}
	if least <= t.low {
		t.low = fd + 1
	}
	t.putLocked(fd, descriptor{o, closeOnExec})
	return fd, nil
}

func (t *table) putLocked(fd int, d descriptor) {
	for fd >= len(t.fds) {
		t.fds = append(t.fds, descriptor{})
	}
	t.fds[fd] = d
}

// set makes fd lead to o, whose reference it takes over, and returns what it led to before; EBADF for a number out of range.
func (t *table) set(fd int, o *Open, closeOnExec bool) (old *Open, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if fd < 0 || fd >= t.limit {
		return nil, syscall.EBADF
	}
	if fd < len(t.fds) {
		old = t.fds[fd].open
	}
	t.putLocked(fd, descriptor{o, closeOnExec})
	return old, nil
}

// take frees a descriptor and returns what it led to; EBADF.
func (t *table) take(fd int) (*Open, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if fd < 0 || fd >= len(t.fds) || t.fds[fd].open == nil {
		return nil, syscall.EBADF
	}
	o := t.fds[fd].open
	t.fds[fd] = descriptor{}
	t.low = min(t.low, fd)
	return o, nil
}

// takeIf frees all descriptors that fn picks.
func (t *table) takeIf(fn func(fd int, d descriptor) bool) (opens []*Open) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for fd, d := range t.fds {
		if d.open != nil && fn(fd, d) {
			opens = append(opens, d.open)
			t.fds[fd] = descriptor{}
			t.low = min(t.low, fd)
		}
	}
	return opens
}

// copyTo gives an empty table the same descriptors.
func (t *table) copyTo(to *table) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	to.mu.Lock()
	defer to.mu.Unlock()
	to.fds, to.low, to.limit = append([]descriptor(nil), t.fds...), t.low, t.limit
	for _, d := range to.fds {
		if d.open != nil {
			d.open.refs.Add(1)
		}
	}
}

// closeOnExec reports the flag of a descriptor; EBADF.
func (t *table) closeOnExec(fd int) (bool, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if fd < 0 || fd >= len(t.fds) || t.fds[fd].open == nil {
		return false, syscall.EBADF
	}
	return t.fds[fd].closeOnExec, nil
}

// setCloseOnExec changes it.
func (t *table) setCloseOnExec(fd int, on bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if fd < 0 || fd >= len(t.fds) || t.fds[fd].open == nil {
		return syscall.EBADF
	}
	t.fds[fd].closeOnExec = on
	return nil
}

// setLimit changes how many there may be; those that are open stay.
func (t *table) setLimit(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.limit = min(n, hardFiles)
}

// last is the highest descriptor in use, -1 if there is none.
func (t *table) last() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for fd := len(t.fds) - 1; fd >= 0; fd-- {
		if t.fds[fd].open != nil {
			return fd
		}
	}
	return -1
}

// count is how many are in use.
func (t *table) count() (n int) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, d := range t.fds {
		if d.open != nil {
			n++
		}
	}
	return n
}
