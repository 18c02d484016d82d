package bridge

import (
	"context"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"rump/rumpfs/kern"
	"rump/rumpfs/vfs"
)

// Numbers. The host sees one device with all mounts of the name space on it. The node number, by which the kernel names a
// file in requests, has the mount's index in the upper 16 bits and the inode number in the others: it means the same file
// for as long as that exists, even after the kernel has forgotten it, so that host file handles last. What does not fit
// gets a number from a counter, with the index manyMounts. The number that programs see is the same, but in the mount of the
// bridge's root it is the inode number alone.
const (
	indexShift = 48
	inoLimit   = 1 << indexShift
	manyMounts = 1<<16 - 1
	rootID     = fuse.FUSE_ROOT_ID
)

// A node is a vnode that the host's kernel knows.
type node struct {
	v       *kern.Vnode // a reference
	lookups uint64      // guarded by the shard's mutex: how often the kernel was told of it and has not forgotten it
}

const nodeShards = 64

// nodes are all of them, by node number. The kernel forgets a node only when no request on it is under way, so what find
// returns stays valid for its request.
type nodes struct {
	root   *kern.Vnode // node 1; a reference
	mount  uint32      // the index of its mount
	shards [nodeShards]nodeShard

	oddMu  sync.Mutex
	odd    map[place]uint64 // guarded by oddMu: the numbers of files whose own do not fit
	places []place          // guarded by oddMu: the other way
}

// A place is where a file is: which mount, which inode.
type place struct {
	mount uint32
	ino   vfs.Ino
}

type nodeShard struct {
	mu   sync.RWMutex
	byID map[uint64]*node
}

func newNodes(root *kern.Vnode) *nodes {
	return &nodes{root: root, mount: root.Mount().Index()}
}

func (t *nodes) shardOf(id uint64) *nodeShard {
	return &t.shards[(id^id>>indexShift)%nodeShards]
}

// id is the node number of v.
func (t *nodes) id(v *kern.Vnode) uint64 {
	if v == t.root {
		return rootID
	}
	return t.number(v.Mount().Index(), v.Ino())
}

func (t *nodes) number(mount uint32, ino vfs.Ino) uint64 {
	if mount < manyMounts && ino < inoLimit {
		return uint64(mount)<<indexShift | uint64(ino)
	}
	t.oddMu.Lock()
	defer t.oddMu.Unlock()
	at := place{mount, ino}
	n, ok := t.odd[at]
	if !ok {
		if t.odd == nil {
			t.odd = make(map[place]uint64)
		}
		n = manyMounts<<indexShift | uint64(len(t.places))
		t.odd[at] = n
		t.places = append(t.places, at)
	}
	return n
}

// place is what a node number, not the root's, was made of.
func (t *nodes) place(id uint64) (place, bool) {
	mount, n := uint32(id>>indexShift), id&(inoLimit-1)
	if mount < manyMounts {
		return place{mount, vfs.Ino(n)}, true
	}
	t.oddMu.Lock()
	defer t.oddMu.Unlock()
	if n >= uint64(len(t.places)) {
		return place{}, false
	}
	return t.places[n], true
}

// ino is the file's number as programs see it.
func (t *nodes) ino(mount uint32, ino vfs.Ino) uint64 {
	if mount == t.mount && ino < inoLimit {
		return uint64(ino)
	}
	return t.number(mount, ino)
}

// find returns the vnode of a number, borrowed. ESTALE if the kernel was not told of it.
func (t *nodes) find(id uint64) (*kern.Vnode, error) {
	if id == rootID {
		return t.root, nil
	}
	s := t.shardOf(id)
	s.mu.RLock()
	n := s.byID[id]
	s.mu.RUnlock()
	if n == nil {
		return nil, syscall.ESTALE
	}
	return n.v, nil
}

// tell notes that the kernel is told of v once more, and takes over the reference. It returns the node number.
func (t *nodes) tell(v *kern.Vnode) uint64 {
	id := t.id(v)
	if id == rootID {
		v.Unref()
		return id
	}
	s := t.shardOf(id)
	s.mu.Lock()
	n := s.byID[id]
	if n == nil {
		if s.byID == nil {
			s.byID = make(map[uint64]*node)
		}
		s.byID[id] = &node{v: v, lookups: 1}
		s.mu.Unlock()
		return id
	}
	n.lookups++ // n.v is v: a number is not used again while there are references
	s.mu.Unlock()
	v.Unref()
	return id
}

// forget undoes a number of tells.
func (t *nodes) forget(id, lookups uint64) {
	if id == rootID {
		return
	}
	s := t.shardOf(id)
	s.mu.Lock()
	n := s.byID[id]
	switch {
	case n == nil:
		s.mu.Unlock()
		return
	case n.lookups > lookups:
		n.lookups -= lookups
		s.mu.Unlock()
		return
	}
	delete(s.byID, id)
	s.mu.Unlock()
	n.v.Unref()
}

// told reports whether the kernel knows the node.
func (t *nodes) told(id uint64) bool {
	if id == rootID {
		return true
	}
	s := t.shardOf(id)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byID[id] != nil
}

// ids returns the number of every node that the kernel knows, but the root.
func (t *nodes) ids() []uint64 {
	var ids []uint64
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.RLock()
		for id := range s.byID {
			ids = append(ids, id)
		}
		s.mu.RUnlock()
	}
	return ids
}

// revive returns a new reference to what a node number stands for, told or not. ESTALE if that is no more.
func (t *nodes) revive(ctx context.Context, door *kern.Door, id uint64) (*kern.Vnode, error) {
	if v, err := t.find(id); err == nil {
		v.Ref()
		return v, nil
	}
	at, ok := t.place(id)
	if !ok {
		return nil, syscall.ESTALE
	}
	for _, info := range door.Kernel().Mounts() {
		if info.Index == at.mount {
			return door.Get(ctx, info.Mount, at.ino)
		}
	}
	return nil, syscall.ESTALE
}

// clear forgets all, the root too.
func (t *nodes) clear() {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		old := s.byID
		s.byID = nil
		s.mu.Unlock()
		for _, n := range old {
			n.v.Unref()
		}
	}
	t.root.Unref()
}
