package fsck_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rump/ffs/mkfs"
	"rump/ffs/ondisk"
	"rump/tests/golden"
)

var treeImages = []string{"tree-ufs1-le-4096-512", "tree-ufs2-be-8192-1024", "tree-ufs0-le-8192-1024", "tree-ufs0-be-8192-1024"}

// Whatever happens to a directory's entries, no file is lost, and what can be told about names is kept.
func TestDirectoryDamage(t *testing.T) {
	if testing.Short() {
		t.Skip("long under the race detector, which has nothing to find in one goroutine")
	}
	for _, c := range []struct {
		name   string
		damage func(e *editor)
		wants  []string
		same   bool // the tree is what it was
	}{
		{"no dot", func(e *editor) {
			e.unit(e.ino("/times"), 0, func(u ondisk.DirBlock, _ []byte) { u.SetIno(0, 0) })
		}, []string{"MISSING '.'"}, true},
		{"dot is somebody else", func(e *editor) {
			e.unit(e.ino("/times"), 0, func(u ondisk.DirBlock, _ []byte) { u.SetIno(0, e.ino("/sizes")) })
		}, []string{"BAD INODE NUMBER FOR '.'"}, true},
		{"no dot dot", func(e *editor) {
			e.entry(e.ino("/times"), "..", func(u ondisk.DirBlock, x ondisk.Entry) { u.SetIno(x.Off, 0) })
		}, []string{"MISSING '..'"}, true},
		{"dot dot is somebody else", func(e *editor) {
			e.entry(e.ino("/times"), "..", func(u ondisk.DirBlock, x ondisk.Entry) { u.SetIno(x.Off, e.ino("/sizes")) })
		}, []string{"BAD INODE NUMBER FOR '..'"}, true},
		{"neither", func(e *editor) {
			e.unit(e.ino("/times"), 0, func(u ondisk.DirBlock, _ []byte) { u.SetIno(0, 0); u.SetIno(12, 0) })
		}, []string{"MISSING '.'"}, true},
		{"dot dot first", func(e *editor) {
			e.unit(e.ino("/times"), 0, func(u ondisk.DirBlock, _ []byte) { u.Put(0, 12, ondisk.RootIno, ondisk.TypeDir, []byte("..")) })
		}, []string{"MISSING '.'"}, true},
		{"root without", func(e *editor) {
			e.unit(ondisk.RootIno, 0, func(u ondisk.DirBlock, _ []byte) { u.SetIno(0, 0); u.SetIno(12, 0) })
		}, []string{"MISSING '.'"}, true},
		{"record length zero", func(e *editor) {
			e.unit(e.ino("/sizes"), 0, func(u ondisk.DirBlock, _ []byte) { u.SetLen(24, 0) })
		}, []string{"DIRECTORY CORRUPTED", "RECONNECTED AS /sizes/", "LOST NAME /sizes/"}, true},
		{"slash in a name", func(e *editor) {
			e.unit(ondisk.RootIno, 0, func(u ondisk.DirBlock, b []byte) {
				x, _ := u.Find([]byte("times"))
				b[x.Off+8] = '/'
			})
		}, []string{"DIRECTORY CORRUPTED"}, false},
		{"entry of nothing", func(e *editor) {
			e.entry(e.ino("/sizes"), "blk1frag1", func(u ondisk.DirBlock, x ondisk.Entry) { u.SetIno(x.Off, e.s.MaxIno()-1) })
		}, []string{"UNALLOCATED", "UNREF FILE", "NO lost+found DIRECTORY"}, false},
		{"entry out of range", func(e *editor) {
			e.entry(e.ino("/sizes"), "blk1frag1", func(u ondisk.DirBlock, x ondisk.Entry) { u.SetIno(x.Off, e.s.MaxIno()+100) })
		}, []string{"I OUT OF RANGE", "UNREF FILE"}, false},
		{"name twice", func(e *editor) {
			e.entry(e.ino("/sizes"), "blk1frag2", func(u ondisk.DirBlock, x ondisk.Entry) { copy(x.Name, "blk1frag1") })
		}, []string{"DUPLICATE NAME", "UNREF FILE"}, false},
		{"second name of a directory", func(e *editor) {
			e.entry(e.ino("/sizes"), "blk1frag1", func(u ondisk.DirBlock, x ondisk.Entry) { u.SetIno(x.Off, e.ino("/times")) })
		}, []string{"EXTRANEOUS HARD LINK TO DIRECTORY", "UNREF FILE"}, false},
		{"second dot", func(e *editor) {
			e.entry(e.ino("/sizes"), "blk1frag1", func(u ondisk.DirBlock, x ondisk.Entry) {
				u.Put(x.Off, x.Len, e.ino("/sizes"), ondisk.TypeDir, []byte("."))
			})
		}, []string{"EXTRA '.' ENTRY", "UNREF FILE"}, false},
		{"in itself", func(e *editor) {
			e.entry(e.ino("/sizes"), "blk1frag1", func(u ondisk.DirBlock, x ondisk.Entry) { u.SetIno(x.Off, e.ino("/sizes")) })
		}, []string{"EXTRANEOUS HARD LINK TO DIRECTORY", "UNREF FILE"}, false},
		{"no name leads to it", func(e *editor) {
			e.entry(ondisk.RootIno, "sizes", func(u ondisk.DirBlock, x ondisk.Entry) { u.SetIno(x.Off, 0) })
		}, []string{"UNREF DIR", "PARENT WAS I=2"}, false},
		{"inode gone", func(e *editor) {
			e.inode(e.ino("/sizes"), func(d *ondisk.Inode) { *d = ondisk.Inode{} })
		}, []string{"UNALLOCATED", "UNREF FILE"}, false},
		{"too short", func(e *editor) {
			e.inode(e.ino("/times"), func(d *ondisk.Inode) { d.Size = 20 })
		}, []string{"DIRECTORY TOO SHORT"}, true},
		{"odd length", func(e *editor) {
			e.inode(e.ino("/times"), func(d *ondisk.Inode) { d.Size -= 100 })
		}, []string{"NOT MULTIPLE OF"}, true},
		{"root is a file", func(e *editor) {
			e.inode(ondisk.RootIno, func(d *ondisk.Inode) { d.Mode ^= ondisk.ModeDir ^ ondisk.ModeRegular })
		}, []string{"ROOT INODE NOT DIRECTORY", "FIX? yes"}, true},
		{"root is gone", func(e *editor) {
			e.inode(ondisk.RootIno, func(d *ondisk.Inode) { *d = ondisk.Inode{} })
		}, []string{"ROOT INODE UNALLOCATED", "UNREF DIR"}, false},
		{"root has another's block", func(e *editor) {
			root := e.inode(ondisk.RootIno, nil)
			e.inode(e.ino("/sizes/blk1frag1"), func(d *ondisk.Inode) { d.DB[0] = root.DB[0] })
		}, []string{"DUPS/BAD IN ROOT INODE", "REALLOCATE? yes", "RECONNECTED AS /sizes"}, false},
		{"link counts", func(e *editor) {
			e.inode(e.ino("/sizes"), func(d *ondisk.Inode) { d.Nlink = 17 })
			e.inode(e.ino("/sizes/blk1frag1"), func(d *ondisk.Inode) { d.Nlink = -3 })
			e.inode(ondisk.RootIno, func(d *ondisk.Inode) { d.Nlink = 1 })
		}, []string{"LINK COUNT DIR", "LINK COUNT FILE", "COUNT 17 SHOULD BE", "COUNT -3 SHOULD BE"}, true},
	} {
		images := treeImages
		if damageRounds(t) < 100 { // one of today's format and one of the old
			images = []string{treeImages[0], treeImages[3]}
		}
		if testing.Short() {
			images = images[:1]
		}
		for _, image := range images {
			t.Run(c.name+"/"+image, func(t *testing.T) {
				e := edit(t, image)
				c.damage(e)
				var but []string
				if strings.HasPrefix(c.name, "root has") {
					but = []string{"/sizes/blk1frag1"}
				}
				e.repair(c.wants, but...)
				if c.same {
					e.same("ctime")
				}
			})
		}
	}
}

