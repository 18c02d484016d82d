package vfstest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"

	"rump/rumpfs/vfs"
)

// An opKind is something that a model test does.
type opKind uint8

const (
	opMake opKind = iota
	opMkdir
	opSymlink
	opLink
	opRemove
	opRmdir
	opRename
	opWrite
	opAppend
	opTruncate
	opRead
	opPunch
	opAllocate
	opList
	opMode
	opOwner
	opTimes
	opSetXattr
	opRemoveXattr
	opHold    // opens a file and keeps it open
	opLetGo   // closes it
	opHeld    // writes to it
	opHeldCut // truncates it
)

// weights say how often each kind is drawn; those that are not here, once.
var weights = map[opKind]int{opMake: 6, opMkdir: 4, opRename: 8, opWrite: 8, opTruncate: 4, opRead: 3, opRemove: 4, opRmdir: 2, opHold: 2}

// An op is one step of a model test. It stands for itself: what it does depends on nothing that was drawn before, so a
// failing run can be shortened by leaving steps out.
type op struct {
	kind     opKind
	p, q     string
	mode     uint32
	off, n   int
	seed     uint64
	slot     int
	nodeKind vfs.Kind
}

func (o op) String() string {
	switch o.kind {
	case opMake:
		return fmt.Sprintf("make %s kind %d mode %o", o.p, o.nodeKind, o.mode)
	case opMkdir:
		return fmt.Sprintf("mkdir %s mode %o", o.p, o.mode)
	case opSymlink:
		return fmt.Sprintf("symlink %s, %d bytes", o.p, o.n+1)
	case opLink:
		return "link " + o.p + " " + o.q
	case opRemove:
		return "remove " + o.p
	case opRmdir:
		return "rmdir " + o.p
	case opRename:
		return "rename " + o.p + " " + o.q
	case opWrite:
		return fmt.Sprintf("write %s, %d bytes at %d", o.p, o.n, o.off)
	case opAppend:
		return fmt.Sprintf("append to %s, %d bytes", o.p, o.n)
	case opTruncate:
		return fmt.Sprintf("truncate %s to %d", o.p, o.off)
	case opRead:
		return fmt.Sprintf("read %s, %d bytes at %d", o.p, o.n, o.off)
	case opPunch:
		return fmt.Sprintf("punch %s, %d bytes at %d", o.p, o.n+1, o.off)
	case opAllocate:
		return fmt.Sprintf("allocate in %s, %d bytes at %d", o.p, o.n+1, o.off)
	case opList:
		return "list " + o.p
	case opMode:
		return fmt.Sprintf("chmod %s %o", o.p, o.mode)
	case opOwner:
		return fmt.Sprintf("chown %s %d", o.p, o.n)
	case opTimes:
		return fmt.Sprintf("set mtime of %s to %d", o.p, o.n)
	case opSetXattr:
		return fmt.Sprintf("set attribute %d of %s, %d bytes", o.slot, o.p, o.n%300)
	case opRemoveXattr:
		return fmt.Sprintf("remove attribute %d of %s", o.slot, o.p)
	case opHold:
		return fmt.Sprintf("open %s as %d", o.p, o.slot)
	case opLetGo:
		return fmt.Sprintf("close %d", o.slot)
	case opHeld:
		return fmt.Sprintf("write to open %d, %d bytes at %d", o.slot, o.n, o.off)
	case opHeldCut:
		return fmt.Sprintf("truncate open %d to %d", o.slot, o.off)
	}
	return fmt.Sprintf("op %d", o.kind)
}

// modelMax bounds the size of a model's files.
const modelMax = 200_000

// drawOps draws n steps for a tree with these features.
func drawOps(seed uint64, n int, f Features) []op {
	r := rand.New(rand.NewPCG(seed, 0x76667374657374))
	var bag []opKind
	for k := opMake; k <= opHeldCut; k++ {
		if k == opPunch && !f.Punch || k == opAllocate && !f.Allocate || (k == opSetXattr || k == opRemoveXattr) && f.XattrMax < 1000 || k == opOwner && !f.Owners {
			continue
		}
		for range max(1, weights[k]) {
			bag = append(bag, k)
		}
	}
	names := []string{"a", "b", "c", "d", "e", strings.Repeat("long", 50)}
	path := func(deep int) string {
		p := names[r.IntN(len(names))]
		for r.IntN(deep) != 0 && len(p) < 600 {
			p += "/" + names[r.IntN(len(names))]
		}
		return p
	}
	size := func() int {
		if len(f.Blocks) > 0 && r.IntN(3) > 0 {
			b := f.Blocks[r.IntN(len(f.Blocks))]
			return min(modelMax, max(0, b*r.IntN(4)+r.IntN(3)-1))
		}
		return r.IntN(20_000)
	}
	kinds := []vfs.Kind{vfs.KindRegular, vfs.KindRegular, vfs.KindRegular, vfs.KindRegular, vfs.KindFifo, vfs.KindSocket}
	ops := make([]op, n)
	for i := range ops {
		kind, deep := bag[r.IntN(len(bag))], 2
		if kind >= opWrite && r.IntN(3) > 0 {
			deep = 1 // more often something that is there
		}
		ops[i] = op{
			kind: kind, p: path(deep), q: path(2), mode: r.Uint32() & 0o777, off: size(), n: size(),
			seed: r.Uint64(), slot: r.IntN(modelHandles), nodeKind: kinds[r.IntN(len(kinds))],
		}
		if len(f.Blocks) > 0 && r.IntN(2) == 0 {
			ops[i].n = r.IntN(3000)
		}
		if !f.Owners {
			ops[i].mode |= 0o700 // the caller may be no superuser
		}
	}
	return ops
}

