package ffs

import (
	"fmt"
	"syscall"

	"rump/ffs/ondisk"
	"rump/rumpfs/vfs"
)

// A slot is where a new entry will fit.
type slot struct {
	base     int64 // byte offset of the directory block
	whiteout bool  // the name is there already, covered by a whiteout that it takes the place of
}

// prepare finds a slot for a new name, making the directory longer if there is none. After it, enter cannot lack space.
func (d *dir) prepare(cred *vfs.Cred, name string) (slot, error) {
	if d.di.Nlink <= 0 {
		return slot{}, syscall.ENOENT // removed, but open
	}
	at, ok, err := d.find(name)
	if err != nil {
		return slot{}, err
	}
	if ok {
		if at.ino != ondisk.WhiteoutIno {
			return slot{}, syscall.EEXIST
		}
		return slot{at.off &^ (d.unit() - 1), true}, nil
	}
	base, err := d.findRoom(ondisk.DirSize(len(name)))
	if err == nil && base < 0 {
		base, err = d.grow(cred)
	}
	return slot{base: base}, err
}

// findRoom is the first directory block with room for an entry of need bytes, if need be after it was compacted; -1 if there is none.
func (d *dir) findRoom(need int) (base int64, err error) {
	compact := d.mayCompact()
	if d.di.Size > d.hashFrom() {
		h, err := d.index()
		if err != nil {
			return 0, err
		}
		if h != nil {
			i := h.piece.find(need)
			if i < 0 && compact {
				i = h.all.find(need)
			}
			return int64(i) * d.unit(), nil
		}
	}
	inPiece, inAll := int64(-1), int64(-1)
	err = d.units(0, func(base int64, u ondisk.DirBlock) bool {
		piece, all, ok := u.Room()
		if ok && all >= need && inAll < 0 {
			inAll = base
		}
		if ok && piece >= need {
			inPiece = base
		}
		return inPiece < 0
	})
	if inPiece < 0 && compact {
		inPiece = inAll
	}
	return max(-1, inPiece), err
}

// unitAt is the directory block at base, with its buffer and where in that it begins.
func (d *dir) unitAt(base int64) (b *buf, u ondisk.DirBlock, lo int, err error) {
	lbn := d.fs.s.BlockOf(base)
	b, _, err = d.blockAt(lbn)
	if err != nil {
		return nil, u, 0, err
	}
	lo = int(base - d.fs.s.BlockOffset(lbn))
	if b == nil || lo+int(d.unit()) > len(b.Bytes()) {
		if b != nil {
			b.Release()
		}
		return nil, u, 0, d.corrupt(fmt.Sprintf("directory has nothing at byte %d", base))
	}
	return b, d.fs.s.DirBlockIn(b.Bytes()[lo:]), lo, nil
}

// change lets fn change the directory block at base, and writes it. fn keeps the names in the index h, if there is one; change keeps the room. What
// cannot be written is undone: a name must not get to the disk later, when its inode may be another's.
func (d *dir) change(base int64, fn func(u ondisk.DirBlock, h *dirHash) error) error {
	b, u, lo, err := d.unitAt(base)
	if err != nil {
		return err
	}
	defer b.Release()
	var space [ondisk.AppleDirBlockSize]byte
	before := space[:copy(space[:], b.Bytes()[lo:lo+u.Len()])]
	h := d.hash.Load()
	if err = fn(u, h); err == nil {
		if h != nil {
			d.indexRoom(h, base, u)
		}
		err = b.Write(lo, lo+u.Len())
	}
	if err != nil {
		copy(b.Bytes()[lo:], before)
		d.dropHash()
	}
	return err
}

