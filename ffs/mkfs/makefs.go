package mkfs

import (
	"context"
	"fmt"
	"io"
	"strings"

	"rump/ffs/mkfs/tree"
	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
)

// MakefsReport says what image has been made.
type MakefsReport struct {
	Report
	Bytes  int64    // of the image
	Inodes int64    // that the tree needs, with those that were to stay free
	Extent int32    // largest extent, bytes
	Files  int64    // different ones, the root included
	Notes  []string // lines that the historic tool prints about the geometry

	// Short names files that were shorter when they were read than when the image was planned (the first of them; NShort counts
	// all). What is missing is zeros.
	Short  []string
	NShort int
}

// Makefs makes an image that holds the tree of a source, at most one chunk of each file in memory. The size is calculated from
// the tree, so that it fits, or is what the options say; where that is too small the error says what is needed. If the
// error is an *Error its Code is the exit status of the historic tool.
func Makefs(ctx context.Context, out Output, src Source, m MakefsOptions) (MakefsReport, error) {
	o, err := m.settle()
	if err != nil {
		return MakefsReport{}, err
	}
	s := m.newSuper(&o)
	src.Xattrs = m.Xattrs
	src.TempDir = m.TempDir
	if src.Skip == nil {
		src.Skip = out.skip
	}
	if src.Now.IsZero() {
		src.Now = m.Now
	}
	list, err := tree.Build(ctx, src)
	if err != nil {
		return MakefsReport{}, err
	}
	defer list.Close()
	p, err := makePlan(list, s, &m)
	if err != nil {
		return MakefsReport{}, err
	}
	defer p.close()
	f := newFitter(p, &m, &o)
	got, err := f.find()
	if err != nil {
		return MakefsReport{}, err
	}
	r := MakefsReport{
		Report: Report{Name: m.Name, Super: got.s, SectorSize: o.SectorSize, Warnings: list.Warnings},
		Bytes:  got.bytes, Inodes: f.shown, Extent: got.s.MaxBSize, Files: list.Files, Notes: got.notes,
	}
	b := &imageBuilder{plan: p, opts: &m, o: &o, s: got.s, report: &r}
	if err := b.build(ctx, out); err != nil {
		if out.abort != nil {
			out.abort()
		}
		return r, err
	}
	return r, nil
}

// An imageBuilder writes an image that has been planned.
type imageBuilder struct {
	plan   *plan
	opts   *MakefsOptions
	o      *Options
	s      *ondisk.Super
	report *MakefsReport
	t      *target
}

func (b *imageBuilder) build(ctx context.Context, out Output) (err error) {
	dev, err := out.open(b.report.Bytes)
	if err != nil {
		return err
	}
	defer func() {
		if e := dev.Close(); err == nil {
			err = e
		}
	}()
	if dev.SectorSize() > int(b.s.FSize) {
		return errorf(exitFragSector, "fragment size %d is too small, minimum is %d", b.s.FSize, dev.SectorSize())
	}
	b.t = newTarget(dev, b.opts.Fill)
	if err := b.prepare(dev); err != nil {
		return err
	}
	perGroup, err := b.populate(ctx)
	if err != nil {
		return err
	}
	if err := b.writeGroups(perGroup); err != nil {
		return err
	}
	if b.opts.Sync {
		return dev.Flush()
	}
	return nil
}

// prepare makes sure that nothing of what the disk held can be taken for a part of the image.
func (b *imageBuilder) prepare(dev blockdev.Device) error {
	if b.opts.Fill {
		if err := b.t.zero(0, dev.Size()); err != nil {
			return err
		}
		b.t.fill = false
		return nil
	}
	return b.t.zap()
}

// populate writes directories, inodes and files, and returns the directories of each group.
func (b *imageBuilder) populate(ctx context.Context) ([]int32, error) {
	c := newCrew(ctx, b.t, b.s, b.plan.list)
	c.progress, c.total = b.opts.Progress, b.plan.content
	w := newPopulator(b.plan, b.s, c, func() uint32 { return b.o.Rand() & 0x7fffffff })
	err := w.run()
	if err != nil {
		c.cancel(err)
	}
	if e := c.finish(); err == nil || ctx.Err() != nil {
		err = e
	}
	b.report.Short, b.report.NShort = c.short, len(c.isShort)
	return w.perGroup, err
}

// writeGroups writes what can be known only now, or does not belong to any file: the headers of groups, the rest of their
// inodes, the summary, superblocks.
func (b *imageBuilder) writeGroups(perGroup []int32) error {
	s := b.s
	m := newGroupMap(s)
	rests := &restReader{cursor: b.plan.rests.Cursor()}
	summary := make([]byte, s.CSSize)
	block := make([]byte, s.BSize)
	s.Total = ondisk.Totals{}
	for c := range int(s.Ncg) {
		g, err := newGroup(s, c, block)
		if err != nil {
			return err
		}
		used := b.fillInodes(&g, perGroup[c])
		if err := b.fillFree(&g, &m, rests); err != nil {
			return err
		}
		tally(s, &g, block)
		sum := g.Summary()
		sum.Encode(s.Order, summary[c*ondisk.SummarySize:])
		s.Total.Add(sum)
		if err := b.t.write(s.FragOffset(s.CgHeader(c)), block); err != nil {
			return err
		}
		if err := b.zeroInodes(&g, used); err != nil {
			return err
		}
	}
	if err := b.t.write(s.FragOffset(s.CSAddr), summary); err != nil {
		return err
	}
	return b.writeSupers()
}

