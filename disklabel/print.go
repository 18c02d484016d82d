package disklabel

import (
	"fmt"
	"strings"
)

// Text is the label as disklabel(8) prints it and as Parse reads it back: the disk's description headed by the name
// it was opened by, then the partitions. With cts, places are written cylinder/track/sector.
func (l *Label) Text(name string, cts bool) string {
	return l.InfoText(name) + "\n" + l.PartitionsText(cts)
}

// InfoText is the description of the disk.
func (l *Label) InfoText(name string) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("# %s:", name)
	if kind := DiskTypeName(l.Type); kind != "" {
		p("type: %s", kind)
	} else {
		p("type: %d", l.Type)
	}
	p("disk: %s", cut16(l.Typename))
	p("label: %s", cut16(l.Packname))
	p("flags:%s", l.flagWords())
	p("bytes/sector: %d", l.SectorSize)
	p("sectors/track: %d", l.SectorsPerTrack)
	p("tracks/cylinder: %d", l.TracksPerCyl)
	p("sectors/cylinder: %d", l.SectorsPerCyl)
	p("cylinders: %d", l.Cylinders)
	p("total sectors: %d", l.TotalSectors)
	p("rpm: %d", l.RPM)
	p("interleave: %d", l.Interleave)
	p("trackskew: %d", l.TrackSkew)
	p("cylinderskew: %d", l.CylSkew)
	p("headswitch: %d\t\t# microseconds", l.HeadSwitch)
	p("track-to-track seek: %d\t# microseconds", l.TrackSeek)
	p("drivedata: %s", l.driveDataText())
	return b.String()
}

// cut16 is what of a name fits into the label.
func cut16(s string) string { return s[:min(nameSize, len(s))] }

// flagNames are the flags that have a word, in the order they are printed.
var flagNames = []struct {
	bit  uint32
	word string
}{{FlagRemovable, "removable"}, {FlagECC, "ecc"}, {FlagBadSect, "badsect"}}

func (l *Label) flagWords() string {
	var s string
	for _, f := range flagNames {
		if l.Flags&f.bit != 0 {
			s += " " + f.word
		}
	}
	return s
}

// driveDataText is the numbers up to the last that is not zero, each followed by a blank.
func (l *Label) driveDataText() string {
	n := len(l.DriveData)
	for n > 1 && l.DriveData[n-1] == 0 {
		n--
	}
	var s string
	for _, v := range l.DriveData[:n] {
		s += fmt.Sprintf("%d ", v)
	}
	return s
}

// PartitionsText is the table of partitions in use.
func (l *Label) PartitionsText(cts bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d partitions:\n#        size    offset     fstype [fsize bsize cpg/sgs]\n", l.NPartitions)
	for i := range l.inUse() {
		b.WriteString(l.PartitionText(i, cts))
	}
	return b.String()
}

// inUse is the partitions within the declared number.
func (l *Label) inUse() []Partition {
	return l.Partitions[:min(int(l.NPartitions), len(l.Partitions))]
}

// PartitionText is the line of partition i, "" if it is empty.
func (l *Label) PartitionText(i int, cts bool) string {
	p := l.Partitions[i]
	if p.Size == 0 {
		return ""
	}
	size, offset := fmt.Sprint(uint64(p.Size)), fmt.Sprint(uint64(p.Offset))
	if cts && l.SectorsPerCyl != 0 && l.SectorsPerTrack != 0 {
		size, offset = l.ctsText(p.Size), l.ctsText(p.Offset)
	}
	return fmt.Sprintf(" %c: %9s %9s %10.10s%s%s\n", Letter(i), size, offset, l.FSTypeName(p.FSType), p.detail(), l.cylinders(p))
}

func (l *Label) ctsText(v Sector) string {
	cyl, track := Sector(l.SectorsPerCyl), Sector(l.SectorsPerTrack)
	return fmt.Sprintf("%d/%d/%d", v/cyl, v%cyl/track, v%track)
}

