package ffs_test

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"syscall"

	"rump/rumpfs/vfs"
)

// effect is what an operation does to the volume.
type effect struct {
	obj    *object // in place of what has its id
	names  paths   // all names afterwards; nil: the same
	either []string
	sync   bool
	fsync  uint64 // object that is durable afterwards
}

// do runs an operation and notes it as a step. An operation without space has no effect but for doubt.
func (c *crash) do(what string, f func() error, e effect) {
	c.t.Helper()
	s := step{what: what, start: c.rec.Len(), before: c.now, after: c.now, either: e.either, effect: e}
	if e.obj != nil {
		s.before, s.after = s.before.with(e.obj), s.after.with(e.obj)
	}
	if e.names != nil {
		s.after = e.names
		if e.obj != nil {
			s.after = s.after.with(e.obj)
		}
	}
	err := f()
	s.end = c.rec.Len()
	s.final = s.after
	if err == syscall.ENOSPC {
		s.what += ": no space"
		s.final = s.before
	} else {
		c.ok(err, "%s", what)
	}
	if e.sync || e.fsync != 0 {
		s.final = maps.Clone(s.final)
		for p, o := range s.final {
			if e.sync || o.id == e.fsync {
				s.final[p] = o.synced()
			}
		}
	}
	c.now = s.final
	c.steps = append(c.steps, s)
}

func (c *crash) ok(err error, format string, args ...any) {
	c.t.Helper()
	if err != nil {
		c.t.Fatalf("step %d, %s: %v", len(c.steps), fmt.Sprintf(format, args...), err)
	}
}

// node is the live node at a path.
func (c *crash) node(p string) vfs.Node {
	c.t.Helper()
	ctx := context.Background()
	ino := c.fs.Root()
	for _, name := range strings.Split(p, "/")[1:] {
		next, err := c.load(ino).(vfs.Dir).Lookup(ctx, name)
		c.ok(err, "lookup %s in %s", name, p)
		ino = next
	}
	return c.load(ino)
}

func (c *crash) load(ino vfs.Ino) vfs.Node {
	c.t.Helper()
	n := c.live[ino]
	if n == nil {
		var err error
		n, err = c.fs.Node(context.Background(), ino)
		c.ok(err, "inode %d", ino)
		c.live[ino] = n
	}
	return n
}

// parent is the directory that a path's last name is in.
func (c *crash) parent(p string) vfs.Dir {
	c.t.Helper()
	if i := strings.LastIndexByte(p, '/'); i > 0 {
		return c.node(p[:i]).(vfs.Dir)
	}
	return c.load(c.fs.Root()).(vfs.Dir)
}

// drop reclaims a node without names, as the kernel does when nobody has it open.
func (c *crash) drop(n vfs.Node) error {
	a, err := n.Attr(context.Background())
	if err != nil || a.Nlink > 0 {
		return err
	}
	delete(c.live, n.Ino())
	return n.Reclaim(context.Background())
}

// pick is a random path of one of the kinds, "" if there is none. The root is never picked.
func (c *crash) pick(kinds ...vfs.Kind) string {
	var list []string
	for p, o := range c.now {
		if p != "" && slices.Contains(kinds, o.kind) {
			list = append(list, p)
		}
	}
	if len(list) == 0 {
		return ""
	}
	slices.Sort(list)
	return list[c.r.IntN(len(list))]
}

// file is a random regular file, often one of the oldest, to which much happens; "" if there is none.
func (c *crash) file() string {
	best := c.pick(vfs.KindRegular)
	for range c.r.IntN(6) {
		if p := c.pick(vfs.KindRegular); p != "" && c.now[p].id < c.now[best].id {
			best = p
		}
	}
	return best
}

// fresh is a path that is free. Half of all names are in the root, which grows.
func (c *crash) fresh() string {
	dir := ""
	if c.r.IntN(2) > 0 && !c.wide {
		dir = c.pick(vfs.KindDir)
	}
	c.ids++
	name := fmt.Sprintf("%d", c.ids)
	if c.r.IntN(2) == 0 {
		name += strings.Repeat("n", c.r.IntN(250))
	}
	return dir + "/" + name
}

