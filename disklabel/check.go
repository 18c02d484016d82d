package disklabel

import "fmt"

// A Report is what disklabel(8) says about a label, line by line in its words, and how many lines are errors; the
// others are warnings.
type Report struct {
	Lines  []string
	Errors int
}

func (r *Report) warn(format string, args ...any) {
	r.Lines = append(r.Lines, fmt.Sprintf(format, args...))
}

func (r *Report) err(format string, args ...any) {
	r.warn(format, args...)
	r.Errors++
}

// Check judges a label for a machine of at most limit partitions. It fills in sectors/cylinder, total sectors and the
// number of partitions where the others imply them.
func (l *Label) Check(limit int) Report {
	var r Report
	for _, c := range []struct {
		what string
		v    uint32
	}{{"sector size", l.SectorSize}, {"sectors/track", l.SectorsPerTrack}, {"tracks/cylinder", l.TracksPerCyl}} {
		if c.v == 0 {
			r.err("%s 0", c.what)
			return r
		}
	}
	if l.Cylinders == 0 {
		r.err("cylinders/unit 0")
	}
	if l.RPM == 0 {
		r.warn("warning, revolutions/minute 0")
	}
	if l.SectorsPerCyl == 0 {
		l.SectorsPerCyl = l.SectorsPerTrack * l.TracksPerCyl
	}
	if l.TotalSectors == 0 {
		l.TotalSectors = l.wrap(Sector(l.SectorsPerCyl) * Sector(l.Cylinders))
	}
	l.checkArea(&r, "boot block", l.BootSize)
	l.checkArea(&r, "super block", l.SuperSize)
	l.checkCount(&r, limit)
	for i, p := range l.inUse() {
		l.checkPartition(&r, i, p)
	}
	return r
}

func (l *Label) checkArea(r *Report, what string, size uint32) {
	switch {
	case size == 0:
		r.err("%s size 0", what)
	case size%l.SectorSize != 0:
		r.warn("warning, %s size %% sector-size != 0", what)
	}
}

func (l *Label) checkCount(r *Report, limit int) {
	if int(l.NPartitions) > limit {
		r.warn("warning, number of partitions (%d) > MAXPARTITIONS (%d)", l.NPartitions, limit)
		return
	}
	for i := len(l.Partitions) - 1; i >= int(l.NPartitions); i-- {
		if p := l.Partitions[i]; p.Size != 0 || p.Offset != 0 {
			r.warn("warning, partition %c increased number of partitions from %d to %d", Letter(i), l.NPartitions, i+1)
			l.NPartitions = uint16(i + 1)
			return
		}
	}
}

func (l *Label) checkPartition(r *Report, i int, p Partition) {
	c, end := Letter(i), l.wrap(p.Offset+p.Size)
	if p.Size == 0 && p.Offset != 0 {
		r.warn("warning, partition %c: size 0, but offset %d", c, p.Offset)
	}
	if p.Offset > l.TotalSectors {
		r.err("partition %c: offset past end of unit", c)
	}
	if end > l.TotalSectors {
		r.err("partition %c: partition extends past end of unit", c)
	}
	if p.FSType == fsUnused || p.Size == 0 {
		return
	}
	for k := i + 1; k < len(l.inUse()); k++ {
		q := l.Partitions[k]
		if q.FSType != fsUnused && q.Size != 0 && q.Offset < end && p.Offset < l.wrap(q.Offset+q.Size) {
			r.warn("partitions %c and %c overlap", c, Letter(k))
		}
	}
}
