package ffs_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"rump/ffs"
	"rump/rumpfs/vfs"
	"rump/tests/golden"
)

// A mnode is what a model knows of a file.
type mnode struct {
	kind     vfs.Kind
	data     []byte
	target   string
	children map[string]*mnode
	links    int
}

// A model is a tree in memory to which the same is done as to a volume.
type model struct {
	r    *rand.Rand
	v    *volume
	root *mnode
	log  []string
	next int
	max  int64 // size of files
}

func newModel(v *volume, seed uint64, max int64) *model {
	return &model{r: rand.New(rand.NewPCG(seed, 1)), v: v, root: &mnode{kind: vfs.KindDir, children: map[string]*mnode{}}, max: max}
}

// paths lists all paths, or those of a kind.
func (m *model) paths(kind vfs.Kind) (out []string) {
	var walk func(p string, n *mnode)
	walk = func(p string, n *mnode) {
		if kind == 0 || n.kind == kind {
			out = append(out, p)
		}
		for name, c := range n.children {
			walk(p+"/"+name, c)
		}
	}
	walk("", m.root)
	sort.Strings(out)
	return out
}

func (m *model) pick(kind vfs.Kind) string {
	p := m.paths(kind)
	if len(p) == 0 {
		return ""
	}
	return p[m.r.IntN(len(p))]
}

func (m *model) at(path string) *mnode {
	n := m.root
	for _, name := range strings.FieldsFunc(path, func(r rune) bool { return r == '/' }) {
		n = n.children[name]
	}
	return n
}

func split(path string) (dir, name string) {
	i := strings.LastIndexByte(path, '/')
	return path[:i], path[i+1:]
}

func (m *model) put(path string, n *mnode) {
	d, name := split(path)
	m.at(d).children[name] = n
	n.links++
}

func (m *model) del(path string) {
	d, name := split(path)
	m.at(path).links--
	delete(m.at(d).children, name)
}

// fresh is a new path in some directory; names have any length.
func (m *model) fresh() string {
	m.next++
	n := 1 + m.r.IntN(10)
	if m.r.IntN(20) == 0 {
		n = 1 + m.r.IntN(245)
	}
	return fmt.Sprintf("%s/%d%s", m.pick(vfs.KindDir), m.next, strings.Repeat("x", n))
}

// size is a size or place, often near where blocks and levels of pointers end.
func (m *model) size() int64 {
	b := int64(m.v.fs.Super().BSize)
	near := []int64{0, int64(m.v.fs.Super().FSize), b, 12 * b, 13 * b, b * int64(12+m.v.fs.Super().Nindir)}
	s := near[m.r.IntN(len(near))] + int64(m.r.IntN(int(2*b)))
	if m.r.IntN(3) == 0 {
		s = int64(m.r.IntN(int(b)))
	}
	return s % m.max
}

func (m *model) bytes(n int64) []byte {
	p := make([]byte, n)
	x := m.r.Uint64() | 1
	for i := range p {
		x = x*6364136223846793005 + 1
		p[i] = byte(x >> 56)
	}
	return p
}

// step does one thing to both. ENOSPC is allowed and must change nothing, or what the call says.
func (m *model) step() error {
	do := func(what string, err error) bool {
		m.log = append(m.log, fmt.Sprintf("%s: %v", what, err))
		return err == nil
	}
	switch k := m.r.IntN(100); {
	case k < 18:
		p := m.fresh()
		if do("create "+p, m.v.write(p, nil, 0)) {
			m.put(p, &mnode{kind: vfs.KindRegular})
		}
	case k < 26:
		p := m.fresh()
		if do("mkdir "+p, m.v.mkdir(p)) {
			m.put(p, &mnode{kind: vfs.KindDir, children: map[string]*mnode{}})
		}
	case k < 30:
		p := m.fresh()
		t := strings.Repeat("t", 1+m.r.IntN(1023))
		_, err := m.v.create(p, vfs.CreateAttr{Kind: vfs.KindSymlink, Target: t})
		if do("symlink "+p, err) {
			m.put(p, &mnode{kind: vfs.KindSymlink, target: t})
		}
	case k < 52:
		return m.write()
	case k < 62:
		return m.resize()
	case k < 66:
		return m.punch()
	case k < 72:
		if old := m.pick(vfs.KindRegular); old != "" {
			p := m.fresh()
			if do("link "+old+" "+p, m.v.link(old, p)) {
				m.put(p, m.at(old))
			}
		}
	case k < 84:
		return m.rename()
	case k < 98:
		p := m.pick(0)
		if p == "" {
			return nil
		}
		err := m.v.remove(p)
		if len(m.at(p).children) > 0 {
			if err != syscall.ENOTEMPTY {
				return fmt.Errorf("remove full %s: %v", p, err)
			}
			return nil
		}
		if !do("remove "+p, err) {
			return err
		}
		m.del(p)
	default:
		m.v.forget()
		m.log = append(m.log, "forget")
	}
	return nil
}

