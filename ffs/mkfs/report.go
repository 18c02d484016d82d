package mkfs

import (
	"fmt"
	"strings"

	"rump/ffs/ondisk"
)

// Report says what has been made.
type Report struct {
	Name       string        // of the disk
	Super      *ondisk.Super // as it stands on the disk
	SectorSize int           // bytes; unit of the numbers in Text
	NoWrite    bool          // nothing was written
	Warnings   []string      // each without the name of the program
}

// Levels of Report.Text. What a level shows, the higher ones show too.
const (
	Silent   = 0
	Sizes    = 1 // two lines of sizes
	Progress = 2 // a line of dots, one for so many cylinder groups
	Backups  = 3 // instead: a line of places of superblock backups, dots for the rest
	All      = 4 // all of them, in columns
)

// dotUnit is a dot on the fixed-point scale by which dots are spread over a line.
const dotUnit = 0x10000

// Text is what newfs prints at one of the levels, on a terminal of so many columns; 0 is 80.
func (r Report) Text(level, columns int) string {
	if columns <= 0 {
		columns = 80
	}
	var sb strings.Builder
	if level >= Sizes {
		sb.WriteString(r.sizes())
	}
	if level >= Backups {
		sb.WriteString("super-block backups (for fsck_ffs -b #) at:\n")
	}
	if level >= Progress {
		r.backups(&sb, level, columns)
	}
	return sb.String()
}

// sizes are the two lines that both tools print.
func (r Report) sizes() string {
	s := r.Super
	mega := func(frags float64) float64 { return frags * float64(s.FSize) / (1 << 20) }
	return fmt.Sprintf("%s: %.1fMB (%d sectors) block size %d, fragment size %d\n"+
		"\tusing %d cylinder groups of %.2fMB, %d blks, %d inodes.\n",
		r.Name, mega(float64(s.Size)), r.sector(s.Size), s.BSize, s.FSize,
		s.Ncg, mega(float64(s.Fpg)), s.Fpg/s.Frag, s.Ipg)
}

// sector is a fragment address in sectors of the disk.
func (r Report) sector(f ondisk.Frag) int64 {
	return r.Super.FragOffset(f) / int64(r.SectorSize)
}

// backups writes the places of the backups, as many as fit a line, and dots for the rest.
func (r Report) backups(sb *strings.Builder, level, columns int) {
	ncg := int(r.Super.Ncg)
	width := 1
	if level >= All {
		width = len(fmt.Sprint(r.sector(r.Super.CgSuper(ncg - 1))))
	}
	if r.NoWrite && level == Backups {
		columns -= len(" ...")
	}
	col, step := 0, 0 // step > 0: dots
	if level < Backups {
		step = max(1, columns*dotUnit/ncg)
	}
	for c := range ncg {
		if step > 0 {
			if r.NoWrite {
				break
			}
			for col += step; col > dotUnit; col -= dotUnit {
				sb.WriteByte('.')
			}
			continue
		}
		sep := ""
		if col > 0 {
			sep = " "
		}
		n, _ := fmt.Fprintf(sb, "%s%*d,", sep, width, r.sector(r.Super.CgSuper(c)))
		col += n
		if col+n < columns {
			continue
		}
		if rest := ncg - c - 1; level <= Backups && rest > 0 {
			if r.NoWrite {
				sb.WriteString(" ...")
				break
			}
			step = max(1, columns*dotUnit/rest)
		}
		col = 0
		sb.WriteByte('\n')
	}
	if col > 0 {
		sb.WriteByte('\n')
	}
}
