package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"rump/ffs/mkfs"
	"rump/ffs/mkfs/tree"
)

// makefsCmd makes an image from a tree.
type makefsCmd struct {
	Order   string   `short:"B" enum:"le,be,little,big,1234,4321" default:"le" help:"Byte order: le or be."`
	Type    string   `short:"t" default:"ffs" help:"Kind of file system; ffs is the one there is."`
	Options []string `short:"o" sep:"none" placeholder:"NAME=VALUE,..." help:"Options of the file system, see below."`

	Size       byteSize `short:"s" placeholder:"SIZE" help:"Exact size of the image; the default is what the tree needs."`
	MinSize    byteSize `short:"M" placeholder:"SIZE" help:"Least size of the image."`
	MaxSize    byteSize `short:"m" placeholder:"SIZE" help:"Largest size of the image."`
	RoundTo    byteSize `short:"R" placeholder:"SIZE" help:"Make the size a multiple of this."`
	FreeBlocks string   `short:"b" placeholder:"SIZE|N%" help:"Space that stays free, in bytes or percent of what the tree takes."`
	FreeFiles  string   `short:"f" placeholder:"N|N%" help:"Inodes that stay free."`
	SectorSize int      `short:"S" placeholder:"BYTES" help:"Sector size (512)."`
	Offset     byteSize `short:"O" placeholder:"SIZE" help:"Write the image into the file from here on; the rest of the file stays."`

	Spec      []string `short:"F" type:"existingfile" placeholder:"SPECFILE" help:"mtree(5) specification to change and add to the tree by."`
	OnlySpec  bool     `short:"x" help:"Leave out what the specification does not name."`
	Duplicate bool     `short:"D" help:"A name that the specification has twice is a warning only."`
	UserDB    string   `short:"N" placeholder:"DIR" help:"Take numbers of users and groups from master.passwd and group here."`
	Replace   bool     `short:"r" help:"Of a file in several directories the last one counts."`

	Time    string `short:"T" placeholder:"SECONDS|FILE" help:"Give everything this time, or that of a file. Makes images reproducible, as SOURCE_DATE_EPOCH does."`
	MaxTime *int64 `placeholder:"SECONDS" help:"No time is later than this."`
	Owner   string `placeholder:"UID:GID" help:"Owner of everything in the image."`

	Fill   bool `help:"Write zeros where nothing is, so that the image has no holes."`
	Sync   bool `help:"End only when the image is safe on the disk."`
	Quiet  bool `short:"q" help:"Print nothing but errors."`
	Sparse bool `short:"Z" hidden:"" help:"Accepted; images have holes."`
	Debug  int  `short:"d" hidden:"" help:"Accepted."`

	Image  string   `arg:"" help:"Image file to make, or block device."`
	Source []string `arg:"" help:"Directories, tar archives (- is standard input), mtree manifests; later ones on top."`
}

// Help shows examples.
func (makefsCmd) Help() string {
	return `Makes a Fast File System with the files of a tree in it: no root, no mount, in one pass. Options, summary and
exit status are those of NetBSD's and FreeBSD's makefs; the size is calculated so that the tree always fits.

Options of the file system (-o), sizes in bytes: version=1|2|2ea, bsize, fsize, density (bytes for each inode), minfree (percent),
optimization=time|space, maxbpg, maxbpcg, extent, avgfilesize, avgfpdir, label, softupdates=1, xattr=1 (keep extended attributes), and
superblock=8192 (where the historic makefs puts that of version 2; else it is at 65536).

Examples:
  rump makefs disk.img directory
  rump makefs -o version=2,label=data -b 20% disk.img directory
  SOURCE_DATE_EPOCH=0 rump makefs -B be -F METALOG -N etc disk.img root
  curl -s https://example.org/root.tgz | rump makefs -o version=2 disk.img -

Exit status: 0 made, 1 an error, or a file became shorter while it was read, others a request that cannot be met.`
}

