package ffs

import (
	"fmt"
	"sync"

	"rump/ffs/ondisk"
)

// Offsets in a quota2 file (struct quota2_header) and in an entry of it (struct quota2_entry). Integers are in the volume's order.
const (
	offQuotaMagic   = 0   // q2h_magic_number
	offQuotaKind    = 4   // q2h_type
	offQuotaShift   = 5   // q2h_hash_shift
	offQuotaDefault = 8   // q2h_defentry
	offQuotaFree    = 104 // q2h_free
	offQuotaHash    = 112 // q2h_entries

	offEntryBlocks = 16 // q2e_val[QL_BLOCK].q2v_cur
	offEntryFiles  = 56 // q2e_val[QL_FILE].q2v_cur
	offEntryNext   = 80 // q2e_next
	offEntryID     = 88 // q2e_uid
	quotaEntrySize = 96

	maxQuotaShift = 15
	maxQuotaFile  = 1 << 30 // bytes; beyond this the file is corrupt
)

// A quota keeps the counts of what each user and group has, on a volume with quota2. They are collected in memory and written by a Sync; after a
// crash fsck counts anew. Limits are not enforced. A nil quota keeps none.
type quota struct {
	files [2]*quotaFile // of users and of groups; nil: not kept

	mu      sync.Mutex
	pending [2]map[uint32]usage // by id; guarded

	writeMu sync.Mutex // one writes the files
}

// A usage is a change of what an owner has.
type usage struct{ blocks, files int64 }

// openQuota loads the quota files; nil if the volume has none.
func (fs *FS) openQuota() (*quota, error) {
	if !fs.s.HasQuota2() {
		return nil, nil
	}
	q := &quota{}
	for kind := range q.files {
		if fs.s.QuotaFlags&(1<<kind) == 0 {
			continue
		}
		f, err := fs.openQuotaFile(kind)
		if err != nil {
			return nil, err
		}
		q.files[kind], q.pending[kind] = f, map[uint32]usage{}
	}
	return q, nil
}

// charge adds blocks, in units of 512 bytes, and files to what the owners of an inode have.
func (q *quota) charge(di *ondisk.Inode, blocks, files int64) {
	if q == nil || blocks == 0 && files == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for kind, id := range [2]uint32{di.UID, di.GID} {
		if p := q.pending[kind]; p != nil {
			u := p[id]
			p[id] = usage{u.blocks + blocks, u.files + files}
		}
	}
}

