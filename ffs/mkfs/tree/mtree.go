package tree

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"rump/ffs/ondisk"
)

// specKinds are the values of the keyword type.
var specKinds = map[string]uint16{
	"dir": ondisk.ModeDir, "file": ondisk.ModeRegular, "link": ondisk.ModeSymlink, "char": ondisk.ModeChar,
	"block": ondisk.ModeBlock, "fifo": ondisk.ModeFIFO, "socket": ondisk.ModeSocket,
}

// specFlags are the names of BSD file flags; "no" in front of one takes it away.
var specFlags = map[string]uint32{
	"nodump": ondisk.FileNoDump, "uchg": ondisk.FileImmutable, "uchange": ondisk.FileImmutable, "uimmutable": ondisk.FileImmutable,
	"uappnd": ondisk.FileAppend, "uappend": ondisk.FileAppend, "opaque": ondisk.FileOpaque,
	"arch": ondisk.FileArchived, "archived": ondisk.FileArchived,
	"schg": ondisk.FileSImmutable, "schange": ondisk.FileSImmutable, "simmutable": ondisk.FileSImmutable,
	"sappnd": ondisk.FileSAppend, "sappend": ondisk.FileSAppend,
	"sunlnk": ondisk.FileSNoUnlink, "sunlink": ondisk.FileSNoUnlink, "none": 0,
}

// A specReader reads an mtree(5) specification.
type specReader struct {
	s        *stream
	src      *Source
	line     int
	dir      string // the directory that plain names are in
	started  bool   // dir means something
	defaults []keyword
	values   []keyword // of the present line
}

// A keyword is a word of a specification.
type keyword struct{ key, value string }

// setKeyword adds k, or changes it if it is there.
func setKeyword(list []keyword, word string) []keyword {
	k, v, _ := strings.Cut(word, "=")
	for i := range list {
		if list[i].key == k {
			list[i].value = v
			return list
		}
	}
	return append(list, keyword{k, v})
}

// readSpec reads a specification into s: the lines may come in any order, and parents after what is in them.
func readSpec(s *stream, r io.Reader, src *Source) error {
	sr := &specReader{s: s, src: src}
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 1<<20)
	var line string
	for n := 1; sc.Scan(); n++ {
		text := sc.Text()
		if line == "" {
			sr.line = n
		}
		if before, more := strings.CutSuffix(text, "\\"); more {
			line += before + " "
			continue
		}
		if err := sr.read(line + text); err != nil {
			return fmt.Errorf("%s:%d: %w", s.name, sr.line, err)
		}
		line = ""
	}
	if err := sc.Err(); err != nil {
		return fmt.Errorf("%s:%d: %w", s.name, sr.line, err)
	}
	if line != "" {
		if err := sr.read(line); err != nil {
			return fmt.Errorf("%s:%d: %w", s.name, sr.line, err)
		}
	}
	return nil
}

// read reads one logical line.
func (sr *specReader) read(line string) error {
	words := strings.Fields(line)
	if len(words) == 0 || words[0][0] == '#' {
		return nil
	}
	switch words[0] {
	case "/set":
		for _, w := range words[1:] {
			sr.defaults = setKeyword(sr.defaults, w)
		}
		return nil
	case "/unset":
		sr.defaults = slices.DeleteFunc(sr.defaults, func(k keyword) bool {
			return slices.Contains(words[1:], k.key) || slices.Contains(words[1:], "all")
		})
		return nil
	case "..":
		if !sr.started || sr.dir == "" {
			sr.started = false // out of the root, at the end
			return nil
		}
		sr.dir, _ = splitPath(sr.dir)
		return nil
	}
	if words[0][0] == '/' {
		return fmt.Errorf("%s is neither /set nor /unset", words[0])
	}
	return sr.entry(words)
}

// entry reads the line of one file.
func (sr *specReader) entry(words []string) error {
	name, err := unvis(words[0])
	if err != nil {
		return err
	}
	path, ok := cleanPath(name)
	if !ok {
		return fmt.Errorf("%q is not a path inside a tree", name)
	}
	isPath := strings.Contains(name, "/")
	if !isPath && sr.started {
		path = joinPath(sr.dir, path)
		if name == "." {
			path = sr.dir
		}
	}
	sr.values = append(sr.values[:0], sr.defaults...)
	for _, w := range words[1:] {
		sr.values = setKeyword(sr.values, w)
	}
	p := &patch{line: sr.line}
	if err := sr.fill(p); err != nil {
		return err
	}
	if p.entry.IsDir() && p.fields&fieldType != 0 && !isPath {
		sr.dir, sr.started = path, true
	}
	return sr.s.add(path, p)
}

