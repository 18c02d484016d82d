package tree

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"rump/ffs/ondisk"
)

const tarBlock = 512

// A tarReader notes what the archive's decoder reads between two members: where it is afterwards is where the data begins,
// and among the blocks are the maps of sparse files, which the decoder keeps to itself.
type tarReader struct {
	r      io.ReaderAt
	off    int64
	blocks []byte // since the last reset, at most maxTarHeaders
}

const maxTarHeaders = 4 << 20

func (t *tarReader) Read(p []byte) (int, error) {
	n, err := t.r.ReadAt(p, t.off)
	if n > 0 {
		err = nil
	}
	t.off += int64(n)
	if len(t.blocks)+n <= maxTarHeaders {
		t.blocks = append(t.blocks, p[:n]...)
	}
	return n, err
}

// Seek is how the decoder passes over data.
func (t *tarReader) Seek(off int64, whence int) (int64, error) {
	if whence != io.SeekCurrent || off < 0 || off > math.MaxInt64-t.off {
		return 0, errors.New("seek in an archive")
	}
	t.off += off
	return t.off, nil
}

// A tarLink is a member that is another name of an earlier one.
type tarLink struct {
	path, target string
	member       int // number in the archive
}

// readTar reads the members of an archive into s. Owners come by number; by name only if the caller has a data base.
func readTar(ctx context.Context, s *stream, r io.ReaderAt, src *Source) error {
	t := &tarReader{r: r}
	links, err := tarMembers(ctx, s, t, src, nil)
	if err != nil || len(links) == 0 {
		return err
	}
	// The members that links lead to have to be found again: a second look at the headers costs less than to keep them all.
	wanted := make(map[string]*linkedMember)
	for _, l := range links {
		wanted[l.target] = &linkedMember{}
	}
	if _, err := tarMembers(ctx, s, &tarReader{r: r}, src, wanted); err != nil {
		return err
	}
	return addTarLinks(s, links, wanted)
}

// A linkedMember is one that another name leads to.
type linkedMember struct {
	found  bool
	patch  patch
	target string // it is a link itself
}

// tarMembers goes through the archive. First (wanted is nil) every member is added to s but for links, which are returned;
// then only the wanted ones are taken note of.
func tarMembers(ctx context.Context, s *stream, t *tarReader, src *Source, wanted map[string]*linkedMember) ([]tarLink, error) {
	tr := tar.NewReader(t)
	var links []tarLink
	for n := 1; ; n++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		t.blocks = t.blocks[:0]
		h, err := tr.Next()
		if err == io.EOF {
			return links, nil
		}
		if err != nil {
			return nil, fmt.Errorf("at byte %d: %w", t.off, err)
		}
		path, ok := cleanPath(h.Name)
		if !ok {
			return nil, fmt.Errorf("member %q: not a path inside a tree", h.Name)
		}
		if h.Typeflag == tar.TypeLink {
			target, ok := cleanPath(h.Linkname)
			if !ok || target == path {
				return nil, fmt.Errorf("member %q: link to %q, which is no other member", h.Name, h.Linkname)
			}
			if wanted == nil {
				links = append(links, tarLink{path, target, n})
			} else if w := wanted[path]; w != nil {
				*w = linkedMember{target: target}
			}
			continue
		}
		if wanted != nil && wanted[path] == nil {
			continue
		}
		p, err := tarPatch(s, h, t, src)
		if err != nil {
			return nil, fmt.Errorf("member %q: %w", h.Name, err)
		}
		if p == nil {
			continue
		}
		p.line = n
		if wanted != nil {
			p.entry.Link = [2]uint64{uint64(s.layer) | 1<<63, uint64(n)}
			*wanted[path] = linkedMember{found: true, patch: *p}
			continue
		}
		if err := s.add(path, p); err != nil {
			return nil, err
		}
	}
}

