package cgd

import "bytes"

// A token is a word of a parameters file.
type token struct {
	kind byte   // one of the constants below, or '{' or '}'
	text []byte // in the file's own buffer
	line int
}

// Kinds of token. A word of digits alone is a number, but may stand for itself where a string is wanted; so may a
// keyword.
const (
	tokenEnd    = 0   // of the file
	tokenEOL    = ';' // of a statement: a semicolon, or the end of a line
	tokenNumber = '0'
	tokenWord   = 'w'
	tokenQuoted = '"' // never a keyword
)

// A lexer cuts a parameters file into tokens.
type lexer struct {
	text []byte
	line int
}

const lexBreak = " \t\n{};\"" // what ends a word

// next returns the next token; a quotation mark without its fellow is a token of its own.
func (l *lexer) next() token {
	l.skip()
	t := token{line: l.line}
	if len(l.text) == 0 {
		return t
	}
	switch c := l.text[0]; c {
	case '\n':
		l.line++
		fallthrough
	case ';':
		t.kind, t.text, l.text = tokenEOL, l.text[:1], l.text[1:]
	case '{', '}':
		t.kind, t.text, l.text = c, l.text[:1], l.text[1:]
	case '"':
		body, rest, closed := bytes.Cut(l.text[1:], []byte{'"'})
		if !closed {
			t.kind, t.text, l.text = '?', l.text[:1], nil
			return t
		}
		l.line += bytes.Count(body, []byte{'\n'})
		t.kind, t.text, l.text = tokenQuoted, body, rest
	default:
		n := bytes.IndexAny(l.text, lexBreak)
		if n < 0 {
			n = len(l.text)
		}
		if n > 1 && l.text[n-1] == '\r' && n < len(l.text) && l.text[n] == '\n' {
			n-- // the return of a file that was written elsewhere
		}
		t.kind, t.text, l.text = tokenWord, l.text[:n], l.text[n:]
		if len(bytes.Trim(t.text, "0123456789")) == 0 {
			t.kind = tokenNumber
		}
	}
	return t
}

// skip passes over blanks, lines that go on, and comments. A comment ends before the end of a statement, which may be a
// semicolon inside what was meant as a remark.
func (l *lexer) skip() {
	for {
		l.text = bytes.TrimLeft(l.text, " \t")
		switch {
		case l.begins("\\\n"):
			l.line++
			l.text = l.text[2:]
		case l.begins("\\\r\n"):
			l.line++
			l.text = l.text[3:]
		case l.begins("\r\n"):
			l.text = l.text[1:]
		case l.begins("#"):
			n := bytes.IndexAny(l.text, ";\n")
			if n < 0 {
				n = len(l.text)
			}
			l.text = l.text[n:]
		default:
			return
		}
	}
}

func (l *lexer) begins(with string) bool { return bytes.HasPrefix(l.text, []byte(with)) }
