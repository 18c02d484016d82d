package kern

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"rump/rumpfs/vfs"
)

// DefaultMaxVnodes is how many vnodes a mount keeps when nothing else is asked for.
const DefaultMaxVnodes = 16384

// Options of Boot. Root is needed, the rest has a default.
type Options struct {
	Hostname  string
	Root      vfs.FS           // the root file system; the kernel owns it once Boot has succeeded
	Now       func() time.Time // default time.Now
	Log       *slog.Logger     // default silence
	MaxVnodes int              // vnodes that a mount keeps though nobody refers to them; default DefaultMaxVnodes
}

// A Kernel is one rump process. All methods may be called concurrently.
type Kernel struct {
	// immutable
	hostname  string
	now       func() time.Time
	log       *slog.Logger
	maxVnodes int64
	root      *Mount

	nsMu      sync.RWMutex // guards mounts, lastIndex and the attachment of each Mount
	mounts    []*Mount     // in the order they were mounted: what lies on another comes later
	lastIndex uint32

	waitMu sync.Mutex
	waits  map[*lockWait]struct{} // guarded by waitMu

	doorMu sync.Mutex              // serialises changes of doors
	doors  atomic.Pointer[[]*Door] // never changed in place
}

// Boot starts a kernel on a root file system. EINVAL without one; an error of the file system if its root directory
// cannot be loaded.
func Boot(o Options) (*Kernel, error) {
	if o.Root == nil {
		return nil, syscall.EINVAL
	}
	k := &Kernel{
		hostname:  o.Hostname,
		now:       o.Now,
		log:       o.Log,
		maxVnodes: int64(o.MaxVnodes),
		waits:     make(map[*lockWait]struct{}),
	}
	if k.now == nil {
		k.now = time.Now
	}
	if k.log == nil {
		k.log = slog.New(slog.DiscardHandler)
	}
	if k.maxVnodes <= 0 {
		k.maxVnodes = DefaultMaxVnodes
	}
	k.doors.Store(new([]*Door))

	m, err := k.newMount(context.Background(), o.Root, MountOptions{Path: "/"})
	if err != nil {
		return nil, err
	}
	k.lastIndex++
	m.index = k.lastIndex
	k.root = m
	k.mounts = []*Mount{m}
	return k, nil
}

// Hostname is the name of the rump process.
func (k *Kernel) Hostname() string { return k.hostname }

// Root returns a new reference to the root directory, what is mounted on it included.
func (k *Kernel) Root() *Vnode {
	k.root.root.Ref()
	return k.cross(k.root.root)
}

// Sync writes what is dirty in every mount; with wait it returns once all of it is durable.
func (k *Kernel) Sync(ctx context.Context, wait bool) error {
	var errs []error
	for _, info := range k.Mounts() {
		errs = append(errs, info.Mount.sync(ctx, wait))
	}
	return errors.Join(errs...)
}

// Halt unmounts everything by force, the deepest first and the root last, and returns the errors of all file systems
// joined. Whoever still holds a vnode gets ESTALE from it.
func (k *Kernel) Halt(ctx context.Context) error {
	var errs []error
	for {
		k.nsMu.Lock()
		if len(k.mounts) == 0 {
			k.nsMu.Unlock()
			return errors.Join(errs...)
		}
		m := k.mounts[len(k.mounts)-1]
		k.detachLocked(m)
		k.nsMu.Unlock()
		errs = append(errs, m.tearDown(ctx))
	}
}
