package cgd

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"sync"

	"golang.org/x/crypto/argon2"
)

// pbkdf2 is the function of RFC 8018, section 5.2, with HMAC-SHA1. Its blocks are counted from first, which should be 1.
// They are made side by side. Cancelling ctx ends it.
func pbkdf2(ctx context.Context, passphrase, salt []byte, iterations, length int, first uint32) ([]byte, error) {
	blocks := (length + sha1.Size - 1) / sha1.Size
	key := make([]byte, blocks*sha1.Size)
	block := func(i int) {
		pbkdf2Block(ctx, hmac.New(sha1.New, passphrase), salt, iterations, first+uint32(i), key[i*sha1.Size:][:sha1.Size])
	}
	var others sync.WaitGroup
	for i := 1; i < blocks; i++ {
		others.Go(func() { block(i) })
	}
	block(0) // by this thread: see Tuner
	others.Wait()
	if err := ctx.Err(); err != nil {
		clear(key)
		return nil, err
	}
	clear(key[length:])
	return key[:length], nil
}

// pbkdf2Block makes one block. What it has made when ctx ends is of no use.
func pbkdf2Block(ctx context.Context, prf hash.Hash, salt []byte, iterations int, number uint32, out []byte) {
	u := binary.BigEndian.AppendUint32(append(make([]byte, 0, len(salt)+4), salt...), number)
	prf.Write(u)
	u = prf.Sum(u[:0])
	copy(out, u)
	for i := 1; i < iterations; i++ {
		if i%4096 == 0 && ctx.Err() != nil {
			break
		}
		prf.Reset()
		prf.Write(u)
		u = prf.Sum(u[:0])
		for j := range out {
			out[j] ^= u[j]
		}
	}
	clear(u)
}

// argon2Version is the one that there is a library for: 1.3.
const argon2Version = 0x13

// checkArgon2 refuses what cannot be computed, before any memory is taken.
func checkArgon2(g *Keygen) error {
	switch memory := hostMemory(); {
	case g.Version != argon2Version:
		return fmt.Errorf("keygen argon2id: version %d, but only %d is known", g.Version, argon2Version)
	case g.Parallelism > 255:
		return fmt.Errorf("keygen argon2id: parallelism %d, but at most 255 is known", g.Parallelism)
	case int64(g.Memory) > memory>>10:
		return fmt.Errorf("keygen argon2id: memory %d KiB, but this machine has %d", g.Memory, memory>>10)
	}
	return nil
}

// argon2Key is Argon2id of RFC 9106 without a secret or associated data.
func argon2Key(g *Keygen, passphrase []byte, length int) ([]byte, error) {
	if err := checkArgon2(g); err != nil {
		return nil, err
	}
	return argon2.IDKey(passphrase, g.Salt.Data, uint32(g.Iterations), uint32(g.Memory), uint8(g.Parallelism), uint32(length)), nil
}

// hkdfExpand is the second half of RFC 5869 with SHA-256.
func hkdfExpand(key, info []byte, length int) []byte {
	prf := hmac.New(sha256.New, key)
	var out, t []byte
	for i := byte(1); len(out) < length; i++ {
		prf.Reset()
		prf.Write(t)
		prf.Write(info)
		prf.Write([]byte{i})
		t = prf.Sum(nil)
		out = append(out, t...)
	}
	return out[:length]
}
