package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"rump/cmd/rump/tool"
	"rump/cmd/rump/tool/hostfs"
)

// A fileTool is one of the tools that work on files of an image or a server.
type fileTool interface {
	Run(ctx context.Context, e *tool.Env) error
	Help() string
}

// A toolEntry is a tool by name.
type toolEntry struct {
	name   string
	help   string
	reads  bool // it changes nothing
	create func() fileTool
}

// fileTools are all of them, in the order that help lists them.
var fileTools = []toolEntry{
	{"ls", "List directories.", true, func() fileTool { return &tool.Ls{} }},
	{"cat", "Print files.", true, func() fileTool { return &tool.Cat{} }},
	{"find", "Look for files.", false, func() fileTool { return &tool.Find{} }},
	{"du", "Count what trees occupy.", true, func() fileTool { return &tool.Du{} }},
	{"df", "Show how full the file system is.", true, func() fileTool { return &tool.Df{} }},
	{"stat", "Show attributes.", true, func() fileTool { return &tool.StatFile{} }},
	{"diff", "Compare files and trees.", true, func() fileTool { return &tool.Diff{} }},
	{"get", "Copy files to the host.", true, func() fileTool { return &tool.Get{} }},
	{"put", "Copy files from the host.", false, func() fileTool { return &tool.Put{} }},
	{"ecp", "Copy files to (-g) or from (-p) the host.", false, func() fileTool { return &tool.Ecp{} }},
	{"write", "Write standard input to a file.", false, func() fileTool { return &tool.WriteFile{} }},
	{"exec", "Run a program on a copy of a file.", false, func() fileTool { return &tool.Exec{} }},
	{"cp", "Copy files.", false, func() fileTool { return &tool.Cp{} }},
	{"mv", "Move files.", false, func() fileTool { return &tool.Mv{} }},
	{"rm", "Remove files.", false, func() fileTool { return &tool.Rm{} }},
	{"rmdir", "Remove empty directories.", false, func() fileTool { return &tool.Rmdir{} }},
	{"mkdir", "Make directories.", false, func() fileTool { return &tool.Mkdir{} }},
	{"mknod", "Make device nodes.", false, func() fileTool { return &tool.Mknod{} }},
	{"mkfifo", "Make fifos.", false, func() fileTool { return &tool.Mkfifo{} }},
	{"touch", "Set times, or make empty files.", false, func() fileTool { return &tool.Touch{} }},
	{"ln", "Make links.", false, func() fileTool { return &tool.Ln{} }},
	{"chown", "Change owners.", false, func() fileTool { return &tool.Chown{} }},
	{"chgrp", "Change groups.", false, func() fileTool { return &tool.Chgrp{} }},
	{"chmod", "Change modes.", false, func() fileTool { return &tool.Chmod{} }},
	{"chflags", "Change file flags.", false, func() fileTool { return &tool.Chflags{} }},
	{"dd", "Copy bytes and count them.", false, func() fileTool { return &tool.Dd{} }},
	{"tar", "Pack and unpack archives.", false, func() fileTool { return &tool.Tar{} }},
	{"pax", "Pack and unpack archives, copy trees.", false, func() fileTool { return &tool.Pax{} }},
}

// toolNamed finds a tool.
func toolNamed(name string) *toolEntry {
	for i := range fileTools {
		if fileTools[i].name == name {
			return &fileTools[i]
		}
	}
	return nil
}

// withTools adds the names of all tools to a table of applets.
func withTools(names map[string]string) map[string]string {
	for _, t := range fileTools {
		names["fsu_"+t.name] = "fsu " + t.name
		names["rump."+t.name] = "remote " + t.name
	}
	return names
}

// A toolLine is the command line of a tool, without what comes before its own options.
type toolLine struct {
	name  string // of the program
	front string // what comes before its own options, for help
	about string
}

// parser builds the command line of t.
func (l *toolLine) parser(e *env, t fileTool) (*kong.Kong, error) {
	k, err := kong.New(t,
		kong.Name(strings.TrimSpace(l.name+" "+l.front)),
		kong.Description(l.about),
		kong.Embed(&struct {
			Help helpFlag `help:"Show what the tool does, its options and examples."`
		}{}),
		kong.NoDefaultHelp(),
		kong.WithHyphenPrefixedParameters(true),
		kong.Writers(e.Stdout, e.Stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 100}),
		kong.Exit(func(code int) { panic(stopped(code)) }),
	)
	if err == nil {
		k.Model.Detail = t.Help()
	}
	return k, err
}

// parse fills t with the options and arguments.
func (l *toolLine) parse(e *env, t fileTool, args []string) error {
	k, err := l.parser(e, t)
	if err != nil {
		return err
	}
	if f, ok := t.(interface{ FixArgs([]string) []string }); ok {
		args = f.FixArgs(args)
	}
	if _, err := k.Parse(args); err != nil {
		return l.usage(e, err)
	}
	return nil
}

// usage reports a command line that makes no sense.
func (l *toolLine) usage(e *env, err error) error {
	e.warn("%v", err)
	fmt.Fprintf(e.Stderr, "Try '%s --help'.\n", l.name)
	return exit(1, nil)
}

// page is what a manual page of a tool is made from: its name there and its command line.
func (l *toolLine) page(e *env, t *toolEntry) (*kong.Node, error) {
	k, err := l.parser(e, t.create())
	if err != nil {
		return nil, err
	}
	return k.Model.Node, nil
}

// run runs a tool and turns what it returns into an exit status.
func (l *toolLine) run(ctx context.Context, e *env, t fileTool, te *tool.Env) error {
	var host hostfs.FS
	defer host.Close()
	te.Name, te.Host = e.prog, &host
	te.Stderr, te.Getenv = e.Stderr, e.Getenv
	te.Now, te.Zone = time.Now, time.Local
	te.Columns = terminalColumns(e.Stdout)
	te.Run = e.runProgram
	err := t.Run(ctx, te)
	var status tool.Status
	var usage tool.UsageError
	switch {
	case errors.As(err, &status):
		return exit(int(status), nil)
	case errors.As(err, &usage):
		return l.usage(e, err)
	case err != nil && ctx.Err() != nil:
		return exit(1, errors.New("interrupted"))
	}
	return err
}

// runProgram runs a program of the host and returns its exit status.
func (e *env) runProgram(ctx context.Context, argv []string) (int, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = e.Stdin, e.Stdout, e.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	err := cmd.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		if code := ended.ExitCode(); code >= 0 {
			return code, nil
		}
	}
	if err != nil {
		return 1, err
	}
	return 0, nil
}

// terminalColumns is the width of the terminal that w is, 0 if it is none.
func terminalColumns(w any) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	return columns(f)
}
