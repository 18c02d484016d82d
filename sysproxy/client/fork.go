package client

import (
	"context"

	"rump/netbsd"
	"rump/sysproxy"
)

// A Cookie stands for a process that was made for a child.
type Cookie [sysproxy.CookieSize]byte

// Prefork has the server copy this process, for a child of this program that will come for the copy with DialFork.
func (c *Client) Prefork() (cookie Cookie, err error) {
	b, err := c.request(sysproxy.Header{Type: sysproxy.Prefork}, func(*offer) []byte { return nil })
	if err == nil && copy(cookie[:], b) != len(cookie) {
		err = netbsd.EIO
	}
	return cookie, err
}

// DialFork connects and becomes the process that was prepared. A cookie works once.
func DialFork(ctx context.Context, url string, cookie Cookie, o Options) (*Client, error) {
	u, err := sysproxy.ParseURL(url)
	if err != nil {
		return nil, err
	}
	c := newClient(u, o)
	body := append(cookie[:], 0, 0, 0, 0)
	if c.link, err = c.connect(ctx, hello{sysproxy.HandshakeFork, body}); err != nil {
		return nil, err
	}
	return c, nil
}

// Exec tells the server that this program has become another: descriptors that are to be closed then are.
func (c *Client) Exec(program string) error {
	_, err := c.request(sysproxy.Header{Type: sysproxy.Handshake, Arg: sysproxy.HandshakeExec}, func(*offer) []byte {
		return append([]byte(program), 0)
	})
	if err == nil {
		c.mu.Lock()
		c.o.Program = program
		c.mu.Unlock()
	}
	return err
}
