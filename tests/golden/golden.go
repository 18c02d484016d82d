// Package golden holds what tests need of the golden images in tests/testdata/images: an image as a memory disk, its manifest, and the comparison
// of a manifest with any vfs tree.
package golden

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"rump/rumpfs/blockdev"
)

// pageSize is the unit in which zeros are left out of a memory disk, bytes.
const pageSize = 4096

// zeroPage is what a left out page reads as.
var zeroPage [pageSize]byte

// Dir is the directory of the images, found from the working directory of the test upwards.
func Dir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "tests", "testdata", "images")
		}
		up := filepath.Dir(dir)
		if up == dir {
			tb.Fatal("no go.mod above the working directory")
		}
		dir = up
	}
}

// Names lists the images whose name matches one of the patterns (as path.Match), without ".img.gz", sorted.
func Names(tb testing.TB, patterns ...string) []string {
	tb.Helper()
	var names []string
	for _, p := range patterns {
		found, err := filepath.Glob(filepath.Join(Dir(tb), p+".img.gz"))
		if err != nil {
			tb.Fatal(err)
		}
		for _, f := range found {
			names = append(names, strings.TrimSuffix(filepath.Base(f), ".img.gz"))
		}
	}
	sort.Strings(names)
	if len(names) == 0 {
		tb.Fatalf("no golden image matches %q", patterns)
	}
	return names
}

// Load unpacks an image into a sparse memory disk.
func Load(tb testing.TB, name string) *blockdev.Memory {
	tb.Helper()
	size, err := unpack(tb, name, func([]byte, int64) error { return nil })
	if err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	m := blockdev.NewMemory(size)
	if _, err := unpack(tb, name, func(p []byte, off int64) error {
		_, err := m.WriteAt(p, off)
		return err
	}); err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	return m
}

// unpack gives every page of an image that is not zero to fn and returns the image's size.
func unpack(tb testing.TB, name string, fn func(p []byte, off int64) error) (int64, error) {
	tb.Helper()
	r := open(tb, name+".img.gz")
	buf := make([]byte, pageSize)
	var off int64
	for {
		n, err := io.ReadFull(r, buf)
		if n > 0 && !bytes.Equal(buf[:n], zeroPage[:n]) {
			if err := fn(buf[:n], off); err != nil {
				return 0, err
			}
		}
		off += int64(n)
		if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
			return off, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// open reads a compressed file of the image directory until the test's end.
func open(tb testing.TB, name string) *bufio.Reader {
	tb.Helper()
	f, err := os.Open(filepath.Join(Dir(tb), name))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() })
	z, err := gzip.NewReader(bufio.NewReaderSize(f, 1<<16))
	if err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	return bufio.NewReaderSize(z, 1<<16)
}

// Text is a text file of the image directory, "NAME.dumpfs.txt" and the like.
func Text(tb testing.TB, name string) string {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join(Dir(tb), name))
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}
