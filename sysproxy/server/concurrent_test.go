package server_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"rump/netbsd"
	"rump/sysproxy"
	"rump/sysproxy/client"
)

// eventually waits until something holds.
func eventually(t testing.TB, what string, fn func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !fn(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 10 seconds", what)
		}
	}
}

// TestManyClients lets many work at once, each on files of its own, on a file system on a disk.
func TestManyClients(t *testing.T) {
	clients, rounds := 200, 10
	if testing.Short() {
		clients, rounds = 40, 3
	}
	r := newRig(t)
	img := filepath.Join(t.TempDir(), "img")
	newfs(t, img, 64<<20)
	r.addDisk("/dk", img)
	first := r.dial()
	must(t, first.Mkdir("/mnt", 0o755))
	must(t, first.Mount("ffs", "/mnt", 0, "/dk"))
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			c, err := client.Dial(ctx, r.url, client.Options{Program: fmt.Sprint("worker", i)})
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for j := range rounds {
				if err := workOn(c, fmt.Sprintf("/mnt/d%d", i), byte(i+j)); err != nil {
					t.Errorf("client %d, round %d: %v", i, j, err)
					return
				}
			}
		})
	}
	all.Wait()
	if list, err := first.ReadDir("/mnt"); len(list) != 2 || err != nil {
		t.Errorf("%v are left, %v", list, err)
	}
	must(t, first.Chdir("/"))
	eventually(t, "clients go", func() bool { return r.server.Conns() == 1 })
	must(t, first.Unmount("/mnt", 0))
}

// workOn makes, reads and removes a small tree.
func workOn(c *client.Client, dir string, fill byte) error {
	if err := c.Mkdir(dir, 0o755); err != nil {
		return err
	}
	want := bytes.Repeat([]byte{fill}, 20000)
	for _, name := range []string{"a", "b", "c"} {
		f, err := c.OpenFile(dir+"/"+name, netbsd.O_RDWR|netbsd.O_CREAT|netbsd.O_EXCL, 0o644)
		if err != nil {
			return err
		}
		if _, err := f.Write(want); err != nil {
			return err
		}
		got := make([]byte, len(want))
		if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
			return fmt.Errorf("read %d bytes differently, %w", len(got), err)
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	if err := c.Rename(dir+"/a", dir+"/z"); err != nil {
		return err
	}
	list, err := c.ReadDir(dir)
	if err != nil || len(list) != 5 {
		return fmt.Errorf("%d entries, %w", len(list), err)
	}
	for _, name := range []string{"b", "c", "z"} {
		if err := c.Unlink(dir + "/" + name); err != nil {
			return err
		}
	}
	return c.Rmdir(dir)
}

// descriptors is how many this process has.
func descriptors(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(list)
}

// heap is what is in use after a collection, bytes.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestManyConnections lets clients come and go, one after the other: memory stays flat, and no descriptor is left.
func TestManyConnections(t *testing.T) {
	n := 5000
	if testing.Short() {
		n = 500
	}
	if os.Getenv("RUMP_TEST_LONG") == "1" {
		n = 100000
	}
	r := newRig(t)
	come := func() {
		c, err := client.Dial(ctx, r.url, client.Options{})
		must(t, err)
		fd, err := c.Open("/tmp", 0, 0)
		must(t, err)
		_, err = c.Fstat(fd) // and leave it open
		must(t, err)
		must(t, c.Close())
	}
	for range 100 {
		come()
	}
	eventually(t, "clients go", func() bool { return r.server.Conns() == 0 })
	files, before := descriptors(t), heap()
	for range n {
		come()
	}
	eventually(t, "clients go", func() bool { return r.server.Conns() == 0 })
	if grown := heap() - before; grown > 2<<20 {
		t.Errorf("memory grew by %d bytes", grown)
	}
	if now := descriptors(t); now > files {
		t.Errorf("%d descriptors, %d before", now, files)
	}
}

// TestManyBytes moves much through one connection, to and from a mounted file system: memory stays flat.
func TestManyBytes(t *testing.T) {
	total := int64(64 << 20)
	if testing.Short() {
		total = 8 << 20
	}
	if os.Getenv("RUMP_TEST_LONG") == "1" {
		total = 10 << 30
	}
	const size, block = 16 << 20, 64 << 10
	r := newRig(t)
	img := filepath.Join(t.TempDir(), "img")
	newfs(t, img, 2*size)
	r.addDisk("/dk", img)
	c := r.dial()
	must(t, c.Mkdir("/mnt", 0o755))
	must(t, c.Mount("ffs", "/mnt", 0, "/dk"))
	f, err := c.OpenFile("/mnt/f", netbsd.O_RDWR|netbsd.O_CREAT, 0o644)
	must(t, err)
	buf := make([]byte, block)
	var before int64
	for done := int64(0); done < total; done += 2 * block {
		off := done / 2 % size
		n, err := f.WriteAt(buf, off)
		must(t, err)
		m, err := f.ReadAt(buf, off)
		must(t, err)
		if n+m != 2*block {
			t.Fatalf("wrote %d and read %d of %d bytes", n, m, block)
		}
		if done == size {
			before = heap()
		}
	}
	if grown := heap() - before; before != 0 && grown > 1<<20 {
		t.Errorf("memory grew by %d bytes", grown)
	}
	must(t, f.Close())
}

// TestBothWays moves much in both directions over one connection: while the client cannot take more, the server must go on reading.
func TestBothWays(t *testing.T) {
	r := newRig(t)
	c := r.dial()
	const size = 8 << 20
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i * 7)
	}
	for _, name := range []string{"/tmp/in", "/tmp/out"} {
		f, err := c.OpenFile(name, netbsd.O_RDWR|netbsd.O_CREAT, 0o644)
		must(t, err)
		_, err = f.Write(data)
		must(t, err)
		must(t, f.Close())
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			name := []string{"/tmp/in", "/tmp/out"}[i%2]
			f, err := c.OpenFile(name, netbsd.O_RDWR, 0)
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			if i%2 == 0 {
				got := make([]byte, size)
				if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(got, data) {
					t.Errorf("read differently: %v", err)
				}
			} else if _, err := f.WriteAt(data, 0); err != nil {
				t.Error(err)
			}
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("they wait for each other")
	}
}

