package tune

import (
	"fmt"
	"io"
	"math"

	"rump/ffs/ondisk"
)

// log asks the next mount to make a log, or to remove it. The size of one that exists cannot be changed.
func (c *changer) log(set Settings) error {
	if set.LogSize == nil {
		return nil
	}
	size := *set.LogSize
	if size < 0 || size > math.MaxInt32 {
		return errorf(exitFailed, "%s %d is not between 0 and %d", nameLogSize, size, math.MaxInt32)
	}
	if err := c.needWide(nameLogSize); err != nil {
		return err
	}
	j, order, ok := c.s.FindJournal()
	if !ok {
		order = c.s.Order
	}
	old := logBytes(j)
	if size == 0 {
		// The places stay: who removes the log has to find it.
		j.Flags = j.Flags&^ondisk.JournalCreate | ondisk.JournalClear
		c.warn("log file size cleared from %d", old)
		c.s.SetJournal(order, j)
		return nil
	}
	switch {
	case j.Location != ondisk.JournalInFile && old > 0:
		return errorf(exitFailed, "Can't change size of non-in-filesystem log")
	case old == uint64(size):
		c.warn("log file size remains unchanged at %d", size)
		return nil
	case old != 0:
		return errorf(exitFailed, "Can't change existing log size from %d to %d", old, size)
	}
	j.Location = ondisk.JournalInFile
	j.Loc = [4]uint64{0, uint64(size), 0, 0}
	j.Flags = j.Flags&^ondisk.JournalClear | ondisk.JournalCreate
	c.warn("log file size set to %d", size)
	c.s.SetJournal(order, j)
	return nil
}

// logBytes is the size of a log that exists.
func logBytes(j ondisk.Journal) uint64 { return j.Loc[1] * j.Loc[2] }

// quota turns quota2 on or off for users and groups. What has been turned off altogether is cleared away by the next mount or check.
func (c *changer) quota(set Settings) error {
	if set.UserQuota == nil && set.GroupQuota == nil {
		return nil
	}
	if err := c.needWide("quotas"); err != nil {
		return err
	}
	s := c.s
	if s.Flags&ondisk.FlagQuota2 != 0 && !s.HasQuota2() {
		return errorf(exitFailed, "its flag of quotas means something else: a volume of FreeBSD")
	}
	wanted := func(v *bool) bool { return v != nil && *v }
	if wanted(set.UserQuota) || wanted(set.GroupQuota) {
		s.Flags |= ondisk.FlagQuota2
		s.QuotaMagic = ondisk.Quota2Magic
	}
	if s.Flags&ondisk.FlagQuota2 == 0 {
		return nil
	}
	for kind, v := range []*bool{set.UserQuota, set.GroupQuota} {
		name := [...]string{"user", "group"}[kind]
		bit := uint8(1) << kind
		switch on := s.QuotaFlags&bit != 0; {
		case v == nil || *v == on:
		case *v:
			c.Notes = append(c.Notes, "enabling "+name+" quotas")
			s.QuotaFlags |= bit
			s.QuotaFile[kind] = 0
			c.warn("the file of %s quotas is made by the next full check (fsck -f)", name)
		default:
			c.Notes = append(c.Notes, "disabling "+name+" quotas")
			s.QuotaFlags &^= bit
		}
	}
	return nil
}

// Show prints the settings of s, a volume called name, as tunefs -N does.
func Show(w io.Writer, name string, s *ondisk.Super) error {
	p := &printer{w: w}
	p.printf("tunefs: current settings of %s\n", name)
	p.printf("\tmaximum contiguous block count %d\n", s.MaxContig)
	p.printf("\t%s %d\n", nameMaxBPG, s.MaxBPG)
	p.printf("\t%s %d%%\n", nameMinFree, s.MinFree)
	p.printf("\t%s: %s\n", nameOptim, optimName(s.Optim))
	p.printf("\t%s: %d\n", nameAvgFileSize, s.AvgFileSize)
	p.printf("\t%s: %d\n", nameAvgFPDir, s.AvgFPDir)
	p.log(s)
	p.printf("\tquotas")
	if s.HasQuota2() {
		sep := " "
		for kind, name := range []string{"user", "group"} {
			if s.QuotaFlags>>kind&1 != 0 {
				p.printf("%s%s", sep, name)
				sep = ", "
			}
		}
		p.printf(" enabled\n")
	} else {
		p.printf(" disabled\n")
	}
	if s.VolName != "" {
		p.printf("\tvolume label: %s\n", s.VolName)
	}
	p.printf("tunefs: no changes made\n")
	return p.err
}

type printer struct {
	w   io.Writer
	err error
}

func (p *printer) printf(format string, a ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, a...)
	}
}

// log prints where the log is; an old layout has none.
func (p *printer) log(s *ondisk.Super) {
	j, _, ok := s.FindJournal()
	if s.OldLayout || !ok && s.Journal(s.Order).Location == 0 {
		return
	}
	where := "unknown"
	switch j.Location {
	case ondisk.JournalAtEnd:
		where = "end of partition"
	case ondisk.JournalInFile:
		where = "in filesystem"
	}
	p.printf("\tjournal log file location: %s\n", where)
	if size := logBytes(j); size > 0 {
		p.printf("\tjournal log file size: %s (%d bytes)\n", humanSize(size), size)
	} else if j.Flags&ondisk.JournalCreate != 0 {
		p.printf("\tjournal log file size: %s (%d bytes), to be made\n", humanSize(j.Loc[1]), j.Loc[1])
	} else {
		p.printf("\tjournal log file size: 0\n")
	}
	p.printf("\tjournal log flags:")
	if j.Flags&ondisk.JournalCreate != 0 {
		p.printf(" create-log")
	}
	if j.Flags&ondisk.JournalClear != 0 {
		p.printf(" clear-log")
	}
	p.printf("\n")
}

// humanSize is a size in at most three digits, with one decimal below ten.
func humanSize(n uint64) string {
	const units = "BKMGTPE"
	v, unit := float64(n), 0
	for v >= 999.5 && unit < len(units)-1 {
		v /= 1024
		unit++
	}
	suffix := "B"
	if unit > 0 {
		suffix = units[unit:unit+1] + "B"
	}
	if v < 9.95 && unit > 0 {
		return fmt.Sprintf("%.1f%s", v, suffix)
	}
	return fmt.Sprintf("%.0f%s", v, suffix)
}
