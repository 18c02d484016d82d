package blockdev_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"rump/rumpfs/blockdev"
)

// hostFile makes a file with content.
func hostFile(t testing.TB, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, path string, o blockdev.FileOptions) blockdev.Device {
	t.Helper()
	d, err := blockdev.OpenFile(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func TestFileSize(t *testing.T) {
	tests := []struct {
		length, sector int
		want           int64
	}{{0, 0, 0}, {511, 0, 0}, {512, 0, 512}, {1535, 0, 1024}, {10000, 4096, 8192}, {4095, 4096, 0}}
	for _, test := range tests {
		d := open(t, hostFile(t, make([]byte, test.length)), blockdev.FileOptions{SectorSize: test.sector})
		if got := d.Size(); got != test.want {
			t.Errorf("%d bytes in sectors of %d: got size %d, want %d", test.length, test.sector, got, test.want)
		}
	}
}

func TestFileCreate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new.img")
	if _, err := blockdev.OpenFile(path, blockdev.FileOptions{}); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("missing file: got %v, want that it does not exist, and its name", err)
	}
	if _, err := blockdev.OpenFile(path, blockdev.FileOptions{ReadOnly: true, Create: true}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file, to be created read-only: got %v, want that it does not exist", err)
	}
	size := func() int64 {
		t.Helper()
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	steps := []struct {
		o    blockdev.FileOptions
		want int64
	}{
		{blockdev.FileOptions{Create: true, MinSize: 5000}, 5000},
		{blockdev.FileOptions{Create: true, MinSize: 3000}, 5000}, // never shorter
		{blockdev.FileOptions{MinSize: 1 << 40}, 1 << 40},         // a hole
		{blockdev.FileOptions{MinSize: 1 << 41, Truncate: true, ReadOnly: true}, 1 << 40},
		{blockdev.FileOptions{MinSize: 1024, Truncate: true}, 1024},
	}
	for i, s := range steps {
		d, err := blockdev.OpenFile(path, s.o)
		if err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		if got, want := d.Size(), s.want&^511; got != want {
			t.Errorf("step %d: got size %d, want %d", i, got, want)
		}
		if got := size(); got != s.want {
			t.Errorf("step %d: got a file of %d bytes, want %d", i, got, s.want)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestFileRefuses(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		path string
		o    blockdev.FileOptions
		want error
	}{
		{dir, blockdev.FileOptions{}, syscall.EISDIR},
		{dir, blockdev.FileOptions{ReadOnly: true}, syscall.EISDIR},
		{fifo, blockdev.FileOptions{ReadOnly: true}, syscall.ENOTBLK}, // and does not wait for a writer
		{"/dev/null", blockdev.FileOptions{}, syscall.ENOTBLK},
		{hostFile(t, nil), blockdev.FileOptions{SectorSize: 513}, syscall.EINVAL},
		{hostFile(t, nil), blockdev.FileOptions{SectorSize: 256}, syscall.EINVAL},
		{hostFile(t, nil), blockdev.FileOptions{SectorSize: 1 << 17}, syscall.EINVAL},
		{hostFile(t, nil) + "/x", blockdev.FileOptions{Create: true}, syscall.ENOTDIR},
	}
	for _, test := range tests {
		_, err := blockdev.OpenFile(test.path, test.o)
		if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.path) {
			t.Errorf("OpenFile(%s, %+v): got %v, want %v and the name", test.path, test.o, err, test.want)
		}
	}
}

func TestFileLock(t *testing.T) {
	rw, ro := blockdev.FileOptions{}, blockdev.FileOptions{ReadOnly: true}
	free := blockdev.FileOptions{NoLock: true}
	tests := []struct {
		first, second blockdev.FileOptions
		ok            bool
	}{{rw, rw, false}, {rw, ro, false}, {ro, rw, false}, {ro, ro, true}, {rw, free, true}, {free, rw, true}}
	for _, test := range tests {
		path := hostFile(t, make([]byte, 1024))
		first := open(t, path, test.first)
		second, err := blockdev.OpenFile(path, test.second)
		if test.ok {
			if err != nil {
				t.Errorf("%+v, then %+v: got %v, want nil", test.first, test.second, err)
				continue
			}
			second.Close()
			continue
		}
		var in *blockdev.InUseError
		if !errors.As(err, &in) || !errors.Is(err, syscall.EBUSY) || in.Path != path {
			t.Errorf("%+v, then %+v: got %v, want an InUseError for %s", test.first, test.second, err, path)
			continue
		}
		if in.PID != 0 && in.PID != os.Getpid() {
			t.Errorf("holder: got %d, want ourselves, %d, or unknown", in.PID, os.Getpid())
		}
		if err := first.Close(); err != nil {
			t.Error(err)
		}
		open(t, path, test.second)
	}
}

// TestFileLockBeforeTruncate: whoever may not have the file does not empty it either.
func TestFileLockBeforeTruncate(t *testing.T) {
	path := hostFile(t, bytes.Repeat([]byte{1}, 1024))
	d := open(t, path, blockdev.FileOptions{})
	if _, err := blockdev.OpenFile(path, blockdev.FileOptions{Truncate: true, MinSize: 1 << 20}); !errors.Is(err, syscall.EBUSY) {
		t.Fatalf("got %v, want EBUSY", err)
	}
	p := make([]byte, 1024)
	if _, err := d.ReadAt(p, 0); err != nil || p[1023] != 1 {
		t.Errorf("after a refused open: got %d, %v, want 1", p[1023], err)
	}
}

// TestFileLockNamesProcess opens a file that another process has; the other is this test binary again.
func TestFileLockNamesProcess(t *testing.T) {
	const name = "BLOCKDEV_TEST_HOLD"
	if path := os.Getenv(name); path != "" {
		if _, err := blockdev.OpenFile(path, blockdev.FileOptions{}); err != nil {
			fmt.Println(err)
		}
		fmt.Println("ready")
		_, _ = os.Stdin.Read(make([]byte, 1))
		return
	}
	path := hostFile(t, make([]byte, 1024))
	cmd := exec.Command(os.Args[0], "-test.run=^TestFileLockNamesProcess$")
	cmd.Env = append(os.Environ(), name+"="+path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		open(t, path, blockdev.FileOptions{}) // the lock goes with the process
	}()
	line := make([]byte, 6)
	if _, err := out.Read(line); err != nil || string(line) != "ready\n" {
		t.Fatalf("the other process said %q, %v", line, err)
	}
	_, err = blockdev.OpenFile(path, blockdev.FileOptions{})
	if !errors.Is(err, syscall.EBUSY) {
		t.Fatalf("got %v, want EBUSY", err)
	}
	if locks, e := os.ReadFile("/proc/locks"); e != nil || !bytes.Contains(locks, []byte("FLOCK")) {
		t.Skip("the host does not list its locks")
	}
	if want := fmt.Sprintf("%s: in use by another process (pid %d)", path, cmd.Process.Pid); err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

// TestFileShrinks: someone cuts the file off under our feet.
func TestFileShrinks(t *testing.T) {
	path := hostFile(t, make([]byte, 4096))
	d := open(t, path, blockdev.FileOptions{})
	if err := os.Truncate(path, 1000); err != nil {
		t.Fatal(err)
	}
	if n, err := d.ReadAt(make([]byte, 1024), 512); !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), path) {
		t.Errorf("read over the end: got %d, %v, want EIO and the name", n, err)
	}
	if n, err := d.ReadAt(make([]byte, 1024), 2048); n != 0 || !errors.Is(err, syscall.EIO) {
		t.Errorf("read behind the end: got %d, %v, want 0, EIO", n, err)
	}
}

func TestFileClosed(t *testing.T) {
	d := open(t, hostFile(t, make([]byte, 4096)), blockdev.FileOptions{})
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.ReadAt(make([]byte, 512), 0); err == nil {
		t.Error("ReadAt after Close: got nil")
	}
	if err := d.Flush(); err == nil {
		t.Error("Flush after Close: got nil")
	}
}

// TestFileDiscardFrees: a discarded range takes no room on a host that has holes.
func TestFileDiscardFrees(t *testing.T) {
	path := hostFile(t, bytes.Repeat([]byte{1}, 1<<20))
	d := open(t, path, blockdev.FileOptions{})
	blocks := func() int64 {
		t.Helper()
		if err := d.Flush(); err != nil {
			t.Fatal(err)
		}
		var st syscall.Stat_t
		if err := syscall.Stat(path, &st); err != nil {
			t.Fatal(err)
		}
		return st.Blocks
	}
	before := blocks()
	err := d.(blockdev.Discarder).Discard(0, 1<<19)
	if errors.Is(err, syscall.EOPNOTSUPP) {
		t.Skip("the host has no holes in files")
	}
	if err != nil {
		t.Fatal(err)
	}
	if after := blocks(); after > before/2+64 {
		t.Errorf("room after a discard: got %d sectors, want about half of %d", after, before)
	}
}

func TestFilePath(t *testing.T) {
	path := hostFile(t, make([]byte, 512))
	if got := open(t, path, blockdev.FileOptions{}).(*blockdev.File).Path(); got != path {
		t.Errorf("Path: got %q, want %q", got, path)
	}
}
