package kern

import (
	"context"
	"sync"
	"sync/atomic"

	"rump/rumpfs/vfs"
)

const (
	shardCount = 32
	trimSteps  = 64 // vnodes that one trim looks at
	trimMost   = 4  // vnodes that one trim reclaims
)

// A cache holds the vnodes of a mount: at most one for each number.
type cache struct {
	shards [shardCount]shard
	count  atomic.Int64
	turn   atomic.Uint32 // the shard that is trimmed next
}

// A shard is the part of the cache that one mutex guards. A vnode gets its references from here with mu held shared, and
// leaves with mu held exclusively, so one without references gets none while it leaves.
type shard struct {
	mu    sync.RWMutex
	byIno map[vfs.Ino]*Vnode
	ring  []*Vnode // the same vnodes, as the clock hand meets them
	hand  int
}

func (c *cache) shardOf(ino vfs.Ino) *shard { return &c.shards[uint64(ino)%shardCount] }

// addLocked puts a vnode without a node into the cache, with one reference; mu is held exclusively.
func (s *shard) addLocked(m *Mount, ino vfs.Ino) *Vnode {
	v := &Vnode{m: m, ino: ino, state: loading, slot: len(s.ring), wait: make(chan struct{})}
	v.refs.Store(1)
	if s.byIno == nil {
		s.byIno = make(map[vfs.Ino]*Vnode)
	}
	s.byIno[ino] = v
	s.ring = append(s.ring, v)
	m.cache.count.Add(1)
	return v
}

// dropLocked takes a vnode out; mu is held exclusively.
func (s *shard) dropLocked(v *Vnode) {
	delete(s.byIno, v.ino)
	last := len(s.ring) - 1
	s.ring[v.slot] = s.ring[last]
	s.ring[v.slot].slot = v.slot
	s.ring[last] = nil
	s.ring = s.ring[:last]
	v.m.cache.count.Add(-1)
	v.state = gone
}

// get returns the vnode of a number with a new reference, loading it if it is not there. The caller keeps the number from
// being freed and used again meanwhile: it holds the lock of a directory that names it, or numberMu.
func (m *Mount) get(ctx context.Context, ino vfs.Ino) (*Vnode, error) {
	for {
		v, wait := m.find(ino)
		switch {
		case v != nil:
			return v, nil
		case wait == nil:
			if v, mine := m.reserve(ino); mine {
				return m.load(ctx, v)
			}
		default:
			select {
			case <-wait:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	}
}

// find returns a live vnode with a new reference, or what to wait for if it is on its way in or out, or neither.
func (m *Mount) find(ino vfs.Ino) (*Vnode, <-chan struct{}) {
	s := m.cache.shardOf(ino)
	s.mu.RLock()
	defer s.mu.RUnlock()
	v := s.byIno[ino]
	if v == nil {
		return nil, nil
	}
	if v.state != live {
		return nil, v.wait
	}
	v.refs.Add(1)
	if !v.used.Load() {
		v.used.Store(true)
	}
	return v, nil
}

// reserve puts a loading vnode into the cache unless the number is there already.
func (m *Mount) reserve(ino vfs.Ino) (v *Vnode, mine bool) {
	s := m.cache.shardOf(ino)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byIno[ino] != nil {
		return nil, false
	}
	return s.addLocked(m, ino), true
}

// load reads the node of a vnode that the caller has reserved, and makes it live or takes it out again.
func (m *Mount) load(ctx context.Context, v *Vnode) (*Vnode, error) {
	n, err := m.fs.Node(ctx, v.ino)
	return m.settle(ctx, v, n, err)
}

func (m *Mount) settle(ctx context.Context, v *Vnode, n vfs.Node, err error) (*Vnode, error) {
	if err == nil {
		if err = v.attach(ctx, n); err != nil {
			m.logReclaim(v.ino, n.Reclaim(ctx))
		}
	}
	s := m.cache.shardOf(v.ino)
	s.mu.Lock()
	defer s.mu.Unlock()
	close(v.wait)
	v.wait = nil
	if err != nil {
		s.dropLocked(v)
		return nil, err
	}
	v.state = live
	return v, nil
}

// adopt makes the vnode of a node that the file system has just created. It waits for an earlier node of the number to
// be gone, and for nothing else, so it does not look at the context. Called with numberMu held shared.
func (m *Mount) adopt(ctx context.Context, n vfs.Node) (*Vnode, error) {
	ctx = context.WithoutCancel(ctx)
	for {
		if v, mine := m.reserve(n.Ino()); mine {
			return m.settle(ctx, v, n, nil)
		}
		v, wait := m.find(n.Ino())
		if v != nil {
			v.Unref()
			return nil, &vfs.CorruptError{What: "inode in use handed out again", Where: int64(n.Ino())}
		}
		if wait != nil {
			<-wait
		}
	}
}

// retire reclaims a live vnode if it has no references, else does nothing.
func (m *Mount) retire(v *Vnode) {
	s := m.cache.shardOf(v.ino)
	s.mu.Lock()
	ok := v.retireLocked()
	s.mu.Unlock()
	if ok {
		m.logReclaim(v.ino, m.reclaim(context.Background(), v))
	}
}

// retireLocked makes a live vnode without references dying; the shard's mutex is held exclusively. The caller reclaims it.
func (v *Vnode) retireLocked() bool {
	if v.state != live || v.refs.Load() != 0 {
		return false
	}
	v.state = dying
	v.wait = make(chan struct{})
	return true
}

// reclaim ends the life of a dying vnode.
func (m *Mount) reclaim(ctx context.Context, v *Vnode) error {
	err := v.kill(ctx)
	s := m.cache.shardOf(v.ino)
	s.mu.Lock()
	defer s.mu.Unlock()
	close(v.wait)
	v.wait = nil
	s.dropLocked(v)
	return err
}

// kill reclaims the node and makes every later call of the vnode fail.
func (v *Vnode) kill(ctx context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.dead = true
	if t := v.locks.Load(); t != nil {
		t.revoke()
	}
	return v.node.Reclaim(ctx)
}

func (m *Mount) logReclaim(ino vfs.Ino, err error) {
	if err != nil {
		m.k.log.Error("reclaim", "dev", m.from, "ino", uint64(ino), "err", err)
	}
}

// trim reclaims a few vnodes that were not used for long if there are more than the kernel keeps. No locks held. The
// work of one call is bounded: with everything in use there may be more vnodes than that.
func (m *Mount) trim() {
	if m.cache.count.Load() <= m.k.maxVnodes {
		return
	}
	steps := trimSteps
	for n := 0; n < trimMost && steps > 0 && m.cache.count.Load() > m.k.maxVnodes; {
		s := &m.cache.shards[m.cache.turn.Add(1)%shardCount]
		v := s.victim(&steps)
		if v == nil {
			steps--
			continue
		}
		m.logReclaim(v.ino, m.reclaim(context.Background(), v))
		n++
	}
}

// victim turns the clock hand until it finds a vnode to reclaim, which it makes dying, or has gone round, or has used up
// the steps.
func (s *shard) victim(steps *int) *Vnode {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range 2 * len(s.ring) {
		if *steps == 0 {
			return nil
		}
		*steps--
		s.hand = (s.hand + 1) % len(s.ring)
		v := s.ring[s.hand]
		if v.refs.Load() == 0 && !v.used.Swap(false) && v.retireLocked() {
			return v
		}
	}
	return nil
}