// fill sets what the keywords say.
func (sr *specReader) fill(p *patch) error {
	e := &p.entry
	now := ondisk.Time{Sec: sr.src.Now.Unix(), Nsec: int32(sr.src.Now.Nanosecond())}
	e.Mtime = now
	if i := slices.IndexFunc(sr.values, func(k keyword) bool { return k.key == "type" }); i >= 0 {
		kind, known := specKinds[sr.values[i].value]
		if !known {
			return fmt.Errorf("type %q is unknown", sr.values[i].value)
		}
		e.Mode = kind
		p.fields |= fieldType
	}
	e.Where.Layer = -1
	for _, k := range sr.values {
		if err := sr.keyword(p, k.key, k.value); err != nil {
			return fmt.Errorf("%s=%s: %w", k.key, k.value, err)
		}
	}
	e.Atime, e.Ctime, e.Birth = e.Mtime, e.Mtime, e.Mtime
	if p.fields&fieldType == 0 { // of an entry without a type only what its kind has is kept
		switch {
		case p.fields&fieldContents != 0:
			e.Mode |= ondisk.ModeRegular
		case p.fields&fieldTarget != 0:
			e.Mode |= ondisk.ModeSymlink
		case p.fields&fieldDevice != 0:
			e.Mode |= ondisk.ModeChar
		}
	}
	return nil
}

// keyword sets what one keyword says; those that only describe (sums, link counts) are passed over.
func (sr *specReader) keyword(p *patch, k, v string) (err error) {
	e := &p.entry
	switch k {
	case "mode":
		var m uint64
		if m, err = strconv.ParseUint(v, 8, 16); err != nil || m > 0o7777 {
			return errOctal
		}
		e.Mode |= uint16(m)
		p.fields |= fieldMode
	case "uid", "gid":
		var n uint64
		if n, err = strconv.ParseUint(v, 10, 32); err != nil {
			return errNumber
		}
		sr.owner(p, k == "uid", uint32(n), true)
	case "uname", "gname":
		return sr.ownerName(p, k, v)
	case "flags":
		if e.Flags, err = parseFlags(v); err != nil {
			return err
		}
		p.fields |= fieldFlags
	case "time":
		if e.Mtime, err = parseTime(v); err != nil {
			return err
		}
		p.fields |= fieldTime
	case "device":
		if e.Major, e.Minor, err = parseDevice(v); err != nil {
			return err
		}
		p.fields |= fieldDevice
	case "link":
		var t string
		if t, err = unvis(v); err != nil {
			return err
		}
		if len(t) == 0 || len(t) > ondisk.MaxLinkLen {
			return fmt.Errorf("target of the symbolic link has %d bytes, must be 1 to %d", len(t), ondisk.MaxLinkLen)
		}
		e.Target = []byte(t)
		p.fields |= fieldTarget
	case "contents", "content":
		return sr.contents(p, v)
	case "optional":
		p.fields |= fieldOptional
	}
	return nil
}

// owner sets a number; one that is given as such counts more than one that a name stands for.
func (sr *specReader) owner(p *patch, isUser bool, n uint32, given bool) {
	field, at := fieldGID, &p.entry.GID
	if isUser {
		field, at = fieldUID, &p.entry.UID
	}
	if given || p.fields&field == 0 {
		*at = n
		p.fields |= field
	}
}

func (sr *specReader) ownerName(p *patch, k, v string) error {
	name, err := unvis(v)
	if err != nil {
		return err
	}
	isUser := k == "uname"
	if sr.src.Users != nil {
		look := sr.src.Users.Group
		if isUser {
			look = sr.src.Users.User
		}
		if n, ok := look(name); ok {
			sr.owner(p, isUser, n, false)
			return nil
		}
	}
	if n, err := strconv.ParseUint(name, 10, 32); err == nil {
		sr.owner(p, isUser, uint32(n), false)
	}
	return nil // where no number follows, and it is needed, the merger says so
}

// contents makes the file the copy of one of the host.
func (sr *specReader) contents(p *patch, v string) error {
	path, err := unvis(v)
	if err != nil {
		return err
	}
	e := &p.entry
	if !strings.HasPrefix(path, "/") && sr.src.ContentRoot != "" {
		path = sr.src.ContentRoot + "/" + path
	}
	if p.fields&fieldType != 0 && !e.IsRegular() {
		return nil
	}
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		return &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Mode&uint32(ondisk.ModeType) != uint32(ondisk.ModeRegular) {
		return fmt.Errorf("%s is not a regular file", path)
	}
	e.Size = st.Size
	e.Where = contentPlace{Layer: sr.s.layer, Path: path}
	if st.Blocks*512 < st.Size && st.Size >= minHole {
		if err := findData(path, e); err != nil {
			return err
		}
	}
	p.fields |= fieldContents
	return nil
}
