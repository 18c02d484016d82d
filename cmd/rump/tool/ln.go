package tool

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"rump/rumpfs/vfs"
)

// Ln makes links.
type Ln struct {
	Symbolic    bool `short:"s" help:"Make symbolic links."`
	Force       bool `short:"f" help:"Replace what is there."`
	Interactive bool `short:"i" help:"Ask before replacing."`
	NoFollow    bool `short:"h" help:"If the last argument is a symbolic link, replace it; do not make links in the directory it leads to."`
	NoFollowToo bool `short:"n" help:"The same."`
	Verbose     bool `short:"v" help:"Show each link."`

	Paths []string `arg:"" help:"What to link to, and the link, or the directory to make links in; the current directory if there is only one."`
}

// Help shows examples.
func (Ln) Help() string {
	return `Examples:
  fsu_ln disk.img /bin/csh /bin/tcsh
  fsu_ln disk.img -s ../usr/bin /opt/bin`
}

// Run makes them.
func (l *Ln) Run(ctx context.Context, e *Env) error {
	targets, to := l.Paths, "."
	if n := len(l.Paths); n > 1 {
		targets, to = l.Paths[:n-1], l.Paths[n-1]
	}
	st, err := e.FS.Stat(ctx, to, !l.NoFollow && !l.NoFollowToo)
	isDir := err == nil && st.IsDir()
	if !isDir && len(targets) > 1 {
		return usage("%s is not a directory", to)
	}
	for _, target := range targets {
		name := to
		if isDir {
			name = join(to, base(target))
		}
		err := l.make(ctx, e, target, name)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			e.Warn(name, err)
		}
	}
	return e.Result()
}

func (l *Ln) make(ctx context.Context, e *Env, target, name string) error {
	do := func() error {
		if l.Symbolic {
			return e.FS.Make(ctx, name, vfs.CreateAttr{Kind: vfs.KindSymlink, Mode: 0o777, Target: target})
		}
		return e.FS.Link(ctx, target, name)
	}
	if !l.Symbolic {
		switch st, err := e.FS.Stat(ctx, target, false); {
		case err != nil:
			e.Warn(target, err)
			return nil
		case st.IsDir():
			e.Warnf("%s: is a directory", target)
			return nil
		}
	}
	err := do()
	if errors.Is(err, syscall.EEXIST) && (l.Force || l.Interactive && e.ask("replace %s? ", name)) {
		if same, _ := l.same(ctx, e, target, name); same {
			return nil
		}
		if err := e.FS.Remove(ctx, name); err != nil {
			return err
		}
		err = do()
	}
	if err == nil && l.Verbose {
		arrow := "=>"
		if l.Symbolic {
			arrow = "->"
		}
		fmt.Fprintf(e.Stdout, "%s %s %s\n", name, arrow, target)
	}
	return err
}

// same reports whether a hard link is there already.
func (l *Ln) same(ctx context.Context, e *Env, target, name string) (bool, error) {
	if l.Symbolic {
		return false, nil
	}
	a, err := e.FS.Stat(ctx, target, false)
	if err != nil {
		return false, err
	}
	b, err := e.FS.Stat(ctx, name, false)
	return err == nil && a.file() == b.file(), err
}
