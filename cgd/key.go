package cgd

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"os/exec"
)

// maxPassphrase is how long a passphrase may be, bytes: what cgdconfig(8) reads of one.
const maxPassphrase = 1023

// A KeyMaker makes the keys that parameters describe. It remembers those that several disks share until it is wiped.
type KeyMaker struct {
	// Ask asks a person for a passphrase and returns it without the end of the line. The answer is overwritten.
	Ask func(ctx context.Context, prompt string) ([]byte, error)

	// Random is where random keys come from; nil is the system's generator.
	Random io.Reader

	shared map[string][]byte // by name
}

// Key makes the key of p: keylength bits. The prompt is shown for each passphrase. The caller wipes the key.
func (m *KeyMaker) Key(ctx context.Context, p *Params, prompt string) ([]byte, error) {
	parts, err := m.parts(ctx, p, prompt, func(*Keygen) bool { return true })
	if err != nil {
		return nil, err
	}
	return combine(p, parts)
}

// parts makes the keys of those keygens that are wanted.
func (m *KeyMaker) parts(ctx context.Context, p *Params, prompt string, wanted func(*Keygen) bool) ([]*Bits, error) {
	var parts []*Bits
	for i := range p.Keygens {
		g := &p.Keygens[i]
		if !wanted(g) {
			continue
		}
		part, err := m.contribution(ctx, g, p.KeyLength, prompt)
		if err != nil {
			wipeAll(parts)
			return nil, atLine(g.line, err)
		}
		parts = append(parts, part)
	}
	return parts, nil
}

func wipeAll(parts []*Bits) {
	for _, b := range parts {
		b.wipe()
	}
}

// combine adds up the keys of all keygens and overwrites them.
func combine(p *Params, parts []*Bits) ([]byte, error) {
	defer wipeAll(parts)
	if len(parts) == 0 {
		return nil, errors.New("no keygen: nothing makes the key")
	}
	key := parts[0].clone()
	for _, part := range parts[1:] {
		sum := xorBits(key, part)
		key.wipe()
		key = sum
	}
	n := p.keyBytes()
	if key.N < p.KeyLength {
		key.wipe()
		return nil, fmt.Errorf("the key made has %d bits, but the key length of %s is %d", key.N, p.Algorithm, p.KeyLength)
	}
	clear(key.Data[n:])
	return key.Data[:n:n], nil
}

// Wipe forgets the shared keys.
func (m *KeyMaker) Wipe() {
	for id, key := range m.shared {
		clear(key)
		delete(m.shared, id)
	}
}

// xorBits adds two keys. The sum is as long as the longer one, and zero where the shorter one ends: so has the
// genuine program done it, and so are its disks.
func xorBits(a, b *Bits) *Bits {
	sum := &Bits{max(a.N, b.N), make([]byte, max(len(a.Data), len(b.Data)))}
	subtle.XORBytes(sum.Data, a.Data, b.Data)
	return sum
}

// contribution is the key of one keygen, bits long or, if it is stored, as it is stored.
func (m *KeyMaker) contribution(ctx context.Context, g *Keygen, bits int, prompt string) (*Bits, error) {
	if g.Shared == nil {
		return m.make(ctx, g, bits, prompt)
	}
	master, err := m.sharedKey(ctx, g, prompt)
	if err != nil {
		return nil, err
	}
	return &Bits{bits, hkdfExpand(master, g.Shared.Subkey.Data, (bits+7)/8)}, nil
}

// sharedKey makes the key that disks share, or remembers it.
func (m *KeyMaker) sharedKey(ctx context.Context, g *Keygen, prompt string) ([]byte, error) {
	if key := m.shared[g.Shared.ID]; key != nil {
		return key, nil
	}
	key, err := m.make(ctx, g, sharedBytes*8, prompt)
	if err != nil {
		return nil, err
	}
	if len(key.Data) != sharedBytes {
		key.wipe()
		return nil, fmt.Errorf("shared key %q has %d bits, want %d", g.Shared.ID, key.N, sharedBytes*8)
	}
	if m.shared == nil {
		m.shared = map[string][]byte{}
	}
	m.shared[g.Shared.ID] = key.Data
	return key.Data, nil
}

func (m *KeyMaker) make(ctx context.Context, g *Keygen, bits int, prompt string) (*Bits, error) {
	n := (bits + 7) / 8
	var key []byte
	var err error
	switch g.Method {
	case pbkdf2SHA1, pbkdf2Old, argon2id:
		key, err = m.fromPassphrase(ctx, g, n, prompt)
	case storedKey:
		return g.Key.clone(), nil
	case randomKey, urandomKey:
		key, err = m.random(n)
	case shellCmd:
		key, err = fromShell(ctx, g.Cmd, n)
	default:
		err = unknown("key generation method", g.Method, keygenMethods)
	}
	if err != nil {
		return nil, err
	}
	return &Bits{bits, key}, nil
}

func (m *KeyMaker) fromPassphrase(ctx context.Context, g *Keygen, n int, prompt string) ([]byte, error) {
	if g.Method == argon2id {
		if err := checkArgon2(g); err != nil {
			return nil, err // before anybody types
		}
	}
	if m.Ask == nil {
		return nil, errors.New("a passphrase is needed, and there is nobody to ask")
	}
	passphrase, err := m.Ask(ctx, prompt)
	if err != nil {
		return nil, err
	}
	defer clear(passphrase)
	if len(passphrase) > maxPassphrase {
		return nil, fmt.Errorf("the passphrase is longer than %d bytes", maxPassphrase)
	}
	switch g.Method {
	case pbkdf2SHA1:
		return pbkdf2(ctx, passphrase, g.Salt.Data, g.Iterations, n, 1)
	case pbkdf2Old:
		return pbkdf2(ctx, passphrase, g.Salt.Data, g.Iterations, n, 0)
	}
	return argon2Key(g, passphrase, n)
}

func (m *KeyMaker) random(n int) ([]byte, error) {
	r := m.Random
	if r == nil {
		r = rand.Reader
	}
	key := make([]byte, n)
	_, err := io.ReadFull(r, key)
	return key, err
}

// fromShell is what a command prints: at least n bytes, of which the first n are the key.
func fromShell(ctx context.Context, command string, n int) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	key := make([]byte, n)
	got, err := io.ReadFull(out, key)
	out.Close()
	waitErr := cmd.Wait()
	if err != nil {
		clear(key)
		why := ""
		if waitErr != nil {
			why = " (" + waitErr.Error() + ")"
		}
		return nil, fmt.Errorf("keygen shell_cmd: %q printed %d bytes, want %d%s", command, got, n, why)
	}
	return key, nil // a command that goes on printing dies of the closed pipe, which is no failure
}
