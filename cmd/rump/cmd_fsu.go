package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"rump/cmd/rump/tool"
	"rump/cmd/rump/tool/doorfs"
	"rump/ffs"
	"rump/rumpfs/kern"
)

// fsuCmd is the file tools on an image.
type fsuCmd struct {
	Words []string `arg:"" optional:"" help:"Tool, options of the mount, image, options of the tool and its arguments."`
}

// Help lists the tools.
func (fsuCmd) Help() string {
	var sb strings.Builder
	sb.WriteString(`Works on the files of an image without a mount: rump fsu TOOL [-fv] [-o OPTIONS] [-t TYPE] IMAGE [options of the tool] ...
The tools also go by the names fsu_ls, fsu_cat and so on (see rump links), and each has a --help.

`)
	for _, t := range fileTools {
		fmt.Fprintf(&sb, "  %-8s %s\n", t.name, t.help)
	}
	sb.WriteString(`
Options in front of the image:
  -o OPTIONS  as rump mount: ro, async, noatime, force, offset=BYTES, size=BYTES
  -s OPTIONS  the same
  -t TYPE     ffs, the only type
  -f          IMAGE is no alias of ~/.fsurc
  -v          say how it was mounted

FSU_DEVICE in the environment is the image and takes its place on the command line; FSU_TYPE and FSU_MNTOPTS stand in for -t and -o.
A line of ~/.fsurc is ALIAS:IMAGE[:TYPE[:OPTIONS]].

Examples:
  rump fsu ls disk.img -l /etc
  rump fsu put 'disk.img%DISKLABEL:a%' -R tree /
  rump fsu get disk.img -R / out`)
	return sb.String()
}

// fsuUsage is what stands between the name of a tool and its own options.
const fsuUsage = "[-fv] [-o options] [-t type] image"

// fsuFront is what comes before the options of the tool.
type fsuFront struct {
	image, typ string
	options    []string
	noAlias    bool
	verbose    bool
	help       bool
}

// Run runs the tool.
func (f *fsuCmd) Run(ctx context.Context, e *env, k *kong.Context) error {
	if len(f.Words) == 0 {
		return errors.New("no tool named; try 'rump fsu --help'")
	}
	if f.Words[0] == "--help" {
		return helpFlag(true).BeforeReset(k)
	}
	t := toolNamed(f.Words[0])
	if t == nil {
		return fmt.Errorf("no tool %q; try 'rump fsu --help'", f.Words[0])
	}
	if e.prog == "rump fsu" {
		e.prog += " " + t.name
	}
	line := &toolLine{name: e.prog, front: fsuUsage, about: t.help}
	var front fsuFront
	rest, err := front.parse(e, f.Words[1:])
	if err != nil {
		return line.usage(e, err)
	}
	if front.help {
		rest = []string{"--help"}
	}
	ft := t.create()
	if err := line.parse(e, ft, rest); err != nil {
		return err
	}
	reads := t.reads
	if r, ok := ft.(interface{ ReadOnly() bool }); ok {
		reads = reads || r.ReadOnly()
	}
	return front.run(ctx, e, line, ft, reads)
}

// parse takes what is in front of the tool's own options off a command line.
func (f *fsuFront) parse(e *env, args []string) (rest []string, err error) {
	f.image = e.Getenv("FSU_DEVICE")
	given := f.image != ""
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		word := args[0]
		if word == "--" {
			args = args[1:]
			break
		}
		if word == "--help" {
			f.help = true
			return nil, nil
		}
		left, ok, err := f.letters(word[1:], args[1:])
		if err != nil {
			return nil, err
		}
		if !ok {
			if given {
				break // the tool's
			}
			return nil, fmt.Errorf("unknown option %s in front of the image", word)
		}
		args = left
	}
	if f.options == nil && e.Getenv("FSU_MNTOPTS") != "" {
		f.options = []string{e.Getenv("FSU_MNTOPTS")}
	}
	if f.typ == "" {
		f.typ = e.Getenv("FSU_TYPE")
	}
	if given {
		return args, nil
	}
	if len(args) == 0 {
		return nil, errors.New("no image named, and no FSU_DEVICE in the environment")
	}
	f.image = args[0]
	return args[1:], nil
}

// letters reads one word of options; ok is false if one is unknown.
func (f *fsuFront) letters(word string, next []string) (left []string, ok bool, err error) {
	old := *f
	for i := range len(word) {
		switch c := word[i]; c {
		case 'f':
			f.noAlias = true
		case 'v':
			f.verbose = true
		case 'o', 's', 't':
			value := word[i+1:]
			if value == "" {
				if len(next) == 0 {
					return nil, false, fmt.Errorf("-%c wants a value", c)
				}
				value, next = next[0], next[1:]
			}
			if c == 't' {
				f.typ = value
			} else {
				f.options = append(f.options, value)
			}
			return next, true, nil
		default:
			*f = old
			return nil, false, nil
		}
	}
	return next, true, nil
}

