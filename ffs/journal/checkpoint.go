package journal

import (
	"fmt"
	"slices"
)

// Checkpoint brings what was committed up to now to its place, and then gives back its part of the log. Commits go on meanwhile; only for the time of
// one batch they wait.
func (w *Writer) Checkpoint() error {
	w.cpMu.Lock()
	defer w.cpMu.Unlock()
	w.logMu.Lock()
	head, tail := w.header.head, w.header.head
	if w.inodesAt != 0 {
		tail = w.inodesAt // the list outlives the transaction that it came with
	}
	isIdle := w.header.tail == tail || w.header.tail == 0
	w.mu.RLock()
	all := w.pieces.sorted()
	w.mu.RUnlock()
	w.logMu.Unlock()
	if isIdle && len(all) == 0 {
		return nil
	}
	if err := w.place(all); err != nil {
		return err
	}
	if err := w.flush(); err != nil {
		return err
	}
	return w.giveBack(all, head, tail)
}

// giveBack makes the log begin at tail, now that the pieces are in their places. The log ended at head when they were.
func (w *Writer) giveBack(placed []piece, head, tail int64) error {
	w.logMu.Lock()
	defer w.logMu.Unlock()
	now := w.header.head
	if now == head && tail == head {
		now, tail = 0, 0 // it is empty
	}
	if err := w.writeHeader(now, tail); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, x := range placed {
		w.pieces.drop(x)
	}
	return nil
}

// place writes pieces to their places, neighbours together.
func (w *Writer) place(all []piece) error {
	buf := make([]byte, batchSize)
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].lo == all[n-1].hi && all[n].hi-all[0].lo <= int64(len(buf)) {
			n++
		}
		if err := w.placeRun(all[0].lo, all[n-1].hi, buf); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

// placeRun writes what the log has now of bytes lo to hi, which may be newer than what it had, or less.
func (w *Writer) placeRun(lo, hi int64, buf []byte) error {
	w.placeMu.Lock()
	defer w.placeMu.Unlock()
	var parts []piece
	w.mu.RLock()
	_ = w.pieces.overlapping(lo, hi, func(x piece) error { parts = append(parts, x); return nil })
	w.mu.RUnlock()
	slices.SortFunc(parts, byPlace)
	for len(parts) > 0 {
		n := 0
		start, end := parts[0].lo, parts[0].lo
		for ; n < len(parts) && parts[n].lo == end; n++ {
			x := parts[n]
			if _, err := w.dev.ReadAt(buf[x.lo-start:x.hi-start], x.at); err != nil {
				return fmt.Errorf("journal: read at %d: %w", x.at, err)
			}
			end = x.hi
		}
		if _, err := w.dev.WriteAt(buf[:end-start], start); err != nil {
			return fmt.Errorf("journal: bytes %d to %d: %w", start, end, err)
		}
		parts = parts[n:]
	}
	return nil
}
