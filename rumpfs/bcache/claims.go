package bcache

import (
	"slices"
	"sync"
)

// claims remembers which blocks are dirty on behalf of which inode, so that fsync is a walk of one short list.
type claims struct {
	mu    sync.Mutex
	lists map[uint64]*claim // by owner: the first of its claims
	free  *claim            // used again, linked by next
}

// A claim is one owner's interest in one dirty block. It lasts until the whole block is clean.
type claim struct {
	no         int64 // of the block
	prev, next *claim
}

// ownerClaim is how a block finds its claims. Guarded by the block's mu.
type ownerClaim struct {
	owner uint64
	claim *claim
}

// add makes a claim unless there is one. b.mu is held.
func (l *claims) add(b *block, owner uint64) {
	for i := len(b.owners) - 1; i >= 0; i-- { // the last one is the likeliest
		if b.owners[i].owner == owner {
			return
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.free
	if c != nil {
		l.free = c.next
	} else {
		c = new(claim)
	}
	*c = claim{no: b.no, next: l.lists[owner]}
	if c.next != nil {
		c.next.prev = c
	}
	l.lists[owner] = c
	b.owners = append(b.owners, ownerClaim{owner, c})
}

// drop ends all claims on b. b.mu is held.
func (l *claims) drop(b *block) {
	if len(b.owners) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range b.owners {
		c := o.claim
		if c.next != nil {
			c.next.prev = c.prev
		}
		switch {
		case c.prev != nil:
			c.prev.next = c.next
		case c.next != nil:
			l.lists[o.owner] = c.next
		default:
			delete(l.lists, o.owner)
		}
		*c = claim{next: l.free}
		l.free = c
	}
	b.owners = b.owners[:0]
}

// blocks are the numbers of the blocks that owner has claims on, in order.
func (l *claims) blocks(owner uint64) []int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []int64
	for c := l.lists[owner]; c != nil; c = c.next {
		list = append(list, c.no)
	}
	slices.Sort(list)
	return list
}
