package ffs

import (
	"hash/maphash"
	"sync"

	"rump/ffs/ondisk"
)

const (
	// hashUnits is the size in directory blocks up to which a directory is searched from its start.
	hashUnits = 2
	// hashShare is the memory for the indexes of all directories, in parts of that for buffers.
	hashShare = 2
)

// A dirHash is an index of a directory in memory: where a name may be, and where a new one has room. It is right as long as it is
// attached to its dir: built under a shared vnode lock, changed under the exclusive one.
type dirHash struct {
	slots []uint64 // open addressing; a slot is hash<<32 | offset/4 + 1
	live  int
	used  int   // live and deleted
	size  int64 // as it was last accounted

	piece roomIndex // by directory block: largest piece of free space
	all   roomIndex // and the sum of all pieces
}

const (
	slotEmpty   uint64 = 0
	slotDeleted uint64 = 1<<32 - 1 // no offset/4+1 is as large
)

func slotOf(hash uint32, off int64) uint64 { return uint64(hash)<<32 | uint64(off>>2+1) }

func newDirHash(names int) *dirHash {
	size := 16
	for size < 2*names {
		size *= 2
	}
	return &dirHash{slots: make([]uint64, size)}
}

// bytes is the memory it takes.
func (h *dirHash) bytes() int64 {
	return int64(8*len(h.slots) + 2*cap(h.piece.room) + 2*cap(h.all.room) + 1024)
}

// candidates goes over the places where a name with this hash may be.
func (h *dirHash) candidates(hash uint32) candidates { return candidates{h, hash, int(hash)} }

type candidates struct {
	h    *dirHash
	hash uint32
	i    int
}

func (c *candidates) next() (off int64, ok bool) {
	mask := len(c.h.slots) - 1
	for {
		s := c.h.slots[c.i&mask]
		c.i++
		if s == slotEmpty {
			return 0, false
		}
		if s != slotDeleted && uint32(s>>32) == c.hash {
			return int64(uint32(s)-1) << 2, true
		}
	}
}

func (h *dirHash) add(hash uint32, off int64) {
	if 4*(h.used+1) > 3*len(h.slots) {
		h.rehash()
	}
	mask := len(h.slots) - 1
	i := int(hash) & mask
	for h.slots[i] != slotEmpty && h.slots[i] != slotDeleted {
		i = (i + 1) & mask
	}
	if h.slots[i] == slotEmpty {
		h.used++
	}
	h.slots[i] = slotOf(hash, off)
	h.live++
}

func (h *dirHash) remove(hash uint32, off int64) {
	mask := len(h.slots) - 1
	want := slotOf(hash, off)
	for i := int(hash) & mask; h.slots[i] != slotEmpty; i = (i + 1) & mask {
		if h.slots[i] == want {
			h.slots[i] = slotDeleted
			h.live--
			return
		}
	}
}

// rehash makes room, and drops what was deleted.
func (h *dirHash) rehash() {
	old := h.slots
	size := len(old)
	if 2*(h.live+1) > size {
		size *= 2
	}
	h.slots = make([]uint64, size)
	h.live, h.used = 0, 0
	for _, s := range old {
		if s != slotEmpty && s != slotDeleted {
			h.add(uint32(s>>32), int64(uint32(s)-1)<<2)
		}
	}
}

// A roomIndex knows how much room each directory block has, in bytes, and finds one that has enough in constant time on average.
type roomIndex struct {
	room []uint16
	hint [ondisk.MaxNameLen/4 + 4]int32 // by need/4: no block before this one has room for it
}

// set changes the room of a block, or of the one behind the last.
func (r *roomIndex) set(block int, room int) {
	if block == len(r.room) {
		r.room = append(r.room, 0)
	}
	r.room[block] = uint16(room)
	for c := min(room/4, len(r.hint)-1); c >= 0 && r.hint[c] > int32(block); c-- {
		r.hint[c] = int32(block)
	}
}

// find is the first block with room for need bytes; -1 if there is none.
func (r *roomIndex) find(need int) int {
	c := (need + 3) / 4
	for i := int(r.hint[c]); i < len(r.room); i++ {
		if int(r.room[i]) >= need {
			r.hint[c] = int32(i)
			return i
		}
	}
	r.hint[c] = int32(len(r.room))
	return -1
}

