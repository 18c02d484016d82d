package dump

import (
	"bufio"
	"fmt"
	"time"

	"rump/ffs/ondisk"
)

// text writes what dumpfs prints.
type text struct {
	*dumper
	w *bufio.Writer // keeps its error
}

func (t *text) printf(format string, a ...any) { fmt.Fprintf(t.w, format, a...) }

// ctime is a time as the C library prints it, without the end of the line.
func (t *text) ctime(sec int64) string {
	return time.Unix(sec, 0).In(t.o.Zone).Format(time.ANSIC)
}

// all prints the parts in the order of the historic tool.
func (t *text) all() error {
	t.printf("file system: %s\n", t.o.Name)
	if t.has(Super) {
		t.super(t.s, t.s.Location)
	}
	for _, part := range []struct {
		want Parts
		do   func() error
	}{
		{Summary, t.summary},
		{Backups, t.backups},
		{Journal, t.journal},
	} {
		if !t.has(part.want) {
			continue
		}
		if err := part.do(); err != nil {
			return err
		}
	}
	if t.has(Groups) {
		t.printf("\n")
	}
	for cg := range int(t.s.Ncg) {
		if t.has(Groups) {
			t.printf("\n")
			if err := t.oneGroup(cg); err != nil {
				return err
			}
		}
		if t.has(Inodes) {
			if err := t.inodes(cg); err != nil {
				return err
			}
		}
		if err := t.ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// summary prints the counts of all groups.
func (t *text) summary() error {
	t.printf("cs[].cs_(nbfree,ndir,nifree,nffree):\n\t")
	err := t.eachSummary(func(cg int, sum ondisk.Summary) {
		if cg > 0 && cg%4 == 0 {
			t.printf("\n\t")
		}
		t.printf("(%d,%d,%d,%d) ", sum.FreeBlocks, sum.Dirs, sum.FreeInodes, sum.FreeFrags)
	})
	if err != nil {
		return err
	}
	t.printf("\n")
	o := &t.s.Old
	if !t.s.OldLayout || o.CPG <= 0 || o.NCyl%o.CPG == 0 {
		return nil
	}
	last := o.NCyl % o.CPG
	t.printf("cylinders in last group %d\n", last)
	if o.NSPF > 0 {
		t.printf("blocks in last group %d\n", int64(last)*int64(o.SPC)/(int64(o.NSPF)<<t.s.FragShift))
	}
	return nil
}

// backups prints the copy of the superblock in each group.
func (t *text) backups() error {
	for cg := range int(t.s.Ncg) {
		if err := t.ctx.Err(); err != nil {
			return err
		}
		t.printf("\nalternate %d\n", cg)
		at := t.s.FragOffset(t.s.CgSuper(cg))
		b, err := ondisk.ReadBackup(t.dev, t.dev.Size(), at)
		if err != nil {
			t.printf("not readable: %v\n", err)
			continue
		}
		t.super(b, at)
	}
	return nil
}

// bits prints the numbers of the bits that are set among the first n, as ranges, six in a line.
func (t *text) bits(m []byte, n int) {
	count := 0
	for lo, hi := range setBits(m, n) {
		if count > 0 {
			t.w.WriteByte(',')
			if count%6 == 0 {
				t.w.WriteString("\n\t")
			} else {
				t.w.WriteByte(' ')
			}
		}
		count++
		if lo == hi-1 {
			t.printf("%d", lo)
		} else {
			t.printf("%d-%d", lo, hi-1)
		}
	}
	t.w.WriteByte('\n')
}

// setBits walks the runs of set bits among the first n of m, each from its first to behind its last.
func setBits(m []byte, n int) func(yield func(lo, hi int) bool) {
	n = min(n, 8*len(m))
	return func(yield func(lo, hi int) bool) {
		set := func(i int) bool { return m[i>>3]>>(i&7)&1 != 0 }
		for i := 0; i < n; {
			if m[i>>3] == 0 && i&7 == 0 {
				i += 8
				continue
			}
			if !set(i) {
				i++
				continue
			}
			lo := i
			for i < n && set(i) {
				if m[i>>3] == 0xff && i&7 == 0 {
					i += 8
				} else {
					i++
				}
			}
			i = min(i, n)
			if !yield(lo, i) {
				return
			}
		}
	}
}