// step does one random operation.
func (c *crash) step() {
	c.t.Helper()
	switch op := c.r.IntN(100); {
	case op < 12:
		c.create(vfs.KindRegular)
	case op < 18:
		c.create(vfs.KindDir)
	case op < 22:
		c.create(vfs.KindSymlink)
	case op < 24:
		c.create(vfs.KindFifo)
	case op < 52:
		c.write()
	case op < 56:
		c.resize()
	case op < 62:
		c.allocate()
	case op < 72:
		c.fsync()
	case op < 74:
		c.do("sync", func() error { return c.fs.Sync(context.Background(), true) }, effect{sync: true})
	case op < 78:
		c.link()
	case op < 86:
		c.remove()
	case op < 96:
		c.rename()
	case op < 98:
		c.orphan()
	default:
		c.chmod()
	}
	if c.r.IntN(10) == 0 {
		c.evict()
	}
	if c.log != 0 && c.r.IntN(5) == 0 {
		c.linger()
	}
	if c.o.ExtAttr && c.r.IntN(5) == 0 {
		c.xattr()
	}
}

func (c *crash) create(kind vfs.Kind) {
	c.t.Helper()
	p := c.fresh()
	o := &object{id: c.ids, kind: kind}
	a := vfs.CreateAttr{Kind: kind, Mode: 0o640}
	if kind == vfs.KindSymlink {
		o.target = strings.Repeat("t", 1+c.r.IntN(150))
		if c.r.IntN(3) == 0 {
			o.target = strings.Repeat("u", 1+c.r.IntN(1023))
		}
		a.Target = o.target
	}
	names := maps.Clone(c.now)
	names[p] = o
	c.do(fmt.Sprintf("create %c %s", kind.Letter(), p), func() error {
		n, err := c.parent(p).Create(context.Background(), vfs.Root, path.Base(p), a)
		if err == nil {
			c.live[n.Ino()] = n
		}
		return err
	}, effect{names: names})
}

// where is a random place to write or cut at.
func (c *crash) where(size int64) int64 {
	b := c.bsize
	switch c.r.IntN(12) {
	case 6: // a little less
		return max(0, size-c.r.Int64N(2*b))
	case 7: // a little more
		return size + 1 + c.r.Int64N(b/4)
	case 0:
		return c.r.Int64N(size + 1)
	case 1:
		return min(c.r.Int64N(size+1)&^(b-1), size)
	case 2:
		return size + c.r.Int64N(3*b)
	case 3:
		return 12*b + c.r.Int64N(4*b) // reached indirectly
	case 4:
		return 12*b + b/4*b + c.r.Int64N(4*b) // and twice so, on UFS1
	case 5:
		return 12*b + b/8*b + c.r.Int64N(4*b) // on UFS2
	}
	return size
}

func (c *crash) write() {
	c.t.Helper()
	p := c.file()
	if p == "" {
		return
	}
	o := c.now[p]
	off := c.where(o.size)
	n := 1 + c.r.Int64N([]int64{100, 700, c.bsize, 3 * c.bsize, 10 * c.bsize}[c.r.IntN(5)])
	data := make([]byte, n)
	stream(o.id, off, data)
	written := 0
	what := fmt.Sprintf("write %s %d+%d, size %d", p, off, n, o.size)
	c.do(what, func() (err error) {
		written, err = c.node(p).(vfs.File).WriteAt(context.Background(), vfs.Root, data, off)
		return err
	}, effect{obj: o.wrote(off, off+n)})
	if int64(written) < n { // no space for all: what was not written is in doubt on the disk only
		now := c.now[p]
		fixed := *now
		fixed.size, fixed.data = o.size, o.data
		if written > 0 {
			fixed.size, fixed.data = max(o.size, off+int64(written)), o.data.plus(off, off+int64(written))
		}
		c.now = c.now.with(&fixed)
		c.steps[len(c.steps)-1].final = c.now
	}
}

