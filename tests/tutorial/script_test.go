// Package tutorial runs the sections of NetBSD's tutorial "Rump Kernels: servers and clients" as an ordinary user, and checks what
// each command prints.
package tutorial

import (
	"errors"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"rump/tests/actor"
)

// A script is a transcript: lines that begin with "$ " are typed, what follows is what must be printed, as a regular expression a
// line. A line "? N" at the end of that says that the exit status is N; without it, it is 0.
type script string

// A step is one command of a script.
type step struct {
	command string
	output  []string
	status  int
}

// steps takes a script apart.
func (s script) steps(t *testing.T) (list []step) {
	t.Helper()
	for line := range strings.Lines(strings.TrimSpace(string(s)) + "\n") {
		line = strings.TrimSpace(line)
		switch last := len(list) - 1; {
		case strings.HasPrefix(line, "$ "):
			list = append(list, step{command: line[2:]})
		case last < 0:
			t.Fatalf("script: %q before any command", line)
		case strings.HasPrefix(line, "? "):
			list[last].status = int(line[2] - '0')
			for _, c := range line[3:] {
				list[last].status = 10*list[last].status + int(c-'0')
			}
		default:
			list[last].output = append(list[last].output, line)
		}
	}
	return list
}

// play types a script. RUMP_SERVER is unix://rumpserver from the start, which no command before the export heeds.
func (s script) play(t *testing.T, a *actor.Actor) {
	t.Helper()
	for _, st := range s.steps(t) {
		out, err := a.Try("sh", "-c", st.command)
		status := 0
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			status = exit.ExitCode()
		} else if err != nil {
			t.Fatalf("%s: %v", st.command, err)
		}
		if status != st.status {
			t.Fatalf("%s: status %d, want %d\n%s", st.command, status, st.status, out)
		}
		if want := "^" + strings.Join(st.output, "\n") + "$"; !regexp.MustCompile(want).MatchString(strings.TrimRight(out, "\n")) {
			t.Fatalf("%s: printed\n%s\nwant\n%s", st.command, out, strings.Join(st.output, "\n"))
		}
	}
}

// newActor is somebody who sits in front of a shell, with RUMP_SERVER set.
func newActor(t *testing.T) *actor.Actor {
	t.Helper()
	a := actor.New(t)
	a.Env = append(a.Env, "RUMP_SERVER=unix://rumpserver", "LC_ALL=C")
	return a
}
