package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/term"

	"rump/disklabel"
	"rump/ffs/mkfs"
	"rump/internal/endian"
	"rump/rumpfs/blockdev"
)

// newfsCmd makes an empty file system.
type newfsCmd struct {
	Order   string `short:"B" enum:"le,be,little,big,1234,4321" default:"le" help:"Byte order: le or be."`
	File    bool   `short:"F" help:"The argument is an image file, made if it is missing and -s is given."`
	NoWrite bool   `name:"dry-run" short:"N" help:"Print what would be made; change nothing."`
	Version string `name:"format" short:"O" enum:"0,1,2,2ea" default:"1" help:"Format: 0 4.3BSD, 1 UFS1, 2 UFS2, 2ea UFS2 with NetBSD 10's extended attributes (${default})."`
	Fill    bool   `short:"Z" help:"Write zeros to all of the image, so that it has no holes."`
	Verbose int    `name:"verbose" short:"V" default:"3" help:"0 nothing, 1 sizes, 2 and dots, 3 and backups on one line, 4 all of them (${default})."`

	Size       string   `short:"s" placeholder:"SIZE" help:"Size in sectors, or in bytes with a suffix (14M, 2g). Negative: leave so much free at the end."`
	SectorSize int      `short:"S" placeholder:"BYTES" help:"Sector size."`
	BlockSize  byteSize `short:"b" placeholder:"BYTES" help:"Block size, 4096 to 65536."`
	FragSize   byteSize `short:"f" placeholder:"BYTES" help:"Fragment size, a block or down to an eighth of one."`
	Density    byteSize `short:"i" placeholder:"BYTES" help:"Bytes of disk for each inode."`
	Inodes     int64    `short:"n" placeholder:"N" help:"Number of inodes, instead of -i."`
	MinFree    *int     `short:"m" placeholder:"PERCENT" help:"Space kept for root (5)."`
	Optim      string   `short:"o" enum:"time,space," default:"" placeholder:"time|space" help:"What to optimise for."`

	MaxContig   int      `short:"a" placeholder:"N" help:"Blocks that may be allocated in a row."`
	MaxBSize    byteSize `short:"d" placeholder:"BYTES" help:"Largest extent."`
	MaxBPG      int      `short:"e" placeholder:"N" help:"Blocks of one file in a cylinder group."`
	AvgFileSize int      `short:"g" placeholder:"BYTES" help:"Expected size of a file."`
	AvgFPDir    int      `short:"h" placeholder:"N" help:"Expected files in a directory."`

	Apple string   `short:"v" placeholder:"NAME" help:"Make an Apple UFS volume of this name."`
	Label string   `short:"L" placeholder:"NAME" help:"Volume name."`
	Quota []string `short:"q" enum:"user,group" placeholder:"user|group" help:"Keep quotas for users, groups, or (twice) both."`

	AllowGarbage bool   `short:"G" hidden:"" help:"Accepted; the old content never matters."`
	AnyType      bool   `short:"I" hidden:"" help:"Accepted; the partition's type never matters."`
	DiskType     string `short:"T" hidden:"" help:"Accepted; sizes come from the image."`

	Image string `arg:"" help:"Image, partition (disk.img%DISKLABEL:a%) or block device."`
}

// Help shows examples.
func (newfsCmd) Help() string {
	return `Makes an empty Fast File System, the same byte for byte as NetBSD's newfs. What was on the image is lost.

Examples:
  rump newfs -F -s 14M disk.img
  rump newfs -O 2 -b 16384 -f 2048 'disk.img%DISKLABEL:a%'
  rump newfs -N -O 2 -s 100g -F big.img

Exit status: 0 made, 1 usage or an error of the disk, 13 to 40 a request that cannot be met, numbered as by newfs(8).`
}

// Run makes the file system and prints its shape.
func (n *newfsCmd) Run(ctx context.Context, e *env) error {
	o := n.options()
	sector := int64(max(n.SectorSize, blockdev.DefaultSectorSize))
	if n.Size != "" {
		size, err := parseSize(n.Size, sector)
		if err != nil {
			return err
		}
		o.Size = size
	}
	report, err := n.make(ctx, o)
	var refused *mkfs.Error
	if errors.As(err, &refused) {
		return exit(refused.Code, refused)
	}
	if err != nil {
		return err
	}
	for _, w := range report.Warnings {
		e.warn("Warning: %s", w)
	}
	_, err = io.WriteString(e.Stdout, report.Text(n.Verbose, columns(e.Stdout)))
	return err
}

func (n *newfsCmd) make(ctx context.Context, o mkfs.Options) (mkfs.Report, error) {
	dev, err := n.open(o)
	if err != nil {
		return mkfs.Report{}, err
	}
	defer dev.Close()
	return mkfs.Newfs(ctx, dev, o)
}

func (n *newfsCmd) options() mkfs.Options {
	o := mkfs.Options{
		Version: 1, Old: n.Version == "0", ExtAttr: n.Version == "2ea",
		SectorSize: n.SectorSize, BlockSize: int(n.BlockSize), FragSize: int(n.FragSize),
		Density: int64(n.Density), Inodes: n.Inodes, MinFree: n.MinFree, Space: n.Optim == "space",
		MaxContig: n.MaxContig, MaxBPG: n.MaxBPG, MaxBSize: int(n.MaxBSize),
		AvgFileSize: n.AvgFileSize, AvgFPDir: n.AvgFPDir,
		AppleName: n.Apple, Label: n.Label,
		UID: uint32(os.Getuid()), GID: uint32(os.Getgid()),
		NoWrite: n.NoWrite, Fill: n.Fill, Name: n.Image, Order: parseOrder(n.Order),
	}
	if n.Version[0] == '2' {
		o.Version = 2
	}
	for _, kind := range n.Quota {
		o.UserQuota = o.UserQuota || kind == "user"
		o.GroupQuota = o.GroupQuota || kind == "group"
	}
	return o
}

// parseOrder reads a byte order that kong has found to be one.
func parseOrder(s string) endian.Order {
	switch s {
	case "be", "big", "4321":
		return endian.Big
	}
	return endian.Little
}

// open opens the image, or makes it. A dry run gets by without one.
func (n *newfsCmd) open(o mkfs.Options) (blockdev.Device, error) {
	file, steps, err := disklabel.ParseSpec(n.Image)
	if err != nil {
		return nil, err
	}
	_, err = os.Stat(file)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case missing && o.Size <= 0:
		return nil, fmt.Errorf("%s: no such file; with -s SIZE it is made", file)
	case missing && n.NoWrite:
		return blockdev.NewMemory(o.Size), nil
	case len(steps) == 0 && o.Size > 0 && !n.NoWrite:
		if _, err := mkfs.Geometry(o.Size, o); err != nil {
			return nil, err // before there is a file
		}
		return blockdev.OpenFile(file, blockdev.FileOptions{Create: true, MinSize: o.Size})
	}
	return openImage(n.Image, imageOptions{readOnly: n.NoWrite})
}

// columns is the width of the terminal that w is, 80 if it is none.
func columns(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return 80
}
