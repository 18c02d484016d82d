package fsck_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rump/ffs/fsck"
	"rump/ffs/ondisk"
	"rump/rumpfs/blockdev"
	"rump/tests/golden"
)

// editor changes structures of a volume by hand.
type editor struct {
	tb   testing.TB
	dev  *blockdev.Memory
	s    *ondisk.Super
	tree []golden.Entry
}

func edit(tb testing.TB, name string) *editor {
	tb.Helper()
	dev := golden.Load(tb, name)
	return &editor{tb, dev, superOf(tb, dev), golden.LoadManifest(tb, name).Entries}
}

// ino is the inode number of a path.
func (e *editor) ino(path string) ondisk.Ino {
	e.tb.Helper()
	for _, f := range e.tree {
		if f.Path == path {
			return ondisk.Ino(f.Ino)
		}
	}
	e.tb.Fatalf("no %s", path)
	return 0
}

// at changes n bytes at fragment f.
func (e *editor) at(f ondisk.Frag, n int, change func(b []byte)) {
	e.tb.Helper()
	b := make([]byte, n)
	if _, err := e.dev.ReadAt(b, e.s.FragOffset(f)); err != nil {
		e.tb.Fatal(err)
	}
	change(b)
	if _, err := e.dev.WriteAt(b, e.s.FragOffset(f)); err != nil {
		e.tb.Fatal(err)
	}
}

// inode changes an inode and returns it.
func (e *editor) inode(ino ondisk.Ino, change func(d *ondisk.Inode)) *ondisk.Inode {
	e.tb.Helper()
	d := new(ondisk.Inode)
	e.at(e.s.InoToFrag(ino), int(e.s.BSize), func(b []byte) {
		b = b[e.s.InoInBlock(ino):]
		ondisk.DecodeInode(e.s, b, d)
		if change != nil {
			change(d)
			ondisk.EncodeInode(e.s, d, b)
		}
	})
	return d
}

// unit changes directory block n of a directory of direct blocks.
func (e *editor) unit(dir ondisk.Ino, n int, change func(u ondisk.DirBlock, b []byte)) {
	e.tb.Helper()
	d, off := e.inode(dir, nil), n*e.s.DirBlockSize()
	lbn := e.s.BlockOf(int64(off))
	e.at(d.DB[lbn], e.s.BlockSizeOf(d.Size, lbn), func(b []byte) {
		b = b[e.s.InBlock(int64(off)):]
		change(e.s.DirBlockIn(b), b)
	})
}

// entry finds the entry with a name in a directory and changes it.
func (e *editor) entry(dir ondisk.Ino, name string, change func(u ondisk.DirBlock, x ondisk.Entry)) {
	e.tb.Helper()
	found := false
	for n := 0; !found && int64(n*e.s.DirBlockSize()) < e.inode(dir, nil).Size; n++ {
		e.unit(dir, n, func(u ondisk.DirBlock, _ []byte) {
			if x, ok := u.Find([]byte(name)); ok {
				found = true
				change(u, x)
			}
		})
	}
	if !found {
		e.tb.Fatalf("no entry %q", name)
	}
}

// repair repairs the volume, wants to see some messages, and every file but the named ones to be there still, whatever it is called now.
func (e *editor) repair(wants []string, but ...string) string {
	e.tb.Helper()
	out, r, err := repair(e.tb, e.dev, fsck.Options{Mode: fsck.Yes, Force: true})
	if err != nil || r.Unresolved || r.Rerun {
		e.tb.Errorf("%v, unresolved %v, rerun %v", err, r != nil && r.Unresolved, r != nil && r.Rerun)
	}
	for _, w := range wants {
		if !strings.Contains(out, w) {
			e.tb.Errorf("no %q", w)
		}
	}
	mustBeClean(e.tb, e.dev)
	have := files(tree(e.tb, e.dev))
	for _, f := range e.tree {
		if line := file(f); f.Type != 'd' && !slices.Contains(have, line) && !slices.Contains(but, f.Path) {
			e.tb.Errorf("lost: %s: %s", f.Path, line)
		}
	}
	if e.tb.Failed() {
		e.tb.Log(tail(out))
	}
	return out
}

func files(es []golden.Entry) (lines []string) {
	for _, f := range es {
		lines = append(lines, file(f))
	}
	return lines
}

// file is what a file is, but for its name.
func file(f golden.Entry) string {
	return fmt.Sprintf("inode %d %c %o %d %d %s %s", f.Ino, f.Type, f.Mode, f.UID, f.Size, f.Target, f.Sum)
}

// same wants the whole tree to be what it was, names and all.
func (e *editor) same(ignore ...string) {
	e.tb.Helper()
	golden.Report(e.tb, golden.Diff(tree(e.tb, e.dev), e.tree, append(ignore, "atime")...))
}
