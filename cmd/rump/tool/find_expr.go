package tool

import (
	"context"
	"math"
	"strconv"
	"strings"

	"rump/rumpfs/vfs"
)

// An exprParser reads the expression of Find.
type exprParser struct {
	*search
	ctx   context.Context
	words []string
	deep  int
}

// parse reads all of it.
func (p *exprParser) parse() error {
	if len(p.words) == 0 {
		p.expr = always(true)
		return nil
	}
	t, err := p.or()
	if err != nil {
		return err
	}
	if len(p.words) > 0 {
		return usage("%s: there is no ( in front", p.words[0])
	}
	p.expr = t
	return nil
}

func always(ok bool) test { return func(context.Context, *node) (bool, error) { return ok, nil } }

// or reads alternatives.
func (p *exprParser) or() (test, error) {
	left, err := p.and()
	for err == nil && len(p.words) > 0 && (p.words[0] == "-o" || p.words[0] == "-or") {
		p.words = p.words[1:]
		var right test
		right, err = p.and()
		a := left
		left = func(ctx context.Context, n *node) (bool, error) {
			if ok, err := a(ctx, n); ok || err != nil {
				return ok, err
			}
			return right(ctx, n)
		}
	}
	return left, err
}

// and reads what must hold together.
func (p *exprParser) and() (test, error) {
	left, err := p.not()
	for err == nil && len(p.words) > 0 {
		switch p.words[0] {
		case "-o", "-or", ")":
			return left, nil
		case "-a", "-and":
			p.words = p.words[1:]
		}
		var right test
		right, err = p.not()
		a := left
		left = func(ctx context.Context, n *node) (bool, error) {
			if ok, err := a(ctx, n); !ok || err != nil {
				return false, err
			}
			return right(ctx, n)
		}
	}
	return left, err
}

// not reads one test, negated or not.
func (p *exprParser) not() (test, error) {
	word, err := p.next("an expression")
	if err != nil {
		return nil, err
	}
	const deepest = 1000
	if p.deep++; p.deep > deepest {
		return nil, usage("the expression is nested too deeply")
	}
	defer func() { p.deep-- }()
	switch word {
	case "!", "-not":
		t, err := p.not()
		return func(ctx context.Context, n *node) (bool, error) {
			ok, err := t(ctx, n)
			return !ok, err
		}, err
	case "(":
		t, err := p.or()
		if err != nil {
			return nil, err
		}
		if end, err := p.next(")"); err != nil || end != ")" {
			return nil, usage("( is not closed")
		}
		return t, nil
	}
	return p.primary(word)
}

func (p *exprParser) next(what string) (string, error) {
	if len(p.words) == 0 {
		return "", usage("%s is missing at the end", what)
	}
	w := p.words[0]
	p.words = p.words[1:]
	return w, nil
}

// primary reads a test that word names.
func (p *exprParser) primary(word string) (test, error) {
	if t := p.plain(word); t != nil {
		return t, nil
	}
	make := primaries[word]
	if make == nil {
		if word == "-exec" || word == "-ok" {
			return nil, usage("%s: programs of the host do not see these files; see fsu_exec", word)
		}
		return nil, usage("%s: unknown option", word)
	}
	value, err := p.next("an argument of " + word)
	if err != nil {
		return nil, err
	}
	t, err := make(p, value)
	if err != nil {
		return nil, usage("%s %s: %s", word, value, err)
	}
	return t, nil
}

// plain returns a test that has no argument, nil if word names none.
func (p *exprParser) plain(word string) test {
	s := p.search
	act := func(do func(ctx context.Context, n *node) error) test {
		s.acts = true
		return func(ctx context.Context, n *node) (bool, error) { return true, do(ctx, n) }
	}
	switch word {
	case "-true":
		return always(true)
	case "-false":
		return always(false)
	case "-depth", "-d":
		s.depth = true
		return always(true)
	case "-xdev", "-mount", "-x":
		s.oneFS = true
		return always(true)
	case "-follow":
		s.follow = FollowAll
		return always(true)
	case "-empty":
		return s.empty
	case "-prune":
		return func(context.Context, *node) (bool, error) {
			s.pruned = true
			return true, nil
		}
	case "-print":
		return act(func(_ context.Context, n *node) error {
			_, err := s.out.WriteString(n.path + "\n")
			return err
		})
	case "-print0":
		return act(func(_ context.Context, n *node) error {
			_, err := s.out.WriteString(n.path + "\x00")
			return err
		})
	case "-ls":
		return act(s.ls)
	case "-delete":
		s.depth = true
		return act(s.remove)
	}
	return nil
}

