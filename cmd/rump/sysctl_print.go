package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"rump/netbsd"
	"rump/sysproxy/client"
)

// A sysctlPrinter shows settings.
type sysctlPrinter struct {
	c    *client.Client
	cmd  *sysctlCmd
	out  *bufio.Writer
	desc map[string]string // by name, of the groups that were looked at
}

// learn gets the descriptions of a group.
func (p *sysctlPrinter) learn(n sysctlNode) error {
	list, err := p.c.SysctlDescribe(n.mib)
	if err != nil {
		return err
	}
	if p.desc == nil {
		p.desc = map[string]string{}
	}
	for num, text := range list {
		p.desc[fmt.Sprint(append(n.mib[:len(n.mib):len(n.mib)], num))] = text
	}
	return nil
}

// separator stands between name and value.
func (p *sysctlPrinter) separator() string {
	if p.cmd.Equals {
		return "="
	}
	return " = "
}

// line prints a name with what there is to say.
func (p *sysctlPrinter) line(name, sep, value string) {
	if p.cmd.Value {
		fmt.Fprintln(p.out, value)
		return
	}
	fmt.Fprintf(p.out, "%s%s%s\n", name, sep, value)
}

// show prints a leaf.
func (p *sysctlPrinter) show(n sysctlNode) error {
	switch {
	case p.cmd.Tree:
		p.showNode(n)
		return nil
	case p.cmd.Describe:
		return p.showDesc(n)
	}
	value, err := p.get(n)
	if err != nil {
		if p.cmd.All || p.cmd.Tables {
			return nil
		}
		return fmt.Errorf("%s: %w", n.name, err)
	}
	if p.cmd.Raw {
		_, err := p.out.Write(value)
		return err
	}
	text, ok := p.format(n, value)
	switch {
	case ok && n.name == "kern.clockrate":
		p.line(n.name, ": ", text)
	case ok:
		p.line(n.name, p.separator(), text)
	case p.cmd.Tables:
		p.line(n.name, ": ", "cannot be shown; try -r or -xx")
	case !p.cmd.All:
		return fmt.Errorf("%s: cannot be shown; try -r or -xx", n.name)
	}
	return nil
}

// get reads a value; those of user are the library's.
func (p *sysctlPrinter) get(n sysctlNode) ([]byte, error) {
	if strings.HasPrefix(n.name, "user.") {
		return userValue(n.Num), nil
	}
	if n.mib[0] == netbsd.CTL_KERN && (n.Num == netbsd.KERN_ARND || n.Num == netbsd.KERN_URND) {
		return p.c.Sysctl(n.mib, 4, nil) // as many bytes as there is room for
	}
	return p.c.SysctlGet(n.mib)
}

// format makes text of a value; ok is false if there is no way to.
func (p *sysctlPrinter) format(n sysctlNode, b []byte) (s string, ok bool) {
	if p.cmd.Hex > 1 {
		return fmt.Sprintf("% x", b), true
	}
	hex := p.cmd.Hex == 1 || n.Flags&netbsd.CTLFLAG_HEX != 0
	switch {
	case n.Type() == netbsd.CTLTYPE_STRING:
		s, _, _ := strings.Cut(string(b), "\x00")
		return s, true
	case n.Type() == netbsd.CTLTYPE_INT && len(b) == 4:
		v := binary.LittleEndian.Uint32(b)
		if hex {
			return fmt.Sprintf("%#08x", v), true
		}
		if n.Flags&netbsd.CTLFLAG_UNSIGNED != 0 {
			return fmt.Sprint(v), true
		}
		return fmt.Sprint(int32(v)), true
	case n.Type() == netbsd.CTLTYPE_QUAD && len(b) == 8:
		v := binary.LittleEndian.Uint64(b)
		switch {
		case strings.Contains(n.name, ".rlimit.") && v == math.MaxInt64:
			return "unlimited", true
		case hex:
			return fmt.Sprintf("%#016x", v), true
		case n.Flags&netbsd.CTLFLAG_UNSIGNED != 0:
			return fmt.Sprint(v), true
		}
		return fmt.Sprint(int64(v)), true
	case n.Type() == netbsd.CTLTYPE_BOOL && len(b) == 1:
		return fmt.Sprint(b[0] & 1), true
	case n.name == "kern.clockrate" && len(b) >= netbsd.ClockinfoSize:
		var c netbsd.Clockinfo
		c.Decode(b)
		return fmt.Sprintf("tick = %d, tickadj = %d, hz = %d, profhz = %d, stathz = %d", c.Tick, c.TickAdj, c.HZ, c.ProfHZ, c.StatHZ), true
	}
	return "", false
}

