package ffs

import (
	"fmt"
	"syscall"

	"rump/ffs/journal"
	"rump/ffs/ondisk"
	"rump/internal/endian"
)

// openJournal does to the volume's journal what the superblock asks for, and if the mount wants one makes it ready to be written. A journal that cannot be had
// is no reason not to mount.
func (fs *FS) openJournal() error {
	j, order, ok := fs.s.FindJournal()
	if ok && j.Flags&ondisk.JournalClear != 0 {
		if err := fs.removeLog(j); err != nil {
			return err
		}
		ok = false
	}
	if !fs.o.Journal {
		return nil
	}
	if fs.s.OldLayout {
		fs.without("volumes of the old layout have no room for it")
		return nil
	}
	if !ok || j.Flags&ondisk.JournalCreate != 0 || j.Version != ondisk.JournalVersion1 {
		if err := fs.makeLog(j, order, ok); err != nil {
			fs.without(err.Error())
			return nil
		}
	}
	area, err := journal.Locate(fs.dev, fs.dev.Size(), fs.s)
	if err == nil {
		err = fs.checkLogFile(area)
	}
	if err != nil {
		fs.without(err.Error())
		return nil
	}
	return fs.useLog(area)
}

// useLog goes over to changes by way of a log.
func (fs *FS) useLog(area journal.Area) error {
	w, err := journal.New(fs.dev, area, fs.o.Now)
	if err != nil {
		fs.without(err.Error())
		return nil
	}
	if err := fs.use(fs.dev, w); err != nil {
		return err
	}
	if !fs.tx.isRoomy() {
		fs.without(fmt.Sprintf("%d bytes are too few for it", area.Size))
		if err := fs.use(fs.dev, nil); err != nil {
			return err
		}
	}
	return fs.startWriting()
}

// without goes on without a journal, and says why.
func (fs *FS) without(why string) { fs.warnings = append(fs.warnings, "no journal: "+why) }

// checkLogFile proves that an area inside the file system is the content of the hidden file that has to be there.
func (fs *FS) checkLogFile(a journal.Area) error {
	if a.Ino == 0 {
		return nil
	}
	in, err := fs.load(a.Ino)
	if err != nil {
		return fmt.Errorf("journal in inode %d: %w", a.Ino, err)
	}
	if !in.di.IsRegular() || in.di.Flags&ondisk.FileLog == 0 || in.di.Size < a.Size {
		return in.corrupt("no file of a journal")
	}
	for off := int64(0); off < a.Size; {
		e, err := in.extent(off, a.Size-off)
		if err != nil {
			return err
		}
		if e.Hole || e.Dev != a.Start+off {
			return in.corrupt(fmt.Sprintf("journal is not at byte %d of it", off))
		}
		off += e.Length
	}
	return nil
}

// The size of a log that nobody asked for: a share of the file system, within bounds, bytes.
const (
	logShare = 1024
	minLog   = 1 << 20
	maxLog   = 64 << 20
)

// makeLog makes a log: behind the file system, if there is room enough, or in a hidden file. wish is what the superblock asks for, if it does.
func (fs *FS) makeLog(wish ondisk.Journal, order endian.Order, isWished bool) error {
	s := fs.s
	unit := fs.sector
	end := int64(s.Size) << s.FShift
	j := ondisk.Journal{Version: ondisk.JournalVersion1, Location: ondisk.JournalAtEnd}
	if !isWished {
		order = endian.Little // that of the machine
	}
	if err := fs.begin(); err != nil {
		return err
	}
	isFile := isWished && wish.Location == ondisk.JournalInFile && wish.Loc[1] > 0
	if spare := fs.dev.Size() - end; !isFile && spare >= min(max(end/logShare, minLog), maxLog) {
		j.Loc = [4]uint64{uint64((end + unit - 1) / unit), uint64(fs.dev.Size()/unit - (end+unit-1)/unit), uint64(unit), 0}
	} else {
		size := min(max((int64(s.DSize)<<s.FShift)/logShare, minLog), maxLog)
		if isFile {
			size = int64(min(wish.Loc[1], 1<<31))
		}
		in, start, err := fs.makeLogFile(ondisk.Block(size >> s.BShift))
		if err != nil {
			return err
		}
		j.Location = ondisk.JournalInFile
		j.Loc = [4]uint64{uint64(start / unit), uint64(in.di.Size / unit), uint64(unit), uint64(in.ino)}
	}
	s.SetJournal(order, j)
	return fs.finish()
}

