package bridge_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"slices"
	"syscall"
	"testing"

	"rump/bridge"
)

// A dirent is one entry as getdents64(2) gives it.
type dirent struct {
	name string
	ino  uint64
	next int64
	kind byte
}

// list reads a directory from its start.
func list(t testing.TB, path string) []dirent {
	t.Helper()
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	return listFrom(t, fd, 0)
}

// listFrom reads a directory from a position.
func listFrom(t testing.TB, fd int, at int64) (all []dirent) {
	t.Helper()
	if _, err := syscall.Seek(fd, at, 0); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 3000)
	for {
		n, err := syscall.ReadDirent(fd, buf)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return all
		}
		for b := buf[:n]; len(b) > 0; {
			size := binary.NativeEndian.Uint16(b[16:])
			name := b[19:size]
			all = append(all, dirent{string(name[:clen(name)]), binary.NativeEndian.Uint64(b), int64(binary.NativeEndian.Uint64(b[8:])), b[18]})
			b = b[size:]
		}
	}
}

func clen(b []byte) int {
	for i, c := range b {
		if c == 0 {
			return i
		}
	}
	return len(b)
}

func names(entries []dirent) []string {
	var s []string
	for _, e := range entries {
		s = append(s, e.name)
	}
	return s
}

// TestSeekDir: every position that telldir can return leads back to what followed it, however often the directory is read,
// and while others come and go.
func TestSeekDir(t *testing.T) {
	m := mount(t, bridge.Options{})
	const count = 300
	for i := range count {
		m.write(fmt.Sprintf("file-%d", i), "")
	}
	fd, err := syscall.Open(m.dir, syscall.O_RDONLY|syscall.O_DIRECTORY, 0)
	m.ok(err)
	defer syscall.Close(fd)
	all := listFrom(t, fd, 0)
	if len(all) != count+2 {
		t.Fatalf("entries: got %d, want %d", len(all), count+2)
	}
	for i, e := range all {
		if got, want := names(listFrom(t, fd, e.next)), names(all[i+1:]); !slices.Equal(got, want) {
			t.Fatalf("from the position after %s: got %v, want %v", e.name, got, want)
		}
		if i%50 != 0 {
			continue
		}
		m.write(fmt.Sprintf("extra-%d", i), "")
		m.ok(os.Remove(m.path(fmt.Sprintf("extra-%d", i))))
	}
}

// TestListAndStat: reading a directory makes the host know what is in it, and it is right, with thousands of entries too.
func TestListAndStat(t *testing.T) {
	m := mount(t, bridge.Options{})
	want := map[string]int64{}
	for i := range 2500 {
		name := fmt.Sprintf("%0*d", 1+i%200, i)
		if _, ok := want[name]; ok {
			continue
		}
		want[name] = int64(i % 100)
		m.write(name, string(make([]byte, i%100)))
	}
	m.ok(m.bridge.Unmount())
	m2 := mountKernel(t, m.kernel, bridge.Options{})
	got := map[string]int64{}
	entries, err := os.ReadDir(m2.dir)
	m.ok(err)
	for _, e := range entries {
		info, err := e.Info()
		m.ok(err)
		got[e.Name()] = info.Size()
	}
	if !maps.Equal(got, want) {
		t.Errorf("the listing has %d files, want %d with the right sizes", len(got), len(want))
	}
}
