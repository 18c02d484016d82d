package tree

import (
	"bytes"
	"fmt"
	"io"

	"rump/ffs/ondisk"
)

// A merger makes one directory of what the layers say of it.
type merger struct {
	b      *builder
	dir    string
	inputs []input
	entry  Entry
}

// An input is one layer's part.
type input struct {
	run   run
	host  int     // the host layer, or -1
	from  *stream // or the stream
	front *patch  // nil at the end
}

func (m *merger) add(r run, host int, s *stream) {
	m.inputs = append(m.inputs, input{run: r, host: host, from: s})
}

func (m *merger) start() error {
	for i := range m.inputs {
		if err := m.inputs[i].advance(); err != nil {
			return err
		}
	}
	return nil
}

func (in *input) advance() error {
	p, err := in.run.next()
	if err == io.EOF {
		in.front = nil
		return nil
	}
	in.front = p
	return err
}

// next is the next entry of the directory and the host layers that have a directory there; nil for a name that is left
// out. io.EOF behind the last.
func (m *merger) next() (*Entry, uint64, error) {
	var name []byte
	for i := range m.inputs {
		if p := m.inputs[i].front; p != nil && (name == nil || bytes.Compare(p.entry.Name, name) < 0) {
			name = p.entry.Name
		}
	}
	if name == nil {
		return nil, 0, io.EOF
	}
	name = bytes.Clone(name) // the inputs' bytes go as they advance
	u := union{m: m, name: name}
	for i := range m.inputs {
		in := &m.inputs[i]
		if in.front == nil || !bytes.Equal(in.front.entry.Name, name) {
			continue
		}
		if err := u.add(in); err != nil {
			return nil, 0, err
		}
	}
	e, err := u.result()
	if err != nil {
		return nil, 0, err
	}
	if e != nil {
		m.entry = *e
		m.entry.Name = name
		e = &m.entry
		m.entry.keep()
	}
	for i := range m.inputs {
		in := &m.inputs[i]
		if in.front != nil && bytes.Equal(in.front.entry.Name, name) {
			if err := in.advance(); err != nil {
				return nil, 0, err
			}
		}
	}
	return e, u.layers, nil
}

// keep makes the entry's slices its own.
func (e *Entry) keep() {
	e.Target = bytes.Clone(e.Target)
	if len(e.Data) > 0 {
		e.Data = append([]Extent(nil), e.Data...)
	}
	if len(e.Xattrs) > 0 {
		x := make([]Xattr, len(e.Xattrs))
		for i, a := range e.Xattrs {
			x[i] = Xattr{a.Namespace, bytes.Clone(a.Name), bytes.Clone(a.Value)}
		}
		e.Xattrs = x
	}
}

// A union is what the layers up to one make of a name.
type union struct {
	m      *merger
	name   []byte
	entry  Entry
	have   bool
	listed bool // in a specification
	layers uint64
	last   string // the layer that gave the entry
}

func (u *union) path() string { return joinPath(u.m.dir, string(u.name)) }

func (u *union) add(in *input) error {
	p := in.front
	if in.host >= 0 {
		return u.addHost(in, p)
	}
	if in.from.isSpec {
		u.listed = true
		return u.addSpec(in.from, p)
	}
	if p.fields&fieldImplied != 0 {
		return u.imply(in.from)
	}
	if !p.entry.IsDir() {
		u.layers = 0
	}
	u.entry, u.have, u.last = p.entry, true, in.from.name
	return nil
}

func (u *union) addHost(in *input, p *patch) error {
	name := u.m.b.src.Dirs[in.host]
	switch {
	case !u.have:
		u.entry, u.have, u.last = p.entry, true, name
	case u.entry.IsDir() && p.entry.IsDir():
		if u.m.b.src.Replace {
			u.entry = p.entry
		}
	case !u.m.b.src.Replace:
		return fmt.Errorf("%s: %q is in %s already", name, u.path(), u.last)
	default:
		u.layers = 0
		u.entry, u.last = p.entry, name
	}
	if p.entry.IsDir() {
		u.layers |= 1 << in.host
	}
	return nil
}

// imply makes sure that there is a directory.
func (u *union) imply(s *stream) error {
	if u.have && !u.entry.IsDir() {
		return fmt.Errorf("%s: %q is not a directory in %s, but something lies in it", s.name, u.path(), u.last)
	}
	if !u.have {
		b := u.m.b
		now := ondisk.Time{Sec: b.src.Now.Unix(), Nsec: int32(b.src.Now.Nanosecond())}
		u.entry = Entry{Mode: impliedMode, Mtime: now, Atime: now, Ctime: now, Birth: now}
		u.have, u.last = true, s.name
	}
	return nil
}

func (u *union) addSpec(s *stream, p *patch) error {
	if p.fields&fieldImplied != 0 {
		return u.imply(s)
	}
	fault := func(format string, a ...any) error {
		return fmt.Errorf("%s:%d: %q: %s", s.name, p.line, u.path(), fmt.Sprintf(format, a...))
	}
	if !u.have {
		if p.fields&fieldOptional != 0 {
			return nil
		}
		for _, f := range []struct {
			field fields
			need  bool
			word  string
		}{
			{fieldType, true, "type"}, {fieldMode, !p.entry.IsSymlink(), "mode"}, {fieldUID, true, "uid or uname"}, {fieldGID, true, "gid or gname"},
			{fieldTarget, p.entry.IsSymlink(), "link"}, {fieldDevice, p.entry.IsDevice(), "device"},
		} {
			if f.need && p.fields&f.field == 0 {
				return fault("is new and has no %s", f.word)
			}
		}
		u.entry, u.have, u.last = p.entry, true, s.name
		return nil
	}
	if p.fields&fieldType != 0 && p.entry.Mode&ondisk.ModeType != u.entry.Mode&ondisk.ModeType {
		return fault("type %s, but in %s it is %s", kindName(p.entry.Mode), u.last, kindName(u.entry.Mode))
	}
	apply(&u.entry, p)
	return nil
}

// result is the entry, or nil if there is to be none.
func (u *union) result() (*Entry, error) {
	if !u.have || u.m.b.src.OnlySpec && !u.listed {
		return nil, nil
	}
	if len(u.name) > ondisk.MaxNameLen {
		return nil, fmt.Errorf("%s: name longer than %d bytes", u.path(), ondisk.MaxNameLen)
	}
	return &u.entry, nil
}

// kindName is a file type as mtree has it.
func kindName(mode uint16) string {
	switch mode & ondisk.ModeType {
	case ondisk.ModeDir:
		return "dir"
	case ondisk.ModeRegular:
		return "file"
	case ondisk.ModeSymlink:
		return "link"
	case ondisk.ModeChar:
		return "char"
	case ondisk.ModeBlock:
		return "block"
	case ondisk.ModeFIFO:
		return "fifo"
	case ondisk.ModeSocket:
		return "socket"
	}
	return "unknown"
}
