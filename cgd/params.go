package cgd

import (
	"errors"
	"fmt"
	"slices"
)

// Params are what a parameters file says: the cipher, how its key is made, and how one finds out that it is right.
type Params struct {
	Cipher
	Verify  string // one of VerifyMethods; "" is "none"
	Keygens []Keygen

	// Warnings are what is odd about the file but does no harm.
	Warnings []string
}

// A Keygen makes a key. The keys of all are XORed.
type Keygen struct {
	Method      string // one of KeygenMethods
	Iterations  int    // pkcs5_pbkdf2, pkcs5_pbkdf2/sha1, argon2id
	Memory      int    // argon2id: KiB
	Parallelism int    // argon2id: lanes
	Version     int    // argon2id: 19 is version 1.3
	Salt        *Bits  // those of a passphrase
	Key         *Bits  // storedkey
	Cmd         string // shell_cmd: for /bin/sh
	Shared      *Shared

	line int // where it begins in its file
}

// Shared makes a key of its own for each disk from one that is made only once.
type Shared struct {
	ID        string // which one
	Algorithm string // "hkdf-hmac-sha256"
	Subkey    *Bits  // what is different from disk to disk
}

// Ways to make a key.
const (
	pbkdf2SHA1  = "pkcs5_pbkdf2/sha1"
	pbkdf2Old   = "pkcs5_pbkdf2" // counts its blocks from 0 instead of 1
	argon2id    = "argon2id"
	storedKey   = "storedkey"
	randomKey   = "randomkey"
	urandomKey  = "urandomkey"
	shellCmd    = "shell_cmd"
	hkdfSHA256  = "hkdf-hmac-sha256"
	sharedBytes = 32 // length of a key that is made only once
)

var keygenMethods = []string{pbkdf2SHA1, pbkdf2Old, argon2id, storedKey, randomKey, urandomKey, shellCmd}

// KeygenMethods are the known ways to make a key.
func KeygenMethods() []string { return slices.Clone(keygenMethods) }

// asksPassphrase reports that a person has to type something.
func (g *Keygen) asksPassphrase() bool {
	return g.Method == pbkdf2SHA1 || g.Method == pbkdf2Old || g.Method == argon2id
}

// isRandom reports that it makes another key each time.
func (g *Keygen) isRandom() bool { return g.Method == randomKey || g.Method == urandomKey }

// AsksPassphrase reports that a passphrase is needed to make the key.
func (p *Params) AsksPassphrase() bool {
	return slices.ContainsFunc(p.Keygens, func(g Keygen) bool { return g.asksPassphrase() })
}

// Wipe overwrites the keys that stood in the file.
func (p *Params) Wipe() {
	for i := range p.Keygens {
		p.Keygens[i].Key.wipe()
	}
}

// Check replaces what is left out by defaults and refuses what makes no disk. What a way to make keys does not need
// becomes a warning.
func (p *Params) Check() error {
	var err error
	if p.Cipher, _, err = p.Cipher.complete(); err != nil {
		return err
	}
	if p.Verify == "" {
		p.Verify = verifyNone
	}
	if !slices.Contains(verifyMethods, p.Verify) {
		p.warn(0, "unrecognized verify method %q, known are %s: taken for none", p.Verify, list(verifyMethods))
		p.Verify = verifyNone
	}
	if len(p.Keygens) == 0 {
		return errors.New("no keygen: nothing makes the key")
	}
	for i := range p.Keygens {
		if err := p.checkKeygen(&p.Keygens[i]); err != nil {
			return atLine(p.Keygens[i].line, err)
		}
	}
	return nil
}

func (p *Params) warn(line int, format string, a ...any) {
	p.Warnings = append(p.Warnings, atLine(line, fmt.Errorf(format, a...)).Error())
}

// atLine names the line of an error, if it has one.
func atLine(line int, err error) error {
	if line == 0 {
		return err
	}
	return fmt.Errorf("line %d: %w", line, err)
}

// need is a field of a keygen.
type need struct {
	name    string // with its article
	present bool
	by      []string // methods that cannot do without it; others do not look at it
}

func (p *Params) checkKeygen(g *Keygen) error {
	if !slices.Contains(keygenMethods, g.Method) {
		return unknown("key generation method", g.Method, keygenMethods)
	}
	passphrase := []string{pbkdf2SHA1, pbkdf2Old, argon2id}
	for _, n := range []need{
		{"`iterations'", g.Iterations > 0, passphrase},
		{"`memory'", g.Memory > 0, []string{argon2id}},
		{"`parallelism'", g.Parallelism > 0, []string{argon2id}},
		{"`version'", g.Version > 0, []string{argon2id}},
		{"a salt", g.Salt != nil, passphrase},
		{"a key", g.Key != nil, []string{storedKey}},
		{"a `cmd'", g.Cmd != "", []string{shellCmd}},
	} {
		wanted := slices.Contains(n.by, g.Method)
		if wanted && !n.present {
			return fmt.Errorf("keygen %s must provide %s", g.Method, n.name)
		}
		if !wanted && n.present {
			p.warn(g.line, "keygen %s does not need %s", g.Method, n.name)
		}
	}
	if g.Shared == nil {
		return nil
	}
	if g.isRandom() {
		return fmt.Errorf("keygen %s makes no sense shared", g.Method)
	}
	if g.Shared.Algorithm != hkdfSHA256 {
		return unknown("shared key derivation algorithm", g.Shared.Algorithm, []string{hkdfSHA256})
	}
	return nil
}
