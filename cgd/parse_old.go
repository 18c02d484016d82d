package cgd

// oldIterations is what files without keygen_iterations mean.
const oldIterations = 128

// oldRule takes a statement from before keygens had blocks. Together they are one keygen.
func (p *parser) oldRule(word token) error {
	var err error
	if string(word.text) == "xor_key" {
		p.xor.wipe()
		p.xorAt = word.line
		p.xor, err = p.bitsEOL("xor_key")
		return err
	}
	if p.old == nil {
		p.old = &Keygen{Iterations: oldIterations, line: word.line}
	}
	switch string(word.text) {
	case "keygen_method":
		p.old.Method, err = p.strEOL("a key generation method")
	case "keygen_salt":
		p.old.Salt, err = p.bitsEOL("keygen_salt")
	case "keygen_iterations":
		err = p.unlessZero(&p.old.Iterations)
	}
	return err
}

// oldKeygens are the keygens that the old statements stand for; they come before all others.
func (p *parser) oldKeygens() []Keygen {
	var all []Keygen
	if p.xor != nil {
		all = append(all, Keygen{Method: storedKey, Key: p.xor, line: p.xorAt})
	}
	if p.old != nil {
		if !p.old.asksPassphrase() {
			p.old.Iterations = 0
		}
		all = append(all, *p.old)
	}
	return all
}
