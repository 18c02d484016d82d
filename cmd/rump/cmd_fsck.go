package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/signal"
	"os/user"
	"strconv"
	"syscall"

	"rump/ffs/fsck"
	"rump/internal/endian"
	"rump/rumpfs/blockdev"
)

// Exit statuses of fsck_ffs(8).
const (
	fsckUsage      = 1
	fsckUnresolved = 2
	fsckFailed     = 8
	fsckSignalled  = 12
)

// fsckCmd checks and repairs a file system.
type fsckCmd struct {
	No    bool `short:"n" xor:"answer" help:"Answer no to every question: change nothing."`
	Yes   bool `short:"y" xor:"answer" help:"Answer yes to every question."`
	Preen bool `short:"p" help:"Repair what is harmless without a question, and give up at anything else."`
	Force bool `short:"f" help:"Check even what is marked clean."`
	Quiet bool `short:"q" help:"Print nothing unless something is wrong."`

	Backup int64    `short:"b" placeholder:"SECTOR" help:"Use the superblock copy at this sector of 512 bytes, for instance 32."`
	Level  string   `short:"c" enum:"0,1,2,3,4,ea,no-ea," default:"" placeholder:"LEVEL" help:"Convert to a format: 1 groups and 2 inodes of 4.4BSD, 3 with cluster maps, 4 today's superblock; ea or no-ea: extended attributes of UFS2."`
	Order  string   `short:"B" enum:"le,be," default:"" placeholder:"le|be" help:"Convert the volume to this byte order."`
	Mode   fileMode `short:"m" placeholder:"MODE" help:"Permissions, in octal, of a lost+found that is made (1700)."`

	Progress bool   `short:"P" help:"Show progress."`
	Users    bool   `short:"U" help:"Show names of users instead of numbers."`
	Debug    bool   `short:"d" help:"Say more about what is wrong."`
	Apple    bool   `short:"a" help:"The file system is Apple UFS."`
	File     bool   `short:"F" help:"The argument is an image file; always so here."`
	InUse    bool   `short:"X" help:"Look at an image that is in use; needs -n. There is no snapshot: what changes meanwhile looks like an error."`
	Snapshot string `short:"x" placeholder:"FILE" help:"The same as -X; the file is not used."`

	Image []string `arg:"" help:"Image, partition (disk.img%DISKLABEL:a%) or block device."`
}

func (fsckCmd) usageCode() int { return fsckUsage }

// Help shows examples.
func (fsckCmd) Help() string {
	return `Checks a Fast File System, NetBSD's, FreeBSD's or Apple's, and repairs it, with the messages of fsck_ffs(8). Without -n, -y or -p it asks before
each repair. Files that have no name any more come to lost+found. An image that cannot be written is only checked. The file system must not be
mounted. If the superblock is lost its copies are searched for.

Conversions (-B, -c) may be interrupted: the next run brings them to their end.

Examples:
  rump fsck -n disk.img
  rump fsck -y 'disk.img%DISKLABEL:a%'
  rump fsck -f -p a.img b.img
  rump fsck -b 32 damaged.img
  rump fsck -y -B be sparc.img

Exit status: 0 nothing is wrong any more, 1 usage, 2 problems remain, 8 the check could not be done, 12 interrupted.`
}

// fileMode is permissions in octal.
type fileMode uint16

// UnmarshalText reads octal digits.
func (m *fileMode) UnmarshalText(text []byte) error {
	v, err := strconv.ParseUint(string(text), 8, 16)
	if err != nil || v > 0o7777 {
		return fmt.Errorf("bad mode %q", text)
	}
	*m = fileMode(v)
	return nil
}

