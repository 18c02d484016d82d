package tool

import (
	"bufio"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Find looks for files.
type Find struct {
	Words []string `arg:"" optional:"" passthrough:"" help:"Directories, and an expression."`
}

// Help shows examples.
func (Find) Help() string {
	return `Prints the paths below the directories (the current one if none) for which the expression holds. In front of them: -H, -L, -P follow
symbolic links as in ls; -d directories after what is in them; -x stay in one file system; -s sort.

Tests: -name -iname -path PATTERN, -type b|c|d|f|l|p|s, -size [+-]N[ckMG], -perm [-+]MODE, -user -group ID, -links -inum [+-]N,
-mtime -atime -ctime [+-]DAYS, -mmin -amin -cmin [+-]MINUTES, -newer -anewer -cnewer FILE, -flags [-+]FLAGS, -empty, -true, -false.
Actions: -print, -print0, -ls, -delete, -prune. Bounds: -depth, -xdev, -maxdepth N, -mindepth N.
Joined by: ! or -not, -a or nothing, -o, ( ).

A single name that is not there, without an expression, is looked for everywhere below: fsu_find disk.img [DIR] NAME.

Examples:
  fsu_find disk.img / -perm -4000 -ls
  fsu_find disk.img /var -type f -mtime +30 -delete
  fsu_find disk.img rc.conf`
}

// FixArgs keeps options and expressions away from whoever reads the command line.
func (Find) FixArgs(args []string) []string {
	if len(args) > 0 && args[0] != "--help" {
		args = append([]string{"--"}, args...)
	}
	return args
}

// ReadOnly reports whether nothing is deleted.
func (f *Find) ReadOnly() bool { return !slices.Contains(f.Words, "-delete") }

// A search is one run of Find.
type search struct {
	env      *Env
	out      *bufio.Writer
	now      time.Time
	follow   Follow
	depth    bool // a directory after what is in it
	sorted   bool
	oneFS    bool
	min, max int
	acts     bool // the expression does something
	expr     test
	pruned   bool // by the test under way
}

// A test is a part of an expression.
type test func(ctx context.Context, n *node) (bool, error)

// Run searches.
func (f *Find) Run(ctx context.Context, e *Env) error {
	s := &search{env: e, out: bufio.NewWriterSize(e.Stdout, 1<<16), now: e.Now(), max: int(^uint(0) >> 1)}
	words := f.Words
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	words = s.options(words)
	var paths []string
	for len(words) > 0 && !startsExpression(words[0]) {
		paths, words = append(paths, words[0]), words[1:]
	}
	if len(words) == 0 {
		paths, words = s.byName(ctx, paths)
	}
	if len(paths) == 0 {
		paths = []string{"."}
	}
	p := &exprParser{search: s, ctx: ctx, words: words}
	if err := p.parse(); err != nil {
		return err
	}
	for _, path := range paths {
		if err := s.tree(ctx, path); err != nil {
			return cmpOr(s.out.Flush(), err)
		}
	}
	return cmpOr(s.out.Flush(), e.Result())
}

func startsExpression(w string) bool {
	return len(w) > 1 && w[0] == '-' || w == "!" || w == "("
}

// options reads those that stand in front of the paths.
func (s *search) options(words []string) []string {
	for len(words) > 0 && len(words[0]) > 1 && words[0][0] == '-' {
		if words[0] == "--" {
			return words[1:]
		}
		if strings.Trim(words[0][1:], "HLPXdhsxf") != "" {
			return words
		}
		for _, c := range words[0][1:] {
			switch c {
			case 'H':
				s.follow = FollowArgs
			case 'L', 'h':
				s.follow = FollowAll
			case 'P':
				s.follow = FollowNone
			case 'd':
				s.depth = true
			case 's':
				s.sorted = true
			case 'x':
				s.oneFS = true
			}
		}
		words = words[1:]
	}
	return words
}

// byName makes "[DIR] NAME" an expression.
func (s *search) byName(ctx context.Context, paths []string) (dirs, words []string) {
	n := len(paths)
	if n == 0 || n > 2 || strings.Contains(paths[n-1], "/") {
		return paths, nil
	}
	if _, err := s.env.FS.Stat(ctx, paths[n-1], false); !isMissing(err) {
		return paths, nil
	}
	return paths[:n-1], []string{"-name", paths[n-1]}
}

// tree searches one tree.
func (s *search) tree(ctx context.Context, path string) error {
	w := &walker{fs: s.env.FS, follow: s.follow, device: s.oneFS, warn: s.env.Warn}
	if s.sorted {
		w.sort = func(list []Entry) {
			slices.SortFunc(list, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
		}
	}
	w.enter = func(ctx context.Context, n *node) error {
		if n.depth > s.max {
			return errPrune
		}
		if n.st.IsDir() && s.depth {
			if n.depth == s.max {
				return cmpOr(s.test(ctx, n), errPrune)
			}
			return nil
		}
		err := s.test(ctx, n)
		if err == nil && n.st.IsDir() && (s.pruned || n.depth == s.max) {
			return errPrune
		}
		return err
	}
	if s.depth {
		w.leave = s.test
	}
	return w.walk(ctx, path)
}

// test evaluates the expression for one file.
func (s *search) test(ctx context.Context, n *node) error {
	s.pruned = false
	if n.depth < s.min {
		return nil
	}
	ok, err := s.expr(ctx, n)
	if err == nil && ok && !s.acts {
		_, err = s.out.WriteString(n.path + "\n")
	}
	return err
}

// list prints a file as ls does.
func (s *search) list(n *node) error {
	l := lister{Ls: &Ls{}, env: s.env, now: s.now.Unix()}
	st := &n.st
	size := fmt.Sprintf("%8d", st.Size)
	if st.isDevice() {
		size = fmt.Sprintf("%3d, %3d", st.Rdev.Major, st.Rdev.Minor)
	}
	_, err := fmt.Fprintf(s.out, "%7d %6d %s %3d %-8d %-8d %s %s %s", st.Ino, st.Blocks, modeString(st.Kind, st.Mode), st.Nlink, st.UID, st.GID,
		size, l.date(st.Mtime), n.path)
	return err
}