// showDesc prints what a leaf is.
func (p *sysctlPrinter) showDesc(n sysctlNode) error {
	key := fmt.Sprint(n.mib)
	if p.desc[key] == "" && len(n.mib) > 0 {
		if err := p.learn(sysctlNode{mib: n.mib[:len(n.mib)-1]}); err != nil {
			return err
		}
	}
	text := p.desc[key]
	if text == "" {
		if p.cmd.Quiet {
			return nil
		}
		text = "(no description)"
	}
	p.line(n.name, ": ", text)
	return nil
}

// kinds are the words for what a node holds.
var sysctlKinds = map[int]string{
	netbsd.CTLTYPE_NODE: "CTLTYPE_NODE", netbsd.CTLTYPE_INT: "CTLTYPE_INT", netbsd.CTLTYPE_STRING: "CTLTYPE_STRING",
	netbsd.CTLTYPE_QUAD: "CTLTYPE_QUAD", netbsd.CTLTYPE_STRUCT: "CTLTYPE_STRUCT", netbsd.CTLTYPE_BOOL: "CTLTYPE_BOOL",
}

// sysctlFlags are the words for the flags of a node.
var sysctlFlags = []struct {
	bits uint32
	word string
}{
	{netbsd.CTLFLAG_READWRITE, "READWRITE"}, {netbsd.CTLFLAG_ANYWRITE, "ANYWRITE"}, {netbsd.CTLFLAG_PRIVATE, "PRIVATE"},
	{netbsd.CTLFLAG_PERMANENT, "PERMANENT"}, {netbsd.CTLFLAG_IMMEDIATE, "IMMEDIATE"}, {netbsd.CTLFLAG_HEX, "HEX"},
	{netbsd.CTLFLAG_HIDDEN, "HIDDEN"}, {netbsd.CTLFLAG_UNSIGNED, "UNSIGNED"},
}

// showNode prints what a node is made of.
func (p *sysctlPrinter) showNode(n sysctlNode) {
	var nums, words []string
	for _, num := range n.mib {
		nums = append(nums, fmt.Sprint(num))
	}
	for _, f := range sysctlFlags {
		if n.Flags&f.bits == f.bits {
			words = append(words, f.word)
		}
	}
	size := fmt.Sprintf("size %d", n.Size)
	if n.Type() == netbsd.CTLTYPE_NODE {
		size = fmt.Sprintf("children %d/%d", n.ChildLen, n.ChildSize)
	}
	fmt.Fprintf(p.out, "%s (%s): %s, %s, flags %#x<%s>\n", n.name, strings.Join(nums, "."), sysctlKinds[n.Type()], size,
		n.Flags&^(netbsd.SYSCTL_TYPEMASK|netbsd.SYSCTL_VERS_MASK), strings.Join(words, ","))
}

