package ffs_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"rump/rumpfs/vfs"
)

// stream is what byte off of object id is whenever it was written: never 0, so that holes and other people's bytes are told apart.
func stream(id uint64, off int64, p []byte) {
	for i := range p {
		at := uint64(off) + uint64(i)
		x := (id<<40 ^ at>>3) * 0x9e3779b97f4a7c15
		x ^= x >> 29
		x *= 0xbf58476d1ce4e5b9
		p[i] = byte(x>>(8*(at&7))) | 1
	}
}

// spans are sorted ranges of bytes that do not touch. They are never changed in place.
type spans []span

type span struct{ lo, hi int64 }

func (s spans) plus(lo, hi int64) spans {
	if lo >= hi {
		return s
	}
	var out spans
	for _, x := range s {
		switch {
		case x.hi < lo:
			out = append(out, x)
		case x.lo > hi:
			out = append(out, span{lo, hi})
			lo, hi = x.lo, x.hi
		default:
			lo, hi = min(lo, x.lo), max(hi, x.hi)
		}
	}
	return append(out, span{lo, hi})
}

func (s spans) minus(lo, hi int64) spans {
	var out spans
	for _, x := range s {
		if a := (span{x.lo, min(x.hi, lo)}); a.lo < a.hi {
			out = append(out, a)
		}
		if b := (span{max(x.lo, hi), x.hi}); b.lo < b.hi {
			out = append(out, b)
		}
	}
	return out
}

func (s spans) meets(lo, hi int64) bool {
	return slices.ContainsFunc(s, func(x span) bool { return x.lo < hi && lo < x.hi })
}

// mark sets class in p, which stands for the bytes from off on, where s has them.
func (s spans) mark(p []byte, off int64, class byte) {
	for _, x := range s {
		lo, hi := max(x.lo-off, 0), min(x.hi-off, int64(len(p)))
		for i := lo; i < hi; i++ {
			p[i] = class
		}
	}
}

// An object is what is known of a node: what it holds, and what a crash must and may leave of that. It is never changed in place.
type object struct {
	id     uint64
	kind   vfs.Kind
	mode   uint32
	target string // of a symbolic link

	size int64 // of a regular file, as it is mounted
	data spans // that were written

	minSize, maxSize int64 // after a crash
	must, may        spans // that are data after a crash; the rest is zeros
}

// wrote is the object while bytes lo to hi are being written.
func (o object) wrote(lo, hi int64) *object {
	o.data, o.may = o.data.plus(lo, hi), o.may.plus(lo, hi)
	o.size = max(o.size, hi)
	o.maxSize = max(o.maxSize, hi)
	return &o
}

// cut is the object while its size becomes size.
func (o object) cut(size int64) *object {
	o.data, o.must = o.data.minus(size, math.MaxInt64), o.must.minus(size, math.MaxInt64)
	o.size = size
	o.minSize, o.maxSize = min(o.minSize, size), max(o.maxSize, size)
	return &o
}

// punched is the object while bytes lo to hi become a hole.
func (o object) punched(lo, hi int64) *object {
	o.data, o.must = o.data.minus(lo, hi), o.must.minus(lo, hi)
	return &o
}

// synced is the object once it is durable.
func (o object) synced() *object {
	o.minSize, o.maxSize, o.must, o.may = o.size, o.size, o.data, o.data
	return &o
}

// paths is everything there is, by its path.
type paths map[string]*object

// with is the same with every path of object id standing for o.
func (v paths) with(o *object) paths {
	c := maps.Clone(v)
	for p, x := range c {
		if x.id == o.id {
			c[p] = o
		}
	}
	return c
}

// A step is one operation: what a crash may leave in its midst, and after it.
type step struct {
	what       string
	start, end int   // events before and after
	before     paths // with what the operation puts in doubt
	after      paths // the same
	either     []string
	final      paths
	effect     effect
}

// found is a node of a volume after a crash.
type found struct {
	node vfs.Node
	attr vfs.Attr
}

// walk finds everything below dir. The context ends what a crash turned into a loop.
func walk(ctx context.Context, fs vfs.FS, path string, ino vfs.Ino, all map[string]found) error {
	if len(all) > 5000 {
		return fmt.Errorf("%s: too many names", path)
	}
	n, err := fs.Node(ctx, ino)
	if err != nil {
		return fmt.Errorf("%s: inode %d: %w", path, ino, err)
	}
	a, err := n.Attr(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	all[path] = found{n, a}
	d, ok := n.(vfs.Dir)
	if !ok {
		return nil
	}
	type entry struct {
		name string
		ino  vfs.Ino
	}
	var list []entry
	if err := d.ReadDir(ctx, 0, func(e vfs.DirEntry) bool {
		if name := string(e.Name); name != "." && name != ".." {
			list = append(list, entry{name, e.Ino})
		}
		return true
	}); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, e := range list {
		if err := walk(ctx, fs, path+"/"+e.name, e.ino, all); err != nil {
			return err
		}
	}
	return nil
}

// check says how what was found differs from what may be there.
func (o *object) check(f found) error {
	if f.attr.Kind != o.kind {
		return fmt.Errorf("kind %c, want %c", f.attr.Kind.Letter(), o.kind.Letter())
	}
	switch n := f.node.(type) {
	case vfs.Symlink:
		if got, err := n.Readlink(context.Background()); err != nil || got != o.target {
			return fmt.Errorf("target %q, %v; want %q", got, err, o.target)
		}
	case vfs.File:
		if f.attr.Size < o.minSize || f.attr.Size > o.maxSize {
			return fmt.Errorf("size %d, want %d to %d", f.attr.Size, o.minSize, o.maxSize)
		}
		return o.checkData(n, f.attr.Size)
	}
	return nil
}

const (
	zeroByte = iota // classes of bytes
	mayByte
	mustByte
)

// checkData compares a file's bytes with those it may have.
func (o *object) checkData(f vfs.File, size int64) error {
	const piece = 64 << 10
	got, want, class := make([]byte, piece), make([]byte, piece), make([]byte, piece)
	zeros := make([]byte, piece)
	for off := int64(0); off < size; off += piece {
		n := int(min(piece, size-off))
		if k, err := f.ReadAt(context.Background(), got[:n], off); err != nil || k != n {
			return fmt.Errorf("read of %d bytes at %d: %d, %v", n, off, k, err)
		}
		if !o.may.meets(off, off+int64(n)) {
			if !bytes.Equal(got[:n], zeros[:n]) {
				return fmt.Errorf("bytes %d to %d are not zero, but were never written", off, off+int64(n))
			}
			continue
		}
		stream(o.id, off, want[:n])
		clear(class)
		o.may.mark(class[:n], off, mayByte)
		o.must.mark(class[:n], off, mustByte)
		for i := range n {
			if got[i] == 0 && class[i] != mustByte || got[i] == want[i] && class[i] != zeroByte {
				continue
			}
			return fmt.Errorf("byte %d is %#x, want %#x (%s)", off+int64(i), got[i], want[i],
				[]string{"but was never written", "or 0", "which was synced"}[class[i]])
		}
	}
	return nil
}
