package server

import (
	"math"
	"syscall"
	"time"

	"rump/netbsd"
	"rump/rumpfs/kern/proc"
)

// clockTick is how exact clocks are said to be.
const clockTick = 10 * time.Millisecond

func sysGettimeofday(c *call) error {
	if c.ptr(0) == 0 {
		return nil
	}
	t := c.proc.System().Door().Now()
	return c.store(c.ptr(0), netbsd.Timeval{Sec: t.Sec, Usec: t.Nsec / 1000}, netbsd.TimevalSize)
}

// clock reads one; EINVAL for none.
func (c *call) clock(id uint32) (netbsd.Timespec, error) {
	now := timespec(c.proc.System().Door().Now())
	switch id {
	case netbsd.CLOCK_REALTIME:
		return now, nil
	case netbsd.CLOCK_MONOTONIC, netbsd.CLOCK_VIRTUAL, netbsd.CLOCK_PROF, netbsd.CLOCK_PROCESS_CPUTIME_ID, netbsd.CLOCK_THREAD_CPUTIME_ID:
		d := time.Since(c.conn.s.started) // since the server came up
		return netbsd.Timespec{Sec: int64(d / time.Second), Nsec: int64(d % time.Second)}, nil
	}
	return now, syscall.EINVAL
}

func sysClockGettime(c *call) error {
	t, err := c.clock(c.uint(0))
	if err != nil {
		return err
	}
	return c.store(c.ptr(1), t, netbsd.TimespecSize)
}

func sysClockGetres(c *call) error {
	if _, err := c.clock(c.uint(0)); err != nil || c.ptr(1) == 0 {
		return err
	}
	return c.store(c.ptr(1), netbsd.Timespec{Nsec: int64(clockTick)}, netbsd.TimespecSize)
}

// duration is a time span; EINVAL for one that is none. What is too long is very long.
func duration(t netbsd.Timespec) (time.Duration, error) {
	if t.Sec < 0 || t.Nsec < 0 || t.Nsec >= 1e9 {
		return 0, syscall.EINVAL
	}
	if t.Sec > math.MaxInt64/int64(time.Second)-1 {
		return math.MaxInt64, nil
	}
	return time.Duration(t.Sec)*time.Second + time.Duration(t.Nsec), nil
}

// sleep waits, and if it is woken before tells how long was left.
func (c *call) sleep(d time.Duration, left uint64) error {
	begin := time.Now()
	err := c.proc.Sleep(c, d)
	if err != nil && left != 0 {
		rest := max(0, d-time.Since(begin))
		t := netbsd.Timespec{Sec: int64(rest / time.Second), Nsec: int64(rest % time.Second)}
		if err := c.store(left, t, netbsd.TimespecSize); err != nil {
			return err
		}
	}
	return err
}

func sysNanosleep(c *call) error {
	d, err := c.timespan(c.ptr(0))
	if err != nil {
		return err
	}
	return c.sleep(d, c.ptr(1))
}

// clock_nanosleep answers with its error as the result.
func sysClockNanosleep(c *call) error {
	err := func() error {
		var t netbsd.Timespec
		if err := c.get(c.ptr(2), &t, netbsd.TimespecSize); err != nil {
			return err
		}
		d, err := duration(t)
		if err != nil || c.uint(1)&netbsd.TIMER_ABSTIME == 0 {
			if err != nil {
				return err
			}
			return c.sleep(d, c.ptr(3))
		}
		now, err := c.clock(c.uint(0))
		if err != nil {
			return err
		}
		past, _ := duration(now)
		return c.sleep(d-past, 0)
	}()
	if err != nil {
		c.ret[0] = int64(c.errno(err))
	}
	return nil
}

// timespan reads a time span in memory.
func (c *call) timespan(addr uint64) (time.Duration, error) {
	var t netbsd.Timespec
	if err := c.get(addr, &t, netbsd.TimespecSize); err != nil {
		return 0, err
	}
	return duration(t)
}

// timeout reads one that may be missing: for ever.
func (c *call) timeout(addr uint64) (time.Duration, error) {
	if addr == 0 {
		return proc.Forever, nil
	}
	return c.timespan(addr)
}