// set gives a leaf a new value, and shows the change.
func (p *sysctlPrinter) set(n sysctlNode, value string) error {
	b, err := parseSetting(n, value)
	if err != nil {
		return fmt.Errorf("%s: %w", n.name, err)
	}
	old, err := p.get(n)
	if err != nil && !errors.Is(err, netbsd.ENOENT) {
		return fmt.Errorf("%s: %w", n.name, err)
	}
	if _, err := p.c.Sysctl(n.mib, 0, b); err != nil {
		return fmt.Errorf("%s: %w", n.name, err)
	}
	if p.cmd.Quiet {
		return nil
	}
	was, _ := p.format(n, old)
	is, _ := p.format(n, b)
	if p.cmd.Value {
		fmt.Fprintln(p.out, is)
		return nil
	}
	fmt.Fprintf(p.out, "%s: %s -> %s\n", n.name, was, is)
	return nil
}

// parseSetting reads a value as text.
func parseSetting(n sysctlNode, s string) ([]byte, error) {
	switch n.Type() {
	case netbsd.CTLTYPE_STRING:
		return append([]byte(s), 0), nil
	case netbsd.CTLTYPE_INT:
		v, err := strconv.ParseInt(s, 0, 64)
		if err != nil || v < math.MinInt32 || v > math.MaxUint32 {
			return nil, fmt.Errorf("%q is no number of 32 bits", s)
		}
		return binary.LittleEndian.AppendUint32(nil, uint32(v)), nil
	case netbsd.CTLTYPE_QUAD:
		if s == "unlimited" {
			return binary.LittleEndian.AppendUint64(nil, netbsd.RlimInfinity), nil
		}
		v, err := strconv.ParseInt(s, 0, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is no number", s)
		}
		return binary.LittleEndian.AppendUint64(nil, uint64(v)), nil
	case netbsd.CTLTYPE_BOOL:
		switch s {
		case "0", "false":
			return []byte{0}, nil
		case "1", "true":
			return []byte{1}, nil
		}
		return nil, fmt.Errorf("%q is neither 0 nor 1", s)
	}
	return nil, errors.New("is of a kind that cannot be set")
}

// userSettings are the settings that are the library's, in the order of their numbers from 1 on: strings and numbers.
var userSettings = []struct {
	name  string
	value any
}{
	{"cs_path", "/usr/bin:/bin:/usr/sbin:/sbin:/usr/pkg/bin:/usr/pkg/sbin:/usr/local/bin:/usr/local/sbin"},
	{"bc_base_max", math.MaxInt32}, {"bc_dim_max", 65535}, {"bc_scale_max", math.MaxInt32}, {"bc_string_max", math.MaxInt32},
	{"coll_weights_max", 2}, {"expr_nest_max", 32}, {"line_max", 2048}, {"re_dup_max", 255},
	{"posix2_version", 200112}, {"posix2_c_bind", 1}, {"posix2_c_dev", 0}, {"posix2_char_term", 0}, {"posix2_fort_dev", 0},
	{"posix2_fort_run", 0}, {"posix2_localedef", 0}, {"posix2_sw_dev", 0}, {"posix2_upe", 0},
	{"stream_max", 20}, {"tzname_max", 511}, {"atexit_max", -1},
}

// userNodes are their nodes.
func userNodes() (list []netbsd.SysctlNode) {
	for i, u := range userSettings {
		n := netbsd.SysctlNode{Flags: netbsd.SYSCTL_VERSION | netbsd.CTLFLAG_PERMANENT | netbsd.CTLTYPE_INT, Num: int32(i) + 1, Name: u.name, Size: 4}
		if s, ok := u.value.(string); ok {
			n.Flags, n.Size = netbsd.SYSCTL_VERSION|netbsd.CTLFLAG_PERMANENT|netbsd.CTLTYPE_STRING, uint64(len(s)+1)
		}
		list = append(list, n)
	}
	return list
}

// userValue is one of them in bytes.
func userValue(num int32) []byte {
	switch v := userSettings[num-1].value.(type) {
	case string:
		return append([]byte(v), 0)
	case int:
		return binary.LittleEndian.AppendUint32(nil, uint32(v))
	}
	return nil
}
