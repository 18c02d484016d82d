package golden

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"rump/rumpfs/vfs"
)

// An Entry is one name of a tree: a line of a manifest, or what Read found.
type Entry struct {
	Path   string // "/" for the root
	Type   byte   // f d l p s c b, or w for a whiteout, whose other fields are zero
	Mode   uint32
	UID    uint32
	GID    uint32
	Nlink  uint32
	Size   int64
	Blocks int64
	Flags  uint32
	Target string
	Rdev   vfs.Dev
	Sum    string // hexadecimal SHA-256 of a regular file; "" if it was not computed
	Ino    vfs.Ino
	Mtime  vfs.Time
	Atime  vfs.Time
	Ctime  vfs.Time
	Btime  vfs.Time
}

// A Range is the sum of a part of a file that is too large to be read whole.
type Range struct {
	Path   string
	Off    int64
	Length int64 // what can be read before the end of the file
	Sum    string
}

// A Manifest is a tree as the genuine kernel reads it.
type Manifest struct {
	Entries []Entry
	Ranges  []Range
	Statvfs map[string]int64 // bsize, frsize, blocks, bfree, bavail, bresvd, files, ffree, flag
}

// LoadManifest reads NAME.manifest.tsv.gz.
func LoadManifest(tb testing.TB, name string) *Manifest {
	tb.Helper()
	m, err := parse(open(tb, name+".manifest.tsv.gz"))
	if err != nil {
		tb.Fatalf("%s.manifest: %v", name, err)
	}
	return m
}

func parse(r io.Reader) (*Manifest, error) {
	m := &Manifest{Statvfs: map[string]int64{}}
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for n := 1; s.Scan(); n++ {
		if err := m.line(strings.Split(s.Text(), "\t")); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	return m, s.Err()
}

func (m *Manifest) line(f []string) error {
	var p parser
	switch {
	case f[0] == "#path":
	case f[0] == "#statvfs":
		for _, kv := range f[1:] {
			k, v, _ := strings.Cut(kv, "=")
			m.Statvfs[k] = p.int(v, 0)
		}
	case f[0] == "#range" && len(f) == 5:
		sum, _, _ := strings.Cut(f[4], " ")
		m.Ranges = append(m.Ranges, Range{"/" + p.name(f[1]), p.int(f[2], 10), p.int(f[3], 10), sum})
	case strings.HasPrefix(f[0], "#"):
		return fmt.Errorf("unknown kind of line %q", f[0])
	case len(f) == 12 && f[1] == "w":
		m.Entries = append(m.Entries, Entry{Path: p.name(f[0]), Type: 'w'})
	case len(f) == 16 && len(f[1]) == 1:
		m.Entries = append(m.Entries, p.entry(f))
	default:
		return fmt.Errorf("%d columns", len(f))
	}
	return p.err
}

// parser keeps the first error.
type parser struct{ err error }

func (p *parser) entry(f []string) Entry {
	e := Entry{
		Path: p.name(f[0]), Type: f[1][0], Mode: uint32(p.int(f[2], 8)), UID: uint32(p.int(f[3], 10)), GID: uint32(p.int(f[4], 10)),
		Nlink: uint32(p.int(f[5], 10)), Size: p.int(f[6], 10), Blocks: p.int(f[7], 10), Mtime: p.time(f[8]), Flags: uint32(p.int(f[9], 0)),
		Ino: vfs.Ino(p.int(f[12], 10)), Atime: p.time(f[13]), Ctime: p.time(f[14]), Btime: p.time(f[15]),
	}
	switch e.Type {
	case 'l':
		e.Target = p.name(f[10])
	case 'b', 'c':
		major, minor, _ := strings.Cut(f[10], ",")
		e.Rdev = vfs.Dev{Major: uint32(p.int(major, 10)), Minor: uint32(p.int(minor, 10))}
	case 'f':
		if len(f[11]) == 64 {
			e.Sum = f[11]
		}
	}
	return e
}

func (p *parser) int(s string, base int) int64 {
	v, err := strconv.ParseInt(s, base, 64)
	if err != nil && p.err == nil {
		p.err = err
	}
	return v
}

func (p *parser) time(s string) vfs.Time {
	sec, nsec, _ := strings.Cut(s, ".")
	return vfs.Time{Sec: p.int(sec, 10), Nsec: int32(p.int(nsec, 10))}
}

// name undoes %XX.
func (p *parser) name(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		if i+3 > len(s) {
			p.err = fmt.Errorf("name %q", s)
			break
		}
		v, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil && p.err == nil {
			p.err = err
		}
		b.WriteByte(byte(v))
		i += 2
	}
	return b.String()
}
