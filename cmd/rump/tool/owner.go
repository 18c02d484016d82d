package tool

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"rump/rumpfs/vfs"
)

// owner is a user, a group, or both.
type owner struct {
	uid, gid       uint32
	hasUID, hasGID bool
}

// into adds it to a change of attributes.
func (o owner) into(set *vfs.SetAttr) {
	if o.hasUID {
		set.Mask |= vfs.SetUID
		set.UID = o.uid
	}
	if o.hasGID {
		set.Mask |= vfs.SetGID
		set.GID = o.gid
	}
}

// parseOwner reads a user and a group, by name or number; "" is none.
func (e *Env) parseOwner(user, group string) (o owner, err error) {
	if user != "" {
		o.hasUID = true
		if o.uid, err = e.id("user", user, func(u Users) (uint32, bool) { return u.User(user) }); err != nil {
			return o, err
		}
	}
	if group != "" {
		o.hasGID = true
		o.gid, err = e.id("group", group, func(u Users) (uint32, bool) { return u.Group(group) })
	}
	return o, err
}

// parsePair reads USER, USER:GROUP or :GROUP; a dot may stand for the colon.
func (e *Env) parsePair(s string) (owner, error) {
	user, group, colon := strings.Cut(s, ":")
	o, err := e.parseOwner(user, group)
	if err != nil && !colon {
		if u, g, dot := strings.Cut(s, "."); dot {
			o, err = e.parseOwner(u, g)
		}
	}
	if err == nil && !o.hasUID && !o.hasGID {
		err = usage("%q names no owner", s)
	}
	return o, err
}

// adjustment is what makes files those of an owner; nil for none.
func adjustment(e *Env, pair string) (func(*Stat), error) {
	if pair == "" {
		return nil, nil
	}
	o, err := e.parsePair(pair)
	return func(st *Stat) {
		if o.hasUID {
			st.UID = o.uid
		}
		if o.hasGID {
			st.GID = o.gid
		}
	}, err
}

// id looks a name up, or else reads a number.
func (e *Env) id(what, name string, find func(Users) (uint32, bool)) (uint32, error) {
	if e.Users != nil {
		if id, ok := find(e.Users); ok {
			return id, nil
		}
	}
	n, err := strconv.ParseUint(name, 10, 32)
	if err != nil || n == 1<<32-1 {
		return 0, fmt.Errorf("%s: unknown %s", name, what)
	}
	return uint32(n), nil
}

// Chown changes owners.
type Chown struct {
	tree
	Owner string   `arg:"" help:"USER, USER:GROUP or :GROUP, by name or number."`
	Paths []string `arg:"" help:"Files."`
}

// Help shows examples.
func (Chown) Help() string {
	return `Any owner can be set, whoever you are on the host. Names are those of the image's /etc/passwd and /etc/group, then the host's.

Examples:
  fsu_chown disk.img -R root:wheel /etc
  fsu_chown disk.img 1000 /home/anna`
}

// Run changes them.
func (c *Chown) Run(ctx context.Context, e *Env) error {
	o, err := e.parsePair(c.Owner)
	if err != nil {
		return err
	}
	return c.tree.run(ctx, e, c.Paths, func(*Stat) (set vfs.SetAttr) {
		o.into(&set)
		return set
	})
}

// Chgrp changes groups.
type Chgrp struct {
	tree
	Group string   `arg:"" help:"Name or number."`
	Paths []string `arg:"" help:"Files."`
}

// Help shows examples.
func (Chgrp) Help() string {
	return `Examples:
  fsu_chgrp disk.img wheel /usr/local`
}

// Run changes them.
func (c *Chgrp) Run(ctx context.Context, e *Env) error {
	o, err := e.parseOwner("", c.Group)
	if err != nil {
		return err
	}
	if !o.hasGID {
		return usage("no group named")
	}
	return c.tree.run(ctx, e, c.Paths, func(*Stat) (set vfs.SetAttr) {
		o.into(&set)
		return set
	})
}

// Chmod changes modes.
type Chmod struct {
	tree
	Mode  string   `arg:"" help:"Octal, or like u+rw,go-w."`
	Paths []string `arg:"" help:"Files."`
}

// Help shows examples.
func (Chmod) Help() string {
	return `Examples:
  fsu_chmod disk.img 4755 /bin/su
  fsu_chmod disk.img -R go-w /etc`
}

// FixArgs puts "--" in front of a mode that begins with a minus.
func (Chmod) FixArgs(args []string) []string {
	for i, a := range args {
		switch {
		case a == "--" || !strings.HasPrefix(a, "-"):
			return args
		case len(a) > 1 && strings.IndexByte("rwxXst", a[1]) >= 0:
			return append(append(append([]string{}, args[:i]...), "--"), args[i:]...)
		}
	}
	return args
}

// Run changes them.
func (c *Chmod) Run(ctx context.Context, e *Env) error {
	m, err := ParseMode(c.Mode)
	if err != nil {
		return err
	}
	return c.tree.run(ctx, e, c.Paths, func(st *Stat) vfs.SetAttr {
		return vfs.SetAttr{Mask: vfs.SetMode, Mode: m.Apply(st.Mode, st.IsDir(), fileMask)}
	})
}

// Chflags changes file flags.
type Chflags struct {
	tree
	Flags string   `arg:"" help:"Octal, or words with commas: arch, nodump, opaque, sappnd, schg, uappnd, uchg; with no in front: clear it."`
	Paths []string `arg:"" help:"Files."`
}

// Help shows examples.
func (Chflags) Help() string {
	return `Examples:
  fsu_chflags disk.img schg /netbsd
  fsu_chflags disk.img -R noschg,nouchg /`
}

// Run changes them.
func (c *Chflags) Run(ctx context.Context, e *Env) error {
	f, err := parseFlags(c.Flags)
	if err != nil {
		return err
	}
	return c.tree.run(ctx, e, c.Paths, func(st *Stat) vfs.SetAttr {
		return vfs.SetAttr{Mask: vfs.SetFlags, Flags: f.apply(st.Flags)}
	})
}
