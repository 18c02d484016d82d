package namespace

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
)

// runLocked starts the program from a thread that lives as long as it does.
func runLocked(cmd *exec.Cmd, ready func(pid int) error, started chan<- *os.Process) (int, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		started <- nil
		return 0, explain(err)
	}
	started <- cmd.Process
	var readyErr error
	if ready != nil {
		if readyErr = ready(cmd.Process.Pid); readyErr != nil {
			_ = cmd.Process.Kill()
		}
	}
	status, err := Status(cmd.Wait())
	if readyErr != nil {
		return 0, readyErr
	}
	return status, err
}

// Status turns what exec.Cmd's Wait or Run returned into an exit status: 128 and the signal's number for a program that a
// signal ended, as shells have it. An error is one of starting it, not of the program.
func Status(err error) (int, error) {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case !errors.As(err, &exit):
		return 0, err
	}
	if ws, ok := exit.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal()), nil
	}
	return exit.ExitCode(), nil
}

// The second program of a range waits for its ids before it begins: Begin.
const gateFD = 3

// enterRanges maps the subordinate ids by way of newuidmap and newgidmap, which are set-user-ID root.
func enterRanges(cmd *exec.Cmd) (int, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer w.Close()
	defer r.Close()
	cmd.ExtraFiles = []*os.File{r}
	cmd.Env = append(cmd.Env, gate+"=1")
	return run(cmd, func(pid int) error {
		if err := mapRange("newuidmap", "/etc/subuid", pid, os.Getuid()); err != nil {
			return err
		}
		if err := mapRange("newgidmap", "/etc/subgid", pid, os.Getgid()); err != nil {
			return err
		}
		_, err := w.Write([]byte{1})
		return err
	})
}

const (
	gate     = "RUMP_NAMESPACE_GATE"
	mapsFrom = "Debian package uidmap"
)

// mapRange makes the user 0 inside, and the subordinate ids 1 and up.
func mapRange(tool, file string, pid, self int) error {
	path, err := exec.LookPath(tool)
	if err != nil {
		return &Error{What: tool + " is needed to give files to others and is not here", Hint: "install the " + mapsFrom, Err: err}
	}
	start, count, err := subordinate(file)
	if err != nil {
		return err
	}
	cmd := exec.Command(path, fmt.Sprint(pid), "0", fmt.Sprint(self), "1", "1", fmt.Sprint(start), fmt.Sprint(count))
	if out, err := cmd.CombinedOutput(); err != nil {
		return &Error{What: tool + ": " + strings.TrimSpace(string(out)), Hint: "see " + file, Err: err}
	}
	return nil
}

// Begin is to be called first thing in a program that may be the second one: it waits until the ids are mapped, and starts
// the program afresh so that it has the powers of root over them. It returns at once in every other program.
func Begin() error {
	if os.Getenv(gate) == "" {
		return nil
	}
	if err := os.Unsetenv(gate); err != nil {
		return err
	}
	f := os.NewFile(gateFD, "gate")
	defer f.Close()
	if n, err := f.Read(make([]byte, 1)); n != 1 {
		return fmt.Errorf("name space: ids were not mapped: %w", err)
	}
	return syscall.Exec("/proc/self/exe", os.Args, os.Environ())
}
