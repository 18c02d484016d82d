package disklabel

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"strings"

	"rump/internal/endian"
)

const (
	maxLine = 1022    // bytes of a line; what follows is a line of its own
	maxText = 1 << 20 // bytes of a text
	blanks  = " \t"
	areaLen = 8192 // boot block and super block size of a label that was typed in
)

// Parse reads a label from text as Label.Text prints it, for a machine of at most limit partitions, and checks it.
// The label is of use only if the report counts no errors.
func Parse(r io.Reader, order endian.Order, limit int) (Label, Report) {
	p := parser{limit: limit, label: Label{Order: order, BootSize: areaLen, SuperSize: areaLen}}
	in := bufio.NewReaderSize(io.LimitReader(r, maxText+1), maxLine)
	var total int
	for {
		line, err := in.ReadSlice('\n')
		total += len(line)
		if total > maxText {
			p.report.err("text of more than %d bytes", maxText)
			break
		}
		if len(line) > 0 {
			p.line++
			p.parseLine(string(line))
		}
		if err == io.EOF {
			break
		}
		if err != nil && err != bufio.ErrBufferFull {
			p.report.err("line %d: %v", p.line+1, err)
			break
		}
	}
	check := p.label.Check(limit)
	p.report.Lines = append(p.report.Lines, check.Lines...)
	p.report.Errors += check.Errors
	return p.label, p.report
}

type parser struct {
	label  Label
	limit  int
	line   int
	report Report
}

// err reports an error in the current line.
func (p *parser) err(format string, args ...any) {
	p.report.err("line %d: "+format, append([]any{p.line}, args...)...)
}

func (p *parser) warn(format string, args ...any) {
	p.report.warn("line %d: warning, "+format, append([]any{p.line}, args...)...)
}

func (p *parser) parseLine(s string) {
	if i := strings.IndexAny(s, "#\r\n\x00"); i >= 0 {
		s = s[:i]
	}
	s = strings.TrimLeft(s, blanks)
	if s == "" {
		return
	}
	key, value, ok := strings.Cut(s, ":")
	if !ok {
		p.err("syntax error")
		return
	}
	value = strings.TrimLeft(value, blanks)
	l := &p.label
	switch key {
	case "type":
		p.diskType(value)
	case "flags":
		p.flags(value)
	case "drivedata":
		p.driveData(value)
	case "disk":
		l.Typename = cut16(value)
	case "label":
		l.Packname = cut16(value)
	default:
		if !p.number(key, value) {
			p.named(key, value)
		}
	}
}

// named handles the keys that are no fixed words: the number of partitions and the partitions themselves.
func (p *parser) named(key, value string) {
	if n, ok := strings.CutSuffix(key, "partitions"); ok && n != "" && strings.TrimRight(n, blanks) != n {
		if n = strings.TrimRight(n, blanks); strings.Trim(n, "-0123456789") == "" {
			p.count(n)
			return
		}
	}
	if len(key) != 1 || key[0] < 'a' || key[0] > 'z' {
		p.err("unknown field: %s", key)
		return
	}
	i := letterIndex(key[0])
	if i >= p.limit {
		p.err("bad partition name: %s", key)
		return
	}
	for len(p.label.Partitions) <= i {
		p.label.Partitions = append(p.label.Partitions, Partition{})
	}
	p.partition(&p.label.Partitions[i], value)
}

func (p *parser) count(s string) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 || n > uint64(p.limit) {
		p.err("bad # of partitions")
		n = uint64(p.limit)
	}
	p.label.NPartitions = uint16(n)
	for len(p.label.Partitions) < int(n) {
		p.label.Partitions = append(p.label.Partitions, Partition{})
	}
}

// word splits off the first word of s.
func word(s string) (first, rest string) {
	i := strings.IndexAny(s, blanks)
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimLeft(s[i:], blanks)
}

// firstNumber is the decimal number that s starts with, up to a blank or the end.
func firstNumber(s string, bits int) (v uint64, rest string, ok bool) {
	w, rest := word(s)
	v, err := strconv.ParseUint(w, 10, bits)
	return v, rest, err == nil
}

func (p *parser) diskType(value string) {
	value = strings.TrimRight(value, blanks)
	if value == "" {
		value = diskTypes[0]
	}
	if t, ok := diskTypeByName(value); ok {
		p.label.Type = t
		return
	}
	t, _, ok := firstNumber(value, 16)
	if !ok {
		p.err("syntax error")
		return
	}
	if int(t) >= len(diskTypes) {
		p.warn("unknown disk type: %s", value)
	}
	p.label.Type = uint16(t)
}

func (p *parser) flags(value string) {
	p.label.Flags = 0
next:
	for value != "" {
		var w string
		w, value = word(value)
		for _, f := range flagNames {
			if strings.EqualFold(w, f.word) {
				p.label.Flags |= f.bit
				continue next
			}
		}
		p.err("bad flag: %s", w)
	}
}

