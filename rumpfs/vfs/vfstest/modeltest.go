package vfstest

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"rump/rumpfs/vfs"
)

// Model plays nops random steps on a tree and on a map in memory, and compares every outcome and at the end everything. It
// works in a directory of its own, which it leaves. A failing run is shortened and printed with its seed.
func Model(t testing.TB, tree Tree, f Features, seed uint64, nops int) {
	t.Helper()
	pl := runModel(t, tree, f, seed, nops)
	pl.close()
}

// runModel is Model that returns the player, for another look after a remount.
func runModel(t testing.TB, tree Tree, f Features, seed uint64, nops int) *player {
	t.Helper()
	ops := drawOps(seed, nops, f)
	top := fmt.Sprintf("model-%d", seed)
	pl, done, err := playAll(tree, f, top, ops)
	if err == nil {
		return pl
	}
	ops, err = shorten(ops[:min(len(ops), done+1)], err, func(try int, ops []op) error {
		_, _, err := playAll(tree, f, fmt.Sprintf("%s-%d", top, try), ops)
		return err
	})
	t.Logf("model: seed %d, a failing run of %d steps:", seed, len(ops))
	for _, o := range ops {
		t.Logf("\t%v", o)
	}
	t.Fatalf("model: seed %d: %v", seed, err)
	return nil
}

// playAll plays steps in a new directory and compares everything afterwards. It says how many steps went well. After an
// error everything is closed.
func playAll(tree Tree, f Features, top string, ops []op) (pl *player, done int, err error) {
	if err := tree.Make(top, vfs.CreateAttr{Kind: vfs.KindDir, Mode: 0o755}); err != nil {
		return nil, 0, err
	}
	pl = &player{tree: tree, top: top, model: newModel(), owners: f.Owners, group: f.BSDGroup, within: f.Within, ownerMax: f.OwnerMax}
	for i, o := range ops {
		if err := pl.play(o); err != nil {
			pl.close()
			return nil, i, fmt.Errorf("%v: %w", o, err)
		}
	}
	if err := pl.compare(); err != nil {
		pl.close()
		return nil, len(ops), fmt.Errorf("at the end: %w", err)
	}
	return pl, len(ops), nil
}

// close closes all files, without comparing them.
func (pl *player) close() {
	for i, f := range pl.files {
		if f != nil {
			f.Close()
			pl.files[i], pl.model.handles[i] = nil, nil
		}
	}
}

// shorten leaves steps out as long as the rest fails, in at most ten seconds.
func shorten(ops []op, err error, fails func(try int, ops []op) error) ([]op, error) {
	end, try := time.Now().Add(10*time.Second), 0
	for piece := len(ops) / 2; piece > 0; piece /= 2 {
		for from := 0; from+piece <= len(ops); {
			if try++; time.Now().After(end) {
				return ops, err
			}
			rest := slices.Concat(ops[:from], ops[from+piece:])
			if e := fails(try, rest); e != nil {
				ops, err = rest, e
			} else {
				from += piece
			}
		}
	}
	return ops, err
}

// list compares the names of a directory.
func (pl *player) list(p string) error {
	n, want := pl.model.find(p)
	if want == 0 && n.kind != vfs.KindDir {
		if n.kind == vfs.KindSymlink {
			return nil // the host would follow it
		}
		want = syscall.ENOTDIR
	}
	got := make(map[string]vfs.Kind)
	var twice error
	err := pl.tree.ReadDir(pl.top+"/"+p, 0, func(e vfs.DirEntry) bool {
		if _, ok := got[string(e.Name)]; ok {
			twice = fmt.Errorf("%q twice", e.Name)
		}
		got[string(e.Name)] = e.Kind
		return true
	})
	if err := same(err, want); err != nil || want != 0 {
		return err
	}
	delete(got, ".")
	delete(got, "..")
	for name, child := range n.children {
		kind, ok := got[name]
		if !ok || kind != child.kind && kind != vfs.KindNone {
			return fmt.Errorf("entry %q: got %v, kind %d, want kind %d", name, ok, kind, child.kind)
		}
		delete(got, name)
	}
	for name := range got {
		return fmt.Errorf("entry %q should not be there", name)
	}
	return twice
}

// compare compares everything.
func (pl *player) compare() error {
	inos := make(map[*mnode]vfs.Ino)
	return pl.compareDir(pl.model.root, ".", inos)
}

