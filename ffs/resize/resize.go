package resize

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
)

// Options say what is wanted.
type Options struct {
	Size     int64 // bytes that the file system is to have at most; 0: all of the device
	Now      func() time.Time
	Rand     func() uint32                        // generations of new inodes
	Progress func(step string, done, total int64) // may be nil
}

func (o *Options) defaults(dev blockdev.Device) {
	if o.Size <= 0 {
		o.Size = dev.Size()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Uint32
	}
	if o.Progress == nil {
		o.Progress = func(string, int64, int64) {}
	}
}

// A Report is what was done, or what would be.
type Report struct {
	Old, New *ondisk.Super // before and after; equal sizes: nothing is to be done
	Frags    int64         // fragments of files that move
	Inodes   int64         // inodes that get a new number
	Resumed  bool          // a resize that was interrupted has been finished, to the size that it had been given
	Notes    []string      // what a user should know
}

// Changed reports whether the size is another.
func (r *Report) Changed() bool { return r.Old.Size != r.New.Size }

// ErrRefused is what an error unwraps to if the volume or the size is not one to work with; nothing was changed.
var ErrRefused = errors.New("refused")

// A RefusedError says why.
type RefusedError struct {
	Msg string
	Err error // EINVAL, ENOSPC or EBUSY
}

func (e *RefusedError) Error() string { return e.Msg }

// Unwrap is ErrRefused and the number.
func (e *RefusedError) Unwrap() []error { return []error{ErrRefused, e.Err} }

func refuse(errno syscall.Errno, format string, a ...any) error {
	return &RefusedError{fmt.Sprintf(format, a...), errno}
}

// Plan finds out what Resize would do and whether it can. The device may be smaller than the size that is wanted. Of a volume whose resize
// was interrupted it reports what is left to be done, with Resumed set. The error unwraps to ErrRefused, to ENOSPC too if that is the reason, or is that of the
// device.
func Plan(ctx context.Context, dev blockdev.Device, o Options) (*Report, error) {
	o.defaults(dev)
	r, err := start(ctx, dev, o)
	if err != nil {
		return nil, err
	}
	if !r.report.Resumed {
		if _, err := r.nextStep(); err != nil {
			return nil, err
		}
		r.report.New = r.target
	}
	return r.report, nil
}

// Resize changes the size of the file system on dev to o.Size, rounded down to what its cylinder groups allow. The device must
// be large enough. After an error that unwraps to ErrRefused nothing has been changed; after one of the device fsck will repair what is there, or, if that
// says so, another Resize. The context is heeded until something is written.
func Resize(ctx context.Context, dev blockdev.Device, o Options) (*Report, error) {
	o.defaults(dev)
	if o.Size > dev.Size() {
		return nil, refuse(syscall.EINVAL, "the device has only %d bytes, not %d", dev.Size(), o.Size)
	}
	if dev.ReadOnly() {
		return nil, &RefusedError{"the device is read-only", syscall.EROFS}
	}
	r, err := start(ctx, dev, o)
	if err != nil {
		return nil, err
	}
	if r.report.Resumed {
		if err := r.finishInodes(); err != nil {
			return nil, err
		}
		return r.report, r.commit()
	}
	var all *Report
	for {
		p, err := r.nextStep()
		if err != nil {
			return nil, err
		}
		if all == nil {
			all = r.report
		} else {
			all.Frags += r.report.Frags
			all.Inodes += r.report.Inodes
			all.New = r.new
		}
		if r.new.Size == r.old.Size {
			return all, nil
		}
		if err := r.run(p); err != nil {
			return nil, err
		}
		if r.new.Size == r.target.Size {
			return all, nil
		}
		if r, err = start(context.WithoutCancel(ctx), dev, o); err != nil {
			return nil, err
		}
	}
}

// A resizer is one change of size.
type resizer struct {
	ctx    context.Context
	vol    *volume
	o      Options
	report *Report

	old    *ondisk.Super // as it is
	target *ondisk.Super // as it is to be in the end
	new    *ondisk.Super // as it is to be after this step: target, or something on the way

	moved    *renumbering  // inodes that move; nil if none do
	dirs     map[int]int32 // of the directories among them, how many went to each group
	logFirst ondisk.Frag   // where the log has moved to, if it has
}

// start reads the superblock and calculates the new one.
func start(ctx context.Context, dev blockdev.Device, o Options) (*resizer, error) {
	s, _, err := ondisk.FindSuper(dev, dev.Size())
	if s, size, ok := interrupted(dev, err); ok {
		return resume(ctx, dev, o, s, size)
	}
	if err != nil {
		return nil, err
	}
	_, s.Apple = ondisk.ReadAppleLabel(dev, dev.Size())
	if err := acceptable(s, dev); err != nil {
		return nil, err
	}
	target, err := geometry(s, ondisk.Frag(o.Size>>s.FShift))
	if err != nil {
		return nil, err
	}
	return newResizer(ctx, dev, o, s, target)
}

