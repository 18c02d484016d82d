package dump

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"time"

	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
)

// Parts are what is to be shown, as bits.
type Parts uint8

// The parts, with their letters in dumpfs(8).
const (
	Super   Parts = 1 << iota // s
	Summary                   // m: free space by cylinder group
	Backups                   // a: the copies of the superblock
	Journal                   // j: the records of the write-ahead log
	Groups                    // c: headers and maps of the cylinder groups
	Inodes                    // i: the inodes that are in use
	Verbose                   // v: all inodes, the rotational tables, each entry of a journal record

	// Default is shown if nothing is asked for.
	Default = Super | Summary | Groups | Verbose
)

// Options say what to show.
type Options struct {
	Name  string         // of the volume, in the first line
	Parts Parts          // none of them: Default
	Zone  *time.Location // of times in Text; nil is the local one
}

// Text prints a description of the volume on dev as dumpfs does. The error is of the device or of w, a *ondisk.NotFoundError, or that of ctx.
func Text(ctx context.Context, w io.Writer, dev blockdev.Device, o Options) error {
	d, err := open(ctx, dev, o)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(w, 1<<16)
	t := &text{dumper: d, w: out}
	err = t.all()
	if e := out.Flush(); err == nil {
		err = e
	}
	return err
}

// A dumper is one volume that is described.
type dumper struct {
	ctx context.Context
	dev blockdev.Device
	s   *ondisk.Super
	o   Options
}

func open(ctx context.Context, dev blockdev.Device, o Options) (*dumper, error) {
	if o.Parts&^Verbose == 0 {
		o.Parts |= Default
	}
	if o.Zone == nil {
		o.Zone = time.Local
	}
	s, _, err := ondisk.FindSuper(dev, dev.Size())
	if err != nil {
		return nil, err
	}
	_, s.Apple = ondisk.ReadAppleLabel(dev, dev.Size())
	return &dumper{ctx, dev, s, o}, nil
}

func (d *dumper) has(p Parts) bool { return d.o.Parts&p != 0 }

// read reads n bytes at off, which need not be whole sectors.
func (d *dumper) read(off, n int64) ([]byte, error) {
	sector := int64(d.dev.SectorSize())
	lo, hi := off&^(sector-1), (off+n+sector-1)&^(sector-1)
	b := make([]byte, hi-lo)
	if _, err := d.dev.ReadAt(b, lo); err != nil {
		return nil, fmt.Errorf("byte %d: %w", off, err)
	}
	return b[off-lo:][:n], nil
}

// group reads the block of a cylinder group.
func (d *dumper) group(cg int) ([]byte, error) {
	return d.read(d.s.FragOffset(d.s.CgHeader(cg)), int64(d.s.CgSize))
}

// eachSummary calls fn with the counts of every group, as the summary area has them.
func (d *dumper) eachSummary(fn func(cg int, sum ondisk.Summary)) error {
	s := d.s
	const chunk = 1 << 16
	start, total := s.FragOffset(s.CSAddr), int64(s.Ncg)*ondisk.SummarySize
	for off := int64(0); off < total; off += chunk {
		b, err := d.read(start+off, min(chunk, total-off))
		if err != nil {
			return fmt.Errorf("summary area: %w", err)
		}
		for i := 0; i < len(b); i += ondisk.SummarySize {
			fn(int(off+int64(i))/ondisk.SummarySize, ondisk.DecodeSummary(s.Order, b[i:]))
		}
	}
	return nil
}

// eachInode calls fn with every inode of a group, used or not, whatever bytes stand in its place.
func (d *dumper) eachInode(cg int, fn func(ino ondisk.Ino, in *ondisk.Inode)) error {
	s := d.s
	first := ondisk.Ino(cg) * ondisk.Ino(s.Ipg)
	var in ondisk.Inode
	for i := ondisk.Ino(0); i < ondisk.Ino(s.Ipg); i += ondisk.Ino(s.Inopb) {
		b, err := d.read(s.FragOffset(s.InoToFrag(first+i)), int64(s.BSize))
		if err != nil {
			return fmt.Errorf("inodes from %d on: %w", first+i, err)
		}
		for k := range ondisk.Ino(s.Inopb) {
			ondisk.DecodeInode(s, b[int(k)*s.InodeSize():], &in)
			fn(first+i+k, &in)
		}
	}
	return d.ctx.Err()
}

// sector is the size of a sector of the disk that was formatted, in bytes; what cannot be is 512.
func (d *dumper) sector(s *ondisk.Super) int64 {
	if s.FsbToDb < 0 || s.FsbToDb > 16 || s.FSize>>uint(s.FsbToDb) == 0 {
		return ondisk.SectorSize
	}
	return int64(s.FSize >> uint(s.FsbToDb))
}
