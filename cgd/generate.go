package cgd

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
)

const saltBytes = 16 // of a new salt

// GenerateOptions are what new parameters may differ in.
type GenerateOptions struct {
	Cipher
	Verify  string   // "" is none
	Methods []string // ways to make the key, XORed; none is pkcs5_pbkdf2/sha1
	Tuner   Tuner    // how long making a key may take
}

// Generate makes parameters with salts and keys of their own, and with as many iterations as take the time that the
// tuner allows on this machine.
func Generate(ctx context.Context, o GenerateOptions) (*Params, error) {
	p := &Params{Cipher: o.Cipher, Verify: o.Verify}
	var err error
	if p.Cipher, _, err = p.Cipher.complete(); err != nil {
		return nil, err
	}
	if o.Verify != "" && !slices.Contains(verifyMethods, o.Verify) {
		return nil, unknown("verify method", o.Verify, verifyMethods)
	}
	if len(o.Methods) == 0 {
		o.Methods = []string{pbkdf2SHA1}
	}
	for _, method := range o.Methods {
		g, err := newKeygen(ctx, method, p.keyBytes(), &o.Tuner)
		if err != nil {
			return nil, err
		}
		p.Keygens = append(p.Keygens, g)
	}
	return p, p.Check()
}

// newKeygen makes one way to make keys of n bytes.
func newKeygen(ctx context.Context, method string, n int, t *Tuner) (Keygen, error) {
	g := Keygen{Method: method}
	var err error
	switch method {
	case pbkdf2SHA1, pbkdf2Old:
		g.Salt = bitsOf(randomBytes(saltBytes))
		g.Iterations, err = t.pbkdf2(ctx, n)
	case argon2id:
		g.Salt = bitsOf(randomBytes(saltBytes))
		err = t.argon2(ctx, &g, n)
	case storedKey:
		g.Key = bitsOf(randomBytes(n))
	case randomKey, urandomKey:
	case shellCmd:
		err = errors.New("keygen shell_cmd: the command is for you to write into the file")
	default:
		err = unknown("key generation method", method, keygenMethods)
	}
	return g, err
}

func randomBytes(n int) []byte {
	p := make([]byte, n)
	rand.Read(p) // never fails
	return p
}

// Rekey makes parameters for the disk of p with new ways to make the same key: those of o, and a stored key that is the
// difference between what they make and what p makes. The cipher is p's, the verify method too unless o has one. Both
// the old passphrases and the new ones are asked for.
func Rekey(ctx context.Context, p *Params, keys *KeyMaker, o GenerateOptions) (*Params, error) {
	if o.Verify == "" {
		o.Verify = p.Verify
	}
	o.Cipher = p.Cipher
	if slices.ContainsFunc(p.Keygens, func(g Keygen) bool { return g.isRandom() }) ||
		slices.ContainsFunc(o.Methods, func(m string) bool { return m == randomKey || m == urandomKey }) {
		return nil, errors.New("can't preserve randomly generated key")
	}
	next, err := Generate(ctx, o)
	if err != nil {
		return nil, err
	}
	defer keys.Wipe()
	oldKey, err := keys.Key(ctx, p, "old file's passphrase:")
	if err != nil {
		return nil, fmt.Errorf("old key: %w", err)
	}
	defer clear(oldKey)
	newKey, err := keys.Key(ctx, next, "new file's passphrase:")
	if err != nil {
		return nil, fmt.Errorf("new key: %w", err)
	}
	for i := range newKey {
		newKey[i] ^= oldKey[i]
	}
	next.Keygens = append(next.Keygens, Keygen{Method: storedKey, Key: bitsOf(newKey)})
	return next, nil
}
