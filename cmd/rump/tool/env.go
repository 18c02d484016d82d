package tool

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"
	"time"

	"rump/netbsd"
)

// An Env is what a tool sees of the world.
type Env struct {
	Name           string // of the tool, in front of messages
	FS             FS     // where it works
	Host           FS     // the host's files, for tools that copy between the two
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Now            func() time.Time
	Zone           *time.Location                                                   // of times that are printed
	Columns        int                                                              // width of the terminal that Stdout is; 0: it is none
	Users          Users                                                            // names of owners; nil: there are none
	Skip           func(*Stat) bool                                                 // files of the host that are never copied; may be nil
	Run            func(ctx context.Context, argv []string) (status int, err error) // runs a program of the host

	failed  bool
	answers *bufio.Reader // of Stdin
}

// Users turns names of users and groups into numbers.
type Users interface {
	User(name string) (uint32, bool)
	Group(name string) (uint32, bool)
}

// A Status is the exit status of a tool that has said why already.
type Status int

func (s Status) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// Warnf prints a message and makes the tool fail in the end.
func (e *Env) Warnf(format string, a ...any) {
	e.failed = true
	e.Notef(format, a...)
}

// Notef prints a message.
func (e *Env) Notef(format string, a ...any) {
	fmt.Fprintf(e.Stderr, "%s: %s\n", e.Name, fmt.Sprintf(format, a...))
}

// Warn prints what went wrong with a path and makes the tool fail in the end.
func (e *Env) Warn(path string, err error) { e.Warnf("%s: %s", path, Reason(err)) }

// Result is what Run returns: nil, or that something went wrong.
func (e *Env) Result() error {
	if e.failed {
		return Status(1)
	}
	return nil
}

// fatal reports whether going on with other files is useless: interrupted, or nobody reads the output.
func fatal(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, syscall.EPIPE)
}

// Reason is an error as it stands behind a path: without a path of its own, and outcomes in NetBSD's words.
func Reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return Reason(p.Err)
	}
	if no, ok := err.(syscall.Errno); ok {
		if e, same := netbsd.FromHost(no); same {
			return e.Error()
		}
	}
	return err.Error()
}

// join is the path of a name in a directory.
func join(dir, name string) string {
	switch {
	case dir == "" || dir == "." && name != ".":
		return name
	case strings.HasSuffix(dir, "/"):
		return dir + name
	}
	return dir + "/" + name
}

// under is join that keeps a leading "./", as tools print what they find below ".".
func under(dir, name string) string {
	if strings.HasSuffix(dir, "/") {
		return dir + name
	}
	return dir + "/" + name
}

// base is the last component of a path, slashes at its end left out; "/" for the root.
func base(path string) string {
	p := strings.TrimRight(path, "/")
	if p == "" && path != "" {
		return "/"
	}
	return p[strings.LastIndexByte(p, '/')+1:]
}

// parent is the directory that the last component of a path lies in.
func parent(path string) string {
	p := strings.TrimRight(path, "/")
	i := strings.LastIndexByte(p, '/')
	switch {
	case i < 0 && p == "" && path != "":
		return "/"
	case i < 0:
		return "."
	}
	if p = strings.TrimRight(p[:i], "/"); p == "" {
		return "/"
	}
	return p
}

// isOtherDevice reports whether a name cannot move because it would come to another file system.
func isOtherDevice(err error) bool { return errors.Is(err, syscall.EXDEV) }

// isMissing reports whether an error says that there is no such file.
func isMissing(err error) bool { return errors.Is(err, syscall.ENOENT) }
