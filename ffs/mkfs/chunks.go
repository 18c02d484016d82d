package mkfs

import (
	"context"
	"io"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"

	"rump/ffs/mkfs/tree"
	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
)

// directCopy is the length in bytes from which the host is asked to copy by itself, if it can.
const directCopy = 256 << 10

// A piece is a part of a chunk: bytes that are known, or a part of a file.
type piece struct {
	at   int // in the chunk
	n    int
	data []byte        // of n bytes; nil: from
	from *tree.Content // the same for all pieces of a file
	off  int64         // in from
}

// A chunk is some data blocks in a row, and what goes into them. What no piece covers is zeros.
type chunk struct {
	first  int64 // data block
	blocks int64 // up to the last that has something
	pieces []piece
}

// A run of bytes for one place on the disk, written as it is.
type rawWrite struct {
	off  int64
	data []byte
}

// A crew fills chunks and writes them, several at a time.
type crew struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	t      *target
	s      *ondisk.Super
	m      groupMap
	list   *tree.List
	jobs   chan any // *chunk or rawWrite
	wg     sync.WaitGroup

	hostPath string // the image as a path of this process, "" if the host cannot copy to it
	hostOff  int64
	hostDev  uint64

	mu       sync.Mutex
	done     int64 // bytes of files
	total    int64
	progress func(done, total int64)
	short    []string // files that have become shorter, the first of them
	isShort  map[*tree.Content]bool
}

const maxShort = 20 // names that are told

func newCrew(ctx context.Context, t *target, s *ondisk.Super, list *tree.List) *crew {
	c := &crew{t: t, s: s, m: newGroupMap(s), list: list, jobs: make(chan any, 1), isShort: map[*tree.Content]bool{}}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	if h, ok := t.dev.(blockdev.HostFile); ok {
		if fd, off, ok := h.HostFile(); ok {
			var st syscall.Stat_t
			if syscall.Fstat(int(fd), &st) == nil {
				c.hostPath, c.hostOff, c.hostDev = "/proc/self/fd/"+strconv.Itoa(int(fd)), off, uint64(st.Dev)
			}
		}
	}
	for range min(max(runtime.GOMAXPROCS(0), 2), 8) {
		c.wg.Add(1)
		go c.work()
	}
	return c
}

// do hands a job to the crew.
func (c *crew) do(job any) error {
	select {
	case c.jobs <- job:
		return nil
	case <-c.ctx.Done():
		return context.Cause(c.ctx)
	}
}

// finish waits until everything is written.
func (c *crew) finish() error {
	close(c.jobs)
	c.wg.Wait()
	err := context.Cause(c.ctx)
	c.cancel(nil)
	return err
}

// A hand is one of the crew.
type hand struct {
	*crew
	opener *tree.Opener
	from   *tree.Content // what is open
	file   tree.File
	buf    []byte
	image  *os.File // the image with an offset of its own, for copies by the host
}

func (c *crew) work() {
	defer c.wg.Done()
	h := &hand{crew: c, opener: c.list.Opener()}
	defer h.close()
	for job := range c.jobs {
		if c.ctx.Err() != nil {
			continue
		}
		var err error
		switch j := job.(type) {
		case *chunk:
			err = h.fill(j)
		case rawWrite:
			err = c.t.write(j.off, j.data)
		}
		if err != nil {
			c.cancel(err)
		}
	}
}

func (h *hand) close() {
	h.closeFile()
	h.opener.Close()
	if h.image != nil {
		h.image.Close()
	}
}

func (h *hand) closeFile() {
	if h.from != nil {
		h.file.Close()
		h.from = nil
	}
}

// open makes a content the one that is open.
func (h *hand) open(c *tree.Content) error {
	if h.from == c {
		return nil
	}
	h.closeFile()
	f, err := h.opener.Open(c)
	if err != nil {
		return err
	}
	h.from, h.file = c, f
	return nil
}

// fill reads the pieces of a chunk and writes it.
func (h *hand) fill(c *chunk) error {
	size := int(c.blocks * int64(h.s.BSize))
	if cap(h.buf) < size {
		h.buf = make([]byte, max(size, chunkBytes))
	}
	b := h.buf[:size]
	if len(c.pieces) != 1 || c.pieces[0].n != size {
		clear(b)
	}
	copied := int64(0)
	written := 0 // the host has put the first so many bytes in place
	for i := range c.pieces {
		p := &c.pieces[i]
		if p.data != nil {
			copy(b[p.at:], p.data)
			continue
		}
		direct, err := h.read(c, p, b)
		if err != nil {
			return err
		}
		if direct {
			written = size // it was the only piece
		}
		copied += int64(p.n)
	}
	for at := int64(written) >> h.s.BShift; at < c.blocks; {
		frag, n := h.m.locate(c.first+at, c.blocks-at)
		if err := h.t.write(h.s.FragOffset(frag), b[at<<h.s.BShift:(at+n)<<h.s.BShift]); err != nil {
			return err
		}
		at += n
	}
	h.count(copied)
	return nil
}

