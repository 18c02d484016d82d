package tree

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

const (
	spoolChunk  = 256 << 10 // unit of a spool's memory, bytes
	readerChunk = 64 << 10  // what a reader fetches at once
	maxRecord   = 64 << 20  // no record is longer
)

var errSpool = errors.New("temporary file: damaged record")

// A Spool is a log of records that begins in memory and goes on in a file without a name. While one goroutine
// appends only that one may read; then any number may.
type Spool struct {
	limit  int // bytes of memory before it goes to a file
	dir    string
	file   *os.File
	base   int64    // so much is in the file
	chunks [][]byte // the rest, all but the last of spoolChunk bytes
	size   int64
}

// NewSpool makes one that goes to a file in dir ("" is the system's place for such) when it is longer than limit bytes.
func NewSpool(dir string, limit int) *Spool { return &Spool{limit: limit, dir: dir} }

// Append adds a record.
func (s *Spool) Append(rec []byte) error {
	var head [binary.MaxVarintLen64]byte
	if err := s.write(binary.AppendUvarint(head[:0], uint64(len(rec)))); err != nil {
		return err
	}
	return s.write(rec)
}

// append2 adds a record that is a key, its length before it, and a value.
func (s *Spool) append2(key, value []byte) error {
	var head, mid [binary.MaxVarintLen64]byte
	m := binary.AppendUvarint(mid[:0], uint64(len(key)))
	h := binary.AppendUvarint(head[:0], uint64(len(m)+len(key)+len(value)))
	for _, p := range [][]byte{h, m, key, value} {
		if err := s.write(p); err != nil {
			return err
		}
	}
	return nil
}

func (s *Spool) write(p []byte) error {
	for len(p) > 0 {
		n := len(s.chunks)
		if n == 0 || len(s.chunks[n-1]) == spoolChunk {
			if s.size-s.base >= int64(s.limit) {
				if err := s.spill(); err != nil {
					return err
				}
			}
			s.chunks = append(s.chunks, make([]byte, 0, spoolChunk))
			n = len(s.chunks)
		}
		last := s.chunks[n-1]
		k := min(len(p), spoolChunk-len(last))
		s.chunks[n-1] = append(last, p[:k]...)
		s.size += int64(k)
		p = p[k:]
	}
	return nil
}

// spill moves what is in memory to the file.
func (s *Spool) spill() error {
	if s.file == nil {
		f, err := tempFile(s.dir)
		if err != nil {
			return err
		}
		s.file = f
		s.limit = spoolChunk // from now on it is a write buffer
	}
	for _, c := range s.chunks {
		if _, err := s.file.WriteAt(c, s.base); err != nil {
			return fmt.Errorf("temporary file: %w", err)
		}
		s.base += int64(len(c))
	}
	s.chunks = s.chunks[:0]
	return nil
}

// tempFile is a file that goes when it is closed.
func tempFile(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "makefs-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// readAt fills p from off on, as far as there is something.
func (s *Spool) readAt(p []byte, off int64) (int, error) {
	n := 0
	if off < s.base {
		k, err := s.file.ReadAt(p[:min(int64(len(p)), s.base-off)], off)
		if err != nil {
			return 0, fmt.Errorf("temporary file: %w", err)
		}
		n = k
	}
	for n < len(p) && off+int64(n) < s.size {
		at := off + int64(n) - s.base
		n += copy(p[n:], s.chunks[at/spoolChunk][at%spoolChunk:])
	}
	return n, nil
}

// Close gives back memory and file.
func (s *Spool) Close() error {
	s.chunks, s.size, s.base = nil, 0, 0
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// A Cursor goes through the records of a spool, which may grow meanwhile, or through those before end.
type Cursor struct {
	s     *Spool
	end   int64
	chunk int   // bytes to fetch at once
	off   int64 // of buf[0]
	buf   []byte
	r, w  int
}

// Cursor begins at the first record.
func (s *Spool) Cursor() *Cursor { return &Cursor{s: s, end: math.MaxInt64, chunk: readerChunk} }

// Next is the next record, valid until the call after; io.EOF where the spool ends now.
func (c *Cursor) Next() ([]byte, error) {
	n, err := c.fill(1)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, io.EOF
	}
	if _, err := c.fill(binary.MaxVarintLen32); err != nil {
		return nil, err
	}
	length, head := binary.Uvarint(c.buf[c.r:c.w])
	if head <= 0 || length > maxRecord {
		return nil, errSpool
	}
	need := head + int(length)
	if n, err = c.fill(need); err != nil {
		return nil, err
	}
	if n < need {
		return nil, errSpool
	}
	rec := c.buf[c.r+head : c.r+need]
	c.r += need
	return rec, nil
}

// fill tries to have need bytes in the buffer and returns how many there are.
func (c *Cursor) fill(need int) (int, error) {
	if c.w-c.r >= need {
		return c.w - c.r, nil
	}
	left := copy(c.buf, c.buf[c.r:c.w])
	c.off += int64(c.r)
	c.r, c.w = 0, left
	if size := max(need, c.chunk); len(c.buf) < need {
		grown := make([]byte, size)
		copy(grown, c.buf[:left])
		c.buf = grown
	}
	at := c.off + int64(c.w)
	n, err := c.s.readAt(c.buf[c.w:][:max(0, min(int64(len(c.buf)-c.w), c.end-at))], at)
	c.w += n
	return c.w, err
}
