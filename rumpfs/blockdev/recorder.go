package blockdev

import (
	"fmt"
	"iter"
	"slices"
	"sync"
	"syscall"
)

// An Op is a kind of operation on a device.
type Op uint8

// The operations. OpMark is none of a device but a remark between two of them.
const (
	OpRead Op = iota
	OpWrite
	OpDiscard
	OpFlush
	OpMark
	opCount
)

func (o Op) String() string {
	if o >= opCount {
		return fmt.Sprintf("op %d", uint8(o))
	}
	return [opCount]string{"read", "write", "discard", "flush", "mark"}[o]
}

// An Event is one thing that happened to a recorded device. It is never changed.
type Event struct {
	Op     Op
	Off    int64
	Length int64
	Data   []byte // of a write
	Note   string // of a mark
}

func (e Event) String() string {
	switch e.Op {
	case OpFlush:
		return "flush"
	case OpMark:
		return "mark " + e.Note
	}
	return fmt.Sprintf("%v %d+%d", e.Op, e.Off, e.Length)
}

// Apply does to d what the event did to the recorded device; a mark does nothing. A discard on a device that has none
// writes zeros.
func (e Event) Apply(d Device) error {
	switch e.Op {
	case OpWrite:
		_, err := d.WriteAt(e.Data, e.Off)
		return err
	case OpFlush:
		return d.Flush()
	case OpDiscard:
		err := discard(d, e.Off, e.Length)
		if err == syscall.EOPNOTSUPP {
			err = writeZeros(d, e.Off, e.Length)
		}
		return err
	}
	return nil
}

// writeZeros writes in pieces, so that memory stays small.
func writeZeros(d Device, off, length int64) error {
	step := int64(max(pageSize, d.SectorSize()))
	zeros := make([]byte, min(step, length))
	for length > 0 {
		n := min(step, length)
		if _, err := d.WriteAt(zeros[:n], off); err != nil {
			return err
		}
		off, length = off+n, length-n
	}
	return nil
}

// Tear returns a write as one write a sector, which is how far a power cut may tear it; any other event as it is.
func (e Event) Tear(sector int) []Event {
	if e.Op != OpWrite {
		return []Event{e}
	}
	var parts []Event
	for at := 0; at < len(e.Data); at += sector {
		p := e.Data[at:min(at+sector, len(e.Data))]
		parts = append(parts, Event{Op: OpWrite, Off: e.Off + int64(at), Length: int64(len(p)), Data: p})
	}
	return parts
}

// A Recorder is a Device that keeps every change and flush that succeeded, in order. It holds a lock across each of
// them, so the order kept is the order that happened. It hides the host file below, past which nothing may
// write unseen.
type Recorder struct {
	below Device

	mu     sync.Mutex
	events []Event // only ever appended to
}

var (
	_ Device    = (*Recorder)(nil)
	_ Discarder = (*Recorder)(nil)
)

// NewRecorder starts a recording of d. Close closes d.
func NewRecorder(d Device) *Recorder { return &Recorder{below: d} }

// ReadAt implements Device. Reads are not kept.
func (r *Recorder) ReadAt(p []byte, off int64) (int, error) { return r.below.ReadAt(p, off) }

// WriteAt implements Device.
func (r *Recorder) WriteAt(p []byte, off int64) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, err := r.below.WriteAt(p, off)
	if err == nil && n > 0 {
		r.events = append(r.events, Event{Op: OpWrite, Off: off, Length: int64(n), Data: slices.Clone(p)})
	}
	return n, err
}

// Discard implements Discarder.
func (r *Recorder) Discard(off, length int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := discard(r.below, off, length)
	if err == nil {
		r.events = append(r.events, Event{Op: OpDiscard, Off: off, Length: length})
	}
	return err
}

// Flush implements Device.
func (r *Recorder) Flush() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.below.Flush()
	if err == nil {
		r.events = append(r.events, Event{Op: OpFlush})
	}
	return err
}

// Mark notes something that the test wants to find again among the events ("fsync of a returned").
func (r *Recorder) Mark(note string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, Event{Op: OpMark, Note: note})
}

// Len is the number of events so far.
func (r *Recorder) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.events)
}

// Events are the events so far. The slice is shared and must not be changed.
func (r *Recorder) Events() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clip(r.events)
}

// Reset forgets the events.
func (r *Recorder) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = nil
}

// Replay applies the first n events to onto, which holds what the recorded device held at the start.
func (r *Recorder) Replay(n int, onto Device) error {
	events := r.Events()
	if n < 0 || n > len(events) {
		return fmt.Errorf("replay of %d events: there are %d: %w", n, len(events), syscall.EINVAL)
	}
	for i, e := range events[:n] {
		if err := e.Apply(onto); err != nil {
			return fmt.Errorf("replay of event %d (%v): %w", i, e, err)
		}
	}
	return nil
}

// Prefixes walks the events so far, applying them to onto one after the other: when n is yielded, onto is as the first n
// events left it, n = 0 first. Flushes and marks are steps too. A failing event ends the walk with its error. The
// caller must not change onto; a Memory gives it a Snapshot to work on at little cost.
func (r *Recorder) Prefixes(onto Device) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		if !yield(0, nil) {
			return
		}
		for i, e := range r.Events() {
			if err := e.Apply(onto); err != nil {
				yield(i, fmt.Errorf("replay of event %d (%v): %w", i, e, err))
				return
			}
			if !yield(i+1, nil) {
				return
			}
		}
	}
}

// An Epoch is a range of events [Lo, Hi) between two flushes: a power cut may have done any of its writes and left any
// out, whereas all that comes before Lo is durable.
type Epoch struct{ Lo, Hi int }

// Epochs are the epochs so far, the last of them open. Each but the last ends with its flush, event Hi-1.
func (r *Recorder) Epochs() []Epoch {
	var list []Epoch
	lo := 0
	events := r.Events()
	for i, e := range events {
		if e.Op == OpFlush {
			list = append(list, Epoch{lo, i + 1})
			lo = i + 1
		}
	}
	return append(list, Epoch{lo, len(events)})
}

// Size implements Device.
func (r *Recorder) Size() int64 { return r.below.Size() }

// SectorSize implements Device.
func (r *Recorder) SectorSize() int { return r.below.SectorSize() }

// ReadOnly implements Device.
func (r *Recorder) ReadOnly() bool { return r.below.ReadOnly() }

// Close implements Device. The recording stays.
func (r *Recorder) Close() error { return r.below.Close() }
