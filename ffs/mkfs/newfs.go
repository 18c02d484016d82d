package mkfs

import (
	"context"
	"fmt"
	"syscall"

	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
)

// Newfs makes an empty file system on dev as o says and returns what it has made. What was on the disk cannot be found any
// more, but is overwritten only where the file system keeps its own structures. Of a disk with holes only what is not zero
// takes room. The error is an *Error where the request cannot be met, or one of the disk; nothing is written in the
// first case. A disk that Newfs did not finish holds no file system.
func Newfs(ctx context.Context, dev blockdev.Device, o Options) (Report, error) {
	if err := o.settle(); err != nil {
		return Report{}, err
	}
	size, err := o.volumeSize(dev)
	if err != nil {
		return Report{}, err
	}
	o.SectorSize = max(o.SectorSize, dev.SectorSize())
	s, err := o.geometry(size)
	if err != nil {
		return Report{}, err
	}
	r := Report{Name: o.Name, Super: s.Clone(), SectorSize: o.SectorSize, NoWrite: o.NoWrite}
	if !o.Space && s.Optim == ondisk.OptimSpace {
		r.Warnings = append(r.Warnings, fmt.Sprintf("changing optimization to space because minfree is less than %d%%", minFreeDefault))
	}
	if o.NoWrite {
		return r, nil
	}
	if dev.ReadOnly() {
		return Report{}, fmt.Errorf("%s: %w", o.Name, syscall.EROFS)
	}
	f := &formatter{target: newTarget(dev, o.Fill), s: s, o: &o}
	if err := f.run(ctx); err != nil {
		return Report{}, fmt.Errorf("newfs: %w", err)
	}
	r.Super = s
	return r, nil
}

// volumeSize is how many bytes of the disk the file system gets.
func (o *Options) volumeSize(dev blockdev.Device) (int64, error) {
	size := o.Size
	if size <= 0 {
		size += dev.Size()
	}
	if size <= 0 {
		return 0, errorf(exitSize, "preposterous size %d", size)
	}
	if size > dev.Size() {
		return 0, errorf(exitSize, "size %d is larger than the disk, which has %d bytes", size, dev.Size())
	}
	return size, nil
}

// A formatter writes an empty file system. Its superblock goes from the state without files to that with the root directory.
type formatter struct {
	*target
	s *ondisk.Super
	o *Options

	pristine *ondisk.Super    // as the backups have it: without the root directory
	first    []byte           // block of group 0, written last
	summary  []ondisk.Summary // of each group
}

func (f *formatter) run(ctx context.Context) error {
	if f.fill {
		if err := f.zero(0, f.dev.Size()); err != nil {
			return err
		}
		f.fill = false
	} else if err := f.zap(); err != nil {
		return err
	}
	f.pristine = f.s.Clone()
	f.summary = make([]ondisk.Summary, f.s.Ncg)
	for c := range int(f.s.Ncg) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f.writeGroup(c); err != nil {
			return err
		}
	}
	if err := f.makeRoot(); err != nil {
		return err
	}
	if err := f.writeSummary(); err != nil {
		return err
	}
	if err := f.writeAppleLabel(); err != nil {
		return err
	}
	if err := f.writeSuper(); err != nil {
		return err
	}
	return f.dev.Flush()
}

// writeGroup writes backup superblock, header and inodes of group c; the header of group 0 is kept for the root directory.
func (f *formatter) writeGroup(c int) error {
	s := f.s
	block := make([]byte, s.BSize)
	g, err := newGroup(s, c, block)
	if err != nil {
		return err
	}
	freeAll(s, &g)
	tally(s, &g, block)
	f.summary[c] = g.Summary()

	backup := make([]byte, int64(s.CblkNo-s.SblkNo)<<s.FShift)
	f.pristine.EncodeBackup(backup, s.FragOffset(s.CgSuper(c)))
	if err := f.write(s.FragOffset(s.CgSuper(c)), backup); err != nil {
		return err
	}
	if c == 0 {
		f.first = block
	} else if err := f.write(s.FragOffset(s.CgHeader(c)), block); err != nil {
		return err
	}
	return f.writeInodes(c, &g)
}

// writeInodes writes the inodes of group c that a file system has to have from the start: free, with random generations in the
// first two blocks. UFS1 has all of them, the rest without generations, so that an image has a hole there.
func (f *formatter) writeInodes(c int, g *ondisk.Group) error {
	s := f.s
	n := min(int(s.Ipg), 2*int(s.Inopb))
	b := make([]byte, n*s.InodeSize())
	for i := range n {
		in := ondisk.Inode{Gen: f.generation()}
		ondisk.EncodeInode(s, &in, b[i*s.InodeSize():])
	}
	at := s.FragOffset(s.CgInodes(c))
	if err := f.write(at, b); err != nil {
		return err
	}
	if s.Version == 2 {
		return nil
	}
	return f.zero(at+int64(len(b)), int64(s.Ipg)*int64(s.InodeSize())-int64(len(b)))
}

func (f *formatter) generation() uint32 { return f.o.Rand() & 0x7fffffff }

// writeSummary writes the counts of all groups, and sets the totals.
func (f *formatter) writeSummary() error {
	s := f.s
	b := make([]byte, s.CSSize)
	s.Total = ondisk.Totals{}
	for c, sum := range f.summary {
		sum.Encode(s.Order, b[c*ondisk.SummarySize:])
		s.Total.Add(sum)
	}
	return f.write(s.FragOffset(s.CSAddr), b)
}

// writeSuper writes the primary superblock, and zeros from there to the first backup.
func (f *formatter) writeSuper() error {
	s := f.s
	end := s.FragOffset(s.SblkNo)
	size := roundUp(int64(s.SBSize), int64(f.dev.SectorSize()))
	if err := f.zero(s.Location+size, end-s.Location-size); err != nil {
		return err
	}
	b := make([]byte, size)
	s.Encode(b)
	return f.write(s.Location, b)
}

func (f *formatter) writeAppleLabel() error {
	if f.o.AppleName == "" {
		return nil
	}
	label := ondisk.AppleLabel{
		Time: uint32(f.s.Time), Name: f.o.AppleName,
		UUID: uint64(f.o.Rand())<<32 | uint64(f.o.Rand()),
	}
	return f.patch(ondisk.AppleLabelOffset, ondisk.AppleLabelSize, func(b []byte) bool {
		label.Encode(b)
		return true
	})
}