// detail is what a kind of partition has besides its place, 20 characters.
func (p Partition) detail() string {
	bsize := p.FSize * uint32(p.Frag)
	switch p.FSType {
	case fsUnused:
		return fmt.Sprintf("  %5d %5d       ", p.FSize, bsize)
	case fsFFS, fsLFS, fsADOS, fsAppleUFS:
		return fmt.Sprintf("  %5d %5d %5d ", p.FSize, bsize, p.CPG)
	case fsExt2:
		return fmt.Sprintf("  %5d %5d       ", p.FSize, bsize)
	case fsISO9660:
		return fmt.Sprintf("  %6d            ", p.FSize)
	}
	return strings.Repeat(" ", 20)
}

// cylinders is the comment that shows where p starts and ends: a star marks a place inside a cylinder, a plus one
// past the disk.
func (l *Label) cylinders(p Partition) string {
	cyl := Sector(l.SectorsPerCyl)
	if cyl == 0 {
		return ""
	}
	end := l.wrap(p.Offset + p.Size)
	start, stop := " ", ""
	switch {
	case p.Offset > l.TotalSectors:
		start = "+"
	case p.Offset%cyl != 0:
		start = "*"
	}
	switch {
	case end > l.TotalSectors:
		stop = "+"
	case end%cyl != 0:
		stop = "*"
	}
	last := l.wrap(l.wrap(end+cyl-1)/cyl - 1)
	return fmt.Sprintf(" # (Cyl. %6d%s- %6d%s)", p.Offset/cyl, start, last, stop)
}

// wrap cuts a sum to 32 bits, in which every label but OpenBSD's version 1 counts.
func (l *Label) wrap(v Sector) Sector {
	if l.Version == 0 {
		return v & (1<<32 - 1)
	}
	return v
}

// Disktab is the label as an entry of disktab(5).
func (l *Label) Disktab() string {
	var b strings.Builder
	kind := DiskTypeName(l.Type)
	if kind == "" {
		kind = fmt.Sprintf("unknown%d", l.Type)
	}
	fmt.Fprintf(&b, "%s|Automatically generated label:\\\n\t:dt=%s:", cut16(l.Typename), kind)
	fmt.Fprintf(&b, "se#%d:ns#%d:nt#%d:sc#%d:nc#%d:",
		l.SectorSize, l.SectorsPerTrack, l.TracksPerCyl, l.SectorsPerCyl, l.Cylinders)
	const cont = "\\\n\t:"
	lead := cont
	optional := func(cap string, v, usual uint64) {
		if v != usual {
			fmt.Fprintf(&b, "%s%s#%d:", lead, cap, v)
			lead = ""
		}
	}
	optional("su", uint64(l.TotalSectors), uint64(l.wrap(Sector(l.SectorsPerCyl)*Sector(l.Cylinders))))
	optional("rm", uint64(l.RPM), 3600)
	optional("il", uint64(l.Interleave), 1)
	optional("sk", uint64(l.TrackSkew), 0)
	optional("cs", uint64(l.CylSkew), 0)
	optional("hs", uint64(l.HeadSwitch), 0)
	optional("ts", uint64(l.TrackSeek), 0)
	for i, p := range l.inUse() {
		if p.Size == 0 {
			continue
		}
		c := Letter(i)
		fmt.Fprintf(&b, "%sp%c#%d:o%c#%d:", cont, c, p.Size, c, p.Offset)
		if p.FSType != fsUnused {
			fmt.Fprintf(&b, "t%c=%s:", c, l.disktabType(p.FSType))
		}
		switch p.FSType {
		case fsFFS, fsLFS, fsExt2, fsADOS, fsAppleUFS:
			fmt.Fprintf(&b, "b%c#%d:f%c#%d:", c, p.FSize*uint32(p.Frag), c, p.FSize)
		}
	}
	b.WriteByte('\n')
	return b.String()
}

func (l *Label) disktabType(t uint8) string {
	if int(t) < len(fsTypes) {
		return l.FSTypeName(t)
	}
	return fmt.Sprintf("unknown%d", t)
}
