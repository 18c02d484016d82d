package blockdev_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"

	"rump/rumpfs/blockdev"
)

func sectorsOf(v byte, n int) []byte { return bytes.Repeat([]byte{v}, 512*n) }

func mustWriteAt(t testing.TB, d blockdev.Device, p []byte, off int64) {
	t.Helper()
	if _, err := d.WriteAt(p, off); err != nil {
		t.Fatal(err)
	}
}

// record does random changes on a recorder and returns the image after each event.
func record(t testing.TB, rec *blockdev.Recorder, m *blockdev.Memory, n int) [][]byte {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	images := [][]byte{m.Bytes()}
	for range n {
		off, count := r.IntN(60), 1+r.IntN(4)
		switch r.IntN(6) {
		case 0:
			if err := rec.Flush(); err != nil {
				t.Fatal(err)
			}
		case 1:
			rec.Mark("here")
		case 2:
			if err := rec.Discard(int64(off)*512, int64(count)*512); err != nil {
				t.Fatal(err)
			}
		default:
			mustWriteAt(t, rec, sectorsOf(byte(r.Uint32()), count), int64(off)*512)
		}
		images = append(images, m.Bytes())
	}
	return images
}

func TestRecorderPrefixes(t *testing.T) {
	start := blockdev.NewMemoryFrom(bytes.Repeat([]byte{9}, 32<<10))
	m := start.Snapshot()
	rec := blockdev.NewRecorder(m)
	want := record(t, rec, m, 200)
	if got := rec.Len(); got != 200 {
		t.Fatalf("Len: got %d, want 200", got)
	}

	// Onto a disk that can discard, and onto one that cannot.
	for name, wrap := range map[string]func(blockdev.Device) blockdev.Device{
		"memory":  func(d blockdev.Device) blockdev.Device { return d },
		"writing": func(d blockdev.Device) blockdev.Device { return struct{ blockdev.Device }{d} },
	} {
		img := start.Snapshot()
		next := 0
		for n, err := range rec.Prefixes(wrap(img)) {
			if err != nil || n != next {
				t.Fatalf("%s: got prefix %d, %v, want %d", name, n, err, next)
			}
			crash := img.Snapshot()
			if !bytes.Equal(crash.Bytes(), want[n]) {
				t.Fatalf("%s: wrong image after %d events", name, n)
			}
			mustWriteAt(t, crash, sectorsOf(0xee, 64), 0) // what a checker does to a snapshot stays there
			next++
		}
		if next != 201 {
			t.Errorf("%s: got %d prefixes, want 201", name, next)
		}
	}
	for _, n := range []int{0, 1, 77, 200} {
		img := start.Snapshot()
		if err := rec.Replay(n, img); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(img.Bytes(), want[n]) {
			t.Errorf("Replay(%d): wrong image", n)
		}
	}
	for _, n := range []int{-1, 201} {
		if err := rec.Replay(n, start.Snapshot()); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("Replay(%d): got %v, want EINVAL", n, err)
		}
	}
	for range rec.Prefixes(start.Snapshot()) {
		break // may be left
	}
	var last error
	for _, err := range rec.Prefixes(blockdev.NewMemory(512)) {
		last = err
	}
	if !errors.Is(last, syscall.EINVAL) || !strings.Contains(last.Error(), "event") {
		t.Errorf("onto a disk that is too small: got %v, want EINVAL and the event", last)
	}
	rec.Reset()
	if got := rec.Len(); got != 0 {
		t.Errorf("Len after Reset: got %d, want 0", got)
	}
}

func TestRecorderEpochs(t *testing.T) {
	rec := blockdev.NewRecorder(blockdev.NewMemory(8192))
	check := func(want ...blockdev.Epoch) {
		t.Helper()
		if got := rec.Epochs(); !slices.Equal(got, want) {
			t.Errorf("epochs: got %v, want %v", got, want)
		}
	}
	check(blockdev.Epoch{0, 0})
	mustWriteAt(t, rec, sectorsOf(1, 1), 0)
	check(blockdev.Epoch{0, 1})
	if err := rec.Flush(); err != nil {
		t.Fatal(err)
	}
	mustWriteAt(t, rec, sectorsOf(1, 1), 0)
	rec.Mark("fsync of a")
	check(blockdev.Epoch{0, 2}, blockdev.Epoch{2, 4})
	if err := rec.Flush(); err != nil {
		t.Fatal(err)
	}
	check(blockdev.Epoch{0, 2}, blockdev.Epoch{2, 5}, blockdev.Epoch{5, 5})
	if got, want := fmt.Sprint(rec.Events()), "[write 0+512 flush write 0+512 mark fsync of a flush]"; got != want {
		t.Errorf("events: got %s, want %s", got, want)
	}
}

// TestRecorderKeeps: what is kept is the bytes at the time of the write, and nothing of what failed or had no length.
func TestRecorderKeeps(t *testing.T) {
	f := blockdev.NewFaulty(blockdev.NewMemory(8192), blockdev.Plan{})
	rec := blockdev.NewRecorder(f)
	p := sectorsOf(1, 2)
	mustWriteAt(t, rec, p, 512)
	clear(p)
	mustWriteAt(t, rec, nil, 0)
	f.Set(blockdev.Plan{Fail: func(blockdev.Call) error { return syscall.EIO }})
	if _, err := rec.WriteAt(p, 0); !errors.Is(err, syscall.EIO) {
		t.Errorf("WriteAt: got %v, want EIO", err)
	}
	if err := rec.Flush(); !errors.Is(err, syscall.EIO) {
		t.Errorf("Flush: got %v, want EIO", err)
	}
	if err := rec.Discard(0, 512); !errors.Is(err, syscall.EIO) {
		t.Errorf("Discard: got %v, want EIO", err)
	}
	events := rec.Events()
	if len(events) != 1 || events[0].Off != 512 || !bytes.Equal(events[0].Data, sectorsOf(1, 2)) {
		t.Errorf("events: got %v, want the one write that succeeded, with its bytes", events)
	}
}

func TestTear(t *testing.T) {
	e := blockdev.Event{Op: blockdev.OpWrite, Off: 1024, Length: 1536, Data: append(sectorsOf(1, 1), append(sectorsOf(2, 1), sectorsOf(3, 1)...)...)}
	parts := e.Tear(512)
	if len(parts) != 3 {
		t.Fatalf("parts: got %d, want 3", len(parts))
	}
	whole, torn := blockdev.NewMemory(8192), blockdev.NewMemory(8192)
	if err := e.Apply(whole); err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{2, 0, 1} {
		if parts[i].Length != 512 {
			t.Errorf("part %d: got length %d, want 512", i, parts[i].Length)
		}
		if err := parts[i].Apply(torn); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(whole.Bytes(), torn.Bytes()) {
		t.Error("the parts do not make the whole")
	}
	if got := (blockdev.Event{Op: blockdev.OpFlush}).Tear(512); len(got) != 1 || got[0].Op != blockdev.OpFlush {
		t.Errorf("a flush torn: got %v, want itself", got)
	}
}
