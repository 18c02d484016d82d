package tool

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"rump/rumpfs/vfs"
)

// Cat prints files.
type Cat struct {
	Number      bool `short:"n" help:"Number the lines."`
	NumberFull  bool `short:"b" help:"Number the lines that are not empty."`
	Squeeze     bool `short:"s" help:"Print several empty lines as one."`
	Visible     bool `short:"v" help:"Show what cannot be printed as ^X and M-x."`
	Ends        bool `short:"e" help:"As -v, and a $ at the end of each line."`
	Tabs        bool `short:"t" help:"As -v, and tabs as ^I."`
	Unbuffered  bool `short:"u" hidden:"" help:"Accepted."`
	RegularOnly bool `short:"f" help:"Refuse what is no regular file."`

	Paths []string `arg:"" optional:"" help:"Files; - is standard input."`
}

// Help shows examples.
func (Cat) Help() string {
	return `Examples:
  fsu_cat disk.img /etc/rc.conf
  fsu_cat disk.img /netbsd | sha256sum`
}

// Run prints.
func (c *Cat) Run(ctx context.Context, e *Env) error {
	paths := c.Paths
	if len(paths) == 0 {
		paths = []string{"-"}
	}
	out := &marker{Cat: c, out: bufio.NewWriterSize(e.Stdout, 1<<16), start: true}
	plain := !(c.Number || c.NumberFull || c.Squeeze || c.Visible || c.Ends || c.Tabs)
	buf := make([]byte, copyBuffer)
	for _, p := range paths {
		w := io.Writer(out)
		if plain {
			w = e.Stdout
		}
		err := c.one(ctx, e, w, p, buf)
		if err != nil && fatal(ctx, err) {
			return err
		}
		var werr *writeError
		switch {
		case errors.As(err, &werr):
			return werr.err
		case err != nil:
			out.out.Flush()
			e.Warn(p, err)
		}
	}
	if err := out.out.Flush(); err != nil {
		return err
	}
	return e.Result()
}

// A writeError is one of the output.
type writeError struct{ err error }

func (e *writeError) Error() string { return e.err.Error() }
func (e *writeError) Unwrap() error { return e.err }

var errNotRegular = errors.New("not a regular file")

func (c *Cat) one(ctx context.Context, e *Env, w io.Writer, path string, buf []byte) error {
	read := func(p []byte) (int, error) { return e.Stdin.Read(p) }
	if path != "-" {
		f, err := e.FS.Open(ctx, path, Read, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		if c.RegularOnly {
			if st, err := f.Stat(ctx); err != nil || st.Kind != vfs.KindRegular {
				return cmpOr(err, errNotRegular)
			}
		}
		read = func(p []byte) (int, error) { return f.Read(ctx, p) }
	}
	for {
		n, err := read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return &writeError{err}
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// cmpOr is the first error that there is.
func cmpOr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// A marker prints text with what the options of Cat add.
type marker struct {
	*Cat
	out   *bufio.Writer
	line  int
	start bool // of a line
	empty bool // the last line was
}

func (m *marker) Write(p []byte) (int, error) {
	for i, c := range p {
		if err := m.put(c); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

func (m *marker) put(c byte) error {
	if m.start {
		if m.Squeeze && c == '\n' && m.empty {
			return nil
		}
		m.empty = c == '\n'
		if m.Number && !m.NumberFull || m.NumberFull && c != '\n' {
			m.line++
			fmt.Fprintf(m.out, "%6d\t", m.line)
		}
	}
	m.start = c == '\n'
	switch {
	case c == '\n' && m.Ends:
		m.out.WriteByte('$')
	case c == '\n', c == '\t' && !m.Tabs, !m.Visible && !m.Ends && !m.Tabs:
	default:
		if c >= 0x80 {
			m.out.WriteString("M-")
			c &= 0x7f
		}
		if c < ' ' || c == 0x7f {
			m.out.WriteByte('^')
			c ^= 0x40
		}
	}
	return m.out.WriteByte(c)
}
