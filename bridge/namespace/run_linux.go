package namespace

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
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

// The program waits for its ids before it begins, since only then does it start as root: a shell does the waiting.
const gate = `read _ <&3 && exec 3<&- && exec "$0" "$@"`

// enterRanges maps the subordinate ids too.
func enterRanges(cmd *exec.Cmd, ranges []idRange) (int, error) {
	exe, err := os.Executable()
	if err != nil {
		return 0, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer w.Close()
	defer r.Close()
	cmd.Path = "/bin/sh"
	cmd.Args = append([]string{"sh", "-c", gate, exe}, cmd.Args[1:]...)
	cmd.ExtraFiles = []*os.File{r}
	return run(cmd, func(pid int) error {
		for _, r := range ranges {
			if err := r.apply(pid); err != nil {
				return err
			}
		}
		_, err := w.WriteString("\n")
		return err
	})
}
