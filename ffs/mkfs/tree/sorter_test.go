package tree

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestSorter sorts with memory for everything, for a part, and for one record at a time.
func TestSorter(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	type pair struct{ key, value string }
	var want []pair
	for i := range 3000 {
		key := make([]byte, r.IntN(20))
		for j := range key {
			key[j] = byte(r.IntN(3))
		}
		want = append(want, pair{string(key), fmt.Sprint(i)})
	}
	for _, budget := range []int{1, 200, 5000, 1 << 20} {
		s := newSorter(t.TempDir(), budget)
		for _, p := range want {
			if err := s.add([]byte(p.key), []byte(p.value)); err != nil {
				t.Fatal(err)
			}
		}
		if len(s.arena) > max(budget, 64) {
			t.Errorf("budget %d: %d bytes in memory", budget, len(s.arena))
		}
		run, err := s.sorted()
		if err != nil {
			t.Fatal(err)
		}
		var got []pair
		for {
			k, v, err := run.next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, pair{string(k), string(v)})
		}
		if _, _, err := run.next(); err != io.EOF {
			t.Errorf("budget %d: after the end: %v", budget, err)
		}
		sorted := slices.Clone(want)
		slices.SortStableFunc(sorted, func(a, b pair) int { return bytes.Compare([]byte(a.key), []byte(b.key)) })
		if !slices.Equal(got, sorted) {
			t.Errorf("budget %d: %d records, not the sorted ones", budget, len(got))
		}
		s.close()
	}
}

// TestSpool reads records of all lengths while they are written, from memory and from the file.
func TestSpool(t *testing.T) {
	for _, limit := range []int{0, spoolChunk, 4 * spoolChunk, 64 << 20} {
		s := NewSpool(t.TempDir(), limit)
		c := s.Cursor()
		record := func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, i*i%70001) }
		read := 0
		for i := range 120 {
			if err := s.Append(record(i)); err != nil {
				t.Fatal(err)
			}
			if i%3 != 0 {
				continue
			}
			for ; read <= i; read++ {
				got, err := c.Next()
				if err != nil || !bytes.Equal(got, record(read)) {
					t.Fatalf("limit %d: record %d: %d bytes, %v; want %d bytes", limit, read, len(got), err, len(record(read)))
				}
			}
			if _, err := c.Next(); err != io.EOF {
				t.Fatalf("limit %d: behind the end: %v", limit, err)
			}
		}
		again := s.Cursor()
		for i := range 120 {
			if got, err := again.Next(); err != nil || !bytes.Equal(got, record(i)) {
				t.Fatalf("limit %d: record %d again: %d bytes, %v", limit, i, len(got), err)
			}
		}
		if inFile := s.file != nil; inFile != (s.size > int64(limit)) {
			t.Errorf("limit %d: %d bytes, in a file: %v", limit, s.size, inFile)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestEntryRecord takes every field there and back, and damaged records to an error.
func TestEntryRecord(t *testing.T) {
	full := Entry{
		Name: []byte("näme"), Mode: 0o100644, UID: 1, GID: 1 << 31, Flags: 0x20001, Size: 1 << 40,
		Sparse: true, Data: []Extent{{0, 5}, {100, 1 << 33}},
		Xattrs: []Xattr{{1, []byte("a"), []byte("b")}, {2, []byte("c"), nil}},
		Link:   [2]uint64{7, 1 << 63}, Where: contentPlace{Layer: 3, Off: 512, Path: "/x"},
	}
	full.Mtime.Sec, full.Mtime.Nsec = -5, 999999999
	full.Atime.Sec, full.Birth.Nsec = 1<<40, 1
	for _, e := range []Entry{
		full, {Name: []byte("d"), Mode: 0o40755}, {Name: []byte("l"), Mode: 0o120777, Target: []byte("t")},
		{Name: []byte("c"), Mode: 0o20600, Major: 4095, Minor: 1048575}, {Name: []byte("z"), Mode: 0o100000, Where: contentPlace{Layer: -1}},
	} {
		rec := e.encode(nil)
		var got Entry
		isEnd, err := got.decode(rec)
		if err != nil || isEnd {
			t.Fatalf("%s: end %v, %v", e.Name, isEnd, err)
		}
		if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", e); g != w {
			t.Errorf("got %s\nwant %s", g, w)
		}
		for n := range rec {
			var short Entry
			if _, err := short.decode(rec[:n]); err == nil && n > 0 {
				t.Errorf("%s: the first %d of %d bytes pass for a record", e.Name, n, len(rec))
			}
		}
	}
}