func newResizer(ctx context.Context, dev blockdev.Device, o Options, s, target *ondisk.Super) (*resizer, error) {
	vol, err := newVolume(dev, s)
	if err != nil {
		return nil, err
	}
	r := &resizer{ctx: ctx, vol: vol, o: o, old: s, target: target, new: target}
	r.report = &Report{Old: s, New: target}
	return r, nil
}

// interrupted looks for the superblock of a volume whose resize was stopped; err is what FindSuper said.
func interrupted(dev blockdev.Device, err error) (s *ondisk.Super, size ondisk.Frag, ok bool) {
	var found *ondisk.SuperError
	if !errors.As(err, &found) || found.Reason != ondisk.Resizing {
		return nil, 0, false
	}
	b := make([]byte, ondisk.SuperArea)
	if _, err := dev.ReadAt(b, found.Location); err != nil {
		return nil, 0, false
	}
	s, size, _ = ondisk.DecodeResizing(b, found.Location)
	return s, size, true
}

// resume takes up the work where inodes get new numbers.
func resume(ctx context.Context, dev blockdev.Device, o Options, s *ondisk.Super, size ondisk.Frag) (*resizer, error) {
	if s == nil || size <= 0 || size >= s.Size {
		return nil, refuse(syscall.EINVAL, "a resize was interrupted while it wrote the new superblock; run fsck, which goes on from a copy")
	}
	_, s.Apple = ondisk.ReadAppleLabel(dev, dev.Size())
	if err := s.CheckDevice(dev.Size()); err != nil {
		return nil, err
	}
	target, err := geometry(s, size)
	if err != nil {
		return nil, err
	}
	r, err := newResizer(ctx, dev, o, s, target)
	if err != nil {
		return nil, err
	}
	r.report.Resumed = true
	r.report.Notes = append(r.report.Notes, "an interrupted resize is finished first")
	if r.moved, err = r.renumber(); err != nil {
		return nil, err
	}
	r.report.Inodes = r.moved.total
	return r, nil
}

// acceptable says why a volume must not be resized.
func acceptable(s *ondisk.Super, dev blockdev.Device) error {
	if err := s.CheckDevice(dev.Size()); err != nil {
		return err
	}
	why := s.WriteHazard()
	switch {
	case why != "":
	case !s.HashOK():
		why = "the superblock's check hash is wrong; run fsck"
	case s.HasWAPBL():
		why = "its journal (WAPBL) has not been replayed; mount it, or run fsck"
	case s.Clean&ondisk.CleanIs == 0:
		why = fmt.Sprintf("not clean (fs_clean=%#x); run fsck", s.Clean)
	case int(s.FSize)%dev.SectorSize() != 0:
		why = fmt.Sprintf("fragments of %d bytes on a disk with sectors of %d", s.FSize, dev.SectorSize())
	}
	if why != "" {
		return refuse(syscall.EINVAL, "%s", why)
	}
	return nil
}

// nextStep plans the way to the target: in one step if that works. A larger volume without any free space may need more than one, since
// what lies in the way of its summary area can only move to free space inside it.
func (r *resizer) nextStep() (*plan, error) {
	p, err := r.plan(r.target)
	if err == nil || !errors.Is(err, syscall.ENOSPC) || r.target.Size < r.old.Size {
		return p, err
	}
	perFrag := int64(r.old.FSize) / ondisk.SummarySize // groups that a fragment of the summary area has room for
	now := int64(r.old.CSSize) >> r.old.FShift
	for want := int64(r.target.CSSize) >> r.old.FShift; want > now; {
		want = now + (want-now)/2
		between, e := geometry(r.old, min(r.target.Size, ondisk.Frag(want*perFrag*int64(r.old.Fpg))))
		if e != nil || between.Size <= r.old.Size {
			return nil, err
		}
		if p, e := r.plan(between); e == nil {
			return p, nil
		} else if !errors.Is(e, syscall.ENOSPC) {
			return nil, e
		}
	}
	return nil, err
}

// run does one step.
func (r *resizer) run(p *plan) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if err := r.addGroups(); err != nil {
		return err
	}
	if err := r.markDirty(p); err != nil {
		return err
	}
	if err := r.moveBlocks(p); err != nil {
		return err
	}
	r.moveJournal()
	if r.moved != nil {
		if err := r.initInodes(); err != nil {
			return err
		}
		if err := r.markResizing(); err != nil {
			return err
		}
		if err := r.finishInodes(); err != nil {
			return err
		}
	}
	return r.commit()
}
