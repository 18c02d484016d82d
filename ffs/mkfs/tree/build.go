package tree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"syscall"
	"time"

	"rump/ffs/ondisk"
)

const (
	impliedMode = ondisk.ModeDir | 0o755
	maxLayers   = 64 // host directories
)

// A builder makes a List, directory by directory in the order of the list.
type builder struct {
	src     Source
	list    *List
	streams []*stream
	lister  hostLister // for directories that are not read ahead

	queue []*pendingDir // in order: those that are being read
	ahead *Cursor       // of list.dirs: the next one to begin with
	rec   []byte

	listers sync.Pool // of *hostLister

	seq    int64
	bytes  int64
	linked int64 // names of files that may have others
}

// Build makes the list of all files of a source. Names that come from outside are checked: an error names the file, or
// the archive, or the specification and its line.
func Build(ctx context.Context, src Source) (*List, error) {
	if len(src.Dirs) > maxLayers {
		return nil, fmt.Errorf("more than %d directories", maxLayers)
	}
	if src.Now.IsZero() {
		src.Now = time.Now()
	}
	b := &builder{src: src, list: &List{entries: NewSpool(src.TempDir, listBudget), dirs: NewSpool(src.TempDir, listBudget/4)}}
	err := b.build(ctx)
	for _, s := range b.streams {
		s.sorter.close()
	}
	if err != nil {
		b.list.Close()
		return nil, err
	}
	return b.list, nil
}

func (b *builder) build(ctx context.Context) error {
	if err := b.openLayers(ctx); err != nil {
		return err
	}
	if err := b.makeRoot(); err != nil {
		return err
	}
	b.ahead = b.list.dirs.Cursor()
	ctx, cancel := context.WithCancel(ctx)
	defer b.drain()
	defer cancel()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := b.readAhead(ctx); err != nil {
			return err
		}
		if len(b.queue) == 0 {
			break
		}
		d := b.queue[0]
		b.queue = b.queue[1:]
		<-d.done
		if err := b.group(ctx, d); err != nil {
			return err
		}
	}
	for _, s := range b.streams {
		if s.have {
			return s.orphan()
		}
	}
	l := b.list
	l.Names = b.seq
	if b.linked == 0 {
		l.Files, l.Bytes = b.seq+1, b.bytes
		return nil
	}
	if err := l.findLinks(b.src.TempDir); err != nil {
		return err
	}
	return l.count()
}

// openLayers reads archives and specifications and gives every layer its number.
func (b *builder) openLayers(ctx context.Context) error {
	l := b.list
	for _, dir := range b.src.Dirs {
		l.layers = append(l.layers, layer{root: dir, name: dir})
	}
	for _, a := range b.src.Tars {
		y, err := openArchive(a, b.src.TempDir)
		if err != nil {
			return err
		}
		l.layers = append(l.layers, y)
		s := newStream(a.Name, b.src.TempDir)
		s.layer = len(l.layers) - 1
		b.streams = append(b.streams, s)
		if err := readTar(ctx, s, y.archive, &b.src); err != nil {
			return fmt.Errorf("%s: %w", a.Name, err)
		}
	}
	if len(b.src.Specs) > 0 {
		l.layers = append(l.layers, layer{root: b.src.ContentRoot, name: "specification"})
	}
	for _, sp := range b.src.Specs {
		s := newStream(sp.Name, b.src.TempDir)
		s.layer, s.isSpec = len(l.layers)-1, true
		b.streams = append(b.streams, s)
		if err := readSpec(s, sp.Reader, &b.src); err != nil {
			return err
		}
	}
	for _, s := range b.streams {
		if err := s.start(); err != nil {
			return err
		}
	}
	return nil
}

// makeRoot settles the attributes of the root directory.
func (b *builder) makeRoot() error {
	now := ondisk.Time{Sec: b.src.Now.Unix(), Nsec: int32(b.src.Now.Nanosecond())}
	root := Entry{Mode: impliedMode, Mtime: now, Atime: now, Ctime: now, Birth: now}
	d := dirRecord{}
	for i, dir := range b.src.Dirs {
		d.layers |= 1 << i
		if i > 0 && !b.src.Replace {
			continue
		}
		var st syscall.Stat_t
		if err := syscall.Stat(dir, &st); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
		if st.Mode&uint32(ondisk.ModeType) != uint32(ondisk.ModeDir) {
			return fmt.Errorf("%s: %w", dir, syscall.ENOTDIR)
		}
		fromStat(&st, &root)
		if b.src.Xattrs {
			if err := readXattrs(dir, dir, &root); err != nil {
				return err
			}
		}
	}
	for _, s := range b.streams {
		if s.root == nil {
			continue
		}
		if s.root.fields&fieldType != 0 && !s.root.entry.IsDir() {
			return fmt.Errorf("%s: the root is not a directory", s.name)
		}
		apply(&root, s.root)
	}
	b.list.Root = root
	b.list.Dirs = 1
	return b.list.dirs.Append(d.encode(nil))
}

// A pendingDir is a directory whose host layers are being read.
type pendingDir struct {
	dirRecord
	path string
	done chan struct{}
	runs []run // of the host layers that have it, in order
	err  error
}

func (d *pendingDir) close() {
	for _, r := range d.runs {
		r.close()
	}
}

