package cgd

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
)

// maxParams is how long a parameters file may be, bytes. Real ones have some hundreds.
const maxParams = 1 << 20

// ReadParams reads and checks a parameters file of the host. Errors name the file.
func ReadParams(path string) (*Params, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxParams+1))
	if err != nil {
		return nil, err
	}
	defer clear(text) // it may hold a key
	if len(text) > maxParams {
		return nil, fmt.Errorf("%s: longer than %d bytes: no parameters file", path, maxParams)
	}
	p, err := ParseParams(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// ParseParams reads the text of a parameters file (cgdconfig(8)) and checks it. Later statements replace earlier ones;
// those that begin with keygen add up. Errors name the line. Nothing of text is kept.
func ParseParams(text []byte) (*Params, error) {
	p := parser{lex: lexer{text, 1}, params: new(Params)}
	p.advance()
	for p.tok.kind != tokenEnd {
		if err := p.rule(); err != nil {
			p.params.Wipe()
			return nil, err
		}
	}
	if p.old != nil || p.xor != nil {
		p.params.Keygens = append(p.oldKeygens(), p.params.Keygens...)
	}
	if err := p.params.Check(); err != nil {
		p.params.Wipe()
		return nil, err
	}
	return p.params, nil
}

// A parser has read the file up to the token tok, which is not used yet.
type parser struct {
	lex    lexer
	tok    token
	params *Params
	old    *Keygen // of the statements keygen_method, keygen_salt and keygen_iterations, from before there were blocks
	xor    *Bits   // of the statement xor_key
	xorAt  int     // line of it
}

func (p *parser) advance() { p.tok = p.lex.next() }

// syntax is the error that the token makes no sense where it stands.
func (p *parser) syntax(wanted string) error {
	at := fmt.Sprintf("'%s'", p.tok.text)
	switch {
	case p.tok.kind == tokenEnd:
		at = "the end of the file"
	case string(p.tok.text) == "\n":
		at = "the end of the line"
	case len(p.tok.text) > 40:
		at = fmt.Sprintf("'%.40s...'", p.tok.text)
	}
	return atLine(p.tok.line, fmt.Errorf("syntax error at %s: want %s", at, wanted))
}

// eol takes the end of a statement. The end of the file is one.
func (p *parser) eol() error {
	if p.tok.kind != tokenEOL && p.tok.kind != tokenEnd {
		return p.syntax("a semicolon")
	}
	p.advance()
	return nil
}

// isString reports that the token may be used as a string.
func (p *parser) isString() bool {
	return p.tok.kind == tokenWord || p.tok.kind == tokenNumber || p.tok.kind == tokenQuoted
}

// str takes a string.
func (p *parser) str(what string) (string, error) {
	if !p.isString() {
		return "", p.syntax(what)
	}
	s := string(p.tok.text)
	p.advance()
	return s, nil
}

// strEOL takes a string and the end of the statement.
func (p *parser) strEOL(what string) (string, error) {
	s, err := p.str(what)
	if err != nil {
		return "", err
	}
	return s, p.eol()
}

// intEOL takes a number and the end of the statement.
func (p *parser) intEOL() (int, error) {
	if p.tok.kind != tokenNumber {
		return 0, p.syntax("a number")
	}
	n, err := strconv.ParseUint(string(p.tok.text), 10, 64)
	if err != nil || n > math.MaxInt32 {
		return 0, atLine(p.tok.line, fmt.Errorf("%.40s is too large", p.tok.text))
	}
	p.advance()
	return int(n), p.eol()
}

// bitsEOL takes strings, which are one text in base64, and the end of the statement.
func (p *parser) bitsEOL(what string) (*Bits, error) {
	line := p.tok.line
	var text []byte
	if !p.isString() {
		return nil, p.syntax(what + " in base64")
	}
	for p.isString() {
		text = append(text, p.tok.text...)
		p.advance()
	}
	if err := p.eol(); err != nil {
		return nil, err
	}
	b, err := parseBits(text)
	clear(text)
	if err != nil {
		return nil, atLine(line, fmt.Errorf("%s: %w", what, err))
	}
	return b, nil
}

// rule takes one statement.
func (p *parser) rule() error {
	if p.tok.kind == tokenEOL {
		p.advance()
		return nil
	}
	if p.tok.kind != tokenWord {
		return p.syntax("a statement")
	}
	word := p.tok
	p.advance()
	var err error
	switch string(word.text) {
	case "algorithm":
		p.params.Algorithm, err = p.strEOL("an algorithm")
	case "iv-method":
		p.params.IVMethod, err = p.strEOL("an IV method")
	case "verify_method":
		p.params.Verify, err = p.strEOL("a verify method")
	case "keylength":
		p.params.KeyLength, err = p.positive()
	case "blocksize": // cgdconfig -b writes it and does not read it
		p.params.BlockSize, err = p.positive()
	case "keygen":
		err = p.keygen(word.line)
	case "keygen_method", "keygen_salt", "keygen_iterations", "xor_key":
		err = p.oldRule(word)
	default:
		p.tok = word
		return p.syntax("algorithm, iv-method, keylength, verify_method or keygen")
	}
	return err
}

// positive takes a number from 1 and the end of the statement: 0 would stand for what is not there.
func (p *parser) positive() (int, error) {
	line := p.tok.line
	n, err := p.intEOL()
	if err == nil && n == 0 {
		err = atLine(line, errors.New("0 bits are none"))
	}
	return n, err
}

// keygen takes what follows the word: the method, one statement or a block of them, and the end. A statement brings its
// own end, so that one without a block has two: a semicolon and the end of the line.
func (p *parser) keygen(line int) error {
	method, err := p.str("a key generation method")
	if err != nil {
		return err
	}
	p.params.Keygens = append(p.params.Keygens, Keygen{Method: method, line: line})
	g := &p.params.Keygens[len(p.params.Keygens)-1]
	if p.tok.kind != '{' {
		if err := p.keygenVar(g); err != nil {
			return err
		}
		return p.eol()
	}
	p.advance()
	for p.tok.kind != '}' {
		if p.tok.kind == tokenEnd {
			return p.syntax("a closing brace of the keygen in line " + strconv.Itoa(line))
		}
		if err := p.keygenVar(g); err != nil {
			return err
		}
	}
	p.advance()
	return p.eol()
}

// keygenVar takes a statement of a keygen.
func (p *parser) keygenVar(g *Keygen) error {
	if p.tok.kind == tokenEOL || p.tok.kind == tokenEnd {
		p.advance()
		return nil
	}
	const wanted = "salt, iterations, memory, parallelism, version, key, cmd or shared"
	if p.tok.kind != tokenWord {
		return p.syntax(wanted)
	}
	word := p.tok
	p.advance()
	var err error
	switch string(word.text) {
	case "salt":
		g.Salt, err = p.bitsEOL("salt")
	case "key":
		g.Key.wipe()
		g.Key, err = p.bitsEOL("key")
	case "cmd":
		g.Cmd, err = p.strEOL("a command")
	case "iterations":
		err = p.unlessZero(&g.Iterations)
	case "memory":
		err = p.unlessZero(&g.Memory)
	case "parallelism":
		err = p.unlessZero(&g.Parallelism)
	case "version":
		err = p.unlessZero(&g.Version)
	case "shared":
		g.Shared, err = p.shared()
	default:
		p.tok = word
		return p.syntax(wanted)
	}
	return err
}

// unlessZero takes a number and the end of the statement; 0 leaves what was said before.
func (p *parser) unlessZero(to *int) error {
	n, err := p.intEOL()
	if n > 0 {
		*to = n
	}
	return err
}

// shared takes what follows the word: an identifier, `algorithm` with its name, and `subkey` with its bits.
func (p *parser) shared() (*Shared, error) {
	var s Shared
	var err error
	if s.ID, err = p.str("the name of a shared key"); err != nil {
		return nil, err
	}
	if err := p.keyword("algorithm"); err != nil {
		return nil, err
	}
	if s.Algorithm, err = p.str("an algorithm"); err != nil {
		return nil, err
	}
	if err := p.keyword("subkey"); err != nil {
		return nil, err
	}
	s.Subkey, err = p.bitsEOL("subkey")
	return &s, err
}

func (p *parser) keyword(word string) error {
	if p.tok.kind != tokenWord || string(p.tok.text) != word {
		return p.syntax(word)
	}
	p.advance()
	return nil
}
