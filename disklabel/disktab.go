package disklabel

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"rump/internal/endian"
)

const (
	maxDisktab = 4 << 20 // bytes of a file
	maxChain   = 32      // entries that refer to each other by tc=
)

// Disktab makes the label that the entry called name of a disktab(5) file describes, in byte order order.
func Disktab(r io.Reader, name string, order endian.Order) (Label, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxDisktab+1))
	if err != nil {
		return Label{}, err
	}
	if len(text) > maxDisktab {
		return Label{}, fmt.Errorf("disktab: more than %d bytes", maxDisktab)
	}
	first, caps, ok := disktabEntry(disktabRecords(string(text)), name)
	if !ok {
		return Label{}, fmt.Errorf("unknown disk type: %s", name)
	}
	e := entry{caps: caps}
	l := e.label(first)
	l.Order = order
	if e.err != nil {
		return Label{}, fmt.Errorf("disktab: %s: %w", name, e.err)
	}
	return l, nil
}

// disktabRecords joins continued lines and drops comments.
func disktabRecords(text string) []string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	var list []string
	var rec strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if rec.Len() == 0 && (strings.TrimLeft(line, blanks) == "" || line[0] == '#') {
			continue
		}
		body, more := strings.CutSuffix(line, `\`)
		rec.WriteString(strings.TrimLeft(body, blanks))
		if !more {
			list = append(list, rec.String())
			rec.Reset()
		}
	}
	if rec.Len() > 0 {
		list = append(list, rec.String())
	}
	return list
}

// disktabEntry finds an entry by any of its names. It answers the first of them and the capabilities, with those of
// the entry named by tc= behind; if there is no such entry, tc= is the type of partition c.
func disktabEntry(records []string, name string) (first string, caps []string, ok bool) {
	find := func(name string) int {
		return slices.IndexFunc(records, func(rec string) bool {
			head, _, _ := strings.Cut(rec, ":")
			return slices.Contains(strings.Split(head, "|"), name)
		})
	}
	i := find(name)
	for range maxChain {
		if i < 0 {
			break
		}
		head, body, _ := strings.Cut(records[i], ":")
		if !ok {
			first, _, _ = strings.Cut(head, "|")
			ok = true
		}
		i = -1
		for c := range strings.SplitSeq(body, ":") {
			c = strings.Trim(c, blanks)
			if next, is := strings.CutPrefix(c, "tc="); is {
				if i = find(next); i >= 0 {
					break
				}
			}
			caps = append(caps, c)
		}
	}
	return first, caps, ok
}

// An entry is the capabilities of one disk; the first wrong one is kept in err.
type entry struct {
	caps []string
	err  error
}

// text is the value behind `key=`.
func (e *entry) text(key string) (string, bool) { return e.value(key + "=") }

func (e *entry) value(prefix string) (string, bool) {
	for _, c := range e.caps {
		if v, ok := strings.CutPrefix(c, prefix); ok {
			return v, true
		}
	}
	return "", false
}

// number is the value behind `key#`, usual if there is none. A leading 0 makes it octal, 0x hexadecimal.
func (e *entry) number(key string, usual uint64, bits int) uint64 {
	s, ok := e.value(key + "#")
	if !ok {
		return usual
	}
	v, err := strconv.ParseUint(s, 0, bits)
	if err != nil && e.err == nil {
		e.err = fmt.Errorf("%s#%s: not a number of %d bits", key, s, bits)
	}
	return v
}

// kind looks up a disk's or partition's type: a name, `unknown` with a number, or the number.
func (e *entry) kind(key string, names []string, bits int) uint64 {
	s, ok := e.text(key)
	if !ok {
		return 0
	}
	if i := slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n, s) }); i >= 0 {
		return uint64(i)
	}
	v, err := strconv.ParseUint(strings.TrimPrefix(s, "unknown"), 10, bits)
	if err != nil && e.err == nil {
		e.err = fmt.Errorf("%s=%s: unknown type", key, s)
	}
	return v
}

func (e *entry) label(name string) Label {
	u32 := func(key string, usual uint32) uint32 { return uint32(e.number(key, uint64(usual), 32)) }
	u16 := func(key string, usual uint16) uint16 { return uint16(e.number(key, uint64(usual), 16)) }
	l := Label{
		Typename: name[:min(nameSize-1, len(name))], Type: uint16(e.kind("dt", diskTypes[:], 16)),
		SectorSize: u32("se", sectorSize), SectorsPerTrack: u32("ns", 0), TracksPerCyl: u32("nt", 0), Cylinders: u32("nc", 0),
		RPM: u16("rm", 3600), Interleave: u16("il", 1), TrackSkew: u16("sk", 0), CylSkew: u16("cs", 0),
		HeadSwitch: u32("hs", 0), TrackSeek: u32("ts", 0), BootSize: u32("bs", areaLen), SuperSize: u32("sb", areaLen),
	}
	l.SectorsPerCyl = u32("sc", l.SectorsPerTrack*l.TracksPerCyl)
	l.TotalSectors = Sector(u32("su", l.SectorsPerCyl*l.Cylinders))
	switch ty, _ := e.text("ty"); ty {
	case "removable":
		l.Flags |= FlagRemovable
	case "simulated":
		l.Flags |= FlagRAMDisk
	}
	if slices.Contains(e.caps, "sf") {
		l.Flags |= FlagBadSect
	}
	for i := range l.DriveData {
		l.DriveData[i] = u32(fmt.Sprintf("d%d", i), 0)
	}
	for i := range 16 {
		e.partition(&l, i)
	}
	return l
}

func (e *entry) partition(l *Label, i int) {
	c := string(Letter(i))
	if _, ok := e.value("p" + c + "#"); !ok {
		return
	}
	p := Partition{
		Size: Sector(e.number("p"+c, 0, 32)), Offset: Sector(e.number("o"+c, 0, 32)),
		FSize: uint32(e.number("f"+c, 0, 32)), FSType: uint8(e.kind("t"+c, fsTypes[:], 8)),
	}
	if p.FSize != 0 {
		frag := e.number("b"+c, 8*uint64(p.FSize), 64) / uint64(p.FSize)
		if frag > 255 && e.err == nil {
			e.err = fmt.Errorf("partition %s: %d fragments a block", c, frag)
		}
		p.Frag = uint8(frag)
	}
	l.NPartitions = uint16(i + 1)
	for len(l.Partitions) <= i {
		l.Partitions = append(l.Partitions, Partition{})
	}
	l.Partitions[i] = p
}