// TestOutstanding has many calls under way on one connection, which end in any order.
func TestOutstanding(t *testing.T) {
	r := newRig(t)
	c := r.dial()
	const n = 50
	var all sync.WaitGroup
	rds, wrs := make([]int, n), make([]int, n)
	for i := range n {
		var err error
		rds[i], wrs[i], err = c.Pipe()
		must(t, err)
		all.Go(func() {
			b := make([]byte, 10)
			if n, err := c.Read(rds[i], b); n != 1 || err != nil || b[0] != byte(i) {
				t.Errorf("pipe %d gives %x, %v", i, b[:n], err)
			}
		})
	}
	for i := n - 1; i >= 0; i-- {
		_, err := c.Write(wrs[i], []byte{byte(i)})
		must(t, err)
	}
	all.Wait()
}

// TestGone leaves while a call waits for something: the process ends, and what it had is free again.
func TestGone(t *testing.T) {
	r := newRig(t)
	other := r.dial()
	f, err := other.OpenFile("/tmp/lock", netbsd.O_RDWR|netbsd.O_CREAT, 0o644)
	must(t, err)
	all := netbsd.Flock{Type: netbsd.F_WRLCK}
	must(t, other.FcntlLock(f.FD(), netbsd.F_SETLK, &all))
	must(t, other.Flock(f.FD(), netbsd.LOCK_EX))
	must(t, other.Mkfifo("/tmp/fifo", 0o644))
	for name, wait := range map[string]func(c *client.Client) error{
		"pipe": func(c *client.Client) error {
			rd, _, err := c.Pipe()
			if err == nil {
				_, err = c.Read(rd, make([]byte, 1))
			}
			return err
		},
		"full pipe": func(c *client.Client) error {
			_, wr, err := c.Pipe()
			if err == nil {
				_, err = c.Write(wr, make([]byte, 1<<20))
			}
			return err
		},
		"poll": func(c *client.Client) error {
			rd, _, err := c.Pipe()
			if err == nil {
				_, err = c.Poll([]netbsd.Pollfd{{FD: int32(rd), Events: netbsd.POLLIN}}, -1)
			}
			return err
		},
		"fcntl": func(c *client.Client) error {
			f, err := c.OpenFile("/tmp/lock", netbsd.O_RDWR, 0)
			if err != nil {
				return err
			}
			l := netbsd.Flock{Type: netbsd.F_WRLCK}
			return c.FcntlLock(f.FD(), netbsd.F_SETLKW, &l)
		},
		"flock": func(c *client.Client) error {
			f, err := c.OpenFile("/tmp/lock", netbsd.O_RDWR, 0)
			if err != nil {
				return err
			}
			return c.Flock(f.FD(), netbsd.LOCK_EX)
		},
		"open a fifo": func(c *client.Client) error {
			_, err := c.Open("/tmp/fifo", netbsd.O_RDONLY, 0)
			return err
		},
		"sleep": func(c *client.Client) error {
			_, err := c.Syscall(netbsd.SYS___NANOSLEEP50, client.Encoded(netbsd.Timespec{Sec: 1000}, netbsd.TimespecSize), client.Null())
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := client.Dial(ctx, r.url, client.Options{})
			must(t, err)
			ended := make(chan error, 1)
			go func() { ended <- wait(c) }()
			select {
			case err := <-ended:
				t.Fatalf("does not wait: %v", err)
			case <-time.After(20 * time.Millisecond):
			}
			if _, _, err := c.Getpid(); err != nil {
				t.Errorf("another call meanwhile: %v", err)
			}
			c.Close()
			if err := <-ended; !errors.Is(err, netbsd.ENOTCONN) {
				t.Errorf("the call ends with %v, want ENOTCONN", err)
			}
			eventually(t, "the process ends", func() bool { return r.machine.System.Processes() == 2 })
		})
	}
}

