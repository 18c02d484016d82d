package mkfs

import (
	"math"

	"rump/ffs/ondisk"
)

// Offsets in the file of one kind of quota2, and in an entry of it (struct quota2_header, struct quota2_entry).
const (
	offQ2Magic   = 0   // q2h_magic_number
	offQ2Type    = 4   // q2h_type
	offQ2Shift   = 5   // q2h_hash_shift
	offQ2Size    = 6   // q2h_hash_size
	offQ2Default = 8   // q2h_defentry
	offQ2Free    = 104 // q2h_free
	offQ2Hash    = 112 // q2h_entries

	q2EntrySize = 96
	offQ2Next   = 80 // q2e_next
	offQ2ID     = 88 // q2e_uid
	q2ValueSize = 40 // hard, soft, current, time, grace: of blocks, then of files
	offQ2Cur    = 16
	offQ2Grace  = 32

	q2MinShift = 8
	q2MaxShift = 15
	q2Grace    = 7 * 24 * 3600 // seconds
)

// makeQuotas makes the hidden files of quota2 that are asked for, with an entry for the owner of the root directory.
func (f *formatter) makeQuotas(g *ondisk.Group, root *ondisk.Inode) error {
	ino := ondisk.RootIno + 1
	for kind, want := range []bool{f.o.UserQuota, f.o.GroupQuota} {
		if !want {
			continue
		}
		at, err := f.take(g, int(f.s.Frag))
		if err != nil {
			return err
		}
		id := f.o.UID
		if kind == 1 {
			id = f.o.GID
		}
		b := make([]byte, f.s.BSize)
		f.fillQuota(b, kind, id, root.Blocks)
		if err := f.write(f.s.FragOffset(at), b); err != nil {
			return err
		}
		in := ondisk.Inode{
			Mode: ondisk.ModeRegular, Nlink: 1,
			Size: int64(f.s.BSize), Blocks: int64(f.s.BSize) / ondisk.SectorSize,
		}
		in.DB[0] = at
		if err := f.putInode(g, ino, &in); err != nil {
			return err
		}
		f.s.QuotaFlags |= 1 << kind
		f.s.QuotaFile[kind] = ino
		ino++
	}
	return nil
}

// fillQuota makes b a quota file without limits: all entries on the free list but the last, which is that of id, who owns one
// file of so many blocks of 512 bytes.
func (f *formatter) fillQuota(b []byte, kind int, id uint32, blocks int64) {
	o := f.s.Order
	shift := q2MinShift
	for shift < q2MaxShift && 8<<(shift+1)+offQ2Hash <= len(b) {
		shift++
	}
	o.PutUint32(b[offQ2Magic:], ondisk.Quota2Magic)
	b[offQ2Type], b[offQ2Shift] = byte(kind), byte(shift)
	o.PutUint16(b[offQ2Size:], uint16(1<<shift))
	f.fillEntry(b[offQ2Default:])

	free := uint64(0)
	last := 0
	for at := offQ2Hash + 8<<shift; at+q2EntrySize <= len(b); at += q2EntrySize {
		if last > 0 {
			o.PutUint64(b[last+offQ2Next:], free)
			free = uint64(last)
		}
		last = at
	}
	o.PutUint64(b[offQ2Free:], free)

	e := b[last:]
	f.fillEntry(e)
	o.PutUint64(e[offQ2Cur:], uint64(blocks))
	o.PutUint64(e[q2ValueSize+offQ2Cur:], 1)
	o.PutUint32(e[offQ2ID:], id)
	bucket := int(id) & (1<<shift - 1)
	o.PutUint64(b[offQ2Hash+8*bucket:], uint64(last))
}

// fillEntry makes b an entry without limits.
func (f *formatter) fillEntry(b []byte) {
	o := f.s.Order
	for v := 0; v < 2*q2ValueSize; v += q2ValueSize {
		o.PutUint64(b[v:], math.MaxUint64)   // q2v_hardlimit
		o.PutUint64(b[v+8:], math.MaxUint64) // q2v_softlimit
		o.PutUint64(b[v+offQ2Grace:], q2Grace)
	}
}
