package tool

import (
	"fmt"
	"strconv"
	"strings"

	"rump/rumpfs/vfs"
)

const (
	setUID = 0o4000
	setGID = 0o2000
	sticky = 0o1000

	allModes = 0o7777
	fileMask = 0o022 // the file-mode mask of a rump process
)

// modeString is a mode as ls -l shows it, ten characters.
func modeString(k vfs.Kind, mode uint32) string {
	b := []byte{k.Letter(), 'r', 'w', 'x', 'r', 'w', 'x', 'r', 'w', 'x'}
	for i := range 9 {
		if mode>>(8-i)&1 == 0 {
			b[1+i] = '-'
		}
	}
	for i, s := range []struct {
		bit   uint32
		chars string // without and with the execute bit
	}{{setUID, "Ss"}, {setGID, "Ss"}, {sticky, "Tt"}} {
		if at := 3 + 3*i; mode&s.bit != 0 {
			b[at] = s.chars[b2i(b[at] == 'x')]
		}
	}
	return string(b)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// A ModeChange is a mode, octal or symbolic, as chmod(1) takes it.
type ModeChange struct {
	absolute bool
	mode     uint32
	clauses  []clause
}

// A clause is one action of a symbolic mode.
type clause struct {
	who   uint32 // mask of bits; 0: nobody was named
	op    byte   // + - =
	perm  uint32 // bits for everybody
	exec  bool   // X
	copy  uint32 // shift of the permissions to copy, or none
	copys bool
}

const (
	whoUser  = 0o4700
	whoGroup = 0o2070
	whoOther = 0o1007
)

// ParseMode reads a mode: octal digits, or clauses [ugoa][+-=][rwxXstugo] with commas between.
func ParseMode(s string) (ModeChange, error) {
	if s != "" && strings.Trim(s, "01234567") == "" {
		v, err := strconv.ParseUint(s, 8, 32)
		if err != nil || v > allModes {
			return ModeChange{}, fmt.Errorf("invalid file mode: %s", s)
		}
		return ModeChange{absolute: true, mode: uint32(v)}, nil
	}
	var m ModeChange
	for part := range strings.SplitSeq(s, ",") {
		if !m.parse(part) {
			return ModeChange{}, fmt.Errorf("invalid file mode: %s", s)
		}
	}
	return m, nil
}

// parse reads the clauses between two commas.
func (m *ModeChange) parse(s string) bool {
	who := uint32(0)
	i := 0
	for ; i < len(s) && strings.IndexByte("ugoa", s[i]) >= 0; i++ {
		who |= map[byte]uint32{'u': whoUser, 'g': whoGroup, 'o': whoOther, 'a': allModes}[s[i]]
	}
	if i == len(s) {
		return false
	}
	for i < len(s) {
		c := clause{who: who, op: s[i]}
		if strings.IndexByte("+-=", c.op) < 0 {
			return false
		}
		for i++; i < len(s) && strings.IndexByte("+-=", s[i]) < 0; i++ {
			if !c.add(s[i]) {
				return false
			}
		}
		m.clauses = append(m.clauses, c)
	}
	return true
}

// add adds one letter of permission.
func (c *clause) add(letter byte) bool {
	switch letter {
	case 'r':
		c.perm |= 0o444
	case 'w':
		c.perm |= 0o222
	case 'x':
		c.perm |= 0o111
	case 'X':
		c.exec = true
	case 's':
		c.perm |= setUID | setGID
	case 't':
		c.perm |= sticky
	case 'u', 'g', 'o':
		c.copys = true
		c.copy = map[byte]uint32{'u': 6, 'g': 3, 'o': 0}[letter]
	default:
		return false
	}
	return true
}

// Apply returns the mode that a file of this mode gets. Where nobody is named the bits of mask stay as they are.
func (m ModeChange) Apply(mode uint32, isDir bool, mask uint32) uint32 {
	if m.absolute {
		return m.mode
	}
	for _, c := range m.clauses {
		perm := c.perm
		if c.exec && (isDir || mode&0o111 != 0) {
			perm |= 0o111
		}
		if c.copys {
			perm |= mode >> c.copy & 7 * 0o111
		}
		who := c.who
		if who == 0 {
			who = allModes &^ mask
		}
		switch c.op {
		case '+':
			mode |= perm & who
		case '-':
			mode &^= perm & who
		case '=':
			clear := c.who
			if clear == 0 {
				clear = allModes
			}
			mode = mode&^clear | perm&who
		}
	}
	return mode & allModes
}

// UnmarshalText reads a mode.
func (m *ModeChange) UnmarshalText(text []byte) (err error) {
	*m, err = ParseMode(string(text))
	return err
}
