package bridge

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// A MountError says why a mount did not come about and what can be done about it. It unwraps to what the host said.
type MountError struct {
	Dir    string // the mount point; empty if it is about none
	Reason string // empty if Err says it all
	Hint   string // what to do; may be empty
	Err    error  // may be nil
}

func (e *MountError) Error() string {
	s := e.Reason
	switch {
	case s == "" && e.Err != nil:
		s = e.Err.Error()
	case e.Err != nil:
		s += " (" + e.Err.Error() + ")"
	}
	if e.Dir != "" {
		s = e.Dir + ": " + s
	}
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// Unwrap is what the host said.
func (e *MountError) Unwrap() error { return e.Err }

// A BusyError says that a mount cannot be taken away because programs use it. It unwraps to EBUSY.
type BusyError struct {
	Dir   string
	Users []string // "program (process number)", those that could be found
}

func (e *BusyError) Error() string {
	s := e.Dir + ": in use"
	if len(e.Users) > 0 {
		s += " by " + strings.Join(e.Users, ", ")
	}
	return s
}

// Unwrap is EBUSY.
func (e *BusyError) Unwrap() error { return syscall.EBUSY }

// clearCommand is what takes a dead mount away.
func clearCommand(dir string) string {
	if os.Geteuid() == 0 {
		return "umount " + quote(dir)
	}
	return "fusermount3 -u " + quote(dir)
}

// quote makes a path safe to paste into a shell.
func quote(path string) string {
	if strings.Trim(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,:@%") == "" {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

const maxUsers = 8

// usersOf finds processes that have their working directory, their root or an open file under dir, as far as /proc may be
// read.
func usersOf(dir string) []string {
	procs, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var users []string
	for _, p := range procs {
		if _, err := strconv.Atoi(p.Name()); err != nil || len(users) == maxUsers {
			continue
		}
		if proc := filepath.Join("/proc", p.Name()); uses(proc, dir) {
			comm, _ := os.ReadFile(filepath.Join(proc, "comm"))
			users = append(users, fmt.Sprintf("%s (%s)", strings.TrimSpace(string(comm)), p.Name()))
		}
	}
	return users
}

// uses reads links only, which never touches the mount.
func uses(proc, dir string) bool {
	under := func(link string) bool {
		to, err := os.Readlink(link)
		return err == nil && (to == dir || strings.HasPrefix(to, dir+"/"))
	}
	if under(filepath.Join(proc, "cwd")) || under(filepath.Join(proc, "root")) {
		return true
	}
	fds, err := os.ReadDir(filepath.Join(proc, "fd"))
	if err != nil {
		return false
	}
	for _, fd := range fds {
		if under(filepath.Join(proc, "fd", fd.Name())) {
			return true
		}
	}
	return false
}
