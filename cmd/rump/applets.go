package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// applets are the names under which people know a tool: the program's own name when it is called by a link, and the
// subcommand that it then is.
var applets = withTools(map[string]string{
	"fsck.ffs": "fsck",
	"fsck_ffs": "fsck",
	"newfs":    "newfs",

	"dumpfs":     "dumpfs",
	"tunefs":     "tunefs",
	"resize_ffs": "resize_ffs",

	"cgdconfig": "cgdconfig",

	"rump_server":    "server",
	"rump_allserver": "server --all",
	"rump.halt":      "halt",
	"rump.sysctl":    "sysctl",
	"makefs":         "makefs",
})

// linksCmd makes the links.
type linksCmd struct {
	Dir   string `arg:"" type:"path" help:"Directory to make them in; made if it is missing."`
	Force bool   `short:"f" help:"Replace what is there."`
}

// Help shows examples.
func (linksCmd) Help() string {
	return `Makes a symbolic link to this program for each historic name (newfs, makefs, ...), so that scripts find them.

Examples:
  rump links ~/bin/rump-tools
  PATH=~/bin/rump-tools:$PATH newfs -F -s 14M disk.img`
}

// Run makes one link an applet and prints nothing.
func (l *linksCmd) Run(_ context.Context, e *env) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(l.Dir, 0o777); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(applets)) {
		link := filepath.Join(l.Dir, name)
		if l.Force {
			if err := os.Remove(link); err != nil && !os.IsNotExist(err) {
				return err
			}
		}
		if err := os.Symlink(exe, link); err != nil {
			return fmt.Errorf("%w (use -f to replace it)", err)
		}
	}
	return nil
}
