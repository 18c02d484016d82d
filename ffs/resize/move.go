package resize

import (
	"rump/ffs/ondisk"
)

// Limits of a batch of moves: what waits in memory for what it depends on to be on the disk.
const (
	batchCopies = 8192
	batchBytes  = 8 << 20
	copyChunk   = 1 << 20 // bytes copied at once
)

// A mover walks all files, and moves what lies in a zone. A dry one only counts: it makes the same decisions in the same order.
type mover struct {
	r     *resizer
	p     *plan
	dry   bool
	frags int64 // moved
	short bool  // a dry one had no space for all of them
	space *space

	groups *groupCache // of a wet one
	log    *logMove

	near   int // the group that blocks of the present file should be in
	copies []copying
	writes [4][]writing // by what they depend on: indirect blocks of level 1 to 3, inodes last
	held   int          // bytes in writes
	loose  []span       // fragments outside of the zones that are not used any more, because the run they belong to has moved
	bufs   [ondisk.NIndirect + 1][]byte
}

// copying is data that goes to another place.
type copying struct {
	from, to ondisk.Frag
	n        int
}

// writing is an indirect block, or an inode, with its new pointers.
type writing struct {
	frag ondisk.Frag // of an indirect block
	ino  ondisk.Ino  // of an inode
	b    []byte
	in   ondisk.Inode
}

func (r *resizer) newMover(p *plan, dry bool) *mover {
	m := &mover{r: r, p: p, dry: dry, space: p.space, log: p.log}
	if !dry {
		m.groups = newGroupCache(r.vol, p)
	}
	return m
}

// moveBlocks does what the plan found.
func (r *resizer) moveBlocks(p *plan) error {
	if r.report.Frags == 0 {
		return nil
	}
	// The plan has taken from the space what it counted: it is counted anew.
	if _, err := r.survey(p); err != nil {
		return err
	}
	m := r.newMover(p, false)
	if err := m.all(); err != nil {
		return err
	}
	if err := m.settle(); err != nil {
		return err
	}
	if err := m.groups.free(m.loose); err != nil {
		return err
	}
	if err := m.groups.writeAll(); err != nil {
		return err
	}
	if m.log != nil {
		r.logFirst = m.log.first
	}
	return r.vol.flush()
}

// all moves what has to move of all files: that of the log first, since it needs a long row of blocks.
func (m *mover) all() error {
	if err := m.planLog(); err != nil {
		return err
	}
	s := m.r.old
	step := "moving blocks"
	if m.dry {
		step = "planning"
	}
	for cg := range int(s.Ncg) {
		if m.dry {
			if err := m.r.ctx.Err(); err != nil {
				return err
			}
		}
		m.r.o.Progress(step, int64(cg), int64(s.Ncg))
		g, _, err := m.r.vol.group(cg)
		if err != nil {
			return err
		}
		if err := m.r.vol.inodes(&g, m.file); err != nil {
			return err
		}
	}
	return nil
}

// file moves what has to move of one file.
func (m *mover) file(ino ondisk.Ino, in *ondisk.Inode) error {
	m.near = m.home(ino)
	before := *in
	if m.log != nil && m.isLog(ino) {
		m.log.used = 0
	}
	err := eachDirect(m.r.old, in, func(f *ondisk.Frag, n int) error { return m.pointer(ino, f, n, 0) })
	for level := 1; err == nil && level <= ondisk.NIndirect && hasBlocks(m.r.old, in); level++ {
		if in.IB[level-1] != 0 {
			err = m.pointer(ino, &in.IB[level-1], int(m.r.old.Frag), level)
		}
	}
	if err != nil {
		return wrap(ino, err)
	}
	if *in != before && !m.dry {
		return m.later(ondisk.NIndirect, writing{ino: ino, in: *in}, m.r.old.InodeSize())
	}
	return nil
}

// home is the group that the blocks of an inode should be in.
func (m *mover) home(ino ondisk.Ino) int {
	if m.r.moved != nil {
		ino = m.r.moved.number(ino)
	}
	return min(m.r.old.InoToCg(ino), m.p.limit-1)
}

// pointer looks at a pointer to n fragments, and at all that they lead to, and changes it if they move.
func (m *mover) pointer(ino ondisk.Ino, f *ondisk.Frag, n, level int) error {
	at := *f
	if err := m.r.vol.checkPlace(ino, at, n); err != nil {
		return err
	}
	isLogData := level == 0 && m.log != nil && m.isLog(ino)
	if level == 0 && !isLogData && !inZone(m.p.zones, at, n) {
		return nil
	}
	if level > 0 {
		return m.indirect(ino, f, level)
	}
	var to ondisk.Frag
	var err error
	if isLogData {
		to = m.log.takeNext(m.r.old)
	} else if to, err = m.take(n); err != nil {
		return err
	}
	m.frags += int64(n)
	*f = to
	if m.dry {
		return nil
	}
	m.dropOutside(at, n)
	m.copies = append(m.copies, copying{at, to, n})
	if len(m.copies) >= batchCopies {
		return m.settle()
	}
	return nil
}

