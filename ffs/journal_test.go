package ffs_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rump/ffs"
	"rump/ffs/fsck"
	"rump/ffs/mkfs"
	"rump/ffs/ondisk"
	"rump/internal/endian"
	"rump/rumpfs/blockdev"
	"rump/rumpfs/vfs"
)

// putSuper writes a superblock.
func putSuper(tb testing.TB, dev blockdev.Device, s *ondisk.Super) {
	tb.Helper()
	area := make([]byte, s.SBSize)
	s.Encode(area)
	if _, err := dev.WriteAt(area, s.Location); err != nil {
		tb.Fatal(err)
	}
}

// checkNoJournal checks that a volume was unmounted as a genuine kernel leaves it: its journal is recorded, out of use and empty.
func checkJournalAtRest(tb testing.TB, dev blockdev.Device) ondisk.Journal {
	tb.Helper()
	check(tb, dev)
	s := super(tb, dev)
	j, order, ok := s.FindJournal()
	if !ok || s.HasWAPBL() || j.Version != ondisk.JournalVersion1 || j.Flags != 0 {
		tb.Fatalf("journal %+v, in use %v", j, s.HasWAPBL())
	}
	b := make([]byte, 2*j.Loc[2])
	if _, err := dev.ReadAt(b, int64(j.Loc[0]*j.Loc[2])); err != nil {
		tb.Fatal(err)
	}
	latest := b[:j.Loc[2]]
	if other := b[j.Loc[2]:]; order.Uint32(other[12:]) > order.Uint32(latest[12:]) {
		latest = other
	}
	if head, tail := order.Uint64(latest[48:]), order.Uint64(latest[56:]); head != 0 || tail != 0 {
		tb.Errorf("after unmount the journal is from %d to %d", tail, head)
	}
	return j
}

// A journal is made where and as large as the original makes it.
func TestJournalIsMade(t *testing.T) {
	const MiB = 1 << 20
	for _, c := range []struct {
		name     string
		o        mkfs.Options
		device   int64
		location uint8
		size     uint64
	}{
		{"small file", mkfs.Options{Version: 2, BlockSize: 8192, FragSize: 1024}, 24 * MiB, ondisk.JournalInFile, MiB},
		{"UFS1", mkfs.Options{Version: 1, BlockSize: 4096, FragSize: 512}, 24 * MiB, ondisk.JournalInFile, MiB},
		{"big-endian", mkfs.Options{Version: 2, Order: endian.Big, BlockSize: 16384, FragSize: 2048}, 24 * MiB, ondisk.JournalInFile, MiB},
		{"large", mkfs.Options{Version: 2, BlockSize: 4096, FragSize: 4096, Inodes: 1000}, 6 << 30, ondisk.JournalInFile, 0},
		{"behind", mkfs.Options{Version: 2, BlockSize: 8192, FragSize: 1024, Size: 20 * MiB}, 24 * MiB, ondisk.JournalAtEnd, 4 * MiB},
		{"not behind", mkfs.Options{Version: 2, BlockSize: 8192, FragSize: 1024, Size: 23*MiB + MiB/2}, 24 * MiB, ondisk.JournalInFile, MiB},
		{"quotas", mkfs.Options{Version: 2, UserQuota: true, BlockSize: 8192, FragSize: 1024}, 8 * MiB, ondisk.JournalInFile, MiB},
	} {
		t.Run(c.name, func(t *testing.T) {
			dev := blockdev.NewMemory(c.device)
			if _, err := mkfs.Newfs(ctx, dev, c.o); err != nil {
				t.Fatal(err)
			}
			v := open(t, lasting{dev}, ffs.Options{Journal: true})
			v.must(v.write("/f", bytes.Repeat([]byte("x"), 100_000), 0))
			if s := super(t, dev); !s.HasWAPBL() || s.Clean&ondisk.CleanIs != 0 && false {
				t.Errorf("in use: journal %v", s.HasWAPBL())
			}
			v.close()
			j := checkJournalAtRest(t, dev)
			s := super(t, dev)
			want := c.size
			if want == 0 {
				want = uint64(int64(s.DSize)<<s.FShift/1024) &^ uint64(s.BSize-1)
			}
			if got := j.Loc[1] * j.Loc[2]; j.Location != c.location || got != want {
				t.Errorf("at %d, %d bytes; want at %d, %d", j.Location, got, c.location, want)
			}
			if c.location == ondisk.JournalAtEnd && (j.Loc[0]*j.Loc[2] != uint64(s.Size)<<s.FShift || j.Loc[3] != 0) {
				t.Errorf("%+v: not behind the file system", j)
			}
			// The next mount goes on with it.
			v = open(t, lasting{dev}, ffs.Options{Journal: true})
			v.must(v.write("/g", []byte("y"), 0))
			v.close()
			if again := checkJournalAtRest(t, dev); again != j {
				t.Errorf("then %+v, before %+v", again, j)
			}
		})
	}
}

