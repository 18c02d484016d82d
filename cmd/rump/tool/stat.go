package tool

import (
	"bufio"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"rump/netbsd"
	"rump/rumpfs/vfs"
)

// StatFile shows the attributes of files.
type StatFile struct {
	Format    string `short:"f" xor:"form" placeholder:"FORMAT" help:"The form of the output."`
	Long      bool   `short:"l" xor:"form" help:"As ls -lT."`
	Classify  bool   `short:"F" help:"With -l: mark kinds of files, as ls -F."`
	Raw       bool   `short:"r" xor:"form" help:"All as numbers."`
	Shell     bool   `short:"s" xor:"form" help:"As assignments of the shell."`
	Verbose   bool   `short:"x" xor:"form" help:"On several lines, as other systems have it."`
	Follow    bool   `short:"L" help:"Follow symbolic links."`
	NoNewline bool   `short:"n" help:"No newline at the end of each."`
	Quiet     bool   `short:"q" help:"Say nothing of what is not there."`
	TimeForm  string `short:"t" placeholder:"FORMAT" help:"The form of times, as strftime(3) has it."`

	Paths []string `arg:"" help:"Files."`
}

// Help shows examples.
func (StatFile) Help() string {
	return `FORMAT is as stat(1) of NetBSD has it: %[flags][width][.precision][D|O|U|X|F|S][H|M|L]datum with the data d device, i inode, p mode,
l links, u and g owners, r device number, a m c B times, z size, b blocks, k block size, f flags, v generation, N name, T type, Y target,
R path, Z size or device number; %n %t %% %@ are newline, tab, percent sign and number of the file.

Examples:
  fsu_stat disk.img /netbsd
  fsu_stat disk.img -f '%Sp %z %N' /bin/sh /bin/csh
  eval $(fsu_stat disk.img -s /netbsd); echo $st_size`
}

// The forms that options stand for.
const (
	formDefault = "%d %i %Sp %l %Su %Sg %r %z \"%Sa\" \"%Sm\" \"%Sc\" \"%SB\" %k %b %#Xf %N"
	formRaw     = "%d %i %#p %l %u %g %r %z %a %m %c %B %k %b %f %N"
	formLong    = "%Sp %l %Su %Sg %Z %Sm %N%SY"
	formMarked  = "%Sp %l %Su %Sg %Z %Sm %N%T%SY"
	formShell   = "st_dev=%d st_ino=%i st_mode=%#p st_nlink=%l st_uid=%u st_gid=%g st_rdev=%r st_size=%z st_atime=%a st_mtime=%m st_ctime=%c " +
		"st_birthtime=%B st_blksize=%k st_blocks=%b st_flags=%f"
	formVerbose = "  File: \"%N\"%n  Size: %-11z  FileType: %HT%n  Mode: (%OMp%03OLp/%.10Sp)         Uid: (%5u/%8Su)  Gid: (%5g/%8Sg)%n" +
		"Device: %Hd,%Ld   Inode: %i    Links: %l%nAccess: %Sa%nModify: %Sm%nChange: %Sc"

	timesDefault = "%b %e %T %Y"
	timesVerbose = "%a %b %e %T %Y"
)

// Run shows them.
func (s *StatFile) Run(ctx context.Context, e *Env) error {
	form, times := s.form()
	out := bufio.NewWriter(e.Stdout)
	for i, p := range s.Paths {
		f := stated{path: p, number: i + 1, times: times, zone: e.Zone}
		var err error
		if f.st, err = e.FS.Stat(ctx, p, s.Follow); err == nil && f.st.Kind == vfs.KindSymlink {
			f.target, err = e.FS.Readlink(ctx, p)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			e.failed = true
			if !s.Quiet {
				e.Notef("%s: lstat: %s", p, Reason(err))
			}
			continue
		}
		text, err := f.text(form)
		if err != nil {
			return err
		}
		if !s.NoNewline {
			text += "\n"
		}
		out.WriteString(text)
	}
	return cmpOr(out.Flush(), e.Result())
}

