package cgd

import (
	"context"
	"strings"
	"testing"
	"time"
)

// steps is a clock that moves by a list of steps at every second look, the last one again and again.
func steps(list ...time.Duration) func() time.Duration {
	var now time.Duration
	looks := 0
	return func() time.Duration {
		if looks%2 == 1 {
			now += list[min(looks/2, len(list)-1)]
		}
		looks++
		return now
	}
}

// TestTunePBKDF2: the iterations are those that would take the target on a machine of known speed.
func TestTunePBKDF2(t *testing.T) {
	ms := time.Millisecond
	for _, c := range []struct {
		clock func() time.Duration
		n     int // bytes of the key
		want  int
	}{
		{steps(250 * ms), 16, 8 * 4096},
		{steps(250 * ms), 32, 4 * 4096}, // two blocks
		{steps(2000 * ms), 16, 4096},
		{steps(100*ms, 200*ms, 400*ms), 20, 5 * 4 * 4096},
		{steps(time.Hour), 16, 1000}, // a machine from long ago
	} {
		tuner := Tuner{clock: c.clock}
		if got, err := tuner.pbkdf2(context.Background(), c.n); err != nil || got != c.want {
			t.Errorf("got %d, %v; want %d", got, err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := new(Tuner).pbkdf2(ctx, 16); err != context.Canceled {
		t.Errorf("cancelled: got %v, want %v", err, context.Canceled)
	}
}

// TestTuneArgon2: first the memory is halved until one pass is short enough, then passes are doubled.
func TestTuneArgon2(t *testing.T) {
	ms := time.Millisecond
	for _, c := range []struct {
		clock              func() time.Duration
		memory, iterations int
		tries              int
	}{
		{steps(100*ms, 200*ms, 400*ms, 800*ms, 1600*ms), 8192, 16, 5},
		{steps(4000*ms, 2000*ms, 900*ms, 1800*ms), 2048, 2, 4},
		{steps(time.Hour), 512, 1, 5}, // no more than four halvings
	} {
		var progress strings.Builder
		tuner := Tuner{clock: c.clock, Memory: 8192 << 10, Progress: &progress}
		var g Keygen
		g.Salt = bitsOf(make([]byte, 16))
		if err := tuner.argon2(context.Background(), &g, 32); err != nil || g.Memory != c.memory || g.Iterations != c.iterations {
			t.Errorf("got %d KiB, %d passes, %v; want %d, %d", g.Memory, g.Iterations, err, c.memory, c.iterations)
		}
		want := "calibrating argon2id parameters..." + strings.Repeat(".", c.tries) + " done\n"
		if progress.String() != want {
			t.Errorf("progress: got %q, want %q", progress.String(), want)
		}
	}
}

// TestTuneForReal: a key takes about the time that was asked for. The bounds are wide: the machine is not ours alone.
func TestTuneForReal(t *testing.T) {
	const target = 200 * time.Millisecond
	tuner := Tuner{Target: target}
	n, err := tuner.pbkdf2(context.Background(), 16)
	if err != nil {
		t.Fatal(err)
	}
	start := threadTime()
	if start == 0 {
		t.Skip("this host does not tell the processor time of a thread")
	}
	wall := time.Now()
	if _, err := pbkdf2(context.Background(), []byte("x"), make([]byte, 16), n, 16, 1); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(wall); took < target/10 {
		t.Errorf("%d iterations take %v, want about %v", n, took, target)
	}
}
