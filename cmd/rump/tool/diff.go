package tool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sort"

	"rump/rumpfs/vfs"
)

// Diff compares files and trees.
type Diff struct {
	Host  bool `help:"The second is on the host."`
	Attrs bool `help:"Compare owners, modes and times of modification, too."`

	First  string `arg:"" help:"A file or directory."`
	Second string `arg:"" help:"Another."`
}

// Help shows examples.
func (Diff) Help() string {
	return `Says which files differ, or are there on one side only.

Examples:
  fsu_diff disk.img /etc /etc.orig
  fsu_diff disk.img --host / tree

Exit status: 0 no difference, 1 some, 2 something could not be read.`
}

// Run compares.
func (d *Diff) Run(ctx context.Context, e *Env) error {
	c := &comparison{Diff: d, env: e, other: e.FS, a: make([]byte, copyBuffer), b: make([]byte, copyBuffer)}
	if d.Host {
		c.other = e.Host
	}
	if err := c.compare(ctx, d.First, d.Second, nil); err != nil {
		return err
	}
	switch {
	case e.failed:
		return Status(2)
	case c.differ:
		return Status(1)
	}
	return nil
}

// A comparison is one run of Diff.
type comparison struct {
	*Diff
	env    *Env
	other  FS
	a, b   []byte
	differ bool
}

func (c *comparison) say(format string, a ...any) {
	c.differ = true
	fmt.Fprintf(c.env.Stdout, format+"\n", a...)
}

// compare compares what two paths stand for; up are the directories above.
func (c *comparison) compare(ctx context.Context, pa, pb string, up []Stat) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	sa, err := c.env.FS.Stat(ctx, pa, up == nil)
	if err != nil {
		c.env.Warn(pa, err)
		return nil
	}
	sb, err := c.other.Stat(ctx, pb, up == nil)
	if err != nil {
		c.env.Warn(pb, err)
		return nil
	}
	if c.other == c.env.FS && sa.file() == sb.file() {
		return nil
	}
	if sa.Kind != sb.Kind {
		c.say("%s and %s differ", pa, pb)
		return nil
	}
	if c.Attrs && (sa.Mode != sb.Mode || sa.UID != sb.UID || sa.GID != sb.GID || sa.Mtime != sb.Mtime) {
		c.say("%s and %s have different attributes", pa, pb)
	}
	if sa.IsDir() {
		for i := range up {
			if up[i].file() == sa.file() {
				c.env.Warn(pa, errLoop)
				return nil
			}
		}
		return c.dirs(ctx, pa, pb, append(up[:len(up):len(up)], sa))
	}
	same, err := c.same(ctx, pa, pb, &sa, &sb)
	switch {
	case err != nil:
		return err
	case !same:
		c.say("%s and %s differ", pa, pb)
	}
	return nil
}

// same compares two files of one kind, which is no directory.
func (c *comparison) same(ctx context.Context, pa, pb string, sa, sb *Stat) (bool, error) {
	switch sa.Kind {
	case vfs.KindSymlink:
		ta, err := c.env.FS.Readlink(ctx, pa)
		if err != nil {
			c.env.Warn(pa, err)
			return true, nil
		}
		tb, err := c.other.Readlink(ctx, pb)
		if err != nil {
			c.env.Warn(pb, err)
			return true, nil
		}
		return ta == tb, nil
	case vfs.KindChar, vfs.KindBlock:
		return sa.Rdev == sb.Rdev, nil
	case vfs.KindRegular:
		if sa.Size != sb.Size {
			return false, nil
		}
		same, err := c.bytes(ctx, pa, pb)
		if err != nil && ctx.Err() == nil {
			c.env.Warn(pa, err)
			return true, nil
		}
		return same, ctx.Err()
	}
	return true, nil
}

// bytes compares content.
func (c *comparison) bytes(ctx context.Context, pa, pb string) (bool, error) {
	fa, err := c.env.FS.Open(ctx, pa, Read, 0)
	if err != nil {
		return false, err
	}
	defer fa.Close()
	fb, err := c.other.Open(ctx, pb, Read, 0)
	if err != nil {
		return false, err
	}
	defer fb.Close()
	for {
		na, err := readFull(ctx, fa, c.a)
		if err != nil {
			return false, err
		}
		nb, err := readFull(ctx, fb, c.b)
		if err != nil {
			return false, err
		}
		if !bytes.Equal(c.a[:na], c.b[:nb]) {
			return false, nil
		}
		if na < len(c.a) {
			return true, nil
		}
	}
}

// readFull fills p, or reads up to the end.
func readFull(ctx context.Context, f File, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		if err = ctx.Err(); err != nil {
			break
		}
		var m int
		m, err = f.Read(ctx, p[n:])
		n += m
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// dirs compares two directories.
func (c *comparison) dirs(ctx context.Context, pa, pb string, up []Stat) error {
	na, err := names(ctx, c.env.FS, pa)
	if err != nil {
		c.env.Warn(pa, err)
		return ctx.Err()
	}
	nb, err := names(ctx, c.other, pb)
	if err != nil {
		c.env.Warn(pb, err)
		return ctx.Err()
	}
	for len(na) > 0 || len(nb) > 0 {
		switch {
		case len(nb) == 0 || len(na) > 0 && na[0] < nb[0]:
			c.say("%s: only on %s", under(pa, na[0]), c.First)
			na = na[1:]
		case len(na) == 0 || nb[0] < na[0]:
			c.say("%s: only on %s", under(pb, nb[0]), c.Second)
			nb = nb[1:]
		default:
			if err := c.compare(ctx, under(pa, na[0]), under(pb, nb[0]), up); err != nil {
				return err
			}
			na, nb = na[1:], nb[1:]
		}
	}
	return nil
}

// names are the names in a directory, sorted.
func names(ctx context.Context, fs FS, path string) ([]string, error) {
	entries, err := fs.ReadDir(ctx, path)
	var list []string
	for i := range entries {
		if !entries[i].isDot() && !BadName(entries[i].Name) {
			list = append(list, entries[i].Name)
		}
	}
	sort.Strings(list)
	return list, err
}
