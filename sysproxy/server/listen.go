package server

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"rump/netbsd"
	"rump/sysproxy"
)

// A Listener is where clients come in.
type Listener struct {
	l    net.Listener
	url  sysproxy.URL
	path string // of a socket to remove
	made fs.FileInfo
	once sync.Once
}

// A BindError says that there is no listening at a URL. It unwraps to the cause.
type BindError struct {
	URL    string
	Reason string // more than the cause says; may be empty
	Err    error
}

func (e *BindError) Error() string {
	s := "rump_sp: failed to bind to URL " + e.URL
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	return s
}

// Unwrap is the cause.
func (e *BindError) Unwrap() error { return e.Err }

// Listen listens at a URL. A socket file gets mode 0600. One that a dead server left is replaced; one of a living server,
// or anything else that lies there, is EADDRINUSE.
func Listen(url string) (*Listener, error) {
	u, err := sysproxy.ParseURL(url)
	if err != nil {
		return nil, err
	}
	fail := func(reason string, err error) (*Listener, error) {
		return nil, &BindError{url, reason, errnoOf(err)}
	}
	if u.Network == "tcp" {
		l, err := net.Listen("tcp4", u.Address)
		if err != nil {
			return fail("", err)
		}
		return &Listener{l: l, url: u}, nil
	}
	unlock, err := lockDir(filepath.Dir(u.Address))
	if err != nil {
		return fail("", err)
	}
	defer unlock()
	if reason, err := clearStale(u.Address); err != nil {
		return fail(reason, err)
	}
	l, err := bindUnix(u.Address)
	if err != nil {
		return fail("", err)
	}
	made, err := os.Lstat(u.Address)
	if err != nil {
		l.Close()
		return fail("", err)
	}
	return &Listener{l: l, url: u, path: u.Address, made: made}, nil
}

// bindUnix makes a socket that nobody else can connect to.
func bindUnix(path string) (net.Listener, error) {
	old := syscall.Umask(0o177)
	defer syscall.Umask(old)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // Close does it, once
	return l, nil
}

// lockDir makes servers that start in the same directory take turns: of two that find a dead socket one would remove the
// other's new one. Where the directory cannot be locked, nothing is.
func lockDir(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if errors.Is(err, fs.ErrPermission) {
		return func() {}, nil
	}
	if err != nil {
		return nil, err
	}
	_ = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
	return func() { f.Close() }, nil
}

// clearStale removes the socket of a dead server.
func clearStale(path string) (reason string, err error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", err
	case info.Mode()&fs.ModeSocket == 0:
		return "there is a file of that name, and it is no socket", syscall.EADDRINUSE
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		c.Close()
		return "a server is running there", syscall.EADDRINUSE
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Sprintf("%v", err), syscall.EADDRINUSE
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return "", nil
}

// URL is where clients come in; of tcp with the port that the host gave.
func (l *Listener) URL() sysproxy.URL {
	u := l.url
	if u.Network == "tcp" {
		u.Address = l.l.Addr().String()
	}
	return u
}

// Close stops listening and removes the socket file.
func (l *Listener) Close() error {
	var err error
	l.once.Do(func() {
		if now, lerr := os.Lstat(l.path); lerr == nil && l.made != nil && os.SameFile(now, l.made) {
			err = os.Remove(l.path) // first: who finds the file finds a server
		}
		err = errors.Join(err, l.l.Close())
	})
	return err
}

// errnoOf is NetBSD's number for an error of the host.
func errnoOf(err error) netbsd.Errno {
	var n netbsd.Errno
	if errors.As(err, &n) {
		return n
	}
	var h syscall.Errno
	if errors.As(err, &h) {
		e, _ := netbsd.FromHost(h)
		return e
	}
	return netbsd.EIO
}
