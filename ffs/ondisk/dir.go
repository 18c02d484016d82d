package ondisk

import (
	"bytes"

	"rump/internal/endian"
)

// Offsets in a directory entry (struct direct).
const (
	offDirIno    = 0 // d_ino
	offDirReclen = 4 // d_reclen
	offDirType   = 6 // d_type; old format: d_namlen, 16 bits
	offDirNamlen = 7 // d_namlen
	offDirName   = 8 // d_name

	maxDirent = offDirName + MaxNameLen + 1 // a multiple of 4
)

// DirType is the type of a directory entry.
type DirType uint8

// TypeOf is the entry type of a file of this mode.
func TypeOf(mode uint16) DirType { return DirType(mode >> 12) }

// Types of directory entries.
const (
	TypeUnknown  DirType = 0
	TypeFIFO     DirType = 1
	TypeChar     DirType = 2
	TypeDir      DirType = 4
	TypeBlock    DirType = 6
	TypeRegular  DirType = 8
	TypeSymlink  DirType = 10
	TypeSocket   DirType = 12
	TypeWhiteout DirType = 14
)

// Mode is the file type for Inode.Mode.
func (t DirType) Mode() uint16 { return uint16(t) << 12 }

// DirSize is the bytes that an entry with a name of n bytes needs.
func DirSize(n int) int { return offDirName + (n+1+3)&^3 }

// DirBlock is a view of one directory block (512 bytes, on Apple UFS 1024), the unit that entries do not cross.
type DirBlock struct {
	b     []byte
	order endian.Order
	old   bool
}

// Entry is one entry of a directory block. Name lies in the block and is valid as long as that is unchanged.
type Entry struct {
	Off    int // where in the directory block it begins
	Len    int // d_reclen: bytes up to the next entry
	Ino    Ino // 0: the space is free
	Type   DirType
	Whited bool // the name is covered by a whiteout: no file
	Name   []byte
}

// Live reports whether the entry names a file. A kernel lets an entry without a name pass, but nothing can ask for it.
func (e *Entry) Live() bool { return e.Ino != 0 && !e.Whited && len(e.Name) > 0 }

// Room is how many bytes a new entry could take from this one.
func (e *Entry) Room() int {
	if e.Ino == 0 {
		return e.Len
	}
	return e.Len - DirSize(len(e.Name))
}

// DirBlockIn is a view of the first DirBlockSize bytes of b.
func (s *Super) DirBlockIn(b []byte) DirBlock {
	return DirBlock{b[:s.DirBlockSize()], s.Order, s.DirEntryOld()}
}

// Len is the size of the block in bytes.
func (d DirBlock) Len() int { return len(d.b) }

// A DirFault is what is wrong with an entry, in words; "" is a good one.
type DirFault string

// The faults a kernel sees. Behind an entry with one nothing in its block can be trusted.
const (
	FaultReclen  DirFault = "bad record length" // 0, not a multiple of 4, or beyond the block
	FaultNamelen DirFault = "name does not fit" // the record is shorter than its name needs
	FaultName    DirFault = "NUL in a name"
	FaultUnended DirFault = "name does not end" // no NUL behind
)

// At decodes the entry at off, a multiple of 4 inside the block, and says what is wrong with it. Of a faulty entry only Off,
// Ino, and those of Len and Name that are inside the block are set.
//
//	for off := 0; off < d.Len(); off += e.Len {
//		e, fault := d.At(off)
//		if fault != "" { break }
//	}
func (d DirBlock) At(off int) (e Entry, fault DirFault) {
	b := d.b[off:]
	if len(b) < offDirName {
		return Entry{Off: off}, FaultReclen
	}
	e.Off = off
	e.Ino = Ino(d.order.Uint32(b[offDirIno:]))
	reclen := int(d.order.Uint16(b[offDirReclen:]))
	namlen := int(b[offDirNamlen])
	if d.old {
		namlen = int(d.order.Uint16(b[offDirType:]))
	} else {
		e.Type = DirType(b[offDirType])
		e.Whited = e.Ino == WhiteoutIno
	}
	if reclen < DirSize(0) || reclen&3 != 0 || reclen > len(b) {
		return e, FaultReclen
	}
	e.Len = reclen
	if namlen > MaxNameLen || DirSize(namlen) > reclen {
		return e, FaultNamelen
	}
	e.Name = b[offDirName : offDirName+namlen : offDirName+namlen]
	if e.Ino == 0 {
		return e, ""
	}
	switch {
	case bytes.IndexByte(e.Name, 0) >= 0:
		return e, FaultName
	case b[offDirName+namlen] != 0:
		return e, FaultUnended
	}
	return e, ""
}

// Error is the fault of entry e as an error: where, counted from the directory block, and what.
func (d DirBlock) Error(e Entry, fault DirFault) error {
	var reclen uint16
	if e.Off+offDirName <= len(d.b) {
		reclen = d.order.Uint16(d.b[e.Off+offDirReclen:])
	}
	return &CorruptError{What: "directory entry: " + string(fault) + ": record length", Value: int64(reclen), Where: int64(e.Off)}
}

// Find is the entry with this name, whiteouts included. ok is false if there is none before the end, or before the first
// record whose length is wrong; what the names of other entries look like does not matter.
func (d DirBlock) Find(name []byte) (e Entry, ok bool) {
	for off := 0; off+offDirName <= len(d.b); {
		b := d.b[off:]
		reclen := int(d.order.Uint16(b[offDirReclen:]))
		namlen := int(b[offDirNamlen])
		if d.old {
			namlen = int(d.order.Uint16(b[offDirType:]))
		}
		if reclen&3 != 0 || reclen > len(b) || DirSize(namlen) > reclen || namlen > MaxNameLen {
			break
		}
		if namlen == len(name) && string(b[offDirName:offDirName+namlen]) == string(name) && d.order.Uint32(b) != 0 {
			e, fault := d.At(off)
			return e, fault == ""
		}
		off += reclen
	}
	return Entry{}, false
}

