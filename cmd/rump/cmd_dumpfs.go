package main

import (
	"context"

	"rump/ffs/dump"
)

// dumpfsCmd describes a file system.
type dumpfsCmd struct {
	Backups bool `name:"alternates" short:"a" help:"The copies of the superblock."`
	Groups  bool `short:"c" help:"The cylinder groups: headers and maps."`
	File    bool `short:"F" help:"The argument is an image file; always so here."`
	Inodes  bool `short:"i" help:"The inodes that are in use; with -v all."`
	Journal bool `short:"j" help:"The records of the journal (WAPBL)."`
	Summary bool `short:"m" help:"The counts of all cylinder groups."`
	Super   bool `name:"superblock" short:"s" help:"The superblock."`
	Verbose bool `short:"v" help:"More: rotational tables, free inodes, entries of journal records."`
	JSON    bool `name:"json" help:"Print one JSON object instead of text, maps only with -v."`

	Image []string `arg:"" help:"Image, partition (disk.img%DISKLABEL:a%) or block device."`
}

// Help shows examples.
func (dumpfsCmd) Help() string {
	return `Describes a Fast File System, to the letter as NetBSD's dumpfs does: -cmsv if no part is named. Nothing is changed, and a mounted image may be
looked at.

Examples:
  rump dumpfs -s disk.img
  rump dumpfs -ac 'disk.img%DISKLABEL:a%'
  rump dumpfs --json -sm disk.img | jq .superblock.nbfree

Exit status: 0, or 1 if one of the images could not be read.`
}

// Run describes each image.
func (d *dumpfsCmd) Run(ctx context.Context, e *env) error {
	failed := false
	for _, spec := range d.Image {
		if err := d.one(ctx, e, spec); err != nil {
			e.warn("%s", message(err))
			failed = true
		}
	}
	if failed {
		return exit(1, nil)
	}
	return nil
}

func (d *dumpfsCmd) one(ctx context.Context, e *env, spec string) error {
	im, err := openImage(spec, imageOptions{readOnly: true, noLock: true})
	if err != nil {
		return err
	}
	defer im.Close()
	o := dump.Options{Name: spec, Parts: d.parts()}
	if d.JSON {
		err = dump.JSON(ctx, e.Stdout, im, o)
	} else {
		err = dump.Text(ctx, e.Stdout, im, o)
	}
	if err != nil {
		return im.notFFS(err)
	}
	return nil
}

func (d *dumpfsCmd) parts() (p dump.Parts) {
	for _, c := range []struct {
		want bool
		part dump.Parts
	}{
		{d.Backups, dump.Backups}, {d.Groups, dump.Groups}, {d.Inodes, dump.Inodes}, {d.Journal, dump.Journal},
		{d.Summary, dump.Summary}, {d.Super, dump.Super}, {d.Verbose, dump.Verbose},
	} {
		if c.want {
			p |= c.part
		}
	}
	return p
}
