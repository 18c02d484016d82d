package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"rump/bridge"
	"rump/disklabel"
	"rump/rumpfs/blockdev"
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
	return waitWritten(ctx, e, m.Source)
}

// waitWritten returns when nobody writes to the image any more: its server holds a lock on it until all is written.
func waitWritten(ctx context.Context, e *env, spec string) error {
	file, _, err := disklabel.ParseSpec(spec)
	if err != nil {
		file = spec
	}
	const told = 3 * time.Second
	for start, warned := time.Now(), false; ; {
		dev, err := blockdev.OpenFile(file, blockdev.FileOptions{ReadOnly: true})
		if err == nil {
			return dev.Close()
		}
		if !errors.Is(err, syscall.EBUSY) {
			return nil // not a file that can be looked at, so nothing to wait for
		}
		if !warned && time.Since(start) > told {
			warned = true
			e.warn("waiting for the server: %v", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}
