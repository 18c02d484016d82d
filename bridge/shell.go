package bridge

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"

	"rump/bridge/namespace"
	"rump/rumpfs/kern"
)

// DefaultShellDir is where Shell shows the name space.
const DefaultShellDir = "/rump"

// ShellOptions of Shell.
type ShellOptions struct {
	Mount   Options
	Dir     string   // where the name space is shown, absolute; default DefaultShellDir. Directly under the root it need not exist
	Command []string // program and arguments; default the user's shell
	Root    bool     // the program sees itself as root; default: as the user who began
}

// InNamespace reports whether this process runs in a name space made by Namespace.
func InNamespace() bool { return namespace.Inside() }

// An ExitStatus is the error of a program that did not end with 0.
type ExitStatus int

func (s ExitStatus) Error() string { return "exit status " + strconv.Itoa(int(s)) }

// Namespace runs this program again with other arguments, in a user and mount name space of its own, where an ordinary
// user can mount without fusermount3. The error is an ExitStatus if the program ran and ended with another than 0.
func Namespace(ctx context.Context, args []string, o namespace.Options) error {
	status, err := namespace.Enter(ctx, args, o)
	if err == nil && status != 0 {
		return ExitStatus(status)
	}
	return err
}

// Shell mounts a kernel's name space where only one program, and those that it starts, see it, runs that program and
// unmounts again when it ends. The process was started by Namespace. The error is an ExitStatus if the program ran and
// ended with another than 0.
func Shell(ctx context.Context, k *kern.Kernel, o ShellOptions) error {
	if o.Dir == "" {
		o.Dir = DefaultShellDir
	}
	o.Dir = filepath.Clean(o.Dir)
	if !namespace.Inside() || !filepath.IsAbs(o.Dir) {
		return syscall.EINVAL
	}
	if err := namespace.Directory(o.Dir); err != nil {
		return err
	}
	o.Mount.AllowOther = true // those in the name space below; nobody else sees it
	b, err := Mount(ctx, k, o.Dir, o.Mount)
	if err != nil {
		return err
	}
	status, err := o.run(ctx)
	if busy := b.Unmount(); busy != nil {
		err = errors.Join(err, b.Detach()) // what it left behind loses the mount with us
	}
	if err == nil && status != 0 {
		return ExitStatus(status)
	}
	return err
}

// run runs the program, which alone is to have the terminal's signals.
func (o *ShellOptions) run(ctx context.Context) (int, error) {
	args := o.Command
	if len(args) == 0 {
		shell := os.Getenv("SHELL")
		if shell == "" {
			shell = "/bin/sh"
		}
		args = []string{shell}
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if !o.Root {
		cmd.SysProcAttr = namespace.AsOwner()
	}
	ignored := make(chan os.Signal, 1) // caught and left: unlike an ignored signal, that is not inherited
	signal.Notify(ignored, os.Interrupt, syscall.SIGQUIT)
	defer signal.Stop(ignored)
	return namespace.Status(cmd.Run())
}
