package tool

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"rump/rumpfs/vfs"
)

// tree is the options of the tools that change attributes, and their work.
type tree struct {
	Recurse bool `short:"R" help:"Directories and what is in them."`
	Links
	NoDeref bool `short:"h" help:"Change symbolic links themselves."`
	Force   bool `short:"f" help:"Say nothing of what cannot be changed."`
	Verbose bool `short:"v" help:"Show each file that is changed."`
}

// run changes the attributes of each file to what change makes of them.
func (t *tree) run(ctx context.Context, e *Env, paths []string, change func(*Stat) vfs.SetAttr) error {
	way := t.Links.follow(FollowNone)
	if !t.Recurse {
		way = FollowAll
		if t.NoDeref {
			way = FollowNone
		}
	}
	warn := func(path string, err error) {
		if !t.Force {
			e.Warn(path, err)
		}
	}
	apply := func(ctx context.Context, n *node) error {
		if n.st.Kind == vfs.KindSymlink && way != FollowNone && !t.NoDeref && n.depth > 0 {
			return nil // it leads nowhere, or is not to be followed
		}
		set := change(&n.st)
		if changes(&n.st, &set) {
			err := e.FS.SetAttr(ctx, n.path, n.st.Kind != vfs.KindSymlink, set)
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case err != nil:
				warn(n.path, err)
				if errors.Is(err, syscall.EROFS) {
					return Status(1)
				}
				return nil
			}
			if t.Verbose {
				fmt.Fprintln(e.Stdout, n.path)
			}
		}
		return nil
	}
	for _, p := range paths {
		w := &walker{fs: e.FS, follow: way, enter: func(ctx context.Context, n *node) error {
			err := apply(ctx, n)
			if err == nil && n.st.IsDir() && !t.Recurse {
				return errPrune
			}
			return err
		}, warn: warn}
		if err := w.walk(ctx, p); err != nil {
			return err
		}
	}
	return e.Result()
}

// changes reports whether anything becomes different. Set-id bits are lost with an owner, so that always counts.
func changes(st *Stat, set *vfs.SetAttr) bool {
	return set.Has(vfs.SetMode) && set.Mode != st.Mode || set.Has(vfs.SetFlags) && set.Flags != st.Flags ||
		set.Has(vfs.SetUID) && set.UID != st.UID || set.Has(vfs.SetGID) && set.GID != st.GID
}
