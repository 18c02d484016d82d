package tree

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"io"
	"strings"

	"rump/ffs/ondisk"
)

// A stream is a layer whose entries came in any order and have been sorted into that of the list. Archive and specification
// become one each.
type stream struct {
	name   string
	isSpec bool
	layer  int // where its contents are
	root   *patch
	sorter *sorter
	run    *sortedRun

	seen map[uint64]bool // sums of directories that were implied lately
	hash maphash.Hash
	last patch // the record at the front
	key  []byte
	have bool
	rec  []byte
}

const seenLimit = 1 << 16

func newStream(name, tmp string) *stream {
	return &stream{name: name, sorter: newSorter(tmp, listBudget), seen: map[uint64]bool{}}
}

// groupKey appends what the keys of all entries of a directory begin with, and no other keys do: depth, components, end.
func groupKey(b []byte, dir string) []byte {
	depth := 0
	if dir != "" {
		depth = strings.Count(dir, "/") + 1
	}
	b = binary.BigEndian.AppendUint32(b, uint32(depth))
	for c := range strings.SplitSeq(dir, "/") {
		if c != "" {
			b = append(append(b, c...), 0)
		}
	}
	return append(b, 0)
}

// splitPath divides a clean path into directory and name.
func splitPath(p string) (dir, name string) {
	i := strings.LastIndexByte(p, '/')
	return p[:max(i, 0)], p[i+1:]
}

// cleanPath is a path without empty and "." components; ok is false if it leads out of the tree.
func cleanPath(p string) (clean string, ok bool) {
	for strings.HasPrefix(p, "./") {
		p = p[2:]
	}
	isClean := p != ""
	start := 0
	for i := 0; i <= len(p); i++ {
		if i < len(p) && p[i] != '/' {
			if p[i] == 0 {
				return "", false
			}
			continue
		}
		switch c := p[start:i]; {
		case c == "..", len(c) > ondisk.MaxNameLen:
			return "", false
		case c == "", c == ".":
			isClean = false
		}
		start = i + 1
	}
	if isClean {
		return p, true
	}
	var out []string
	for c := range strings.SplitSeq(p, "/") {
		if c != "" && c != "." {
			out = append(out, c)
		}
	}
	return strings.Join(out, "/"), true
}

// add takes what the layer says of path, which is clean, and of the directories above it that they exist.
func (s *stream) add(path string, p *patch) error {
	if path == "" {
		c := *p
		c.entry.Name = nil
		s.root = &c
		return nil
	}
	dir, name := splitPath(path)
	if err := s.imply(dir); err != nil {
		return err
	}
	p.entry.Name = append(p.entry.Name[:0], name...)
	return s.put(dir, p)
}

func (s *stream) put(dir string, p *patch) error {
	s.key = append(groupKey(s.key[:0], dir), p.entry.Name...)
	s.rec = binary.AppendUvarint(s.rec[:0], uint64(p.fields))
	s.rec = binary.AppendUvarint(s.rec, uint64(p.line))
	s.rec = p.entry.encode(s.rec)
	return s.sorter.add(s.key, s.rec)
}

// imply adds the directories of a path.
func (s *stream) imply(dir string) error {
	for dir != "" {
		s.hash.Reset()
		s.hash.WriteString(dir)
		sum := s.hash.Sum64()
		if s.seen[sum] {
			return nil
		}
		if len(s.seen) >= seenLimit {
			clear(s.seen)
		}
		s.seen[sum] = true
		above, name := splitPath(dir)
		p := patch{fields: fieldImplied | fieldType}
		p.entry.Mode = impliedMode
		p.entry.Name = []byte(name)
		if err := s.put(above, &p); err != nil {
			return err
		}
		dir = above
	}
	return nil
}

// start begins the reading.
func (s *stream) start() error {
	run, err := s.sorter.sorted()
	if err != nil {
		return err
	}
	s.run = run
	return s.advance()
}

// advance makes the next record the front one.
func (s *stream) advance() error {
	key, rec, err := s.run.next()
	if err == io.EOF {
		s.have = false
		return nil
	}
	if err != nil {
		return err
	}
	s.have = true
	s.key = append(s.key[:0], key...)
	d := decoder{b: rec}
	s.last.fields, s.last.line = fields(d.uint()), int(d.uint())
	if d.bad {
		return errSpool
	}
	s.rec = append(s.rec[:0], d.b...) // the run's bytes go with its next record
	_, err = s.last.entry.decode(s.rec)
	return err
}

// A mergeFunc says whether the second of two patches of a path is the one that counts.
type mergeFunc func(old, new *patch, path string) (later bool, err error)

// A streamRun is the part of a stream that lies in one directory.
type streamRun struct {
	s      *stream
	dir    string
	prefix []byte
	merge  mergeFunc
	patch  patch
	rec    []byte
}

// in is the stream's entries of directory dir. An entry before them has no directory to be in.
func (s *stream) in(dir string, merge mergeFunc) (run, error) {
	r := &streamRun{s: s, dir: dir, prefix: groupKey(nil, dir), merge: merge}
	if s.have && bytes.Compare(s.key, r.prefix) < 0 {
		return nil, s.orphan()
	}
	return r, nil
}

// orphan is the error of the front entry's lying where there is no directory.
func (s *stream) orphan() error {
	return fmt.Errorf("%s: %q lies in something that is not a directory", s.name, keyPath(s.key))
}

// keyPath is the path that a key was made of.
func keyPath(key []byte) string {
	return strings.ReplaceAll(strings.ReplaceAll(string(key[4:]), "\x00\x00", "/"), "\x00", "/")
}

// next merges all that the stream says of one name: something named twice, or implied as well as named.
func (r *streamRun) next() (*patch, error) {
	if !r.s.have || !bytes.HasPrefix(r.s.key, r.prefix) {
		return nil, io.EOF
	}
	key := string(r.s.key)
	r.take()
	for {
		if err := r.s.advance(); err != nil {
			return nil, err
		}
		if !r.s.have || string(r.s.key) != key {
			return &r.patch, nil
		}
		switch {
		case r.s.last.fields&fieldImplied != 0:
			if r.patch.fields&fieldType != 0 && !r.patch.entry.IsDir() {
				return nil, fmt.Errorf("%s: %q is not a directory, but something lies in it", r.s.name, joinPath(r.dir, string(r.patch.entry.Name)))
			}
		case r.patch.fields&fieldImplied != 0:
			if r.s.last.fields&fieldType != 0 && !r.s.last.entry.IsDir() {
				return nil, fmt.Errorf("%s: %q is not a directory, but something lies in it", r.s.name, joinPath(r.dir, string(r.patch.entry.Name)))
			}
			r.take()
		default:
			later, err := r.merge(&r.patch, &r.s.last, joinPath(r.dir, string(r.patch.entry.Name)))
			if err != nil {
				return nil, err
			}
			if later {
				r.take()
			}
		}
	}
}

// take keeps a copy of the front record.
func (r *streamRun) take() {
	r.patch.fields, r.patch.line = r.s.last.fields, r.s.last.line
	r.rec = append(r.rec[:0], r.s.rec...)
	r.patch.entry.decode(r.rec) // as it was decoded before
}

func (r *streamRun) close() {}

func joinPath(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}
