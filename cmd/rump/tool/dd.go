package tool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"rump/cmd/rump/bytesize"
	"rump/rumpfs/vfs"
)

// Dd copies bytes and counts them.
type Dd struct {
	Words []string `arg:"" optional:"" help:"Operands, NAME=VALUE."`
}

// Help shows examples.
func (Dd) Help() string {
	return `Copies standard input, or the file if=, to standard output, or the file of=; the files are those of the name space, standard input and
output the host's. Says on standard error how much it was.

Operands: if= of= bs= ibs= obs= count= skip= (or iseek=) seek= (or oseek=) files=, sizes with b (512), k, m, g, t, w (8) or as products 2x512k;
conv= with lcase, ucase, swab, noerror, notrunc, sparse, sync, osync; msgfmt=quiet, posix or human.

Examples:
  rump.dd if=/dev/zero of=/mnt/f bs=64k count=16
  rump.dd if=/dev/rcgd0d bs=512 count=1 | hexdump -C`
}

// A dd is one run of Dd.
type dd struct {
	env                      *Env
	in, out                  string
	ibs, obs                 int64
	bs                       int64 // both; -1 if they were given apart
	count, skip, seek, files int64
	lower, upper, swab       bool
	noerror, notrunc, sparse bool
	sync, osync              bool
	format                   string
	inFull, inPart           int64
	outFull, outPart, moved  int64
	read                     func(p []byte) (int, error)
	write                    func(p []byte) error
	source, target           File // nil: the host's
	pending                  []byte
	wrote                    bool
	hole                     int64 // bytes left out at the end
	started                  time.Time
}

const ddMax = 256 << 20 // bytes of a block

// Run copies.
func (d *Dd) Run(ctx context.Context, e *Env) error {
	c := &dd{env: e, ibs: 512, obs: 512, bs: -1, count: -1, files: 1}
	for _, w := range d.Words {
		if err := c.operand(w); err != nil {
			return err
		}
	}
	if c.bs >= 0 {
		c.ibs, c.obs = c.bs, c.bs
	}
	for _, n := range []int64{c.ibs, c.obs} {
		if n < 1 || n > ddMax {
			return usage("a block must have 1 byte to %d", ddMax)
		}
	}
	if c.skip > math.MaxInt64/c.ibs || c.seek > math.MaxInt64/c.obs {
		return usage("skip or seek is too large")
	}
	defer c.close()
	if err := c.open(ctx); err != nil {
		return err
	}
	c.started = e.Now()
	err := c.copy(ctx)
	if err == nil {
		err = c.finish(ctx)
	}
	c.summary()
	if err != nil {
		return err
	}
	return e.Result()
}

func (c *dd) operand(w string) error {
	name, value, ok := strings.Cut(w, "=")
	if !ok {
		return usage("unknown operand %s", w)
	}
	var to *int64
	switch name {
	case "if":
		c.in = value
		return nil
	case "of":
		c.out = value
		return nil
	case "conv":
		return c.conversions(value)
	case "msgfmt":
		c.format = value
		if value != "quiet" && value != "posix" && value != "human" {
			return usage("msgfmt=%s: want quiet, posix or human", value)
		}
		return nil
	case "progress":
		return nil
	case "bs":
		to = &c.bs
	case "ibs":
		to = &c.ibs
	case "obs":
		to = &c.obs
	case "count":
		to = &c.count
	case "skip", "iseek":
		to = &c.skip
	case "seek", "oseek":
		to = &c.seek
	case "files":
		to = &c.files
	default:
		return usage("unknown operand %s", name)
	}
	n, err := bytesize.Parse(value, 1)
	if err != nil || n < 0 {
		return usage("%s=%s: no size", name, value)
	}
	*to = n
	return nil
}

func (c *dd) conversions(list string) error {
	flags := map[string]*bool{
		"lcase": &c.lower, "ucase": &c.upper, "swab": &c.swab, "noerror": &c.noerror, "notrunc": &c.notrunc, "sparse": &c.sparse,
		"sync": &c.sync, "osync": &c.osync,
	}
	for word := range strings.SplitSeq(list, ",") {
		f := flags[word]
		if f == nil {
			return usage("conv=%s: unknown conversion", word)
		}
		*f = true
	}
	if c.lower && c.upper {
		return usage("lcase and ucase exclude each other")
	}
	return nil
}

// open opens both ends and goes to where they begin.
func (c *dd) open(ctx context.Context) error {
	if c.in == "" {
		c.read = c.env.Stdin.Read
	} else {
		f, err := c.env.FS.Open(ctx, c.in, Read, 0)
		if err != nil {
			return fmt.Errorf("%s: %s", c.in, Reason(err))
		}
		c.source = f
		c.read = func(p []byte) (int, error) { return f.Read(ctx, p) }
	}
	if err := c.skipInput(ctx); err != nil {
		return fmt.Errorf("%s: %s", c.named(c.in, "stdin"), Reason(err))
	}
	c.write = func(p []byte) error {
		_, err := c.env.Stdout.Write(p)
		return err
	}
	if c.out == "" {
		if c.seek > 0 {
			return usage("seek= needs of=")
		}
		return nil
	}
	if err := c.openOutput(ctx); err != nil {
		return fmt.Errorf("%s: %s", c.out, Reason(err))
	}
	return nil
}

func (c *dd) openOutput(ctx context.Context) error {
	flag := Write | Create
	if !c.notrunc && c.seek == 0 {
		flag |= Truncate
	}
	f, err := c.env.FS.Open(ctx, c.out, flag, 0o666)
	if err != nil {
		return err
	}
	c.target = f
	c.write = func(p []byte) error {
		_, err := f.Write(ctx, p)
		return err
	}
	if c.seek == 0 {
		return nil
	}
	st, err := f.Stat(ctx)
	if err == nil && st.Kind == vfs.KindRegular && !c.notrunc {
		err = f.SetAttr(ctx, vfs.SetAttr{Mask: vfs.SetSize, Size: c.seek * c.obs})
	}
	if err != nil {
		return err
	}
	_, err = f.Seek(ctx, c.seek*c.obs, io.SeekStart)
	return err
}