func (m *model) write() error {
	p := m.pick(vfs.KindRegular)
	if p == "" {
		return nil
	}
	n := m.at(p)
	off := m.size()
	if m.r.IntN(2) == 0 {
		off = int64(len(n.data)) // append
	}
	data := m.bytes(min(m.size(), m.max-min(off, m.max)))
	node, err := m.v.walk(p)
	if err != nil {
		return err
	}
	k, err := node.(vfs.File).WriteAt(ctx, vfs.Root, data, off)
	m.log = append(m.log, fmt.Sprintf("write %s %d+%d: %d %v", p, off, len(data), k, err))
	if err != nil && !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	if k > 0 {
		if end := off + int64(k); end > int64(len(n.data)) {
			n.data = append(n.data, make([]byte, end-int64(len(n.data)))...)
		}
		copy(n.data[off:], data[:k])
	}
	return nil
}

func (m *model) resize() error {
	p := m.pick(vfs.KindRegular)
	if p == "" {
		return nil
	}
	n, size := m.at(p), m.size()
	if m.r.IntN(2) == 0 && len(n.data) > 0 {
		size = int64(m.r.IntN(len(n.data)))
	}
	err := m.v.truncate(p, size)
	m.log = append(m.log, fmt.Sprintf("truncate %s from %d to %d: %v", p, len(n.data), size, err))
	if err != nil {
		if errors.Is(err, syscall.ENOSPC) && size > int64(len(n.data)) {
			return nil
		}
		return err
	}
	if size > int64(len(n.data)) {
		n.data = append(n.data, make([]byte, size-int64(len(n.data)))...)
	}
	n.data = n.data[:size:size]
	return nil
}

func (m *model) punch() error {
	p := m.pick(vfs.KindRegular)
	if p == "" || len(m.at(p).data) == 0 {
		return nil
	}
	n := m.at(p)
	off := int64(m.r.IntN(len(n.data)))
	length := 1 + m.size()
	node, err := m.v.walk(p)
	if err != nil {
		return err
	}
	f := node.(interface {
		vfs.Allocator
		vfs.File
	})
	end := min(off+length, int64(len(n.data)))
	if m.r.IntN(3) == 0 {
		err = f.Allocate(ctx, vfs.Root, off, end-off, true)
		m.log = append(m.log, fmt.Sprintf("allocate %s %d+%d: %v", p, off, end-off, err))
		if errors.Is(err, syscall.ENOSPC) {
			err = nil
		}
		return err
	}
	m.log = append(m.log, fmt.Sprintf("punch %s %d+%d", p, off, length))
	clear(n.data[off:end])
	return f.Punch(ctx, off, length)
}

func (m *model) rename() error {
	old := m.pick(0)
	if old == "" {
		return nil
	}
	to := m.fresh()
	if m.r.IntN(3) == 0 {
		to = m.pick(0)
	}
	o := m.at(old)
	if to == "" || to == old || strings.HasPrefix(to+"/", old+"/") || strings.HasPrefix(old+"/", to+"/") {
		return nil
	}
	if d, name := split(to); m.at(d).children[name] != nil {
		t := m.at(to)
		if t == o || (t.kind == vfs.KindDir) != (o.kind == vfs.KindDir) {
			return nil // the kernel sees to that
		}
		err := m.v.rename(old, to)
		if len(t.children) > 0 {
			if err != syscall.ENOTEMPTY {
				return fmt.Errorf("rename over full %s: %v", to, err)
			}
			return nil
		}
		m.log = append(m.log, fmt.Sprintf("rename %s over %s: %v", old, to, err))
		if err != nil {
			return err
		}
		m.del(to)
	} else if err := m.v.rename(old, to); err != nil {
		m.log = append(m.log, fmt.Sprintf("rename %s to %s: %v", old, to, err))
		if errors.Is(err, syscall.ENOSPC) {
			return nil
		}
		return err
	} else {
		m.log = append(m.log, fmt.Sprintf("rename %s to %s", old, to))
	}
	m.del(old)
	m.put(to, o)
	return nil
}

