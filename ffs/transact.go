package ffs

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"rump/ffs/journal"
	"rump/ffs/ondisk"
)

// A transactor groups the changes of operations into transactions of the journal. Operations run in the running transaction, any number at a time; what
// they change stays in the cache. A commit waits until none is under way, takes what is dirty, and lets the next transaction begin before it
// writes. So everything that an operation changes becomes durable at once, or not at all, and in any order inside.
//
// What an operation frees is handed out again only when the transaction that lets go of it is durable: until then the old owner may come back. Its
// bits are free in what the transaction writes, and in use in memory.
//
//	Invariant: between enter and leave an operation waits for no commit, nor for anything that waits for one, but in widen.
type transactor struct {
	// Immutable.
	fs       *FS
	w        *journal.Writer
	each     int64         // bytes of the volume that an operation may change, but for groups of what it frees
	budget   int64         // bytes that may be dirty
	interval time.Duration // after which a change is committed; <= 0: when asked to

	running atomic.Uint64 // number of the running transaction; changes under mu, while no operation is under way

	mu         sync.Mutex
	cond       sync.Cond // any of the following has changed
	active     int       // operations under way
	reserved   int64     // bytes set aside for them
	sealed     bool      // a commit waits for them to end, or takes what they changed
	committing bool
	durable    uint64      // number of the last one that is durable
	failed     error       // why there will be no further commit
	timer      *time.Timer // commits the running transaction; nil if none runs
	isClosed   bool
	orphans    map[ondisk.Ino]uint16 // modes of inodes without links that were not ended yet
	freed      []held                // what the running transaction frees
	freedFrags int64
	freedIn    map[int]struct{} // the groups of that

	began bool // the log on the disk is this one; set before there is an operation

	jobs sync.WaitGroup // commits by the timer, and checkpoints
	cpMu sync.Mutex     // one checkpoint is under way

	t journal.Transaction // of the one that commits
}

// commitInterval is how long a change stays in memory.
const commitInterval = 5 * time.Second

// opBlocks is how many blocks an operation changes at most: two inodes' sectors, a directory block and three indirect ones, a block of new inodes, and five
// cylinder groups.
const opBlocks = 12

func newTransactor(fs *FS, w *journal.Writer) *transactor {
	x := &transactor{
		fs: fs, w: w, each: opBlocks * int64(fs.s.BSize), budget: fs.budget() / 2, interval: fs.o.CommitInterval,
		orphans: map[ondisk.Ino]uint16{}, freedIn: map[int]struct{}{},
	}
	if x.interval == 0 {
		x.interval = commitInterval
	}
	x.cond.L = &x.mu
	x.running.Store(1)
	return x
}

// start begins the log on the disk, before the first change of a mount. A volume that is killed before the superblock has the mark is as it was.
func (x *transactor) start() error {
	if x.began {
		return nil
	}
	if err := x.w.Begin(); err != nil {
		return err
	}
	x.began = true
	if err := x.fs.alloc.SetJournal(true); err != nil {
		return err
	}
	return x.w.Checkpoint()
}

// isRoomy reports whether a log is large enough for an operation.
func (x *transactor) isRoomy() bool {
	return x.w.Cost(x.each+x.fixed(0), 0, 1) <= x.w.MaxTransaction(1)
}

// fixed bounds what a commit itself changes after n bytes of changes: the superblock and the sectors of the summary area.
func (x *transactor) fixed(n int64) int64 {
	s := x.fs.s
	return int64(s.SBSize) + 2*512 + min(int64(s.CSSize), n/8)
}

// fitsLocked reports whether extra bytes of changes fit into the running transaction. An empty one takes anything.
func (x *transactor) fitsLocked(extra int64) bool {
	dirty := x.fs.cache.DirtyBytes() + int64(len(x.freedIn))*int64(x.fs.s.CgSize+512) + x.fs.quota.pendingBytes()
	if x.active == 0 && dirty == 0 {
		return true
	}
	n := dirty + x.reserved + extra
	if n > max(x.budget, 2*x.each) {
		return false
	}
	return x.w.Cost(n+x.fixed(n), len(x.freed), len(x.orphans)) <= x.w.MaxTransaction(len(x.orphans))
}

