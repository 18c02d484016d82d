package cgd

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"

	"rump/rumpfs/blockdev"
)

// OpenOptions are what a caller of Open may say. The zero value serves parameters that need no passphrase.
type OpenOptions struct {
	Keys *KeyMaker // who makes the key

	Name   string       // of the disk below, as prompts name it
	Verify string       // method, instead of that of the parameters
	Once   bool         // do not ask again after a wrong passphrase
	Warn   func(string) // hears that a passphrase is asked for again; nil is nobody
}

const reenterPrompt = "re-enter device's passphrase:"

// Open makes the disk that p describes from the one below, with the key that FindKey finds. On error the disk below is
// still open, and nothing was written to it.
func Open(ctx context.Context, below blockdev.Device, p *Params, o OpenOptions) (*Disk, error) {
	key, err := FindKey(ctx, below, p, o)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	return New(below, p.Cipher, key)
}

// FindKey makes the key that p describes and finds out whether it is right, which p also says how to do. After a
// passphrase that was not, it asks again unless it is told not to. The caller wipes the key.
func FindKey(ctx context.Context, below blockdev.Device, p *Params, o OpenOptions) ([]byte, error) {
	method := p.Verify
	if o.Verify != "" {
		method = o.Verify
	}
	if err := o.check(method); err != nil {
		return nil, err
	}
	for {
		key, err := o.try(ctx, below, p, method)
		var wrong *VerifyError
		if !errors.As(err, &wrong) {
			return key, err
		}
		if o.Once || !wrong.mayRetry() || !p.AsksPassphrase() {
			return nil, fmt.Errorf("verification failed permanently: %w", err)
		}
		if o.Warn != nil {
			o.Warn("verification failed, please reenter passphrase")
		}
	}
}

func (o *OpenOptions) check(method string) error {
	if o.Keys == nil {
		o.Keys = new(KeyMaker)
	}
	for _, m := range verifyMethods {
		if m == method {
			return nil
		}
	}
	return unknown("verify method", method, verifyMethods)
}

// try makes the key of the next passphrase and looks at the disk that it makes.
func (o *OpenOptions) try(ctx context.Context, below blockdev.Device, p *Params, method string) ([]byte, error) {
	key, err := o.key(ctx, p, method == verifyReenter)
	if err != nil {
		return nil, err
	}
	d, err := New(below, p.Cipher, key)
	if err == nil {
		err = Verify(d, method)
		d.Detach()
	}
	if err != nil {
		clear(key)
		o.Keys.Wipe()
		return nil, err
	}
	return key, nil
}

// key makes the key, and those parts of it that come from a passphrase twice if they are to be held against each other.
func (o *OpenOptions) key(ctx context.Context, p *Params, twice bool) ([]byte, error) {
	parts, err := o.Keys.parts(ctx, p, o.Name+"'s passphrase:", func(*Keygen) bool { return true })
	if err != nil {
		return nil, err
	}
	if !twice {
		return combine(p, parts)
	}
	o.Keys.Wipe() // so that shared keys are asked for again too
	again, err := o.Keys.parts(ctx, p, reenterPrompt, (*Keygen).asksPassphrase)
	defer wipeAll(again)
	if err == nil && !samePassphrases(p, parts, again) {
		o.Keys.Wipe()
		err = &VerifyError{verifyReenter, "the passphrases differ"}
	}
	if err != nil {
		wipeAll(parts)
		return nil, err
	}
	return combine(p, parts)
}

// samePassphrases holds the second keys against those of the first that come from a passphrase.
func samePassphrases(p *Params, parts, again []*Bits) bool {
	for i := range p.Keygens {
		if !p.Keygens[i].asksPassphrase() {
			continue
		}
		if subtle.ConstantTimeCompare(parts[i].Data, again[0].Data) != 1 {
			return false
		}
		again = again[1:]
	}
	return true
}
