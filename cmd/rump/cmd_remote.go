package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"rump/cmd/rump/tool"
	"rump/cmd/rump/tool/remotefs"
)

// remoteCmd is the file tools on a server.
type remoteCmd struct {
	Words []string `arg:"" optional:"" help:"Tool, its options and arguments."`
}

// Help lists the tools.
func (remoteCmd) Help() string {
	var sb strings.Builder
	sb.WriteString(`Works on files in the rump server that RUMP_SERVER names: rump remote TOOL [options of the tool] ... Paths are the server's, standard
input and output are the host's. The tools also go by the names rump.ls, rump.cat and so on (see rump links), and each has a --help.

`)
	for _, t := range fileTools {
		fmt.Fprintf(&sb, "  %-8s %s\n", t.name, t.help)
	}
	sb.WriteString(`
Examples:
  export RUMP_SERVER=unix:///tmp/rumpsock
  rump.ls -l /dev
  rump remote put -R tree /mnt
  rump.tar -xf - -C /mnt <base.tar`)
	return sb.String()
}

// Run runs the tool.
func (r *remoteCmd) Run(ctx context.Context, e *env, k *kong.Context) error {
	if len(r.Words) == 0 {
		return errors.New("no tool named; try 'rump remote --help'")
	}
	if r.Words[0] == "--help" {
		return helpFlag(true).BeforeReset(k)
	}
	t := toolNamed(r.Words[0])
	if t == nil {
		return fmt.Errorf("no tool %q; try 'rump remote --help'", r.Words[0])
	}
	if e.prog == "rump remote" {
		e.prog += " " + t.name
	}
	line := &toolLine{name: e.prog, about: t.help}
	ft := t.create()
	if err := line.parse(e, ft, r.Words[1:]); err != nil {
		return err
	}
	c, err := dialServer(ctx, e)
	if err != nil {
		return err
	}
	defer c.Close()
	fs := remotefs.New(c)
	return line.run(ctx, e, ft, &tool.Env{FS: fs, Users: &imageUsers{fs: fs}, Stdin: e.Stdin, Stdout: e.Stdout})
}
