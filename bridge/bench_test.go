package bridge_test

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"rump/bridge"
	"rump/rumpfs/rootfs"
)

// The benchmarks measure client and server together, as two processes. Where the host runs them decides more than anything
// else, so compare only runs that are pinned alike: taskset -c 0 go test -bench . -run - ./bridge. On a machine with other work
// compare cpu-ns/op, the processor time of both.

const (
	benchFile  = 1 << 10
	benchBlock = 1 << 20
	benchSmall = 4 << 10
	benchSize  = 64 << 20 // of the file that is read and written
)

func each(dir string, n int, do func(path string) error) error {
	for i := range n {
		if err := do(fmt.Sprintf("%s/f%07d", dir, i)); err != nil {
			return err
		}
	}
	return nil
}

func createFile(path string) error {
	fd, err := syscall.Open(path, syscall.O_CREAT|syscall.O_TRUNC|syscall.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = syscall.Write(fd, make([]byte, benchFile))
	return errors.Join(err, syscall.Close(fd))
}

func readFile(path string) error {
	fd, err := syscall.Open(path, syscall.O_RDONLY, 0)
	if err != nil {
		return err
	}
	_, err = syscall.Read(fd, make([]byte, benchFile))
	return errors.Join(err, syscall.Close(fd))
}

// stream goes through one file, again and again, past the host's cache for reading.
func stream(dir string, n, block int, do func(int, []byte, int64) (int, error)) error {
	fd, err := syscall.Open(dir+"/stream", syscall.O_RDWR|syscall.O_CREAT, 0o644)
	if err != nil {
		return err
	}
	p := make([]byte, block)
	for i := range n {
		off := int64(i) * int64(block) % benchSize
		if off == 0 {
			_ = unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED)
		}
		if _, err := do(fd, p, off); err != nil {
			return errors.Join(err, syscall.Close(fd))
		}
	}
	return syscall.Close(fd)
}

func perOp(b *testing.B, cpu time.Duration) {
	b.ReportMetric(float64(cpu.Nanoseconds())/float64(b.N), "cpu-ns/op")
}

func benchMount(b *testing.B) *mounted {
	return mountKernel(b, boot(b, rootfs.Options{MaxBytes: 4 << 30, MaxInodes: 1 << 22}), bridge.Options{})
}

// forget makes the host's kernel forget what it knows of the mount, as far as this process may.
func (m *mounted) forget() {
	_ = os.WriteFile("/proc/sys/vm/drop_caches", []byte("2"), 0)
}

func BenchmarkFiles(b *testing.B) {
	for _, op := range []string{"create", "stat", "read", "unlink"} {
		b.Run(op, func(b *testing.B) {
			m := benchMount(b)
			if op != "create" {
				m.run("create", b.N)
				m.forget()
			}
			b.ResetTimer()
			cpu := m.run(op, b.N)
			b.StopTimer()
			perOp(b, cpu)
		})
	}
}

// BenchmarkList is ls -l of a directory of 10,000 files that the host does not know.
func BenchmarkList(b *testing.B) {
	m := benchMount(b)
	m.run("create", 10_000)
	var cpu time.Duration
	for b.Loop() {
		b.StopTimer()
		m.forget()
		b.StartTimer()
		cpu += m.run("list", 1)
	}
	perOp(b, cpu)
}

func BenchmarkStream(b *testing.B) {
	for op, size := range map[string]int64{"write-1m": benchBlock, "write-4k": benchSmall, "read-1m": benchBlock} {
		b.Run(op, func(b *testing.B) {
			m := benchMount(b)
			m.run("write-1m", benchSize/benchBlock)
			b.SetBytes(size)
			b.ResetTimer()
			cpu := m.run(op, b.N)
			b.StopTimer()
			perOp(b, cpu)
		})
	}
}
