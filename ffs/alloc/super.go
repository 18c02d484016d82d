package alloc

import (
	"syscall"

	"rump/ffs/ondisk"
	"rump/rumpfs/bcache"
)

// Sync puts the summary area and the superblock into the cache, to be written by its next Flush, if counts have changed since
// the last time. Groups are there already.
func (a *Allocator) Sync() error {
	if a.readOnly || !a.dirty.Swap(false) {
		return nil
	}
	a.superMu.Lock()
	defer a.superMu.Unlock()
	err := a.writeSummary()
	if err == nil {
		err = a.putSuperLocked()
	}
	if err != nil {
		a.dirty.Store(true)
	}
	return err
}

// MarkInUse writes to the superblock that the volume is mounted read-write, before anything else on it is changed, and returns once that is
// on the disk. Call it again after MarkClean to go on.
//
// NetBSD shifts the mark, so that a crash turns 1, clean, to 2 and a second mount makes 4. FreeBSD takes anything but 0 for clean, so
// on its volumes the mark is 0; the time of the mount changes too, which makes its journal one of an earlier life.
func (a *Allocator) MarkInUse() error {
	if a.readOnly {
		return syscall.EROFS
	}
	return a.writeSuper(func(s *ondisk.Super) {
		a.wasClean = s.Clean&ondisk.CleanIs != 0 || s.HasWAPBL() && s.Clean&ondisk.CleanWas != 0
		switch {
		case a.isFreeBSD():
			s.Clean = ondisk.CleanDirty
			s.MTime = max(a.now().Unix(), s.MTime+1)
		case s.HasWAPBL() && s.Clean&ondisk.CleanWas != 0: // the log was replayed: as good as unmounted
		default:
			s.Clean <<= 1
		}
		s.PendingBlocks, s.PendingInodes = 0, 0
	})
}

// SetJournal writes to the superblock whether the write-ahead log is in use, and returns once that is durable. Before the log goes out of use, all else
// is in its place.
func (a *Allocator) SetJournal(inUse bool) error {
	return a.writeSuper(func(s *ondisk.Super) {
		if s.Flags &^= ondisk.FlagWAPBL; inUse {
			s.Flags |= ondisk.FlagWAPBL
		}
	})
}

// isFreeBSD reports whether the volume bears a trace of FreeBSD.
func (a *Allocator) isFreeBSD() bool {
	s := a.s
	return s.HasCheckHash(0) || s.HasSUJ() || s.HasGJournal() || s.Version == 2 && s.MTime != 0
}

// MarkClean writes everything, and then that the volume is clean, if it was so before MarkInUse and nothing corrupt was seen since. It
// returns once that is on the disk. The caller has written all else that is its own into the cache, and nobody changes the volume meanwhile.
func (a *Allocator) MarkClean() error {
	if a.readOnly {
		return nil
	}
	if err := a.Sync(); err != nil {
		return err
	}
	if err := a.flushAll(); err != nil {
		return err
	}
	return a.writeSuper(func(s *ondisk.Super) {
		if a.suspect.Load() {
			s.Clean = ondisk.CleanDirty
			a.log.Warn("not marked clean: run fsck")
		} else if a.wasClean {
			s.Clean = ondisk.CleanIs
		}
	})
}

// writeSuper changes the superblock, writes it to the disk and waits for it.
func (a *Allocator) writeSuper(change func(s *ondisk.Super)) error {
	if err := a.changeSuper(change); err != nil {
		return err
	}
	return a.flushAll()
}

// changeSuper changes the superblock and puts it into the cache.
func (a *Allocator) changeSuper(change func(s *ondisk.Super)) error {
	a.superMu.Lock()
	defer a.superMu.Unlock()
	change(a.s)
	return a.putSuperLocked()
}

// flushAll writes what is dirty in the cache and makes it durable.
func (a *Allocator) flushAll() error {
	if err := a.c.Flush(); err != nil {
		return err
	}
	return a.flush()
}

// putSuperLocked puts the superblock into the cache. superMu is held.
func (a *Allocator) putSuperLocked() error {
	s := a.s
	s.Total = a.total.load()
	s.Time = a.now().Unix()
	area := make([]byte, s.SBSize)
	s.Encode(area)
	return a.pieces(s.Location, int64(s.SBSize), func(b *bcache.Buf, at int64) {
		n := copy(b.Bytes(), area[at:])
		b.Dirty(0, 0, n)
	})
}

// pieces calls f for a buffer of each part of n bytes at off of the device that lies inside one block of the cache, and where in the n bytes it
// begins. A buffer may be longer than what is left of the n bytes, by less than a sector.
func (a *Allocator) pieces(off, n int64, f func(b *bcache.Buf, at int64)) error {
	end := (off + n + ondisk.SectorSize - 1) &^ (ondisk.SectorSize - 1)
	for from := off; from < end; {
		to := min(end, (from|int64(a.s.BSize-1))+1)
		b, err := a.c.Get(from, int(to-from))
		if err != nil {
			return err
		}
		f(b, from-off)
		b.Release()
		from = to
	}
	return nil
}
