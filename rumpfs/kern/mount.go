package kern

import (
	"context"
	"errors"
	"slices"
	"sync"
	"syscall"

	"rump/rumpfs/blockdev"
	"rump/rumpfs/vfs"
)

// MountOptions say how a file system is mounted.
type MountOptions struct {
	ReadOnly bool   // refuse changes, whatever the file system says
	NoSUID   bool   // set-id bits have no effect; kept for those who execute
	NoDev    bool   // device nodes cannot be opened; kept for those who open
	NoExec   bool   // nothing can be executed; kept for those who execute
	Path     string // where it is mounted, as people are told; found out if it is empty
}

// A Mount is one mounted file system.
type Mount struct {
	// immutable once mounted
	k       *Kernel
	fs      vfs.FS
	index   uint32
	options MountOptions
	root    *Vnode // a reference of the mount's own
	at      *Vnode // the directory it is mounted on, a reference; nil for the kernel's root
	from    string
	host    hostFile
	keys    vfs.KeyFS // nil if there are no keys

	renameMu sync.Mutex
	numberMu sync.RWMutex
	callMu   sync.RWMutex // shared: fs is called on behalf of no vnode; exclusive: it is being unmounted
	cache    cache

	detached bool // guarded by Kernel.nsMu: no longer in the mount table
}

// hostFile says where a file system's device lies in a file of the host.
type hostFile struct {
	fd     uintptr
	offset int64
	ok     bool
}

// MountInfo describes a mount for people.
type MountInfo struct {
	Mount   *Mount // not a reference: it may have been unmounted since
	Index   uint32
	Type    string // of the file system
	From    string // the device
	On      string // the path
	Options MountOptions
}

// Index is a small number that no other mount of the kernel has or had.
func (m *Mount) Index() uint32 { return m.index }

// Vnodes is how many vnodes are in memory.
func (m *Mount) Vnodes() int { return int(m.cache.count.Load()) }

// FS is the file system.
func (m *Mount) FS() vfs.FS { return m.fs }

// At is the directory that m is mounted on, borrowed; nil for the kernel's root.
func (m *Mount) At() *Vnode { return m.at }

// Options are those that it was mounted with.
func (m *Mount) Options() MountOptions { return m.options }

// ReadOnly reports that every change is refused with EROFS.
func (m *Mount) ReadOnly() bool { return m.options.ReadOnly || m.fs.ReadOnly() }

// Root returns a new reference to the root directory of this file system, or ESTALE if it is no longer mounted.
func (m *Mount) Root() (*Vnode, error) {
	m.k.nsMu.RLock()
	defer m.k.nsMu.RUnlock()
	if m.detached {
		return nil, syscall.ESTALE
	}
	m.root.Ref()
	return m.root, nil
}

// Host returns the descriptor of the host's file that holds the device, and the offset of the device in it, for reading
// extents without a copy (MapShared). The descriptor is valid while the file system is mounted.
func (m *Mount) Host() (fd uintptr, offset int64, ok bool) {
	return m.host.fd, m.host.offset, m.host.ok
}

// newMount makes a mount that is nowhere yet.
func (k *Kernel) newMount(ctx context.Context, fs vfs.FS, o MountOptions) (*Mount, error) {
	st, err := fs.Statfs(ctx)
	if err != nil {
		return nil, err
	}
	m := &Mount{k: k, fs: fs, options: o, from: st.From}
	if h, ok := fs.(blockdev.HostFile); ok {
		m.host.fd, m.host.offset, m.host.ok = h.HostFile()
	}
	m.keys, _ = fs.(vfs.KeyFS)
	if m.root, err = m.get(ctx, fs.Root()); err != nil {
		return nil, err
	}
	if !m.root.IsDir() {
		m.logReclaim(m.root.ino, m.empty(ctx))
		return nil, &vfs.CorruptError{What: "root directory, which is none, at inode", Where: int64(fs.Root())}
	}
	return m, nil
}

