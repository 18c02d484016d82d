package ffs

import (
	"context"
	"fmt"
	"io"

	"rump/ffs/journal"
	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
)

// A volume is a superblock as it counts: if there is a journal that may hold something, with what is in that.
type volume struct {
	s    *ondisk.Super
	log  *journal.Log // to be replayed; nil: nothing
	fail error        // why the journal cannot be
}

// openVolume finds the superblock of a volume of size bytes, and reads its journal if that may hold something.
func openVolume(ctx context.Context, r io.ReaderAt, size int64) (v volume, seen []ondisk.Seen, err error) {
	if v.s, seen, err = findSuper(r, size); err != nil || !v.s.HasWAPBL() {
		return v, seen, err
	}
	if v.log, v.fail = journal.Read(ctx, r, size, v.s); v.fail != nil {
		return v, seen, ctx.Err()
	}
	s, _, err := findSuper(v.log.Reader(r), size)
	if err == nil && !sameShape(s, v.s) {
		err = &journal.CorruptError{What: "journal: another volume's superblock, of fragments", Value: int64(s.Size), Where: s.Location}
	}
	if err != nil {
		v.log, v.fail = nil, err
		return v, seen, nil
	}
	v.s = s
	return v, seen, nil
}

func findSuper(r io.ReaderAt, size int64) (*ondisk.Super, []ondisk.Seen, error) {
	s, seen, err := ondisk.FindSuper(r, size)
	if err == nil {
		_, s.Apple = ondisk.ReadAppleLabel(r, size)
	}
	return s, seen, err
}

// sameShape reports whether two superblocks are of one volume. A log never changes the rest.
func sameShape(a, b *ondisk.Super) bool {
	return a.Location == b.Location && a.Version == b.Version && a.Order == b.Order && a.Size == b.Size && a.BSize == b.BSize && a.FSize == b.FSize &&
		a.Ncg == b.Ncg && a.Ipg == b.Ipg && a.Fpg == b.Fpg && a.Journal(a.Order) == b.Journal(b.Order)
}

// hazard is WriteHazard, and what speaks against replaying the journal.
func (v *volume) hazard(force bool) string {
	if v.fail != nil && !force {
		return fmt.Sprintf("its journal (WAPBL) cannot be replayed: %v; run fsck", v.fail)
	}
	return WriteHazard(v.s, force)
}

// replay brings what is in the journal to its place, ends the files that had no name any more, and takes the journal out of use. Killed at any
// moment, it is done by the next mount.
func (fs *FS) replay(ctx context.Context, dev blockdev.Device, log *journal.Log) error {
	if err := log.Replay(ctx, dev); err != nil {
		return err
	}
	if err := log.Reset(dev, fs.o.Now()); err != nil {
		return err
	}
	if !fs.s.HasWAPBL() && len(log.Inodes) == 0 {
		return nil // it was going out of use
	}
	if err := fs.resume(dev, log); err != nil || fs.readOnly {
		return err
	}
	for _, in := range log.Inodes {
		fs.tx.orphan(in.Ino, in.Mode)
	}
	if err := fs.begin(); err != nil {
		return err
	}
	for _, in := range log.Inodes {
		if err := fs.endOrphan(in); err != nil {
			fs.alloc.Suspect()
			fs.log.Error("a file without a name was not ended; run fsck", "ino", in.Ino, "err", err)
		}
	}
	err := fs.finish()
	if fs.tx != nil {
		fs.tx.close()
	}
	return err
}

// resume goes on with a log that was replayed, so that files are ended in transactions. In a log that is too small for that it is done in order.
func (fs *FS) resume(dev blockdev.Device, log *journal.Log) error {
	if err := fs.use(dev, log.Resume(dev, fs.o.Now)); err != nil {
		return err
	}
	if fs.tx.began = fs.s.HasWAPBL(); !fs.tx.isRoomy() {
		if err := fs.use(dev, nil); err != nil {
			return err
		}
	}
	return fs.startWriting()
}

// endOrphan ends a file that the journal lists. It may have been ended before, or not have been begun.
func (fs *FS) endOrphan(listed journal.Inode) error {
	if err := fs.tx.enter(); err != nil {
		return err
	}
	defer fs.tx.leave()
	if ok, err := fs.wasWritten(listed.Ino); err != nil || !ok {
		return err
	}
	in := &inode{fs: fs, ino: listed.Ino}
	if err := fs.peek(in.ino, &in.di); err != nil {
		return err
	}
	switch {
	case in.di.Mode == 0:
		fs.tx.adopted(in.ino)
		return fs.alloc.FreeUnused(in.ino, listed.Mode&ondisk.ModeType == ondisk.ModeDir)
	case in.di.Nlink > 0:
		fs.log.Warn("the journal calls an inode nameless that has links", "ino", in.ino)
		fs.tx.adopted(in.ino)
		return nil
	case in.di.Size < 0 || in.di.Size > fs.s.MaxSize():
		return in.corrupt(fmt.Sprintf("size %d", in.di.Size))
	}
	return in.destroy()
}
