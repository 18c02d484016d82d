package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// env is what a command sees of the world, so that a test needs no process.
type env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string

	prog string   // the name that errors begin with
	line []string // the command line: subcommand and arguments
	argv []string // the same as it was given: the program's name and arguments
}

// warn prints a line to standard error, in the form `name: message`.
func (e *env) warn(format string, a ...any) {
	fmt.Fprintf(e.Stderr, "%s: %s\n", e.prog, fmt.Sprintf(format, a...))
}

// progress returns a bar for work of so many bytes, drawn on a terminal and nowhere else. Finish it with Close.
func (e *env) progress(total int64, what string) *progressbar.ProgressBar {
	f, ok := e.Stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return progressbar.DefaultBytesSilent(total, what)
	}
	return progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(f), progressbar.OptionSetDescription(what),
		progressbar.OptionShowBytes(true), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100e6))
}

// An exitError ends a command with a status of its own; without err it is silent.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exit makes an error that sets the exit status. The message is err's, if there is one.
func exit(code int, err error) error { return &exitError{code, err} }

// report prints an error and returns the exit status that it asks for: 1 if it asks for none.
func (e *env) report(err error) int {
	if err == nil {
		return 0
	}
	code := 1
	var x *exitError
	if errors.As(err, &x) {
		code = x.code
		if err = x.err; err == nil {
			return code
		}
	}
	e.warn("%s", message(err))
	return code
}

// message is an error as a person wants it: a host path error without the system call, which says nothing to a user.
func message(err error) string {
	s := err.Error()
	var p *fs.PathError
	if errors.As(err, &p) {
		s = strings.Replace(s, p.Error(), p.Path+": "+p.Err.Error(), 1)
	}
	var l *os.LinkError
	if errors.As(err, &l) {
		s = strings.Replace(s, l.Error(), l.New+": "+l.Err.Error(), 1)
	}
	var sc *os.SyscallError
	if errors.As(err, &sc) {
		s = strings.Replace(s, sc.Error(), errnoText(sc.Err), 1)
	}
	return s
}

func errnoText(err error) string {
	var no syscall.Errno
	if errors.As(err, &no) {
		return no.Error()
	}
	return err.Error()
}
