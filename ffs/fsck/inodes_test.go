package fsck_test

import (
	"strings"
	"testing"

	"rump/ffs/fsck"
	"rump/ffs/ondisk"
	"rump/tests/golden"
)

// What is wrong with an inode is told, and put right with as little loss as can be.
func TestInodeDamage(t *testing.T) {
	if testing.Short() {
		t.Skip("long under the race detector, which has nothing to find in one goroutine")
	}
	for _, c := range []struct {
		name   string
		damage func(e *editor)
		wants  []string
		but    []string // files that go
		same   bool
	}{
		{"block count", func(e *editor) {
			e.inode(e.ino("/sizes/blk1frag1"), func(d *ondisk.Inode) { d.Blocks += 7 })
		}, []string{"INCORRECT BLOCK COUNT"}, nil, true},
		{"size on a free inode", func(e *editor) {
			ino := ondisk.Ino(3)
			for e.inode(ino, nil).Mode != 0 {
				ino++
			}
			e.inode(ino, func(d *ondisk.Inode) { d.Size = 5 })
		}, []string{"PARTIALLY ALLOCATED INODE"}, nil, true},
		{"bad block", func(e *editor) {
			e.inode(e.ino("/sizes/blk1frag1"), func(d *ondisk.Inode) { d.DB[0] = e.s.Size + 8 })
		}, []string{" BAD I=", "DUP/BAD", "BAD/DUP FILE"}, []string{"/sizes/blk1frag1"}, false},
		{"block of a group's structures", func(e *editor) {
			e.inode(e.ino("/sizes/blk1frag1"), func(d *ondisk.Inode) { d.DB[0] = e.s.CgHeader(1) })
		}, []string{" BAD I=", "DUP/BAD"}, []string{"/sizes/blk1frag1"}, false},
		{"summary area", func(e *editor) {
			e.inode(e.ino("/sizes/blk1frag1"), func(d *ondisk.Inode) { d.DB[0] = e.s.CSAddr })
		}, []string{" DUP I=", "DUP/BAD"}, []string{"/sizes/blk1frag1"}, false},
		{"all of it is bad", func(e *editor) {
			e.inode(e.ino("/bound/direct12"), func(d *ondisk.Inode) {
				for i := range d.DB {
					d.DB[i] = -5
				}
			})
		}, []string{"EXCESSIVE BAD BLKS", "CONTINUE? yes"}, []string{"/bound/direct12"}, false},
		{"two with the same blocks", func(e *editor) {
			d := *e.inode(e.ino("/bound/direct12"), nil)
			e.inode(e.ino("/bound/direct11+frag"), func(x *ondisk.Inode) { x.DB, x.Size = d.DB, d.Size })
		}, []string{"EXCESSIVE DUP BLKS", "Phase 1b"}, []string{"/bound/direct12", "/bound/direct11+frag"}, false},
		{"unknown type", func(e *editor) {
			e.inode(e.ino("/sizes/blk1frag1"), func(d *ondisk.Inode) { d.Mode = 0o050644 })
		}, []string{"UNKNOWN FILE TYPE"}, []string{"/sizes/blk1frag1"}, false},
		{"type of a bad block", func(e *editor) {
			e.inode(e.ino("/sizes/blk1frag1"), func(d *ondisk.Inode) { d.Mode |= ondisk.ModeType; d.DB = [12]ondisk.Frag{d.DB[0]} })
		}, []string{"HOLD BAD BLOCK? yes"}, []string{"/sizes/blk1frag1"}, false},
		{"pointer behind the end", func(e *editor) {
			e.inode(e.ino("/sizes/blk1frag1"), func(d *ondisk.Inode) { d.IB[2] = 77 })
		}, []string{"UNKNOWN FILE TYPE"}, []string{"/sizes/blk1frag1"}, false},
		{"pointer in an indirect block behind the end", func(e *editor) {
			for _, f := range e.tree {
				if strings.HasPrefix(f.Path, "/bound/") && f.Type == 'f' {
					d := e.inode(ondisk.Ino(f.Ino), nil)
					if d.IB[0] != 0 && d.IB[1] == 0 {
						e.at(d.IB[0], int(e.s.BSize), func(b []byte) { e.s.IndirectIn(b).Set(int(e.s.Nindir)-1, 4711) })
						return
					}
				}
			}
			e.tb.Fatal("no such file")
		}, []string{"PARTIALLY TRUNCATED INODE", "SALVAGE? yes"}, nil, true},
		{"a file taken for a link", func(e *editor) {
			e.inode(e.ino("/sizes/blk1frag1"), func(d *ondisk.Inode) { d.Mode = d.Mode&^ondisk.ModeType | ondisk.ModeSymlink })
		}, []string{"SYMBOLIC LINK TOO LONG", "MAKE IT A REGULAR FILE? yes"}, nil, true},
		{"size too large", func(e *editor) {
			e.inode(e.ino("/sizes/blk1frag1"), func(d *ondisk.Inode) { d.Size = -1 })
		}, []string{"UNKNOWN FILE TYPE"}, []string{"/sizes/blk1frag1"}, false},
		{"wrong type in its entry", func(e *editor) {
			e.entry(e.ino("/sizes"), "blk1frag1", func(u ondisk.DirBlock, x ondisk.Entry) { u.SetType(x.Off, ondisk.TypeFIFO) })
		}, []string{"BAD TYPE VALUE"}, nil, true},
		{"no links", func(e *editor) {
			e.inode(e.ino("/sizes/blk1frag1"), func(d *ondisk.Inode) { d.Nlink = 0 })
			e.entry(e.ino("/sizes"), "blk1frag1", func(u ondisk.DirBlock, x ondisk.Entry) { u.SetIno(x.Off, 0) })
		}, []string{"UNREF FILE", "CLEAR? yes"}, []string{"/sizes/blk1frag1"}, false},
	} {
		for _, image := range []string{"tree-ufs1-le-4096-512", "tree-ufs2-be-4096-512"} {
			t.Run(c.name+"/"+image, func(t *testing.T) {
				e := edit(t, image)
				c.damage(e)
				e.repair(c.wants, c.but...)
				if c.same {
					e.same("ctime")
				}
			})
		}
	}
}

// A file that is cleared gives its space back, but not what others have too.
func TestClearedSpace(t *testing.T) {
	e := edit(t, "tree-ufs1-le-4096-512")
	victim := e.inode(e.ino("/bound/direct12"), nil)
	e.inode(e.ino("/sizes/blk1frag1"), func(d *ondisk.Inode) { d.DB[0] = victim.DB[3] })
	// No to all that is asked about the first owner, yes to the rest.
	p := &person{answer: func(question string) string {
		if strings.Contains(question, "direct12") || strings.Contains(question, "SIZE=49152") {
			return "n\n"
		}
		return "y\n"
	}}
	if _, err := p.repair(e.dev); err != nil {
		t.Fatalf("%v\n%s", err, p.String())
	}
	out, _, err := repair(t, e.dev, fsck.Options{Mode: fsck.Yes, Force: true})
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	mustBeClean(t, e.dev)
	for _, f := range tree(t, e.dev) {
		if f.Path == "/bound/direct12" {
			golden.Report(t, golden.Diff([]golden.Entry{f}, only(e.tree, f.Path), "atime", "ctime"))
			return
		}
	}
	t.Errorf("the first owner is gone\n%s", out)
}

func only(es []golden.Entry, path string) (one []golden.Entry) {
	for _, f := range es {
		if f.Path == path {
			one = append(one, f)
		}
	}
	return one
}
