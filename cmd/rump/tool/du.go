package tool

import (
	"bufio"
	"context"
	"strconv"
)

// Du counts what trees occupy.
type Du struct {
	All     bool `short:"a" xor:"depth" help:"Show each file."`
	Summary bool `short:"s" xor:"depth" help:"Show the arguments only."`
	Depth   *int `short:"d" xor:"depth" placeholder:"N" help:"Show directories N levels down."`
	Total   bool `short:"c" help:"Show a total."`
	Inodes  bool `short:"i" help:"Count inodes, not blocks."`
	Kilo    bool `short:"k" help:"In KiB."`
	Mega    bool `short:"m" help:"In MiB."`
	Giga    bool `short:"g" help:"In GiB."`
	Human   bool `short:"h" help:"With a unit."`
	OneFS   bool `short:"x" help:"Stay in one file system."`
	NoDump  bool `short:"n" help:"Leave out what has the flag nodump."`
	Noisy   bool `short:"r" hidden:"" help:"Say what cannot be read; always done."`
	Links

	Paths []string `arg:"" optional:"" help:"Files and directories; the current directory if none."`
}

// Help shows examples.
func (Du) Help() string {
	return `Counts blocks of 512 bytes, or of BLOCKSIZE in the environment.

Examples:
  fsu_du disk.img -hs /usr /var
  fsu_du disk.img -kd 1 /`
}

// Run counts.
func (d *Du) Run(ctx context.Context, e *Env) error {
	c := &counter{Du: d, env: e, out: bufio.NewWriter(e.Stdout), sums: map[*node]int64{}, seen: map[fileID]bool{}}
	c.unit, _ = e.blockUnit()
	switch {
	case d.Giga:
		c.unit = 1 << 30
	case d.Mega:
		c.unit = 1 << 20
	case d.Kilo:
		c.unit = 1 << 10
	}
	c.depth = int(^uint(0) >> 1)
	switch {
	case d.Summary:
		c.depth = 0
	case d.Depth != nil:
		c.depth = *d.Depth
	}
	paths := d.Paths
	if len(paths) == 0 {
		paths = []string{"."}
	}
	for _, p := range paths {
		w := &walker{fs: e.FS, follow: d.Links.follow(FollowNone), device: d.OneFS, enter: c.enter, leave: c.leave, warn: e.Warn}
		if err := w.walk(ctx, p); err != nil {
			return cmpOr(c.out.Flush(), err)
		}
	}
	if d.Total {
		c.line(c.total, "total")
	}
	return cmpOr(c.out.Flush(), e.Result())
}

// A counter is one run of Du.
type counter struct {
	*Du
	env   *Env
	out   *bufio.Writer
	unit  int64
	depth int
	sums  map[*node]int64 // of directories that are being read
	total int64
	seen  map[fileID]bool // files with more names
}

func (c *counter) enter(_ context.Context, n *node) error {
	if c.NoDump && n.st.Flags&1 != 0 {
		return errPrune
	}
	count := n.st.Blocks
	if c.Inodes {
		count = 1
	}
	if n.st.IsDir() {
		c.sums[n] = count
		return nil
	}
	if n.st.Nlink > 1 {
		if c.seen[n.st.file()] {
			return nil
		}
		c.seen[n.st.file()] = true
	}
	c.add(n, count)
	if c.All || n.depth == 0 {
		c.line(count, n.path)
	}
	return nil
}

// add counts something in the directory that it is in.
func (c *counter) add(n *node, count int64) {
	if n.up != nil {
		c.sums[n.up] += count
		return
	}
	c.total += count
}

func (c *counter) leave(_ context.Context, n *node) error {
	sum := c.sums[n]
	delete(c.sums, n)
	c.add(n, sum)
	if n.depth <= c.depth {
		c.line(sum, n.path)
	}
	return nil
}

func (c *counter) line(count int64, what string) {
	var text string
	switch {
	case c.Inodes:
		text = strconv.FormatInt(count, 10)
	case c.Human:
		text = human(count*512, 1024)
	default:
		text = strconv.FormatInt(inBlocks(count, c.unit), 10)
	}
	c.out.WriteString(text + "\t" + what + "\n")
}
