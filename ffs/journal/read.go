package journal

import (
	"context"
	"io"

	"rump/ffs/ondisk"
)

// A Log is what was found in a log and not refused.
type Log struct {
	Inodes []Inode // that have no name

	area   Area
	volume int64 // bytes of the file system
	header header
	pieces pieces

	inodesAt int64 // where the list of inodes that counts begins
	alone    bool  // there is one, and nothing behind it: each transaction ends with the whole list
}

// Read verifies the log of the volume s, size bytes long, and reads all of it but the copies. A *CorruptError says what makes no sense in it; other
// errors are those of reading. It takes time and memory by what is live in the log. Whether the log counts, [ondisk.Super.HasWAPBL] says.
func Read(ctx context.Context, r io.ReaderAt, size int64, s *ondisk.Super) (*Log, error) {
	a, err := Locate(r, size, s)
	if err != nil {
		return nil, err
	}
	h, err := a.latest(r)
	if err != nil {
		return nil, err
	}
	l := &Log{area: a, header: h, volume: int64(s.Size) << s.FShift, pieces: pieces{chunks: map[int64][]piece{}}}
	if err := l.scan(ctx, r); err != nil {
		return nil, err
	}
	if len(l.Inodes) > 0 && !l.alone {
		return nil, corrupt("does not end with its list of inodes, but at", h.head, a.Start)
	}
	for _, in := range l.Inodes {
		if !s.ValidIno(in.Ino) || in.Ino == ondisk.RootIno {
			return nil, corrupt("lists inode", int64(in.Ino), a.Start)
		}
	}
	return l, nil
}

// Area is where the log lies.
func (l *Log) Area() Area { return l.area }

// IsEmpty reports whether there is nothing to bring to its place, and no inode to end.
func (l *Log) IsEmpty() bool { return l.pieces.n == 0 && len(l.Inodes) == 0 }

// scan goes over the live records from the oldest to the newest. A buffer that is full to the last byte counts as empty, as NetBSD has it, which
// never fills one.
func (l *Log) scan(ctx context.Context, r io.ReaderAt) error {
	h, b := &l.header, make([]byte, l.area.Block)
	if h.head == h.tail {
		return nil
	}
	left := h.ring.used(h.head, h.tail)
	for at := h.tail; left > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := l.area.read(r, b, at); err != nil {
			return err
		}
		n, err := l.take(b, at, left)
		if err != nil {
			return err
		}
		at, left = h.ring.advance(at, n), left-n
	}
	return nil
}

// take takes in the record at at, whose first block is b, and returns its length. left is how many bytes there are up to the head.
func (l *Log) take(b []byte, at, left int64) (int64, error) {
	o, where, block := l.area.Order, l.area.Start+at, l.area.Block
	n, err := block, error(nil)
	l.alone = l.alone && o.Uint32(b[offKind:]) == kindInodes
	switch kind := o.Uint32(b[offKind:]); kind {
	case kindBlocks:
		data := int64(0)
		err = l.decodeBlocks(b, where, func(e extent) error {
			if block+data+e.n > left {
				return corrupt("record longer than what is live", block+data+e.n, where)
			}
			data += e.n
			return l.copyOf(e, l.header.ring.advance(at, block+data-e.n))
		})
		n += (data + block - 1) / block * block
	case kindRevocations:
		err = l.decodeBlocks(b, where, func(e extent) error {
			l.pieces.cut(e.off, e.off+e.n)
			return nil
		})
	case kindInodes:
		if o.Uint32(b[offClear:]) != 0 {
			l.inodesAt, l.alone = at, true
		}
		err = l.decodeInodes(b, where)
	default:
		err = corrupt("record of type", int64(kind), where)
	}
	if stored := int64(o.Uint32(b[offLen:])); err == nil && stored != n {
		err = corrupt("length of a record", stored, where)
	}
	return n, err
}

// copyOf notes that the log has the newest content of e, from byte at of the area on, round the end of the buffer if need be.
func (l *Log) copyOf(e extent, at int64) error {
	n := min(e.n, l.header.ring.off+l.header.ring.size-at)
	if err := l.pieces.put(e.off, e.off+n, l.area.Start+at); err != nil || n == e.n {
		return err
	}
	return l.pieces.put(e.off+n, e.off+e.n, l.area.Start+l.header.ring.off)
}
