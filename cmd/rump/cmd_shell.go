package main

import (
	"context"
	"errors"
	"log/slog"
	"os/exec"

	"rump/bridge"
	"rump/bridge/namespace"
	"rump/ffs"
	"rump/rumpfs/kern"
)

// shellCmd runs a program that sees an image in a mount name space of its own.
type shellCmd struct {
	Options []string `short:"o" sep:"none" placeholder:"WORD,..." help:"As for rump mount."`
	Dir     string   `short:"d" default:"/rump" help:"Where the image is shown; directly under / it need not exist (${default})."`
	Root    bool     `help:"Let the program see itself as root."`

	Image   string   `arg:"" help:"Image or partition."`
	Command []string `arg:"" optional:"" passthrough:"" help:"Program and arguments, after --; your shell if none."`
}

// Help shows examples.
func (shellCmd) Help() string {
	return `Runs a shell in which the image is mounted at /rump. Nobody else sees the mount, and it ends with the shell. Needs neither
root nor fusermount3, only user name spaces and access to /dev/fuse.

Examples:
  rump shell disk.img
  rump shell disk.img -- sh -c 'cp -a tree /rump/ && df /rump'

Exit status: the program's.`
}

// Run enters a name space first.
func (s *shellCmd) Run(ctx context.Context, e *env) error {
	o, err := parseMountOptions(s.Options)
	if err != nil {
		return err
	}
	if !bridge.InNamespace() {
		_, err := exec.LookPath("newuidmap") // without it only the user's own id exists inside
		return ended(bridge.Namespace(ctx, e.line, namespace.Options{Ranges: err == nil}))
	}
	logger := slog.New(slog.NewTextHandler(e.Stderr, nil))
	volume, err := mountVolume(ctx, e, s.Image, o, ffs.Options{MountPoint: s.Dir, Log: logger})
	if err != nil {
		return err
	}
	k, err := kern.Boot(kern.Options{Root: volume, Log: logger})
	if err != nil {
		return errors.Join(err, volume.Unmount(ctx))
	}
	command := s.Command
	if len(command) > 0 && command[0] == "--" {
		command = command[1:]
	}
	err = bridge.Shell(ctx, k, bridge.ShellOptions{
		Dir: s.Dir, Command: command, Root: s.Root,
		Mount: bridge.Options{FSName: s.Image, ReadOnly: volume.ReadOnly(), AsCaller: o.asCaller, Log: logger},
	})
	return ended(errors.Join(err, k.Halt(context.WithoutCancel(ctx))))
}

// ended turns a program's exit status into ours.
func ended(err error) error {
	var status bridge.ExitStatus
	if errors.As(err, &status) {
		return exit(int(status), nil)
	}
	return err
}
