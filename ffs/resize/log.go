package resize

import (
	"syscall"

	"rump/ffs/ondisk"
)

// A logMove is where the file of the write-ahead log goes: it must lie in one piece.
type logMove struct {
	cg     int
	blocks int         // data blocks, in a row
	first  ondisk.Frag // the first of them; 0 in a plan
	used   int         // how many have been given out
}

// takeNext is the next block of the row.
func (l *logMove) takeNext(s *ondisk.Super) ondisk.Frag {
	l.used++
	if l.first == 0 {
		return 1
	}
	return l.first + ondisk.Frag(l.used-1)<<s.FragShift
}

// logFile is the inode of the log, 0 if it is not in a file.
func logFile(s *ondisk.Super) ondisk.Ino {
	if j, _, ok := s.FindJournal(); ok && !s.OldLayout && j.Location == ondisk.JournalInFile && s.ValidIno(ondisk.Ino(j.Loc[3])) {
		return ondisk.Ino(j.Loc[3])
	}
	return 0
}

func (m *mover) isLog(ino ondisk.Ino) bool { return ino == logFile(m.r.old) && ino != 0 }

// planLog finds a row of blocks for the log if a part of it has to move.
func (m *mover) planLog() error {
	ino := logFile(m.r.old)
	if ino == 0 {
		return nil
	}
	s := m.r.old
	g, _, err := m.r.vol.group(s.InoToCg(ino))
	if err != nil {
		return err
	}
	blocks, moves := 0, false
	if g.InodeUsed(s.InoInCg(ino)) {
		err = m.r.vol.inodes(&g, func(i ondisk.Ino, in *ondisk.Inode) error {
			if i != ino {
				return nil
			}
			var err error
			blocks, moves, err = m.logBlocks(ino, in)
			return err
		})
	}
	if err != nil || !moves {
		m.log = nil
		return err
	}
	if m.dry {
		m.log, err = m.findRow(blocks)
		return err
	}
	m.log.used = 0
	m.space.takeBlocks(m.log.cg, blocks)
	m.log.first, err = m.groups.takeRow(m.log.cg, blocks)
	return err
}

// logBlocks counts the data blocks of the log, and says whether one of them lies in a zone.
func (m *mover) logBlocks(ino ondisk.Ino, in *ondisk.Inode) (n int, moves bool, err error) {
	s := m.r.old
	if in.Size <= 0 || in.Size%int64(s.BSize) != 0 || in.Flags&ondisk.FileLog == 0 {
		return 0, false, refuse(syscall.EINVAL, "inode %d: not a log as it should be; run fsck", ino)
	}
	var walk func(f ondisk.Frag, level int) error
	walk = func(f ondisk.Frag, level int) error {
		if err := m.r.vol.checkPlace(ino, f, int(s.Frag)); err != nil {
			return err
		}
		if level == 0 {
			n++
			moves = moves || inZone(m.p.zones, f, int(s.Frag))
			return nil
		}
		b := make([]byte, s.BSize)
		if err := m.r.vol.readFrags(f, b); err != nil {
			return err
		}
		list := s.IndirectIn(b)
		for i := range list.Len() {
			if c := list.Get(i); c != 0 {
				if err := walk(c, level-1); err != nil {
					return err
				}
			}
		}
		return nil
	}
	err = eachDirect(s, in, func(f *ondisk.Frag, _ int) error { return walk(*f, 0) })
	for level := 1; err == nil && level <= ondisk.NIndirect; level++ {
		if f := in.IB[level-1]; f != 0 {
			err = walk(f, level)
		}
	}
	return n, moves, err
}

// findRow looks for a row of n free blocks in the groups that stay, from the middle outwards as the kernel does.
func (m *mover) findRow(n int) (*logMove, error) {
	mid := m.p.limit / 2
	for i := range 2 * m.p.limit {
		cg := mid + (i+1)/2
		if i%2 == 1 {
			cg = mid - (i+1)/2
		}
		if cg < 0 || cg >= m.p.limit || int(m.space.groups[cg][0]) < n {
			continue
		}
		g, _, err := m.r.vol.group(cg)
		if err != nil {
			return nil, err
		}
		reserve(m.p.zones, m.r.old, &g)
		if _, ok := g.FindCluster(0, n); ok {
			m.space.takeBlocks(cg, n)
			return &logMove{cg: cg, blocks: n}, nil
		}
	}
	return nil, refuse(syscall.ENOSPC, "the journal lies behind the new end, and nowhere else are %d free blocks in a row; remove it (tunefs -l 0) and mount the file system once", n)
}

// moveJournal enters in both superblocks where the log is: its first block, if that has moved. A log behind the end of the file system is
// given up. The number of its inode is that of the old one still.
func (r *resizer) moveJournal() {
	j, order, ok := r.old.FindJournal()
	switch {
	case !ok || r.old.OldLayout || j.Loc[2] == 0:
		return
	case j.Location == ondisk.JournalAtEnd:
		j = ondisk.Journal{}
	case r.logFirst != 0:
		j.Loc[0] = uint64(r.old.FragOffset(r.logFirst)) / j.Loc[2]
	}
	r.old.SetJournal(order, j)
	r.new.SetJournal(order, j)
}

// journalNotes tells what becomes of the log.
func (r *resizer) journalNotes(p *plan, report *Report) {
	j, _, ok := r.old.FindJournal()
	switch {
	case !ok || r.old.OldLayout || j.Loc[2] == 0 || report.Old.Size == report.New.Size:
	case j.Location == ondisk.JournalAtEnd:
		report.Notes = append(report.Notes, "the journal behind the file system is given up; the next mount with a journal makes a new one")
	case p.log != nil:
		report.Notes = append(report.Notes, "the journal moves")
	}
}
