package bcache

import "testing"

// CheckInvariants proves what doc.go promises; nobody uses the cache meanwhile.
func CheckInvariants(t testing.TB, c *Cache) {
	t.Helper()
	dirty, claimed, sectors := 0, 0, 0
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.ring) != len(s.index) {
			t.Fatalf("shard %d: %d blocks in the ring, %d in the index", i, len(s.ring), len(s.index))
		}
		for _, b := range s.ring {
			if s.index[b.no] != b || c.shard(b.no) != s {
				t.Fatalf("block %d is not in its index", b.no)
			}
			if n := b.pins.Load(); n < 0 {
				t.Fatalf("block %d: %d pins", b.no, n)
			}
			if !b.valid.has(b.dirty) {
				t.Fatalf("block %d: dirty %x, valid %x", b.no, b.dirty, b.valid)
			}
			if b.dirty.isEmpty() == b.isDirty.Load() {
				t.Fatalf("block %d: dirty %x, flag %t", b.no, b.dirty, b.isDirty.Load())
			}
			sectors += b.dirty.count()
			if b.isDirty.Load() {
				dirty++
			} else if len(b.owners) != 0 {
				t.Fatalf("block %d is clean and has %d claims", b.no, len(b.owners))
			}
			for _, o := range b.owners {
				claimed++
				if o.claim.no != b.no {
					t.Fatalf("block %d has a claim on block %d", b.no, o.claim.no)
				}
			}
		}
	}
	if got := int(c.dirty.Load()); got != dirty {
		t.Fatalf("dirty blocks: got %d counted, want %d", got, dirty)
	}
	if got := int(c.dirtySectors.Load()); c.held && got != sectors {
		t.Fatalf("dirty sectors: got %d counted, want %d", got, sectors)
	}
	listed := 0
	for owner, head := range c.claims.lists {
		if head == nil || head.prev != nil {
			t.Fatalf("owner %d: bad list head", owner)
		}
		for x := head; x != nil; x = x.next {
			listed++
			if x.next != nil && x.next.prev != x {
				t.Fatalf("owner %d: list is not linked both ways", owner)
			}
		}
	}
	if listed != claimed {
		t.Fatalf("claims: %d in lists, %d in blocks", listed, claimed)
	}
}