// addTarLinks adds links as copies of what they lead to, and that once more, so that all names bear the same mark.
func addTarLinks(s *stream, links []tarLink, wanted map[string]*linkedMember) error {
	for path, w := range wanted {
		if w.found {
			p := w.patch
			if err := s.add(path, &p); err != nil {
				return err
			}
		}
	}
	for _, l := range links {
		w, at := wanted[l.target], l.target
		for hops := 0; w != nil && !w.found && w.target != "" && hops < len(wanted); hops++ {
			at = w.target
			w = wanted[at]
		}
		if w == nil || !w.found {
			return fmt.Errorf("member %q: link to %q, which is not in the archive", l.path, l.target)
		}
		if w.patch.entry.IsDir() {
			return fmt.Errorf("member %q: link to the directory %q", l.path, at)
		}
		p := w.patch
		p.line = l.member
		if err := s.add(l.path, &p); err != nil {
			return err
		}
	}
	return nil
}

// tarPatch is a member as a patch; nil for something that is no file.
func tarPatch(s *stream, h *tar.Header, t *tarReader, src *Source) (*patch, error) {
	p := &patch{fields: allFields}
	e := &p.entry
	var err error
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse, '\x00':
		e.Mode, e.Size = ondisk.ModeRegular, h.Size
		e.Where = contentPlace{Layer: s.layer, Off: t.off}
		err = tarSparse(e, h, t)
	case tar.TypeDir:
		e.Mode = ondisk.ModeDir
	case tar.TypeSymlink:
		e.Mode, e.Target = ondisk.ModeSymlink, []byte(h.Linkname)
		if len(e.Target) > ondisk.MaxLinkLen {
			err = fmt.Errorf("target of the symbolic link is longer than %d bytes", ondisk.MaxLinkLen)
		}
	case tar.TypeChar:
		e.Mode = ondisk.ModeChar
	case tar.TypeBlock:
		e.Mode = ondisk.ModeBlock
	case tar.TypeFifo:
		e.Mode = ondisk.ModeFIFO
	case tar.TypeXGlobalHeader:
		return nil, nil
	default:
		err = fmt.Errorf("type %q is unknown", h.Typeflag)
	}
	if err != nil {
		return nil, err
	}
	e.Mode |= uint16(h.Mode) & 0o7777
	e.Major, e.Minor = uint32(h.Devmajor), uint32(h.Devminor)
	e.UID, e.GID = uint32(h.Uid), uint32(h.Gid)
	if src.Users != nil && src.TarNames {
		if id, ok := src.Users.User(h.Uname); ok && h.Uname != "" {
			e.UID = id
		}
		if id, ok := src.Users.Group(h.Gname); ok && h.Gname != "" {
			e.GID = id
		}
	}
	e.Mtime = timeOf(h.ModTime, ondisk.Time{})
	e.Atime, e.Ctime, e.Birth = timeOf(h.AccessTime, e.Mtime), timeOf(h.ChangeTime, e.Mtime), e.Mtime
	if src.Xattrs && (e.IsRegular() || e.IsDir()) {
		tarXattrs(e, h)
	}
	return p, nil
}

func timeOf(t time.Time, otherwise ondisk.Time) ondisk.Time {
	if t.IsZero() {
		return otherwise
	}
	return ondisk.Time{Sec: t.Unix(), Nsec: int32(t.Nanosecond())}
}

func tarXattrs(e *Entry, h *tar.Header) {
	for key, value := range h.PAXRecords {
		full, ok := strings.CutPrefix(key, "SCHILY.xattr.")
		if !ok {
			continue
		}
		space, name, _ := strings.Cut(full, ".")
		x := Xattr{Name: []byte(name), Value: []byte(value)}
		switch space {
		case "user":
			x.Namespace = ondisk.NamespaceUser
		case "trusted":
			x.Namespace = ondisk.NamespaceSystem
		default:
			continue
		}
		e.Xattrs = append(e.Xattrs, x)
	}
	sortXattrs(e.Xattrs)
}

var errSparse = errors.New("the map of a sparse file cannot be")

