package tool

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// Rm removes files.
type Rm struct {
	Recurse     bool `short:"r" help:"Remove directories and what is in them."`
	RecurseToo  bool `short:"R" help:"The same."`
	Dirs        bool `short:"d" help:"Remove directories that are empty."`
	Force       bool `short:"f" help:"Say nothing of what is not there."`
	Interactive bool `short:"i" help:"Ask before each."`
	Verbose     bool `short:"v" help:"Show each."`
	Wipe        bool `short:"P" hidden:"" help:"Accepted; nothing is overwritten."`

	Paths []string `arg:"" optional:"" help:"Files."`
}

// Help shows examples.
func (Rm) Help() string {
	return `Examples:
  fsu_rm disk.img /tmp/x
  fsu_rm disk.img -rf /var/tmp/old`
}

// Run removes.
func (r *Rm) Run(ctx context.Context, e *Env) error {
	if len(r.Paths) == 0 && !r.Force {
		return usage("want a file to remove")
	}
	m := &remover{env: e, recurse: r.Recurse || r.RecurseToo, dirs: r.Dirs, force: r.Force, verbose: r.Verbose, ask: r.Interactive && !r.Force}
	for _, p := range r.Paths {
		switch base(p) {
		case ".", "..":
			e.Warnf(`"." and ".." may not be removed`)
			continue
		case "/":
			e.Warnf(`"/" may not be removed`)
			continue
		}
		if err := m.remove(ctx, p); err != nil {
			return err
		}
	}
	return e.Result()
}

// A remover removes trees.
type remover struct {
	env                                *Env
	recurse, dirs, force, verbose, ask bool
}

// remove removes one path of the command line.
func (r *remover) remove(ctx context.Context, path string) error {
	if r.recurse {
		w := &walker{fs: r.env.FS, enter: r.enter, leave: r.leave, warn: r.warn}
		return w.walk(ctx, path)
	}
	st, err := r.env.FS.Stat(ctx, path, false)
	if err != nil {
		r.warn(path, err)
		return ctx.Err()
	}
	n := &node{path: path, st: st}
	switch {
	case !st.IsDir():
		return r.enter(ctx, n)
	case r.dirs:
		return r.leave(ctx, n)
	}
	r.env.Warnf("%s: is a directory", path)
	return nil
}

func (r *remover) warn(path string, err error) {
	if !r.force || !isMissing(err) {
		r.env.Warn(path, err)
	}
}

// enter removes what is no directory.
func (r *remover) enter(ctx context.Context, n *node) error {
	if n.st.IsDir() {
		if r.ask && !r.env.ask("examine files in directory %s? ", n.path) {
			return errPrune
		}
		return nil
	}
	return r.drop(ctx, n, r.env.FS.Remove)
}

func (r *remover) leave(ctx context.Context, n *node) error { return r.drop(ctx, n, r.env.FS.Rmdir) }

func (r *remover) drop(ctx context.Context, n *node, do func(context.Context, string) error) error {
	if r.ask && !r.env.ask("remove %s? ", n.path) {
		return nil
	}
	err := do(ctx, n.path)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		r.warn(n.path, err)
	case r.verbose:
		fmt.Fprintln(r.env.Stdout, n.path)
	}
	if errors.Is(err, syscall.EROFS) {
		return r.env.Result()
	}
	return nil
}

// Rmdir removes empty directories.
type Rmdir struct {
	Parents bool `short:"p" help:"And the directories above, as far as they are named and empty."`

	Paths []string `arg:"" help:"Directories."`
}

// Help shows examples.
func (Rmdir) Help() string {
	return `Examples:
  fsu_rmdir disk.img /mnt/empty
  fsu_rmdir disk.img -p a/b/c`
}

// Run removes.
func (r *Rmdir) Run(ctx context.Context, e *Env) error {
	for _, p := range r.Paths {
		for {
			if err := e.FS.Rmdir(ctx, p); err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				e.Warn(p, err)
				break
			}
			up := parent(p)
			if !r.Parents || up == "." || strings.Trim(up, "/") == "" {
				break
			}
			p = up
		}
	}
	return e.Result()
}
