package cgd

import (
	"context"
	"crypto/sha1"
	"fmt"
	"io"
	"math"
	"runtime"
	"time"
)

// A Tuner finds how much work fits into a time. The zero value is what cgdconfig(8) does.
type Tuner struct {
	Target   time.Duration // for one key: processor time of PBKDF2, 0 is 2 s; elapsed time of Argon2id, 0 is 1 s
	Memory   int64         // bytes that Argon2id takes at most; 0 is about a hundredth of the machine's
	Progress io.Writer     // shown a dot for each try of Argon2id; nil is nobody

	clock func() time.Duration // nil is the one that fits
}

func (t *Tuner) clockOr(other func() time.Duration) func() time.Duration {
	if t.clock != nil {
		return t.clock
	}
	return other
}

const (
	minIterations = 1000 // however slow the machine is
	pbkdf2Start   = 4096 // iterations of the first try
)

// pbkdf2 finds how many iterations take the target for a key of n bytes. It measures runs of growing length until one
// takes an eighth of the target, and reckons from there.
func (t *Tuner) pbkdf2(ctx context.Context, n int) (int, error) {
	target := t.Target
	if target == 0 {
		target = 2 * time.Second
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	blocks := (n + sha1.Size - 1) / sha1.Size
	passphrase, salt := make([]byte, 16), make([]byte, saltBytes)
	clock := t.clockOr(threadTime)
	for iterations := pbkdf2Start; ; iterations *= 2 {
		start := clock()
		if _, err := pbkdf2(ctx, passphrase, salt, iterations, 1, 1); err != nil {
			return 0, err
		}
		took := (clock() - start) * time.Duration(blocks)
		if took >= target/8 {
			return max(minIterations, int(float64(iterations)*float64(target)/float64(took))), nil
		}
		if iterations > 1<<28 {
			return 0, fmt.Errorf("could not calibrate %s: the clock does not move", pbkdf2Old)
		}
	}
}

const (
	argon2MinMemory = 256 // KiB
	argon2Halvings  = 4   // of the memory, at most
)

// argon2 finds memory and passes for a key of n bytes: as much memory as one pass fills within the target, then as many
// passes as reach it.
func (t *Tuner) argon2(ctx context.Context, g *Keygen, n int) error {
	target := t.Target
	if target == 0 {
		target = time.Second
	}
	start := time.Now()
	clock := t.clockOr(func() time.Duration { return time.Since(start) })
	memory := t.Memory / 1024
	if memory == 0 {
		memory = hostMemory() / 100000
	}
	g.Version, g.Parallelism, g.Iterations = argon2Version, min(runtime.NumCPU(), 255), 1
	g.Memory = int(min(max(memory, argon2MinMemory), math.MaxInt32))
	t.show("calibrating argon2id parameters...")
	defer t.show(" done\n")
	passphrase := make([]byte, 16)
	for halved := 0; ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		before := clock()
		key, err := argon2Key(g, passphrase, n)
		if err != nil {
			return err
		}
		clear(key)
		t.show(".")
		enough := clock()-before >= target
		switch {
		case enough && g.Iterations == 1 && halved < argon2Halvings && g.Memory/2 >= argon2MinMemory:
			g.Memory /= 2
			halved++
		case enough || g.Iterations > 1<<20:
			return nil
		default:
			g.Iterations *= 2
			halved = argon2Halvings // memory fits
		}
	}
}

func (t *Tuner) show(s string) {
	if t.Progress != nil {
		io.WriteString(t.Progress, s)
	}
}