// makeLogFile makes the hidden file of a log, of n blocks or if there is not so much space in one piece, down to a quarter of that. Its blocks follow one
// another, behind the indirect ones. It returns also where they begin, bytes.
func (fs *FS) makeLogFile(n ondisk.Block) (*inode, int64, error) {
	s := fs.s
	first, got, err := fs.findLogRun(int(n) + fs.indirectsOf(int(n)))
	if err != nil {
		return nil, 0, err
	}
	for int(n)+fs.indirectsOf(int(n)) > got {
		n--
	}
	now := fs.now()
	di := &ondisk.Inode{Mode: ondisk.ModeRegular, Nlink: 1, Flags: ondisk.FileLog, Atime: now, Mtime: now, Ctime: now}
	if s.Version == 2 {
		di.Birth = now
	}
	root := &dir{inode: &inode{fs: fs, ino: ondisk.RootIno}}
	in, err := root.newInode(di)
	if err != nil {
		fs.release(first, got<<s.FragShift)
		return nil, 0, err
	}
	fs.quota.charge(&in.di, 0, -1)
	in.uncounted = true
	used := int(n) + fs.indirectsOf(int(n))
	if used < got {
		fs.release(first+ondisk.Frag(used)<<s.FragShift, (got-used)<<s.FragShift)
	}
	data := first + ondisk.Frag(used-int(n))<<s.FragShift
	in.di.Size = s.BlockOffset(n)
	in.addBlocks(int64(used) << (s.BShift - sectorShift))
	if err = in.pointAll(first, data, int(n)); err == nil {
		err = in.store(true)
	}
	if err != nil {
		in.suspect("a journal was not made", err)
		return nil, 0, err
	}
	return in, s.FragOffset(data), nil
}

// indirectsOf is how many indirect blocks a file of n blocks has.
func (fs *FS) indirectsOf(n int) int {
	per := int(fs.s.Nindir)
	switch n -= ondisk.NDirect; {
	case n <= 0:
		return 0
	case n <= per:
		return 1
	}
	return 2 + (n-1)/per // the first, the double one, and those below it
}

// pointAll makes a new file of n blocks, those from data on. Its indirect blocks are those from first on.
func (in *inode) pointAll(first, data ondisk.Frag, n int) error {
	frag := ondisk.Frag(in.fs.s.Frag)
	per := int(in.fs.s.Nindir)
	for i := range min(n, ondisk.NDirect) {
		in.di.DB[i] = data + ondisk.Frag(i)*frag
	}
	leaf := func(done int) error {
		err := in.setPointers(first, 0, data+ondisk.Frag(done)*frag, min(per, n-done), true)
		first += frag
		return err
	}
	done := ondisk.NDirect
	if done >= n {
		return nil
	}
	in.di.IB[0] = first
	if err := leaf(done); err != nil {
		return err
	}
	if done += per; done >= n {
		return nil
	}
	in.di.IB[1] = first
	first += frag
	if err := in.setPointers(in.di.IB[1], 0, first, (n-done+per-1)/per, true); err != nil {
		return err
	}
	for ; done < n; done += per {
		if err := leaf(done); err != nil {
			return err
		}
	}
	return nil
}

// findLogRun allocates want blocks that follow one another, or if that cannot be the most there are, at least a quarter. Groups are tried from the middle
// of the volume outwards.
func (fs *FS) findLogRun(want int) (first ondisk.Frag, got int, err error) {
	ncg := int(fs.s.Ncg)
	best, bestIn := 0, 0
	for try := range 2 * ncg {
		cg := ncg/2 + (try+1)/2*(1-2*(try%2))*-1
		if cg < 0 || cg >= ncg {
			continue
		}
		at, n, err := fs.alloc.RunIn(cg, want)
		if err == syscall.ENOSPC {
			continue
		}
		if err != nil || n == want {
			return at, n, err
		}
		if n > best {
			best, bestIn = n, cg
		}
		if err := fs.alloc.Free(at, n<<fs.s.FragShift); err != nil {
			return 0, 0, err
		}
	}
	if 4*best < want {
		size := int64(best) << fs.s.BShift
		return 0, 0, fmt.Errorf("no cylinder group has room for it, at most %d bytes in one piece: %w", size, syscall.ENOSPC)
	}
	return fs.alloc.RunIn(bestIn, best)
}

// removeLog ends the hidden file of a log, if it is in one, and forgets the log.
func (fs *FS) removeLog(j ondisk.Journal) error {
	if err := fs.begin(); err != nil {
		return err
	}
	if ino := ondisk.Ino(j.Loc[3]); j.Location == ondisk.JournalInFile && ino != 0 {
		in, err := fs.load(ino)
		if err == nil && in.di.Flags&ondisk.FileLog == 0 {
			err = in.corrupt("no file of a journal")
		}
		if err == nil {
			in.uncounted = true
			err = in.destroy()
		}
		if err != nil {
			fs.alloc.Suspect()
			fs.log.Error("the journal's file was not removed; run fsck", "ino", ino, "err", err)
		}
	}
	fs.s.SetJournal(fs.s.Order, ondisk.Journal{})
	return fs.finish()
}
