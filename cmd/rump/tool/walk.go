package tool

import (
	"context"
	"errors"
	"syscall"
)

// Follow says which symbolic links a walk through a tree follows.
type Follow uint8

// The ways.
const (
	FollowNone Follow = iota // -P
	FollowArgs               // -H: those on the command line
	FollowAll                // -L
)

// Links are the options that choose a way.
type Links struct {
	Args bool `name:"follow-args" short:"H" xor:"links" help:"Follow symbolic links on the command line."`
	All  bool `name:"follow-all" short:"L" xor:"links" help:"Follow all symbolic links."`
	None bool `name:"follow-none" short:"P" xor:"links" help:"Follow no symbolic links."`
}

// follow is what was chosen.
func (l Links) follow(otherwise Follow) Follow {
	switch {
	case l.All:
		return FollowAll
	case l.Args:
		return FollowArgs
	case l.None:
		return FollowNone
	}
	return otherwise
}

// A node is a place in a tree that is walked.
type node struct {
	path  string // as it is shown, and found
	name  string // last component
	depth int    // 0 on the command line
	st    Stat
	up    *node
	err   error // it was a directory that could not be read
}

var (
	errLoop    = errors.New("directory causes a cycle")
	errBadName = errors.New("the directory holds a name that no path can have")
	errPrune   = errors.New("not below")
)

// A walker goes through trees.
type walker struct {
	fs     FS
	follow Follow
	device bool // stay in one file system
	sort   func([]Entry)

	// enter is called with each node, a directory before what is in it; errPrune: do not go below. leave, if not nil, is called
	// with each directory that was not pruned, after what is in it. Their errors end the walk.
	enter, leave func(ctx context.Context, n *node) error

	// warn hears of what cannot be reached; the walk goes on.
	warn func(path string, err error)
}

// walk goes through the tree at path.
func (w *walker) walk(ctx context.Context, path string) error {
	n := &node{path: path, name: base(path)}
	return w.visit(ctx, n)
}

func (w *walker) visit(ctx context.Context, n *node) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := w.stat(ctx, n); err != nil {
		w.warn(n.path, err)
		return nil
	}
	if !n.st.IsDir() {
		if err := w.enter(ctx, n); err != errPrune {
			return err
		}
		return nil
	}
	for up := n.up; up != nil; up = up.up {
		if up.st.file() == n.st.file() {
			w.warn(n.path, errLoop)
			return nil
		}
	}
	switch err := w.enter(ctx, n); {
	case err == errPrune:
		return nil
	case err == nil && w.device && n.up != nil && n.up.st.Dev != n.st.Dev:
		return w.left(ctx, n)
	case err != nil:
		return err
	}
	entries, err := w.fs.ReadDir(ctx, n.path)
	if err != nil {
		n.err = err
		w.warn(n.path, err)
	}
	if w.sort != nil {
		w.sort(entries)
	}
	for _, e := range entries {
		if e.isDot() {
			continue
		}
		if BadName(e.Name) {
			w.warn(n.path, errBadName)
			continue
		}
		if err := w.visit(ctx, &node{path: under(n.path, e.Name), name: e.Name, depth: n.depth + 1, up: n}); err != nil {
			return err
		}
	}
	return w.left(ctx, n)
}

func (w *walker) left(ctx context.Context, n *node) error {
	if w.leave == nil {
		return nil
	}
	return w.leave(ctx, n)
}

// stat finds out about a node, by way of a link if it is to be followed and leads somewhere.
func (w *walker) stat(ctx context.Context, n *node) (err error) {
	if w.follow == FollowAll || w.follow == FollowArgs && n.depth == 0 {
		n.st, err = w.fs.Stat(ctx, n.path, true)
		if err == nil || !isMissing(err) && !errors.Is(err, syscall.ELOOP) {
			return err
		}
	}
	n.st, err = w.fs.Stat(ctx, n.path, false)
	return err
}
