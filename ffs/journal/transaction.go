package journal

import (
	"rump/ffs/ondisk"
	"rump/internal/endian"
)

// A Transaction is what becomes durable together. The zero value is empty; Reset empties it for the next, and keeps its memory.
type Transaction struct {
	blocks  []block
	data    []byte // of all blocks, one behind the other
	revoked []extent
	inodes  []Inode
}

// A block is the new content of a range of bytes of the volume.
type block struct {
	extent
	at int // in data
}

// Add puts a copy of p in as what byte off of the volume on is to hold, both whole units of the log's blocks. No byte is added twice.
func (t *Transaction) Add(p []byte, off int64) {
	for len(p) > 0 {
		n := min(len(p), ondisk.MaxBlockSize)
		if last := len(t.blocks) - 1; last >= 0 && t.blocks[last].off+t.blocks[last].n == off && t.blocks[last].n+int64(n) <= ondisk.MaxBlockSize {
			t.blocks[last].n += int64(n)
		} else {
			t.blocks = append(t.blocks, block{extent{off, int64(n)}, len(t.data)})
		}
		t.data = append(t.data, p[:n]...)
		p, off = p[n:], off+int64(n)
	}
}

// Revoke says that n bytes at off are no block of metadata any more: no copy in the log that is older counts. The transaction itself has none.
func (t *Transaction) Revoke(off, n int64) {
	for ; n > 0; off, n = off+ondisk.MaxBlockSize, n-ondisk.MaxBlockSize {
		t.revoked = append(t.revoked, extent{off, min(n, ondisk.MaxBlockSize)})
	}
}

// Inodes lists all inodes that are in use without a name from this transaction on.
func (t *Transaction) Inodes(list []Inode) { t.inodes = append(t.inodes[:0], list...) }

// IsEmpty reports that nothing changes. A list of inodes alone is no change.
func (t *Transaction) IsEmpty() bool { return len(t.blocks) == 0 && len(t.revoked) == 0 }

// Reset empties the transaction.
func (t *Transaction) Reset() {
	t.blocks, t.data, t.revoked, t.inodes = t.blocks[:0], t.data[:0], t.revoked[:0], t.inodes[:0]
}

func howMany(n, per int64) int64 { return (n + per - 1) / per }

// listRoom is how many entries of a size a record has in blocks of the log.
func listRoom(logBlock, entry int64) int64 { return (logBlock - offList) / entry }

// inodesLen is the length of a list of inodes in the log; there is always one record.
func inodesLen(inodes int, logBlock int64) int64 {
	return max(1, howMany(int64(inodes), listRoom(logBlock, inodeEntry))) * logBlock
}

// encode appends the transaction's records to dst, and returns also where in them the list of inodes begins.
func (t *Transaction) encode(dst []byte, logBlock int64, o endian.Order) ([]byte, int64) {
	e := encoder{dst, int(logBlock), o, len(dst)}
	per := int(listRoom(logBlock, blockEntry))
	for i := 0; i < len(t.blocks); i += per {
		list := t.blocks[i:min(i+per, len(t.blocks))]
		at := e.record(kindBlocks, len(list))
		for k, b := range list {
			e.extent(at, k, b.extent)
			e.b = append(e.b, t.data[b.at:b.at+int(b.n)]...)
		}
		e.pad()
		o.PutUint32(e.b[at+offLen:], uint32(len(e.b)-at))
	}
	for i := 0; i < len(t.revoked); i += per {
		list := t.revoked[i:min(i+per, len(t.revoked))]
		at := e.record(kindRevocations, len(list))
		for k, x := range list {
			e.extent(at, k, x)
		}
	}
	inodesAt := len(e.b) - e.start
	per = int(listRoom(logBlock, inodeEntry))
	for i := 0; i == 0 || i < len(t.inodes); i += per {
		list := t.inodes[i:min(i+per, len(t.inodes))]
		at := e.record(kindInodes, len(list))
		if i == 0 {
			o.PutUint32(e.b[at+offClear:], 1)
		}
		for k, in := range list {
			p := e.b[at+offList+k*inodeEntry:]
			o.PutUint32(p, uint32(in.Ino))
			o.PutUint32(p[4:], uint32(in.Mode))
		}
	}
	return e.b, int64(inodesAt)
}

// An encoder appends records.
type encoder struct {
	b     []byte
	block int // of the log
	o     endian.Order
	start int
}

// record begins one and returns where.
func (e *encoder) record(kind uint32, count int) int {
	at := len(e.b)
	e.b = append(e.b, make([]byte, e.block)...)
	e.o.PutUint32(e.b[at+offKind:], kind)
	e.o.PutUint32(e.b[at+offLen:], uint32(e.block))
	e.o.PutUint32(e.b[at+offCount:], uint32(count))
	return at
}

func (e *encoder) extent(at, k int, x extent) {
	p := e.b[at+offList+k*blockEntry:]
	e.o.PutUint64(p, uint64(x.off/ondisk.SectorSize))
	e.o.PutUint32(p[offDlen:], uint32(x.n))
}

// pad fills the last block of the log up with zeros.
func (e *encoder) pad() {
	if r := (len(e.b) - e.start) % e.block; r != 0 {
		e.b = append(e.b, make([]byte, e.block-r)...)
	}
}
