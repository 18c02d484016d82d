package cgd

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	printIndent = 8  // blanks before the statements of a keygen
	printWidth  = 50 // column behind which base64 goes on in the next line
)

// String is the text of a parameters file, as cgdconfig -g writes it.
func (p *Params) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "algorithm %s;\niv-method %s;\nkeylength %d;\n", p.Algorithm, p.IVMethod, p.KeyLength)
	if p.BlockSize != 0 {
		fmt.Fprintf(&b, "blocksize %d;\n", p.BlockSize)
	}
	fmt.Fprintf(&b, "verify_method %s;\n", p.Verify)
	for i := range p.Keygens {
		p.Keygens[i].print(&b)
	}
	return b.String()
}

// WriteTo writes the text. It refuses what could not be read again.
func (p *Params) WriteTo(w io.Writer) (int64, error) {
	for _, g := range p.Keygens {
		if strings.Contains(g.Cmd, `"`) || g.Shared != nil && strings.Contains(g.Shared.ID, `"`) {
			return 0, errors.New(`a parameters file cannot hold a quotation mark in a command or a name`)
		}
	}
	n, err := io.WriteString(w, p.String())
	return int64(n), err
}

func (g *Keygen) print(b *strings.Builder) {
	switch {
	case g.isRandom():
		fmt.Fprintf(b, "keygen %s;\n", g.Method)
		return
	case g.Method == storedKey && g.Shared == nil:
		head := "keygen storedkey "
		b.WriteString(head)
		printBits(b, len(head), "key", g.Key)
		return
	}
	fmt.Fprintf(b, "keygen %s {\n", g.Method)
	indent := strings.Repeat(" ", printIndent)
	for _, n := range []struct {
		name  string
		value int
	}{{"iterations", g.Iterations}, {"memory", g.Memory}, {"parallelism", g.Parallelism}, {"version", g.Version}} {
		if n.value != 0 {
			fmt.Fprintf(b, "%s%s %d;\n", indent, n.name, n.value)
		}
	}
	for _, bits := range []struct {
		name  string
		value *Bits
	}{{"salt", g.Salt}, {"key", g.Key}} {
		if bits.value != nil {
			b.WriteString(indent)
			printBits(b, printIndent, bits.name, bits.value)
		}
	}
	if g.Cmd != "" {
		fmt.Fprintf(b, "%scmd \"%s\";\n", indent, g.Cmd)
	}
	if s := g.Shared; s != nil {
		fmt.Fprintf(b, "%sshared \"%s\" \\\n%s    algorithm %s \\\n%s    ", indent, s.ID, indent, s.Algorithm, indent)
		printBits(b, printIndent+4, "subkey", s.Subkey)
	}
	b.WriteString("};\n")
}

// printBits writes a statement whose word stands at a column, its base64 in lines that begin below each other.
func printBits(b *strings.Builder, column int, word string, bits *Bits) {
	b.WriteString(word)
	b.WriteByte(' ')
	column += len(word) + 1
	text := bits.String()
	for per := printWidth + 1 - column; len(text) > per; text = text[per:] {
		fmt.Fprintf(b, "%s \\\n%s", text[:per], strings.Repeat(" ", column))
	}
	fmt.Fprintf(b, "%s;\n", text)
}
