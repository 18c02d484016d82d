package dev

import (
	"context"
	"crypto/rand"
	"syscall"
)

// Major and minor numbers of the character devices of this file.
const (
	MemoryMajor = 2
	NullMinor   = 2
	ZeroMinor   = 12

	RandomMajor  = 255
	RandomMinor  = 0
	URandomMinor = 1
)

// Memory is the driver of null and zero.
func Memory() Driver {
	return Units{
		NullMinor: func() Device { return null{} },
		ZeroMinor: func() Device { return zero{} },
	}
}

// Random is the driver of random and urandom, which are the same.
func Random() Driver {
	open := func() Device { return random{} }
	return Units{RandomMinor: open, URandomMinor: open}
}

// null is empty, and takes everything.
type null struct{}

func (null) Read(context.Context, []byte, int64) (int, error)        { return 0, nil }
func (null) Write(_ context.Context, p []byte, _ int64) (int, error) { return len(p), nil }
func (null) Close() error                                            { return nil }
func (null) Refusal() error                                          { return syscall.ENODEV }

// zero is zeros without end, and takes everything.
type zero struct{ null }

func (zero) Read(_ context.Context, p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}

// random is random bytes of the host. What is written to it changes nothing.
type random struct{ null }

func (random) Read(_ context.Context, p []byte, _ int64) (int, error) { return rand.Read(p) }
func (random) Refusal() error                                         { return syscall.ENOTTY }
