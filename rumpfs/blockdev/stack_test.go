package blockdev_test

import (
	"errors"
	"math"
	"syscall"
	"testing"

	"rump/rumpfs/blockdev"
)

func TestSectionRefuses(t *testing.T) {
	d := blockdev.NewMemory(1 << 20)
	tests := [][2]int64{{-512, 512}, {1, 512}, {0, 100}, {0, -512}, {0, 1<<20 + 512}, {1 << 20, 512}, {512, 1 << 20}, {512, math.MaxInt64 - 511},
		{math.MaxInt64 - 511, 512}, {math.MinInt64, 512}}
	for _, test := range tests {
		if _, err := blockdev.NewSection(d, test[0], test[1]); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("NewSection(%d, %d): got %v, want EINVAL", test[0], test[1], err)
		}
	}
	s := newSection(t, d, 512, 1024)
	if _, err := blockdev.NewSection(s, 512, 1024); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("a section past the end of a section: got %v, want EINVAL", err)
	}
	newSection(t, d, 1<<20, 0) // empty, at the end
}

// TestSectionStays looks for the window's bytes below it, and for damage around it.
func TestSectionStays(t *testing.T) {
	m := blockdev.NewMemory(8192)
	s := newSection(t, newSection(t, m, 1024, 4096), 512, 1024)
	p := make([]byte, 1024)
	for i := range p {
		p[i] = 0xff
	}
	if _, err := s.WriteAt(p, 0); err != nil {
		t.Fatal(err)
	}
	for i, b := range m.Bytes() {
		if want := i >= 1536 && i < 2560; (b == 0xff) != want {
			t.Fatalf("byte %d below: got %#x, want written: %t", i, b, want)
		}
	}
	if err := s.(blockdev.Discarder).Discard(512, 512); err != nil {
		t.Fatal(err)
	}
	for i, b := range m.Bytes() {
		if want := i >= 1536 && i < 2048; (b == 0xff) != want {
			t.Fatalf("byte %d below, after a discard: got %#x, want written: %t", i, b, want)
		}
	}
}

// TestHostFileOffset: the place in the host's file survives any stack that keeps bytes as they are, and no other.
func TestHostFileOffset(t *testing.T) {
	file := newFile(t, 1<<20, blockdev.FileOptions{})
	defer file.Close()
	wantFD, _, ok := file.(blockdev.HostFile).HostFile()
	if !ok {
		t.Fatal("a file has no host file")
	}
	tests := map[string]struct {
		d    blockdev.Device
		want int64
		ok   bool
	}{
		"section":              {newSection(t, file, 63*512, 4096), 63 * 512, true},
		"section of section":   {newSection(t, newSection(t, file, 63*512, 8192), 1024, 4096), 63*512 + 1024, true},
		"read-only":            {blockdev.NewReadOnly(file), 0, true},
		"section of read-only": {newSection(t, blockdev.NewReadOnly(newSection(t, file, 512, 8192)), 1024, 4096), 1536, true},
		"section of recorder":  {newSection(t, blockdev.NewRecorder(file), 512, 4096), 0, false},
		"section of faulty":    {newSection(t, blockdev.NewFaulty(file, blockdev.Plan{}), 512, 4096), 0, false},
		"section of memory":    {newSection(t, blockdev.NewMemory(8192), 512, 4096), 0, false},
		"read-only memory":     {blockdev.NewReadOnly(blockdev.NewMemory(8192)), 0, false},
	}
	for name, test := range tests {
		fd, off, ok := test.d.(blockdev.HostFile).HostFile()
		if ok != test.ok || ok && (fd != wantFD || off != test.want) {
			t.Errorf("%s: got %d, %d, %t, want %d, %d, %t", name, fd, off, ok, wantFD, test.want, test.ok)
		}
	}
	for name, d := range map[string]blockdev.Device{"recorder": blockdev.NewRecorder(file), "faulty": blockdev.NewFaulty(file, blockdev.Plan{})} {
		if _, ok := d.(blockdev.HostFile); ok {
			t.Errorf("a %s gives away the file past which it cannot look", name)
		}
	}
}

// closer counts.
type closer struct {
	blockdev.Device
	closed int
}

func (c *closer) Close() error { c.closed++; return nil }

func TestCloseReachesBottom(t *testing.T) {
	m := &closer{Device: blockdev.NewMemory(8192)}
	stack := blockdev.NewReadOnly(blockdev.NewFaulty(blockdev.NewRecorder(newSection(t, newSection(t, m, 512, 4096), 0, 1024)), blockdev.Plan{}))
	if err := stack.Close(); err != nil || m.closed != 1 {
		t.Errorf("Close of a stack: got %v and %d at the bottom, want nil and 1", err, m.closed)
	}
}

// TestDiscardWithoutOne: a stack on a disk that cannot discard says so and changes nothing.
func TestDiscardWithoutOne(t *testing.T) {
	m := blockdev.NewMemory(8192)
	plain := struct{ blockdev.Device }{m}
	if _, err := m.WriteAt([]byte{511: 1}, 512); err != nil {
		t.Fatal(err)
	}
	for name, d := range map[string]blockdev.Device{
		"section":  newSection(t, plain, 512, 1024),
		"recorder": blockdev.NewRecorder(plain),
		"faulty":   blockdev.NewFaulty(plain, blockdev.Plan{}),
	} {
		if err := d.(blockdev.Discarder).Discard(0, 512); !errors.Is(err, syscall.EOPNOTSUPP) {
			t.Errorf("%s: got %v, want EOPNOTSUPP", name, err)
		}
		if r, ok := d.(*blockdev.Recorder); ok && r.Len() != 0 {
			t.Errorf("%s: kept a discard that did not happen", name)
		}
	}
	if m.Bytes()[1023] != 1 {
		t.Error("the byte below has changed")
	}
}
