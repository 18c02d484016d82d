// Package tune changes the settings of a Fast File System that its superblock alone holds, as tunefs(8) does.
package tune

import (
	"fmt"
	"math"
	"math/bits"
	"strings"
	"syscall"

	"rump/ffs/ondisk"
)

// Settings are what is to be changed; what is nil stays.
type Settings struct {
	MaxBPG      *int32  // blocks of one file in a cylinder group
	MinFree     *int32  // percent kept for root
	Optim       *int32  // ondisk.OptimTime or ondisk.OptimSpace
	SectorSize  *int64  // bytes; 0 is the present one
	AvgFileSize *int32  // expected size of a file, bytes
	AvgFPDir    *int32  // expected files in a directory
	LogSize     *int64  // bytes of a write-ahead log in a file, made by the next mount that uses one; 0 removes the log
	UserQuota   *bool   // quota2, whose files the next mount or check makes
	GroupQuota  *bool   //
	Label       *string // volume name, up to 31 bytes
}

// A Result is what Change has to say, without the name of a program.
type Result struct {
	Warnings []string // for standard error: all that changed, and what does not fit together
	Notes    []string // for standard output
}

// An Error is a setting that cannot be. Code is the exit status that tunefs has for it. It unwraps to EINVAL.
type Error struct {
	Code int
	Msg  string
}

func (e *Error) Error() string { return e.Msg }

// Unwrap is EINVAL.
func (e *Error) Unwrap() error { return syscall.EINVAL }

func errorf(code int, format string, a ...any) error { return &Error{code, fmt.Sprintf(format, a...)} }

// Exit statuses of tunefs.
const (
	exitFailed = 1
	exitOptim  = 10
	exitSector = 12
)

// minFreeDefault is the reserve in percent below which optimising for time makes no sense.
const minFreeDefault = 5

const maxLabel = 31

// What the settings are called.
const (
	nameMaxBPG      = "maximum blocks per file in a cylinder group"
	nameMinFree     = "minimum percentage of free space"
	nameOptim       = "optimization preference"
	nameAvgFileSize = "average file size"
	nameAvgFPDir    = "expected number of files per directory"
	nameLogSize     = "journal log file size"
)

// Change changes s and says what it did. Nothing is written, and after an error, which is an *Error, s is not to be used.
func Change(s *ondisk.Super, set Settings) (Result, error) {
	c := &changer{s: s}
	for _, step := range []func(Settings) error{c.counts, c.optim, c.sector, c.averages, c.log, c.quota, c.label} {
		if err := step(set); err != nil {
			return c.Result, err
		}
	}
	if err := s.Check(); err != nil {
		return c.Result, err
	}
	return c.Result, nil
}

type changer struct {
	Result
	s *ondisk.Super
}

func (c *changer) warn(format string, a ...any) {
	c.Warnings = append(c.Warnings, fmt.Sprintf(format, a...))
}

// number changes a field to v, if there is one, within limits.
func (c *changer) number(field *int32, v *int32, name, suffix string, lo, hi int32) error {
	switch {
	case v == nil:
		return nil
	case *v < lo:
		return errorf(exitFailed, "%s %d is less than %d", name, *v, lo)
	case *v > hi:
		return errorf(exitFailed, "%s %d is greater than %d", name, *v, hi)
	case *v == *field:
		c.warn("%s remains unchanged at %d%s", name, *v, suffix)
	default:
		c.warn("%s changes from %d%s to %d%s", name, *field, suffix, *v, suffix)
		*field = *v
	}
	return nil
}

func (c *changer) counts(set Settings) error {
	if err := c.number(&c.s.MaxBPG, set.MaxBPG, nameMaxBPG, "", 1, math.MaxInt32); err != nil {
		return err
	}
	if err := c.number(&c.s.MinFree, set.MinFree, nameMinFree, "%", 0, 99); err != nil || set.MinFree == nil {
		return err
	}
	c.warnOptim()
	return nil
}

