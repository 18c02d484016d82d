package tool

import (
	"context"
	"fmt"
)

// transfer is the options of the tools that copy between the host and a name space, and their work.
type transfer struct {
	Follow  bool `short:"L" help:"Copy what symbolic links lead to, not the links."`
	Recurse bool `short:"R" help:"Copy directories and what is in them."`
	Verbose bool `short:"v" help:"Show each file."`

	Paths []string `arg:"" help:"Files, and where to: a file, or a directory."`
}

// run copies; out: from the name space to the host.
func (t *transfer) run(ctx context.Context, e *Env, out bool, adjust func(*Stat)) error {
	k := &copier{env: e, src: e.Host, dst: e.FS, recurse: t.Recurse, trusting: true, preserve: true, links: true, special: true, skip: e.Skip, adjust: adjust}
	if out {
		k.src, k.dst, k.skip = e.FS, e.Host, nil
		k.trusting = false // an image may have been made to plant one
	}
	if t.Follow {
		k.follow = FollowAll
	}
	if t.Verbose {
		k.report = func(from, to string) { fmt.Fprintf(e.Stdout, "%s -> %s\n", from, to) }
	}
	paths := t.Paths
	if len(paths) == 1 {
		paths = append(paths[:1:1], ".")
	}
	return copyAll(ctx, k, paths)
}

// Get copies files to the host.
type Get struct{ transfer }

// Help shows examples.
func (Get) Help() string {
	return `Copies files out of the image, with modes, times, holes and hard links, and with owners and device nodes if you are root. Without a
place to copy to it is the host's current directory.

Examples:
  fsu_get disk.img /etc/rc.conf .
  fsu_get disk.img -R / out`
}

// Run copies.
func (g *Get) Run(ctx context.Context, e *Env) error { return g.run(ctx, e, true, nil) }

// Put copies files from the host.
type Put struct {
	transfer
	Owner string `placeholder:"USER[:GROUP]" help:"Who owns the copies; else who owns the files on the host."`
}

// Help shows examples.
func (Put) Help() string {
	return `Copies files into the image, with owners, modes, times, holes, hard links and device nodes.

Examples:
  fsu_put disk.img rc.conf /etc
  fsu_put disk.img -R --owner root:wheel tree /
  fsu_put disk.img -R tree/. /          what is in tree, not tree itself`
}

// Run copies.
func (p *Put) Run(ctx context.Context, e *Env) error {
	adjust, err := adjustment(e, p.Owner)
	if err != nil {
		return err
	}
	return p.run(ctx, e, false, adjust)
}

// Ecp copies files either way.
type Ecp struct {
	Get bool `short:"g" help:"Copy to the host."`
	Put bool `short:"p" help:"Copy from the host."`
	transfer
	Owner string `placeholder:"USER[:GROUP]" help:"With -p: who owns the copies."`
}

// Help shows examples.
func (Ecp) Help() string {
	return `The same as fsu_get with -g, as fsu_put with -p.

Examples:
  fsu_ecp disk.img -gR /etc etc.copy
  fsu_ecp disk.img -p rc.conf /etc`
}

// ReadOnly reports whether the name space stays as it is.
func (x *Ecp) ReadOnly() bool { return x.Get }

// Run copies.
func (x *Ecp) Run(ctx context.Context, e *Env) error {
	if x.Get == x.Put {
		return usage("-g or -p should be specified")
	}
	adjust, err := adjustment(e, x.Owner)
	if err != nil {
		return err
	}
	return x.run(ctx, e, x.Get, adjust)
}
