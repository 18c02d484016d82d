package tool

import (
	"bufio"
	"context"
	"fmt"
	"strings"
)

// Cp copies files within one name space.
type Cp struct {
	Recurse     bool `short:"R" help:"Copy directories and what is in them; devices, fifos and symbolic links are made anew."`
	RecurseOld  bool `short:"r" hidden:""`
	Archive     bool `short:"a" help:"The same as -R -P -p, and hard links stay hard links."`
	Preserve    bool `short:"p" help:"Keep owner, mode, times and flags."`
	Force       bool `short:"f" help:"Remove what cannot be written over."`
	Interactive bool `short:"i" help:"Ask before writing over a file."`
	HardLink    bool `short:"l" help:"Make hard links instead of copies."`
	NoFlags     bool `short:"N" hidden:""`
	Verbose     bool `short:"v" help:"Show each file."`
	Links

	Paths []string `arg:"" help:"Files, and where to: a file, or a directory."`
}

// Help shows examples.
func (Cp) Help() string {
	return `Copies files inside of the image; fsu_get and fsu_put copy between it and the host.

Examples:
  fsu_cp disk.img /etc/rc.conf /etc/rc.conf.old
  fsu_cp disk.img -Rp /usr/share/examples /tmp`
}

// Run copies.
func (c *Cp) Run(ctx context.Context, e *Env) error {
	recurse := c.Recurse || c.RecurseOld || c.Archive
	otherwise := FollowAll
	if recurse {
		otherwise = FollowNone
	}
	k := &copier{
		env: e, src: e.FS, dst: e.FS, trusting: true, follow: c.Links.follow(otherwise), recurse: recurse, special: recurse,
		preserve: c.Preserve || c.Archive, links: c.Archive, force: c.Force, hard: c.HardLink,
	}
	if c.Archive {
		k.follow = FollowNone
	}
	if c.Interactive && !c.Force {
		k.allow = e.askOverwrite()
	}
	if c.Verbose {
		k.report = func(from, to string) { fmt.Fprintf(e.Stdout, "%s -> %s\n", from, to) }
	}
	return copyAll(ctx, k, c.Paths)
}

// copyAll copies all paths but the last to the last.
func copyAll(ctx context.Context, k *copier, paths []string) error {
	if len(paths) < 2 {
		return usage("want a file and where to copy it to")
	}
	from, to := paths[:len(paths)-1], paths[len(paths)-1]
	st, err := k.dst.Stat(ctx, to, true)
	isDir := err == nil && st.IsDir()
	if !isDir && len(from) > 1 {
		return usage("%s is not a directory", to)
	}
	for _, p := range from {
		target := to
		if isDir {
			if name := base(p); name != "." && name != ".." && name != "/" {
				target = join(to, name)
			}
		}
		k.through = k.trusting || target == to
		if err := k.copy(ctx, p, target); err != nil {
			return err
		}
	}
	return k.env.Result()
}

// A UsageError is a command line that makes no sense.
type UsageError string

func (e UsageError) Error() string { return string(e) }

func usage(format string, a ...any) error { return UsageError(fmt.Sprintf(format, a...)) }

// ask puts a question on standard error and reads the answer: y and Y are yes.
func (e *Env) ask(format string, a ...any) bool {
	fmt.Fprintf(e.Stderr, format, a...)
	if e.answers == nil {
		e.answers = bufio.NewReader(e.Stdin)
	}
	line, _ := e.answers.ReadString('\n')
	return strings.HasPrefix(strings.TrimLeft(line, " "), "y") || strings.HasPrefix(line, "Y")
}

func (e *Env) askOverwrite() func(string) bool {
	return func(to string) bool { return e.ask("overwrite %s? ", to) }
}

// Mv moves files.
type Mv struct {
	Force       bool `short:"f" help:"Do not ask."`
	Interactive bool `short:"i" help:"Ask before replacing a file."`
	Verbose     bool `short:"v" help:"Show each file."`

	Paths []string `arg:"" help:"Files, and where to: a name, or a directory."`
}

// Help shows examples.
func (Mv) Help() string {
	return `Examples:
  fsu_mv disk.img /netbsd /onetbsd
  fsu_mv disk.img /a /b /dir`
}

// Run moves.
func (m *Mv) Run(ctx context.Context, e *Env) error {
	if len(m.Paths) < 2 {
		return usage("want a file and where to move it to")
	}
	from, to := m.Paths[:len(m.Paths)-1], m.Paths[len(m.Paths)-1]
	st, err := e.FS.Stat(ctx, to, true)
	isDir := err == nil && st.IsDir()
	if !isDir && len(from) > 1 {
		return usage("%s is not a directory", to)
	}
	for _, p := range from {
		target := to
		if isDir {
			target = join(to, base(p))
		}
		if err := m.move(ctx, e, p, target); err != nil {
			return err
		}
	}
	return e.Result()
}

func (m *Mv) move(ctx context.Context, e *Env, from, to string) error {
	if m.Interactive && !m.Force {
		if _, err := e.FS.Stat(ctx, to, false); err == nil && !e.ask("overwrite %s? ", to) {
			return nil
		}
	}
	err := e.FS.Rename(ctx, from, to)
	if isOtherDevice(err) {
		return m.carry(ctx, e, from, to)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		e.Warnf("rename %s to %s: %s", from, to, Reason(err))
	case m.Verbose:
		fmt.Fprintf(e.Stdout, "%s -> %s\n", from, to)
	}
	return nil
}

// carry moves to another file system: a copy, and then the original goes.
func (m *Mv) carry(ctx context.Context, e *Env, from, to string) error {
	failed := e.failed
	e.failed = false
	k := &copier{env: e, src: e.FS, dst: e.FS, recurse: true, special: true, preserve: true, links: true}
	err := k.copy(ctx, from, to)
	if err == nil && !e.failed {
		err = (&remover{env: e, recurse: true, force: true}).remove(ctx, from)
		if m.Verbose {
			fmt.Fprintf(e.Stdout, "%s -> %s\n", from, to)
		}
	}
	e.failed = e.failed || failed
	return err
}