// enter begins an operation: it waits until there is room for one in the running transaction. EROFS when the journal has failed. The operation ends
// with leave.
func (x *transactor) enter() error {
	if x == nil {
		return nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.enterLocked(x.each)
}

func (x *transactor) enterLocked(n int64) error {
	for (x.freedFrags > 0 || x.committing) && x.failed == nil && x.isShort() {
		x.commitLocked() // what was freed is needed
	}
	for {
		switch {
		case x.failed != nil:
			return syscall.EROFS
		case x.sealed:
			x.cond.Wait()
		case x.fitsLocked(n):
			x.active++
			x.reserved += n
			return nil
		default:
			x.commitLocked()
		}
	}
}

// isShort reports that an operation may lack space that is free once the running transaction is durable.
func (x *transactor) isShort() bool {
	_, available := x.fs.alloc.Space()
	return available < opBlocks*int64(x.fs.s.Frag)
}

// leave ends an operation.
func (x *transactor) leave() {
	if x == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.leaveLocked(x.each)
	x.armLocked()
}

func (x *transactor) leaveLocked(n int64) {
	x.active--
	x.reserved -= n
	if x.active == 0 {
		x.cond.Broadcast()
	}
}

// widen makes room for n bytes more of changes by an operation, which is at a place where it could end: maybe in another transaction. It is
// given back with narrow.
func (x *transactor) widen(n int64) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.sealed && x.failed == nil && x.fitsLocked(n) {
		x.reserved += n
		return nil
	}
	x.leaveLocked(x.each)
	return x.reenterLocked(x.each + n)
}

func (x *transactor) narrow(n int64) {
	if x == nil || n == 0 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.reserved -= n
}

// isTight reports that an operation had better begin anew: a commit waits for it, or there is no room for as much again as it has set aside.
func (x *transactor) isTight() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.sealed || !x.fitsLocked(0)
}

// renew ends the operation and begins another.
func (x *transactor) renew() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.leaveLocked(x.each)
	return x.reenterLocked(x.each)
}

// reenterLocked is enterLocked for an operation that will leave, whatever is returned.
func (x *transactor) reenterLocked(n int64) error {
	err := x.enterLocked(n)
	if err != nil {
		x.active++
		x.reserved += x.each
	}
	return err
}

// reclaim makes what was freed free, if there is something, and reports whether it did. The operation is at a place where it could end.
func (x *transactor) reclaim() bool {
	if x == nil {
		return false
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.freedFrags == 0 && !x.committing {
		return false
	}
	x.leaveLocked(x.each)
	x.commitLocked()
	return x.reenterLocked(x.each) == nil
}

// number is that of the running transaction; 0 without a journal.
func (x *transactor) number() uint64 {
	if x == nil {
		return 0
	}
	return x.running.Load()
}

// orphan notes that an inode has no links any more; adopted, that it is none of those now.
func (x *transactor) orphan(ino ondisk.Ino, mode uint16) {
	if x == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.orphans[ino] = mode
}

func (x *transactor) adopted(ino ondisk.Ino) {
	if x == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.orphans, ino)
}

// free frees n fragments with the running transaction.
func (x *transactor) free(f ondisk.Frag, n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.freed = append(x.freed, held{f, n})
	x.freedFrags += int64(n)
	for cg := x.fs.s.FragToCg(f); cg <= x.fs.s.FragToCg(f+ondisk.Frag(n)-1); cg++ {
		x.freedIn[cg] = struct{}{}
	}
}

// hasOrphans reports whether there are inodes without links.
func (x *transactor) hasOrphans() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.orphans) > 0
}

// pendingFrags is how many fragments will be free once the running transaction is durable.
func (x *transactor) pendingFrags() int64 {
	if x == nil {
		return 0
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.freedFrags
}

// isDurable reports that transaction n is.
func (x *transactor) isDurable(n uint64) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.durable >= n
}

// wait returns once transaction n, and all data that was written before, is durable.
func (x *transactor) wait(n uint64) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	for x.durable < n {
		if x.failed != nil {
			return x.failed
		}
		x.commitLocked()
	}
	return nil
}

// commitAll makes everything durable that was changed before the call.
func (x *transactor) commitAll() error { return x.wait(x.number()) }