// What tunefs asks for is done by the next mount.
func TestJournalWishes(t *testing.T) {
	dev := flavours()[2].format(t, 24<<20)
	before := super(t, dev).Total
	s := super(t, dev)
	s.SetJournal(endian.Little, ondisk.Journal{Location: ondisk.JournalInFile, Flags: ondisk.JournalCreate, Loc: [4]uint64{0, 3 << 20}})
	putSuper(t, dev, s)
	v := open(t, lasting{dev}, ffs.Options{Journal: true})
	v.must(v.write("/f", []byte("x"), 0))
	v.must(v.remove("/f"))
	v.close()
	j := checkJournalAtRest(t, dev)
	if got := j.Loc[1] * j.Loc[2]; got != 3<<20 {
		t.Errorf("%d bytes, want 3 MiB", got)
	}
	s = super(t, dev)
	j.Flags = ondisk.JournalClear
	s.SetJournal(endian.Little, j)
	putSuper(t, dev, s)
	v = open(t, lasting{dev}, ffs.Options{})
	v.close()
	check(t, dev)
	s = super(t, dev)
	if _, _, ok := s.FindJournal(); ok || s.Journal(endian.Little) != (ondisk.Journal{}) {
		t.Errorf("still there: %+v", s.Journal(endian.Little))
	}
	if s.Total != before {
		t.Errorf("totals %+v, before %+v", s.Total, before)
	}
}

// A journal that cannot be had is told, and the mount goes on without.
func TestJournalCannotBe(t *testing.T) {
	old := flavours()[6].format(t, 8<<20)
	tiny := flavours()[2].format(t, 300<<10)
	small := flavours()[4].format(t, 8<<20)
	s := super(t, small)
	s.SetJournal(endian.Little, ondisk.Journal{Location: ondisk.JournalInFile, Flags: ondisk.JournalCreate, Loc: [4]uint64{0, 64 << 10}})
	putSuper(t, small, s)
	stolen := flavours()[2].format(t, 8<<20)
	v := open(t, lasting{stolen}, ffs.Options{})
	v.must(v.write("/f", make([]byte, 1<<20), 0))
	n, err := v.walk("/f")
	v.must(err)
	v.close()
	s = super(t, stolen)
	s.SetJournal(endian.Little, ondisk.Journal{Version: 1, Location: ondisk.JournalInFile, Loc: [4]uint64{4096, 2048, 512, uint64(n.Ino())}})
	putSuper(t, stolen, s)
	for name, dev := range map[string]*blockdev.Memory{"old layout": old, "tiny volume": tiny, "tiny journal": small, "somebody's file": stolen} {
		v := open(t, lasting{dev}, ffs.Options{Journal: true})
		if w := strings.Join(v.fs.Warnings(), "\n"); !strings.Contains(w, "no journal: ") {
			t.Errorf("%s: warnings %q", name, w)
		}
		v.must(v.write("/g", []byte("x"), 0))
		if super(t, dev).HasWAPBL() {
			t.Errorf("%s: has a journal", name)
		}
		v.close()
		check(t, dev)
	}
}

// A hooked device calls a function at each flush.
type hooked struct {
	blockdev.Device
	mu    sync.Mutex
	flush func()
}

func (h *hooked) set(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.flush = f
}

func (h *hooked) Flush() error {
	h.mu.Lock()
	f := h.flush
	h.flush = nil
	h.mu.Unlock()
	if f != nil {
		f()
	}
	return h.Device.Flush()
}

func (h *hooked) Close() error { return nil }

// While a transaction is being written, operations go on, but what it frees is not handed out: if the power goes, the old owner has it back as it was.
func TestFreedSpaceIsNotReusedTooEarly(t *testing.T) {
	dev := flavours()[2].format(t, 6<<20)
	h := &hooked{Device: dev}
	v := open(t, h, ffs.Options{Journal: true, CommitInterval: -1})
	old := bytes.Repeat([]byte("old!"), 3<<20/4)
	v.must(v.write("/old", old, 0))
	v.must(v.fs.Sync(ctx, true))
	v.must(v.truncate("/old", 0))
	var killed *blockdev.Memory
	grown := 0
	h.set(func() { // the records are written, the header is not
		for off := int64(0); ; off += 8192 {
			if err := v.write("/new", bytes.Repeat([]byte("new!"), 2048), off); err != nil {
				if err != syscall.ENOSPC {
					t.Errorf("write while a transaction is written: %v", err)
				}
				break
			}
			if grown += 8192; grown == 1<<20 {
				break
			}
		}
		killed = dev.Snapshot()
	})
	v.must(v.fs.Sync(ctx, true))
	if grown < 500_000 {
		t.Fatalf("only %d bytes were written meanwhile", grown)
	}
	w := open(t, killed, ffs.Options{})
	got, err := w.read("/old")
	w.must(err)
	if !bytes.Equal(got, old) {
		t.Error("the old file has lost its content")
	}
	w.close()
	check(t, killed)
	v.must(v.write("/new2", old[:2<<20], 0)) // now there is space
	v.close()
	check(t, dev)
}

