package server

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"

	"rump/netbsd"
	"rump/rumpfs/kern/proc"
	"rump/sysproxy"
)

const (
	defaultMaxConns = 8192
	maxPreforks     = 256              // prepared forks in all
	preforkGrace    = 10 * time.Second // after the parent has gone, its child may still come
)

// Options of New.
type Options struct {
	System   *proc.System
	MaxConns int          // more are turned away; default 8192
	Log      *slog.Logger // default silence
}

// A Server answers clients on any number of listeners.
type Server struct {
	// immutable
	sys      *proc.System
	log      *slog.Logger
	maxConns int
	table    *table

	started time.Time
	calls   sync.Pool // of *call

	mu        sync.Mutex // guards what follows
	listeners map[*Listener]struct{}
	conns     map[*conn]struct{}
	preforks  map[[sysproxy.CookieSize]byte]*prefork
	missing   map[int]bool // calls whose absence was logged
	retired   bool

	serving sync.WaitGroup
}

// A prefork is a process that was made for a child of a client's, which is to come for it.
type prefork struct {
	proc   *proc.Process
	parent *conn
}

// New makes a Server.
func New(o Options) *Server {
	s := &Server{
		sys: o.System, log: o.Log, maxConns: o.MaxConns,
		listeners: make(map[*Listener]struct{}),
		conns:     make(map[*conn]struct{}),
		preforks:  make(map[[sysproxy.CookieSize]byte]*prefork),
		missing:   make(map[int]bool),
		started:   time.Now(),
		table:     newTable(),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.maxConns <= 0 {
		s.maxConns = defaultMaxConns
	}
	return s
}

// Serve accepts clients until the listener is closed, or the server retires. It takes the listener over.
func (s *Server) Serve(l *Listener) error {
	if !s.addListener(l) {
		return l.Close()
	}
	defer s.dropListener(l)
	for delay := time.Millisecond; ; {
		sock, err := l.l.Accept()
		switch {
		case err == nil:
			delay = time.Millisecond
			s.ServeConn(sock)
		case errors.Is(err, net.ErrClosed):
			return nil
		default: // out of descriptors, mostly: some clients will leave
			s.log.Warn("accept", "err", err)
			time.Sleep(delay)
			delay = min(2*delay, time.Second)
		}
	}
}

func (s *Server) addListener(l *Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.retired {
		return false
	}
	s.listeners[l] = struct{}{}
	return true
}

func (s *Server) dropListener(l *Listener) {
	l.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, l)
}

// ServeConn serves one client on a socket that it takes over, and returns at once.
func (s *Server) ServeConn(sock net.Conn) {
	c := newConn(s, sock)
	s.mu.Lock()
	ok := !s.retired && len(s.conns) < s.maxConns
	if ok {
		s.conns[c] = struct{}{}
		s.serving.Add(1)
	}
	s.mu.Unlock()
	if !ok {
		sock.Close()
		return
	}
	go c.start()
}

// Conns is how many clients there are.
func (s *Server) Conns() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// left forgets a connection. Forks that were prepared on it are dropped after a while.
func (s *Server) left(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	for _, p := range s.preforks {
		if p.parent == c {
			time.AfterFunc(preforkGrace, func() { s.reap(c) })
			break
		}
	}
	s.serving.Done()
}

// reap ends the prepared forks of a connection that has gone.
func (s *Server) reap(c *conn) {
	s.mu.Lock()
	var dead []*proc.Process
	for cookie, p := range s.preforks {
		if p.parent == c {
			dead = append(dead, p.proc)
			delete(s.preforks, cookie)
		}
	}
	s.mu.Unlock()
	for _, p := range dead {
		p.Exit()
	}
}

// prepare makes a process for a child of c's, and the cookie by which it will be asked for.
func (s *Server) prepare(c *conn) (cookie [sysproxy.CookieSize]byte, code sysproxy.ErrorCode) {
	if _, err := rand.Read(cookie[:]); err != nil {
		return cookie, sysproxy.ErrForkFailed
	}
	s.mu.Lock()
	full := len(s.preforks) >= maxPreforks
	s.mu.Unlock()
	if full {
		return cookie, sysproxy.ErrTryAgain
	}
	child, err := c.proc.Fork()
	if err != nil {
		return cookie, sysproxy.ErrForkFailed
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.preforks[cookie] = &prefork{child, c}
	return cookie, sysproxy.ErrNone
}

// redeem takes a prepared process out; nil for a cookie that is none.
func (s *Server) redeem(cookie [sysproxy.CookieSize]byte) *proc.Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.preforks[cookie]
	if p == nil {
		return nil
	}
	delete(s.preforks, cookie)
	return p.proc
}

// Retire closes the listeners and removes their sockets; clients stay.
func (s *Server) Retire() {
	s.mu.Lock()
	s.retired = true
	var ls []*Listener
	for l := range s.listeners {
		ls = append(ls, l)
	}
	s.mu.Unlock()
	for _, l := range ls {
		l.Close()
	}
}

// Close retires the server and ends all clients. It returns when the last one is gone, or when the context ends.
func (s *Server) Close(ctx context.Context) error {
	s.Retire()
	s.mu.Lock()
	var dead []*proc.Process
	for cookie, p := range s.preforks {
		dead = append(dead, p.proc)
		delete(s.preforks, cookie)
	}
	for c := range s.conns {
		c.cut()
	}
	s.mu.Unlock()
	for _, p := range dead {
		p.Exit()
	}
	done := make(chan struct{})
	go func() {
		s.serving.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tellMissing logs that there is no such call, once.
func (s *Server) tellMissing(number int, program string) {
	s.mu.Lock()
	told := s.missing[number]
	s.missing[number] = true
	s.mu.Unlock()
	if told {
		return
	}
	c, _ := netbsd.CallOf(number)
	s.log.Warn("system call that is not there", "number", number, "name", c.Name, "program", program, "errno", "ENOSYS")
}

// shutdown is reboot(2): everything is unmounted, the sockets are gone, and then the client is told.
func (s *Server) shutdown(c *call, how proc.Howto) error {
	if err := c.proc.Reboot(c, how); err != nil {
		if errors.Is(err, syscall.EALREADY) {
			return nil
		}
		return err
	}
	s.Retire()
	c.after = s.sys.Finish
	return nil
}
