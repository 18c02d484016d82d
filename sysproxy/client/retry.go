package client

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"rump/netbsd"
)

// A Retry says what happens when the connection to the server is lost.
type Retry struct {
	Times  int           // attempts to connect again; 0: none, calls fail with ENOTCONN; less than 0: any number
	Within time.Duration // attempts go on for so long, if more than 0
	Die    bool          // the program is to end: calls fail with ErrDie
}

// Forever tries again until it works.
var Forever = Retry{Times: -1}

// ErrDie says that the connection was lost, and that the program was to end then.
var ErrDie = errors.New("connection to kernel lost")

// ParseRetry reads RUMPHIJACK_RETRYCONNECT: die, inftime, once, or a number of seconds. "" is none.
func ParseRetry(s string) (Retry, error) {
	switch s {
	case "":
		return Retry{}, nil
	case "die":
		return Retry{Die: true}, nil
	case "inftime":
		return Forever, nil
	case "once":
		return Retry{Times: 1}, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n <= 0 {
		return Retry{}, fmt.Errorf("RUMPHIJACK_RETRYCONNECT must be keyword or integer, got: %s", s)
	}
	return Retry{Times: -1, Within: time.Duration(n) * time.Second}, nil
}

// pauseBefore is how long to wait before an attempt, counted from 1.
func pauseBefore(attempt int) time.Duration {
	if attempt <= 10 {
		return time.Duration(attempt) * 100 * time.Millisecond
	}
	return min(time.Duration(attempt-10), 10) * time.Second
}

const stillTrying = 2 * time.Minute // between two words that it goes on

func (c *Client) warn(format string, a ...any) {
	if c.o.Warn != nil {
		c.o.Warn("rump_sp: " + fmt.Sprintf(format, a...))
	}
}

// reconnect makes a new connection, and with it a new process, after the old one was lost; or returns why not.
func (c *Client) reconnect(cause error, attempt int) error {
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	switch {
	case c.o.Retry.Die:
		return ErrDie
	case closed || c.o.Retry.Times == 0:
		return netbsd.ENOTCONN
	case attempt > 0 && c.o.Retry.Times > 0:
		return netbsd.ENOTCONN
	}
	begin, told := time.Now(), time.Now()
	for try := 1; ; try++ {
		l, err := c.connect(context.Background(), guest(c.o.Program))
		if err == nil {
			return c.adopt(l, try > 1)
		}
		switch {
		case c.o.Retry.Times > 0 && try >= c.o.Retry.Times:
			return netbsd.ENOTCONN
		case c.o.Retry.Within > 0 && time.Since(begin) >= c.o.Retry.Within:
			c.warn("reconnect failed, %d second timeout", c.o.Retry.Within/time.Second)
			return netbsd.ENOTCONN
		case try == 1:
			c.warn("connection to kernel lost, trying to reconnect ...")
		case time.Since(told) >= stillTrying:
			told = time.Now()
			c.warn("still trying to reconnect ...")
		}
		time.Sleep(pauseBefore(try))
	}
}

// adopt makes a connection the client's.
func (c *Client) adopt(l *link, told bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		l.sock.Close()
		return netbsd.ENOTCONN
	}
	if c.link != nil && c.link.err == nil { // somebody else was faster
		l.sock.Close()
		return nil
	}
	if c.link != nil {
		c.link.sock.Close()
	}
	c.link = l
	if told {
		c.warn("reconnected!")
	}
	return nil
}