// read brings a piece of a file into the chunk's bytes b, or straight into the image (direct).
func (h *hand) read(c *chunk, p *piece, b []byte) (direct bool, err error) {
	if err := h.open(p.from); err != nil {
		return false, err
	}
	if p.n >= directCopy && p.n == len(b) && h.hostPath != "" {
		if h.copyDirect(c, p, &h.file) {
			return true, nil
		}
	}
	n, err := h.file.ReadAt(b[p.at:p.at+p.n], p.off)
	if err != nil {
		return false, err
	}
	if n < p.n {
		clear(b[p.at+n : p.at+p.n])
		h.tooShort(p.from, h.file.Name())
	}
	return false, nil
}

// copyDirect has the host copy a piece that is the whole chunk. False: it cannot, or not all of it.
func (h *hand) copyDirect(c *chunk, p *piece, f *tree.File) bool {
	fd, ok := f.Host()
	if !ok {
		return false
	}
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil || uint64(st.Dev) != h.hostDev || st.Size < p.off+int64(p.n) {
		return false
	}
	if h.image == nil {
		image, err := os.OpenFile(h.hostPath, os.O_WRONLY, 0)
		if err != nil {
			return false
		}
		h.image = image
	}
	dup, err := syscall.Dup(fd)
	if err != nil {
		return false
	}
	src := os.NewFile(uintptr(dup), f.Name())
	defer src.Close()
	if _, err := src.Seek(p.off, io.SeekStart); err != nil {
		return false
	}
	for at := int64(0); at < c.blocks; {
		frag, n := h.m.locate(c.first+at, c.blocks-at)
		bytes := n << h.s.BShift
		if _, err := h.image.Seek(h.hostOff+h.s.FragOffset(frag), io.SeekStart); err != nil {
			return false
		}
		if k, err := io.CopyN(h.image, src, bytes); err != nil || k < bytes {
			return false
		}
		at += n
	}
	return true
}

func (c *crew) tooShort(file *tree.Content, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.isShort[file] {
		return
	}
	c.isShort[file] = true
	if len(c.short) < maxShort {
		c.short = append(c.short, name)
	}
}

func (c *crew) count(n int64) {
	if c.progress == nil || n == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done += n
	c.progress(c.done, c.total)
}

// A chunker collects pieces into chunks. Pieces come in the order of chunks.
type chunker struct {
	crew  *crew
	frag  int64
	bsize int64
	fsize int64
	start int64 // block that chunks are counted from
	len   int64 // blocks of one
	no    int64
	now   *chunk
}

func (c *crew) chunker(p *packer) *chunker {
	return &chunker{crew: c, frag: p.frag, bsize: int64(c.s.BSize), fsize: int64(c.s.FSize), start: p.start, len: p.chunk}
}

// at makes the chunk that block lies in the present one, and returns how many blocks it has from there on.
func (k *chunker) at(block int64) (left int64, err error) {
	no := (block - k.start) / k.len
	if k.now != nil && no != k.no {
		if err := k.flush(); err != nil {
			return 0, err
		}
	}
	if k.now == nil {
		k.no, k.now = no, &chunk{first: k.start + no*k.len}
	}
	return k.len - (block-k.start)%k.len, nil
}

// known puts bytes at a spot; they are kept.
func (k *chunker) known(at spot, data []byte) error {
	return k.put(at, int64(len(data)), func(p *piece, off int64) { p.data = data[off:][:p.n] })
}

// file puts n bytes from off on of a file at a spot.
func (k *chunker) file(at spot, n int64, from *tree.Content, off int64) error {
	return k.put(at, n, func(p *piece, done int64) { p.from, p.off = from, off+done })
}

// put divides n bytes at a spot among chunks.
func (k *chunker) put(at spot, n int64, set func(p *piece, done int64)) error {
	block, inBlock := int64(at)/k.frag, int64(at)%k.frag*k.fsize
	for done := int64(0); done < n; {
		left, err := k.at(block)
		if err != nil {
			return err
		}
		p := piece{at: int((block-k.now.first)*k.bsize + inBlock), n: int(min(left*k.bsize-inBlock, n-done))}
		set(&p, done)
		k.now.pieces = append(k.now.pieces, p)
		k.now.blocks = max(k.now.blocks, ceilDiv(int64(p.at+p.n), k.bsize))
		done += int64(p.n)
		block += left
		inBlock = 0
	}
	return nil
}

// flush hands over the present chunk.
func (k *chunker) flush() error {
	c := k.now
	k.now = nil
	if c == nil || len(c.pieces) == 0 {
		return nil
	}
	return k.crew.do(c)
}
