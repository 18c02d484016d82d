package dump_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rump/ffs/dump"
	"rump/rumpfs/blockdev"
	"rump/tests/golden"
)

// text is what Text prints of a volume, at the place and time of the genuine tool.
func text(tb testing.TB, dev blockdev.Device, parts dump.Parts) string {
	tb.Helper()
	var out bytes.Buffer
	err := dump.Text(context.Background(), &out, dev, dump.Options{Name: "/rdk", Parts: parts, Zone: time.UTC})
	if err != nil {
		tb.Fatal(err)
	}
	return out.String()
}

// same compares two texts line by line.
func same(tb testing.TB, got, want string) {
	tb.Helper()
	g, w := strings.SplitAfter(got, "\n"), strings.SplitAfter(want, "\n")
	for i := range max(len(g), len(w)) {
		var gl, wl string
		if i < len(g) {
			gl = g[i]
		}
		if i < len(w) {
			wl = w[i]
		}
		if gl != wl {
			tb.Fatalf("line %d: got %q, want %q", i+1, gl, wl)
		}
	}
}

// newfsDisk unpacks a disk as the genuine newfs left it; its sectors are beside the tests of mkfs.
func newfsDisk(tb testing.TB, name string, size int64) *blockdev.Memory {
	tb.Helper()
	f, err := os.Open(filepath.Join("..", "mkfs", "testdata", name+".sectors.gz"))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	m := blockdev.NewMemory(size)
	var rec [8 + 512]byte
	for {
		if _, err := io.ReadFull(z, rec[:]); errors.Is(err, io.EOF) {
			return m
		} else if err != nil {
			tb.Fatal(err)
		}
		if _, err := m.WriteAt(rec[8:], int64(binary.BigEndian.Uint64(rec[:]))); err != nil {
			tb.Fatal(err)
		}
	}
}

// TestNewfsText holds the whole default output for new volumes against that of the genuine tool.
func TestNewfsText(t *testing.T) {
	for _, format := range []string{"O0", "O1", "O2"} {
		for _, size := range []struct {
			name  string
			bytes int64
		}{{"4m", 4 << 20}, {"16m", 16 << 20}, {"64m", 64 << 20}} {
			t.Run(format+"-"+size.name, func(t *testing.T) {
				want, err := os.ReadFile(filepath.Join("testdata", "dumpfs-"+format+"-"+size.name+".txt"))
				if err != nil {
					t.Fatal(err)
				}
				same(t, text(t, newfsDisk(t, "newfs-"+format+"-"+size.name, size.bytes), 0), string(want))
			})
		}
	}
}

// TestGoldenText holds dumpfs -s of every genuine volume, in both byte orders, clean and unclean, against the genuine tool's.
func TestGoldenText(t *testing.T) {
	n := 0
	for _, name := range golden.Names(t, "*") {
		want, err := os.ReadFile(filepath.Join(golden.Dir(t), name+".dumpfs.txt"))
		if err != nil || strings.HasPrefix(name, "cgd-") {
			continue
		}
		n++
		t.Run(name, func(t *testing.T) {
			same(t, text(t, golden.Load(t, name), dump.Super), string(want))
		})
	}
	if n < 60 {
		t.Errorf("compared %d volumes, want at least 60", n)
	}
}
