package bridge

import (
	"context"
	"sync"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	"rump/rumpfs/kern"
)

// What the kernel caches stays good until another door changes it. Then the kernel is told to drop it, by a goroutine
// of its own and never by the one that made the change: the kernel may have to wait for a lock that it gives up only when
// a request has been answered.

const (
	maxNotes   = 1 << 16
	noteTries  = 8
	noteWait   = time.Millisecond // before the second try; twice as long before each one after it
	noteInode  = 2                // FUSE_NOTIFY_INVAL_INODE
	noteEntry  = 3                // FUSE_NOTIFY_INVAL_ENTRY
	noteEpoch  = 8                // FUSE_NOTIFY_INC_EPOCH
	epochMinor = 44               // the protocol that has it
	attrOnly   = -1               // as an offset: the data is good
	settleWait = time.Second      // that somebody waits for the kernel to be told
)

// notes is what the kernel is still to be told. It is the Observer of the bridge's door.
type notes struct {
	b    *Bridge
	wake chan struct{}

	mu      sync.Mutex
	attrs   map[uint64]attrNote // guarded by mu: by node
	entries map[entry]struct{}  // guarded by mu
	all     bool                // guarded by mu: there were too many; drop everything
	busy    bool                // guarded by mu: the kernel is being told
	settled chan struct{}       // guarded by mu: closed when there is nothing left to tell; nil while nobody waits
}

// An entry is a name in a directory.
type entry struct {
	dir  uint64
	name string
}

// An attrNote says that attributes are to be dropped.
type attrNote struct {
	data  bool // and the data
	tries int  // how often the kernel has been told already
}

var (
	_ kern.Observer = (*notes)(nil)
	_ kern.Settler  = (*notes)(nil)
)

func newNotes(b *Bridge) *notes {
	return &notes{b: b, wake: make(chan struct{}, 1), attrs: make(map[uint64]attrNote), entries: make(map[entry]struct{})}
}

// AttrChanged is called by other doors.
func (t *notes) AttrChanged(v *kern.Vnode, data bool) {
	if id := t.b.nodes.id(v); t.b.nodes.told(id) {
		t.attr(id, attrNote{data: data})
	}
}

// EntryChanged is called by other doors. What the kernel remembers of the name goes, and its listing of the directory, which
// would stay if it knew nothing of the name.
func (t *notes) EntryChanged(dir *kern.Vnode, name string) {
	id := t.b.nodes.id(dir)
	if !t.b.nodes.told(id) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.roomLocked() {
		t.entries[entry{id, name}] = struct{}{}
		t.attrs[id] = attrNote{data: true}
	}
	t.nudge()
}

// Settle returns once the kernel has been told everything, or a second has passed: it may be waiting for something itself.
func (t *notes) Settle(ctx context.Context) {
	settled := t.pending()
	if settled == nil {
		return
	}
	late := time.NewTimer(settleWait)
	defer late.Stop()
	select {
	case <-settled:
	case <-late.C:
	case <-t.b.crew.stop:
	case <-ctx.Done():
	}
}

// pending returns what is closed once there is nothing left to tell; nil if there is nothing now.
func (t *notes) pending() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.busy && !t.all && len(t.attrs)+len(t.entries) == 0 {
		return nil
	}
	if t.settled == nil {
		t.settled = make(chan struct{})
	}
	return t.settled
}

// told ends a round of telling the kernel.
func (t *notes) told() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.busy = false
	if t.settled != nil && !t.all && len(t.attrs)+len(t.entries) == 0 {
		close(t.settled)
		t.settled = nil
	}
}

// attr has a node's attributes dropped.
func (t *notes) attr(id uint64, n attrNote) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.roomLocked() {
		old := t.attrs[id]
		t.attrs[id] = attrNote{old.data || n.data, n.tries}
	}
	t.nudge()
}

// roomLocked reports whether one more can be kept; mu is held.
func (t *notes) roomLocked() bool {
	if !t.all && len(t.attrs)+len(t.entries) >= maxNotes {
		t.all = true
		clear(t.attrs)
		clear(t.entries)
	}
	return !t.all
}

func (t *notes) nudge() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// take returns what there is to tell, and keeps nothing.
func (t *notes) take() (attrs map[uint64]attrNote, entries map[entry]struct{}, all bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.busy = true
	attrs, entries, all = t.attrs, t.entries, t.all
	t.attrs, t.entries, t.all = make(map[uint64]attrNote), make(map[entry]struct{}), false
	return attrs, entries, all
}

// run tells the kernel until stop is closed.
func (t *notes) run(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-t.wake:
		}
		attrs, entries, all := t.take()
		if all {
			t.dropAll()
		}
		for e := range entries {
			t.dropEntry(e)
		}
		for id, n := range attrs {
			t.dropAttr(id, n)
		}
		t.told()
	}
}

// dropAll drops all attributes and data, and all names too, if the kernel can: else they last until their time is out.
func (t *notes) dropAll() {
	if t.b.minor >= epochMinor {
		_ = t.send(noteEpoch, nil)
	}
	t.dropAttr(rootID, attrNote{data: true})
	for _, id := range t.b.nodes.ids() {
		t.dropAttr(id, attrNote{data: true})
	}
}

// dropAttr drops the attributes of a node. If the kernel does not know the node, the reply that tells of it may be on its
// way, with what has just become wrong: so it is told again, until it does or has forgotten the node.
func (t *notes) dropAttr(id uint64, n attrNote) {
	note := fuse.NotifyInvalInodeOut{Ino: id, Off: attrOnly}
	if n.data {
		note.Off = 0 // and a length of 0: to the end
	}
	err := t.send(noteInode, bytesOf(&note))
	if n.tries++; err == syscall.ENOENT && n.tries < noteTries && t.b.nodes.told(id) {
		time.AfterFunc(noteWait<<n.tries, func() { t.attr(id, n) })
	}
}

// dropEntry drops what a name stands for. The kernel waits until no lookup in the directory is under way.
func (t *notes) dropEntry(e entry) {
	note := fuse.NotifyInvalEntryOut{Parent: e.dir, NameLen: uint32(len(e.name))}
	_ = t.send(noteEntry, append(append(bytesOf(&note), e.name...), 0)) // ENOENT: it was not cached
}

func (t *notes) send(code int32, body []byte) error {
	h := fuse.OutHeader{Length: uint32(outHeaderSize + len(body)), Status: code}
	_, err := syscall.Write(t.b.fd, append(append([]byte(nil), bytesOf(&h)...), body...))
	return err
}
