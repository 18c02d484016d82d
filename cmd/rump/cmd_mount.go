package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"rump/bridge"
	"rump/ffs"
	"rump/rumpfs/kern"
)

// mountCmd mounts an image at a directory of the host.
type mountCmd struct {
	Options    []string `short:"o" sep:"none" placeholder:"WORD,..." help:"ro, log (with a journal, which is made if there is none: no check after a crash), async, noatime, force (although not clean), offset=BYTES, size=BYTES, allow_other, as-caller (check permissions as the calling user, not as root)."`
	ReadOnly   bool     `short:"r" help:"The same as -o ro."`
	Type       string   `short:"t" default:"ffs" enum:"ffs,ufs" help:"File-system type; version and byte order are found out."`
	Foreground bool     `short:"f" help:"Stay in the foreground."`
	Log        string   `type:"path" placeholder:"FILE" help:"Append what the server has to say to a file."`
	Debug      bool     `short:"d" help:"Log every request; implies -f."`
	Stdin      bool     `short:"p" name:"passphrase-stdin" help:"Read the passphrase of an encrypted image from standard input, not from the terminal."`

	Image string `arg:"" help:"Image, partition (disk.img%DISKLABEL:a%, %MBR:1%, %GPT:2%), encrypted disk (disk.img%CGD:paramsfile%) or block device."`
	Dir   string `arg:"" type:"path" help:"Directory to mount it at."`
}

// Help shows examples.
func (mountCmd) Help() string {
	return `Mounts a Fast File System (UFS1 or UFS2, either byte order) at a directory, as root or as an ordinary user, and returns
when it can be used. Inside, the user who mounted it acts as root of the image: any owner, mode and date can be set.

Examples:
  rump mount disk.img ~/mnt
  rump mount -o ro 'disk.img%DISKLABEL:e%' ~/mnt
  rump mount -o log disk.img ~/mnt        a crash costs nothing that was synced, and needs no fsck
  rump mount -o async new.img ~/mnt       populate fast; the image is only good after rump umount
  rump mount -o offset=1048576 disk.img ~/mnt
  rump mount 'usb.img%DISKLABEL:e%CGD:usb.cgdparams%' ~/mnt
  rump umount ~/mnt`
}

// Run mounts, and serves until the directory is unmounted or a signal comes.
func (m *mountCmd) Run(ctx context.Context, e *env) error {
	o, err := parseMountOptions(m.Options)
	if err != nil {
		return err
	}
	o.readOnly = o.readOnly || m.ReadOnly
	o.keys = newKeyring(e, m.Stdin)
	defer o.keys.wipe()
	ready := readinessOf(e)
	if !m.Foreground && !m.Debug && !ready.detached() {
		return m.detach(e, o)
	}
	if err := o.keys.takeKeys(e); err != nil {
		return err
	}
	log, err := m.openLog()
	if err != nil {
		return err
	}
	s, err := m.start(ctx, e, o, log)
	if err != nil {
		return err
	}
	return s.serve(ctx, ready, log)
}

// detach leaves the mount to a server in the background. Passphrases are asked for first, while there is a terminal.
func (m *mountCmd) detach(e *env, o mountOptions) error {
	if !hasCGD(m.Image) {
		return detach(e, e.line...)
	}
	image, err := openImage(m.Image, imageOptions{readOnly: true, noLock: true, keys: o.keys})
	if err != nil {
		return err
	}
	if err := image.Close(); err != nil {
		return err
	}
	pipe, err := o.keys.pipe()
	if err != nil {
		return err
	}
	defer pipe.Close()
	return detachAs(e, append([]string{"rump"}, e.line...), pipe)
}

// openLog opens the log file; nil for none.
func (m *mountCmd) openLog() (*os.File, error) {
	if m.Log == "" {
		return nil, nil
	}
	return os.OpenFile(m.Log, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
}

// A server is one mounted image.
type server struct {
	e      *env
	kernel *kern.Kernel
	bridge *bridge.Bridge
}

// start mounts the image in a kernel and the kernel at the directory. What it opened is closed again if it fails.
func (m *mountCmd) start(ctx context.Context, e *env, o mountOptions, log *os.File) (*server, error) {
	logger := slog.New(slog.NewTextHandler(e.Stderr, nil))
	if log != nil {
		logger = slog.New(slog.NewTextHandler(log, nil))
	}
	spec, err := filepath.Abs(m.Image)
	if err != nil {
		return nil, err
	}
	volume, err := mountVolume(ctx, e, m.Image, o, ffs.Options{MountPoint: m.Dir, From: spec, Log: logger})
	if err != nil {
		return nil, err
	}
	k, err := kern.Boot(kern.Options{Root: volume, Log: logger})
	if err != nil {
		return nil, errors.Join(err, volume.Unmount(ctx))
	}
	b, err := bridge.Mount(ctx, k, m.Dir, bridge.Options{
		FSName: spec, ReadOnly: volume.ReadOnly(), AllowOther: o.allowOther, AsCaller: o.asCaller, Debug: m.Debug, Log: logger,
	})
	if err != nil {
		return nil, errors.Join(err, k.Halt(ctx))
	}
	return &server{e, k, b}, nil
}

// mountVolume opens an image and the file system in it. Why it is read-only, if that was not asked for, is said.
func mountVolume(ctx context.Context, e *env, spec string, o mountOptions, fo ffs.Options) (*ffs.FS, error) {
	volume, _, err := mountImage(ctx, e, spec, o, fo)
	return volume, err
}

// mountImage is mountVolume that also returns the image, which is the volume's.
func mountImage(ctx context.Context, e *env, spec string, o mountOptions, fo ffs.Options) (*ffs.FS, *image, error) {
	image, err := openImage(spec, imageOptions{readOnly: o.readOnly, offset: o.offset, size: o.size, keys: o.keys})
	if errors.Is(err, fs.ErrPermission) && !o.readOnly {
		return nil, nil, fmt.Errorf("%w (to read only, mount with -o ro)", err)
	}
	if err != nil {
		return nil, nil, err
	}
	fo.ReadOnly, fo.Async, fo.NoAtime, fo.Force, fo.Journal = o.readOnly, o.async, o.noAtime, o.force, o.log
	volume, err := ffs.Mount(ctx, image, fo)
	if err != nil {
		image.Close()
		return nil, nil, image.notFFS(err)
	}
	for _, w := range volume.Warnings() {
		e.warn("%s: %s", spec, w)
	}
	return volume, image, nil
}

// serve waits until the directory is unmounted, or unmounts it at a signal, and halts the kernel.
func (s *server) serve(ctx context.Context, ready readiness, log *os.File) error {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	if err := ready.ready(log); err != nil {
		return errors.Join(err, s.bridge.Unmount(), s.kernel.Halt(ctx))
	}
	gone := s.bridge.Done()
	select {
	case <-gone:
	case <-signals:
		s.leave(gone)
	}
	return s.kernel.Halt(context.WithoutCancel(ctx))
}

// leave unmounts the directory, by force if programs still use it.
func (s *server) leave(gone <-chan struct{}) {
	err := s.bridge.Unmount()
	if err != nil {
		s.e.warn("%s", message(err))
		err = s.bridge.Detach()
	}
	if err != nil {
		s.e.warn("%s", message(err))
		return
	}
	select {
	case <-gone:
	case <-time.After(2 * time.Second): // programs keep files open; they get errors from now on
	}
}
