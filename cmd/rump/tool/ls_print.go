package tool

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"rump/rumpfs/vfs"
)

// format is the shape of a listing.
type format uint8

const (
	formatOne format = iota
	formatLong
	formatDown
	formatAcross
	formatStream
)

// widths are those of the columns of a long listing.
type widths struct{ inode, blocks, links, user, group, flags, size, major, minor int }

// print prints files; inDir: they are what is in a directory, of which the total goes first.
func (s *lister) print(files []listed, inDir bool) {
	if inDir && (s.format == formatLong || s.Size) {
		total := int64(0)
		for i := range files {
			total += files[i].st.Blocks
		}
		s.out.WriteString("total " + s.count(total) + "\n")
	}
	w := s.measure(files)
	switch s.format {
	case formatLong:
		for i := range files {
			s.long(&files[i], &w)
		}
	case formatOne:
		for i := range files {
			s.out.WriteString(s.cell(&files[i], &w) + "\n")
		}
	case formatStream:
		s.stream(files, &w)
	default:
		s.columns(files, &w)
	}
}

// count is a number of blocks of 512 bytes, in the unit that is wanted.
func (s *lister) count(blocks int64) string {
	switch {
	case s.Human:
		return human(blocks*512, 1024)
	case s.Kilo:
		blocks = (blocks + 1) / 2
	}
	return s.number(blocks)
}

func (s *lister) number(n int64) string {
	d := strconv.FormatInt(n, 10)
	if s.Commas {
		for i := len(d) - 3; i > 0; i -= 3 {
			d = d[:i] + "," + d[i:]
		}
	}
	return d
}

func (s *lister) size(n int64) string {
	if s.Human {
		return human(n, 1024)
	}
	return s.number(n)
}

func (s *lister) measure(files []listed) (w widths) {
	widen := func(n *int, text string) { *n = max(*n, len(text)) }
	devices := false
	for i := range files {
		st := &files[i].st
		widen(&w.inode, strconv.FormatUint(uint64(st.Ino), 10))
		widen(&w.blocks, s.count(st.Blocks))
		widen(&w.links, strconv.FormatUint(uint64(st.Nlink), 10))
		widen(&w.user, strconv.FormatUint(uint64(st.UID), 10))
		widen(&w.group, strconv.FormatUint(uint64(st.GID), 10))
		widen(&w.flags, flagString(st.Flags, "-"))
		widen(&w.size, s.size(st.Size))
		if st.isDevice() {
			devices = true
			widen(&w.major, strconv.FormatUint(uint64(st.Rdev.Major), 10))
			widen(&w.minor, strconv.FormatUint(uint64(st.Rdev.Minor), 10))
		}
	}
	if devices {
		w.size = max(w.size, w.major+2+w.minor)
		w.major = w.size - 2 - w.minor
	}
	return w
}

// front is what stands before the rest of an entry.
func (s *lister) front(st *Stat, w *widths) string {
	text := ""
	if s.Inode {
		text = fmt.Sprintf("%*d ", w.inode, st.Ino)
	}
	if s.Size {
		text += fmt.Sprintf("%*s ", w.blocks, s.count(st.Blocks))
	}
	return text
}

func (s *lister) long(f *listed, w *widths) {
	st := &f.st
	fmt.Fprintf(s.out, "%s%s  %*d ", s.front(st, w), modeString(st.Kind, st.Mode), w.links, st.Nlink)
	if !s.NoGroup {
		fmt.Fprintf(s.out, "%-*d  ", w.user, st.UID)
	}
	fmt.Fprintf(s.out, "%-*d  ", w.group, st.GID)
	if s.Flags {
		fmt.Fprintf(s.out, "%-*s ", w.flags, flagString(st.Flags, "-"))
	}
	if st.isDevice() {
		fmt.Fprintf(s.out, "%*d, %*d ", w.major, st.Rdev.Major, w.minor, st.Rdev.Minor)
	} else {
		fmt.Fprintf(s.out, "%*s ", w.size, s.size(st.Size))
	}
	fmt.Fprintf(s.out, "%s %s%s", s.date(s.time(st)), s.quote(f.name), s.mark(st))
	if f.target != "" {
		s.out.WriteString(" -> " + s.quote(f.target))
	}
	s.out.WriteByte('\n')
}

