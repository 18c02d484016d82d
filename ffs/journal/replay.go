package journal

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"rump/rumpfs/blockdev"
)

// batchSize bounds one transfer of a replay, bytes.
const batchSize = 256 << 10

// checkUnit says whether a disk can transfer blocks of a log.
func checkUnit(d blockdev.Device, unit int64) error {
	if sector := int64(d.SectorSize()); unit%sector != 0 {
		return fmt.Errorf("journal: blocks of %d bytes on a disk with sectors of %d: %w", unit, sector, syscall.EINVAL)
	}
	return nil
}

// Replay brings all copies to their places on d and returns once they are durable. What of the superblock was read before may be stale then. The log
// itself stays as it is: see Reset.
func (l *Log) Replay(ctx context.Context, d blockdev.Device) error {
	if err := checkUnit(d, l.header.unit); err != nil {
		return err
	}
	all := l.pieces.sorted()
	buf := make([]byte, batchSize)
	for len(all) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := 0
		start, end := all[0].lo, all[0].lo
		for n < len(all) && all[n].lo == end && all[n].hi-start <= batchSize {
			x := all[n]
			if _, err := d.ReadAt(buf[x.lo-start:x.hi-start], x.at); err != nil {
				return fmt.Errorf("journal: read at %d: %w", x.at, err)
			}
			end = x.hi
			n++
		}
		if _, err := d.WriteAt(buf[:end-start], start); err != nil {
			return fmt.Errorf("journal: replay of bytes %d to %d: %w", start, end, err)
		}
		all = all[n:]
	}
	if err := d.Flush(); err != nil {
		return fmt.Errorf("journal: flush: %w", err)
	}
	return nil
}

// Reset writes, after a Replay, that the log holds nothing but the list of inodes, and returns once that is durable. What is written to the volume from
// then on is not overwritten should the log be replayed again.
func (l *Log) Reset(d blockdev.Device, now time.Time) error {
	h := l.header
	h.generation++
	h.sec, h.nsec = now.Unix(), uint32(now.Nanosecond())
	if h.tail = l.inodesAt; len(l.Inodes) == 0 {
		h.head, h.tail = 0, 0
	}
	b := make([]byte, l.area.Block)
	h.encode(b)
	if _, err := d.WriteAt(b, l.area.Start+int64(h.generation&1)*l.area.Block); err != nil {
		return fmt.Errorf("journal: header: %w", err)
	}
	if err := d.Flush(); err != nil {
		return fmt.Errorf("journal: flush: %w", err)
	}
	l.header = h
	return nil
}
