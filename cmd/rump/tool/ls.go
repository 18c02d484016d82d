package tool

import (
	"bufio"
	"cmp"
	"context"
	"slices"
	"strings"

	"rump/rumpfs/vfs"
)

// Ls lists directories.
type Ls struct {
	All       bool `short:"a" help:"Show names that begin with a dot."`
	AlmostAll bool `short:"A" help:"The same, but not . and .. themselves."`
	Dir       bool `short:"d" help:"Show directories themselves, not what is in them."`
	Recurse   bool `short:"R" help:"Show what is in directories below, too."`
	Args      bool `short:"H" help:"Follow symbolic links on the command line."`
	Follow    bool `short:"L" help:"Follow all symbolic links."`
	NoFollow  bool `short:"P" help:"Follow none."`

	Long    bool `short:"l" help:"One file a line, with mode, links, owner, group, size and time."`
	NoGroup bool `short:"g" help:"As -l, without the owner."`
	Numbers bool `short:"n" help:"As -l; owners are always shown as numbers here."`
	Flags   bool `short:"o" help:"With -l: show file flags."`
	Seconds bool `short:"T" help:"With -l: show times to the second, and the year."`
	Human   bool `short:"h" help:"Show sizes with a unit."`
	Commas  bool `short:"M" help:"Show sizes with commas."`
	Inode   bool `short:"i" help:"Show inode numbers."`
	Size    bool `short:"s" help:"Show allocated blocks."`
	Kilo    bool `short:"k" help:"Count blocks of 1024 bytes, not 512."`

	Accessed  bool `short:"u" help:"Use the time of the last access."`
	Changed   bool `short:"c" help:"Use the time of the last change of attributes."`
	ByTime    bool `short:"t" help:"Sort by time, the latest first."`
	BySize    bool `short:"S" help:"Sort by size, the largest first."`
	Unsorted  bool `short:"f" help:"Do not sort; implies -a."`
	Reverse   bool `short:"r" help:"Reverse the order."`
	Classify  bool `short:"F" help:"Mark directories /, programs *, links @, sockets =, fifos |, whiteouts %."`
	Slash     bool `short:"p" help:"Mark directories /."`
	Columns   bool `short:"C" help:"Several columns, down the page first."`
	Across    bool `short:"x" help:"Several columns, across the page first."`
	Stream    bool `short:"m" help:"One after the other, with commas."`
	One       bool `short:"1" help:"One name a line."`
	Question  bool `short:"q" help:"Show what cannot be printed as ?."`
	Raw       bool `short:"w" help:"Show names as they are."`
	Octal     bool `short:"B" help:"Show what cannot be printed as \\ooo."`
	Escapes   bool `short:"b" help:"The same, C's escapes where there are such."`
	Whiteouts bool `short:"W" hidden:"" help:"Show whiteouts; they always are."`
	OneDevice bool `short:"X" help:"With -R: stay in one file system."`

	Paths []string `arg:"" optional:"" help:"Files and directories; the current directory if none."`
}

// Help shows examples.
func (Ls) Help() string {
	return `Examples:
  fsu_ls disk.img
  fsu_ls disk.img -la /etc
  fsu_ls 'disk.img%DISKLABEL:a%' -lR /`
}

// A listed is a file that is to be printed.
type listed struct {
	name   string // as printed
	path   string
	st     Stat
	target string // of a symbolic link, if wanted
}

// A lister is one run of Ls.
type lister struct {
	*Ls
	env    *Env
	out    *bufio.Writer
	format format
	quote  func(string) string
	now    int64
	any    bool // something was printed
	heads  bool // directories get a heading
}

// Run lists.
func (l *Ls) Run(ctx context.Context, e *Env) error {
	s := &lister{Ls: l, env: e, out: bufio.NewWriterSize(e.Stdout, 1<<16), now: e.Now().Unix()}
	s.choose()
	paths := l.Paths
	if len(paths) == 0 {
		paths = []string{"."}
	}
	err := s.list(ctx, paths)
	if ferr := s.out.Flush(); err == nil {
		err = ferr
	}
	if err != nil {
		return err
	}
	return e.Result()
}

// choose decides how lines look.
func (s *lister) choose() {
	switch {
	case s.Long || s.NoGroup || s.Numbers:
		s.format = formatLong
	case s.Stream:
		s.format = formatStream
	case s.Across:
		s.format = formatAcross
	case s.One:
	case s.Columns || s.env.Columns > 0:
		s.format = formatDown
	}
	switch {
	case s.Escapes:
		s.quote = func(n string) string { return escape(n, true) }
	case s.Octal:
		s.quote = func(n string) string { return escape(n, false) }
	case s.Question || s.env.Columns > 0 && !s.Raw:
		s.quote = question
	default:
		s.quote = func(n string) string { return n }
	}
}

