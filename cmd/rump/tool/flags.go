package tool

import (
	"fmt"
	"strings"

	"rump/rumpfs/vfs"
)

// flagNames are the words for file flags, in the order that they are printed, with other words for the same.
var flagNames = []struct {
	flag  uint32
	words []string
}{
	{vfs.FlagAppend, []string{"uappnd", "uappend"}},
	{vfs.FlagImmutable, []string{"uchg", "uchange", "uimmutable"}},
	{vfs.FlagNoDump, []string{"nodump"}},
	{vfs.FlagOpaque, []string{"opaque"}},
	{vfs.FlagNoUnlink, []string{"uunlnk", "uunlink"}},
	{vfs.FlagSysAppend, []string{"sappnd", "sappend"}},
	{vfs.FlagArchived, []string{"arch", "archived"}},
	{vfs.FlagSysImmutable, []string{"schg", "schange", "simmutable"}},
	{vfs.FlagSysNoUnlink, []string{"sunlnk", "sunlink"}},
	{vfs.FlagSnapshot, []string{"snap", "snapshot"}},
}

// flagString is file flags in words with commas between, or none if there is none.
func flagString(flags uint32, none string) string {
	var words []string
	for _, f := range flagNames {
		if flags&f.flag != 0 {
			words = append(words, f.words[0])
			flags &^= f.flag
		}
	}
	if flags != 0 {
		words = append(words, fmt.Sprintf("%#x", flags))
	}
	if words == nil {
		return none
	}
	return strings.Join(words, ",")
}

// A flagChange is words of chflags(1): flags to set and to clear, or all of them at once.
type flagChange struct {
	set, clear uint32
	absolute   bool
}

// parseFlags reads octal digits, or words with commas between; "no" in front of one clears it.
func parseFlags(s string) (c flagChange, err error) {
	if s != "" && strings.Trim(s, "01234567") == "" {
		if _, err := fmt.Sscanf(s, "%o", &c.set); err != nil {
			return c, fmt.Errorf("invalid flags: %s", s)
		}
		c.absolute = true
		return c, nil
	}
	for word := range strings.SplitSeq(s, ",") {
		switch flag, plain := flagNamed(word), flagNamed(strings.TrimPrefix(word, "no")); {
		case word == "dump":
			c.clear |= vfs.FlagNoDump
		case flag != 0:
			c.set |= flag
		case plain != 0:
			c.clear |= plain
		default:
			return c, fmt.Errorf("invalid flag: %s", word)
		}
	}
	return c, nil
}

func flagNamed(word string) uint32 {
	for _, f := range flagNames {
		for _, w := range f.words {
			if w == word {
				return f.flag
			}
		}
	}
	return 0
}

// apply is what flags become.
func (c flagChange) apply(flags uint32) uint32 {
	if c.absolute {
		return c.set
	}
	return flags&^c.clear | c.set
}