// A player plays steps on a tree and on a model of it.
type player struct {
	tree          Tree
	top           string // the directory of the tree that the model is about
	model         *model
	files         [modelHandles]File
	owners, group bool // as Owners and BSDGroup in Features

	within   bool   // as in Features
	ownerMax uint32 // as in Features
}

// play plays one step and says where tree and model differ, if they do.
func (pl *player) play(o op) error {
	p, q, m := pl.top+"/"+o.p, pl.top+"/"+o.q, pl.model
	switch o.kind {
	case opMake:
		return same(pl.tree.Make(p, vfs.CreateAttr{Kind: o.nodeKind, Mode: o.mode}), m.make(o.p, o.nodeKind, o.mode, ""))
	case opMkdir:
		return same(pl.tree.Make(p, vfs.CreateAttr{Kind: vfs.KindDir, Mode: o.mode}), m.make(o.p, vfs.KindDir, o.mode, ""))
	case opSymlink:
		target := strings.Repeat("nowhere/", 128)[:o.n%1000+8]
		return same(pl.tree.Make(p, vfs.CreateAttr{Kind: vfs.KindSymlink, Target: target}), m.make(o.p, vfs.KindSymlink, 0, target))
	case opLink:
		return same(pl.tree.Link(p, q), m.link(o.p, o.q), syscall.EPERM, syscall.ENOENT, syscall.EEXIST, syscall.ENOTDIR)
	case opRemove:
		return same(pl.tree.Remove(p), m.remove(o.p))
	case opRmdir:
		return same(pl.tree.Rmdir(p), m.rmdir(o.p))
	case opRename:
		return same(pl.tree.Rename(p, q), m.rename(o.p, o.q), syscall.EINVAL, syscall.ENOENT, syscall.ENOTDIR, syscall.ENOTEMPTY, syscall.EISDIR)
	case opList:
		return pl.list(o.p)
	case opMode, opOwner, opTimes:
		return pl.setAttr(o)
	case opSetXattr, opRemoveXattr:
		return pl.xattr(o)
	case opHold, opLetGo, opHeld, opHeldCut:
		return pl.held(o)
	}
	return pl.fileOp(o)
}

// same compares an outcome with the model's. If both refuse, both reasons may be among those given: which of two is found
// first is nobody's business.
func same(err error, want syscall.Errno, eitherOf ...syscall.Errno) error {
	got := vfs.ErrnoOf(err)
	if got == want || got != 0 && want != 0 && slices.Contains(eitherOf, got) && slices.Contains(eitherOf, want) {
		return nil
	}
	return fmt.Errorf("got %s, want %s", errnoText(got), errnoText(want))
}

// fileOp opens a file, does something, and closes it.
func (pl *player) fileOp(o op) error {
	n, want := pl.model.file(o.p)
	if want == syscall.EINVAL {
		return nil // opening a fifo or a socket is nothing to compare
	}
	f, err := pl.tree.Open(pl.top+"/"+o.p, true)
	if err := same(err, want); err != nil || want != 0 {
		return errors.Join(err, closeFile(f, want))
	}
	err = pl.onFile(f, n, o)
	if err == nil {
		err = lookAt(f, n, o.seed%4 == 0)
	}
	return errors.Join(err, f.Close())
}

// lookAt compares what an open file is, and with content what it holds.
func lookAt(f File, n *mnode, content bool) error {
	a, err := f.Stat()
	if err != nil {
		return err
	}
	if a.Nlink != n.links || a.Size != int64(len(n.data)) {
		return fmt.Errorf("open file: got %d links, %d bytes, want %d, %d", a.Nlink, a.Size, n.links, len(n.data))
	}
	if !content {
		return nil
	}
	buf := dirty(len(n.data) + 1)
	got, err := f.ReadAt(buf, 0)
	if err != nil {
		return err
	}
	return sameBytes(buf[:got], n.data)
}

// closeFile closes what should not have been opened.
func closeFile(f File, no syscall.Errno) error {
	if f == nil || no != 0 {
		return nil
	}
	return f.Close()
}

