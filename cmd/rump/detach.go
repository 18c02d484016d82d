package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// readyVar names the descriptor, in the environment of a detached server, by which it tells its parent that it is in service.
const readyVar = "RUMP_READY_FD"

// A readiness is a server's word to whoever waits for it.
type readiness struct {
	pipe *os.File
	stay bool // in the directory it was started in, where a core dump is looked for
}

// readinessOf takes over the pipe of a detached server; nothing waits for one in the foreground.
func readinessOf(e *env) readiness {
	fd, err := strconv.Atoi(e.Getenv(readyVar))
	if err != nil {
		return readiness{}
	}
	os.Unsetenv(readyVar)
	syscall.CloseOnExec(fd)
	return readiness{pipe: os.NewFile(uintptr(fd), "ready")}
}

// detached reports whether a parent waits.
func (r readiness) detached() bool { return r.pipe != nil }

// ready lets the parent go. From then on a detached server's output goes to log, or nowhere.
func (r readiness) ready(log *os.File) error {
	if r.pipe == nil {
		return nil
	}
	out := log
	if out == nil {
		null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer null.Close()
		out = null
	}
	for _, fd := range []int{1, 2} {
		if err := syscall.Dup3(int(out.Fd()), fd, 0); err != nil {
			return os.NewSyscallError("dup", err)
		}
	}
	if !r.stay { // the directory it was started in must not be kept busy
		if err := os.Chdir("/"); err != nil {
			return err
		}
	}
	if _, err := r.pipe.Write([]byte{0}); err != nil {
		return err
	}
	return r.pipe.Close()
}

// detach starts this command line again in a session of its own and returns when that server is in service, or with its exit status.
func detach(e *env, argv ...string) error {
	return detachAs(e, append([]string{"rump"}, argv...))
}

// detachAs is detach with the name that the program is called by in front of the arguments. The server finds the keys in a
// pipe, if there is one (see keysVar).
func detachAs(e *env, argv []string, keys ...*os.File) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	cmd := exec.Command(exe)
	cmd.Args = argv
	cmd.Stdout, cmd.Stderr = e.Stdout, e.Stderr
	cmd.ExtraFiles = append([]*os.File{w}, keys...) // descriptors 3 and 4
	cmd.Env = append(os.Environ(), readyVar+"=3")
	if len(keys) > 0 {
		cmd.Env = append(cmd.Env, keysVar+"=4")
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	w.Close()
	if err != nil {
		return err
	}
	if _, err := io.ReadFull(r, make([]byte, 1)); err == nil {
		return cmd.Process.Release()
	}
	err = cmd.Wait()
	var status *exec.ExitError
	switch {
	case errors.As(err, &status) && status.Exited():
		return exit(status.ExitCode(), nil) // it has said why
	case err != nil:
		return fmt.Errorf("the server: %w", err)
	}
	return exit(1, errors.New("the server ended before it was in service"))
}