// Run checks each image.
func (f *fsckCmd) Run(ctx context.Context, e *env) error {
	if (f.InUse || f.Snapshot != "") && !f.No {
		return exit(fsckUsage, errors.New("-x and -X need -n"))
	}
	if f.Order != "" && (f.No || f.Preen) {
		return exit(fsckUsage, errors.New("-B cannot be used together with -n or -p"))
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	worst := 0
	for _, spec := range f.Image {
		code, err := f.check(ctx, e, spec)
		if err != nil {
			e.warn("%s", message(err))
		}
		worst = max(worst, code)
		if ctx.Err() != nil {
			break
		}
	}
	if worst != 0 {
		return exit(worst, nil)
	}
	return nil
}

// check does one image and returns its exit status.
func (f *fsckCmd) check(ctx context.Context, e *env, spec string) (code int, err error) {
	im, err := f.open(spec)
	if err != nil {
		return fsckFailed, err
	}
	defer im.Close()
	out := bufio.NewWriter(e.Stdout)
	defer out.Flush()
	if f.Mode != 0 {
		fmt.Fprintf(out, "** lost+found creation mode %o\n", f.Mode)
	}
	o := f.options(e, spec, out)
	o.In = &answers{ctx: ctx, in: e.Stdin, flush: out}
	bar := e.progress(0, spec)
	if f.Progress {
		o.Progress = func(done, total int) {
			bar.ChangeMax(total)
			_ = bar.Set(done) // a bar that cannot be drawn is no reason to stop
		}
	}
	report, err := fsck.Repair(ctx, im, o)
	_ = bar.Close()
	switch {
	case errors.Is(err, context.Canceled):
		return fsckSignalled, fmt.Errorf("%s: interrupted", spec)
	case errors.Is(err, fsck.ErrManual), errors.Is(err, fsck.ErrDeclined):
		return fsckFailed, fmt.Errorf("%s: %w", spec, err)
	case err != nil:
		return fsckFailed, im.notFFS(err)
	case report.Unresolved || report.Rerun:
		return fsckUnresolved, nil
	}
	return 0, nil
}

// open opens an image for repair, or only to look at it where it cannot be written.
func (f *fsckCmd) open(spec string) (*image, error) {
	if f.No {
		return openImage(spec, imageOptions{readOnly: true, noLock: f.InUse || f.Snapshot != ""})
	}
	im, err := openImage(spec, imageOptions{})
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return openImage(spec, imageOptions{readOnly: true})
	}
	return im, err
}

func (f *fsckCmd) options(e *env, spec string, out io.Writer) fsck.Options {
	o := fsck.Options{
		Name: spec, Out: out, Force: f.Force, Quiet: f.Quiet, Debug: f.Debug, Apple: f.Apple,
		Backup: f.Backup * blockdev.DefaultSectorSize, LostMode: uint16(f.Mode), Mode: fsck.Ask,
	}
	switch {
	case f.Preen:
		o.Mode = fsck.Preen
	case f.Yes:
		o.Mode = fsck.Yes
	case f.No:
		o.Mode = fsck.No
	}
	if f.Order != "" {
		order := endian.Little
		if f.Order == "be" {
			order = endian.Big
		}
		o.Order = &order
	}
	switch f.Level {
	case "ea", "no-ea":
		on := f.Level == "ea"
		o.ExtAttr = &on
	default:
		o.Level, _ = strconv.Atoi(f.Level) // one of the enumeration; "" is 0
	}
	if f.Users {
		o.Owner = func(uid uint32) string {
			if u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10)); err == nil {
				return u.Username
			}
			return ""
		}
	}
	return o
}

// answers reads what a person answers, after all that was printed is on the screen. An interrupt ends it.
type answers struct {
	ctx   context.Context
	in    io.Reader
	flush *bufio.Writer
}

// Read implements io.Reader.
func (a *answers) Read(p []byte) (int, error) {
	if err := a.flush.Flush(); err != nil {
		return 0, err
	}
	type result struct {
		b   []byte
		err error
	}
	done := make(chan result, 1)
	go func() { // left behind by an interrupt, which ends the process
		b := make([]byte, len(p))
		n, err := a.in.Read(b)
		done <- result{b[:n], err}
	}()
	select {
	case r := <-done:
		return copy(p, r.b), r.err
	case <-a.ctx.Done():
		return 0, a.ctx.Err()
	}
}
