package tool

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Df shows how full file systems are.
type Df struct {
	Inodes   bool   `short:"i" help:"Show inodes too."`
	Kilo     bool   `short:"k" help:"In KiB."`
	Mega     bool   `short:"m" help:"In MiB."`
	Giga     bool   `short:"g" help:"In GiB."`
	Human    bool   `short:"h" help:"With a unit."`
	Portable bool   `short:"P" help:"In the portable format."`
	Generic  bool   `short:"G" help:"Show all that is known."`
	Local    bool   `short:"l" help:"Only what is not mounted from elsewhere."`
	Cached   bool   `short:"n" hidden:"" help:"Accepted; the numbers are always those of now."`
	All      bool   `short:"a" hidden:"" help:"Accepted; all are always shown."`
	Exact    bool   `short:"N" hidden:"" help:"Accepted."`
	Types    string `short:"t" placeholder:"TYPE,..." help:"Only these types; with no in front: all but these."`

	Paths []string `arg:"" optional:"" help:"Files: the file systems that they lie in; all if none."`
}

// Help shows examples.
func (Df) Help() string {
	return `Counts blocks of 512 bytes, or of BLOCKSIZE in the environment. What is available honours the reserve, and may be negative.

Examples:
  fsu_df disk.img
  fsu_df disk.img -hi`
}

// Run shows a line a file system.
func (d *Df) Run(ctx context.Context, e *Env) error {
	if d.Portable && d.Inodes {
		return usage("-P and -i exclude each other")
	}
	paths := d.Paths
	if len(paths) == 0 {
		paths = []string{""}
	}
	var list []Mount
	for _, p := range paths {
		mounts, err := e.FS.Mounts(ctx, p)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			e.Warn(p, err)
			continue
		}
		for _, m := range mounts {
			if d.wanted(&m) {
				list = append(list, m)
			}
		}
	}
	d.print(e, list)
	return e.Result()
}

// wanted reports whether -l and -t let a file system pass.
func (d *Df) wanted(m *Mount) bool {
	if d.Local && !m.Local || d.Types == "" {
		return !d.Local || m.Local
	}
	types, without := strings.CutPrefix(d.Types, "no")
	for t := range strings.SplitSeq(types, ",") {
		if t == m.Type {
			return !without
		}
	}
	return without
}

func (d *Df) print(e *Env, list []Mount) {
	if d.Generic {
		for i := range list {
			generic(e.Stdout, &list[i])
		}
		return
	}
	unit, name := e.blockUnit()
	switch {
	case d.Human:
		unit, name = 1, "Size"
	case d.Giga:
		unit, name = 1<<30, "1G-blocks"
	case d.Mega:
		unit, name = 1<<20, "1M-blocks"
	case d.Kilo:
		unit, name = 1<<10, "1K-blocks"
		if d.Portable {
			name = "1024-blocks"
		}
	}
	if len(list) == 0 {
		return
	}
	width := 12
	for i := range list {
		width = max(width, len(list[i].From))
	}
	if d.Portable {
		fmt.Fprintf(e.Stdout, "Filesystem %s Used Available Capacity Mounted on\n", name)
	} else {
		fmt.Fprintf(e.Stdout, "%-*s %10s %10s %10s %%Cap", width, "Filesystem", name, "Used", "Avail")
		if d.Inodes {
			fmt.Fprintf(e.Stdout, " %8s %8s %%iCap", "iUsed", "iAvail")
		}
		fmt.Fprint(e.Stdout, " Mounted on\n")
	}
	for i := range list {
		d.line(e.Stdout, &list[i], unit, width)
	}
}

func (d *Df) line(w io.Writer, m *Mount, unit int64, width int) {
	count := func(n int64) string {
		if d.Human {
			return human(n*m.FragSize, 1024)
		}
		return strconv.FormatInt(scale(n, m.FragSize, unit), 10)
	}
	used := int64(m.Blocks - m.Free)
	full := percent(used, m.Avail+used)
	if d.Portable {
		fmt.Fprintf(w, "%s %s %s %s %s%% %s\n", m.From, count(int64(m.Blocks)), count(used), count(m.Avail), full, m.On)
		return
	}
	fmt.Fprintf(w, "%-*s %10s %10s %10s %3s%%", width, m.From, count(int64(m.Blocks)), count(used), count(m.Avail), full)
	if d.Inodes {
		iused := int64(m.Files - m.Ifree)
		icap := "0" // of a file system that has none
		if m.Files > 0 {
			icap = percent(iused, int64(m.Files))
		}
		fmt.Fprintf(w, " %8d %8d %4s%%", iused, m.Ifree, icap)
	}
	fmt.Fprintf(w, " %s\n", m.On)
}

// scale counts n units of from bytes in units of to bytes, without overflow where the result has none.
func scale(n, from, to int64) int64 {
	if from >= to {
		return n * (from / to)
	}
	if from <= 0 {
		return n
	}
	return n / (to / from)
}

// percent is how much of all used is, rounded down; 100 if all is nothing.
func percent(used, all int64) string {
	if all <= 0 {
		return "100"
	}
	return strconv.FormatInt(int64(float64(used)*100/float64(all)), 10)
}

func generic(w io.Writer, m *Mount) {
	flag := 0
	if m.ReadOnly {
		flag |= 1
	}
	if m.Local {
		flag |= 0x1000
	}
	fmt.Fprintf(w, "%10s (%-12s): %7d block size %12d frag size\n", m.On, m.From, m.BlockSize, m.FragSize)
	fmt.Fprintf(w, "%10d total blocks %10d free blocks  %10d available\n", m.Blocks, m.Free, m.Avail)
	fmt.Fprintf(w, "%10d total files  %10d free files %12x filesys id\n", m.Files, m.Ifree, m.FSID[0])
	fmt.Fprintf(w, "%10s fstype  %#15x flag  %17d filename length\n\n", m.Type, flag, m.NameMax)
}
