package fsck_test

import (
	"strings"
	"testing"

	"rump/ffs/fsck"
	"rump/ffs/ondisk"
)

// quotaHeader changes the first block of the user quotas.
func (e *editor) quotaHeader(change func(b []byte)) {
	e.tb.Helper()
	e.at(e.inode(e.s.QuotaFile[0], nil).DB[0], int(e.s.BSize), change)
}

// Offsets in a quota2 file with blocks of 8192 bytes.
const (
	quotaFree  = 104
	quotaLists = 112
	quotaNext  = 80
	quotaID    = 88
	quotaLimit = 0
)

// The file of quotas is mended, made anew, or found again, and then says what is in use.
func TestQuotaDamage(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(e *editor)
		wants  []string
	}{
		{"usage", func(e *editor) {
			e.quotaHeader(func(b []byte) { e.s.Order.PutUint64(e.userEntry(b, 1000)[16:], 4711) })
		}, []string{"USER QUOTA MISMATCH FOR ID 1000: 4711/", "FIX? yes"}},
		{"owner without an entry", func(e *editor) {
			e.quotaHeader(func(b []byte) { e.s.Order.PutUint32(e.userEntry(b, 1000)[quotaID:], 1000+512) })
		}, []string{"USER QUOTA MISMATCH FOR ID 1512: ", "USER QUOTA MISMATCH FOR ID 1000: 0/0 SHOULD BE ", "ALLOC? yes"}},
		{"wrong list", func(e *editor) {
			e.quotaHeader(func(b []byte) { e.s.Order.PutUint32(e.userEntry(b, 1000)[quotaID:], 1001<<8) })
		}, []string{"QUOTA ENTRY IN WRONG HASH LIST", "USER QUOTA MISMATCH FOR ID 1000: 0/0"}},
		{"list that ends nowhere", func(e *editor) {
			e.quotaHeader(func(b []byte) { e.s.Order.PutUint64(b[quotaFree:], 3) })
		}, []string{"DUPLICATE QUOTA ENTRY", "FIX? yes"}},
		{"list in a circle", func(e *editor) {
			e.quotaHeader(func(b []byte) {
				first := e.s.Order.Uint64(b[quotaFree:])
				e.s.Order.PutUint64(b[first+quotaNext:], first)
			})
		}, []string{"DUPLICATE QUOTA ENTRY", "FIX? yes"}},
		{"list cut", func(e *editor) {
			e.quotaHeader(func(b []byte) { e.s.Order.PutUint64(b[quotaFree:], 0) })
		}, []string{"QUOTA ENTRY NOT IN LIST", "FIX? yes"}},
		{"no header", func(e *editor) {
			e.quotaHeader(func(b []byte) { clear(b[:64]) })
		}, []string{"CORRUPTED USER QUOTA INODE", "NO USER QUOTA INODE", "CREATE? yes", "ALLOC? yes"}},
		{"no inode", func(e *editor) {
			e.inode(e.s.QuotaFile[0], func(d *ondisk.Inode) { *d = ondisk.Inode{} })
		}, []string{"CORRUPTED USER QUOTA INODE", "CREATE? yes"}},
		{"somebody's inode", func(e *editor) {
			e.super(func(s *ondisk.Super) { s.QuotaFile[0] = e.ino("/base/d/l00") })
		}, []string{"USER QUOTA INODE 3 IS NOT IN SUPERBLOCK", "FIX? yes"}},
		{"not in the superblock", func(e *editor) {
			e.super(func(s *ondisk.Super) { s.QuotaFile = [2]ondisk.Ino{} })
		}, []string{"USER QUOTA INODE 3 IS NOT IN SUPERBLOCK", "FIX? yes"}},
		{"not wanted", func(e *editor) {
			e.super(func(s *ondisk.Super) { s.QuotaFlags &^= 1 })
		}, []string{"CLEAR USER QUOTA INODE? yes"}},
		{"none wanted", func(e *editor) {
			e.super(func(s *ondisk.Super) { s.QuotaFlags = 0 })
		}, []string{"CLEAR SUPERBLOCK QUOTA FLAG? yes"}},
	} {
		for _, image := range []string{"quota2-ufs2", "quota2-ufs1-be"} {
			t.Run(c.name+"/"+image, func(t *testing.T) {
				e := edit(t, image)
				c.damage(e)
				out, r, err := repair(t, e.dev, fsck.Options{Mode: fsck.Yes, Force: true})
				if err != nil || r.Unresolved || r.Rerun {
					t.Fatalf("%v\n%s", err, out)
				}
				for _, w := range c.wants {
					if !strings.Contains(out, w) {
						t.Errorf("no %q in\n%s", w, out)
					}
				}
				mustBeClean(t, e.dev)
				e.same("ctime")
			})
		}
	}
}