// Many programs at once, with fsync and without: what was synced is there after a crash, and a checker finds nothing.
func TestJournalConcurrently(t *testing.T) {
	dev := flavours()[2].format(t, 32<<20)
	h := &hooked{Device: dev}
	fs, err := ffs.Mount(ctx, h, ffs.Options{Journal: true, CommitInterval: time.Millisecond, Budget: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	root, err := fs.Node(ctx, fs.Root())
	if err != nil {
		t.Fatal(err)
	}
	const workers = 6
	dirs := make([]vfs.Dir, workers)
	for i := range dirs {
		n, err := root.(vfs.Dir).Create(ctx, vfs.Root, fmt.Sprint("d", i), vfs.CreateAttr{Kind: vfs.KindDir, Mode: 0o755})
		if err != nil {
			t.Fatal(err)
		}
		dirs[i] = n.(vfs.Dir)
	}
	rounds := 150
	if testing.Short() {
		rounds = 40
	}
	var wg sync.WaitGroup
	synced := make([]map[string]int, workers)
	for i := range workers {
		synced[i] = map[string]int{}
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 5))
			live := map[string]vfs.Node{}
			for k := range rounds {
				name := fmt.Sprint(r.IntN(20))
				n := live[name]
				if n == nil {
					var err error
					if n, err = dirs[i].Create(ctx, vfs.Root, name, vfs.CreateAttr{Kind: vfs.KindRegular, Mode: 0o644}); err != nil {
						t.Error(err)
						return
					}
					live[name] = n
				} else if r.IntN(3) == 0 {
					delete(synced[i], name)
					delete(live, name)
					if err := errors.Join(dirs[i].Remove(ctx, name, n), n.Reclaim(ctx)); err != nil {
						t.Error(err)
					}
					continue
				}
				size := 1 + r.IntN(100_000)
				if _, err := n.(vfs.File).WriteAt(ctx, vfs.Root, bytes.Repeat([]byte{byte(size) | 1}, size), 0); err != nil {
					t.Error(err)
				}
				if err := n.SetAttr(ctx, vfs.Root, vfs.SetAttr{Mask: vfs.SetSize, Size: int64(size)}); err != nil {
					t.Error(err)
				}
				delete(synced[i], name)
				if k%4 == 0 {
					if err := n.Sync(ctx, false); err != nil {
						t.Error(err)
					}
					synced[i][name] = size
				}
			}
		})
	}
	wg.Wait()
	killed := dev.Snapshot()
	v := open(t, killed, ffs.Options{})
	for i := range synced {
		for name, size := range synced[i] {
			p := fmt.Sprintf("/d%d/%s", i, name)
			if got, err := v.read(p); err != nil || len(got) != size || bytes.Count(got, []byte{byte(size) | 1}) != size {
				t.Errorf("%s: %d bytes, %v; %d were synced", p, len(got), err, size)
			}
		}
	}
	v.close()
	check(t, killed)
	r, err := fsck.Check(ctx, dev, fsck.Options{Force: true})
	if err != nil || !r.Super.HasWAPBL() {
		t.Errorf("the volume in use: %v, journal %v", err, r.Super.HasWAPBL())
	}
}

// Long operations in a small journal go in steps, each of which fits.
func TestLongOperationsInSmallJournal(t *testing.T) {
	dev := flavour{"many groups", mkfs.Options{Version: 2, BlockSize: 4096, FragSize: 512, Density: 512, MaxBPG: 8}, true}.format(t, 24<<20)
	s := super(t, dev)
	s.SetJournal(endian.Little, ondisk.Journal{Location: ondisk.JournalInFile, Flags: ondisk.JournalCreate, Loc: [4]uint64{0, 160 << 10}})
	putSuper(t, dev, s)
	v := open(t, lasting{dev}, ffs.Options{Journal: true, CommitInterval: -1})
	if len(v.fs.Warnings()) > 0 {
		t.Fatal(v.fs.Warnings())
	}
	for k := range 3 {
		v.must(v.write("/long", make([]byte, 14<<20), int64(k)*100))
		n, err := v.walk("/long")
		v.must(err)
		switch k {
		case 0:
			v.must(v.truncate("/long", 0))
		case 1:
			v.must(n.(vfs.Allocator).Punch(ctx, 4096, 12<<20))
			v.must(n.(vfs.Allocator).Allocate(ctx, vfs.Root, 0, 13<<20, false))
		}
	}
	v.must(v.remove("/long"))
	v.close()
	check(t, dev)
}