// Run makes the image and prints its shape.
func (c *makefsCmd) Run(ctx context.Context, e *env) error {
	m, err := c.options(e)
	if err != nil {
		return err
	}
	src, done, err := c.source(e)
	defer done()
	if err != nil {
		return err
	}
	bar := e.progress(-1, c.Image)
	m.Progress = func(n, total int64) {
		bar.ChangeMax64(total)
		_ = bar.Set64(n) // a bar that cannot be drawn is no reason to stop
	}
	r, err := mkfs.Makefs(ctx, mkfs.ToFile(c.Image, int64(c.Offset)), src, m)
	_ = bar.Close()
	for _, w := range r.Warnings {
		e.warn("Warning: %s", w)
	}
	var refused *mkfs.Error
	if errors.As(err, &refused) {
		return exit(refused.Code, refused)
	}
	if err != nil {
		return err
	}
	if !c.Quiet {
		if _, err := io.WriteString(e.Stdout, r.Text()); err != nil {
			return err
		}
	}
	for _, name := range r.Short {
		e.warn("%s: became shorter while it was read; the rest is zeros", name)
	}
	if more := r.NShort - len(r.Short); more > 0 {
		e.warn("... and %d more", more)
	}
	if r.NShort > 0 {
		return exit(1, nil)
	}
	return nil
}

// options are all but the tree.
func (c *makefsCmd) options(e *env) (mkfs.MakefsOptions, error) {
	m := mkfs.MakefsOptions{
		Order: parseOrder(c.Order), MinSize: int64(c.MinSize), MaxSize: int64(c.MaxSize), RoundTo: int64(c.RoundTo),
		SectorSize: c.SectorSize, Fill: c.Fill, Sync: c.Sync, Name: c.Image,
	}
	if c.Type != "ffs" {
		return m, fmt.Errorf("-t %s: ffs is the only kind of file system that can be made", c.Type)
	}
	if c.Size > 0 {
		m.MinSize, m.MaxSize = int64(c.Size), int64(c.Size)
	}
	var err error
	if m.FreeBlocks, err = parseAmount(c.FreeBlocks); err != nil {
		return m, err
	}
	if m.FreeFiles, err = parseAmount(c.FreeFiles); err != nil {
		return m, err
	}
	if err := c.times(e, &m); err != nil {
		return m, err
	}
	if c.Owner != "" {
		if m.Owner, m.Group, err = parseOwner(c.Owner); err != nil {
			return m, err
		}
	}
	for _, list := range c.Options {
		for o := range strings.SplitSeq(list, ",") {
			if err := makefsOption(&m, o); err != nil {
				return m, err
			}
		}
	}
	return m, nil
}

// parseAmount reads a size or a percentage; nothing is none.
func parseAmount(s string) (mkfs.Amount, error) {
	if s == "" {
		return mkfs.Amount{}, nil
	}
	if p, ok := strings.CutSuffix(s, "%"); ok {
		n, err := strconv.ParseUint(p, 10, 31)
		if err != nil {
			return mkfs.Amount{}, fmt.Errorf("%q is no percentage", s)
		}
		return mkfs.Amount{N: int64(n), Percent: true}, nil
	}
	n, err := parseSize(s, 1)
	return mkfs.Amount{N: n}, err
}

func parseOwner(s string) (uid, gid *uint32, err error) {
	u, g, _ := strings.Cut(s, ":")
	for _, part := range []struct {
		text string
		to   **uint32
	}{{u, &uid}, {g, &gid}} {
		if part.text == "" {
			continue
		}
		n, err := strconv.ParseUint(part.text, 10, 32)
		if err != nil {
			return nil, nil, fmt.Errorf("--owner %q is not UID:GID", s)
		}
		*part.to = mkfs.Ptr(uint32(n))
	}
	return uid, gid, nil
}

// times settles what -T, --max-time and SOURCE_DATE_EPOCH ask for.
func (c *makefsCmd) times(e *env, m *mkfs.MakefsOptions) error {
	if text := e.Getenv("SOURCE_DATE_EPOCH"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("SOURCE_DATE_EPOCH=%q is no number of seconds", text)
		}
		m.MaxTime, m.Reproducible = mkfs.Ptr(time.Unix(n, 0)), true
	}
	if c.MaxTime != nil {
		m.MaxTime = mkfs.Ptr(time.Unix(*c.MaxTime, 0))
	}
	if c.Time == "" {
		return nil
	}
	m.Reproducible = true
	if n, err := strconv.ParseInt(c.Time, 10, 64); err == nil {
		m.AllTimes = mkfs.Ptr(time.Unix(n, 0))
		return nil
	}
	info, err := os.Stat(c.Time)
	if err != nil {
		return fmt.Errorf("-T %s: neither a number nor a file", c.Time)
	}
	m.AllTimes = mkfs.Ptr(info.ModTime())
	return nil
}

