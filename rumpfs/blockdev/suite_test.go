package blockdev_test

import (
	"path/filepath"
	"testing"

	"rump/rumpfs/blockdev"
	"rump/rumpfs/blockdev/blockdevtest"
)

const testSize = blockdevtest.MinSize + 12<<10

// newFile makes a file of size bytes and opens it.
func newFile(t testing.TB, size int64, o blockdev.FileOptions) blockdev.Device {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.img")
	d, err := blockdev.OpenFile(path, blockdev.FileOptions{Create: true, MinSize: size, SectorSize: o.SectorSize})
	if err != nil {
		t.Fatal(err)
	}
	if !o.ReadOnly {
		return d
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if d, err = blockdev.OpenFile(path, o); err != nil {
		t.Fatal(err)
	}
	return d
}

func newSection(t testing.TB, d blockdev.Device, off, size int64) blockdev.Device {
	t.Helper()
	s, err := blockdev.NewSection(d, off, size)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSuite(t *testing.T) {
	file := func(o blockdev.FileOptions) func(testing.TB) blockdev.Device {
		return func(t testing.TB) blockdev.Device { return newFile(t, testSize, o) }
	}
	disks := map[string]func(t testing.TB) blockdev.Device{
		"File":         file(blockdev.FileOptions{}),
		"File4K":       file(blockdev.FileOptions{SectorSize: 4096}),
		"FileReadOnly": file(blockdev.FileOptions{ReadOnly: true}),
		"Memory":       func(t testing.TB) blockdev.Device { return blockdev.NewMemory(testSize) },
		"MemoryHuge":   func(t testing.TB) blockdev.Device { return blockdev.NewMemory(1 << 62) },
		"Memory64K": func(t testing.TB) blockdev.Device {
			m, err := blockdev.NewMemorySectors(2<<20, 65536)
			if err != nil {
				t.Fatal(err)
			}
			return m
		},
		"Snapshot": func(t testing.TB) blockdev.Device {
			m := blockdev.NewMemory(testSize)
			if _, err := m.WriteAt(make([]byte, 1<<20), 0); err != nil {
				t.Fatal(err)
			}
			return m.Snapshot()
		},
		"Section": func(t testing.TB) blockdev.Device {
			return newSection(t, blockdev.NewMemory(3*testSize), 512, testSize)
		},
		"SectionOfFile": func(t testing.TB) blockdev.Device {
			return newSection(t, newFile(t, 2*testSize, blockdev.FileOptions{}), 63*512, testSize)
		},
		"SectionOfSection": func(t testing.TB) blockdev.Device {
			s := newSection(t, newFile(t, 2*testSize, blockdev.FileOptions{}), 63*512, testSize+1024)
			return newSection(t, s, 512, testSize)
		},
		"SectionOfReadOnly": func(t testing.TB) blockdev.Device {
			return newSection(t, blockdev.NewReadOnly(newFile(t, 2*testSize, blockdev.FileOptions{})), 512, testSize)
		},
		"ReadOnly": func(t testing.TB) blockdev.Device { return blockdev.NewReadOnly(blockdev.NewMemory(testSize)) },
		"Recorder": func(t testing.TB) blockdev.Device { return blockdev.NewRecorder(blockdev.NewMemory(testSize)) },
		"Faulty": func(t testing.TB) blockdev.Device {
			return blockdev.NewFaulty(blockdev.NewMemory(testSize), blockdev.Plan{})
		},
		"FaultySilent": func(t testing.TB) blockdev.Device {
			return blockdev.NewFaulty(blockdev.NewMemory(testSize), blockdev.Plan{Cut: &blockdev.Cut{After: 2, Torn: 1, Silent: true}})
		},
	}
	for name, open := range disks {
		t.Run(name, func(t *testing.T) { blockdevtest.Run(t, open) })
	}
}
