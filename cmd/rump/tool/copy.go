package tool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"rump/rumpfs/vfs"
)

const copyBuffer = 1 << 20 // bytes moved at once

// A copier copies files and trees from one name space to another, or within one.
type copier struct {
	env      *Env
	src, dst FS
	follow   Follow
	recurse  bool
	preserve bool // owners, modes, times and flags
	links    bool // names of one file stay names of one file
	special  bool // devices, fifos and symbolic links are made anew, not read
	force    bool // what cannot be opened is removed first
	hard     bool // make hard links instead of copies
	trusting bool // symbolic links in the destination are the user's: never planted by what is copied
	through  bool // write through a symbolic link that is the destination itself, not in its place
	skip     func(*Stat) bool
	allow    func(to string) bool // may a file that exists be written over
	report   func(from, to string)
	adjust   func(*Stat) // changes the attributes that copies get

	seen     map[fileID]string // the first copy of a file that has more names
	noOwners bool              // the destination refuses to set them
	buf      []byte
	made     map[*node]bool // directories that did not exist
}

// copy copies what lies at from to the path to itself. What goes wrong is said; an error ends everything.
func (c *copier) copy(ctx context.Context, from, to string) error {
	if c.buf == nil {
		c.buf = make([]byte, copyBuffer)
		c.seen, c.made = map[fileID]string{}, map[*node]bool{}
	}
	target := func(n *node) string {
		rest := strings.TrimLeft(n.path[len(from):], "/")
		if rest == "" {
			return to
		}
		return under(to, rest)
	}
	if c.inside(ctx, from, to) {
		c.env.Warnf("%s: cannot be copied into itself", from)
		return nil
	}
	w := &walker{
		fs: c.src, follow: c.follow, warn: c.env.Warn,
		enter: func(ctx context.Context, n *node) error { return c.enter(ctx, n, target(n)) },
		leave: func(ctx context.Context, n *node) error { return c.leave(ctx, n, target(n)) },
	}
	return w.walk(ctx, from)
}

// inside reports whether the copy of a directory would come to lie in the directory.
func (c *copier) inside(ctx context.Context, from, to string) bool {
	if c.src != c.dst || !c.recurse {
		return false
	}
	top, err := c.src.Stat(ctx, from, c.follow != FollowNone)
	if err != nil || !top.IsDir() {
		return false
	}
	for up := to; ; {
		st, err := c.dst.Stat(ctx, up, true)
		if err == nil && st.file() == top.file() {
			return true
		}
		next := parent(up)
		if next == up {
			return false
		}
		up = next
	}
}

// enter copies one node; a directory, so far as there is one now.
func (c *copier) enter(ctx context.Context, n *node, to string) error {
	if c.skip != nil && c.skip(&n.st) {
		c.env.Notef("%s: left out", n.path)
		return errPrune
	}
	if c.adjust != nil {
		c.adjust(&n.st)
	}
	if n.st.IsDir() {
		return c.enterDir(ctx, n, to)
	}
	err := c.node(ctx, n, to)
	switch {
	case err == nil || err == errPrune:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	c.warn(n.path, to, err)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.EDQUOT) {
		return c.env.Result()
	}
	return nil
}

// A targetError is one of the destination.
type targetError struct{ err error }

func (e *targetError) Error() string { return e.err.Error() }
func (e *targetError) Unwrap() error { return e.err }

func onTarget(err error) error {
	if err == nil {
		return nil
	}
	return &targetError{err}
}

// warn names the side on which it went wrong.
func (c *copier) warn(from, to string, err error) {
	var t *targetError
	if errors.As(err, &t) {
		c.env.Warn(to, t.err)
		return
	}
	c.env.Warn(from, err)
}

func (c *copier) enterDir(ctx context.Context, n *node, to string) error {
	if !c.recurse {
		c.env.Warnf("%s: is a directory", n.path)
		return errPrune
	}
	err := c.dst.Make(ctx, to, vfs.CreateAttr{Kind: vfs.KindDir, Mode: 0o700})
	switch {
	case err == nil:
		c.made[n] = true
	case errors.Is(err, syscall.EEXIST):
		st, serr := c.dst.Stat(ctx, to, c.through && n.depth == 0)
		if serr != nil || !st.IsDir() {
			c.env.Warn(to, syscall.ENOTDIR)
			return errPrune
		}
	default:
		c.env.Warn(to, err)
		return errPrune
	}
	if c.report != nil {
		c.report(n.path, to)
	}
	return nil
}

// leave gives a directory its attributes, now that nothing changes in it any more.
func (c *copier) leave(ctx context.Context, n *node, to string) error {
	made := c.made[n]
	delete(c.made, n)
	if made || c.preserve {
		c.attributes(ctx, &n.st, to, nil)
	}
	return nil
}