// form is that of the output, and that of times.
func (s *StatFile) form() (form, times string) {
	times = timesDefault
	switch {
	case s.Format != "":
		form = s.Format
	case s.Raw:
		form = formRaw
	case s.Shell:
		form = formShell
	case s.Verbose:
		form, times = formVerbose, timesVerbose
	case s.Classify:
		form = formMarked
	case s.Long:
		form = formLong
	default:
		form = formDefault
	}
	if s.TimeForm != "" {
		times = s.TimeForm
	}
	return form, times
}

// A stated is a file that is shown.
type stated struct {
	path   string
	number int
	st     Stat
	target string
	times  string
	zone   *time.Location
}

// A verb is one % of a form.
type verb struct {
	alternate, plus, minus, zero, space bool
	width, prec                         int // -1: none
	output, sub, datum                  byte
}

// text fills in a form.
func (f *stated) text(form string) (string, error) {
	var sb strings.Builder
	for form != "" {
		i := strings.IndexByte(form, '%')
		if i < 0 {
			i = len(form)
		}
		sb.WriteString(form[:i])
		if form = form[i:]; form == "" {
			break
		}
		form = form[1:]
		if form != "" && strings.IndexByte("nt%@", form[0]) >= 0 {
			sb.WriteString(map[byte]string{'n': "\n", 't': "\t", '%': "%", '@': strconv.Itoa(f.number)}[form[0]])
			form = form[1:]
			continue
		}
		v, rest, ok := parseVerb(form)
		if !ok {
			return "", usage("format: %%%s: unknown", form[:min(len(form), 6)])
		}
		form = rest
		text, ok := f.datum(&v)
		if !ok {
			return "", usage("format: %%%c cannot be shown so", v.datum)
		}
		sb.WriteString(v.pad(text))
	}
	return sb.String(), nil
}

// parseVerb reads what follows a percent sign.
func parseVerb(s string) (v verb, rest string, ok bool) {
	v.width, v.prec = -1, -1
	for ; s != ""; s = s[1:] {
		switch s[0] {
		case '#':
			v.alternate = true
			continue
		case '+':
			v.plus = true
			continue
		case '-':
			v.minus = true
			continue
		case '0':
			v.zero = true
			continue
		case ' ':
			v.space = true
			continue
		}
		break
	}
	number := func() (n int) {
		for ; s != "" && s[0] >= '0' && s[0] <= '9' && n < 1000; s = s[1:] {
			n = 10*n + int(s[0]-'0')
		}
		return n
	}
	if s != "" && s[0] >= '1' && s[0] <= '9' {
		v.width = number()
	}
	if s != "" && s[0] == '.' {
		s = s[1:]
		v.prec = number()
	}
	if s != "" && strings.IndexByte("DOUXFS", s[0]) >= 0 {
		v.output, s = s[0], s[1:]
	}
	if s != "" && strings.IndexByte("HML", s[0]) >= 0 {
		v.sub, s = s[0], s[1:]
	}
	if s == "" || strings.IndexByte("dipluGgramcBzbkfvNTYRZ", s[0]) < 0 {
		return v, s, false
	}
	v.datum = s[0]
	return v, s[1:], true
}

// pad brings a text to the width.
func (v *verb) pad(text string) string {
	n := v.width - len(text)
	if n <= 0 {
		return text
	}
	switch {
	case v.minus:
		return text + strings.Repeat(" ", n)
	case v.zero && v.output != 'S':
		return strings.Repeat("0", n) + text
	}
	return strings.Repeat(" ", n) + text
}

// number is an integer as the verb wants it.
func (v *verb) number(n int64, output byte) string {
	if v.output != 0 {
		output = v.output
	}
	var text string
	switch output {
	case 'O':
		if text = strconv.FormatUint(uint64(n), 8); v.alternate && n != 0 {
			text = "0" + text
		}
	case 'X':
		if text = strconv.FormatUint(uint64(n), 16); v.alternate && n != 0 {
			text = "0x" + text
		}
	default:
		text = strconv.FormatInt(n, 10)
		if n >= 0 && v.plus {
			text = "+" + text
		} else if n >= 0 && v.space {
			text = " " + text
		}
	}
	if n := v.prec - len(text); n > 0 {
		text = strings.Repeat("0", n) + text
	}
	return text
}

