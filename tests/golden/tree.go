package golden

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"sort"
	"strings"
	"testing"

	"rump/rumpfs/vfs"
)

const (
	// wholeLimit is the size up to which manifests have the sum of a whole file.
	wholeLimit = 96 << 20
	// maxReports bounds what one comparison prints.
	maxReports = 20
)

// Check compares a whole file system with a manifest: every column but atime, sums, ranges and counts.
func Check(tb testing.TB, fs vfs.FS, m *Manifest) {
	tb.Helper()
	ctx := context.Background()
	got, err := Read(ctx, fs)
	if err != nil {
		tb.Errorf("read the tree: %v", err)
		return
	}
	Report(tb, Diff(got, m.Entries, "atime"))
	CheckRanges(tb, fs, m)
	st, err := fs.Statfs(ctx)
	if err != nil {
		tb.Errorf("statfs: %v", err)
		return
	}
	for _, c := range []struct {
		name string
		got  int64
	}{
		{"bsize", int64(st.BlockSize)}, {"frsize", int64(st.FragSize)}, {"blocks", int64(st.Blocks)}, {"bfree", int64(st.BlocksFree)},
		{"bavail", max(0, st.BlocksAvail)}, {"files", int64(st.Files)}, {"ffree", int64(st.FilesFree)},
	} {
		if want := m.Statvfs[c.name]; c.got != want {
			tb.Errorf("statfs %s: got %d, want %d", c.name, c.got, want)
		}
	}
}

// Report makes an error of every difference, up to a bound.
func Report(tb testing.TB, diffs []string) {
	tb.Helper()
	for i, d := range diffs {
		if i == maxReports {
			tb.Errorf("... and %d more differences", len(diffs)-i)
			return
		}
		tb.Error(d)
	}
}

// Read walks a tree depth first, names sorted by bytes, as manifests are. Regular files up to 96 MiB get their sum.
func Read(ctx context.Context, fs vfs.FS) ([]Entry, error) {
	root, err := fs.Node(ctx, fs.Root())
	if err != nil {
		return nil, err
	}
	r := reader{fs: fs, buf: make([]byte, 1<<20)}
	err = r.node(ctx, root, "/")
	if rerr := root.Reclaim(ctx); err == nil {
		err = rerr
	}
	return r.entries, err
}

// A reader collects a tree.
type reader struct {
	fs      vfs.FS
	buf     []byte
	entries []Entry
}