func (s *search) ls(ctx context.Context, n *node) error {
	if err := s.list(n); err != nil {
		return err
	}
	if n.st.Kind == vfs.KindSymlink {
		target, err := s.env.FS.Readlink(ctx, n.path)
		if err != nil {
			s.env.Warn(n.path, err)
		}
		s.out.WriteString(" -> " + target)
	}
	return s.out.WriteByte('\n')
}

func (s *search) remove(ctx context.Context, n *node) error {
	do := s.env.FS.Remove
	if n.st.IsDir() {
		do = s.env.FS.Rmdir
	}
	if n.name == "." || n.name == ".." || n.name == "/" {
		return nil // as BSD has it
	}
	if err := do(ctx, n.path); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.env.Warn(n.path, err)
	}
	return nil
}

func (s *search) empty(ctx context.Context, n *node) (bool, error) {
	switch n.st.Kind {
	case vfs.KindRegular:
		return n.st.Size == 0, nil
	case vfs.KindDir:
		list, err := names(ctx, s.env.FS, n.path)
		if err != nil {
			s.env.Warn(n.path, err)
			return false, ctx.Err()
		}
		return len(list) == 0, nil
	}
	return false, nil
}

// primaries make tests that have an argument.
var primaries = map[string]func(*exprParser, string) (test, error){
	"-name": func(_ *exprParser, v string) (test, error) {
		return matching(v, func(n *node) string { return n.name }), nil
	},
	"-iname": func(_ *exprParser, v string) (test, error) {
		return matching(strings.ToLower(v), func(n *node) string { return strings.ToLower(n.name) }), nil
	},
	"-path": func(_ *exprParser, v string) (test, error) {
		return matching(v, func(n *node) string { return n.path }), nil
	},
	"-type":     func(_ *exprParser, v string) (test, error) { return ofType(v) },
	"-size":     func(_ *exprParser, v string) (test, error) { return ofSize(v) },
	"-perm":     func(_ *exprParser, v string) (test, error) { return withMode(v) },
	"-flags":    func(_ *exprParser, v string) (test, error) { return withFlags(v) },
	"-user":     (*exprParser).user,
	"-group":    (*exprParser).group,
	"-links":    of(func(st *Stat) int64 { return int64(st.Nlink) }),
	"-inum":     of(func(st *Stat) int64 { return int64(st.Ino) }),
	"-mtime":    age(86400, func(st *Stat) vfs.Time { return st.Mtime }),
	"-atime":    age(86400, func(st *Stat) vfs.Time { return st.Atime }),
	"-ctime":    age(86400, func(st *Stat) vfs.Time { return st.Ctime }),
	"-mmin":     age(60, func(st *Stat) vfs.Time { return st.Mtime }),
	"-amin":     age(60, func(st *Stat) vfs.Time { return st.Atime }),
	"-cmin":     age(60, func(st *Stat) vfs.Time { return st.Ctime }),
	"-newer":    newer(func(st *Stat) vfs.Time { return st.Mtime }),
	"-anewer":   newer(func(st *Stat) vfs.Time { return st.Atime }),
	"-cnewer":   newer(func(st *Stat) vfs.Time { return st.Ctime }),
	"-maxdepth": func(p *exprParser, v string) (t test, err error) { return bound(v, &p.max) },
	"-mindepth": func(p *exprParser, v string) (t test, err error) { return bound(v, &p.min) },
}

// of is a primary that compares a number of each file.
func of(get func(*Stat) int64) func(*exprParser, string) (test, error) {
	return func(_ *exprParser, value string) (test, error) { return compareNumber(value, 1, get) }
}

func matching(pattern string, of func(*node) string) test {
	return func(_ context.Context, n *node) (bool, error) { return glob(pattern, of(n)), nil }
}

func bound(value string, to *int) (test, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		return nil, usage("no depth")
	}
	*to = n
	return always(true), nil
}

