package tool

import (
	"context"
	"strings"
)

// Tar packs and unpacks archives.
type Tar struct {
	Create   bool   `short:"c" xor:"mode" help:"Write an archive."`
	List     bool   `short:"t" xor:"mode" help:"List the members."`
	Extract  bool   `short:"x" xor:"mode" help:"Unpack the members."`
	File     string `short:"f" placeholder:"FILE" help:"The archive, in the name space; - or none is standard input or output."`
	Dir      string `short:"C" placeholder:"DIR" help:"Where the members are, or come to."`
	Verbose  bool   `short:"v" help:"Show each member; with -t as ls -l."`
	Gzip     bool   `short:"z" help:"Compress with gzip; found out when reading."`
	Exact    bool   `short:"p" help:"Restore the whole mode, without the mask; always done."`
	Keep     bool   `short:"k" help:"Do not replace what is there."`
	NoTimes  bool   `short:"m" help:"Do not restore times."`
	NoOwner  bool   `short:"o" help:"Do not restore owners."`
	Stdout   bool   `short:"O" help:"Unpack to standard output."`
	Rooted   bool   `short:"P" help:"Keep a slash in front of names, and .. in them."`
	OneFS    bool   `short:"X" help:"Stay in one file system."`
	Follow   bool   `short:"h" help:"Pack what symbolic links lead to."`
	Args     bool   `short:"H" help:"The same, for those on the command line."`
	Blocking string `short:"b" hidden:"" placeholder:"N" help:"Accepted."`
	Pax      bool   `name:"pax" help:"Write the pax format: times to the nanosecond."`

	Paths []string `arg:"" optional:"" help:"Files to pack, or members to unpack or list; all if none."`
}

// Help shows examples.
func (Tar) Help() string {
	return `Needs no privilege on the host: device nodes and owners exist in the name space only. Formats are ustar, pax and GNU's.

Examples:
  rump.tar -xf - -C /mnt <base.tar
  rump.tar -czf - /etc >etc.tgz
  rump.tar -tvf /mnt/set.tgz`
}

// FixArgs puts a minus in front of a first word of letters: tar xvf.
func (Tar) FixArgs(args []string) []string {
	if len(args) > 0 && args[0] != "" && strings.Trim(args[0], "ctxfCvzpkmoOPXhHb") == "" {
		args = append([]string{"-" + args[0]}, args[1:]...)
	}
	return args
}

// ReadOnly reports whether the name space stays as it is.
func (t *Tar) ReadOnly() bool {
	return t.List || t.Extract && t.Stdout || t.Create && (t.File == "" || t.File == "-")
}

// Run packs, unpacks or lists.
func (t *Tar) Run(ctx context.Context, e *Env) error {
	a := &archiver{
		env: e, path: t.File, dir: t.Dir, device: t.OneFS, gzip: t.Gzip, pax: t.Pax, keep: t.Keep, rooted: t.Rooted, stdout: t.Stdout,
		owners: !t.NoOwner, exact: true, noTimes: t.NoTimes, verbose: t.Verbose, log: e.Stderr,
	}
	switch {
	case t.Follow:
		a.follow = FollowAll
	case t.Args:
		a.follow = FollowArgs
	}
	switch {
	case t.Create:
		if len(t.Paths) == 0 {
			return usage("nothing to pack")
		}
		return a.create(ctx, t.Paths)
	case t.List:
		a.wanted = t.Paths
		return a.list(ctx)
	case t.Extract:
		a.wanted = t.Paths
		if !t.Stdout {
			a.log = e.Stdout
		}
		return a.extract(ctx)
	}
	return usage("one of -c, -t and -x is wanted")
}