// pendingBytes bounds what write changes: an entry, the one before it in its chain, and the header, for each owner.
func (q *quota) pendingBytes() int64 {
	if q == nil {
		return 0
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return int64(len(q.pending[0])+len(q.pending[1])) * 4 * ondisk.SectorSize
}

// write puts what was charged into the files.
func (q *quota) write() error {
	if q == nil {
		return nil
	}
	q.writeMu.Lock()
	defer q.writeMu.Unlock()
	for kind, f := range q.files {
		if f == nil {
			continue
		}
		q.mu.Lock()
		changes := q.pending[kind]
		q.pending[kind] = map[uint32]usage{}
		q.mu.Unlock()
		for id, u := range changes {
			if err := f.apply(id, u); err != nil {
				return err
			}
		}
	}
	return nil
}

// A quotaFile is the hidden file of one kind: a hash table of chained entries. Only the holder of writeMu uses it.
type quotaFile struct {
	in    *inode
	shift uint
}

func (fs *FS) openQuotaFile(kind int) (*quotaFile, error) {
	in, err := fs.load(fs.s.QuotaFile[kind])
	if err != nil {
		return nil, fmt.Errorf("quota inode %d: %w", fs.s.QuotaFile[kind], err)
	}
	in.uncounted = true
	f := &quotaFile{in: in}
	var h [offQuotaHash]byte
	if err := f.read(h[:], 0); err != nil {
		return nil, err
	}
	f.shift = uint(h[offQuotaShift])
	if !in.di.IsRegular() || fs.s.Order.Uint32(h[offQuotaMagic:]) != ondisk.Quota2Magic || int(h[offQuotaKind]) != kind ||
		f.shift > maxQuotaShift || in.di.Size > maxQuotaFile || in.di.Size%int64(fs.s.BSize) != 0 || int64(offQuotaHash+8<<f.shift) > in.di.Size {
		return nil, in.corrupt("quota file makes no sense")
	}
	return f, nil
}

// A quota file is content that the journal, if there is one, covers: it must agree with the inodes. So with a journal its blocks go through
// the cache.

// cached calls fn for the parts of n bytes at off, with the buffer of each and where in that it begins.
func (f *quotaFile) cached(off, n int64, fn func(b *buf, at, n int)) error {
	s := f.in.fs.s
	for n > 0 {
		r, err := f.in.mapRun(s.BlockOf(off), 1)
		if err == nil && r.at == 0 {
			err = f.in.corrupt(fmt.Sprintf("quota file has a hole at byte %d", off))
		}
		if err != nil {
			return err
		}
		b, err := f.in.getBlock(r.at, false)
		if err != nil {
			return err
		}
		at := s.InBlock(off)
		part := min(n, int64(s.BSize)-int64(at))
		fn(b, at, int(part))
		b.Release()
		off, n = off+part, n-part
	}
	return nil
}

// read reads all of p at off.
func (f *quotaFile) read(p []byte, off int64) error {
	if f.in.fs.tx != nil && off+int64(len(p)) <= f.in.di.Size {
		return f.cached(off, int64(len(p)), func(b *buf, at, n int) { p = p[copy(p[:n], b.Bytes()[at:]):] })
	}
	n, err := f.in.read(p[:len(p):len(p)], off)
	if err == nil && n < len(p) {
		err = f.in.corrupt(fmt.Sprintf("quota file ends before byte %d", off+int64(len(p))))
	}
	return err
}

// put writes p at off, which is inside the file.
func (f *quotaFile) put(p []byte, off int64) error {
	if f.in.fs.tx != nil {
		return f.cached(off, int64(len(p)), func(b *buf, at, n int) {
			p = p[copy(b.Bytes()[at:at+n], p):]
			b.Dirty(0, at, at+n)
		})
	}
	_, err := f.in.write(nil, p, off)
	return err
}

func (f *quotaFile) getOffset(off int64) (int64, error) {
	var p [8]byte
	err := f.read(p[:], off)
	return int64(f.in.fs.s.Order.Uint64(p[:])), err
}

func (f *quotaFile) putOffset(off, v int64) error {
	var p [8]byte
	f.in.fs.s.Order.PutUint64(p[:], uint64(v))
	return f.put(p[:], off)
}

// apply changes the entry of id, which is made if there is none.
func (f *quotaFile) apply(id uint32, u usage) error {
	if u == (usage{}) {
		return nil
	}
	o := f.in.fs.s.Order
	var e [quotaEntrySize]byte
	off, err := f.find(id, e[:])
	if err == nil && off == 0 {
		off, err = f.add(id, e[:])
	}
	if err != nil {
		return err
	}
	for at, change := range map[int]int64{offEntryBlocks: u.blocks, offEntryFiles: u.files} {
		now := int64(o.Uint64(e[at:])) + change
		o.PutUint64(e[at:], uint64(max(0, now)))
	}
	return f.put(e[:], off)
}

// head is where the chain of id begins.
func (f *quotaFile) head(id uint32) int64 {
	return offQuotaHash + 8*int64(id&(1<<f.shift-1))
}

// find reads the entry of id and returns where it is; 0 if there is none.
func (f *quotaFile) find(id uint32, e []byte) (int64, error) {
	o := f.in.fs.s.Order
	off, err := f.getOffset(f.head(id))
	for left := f.in.di.Size / quotaEntrySize; off != 0; left-- {
		if err != nil {
			return 0, err
		}
		if left == 0 || !f.isEntry(off) {
			return 0, f.in.corrupt(fmt.Sprintf("quota file's chain leads to byte %d", off))
		}
		if err := f.read(e, off); err != nil {
			return 0, err
		}
		if o.Uint32(e[offEntryID:]) == id {
			return off, nil
		}
		off = int64(o.Uint64(e[offEntryNext:]))
	}
	return 0, err
}

// isEntry reports whether an entry can be at off.
func (f *quotaFile) isEntry(off int64) bool {
	return off >= offQuotaHash+8<<f.shift && off <= f.in.di.Size-quotaEntrySize
}

// add makes an entry of id, with the limits of the default one, and puts it first in its chain.
func (f *quotaFile) add(id uint32, e []byte) (int64, error) {
	o := f.in.fs.s.Order
	off, err := f.getOffset(offQuotaFree)
	if err == nil && off == 0 {
		off, err = f.extend()
	}
	if err != nil {
		return 0, err
	}
	if !f.isEntry(off) {
		return 0, f.in.corrupt(fmt.Sprintf("quota file's free list leads to byte %d", off))
	}
	free, err := f.getOffset(off + offEntryNext)
	if err != nil {
		return 0, err
	}
	next, err := f.getOffset(f.head(id))
	if err != nil {
		return 0, err
	}
	if err := f.read(e, offQuotaDefault); err != nil {
		return 0, err
	}
	o.PutUint64(e[offEntryBlocks:], 0)
	o.PutUint64(e[offEntryFiles:], 0)
	o.PutUint64(e[offEntryNext:], uint64(next))
	o.PutUint32(e[offEntryID:], id)
	if err := f.putOffset(offQuotaFree, free); err != nil {
		return 0, err
	}
	if err := f.put(e, off); err != nil {
		return 0, err
	}
	return off, f.putOffset(f.head(id), off)
}

// extend appends a block of free entries and returns the first of them. The list of free ones was empty.
func (f *quotaFile) extend() (int64, error) {
	s := f.in.fs.s
	base := f.in.di.Size
	p := make([]byte, s.BSize)
	last := len(p)/quotaEntrySize - 1
	for i := 1; i <= last; i++ {
		s.Order.PutUint64(p[i*quotaEntrySize+offEntryNext:], uint64(base)+uint64(i-1)*quotaEntrySize)
	}
	if _, err := f.in.write(nil, p, base); err != nil {
		return 0, err
	}
	if err := f.in.store(false); err != nil {
		return 0, err
	}
	first := base + int64(last)*quotaEntrySize
	return first, f.putOffset(offQuotaFree, first)
}