// compareNumber reads N, +N (more) or -N (less) in a unit.
func compareNumber(value string, unit int64, get func(*Stat) int64) (test, error) {
	sign := byte(0)
	if value != "" && (value[0] == '+' || value[0] == '-') {
		sign, value = value[0], value[1:]
	}
	want, err := strconv.ParseInt(value, 10, 64)
	if err != nil || want < 0 || want > math.MaxInt64/unit {
		return nil, usage("no number")
	}
	return func(_ context.Context, n *node) (bool, error) {
		got := get(&n.st)
		if got = got/unit + int64(b2i(got%unit > 0)); sign == '+' {
			return got > want, nil
		} else if sign == '-' {
			return got < want, nil
		}
		return got == want, nil
	}, nil
}

// age compares how long ago a time is, in units of seconds; parts count as whole ones in neither.
func age(unit int64, get func(*Stat) vfs.Time) func(*exprParser, string) (test, error) {
	return func(p *exprParser, value string) (test, error) {
		now := p.now.Unix()
		return compareNumber(value, 1, func(st *Stat) int64 { return (now - get(st).Sec) / unit })
	}
}

func newer(get func(*Stat) vfs.Time) func(*exprParser, string) (test, error) {
	return func(p *exprParser, value string) (test, error) {
		ref, err := p.env.FS.Stat(p.ctx, value, true)
		if err != nil {
			return nil, usage("%s", Reason(err))
		}
		return func(_ context.Context, n *node) (bool, error) {
			t := get(&n.st)
			return t.Sec > ref.Mtime.Sec || t.Sec == ref.Mtime.Sec && t.Nsec > ref.Mtime.Nsec, nil
		}, nil
	}
}

func ofType(value string) (test, error) {
	kinds := map[string]vfs.Kind{
		"b": vfs.KindBlock, "c": vfs.KindChar, "d": vfs.KindDir, "f": vfs.KindRegular, "l": vfs.KindSymlink,
		"p": vfs.KindFifo, "s": vfs.KindSocket, "w": vfs.KindWhiteout, "W": vfs.KindWhiteout,
	}
	k, ok := kinds[value]
	if !ok {
		return nil, usage("want b, c, d, f, l, p or s")
	}
	return func(_ context.Context, n *node) (bool, error) { return n.st.Kind == k, nil }, nil
}

// ofSize reads a size: in blocks of 512 bytes, or with a unit.
func ofSize(value string) (test, error) {
	unit := int64(512)
	if n := len(value); n > 0 {
		units := map[byte]int64{'c': 1, 'k': 1 << 10, 'M': 1 << 20, 'G': 1 << 30}
		if u := units[value[n-1]]; u > 0 {
			unit, value = u, value[:n-1]
		}
	}
	return compareNumber(value, unit, func(st *Stat) int64 { return st.Size })
}

// withMode reads MODE (exactly), -MODE (all of these bits) or +MODE (any).
func withMode(value string) (test, error) {
	sign := byte(0)
	if value != "" && (value[0] == '-' || value[0] == '+' && len(value) > 1 && value[1] >= '0' && value[1] <= '7') {
		sign, value = value[0], value[1:]
	}
	m, err := ParseMode(value)
	if err != nil {
		return nil, err
	}
	want := m.Apply(0, false, 0)
	return func(_ context.Context, n *node) (bool, error) {
		switch sign {
		case '-':
			return n.st.Mode&want == want, nil
		case '+':
			return n.st.Mode&want != 0, nil
		}
		return n.st.Mode == want, nil
	}, nil
}

// withFlags reads FLAGS (exactly), -FLAGS (all of those set, none of those with no) or +FLAGS (any).
func withFlags(value string) (test, error) {
	sign := byte(0)
	if value != "" && (value[0] == '-' || value[0] == '+') {
		sign, value = value[0], value[1:]
	}
	f, err := parseFlags(value)
	if err != nil {
		return nil, err
	}
	return func(_ context.Context, n *node) (bool, error) {
		has, lacks := n.st.Flags&f.set, ^n.st.Flags&f.clear
		switch sign {
		case '-':
			return has == f.set && lacks == f.clear, nil
		case '+':
			return has|lacks != 0, nil
		}
		return n.st.Flags == f.set, nil
	}, nil
}

func (p *exprParser) user(value string) (test, error) {
	o, err := p.env.parseOwner(value, "")
	return func(_ context.Context, n *node) (bool, error) { return n.st.UID == o.uid, nil }, err
}

func (p *exprParser) group(value string) (test, error) {
	o, err := p.env.parseOwner("", value)
	return func(_ context.Context, n *node) (bool, error) { return n.st.GID == o.gid, nil }, err
}
