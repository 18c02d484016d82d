package fsck

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"rump/ffs/ondisk"
)

// write prints text. Quiet keeps it back until something is wrong.
func (c *checker) write(text string) {
	switch {
	case c.o.Out == nil || c.stop != nil:
	case c.o.Quiet && c.report.Clean():
		c.held = append(c.held, text...)
	default:
		if len(c.held) > 0 {
			text = string(c.held) + text
			c.held = nil
		}
		_, _ = io.WriteString(c.o.Out, text) // a reader that has gone is no reason to stop in the middle of a repair
	}
}

func (c *checker) print(format string, a ...any) { c.write(fmt.Sprintf(format, a...)) }

// say prints a line that Preen prefixes with the device.
func (c *checker) say(format string, a ...any) { c.write(c.prefix() + fmt.Sprintf(format, a...)) }

// headline prints what Preen leaves out.
func (c *checker) headline(format string, a ...any) {
	if c.mode != Preen {
		c.print(format, a...)
	}
}

func (c *checker) debug(format string, a ...any) {
	if c.o.Debug {
		c.print(format, a...)
	}
}

func (c *checker) prefix() string {
	if c.mode == Preen {
		return c.o.Name + ": "
	}
	return ""
}

// warn records a problem that Preen repairs by itself, and prints its text. A call of fix follows.
func (c *checker) warn(k Kind, ino ondisk.Ino, format string, a ...any) {
	text := fmt.Sprintf(format, a...)
	c.record(k, ino, text)
	c.say("%s", text)
}

// fatal records a problem that is not for Preen to decide, which ends there, and prints its text. A call of ask may follow.
func (c *checker) fatal(k Kind, ino ondisk.Ino, format string, a ...any) {
	text := fmt.Sprintf(format, a...)
	c.record(k, ino, text)
	c.print("%s", text)
	c.giveUp()
}

func (c *checker) record(k Kind, ino ondisk.Ino, text string) {
	if c.stop == nil {
		c.report.Problems = append(c.report.Problems, Problem{c.phase, k, ino, text})
	}
}

// giveUp ends a run in mode Preen.
func (c *checker) giveUp() {
	if c.mode == Preen && c.stop == nil {
		c.print("\n")
		c.report.Unresolved = true
		c.stop = ErrManual
	}
}

// fix puts the question that follows a warning. Preen answers yes by telling what has been done.
func (c *checker) fix(question, done string) bool {
	if c.stop != nil {
		return false
	}
	if c.mode == Preen {
		c.print(" (%s)\n", done)
		return true
	}
	return c.ask(question)
}

// questionGoOn is answered with yes even where nothing is written.
const questionGoOn = "CONTINUE"

// ask puts a question and returns the answer.
func (c *checker) ask(question string) bool {
	if c.stop != nil {
		return false
	}
	c.print("\n")
	yes := false
	switch {
	case c.mode == Yes || c.mode == No && question == questionGoOn:
		c.print("%s? yes\n\n", question)
		return true
	case c.mode == Ask:
		yes = c.answer(question)
		c.print("\n")
	default:
		c.print("%s? no\n\n", question)
	}
	if !yes {
		c.report.Unresolved = true
	}
	return yes
}

// answer reads lines until one begins with y or n.
func (c *checker) answer(question string) bool {
	for {
		c.print("%s? [yn] ", question)
		line, err := c.in.ReadString('\n')
		switch {
		case strings.HasPrefix(line, "y"), strings.HasPrefix(line, "Y"):
			return true
		case strings.HasPrefix(line, "n"), strings.HasPrefix(line, "N"), err != nil:
			return false
		}
	}
}

// leave notes that a problem stays without a question being asked.
func (c *checker) leave() { c.report.Unresolved = true }

// printable is a name from the disk without control characters, which a terminal would obey.
func printable(s string) string {
	if strings.IndexFunc(s, isControl) < 0 {
		return s
	}
	var sb strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if isControl(r) {
			for i := range n {
				fmt.Fprintf(&sb, "\\%03o", s[i])
			}
		} else {
			sb.WriteString(s[:n])
		}
		s = s[n:]
	}
	return sb.String()
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 }
