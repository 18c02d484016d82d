package dev_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"rump/rumpfs/blockdev"
	"rump/rumpfs/kern/dev"
	"rump/rumpfs/vfs"
)

var ctx = context.Background()

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestSwitch finds drivers by kind and number.
func TestSwitch(t *testing.T) {
	var s dev.Switch
	must(t, s.Add(vfs.KindChar, dev.MemoryMajor, dev.Memory()))
	must(t, s.Add(vfs.KindChar, dev.RandomMajor, dev.Random()))
	if err := s.Add(vfs.KindChar, dev.MemoryMajor, dev.Memory()); err != syscall.EEXIST {
		t.Errorf("the same number: %v, want EEXIST", err)
	}
	for _, c := range []struct {
		kind vfs.Kind
		rdev vfs.Dev
		want error
	}{
		{vfs.KindChar, vfs.Dev{Major: 2, Minor: 2}, nil},
		{vfs.KindChar, vfs.Dev{Major: 255, Minor: 1}, nil},
		{vfs.KindChar, vfs.Dev{Major: 2, Minor: 3}, syscall.ENXIO},
		{vfs.KindChar, vfs.Dev{Major: 3, Minor: 2}, syscall.ENXIO},
		{vfs.KindBlock, vfs.Dev{Major: 2, Minor: 2}, syscall.ENXIO},
	} {
		d, err := s.Open(ctx, c.kind, c.rdev, true)
		if !errors.Is(err, c.want) {
			t.Errorf("%v %v: %v, want %v", c.kind, c.rdev, err, c.want)
		}
		if err == nil {
			must(t, d.Close())
		}
	}
}

// TestMemory reads and writes null, zero and random.
func TestMemory(t *testing.T) {
	open := func(d dev.Driver, minor uint32) dev.Device {
		t.Helper()
		u, err := d.Open(ctx, minor, dev.OpenOptions{Kind: vfs.KindChar})
		must(t, err)
		return u
	}
	b := bytes.Repeat([]byte{1}, 100)
	for _, u := range []dev.Device{open(dev.Memory(), dev.NullMinor), open(dev.Memory(), dev.ZeroMinor), open(dev.Random(), dev.RandomMinor)} {
		if n, err := u.Write(ctx, b, 5); n != 100 || err != nil {
			t.Errorf("%T takes %d, %v", u, n, err)
		}
	}
	if n, err := open(dev.Memory(), dev.NullMinor).Read(ctx, b, 0); n != 0 || err != nil {
		t.Errorf("null gives %d, %v", n, err)
	}
	if n, err := open(dev.Memory(), dev.ZeroMinor).Read(ctx, b, 1<<60); n != 100 || err != nil || !bytes.Equal(b, make([]byte, 100)) {
		t.Errorf("zero gives %d, %v", n, err)
	}
	if n, err := open(dev.Random(), dev.URandomMinor).Read(ctx, b, 0); n != 100 || err != nil || bytes.Equal(b, make([]byte, 100)) {
		t.Errorf("random gives %d, %v", n, err)
	}
}

// TestDisk compares a disk with a slice under transfers of any size and place: a block device takes all, a raw one whole sectors.
func TestDisk(t *testing.T) {
	const size = 64 << 10
	for _, sector := range []int{512, 4096} {
		m := blockdev.NewMemory(size)
		d := dev.NewDisk(withSector{m, sector}, false, dev.Label{}, new(sync.Mutex))
		model := make([]byte, size)
		rnd := rand.New(rand.NewPCG(1, uint64(sector)))
		for range 2000 {
			off, n := rnd.IntN(size+1000), rnd.IntN(10000)
			b := make([]byte, n)
			if rnd.IntN(2) == 0 {
				for i := range b {
					b[i] = byte(rnd.Uint32())
				}
				want, err := 0, error(nil)
				if off < size {
					want = copy(model[off:], b)
				}
				if want < n {
					err = syscall.ENOSPC
				}
				if got, gerr := d.Write(ctx, b, int64(off)); got != want || !errors.Is(gerr, err) {
					t.Fatalf("write %d at %d: %d, %v, want %d, %v", n, off, got, gerr, want, err)
				}
				continue
			}
			want := 0
			if off < size {
				want = min(n, size-off)
			}
			got, err := d.Read(ctx, b, int64(off))
			if got != want || err != nil || want > 0 && !bytes.Equal(b[:got], model[off:off+got]) {
				t.Fatalf("read %d at %d: %d, %v, want %d", n, off, got, err, want)
			}
		}
	}
	raw := dev.NewDisk(blockdev.NewMemory(size), true, dev.Label{}, new(sync.Mutex))
	for _, c := range []struct {
		off  int64
		n, m int
		err  error
	}{{0, 512, 512, nil}, {512, 1024, 1024, nil}, {0, 0, 0, nil}, {1, 512, 0, syscall.EINVAL}, {0, 511, 0, syscall.EINVAL}, {-512, 512, 0, syscall.EINVAL}, {size, 512, 0, nil}} {
		if n, err := raw.Read(ctx, make([]byte, c.n), c.off); n != c.m || !errors.Is(err, c.err) {
			t.Errorf("raw read of %d at %d: %d, %v, want %d, %v", c.n, c.off, n, err, c.m, c.err)
		}
	}
}