// commitLocked commits the running transaction, or waits for a commit that is under way. It lets go of the lock meanwhile.
func (x *transactor) commitLocked() {
	if x.committing {
		x.cond.Wait()
		return
	}
	x.committing, x.sealed = true, true
	for x.active > 0 {
		x.cond.Wait()
	}
	n, freed := x.running.Load(), x.freed
	list := make([]journal.Inode, 0, len(x.orphans))
	for ino, mode := range x.orphans {
		list = append(list, journal.Inode{Ino: ino, Mode: mode})
	}
	x.running.Add(1)
	x.freed, x.freedFrags = nil, 0
	clear(x.freedIn)
	x.mu.Unlock()

	slices.SortFunc(list, func(a, b journal.Inode) int { return cmp.Compare(a.Ino, b.Ino) })
	freed = x.take(freed, list)
	x.mu.Lock()
	x.sealed = false
	x.cond.Broadcast()
	x.mu.Unlock()
	err := x.write(freed)
	x.mu.Lock()

	x.committing = false
	if err != nil {
		x.failLocked(err)
	} else {
		x.durable = n
	}
	x.cond.Broadcast()
}

// take collects what the running transaction has changed. No operation is under way. It returns what is to be freed once that is durable.
func (x *transactor) take(freed []held, orphans []journal.Inode) []held {
	fs, t := x.fs, &x.t
	t.Reset()
	if err := fs.quota.write(); err != nil {
		fs.log.Error("quotas not written; run fsck", "err", err)
		fs.alloc.Suspect()
	}
	freed = slices.DeleteFunc(freed, func(h held) bool {
		err := fs.alloc.Free(h.at, h.n)
		if err != nil {
			fs.alloc.Suspect()
			fs.log.Error("fragments not freed; run fsck", "blk", int64(h.at), "err", err)
		}
		return err != nil
	})
	if err := fs.alloc.Sync(); err != nil {
		fs.log.Warn("totals not written yet", "err", err)
	}
	for _, h := range freed {
		x.w.Holds(fs.s.FragOffset(h.at), int64(h.n)<<fs.s.FShift, t.Revoke)
	}
	fs.cache.Take(t.Add)
	t.Inodes(orphans)
	x.w.Stage(t)
	return slices.DeleteFunc(freed, func(h held) bool {
		err := fs.alloc.Retake(h.at, h.n)
		if err != nil {
			fs.alloc.Suspect()
			fs.log.Error("freed fragments are free too early; run fsck", "blk", int64(h.at), "err", err)
		}
		return err != nil
	})
}

// write makes what was taken durable.
func (x *transactor) write(freed []held) error {
	if x.t.IsEmpty() {
		return x.fs.dev.Flush()
	}
	if err := x.w.Commit(); err != nil {
		return err
	}
	for _, h := range freed {
		if err := x.fs.alloc.Free(h.at, h.n); err != nil {
			x.fs.alloc.Suspect()
			x.fs.log.Error("fragments not freed; run fsck", "blk", int64(h.at), "err", err)
		}
	}
	used, size := x.w.Used()
	if 2*used < size || !x.cpMu.TryLock() {
		return nil
	}
	if x.interval < 0 {
		defer x.cpMu.Unlock()
		return x.w.Checkpoint()
	}
	x.jobs.Go(func() {
		defer x.cpMu.Unlock()
		if err := x.w.Checkpoint(); err != nil {
			x.fail(err)
		}
	})
	return nil
}

// armLocked starts the timer of the running transaction.
func (x *transactor) armLocked() {
	if x.timer != nil || x.isClosed || x.interval < 0 {
		return
	}
	x.jobs.Add(1)
	x.timer = time.AfterFunc(x.interval, func() {
		defer x.jobs.Done()
		x.mu.Lock()
		defer x.mu.Unlock()
		x.timer = nil
		for n := x.running.Load(); x.durable < n && x.failed == nil; {
			x.commitLocked()
		}
	})
}

// close ends what runs in the background. There are no operations any more.
func (x *transactor) close() {
	x.mu.Lock()
	x.isClosed = true
	if x.timer != nil && x.timer.Stop() {
		x.jobs.Done()
	}
	x.mu.Unlock()
	x.jobs.Wait()
}

func (x *transactor) fail(err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.failLocked(err)
}

// failLocked ends all writing: the disk keeps what the last commit left, for the next mount to replay.
func (x *transactor) failLocked(err error) {
	if x.failed != nil {
		return
	}
	x.failed = err
	x.fs.turnReadOnly("the journal cannot be written", err)
	x.cond.Broadcast()
}
