package tree

import (
	"encoding/binary"

	"rump/ffs/ondisk"
)

// An Entry is a name in a directory and the file behind it. All slices are valid until the reader goes on.
type Entry struct {
	Name         []byte
	Mode         uint16 // type and permissions, as in an inode
	UID, GID     uint32
	Flags        uint32 // BSD file flags
	Mtime        ondisk.Time
	Atime, Ctime ondisk.Time
	Birth        ondisk.Time
	Size         int64        // of a regular file, bytes
	Major, Minor uint32       // of a device
	Target       []byte       // of a symbolic link
	Sparse       bool         // a regular file has data in Data only
	Data         []Extent     // ascending, apart
	Xattrs       []Xattr      // in the order of the area
	Link         [2]uint64    // the same for all names of a file, zero for one that has no other
	Where        contentPlace // of a regular file

	// Set by Reader.
	Index int64 // number of the file; the root is 0; names of one file share it
	First bool  // no name of the file came before
	Nlink int   // names of the file in the tree; not of directories
}

// IsDir reports whether the entry is a directory.
func (e *Entry) IsDir() bool { return e.Mode&ondisk.ModeType == ondisk.ModeDir }

// IsRegular reports whether the entry is a regular file.
func (e *Entry) IsRegular() bool { return e.Mode&ondisk.ModeType == ondisk.ModeRegular }

// IsSymlink reports whether the entry is a symbolic link.
func (e *Entry) IsSymlink() bool { return e.Mode&ondisk.ModeType == ondisk.ModeSymlink }

// IsDevice reports whether the entry is a device node.
func (e *Entry) IsDevice() bool {
	t := e.Mode & ondisk.ModeType
	return t == ondisk.ModeChar || t == ondisk.ModeBlock
}

// An Extent is a range of bytes of a file.
type Extent struct{ Off, Len int64 }

// An Xattr is an extended attribute, in a namespace of ondisk.
type Xattr struct {
	Namespace   uint8
	Name, Value []byte
}

// contentPlace is where the bytes of a regular file are.
type contentPlace struct {
	Layer int    // which of the source's layers; -1: nowhere, the file is zeros
	Off   int64  // in an archive
	Path  string // on the host; empty: the path in the layer's tree
}

// Bits of a record: which of the rare fields it has.
const (
	hasEnd = 1 << iota // no entry: the end of the group
	hasFlags
	hasOtherTimes // some time is not the mtime
	hasSparse
	hasXattrs
	hasLink
	hasOff
	hasPath
)

// encode appends e as a record to b.
func (e *Entry) encode(b []byte) []byte {
	bits := uint64(0)
	set := func(bit uint64, is bool) {
		if is {
			bits |= bit
		}
	}
	set(hasFlags, e.Flags != 0)
	set(hasOtherTimes, e.Atime != e.Mtime || e.Ctime != e.Mtime || e.Birth != e.Mtime)
	set(hasSparse, e.Sparse)
	set(hasXattrs, len(e.Xattrs) > 0)
	set(hasLink, e.Link != [2]uint64{})
	set(hasOff, e.Where.Off != 0)
	set(hasPath, e.Where.Path != "")

	b = binary.AppendUvarint(b, bits)
	b = binary.AppendUvarint(b, uint64(e.Mode))
	b = appendBytes(b, e.Name)
	b = binary.AppendUvarint(b, uint64(e.UID))
	b = binary.AppendUvarint(b, uint64(e.GID))
	b = appendTime(b, e.Mtime)
	if bits&hasOtherTimes != 0 {
		b = appendTime(b, e.Atime)
		b = appendTime(b, e.Ctime)
		b = appendTime(b, e.Birth)
	}
	switch {
	case e.IsRegular():
		b = binary.AppendUvarint(b, uint64(e.Size))
		b = binary.AppendVarint(b, int64(e.Where.Layer))
	case e.IsSymlink():
		b = appendBytes(b, e.Target)
	case e.IsDevice():
		b = binary.AppendUvarint(b, uint64(e.Major))
		b = binary.AppendUvarint(b, uint64(e.Minor))
	}
	return e.encodeRare(b, bits)
}