func (c *crash) resize() {
	c.t.Helper()
	p := c.file()
	if p == "" {
		return
	}
	o := c.now[p]
	size := c.where(o.size)
	if c.r.IntN(4) == 0 {
		size = 0
	}
	before := *o
	c.do(fmt.Sprintf("truncate %s from %d to %d", p, o.size, size), func() error {
		return c.node(p).SetAttr(context.Background(), vfs.Root, vfs.SetAttr{Mask: vfs.SetSize, Size: size})
	}, effect{obj: o.cut(size)})
	if s := &c.steps[len(c.steps)-1]; strings.HasSuffix(s.what, "no space") {
		fixed := *c.now[p]
		fixed.size, fixed.data = before.size, before.data
		c.now = c.now.with(&fixed)
		s.final = c.now
	}
}

// allocate reserves space in a file, or punches a hole into it.
func (c *crash) allocate() {
	c.t.Helper()
	p := c.file()
	if p == "" {
		return
	}
	o := c.now[p]
	f, ok := c.node(p).(vfs.Allocator)
	if !ok {
		return
	}
	off, n := c.where(o.size), 1+c.r.Int64N(5*c.bsize)
	if c.r.IntN(2) == 0 {
		c.do(fmt.Sprintf("punch %s %d+%d, size %d", p, off, n, o.size), func() error {
			return f.Punch(context.Background(), off, n)
		}, effect{obj: o.punched(off, off+n)})
		return
	}
	keep := c.r.IntN(2) == 0
	now := *o
	if !keep {
		now.size = max(o.size, off+n)
		now.maxSize = max(o.maxSize, off+n)
	}
	c.do(fmt.Sprintf("allocate %s %d+%d, size %d, keep it: %v", p, off, n, o.size, keep), func() error {
		err := f.Allocate(context.Background(), vfs.Root, off, n, keep)
		if keep && err == syscall.EOPNOTSUPP {
			return nil // the format has nothing behind the end of a file
		}
		return err
	}, effect{obj: &now})
	if s := &c.steps[len(c.steps)-1]; strings.HasSuffix(s.what, "no space") {
		a, err := c.node(p).Attr(context.Background())
		c.ok(err, "attr")
		fixed := now
		fixed.size = a.Size // how far it came is not promised
		c.now = c.now.with(&fixed)
		s.final = c.now
	}
}

func (c *crash) fsync() {
	c.t.Helper()
	p := c.file()
	if p == "" {
		return
	}
	c.do("fsync "+p, func() error {
		return c.node(p).Sync(context.Background(), c.r.IntN(2) == 0)
	}, effect{fsync: c.now[p].id})
}

func (c *crash) link() {
	c.t.Helper()
	p := c.pick(vfs.KindRegular, vfs.KindFifo)
	if p == "" {
		return
	}
	to := c.fresh()
	names := maps.Clone(c.now)
	names[to] = c.now[p]
	c.do("link "+p+" to "+to, func() error {
		return c.parent(to).Link(context.Background(), vfs.Root, path.Base(to), c.node(p))
	}, effect{names: names})
}

// isEmpty reports that no path lies below p.
func (c *crash) isEmpty(p string) bool {
	for q := range c.now {
		if strings.HasPrefix(q, p+"/") {
			return false
		}
	}
	return true
}

func (c *crash) remove() {
	c.t.Helper()
	p := c.pick(vfs.KindRegular, vfs.KindDir, vfs.KindSymlink, vfs.KindFifo)
	if p == "" || !c.isEmpty(p) {
		return
	}
	names := maps.Clone(c.now)
	delete(names, p)
	c.do("remove "+p, func() error {
		n := c.node(p)
		if err := c.parent(p).Remove(context.Background(), path.Base(p), n); err != nil {
			return err
		}
		return c.drop(n)
	}, effect{names: names})
}

func (c *crash) rename() {
	c.t.Helper()
	p := c.pick(vfs.KindRegular, vfs.KindDir, vfs.KindSymlink, vfs.KindFifo)
	if p == "" {
		return
	}
	to := c.fresh()
	if c.r.IntN(2) == 0 {
		to = c.pick(vfs.KindRegular, vfs.KindDir, vfs.KindSymlink, vfs.KindFifo)
	}
	o, replaced := c.now[p], c.now[to]
	isDir := o.kind == vfs.KindDir
	if to == p || strings.HasPrefix(to, p+"/") || strings.HasPrefix(p, to+"/") {
		return
	}
	if replaced != nil && (replaced.id == o.id || (replaced.kind == vfs.KindDir) != isDir || !c.isEmpty(to)) {
		return
	}
	names := paths{}
	for q, x := range c.now {
		switch {
		case q == p:
			names[to] = x
		case strings.HasPrefix(q, p+"/"):
			names[to+q[len(p):]] = x
		case q != to:
			names[q] = x
		}
	}
	c.do("rename "+p+" to "+to, func() error {
		r := vfs.Rename{OldName: path.Base(p), Node: c.node(p), NewDir: c.parent(to), NewName: path.Base(to)}
		if replaced != nil {
			r.Replaced = c.node(to)
		}
		if err := c.parent(p).Rename(context.Background(), vfs.Root, r); err != nil || replaced == nil {
			return err
		}
		return c.drop(r.Replaced)
	}, effect{names: names, either: []string{p, to}})
}

