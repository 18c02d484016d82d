package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"rump/ffs/fsck"
	"rump/ffs/resize"
	"rump/rumpfs/blockdev"
)

// resizeCmd changes the size of a file system.
type resizeCmd struct {
	Check    bool   `short:"c" help:"Only find out whether the size would change, and whether that is possible."`
	Progress bool   `short:"p" help:"Show progress."`
	Size     string `short:"s" placeholder:"SIZE" help:"New size in sectors of 512 bytes, or in bytes with a suffix (14M, 2g); without it all of the image."`
	Verbose  bool   `short:"v" help:"Say what is done."`
	Yes      bool   `short:"y" help:"Do not check the file system before."`
	Truncate bool   `short:"t" help:"Cut an image file off at the end of the file system when that is done."`

	Image string `arg:"" help:"Image, partition (disk.img%DISKLABEL:a%) or block device."`
}

// Help shows examples.
func (resizeCmd) Help() string {
	return `Makes a Fast File System larger or smaller: UFS1 and UFS2, both byte orders. What lies behind a new end moves in front of it. Before anything is written it
is certain that everything fits; the file system is checked first, too, unless -y is given. An image file that is too short is extended.

If the process is killed, "rump fsck -y" repairs what is there and nothing is lost; or the image says that the resize was interrupted, and
running the same command again finishes it.

Examples:
  rump resize_ffs -s 2g disk.img              grow, the file too
  rump resize_ffs -t -s 100M disk.img         shrink, and cut the file
  rump resize_ffs 'disk.img%DISKLABEL:a%'     fill the partition
  rump resize_ffs -c -v -s 1g disk.img        would it change, is it possible?

Exit status: 0, or 1 after an error; with -c 0 if the size would change, 1 if not.`
}

// Run resizes, or finds out.
func (c *resizeCmd) Run(ctx context.Context, e *env) error {
	size := int64(0)
	if c.Size != "" {
		var err error
		if size, err = parseSize(c.Size, blockdev.DefaultSectorSize); err != nil {
			return err
		}
		if size <= 0 {
			return fmt.Errorf("size %s: must be more than 0", c.Size)
		}
	}
	im, err := openImage(c.Image, imageOptions{readOnly: c.Check, noLock: c.Check})
	if err != nil {
		return err
	}
	defer im.Close()
	if size == 0 {
		size = im.Size()
	}
	o := resize.Options{Size: size}
	if c.Progress {
		bar := newSteps(e)
		defer bar.end()
		o.Progress = bar.step
	}
	plan, err := resize.Plan(ctx, im, o)
	if err != nil {
		return c.explain(im, err)
	}
	if c.Check {
		return c.answer(e, plan)
	}
	if err := c.look(ctx, im, plan); err != nil {
		return err
	}
	if plan.Resumed {
		o.Size = 0 // it has been said before
	}
	r, err := c.resize(ctx, im, o)
	if err != nil {
		return c.explain(im, err)
	}
	c.report(e, r)
	return c.cut(im, r)
}

// answer is that of -c.
func (c *resizeCmd) answer(e *env, p *resize.Report) error {
	if !p.Changed() {
		if c.Verbose {
			fmt.Fprintf(e.Stdout, "Wouldn't change: already %d blocks\n", p.Old.Size)
		}
		return exit(1, nil)
	}
	if c.Verbose {
		fmt.Fprintf(e.Stdout, "Would change: newsize: %d oldsize: %d fsdb: %d\n", p.New.Size, p.Old.Size, p.Old.FsbToDb)
		fmt.Fprintf(e.Stdout, "Would move %d fragments and %d inodes.\n", p.Frags, p.Inodes)
	}
	return nil
}

// look checks the file system before it is changed.
func (c *resizeCmd) look(ctx context.Context, im *image, p *resize.Report) error {
	if c.Yes || p.Resumed || !p.Changed() {
		return nil
	}
	r, err := fsck.Check(ctx, im, fsck.Options{Force: true})
	if err != nil {
		return err
	}
	if !r.Clean() {
		return fmt.Errorf("%s: marked clean, but %d things are wrong with it; run fsck -f first", c.Image, len(r.Problems))
	}
	return nil
}