// run mounts the image, runs the tool and unmounts.
func (f *fsuFront) run(ctx context.Context, e *env, line *toolLine, t fileTool, reads bool) (err error) {
	if !f.noAlias {
		if err := f.alias(e.Getenv("HOME")); err != nil {
			return err
		}
	}
	switch f.typ {
	case "", "ffs", "ufs":
	default:
		return fmt.Errorf("%s: filesystem not supported", f.typ)
	}
	o, err := parseMountOptions(f.options)
	if err != nil {
		return line.usage(e, err)
	}
	o.readOnly = o.readOnly || reads
	stdin, stdout := e.Stdin, e.Stdout
	if !reads { // it must come to its end, or the image is left in the middle of things
		_, runs := t.(*tool.Exec)
		var stop func()
		ctx, stop = untilSignal(ctx, !runs)
		defer stop()
		if !runs {
			stdin, stdout = &interruptible{ctx: ctx, r: stdin}, &interruptible{ctx: ctx, w: stdout}
		}
	}
	volume, image, err := mountImage(ctx, e, f.image, o, ffs.Options{From: f.image})
	if err != nil {
		return err
	}
	if volume.ReadOnly() && !o.readOnly {
		return errors.Join(fmt.Errorf("%s: cannot be changed", f.image), volume.Unmount(ctx))
	}
	k, err := kern.Boot(kern.Options{Root: volume})
	if err != nil {
		return errors.Join(err, volume.Unmount(ctx))
	}
	if f.verbose {
		e.warn("%s: %s, mounted %s", f.image, volumeFormat(volume), map[bool]string{true: "read-only", false: "read-write"}[volume.ReadOnly()])
	}
	fs := doorfs.New(k, "fsu")
	err = line.run(ctx, e, t, &tool.Env{FS: fs, Users: &imageUsers{fs: fs}, Skip: image.isFile, Stdin: stdin, Stdout: stdout})
	fs.Close()
	if herr := k.Halt(context.WithoutCancel(ctx)); herr != nil {
		if err != nil {
			e.report(err)
		}
		e.warn("%s: %s", f.image, message(herr))
		return exit(1, errors.New("unmount failed, image may be dirty!"))
	}
	return err
}

// volumeFormat names the format of a volume.
func volumeFormat(v *ffs.FS) string {
	return fmt.Sprintf("UFS%d, %s", v.Super().Version, v.Super().Order)
}

// isFile reports whether a file of the host is the one that holds the image.
func (i *image) isFile(st *tool.Stat) bool {
	fi, err := os.Stat(i.file)
	if err != nil {
		return false
	}
	s, ok := fi.Sys().(*syscall.Stat_t)
	return ok && uint64(s.Dev) == st.Dev && s.Ino == uint64(st.Ino)
}

// alias replaces the image by what ~/.fsurc says that it stands for.
func (f *fsuFront) alias(home string) error {
	if home == "" {
		return nil
	}
	name := filepath.Join(home, ".fsurc")
	file, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	s := bufio.NewScanner(file)
	for n := 1; s.Scan(); n++ {
		text := strings.TrimSpace(s.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		w, err := splitAlias(text)
		if err != nil {
			return fmt.Errorf("%s:%d: %w", name, n, err)
		}
		if w[0] != f.image {
			continue
		}
		f.image = w[1]
		if f.typ == "" {
			f.typ = w[2]
		}
		if f.options == nil && w[3] != "" {
			f.options = []string{w[3]}
		}
		return nil
	}
	return s.Err()
}

// splitAlias splits ALIAS:IMAGE[:TYPE[:OPTIONS]]. The image may have colons between percent signs.
func splitAlias(text string) (w [4]string, err error) {
	field, inside := 0, false
	for i := range len(text) {
		c := text[i]
		if c == '%' && field == 1 {
			inside = !inside
		}
		if c == ':' && !inside && field < 3 {
			field++
			continue
		}
		w[field] += string(c)
	}
	if w[0] == "" || w[1] == "" {
		return w, errors.New("want ALIAS:IMAGE[:TYPE[:OPTIONS]]")
	}
	return w, nil
}

// imageUsers are the users that an image knows, and then the host's.
type imageUsers struct {
	fs            tool.FS
	users, groups map[string]uint32
	host          *userDB
}

// User implements tool.Users.
func (u *imageUsers) User(name string) (uint32, bool) {
	if u.users == nil {
		u.users = u.read("/etc/passwd")
	}
	return u.find(u.users, name, (*userDB).User)
}

// Group implements tool.Users.
func (u *imageUsers) Group(name string) (uint32, bool) {
	if u.groups == nil {
		u.groups = u.read("/etc/group")
	}
	return u.find(u.groups, name, (*userDB).Group)
}

func (u *imageUsers) find(ids map[string]uint32, name string, host func(*userDB, string) (uint32, bool)) (uint32, bool) {
	if id, ok := ids[name]; ok {
		return id, true
	}
	if u.host == nil {
		var err error
		if u.host, err = readUserDB(""); err != nil {
			u.host = &userDB{}
		}
	}
	return host(u.host, name)
}

// read reads a file of the image; a file that is not there or makes no sense holds no names.
func (u *imageUsers) read(path string) map[string]uint32 {
	ctx := context.Background()
	f, err := u.fs.Open(ctx, path, tool.Read, 0)
	if err != nil {
		return map[string]uint32{}
	}
	defer f.Close()
	const most = 1 << 20
	ids, err := parseNumbers(io.LimitReader(reader{ctx, f}, most))
	if err != nil {
		return map[string]uint32{}
	}
	return ids
}

// A reader is a tool.File as Go's own packages want one.
type reader struct {
	ctx context.Context
	f   tool.File
}

func (r reader) Read(p []byte) (int, error) { return r.f.Read(r.ctx, p) }