// Limits stay when lists are built anew.
func TestQuotaLimitsStay(t *testing.T) {
	e := edit(t, "quota2-ufs2")
	e.quotaHeader(func(b []byte) {
		e.s.Order.PutUint64(e.userEntry(b, 1000)[quotaLimit:], 12345)
		e.s.Order.PutUint64(b[quotaFree:], 0)
	})
	e.repair([]string{"QUOTA ENTRY NOT IN LIST"})
	e.quotaHeader(func(b []byte) {
		if got := e.s.Order.Uint64(e.userEntry(b, 1000)[quotaLimit:]); got != 12345 {
			t.Errorf("limit %d, want 12345", got)
		}
	})
}

// More owners than fit the file make it grow.
func TestQuotaFileGrows(t *testing.T) {
	e := edit(t, "quota2-ufs1-be")
	// All that is free is taken by nobody's entries.
	e.quotaHeader(func(b []byte) {
		o := e.s.Order
		id := uint32(1 << 20)
		for off := o.Uint64(b[quotaFree:]); off != 0; id += 512 + 1 {
			next := o.Uint64(b[off+quotaNext:])
			list := quotaLists + 8*(id&511)
			o.PutUint32(b[off+quotaID:], id)
			clear(b[off : off+quotaNext])
			o.PutUint64(b[off+quotaNext:], o.Uint64(b[list:]))
			o.PutUint64(b[list:], off)
			off = next
		}
		o.PutUint64(b[quotaFree:], 0)
	})
	for i, f := range e.tree {
		if f.Type == 'f' && i%2 == 0 {
			e.inode(ondisk.Ino(f.Ino), func(d *ondisk.Inode) { d.UID = uint32(5000 + i) })
		}
	}
	out, r, err := repair(t, e.dev, fsck.Options{Mode: fsck.Yes, Force: true})
	if err != nil || r.Unresolved {
		t.Fatalf("%v\n%s", err, out)
	}
	mustBeClean(t, e.dev)
	if d := e.inode(e.s.QuotaFile[0], nil); d.Size != 2*int64(e.s.BSize) {
		t.Errorf("the quota file has %d bytes, want two blocks", d.Size)
	}
}

// userEntry is the entry of a user in the header block.
func (e *editor) userEntry(b []byte, id uint32) []byte {
	e.tb.Helper()
	o := e.s.Order
	for off := o.Uint64(b[quotaLists+8*(id&511):]); off != 0; off = o.Uint64(b[off+quotaNext:]) {
		if o.Uint32(b[off+quotaID:]) == id {
			return b[off : off+96]
		}
	}
	e.tb.Fatalf("no entry of %d", id)
	return nil
}

// super changes the superblock.
func (e *editor) super(change func(s *ondisk.Super)) {
	e.tb.Helper()
	change(e.s)
	area := make([]byte, ondisk.SuperArea)
	e.s.Encode(area)
	if _, err := e.dev.WriteAt(area, e.s.Location); err != nil {
		e.tb.Fatal(err)
	}
}