func (p *parser) driveData(value string) {
	for i := 0; value != "" && i < len(p.label.DriveData); i++ {
		v, rest, ok := firstNumber(value, 32)
		if !ok {
			p.err("bad drive data")
			return
		}
		p.label.DriveData[i], value = uint32(v), rest
	}
}

// number handles the keys whose value is one number; false if key is none of them.
func (p *parser) number(key, value string) bool {
	l := &p.label
	var to32 *uint32
	var to16 *uint16
	switch key {
	case "bytes/sector":
		to32 = &l.SectorSize
	case "sectors/track":
		to32 = &l.SectorsPerTrack
	case "sectors/cylinder":
		to32 = &l.SectorsPerCyl
	case "tracks/cylinder":
		to32 = &l.TracksPerCyl
	case "cylinders":
		to32 = &l.Cylinders
	case "headswitch":
		to32 = &l.HeadSwitch
	case "track-to-track seek":
		to32 = &l.TrackSeek
	case "rpm":
		to16 = &l.RPM
	case "interleave":
		to16 = &l.Interleave
	case "trackskew":
		to16 = &l.TrackSkew
	case "cylinderskew":
		to16 = &l.CylSkew
	case "total sectors", "sectors/unit":
	default:
		return false
	}
	bits := 32
	if to16 != nil {
		bits = 16
	}
	v, _, ok := firstNumber(value, bits)
	if !ok || to32 == &l.SectorSize && (v == 0 || v%sectorSize != 0) {
		p.err("bad %s: %s", key, value)
		return true
	}
	switch {
	case to32 != nil:
		*to32 = uint32(v)
	case to16 != nil:
		*to16 = uint16(v)
	default:
		l.TotalSectors = Sector(v)
	}
	return true
}

// errFewFields and errFormat are the two ways a partition's line is wrong.
var (
	errFewFields = errors.New("too few fields")
	errFormat    = errors.New("invalid format")
)

func (p *parser) partition(e *Partition, value string) {
	*e = Partition{}
	if err := p.partitionFields(e, value); err != nil {
		p.err("%v", err)
	}
}

func (p *parser) partitionFields(e *Partition, value string) (err error) {
	if e.Size, value, err = p.place(value); err != nil {
		return err
	}
	if e.Offset, value, err = p.place(value); err != nil {
		return err
	}
	if value == "" {
		return errFewFields
	}
	e.FSType, value = p.fsType(value)
	switch e.FSType {
	case fsUnused, fsFFS, fsLFS, fsADOS, fsExt2, fsAppleUFS:
	case fsISO9660:
		v, _, err := field(value, 32)
		e.FSize = uint32(v)
		return err
	default:
		return nil
	}
	v, value, err := field(value, 32)
	if err != nil || v == 0 {
		return err
	}
	e.FSize = uint32(v)
	if v, value, err = field(value, 32); err != nil {
		return err
	}
	frag := v / uint64(e.FSize)
	if frag > 255 {
		return errFormat
	}
	e.Frag = uint8(frag)
	if e.FSType == fsUnused || e.FSType == fsExt2 {
		return nil
	}
	v, _, err = field(value, 16)
	e.CPG = uint16(v)
	return err
}

// field is the next number of a partition's line.
func field(s string, bits int) (v uint64, rest string, err error) {
	if s == "" {
		return 0, "", errFewFields
	}
	v, rest, ok := firstNumber(s, bits)
	if !ok {
		return 0, "", errFormat
	}
	return v, rest, nil
}

// place reads a size or offset: sectors, or cylinder/track/sector by the geometry read so far.
func (p *parser) place(s string) (Sector, string, error) {
	w, rest := word(s)
	parts := strings.Split(w, "/")
	if len(parts) != 3 {
		v, rest, err := field(s, 32)
		return Sector(v), rest, err
	}
	var total uint64
	for i, unit := range []uint64{uint64(p.label.SectorsPerCyl), uint64(p.label.SectorsPerTrack), 1} {
		v, _, err := field(parts[i], 32)
		if err != nil {
			return 0, "", errFormat
		}
		total += v * unit // at most 2⁶⁴ - 2³², then two sums below it
		if total > 1<<32-1 {
			return 0, "", errFormat
		}
	}
	return Sector(total), rest, nil
}

// fsType reads a name, which may hold blanks, or a number. An unknown one counts as unused.
func (p *parser) fsType(s string) (uint8, string) {
	for i, name := range fsTypes {
		if rest, ok := strings.CutPrefix(s, name); ok && (rest == "" || strings.ContainsRune(blanks, rune(rest[0]))) {
			return uint8(i), strings.TrimLeft(rest, blanks)
		}
	}
	if v, rest, ok := firstNumber(s, 8); ok && int(v) < len(fsTypes) {
		return uint8(v), rest
	}
	w, rest := word(s)
	p.warn("unknown file system type: %s", w)
	p.report.warn("tip: use -l to see all valid file system types")
	return fsUnused, rest
}
