package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"
)

// cli is the command line: one field a subcommand, in the order help lists them.
type cli struct {
	Help    helpFlag    `help:"Show what a command does, its options and examples."`
	Version versionFlag `help:"Show the version."`

	Demo      demoCmd      `cmd:"" help:"Make an image, mount it, copy a tree in, check it: the main job, end to end."`
	Mount     mountCmd     `cmd:"" help:"Mount an image at a directory."`
	Umount    umountCmd    `cmd:"" help:"Unmount a directory, and wait until the image is complete."`
	Shell     shellCmd     `cmd:"" help:"Run a shell, or a command, that sees an image at /rump; needs no privilege."`
	Info      infoCmd      `cmd:"" help:"Say what a file holds: slices, label, file systems, clean or not, and how to mount it."`
	Fsck      fsckCmd      `cmd:"" help:"Check and repair a Fast File System."`
	Newfs     newfsCmd     `cmd:"" help:"Make an empty Fast File System."`
	Makefs    makefsCmd    `cmd:"" help:"Make a Fast File System from a tree of files."`
	Dumpfs    dumpfsCmd    `cmd:"" help:"Describe a Fast File System, as NetBSD's dumpfs does."`
	Dump      dumpCmd      `cmd:"" help:"Draw what an image is used for (--map), in a terminal, as SVG or PNG; or describe it."`
	Tunefs    tunefsCmd    `cmd:"" help:"Change settings of a Fast File System."`
	Resize    resizeCmd    `cmd:"" name:"resize_ffs" aliases:"resize" help:"Make a Fast File System larger or smaller."`
	Cgdconfig cgdconfigCmd `cmd:"" help:"Make parameters files of encrypted disks, or change their passphrase."`
	Encrypt   encryptCmd   `cmd:"" help:"Encrypt an image in place."`
	Decrypt   decryptCmd   `cmd:"" help:"Decrypt an image in place."`
	Server    serverCmd    `cmd:"" help:"Start a rump kernel that programs make system calls in."`
	Halt      haltCmd      `cmd:"" help:"End a server."`
	Sysctl    sysctlCmd    `cmd:"" help:"Show and change settings of a server."`
	Fsu       fsuCmd       `cmd:"" passthrough:"" help:"List, copy, change files in an image without mounting it: fsu ls, fsu get, fsu put, ..."`
	Remote    remoteCmd    `cmd:"" passthrough:"" help:"List, copy, change files in a server: remote ls, remote cat, remote put, ..."`
	Links     linksCmd     `cmd:"" help:"Make links of the historic names to this program."`
	Man       manCmd       `cmd:"" help:"Print a manual page."`

	Completion kongcompletion.Completion `cmd:"" help:"Print the shell code for tab completion (bash, zsh, fish)."`
}

// helpFlag is --help without the short -h, which is df's and newfs's.
type helpFlag bool

// BeforeReset prints the help of the selected command and ends.
func (helpFlag) BeforeReset(ctx *kong.Context) error {
	if err := ctx.PrintUsage(false); err != nil {
		return err
	}
	ctx.Kong.Exit(0)
	return nil
}

type versionFlag bool

// BeforeReset prints the version and ends.
func (versionFlag) BeforeReset(ctx *kong.Context) error {
	fmt.Fprintln(ctx.Stdout, "rump", version())
	ctx.Kong.Exit(0)
	return nil
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// A usageCoder is a command whose usage errors end with another status than 1.
type usageCoder interface{ usageCode() int }

// stopped carries an exit status from deep inside kong to run.
type stopped int

// newParser builds what reads a command line. Its output goes to e.
func newParser(e *env, args []string) (*kong.Kong, error) {
	return kong.New(grammar(args),
		kong.Name("rump"),
		kong.Description("BSD kernel services in an ordinary process: mount, make, check and export BSD disks, without root."),
		kong.NoDefaultHelp(),
		kong.WithHyphenPrefixedParameters(true), // newfs -s -1m, as getopt has it
		kong.Writers(e.Stdout, e.Stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100}),
		kong.Exit(func(code int) { panic(stopped(code)) }),
	)
}

// run executes one command line and returns its exit status.
func run(ctx context.Context, e *env, argv []string) (code int) {
	defer func() {
		if s, ok := recover().(stopped); ok {
			code = int(s)
		}
	}()
	args := argv[1:]
	e.prog, e.argv = "rump", argv
	if sub, ok := applets[filepath.Base(argv[0])]; ok {
		e.prog = filepath.Base(argv[0])
		args = append(strings.Fields(sub), args...)
	}
	parser, err := newParser(e, args)
	if err != nil {
		return e.report(err)
	}
	kongcompletion.Register(parser)
	if len(args) == 0 {
		args = []string{"--help"}
	}
	e.line = args
	kctx, err := parser.Parse(args)
	if err != nil {
		return e.usage(parser, err)
	}
	if e.prog == "rump" {
		e.prog = "rump " + commandName(kctx)
	}
	kctx.BindTo(ctx, (*context.Context)(nil))
	return e.report(kctx.Run(e))
}

// usage reports a command line that makes no sense.
func (e *env) usage(parser *kong.Kong, err error) int {
	code := 1
	var perr *kong.ParseError
	if errors.As(err, &perr) {
		if node := perr.Context.Selected(); node != nil {
			if e.prog == "rump" {
				e.prog = "rump " + commandName(perr.Context)
			}
			if u, ok := node.Target.Addr().Interface().(usageCoder); ok {
				code = u.usageCode()
			}
		}
	}
	e.warn("%v", err)
	fmt.Fprintf(e.Stderr, "Try '%s --help'.\n", e.prog)
	return code
}

// commandName is the selected command without its arguments.
func commandName(ctx *kong.Context) string {
	var words []string
	for _, p := range ctx.Path {
		if p.Command != nil {
			words = append(words, p.Command.Name)
		}
	}
	return strings.Join(words, " ")
}