// fillInodes marks the inodes of the group that are in use, all of them at its beginning, and returns how many.
func (b *imageBuilder) fillInodes(g *ondisk.Group, dirs int32) int64 {
	s := b.s
	all := b.plan.list.Files + int64(ondisk.RootIno)
	used := min(max(all-int64(g.Index())*int64(s.Ipg), 0), int64(s.Ipg))
	fillBits(g.InodeMap(), 0, int(used))
	g.SetSummary(ondisk.Summary{Dirs: dirs, FreeInodes: s.Ipg - int32(used)})
	if s.Version == 2 {
		inited := roundUp(used, int64(s.Inopb))
		g.SetInitedInodes(int(min(int64(s.Ipg), max(inited, 2*int64(s.Inopb)))))
	}
	return used
}

// fillFree marks what is free in the group: the data blocks behind the last that is in use, the rests of partly used ones,
// and the rest of the summary's last block.
func (b *imageBuilder) fillFree(g *ondisk.Group, m *groupMap, rests *restReader) error {
	s := b.s
	lo, hi := m.group(g.Index())
	base := s.CgBase(g.Index())
	for at := max(lo, min(b.plan.blocks, hi)); at < hi; {
		f, n := m.locate(at, hi-at)
		fillBits(g.FreeMap(), int(f-base), int(f-base)+int(n*m.frag))
		at += n
	}
	if g.Index() == 0 {
		fillBits(g.FreeMap(), firstData(s, 0), min(int(m.start*m.frag), g.Frags()))
	}
	for {
		block, used, err := rests.before(hi)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		f := int(m.address(spot(block*m.frag)) - base)
		fillBits(g.FreeMap(), f+int(used), f+int(m.frag))
	}
}

// zeroInodes makes the inodes behind those in use unused ones, as far as anybody may look.
func (b *imageBuilder) zeroInodes(g *ondisk.Group, used int64) error {
	s := b.s
	from := roundUp(used, int64(s.Inopb))
	to := int64(g.InitedInodes())
	if from >= to {
		return nil
	}
	size := int64(s.InodeSize())
	return b.t.zero(s.FragOffset(s.CgInodes(g.Index()))+from*size, (to-from)*size)
}

// writeSupers writes the backups and then the primary superblock, with what is between it and the first backup.
func (b *imageBuilder) writeSupers() error {
	s := b.s
	area := make([]byte, int64(s.CblkNo-s.SblkNo)<<s.FShift)
	for c := range int(s.Ncg) {
		at := s.FragOffset(s.CgSuper(c))
		s.EncodeBackup(area, at)
		if err := b.t.write(at, area); err != nil {
			return err
		}
	}
	f := formatter{target: b.t, s: s, o: b.o}
	return f.writeSuper()
}

// A restReader reads the plan's partly used blocks.
type restReader struct {
	cursor *tree.Cursor
	front  [2]uint64
	have   bool
}

// before is the next one if it lies before data block limit; io.EOF otherwise.
func (r *restReader) before(limit int64) (block, used int64, err error) {
	if !r.have {
		if err := readNumbers(r.cursor, r.front[:]); err != nil {
			return 0, 0, err
		}
		r.have = true
	}
	if int64(r.front[0]) >= limit {
		return 0, 0, io.EOF
	}
	r.have = false
	return int64(r.front[0]), int64(r.front[1]), nil
}

// Text is what makefs prints.
func (r MakefsReport) Text() string {
	var sb strings.Builder
	fmt.Fprintf(&sb, "Calculated size of `%s': %d bytes, %d inodes\n", r.Name, r.Bytes, r.Inodes)
	fmt.Fprintf(&sb, "Extent size set to %d\n", r.Extent)
	for _, n := range r.Notes {
		sb.WriteString(n + "\n")
	}
	sb.WriteString(r.sizes())
	sb.WriteString("super-block backups (for fsck -b #) at:")
	last := r.sector(r.Super.CgSuper(int(r.Super.Ncg) - 1))
	width := len(fmt.Sprint(last))
	perLine := 76 / (width + 2)
	for c := range int(r.Super.Ncg) {
		if c%perLine == 0 {
			sb.WriteByte('\n')
		}
		fmt.Fprintf(&sb, " %*d,", width, r.sector(r.Super.CgSuper(c)))
	}
	fmt.Fprintf(&sb, "\nPopulating `%s'\nImage `%s' complete\n", r.Name, r.Name)
	return sb.String()
}
