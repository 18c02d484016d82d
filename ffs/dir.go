package ffs

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"rump/ffs/ondisk"
	"rump/rumpfs/vfs"
)

// A dir is a directory.
type dir struct {
	*inode
	hash    atomic.Pointer[dirHash] // nil until a lookup or change needs it, and again when memory is short
	hashMu  sync.Mutex              // one builds
	tooLong atomic.Int64            // size for which there was no memory for an index; 0 if there always was
	partial atomic.Int64            // when a reading last stopped before the end, or may have, in nanoseconds; see mayCompact
}

var (
	_ vfs.Dir     = (*dir)(nil)
	_ vfs.Xattrer = (*dir)(nil)
)

// A place is where an entry lies.
type place struct {
	off int64 // byte offset in the directory
	ino ondisk.Ino
}

// unit is the size of a directory block in bytes.
func (d *dir) unit() int64 { return int64(d.fs.s.DirBlockSize()) }

// blockAt is the buffer with the file-system block lbn of the directory, as long as it is; nil if there is a hole of gap blocks.
func (d *dir) blockAt(lbn ondisk.Block) (b *buf, gap ondisk.Block, err error) {
	s := d.fs.s
	r, err := d.mapRun(lbn, s.BlockOf(d.di.Size)+1-lbn)
	if err != nil || r.at == 0 {
		return nil, r.n, err
	}
	b, err = d.fs.cache.Get(s.FragOffset(r.at), s.BlockSizeOf(d.di.Size, lbn))
	return b, 0, err
}

// units calls fn for each directory block from byte offset from on until fn returns false. fn gets no buffers. Holes are skipped.
func (d *dir) units(from int64, fn func(base int64, u ondisk.DirBlock) bool) error {
	s := d.fs.s
	for base := from &^ (d.unit() - 1); base < d.di.Size; {
		lbn := s.BlockOf(base)
		gap, more, err := d.unitsOf(lbn, base, fn)
		if err != nil || !more {
			return err
		}
		base = s.BlockOffset(lbn + max(1, gap))
	}
	return nil
}

// unitsOf is units for those in one file-system block; gap is the length in blocks of a hole there.
func (d *dir) unitsOf(lbn ondisk.Block, base int64, fn func(base int64, u ondisk.DirBlock) bool) (gap ondisk.Block, more bool, err error) {
	b, gap, err := d.blockAt(lbn)
	if err != nil || b == nil {
		return gap, true, err
	}
	defer b.Release()
	start := d.fs.s.BlockOffset(lbn)
	p := b.Bytes()
	for ; base+d.unit() <= d.di.Size && base-start+d.unit() <= int64(len(p)); base += d.unit() {
		if !fn(base, d.fs.s.DirBlockIn(p[base-start:])) {
			return 0, false, nil
		}
	}
	return 0, true, nil
}

// Lookup finds a name. Whiteouts are absent names.
func (d *dir) Lookup(ctx context.Context, name string) (vfs.Ino, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if d.di.Nlink <= 0 && !d.fs.readOnly {
		return 0, syscall.ENOENT // removed, but open
	}
	at, ok, err := d.find(name)
	switch {
	case err != nil:
		return 0, err
	case !ok || at.ino == ondisk.WhiteoutIno:
		return 0, syscall.ENOENT
	case !d.fs.s.ValidIno(at.ino):
		return 0, d.corrupt("names an inode that cannot be")
	}
	return vfs.Ino(at.ino), nil
}

// find is where the entry of a name is; a whiteout has inode 1.
func (d *dir) find(name string) (place, bool, error) {
	if len(name) == 0 || len(name) > ondisk.MaxNameLen {
		return place{}, false, nil
	}
	var space [ondisk.MaxNameLen]byte
	key := space[:copy(space[:], name)]
	if d.di.Size > d.hashFrom() {
		h, err := d.index()
		if err != nil {
			return place{}, false, err
		}
		if h != nil {
			return d.findHashed(h, key)
		}
	}
	var at place
	found := false
	err := d.units(0, func(base int64, u ondisk.DirBlock) bool {
		var e ondisk.Entry
		if e, found = u.Find(key); found {
			at = placeOf(base, &e)
		}
		return !found
	})
	return at, found, err
}

func placeOf(base int64, e *ondisk.Entry) place {
	if e.Whited {
		return place{base + int64(e.Off), ondisk.WhiteoutIno}
	}
	return place{base + int64(e.Off), e.Ino}
}

// findHashed asks the index, and the directory whether the index is right.
func (d *dir) findHashed(h *dirHash, key []byte) (place, bool, error) {
	c := h.candidates(d.fs.hashes.sum(key))
	for {
		off, ok := c.next()
		if !ok {
			return place{}, false, nil
		}
		e, ok, err := d.entryAt(off, key)
		if err != nil || ok {
			return e, ok, err
		}
	}
}