// A loop of directories is taken apart.
func TestDirectoryLoop(t *testing.T) {
	for _, image := range []string{"tree-ufs1-le-4096-512", "tree-ufs2-be-8192-1024"} {
		e := edit(t, image)
		// /deep/d/d: the second is made the parent of the first, and the name of the first goes.
		var chain []string
		for _, f := range e.tree {
			if strings.HasPrefix(f.Path, "/deep/") && f.Type == 'd' {
				chain = append(chain, f.Path)
			}
		}
		first, third := e.ino(chain[0]), e.ino(chain[2])
		e.entry(e.ino("/deep"), chain[0][len("/deep/"):], func(u ondisk.DirBlock, x ondisk.Entry) { u.SetIno(x.Off, 0) })
		e.entry(third, chain[3][strings.LastIndex(chain[3], "/")+1:], func(u ondisk.DirBlock, x ondisk.Entry) { u.SetIno(x.Off, first) })
		e.entry(first, "..", func(u ondisk.DirBlock, x ondisk.Entry) { u.SetIno(x.Off, third) })
		e.repair([]string{"ORPHANED DIRECTORY LOOP DETECTED", "RECONNECT? yes"})
	}
}

// In a directory block that is full there is no room for "." and "..": other entries move.
func TestDotsInAFullBlock(t *testing.T) {
	for _, image := range []string{"tree-ufs1-le-4096-512", "tree-ufs0-le-8192-1024"} {
		e := edit(t, image)
		dir := e.ino("/names")
		e.unit(dir, 0, func(u ondisk.DirBlock, _ []byte) {
			long := strings.Repeat("n", u.Len()-ondisk.DirSize(4)-8)
			u.Init()
			f := e.ino("/sizes/blk1frag1")
			u.Put(0, u.Len(), f, ondisk.TypeRegular, []byte(long[:255]))
			u.Insert(f, ondisk.TypeRegular, []byte(long[:190]))
		})
		out := e.repair([]string{"MISSING '.'"})
		for _, n := range []int{255, 190} {
			if !exists(tree(t, e.dev), "/names/"+strings.Repeat("n", n)) {
				t.Errorf("%s: the name of %d bytes is gone\n%s", image, n, tail(out))
			}
		}
	}
}