// cut forgets all blocks from n on.
func (r *roomIndex) cut(n int) {
	r.room = r.room[:min(n, len(r.room))]
	for c := range r.hint {
		r.hint[c] = min(r.hint[c], int32(len(r.room)))
	}
}

// dirHashes bounds the memory of all indexes.
type dirHashes struct {
	seed   maphash.Seed
	budget int64 // bytes

	mu    sync.Mutex
	total int64
	size  map[*dir]int64
}

// sum hashes a name.
func (d *dirHashes) sum(name []byte) uint32 { return uint32(maphash.Bytes(d.seed, name)) }

// account notes how much the index of dir takes, 0 for none, and detaches those of others while it is too much. It reports whether dir's
// own may stay.
func (d *dirHashes) account(of *dir, bytes int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.total += bytes - d.size[of]
	if bytes == 0 {
		delete(d.size, of)
		return true
	}
	d.size[of] = bytes
	for victim, n := range d.size { // in random order
		if d.total <= d.budget {
			break
		}
		if victim != of {
			victim.hash.Store(nil)
			delete(d.size, victim)
			d.total -= n
		}
	}
	if d.total > d.budget {
		delete(d.size, of)
		d.total -= bytes
		return false
	}
	return true
}

// accountHash accounts for what the directory's index has grown.
func (d *dir) accountHash(h *dirHash) {
	if n := h.bytes(); n != h.size {
		if h.size = n; !d.fs.hashes.account(d, n) {
			d.hash.Store(nil)
			d.tooLong.Store(d.di.Size)
		}
	}
}

// dropHash detaches the index, which is wrong, or not needed any more.
func (d *dir) dropHash() {
	d.hash.Store(nil)
	d.fs.hashes.account(d, 0)
}

// hashFrom is the size in bytes above which a directory gets an index.
func (d *dir) hashFrom() int64 { return hashUnits * d.unit() }

// index is the directory's index, built if need be; nil if there is no memory for it.
func (d *dir) index() (*dirHash, error) {
	if h := d.hash.Load(); h != nil {
		return h, nil
	}
	d.hashMu.Lock()
	defer d.hashMu.Unlock()
	if h := d.hash.Load(); h != nil {
		return h, nil
	}
	if long := d.tooLong.Load(); long > 0 && d.di.Size >= long || d.di.Size > 2*d.fs.hashes.budget {
		return nil, nil
	}
	h := newDirHash(int(min(d.di.Size/32, 4096)))
	for base := int64(0); base < d.di.Size; base += d.unit() {
		h.piece.set(int(base/d.unit()), 0)
		h.all.set(int(base/d.unit()), 0)
	}
	err := d.units(0, func(base int64, u ondisk.DirBlock) bool {
		d.indexUnit(h, base, u)
		return true
	})
	if err != nil {
		return nil, err
	}
	d.hash.Store(h)
	d.accountHash(h)
	return d.hash.Load(), nil
}

// indexUnit enters the names of a directory block and its room.
func (d *dir) indexUnit(h *dirHash, base int64, u ondisk.DirBlock) {
	d.eachName(u, func(off int, name []byte) { h.add(d.fs.hashes.sum(name), base+int64(off)) })
	d.indexRoom(h, base, u)
}

// indexRoom enters the room of a directory block.
func (d *dir) indexRoom(h *dirHash, base int64, u ondisk.DirBlock) {
	piece, all, _ := u.Room()
	h.piece.set(int(base/d.unit()), piece)
	h.all.set(int(base/d.unit()), all)
}

// forgetUnit takes out the names of a directory block.
func (d *dir) forgetUnit(h *dirHash, base int64, u ondisk.DirBlock) {
	d.eachName(u, func(off int, name []byte) { h.remove(d.fs.hashes.sum(name), base+int64(off)) })
}

func (d *dir) eachName(u ondisk.DirBlock, fn func(off int, name []byte)) {
	var e ondisk.Entry
	for off := 0; off < u.Len(); off += e.Len {
		var fault ondisk.DirFault
		if e, fault = u.At(off); fault != "" {
			return
		}
		if e.Ino != 0 {
			fn(off, e.Name)
		}
	}
}
