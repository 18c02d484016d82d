package main

import (
	"context"
	"errors"
	"fmt"
	"math"

	"rump/ffs/ondisk"
	"rump/ffs/tune"
)

// Exit statuses of tunefs(8).
const (
	tuneFailed = 1
	tuneUsage  = 2
	tuneSuper  = 5
	tuneWrite  = 7
)

// tunefsCmd changes settings of a file system.
type tunefsCmd struct {
	Backups bool `name:"alternates" short:"A" help:"Change the copies of the superblock, too."`
	File    bool `short:"F" help:"The argument is an image file; always so here."`
	NoWrite bool `name:"dry-run" short:"N" help:"Show the settings as they would be; change nothing."`

	MaxBPG      *byteSize `name:"maxbpg" short:"e" placeholder:"N" help:"Blocks of one file in a cylinder group."`
	AvgFileSize *byteSize `name:"avgfilesize" short:"g" placeholder:"BYTES" help:"Expected size of a file."`
	AvgFPDir    *byteSize `name:"avgfpdir" short:"h" placeholder:"N" help:"Expected files in a directory."`
	LogSize     *byteSize `name:"log" short:"l" placeholder:"BYTES" help:"Size of a journal in the file system, which the next mount that uses one makes; 0 removes it."`
	MinFree     *byteSize `name:"minfree" short:"m" placeholder:"PERCENT" help:"Space kept for root."`
	Optim       string    `short:"o" enum:"time,space," default:"" placeholder:"time|space" help:"What to optimise for."`
	Quota       []string  `short:"q" enum:"user,group,nouser,nogroup" placeholder:"user|group" help:"Keep quotas; nouser, nogroup: do not."`
	SectorSize  *byteSize `short:"S" placeholder:"BYTES" help:"Sector size of the disk; 0 shows it."`
	Label       *string   `name:"label" short:"L" aliases:"volname" placeholder:"NAME" help:"Volume name, up to 31 bytes."`

	Image string `arg:"" help:"Image, partition (disk.img%DISKLABEL:a%) or block device."`
}

func (tunefsCmd) usageCode() int { return tuneUsage }

// Help shows examples.
func (tunefsCmd) Help() string {
	return `Changes the settings that the superblock of a Fast File System holds, as tunefs(8) does. A file system that is mounted, or not clean, is left alone.

Examples:
  rump tunefs -N disk.img
  rump tunefs -m 8 -o time -A 'disk.img%DISKLABEL:a%'
  rump tunefs -L backup disk.img

Exit status: 0, 1 a setting that cannot be or an error of the disk, 2 usage, 5 no superblock, 7 writing failed, 10 to 12 as by tunefs(8).`
}

// Run changes what is asked for and says what that was.
func (t *tunefsCmd) Run(_ context.Context, e *env) error {
	set, err := t.settings()
	if err != nil {
		return exit(tuneUsage, err)
	}
	im, err := openImage(t.Image, imageOptions{readOnly: t.NoWrite, noLock: t.NoWrite})
	if err != nil {
		return err
	}
	defer im.Close()
	s, _, err := ondisk.FindSuper(im, im.Size())
	if err != nil {
		return exit(tuneSuper, im.notFFS(err))
	}
	_, s.Apple = ondisk.ReadAppleLabel(im, im.Size())
	if why := tune.Refusal(s); why != "" && !t.NoWrite {
		return fmt.Errorf("%s: %s", t.Image, why)
	}
	if s.Order.IsBig() {
		e.warn("%s: swapping byte order", t.Image)
	}
	e.warn("tuning %s", t.Image)
	r, err := tune.Change(s, set)
	for _, w := range r.Warnings {
		e.warn("%s", w)
	}
	for _, n := range r.Notes {
		fmt.Fprintln(e.Stdout, n)
	}
	var refused *tune.Error
	switch {
	case errors.As(err, &refused):
		return exit(refused.Code, refused)
	case err != nil:
		return err
	case t.NoWrite:
		return tune.Show(e.Stdout, t.Image, s)
	}
	if err := tune.Write(im, s, t.Backups); err != nil {
		return exit(tuneWrite, fmt.Errorf("%s: %w", t.Image, err))
	}
	return nil
}

// settings collects the options.
func (t *tunefsCmd) settings() (set tune.Settings, err error) {
	for _, c := range []struct {
		from *byteSize
		to   **int32
	}{{t.MaxBPG, &set.MaxBPG}, {t.AvgFileSize, &set.AvgFileSize}, {t.AvgFPDir, &set.AvgFPDir}, {t.MinFree, &set.MinFree}} {
		if c.from == nil {
			continue
		}
		if *c.from < math.MinInt32 || *c.from > math.MaxInt32 {
			return set, fmt.Errorf("%d is too large", *c.from)
		}
		v := int32(*c.from)
		*c.to = &v
	}
	set.LogSize, set.SectorSize, set.Label = (*int64)(t.LogSize), (*int64)(t.SectorSize), t.Label
	if t.Optim != "" {
		v := int32(ondisk.OptimTime)
		if t.Optim == "space" {
			v = ondisk.OptimSpace
		}
		set.Optim = &v
	}
	on, off := true, false
	for _, q := range t.Quota {
		switch q {
		case "user":
			set.UserQuota = &on
		case "nouser":
			set.UserQuota = &off
		case "group":
			set.GroupQuota = &on
		case "nogroup":
			set.GroupQuota = &off
		}
	}
	return set, nil
}