// indirect is pointer for an indirect block.
func (m *mover) indirect(ino ondisk.Ino, f *ondisk.Frag, level int) error {
	s := m.r.old
	at := *f
	if m.bufs[level] == nil {
		m.bufs[level] = make([]byte, s.BSize)
	}
	b := m.bufs[level]
	if err := m.r.vol.readFrags(at, b); err != nil {
		return err
	}
	list := s.IndirectIn(b)
	changed := false
	for i := range list.Len() {
		child := list.Get(i)
		if child == 0 {
			continue
		}
		was := child
		if err := m.pointer(ino, &child, int(s.Frag), level-1); err != nil {
			return err
		}
		if child != was {
			list.Set(i, child)
			changed = true
		}
	}
	to := at
	if inZone(m.p.zones, at, int(s.Frag)) {
		var err error
		if to, err = m.take(int(s.Frag)); err != nil {
			return err
		}
		m.frags += int64(s.Frag)
		if !m.dry {
			m.dropOutside(at, int(s.Frag))
		}
	} else if !changed {
		return nil
	}
	*f = to
	if m.dry {
		return nil
	}
	return m.later(level-1, writing{frag: to, b: append([]byte(nil), b...)}, len(b))
}

// take finds a place for n fragments.
func (m *mover) take(n int) (ondisk.Frag, error) {
	cg, run, err := m.space.take(m.near, n)
	if m.dry {
		m.short = m.short || err != nil
		return 1, nil // any other than it was
	}
	if err != nil {
		return 0, err
	}
	return m.groups.take(cg, run, n)
}

// dropOutside notes what is left over of n fragments at f that are given up since some of them lie in a zone.
func (m *mover) dropOutside(f ondisk.Frag, n int) {
	for i := f; i < f+ondisk.Frag(n); i++ {
		if inZone(m.p.zones, i, 1) {
			continue
		}
		if k := len(m.loose); k > 0 && m.loose[k-1].hi == i {
			m.loose[k-1].hi++
		} else {
			m.loose = append(m.loose, span{i, i + 1})
		}
	}
}

// later puts off a write until what it depends on is on the disk.
func (m *mover) later(stage int, w writing, size int) error {
	m.writes[stage] = append(m.writes[stage], w)
	m.held += size
	if m.held >= batchBytes {
		return m.settle()
	}
	return nil
}

// settle does all that has been put off: copies, then who points to them, from the bottom up, each on the disk before the next.
func (m *mover) settle() error {
	if len(m.copies) > 0 {
		if err := m.copyAll(); err != nil {
			return err
		}
		if err := m.r.vol.flush(); err != nil {
			return err
		}
		m.copies = m.copies[:0]
	}
	for stage := range m.writes {
		if len(m.writes[stage]) == 0 {
			continue
		}
		for i := range m.writes[stage] {
			if err := m.write(&m.writes[stage][i]); err != nil {
				return err
			}
		}
		if err := m.r.vol.flush(); err != nil {
			return err
		}
		m.writes[stage] = nil
	}
	m.held = 0
	return nil
}

func (m *mover) write(w *writing) error {
	if w.frag != 0 {
		return m.r.vol.writeFrags(w.frag, w.b)
	}
	s := m.r.old
	off := s.FragOffset(s.InoToFrag(w.ino)) + int64(s.InoInBlock(w.ino))
	return m.r.vol.patch(off, s.InodeSize(), func(b []byte) bool {
		ondisk.EncodeInode(s, &w.in, b)
		return true
	})
}

// copyAll copies; what follows each other at both places goes at once.
func (m *mover) copyAll() error {
	s := m.r.old
	most := max(1, copyChunk>>s.FShift)
	buf := make([]byte, max(copyChunk, int(s.BSize)))
	for i := 0; i < len(m.copies); {
		c := m.copies[i]
		for i++; i < len(m.copies); i++ {
			next := m.copies[i]
			if next.from != c.from+ondisk.Frag(c.n) || next.to != c.to+ondisk.Frag(c.n) || c.n+next.n > most {
				break
			}
			c.n += next.n
		}
		b := buf[:c.n<<s.FShift]
		if err := m.r.vol.readFrags(c.from, b); err != nil {
			return err
		}
		if err := m.r.vol.writeFrags(c.to, b); err != nil {
			return err
		}
	}
	return nil
}
