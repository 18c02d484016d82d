package tool

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	"rump/rumpfs/vfs"
)

// An archiver is one run of Tar or Pax.
type archiver struct {
	env     *Env
	path    string // of the archive, in the name space; "" or "-" is standard input or output
	dir     string // where members are, or come to; "" is the current directory
	follow  Follow
	device  bool // stay in one file system
	gzip    bool
	pax     bool // times to the nanosecond and other extensions
	keep    bool // do not replace what is there
	newer   bool // do not replace what is newer
	rooted  bool // keep a slash in front of names
	stdout  bool // extract to standard output
	owners  bool // give members their owners
	exact   bool // and the whole mode, without the mask
	noTimes bool // members get the present time
	direct  bool // -d: directories without what is in them
	verbose bool
	first   bool     // only the first member that each pattern matches
	others  bool     // those that no pattern matches
	wanted  []string // members; none is all
	glob    bool     // wanted are patterns

	hits []int
	log  io.Writer // names of members
}

// A stream is where an archive is read from or written to.
type stream struct {
	io.Reader
	io.Writer
	close func() error
}

// input opens the archive for reading; a compressed one is unpacked.
func (a *archiver) input(ctx context.Context) (*stream, error) {
	s := &stream{Reader: a.env.Stdin, close: func() error { return nil }}
	if a.path != "" && a.path != "-" {
		f, err := a.env.FS.Open(ctx, a.path, Read, 0)
		if err != nil {
			return nil, fmt.Errorf("%s: %s", a.path, Reason(err))
		}
		s.Reader, s.close = fileReader{ctx, f}, f.Close
	}
	b := bufio.NewReaderSize(s.Reader, 256<<10)
	s.Reader = b
	if head, _ := b.Peek(2); bytes.Equal(head, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(b)
		if err != nil {
			s.close()
			return nil, err
		}
		s.Reader = z
	}
	return s, nil
}

// output opens the archive for writing.
func (a *archiver) output(ctx context.Context) (*stream, error) {
	out, end := a.env.Stdout, func() error { return nil }
	if a.path != "" && a.path != "-" {
		f, err := a.env.FS.Open(ctx, a.path, Write|Create|Truncate, 0o666)
		if err != nil {
			return nil, fmt.Errorf("%s: %s", a.path, Reason(err))
		}
		out, end = fileWriter{ctx, f}, f.Close
	}
	b := bufio.NewWriterSize(out, 256<<10)
	if !a.gzip {
		return &stream{Writer: b, close: func() error { return cmpOr(b.Flush(), end()) }}, nil
	}
	z := gzip.NewWriter(b)
	return &stream{Writer: z, close: func() error { return cmpOr(z.Close(), b.Flush(), end()) }}, nil
}

// A fileReader is a File as an io.Reader, a fileWriter as an io.Writer.
type fileReader struct {
	ctx context.Context
	f   File
}

func (r fileReader) Read(p []byte) (int, error) { return r.f.Read(r.ctx, p) }

type fileWriter struct {
	ctx context.Context
	f   File
}

func (w fileWriter) Write(p []byte) (int, error) { return w.f.Write(w.ctx, p) }

// matches reports whether a member is wanted.
func (a *archiver) matches(name string) bool {
	if len(a.wanted) == 0 {
		return true
	}
	if a.hits == nil {
		a.hits = make([]int, len(a.wanted))
	}
	name = strings.TrimRight(name, "/")
	found := false
	for i, w := range a.wanted {
		w = strings.TrimRight(w, "/")
		same := w == name || strings.HasPrefix(name, w+"/")
		if !same && a.glob {
			for part := name; part != "" && !same; part = part[:max(0, strings.LastIndexByte(part, '/'))] {
				same = glob(w, part)
			}
		}
		if same && (!a.first || a.hits[i] == 0) {
			a.hits[i]++
			found = true
		}
	}
	return found != a.others
}

// missed complains of what was wanted and was not there.
func (a *archiver) missed() {
	for i, w := range a.wanted {
		if a.hits == nil || a.hits[i] == 0 {
			a.env.Warnf("%s: not found in the archive", w)
		}
	}
}