// orphan removes a file that is open, writes to it and closes it.
func (c *crash) orphan() {
	c.t.Helper()
	p := c.file()
	if p == "" {
		return
	}
	names := maps.Clone(c.now)
	delete(names, p)
	o := c.now[p]
	c.do("remove open "+p, func() error {
		n := c.node(p).(vfs.File)
		if err := c.parent(p).Remove(context.Background(), path.Base(p), n); err != nil {
			return err
		}
		data := make([]byte, 2*c.bsize)
		stream(o.id, o.size, data)
		if _, err := n.WriteAt(context.Background(), vfs.Root, data, o.size); err != nil && err != syscall.ENOSPC {
			return err
		}
		return c.drop(n)
	}, effect{obj: o.wrote(o.size, o.size+2*c.bsize), names: names})
}

// linger removes something that stays open for a while, or closes something of that kind.
func (c *crash) linger() {
	c.t.Helper()
	if len(c.open) > 0 && c.r.IntN(2) == 0 {
		n := c.open[0]
		c.open = c.open[1:]
		c.do(fmt.Sprintf("close inode %d", n.Ino()), func() error { return c.drop(n) }, effect{})
		return
	}
	p := c.pick(vfs.KindRegular, vfs.KindDir, vfs.KindSymlink)
	if p == "" || !c.isEmpty(p) {
		return
	}
	names := maps.Clone(c.now)
	delete(names, p)
	c.do("remove open for long "+p, func() error {
		n := c.node(p)
		if err := c.parent(p).Remove(context.Background(), path.Base(p), n); err != nil {
			return err
		}
		a, err := n.Attr(context.Background())
		if err == nil && a.Nlink == 0 {
			c.open = append(c.open, n)
		}
		return err
	}, effect{names: names})
}

func (c *crash) chmod() {
	c.t.Helper()
	p := c.pick(vfs.KindRegular, vfs.KindDir)
	if p == "" {
		return
	}
	c.do("chmod "+p, func() error {
		return c.node(p).SetAttr(context.Background(), vfs.Root, vfs.SetAttr{Mask: vfs.SetMode, Mode: 0o700})
	}, effect{})
}

// xattr sets or removes an extended attribute, which is content that this test does not look at: its space must be right.
func (c *crash) xattr() {
	c.t.Helper()
	p := c.file()
	if p == "" {
		return
	}
	x, ok := c.node(p).(vfs.Xattrer)
	if !ok {
		return
	}
	name := fmt.Sprint("x", c.r.IntN(3))
	c.do("xattr of "+p, func() error {
		err := x.RemoveXattr(context.Background(), vfs.XattrUser, name)
		if c.r.IntN(3) > 0 {
			err = x.SetXattr(context.Background(), vfs.Root, vfs.XattrUser, name, make([]byte, c.r.IntN(3000)), vfs.XattrEither)
		}
		if err == syscall.EOPNOTSUPP || err == syscall.ENODATA || err == syscall.ENOSPC {
			return nil
		}
		return err
	}, effect{})
}

// evict ends the life of a node that nobody uses, as a kernel with a full cache does.
func (c *crash) evict() {
	c.t.Helper()
	p := c.pick(vfs.KindRegular, vfs.KindDir, vfs.KindSymlink, vfs.KindFifo)
	if p == "" {
		return
	}
	c.do("evict "+p, func() error {
		n := c.node(p)
		delete(c.live, n.Ino())
		return n.Reclaim(context.Background())
	}, effect{})
}
