package bridge_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"rump/bridge"
	"rump/rumpfs/blockdev"
	"rump/rumpfs/kern"
	"rump/rumpfs/vfs"
)

// A hostFS is one file, "f", whose bytes lie in pieces in a file of the host.
type hostFS struct {
	host   *os.File
	pieces []vfs.Extent // in order; Dev counts from base
	base   int64
	copied atomic.Int64 // bytes that were read the long way
}

var _ blockdev.HostFile = (*hostFS)(nil)

func (f *hostFS) HostFile() (uintptr, int64, bool)           { return f.host.Fd(), f.base, true }
func (f *hostFS) Type() string                               { return "host" }
func (f *hostFS) Root() vfs.Ino                              { return 2 }
func (f *hostFS) ReadOnly() bool                             { return true }
func (f *hostFS) Sync(context.Context, bool) error           { return nil }
func (f *hostFS) Unmount(context.Context) error              { return nil }
func (f *hostFS) Statfs(context.Context) (vfs.Statfs, error) { return vfs.Statfs{}, nil }

func (f *hostFS) Node(_ context.Context, ino vfs.Ino) (vfs.Node, error) {
	switch ino {
	case 2:
		return hostDir{FS: f}, nil
	case 3:
		return hostFile{FS: f}, nil
	}
	return nil, syscall.ESTALE
}

type hostDir struct {
	vfs.ReadOnlyDir
	FS *hostFS
}

func (hostDir) Ino() vfs.Ino { return 2 }
func (hostDir) Attr(context.Context) (vfs.Attr, error) {
	return vfs.Attr{Ino: 2, Kind: vfs.KindDir, Mode: 0o755, Nlink: 2}, nil
}
func (hostDir) Lookup(_ context.Context, name string) (vfs.Ino, error) {
	if name == "f" {
		return 3, nil
	}
	return 0, syscall.ENOENT
}
func (hostDir) ReadDir(context.Context, vfs.Cookie, func(vfs.DirEntry) bool) error { return nil }

type hostFile struct {
	vfs.ReadOnlyFile
	FS *hostFS
}

var _ vfs.Mapper = hostFile{}

func (hostFile) Ino() vfs.Ino { return 3 }
func (f hostFile) size() int64 {
	last := f.FS.pieces[len(f.FS.pieces)-1]
	return last.Off + last.Length
}
func (f hostFile) Attr(context.Context) (vfs.Attr, error) {
	return vfs.Attr{Ino: 3, Kind: vfs.KindRegular, Mode: 0o644, Nlink: 1, Size: f.size()}, nil
}

func (f hostFile) Map(_ context.Context, off, limit int64) (vfs.Extent, error) {
	for _, e := range f.FS.pieces {
		if off >= e.Off && off < e.Off+e.Length {
			skip := off - e.Off
			return vfs.Extent{Off: off, Length: min(limit, e.Length-skip), Dev: e.Dev + skip, Hole: e.Hole}, nil
		}
	}
	return vfs.Extent{Off: off}, nil
}

func (f hostFile) ReadAt(ctx context.Context, p []byte, off int64) (n int, err error) {
	for n < len(p) {
		e, _ := f.Map(ctx, off+int64(n), int64(len(p)-n))
		if e.Length == 0 {
			break
		}
		piece := p[n : n+int(e.Length)]
		if clear(piece); !e.Hole {
			if _, err := f.FS.host.ReadAt(piece, f.FS.base+e.Dev); err != nil {
				return n, err
			}
		}
		n += int(e.Length)
	}
	if n > 1 { // a single byte is for the access time
		f.FS.copied.Add(int64(n))
	}
	return n, nil
}

// TestSplice: what lies in one piece on the host is read from there, and everything else is right too: pieces, holes, ends.
func TestSplice(t *testing.T) {
	const size = 8 << 20
	host, err := os.Create(filepath.Join(t.TempDir(), "host"))
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	bytesOfHost := make([]byte, size)
	for i := range bytesOfHost {
		bytesOfHost[i] = byte(rand.Uint32())
	}
	if _, err := host.Write(bytesOfHost); err != nil {
		t.Fatal(err)
	}
	const base = 4096 + 512
	f := &hostFS{host: host, base: base, pieces: []vfs.Extent{
		{Off: 0, Length: 3<<20 + 100, Dev: 1 << 20},                // from an odd place
		{Off: 3<<20 + 100, Length: 1000, Hole: true},               // then a hole
		{Off: 3<<20 + 1100, Length: 200_000, Dev: 0},               // and small pieces
		{Off: 3<<20 + 201_100, Length: 5, Dev: 7},                  //
		{Off: 3<<20 + 201_105, Length: 900_000, Dev: 5 << 20},      //
		{Off: 3<<20 + 1_101_105, Length: 65536, Hole: true},        //
		{Off: 3<<20 + 1_166_641, Length: 70_001, Dev: 6<<20 + 333}, // up to an odd end
	}}
	var want []byte
	for _, e := range f.pieces {
		piece := make([]byte, e.Length)
		if !e.Hole {
			copy(piece, bytesOfHost[base+e.Dev:])
		}
		want = append(want, piece...)
	}
	k, err := kern.Boot(kern.Options{Root: f, Log: logTo(t)})
	if err != nil {
		t.Fatal(err)
	}
	m := mountKernel(t, k, bridge.Options{ReadOnly: true})
	got, err := os.ReadFile(m.path("f"))
	m.ok(err)
	if !bytes.Equal(got, want) {
		t.Fatalf("the file differs: %d bytes, want %d", len(got), len(want))
	}
	if copied := f.copied.Load(); copied > int64(len(want))/2 {
		t.Errorf("%d of %d bytes were copied", copied, len(want))
	}
	fd, err := syscall.Open(m.path("f"), syscall.O_RDONLY|syscall.O_DIRECT, 0)
	m.ok(err)
	defer syscall.Close(fd)
	// The pages of a reply, header included, just fill a pipe, or are one more than it holds: no wait for room that nobody makes.
	type piece struct{ off, n int }
	var reads []piece
	for _, off := range []int{0, 1, 511, 3584, 4095, 8192} {
		for n := 1<<20 - 3*4096; n <= 1<<20; n += 512 {
			reads = append(reads, piece{off, n})
		}
	}
	for range 200 {
		reads = append(reads, piece{rand.IntN(len(want)), 1 + rand.IntN(2<<20)})
	}
	for _, r := range reads {
		off, p := int64(r.off), make([]byte, r.n)
		n, err := syscall.Pread(fd, p, off)
		m.ok(err)
		if n != min(len(p), len(want)-int(off)) || !bytes.Equal(p[:n], want[off:off+int64(n)]) {
			t.Fatalf("%d bytes from %d: got %d, or others", len(p), off, n)
		}
	}
	for size := 1<<20 - 3*4096; size <= 1<<20; size += 512 { // around what a pipe holds
		p := make([]byte, size)
		if _, err := syscall.Pread(fd, p, 512); err != nil || !bytes.Equal(p, want[512:][:size]) {
			t.Fatalf("%d bytes: %v, or others", size, err)
		}
	}
	// A file of the host that is cut off under us is an error, not a hang.
	m.ok(host.Truncate(2 << 20))
	if _, err := syscall.Pread(fd, make([]byte, 1<<20), 2<<20); err == nil {
		t.Error("reading what the host has lost works")
	}
}
