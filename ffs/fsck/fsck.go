package fsck

import (
	"bufio"
	"context"
	"errors"
	"hash/maphash"
	"io"
	"time"

	"rump/ffs/ondisk"
	"rump/internal/endian"
	"rump/rumpfs/blockdev"
)

// Mode says who answers the questions.
type Mode int

// The modes. On a device that cannot be written only No is possible: Repair then does as Check.
const (
	No    Mode = iota // every answer is no, nothing is written (-n)
	Yes               // every answer is yes (-y)
	Preen             // what costs no user anything is repaired unasked, anything else ends the run with ErrManual (-p)
	Ask               // answers are lines of Options.In
)

// Options say how to check and what to repair. The zero value is for Check.
type Options struct {
	Name     string    // the device as messages show it; "image" if empty
	Out      io.Writer // the text that fsck_ffs prints; nil for none
	Force    bool      // check even what is marked clean
	Quiet    bool      // print nothing unless something is wrong
	Debug    bool      // say more about what is wrong
	Backup   int64     // byte offset of the superblock copy to use; 0 for the primary
	Apple    bool      // the volume is Apple UFS
	Zone     *time.Location
	Progress func(done, total int)   // cylinder groups of phase 1; may be nil
	Owner    func(uid uint32) string // a user's name for messages, "" for the number; nil: numbers

	// For Repair.
	Mode     Mode
	In       io.Reader        // lines that begin with y or n; at its end the answer is no
	LostMode uint16           // permissions of a new lost+found; 0 is 01700
	Level    int              // bring the volume to this level of fsck_ffs -c: 1 groups, 2 inodes, 3 cluster maps, 4 superblock
	ExtAttr  *bool            // turn NetBSD 10's extended attributes of UFS2 on or off (-c ea, -c no-ea)
	Order    *endian.Order    // convert the volume to this byte order (-B); as all conversions it can be killed and is finished by the next run
	Now      func() time.Time // nil is time.Now

	slot int // bytes of a slot in a conversion; 0 is the best
}

// ErrManual ends a run in mode Preen that met what only a person can decide. It prints as fsck_ffs does.
var ErrManual = errors.New("UNEXPECTED INCONSISTENCY; RUN fsck_ffs MANUALLY.")

// ErrDeclined ends a run in which a question was answered with no without whose yes there is nothing to go on with.
var ErrDeclined = errors.New("check given up")

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
	Checked  bool  // false when the volume is marked clean, or journaled, and Force was not set
	Files    int64 // allocated inodes
	Used     int64 // fragments that files and directories hold
	Free     ondisk.Totals

	Modified   bool // something was written
	Unresolved bool // a problem was left as it is
	Rerun      bool // the repair itself may have left something to repair
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

// Check looks at the volume on dev and changes nothing, as fsck_ffs -n does. Problems are not an error, and neither are some sectors that cannot be
// read; an error means that the check could not be done: no superblock (*ondisk.NotFoundError), too little of the device can be read, ErrConversion,
// or a cancelled context. The report then is of what was found until there.
func Check(ctx context.Context, dev blockdev.Device, o Options) (*Report, error) {
	o.Mode = No
	return Repair(ctx, dev, o)
}

// maxPasses is how often Repair goes over a volume by itself in mode Yes.
const maxPasses = 5

// Repair checks the volume on dev and repairs it as o.Mode says. The volume must not be mounted. Besides the errors of Check there are
// ErrManual, ErrDeclined and those of writing. When a repair may have left something to repair, mode Yes does it over again; the report
// is that of the last time, with Modified for all.
//
// A cancelled context ends the run between two writes; the volume is then not marked clean.
func Repair(ctx context.Context, dev blockdev.Device, o Options) (*Report, error) {
	if dev.ReadOnly() && o.Mode != Preen {
		o.Mode = No
	}
	modified := false
	for pass := 1; ; pass++ {
		c := newChecker(ctx, dev, o)
		err := c.run()
		modified = modified || c.report.Modified
		c.report.Modified = modified
		if err != nil {
			return c.report, err
		}
		if o.Mode != Yes || !c.report.Rerun || pass == maxPasses {
			return c.report, nil
		}
		o.Force, o.Backup, o.Quiet = true, 0, false
	}
}

// checker is one run.
type checker struct {
	ctx    context.Context
	dev    blockdev.Device
	o      Options
	mode   Mode
	s      *ondisk.Super
	report *Report
	phase  int
	stop   error // why the run ends early: from then on nothing is printed, asked or written

	in       *bufio.Reader // answers
	held     []byte        // text that Options.Quiet keeps back
	super    superState
	groups   []groupState // what was found, by cylinder group
	dirs     map[ondisk.Ino]*dirInfo
	order    []*dirInfo                  // directories by the place of their first block
	children map[ondisk.Ino][]ondisk.Ino // directories in a directory
	dups     dupTable
	zero     map[ondisk.Ino]bool // inodes with a link count of 0 or less
	usage    map[quotaKey]quotaUse
	rebuild  rebuild
	regroup  bool       // all cylinder groups are to be written anew, in another format
	recoding *recoder   // while the volume is between two forms
	changes  int        // of what is in use
	entered  int        // entries added to directories
	lost     ondisk.Ino // lost+found, once it was needed
	names    map[ondisk.Ino][]oldName

	seed    maphash.Seed
	inodes  inodeBlock
	chunk   []byte                           // buffer of phase 1
	unread  int                              // transfers that failed
	allocAt [ondisk.MaxFrags + 1]ondisk.Frag // where the last fragments were found, by their number
	freed   bool                             // space was given back and the disk does not know yet for certain
}

func newChecker(ctx context.Context, dev blockdev.Device, o Options) *checker {
	if o.Name == "" {
		o.Name = "image"
	}
	if o.Zone == nil {
		o.Zone = time.Local
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.LostMode == 0 {
		o.LostMode = 0o1700
	}
	if o.In == nil {
		o.In = eof{}
	}
	return &checker{
		ctx: ctx, dev: dev, o: o, mode: o.Mode, report: &Report{}, in: bufio.NewReader(o.In), seed: maphash.MakeSeed(),
		dirs: map[ondisk.Ino]*dirInfo{}, children: map[ondisk.Ino][]ondisk.Ino{}, zero: map[ondisk.Ino]bool{}, usage: map[quotaKey]quotaUse{}, names: map[ondisk.Ino][]oldName{},
	}
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// run is one pass over everything.
func (c *checker) run() error {
	c.greet()
	if !c.setup() || c.stopped() {
		return c.stop
	}
	if !c.checkNeeded() || c.stopped() {
		return c.stop
	}
	c.checkLabel()
	c.checkSuper()
	c.groups = make([]groupState, c.s.Ncg)
	c.headline("** Last Mounted on %s\n", printable(c.s.MountPoint))
	for _, phase := range []func(){c.phase1, c.phase2, c.phase3, c.phase4, c.convert, c.phase5, c.phase6} {
		if phase(); c.stopped() {
			return c.stop
		}
	}
	c.finish()
	return c.stop
}

// stopped reports whether the run ends early, also because the context says so.
func (c *checker) stopped() bool {
	if c.stop == nil {
		c.stop = c.ctx.Err()
	}
	return c.stop != nil
}

// start announces a phase.
func (c *checker) start(phase int, title string) {
	c.phase = phase
	c.headline("** Phase %d - %s\n", phase, title)
}
