package proc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"syscall"
)

// Howto is the way a kernel ends.
type Howto uint8

// The ways.
const (
	HaltNoSync Howto = 1 << iota // nothing is written or unmounted
	HaltStay                     // the server's process stays, and does nothing any more
	HaltDump                     // with a core dump, and nothing written
	HaltQuiet                    // without a word on the console
)

// Reboot ends the kernel on behalf of a process; EPERM by anyone but the superuser. It returns once everything is
// unmounted; who called then calls Finish. The kernel ends only once: EALREADY.
func (p *Process) Reboot(ctx context.Context, how Howto) error {
	if !p.Cred().Superuser() {
		return syscall.EPERM
	}
	return p.sys.Shutdown(ctx, how)
}

// Shutdown unmounts everything, unless it is not to be written. EALREADY after the first time. Errors of file systems are
// logged, and do not hinder it.
func (s *System) Shutdown(ctx context.Context, how Howto) error {
	s.mu.Lock()
	if s.halting {
		s.mu.Unlock()
		return syscall.EALREADY
	}
	s.halting = true
	s.howto = how
	s.mu.Unlock()
	var talk io.Writer = s.console
	if how&HaltQuiet != 0 {
		talk = io.Discard
	}
	fmt.Fprintln(talk, "rump kernel halting...")
	if how&HaltDump != 0 {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	for _, fn := range slices.Backward(s.atHalt) {
		if err := fn(ctx); err != nil {
			s.log.Error("halt", "err", err)
		}
	}
	if how&HaltNoSync == 0 {
		s.unmountAll(ctx, talk)
	}
	return nil
}

// unmountAll writes and unmounts everything.
func (s *System) unmountAll(ctx context.Context, talk io.Writer) {
	if !s.hasVFS {
		talk = io.Discard
	}
	fmt.Fprint(talk, "syncing disks... ")
	err := s.kernel.Sync(ctx, true)
	fmt.Fprint(talk, "done\nunmounting file systems...\n")
	err = errors.Join(err, s.kernel.Halt(ctx))
	fmt.Fprint(talk, "unmounting done\n")
	for _, fn := range s.inDown {
		err = errors.Join(err, fn())
	}
	if err != nil {
		s.log.Error("unmount", "err", err)
	}
}

// Finish says that all is over: Halted is closed.
func (s *System) Finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.halted:
	default:
		close(s.halted)
	}
}

// Halted is closed when all is over.
func (s *System) Halted() <-chan struct{} { return s.halted }

// How is how it ended, once Halted is closed.
func (s *System) How() Howto {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.howto
}
