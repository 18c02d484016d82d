package journal

import "rump/ffs/ondisk"

// Offsets in the other records.
const (
	offCount = 8  // wc_blkcount, wc_inocnt
	offClear = 12 // wc_clear: the inodes of earlier records no longer count
	offList  = 16 // wc_blocks, wc_inodes

	blockEntry = 16 // bytes of an entry: address in sectors, an unused word, length in bytes
	offDlen    = 12 // wc_dlen
	inodeEntry = 8  // bytes of an entry: inode number, mode
)

// An Inode was in use without a name when the log was written: whoever replays it ends that file's life.
type Inode struct {
	Ino  ondisk.Ino
	Mode uint16 // that it had; kind and permissions
}

// An extent is a range of bytes of the volume.
type extent struct{ off, n int64 }

// decodeBlocks checks a list of blocks, a record of BLOCKS or REVOCATIONS at byte where of the volume, and calls fn for each.
func (l *Log) decodeBlocks(b []byte, where int64, fn func(extent) error) error {
	o := l.area.Order
	count := int64(o.Uint32(b[offCount:]))
	if count > int64(len(b)-offList)/blockEntry {
		return corrupt("blocks in a record", count, where)
	}
	for i := range count {
		p := b[offList+i*blockEntry:]
		sector, n := o.Uint64(p), int64(o.Uint32(p[offDlen:]))
		switch {
		case n <= 0 || n > ondisk.MaxBlockSize || n%l.header.unit != 0:
			return corrupt("length of a block", n, where)
		case sector > uint64(l.volume)/ondisk.SectorSize || int64(sector)*ondisk.SectorSize > l.volume-n:
			return corrupt("block behind the end of the file system, sector", int64(sector), where)
		case int64(sector)*ondisk.SectorSize%l.header.unit != 0:
			return corrupt("block that begins inside another, sector", int64(sector), where)
		}
		e := extent{int64(sector) * ondisk.SectorSize, n}
		if l.area.overlaps(e.off, e.off+n) {
			return corrupt("block inside the journal, sector", int64(sector), where)
		}
		if err := fn(e); err != nil {
			return err
		}
	}
	return nil
}

// decodeInodes takes in a list of inodes.
func (l *Log) decodeInodes(b []byte, where int64) error {
	o := l.area.Order
	count := int64(o.Uint32(b[offCount:]))
	if count > int64(len(b)-offList)/inodeEntry {
		return corrupt("inodes in a record", count, where)
	}
	if o.Uint32(b[offClear:]) != 0 {
		l.Inodes = l.Inodes[:0]
	}
	if int64(len(l.Inodes))+count > maxPieces {
		return corrupt("too many inodes", int64(len(l.Inodes))+count, where)
	}
	for i := range count {
		p := b[offList+i*inodeEntry:]
		l.Inodes = append(l.Inodes, Inode{ondisk.Ino(o.Uint32(p)), uint16(o.Uint32(p[4:]))})
	}
	return nil
}