// makefsOption sets one of the options of -o.
func makefsOption(m *mkfs.MakefsOptions, o string) error {
	name, value, ok := strings.Cut(o, "=")
	numbers := map[string]*int{
		"bsize": &m.BlockSize, "fsize": &m.FragSize, "maxbpg": &m.MaxBPG, "maxbpf": &m.MaxBPG, "maxbpcg": &m.MaxBlocksPerGroup,
		"extent": &m.Extent, "avgfilesize": &m.AvgFileSize, "avgfpdir": &m.AvgFPDir,
	}
	to, isNumber := numbers[name]
	switch name {
	case "density", "minfree", "version", "optimization", "label", "softupdates", "xattr", "superblock":
	default:
		if !isNumber {
			return fmt.Errorf("Unknown option `%s'", o)
		}
	}
	if !ok || value == "" {
		return fmt.Errorf("Option `%s' doesn't contain a value", name)
	}
	switch name {
	case "label":
		m.Label = value
		return nil
	case "optimization":
		m.Space = value == "space"
		if value != "space" && value != "time" {
			return fmt.Errorf("Invalid optimization `%s'", value)
		}
		return nil
	case "version":
		if m.ExtAttr = value == "2ea"; m.ExtAttr {
			value = "2"
		}
	}
	n, err := parseSize(value, 1)
	if err != nil || n < 0 || n > 1<<31 && name != "density" {
		return fmt.Errorf("Option `%s': `%s' is no number that it can have", name, value)
	}
	switch name {
	case "density":
		m.Density = n
	case "minfree":
		m.MinFree = mkfs.Ptr(int(n))
	case "version":
		m.Version = int(n)
	case "softupdates":
		m.SoftUpdates = n != 0
	case "xattr":
		m.Xattrs = n != 0
	case "superblock":
		if n != 8192 && n != 65536 {
			return fmt.Errorf("Option `superblock': 8192 or 65536, not %d", n)
		}
		m.HistoricSuper = n == 8192
	default:
		*to = int(n)
	}
	return nil
}

// source opens what the tree is made of. done closes it, also after an error.
func (c *makefsCmd) source(e *env) (src mkfs.Source, done func(), err error) {
	var files []*os.File
	done = func() {
		for _, f := range files {
			f.Close()
		}
	}
	open := func(path string) (*os.File, error) {
		f, err := os.Open(path)
		if err == nil {
			files = append(files, f)
		}
		return f, err
	}
	src = mkfs.Source{Replace: c.Replace, OnlySpec: c.OnlySpec, AllowDuplicate: c.Duplicate, TarNames: c.UserDB != ""}
	for _, path := range c.Spec {
		f, err := open(path)
		if err != nil {
			return src, done, err
		}
		src.Specs = append(src.Specs, tree.Spec{Name: path, Reader: f})
	}
	for _, path := range c.Source {
		if path == "-" {
			r, err := gunzip(e.Stdin)
			if err != nil {
				return src, done, fmt.Errorf("standard input: %w", err)
			}
			src.Tars = append(src.Tars, tree.Archive{Name: "standard input", Reader: r})
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return src, done, err
		}
		if info.IsDir() {
			src.Dirs = append(src.Dirs, path)
			continue
		}
		f, err := open(path)
		if err != nil {
			return src, done, err
		}
		if err := addSourceFile(&src, path, f); err != nil {
			return src, done, fmt.Errorf("%s: %w", path, err)
		}
	}
	if src.Users, err = readUserDB(c.UserDB); err != nil {
		return src, done, err
	}
	return src, done, nil
}

// addSourceFile adds an archive, or else a manifest.
func addSourceFile(src *mkfs.Source, name string, f *os.File) error {
	head := make([]byte, 512)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	head = head[:n]
	switch {
	case bytes.HasPrefix(head, gzipMagic):
		z, err := gzip.NewReader(f)
		if err != nil {
			return err
		}
		src.Tars = append(src.Tars, tree.Archive{Name: name, Reader: z})
	case len(head) == 512 && bytes.HasPrefix(head[257:], []byte("ustar")):
		src.Tars = append(src.Tars, tree.Archive{Name: name, Reader: f})
	default:
		src.Specs = append(src.Specs, tree.Spec{Name: name, Reader: f})
	}
	return nil
}

var gzipMagic = []byte{0x1f, 0x8b}

// gunzip unpacks a stream that is packed.
func gunzip(r io.Reader) (io.Reader, error) {
	var head [2]byte
	n, err := io.ReadFull(r, head[:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	whole := io.MultiReader(bytes.NewReader(head[:n]), r)
	if bytes.Equal(head[:n], gzipMagic) {
		return gzip.NewReader(whole)
	}
	return whole, nil
}