// Mount puts a file system over the directory at. ENOTDIR; EBUSY if something is mounted there already; ENOENT if the
// directory has been removed. The kernel owns fs once this has succeeded.
func (k *Kernel) Mount(ctx context.Context, at *Vnode, fs vfs.FS, o MountOptions) (*Mount, error) {
	if !at.IsDir() {
		return nil, syscall.ENOTDIR
	}
	if o.Path == "" {
		path, err := k.path(ctx, at)
		if err != nil {
			return nil, err
		}
		o.Path = path
	}
	m, err := k.newMount(ctx, fs, o)
	if err != nil {
		return nil, err
	}
	at.Ref()
	m.at = at
	if err := k.attach(m); err != nil {
		at.Unref()
		m.logReclaim(m.root.ino, m.empty(ctx))
		return nil, err
	}
	k.coverChanged(ctx, at)
	return m, nil
}

// MountPath is Mount on a directory that is named by its path.
func (k *Kernel) MountPath(ctx context.Context, path string, fs vfs.FS, o MountOptions) (*Mount, error) {
	d := Door{k: k}
	root := k.Root()
	defer root.Unref()
	at, err := d.Walk(ctx, vfs.Root, root, path, true)
	if err != nil {
		return nil, err
	}
	defer at.Unref()
	return k.Mount(ctx, at, fs, o)
}

// attach enters m into the mount table.
func (k *Kernel) attach(m *Mount) error {
	at := m.at
	if err := at.lock(); err != nil {
		return err
	}
	defer at.mu.Unlock()
	if at.unlinked.Load() {
		return syscall.ENOENT
	}
	k.nsMu.Lock()
	defer k.nsMu.Unlock()
	if at.m.detached {
		return syscall.ESTALE
	}
	if at.covered.Load() != nil {
		return syscall.EBUSY
	}
	k.lastIndex++
	m.index = k.lastIndex
	k.mounts = append(k.mounts, m)
	at.covered.Store(m)
	return nil
}

// Unmount takes a file system away. EBUSY if any of its vnodes is referred to, or something is mounted on one of them,
// and that is still so a moment after the doors were told to let go of what they only remember; with force those
// references die (ESTALE) and what is mounted below goes first. EINVAL if m is not mounted (any more); EBUSY for the root,
// which only Halt unmounts. An error of the file system is returned, and it is unmounted all the same.
func (k *Kernel) Unmount(ctx context.Context, m *Mount, force bool) error {
	victims, err := k.detach(m, force)
	if err == syscall.EBUSY && k.letGo(ctx, m) {
		victims, err = k.detach(m, force)
	}
	if err != nil {
		return err
	}
	k.coverChanged(ctx, m.at)
	var errs []error
	for _, v := range victims {
		errs = append(errs, v.tearDown(ctx))
	}
	return errors.Join(errs...)
}

// detach takes m, and with force all that is mounted below it, out of the mount table. It returns them deepest first.
func (k *Kernel) detach(m *Mount, force bool) ([]*Mount, error) {
	k.nsMu.Lock()
	defer k.nsMu.Unlock()
	switch {
	case m.detached:
		return nil, syscall.EINVAL
	case m.at == nil:
		return nil, syscall.EBUSY
	case !force && m.referenced() > 0:
		return nil, syscall.EBUSY
	}
	below := func(o *Mount) bool {
		for ; o != nil; o = o.parent() {
			if o == m {
				return true
			}
		}
		return false
	}
	var victims []*Mount
	for _, o := range slices.Backward(k.mounts) {
		if below(o) {
			victims = append(victims, o)
		}
	}
	for _, o := range victims {
		k.detachLocked(o)
	}
	return victims, nil
}

// parent is the mount that m lies on.
func (m *Mount) parent() *Mount {
	if m.at == nil {
		return nil
	}
	return m.at.m
}

// detachLocked takes one mount out of the table; nsMu is held.
func (k *Kernel) detachLocked(m *Mount) {
	m.detached = true
	if m.at != nil {
		m.at.covered.Store(nil)
	}
	k.mounts = slices.DeleteFunc(k.mounts, func(o *Mount) bool { return o == m })
}

// referenced counts the vnodes that are referred to by anyone but the mount. Only with nsMu held exclusively does no
// reference come from nowhere meanwhile.
func (m *Mount) referenced() (n int) {
	for i := range m.cache.shards {
		n += m.cache.shards[i].referenced(m.root)
	}
	return n
}