// skipInput leaves out blocks at the start.
func (c *dd) skipInput(ctx context.Context) error {
	if c.skip == 0 {
		return nil
	}
	if c.source != nil {
		if _, err := c.source.Seek(ctx, c.skip*c.ibs, io.SeekStart); err == nil {
			return nil
		}
	}
	buf := make([]byte, c.ibs)
	for range c.skip {
		if n, err := c.read(buf); n == 0 || err != nil && err != io.EOF {
			return err
		}
	}
	return nil
}

func (c *dd) named(path, otherwise string) string {
	if path == "" {
		return otherwise
	}
	return path
}

// copy moves the blocks.
func (c *dd) copy(ctx context.Context) error {
	buf := make([]byte, c.ibs)
	for files := c.files; (c.count < 0 || c.inFull+c.inPart < c.count) && files > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := c.read(buf)
		switch {
		case n == 0 && (err == nil || err == io.EOF):
			files--
			continue
		case err != nil && err != io.EOF:
			c.env.Warn(c.named(c.in, "stdin"), err)
			if !c.noerror {
				return nil
			}
			if n == 0 && c.source != nil {
				if _, err := c.source.Seek(ctx, c.ibs, io.SeekCurrent); err != nil {
					return nil
				}
			}
			clear(buf[n:])
			if c.sync {
				n = len(buf)
			}
		}
		if n == len(buf) {
			c.inFull++
		} else {
			c.inPart++
			if c.sync {
				clear(buf[n:])
				n = len(buf)
			}
		}
		if err := c.put(ctx, buf[:n]); err != nil {
			return err
		}
	}
	return nil
}

// put hands what was read to the output, in blocks of obs bytes unless bs= was given.
func (c *dd) put(ctx context.Context, p []byte) error {
	c.convert(p)
	if c.bs > 0 || c.ibs == c.obs && int64(len(p)) == c.obs && len(c.pending) == 0 {
		return c.emit(ctx, p)
	}
	c.pending = append(c.pending, p...)
	for int64(len(c.pending)) >= c.obs {
		if err := c.emit(ctx, c.pending[:c.obs]); err != nil {
			return err
		}
		c.pending = c.pending[:copy(c.pending, c.pending[c.obs:])]
	}
	return nil
}

func (c *dd) convert(p []byte) {
	if c.swab {
		for i := 0; i+1 < len(p); i += 2 {
			p[i], p[i+1] = p[i+1], p[i]
		}
	}
	if !c.lower && !c.upper {
		return
	}
	for i, b := range p {
		if c.lower && 'A' <= b && b <= 'Z' || c.upper && 'a' <= b && b <= 'z' {
			p[i] = b ^ 0x20
		}
	}
}

// emit writes one block.
func (c *dd) emit(ctx context.Context, p []byte) error {
	if c.sparse && c.target != nil && isZero(p) {
		if _, err := c.target.Seek(ctx, int64(len(p)), io.SeekCurrent); err != nil {
			return fmt.Errorf("%s: %s", c.out, Reason(err))
		}
		c.hole += int64(len(p))
	} else {
		if err := c.write(p); err != nil {
			return fmt.Errorf("%s: %s", c.named(c.out, "stdout"), Reason(err))
		}
		c.hole = 0
	}
	c.moved += int64(len(p))
	if int64(len(p)) == c.obs {
		c.outFull++
	} else {
		c.outPart++
	}
	return nil
}

func isZero(p []byte) bool {
	for len(p) > 0 {
		n := min(len(p), len(zeros))
		if !bytes.Equal(p[:n], zeros[:n]) {
			return false
		}
		p = p[n:]
	}
	return true
}

// finish writes what is left.
func (c *dd) finish(ctx context.Context) error {
	if n := len(c.pending); n > 0 {
		if c.osync {
			c.pending = append(c.pending, make([]byte, c.obs-int64(n))...)
		}
		if err := c.emit(ctx, c.pending); err != nil {
			return err
		}
	}
	if c.hole > 0 {
		end := c.seek*c.obs + c.moved
		if err := c.target.SetAttr(ctx, vfs.SetAttr{Mask: vfs.SetSize, Size: end}); err != nil {
			return fmt.Errorf("%s: %s", c.out, Reason(err))
		}
	}
	return c.close()
}

// close closes both ends, once.
func (c *dd) close() error {
	var err error
	if c.source != nil {
		c.source.Close()
	}
	if c.target != nil {
		if cerr := c.target.Close(); cerr != nil {
			err = errors.New(c.out + ": " + Reason(cerr))
		}
	}
	c.source, c.target = nil, nil
	return err
}

// summary says how much was copied.
func (c *dd) summary() {
	if c.format == "quiet" {
		return
	}
	w := c.env.Stderr
	fmt.Fprintf(w, "%d+%d records in\n%d+%d records out\n", c.inFull, c.inPart, c.outFull, c.outPart)
	if c.format == "posix" {
		return
	}
	took := c.env.Now().Sub(c.started)
	ms := max(1, took.Milliseconds())
	rate := strconv.FormatInt(c.moved*1000/ms, 10)
	if c.moved > 1<<50 {
		rate = strconv.FormatInt(c.moved/ms*1000, 10)
	}
	fmt.Fprintf(w, "%d bytes transferred in %d.%03d secs (%s bytes/sec)\n", c.moved, ms/1000, ms%1000, rate)
}
