package fsck

import (
	"context"
	"fmt"
	"io"
	"time"

	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
)

// Options say how to check.
type Options struct {
	Name     string    // the device as messages show it; "image" if empty
	Out      io.Writer // the text that fsck_ffs prints; nil for none
	Force    bool      // check even what is marked clean
	Backup   int64     // byte offset of the superblock copy to use; 0 for the primary
	Apple    bool      // the volume is Apple UFS
	Zone     *time.Location
	Progress func(done, total int) // cylinder groups of phase 1; may be nil
}

// Kind classes a problem by what it means for a user's files.
type Kind int

// The kinds, from harmless to harmful.
const (
	Counts   Kind = iota // free counts, summaries or bitmaps differ from what is really in use
	LostFile             // something allocated that no name leads to
	HighLink             // a link count that is higher than the number of names
	LowLink              // a link count that is lower than the number of names: data would be lost at a removal
	Hint                 // a field that can be set right without any loss: block count, type of an entry
	Damage               // a name, a pointer or a structure is wrong
)

// String is the kind in a word.
func (k Kind) String() string {
	return [...]string{"counts", "lost file", "high link count", "low link count", "hint", "damage"}[k]
}

// A Problem is one thing that is wrong.
type Problem struct {
	Phase int // 0 for the superblock
	Kind  Kind
	Ino   ondisk.Ino // 0 if none is concerned
	Text  string     // the message, maybe of several lines
}

// A Report is the outcome.
type Report struct {
	Super    *ondisk.Super
	Problems []Problem
	Checked  bool  // false when the volume is marked clean and Force was not set
	Files    int64 // allocated inodes
	Used     int64 // fragments that files and directories hold
	Free     ondisk.Totals
}

// Clean reports that nothing was wrong.
func (r *Report) Clean() bool { return len(r.Problems) == 0 }

// Worst is the most harmful kind found, and false if there is none.
func (r *Report) Worst() (k Kind, any bool) {
	for _, p := range r.Problems {
		if !any || p.Kind > k {
			k, any = p.Kind, true
		}
	}
	return k, any
}

// Check looks at the volume on dev and changes nothing, as fsck_ffs -n does. Problems are not an error; an error means that the check could not be
// done: no superblock (*ondisk.NotFoundError), a device that cannot be read, or a cancelled context.
func Check(ctx context.Context, dev blockdev.Device, o Options) (*Report, error) {
	c, err := newChecker(ctx, dev, o)
	if err != nil {
		return nil, err
	}
	if c.s.Clean&ondisk.CleanIs != 0 {
		if !o.Force {
			c.print("** File system is clean; not checking\n")
			return c.report, nil
		}
		c.print("** File system is already clean\n")
	}
	c.print("** Last Mounted on %s\n", c.s.MountPoint)
	c.checkSuper()
	for _, phase := range []func() error{c.phase1, c.phase2, c.phase3, c.phase4, c.phase5, c.phase6} {
		if err := phase(); err != nil {
			return nil, err
		}
	}
	c.finish()
	return c.report, nil
}

// checker is one run.
type checker struct {
	ctx    context.Context
	dev    blockdev.Device
	o      Options
	s      *ondisk.Super
	report *Report
	phase  int

	groups []groupState // what was found, by cylinder group
	dirs   map[ondisk.Ino]*dirInfo
	order  []*dirInfo // directories by the place of their first block
	dups   []dup      // fragments claimed twice, as phase 1 met them
	zero   []ondisk.Ino
	usage  map[quotaKey]quotaUse

	inoBlock ondisk.Frag // the inode block in inoBuf
	inoBuf   []byte
}

func newChecker(ctx context.Context, dev blockdev.Device, o Options) (*checker, error) {
	if o.Name == "" {
		o.Name = "image"
	}
	if o.Zone == nil {
		o.Zone = time.Local
	}
	c := &checker{ctx: ctx, dev: dev, o: o, report: &Report{}, dirs: map[ondisk.Ino]*dirInfo{}, usage: map[quotaKey]quotaUse{}}
	c.print("** %s (NO WRITE)\n", o.Name)
	var err error
	if o.Backup != 0 {
		c.s, err = ondisk.ReadBackup(dev, dev.Size(), o.Backup)
	} else {
		c.s, _, err = ondisk.FindSuper(dev, dev.Size())
	}
	if err != nil {
		return nil, err
	}
	if _, ok := ondisk.ReadAppleLabel(dev, dev.Size()); ok || o.Apple {
		c.s.Apple = true
	}
	if err := c.s.CheckDevice(dev.Size()); err != nil {
		return nil, err
	}
	if c.s.Order.IsBig() {
		c.print("** Swapped byte order\n")
	}
	c.report.Super = c.s
	c.report.Free = c.s.Total
	c.groups = make([]groupState, c.s.Ncg)
	return c, nil
}

func (c *checker) print(format string, a ...any) {
	if c.o.Out != nil {
		fmt.Fprintf(c.o.Out, format, a...)
	}
}

// note records a problem and prints its text.
func (c *checker) note(k Kind, ino ondisk.Ino, format string, a ...any) {
	text := fmt.Sprintf(format, a...)
	c.report.Problems = append(c.report.Problems, Problem{c.phase, k, ino, text})
	c.print("%s", text)
}

// ask puts the question that follows a message. The answer is no.
func (c *checker) ask(question string) { c.print("\n%s? no\n\n", question) }

// start announces a phase.
func (c *checker) start(phase int, title string) error {
	c.phase = phase
	c.print("** Phase %d - %s\n", phase, title)
	return c.ctx.Err()
}

func (c *checker) finish() {
	c.report.Checked = true
	free := c.report.Free
	frags := free.FreeFrags + int64(c.s.Frag)*free.FreeBlocks
	tenths := int64(0)
	if d := int64(c.s.DSize); d > 0 {
		tenths = (free.FreeFrags*1000 + d/2) / d
	}
	c.print("%d files, %d used, %d free (%d frags, %d blocks, %d.%d%% fragmentation)\n",
		c.report.Files, c.report.Used, frags, free.FreeFrags, free.FreeBlocks, tenths/10, tenths%10)
	if !c.report.Clean() {
		c.print("\n***** UNRESOLVED INCONSISTENCIES REMAIN *****\n")
	}
}
