package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"rump/bridge"
	"rump/bridge/namespace"
)

// demoCmd is the main job, end to end, with the commands a person would type.
type demoCmd struct {
	Keep string `type:"path" placeholder:"DIR" help:"Work in this directory and leave everything there; a temporary one otherwise."`
}

// Help shows examples.
func (demoCmd) Help() string {
	return `Makes an image, mounts it, copies a tree in with the host's cp, compares, unmounts, checks, mounts again read-only and
compares again. Each command is printed before it runs.

Examples:
  rump demo
  rump demo --keep /tmp/rump-demo`
}

// Run runs the steps in a temporary directory.
func (d *demoCmd) Run(ctx context.Context, e *env) (err error) {
	if err := bridge.CanMount(); err != nil {
		if bridge.InNamespace() {
			return err
		}
		// No way to mount in the host's own name space: have one where this user is root.
		fmt.Fprintf(e.Stdout, "(%v; going on in a name space of our own)\n", err)
		return ended(bridge.Namespace(ctx, e.line, namespace.Options{}))
	}
	dir := d.Keep
	if dir == "" {
		if dir, err = os.MkdirTemp("", "rump-demo-"); err != nil {
			return err
		}
		defer func() {
			if rm := os.RemoveAll(dir); err == nil {
				err = rm
			}
		}()
	} else if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	s := &demoSteps{ctx: ctx, e: e, dir: dir}
	s.all()
	return s.err
}

// demoSteps runs commands in a directory until one fails.
type demoSteps struct {
	ctx     context.Context
	e       *env
	dir     string
	mounted bool
	err     error
}

func (s *demoSteps) all() {
	tree, mnt := filepath.Join(s.dir, "tree"), filepath.Join(s.dir, "mnt")
	s.must(makeDemoTree(tree))
	s.must(os.MkdirAll(mnt, 0o777))
	s.rump("newfs", "-O", "2", "-F", "-s", "64m", "disk.img")
	s.rump("info", "disk.img")
	s.mount("disk.img", "mnt")
	s.host("cp", "-a", "tree", "mnt/")
	s.host("ls", "-l", "mnt/tree/dir07/deep/deeper")
	s.host("df", "-i", "mnt")
	s.compare(tree, filepath.Join(mnt, "tree"))
	s.umount("mnt")
	s.rump("fsck", "-f", "disk.img")
	s.mount("-o", "ro", "disk.img", "mnt")
	s.compare(tree, filepath.Join(mnt, "tree"))
	s.umount("mnt")
	if s.err == nil {
		fmt.Fprintln(s.e.Stdout, "demo: everything came out as it went in")
	} else if s.mounted {
		_ = s.command(s.exe(), "umount", "-f", "mnt").Run() // so that the directory can be removed
	}
}

func (s *demoSteps) must(err error) {
	if s.err == nil {
		s.err = err
	}
}

func (s *demoSteps) exe() string {
	exe, err := os.Executable()
	s.must(err)
	return exe
}

// rump runs one of our own commands.
func (s *demoSteps) rump(args ...string) { s.run("rump", s.exe(), args...) }

// host runs a command of the host.
func (s *demoSteps) host(name string, args ...string) { s.run(name, name, args...) }

func (s *demoSteps) mount(args ...string) {
	s.rump(append([]string{"mount"}, args...)...)
	s.mounted = s.err == nil
}

func (s *demoSteps) umount(dir string) {
	s.rump("umount", dir)
	s.mounted = s.mounted && s.err != nil
}

func (s *demoSteps) command(path string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(s.ctx, path, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, s.e.Stdout, s.e.Stderr
	return cmd
}

func (s *demoSteps) run(shown, path string, args ...string) {
	if s.err != nil {
		return
	}
	fmt.Fprintf(s.e.Stdout, "$ %s %s\n", shown, strings.Join(args, " "))
	if err := s.command(path, args...).Run(); err != nil {
		s.err = fmt.Errorf("%s: %w", shown, err)
	}
}

// compare holds a copy against what it was made from.
func (s *demoSteps) compare(want, got string) {
	if s.err != nil {
		return
	}
	fmt.Fprintln(s.e.Stdout, "$ diff -r tree mnt/tree")
	n, err := compareTrees(want, got)
	if err != nil {
		s.err = err
		return
	}
	fmt.Fprintf(s.e.Stdout, "(%d files equal: content, type, mode, time, links, holes kept)\n", n)
}