// warnOptim tells of a preference that does not fit the reserve.
func (c *changer) warnOptim() {
	enough := c.s.MinFree >= minFreeDefault
	if enough && c.s.Optim == ondisk.OptimSpace {
		c.warn("should optimize for time with minfree >= %d%%", minFreeDefault)
	}
	if !enough && c.s.Optim == ondisk.OptimTime {
		c.warn("should optimize for space with minfree < %d%%", minFreeDefault)
	}
}

// optimName is a preference in a word.
func optimName(v int32) string {
	switch v {
	case ondisk.OptimTime:
		return "time"
	case ondisk.OptimSpace:
		return "space"
	}
	return fmt.Sprint(v)
}

func (c *changer) optim(set Settings) error {
	switch v := set.Optim; {
	case v == nil:
	case *v != ondisk.OptimTime && *v != ondisk.OptimSpace:
		return errorf(exitOptim, "bad %s (options are `space' or `time')", nameOptim)
	case *v == c.s.Optim:
		c.warn("%s remains unchanged as %s", nameOptim, optimName(*v))
	default:
		c.warn("%s changes from %s to %s", nameOptim, optimName(c.s.Optim), optimName(*v))
		c.s.Optim = *v
		c.warnOptim()
	}
	return nil
}

// sectorSize is the size of a sector as the superblock has it; ok is false if it has none that can be.
func sectorSize(s *ondisk.Super) (size int64, ok bool) {
	if s.FsbToDb < 0 || s.FsbToDb > int32(s.FShift) {
		return 0, false
	}
	return int64(s.FSize) >> uint(s.FsbToDb), true
}

func (c *changer) sector(set Settings) error {
	if set.SectorSize == nil {
		return nil
	}
	now, ok := sectorSize(c.s)
	size := *set.SectorSize
	if size == 0 {
		size = now
	}
	switch {
	case !ok && size == 0:
		return errorf(exitSector, "sector size %d is not a power of two", size)
	case size < 0 || bits.OnesCount64(uint64(size)) != 1:
		return errorf(exitSector, "sector size %d is not a power of two", size)
	case size < ondisk.SectorSize:
		c.warn("sector size must be at least %d", ondisk.SectorSize)
	case size > int64(c.s.FSize):
		c.warn("sector size %d cannot be larger than fragment size %d", size, c.s.FSize)
	case size == now:
		c.warn("sector size remains unchanged as %d", size)
	default:
		c.warn("sector size changed from %d to %d", now, size)
		c.s.FsbToDb = int32(c.s.FShift) - int32(bits.TrailingZeros64(uint64(size)))
	}
	return nil
}

func (c *changer) averages(set Settings) error {
	if set.AvgFileSize == nil && set.AvgFPDir == nil {
		return nil
	}
	if err := c.needWide(nameAvgFileSize); err != nil {
		return err
	}
	if err := c.number(&c.s.AvgFileSize, set.AvgFileSize, nameAvgFileSize, "", 1, math.MaxInt32); err != nil {
		return err
	}
	return c.number(&c.s.AvgFPDir, set.AvgFPDir, nameAvgFPDir, "", 1, math.MaxInt32)
}

// needWide refuses what a superblock of the old layout has no place for: there are its rotational tables.
func (c *changer) needWide(what string) error {
	if c.s.OldLayout {
		return errorf(exitFailed, "the superblock of 4.3BSD has no place for the %s; fsck -c 4 converts it", what)
	}
	return nil
}

func (c *changer) label(set Settings) error {
	switch v := set.Label; {
	case v == nil:
	case len(*v) > maxLabel:
		return errorf(exitFailed, "volume label %q is longer than %d bytes", *v, maxLabel)
	case strings.ContainsRune(*v, 0), c.s.Apple && (*v == "" || strings.ContainsAny(*v, ":/")):
		return errorf(exitFailed, "%q cannot be a volume label here", *v)
	case *v == c.s.VolName:
		c.warn("volume label remains unchanged as %q", *v)
	default:
		c.warn("volume label changes from %q to %q", c.s.VolName, *v)
		c.s.VolName = *v
	}
	return nil
}