func (pl *player) onFile(f File, n *mnode, o op) error {
	switch o.kind {
	case opWrite, opHeld:
		data := pattern(o.seed, o.n)
		got, err := f.WriteAt(data, int64(o.off))
		n.write(data, o.off)
		return counted(got, err, o.n)
	case opAppend:
		if len(n.data)+o.n > 2*modelMax {
			return nil
		}
		data := pattern(o.seed, o.n)
		got, err := f.Append(data)
		n.write(data, -1)
		return counted(got, err, o.n)
	case opTruncate, opHeldCut:
		n.resize(o.off)
		return same(f.Truncate(int64(o.off)), 0)
	case opPunch:
		if o.off < len(n.data) {
			clear(n.data[o.off:min(len(n.data), o.off+o.n+1)])
		}
		n.mtime = nil
		return same(f.Punch(int64(o.off), int64(o.n+1)), 0)
	case opAllocate:
		keep := o.seed%2 == 0
		if end := o.off + o.n + 1; !keep && end > len(n.data) {
			n.resize(end)
		}
		n.mtime = nil
		want := syscall.Errno(0)
		if keep && pl.within && o.off+o.n+1 > len(n.data) {
			want = syscall.EOPNOTSUPP
		}
		return same(f.Allocate(int64(o.off), int64(o.n+1), keep), want)
	case opRead:
		want := n.data[min(o.off, len(n.data)):min(o.off+o.n, len(n.data))]
		buf := dirty(o.n)
		got, err := f.ReadAt(buf, int64(o.off))
		if err := counted(got, err, len(want)); err != nil {
			return err
		}
		return sameBytes(buf[:got], want)
	}
	return fmt.Errorf("%v: no such step", o)
}

func counted(n int, err error, want int) error {
	if err != nil || n != want {
		return fmt.Errorf("got count %d, %v, want %d", n, err, want)
	}
	return nil
}

func sameBytes(got, want []byte) error {
	if bytes.Equal(got, want) {
		return nil
	}
	if len(got) != len(want) {
		return fmt.Errorf("got %d bytes, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			return fmt.Errorf("byte %d is %#x, want %#x", i, got[i], want[i])
		}
	}
	return nil
}

// held works on a file that stays open, with or without a name.
func (pl *player) held(o op) error {
	slot := o.slot
	f, n := pl.files[slot], pl.model.handles[slot]
	switch o.kind {
	case opHold:
		if f != nil {
			return nil
		}
		n, want := pl.model.file(o.p)
		if want != 0 {
			return nil
		}
		f, err := pl.tree.Open(pl.top+"/"+o.p, true)
		if err != nil {
			return err
		}
		pl.files[slot], pl.model.handles[slot] = f, n
		return nil
	case opLetGo:
		return pl.letGo(slot)
	}
	if f == nil {
		return nil
	}
	if err := pl.onFile(f, n, o); err != nil {
		return err
	}
	return lookAt(f, n, o.seed%4 == 0)
}

// letGo closes an open file after a look at it.
func (pl *player) letGo(slot int) error {
	f, n := pl.files[slot], pl.model.handles[slot]
	if f == nil {
		return nil
	}
	pl.files[slot], pl.model.handles[slot] = nil, nil
	return errors.Join(lookAt(f, n, true), f.Close())
}

func (pl *player) setAttr(o op) error {
	n, want := pl.model.find(o.p)
	var set vfs.SetAttr
	switch o.kind {
	case opMode:
		set = vfs.SetAttr{Mask: vfs.SetMode, Mode: o.mode}
	case opOwner:
		set = vfs.SetAttr{Mask: vfs.SetUID | vfs.SetGID, UID: uint32(o.n), GID: uint32(o.off)}
	case opTimes:
		set = vfs.SetAttr{Mask: vfs.SetMtime, Mtime: vfs.Time{Sec: int64(o.n)}}
	}
	if want == 0 && pl.ownerMax != 0 && (set.UID > pl.ownerMax || set.GID > pl.ownerMax) {
		want = syscall.EINVAL
	}
	if want == 0 && n.kind == vfs.KindSymlink && o.kind != opOwner {
		return nil // not every tree can
	}
	if err := same(pl.tree.SetAttr(pl.top+"/"+o.p, set), want); err != nil || want != 0 {
		return err
	}
	switch o.kind {
	case opMode:
		n.mode = o.mode
	case opOwner:
		n.uid, n.gid = set.UID, set.GID
	case opTimes:
		n.mtime = &set.Mtime
	}
	return nil
}

func (pl *player) xattr(o op) error {
	n, want := pl.model.find(o.p)
	if want == 0 && n.kind != vfs.KindRegular && n.kind != vfs.KindDir {
		return nil // the host does not let others have any
	}
	p, name := pl.top+"/"+o.p, fmt.Sprintf("name%d", o.slot)
	if o.kind == opRemoveXattr {
		if want == 0 {
			if _, ok := n.xattrs[name]; !ok {
				want = syscall.ENODATA
			}
			delete(n.xattrs, name)
		}
		return same(pl.tree.RemoveXattr(p, name), want)
	}
	value := pattern(o.seed, o.n%300)
	if want == 0 {
		if n.xattrs == nil {
			n.xattrs = make(map[string]string)
		}
		n.xattrs[name] = string(value)
	}
	return same(pl.tree.SetXattr(p, name, value, vfs.XattrEither), want)
}
