package cgd

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"

	"rump/rumpfs/blockdev"
)

// A Disk is the plain side of an encrypted disk. Large transfers are spread over all cores.
//
// It has no host file, since the host only has the ciphertext, and cannot discard: what zeros decrypt to is no zeros.
type Disk struct {
	below   blockdev.Device
	size    int64
	sector  int
	key     int       // bytes of the key
	piece   int       // bytes that one core does at a time, whole sectors
	buffers sync.Pool // of *[]byte, a piece each, for ciphertext to be written

	mu     sync.RWMutex // held shared by transfers
	cipher transform    // nil once detached
}

var _ blockdev.Device = (*Disk)(nil)

// New makes the disk whose ciphertext is on below, of the same size, with the same sectors. The first KeyLength bits
// of key are used, and copied. Any key makes a disk: see Open for the ways to find out that it is the right one.
func New(below blockdev.Device, c Cipher, key []byte) (*Disk, error) {
	c, a, err := c.complete()
	if err != nil {
		return nil, err
	}
	if len(key) < c.keyBytes() {
		return nil, fmt.Errorf("key of %d bits, but the key length of %s is %d", len(key)*8, a.name, c.KeyLength)
	}
	sector := below.SectorSize()
	t, err := a.make(c, key[:c.keyBytes()], sector)
	if err != nil {
		return nil, err
	}
	d := &Disk{below: below, size: below.Size(), sector: sector, key: c.keyBytes(), piece: max(a.piece, sector), cipher: t}
	d.buffers.New = func() any {
		b := make([]byte, d.piece)
		return &b
	}
	return d, nil
}

// ReadAt implements blockdev.Device.
func (d *Disk) ReadAt(p []byte, off int64) (int, error) {
	return d.transfer(p, off, func(p []byte, off int64) error {
		if _, err := d.below.ReadAt(p, off); err != nil {
			return err
		}
		d.cipher.decrypt(p, p, uint64(off/int64(d.sector)))
		return nil
	})
}

// WriteAt implements blockdev.Device. Its pieces reach the disk below in any order.
func (d *Disk) WriteAt(p []byte, off int64) (int, error) {
	if d.below.ReadOnly() {
		return 0, syscall.EROFS
	}
	return d.transfer(p, off, func(p []byte, off int64) error {
		buf := d.buffers.Get().(*[]byte)
		defer d.buffers.Put(buf)
		b := (*buf)[:len(p)]
		d.cipher.encrypt(b, p, uint64(off/int64(d.sector)))
		_, err := d.below.WriteAt(b, off)
		return err
	})
}

// transfer checks a transfer and does it piece by piece on as many cores as there are pieces. The count that it
// returns lies before the first piece that failed.
func (d *Disk) transfer(p []byte, off int64, do func(p []byte, off int64) error) (int, error) {
	if err := blockdev.Check(d, off, int64(len(p))); err != nil {
		return 0, err
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.cipher == nil {
		return 0, os.ErrClosed
	}
	if len(p) <= d.piece {
		if err := do(p, off); err != nil {
			return 0, err
		}
		return len(p), nil
	}
	r := run{p: p, off: off, piece: d.piece, do: do, failed: len(p)}
	r.all()
	return r.failed, r.err
}

// A run is one transfer in pieces.
type run struct {
	p      []byte
	off    int64
	piece  int
	do     func(p []byte, off int64) error
	next   atomic.Int64 // piece that nobody has begun
	others sync.WaitGroup

	mu     sync.Mutex
	failed int // start of the first piece that failed, or the end
	err    error
}

// all does every piece on as many cores as there are pieces.
func (r *run) all() {
	workers := min(runtime.GOMAXPROCS(0), (len(r.p)+r.piece-1)/r.piece)
	for range workers - 1 {
		r.others.Go(r.work)
	}
	r.work()
	r.others.Wait()
}

// work does pieces until there are none left or one has failed.
func (r *run) work() {
	for {
		lo := int(r.next.Add(1)-1) * r.piece
		if lo >= len(r.p) {
			return
		}
		hi := min(lo+r.piece, len(r.p))
		if err := r.do(r.p[lo:hi], r.off+int64(lo)); err != nil {
			r.fail(lo, err)
			return
		}
	}
}

func (r *run) fail(lo int, err error) {
	r.next.Store(int64(len(r.p)/r.piece + 1)) // no more pieces
	r.mu.Lock()
	defer r.mu.Unlock()
	if lo < r.failed {
		r.failed, r.err = lo, err
	}
}

// Size implements blockdev.Device.
func (d *Disk) Size() int64 { return d.size }

// SectorSize implements blockdev.Device.
func (d *Disk) SectorSize() int { return d.sector }

// ReadOnly implements blockdev.Device.
func (d *Disk) ReadOnly() bool { return d.below.ReadOnly() }

// Flush implements blockdev.Device.
func (d *Disk) Flush() error { return d.below.Flush() }

// Detach overwrites the keys and gives back the disk below, still open. Transfers fail from then on.
func (d *Disk) Detach() blockdev.Device {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cipher != nil {
		d.cipher.wipe()
		d.cipher = nil
	}
	return d.below
}

// Close implements blockdev.Device: it overwrites the keys and closes the disk below.
func (d *Disk) Close() error { return d.Detach().Close() }
