package bridge_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"rump/bridge"
	"rump/rumpfs/vfs"
)

const (
	stressWorkers  = 24
	stressNames    = 6 // few, so that they meet
	watchdogPeriod = 30 * time.Second
)

// TestStress lets many programs work on the same few names, besides another door and a notifier, and fails if none of
// them makes a step for half a minute.
func TestStress(t *testing.T) {
	for _, c := range []struct {
		name  string
		procs int
		o     bridge.Options
	}{
		{"plain", 0, bridge.Options{}},
		{"one-processor", 1, bridge.Options{}},
		{"locks", 0, bridge.Options{Locks: true}},
		{"uncached", 0, bridge.Options{EntryTimeout: -1, AttrTimeout: -1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.procs > 0 {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(c.procs))
			}
			length := 800 * time.Millisecond
			if testing.Short() {
				length = 300 * time.Millisecond
			}
			m := mount(t, c.o)
			m.ok(os.Mkdir(m.path("A"), 0o755))
			m.ok(os.Mkdir(m.path("B"), 0o755))
			stress(m, length)
			m.ok(m.bridge.Unmount())
			m.consistent()
		})
	}
}

// stress runs the workers for some time.
func stress(m *mounted, length time.Duration) {
	var steps atomic.Int64
	stop := make(chan struct{})
	var wg sync.WaitGroup
	seed := rand.Uint64()
	m.Logf("seed %d", seed)
	for i := range stressWorkers {
		w := &stressWorker{m, rand.New(rand.NewPCG(seed, uint64(i)))}
		step := w.step
		if i < 2 {
			step = w.stepInside
		}
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				step()
				steps.Add(1)
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	time.AfterFunc(length, func() { close(stop) })
	for last := int64(-1); ; {
		select {
		case <-done:
			m.Logf("%d steps", steps.Load())
			return
		case <-time.After(watchdogPeriod):
		}
		now := steps.Load()
		if now == last {
			debug.SetTraceback("all")
			panic("nobody made a step for half a minute")
		}
		last = now
	}
}

type stressWorker struct {
	*mounted
	r *rand.Rand
}

func (w *stressWorker) name() string {
	return fmt.Sprintf("%c/%d", 'A'+rune(w.r.IntN(2)), w.r.IntN(stressNames))
}

// step does one thing. Whether it works depends on the others; what may not happen is an error that nobody can explain.
func (w *stressWorker) step() {
	a, b := w.path(w.name()), w.path(w.name())
	var err error
	switch w.r.IntN(12) {
	case 0:
		err = os.WriteFile(a, make([]byte, w.r.IntN(20_000)), 0o644)
	case 1:
		err = os.Mkdir(a, 0o755)
	case 2:
		err = syscall.Rmdir(a)
	case 3:
		err = syscall.Unlink(a)
	case 4, 5:
		err = syscall.Rename(a, b)
	case 6:
		err = os.Link(a, b)
	case 7:
		err = syscall.Mkdir(a+"/sub", 0o755)
	case 8:
		err = syscall.Rmdir(a + "/sub")
	case 9:
		_, err = os.ReadDir(w.path("AB"[w.r.IntN(2):][:1]))
	case 10:
		err = w.mapped(a)
	default:
		var st syscall.Stat_t
		err = syscall.Lstat(a, &st)
	}
	w.plausible(err)
}

func (w *stressWorker) plausible(err error) {
	for _, ok := range []error{nil, syscall.ENOENT, syscall.EEXIST, syscall.ENOTDIR, syscall.EISDIR, syscall.ENOTEMPTY, syscall.EINVAL, syscall.EPERM, syscall.ESTALE} {
		if errors.Is(err, ok) {
			return
		}
	}
	w.Errorf("%v", err)
}

// mapped changes a file through a mapping. Touching what another one has cut off meanwhile would be a signal, so only the kernel
// touches it: by writing it elsewhere.
func (w *stressWorker) mapped(path string) error {
	fd, err := syscall.Open(path, syscall.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	p, err := syscall.Mmap(fd, 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.ENODEV) {
		return nil // a directory
	}
	if err != nil {
		return err
	}
	_, err = syscall.Pwrite(fd, p, 8192) // a write from the mount into the mount
	if errors.Is(err, syscall.EFAULT) {
		err = nil
	}
	return errors.Join(err, syscall.Munmap(p))
}

// stepInside does one thing through the second door.
func (w *stressWorker) stepInside() {
	root := w.door.Root()
	defer root.Unref()
	dir, err := w.door.Lookup(ctx, vfs.Root, root, "AB"[w.r.IntN(2):][:1])
	if err != nil {
		w.Errorf("lookup inside: %v", err)
		return
	}
	defer dir.Unref()
	name := fmt.Sprint(w.r.IntN(stressNames))
	switch w.r.IntN(4) {
	case 0:
		v, err := w.door.Create(ctx, vfs.Root, dir, name, vfs.CreateAttr{Kind: vfs.KindRegular, Mode: 0o644})
		w.plausible(err)
		if err == nil {
			v.Unref()
		}
	case 1:
		w.plausible(w.door.Remove(ctx, vfs.Root, dir, name))
	default:
		v, err := w.door.Lookup(ctx, vfs.Root, dir, name)
		w.plausible(err)
		if err == nil {
			_, err = w.door.Write(ctx, vfs.Root, v, []byte(name), int64(w.r.IntN(30_000)))
			w.plausible(err)
			v.Unref()
		}
	}
	time.Sleep(time.Millisecond)
}

// consistent checks link counts against names, from inside.
func (m *mounted) consistent() {
	m.Helper()
	root := m.door.Root()
	defer root.Unref()
	names := map[vfs.Ino]uint32{}
	links := map[vfs.Ino]uint32{}
	dirs := []string{"A", "B"}
	for len(dirs) > 0 {
		dir := dirs[0]
		dirs = dirs[1:]
		var kids []string
		m.ok(m.door.ReadDir(ctx, vfs.Root, m.walk(dir), 0, func(e vfs.DirEntry) bool {
			if name := string(e.Name); name != "." && name != ".." {
				kids = append(kids, dir+"/"+name)
			}
			return true
		}))
		sub := uint32(0)
		for _, kid := range kids {
			v := m.walk(kid)
			a, err := m.door.Attr(ctx, v)
			m.ok(err)
			names[v.Ino()]++
			links[v.Ino()] = a.Nlink
			if v.IsDir() {
				sub++
				dirs = append(dirs, kid)
				links[v.Ino()] = 1 // checked as a parent
			}
		}
		if a, err := m.door.Attr(ctx, m.walk(dir)); err != nil || a.Nlink != 2+sub {
			m.Errorf("%s: %d links, want %d; %v", dir, a.Nlink, 2+sub, err)
		}
	}
	for ino, n := range names {
		if links[ino] != n {
			m.Errorf("inode %d: %d names, link count %d", ino, n, links[ino])
		}
	}
}