// enter adds an entry in a slot that prepare found. It is on the disk if there is no error, and nowhere else.
func (d *dir) enter(at slot, name string, ino ondisk.Ino, t ondisk.DirType) error {
	var space [ondisk.MaxNameLen]byte
	key := space[:copy(space[:], name)]
	err := d.change(at.base, func(u ondisk.DirBlock, h *dirHash) error {
		if at.whiteout {
			e, ok := u.Find(key)
			if !ok {
				return d.corrupt(fmt.Sprintf("directory block at byte %d has lost a whiteout", at.base))
			}
			u.SetIno(e.Off, ino)
			u.SetType(e.Off, t)
			return nil
		}
		moves := h != nil && int(h.piece.room[at.base/d.unit()]) < ondisk.DirSize(len(key))
		if moves {
			d.forgetUnit(h, at.base, u)
		}
		off, ok := u.Insert(ino, t, key)
		switch {
		case !ok:
			return d.corrupt(fmt.Sprintf("directory block at byte %d has no room", at.base))
		case moves:
			d.indexUnit(h, at.base, u)
		case h != nil:
			h.add(d.fs.hashes.sum(key), at.base+int64(off))
		}
		return nil
	})
	if err != nil {
		return err
	}
	if h := d.hash.Load(); h != nil {
		d.accountHash(h)
		if err := d.trim(h, at.base); err != nil {
			d.dropHash()
			d.suspect("the end of a directory was not given back", err)
		}
	}
	d.touch()
	return nil
}

// touch notes that entries have changed. They have, on the disk, so that there is no way back.
func (d *dir) touch() {
	now := d.fs.now()
	d.di.Mtime, d.di.Ctime = now, now
	d.storeLate()
}

// trim gives back fragments at the directory's end that hold no entry, if they are behind the block at base.
func (d *dir) trim(h *dirHash, base int64) error {
	room := h.piece.room
	n := len(room)
	for n > 1 && int64(n-1)*d.unit() > base && int64(room[n-1]) == d.unit() {
		n--
	}
	size := int64(n) * d.unit()
	if d.fs.s.RoundFrags(size) >= d.fs.s.RoundFrags(d.di.Size) {
		return nil
	}
	if err := d.shrink(size); err != nil {
		return err
	}
	h.piece.cut(n)
	h.all.cut(n)
	return nil
}

// erase takes away the entry at a place. It is gone from the disk if there is no error.
func (d *dir) erase(at place, name string) error {
	var space [ondisk.MaxNameLen]byte
	key := space[:copy(space[:], name)]
	base := at.off &^ (d.unit() - 1)
	err := d.change(base, func(u ondisk.DirBlock, h *dirHash) error {
		e, fault := u.At(int(at.off - base))
		if fault != "" || string(e.Name) != name {
			return d.corrupt(fmt.Sprintf("directory has no %q at byte %d", name, at.off))
		}
		if h != nil {
			h.remove(d.fs.hashes.sum(key), at.off)
		}
		u.Remove(e.Off)
		return nil
	})
	if err == nil {
		d.touch()
	}
	return err
}

// redirect makes the entry at a place lead to another inode. That is on the disk on return.
func (d *dir) redirect(at place, ino ondisk.Ino, t ondisk.DirType) error {
	base := at.off &^ (d.unit() - 1)
	return d.change(base, func(u ondisk.DirBlock, _ *dirHash) error {
		u.SetIno(int(at.off-base), ino)
		u.SetType(int(at.off-base), t)
		return nil
	})
}

// isEmpty reports whether a directory has only "." and "..".
func (d *dir) isEmpty(parent ondisk.Ino) (bool, error) {
	empty := true
	err := d.units(0, func(_ int64, u ondisk.DirBlock) bool {
		empty = u.IsEmpty(d.ino, parent)
		return empty
	})
	return empty, err
}

// grow appends a free directory block and returns its byte offset. It and the longer directory are on the disk on return.
func (d *dir) grow(cred *vfs.Cred) (base int64, err error) {
	s := d.fs.s
	base = d.di.Size
	if base&(d.unit()-1) != 0 {
		return 0, d.corrupt(fmt.Sprintf("directory size %d", base))
	}
	size := base + d.unit()
	if size > ondisk.MaxDirSize || size > s.MaxSize() {
		return 0, syscall.EFBIG
	}
	lbn := s.BlockOf(base)
	have, want := s.BlockSizeOf(base, lbn), s.BlockSizeOf(size, lbn)
	var old held
	switch {
	case have == 0 || lbn >= ondisk.NDirect && s.InBlock(base) == 0:
		err = d.newBlock(cred, lbn, want)
	case have < want:
		old, err = d.growFrags(cred, lbn, have, want)
	default:
		err = d.initUnit(lbn, base)
	}
	if err != nil {
		return 0, err
	}
	d.di.Size = size
	if h := d.hash.Load(); h != nil {
		h.piece.set(int(base/d.unit()), int(d.unit()))
		h.all.set(int(base/d.unit()), int(d.unit()))
	}
	if err := d.store(true); err != nil {
		d.suspect("the disk may still have a directory's old length", err)
		return 0, err
	}
	if old.n > 0 {
		d.fs.forget(old.at, old.n)
		d.fs.release(old.at, old.n)
	}
	return base, nil
}