func (r *reader) node(ctx context.Context, n vfs.Node, path string) error {
	a, err := n.Attr(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	e := entryOf(path, a)
	switch n := n.(type) {
	case vfs.Symlink:
		e.Target, err = n.Readlink(ctx)
	case vfs.File:
		if a.Size <= wholeLimit && a.Flags&vfs.FlagSnapshot == 0 {
			e.Sum, err = sum(ctx, n, 0, a.Size, r.buf)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	r.entries = append(r.entries, e)
	if d, ok := n.(vfs.Dir); ok {
		return r.dir(ctx, d, path)
	}
	return nil
}

func entryOf(path string, a vfs.Attr) Entry {
	t := a.Kind.Letter()
	if t == '-' {
		t = 'f'
	}
	e := Entry{
		Path: path, Type: t, Mode: a.Mode, UID: a.UID, GID: a.GID, Nlink: a.Nlink, Size: a.Size, Blocks: a.Blocks, Flags: a.Flags, Ino: a.Ino,
		Mtime: a.Mtime, Atime: a.Atime, Ctime: a.Ctime, Btime: a.Btime,
	}
	if t == 'b' || t == 'c' {
		e.Rdev = a.Rdev
	}
	return e
}

func (r *reader) dir(ctx context.Context, d vfs.Dir, path string) error {
	names, err := readDir(ctx, d)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, e := range names {
		child := strings.TrimSuffix(path, "/") + "/" + string(e.Name)
		if e.Kind == vfs.KindWhiteout {
			r.entries = append(r.entries, Entry{Path: child, Type: 'w'})
			continue
		}
		ino, err := d.Lookup(ctx, string(e.Name))
		if err != nil || ino != e.Ino {
			return fmt.Errorf("%s: lookup gives inode %d, %v; the directory says %d", child, ino, err, e.Ino)
		}
		n, err := r.fs.Node(ctx, ino)
		if err != nil {
			return fmt.Errorf("%s: inode %d: %w", child, ino, err)
		}
		err = r.node(ctx, n, child)
		if rerr := n.Reclaim(ctx); err == nil {
			err = rerr
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readDir returns the entries of a directory but "." and "..", which it expects first, sorted.
func readDir(ctx context.Context, d vfs.Dir) ([]vfs.DirEntry, error) {
	var all []vfs.DirEntry
	err := d.ReadDir(ctx, 0, func(e vfs.DirEntry) bool {
		e.Name = append([]byte(nil), e.Name...)
		all = append(all, e)
		return true
	})
	if err != nil {
		return nil, err
	}
	if len(all) < 2 || string(all[0].Name) != "." || string(all[1].Name) != ".." {
		return nil, fmt.Errorf("directory does not begin with . and ..")
	}
	all = all[2:]
	sort.Slice(all, func(i, j int) bool { return string(all[i].Name) < string(all[j].Name) })
	return all, nil
}

// sum hashes length bytes of a file from off on, or fewer at its end.
func sum(ctx context.Context, f vfs.File, off, length int64, buf []byte) (string, error) {
	h := sha256.New()
	for length > 0 {
		n, err := f.ReadAt(ctx, buf[:min(length, int64(len(buf)))], off)
		if err != nil {
			return "", err
		}
		if n == 0 {
			return "", io.ErrUnexpectedEOF
		}
		h.Write(buf[:n])
		off += int64(n)
		length -= int64(n)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// CheckRanges compares the parts of large files.
func CheckRanges(tb testing.TB, fs vfs.FS, m *Manifest) {
	tb.Helper()
	ctx := context.Background()
	inodes := map[string]vfs.Ino{}
	for _, e := range m.Entries {
		inodes[e.Path] = e.Ino
	}
	buf := make([]byte, 1<<16)
	for _, r := range m.Ranges {
		n, err := fs.Node(ctx, inodes[r.Path])
		if err != nil {
			tb.Errorf("%s: %v", r.Path, err)
			continue
		}
		got, err := sum(ctx, n.(vfs.File), r.Off, r.Length, buf)
		if err != nil || got != r.Sum {
			tb.Errorf("%s: bytes %d+%d: got sum %s, %v; want %s", r.Path, r.Off, r.Length, got, err, r.Sum)
		}
		if err := n.Reclaim(ctx); err != nil {
			tb.Errorf("%s: reclaim: %v", r.Path, err)
		}
	}
}

// Diff compares two trees and tells each difference in a line. Columns named in ignore do not count; a sum that one side lacks does not either.
func Diff(got, want []Entry, ignore ...string) []string {
	skip := map[string]bool{}
	for _, c := range ignore {
		skip[c] = true
	}
	byPath := map[string]Entry{}
	for _, e := range got {
		byPath[e.Path] = e
	}
	var out []string
	for _, w := range want {
		g, ok := byPath[w.Path]
		if !ok {
			out = append(out, fmt.Sprintf("%q: missing", w.Path))
			continue
		}
		delete(byPath, w.Path)
		out = append(out, diffEntry(g, w, skip)...)
	}
	for p := range byPath {
		out = append(out, fmt.Sprintf("%q: should not be there", p))
	}
	return out
}

func diffEntry(g, w Entry, skip map[string]bool) (out []string) {
	if g.Sum == "" || w.Sum == "" {
		g.Sum, w.Sum = "", ""
	}
	for _, c := range []struct {
		name      string
		got, want any
	}{
		{"type", string(g.Type), string(w.Type)}, {"mode", g.Mode, w.Mode}, {"uid", g.UID, w.UID}, {"gid", g.GID, w.GID}, {"nlink", g.Nlink, w.Nlink},
		{"size", g.Size, w.Size}, {"blocks", g.Blocks, w.Blocks}, {"mtime", g.Mtime, w.Mtime}, {"flags", g.Flags, w.Flags},
		{"target", g.Target, w.Target}, {"rdev", g.Rdev, w.Rdev}, {"sum", g.Sum, w.Sum}, {"ino", g.Ino, w.Ino},
		{"atime", g.Atime, w.Atime}, {"ctime", g.Ctime, w.Ctime}, {"btime", g.Btime, w.Btime},
	} {
		if c.got != c.want && !skip[c.name] {
			out = append(out, fmt.Sprintf("%q: %s: got %v, want %v", w.Path, c.name, c.got, c.want))
		}
	}
	return out
}