// SetIno changes the inode of the entry at off; 0 frees it.
func (d DirBlock) SetIno(off int, ino Ino) { d.order.PutUint32(d.b[off+offDirIno:], uint32(ino)) }

// SetLen changes the record length of the entry at off.
func (d DirBlock) SetLen(off, n int) { d.order.PutUint16(d.b[off+offDirReclen:], uint16(n)) }

// SetType changes the type of the entry at off; the old format has none.
func (d DirBlock) SetType(off int, t DirType) {
	if !d.old {
		d.b[off+offDirType] = byte(t)
	}
}

// Put writes a whole entry of n bytes at off: n must be at least DirSize of the name and lie inside the block.
func (d DirBlock) Put(off, n int, ino Ino, t DirType, name []byte) {
	b := d.b[off : off+n]
	d.order.PutUint32(b[offDirIno:], uint32(ino))
	d.order.PutUint16(b[offDirReclen:], uint16(n))
	if d.old {
		d.order.PutUint16(b[offDirType:], uint16(len(name)))
	} else {
		b[offDirType], b[offDirNamlen] = byte(t), byte(len(name))
	}
	end := offDirName + copy(b[offDirName:], name)
	clear(b[end:DirSize(len(name))])
}

// Init makes the block one free entry.
func (d DirBlock) Init() {
	clear(d.b)
	d.SetLen(0, len(d.b))
}

// InitDots makes the block the first of directory self: "." and "..".
func (d DirBlock) InitDots(self, parent Ino) {
	clear(d.b)
	dot := DirSize(1)
	d.Put(0, dot, self, TypeDir, []byte("."))
	d.Put(dot, len(d.b)-dot, parent, TypeDir, []byte(".."))
}

// Room is how much space the block has for a new entry: in one piece, and in all after Compact. A block with a fault has
// none and ok is false.
func (d DirBlock) Room() (piece, all int, ok bool) {
	var e Entry
	for off := 0; off < len(d.b); off += e.Len {
		var fault DirFault
		if e, fault = d.At(off); fault != "" {
			return 0, 0, false
		}
		r := e.Room()
		piece, all = max(piece, r), all+r
	}
	return piece, all, true
}

// Insert adds an entry, where it fits or else by moving the others together, and returns where it is. ok is false, and nothing
// has changed, if the block has a fault or not enough room. It does not look whether the name exists.
func (d DirBlock) Insert(ino Ino, t DirType, name []byte) (off int, ok bool) {
	need := DirSize(len(name))
	piece, all, ok := d.Room()
	if !ok || all < need || len(name) == 0 || len(name) > MaxNameLen {
		return 0, false
	}
	if piece < need {
		d.Compact()
	}
	var e Entry
	for off := 0; ; off += e.Len {
		e, _ = d.At(off)
		room := e.Room()
		if room < need {
			continue
		}
		used := e.Len - room
		if used > 0 {
			d.SetLen(off, used)
		}
		d.Put(off+used, room, ino, t, name)
		return off + used, true
	}
}

// Compact moves all entries to the front, so that the free space is in one piece behind the last. Offsets change. A block with
// a fault is left alone.
func (d DirBlock) Compact() {
	if _, _, ok := d.Room(); !ok {
		return
	}
	to, last := 0, -1
	var e Entry
	for off := 0; off < len(d.b); off += e.Len {
		e, _ = d.At(off)
		if e.Ino == 0 {
			continue
		}
		n := DirSize(len(e.Name))
		copy(d.b[to:to+n], d.b[off:off+n])
		d.SetLen(to, n) // to <= off, and e was read before
		last, to = to, to+n
	}
	if last < 0 {
		d.Init()
		return
	}
	clear(d.b[to:])
	d.SetLen(last, len(d.b)-last)
}

// Remove takes away the entry at off, which At found good together with those before it: the entry before grows over
// it, the first of a block becomes free.
func (d DirBlock) Remove(off int) {
	if off == 0 {
		d.SetIno(0, 0)
		return
	}
	var prev Entry
	for at := 0; at < off; at += prev.Len {
		prev, _ = d.At(at)
		if prev.Len == 0 {
			return
		}
	}
	if e, _ := d.At(off); prev.Off+prev.Len == off {
		d.SetLen(prev.Off, prev.Len+e.Len)
	}
}

// SetWhiteout turns the entry at off into a whiteout of its name.
func (d DirBlock) SetWhiteout(off int) {
	d.SetIno(off, WhiteoutIno)
	d.SetType(off, TypeWhiteout)
}

// IsEmpty reports whether nothing keeps directory self, whose parent is parent, from being removed: only free entries,
// whiteouts, "." and "..". A block with a fault is not empty.
func (d DirBlock) IsEmpty(self, parent Ino) bool {
	var e Entry
	for off := 0; off < len(d.b); off += e.Len {
		var fault DirFault
		if e, fault = d.At(off); fault != "" {
			return false
		}
		dot := e.Ino == self && string(e.Name) == "."
		dotdot := e.Ino == parent && string(e.Name) == ".."
		if e.Ino != 0 && !e.Whited && !dot && !dotdot {
			return false
		}
	}
	return true
}
