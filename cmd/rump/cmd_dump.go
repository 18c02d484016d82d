package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/term"

	"rump/ffs/blockmap"
	"rump/ffs/dump"
)

// dumpCmd describes a file system, or draws it.
type dumpCmd struct {
	Map    bool   `help:"Draw what each part of the image is used for, here or with -o in a file."`
	Output string `name:"output" short:"o" placeholder:"FILE" help:"Write the picture to a file, SVG or PNG by its name; - is SVG on standard output."`
	Colour string `name:"color" aliases:"colour" enum:"auto,always,never" default:"auto" help:"Colours in the terminal: auto, always or never (${default})."`
	JSON   bool   `name:"json" help:"Without --map: print JSON instead of text."`

	Image string `arg:"" help:"Image, partition (disk.img%DISKLABEL:a%) or block device."`
}

// Help shows examples.
func (dumpCmd) Help() string {
	return `With --map draws a Fast File System: superblocks, group headers, inodes, directories, file data, fragments, indirect blocks and free space, group by group, with
totals. What is lost, or claimed twice, stands out. Any size of image fits. Without --map it is described as by dumpfs. Nothing is changed.

Examples:
  rump dump --map disk.img
  rump dump --map -o disk.svg disk.img
  rump dump --map -o disk.png 'disk.img%DISKLABEL:a%'
  rump dump disk.img | less

Without a terminal, or with --color never, letters stand for the colours.`
}

// Run draws, or describes.
func (d *dumpCmd) Run(ctx context.Context, e *env) error {
	draw, err := d.drawer()
	if err != nil {
		return err
	}
	im, err := openImage(d.Image, imageOptions{readOnly: true, noLock: true})
	if err != nil {
		return err
	}
	defer im.Close()
	if !d.Map && d.Output == "" {
		show := dump.Text
		if d.JSON {
			show = dump.JSON
		}
		if err := show(ctx, e.Stdout, im, dump.Options{Name: d.Image}); err != nil {
			return im.notFFS(err)
		}
		return nil
	}
	t := d.terminal(e)
	shape := blockmap.PictureShape
	if draw == nil {
		shape = t.Shape()
	}
	bar := e.progress(0, d.Image)
	m, err := blockmap.Survey(ctx, im, shape, func(done, total int) {
		bar.ChangeMax(total)
		_ = bar.Set(done) // a bar that cannot be drawn is no reason to stop
	})
	_ = bar.Close()
	if err != nil {
		return im.notFFS(err)
	}
	m.Name = d.Image
	switch {
	case draw == nil:
		return m.Text(e.Stdout, t)
	case d.Output == "-":
		return draw(m, e.Stdout)
	}
	m.Name = filepath.Base(d.Image)
	return writePicture(d.Output, m, draw)
}

// A drawer writes a picture of a map.
type drawer func(m *blockmap.Map, w io.Writer) error

// drawer is how the output file is drawn, nil without one.
func (d *dumpCmd) drawer() (drawer, error) {
	switch ext := strings.ToLower(filepath.Ext(d.Output)); {
	case d.Output == "":
		return nil, nil
	case d.Output == "-", ext == ".svg":
		return (*blockmap.Map).SVG, nil
	case ext == ".png":
		return (*blockmap.Map).PNG, nil
	}
	return nil, fmt.Errorf("%s: the name must end in .svg or .png", d.Output)
}

// writePicture writes a file, or leaves none.
func writePicture(path string, m *blockmap.Map, draw drawer) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	err = draw(m, f)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		_ = os.Remove(path) // half a picture; the first error counts
	}
	return err
}

// Lines of a terminal that the legend needs, and what the panels get at least and at most.
const (
	legendLines = 20
	leastLines  = 16
	mostLines   = 40
)

// terminal is what standard output can show.
func (d *dumpCmd) terminal(e *env) blockmap.Terminal {
	t := blockmap.Terminal{Columns: columns(e.Stdout), Rows: leastLines}
	f, isFile := e.Stdout.(*os.File)
	isTerm := isFile && term.IsTerminal(int(f.Fd()))
	if isTerm {
		if _, rows, err := term.GetSize(int(f.Fd())); err == nil {
			t.Rows = min(mostLines, max(leastLines, rows-legendLines))
		}
	}
	wanted := d.Colour == "always" || d.Colour == "auto" && isTerm && e.Getenv("NO_COLOR") == "" && e.Getenv("TERM") != "dumb"
	switch c := e.Getenv("COLORTERM"); {
	case !wanted:
	case c == "truecolor" || c == "24bit":
		t.Colours = blockmap.TrueColour
	default:
		t.Colours = blockmap.Colour256
	}
	return t
}
