package kern

import "rump/rumpfs/vfs"

// A Door is a way into a kernel: the FUSE bridge, a system-call server, an NFS server. Its methods are the system calls.
// Names are checked here; every path error is a bare errno.
//
// Errors that any method may return: ESTALE if the vnode's file system was unmounted by force, what the file system
// returns, and the error of a cancelled context.
type Door struct {
	k    *Kernel
	name string
	obs  Observer
}

// An Observer is told what other doors changed. It is called after the change, without locks held; what it is given is
// valid during the call. It may call its own Door.
type Observer interface {
	// AttrChanged says that the attributes of v are not what they were, and with data that its bytes are not.
	AttrChanged(v *Vnode, data bool)

	// EntryChanged says that name in dir was added, removed, or stands for something else: every door is told of what is
	// mounted on it or taken off. The attributes of dir changed with it. Who keeps a vnode only because it remembers the
	// name gives it back, or it cannot be unmounted.
	EntryChanged(dir *Vnode, name string)
}

// NewDoor opens a door. obs may be nil.
func (k *Kernel) NewDoor(name string, obs Observer) *Door {
	d := &Door{k: k, name: name, obs: obs}
	k.doorMu.Lock()
	defer k.doorMu.Unlock()
	old := *k.doors.Load()
	doors := append(old[:len(old):len(old)], d)
	k.doors.Store(&doors)
	return d
}

// Close ends the notifications of the door; a call of the Observer that is under way may still finish afterwards. Vnodes
// that it handed out stay valid.
func (d *Door) Close() {
	k := d.k
	k.doorMu.Lock()
	defer k.doorMu.Unlock()
	var doors []*Door
	for _, o := range *k.doors.Load() {
		if o != d {
			doors = append(doors, o)
		}
	}
	k.doors.Store(&doors)
}

// Kernel is where the door leads.
func (d *Door) Kernel() *Kernel { return d.k }

// Name is the name that NewDoor was given.
func (d *Door) Name() string { return d.name }

// attrChanged tells the other doors. No locks held.
func (d *Door) attrChanged(v *Vnode, data bool) {
	for _, o := range *d.k.doors.Load() {
		if o != d && o.obs != nil {
			o.obs.AttrChanged(v, data)
		}
	}
}

// entryChanged tells the other doors. No locks held.
func (d *Door) entryChanged(dir *Vnode, name string) {
	for _, o := range *d.k.doors.Load() {
		if o != d && o.obs != nil {
			o.obs.EntryChanged(dir, name)
		}
	}
}

// Root returns a new reference to the root directory.
func (d *Door) Root() *Vnode { return d.k.Root() }

// Now is the kernel's time.
func (d *Door) Now() vfs.Time {
	t := d.k.now()
	return vfs.Time{Sec: t.Unix(), Nsec: int32(t.Nanosecond())}
}
