package proc

import (
	"context"
	"sync"
	"sync/atomic"
	"syscall"

	"rump/rumpfs/kern"
	"rump/rumpfs/vfs"
)

// A File is what descriptors lead to: a vnode, a device, an end of a pipe, a socket. Methods may be called concurrently.
// It is a Stream or is Positioned, or is neither.
type File interface {
	// Stat describes it.
	Stat(ctx context.Context) (Stat, error)

	// Poll returns those of the wanted events that hold now, and PollError or PollHangup unasked.
	Poll(want Events) Events

	// Queue is where changes of Poll's answer are announced; nil if it never changes.
	Queue() *Queue

	// Close ends it. Nobody uses it any more.
	Close(ctx context.Context) error
}

// A Stream is a File whose bytes come and go in order. With wait unset a call that would block is EAGAIN.
type Stream interface {
	File
	Read(ctx context.Context, p []byte, wait bool) (int, error) // 0 at the end
	Write(ctx context.Context, p []byte, wait bool) (int, error)
}

// A Positioned is a File whose bytes have places.
type Positioned interface {
	File
	ReadAt(ctx context.Context, p []byte, off int64) (int, error) // short only at the end
	WriteAt(ctx context.Context, cred *vfs.Cred, p []byte, off int64) (int, error)
	Append(ctx context.Context, cred *vfs.Cred, p []byte) (n int, at int64, err error)
	Size(ctx context.Context) (int64, error)
}

// Stat is what stat(2) tells. Mount is nil for what lies in no file system.
type Stat struct {
	vfs.Attr
	Mount *kern.Mount
}

// Flags say how something is opened, and what an open file is like.
type Flags uint32

// The flags.
const (
	Read Flags = 1 << iota
	Write
	Append
	NonBlock
	Create
	Exclusive
	Truncate
	NoFollow
	Directory   // ENOTDIR for anything else
	CloseOnExec // of the descriptor
	SharedLock
	ExclusiveLock
	Synchronous // each write is durable on return

	changeable = Append | NonBlock | Synchronous // by SetFlags
)

// An Open is one open of a File. Descriptors of several processes may refer to it; they share its offset.
type Open struct {
	// immutable
	file  File
	pos   Positioned // nil if it is none, and so on
	str   Stream
	vnode *vnodeFile
	cred  *vfs.Cred // who opened it
	id    uint64    // no other open file has or had it

	flags   atomic.Uint32
	refs    atomic.Int64 // descriptors and calls under way
	flocked atomic.Bool  // may hold a lock on the whole file

	mu  sync.Mutex
	off int64 // guarded by mu
}

// newOpen makes an Open with one reference.
func (p *Process) newOpen(f File, flags Flags) *Open {
	o := &Open{file: f, cred: p.Cred(), id: p.sys.opens.Add(1)}
	o.pos, _ = f.(Positioned)
	o.str, _ = f.(Stream)
	o.vnode, _ = f.(*vnodeFile)
	o.flags.Store(uint32(flags & (Read | Write | changeable)))
	o.refs.Store(1)
	return o
}

// File is what is open.
func (o *Open) File() File { return o.file }

// Flags are those it was opened with, as far as they last, and those set since.
func (o *Open) Flags() Flags { return Flags(o.flags.Load()) }

// IsStream reports that a read gives what is there, not what was asked for.
func (o *Open) IsStream() bool { return o.pos == nil }

// MayWait reports that reading or writing may take until somebody else does something.
func (o *Open) MayWait() bool { return o.pos == nil }

func (o *Open) has(f Flags) bool { return o.Flags()&f == f }

// setFlags changes the flags that may be changed.
func (o *Open) setFlags(f Flags) {
	for {
		old := o.flags.Load()
		if o.flags.CompareAndSwap(old, old&^uint32(changeable)|uint32(f&changeable)) {
			return
		}
	}
}

// Release gives back what Process.Open returned.
func (o *Open) Release() {
	switch n := o.refs.Add(-1); {
	case n < 0:
		panic("proc: open file given back twice")
	case n == 0:
		if o.flocked.Load() {
			_ = o.vnode.sys.door.Funlock(o.vnode.v, o.id) // ESTALE: it is gone already
		}
		_ = o.file.Close(context.Background()) // nobody is left to hear of an error
	}
}

// read reads at the offset, or the next bytes.
func (o *Open) read(ctx context.Context, p []byte) (int, error) {
	switch {
	case !o.has(Read):
		return 0, syscall.EBADF
	case o.str != nil:
		return o.str.Read(ctx, p, !o.has(NonBlock))
	case o.pos == nil:
		return 0, syscall.EOPNOTSUPP
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.pos.ReadAt(ctx, p, o.off)
	o.off += int64(n)
	return n, err
}

// write writes at the offset, or at the end, or the next bytes.
func (o *Open) write(ctx context.Context, p []byte) (int, error) {
	switch {
	case !o.has(Write):
		return 0, syscall.EBADF
	case o.str != nil:
		return o.str.Write(ctx, p, !o.has(NonBlock))
	case o.pos == nil:
		return 0, syscall.EOPNOTSUPP
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.has(Append) {
		n, at, err := o.pos.Append(ctx, o.cred, p)
		if n > 0 {
			o.off = at + int64(n)
		}
		return n, o.durable(ctx, err)
	}
	n, err := o.pos.WriteAt(ctx, o.cred, p, o.off)
	o.off += int64(n)
	return n, o.durable(ctx, err)
}

func (o *Open) readAt(ctx context.Context, p []byte, off int64) (int, error) {
	switch {
	case !o.has(Read):
		return 0, syscall.EBADF
	case o.pos == nil:
		return 0, syscall.ESPIPE
	case off < 0:
		return 0, syscall.EINVAL
	}
	return o.pos.ReadAt(ctx, p, off)
}

func (o *Open) writeAt(ctx context.Context, p []byte, off int64) (int, error) {
	switch {
	case !o.has(Write):
		return 0, syscall.EBADF
	case o.pos == nil:
		return 0, syscall.ESPIPE
	case off < 0:
		return 0, syscall.EINVAL
	}
	n, err := o.pos.WriteAt(ctx, o.cred, p, off)
	return n, o.durable(ctx, err)
}

// durable makes the last write durable if each must be.
func (o *Open) durable(ctx context.Context, err error) error {
	if err == nil && o.vnode != nil && o.has(Synchronous) {
		err = o.vnode.Sync(ctx, true)
	}
	return err
}
