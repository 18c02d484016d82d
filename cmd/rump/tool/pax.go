package tool

import (
	"bufio"
	"context"
	"fmt"
	"strings"
)

// Pax packs and unpacks archives, and copies trees.
type Pax struct {
	Read     bool     `short:"r" help:"Unpack; with -w: copy."`
	Write    bool     `short:"w" help:"Pack. Without -r and -w: list."`
	File     string   `short:"f" placeholder:"FILE" help:"The archive, in the name space; standard input or output if none."`
	Format   string   `short:"x" enum:"ustar,pax,tar," default:"" placeholder:"FORMAT" help:"ustar or pax, for packing."`
	Keep     bool     `short:"k" help:"Do not replace what is there."`
	Newer    bool     `short:"u" help:"Do not replace what is newer."`
	Direct   bool     `short:"d" help:"Pack directories without what is in them."`
	First    bool     `short:"n" help:"Only the first member for each pattern."`
	Others   bool     `short:"c" help:"Those that match no pattern."`
	HardLink bool     `short:"l" help:"With -rw: make hard links where possible."`
	Preserve []string `short:"p" sep:"none" placeholder:"aemop" help:"What is restored: e everything, o owners, p modes; a and m: not the times of access and of modification."`
	Verbose  bool     `short:"v" help:"Show each member."`
	Gzip     bool     `short:"z" help:"Compress with gzip; found out when reading."`
	OneFS    bool     `short:"X" help:"Stay in one file system."`
	Args     bool     `short:"H" help:"Follow symbolic links on the command line."`
	Follow   bool     `short:"L" help:"Follow all symbolic links."`
	NoFollow bool     `short:"P" help:"Follow none; so it is without."`
	Rooted   bool     `short:"A" help:"Keep a slash in front of names, and .. in them, when unpacking."`
	Blocking string   `short:"b" hidden:"" placeholder:"N" help:"Accepted."`

	Words []string `arg:"" optional:"" help:"Files to pack, one a line on standard input if none; patterns of members; or what to copy, and a directory."`
}

// Help shows examples.
func (Pax) Help() string {
	return `Needs no privilege on the host: device nodes and owners exist in the name space only. Formats are ustar, pax and GNU's.

Examples:
  rump.pax -r -pe <base.tar
  rump.pax -w /etc >etc.tar
  rump.pax -rw -pe /usr /mnt`
}

// ReadOnly reports whether the name space stays as it is.
func (p *Pax) ReadOnly() bool { return !p.Read && (!p.Write || p.File == "") }

// Run does what -r and -w say.
func (p *Pax) Run(ctx context.Context, e *Env) error {
	letters := strings.Join(p.Preserve, "")
	if strings.Trim(letters, "aemop") != "" {
		return usage("-p %s: want letters of aemop", letters)
	}
	has := func(l string) bool { return strings.Contains(letters, l) }
	a := &archiver{
		env: e, path: p.File, device: p.OneFS, gzip: p.Gzip, pax: p.Format == "pax", keep: p.Keep, newer: p.Newer, rooted: p.Rooted || p.Write,
		direct: p.Direct, owners: has("e") || has("o"), exact: has("e") || has("p"), noTimes: has("m") && !has("e"), verbose: p.Verbose,
		first: p.First, others: p.Others, glob: true, log: e.Stderr, follow: p.follow(),
	}
	switch {
	case p.Read && p.Write:
		return p.copy(ctx, e, has("e"))
	case p.Read:
		a.wanted = p.Words
		return a.extract(ctx)
	case p.Write:
		paths, err := p.words(e)
		if err != nil {
			return err
		}
		return a.create(ctx, paths)
	}
	a.wanted = p.Words
	return a.list(ctx)
}

func (p *Pax) follow() Follow {
	switch {
	case p.Follow:
		return FollowAll
	case p.Args:
		return FollowArgs
	}
	return FollowNone
}

// words are the files of the command line, or else those that standard input lists.
func (p *Pax) words(e *Env) ([]string, error) {
	if len(p.Words) > 0 {
		return p.Words, nil
	}
	var words []string
	s := bufio.NewScanner(e.Stdin)
	for s.Scan() {
		words = append(words, s.Text())
	}
	return words, s.Err()
}

// copy copies trees to a directory, under the names that they have on the command line.
func (p *Pax) copy(ctx context.Context, e *Env, everything bool) error {
	n := len(p.Words)
	if n < 2 {
		return usage("want what to copy, and a directory")
	}
	dir := p.Words[n-1]
	if st, err := e.FS.Stat(ctx, dir, true); err != nil || !st.IsDir() {
		return usage("%s is no directory", dir)
	}
	k := &copier{env: e, src: e.FS, dst: e.FS, follow: p.follow(), recurse: true, special: true, preserve: everything, links: true, hard: p.HardLink}
	if p.Keep {
		k.allow = func(string) bool { return false }
	}
	if p.Verbose {
		k.report = func(from, _ string) { fmt.Fprintln(e.Stderr, from) }
	}
	for _, from := range p.Words[:n-1] {
		to := under(dir, strings.Trim(from, "/"))
		if err := makeParents(ctx, e.FS, parent(to)); err != nil {
			e.Warn(parent(to), err)
			continue
		}
		if err := k.copy(ctx, from, to); err != nil {
			return err
		}
	}
	return e.Result()
}