// members calls fn with each member that is wanted.
func (a *archiver) members(ctx context.Context, fn func(h *tar.Header, r *tar.Reader) error) error {
	s, err := a.input(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	r := tar.NewReader(s.Reader)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := r.Next()
		switch {
		case err == io.EOF:
			a.missed()
			return a.env.Result()
		case err != nil:
			return fmt.Errorf("%s: %w", a.archiveName(), err)
		}
		if h.Typeflag == tar.TypeXGlobalHeader || !a.matches(h.Name) {
			continue
		}
		if err := fn(h, r); err != nil {
			return err
		}
	}
}

func (a *archiver) archiveName() string {
	if a.path == "" || a.path == "-" {
		return "the archive"
	}
	return a.path
}

// list prints the members.
func (a *archiver) list(ctx context.Context) error {
	out := bufio.NewWriter(a.env.Stdout)
	l := lister{Ls: &Ls{}, env: a.env, now: a.env.Now().Unix()}
	err := a.members(ctx, func(h *tar.Header, _ *tar.Reader) error {
		if !a.verbose {
			_, err := out.WriteString(h.Name + "\n")
			return err
		}
		kind, _ := kindOf(h)
		size := fmt.Sprintf("%8d", h.Size)
		if kind == vfs.KindChar || kind == vfs.KindBlock {
			size = fmt.Sprintf("%3d, %3d", h.Devmajor, h.Devminor)
		}
		fmt.Fprintf(out, "%s %2d %-8d %-8d %s %s %s", modeString(kind, uint32(h.Mode)), 1, h.Uid, h.Gid, size,
			l.date(vfs.Time{Sec: h.ModTime.Unix()}), h.Name)
		switch h.Typeflag {
		case tar.TypeSymlink:
			out.WriteString(" -> " + h.Linkname)
		case tar.TypeLink:
			out.WriteString(" == " + h.Linkname)
		}
		return out.WriteByte('\n')
	})
	return cmpOr(out.Flush(), err)
}

// kindOf is what a member is; ok is false for what no file system holds.
func kindOf(h *tar.Header) (k vfs.Kind, ok bool) {
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeRegA, tar.TypeCont, tar.TypeGNUSparse, tar.TypeLink:
		if h.Typeflag != tar.TypeLink && strings.HasSuffix(h.Name, "/") {
			return vfs.KindDir, true
		}
		return vfs.KindRegular, true
	case tar.TypeDir:
		return vfs.KindDir, true
	case tar.TypeSymlink:
		return vfs.KindSymlink, true
	case tar.TypeChar:
		return vfs.KindChar, true
	case tar.TypeBlock:
		return vfs.KindBlock, true
	case tar.TypeFifo:
		return vfs.KindFifo, true
	}
	return 0, false
}

// create writes an archive of trees.
func (a *archiver) create(ctx context.Context, paths []string) error {
	s, err := a.output(ctx)
	if err != nil {
		return err
	}
	c := &creator{archiver: a, w: tar.NewWriter(s.Writer), seen: map[fileID]string{}, buf: make([]byte, copyBuffer)}
	if a.path != "" && a.path != "-" {
		if st, err := a.env.FS.Stat(ctx, a.path, true); err == nil {
			c.self = st.file()
		}
	}
	for _, p := range paths {
		w := &walker{fs: a.env.FS, follow: a.follow, device: a.device, warn: a.env.Warn, enter: c.add}
		path := a.in(p)
		c.shown, c.real = p, path
		if err := w.walk(ctx, path); err != nil {
			s.close()
			return err
		}
	}
	return cmpOr(c.w.Close(), s.close(), a.env.Result())
}

// in is where a member's path lies.
func (a *archiver) in(path string) string {
	if a.dir == "" || strings.HasPrefix(path, "/") {
		return path
	}
	return under(a.dir, path)
}

// A creator is an archive that is being written.
type creator struct {
	*archiver
	w           *tar.Writer
	seen        map[fileID]string // names of files that have more
	shown, real string            // a path of the command line, and where it lies
	self        fileID            // the archive itself
	buf         []byte
}

