package tool

import (
	"context"
	"errors"
	"io"
	"time"

	"rump/rumpfs/vfs"
)

// WriteFile writes standard input to a file.
type WriteFile struct {
	Append bool `short:"a" help:"Add to the file."`

	Path string `arg:"" help:"The file; made if it is not there."`
}

// Help shows examples.
func (WriteFile) Help() string {
	return `Examples:
  echo hostname=rump | fsu_write disk.img -a /etc/rc.conf`
}

// Run writes.
func (w *WriteFile) Run(ctx context.Context, e *Env) error {
	flag := Write | Create | Truncate
	if w.Append {
		flag = Append | Create
	}
	f, err := e.FS.Open(ctx, w.Path, flag, 0o666)
	if err != nil {
		e.Warn(w.Path, err)
		return e.Result()
	}
	buf := make([]byte, copyBuffer)
	for ctx.Err() == nil {
		n, err := e.Stdin.Read(buf)
		if n > 0 {
			if _, err := f.Write(ctx, buf[:n]); err != nil {
				e.Warn(w.Path, err)
				break
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			e.Warn("standard input", err)
			break
		}
	}
	return cmpOr(ctx.Err(), f.Close(), e.Result())
}

// Touch sets times.
type Touch struct {
	Access   bool   `short:"a" help:"The time of access only."`
	Modify   bool   `short:"m" help:"The time of modification only."`
	NoCreate bool   `short:"c" help:"Do not make a file that is not there."`
	NoDeref  bool   `short:"h" help:"Set those of symbolic links themselves; implies -c."`
	Force    bool   `short:"f" hidden:"" help:"Accepted."`
	Date     string `short:"d" xor:"when" placeholder:"TIME" help:"To this time: 2001-02-03T04:05:06.7Z, with a space for T; local time without Z; or @SECONDS."`
	Stamp    string `short:"t" xor:"when" placeholder:"[[CC]YY]MMDDhhmm[.SS]" help:"To this time, local."`
	Like     string `short:"r" xor:"when" placeholder:"FILE" help:"To the times of a file."`

	Paths []string `arg:"" help:"Files."`
}

// Help shows examples.
func (Touch) Help() string {
	return `Examples:
  fsu_touch disk.img /etc/motd
  fsu_touch disk.img -d 2001-02-03T04:05:06Z /etc/motd`
}

// Run sets times.
func (t *Touch) Run(ctx context.Context, e *Env) error {
	set, err := t.times(ctx, e)
	if err != nil {
		return err
	}
	if t.Access != t.Modify {
		if t.Access {
			set.Mask = vfs.SetAtime
		} else {
			set.Mask = vfs.SetMtime
		}
	}
	for _, p := range t.Paths {
		err := e.FS.SetAttr(ctx, p, !t.NoDeref, set)
		if isMissing(err) && (t.NoCreate || t.NoDeref) {
			continue
		}
		if isMissing(err) {
			err = t.create(ctx, e, p, set)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			e.Warn(p, err)
		}
	}
	return e.Result()
}

func (t *Touch) create(ctx context.Context, e *Env, path string, set vfs.SetAttr) error {
	f, err := e.FS.Open(ctx, path, Write|Create, 0o666)
	if err != nil {
		return err
	}
	return cmpOr(f.SetAttr(ctx, set), f.Close())
}

// times are those to set.
func (t *Touch) times(ctx context.Context, e *Env) (vfs.SetAttr, error) {
	set := vfs.SetAttr{Mask: vfs.SetAtime | vfs.SetMtime}
	when := e.Now()
	var err error
	switch {
	case t.Like != "":
		st, err := e.FS.Stat(ctx, t.Like, true)
		if err != nil {
			return set, errors.New(t.Like + ": " + Reason(err))
		}
		set.Atime, set.Mtime = st.Atime, st.Mtime
		return set, nil
	case t.Date != "":
		when, err = parseDate(t.Date, e.Zone)
	case t.Stamp != "":
		when, err = parseStamp(t.Stamp, e.Now(), e.Zone)
	}
	at := vfs.Time{Sec: when.Unix(), Nsec: int32(when.Nanosecond())}
	set.Atime, set.Mtime = at, at
	return set, err
}

// parseDate reads a date.
func parseDate(s string, zone *time.Location) (time.Time, error) {
	if len(s) > 1 && s[0] == '@' {
		if d, err := time.ParseDuration(s[1:] + "s"); err == nil {
			return time.Unix(0, 0).Add(d), nil
		}
	}
	for _, layout := range []string{
		"2006-01-02T15:04:05Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02 15:04:05",
		"2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02",
	} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usage("%q is no time: want 2001-02-03T04:05:06, or @SECONDS", s)
}

// parseStamp reads [[CC]YY]MMDDhhmm[.SS].
func parseStamp(s string, now time.Time, zone *time.Location) (time.Time, error) {
	full := s
	switch i := len(s); {
	case i > 3 && s[i-3] == '.':
		s = s[:i-3] + s[i-2:]
	default:
		s += "00"
	}
	switch len(s) {
	case 10:
		s = now.In(zone).Format("2006") + s
	case 12:
		century := "20"
		if s[:2] >= "69" {
			century = "19"
		}
		s = century + s
	}
	t, err := time.ParseInLocation("20060102150405", s, zone)
	if err != nil {
		return t, usage("%q is no time: want [[CC]YY]MMDDhhmm[.SS]", full)
	}
	return t, nil
}
