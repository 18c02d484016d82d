package mkfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"rump/ffs/mkfs/tree"
	"rump/ffs/ondisk"
)

const (
	chunkBytes = 1 << 20 // what is read and written at once
	planBudget = 2 << 20 // bytes of memory of a list of the plan
)

var errPlan = errors.New("temporary file: damaged plan")

// A plan is what has to be known before anything can be written: how large directories are, which blocks stay partly free,
// and how much there is of everything.
type plan struct {
	list *tree.List
	s    *ondisk.Super // sizes and version only
	opts *MakefsOptions

	dirs      *tree.Spool // of each directory, in order: number, size, subdirectories
	rests     *tree.Spool // partly used blocks, ascending, first of directories, then of files
	fileStart int64       // the first data block behind directories
	blocks    int64       // data blocks in use
	free      int64       // fragments free in them
	content   int64       // bytes of files to be copied
}

func (p *plan) close() {
	p.dirs.Close()
	p.rests.Close()
}

// newPacker makes one for directories or for files.
func (p *plan) newPacker(start int64) *packer {
	return &packer{frag: int64(p.s.Frag), chunk: max(1, chunkBytes/int64(p.s.BSize)), start: start, next: start}
}

// makePlan goes through the list once, directories and files both; where files begin is known only at the end, so their
// partly used blocks are counted from the first file until then.
func makePlan(list *tree.List, s *ondisk.Super, m *MakefsOptions) (*plan, error) {
	p := &plan{list: list, s: s, opts: m, dirs: tree.NewSpool(m.TempDir, planBudget), rests: tree.NewSpool(m.TempDir, planBudget)}
	fileRests := tree.NewSpool(m.TempDir, planBudget)
	defer fileRests.Close()
	if err := p.measure(fileRests); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *plan) measure(fileRests *tree.Spool) error {
	var failed error
	rest := func(to *tree.Spool) func(int64, int) {
		return func(block int64, used int) {
			p.free += int64(p.s.Frag) - int64(used)
			if err := appendNumbers(to, uint64(block), uint64(used)); err != nil && failed == nil {
				failed = err
			}
		}
	}
	dirs, files := p.newPacker(0), p.newPacker(0)
	dirs.rest, files.rest = rest(p.rests), rest(fileRests)
	r := p.list.Reader()
	root, err := shapeOf(p.s, &p.list.Root, p.opts.Xattrs) // its extended attributes
	if err != nil {
		return fmt.Errorf("root: %w", err)
	}
	files.put(&root)
	for {
		d, err := r.NextDir()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if err := p.measureDir(r, d, dirs, files); err != nil {
			return err
		}
		if failed != nil {
			return failed
		}
	}
	p.fileStart = dirs.align()
	p.blocks = p.fileStart + files.align()
	if failed != nil {
		return failed
	}
	return p.joinRests(fileRests)
}

// measureDir measures a directory and the files that are first named in it.
func (p *plan) measureDir(r *tree.Reader, d tree.Dir, dirs, files *packer) error {
	size := newDirSizer(p.s)
	subdirs := int64(0)
	for {
		e, err := r.Next()
		if err != nil {
			return err
		}
		if e == nil {
			break
		}
		size.add(len(e.Name))
		if e.IsDir() {
			subdirs++
		}
		if !e.First {
			continue
		}
		sh, err := shapeOf(p.s, e, p.opts.Xattrs)
		if err == nil && e.Nlink > ondisk.MaxLinks {
			err = fmt.Errorf("%d links, more than the %d that a file can have", e.Nlink, ondisk.MaxLinks)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", pathOf(d, e), err)
		}
		files.put(&sh)
		p.content += contentBytes(e)
	}
	switch {
	case subdirs+2 > ondisk.MaxLinks:
		return fmt.Errorf("%s: %d subdirectories, more than the %d that a directory can have", dirName(d), subdirs, ondisk.MaxLinks-2)
	case size.total() > ondisk.MaxDirSize:
		return fmt.Errorf("%s: too many names for a directory", dirName(d))
	}
	sh := denseShape(p.s, size.total())
	dirs.put(&sh)
	return appendNumbers(p.dirs, uint64(d.Index), uint64(size.total()), uint64(subdirs))
}

// contentBytes is how much of a file there is to copy.
func contentBytes(e *tree.Entry) int64 {
	if !e.Sparse {
		return e.Size
	}
	n := int64(0)
	for _, x := range e.Data {
		n += x.Len
	}
	return n
}

func pathOf(d tree.Dir, e *tree.Entry) string {
	if d.Path == "" {
		return string(e.Name)
	}
	return d.Path + "/" + string(e.Name)
}

func dirName(d tree.Dir) string {
	if d.Path == "" {
		return "the root"
	}
	return d.Path
}

// joinRests puts the partly used blocks of files behind those of directories.
func (p *plan) joinRests(files *tree.Spool) error {
	for c := files.Cursor(); ; {
		var n [2]uint64
		if err := readNumbers(c, n[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := appendNumbers(p.rests, n[0]+uint64(p.fileStart), n[1]); err != nil {
			return err
		}
	}
}

func appendNumbers(s *tree.Spool, numbers ...uint64) error {
	var b [3 * binary.MaxVarintLen64]byte
	out := b[:0]
	for _, n := range numbers {
		out = binary.AppendUvarint(out, n)
	}
	return s.Append(out)
}

func readNumbers(c *tree.Cursor, numbers []uint64) error {
	rec, err := c.Next()
	if err != nil {
		return err
	}
	for i := range numbers {
		v, n := binary.Uvarint(rec)
		if n <= 0 || v > math.MaxInt64 {
			return errPlan
		}
		numbers[i], rec = v, rec[n:]
	}
	return nil
}

// A plannedDir is a directory whose place has been found.
type plannedDir struct {
	index   int64
	subdirs int64
	shape   shape
	place   place
}

// A dirWalk finds the places of all directories again.
type dirWalk struct {
	p      *plan
	cursor *tree.Cursor
	packer *packer
}

func (p *plan) dirWalk() *dirWalk {
	return &dirWalk{p, p.dirs.Cursor(), p.newPacker(0)}
}

func (w *dirWalk) next() (plannedDir, error) {
	var n [3]uint64
	if err := readNumbers(w.cursor, n[:]); err != nil {
		if err == io.EOF {
			err = errPlan
		}
		return plannedDir{}, err
	}
	d := plannedDir{index: int64(n[0]), subdirs: int64(n[2]), shape: denseShape(w.p.s, int64(n[1]))}
	d.place = w.packer.put(&d.shape)
	return d, nil
}

// A dirSizer counts the size of a directory whose names come one after the other.
type dirSizer struct {
	unit   int
	at     int // in the last directory block
	blocks int64
}

func newDirSizer(s *ondisk.Super) *dirSizer {
	return &dirSizer{unit: s.DirBlockSize(), at: ondisk.DirSize(1) + ondisk.DirSize(2), blocks: 1}
}

// add counts a name and reports whether it begins a new directory block.
func (d *dirSizer) add(name int) (newBlock bool) {
	need := ondisk.DirSize(name)
	if d.at+need > d.unit {
		d.at = 0
		d.blocks++
		newBlock = true
	}
	d.at += need
	return newBlock
}

func (d *dirSizer) total() int64 { return d.blocks * int64(d.unit) }