// tarSparse finds where a sparse member has data, in any of GNU's four ways of telling.
func tarSparse(e *Entry, h *tar.Header, t *tarReader) error {
	var numbers []int64
	var err error
	switch major := h.PAXRecords["GNU.sparse.major"]; {
	case h.Typeflag == tar.TypeGNUSparse:
		numbers, err = gnuSparseMap(t.blocks)
	case major == "1":
		numbers, err = paxSparseMap(t.blocks)
	case h.PAXRecords["GNU.sparse.map"] != "":
		numbers, err = decimals(strings.Split(h.PAXRecords["GNU.sparse.map"], ","))
	default:
		return nil
	}
	if err != nil || len(numbers)%2 != 0 {
		return errSparse
	}
	end := int64(0)
	for ; len(numbers) > 0; numbers = numbers[2:] {
		x := Extent{numbers[0], numbers[1]}
		if x.Off < end || x.Len < 0 || x.Off > e.Size || x.Len > e.Size-x.Off {
			return errSparse
		}
		if end = x.Off + x.Len; x.Len > 0 {
			e.Data = append(e.Data, x)
		}
	}
	e.Sparse = true
	return nil
}

func decimals(words []string) ([]int64, error) {
	var out []int64
	for _, w := range words {
		n, err := strconv.ParseInt(w, 10, 64)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

// Where the header of an old GNU sparse member has its map, and the blocks that go on with it.
const (
	offGNUType   = 156
	offGNUMagic  = 257
	offGNUSparse = 386 // four pairs
	offGNUMore   = 482
	offExtMore   = 504 // of a block with 21 pairs
	gnuNumber    = 12
)

// gnuSparseMap reads the map that ends the blocks in front of the data.
func gnuSparseMap(blocks []byte) ([]int64, error) {
	at := len(blocks) - tarBlock
	for ; at >= 0; at -= tarBlock {
		if b := blocks[at:]; b[offGNUType] == tar.TypeGNUSparse && bytes.HasPrefix(b[offGNUMagic:], []byte("ustar")) {
			break
		}
	}
	if at < 0 {
		return nil, errSparse
	}
	var out []int64
	take := func(b []byte, pairs int) error {
		for ; pairs > 0 && b[0] != 0; pairs, b = pairs-1, b[2*gnuNumber:] {
			off, err1 := tarNumber(b[:gnuNumber])
			n, err2 := tarNumber(b[gnuNumber : 2*gnuNumber])
			if err1 != nil || err2 != nil {
				return errSparse
			}
			out = append(out, off, n)
		}
		return nil
	}
	head := blocks[at : at+tarBlock]
	if err := take(head[offGNUSparse:], 4); err != nil {
		return nil, err
	}
	for more := head[offGNUMore] != 0; more; {
		if at += tarBlock; at >= len(blocks) {
			return nil, errSparse
		}
		b := blocks[at : at+tarBlock]
		if err := take(b, 21); err != nil {
			return nil, err
		}
		more = b[offExtMore] != 0
	}
	return out, nil
}

// tarNumber reads an octal number, or a binary one marked by the top bit.
func tarNumber(b []byte) (int64, error) {
	if b[0]&0x80 != 0 {
		v := int64(b[0] & 0x3f)
		for _, c := range b[1:] {
			if v > math.MaxInt64>>8 {
				return 0, errSparse
			}
			v = v<<8 | int64(c)
		}
		return v, nil
	}
	return strconv.ParseInt(strings.Trim(string(b), " \x00"), 8, 64)
}

// paxSparseMap reads the map that stands as lines of text in front of the data: how many, then offset and length of each.
func paxSparseMap(blocks []byte) ([]int64, error) {
	// Behind the member's own header, which is the last that has a magic number.
	at := len(blocks) - tarBlock
	for at >= 0 && !bytes.HasPrefix(blocks[at+offGNUMagic:], []byte("ustar")) {
		at -= tarBlock
	}
	if at < 0 {
		return nil, errSparse
	}
	text := bytes.TrimRight(blocks[at+tarBlock:], "\x00")
	words := strings.Fields(string(text))
	numbers, err := decimals(words)
	if err != nil || len(numbers) == 0 || numbers[0] < 0 || numbers[0] > int64(len(numbers)-1)/2 {
		return nil, errSparse
	}
	return numbers[1 : 1+2*numbers[0]], nil
}