// date is a time: with hour and minute within half a year of now, else with the year.
func (s *lister) date(t vfs.Time) string {
	const halfYear = 365 / 2 * 24 * 60 * 60
	when := time.Unix(t.Sec, 0).In(s.env.Zone)
	switch {
	case s.Seconds:
		return when.Format("Jan _2 15:04:05 2006")
	case t.Sec+halfYear > s.now && t.Sec-halfYear < s.now:
		return when.Format("Jan _2 15:04")
	}
	return when.Format("Jan _2  2006")
}

// mark is the letter that says what kind of file it is.
func (s *lister) mark(st *Stat) string {
	if st.IsDir() && (s.Slash || s.Classify) {
		return "/"
	}
	if !s.Classify {
		return ""
	}
	switch st.Kind {
	case vfs.KindSymlink:
		return "@"
	case vfs.KindSocket:
		return "="
	case vfs.KindFifo:
		return "|"
	case vfs.KindWhiteout:
		return "%"
	case vfs.KindRegular:
		if st.Mode&0o111 != 0 {
			return "*"
		}
	}
	return ""
}

func (s *lister) cell(f *listed, w *widths) string {
	return s.front(&f.st, w) + s.quote(f.name) + s.mark(&f.st)
}

// width is that of the page.
func (s *lister) width() int {
	if s.env.Columns > 0 {
		return s.env.Columns
	}
	return 80
}

func (s *lister) stream(files []listed, w *widths) {
	at := 0
	for i := range files {
		text := s.cell(&files[i], w)
		if i+1 < len(files) {
			text += ", "
		}
		n := utf8.RuneCountInString(text)
		if at > 0 && at+n >= s.width() {
			s.out.WriteByte('\n')
			at = 0
		}
		s.out.WriteString(text)
		at += n
	}
	if len(files) > 0 {
		s.out.WriteByte('\n')
	}
}

// columns prints as many columns as fit, each as wide as the widest entry, on tab stops.
func (s *lister) columns(files []listed, w *widths) {
	cells := make([]string, len(files))
	widest := 0
	for i := range files {
		cells[i] = s.cell(&files[i], w)
		widest = max(widest, utf8.RuneCountInString(cells[i]))
	}
	step := widest + 1
	cols := max(1, s.width()/step)
	rows := (len(cells) + cols - 1) / cols
	if s.format == formatDown && rows > 0 {
		cols = (len(cells) + rows - 1) / rows
	}
	for row := range rows {
		for col := range cols {
			i := row*cols + col
			next := i + 1
			if s.format == formatDown {
				i = col*rows + row
				next = i + rows
			}
			if i >= len(cells) {
				break
			}
			s.out.WriteString(cells[i])
			if col+1 < cols && next < len(cells) {
				s.out.WriteString(strings.Repeat(" ", step-utf8.RuneCountInString(cells[i])))
			}
		}
		s.out.WriteByte('\n')
	}
}

// printable reports whether a rune can be shown.
func printable(r rune, size int) bool {
	return r >= ' ' && r != 0x7f && (r != utf8.RuneError || size > 1)
}

// question is a name with ? for what cannot be printed.
func question(name string) string {
	return mapped(name, func(b []byte, raw string) []byte { return append(b, '?') })
}

// escape is a name with escapes for what cannot be printed; with letters, those of C.
func escape(name string, letters bool) string {
	return mapped(name, func(b []byte, raw string) []byte {
		for i := range len(raw) {
			if at := strings.IndexByte("\a\b\f\n\r\t\v\x00", raw[i]); letters && at >= 0 {
				b = append(b, '\\', "abfnrtv0"[at])
				continue
			}
			b = fmt.Appendf(b, "\\%03o", raw[i])
		}
		return b
	})
}

// mapped is name with what bad makes of each piece that cannot be printed.
func mapped(name string, bad func(b []byte, raw string) []byte) string {
	var b []byte
	for i := 0; i < len(name); {
		r, size := utf8.DecodeRuneInString(name[i:])
		if printable(r, size) {
			b = append(b, name[i:i+size]...)
		} else {
			b = bad(b, name[i:i+size])
		}
		i += size
	}
	return string(b)
}

// human is a number of bytes with a unit, at most four characters of which three are digits; unit is 1000 or 1024.
func human(n, unit int64) string {
	if n < 0 {
		return "-" + human(-n, unit)
	}
	letters := "BKMGTPE"
	value, i := float64(n), 0
	for value >= float64(unit)-0.5 && i < len(letters)-1 {
		value /= float64(unit)
		i++
	}
	if i > 0 && value < 9.95 {
		return fmt.Sprintf("%.1f%c", value, letters[i])
	}
	return fmt.Sprintf("%.0f%c", value, letters[i])
}
