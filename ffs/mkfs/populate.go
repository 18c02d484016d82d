package mkfs

import (
	"fmt"
	"io"

	"rump/ffs/mkfs/tree"
	"rump/ffs/ondisk"
)

// A populator goes through the tree a second time and writes: directories, inodes, files, each from its beginning to its end.
type populator struct {
	plan *plan
	opts *MakefsOptions
	s    *ondisk.Super
	m    groupMap
	crew *crew
	gen  func() uint32

	inodes   *inodeWriter
	dirNodes *dirWalk // directories as their inodes come
	dirs     *dirWriter
	files    *packer
	chunks   *chunker // of files
	perGroup []int32  // directories with an inode in each group
}

func newPopulator(p *plan, s *ondisk.Super, c *crew, gen func() uint32) *populator {
	w := &populator{plan: p, opts: p.opts, s: s, m: newGroupMap(s), crew: c, gen: gen, perGroup: make([]int32, s.Ncg)}
	w.inodes = &inodeWriter{crew: c, s: s}
	w.dirNodes = p.dirWalk()
	walk := p.dirWalk()
	w.dirs = &dirWriter{s: s, walk: walk, chunks: c.chunker(walk.packer), m: &w.m}
	w.files = p.newPacker(p.fileStart)
	w.chunks = c.chunker(w.files)
	return w
}

// inoOf is the inode number of file number index.
func inoOf(index int64) ondisk.Ino { return ondisk.RootIno + ondisk.Ino(index) }

func (w *populator) run() error {
	for range 2 { // 0 and 1 are no files
		if err := w.inodes.put(&ondisk.Inode{}); err != nil {
			return err
		}
	}
	root := w.plan.list.Root
	if err := w.file(&root, nil); err != nil {
		return err
	}
	r := w.plan.list.Reader()
	for {
		d, err := r.NextDir()
		if err == io.EOF {
			break
		}
		if err == nil {
			err = w.directory(r, d)
		}
		if err != nil {
			return err
		}
	}
	if err := w.dirs.chunks.flush(); err != nil {
		return err
	}
	if err := w.chunks.flush(); err != nil {
		return err
	}
	return w.inodes.flush()
}

// directory writes a directory and the files that are first named in it.
func (w *populator) directory(r *tree.Reader, d tree.Dir) error {
	if err := w.dirs.begin(d); err != nil {
		return err
	}
	for {
		e, err := r.Next()
		if err != nil {
			return err
		}
		if e == nil {
			return w.dirs.end()
		}
		if err := w.dirs.add(e); err != nil {
			return err
		}
		if !e.First {
			continue
		}
		if err := w.file(e, &d); err != nil {
			return fmt.Errorf("%s: %w", pathOf(d, e), err)
		}
	}
}

// file writes the inode of a file, and its content but for a directory's.
func (w *populator) file(e *tree.Entry, d *tree.Dir) error {
	sh, err := shapeOf(w.s, e, w.opts.Xattrs)
	if err != nil {
		return err
	}
	in := w.inode(e)
	at := w.files.put(&sh)
	if err := w.extended(&in, e, &sh, at); err != nil {
		return err
	}
	switch {
	case e.IsDir():
		dir, err := w.dirNodes.next()
		if err != nil {
			return err
		}
		dir.shape.ext, dir.shape.extLen = sh.ext, sh.extLen
		in.Nlink = int16(2 + dir.subdirs)
		w.setBlocks(&in, &dir.shape, dir.place)
		w.perGroup[w.s.InoToCg(inoOf(dir.index))]++
	case e.IsSymlink() && sh.data == 0 && sh.tail == 0:
		in.Size = sh.size
		copy(in.Inline[:], e.Target)
	case e.IsSymlink():
		w.setBlocks(&in, &sh, at)
		err = w.chunks.known(firstSpot(&sh, at), append([]byte(nil), e.Target...))
	case e.IsRegular():
		w.setBlocks(&in, &sh, at)
		err = w.content(e, d, &sh, at)
	case e.IsDevice():
		in.Rdev = packDevice(e.Major, e.Minor)
	}
	if err != nil {
		return err
	}
	return w.inodes.put(&in)
}

// firstSpot is where a file that is not longer than a block begins.
func firstSpot(sh *shape, at place) spot {
	if sh.data > 0 {
		return at.data
	}
	return at.tail
}

