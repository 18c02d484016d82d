package bridge

import (
	"testing"

	"rump/rumpfs/vfs"
)

// TestNodeNumbers: every file of every mount has a number of its own, which leads back to it.
func TestNodeNumbers(t *testing.T) {
	table := &nodes{mount: 1}
	seen := map[uint64]place{}
	for _, mount := range []uint32{1, 2, 77, manyMounts - 1, manyMounts, manyMounts + 1, 1<<32 - 1} {
		for _, ino := range []vfs.Ino{1, 2, 3, 1<<32 + 2, inoLimit - 1, inoLimit, inoLimit + 2, 1<<64 - 1} {
			at := place{mount, ino}
			id := table.number(mount, ino)
			if old, ok := seen[id]; ok || id <= rootID {
				t.Errorf("%v and %v have number %d", at, old, id)
			}
			seen[id] = at
			if again := table.number(mount, ino); again != id {
				t.Errorf("%v has numbers %d and %d", at, id, again)
			}
			if got, ok := table.place(id); !ok || got != at {
				t.Errorf("number %#x of %v leads to %v, %v", id, at, got, ok)
			}
		}
	}
	shown := map[uint64]place{}
	for _, at := range seen {
		n := table.ino(at.mount, at.ino)
		if old, ok := shown[n]; ok || n == 0 {
			t.Errorf("%v and %v are shown as %d", at, old, n)
		}
		shown[n] = at
	}
	if _, ok := table.place(manyMounts<<indexShift | 1<<40); ok {
		t.Error("a number that was never given out leads somewhere")
	}
}

// TestDeviceNumbers: device numbers survive the way to the host and back.
func TestDeviceNumbers(t *testing.T) {
	for _, d := range []vfs.Dev{{}, {Major: 1, Minor: 3}, {Major: 4095, Minor: 1<<20 - 1}, {Major: 256, Minor: 256}} {
		if got := rumpDev(hostDev(d)); got != d {
			t.Errorf("%v comes back as %v", d, got)
		}
	}
	if got := hostDev(vfs.Dev{Major: 8, Minor: 0x101}); got != 0x100801 {
		t.Errorf("device 8, 257: got %#x, want 0x100801", got)
	}
}

// TestIDMap: ids that do not exist are root's.
func TestIDMap(t *testing.T) {
	if m := parseIDMap("         0          0 4294967295\n"); m != nil {
		t.Errorf("a map of everything: %v", m)
	}
	m := parseIDMap("0 1000 1\n  10 100000 5\n")
	for id, want := range map[uint32]uint32{0: 0, 1: 0, 9: 0, 10: 10, 14: 14, 15: 0, 1<<32 - 1: 0} {
		if got := m.show(id); got != want {
			t.Errorf("id %d is shown as %d, want %d", id, got, want)
		}
	}
}