func (pl *player) compareDir(dir *mnode, p string, inos map[*mnode]vfs.Ino) error {
	if err := pl.list(p); err != nil {
		return fmt.Errorf("list %s: %w", p, err)
	}
	if err := pl.compareNode(dir, p, inos); err != nil {
		return fmt.Errorf("%s: %w", p, err)
	}
	for name, n := range dir.children {
		q := p + "/" + name
		var err error
		if n.kind == vfs.KindDir {
			err = pl.compareDir(n, q, inos)
		} else if err = pl.compareNode(n, q, inos); err != nil {
			err = fmt.Errorf("%s: %w", q, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (pl *player) compareNode(n *mnode, p string, inos map[*mnode]vfs.Ino) error {
	p = pl.top + "/" + p
	a, err := pl.tree.Stat(p)
	if err != nil {
		return err
	}
	if ino, ok := inos[n]; ok && ino != a.Ino {
		return fmt.Errorf("inode %d, another name of it is inode %d", a.Ino, ino)
	}
	inos[n] = a.Ino
	if !pl.group && n.gid != a.GID {
		n.gid = a.GID // whatever the host's rule is
	}
	switch {
	case a.Kind != n.kind:
		return fmt.Errorf("got kind %d, want %d", a.Kind, n.kind)
	case a.Mode != n.mode && n.kind != vfs.KindSymlink:
		return fmt.Errorf("got mode %o, want %o", a.Mode, n.mode)
	case pl.owners && (a.UID != n.uid || a.GID != n.gid):
		return fmt.Errorf("got owner %d, %d, want %d, %d", a.UID, a.GID, n.uid, n.gid)
	case a.Nlink != n.links && n != pl.model.root:
		return fmt.Errorf("got %d links, want %d", a.Nlink, n.links)
	case n.mtime != nil && a.Mtime != *n.mtime:
		return fmt.Errorf("got modification time %v, want %v", a.Mtime, *n.mtime)
	}
	return errors.Join(pl.compareContent(n, p), pl.compareXattrs(n, p))
}

func (pl *player) compareContent(n *mnode, p string) error {
	switch n.kind {
	case vfs.KindSymlink:
		target, err := pl.tree.Readlink(p)
		if err == nil && target != n.target {
			err = fmt.Errorf("got target %q, want %q", target, n.target)
		}
		return err
	case vfs.KindRegular:
		f, err := pl.tree.Open(p, false)
		if err != nil {
			return err
		}
		buf := dirty(len(n.data) + 1)
		got, err := f.ReadAt(buf, 0)
		if err == nil {
			err = sameBytes(buf[:got], n.data)
		}
		return errors.Join(err, f.Close())
	}
	return nil
}

func (pl *player) compareXattrs(n *mnode, p string) error {
	for name, want := range n.xattrs {
		got, err := pl.tree.GetXattr(p, name)
		if err != nil {
			return fmt.Errorf("attribute %s: %w", name, err)
		}
		if err := sameBytes(got, []byte(want)); err != nil {
			return fmt.Errorf("attribute %s: %w", name, err)
		}
	}
	return nil
}

// modelSeeds are the seeds that Run plays.
func modelSeeds() (seeds []uint64, nops int) {
	if testing.Short() {
		return []uint64{1, 2}, 300
	}
	return []uint64{1, 2, 3, 4, 5, 6}, 1500
}

func testModel(s *suite) {
	seeds, nops := modelSeeds()
	var players []*player
	for _, seed := range seeds {
		players = append(players, runModel(s, s.Tree, s.Features, seed, nops))
	}
	compare := func() {
		for i, pl := range players {
			pl.tree = s.Tree
			if err := pl.compare(); err != nil {
				s.Errorf("model: seed %d: %v", seeds[i], err)
			}
		}
	}
	letGo := func() {
		for _, pl := range players {
			for slot := range pl.files {
				s.ok(pl.letGo(slot), "open file %d", slot)
			}
		}
	}
	letGo()
	s.twice(compare)
	for i, pl := range players { // what was mounted again is also to be changed again
		for step, o := range drawOps(seeds[i]+1000, nops/3, s.Features) {
			if err := pl.play(o); err != nil {
				s.Fatalf("model: seed %d and after a remount %d, step %d: %v: %v", seeds[i], seeds[i]+1000, step, o, err)
			}
		}
	}
	letGo()
	s.twice(compare)
}