// TestLocksReleased has a client die that holds locks; whoever waits for them gets them.
func TestLocksReleased(t *testing.T) {
	r := newRig(t)
	holder, waiter := r.dial(), r.dial()
	open := func(c *client.Client) *client.File {
		f, err := c.OpenFile("/tmp/lock", netbsd.O_RDWR|netbsd.O_CREAT, 0o644)
		must(t, err)
		return f
	}
	h, w := open(holder), open(waiter)
	lock := netbsd.Flock{Type: netbsd.F_WRLCK, Start: 10, Len: 5}
	must(t, holder.FcntlLock(h.FD(), netbsd.F_SETLK, &lock))
	must(t, holder.Flock(h.FD(), netbsd.LOCK_EX))
	ask := netbsd.Flock{Type: netbsd.F_RDLCK, Start: 12, Len: 100}
	must(t, waiter.FcntlLock(w.FD(), netbsd.F_GETLK, &ask))
	pid, _, err := holder.Getpid()
	must(t, err)
	if want := (netbsd.Flock{Type: netbsd.F_WRLCK, Start: 10, Len: 5, PID: int32(pid)}); ask != want {
		t.Errorf("who holds it: %+v, want %+v", ask, want)
	}
	if err := waiter.Flock(w.FD(), netbsd.LOCK_EX|netbsd.LOCK_NB); !errors.Is(err, netbsd.EAGAIN) {
		t.Errorf("flock: %v, want EAGAIN", err)
	}
	got := make(chan error, 2)
	go func() { got <- waiter.FcntlLock(w.FD(), netbsd.F_SETLKW, &netbsd.Flock{Type: netbsd.F_WRLCK}) }()
	go func() { got <- waiter.Flock(w.FD(), netbsd.LOCK_EX) }()
	time.Sleep(20 * time.Millisecond)
	holder.Close()
	for range 2 {
		if err := <-got; err != nil {
			t.Error(err)
		}
	}
}

// TestStalled has a client that asks for much and reads nothing. The others go on, and its end is its end.
func TestStalled(t *testing.T) {
	r := newRig(t)
	c := r.dial()
	fd, err := c.Open("/dev/zero", 0, 0)
	must(t, err)
	sock := r.raw()
	enter(t, sock)
	send(t, sock, frame(2, sysproxy.Syscall, netbsd.SYS_OPEN, append(le.AppendUint64(nil, 0x1000), make([]byte, 16)...)...))
	h, _, _ := receive(t, sock)
	path := []byte("/dev/zero\x00")
	send(t, sock, append(sysproxy.Header{Reqno: h.Reqno, Class: sysproxy.Response, Type: sysproxy.Copyin}.Append(nil, len(path)), path...))
	receive(t, sock)
	args := le.AppendUint64(le.AppendUint64(le.AppendUint64(nil, 3), 0x1000), 1<<40)
	for i := range 10 {
		send(t, sock, frame(uint64(3+i), sysproxy.Syscall, netbsd.SYS_READ, args...))
	}
	for range 100 {
		if n, err := c.Read(fd, make([]byte, 100)); n != 100 || err != nil {
			t.Fatalf("another client: %d, %v", n, err)
		}
	}
	sock.Close()
	eventually(t, "it goes", func() bool { return r.server.Conns() == 1 })
}

