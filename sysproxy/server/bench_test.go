package server_test

import (
	"path/filepath"
	"testing"

	"rump/components"
	"rump/netbsd"
	"rump/sysproxy/client"
	"rump/sysproxy/server"
)

// BenchmarkNoop is one system call without arguments, over a unix socket and back. Aim: under 40 us.
func BenchmarkNoop(b *testing.B) {
	c := newRig(b).dial()
	for b.Loop() {
		if _, err := c.Syscall(netbsd.SYS_GETEUID); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStat has the server ask for the path, and write to memory.
func BenchmarkStat(b *testing.B) {
	c := newRig(b).dial()
	for b.Loop() {
		if _, err := c.Stat("/dev/null"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParallelNoop is 16 clients at once.
func BenchmarkParallelNoop(b *testing.B) {
	r := newRig(b)
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		c, err := client.Dial(ctx, r.url, client.Options{})
		if err != nil {
			b.Error(err)
			return
		}
		defer c.Close()
		for pb.Next() {
			if _, err := c.Syscall(netbsd.SYS_GETEUID); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkConnect is a client that comes, makes one call, and goes.
func BenchmarkConnect(b *testing.B) {
	r := newRig(b)
	for b.Loop() {
		c, err := client.Dial(ctx, r.url, client.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.Syscall(netbsd.SYS_GETEUID); err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
}

// BenchmarkRead reads a file of a mounted FFS at bs=64k, as rump.dd does, and BenchmarkWrite writes one. Aim: 1 GB/s.
func BenchmarkRead(b *testing.B)  { benchmarkMove(b, false) }
func BenchmarkWrite(b *testing.B) { benchmarkMove(b, true) }

func benchmarkMove(b *testing.B, write bool) {
	const size, block = 32 << 20, 64 << 10
	r := newRig(b)
	img := filepath.Join(b.TempDir(), "img")
	newfs(b, img, 2*size)
	r.addDisk("/dk", img)
	c := r.dial()
	must(b, c.Mkdir("/mnt", 0o755))
	must(b, c.Mount("ffs", "/mnt", 0, "/dk"))
	f, err := c.OpenFile("/mnt/f", netbsd.O_RDWR|netbsd.O_CREAT, 0o644)
	must(b, err)
	defer f.Close()
	buf := make([]byte, block)
	for off := int64(0); off < size; off += block {
		_, err := f.WriteAt(buf, off)
		must(b, err)
	}
	b.SetBytes(block)
	off := int64(0)
	for b.Loop() {
		if write {
			_, err = c.Pwrite(f.FD(), buf, off)
		} else {
			_, err = c.Pread(f.FD(), buf, off)
		}
		if err != nil {
			b.Fatal(err)
		}
		off = (off + block) % size
	}
}

// BenchmarkBoot is a kernel with every component, from nothing to the answer to its first sysctl. Aim: 10 ms with the process
// around it.
func BenchmarkBoot(b *testing.B) {
	url := "unix://" + filepath.Join(b.TempDir(), "s")
	for b.Loop() {
		m, err := components.Boot(ctx, components.Options{Components: components.All(), Hostname: "rump"})
		must(b, err)
		s := server.New(server.Options{System: m.System})
		l, err := server.Listen(url)
		must(b, err)
		go func() { _ = s.Serve(l) }()
		c, err := client.Dial(ctx, url, client.Options{})
		must(b, err)
		_, err = c.SysctlGet(client.Mib{netbsd.CTL_KERN, netbsd.KERN_HOSTNAME})
		must(b, err)
		must(b, c.Close())
		must(b, s.Close(ctx))
		must(b, m.System.Shutdown(ctx, 0))
	}
}
