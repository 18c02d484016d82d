package blockdev

import (
	"slices"
	"sync"
	"syscall"
)

// A Plan says what goes wrong with a Faulty disk. The zero value: nothing.
type Plan struct {
	// Fail is asked before every operation while there is power; an error is the operation's answer, and nothing is
	// transferred. It is called under the disk's lock and must not use the disk.
	Fail func(Call) error

	Cut *Cut // when the power goes; nil is never
}

// A Call is an operation on a Faulty disk.
type Call struct {
	Op     Op
	N      int // number among the operations of its kind since the plan was set, from 1
	Off    int64
	Length int64
}

// A Cut is a loss of power in the middle of a write.
type Cut struct {
	After int // writes that reach the disk whole, since the plan was set
	Torn  int // sectors of the next write that reach it

	// Silent keeps the machine running: whatever is written later is remembered in memory, and everything succeeds, so
	// that a workload comes to its end while the disk below stays as the cut left it. Otherwise the write that was
	// torn and all later operations fail with EIO.
	Silent bool
}

// FailNth fails the operations number n to n+count-1 of a kind.
func FailNth(op Op, n, count int, err error) func(Call) error {
	return func(c Call) error {
		if c.Op == op && c.N >= n && c.N-n < count {
			return err
		}
		return nil
	}
}

// FailRange fails the operations of a kind that touch the bytes [lo, hi).
func FailRange(op Op, lo, hi int64, err error) func(Call) error {
	return func(c Call) error {
		if c.Op == op && c.Off < hi && lo < c.Off+c.Length {
			return err
		}
		return nil
	}
}

// A Faulty is a Device that fails by plan. It hides the host file below, which does not.
type Faulty struct {
	below Device

	mu    sync.Mutex
	plan  Plan
	count [opCount]int
	off   bool             // the power is
	lost  map[int64][]byte // sectors written after a silent cut, by offset; nil is zeros
}

var (
	_ Device    = (*Faulty)(nil)
	_ Discarder = (*Faulty)(nil)
)

// NewFaulty returns d with the faults of a plan. Close closes d.
func NewFaulty(d Device, p Plan) *Faulty { return &Faulty{below: d, plan: p} }

// Set replaces the plan, starts counting anew and brings the power back; what was lost is lost.
func (f *Faulty) Set(p Plan) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plan, f.count, f.off, f.lost = p, [opCount]int{}, false, nil
}

// Count is the number of operations of a kind since the plan was set, failed ones included.
func (f *Faulty) Count(op Op) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if op >= opCount {
		return 0
	}
	return f.count[op]
}

// IsCut reports that the power has gone.
func (f *Faulty) IsCut() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.off
}

// beginLocked counts an operation and asks the plan for its fate. f.mu is held.
func (f *Faulty) beginLocked(op Op, off, length int64) error {
	f.count[op]++
	if f.off {
		if f.plan.Cut.Silent {
			return nil
		}
		return syscall.EIO
	}
	if f.plan.Fail != nil {
		return f.plan.Fail(Call{op, f.count[op], off, length})
	}
	return nil
}

// ReadAt implements Device.
func (f *Faulty) ReadAt(p []byte, off int64) (int, error) {
	if err := Check(f.below, off, int64(len(p))); err != nil {
		return 0, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.beginLocked(OpRead, off, int64(len(p))); err != nil {
		return 0, err
	}
	n, err := f.below.ReadAt(p, off)
	if err != nil || f.lost == nil {
		return n, err
	}
	sector := f.SectorSize()
	for at := 0; at < len(p); at += sector {
		if b, ok := f.lost[off+int64(at)]; ok {
			clear(p[at : at+sector])
			copy(p[at:], b)
		}
	}
	return n, nil
}

// WriteAt implements Device.
func (f *Faulty) WriteAt(p []byte, off int64) (int, error) {
	if f.below.ReadOnly() {
		return 0, syscall.EROFS
	}
	if err := Check(f.below, off, int64(len(p))); err != nil {
		return 0, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.beginLocked(OpWrite, off, int64(len(p))); err != nil {
		return 0, err
	}
	cut := f.plan.Cut
	if !f.off && (cut == nil || f.count[OpWrite] <= cut.After) {
		return f.below.WriteAt(p, off)
	}
	if !f.off {
		f.off = true
		torn := min(cut.Torn*f.SectorSize(), len(p))
		if _, err := f.below.WriteAt(p[:torn], off); err != nil {
			return 0, err
		}
	}
	if !cut.Silent {
		return 0, syscall.EIO
	}
	f.loseLocked(off, int64(len(p)), p)
	return len(p), nil
}

// loseLocked remembers sectors that never reach the disk. f.mu is held.
func (f *Faulty) loseLocked(off, length int64, p []byte) {
	if f.lost == nil {
		f.lost = make(map[int64][]byte)
	}
	sector := int64(f.SectorSize())
	for at := int64(0); at < length; at += sector {
		var b []byte
		if p != nil {
			b = slices.Clone(p[at : at+sector])
		}
		f.lost[off+at] = b
	}
}

// Discard implements Discarder.
func (f *Faulty) Discard(off, length int64) error {
	if err := Check(f.below, off, length); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.beginLocked(OpDiscard, off, length); err != nil {
		return err
	}
	if !f.off {
		return discard(f.below, off, length)
	}
	if _, ok := f.below.(Discarder); !ok {
		return syscall.EOPNOTSUPP
	}
	f.loseLocked(off, length, nil)
	return nil
}

// Flush implements Device.
func (f *Faulty) Flush() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.beginLocked(OpFlush, 0, 0); err != nil {
		return err
	}
	if f.off {
		return nil // a lie: the machine of a silent cut does not know
	}
	return f.below.Flush()
}

// Size implements Device.
func (f *Faulty) Size() int64 { return f.below.Size() }

// SectorSize implements Device.
func (f *Faulty) SectorSize() int { return f.below.SectorSize() }

// ReadOnly implements Device.
func (f *Faulty) ReadOnly() bool { return f.below.ReadOnly() }

// Close implements Device.
func (f *Faulty) Close() error { return f.below.Close() }
