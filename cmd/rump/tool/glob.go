package tool

import (
	"strings"
	"unicode/utf8"
)

// glob reports whether a name matches a shell pattern: * any string, ? any character, [a-z] [!a-z] sets, \ the next character
// itself. A slash is a character like others.
func glob(pattern, name string) bool {
	star, back := -1, 0 // where to go on if what follows the last star does not match
	p, n := 0, 0
	for n < len(name) {
		if p < len(pattern) && pattern[p] == '*' {
			star, back = p, n
			p++
			continue
		}
		if rest, size, ok := globOne(pattern[p:], name[n:]); ok {
			p, n = len(pattern)-len(rest), n+size
			continue
		}
		if star < 0 {
			return false
		}
		_, size := utf8.DecodeRuneInString(name[back:])
		back += size
		p, n = star+1, back
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// globOne matches one character, and returns what is left of the pattern.
func globOne(pattern, name string) (rest string, size int, ok bool) {
	if pattern == "" {
		return "", 0, false
	}
	r, size := utf8.DecodeRuneInString(name)
	switch pattern[0] {
	case '?':
		return pattern[1:], size, true
	case '[':
		if rest, in, isSet := globSet(pattern[1:], r); isSet {
			return rest, size, in
		}
	case '\\':
		if len(pattern) > 1 {
			pattern = pattern[1:]
		}
	}
	c, n := utf8.DecodeRuneInString(pattern)
	if c == utf8.RuneError && n == 1 {
		return pattern[1:], 1, pattern[0] == name[0]
	}
	return pattern[n:], size, c == r
}

// globSet reads the inside of brackets. isSet is false if they do not close.
func globSet(pattern string, r rune) (rest string, in, isSet bool) {
	negated := strings.HasPrefix(pattern, "!") || strings.HasPrefix(pattern, "^")
	if negated {
		pattern = pattern[1:]
	}
	next := func() rune {
		if len(pattern) > 1 && pattern[0] == '\\' {
			pattern = pattern[1:]
		}
		c, n := utf8.DecodeRuneInString(pattern)
		pattern = pattern[n:]
		return c
	}
	for first := true; ; first = false {
		if pattern == "" {
			return "", false, false
		}
		if pattern[0] == ']' && !first {
			return pattern[1:], in != negated, true
		}
		lo := next()
		hi := lo
		if len(pattern) > 1 && pattern[0] == '-' && pattern[1] != ']' {
			pattern = pattern[1:]
			hi = next()
		}
		in = in || lo <= r && r <= hi
	}
}