func (e *Entry) encodeRare(b []byte, bits uint64) []byte {
	if bits&hasFlags != 0 {
		b = binary.AppendUvarint(b, uint64(e.Flags))
	}
	if bits&hasSparse != 0 {
		b = binary.AppendUvarint(b, uint64(len(e.Data)))
		at := int64(0)
		for _, x := range e.Data {
			b = binary.AppendUvarint(b, uint64(x.Off-at))
			b = binary.AppendUvarint(b, uint64(x.Len))
			at = x.Off + x.Len
		}
	}
	if bits&hasXattrs != 0 {
		b = binary.AppendUvarint(b, uint64(len(e.Xattrs)))
		for _, x := range e.Xattrs {
			b = append(b, x.Namespace)
			b = appendBytes(b, x.Name)
			b = appendBytes(b, x.Value)
		}
	}
	if bits&hasLink != 0 {
		b = binary.AppendUvarint(b, e.Link[0])
		b = binary.AppendUvarint(b, e.Link[1])
	}
	if bits&hasOff != 0 {
		b = binary.AppendUvarint(b, uint64(e.Where.Off))
	}
	if bits&hasPath != 0 {
		b = appendBytes(b, []byte(e.Where.Path))
	}
	return b
}

func appendBytes(b, v []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}

func appendTime(b []byte, t ondisk.Time) []byte {
	return binary.AppendUvarint(binary.AppendVarint(b, t.Sec), uint64(uint32(t.Nsec)))
}

// A decoder reads the fields of a record; of a damaged one everything is zero.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.b, d.bad = nil, true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) int() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.b, d.bad = nil, true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) bytes() []byte {
	n := d.uint()
	if n > uint64(len(d.b)) {
		d.b, d.bad = nil, true
		return nil
	}
	v := d.b[:n:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) time() ondisk.Time {
	sec := d.int()
	return ondisk.Time{Sec: sec, Nsec: int32(uint32(d.uint()))}
}

// decode makes e the entry in a record, whose bytes it refers to. isEnd: it was the end of a group.
func (e *Entry) decode(rec []byte) (isEnd bool, err error) {
	d := decoder{b: rec}
	bits := d.uint()
	if bits&hasEnd != 0 {
		return true, nil
	}
	data, xattrs := e.Data[:0], e.Xattrs[:0]
	*e = Entry{Mode: uint16(d.uint()), Name: d.bytes(), UID: uint32(d.uint()), GID: uint32(d.uint()), Mtime: d.time()}
	e.Data, e.Xattrs = data, xattrs
	e.Atime, e.Ctime, e.Birth = e.Mtime, e.Mtime, e.Mtime
	if bits&hasOtherTimes != 0 {
		e.Atime, e.Ctime, e.Birth = d.time(), d.time(), d.time()
	}
	switch {
	case e.IsRegular():
		e.Size = int64(d.uint())
		e.Where.Layer = int(d.int())
	case e.IsSymlink():
		e.Target = d.bytes()
	case e.IsDevice():
		e.Major, e.Minor = uint32(d.uint()), uint32(d.uint())
	}
	e.decodeRare(&d, bits)
	if d.bad {
		return false, errSpool
	}
	return false, nil
}

func (e *Entry) decodeRare(d *decoder, bits uint64) {
	if bits&hasFlags != 0 {
		e.Flags = uint32(d.uint())
	}
	if bits&hasSparse != 0 {
		e.Sparse = true
		at := int64(0)
		for n := d.uint(); n > 0 && !d.bad; n-- {
			off := at + int64(d.uint())
			x := Extent{off, int64(d.uint())}
			at = off + x.Len
			e.Data = append(e.Data, x)
		}
	}
	if bits&hasXattrs != 0 {
		for n := d.uint(); n > 0 && !d.bad && len(d.b) > 0; n-- {
			x := Xattr{Namespace: d.b[0]}
			d.b = d.b[1:]
			x.Name, x.Value = d.bytes(), d.bytes()
			e.Xattrs = append(e.Xattrs, x)
		}
	}
	if bits&hasLink != 0 {
		e.Link = [2]uint64{d.uint(), d.uint()}
	}
	if bits&hasOff != 0 {
		e.Where.Off = int64(d.uint())
	}
	if bits&hasPath != 0 {
		e.Where.Path = string(d.bytes())
	}
}