// packDevice is a device number as NetBSD packs it.
func packDevice(major, minor uint32) uint64 {
	return uint64(major&0xfff)<<8 | uint64(minor&0xfff00)<<12 | uint64(minor&0xff)
}

// inode is the inode of an entry as far as the entry says.
func (w *populator) inode(e *tree.Entry) ondisk.Inode {
	in := ondisk.Inode{
		Mode: e.Mode, Nlink: int16(max(e.Nlink, 1)), UID: e.UID, GID: e.GID, Flags: e.Flags,
		Mtime: e.Mtime, Atime: e.Atime, Ctime: e.Ctime, Birth: e.Birth,
		Gen: w.gen(),
	}
	if w.opts.Owner != nil {
		in.UID = *w.opts.Owner
	}
	if w.opts.Group != nil {
		in.GID = *w.opts.Group
	}
	if w.opts.Reproducible {
		in.Atime, in.Ctime, in.Birth = in.Mtime, in.Mtime, in.Mtime
	}
	for _, t := range []*ondisk.Time{&in.Mtime, &in.Atime, &in.Ctime, &in.Birth} {
		w.opts.limit(t)
	}
	return in
}

// limit brings a time to what is wanted.
func (m *MakefsOptions) limit(t *ondisk.Time) {
	switch {
	case m.AllTimes != nil:
		*t = ondisk.Time{Sec: m.AllTimes.Unix(), Nsec: int32(m.AllTimes.Nanosecond())}
	case m.MaxTime != nil:
		latest := ondisk.Time{Sec: m.MaxTime.Unix(), Nsec: int32(m.MaxTime.Nanosecond())}
		if t.Sec > latest.Sec || t.Sec == latest.Sec && t.Nsec > latest.Nsec {
			*t = latest
		}
	}
}

// extended writes the extended attributes.
func (w *populator) extended(in *ondisk.Inode, e *tree.Entry, sh *shape, at place) error {
	if sh.extLen == 0 {
		return nil
	}
	area := make([]byte, 0, sh.extLen)
	for _, x := range e.Xattrs {
		area = ondisk.AppendExtAttr(w.s.Order, area, x.Namespace, x.Name, x.Value)
	}
	in.ExtSize = uint32(len(area))
	for i, n := range sh.ext {
		if n == 0 {
			break
		}
		in.ExtB[i] = w.m.address(at.ext[i])
		part := area[i*int(w.s.BSize):]
		if err := w.chunks.known(at.ext[i], part[:min(len(part), int(w.s.BSize))]); err != nil {
			return err
		}
	}
	return nil
}

// setBlocks sets size, count and pointers of an inode; indirect blocks are written elsewhere.
func (w *populator) setBlocks(in *ondisk.Inode, sh *shape, at place) {
	in.Size = sh.size
	in.Blocks = sh.sectors(w.s)
	t := tracer{s: w.s, m: &w.m, sh: sh, at: at}
	for lbn := range int64(ondisk.NDirect) {
		if i, ok := sh.rank(lbn); ok {
			in.DB[lbn] = t.dataBlock(i)
		} else if sh.tail > 0 && lbn == sh.tailBlock(w.s) {
			in.DB[lbn] = w.m.address(at.tail)
		}
	}
	t.roots(in)
}

// content puts the data of a regular file in its place, with the indirect blocks in front.
func (w *populator) content(e *tree.Entry, d *tree.Dir, sh *shape, at place) error {
	if sh.ind > 0 {
		t := tracer{s: w.s, m: &w.m, sh: sh, at: at, out: w.chunks}
		if err := t.write(); err != nil {
			return err
		}
	}
	if sh.data == 0 && sh.tail == 0 {
		return nil
	}
	from := d.ContentOf(e)
	bsize := int64(w.s.BSize)
	done := int64(0)
	for _, r := range sh.dataRuns() {
		n := min(r.n*bsize, sh.size-r.first*bsize)
		if err := w.chunks.file(at.data+spot(done*w.files.frag), n, from, r.first*bsize); err != nil {
			return err
		}
		done += r.n
	}
	if sh.tail == 0 {
		return nil
	}
	off := sh.tailBlock(w.s) * bsize
	return w.chunks.file(at.tail, sh.size-off, from, off)
}
