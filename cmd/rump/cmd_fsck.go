package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"

	"rump/ffs/fsck"
	"rump/rumpfs/blockdev"
)

// Exit statuses of fsck_ffs(8).
const (
	fsckUsage      = 1
	fsckUnresolved = 2
	fsckFailed     = 8
)

// fsckCmd checks a file system.
type fsckCmd struct {
	Force  bool  `short:"f" help:"Check even what is marked clean."`
	No     bool  `short:"n" help:"Answer no to every question: change nothing."`
	File   bool  `short:"F" help:"The argument is an image file; always so here."`
	Apple  bool  `short:"a" help:"The file system is Apple UFS."`
	Backup int64 `short:"b" placeholder:"SECTOR" help:"Use the superblock copy at this sector of 512 bytes, for instance 32."`
	Quiet  bool  `short:"q" help:"Print nothing but errors."`

	Image []string `arg:"" help:"Image, partition (disk.img%DISKLABEL:a%) or block device."`
}

func (fsckCmd) usageCode() int { return fsckUsage }

// Help shows examples.
func (fsckCmd) Help() string {
	return `Checks a Fast File System as fsck_ffs -n does: five phases, the same messages, nothing is changed.

Examples:
  rump fsck disk.img
  rump fsck -f 'disk.img%DISKLABEL:a%'
  rump fsck -b 32 damaged.img

Exit status: 0 no problem, 1 usage, 2 problems remain, 8 the check could not be done.`
}

// Run checks each image.
func (f *fsckCmd) Run(ctx context.Context, e *env) error {
	worst := 0
	for _, spec := range f.Image {
		code, err := f.check(ctx, e, spec)
		if err != nil {
			e.warn("%s", message(err))
			code = fsckFailed
		}
		worst = max(worst, code)
	}
	if worst != 0 {
		return exit(worst, nil)
	}
	return nil
}

func (f *fsckCmd) check(ctx context.Context, e *env, spec string) (code int, err error) {
	im, err := openImage(spec, imageOptions{readOnly: true})
	if err != nil {
		return 0, err
	}
	defer im.Close()
	out := bufio.NewWriter(e.Stdout)
	defer out.Flush()
	o := fsck.Options{Name: spec, Out: out, Force: f.Force, Apple: f.Apple, Backup: f.Backup * blockdev.DefaultSectorSize}
	if f.Quiet {
		o.Out = nil
	}
	bar := e.progress(0, spec)
	o.Progress = func(done, total int) {
		bar.ChangeMax(total)
		_ = bar.Set(done) // a bar that cannot be drawn is no reason to stop
	}
	report, err := fsck.Check(ctx, im, o)
	_ = bar.Close()
	switch {
	case errors.Is(err, context.Canceled):
		return 0, fmt.Errorf("%s: interrupted", spec)
	case err != nil:
		return 0, im.notFFS(err)
	case !report.Clean():
		return fsckUnresolved, nil
	}
	return 0, nil
}