// initUnit makes a directory block, behind the end but in space that is there, a free one.
func (d *dir) initUnit(lbn ondisk.Block, base int64) error {
	s := d.fs.s
	r, err := d.mapRun(lbn, 1)
	if err != nil {
		return err
	}
	if r.at == 0 {
		return d.corrupt(fmt.Sprintf("directory has nothing at byte %d", base))
	}
	b, err := d.fs.cache.GetNew(s.FragOffset(r.at)+int64(s.InBlock(base)), int(d.unit()))
	if err != nil {
		return err
	}
	defer b.Release()
	s.DirBlockIn(b.Bytes()).Init()
	return b.Write(0, len(b.Bytes()))
}

// newBlock allocates want bytes for logical block lbn, which is new, and makes the first directory block in it a free one.
func (d *dir) newBlock(cred *vfs.Cred, lbn ondisk.Block, want int) error {
	s := d.fs.s
	at, err := d.locate(lbn)
	if err != nil {
		return err
	}
	if err := d.plant(&at, cred); err != nil {
		return err
	}
	f, err := d.allocFrags(cred, d.preference(&at), want>>s.FShift)
	if err != nil {
		d.uproot(&at)
		return err
	}
	if err := d.writeFresh(f, want, nil, func(u ondisk.DirBlock) { u.Init() }); err == nil {
		err = d.attach(&at, f, 1)
	}
	if err != nil {
		d.uproot(&at)
		d.fs.forget(f, want>>s.FShift)
		d.fs.release(f, want>>s.FShift)
		return err
	}
	d.addBlocks(int64(want) >> sectorShift)
	return nil
}

// writeFresh fills a fresh run of want bytes: with what it is to begin with, then a directory block that init makes, then zeros.
func (d *dir) writeFresh(f ondisk.Frag, want int, begin []byte, init func(u ondisk.DirBlock)) error {
	b, err := d.fs.cache.GetNew(d.fs.s.FragOffset(f), want)
	if err != nil {
		return err
	}
	defer b.Release()
	p := b.Bytes()
	init(d.fs.s.DirBlockIn(p[copy(p, begin):]))
	return b.Write(0, want)
}

// growFrags makes the last block, have bytes of fragments, want bytes long, with a free directory block at its old end. If it had to
// move, old is what to give back once the inode is on the disk.
func (d *dir) growFrags(cred *vfs.Cred, lbn ondisk.Block, have, want int) (old held, err error) {
	fs, s := d.fs, d.fs.s
	at := d.di.DB[lbn]
	if err := d.checkBlock(at, have>>s.FShift); err != nil {
		return old, err
	}
	more := (want - have) >> s.FShift
	ok, err := fs.alloc.Extend(at, have>>s.FShift, want>>s.FShift, reserve(cred))
	if err != nil {
		return old, err
	}
	if ok {
		tail := at + ondisk.Frag(have>>s.FShift)
		if err := d.writeFresh(tail, want-have, nil, func(u ondisk.DirBlock) { u.Init() }); err != nil {
			fs.forget(tail, more)
			fs.release(tail, more)
			return old, err
		}
		d.addBlocks(int64(want-have) >> sectorShift)
		return old, nil
	}
	content := make([]byte, have)
	if _, _, err := d.copyBlock(lbn, content); err != nil {
		return old, err
	}
	where := spot{lbn: lbn, path: ondisk.Path{Index: [4]int{int(lbn)}}}
	f, err := fs.alloc.Move(d.home(), d.preference(&where), want>>s.FShift, reserve(cred))
	if err != nil {
		return old, err
	}
	if err := d.writeFresh(f, want, content, func(u ondisk.DirBlock) { u.Init() }); err != nil {
		fs.forget(f, want>>s.FShift)
		fs.release(f, want>>s.FShift)
		return old, err
	}
	d.di.DB[lbn] = f
	d.addBlocks(int64(want-have) >> sectorShift)
	return held{at, have >> s.FShift}, nil
}