// cut is a string, shortened to the precision.
func (v *verb) cut(s string) string {
	if v.prec >= 0 && v.prec < len(s) {
		return s[:v.prec]
	}
	return s
}

// datum is a field of the file.
func (f *stated) datum(v *verb) (string, bool) {
	st := &f.st
	switch v.datum {
	case 'd':
		return v.device(st.Dev), true
	case 'r':
		if !st.isDevice() {
			return v.number(0, 'U'), true
		}
		return v.device(netbsd.MakeDev(st.Rdev.Major, st.Rdev.Minor)), true
	case 'i':
		return v.number(int64(st.Ino), 'U'), true
	case 'p':
		return f.mode(v), true
	case 'l':
		return v.number(int64(st.Nlink), 'U'), true
	case 'u':
		return v.number(int64(st.UID), 'U'), true
	case 'g':
		return v.number(int64(st.GID), 'U'), true
	case 'a':
		return f.time(v, st.Atime)
	case 'm':
		return f.time(v, st.Mtime)
	case 'c':
		return f.time(v, st.Ctime)
	case 'B':
		return f.time(v, st.Btime)
	case 'z':
		return v.number(st.Size, 'U'), true
	case 'b':
		return v.number(st.Blocks, 'U'), true
	case 'k':
		return v.number(int64(st.BlockSize), 'U'), true
	case 'f':
		if v.output == 'S' {
			return v.cut(flagString(st.Flags, "-")), true
		}
		return v.number(int64(st.Flags), 'U'), true
	case 'v':
		return v.number(int64(st.Gen), 'U'), true
	case 'N', 'R':
		return v.cut(f.path), true
	case 'T':
		return v.cut(f.kind(v.sub)), true
	case 'Y':
		if st.Kind != vfs.KindSymlink {
			return "", true
		}
		if v.output == 'S' {
			return v.cut(" -> " + f.target), true
		}
		return v.cut(f.target), true
	case 'Z':
		if st.isDevice() {
			return fmt.Sprintf("%d,%d", st.Rdev.Major, st.Rdev.Minor), true
		}
		return v.number(st.Size, 'U'), true
	}
	return "", false
}

// device is a device number: whole, or one half.
func (v *verb) device(dev uint64) string {
	switch v.sub {
	case 'H':
		return v.number(int64(netbsd.Major(dev)), 'U')
	case 'L':
		return v.number(int64(netbsd.Minor(dev)), 'U')
	}
	return v.number(int64(dev), 'U')
}

func (f *stated) mode(v *verb) string {
	st := &f.st
	if v.output == 'S' {
		text := modeString(st.Kind, st.Mode)
		switch v.sub {
		case 'H':
			text = text[1:4]
		case 'M':
			text = text[4:7]
		case 'L':
			text = text[7:]
		}
		return v.cut(text)
	}
	mode := int64(st.Kind)<<12 | int64(st.Mode)
	switch v.sub {
	case 'H':
		mode >>= 12
	case 'M':
		mode = mode >> 9 & 7
	case 'L':
		mode &= 0o777
	}
	return v.number(mode, 'O')
}

// kind is a type: a letter as ls -F has it, or words.
func (f *stated) kind(sub byte) string {
	if sub != 'H' {
		l := lister{Ls: &Ls{Classify: true}}
		return l.mark(&f.st)
	}
	return map[vfs.Kind]string{
		vfs.KindFifo: "Fifo File", vfs.KindChar: "Character Device", vfs.KindDir: "Directory", vfs.KindBlock: "Block Device",
		vfs.KindRegular: "Regular File", vfs.KindSymlink: "Symbolic Link", vfs.KindSocket: "Socket", vfs.KindWhiteout: "Whiteout File",
	}[f.st.Kind]
}

func (f *stated) time(v *verb, t vfs.Time) (string, bool) {
	switch v.output {
	case 'S':
		return v.cut(strftime(f.times, time.Unix(t.Sec, int64(t.Nsec)).In(f.zone))), true
	case 'F':
		digits := 9
		if v.prec >= 0 && v.prec < 9 {
			digits = v.prec
		}
		return fmt.Sprintf("%d.%s", t.Sec, fmt.Sprintf("%09d", t.Nsec)[:digits]), true
	}
	return v.number(t.Sec, 'D'), true
}