// resize makes room in the image file if that is needed, and resizes.
func (c *resizeCmd) resize(ctx context.Context, im *image, o resize.Options) (*resize.Report, error) {
	if o.Size <= im.Size() {
		return resize.Resize(ctx, im, o)
	}
	info, err := os.Stat(im.file)
	if err != nil {
		return nil, err
	}
	if !im.whole || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("there are only %d bytes, not %d", im.Size(), o.Size)
	}
	longer := (o.Size + blockdev.DefaultSectorSize - 1) &^ (blockdev.DefaultSectorSize - 1)
	if err := os.Truncate(im.file, longer); err != nil {
		return nil, err
	}
	dev, err := blockdev.OpenFile(im.file, blockdev.FileOptions{NoLock: true}) // we have it locked
	if err != nil {
		return nil, err
	}
	defer dev.Close()
	r, err := resize.Resize(ctx, dev, o)
	if errors.Is(err, resize.ErrRefused) {
		if e := os.Truncate(im.file, info.Size()); e != nil {
			return nil, e
		}
	}
	return r, err
}

// cut ends the image file where the file system ends, if that is wanted.
func (c *resizeCmd) cut(im *image, r *resize.Report) error {
	if !c.Truncate {
		return nil
	}
	info, err := os.Stat(im.file)
	if err != nil {
		return err
	}
	if !im.whole || !info.Mode().IsRegular() {
		return fmt.Errorf("%s: only an image file that is all one file system can be cut", c.Image)
	}
	end := r.New.FragOffset(r.New.Size)
	if end >= info.Size() {
		return nil
	}
	for _, p := range im.table.Parts() {
		if !p.Raw && p.Size > 0 && p.Offset+p.Size > end && p.Offset > 0 {
			return fmt.Errorf("%s: not cut, partition %s lies behind the file system", c.Image, p.Name())
		}
	}
	return os.Truncate(im.file, end)
}

func (c *resizeCmd) report(e *env, r *resize.Report) {
	for _, n := range r.Notes {
		e.warn("%s", n)
	}
	if !c.Verbose {
		return
	}
	switch {
	case r.New.Size > r.Old.Size:
		fmt.Fprintf(e.Stdout, "Growing fs from %d blocks to %d blocks.\n", r.Old.Size, r.New.Size)
	case r.New.Size < r.Old.Size:
		fmt.Fprintf(e.Stdout, "Shrinking fs from %d blocks to %d blocks.\n", r.Old.Size, r.New.Size)
	default:
		fmt.Fprintf(e.Stdout, "No change requested: already %d blocks\n", r.Old.Size)
		return
	}
	fmt.Fprintf(e.Stdout, "Moved %d fragments and %d inodes.\n", r.Frags, r.Inodes)
}

// explain is the error with the name of the image.
func (c *resizeCmd) explain(im *image, err error) error {
	if errors.Is(err, resize.ErrRefused) {
		return fmt.Errorf("%s: %w; nothing was changed", c.Image, err)
	}
	return im.notFFS(err)
}

// steps shows the progress of work in several steps.
type steps struct {
	e    *env
	name string
	bar  progressBar
}

// progressBar is what steps needs of one.
type progressBar interface {
	ChangeMax64(int64)
	Set64(int64) error
	Close() error
}

func newSteps(e *env) *steps { return &steps{e: e} }

func (s *steps) step(name string, done, total int64) {
	if name != s.name {
		s.end()
		s.name, s.bar = name, s.e.progress(total, name)
	}
	_ = s.bar.Set64(done) // a bar that cannot be drawn is no reason to stop
}

func (s *steps) end() {
	if s.bar != nil {
		_ = s.bar.Close()
	}
	s.bar = nil
}