// add adds one file.
func (c *creator) add(ctx context.Context, n *node) error {
	if n.st.file() == c.self && c.self != (fileID{}) {
		c.env.Notef("%s: is the archive itself, left out", n.path)
		return nil
	}
	name := c.shown + n.path[len(c.real):]
	if !c.rooted {
		name = strings.TrimLeft(name, "/")
	}
	if name == "" {
		name = "./"
	}
	h, err := c.header(ctx, n, name)
	if err != nil {
		c.env.Warn(n.path, err)
		return ctx.Err()
	}
	if h == nil {
		c.env.Notef("%s: a socket, left out", n.path)
		return nil
	}
	if h.Typeflag == tar.TypeReg {
		return c.content(ctx, n, h)
	}
	if err := c.write(h); err != nil {
		return err
	}
	if n.st.IsDir() && c.direct {
		return errPrune
	}
	return nil
}

// header describes a file; nil for a socket, which archives cannot hold.
func (c *creator) header(ctx context.Context, n *node, name string) (*tar.Header, error) {
	st := &n.st
	h := &tar.Header{Name: name, Mode: int64(st.Mode), Uid: int(st.UID), Gid: int(st.GID), ModTime: time.Unix(st.Mtime.Sec, 0)}
	if c.pax {
		h.Format = tar.FormatPAX
		h.ModTime = time.Unix(st.Mtime.Sec, int64(st.Mtime.Nsec))
		h.AccessTime = time.Unix(st.Atime.Sec, int64(st.Atime.Nsec))
	}
	switch st.Kind {
	case vfs.KindSocket:
		return nil, nil
	case vfs.KindDir:
		h.Typeflag = tar.TypeDir
		if !strings.HasSuffix(h.Name, "/") {
			h.Name += "/"
		}
		return h, nil
	}
	if st.Nlink > 1 {
		if first, ok := c.seen[st.file()]; ok {
			h.Typeflag, h.Linkname = tar.TypeLink, first
			return h, nil
		}
		c.seen[st.file()] = h.Name
	}
	switch st.Kind {
	case vfs.KindSymlink:
		target, err := c.env.FS.Readlink(ctx, n.path)
		h.Typeflag, h.Linkname = tar.TypeSymlink, target
		return h, err
	case vfs.KindChar, vfs.KindBlock:
		h.Typeflag = map[vfs.Kind]byte{vfs.KindChar: tar.TypeChar, vfs.KindBlock: tar.TypeBlock}[st.Kind]
		h.Devmajor, h.Devminor = int64(st.Rdev.Major), int64(st.Rdev.Minor)
	case vfs.KindFifo:
		h.Typeflag = tar.TypeFifo
	default:
		h.Typeflag, h.Size = tar.TypeReg, st.Size
	}
	return h, nil
}

func (c *creator) write(h *tar.Header) error {
	if err := c.w.WriteHeader(h); err != nil {
		return err
	}
	if c.verbose {
		fmt.Fprintln(c.log, h.Name)
	}
	return nil
}

// content adds a regular file. One that has become shorter meanwhile is filled up with zeros.
func (c *creator) content(ctx context.Context, n *node, h *tar.Header) error {
	f, err := c.env.FS.Open(ctx, n.path, Read, 0)
	if err != nil {
		c.env.Warn(n.path, err)
		return ctx.Err()
	}
	defer f.Close()
	if err := c.write(h); err != nil {
		return err
	}
	for left := h.Size; left > 0; {
		m, err := f.Read(ctx, c.buf[:min(left, int64(len(c.buf)))])
		if m == 0 {
			if err == nil || err == io.EOF {
				err = errors.New("has become shorter")
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			c.env.Warnf("%s: %s, filled up with zeros", n.path, Reason(err))
			m = int(min(left, int64(len(c.buf))))
			clear(c.buf[:m])
		}
		if _, err := c.w.Write(c.buf[:m]); err != nil {
			return err
		}
		left -= int64(m)
	}
	return nil
}

// isExist reports whether an error says that a name is there.
func isExist(err error) bool { return errors.Is(err, syscall.EEXIST) }