// node copies what is no directory.
func (c *copier) node(ctx context.Context, n *node, to string) error {
	follow := c.through && n.depth == 0
	old, err := c.dst.Stat(ctx, to, follow)
	exists := err == nil
	if exists && c.src == c.dst && old.file() == n.st.file() {
		c.env.Warnf("%s and %s are identical (not copied).", n.path, to)
		return errPrune
	}
	if exists && old.IsDir() {
		return onTarget(syscall.EISDIR)
	}
	if exists && c.allow != nil && !c.allow(to) {
		return errPrune
	}
	if c.report != nil {
		c.report(n.path, to)
	}
	if c.hard {
		return onTarget(c.linkTo(ctx, n.path, to, exists))
	}
	if c.links && n.st.Nlink > 1 {
		if first, ok := c.seen[n.st.file()]; ok {
			if c.linkTo(ctx, first, to, exists) == nil {
				return nil
			}
		} else {
			defer func() { c.seen[n.st.file()] = to }()
		}
	}
	if c.special && n.st.Kind != vfs.KindRegular {
		return c.make(ctx, n, to)
	}
	if exists && !follow && old.Kind != vfs.KindRegular {
		if err := c.dst.Remove(ctx, to); err != nil {
			return onTarget(err)
		}
	}
	return c.file(ctx, n, to, follow)
}

// linkTo makes to one more name of a file in the destination.
func (c *copier) linkTo(ctx context.Context, first, to string, exists bool) error {
	if exists {
		if err := c.dst.Remove(ctx, to); err != nil {
			return err
		}
	}
	return c.dst.Link(ctx, first, to)
}

// make makes a node that has no content anew, in place of what is there.
func (c *copier) make(ctx context.Context, n *node, to string) error {
	a := vfs.CreateAttr{Kind: n.st.Kind, Mode: n.st.Mode, Rdev: n.st.Rdev}
	if a.Kind == vfs.KindSymlink {
		var err error
		if a.Target, err = c.src.Readlink(ctx, n.path); err != nil {
			return err
		}
	}
	err := c.dst.Make(ctx, to, a)
	if errors.Is(err, syscall.EEXIST) {
		if err := c.dst.Remove(ctx, to); err != nil {
			return onTarget(err)
		}
		err = c.dst.Make(ctx, to, a)
	}
	if err != nil {
		return onTarget(err)
	}
	if c.preserve {
		c.attributes(ctx, &n.st, to, nil)
	}
	return nil
}

// file copies content.
func (c *copier) file(ctx context.Context, n *node, to string, follow bool) error {
	in, err := c.src.Open(ctx, n.path, Read, 0)
	if err != nil {
		return err
	}
	defer in.Close()
	flag := Write | Create | Truncate
	if !follow {
		flag |= NoFollow
	}
	mode := n.st.Mode & 0o777
	if c.preserve {
		mode = 0o600 // until it has its owner
	}
	out, err := c.dst.Open(ctx, to, flag, mode)
	if err != nil && c.force && !isMissing(err) {
		if c.dst.Remove(ctx, to) == nil {
			out, err = c.dst.Open(ctx, to, flag, mode)
		}
	}
	if err != nil {
		return onTarget(err)
	}
	err = c.content(ctx, in, out, &n.st)
	if err == nil && c.preserve {
		c.attributes(ctx, &n.st, to, out)
	}
	return cmpOr(err, onTarget(out.Close()))
}

// content copies the bytes, holes as holes.
func (c *copier) content(ctx context.Context, in, out File, st *Stat) error {
	if st.Kind != vfs.KindRegular || st.Blocks*512 >= st.Size {
		_, err := c.run(ctx, in, out, -1, false)
		return err
	}
	off := int64(0)
	for {
		data, err := in.Seek(ctx, off, SeekData)
		switch {
		case errors.Is(err, syscall.ENXIO):
			return onTarget(out.SetAttr(ctx, vfs.SetAttr{Mask: vfs.SetSize, Size: st.Size}))
		case err != nil && off == 0: // it cannot tell holes: zeros become some
			n, err := c.run(ctx, in, out, -1, true)
			if err != nil {
				return err
			}
			return onTarget(out.SetAttr(ctx, vfs.SetAttr{Mask: vfs.SetSize, Size: n}))
		case err != nil:
			return err
		}
		hole, err := in.Seek(ctx, data, SeekHole)
		if err != nil {
			return err
		}
		if _, err := in.Seek(ctx, data, io.SeekStart); err != nil {
			return err
		}
		if _, err := out.Seek(ctx, data, io.SeekStart); err != nil {
			return onTarget(err)
		}
		if _, err := c.run(ctx, in, out, hole-data, false); err != nil {
			return err
		}
		if off = hole; hole <= data {
			return fmt.Errorf("hole at %d, data at %d", hole, data)
		}
	}
}

var zeros [64 << 10]byte

// run copies the next bytes, up to a limit if that is not negative; with holes it leaves out pieces that are zeros. It returns how far it got.
func (c *copier) run(ctx context.Context, in, out File, limit int64, holes bool) (done int64, err error) {
	for limit < 0 || done < limit {
		if err := ctx.Err(); err != nil {
			return done, err
		}
		p := c.buf
		if limit >= 0 {
			p = p[:min(int64(len(p)), limit-done)]
		}
		n, err := in.Read(ctx, p)
		if n > 0 {
			if err := write(ctx, out, p[:n], holes); err != nil {
				return done, onTarget(err)
			}
			done += int64(n)
		}
		if err == io.EOF {
			return done, nil
		}
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

func write(ctx context.Context, out File, p []byte, holes bool) error {
	if !holes {
		_, err := out.Write(ctx, p)
		return err
	}
	for len(p) > 0 {
		piece := p[:min(len(p), len(zeros))]
		p = p[len(piece):]
		var err error
		if bytes.Equal(piece, zeros[:len(piece)]) {
			_, err = out.Seek(ctx, int64(len(piece)), io.SeekCurrent)
		} else {
			_, err = out.Write(ctx, piece)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
