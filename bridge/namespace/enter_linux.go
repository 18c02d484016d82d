// Package namespace runs a program in a user and mount name space of its own, where it may mount though its user may
// not: by starting itself once more.
package namespace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// marker in the environment says that the program is the second one. Its value is the user who started the first.
const marker = "RUMP_NAMESPACE"

// sysctls that restrict user name spaces, and what their values mean.
var restrictions = [...]struct{ path, bad, hint string }{
	{"/proc/sys/kernel/unprivileged_userns_clone", "0", "ask root for: sysctl kernel.unprivileged_userns_clone=1"},
	{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "ask root for: sysctl kernel.apparmor_restrict_unprivileged_userns=0"},
	{"/proc/sys/user/max_user_namespaces", "0", "ask root for: sysctl user.max_user_namespaces=10000"},
}

// An Error says why there is no name space to be had. It unwraps to what the host said.
type Error struct {
	What string
	Hint string
	Err  error
}

func (e *Error) Error() string {
	s := e.What + " (" + e.Err.Error() + ")"
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// Unwrap is what the host said.
func (e *Error) Unwrap() error { return e.Err }

// Options of Enter.
type Options struct {
	Ranges bool // map the user's subordinate ids too, if there are any (subuid(5), newuidmap(1)): files can be given to others
}

// Inside reports whether the program was started by Enter.
func Inside() bool { return os.Getenv(marker) != "" }

// Enter starts the program again, with other arguments but the same files and directory, in a new user and mount name space
// in which it is root, and waits for its end. It returns the exit status. Call it when Inside says no.
//
// Signals from the terminal reach the second program by themselves; those that end a program are passed on.
func Enter(ctx context.Context, args []string, o Options) (status int, err error) {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", args...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d:%d", marker, os.Getuid(), os.Getgid()))
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		Pdeathsig:  syscall.SIGTERM,
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if ranges, ok := subordinates(); ok && o.Ranges {
		return enterRanges(cmd, ranges)
	}
	cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
	cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	return run(cmd, nil)
}

// run starts the program, calls ready, and waits. The parent thread stays as long as the child: its death is a signal to
// the child.
func run(cmd *exec.Cmd, ready func(pid int) error) (int, error) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGHUP)
	defer signal.Stop(signals)
	type outcome struct {
		status int
		err    error
	}
	done := make(chan outcome, 1)
	started := make(chan *os.Process, 1)
	go func() {
		status, err := runLocked(cmd, ready, started)
		done <- outcome{status, err}
	}()
	p := <-started
	for {
		select {
		case s := <-signals:
			if p != nil && (s == unix.SIGTERM || s == unix.SIGHUP) {
				_ = p.Signal(s)
			}
		case o := <-done:
			return o.status, o.err
		}
	}
}

func explain(err error) error {
	e := &Error{What: "cannot make a user name space", Err: err}
	for _, r := range restrictions {
		if b, readErr := os.ReadFile(r.path); readErr == nil && string(bytes.TrimSpace(b)) == r.bad {
			e.Hint = r.hint
			return e
		}
	}
	if errors.Is(err, syscall.EPERM) {
		e.Hint = "in a container: it must be allowed to make user name spaces, and /proc must not be covered"
	}
	return e
}

// AsOwner makes a program that is started with it see itself as the user who called Enter, in one more user name space.
// Nil if there is nothing to change.
func AsOwner() *syscall.SysProcAttr {
	var uid, gid int
	if n, err := fmt.Sscanf(os.Getenv(marker), "%d:%d", &uid, &gid); n != 2 || err != nil || uid == 0 {
		return nil
	}
	return &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: uid, HostID: 0, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: gid, HostID: 0, Size: 1}},
	}
}