// TestHalfFrames leaves in the middle of each frame.
func TestHalfFrames(t *testing.T) {
	r := newRig(t)
	whole := append(guestFrame(), frame(2, sysproxy.Syscall, netbsd.SYS_GETEUID)...)
	for n := range len(whole) {
		sock := r.raw()
		send(t, sock, whole[:n])
		sock.Close()
	}
	eventually(t, "they go", func() bool { return r.server.Conns() == 0 })
}

// TestSlowFrames sends a byte at a time.
func TestSlowFrames(t *testing.T) {
	r := newRig(t)
	sock := r.raw()
	for _, b := range append(guestFrame(), frame(2, sysproxy.Syscall, netbsd.SYS_GETEUID)...) {
		send(t, sock, []byte{b})
	}
	for _, want := range []uint64{1, 2} {
		if h, _, ok := receive(t, sock); !ok || h.Reqno != want {
			t.Errorf("answer %+v %v, want to %d", h, ok, want)
		}
	}
}

// TestTCP serves over TCP too.
func TestTCP(t *testing.T) {
	r := newRig(t)
	l, err := listen("tcp://127.0.0.1:0/")
	must(t, err)
	go func() { _ = r.server.Serve(l) }()
	c, err := client.Dial(ctx, l.URL().String(), client.Options{})
	must(t, err)
	defer c.Close()
	must(t, workOn(c, "/tmp/d", 1))
	if _, err := client.Dial(ctx, "tcp://0.0.0.0:1/", client.Options{}); err == nil || err.Error() != "rump_sp_tcp: client needs !INADDR_ANY" {
		t.Errorf("a client of any address: %v", err)
	}
}

// TestReboot ends the kernel while others are there: who asked is told, the socket is gone, and what was mounted is clean.
func TestReboot(t *testing.T) {
	r := newRig(t)
	img := filepath.Join(t.TempDir(), "img")
	newfs(t, img, 4<<20)
	r.addDisk("/dk", img)
	c, other := r.dial(), r.dial()
	must(t, c.Mkdir("/mnt", 0o755))
	must(t, c.Mount("ffs", "/mnt", 0, "/dk"))
	f, err := other.OpenFile("/mnt/f", netbsd.O_RDWR|netbsd.O_CREAT, 0o644)
	must(t, err)
	_, err = f.Write([]byte("kept"))
	must(t, err)
	must(t, other.Setuid(1000))
	if err := other.Reboot(0); !errors.Is(err, netbsd.EPERM) {
		t.Fatalf("reboot by anybody: %v, want EPERM", err)
	}
	must(t, c.Reboot(0))
	if _, err := os.Lstat(r.url[len("unix://"):]); !os.IsNotExist(err) {
		t.Errorf("the socket: %v, want none", err)
	}
	select {
	case <-r.machine.System.Halted():
	case <-time.After(10 * time.Second):
		t.Fatal("the kernel goes on")
	}
	if _, err := f.Write([]byte("x")); !errors.Is(err, netbsd.ESTALE) {
		t.Errorf("a file of before: %v, want ESTALE", err)
	}
	if _, err := client.Dial(ctx, r.url, client.Options{}); err == nil {
		t.Error("new clients are let in")
	}
	checkClean(t, img)
}

// TestServeConn serves a pair of sockets.
func TestServeConn(t *testing.T) {
	r := newRig(t)
	mine, theirs := net.Pipe()
	defer mine.Close()
	r.server.ServeConn(theirs)
	b := make([]byte, 1)
	for b[0] != '\n' {
		if _, err := io.ReadFull(mine, b); err != nil {
			t.Fatal(err)
		}
	}
	enter(t, mine)
}