// readAhead starts reading directories that are known already, some at a time.
func (b *builder) readAhead(ctx context.Context) error {
	for len(b.queue) < 2*runtime.GOMAXPROCS(0) {
		rec, err := b.ahead.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		d := &pendingDir{done: make(chan struct{})}
		if err := d.decode(rec); err != nil {
			return err
		}
		d.path = string(d.dirRecord.path)
		b.queue = append(b.queue, d)
		if d.layers == 0 {
			close(d.done)
			continue
		}
		go func() {
			defer close(d.done)
			if d.err = ctx.Err(); d.err == nil {
				d.err = b.readDir(d)
			}
		}()
	}
	return nil
}

// readDir reads the host's part of a directory.
func (b *builder) readDir(d *pendingDir) error {
	h, ok := b.listers.Get().(*hostLister)
	if !ok {
		h = &hostLister{xattrs: b.src.Xattrs, skip: b.src.Skip}
	}
	defer b.listers.Put(h)
	for i, root := range b.src.Dirs {
		if d.layers>>i&1 == 0 {
			continue
		}
		h.layer = i
		r, err := h.readListing(root, d.path, b.src.TempDir)
		if err != nil {
			return err
		}
		d.runs = append(d.runs, r)
	}
	return nil
}

// drain waits for what is still being read.
func (b *builder) drain() {
	for _, d := range b.queue {
		<-d.done
		d.close()
	}
}

// group writes the group of one directory.
func (b *builder) group(ctx context.Context, d *pendingDir) error {
	defer d.close()
	if d.err != nil {
		return d.err
	}
	m := merger{b: b, dir: d.path}
	for i := range b.src.Dirs {
		if d.layers>>i&1 != 0 {
			m.add(d.runs[len(m.inputs)], i, nil)
		}
	}
	for _, s := range b.streams {
		r, err := s.in(d.path, b.mergeFor(s))
		if err != nil {
			return err
		}
		m.add(r, -1, s)
	}
	if err := m.start(); err != nil {
		return err
	}
	for n := 0; ; n++ {
		if n&0xfff == 0xfff && ctx.Err() != nil {
			return ctx.Err()
		}
		e, layers, err := m.next()
		if err == io.EOF {
			return b.list.entries.Append([]byte{hasEnd})
		}
		if err != nil {
			return err
		}
		if e == nil {
			continue
		}
		if err := b.emit(d, e, layers); err != nil {
			return err
		}
	}
}

// mergeFor is what happens when a stream names something twice.
func (b *builder) mergeFor(s *stream) mergeFunc {
	return func(old, new *patch, path string) (bool, error) {
		if !s.isSpec {
			return new.line >= old.line, nil // an archive's later member replaces the earlier
		}
		msg := fmt.Sprintf("%s:%d: %q is in line %d already", s.name, new.line, path, old.line)
		if !b.src.AllowDuplicate {
			return false, errors.New(msg)
		}
		b.list.Warnings = append(b.list.Warnings, msg)
		return true, nil
	}
}

// emit adds an entry to the list.
func (b *builder) emit(d *pendingDir, e *Entry, layers uint64) error {
	b.seq++
	b.bytes += e.Size
	if e.Link != [2]uint64{} {
		b.linked++
	}
	b.rec = e.encode(b.rec[:0])
	if err := b.list.entries.Append(b.rec); err != nil {
		return err
	}
	if !e.IsDir() {
		return nil
	}
	b.list.Dirs++
	sub := dirRecord{layers: layers, seq: b.seq, parent: d.seq, path: []byte(joinPath(d.path, string(e.Name)))}
	return b.list.dirs.Append(sub.encode(nil))
}

// count counts files that have more than one name once.
func (l *List) count() error {
	r := l.Reader()
	l.Files = 1
	for {
		if _, err := r.NextDir(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		for {
			e, err := r.Next()
			if err != nil {
				return err
			}
			if e == nil {
				break
			}
			if e.First {
				l.Files++
				l.Bytes += e.Size
			}
		}
	}
}

// apply changes e as a patch says.
func apply(e *Entry, p *patch) {
	from := &p.entry
	if p.fields&fieldWhole != 0 {
		name := e.Name
		*e = *from
		e.Name = name
		return
	}
	if p.fields&fieldMode != 0 {
		e.Mode = e.Mode&ondisk.ModeType | from.Mode&^ondisk.ModeType
	}
	if p.fields&fieldUID != 0 {
		e.UID = from.UID
	}
	if p.fields&fieldGID != 0 {
		e.GID = from.GID
	}
	if p.fields&fieldFlags != 0 {
		e.Flags = from.Flags
	}
	if p.fields&fieldTime != 0 {
		e.Mtime, e.Atime, e.Ctime, e.Birth = from.Mtime, from.Mtime, from.Mtime, from.Mtime
	}
	if p.fields&fieldTarget != 0 && e.IsSymlink() {
		e.Target = bytes.Clone(from.Target)
	}
	if p.fields&fieldDevice != 0 && e.IsDevice() {
		e.Major, e.Minor = from.Major, from.Minor
	}
	if p.fields&fieldContents != 0 && e.IsRegular() {
		e.Where, e.Size = from.Where, from.Size
		e.Sparse, e.Data = from.Sparse, from.Data
		e.Link = from.Link
	}
}
