package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"rump/bridge"
	"rump/disklabel"
)

// umountCmd unmounts a directory that rump mount mounted.
type umountCmd struct {
	Lazy bool     `short:"f" help:"Unmount even if programs use it; they get errors from then on."`
	Dirs []string `arg:"" name:"dir" type:"path" help:"The directories, or the images that are mounted there."`
}

// Help shows examples.
func (umountCmd) Help() string {
	return `Unmounts directories that rump mount mounted, and returns when the image is complete and clean. The host's umount and
fusermount3 -u unmount too, but do not wait for the last write.

Examples:
  rump umount ~/mnt
  rump umount disk.img`
}

// Run unmounts each.
func (u *umountCmd) Run(ctx context.Context, e *env) error {
	var errs []error
	for _, dir := range u.Dirs {
		if err := u.unmount(ctx, e, dir); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", dir, err))
		}
	}
	for _, err := range errs[:max(0, len(errs)-1)] {
		e.warn("%s", message(err))
	}
	if len(errs) > 0 {
		return errs[len(errs)-1]
	}
	return nil
}

func (u *umountCmd) unmount(ctx context.Context, e *env, dir string) error {
	list, err := hostMounts()
	if err != nil {
		return err
	}
	m, ok := bridgeAt(list, dir)
	if real, err := filepath.EvalSymlinks(dir); !ok && err == nil {
		m, ok = bridgeAt(list, real)
	}
	if !ok {
		return errors.New("not mounted by rump")
	}
	if u.Lazy {
		err = bridge.DetachDir(m.Dir)
	} else {
		err = bridge.UnmountDir(m.Dir)
	}
	if err != nil {
		return err
	}
	return waitGone(ctx, e, m)
}

// waitGone returns when the server of a mount has let go of the image: it holds a lock until all is written. A server that only read holds one that
// others may have too, so it is not waited for very long.
func waitGone(ctx context.Context, e *env, m hostMount) error {
	path, _, err := disklabel.ParseSpec(m.Source)
	if err != nil {
		path = m.Source
	}
	f, err := os.Open(path)
	if err != nil {
		return nil // not a file that can be looked at, so nothing to wait for
	}
	defer f.Close()
	const told, readers = 3 * time.Second, 2 * time.Second
	for start, warned := time.Now(), false; ; {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err != syscall.EWOULDBLOCK && err != syscall.EINTR || m.ReadOnly && time.Since(start) > readers {
			return nil
		}
		if !warned && time.Since(start) > told {
			warned = true
			e.warn("waiting until %s is written", path)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(3 * time.Millisecond):
		}
	}
}