// withSector is a disk with larger sectors.
type withSector struct {
	blockdev.Device
	sector int
}

func (w withSector) SectorSize() int { return w.sector }

func (w withSector) check(p []byte, off int64) error {
	if off%int64(w.sector) != 0 || len(p)%w.sector != 0 {
		return syscall.EINVAL
	}
	return nil
}

func (w withSector) ReadAt(p []byte, off int64) (int, error) {
	if err := w.check(p, off); err != nil {
		return 0, err
	}
	return w.Device.ReadAt(p, off)
}

func (w withSector) WriteAt(p []byte, off int64) (int, error) {
	if err := w.check(p, off); err != nil {
		return 0, err
	}
	return w.Device.WriteAt(p, off)
}

// TestDiskTogether changes parts of one sector at the same time: none is lost.
func TestDiskTogether(t *testing.T) {
	m, share := blockdev.NewMemory(4096), new(sync.Mutex)
	var all sync.WaitGroup
	for i := range 64 {
		d := dev.NewDisk(m, false, dev.Label{}, share)
		all.Go(func() {
			for range 50 {
				if _, err := d.Write(ctx, []byte{byte(i + 1)}, int64(i*8)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	b := make([]byte, 512)
	if _, err := m.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	for i := range 64 {
		if b[i*8] != byte(i+1) {
			t.Errorf("byte %d is %d, want %d", i*8, b[i*8], i+1)
		}
	}
}

// TestHostDisks makes disks of files: extends them, shares them, opens them twice, refuses what cannot be.
func TestHostDisks(t *testing.T) {
	dir := t.TempDir()
	img := filepath.Join(dir, "img")
	var h dev.HostDisks
	add := func(d dev.HostDisk, want error) (uint32, int64) {
		t.Helper()
		minor, size, err := h.Add(d)
		if !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%+v: %v, want %v", d, err, want)
		}
		return minor, size
	}
	add(dev.HostDisk{Path: img}, os.ErrNotExist)
	if _, size := add(dev.HostDisk{Path: img, Size: 10000, Create: true}, nil); size != 9728 {
		t.Errorf("size %d, want whole sectors: 9728", size)
	}
	if minor, size := add(dev.HostDisk{Path: img, Offset: 8192, Size: 1 << 20}, nil); minor != 1 || size != 1<<20 {
		t.Errorf("a later part: minor %d, size %d", minor, size)
	}
	if info, err := os.Stat(img); err != nil || info.Size() != 8192+1<<20 || info.Mode() != 0o644 {
		t.Errorf("the file: %v, %v", info, err)
	}
	link := filepath.Join(dir, "link")
	must(t, os.Symlink(img, link))
	add(dev.HostDisk{Path: link, Size: 512}, nil) // the same under another name: no lock of our own is in the way
	add(dev.HostDisk{Path: img, Offset: 100, Size: 512}, syscall.EINVAL)
	add(dev.HostDisk{Path: img, Offset: -512, Size: 512}, syscall.EINVAL)
	add(dev.HostDisk{Path: img, Offset: 1 << 62, Size: 1 << 62}, syscall.EINVAL)
	add(dev.HostDisk{Path: dir, Size: 512}, syscall.EISDIR)
	empty := filepath.Join(dir, "empty")
	must(t, os.WriteFile(empty, nil, 0o600))
	add(dev.HostDisk{Path: empty}, syscall.EINVAL)
	ro := filepath.Join(dir, "ro")
	must(t, os.WriteFile(ro, make([]byte, 4096), 0o600))
	minor, _ := add(dev.HostDisk{Path: ro, ReadOnly: true}, nil)
	add(dev.HostDisk{Path: ro}, syscall.EBUSY)
	if _, err := h.Open(ctx, minor, dev.OpenOptions{Kind: vfs.KindBlock, Write: true}); err != syscall.EROFS {
		t.Errorf("opening a read-only disk for writing: %v, want EROFS", err)
	}
	var other dev.HostDisks
	if _, _, err := other.Add(dev.HostDisk{Path: img, Size: 512}); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("another server: %v, want EBUSY", err)
	}
	if _, err := h.Open(ctx, 99, dev.OpenOptions{Kind: vfs.KindBlock}); err != syscall.ENXIO {
		t.Errorf("no such disk: %v, want ENXIO", err)
	}
	d, err := h.Open(ctx, 1, dev.OpenOptions{Kind: vfs.KindBlock, Write: true})
	must(t, err)
	if _, err := d.Write(ctx, []byte("hello"), 3); err != nil {
		t.Error(err)
	}
	l := d.(dev.Disk).Label()
	if len(l.Partitions) != 2 || l.This != 1 || l.Partitions[1].Size != 2048 || l.TypeName != "rumpd" || !l.Fictitious {
		t.Errorf("label %+v", l)
	}
	must(t, d.Close())
	must(t, h.Close())
	if b, err := os.ReadFile(img); err != nil || string(b[8192+3:][:5]) != "hello" {
		t.Errorf("the file holds %q, %v", b[8192:][:10], err)
	}
	must(t, func() error { _, _, err := other.Add(dev.HostDisk{Path: img, Size: 512}); return err }())
	must(t, other.Close())
}

// TestHostDisksMany makes as many as there can be.
func TestHostDisksMany(t *testing.T) {
	var h dev.HostDisks
	img := filepath.Join(t.TempDir(), "img")
	for i := range 16 {
		if minor, _, err := h.Add(dev.HostDisk{Path: img, Size: 4096, Create: true}); minor != uint32(i) || err != nil {
			t.Fatalf("disk %d: minor %d, %v", i, minor, err)
		}
	}
	if _, _, err := h.Add(dev.HostDisk{Path: img, Size: 4096}); err != syscall.EBUSY {
		t.Errorf("the seventeenth: %v, want EBUSY", err)
	}
	must(t, h.Close())
}

// TestHostFile is a part of a file as a file.
func TestHostFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	must(t, os.WriteFile(path, []byte("0123456789"), 0o600))
	f, err := dev.OpenHostFile(dev.HostDisk{Path: path, Offset: 4, Size: 3})
	must(t, err)
	b := make([]byte, 10)
	if n, err := f.ReadAt(b, 1); n != 2 || err != io.EOF || string(b[:n]) != "56" {
		t.Errorf("read %q, %v", b[:n], err)
	}
	if _, err := f.WriteAt([]byte("xyz"), 1); err != syscall.EINVAL {
		t.Errorf("write over the end: %v, want EINVAL", err)
	}
	if _, err := f.WriteAt([]byte("xy"), 1); err != nil {
		t.Error(err)
	}
	must(t, f.Sync())
	must(t, f.Close())
	if b, _ := os.ReadFile(path); string(b) != "01234xy789" {
		t.Errorf("the file holds %q", b)
	}
	f, err = dev.OpenHostFile(dev.HostDisk{Path: path, Offset: 8, Size: 100})
	must(t, err)
	if info, _ := os.Stat(path); info.Size() != 108 || f.Size() != 100 {
		t.Errorf("a longer part: file of %d, part of %d", info.Size(), f.Size())
	}
	must(t, f.Close())
	for _, bad := range []dev.HostDisk{{Path: path, Size: -1}, {Path: path, Offset: 1 << 62, Size: 1 << 62}, {Path: t.TempDir(), ReadOnly: true}, {Path: path, Size: 1000, ReadOnly: true}} {
		if _, err := dev.OpenHostFile(bad); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%+v: %v, want EINVAL", bad, err)
		}
	}
}