// entryAt is the entry at off if it has this name.
func (d *dir) entryAt(off int64, key []byte) (at place, ok bool, err error) {
	base := off &^ (d.unit() - 1)
	_, _, err = d.unitsOf(d.fs.s.BlockOf(base), base, func(base int64, u ondisk.DirBlock) bool {
		e, fault := u.At(int(off - base))
		if ok = fault == "" && e.Ino != 0 && string(e.Name) == string(key); ok {
			at = placeOf(base, &e)
		}
		return false
	})
	return at, ok, err
}

// ReadDir lists entries in the order in which they lie. A cookie is the byte offset behind an entry. Whiteouts are listed, as
// inode 1; who shows names to programs leaves them out.
func (d *dir) ReadDir(ctx context.Context, at vfs.Cookie, fn func(vfs.DirEntry) bool) error {
	if at < 0 || at > ondisk.MaxDirSize || at&3 != 0 {
		return syscall.EINVAL
	}
	s := d.fs.s
	if d.di.Nlink <= 0 && !d.fs.readOnly {
		return nil // removed, but open
	}
	buf := d.fs.getBounce()
	defer d.fs.putBounce(buf)
	for base := int64(at) &^ (d.unit() - 1); base < d.di.Size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		lbn := s.BlockOf(base)
		n, gap, err := d.copyBlock(lbn, *buf)
		if err != nil {
			return err
		}
		start := s.BlockOffset(lbn)
		for end := min(int64(n), d.di.Size-start); base-start+d.unit() <= end; base += d.unit() { // its last fragment may reach further
			if !d.list(s.DirBlockIn((*buf)[base-start:]), base, int64(at), fn) {
				d.partial.Store(d.fs.o.Now().UnixNano())
				return nil
			}
		}
		base = s.BlockOffset(lbn + max(1, gap))
	}
	d.accessed()
	return nil
}

// copyBlock copies a file-system block of the directory, so that nothing is locked while it is shown, or tells how long the hole there is.
func (d *dir) copyBlock(lbn ondisk.Block, p []byte) (n int, gap ondisk.Block, err error) {
	b, gap, err := d.blockAt(lbn)
	if err != nil || b == nil {
		return 0, gap, err
	}
	defer b.Release()
	return copy(p, b.Bytes()), 0, nil
}

// list shows the entries of one directory block from offset at on. What comes behind a fault is left out.
func (d *dir) list(u ondisk.DirBlock, base, at int64, fn func(vfs.DirEntry) bool) bool {
	var e ondisk.Entry
	for off := 0; off < u.Len(); off += e.Len {
		var fault ondisk.DirFault
		if e, fault = u.At(off); fault != "" {
			d.fs.log.Warn("directory block left out from a fault on", "ino", d.ino, "off", base+int64(off), "err", string(fault))
			return true
		}
		if e.Ino == 0 || base+int64(off) < at || !e.Whited && !d.fs.s.ValidIno(e.Ino) || bytes.IndexByte(e.Name, '/') >= 0 {
			continue
		}
		if !fn(vfs.DirEntry{Name: e.Name, Ino: vfs.Ino(e.Ino), Kind: d.kind(&e), Next: vfs.Cookie(base + int64(off+e.Len))}) {
			return false
		}
	}
	return true
}

// kind is an entry's kind; the old format has none, and asks the inode.
func (d *dir) kind(e *ondisk.Entry) vfs.Kind {
	if e.Whited {
		return vfs.KindWhiteout
	}
	if e.Type != ondisk.TypeUnknown {
		return vfs.Kind(e.Type & 15)
	}
	fs := d.fs
	b, err := fs.cache.Get(fs.s.FragOffset(fs.s.InoToFrag(e.Ino)), int(fs.s.BSize))
	if err != nil {
		return vfs.KindNone
	}
	defer b.Release()
	var di ondisk.Inode
	ondisk.DecodeInode(fs.s, b.Bytes()[fs.s.InoInBlock(e.Ino):], &di)
	return kindOf(di.Mode)
}

// compactDelay is how long after a reading stopped in the middle entries are not moved, so that its cookie stays right.
const compactDelay = 5 * time.Minute

// mayCompact reports whether entries may be moved inside their directory block.
func (d *dir) mayCompact() bool {
	return d.fs.o.Now().UnixNano()-d.partial.Load() > int64(compactDelay)
}

// Reclaim also gives back the index.
func (d *dir) Reclaim(ctx context.Context) error {
	d.dropHash()
	return d.inode.Reclaim(ctx)
}