// The same where the directory has one fragment, so that it moves to a whole block meanwhile.
func TestDotsInAFullDirectory(t *testing.T) {
	if testing.Short() {
		t.Skip("long under the race detector, which has nothing to find in one goroutine")
	}
	for _, image := range []string{"tree-ufs1-le-4096-512", "tree-ufs2-be-4096-512"} {
		e := edit(t, image)
		var names []string
		e.unit(e.ino("/owners"), 0, func(u ondisk.DirBlock, _ []byte) {
			u.Init()
			for i := range 50 { // until it is full
				name := fmt.Sprint("name-", i)
				if _, ok := u.Insert(e.ino("/sizes/blk1frag1"), ondisk.TypeRegular, []byte(name)); ok {
					names = append(names, name)
				}
			}
		})
		e.repair([]string{"MISSING '.'", "NO SPACE LEFT IN ", "EXPAND? yes"})
		for _, name := range names {
			if !exists(tree(t, e.dev), "/owners/"+name) {
				t.Errorf("%s: %s is gone", image, name)
			}
		}
	}
}

// A hole in a directory is filled; a size behind the last block is cut.
func TestDirectoryHoles(t *testing.T) {
	e := edit(t, "tree-ufs1-le-4096-512")
	var gone ondisk.Frag
	e.inode(e.ino("/big"), func(d *ondisk.Inode) { gone, d.DB[2] = d.DB[2], 0; d.Blocks -= 8 })
	if gone == 0 {
		t.Fatal("no such block")
	}
	e.repair([]string{"DIRECTORY /big: CONTAINS EMPTY BLOCKS", "FILL? yes", "LINK COUNT FILE"})

	e = edit(t, "tree-ufs1-le-4096-512")
	e.inode(e.ino("/big"), func(d *ondisk.Inode) { d.Size += 5 * int64(e.s.BSize); d.Size &^= int64(e.s.BSize) - 1 })
	e.repair([]string{"DIRECTORY /big: CONTAINS EMPTY BLOCKS", "ADJUST LENGTH? yes"})

	e = edit(t, "tree-ufs1-le-4096-512")
	e.inode(e.ino("/sizes"), func(d *ondisk.Inode) { d.DB[0], d.Blocks = 0, 0 })
	e.repair([]string{"CONTAINS EMPTY BLOCKS", "FILL? yes", "MISSING '.'", "UNREF FILE"})
	if !exists(tree(t, e.dev), "/sizes") {
		t.Error("the directory itself is gone")
	}
}

// Many files without a name fill lost+found beyond its direct blocks.
func TestLostFoundGrows(t *testing.T) {
	if testing.Short() {
		t.Skip("long under the race detector, which has nothing to find in one goroutine")
	}
	for version := 1; version <= 2; version++ {
		const files = 3500
		dev := populated(t, mkfs.Options{Version: version, BlockSize: 4096, FragSize: 512}, 16<<20, files, files)
		e := &editor{t, dev, superOf(t, dev), tree(t, dev)}
		e.inode(e.ino("/dir000000"), func(d *ondisk.Inode) { *d = ondisk.Inode{} })
		e.repair([]string{"NO lost+found DIRECTORY", "CREATE? yes", "NO SPACE LEFT IN /lost+found", "EXPAND? yes"})
		for _, f := range tree(t, e.dev) {
			if f.Path == "/lost+found" && f.Size <= 12*4096 {
				t.Errorf("lost+found has %d bytes; the test is to need an indirect block", f.Size)
			}
			if strings.HasPrefix(f.Path, "/lost+found/") && f.Path != fmt.Sprintf("/lost+found/#%0*d", len(fmt.Sprint(e.s.MaxIno())), f.Ino) {
				t.Errorf("inode %d is called %s", f.Ino, f.Path)
			}
		}
	}
}

// A lost+found that is a file gives way to a directory, and stays a file under another name.
func TestLostFoundIsAFile(t *testing.T) {
	for _, image := range treeImages[:3] {
		e := edit(t, image)
		d := e.ino("/sizes")
		e.unit(ondisk.RootIno, 0, func(u ondisk.DirBlock, _ []byte) {
			if _, ok := u.Insert(e.ino("/sizes/blk1frag1"), ondisk.TypeRegular, []byte("lost+found")); !ok {
				t.Fatal("no room")
			}
		})
		e.entry(d, "blk1frag1", func(u ondisk.DirBlock, x ondisk.Entry) { u.SetIno(x.Off, 0) })
		e.entry(d, "blk1frag2", func(u ondisk.DirBlock, x ondisk.Entry) { u.SetIno(x.Off, 0) })
		e.repair([]string{"lost+found IS NOT A DIRECTORY", "REALLOCATE? yes"})
	}
}

func exists(es []golden.Entry, path string) bool {
	return slices.ContainsFunc(es, func(f golden.Entry) bool { return f.Path == path })
}
