package server

import (
	"syscall"
	"time"

	"rump/netbsd"
	"rump/rumpfs/kern/proc"
)

// pollMost is how many descriptors one call may ask about.
const pollMost = 4096

// pollEvents are the events of poll(2) as proc has them.
var pollEvents = [...]struct {
	bits  uint16
	event proc.Events
}{
	{netbsd.POLLIN | netbsd.POLLRDNORM, proc.PollRead},
	{netbsd.POLLOUT | netbsd.POLLWRBAND, proc.PollWrite},
	{netbsd.POLLPRI | netbsd.POLLRDBAND, proc.PollUrgent},
	{netbsd.POLLERR, proc.PollError},
	{netbsd.POLLHUP, proc.PollHangup},
	{netbsd.POLLNVAL, proc.PollInvalid},
}

func sysPoll(c *call) error {
	timeout := proc.Forever
	if ms := c.int(2); ms >= 0 {
		timeout = time.Duration(ms) * time.Millisecond
	}
	return c.poll(timeout)
}

func sysPollts(c *call) error {
	timeout, err := c.timeout(c.ptr(2))
	if err != nil {
		return err
	}
	return c.poll(timeout)
}

// poll waits for what the array of arguments 0 and 1 asks about, and writes it back.
func (c *call) poll(timeout time.Duration) error {
	n := int(c.uint(1))
	if n > pollMost {
		return syscall.EINVAL
	}
	b := make([]byte, n*netbsd.PollfdSize)
	if err := c.copyin(c.ptr(0), b); err != nil {
		return err
	}
	asked := make([]netbsd.Pollfd, n)
	fds := make([]proc.PollFD, n)
	for i := range fds {
		asked[i].Decode(b[i*netbsd.PollfdSize:])
		fds[i].FD = int(asked[i].FD)
		for _, x := range pollEvents {
			if uint16(asked[i].Events)&x.bits != 0 {
				fds[i].Want |= x.event
			}
		}
	}
	ready, err := c.proc.Poll(c, fds, timeout)
	if err != nil {
		return err
	}
	for i := range fds {
		asked[i].Revents = revents(asked[i].Events, fds[i].Got)
		asked[i].Encode(b[i*netbsd.PollfdSize:])
	}
	c.ret[0] = int64(ready)
	return c.copyout(c.ptr(0), b)
}

// revents are the events that hold, of those asked for or told unasked.
func revents(asked int16, got proc.Events) (r int16) {
	for _, x := range pollEvents {
		if got&x.event == 0 {
			continue
		}
		if x.event&(proc.PollError|proc.PollHangup|proc.PollInvalid) != 0 {
			r |= int16(x.bits)
		} else {
			r |= int16(x.bits) & asked
		}
	}
	return r
}

func sysSelect(c *call) error {
	timeout := proc.Forever
	if c.ptr(4) != 0 {
		var tv netbsd.Timeval
		if err := c.get(c.ptr(4), &tv, netbsd.TimevalSize); err != nil {
			return err
		}
		var err error
		if timeout, err = duration(netbsd.Timespec{Sec: tv.Sec, Nsec: int64(tv.Usec) * 1000}); err != nil {
			return err
		}
	}
	return c.selectFDs(timeout)
}

func sysPselect(c *call) error {
	timeout, err := c.timeout(c.ptr(4))
	if err != nil {
		return err
	}
	return c.selectFDs(timeout)
}

// selectFDs waits for what three sets of bits ask about, and writes them back.
func (c *call) selectFDs(timeout time.Duration) error {
	n := c.int(0)
	if n < 0 || n > pollMost {
		return syscall.EINVAL
	}
	size := (n + 31) / 32 * 4
	events := [3]proc.Events{proc.PollRead, proc.PollWrite, proc.PollUrgent}
	var sets [3][]byte
	fds := make([]proc.PollFD, n)
	for i := range fds {
		fds[i].FD = -1
	}
	for s := range sets {
		if c.ptr(1+s) == 0 {
			continue
		}
		sets[s] = make([]byte, size)
		if err := c.copyin(c.ptr(1+s), sets[s]); err != nil {
			return err
		}
		for i := range fds {
			if sets[s][i/8]&(1<<(i%8)) != 0 {
				fds[i].FD = i
				fds[i].Want |= events[s]
			}
		}
	}
	if _, err := c.proc.Poll(c, fds, timeout); err != nil {
		return err
	}
	for i := range fds {
		if fds[i].Got&proc.PollInvalid != 0 {
			return syscall.EBADF
		}
	}
	for s := range sets {
		if sets[s] == nil {
			continue
		}
		clear(sets[s])
		for i := range fds {
			if got := fds[i].Got; got&events[s] != 0 || s == 0 && got&(proc.PollHangup|proc.PollError) != 0 && fds[i].Want&events[s] != 0 {
				sets[s][i/8] |= 1 << (i % 8)
				c.ret[0]++
			}
		}
		if err := c.copyout(c.ptr(1+s), sets[s]); err != nil {
			return err
		}
	}
	return nil
}