// compare compares names, kinds, links and contents.
func (m *model) compare() (diffs []string) {
	seen := map[vfs.Ino]*mnode{}
	for _, p := range m.paths(0) {
		n := m.at(p)
		node, err := m.v.walk(p + "/")
		if err != nil {
			diffs = append(diffs, fmt.Sprintf("%s: %v", p, err))
			continue
		}
		a, _ := node.Attr(ctx)
		if other := seen[a.Ino]; other != nil && other != n {
			diffs = append(diffs, fmt.Sprintf("%s: inode %d is another file's too", p, a.Ino))
		}
		seen[a.Ino] = n
		diffs = append(diffs, m.compareNode(p, n, node, a)...)
	}
	return diffs
}

func (m *model) compareNode(p string, n *mnode, node vfs.Node, a vfs.Attr) (diffs []string) {
	bad := func(format string, args ...any) { diffs = append(diffs, p+": "+fmt.Sprintf(format, args...)) }
	if a.Kind != n.kind {
		bad("kind %d, want %d", a.Kind, n.kind)
		return diffs
	}
	links := n.links
	switch n.kind {
	case vfs.KindRegular:
		if a.Size != int64(len(n.data)) {
			bad("size %d, want %d", a.Size, len(n.data))
		}
		got := make([]byte, len(n.data))
		k, err := node.(vfs.File).ReadAt(ctx, got, 0)
		if err != nil || k != len(got) || !bytes.Equal(got, n.data) {
			at := 0
			for at < len(got) && got[at] == n.data[at] {
				at++
			}
			bad("content differs from byte %d of %d on (%d read, %v)", at, len(n.data), k, err)
		}
	case vfs.KindSymlink:
		if t, err := node.(vfs.Symlink).Readlink(ctx); t != n.target {
			bad("target of %d bytes, want %d, %v", len(t), len(n.target), err)
		}
	case vfs.KindDir:
		links = 2
		for _, c := range n.children {
			if c.kind == vfs.KindDir {
				links++
			}
		}
		names := map[string]bool{}
		err := node.(vfs.Dir).ReadDir(ctx, 0, func(e vfs.DirEntry) bool {
			names[string(e.Name)] = true
			if c := n.children[string(e.Name)]; c != nil && c.kind != e.Kind {
				bad("entry %q has kind %d, want %d", e.Name, e.Kind, c.kind)
			}
			return true
		})
		if err != nil || len(names) != len(n.children)+2 {
			bad("%d names, want %d and two dots, %v", len(names), len(n.children), err)
		}
	}
	if int(a.Nlink) != links {
		bad("%d links, want %d", a.Nlink, links)
	}
	return diffs
}

// Random operations leave what a map in memory says, on every kind of volume, also when space runs out; the checker finds nothing; and after
// a remount all is still there.
func TestRandomOperationsAgreeWithModel(t *testing.T) {
	steps := 600
	if testing.Short() {
		steps = 150
	}
	for i, f := range flavours() {
		for _, c := range []struct {
			name      string
			size, max int64
			o         ffs.Options
		}{
			{"roomy", 24 << 20, 5 << 20, ffs.Options{}},
			{"full", 3 << 20, 1 << 20, ffs.Options{Budget: 64 << 10}},
			{"tiny", 1 << 20, 1 << 18, ffs.Options{Budget: 1}},
			{"async", 8 << 20, 1 << 20, ffs.Options{Async: true, NoAtime: true}},
			{"journal", 16 << 20, 5 << 20, ffs.Options{Journal: true}},
			{"journal-full", 4 << 20, 1 << 20, ffs.Options{Journal: true, Budget: 1, CommitInterval: -1}},
		} {
			t.Run(f.name+"-"+c.name, func(t *testing.T) {
				t.Parallel()
				dev := f.format(t, c.size)
				var clock atomic.Int64 // so fast that directories are compacted
				c.o.Now = func() time.Time { return time.Unix(1e9+10*clock.Add(1), 0) }
				v := open(t, lasting{dev}, c.o)
				m := newModel(v, uint64(i), c.max)
				for k := range steps {
					if err := m.step(); err != nil {
						t.Fatalf("step %d: %v\n%s", k, err, tail(strings.Join(m.log, "\n"), 3000))
					}
				}
				golden.Report(t, m.compare())
				v.close()
				check(t, dev)
				if t.Failed() {
					t.Fatalf("%s", tail(strings.Join(m.log, "\n"), 3000))
				}
				m.v = open(t, lasting{dev}, c.o)
				golden.Report(t, m.compare())
				m.v.close()
				check(t, dev)
			})
		}
	}
}