func (s *shard) referenced(root *Vnode) (n int) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, v := range s.ring {
		own := int64(0)
		if v == root {
			own = 1
		}
		if v.refs.Load() > own {
			n++
		}
	}
	return n
}

// Referenced counts the vnodes that somebody refers to, for finding leaks.
func (k *Kernel) Referenced() (n int) {
	k.nsMu.Lock()
	defer k.nsMu.Unlock()
	for _, m := range k.mounts {
		n += m.referenced()
		if m.at != nil && m.at.refs.Load() == 1 {
			n-- // the mount on it
		}
	}
	return n
}

// tearDown ends a mount that is out of the table.
func (m *Mount) tearDown(ctx context.Context) error {
	if m.at != nil {
		defer m.at.Unref()
	}
	err := m.empty(ctx)
	m.callMu.Lock()
	defer m.callMu.Unlock()
	return errors.Join(err, m.fs.Unmount(ctx))
}

// sync writes what is dirty, unless m is read-only or unmounted meanwhile.
func (m *Mount) sync(ctx context.Context, wait bool) error {
	m.callMu.RLock()
	defer m.callMu.RUnlock()
	if m.gone() || m.ReadOnly() {
		return nil
	}
	return m.fs.Sync(ctx, wait)
}

// gone reports whether m is out of the table.
func (m *Mount) gone() bool {
	m.k.nsMu.RLock()
	defer m.k.nsMu.RUnlock()
	return m.detached
}

// empty reclaims every vnode, referred to or not. Nobody loads one by its number any more, and those who hold a
// directory's lock finish first.
func (m *Mount) empty(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	m.numberMu.Lock() // whoever loads by number is done, or will find the mount detached
	//lint:ignore SA2001 a barrier
	m.numberMu.Unlock()
	var errs []error
	for again := true; again; {
		again = false
		for i := range m.cache.shards {
			for {
				v, wait := m.cache.shards[i].condemn()
				if v == nil && wait == nil {
					break
				}
				again = true
				if wait != nil {
					<-wait
					continue
				}
				errs = append(errs, m.reclaim(ctx, v))
			}
		}
	}
	return errors.Join(errs...)
}

// condemn makes some live vnode dying, whoever refers to it; or returns what to wait for; or nothing if the shard is empty.
func (s *shard) condemn() (*Vnode, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var wait chan struct{}
	for _, v := range s.ring {
		if v.state == live {
			v.state = dying
			v.wait = make(chan struct{})
			return v, nil
		}
		wait = v.wait
	}
	return nil, wait
}

// Mounts describes every mount, in the order they were made.
func (k *Kernel) Mounts() []MountInfo {
	k.nsMu.RLock()
	defer k.nsMu.RUnlock()
	infos := make([]MountInfo, len(k.mounts))
	for i, m := range k.mounts {
		o := m.options
		o.ReadOnly = m.ReadOnly()
		infos[i] = MountInfo{Mount: m, Index: m.index, Type: m.fs.Type(), From: m.from, On: o.Path, Options: o}
	}
	return infos
}

// cross replaces a reference by one to the root of what is mounted on it, if anything is.
func (k *Kernel) cross(v *Vnode) *Vnode {
	for v.covered.Load() != nil {
		root := k.coverOf(v)
		if root == nil {
			break
		}
		v.Unref()
		v = root
	}
	return v
}

// coverOf returns a new reference to the root of what is mounted on v, or nil.
func (k *Kernel) coverOf(v *Vnode) *Vnode {
	k.nsMu.RLock()
	defer k.nsMu.RUnlock()
	m := v.covered.Load()
	if m == nil {
		return nil
	}
	m.root.Ref()
	return m.root
}

// uncross goes from the root of a mount to the directory that it lies on, as often as that is a root itself. It returns
// a new reference, to v if v is no root or is the kernel's. ESTALE if the mount is gone.
func (k *Kernel) uncross(v *Vnode) (*Vnode, error) {
	k.nsMu.RLock()
	defer k.nsMu.RUnlock()
	for v == v.m.root && v.m.at != nil {
		if v.m.detached {
			return nil, syscall.ESTALE
		}
		v = v.m.at
	}
	v.Ref()
	return v, nil
}
