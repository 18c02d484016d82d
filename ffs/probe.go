package ffs

import (
	"context"
	"fmt"
	"io"

	"rump/ffs/ondisk"
)

// Info is what can be told of a volume without mounting it.
type Info struct {
	Seen    []ondisk.Seen // what was at each place of a superblock, up to the one that was taken
	Super   *ondisk.Super // nil if there is none
	Format  string        // "UFS1", "UFS2", "UFS2 with extended attributes", "UFS1, old layout", "Apple UFS"
	Order   string        // "le" or "be"
	Bytes   int64         // of the file system; the volume may be larger
	Label   string        // volume name, if any
	Clean   bool
	Journal bool   // its journal holds something that a mount will replay
	Hazard  string // why it would be mounted read-only, or ""
}

// Probe looks for a Fast File System in a volume of size bytes. The error says what was seen at each place instead.
func Probe(r io.ReaderAt, size int64) (Info, error) {
	v, seen, err := openVolume(context.Background(), r, size)
	s := v.s
	info := Info{Seen: seen, Super: s}
	if err != nil {
		return info, err
	}
	var l ondisk.AppleLabel
	if l, s.Apple = ondisk.ReadAppleLabel(r, size); s.Apple {
		info.Label = l.Name
	}
	if !s.Apple {
		info.Label = s.VolName
	}
	info.Format = formatName(s)
	info.Order = s.Order.String()
	info.Bytes = int64(s.Size) << s.FShift
	info.Clean = s.Clean&ondisk.CleanIs != 0
	info.Journal = v.log != nil && !v.log.IsEmpty()
	info.Hazard = v.hazard(false)
	if err := s.CheckDevice(size); err != nil {
		info.Hazard = fmt.Sprintf("cannot be mounted: %v", err)
	}
	return info, nil
}

func formatName(s *ondisk.Super) string {
	switch {
	case s.Apple:
		return "Apple UFS"
	case s.EAMagic:
		return "UFS2 with extended attributes"
	case s.Version == 2:
		return "UFS2"
	case s.OldLayout:
		return "UFS1, old layout"
	}
	return "UFS1"
}
