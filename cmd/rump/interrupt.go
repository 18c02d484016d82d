package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// untilSignal is a context that a signal ends which would end the program; one from the terminal only if the program that runs in
// the foreground is this one. Writing to a pipe that nobody reads becomes an error. Call stop at the end.
func untilSignal(ctx context.Context, foreground bool) (_ context.Context, stop func()) {
	ending := []os.Signal{syscall.SIGTERM, syscall.SIGHUP}
	ignored := make(chan os.Signal, 1)
	if foreground {
		ending = append(ending, syscall.SIGINT)
	} else {
		signal.Notify(ignored, syscall.SIGINT)
	}
	ctx, end := signal.NotifyContext(ctx, ending...)
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE) // and not Ignore, which programs that are run would inherit
	return ctx, func() {
		end()
		signal.Stop(ignored)
		signal.Stop(pipe)
	}
}

// An interruptible is a stream whose reads and writes end with the context, though the host's go on.
type interruptible struct {
	ctx context.Context
	r   io.Reader
	w   io.Writer

	mu   sync.Mutex // one call at a time
	buf  []byte
	dead bool // the host's call may still use buf
}

type counted struct {
	n   int
	err error
}

// Read implements io.Reader.
func (s *interruptible) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.do(len(p), func(buf []byte) (int, error) { return s.r.Read(buf) })
	return copy(p, s.buf[:n]), err
}

// Write implements io.Writer.
func (s *interruptible) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.buf) < len(p) && !s.dead {
		s.buf = make([]byte, len(p))
	}
	if !s.dead {
		copy(s.buf, p)
	}
	return s.do(len(p), func(buf []byte) (int, error) { return s.w.Write(buf) })
}

// do makes a call on n bytes of buf.
func (s *interruptible) do(n int, call func([]byte) (int, error)) (int, error) {
	if s.dead || s.ctx.Err() != nil {
		return 0, context.Cause(s.ctx)
	}
	if len(s.buf) < n {
		s.buf = make([]byte, n)
	}
	buf := s.buf[:n]
	done := make(chan counted, 1)
	go func() {
		n, err := call(buf)
		done <- counted{n, err}
	}()
	select {
	case c := <-done:
		return c.n, c.err
	case <-s.ctx.Done():
		s.dead = true
		return 0, context.Cause(s.ctx)
	}
}
