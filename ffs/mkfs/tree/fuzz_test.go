package tree_test

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"rump/ffs/mkfs/tree"
)

// walk reads a list and the beginning of every file, and holds its counts against what it finds.
func walk(t *testing.T, l *tree.List) {
	t.Helper()
	r := l.Reader()
	o := l.Opener()
	defer o.Close()
	var dirs, names, files int64 = 0, 0, 1
	for {
		d, err := r.NextDir()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		dirs++
		last := ""
		for {
			e, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			if e == nil {
				break
			}
			name := string(e.Name)
			if name <= last || strings.ContainsAny(name, "/\x00") || name == "." || name == ".." || len(name) > 255 {
				t.Fatalf("name %q behind %q", name, last)
			}
			last = name
			names++
			if e.First {
				files++
			}
			if f, err := o.Open(d.ContentOf(e)); err == nil && e.IsRegular() {
				f.ReadAt(make([]byte, min(e.Size, 4096)), 0) // may be short
				f.Close()
			}
		}
	}
	if dirs != l.Dirs || names != l.Names || files != l.Files {
		t.Fatalf("%d directories, %d names, %d files; the list says %d, %d, %d", dirs, names, files, l.Dirs, l.Names, l.Files)
	}
}

func FuzzTar(f *testing.F) {
	for _, members := range [][]tar.Header{
		{{Name: "a", Typeflag: tar.TypeReg}, {Name: "b", Typeflag: tar.TypeLink, Linkname: "a"}},
		{{Name: "d/", Typeflag: tar.TypeDir}, {Name: "d/l", Typeflag: tar.TypeSymlink, Linkname: "x"}, {Name: "n", Typeflag: tar.TypeChar}},
	} {
		b, err := io.ReadAll(archive(f, members...))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		sparse := bytes.Clone(b)
		sparse[156] = tar.TypeGNUSparse
		f.Add(sparse)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := tree.Build(context.Background(), tree.Source{Tars: []tree.Archive{{Name: "tar", Reader: bytes.NewReader(b)}}, Now: now})
		if err != nil {
			return
		}
		defer l.Close()
		walk(t, l)
	})
}

func FuzzSpec(f *testing.F) {
	f.Add("/set type=file uid=0 gid=0 mode=0644\n. type=dir\na\\040b time=1.5 optional\nd type=dir\n.. link=x\n..\n")
	f.Add("./d/e type=link link=\\123 uid=1 gid=1 flags=nouchg,schg\nx type=char device=a,1,2 uid=0 gid=0 mode=1 \\\nuname=root")
	f.Fuzz(func(t *testing.T, spec string) {
		if strings.Contains(spec, "content") {
			return // names files of the host
		}
		l, err := tree.Build(context.Background(), tree.Source{Specs: []tree.Spec{{Name: "spec", Reader: strings.NewReader(spec)}}, Now: now})
		if err != nil {
			return
		}
		defer l.Close()
		walk(t, l)
	})
}