// list prints the files of a command line, then the directories.
func (s *lister) list(ctx context.Context, paths []string) error {
	var files, dirs []listed
	for _, p := range paths {
		f, err := s.look(ctx, p, p, true)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			s.env.Warn(p, err)
		case f.st.IsDir() && !s.Dir:
			dirs = append(dirs, f)
		default:
			files = append(files, f)
		}
	}
	s.order(files)
	s.order(dirs)
	if len(files) > 0 {
		s.print(files, false)
		s.any = true
	}
	s.heads = len(paths) > 1 || s.Recurse
	first := len(paths) == 1
	for _, d := range dirs {
		if err := s.dir(ctx, d, first, nil); err != nil {
			return err
		}
	}
	return nil
}

// look finds out about one file. isArg: it is named on the command line.
func (s *lister) look(ctx context.Context, path, name string, isArg bool) (listed, error) {
	f := listed{name: name, path: path}
	follow := s.Follow || isArg && s.Args || isArg && !s.NoFollow && s.format != formatLong && !s.Dir && !s.Classify
	var err error
	if follow {
		f.st, err = s.env.FS.Stat(ctx, path, true)
	}
	if !follow || err != nil {
		f.st, err = s.env.FS.Stat(ctx, path, false)
	}
	if err != nil {
		return f, err
	}
	if f.st.Kind == vfs.KindSymlink && s.format == formatLong {
		if f.target, err = s.env.FS.Readlink(ctx, path); err != nil {
			s.env.Warn(path, err)
		}
	}
	return f, nil
}

// dir prints what is in a directory; up are the directories that it was reached by. bare: without a heading.
func (s *lister) dir(ctx context.Context, d listed, bare bool, up []Stat) error {
	for i := range up {
		if up[i].file() == d.st.file() {
			s.env.Warn(d.path, errLoop)
			return nil
		}
	}
	entries, err := s.env.FS.ReadDir(ctx, d.path)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if !bare {
		if s.any {
			s.out.WriteByte('\n')
		}
		s.out.WriteString(s.quote(d.name) + ":\n")
	}
	s.any = true
	if err != nil {
		s.env.Warn(d.path, err)
		return nil
	}
	files, err := s.entries(ctx, d, entries)
	if err != nil {
		return err
	}
	s.order(files)
	s.print(files, true)
	if !s.Recurse {
		return nil
	}
	up = append(up, d.st)
	for _, f := range files {
		dot := f.name == "." || f.name == ".."
		if !f.st.IsDir() || dot || s.OneDevice && f.st.Dev != d.st.Dev {
			continue
		}
		f.name = f.path
		if err := s.dir(ctx, f, false, up); err != nil {
			return err
		}
	}
	return nil
}

// entries finds out about those entries of a directory that are to be shown.
func (s *lister) entries(ctx context.Context, d listed, entries []Entry) ([]listed, error) {
	var files []listed
	for _, e := range entries {
		hidden := strings.HasPrefix(e.Name, ".") && !s.All && !s.Unsorted
		if hidden && (!s.AlmostAll || e.isDot()) {
			continue
		}
		if BadName(e.Name) {
			s.env.Warn(d.path, errBadName)
			continue
		}
		f, err := s.look(ctx, under(d.path, e.Name), e.Name, false)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			s.env.Warn(under(d.path, e.Name), err)
			continue
		}
		files = append(files, f)
	}
	return files, nil
}

// time is the one that is shown and sorted by.
func (s *lister) time(st *Stat) vfs.Time {
	switch {
	case s.Accessed:
		return st.Atime
	case s.Changed:
		return st.Ctime
	}
	return st.Mtime
}

func (s *lister) order(files []listed) {
	if s.Unsorted {
		return
	}
	slices.SortFunc(files, func(a, b listed) int {
		c := 0
		switch {
		case s.ByTime:
			ta, tb := s.time(&a.st), s.time(&b.st)
			c = cmp.Or(cmp.Compare(tb.Sec, ta.Sec), cmp.Compare(tb.Nsec, ta.Nsec))
		case s.BySize:
			c = cmp.Compare(b.st.Size, a.st.Size)
		}
		c = cmp.Or(c, strings.Compare(a.name, b.name))
		if s.Reverse {
			return -c
		}
		return c
	})
}
